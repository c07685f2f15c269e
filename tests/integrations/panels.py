"""How many panels of a dashboard have data, given what a metrics object has recorded."""

import json
import re
from pathlib import Path

DASHBOARDS = Path(__file__).parents[2] / "dashboards" / "json"
LEAST = {"main": 16, "risk": 6, "market_data": 8}
"""Panels that have data when a bot asks for its balance, its positions and prices."""
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


def assert_filled(metrics, **fewer):
    """Fail where a dashboard has fewer panels with data than it should.

    `fewer` is the exact number for a dashboard of which a library does not tell enough; say beside it what is missing.
    """
    for dashboard, least in LEAST.items():
        there = with_data(dashboard, metrics)
        empty = sorted(set(panels(dashboard)) - set(there))
        wanted = fewer.get(dashboard)
        assert len(there) >= least if wanted is None else len(there) == wanted, f"{dashboard}: no data for {empty}"
