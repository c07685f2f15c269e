"""Run the benchmarks and print their tables: `python -m tests.bench [--rounds N] [--only PART …] [--json PATH]`."""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import itertools
import json
import os
import platform
import sys
from pathlib import Path

import tradmetrics
from tests.bench import (
    autometrics_row,
    builds,
    by_hand,
    figures,
    instructions,
    lag,
    lifecycle,
    report,
    scrapes,
    several_processes,
)
from tests.bench.cases import rows
from tests.bench.harness import Timing, measure
from tests.bench.report import Result

PACKAGES = (
    "prometheus-client", "wrapt", "prometheus-async", "opentelemetry-sdk", "pytheus",
)  # fmt: skip


CALLS = "calls"
PARTS = {
    "lifecycle": lifecycle.figures,
    "scrapes": scrapes.figures,
    "processes": several_processes.figures,
    "others": figures.all_figures,
    "lag": lag.figures,
}


def main() -> int:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="turns that each statement has (default: 15)")
    parser.add_argument("--only", nargs="+", choices=[CALLS, *PARTS], metavar="PART", help="measure these parts only")
    parser.add_argument("--json", type=Path, help="also write the results to this file, or replace those of the parts")
    options = parser.parse_args()
    about = _about()
    print(", ".join(f"{name} {value}" for name, value in about.items()))
    print("Processor time and instructions of a call less those of the bare call; medians over rounds in turns.\n")
    results = []
    if not options.only or CALLS in options.only:
        results += [*_calls(options.rounds), _autometrics(options.rounds)]
        _progress("")
        print(report.calls(results), flush=True)
    parts = [part for name, part in PARTS.items() if not options.only or name in options.only]
    for each in itertools.chain.from_iterable(part() for part in parts):
        results.append(_figure(each))
        _progress(each.name)
    _progress("")
    print(f"\n{report.figures(results)}")
    if options.json:
        if options.only:
            results = _replaced(json.loads(options.json.read_text(encoding="utf-8"))["rows"], results)
        options.json.write_text(json.dumps({"about": about, "rows": results}, indent=2) + "\n", encoding="utf-8")
    return 0


def _replaced(rows: list[Result], measured: list[Result]) -> list[Result]:
    """The rows of an earlier run, with those that were measured again."""
    again = {row["name"]: row for row in measured}
    return [again.pop(row["name"], row) for row in rows] + list(again.values())


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _calls(rounds: int) -> list[Result]:
    _progress("instructions")
    try:
        counted = instructions.count()
    except instructions.NotCountedError as error:
        print(f"Instructions are not counted: {error}.")
        counted = {}
    found = rows()
    timings = measure(
        [row.comparison for row in found],
        rounds=rounds,
        progress=lambda done: _progress(f"round {done} of {rounds}"),
    )
    return [
        _call(row.name, timing, row.comparison.reference.name, counted.get(row.name), row.target)
        for row, timing in zip(found, timings, strict=True)
    ]


def _autometrics(rounds: int) -> Result:
    _progress(autometrics_row.NAME)
    try:
        timing, versions = autometrics_row.timing(rounds)
    except autometrics_row.NotMeasuredError as error:
        return {"name": autometrics_row.NAME, "missing": str(error)}
    reference = f"{by_hand.COUNT} of prometheus-client {versions['prometheus-client']}"
    return _call(f"{autometrics_row.NAME} ({versions['autometrics']})", timing, reference)


def _call(
    name: str,
    timing: Timing,
    reference: str,
    counted: instructions.Count | None = None,
    target: float | None = None,
) -> Result:
    return {
        "name": name,
        "nanoseconds": round(timing.median),
        "overhead": round(timing.overhead),
        "spread": [round(timing.low), round(timing.high)],
        "reference": reference,
        "reference_nanoseconds": round(timing.reference),
        "ratio": round(timing.ratio, 3),
        "instructions": counted
        and {
            "overhead": round(counted.overhead),
            "reference": round(counted.reference),
            "ratio": round(counted.ratio, 3),
        },
        "target": target,
    }


def _figure(figure: figures.Figure) -> Result:
    return {
        "name": figure.name,
        "unit": figure.unit,
        "ours": round(figure.ours, 2),
        "spread": figure.spread and [round(value, 2) for value in figure.spread],
        "reference": figure.against,
        "theirs": None if figure.theirs is None else round(figure.theirs, 2),
        "ratio": None if figure.ratio is None else round(figure.ratio, 3),
        "target": figure.target,
    }


def _about() -> dict[str, str]:
    versions = {"tradmetrics": tradmetrics.__version__}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "absent"
    return {
        "date": f"{datetime.date.today()}",
        "python": platform.python_version(),
        "build": builds.KIND,
        "machine": _machine(),
        **versions,
    }


def _machine() -> str:
    """The system, the processor and its cores."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), model)
    except OSError:
        pass  # not Linux
    return f"{platform.system()} {platform.machine()}, {model}, {os.cpu_count()} cores"


if __name__ == "__main__":
    raise SystemExit(main())
