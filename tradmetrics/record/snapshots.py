"""Snapshots of a trading system's state into gauges: positions, P&L, capital, market, strategies.

A snapshot is a mapping, a dataclass, a pydantic model or any object; fields that are absent or None leave their gauge
alone. The snapshot decorators and the exporter's `update_*` calls both end here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from functools import partial, reduce
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from tradmetrics import catalogue
from tradmetrics.capture.sources import find
from tradmetrics.cardinality import Labels
from tradmetrics.errors import TradmetricsError
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.model.missing import MISSING
from tradmetrics.model.text import shown, text_of
from tradmetrics.registry.instrument import Instrument
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.storage.retired import creating
from tradmetrics.storage.series import Series
from tradmetrics.vocabulary.numbers import is_truth_value, number_of

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
POSITION: Final = ("strategy", "unrealized_pnl", "quantity")
"""Fields of a position."""
_MARKS: Final = tuple((name,) for name in POSITION)
_SESSION: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("open", "yes", "true", "1"), True),
    **dict.fromkeys(("closed", "no", "false", "0"), False),
}


def set_gauges(
    metrics: TradingMetrics,
    gauges: Mapping[str, MetricDefinition],
    values: Mapping[str, object],
    raw: tuple[object, ...] = (),
    *,
    site: str,
) -> None:
    """Set each gauge whose field has a value.

    Args:
        metrics: The metrics object to record to.
        gauges: Definitions by field.
        values: Values by field; None and `MISSING` are left out, and so is what the metrics object's `StrategyStats`
        feed, which
            is said in the log.
        raw: Label values, the same for all of them.
        site: Who records, for counting errors.
    """
    stats = metrics.strategy_stats
    for field, definition in gauges.items():
        value = values.get(field)
        if value is None or value is MISSING or (stats is not None and stats.refuses(definition, site=site)):
            continue
        metrics.record(definition, raw, value, site=site)


def set_market(metrics: TradingMetrics, values: Mapping[str, object], *, site: str) -> None:
    """Set the market's gauges: `vix`, `condition` (one-hot over the conditions seen), `session_open`."""
    set_gauges(metrics, {"vix": catalogue.MARKET_VIX}, values, site=site)
    session_open = values.get("session_open")
    if session_open is not None and session_open is not MISSING:
        try:
            is_open = _is_open(session_open)
        except Exception as error:
            metrics.fault(site, "value", error)
        else:
            metrics.record(catalogue.MARKET_SESSION_OPEN, (), float(is_open), site=site)
    condition = values.get("condition")
    if condition is not None and condition is not MISSING:
        resolved = metrics.resolve(catalogue.MARKET_CONDITION, (condition,), site=site)
        resolved.series.set(1.0)
        metrics.instrument(catalogue.MARKET_CONDITION).forget_others([resolved.labels], 0.0)


def _is_open(session: Any) -> bool:
    """Whether a session is open: a truth value of any library's, 1 or 0, or one of a few words.

    Raises:
        ValueError: When it is none of these.
    """
    if not isinstance(session, str | Enum):
        number = float(session) if is_truth_value(session) else number_of(session)
        if number in (0, 1):
            return number == 1
    word = text_of(session).lower()
    if word not in _SESSION:
        raise ValueError(f"session_open={shown(session)} is neither true or false nor one of {', '.join(_SESSION)}")
    return _SESSION[word]


class Reporter:
    """Somebody who reports positions, for as long as it is there; see `set_positions`."""

    __slots__ = ("__weakref__",)


class _Report(NamedTuple):
    """What a reporter said last: open positions by strategy's label, and their P&L, None where none was ever told."""

    counts: Mapping[Labels, int]
    unrealized: float | None


_NOTHING: Final = _Report({}, None)
_EXPLICIT_CALLS: Final = Reporter()
_reports: Final[WeakKeyDictionary[Instrument, WeakKeyDictionary[Reporter, _Report]]] = WeakKeyDictionary()


def set_positions(
    metrics: TradingMetrics,
    positions: Any,
    *,
    site: str,
    marks: Sequence[tuple[str, ...]] = _MARKS,
    field: Callable[[Any, str], object] | None = None,
    reporter: Reporter = _EXPLICIT_CALLS,
    stands_for: Iterable[Reporter] = (),
) -> None:
    """Count open positions by strategy, and add up their unrealized P&L.

    What several reporters report adds up. What a reporter reports takes the place of what it reported before: a
    strategy of its that has no positions any more no longer counts, and reads 0 when nobody else has any.

    Args:
        metrics: The metrics object to record to.
        positions: A position, an iterable of positions, or a mapping whose values they are; each a mapping or an
            object with `strategy`, `unrealized_pnl` and `quantity`, or some of these. A quantity of 0 is a closed
            position. What is no position is counted as an error; where nothing else is there, nothing is set.
        site: Who records, for counting errors.
        marks: Paths one of which at least leads somewhere in a position.
        field: Reads a field (`strategy`, `unrealized_pnl`, `quantity`) of a position; by default what is called so.
        reporter: Who reports; explicit calls are one.
        stands_for: Other reporters whose positions are among these.
    """
    try:
        items = _positions_in(positions, marks)
    except Exception as error:
        metrics.fault(site, "value", error)
        return
    field = field or partial(read, metrics, site)
    found = [item for item in items if _is_position(item, marks)]
    for item in items:
        if not _is_position(item, marks):
            metrics.fault(site, "value", TypeError(f"{shown(item)} is no position; {_lacks(marks)}"))
    if items and not found:
        return
    counts: dict[Labels, int] = {}
    serieses: dict[Labels, Series] = {}
    unrealized: list[float] = []
    is_open = [position for position in found if _number(metrics, site, field(position, "quantity")) != 0]
    for position in is_open:
        pnl = _number(metrics, site, field(position, "unrealized_pnl"))
        if pnl is not None:
            unrealized.append(pnl)
        strategy = field(position, "strategy")
        with _counting(metrics, site):
            resolved = metrics.resolve(catalogue.POSITIONS_OPEN, (strategy,), site=site)
            counts[resolved.labels] = counts.get(resolved.labels, 0) + 1
            serieses[resolved.labels] = resolved.series
    report = _Report(counts, math.fsum(unrealized) if unrealized or not is_open else None)
    total: float | None = None
    with _counting(metrics, site):
        total = _take_in(metrics, reporter, report, serieses, stands_for, site)
    if total is not None:
        metrics.record(catalogue.UNREALIZED_PNL, (), total, site=site)


