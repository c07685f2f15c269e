"""Under load: scrapes while many threads record, storms on the endpoints, and what trading notices of them."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import http.client
import itertools
import logging
import os
import re
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from prometheus_client import Metric

import tradmetrics.serving.endpoint as endpoint_module
import tradmetrics.serving.server as server_module
import tradmetrics.storage.rendering as rendering
from tests.recorded import recorded, sample
from tradmetrics import (
    Limits,
    MetricDefinition,
    MetricsExporter,
    OrderTracker,
    TradingMetrics,
    arg,
    catalogue,
    fill_timer,
    result,
    start_metrics_server,
    track,
    track_order,
    track_trade,
)
from tradmetrics.asgi import make_asgi_app
from tradmetrics.storage.line_blocks import SIZE

LONG = os.environ.get("TRADMETRICS_LONG") == "1"
"""Set to 1, the tests run for as long as they are meant to; else for as long as nobody minds waiting."""
SECONDS = 60.0 if LONG else 3.0
THREADS = 16


# ── scrapes while threads record ─────────────────────────────────────────────────────────────────────────────────

AMOUNT = MetricDefinition("amount_total", "counter", "Amounts.", labels=("strategy",))


class Desk:
    """What a thread does until it is told to stop, and how often it did."""

    def __init__(self, metrics: TradingMetrics, number: int) -> None:
        self.calls = 0
        self._own = f"desk{number}"
        self._exporter = MetricsExporter(metrics)
        self._tracker = OrderTracker(strategy="tracked", metrics=metrics)
        self._place = track_order(order_type="LIMIT", metrics=metrics)(self._answer)
        self._close = track_trade(strategy="all", side="SELL", pnl=result(), metrics=metrics)(lambda pnl: pnl)
        self._count = track(AMOUNT, value=arg("amount"), metrics=metrics)(lambda strategy, amount: None)
        self._timer = fill_timer("timed", metrics=metrics)

    @staticmethod
    def _answer(strategy: str, side: str) -> dict[str, Any]:
        return {"status": "filled", "fill_time": 0.5}

    def trade(self) -> None:
        """One of each kind of recording."""
        self.calls += 1
        self._place("all", "BUY")
        self._place(self._own, "SELL")
        self._close(2.0)
        self._count(self._own, 0.25)
        self._exporter.record_system_error("feed", "error")
        with self._timer:
            pass
        order = f"{self._own}:{self.calls}"
        self._tracker.submitted(order, side="BUY", order_type="LIMIT")
        self._tracker.updated(order, status="filled")

    def trade_until(self, stop: threading.Event) -> None:
        """Trade until told to stop."""
        while not stop.is_set():
            self.trade()


_RISING = re.compile(r"^\w+_(total|count|sum|bucket)\b")


class Watcher:
    """Reads scrapes, and holds against them what no scrape may show."""

    def __init__(self, port: int) -> None:
        self.scrapes = 0
        self.wrong: list[Any] = []
        self._port = port
        self._last: dict[Any, float] = {}

    def watch_until(self, stop: threading.Event) -> None:
        """Scrape until told to stop, by turns in either format, packed or not; and once more."""
        headers = itertools.cycle(
            [{}, {"Accept": "application/openmetrics-text; version=1.0.0"}, {"Accept-Encoding": "gzip"}]
        )
        while True:
            last = stop.is_set()
            try:
                self._read(self._fetch(next(headers)))
            except Exception as error:
                self.wrong.append(error)
            self.scrapes += 1
            if last or len(self.wrong) > 10:
                return

    def _fetch(self, headers: dict[str, str]) -> str:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)) as connection:
            connection.request("GET", "/metrics", headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200
        return (gzip.decompress(body) if answer.headers["Content-Encoding"] == "gzip" else body).decode()

    def _read(self, text: str) -> None:
        lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        seen = {key: float(value) for key, _, value in lines if _RISING.search(key)}
        for key, before in self._last.items():
            if seen.get(key, -1.0) < before:
                self.wrong.append((key, before, seen.get(key)))
        # Buckets, count and sum are of one moment: each of these fills took half a second.
        fills = [
            seen.get(f'{catalogue.ORDER_FILL_TIME.name}_{suffix}strategy="all"}}', 0.0)
            for suffix in ("count{", "sum{", 'bucket{le="0.2",', 'bucket{le="0.5",', 'bucket{le="+Inf",')
        ]
        if fills != [fills[0], fills[0] / 2, 0.0, fills[0], fills[0]]:
            self.wrong.append(fills)
        self._last = seen


@pytest.mark.usefixtures("hasty_threads")
def test_sixteen_threads_record_while_it_is_scraped() -> None:
    """A scrape would fail or show a counter that went back, which reads as a restart; or orders would be lost."""
    metrics = TradingMetrics(strict=True)
    desks = [Desk(metrics, number) for number in range(THREADS)]
    stop = threading.Event()
    with start_metrics_server(port=0, metrics=metrics) as server:
        watcher = Watcher(server.port)
        trading = [threading.Thread(target=desk.trade_until, args=(stop,)) for desk in desks]
        watching = threading.Thread(target=watcher.watch_until, args=(stop,))
        for thread in (*trading, watching):
            thread.start()
        limit = time.monotonic() + SECONDS
        while time.monotonic() < limit or watcher.scrapes < 4:
            assert time.monotonic() < limit + 60, "no scrape came through"
            time.sleep(0.05)
        stop.set()
        for thread in (*trading, watching):
            thread.join(60)
            assert not thread.is_alive()
    assert [] == watcher.wrong
    calls = sum(desk.calls for desk in desks)
    print(f"{calls} calls of each kind, {watcher.scrapes} scrapes in {SECONDS} s")
    assert all(desk.calls for desk in desks)
    found = recorded(metrics)
    expected: dict[str, float] = {
        "trading_orders_submitted_total all BUY LIMIT": calls,
        "trading_orders_filled_total all BUY": calls,
        "trading_order_fill_time_seconds_count all": calls,
        "trading_trades_total all SELL executed": calls,
        "trading_trades_pnl_count all": calls,
        "trading_profit_total all": calls * 2,
        "trading_system_errors_total feed error": calls,
        "trading_order_fill_time_seconds_count timed": calls,
        "trading_orders_submitted_total tracked BUY LIMIT": calls,
        "trading_orders_filled_total tracked BUY": calls,
    }
    for number, desk in enumerate(desks):
        expected[f"trading_orders_submitted_total desk{number} SELL LIMIT"] = desk.calls
        expected[f"trading_order_fill_time_seconds_count desk{number}"] = desk.calls
        expected[f"amount_total desk{number}"] = desk.calls / 4
    assert expected == {name: found.get(name) for name in expected}
    assert calls / 2 == sample(metrics, "trading_order_fill_time_seconds_sum", strategy="all")


BLOCK = SIZE * 1e-6
"""How long a block of lines takes by this clock: the renderer looks at the clock after each."""


class RenderingClock:
    """The renderer's clock: each line takes a microsecond, and each pause as long as it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pause: float) -> None:
        self.pauses: list[float] = []
        self._now = 0.0
        self._pause = pause
        monkeypatch.setattr(rendering, "sleep", self._sleep)
        monkeypatch.setattr(rendering, "perf_counter", lambda: self._now)
        pieces = rendering.Family.pieces

        def timed(family: rendering.Family, openmetrics: bool) -> Iterator[bytes]:
            for piece in pieces(family, openmetrics):
                self._now += piece.count(b"\n") * 1e-6
                yield piece

        monkeypatch.setattr(rendering.Family, "pieces", timed)

    def _sleep(self, seconds: float) -> None:
        self._now += self._pause
        self.pauses.append(self._now)


