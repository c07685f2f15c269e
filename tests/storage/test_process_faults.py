"""What can happen to a process: a full disk, values as large as its memory, a clock put back, any loop, its end."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import tracemalloc
import warnings
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests.recorded import recorded
from tests.storage.test_series import FINALISERS, PRELUDE, SIGNALS
from tradmetrics import (
    OrderTracker,
    Sampler,
    TradingMetrics,
    fill_timer,
    result,
    track_connection,
    track_errors,
    track_market_data,
    track_order,
    track_request,
)
from tradmetrics.asgi import make_asgi_app

MAY_FORK = hasattr(os, "fork")


class Program:
    """Runs scripts in processes of their own."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment

    def run(
        self, script: str, *arguments: object, before: tuple[str, ...] = (), seconds: float = 60, quiet: bool = True
    ) -> str:
        """Let a script do its work; return what it printed. It must end well and, if `quiet`, without complaints."""
        command = [*before, sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
        answer = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=seconds
        )
        assert 0 == answer.returncode, answer.stderr[-3_000:]
        assert not quiet or answer.stderr == ""
        return answer.stdout


@pytest.fixture
def program(child_environment: dict[str, str], tmp_path: Path) -> Program:
    """Scripts in a single process."""
    return Program(tmp_path, child_environment)


@pytest.fixture
def worker(child_environment: dict[str, str], tmp_path: Path) -> Program:
    """Scripts that are one of several workers."""
    shared = tmp_path / "shared"
    shared.mkdir()
    return Program(tmp_path, {**child_environment, "PROMETHEUS_MULTIPROC_DIR": str(shared)})


# ── forks ────────────────────────────────────────────────────────────────────────────────────────────────────────

FORK_AMID_THE_FIRST_CALL = """
import os, threading, time
from tradmetrics.storage.locks import hold_over_forks

first, later = threading.Lock(), threading.Lock()
hold_over_forks(first)
inside = threading.Event()


def make_a_lock_and_hold_it():
    with first:
        inside.set()
        time.sleep(0.1)  # the fork waits for this lock
        hold_over_forks(later)
        later.acquire()
    time.sleep(0.1)
    later.release()


threading.Thread(target=make_a_lock_and_hold_it).start()
inside.wait()
child = os.fork()
if child == 0:
    os._exit(0 if later.acquire(timeout=5) else 1)
print(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(not MAY_FORK, reason="there is no fork on this system")
def test_a_fork_waits_for_locks_that_are_made_while_it_waits(program: Program) -> None:
    """The first call makes locks; a child that is forked at that moment would hang at its first order."""
    assert "0\n" == program.run(FORK_AMID_THE_FIRST_CALL)


FORK_AMID_A_LOG = """
import os, threading, time
import tradmetrics as tm
from tradmetrics.storage.locks import hold_over_forks

lock, inside = threading.RLock(), threading.Event()
hold_over_forks(lock)


def log_with_the_lock():
    import logging

    with lock:
        inside.set()
        time.sleep(0.5)  # the fork waits for this lock, with those that it has taken already
        logging.getLogger("of a library")


threading.Thread(target=log_with_the_lock).start()
inside.wait()
began = time.monotonic()
child = os.fork()
if child == 0:
    os._exit(0 if lock.acquire(timeout=5) else 1)
took = time.monotonic() - began
print(os.waitpid(child, 0)[1], "at once" if took < 3 else f"after {took} s")
"""


@pytest.mark.skipif(not MAY_FORK, reason="there is no fork on this system")
def test_a_fork_and_a_thread_that_logs_do_not_wait_for_each_other(program: Program) -> None:
    """Each fork while the default metrics are built would take five seconds, and its child hang at its first order."""
    assert "0 at once\n" == program.run(FORK_AMID_A_LOG)


FORK_WITHOUT_A_LOCK = """
import os, threading
import tradmetrics as tm
from tradmetrics.registry.default import default
from tradmetrics.storage import locks

locks._MOST_ROUNDS = 5
place = tm.track_order(strategy="s", side="BUY", order_type="LIMIT")(lambda: {"status": "filled"})
held, end = threading.Event(), threading.Event()


def hold():
    with default.lock:
        held.set()
        end.wait()


