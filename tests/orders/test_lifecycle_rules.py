"""The rules of an order's life, one by one: states, fills, times, replaces, aliases, slippage, and the bounds."""

from __future__ import annotations

import gc
from datetime import datetime, timedelta, timezone
from enum import Enum, IntEnum
from typing import Any
from uuid import UUID

import pytest

from tests.lifecycle_kit import Desk
from tradmetrics import OrderTracker, TradingMetrics, get_metrics
from tradmetrics.orders.order import FEWEST_FILL_IDS, MOST_FILL_IDS, MOST_IDS
from tradmetrics.orders.table import MOST_ENDED, MOST_STRATEGIES
from tradmetrics.orders.waiting import MOST_WAITING


@pytest.fixture
def desk() -> Desk:
    """A tracker with its clock and its metrics."""
    return Desk()


# ── states ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_submit_counts_by_strategy_side_and_type_and_is_open(desk: Desk) -> None:
    """Without it, orders would be missing from the base of every ratio, or from the gauge of the open ones."""
    desk.orders.submitted("1", side="b", order_type="STP LMT", quantity="10")
    desk.orders.submitted("2", strategy="other", side="SELL", order_type="ICEBERG")
    desk.orders.submitted("3")
    name = "trading_orders_submitted_total"
    assert 1 == desk.value(name, strategy="s", side="BUY", order_type="STOP_LIMIT")
    assert 1 == desk.value(name, strategy="other", side="SELL", order_type="OTHER")
    assert 1 == desk.value(name, strategy="s", side="unknown", order_type="unknown")
    assert 2 == desk.value("trading_orders_open", strategy="s")
    assert 1 == desk.value("trading_orders_open", strategy="other")
    assert 3 == desk.value("trading_order_messages_total", action="new")
    assert 3 == desk.orders.open_orders()


def test_a_second_submit_of_an_id_counts_the_anomaly_and_not_the_order(desk: Desk) -> None:
    """Without it, a retry under the same client id would make the reject ratio look better than it is."""
    desk.orders.submitted("1", side="BUY")
    desk.orders.submitted(1, side="BUY")
    assert {"submitted": 1} == desk.ends()
    assert {"duplicate_submit": 1} == desk.anomalies()
    assert 1 == desk.orders.open_orders()
    assert 2 == desk.value("trading_order_messages_total", action="new")


@pytest.mark.parametrize(
    ("status", "reason", "name", "label"),
    [
        ("rejected", None, "rejected", "unknown"),
        ("rejected", "margin", "rejected", "margin"),
        ("cancelled", None, "cancelled", "unknown"),
        ("expired", None, "cancelled", "expired"),
        ("expired", "day_over", "cancelled", "day_over"),
    ],
)
def test_each_end_counts_with_its_reason(desk: Desk, status: str, reason: str | None, name: str, label: str) -> None:
    """Without it, the rejects by reason, which say what to repair, would say nothing."""
    desk.orders.submitted("1", side="BUY")
    desk.orders.updated("1", status=status, reason=reason)
    desk.orders.updated("1", status="cancelled", reason="again")
    assert 1 == desk.value(f"trading_orders_{name}_total", strategy="s", reason=label)
    assert {"submitted": 1, name: 1} == desk.ends()
    assert 0 == desk.orders.open_orders()


def test_only_an_acceptance_is_an_acknowledgement_and_only_the_first(desk: Desk) -> None:
    """Without it, the time to the acknowledgement would be that of a state the broker had not taken the order in."""
    desk.orders.submitted("1", side="BUY")
    desk.orders.updated("1", status="pending_new")
    desk.clock.now += 0.25
    desk.orders.updated("1", status="new")
    desk.clock.now += 1
    desk.orders.updated("1", status="open")
    assert (1, 0.25) == desk.times("ack")
    desk.orders.submitted("2", side="BUY")
    desk.orders.updated("2", status="filled")
    desk.orders.updated("2", status="accepted")
    assert (1, 0.25) == desk.times("ack")


def test_a_status_that_announces_something_changes_nothing(desk: Desk) -> None:
    """Without it, an order would end when its cancel was asked for, not when the broker had cancelled it."""
    desk.orders.submitted("1", side="BUY", quantity=10)
    desk.orders.updated("1", status="pending_cancel")
    desk.orders.updated("1", status="replaced")
    assert 1 == desk.orders.open_orders()
    assert {"submitted": 1} == desk.ends()
    assert {} == desk.anomalies()


def test_words_are_read_in_the_dialect_of_the_broker_and_from_enums() -> None:
    """Without it, `Submitted` of Interactive Brokers would not be the acceptance that it is."""

    class Status(Enum):
        TAKEN = "Submitted"

    desk = Desk(dialect="ib")
    desk.orders.submitted("1", side="BOT", order_type="LMT")
    desk.orders.updated("1", status=Status.TAKEN)
    assert 1 == desk.times("ack")[0]
    desk.orders.updated("1", status="Inactive")
    assert {"submitted": 1, "rejected": 1} == desk.ends()


def test_the_numbers_of_fix_are_words_in_its_dialect() -> None:
    """Without it, a FIX engine's orders would have no side and no type, and never end."""
    desk = Desk(dialect="fix")
    for order_id, side, order_type in (("1", "1", "2"), ("2", 1, 2)):
        desk.orders.submitted(order_id, side=side, order_type=order_type)
        desk.orders.updated(order_id, status="2")
    assert 2 == desk.value("trading_orders_submitted_total", strategy="s", side="BUY", order_type="LIMIT")
    assert {"submitted": 2, "filled": 2} == desk.ends()


