"""Amounts: numbers that a metric may take, and nothing else."""

from __future__ import annotations

import math

from tradmetrics.definition import Kind


class Switch:
    """A truth value as a number, 1 or 0, read when it is recorded: asking for it may fail."""

    __slots__ = ("_on",)

    def __init__(self, on: object) -> None:
        self._on = on

    def __float__(self) -> float:
        return 1.0 if self._on else 0.0


def number_of(value: object) -> float:
    """Return a finite float: from a number, a Decimal, or a text that spells a number.

    Raises:
        ValueError: When it is not finite, or no number.
        TypeError: When it is nothing that could be a number.
    """
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