threading.Thread(target=hold).start()
held.wait()
child = os.fork()
if child == 0:
    import signal

    signal.alarm(10)
    place()
    os._exit(0)
print(os.waitpid(child, 0)[1])
end.set()
"""


@pytest.mark.skipif(not MAY_FORK, reason="there is no fork on this system")
def test_a_child_whose_fork_could_not_wait_for_a_lock_records(program: Program) -> None:
    """A lock of a thread that the child does not have would stay held, and the child hang at its first order."""
    assert "0\n" == program.run(FORK_WITHOUT_A_LOCK)


# ── the interpreter's end ────────────────────────────────────────────────────────────────────────────────────────

ENDING = """
import atexit, builtins, os, sys, threading
from concurrent.futures import ThreadPoolExecutor
import tradmetrics as tm

place = tm.track_order(order_type="LIMIT", side="BUY")(lambda strategy: {"status": "filled"})
orders = tm.OrderTracker(strategy="tracked")


def record(strategy):
    place(strategy)
    with tm.fill_timer(strategy):
        pass


@tm.track_order(strategy="unfinished", side="BUY", order_type="LIMIT")
def place_in_parts():
    yield


class Last:
    def __init__(self):
        self.record = record

    def __del__(self):
        self.record("daemon")


def for_ever():
    number = 0
    while True:
        record("daemon")
        number += 1
        orders.submitted(f"{threading.get_ident()}-{number}", side="BUY", order_type="LIMIT")


ending = threading.Event()


def afterwards(strategy):
    ending.wait(30)
    for _ in range(300):
        record(strategy)


server = tm.start_metrics_server(port=0)
sampler = tm.Sampler(interval=0.01)
sampler.add(lambda: record("sampled"))
sampler.start()
next(place_in_parts())
unfinished = place_in_parts()
next(unfinished)
builtins.last = Last()
last = Last()
atexit.register(record, "atexit")
ThreadPoolExecutor(2).submit(afterwards, "pool")
threading.Thread(target=afterwards, args=("thread",)).start()
for _ in range(4):
    threading.Thread(target=for_ever, daemon=True).start()
sys.setswitchinterval(1e-4)
for _ in range(50):
    record("daemon")
ending.set()
"""


@pytest.mark.parametrize("mode", ["one process", "several processes"])
def test_a_program_ends_while_its_threads_record(mode: str, request: pytest.FixtureRequest) -> None:
    """A bot that is told to stop would hang, or end with a traceback and an exit code that starts it again."""
    program: Program = request.getfixturevalue("program" if mode == "one process" else "worker")
    report = """
    atexit.register(lambda: os.write(1, str([
        tm.get_metrics().registry.get_sample_value("trading_orders_submitted_total", {
            "strategy": strategy, "side": "BUY", "order_type": "LIMIT",
        }) for strategy in ("pool", "thread")
    ]).encode()))
    """
    assert "[300.0, 300.0]" == program.run(ENDING + textwrap.dedent(report))


STUCK = """
import builtins, sys, threading, time
import tradmetrics as tm
from tradmetrics.cardinality import Guard
from tradmetrics.orders.correlator import OrderCorrelator
from tradmetrics.storage.worker_files import WorkerFile

orders = tm.OrderTracker("s")
place = tm.track_order(order_type="LIMIT", side="BUY")(lambda strategy: None)
# What is recorded by the thread that ends amid it, and where that stays; then by the finaliser.
record, holds, place_to_stay, first, last = {
    "sample of a file": (place, WorkerFile, "write", "known", "known"),
    "new series": (place, Guard, "admit", "another", "new"),
    "order": (orders.submitted, OrderCorrelator, "submit", "another", "new"),
}[sys.argv[1]]
record("known")
inside = threading.Event()


def stay(*arguments, **more):
    inside.set()
    time.sleep(600)


class Last:
    def __init__(self):
        self.record = record

    def __del__(self):
        self.record(last)


builtins.last = Last()
thread = threading.Thread(target=record, args=(first,), daemon=True)
before = getattr(holds, place_to_stay)
setattr(holds, place_to_stay, stay)
thread.start()
assert inside.wait(30)
setattr(holds, place_to_stay, before)
"""


@pytest.mark.parametrize("amid", ["sample of a file", "new series", "order"])
def test_a_finaliser_does_not_wait_for_a_thread_that_has_ended_amid_a_recording(
    amid: str, request: pytest.FixtureRequest
) -> None:
    """A program that has ended would hang in the last thing that it records, until somebody kills it."""
    program: Program = request.getfixturevalue("worker" if amid == "sample of a file" else "program")
    program.run(STUCK, amid, seconds=20)


CTRL_C = """
import gc, logging, random, signal, threading, time
import tradmetrics as tm

