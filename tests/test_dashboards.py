"""The dashboards: what is committed is what the code draws, and every panel can be understood."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import promql_parser
import pytest

if sys.version_info < (3, 11):
    pytest.skip("Grafana's SDK, which draws the dashboards, needs Python 3.11", allow_module_level=True)

from dashboards import generate
from tradmetrics.catalogue import BY_NAME, CATALOGUE
from tradmetrics.doctor.grafana import read_dashboard
from tradmetrics.doctor.known import Known

FILES = sorted(generate.OUTPUT.glob("*.json"))
BOARDS: dict[str, dict[str, Any]] = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FILES}
ALL = [(name, panel) for name, board in BOARDS.items() for panel in board["panels"] if panel["type"] != "row"]
PANELS = [pytest.param(panel, id=f"{name}-{panel['id']}-{panel['title']}") for name, panel in ALL]


def expressions(panel: dict[str, Any]) -> list[str]:
    """Return the queries of a panel as they stand in the JSON."""
    return [target["expr"] for target in panel["targets"]]


def test_committed_dashboards_are_what_their_code_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A change to the code would not reach the users, or one by hand would be lost."""
    assert generate.run(["--check"]) == 0
    assert generate.run(["--output", str(tmp_path)]) == 0
    (tmp_path / "main.json").write_text("{}", encoding="utf-8")
    assert generate.run(["--output", str(tmp_path), "--check"]) == 1
    assert str(tmp_path / "main.json") in capsys.readouterr().err


def test_the_seven_dashboards_have_the_titles_that_the_guide_and_the_docs_name() -> None:
    """Someone who follows the guide would not find the dashboard."""
    assert {board["title"] for board in BOARDS.values()} == {
        "Trading System - Main Dashboard",
        "Execution",
        "Risk and capital",
        "Market data",
        "Strategy detail",
        "Models",
        "System and instrumentation",
    }
    assert len({board["uid"] for board in BOARDS.values()}) == 7


def test_every_metric_of_the_catalogue_stands_in_a_panel() -> None:
    """A metric would be recorded that no dashboard shows."""
    known, shown = Known(), set()

    def note(node: Any) -> None:
        if isinstance(node, promql_parser.VectorSelector) and (definition := known.definition(node.name or "")):
            shown.add(definition.name)

    for path in FILES:
        for query in read_dashboard(path):
            if query.place.startswith("panel "):
                promql_parser.walk(promql_parser.parse(query.text), note)
    assert {definition.name for definition in CATALOGUE} - shown == set()


@pytest.mark.parametrize("definition", [each for each in CATALOGUE if each.kind == "histogram"], ids=lambda d: d.name)
def test_a_histogram_is_shown_as_heatmap_and_as_quantiles(definition: Any) -> None:
    """The spread of fill times would be hidden behind one number."""
    naming = [panel for _, panel in ALL if any(f"{definition.name}_bucket" in text for text in expressions(panel))]
    assert any(panel["type"] == "heatmap" for panel in naming)
    quantiles = {
        found
        for panel in naming
        for text in expressions(panel)
        for found in re.findall(r"histogram_quantile\(([\d.]+)", text)
    }
    assert {"0.5", "0.9", "0.99"} <= quantiles


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_says_what_it_shows_in_which_unit(panel: dict[str, Any]) -> None:
    """A reader would guess whether 0.9 is seconds, percent or money."""
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert defaults["unit"]
    assert defaults["thresholds"]["steps"][0]["value"] is None
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert panel["targets"]
    assert all(target["legendFormat"] for target in panel["targets"])


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_obeys_the_variables(panel: dict[str, Any]) -> None:
    """Choosing a strategy or an instance would leave a panel showing the others too."""

    def check(node: Any) -> None:
        if isinstance(node, promql_parser.VectorSelector) and node.name != "ALERTS":
            matchers = {matcher.name: matcher.value for matcher in node.matchers.matchers}
            definition = known.definition(node.name or "")
            assert matchers["job"] == "$job"
            assert matchers["instance"] == "$instance"
            if definition and "strategy" in definition.label_names:
                assert matchers["strategy"] == "$strategy"

    known = Known()
    for text in expressions(panel):
        promql_parser.walk(promql_parser.parse(re.sub(r"\[\$__\w+\]", "[5m]", text)), check)


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_has_its_variables_annotations_and_links(name: str) -> None:
    """With two Prometheus servers, or two bots, a dashboard could not be used."""
    board = BOARDS[name]
    assert [each["name"] for each in board["templating"]["list"]] == ["datasource", "job", "instance", "strategy"]
    assert [each["name"] for each in board["annotations"]["list"]] == ["Alerts firing", "Breaker trips"]
    assert "ALERTS" in board["annotations"]["list"][0]["expr"]
    assert [link["tags"] for link in board["links"]] == [["tradmetrics"]]


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_has_no_gaps_and_no_two_panels_with_one_id(name: str) -> None:
    """Grafana would shuffle the panels, and a link to a panel would open another."""
    panels = BOARDS[name]["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
        if panel["type"] != "row"
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23
    lines = {y for _, y in cells} | {panel["gridPos"]["y"] for panel in panels if panel["type"] == "row"}
    assert lines == set(range(max(lines) + 1))


def test_the_strategy_dashboard_shows_every_metric_of_the_strategy_family() -> None:
    """The page for one strategy would lack one of its figures."""
    text = json.dumps(BOARDS["strategy"])
    assert [each.name for each in BY_NAME.values() if each.family == "strategy" and each.name not in text] == []
