"""The results of a run as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Result = dict[str, Any]
"""A row as it stands in the JSON: of a call, of a figure, or of what could not be measured."""


def calls(results: Iterable[Result]) -> str:
    """The table of the calls: times, and instructions where they were counted."""
    lines = [("", "ns", "quartiles", "compared with", "ns", "ratio", "instructions", "there", "ratio", "target")]
    for each in results:
        if "overhead" in each:
            low, high = each["spread"]
            counted = each["instructions"]
            lines.append(
                (
                    each["name"],
                    f"{each['overhead']:,}",
                    f"{low:,}-{high:,}",
                    each["reference"],
                    f"{each['reference_nanoseconds']:,}",
                    f"{each['ratio']:.2f}",
                    *(_counted(counted) if counted else ("", "", "")),
                    verdict(each),
                )
            )
    missing = [f"{each['name']}: {each['missing']}" for each in results if "missing" in each]
    return "\n".join([_aligned(lines, left={0, 3, 9}), *missing])


def _counted(counted: Result) -> tuple[str, str, str]:
    return f"{counted['overhead']:,}", f"{counted['reference']:,}", f"{counted['ratio']:.2f}"


def figures(results: Iterable[Result]) -> str:
    """The table of everything else."""
    lines = [("", "", "here", "quartiles", "compared with", "there", "ratio", "target")]
    for each in results:
        if "ours" in each:
            spread, theirs, ratio = each["spread"], each["theirs"], each["ratio"]
            lines.append(
                (
                    each["name"],
                    each["unit"],
                    f"{each['ours']:,g}",
                    "" if spread is None else f"{spread[0]:,g}-{spread[1]:,g}",
                    each["reference"],
                    "" if theirs is None else f"{theirs:,g}",
                    "" if ratio is None else f"{ratio:.2f}",
                    verdict(each),
                )
            )
    return _aligned(lines, left={0, 1, 4, 7})


def verdict(result: Result) -> str:
    """The target and whether it is met, or nothing where none is set."""
    met = is_met(result)
    return "" if met is None else f"≤ {result['target']:g} {'met' if met else 'MISSED'}"


def is_met(result: Result) -> bool | None:
    """Whether a row meets its target; None where none is set. What has no ratio is its own measure."""
    if result.get("target") is None:
        return None
    measured = result["ours"] if result["ratio"] is None else result["ratio"]
    return bool(measured <= result["target"])


def _aligned(lines: Sequence[tuple[str, ...]], left: set[int]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