logging.disable(logging.CRITICAL)
limits = tm.Limits(labels={"strategy": 1_000_000}, default_series=1_000_000)
metrics = tm.TradingMetrics(limits=limits, strategy_stats=tm.StrategyStats())
orders = tm.OrderTracker("s", metrics=metrics)
place = tm.track_order(order_type="LIMIT", side="BUY", metrics=metrics)(lambda strategy: None)
trade = tm.track_trade(strategy="s", side="BUY", pnl=tm.result(), metrics=metrics)(lambda: 12.5)
positions = tm.track_positions(metrics=metrics)(lambda: [])


def record(number):
    global traded
    place(f"S{number}")
    trade()
    traded += 1
    positions()
    with tm.fill_timer("s", metrics=metrics):
        pass
    orders.submitted(f"C{number}", side="BUY", order_type="LIMIT", quantity=1.0)
    orders.updated(f"C{number}", status="filled")


def interrupt(number, frame):
    raise KeyboardInterrupt


number = traded = interrupted = 0
record(number)  # imports what it needs: Python itself drops what is raised in the callback of an import's lock
signal.signal(signal.SIGALRM, interrupt)
end = time.monotonic() + 30
for _ in range(3_000):
    if time.monotonic() > end:
        break
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(2e-5, 3e-4))
        for _ in range(20_000):
            number += 1
            record(number)
        raise SystemExit("a Ctrl-C was swallowed")
    except KeyboardInterrupt:
        interrupted += 1
        assert gc.isenabled()


def others():
    for number in range(200):
        record(-number)
    for metric, each in (("trading_trades_pnl_count", 1), ("trading_profit_total", 12.5)):
        count = metrics.registry.get_sample_value(metric, {"strategy": "s"}) / each
        assert traded <= count <= traded + interrupted, (metric, traded, count, interrupted)
    print("done")


threading.Thread(target=others, daemon=True).start()
threading.enumerate()[-1].join(30)
"""


@pytest.mark.skipif(not MAY_FORK, reason="signals like these are for POSIX systems")
@pytest.mark.parametrize("mode", ["one process", "several processes"])
def test_ctrl_c_amid_a_recording_leaves_the_other_threads_free(mode: str, request: pytest.FixtureRequest) -> None:
    """A bot that closes its positions on Ctrl-C would hang with them open, or trade on as if nothing had been typed."""
    program: Program = request.getfixturevalue("program" if mode == "one process" else "worker")
    # As in `unmeasured_environment`.
    program.environment = {name: value for name, value in program.environment.items() if not name.startswith("COV")}
    assert "done\n" == program.run(CTRL_C, seconds=120, quiet=False)


# ── interruptions of one of several workers ──────────────────────────────────────────────────────────────────────


@pytest.mark.skipif(not MAY_FORK, reason="signals like these are for POSIX systems")
@pytest.mark.parametrize("script", [SIGNALS, FINALISERS], ids=["signal handler", "finaliser"])
def test_a_worker_may_be_interrupted_anywhere(script: str, worker: Program) -> None:
    """A worker that closes its positions when it is told to stop would hang, or what it did would go uncounted."""
    # As in `unmeasured_environment`.
    worker.environment = {name: value for name, value in worker.environment.items() if not name.startswith("COV")}
    source = PRELUDE + script.replace("1_500", "500").replace("3_000", "1_000").replace("2_000", "600")
    assert "done\n" == worker.run(source, seconds=120, quiet=False)


# ── a full disk ──────────────────────────────────────────────────────────────────────────────────────────────────


def _may_mount() -> bool:
    try:
        command = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        return subprocess.run(command, capture_output=True, timeout=10).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


ON_A_SMALL_DISK = (
    "unshare", "--map-root-user", "--mount", "bash", "-c",
    'mount -t tmpfs -o size=512k tmpfs "$PROMETHEUS_MULTIPROC_DIR" && exec "$0" "$@"',
)  # fmt: skip
"""Runs a program with a disk of its own, of 512 KiB, beneath the workers' directory."""
needs_a_small_disk = pytest.mark.skipif(
    not sys.platform.startswith("linux") or not _may_mount(), reason="this user may not mount a disk of its own"
)