def _take_in(
    metrics: TradingMetrics,
    reporter: Reporter,
    report: _Report,
    serieses: Mapping[Labels, Series],
    stands_for: Iterable[Reporter],
    site: str,
) -> float | None:
    """Take a report in, set the open positions, and return the P&L of all reports, None where it stays as it is."""
    instrument = metrics.instrument(catalogue.POSITIONS_OPEN)
    failures: list[Exception] = []
    with creating.held():
        reports = _reports.setdefault(instrument, WeakKeyDictionary())
        before = reports.get(reporter, _NOTHING)
        touched = report.counts.keys() | before.counts.keys()
        for other in stands_for:
            touched |= reports.pop(other, _NOTHING).counts.keys()
        keeps = report.unrealized is None
        reports[reporter] = report._replace(unrealized=before.unrealized) if keeps else report
        totals: dict[Labels, int] = {}
        for each in reports.values():
            for labels, count in each.counts.items():
                totals[labels] = totals.get(labels, 0) + count
        for labels in totals.keys() & touched:
            try:
                resolved = instrument.resolve(labels)  # elsewhere, where another's series was removed since
                series = serieses.get(labels, resolved.series if resolved.labels == labels else None)
                if series is not None:
                    series.set(float(totals[labels]))
            except Exception as error:
                failures.append(error)
        instrument.forget_others(totals, 0.0)
        shares = [each.unrealized or 0.0 for each in reports.values()]
    for failure in failures:  # the log may be anybody's code, which is not to run while the lock is held
        metrics.fault(site, "record", failure)
    return None if keeps else math.fsum(shares)


def _positions_in(positions: Any, marks: Sequence[tuple[str, ...]]) -> list[Any]:
    if isinstance(positions, (str, bytes)):
        raise TypeError("a text is no list of positions")
    items = list(items_of(positions))
    if len(items) != 1 or items[0] is not positions:
        return items
    if marks and _is_position(positions, marks):
        return [positions]
    if isinstance(positions, Mapping):
        return list(positions.values())
    if not isinstance(positions, Iterable):
        raise TypeError(f"{shown(positions)} is neither a position nor a list of them; {_lacks(marks)}")
    return list(positions)


def _is_position(item: Any, marks: Sequence[tuple[str, ...]]) -> bool:
    """Whether one of the paths leads somewhere, were it to what cannot be read."""
    try:
        return not marks or any(reduce(_step, path, item) is not MISSING for path in marks)
    except Exception:
        return True


def _step(item: Any, name: str) -> Any:
    return MISSING if item is MISSING else find(item, name)


def _lacks(marks: Sequence[tuple[str, ...]]) -> str:
    return f"it has none of the fields {', '.join(map('.'.join, marks))}"


@contextmanager
def _counting(metrics: TradingMetrics, site: str) -> Iterator[None]:
    """Count what fails, and go on."""
    try:
        yield
    except Exception as error:
        if metrics.strict and isinstance(error, TradmetricsError):
            raise
        metrics.fault(site, "record", error)


def read(metrics: TradingMetrics, site: str, item: Any, name: str) -> Any:
    """A field of an item; `MISSING` where there is none, and None where reading it failed, which is counted."""
    try:
        return find(item, name)
    except Exception as error:
        metrics.fault(site, "source", error)
        return None


def _number(metrics: TradingMetrics, site: str, value: object) -> float | None:
    if value is None or value is MISSING:
        return None
    try:
        return number_of(value)
    except Exception as error:
        metrics.fault(site, "value", error)
        return None


def items_of(snapshot: Any) -> Iterable[Any]:
    """The snapshots in what a function returned: a list's, tuple's or set's items, a table's rows, or the object."""
    kind = type(snapshot)  # not isinstance(), which asks the object for its __class__
    if hasattr(kind, "itertuples"):  # a DataFrame of pandas
        return snapshot.to_dict("records")  # type: ignore[no-any-return]
    return snapshot if issubclass(kind, (list, tuple, set, frozenset)) and not hasattr(kind, "_fields") else (snapshot,)
