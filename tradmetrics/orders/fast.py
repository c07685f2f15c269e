"""The fast way of events of known shape: a plain submit here, and its order's events in `fast_events`.

Each function either does all that the rules would do, or changes nothing and returns False; the rules then decide. A
test runs both on random streams of events and compares every sample.
"""

from __future__ import annotations

from typing import Any, Final

from tradmetrics.errors import is_interruption
from tradmetrics.orders import fast_events
from tradmetrics.orders.bound_series import BoundSeries
from tradmetrics.orders.inputs import LARGEST, LONGEST_ID
from tradmetrics.orders.order import Order
from tradmetrics.orders.rate import BATCH
from tradmetrics.orders.running import FAST_LOCK, LockedOrders, nothing
from tradmetrics.registry.default import current

_SITE: Final = "tradmetrics.OrderTracker"


class FastWay:
    """Events of known shape.

    Args:
        orders: The orders, behind their lock.
        strategy: The label of orders that name no strategy.
    """

    __slots__ = ("_bound", "_core", "_dotted", "_orders", "_reader", "_statuses", "_strategy")

    def __init__(self, orders: LockedOrders, strategy: str) -> None:
        self._orders = orders
        self._core = orders.core
        self._reader = orders.reader
        self._statuses = orders.reader.statuses
        self._dotted = orders.reader.corrects_by_dot
        self._strategy = strategy
        self._bound = BoundSeries(orders.reader, strategy)

    def sent(self, at: float) -> bool:
        """Count the message of a submit that is being sent now; as `Intake.message` does.

        Args:
            at: The local clock.

        Returns:
            False where the rules have to decide; nothing was changed then.
        """
        orders = self._orders
        metrics = orders.metrics
        if metrics is None:
            metrics = current()
        bound = self._bound
        message = bound.message
        if metrics is None or metrics.token is not bound.token or metrics is not orders.watched or message is None:
            return False
        core = self._core
        try:
            with FAST_LOCK:
                if orders.busy or at >= core.due:
                    return False
                orders.busy = True
                try:
                    gathered = core.rate.gathered
                    gathered.append(at)
                    if len(gathered) >= BATCH:
                        core.rate.count()
                finally:
                    orders.busy = False
            message()
            if orders.deferred:
                orders.run(metrics, _SITE, at, (), nothing)
        except Exception as error:
            if is_interruption(error):
                raise
            metrics.fault(f"{_SITE}.submitted", "record", error)
        return True

    def submitted(
        self, order_id: Any, side: Any, order_type: Any, quantity: Any, entered_at: float | None = None
    ) -> bool:
        """Take in a submit by the local clock, with its quantity and the tracker's strategy; as `submitted` does.

        Args:
            order_id: As for `OrderTracker.submitted`.
            side: As for `OrderTracker.submitted`.
            order_type: As for `OrderTracker.submitted`.
            quantity: As for `OrderTracker.submitted`.
            entered_at: When the call that sent it began, if its message was counted then.

        Returns:
            False where the rules have to decide; nothing was changed then.
        """
        orders = self._orders
        metrics = orders.metrics
        if metrics is None:
            metrics = current()
        bound = self._bound
        if metrics is None or metrics.token is not bound.token or metrics is not orders.watched:
            return bound.start(metrics, orders.watched)
        if type(order_id) is not str or type(side) is not str or type(order_type) is not str:
            return False
        kind = bound.kinds.get((side, order_type))
        message = bound.message
        if kind is None or message is None:
            return bound.learn(metrics, side, order_type)
        if type(quantity) is int:
            quantity = float(quantity) if 0 < quantity < LARGEST else 0.0
        elif type(quantity) is not float:
            return False
        if not 0 < quantity < LARGEST or not 0 < len(order_id) <= LONGEST_ID or order_id.isspace():
            return False
        try:
            now = self._reader.local()
        except Exception as error:
            if is_interruption(error):
                raise
            return False
        if type(now) is not float or not -LARGEST < now < LARGEST:
            return False
        word, resting, tick = kind
        at = now if entered_at is None else entered_at
        core = self._core
        table = core.table
        try:
            with FAST_LOCK:
                if (
                    orders.busy
                    or now >= core.due
                    or order_id in table.by_id
                    or order_id in core.waiting.by_id
                    or table.queue.open >= table.most_open
                ):
                    return False
                orders.busy = True
                try:
                    self._reader.now = now
                    order = Order(order_id, self._strategy, word, quantity, at, False, at)
                    order.asked = quantity
                    if resting:
                        order.resting = True
                    table.add_plain(order, order_id)
                    if at + core.expire_after < core.due:
                        core.due = at + core.expire_after
                    if entered_at is None:
                        gathered = core.rate.gathered
                        gathered.append(now)
                        if len(gathered) >= BATCH:
                            core.rate.count()
                finally:
                    orders.busy = False
            try:
                if entered_at is None:
                    message()
            finally:
                tick()
            if orders.deferred:
                orders.run(metrics, _SITE, now, (), nothing)
        except Exception as error:
            if is_interruption(error):
                raise
            metrics.fault(f"{_SITE}.submitted", "record", error)
        return True

    updated = fast_events.updated
