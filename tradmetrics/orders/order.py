"""One order as the tracker remembers it."""

from __future__ import annotations

from math import isfinite
from typing import Final

MOST_IDS: Final = 16
"""Ids that lead to one order; of a longer chain of replaces the oldest are forgotten."""
MOST_FILL_IDS: Final = 1_000
"""Fill ids that one order remembers. A duplicate of an older one is taken for a new fill."""
FEWEST_FILL_IDS: Final = 10
"""Fill ids that one order remembers once all orders together hold as many as the table allows."""


class Order:
    """What is known of one order.

    Attributes:
        ids: The ids that lead to it, the first one first: the bot's own, the broker's, those of replaces.
        superseded: The ids that a replace has ended; None when there are none.
        strategy: The strategy's label.
        side: `BUY`, `SELL` or `unknown`.
        quantity: What was ordered, or None.
        reference_price: The decision or arrival price, or None.
        submitted_at: When it was submitted, in seconds of its clock, or None when that clock failed.
        timed: True when the times are the events' own (`timestamp=`), False when they are read from the local clock.
        arrived: When it came into the table, in seconds of the local clock.
        filled: The cumulative filled quantity that the broker's reports add up to.
        booked: The part of it that came as single fills with a quantity of their own.
        fill_ids: The ids of its fills, oldest first; None before the first.
        acknowledged: Whether its acknowledgement has been seen.
        first_fill: Whether its first fill has been seen.
        ended: `filled`, `rejected`, `cancelled` or `expired`; None while it is open.
        renumbered: True between a replace and the first cumulative quantity that is reported under the new id.
        cost: Sum of price × volume of the fills since the last slippage was taken.
        volume: Sum of their volumes.
    """

    __slots__ = (
        "acknowledged", "arrived", "booked", "cost", "ended", "fill_ids", "filled", "first_fill", "ids", "quantity",
        "reference_price", "renumbered", "side", "strategy", "submitted_at", "superseded", "timed", "volume",
    )  # fmt: skip

    def __init__(
        self,
        order_id: str | None,
        strategy: str,
        side: str,
        quantity: float | None,
        reference_price: float | None,
        submitted_at: float | None,
        timed: bool,
        arrived: float,
    ) -> None:
        self.ids: tuple[str, ...] = () if order_id is None else (order_id,)
        self.superseded: set[str] | None = None
        self.strategy = strategy
        self.side = side
        self.quantity = quantity
        self.reference_price = reference_price
        self.submitted_at = submitted_at
        self.timed = timed
        self.arrived = arrived
        self.filled = 0.0
        self.booked = 0.0
        self.fill_ids: dict[str, None] | None = None
        self.acknowledged = False
        self.first_fill = False
        self.ended: str | None = None
        self.renumbered = False
        self.cost = 0.0
        self.volume = 0.0

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
