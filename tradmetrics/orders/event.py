"""The records that travel from a public call to the rules of an order."""

from __future__ import annotations

from typing import Any, NamedTuple


class Entered(NamedTuple):
    """When a decorated call began by the local clock, or None if that clock failed. Its message was counted then."""

    at: float | None


class Failure(NamedTuple):
    """The exception of a submit, as the rules see it.

    Attributes:
        reason: The label of the reason.
        unknown: True when the order may be live in spite of the exception.
    """

    reason: str
    unknown: bool


class SubmitReport(NamedTuple):
    """A submit as the caller reported it, every value unread. The fields are those of `OrderTracker.submitted`."""

    order_id: Any
    strategy: Any = None
    side: Any = None
    order_type: Any = None
    quantity: Any = None
    reference_price: Any = None
    timestamp: Any = None
    account: Any = None
    symbol: Any = None
    price: Any = None
    quantity_in: Any = None
    lot: Any = None


class UpdateReport(NamedTuple):
    """An event as the caller reported it, every value unread. The fields are those of `OrderTracker.updated`."""

    order_id: Any
    status: Any = None
    filled: Any = None
    fill_id: Any = None
    fill_quantity: Any = None
    price: Any = None
    reason: Any = None
    timestamp: Any = None
    account: Any = None
    symbol: Any = None
    corrects: Any = None


class Update(NamedTuple):
    """An event of an order, read and ready for the rules.

    Attributes:
        order_id: Any id that leads to the order.
        symbol: The symbol, where the broker numbers each market separately, or None.
        status: The state in the catalogue's words, `unchanged`, `closed` (the quantities decide), or None.
        filled: The cumulative filled quantity, 0 or more, or None.
        fill_id: The fill's id, or None.
        fill_quantity: The fill's own quantity, 0 or more, or None.
        price: The fill's price, or None.
        reason: Why the order was rejected or cancelled, as a label, or None.
        at: The time in seconds of the local clock or of the event's own, or None if it is unknown.
        timed: True when `at` is the event's own time.
        local: The time of the event by the local clock, or None if that clock failed.
        corrects: The id of the earlier fill that this one replaces, or None.
        stem: The part of the fill's id that its corrections share, at brokers that write ids in this way, or None.
    """

    order_id: str
    symbol: str | None
    status: str | None
    filled: float | None
    fill_id: str | None
    fill_quantity: float | None
    price: float | None
    reason: str | None
    at: float | None
    timed: bool
    local: float | None = None
    corrects: str | None = None
    stem: str | None = None