DISK = """
import errno, os, resource, sys, threading, urllib.request
import tradmetrics as tm
from tradmetrics.storage import worker_directory
from tradmetrics import catalogue

folder = os.environ["PROMETHEUS_MULTIPROC_DIR"]
filler = None


def fill(leave=0):
    global filler
    filler = open(os.path.join(folder, "filler"), "wb", buffering=0)
    try:
        while True:
            filler.write(bytes(4096))
    except OSError as error:
        assert error.errno == errno.ENOSPC, error
    os.truncate(filler.fileno(), filler.tell() - leave)


def make_room():
    os.truncate(filler.fileno(), 0)


called = 0
place = tm.track_order(side="BUY", order_type="LIMIT")(lambda strategy: {"status": "filled"})


@tm.track_market_data(symbol=tm.arg("symbol"))
def on_tick(symbol):
    global called
    called += 1


def scraped():
    registry = worker_directory.aggregate(folder)
    samples = [sample for family in registry.collect() for sample in family.samples]
    return {(each.name, *sorted(each.labels.items())): each.value for each in samples}


def submitted(strategy):
    labels = sorted({"strategy": strategy, "side": "BUY", "order_type": "LIMIT"}.items())
    return scraped().get(("trading_orders_submitted_total", *labels))


def updates():
    return {key[1][1]: value for key, value in scraped().items() if key[0] == "trading_market_data_updates_total"}


def errors():
    return sum(value for key, value in scraped().items() if key[0] == "tradmetrics_instrumentation_errors_total")


def names(count):
    letters = "ABCDEFGHIJKLMNOPQRST"
    return [f"{first}{second}-{'x' * 100}" for first in letters for second in letters][:count]
"""


@needs_a_small_disk
def test_a_full_disk_stops_no_order(worker: Program) -> None:
    """The worker would be ended by a bus error, or its orders by an exception, because a log has filled the disk."""
    script = """
    server = tm.start_metrics_server(port=0)
    place("before")
    on_tick(names(1)[0])
    fill()
    for _ in range(500):
        place("before")
    place("during")
    for _ in range(2):
        for name in names(400):
            on_tick(name)
    assert submitted("before") == 501, submitted("before")
    assert called == 801
    found = updates()
    assert 1 < len(found) < 400, len(found)
    assert errors() >= 2 * (400 - len(found)) - 1, (errors(), len(found))
    assert urllib.request.urlopen(server.url, timeout=10).status == 200
    try:
        tm.TradingMetrics()
    except tm.ConfigurationError as error:
        assert "No space left on device" in str(error), error
    else:
        raise AssertionError("a metrics object was built")

    make_room()
    for name in names(400):
        on_tick(name)
    place("during")
    found = updates()
    assert found.pop(names(1)[0]) == 4
    assert found == dict.fromkeys(names(400)[1:], 3.0), found
    assert submitted("during") == 2
    print("done")
    """
    answer = worker.run(DISK + textwrap.dedent(script), before=ON_A_SMALL_DISK, quiet=False)
    assert "done\n" == answer


def test_a_call_that_is_repeated_counts_once_where_its_file_takes_nothing(worker: Program) -> None:
    """The order itself would fail because of its worker's file, or a failed order would count twice."""
    script = """
    import tradmetrics as tm
    from tradmetrics import catalogue
    from tradmetrics.storage.worker_files import WorkerFile

    metrics = tm.TradingMetrics()
    exporter = tm.MetricsExporter(metrics)


    @tm.track_order(strategy="s", order_type="LIMIT", metrics=metrics)
    def place(side):
        return {"BUY": {"status": "filled"}}[side]


    def place_both():
        assert place("BUY") == {"status": "filled"}
        try:
            place("SELL")
        except KeyError:
            pass
        assert exporter.record_order("s", "SELL", "LIMIT", "filled") is None


    def refuse(file, *arguments):
        raise OSError(28, "No space left on device")


    place_both(), place_both()
    right, WorkerFile.write = WorkerFile.write, refuse
    place_both(), place_both()
    WorkerFile.write = right
    place_both()
    for definition, labels in (
        (catalogue.ORDERS_SUBMITTED, ("s", "BUY", "LIMIT")),
        (catalogue.ORDERS_FILLED, ("s", "BUY")),
        (catalogue.ORDERS_FILLED, ("s", "SELL")),
        (catalogue.ORDERS_SUBMITTED, ("s", "SELL", "LIMIT")),
        (catalogue.ORDERS_REJECTED, ("s", "key_error")),
    ):
        print(definition.name, metrics.resolve(definition, labels, site="test").series.value())
    """
    assert [
        "trading_orders_submitted_total 5.0",
        "trading_orders_filled_total 5.0",
        "trading_orders_filled_total 5.0",
        "trading_orders_submitted_total 5.0",
        "trading_orders_rejected_total 5.0",
    ] == worker.run(script, quiet=False).splitlines()


