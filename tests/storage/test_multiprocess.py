"""Several worker processes as one: real servers and their requests, workers that are shot, forks, and the files."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from tradmetrics import catalogue
from tradmetrics.storage import worker_fold
from tradmetrics.storage.rendering import render
from tradmetrics.storage.worker_directory import aggregate, child_exit

REQUESTS = 100_000 if os.environ.get("TRADMETRICS_LONG") == "1" else 6_000
"""Requests to each server; 100,000 takes a few minutes."""
CONNECTIONS = 16
WORKERS = 4
APPLICATION = """
import os

from tradmetrics import metrics_exporter, track_order
from tradmetrics.asgi import make_asgi_app

metrics = make_asgi_app()


@track_order(strategy="gamma_scalping", side="BUY", order_type="LIMIT")
async def place():
    metrics_exporter.update_websocket_connections(1)
    return {"status": "filled"}


async def application(scope, receive, send):
    if scope["type"] != "http" or scope["path"] == "/metrics":
        return await metrics(scope, receive, send)
    await place()
    body = str(os.getpid()).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
"""
GUNICORN_SETTINGS = f"""
from tradmetrics.storage.worker_directory import child_exit

workers = {WORKERS}
worker_class = "uvicorn.workers.UvicornWorker"
graceful_timeout = 3
"""
COMMANDS = {
    "uvicorn": ["uvicorn", "application:application", f"--workers={WORKERS}", "--no-access-log", "--port"],
    "gunicorn": ["gunicorn", "application:application", "--config=settings.py", "--bind"],
}

LABELS = 'side="BUY",strategy="gamma_scalping"'
SUBMITTED = f'{catalogue.ORDERS_SUBMITTED.name}{{order_type="LIMIT",{LABELS}}}'
FILLED = f"{catalogue.ORDERS_FILLED.name}{{{LABELS}}}"
TIMED = f'{catalogue.ORDER_FILL_TIME.name}_count{{strategy="gamma_scalping"}}'
UNLABELLED_GAUGES = {each.name for each in catalogue.CATALOGUE if each.kind == "gauge" and not each.labels}


def read(text: str, sample: str) -> float | None:
    """The value of a sample in a scrape's text; None where it has none."""
    found = re.search(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
    return None if found is None else float(found[1])


def wait_for(what: str, condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until a condition holds."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if condition():
                return
        time.sleep(0.1)
    pytest.fail(f"after {seconds} seconds still not: {what}")


# ── real servers ─────────────────────────────────────────────────────────────────────────────────────────────────


class Site:
    """A running server with its workers."""

    def __init__(self, port: int) -> None:
        self._port = port

    def connect(self) -> contextlib.closing[http.client.HTTPConnection]:
        """A connection of its own, so that any worker may get it."""
        return contextlib.closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=30))

    def place(self, orders: int) -> Counter[int]:
        """Send orders over one connection; return how many each process took."""
        taken: Counter[int] = Counter()
        with self.connect() as connection:
            for _ in range(orders):
                connection.request("POST", "/orders")
                answer = connection.getresponse()
                assert answer.status == 200
                taken[int(answer.read())] += 1
        return taken

    def load(self, orders: int) -> Counter[int]:
        """Send orders over many connections at a time."""
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            return sum(pool.map(self.place, [orders // CONNECTIONS] * CONNECTIONS), Counter())

    def place_until(self, stop: threading.Event) -> tuple[Counter[int], int]:
        """Send orders until told to stop, whatever becomes of them.

        Returns:
            How many each process took, and how many orders nobody answered for: these may have been taken or not.
        """
        taken: Counter[int] = Counter()
        lost = 0
        while not stop.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException), self.connect() as connection:
                connection.connect()
                while not stop.is_set():
                    lost += 1
                    connection.request("POST", "/orders")
                    taken[int(connection.getresponse().read())] += 1
                    lost -= 1
        return taken, lost

    def text(self) -> str:
        """What `/metrics` says, whichever worker answers."""
        with self.connect() as connection:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()

    def value(self, sample: str) -> float | None:
        """The value of one sample."""
        return read(self.text(), sample)


@pytest.fixture(params=COMMANDS)
def site(request: pytest.FixtureRequest, child_environment: dict[str, str], tmp_path: Path) -> Iterator[Site]:
    """The application under a server with several workers, which share an empty directory."""
    (tmp_path / "application.py").write_text(APPLICATION)
    (tmp_path / "settings.py").write_text(GUNICORN_SETTINGS)
    (tmp_path / "metrics").mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # These programs put the folder they start in on the import path themselves.
    environment = {**child_environment, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics")}
    address = f"127.0.0.1:{port}" if request.param == "gunicorn" else str(port)
    command = [sys.executable, "-m", *COMMANDS[request.param], address]
    del environment["PYTHONSAFEPATH"]
    with (tmp_path / "log").open("w+") as log:
        server = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            site = Site(port)
            wait_for("answering", lambda: server.poll() is not None or bool(site.text()))
            assert server.poll() is None, (tmp_path / "log").read_text()
            yield site
        finally:
            server.terminate()
            server.wait(30)


def test_totals_are_exact_and_outlive_a_worker(site: Site) -> None:
    """A scrape would show one worker's orders, or forget those of a worker that was shot, or keep its connections."""
    taken: Counter[int] = Counter()

    def everybody_took_some() -> bool:
        taken.update(site.load(REQUESTS if not taken else CONNECTIONS))
        return len(taken) == WORKERS

    def figures() -> list[float | None]:
        text = site.text()
        return [read(text, sample) for sample in (SUBMITTED, FILLED, TIMED)]

    wait_for("an order at each worker", everybody_took_some, seconds=60 + REQUESTS / 200)
    assert [taken.total()] * 3 == figures()
    assert site.value(catalogue.WEBSOCKET_CONNECTIONS.name) == WORKERS

    killed = min(taken)
    os.kill(killed, signal.SIGKILL)
    # What it had counted stays, its gauges go.
    wait_for("one connection fewer", lambda: site.value(catalogue.WEBSOCKET_CONNECTIONS.name) == WORKERS - 1)
    assert [taken.total()] * 3 == figures()

    def replaced() -> bool:
        new = site.place(10)
        taken.update(new)
        return len(taken) > WORKERS

    wait_for("a new worker", replaced)
    taken.update(site.load(160))
    assert [taken.total()] * 3 == figures()

    def a_hundred_more_came() -> None:
        so_far = site.value(SUBMITTED) or 0
        wait_for("a hundred more orders", lambda: (site.value(SUBMITTED) or 0) >= so_far + 100)

    # One more is shot, this time while it is taking orders.
    stop = threading.Event()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        try:
            sending = [pool.submit(site.place_until, stop) for _ in range(CONNECTIONS)]
            a_hundred_more_came()
            os.kill(next(each for each in taken if each != killed), signal.SIGKILL)
            a_hundred_more_came()
        finally:
            stop.set()
    lost = 0
    for answered, unanswered in (each.result() for each in sending):
        taken.update(answered)
        lost += unanswered
    assert lost <= CONNECTIONS
    for found in figures():
        assert found is not None
        assert taken.total() <= found <= taken.total() + lost


# ── workers that are only processes ──────────────────────────────────────────────────────────────────────────────


PREAMBLE = """
import os, signal, sys, threading, time
import tradmetrics as tm
from tradmetrics import catalogue
"""


class Directory:
    """The directory that the workers of a test share."""

    def __init__(self, path: Path, environment: dict[str, str]) -> None:
        self.path = path
        self._environment = {**environment, "PROMETHEUS_MULTIPROC_DIR": str(path)}

    def start(self, script: str, *arguments: object) -> subprocess.Popen[str]:
        """Start a worker."""
        preamble = (
            "import os, signal, sys, threading, time\nimport tradmetrics as tm\nfrom tradmetrics import catalogue\n"
        )
        return subprocess.Popen(
            [sys.executable, "-c", preamble + textwrap.dedent(script), *map(str, arguments)],
            env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, script: str, *arguments: object) -> str:
        """Let a worker do its work, and return what it prints."""
        with self.start(script, *arguments) as worker:
            try:
                said, _ = worker.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                worker.kill()
                raise
        assert worker.returncode == 0, f"exit status {worker.returncode}: {said}"
        return said

    def text(self) -> str:
        """What prometheus_client makes of the workers' files."""
        registry = CollectorRegistry()
        MultiProcessCollector(registry, str(self.path))
        return generate_latest(registry).decode()

    def value(self, sample: str) -> float | None:
        """The value of one sample."""
        return read(self.text(), sample)


@pytest.fixture
def directory(child_environment: dict[str, str], tmp_path: Path) -> Directory:
    """An empty directory for workers to share."""
    return Directory(tmp_path, child_environment)


RECORD = """
for name, *labels, value in eval(sys.argv[1]):
    tm.get_metrics().record(catalogue.BY_NAME[name], tuple(labels), value, site="test")
"""


def test_gauges_combine_as_each_definition_says(directory: Directory) -> None:
    """Connections would be counted twice or not at all, or an old P&L shown for the new one."""
    sums, largest, latest = catalogue.WEBSOCKET_CONNECTIONS, catalogue.MAX_DRAWDOWN, catalogue.DAILY_PNL
    assert ["livesum", "max", "mostrecent"] == [each.multiprocess_mode for each in (sums, largest, latest)]
    directory.run(RECORD, [(sums.name, 2), (largest.name, 7), (latest.name, -10)])
    directory.run(RECORD, [(sums.name, 3), (largest.name, 5), (latest.name, -20)])
    text = directory.text()
    assert [5.0, 7.0, -20.0] == [read(text, each.name) for each in (sums, largest, latest)]


def test_every_gauge_combines_in_a_way_that_is_known() -> None:
    """A gauge of one of several workers could not be written, or would be exposed once for each process."""
    gauges = [each for each in catalogue.CATALOGUE if each.kind == "gauge"]
    known = {"sum", "livesum", "max", "livemax", "min", "livemin", "mostrecent"}
    assert [] == [each.name for each in gauges if each.multiprocess_mode not in known]


def test_each_worker_has_a_budget_of_its_own(directory: Directory) -> None:
    """Workers would have to wait for one another at each new label, or a second one would have no labels left."""
    script = """
    tm.configure(limits={"symbol": 2})
    tick = tm.track_market_data(lambda symbol: None)
    for symbol in sys.argv[1]:
        tick(symbol)
    """
    directory.run(script, "ABC")
    directory.run(script, "CDE")
    found = dict(
        re.findall(r'^trading_market_data_updates_total{symbol="(\w+)"} (\S+)$', directory.text(), re.MULTILINE)
    )
    assert {"A": "1.0", "B": "1.0", "C": "1.0", "D": "1.0", "__other__": "2.0"} == found


def test_the_latest_value_is_the_latest_also_after_the_clock_was_put_back(directory: Directory) -> None:
    """After a clock's correction, an hour-old P&L would hide every new one."""
    directory.run("time.time = lambda: 4e9\n" + RECORD, [(catalogue.DAILY_PNL.name, 1)])
    directory.run(RECORD, [(catalogue.DAILY_PNL.name, 2)])
    assert directory.value(catalogue.DAILY_PNL.name) == 2


def test_series_that_were_asked_for_before_the_first_call_count_under_their_labels(directory: Directory) -> None:
    """Every order of a function with `precreate` would be lost, or spoil the files of all workers."""
    directory.run(
        """
        @tm.track_order(strategy="gamma", side="BUY", order_type="LIMIT", status="submitted", precreate=True)
        def place(): ...
        tm.get_metrics()
        place()
        """
    )
    assert 1 == directory.value('trading_orders_submitted_total{order_type="LIMIT",side="BUY",strategy="gamma"}')
    assert catalogue.INSTRUMENTATION_ERRORS.name not in directory.text()


def test_what_nobody_recorded_is_not_there(directory: Directory) -> None:
    """A market session that nobody told of would read as closed, and mute the alerts."""
    directory.run(RECORD, [(catalogue.DAILY_PNL.name, 1)])
    found = set(re.findall(r"^(\w+)", directory.text(), re.MULTILINE))
    assert {catalogue.DAILY_PNL.name} == found & UNLABELLED_GAUGES


def test_the_files_say_what_prometheus_clients_own_would(directory: Directory, tmp_path: Path) -> None:
    """Readers of prometheus_client's format would see other names, labels or buckets, or none."""
    script = """
    import prometheus_client as pc

    labels = ("a b", 'é"', "\\\\n")
    bounds = (0.5, 1, 2.5)
    registry = pc.CollectorRegistry()
    if sys.argv[1] == "theirs":
        counter = pc.Counter("own", "Own \\\\ \\"help\\"", ["x", "y", "z"], registry=registry).labels(*labels)
        signed = pc.Histogram("own_signed", "Signed", [], buckets=(-1, 0, 1), registry=registry)
        times = pc.Histogram("own_times", "Times", ["x"], buckets=bounds, registry=registry).labels("a")
        gauge = pc.Gauge("own_gauge", "Gauge", ["x"], multiprocess_mode="livesum", registry=registry).labels("a")
        for amount in (1, 2.5):
            counter.inc(amount)
        for value in (-1, 0.25, 3, 2.5):
            signed.observe(value)
            times.observe(abs(value))
        gauge.inc(); gauge.inc(); gauge.dec()
    else:
        metrics = tm.TradingMetrics(registry)
        own = lambda *args, **more: tm.MetricDefinition(*args, **more)
        counter = own("own_total", "counter", "Own \\\\ \\"help\\"", ("x", "y", "z"))
        signed = own("own_signed", "histogram", "Signed", buckets=(-1, 0, 1))
        times = own("own_times", "histogram", "Times", ("x",), buckets=bounds)
        gauge = own("own_gauge", "gauge", "Gauge", ("x",), multiprocess_mode="livesum")
        for amount in (1, 2.5):
            metrics.record(counter, labels, amount, site="test")
        for value in (-1, 0.25, 3, 2.5):
            metrics.record(signed, (), value, site="test")
            metrics.record(times, ("a",), abs(value), site="test")
        series, _ = metrics.series(gauge, ("a",), site="test")
        series.up(); series.up(); series.down()
        assert [series.value()] == [sample.value for sample in metrics.instrument(gauge).collect()[0].samples]
    """
    theirs, ours = (
        Directory(tmp_path / each, {**directory._environment, "PROMETHEUS_DISABLE_CREATED_SERIES": "1"})
        for each in ("theirs", "ours")
    )
    for name, each in (("theirs", theirs), ("ours", ours)):
        each.path.mkdir()
        each.run(script, name)
    # Where a bound is negative, prometheus_client leaves the sum out, except in this mode.
    expected = [line for line in theirs.text().splitlines() if not line.startswith("own_signed_sum")]
    assert sorted(expected) == sorted(line for line in ours.text().splitlines() if "own" in line)


def test_many_series_fit(directory: Directory) -> None:
    """A file that outgrew its first size would lose series, or break the others."""
    names = [f"S{number:03}-{'x' * 100}" for number in range(400)]
    directory.run(RECORD, [(catalogue.MARKET_DATA_UPDATES.name, name, 1) for name in names] * 2)
    text = directory.text()
    assert [2.0] * 400 == [read(text, f'{catalogue.MARKET_DATA_UPDATES.name}{{symbol="{name}"}}') for name in names]


def test_metrics_of_others_have_files_of_their_own(directory: Directory) -> None:
    """An application's own prometheus_client metrics and ours would overwrite one another."""
    script = """
    import prometheus_client as pc

    own, gauge = pc.Counter("own", "Own."), pc.Gauge("own_gauge", "Own.", multiprocess_mode="livesum")
    for _ in range(100):
        tm.metrics_exporter.record_system_error("feed", "error")
        own.inc()
        gauge.inc()
        tm.metrics_exporter.update_websocket_connections(1)
    """
    directory.run(script)
    text = directory.text()
    samples = (
        'trading_system_errors_total{component="feed",severity="error"}',
        "own_total",
        "own_gauge",
        catalogue.WEBSOCKET_CONNECTIONS.name,
    )
    assert [100.0, 100.0, 100.0, 1.0] == [read(text, sample) for sample in samples]


def test_a_worker_shot_amid_recording_loses_nothing_that_it_had_counted(directory: Directory) -> None:
    """Orders that were sent would be missing, the ones just before the crash."""
    script = """
    place = tm.track_order(strategy="s", side="BUY", order_type="LIMIT")(lambda: None)
    while True:
        place()
        os.write(1, b".")
    """
    with directory.start(script) as worker:
        assert worker.stdout is not None
        seen = 0
        while seen < 500:
            seen += len(os.read(worker.stdout.fileno(), 100))
        worker.kill()
        seen += len(worker.stdout.read())
    counted = directory.value(f'{catalogue.ORDERS_SUBMITTED.name}{{order_type="LIMIT",side="BUY",strategy="s"}}')
    # One may have been counted and not been told of.
    assert counted in (seen, seen + 1)


FORKS = """
place = tm.track_order(strategy="s", side="BUY", order_type="LIMIT")(lambda: {"status": "filled"})
counts = [0] * 4
stop = threading.Event()

def keep_placing(thread):
    while not stop.is_set():
        place()
        counts[thread] += 1

threads = [threading.Thread(target=keep_placing, args=(thread,)) for thread in range(4)]
for thread in threads:
    thread.start()
children = []
for _ in range(20):
    time.sleep(0.01)
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # a child that hangs is ended, and seen
        for _ in range(50):
            place()
        os._exit(0)
    children.append(child)
statuses = [os.waitpid(child, 0)[1] for child in children]
stop.set()
for thread in threads:
    thread.join()
assert statuses == [0] * 20, statuses
print(sum(counts) + 20 * 50)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_children_forked_amid_recording_neither_hang_nor_count_twice(
    unmeasured_environment: dict[str, str], tmp_path: Path
) -> None:
    """A bot that forks would have a child that hangs at its first order, or orders that were never sent."""
    directory = Directory(tmp_path, unmeasured_environment)
    placed = float(directory.run(FORKS))
    text = directory.text()
    submitted = f'{catalogue.ORDERS_SUBMITTED.name}{{order_type="LIMIT",side="BUY",strategy="s"}}'
    samples = (submitted, f'{catalogue.ORDER_FILL_TIME.name}_count{{strategy="s"}}')
    assert [placed] * 2 == [read(text, sample) for sample in samples]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_forked_child_does_not_hold_its_parents_gauges(directory: Directory) -> None:
    """Connections of the parent would be counted once more for each child."""
    script = """
    connection = tm.track_connection()
    with connection:
        child = os.fork()
        if child == 0:
            with connection:
                os.write(1, b"open")
                os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    with directory.start(script) as worker:
        worker.wait(60)
    assert directory.value(catalogue.WEBSOCKET_CONNECTIONS.name) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_calls_of_functions_add_up_over_processes(directory: Directory) -> None:
    """What a parent had counted before it forked would be counted once more for each child."""
    script = """
    from tradmetrics.serving.worker_gauges import publish

    os.environ["TRADMETRICS_COUNT_CALLS"] = "1"

    @tm.track_order(strategy="s", side="BUY", order_type="LIMIT")
    def place():
        pass

    def work(calls):
        for _ in range(calls):
            place()
            publish(tm.get_metrics().registry)

    work(3)
    child = os.fork()
    if child == 0:
        work(2)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    work(1)
    """
    directory.run(script)
    assert directory.value(f'{catalogue.FUNCTION_CALLS.name}{{decorator="track_order",site="__main__.place"}}') == 6
    assert directory.value(f'{catalogue.FUNCTION_CALLED.name}{{decorator="track_order",site="__main__.place"}}') == 1


def test_a_process_number_that_comes_again_counts_on(directory: Directory) -> None:
    """A worker that happens to get the number of a dead one would wipe out what that one had counted."""
    script = """
    number = int(sys.argv[1])
    os.getpid = lambda: number
    tm.metrics_exporter.record_system_error("feed", "error")
    tm.metrics_exporter.update_websocket_connections(1)
    """
    for _ in range(3):
        directory.run(script, 4_194_305)  # past the largest that Linux gives
    assert directory.value('trading_system_errors_total{component="feed",severity="error"}') == 3

    before = directory.value(catalogue.WEBSOCKET_CONNECTIONS.name)
    child_exit(None, SimpleNamespace(pid=4_194_305))
    assert before == directory.value(catalogue.WEBSOCKET_CONNECTIONS.name), "without the variable it does nothing"


def test_gunicorns_hook_takes_the_gauges_of_a_dead_worker_away(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections of a worker that is gone would be counted as open for ever, ours or the application's own."""
    script = """
    import prometheus_client as pc

    pc.Gauge("own_gauge", "Own.", multiprocess_mode="livesum").set(1)
    tm.metrics_exporter.update_websocket_connections(1)
    tm.metrics_exporter.record_system_error("feed", "error")
    print(os.getpid())
    """
    gone, another = (int(directory.run(script)) for _ in range(2))
    samples = ("own_gauge", catalogue.WEBSOCKET_CONNECTIONS.name)
    assert [2.0, 2.0] == [directory.value(sample) for sample in samples]
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(directory.path))
    child_exit(None, SimpleNamespace(pid=gone))
    assert [1.0, 1.0] == [directory.value(sample) for sample in samples]
    assert directory.value('trading_system_errors_total{component="feed",severity="error"}') == 2
    child_exit(None, SimpleNamespace(pid=another))
    assert [None, None] == [directory.value(sample) for sample in samples]


# ── gauges that are computed when they are scraped ───────────────────────────────────────────────────────────────

SERVING = """
import json
import urllib.request

server = tm.start_metrics_server(port=0)
orders = tm.OrderTracker(strategy="s")
for number in range(int(sys.argv[1])):
    orders.submitted(number, side="BUY", order_type="LIMIT")
if sys.argv[2] == "feed":
    tm.track_market_data(symbol="NIFTY", stale_after=0.001)(lambda: None)()
print("ready", flush=True)
for line in sys.stdin:
    if line == "fork\\n":
        child = os.fork()
        if child == 0:
            time.sleep(60)
        print(child, flush=True)
        continue
    print(json.dumps(urllib.request.urlopen(server.url, timeout=10).read().decode()), flush=True)
"""


@contextlib.contextmanager
def serving(directory: Directory, orders: int, feed: str = "") -> Iterator[Callable[..., str]]:
    """A worker that serves `/metrics` and has open orders; call it for what it says, `close=True` to shoot it."""
    worker = directory.start(SERVING, orders, feed)
    assert worker.stdin is not None
    assert worker.stdout is not None

    def ask(question: str = "scrape") -> str:
        if question == "shoot":
            worker.kill()
            worker.wait(30)
            return ""
        worker.stdin.write(f"{question}\n")
        worker.stdin.flush()
        return str(json.loads(worker.stdout.readline()))

    try:
        assert worker.stdout.readline() == "ready\n"
        yield ask
    finally:
        worker.kill()
        worker.communicate(timeout=30)


def test_whoever_answers_tells_the_open_orders_of_all(directory: Directory) -> None:
    """Each scrape would show the open orders of the worker that happens to answer it, and a silent feed of none."""
    open_orders, stale = f'{catalogue.ORDERS_OPEN.name}{{strategy="s"}}', catalogue.MARKET_DATA_STALE.name
    oldest = f'{catalogue.ORDER_OLDEST_OPEN.name}{{strategy="s"}}'
    burst = f'{catalogue.ORDER_MESSAGE_RATE_MAX.name}{{window="5s"}}'
    with serving(directory, 0) as ask, serving(directory, 3, "feed") as ask_other:
        wait_for("the other's orders", lambda: read(ask(), open_orders) == 3)
        wait_for("the other's silent feed", lambda: read(ask(), stale) == 1)
        wait_for("its age to grow", lambda: (read(ask(), oldest) or 0) > 1)
        text = ask()
        assert read(text, burst) == 3, "the burst must not be lost to whoever computed it first"
        assert read(text, catalogue.SYSTEM_UPTIME.name) > 0
        assert read(text, f'tradmetrics_series{{metric="{catalogue.ORDERS_SUBMITTED.name}"}}') == 1
        ask_other("shoot")
        wait_for("its orders to go with it", lambda: read(ask(), open_orders) is None)
        assert [0.0, None] == [read(ask(), sample) for sample in (stale, oldest)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_forked_worker_publishes_too(directory: Directory) -> None:
    """Under a server that loads the application before it forks, no worker would tell of its open orders."""
    with serving(directory, 2) as ask:
        wait_for("the orders", lambda: read(ask(), f'{catalogue.ORDERS_OPEN.name}{{strategy="s"}}') == 2)
        child = int(ask("fork"))
        try:
            file = directory.path / f"gauge_livemax_tradmetrics-{child}.db"
            wait_for("the child's uptime", lambda: catalogue.SYSTEM_UPTIME.name.encode() in file.read_bytes())
        finally:
            os.kill(child, signal.SIGKILL)


# ── files that go, that are damaged, and those of workers that are gone ──────────────────────────────────────────────
RECYCLE = """
import os
from tradmetrics import catalogue, get_metrics
from tradmetrics.multiprocess import aggregate

folder = os.environ["PROMETHEUS_MULTIPROC_DIR"]

def work():
    get_metrics().record(catalogue.ORDERS_SUBMITTED, ("gamma", "BUY", "LIMIT"), site="worker")
    get_metrics().record(catalogue.ORDER_FILL_TIME, ("gamma",), 0.5, site="worker")
    get_metrics().record(catalogue.MAX_DRAWDOWN, (), os.getpid() % 7, site="worker")

def served():
    samples = {sample.name: sample.value for metric in aggregate(folder).collect() for sample in metric.samples}
    return samples["trading_orders_submitted_total"], samples["trading_order_fill_time_seconds_count"]

work()
pids = {os.getpid()}
for number in range(12):
    child = os.fork()
    if not child:
        work()
        os._exit(0)
    os.waitpid(child, 0)
    pids.add(child)
    if number % 4 == 3:
        assert served() == (number + 2, number + 2), served()
files = [name for name in os.listdir(folder) if name.endswith(".db")]
assert len(files) <= 8, files
drawdown = [
    sample.value for metric in aggregate(folder).collect() for sample in metric.samples if "drawdown" in sample.name
]
assert drawdown == [max(pid % 7 for pid in pids)], drawdown
print("done")
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs the start times of Linux")
def test_files_of_recycled_workers_are_folded_without_losing_a_count(
    child_environment: dict[str, str], tmp_path: Path
) -> None:
    """300 recycled workers would cost a scrape 67 times one worker's, or a fold would lose or double their counts."""
    environment = {**child_environment, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RECYCLE], env=environment, capture_output=True, text=True, timeout=120
    )
    assert "done\n" == answer.stdout, answer.stderr


def test_a_fold_that_was_interrupted_counts_nothing_twice(tmp_path: Path) -> None:
    """A process that is killed between writing the fold and deleting its sources would double their counts."""
    source = tmp_path / "counter_tradmetrics-99999999.db"
    key = b'["orders", "orders_total", {"side": "BUY"}, "Orders."]'
    worker_fold._write(str(source), {key: (5.0, 0.0)}, [])
    fold = str(tmp_path / f"counter_{worker_fold.GONE}.db")
    worker_fold._write(fold, {key: (7.0, 0.0)}, [(source.name, source.stat().st_ino)])
    (metric,) = aggregate(str(tmp_path)).collect()
    assert [7.0] == [sample.value for sample in metric.samples]


@pytest.mark.parametrize("mode", ["min", "max", "sum", "mostrecent", "all"])
def test_gauges_become_one_as_prometheus_client_does_it(mode: str, tmp_path: Path) -> None:
    """Gauges of the bot's own, made with prometheus_client, would read otherwise than in its own collector."""
    key = b'["own", "own", {"desk": "a"}, "Own."]'
    for process, pair in ((1, (3.0, 20.0)), (2, (-1.0, 30.0)), (3, (5.0, 10.0))):
        worker_fold._write(str(tmp_path / f"gauge_{mode}_{process}.db"), {key: pair}, [])
    theirs = CollectorRegistry()
    MultiProcessCollector(theirs, str(tmp_path))  # type: ignore[no-untyped-call]
    ours = aggregate(str(tmp_path))
    expected, seen = (set(generate_latest(each).splitlines()) for each in (theirs, ours))
    assert expected == seen
    assert seen == set(render(ours).splitlines())


def test_chosen_metrics_of_all_workers(tmp_path: Path) -> None:
    """`name[]=` would give nothing under several processes."""
    worker_fold._write(str(tmp_path / "counter_1.db"), {b'["own", "own_total", {}, "Own."]': (3.0, 0.0)}, [])
    worker_fold._write(str(tmp_path / "counter_2.db"), {b'["other", "other_total", {}, "Other."]': (3.0, 0.0)}, [])
    text = render(aggregate(str(tmp_path)).restricted_registry(["own_total"]))
    assert [b"own_total 3.0"] == [line for line in text.splitlines() if not line.startswith(b"#")]


def written(path: Path, number: float, key: bytes = b'["own", "own_total", {}, "Own."]') -> None:
    """Write a worker's file of one series."""
    worker_fold._write(str(path), {key: (number, 0.0)}, [])


@pytest.mark.parametrize("number", [float("nan"), -5.0])
@pytest.mark.parametrize("process", ["99999999", "gone"])
def test_a_count_that_nobody_can_count_costs_its_own_file(number: float, process: str, tmp_path: Path) -> None:
    """One damaged number would make the sum of all workers no number, and the fold would keep it for ever."""
    written(tmp_path / "counter_tradmetrics-1.db", 3.0)
    damaged = tmp_path / f"counter_tradmetrics-{process}.db"
    written(damaged, number)
    failed: list[str] = []
    text = render(aggregate(str(tmp_path), lambda path, error: failed.append(path)))
    assert b"own_total 3.0" in text.splitlines()
    assert [str(damaged)] == failed


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names on this system")
def test_a_pipe_among_the_files_holds_no_scrape_up(tmp_path: Path) -> None:
    """Opening a pipe waits for somebody to write into it, and every scrape would time out."""
    written(tmp_path / "counter_1.db", 3.0)
    for name in ("counter_2.db", "gauge_livesum_tradmetrics-3.db", "counter_tradmetrics-gone.db"):
        os.mkfifo(tmp_path / name)
    failed: list[str] = []
    registry = aggregate(str(tmp_path), lambda path, error: failed.append(f"{Path(path).name}: {error}"))
    texts: list[bytes] = []
    scrape = threading.Thread(target=lambda: texts.append(render(registry)), daemon=True)
    scrape.start()
    scrape.join(10)
    assert texts
    assert b"own_total 3.0" in texts[0].splitlines()
    assert "counter_2.db: it is not a regular file" in failed


def test_a_huge_foreign_file_is_not_read(tmp_path: Path) -> None:
    """A sparse file of gigabytes would take the bot's memory at each scrape."""
    written(tmp_path / "counter_1.db", 3.0)
    with open(tmp_path / "counter_2.db", "wb") as file:
        file.write((2**31 - 8).to_bytes(4, sys.byteorder))
        file.truncate(2**31)
    tracemalloc.start()
    try:
        assert b"own_total 3.0" in render(aggregate(str(tmp_path))).splitlines()
        assert tracemalloc.get_traced_memory()[1] < 50 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "name",
    ["counter_tradmetrics-²", "gauge_livesum_tradmetrics-²", "counter_9\nforged", os.fsdecode(b"gauge_all_\xff")],
)
def test_odd_names_of_files_fail_no_scrape(name: str, tmp_path: Path) -> None:
    """A copy with an odd name would turn every scrape into an error 500."""
    written(tmp_path / "counter_1.db", 3.0)
    written(tmp_path / f"{name}.db", 1.0, b'["odd", "odd", {}, "Odd."]')
    assert b"own_total 3.0" in render(aggregate(str(tmp_path))).splitlines()


def test_a_half_character_in_a_label_fails_no_scrape(tmp_path: Path) -> None:
    """A label of the bot's own metric that cannot be encoded would turn every scrape into an error 500."""
    written(tmp_path / "counter_1.db", 3.0)
    written(tmp_path / "counter_2.db", 4.0, b'["odd", "odd_total", {"a": "x\\ud800"}, "Odd\\udfff."]')
    assert {b"own_total 3.0", b'odd_total{a="x?"} 4.0'} <= set(render(aggregate(str(tmp_path))).splitlines())


def test_a_fold_whose_list_is_damaged_is_read(tmp_path: Path) -> None:
    """A list that is nested too deep would turn every scrape into an error 500."""
    fold = tmp_path / "counter_tradmetrics-gone.db"
    written(fold, 3.0)
    sound = fold.read_bytes().partition(b'{"of"')[0]
    fold.write_bytes(sound + b'{"of": ' + b"[" * 100_000)
    assert b"own_total 3.0" in render(aggregate(str(tmp_path))).splitlines()


def test_a_worker_leaves_the_draft_of_another_one_with_its_number_alone(directory: Directory) -> None:
    """Two containers give their workers equal numbers; one would empty a file that the other is writing into."""
    script = """
    import pathlib
    draft = pathlib.Path(os.environ["PROMETHEUS_MULTIPROC_DIR"], f"counter_tradmetrics-{os.getpid()}.db.new")
    draft.write_text("of another worker")
    tm.track_order(strategy="s", side="BUY", order_type="LIMIT")(lambda: {"status": "filled"})()
    print(draft.read_text())
    """
    assert "of another worker\n" == directory.run(script)
    assert 1.0 == directory.value(f'{catalogue.ORDERS_SUBMITTED.name}{{order_type="LIMIT",side="BUY",strategy="s"}}')
