"""The fast way of events: an acknowledgement, a fill, the last fill, of orders that a plain submit has made."""

from __future__ import annotations

from typing import Any, Final, Protocol

from tradmetrics.errors import is_interruption
from tradmetrics.orders.bound_series import BoundSeries
from tradmetrics.orders.correlator import OrderCorrelator
from tradmetrics.orders.event_reader import EventReader
from tradmetrics.orders.inputs import LARGEST, LONGEST_ID, is_missing
from tradmetrics.orders.order import MOST_FILL_IDS
from tradmetrics.orders.running import FAST_LOCK, LockedOrders, nothing
from tradmetrics.orders.states import ENOUGH, FILL_WORDS, STILL_OPEN, TOO_MUCH
from tradmetrics.registry.default import current

_SITE: Final = "tradmetrics.OrderTracker"
_LONGEST_BLANK: Final = 7  # "unknown"
_OF_A_FILL: Final = FILL_WORDS | {None}
_KNOWN: Final = STILL_OPEN | _OF_A_FILL


class Way(Protocol):
    """The state of a fast way that events need."""

    _bound: BoundSeries
    _core: OrderCorrelator
    _dotted: bool
    _orders: LockedOrders
    _reader: EventReader
    _statuses: dict[str, str]


def updated(
    way: Way,
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
        way: The tracker's fast way, whose method this is.
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
    orders = way._orders
    metrics = orders.metrics
    if metrics is None:
        metrics = current()
    bound = way._bound
    if metrics is None or metrics.token is not bound.token or metrics is not orders.watched:
        return bound.start(metrics, orders.watched)
    if type(order_id) is not str:
        return False
    if status is None:
        word = None
    elif type(status) is str:
        word = way._statuses.get(status)
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
            or way._dotted
            or len(fill_id) > LONGEST_ID
            or ((len(fill_id) <= _LONGEST_BLANK or fill_id[0].isspace()) and _is_blank(fill_id))
        ):
            return False
    elif fill_quantity is not None or word not in _KNOWN:
        return False
    if now is None:
        try:
            now = way._reader.local()
        except Exception as error:
            if is_interruption(error):
                raise
            return False
        if type(now) is not float or not -LARGEST < now < LARGEST:
            return False
        way._reader.now = now
    core = way._core
    table = core.table
    acknowledged = first = complete = count = None
    try:
        with FAST_LOCK:
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


def _is_blank(text: str) -> bool:
    return is_missing(text) or text.strip().lower() == "unknown"
