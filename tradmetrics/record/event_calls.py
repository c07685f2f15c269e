"""Explicit calls for events: trades, orders, cash flows, updates, errors."""

from __future__ import annotations

from time import time
from typing import Final

from tradmetrics import catalogue
from tradmetrics.errors import is_interruption
from tradmetrics.record.arrival import DEFAULT_STALE_AFTER, arrival
from tradmetrics.record.calls import ExplicitCalls
from tradmetrics.record.cash import record_cash
from tradmetrics.record.trades import record_trade
from tradmetrics.registry.default import current
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.vocabulary import fold as vocabulary
from tradmetrics.vocabulary.numbers import NotNegative, number_of
from tradmetrics.vocabulary.outcomes import method_name, reason_in, request_status
from tradmetrics.vocabulary.times import Age
from tradmetrics.vocabulary.unknown_words import UnknownWord

_ORDER: Final = "record_order"
"""Marks what is remembered of `record_order`; no metric has this name."""

ROUNDING: Final = 1e-9
"""Part of the larger quantity below which a difference of two is the rounding of floats."""


class EventCalls(ExplicitCalls):
    """The `record_*` calls."""

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
            trade_id: The trade's own id. Another call with the same id and strategy does not count again: it adds the
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
        nothing; `unknown` counts an order whose outcome is unknown.

        Args:
            strategy: The strategy.
            side: The side, in any spelling that folds into `BUY` or `SELL`.
            order_type: The order type, in any spelling that folds.
            status: The order's status, in any spelling that folds.
            fill_time: Seconds from submitting to the complete fill, for a status of `filled`.
            reason: Why it was rejected or cancelled, one of a few words; an exception is its class in snake_case.
        """
        own = self._metrics or current()
        key = None
        if (
            own is not None
            and fill_time is None
            and (reason is None or type(reason) is str)
            and type(strategy) is str
            and type(side) is str
            and type(order_type) is str
            and type(status) is str
        ):
            key = (_ORDER, strategy, side, order_type, status, reason)
            series = own.remembered.get(key)
            if series is not None:
                try:
                    series.tick()
                except Exception as error:  # the worker's file is on a full disk, for instance
                    if is_interruption(error):
                        raise
                    own.fault(self._target("record_order")[1], "record", error)
                return
        metrics, site = self._target("record_order")
        reason = reason_in(reason)
        word = vocabulary.order_status(status)
        if word == "submitted":
            metrics.record(catalogue.ORDERS_SUBMITTED, (strategy, side, order_type), site=site, key=key)
        elif word == "filled":
            metrics.record(catalogue.ORDERS_FILLED, (strategy, side), site=site, key=key)
            if fill_time is not None:
                self._fill_time(metrics, site, strategy, fill_time)
        elif word == "rejected":
            metrics.record(catalogue.ORDERS_REJECTED, (strategy, reason), site=site, key=key)
        elif word in ("cancelled", "expired"):
            given = "expired" if reason is None and word == "expired" else reason
            metrics.record(catalogue.ORDERS_CANCELLED, (strategy, given), site=site, key=key)
        elif word == "unknown":
            metrics.record(catalogue.ORDERS_UNKNOWN, (strategy, reason), site=site, key=key)
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
            status: The status code, or `ok` or `error`; `success` and True read as `ok`, False as `error`.
            duration: How long it took, in seconds.
        """
        verb = method_name(method)
        self._record("record_api_request", catalogue.API_REQUESTS, (endpoint, verb, request_status(status)))
        self._record("record_api_request", catalogue.API_REQUEST_DURATION, (endpoint, verb), NotNegative(duration))
