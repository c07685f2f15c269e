"""Threads, signals, finalisers and forks in the middle of events."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest
from prometheus_client import generate_latest

from tests.lifecycle_kit import Desk
from tradmetrics.orders import running


def together(works: list[Callable[[], None]]) -> None:
    """Run functions on a thread each, with as many switches as can be had, and raise what one of them raised."""
    failures: list[BaseException] = []
    start = threading.Barrier(len(works))

    def guarded(work: Callable[[], None]) -> None:
        try:
            start.wait(30)
            work()
        except BaseException as failure:
            failures.append(failure)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=guarded, args=(work,), daemon=True) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(interval)
    assert not any(thread.is_alive() for thread in threads)
    assert [] == failures


def test_events_on_eight_threads_with_a_scraper_lose_nothing() -> None:
    """Without it, orders that are worked by several threads would have counts that are nearly right."""
    desk, each = Desk(), 300
    ends = ["filled", "cancelled", "rejected", "expired"]

    def live(name: int) -> Callable[[], None]:
        def work() -> None:
            for number in range(each):
                order_id = f"{name}-{number}"
                desk.orders.submitted(order_id, side="BUY", order_type="LIMIT", quantity=3)
                desk.orders.updated(order_id, status="accepted")
                desk.orders.replaced(order_id, f"{order_id}b")
                desk.orders.updated(f"{order_id}b", fill_id="1", fill_quantity=1)
                desk.orders.cancel_requested(f"{order_id}b")
                for _ in range(5):
                    desk.orders.updated(f"{order_id}b", status="pending_cancel")
                desk.orders.updated(f"{order_id}b", status=ends[number % 4])
                desk.orders.updated(f"{order_id}b", fill_id="1", fill_quantity=1)

        return work

    def scrape() -> None:
        for _ in range(30):
            generate_latest(desk.metrics.registry)
            desk.orders.snapshot()
            desk.orders.open_orders()

    together([*(live(name) for name in range(8)), scrape])
    total, quarter = 8 * each, 2 * each
    assert {"submitted": total, "filled": quarter, "cancelled": 2 * quarter, "rejected": quarter} == desk.ends()
    assert {"duplicate_fill": total} == desk.anomalies()
    assert total == desk.times("ack")[0]
    assert total == desk.times("first_fill")[0]
    assert quarter == desk.times("fill")[0]
    messages = [desk.value("trading_order_messages_total", action=action) for action in ("new", "modify", "cancel")]
    assert [total, total, total] == messages
    assert 0 == desk.value("trading_orders_open", strategy="s")
    assert 0 == desk.orders.open_orders()
    assert {} == desk.errors()


def test_the_same_fill_on_eight_threads_is_booked_once() -> None:
    """Without it, a fill that comes on several streams at once would be booked by each."""
    desk = Desk()
    for number in range(200):
        desk.orders.submitted(number, side="BUY", quantity=1)

    def fill() -> None:
        for number in range(200):
            desk.orders.updated(number, fill_id="x", fill_quantity=1)

    together([fill] * 8)
    assert {"submitted": 200, "filled": 200} == desk.ends()
    assert {"duplicate_fill": 1_400} == desk.anomalies()
    assert {} == desk.errors()


def test_an_event_between_the_lock_and_the_recording_is_recorded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, two threads could record the same fill, now and then."""
    desk = Desk()
    desk.orders.submitted("1", side="BUY")
    desk.orders.submitted("2", side="BUY")
    lock = running.LOCK

    class Interrupting:
        def held(self) -> Interrupting:
            return self

        def __enter__(self) -> None:
            lock.acquire()

        def __exit__(self, *_: object) -> None:
            lock.release()
            monkeypatch.undo()
            if desk.orders._intake.core.table.by_id["2"].ended is None:
                desk.orders.updated("2", status="filled")

    monkeypatch.setattr(running, "LOCK", Interrupting())
    desk.orders.updated("1", status="pending_cancel", reason="none of the usual")
    assert {"submitted": 2, "filled": 1} == desk.ends()


