"""How long ago each symbol's market data last arrived."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

MOST_SYMBOLS: Final = 10_000
"""Symbols kept; past that the one silent for longest is forgotten."""


class Freshness:
    """Last arrival of each symbol's data, by a monotonic clock.

    Args:
        clock: Seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # In order of arrival, the longest silent first: an update takes its symbol out and puts it back at the end.
        self._arrivals: dict[str, tuple[float, float]] = {}

    def update(self, symbol: str, stale_after: float) -> None:
        """Note that data of `symbol` arrived, and after how many seconds of silence it is stale."""
        self._arrivals.pop(symbol, None)
        self._arrivals[symbol] = (self._clock(), stale_after)
        if len(self._arrivals) > MOST_SYMBOLS:
            self._arrivals.pop(next(iter(self._arrivals)), None)

    def is_stale(self, symbol: str) -> bool:
        """Whether `symbol` has been silent for longer than its limit, or was never heard of."""
        arrival = self._arrivals.get(symbol)
        return arrival is None or self._clock() - arrival[0] > arrival[1]

    def count_stale(self) -> int:
        """The number of symbols heard of that are stale."""
        now = self._clock()
        return sum(now - at > limit for at, limit in list(self._arrivals.values()))
