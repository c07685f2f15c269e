"""What an event says was filled: something new, something known, or less than before."""

from __future__ import annotations

from typing import Final

from tradmetrics.orders.order import Order
from tradmetrics.orders.table import OrderTable
from tradmetrics.vocabulary.words import UNCHANGED

ENOUGH: Final = 1 - 1e-9
TOO_MUCH: Final = 1 + 1e-9
"""Sums of float quantities miss the whole by rounding; what differs by less is equal."""

FILL_WORDS: Final = frozenset({"partially_filled", "filled"})
_NOT_OF_A_FILL: Final = frozenset({"submitted", "accepted", "cancelled", "rejected", "expired", UNCHANGED})
"""With these words a cumulative quantity of 0 means that the broker does not say, not that a fill was taken back."""


# What an event did to an order's fills. Plain numbers: looking up a member of an enum takes longer than comparing it.
NOTHING: Final = 0
NEW: Final = 1
DUPLICATE: Final = 2
STALE: Final = 3
BUST: Final = 4

_NOTHING: Final = (NOTHING, None)
_DUPLICATE: Final = (DUPLICATE, None)


def metrics(
    table: OrderTable,
    order: Order,
    status: str | None,
    filled: float | None,
    fill_id: str | None,
    fill_quantity: float | None,
    superseded: bool,
) -> tuple[int, float | None]:
    """Book what an event says was filled.

    A fill is recognised by its id where there is one, else by the rise of the cumulative quantity, else it is taken at
    its word. Fills with ids and cumulative quantities may come on two streams, in any order: the larger of the sum of
    the former and the latter is what was filled, so that nothing is booked twice.

    Args:
        table: Where the order is; it bounds the fill ids.
        order: The order.
        status: The order's state, as the event and its quantities have it.
        filled: The cumulative filled quantity.
        fill_id: The fill's id.
        fill_quantity: The fill's own quantity.
        superseded: True when the event came under an id that a replace has ended.

    Returns:
        What happened, and for a new fill its volume if that is known.
    """
    before = order.filled
    if fill_id is not None:
        if order.fill_ids is not None and fill_id in order.fill_ids:
            return _DUPLICATE
        if not fill_quantity and not _is_fill(before, status, filled, fill_quantity):
            return _NOTHING  # some brokers number every message, fill or not
        table.remember_fill(order, fill_id)
        if fill_quantity:
            booked = order.booked = order.booked + fill_quantity
            if booked > before:
                order.filled = booked
        if filled is not None and filled > order.filled:
            order.filled = filled
        if fill_quantity:
            return NEW, fill_quantity
        return NEW, None if filled is None else order.filled - before
    if filled is not None:
        return _book_cumulative(order, status, filled, superseded)
    if fill_quantity:
        order.filled = order.booked = before + fill_quantity
        return NEW, fill_quantity
    if fill_quantity is None and status in FILL_WORDS and not status == order.ended == "filled":
        return NEW, None
    return _NOTHING


def _is_fill(before: float, status: str | None, filled: float | None, fill_quantity: float | None) -> bool:
    if fill_quantity is not None:
        return False
    if filled is not None:
        return filled > before or (filled > 0 and (status is None or status in FILL_WORDS))
    return status in FILL_WORDS


def _book_cumulative(order: Order, status: str | None, filled: float, superseded: bool) -> tuple[int, float | None]:
    before = order.filled
    if filled > before * TOO_MUCH:
        order.filled = filled
        order.renumbered = order.renumbered and superseded
        return NEW, filled - before
    if filled >= before * ENOUGH or superseded or (filled == 0 and status in _NOT_OF_A_FILL):
        return _NOTHING
    if order.ended == "filled" and status == "partially_filled":
        return STALE, None
    order.filled = filled
    order.booked = min(order.booked, filled)
    if order.renumbered:
        order.renumbered = False  # this broker counts each id of a replaced order by itself
        return _NOTHING
    return BUST, None