def test_quantities_win_over_a_word_that_does_not_say_filled(desk: Desk) -> None:
    """Without it, brokers that say `open` of a filled order, or `cancelled`, would be believed."""
    for order_id in ("all", "cancelled"):
        desk.orders.submitted(order_id, side="BUY", quantity=10)
    desk.orders.updated("all", status="open", filled=10)
    desk.orders.updated("cancelled", status="cancelled", filled=10)
    assert {"submitted": 2, "filled": 2} == desk.ends()
    assert 0 == desk.orders.open_orders()
    assert 0 == desk.times("ack")[0]
    assert 2 == desk.times("first_fill")[0]


def test_closed_is_filled_or_cancelled_by_the_quantities_and_nothing_without_them(desk: Desk) -> None:
    """Without it, ccxt's `closed` of a cancelled order would count as a fill."""
    desk.orders.submitted("full", quantity=10, side="BUY")
    desk.orders.updated("full", status="closed", filled=10)
    desk.orders.submitted("part", quantity=10, side="BUY")
    desk.orders.updated("part", status="closed", filled=4)
    desk.orders.submitted("by fills", quantity=10, side="BUY")
    desk.orders.updated("by fills", fill_id="1", fill_quantity=4)
    desk.orders.updated("by fills", status="closed")
    assert {"submitted": 3, "filled": 1, "cancelled": 2} == desk.ends()
    desk.orders.submitted("none", quantity=10, side="BUY")
    desk.orders.updated("none", status="closed")
    desk.orders.submitted("no quantity", side="BUY")
    desk.orders.updated("no quantity", status="closed", filled=4)
    assert 2 == desk.orders.open_orders()
    assert {"bad_quantity": 2} == desk.anomalies()


def test_a_cancel_with_a_last_partial_fill_metrics_object_the_fill_first(desk: Desk) -> None:
    """Without it, the fill that a cancel message carries would count as one after the cancel."""
    desk.orders.submitted("1", side="BUY", quantity=10)
    desk.orders.updated("1", status="cancelled", filled=4)
    assert {"submitted": 1, "cancelled": 1} == desk.ends()
    assert 1 == desk.times("first_fill")[0]
    assert {} == desk.anomalies()


# ── fills ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_fills_with_ids_add_up_to_the_whole_despite_rounding(desk: Desk) -> None:
    """Without it, an order of 0.3 in three fills of 0.1 would stay open for ever."""
    desk.orders.submitted("1", side="BUY", quantity=0.3)
    for number in range(3):
        assert 1 == desk.orders.open_orders()
        desk.clock.now += 1
        desk.orders.updated("1", fill_id=number, fill_quantity="0.1")
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert (1, 1) == desk.times("first_fill")
    assert (1, 3) == desk.times("fill")
    assert {} == desk.anomalies()


def test_a_status_stream_and_a_trade_stream_of_the_same_fills_metrics_object_them_once(desk: Desk) -> None:
    """Without it, brokers with both streams (IB, ccxt) would fill every order twice over."""
    desk.orders.submitted("1", side="BUY", quantity=10)
    desk.orders.updated("1", status="partially_filled", filled=4)
    desk.orders.updated("1", fill_id="a", fill_quantity=4)
    desk.orders.updated("1", fill_id="b", fill_quantity=2)
    desk.orders.updated("1", status="partially_filled", filled=6)
    assert 1 == desk.orders.open_orders()
    desk.orders.updated("1", status="filled", filled=10)
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert {} == desk.anomalies()


def test_an_execution_of_a_fill_that_the_answer_told_is_not_late(desk: Desk) -> None:
    """Without it, each market order whose answer says filled would count an anomaly once its execution is streamed."""
    desk.orders.submitted("1", side="BUY", quantity=10)
    desk.orders.updated("1", status="filled", filled=10)
    desk.orders.updated("1", status="filled", fill_id="a", fill_quantity=10, filled=10)
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert {} == desk.anomalies()
    desk.orders.updated("1", status="filled", fill_id="a", fill_quantity=10)
    assert {"duplicate_fill": 1} == desk.anomalies()
    desk.orders.updated("1", status="filled", fill_id="b", fill_quantity=1)
    assert {"duplicate_fill": 1, "overfill": 1, "late_fill": 1} == desk.anomalies()


def test_fills_that_overtake_each_other_are_neither_a_bust_nor_lost(desk: Desk) -> None:
    """Without it, two fills in the wrong order would count a bust, or the order never complete."""
    desk.orders.submitted("1", side="BUY", quantity=10)
    desk.orders.updated("1", status="partially_filled", fill_id="b", filled=7)
    desk.orders.updated("1", status="partially_filled", fill_id="a", filled=3)
    assert {} == desk.anomalies()
    desk.orders.updated("1", status="partially_filled", fill_id="a", filled=3)
    assert {"duplicate_fill": 1} == desk.anomalies()
    desk.orders.updated("1", status="filled", fill_id="c", filled=10)
    assert {"submitted": 1, "filled": 1} == desk.ends()


def test_a_fill_with_an_id_may_tell_only_what_was_filled_in_all(desk: Desk) -> None:
    """Without it, brokers that number fills and report sums would have no fill counted, or its price misjudged."""
    desk.orders.submitted("1", side="BUY", quantity=100, reference_price=100)
    desk.orders.updated("1", fill_id="a", filled=99, price=100)
    assert 1 == desk.times("first_fill")[0]
    desk.orders.updated("1", fill_id="b", filled=100, price=100.9)
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert (0, 1) == (desk.slippage("0.5"), desk.slippage("1.0"))


