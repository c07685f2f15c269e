"""Open positions into gauges, for the decorator, the exporter and the adapters alike.

A position is a mapping, a dataclass, a pydantic model or any object.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from tradmetrics import catalogue
from tradmetrics.cardinality import Labels
from tradmetrics.errors import TradmetricsError
from tradmetrics.model.missing import MISSING
from tradmetrics.model.text import shown, text_of
from tradmetrics.record.accounts import MOST_ACCOUNTS
from tradmetrics.record.amounts import amount_read
from tradmetrics.record.items import OPTIONAL, is_position, lacks, positions_in, read
from tradmetrics.registry.instrument import Instrument
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.storage.retired import creating
from tradmetrics.storage.series import Series
from tradmetrics.vocabulary.numbers import is_missing, number_of

POSITION: Final[Mapping[str, tuple[str, ...]]] = {
    "strategy": ("strategy",),
    "unrealized_pnl": ("unrealized_pnl",),
    "quantity": ("quantity",),
    "symbol": ("symbol", "tradingsymbol", "instrument", "ticker", "contract", "pair"),
    "currency": ("currency",),
}
"""Fields of a position, and what positions call them."""
MARKS: Final = ("strategy", "unrealized_pnl", "quantity")
"""Fields one of which at least a position has."""
_MARKS: Final = tuple((name,) for name in MARKS)
DUST: Final = 1e-9
"""Part of the largest size seen below which a position is closed: it is the rounding of floats."""
_MOST_SIZES: Final = 10_000


class Reporter:
    """A source of position reports, which count while it exists; see `set_positions`."""

    __slots__ = ("__weakref__",)


class _Report(NamedTuple):
    """The last report of a reporter.

    Attributes:
        counts: Open positions by strategy's label.
        unrealized: Their P&L; None where it never gave one.
        sizes: The largest size seen of each strategy's position in a symbol.
    """

    counts: Mapping[Labels, int]
    unrealized: float | None
    sizes: dict[tuple[str, str], float]


_NOTHING: Final = _Report({}, None, {})
_EXPLICIT_CALLS: Final = Reporter()
_accounts: Final[dict[str, Reporter]] = {}
_reports: Final[WeakKeyDictionary[Instrument, WeakKeyDictionary[Reporter, _Report]]] = WeakKeyDictionary()


def of_account(account: object) -> Reporter:
    """The reporter of explicit calls for an account; past a sensible number of accounts, of all calls together."""
    if is_missing(account):
        return _EXPLICIT_CALLS
    name = text_of(account)
    if name not in _accounts and len(_accounts) >= MOST_ACCOUNTS:
        return _EXPLICIT_CALLS
    return _accounts.setdefault(name, Reporter())


def set_positions(
    metrics: TradingMetrics,
    positions: Any,
    *,
    site: str,
    marks: Sequence[tuple[str, ...]] = _MARKS,
    field: Callable[[Any, str], object] | None = None,
    lot: object = None,
    currency: object = None,
    reporter: Reporter = _EXPLICIT_CALLS,
    stands_for: Iterable[Reporter] = (),
) -> None:
    """Count open positions by strategy, and add up their unrealized P&L.

    The reports of several reporters add up. A report takes the place of the reporter's last one: a strategy whose
    positions are gone no longer counts, and reads 0 when no other reporter has positions of it.

    Args:
        metrics: The metrics object to record to.
        positions: A position, an iterable of positions, or a mapping whose values they are; each a mapping or an
            object with `strategy`, `unrealized_pnl` and `quantity`, or some of these. A position is closed if its
            quantity is 0, or a rest below a billionth of the largest size seen. Any other item counts as an error; if
            there is nothing else, nothing is set.
        site: The recording site, for counting errors.
        marks: Paths one of which at least leads somewhere in a position.
        field: Reads a field (a key of `POSITION`) of a position; by default what positions call it.
        lot: The smallest size that can be traded; a position below it is closed.
        currency: The currency of positions that name none.
        reporter: The reporter; all explicit calls without an account are one.
        stands_for: Other reporters whose positions are among these.
    """
    try:
        items = positions_in(positions, marks)
    except Exception as error:
        metrics.fault(site, "value", error)
        return
    field = field or partial(_read_any, metrics, site)
    found = []
    for item in items:
        if is_position(item, marks):
            found.append(item)
        else:
            metrics.fault(site, "value", TypeError(f"{shown(item)} is not a position; {lacks(marks)}"))
    if items and not found:
        return
    counts: dict[Labels, int] = {}
    serieses: dict[Labels, Series] = {}
    unrealized: list[float] = []
    sizes = _sizes(metrics, reporter)
    smallest = amount_read(metrics, lot, site=site) or 0.0
    is_open = 0
    for position in found:
        strategy = field(position, "strategy")
        size = _number(metrics, site, field(position, "quantity"))
        if size is not None and _is_closed(abs(size), smallest, sizes, strategy, field(position, "symbol")):
            continue
        is_open += 1
        told = field(position, "currency")
        pnl = amount_read(metrics, field(position, "unrealized_pnl"), currency if is_missing(told) else told, site=site)
        if pnl is not None:
            unrealized.append(pnl)
        with _counting(metrics, site):
            resolved = metrics.resolve(catalogue.POSITIONS_OPEN, (strategy,), site=site)
            counts[resolved.labels] = counts.get(resolved.labels, 0) + 1
            serieses[resolved.labels] = resolved.series
    report = _Report(counts, math.fsum(unrealized) if unrealized or not is_open else None, sizes)
    total: float | None = None
    with _counting(metrics, site):
        total = _take_in(metrics, reporter, report, serieses, stands_for, site)
    if total is not None:
        metrics.record(catalogue.UNREALIZED_PNL, (), total, site=site)


def _sizes(metrics: TradingMetrics, reporter: Reporter) -> dict[tuple[str, str], float]:
    """The largest sizes that a reporter has reported so far."""
    with suppress(Exception):  # counted where the positions are
        reports = _reports.get(metrics.instrument(catalogue.POSITIONS_OPEN))
        before = None if reports is None else reports.get(reporter)
        if before is not None:
            return before.sizes
    return {}


def _is_closed(size: float, lot: float, sizes: dict[tuple[str, str], float], strategy: object, symbol: object) -> bool:
    """Whether a position is closed: its size is 0, below a lot, or the rounding of a larger one."""
    key = (_text(strategy), _text(symbol))
    largest = max(size, sizes.pop(key, 0.0))
    if len(sizes) >= _MOST_SIZES:
        sizes.pop(next(iter(sizes)), None)
    sizes[key] = largest
    return size == 0 or size < largest * DUST or size < lot


def _text(value: object) -> str:
    try:
        return "" if value is MISSING else text_of(value)
    except Exception:
        return ""  # where it is a label, recording counts that


def _read_any(metrics: TradingMetrics, site: str, position: Any, name: str) -> Any:
    """A field of a position under the first of its names that the position has."""
    for each in POSITION[name]:
        value = read(metrics, site, position, each, optional=name in OPTIONAL)
        if value is not MISSING:
            return value
    return MISSING


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
    for failure in failures:  # a log handler may be user code, which must not run while the lock is held
        metrics.fault(site, "record", failure)
    return None if keeps else math.fsum(shares)


@contextmanager
def _counting(metrics: TradingMetrics, site: str) -> Iterator[None]:
    """Count what fails, and go on."""
    try:
        yield
    except Exception as error:
        if metrics.strict and isinstance(error, TradmetricsError):
            raise
        metrics.fault(site, "record", error)


def _number(metrics: TradingMetrics, site: str, value: object) -> float | None:
    if is_missing(value):
        return None
    try:
        return number_of(value)
    except Exception as error:
        metrics.fault(site, "value", error)
        return None