@needs_a_small_disk
@pytest.mark.parametrize("blocks", [0, 15])
def test_a_worker_forks_on_a_full_disk(worker: Program, blocks: int) -> None:
    """The child would hang at its first order, count its parent's, or overwrite them with nothing."""
    script = """
    place("parent")
    on_tick("first")
    fill(leave=4096 * int(sys.argv[1]))
    for name in names(400):
        on_tick(name)
    if os.fork() == 0:
        child = threading.Thread(target=place, args=("child",), daemon=True)
        child.start()
        child.join(20)
        place("parent")
        os._exit(1 if child.is_alive() else 0)
    assert os.wait()[1] == 0, "the child hung"
    make_room()
    place("parent")
    if os.fork() == 0:
        place("parent")
        place("child")
        os._exit(0)
    assert os.wait()[1] == 0
    for name in names(400):
        on_tick(name)
    assert updates() == {"first": 1.0, **dict.fromkeys(names(400), 2.0)}
    assert (submitted("parent"), submitted("child")) == (3, 1), (submitted("parent"), submitted("child"))
    print("done")
    """
    answer = worker.run(
        DISK + textwrap.dedent(script),
        blocks,
        before=ON_A_SMALL_DISK,
        quiet=False,
    )
    assert "done\n" == answer


@pytest.mark.skipif(not MAY_FORK, reason="the limit is of POSIX systems")
def test_a_limit_on_the_size_of_files_stops_no_order(worker: Program) -> None:
    """A worker with a quota would be ended by a signal, or its orders by an exception."""
    script = """
    place("before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (70_000, limits[1]))
    for name in names(400):
        place("before")
        on_tick(name)
    assert submitted("before") == 401
    assert 1 < len(updates()) < 400
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    for name in names(400):
        on_tick(name)
    assert updates() == dict.fromkeys(names(400), 2.0)
    print("done")
    """
    assert "done\n" == worker.run(DISK + textwrap.dedent(script), quiet=False)


def test_a_directory_that_is_taken_away_stops_no_order(worker: Program) -> None:
    """Somebody who tidies up /tmp would stop the trading, or all that was counted would be missing for ever."""
    script = """
    import os, shutil, urllib.request
    import tradmetrics as tm

    folder = os.environ["PROMETHEUS_MULTIPROC_DIR"]
    place = tm.track_order(side="BUY", order_type="LIMIT")(lambda strategy: {"status": "filled"})
    server = tm.start_metrics_server(port=0)
    place("before")
    shutil.rmtree(folder)
    assert [{"status": "filled"}] * 500 == [place(f"strategy {number}") for number in range(500)]
    tm.metrics_exporter.update_pnl_metrics(daily=6)
    text = urllib.request.urlopen(server.url, timeout=10).read().decode()
    assert "trading_daily_pnl 6.0" in text
    orders = [line for line in text.splitlines() if line.startswith("trading_orders_submitted_total{")]
    assert 501 == sum(float(line.split()[-1]) for line in orders)

    shutil.rmtree(folder)
    open(folder, "w").close()  # a file in its place: it cannot be made again
    try:
        urllib.request.urlopen(server.url, timeout=10)
    except urllib.error.HTTPError as error:
        assert error.code == 500  # so that Prometheus tells
    else:
        raise AssertionError("nothing is wrong")
    print("done")
    """
    assert "done\n" == worker.run(script, quiet=False)