def test_an_event_in_the_middle_of_an_event_comes_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, a signal handler or a finaliser that reports an event would deadlock, or see half an order."""
    desk = Desk()
    desk.orders.submitted("1", side="BUY", quantity=10)
    table = desk.orders._intake.core.table
    remember = type(table).remember_fill

    def interrupted(self: object, order: object, fill_id: str, quantity: float) -> None:
        monkeypatch.undo()
        desk.orders.updated("1", status="cancelled")
        desk.orders.updated(None)
        assert 1 == desk.orders.open_orders()
        remember(table, order, fill_id, quantity)  # type: ignore[arg-type]

    monkeypatch.setattr(type(table), "remember_fill", interrupted)
    desk.orders.updated("1", fill_id="a", fill_quantity=10, reason="none of the usual")
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert {"missing_id": 1} == desk.anomalies()
    assert 0 == desk.orders.open_orders()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no interval timers")
def test_a_signal_handler_may_report_events_while_the_main_thread_does() -> None:
    """Without it, a bot that reports from a signal handler would hang sooner or later."""
    desk = Desk()
    signals = 0

    def handler(number: int, frame: object) -> None:
        nonlocal signals
        signals += 1
        order_id = f"signal-{signals}"
        desk.orders.submitted(order_id, side="BUY")
        desk.orders.updated(order_id, status="filled")
        # One at a time: where a handler takes longer than the interval, a repeating timer leaves room for nothing else.
        signal.setitimer(signal.ITIMER_REAL, 5e-4)

    previous = signal.signal(signal.SIGALRM, handler)
    handler(0, None)  # so that the series are there, and only events interrupt one another
    try:
        for number in range(20_000):
            desk.orders.submitted(number, side="BUY")
            desk.orders.updated(number, status="filled")
            if signals >= 50 and number > 2_000:
                break
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    total = number + 1 + signals
    assert 50 <= signals
    desk.orders.open_orders()
    assert {"submitted": total, "filled": total} == desk.ends()
    assert {} == desk.errors()


def test_a_finaliser_may_report_an_event() -> None:
    """Without it, an object that reports its order's end when it is collected could hang the process."""
    desk = Desk()

    class Ticket:
        def __init__(self, number: int) -> None:
            self.number = number
            self.itself = self
            desk.orders.submitted(number, side="BUY")

        def __del__(self) -> None:
            desk.orders.updated(self.number, status="cancelled")

    threshold = gc.get_threshold()
    gc.set_threshold(5, 2, 2)
    try:
        for number in range(500):
            Ticket(number)
    finally:
        gc.set_threshold(*threshold)
    gc.collect()
    desk.orders.open_orders()
    assert {"submitted": 500, "cancelled": 500} == desk.ends()


FORKS = """
import os, signal, threading
from tradmetrics import OrderTracker

orders = OrderTracker("s")
stop = threading.Event()


def keep_trading(name):
    number = 0
    while not stop.is_set():
        orders.submitted(f"{name}-{number}", side="BUY")
        orders.updated(f"{name}-{number}", status="filled")
        number += 1


threads = [threading.Thread(target=keep_trading, args=(name,)) for name in range(2)]
for thread in threads:
    thread.start()
statuses = []
for _ in range(10):
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # a child that hangs is ended, and seen
        before = orders.open_orders()
        orders.submitted("child", side="BUY")
        os._exit(0 if orders.open_orders() == before + 1 else 3)
    statuses.append(os.waitpid(child, 0)[1])
stop.set()
for thread in threads:
    thread.join()
print(statuses)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_child_that_is_forked_in_the_middle_of_events_can_report_its_own(
    unmeasured_environment: dict[str, str],
) -> None:
    """Without it, a worker forked while another thread reports an event would wait for ever for a lock."""
    answer = subprocess.run(
        [sys.executable, "-c", FORKS], env=unmeasured_environment, capture_output=True, text=True, timeout=60
    )
    assert (f"{[0] * 10}\n", "") == (answer.stdout, answer.stderr)


def test_an_exception_of_a_signal_handler_passes_through_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, a time-out by SIGALRM that lands inside the tracker would be swallowed, and the bot would hang on."""

    class TooLateError(Exception):
        pass

    def handler(number: int, frame: object) -> None:
        raise TooLateError

    desk = Desk()
    desk.orders.submitted("1", side="BUY", order_type="LIMIT", quantity=10.0)
    previous = signal.signal(signal.SIGINT, handler)
    try:
        table = type(desk.orders._intake.core.table)
        remember = table.remember_fill

        def interrupted(self: object, *arguments: object) -> None:
            signal.raise_signal(signal.SIGINT)
            remember(self, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(table, "remember_fill", interrupted)
        with pytest.raises(TooLateError):
            desk.orders.updated("1", fill_id="a", fill_quantity=10, reason="none of the usual")
        monkeypatch.undo()
    finally:
        signal.signal(signal.SIGINT, previous)
    desk.orders.updated("1", status="filled")
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert {} == desk.errors()
