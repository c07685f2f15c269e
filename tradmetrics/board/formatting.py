"""Writes values as Grafana does, for the units that the dashboards use."""

import math
from collections.abc import Callable
from typing import Final

_MINUS: Final = "-"
_SPANS: Final = ((60.0, 1.0, "s"), (3600.0, 60.0, "min"), (86400.0, 3600.0, "hour"), (604800.0, 86400.0, "day"))


def shown(value: float, unit: str, decimals: int | None = None) -> str:
    """Write a value with its unit.

    Args:
        value: The value.
        unit: Grafana's name of the unit.
        decimals: Places after the point; None leaves them to the value.

    Returns:
        The text, such as `4,788`, `12.5%`, `250 ms` or `1.27 hour`.
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if unit.startswith("suffix:"):
        return f"{_number(value, decimals)} {unit.removeprefix('suffix:')}"
    writer = _UNITS.get(unit)
    return writer(value, decimals) if writer else _number(value, decimals)


def _number(value: float, decimals: int | None) -> str:
    places = _places(value) if decimals is None else decimals
    text = f"{value:,.{places}f}"
    if decimals is None and "." in text:
        text = text.rstrip("0").rstrip(".")
    return text if text.strip("-0.,") else text.lstrip(_MINUS)


def _places(value: float) -> int:
    size = abs(value)
    if size >= 100 or size == int(size):
        return 0 if size >= 1000 or size == int(size) else 1
    return 2 if size >= 0.1 else min(6, 2 - math.floor(math.log10(size))) if size else 0


def _seconds(value: float, decimals: int | None) -> str:
    size = abs(value)
    if size == 0:
        return "0 s"
    if size < 1e-3:
        return f"{_number(value * 1e6, decimals)} µs"
    if size < 1:
        return f"{_number(value * 1e3, decimals if size >= 0.01 else None)} ms"
    for below, divisor, name in _SPANS:
        if size < below:
            plural = "s" if name in ("hour", "day") and size != divisor else ""
            return f"{_number(value / divisor, decimals)} {name}{plural}"
    return f"{_number(value / 604800.0, decimals)} weeks"


_UNITS: Final[dict[str, Callable[[float, int | None], str]]] = {
    "s": _seconds,
    "percent": lambda value, decimals: f"{_number(value, decimals)}%",
    "percentunit": lambda value, decimals: f"{_number(value * 100, decimals)}%",
    "cps": lambda value, decimals: f"{_number(value, decimals)}/s",
    "bool_on_off": lambda value, decimals: "On" if value else "Off",
}