# ── labels as large as the memory ────────────────────────────────────────────────────────────────────────────────

SIZE = 100_000_000 if os.environ.get("TRADMETRICS_LONG") == "1" else 20_000_000
VALUES: dict[str, Callable[[int], Any]] = {
    "text": lambda size: "x" * size,
    "blanks": lambda size: " " * size,
    "NULs": lambda size: "\0" * size,
    "wide text": lambda size: "\N{CHART WITH UPWARDS TREND}" * (size // 4),
    "bytes": lambda size: b"x" * size,
    "bytearray": lambda size: bytearray(size),
}


@pytest.mark.parametrize("kind", VALUES)
def test_an_open_label_of_megabytes_costs_no_megabytes(kind: str) -> None:
    """A broker's error page as the reason of a rejection would be copied again and again, until memory ends."""
    metrics = TradingMetrics(strict=True)

    @track_order(side="BUY", order_type="LIMIT", metrics=metrics)
    def place(strategy: object, reason: object) -> dict[str, Any]:
        return {"status": "rejected", "reason": reason}

    on_tick = track_market_data(metrics=metrics)(lambda symbol: None)
    place("warm", "up")
    on_tick("warm")
    value = VALUES[kind](SIZE)
    tracemalloc.start()
    try:
        for _ in range(3):
            place(value, value)
            on_tick(value)
            with fill_timer(value, metrics=metrics):
                pass
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    found = recorded(metrics)
    (label,) = {name.split(" ", 1)[1] for name in found if name.startswith("trading_order_fill_time")}
    assert 0 < len(label) <= 128
    assert 3 == found[f"trading_orders_rejected_total {label} {label}"]
    assert 3 == found[f"trading_market_data_updates_total {label}"]


OUT_OF_MEMORY = """
import resource, sys
import tradmetrics as tm

size = int(sys.argv[1])
metrics = tm.TradingMetrics()
calls = 0


class Text(str):
    pass


class Says:
    def __init__(self, text):
        self.text = text

    def __str__(self):
        return self.text

    __repr__ = __str__


class Greedy:
    def __str__(self):
        return "x" * (1 << 62)

    __repr__ = __format__ = __str__


class Endless:
    def __str__(self):
        return str([self])

    __repr__ = __str__


@tm.track_order(metrics=metrics)
def place(strategy, side, order_type, status, reason, fill_time):
    global calls
    calls += 1
    return {"status": status, "reason": reason, "fill_time": fill_time}


@tm.track_trade(side="BUY", metrics=metrics)
def close(strategy, status, pnl):
    return {"status": status, "pnl": pnl}


on_tick = tm.track_market_data(metrics=metrics)(lambda symbol, timestamp: None)
exporter = tm.MetricsExporter(metrics)
orders = tm.OrderTracker(strategy="s", metrics=tm.TradingMetrics())


@tm.track_errors(component=tm.arg("component"), severity=tm.arg("severity"), metrics=metrics)
def fail(component, severity):
    raise ValueError(component)


def call(value):
    for place_of_value in range(6):
        arguments = ["s", "BUY", "LIMIT", "filled", "r", 0.5]
        arguments[place_of_value] = value
        answer = place(*arguments)
        assert answer["fill_time"] is arguments[5] and answer["status"] is arguments[3]
    close(value, value, value)
    on_tick(value, value)
    with tm.fill_timer(value, metrics=metrics):
        pass
    exporter.update_capital_metrics(value, value, value)
    exporter.record_system_error(value, value)
    orders.submitted(value, side=value, order_type=value, quantity=value)
    orders.submitted("id", strategy=value, side=value, order_type=value, quantity=value)
    orders.updated("id", status=value, filled=value, fill_id=value, price=value, reason=value)
    try:
        fail(value, value)
    except ValueError as error:
        assert error.args[0] is value
    else:
        raise AssertionError("nothing was raised")


text = "x" * size
nested = []
for _ in range(100_000):
    nested = [nested]
itself = []
itself.append(itself)
values = [
    text, Text(text), "\\0" * size, text.encode(), bytearray(size), memoryview(bytes(size)), Says(text), [text],
    {text: 1}, 10**5_000, 1 << (8 * size), Greedy(), Endless(), nested, itself,
]
call("warm up")
before = calls
limits = resource.getrlimit(resource.RLIMIT_AS)
in_use = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (in_use + size // 2, limits[1]))
for value in values:
    call(value)
resource.setrlimit(resource.RLIMIT_AS, limits)
assert calls - before == 6 * len(values)
total = sum(
    sample.value
    for metric in metrics.registry.collect()
    for sample in metric.samples
    if sample.name == "trading_orders_submitted_total"
)
print(calls, total)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit and /proc are Linux's")
def test_values_that_no_memory_is_left_for_harm_no_order(program: Program) -> None:
    """A value too large to be looked at would end the order that it came with."""
    calls, total = map(float, program.run(OUT_OF_MEMORY, SIZE // 10, quiet=False, seconds=240).split())
    assert calls == total


# ── clocks that are put back ─────────────────────────────────────────────────────────────────────────────────────

CLOCKS = """
import time

shift = 0.0
right = time.time
time.time = lambda: right() + shift

import tradmetrics as tm
from prometheus_client.parser import text_string_to_metric_families as parse
from tradmetrics.storage.rendering import render

metrics = tm.TradingMetrics(strategy_stats=tm.StrategyStats())
orders = tm.OrderTracker(strategy="s", metrics=metrics)
calls = 0
last = {}


@tm.track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=metrics)
def place(step):
    global shift
    shift += step
    return {"status": "filled"}


