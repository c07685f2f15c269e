"""The rate of messages: the busiest second and five seconds of the last two minutes."""

from __future__ import annotations

import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lifecycle_kit import Desk
from tradmetrics import OrderTracker
from tradmetrics.orders.rate import BATCH, MOST_MESSAGES, SHOWN, MessageRate


def rates(desk: Desk) -> tuple[float, float]:
    """The busiest second and five seconds, as a scrape has them."""
    name = "trading_order_message_rate_max"
    return desk.value(name, window="1s"), desk.value(name, window="5s")


def test_messages_count_by_action() -> None:
    """Without it, the order-to-trade ratio that an exchange asks for could not be computed."""
    desk = Desk()
    desk.orders.submitted("1", side="BUY")
    desk.orders.replaced("1", "2")
    desk.orders.replaced("2", "3")
    desk.orders.cancel_requested("3")
    counts = {
        action: desk.value("trading_order_messages_total", action=action) for action in ("new", "modify", "cancel")
    }
    assert {"new": 1, "modify": 2, "cancel": 1} == counts


def test_a_burst_between_two_scrapes_is_seen_at_the_next() -> None:
    """Without it, a burst over the broker's limit would hide between two scrapes."""
    desk = Desk()
    assert (0, 0) == rates(desk)
    desk.clock.now += 10
    for number in range(12):
        desk.orders.submitted(number, side="BUY")
        desk.clock.now += 0.05
    desk.clock.now += 1.5
    for number in range(3):
        desk.orders.cancel_requested(number)
    desk.clock.now += 60
    assert (12, 15) == rates(desk)
    assert (12, 15) == rates(desk)
    desk.clock.now += 61
    assert (0, 0) == rates(desk)
    desk.orders.cancel_requested(5)
    desk.clock.now += 5
    assert (1, 1) == rates(desk)


def test_times_too_large_to_tell_seconds_apart_lose_no_order() -> None:
    """Without it, timestamps in nanoseconds would stop the tracker from following, and counting, any more orders."""
    desk = Desk()
    now_in_nanoseconds = 1_700_000_000_000_000_000
    for number in range(BATCH + 44):
        desk.orders.submitted(number, side="BUY", timestamp=now_in_nanoseconds)
    assert {"submitted": 300} == desk.ends()
    assert 300 == desk.orders.open_orders()
    assert (300, 300) == rates(desk)
    desk.clock.now += 121
    desk.orders.submitted("two minutes later", side="BUY", timestamp=now_in_nanoseconds + 121_000_000_000)
    assert (1, 1) == rates(desk)


def test_messages_exactly_a_second_apart_are_in_different_seconds() -> None:
    """Without it, a bot that keeps a limit of one a second would seem to break it."""
    desk = Desk()
    for number in range(6):
        desk.orders.submitted(number, side="BUY")
        desk.clock.now += 1
    assert (1, 5) == rates(desk)


def test_a_burst_across_a_scrape_counts_whole() -> None:
    """Without it, a scrape in the middle of a burst would cut it in two halves that each keep the limit."""
    desk = Desk()
    for number in range(5):
        desk.orders.submitted(number, side="BUY")
    desk.clock.now += 0.5
    assert (5, 5) == rates(desk)
    for number in range(5, 9):
        desk.orders.submitted(number, side="BUY")
    desk.clock.now += 1
    assert (9, 9) == rates(desk)


def test_every_reader_sees_the_same_whenever_it_reads() -> None:
    """Without it, of two Prometheus replicas, the one that scrapes second would never see a burst."""
    desk = Desk()
    for number in range(5):
        desk.orders.submitted(number, side="BUY")
    for seconds in (0.0, 30.0, 0.9, 0.1, 88.9):
        desk.clock.now += seconds
        assert (5, 5) == rates(desk)
        assert (5, 5) == rates(desk)
    desk.clock.now += 0.1
    assert (0, 0) == rates(desk)
    assert (0, 0) == rates(desk)


def test_a_smaller_burst_shows_when_the_larger_one_is_over() -> None:
    """Without it, one burst would hide all others, or the rate would fall to nothing though messages are sent."""
    desk = Desk()
    for size, wait in ((9, 60), (4, 30), (6, 29)):
        for number in range(size):
            desk.orders.submitted(f"{size}-{number}", side="BUY")
        desk.clock.now += wait
    assert (9, 9) == rates(desk)
    desk.clock.now += 1
    assert (6, 6) == rates(desk)
    desk.clock.now += 89
    assert (6, 6) == rates(desk)
    desk.clock.now += 1
    assert (0, 0) == rates(desk)


def test_a_backtest_has_the_rate_of_its_own_time() -> None:
    """Without it, a backtest, which sends a year's orders in a minute, would seem to break every limit."""
    desk = Desk()
    for number in range(1, 11):
        desk.orders.submitted(number, side="BUY", timestamp=number * 2)
    assert (1, 3) == rates(desk)
    desk.clock.now += 60
    for number in range(1, 11):
        desk.orders.submitted(f"again-{number}", side="BUY", timestamp=number * 2)
    assert (1, 3) == rates(desk)


def test_messages_that_overtake_each_other_count_together() -> None:
    """Without it, two threads that send at the same moment would hide half of a burst."""
    desk = Desk()
    for number, timestamp in enumerate((100.0, 99.9, 100.3, 100.2, 100.1)):
        desk.orders.submitted(number, side="BUY", timestamp=timestamp)
    assert (5, 5) == rates(desk)
    desk.clock.now += 121
    desk.orders.submitted("later", side="BUY", timestamp=101.2)
    assert (4, 6) == rates(desk)


def test_the_busiest_tracker_of_a_metrics_object_is_shown() -> None:
    """Without it, the limits of two accounts, which are separate, would be added up."""
    desk = Desk()
    second = OrderTracker("s", clock=desk.clock, metrics=desk.metrics)
    for number in range(3):
        desk.orders.submitted(number, side="BUY")
    for number in range(4):
        second.submitted(number, side="BUY")
    assert (4, 4) == rates(desk)


def test_a_burst_of_a_million_messages_takes_bounded_memory() -> None:
    """Without it, a runaway loop would take the process's memory with it through its own metric."""
    rate = MessageRate()
    for _ in range(MOST_MESSAGES + 2 * BATCH):
        rate.add(5.0, False, 5.0)
    blocks = sys.getallocatedblocks()
    for _ in range(MOST_MESSAGES):
        rate.add(5.0, False, 5.0)
    assert 1_000 > sys.getallocatedblocks() - blocks
    assert {"1s": MOST_MESSAGES, "5s": MOST_MESSAGES} == rate.scrape(5.0)


@settings(max_examples=150)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0, 6.0, 60.0]), st.sampled_from("mmmmms")), max_size=60
    ),
)
def test_the_busiest_windows_are_those_of_a_count_by_hand(steps: list[tuple[float, str]]) -> None:
    """Without it, the sliding windows would be off by a message at their edges, or a reading would change the next."""
    rate, now, times = MessageRate(), 0.0, list[float]()
    for step, what in steps:
        now += step
        if what == "m":
            times.append(now)
            rate.add(now, False, now)
            continue
        expected = {}
        for seconds in (1.0, 5.0):
            counts = [
                sum(times[last] - seconds < at for at in times[: last + 1])
                for last in range(len(times))
                if times[last] > now - SHOWN
            ]
            expected[f"{seconds:.0f}s"] = max(counts, default=0)
        assert expected == rate.scrape(now)
