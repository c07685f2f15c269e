"""Attack the metrics server, the workers' files and the push, and print what held: `python -m tests.attack [NAME…]`.

Each attack runs against this package and, where it has the same, against prometheus_client. A bot under attack is a
process of its own that records all the time; afterwards the scraped count must equal the number of its calls.
"""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.attack.servers import OURS, THEIRS, bot, recorded, scrape

SOCKETS = 500
SCRAPES = 30
SECONDS = 2.0


class Row(NamedTuple):
    """One line of the table."""

    attack: str
    target: str
    ours: str
    theirs: str
    met: bool


def _clients(port: int, first: bytes, again: bytes, ended: threading.Event) -> None:
    """Keep so many connections open that send this, come back when they are closed, and never finish a request."""
    open_: list[socket.socket] = []
    while not ended.is_set():
        alive = []
        for connection in open_:
            try:
                if again:
                    connection.sendall(again)
                elif connection.recv(1, socket.MSG_DONTWAIT) == b"":
                    raise ConnectionResetError
                alive.append(connection)
            except BlockingIOError:
                alive.append(connection)
            except OSError:
                connection.close()
        open_ = alive
        while len(open_) < SOCKETS and not ended.is_set():
            try:
                connection = socket.create_connection(("127.0.0.1", port), timeout=2)
                connection.sendall(first)
                open_.append(connection)
            except OSError:
                break
        ended.wait(0.3)
    for connection in open_:
        connection.close()


def _under(kind: str, first: bytes, again: bytes) -> tuple[str, bool]:
    """Scrape a bot under so many bad clients."""
    with bot(kind) as attacked:
        ended = threading.Event()
        clients = threading.Thread(target=_clients, args=(attacked.port, first, again, ended))
        clients.start()
        time.sleep(3)
        taken = []
        for _ in range(SCRAPES):
            began = time.monotonic()
            if scrape(attacked.port, SECONDS) is not None:
                taken.append(time.monotonic() - began)
            time.sleep(0.2)
        ended.set()
        clients.join()
        calls = attacked.stop_recording()
        time.sleep(0.5)
        exact = recorded(scrape(attacked.port, 10) or b"") == calls
    slowest = f", slowest {max(taken):.2f} s" if taken else ""
    return (
        f"{len(taken)} of {SCRAPES}{slowest}; {calls:,} calls {'exact' if exact else 'NOT exact'}",
        len(taken) >= 0.99 * SCRAPES and exact,
    )


def silent() -> Row:
    """Sockets that send nothing."""
    ours, met = _under(OURS, b"", b"")
    return Row(
        f"{SOCKETS} silent sockets", "99 % of scrapes within 2 s, counts exact", ours, _under(THEIRS, b"", b"")[0], met
    )


def slowloris() -> Row:
    """Sockets that send a header line now and then."""
    first, again = b"GET /metrics HTTP/1.1\r\nHost: x\r\n", b"X-Padding: 1\r\n"
    ours, met = _under(OURS, first, again)
    theirs = _under(THEIRS, first, again)[0]
    return Row(f"{SOCKETS} slowloris sockets", "99 % of scrapes within 2 s, counts exact", ours, theirs, met)


def junk() -> Row:
    """Requests for other texts than an honest scraper's, all at once."""
    results = []
    for kind in (OURS, THEIRS):
        with bot(kind, 5_000) as attacked:
            alone = statistics.median(_timed(attacked.port) for _ in range(5))
            queries = [f"?x={number}" for number in range(150)]
            threads = [threading.Thread(target=scrape, args=(attacked.port, 60, query)) for query in queries]
            for thread in threads:
                thread.start()
            busy = _timed(attacked.port)
            for thread in threads:
                thread.join()
            results.append((alone, busy))
    shown = [f"{busy / alone:.1f} times its own ({busy:.2f} s)" for alone, busy in results]
    alone, busy = results[0]
    return Row(
        "150 junk queries",
        "an honest scrape takes at most 3 times its own, or 0.1 s more",
        *shown,
        met=busy <= 3 * alone + 0.1,
    )


def _timed(port: int) -> float:
    began = time.monotonic()
    text = scrape(port, 60)
    return time.monotonic() - began if text is not None else 60.0


WORKER = """
import os, sys, time, urllib.request
kind = sys.argv[1]
if kind == "tradmetrics":
    from tradmetrics import catalogue, get_metrics
    from tradmetrics.storage.worker_directory import aggregate
    from tradmetrics.storage.rendering import render
    count = lambda: get_metrics().record(catalogue.MARKET_DATA_UPDATES, ("RECORDED",), site="attack")
    read = lambda: render(aggregate(os.environ["PROMETHEUS_MULTIPROC_DIR"]))
else:
    from prometheus_client import CollectorRegistry, Counter, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector
    counter = Counter("trading_market_data_updates", "Updates.", ["symbol"])
    count = lambda: counter.labels(symbol="RECORDED").inc()
    def read():
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        return generate_latest(registry)
exec(sys.argv[2])
for line in read().decode().splitlines():
    if 'symbol="RECORDED"' in line and "_total{" in line:
        print(line.split()[-1])
"""
DAMAGED = """
folder = os.environ["PROMETHEUS_MULTIPROC_DIR"]
count()
for name, content in (("counter_99991.db", b""), ("counter_99992.db", b"\\x01"), ("counter_99993.db", b"\\xff" * 64)):
    open(os.path.join(folder, name), "wb").write(content)
"""
DELETED = """
folder = os.environ["PROMETHEUS_MULTIPROC_DIR"]
count()
for name in os.listdir(folder):
    os.unlink(os.path.join(folder, name))
count()
"""
RECYCLED = """
folder = os.environ["PROMETHEUS_MULTIPROC_DIR"]
count()
for _ in range(50):
    if not (child := os.fork()):
        count()
        os._exit(0)
    os.waitpid(child, 0)
read()
sys.stderr.write(str(sum(name.endswith(".db") for name in os.listdir(folder))))
"""


