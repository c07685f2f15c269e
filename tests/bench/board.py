"""What the board costs: `python -m tests.bench.board [--seconds 120]`.

Prints the processor time that it takes to watch a bot of about 10,000 series at one scrape a second, with all rules,
and the memory of a day of 2,000 series. Exits 1 where a figure misses its goal. Each part runs in a process of its
own. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import resource
import string
import subprocess
import sys
import threading
import time
from array import array
from contextlib import suppress
from pathlib import Path

from prometheus_client import generate_latest

from tradmetrics import Limits, MetricsExporter, TradingMetrics, start_metrics_server

ROOT = Path(__file__).parents[2]
STRATEGIES, SYMBOLS, ENDPOINTS = 50, 2_000, 200
NAMES = tuple("".join(pair) for pair in itertools.product(string.ascii_lowercase, repeat=3))
MOST_PERCENT = 2.0
DAY, DAY_SERIES = 86_400, 2_000
MOST_MEGABYTES = 200.0
WARM_UP_SECONDS = 60.0


class Bot:
    """A bot of about 10,000 series, some of which change each second: orders, market data and API requests."""

    def __init__(self) -> None:
        self._metrics = TradingMetrics(limits=Limits(labels={"symbol": SYMBOLS}, default_series=20_000))
        self._exporter = MetricsExporter(self._metrics)
        self._second = 0
        for second in range(ENDPOINTS):
            self.trade(second)
        for strategy, reason in itertools.product(range(STRATEGIES), range(10)):
            self._exporter.record_order(f"s{strategy}", "BUY", "LIMIT", "rejected", reason=f"reason {reason}")
        before = self._lines()
        self.trade(ENDPOINTS)
        self.series = len(before)
        self.changing = len(self._lines() - before)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._server = start_metrics_server(port=0, metrics=self._metrics)
        self.port = self._server.port
        self._thread.start()

    def trade(self, second: int) -> None:
        """Record a second of trading."""
        for number in range(STRATEGIES):
            side, kind = ("BUY", "SELL")[(second + number) % 2], ("LIMIT", "MARKET", "STOP")[second % 3]
            self._exporter.record_order(f"s{number}", side, kind, "submitted")
            self._exporter.record_order(f"s{number}", side, kind, "filled", fill_time=0.01 * (second % 50))
        for number in range(SYMBOLS // 8):
            self._exporter.record_market_data_update(NAMES[(second * SYMBOLS // 8 + number) % SYMBOLS].upper())
        for number in range(10):
            endpoint = f"/{NAMES[(second + number) % ENDPOINTS]}"
            self._exporter.record_api_request(endpoint, "GET", "200", 0.01 * number)

    def _run(self) -> None:
        for second in itertools.count(ENDPOINTS + 1):
            if self._stop.wait(1.0):
                return
            self.trade(second)

    def _lines(self) -> set[bytes]:
        return {line for line in generate_latest(self._metrics.registry).splitlines() if not line.startswith(b"#")}

    def close(self) -> None:
        """Stop."""
        self._stop.set()
        self._thread.join()
        self._server.close()


async def _watching(port: int, seconds: float) -> dict[str, float]:
    from tradmetrics.board import assembly

    assembly.collect_seldom()
    built = assembly.assemble(assembly.Plan((str(port),), port=0))
    task = asyncio.ensure_future(assembly.run_without_page(built))
    await asyncio.sleep(WARM_UP_SECONDS)
    started, scraped, used = time.perf_counter(), built.watch.scraper.watched[0].scrapes, time.process_time()
    await asyncio.sleep(seconds)
    took, used = time.perf_counter() - started, time.process_time() - used
    watched = built.watch.scraper.watched[0]
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert watched.failures == 0, watched.error
    return {"percent": 100 * used / took, "scrapes": (watched.scrapes - scraped) / took}


def _remembering() -> dict[str, float]:
    from tradmetrics.board.store import Store

    series = [("trading_orders_submitted_total", {"strategy": f"s{place}"}) for place in range(DAY_SERIES)]
    store = Store(float(DAY))
    rows = store.target("bot", series)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for second in range(DAY):
        store.add(rows, float(second), array("d", [second]) * DAY_SERIES)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    unit = 1 if sys.platform == "darwin" else 1_024
    return {"megabytes": grown * unit / 1e6, "hours": (rows.newest - rows.oldest) / 3_600}


def _child(*arguments: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.board", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(arguments: list[str] | None = None) -> int:
    """Measure and print.

    Args:
        arguments: The command line, without the program's name.

    Returns:
        0, or 1 where a figure misses its goal.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.bench.board", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="how long to watch the bot")
    parser.add_argument("--part", choices=("watch", "remember"), help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.part == "watch":
        print(json.dumps(asyncio.run(_watching(options.port, options.seconds))))
        return 0
    if options.part == "remember":
        print(json.dumps(_remembering()))
        return 0
    bot = Bot()
    try:
        watch = _child("--part", "watch", "--port", str(bot.port), "--seconds", str(options.seconds))
    finally:
        bot.close()
    print(
        f"{bot.series:,} series, {bot.changing:,} of them changing, {watch['scrapes']:.2f} scrapes a second: "
        f"{watch['percent']:.1f} % of a core (goal: {MOST_PERCENT:g} %)"
    )
    remember = _child("--part", "remember")
    print(
        f"{remember['hours']:.0f} h of {DAY_SERIES:,} series: {remember['megabytes']:.0f} MB "
        f"(goal: {MOST_MEGABYTES:g} MB)"
    )
    return int(watch["percent"] > MOST_PERCENT or remember["megabytes"] > MOST_MEGABYTES)


if __name__ == "__main__":
    raise SystemExit(main())
