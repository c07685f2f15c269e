"""Thresholds for panels, read from the alerts' settings so that a line in a panel is where the alert fires."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from alerts.generate import load

_SETTINGS: Final[dict[str, Any]] = load()


def use(paths: Iterable[Path]) -> None:
    """Draw the thresholds of these files, laid over alerts/settings.yml; see `alerts.generate.load`."""
    _SETTINGS.update(load(paths))


def limit(alert: str) -> float:
    """Return the threshold of an alert, from alerts/settings.yml."""
    return float(_SETTINGS["alerts"][alert]["threshold"])


def setting(alert: str, name: str) -> str:
    """Return a setting of an alert, such as its `window`, from alerts/settings.yml."""
    return str(_SETTINGS["alerts"][alert][name])


def above(alert: str, colour: str = "red") -> list[tuple[float, str]]:
    """Colour what lies above the threshold of an alert."""
    return [(limit(alert), colour)]


def below(alert: str, colour: str = "red") -> list[tuple[float, str]]:
    """Colour what lies below the threshold of an alert."""
    return [(float("-inf"), colour), (limit(alert), "green")]
