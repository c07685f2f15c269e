"""Amounts: numbers that a metric may take, and nothing else."""

from __future__ import annotations

import math
import re
import sys
from datetime import timedelta
from typing import Final

from tradmetrics.model.definition import Kind
from tradmetrics.model.missing import MISSING
from tradmetrics.model.text import MAX_LENGTH, shown


def is_false(value: object) -> bool:
    """Whether a value is False: Python's, or numpy's, which comparisons of arrays' elements give."""
    return value is False or (type(value).__name__ in ("bool", "bool_") and not value)


def is_truth_value(value: object) -> bool:
    """Whether a value is True or False: Python's or numpy's."""
    return type(value).__name__ in ("bool", "bool_")


class Switch:
    """A truth value as a number, 1 or 0, read when it is recorded: asking for it may fail."""

    __slots__ = ("_on",)

    def __init__(self, on: object) -> None:
        self._on = on

    def __float__(self) -> float:
        return 1.0 if self._on else 0.0


class NotNegative:
    """A number that makes no sense below zero, read when it is recorded; within `slack` of it, it is zero."""

    __slots__ = ("_slack", "_value")

    def __init__(self, value: object, *, slack: float = 0.0) -> None:
        self._value = value
        self._slack = slack

    def __float__(self) -> float:
        number = number_of(self._value)
        if number < -self._slack:
            raise ValueError(f"{number} is negative")
        return max(number, 0.0)


class MissingValue(ValueError):  # noqa: N818 - it is not an error
    """A field without a value. `TradingMetrics.fault` does not count it."""


_MISSING: Final = frozenset({"", "-", "--", "\N{EN DASH}", "\N{EM DASH}", "n/a", "na", "none", "null"})
_NO_VALUES: Final = frozenset({"NAType", "NaTType"})
"""The classes of pandas' `NA` and `NaT`."""
_UNSET: Final = sys.float_info.max
"""Interactive Brokers' `UNSET_DOUBLE`: the P&L of an opening trade, the limit price of a market order."""
_MINUS: Final = "\N{MINUS SIGN}"
# 1,234.5 and 1,234,567: one comma alone may be a decimal comma. India writes 12,34,567.
_THOUSANDS: Final = re.compile(
    r"[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]+|[0-9]{1,3}(?:,[0-9]{3}){2,}|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}(?:\.[0-9]+)?)",
    re.ASCII,
)
_IN_BRACKETS: Final = re.compile(r"\(\s*([0-9][0-9,]*(?:\.[0-9]+)?)\s*\)", re.ASCII)


def is_missing(value: object) -> bool:
    """Return True for what venues write into a field that has no value.

    That is None, a blank text, `-`, `N/A`, pandas' `NA` and `NaT`, and the largest float, which Interactive Brokers
    writes.
    """
    # `isinstance` reads `__class__`, which some objects refuse.
    if value is None or value is MISSING:
        return True
    if type(value) is float:
        return value == _UNSET
    if not issubclass(type(value), str):
        return type(value).__name__ in _NO_VALUES
    if str.__len__(value) > MAX_LENGTH:  # type: ignore[arg-type]
        return False
    return str.strip(value).lower() in _MISSING  # type: ignore[arg-type]


def number_of(value: object) -> float:
    """Return a finite float: from a number, a Decimal, a text that spells a number, or a timedelta's seconds.

    `1,234.5` is read. An accountant's `(12.50)` is negative, as is a text with the minus sign U+2212. `1,234` is
    refused, because the comma may stand for the thousands or for the decimal point.

    Raises:
        MissingValue: If it is a missing value; see `is_missing`.
        ValueError: If it is not finite, or a text that spells no number.
        TypeError: If its type cannot be read as a number. True and False cannot.
    """
    if type(value) is float:
        number = value
    elif type(value) is int:
        number = float(value)
    elif isinstance(value, timedelta):
        number = value.total_seconds()
    elif isinstance(value, str):
        number = _number_in(value)
    elif value is None or value is MISSING or type(value).__name__ in _NO_VALUES:
        raise MissingValue("the value is missing")
    elif is_truth_value(value):
        raise TypeError(f"{value!r} is not a number")
    elif isinstance(value, bytes | bytearray) and len(value) > MAX_LENGTH:
        raise ValueError(f"a text of {len(value):,} characters is not a number")
    else:
        number = float(value)  # type: ignore[arg-type]
    if not -_UNSET < number < _UNSET:
        if number == _UNSET:
            raise MissingValue("the value is missing")
        if not math.isfinite(number):
            raise ValueError(f"{number} is not finite")
    return number


def _number_in(text: str) -> float:
    if len(text) > MAX_LENGTH:
        raise ValueError(f"a text of {len(text):,} characters is not a number")
    try:
        return float(text)
    except ValueError:
        if is_missing(text):
            raise MissingValue("the value is missing") from None
    plain = str.strip(text).replace(_MINUS, "-", 1)
    bracketed = _IN_BRACKETS.fullmatch(plain)
    if bracketed:
        plain = f"-{bracketed[1]}"
    if _THOUSANDS.fullmatch(plain):
        plain = plain.replace(",", "")
    try:
        return float(plain)
    except ValueError:
        why = "; the comma may stand for the thousands or for the decimal point" if _is_ambiguous(plain) else ""
        raise ValueError(f"{shown(text)} is not a number{why}: write digits, such as 1234.5") from None


def _is_ambiguous(text: str) -> bool:
    return text.count(",") == 1 and text.replace(",", "").lstrip("+-").isdecimal()


def amount_of(value: object, kind: Kind) -> float:
    """Return a finite float that a metric of this kind may take; a counter's is not negative.

    Raises:
        MissingValue: If it is a missing value.
        ValueError: If it is not finite, spells no number, or is negative for a counter.
        TypeError: If its type cannot be read as a number.
    """
    number = number_of(value)
    if number < 0 and kind == "counter":
        raise ValueError(f"{number} is negative, and a counter only goes up")
    return number
