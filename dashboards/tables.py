"""Tables: the bots side by side, and the alerts that fire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard as dashboard_builders
from grafana_foundation_sdk.builders import prometheus, table
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards import limits
from dashboards.panels import SOURCE, Panel, States, Steps
from tradmetrics.board.query import Binary, Expression, Matcher, Selector

BOARD_OF_BOT: Final = "/d/tradmetrics-main?${__url_time_range}&${datasource:queryparam}&var-instance=${__value.text}"


@dataclass(frozen=True)
class Column:
    """One column of the table of bots.

    Attributes:
        title: Its heading.
        expression: A figure for each instance.
        unit: Grafana's name of the unit.
        limits: Thresholds that colour the cell.
        states: Words and colours for the values of a state.
        decimals: Places after the point; None leaves it to Grafana.
    """

    title: str
    expression: Expression
    unit: str = "locale"
    limits: Steps = ()
    states: States | None = None
    decimals: int | None = None


def side_by_side(title: str, description: str, columns: Sequence[Column], *, span: int = 24) -> Panel:
    """Build a table with a line for each bot and a column for each figure.

    Args:
        title: The heading.
        description: The meaning of the table.
        columns: Its columns after the bot's name.
        span: Width, of 24.

    Returns:
        The panel.
    """
    panel = _table(title, description, span, 7)
    renamed = {"instance": "Bot"}
    for number, column in enumerate(columns):
        reference = chr(ord("A") + number)
        panel = panel.with_target(_now(column.expression, reference))
        renamed[f"Value #{reference}"] = column.title
        panel = panel.override_by_name(column.title, _properties(column))
    link = {"title": "Show this bot alone", "url": BOARD_OF_BOT}
    panel = panel.override_by_name("Bot", [dashboard.DynamicConfigValue(id_val="links", value=[link])])
    panel = panel.with_transformation(_step("joinByField", {"byField": "instance", "mode": "outer"}))
    panel = panel.with_transformation(_step("filterFieldsByName", {"include": {"pattern": "^(instance|Value #.)$"}}))
    return panel.with_transformation(_step("organize", {"renameByName": renamed}))


def firing(title: str, description: str, docs: str, *, span: int = 24) -> Panel:
    """Build the list of the project's alerts that fire, each with a link to its runbook."""
    link = {"title": "Runbook", "url": f"{docs.rstrip('/')}/runbooks/${{__value.text}}/", "targetBlank": True}
    shown = ("alertname", "severity", "instance", "strategy", "symbol", "reason")
    renamed = {name: name.capitalize() for name in shown} | {"alertname": "Alert", "instance": "Bot"}
    panel = _table(title, description, span, 6).with_target(_now(alerts_firing(), "A"))
    panel = panel.no_value("No alert fires").override_by_name(
        "Alert", [dashboard.DynamicConfigValue(id_val="links", value=[link])]
    )
    colours = {word: {"color": colour, "text": word} for word, colour in _SEVERITIES.items()}
    panel = panel.override_by_name(
        "Severity",
        [
            dashboard.DynamicConfigValue(id_val="mappings", value=[{"type": "value", "options": colours}]),
            dashboard.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}),
        ],
    )
    panel = panel.with_transformation(_step("filterFieldsByName", {"include": {"names": list(shown)}}))
    order = {name: number for number, name in enumerate(shown)}
    return panel.with_transformation(_step("organize", {"renameByName": renamed, "indexByName": order}))


_SEVERITIES: Final = {"critical": "red", "warning": "orange", "info": "blue"}


def alerts_firing() -> Selector:
    """Select the project's alerts that fire, for the chosen job and instance."""
    names = "|".join(limits.names())
    return Selector(
        "ALERTS",
        (
            Matcher("alertstate", "=", "firing"),
            Matcher("alertname", "=~", names),
            Matcher("job", "=~", "$job"),
            Matcher("instance", "=~", "$instance"),
        ),
    )


def counted(expression: Expression, otherwise: Expression) -> Binary:
    """Take an expression, or another one where it has no series."""
    return Binary("or", expression, otherwise)


def _table(title: str, description: str, span: int, height: int) -> table.Panel:
    panel = table.Panel().title(title).description(description).datasource(SOURCE).span(span).height(height)
    steps = dashboard_builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE)
    panel = panel.unit("locale").thresholds(steps.steps([dashboard.Threshold(value=None, color="text")]))
    return panel.no_value("No data")


def _now(expression: Expression, reference: str) -> prometheus.Dataquery:
    query = prometheus.Dataquery().expr(str(expression)).legend_format("__auto").ref_id(reference)
    return query.datasource(SOURCE).instant().format(PromQueryFormat.TABLE)


def _properties(column: Column) -> list[dashboard.DynamicConfigValue]:
    properties: dict[str, Any] = {"unit": column.unit}
    if column.decimals is not None:
        properties["decimals"] = column.decimals
    if column.states:
        options = {str(value): {"text": text, "color": colour} for value, (text, colour) in column.states.items()}
        properties["mappings"] = [{"type": "value", "options": options}]
        properties["custom.cellOptions"] = {"type": "color-background"}
    if column.limits:
        steps = [{"value": None, "color": "text"}]
        limits_ = list(column.limits)
        if limits_[0][0] == float("-inf"):
            steps, limits_ = [{"value": None, "color": limits_[0][1]}], limits_[1:]
        steps += [{"value": value, "color": "text" if colour == "green" else colour} for value, colour in limits_]
        properties["thresholds"] = {"mode": "absolute", "steps": steps}
        properties["custom.cellOptions"] = {"type": "color-text"}
    return [dashboard.DynamicConfigValue(id_val=name, value=value) for name, value in properties.items()]


def _step(name: str, options: Mapping[str, Any]) -> dashboard.DataTransformerConfig:
    return dashboard.DataTransformerConfig(id_val=name, options=dict(options))
