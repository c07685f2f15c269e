"""Explicit calls for states: positions, P&L, capital, the market, strategies, models."""

from __future__ import annotations

from typing import Any

from tradmetrics import catalogue
from tradmetrics.record import gauges, snapshots
from tradmetrics.record.calls import ExplicitCalls
from tradmetrics.vocabulary.numbers import NotNegative, Switch


class StateCalls(ExplicitCalls):
    """The `update_*` calls."""

    def update_position_metrics(
        self, positions: Any, lot: object = None, currency: object = None, account: object = None
    ) -> None:
        """Set the open positions by strategy, and their unrealized P&L.

        Args:
            positions: An iterable of positions, or a mapping whose values they are: mappings or objects with
                `strategy`, `unrealized_pnl` (currency) and optionally `quantity` (0 is a closed position), `symbol` and
                `currency`. A strategy whose positions are gone reads 0. They add to those that functions with
                `track_positions` report. A rest below a billionth of the largest size seen of a strategy's position in
                a symbol is closed.
            lot: The smallest size that can be traded; a position below it is closed.
            currency: The currency of positions that name none.
            account: The account's name, where there are several: their positions add up, each with the last call.
        """
        metrics, site = self._target("update_position_metrics")
        if not metrics.enabled:
            return
        try:
            snapshots.set_positions(
                metrics, positions, lot=lot, currency=currency, reporter=snapshots.of_account(account), site=site
            )
        except Exception as error:
            metrics.fault(site, "record", error)

    def update_pnl_metrics(
        self,
        daily: object,
        daily_pct: object = None,
        realized: object = None,
        unrealized: object = None,
        currency: object = None,
        account: object = None,
    ) -> None:
        """Set the P&L gauges; a gauge whose value is None stays as it is.

        Args:
            daily: Profit or loss of the trading day, in currency.
            daily_pct: The same in percent of capital.
            realized: Profit or loss of the closed positions, in currency.
            unrealized: Profit or loss of the open positions, in currency.
            currency: The currency of the amounts; None is that of the metrics object.
            account: The account's name, where there are several: the gauges show their sum, each with the last call.
        """
        values = {"daily": daily, "daily_pct": daily_pct, "realized": realized, "unrealized": unrealized}
        self._set("update_pnl_metrics", gauges.PNL, values, currency=currency, account=account)

    def update_capital_metrics(
        self,
        total: object = None,
        used: object = None,
        available: object = None,
        utilization: object = None,
        currency: object = None,
        account: object = None,
    ) -> None:
        """Set the capital gauges; a gauge whose value is None stays as it is.

        Args:
            total: Capital of the account, in currency.
            used: Capital in use, in currency.
            available: Capital that is free, in currency.
            utilization: Capital in use, in percent (0 to 100).
            currency: The currency of the amounts; None is that of the metrics object.
            account: The account's name, where there are several: the gauges show their sum, each with the last call.
        """
        values = {"total": total, "used": used, "available": available, "utilization": utilization}
        self._set("update_capital_metrics", gauges.CAPITAL, values, currency=currency, account=account)

    def update_margin_metrics(
        self, used: object = None, available: object = None, currency: object = None, account: object = None
    ) -> None:
        """Set the margin that open positions hold, and the margin that is free, in currency.

        Args:
            used: Margin that open positions hold.
            available: Margin that is free.
            currency: The currency of both; None is that of the metrics object.
            account: The account's name, where there are several: the gauges show their sum, each with the last call.
        """
        values = {"margin_used": used, "margin_available": available}
        self._set("update_margin_metrics", gauges.CAPITAL, values, currency=currency, account=account)

    def update_drawdown(self, percent: object) -> None:
        """Set the largest fall from a peak of equity, in percent (0 to 100, positive)."""
        self._set("update_drawdown", {"percent": catalogue.MAX_DRAWDOWN}, {"percent": NotNegative(percent)})

    def update_circuit_breaker_metrics(self, is_active: object) -> None:
        """Set whether the circuit breaker stops trading."""
        self._record("update_circuit_breaker_metrics", catalogue.CIRCUIT_BREAKER_ACTIVE, (), Switch(is_active))

    def update_market_metrics(self, vix: object = None, condition: object = None) -> None:
        """Set the level of the volatility index, and the market's condition (one of a few words)."""
        metrics, site = self._target("update_market_metrics")
        if not metrics.enabled:
            return
        try:
            gauges.set_market(metrics, {"vix": vix, "condition": condition}, site=site)
        except Exception as error:
            metrics.fault(site, "record", error)

    def update_market_session(self, is_open: object) -> None:
        """Set whether the market's session is open, a bool or a word for one; alerts are muted while it is not."""
        metrics, site = self._target("update_market_session")
        if metrics.enabled:
            gauges.set_market(metrics, {"session_open": is_open}, site=site)

    def update_websocket_connections(self, count: object) -> None:
        """Set the number of live WebSocket connections."""
        self._record("update_websocket_connections", catalogue.WEBSOCKET_CONNECTIONS, (), NotNegative(count))

    def update_strategy_metrics(
        self,
        strategy: object,
        win_rate: object = None,
        avg_pnl: object = None,
        sharpe_ratio: object = None,
        trades_today: object = None,
    ) -> None:
        """Set a strategy's gauges; a gauge whose value is None stays as it is.

        Args:
            strategy: The strategy.
            win_rate: Share of winning trades (0 to 1).
            avg_pnl: Average profit or loss of a trade, in currency.
            sharpe_ratio: Annualised Sharpe ratio.
            trades_today: Trades since the trading day began.
        """
        values = {
            "win_rate": win_rate,
            "avg_pnl": avg_pnl,
            "sharpe_ratio": sharpe_ratio,
            "trades_today": trades_today,
        }
        self._set("update_strategy_metrics", gauges.STRATEGY, values, (strategy,))

    def update_ml_accuracy(self, model: object, accuracy: object) -> None:
        """Set a model's accuracy (0 to 1)."""
        self._record("update_ml_accuracy", catalogue.ML_MODEL_ACCURACY, (model,), accuracy)
