"""One order as the tracker remembers it."""

from __future__ import annotations

from math import isfinite
from typing import Final

MOST_IDS: Final = 16
"""Ids that lead to one order. The oldest ids of a longer chain of replaces are forgotten."""
MOST_FILL_IDS: Final = 1_000
"""Fill ids that one order remembers. A duplicate of an older fill counts as a new one."""
FEWEST_FILL_IDS: Final = 10
"""Fill ids that one order remembers once all orders together hold as many as the table allows."""
STOPS: Final = frozenset({"STOP", "STOP_LIMIT", "TRAILING_STOP"})
"""Order types that rest until the market reaches a price, for days if need be."""


class Order:
    """The state of one order.

    Rare attributes have their defaults in the class, so that a new order does not pay for them; the others are set when
    it is made, because reading an attribute of the object is faster.

    Attributes:
        ids: The ids that lead to the order, the first one first: the bot's own, the broker's, those of replaces.
        symbol: The market that the ids are numbered in, or None where ids are unique.
        broker_id: The broker's permanent id, or None while it is unknown.
        superseded: The ids that a replace has ended, or None.
        cancel_ids: The ids of cancel requests, or None.
        strategy: The strategy's label.
        side: `BUY`, `SELL` or `unknown`.
        quantity: The quantity that fills are compared with; None when it is unknown or in another unit.
        asked: The quantity as it was ordered, in any unit, or None.
        quoted: True when the quantity is in the quote currency and the fills are not.
        lot: The lot size, or None.
        resting: True for stop orders.
        price: The limit price, or None.
        reference_price: The decision or arrival price, or None.
        submitted_at: When the order was submitted, in seconds of its clock, or None when that clock failed.
        timed: True when the times are the events' own (`timestamp=`), False when they are read from the local clock.
        arrived: When the order came into the table, in seconds of the local clock.
        filled: The cumulative filled quantity.
        told: The largest cumulative quantity that the broker itself reported.
        booked: The part of `filled` that came as single fills with a quantity of their own.
        fill_ids: The ids of the fills, oldest first, each with its quantity if that is known; None before the first.
        stems: The last id of each fill that a broker may correct under a similar id, or None.
        prices: The price of each fill where the order has a reference price, or None.
        acknowledged: True when the acknowledgement has been seen.
        first_fill: True when the first fill has been seen.
        underfilled: True when the anomaly `underfill` was counted.
        ended: `filled`, `rejected`, `cancelled` or `expired`; None while the order is open.
        ended_at: When the order ended, in seconds of its clock, or None.
        renumbered: True between a replace and the first cumulative quantity that is reported under the new id.
        cost: Sum of price × volume of the fills since the last slippage was taken.
        volume: Sum of their volumes.
        is_open: True while the table holds the order as an open one.
        plain: True while the fast way may handle the order's events.
    """

    symbol: str | None = None
    broker_id: str | None = None
    superseded: set[str] | None = None
    cancel_ids: set[str] | None = None
    asked: float | None = None
    quoted: bool = False
    lot: float | None = None
    resting: bool = False
    price: float | None = None
    reference_price: float | None = None
    stems: dict[str, str] | None = None
    prices: dict[str, float] | None = None
    underfilled: bool = False
    ended_at: float | None = None
    renumbered: bool = False
    cost: float = 0.0
    volume: float = 0.0

    def __init__(
        self,
        order_id: str | None,
        strategy: str,
        side: str,
        quantity: float | None,
        submitted_at: float | None,
        timed: bool,
        arrived: float,
    ) -> None:
        self.ids: tuple[str, ...] = () if order_id is None else (order_id,)
        self.strategy = strategy
        self.side = side
        self.quantity = quantity
        self.submitted_at = submitted_at
        self.timed = timed
        self.arrived = arrived
        self.filled = 0.0
        self.told = 0.0
        self.booked = 0.0
        self.fill_ids: dict[str, float | None] | None = None
        self.acknowledged = False
        self.first_fill = False
        self.ended: str | None = None
        self.is_open = False
        self.plain = False

    def slippage(self) -> float | None:
        """Take the slippage of the fills since the last time, in basis points; positive is worse than the reference.

        The fills' volume-weighted average price against the reference price: (average - reference) / |reference|, with
        the sign turned for a sale. None without a reference, a side, or a fill with a price.
        """
        reference = self.reference_price
        if not self.volume or not reference or self.side not in _WORSE:
            return None
        average = self.cost / self.volume
        self.cost = self.volume = 0.0
        slippage = _WORSE[self.side] * (average - reference) / abs(reference) * 10_000
        return slippage if isfinite(slippage) else None


_WORSE: Final = {"BUY": 1, "SELL": -1}
