"""End to end: the demo with a fault → Prometheus → Alertmanager → a receiver, for every alert there is.

One stack, one demo for each fault, and one endpoint each for the alerts that no fault of a trading system causes; all
of it runs at once, because each alert needs its time.
"""

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from alerts import generate
from tests.stack.programs import program
from tests.stack.receiver import Received, receiving
from tests.stack.servers import eventually, free_port, get, query
from tradmetrics import MetricsExporter, OrderTracker, TradingMetrics, catalogue, start_metrics_server

ROOT = Path(__file__).parents[2]
SHORT = ROOT / "tests" / "stack" / "short.yml"
TOKEN = "not-so-secret"
# How fast each demo runs. The feed must be up for some scrapes before it goes, and a model needs many predictions
# to recover.
SPEEDS = {"stale-feed": 4, "model-drift": 40}
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
    "StaleMarketDataShare": "stale-feed",
    "PositionsWithoutData": "stale-feed",
    "HeartbeatLate": "hurt",
    "SamplerLate": "hurt",
    "CircuitBreakerTripped": "hurt",
    "PositionDrift": "hurt",
    "AllOrdersRejected": "hurt",
    "FeedNeverCame": "hurt",
    "StreamDown": "hurt",
    "StreamFlapping": "hurt",
    "CriticalError": "hurt",
    "ApiAccessDenied": "hurt",
    "MarketClosed": "closed",
    "CrashLoop": "crashing",
    "TargetGone": "gone",
    "ClockSkew": "no-metrics",
    "DiskFilling": "no-metrics",
}
ENDPOINTS = ("messy", "hurt", "closed", "crashing", "gone", "no-metrics")
FAULTS = ("breaker", "stale-feed", "rejects", "stuck-orders", "api-errors", "model-drift", "loss", "exporter-down")
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for content in generate.rules(generate.load([SHORT])).values()
    for rule in content["groups"][0]["rules"]
    if "alert" in rule
}


def test_every_alert_has_a_cause_here() -> None:
    """An alert that nobody ever saw arrive would be shipped."""
    assert {*CAUSES, "Watchdog"} == set(ALERTS)
    assert {*FAULTS, *ENDPOINTS} == set(CAUSES.values())


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
        ports = {cause: free_port() for cause in ENDPOINTS}
        instances = {cause: f"127.0.0.1:{port}" for cause, port in ports.items()}
        over = threading.Event()
        for cause, serve in (("messy", _messy), ("hurt", _hurt), ("closed", _closed), ("crashing", _crashing)):
            resources.enter_context(serve(ports[cause], over))
        resources.enter_context(start_metrics_server(ports["gone"], metrics=TradingMetrics()))
        empty = resources.enter_context(_someone_elses_metrics(ports["no-metrics"]))
        prometheus = resources.enter_context(_stack(folder, received, list(instances.values())))
        targets = folder / "data" / "targets" / "tradmetrics.yml"
        # After Prometheus, which must see the feed for a moment before it goes.
        demos = []
        for fault in FAULTS:
            process, instances[fault] = resources.enter_context(_demo(fault))
            demos.append(process)
            targets.write_text(f"- targets: {list(instances.values())}\n", encoding="utf-8")
        run = Run(received, instances, prometheus)
        wanted = {(name, instances[cause]) for name, cause in CAUSES.items()}

        def missing(status: str) -> set[tuple[str, str]]:
            there = received.alerts("/all", status)
            return wanted - {(each["labels"]["alertname"], each["labels"].get("instance", "")) for each in there}

        # TargetGone compares with the usual number of targets, which this one must have been for most of its window.
        usual = f'count_over_time((count(up{{job="tradmetrics"}}) >= {len(instances)})[15s:1s]) >= 13'
        eventually(lambda: query(prometheus, usual), seconds=60)
        left = [address for cause, address in instances.items() if cause != "gone"]
        targets.write_text(f"- targets: {left}\n", encoding="utf-8")
        eventually(lambda: missing("firing"), lambda left: not left, seconds=150)
        for demo in demos:
            demo.send_signal(signal.SIGUSR1)
        over.set()
        empty.close()
        with start_metrics_server(ports["no-metrics"], metrics=TradingMetrics()):
            eventually(lambda: missing("resolved"), lambda left: not left, seconds=150)
        eventually(lambda: received.alerts("/switch", "firing"), seconds=150)
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
        assert instance in alert["annotations"]["summary"]
        assert instance in alert["annotations"]["description"]


def test_the_watchdog_reaches_its_switch(run: Run) -> None:
    """A dead man's switch would call although all is well, or never."""
    assert {each["labels"]["alertname"] for each in run.received.alerts("/switch", "firing")} == {"Watchdog"}
    assert not run.received.alerts("/switch", "resolved")


