"""Snapshots of a trading system's state into gauges: positions, P&L, capital, market, strategies.

A snapshot is a mapping, a dataclass, a pydantic model or any object; fields that are absent or None leave their gauge
alone. The snapshot decorators and the exporter's `update_*` calls both end here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from tradmetrics import catalogue
from tradmetrics.book import TradingMetrics
from tradmetrics.definition import MetricDefinition
from tradmetrics.labels import MISSING, follow_if_there
from tradmetrics.values import Switch, number_of

PNL: Final[Mapping[str, MetricDefinition]] = {
    "daily": catalogue.DAILY_PNL,
    "daily_pct": catalogue.DAILY_PNL_PERCENT,
    "unrealized": catalogue.UNREALIZED_PNL,
    "realized": catalogue.REALIZED_PNL,
}
CAPITAL: Final[Mapping[str, MetricDefinition]] = {
    "total": catalogue.CAPITAL_TOTAL,
    "used": catalogue.CAPITAL_USED,
    "available": catalogue.CAPITAL_AVAILABLE,
    "utilization": catalogue.CAPITAL_UTILIZATION,
    "margin_used": catalogue.MARGIN_USED,
    "margin_available": catalogue.MARGIN_AVAILABLE,
}
STRATEGY: Final[Mapping[str, MetricDefinition]] = {
    "win_rate": catalogue.STRATEGY_WIN_RATE,
    "avg_pnl": catalogue.STRATEGY_AVG_PNL,
    "sharpe_ratio": catalogue.STRATEGY_SHARPE_RATIO,
    "trades_today": catalogue.STRATEGY_TRADES_TODAY,
}
"""Fields of a snapshot and the gauge each sets."""


def set_gauges(
    book: TradingMetrics,
    gauges: Mapping[str, MetricDefinition],
    values: Mapping[str, object],
    raw: tuple[object, ...] = (),
    *,
    site: str,
) -> None:
    """Set each gauge whose field has a value.

    Args:
        book: The book to record to.
        gauges: Definitions by field.
        values: Values by field; None and `MISSING` are left out.
        raw: Label values, the same for all of them.
        site: Who records, for counting errors.
    """
    for field, definition in gauges.items():
        value = values.get(field)
        if value is not None and value is not MISSING:
            book.record(definition, raw, value, site=site)


def set_market(book: TradingMetrics, values: Mapping[str, object], *, site: str) -> None:
    """Set the market's gauges: `vix`, `condition` (one-hot over the conditions seen), `session_open`."""
    set_gauges(book, {"vix": catalogue.MARKET_VIX}, values, site=site)
    session_open = values.get("session_open")
    if session_open is not None and session_open is not MISSING:
        book.record(catalogue.MARKET_SESSION_OPEN, (), Switch(session_open), site=site)
    condition = values.get("condition")
    if condition is not None and condition is not MISSING:
        book.record(catalogue.MARKET_CONDITION, (condition,), 1.0, site=site)
        instrument = book.instrument(catalogue.MARKET_CONDITION)
        instrument.forget_others([instrument.resolve((condition,)).labels], 0.0)


def set_positions(book: TradingMetrics, positions: Any, *, site: str) -> None:
    """Count open positions by strategy, and add up their unrealized P&L.

    Args:
        book: The book to record to.
        positions: An iterable of positions, or a mapping whose values they are; each a mapping or an object with
            `strategy`, `unrealized_pnl`, and optionally `quantity`, 0 of which is a closed position. A strategy that
            had positions before and has none now reads 0.
        site: Who records, for counting errors.
    """
    counts: dict[tuple[str, ...], int] = {}
    unrealized, known, empty = 0.0, False, True
    instrument = book.instrument(catalogue.POSITIONS_OPEN)
    for position in _items(positions):
        quantity = follow_if_there(position, ("quantity",))
        if quantity is not None and quantity is not MISSING and number_of(quantity) == 0:
            continue
        empty = False
        strategy = follow_if_there(position, ("strategy",))
        resolved = instrument.resolve((strategy,))
        if resolved.collapsed or resolved.problems:
            book.series(catalogue.POSITIONS_OPEN, (strategy,), site=site)  # counts them
        counts[resolved.labels] = counts.get(resolved.labels, 0) + 1
        pnl = follow_if_there(position, ("unrealized_pnl",))
        if pnl is not None and pnl is not MISSING:
            known = True
            try:
                unrealized += number_of(pnl)
            except Exception as error:
                book.fault(site, "value", error)
    for labels, count in counts.items():
        book.record(catalogue.POSITIONS_OPEN, labels, count, site=site)
    instrument.forget_others(counts, 0.0)
    if known or empty:
        book.record(catalogue.UNREALIZED_PNL, (), unrealized, site=site)


def _items(snapshot: Any) -> Iterable[Any]:
    """The positions of a mapping or an iterable."""
    return snapshot.values() if isinstance(snapshot, Mapping) else snapshot


def items_of(snapshot: Any) -> Iterable[Any]:
    """The snapshots in what a function returned: the items of a list, tuple or set, or the one object itself."""
    return (
        snapshot
        if isinstance(snapshot, (list, tuple, set, frozenset)) and not hasattr(snapshot, "_fields")
        else (snapshot,)
    )
