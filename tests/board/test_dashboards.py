"""The dashboards: what is committed is what the code draws, and every panel can be understood."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

if sys.version_info < (3, 11):
    pytest.skip("Grafana's SDK, which draws the dashboards, needs Python 3.11", allow_module_level=True)

from dashboards import generate, limits
from tests.stack.programs import program, run
from tradmetrics.catalogue import BY_NAME, CATALOGUE, SYSTEM_UPTIME
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


def test_dashboards_draw_the_thresholds_of_ones_own_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dashed line that is called the alert's threshold would not be where the reader's alert fires."""
    monkeypatch.setattr(limits, "_SETTINGS", dict(limits._SETTINGS))
    own = tmp_path / "desk.yml"
    own.write_text("alerts: {HighDailyLoss: {threshold: -77000}}\n", encoding="utf-8")
    assert generate.run(["--settings", str(own), "--output", str(tmp_path / "boards")]) == 0
    assert "-77000" in (tmp_path / "boards" / "main.json").read_text(encoding="utf-8")
    assert "-77000" not in FILES[0].with_name("main.json").read_text(encoding="utf-8")

    own.write_text("alerts: {HighDailyLos: {threshold: 1}}\n", encoding="utf-8")
    assert generate.run(["--settings", str(own), "--output", str(tmp_path / "none")]) == 2
    assert "HighDailyLos" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


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


@pytest.mark.parametrize(("name", "panel"), [pytest.param(*each, id=f"{each[0]}-{each[1]['id']}") for each in ALL])
def test_a_panel_is_explained_in_the_documentation(name: str, panel: dict[str, Any]) -> None:
    """Who decides whether to use this, or reads a panel on a wall, could not look up what it means."""
    page = (generate.OUTPUT.parent.parent / "docs" / "reference" / "dashboards.md").read_text(encoding="utf-8")
    section = page.partition(f"{{#{name}}}")[2].partition("\n## ")[0]
    row = f"| {panel['title']} | {panel['description']} | "
    assert row in section
    assert section.partition(row)[2].partition("\n")[0].strip(" |")


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_obeys_the_variables(panel: dict[str, Any]) -> None:
    """Choosing a strategy or an instance would leave a panel showing the others too."""

    def check(node: Any) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            matchers = {matcher.name: matcher.value for matcher in node.matchers.matchers}
            definition = known.definition(node.name or "")
            assert matchers["job"] == "$job"
            assert matchers["instance"] == "$instance"
            if definition and definition is not SYSTEM_UPTIME:
                labelled.append("strategy" in definition.label_names)
                chosen.append("strategy" in matchers)
                assert matchers.get("strategy", "$strategy") == "$strategy"

    known = Known()
    for text in expressions(panel):
        labelled: list[bool] = []
        chosen: list[bool] = []
        promql_parser.walk(promql_parser.parse(re.sub(r"(?<=[\[ ])\$__\w+", "5m", text)), check)
        # A share of parts that count different things is no share: then choosing a strategy changes neither.
        mixed = "/" in text and len(set(labelled)) == 2
        assert chosen == ([False] * len(labelled) if mixed else labelled)


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_has_its_variables_annotations_and_links(name: str) -> None:
    """With two Prometheus servers, or two bots, a dashboard could not be used."""
    board = BOARDS[name]
    assert [each["name"] for each in board["templating"]["list"]] == ["datasource", "job", "instance", "strategy"]
    assert [each["name"] for each in board["annotations"]["list"]] == [
        "Alerts firing",
        "Breaker trips",
        "Market closed",
        "New version",
    ]
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


TARGET = 'job="tradmetrics", instance="bot:8000"'
# Scraped every 15 seconds for half an hour, like the counters below.
UP = (f"{SYSTEM_UPTIME.name}{{{TARGET}}}", "0+15x120")
FIRST = "_x40 1x79"  # not there for ten minutes, then 1 to the end
RARE = [
    pytest.param(panel, id=f"{name}-{panel['title']}")
    for name, panel in ALL
    if "each counts for the moment after it" in panel["description"]
]
IN_RANGE = [
    pytest.param(panel, id=f"{name}-{panel['title']}")
    for name, panel in ALL
    if "in the time shown" in panel["description"] and panel["title"] != "Rejected"
]


def answer(panel: dict[str, Any], series: str, at: str, value: float | None, folder: Path, *, without: str = "") -> str:
    """Return what promtool says to a panel's only query being this value; nothing when it is."""
    (text,) = expressions(panel)
    for variable, chosen in {"$__range": "1h", "$__rate_interval": "1m"}.items():
        text = text.replace(variable, chosen)
    names = set(re.findall(r"\w+_total(?={)", text)) - {without}
    text = re.sub(r"\$\w+", ".*", text)
    labels = {label for name in names for label in BY_NAME[name].label_names}
    given = ", ".join([TARGET, *(f'{label}="x"' for label in sorted(labels))])
    kept = re.match(r"sum by \(([\w, ]+)\)", text)
    identity = "{" + ", ".join(f'{each}="x"' for each in sorted(kept[1].split(", "))) + "}" if kept else "{}"
    counters = [{"series": f"{name}{{{given}}}", "values": series} for name in names] if series else []
    expected = [] if value is None else [{"labels": identity, "value": value}]
    test = {
        "evaluation_interval": "15s",
        "tests": [
            {
                "interval": "15s",
                "input_series": [dict(zip(("series", "values"), UP, strict=True)), *counters],
                "promql_expr_test": [{"expr": text, "eval_time": at, "exp_samples": expected}],
            }
        ],
    }
    path = folder / "panel.yml"
    path.write_text(yaml.safe_dump(test), encoding="utf-8")
    result = run(program("promtool"), "test", "rules", str(path))
    return "" if result.returncode == 0 else result.stdout + result.stderr


