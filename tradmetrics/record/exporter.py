"""`MetricsExporter`: explicit calls, for code that cannot be decorated and for those who come from such a guide."""

from __future__ import annotations

from collections.abc import Mapping
from time import time
from typing import Any, Final

from tradmetrics import catalogue
from tradmetrics.capture.recording import resolve
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.record import snapshots
from tradmetrics.record.arrival import DEFAULT_STALE_AFTER, arrival
from tradmetrics.record.cash import record_cash
from tradmetrics.record.trades import record_trade
from tradmetrics.registry.metrics import TradingMetrics, checked
from tradmetrics.vocabulary import fold as vocabulary
from tradmetrics.vocabulary.numbers import NotNegative, Switch, number_of
from tradmetrics.vocabulary.outcomes import method_name, reason_in, request_status
from tradmetrics.vocabulary.times import Age
from tradmetrics.vocabulary.unknown_words import UnknownWord

ROUNDING: Final = 1e-9
"""Part of the larger quantity below which a difference of two is the rounding of floats."""


class MetricsExporter:
    """Explicit `record_*` and `update_*` calls, one for each thing that can be recorded.

    No call raises, unless the metrics object is `strict`: what cannot be recorded is counted in
    `tradmetrics_instrumentation_errors_total`.

    Example:
        ```python
        from tradmetrics import metrics_exporter

        metrics_exporter.record_order(strategy="gamma_scalping", side="BUY", order_type="LIMIT", status="submitted")
        metrics_exporter.update_pnl_metrics(daily=1_250.0)
        ```

    Args:
        metrics: The metrics object to record to; by default the process's, also when it is replaced later.
    """

    def __init__(self, metrics: TradingMetrics | None = None) -> None:
        self._metrics = checked(metrics, type(self).__name__)

    def _target(self, method: str) -> tuple[TradingMetrics, str]:
        site = f"{__name__}.{type(self).__qualname__}.{method}"
        return resolve(self._metrics, site), site

    def _record(
        self, method: str, definition: MetricDefinition, raw: tuple[object, ...] = (), amount: object = 1.0
    ) -> None:
        metrics, site = self._target(method)
        metrics.record(definition, raw, amount, site=site)

    # ── events ───────────────────────────────────────────────────────────────────────────────────────────────────

    def record_trade(
        self,
        strategy: object,
        side: object,
        status: object,
        pnl: object = None,
        currency: object = None,
        fee: object = None,
        trade_id: object = None,
    ) -> None:
        """Record a trade.

        Args:
            strategy: The strategy.
            side: The side, in any spelling that folds into `BUY` or `SELL`.
            status: The trade's status, such as `filled` or `executed`.
            pnl: Profit (positive) or loss (negative) in currency, where it is known.
            currency: The currency of P&L and fee; None is that of the metrics object. A P&L in another currency is
                converted, or left out and counted as an error; see `TradingMetrics`.
            fee: The commission, positive where you pay it. It counts in `trading_cash_paid_total` with the kind `fee`
                and moves the day's P&L, so let `pnl` be the P&L before it.
            trade_id: The trade's own id. Another call with the same id and strategy is no second trade: it adds the
                P&L or the fee that was missing, such as a commission report that follows its execution.
        """
        metrics, site = self._target("record_trade")
        record_trade(metrics, strategy, side, status, pnl, currency, fee, trade_id, site=site)

    def record_order(
        self,
        strategy: object,
        side: object,
        order_type: object,
        status: object,
        fill_time: object = None,
        reason: object = None,
    ) -> None:
        """Record what happened to an order: exactly what its status says, nothing more.

        Call it with `submitted` when the order is sent and again with its end. `accepted` and `partially_filled` count
        nothing; `unknown` counts an order whose outcome nobody knows.

        Args:
            strategy: The strategy.
            side: The side, in any spelling that folds into `BUY` or `SELL`.
            order_type: The order type, in any spelling that folds.
            status: The order's status, in any spelling that folds.
            fill_time: Seconds from submitting to the complete fill, for a status of `filled`.
            reason: Why it was rejected or cancelled, one of a few words; an exception is its class in snake_case.
        """
        metrics, site = self._target("record_order")
        reason = reason_in(reason)
        word = vocabulary.order_status(status)
        if word == "submitted":
            metrics.record(catalogue.ORDERS_SUBMITTED, (strategy, side, order_type), site=site)
        elif word == "filled":
            metrics.record(catalogue.ORDERS_FILLED, (strategy, side), site=site)
            if fill_time is not None:
                self._fill_time(metrics, site, strategy, fill_time)
        elif word == "rejected":
            metrics.record(catalogue.ORDERS_REJECTED, (strategy, reason), site=site)
        elif word in ("cancelled", "expired"):
            given = "expired" if reason is None and word == "expired" else reason
            metrics.record(catalogue.ORDERS_CANCELLED, (strategy, given), site=site)
        elif word == "unknown":
            metrics.record(catalogue.ORDERS_UNKNOWN, (strategy, reason), site=site)
        elif word is None:
            metrics.fault(site, "vocabulary", UnknownWord("status", status))

    def _fill_time(self, metrics: TradingMetrics, site: str, strategy: object, fill_time: object) -> None:
        try:
            seconds = number_of(fill_time)
            if seconds < 0:
                raise ValueError("a fill time is not negative")
        except Exception as error:
            metrics.fault(site, "value", error)
        else:
            metrics.record(catalogue.ORDER_FILL_TIME, (strategy,), seconds, site=site)

    def record_cash_flow(self, kind: object, amount: object, strategy: object = None, currency: object = None) -> None:
        """Record cash that the account received or paid without a trade.

        It moves the day's P&L that `StrategyStats` computes, unless it is a transfer. It never counts as a trade.

        Args:
            kind: `funding`, `fee`, `interest`, `dividend`, `transfer` or `other`. Usual synonyms, such as `commission`
                or `deposit`, are read as their kind; an unknown word is `other` and counts an error.
            amount: The amount in currency: positive where the account receives it, negative where it pays.
            strategy: The strategy, where one caused it.
            currency: The amount's currency; None is that of the metrics object.
        """
        metrics, site = self._target("record_cash_flow")
        record_cash(metrics, kind, amount, strategy, currency, site=site)

    def record_position_check(self, symbol: object, expected: object, actual: object) -> None:
        """Record how far a position at the broker is from the one that the bot expects.

        `trading_position_drift` is the broker's quantity minus the bot's: 0 where they agree. A difference below a
        billionth of the larger quantity is the rounding of floats and counts as 0.

        Args:
            symbol: The symbol.
            expected: The quantity that the bot expects, negative for a short position.
            actual: The quantity that the broker reports.
        """
        metrics, site = self._target("record_position_check")
        if not metrics.enabled:
            return
        try:
            ours, brokers = number_of(expected), number_of(actual)
        except Exception as error:
            metrics.fault(site, "value", error)
            return
        drift = brokers - ours
        if abs(drift) < ROUNDING * max(abs(ours), abs(brokers)):
            drift = 0.0
        metrics.record(catalogue.POSITION_DRIFT, (symbol,), drift, site=site)

    def record_circuit_breaker_trigger(self, reason: object) -> None:
        """Count a trip of the circuit breaker, by its reason."""
        self._record("record_circuit_breaker_trigger", catalogue.CIRCUIT_BREAKER_TRIGGERS, (reason,))

    def record_risk_limit_breach(self, limit_type: object) -> None:
        """Count a risk check that failed, by the kind of limit."""
        self._record("record_risk_limit_breach", catalogue.RISK_LIMIT_BREACHES, (limit_type,))

    def record_market_data_update(
        self, symbol: object, age_seconds: object = None, stale_after: float = DEFAULT_STALE_AFTER
    ) -> None:
        """Record that market data arrived.

        Args:
            symbol: The symbol.
            age_seconds: How old the data was when it arrived, where that is known. A negative age down to half a
                second is 0; a lower one, or one of more than ten years, is dropped and counted.
            stale_after: Seconds of silence after which the symbol counts as stale.
        """
        metrics, site = self._target("record_market_data_update")
        if not metrics.enabled:
            return
        metrics.record(catalogue.MARKET_DATA_UPDATES, (symbol,), site=site)
        try:
            silence = number_of(stale_after)
            if silence <= 0:
                raise ValueError("stale_after is seconds above zero")
        except Exception as error:
            metrics.fault(site, "value", error)
            silence = DEFAULT_STALE_AFTER
        try:
            arrival(metrics, symbol, silence)()
        except Exception as error:
            metrics.fault(site, "record", error)
        if age_seconds is not None:
            metrics.record(catalogue.MARKET_DATA_AGE, (symbol,), Age(age_seconds), site=site)

    def record_system_error(self, component: object, severity: object = "error") -> None:
        """Count an error of a part of the system, by severity (`debug` to `critical`)."""
        self._record("record_system_error", catalogue.SYSTEM_ERRORS, (component, severity))

    def record_ml_prediction(self, model: object, prediction: object) -> None:
        """Count a prediction, one of a few values."""
        self._record("record_ml_prediction", catalogue.ML_PREDICTIONS, (model, prediction))

    def record_ml_training(self, duration: object, model: object = None, accuracy: object = None) -> None:
        """Record a finished training.

        Args:
            duration: How long it took, in seconds.
            model: The model, for its accuracy.
            accuracy: The accuracy it reached (0 to 1), where that is known.
        """
        self._record("record_ml_training", catalogue.ML_TRAINING_DURATION, (), NotNegative(duration))
        self._record("record_ml_training", catalogue.ML_LAST_TRAINING, (), time())
        if accuracy is not None:
            self._record("record_ml_training", catalogue.ML_MODEL_ACCURACY, (model,), accuracy)

    def record_api_request(self, endpoint: object, method: object, status: object, duration: object) -> None:
        """Record an API request.

        Args:
            endpoint: The endpoint as a template, never with ids in it.
            method: The HTTP method.
            status: The status code, or `ok` or `error`.
            duration: How long it took, in seconds.
        """
        verb = method_name(method)
        self._record("record_api_request", catalogue.API_REQUESTS, (endpoint, verb, request_status(status)))
        self._record("record_api_request", catalogue.API_REQUEST_DURATION, (endpoint, verb), NotNegative(duration))

    # ── states ───────────────────────────────────────────────────────────────────────────────────────────────────

    def update_position_metrics(self, positions: Any) -> None:
        """Set the open positions by strategy, and their unrealized P&L.

        Args:
            positions: An iterable of positions, or a mapping whose values they are: mappings or objects with
                `strategy`, `unrealized_pnl` (currency) and optionally `quantity` (0 is a closed position). A strategy
                whose positions are gone reads 0. They add to those that functions with `track_positions` report.
        """
        metrics, site = self._target("update_position_metrics")
        if not metrics.enabled:
            return
        try:
            snapshots.set_positions(metrics, positions, site=site)
        except Exception as error:
            metrics.fault(site, "record", error)

    def update_pnl_metrics(
        self, daily: object, daily_pct: object = None, realized: object = None, unrealized: object = None
    ) -> None:
        """Set the P&L gauges; what is None stays as it is.

        Args:
            daily: Profit or loss of the trading day, in currency.
            daily_pct: The same in percent of capital.
            realized: Profit or loss of the closed positions, in currency.
            unrealized: Profit or loss of the open positions, in currency.
        """
        values = {"daily": daily, "daily_pct": daily_pct, "realized": realized, "unrealized": unrealized}
        self._set("update_pnl_metrics", snapshots.PNL, values)

    def update_capital_metrics(
        self, total: object = None, used: object = None, available: object = None, utilization: object = None
    ) -> None:
        """Set the capital gauges; what is None stays as it is.

        Args:
            total: Capital of the account, in currency.
            used: Capital in use, in currency.
            available: Capital that is free, in currency.
            utilization: Capital in use, in percent (0 to 100).
        """
        values = {"total": total, "used": used, "available": available, "utilization": utilization}
        self._set("update_capital_metrics", snapshots.CAPITAL, values)

    def update_margin_metrics(self, used: object = None, available: object = None) -> None:
        """Set the margin that open positions hold, and the margin that is free, in currency."""
        self._set("update_margin_metrics", snapshots.CAPITAL, {"margin_used": used, "margin_available": available})

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
            snapshots.set_market(metrics, {"vix": vix, "condition": condition}, site=site)
        except Exception as error:
            metrics.fault(site, "record", error)

    def update_market_session(self, is_open: object) -> None:
        """Set whether the market's session is open, a bool or a word for one; alerts are muted while it is not."""
        metrics, site = self._target("update_market_session")
        if metrics.enabled:
            snapshots.set_market(metrics, {"session_open": is_open}, site=site)

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
        """Set a strategy's gauges; what is None stays as it is.

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
        self._set("update_strategy_metrics", snapshots.STRATEGY, values, (strategy,))

    def update_ml_accuracy(self, model: object, accuracy: object) -> None:
        """Set a model's accuracy (0 to 1)."""
        self._record("update_ml_accuracy", catalogue.ML_MODEL_ACCURACY, (model,), accuracy)

    def _set(
        self,
        method: str,
        gauges: Mapping[str, MetricDefinition],
        values: Mapping[str, object],
        raw: tuple[object, ...] = (),
    ) -> None:
        metrics, site = self._target(method)
        snapshots.set_gauges(metrics, gauges, values, raw, site=site)


metrics_exporter = MetricsExporter()
"""Records to the process's default metrics object."""
