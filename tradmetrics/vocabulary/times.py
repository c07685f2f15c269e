"""Times as they come: in one of a few units, as a datetime, or as the text of one."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any, Final, Literal

from tradmetrics.vocabulary.numbers import number_of

Unit = Literal["s", "ms", "us", "ns"]
UNITS: Final[dict[str, float]] = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
FARTHEST: Final = 10 * 365.25 * 86_400.0
"""Seconds between a time and the one it is compared with; more is a time in another unit than was said, or none."""
# Any digits of a second, as brokers write them: `datetime.fromisoformat` reads 3 or 6, and no Z, before Python 3.11.
_ISO: Final = re.compile(
    r"\s*(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9})\d*)?(?:Z|([+-]\d\d):?(\d\d))?\s*",
    re.ASCII | re.IGNORECASE,
)
_LONGEST: Final = 64


def seconds_of(timestamp: Any, scale: float = 1.0) -> float:
    """Unix seconds of a datetime, a text that spells one in ISO 8601, or a number of units of `scale` seconds.

    What names no offset from UTC is read as UTC.

    Raises:
        ValueError: When it is not finite or no number.
        TypeError: When it is nothing that could be a time.
    """
    if isinstance(timestamp, datetime):
        if timestamp.tzinfo is None:
            timestamp = timestamp.replace(tzinfo=timezone.utc)
        return float(timestamp.timestamp())
    if isinstance(timestamp, str) and len(timestamp) <= _LONGEST:
        return _seconds_in(timestamp, scale)
    return number_of(timestamp) * scale


def _seconds_in(text: str, scale: float) -> float:
    try:
        iso = _ISO.fullmatch(text)
        if iso is None:
            return number_of(text) * scale
        day, clock, fraction, hours, minutes = iso.groups("0")
        offset = "+00:00" if hours == "0" else f"{hours}:{minutes}"
        return datetime.fromisoformat(f"{day} {clock}{offset}").timestamp() + float(f"0.{fraction}")
    except ValueError:
        raise ValueError(f"{text!r} is no time: write unix seconds, a datetime, or 2026-05-06T12:00:00Z") from None
