"""`Sampler`: snapshot functions every few seconds, on threads or on an event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.recorded import errors, raising, sample
from tradmetrics import ConfigurationError, Sampler, TradingMetrics, TradmetricsError, get_metrics, track_capital

LONG = 10.0
"""Seconds that a test waits at most for what should happen at once."""


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition; fail when it does not come."""
    ends = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.001)


@pytest.fixture
def metrics() -> TradingMetrics:
    """A metrics object of the test's own."""
    return TradingMetrics()


@pytest.fixture
def sampler(metrics: TradingMetrics) -> Iterator[Sampler]:
    """A fast sampler, stopped at the end of the test."""
    sampler = Sampler(interval=0.002, metrics=metrics)
    yield sampler
    assert sampler.stop(LONG)


# ── threads ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_functions_are_called_again_and_again(sampler: Sampler, metrics: TradingMetrics) -> None:
    """The gauges would show the state of the day the bot was started."""
    totals = iter(range(10_000))

    @sampler.add
    @track_capital(metrics=metrics)
    def account() -> dict[str, int]:
        return {"total": next(totals)}

    assert {"total": 0} == account()
    with sampler:
        until(lambda: (sample(metrics, "trading_capital_total") or 0) >= 5)


def test_nothing_runs_before_the_start_and_after_the_stop(sampler: Sampler) -> None:
    """Threads would appear that nobody asked for, or outlive what they look at."""
    calls: list[int] = []
    sampler.add(lambda: calls.append(1))
    threads = threading.active_count()
    time.sleep(0.01)
    assert [] == calls
    assert sampler is sampler.start()
    assert sampler is sampler.start()
    assert threads + 1 == threading.active_count()
    until(lambda: len(calls) >= 2)
    assert sampler.stop(LONG)
    assert threads == threading.active_count()
    count = len(calls)
    time.sleep(0.01)
    assert count == len(calls)
    assert sampler.stop(LONG)


def test_it_can_be_started_again(sampler: Sampler) -> None:
    """A bot that pauses overnight would need a new one each morning."""
    calls: list[int] = []
    sampler.add(lambda: calls.append(1))
    for _ in range(3):
        with sampler:
            before = len(calls)
            until(lambda before=before: len(calls) >= before + 2)  # type: ignore[misc]


def test_its_threads_do_not_keep_the_process_alive(sampler: Sampler) -> None:
    """A bot that ends without stopping it would hang."""
    sampler.add(lambda: None)
    with sampler:
        mine = [each for each in threading.enumerate() if each.name.startswith("tradmetrics sampler")]
        assert [True] == [each.daemon for each in mine]
        assert "test_its_threads_do_not_keep_the_process_alive.<locals>.<lambda>" in mine[0].name


def test_one_that_fails_does_not_stop_itself_or_the_others(sampler: Sampler, metrics: TradingMetrics) -> None:
    """A broker that is down for a minute would end all sampling for the day."""
    calls: list[str] = []

    @sampler.add
    def broken() -> None:
        calls.append("broken")
        raise ConnectionError("down")

    sampler.add(lambda: calls.append("well"))
    with sampler:
        until(lambda: calls.count("broken") >= 3 and calls.count("well") >= 3)
    assert {("broken", "source")} == set(errors(metrics))
    assert calls.count("broken") == errors(metrics)["broken", "source"]


def test_a_slow_one_does_not_pile_up_or_hold_up_the_others(sampler: Sampler) -> None:
    """Calls that take longer than the interval would overlap, more and more of them."""
    go_on, others = threading.Event(), []
    running, most = 0, 0

    @sampler.add
    def slow() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        go_on.wait(LONG)
        running -= 1

    sampler.add(lambda: others.append(1))
    with sampler:
        until(lambda: len(others) >= 20)
        assert (1, 1) == (running, most)
        go_on.set()
        until(lambda: running == 0)
    assert 1 == most


def test_stopping_waits_no_longer_than_it_was_told(metrics: TradingMetrics) -> None:
    """A function that hangs would hang the bot's shutdown with it."""
    entered, go_on = threading.Event(), threading.Event()
    sampler = Sampler(interval=0.002, metrics=metrics)

    @sampler.add
    def hangs() -> None:
        entered.set()
        go_on.wait(LONG)

    sampler.start()
    assert entered.wait(LONG)
    assert sampler.stop(timeout=0.01) is False
    go_on.set()
    until(lambda: not any("hangs" in each.name for each in threading.enumerate()))
    assert sampler.stop()


def test_a_sampled_function_may_stop_the_sampler(sampler: Sampler) -> None:
    """A shutdown that is triggered by what is sampled would wait for itself."""
    stopped: list[bool] = []

    @sampler.add
    def last() -> None:
        stopped.append(sampler.stop())

    sampler.start()
    until(lambda: stopped == [True])


def test_functions_can_be_added_while_it_runs(sampler: Sampler) -> None:
    """Strategies that are loaded later could not be sampled."""
    calls: list[str] = []
    with sampler.start():
        sampler.add(lambda: calls.append("first"))
        until(lambda: "first" in calls)
        sampler.add(lambda: calls.append("second"))
        until(lambda: "second" in calls)
    count = len(calls)
    sampler.add(lambda: calls.append("third"))
    time.sleep(0.01)
    assert count == len(calls)


def test_a_coroutine_function_runs_to_its_end_on_its_thread(sampler: Sampler) -> None:
    """Async snapshot functions of a threaded bot would never run."""
    calls: list[str] = []

    @sampler.add
    async def account() -> None:
        await asyncio.sleep(0)
        calls.append("async")

    with sampler:
        until(lambda: calls.count("async") >= 2)
    assert {"async"} == set(calls)


