"""`track_connection`: how many connections are live."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from tests.recorded import recorded, sample
from tradmetrics import MetricsExporter, TradingMetrics, configure, get_metrics, track_connection


@pytest.fixture
def metrics() -> TradingMetrics:
    """A metrics object of the test's own."""
    return TradingMetrics(strict=True)


def live(metrics: TradingMetrics) -> float | None:
    """The number of live connections."""
    return sample(metrics, "trading_websocket_connections")


def test_a_connection_counts_while_its_function_runs(metrics: TradingMetrics) -> None:
    """Nobody would see that a feed has disconnected."""
    seen: list[float | None] = []

    @track_connection(metrics=metrics)
    def listen(depth: int) -> None:
        seen.append(live(metrics))
        if depth:
            listen(depth - 1)
        seen.append(live(metrics))

    for _ in range(2):
        listen(2)
        assert [1, 2, 3, 3, 2, 1] == seen
        assert 0 == live(metrics)
        seen.clear()


@pytest.mark.parametrize("exception", [ConnectionError(), KeyboardInterrupt(), asyncio.CancelledError()])
def test_however_it_ends_it_ends_once(metrics: TradingMetrics, exception: BaseException) -> None:
    """Connections that break, which they all do, would count for ever."""

    @track_connection(metrics=metrics)
    def listen() -> None:
        raise exception

    for _ in range(2):
        with pytest.raises(type(exception)):
            listen()
        with pytest.raises(type(exception)), track_connection(metrics=metrics):
            raise exception
        assert 0 == live(metrics)


def test_tasks_are_counted_each(metrics: TradingMetrics) -> None:
    """Connections on one event loop would be one."""

    @track_connection(metrics=metrics)
    async def listen(close: asyncio.Event) -> None:
        await close.wait()

    async def main() -> None:
        close = asyncio.Event()
        tasks = [asyncio.ensure_future(listen(close)) for _ in range(5)]
        await asyncio.sleep(0)
        assert 5 == live(metrics)
        tasks[0].cancel()
        await asyncio.gather(tasks[0], return_exceptions=True)
        assert 4 == live(metrics)
        async with track_connection(metrics=metrics):
            assert 5 == live(metrics)
        close.set()
        await asyncio.gather(*tasks[1:])
        assert 0 == live(metrics)

    asyncio.run(main())


def test_a_stream_is_live_from_its_first_item_until_it_is_closed(metrics: TradingMetrics) -> None:
    """A generator that holds a socket would count before it opens it, or after it closed it."""

    @track_connection(metrics=metrics)
    def messages() -> Iterator[int]:
        yield 1
        yield 2

    steps = messages()
    assert live(metrics) is None
    next(steps)
    assert 1 == live(metrics)
    steps.close()
    assert 0 == live(metrics)
    forgotten = messages()
    next(forgotten)
    assert 1 == live(metrics)
    del forgotten
    gc.collect()
    assert 0 == live(metrics)
    assert [1, 2] == list(messages())
    assert 0 == live(metrics)


def test_one_tracking_may_be_entered_many_times(metrics: TradingMetrics) -> None:
    """A tracking kept on the bot could serve one connection at a time."""
    tracking = track_connection(metrics=metrics)
    with tracking as entered, tracking:
        assert tracking is entered
        assert 2 == live(metrics)
    assert 0 == live(metrics)


def test_leaving_without_entering_changes_nothing(metrics: TradingMetrics) -> None:
    """The number of connections would fall below zero."""
    tracking = track_connection(metrics=metrics)
    tracking.__exit__(None, None, None)
    with tracking:
        pass
    tracking.__exit__(None, None, None)
    assert 0 == live(metrics)


def test_the_number_never_falls_below_zero_when_it_is_set_meanwhile(metrics: TradingMetrics) -> None:
    """A bot that both counts and sets it would show a negative number of connections."""
    tracking = track_connection(metrics=metrics)
    seen: list[float | None] = []

    @track_connection(metrics=metrics)
    def listen() -> None:
        MetricsExporter(metrics).update_websocket_connections(0)

    listen()
    seen.append(live(metrics))
    with tracking:
        MetricsExporter(metrics).update_websocket_connections(0)
        seen.append(live(metrics))
    seen.append(live(metrics))
    MetricsExporter(metrics).update_websocket_connections(3)
    with tracking:
        seen.append(live(metrics))
    assert [0, 0, 0, 4] == seen
    assert 3 == live(metrics)


def test_a_connection_that_outlives_its_metrics_object_does_not_count_in_the_next_one() -> None:
    """Replacing the default metrics would leave a negative number of connections behind."""
    tracking = track_connection()

    @track_connection
    def stream() -> Any:
        yield

    steps = stream()
    with tracking:
        next(steps)
        assert 2 == live(get_metrics())
        configure(limits={"symbol": 3}, force=True)
        with tracking:
            assert 1 == live(get_metrics())
        assert 0 == live(get_metrics())
    steps.close()
    assert 0 == live(get_metrics())


def test_a_metrics_object_that_is_disabled_later_counts_no_connection() -> None:
    """A switch that is thrown in an incident would leave part of the metrics on."""
    listen = track_connection()(lambda: live(get_metrics()))
    assert 1 == listen()
    disabled = configure(CollectorRegistry(), enabled=False, force=True)
    assert listen() is None
    assert live(disabled) is None


def test_threads_lose_no_connection_and_a_scrape_never_sees_a_negative_number(metrics: TradingMetrics) -> None:
    """Connections of many threads would be miscounted, now and then below zero."""
    done = threading.Event()
    negative: list[float] = []

    @track_connection(metrics=metrics)
    def listen() -> None:
        pass

    def work() -> None:
        for _ in range(3_000):
            listen()
            with track_connection(metrics=metrics):
                pass

    def scrape() -> None:
        while not done.is_set():
            now = live(metrics) or 0.0
            if now < 0:
                negative.append(now)

    scraper = threading.Thread(target=scrape)
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in (scraper, *threads):
        thread.start()
    for thread in threads:
        thread.join(60)
    done.set()
    scraper.join(10)
    assert [] == negative
    assert {"trading_websocket_connections": 0} == recorded(metrics)
