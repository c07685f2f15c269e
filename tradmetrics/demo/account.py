"""The account: positions, profit and loss, capital, and each strategy's figures, as snapshots to be sampled."""

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tradmetrics import (
    arg,
    catalogue,
    result,
    track,
    track_capital,
    track_cash_flow,
    track_pnl,
    track_positions,
    track_strategy,
)
from tradmetrics.demo.faults import FaultSwitch
from tradmetrics.demo.market import Market

CAPITAL: Final = 2_000_000.0
"""The capital at the start of each day, in rupees."""
FEE: Final = 20.0
"""The broker's fee for each fill, in rupees."""
INTEREST: Final = 14.0
_FUTURE_MARGIN: Final = 0.12
_SHORT_OPTION_MARGIN: Final = 0.10
_TRADING_DAYS: Final = 252


@dataclass
class Position:
    """The position of one strategy in one instrument; `quantity` is negative when it is short.

    Attributes:
        unrealized_pnl: Profit or loss at the latest price, kept up to date by `Account.positions`.
        realized_pnl: Profit or loss of the parts that were closed since the position was opened.
        opened_at: Simulated time of the first fill.
    """

    strategy: str
    symbol: str
    opened_at: float
    quantity: int = 0
    average_price: float = 0.0
    unrealized_pnl: float = 0.0
    realized_pnl: float = 0.0
    opening_side: str = "BUY"


@dataclass(frozen=True)
class Trade:
    """A position that was opened and closed."""

    strategy: str
    side: str
    pnl: float


@dataclass(frozen=True)
class ProfitAndLoss:
    """Profit and loss of the day."""

    daily: float
    daily_pct: float
    realized: float
    unrealized: float


@dataclass(frozen=True)
class Capital:
    """Capital and margin; `utilization` in percent."""

    total: float
    used: float
    available: float
    utilization: float
    margin_used: float
    margin_available: float


@dataclass(frozen=True)
class StrategyFigures:
    """A strategy's day in figures; a figure that needs more trades than there are is None."""

    strategy: str
    win_rate: float | None
    avg_pnl: float | None
    sharpe_ratio: float | None
    trades_today: int