def book_of_symbols(count: int) -> TradingMetrics:
    """A metrics object with a series of market data for each of so many symbols, which is all it may have."""
    metrics = TradingMetrics(limits=Limits(labels={"symbol": count}, default_series=count))
    for number in range(count):
        metrics.record(catalogue.MARKET_DATA_UPDATES, (f"S{number}X",), site="test")
    return metrics


def test_a_scrape_lets_others_run_after_each_fifth_of_a_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that trades would wait for the whole text, five milliseconds at a time."""
    clock = RenderingClock(monkeypatch, 1e-4)
    rendering.render(book_of_symbols(5_000).registry)
    assert len(clock.pauses) >= 5_000 * 1e-6 / (2e-4 + BLOCK)
    waits = [after - before - 1e-4 for before, after in zip(clock.pauses, clock.pauses[1:], strict=False)]
    assert max(waits) < 2e-4 + BLOCK


def test_a_scrape_is_held_up_for_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """With many threads at work, a scrape of many series would take longer than Prometheus waits for it."""
    clock = RenderingClock(monkeypatch, 0.08)  # until sixteen threads have had the lock for five milliseconds each
    assert rendering.render(book_of_symbols(5_000).registry).count(b"trading_market_data_updates_total{") == 5_000
    assert 0 < len(clock.pauses) <= 1 / 0.08 + 1


# ── storms on the endpoints ──────────────────────────────────────────────────────────────────────────────────────

STORM = 500
"""Clients of each storm at one time, besides those that are slow."""
SLOW = 40
REQUESTS: dict[str, tuple[bytes, set[int]]] = {
    "scrape": (b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", {200}),
    "packed": (b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept-Encoding: gzip\r\n\r\n", {200}),
    "HEAD": (b"HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", {200}),
    "method": (b"DELETE /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", {405}),
    "garbled Accept": (
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Accept: application/openmetrics-text; version=1.x,\xff;;=,,\r\n\r\n",
        {200, 400},
    ),
    "endless Accept": (
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: " + b"a/b," * 1_000 + b"\r\n\r\n",
        {200, 400, 431},
    ),
    "large header": (
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        {400, 431},
    ),
    "many headers": (
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + b"X: y\r\n" * 2_000 + b"\r\n",
        {400, 431},
    ),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", {400}),
}


class Served:
    """An endpoint that is up."""

    def __init__(self, port: int, metrics: TradingMetrics, *, by_others: bool = False) -> None:
        self.port = port
        self.metrics = metrics
        self.by_others = by_others

    def status(self) -> int:
        """The status of a scrape; 0 where it is refused."""
        try:
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
                connection.request("GET", "/metrics")
                answer = connection.getresponse()
                answer.read()
                return answer.status
        except (OSError, http.client.HTTPException):
            return 0


@contextlib.contextmanager
def threaded(metrics: TradingMetrics) -> Iterator[int]:
    """Our own server."""
    with start_metrics_server(port=0, metrics=metrics) as server:
        yield server.port


@contextlib.contextmanager
def asgi(metrics: TradingMetrics) -> Iterator[int]:
    """The ASGI application under uvicorn."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        settings = uvicorn.Config(make_asgi_app(metrics), log_level="critical", timeout_graceful_shutdown=1)
        server = uvicorn.Server(settings)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


