"""How long ago each symbol's market data last arrived."""

from __future__ import annotations

from itertools import islice
from time import monotonic
from typing import Final

MOST_SYMBOLS: Final = 10_000
"""Symbols kept; past that the one silent for longest is forgotten."""


class Arrival:
    """When data of one symbol last arrived, by a monotonic clock, and after how many seconds of silence it is stale.

    Attributes:
        at: When it arrived.
        stale_after: Seconds of silence after which it is stale.
        kept: Whether it is among those kept; one that was pushed out comes back with its next data.
    """

    __slots__ = ("at", "kept", "stale_after")

    def __init__(self, at: float, stale_after: float) -> None:
        self.at = at
        self.stale_after = stale_after
        self.kept = False


class Freshness:
    """Last arrival of each symbol's data."""

    def __init__(self) -> None:
        self._arrivals: dict[str, Arrival] = {}

    def arrival(self, symbol: str, stale_after: float) -> Arrival:
        """Note that data of `symbol` arrived, and return what to touch (`.at = monotonic()`) when more does.

        Args:
            symbol: The symbol.
            stale_after: Seconds of silence after which it is stale.
        """
        arrival = self._arrivals.get(symbol)
        if arrival is None:
            arrival = Arrival(monotonic(), stale_after)
            self.keep(symbol, arrival)
        arrival.at = monotonic()
        arrival.stale_after = stale_after
        return arrival

    def keep(self, symbol: str, arrival: Arrival) -> None:
        """Keep an arrival; where there are too many, of a few that were kept for longest the most silent one goes."""
        arrivals = self._arrivals
        while len(arrivals) >= MOST_SYMBOLS:
            oldest = min(islice(arrivals.copy().items(), 8), key=lambda item: item[1].at)[0]
            gone = arrivals.pop(oldest, None)
            if gone is not None:
                gone.kept = False
        arrivals[symbol] = arrival
        arrival.kept = True

    def is_stale(self, symbol: str) -> bool:
        """Whether `symbol` has been silent for longer than its limit, or was never heard of."""
        arrival = self._arrivals.get(symbol)
        return arrival is None or monotonic() - arrival.at > arrival.stale_after

    def count_stale(self) -> int:
        """The number of symbols heard of that are stale."""
        now = monotonic()
        return sum(now - arrival.at > arrival.stale_after for arrival in list(self._arrivals.values()))
