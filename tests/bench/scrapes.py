"""Scrapes: what rendering costs, alone and while a thread records, and the memory that series and their text take."""

from __future__ import annotations

import functools
import gc
import threading
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from time import perf_counter, thread_time
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

import tradmetrics
from tests.bench.figures import Figure, compared
from tradmetrics import Limits, TradingMetrics, catalogue
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.storage import rendering
from tradmetrics.storage.rendering import render

THEIRS = "generate_latest of prometheus_client"


@dataclass(frozen=True)
class Kind:
    """A kind of metric, of which one series is recorded for each symbol.

    Attributes:
        name: Its name in the rows.
        definition: The metric of the catalogue.
        theirs: Makes a metric named `theirs` with prometheus_client, on a registry.
        method: The name of the method that records to it.
        suffix: The end of the name of a sample that each series has once.
    """

    name: str
    definition: MetricDefinition
    theirs: Callable[[CollectorRegistry], Any]
    method: str
    suffix: str


COUNTERS = Kind(
    "counter",
    catalogue.MARKET_DATA_UPDATES,
    lambda registry: Counter("theirs", "Updates.", ["symbol"], registry=registry),
    "inc",
    "_total",
)
GAUGES = Kind(
    "gauge",
    catalogue.MARKET_DATA_LAST_UPDATE,
    lambda registry: Gauge("theirs", "Last update.", ["symbol"], registry=registry),
    "set",
    "",
)
HISTOGRAMS = Kind(
    "histogram",
    catalogue.MARKET_DATA_AGE,
    lambda registry: Histogram("theirs", "Age.", ["symbol"], buckets=catalogue.DATA_AGE_BUCKETS, registry=registry),
    "observe",
    "_count",
)


class Filled:
    """The same series in metrics of ours and in a registry of prometheus_client's.

    Args:
        kind: The kind of metric.
        count: The number of series.
        symbol: The label value of each, by its number. Names that look like numbered ids would share one series.
    """

    def __init__(self, kind: Kind, count: int, symbol: Callable[[int], str] = "S{}X".format) -> None:
        self.metrics = TradingMetrics(limits=Limits(labels={"symbol": count + 1}, default_series=count + 1))
        self.registry = CollectorRegistry()
        self._kind = kind
        self._symbols = [symbol(number) for number in range(count)]
        self._theirs = kind.theirs(self.registry)
        self._amount = 1.0

    def record(self, amount: float) -> None:
        """Record one more sample of each series, in both."""
        self._amount = amount
        for step in (*self.own_steps(), *self.their_steps()):
            step()

    def own_steps(self) -> Iterator[Callable[[], object]]:
        """Record a sample of each series of ours."""
        for symbol in self._symbols:
            yield functools.partial(self.metrics.record, self._kind.definition, (symbol,), self._amount, site="bench")

    def their_steps(self) -> Iterator[Callable[[], object]]:
        """Record a sample of each series of prometheus_client's."""
        for symbol in self._symbols:
            yield functools.partial(self._record_theirs, symbol)

    def _record_theirs(self, symbol: str) -> None:
        getattr(self._theirs.labels(symbol=symbol), self._kind.method)(self._amount)

    def check(self) -> None:
        """See that both expositions have the series that the row speaks of.

        Raises:
            AssertionError: When another number of series is measured.
        """
        suffix = self._kind.suffix
        name = self._kind.definition.name.removesuffix(suffix)
        ours = render(self.metrics.registry).count(f"\n{name}{suffix}{{".encode())
        theirs = generate_latest(self.registry).count(f"\ntheirs{suffix}{{".encode())
        if {ours, theirs} != {len(self._symbols)}:
            raise AssertionError(f"{len(self._symbols)} series are to be measured, and there are {ours} and {theirs}")


def figures() -> Iterator[Figure]:
    """Measure, one after the other."""
    yield from scrapes()
    yield under_recording()
    yield from memory()