@pytest.fixture(params=[threaded, asgi], ids=["thread", "ASGI"])
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    """A metrics object with a hundred symbols, served."""
    metrics = TradingMetrics(strict=True)
    for number in range(100):
        metrics.record(catalogue.MARKET_DATA_AGE, (f"S{number}",), 0.1, site="test")
    with request.param(metrics) as port:
        served = Served(port, metrics, by_others=request.param is asgi)
        assert eventually(lambda: served.status() == 200)
        yield served


def eventually(condition: Callable[[], bool], seconds: float = 30) -> bool:
    """Whether a condition comes true in time."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if condition():
            return True
        time.sleep(0.02)
    return False


async def exchange(port: int, sent: bytes) -> bytes:
    """Send bytes as they are, and return what came back; nothing where the connection was refused or reset."""
    received = b""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(sent)
            while piece := await asyncio.wait_for(reader.read(65_536), 60):
                received += piece
        finally:
            writer.close()
    except OSError:
        pass
    return received


async def storm(port: int) -> dict[str, list[bytes]]:
    """Everything at once: those that ask properly, those that do not, and those that never end asking or reading."""
    slow = []
    for number in range(SLOW):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        # Half of them never end their request, half never read their answer.
        writer.write(b"GET /metrics HTTP/1.1\r\nX: " if number % 2 else REQUESTS["scrape"][0])
        slow.append(writer)
    kinds = [kind for kind, _ in zip(itertools.cycle(REQUESTS), range(STORM), strict=False)]
    answers = await asyncio.gather(*(exchange(port, REQUESTS[kind][0]) for kind in kinds))
    for writer in slow:
        writer.close()
    found: dict[str, list[bytes]] = {kind: [] for kind in REQUESTS}
    for kind, answer in zip(kinds, answers, strict=True):
        found[kind].append(answer)
    return found


def test_a_storm_is_answered_or_refused_and_recording_goes_on(served: Served) -> None:
    """Scrapers gone wild, port scanners and slow readers would stop the bot, or leave the endpoint dead behind them."""
    desk = Desk(served.metrics, 0)
    stop = threading.Event()
    trading = threading.Thread(target=desk.trade_until, args=(stop,))
    trading.start()
    try:
        assert eventually(lambda: desk.calls > 0)
        before = desk.calls
        answers = asyncio.run(asyncio.wait_for(storm(served.port), 120))
        during = desk.calls - before
    finally:
        stop.set()
        trading.join(60)
    assert during > 0
    statuses = {
        kind: Counter(int(each.split(b" ", 2)[1]) if each.startswith(b"HTTP/1.") else 0 for each in received)
        for kind, received in answers.items()
    }
    print(f"{during} calls of each kind during the storm; {statuses}")
    for kind, found in statuses.items():
        # 0: refused at the door, or without an answer that a client still reads. How long a header may be is up to the
        # server that the application runs under.
        allowed = {0, *REQUESTS[kind][1], *([200] if served.by_others and "header" in kind else [])}
        assert set(found) <= allowed, (kind, found)
    assert statuses["scrape"][200] > 0
    assert not [each for received in answers.values() for each in received if b"Traceback" in each]
    assert eventually(lambda: served.status() == 200)
    assert desk.calls == sample(
        served.metrics, "trading_orders_submitted_total", strategy="all", side="BUY", order_type="LIMIT"
    )


def fail_to_render(*arguments: object, **options: object) -> bytes:
    """Stands in for the rendering."""
    raise RuntimeError("the database is away")


def test_a_scrape_that_fails_tells_the_log_why_and_the_client_nothing(
    served: Served, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer would show source code to whoever can reach the port, or the reason would be nowhere."""
    with monkeypatch.context() as broken:
        broken.setattr(endpoint_module, "render", fail_to_render)
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)) as connection:
            connection.request("GET", "/metrics")
            answer = connection.getresponse()
            body = answer.read()
    assert 500 == answer.status
    assert not re.search(rb"Traceback|database|RuntimeError|\.py", body)
    assert "the database is away" in caplog.text
    assert 200 == served.status()


