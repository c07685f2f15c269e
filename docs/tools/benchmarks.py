"""The benchmark page, from what `make bench ARGS="--json docs/data/benchmarks.json"` measured."""

import json
from pathlib import Path
from typing import Any, Final

from docs.tools.markdown import code, generated, table

RESULTS: Final = Path(__file__).parent.parent / "data" / "benchmarks.json"


def page() -> str:
    """Return the page."""
    results: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    about = dict(results["about"])
    date, machine, python = (about.pop(name) for name in ("date", "machine", "python"))
    versions = ", ".join(f"{name} {version}" for name, version in about.items() if version != "absent")
    calls = [_call(each) for each in results["rows"] if "overhead" in each]
    figures = [_figure(each) for each in results["rows"] if "ours" in each]
    parts = [
        generated(),
        "# Benchmarks",
        f"Measured on {date} with Python {python} on {machine}; {versions}. `make bench` measures on your machine.",
        "## Calls",
        "**Overhead** is the decorated call less the bare one, the median over interleaved rounds, in nanoseconds. "
        "**By hand** is what the same would cost with the code in that column. A ratio below 1 is cheaper than that.",
        table(("What is called", "Overhead (ns)", "By hand", "(ns)", "Ratio", "Target"), calls),
        "## Everything else",
        table(("What is measured", "Unit", "Here", "Compared with", "There", "Ratio", "Target"), figures),
        "What is compared, and what these figures leave out, is in [What it costs](../explanation/costs.md).",
    ]
    return "\n\n".join(parts) + "\n"


def _call(row: dict[str, Any]) -> tuple[str, ...]:
    reference = row["reference"]
    return (
        row["name"],
        f"{row['overhead']:,}",
        reference if reference.startswith("by hand") else code(reference),
        f"{row['reference_nanoseconds']:,}",
        f"{row['ratio']:.2f}",
        _target(row),
    )


def _figure(row: dict[str, Any]) -> tuple[str, ...]:
    there, ratio = row["theirs"], row["ratio"]
    return (
        row["name"],
        row["unit"],
        f"{row['ours']:,g}",
        row["reference"],
        "" if there is None else f"{there:,g}",
        "" if ratio is None else f"{ratio:.2f}",
        _target(row),
    )


def _target(row: dict[str, Any]) -> str:
    return "" if row["target"] is None else f"≤ {row['target']:g}"
