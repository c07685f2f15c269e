"""How many panels of a dashboard have data, given what a metrics object has recorded."""

import json
import re
from pathlib import Path

DASHBOARDS = Path(__file__).parents[2] / "dashboards" / "json"
_NAME = re.compile(r"\b(?:trading|tradmetrics)_[a-z0-9_]+\b")


def panels(dashboard):
    """The panels of a dashboard that ask for something: their titles, and the metrics that each query names."""
    found = {}
    pending = list(json.loads((DASHBOARDS / f"{dashboard}.json").read_text())["panels"])
    while pending:
        panel = pending.pop()
        pending += panel.get("panels") or []
        queries = [set(_NAME.findall(target["expr"])) for target in panel.get("targets") or () if target.get("expr")]
        if any(queries):
            found[panel["title"]] = [names for names in queries if names]
    return found


def with_data(dashboard, metrics):
    """The titles of the panels that would show something: all metrics of one of their queries have a sample."""
    there = {sample.name for family in metrics.registry.collect() for sample in family.samples}
    return sorted(title for title, queries in panels(dashboard).items() if any(names <= there for names in queries))
