"""`push_on_exit` against a real Pushgateway: short-lived programs leave their metrics behind, and no harm."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Counter
from prometheus_client.parser import text_string_to_metric_families

from tests.stack.programs import program
from tests.stack.servers import free_port, get, running
from tradmetrics import ConfigurationError, MetricsExporter, TradingMetrics
from tradmetrics.catalogue import INSTRUMENTATION_ERRORS
from tradmetrics.push import push_on_exit


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Pushgateway."""
    folder, port = tmp_path_factory.mktemp("gateway"), free_port()
    command = [
        program("prometheus-pushgateway", "pushgateway"),
        f"--web.listen-address=127.0.0.1:{port}",
        "--persistence.file=",  # distributions set one, and the tests would see what the last run pushed
    ]
    url = f"http://127.0.0.1:{port}"
    with running(command, f"{url}/-/ready", log=folder / "log"):
        yield url


def pushed(gateway: str, name: str, **labels: str) -> dict[tuple[tuple[str, str], ...], float]:
    """Return the samples of a metric that the gateway holds with these labels."""
    families = text_string_to_metric_families(get(f"{gateway}/metrics"))
    return {
        tuple(sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    }


def book_with_trades(count: int) -> TradingMetrics:
    """A metrics object that counted some trades of one strategy."""
    metrics = TradingMetrics()
    for _ in range(count):
        MetricsExporter(metrics).record_trade(strategy="gamma", side="BUY", status="filled", pnl=1.0)
    return metrics


def test_the_end_of_the_block_pushes_under_job_and_grouping_key(gateway: str) -> None:
    """A backtest's figures would be lost when its process ends."""
    metrics = book_with_trades(3)
    with push_on_exit(gateway, "backtest", grouping_key={"run": "a/b c"}, metrics=metrics):
        assert pushed(gateway, "trading_trades_total", job="backtest", run="a/b c") == {}
    assert list(pushed(gateway, "trading_trades_total", job="backtest", run="a/b c").values()) == [3.0]


def test_groups_stand_beside_each_other_and_a_second_push_replaces_its_own(gateway: str) -> None:
    """One backtest would wipe out another's figures, or leave its own old ones standing."""
    for run, count in (("one", 1), ("two", 2), ("one", 5)):
        with push_on_exit(gateway, "groups", grouping_key={"run": run}, metrics=book_with_trades(count)):
            pass
    assert list(pushed(gateway, "trading_trades_total", job="groups", run="one").values()) == [5.0]
    assert list(pushed(gateway, "trading_trades_total", job="groups", run="two").values()) == [2.0]


def test_delete_takes_its_own_group_away_and_nothing_is_pushed_afterwards(gateway: str) -> None:
    """Figures of a run that was thrown away would be scraped for ever."""
    for run in ("keep", "drop"):
        push = push_on_exit(gateway, "deletion", grouping_key={"run": run}, metrics=book_with_trades(1))
        assert push.push()
        push.cancel()
    assert push.delete()
    assert pushed(gateway, "trading_trades_total", job="deletion", run="drop") == {}
    assert len(pushed(gateway, "trading_trades_total", job="deletion", run="keep")) == 1


def test_an_exception_of_the_block_passes_through_after_the_push(gateway: str) -> None:
    """A backtest that failed would leave nothing to see why, or its error would be swallowed."""
    error = RuntimeError("backtest failed")
    with pytest.raises(RuntimeError) as raised, push_on_exit(gateway, "failed", metrics=book_with_trades(4)):
        raise error
    assert raised.value is error
    assert list(pushed(gateway, "trading_trades_total", job="failed").values()) == [4.0]


SCRIPT = """
import os, sys
from tradmetrics import metrics_exporter
from tradmetrics.catalogue import INSTRUMENTATION_ERRORS
from tradmetrics.push import push_on_exit

push = push_on_exit(sys.argv[1], job=sys.argv[2])
metrics_exporter.record_trade(strategy="gamma", side="BUY", status="filled", pnl=1.0)
{more}
"""


@pytest.mark.parametrize(
    ("job", "more", "status", "counts"),
    [
        ("script", "", 0, [1.0]),
        ("script-error", "raise SystemExit(3)", 3, [1.0]),
        ("script-cancelled", "push.cancel(); push.cancel()", 0, []),
        ("script-deleted", "push.push(); push.delete()", 0, []),
    ],
)
def test_without_a_block_it_pushes_when_the_program_ends(
    gateway: str, job: str, more: str, status: int, counts: list[float], tmp_path: Path
) -> None:
    """A script would have to be rewritten around a `with` block."""
    script = tmp_path / "backtest.py"
    script.write_text(SCRIPT.format(more=more), encoding="utf-8")
    result = subprocess.run([sys.executable, str(script), gateway, job], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (status, "")
    assert list(pushed(gateway, "trading_trades_total", job=job).values()) == counts


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_forked_child_does_not_push_over_its_parent(gateway: str, tmp_path: Path) -> None:
    """A worker that ends early would replace the parent's figures with its own."""
    script = tmp_path / "forks.py"
    more = """
if os.fork() == 0:
    metrics_exporter.record_trade(strategy="gamma", side="BUY", status="filled", pnl=1.0)
    sys.exit(0)
push.cancel()
os.wait()
"""
    script.write_text(SCRIPT.format(more=more), encoding="utf-8")
    result = subprocess.run([sys.executable, str(script), gateway, "fork"], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert pushed(gateway, "trading_trades_total", job="fork") == {}


def errors(metrics: TradingMetrics) -> float | None:
    """Return how many errors of the push a metrics object has counted."""
    labels = {"site": "tradmetrics.push.push_on_exit", "stage": "record"}
    return metrics.registry.get_sample_value(INSTRUMENTATION_ERRORS.name, labels)


def test_an_unreachable_gateway_is_counted_and_logged_and_raises_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Monitoring that is down would take the backtest's result with it."""
    metrics = book_with_trades(1)
    with (
        caplog.at_level(logging.WARNING, "tradmetrics"),
        push_on_exit(f"http://127.0.0.1:{free_port()}", "unreachable", metrics=metrics) as push,
    ):
        pass
    for _ in range(3):
        assert not push.push()
    assert not push.delete()
    assert errors(metrics) == 5
    # One line for each place that pushes: the end of the block, the loop, and the deletion.
    assert len([record for record in caplog.records if "push_on_exit" in record.getMessage()]) == 3


def test_a_gateway_that_refuses_is_counted_too(gateway: str) -> None:
    """A gateway that says no would look like one that says yes."""
    metrics = book_with_trades(1)
    push = push_on_exit(f"{gateway}/wrong/path", "refused", metrics=metrics)
    push.cancel()
    assert not push.push()
    assert errors(metrics) == 1


def test_a_handler_of_ones_own_sends_the_request() -> None:
    """A gateway behind a password could not be used."""
    calls: list[dict[str, Any]] = []

    def handler(**request: Any) -> Callable[[], None]:
        return lambda: calls.append(request)

    with push_on_exit("https://gateway.test", "auth", metrics=book_with_trades(1), timeout=2.5, handler=handler):
        pass
    assert [(call["method"], call["url"], call["timeout"]) for call in calls] == [
        ("PUT", "https://gateway.test/metrics/job/auth", 2.5)
    ]
    assert b"trading_trades_total{" in calls[0]["data"]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"gateway": "localhost:9091"}, "http://localhost:9091"),
        ({"gateway": "http://["}, "http://localhost:9091"),
        ({"gateway": "http://user:hunter2@localhost:9091"}, "handler="),
        ({"job": ""}, "job"),
        ({"grouping_key": {"job": "x"}}, "'job'"),
        ({"grouping_key": {"a-b": "x"}}, "'a-b'"),
        ({"grouping_key": {"run": ""}}, "'run'"),
        ({"grouping_key": {"run": 3}}, "'run'"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"timeout": float("inf")}, "timeout"),
        ({"timeout": "5"}, "timeout"),
        ({"timeout": None}, "timeout"),
        ({"handler": None}, "handler"),
        ({"job": 5}, "job"),
        ({"job": "\ud800"}, "job"),
        ({"grouping_key": {"run": "\udc80"}}, "'run'"),
        ({"grouping_key": {"__run": "x"}}, "'__run'"),
        ({"grouping_key": {"le": "x"}}, "'le'"),
        ({"grouping_key": {"quantile": "x"}}, "'quantile'"),
        ({"grouping_key": [("run", "x")]}, "grouping_key"),
        ({"grouping_key": "run"}, "grouping_key"),
        ({"gateway": "http://localhost:abc"}, "http://localhost:9091"),
        ({"gateway": "http://localhost:99999"}, "http://localhost:9091"),
        ({"gateway": "http://local host:9091"}, "http://localhost:9091"),
        ({"gateway": "http://localhost:9091\n"}, "http://localhost:9091"),
        ({"gateway": "http://localhost:9091/\u00e9"}, "http://localhost:9091"),
        ({"gateway": "http://localhost:9091/metrics/job/backtest"}, "without '/metrics'"),
    ],
)
def test_what_cannot_work_is_refused_at_once(changes: dict[str, Any], named: str) -> None:
    """A mistake would only show after a backtest of six hours."""
    arguments: dict[str, Any] = {"gateway": "http://localhost:9091", "job": "backtest"} | changes
    with pytest.raises(ConfigurationError) as raised:
        push_on_exit(**arguments)
    assert named in str(raised.value)
    assert "hunter2" not in str(raised.value)


