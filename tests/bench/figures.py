"""Figures that are no ratio of two statements: imports, threads, removed series, and a million hostile labels."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, thread_time
from typing import Any

from prometheus_client import CollectorRegistry, Counter

import tradmetrics
from tests.bench.harness import quartiles
from tradmetrics import TradingMetrics, catalogue


@dataclass(frozen=True)
class Figure:
    """One measured figure beside what it is compared with.

    Attributes:
        name: What is measured.
        unit: Its unit.
        ours: The figure of this library, the median where it was measured repeatedly.
        spread: The lower and the upper quartile of that, or None where it was measured once.
        theirs: The figure it is compared with, or None.
        ratio: Ours to theirs, the median over the repeats.
        against: What it is compared with.
        target: The most that the ratio (or our figure, where there is nothing to compare with) should be.
    """

    name: str
    unit: str
    ours: float
    spread: tuple[float, float] | None = None
    theirs: float | None = None
    ratio: float | None = None
    against: str = ""
    target: float | None = None


def compared(
    name: str, unit: str, pairs: Iterable[tuple[float, float]], against: str, target: float | None = None
) -> Figure:
    """The figure of what was measured beside something else, in turns.

    Args:
        name: What was measured.
        unit: Its unit.
        pairs: Ours and theirs, of each turn.
        against: What it was measured beside.
        target: The most that the ratio should be.
    """
    ours, theirs = zip(*pairs, strict=True)
    ratio = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
    return Figure(
        name, unit, statistics.median(ours), quartiles(ours), statistics.median(theirs), ratio, against, target
    )


def all_figures() -> Iterator[Figure]:
    """Measure, one after the other."""
    yield from threads()
    yield from imports()
    yield removed_series()
    yield from hostile_labels()


def threads() -> Iterator[Figure]:
    """Nanoseconds of one call, while 1 and 8 threads make them as fast as they can."""
    metrics = TradingMetrics()
    decorated = tradmetrics.track_order(strategy="s", metrics=metrics)(_place)
    counter = Counter("orders", "Orders.", ["strategy", "side", "order_type"], registry=CollectorRegistry())

    def by_hand() -> None:
        counter.labels(strategy="s", side="BUY", order_type="LIMIT").inc()
        _place("BUY", "LIMIT")

    for number in (1, 8):
        pairs = [(_shared(lambda: decorated("BUY", "LIMIT"), number), _shared(by_hand, number)) for _ in range(7)]
        name = f"track_order on {number} thread{'s' if number > 1 else ''}"
        yield compared(name, "ns", pairs, "labels(…).inc() on as many")


def _place(side: str, order_type: str) -> None: ...


def _shared(work: Callable[[], Any], number: int, calls: int = 40_000) -> float:
    each = calls // number

    def run() -> None:
        for _ in range(each):
            work()

    workers = [threading.Thread(target=run) for _ in range(number)]
    started = perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return (perf_counter() - started) / (each * number) * 1e9


_IMPORTED = "from tradmetrics import arg, fill_timer, result, track_order, track_trade"


def imports() -> Iterator[Figure]:
    """Milliseconds of an import, byte code compiled, in a process of its own: of the package, and of what bots take."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
        root = str(Path(tradmetrics.__file__).parents[1])

        def once(statement: str) -> float:
            program = (
                f"import sys, time; sys.path.insert(0, {root!r}); started = time.perf_counter(); {statement}; "
                "print((time.perf_counter() - started) * 1e3)"
            )
            run = subprocess.run(
                [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, timeout=60
            )
            return float(run.stdout)

        theirs = "import prometheus_client"
        for statement in ("import tradmetrics", _IMPORTED):
            once(statement), once(theirs)
            pairs = [(once(statement), once(theirs)) for _ in range(15)]
            yield compared(statement, "ms", pairs, theirs, 1.4)


def removed_series(count: int = 2_000) -> Figure:
    """Nanoseconds of the call after another series was removed, beside the call after that."""
    metrics = TradingMetrics()
    decorated = tradmetrics.track_order(side="BUY", order_type="LIMIT", metrics=metrics)(_anything)
    instrument = metrics.instrument(catalogue.ORDERS_SUBMITTED)
    pairs = []
    for _ in range(count):
        decorated("gamma_scalping")
        decorated("momentum")
        instrument._remove([("momentum", "BUY", "LIMIT")], "expired")
        if len(instrument) != 1:
            raise AssertionError("no series was removed")
        times = [perf_counter()]
        for _ in range(3):
            decorated("gamma_scalping")
            times.append(perf_counter())
        pairs.append(((times[1] - times[0]) * 1e9, (times[3] - times[2]) * 1e9))
    return compared("the call after a series was removed", "ns", pairs, "a call with labels seen before", 3.0)


def hostile_labels(count: int = 1_000_000) -> Iterator[Figure]:
    """A million distinct order ids in a label: what the last of them cost, and what was left behind."""
    import gc
    import logging

    logging.getLogger("tradmetrics").setLevel(logging.ERROR)
    metrics = TradingMetrics()
    decorated = tradmetrics.track_order(side="BUY", order_type="LIMIT", metrics=metrics)(_anything)
    for i in range(2_000):
        decorated(f"{i:032x}")
    gc.collect()
    before = _resident()
    for i in range(count - 50_000):
        decorated(f"{i:032x}")
    pairs = []
    for chunk in range(10):
        names = [f"{count + chunk * 5_000 + i:032x}" for i in range(5_000)]
        started = thread_time()
        for name in names:
            decorated(name)
        between = thread_time()
        for _ in range(5_000):
            decorated("gamma_scalping")
        pairs.append(((between - started) / 5_000 * 1e9, (thread_time() - between) / 5_000 * 1e9))
    gc.collect()
    grown = (_resident() - before) / 1e6
    series = len(metrics.instrument(catalogue.ORDERS_SUBMITTED))
    logging.getLogger("tradmetrics").setLevel(logging.NOTSET)
    yield compared("the millionth distinct order id as a label", "ns", pairs, "a call with a label seen before", 3.0)
    yield Figure("memory after a million distinct order ids", "MB", grown, target=8.0)
    yield Figure("series after a million distinct order ids", "", series, target=52)


def _anything(strategy: str) -> None: ...


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
