"""The benchmark page, from what `make bench ARGS="--json docs/data/benchmarks.json"` measured."""

import json
from pathlib import Path
from typing import Any, Final

from docs.tools.markdown import code, generated, table

RESULTS: Final = Path(__file__).parent.parent / "data" / "benchmarks.json"
TRIED: Final = Path(__file__).parent.parent / "data" / "targets-missed.json"
"""Attempts for each missed target, by the name of its row."""

CALLS: Final = (
    "Call", "Overhead (ns)", "Quartiles", "Compared with", "(ns)", "Ratio",
    "Instructions", "There", "Ratio", "Target",
)  # fmt: skip


def page() -> str:
    """Return the page.

    Raises:
        LookupError: If a target is missed of which nobody says what was tried.
    """
    results: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    tried: dict[str, str] = json.loads(TRIED.read_text(encoding="utf-8"))
    about, rows = dict(results["about"]), results["rows"]
    date, machine, python = (about.pop(name) for name in ("date", "machine", "python"))
    versions = ", ".join(f"{name} {version}" for name, version in about.items() if version != "absent")
    parts = [
        generated(),
        "# Benchmarks",
        f"Measured on {date} with Python {python} on {machine}; {versions}. `make bench` measures on your machine.",
        "## Calls",
        "**Overhead** is the decorated call less the bare one, in nanoseconds of processor time: the median over "
        "rounds in which all rows take turns, and its quartiles. **Compared with** is what the same costs with the "
        "code in that column. A ratio below 1 is cheaper than that. **Instructions** are those of the same calls, as "
        "valgrind counts them; their number does not depend on what else the machine does.",
        table(
            CALLS,
            [_call(each) for each in rows if "overhead" in each],
        ),
        *(f"{each['name']}: {each['missing']}." for each in rows if "missing" in each),
        "## Everything else",
        table(
            ("Measurement", "Unit", "Here", "Quartiles", "Compared with", "There", "Ratio", "Target"),
            [_figure(each) for each in rows if "ours" in each],
        ),
        *_missed(rows, tried),
        "For the compared code and the limits of these figures see [What it costs](../explanation/costs.md).",
    ]
    return "\n\n".join(parts) + "\n"


def _call(row: dict[str, Any]) -> tuple[str, ...]:
    reference = row["reference"]
    return (
        row["name"],
        f"{row['overhead']:,}",
        _spread(row["spread"]),
        reference if reference.startswith("by hand") else code(reference),
        f"{row['reference_nanoseconds']:,}",
        f"{row['ratio']:.2f}",
        *_counted(row["instructions"]),
        _target(row),
    )


def _counted(counted: dict[str, Any] | None) -> tuple[str, ...]:
    if counted is None:
        return "", "", ""
    return f"{counted['overhead']:,}", f"{counted['reference']:,}", f"{counted['ratio']:.2f}"


def _figure(row: dict[str, Any]) -> tuple[str, ...]:
    there, ratio = row["theirs"], row["ratio"]
    return (
        row["name"],
        row["unit"],
        f"{row['ours']:,g}",
        _spread(row["spread"]),
        row["reference"],
        "" if there is None else f"{there:,g}",
        "" if ratio is None else f"{ratio:.2f}",
        _target(row),
    )


def _spread(quartiles: list[float] | None) -> str:
    return "" if quartiles is None else f"{quartiles[0]:,g} – {quartiles[1]:,g}"


def _measured(row: dict[str, Any]) -> float:
    """The quantity that the target limits: the ratio, or the figure itself where there is no comparison."""
    return float(row["ours"] if row["ratio"] is None else row["ratio"])


def _is_missed(row: dict[str, Any]) -> bool:
    return row.get("target") is not None and _measured(row) > row["target"]


def _target(row: dict[str, Any]) -> str:
    if row["target"] is None:
        return ""
    return f"≤ {row['target']:g}, {'**missed**' if _is_missed(row) else 'met'}"


def _missed(rows: list[dict[str, Any]], tried: dict[str, str]) -> list[str]:
    missed = [row for row in rows if _is_missed(row)]
    if not missed:
        return []
    silent = [row["name"] for row in missed if row["name"] not in tried]
    if silent:
        raise LookupError(f"{RESULTS} misses its target for {', '.join(silent)}: say in {TRIED} what was tried")
    items = [
        f"- **{row['name']}**: {_measured(row):.2f}, and the target is {row['target']:g}. {tried[row['name']]}"
        for row in missed
    ]
    return ["## Targets that are missed", "\n".join(items)]
