"""The fast way of events of known shape: a plain submit, an acknowledgement, a fill, the last fill.

Each function either does all that the rules would do, or changes nothing and returns False; the rules then decide. A
test runs both on random streams of events and compares every sample.
"""

from __future__ import annotations

from typing import Any, Final

from tradmetrics.errors import is_interruption
from tradmetrics.orders.bound_series import BoundSeries
from tradmetrics.orders.inputs import LARGEST, LONGEST_ID, is_missing
from tradmetrics.orders.order import MOST_FILL_IDS, Order
from tradmetrics.orders.rate import BATCH
from tradmetrics.orders.running import LOCK, LockedOrders, nothing
from tradmetrics.orders.states import ENOUGH, FILL_WORDS, STILL_OPEN, TOO_MUCH
from tradmetrics.registry.default import current

_SITE: Final = "tradmetrics.OrderTracker"
_LONGEST_BLANK: Final = 7  # "unknown"

# The lock itself: entering it is one step of the interpreter, so that a Ctrl-C cannot come between taking it and the
# block that gives it back. When the interpreter ends there is no fast way, and `LOCK` decides.
_LOCK: Any = LOCK.held()


class FastWay:
    """Events of known shape.

    Args:
        orders: The orders, behind their lock.
        strategy: The label of orders that name no strategy.
    """

    __slots__ = ("_bound", "_clock", "_core", "_dotted", "_orders", "_statuses", "_strategy")

    def __init__(self, orders: LockedOrders, strategy: str) -> None:
        self._orders = orders
        self._core = orders.core
        self._clock = orders.reader.local
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
            with _LOCK:
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
            now = self._clock()
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
            with _LOCK:
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
                    orders.reader.now = now
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

    def updated(
        self,
        order_id: Any,
        symbol: Any,
        status: Any,
        filled: Any,
        fill_id: Any,
        fill_quantity: Any,
        now: float | None = None,
    ) -> bool:
        """Take in an event by the local clock, without a price, a reason or an account; as `updated` does.

        Args:
            order_id: As for `OrderTracker.updated`.
            symbol: As for `OrderTracker.updated`.
            status: As for `OrderTracker.updated`.
            filled: As for `OrderTracker.updated`.
            fill_id: As for `OrderTracker.updated`.
            fill_quantity: As for `OrderTracker.updated`.
            now: When the event came, by the local clock. Default: now.

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
        if type(order_id) is not str:
            return False
        if status is None:
            word = None
        elif type(status) is str:
            word = self._statuses.get(status)
            if word is None:
                return False
        else:
            return False
        # The quantities, as plain numbers.
        if filled is not None:
            if type(filled) is int:
                filled = float(filled) if 0 <= filled < LARGEST else -1.0
            if type(filled) is not float or not 0 <= filled < LARGEST:
                return False
            if filled and word in STILL_OPEN:
                word = "partially_filled"
        if fill_id is not None:
            if type(fill_quantity) is int:
                fill_quantity = float(fill_quantity) if 0 < fill_quantity < LARGEST else 0.0
            if (
                type(fill_id) is not str
                or type(fill_quantity) is not float
                or not 0 < fill_quantity < LARGEST
                or word not in _OF_A_FILL
                or self._dotted
                or len(fill_id) > LONGEST_ID
                or ((len(fill_id) <= _LONGEST_BLANK or fill_id[0].isspace()) and _is_blank(fill_id))
            ):
                return False
        elif fill_quantity is not None or word not in _KNOWN:
            return False
        if now is None:
            try:
                now = self._clock()
            except Exception as error:
                if is_interruption(error):
                    raise
                return False
            if type(now) is not float or not -LARGEST < now < LARGEST:
                return False
            orders.reader.now = now
        core = self._core
        table = core.table
        acknowledged = first = complete = count = None
        try:
            with _LOCK:
                order = table.by_id.get(order_id if symbol is None else (symbol, order_id))
                if order is None or not order.plain or orders.busy or now >= core.due:
                    return False
                elapsed = now - order.submitted_at  # type: ignore[operator] # a plain order has a time
                lanes = bound.lanes.get(order.strategy) or bound.new_lanes(metrics, order.strategy)
                if elapsed < 0:
                    return False
                quantity, before = order.quantity, order.filled
                total, is_new, booked = before, False, order.booked
                ids = order.fill_ids
                if fill_id is not None:
                    if (
                        ids is not None and (fill_id in ids or len(ids) >= MOST_FILL_IDS)
                    ) or table.fill_ids >= table.most_fill_ids:
                        return False
                    is_new = True
                    booked += fill_quantity  # type: ignore[operator, unused-ignore] # a fill has a quantity
                    if filled is None:
                        if booked > before:
                            total = booked
                    else:
                        total = filled if filled > order.told else order.told
                        if booked > total:
                            booked = total
                elif filled is not None:
                    if filled > before * TOO_MUCH:
                        total, is_new = filled, True
                    elif filled < before * ENOUGH and (filled or word not in STILL_OPEN):
                        return False
                elif word == "partially_filled":
                    is_new = True
                completes = word == "filled"
                if quantity is not None:
                    if is_new and total > quantity * TOO_MUCH:
                        return False
                    if total >= quantity * ENOUGH:
                        completes = True
                    elif completes:
                        if filled or fill_id is not None:
                            return False  # an underfill, or less
                        total = quantity
                # The series of the samples, before anything changes.
                if (is_new or completes) and not order.first_fill:
                    first = lanes.first_fill
                    if first is None:
                        return lanes.bind(metrics)
                if word == "accepted" and not order.acknowledged:
                    acknowledged = lanes.ack
                    if acknowledged is None:
                        return lanes.bind(metrics)
                if completes:
                    complete, count = lanes.fill, lanes.filled.get(order.side)
                    if complete is None or count is None:
                        return lanes.bind(metrics)
                orders.busy = True
                try:
                    order.filled = total
                    if fill_id is not None:
                        if ids is None:
                            order.fill_ids = {fill_id: fill_quantity}
                        else:
                            ids[fill_id] = fill_quantity
                        table.fill_ids += 1
                        order.booked = booked
                    if filled and is_new:
                        order.told = total
                    if first is not None:
                        order.first_fill = True
                    if acknowledged is not None:
                        order.acknowledged = True
                    if completes:
                        table.end(order)
                        order.ended, order.ended_at = "filled", now
                finally:
                    orders.busy = False
            # Each sample is recorded even where the one before it fails, for instance on a full disk.
            try:
                if count is not None:
                    count()
            finally:
                try:
                    if acknowledged is not None:
                        acknowledged(elapsed)
                finally:
                    try:
                        if first is not None:
                            first(elapsed)
                    finally:
                        if complete is not None:
                            complete(elapsed)
            if orders.deferred:
                orders.run(metrics, _SITE, now, (), nothing)
        except Exception as error:
            if is_interruption(error):
                raise
            metrics.fault(f"{_SITE}.updated", "record", error)
        return True


_OF_A_FILL: Final = FILL_WORDS | {None}
_KNOWN: Final = STILL_OPEN | _OF_A_FILL


def _is_blank(text: str) -> bool:
    return is_missing(text) or text.strip().lower() == "unknown"