def test_a_closed_market_mutes_its_bots_alerts_but_for_those_that_cannot_wait(run: Run) -> None:
    """A desk would be woken at night for a market that is closed, or not be told that its breaker stopped."""
    told = {
        each["labels"]["alertname"]
        for each in run.received.alerts("/all", "firing")
        if each["labels"].get("instance") == run.instances["closed"]
    }
    assert told == {"MarketClosed", "LowMargin"}
    muted = f'ALERTS{{instance="{run.instances["closed"]}", alertname="HighDailyLoss"}}'
    assert query(run.prometheus, f"count(last_over_time({muted}[10m]))")


def test_severity_decides_who_is_told(run: Run) -> None:
    """A note about a label would wake somebody, or a halted desk would be a line in a chat."""

    def severities(path: str) -> set[str]:
        return {alert["labels"]["severity"] for alert in run.received.alerts(path, "firing")}

    assert severities("/hook") == severities("/phone") == {"critical"}
    assert severities("/switch") == {"none"}
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
    keep = {name: {"keep_firing_for": "1s"} for name, alert in ALERTS.items() if "keep_firing_for" in alert}
    (folder / "keep.yml").write_text(yaml.safe_dump({"alerts": keep}), encoding="utf-8")
    settings_files = [text for path in (SHORT, folder / "keep.yml") for text in ("--settings", str(path))]
    assert generate.main([*settings_files, "--output", str(folder / "rules")]) == 0
    text = (ROOT / "alerts" / "stack" / "notifications.yml").read_text(encoding="utf-8")
    settings = yaml.safe_load(text.replace("/etc/alertmanager/secrets", str(folder / "secrets")))
    everything = {"receiver": "everything", "continue": True, "group_wait": "0s", "group_interval": "1s"}
    settings["route"]["routes"].insert(0, everything)
    for route in settings["route"]["routes"]:
        route.update(group_wait="0s", group_interval="1s")
    receivers = {each["name"]: each for each in settings["receivers"]}
    receivers["webhook"]["webhook_configs"][0]["url"] = f"{received.url}/hook"
    receivers["dead-mans-switch"]["webhook_configs"][0]["url"] = f"{received.url}/switch"
    # These two post to hosts of their own, which no setting of Debian's Alertmanager changes in all of its parts.
    receivers["phone"] = {"name": "phone", "webhook_configs": [{"url": f"{received.url}/phone"}]}
    receivers["discord"] = {"name": "discord", "webhook_configs": [{"url": f"{received.url}/discord"}]}
    receivers["email"] = {"name": "email", "webhook_configs": [{"url": f"{received.url}/email"}]}
    receivers["everything"] = {"name": "everything", "webhook_configs": [{"url": f"{received.url}/all"}]}
    settings["receivers"] = list(receivers.values())
    (folder / "secrets").mkdir()
    (folder / "secrets" / "webhook_token").write_text(TOKEN, encoding="utf-8")
    (folder / "secrets" / "slack_url").write_text(f"{received.url}/slack", encoding="utf-8")
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    ports = {name: free_port() for name in ("prometheus", "alertmanager", "node-exporter")}
    command = [sys.executable, "-m", "alerts.stack", "--data", str(folder / "data"), "--rules", str(folder / "rules")]
    command += ["--alertmanager-config", str(folder / "alertmanager.yml"), "--scrape-interval", "1s"]
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
def _demo(fault: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Run the demo with a fault; yield its process and its address."""
    command = [sys.executable, "-m", "tradmetrics", "demo", "--port", "0", "--seed", "7", "--fault", fault]
    process = subprocess.Popen(
        [*command, "--speed", str(SPEEDS.get(fault, 10))], cwd=ROOT / "tests", stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        address = re.search(r"http://(\S+)/metrics", process.stdout.readline())
        assert address
        # Its status lines must go somewhere, or the pipe fills up and the demo stands still.
        drain = threading.Thread(target=process.stdout.read, daemon=True)
        drain.start()
        yield process, address[1]
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def _repeating(port: int, metrics: TradingMetrics, act: Callable[[], object], over: threading.Event) -> Iterator[None]:
    """Serve metrics, and act ten times a second, whether the fault is over or not."""
    stop = threading.Event()

    def repeat() -> None:
        while not stop.wait(0.1):
            act()

    with start_metrics_server(port, metrics=metrics):
        thread = threading.Thread(target=repeat)
        thread.start()
        try:
            yield
        finally:
            over.set()
            stop.set()
            thread.join(10)


def _messy(port: int, over: threading.Event) -> AbstractContextManager[None]:
    """Serve the metrics of a system whose labels overflow, whose sources fail, and which floods the broker."""
    metrics = TradingMetrics(limits={"strategy": 2})
    exporter, numbers = MetricsExporter(metrics), count(1)
    # On this clock, the two minutes for which a tracker shows its busiest moment are ten seconds.
    orders = OrderTracker(strategy="flood", metrics=metrics, clock=lambda: 12 * time.monotonic())

    def make_mess() -> None:
        if over.is_set():
            return
        number = next(numbers)
        exporter.update_pnl_metrics(daily=float("nan"))
        exporter.record_trade(strategy=f"s{number}", side="BUY", status="filled")
        orders.submitted(number, side="BUY", order_type="LIMIT")
        for _ in range(9):
            orders.cancel_requested(number)
        if number % 10 == 0:
            orders.updated(number, status="filled")

    return _repeating(port, metrics, make_mess, over)


def _hurt(port: int, over: threading.Event) -> AbstractContextManager[None]:
    """Serve the metrics of a system that stands still, lost its streams, and is refused by the broker."""
    metrics = TradingMetrics()
    events = (
        (catalogue.STREAM_CONNECTS, ("orders",)),
        (catalogue.SYSTEM_ERRORS, ("orders", "critical")),
        (catalogue.API_REQUESTS, ("/token", "POST", "401")),
        (catalogue.ORDERS_SUBMITTED, ("refused", "BUY", "LIMIT")),
        (catalogue.ORDERS_REJECTED, ("refused", "token")),
    )
    metrics.record(catalogue.CIRCUIT_BREAKER_TRIGGERS, ("loss",), site=__name__)
    for definition, label in ((catalogue.HEARTBEAT, "main"), (catalogue.SAMPLER_LAST_SUCCESS, "positions")):
        metrics.record(definition, (label,), time.time(), site=__name__)

    def hurt() -> None:
        well = over.is_set()
        metrics.record(catalogue.POSITION_DRIFT, ("NIFTY",), 0 if well else 2, site=__name__)
        metrics.record(catalogue.STREAM_CONNECTED, ("orders",), int(well), site=__name__)
        metrics.record(catalogue.MARKET_SESSION_OPEN, (), 1, site=__name__)
        metrics.record(catalogue.WEBSOCKET_CONNECTIONS, (), int(well), site=__name__)
        if well:
            metrics.record(catalogue.HEARTBEAT, ("main",), time.time(), site=__name__)
            metrics.record(catalogue.SAMPLER_LAST_SUCCESS, ("positions",), time.time(), site=__name__)
        for definition, labels in () if well else events:
            metrics.record(definition, labels, site=__name__)

    return _repeating(port, metrics, hurt, over)


def _closed(port: int, over: threading.Event) -> AbstractContextManager[None]:
    """Serve the metrics of a system whose market is closed, with a loss that can wait and a margin that cannot."""
    metrics = TradingMetrics()
    exporter = MetricsExporter(metrics)
    ticks, ended = count(), count()

    def close() -> None:
        """The loss comes some seconds after the close, and goes some seconds before the market opens again."""
        well = over.is_set()
        exporter.update_market_session(well and next(ended) > 80)
        exporter.update_pnl_metrics(daily=-6000 if next(ticks) > 80 and not well else 0)
        exporter.update_margin_metrics(used=100, available=100 if well else 1)

    close()
    return _repeating(port, metrics, close, over)


@contextmanager
def _crashing(port: int, over: threading.Event) -> Iterator[None]:
    """Serve the uptime of a process that was started again before each scrape."""
    registry, starts = CollectorRegistry(), count()

    def uptime() -> float:
        """Return an age that is smaller at each scrape, until it grows."""
        age = next(starts)
        return age if over.is_set() else -age

    Gauge(catalogue.SYSTEM_UPTIME.name, "Time since the start.", registry=registry).set_function(uptime)
    with _serving(port, registry):
        yield


@contextmanager
def _serving(port: int, registry: CollectorRegistry) -> Iterator[ExitStack]:
    """Serve a registry until the block ends or what it yields is closed."""
    with ExitStack() as closing:
        server, thread = start_http_server(port, "127.0.0.1", registry)
        closing.callback(server.server_close)
        closing.callback(thread.join, 10)
        closing.callback(server.shutdown)
        yield closing


@contextmanager
def _someone_elses_metrics(port: int) -> Iterator[ExitStack]:
    """Serve the metrics of a machine with a wrong clock and a full disk, and none of ours."""
    registry = CollectorRegistry()
    Gauge("node_timex_offset_seconds", "Offset.", registry=registry).set(0.2)
    for name, value in (("avail", 1), ("size", 100)):
        labels = ("device", "fstype", "mountpoint")
        gauge = Gauge(f"node_filesystem_{name}_bytes", "Bytes.", labels, registry=registry)
        gauge.labels("/dev/sda1", "ext4", "/").set(value)
    with _serving(port, registry) as closing:
        yield closing
