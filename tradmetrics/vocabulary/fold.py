"""The vocabulary of closed labels: brokers' spellings of side, order type, status and severity, folded into one.

`side`, `order_type`, `order_status`, `trade_status` and `severity` take a value of any type, return the canonical word
(see `tradmetrics.catalogue`) or None when they do not recognise it, and never raise. Spellings match by case-folded
text in which `-`, `_` and blanks are equal. The `.value` of an enum is read before its name.

Without a dialect only what means the same everywhere is recognised, and never a bare number or a FIX letter: 2 is
`filled` to FIX and denied to NautilusTrader. A dialect adds one broker's own spellings on top. A canonical word,
spelled as in the catalogue, stands for itself in every dialect.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, NamedTuple

from tradmetrics.catalogue import ORDER_STATUSES, ORDER_TYPES, SEVERITIES, SIDES, TRADE_STATUSES
from tradmetrics.errors import ConfigurationError
from tradmetrics.model.text import shown
from tradmetrics.vocabulary import words as spellings
from tradmetrics.vocabulary.words import CLOSED, UNCHANGED

_FILLED_ENOUGH: Final = 1 - 1e-9  # a sum of float quantities may fall short of the whole by rounding
_LONGEST: Final = 64  # no spelling is longer, so nothing longer is worth folding

_registering: Final = threading.Lock()
_dialects: tuple[str, ...] = spellings.DIALECTS


class _Table(NamedTuple):
    exact: dict[str, str]
    folded: dict[str, str]


class _Words:
    """The spellings of one closed label, by dialect."""

    def __init__(
        self, words: tuple[str, ...], declared: spellings.Declared, prefix: tuple[str, str] = ("", "")
    ) -> None:
        self.words = words
        self._prefix, self._prefix_word = prefix
        self._layers = {
            dialect: {spelling: word for word, each in table.items() for spelling in each}
            for dialect, table in declared.items()
        }
        self._own: dict[str | None, dict[str, str]] = {}
        self._tables: dict[str | None, _Table] = {}

    def find(self, value: object, dialect: str | None = None) -> str | None:
        """Return the word that `value` spells, or None."""
        try:
            table = self._tables.get(dialect) or self.table(dialect)
            if type(value) is str:
                return table.exact.get(value) or self._fold(value, table)
            if isinstance(value, Enum):
                return self._fold(_text(value.value), table) or self._fold(value.name, table)
            return self._fold(_text(value), table)
        except Exception:  # a value whose __str__, __class__ or the like raises spells nothing
            return None

    def _fold(self, text: str, table: _Table) -> str | None:
        if len(text) > _LONGEST:
            return None
        folded = _folded(text)
        word = table.exact.get(text) or table.folded.get(folded)
        if word is None and self._prefix and folded.startswith(self._prefix):
            return self._prefix_word
        return word

    def add(self, own: dict[str, str], dialect: str | None) -> None:
        """Add a user's spellings, one call at a time; a reader meanwhile sees the old table or the new one."""
        self._own[dialect] = self._own.get(dialect, {}) | own
        self._tables = {}

    def table(self, dialect: str | None) -> _Table:
        """Return a dialect's table, built when first needed: a program speaks to one broker or two."""
        if dialect is not None and dialect not in _dialects:
            return self.table(None)
        tables = self._tables  # taken before building: what is built while spellings are added goes with the old ones
        if dialect not in tables:
            tables[dialect] = self._build(dialect)
        return tables[dialect]

    def _build(self, dialect: str | None) -> _Table:
        # Later layers win: a broker's own meaning over the general one, a user's over ours.
        spelled: dict[str, str] = {}
        for each in (None, dialect):
            spelled |= self._layers.get(each, {}) | self._own.get(each, {})
        canonical = {word: word for word in self.words}
        folded = {_folded(spelling): word for spelling, word in (canonical | spelled).items()}
        cases = {case: word for spelling, word in spelled.items() for case in (spelling.lower(), spelling.upper())}
        return _Table(cases | spelled | canonical, folded)


def _folded(text: str) -> str:
    return " ".join(text.casefold().replace("-", " ").replace("_", " ").split())


def _text(value: Any) -> str:
    if isinstance(value, str):
        return str.__str__(value)  # the text itself, whatever a subclass prints
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, bytes):
        return value[: _LONGEST + 1].decode()  # FIX libraries hand fields as bytes
    return str(int(value)) if isinstance(value, int) else str(value)


_LABELS: Final = {
    "side": _Words(SIDES, spellings.SIDE),
    "order_type": _Words(ORDER_TYPES, spellings.ORDER_TYPE, prefix=("trail", "TRAILING_STOP")),
    "status": _Words((*TRADE_STATUSES, UNCHANGED), spellings.STATUS),
    "severity": _Words(SEVERITIES, spellings.SEVERITY),
}
_side, _order_type, _status, _severity = (words.find for words in _LABELS.values())
_position_side: Final = _Words(SIDES, spellings.POSITION_SIDE).find
_NOT_OF_ORDERS: Final = {CLOSED, *TRADE_STATUSES} - {*ORDER_STATUSES}
_OPEN: Final = frozenset({"submitted", "accepted", "partially_filled", UNCHANGED})


