"""The storage beneath the metrics: nothing is lost, whatever interrupts, and a scrape sees one moment."""

from __future__ import annotations

import gc
import math
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from tests.recorded import recorded, sample
from tradmetrics import (
    Limits,
    MetricDefinition,
    StrategyStats,
    TradingMetrics,
    arg,
    result,
    track,
    track_connection,
    track_order,
    track_trade,
)
from tradmetrics.storage.series import _folding

COUNT = MetricDefinition("amount_total", "counter", "Amounts.")
STATE = MetricDefinition("state", "gauge", "A state.")
SIZES = MetricDefinition("sizes", "histogram", "Sizes.", buckets=(0, 1, 10))
PROFITS = MetricDefinition("profits", "histogram", "Profits.", buckets=(-10, 0, 10))

finite = st.floats(-1e9, 1e9, allow_nan=False)


@given(st.lists(st.one_of(st.just(1.0), st.floats(0, 1e6), st.integers(0, 1_000))))
def test_a_counter_adds_up(amounts: list[float]) -> None:
    """Sums of profits and losses would be off."""
    metrics = TradingMetrics(strict=True)
    reference = Counter("amount", "Amounts.", registry=CollectorRegistry())
    for amount in amounts:
        metrics.record(COUNT, (), amount, site="test")
        reference.inc(amount)
    assert pytest.approx(reference._value.get(), rel=1e-12) == (sample(metrics, "amount_total") or 0.0)


@given(st.lists(st.one_of(finite.map(lambda value: ("set", value)), st.sampled_from([("up", 0.0), ("down", 0.0)]))))
def test_a_gauge_is_set_and_counted(steps: list[tuple[str, float]]) -> None:
    """Connections that are both set and counted would be shown wrongly."""
    series = TradingMetrics().instrument(STATE).resolve(()).series
    reference = Gauge("state", "A state.", registry=CollectorRegistry())
    for step, value in steps:
        series.set(value) if step == "set" else getattr(series, step)()
        reference.set(value) if step == "set" else reference.inc() if step == "up" else reference.dec()
        assert pytest.approx(reference._value.get(), abs=1e-6) == series.value()


@given(st.lists(st.one_of(finite, st.sampled_from([0, 1, 10, -10, math.nextafter(1, 2)]))))
def test_a_histogram_is_exposed_as_prometheus_client_has_it(values: list[float]) -> None:
    """A value on a bound would be in the wrong bucket, and quantiles differ from what users know."""
    metrics = TradingMetrics(strict=True)
    registry = CollectorRegistry()
    references = [
        Histogram("sizes", "Sizes.", buckets=(0, 1, 10), registry=registry),
        Histogram("profits", "Profits.", buckets=(-10, 0, 10), registry=registry),
    ]
    for definition, reference in zip((SIZES, PROFITS), references, strict=True):
        for value in values:
            metrics.record(definition, (), value, site="test")
            reference.observe(value)
        for metric in registry.collect():
            for each in metric.samples if values and metric.name == definition.name else ():
                if not each.name.endswith("_created"):
                    assert pytest.approx(each.value, rel=1e-9, abs=1e-6) == sample(metrics, each.name, **each.labels)
    assert sample(metrics, "profits_sum") is None


def test_nothing_grows_while_nobody_scrapes() -> None:
    """A bot whose Prometheus is down would fill its memory."""
    metrics = TradingMetrics()
    counter, histogram = (metrics.instrument(each).resolve(()).series for each in (COUNT, SIZES))
    for number in range(10_000):
        counter.add(0.5)
        histogram.observe(number)
    for series in (counter, histogram):
        assert len(series.appended) < 100  # type: ignore[attr-defined]
    assert (5_000, 10_000) == (counter.value(), histogram.value())


def test_values_are_folded_64_at_a_time() -> None:
    """Each recording would pay for what one in 64 pays for."""
    metrics = TradingMetrics()
    counter, histogram = (metrics.instrument(each).resolve(()).series for each in (COUNT, SIZES))
    for record, series in ((counter.add, counter), (histogram.observe, histogram)):
        waiting = []
        for _ in range(130):
            record(1)
            waiting.append(len(series.appended))  # type: ignore[attr-defined]
        assert [*range(1, 64), 0, *range(1, 64), 0, 1, 2] == waiting


