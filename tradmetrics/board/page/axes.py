"""Axes and tooltips of charts: round ticks, and every figure with its unit."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from tradmetrics.board.panels import Look, Panel

GREY: Final = "#7f8a9c"
LINES: Final = "rgba(127,138,156,.18)"
_WRITERS: Final = {
    "percent": "value => +value.toPrecision(4) + '%'",
    "percentunit": "value => +(value * 100).toPrecision(4) + '%'",
    "cps": "value => (+value.toPrecision(4)).toLocaleString('en-US') + '/s'",
    "s": "value => { const two = (big, unit, small, less) => Math.floor(value / big) + ' ' + unit + "
    "(Math.floor(value % big / small) ? ' ' + Math.floor(value % big / small) + ' ' + less : ''); "
    "return value >= 86400 ? two(86400, 'd', 3600, 'h') : value >= 3600 ? two(3600, 'h', 60, 'min') : "
    "value >= 60 ? two(60, 'min', 1, 's') : value >= 1 || value === 0 ? +value.toPrecision(3) + ' s' : "
    "+(value * 1000).toPrecision(3) + ' ms' }",
}
_SHORT: Final = (
    "value => Math.abs(value) >= 1e6 ? (+(value / 1e6).toPrecision(4)) + ' M' : "
    "(+value.toPrecision(6)).toLocaleString('en-US')"
)
_LONG: Final = "value => (+value.toPrecision(9)).toLocaleString('en-US', {maximumFractionDigits: 4})"
_ESCAPED: Final = "text => String(text).replace(/[&<>\"']/g, each => '&#' + each.charCodeAt(0) + ';')"
_STEPS: Final = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
_MOST_MARKS: Final = 6
_TOOLTIP: Final = {"confine": True, "transitionDuration": 0, "className": "tip", "textStyle": {"fontSize": 12}}


def vertical(panel: Panel, values: Iterable[float | None]) -> dict[str, Any]:
    """Return the axis of a panel's values: long times get ticks at whole minutes or hours, counts at whole numbers."""
    axis: dict[str, Any] = {
        "type": "value",
        "scale": True,
        "splitNumber": 4,
        "axisLabel": {"color": GREY, "fontSize": 11, ":formatter": _writer(panel.look, _SHORT)},
        "splitLine": {"lineStyle": {"color": LINES}},
    }
    if panel.minimum is not None:
        axis["min"] = panel.minimum
    known = [value for value in values if value is not None]
    if known and panel.look.unit == "s" and max(known) > 60:
        axis["interval"] = _step(max(known) - (min(known) if panel.minimum is None else panel.minimum), 5)
    elif panel.look.unit == "locale" and all(abs(value - round(value)) < 0.1 for value in known):
        axis["minInterval"] = 1
    return axis


def over_time(times: Sequence[float]) -> dict[str, Any]:
    """Return the axis of time below curves."""
    clock = {"hour": "{HH}:{mm}", "minute": "{HH}:{mm}", "second": "{HH}:{mm}:{ss}", "millisecond": "{HH}:{mm}:{ss}"}
    axis: dict[str, Any] = {
        "type": "time",
        "axisLabel": {
            "color": GREY,
            "fontSize": 11,
            "hideOverlap": True,
            "showMinLabel": False,
            "showMaxLabel": False,
            "formatter": {**clock, "day": "{d} {MMM}"},
        },
        "axisLine": {"lineStyle": {"color": LINES}},
        "splitLine": {"show": False},
    }
    if times:
        axis |= {"min": round(times[0] * 1000), "max": round(times[-1] * 1000)}
    return axis


def columns(times: Sequence[float]) -> dict[str, Any]:
    """Return the axis of time below cells, each a column; labels stand at round times."""
    length = times[-1] - times[0] if len(times) > 1 else 0.0
    mark = _step(length, _MOST_MARKS)
    width = max(length / max(len(times) - 1, 1), 0.001)
    return {
        "type": "category",
        "data": [round(at * 1000) for at in times],
        "axisTick": {"show": False},
        "axisLine": {"lineStyle": {"color": LINES}},
        "axisLabel": {
            "color": GREY,
            "fontSize": 11,
            "hideOverlap": True,
            ":interval": f"(index, value) => +value % {mark * 1000} < {width * 1000:.0f}",
            ":formatter": f"value => new Date(+value).toTimeString().slice(0, {8 if mark < 60 else 5})",
        },
    }


def _step(length: float, most: int) -> int:
    return next((each for each in _STEPS if length / each <= most), 86_400 * (1 + int(length / 86_400 / most)))


def _writer(look: Look, number: str) -> str:
    """Return the JavaScript function that writes a value with its unit."""
    if look.unit.startswith("suffix:"):
        suffix = json.dumps(f" {look.unit.removeprefix('suffix:')}")
        return f"value => ({number})(value) + {suffix}"
    return _WRITERS.get(look.unit, number)


def tooltip_of_curves(look: Look) -> dict[str, Any]:
    """Return the tooltip of curves: each value with its unit."""
    writer = _writer(look, _LONG)
    return {**_TOOLTIP, "trigger": "axis", ":valueFormatter": f"value => value == null ? '-' : ({writer})(value)"}


def tooltip_of_cells(look: Look) -> dict[str, Any]:
    """Return the tooltip of cells: the row, the time, and the word for the value or the count."""
    if look.words:
        words = json.dumps({f"{value:g}": text for value, (text, _) in look.words.items()})
        writer = f"value => ({words})[value] ?? value"
    else:
        writer = "value => Math.max(1, Math.round(value)).toLocaleString('en-US')"
    formatter = (
        f"cell => {{ const safe = {_ESCAPED}; return safe(cell.seriesName) + '<br>' + "
        f"new Date(+cell.name).toTimeString().slice(0, 8) + ' &nbsp;<b>' + safe(({writer})(cell.value[2])) + '</b>' }}"
    )
    return {**_TOOLTIP, "trigger": "item", ":formatter": formatter}
