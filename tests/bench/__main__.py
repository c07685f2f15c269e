"""Run the benchmarks and print one table: `python -m tests.bench [--rounds N] [--json PATH]`."""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import itertools
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench import figures, lag, lifecycle
from tests.bench.cases import Row, everything
from tests.bench.harness import Timing, measure

PACKAGES = (
    "tradmetrics", "prometheus-client", "wrapt", "prometheus-async", "opentelemetry-sdk", "pytheus",
)  # fmt: skip


def main() -> int:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="turns that each statement has (default: 15)")
    parser.add_argument("--calls", action="store_true", help="measure calls only, which takes half a minute")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    options = parser.parse_args()
    print(_heading(), flush=True)
    results = _calls(options.rounds)
    print(_table(results), flush=True)
    if not options.calls:
        _progress("orders across callbacks")
        results += [_figure(each) for each in lifecycle.figures()]
        for each in itertools.chain(figures.all_figures(), lag.figures()):
            _progress(each.name)
            results.append(_figure(each))
        print(f"\n{_figure_table(results)}")
    if options.json:
        options.json.write_text(json.dumps({"about": _about(), "rows": results}, indent=2) + "\n")
    return 0


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _calls(rounds: int) -> list[dict[str, Any]]:
    rows, comparisons = everything()
    timings = measure(comparisons, rounds=rounds, progress=lambda done: _progress(f"round {done} of {rounds} "))
    _progress("")
    return [_result(row, timing) for row, timing in zip(rows, timings, strict=True)]


def _result(row: Row, timing: Timing) -> dict[str, Any]:
    return {
        "name": row.name,
        "nanoseconds": round(timing.median),
        "spread": [round(timing.low), round(timing.high)],
        "overhead": round(timing.overhead),
        "reference": row.reference,
        "reference_nanoseconds": round(timing.reference),
        "ratio": round(timing.ratio, 3),
        "target": row.target,
    }


def _figure(figure: figures.Figure) -> dict[str, Any]:
    ratio = figure.ratio
    return {
        "name": figure.name,
        "unit": figure.unit,
        "ours": round(figure.ours, 2),
        "reference": figure.against,
        "theirs": None if figure.theirs is None else round(figure.theirs, 2),
        "ratio": None if ratio is None else round(ratio, 3),
        "target": figure.target,
    }


def _about() -> dict[str, str]:
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "absent"
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return {"date": f"{datetime.date.today()}", "python": platform.python_version(), "machine": machine, **versions}


def _heading() -> str:
    about = ", ".join(f"{name} {version}" for name, version in _about().items())
    return f"Nanoseconds, medians over interleaved rounds. Overhead is the call less the bare call.\n{about}\n"


def _verdict(value: float | None, target: float | None) -> str:
    if target is None or value is None:
        return ""
    return f"≤ {target:g} {'met' if value <= target else 'MISSED'}"


def _table(results: list[dict[str, Any]]) -> str:
    lines = [("", "ns", "quartiles", "overhead", "to", "ns", "ratio", "target")]
    for each in results:
        low, high = each["spread"]
        lines.append(
            (
                each["name"],
                str(each["nanoseconds"]),
                f"{low}-{high}",
                str(each["overhead"]),
                each["reference"],
                str(each["reference_nanoseconds"]),
                f"{each['ratio']:.2f}",
                _verdict(each["ratio"], each["target"]),
            )
        )
    return _aligned(lines, left={0, 4, 7})


def _figure_table(results: list[dict[str, Any]]) -> str:
    lines = [("", "", "here", "compared with", "", "ratio", "target")]
    for each in results:
        if "ours" in each:
            measured = each["ours"] if each["ratio"] is None else each["ratio"]
            lines.append(
                (
                    each["name"],
                    each["unit"],
                    f"{each['ours']:g}",
                    each["reference"],
                    "" if each["theirs"] is None else f"{each['theirs']:g}",
                    "" if each["ratio"] is None else f"{each['ratio']:.2f}",
                    _verdict(measured, each["target"]),
                )
            )
    return _aligned(lines, left={0, 1, 3, 6})


def _aligned(lines: Sequence[tuple[str, ...]], left: set[int]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


if __name__ == "__main__":
    raise SystemExit(main())
