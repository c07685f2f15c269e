"""The incidents that real projects reported, in the order of the specification; each is one test."""

from __future__ import annotations

import gc
import json
import sys
import threading
from typing import Any

import pytest
from prometheus_client import generate_latest

from tests.lifecycle_kit import Desk
from tradmetrics import OrderTracker, arg, result


@pytest.fixture
def desk() -> Desk:
    """A tracker with its clock and its metrics."""
    return Desk()


def test_1_a_fill_that_arrives_before_the_submit_call_returns_is_joined_and_timed_from_its_entry(desk: Desk) -> None:
    """Without it, the fastest fills, those a websocket brings before the HTTP answer, would be lost or untimed."""

    def on_fill() -> None:
        desk.orders.updated("7", status="filled", filled=10)

    @desk.orders.submit(order_id=result("id"), side="BUY", order_type="LIMIT", quantity=10)
    def place() -> dict[str, str]:
        desk.clock.now += 0.2
        on_fill()
        desk.clock.now += 0.3
        return {"id": "7"}

    place()
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert (1, pytest.approx(0.2)) == desk.times("fill")
    assert (1, pytest.approx(0.2)) == desk.times("first_fill")
    assert {} == desk.anomalies()
    assert 0 == desk.orders.open_orders()


def test_2_an_execution_that_is_delivered_three_times_is_booked_once(desk: Desk) -> None:
    """Without it, a redelivered fill would complete an order that is still open, and hide that it is stuck."""
    desk.orders.submitted("7", side="BUY", quantity=10)
    for _ in range(3):
        desk.orders.updated("7", status="partially_filled", fill_id="e1", fill_quantity=5)
    assert {"submitted": 1} == desk.ends()
    assert {"duplicate_fill": 2} == desk.anomalies()
    assert 1 == desk.orders.open_orders()
    desk.orders.updated("7", status="filled", fill_id="e2", fill_quantity=5)
    assert {"submitted": 1, "filled": 1} == desk.ends()
    desk.orders.updated("7", status="filled", fill_id="e2", fill_quantity=5)
    assert {"duplicate_fill": 3} == desk.anomalies()


def test_3_a_partial_fill_that_arrives_after_the_complete_one_changes_nothing_but_the_anomaly(desk: Desk) -> None:
    """Without it, an order that is done would reopen or be filled twice when messages overtake each other."""
    desk.orders.submitted("7", side="BUY", quantity=10)
    desk.clock.now += 1
    desk.orders.updated("7", status="filled", filled=10)
    desk.clock.now += 1
    desk.orders.updated("7", status="partially_filled", filled=4)
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert {"late_fill": 1} == desk.anomalies()
    assert (1, 1) == desk.times("first_fill")
    assert (1, 1) == desk.times("fill")
    assert 0 == desk.orders.open_orders()


def test_4_a_fill_after_the_cancel_was_acknowledged_is_accepted_and_counted_as_such(desk: Desk) -> None:
    """Without it, a position that the venue filled against a cancel would be missing from the fills."""
    desk.orders.submitted("7", side="SELL", quantity=10)
    desk.orders.cancel_requested("7")
    desk.orders.updated("7", status="cancelled", reason="user")
    desk.clock.now += 2
    desk.orders.updated("7", status="filled", fill_id="e1", fill_quantity=10)
    assert {"submitted": 1, "filled": 1, "cancelled": 1} == desk.ends()
    assert 1 == desk.value("trading_orders_cancelled_total", strategy="s", reason="user")
    assert 1 == desk.value("trading_orders_filled_total", strategy="s", side="SELL")
    assert {"fill_after_cancel": 1} == desk.anomalies()
    assert (1, 2) == desk.times("fill")
    desk.orders.updated("7", status="filled", fill_id="e1", fill_quantity=10)
    assert {"submitted": 1, "filled": 1, "cancelled": 1} == desk.ends()