@pytest.mark.parametrize("panel", RARE)
def test_a_curve_of_what_is_rare_shows_the_first_of_its_kind_and_comes_down(
    panel: dict[str, Any], tmp_path: Path
) -> None:
    """The breaker would have tripped, and the panel of its trips would stay empty until the second time."""
    assert answer(panel, FIRST, "10m30s", 1, tmp_path) == ""
    assert answer(panel, FIRST, "12m", 0, tmp_path) == ""


@pytest.mark.parametrize("panel", IN_RANGE)
def test_a_count_in_the_time_shown_has_the_first_of_its_kind_and_0_when_there_was_none(
    panel: dict[str, Any], tmp_path: Path
) -> None:
    """One trip of the breaker would read as none, and no trip as a panel that is broken."""
    assert answer(panel, FIRST, "20m", 1, tmp_path) == ""
    assert answer(panel, "", "20m", 0, tmp_path) == ""
    assert panel["targets"][0]["instant"]


def test_a_count_in_the_time_shown_is_there_in_the_evening_when_the_bot_has_gone(tmp_path: Path) -> None:
    """Who looks at the day after the bot was stopped would read that the breaker had not tripped."""
    trips = next(panel for _, panel in ALL if panel["title"] == "Trips in the time shown")
    assert answer(trips, "_x40 1x19 stale", "28m", 1, tmp_path) == ""


def test_a_count_in_the_time_shown_goes_on_over_a_restart_of_the_bot(tmp_path: Path) -> None:
    """After a restart at noon, the morning's trips would be gone from the day's count."""
    trips = next(panel for _, panel in ALL if panel["title"] == "Trips in the time shown")
    restarted = "_x20 1 5x19 _x20 2x40"  # one trip is seen first, four more come, and two after the restart
    rounded = {**trips, "targets": [{"expr": f"round({expressions(trips)[0]})"}]}
    assert answer(rounded, restarted, "25m", 6, tmp_path) == ""


def test_the_share_of_rejected_orders_is_0_on_a_good_day_and_blank_before_the_first_order(tmp_path: Path) -> None:
    """Without a single reject, the figure would be blank, as if nothing was recorded."""
    rejected = next(panel for _, panel in ALL if panel["title"] == "Rejected" and panel["type"] == "stat")
    assert answer(rejected, "_x40 10x79", "20m", 0, tmp_path, without="trading_orders_rejected_total") == ""
    assert answer(rejected, "", "20m", None, tmp_path) == ""


def test_bots_and_nothing_else_stand_side_by_side(tmp_path: Path) -> None:
    """The stack's own Prometheus and node exporter would stand among the bots, as bots without figures."""
    targets = {
        "bot:8000": ("tradmetrics", 1, ""),
        "dead:8000": ("tradmetrics", 0, ""),
        "bare:8000": ("other", 1, ""),  # a bot that serves nothing of ours is still one
        "localhost:9090": ("prometheus", 1, "prometheus_build_info"),
        "localhost:9093": ("alertmanager", 1, "alertmanager_build_info"),
        "host:9100": ("node", 1, "node_exporter_build_info"),
    }
    series = [
        {"series": f'{name}{{job="{job}", instance="{instance}"}}', "values": f"{value}x9"}
        for instance, (job, alive, build_info) in targets.items()
        for name, value in (("up", alive), (build_info, 1))
        if name
    ]
    expected = [
        {"labels": f'{{instance="{name}"}}', "value": alive}
        for name, (_, alive, no_bot) in targets.items()
        if not no_bot
    ]
    shown = [expressions(panel)[0] for _, panel in ALL if panel["title"] in ("Up", "Bots side by side")]
    tests = [{"expr": re.sub(r"\$\w+", ".*", text), "eval_time": "1m", "exp_samples": expected} for text in shown]
    group = {"interval": "15s", "input_series": series, "promql_expr_test": tests}
    path = tmp_path / "up.yml"
    path.write_text(yaml.safe_dump({"evaluation_interval": "15s", "tests": [group]}), encoding="utf-8")
    result = run(program("promtool"), "test", "rules", str(path))
    assert (len(shown), result.returncode) == (2, 0), result.stdout + result.stderr


@pytest.mark.parametrize(
    ("title", "alert"), [("Since the last heartbeat", "HeartbeatLate"), ("Since the last sample", "SamplerLate")]
)
def test_a_late_loop_is_drawn_against_the_threshold_of_its_alert(title: str, alert: str) -> None:
    """A curve rises, and nobody sees from which height on it is late."""
    (panel,) = [panel for _, panel in ALL if panel["title"] == title]
    assert expressions(panel) == [str(limits.compared(alert))]
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["thresholds"]["steps"][-1] == {"color": "red", "value": limits.limit(alert)}
    assert defaults["custom"]["thresholdsStyle"] == {"mode": "dashed"}
