"""Run the benchmarks and print one table: `python -m tests.bench [--rounds N] [--json PATH]`."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import sys
from pathlib import Path
from typing import Any

from tests.bench.cases import REFERENCE_ASYNC, Row, everything
from tests.bench.harness import Timing, measure


def main() -> int:
    """Measure, print, and write JSON when asked."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="turns that each statement has (default: 15)")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    options = parser.parse_args()
    rows, statements = everything()

    def progress(done: int) -> None:
        if sys.stderr.isatty():
            print(f"\rround {done} of {options.rounds}", end="" if done < options.rounds else "\n", file=sys.stderr)

    timings = measure(statements, rounds=options.rounds, progress=progress)
    results = [_result(row, timings) for row in rows]
    print(_heading())
    print(_table(results))
    if options.json:
        options.json.write_text(json.dumps({"about": _about(), "rows": results}, indent=2) + "\n")
    return 0


def _result(row: Row, timings: dict[str, Timing]) -> dict[str, Any]:
    own, reference = timings[row.name], timings[row.reference]
    bare = timings[f"{row.name}: bare"].median if row.bare else 0.0
    base = reference.median
    if row.reference == REFERENCE_ASYNC:
        base -= timings["bare coroutine"].median
    overhead = own.median - bare
    return {
        "name": row.name,
        "nanoseconds": round(own.median),
        "spread": [round(own.low), round(own.high)],
        "overhead": round(overhead),
        "reference": row.reference,
        "reference_nanoseconds": round(base),
        "ratio": round(overhead / base, 3),
        "target": row.target,
    }


def _about() -> dict[str, str]:
    packages = ("prometheus-client", "wrapt", "prometheus-async")
    versions = {}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "absent"
    return {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system(), **versions}


def _heading() -> str:
    about = ", ".join(f"{name} {version}" for name, version in _about().items())
    return f"Nanoseconds, medians over interleaved rounds. Overhead is the call less the bare call.\n{about}\n"


def _table(results: list[dict[str, Any]]) -> str:
    head = ("", "ns", "quartiles", "overhead", "to", "ns", "ratio", "target")
    lines = [head]
    for each in results:
        verdict = ""
        if each["target"] is not None:
            verdict = f"≤ {each['target']:.2f} {'met' if each['ratio'] <= each['target'] else 'MISSED'}"
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
                verdict,
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    left = {0, 4, 7}
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


if __name__ == "__main__":
    raise SystemExit(main())
