"""`StrategyStats`: win rate, average P&L, Sharpe ratio, trades of the day, daily P&L, drawdown: from trades alone."""

from __future__ import annotations

import math
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum
from functools import partial
from threading import Lock
from time import time
from typing import TYPE_CHECKING, Final, TypeAlias

from tradmetrics import catalogue
from tradmetrics.errors import ConfigurationError
from tradmetrics.model.missing import MISSING
from tradmetrics.record.figures import AccountFigures, StrategyFigures
from tradmetrics.record.trading_day import TradingDay
from tradmetrics.registry.errors_log import logger
from tradmetrics.storage.locks import hold_over_forks
from tradmetrics.vocabulary import fold as vocabulary

if TYPE_CHECKING:
    from tradmetrics.model.definition import MetricDefinition
    from tradmetrics.registry.metrics import TradingMetrics


# One lock for all, so that it can be taken around a fork (see series.py). No user code runs while it is held.
_taking_in: Final = Lock()
hold_over_forks(_taking_in)


class _Kind(Enum):
    """The kind of an event: a trade, the P&L of an earlier trade, a cash flow, or a transfer."""

    TRADE = 1
    PNL = 2
    CASH = 3
    TRANSFER = 4


_Event: TypeAlias = "tuple[float, TradingMetrics, _Kind, str, float | None]"


