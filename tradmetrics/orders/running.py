"""Runs the rules on an event: one at a time, and never to the caller's harm.

Nothing of the caller's runs under the lock: ids, labels, numbers and the clock are read before, and what the rules
found is recorded after.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from tradmetrics.capture.recording import resolve
from tradmetrics.orders.correlator import OrderCorrelator
from tradmetrics.orders.event_reader import EventReader
from tradmetrics.orders.gauges import watch
from tradmetrics.registry.default import current
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.storage.locks import RecordingLock, hold_over_forks

# One reentrant lock for all trackers: reentrant, because a signal handler or a finaliser may report an event in the
# middle of one; one, so that it can be taken around a fork. It is held for microseconds.
LOCK: Final = RecordingLock()
hold_over_forks(LOCK)


class LockedOrders:
    """The orders, behind the lock.

    Args:
        core: The orders and their rules.
        reader: Reads what callers hand in.
        metrics: The metrics object, or None for the process's.
    """

    def __init__(self, core: OrderCorrelator, reader: EventReader, metrics: TradingMetrics | None) -> None:
        self.core = core
        self.reader = reader
        self.metrics = metrics
        self._watched: TradingMetrics | None = None
        self._busy = False
        self._deferred: deque[tuple[Iterable[str], Callable[[Any, float], object], Any, float]] = deque()

    def target(self, site: str) -> TradingMetrics:
        """The metrics object to record to, with this tracker's gauges on it."""
        metrics = self.metrics or current()
        if metrics is None or metrics is not self._watched:
            metrics = resolve(self.metrics, site)
            try:
                watch(metrics, self, self._watched)
            except Exception as error:
                metrics.fault(site, "record", error)
            self._watched = metrics
        return metrics

    def run(
        self,
        metrics: TradingMetrics,
        site: str,
        now: float,
        anomalies: Iterable[str],
        operation: Callable[[Any, float], object],
        argument: Any = None,
    ) -> None:
        """Run an operation of the rules, and record what it found.

        Args:
            metrics: The metrics object.
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
                series = metrics.remembered.get((definition.name,) + labels)  # noqa: RUF005 - half the time of unpacking
                if series is None:
                    series = metrics.remember(definition, labels, site=site)
                if amount is None:
                    series.tick()
                else:
                    series.observe(amount)
            except Exception as error:
                metrics.fault(site, "record", error)

    def sweep(self, site: str) -> None:
        """Drop what has been here for too long."""
        metrics = self.target(site)
        if not metrics.enabled:
            return
        try:
            self.reader.clock(metrics, site)
            self.run(metrics, site, self.reader.now, (), nothing)
        except Exception as error:
            metrics.fault(site, "record", error)

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
