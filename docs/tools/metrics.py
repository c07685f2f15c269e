"""The metric reference, from the catalogue, the recorders, the dashboards and the rules."""

from collections import defaultdict
from pathlib import Path
from typing import Final

from docs.tools import dashboards as boards
from docs.tools.markdown import code, codes, generated, table
from docs.tools.recorders import recorders
from tradmetrics import Limits, catalogue
from tradmetrics.doctor.grafana import read_dashboard
from tradmetrics.doctor.promql import selected_names
from tradmetrics.doctor.rules import read_rules
from tradmetrics.model.definition import Label, MetricDefinition

ROOT: Final = Path(__file__).parent.parent.parent


def uses() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the dashboards and the rules that ask for each metric, by its name."""
    dashboards: dict[str, list[str]] = defaultdict(list)
    rules: dict[str, list[str]] = defaultdict(list)
    for path in sorted(boards.BOARDS.glob("*.json")):
        for name in sorted(set(map(boards.metric, selected_names(read_dashboard(path))))):
            dashboards[name].append(boards.link(path))
    for path in sorted((ROOT / "alerts" / "rules").glob("*.yml")):
        for query in read_rules(path):
            rule = query.place.rpartition(" ")[2]
            link = code(rule) if query.record else f"[{rule}](../runbooks/{rule}.md)"
            for name in sorted(set(map(boards.metric, selected_names([query])))):
                rules[name].append(link)
    return dashboards, rules


def page() -> str:
    """Return the page."""
    families = list(dict.fromkeys(each.family for each in catalogue.CATALOGUE))
    found, (dashboards, rules) = recorders(), uses()
    parts = [
        generated(),
        "# Metrics",
        f"The {len(catalogue.CATALOGUE)} metrics that the library can record. None has a sample before something is "
        "recorded, apart from those that are computed at each scrape: until then, its panel is empty.",
        "**Domain** is the closed set of a label's values. A label without one is *open*: it takes any text, cleaned "
        "and cut at 128 characters, up to its budget of distinct values; see "
        "[Why labels are bounded](../explanation/bounded-labels.md). The six [adapters](api/adapters.md) record into "
        "the same metrics.",
    ]
    for family in families:
        parts.append(f"## {family[0].upper()}{family[1:]}")
        for definition in catalogue.CATALOGUE:
            if definition.family == family:
                parts += _entry(definition, found[definition.name], dashboards, rules)
    return "\n\n".join(parts) + "\n"


def _entry(
    definition: MetricDefinition, found: list[str], dashboards: dict[str, list[str]], rules: dict[str, list[str]]
) -> list[str]:
    name = definition.name
    head = ("Type", definition.kind + (", computed at each scrape" if definition.at_scrape else ""))
    rows = [(f"Label {code(label.name)}", _domain(name, label)) for label in definition.labels]
    if definition.unit:
        rows.append(("Unit", definition.unit))
    if definition.buckets:
        rows.append(("Buckets", " · ".join(f"{bound:g}" for bound in definition.buckets)))
    rows.append(("Recorded by", ", ".join(found)))
    rows.append(("Dashboards", ", ".join(dashboards[name]) or "none"))
    rows.append(("Alerts and rules", ", ".join(rules[name]) or "none"))
    return [f"### {name} {{#{name}}}", definition.help, table(head, rows)]


def _domain(metric: str, label: Label) -> str:
    if label.values is not None:
        return codes(label.values)
    return f"open, {Limits().label_budget(metric, label.name)} values"
