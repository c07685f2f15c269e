"""The report as tables."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tradmetrics.check.flags import MEANINGS
from tradmetrics.check.report import FunctionReport, LabelReport, Report

_MOST_VALUES = 12


def show(report: Report, max_series: int | None) -> None:
    """Print the report.

    Args:
        report: The report.
        max_series: The most series that are wanted, or None.
    """
    console = Console(highlight=False, soft_wrap=False)
    for function in report.functions:
        _show_function(console, function)
    if not report.functions:
        console.print("No decorated function there. A package's modules count once importing it has loaded them.")
        return
    console.print(_summary(report))
    flags = f"{report.flagged} flag{'' if report.flagged == 1 else 's'}"
    limit = "" if max_series is None else f" of {max_series:,} allowed"
    style = "bold red" if max_series is not None and report.total > max_series else "bold"
    console.print(
        Text(f"{report.total:,} series{limit}", style), Text(f", {flags}", "yellow" if report.flagged else ""), sep=""
    )


def _show_function(console: Console, function: FunctionReport) -> None:
    console.print(Text.assemble((function.name, "bold"), "  ", (f"@{function.decorator}", "cyan")))
    table = Table(box=None, padding=(0, 2, 0, 2), show_header=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    for label in function.labels:
        table.add_row(label.name, label.source, _values(label))
    for value in function.values:
        table.add_row(value.name, value.source, "an amount")
    if function.labels or function.values:
        console.print(table)
    flagged = [(each.name, each.source, each.flags) for each in function.labels]
    flagged += [(each.name, each.source, each.flags) for each in function.values]
    for name, source, flags in flagged:
        for flag in flags:
            console.print(Text(f"  ! {name}={source} {MEANINGS[flag]}", "yellow"))
    width = max((len(f"{each.worst_case_series:,}") for each in function.metrics), default=0)
    for metric in function.metrics:
        console.print(f"  {metric.worst_case_series:>{width},} × {metric.name}")
    console.print()


def _values(label: LabelReport) -> str:
    if label.domain is None:
        return f"not known, at most {label.budget:,}" if label.budget is not None else "not known"
    more = len(label.domain) - _MOST_VALUES
    return ", ".join(label.domain[:_MOST_VALUES]) + (f" and {more} more" if more > 0 else "")


def _summary(report: Report) -> Table:
    table = Table("metric", title="At most", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    table.columns[0].overflow = "fold"
    table.add_column("series", justify="right")
    table.add_column("samples a scrape", justify="right")
    for metric in sorted(report.metrics, key=lambda each: (-each.worst_case_series, each.name)):
        table.add_row(metric.name, f"{metric.worst_case_series:,}", f"{metric.worst_case_samples:,}")
    return table
