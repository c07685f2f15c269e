"""ECharts options for the panels of curves, states and heatmaps. No label value ever becomes HTML or code."""

import math
from collections.abc import Sequence
from typing import Any, Final

from tradmetrics.board.answers import Curve
from tradmetrics.board.formatting import shown
from tradmetrics.board.panels import Look, Panel

PALETTE: Final = ("#4f86e8", "#e8943a", "#2fa37c", "#d9574a", "#8f6fd8", "#1fa5b8", "#c272ad", "#84972f", "#7d8aa0")
_GREY: Final = "#7f8a9c"
_LINES: Final = "rgba(127,138,156,.18)"
_COLOURS: Final = {
    "green": "#2f9e6e",
    "red": "#d64545",
    "orange": "#dd8a2b",
    "blue": "#4f86e8",
    "purple": "#8f6fd8",
    "text": _GREY,
    "transparent": "rgba(127,138,156,.12)",
}
_MOST_SERIES: Final = 24
_AXIS: Final = {
    "percent": "value => value + '%'",
    "percentunit": "value => +(value * 100).toPrecision(4) + '%'",
    "s": "value => value >= 3600 ? +(value / 3600).toPrecision(3) + ' h' : value >= 60 ? +(value / 60).toPrecision(3) "
    "+ ' min' : value >= 1 || value === 0 ? +value.toPrecision(3) + ' s' : +(value * 1000).toPrecision(3) + ' ms'",
}
_NUMBER: Final = (
    "value => Math.abs(value) >= 1e6 ? (+(value / 1e6).toPrecision(4)) + ' M' : value.toLocaleString('en-US')"
)
_TOOLTIP: Final = "value => value == null ? '-' : (+value.toPrecision(6)).toLocaleString('en-US')"


def colour(name: str) -> str:
    """Return the CSS colour of a colour's name in the dashboards."""
    return _COLOURS.get(name, _GREY)


def curves(panel: Panel, found: Sequence[Curve]) -> dict[str, Any]:
    """Return the options of a panel of curves.

    Args:
        panel: The panel.
        found: The answer to each of its queries.

    Returns:
        Options for ECharts.
    """
    series: list[dict[str, Any]] = []
    times: list[float] = found[0].times if found else []
    for query, curve in zip(panel.queries, found, strict=True):
        for labels, values in curve.series.values():
            series.append(_line(panel, query.name(labels), curve.times, values, len(series)))
    series.sort(key=lambda each: each["name"])
    left_out, series = len(series) - _MOST_SERIES, series[:_MOST_SERIES]
    for number, each in enumerate(series):
        each["color"] = PALETTE[number % len(PALETTE)]
    if series and _limits(panel.look):
        series[0]["markLine"] = _limits(panel.look)
    options = _base(panel, times, empty=not series)
    options["series"] = series
    options["legend"] = _legend(len(series) > 1 or any(each["name"] != panel.title for each in series))
    if left_out > 0:
        options["title"] = {**_note(f"{left_out} more curves are not drawn"), "top": 0, "left": "right"}
    return options


def _line(
    panel: Panel, name: str, times: Sequence[float], values: Sequence[float | None], number: int
) -> dict[str, Any]:
    line: dict[str, Any] = {
        "type": "line",
        "name": name,
        "showSymbol": _alone(values),
        "symbolSize": 4,
        "lineStyle": {"width": 1.6},
        "emphasis": {"disabled": True},
        "data": [[round(at * 1000), value] for at, value in zip(times, values, strict=True)],
    }
    if panel.stacked:
        line |= {"stack": "all", "areaStyle": {"opacity": 0.35}, "lineStyle": {"width": 1}}
    elif len(panel.queries) == 1:
        line["areaStyle"] = {"opacity": 0.07}
    return line


def _alone(values: Sequence[float | None]) -> bool:
    return sum(value is not None for value in values) == 1


def _limits(look: Look) -> dict[str, Any] | None:
    marks = []
    for place, (start, name) in enumerate(look.steps):
        if start is None:
            continue
        before = look.steps[place - 1][1] if place else "text"
        marks.append({"yAxis": start, "lineStyle": {"color": colour(name if name != "green" else before)}})
    if not marks:
        return None
    return {
        "silent": True,
        "symbol": "none",
        "animation": False,
        "label": {"show": False},
        "lineStyle": {"type": "dashed", "width": 1.4},
        "data": marks,
    }