def test_the_state_of_a_duplicate_counts_although_its_fill_does_not(desk: Desk) -> None:
    """Without it, a redelivered fill that carries the last state would leave the order open."""
    desk.orders.submitted("1", side="BUY", quantity=10)
    desk.orders.updated("1", fill_id="a", fill_quantity=4)
    desk.orders.updated("1", status="filled", fill_id="a", fill_quantity=4)
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert {"duplicate_fill": 1} == desk.anomalies()


def test_a_known_fill_is_a_duplicate_though_nothing_else_is_said_of_it(desk: Desk) -> None:
    """Without it, a broker that sends its fills twice, the second time without quantities, would look sound."""
    desk.orders.submitted("1", side="BUY", quantity=10)
    desk.orders.updated("1", fill_id="a", fill_quantity=4)
    desk.orders.updated("1", status="accepted", fill_id="a")
    assert {"duplicate_fill": 1} == desk.anomalies()
    assert 1 == desk.times("ack")[0]


def test_messages_that_are_numbered_but_are_no_fills_metrics_object_none(desk: Desk) -> None:
    """Without it, FIX, which numbers every report, would have an acknowledgement count as the first fill."""
    desk.orders.submitted("1", side="BUY", quantity=10)
    desk.orders.updated("1", status="accepted", fill_id="x1", filled=0)
    desk.orders.updated("1", status="accepted", fill_id="x2", fill_quantity=0)
    desk.orders.updated("1", status="pending_cancel", fill_id="x3")
    desk.orders.updated("1", status="pending_cancel", fill_id="x3")
    assert 0 == desk.times("first_fill")[0]
    assert {} == desk.anomalies()


def test_repeated_states_are_no_anomaly(desk: Desk) -> None:
    """Without it, a bot that polls its orders would drown the anomalies in false ones."""
    desk.orders.submitted("1", side="BUY", quantity=10)
    for _ in range(2):
        desk.orders.updated("1", status="partially_filled", filled=4)
    for _ in range(2):
        desk.orders.updated("1", status="filled", filled=10)
    desk.orders.updated("1", status="filled")
    assert {} == desk.anomalies()
    assert {"submitted": 1, "filled": 1} == desk.ends()
    desk.orders.submitted("2", side="BUY", quantity=10)
    desk.orders.updated("2", status="filled")
    desk.orders.updated("2", status="filled", filled=10)
    assert {} == desk.anomalies()


def test_an_acknowledgement_without_quantities_after_a_fill_is_no_bust(desk: Desk) -> None:
    """Without it, brokers that report 0 where they do not know would count a bust for each late acknowledgement."""
    desk.orders.submitted("1", side="BUY", quantity=10)
    desk.orders.updated("1", status="partially_filled", filled=4)
    desk.orders.updated("1", status="accepted", filled=0)
    desk.orders.updated("1", status="pending_cancel", filled=0)
    assert {} == desk.anomalies()
    desk.orders.updated("1", filled=0)
    assert {"bust": 1} == desk.anomalies()


def test_more_than_was_ordered_is_an_overfill(desk: Desk) -> None:
    """Without it, a position larger than was ordered would go unnoticed."""
    desk.orders.submitted("1", side="BUY", quantity=10)
    desk.orders.updated("1", status="filled", filled=12)
    assert {"overfill": 1} == desk.anomalies()
    desk.orders.submitted("2", side="BUY", quantity=10)
    desk.orders.updated("2", status="filled", filled=10)
    desk.orders.updated("2", fill_id="more", fill_quantity=11)
    assert {"overfill": 2, "late_fill": 1} == desk.anomalies()
    assert {"submitted": 2, "filled": 2} == desk.ends()


def test_after_a_bust_new_fills_add_to_what_is_left(desk: Desk) -> None:
    """Without it, an order would complete by fills that were taken back."""
    desk.orders.submitted("1", side="BUY", quantity=10)
    desk.orders.updated("1", fill_id="a", fill_quantity=9)
    desk.orders.updated("1", filled=4)
    desk.orders.updated("1", fill_id="b", fill_quantity=5)
    assert 1 == desk.orders.open_orders()
    desk.orders.updated("1", fill_id="c", fill_quantity=1)
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert {"bust": 1} == desk.anomalies()


def test_fills_without_ids_add_to_those_with_ids(desk: Desk) -> None:
    """Without it, a broker that numbers only some of its fills would leave the order open."""
    desk.orders.submitted("1", side="BUY", quantity=7)
    desk.orders.updated("1", fill_quantity=4)
    desk.orders.updated("1", fill_id="a", fill_quantity=3)
    assert {"submitted": 1, "filled": 1} == desk.ends()
    desk.orders.submitted("2", side="BUY", quantity=7)
    desk.orders.updated("2", fill_id="a", fill_quantity=3)
    desk.orders.updated("2", fill_quantity=4)
    assert {"submitted": 2, "filled": 2} == desk.ends()


def test_fills_without_ids_or_cumulative_quantities_are_taken_at_their_word(desk: Desk) -> None:
    """Without it, a broker that only says how much each fill was would never complete an order."""
    desk.orders.submitted("1", side="BUY", quantity=10)
    desk.orders.updated("1", fill_quantity=4)
    desk.orders.updated("1", fill_quantity=6)
    assert {"submitted": 1, "filled": 1} == desk.ends()