def _worker(kind: str, code: str) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": folder, "PYTHONWARNINGS": "ignore"}
        command = [sys.executable, "-c", WORKER, kind, code]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def _files(attack: str, target: str, code: str, right: str) -> Row:
    shown = []
    for kind in (OURS, THEIRS):
        ended = _worker(kind, code)
        answer = ended.stdout.strip() or (ended.stderr.strip().splitlines() or [""])[-1].split(":")[0] or "nothing"
        shown.append(f"{answer} counted" if ended.returncode == 0 and ended.stdout.strip() else f"no answer ({answer})")
    return Row(attack, target, *shown, met=shown[0] == f"{right} counted")


def damaged() -> Row:
    """Files that are empty, cut or garbage."""
    return _files("3 damaged files of workers", "the other worker's count of 1 is served", DAMAGED, "1.0")


def deleted() -> Row:
    """Files that a cleaner deletes while their worker runs."""
    return _files("a worker's files deleted", "its count of 2 is served", DELETED, "2.0")


def recycled() -> Row:
    """Workers that come and go."""
    shown = []
    for kind in (OURS, THEIRS):
        ended = _worker(kind, RECYCLED)
        shown.append(f"{ended.stdout.strip()} counted in {ended.stderr.strip()[-3:]} files")
    count, files = shown[0].split(" counted in ")
    met = count == "51.0" and int(files.split()[0]) <= 8
    return Row("50 recycled workers", "all 51 calls, a bounded number of files", *shown, met=met)


FORK = """
import os, signal, socket, sys, time
kind = sys.argv[1]
if kind == "tradmetrics":
    from tradmetrics import TradingMetrics, start_metrics_server
    server = start_metrics_server(port=0, metrics=TradingMetrics())
    port, close = server.port, server.close
else:
    from prometheus_client import start_http_server
    server, thread = start_http_server(0, addr="127.0.0.1")
    port = server.server_port
    close = lambda: (server.shutdown(), server.server_close())
child = os.fork()
if not child:
    time.sleep(30)
    os._exit(0)
close()
try:
    socket.create_connection(("127.0.0.1", port), timeout=2).close()
    print("held by the helper")
except OSError:
    print("free")
os.kill(child, signal.SIGKILL)
"""


def forked() -> Row:
    """A helper process that outlives the server."""
    shown = [
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", FORK, kind], capture_output=True, text=True
        ).stdout.strip()
        for kind in (OURS, THEIRS)
    ]
    return Row("a forked helper lives on", "the port is free after close()", *shown, met=shown[0] == "free")


PUSH = """
import signal, sys, time
from tradmetrics import TradingMetrics
from tradmetrics.push import push_on_exit
signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a tool that measures coverage may have a handler
push_on_exit(sys.argv[1], job="attack", metrics=TradingMetrics())
print("ready", flush=True)
time.sleep(30)
"""


def sigterm() -> Row:
    """A job that is ended with SIGTERM."""
    with _gateway() as (port, pushed):
        job = subprocess.Popen(
            [sys.executable, "-c", PUSH, f"http://127.0.0.1:{port}"], stdout=subprocess.PIPE, text=True
        )
        assert job.stdout is not None
        job.stdout.readline()
        job.terminate()
        status = job.wait(20)
        job.stdout.close()
    ours = f"{len(pushed)} push, status {status}"
    return Row(
        "SIGTERM", "one push, and the process ends by the signal", ours, "has none", ours == "1 push, status -15"
    )


@contextlib.contextmanager
def _gateway() -> Iterator[tuple[int, list[bytes]]]:
    from http.server import BaseHTTPRequestHandler, HTTPServer

    pushed: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            pushed.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(202)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, pushed
    finally:
        server.shutdown()
        server.server_close()


ATTACKS: tuple[Callable[[], Row], ...] = (silent, slowloris, junk, damaged, deleted, recycled, forked, sigterm)


def table(rows: list[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| attack | target | tradmetrics | prometheus_client | met |", "|---|---|---|---|---|"]
    lines += [
        f"| {row.attack} | {row.target} | {row.ours} | {row.theirs} | {'yes' if row.met else 'NO'} |" for row in rows
    ]
    return "\n".join(lines)


def main(names: list[str]) -> int:
    """Run the attacks, print the table, and return 1 where a target is missed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, 4_096) if hard == resource.RLIM_INFINITY else min(hard, max(soft, 4_096))
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    rows = []
    for attack in ATTACKS:
        if not names or attack.__name__ in names:
            print(f"{attack.__name__} …", file=sys.stderr, flush=True)
            rows.append(attack())
    print(table(rows))
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    sys.exit(main(sys.argv[1:]))
