"""Runs the rules on an event: one at a time, and never to the caller's harm.

Nothing of the caller's runs under the lock: ids, labels, numbers and the clock are read before, and what the rules
found is recorded after.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from tradmetrics.book import TradingMetrics
from tradmetrics.default import current
from tradmetrics.lifecycle.core import Core
from tradmetrics.lifecycle.gauges import watch
from tradmetrics.lifecycle.reader import Reader
from tradmetrics.locks import RecordingLock
from tradmetrics.recording import resolve

# One reentrant lock for all trackers: reentrant, because a signal handler or a finaliser may report an event in the
# middle of one; one, so that it can be taken around a fork. It is held for microseconds.
LOCK: Final = RecordingLock()
if hasattr(os, "register_at_fork"):  # pragma: no branch - absent on Windows only
    os.register_at_fork(before=LOCK.acquire, after_in_parent=LOCK.release, after_in_child=LOCK.release)


class Running:
    """The orders, behind the lock.

    Args:
        core: The orders and their rules.
        reader: Reads what callers hand in.
        metrics: The book, or None for the process's.
    """

    def __init__(self, core: Core, reader: Reader, metrics: TradingMetrics | None) -> None:
        self.core = core
        self.reader = reader
        self.metrics = metrics
        self._watched: TradingMetrics | None = None
        self._busy = False
        self._deferred: deque[tuple[Iterable[str], Callable[[Any, float], object], Any, float]] = deque()

    def book(self, site: str) -> TradingMetrics:
        """The book to record to, with this tracker's gauges on it."""
        book = self.metrics or current()
        if book is None or book is not self._watched:
            book = resolve(self.metrics, site)
            try:
                watch(book, self, self._watched)
            except Exception as error:
                book.fault(site, "record", error)
            self._watched = book
        return book

    def run(
        self,
        book: TradingMetrics,
        site: str,
        now: float,
        anomalies: Iterable[str],
        operation: Callable[[Any, float], object],
        argument: Any = None,
    ) -> None:
        """Run an operation of the rules, and record what it found.

        Args:
            book: The book.
            site: The caller.
            now: What the local clock says.
            anomalies: What was wrong with what was handed in.
            operation: What to do under the lock, with its argument and `now`.
            argument: The argument.
        """
        core = self.core
        with LOCK.held():
            if self._busy:  # this very thread is in the middle of an event, which comes first
                self._deferred.append((anomalies, operation, argument, now))
                return
            self._busy = True
            try:
                if now >= core.due:
                    core.sweep(now)
                if anomalies:
                    core.anomalies(anomalies)
                operation(argument, now)
                while self._deferred:
                    late_anomalies, late_operation, late_argument, then = self._deferred.popleft()
                    core.anomalies(late_anomalies)
                    late_operation(late_argument, then)
            finally:
                facts, core.facts = core.facts, []
                self._busy = False
        for definition, labels, amount in facts:
            try:
                series = book.remembered.get((definition.name,) + labels)  # noqa: RUF005 - half the time of unpacking
                if series is None:
                    series = book.remember(definition, labels, site=site)
                if amount is None:
                    series.tick()
                else:
                    series.observe(amount)
            except Exception as error:
                book.fault(site, "record", error)

    def sweep(self, site: str) -> None:
        """Drop what has been here for too long."""
        book = self.book(site)
        if not book.enabled:
            return
        try:
            self.reader.clock(book, site)
            self.run(book, site, self.reader.now, (), nothing)
        except Exception as error:
            book.fault(site, "record", error)

    def open_by_strategy(self) -> Mapping[str, int]:
        """The number of open orders by strategy."""
        with LOCK.held():
            return self.core.table.open_by_strategy()

    def oldest_by_strategy(self) -> Mapping[str, float]:
        """The age in seconds of each strategy's oldest open order; 0 for one that has none."""
        with LOCK.held():
            oldest = self.core.table.oldest_by_strategy()
        return {
            name: 0.0 if order is None else max(0.0, self.reader.now - order.arrived) for name, order in oldest.items()
        }

    def message_rates(self) -> Mapping[str, int]:
        """The busiest windows since the last scrape."""
        with LOCK.held():
            return self.core.rate.scrape(self.reader.now)


def nothing(argument: object, now: float) -> None:
    """Nothing to do but the sweep and the anomalies."""