def test_recording_does_not_wait_for_a_scrape() -> None:
    """An order would be held up for as long as the scrape reads, and in a signal handler for ever."""
    metrics = TradingMetrics()
    counter, histogram = (metrics.instrument(each).resolve(()).series for each in (COUNT, SIZES))

    def work() -> None:
        for _ in range(200):
            counter.add(1)
            histogram.observe(1)

    recording = threading.Thread(target=work, daemon=True)
    with _folding:
        recording.start()
        recording.join(30)
        assert not recording.is_alive()
    assert (200, 200) == (counter.value(), histogram.value())


# ── threads ──────────────────────────────────────────────────────────────────────────────────────────────────────

THREADS = 16
CALLS = 400


def together(work: Any, threads: int = THREADS) -> None:
    """Run `work(number)` on threads that begin together."""
    barrier = threading.Barrier(threads)
    failed: list[BaseException] = []

    def run(number: int) -> None:
        barrier.wait(30)
        try:
            work(number)
        except BaseException as error:
            failed.append(error)

    running = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(120)
    assert [] == failed
    assert not any(thread.is_alive() for thread in running)


@pytest.fixture
def switching() -> Any:
    """Threads take turns as often as Python can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_threads_lose_nothing(switching: None) -> None:
    """Orders placed at the same moment would go uncounted."""
    metrics = TradingMetrics(strict=True)

    @track_order(metrics=metrics)
    def place(strategy: str, side: str) -> dict[str, Any]:
        return {"status": "filled", "fill_time": 0.5}

    @track_order(metrics=metrics)
    def send(strategy: str, side: str) -> None:
        pass

    @track_trade(strategy="s", side="BUY", pnl=result(), metrics=metrics)
    def close(pnl: float) -> float:
        return pnl

    @track_connection(metrics=metrics)
    def listen() -> None:
        pass

    @track(COUNT, value=arg("amount"), metrics=metrics)
    def count(amount: float) -> None:
        pass

    def work(number: int) -> None:
        for call in range(CALLS):
            place("s" if call % 2 else f"s{number}", "BUY")
            send("t", "SELL")
            close(2 if call % 4 else -1)
            listen()
            count(0.25)

    together(work)
    calls = THREADS * CALLS
    expected: dict[str, float] = {
        "trading_orders_submitted_total s BUY unknown": calls / 2,
        "trading_orders_filled_total s BUY": calls / 2,
        "trading_order_fill_time_seconds_count s": calls / 2,
        "trading_orders_submitted_total t SELL unknown": calls,
        "trading_trades_total s BUY executed": calls,
        "trading_trades_pnl_count s": calls,
        "trading_profit_total s": calls * 3 / 4 * 2,
        "trading_loss_total s": calls / 4,
        "trading_websocket_connections": 0,
        "amount_total": calls / 4,
    }
    for number in range(THREADS):
        expected[f"trading_orders_submitted_total s{number} BUY unknown"] = CALLS / 2
        expected[f"trading_orders_filled_total s{number} BUY"] = CALLS / 2
        expected[f"trading_order_fill_time_seconds_count s{number}"] = CALLS / 2
    assert expected == recorded(metrics)
    assert calls / 4 == sample(metrics, "trading_order_fill_time_seconds_sum", strategy="s")


def test_a_scrape_sees_a_histogram_as_of_one_moment(switching: None) -> None:
    """Averages and quantiles would be computed from a count and a sum that do not belong together."""
    metrics = TradingMetrics()
    done = threading.Event()
    torn: list[Any] = []

    def work(number: int) -> None:
        if number:
            for _ in range(3_000):
                metrics.record(SIZES, (), 5.0, site="test")
            if number == 1:
                done.set()
            return
        while not done.is_set():
            found = {
                (each.name, each.labels.get("le")): each.value
                for metric in metrics.registry.collect()
                if metric.name == "sizes"
                for each in metric.samples
            }
            count = found.get(("sizes_count", None), 0.0)
            if found and not (
                found["sizes_sum", None] == 5 * count == 5 * found["sizes_bucket", "+Inf"]
                and found["sizes_bucket", "10.0"] == count
            ):
                torn.append(found)

    together(work, 4)
    assert [] == torn
    assert 9_000 == sample(metrics, "sizes_count")


def test_counters_never_go_back_while_they_are_scraped(switching: None) -> None:
    """Prometheus would take the step back for a restart, and add everything once more."""
    metrics = TradingMetrics(strategy_stats=StrategyStats())
    done = threading.Event()
    fell: list[tuple[float, float]] = []

    def work(number: int) -> None:
        if number:
            for _ in range(4_000):
                metrics.record(COUNT, (), 0.5, site="test")
            if number == 1:
                done.set()
            return
        last = 0.0
        while not done.is_set():
            now = sample(metrics, "amount_total") or 0.0
            if now < last:
                fell.append((last, now))
            last = now

    together(work, 4)
    assert [] == fell
    assert 6_000 == sample(metrics, "amount_total")


def test_many_threads_that_meet_the_same_new_labels_make_one_series(switching: None) -> None:
    """The first calls of a strategy would be counted in a series that nobody scrapes."""
    metrics = TradingMetrics()
    send = track_order(side="BUY", order_type="LIMIT", metrics=metrics)(lambda strategy: None)

    def work(number: int) -> None:
        for call in range(CALLS):
            send(f"s{call % 40}")

    together(work)
    found = recorded(metrics)
    assert {
        f"trading_orders_submitted_total s{number} BUY LIMIT": THREADS * CALLS / 40 for number in range(40)
    } == found


# ── signals, finalisers, forks ───────────────────────────────────────────────────────────────────────────────────

PRELUDE = """
import faulthandler, gc, os, signal, sys, threading
faulthandler.dump_traceback_later(90, exit=True)  # a deadlock ends here, and says where it is
from prometheus_client import generate_latest
from tradmetrics import *