def scrapes() -> Iterator[Figure]:
    """Milliseconds of one rendering, without the pauses that let other threads run."""
    pause = rendering.PAUSE
    rendering.PAUSE = 0.0  # type: ignore[misc]
    try:
        for noun, kind, count, amount, none, every in (
            ("series", COUNTERS, 1_000, 1.0, None, None),
            ("series", COUNTERS, 10_000, 1.0, 0.02, 0.05),
            ("series", COUNTERS, 100_000, 1.0, None, None),
            ("series with fractions", COUNTERS, 10_000, 0.5, None, None),
            ("gauges", GAUGES, 10_000, 0.5, None, None),
            ("histograms", HISTOGRAMS, 1_000, 0.5, None, None),
        ):
            filled = Filled(kind, count)
            filled.record(amount)
            filled.check()
            rounds = range(15 if count < 100_000 else 3)
            pairs = [_rendered(filled) for _ in rounds]
            yield compared(f"scrape of {count:,} {noun}, none changed", "ms", pairs, THEIRS, none)
            pairs = []
            for turn in rounds:
                filled.record(amount + turn if kind is GAUGES else amount)
                pairs.append(_rendered(filled))
            yield compared(f"scrape of {count:,} {noun}, all changed", "ms", pairs, THEIRS, every)
            filled.check()
    finally:
        rendering.PAUSE = pause  # type: ignore[misc]


def _rendered(filled: Filled) -> tuple[float, float]:
    return (
        _milliseconds(functools.partial(render, filled.metrics.registry)),
        _milliseconds(functools.partial(generate_latest, filled.registry)),
    )


def _milliseconds(work: Callable[[], Any], clock: Callable[[], float] = thread_time) -> float:
    started = clock()
    work()
    return (clock() - started) * 1e3


def under_recording(count: int = 100_000, rounds: int = 5) -> Figure:
    """Milliseconds that a scrape takes while another thread records as fast as it can, with the pauses."""
    filled = Filled(COUNTERS, count)
    filled.record(1.0)
    filled.check()
    place = tradmetrics.track_order(strategy="s", metrics=filled.metrics)(_place)
    counter = Counter("orders", "Orders.", ["strategy", "side", "order_type"], registry=filled.registry)

    def by_hand() -> None:
        counter.labels(strategy="s", side="BUY", order_type="LIMIT").inc()
        _place("BUY", "LIMIT")

    pairs = [
        (
            _beside(lambda: place("BUY", "LIMIT"), functools.partial(render, filled.metrics.registry)),
            _beside(by_hand, functools.partial(generate_latest, filled.registry)),
        )
        for _ in range(rounds)
    ]
    return compared(f"scrape of {count:,} series while a thread records", "ms", pairs, THEIRS, 0.15)


def _place(side: str, order_type: str) -> None: ...


def _beside(call: Callable[[], object], scrape: Callable[[], bytes]) -> float:
    ended, calls = threading.Event(), 0

    def record() -> None:
        nonlocal calls
        while not ended.is_set():
            for _ in range(100):
                call()
            calls += 100

    thread = threading.Thread(target=record)
    thread.start()
    try:
        before = calls
        taken = _milliseconds(scrape, perf_counter)
        if calls == before:
            raise AssertionError("no call was recorded during the scrape")
    finally:
        ended.set()
        thread.join()
    return taken


def memory(count: int = 2_000) -> Iterator[Figure]:
    """Bytes that one more series takes, as tracemalloc sees them: after it was recorded, and after a scrape."""
    for kind in (COUNTERS, HISTOGRAMS):
        filled = Filled(kind, count)
        recorded = _bytes(filled.own_steps()), _bytes(filled.their_steps())
        yield _memory(kind, "", count, *recorded)
        again = Filled(kind, count)
        own = functools.partial(render, again.metrics.registry)
        their = functools.partial(generate_latest, again.registry)
        yield _memory(
            kind,
            ", recorded and scraped",
            count,
            _bytes((*again.own_steps(), own)),
            _bytes((*again.their_steps(), their)),
        )
        again.check()


def _memory(kind: Kind, when: str, count: int, ours: float, theirs: float) -> Figure:
    return Figure(
        f"memory of one {kind.name} series{when}",
        "bytes",
        ours / count,
        theirs=theirs / count,
        ratio=ours / theirs,
        against="prometheus_client",
    )


def _bytes(steps: Iterable[Callable[[], object]]) -> float:
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for step in steps:
        step()
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return after - before