def _base(panel: Panel, times: Sequence[float], *, empty: bool) -> dict[str, Any]:
    axis = _AXIS.get(panel.look.unit, _NUMBER)
    vertical: dict[str, Any] = {
        "type": "value",
        "scale": True,
        "splitNumber": 4,
        "axisLabel": {"color": _GREY, "fontSize": 11, ":formatter": axis},
        "splitLine": {"lineStyle": {"color": _LINES}},
    }
    if panel.minimum is not None:
        vertical["min"] = panel.minimum
    options: dict[str, Any] = {
        "animation": False,
        "grid": {"left": 8, "right": 14, "top": 14, "bottom": 30, "containLabel": True},
        "tooltip": {
            "trigger": "axis",
            "confine": True,
            "transitionDuration": 0,
            "textStyle": {"fontSize": 12},
            ":valueFormatter": _TOOLTIP,
        },
        "xAxis": {
            "type": "time",
            "axisLabel": {"color": _GREY, "fontSize": 11, "hideOverlap": True},
            "axisLine": {"lineStyle": {"color": _LINES}},
            "splitLine": {"show": False},
        },
        "yAxis": vertical,
        "title": {"show": False},
    }
    if times:
        options["xAxis"] |= {"min": round(times[0] * 1000), "max": round(times[-1] * 1000)}
    if empty:
        options["title"] = {**_note(panel.look.no_value), "left": "center", "top": "middle"}
        options["yAxis"]["show"] = False
    return options


def _note(text: str) -> dict[str, Any]:
    return {"show": True, "text": text, "textStyle": {"color": _GREY, "fontWeight": "normal", "fontSize": 12}}


def _legend(show: bool) -> dict[str, Any]:
    return {
        "show": show,
        "type": "scroll",
        "bottom": 0,
        "left": 4,
        "itemWidth": 12,
        "itemHeight": 8,
        "icon": "roundRect",
        "textStyle": {"color": _GREY, "fontSize": 11},
        "pageTextStyle": {"color": _GREY},
    }


def states(panel: Panel, found: Sequence[Curve]) -> dict[str, Any]:
    """Return the options of a panel of states over time: one band for each series."""
    rows: list[tuple[str, list[float | None]]] = []
    times = found[0].times if found else []
    for query, curve in zip(panel.queries, found, strict=True):
        rows += [(query.name(labels), values) for labels, values in curve.series.values()]
    rows.sort(reverse=True)
    rows = rows[:_MOST_SERIES]
    cells = [
        [place, number, value]
        for number, (_, values) in enumerate(rows)
        for place, value in enumerate(values)
        if value is not None
    ]
    pieces = [
        {"value": value, "label": text, "color": colour(name)} for value, (text, name) in panel.look.words.items()
    ]
    options = _cells(panel, times, [name for name, _ in rows], cells)
    options["visualMap"] = {
        "type": "piecewise",
        "pieces": pieces,
        "orient": "horizontal",
        "bottom": 0,
        "left": 4,
        "itemWidth": 12,
        "itemHeight": 8,
        "textStyle": {"color": _GREY, "fontSize": 11},
    }
    return options


def heatmap(panel: Panel, found: Sequence[Curve]) -> dict[str, Any]:
    """Return the options of a heatmap of a histogram: how many events fell into each bucket, and when."""
    bounds: dict[float, list[float | None]] = {}
    times = found[0].times if found else []
    for curve in found:
        for labels, values in curve.series.values():
            try:
                bounds[float(labels.get("le", ""))] = values
            except ValueError:
                continue
    ordered = sorted(bounds)
    cells = []
    for number, bound in enumerate(ordered):
        below = bounds[ordered[number - 1]] if number else [0.0] * len(times)
        for place, (value, less) in enumerate(zip(bounds[bound], below, strict=True)):
            count = (value or 0.0) - (less or 0.0)
            if count > 0:
                cells.append([place, number, round(count, 3)])
    used = {number for _, number, _ in cells}
    lowest, highest = (int(min(used)), int(max(used))) if used else (0, -1)
    kept = ordered[lowest : highest + 1]
    names = [f"≤ {shown(bound, panel.look.unit)}" if math.isfinite(bound) else "more" for bound in kept]
    options = _cells(panel, times, names, [[place, number - lowest, count] for place, number, count in cells])
    most = max((count for _, _, count in cells), default=1.0)
    options["visualMap"] = {
        "type": "continuous",
        "show": False,
        "min": 0,
        "max": most,
        "inRange": {"color": ["#fbd7a6", "#f39b4a", "#d1571f", "#8d2a0d"]},
    }
    return options


def _cells(panel: Panel, times: Sequence[float], names: list[str], cells: list[list[Any]]) -> dict[str, Any]:
    options = _base(panel, [], empty=not cells)
    options["tooltip"] = {"trigger": "item", "confine": True, "transitionDuration": 0}
    options["xAxis"] = {
        "type": "category",
        "data": [round(at * 1000) for at in times],
        "axisTick": {"show": False},
        "axisLine": {"lineStyle": {"color": _LINES}},
        "axisLabel": {
            "color": _GREY,
            "fontSize": 11,
            "hideOverlap": True,
            ":formatter": "value => new Date(+value).toTimeString().slice(0, 5)",
        },
    }
    options["yAxis"] = {
        "type": "category",
        "data": names,
        "axisTick": {"show": False},
        "axisLine": {"show": False},
        "axisLabel": {"color": _GREY, "fontSize": 11, "width": 110, "overflow": "truncate"},
    }
    options["series"] = [{"type": "heatmap", "data": cells, "progressive": 0, "emphasis": {"disabled": True}}]
    options["legend"] = {"show": False}
    return options
