"""The benchmark page, from what `python -m tests.bench --json` measured on a plain and on an optimised Python."""

import json
from pathlib import Path
from typing import Any, Final

from docs.tools.markdown import code, generated, table

DATA: Final = Path(__file__).parent.parent / "data"
RESULTS: Final = DATA / "benchmarks.json"
OPTIMISED: Final = DATA / "benchmarks-optimised.json"
"""The same rows on a build of Python with profile-guided and link-time optimisation; each has a target of its own."""
TRIED: Final = DATA / "targets-missed.json"
"""Attempts for each missed target, by the name of its row."""

CALLS: Final = (
    "Call", "Overhead (ns)", "Quartiles", "Compared with", "(ns)", "Ratio", "Target",
    "Instructions", "There", "Ratio", "Optimised: (ns)", "There", "Ratio", "Target",
)  # fmt: skip
FIGURES: Final = (
    "Measurement", "Unit", "Here", "Quartiles", "Compared with", "There", "Ratio", "Target",
    "Optimised: here", "There", "Ratio", "Target",
)  # fmt: skip

Row = dict[str, Any]


def page() -> str:
    """Return the page.

    Raises:
        LookupError: If a missed target has no text that says what was tried, or if a target that is met has one.
    """
    results, optimised = (json.loads(path.read_text(encoding="utf-8")) for path in (RESULTS, OPTIMISED))
    tried: dict[str, str] = json.loads(TRIED.read_text(encoding="utf-8"))
    about, rows = dict(results["about"]), results["rows"]
    others = {row["name"]: row for row in optimised["rows"] if "missing" not in row}
    date, machine, python = (about.pop(name) for name in ("date", "machine", "python"))
    versions = ", ".join(f"{name} {version}" for name, version in about.items() if version not in ("absent", "plain"))
    parts = [
        generated(),
        "# Benchmarks",
        f"Measured on {date} with Python {python} on {machine}; {versions}. `make bench` measures on your machine.",
        f"The columns **optimised** show the same on a distribution's Python {optimised['about']['python']}, which is "
        "built with profile-guided and link-time optimisation. prometheus_client's Python code gains more by that than "
        "a few steps in C do, so the ratios are higher, and so are the targets.",
        "## Calls",
        "**Overhead** is the decorated call less the bare one, in nanoseconds of processor time: the median over "
        "rounds in which all rows take turns, and its quartiles. **Compared with** is what the same costs with the "
        "code in that column. A ratio below 1 is cheaper than that. **Instructions** are those of the same calls, as "
        "valgrind counts them; their number does not depend on what else the machine does.",
        table(CALLS, [_call(each, others.get(each["name"])) for each in rows if "overhead" in each]),
        *(f"{each['name']}: {each['missing']}." for each in rows if "missing" in each),
        "## Everything else",
        table(FIGURES, [_figure(each, others.get(each["name"])) for each in rows if "ours" in each]),
        *_missed(rows, others, tried),
        "For the compared code and the limits of these figures see [What it costs](../explanation/costs.md).",
    ]
    return "\n\n".join(parts) + "\n"


def _call(row: Row, optimised: Row | None) -> tuple[str, ...]:
    reference = row["reference"]
    return (
        row["name"],
        f"{row['overhead']:,}",
        _spread(row["spread"]),
        reference if reference.startswith("by hand") else code(reference),
        f"{row['reference_nanoseconds']:,}",
        f"{row['ratio']:.2f}",
        _target(row),
        *_counted(row["instructions"]),
        *_beside(optimised, "overhead", "reference_nanoseconds"),
    )


def _beside(row: Row | None, ours: str, theirs: str) -> tuple[str, ...]:
    """The columns of the optimised build."""
    if row is None:
        return "", "", "", ""
    return _number(row[ours]), _number(row[theirs]), _ratio(row), _target(row)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,g}" if isinstance(value, float) else f"{value:,}"


def _ratio(row: Row) -> str:
    return "" if row["ratio"] is None else f"{row['ratio']:.2f}"


def _counted(counted: Row | None) -> tuple[str, ...]:
    if counted is None:
        return "", "", ""
    return f"{counted['overhead']:,}", f"{counted['reference']:,}", f"{counted['ratio']:.2f}"


def _figure(row: Row, optimised: Row | None) -> tuple[str, ...]:
    return (
        row["name"],
        row["unit"],
        _number(row["ours"]),
        _spread(row["spread"]),
        row["reference"],
        _number(row["theirs"]),
        _ratio(row),
        _target(row),
        *_beside(optimised, "ours", "theirs"),
    )


def _spread(quartiles: list[float] | None) -> str:
    return "" if quartiles is None else f"{quartiles[0]:,g} – {quartiles[1]:,g}"


def _measured(row: Row) -> float:
    """The quantity that the target limits: the ratio, or the figure itself where there is no comparison."""
    return float(row["ours"] if row["ratio"] is None else row["ratio"])


def _is_missed(row: Row) -> bool:
    return row.get("target") is not None and _measured(row) > row["target"]


def _target(row: Row) -> str:
    if row["target"] is None:
        return ""
    return f"≤ {row['target']:g}, {'**missed**' if _is_missed(row) else 'met'}"


def _missed(rows: list[Row], others: dict[str, Row], tried: dict[str, str]) -> list[str]:
    missed: dict[str, list[str]] = {}
    for build, found in (("", rows), (" on the optimised build", others.values())):
        for row in found:
            if _is_missed(row):
                missed.setdefault(row["name"], []).append(f"{_measured(row):.2f}{build} (≤ {row['target']:g})")
    silent, met = (", ".join(sorted(names)) for names in (missed.keys() - tried.keys(), tried.keys() - missed.keys()))
    if silent:
        raise LookupError(f"{RESULTS} misses its target for {silent}: say in {TRIED} what was tried")
    if met:
        raise LookupError(f"{TRIED} speaks of {met}, and {RESULTS} misses no target there: delete that")
    if not missed:
        return []
    items = [f"- **{name}**: {', '.join(measured)}. {tried[name]}" for name, measured in missed.items()]
    return ["## Targets that are missed", "\n".join(items)]
