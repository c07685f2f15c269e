"""Several worker processes that share a directory: what a call and a scrape cost there.

The calls are measured in a process of their own, and the workers are processes, with `PROMETHEUS_MULTIPROC_DIR` set:
`python -m tests.bench.several_processes ROLE`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import thread_time

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

import tradmetrics
from tests.bench import by_hand
from tests.bench.cases import ANSWERS, answering
from tests.bench.figures import Figure, compared
from tests.bench.harness import Comparison, Statement, measure
from tests.bench.scrapes import COUNTERS, Filled
from tradmetrics import TradingMetrics, catalogue
from tradmetrics.storage import worker_directory
from tradmetrics.storage.rendering import render
from tradmetrics.storage.worker_directory import VARIABLE, aggregate

ROOT = Path(__file__).parents[2]
WORKERS, SERIES = 8, 10_000
RECYCLED, RECYCLED_SERIES = 300, 100
OURS, THEIRS = "ours", "theirs"
ANSWERED = ("None", "a dict, submitted")
COLLECTOR = "its MultiProcessCollector, rendered"


def figures() -> Iterator[Figure]:
    """Measure the calls, the scrape of living workers, and the scrape after many that are gone."""
    yield from calls()
    yield from scrape_of_workers()
    yield from scrape_of_recycled_workers()


def calls() -> Iterator[Figure]:
    """Nanoseconds of a call, less the bare one, beside a call of prometheus_client in the same mode."""
    with tempfile.TemporaryDirectory() as directory:
        timings: dict[str, dict[str, float]] = json.loads(_run("calls", directory).communicate()[0])
    for name, found in timings.items():
        yield Figure(
            f"several processes: track_order, answers {name}",
            "ns",
            found["overhead"],
            (found["low"], found["high"]),
            found["reference"],
            found["ratio"],
            f"{by_hand.COUNT} there",
            1.0,
        )


def scrape_of_workers() -> Iterator[Figure]:
    """Milliseconds of a scrape of all workers: the first one, which parses the names of the series, and a later one."""
    with _directories("worker", WORKERS) as (ours, theirs):
        first, later = [], []
        for _ in range(3):
            registry = _fresh(ours)
            first.append((_milliseconds(registry), _their_milliseconds(theirs)))
            later.append((_milliseconds(registry), _their_milliseconds(theirs)))
        _check(ours, theirs, SERIES, WORKERS)
        name = f"several processes: scrape of {WORKERS} workers with {SERIES:,} series each"
        yield compared(f"{name}, the first", "ms", first, COLLECTOR)
        yield compared(name, "ms", later, COLLECTOR, 0.5)


def scrape_of_recycled_workers() -> Iterator[Figure]:
    """Milliseconds of a scrape after workers that are gone, beside prometheus_client's, and beside one worker."""
    with _directories("recycled", 1) as (ours, theirs), _directories("one", 1) as (one, _):
        many, single = _fresh(ours), _fresh(one)
        render(many), render(single)  # the first scrape folds the files
        _check(ours, theirs, RECYCLED_SERIES, RECYCLED)
        _check(one, None, RECYCLED_SERIES, 1)
        rounds = range(7)
        name = f"several processes: scrape after {RECYCLED} recycled workers"
        pairs = [(_milliseconds(many), _their_milliseconds(theirs)) for _ in rounds]
        yield compared(name, "ms", pairs, COLLECTOR)
        pairs = [(_milliseconds(many), _milliseconds(single)) for _ in rounds]
        yield compared(f"{name}, against one worker", "ms", pairs, "a scrape of one worker")


def _fresh(directory: str) -> CollectorRegistry:
    """A registry that has not read the directory yet."""
    worker_directory._read.clear()
    return aggregate(directory, _failed)


def _failed(path: str, error: Exception) -> None:
    raise AssertionError(f"{path} cannot be read") from error


