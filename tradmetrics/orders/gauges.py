"""The gauges of all trackers of a metrics object, computed when they are scraped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Final, Protocol
from weakref import WeakKeyDictionary, WeakSet

from tradmetrics import catalogue
from tradmetrics.registry.metrics import TradingMetrics

_SITE: Final = "tradmetrics.OrderTracker"

_lock: Final = Lock()


class WatchedOrders(Protocol):
    """The orders of a tracker, as its gauges see them."""

    def sweep(self, site: str) -> None:
        """Let the time limits act."""
        ...

    def open_by_strategy(self) -> Mapping[str, float]:
        """Open orders by strategy."""
        ...

    def oldest_by_strategy(self) -> Mapping[str, float]:
        """The age of the oldest open order by strategy, in seconds."""
        ...

    def message_rates(self) -> Mapping[str, float]:
        """The busiest windows of messages."""
        ...


class Watch:
    """The trackers that record to one metrics object, held weakly, so that an unused tracker disappears."""

    def __init__(self) -> None:
        self._trackers: WeakSet[WatchedOrders] = WeakSet()

    def add(self, tracker: WatchedOrders) -> None:
        """Expose a tracker's gauges."""
        with _lock:
            self._trackers.add(tracker)

    def remove(self, tracker: WatchedOrders) -> None:
        """Expose a tracker's gauges no longer."""
        with _lock:
            self._trackers.discard(tracker)

    def open_orders(self) -> dict[tuple[str, ...], float]:
        """Open orders by strategy, added up. The first of the gauges to be scraped, so the time limits act here."""
        for tracker in self._all():
            tracker.sweep(_SITE)
        return self._combine(lambda tracker: tracker.open_by_strategy(), lambda one, other: one + other)

    def oldest_open(self) -> dict[tuple[str, ...], float]:
        """The age of the oldest open order by strategy."""
        return self._combine(lambda tracker: tracker.oldest_by_strategy(), max)

    def message_rates(self) -> dict[tuple[str, ...], float]:
        """The busiest tracker's busiest windows."""
        return self._combine(lambda tracker: tracker.message_rates(), max)

    def _all(self) -> list[WatchedOrders]:
        with _lock:
            return list(self._trackers)

    def _combine(
        self, read: Callable[[WatchedOrders], Mapping[str, float]], combine: Callable[[float, float], float]
    ) -> dict[tuple[str, ...], float]:
        totals: dict[tuple[str, ...], float] = {}
        for tracker in self._all():
            for label, value in read(tracker).items():
                totals[(label,)] = combine(totals.get((label,), 0.0), float(value))
        return totals


_watches: Final[WeakKeyDictionary[TradingMetrics, Watch]] = WeakKeyDictionary()


def watch(metrics: TradingMetrics, tracker: WatchedOrders, previous: TradingMetrics | None = None) -> None:
    """Expose a tracker's gauges on a metrics object.

    Args:
        metrics: The metrics object that it records to.
        tracker: The tracker's inside.
        previous: The metrics object that it recorded to before.
    """
    with _lock:
        before = None if previous is None else _watches.get(previous)
        watched = _watches.get(metrics)
        if watched is None:
            watched = _watches[metrics] = Watch()
            metrics.at_scrape(catalogue.ORDERS_OPEN, watched.open_orders)
            metrics.at_scrape(catalogue.ORDER_OLDEST_OPEN, watched.oldest_open)
            metrics.at_scrape(catalogue.ORDER_MESSAGE_RATE_MAX, watched.message_rates)
    watched.add(tracker)
    if before is not None:
        before.remove(tracker)
