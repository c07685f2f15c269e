"""When trading days begin and end, by a wall clock in a time zone."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta, timezone, tzinfo

from tradmetrics.errors import ConfigurationError, nearest


class TradingDay:
    """The trading day, which begins at the same wall time all year.

    Args:
        reset_at: When the trading day begins, `HH:MM`.
        zone: An IANA time zone.

    Raises:
        ConfigurationError: If the time or the time zone does not exist.
    """

    __slots__ = ("_at", "_ends", "_zone")

    def __init__(self, reset_at: str, zone: str) -> None:
        try:
            at = datetime.strptime(reset_at, "%H:%M")
        except (TypeError, ValueError):
            raise ConfigurationError(
                f"StrategyStats: reset_at is a time of day such as '09:15', not {reset_at!r}"
            ) from None
        self._at = timedelta(hours=at.hour, minutes=at.minute)
        self._zone = _zone(zone)
        self._ends = -math.inf

    def turns(self, now: float) -> bool:
        """Whether a new trading day has begun since the last call.

        Args:
            now: The time, in unix seconds.
        """
        if now < self._ends:
            return False
        local = datetime.fromtimestamp(now, self._zone)
        day = (local.replace(tzinfo=None) - self._at).date()
        self._ends = self._begin(day + timedelta(days=1))
        if self._ends <= now:  # in the hour that the clock goes through twice
            self._ends = self._begin(day + timedelta(days=2))
        return True

    def _begin(self, day: date) -> float:
        """When a trading day begins, in unix seconds: at the same wall time whether daylight is saved or not."""
        return (datetime.combine(day, datetime.min.time(), self._zone) + self._at).timestamp()


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return timezone.utc
    from zoneinfo import ZoneInfo, available_timezones

    try:
        return ZoneInfo(name)
    except Exception:
        known = available_timezones()
        advice = "write an IANA name such as 'Asia/Kolkata'"
        if not known:
            advice = "no time zone database was found; run pip install tzdata"
        raise ConfigurationError(
            f"StrategyStats: {name!r} is not a time zone{nearest(str(name), known)}; {advice}"
        ) from None