def test_a_fill_after_a_rejection_counts_like_one_after_a_cancel(desk: Desk) -> None:
    """Without it, an order that was taken for rejected and is live would be missing from the fills."""
    desk.orders.submitted("1", side="BUY", quantity=10)
    desk.orders.updated("1", status="rejected")
    desk.orders.updated("1", fill_id="a", fill_quantity=4)
    assert {"submitted": 1, "rejected": 1} == desk.ends()
    desk.orders.updated("1", fill_id="b", fill_quantity=6)
    assert {"submitted": 1, "rejected": 1, "filled": 1} == desk.ends()
    assert {"fill_after_cancel": 2} == desk.anomalies()


# ── times ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_times_are_the_events_own_where_they_are_given(desk: Desk) -> None:
    """Without it, a backtest that runs a year in a minute would report microseconds to every fill."""
    desk.orders.submitted("1", side="BUY", quantity=2, timestamp=50_000)
    desk.orders.updated("1", status="accepted", timestamp=50_001)
    desk.orders.updated("1", filled=1, timestamp=50_010)
    desk.orders.updated("1", filled=2, timestamp=50_100.5)
    assert (1, 1) == desk.times("ack")
    assert (1, 10) == desk.times("first_fill")
    assert (1, 100.5) == desk.times("fill")


def test_how_long_an_order_is_open_is_told_by_the_local_clock() -> None:
    """Without it, orders with the venue's times would be dropped at once, or never, where its calendar is another."""
    desk = Desk(expire_after=60)
    desk.orders.submitted("1", side="BUY", timestamp=50_000)
    desk.orders.submitted("2", side="BUY", timestamp=5)
    desk.clock.now += 30
    assert 30 == desk.value("trading_order_oldest_open_seconds", strategy="s")
    desk.clock.now += 30
    assert 0 == desk.orders.open_orders()


def test_a_time_on_another_clock_than_the_submit_is_dropped_and_counted(desk: Desk) -> None:
    """Without it, the difference of two clocks, decades or nonsense, would end up in the fill times."""
    desk.orders.submitted("timed", side="BUY", quantity=2, timestamp=1_000)
    desk.clock.now += 1
    desk.orders.updated("timed", status="accepted")
    assert {"mixed_clock": 1} == desk.anomalies()
    assert (0, 0) == desk.times("ack")
    desk.orders.updated("timed", status="filled", timestamp=1_003)
    assert (1, 3) == desk.times("fill")
    assert {"mixed_clock": 1} == desk.anomalies()
    assert {"submitted": 1, "filled": 1} == desk.ends()


