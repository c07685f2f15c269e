"""Thresholds for panels, read from the alerts' settings so that a line in a panel is where the alert fires."""

from functools import lru_cache
from typing import Any

from alerts.generate import load


@lru_cache(maxsize=1)
def _settings() -> dict[str, Any]:
    return load()


def limit(alert: str) -> float:
    """Return the threshold of an alert, from alerts/settings.yml."""
    return float(_settings()["alerts"][alert]["threshold"])


def setting(alert: str, name: str) -> str:
    """Return a setting of an alert, such as its `window`, from alerts/settings.yml."""
    return str(_settings()["alerts"][alert][name])


def above(alert: str, colour: str = "red") -> list[tuple[float, str]]:
    """Colour what lies above the threshold of an alert."""
    return [(limit(alert), colour)]


def below(alert: str, colour: str = "red") -> list[tuple[float, str]]:
    """Colour what lies below the threshold of an alert."""
    return [(float("-inf"), colour), (limit(alert), "green")]
