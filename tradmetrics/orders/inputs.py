"""The values that callers hand in, read once and before any lock: ids, quantities and times of any type."""

from __future__ import annotations

from typing import Any, Final

from tradmetrics.vocabulary.numbers import is_missing, number_of
from tradmetrics.vocabulary.times import YEAR_2000, seconds_of

__all__ = ["LARGEST", "LONGEST_ID", "YEAR_2000", "id_of", "is_missing", "price_of", "quantity_of", "time_of"]

LONGEST_ID: Final = 256
"""No broker's ids are longer, so a longer text is not an id."""
LARGEST: Final = 1e100
"""Far beyond any quantity, price or time, and far enough from overflow that sums and products stay finite."""


def id_of(value: object) -> str | None:
    """Return an order's or a fill's id as text: `7` and `"7"` are the same one.

    Args:
        value: A text, a whole number, bytes, or an object whose class says how it reads (`UUID`, a broker's own id
            class).

    Returns:
        The id, or None for anything else: None, a float, a container, an object with the default `repr`.

    Raises:
        Exception: The exception of the value's own `__str__`, if it raises.
    """
    if type(value) is str:
        text = value
    elif value is None or isinstance(value, bool):
        return None
    elif isinstance(value, str):
        text = str.__str__(value)
    elif isinstance(value, int):
        text = str(int(value))
    elif isinstance(value, bytes):
        text = value[: LONGEST_ID + 1].decode("utf-8", "replace")
    elif type(value).__str__ is object.__str__:
        return None
    else:
        text = str.__str__(str(value))
    return text if text and len(text) <= LONGEST_ID and not text.isspace() else None


def quantity_of(value: object) -> float | None:
    """Return a quantity of 0 or more, without the sign that some brokers give it by the side.

    Args:
        value: A number, a Decimal, a text that spells a number, or a missing value.

    Raises:
        ValueError: If it is not a finite number.
        TypeError: If its type cannot be read as a number.
    """
    return None if is_missing(value) else abs(price_of(value))


def price_of(value: object) -> float:
    """Return a price, which may be negative.

    Raises:
        ValueError: If it is not a finite number.
        TypeError: If its type cannot be read as a number.
    """
    if type(value) is not float:
        if isinstance(value, bool):
            raise TypeError(f"{value} is not a number")
        value = number_of(value)
    if not -LARGEST < value < LARGEST:
        raise ValueError(f"{value} is not finite, or absurdly large")
    return value


def time_of(value: Any, scale: float = 1.0) -> float:
    """Return seconds: of a number of units of `scale` seconds, a datetime or its ISO text (a naive one is in UTC).

    Raises:
        ValueError: When it is not finite, or no number.
        TypeError: If its type cannot be read as a time.
    """
    if isinstance(value, (float, bool)):
        return price_of(value) * scale
    return price_of(seconds_of(value, scale))