COUNT = MetricDefinition("amount_total", "counter", "Amounts.")
SIZES = MetricDefinition("sizes", "histogram", "Sizes.", ("what",), buckets=(0, 1, 10))
metrics = TradingMetrics(strategy_stats=StrategyStats())
shared = fill_timer("s", metrics=metrics)
send = track_order(order_type="LIMIT", metrics=metrics)(lambda strategy, side: None)
close = track_trade(strategy="s", side="BUY", pnl=result(), metrics=metrics)(lambda: 2)
count = track(COUNT, value=0.25, metrics=metrics)(lambda: None)
size = track(SIZES, value=5, metrics=metrics)(lambda what: None)
listen = track_connection(metrics=metrics)(lambda: None)
broken = track_errors(component="c", severity=lambda call: 1 / 0, metrics=metrics)
made = 0


def record():
    \"\"\"One of everything, and now and then under labels that are new.\"\"\"
    global made
    made += 1
    send(f"s{made % 60}", "BUY")
    close()
    count()
    size(f"w{made % 70}")
    listen()
    with fill_timer("s", metrics=metrics):
        pass
    with shared, shared:
        pass


def total(name):
    return sum(
        sample.value for metric in metrics.registry.collect() for sample in metric.samples if sample.name == name
    )


def check(calls):
    found = [total(name) for name in (
        "trading_orders_submitted_total", "trading_trades_total", "trading_strategy_trades_today", "sizes_count",
        "trading_order_fill_time_seconds_count", "amount_total", "trading_profit_total",
        "trading_websocket_connections",
    )]
    assert found == [calls, calls, calls, calls, calls * 3, calls / 4, calls * 2, 0], (calls, found)
"""

SIGNALS = """
handled = 0


def handle(number, frame):
    global handled
    handled += 1
    record()
    # One at a time: on a slow machine handlers would interrupt one another until the stack is full.
    signal.setitimer(signal.ITIMER_REAL, 0.0003)


signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.0003)
mine = 0
while handled < 1_500:
    record()
    mine += 1
    if mine % 50 == 0:
        generate_latest(metrics.registry)
signal.signal(signal.SIGALRM, signal.SIG_IGN)
signal.setitimer(signal.ITIMER_REAL, 0)
check(mine + handled)
print("done")
"""

FINALISERS = """
gc.set_threshold(30, 2, 2)
finalised = 0


class Garbage:
    def __init__(self):
        self.itself = self  # only the collector finds it, in the middle of whatever allocates

    def __del__(self):
        global finalised
        finalised += 1
        record()


mine = 0
for number in range(3_000):
    Garbage()
    record()
    mine += 1
    if number % 100 == 0:
        generate_latest(metrics.registry)
