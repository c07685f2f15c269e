"""The decorators of the callable matrix: what each records for a call that returns, raises or is cancelled."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tradmetrics import (
    Call,
    MetricDefinition,
    OrderTracker,
    TradingMetrics,
    fill_timer,
    request_timer,
    track,
    track_capital,
    track_circuit_breaker,
    track_circuit_breaker_reset,
    track_connection,
    track_errors,
    track_market,
    track_market_data,
    track_order,
    track_pnl,
    track_positions,
    track_prediction,
    track_request,
    track_risk_check,
    track_strategy,
    track_trade,
    track_training,
    training_timer,
)

OWN = MetricDefinition("own_total", "counter", "Calls.")


class LimitReached(Exception):  # noqa: N818
    """What the functions raise."""


SUBMITTED = "trading_orders_submitted_total s BUY LIMIT"
UPDATE = {"trading_market_data_updates_total NIFTY": 1, "trading_market_data_last_update_timestamp_seconds NIFTY": 1}
TRAINED = {"trading_ml_training_duration_seconds_count": 1, "trading_ml_last_training_timestamp": 1}
SENT = {"trading_orders_submitted_total s BUY LIMIT": 1, "trading_order_messages_total new": 1}
REQUEST = "trading_api_request_duration_seconds_count /x GET"


def new_id() -> Callable[[Call], str]:
    """A source of order ids, no two the same."""
    numbers = itertools.count()
    return lambda call: f"order {next(numbers)}"


def requests(status: str) -> dict[str, float]:
    """What one request records."""
    return {f"trading_api_requests_total /x GET {status}": 1, REQUEST: 1}


@dataclass
class Case:
    """A decorator, a function's answer, and what is recorded for it.

    Attributes:
        decorator: Makes the decorator for a metrics object.
        answer: What the decorated function answers.
        returned: What is recorded when it does.
        nothing: When it answers None, as async generators do.
        raised: When it raises `LimitReached`.
        cancelled: When it is cancelled.
        needs_result: Whether generators are refused.
    """

    decorator: Callable[[TradingMetrics], Any]
    answer: Any
    returned: dict[str, float]
    nothing: dict[str, float]
    raised: dict[str, float]
    cancelled: dict[str, float]
    needs_result: bool = False


DECORATORS: dict[str, Case] = {
    "track_order": Case(
        lambda metrics: track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=metrics),
        {"status": "filled"},
        {SUBMITTED: 1, "trading_orders_filled_total s BUY": 1, "trading_order_fill_time_seconds_count s": 1},
        {SUBMITTED: 1},
        {SUBMITTED: 1, "trading_orders_rejected_total s limit_reached": 1},
        {SUBMITTED: 1, "trading_orders_unknown_total s cancelled_error": 1},
    ),
    "track_trade": Case(
        lambda metrics: track_trade(strategy="s", side="BUY", metrics=metrics),
        {"pnl": 5},
        {"trading_trades_total s BUY executed": 1, "trading_trades_pnl_count s": 1, "trading_profit_total s": 5},
        {"trading_trades_total s BUY executed": 1},
        {"trading_trades_total s BUY failed": 1},
        {"trading_trades_total s BUY unknown": 1},
    ),
    "fill_timer": Case(
        lambda metrics: fill_timer("s", metrics=metrics),
        object(),
        {"trading_order_fill_time_seconds_count s": 1},
        {"trading_order_fill_time_seconds_count s": 1},
        {},
        {},
    ),
    "track_market_data": Case(
        lambda metrics: track_market_data(symbol="NIFTY", metrics=metrics), object(), UPDATE, UPDATE, {}, {}
    ),
    "track_prediction": Case(
        lambda metrics: track_prediction(model="m", prediction="up", metrics=metrics),
        object(),
        {"trading_ml_predictions_total m up": 1},
        {"trading_ml_predictions_total m up": 1},
        {},
        {},
    ),
    "track_prediction of the result": Case(
        lambda metrics: track_prediction(model="m", metrics=metrics),
        "down",
        {"trading_ml_predictions_total m down": 1},
        {"trading_ml_predictions_total m unknown": 1},
        {},
        {},
        needs_result=True,
    ),
    "track_training": Case(
        lambda metrics: track_training(model="m", metrics=metrics),
        {"accuracy": 1},
        {**TRAINED, "trading_ml_model_accuracy m": 1},
        TRAINED,
        {},
        {},
    ),
    "training_timer": Case(
        lambda metrics: training_timer("m", metrics=metrics),
        {"accuracy": 1},
        {**TRAINED, "trading_ml_model_accuracy m": 1},
        TRAINED,
        {},
        {},
    ),
    "track_request": Case(
        lambda metrics: track_request(endpoint="/x", method="GET", metrics=metrics),
        {"status_code": 201},
        requests("201"),
        requests("ok"),
        requests("error"),
        requests("error"),
    ),
    "request_timer": Case(
        lambda metrics: request_timer("/x", "GET", metrics=metrics),
        201,
        requests("201"),
        requests("ok"),
        requests("error"),
        requests("error"),
    ),
    "track_errors": Case(
        lambda metrics: track_errors(component="c", metrics=metrics),
        object(),
        {},
        {},
        {"trading_system_errors_total c error": 1},
        {},
    ),
    "track_circuit_breaker": Case(
        lambda metrics: track_circuit_breaker(reason="r", metrics=metrics),
        object(),
        {"trading_circuit_breaker_active": 1, "trading_circuit_breaker_triggers_total r": 1},
        {"trading_circuit_breaker_active": 1, "trading_circuit_breaker_triggers_total r": 1},
        {},
        {},
    ),
    "track_circuit_breaker_reset": Case(
        lambda metrics: track_circuit_breaker_reset(metrics=metrics),
        object(),
        {"trading_circuit_breaker_active": 0},
        {"trading_circuit_breaker_active": 0},
        {},
        {},
    ),
    "track_risk_check": Case(
        lambda metrics: track_risk_check(limit_type="l", breach=LimitReached, metrics=metrics),
        False,
        {"trading_risk_limit_breaches_total l": 1},
        {},
        {"trading_risk_limit_breaches_total l": 1},
        {},
    ),
    "track_positions": Case(
        lambda metrics: track_positions(metrics=metrics),
        [{"strategy": "s", "unrealized_pnl": 7}],
        {"trading_positions_open s": 1, "trading_unrealized_pnl": 7},
        {},
        {},
        {},
        needs_result=True,
    ),
    "track_pnl": Case(
        lambda metrics: track_pnl(metrics=metrics),
        {"daily": 7}, {"trading_daily_pnl": 7}, {}, {}, {}, needs_result=True
    ),
    "track_capital": Case(
        lambda metrics: track_capital(metrics=metrics), {"used": 7}, {"trading_capital_used": 7}, {}, {}, {}, True
    ),
    "track_market": Case(
        lambda metrics: track_market(metrics=metrics),
        {"vix": 7}, {"trading_market_vix": 7}, {}, {}, {}, needs_result=True
    ),
    "track_strategy": Case(
        lambda metrics: track_strategy(metrics=metrics),
        {"strategy": "s", "avg_pnl": 7},
        {"trading_strategy_avg_pnl s": 7},
        {},
        {},
        {},
        needs_result=True,
    ),
    "track_connection": Case(
        lambda metrics: track_connection(metrics=metrics),
        object(),
        {"trading_websocket_connections": 0},
        {"trading_websocket_connections": 0},
        {"trading_websocket_connections": 0},
        {"trading_websocket_connections": 0},
    ),
    "track": Case(
        lambda metrics: track(OWN, metrics=metrics), object(), {"own_total": 1}, {"own_total": 1}, {"own_total": 1},
        {"own_total": 1},
    ),
    "OrderTracker.submit": Case(
        lambda metrics: OrderTracker("s", metrics=metrics).submit(order_id=new_id(), side="BUY", order_type="LIMIT"),
        object(),
        SENT,
        SENT,
        {**SENT, "trading_orders_rejected_total s limit_reached": 1},
        {**SENT, "trading_orders_unknown_total s cancelled_error": 1},
    ),
}  # fmt: skip
