"""Running figures of one strategy and of the account: a few numbers each, however many trades there were."""

from __future__ import annotations

import math


class StrategyFigures:
    """Running figures of one strategy.

    Mean and variance by Welford's method: B. P. Welford, "Note on a Method for Calculating Corrected Sums of Squares
    and Products", Technometrics 4 (1962).

    Attributes:
        count: Trades with a P&L.
        mean: Mean P&L of these.
        squares: Sum of the squared differences from the mean.
        wins: Trades with a profit.
        losses: Trades with a loss.
        today: Trades since the trading day began, with and without a P&L.
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
        """Wins among wins and losses; None before the first of either."""
        decided = self.wins + self.losses
        return self.wins / decided if decided else None

    def sharpe_ratio(self, periods_per_year: float) -> float | None:
        """Annualised Sharpe ratio of the P&L per trade; None before the second trade."""
        if self.count < 2 or self.squares <= 0:
            return None
        return self.mean / math.sqrt(self.squares / (self.count - 1)) * math.sqrt(periods_per_year)


class AccountFigures:
    """The day's P&L, and the drawdown of an account whose size may become known later.

    Attributes:
        daily: P&L and cash flows since the trading day began.
        is_started: Whether there was a trade or a cash flow yet.
    """

    __slots__ = ("_drawdown", "_equity", "_peak", "daily", "is_started")

    def __init__(self) -> None:
        self.daily = 0.0
        self.is_started = False
        self._equity: float | None = None
        self._peak = 0.0
        self._drawdown = 0.0

    @property
    def needs_size(self) -> bool:
        """Whether the size of the account is still unknown."""
        return self._equity is None

    def set_size(self, capital: float) -> None:
        """Begin the equity with the size of the account; a size of zero or less is ignored."""
        if capital > 0:
            self._equity = self._peak = capital

    def add(self, amount: float) -> None:
        """Take in a P&L or a cash flow that is one."""
        self.daily += amount
        if self._equity is None:
            return
        self._equity += amount
        self._peak = max(self._peak, self._equity)
        if self._peak > 0:
            fall = (self._peak - self._equity) / self._peak * 100
            self._drawdown = min(100.0, max(self._drawdown, fall))

    def transfer(self, amount: float) -> None:
        """Take in a deposit or a withdrawal: equity and its peak move alike, and nothing is won or lost."""
        if self._equity is not None:
            self._equity += amount
            self._peak += amount

    def drawdown(self) -> float | None:
        """Largest fall of equity from its peak in percent; None while no size of the account is known."""
        return None if self._equity is None else self._drawdown
