"""What following an order costs, and whether that depends on how many are open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from time import thread_time

from tests.bench.figures import Figure, compared
from tests.bench.join_by_hand import JoinByHand
from tradmetrics.orders import OrderTracker
from tradmetrics.registry.metrics import TradingMetrics

FEW, MANY = 10, 100_000


def one_life(orders: OrderTracker | JoinByHand) -> Callable[[], None]:
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


def one_decorated_life(orders: OrderTracker) -> Callable[[], None]:
    """The same by a decorated function that sends and a decorated callback."""
    numbers = count()

    @orders.submit
    def send(order_id: str, side: str, order_type: str, quantity: float) -> None: ...

    @orders.update
    def on_event(
        order_id: str, status: str, fill_id: str | None = None, fill_quantity: float | None = None
    ) -> None: ...

    def live() -> None:
        order_id = f"C{next(numbers)}"
        send(order_id, "BUY", "LIMIT", 10.0)
        on_event(order_id, "accepted")
        on_event(order_id, "partially_filled", f"{order_id}-1", 3.0)
        on_event(order_id, "partially_filled", f"{order_id}-2", 3.0)
        on_event(order_id, "filled", f"{order_id}-3", 4.0)

    return live


def tracker(open_orders: int) -> OrderTracker:
    """A tracker that holds open orders already."""
    orders = OrderTracker(strategy="s", metrics=TradingMetrics())
    for number in range(open_orders):
        orders.submitted(f"open-{number}", side="BUY", order_type="LIMIT", quantity=1.0)
    return orders


def figures(*, lives: int = 2_000, repeats: int = 15) -> Iterator[Figure]:
    """Measure the five calls of an order beside 100,000 open orders and beside 10, in turns.

    Args:
        lives: Orders per repeat.
        repeats: How often each is measured.
    """
    few, many = one_life(tracker(FEW)), one_life(tracker(MANY))
    pairs = [(_nanoseconds(many, lives), _nanoseconds(few, lives)) for _ in range(repeats)]
    yield compared(f"order lifecycle beside {MANY:,} open orders", "ns", pairs, f"beside {FEW}", 1.5)


def _nanoseconds(function: Callable[[], None], times: int) -> float:
    started = thread_time()
    for _ in range(times):
        function()
    return (thread_time() - started) / times * 1e9
