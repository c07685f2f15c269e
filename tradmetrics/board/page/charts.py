"""ECharts options for the panels of curves, states and heatmaps. No label value ever becomes HTML or code."""

import math
from collections.abc import Sequence
from typing import Any, Final

from tradmetrics.board.answers import Curve
from tradmetrics.board.formatting import shown
from tradmetrics.board.page import axes
from tradmetrics.board.page.axes import GREY, LINES
from tradmetrics.board.panels import Look, Panel

PALETTE: Final = ("#4f86e8", "#e8943a", "#2fa37c", "#d9574a", "#8f6fd8", "#1fa5b8", "#c272ad", "#84972f", "#7d8aa0")
_COLOURS: Final = {
    "green": "#2f9e6e",
    "red": "#d64545",
    "orange": "#dd8a2b",
    "blue": "#4f86e8",
    "purple": "#8f6fd8",
    "text": GREY,
    "transparent": "rgba(127,138,156,.12)",
}
_MOST_SERIES: Final = 24
_LONGEST_ROW: Final = 24


def colour(name: str) -> str:
    """Return the CSS colour of a colour's name in the dashboards."""
    return _COLOURS.get(name, GREY)


def curves(panel: Panel, found: Sequence[Curve]) -> dict[str, Any]:
    """Return the options of a panel of curves.

    Args:
        panel: The panel.
        found: The answer to each of its queries.

    Returns:
        Options for ECharts.
    """
    times: list[float] = found[0].times if found else []
    named = _named(panel, found)
    series = [_line(panel, name, curve.times, values, alone=len(named) == 1) for name, curve, values in named]
    left_out, series = len(series) - _MOST_SERIES, series[:_MOST_SERIES]
    for number, each in enumerate(series):
        each["color"] = PALETTE[number % len(PALETTE)]
    if series and _limits(panel.look):
        series[0]["markLine"] = _limits(panel.look)
    options = _base(panel, empty=not series)
    options["xAxis"] = axes.over_time(times)
    options["yAxis"] = axes.vertical(panel, (value for *_, values in named for value in values)) | {
        "show": bool(series)
    }
    options["tooltip"] = axes.tooltip_of_curves(panel.look)
    options["series"] = series
    options["legend"] = _legend(len(series) > 1 or any(each["name"] != panel.title for each in series))
    if left_out > 0:
        options["title"] = {**_note(f"{left_out} more curves are not drawn"), "top": 0, "left": "right"}
    return options


def _named(panel: Panel, found: Sequence[Curve]) -> list[tuple[str, Curve, list[float | None]]]:
    """Return the series in the order of their names; the name of the bot goes where all have the same."""
    named = [
        (query.name(labels), labels.get("instance", ""), curve, values)
        for query, curve in zip(panel.queries, found, strict=True)
        for labels, values in curve.series.values()
    ]
    bots = {bot for _, bot, *_ in named}
    redundant = f"{min(bots)} " if len(bots) == 1 else ""
    if not all(name.startswith(redundant) for name, *_ in named):
        redundant = ""
    return sorted(
        ((name.removeprefix(redundant), curve, values) for name, _, curve, values in named), key=lambda each: each[0]
    )


def _line(
    panel: Panel, name: str, times: Sequence[float], values: Sequence[float | None], *, alone: bool
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
    elif alone:
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


def waiting() -> dict[str, Any]:
    """Return the options of a chart that has not asked for its values yet."""
    return {"animation": False, "series": [], "title": _in_the_middle("Loading…")}


def _base(panel: Panel, *, empty: bool) -> dict[str, Any]:
    return {
        "animation": False,
        "grid": {"left": 8, "right": 14, "top": 14, "bottom": 30, "containLabel": True},
        "title": _in_the_middle(panel.look.no_value) if empty else {"show": False},
    }


def _in_the_middle(text: str) -> dict[str, Any]:
    return {**_note(text), "left": "center", "top": "middle"}


def _note(text: str) -> dict[str, Any]:
    return {"show": True, "text": text, "textStyle": {"color": GREY, "fontWeight": "normal", "fontSize": 12}}


def _legend(show: bool) -> dict[str, Any]:
    return {
        "show": show,
        "type": "scroll",
        "bottom": 0,
        "left": 4,
        "itemWidth": 12,
        "itemHeight": 8,
        "icon": "roundRect",
        # Without a line's height, the letters of a legend that scrolls are cut off at the top.
        "textStyle": {"color": GREY, "fontSize": 11, "lineHeight": 16},
        "pageTextStyle": {"color": GREY},
        "pageIconSize": 10,
        "pageIconColor": GREY,
        "pageIconInactiveColor": LINES,
    }


def states(panel: Panel, found: Sequence[Curve]) -> dict[str, Any]:
    """Return the options of a panel of states over time: one band for each series."""
    times = found[0].times if found else []
    rows = _named(panel, found)[:_MOST_SERIES][::-1]
    series = [
        _row(
            name,
            [[place, number, value] for place, each in enumerate(values) if each == value],
            # A border in the cell's own colour closes the gaps between cells.
            {"borderWidth": 0 if look[1] == "transparent" else 1, "borderColor": colour(look[1])},
        )
        for number, (name, _, values) in enumerate(rows)
        for value, look in panel.look.words.items()
    ]
    pieces = [
        {"value": value, "label": text, "color": colour(name)} for value, (text, name) in panel.look.words.items()
    ]
    options = _cells(panel, times, [_end(name) for name, *_ in rows], series)
    options["visualMap"] = {
        "type": "piecewise",
        "pieces": pieces,
        "orient": "horizontal",
        "bottom": 0,
        "left": 4,
        "itemWidth": 12,
        "itemHeight": 8,
        "textStyle": {"color": GREY, "fontSize": 11},
    }
    return options


def _end(name: str) -> str:
    """Return the end of a long name, since names of functions differ there."""
    return name if len(name) <= _LONGEST_ROW else f"…{name[1 - _LONGEST_ROW :]}"


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
    series = [
        _row(name, [[place, each - lowest, count] for place, each, count in cells if each == number], {})
        for number, name in enumerate(names, lowest)
    ]
    options = _cells(panel, times, names, series)
    most = max((count for _, _, count in cells), default=1.0)
    options["visualMap"] = {
        "type": "continuous",
        "show": False,
        "min": 0,
        "max": most,
        "inRange": {"color": ["#fbd7a6", "#f39b4a", "#d1571f", "#8d2a0d"]},
    }
    return options


def _row(name: str, cells: list[list[Any]], style: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "heatmap",
        "name": name,
        "data": cells,
        "progressive": 0,
        "itemStyle": style,
        "emphasis": {"disabled": True},
    }


def _cells(panel: Panel, times: Sequence[float], names: list[str], series: list[dict[str, Any]]) -> dict[str, Any]:
    options = _base(panel, empty=not any(each["data"] for each in series))
    options["grid"] = {**options["grid"], "right": 28}  # half of the last label
    options["tooltip"] = axes.tooltip_of_cells(panel.look)
    options["xAxis"] = axes.columns(times)
    options["yAxis"] = {
        "type": "category",
        "data": names,
        "axisTick": {"show": False},
        "axisLine": {"show": False},
        "axisLabel": {"color": GREY, "fontSize": 11, "width": 150, "overflow": "truncate"},
    }
    options["series"] = series
    options["legend"] = {"show": False}
    return options