def test_times_of_the_exchange_on_updates_alone_leave_the_fill_time_to_the_local_clock(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """Without it, a bot whose stream has times and whose submits have none would have no fill times at all."""
    for number in range(2):
        desk.orders.submitted(number, side="BUY", quantity=2)
        desk.clock.now += 0.5
        desk.orders.updated(number, status="accepted", timestamp=1_700_000_001)
        desk.clock.now += 1
        desk.orders.updated(number, status="filled", filled=2, timestamp="2023-11-14T22:13:25Z")
    assert (2, 1) == desk.times("ack")
    assert (2, 3) == desk.times("fill")
    assert {} == desk.anomalies()
    (message,) = (record.getMessage() for record in caplog.records)
    assert "the updates have a timestamp= and the submits have none" in message
    assert "@orders.submit(timestamp=…)" in message


@pytest.mark.parametrize(("unit", "per_second"), [("s", 1), ("ms", 1_000), ("us", 1_000_000), ("ns", 1_000_000_000)])
def test_numeric_times_are_read_in_the_unit_that_is_named(unit: str, per_second: int) -> None:
    """Without it, a venue's milliseconds would be fill times a thousand times too long."""
    desk = Desk(unit=unit)
    start = 1_700_000_000 * per_second
    desk.orders.submitted("1", side="BUY", timestamp=start)
    desk.orders.updated("1", status="accepted", timestamp=float(start + 2 * per_second))
    desk.orders.updated("1", status="filled", timestamp=str(start + 3 * per_second))
    assert (1, 2) == desk.times("ack")
    assert (1, 3) == desk.times("fill")
    at = datetime(2024, 1, 1, tzinfo=timezone.utc)
    desk.orders.submitted("2", side="BUY", timestamp=at)
    desk.orders.updated("2", status="filled", timestamp=at + timedelta(seconds=5))
    assert (2, 8) == desk.times("fill")
    assert {} == desk.anomalies()


@pytest.mark.parametrize("later", [1_700_000_003_000, 1_000_000_000, 1_700_000_000 + 3_653 * 86_400])
def test_times_that_are_decades_apart_are_dropped_and_counted(desk: Desk, later: float) -> None:
    """Without it, one stream in milliseconds would fill the histogram's last bucket, and nobody see why."""
    desk.orders.submitted("1", side="BUY", timestamp=1_700_000_000)
    desk.orders.updated("1", status="filled", timestamp=later)
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert (0, 0) == desk.times("fill")
    assert {"mixed_clock": 1} == desk.anomalies()


def test_an_order_may_rest_for_years(desk: Desk) -> None:
    """Without it, the long orders of a simulation would lose their times."""
    desk.orders.submitted("1", side="BUY", timestamp=1)
    desk.orders.updated("1", status="filled", timestamp=1 + 3_652 * 86_400)
    assert (1, 3_652 * 86_400) == desk.times("fill")
    assert {} == desk.anomalies()


def test_a_local_clock_that_steps_back_drops_the_time_and_counts_it(desk: Desk) -> None:
    """Without it, a clock that was set back would put negative seconds into the fill times."""
    desk.orders.submitted("1", side="BUY")
    desk.clock.now -= 5
    assert 0 == desk.value("trading_order_oldest_open_seconds", strategy="s")
    desk.orders.updated("1", status="filled")
    assert {"time_before_submit": 1} == desk.anomalies()
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert (0, 0) == desk.times("fill")


def test_an_early_event_of_a_plain_submit_counts_as_no_time_at_all(desk: Desk) -> None:
    """Without it, reporting the submit after the fact would drop the fastest fills from the fill times."""
    desk.orders.updated("1", status="filled")
    desk.clock.now += 0.5
    desk.orders.submitted("1", side="BUY")
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert (1, 0) == desk.times("fill")
    assert {} == desk.anomalies()


# ── events of orders that are not known yet ──────────────────────────────────────────────────────────────────────────


def test_events_of_an_unknown_order_wait_for_it_and_then_count(desk: Desk) -> None:
    """Without it, events of orders that the bot did not send would stay in memory, and nobody would learn of them."""
    desk.orders.updated("1", status="accepted")
    desk.clock.now += 20
    desk.orders.updated("1", status="filled")
    desk.orders.cancel_requested("2")
    desk.clock.now += 9
    assert {} == desk.anomalies()
    desk.clock.now += 1
    desk.orders.open_orders()
    assert {} == desk.anomalies()
    assert 1 == desk.value("trading_order_foreign_total")
    desk.orders.submitted("1", side="BUY")
    assert {"submitted": 1, "filled": 1} == desk.ends()
    desk.clock.now += 20
    desk.orders.open_orders()
    assert {"unknown_order": 1} == desk.anomalies()
    assert 1 == desk.value("trading_order_foreign_total")


def test_a_scrape_alone_lets_the_time_limits_act(desk: Desk) -> None:
    """Without it, a bot that hears nothing more would show its last orders as open, and no unknown one, for ever."""
    desk.orders.updated("1", status="filled")
    desk.clock.now += 30
    assert 1 == desk.value("trading_order_foreign_total")


def test_the_queue_of_early_events_is_bounded_and_what_goes_is_counted(desk: Desk) -> None:
    """Without it, a wrong id in the submit would fill the memory with every event that follows."""
    for number in range(MOST_WAITING + 5):
        desk.orders.updated(number, status="filled")
    assert {} == desk.anomalies()
    assert 5 == desk.value("trading_order_foreign_total")
    desk.orders.submitted(4)
    desk.orders.submitted(5)
    assert {"submitted": 2, "filled": 1} == desk.ends()


def test_a_chain_of_early_replaces_is_followed_whatever_its_length(desk: Desk) -> None:
    """Without it, a burst of replaces ahead of the submit would break Python's recursion limit inside the callback."""
    for number in range(3_000):
        desk.orders.replaced(number, number + 1)
    desk.orders.updated(3_000, status="filled")
    desk.orders.submitted(0, side="BUY")
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert {} == desk.errors()


def test_an_unknown_order_waits_also_while_a_replace_is_in_doubt(desk: Desk) -> None:
    """Without it, one replace that timed out would lose the early news of every other order."""

    @desk.orders.replace
    def amend(order_id: str, new_order_id: str) -> None:
        raise TimeoutError

    desk.orders.submitted("a", side="BUY")
    with pytest.raises(TimeoutError):
        amend("a", "b")
    desk.orders.updated("early", status="filled")
    desk.orders.replaced("early too", "c")
    desk.orders.submitted("early", side="BUY")
    desk.orders.submitted("early too", side="BUY")
    desk.orders.updated("c", status="filled")
    assert {"submitted": 3, "filled": 2} == desk.ends()
    assert {} == desk.anomalies()


# ── second ids and replaces ──────────────────────────────────────────────────────────────────────────────────────────


def test_an_alias_leads_to_the_order_and_joins_what_came_under_it(desk: Desk) -> None:
    """Without it, brokers that report under their own id would have all their events unknown."""
    desk.orders.submitted("mine", side="BUY", quantity=10)
    desk.orders.updated("theirs", status="accepted")
    desk.orders.alias("mine", "theirs")
    assert 1 == desk.times("ack")[0]
    desk.orders.updated("theirs", fill_id="a", fill_quantity=4)
    desk.orders.updated("mine", fill_id="a", fill_quantity=4)
    assert {"duplicate_fill": 1} == desk.anomalies()
    desk.orders.alias("mine", "theirs")
    desk.orders.alias("theirs", "mine")
    desk.orders.updated("mine", fill_id="b", fill_quantity=6)
    assert {"submitted": 1, "filled": 1} == desk.ends()


def test_an_alias_may_name_the_known_id_second_or_come_before_the_submit(desk: Desk) -> None:
    """Without it, the order of two ids in a call, or of two messages, would decide whether events are found."""
    desk.orders.submitted("mine", side="BUY")
    desk.orders.updated("early", status="accepted")
    desk.orders.alias("early", "mine")
    assert 1 == desk.times("ack")[0]
    desk.orders.alias("later", "its broker's")
    desk.orders.updated("its broker's", status="accepted")
    desk.orders.submitted("later", side="BUY")
    assert 2 == desk.times("ack")[0]
    assert {} == desk.anomalies()


def test_an_id_that_leads_to_another_order_is_not_taken_from_it(desk: Desk) -> None:
    """Without it, one wrong alias would metrics the fills of an order on another."""
    desk.orders.submitted("1", side="BUY", quantity=1)
    desk.orders.submitted("2", side="BUY", quantity=1)
    desk.orders.alias("1", "2")
    desk.orders.replaced("1", "2", quantity=5)
    assert {"duplicate_submit": 2} == desk.anomalies()
    desk.orders.updated("2", filled=1)
    desk.orders.updated("1", filled=1)
    assert {"submitted": 2, "filled": 2} == desk.ends()


def test_a_fill_under_a_replaced_id_still_counts(desk: Desk) -> None:
    """Without it, the fill that won the race against a replace would be lost."""
    desk.orders.submitted("a", side="BUY", quantity=10)
    desk.orders.replaced("a", "b")
    desk.orders.updated("a", status="closed", filled=4)
    desk.orders.updated("a", status="rejected")
    assert 1 == desk.orders.open_orders()
    assert 1 == desk.times("first_fill")[0]
    desk.orders.updated("b", status="filled", filled=10)
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert {} == desk.anomalies()


def test_a_broker_that_counts_each_id_of_a_replaced_order_by_itself_has_no_bust(desk: Desk) -> None:
    """Without it, every replace of a partly filled order would count a bust at some brokers."""
    desk.orders.submitted("a", side="BUY", quantity=10)
    desk.orders.updated("a", filled=4)
    desk.orders.replaced("a", "b", quantity=6)
    desk.orders.updated("a", filled=3)
    desk.orders.updated("a", filled=5)
    desk.orders.updated("b", filled=2)
    assert {} == desk.anomalies()
    desk.orders.updated("b", filled=1)
    assert {"bust": 1} == desk.anomalies()
    desk.orders.updated("b", status="filled", filled=6)
    assert {"submitted": 1, "filled": 1} == desk.ends()


def test_a_replace_in_place_changes_the_quantity_and_ends_nothing(desk: Desk) -> None:
    """Without it, brokers that modify under the same id would have their cancellations ignored afterwards."""
    desk.orders.submitted("a", side="BUY", quantity=10)
    desk.orders.replaced("a", "a", quantity=4)
    desk.orders.updated("a", filled=4)
    assert {"submitted": 1, "filled": 1} == desk.ends()
    desk.orders.submitted("b", side="BUY", quantity=10)
    desk.orders.replaced("b", "b")
    desk.orders.updated("b", status="cancelled")
    assert {"submitted": 2, "filled": 1, "cancelled": 1} == desk.ends()


def test_an_order_that_goes_back_to_an_earlier_id_is_ended_by_it(desk: Desk) -> None:
    """Without it, an order that was replaced and restored could never be cancelled."""
    desk.orders.submitted("a", side="BUY", quantity=10)
    desk.orders.replaced("a", "b")
    desk.orders.replaced("b", "a")
    desk.orders.updated("b", status="cancelled")
    assert 1 == desk.orders.open_orders()
    desk.orders.updated("a", status="cancelled")
    assert 0 == desk.orders.open_orders()


def test_of_a_long_chain_of_replaces_the_oldest_ids_are_forgotten_and_the_broker_s_is_not(desk: Desk) -> None:
    """Without it, an order that is repriced all day would grow without end, or lose the id it is reported under."""
    desk.orders.submitted(0, side="BUY", quantity=10)
    desk.orders.alias(0, "broker")
    for number in range(100):
        desk.orders.replaced(number, number + 1)
    desk.orders.updated("broker", filled=4)
    desk.orders.updated(100 - MOST_IDS + 2, filled=5)
    assert {} == desk.anomalies()
    desk.orders.updated(100 - MOST_IDS + 1, filled=10)
    assert 1 == desk.orders.open_orders()
    desk.orders.alias(100, 0)
    desk.orders.updated(0, status="cancelled")
    assert 0 == desk.orders.open_orders()
    desk.orders.submitted("flood", side="BUY", quantity=10)
    for number in range(100):
        desk.orders.alias("flood", f"alias-{number}")
    desk.orders.updated("flood", filled=10)
    assert {"submitted": 2, "cancelled": 1, "filled": 1} == desk.ends()


# ── slippage ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("side", "price"), [("BUY", 100.1), ("SELL", 99.9)])
def test_slippage_is_positive_when_the_price_is_worse_than_the_reference(desk: Desk, side: str, price: float) -> None:
    """Without it, costs would look like gains for one of the two sides."""
    desk.orders.submitted("1", side=side, quantity=10, reference_price=100)
    desk.orders.updated("1", status="filled", filled=10, price=price)
    assert 0 == desk.slippage("5.0", side)
    assert 1 == desk.slippage("20.0", side)


def test_slippage_weighs_the_fills_by_their_volume(desk: Desk) -> None:
    """Without it, one lot at a bad price would weigh as much as a thousand at a good one."""
    desk.orders.submitted("1", side="BUY", quantity=100, reference_price=100)
    desk.orders.updated("1", fill_id="a", fill_quantity=99, price=100)
    desk.orders.updated("1", filled=100, price=100.9)
    assert (0, 1) == (desk.slippage("0.5"), desk.slippage("1.0"))
    desk.orders.submitted("2", side="BUY", quantity=100, reference_price=100)
    desk.orders.updated("2", status="filled", price=100.15)
    assert (1, 2) == (desk.slippage("10.0"), desk.slippage("20.0"))


def test_a_fill_of_unknown_volume_weighs_as_one_in_the_slippage(desk: Desk) -> None:
    """Without it, a broker that leaves out a quantity now and then would have the price of that fill count double."""
    desk.orders.submitted("1", side="BUY", reference_price=100)
    desk.orders.updated("1", status="partially_filled", price=100)
    desk.orders.updated("1", status="filled", fill_quantity=1, price=100.24)
    assert (0, 1) == (desk.slippage("10.0"), desk.slippage("20.0"))


def test_slippage_of_a_part_is_observed_at_the_cancel_and_of_later_fills_by_itself(desk: Desk) -> None:
    """Without it, orders that are cancelled after a part, often the ones with the worst prices, would be left out."""
    desk.orders.submitted("1", side="BUY", quantity=10, reference_price=100)
    desk.orders.updated("1", fill_id="a", fill_quantity=2, price=100)
    assert 0 == desk.slippage("+Inf")
    desk.orders.updated("1", status="cancelled")
    assert 1 == desk.slippage("0.0")
    desk.orders.updated("1", fill_id="b", fill_quantity=1, price=101)
    assert (1, 2) == (desk.slippage("50.0"), desk.slippage("100.0"))


def test_there_is_no_slippage_without_a_reference_a_price_or_a_side(desk: Desk) -> None:
    """Without it, orders that say nothing about slippage would count as having none."""
    details: tuple[dict[str, Any], ...] = (
        {"side": "BUY", "reference_price": None},
        {"side": None, "reference_price": 100},
        {"side": "BUY", "reference_price": 0},
        {"side": "BUY", "reference_price": 5e-324},
    )
    for number, detail in enumerate(details):
        desk.orders.submitted(number, quantity=1, **detail)
        desk.orders.updated(number, filled=1, price=101)
    desk.orders.submitted("unpriced", side="BUY", reference_price=100, quantity=1)
    desk.orders.updated("unpriced", filled=1)
    assert 0 == desk.slippage("+Inf")
    assert 0 == desk.slippage("+Inf", "unknown")
    desk.orders.submitted("below zero", side="BUY", reference_price=-37, quantity=1)
    desk.orders.updated("below zero", filled=1, price=-36.9)
    assert (0, 1) == (desk.slippage("20.0"), desk.slippage("50.0"))


# ── bounds ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_table_holds_max_open_orders_and_drops_the_oldest() -> None:
    """Without it, the limit would drop the newest orders, whose fills are still to come."""
    desk = Desk(max_open=2)
    for number in range(3):
        desk.orders.submitted(number, side="BUY", quantity=1)
        desk.clock.now += 1
    assert {"evicted": 1} == desk.anomalies()
    assert 2 == desk.value("trading_orders_open", strategy="s")
    assert 2 == desk.value("trading_order_oldest_open_seconds", strategy="s")
    desk.orders.updated(0, filled=1)
    desk.orders.updated(1, filled=1)
    assert {"submitted": 3, "filled": 1} == desk.ends()
    desk.orders.submitted(0, side="BUY")
    assert {"evicted": 1} == desk.anomalies()


def test_a_small_table_remembers_as_few_ended_orders() -> None:
    """Without it, a table that was made small to save memory would keep thousands of ended orders."""
    desk = Desk(max_open=2)
    for number in range(3):
        desk.orders.submitted(number, side="BUY", quantity=1)
        desk.orders.updated(number, fill_id="a", fill_quantity=1)
    for number in range(3):
        desk.orders.updated(number, fill_id="a", fill_quantity=1)
    assert {"duplicate_fill": 2} == desk.anomalies()


def test_orders_that_ended_are_forgotten_in_the_end(desk: Desk) -> None:
    """Without it, memory would grow with every order of the day."""
    for number in range(MOST_ENDED + 1):
        desk.orders.submitted(number, side="BUY", quantity=1)
        desk.orders.updated(number, fill_id="a", fill_quantity=1)
    desk.orders.updated(1, fill_id="a", fill_quantity=1)
    assert {"duplicate_fill": 1} == desk.anomalies()
    desk.orders.submitted(0, side="BUY", quantity=1)
    assert {"duplicate_fill": 1} == desk.anomalies()
    assert {"submitted": MOST_ENDED + 2, "filled": MOST_ENDED + 1} == desk.ends()


def test_an_order_remembers_its_last_fill_ids_and_no_more(desk: Desk) -> None:
    """Without it, one order with a million fills would fill the memory."""
    desk.orders.submitted("1", side="BUY")
    for number in range(MOST_FILL_IDS + 1):
        desk.orders.updated("1", fill_id=number, fill_quantity=1)
    desk.orders.updated("1", fill_id=1, fill_quantity=1)
    assert {"duplicate_fill": 1} == desk.anomalies()
    desk.orders.updated("1", fill_id=0, fill_quantity=1)
    assert {"duplicate_fill": 1} == desk.anomalies()


def test_all_orders_together_hold_a_bounded_number_of_fill_ids() -> None:
    """Without it, many orders with many fills each would fill the memory though each keeps its own bound."""
    desk = Desk(max_open=10)  # 100 fill ids in all
    for name in ("a", "b"):
        desk.orders.submitted(name, side="BUY")
        for number in range(95):
            desk.orders.updated(name, fill_id=number, fill_quantity=1)
    desk.orders.updated("a", fill_id=0, fill_quantity=1)
    assert {"duplicate_fill": 1} == desk.anomalies()
    desk.orders.updated("b", fill_id=95 - FEWEST_FILL_IDS, fill_quantity=1)
    assert {"duplicate_fill": 2} == desk.anomalies()
    desk.orders.updated("b", fill_id=94 - FEWEST_FILL_IDS, fill_quantity=1)
    assert {"duplicate_fill": 2} == desk.anomalies()
    for number in range(20):  # the orders above go, and their ids with them
        desk.orders.submitted(number, side="BUY")
    for number in range(95):
        desk.orders.updated(19, fill_id=number, fill_quantity=1)
    desk.orders.updated(19, fill_id=0, fill_quantity=1)
    assert {"duplicate_fill": 3} == {kind: count for kind, count in desk.anomalies().items() if kind != "evicted"}


def test_fill_ids_are_remembered_up_to_the_bound_of_the_table() -> None:
    """Without it, a table that is just full would forget the fills that it has room for."""
    desk = Desk(max_open=2)  # 20 fill ids in all
    desk.orders.submitted("1", side="BUY")
    for number in range(20):
        desk.orders.updated("1", fill_id=number, fill_quantity=1)
    desk.orders.updated("1", fill_id=0, fill_quantity=1)
    assert {"duplicate_fill": 1} == desk.anomalies()


def test_of_very_many_second_ids_the_oldest_is_forgotten(desk: Desk) -> None:
    """Without it, the id that a broker has just given would be lost for one that nobody uses any more."""
    desk.orders.submitted("1", side="BUY")
    for number in range(MOST_IDS):
        desk.orders.alias("1", f"alias-{number}")
    desk.orders.updated("alias-0", status="accepted")
    assert 0 == desk.times("ack")[0]
    desk.orders.updated("alias-1", status="accepted")
    assert 1 == desk.times("ack")[0]


def test_strategies_that_are_gone_read_zero_but_not_without_end() -> None:
    """Without it, a strategy's last order would seem open for ever, or an id as strategy would fill the memory."""
    desk = Desk()
    for number in range(MOST_STRATEGIES + 5):
        desk.orders.submitted(number, strategy=f"s{number}", side="BUY", quantity=1)
        desk.orders.updated(number, filled=1)
    assert 0 == desk.metrics.registry.get_sample_value("trading_orders_open", {"strategy": "s0"})
    assert MOST_STRATEGIES >= len(desk.orders._intake.core.table.open_by_strategy())


# ── trackers, metrics objects and gauges ─────────────────────────────────────────────────────────────────────────────


def test_trackers_of_one_metrics_object_add_up_their_open_orders_and_show_the_oldest(desk: Desk) -> None:
    """Without it, two accounts of one strategy would show the orders of one, or twice the age."""
    second = OrderTracker("s", clock=desk.clock, metrics=desk.metrics)
    desk.orders.submitted("1", side="BUY")
    desk.clock.now += 3
    second.submitted("1", side="BUY")
    second.submitted("2", side="BUY")
    desk.clock.now += 1
    assert 3 == desk.value("trading_orders_open", strategy="s")
    assert 4 == desk.value("trading_order_oldest_open_seconds", strategy="s")


def test_a_tracker_that_nobody_uses_any_more_disappears_from_the_gauges(desk: Desk) -> None:
    """Without it, every backtest of a process would leave its open orders behind."""
    desk.orders.submitted("1", side="BUY")
    assert 1 == desk.value("trading_orders_open", strategy="s")
    desk.orders = OrderTracker(metrics=desk.metrics)
    gc.collect()
    assert desk.metrics.registry.get_sample_value("trading_orders_open", {"strategy": "s"}) is None


def test_a_tracker_does_not_keep_its_metrics_object_alive_nor_the_gauges_a_book() -> None:
    """Without it, every metrics of a long test run or a notebook would stay in memory."""
    import weakref

    desk = Desk()
    desk.orders.submitted("1", side="BUY")
    metrics = weakref.ref(desk.metrics)
    del desk
    gc.collect()
    assert metrics() is None


def test_a_tracker_follows_the_default_metrics_when_it_is_replaced() -> None:
    """Without it, a tracker made at import would record to a metrics object that nobody scrapes."""
    from prometheus_client import CollectorRegistry

    from tradmetrics import configure

    orders = OrderTracker("s")
    first = configure(CollectorRegistry())
    orders.submitted("1", side="BUY")
    second = configure(CollectorRegistry(), force=True)
    orders.updated("1", status="filled")
    assert get_metrics() is second
    filled = "trading_orders_filled_total", {"strategy": "s", "side": "BUY"}
    assert 1 == second.registry.get_sample_value(*filled)
    assert 0 == second.registry.get_sample_value("trading_orders_open", {"strategy": "s"})
    first.restore()
    assert first.registry.get_sample_value(*filled) is None
    assert first.registry.get_sample_value("trading_orders_open", {"strategy": "s"}) is None


def test_a_disabled_metrics_object_records_and_follows_nothing() -> None:
    """Without it, switching metrics off would leave their cost and their memory."""
    metrics = TradingMetrics(enabled=False)
    orders = OrderTracker("s", metrics=metrics)
    orders.submitted("1", side="BUY")
    orders.updated("1", status="filled")
    orders.alias("1", "2")
    orders.cancel_requested("1")
    orders.replaced("1", "3")
    assert 0 == orders.open_orders()

    def place() -> None: ...

    assert place is orders.submit(order_id="1")(place)


def test_ids_are_the_same_whatever_type_a_message_has_them_in(desk: Desk) -> None:
    """Without it, a number in the answer and a text on the stream would be two orders."""

    class Number(int): ...

    class Ticket(IntEnum):
        FIRST = 6

    class Text(str):
        def __str__(self) -> str:
            return "something else"

    identifier = "12345678-1234-5678-1234-567812345678"
    for order_id, same in (
        (7, "7"),
        (Number(8), "8"),
        (b"nine", "nine"),
        (UUID(identifier), identifier),
        (Text("x"), "x"),
        (Ticket.FIRST, 6),
    ):
        desk.orders.submitted(order_id, side="BUY")
        desk.orders.updated(same, status="filled")
    assert {"submitted": 6, "filled": 6} == desk.ends()
