"""Fail when a decorated call has become dearer: `python -m tests.bench.regressions [--accept]`.

The tracked rows are measured in instructions, or in processor time where valgrind is missing. Code that waits for
memory hides from a count of instructions, so the rows of the order tracker are measured in processor time as well. The
ratios to hand-written code are compared with those accepted, which stand beside this file for each version and build of
Python: exits 1 where one has risen by more than a quarter of its instructions, or by more than half of its time, which
varies.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench import builds
from tests.bench.harness import measure
from tests.bench.instructions import NotCountedError, count

ACCEPTED = Path(__file__).with_name("accepted.json")
TOLERANCES = {"instructions": 0.25, "time": 0.5}
BOUND_BY_MEMORY = "order lifecycle"
"""How the names of the tracker's rows begin."""
PACKAGES = ("prometheus-client", "prometheus-async", "wrapt")
INSTRUCTIONS, TIME = "instructions", "time"
HOW_TO_ACCEPT = f"run `make bench-accept`, and commit tests/bench/{ACCEPTED.name} with the reason"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and compare with what is accepted, or accept it.

    Args:
        arguments: The command line, without the program's name.

    Returns:
        0, or 1 where a ratio has risen too far.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.bench.regressions", description=__doc__)
    parser.add_argument("--accept", action="store_true", help="take what is measured as the new measure")
    options = parser.parse_args(arguments)
    try:
        measured = {INSTRUCTIONS: instructions()}
    except NotCountedError as error:
        if options.accept:
            print(f"Only instructions are accepted, and they cannot be counted: {error}", file=sys.stderr)
            return 1
        print(f"Instructions cannot be counted ({error}); processor time is compared instead, which varies more.")
        measured = {TIME: seconds()}
    record = json.loads(ACCEPTED.read_text(encoding="utf-8")) if ACCEPTED.exists() else {}
    if options.accept:
        timed = seconds()
        ratios = {name: {INSTRUCTIONS: ratio, TIME: timed[name]} for name, ratio in measured[INSTRUCTIONS].items()}
        record[builds.PYTHON] = {"about": versions(), "rows": ratios}
        ordered = {python: record[python] for python in sorted(record, key=lambda each: (_number(each), each))}
        ACCEPTED.write_text(json.dumps(ordered, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"accepted for Python {builds.PYTHON}: {ACCEPTED}")
        return 0
    entry = nearest(record, builds.PYTHON)
    if TIME not in measured:
        measured[TIME] = seconds(BOUND_BY_MEMORY)
    wrong = []
    for unit, ratios in measured.items():
        beginning = BOUND_BY_MEMORY if unit == TIME and INSTRUCTIONS in measured else ""
        accepted = {name: row[unit] for name, row in entry["rows"].items() if name.startswith(beginning)}
        print(f"{f'Ratio to hand-written code, in {unit}':55}{'accepted':>9}{'now':>9}")
        for name, ratio in ratios.items():
            print(f"{name:55}{accepted.get(name, float('nan')):9.3f}{ratio:9.3f}")
        wrong += problems(accepted, ratios, unit)
    if wrong:
        print("", *wrong, *differences(entry["about"], versions()), sep="\n", file=sys.stderr)
        print(f"Make it cheaper; or, if it is worth its price, {HOW_TO_ACCEPT}.", file=sys.stderr)
    return 1 if wrong else 0


def nearest(record: Mapping[str, Any], python: str) -> Any:
    """What is accepted for a version of Python: its own, else that of the last one before it, else of the first.

    A build of the same kind (see `builds`) comes before the others, if any is there.

    Args:
        record: What is accepted, by version and build.
        python: The version and the build.
    """
    alike = [each for each in record if _kind(each) == _kind(python)]
    ordered = sorted(alike or record, key=_number)
    found = max((each for each in ordered if _number(each) <= _number(python)), key=_number, default=ordered[0])
    if found != python:
        print(f"Nothing is accepted for Python {python} yet; this is compared with what is for {found}.")
    return record[found]


def _number(python: str) -> tuple[int, ...]:
    return tuple(map(int, python.partition(" ")[0].split(".")))


def _kind(python: str) -> str:
    return python.partition(" ")[2]


def problems(accepted: Mapping[str, float], measured: Mapping[str, float], unit: str) -> Iterator[str]:
    """Say which ratios have risen too far, and which rows have nothing to be compared with.

    Args:
        accepted: Ratios by row.
        measured: The same, as they are now.
        unit: What they are ratios of.
    """
    for name, before in accepted.items():
        if name not in measured:
            yield f"{name}: accepted at {before:.3f}, and no longer measured."
    for name, now in measured.items():
        if name not in accepted:
            yield f"{name}: measured at {now:.3f}, and never accepted."
        elif not now <= accepted[name] * (1 + TOLERANCES[unit]):
            yield (
                f"{name}: {accepted[name]:.3f} of the hand-written code's {unit} was accepted, now it is {now:.3f} "
                f"({now / accepted[name] - 1:+.0%}, at most {TOLERANCES[unit]:+.0%} passes)."
            )


def differences(accepted: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    """Say in which versions the two measurements differ; the hand-written code may have become cheaper.

    Args:
        accepted: Versions by name.
        now: The same, here.
    """
    for name, version in now.items():
        if accepted.get(name) != version:
            yield f"Accepted with {name} {accepted.get(name)}, measured with {version}."


def instructions() -> dict[str, float]:
    """Ratios of instructions by row."""
    return {name: round(each.ratio, 3) for name, each in count(tracked_only=True).items()}


def seconds(prefix: str = "") -> dict[str, float]:
    """Ratios of processor time by row, for the rows whose name begins with `prefix`."""
    from tests.bench.cases import rows  # decorates functions, which the tests of this module need not do

    tracked = [row for row in rows(others=False) if row.tracked and row.name.startswith(prefix)]
    timings = measure([row.comparison for row in tracked], rounds=15)
    return {row.name: round(timing.ratio, 3) for row, timing in zip(tracked, timings, strict=True)}


def versions() -> dict[str, Any]:
    """What the ratios depend on beside this library."""
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in PACKAGES}}


if __name__ == "__main__":
    raise SystemExit(main())
