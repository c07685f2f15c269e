"""Runs the rules on an event: one at a time, and never to the caller's harm.

No code of the caller runs under the lock: ids, labels, numbers and the clock are read before, and the samples are
recorded after.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from tradmetrics.capture.recording import metrics_or_default
from tradmetrics.errors import is_interruption
from tradmetrics.orders.correlator import OrderCorrelator
from tradmetrics.orders.event_reader import EventReader
from tradmetrics.orders.exemplars import attaching
from tradmetrics.orders.gauges import watch
from tradmetrics.registry.default import current
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.storage.locks import RecordingLock, hold_over_forks

# One reentrant lock for all trackers: reentrant, because a signal handler or a finaliser may report an event in the
# middle of one; one, so that it can be taken around a fork. It is held for microseconds.
LOCK: Final = RecordingLock()
hold_over_forks(LOCK)

FAST_LOCK: Final[Any] = LOCK.held()
"""The lock itself, for the fast way: entering it is one step of the interpreter, so that a Ctrl-C cannot come between
taking it and the block that gives it back. When the interpreter ends there is no fast way, and `LOCK` decides."""


class LockedOrders:
    """The orders, behind the lock.

    Args:
        core: The orders and their rules.
        reader: Reads the values that callers hand in.
        metrics: The metrics object, or None for the process's.

    Attributes:
        core: As given.
        reader: As given.
        metrics: As given.
        watched: The metrics object that has this tracker's gauges, or None.
        busy: True while a thread is in the middle of an event.
        deferred: Events that the same thread reported meanwhile.
    """

    def __init__(self, core: OrderCorrelator, reader: EventReader, metrics: TradingMetrics | None) -> None:
        self.core = core
        self.reader = reader
        self.metrics = metrics
        self.watched: TradingMetrics | None = None
        self.busy = False
        self.deferred: deque[tuple[Iterable[str], Callable[[Any, float], object], Any, float]] = deque()

    def target(self, site: str) -> TradingMetrics:
        """The metrics object to record to, with this tracker's gauges on it."""
        metrics = self.metrics or current()
        if metrics is None or metrics is not self.watched:
            metrics = metrics_or_default(self.metrics, site)
            try:
                watch(metrics, self, self.watched)
            except Exception as error:
                if is_interruption(error):
                    raise
                metrics.fault(site, "record", error)
            self.watched = metrics
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
        """Run an operation of the rules, and record its samples.

        Args:
            metrics: The metrics object.
            site: The caller.
            now: The local clock.
            anomalies: The anomalies of the call's values.
            operation: What to do under the lock, with its argument and `now`.
            argument: The argument.
        """
        core = self.core
        rules = core.rules
        with LOCK.held():
            if self.busy:  # this very thread is in the middle of an event, which comes first
                self.deferred.append((anomalies, operation, argument, now))
                return
            self.busy = True
            try:
                if now >= core.due:
                    core.sweep(now)
                first = len(rules.facts)
                if anomalies:
                    rules.anomalies(anomalies)
                operation(argument, now)
                last = len(rules.facts)
                if self.deferred:
                    self.catch_up()
            finally:
                facts, rules.facts = rules.facts, []
                self.busy = False
        attach = attaching.get() if facts else None
        for number, (definition, labels, amount) in enumerate(facts):
            try:
                series = metrics.remembered.get((definition.name,) + labels)  # noqa: RUF005 - half the time of unpacking
                if series is None:
                    series = metrics.remember(definition, labels, site=site)
                if amount is None:
                    series.tick()
                else:
                    series.observe(amount)
                if attach is not None and first <= number < last:  # the others are of other events
                    attach(definition, labels, 1.0 if amount is None else amount)
            except Exception as error:
                if is_interruption(error):
                    raise
                metrics.fault(site, "record", error)

    def catch_up(self) -> None:
        """Take in the events that this very thread reported in the middle of one; under the lock."""
        while self.deferred:
            anomalies, operation, argument, then = self.deferred.popleft()
            self.core.rules.anomalies(anomalies)
            operation(argument, then)

    def sweep(self, site: str) -> None:
        """Drop what has been here for too long."""
        metrics = self.target(site)
        if not metrics.enabled:
            return
        try:
            self.reader.clock(metrics, site)
            self.run(metrics, site, self.reader.now, (), nothing)
        except Exception as error:
            if is_interruption(error):
                raise
            metrics.fault(site, "record", error)

    def open_by_strategy(self) -> Mapping[str, int]:
        """The number of open orders by strategy."""
        with LOCK.held():
            return self.core.table.open_by_strategy()

    def oldest_by_strategy(self) -> Mapping[str, float]:
        """The age in seconds of each strategy's oldest open order; 0 for one that has none.

        Stop orders do not count: they may rest for days, as they should.
        """
        with LOCK.held():
            oldest = self.core.table.oldest_by_strategy()
        return {
            name: 0.0 if order is None else max(0.0, self.reader.now - order.arrived) for name, order in oldest.items()
        }

    def message_rates(self) -> Mapping[str, int]:
        """The busiest windows of the last two minutes."""
        with LOCK.held():
            return self.core.rate.scrape(self.reader.now)


def nothing(argument: object, now: float) -> None:
    """Nothing to do but the sweep and the anomalies."""