@tm.track_market_data(symbol="NIFTY", metrics=metrics)
def on_tick(timestamp):
    pass


@tm.track_trade(strategy="s", side="BUY", pnl=2, metrics=metrics)
def close():
    pass


@tm.track_training(metrics=metrics)
def train():
    pass


@tm.track_request(endpoint="/orders", method="GET", metrics=metrics)
def ask():
    return 200


def trade(step):
    global calls, shift
    calls += 1
    orders.submitted(calls, side="BUY", order_type="LIMIT")
    on_tick(time.time())
    stamp = time.time()
    place(step)
    on_tick(stamp)
    with tm.fill_timer("timed", metrics=metrics):
        shift += step
    close(), train(), ask()
    orders.updated(calls, status="filled")


def scrape():
    for family in parse(render(metrics.registry).decode()):
        for sample in family.samples:
            key = (sample.name, *sorted(sample.labels.items()))
            if family.type in ("counter", "histogram"):
                assert sample.value >= last.get(key, 0), (key, last[key], sample.value)
            last[key] = sample.value


for step in (0, -0.5, -3_600, 0, -3 * 86_400, 7_200, -1e-9, 0):
    for _ in range(10):
        trade(step)
        orders.submitted(f"open{calls}", side="SELL", order_type="LIMIT")
    scrape()
