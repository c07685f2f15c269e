"""The bots in a few lines of text, for a terminal: P&L, positions, orders, silent symbols, errors, alerts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tradmetrics.board.answers import Answers, Choice
from tradmetrics.board.formatting import shown
from tradmetrics.board.panels import Dashboard, Query
from tradmetrics.board.query import Sample, parse
from tradmetrics.board.query.samples import Labels
from tradmetrics.board.watch import Watch

_BOTS: Final = "Bots side by side"
_MOST: Final = 8


def _query(text: str) -> Query:
    return Query("A", text, parse(text), "")


_ORDERS: Final = {
    name: _query(f"sum by (instance) (trading_orders_{name}_total)")
    for name in ("submitted", "filled", "rejected", "cancelled", "unknown")
}
_POSITIONS: Final = _query("sum by (instance, strategy) (trading_positions_open)")
_LAST: Final = "max by (instance, symbol) (trading_market_data_last_update_timestamp_seconds)"
_SILENT: Final = _query(f"topk(5, time() - {_LAST})")
_ERRORS: Final = _query("sum by (instance, component, severity) (trading_system_errors_total) > 0")
_PNL: Final = _query("sum by (instance) (trading_daily_pnl)")


@dataclass(frozen=True)
class Summary:
    """The content of the terminal.

    Attributes:
        headings: Of the table of bots.
        rows: Of the table of bots: texts with the names of their colours.
        orders: A line for each bot.
        positions: A line for each strategy with open positions.
        silent: The symbols that have been silent for longest.
        errors: Errors of the bots by component.
        alerts: The alerts that fire, as severity and text.
        pnl: For each bot its P&L over the last minutes.
    """

    headings: list[str]
    rows: list[list[tuple[str, str]]]
    orders: list[str]
    positions: list[str]
    silent: list[str]
    errors: list[str]
    alerts: list[tuple[str, str]]
    pnl: dict[str, list[float]]


async def summarise(watch: Watch, answers: Answers, main: Dashboard) -> Summary:
    """Ask for everything that a terminal shows."""
    choice = Choice(300.0)
    table = next(panel for panel in main.panels() if panel.title == _BOTS)
    columns = [
        {sample.labels.get("instance", ""): sample.value for sample in await answers.now(query, choice)}
        for query in table.queries
    ]
    rows = []
    for watched in watch.scraper.watched:
        name = watched.target.name
        row = [(name, "")]
        for (_, look), values in zip(table.columns, columns, strict=True):
            if name not in values:
                row.append(("-", "none"))
            else:
                number = values[name]
                text = look.words[number][0] if number in look.words else shown(number, look.unit, look.decimals)
                row.append((text, look.colour(number)))
        rows.append(row)
    counts = {name: await answers.now(query, choice) for name, query in _ORDERS.items()}
    names = [watched.target.name for watched in watch.scraper.watched]
    orders = ["  ".join([bot, *(f"{word} {_of(found, bot)}" for word, found in counts.items())]) for bot in names]
    curve = await answers.curve(_PNL, choice)
    return Summary(
        ["Bot", *(title for title, _ in table.columns)],
        rows,
        orders,
        _lines([(each.labels, each.value) for each in await answers.now(_POSITIONS, choice) if each.value], "locale"),
        _silent(await answers.now(_SILENT, choice)),
        _lines([(each.labels, each.value) for each in await answers.now(_ERRORS, choice)], "locale"),
        [
            (each.alert.labels.get("severity", ""), each.alert.annotations.get("summary", each.alert.rule.name))
            for each in watch.standing()
            if not each.muted
        ],
        {
            labels.get("instance", ""): [value for value in values if value is not None]
            for labels, values in curve.series.values()
        },
    )


def _of(samples: Sequence[Sample], name: str) -> str:
    found = [each.value for each in samples if each.labels.get("instance") == name]
    return f"{found[0]:,.0f}" if found else "-"


def _silent(found: Sequence[Sample]) -> list[str]:
    lines = _lines([(each.labels, each.value) for each in found if each.value > 5], "s")
    return lines if found else ["no bot reports market data"]


def _lines(found: list[tuple[Labels, float]], unit: str) -> list[str]:
    ordered = sorted(found, key=lambda each: -each[1])
    return [f"{' '.join(labels.values())}  {shown(value, unit)}" for labels, value in ordered[:_MOST]]


def as_text(summary: Summary) -> str:
    """Return the summary as plain text."""
    table = [summary.headings, *([text for text, _ in row] for row in summary.rows)]
    widths = [max(len(row[place]) for row in table) for place in range(len(summary.headings))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in table]
    for title, found in sections(summary):
        lines += ["", f"{title}:", *(f"  {each}" for each in found)]
    return "\n".join(lines)


def sections(summary: Summary) -> list[tuple[str, list[str]]]:
    """Return the titled lists below the table."""
    return [
        ("Orders", summary.orders),
        ("Positions", summary.positions or ["no open position"]),
        ("Silent symbols", summary.silent or ["every symbol is fresh"]),
        ("Errors", summary.errors or ["no error"]),
        ("Alerts", [f"{severity}: {text}" for severity, text in summary.alerts] or ["no alert fires"]),
    ]