def _milliseconds(registry: CollectorRegistry) -> float:
    started = thread_time()
    render(registry)
    return (thread_time() - started) * 1e3


def _their_milliseconds(directory: str) -> float:
    registry = CollectorRegistry()
    MultiProcessCollector(registry, directory)  # type: ignore[no-untyped-call]
    started = thread_time()
    generate_latest(registry)
    return (thread_time() - started) * 1e3


def _check(ours: str, theirs: str | None, series: int, count: int) -> None:
    """See that both answers have the series that the row speaks of, and that each worker counted once.

    Raises:
        AssertionError: When something else is measured.
    """
    answers = [(render(aggregate(ours, _failed)), f"{catalogue.MARKET_DATA_UPDATES.name}{{")]
    if theirs is not None:
        registry = CollectorRegistry()
        MultiProcessCollector(registry, theirs)  # type: ignore[no-untyped-call]
        answers.append((generate_latest(registry), "theirs_total{"))
    for text, start in answers:
        values = {line.rpartition(" ")[2] for line in text.decode().splitlines() if line.startswith(start)}
        lines = text.count(f"\n{start}".encode())
        if lines != series or values != {f"{count}.0"}:
            raise AssertionError(f"{series} series with {count} are to be measured; there are {lines} with {values}")


@contextlib.contextmanager
def _directories(role: str, workers: int) -> Iterator[tuple[str, str]]:
    """A directory of ours and one of prometheus_client's, with the files of workers, which live meanwhile."""
    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as theirs:
        running = [
            _run(f"{role} {side}", path) for side, path in ((OURS, ours), (THEIRS, theirs)) for _ in range(workers)
        ]
        try:
            for worker in running:
                assert worker.stdout is not None
                if worker.stdout.readline() != "recorded\n":
                    raise AssertionError("a worker has failed")
            yield ours, theirs
        finally:
            for worker in running:
                worker.communicate()


def _run(role: str, directory: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        VARIABLE: directory,
        "PYTHONPATH": os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", ""))),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "tests.bench.several_processes", *role.split()],
        env=environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def main(role: str, side: str = OURS) -> None:
    """Do the part of one process: print the timings of calls, or record, and stay until the standard input ends."""
    if role == "calls":
        print(json.dumps(_timings()))
        return
    record = _recorder(side, SERIES if role == "worker" else RECYCLED_SERIES)
    if role == "recycled":
        for _ in range(RECYCLED):
            process = os.fork()
            if not process:
                record()
                os._exit(0)
            os.waitpid(process, 0)
    else:
        record()
    print("recorded", flush=True)
    sys.stdin.read()


def _recorder(side: str, count: int) -> Callable[[], None]:
    """A function that records one sample of each series."""
    filled = Filled(COUNTERS, count)
    steps = filled.own_steps if side == OURS else filled.their_steps

    def record() -> None:
        for step in steps():
            step()

    return record


def _timings(rounds: int = 15) -> dict[str, dict[str, float]]:
    counter = Counter("orders", "Orders.", ["strategy", "side", "order_type"], registry=CollectorRegistry())
    inc = Statement("by hand", 'C.labels(strategy="s", side="BUY", order_type="LIMIT").inc()', {"C": counter})
    metrics = TradingMetrics()
    comparisons = []
    for name in ANSWERED:
        bare = answering(ANSWERS[name][0])
        names = {"bare": bare, "placed": tradmetrics.track_order(metrics=metrics)(bare)}
        own, undecorated = (Statement(code, f'{code}("s", "BUY", "LIMIT")', names) for code in ("placed", "bare"))
        comparisons.append(Comparison(own, inc, undecorated))
    timings = measure(comparisons, rounds=rounds)
    if len(os.listdir(os.environ[VARIABLE])) < 2:
        raise AssertionError("the calls were not recorded in files")
    return {name: dataclasses.asdict(timing) for name, timing in zip(ANSWERED, timings, strict=True)}


if __name__ == "__main__":
    main(*sys.argv[1:])