class Schedule:
    """A clock, and a wait that moves it; every wait is noted.

    Attributes:
        now: The time.
        waits: How long was waited each time.
    """

    def __init__(self, early: float = 0.0) -> None:
        self.now = 100.0
        self.waits: list[float] = []
        self._early = early

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        """Wait, and wake up a little early."""
        self.waits.append(seconds)
        self.now += max(0.0, seconds - self._early)


class Stopping:
    """Stands for the event that stops a thread: after so many waits."""

    def __init__(self, schedule: Schedule, waits: int) -> None:
        self._schedule = schedule
        self._left = waits

    def wait(self, seconds: float) -> bool:
        self._left -= 1
        if self._left >= 0:
            self._schedule.wait(seconds)
        return self._left < 0


@pytest.mark.parametrize("early", [0.0, 1e-7])
def test_the_schedule_does_not_drift(monkeypatch: pytest.MonkeyPatch, early: float) -> None:
    """A sampler that adds each call's duration to the interval would fall behind by hours in a day."""
    schedule = Schedule(early)
    monkeypatch.setattr("tradmetrics.record.sampler.time.monotonic", schedule)
    called: list[float] = []

    def account() -> None:
        called.append(round(schedule.now, 3))
        schedule.now += [0.1, 0.9, 2.5, 0.0, 3.5][len(called) % 5]

    Sampler(interval=1.0)._run_on_thread(account, Stopping(schedule, 9))  # type: ignore[arg-type]
    assert [100.0, 101.0, 104.0, 105.0, 109.0, 110.0, 111.0, 114.0, 115.0] == called


# ── the event loop ───────────────────────────────────────────────────────────────────────────────────────────────


def test_on_a_loop_it_runs_as_tasks_and_ends_with_the_block(sampler: Sampler, metrics: TradingMetrics) -> None:
    """An async bot would need threads, which its objects are not made for."""
    calls: list[Any] = []
    sampler.add(lambda: calls.append(threading.current_thread()))

    @sampler.add
    async def later() -> None:
        await asyncio.sleep(0)
        calls.append("async")

    @sampler.add
    async def broken() -> None:
        calls.append("broken")
        raise ConnectionError

    sampler.add(raising(ValueError()))

    async def main() -> None:
        before = asyncio.all_tasks()
        async with sampler as entered:
            assert sampler is entered
            while not (calls.count("async") >= 2 and calls.count("broken") >= 2):
                await asyncio.sleep(0)
            sampler.add(lambda: calls.append("added"))
            while "added" not in calls:
                await asyncio.sleep(0)
        assert before == asyncio.all_tasks()
        count = len(calls)
        await asyncio.sleep(0.01)
        assert count == len(calls)

    asyncio.run(asyncio.wait_for(main(), LONG))
    assert {threading.main_thread(), "async", "broken", "added"} == set(calls)
    assert {("broken", "source"), ("function", "source")} == set(errors(metrics))


def test_a_slow_coroutine_does_not_pile_up_on_a_loop(sampler: Sampler) -> None:
    """Requests to a slow broker would be sent faster than they are answered."""
    running, most = 0, 0

    @sampler.add
    async def slow() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1

    async def main() -> None:
        async with sampler:
            await asyncio.sleep(0.05)

    asyncio.run(main())
    assert 1 == most


def test_leaving_the_block_ends_a_coroutine_that_will_not_be_cancelled(sampler: Sampler) -> None:
    """The bot would hang in its shutdown."""
    calls: list[int] = []

    @sampler.add
    async def stubborn() -> None:
        calls.append(1)
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            calls.append(2)

    async def main() -> None:
        async with sampler:
            while not calls:
                await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(main(), LONG / 2))
    assert [1, 2] == calls


# ── wrong use ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("interval", [0, -1, float("nan"), float("inf"), True, "5", None])
def test_an_impossible_interval_is_refused(interval: Any) -> None:
    """It would spin, or never call anything."""
    with pytest.raises(ConfigurationError, match="interval is seconds above zero"):
        Sampler(interval)


@pytest.mark.parametrize("function", [{"total": 5}, lambda account: account, int.bit_length])
def test_what_cannot_be_called_without_arguments_cannot_be_added(function: Any) -> None:
    """`sampler.add(account())` would fail on a thread, every interval, and so would a function that wants one."""
    with pytest.raises(TradmetricsError, match="takes a function without parameters"):
        Sampler().add(function)


@pytest.mark.parametrize("function", [lambda account="main": account, lambda *accounts: accounts, dict])
def test_what_needs_no_arguments_can_be_added(function: Any) -> None:
    """A function with an option could not be sampled."""
    assert function is Sampler().add(function)


def test_errors_go_to_the_default_metrics_unless_told_otherwise() -> None:
    """A sampler without a metrics object would fail silently."""
    sampler = Sampler(interval=0.002)
    sampler.add(raising(ValueError()))
    with sampler:
        until(lambda: bool(errors(get_metrics())))
    assert {("function", "source")} == set(errors(get_metrics()))


def test_a_strict_metrics_object_does_not_end_the_sampling() -> None:
    """Under the pytest plugin the first error would end the sampler's thread."""
    calls: list[int] = []
    sampler = Sampler(interval=0.002, metrics=TradingMetrics(strict=True))

    @sampler.add
    def broken() -> None:
        calls.append(1)
        raise ValueError

    with sampler:
        until(lambda: len(calls) >= 3)
