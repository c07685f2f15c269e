"""The kinds of panel that the dashboards are made of, with what all of them share."""

from collections.abc import Sequence
from typing import Any, Final, Protocol, TypeVar

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as dashboard_builders
from grafana_foundation_sdk.builders import heatmap, prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards import queries
from tradmetrics.board.query import Expression
from tradmetrics.model.definition import MetricDefinition

SOURCE: Final = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")
# Grafana's names of the catalogue's units. Which currency it is, the catalogue cannot know.
UNITS: Final = {
    "": "locale",
    "bool": "bool_on_off",
    "bps": "suffix:bps",
    "currency": "locale",
    "percent": "percent",
    "points": "none",
    "ratio": "percentunit",
    "seconds": "s",
}
PER_SECOND: Final = "cps"
HEATMAP_STEP: Final = "30s"
"""The shortest column of a heatmap: two scrapes, so that no column is empty between two of them."""
MOMENT: Final = "each counts for the moment after it, 20 seconds or one step of the curve."
"""How to read a curve of `queries.occurrences`, at the end of its description."""

Panel = Builder[dashboard.Panel]
Query = tuple[Expression, str]
"""An expression and the legend of its series."""
Steps = Sequence[tuple[float, str]]
"""Values and the colour from that value on; green (or, with the first at minus infinity, its colour) below."""
States = dict[int, tuple[str, str]]
"""What to show, and in which colour, for each value of a gauge that stands for a state."""


class _Common(Protocol):
    def title(self, title: str) -> Any: ...
    def description(self, description: str) -> Any: ...
    def datasource(self, datasource: dashboard.DataSourceRef) -> Any: ...
    def unit(self, unit: str) -> Any: ...
    def span(self, w: int) -> Any: ...
    def height(self, h: int) -> Any: ...
    def thresholds(self, thresholds: Builder[dashboard.ThresholdsConfig]) -> Any: ...
    def mappings(self, mappings: list[dashboard.ValueMapping]) -> Any: ...
    def with_target(self, target: prometheus.Dataquery) -> Any: ...


_P = TypeVar("_P", bound=_Common)


def lines(
    title: str,
    description: str,
    unit: str,
    *targets: Query,
    span: int = 12,
    limits: Steps = (),
    stacked: bool = False,
    minimum: float | None = None,
) -> Panel:
    """Build a panel of curves over time.

    Args:
        title: The panel's title.
        description: The meaning of the figures, and when to worry.
        unit: Grafana's name of the unit.
        *targets: Expressions with their legends.
        span: Width, of 24.
        limits: Thresholds, drawn as lines.
        stacked: True to stack the curves, where their sum means something.
        minimum: The axis's lower end, where it must not follow the data.

    Returns:
        The panel.
    """
    panel = _common(timeseries.Panel(), title, description, unit, targets, span, 8, limits)
    panel = panel.line_width(1).fill_opacity(10).show_points(common.VisibilityMode.NEVER).span_nulls(False)
    panel = panel.legend(
        common_builders.VizLegendOptions()
        .display_mode(common.LegendDisplayMode.TABLE)
        .placement(common.LegendPlacement.BOTTOM)
        .show_legend(True)
        .calcs(["lastNotNull", "max"])
    ).tooltip(common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    if stacked:
        panel = panel.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL)).fill_opacity(30)
    if limits:
        style = common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds_style(style)
    return panel if minimum is None else panel.min(minimum)


def number(
    title: str,
    description: str,
    unit: str,
    expression: Expression,
    *,
    span: int = 4,
    limits: Steps = (),
    states: States | None = None,
    decimals: int | None = None,
    legend: str = "",
) -> Panel:
    """Build a panel with a figure of now, coloured by its thresholds; see `lines` for the arguments.

    The query asks for one moment: where there is nothing now, Grafana shows "No data" and not the last value that it
    found in the time shown.

    Args:
        title: The panel's title.
        description: The meaning of the figures, and when to worry.
        unit: Grafana's name of the unit.
        expression: The figure.
        span: Width, of 24.
        limits: Thresholds that colour the figure.
        states: Words for the values of a state.
        decimals: Places after the point; None leaves it to Grafana.
        legend: Names the figures where there are several, such as one for each bot.

    Returns:
        The panel.
    """
    panel = _common(stat.Panel(), title, description, unit, (), span, 4, limits, states)
    panel = panel.with_target(_target(expression, legend or title, "A", now=True)).no_value("No data")
    panel = panel.graph_mode(common.BigValueGraphMode.NONE)
    panel = panel.color_mode(common.BigValueColorMode.BACKGROUND if states else common.BigValueColorMode.VALUE)
    panel = panel.reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
    return panel if decimals is None else panel.decimals(decimals)


