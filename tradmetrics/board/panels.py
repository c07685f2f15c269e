"""Reads the shipped dashboards: panels, titles, units, thresholds, colours and queries, as the board draws them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tradmetrics.board.query import Expression, parse
from tradmetrics.board.query.samples import Labels

_LEGEND: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
ORDER: Final = ("main", "execution", "risk", "strategy", "market_data", "models", "system")
"""The dashboards in the order of the board's menu."""


@dataclass(frozen=True)
class Query:
    """One query of a panel."""

    reference: str
    text: str
    expression: Expression
    legend: str

    def name(self, labels: Labels) -> str:
        """Return the name of a series: the legend with the series' labels filled in."""
        filled = _LEGEND.sub(lambda match: labels.get(match[1], ""), self.legend)
        return " ".join(filled.split()) or ", ".join(labels.values()) or "value"


@dataclass(frozen=True)
class Look:
    """How values are shown: unit, decimals, words for values, colours from thresholds."""

    unit: str = "none"
    decimals: int | None = None
    steps: tuple[tuple[float | None, str], ...] = ()
    words: Mapping[float, tuple[str, str]] = field(default_factory=dict)
    no_value: str = "No data"

    def colour(self, value: float) -> str:
        """Return the name of the colour of a value."""
        if value in self.words:
            return self.words[value][1]
        found = "text"
        for start, colour in self.steps:
            if start is None or value >= start:
                found = colour
        return found


@dataclass(frozen=True)
class Panel:
    """One panel of a dashboard.

    Attributes:
        title: The panel's title.
        description: The meaning of the figures, and when to worry.
        kind: Grafana's type: `stat`, `timeseries`, `heatmap`, `state-timeline` or `table`.
        look: How values are shown.
        queries: The queries.
        width: Of 24.
        height: In Grafana's units.
        stacked: True if curves are stacked.
        minimum: The axis's lower end, if it is fixed.
        columns: Of a table: the heading and the look of each query's column.
    """

    title: str
    description: str
    kind: str
    look: Look
    queries: tuple[Query, ...]
    width: int
    height: int
    stacked: bool = False
    minimum: float | None = None
    columns: tuple[tuple[str, Look], ...] = ()


@dataclass(frozen=True)
class Row:
    """A titled row of panels."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Dashboard:
    """One dashboard."""

    name: str
    title: str
    description: str
    rows: tuple[Row, ...]

    def panels(self) -> Iterator[Panel]:
        """Iterate over the panels of all rows."""
        for row in self.rows:
            yield from row.panels


def read(files: Mapping[str, str]) -> dict[str, Dashboard]:
    """Read dashboards from their JSON.

    Args:
        files: The JSON by file name, as `Shipped.dashboards` returns it.

    Returns:
        The dashboards by name, in the order of the menu.
    """
    found = {name.removesuffix(".json"): json.loads(text) for name, text in files.items()}
    return {name: _dashboard(name, found[name]) for name in ORDER if name in found}


def _dashboard(name: str, document: Mapping[str, Any]) -> Dashboard:
    rows: list[tuple[str, list[Panel]]] = []
    for each in document["panels"]:
        if each["type"] == "row":
            rows.append((each["title"], []))
        else:
            rows[-1][1].append(_panel(each))
    return Dashboard(
        name, document["title"], document["description"], tuple(Row(title, tuple(panels)) for title, panels in rows)
    )


def _panel(document: Mapping[str, Any]) -> Panel:
    defaults = document["fieldConfig"]["defaults"]
    queries = tuple(
        Query(each["refId"], each["expr"], parse(each["expr"]), each.get("legendFormat") or "")
        for each in document.get("targets", ())
    )
    custom = defaults.get("custom") or {}
    return Panel(
        document["title"],
        document["description"],
        document["type"],
        _look(defaults),
        queries,
        document["gridPos"]["w"],
        document["gridPos"]["h"],
        (custom.get("stacking") or {}).get("mode") == "normal",
        defaults.get("min"),
        _columns(document, queries),
    )


def _look(defaults: Mapping[str, Any]) -> Look:
    words = {
        float(value): (shown.get("text", value), shown.get("color", "text"))
        for mapping in defaults.get("mappings") or ()
        if mapping["type"] == "value"
        for value, shown in mapping["options"].items()
        if re.fullmatch(r"-?\d+(\.\d+)?", value)
    }
    steps = ((defaults.get("thresholds") or {}).get("steps")) or ()
    return Look(
        defaults.get("unit") or "none",
        defaults.get("decimals"),
        tuple((each["value"], each["color"]) for each in steps),
        words,
        defaults.get("noValue") or "No data",
    )


def _columns(document: Mapping[str, Any], queries: tuple[Query, ...]) -> tuple[tuple[str, Look], ...]:
    if document["type"] != "table":
        return ()
    renamed: dict[str, str] = {}
    for step in document.get("transformations") or ():
        renamed |= (step.get("options") or {}).get("renameByName") or {}
    looks = {
        each["matcher"]["options"]: {each["id"]: each["value"] for each in each["properties"]}
        for each in document["fieldConfig"].get("overrides") or ()
    }
    titles = [renamed.get(f"Value #{query.reference}", "") for query in queries]
    return tuple((title, _look(looks.get(title, {}))) for title in titles if title)