def test_5_an_order_that_is_never_acknowledged_expires_from_the_table_and_is_counted() -> None:
    """Without it, lost orders would stay open for ever: memory would grow and the stuck-order alert never resolve."""
    desk = Desk(expire_after=60.0)
    desk.orders.submitted("7", side="BUY")
    desk.clock.now += 59
    assert 1 == desk.value("trading_orders_open", strategy="s")
    assert 59 == desk.value("trading_order_oldest_open_seconds", strategy="s")
    desk.clock.now += 1
    assert 0 == desk.value("trading_orders_open", strategy="s")
    assert {"evicted": 1} == desk.anomalies()
    assert 0 == desk.orders.open_orders()
    assert 0 == desk.value("trading_order_oldest_open_seconds", strategy="s")
    assert {"submitted": 1} == desk.ends()


def test_6_an_order_that_is_accepted_and_then_rejected_ends_once_as_rejected(desk: Desk) -> None:
    """Without it, venues that reject after the acknowledgement would leave the order open, or the ratio wrong."""
    desk.orders.submitted("7", side="BUY")
    desk.clock.now += 0.01
    desk.orders.updated("7", status="accepted")
    desk.orders.updated("7", status="rejected", reason="price_band")
    desk.orders.updated("7", status="rejected", reason="price_band")
    desk.orders.updated("7", status="cancelled")
    assert {"submitted": 1, "rejected": 1} == desk.ends()
    assert 1 == desk.value("trading_orders_rejected_total", strategy="s", reason="price_band")
    assert (1, pytest.approx(0.01)) == desk.times("ack")
    assert {} == desk.anomalies()
    assert 0 == desk.orders.open_orders()


def test_7_an_order_that_is_replaced_twice_is_timed_from_its_first_submit(desk: Desk) -> None:
    """Without it, repricing would reset the fill time, and the slowest orders would look the fastest."""
    desk.orders.submitted("a", side="BUY", quantity=10)
    desk.clock.now += 5
    desk.orders.replaced("a", "b", quantity=12)
    desk.orders.updated("a", status="cancelled")
    desk.clock.now += 5
    desk.orders.replaced("b", "c")
    assert 1 == desk.orders.open_orders()
    desk.clock.now += 5
    desk.orders.updated("c", status="filled", filled=12)
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert (1, 15) == desk.times("fill")
    assert {} == desk.anomalies()
    assert 2 == desk.value("trading_order_messages_total", action="modify")
    assert 0 == desk.orders.open_orders()


def test_8_after_a_restart_replayed_fills_are_not_booked_twice_and_new_ones_are_timed_from_the_submit(
    desk: Desk,
) -> None:
    """Without it, a restart would double every fill that the broker replays, or time none of the new ones."""
    for order_id in ("done", "open"):
        desk.orders.submitted(order_id, side="BUY", quantity=10)
        desk.orders.updated(order_id, status="partially_filled", fill_id=f"{order_id}-1", fill_quantity=4)
    desk.orders.updated("done", status="filled", fill_id="done-2", fill_quantity=6)
    saved = json.dumps(desk.orders.snapshot())
    desk.clock.now += 30

    after = Desk()
    after.orders = OrderTracker.restore(json.loads(saved), strategy="s", clock=desk.clock, metrics=after.metrics)
    assert 1 == after.value("trading_orders_open", strategy="s")
    for order_id, number, quantity in (("done", 1, 4), ("open", 1, 4), ("done", 2, 6)):
        after.orders.updated(order_id, fill_id=f"{order_id}-{number}", fill_quantity=quantity)
    assert {"duplicate_fill": 3} == after.anomalies()
    assert {} == after.ends()
    desk.clock.now += 12
    after.orders.updated("open", status="filled", fill_id="open-2", fill_quantity=6)
    assert {"filled": 1} == after.ends()
    assert (1, 42) == after.times("fill")
    assert (0, 0) == after.times("first_fill")
    assert 0 == after.orders.open_orders()


