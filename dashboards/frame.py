"""The parts that every dashboard has: variables, annotations, links between them, rows and stable panel ids."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.panels import SOURCE, Panel
from dashboards.queries import occurrences, select
from dashboards.tables import alerts_firing
from tradmetrics import catalogue
from tradmetrics.board.query import Binary, Expression, Number

TAG: Final = "tradmetrics"
WIDTH: Final = 24


@dataclass(frozen=True)
class Row:
    """A titled row of panels. The widths of its panels fill lines of 24."""

    title: str
    panels: Sequence[Panel]


def render(uid: str, title: str, description: str, rows: Sequence[Row], *, range_: str = "now-1h") -> dict[str, Any]:
    """Build one dashboard.

    Args:
        uid: The dashboard's identity in Grafana: links and bookmarks stay valid while it stays the same.
        title: Its title.
        description: The questions that the dashboard answers.
        rows: The rows of panels.
        range_: Where the time range begins at first.

    Returns:
        The dashboard in Grafana's JSON model.

    Raises:
        ValueError: When the panels of a row leave a gap.
    """
    builder = (
        builders.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .timezone("browser")
        .refresh("5s")
        .time(range_, "now")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(
            builders.DashboardLink("Trading dashboards")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
    )
    for variable in _variables():
        builder = builder.with_variable(variable)
    for row in rows:
        builder = builder.with_row(builders.Row(row.title))
        for panel in row.panels:
            builder = builder.with_panel(panel)
    encoded: dict[str, Any] = json.loads(json.dumps(builder.build(), cls=JSONEncoder))
    # The builder has no field for an annotation's texts.
    encoded["annotations"] = {"list": _annotations()}
    for number, panel in enumerate(encoded["panels"], start=1):
        panel["id"] = number
    _check_lines(title, encoded["panels"])
    return encoded


def _variables() -> list[builders.QueryVariable | builders.DatasourceVariable]:
    of_job = f'{catalogue.SYSTEM_UPTIME.name}{{job=~"$job"}}'
    orders = f'{catalogue.ORDERS_SUBMITTED.name}{{job=~"$job", instance=~"$instance"}}'
    return [
        builders.DatasourceVariable("datasource").label("Data source").type("prometheus"),
        _choice("job", "Job", f"label_values({catalogue.SYSTEM_UPTIME.name}, job)"),
        _choice("instance", "Instance", f"label_values({of_job}, instance)"),
        _choice("strategy", "Strategy", f"label_values({orders}, strategy)"),
    ]


def _choice(name: str, label: str, query: str) -> builders.QueryVariable:
    every = models.VariableOption(selected=True, text="All", value="$__all")
    return (
        builders.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(every)
    )


def _annotations() -> list[dict[str, Any]]:
    return [
        _annotation(
            "Alerts firing",
            alerts_firing(),
            "orange",
            "{{alertname}}",
            "{{severity}} {{instance}} {{strategy}} {{reason}}",
        ),
        _annotation(
            "Breaker trips",
            Binary(">", occurrences(catalogue.CIRCUIT_BREAKER_TRIGGERS, "reason", window="1m"), Number(0)),
            "red",
            "Circuit breaker",
            "{{reason}}",
        ),
        _annotation(
            "Market closed",
            Binary("==", select(catalogue.MARKET_SESSION_OPEN), Number(0), as_bool=True),
            "blue",
            "Market closed",
            "{{instance}}",
        ),
        _annotation("New version", _new_version(), "purple", "New version", "{{instance}} {{version}}"),
    ]


def _new_version() -> Expression:
    """Build what is 1 for a minute after a bot comes up with a version that it did not have before."""
    now = select(catalogue.BUILD_INFO)
    before = replace(now, offset="1m")
    return Binary("unless", now, before)


def _annotation(name: str, expression: Expression, colour: str, title: str, text: str) -> dict[str, Any]:
    return {
        "name": name,
        "datasource": SOURCE.to_json(),
        "enable": True,
        "hide": False,
        "iconColor": colour,
        "expr": str(expression),
        "step": "15s",
        "titleFormat": title,
        "textFormat": text,
        "useValueForTime": False,
    }


def _check_lines(title: str, panels: Sequence[dict[str, Any]]) -> None:
    taken: dict[int, int] = {}
    for panel in panels:
        if panel["type"] != "row":
            line = panel["gridPos"]["y"]
            taken[line] = taken.get(line, 0) + panel["gridPos"]["w"]
    gaps = {line: width for line, width in taken.items() if width != WIDTH}
    if gaps:
        raise ValueError(f"{title}: panels on lines {gaps} do not fill {WIDTH}")