again = tm.OrderTracker.restore(orders.snapshot(), strategy="s", metrics=metrics)
shift -= 7_200
again.updated(f"open{calls}", status="filled")
again.updated("open1", status="filled")
scrape()
bought = (("side", "BUY"), ("strategy", "s"))
expected = {
    ("trading_orders_submitted_total", ("order_type", "LIMIT"), *bought): calls * 2,
    ("trading_orders_filled_total", *bought): calls * 2,
    ("trading_orders_filled_total", ("side", "SELL"), ("strategy", "s")): 2,
    ("trading_trades_total", ("side", "BUY"), ("status", "executed"), ("strategy", "s")): calls,
    ("trading_profit_total", ("strategy", "s")): calls * 2,
    ("trading_strategy_avg_pnl", ("strategy", "s")): 2,
    ("trading_market_data_updates_total", ("symbol", "NIFTY")): calls * 2,
    ("trading_order_fill_time_seconds_count", ("strategy", "timed")): calls,
    ("trading_ml_training_duration_seconds_count",): calls,
    ("trading_api_requests_total", ("endpoint", "/orders"), ("method", "GET"), ("status", "200")): calls,
}
assert expected == {key: last[key] for key in expected}, last
# How old data is cannot be told when the clock was put back since it was stamped; all else is known.
ages = last["trading_market_data_age_seconds_count", ("symbol", "NIFTY")]
errors = {key: value for key, value in last.items() if key[0] == "tradmetrics_instrumentation_errors_total"}
assert list(errors) == [("tradmetrics_instrumentation_errors_total", ("site", "__main__.on_tick"), ("stage", "value"))]
assert ages + sum(errors.values()) == calls * 2, (ages, errors)
print("done")
"""


def test_a_clock_that_is_put_back_harms_nothing(program: Program) -> None:
    """A correction of the clock would stop orders, turn counters back, or make times negative."""
    assert "done\n" == program.run(CLOCKS, quiet=False)


# ── event loops ──────────────────────────────────────────────────────────────────────────────────────────────────


def asyncio_loop(*, debug: bool) -> asyncio.AbstractEventLoop:
    """The loop of the standard library."""
    loop = asyncio.new_event_loop()
    loop.set_debug(debug)
    return loop


def uvloop_loop(*, debug: bool) -> asyncio.AbstractEventLoop:
    """The loop that most servers use."""
    loop = uvloop.new_event_loop()
    loop.set_debug(debug)
    return loop


@pytest.mark.parametrize("debug", [False, True], ids=["", "debug"])
@pytest.mark.parametrize("new_loop", [asyncio_loop, uvloop_loop], ids=["asyncio", "uvloop"])
def test_every_loop_runs_what_is_decorated(new_loop: Callable[..., asyncio.AbstractEventLoop], debug: bool) -> None:
    """A bot on a faster loop, or while it is debugged, would lose orders, or see warnings that are not its own."""
    metrics = TradingMetrics(strict=True)
    orders = OrderTracker(strategy="tracked", metrics=metrics)
    complaints: list[Any] = []

    @track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=metrics)
    async def place(how: str) -> dict[str, str]:
        await asyncio.sleep(0)
        if how == "rejected":
            raise ValueError(how)
        if how == "cancelled":
            await asyncio.sleep(600)
        return {"status": how}

    @orders.submit(order_id=result(), side="BUY", order_type="LIMIT")
    async def send(order_id: str) -> str:
        await asyncio.sleep(0)
        return order_id

    @track_market_data(metrics=metrics)
    async def ticks(symbol: str) -> AsyncIterator[int]:
        for number in range(10):
            await asyncio.sleep(0)
            yield number

    @track_connection(metrics=metrics)
    async def listen() -> int:
        total = 0
        async for number in ticks("whole"):
            total += number
        async for _ in (stopped := ticks("part")):
            break
        await stopped.aclose()  # type: ignore[attr-defined]
        return total

    @track_request(endpoint="/orders", method="GET", metrics=metrics)
    async def ask() -> int:
        async with fill_timer("s", metrics=metrics):
            await asyncio.sleep(0.001)
        return 200

    @track_errors(component="feed", severity="error", metrics=metrics)
    async def fail() -> None:
        raise KeyError("feed")

    async def scrape() -> int:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        await make_asgi_app(metrics)(scope, None, send)  # type: ignore[arg-type]
        return int(sent[0]["status"])

    async def session(number: int) -> None:
        assert {"status": "filled"} == await place("filled")
        with pytest.raises(ValueError, match="rejected"):
            await place("rejected")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(place("cancelled"), 0.01)
        assert f"id{number}" == await send(f"id{number}")
        assert 45 == await listen()
        assert 200 == await ask()
        with pytest.raises(KeyError):
            await fail()
        assert 200 == await scrape()

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        sampled = asyncio.Event()
        sampler = Sampler(interval=0.001)
        sampler.add(sampled.set)
        async with sampler:
            await asyncio.gather(*map(session, range(20)))
            await asyncio.wait_for(sampled.wait(), 30)

    loop = new_loop(debug=debug)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            loop.run_until_complete(asyncio.wait_for(main(), 60))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            loop.close()
    assert ([], []) == (complaints, [str(each.message) for each in warned])
    found = recorded(metrics)
    expected = {
        "trading_orders_submitted_total s BUY LIMIT": 60.0,
        "trading_orders_filled_total s BUY": 20.0,
        "trading_orders_rejected_total s value_error": 20.0,
        "trading_orders_unknown_total s cancelled_error": 20.0,
        "trading_orders_submitted_total tracked BUY LIMIT": 20.0,
        "trading_order_fill_time_seconds_count s": 40.0,
        "trading_market_data_updates_total whole": 20.0,
        "trading_api_requests_total /orders GET 200": 20.0,
        "trading_system_errors_total feed error": 20.0,
        "trading_websocket_connections": 0.0,
    }
    assert expected == {name: found.get(name) for name in expected}
