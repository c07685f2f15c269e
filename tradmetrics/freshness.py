"""How long ago each symbol's market data last arrived."""

from __future__ import annotations

from time import monotonic
from typing import Final

MOST_SYMBOLS: Final = 10_000
"""Symbols kept; past that the one silent for longest is forgotten."""


class Arrival:
    """When data of one symbol last arrived, by a monotonic clock, and after how many seconds of silence it is stale."""

    __slots__ = ("at", "stale_after")

    def __init__(self, at: float, stale_after: float) -> None:
        self.at = at
        self.stale_after = stale_after


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
            if len(self._arrivals) >= MOST_SYMBOLS:
                oldest = min(list(self._arrivals.items()), key=lambda item: item[1].at)[0]
                self._arrivals.pop(oldest, None)
            arrival = self._arrivals[symbol] = Arrival(monotonic(), stale_after)
        arrival.at = monotonic()
        arrival.stale_after = stale_after
        return arrival

    def is_stale(self, symbol: str) -> bool:
        """Whether `symbol` has been silent for longer than its limit, or was never heard of."""
        arrival = self._arrivals.get(symbol)
        return arrival is None or monotonic() - arrival.at > arrival.stale_after

    def count_stale(self) -> int:
        """The number of symbols heard of that are stale."""
        now = monotonic()
        return sum(now - arrival.at > arrival.stale_after for arrival in list(self._arrivals.values()))