def test_secrets_reach_no_log(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token would stand in a log that more people read than may read the metrics."""
    caplog.set_level(logging.DEBUG)
    metrics = TradingMetrics(strict=True)
    app = make_asgi_app(metrics, auth="s3cret-token")

    async def ask(token: str) -> list[Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"authorization", f"Bearer {token}".encode())]
        await app({"type": "http", "method": "GET", "path": "/", "headers": headers}, None, send)  # type: ignore[arg-type]
        return sent

    monkeypatch.setattr(endpoint_module, "render", fail_to_render)
    answers = [asyncio.run(ask(token)) for token in ("s3cret-token", "s3cret-guess")]
    assert [500, 401] == [answer[0]["status"] for answer in answers]
    shown = "".join((str(answers), caplog.text, *capfd.readouterr(), repr(app)))
    assert "the database is away" in shown
    assert "s3cret" not in shown


class Verbose:
    """A collector with more to say than fits on the way to the client."""

    def collect(self) -> list[Metric]:
        return [Metric("verbose", "x" * 20_000_000, "gauge")]


def test_a_client_that_does_not_read_its_answer_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each slow reader would hold a thread and megabytes of text for ever."""
    monkeypatch.setattr(server_module, "REQUEST_SECONDS", 0.5)
    metrics = TradingMetrics(strict=True)
    metrics.registry.register(Verbose())
    with start_metrics_server(port=0, metrics=metrics) as server, socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        slow.connect(("127.0.0.1", server.port))
        slow.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert eventually(lambda: len(server._loop._connections) == 1)
        assert eventually(lambda: len(server._loop._connections) == 0, seconds=10)
        assert eventually(lambda: Served(server.port, metrics).status() == 200, seconds=10)


FULL = """
import os, resource, socket, time, urllib.request
import tradmetrics as tm
from tradmetrics.serving.connection_loop import ConnectionLoop

accepted = 0
true = ConnectionLoop._accept


def counted(self, now):
    global accepted
    accepted += 1
    return true(self, now)


ConnectionLoop._accept = counted
place = tm.track_order(strategy="s", side="BUY", order_type="LIMIT")(lambda: None)
server = tm.start_metrics_server(port=0)
clients = [socket.socket() for _ in range(3)]
limits = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, limits[1]))
held = []
try:
    while True:
        held.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
for client in clients:
    client.connect(("127.0.0.1", server.port))
ends = time.monotonic() + 0.5
while time.monotonic() < ends or not accepted:
    place()
tried = accepted
for each in held:
    os.close(each)
for client in clients:
    client.close()
urllib.request.urlopen(server.url, timeout=10).read()
server.close()
print(tried)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the limit is of POSIX systems")
def test_without_a_file_descriptor_left_the_endpoint_waits(child_environment: dict[str, str], tmp_path: Path) -> None:
    """A bot that has run out of descriptors would also lose its processor to an endpoint that tries and tries."""
    answer = subprocess.run(
        [sys.executable, "-c", FULL], env=child_environment, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (0, "") == (answer.returncode, answer.stderr)
    # Of an endpoint that tries again at once, tens of thousands.
    assert 0 < int(answer.stdout) < 1_000


def test_scrapes_leave_the_loops_threads_to_trading() -> None:
    """Orders that are sent by `asyncio.to_thread`, as with most brokers' libraries, would wait for all scrapes."""
    metrics = TradingMetrics(strict=True)
    release = threading.Event()
    metrics.at_scrape(catalogue.ORDERS_OPEN, lambda: {("s",): float(release.wait(30))})
    app = make_asgi_app(metrics)

    async def scrape(number: int) -> int:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"accept", b"text/plain; q=0.%d" % (number % 50))]
        await app({"type": "http", "method": "GET", "path": "/", "headers": headers}, None, send)  # type: ignore[arg-type]
        return int(sent[0]["status"])

    async def main() -> list[int]:
        scrapes = [asyncio.create_task(scrape(number)) for number in range(200)]
        await asyncio.sleep(0.05)
        try:
            assert "sent" == await asyncio.wait_for(asyncio.to_thread(lambda: "sent"), 10)
        finally:
            release.set()
        return await asyncio.gather(*scrapes)

    assert [200] * 200 == asyncio.run(main())


