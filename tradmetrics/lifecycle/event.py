"""What a broker says of an order, read and ready for the rules."""

from __future__ import annotations

from typing import NamedTuple


class Update(NamedTuple):
    """One thing that a broker said of an order.

    Attributes:
        order_id: Any id that leads to the order.
        status: Its state in the catalogue's words, `unchanged`, `closed` (quantities decide), or None.
        filled: Cumulative filled quantity, 0 or more.
        fill_id: The fill's id.
        fill_quantity: The fill's own quantity, 0 or more.
        price: The fill's price.
        reason: Why it was rejected or cancelled, as a label.
        at: When, in seconds of the local clock or of the event's own; None when it cannot be told.
        timed: True when `at` is the event's own time.
    """

    order_id: str
    status: str | None
    filled: float | None
    fill_id: str | None
    fill_quantity: float | None
    price: float | None
    reason: str | None
    at: float | None
    timed: bool
