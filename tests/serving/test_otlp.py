"""`start_otlp_export`: every series reaches an OTLP receiver, with the names and values of a scrape."""

from __future__ import annotations

import gzip
import http.server
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Summary

from tests.stack.servers import free_port
from tradmetrics import ConfigurationError, TradingMetrics, track_order, track_trade

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra [otlp] is not installed")

from opentelemetry.exporter.otlp.proto.http import metric_exporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tradmetrics.otlp import start_otlp_export

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Receiver(http.server.ThreadingHTTPServer):
    """An OTLP receiver that keeps what it got; `status` is its answer."""

    def __init__(self) -> None:
        self.status = 200
        self.requests: list[tuple[str, dict[str, str], ExportMetricsServiceRequest]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"http://127.0.0.1:{self.server_port}"

    def series(self) -> Series:
        """The values of the newest export, named as in a scrape."""
        found: Series = {}
        for metric in self.metrics():
            for point in (*metric.sum.data_points, *metric.gauge.data_points):
                found[metric.name, _labels(point)] = point.as_double
            for point in metric.histogram.data_points:
                total = 0
                for bound, count in zip((*point.explicit_bounds, float("inf")), point.bucket_counts, strict=True):
                    total += count
                    found[f"{metric.name}_bucket", _labels(point, ("le", str(bound)))] = total
                found[f"{metric.name}_count", _labels(point)] = point.count
                if point.HasField("sum"):
                    found[f"{metric.name}_sum", _labels(point)] = point.sum
        return found

    def metrics(self) -> list[Any]:
        """The metrics of the newest export."""
        request = self.requests[-1][2]
        return [metric for each in request.resource_metrics for scope in each.scope_metrics for metric in scope.metrics]


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.server.status == 200:
            message = ExportMetricsServiceRequest.FromString(body)
            self.server.requests.append((self.path, dict(self.headers), message))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def _labels(point: Any, *more: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted([*((each.key, each.value.string_value) for each in point.attributes), *more]))


def scraped(registry: CollectorRegistry) -> Series:
    """The same of a scrape, without the uptime, which moves."""
    found: Series = {}
    for family in registry.collect():
        for sample in family.samples:
            if not sample.name.endswith("_created") and sample.name != "trading_system_uptime_seconds":
                labels = {key: str(float(text)) if key == "le" else text for key, text in sample.labels.items()}
                found[sample.name, tuple(sorted(labels.items()))] = sample.value
    return found


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on loopback."""
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def metrics() -> TradingMetrics:
    """Metrics with orders, fill times, and a P&L histogram, which has no sum."""
    metrics = TradingMetrics()

    @track_order(strategy="s", metrics=metrics)
    def place(side: str, order_type: str) -> dict[str, str]:
        return {"status": "filled"}

    @track_trade(strategy="s", metrics=metrics)
    def close(side: str, pnl: float) -> None: ...

    for _ in range(7):
        place("BUY", "LIMIT")
    for pnl in (12.5, -3.0, 0.0):
        close("SELL", pnl)
    return metrics


def without_uptime(series: Series) -> Series:
    """Without the one value that moves by itself."""
    return {key: value for key, value in series.items() if key[0] != "trading_system_uptime_seconds"}


def test_the_receiver_gets_the_names_and_values_of_a_scrape(receiver: Receiver, metrics: TradingMetrics) -> None:
    """Panels and alerts that work on scraped metrics would be empty, or wrong, on exported ones."""
    calls = Summary("desk_calls", "Calls.", registry=metrics.registry)
    calls.observe(2.5)
    with start_otlp_export(receiver.url, metrics=metrics, interval=600) as export:
        assert export.flush()
    assert scraped(metrics.registry) == without_uptime(receiver.series())


def test_counters_are_cumulative_sums_with_a_start_and_the_resource_names_the_program(
    receiver: Receiver, metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receiver could not tell a restart from a fall, nor two bots from each other."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "momentum-bot")
    before = time.time()
    with start_otlp_export(f"{receiver.url}/", headers={"X-Tenant": "desk"}, metrics=metrics, interval=600):
        pass
    path, headers, request = receiver.requests[-1]
    assert ("/v1/metrics", "desk") == (path, {key.lower(): text for key, text in headers.items()}["x-tenant"])
    resource = {each.key: each.value.string_value for each in request.resource_metrics[0].resource.attributes}
    assert "momentum-bot" == resource["service.name"]
    assert resource["service.instance.id"].endswith(f":{os.getpid()}")
    (submitted,) = (each for each in receiver.metrics() if each.name == "trading_orders_submitted_total")
    assert (True, 2) == (submitted.sum.is_monotonic, submitted.sum.aggregation_temporality)  # 2 is CUMULATIVE
    (point,) = submitted.sum.data_points
    assert before - 1 <= point.start_time_unix_nano / 1e9 <= point.time_unix_nano / 1e9 <= time.time()


def test_a_receiver_that_is_away_costs_a_gap_and_no_count(receiver: Receiver, metrics: TradingMetrics) -> None:
    """A restart of the collector would lose the fills of its minutes, or end the bot's thread."""
    receiver.status = 400
    with start_otlp_export(receiver.url, metrics=metrics, interval=600) as export:
        assert not export.flush()
        receiver.status = 200
        track_order(strategy="s", metrics=metrics)(lambda side, order_type: None)("BUY", "LIMIT")
        assert export.flush()
    labels = (("order_type", "LIMIT"), ("side", "BUY"), ("strategy", "s"))
    assert 8 == receiver.series()["trading_orders_submitted_total", labels]
    errors = {"site": "tradmetrics.otlp.start_otlp_export", "stage": "record"}
    assert 1 == metrics.registry.get_sample_value("tradmetrics_instrumentation_errors_total", errors)


def test_it_sends_by_itself_and_once_more_when_it_is_closed(receiver: Receiver, metrics: TradingMetrics) -> None:
    """Nothing would arrive, or the last trades of the day would be missing."""
    export = start_otlp_export(receiver.url, metrics=metrics, interval=0.05)
    until = time.monotonic() + 20
    while len(receiver.requests) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert len(receiver.requests) >= 2
    track_order(strategy="late", metrics=metrics)(lambda side, order_type: None)("BUY", "LIMIT")
    export.close()
    export.close()
    labels = (("order_type", "LIMIT"), ("side", "BUY"), ("strategy", "late"))
    assert 1 == receiver.series()["trading_orders_submitted_total", labels]
    assert "tradmetrics-otlp" not in {thread.name for thread in threading.enumerate()}


def test_an_exporter_of_an_older_opentelemetry_sends_all_the_same(
    receiver: Receiver, metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bot with OpenTelemetry 1.35 to 1.40 would end at its start, by a keyword that came later."""
    newest = metric_exporter.OTLPMetricExporter

    class Older(newest):  # type: ignore[misc, valid-type]
        def __init__(self, endpoint: str, headers: dict[str, str], timeout: float) -> None:
            super().__init__(endpoint, headers=headers, timeout=timeout)

    monkeypatch.setattr(metric_exporter, "OTLPMetricExporter", Older)
    with start_otlp_export(receiver.url, metrics=metrics, interval=600):
        pass
    assert scraped(metrics.registry) == without_uptime(receiver.series())


@pytest.mark.parametrize("end", ["the interpreter's end", "SIGTERM"])
def test_the_last_values_are_sent_at_the_end(receiver: Receiver, child_environment: dict[str, str], end: str) -> None:
    """The trades after the last export would never be seen."""
    code = f"""
    import os, signal, sys, time
    from tradmetrics import track_order
    from tradmetrics.otlp import start_otlp_export

    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # coverage has a handler of its own
    start_otlp_export({receiver.url!r}, interval=600)
    track_order(strategy="s")(lambda side, order_type: None)("BUY", "LIMIT")
    if {end!r} == "SIGTERM":
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=child_environment, timeout=60, capture_output=True, text=True
    )
    assert (-signal.SIGTERM if end == "SIGTERM" else 0) == done.returncode, done.stderr
    labels = (("order_type", "LIMIT"), ("side", "BUY"), ("strategy", "s"))
    assert 1 == receiver.series()["trading_orders_submitted_total", labels]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"endpoint": "localhost:4318"}, "endpoint must be a URL such as 'http://localhost:4318'"),
        ({"endpoint": "http://[::1"}, "endpoint must be a URL such as 'http://localhost:4318'"),
        ({"endpoint": None}, "endpoint must be a URL such as 'http://localhost:4318'"),
        ({"endpoint": "http://me:secret@host"}, "the endpoint holds a password"),
        ({"endpoint": "http://localhost", "interval": 0}, "interval must be a number of seconds above 0, got 0"),
        ({"endpoint": "http://localhost", "interval": True}, "interval must be a number of seconds above 0, got True"),
    ],
)
def test_wrong_use_fails_at_the_start(arguments: dict[str, Any], message: str) -> None:
    """A typo would show as a chart without data, or print a password."""
    with pytest.raises(ConfigurationError, match=message.replace("(", r"\(")) as caught:
        start_otlp_export(**arguments)
    assert "secret" not in str(caught.value)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bot would end at its start by an error about a module that its author has never heard of."""
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http", None)
    with pytest.raises(ConfigurationError, match=r"needs an extra: pip install 'tradmetrics\[otlp\]'"):
        start_otlp_export("http://localhost:4318")


def test_a_collector_that_fails_costs_one_export(receiver: Receiver, metrics: TradingMetrics) -> None:
    """A bug in the user's own collector would end the thread, and every later value would be missing."""

    class Broken:
        def collect(self) -> Iterator[Any]:
            raise LookupError("a bug in a collector")

        def describe(self) -> list[Any]:
            return []

    broken: Any = Broken()
    with start_otlp_export(receiver.url, metrics=metrics, interval=600) as export:
        metrics.registry.register(broken)
        assert not export.flush()
        metrics.registry.unregister(broken)
        assert export.flush()
    assert scraped(metrics.registry) == without_uptime(receiver.series())


