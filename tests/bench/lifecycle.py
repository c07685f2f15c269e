"""What following an order costs, against one hand-written count, and whether it depends on how many are open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from statistics import median
from time import thread_time

from prometheus_client import CollectorRegistry, Counter

from tests.bench.figures import Figure
from tradmetrics.book import TradingMetrics
from tradmetrics.lifecycle import OrderTracker

FEW, MANY = 10, 100_000


def one_life(orders: OrderTracker) -> Callable[[], None]:
    """One submit, one acknowledgement, two partial fills and the complete one, of a new order each time."""
    numbers = count()

    def live() -> None:
        order_id = f"C{next(numbers)}"
        orders.submitted(order_id, side="BUY", order_type="LIMIT", quantity=10.0)
        orders.updated(order_id, status="accepted")
        orders.updated(order_id, status="partially_filled", fill_id=f"{order_id}-1", fill_quantity=3.0)
        orders.updated(order_id, status="partially_filled", fill_id=f"{order_id}-2", fill_quantity=3.0)
        orders.updated(order_id, status="filled", fill_id=f"{order_id}-3", fill_quantity=4.0)

    return live


def hand_written() -> Callable[[], None]:
    """One count of three labels, as it is written by hand."""
    counter = Counter("orders", "Orders.", ("strategy", "side", "order_type"), registry=CollectorRegistry())
    return lambda: counter.labels(strategy="s", side="BUY", order_type="LIMIT").inc()


def tracker(open_orders: int) -> OrderTracker:
    """A tracker that holds open orders already."""
    orders = OrderTracker(strategy="s", metrics=TradingMetrics())
    for number in range(open_orders):
        orders.submitted(f"open-{number}", side="BUY", order_type="LIMIT", quantity=1.0)
    return orders


def figures(*, lives: int = 2_000, repeats: int = 15) -> Iterator[Figure]:
    """Measure, interleaved: one order's five calls in hand-written counts, and beside 10 and 100,000 open orders.

    Args:
        lives: Orders per repeat.
        repeats: How often each is measured.
    """
    by_hand, few, many = hand_written(), one_life(tracker(FEW)), one_life(tracker(MANY))
    runs = [
        (_nanoseconds(by_hand, 5 * lives), _nanoseconds(few, lives), _nanoseconds(many, lives)) for _ in range(repeats)
    ]
    hand, small, large = (median(column) for column in zip(*runs, strict=True))
    yield Figure(
        "order lifecycle: submit, ack, two partial fills, fill", "ns", small, hand, "labels(…).inc(), once", 12
    )
    yield Figure(f"the same beside {MANY:,} open orders", "ns", large, small, f"beside {FEW}", 1.5)


def _nanoseconds(function: Callable[[], None], times: int) -> float:
    started = thread_time()
    for _ in range(times):
        function()
    return (thread_time() - started) / times * 1e9
