"""`StrategyStats`: win rate, average P&L, Sharpe ratio, trades of the day, daily P&L, drawdown: from trades alone."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta, timezone, tzinfo
from functools import partial
from threading import Lock
from time import time
from typing import TYPE_CHECKING, Final

from tradmetrics import catalogue
from tradmetrics.errors import ConfigurationError, nearest
from tradmetrics.model.missing import MISSING
from tradmetrics.registry.errors_log import logger
from tradmetrics.storage.locks import hold_over_forks
from tradmetrics.vocabulary import fold as vocabulary

if TYPE_CHECKING:
    from tradmetrics.model.definition import MetricDefinition
    from tradmetrics.registry.metrics import TradingMetrics


# One lock for all, so that it can be taken around a fork (see series.py). No user code runs while it is held.
_taking_in: Final = Lock()
hold_over_forks(_taking_in)


class _Running:
    """Running figures of one strategy; the same few numbers however many trades there were.

    Mean and variance by Welford's method: B. P. Welford, "Note on a Method for Calculating Corrected Sums of Squares
    and Products", Technometrics 4 (1962).
    """

    __slots__ = ("count", "losses", "mean", "squares", "today", "wins")

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0
        self.squares = 0.0
        self.wins = 0
        self.losses = 0
        self.today = 0

    def add(self, pnl: float) -> None:
        """Take in one trade's P&L."""
        self.count += 1
        difference = pnl - self.mean
        self.mean += difference / self.count
        self.squares += difference * (pnl - self.mean)
        self.wins += pnl > 0
        self.losses += pnl < 0

    def win_rate(self) -> float | None:
        """Wins among wins and losses."""
        decided = self.wins + self.losses
        return self.wins / decided if decided else None

    def sharpe_ratio(self, periods_per_year: float) -> float | None:
        """Annualised Sharpe ratio of the P&L per trade."""
        if self.count < 2 or self.squares <= 0:
            return None
        return self.mean / math.sqrt(self.squares / (self.count - 1)) * math.sqrt(periods_per_year)


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
    - `trading_daily_pnl`: P&L of all strategies since the trading day began;
    - `trading_max_drawdown`: largest fall of equity from its peak, in percent of the peak. Equity is the capital last
      set in `trading_capital_total` when the first trade came (0 if none was) plus the P&L since; there is no drawdown
      before equity has been above zero, and it is at most 100.

    Only executed trades count: one that raised, or whose status says that it failed, was rejected, cancelled or has
    expired, or is still on its way, does not; a status that nobody knows counts as executed.

    These six figures come from the trades alone. `track_pnl`, `track_strategy`, `update_pnl_metrics`,
    `update_strategy_metrics` and `update_drawdown` cannot set them in such a metrics: what they are given for one of
    these is left out, which the log says once for each figure; their other figures are set as ever. Where your own
    figures are the better ones, such as a P&L from the broker, leave `StrategyStats` out of the metrics object.

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
        try:
            at = datetime.strptime(reset_at, "%H:%M")
        except (TypeError, ValueError):
            raise ConfigurationError(
                f"StrategyStats: reset_at is a time of day such as '09:15', not {reset_at!r}"
            ) from None
        number = isinstance(periods_per_year, int | float) and not isinstance(periods_per_year, bool)
        if not number or not 0 < periods_per_year < math.inf:
            raise ConfigurationError(f"StrategyStats: periods_per_year is above zero, not {periods_per_year!r}")
        self._at = timedelta(hours=at.hour, minutes=at.minute)
        self._zone = _zone(timezone)
        self._clock: Callable[[], float] = time
        self._pending: deque[tuple[float, TradingMetrics, str, float | None]] = deque()
        self._strategies: dict[str, _Running] = {}
        self._day_ends = -math.inf
        self._daily = 0.0
        self._equity = self._peak = self._drawdown = 0.0
        self._started = False
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
    ) -> None:
        """Take in one trade, if it was executed.

        Args:
            metrics: The metrics object that counts it.
            strategy: The strategy, as it came.
            pnl: Profit or loss in currency, or None where it is not known.
            site: Who records, for counting errors.
            status: The trade's status, as it came; None is executed.
            dialect: The broker whose spellings are meant.
        """
        try:
            if not is_executed(status, dialect):
                return
            label = metrics.instrument(catalogue.STRATEGY_TRADES_TODAY).resolve((strategy,)).labels[0]
            self._pending.append((self._clock(), metrics, label, pnl))
            # Whoever holds the lock takes in what is pending; a signal handler that trades must not wait for it.
            if not _taking_in.locked():
                with _taking_in:
                    self._take_in_all()
        except Exception as error:
            metrics.fault(site, "record", error)

    def refuses(self, definition: MetricDefinition, *, site: str) -> bool:
        """Whether a figure comes from the trades, and so cannot be set; the log says that once for each figure.

        Args:
            definition: The figure.
            site: Who would set it.
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
                )
        return True

    def _take_in_all(self) -> None:
        while self._pending:
            self._take_in(*self._pending.popleft())

    def _take_in(self, now: float, metrics: TradingMetrics, label: str, pnl: float | None) -> None:
        self._turn_day(now)
        if not self._started:
            self._started = True
            capital = metrics.instrument(catalogue.CAPITAL_TOTAL)
            self._equity = self._peak = capital.resolve(()).series.value() if len(capital) else 0.0
        running = self._strategies.setdefault(label, _Running())
        running.today += 1
        if pnl is None:
            return
        running.add(pnl)
        self._daily += pnl
        self._equity += pnl
        self._peak = max(self._peak, self._equity)
        if self._peak > 0:
            fall = (self._peak - self._equity) / self._peak * 100
            self._drawdown = min(100.0, max(self._drawdown, fall))

    def _turn_day(self, now: float) -> None:
        if now < self._day_ends:
            return
        local = datetime.fromtimestamp(now, self._zone)
        day = (local.replace(tzinfo=None) - self._at).date()
        self._day_ends = self._begin(day + timedelta(days=1))
        if self._day_ends <= now:  # in the hour that the clock goes through twice
            self._day_ends = self._begin(day + timedelta(days=2))
        self._daily = 0.0
        for running in self._strategies.values():
            running.today = 0

    def _begin(self, day: date) -> float:
        """When a trading day begins, in unix seconds: at the same wall time whether daylight is saved or not."""
        return (datetime.combine(day, datetime.min.time(), self._zone) + self._at).timestamp()

    def expose(self, metrics: TradingMetrics) -> None:
        """Have the figures computed at every scrape of `metrics`; the metrics object does this when it is built."""
        figures: tuple[tuple[MetricDefinition, Callable[[_Running], float | None]], ...] = (
            (catalogue.STRATEGY_WIN_RATE, lambda running: running.win_rate()),
            (catalogue.STRATEGY_AVG_PNL, lambda running: running.mean if running.count else None),
            (catalogue.STRATEGY_SHARPE_RATIO, lambda running: running.sharpe_ratio(self.periods_per_year)),
            (catalogue.STRATEGY_TRADES_TODAY, lambda running: running.today),
        )
        for definition, figure in figures:
            metrics.at_scrape(definition, partial(self._by_strategy, figure))
        metrics.at_scrape(catalogue.DAILY_PNL, lambda: self._overall(lambda: self._daily))
        metrics.at_scrape(catalogue.MAX_DRAWDOWN, lambda: self._overall(lambda: self._drawdown))

    def _by_strategy(self, figure: Callable[[_Running], float | None]) -> Mapping[tuple[str, ...], float]:
        with _taking_in:
            self._take_in_all()
            self._turn_day(self._clock())
            values = {(label,): figure(running) for label, running in self._strategies.items()}
        return {labels: float(value) for labels, value in values.items() if value is not None}

    def _overall(self, figure: Callable[[], float]) -> Mapping[tuple[str, ...], float]:
        with _taking_in:
            self._take_in_all()
            self._turn_day(self._clock())
            return {(): figure()} if self._started else {}

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
    """Whether a trade of this status took place; one that nobody knows is taken for one.

    Args:
        status: The status, as it came; None is executed.
        dialect: The broker whose spellings are meant.
    """
    if status is None or status is MISSING:
        return True
    try:
        return vocabulary.trade_status(status, dialect) not in _NOT_EXECUTED
    except Exception:
        return True  # counted where it is recorded as a label


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return timezone.utc
    from zoneinfo import ZoneInfo, available_timezones

    try:
        return ZoneInfo(name)
    except Exception:
        known = available_timezones()
        advice = "write an IANA name such as 'Asia/Kolkata'"
        if not known:
            advice = "none is known on this system, for want of their database; pip install tzdata brings it"
        raise ConfigurationError(
            f"StrategyStats: {name!r} is no time zone{nearest(str(name), known)}; {advice}"
        ) from None