def test_a_scraper_that_leaves_takes_no_other_ones_answer_along() -> None:
    """Whoever shares a rendering with a client that hung up would get nothing."""
    metrics = TradingMetrics(strict=True)
    begun, release = threading.Event(), threading.Event()

    def slow() -> dict[tuple[str, ...], float]:
        begun.set()
        return {("s",): float(release.wait(30))}

    metrics.at_scrape(catalogue.ORDERS_OPEN, slow)
    app = make_asgi_app(metrics)

    async def scrape() -> bytes:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        await app({"type": "http", "method": "GET", "path": "/", "headers": []}, None, send)  # type: ignore[arg-type]
        return bytes(sent[1]["body"])

    async def main() -> None:
        first, second = asyncio.create_task(scrape()), asyncio.create_task(scrape())
        await asyncio.to_thread(begun.wait, 30)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        release.set()
        assert b'trading_orders_open{strategy="s"} 1.0' in await asyncio.wait_for(second, 30)

    asyncio.run(main())


# ── several processes ────────────────────────────────────────────────────────────────────────────────────────────


def test_an_endpoint_does_not_set_up_the_metrics_object_before_the_bot_does(
    child_environment: dict[str, str], tmp_path: Path
) -> None:
    """One of several workers could not configure its metrics after its endpoint was there, by chance or always."""
    script = """
    import time
    import tradmetrics as tm

    with tm.start_metrics_server(port=0):
        time.sleep(0.3)
        metrics = tm.configure(limits={"symbol": 5})
        assert metrics.limits.label_budget("any", "symbol") == 5
    print("done")
    """
    answer = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], cwd=tmp_path, capture_output=True, text=True, timeout=60,
        env={**child_environment, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
    )  # fmt: skip
    assert ("done\n", "") == (answer.stdout, answer.stderr)
