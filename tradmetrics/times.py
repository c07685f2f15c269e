"""Times as they come: in one of a few units, or as a datetime."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Final, Literal

from tradmetrics.values import number_of

Unit = Literal["s", "ms", "us", "ns"]
UNITS: Final[dict[str, float]] = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
FARTHEST: Final = 10 * 365.25 * 86_400.0
"""Seconds between a time and the one it is compared with; more is a time in another unit than was said, or none."""


def seconds_of(timestamp: Any, scale: float = 1.0) -> float:
    """Unix seconds of an aware datetime, a naive one (read as UTC), or a number of units of `scale` seconds.

    Raises:
        ValueError: When it is not finite or no number.
        TypeError: When it is nothing that could be a time.
    """
    if isinstance(timestamp, datetime):
        if timestamp.tzinfo is None:
            timestamp = timestamp.replace(tzinfo=timezone.utc)
        return float(timestamp.timestamp())
    return number_of(timestamp) * scale
