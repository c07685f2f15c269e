"""Whether anything grows: `python -m tests.bench.soak [--minutes M]` (the demo at full speed, scraped every second).

The demo trades 500 simulated seconds a second, 200 to 350 orders as far as the machine keeps up, in a process of its
own. Its resident memory, open file descriptors and threads are read from /proc every five seconds, and its series are
counted at each scrape. What the warm-up fills (10,000 ended orders that are remembered for what comes late, the parts
of the program that are imported late) is not judged. The minute after it is compared with the last one:

- memory: the median may be 5 % higher, some 3 MB. That is what the allocator breathes by; 20 minutes are 200,000
  orders and six million ticks or more, so 14 bytes left behind by each order, or one by two ticks, are noticed.
- file descriptors, threads: they have grown when the fewest of the last minute are more than the most of the first.
  There is no margin beyond that, since one for each of 1,200 scrapes, or one a minute, would be a leak.
- series: the demo trades the same few names all day, so there may be 1 % more: the rarest outcomes come late.

It ends with status 1 when one of these has grown or a scrape has failed, and with 2 where there is no /proc.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import os
import re
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

SPEED = 500
"""The fastest that the demo goes."""
SCRAPE_EVERY, SAMPLE_EVERY = 1.0, 5.0
MEMORY_GROWTH, SERIES_GROWTH = 0.05, 0.01
_ORDERS = re.compile(r"^trading_orders_submitted_total\{.*\} (\S+)$", re.MULTILINE)
_SERIES = re.compile(r"^(?!#)(.*) \S+$", re.MULTILINE)


class Sample(NamedTuple):
    """What the process used at one time, and what its last scrape held."""

    at: float
    memory: float
    files: int
    threads: int
    series: int


class Compared(NamedTuple):
    """One figure after the warm-up and at the end, what it may grow by, and whether it has grown more."""

    name: str
    first: str
    last: str
    allowed: str
    grown: bool


def compare(first: Sequence[Sample], last: Sequence[Sample]) -> list[Compared]:
    """Say what has grown between the samples of two minutes."""

    def median(name: str, field: str, allowed: float) -> Compared:
        before, after = (statistics.median(getattr(each, field) for each in samples) for samples in (first, last))
        growth = f"{after:.1f} ({after / before - 1:+.1%})" if before else f"{after:.1f}"
        return Compared(name, f"{before:.1f}", growth, f"+{allowed:.0%}", after > before * (1 + allowed))

    def extremes(name: str, field: str) -> Compared:
        before, after = (sorted(getattr(each, field) for each in samples) for samples in (first, last))
        shown = [f"{values[0]} to {values[-1]}" for values in (before, after)]
        return Compared(name, shown[0], shown[1], "+0", after[0] > before[-1])

    return [
        median("resident memory, MiB", "memory", MEMORY_GROWTH),
        extremes("file descriptors", "files"),
        extremes("threads", "threads"),
        median("series", "series", SERIES_GROWTH),
    ]


class Soaked(NamedTuple):
    """A run of the demo.

    Attributes:
        samples: What it used, oldest first.
        scrapes: Scrapes that were answered.
        failures: What went wrong with the others.
        slowest: Seconds that the slowest scrape took.
        orders: Orders that were submitted.
        late: Series at the end that were not there after the warm-up.
        status: The process's exit status.
    """

    samples: list[Sample]
    scrapes: int
    failures: list[str]
    slowest: float
    orders: float
    late: list[str]
    status: int


def soak(seconds: float, warm_up: float) -> Soaked:
    """Run the demo for so long, scrape and sample it, and stop it."""
    samples: list[Sample] = []
    failures: list[str] = []
    scrapes, slowest, text = 0, 0.0, ""
    early: set[str] = set()
    with _demo() as (process, url):
        began = time.monotonic()
        due = sample_due = 0.0
        while (now := time.monotonic() - began) < seconds and process.poll() is None:
            time.sleep(max(0.0, due - now))
            at = time.monotonic() - began
            due = max(due + SCRAPE_EVERY, at)
            try:
                text = _scrape(url)
                scrapes += 1
            except (OSError, ValueError) as error:
                failures.append(f"after {at:.0f} s: {error!r}")
            slowest = max(slowest, time.monotonic() - began - at)
            if at >= sample_due:
                sample_due = at + SAMPLE_EVERY
                names = _SERIES.findall(text)
                samples.append(_sample(process.pid, at, len(names)))
                if at <= warm_up:
                    early = set(names)
                _progress(f"{at / 60:.1f} of {seconds / 60:.0f} minutes, {samples[-1].memory:.1f} MiB")
        _progress("")
        process.terminate()
        status = process.wait(timeout=30)
    late = sorted(set(_SERIES.findall(text)) - early)
    return Soaked(samples, scrapes, failures, slowest, sum(map(float, _ORDERS.findall(text))), late, status)


@contextlib.contextmanager
def _demo() -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "tradmetrics", "demo", "--speed", str(SPEED), "--port", "0"]
    with Path(os.devnull).open("w") as nowhere:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=nowhere, text=True)
    assert process.stdout is not None
    try:
        url = process.stdout.readline().removeprefix("Metrics: ").strip()
        if not url:
            raise SystemExit("the demo did not start; python -m tradmetrics demo says why")
        # Its further lines are read by nobody, and must not fill the pipe.
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield process, url
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _scrape(url: str) -> str:
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        body: bytes = answer.read()
    return gzip.decompress(body).decode()


def _sample(pid: int, at: float, series: int) -> Sample:
    status = Path(f"/proc/{pid}/status").read_text()
    kilobytes, threads = (int(re.findall(rf"^{name}:\s*(\d+)", status, re.MULTILINE)[0]) for name in _OF_STATUS)
    return Sample(at, kilobytes / 1024, len(os.listdir(f"/proc/{pid}/fd")), threads, series)


_OF_STATUS = ("VmRSS", "Threads")


def _quarters(samples: Sequence[Sample], begin: float) -> Iterator[float]:
    """Median memory in each quarter of what is judged: growth that goes on shows in all of them."""
    judged = [each.memory for each in samples if each.at >= begin]
    for quarter in range(4):
        yield statistics.median(judged[len(judged) * quarter // 4 : len(judged) * (quarter + 1) // 4] or judged)


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak, print the comparison, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=20.0, help="how long the demo trades (default: 20)")
    parser.add_argument("--warm-up", type=float, default=60.0, metavar="SECONDS", help="not judged (default: 60)")
    parser.add_argument("--window", type=float, default=60.0, metavar="SECONDS", help="what is compared (default: 60)")
    options = parser.parse_args(arguments)
    seconds, begin, window = options.minutes * 60, options.warm_up, options.window
    if seconds < begin + 2 * window:
        parser.error(f"{begin:g} seconds of warm-up and two windows of {window:g} do not fit into {seconds:g}")
    if not Path("/proc/self/fd").is_dir():
        print("soak: this system has no /proc to read memory, files and threads from", file=sys.stderr)
        return 2
    run = soak(seconds, begin)
    first = [each for each in run.samples if begin <= each.at < begin + window]
    last = [each for each in run.samples if each.at >= seconds - window]
    print(
        f"The demo at speed {SPEED} for {seconds / 60:g} minutes: {run.orders:,.0f} orders; {run.scrapes:,} scrapes, "
        f"the slowest in {run.slowest:.2f} s, {len(run.failures)} failed; exit status {run.status}"
    )
    for failure in run.failures[:10]:
        print(f"  failed {failure}")
    if not first or not last:
        print("the demo ended early" if run.status or not last else "too few samples")
        return 1
    print(f"{'':22}{'after warm-up':>14}{'last':>16}{'allowed':>9}")
    compared = compare(first, last)
    for each in compared:
        print(f"{each.name:22}{each.first:>14}{each.last:>16}{each.allowed:>9}{'  GROWN' if each.grown else ''}")
    print(f"resident memory by quarter: {', '.join(f'{each:.1f}' for each in _quarters(run.samples, begin))} MiB")
    if run.late:
        print(f"{len(run.late)} series came after the warm-up: {', '.join(run.late[:5])}{' …' * (len(run.late) > 5)}")
    return 1 if run.failures or run.status or any(each.grown for each in compared) else 0


if __name__ == "__main__":
    raise SystemExit(main())
