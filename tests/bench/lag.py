"""How long scrapes hold up an event loop that trades: `python -m tests.bench.lag [--seconds S] [--repeats N]`.

A loop makes 2,000 instrumented calls a second, each at a time of its own; how late one is, is its lag. Meanwhile
another process scrapes 10,000 series five times a second, compressed as Prometheus asks for it. What serves them is, in
turn, prometheus_client's ASGI application on that loop, its server on a thread, and ours of both kinds. Each run is a
process of its own; they take turns, and the median over the turns counts. A loop that falls behind for good is given
up after twice its time, so its lags are only the least that they would be.

Where the system lets it, the loop and the scraper have real-time priority, so that what is measured is the wait for the
interpreter and not for a processor that others use.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import prometheus_client
import uvicorn
from prometheus_client import CollectorRegistry, Counter

import tradmetrics
from tests.bench.figures import Figure, compared
from tradmetrics import Limits, TradingMetrics, catalogue
from tradmetrics.asgi import make_asgi_app

CALLS_A_SECOND = 2_000
SERIES = 10_000
SCRAPES_A_SECOND = 5
QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}

THEIRS, THEIR_SERVER, THEIR_ASGI = "by hand", "start_http_server", "prometheus_client's ASGI application"
OURS, OUR_SERVER, OUR_ASGI = "decorated", "start_metrics_server", "our ASGI application"
PAIRS = ((OURS, THEIRS), (OUR_SERVER, THEIR_SERVER), (OUR_ASGI, THEIR_ASGI))
"""Ours and what it is compared with: without scrapes, served from a thread, served on the loop."""

Application = Callable[..., Any]


def _place(side: str, order_type: str) -> None: ...


@contextlib.asynccontextmanager
async def _ours(kind: str) -> AsyncIterator[tuple[Callable[[], object], str]]:
    metrics = TradingMetrics(limits=Limits(labels={"symbol": SERIES}, default_series=SERIES))
    for number in range(SERIES):
        metrics.record(catalogue.MARKET_DATA_UPDATES, (f"S{number}X",), site="bench")
    place = tradmetrics.track_order(strategy="s", metrics=metrics)(_place)

    def call() -> None:
        place("BUY", "LIMIT")

    if kind == OUR_SERVER:
        with tradmetrics.start_metrics_server(0, metrics=metrics) as server:
            yield call, server.url
    else:
        async with _served(make_asgi_app(metrics)) as url:
            yield call, url


@contextlib.asynccontextmanager
async def _theirs(kind: str) -> AsyncIterator[tuple[Callable[[], object], str]]:
    registry = CollectorRegistry()
    updates = Counter("updates", "Updates.", ["symbol"], registry=registry)
    orders = Counter("orders", "Orders.", ["strategy", "side", "order_type"], registry=registry)
    for number in range(SERIES):
        updates.labels(f"S{number}X").inc()

    def call() -> None:
        orders.labels(strategy="s", side="BUY", order_type="LIMIT").inc()
        _place("BUY", "LIMIT")

    if kind == THEIR_SERVER:
        server, thread = prometheus_client.start_http_server(0, "127.0.0.1", registry=registry)
        yield call, f"http://127.0.0.1:{server.server_port}/metrics"
        server.shutdown()
        thread.join()
    else:
        async with _served(prometheus_client.make_asgi_app(registry)) as url:
            yield call, url


@contextlib.asynccontextmanager
async def _served(application: Application) -> AsyncIterator[str]:
    server = uvicorn.Server(uvicorn.Config(application, port=0, log_level="error", lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/metrics"
    server.should_exit = True
    await task


async def _lags(call: Callable[[], object], seconds: float) -> list[float]:
    lags = []
    began = time.perf_counter()
    for number in range(int(seconds * CALLS_A_SECOND)):
        if time.perf_counter() - began > 2 * seconds:
            break
        due = began + number / CALLS_A_SECOND
        wait = due - time.perf_counter()
        await asyncio.sleep(max(0.0, wait))
        lags.append(time.perf_counter() - due)
        call()
    return sorted(lags)


async def _measure(kind: str, seconds: float) -> dict[str, float]:
    side = _ours if kind in (OURS, OUR_SERVER, OUR_ASGI) else _theirs
    async with side(kind) as (call, url):
        scraper = None
        if kind not in (OURS, THEIRS):
            scraper = await asyncio.create_subprocess_exec(
                sys.executable, __file__, "--scrape", url, stdout=subprocess.PIPE, stdin=subprocess.PIPE
            )
            assert scraper.stdout is not None
            await scraper.stdout.readline()  # has scraped once
        lags = await _lags(call, seconds)
        if scraper is not None:
            await scraper.communicate(b"")
    return {name: lags[min(len(lags) - 1, int(len(lags) * at))] * 1e3 for name, at in QUANTILES.items()}


def _scrape(url: str) -> None:
    """Scrape until the standard input ends."""
    import select

    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    due = time.monotonic()
    while not select.select([sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]:
        due += 1 / SCRAPES_A_SECOND
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.read()
        print("scraped", flush=True)


def _take_priority() -> None:
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))


def runs(seconds: float, repeats: int) -> dict[str, list[dict[str, float]]]:
    """Lags in milliseconds by quantile, of each run, by what serves; the runs take turns."""
    results: dict[str, list[dict[str, float]]] = {kind: [] for pair in PAIRS for kind in pair}
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((root, os.environ.get("PYTHONPATH", "")))}
    for _ in range(repeats):
        for kind, found in results.items():
            command = [sys.executable, "-m", "tests.bench.lag", "--run", kind, "--seconds", str(seconds)]
            run = subprocess.run(
                command, env=environment, cwd=root, capture_output=True, text=True, check=True, timeout=60 + 3 * seconds
            )
            found.append(json.loads(run.stdout))
    return results


def figures(seconds: float = 5.0, repeats: int = 3) -> Iterator[Figure]:
    """The lags of each pair, at each quantile."""
    measured = runs(seconds, repeats)
    for ours, theirs in PAIRS:
        for name in QUANTILES:
            yield compared(
                f"loop lag {name}, {'without scrapes' if ours == OURS else f'scraped, {ours}'}",
                "ms",
                [(mine[name], other[name]) for mine, other in zip(measured[ours], measured[theirs], strict=True)],
                theirs,
                0.05 if (name, ours) == ("p99.9", OUR_SERVER) else None,
            )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the lags, or do the part of one run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long a run is (default: 5)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each kind (default: 3)")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--scrape", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.scrape:
        _scrape(options.scrape)
    elif options.run:
        _take_priority()
        print(json.dumps(asyncio.run(_measure(options.run, options.seconds))))
    else:
        measured = runs(options.seconds, options.repeats)
        print(f"{'ms':40}" + "".join(f"{name:>9}" for name in QUANTILES))
        for kind, found in measured.items():
            medians = (statistics.median(lags[name] for lags in found) for name in QUANTILES)
            print(f"{kind:40}" + "".join(f"{lag:9.2f}" for lag in medians))


if __name__ == "__main__":
    main()
