"""End to end: the demo with a fault → Prometheus → Alertmanager → a receiver, for every alert there is.

One stack, one demo for each fault, and one endpoint each for the alerts that no fault of a trading system causes; all
of it runs at once, because each alert needs its time.
"""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, start_http_server

from alerts import generate
from tests.stack.programs import program
from tests.stack.receiver import Received, receiving
from tests.stack.servers import eventually, free_port, get, query
from tradmetrics import MetricsExporter, OrderTracker, TradingMetrics, start_metrics_server

ROOT = Path(__file__).parent.parent
SHORT = ROOT / "tests" / "stack" / "short.yml"
TOKEN = "not-so-secret"
# How fast each demo runs. The feed must be up for some scrapes before it goes, and a model needs many predictions
# to recover.
SPEEDS = {"stale-feed": 2, "model-drift": 40}
# Every alert, and what causes it: a fault of the demo, or an endpoint of this module.
CAUSES = {
    "CircuitBreakerTriggered": "breaker",
    "CircuitBreakerFlapping": "breaker",
    "StaleMarketData": "stale-feed",
    "MarketDataSilent": "stale-feed",
    "WebSocketDown": "stale-feed",
    "HighOrderRejectionRate": "rejects",
    "OrderRejectBurst": "rejects",
    "OpenOrdersStuck": "stuck-orders",
    "SubmittingWithoutFills": "stuck-orders",
    "HighErrorRate": "api-errors",
    "HighApiErrorRatio": "api-errors",
    "HighApiLatency": "api-errors",
    "OrderOutcomeUnknown": "api-errors",
    "LowMLAccuracy": "model-drift",
    "ModelStale": "model-drift",
    "HighDailyLoss": "loss",
    "HighDailyLossPercent": "loss",
    "HighDrawdown": "loss",
    "HighCapitalUtilization": "loss",
    "LowMargin": "loss",
    "ExporterDown": "exporter-down",
    "TradingMetricsAbsent": "no-metrics",
    "LabelOverflow": "messy",
    "InstrumentationErrors": "messy",
    "OrderRateNearLimit": "messy",
    "HighOrderToTradeRatio": "messy",
}
FAULTS = ("breaker", "stale-feed", "rejects", "stuck-orders", "api-errors", "model-drift", "loss", "exporter-down")
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for content in generate.rules(generate.load([SHORT])).values()
    for rule in content["groups"][0]["rules"]
    if "alert" in rule
}


def test_every_alert_has_a_cause_here() -> None:
    """An alert that nobody ever saw arrive would be shipped."""
    assert set(CAUSES) == set(ALERTS)
    assert {*FAULTS, "no-metrics", "messy"} == set(CAUSES.values())