# ── refused at the start ─────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"grouping_key": {"strategy": "gamma"}}, "'strategy', which is a label of .*'run'"),
        ({"grouping_key": {"desk": "a"}}, "'desk', which is a label of every metric"),
        ({"grouping_key": {"mood": "a"}}, "'mood', which is a label of own"),
        ({"grouping_key": {"run": "."}}, "vanishes from the path"),
        ({"grouping_key": {"run": ".."}}, "vanishes from the path"),
        ({"job": ".."}, "vanishes from the path"),
        ({"gateway": "http://127.0.0.1:9/metrics"}, "without '/metrics'"),
        ({"gateway": "http://127.0.0.1:9/metrics/"}, "without '/metrics'"),
        ({"gateway": "http://127.0.0.1:9/?x=1"}, "without a query"),
    ],
)
def test_a_push_that_cannot_work_is_refused_at_the_start(arguments: dict[str, Any], message: str) -> None:
    """The figures of a run of hours would be lost at its end, with a bare `HTTP Error 400` in the log."""
    metrics = TradingMetrics(labels={"desk": "options"})
    Counter("own", "Own.", ["mood"], registry=metrics.registry)
    settings = {"gateway": "http://127.0.0.1:9", "job": "backtest", "metrics": metrics, **arguments}
    with pytest.raises(ConfigurationError, match=message):
        push_on_exit(**settings)


# ── SIGTERM ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.skipif(sys.platform == "win32", reason="the signal is of POSIX systems")
def test_sigterm_has_its_default_action_again_after_the_last_push() -> None:
    """A program that pushed once would have a handler of ours for ever, or lose its own."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        first, second = (push_on_exit("http://127.0.0.1:9", "job", metrics=TradingMetrics()) for _ in range(2))
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        first.cancel()
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        second.cancel()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        signal.signal(signal.SIGTERM, print)
        push_on_exit("http://127.0.0.1:9", "job", metrics=TradingMetrics()).cancel()
        assert signal.getsignal(signal.SIGTERM) is print
    finally:
        signal.signal(signal.SIGTERM, before)
