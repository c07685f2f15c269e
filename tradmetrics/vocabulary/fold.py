"""The vocabulary of closed labels: brokers' spellings of side, order type, status and severity, folded into one.

`side`, `order_type`, `order_status`, `trade_status` and `severity` take a value of any type, return the canonical word
(see `tradmetrics.catalogue`) or None when they do not recognise it, and never raise. Spellings match by case-folded
text without `-`, `_` and blanks. The `.value` of an enum is read before its name.

Without a dialect, a word is recognised only if it means the same everywhere. A bare number or a FIX letter is not: 2
is `filled` to FIX and denied to NautilusTrader. A dialect adds one broker's own spellings on top. A canonical word,
spelled as in the catalogue, stands for itself in every dialect. A status that no table has is an end by its ending:
`reduceOnlyCanceled` is `cancelled`, and `cancel_rejected` leaves the order as it was.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final

from tradmetrics.catalogue import ORDER_TYPES, SEVERITIES, SIDES, TRADE_STATUSES
from tradmetrics.errors import ConfigurationError
from tradmetrics.model.text import shown
from tradmetrics.vocabulary import words as spellings
from tradmetrics.vocabulary.numbers import number_of
from tradmetrics.vocabulary.tables import LONGEST, Words, by_beginning, by_ending, dialect_names, folded_text, text_in
from tradmetrics.vocabulary.words import CLOSED, UNCHANGED

FILLED_ENOUGH: Final = 1 - 1e-9  # a sum of float quantities may fall short of the whole by rounding

_registering: Final = threading.Lock()

_LABELS: Final = {
    "side": Words(SIDES, spellings.SIDE),
    "order_type": Words(ORDER_TYPES, spellings.ORDER_TYPE, by_beginning),
    "status": Words((*TRADE_STATUSES, UNCHANGED, CLOSED), spellings.STATUS, by_ending),
    "severity": Words(SEVERITIES, spellings.SEVERITY),
}
_side, _order_type, _status, _severity = (words.find for words in _LABELS.values())
_position_side: Final = Words(SIDES, spellings.POSITION_SIDE).find
_OF_ORDERS: Final = {"executed": "filled", "failed": "rejected"}  # words of trades, about an order
_OPEN: Final = frozenset({"submitted", "accepted", "partially_filled", UNCHANGED})


def side(value: object, dialect: str | None = None, *, opens_position: bool = False) -> str | None:
    """Return the side that `value` spells: `BUY`, `SELL`, `unknown`, or None when it is not recognised.

    Args:
        value: A broker's spelling, of any type.
        dialect: One of `dialects()`, or None.
        opens_position: True where the call opens a position: only then `LONG` is a `BUY` and `SHORT` a `SELL`.
    """
    word = _side(value, dialect)
    return _position_side(value) or word if word in (None, "unknown") and opens_position else word


def order_type(value: object, dialect: str | None = None) -> str | None:
    """Return the order type that `value` spells, or None when it is not recognised (callers record `OTHER`).

    Words that begin with `TRAIL` are `TRAILING_STOP`.

    Args:
        value: A broker's spelling, of any type.
        dialect: One of `dialects()`, or None.
    """
    return _order_type(value, dialect)


def order_status(
    value: object, dialect: str | None = None, *, filled: object = None, quantity: object = None
) -> str | None:
    """Return the state of an order that `value` spells, `UNCHANGED`, or None when it is not recognised.

    `filled` ends an order whatever its quantities. Otherwise quantities win over the word: an order filled to its
    quantity is `filled` whatever it is called, an open one that is filled in part is `partially_filled`. `closed`,
    `done`, `finished` and `archive` are `filled` or `cancelled` by the quantities alone, and not recognised without
    them. A filled quantity of 0 contradicts no other word: brokers also report it while they do not know.

    Args:
        value: A broker's spelling, of any type.
        dialect: One of `dialects()`, or None.
        filled: Cumulative filled quantity: a number or its text, in any unit, the sign ignored; None if not reported.
        quantity: The order's quantity, in the unit of `filled`.
    """
    word = _status(value, dialect)
    word = _OF_ORDERS.get(word, word) if word is not None else None
    if filled is not None:
        word = _by_quantity(word, _number(filled), _number(quantity))
    return None if word == CLOSED else word


def _by_quantity(word: str | None, filled: float | None, quantity: float | None) -> str | None:
    if filled is None:
        return word
    if quantity and filled >= quantity * FILLED_ENOUGH:
        return "filled"
    if word == CLOSED and quantity:
        return "cancelled"
    if filled and word in _OPEN:
        return "partially_filled"
    return word


def _number(value: Any) -> float | None:
    try:
        return abs(number_of(value))
    except Exception:  # no number, or an object that fails to be one
        return None


def trade_status(value: object, dialect: str | None = None) -> str | None:
    """Return the status of a trade that `value` spells: an order's, `executed` or `failed`; None if not recognised.

    Args:
        value: A broker's spelling, of any type.
        dialect: One of `dialects()`, or None.
    """
    word = _status(value, dialect)
    return None if word in (CLOSED, UNCHANGED) else word


def severity(value: object) -> str | None:
    """Return the severity that `value` spells (`WARN`, `fatal`, syslog's words), or None when it is not recognised."""
    return _severity(value)


def dialects() -> tuple[str, ...]:
    """Return the names of the dialects: `fix`, `ccxt`, `alpaca`, `binance`, … and those that you registered."""
    return tuple(dialect_names)


def check_dialect(name: str | None) -> str | None:
    """Return `name` when it is None or one of `dialects()`; for use when decorating or configuring.

    Raises:
        ConfigurationError: When there is no such dialect, naming the nearest.
    """
    if name is None or name in dialect_names:
        for words in _LABELS.values():
            words.table(name)  # so that no order waits for it
        return name
    raise ConfigurationError(f"there is no dialect {name!r}; {_advice(name, dialects())}")


def register_spellings(
    *,
    side: Mapping[str | int, str] | None = None,
    order_type: Mapping[str | int, str] | None = None,
    status: Mapping[str | int, str] | None = None,
    severity: Mapping[str | int, str] | None = None,
    dialect: str | None = None,
) -> None:
    """Teach the vocabulary your own spellings; call it once, before decorating.

    Example:
        ```python
        register_spellings(side={"L": "BUY", "K": "SELL"}, status={"WORKING": "accepted"})
        register_spellings(side={1: "BUY", -1: "SELL"}, dialect="inhouse")
        ```

    Your spellings win over the built-in ones of the same dialect, and those of a dialect over those without one.
    Either all of them are added or, on an error, none.

    Args:
        side: Your spelling → `BUY`, `SELL` or `unknown`.
        order_type: Your spelling → one of `catalogue.ORDER_TYPES`.
        status: Your spelling → one of `catalogue.TRADE_STATUSES`, or `UNCHANGED` for what leaves an order as it was.
        severity: Your spelling → one of `catalogue.SEVERITIES`. Severities have no dialects.
        dialect: One of `dialects()`, or a new name, which then is a dialect like the others; None: for every broker.

    Raises:
        ConfigurationError: When a word is not canonical (the nearest is named) or a spelling cannot be one.
    """
    given = {"side": side, "order_type": order_type, "status": status, "severity": severity}
    checked = {label: _checked(label, own) for label, own in given.items() if own is not None}
    if dialect is not None and (not isinstance(dialect, str) or not dialect.strip()):
        raise ConfigurationError(f"dialect={dialect!r}: a dialect is a name, e.g. 'inhouse'")
    if dialect is not None and checked.get("severity"):
        raise ConfigurationError(f"severity has no dialects; register it in a call without dialect={dialect!r}")
    with _registering:
        for label, own in checked.items():
            _LABELS[label].add(own, dialect)
        if dialect is not None and dialect not in dialect_names:
            dialect_names.append(dialect)


def _checked(label: str, own: Mapping[str | int, str]) -> dict[str, str]:
    words = _LABELS[label].words
    if not isinstance(own, Mapping):
        raise ConfigurationError(
            f"{label}={shown(own)}: a mapping of your spellings to words, e.g. {{'…': {words[0]!r}}}"
        )
    checked = {}
    for spelling, word in own.items():
        if (
            isinstance(spelling, bool)
            or not isinstance(spelling, str | int)
            or not 0 < len(text_in(spelling)) <= LONGEST
        ):
            raise ConfigurationError(
                f"{label}: {spelling!r} cannot be a spelling; write text of 1 to {LONGEST} characters"
            )
        if not isinstance(word, str) or word not in words:
            raise ConfigurationError(f"{label}: {spelling!r} cannot mean {word!r}; {_advice(word, words)}")
        if spelling in words and spelling != word:
            raise ConfigurationError(
                f"{label}: {spelling!r} is a canonical word and stands for itself, not for {word!r}"
            )
        checked[text_in(spelling)] = word
    return checked


def _advice(wrong: object, right: tuple[str, ...]) -> str:
    import difflib  # only a mistake needs it

    by_folded = {folded_text(word): word for word in right}
    near = difflib.get_close_matches(folded_text(text_in(wrong)), by_folded, n=1, cutoff=0.4)
    return (
        f"did you mean {by_folded[near[0]]!r}? There are: {', '.join(right)}"
        if near
        else f"write one of {', '.join(right)}"
    )
