"""Durations in Prometheus's notation."""

import re
from typing import Final

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}


class QueryError(ValueError):
    """The expression cannot be evaluated: an unknown function, variable or pairing of series."""


def seconds(duration: str) -> float:
    """Return the seconds of a duration in Prometheus's notation, such as `1h30m`."""
    sign = -1.0 if duration.startswith("-") else 1.0
    parts = re.findall(r"(\d+)(ms|[smhdwy])", duration)
    if not parts or "".join(map("".join, parts)) != duration.lstrip("-"):
        raise QueryError(f"{duration!r} is not a duration; write it like 30s, 5m or 1h30m")
    return sign * sum(int(number) * _UNITS[unit] for number, unit in parts)