gc.disable()
gc.collect()
assert finalised > 2_000, finalised
check(mine + finalised)
print("done")
"""

FORKS = """
stop = threading.Event()
counted = [0] * 4
lock = threading.Lock()


def work(number):
    while not stop.is_set():
        record()
        counted[number] += 1


def scrape():
    while not stop.is_set():
        generate_latest(metrics.registry)


threads = [threading.Thread(target=work, args=(number,)) for number in range(4)] + [threading.Thread(target=scrape)]
for thread in threads:
    thread.start()
children = []
for number in range(25):
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(60)
            for _ in range(200):
                record()
            # One by one: prometheus_client's own lock may be held by a thread that this process does not have.
            metrics = [metrics.instrument(each) for each in (COUNT, SIZES, catalogue.STRATEGY_TRADES_TODAY)]
            values = [sample.value for metric in metrics for family in metric.collect() for sample in family.samples]
            os._exit(0 if min(values) >= 0 and values[0] >= 50 else 3)
        except BaseException:
            os._exit(4)
    children.append(child)
    if len(children) == 5:
        for child in children:
            status = os.waitpid(child, 0)[1]
            assert status == 0, status
        children.clear()
stop.set()
for thread in threads:
    thread.join(30)
made = sum(counted)
check(made)
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals like these and forks are for POSIX systems")
@pytest.mark.parametrize("script", [SIGNALS, FINALISERS, FORKS], ids=["signal handler", "finaliser", "fork"])
def test_recording_is_safe_wherever_python_may_be_interrupted(
    script: str, unmeasured_environment: dict[str, str], tmp_path: Path
) -> None:
    """A bot that closes its positions when it is told to stop would hang in its metrics, with the positions open."""
    source = PRELUDE + ("\nfrom tradmetrics import catalogue\n" if script is FORKS else "") + script
    answer = subprocess.run(
        [sys.executable, "-c", source],
        env=unmeasured_environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ("done\n", 0) == (answer.stdout, answer.returncode), answer.stderr[-3_000:]


@pytest.mark.parametrize("seconds", [3_600.0, 0.001], ids=["nothing", "everything"])
def test_a_finaliser_may_record_under_new_labels_while_what_expired_is_looked_for(seconds: float) -> None:
    """An order closed by a finaliser would go uncounted, or the scrape that it came into would fail."""
    sent = MetricDefinition("sent_total", "counter", "Sent.", labels=("desk",))
    limits = Limits(labels={"desk": 10_000}, series={"sent_total": 10_000}, expire_after=seconds)
    metrics = TradingMetrics(limits=limits, strict=True)
    errors: list[BaseException] = []
    finalised, going = 0, True

    class Garbage:
        def __init__(self) -> None:
            self.itself = self  # only the collector finds it, in the middle of whatever allocates

        def __del__(self) -> None:
            nonlocal finalised
            finalised += 1
            try:
                metrics.record(sent, (f"late {finalised}",), site="test")
            except BaseException as error:
                errors.append(error)
            if going:
                Garbage()  # so that there is one at every collection

    for number in range(5_000):
        metrics.record(sent, (f"desk {number}",), site="test")
    before = gc.get_threshold()
    try:
        gc.set_threshold(30, 2, 2)
        Garbage()
        for _ in range(20):
            list(metrics.registry.collect())
    finally:
        gc.set_threshold(*before)
    going = False
    gc.collect()
    assert [] == errors
    counted = ("sent_total", "tradmetrics_series_removed_total")
    found = sum(value for name, value in recorded(metrics).items() if name.startswith(counted))
    assert 5_000 + finalised == found > 5_000


def test_rendering_does_not_change_what_was_counted() -> None:
    """Two Prometheus servers on one bot would see different figures."""
    metrics = TradingMetrics()
    for number in range(100):
        metrics.record(COUNT, (), number, site="test")
        metrics.record(SIZES, (), number, site="test")
    first, second = (
        [line for line in generate_latest(metrics.registry).splitlines() if b"uptime" not in line] for _ in range(2)
    )
    assert first == second
    assert (4_950, 100, 4_950) == (
        sample(metrics, "amount_total"),
        sample(metrics, "sizes_count"),
        sample(metrics, "sizes_sum"),
    )