class StrategyStats:
    """Derived strategy figures, fed by `track_trade` and `record_trade`.

    Hand it to a metrics: `TradingMetrics(strategy_stats=StrategyStats(timezone="Asia/Kolkata"))`. At each scrape:

    - `trading_strategy_win_rate`: winning trades among those that won or lost (0 to 1);
    - `trading_strategy_avg_pnl`: mean P&L of a trade, in currency;
    - `trading_strategy_sharpe_ratio`: mean of the P&L per trade ÷ its sample standard deviation × √`periods_per_year`,
      from the second trade on: the ratio of W. F. Sharpe, "The Sharpe Ratio", Journal of Portfolio Management 21
      (1994), <https://web.stanford.edu/~wfsharpe/art/sr/sr.htm>, against a benchmark of zero, with a trade as the
      period and annualised by the square root of the number of periods in a year;
    - `trading_strategy_trades_today`: trades executed since the trading day began, with and without a P&L;
    - `trading_daily_pnl`: P&L of all strategies since the trading day began, and cash flows other than transfers;
    - `trading_max_drawdown`: largest fall of equity from its peak, in percent of the peak, at most 100. It has no value
      until the size of the account is known. Equity begins with `trading_capital_total`, as it stands at the first
      trade or at the first one after it was set. P&L and cash flows since then move it. A transfer (a deposit or a
      withdrawal) moves equity and peak alike.

    Cash flows come from `track_cash_flow`, `record_cash_flow` and the `fee=` of a trade. They never change win rate,
    average, Sharpe ratio or number of trades. A P&L that comes after its trade, under the same `trade_id`, completes
    that trade and does not count as a second one.

    Only executed trades count: one that raised, or whose status says that it failed, was rejected, cancelled or has
    expired, or is still on its way, does not; a status that nobody knows counts as executed.

    These six figures come from the trades alone. `track_pnl`, `track_strategy`, `update_pnl_metrics`,
    `update_strategy_metrics` and `update_drawdown` cannot set them in such a metrics object: a value for
    one of them is left out, with one log line for each figure; their other figures are set as usual. If your own
    figures are better, such as a P&L from the broker, leave `StrategyStats` out of the metrics object.

    Memory is constant for each strategy, and strategies are bounded by the label's budget.

    Args:
        reset_at: When the trading day begins, `HH:MM` in `timezone`.
        timezone: An IANA time zone, such as `Asia/Kolkata` or `America/New_York`.
        periods_per_year: Trades in a year, for the annualisation; 252 is one for each trading day.

    Raises:
        ConfigurationError: When the time, the time zone or the number of periods cannot be right.
    """

    def __init__(self, reset_at: str = "00:00", timezone: str = "UTC", periods_per_year: float = 252) -> None:
        self.reset_at = reset_at
        self.timezone = timezone
        self.periods_per_year = periods_per_year
        self._day = TradingDay(reset_at, timezone)
        number = isinstance(periods_per_year, int | float) and not isinstance(periods_per_year, bool)
        if not number or not 0 < periods_per_year < math.inf:
            raise ConfigurationError(f"StrategyStats: periods_per_year is above zero, not {periods_per_year!r}")
        self._clock: Callable[[], float] = time
        self._pending: deque[_Event] = deque()
        self._strategies: dict[str, StrategyFigures] = {}
        self._account = AccountFigures()
        self._refused: set[str] = set()

    def trade(
        self,
        metrics: TradingMetrics,
        strategy: object,
        pnl: float | None,
        *,
        site: str,
        status: object = None,
        dialect: str | None = None,
        completes: bool = False,
    ) -> None:
        """Take in one trade, if it was executed.

        Args:
            metrics: The metrics object that counts it.
            strategy: The strategy, as it came.
            pnl: Profit or loss in currency, or None where it is not known.
            site: The recording site, for counting errors.
            status: The trade's status, as it came; None is executed.
            dialect: The broker whose spellings the values have.
            completes: Whether the P&L belongs to a trade that was taken in before, and so adds no trade.
        """
        try:
            if not is_executed(status, dialect):
                return
            label = metrics.instrument(catalogue.STRATEGY_TRADES_TODAY).resolve((strategy,)).labels[0]
            kind = _Kind.PNL if completes else _Kind.TRADE
            self._pend((self._clock(), metrics, kind, label, pnl))
        except Exception as error:
            metrics.fault(site, "record", error)

    def cash(self, metrics: TradingMetrics, amount: float, *, transfer: bool, site: str) -> None:
        """Take in a cash flow: it moves the day's P&L and the equity, and never a strategy's figures.

        Args:
            metrics: The metrics object that counts it.
            amount: The amount in currency, negative where the account pays it.
            transfer: Whether it is a deposit or a withdrawal, which moves the equity and its peak alike, but no P&L.
            site: The recording site, for counting errors.
        """
        try:
            self._pend((self._clock(), metrics, _Kind.TRANSFER if transfer else _Kind.CASH, "", amount))
        except Exception as error:
            metrics.fault(site, "record", error)

    def refuses(self, definition: MetricDefinition, *, site: str) -> bool:
        """Whether a figure comes from the trades, and so cannot be set; the log says that once for each figure.

        Args:
            definition: The figure.
            site: The site that would set it.
        """
        if definition.name not in _FED:
            return False
        if definition.name not in self._refused:
            self._refused.add(definition.name)
            with suppress(Exception):  # a logger that fails costs nothing else
                logger.warning(
                    "%s: %s is not set: StrategyStats computes it from the trades, and that is "
                    "what is shown. To show yours, leave strategy_stats= out; to show that one, leave the "
                    "figure out here.",
                    site,
                    definition.name,
                    extra={"site": site, "metric": definition.name},
                )
        return True

    def _pend(self, event: _Event) -> None:
        self._pending.append(event)
        # The thread that holds the lock also takes in what is pending, so a signal handler never waits for the lock.
        if not _taking_in.locked():
            with _taking_in:
                self._take_in_all()

    def _take_in_all(self) -> None:
        while self._pending:
            self._take_in(*self._pending.popleft())

    def _take_in(self, now: float, metrics: TradingMetrics, kind: _Kind, label: str, amount: float | None) -> None:
        self._turn_day(now)
        account = self._account
        account.is_started = True
        self._size(metrics)
        if kind is _Kind.TRANSFER:
            account.transfer(amount or 0.0)
            return
        if kind is not _Kind.CASH:
            running = self._strategies.setdefault(label, StrategyFigures())
            if kind is _Kind.TRADE:
                running.today += 1
            if amount is not None:
                running.add(amount)
        if amount is not None:
            account.add(amount)

    def _size(self, metrics: TradingMetrics) -> None:
        """Begin the account's equity with its capital, once a source has told that."""
        if self._account.needs_size:
            capital = metrics.instrument(catalogue.CAPITAL_TOTAL)
            if len(capital):
                self._account.set_size(capital.resolve(()).series.value())

    def _turn_day(self, now: float) -> None:
        if self._day.turns(now):
            self._account.daily = 0.0
            for running in self._strategies.values():
                running.today = 0

    def expose(self, metrics: TradingMetrics) -> None:
        """Have the figures computed at every scrape of `metrics`; the metrics object does this when it is built."""
        figures: tuple[tuple[MetricDefinition, Callable[[StrategyFigures], float | None]], ...] = (
            (catalogue.STRATEGY_WIN_RATE, lambda running: running.win_rate()),
            (catalogue.STRATEGY_AVG_PNL, lambda running: running.mean if running.count else None),
            (catalogue.STRATEGY_SHARPE_RATIO, lambda running: running.sharpe_ratio(self.periods_per_year)),
            (catalogue.STRATEGY_TRADES_TODAY, lambda running: running.today),
        )
        for definition, figure in figures:
            metrics.at_scrape(definition, partial(self._by_strategy, figure))
        reference = weakref.ref(metrics)  # the metrics object holds these functions
        metrics.at_scrape(catalogue.DAILY_PNL, lambda: self._overall(lambda account: account.daily))
        metrics.at_scrape(
            catalogue.MAX_DRAWDOWN, lambda: self._overall(lambda account: account.drawdown(), reference())
        )

    def _by_strategy(self, figure: Callable[[StrategyFigures], float | None]) -> Mapping[tuple[str, ...], float]:
        with _taking_in:
            self._take_in_all()
            self._turn_day(self._clock())
            values = {(label,): figure(running) for label, running in self._strategies.items()}
        return {labels: float(value) for labels, value in values.items() if value is not None}

    def _overall(
        self, figure: Callable[[AccountFigures], float | None], metrics: TradingMetrics | None = None
    ) -> Mapping[tuple[str, ...], float]:
        with _taking_in:
            self._take_in_all()
            self._turn_day(self._clock())
            if not self._account.is_started:
                return {}
            if metrics is not None:
                self._size(metrics)
            value = figure(self._account)
        return {} if value is None else {(): value}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StrategyStats) and self._settings() == other._settings()

    def __hash__(self) -> int:
        return hash(self._settings())

    def _settings(self) -> tuple[str, str, float]:
        return self.reset_at, self.timezone, self.periods_per_year


_FED: Final = frozenset(
    definition.name
    for definition in (
        catalogue.STRATEGY_WIN_RATE,
        catalogue.STRATEGY_AVG_PNL,
        catalogue.STRATEGY_SHARPE_RATIO,
        catalogue.STRATEGY_TRADES_TODAY,
        catalogue.DAILY_PNL,
        catalogue.MAX_DRAWDOWN,
    )
)
_NOT_EXECUTED: Final = frozenset({"failed", "rejected", "cancelled", "expired", "submitted", "accepted"})


def is_executed(status: object, dialect: str | None = None) -> bool:
    """Whether a trade of this status took place; one of an unknown status counts as one.

    Args:
        status: The status, as it came; None is executed.
        dialect: The broker whose spellings the values have.
    """
    if status is None or status is MISSING:
        return True
    try:
        return vocabulary.trade_status(status, dialect) not in _NOT_EXECUTED
    except Exception:
        return True  # counted where it is recorded as a label