def test_9_a_submit_that_times_out_counts_as_unknown_and_its_later_fill_as_a_fill(desk: Desk) -> None:
    """Without it, an order that lives on after a timeout would be a reject in the metrics and a real position."""

    @desk.orders.submit(order_id=arg("client_id"), side="BUY", order_type="MKT", quantity=10)
    def place(client_id: str) -> str:
        desk.clock.now += 10
        raise TimeoutError

    with pytest.raises(TimeoutError):
        place("mine")
    assert {"submitted": 1} == desk.ends()
    assert 1 == desk.value("trading_orders_unknown_total", strategy="s", reason="timeout_error")
    assert 1 == desk.orders.open_orders()
    desk.clock.now += 5
    desk.orders.alias("mine", "broker-1")
    desk.orders.updated("broker-1", status="filled", filled=10)
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert (1, 15) == desk.times("fill")
    assert {} == desk.anomalies()
    assert 0 == desk.orders.open_orders()


def test_10_a_burst_of_40_000_orders_whose_ends_are_lost_leaves_memory_flat_and_is_counted() -> None:
    """Without it, a day of lost updates would take the trading process down by its memory."""
    desk = Desk(max_open=1_000)

    def burst(name: str) -> int:
        for number in range(20_000):
            desk.orders.submitted(f"{name}-{number}", side="BUY", order_type="LIMIT", quantity=1)
            desk.orders.updated(f"{name}-unknown-{number}", status="filled")
        gc.collect()
        return sys.getallocatedblocks()

    before = burst("first")
    assert 1_000 > burst("second") - before
    assert 1_000 == desk.orders.open_orders()
    assert 40_000 == desk.total("trading_orders_submitted_total")
    assert {"evicted": 39_000} == desk.anomalies()
    assert 30_000 == desk.value("trading_order_foreign_total")


def test_11_fills_on_other_threads_than_the_submits_lose_nothing_while_a_scraper_reads(desk: Desk) -> None:
    """Without it, a bot whose fills come on a websocket thread would have metrics that are nearly right."""
    threads, each = 4, 600  # all fills together fit into the queue of those that are ahead of their submits
    failures: list[BaseException] = []
    done = threading.Event()

    def guarded(work: Any, *arguments: Any) -> threading.Thread:
        def run() -> None:
            try:
                work(*arguments)
            except BaseException as failure:
                failures.append(failure)

        return threading.Thread(target=run)

    def submit(name: int) -> None:
        for number in range(each):
            desk.orders.submitted(f"{name}-{number}", side="BUY", order_type="LIMIT", quantity=2)

    def fill(name: int) -> None:
        for number in range(each):
            for part in ("1", "2", "2"):
                desk.orders.updated(f"{name}-{number}", fill_id=part, fill_quantity=1)

    def scrape() -> None:
        seen = 0.0
        while not done.is_set():
            generate_latest(desk.metrics.registry)
            now = desk.total("trading_orders_filled_total")
            assert seen <= now
            seen = now

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        scraper = guarded(scrape)
        workers = [guarded(work, name) for name in range(threads) for work in (submit, fill)]
        for thread in (scraper, *workers):
            thread.start()
        for thread in workers:
            thread.join(60)
        done.set()
        scraper.join(60)
    finally:
        sys.setswitchinterval(interval)
    assert [] == failures
    total = threads * each
    assert {"submitted": total, "filled": total} == desk.ends()
    assert {"duplicate_fill": total} == desk.anomalies()
    assert total == desk.times("fill")[0]
    assert total == desk.times("first_fill")[0]
    assert total == desk.value("trading_order_messages_total", action="new")
    assert 0 == desk.orders.open_orders()


def test_12_a_cumulative_quantity_that_goes_backwards_is_a_bust_and_decreases_no_counter(desk: Desk) -> None:
    """Without it, a busted trade would go unnoticed, or a counter would fall and Prometheus take it for a restart."""
    desk.orders.submitted("7", side="BUY", quantity=10)
    desk.orders.updated("7", status="partially_filled", filled=6)
    desk.orders.updated("7", status="partially_filled", filled=4)
    assert {"bust": 1} == desk.anomalies()
    desk.orders.updated("7", status="partially_filled", filled=4)
    assert {"bust": 1} == desk.anomalies()
    desk.orders.updated("7", status="filled", filled=10)
    assert {"submitted": 1, "filled": 1} == desk.ends()
    desk.orders.updated("7", filled=8)
    assert {"bust": 2} == desk.anomalies()
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert 1 == desk.times("fill")[0]
