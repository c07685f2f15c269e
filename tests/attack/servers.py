"""The bots under attack: one process each, which records all the time and serves its metrics."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

OURS, THEIRS = "tradmetrics", "prometheus_client"

BOT = """
import sys, threading, time
kind, series = sys.argv[1], int(sys.argv[2])
stop, calls = threading.Event(), 0
if kind == "tradmetrics":
    from tradmetrics import Limits, TradingMetrics, catalogue, start_metrics_server
    metrics = TradingMetrics(limits=Limits(labels={"symbol": series + 1}, default_series=series + 2))
    count = lambda symbol: metrics.record(catalogue.MARKET_DATA_UPDATES, (symbol,), site="attack")
    server = start_metrics_server(port=0, metrics=metrics)
    port = server.port
else:
    from prometheus_client import CollectorRegistry, Counter, start_http_server
    registry = CollectorRegistry()
    counter = Counter("trading_market_data_updates", "Updates.", ["symbol"], registry=registry)
    count = lambda symbol: counter.labels(symbol=symbol).inc()
    port = start_http_server(0, addr="127.0.0.1", registry=registry)[0].server_port
for number in range(series):
    count(f"S{number}")

def record():
    global calls
    while not stop.is_set():
        for _ in range(20):
            count("RECORDED")
            calls += 1
        time.sleep(0.001)

thread = threading.Thread(target=record)
thread.start()
print(port, flush=True)
sys.stdin.readline()
stop.set()
thread.join()
print(calls, flush=True)
sys.stdin.readline()
"""


class Bot(NamedTuple):
    """A bot under attack."""

    process: subprocess.Popen[str]
    port: int

    def stop_recording(self) -> int:
        """Stop it, and return how many calls it has made."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@contextlib.contextmanager
def bot(kind: str, series: int = 100) -> Iterator[Bot]:
    """Run a bot until the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", BOT, kind, str(series)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": ""},
    )
    try:
        assert process.stdout is not None
        yield Bot(process, int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()


def scrape(port: int, seconds: float, query: str = "") -> bytes | None:
    """The text of one honest scrape; None where it is not answered with 200 within so many seconds."""
    limit = time.monotonic() + seconds
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
            connection.sendall(f"GET /metrics{query} HTTP/1.1\r\nHost: bot\r\nConnection: close\r\n\r\n".encode())
            received = b""
            while time.monotonic() < limit:
                connection.settimeout(max(0.01, limit - time.monotonic()))
                piece = connection.recv(1 << 16)
                if not piece:
                    head, _, body = received.partition(b"\r\n\r\n")
                    return body if b" 200 " in head[:20] else None
                received += piece
    except OSError:
        pass
    return None


def recorded(text: bytes) -> int:
    """The calls that a scrape knows of."""
    line = next((line for line in text.splitlines() if b'_total{symbol="RECORDED"}' in line), b"0")
    return int(float(line.rsplit(None, 1)[-1]))
