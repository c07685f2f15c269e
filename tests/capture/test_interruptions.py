"""Exceptions that come from outside, while something is recorded: signal handlers, Ctrl-C, forks, removals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import pytest
from prometheus_client import generate_latest

import tradmetrics
from tests.recorded import raising, recorded, sample
from tradmetrics import Limits, MetricDefinition, MetricsExporter, TradingMetrics, track, track_order
from tradmetrics.errors import is_interruption

WHAT = MetricDefinition("what_total", "counter", "Calls by what was read.", ("what",))
pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")


class TooLongError(Exception):
    """What the classic SIGALRM timeout raises."""


def handler(number: int, frame: object) -> None:
    """Raise, as a timeout does."""
    raise TooLongError


def forgetful(number: int, frame: object) -> None:
    """Raise after the frame was dropped."""
    del frame
    raise TooLongError


@pytest.fixture(params=[handler, forgetful, lambda *given: handler(*given)], ids=["plain", "forgetful", "stars"])
def alarm(request: pytest.FixtureRequest) -> Any:
    """A handler of SIGALRM, installed."""
    before = signal.signal(signal.SIGALRM, request.param)
    yield request.param
    signal.signal(signal.SIGALRM, before)


def ring() -> str:
    """A label in the middle of whose reading the alarm comes."""
    signal.raise_signal(signal.SIGALRM)
    return "a"


def test_an_alarm_amid_a_label_reaches_the_caller(alarm: Any) -> None:
    """A bot that bounds its calls by SIGALRM would wait for ever."""
    metrics = TradingMetrics()
    with pytest.raises(TooLongError):
        track(WHAT, what=lambda call: ring(), metrics=metrics)(lambda: None)()
    with pytest.raises(TooLongError):
        MetricsExporter(metrics).record_trade(type("Late", (), {"__str__": lambda self: ring()})(), "BUY", "executed")


def test_an_error_of_a_label_is_no_interruption(alarm: Any) -> None:
    """Errors of ours would reach the trading loop."""
    metrics = TradingMetrics()
    assert "answer" == track(WHAT, what=raising(TooLongError()), metrics=metrics)(lambda: "answer")()
    assert 1 == sample(metrics, "what_total", what="unknown")


def test_an_interruption_is_told_by_its_traceback() -> None:
    """A `SystemExit` of a label would end the bot, or one that was thrown into our code would be lost."""
    own: list[BaseException] = []
    for error in (SystemExit(3), ValueError()):
        try:
            raise error
        except BaseException as caught:
            own.append(caught)
    assert [False, False] == [is_interruption(each) for each in own]
    assert is_interruption(KeyboardInterrupt())


def test_reading_in_a_signal_handler_amid_a_fold_ends_and_counts_right() -> None:
    """A handler that dumps the metrics would wait for its own thread for ever."""
    metrics = TradingMetrics()
    exporter = MetricsExporter(metrics)
    before = signal.signal(signal.SIGALRM, lambda number, frame: generate_latest(metrics.registry))
    try:
        for number in range(3_000):
            if number % 100 == 0:
                signal.setitimer(signal.ITIMER_REAL, 0.0002 * (1 + number % 7))
            exporter.record_trade("s", "BUY", "executed", pnl=0.5)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert 3_000 == sample(metrics, "trading_trades_total", strategy="s", side="BUY", status="executed")
    assert 1_500 == sample(metrics, "trading_profit_total", strategy="s")


FORKS = """
import os, signal, threading
import tradmetrics
from prometheus_client import CollectorRegistry

started, end = threading.Event(), threading.Event()

def build():
    while not end.is_set():
        tradmetrics.configure(registry=CollectorRegistry(), force=True)
        started.set()

builder = threading.Thread(target=build, daemon=True)
builder.start()
started.wait(30)
for _ in range(5):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        tradmetrics.configure(registry=CollectorRegistry(), force=True)
        tradmetrics.metrics_exporter.record_trade("s", "BUY", "executed")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
end.set()
builder.join(30)
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks")
def test_a_fork_while_the_default_metrics_are_built_leaves_a_child_that_records(
    unmeasured_environment: dict[str, str],
) -> None:
    """The child would wait for a lock of a thread that it does not have."""
    program = [sys.executable, "-W", "ignore", "-c", FORKS]
    answer = subprocess.run(program, env=unmeasured_environment, capture_output=True, text=True, timeout=150)
    assert "done\n" == answer.stdout, answer.stderr


def test_removing_one_series_leaves_the_others_remembered() -> None:
    """Each series that expires would make every decorated function look all of its labels up again."""
    metrics = TradingMetrics(limits=Limits(expire_after=60))

    @track_order(side="BUY", order_type="LIMIT", metrics=metrics)
    def place(strategy: str) -> None: ...

    @track(WHAT, metrics=TradingMetrics())
    def other(what: str) -> None: ...

    place("a")
    place("b")
    other("c")
    memory = place.__tradmetrics__[0].memory.cell_contents  # type: ignore[attr-defined]
    assert 2 == memory.entries
    instrument = metrics.instrument(tradmetrics.catalogue.ORDERS_SUBMITTED)
    instrument._remove([("a", "BUY", "LIMIT")], "expired")
    assert [True] == ["b" in key for key in memory]
    assert memory is place.__tradmetrics__[0].memory.cell_contents  # type: ignore[attr-defined]
    place("a")
    assert 1 == sample(metrics, "trading_orders_submitted_total", strategy="a", side="BUY", order_type="LIMIT")
    assert any("removed" in key for key in recorded(metrics))