def side(value: object, dialect: str | None = None, *, opens_position: bool = False) -> str | None:
    """Return the side that `value` spells: `BUY`, `SELL`, `unknown`, or None when it is not recognised.

    Args:
        value: A broker's spelling, of any type.
        dialect: One of `dialects()`, or None.
        opens_position: True where the call opens a position: only then `LONG` is a `BUY` and `SHORT` a `SELL`.
    """
    word = _side(value, dialect)
    return _position_side(value) if word is None and opens_position else word


def order_type(value: object, dialect: str | None = None) -> str | None:
    """Return the order type that `value` spells, or None when it is not recognised (callers record `OTHER`).

    Whatever begins with `TRAIL` is a `TRAILING_STOP`.

    Args:
        value: A broker's spelling, of any type.
        dialect: One of `dialects()`, or None.
    """
    return _order_type(value, dialect)


def order_status(
    value: object, dialect: str | None = None, *, filled: object = None, quantity: object = None
) -> str | None:
    """Return the state of an order that `value` spells, `UNCHANGED`, or None when it is not recognised.

    Quantities win over the word: an order filled to its quantity is `filled` whatever it is called, an open one that
    is filled in part is `partially_filled`. ccxt's `closed` is `filled` or `cancelled` by its quantities alone, and
    not recognised without them. A filled quantity of 0 contradicts no other word: brokers also report it while they
    do not know.

    Args:
        value: A broker's spelling, of any type.
        dialect: One of `dialects()`, or None.
        filled: Cumulative filled quantity: a number or its text, in any unit, the sign ignored; None if not reported.
        quantity: The order's quantity, in the unit of `filled`.
    """
    word = _status(value, dialect)
    if filled is not None:
        word = _by_quantity(word, _number(filled), _number(quantity))
    return None if word in _NOT_OF_ORDERS else word


def _by_quantity(word: str | None, filled: float | None, quantity: float | None) -> str | None:
    if filled is None:
        return word
    if quantity and filled >= quantity * _FILLED_ENOUGH:
        return "filled"
    if word == CLOSED and quantity:
        return "cancelled"
    if filled and (word in _OPEN or (word == "filled" and quantity)):
        return "partially_filled"
    return word


def _number(value: Any) -> float | None:
    try:
        number = abs(float(value))
        return number if math.isfinite(number) else None
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
    """Return the names of the dialects: `fix`, `ccxt`, `alpaca`, `ib`, `nautilus`, `kite`, and those registered."""
    return _dialects


def check_dialect(name: str | None) -> str | None:
    """Return `name` when it is None or one of `dialects()`; for use when decorating or configuring.

    Raises:
        ConfigurationError: When there is no such dialect, naming the nearest.
    """
    if name is None or name in _dialects:
        for words in _LABELS.values():
            words.table(name)  # so that no order waits for it
        return name
    raise ConfigurationError(f"there is no dialect {name!r}; {_advice(name, _dialects)}")


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
    global _dialects
    given = {"side": side, "order_type": order_type, "status": status, "severity": severity}
    checked = {label: _checked(label, own) for label, own in given.items() if own is not None}
    if dialect is not None and (not isinstance(dialect, str) or not dialect.strip()):
        raise ConfigurationError(f"dialect={dialect!r}: a dialect is a name, e.g. 'inhouse'")
    if dialect is not None and checked.get("severity"):
        raise ConfigurationError(f"severity has no dialects; register it in a call without dialect={dialect!r}")
    with _registering:
        for label, own in checked.items():
            _LABELS[label].add(own, dialect)
        if dialect is not None and dialect not in _dialects:
            _dialects = (*_dialects, dialect)


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
            or not 0 < len(_text(spelling)) <= _LONGEST
        ):
            raise ConfigurationError(f"{label}: {spelling!r} is no spelling; write text of 1 to {_LONGEST} characters")
        if not isinstance(word, str) or word not in words:
            raise ConfigurationError(f"{label}: {spelling!r} cannot mean {word!r}; {_advice(word, words)}")
        if spelling in words and spelling != word:
            raise ConfigurationError(
                f"{label}: {spelling!r} is a canonical word and stands for itself, not for {word!r}"
            )
        checked[_text(spelling)] = word
    return checked


def _advice(wrong: object, right: tuple[str, ...]) -> str:
    import difflib  # only a mistake needs it

    by_folded = {_folded(word): word for word in right}
    near = difflib.get_close_matches(_folded(_text(wrong)), by_folded, n=1, cutoff=0.4)
    return (
        f"did you mean {by_folded[near[0]]!r}? There are: {', '.join(right)}"
        if near
        else f"write one of {', '.join(right)}"
    )
