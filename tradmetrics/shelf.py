"""What the instruments of one registry have in common: the books that use them, scrapes, and what was removed."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from tradmetrics.removal import MOST_RETIRED, Retired, creating
from tradmetrics.series import Series

if TYPE_CHECKING:
    from tradmetrics.book import TradingMetrics
    from tradmetrics.registry import Instrument


class Shelf:
    """The instruments of one registry.

    Attributes:
        instruments: The instruments by the metric's name. Replaced, not changed, when some are taken off, so that
            those still find the ones they were made with.
        books: The books that have looked series up here.
    """

    def __init__(self) -> None:
        self.instruments: dict[str, Instrument] = {}
        self.books: weakref.WeakSet[TradingMetrics] = weakref.WeakSet()
        self._retired: list[Retired] = []
        self._scrape = threading.local()

    def in_use(self) -> list[Instrument]:
        """The instruments that have series."""
        return [each for each in list(self.instruments.values()) if len(each)]

    def begin_scrape(self, name: str) -> None:
        """Sweep once for each scrape, before its first metric, so that all metrics of it tell of the same series.

        A scrape is what one thread collects until it collects a metric that it has already collected.

        Args:
            name: The metric that is being collected.
        """
        seen: set[str] = self._scrape.__dict__.setdefault("seen", set())
        if not seen or name in seen:
            seen.clear()
            now = monotonic()
            for instrument in list(self.instruments.values()):
                instrument.sweep(now)
            self.settle()
        seen.add(name)

    def retire(self, series: Series, total: Series, bring_back: Callable[[Series], None]) -> None:
        """Keep a removed series until nobody holds it; see `Retired`."""
        self._retired.append(Retired(series, total, bring_back))
        if len(self._retired) > MOST_RETIRED:
            self.settle()
            del self._retired[:-MOST_RETIRED]

    def settle(self) -> None:
        """Count what has come in for removed series, and let go of those that nobody holds."""
        if self._retired:
            with creating.held():
                self._retired[:] = [each for each in self._retired if each.settle()]

    def forget(self) -> None:
        """Make all that record here look their series up anew."""
        for book in list(self.books):
            book.forget()
