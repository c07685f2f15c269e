"""What has stopped: loops, streams, sampled functions, and positions that drift from the broker's."""

from __future__ import annotations

import asyncio
import threading
import time
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest

from tests.recorded import errors, recorded, sample
from tradmetrics import MetricsExporter, Sampler, TradingMetrics, get_metrics, heartbeat, track_connection
from tradmetrics.errors import DecorationError, LabelSourceError

CONNECTED = "trading_stream_connected"
CONNECTS = "trading_stream_connects_total"
SUCCESS = "tradmetrics_sampler_last_success_timestamp_seconds"


@pytest.fixture
def metrics() -> TradingMetrics:
    """A metrics object of the test's own."""
    return TradingMetrics(strict=True)


class Name(Enum):
    """A bot's names."""

    ORDERS = "orders"


# ── loops ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("loop", ["main", Name.ORDERS, None])
def test_a_beat_is_the_time_of_now(metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch, loop: Any) -> None:
    """A loop that stands still would look like one that has nothing to do."""
    label = {"main": "main", Name.ORDERS: "orders", None: "unknown"}[loop]
    for now in (1_700_000_000.0, 1_700_000_005.0):
        monkeypatch.setattr("tradmetrics.record.heartbeat.time", lambda now=now: now)
        heartbeat(loop, metrics=metrics)
        assert now == sample(metrics, "trading_heartbeat_timestamp_seconds", loop=label)


def test_the_shortest_call_beats_for_main() -> None:
    """The first line of a tutorial would do nothing."""
    before = time.time()
    heartbeat()
    beat = sample(get_metrics(), "trading_heartbeat_timestamp_seconds", loop="main")
    assert beat is not None
    assert before <= beat <= time.time()


def test_as_a_decorator_it_says_how_to_write_it() -> None:
    """The function would be replaced by None, and fail at its first call."""

    def loop() -> None: ...

    with pytest.raises(DecorationError, match=r'write heartbeat\("main"\) inside the loop'):
        heartbeat(loop)


def test_metrics_that_are_off_beat_for_nobody() -> None:
    """A bot without metrics would fail."""
    heartbeat("main", metrics=TradingMetrics(enabled=False))


# ── streams ──────────────────────────────────────────────────────────────────────────────────────────────────────


def state(metrics: TradingMetrics, stream: str = "orders") -> tuple[float | None, ...]:
    """Connected, connects, and the guide's number of all connections."""
    return (
        sample(metrics, CONNECTED, stream=stream),
        sample(metrics, CONNECTS, stream=stream),
        sample(metrics, "trading_websocket_connections"),
    )


@pytest.mark.parametrize("stream", ["orders", Name.ORDERS])
def test_a_stream_is_connected_while_one_of_its_connections_is(metrics: TradingMetrics, stream: Any) -> None:
    """The order stream that is down would hide behind two price streams that are up."""
    with track_connection(stream="prices", metrics=metrics), track_connection(stream=stream, metrics=metrics) as orders:
        assert (1, 1, 2) == state(metrics)
        with orders:  # reconnects before the old one is gone
            assert (1, 2, 3) == state(metrics)
        assert (1, 2, 2) == state(metrics)
    assert (0, 2, 0) == state(metrics)
    assert (0, 1, 0) == state(metrics, "prices")


def test_it_works_on_coroutines_and_generators(metrics: TradingMetrics) -> None:
    """Streams are coroutines, as a rule."""
    seen = []

    @track_connection(stream="orders", metrics=metrics)
    async def listen() -> None:
        seen.append(state(metrics))
        raise ConnectionError

    @track_connection(stream="orders", metrics=metrics)
    def ticks() -> Any:
        yield state(metrics)

    with pytest.raises(ConnectionError):
        asyncio.run(listen())
    seen += ticks()
    assert [(1, 1, 1), (1, 2, 1)] == seen
    assert (0, 2, 0) == state(metrics)


def test_without_a_stream_nothing_is_added(metrics: TradingMetrics) -> None:
    """Everybody would get new series by an update."""
    with track_connection(metrics=metrics):
        pass
    assert {"trading_websocket_connections": 0} == recorded(metrics)