@dataclass
class Run:
    """The running stack.

    Attributes:
        received: What the receiver was told.
        instances: The label `instance` of each cause.
        prometheus: The URL of Prometheus.
    """

    received: Received
    instances: dict[str, str]
    prometheus: str


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Start everything, wait for every alert to arrive, end the faults, and yield what was received."""
    for name in ("prometheus", "prometheus-alertmanager", "prometheus-node-exporter"):
        program(name)
    folder = tmp_path_factory.mktemp("stack")
    with ExitStack() as resources:
        received = resources.enter_context(receiving())
        ports = {cause: free_port() for cause in (*FAULTS, "messy", "no-metrics")}
        instances = {cause: f"127.0.0.1:{port}" for cause, port in ports.items()}
        prometheus = resources.enter_context(_stack(folder, received, list(instances.values())))
        mess = resources.enter_context(_messy(ports["messy"]))
        empty = resources.enter_context(_someone_elses_metrics(ports["no-metrics"]))
        demos = [resources.enter_context(_demo(fault, ports[fault])) for fault in FAULTS]
        run = Run(received, instances, prometheus)
        wanted = {(name, instances[cause]) for name, cause in CAUSES.items()}

        def missing(status: str) -> set[tuple[str, str]]:
            there = received.alerts("/all", status)
            return wanted - {(each["labels"]["alertname"], each["labels"].get("instance", "")) for each in there}

        eventually(lambda: missing("firing"), lambda left: not left, seconds=150)
        for demo in demos:
            demo.send_signal(signal.SIGUSR1)
        mess.set()
        empty.close()
        with start_metrics_server(ports["no-metrics"], metrics=TradingMetrics()):
            eventually(lambda: missing("resolved"), lambda left: not left, seconds=150)
        yield run


@pytest.mark.parametrize("name", CAUSES)
def test_an_alert_arrives_with_its_labels_and_runbook_and_resolves(name: str, run: Run) -> None:
    """Nobody would be told, or told without knowing of what and what to do, or never be told that it is over."""
    instance = run.instances[CAUSES[name]]
    for status in ("firing", "resolved"):
        alert = next(
            each
            for each in run.received.alerts("/all", status)
            if (each["labels"]["alertname"], each["labels"].get("instance")) == (name, instance)
        )
        assert alert["labels"]["job"] == "tradmetrics"
        assert alert["labels"]["severity"] == ALERTS[name]["labels"]["severity"]
        assert alert["annotations"]["runbook_url"].endswith(f"/runbooks/{name}/")
        assert alert["annotations"]["summary"] == ALERTS[name]["annotations"]["summary"]
        assert instance in alert["annotations"]["description"]


def test_severity_decides_who_is_told(run: Run) -> None:
    """A note about a label would wake somebody, or a halted desk would be a line in a chat."""

    def severities(path: str) -> set[str]:
        return {alert["labels"]["severity"] for alert in run.received.alerts(path, "firing")}

    assert severities("/hook") == {"critical"}
    assert severities("/email") == {"info"}
    chats = [text for body in run.received.bodies["/slack"] for text in (body["attachments"][0]["title"],)]
    assert any("HighDailyLoss (warning)" in text for text in chats)
    assert any("ExporterDown (critical)" in text for text in chats)
    assert not any("(info)" in text for text in chats)


def test_the_secret_comes_from_its_file(run: Run) -> None:
    """The on-call service would refuse the notification, or the token would have to stand in the configuration."""
    assert run.received.authorizations["/hook"] == {f"Bearer {TOKEN}"}


def test_rules_evaluated_without_an_error(run: Run) -> None:
    """A rule that fails to evaluate is silent for ever."""
    failures = query(run.prometheus, "sum(prometheus_rule_evaluation_failures_total)")
    assert failures[0]["value"][1] == "0"
    assert get(f"{run.prometheus}/-/healthy")


@contextmanager
def _stack(folder: Path, received: Received, bots: list[str]) -> Iterator[str]:
    """Run the stack by its own command, with the shipped notifications sent to the receiver."""
    assert generate.main(["--settings", str(SHORT), "--output", str(folder / "rules")]) == 0
    text = (ROOT / "alerts" / "stack" / "notifications.yml").read_text(encoding="utf-8")
    settings = yaml.safe_load(text.replace("/etc/alertmanager/secrets", str(folder / "secrets")))
    everything = {"receiver": "everything", "continue": True, "group_wait": "0s", "group_interval": "1s"}
    settings["route"]["routes"].insert(0, everything)
    for route in settings["route"]["routes"]:
        route.update(group_wait="0s", group_interval="1s")
    receivers = {each["name"]: each for each in settings["receivers"]}
    receivers["webhook"]["webhook_configs"][0]["url"] = f"{received.url}/hook"
    receivers["email"] = {"name": "email", "webhook_configs": [{"url": f"{received.url}/email"}]}
    receivers["everything"] = {"name": "everything", "webhook_configs": [{"url": f"{received.url}/all"}]}
    settings["receivers"] = list(receivers.values())
    (folder / "secrets").mkdir()
    (folder / "secrets" / "webhook_token").write_text(TOKEN, encoding="utf-8")
    (folder / "secrets" / "slack_url").write_text(f"{received.url}/slack", encoding="utf-8")
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    ports = {name: free_port() for name in ("prometheus", "alertmanager", "node-exporter")}
    command = [sys.executable, "-m", "alerts.stack", "--data", str(folder / "data"), "--rules", str(folder / "rules")]
    command += ["--alertmanager-config", str(folder / "alertmanager.yml")]
    command += [text for name, port in ports.items() for text in (f"--{name}-port", str(port))]
    command += [text for bot in bots for text in ("--bot", bot)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert str(ports["prometheus"]) in process.stdout.readline()
        yield f"http://127.0.0.1:{ports['prometheus']}"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


@contextmanager
def _demo(fault: str, port: int) -> Iterator["subprocess.Popen[str]"]:
    """Run the demo with a fault."""
    command = [sys.executable, "-m", "tradmetrics", "demo", "--port", str(port), "--seed", "7", "--fault", fault]
    process = subprocess.Popen(
        [*command, "--speed", str(SPEEDS.get(fault, 10))], cwd=ROOT / "tests", stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert str(port) in process.stdout.readline()
        # Its status lines must go somewhere, or the pipe fills up and the demo stands still.
        drain = threading.Thread(target=process.stdout.read, daemon=True)
        drain.start()
        yield process
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def _messy(port: int) -> Iterator[threading.Event]:
    """Serve the metrics of a system whose labels overflow, whose sources fail, and which floods the broker."""
    metrics = TradingMetrics(limits={"strategy": 2})
    exporter, orders = MetricsExporter(metrics), OrderTracker(strategy="flood", metrics=metrics)
    over = threading.Event()

    def make_mess() -> None:
        number = 0
        while not over.wait(0.1):
            number += 1
            exporter.update_pnl_metrics(daily=float("nan"))
            exporter.record_trade(strategy=f"s{number}", side="BUY", status="filled")
            orders.submitted(number, side="BUY", order_type="LIMIT")
            for _ in range(9):
                orders.cancel_requested(number)
            if number % 10 == 0:
                orders.updated(number, status="filled")

    with start_metrics_server(port, metrics=metrics):
        thread = threading.Thread(target=make_mess)
        thread.start()
        try:
            yield over
        finally:
            over.set()
            thread.join(10)


@contextmanager
def _someone_elses_metrics(port: int) -> Iterator[ExitStack]:
    """Serve metrics that are not ours, until the block ends or what it yields is closed."""
    with ExitStack() as closing:
        server, thread = start_http_server(port, "127.0.0.1", CollectorRegistry())
        closing.callback(server.server_close)
        closing.callback(thread.join, 10)
        closing.callback(server.shutdown)
        yield closing
