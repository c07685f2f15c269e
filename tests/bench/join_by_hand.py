"""A join of an order's events by its id, as a careful engineer writes it, with the same samples as `OrderTracker`."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


@dataclass(slots=True)
class _Order:
    side: str
    quantity: float
    sent: float
    filled: float = 0.0
    acknowledged: bool = False
    fills: set[str] = field(default_factory=set)


class JoinByHand:
    """Joins the events of the orders of one strategy, on whatever thread they come; children are cached."""

    def __init__(self, strategy: str) -> None:
        self.registry = registry = CollectorRegistry()
        self._strategy = strategy
        self._lock = threading.Lock()
        self._orders: dict[str, _Order] = {}
        self._messages: deque[float] = deque(maxlen=10_000)
        self._submitted = Counter("orders_submitted", "Orders.", ["strategy", "side", "order_type"], registry=registry)
        self._filled = Counter("orders_filled", "Fills.", ["strategy", "side"], registry=registry)
        self._children: dict[Any, Callable[[], None]] = {}
        self._count_message = Counter("order_messages", "Messages.", ["action"], registry=registry).labels("new").inc
        self._observe_ack, self._observe_first_fill, self._observe_fill = (
            Histogram(name, "Seconds.", ["strategy"], registry=registry).labels(strategy).observe
            for name in ("order_ack_time_seconds", "order_first_fill_time_seconds", "order_fill_time_seconds")
        )
        open_orders = Gauge("orders_open", "Open orders.", ["strategy"], registry=registry)
        open_orders.labels(strategy).set_function(lambda: len(self._orders))

    def submitted(self, order_id: str, *, side: str, order_type: str, quantity: float) -> None:
        """Count the order, and remember it."""
        now = monotonic()
        key = (side, order_type)
        count = self._children.get(key)
        if count is None:
            count = self._children[key] = self._submitted.labels(self._strategy, side, order_type).inc
        with self._lock:
            self._messages.append(now)
            self._orders[order_id] = _Order(side, quantity, now)
        count()
        self._count_message()

    def updated(
        self, order_id: str, *, status: str, fill_id: str | None = None, fill_quantity: float | None = None
    ) -> None:
        """Record what the event says of the order; a fill that is reported twice counts once."""
        now = monotonic()
        with self._lock:
            order = self._orders.get(order_id)
            if order is None or fill_id in order.fills:
                return
            is_first_answer, order.acknowledged = not order.acknowledged, True
            is_first_fill = False
            if fill_id is not None and fill_quantity is not None:
                is_first_fill = not order.fills
                order.fills.add(fill_id)
                order.filled += fill_quantity
            is_filled = status == "filled" or order.filled >= order.quantity
            if is_filled:
                del self._orders[order_id]
        if is_first_answer:
            self._observe_ack(now - order.sent)
        if is_first_fill:
            self._observe_first_fill(now - order.sent)
        if is_filled:
            self._observe_fill(now - order.sent)
            count = self._children.get(order.side)
            if count is None:
                count = self._children[order.side] = self._filled.labels(self._strategy, order.side).inc
            count()
