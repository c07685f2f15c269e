"""The fills of an order: what an event adds to them, repeats, corrects or takes back."""

from __future__ import annotations

from typing import Final

from tradmetrics.orders.event import Update
from tradmetrics.orders.order import Order
from tradmetrics.orders.states import ENOUGH, FILL_WORDS, NOT_OF_A_FILL, TOO_MUCH
from tradmetrics.orders.table import OrderTable

# The effect of an event on an order's fills. Plain numbers: looking up a member of an enum takes longer.
NOTHING: Final = 0
NEW: Final = 1
DUPLICATE: Final = 2
STALE: Final = 3
BUST: Final = 4
CORRECTED: Final = 5

_NOTHING: Final = (NOTHING, None)
_DUPLICATE: Final = (DUPLICATE, None)


def take_fill(
    table: OrderTable, order: Order, event: Update, status: str | None, superseded: bool
) -> tuple[int, float | None]:
    """Take in what an event says was filled.

    A fill is recognised by its id where it has one, else by the rise of the cumulative quantity, else the event's word
    counts. Fills with ids and cumulative quantities may come on two streams, in any order: the larger of the sum of the
    former and the latter was filled, so that nothing counts twice. A cumulative quantity in the event of a fill with an
    id beats that sum.

    Args:
        table: Where the order is; it bounds the fill ids.
        order: The order.
        event: The event.
        status: The order's state, as the event and its quantities have it.
        superseded: True when the event came under an id that a replace has ended.

    Returns:
        The effect, and for a new fill its volume if that is known.
    """
    before, filled, fill_id, fill_quantity = order.filled, event.filled, event.fill_id, event.fill_quantity
    known = order.fill_ids
    if known is not None and (event.corrects is not None or event.stem is not None):
        corrected = _corrected(order, event)
        if corrected == fill_id and fill_id is not None:
            return _DUPLICATE  # an older version of a fill that was corrected since
        if corrected is not None:
            return _correct(table, order, event, corrected)
    if fill_id is not None:
        if known is not None and fill_id in known:
            if filled is None or filled <= before * TOO_MUCH or order.renumbered or superseded:
                return _DUPLICATE
            # Some venues give the order's id as the id of every trade. The cumulative quantity rose: a new fill.
            known[fill_id] = fill_quantity
        elif not fill_quantity and not _is_fill(before, status, filled, fill_quantity):
            return _NOTHING  # some brokers number every message, fill or not
        else:
            table.remember_fill(order, fill_id, fill_quantity)
            _note(order, event)
        if fill_quantity:
            order.booked += fill_quantity
        if filled is None or order.renumbered or superseded:
            order.filled = max(before, order.booked, filled or 0.0)
        else:
            order.told = order.filled = max(order.told, filled)
            order.booked = min(order.booked, order.filled)
        if fill_quantity:
            return NEW, fill_quantity
        return NEW, None if filled is None else max(0.0, order.filled - before)
    if filled is not None:
        return _take_cumulative(order, status, filled, superseded)
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


def _take_cumulative(order: Order, status: str | None, filled: float, superseded: bool) -> tuple[int, float | None]:
    before = order.filled
    if filled > before * TOO_MUCH:
        order.filled = order.told = filled
        order.renumbered = order.renumbered and superseded
        return NEW, filled - before
    if filled >= before * ENOUGH or superseded or (filled == 0 and status in NOT_OF_A_FILL):
        return _NOTHING
    if order.ended == "filled" and status == "filled":
        if filled:  # the word came first, and the quantity of the same fill comes now
            order.filled = order.told = filled
        return _NOTHING
    if order.ended == "filled" and status == "partially_filled":
        return STALE, None
    order.filled = order.told = filled
    order.booked = min(order.booked, filled)
    if order.renumbered:
        order.renumbered = False  # this broker counts each id of a replaced order by itself
        return _NOTHING
    return BUST, None


# ── corrections ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _note(order: Order, event: Update) -> None:
    """Keep what a later correction of a new fill needs."""
    fill_id = event.fill_id
    if fill_id is None:  # pragma: no cover - the caller has an id
        return
    if event.stem is not None:
        if order.stems is None:
            order.stems = {}
        order.stems[event.stem] = fill_id
    if event.price is not None and order.reference_price is not None:
        if order.prices is None:
            order.prices = {}
        order.prices[fill_id] = event.price


def _corrected(order: Order, event: Update) -> str | None:
    """Return the id of the earlier fill that an event replaces, the event's own id for an outdated one, or None."""
    if event.corrects is not None:
        return event.corrects if order.fill_ids is not None and event.corrects in order.fill_ids else None
    if event.stem is None or order.stems is None or event.fill_id is None:
        return None
    last = order.stems.get(event.stem)
    if last is None or last == event.fill_id:
        return None
    return event.fill_id if revision_of(event.fill_id) < revision_of(last) else last


def revision_of(fill_id: str) -> int:
    """The number after the last dot of a fill's id."""
    return int(fill_id.rpartition(".")[2])


def _correct(table: OrderTable, order: Order, event: Update, old_id: str) -> tuple[int, float | None]:
    """Put a corrected fill, or nothing, in the place of an earlier one."""
    before = order.filled
    fill_ids = order.fill_ids or {}
    old, new = fill_ids.get(old_id), event.fill_quantity
    _correct_price(order, event, old_id, old, new)
    table.forget_fill(order, old_id)
    if event.fill_id is not None:
        table.remember_fill(order, event.fill_id, new)
        _note(order, event)
    if new is not None:
        order.booked = max(0.0, order.booked - (old or 0.0) + new)
    if event.filled is not None:
        order.filled = order.told = event.filled
    elif new is not None and old is not None:
        order.filled = max(0.0, before - old + new)
        order.told = min(order.told, order.filled)
    order.booked = min(order.booked, order.filled)
    if order.filled < before * ENOUGH:
        return BUST, None
    return CORRECTED, None


def _correct_price(order: Order, event: Update, old_id: str, old: float | None, new: float | None) -> None:
    """Let the slippage weigh the corrected price and quantity instead of the earlier ones."""
    price = None if order.prices is None else order.prices.get(old_id)
    weight = 1.0 if old is None else old
    if price is None or order.volume < weight * ENOUGH:
        return
    order.cost -= price * weight
    order.volume = max(0.0, order.volume - weight)
    weight = weight if new is None else new
    order.cost += (price if event.price is None else event.price) * weight
    order.volume += weight
