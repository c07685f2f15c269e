"""Amounts: numbers that a metric may take, and nothing else."""

from __future__ import annotations

import math
from datetime import timedelta

from tradmetrics.model.definition import Kind
from tradmetrics.model.text import MAX_LENGTH


def is_false(value: object) -> bool:
    """Whether a value is False: Python's, or numpy's, which comparisons of arrays' elements give."""
    return value is False or (type(value).__name__ in ("bool", "bool_") and not value)


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


def number_of(value: object) -> float:
    """Return a finite float: from a number, a Decimal, a text that spells a number, or a timedelta's seconds.

    Raises:
        ValueError: When it is not finite, or no number.
        TypeError: When it is nothing that could be a number.
    """
    if type(value) is float:
        number = value
    elif isinstance(value, timedelta):
        number = value.total_seconds()
    elif isinstance(value, str | bytes | bytearray) and len(value) > MAX_LENGTH:
        raise ValueError(f"a text of {len(value):,} characters is no number")
    else:
        number = float(value)  # type: ignore[arg-type]
    if not math.isfinite(number):
        raise ValueError(f"{number} is not finite")
    return number


def amount_of(value: object, kind: Kind) -> float:
    """Return a finite float that a metric of this kind may take; a counter's is not negative.

    Raises:
        ValueError: When it is not finite, no number, or negative for a counter.
        TypeError: When it is nothing that could be a number.
    """
    number = number_of(value)
    if number < 0 and kind == "counter":
        raise ValueError(f"{number} is negative, and a counter only goes up")
    return number