def test_threads_that_come_and_go_leave_it_right(metrics: TradingMetrics) -> None:
    """A reconnect on another thread could leave a live stream at 0 for ever."""
    with track_connection(stream="orders", metrics=metrics):

        def flap() -> None:
            for _ in range(300):
                with track_connection(stream="orders", metrics=metrics):
                    pass

        threads = [threading.Thread(target=flap) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (1, 1_201, 1) == state(metrics)
    assert (0, 1_201, 0) == state(metrics)


@pytest.mark.parametrize("stream", [lambda call: "orders", 5, "", " "])
def test_a_stream_that_is_no_constant_is_refused(stream: Any) -> None:
    """A connection counts before there is anything to read."""
    with pytest.raises(LabelSourceError, match="stream is a constant such as stream='orders'"):
        track_connection(stream=stream)


# ── sampled functions ────────────────────────────────────────────────────────────────────────────────────────────


def last(metrics: TradingMetrics, function: Any) -> float | None:
    """When a sampled function last returned."""
    return sample(metrics, SUCCESS, function=f"{function.__module__}.{function.__qualname__}")


@pytest.mark.parametrize("way", ["thread", "loop"])
def test_a_function_that_hangs_or_fails_is_seen(way: str) -> None:
    """Gauges would keep their last values, and nothing would tell that they are old."""
    metrics = TradingMetrics()
    enough, release = threading.Event(), threading.Event()
    calls: list[int] = []

    def good() -> None:
        calls.append(1)
        if len(calls) == 3:
            enough.set()

    def failing() -> None:
        raise ConnectionError

    async def hanging() -> None:
        while not release.is_set():
            await asyncio.sleep(0.01)

    sampler = Sampler(interval=0.01, metrics=metrics)
    for function in (good, failing, hanging):
        sampler.add(function)
    before = time.time()
    if way == "thread":
        with sampler:
            assert enough.wait(10)
            seen = [last(metrics, each) for each in (good, failing, hanging)]
            release.set()
    else:

        async def run() -> list[float | None]:
            async with sampler:
                while not enough.is_set():
                    await asyncio.sleep(0.01)
                return [last(metrics, each) for each in (good, failing, hanging)]

        seen = asyncio.run(run())
    assert seen[0] is not None
    assert before <= seen[0] <= time.time()
    assert [0, 0] == seen[1:]


# ── drift ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("expected", "actual", "drift"),
    [
        (50, 50, 0),
        (50, 25, -25),
        (-50, "25", 75),
        (Decimal("0.3"), 0.1 + 0.2, 0),
        (0, 1e-8, 1e-8),
    ],
)
def test_the_drift_is_the_brokers_position_minus_ours(
    metrics: TradingMetrics, expected: Any, actual: Any, drift: float
) -> None:
    """A fill that the bot missed would be found at the end of the day."""
    MetricsExporter(metrics).record_position_check("NIFTY", expected, actual)
    assert pytest.approx(drift) == sample(metrics, "trading_position_drift", symbol="NIFTY")


def test_a_check_without_numbers_is_counted() -> None:
    """The drift would stay at its last value without a word."""
    metrics = TradingMetrics()
    MetricsExporter(metrics).record_position_check("NIFTY", "flat", 5)
    assert {("record_position_check", "value"): 1} == errors(metrics)


@pytest.mark.parametrize("missing", [None, "", "N/A"])
def test_a_check_that_lacks_a_quantity_leaves_the_drift_alone(missing: Any) -> None:
    """A broker that has no position to report would count an error at every check."""
    metrics = TradingMetrics()
    exporter = MetricsExporter(metrics)
    exporter.record_position_check("NIFTY", 2, 5)
    exporter.record_position_check("NIFTY", 2, missing)
    exporter.record_position_check("NIFTY", missing, 2)
    assert 3 == sample(metrics, "trading_position_drift", symbol="NIFTY")
    assert {} == errors(metrics)