def test_strict_metrics_do_not_raise_from_an_export(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    """A collector that is away would end the program of a developer, from a thread or at its end."""
    receiver.status = 400
    with start_otlp_export(receiver.url, metrics=TradingMetrics(strict=True), interval=600) as export:
        assert not export.flush()
    assert "the receiver did not take the metrics" in caplog.text


def test_an_export_at_sigterm_sends_the_values_of_this_process_alone(
    receiver: Receiver, metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forked worker that gets SIGTERM would send its parent's totals once more, as its own."""
    with start_otlp_export(receiver.url, metrics=metrics, interval=600) as export:
        export.at_sigterm()
        assert 1 == len(receiver.requests)
        with monkeypatch.context() as child:
            child.setattr(os, "getpid", lambda: 1)
            export.at_sigterm()
            assert 1 == len(receiver.requests)
    assert 2 == len(receiver.requests)


@pytest.mark.needs("prometheus3")
def test_prometheus_3_stores_the_numbers_of_a_scrape(metrics: TradingMetrics, tmp_path: Path) -> None:
    """A real receiver could rename the metrics, or refuse them."""
    port = free_port()
    (tmp_path / "prometheus.yml").write_text("global: {}\n", encoding="utf-8")
    address = f"http://127.0.0.1:{port}"
    command = ["prometheus3", f"--web.listen-address=127.0.0.1:{port}", "--web.enable-otlp-receiver"]
    command += [f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(f"{address}/-/ready", timeout=5).close()
                break
            except OSError:
                time.sleep(0.05)
        with start_otlp_export(f"{address}/api/v1/otlp/v1/metrics", metrics=metrics, interval=600):
            pass
        query = urllib.parse.quote('{__name__=~"trading_.+|tradmetrics_.+"}')
        with urllib.request.urlopen(f"{address}/api/v1/query?query={query}", timeout=30) as answer:
            result = json.load(answer)["data"]["result"]
    finally:
        server.kill()
        server.wait()
    stored: Series = {}
    for each in result:
        labels = {key: value for key, value in each["metric"].items() if key not in ("job", "instance", "__name__")}
        labels = {key: str(float(value)) if key == "le" else value for key, value in labels.items()}
        stored[each["metric"]["__name__"], tuple(sorted(labels.items()))] = float(each["value"][1])
    assert scraped(metrics.registry) == without_uptime(stored)