def timeline(
    title: str, description: str, *targets: Query, states: States, span: int = 12, unit: str = "bool_on_off"
) -> Panel:
    """Build a panel of states over time; see `number` for the arguments."""
    panel = _common(statetimeline.Panel(), title, description, unit, targets, span, 8, (), states)
    return panel.show_value(common.VisibilityMode.AUTO).merge_values(True).fill_opacity(70)


def spread(definition: MetricDefinition, title: str, description: str, *, span: int = 12) -> Panel:
    """Build a heatmap of a histogram: which values came, when, and how often.

    Args:
        definition: The histogram.
        title: The panel's title.
        description: The meaning of the figures.
        span: Width, of 24.

    Returns:
        The panel.
    """
    unit = UNITS[definition.unit]
    panel = _common(heatmap.Panel(), title, description, unit, (), span, 8, ())
    query = _target(queries.buckets(definition), "{{le}}", "A").format(PromQueryFormat.HEATMAP)
    panel.interval(HEATMAP_STEP)
    return (
        panel.with_target(query)
        .calculate(False)
        .y_axis(heatmap.YAxisConfig().unit(unit))
        .cell_values(heatmap.CellValues().unit("locale"))
        .color(heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").exponent(0.5).steps(64))
        .show_legend()
    )


def quantiles(
    definition: MetricDefinition, title: str, description: str, *, by: str = "", span: int = 12, limits: Steps = ()
) -> Panel:
    """Build a panel with the median, the 90th and the 99th percentile of a histogram; see `lines`.

    Args:
        definition: The histogram.
        title: The panel's title.
        description: The meaning of the figures, and when to worry.
        by: Labels to keep apart, separated by commas.
        span: Width, of 24.
        limits: Thresholds, drawn as lines.

    Returns:
        The panel.
    """
    names = " ".join(f"{{{{{label.strip()}}}}}" for label in by.split(",")) if by else ""
    targets = [(queries.quantile(q, definition, by), f"{names} p{q * 100:g}".strip()) for q in queries.QUANTILES]
    return lines(title, description, UNITS[definition.unit], *targets, span=span, limits=limits)


def _common(
    panel: _P,
    title: str,
    description: str,
    unit: str,
    targets: Sequence[Query],
    span: int,
    height: int,
    limits: Steps,
    states: States | None = None,
) -> _P:
    panel.title(title).description(description).datasource(SOURCE).unit(unit).span(span).height(height)
    panel.thresholds(_thresholds(limits))
    if states:
        results = {
            str(value): dashboard.ValueMappingResult(text=text, color=colour)
            for value, (text, colour) in states.items()
        }
        panel.mappings([dashboard.ValueMap(options=results)])
    for number, (expression, legend) in enumerate(targets):
        panel.with_target(_target(expression, legend, chr(ord("A") + number)))
    return panel


def _thresholds(limits: Steps) -> dashboard_builders.ThresholdsConfig:
    steps = [dashboard.Threshold(value=None, color="green")]
    if limits and limits[0][0] == float("-inf"):
        steps, limits = [dashboard.Threshold(value=None, color=limits[0][1])], limits[1:]
    steps += [dashboard.Threshold(value=value, color=colour) for value, colour in limits]
    return dashboard_builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)


def _target(expression: Expression, legend: str, reference: str, *, now: bool = False) -> prometheus.Dataquery:
    query = prometheus.Dataquery().expr(str(expression)).legend_format(legend).ref_id(reference).datasource(SOURCE)
    return query.instant() if now else query.range()
