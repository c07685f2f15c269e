"""Snapshots of a trading system's state into gauges: positions, P&L, capital, market, strategies.

A snapshot is a mapping, a dataclass, a pydantic model or any object; fields that are absent or None leave their gauge
alone. The snapshot decorators and the exporter's `update_*` calls both end here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from tradmetrics import catalogue
from tradmetrics.book import TradingMetrics
from tradmetrics.definition import MetricDefinition
from tradmetrics.errors import TradmetricsError
from tradmetrics.labels import MISSING, find
from tradmetrics.series import Series
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
        resolved = book.resolve(catalogue.MARKET_CONDITION, (condition,), site=site)
        resolved.series.set(1.0)
        book.instrument(catalogue.MARKET_CONDITION).forget_others([resolved.labels], 0.0)


def set_positions(book: TradingMetrics, positions: Any, *, site: str) -> None:
    """Count open positions by strategy, and add up their unrealized P&L.

    Args:
        book: The book to record to.
        positions: An iterable of positions, or a mapping whose values they are; each a mapping or an object with
            `strategy`, `unrealized_pnl`, and optionally `quantity`, 0 of which is a closed position. A strategy that
            had positions before and has none now reads 0.
        site: Who records, for counting errors.
    """
    try:
        if isinstance(positions, (str, bytes)):
            raise TypeError("a text is no list of positions")
        items = list(positions.values() if isinstance(positions, Mapping) else positions)
    except Exception as error:
        book.fault(site, "value", error)
        return
    counts: dict[tuple[str, ...], int] = {}
    serieses: dict[tuple[str, ...], Series] = {}
    unrealized: list[float] = []
    is_open = [position for position in items if _number(book, site, position, "quantity") != 0]
    for position in is_open:
        pnl = _number(book, site, position, "unrealized_pnl")
        if pnl is not None:
            unrealized.append(pnl)
        strategy = read(book, site, position, "strategy")
        with _counting(book, site):
            resolved = book.resolve(catalogue.POSITIONS_OPEN, (strategy,), site=site)
            counts[resolved.labels] = counts.get(resolved.labels, 0) + 1
            serieses[resolved.labels] = resolved.series
    for labels, count in counts.items():
        with _counting(book, site):
            serieses[labels].set(float(count))
    with _counting(book, site):
        book.instrument(catalogue.POSITIONS_OPEN).forget_others(counts, 0.0)
    if unrealized or not is_open:
        book.record(catalogue.UNREALIZED_PNL, (), math.fsum(unrealized), site=site)


@contextmanager
def _counting(book: TradingMetrics, site: str) -> Iterator[None]:
    """Count what fails, and go on."""
    try:
        yield
    except Exception as error:
        if book.strict and isinstance(error, TradmetricsError):
            raise
        book.fault(site, "record", error)


def read(book: TradingMetrics, site: str, item: Any, name: str) -> Any:
    """A field of an item; `MISSING` where there is none, or where reading it failed, which is counted."""
    try:
        return find(item, name)
    except Exception as error:
        book.fault(site, "source", error)
        return MISSING


def _number(book: TradingMetrics, site: str, item: Any, name: str) -> float | None:
    value = read(book, site, item, name)
    if value is None or value is MISSING:
        return None
    try:
        return number_of(value)
    except Exception as error:
        book.fault(site, "value", error)
        return None


def items_of(snapshot: Any) -> Iterable[Any]:
    """The snapshots in what a function returned: the items of a list, tuple or set, or the one object itself."""
    # Not isinstance(), which asks the object for its __class__.
    kind = type(snapshot)
    return snapshot if issubclass(kind, (list, tuple, set, frozenset)) and not hasattr(kind, "_fields") else (snapshot,)
