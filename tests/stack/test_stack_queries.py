"""Every query of the guide and of the dashboards, asked of a real Prometheus that scrapes the demo."""

import json
import math
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.board_kit import Written
from tests.stack.servers import eventually, free_port, get, prometheus, query
from tradmetrics import MetricsExporter, TradingMetrics, start_metrics_server
from tradmetrics.board.query import Evaluator, parse
from tradmetrics.catalogue import CATALOGUE, SERIES_REMOVED, TRADES
from tradmetrics.doctor import doctor

ROOT = Path(__file__).parents[2]
# As the guide has them, with the labels of their answers; None where the answer is one figure. Two differ: the guide
# takes rate() of trading_daily_pnl, which is a gauge, and asks for stale symbols, of which there may be none now.
GUIDE = {
    "trading_daily_pnl": {"__name__"},
    "delta(trading_daily_pnl[1m])": set(),
    "sum(trading_positions_open)": None,
    "avg_over_time(trading_strategy_win_rate[1h])": {"strategy"},
    "rate(trading_orders_filled_total[5m])": {"strategy", "side"},
    "sum by (reason) (rate(trading_orders_rejected_total[5m]))": {"reason"},
    "increase(trading_circuit_breaker_triggers_total[1h])": {"reason"},
    """avg by (strategy) (
         rate(trading_order_fill_time_seconds_sum[5m]) /
         rate(trading_order_fill_time_seconds_count[5m])
       )""": {"strategy"},
    "trading_market_data_stale >= 0": {"__name__"},
    'sum(rate(trading_system_errors_total{severity="error"}[5m]))': None,
    "topk(5, sum by (strategy) (trading_trades_total))": {"strategy"},
    "trading_positions_open": {"__name__", "strategy"},
    "trading_circuit_breaker_active": {"__name__"},
}
TARGET = {"job", "instance"}
BOARDS = {
    path.name: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "dashboards" / "json").glob("*.json"))
}
PANELS = [
    pytest.param(target["expr"], panel, id=f"{file}-{panel['title']}-{target['refId']}")
    for file, board in BOARDS.items()
    for panel in board["panels"]
    for target in panel.get("targets", ())
]
VARIABLES = {
    "$__rate_interval": "20s",
    "$__range": "5m",
    "$__interval": "15s",
    "$job": ".*",
    "$instance": ".*",
    "$strategy": ".*",
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that has scraped the demo for a while, and a system with overflowing labels beside it."""
    folder = tmp_path_factory.mktemp("queries")
    ports = {"demo": free_port(), "messy": free_port()}
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
        f"rule_files: ['{ROOT / 'alerts' / 'rules' / '*.yml'}']\n"
        "scrape_configs:\n"
        + "".join(
            f"- {{job_name: {'tradmetrics' if name == 'demo' else name}, static_configs: "
            f"[{{targets: ['127.0.0.1:{port}']}}]}}\n"
            for name, port in ports.items()
        ),
        encoding="utf-8",
    )
    with ExitStack() as resources:
        address = resources.enter_context(prometheus(config, folder / "data"))
        resources.enter_context(_messy(ports["messy"]))
        resources.enter_context(_demo(ports["demo"]))
        names = {f"{each.name}_count" if each.kind == "histogram" else each.name for each in CATALOGUE}
        present = f'count by (__name__) (last_over_time({{__name__=~"{"|".join(names)}"}}[5m]))'
        eventually(
            lambda: names - {each["metric"]["__name__"] for each in query(address, present)},
            lambda missing: not missing,
            seconds=120,
        )
        yield address


@pytest.fixture(scope="module")
def moments(url: str) -> tuple[Written, list[float]]:
    """All samples of that Prometheus, and times in them at which answers are compared."""
    end = math.floor(time.time()) - 3.0
    # A series whose newest sample is older than a few scrapes is gone: Prometheus keeps markers for that.
    source = Written(lookback=3.5)
    for each in query(url, '{__name__!=""}[10m]', at=end):
        labels = {name: value for name, value in each["metric"].items() if name != "__name__"}
        times, values = zip(*((float(at), float(value)) for at, value in each["values"]), strict=True)
        source.put(each["metric"]["__name__"], labels, list(times), list(values))
    return source, [end, end - 1.3, end - 6.0]


@pytest.mark.parametrize(("expression", "panel"), PANELS)
def test_the_board_agrees_with_prometheus(
    expression: str, panel: dict[str, Any], url: str, moments: tuple[Written, list[float]]
) -> None:
    """The same panel would show one figure in Grafana and another on the board."""
    source, times = moments
    evaluator = Evaluator(source, {name[1:]: value for name, value in VARIABLES.items()})
    text = re.sub(r"\$\w+", lambda match: VARIABLES[match[0]], expression)
    for at in times:
        expected = {_identity(each["metric"]): float(each["value"][1]) for each in query(url, text, at=at)}
        found = {_identity(dict(each.labels)): each.value for each in evaluator.at(parse(expression), at)}
        if "topk(" in expression:  # which of several equal series is kept is nobody's promise
            expected, found = (dict(enumerate(sorted(each.values()))) for each in (expected, found))
        assert expected.keys() == found.keys()
        for key, value in expected.items():
            assert found[key] == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True), key


def _identity(labels: dict[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset(item for item in labels.items() if item[0] != "__name__")


@pytest.mark.parametrize("expression", GUIDE)
def test_a_query_of_the_guide_has_data_of_its_shape(expression: str, url: str) -> None:
    """Someone who types the guide's example would see an empty graph."""
    series = eventually(lambda: query(url, expression), seconds=30)
    labels = GUIDE[expression]
    allowed = set() if labels is None else labels
    for each in series:
        found = set(each["metric"])
        assert found - TARGET == allowed, found
        assert not math.isinf(float(each["value"][1]))


@pytest.mark.parametrize(("expression", "panel"), PANELS)
def test_a_query_of_a_dashboard_has_data_that_its_legend_can_name(
    expression: str, panel: dict[str, Any], url: str
) -> None:
    """A panel would stay empty, or its legend would be a row of blanks."""
    text = re.sub(r"\$\w+", lambda match: VARIABLES[match[0]], expression)
    series = eventually(lambda: query(url, text), seconds=40)
    legend = next(target["legendFormat"] for target in panel["targets"] if target["expr"] == expression)
    for label in re.findall(r"{{(\w+)}}", legend):
        assert all(each["metric"].get(label) for each in series), label
    if "{{" not in legend:
        assert len(series) == 1


@pytest.mark.parametrize("annotation", [0, 1], ids=["alerts", "trips"])
def test_an_annotation_is_a_query_that_prometheus_answers(annotation: int, url: str) -> None:
    """Dashboards would open with an error instead of marks."""
    expression = BOARDS["main.json"]["annotations"]["list"][annotation]["expr"]
    text = re.sub(r"\$\w+", lambda match: VARIABLES[match[0]], expression)
    assert isinstance(query(url, text), list)  # it raises on an error; there may be nothing to mark
    if "ALERTS" in text:
        eventually(lambda: query(url, text), seconds=60)


def test_the_recording_rules_record(url: str) -> None:
    """Panels and alerts that are built on them would be empty."""
    names = {
        "trading:daily_pnl:rate1m",
        "trading:order_fill_time_seconds:p50",
        "trading:order_fill_time_seconds:p90",
        "trading:order_fill_time_seconds:p99",
        "trading:orders_rejected:ratio_rate5m",
        "trading:order_to_trade:ratio1h",
    }
    eventually(
        lambda: {each["metric"]["__name__"] for each in query(url, '{__name__=~"trading:.+"}')},
        lambda found: found == names,
        seconds=60,
    )


def test_the_doctor_asks_prometheus_and_has_nothing_to_report_of_the_demo(
    url: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The project's own system would have a metric that nobody records, or a panel that can never fill."""
    rules, boards = [ROOT / "alerts" / "rules"], [ROOT / "dashboards" / "json"]
    with pytest.raises(typer.Exit) as exit_:
        doctor(prometheus=url, rules=rules, dashboards=boards)
    lines = capsys.readouterr().out.splitlines()
    assert exit_.value.exit_code == 0
    # The messy system beside the demo is there to be reported.
    assert [line for line in lines[:-1] if not re.search(r"__other__|errors at", line)] == []
    assert any("__other__" in line for line in lines)
    own = tmp_path / "own.yml"
    own.write_text(
        "groups: [{name: g, rules: [{alert: A, expr: 'prometheus_build_info{nolabel=\"x\"} > desk_unknown_total'}, "
        "{alert: B, expr: 'sum by (cause) (tradmetrics_series_removed_total)'}]}]",
        encoding="utf-8",
    )
    with pytest.raises(typer.Exit) as exit_:
        doctor(prometheus=url, rules=[own])
    assert exit_.value.exit_code == 1
    assert "there is no metric desk_unknown_total" in capsys.readouterr().out


@contextmanager
def _demo(port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "tradmetrics", "demo", "--port", str(port), "--seed", "7", "--speed", "40"]
    process = subprocess.Popen(command, cwd=ROOT / "tests", stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: get(f"http://127.0.0.1:{port}/metrics"))
        yield
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def _messy(port: int) -> Iterator[None]:
    """Serve a metrics object whose labels overflow, whose calls fail, and whose series were removed."""
    metrics = TradingMetrics(limits={"strategy": 2})
    exporter, over = MetricsExporter(metrics), threading.Event()

    def make_mess() -> None:
        number = 0
        while not over.wait(0.2):
            number += 1
            exporter.update_pnl_metrics(daily=float("nan"))
            exporter.record_trade(strategy=f"s{number}", side="BUY", status="filled", pnl=1.0)
            # Long idle time is what makes the guard count this by itself.
            metrics.record(SERIES_REMOVED, (TRADES.name, "expired"), site=__name__)

    with start_metrics_server(port, metrics=metrics):
        thread = threading.Thread(target=make_mess)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(10)
