"""Times as brokers and libraries give them, and the age of data."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any, Final, Literal

from tradmetrics.model.text import shown
from tradmetrics.vocabulary.numbers import MissingValue, is_missing, number_of

Unit = Literal["s", "ms", "us", "ns"]
UNITS: Final[dict[str, float]] = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
FARTHEST: Final = 10 * 365.25 * 86_400.0
"""Seconds between a time and the one it is compared with. A longer gap means that the time has another unit."""
AHEAD: Final = 0.5
"""Seconds that data may be ahead of this machine's clock, because clocks differ. Such data has the age 0."""
YEAR_2000: Final = 946_684_800.0
"""Times of trading are later. Feeds write 0 where they have no time."""
# Any digits of a second, as brokers write them: `datetime.fromisoformat` reads 3 or 6, and no Z, before Python 3.11.
_ISO: Final = re.compile(
    r"\s*(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9})\d*)?(?:Z|([+-]\d\d):?(\d\d))?\s*",
    re.ASCII | re.IGNORECASE,
)
_LONGEST: Final = 64


def seconds_of(timestamp: Any, scale: float = 1.0) -> float:
    """Return the Unix seconds of a datetime, an ISO 8601 text, a `numpy.datetime64`, or a number of units.

    A time without an offset from UTC is read as UTC.

    Args:
        timestamp: The time.
        scale: Seconds in a unit of a number.

    Raises:
        MissingValue: If it is a missing value, or numpy's or pandas' "not a time".
        ValueError: If it is not finite or spells no time.
        TypeError: If its type cannot be read as a time.
    """
    if isinstance(timestamp, datetime):
        if timestamp != timestamp:  # pandas.NaT
            raise MissingValue("the time is missing")
        if timestamp.tzinfo is None:
            timestamp = timestamp.replace(tzinfo=timezone.utc)
        return float(timestamp.timestamp())
    if isinstance(timestamp, str) and len(timestamp) <= _LONGEST:
        return _seconds_in(timestamp, scale)
    if type(timestamp).__name__ == "datetime64" and not isinstance(timestamp, str):
        if timestamp != timestamp:
            raise MissingValue("the time is missing")
        return int(timestamp.astype("datetime64[us]").astype("int64")) * 1e-6
    return number_of(timestamp) * scale


def age_of(timestamp: Any, now: float, unit: Unit = "s") -> float:
    """Return the age of data in seconds; data that is ahead by up to `AHEAD` has the age 0.

    Args:
        timestamp: The data's own time, as `seconds_of` reads it.
        now: Unix seconds of this machine's clock.
        unit: The unit of a number.

    Raises:
        MissingValue: If there is no time.
        ValueError: If the time is before 2000, more than ten years off or more than half a second ahead.
        TypeError: If its type cannot be read as a time.
    """
    at = seconds_of(timestamp, UNITS[unit])
    if at < YEAR_2000 <= now:
        raise ValueError(
            f"the data's time is before 2000: {at:.3f} s since 1970. Is unit={unit!r} right? Leave out a time that is 0"
        )
    return checked_age(now - at, unit)


def checked_age(age: float, unit: str = "s") -> float:
    """Return an age in seconds; from -`AHEAD` to 0 it is 0.

    Raises:
        ValueError: If it is further below zero, or more than ten years.
    """
    if -AHEAD <= age < 0:
        return 0.0
    if not 0 <= age <= FARTHEST:
        raise ValueError(
            f"the data is {abs(age):.3f} s {'ahead of' if age < 0 else 'behind'} this machine's clock. Are "
            f"the clock and unit={unit!r} right?"
        )
    return age


class Age:
    """An age in seconds that is read and checked when it is recorded."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def __float__(self) -> float:
        return checked_age(number_of(self._value))


def _seconds_in(text: str, scale: float) -> float:
    try:
        iso = _ISO.fullmatch(text)
        if iso is None:
            return number_of(text) * scale
        day, clock, fraction, hours, minutes = iso.groups("0")
        offset = "+00:00" if hours == "0" else f"{hours}:{minutes}"
        return datetime.fromisoformat(f"{day} {clock}{offset}").timestamp() + float(f"0.{fraction}")
    except ValueError:
        if is_missing(text):
            raise MissingValue("the time is missing") from None
        raise ValueError(
            f"{shown(text)} is not a time: write unix seconds, a datetime, or 2026-05-06T12:00:00Z"
        ) from None
