"""Memories of the last few things that happened: submits that look alike, and orders of other programs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

MOST_RECENT: Final = 10_000
"""Things that one memory holds; beyond it the oldest goes."""
ONE_SECOND: Final = 1.0


class RecentSubmits:
    """Finds orders that repeat another one within a second: a loop that runs away, as at Knight Capital in 2012."""

    __slots__ = ("_times",)

    def __init__(self) -> None:
        self._times: OrderedDict[Hashable, float] = OrderedDict()

    def repeats(self, order: Hashable, at: float) -> bool:
        """Return True when an equal order was sent within the second before.

        Args:
            order: The order's symbol, side, quantity and price.
            at: When the order was sent, in seconds.
        """
        times = self._times
        last = times.pop(order, None)
        times[order] = at
        while times:
            oldest = next(iter(times))
            if len(times) <= MOST_RECENT and times[oldest] >= at - ONE_SECOND:
                break
            if oldest == order:
                break
            del times[oldest]
        return last is not None and abs(at - last) <= ONE_SECOND


class ForeignOrders:
    """The orders of other programs or of a person on the same account, so that each counts once."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: OrderedDict[Hashable, None] = OrderedDict()

    def is_new(self, order: Hashable) -> bool:
        """Return True at the first report of an order.

        Args:
            order: Its symbol and its id.
        """
        if order in self._seen:
            return False
        self._seen[order] = None
        if len(self._seen) > MOST_RECENT:
            self._seen.popitem(last=False)
        return True