class Account:
    """Books fills, and answers how the account stands.

    Args:
        market: Where prices come from.
        switch: The conditions that faults change.
        strategies: The names of the strategies that trade on the account.
    """

    def __init__(self, market: Market, switch: FaultSwitch, strategies: Iterable[str]) -> None:
        self._market = market
        self._switch = switch
        self._positions: dict[tuple[str, str], Position] = {}
        self.results: dict[str, list[float]] = {strategy: [] for strategy in strategies}
        self.start_day()

    def start_day(self) -> None:
        """Forget yesterday's figures; open positions stay, and count from their opening."""
        self._realized = 0.0
        self._peak = CAPITAL
        self._drawdown = 0.0
        for results in self.results.values():
            results.clear()

    def position(self, strategy: str, symbol: str) -> Position | None:
        """The open position of a strategy in an instrument, if there is one."""
        return self._positions.get((strategy, symbol))

    def held(self, symbol: str) -> int:
        """The quantity that all strategies together hold of an instrument."""
        return sum(position.quantity for position in self._positions.values() if position.symbol == symbol)

    def open_positions(self, strategy: str) -> list[Position]:
        """The open positions of a strategy."""
        return [position for position in self._positions.values() if position.strategy == strategy]

    def settle_fill(self, strategy: str, symbol: str, quantity: int, price: float, now: float) -> Trade | None:
        """Book a fill.

        Args:
            strategy: Whose fill it is.
            symbol: The instrument.
            quantity: How many; negative for a sale.
            price: At what price.
            now: The simulated time.

        Returns:
            The trade, when the fill closed the position.
        """
        key = (strategy, symbol)
        position = self._positions.get(key)
        if position is None:
            position = self._positions[key] = Position(strategy, symbol, now)
            position.opening_side = "BUY" if quantity > 0 else "SELL"
        if position.quantity * quantity >= 0:
            held = position.quantity + quantity
            position.average_price = (position.average_price * position.quantity + price * quantity) / held
            position.quantity = held
            return None
        closed = math.copysign(min(abs(quantity), abs(position.quantity)), position.quantity)
        gain = closed * (price - position.average_price)
        position.realized_pnl += gain
        position.quantity += quantity
        self._realized += gain
        if position.quantity * closed > 0:
            return None
        del self._positions[key]
        if position.quantity:
            self.settle_fill(strategy, symbol, position.quantity, price, now)
        pnl = round(position.realized_pnl, 2)
        self.results[strategy].append(pnl)
        return Trade(strategy, position.opening_side, pnl)

    @track_cash_flow(kind="fee", amount=result(), strategy=arg("strategy"))
    def charge(self, strategy: str) -> float:
        """Book the broker's fee for one fill; without it the strategies would look better than they are."""
        self._realized -= FEE
        return -FEE

    @track_cash_flow(kind="interest", amount=result(), strategy="collateral")
    def credit_interest(self) -> float:
        """Book a minute's interest on the money that lies with the broker."""
        self._realized += INTEREST
        return INTEREST

    @track_positions
    def positions(self) -> list[Position]:
        """The open positions at the latest prices."""
        for position in self._positions.values():
            price = self._market.price(position.symbol)
            position.unrealized_pnl = position.quantity * (price - position.average_price)
        return list(self._positions.values())

    def realized(self) -> float:
        """The day's profit or loss of what was closed."""
        return self._realized - CAPITAL * self._switch.conditions.booked_loss

    def unrealized(self) -> float:
        """Profit or loss of the open positions at the latest prices."""
        return sum(
            each.quantity * (self._market.price(each.symbol) - each.average_price) for each in self._positions.values()
        )

    def daily(self) -> float:
        """Profit or loss of the day."""
        return self.realized() + self.unrealized()

    @track_pnl
    def pnl(self) -> ProfitAndLoss:
        """The day's profit and loss."""
        daily = self.daily()
        return ProfitAndLoss(daily, 100 * daily / CAPITAL, self.realized(), self.unrealized())

    def margin(self) -> float:
        """Margin that the open positions hold, and what the exchange blocks beside."""
        held = sum(self._margin(each.symbol, each.quantity) for each in self._positions.values())
        return max(held, CAPITAL * self._switch.conditions.blocked_margin)

    def margin_of(self, symbol: str, quantity: int) -> float:
        """Margin that one more position would hold; negative quantities are short."""
        return self._margin(symbol, quantity)

    @track_capital
    def capital(self) -> Capital:
        """Capital and margin as they stand."""
        total = CAPITAL + self.daily()
        used = min(self.margin(), total)
        return Capital(total, used, total - used, 100 * used / total, used, total - used)

    @track(catalogue.MAX_DRAWDOWN, value=result())
    def drawdown(self) -> float:
        """Largest fall of the day's equity from its peak, in percent; no decorator of its own, so `track` serves."""
        equity = CAPITAL + self.daily()
        self._peak = max(self._peak, equity)
        self._drawdown = max(self._drawdown, 100 * (self._peak - equity) / self._peak)
        return self._drawdown

    @track_strategy(strategy=arg("strategy"))
    def figures(self, strategy: str) -> StrategyFigures:
        """A strategy's win rate, average, Sharpe ratio and number of trades.

        The Sharpe ratio is the mean over the standard deviation of the trades' results, annualised as if each trade
        were one of 252 in a year.
        """
        results = self.results[strategy]
        if not results:
            return StrategyFigures(strategy, None, None, None, 0)
        decided = [pnl for pnl in results if pnl != 0]
        win_rate = sum(pnl > 0 for pnl in decided) / len(decided) if decided else None
        deviation = statistics.stdev(results) if len(results) > 1 else 0.0
        sharpe_ratio = statistics.fmean(results) / deviation * math.sqrt(_TRADING_DAYS) if deviation else None
        return StrategyFigures(strategy, win_rate, statistics.fmean(results), sharpe_ratio, len(results))

    def _margin(self, symbol: str, quantity: int) -> float:
        instrument = self._market.instruments[symbol]
        notional = self._market.indices[instrument.underlying].price * abs(quantity)
        if not instrument.right:
            return notional * _FUTURE_MARGIN
        if quantity < 0:
            return notional * _SHORT_OPTION_MARGIN
        return self._market.price(symbol) * quantity
