"""Values that a label may receive: the intended names, and hostile values."""

from __future__ import annotations

import math
from datetime import timezone
from typing import Any, Final

from hypothesis import strategies as st

from tradmetrics.model.text import MAX_LENGTH, OTHER, UNKNOWN
from tradmetrics.testing.hostile import ENUMS, MAKERS, FlagEnum

_Strategy = st.SearchStrategy[Any]

NAMES: Final = ("gamma_scalping", "iron_condor", "NIFTY24600CE", "BRK.B", "BTC/USDT", "BUY", "sell", "LIMIT", "filled")
"""Ordinary values."""

_TRAPS: Final = (
    *("", " ", "\t\n", "\x00", "stop\x00loss", "\x1b[31mred", "line\nbreak", "\u2028", "\u202egnp.exe", "\ufeffBUY"),
    *("\ud800", "half \udfff a pair", "\U0001f4c8", "e\u0301", "\N{FULLWIDTH LATIN CAPITAL LETTER B}UY", "\xa0BUY\xa0"),
    *(OTHER, UNKNOWN, "None", "nan", "+Inf", "True", "1", "1.0", "01", "٣"),
    *('"', "\\", '\\"', "{", '"} 1\nforged_total{x="', "# HELP", ",", "a=b", "'; DROP TABLE orders; --"),
    *("x" * MAX_LENGTH, "x" * (MAX_LENGTH + 1), " " * 1_000 + "BUY"),
)
_NASTY: Final = '\x00\t\n\r\x1b\x7f\x85\xa0\u200b\u2028\u202e\ufeff\ud800\udfff"\\{},=aB1 \N{CHART WITH UPWARDS TREND}'
# Made when it is drawn: hypothesis shows a strategy with all that it is made of.
_MEGABYTE: Final = st.sampled_from(["x", "\x00", "\N{GREEK SMALL LETTER ALPHA}"]).map(lambda letter: letter * 1_000_000)
_IDENTIFIERS: Final[tuple[_Strategy, ...]] = (
    st.uuids().map(str),
    st.uuids().map(lambda each: each.hex),
    st.uuids().map(lambda each: f"order-{each}"),
    st.integers(10**12, 10**19).map(str),
    st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=25, max_size=25).map(lambda digits: f"0{digits}"),
    st.datetimes(timezones=st.just(timezone.utc)).map(lambda each: each.isoformat()),
    st.integers(0, 10**6).map(lambda number: f"trader{number}@example.com"),
)
# The first ones are equal to one another, and different as labels.
_NUMBERS: Final = (1, True, 1.0, 0, False, -0.0, 0.0, -1, math.nan, math.inf, -math.inf, 10**400)
_MEMBERS: Final = (*(member for enum in ENUMS for member in enum), FlagEnum.FILL | FlagEnum.KILL)


def _one_kind_of(*kinds: _Strategy) -> _Strategy:
    # Like st.one_of, which takes apart the unions that it is given: a kind of many sorts would be drawn most often.
    places = st.integers(0, len(kinds) - 1)

    @st.composite
    def one(draw: st.DrawFn) -> Any:
        return draw(kinds[draw(places)])

    return one()


_TEXT_KINDS: Final = (
    st.sampled_from(NAMES),
    st.text("abc", max_size=2),
    st.text(st.characters()),
    st.text(_NASTY, max_size=4),
    st.sampled_from(_TRAPS),
    st.one_of(_IDENTIFIERS),
    _MEGABYTE,
)
_TEXTS: Final = _one_kind_of(*_TEXT_KINDS)
_NONE_AND_NUMBERS: Final = st.one_of(
    st.none(), st.sampled_from(_NUMBERS), st.integers(), st.floats(), st.decimals(), st.fractions()
)
_OTHERS: Final = st.one_of(
    st.binary(),
    st.binary().map(bytearray),
    st.sampled_from(_MEMBERS),
    st.datetimes(),
    st.uuids(),
    st.lists(st.integers(), max_size=2),
    st.sets(st.integers(), max_size=2),
    st.tuples(st.sampled_from(NAMES), st.none()),
    st.dictionaries(st.sampled_from(NAMES), st.none(), max_size=2),
)
_HOSTILE: Final = st.sampled_from(MAKERS).map(lambda make: make())
# Two in five are texts. In one step, because each takes about as long as the call that the value is for.
_VALUES: Final = _one_kind_of(
    *(2 * _TEXT_KINDS), *(each for each in (_NONE_AND_NUMBERS, _OTHERS, _HOSTILE) for _ in _TEXT_KINDS)
)


def texts() -> st.SearchStrategy[str]:
    """Draw texts: names, traps, identifiers, megabytes, and any text, surrogates included."""
    return _TEXTS


def label_values() -> st.SearchStrategy[object]:
    """Draw what a label's value may come as, hostile values included.

    Drawn are: ordinary names; text that is empty, megabytes long, or holds NUL, control characters, lone surrogates,
    quotes and line breaks; identifiers (UUIDs, ULIDs, order numbers, timestamps, e-mail addresses); None, numbers of
    every type, bytes, members of all kinds of enums, containers that cannot be hashed; and objects whose `__str__`,
    `__hash__`, `__eq__`, `__bool__` or `__getattr__` raise or lie.

    Example:
        ```python
        from hypothesis import given
        from tradmetrics.testing import label_values


        @given(label_values())
        def test_any_reason_can_be_recorded(reason):
            reject(reason)
        ```
    """
    return _VALUES
