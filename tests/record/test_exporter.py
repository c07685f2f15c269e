"""`MetricsExporter`: the explicit calls, with the signatures of the guide that users come from."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import logging
import math
import time
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest

from tests.recorded import errors, recorded, sample
from tradmetrics import MetricsExporter, StrategyStats, TradingMetrics, catalogue, get_metrics, metrics_exporter


@pytest.fixture
def metrics() -> TradingMetrics:
    """A metrics object of the test's own."""
    return TradingMetrics()


@pytest.fixture
def exporter(metrics: TradingMetrics) -> MetricsExporter:
    """An exporter that records to it."""
    return MetricsExporter(metrics)


# ── the guide ────────────────────────────────────────────────────────────────────────────────────────────────────

UPDATE_LOOP = '''
async def update_metrics_loop():
    """Periodically update Prometheus metrics"""
    while True:
        try:
            # Update position metrics
            positions = position_manager.get_all_positions()
            metrics_exporter.update_position_metrics(positions)

            # Update P&L metrics
            metrics_exporter.update_pnl_metrics(
                daily=circuit_breaker.daily_pnl,
                daily_pct=circuit_breaker.daily_pnl_percent,
                realized=circuit_breaker.realized_pnl
            )

            # Update capital metrics
            metrics_exporter.update_capital_metrics(
                total=position_manager.total_capital,
                used=position_manager.get_used_margin(),
                available=position_manager.available_margin,
                utilization=position_manager.get_capital_utilization()
            )

            # Update circuit breaker
            metrics_exporter.update_circuit_breaker_metrics(
                is_active=not circuit_breaker.is_trading_allowed()
            )

            # Update market metrics
            metrics_exporter.update_market_metrics(
                vix=market_monitor.current_vix,
                condition=market_monitor.market_condition.value
            )

            # Update WebSocket connections
            ws_manager = get_ws_manager()
            metrics_exporter.update_websocket_connections(
                ws_manager.get_connection_count()
            )

        except Exception as e:
            logger.error(f"Error updating metrics: {e}")

        await asyncio.sleep(5)  # Update every 5 seconds
'''

RECORD_EVENTS = """
# When a trade is executed
metrics_exporter.record_trade(
    strategy="gamma_scalping",
    side="BUY",
    status="filled",
    pnl=125.50
)

# When an order is placed
metrics_exporter.record_order(
    strategy="gamma_scalping",
    side="BUY",
    order_type="LIMIT",
    status="submitted"
)

# When order is filled
metrics_exporter.record_order(
    strategy="gamma_scalping",
    side="BUY",
    order_type="LIMIT",
    status="filled",
    fill_time=0.75  # seconds
)

# When circuit breaker triggers
metrics_exporter.record_circuit_breaker_trigger(
    reason="max_daily_loss"
)

# When market data updates
metrics_exporter.record_market_data_update(
    symbol="NIFTY24600CE",
    age_seconds=0.5
)

# When system error occurs
metrics_exporter.record_system_error(
    component="order_manager",
    severity="error"
)

# When ML prediction is made
metrics_exporter.record_ml_prediction(
    model="xgboost",
    prediction="take_trade"
)
"""

# The guide's one import, `from backend.monitoring.prometheus_exporter import metrics_router, metrics_exporter`, in two.
IMPORTS = """
from tradmetrics import metrics_exporter
from tradmetrics.fastapi import metrics_router
"""


class Condition(Enum):
    """The market conditions of the guide's market monitor."""

    RANGE_BOUND = "range_bound"
    TRENDING = "trending"


class Stop(BaseException):
    """Ends the guide's endless loop."""


def guide(text: str, **names: Any) -> dict[str, Any]:
    """Run code of the guide, with the objects that the guide takes for granted."""
    scope: dict[str, Any] = {"asyncio": asyncio, "logger": logging.getLogger("guide"), **names}
    exec(IMPORTS + text, scope)
    return scope


@pytest.mark.skipif(not importlib.util.find_spec("fastapi"), reason="the guide's router needs the fastapi extra")
def test_record_events_of_the_guide_run_as_written() -> None:
    """Whoever followed the guide would have to rewrite each call."""
    guide(RECORD_EVENTS)
    metrics = get_metrics()
    assert {
        "trading_trades_total gamma_scalping BUY filled": 1,
        "trading_trades_pnl_count gamma_scalping": 1,
        "trading_profit_total gamma_scalping": 125.5,
        "trading_orders_submitted_total gamma_scalping BUY LIMIT": 1,
        "trading_orders_filled_total gamma_scalping BUY": 1,
        "trading_order_fill_time_seconds_count gamma_scalping": 1,
        "trading_circuit_breaker_triggers_total max_daily_loss": 1,
        "trading_market_data_updates_total NIFTY24600CE": 1,
        "trading_market_data_age_seconds_count NIFTY24600CE": 1,
        "trading_system_errors_total order_manager error": 1,
        "trading_ml_predictions_total xgboost take_trade": 1,
    } == {name: value for name, value in recorded(metrics).items() if "timestamp" not in name}
    assert 0.75 == sample(metrics, "trading_order_fill_time_seconds_sum", strategy="gamma_scalping")
    assert 0.5 == sample(metrics, "trading_market_data_age_seconds_sum", symbol="NIFTY24600CE")
    assert sample(metrics, "trading_market_data_last_update_timestamp_seconds", symbol="NIFTY24600CE")


@pytest.mark.skipif(not importlib.util.find_spec("fastapi"), reason="the guide's router needs the fastapi extra")
def test_the_update_loop_of_the_guide_runs_as_written(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever followed the guide would have to rewrite the loop, or would see its errors every five seconds."""
    rounds: list[float] = []
    positions = [
        {"strategy": "gamma_scalping", "unrealized_pnl": 120.5},
        {"strategy": "gamma_scalping", "unrealized_pnl": -20.5},
        {"strategy": "straddle", "unrealized_pnl": 7.0},
    ]
    manager = SimpleNamespace(
        get_all_positions=lambda: positions,
        total_capital=500_000.0,
        get_used_margin=lambda: 120_000.0,
        available_margin=380_000.0,
        get_capital_utilization=lambda: 24.0,
    )
    breaker = SimpleNamespace(
        daily_pnl=1_250.0, daily_pnl_percent=0.25, realized_pnl=900.0, is_trading_allowed=lambda: len(rounds) == 0
    )
    monitor = SimpleNamespace(current_vix=14.2, market_condition=Condition.RANGE_BOUND)

    async def sleep(seconds: float) -> None:
        rounds.append(seconds)
        if len(rounds) == 2:
            raise Stop
        positions.pop()  # the straddle is closed
        monitor.market_condition = Condition.TRENDING

    scope = guide(
        UPDATE_LOOP,
        position_manager=manager,
        circuit_breaker=breaker,
        market_monitor=monitor,
        get_ws_manager=lambda: SimpleNamespace(get_connection_count=lambda: 3),
    )
    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(Stop):
        scope["update_metrics_loop"]().send(None)
    assert [5, 5] == rounds
    assert {
        "trading_positions_open gamma_scalping": 2,
        "trading_positions_open straddle": 0,
        "trading_unrealized_pnl": 100.0,
        "trading_daily_pnl": 1_250.0,
        "trading_daily_pnl_percent": 0.25,
        "trading_realized_pnl": 900.0,
        "trading_capital_total": 500_000.0,
        "trading_capital_used": 120_000.0,
        "trading_capital_available": 380_000.0,
        "trading_capital_utilization": 24.0,
        "trading_circuit_breaker_active": 1,
        "trading_market_vix": 14.2,
        "trading_market_condition range_bound": 0,
        "trading_market_condition trending": 1,
        "trading_websocket_connections": 3,
    } == recorded(get_metrics())
    assert [] == caplog.records


SIGNATURES = {
    "record_trade": "(strategy, side, status, pnl=None, currency=None, fee=None, trade_id=None)",
    "record_cash_flow": "(kind, amount, strategy=None, currency=None)",
    "record_position_check": "(symbol, expected, actual)",
    "record_order": "(strategy, side, order_type, status, fill_time=None, reason=None)",
    "record_circuit_breaker_trigger": "(reason)",
    "record_risk_limit_breach": "(limit_type)",
    "record_market_data_update": "(symbol, age_seconds=None, stale_after=5.0)",
    "record_system_error": "(component, severity='error')",
    "record_ml_prediction": "(model, prediction)",
    "record_ml_training": "(duration, model=None, accuracy=None)",
    "record_api_request": "(endpoint, method, status, duration)",
    "update_position_metrics": "(positions, lot=None, currency=None, account=None)",
    "update_pnl_metrics": ("(daily, daily_pct=None, realized=None, unrealized=None, currency=None, account=None)"),
    "update_capital_metrics": (
        "(total=None, used=None, available=None, utilization=None, currency=None, account=None)"
    ),
    "update_margin_metrics": "(used=None, available=None, currency=None, account=None)",
    "update_drawdown": "(percent)",
    "update_circuit_breaker_metrics": "(is_active)",
    "update_market_metrics": "(vix=None, condition=None)",
    "update_market_session": "(is_open)",
    "update_websocket_connections": "(count)",
    "update_strategy_metrics": "(strategy, win_rate=None, avg_pnl=None, sharpe_ratio=None, trades_today=None)",
    "update_ml_accuracy": "(model, accuracy)",
}


def test_the_signatures_are_the_contracts_and_each_call_is_documented() -> None:
    """A renamed argument would break every caller, who would learn of it in production."""
    calls = {
        name: function
        for name, function in inspect.getmembers(MetricsExporter)
        if name.startswith(("record_", "update_")) and callable(function)
    }

    def plain(function: Any) -> str:
        signature = inspect.signature(function)
        parameters = [each.replace(annotation=each.empty) for each in signature.parameters.values()][1:]
        return str(signature.replace(parameters=parameters, return_annotation=signature.empty))

    assert SIGNATURES == {name: plain(function) for name, function in calls.items()}
    assert [] == [name for name, function in calls.items() if not function.__doc__]


def test_every_metric_that_calls_can_record_has_one(exporter: MetricsExporter, metrics: TradingMetrics) -> None:
    """Code that cannot be decorated could not record some of the catalogue at all."""
    record_everything(exporter)
    without = {
        "trading_order_ack_time_seconds",
        "trading_order_first_fill_time_seconds",
        "trading_order_anomalies_total",
        "trading_order_slippage_bps",
        "trading_order_foreign_total",
        "trading_order_duplicates_total",
        "trading_order_messages_total",
        "trading_stream_connected",
        "trading_stream_connects_total",
        "trading_heartbeat_timestamp_seconds",
        "trading_build_info",
    }  # fmt: skip - what only the order tracker, track_connection, heartbeat and the metrics object can know
    expected = {
        definition.name
        for definition in catalogue.CATALOGUE
        if not definition.at_scrape and definition.name.startswith("trading_") and definition.name not in without
    }
    found = {
        metric.name + ("_total" if metric.type == "counter" else "")
        for metric in metrics.registry.collect()
        if metric.samples and metric.name.startswith("trading_")
    }
    assert set() == expected - found
    assert {} == errors(metrics)


def record_everything(exporter: MetricsExporter) -> None:
    """One call of each kind, as a user would write it."""
    for pnl in (1.0, -1.0):
        exporter.record_trade("s", "BUY", "filled", pnl)
    for status in ("submitted", "filled", "rejected", "cancelled", "unknown"):
        exporter.record_order("s", "BUY", "LIMIT", status, fill_time=1.0)
    for amount in (1.0, -1.0):
        exporter.record_cash_flow("funding", amount, "s")
    exporter.record_position_check("NIFTY", 50, 50)
    exporter.record_circuit_breaker_trigger("max_daily_loss")
    exporter.record_risk_limit_breach("position_size")
    exporter.record_market_data_update("NIFTY", 0.5)
    exporter.record_system_error("feed", "critical")
    exporter.record_ml_prediction("m", "up")
    exporter.record_ml_training(60, "m", 0.9)
    exporter.record_api_request("/orders", "post", 200, 0.1)
    exporter.update_position_metrics([{"strategy": "s", "unrealized_pnl": 1}])
    exporter.update_pnl_metrics(1, 2, 3, 4)
    exporter.update_capital_metrics(1, 2, 3, 4)
    exporter.update_margin_metrics(1, 2)
    exporter.update_drawdown(12.5)
    exporter.update_circuit_breaker_metrics(True)
    exporter.update_market_metrics(14, "calm")
    exporter.update_market_session(True)
    exporter.update_websocket_connections(2)
    exporter.update_strategy_metrics("s", 0.5, 10, 1.5, 4)
    exporter.update_ml_accuracy("m", 0.8)


# ── orders and trades ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("submitted", {"trading_orders_submitted_total s BUY LIMIT": 1}),
        ("filled", {"trading_orders_filled_total s BUY": 1}),
        ("rejected", {"trading_orders_rejected_total s unknown": 1}),
        ("cancelled", {"trading_orders_cancelled_total s unknown": 1}),
        ("Canceled", {"trading_orders_cancelled_total s unknown": 1}),
        ("expired", {"trading_orders_cancelled_total s expired": 1}),
        ("accepted", {}),
        ("partially_filled", {}),
        ("pending_cancel", {}),
        ("unknown", {"trading_orders_unknown_total s unknown": 1}),
    ],
)
def test_record_order_counts_what_its_status_says_and_nothing_more(
    exporter: MetricsExporter, metrics: TradingMetrics, status: str, expected: dict[str, float]
) -> None:
    """The guide calls it once for `submitted` and once for `filled`; orders would be counted twice."""
    exporter.record_order("s", "buy", "limit", status)
    assert expected == recorded(metrics)


@pytest.mark.parametrize(
    ("status", "family", "reason"),
    [("rejected", "rejected", "margin"), ("cancelled", "cancelled", "user"), ("expired", "cancelled", "end of day"),
     ("unknown", "unknown", "timeout")],
)  # fmt: skip
def test_record_order_takes_a_reason(
    exporter: MetricsExporter, metrics: TradingMetrics, status: str, family: str, reason: str
) -> None:
    """Rejections could not be told apart."""
    exporter.record_order("s", "BUY", "LIMIT", status, reason=reason)
    assert {f"trading_orders_{family}_total s {reason}": 1} == recorded(metrics)


class Unprintable:
    """An object that cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")

    __str__ = __repr__


@pytest.mark.parametrize("status", ["lost", 2, None, Unprintable(), ["filled"]])
def test_record_order_counts_a_status_that_it_does_not_know_as_an_error(
    exporter: MetricsExporter, metrics: TradingMetrics, status: object
) -> None:
    """A misspelt status would record nothing, and say nothing."""
    exporter.record_order("s", "BUY", "LIMIT", status)
    assert {("record_order", "vocabulary"): 1} == errors(metrics)
    assert [] == [name for name in recorded(metrics) if name.startswith("trading_")]


@pytest.mark.parametrize("fill_time", [-1, math.nan, "soon", Unprintable()])
def test_record_order_drops_a_fill_time_that_cannot_be(
    exporter: MetricsExporter, metrics: TradingMetrics, fill_time: object
) -> None:
    """One bad value would make the sum of all fill times useless."""
    exporter.record_order("s", "BUY", "LIMIT", "filled", fill_time=fill_time)
    assert {("record_order", "value"): 1} == errors(metrics)
    assert {"trading_orders_filled_total s BUY": 1} == {
        name: value for name, value in recorded(metrics).items() if name.startswith("trading_")
    }


@pytest.mark.parametrize(
    ("pnl", "expected"),
    [
        (None, {}),
        (0, {"trading_trades_pnl_count s": 1}),
        (Decimal("2.5"), {"trading_trades_pnl_count s": 1, "trading_profit_total s": 2.5}),
        ("-2.5", {"trading_trades_pnl_count s": 1, "trading_loss_total s": 2.5}),
    ],
)
def test_record_trade_counts_profit_and_loss_apart(
    exporter: MetricsExporter, metrics: TradingMetrics, pnl: object, expected: dict[str, float]
) -> None:
    """What a strategy won and what it lost would be mixed."""
    exporter.record_trade("s", "SELL", "executed", pnl)
    assert {"trading_trades_total s SELL executed": 1, **expected} == recorded(metrics)


@pytest.mark.parametrize("pnl", [math.nan, math.inf, "a lot", Unprintable()])
def test_record_trade_drops_a_pnl_that_is_no_number(
    exporter: MetricsExporter, metrics: TradingMetrics, pnl: object
) -> None:
    """The trade would be lost with its profit, or the exception would reach the caller."""
    exporter.record_trade("s", "SELL", "executed", pnl)
    assert {("record_trade", "value"): 1} == errors(metrics)
    assert 1 == recorded(metrics)["trading_trades_total s SELL executed"]


# ── the other events ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_training_and_a_request_are_recorded(
    exporter: MetricsExporter, metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their durations, dates and statuses would be missing for code that cannot be decorated."""
    monkeypatch.setattr("tradmetrics.record.event_calls.time", lambda: 1_700_000_000.0)
    exporter.record_ml_training(90.0, accuracy="0.75")
    exporter.record_api_request("/orders/{id}", "get", 404, 0.25)
    assert {
        "trading_ml_training_duration_seconds_count": 1,
        "trading_ml_last_training_timestamp": 1_700_000_000.0,
        "trading_ml_model_accuracy unknown": 0.75,
        "trading_api_requests_total /orders/{id} GET 404": 1,
        "trading_api_request_duration_seconds_count /orders/{id} GET": 1,
    } == recorded(metrics)
    assert 90.0 == sample(metrics, "trading_ml_training_duration_seconds_sum")
    assert 0.25 == sample(metrics, "trading_api_request_duration_seconds_sum", endpoint="/orders/{id}", method="GET")


def test_market_data_without_an_age_counts_as_an_update(exporter: MetricsExporter, metrics: TradingMetrics) -> None:
    """A feed without timestamps could not be watched for silence."""
    exporter.record_market_data_update("NIFTY")
    assert {
        "trading_market_data_updates_total NIFTY",
        "trading_market_data_last_update_timestamp_seconds NIFTY",
    } == set(recorded(metrics))
    assert not metrics.is_stale("NIFTY")


def test_an_exporters_updates_go_stale_after_the_seconds_it_was_given(
    exporter: MetricsExporter, metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow feed would be reported as dead."""
    now = [100.0]
    for module in ("registry.freshness", "record.arrival"):
        monkeypatch.setattr(f"tradmetrics.{module}.monotonic", lambda: now[0])
    exporter.record_market_data_update("fast")
    exporter.record_market_data_update("slow", stale_after=60)
    now[0] += 30
    assert (True, False, 1) == (
        metrics.is_stale("fast"),
        metrics.is_stale("slow"),
        sample(metrics, "trading_market_data_stale"),
    )


@pytest.mark.parametrize("stale_after", [0, -1, math.nan, math.inf, "soon", True])
def test_an_impossible_stale_after_is_counted_and_the_default_holds(
    exporter: MetricsExporter, metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch, stale_after: Any
) -> None:
    """A symbol would never be stale, or every scrape would fail."""
    exporter.record_market_data_update("NIFTY", stale_after=stale_after)
    assert {("record_market_data_update", "value"): 1} == errors(metrics)
    monkeypatch.setattr("tradmetrics.registry.freshness.monotonic", lambda: time.monotonic() + 6)
    assert 1 == sample(metrics, "trading_market_data_stale")


# ── states ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Position:
    """A position as an object."""

    strategy: object
    unrealized_pnl: object = None
    quantity: object = None


@pytest.mark.parametrize(
    "positions",
    [
        [{"strategy": "a", "unrealized_pnl": 5}, {"strategy": "a", "unrealized_pnl": -2}, {"strategy": "b"}],
        [Position("a", 5), Position("a", Decimal("-2"), "25"), Position("b", quantity=-1)],
        {1: Position("a", "5"), 2: {"strategy": "a", "unrealized_pnl": -2}, 3: Position("b")},
        (Position(name, pnl) for name, pnl in (("a", 5), ("a", -2), ("b", 0))),
        {"x": Position("a", 3), "y": Position("a"), "z": Position("b"), "closed": Position("c", 99, 0)},
    ],
    ids=["mappings", "objects", "mapping", "generator", "with a closed one"],
)
def test_open_positions_are_counted_by_strategy_and_their_pnl_added_up(
    exporter: MetricsExporter, metrics: TradingMetrics, positions: Any
) -> None:
    """Positions would be counted only in the one shape that the guide's author had."""
    exporter.update_position_metrics(positions)
    assert {
        "trading_positions_open a": 2,
        "trading_positions_open b": 1,
        "trading_unrealized_pnl": 3,
    } == recorded(metrics)


def test_a_strategy_whose_positions_are_gone_reads_zero(exporter: MetricsExporter, metrics: TradingMetrics) -> None:
    """A closed position would be shown as open until the process ends."""
    exporter.update_position_metrics([Position("a", 5), Position("b", 1)])
    exporter.update_position_metrics([Position("b", 2), Position("a", 9, quantity=0)])
    assert {"trading_positions_open a": 0, "trading_positions_open b": 1, "trading_unrealized_pnl": 2} == recorded(
        metrics
    )
    exporter.update_position_metrics([])
    assert {"trading_positions_open a": 0, "trading_positions_open b": 0, "trading_unrealized_pnl": 0} == recorded(
        metrics
    )


def test_positions_without_a_pnl_leave_it_alone(exporter: MetricsExporter, metrics: TradingMetrics) -> None:
    """A broker that reports no profits would set the profit that something else knows to zero."""
    exporter.update_pnl_metrics(daily=None, unrealized=77)
    exporter.update_position_metrics([Position("a")])
    assert {"trading_positions_open a": 1, "trading_unrealized_pnl": 77} == recorded(metrics)


@pytest.mark.parametrize("positions", [None, 5, object(), [Position("a", quantity="many")], Unprintable()])
def test_positions_that_cannot_be_read_are_an_error_that_is_counted(
    exporter: MetricsExporter, metrics: TradingMetrics, positions: Any
) -> None:
    """The guide's loop would stop at its first call, and update nothing."""
    exporter.update_position_metrics([Position("a", 5)])
    exporter.update_position_metrics(positions)
    assert {("update_position_metrics", "value"): 1} == errors(metrics)
    assert 1 == recorded(metrics)["trading_positions_open a"]


def test_a_position_with_a_bad_pnl_or_name_still_counts(exporter: MetricsExporter, metrics: TradingMetrics) -> None:
    """One bad position would hide all the others."""
    exporter.update_position_metrics([Position("a", 5), Position("a", "?"), Position(Unprintable(), 1)])
    assert 2 == recorded(metrics)["trading_positions_open a"]
    assert 1 == recorded(metrics)["trading_positions_open unknown"]
    assert 6 == recorded(metrics)["trading_unrealized_pnl"]
    assert {("update_position_metrics", "value"): 1, ("update_position_metrics", "label"): 1} == errors(metrics)


def test_what_is_none_stays_as_it_is(exporter: MetricsExporter, metrics: TradingMetrics) -> None:
    """A figure that is not known this time would read zero, and alerts would fire."""
    record_everything(exporter)
    before = recorded(metrics)
    exporter.update_pnl_metrics(daily=None)
    exporter.update_capital_metrics()
    exporter.update_margin_metrics()
    exporter.update_market_metrics()
    exporter.update_strategy_metrics("s")
    assert before == recorded(metrics)


def test_each_state_goes_into_its_own_gauge(exporter: MetricsExporter, metrics: TradingMetrics) -> None:
    """Two figures would be swapped, and only a person who knows the account would notice."""
    exporter.update_pnl_metrics(1, 2, 3, 4)
    exporter.update_capital_metrics(5, 6, 7, 8)
    exporter.update_margin_metrics(9, 10)
    exporter.update_drawdown(11)
    exporter.update_strategy_metrics("s", 0.12, 13, 14, 15)
    exporter.update_ml_accuracy("m", 0.16)
    exporter.update_websocket_connections(17)
    exporter.update_market_metrics(vix=18)
    assert {
        "trading_daily_pnl": 1,
        "trading_daily_pnl_percent": 2,
        "trading_realized_pnl": 3,
        "trading_unrealized_pnl": 4,
        "trading_capital_total": 5,
        "trading_capital_used": 6,
        "trading_capital_available": 7,
        "trading_capital_utilization": 8,
        "trading_margin_used": 9,
        "trading_margin_available": 10,
        "trading_max_drawdown": 11,
        "trading_strategy_win_rate s": 0.12,
        "trading_strategy_avg_pnl s": 13,
        "trading_strategy_sharpe_ratio s": 14,
        "trading_strategy_trades_today s": 15,
        "trading_ml_model_accuracy m": 0.16,
        "trading_websocket_connections": 17,
        "trading_market_vix": 18,
    } == recorded(metrics)


@pytest.mark.parametrize("yes", [True, 1, "yes", [0]])
@pytest.mark.parametrize("no", [False, 0, "", None])
def test_switches_read_one_or_zero(exporter: MetricsExporter, metrics: TradingMetrics, yes: object, no: object) -> None:
    """An alert on `== 1` would not fire for a breaker that is `"yes"`."""
    for value, expected in ((yes, 1), (no, 0)):
        exporter.update_circuit_breaker_metrics(is_active=value)
        assert {"trading_circuit_breaker_active": expected} == recorded(metrics)


@pytest.mark.parametrize(
    ("word", "expected"), [(True, 1), (False, 0), (1, 1), (0, 0), ("open", 1), ("closed", 0), ("no", 0)]
)
def test_a_session_is_open_or_not_in_the_words_that_people_use(
    exporter: MetricsExporter, metrics: TradingMetrics, word: object, expected: int
) -> None:
    """A session that is `"closed"` would read as open, and the alerts would wake somebody at night."""
    exporter.update_market_session(is_open=word)
    assert {"trading_market_session_open": expected} == recorded(metrics)


@pytest.mark.parametrize("word", ["", "perhaps", 7, []])
def test_a_session_that_is_neither_is_an_error_that_is_counted(metrics: TradingMetrics, word: object) -> None:
    """A session of a word that nobody knows would be open or closed by chance."""
    MetricsExporter(metrics).update_market_session(word)
    assert {("update_market_session", "value"): 1} == errors(metrics)


def test_a_trade_that_failed_is_no_part_of_the_strategys_figures() -> None:
    """The same trade would count for a strategy by an explicit call and not by the decorator."""
    metrics = TradingMetrics(strategy_stats=StrategyStats())
    exporter = MetricsExporter(metrics)
    exporter.record_trade("s", "BUY", "failed")
    exporter.record_trade("s", "BUY", "executed", 5.0)
    assert 1 == sample(metrics, "trading_strategy_trades_today", strategy="s")


def test_a_drawdown_that_the_metrics_object_works_out_itself_is_not_set_over(caplog: pytest.LogCaptureFixture) -> None:
    """A figure that is set explicitly would be gone at the next trade, without a word."""
    metrics = TradingMetrics(strategy_stats=StrategyStats())
    MetricsExporter(metrics).update_drawdown(7)
    assert "trading_max_drawdown" in caplog.text


class Ambiguous:
    """Something whose truth cannot be told, as of an array."""

    def __bool__(self) -> bool:
        raise ValueError("the truth value of an array is ambiguous")


def test_a_switch_that_is_neither_is_an_error_that_is_counted(
    exporter: MetricsExporter, metrics: TradingMetrics
) -> None:
    """An array where a bool was meant would raise into the trading loop."""
    exporter.update_circuit_breaker_metrics(Ambiguous())
    exporter.update_market_session(Ambiguous())
    assert {("update_circuit_breaker_metrics", "value"): 1, ("update_market_session", "value"): 1} == errors(metrics)


def test_the_condition_is_one_of_those_seen(exporter: MetricsExporter, metrics: TradingMetrics) -> None:
    """The market would seem to be in several conditions at once."""
    for condition in ("calm", Condition.TRENDING, "calm", "wild"):
        exporter.update_market_metrics(condition=condition)
    assert {
        "trading_market_condition calm": 0,
        "trading_market_condition trending": 0,
        "trading_market_condition wild": 1,
    } == recorded(metrics)


# ── no call raises ───────────────────────────────────────────────────────────────────────────────────────────────


class Hostile:
    """Everything that is asked of it raises."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("hostile")

    def _raise(self, *_: object) -> Any:
        raise RuntimeError("hostile")

    __str__ = __repr__ = __bool__ = __float__ = __iter__ = __len__ = __getitem__ = __format__ = _raise
    __hash__ = __eq__ = __lt__ = __le__ = __gt__ = _raise  # type: ignore[assignment]


@pytest.mark.parametrize("name", SIGNATURES)
def test_no_call_raises_whatever_it_is_given(exporter: MetricsExporter, metrics: TradingMetrics, name: str) -> None:
    """Monitoring would stop the trading loop that it watches."""
    function = getattr(exporter, name)
    parameters = list(inspect.signature(function).parameters)
    for bad in parameters:
        function(**{each: Hostile() if each == bad else "filled" if each == "status" else 1 for each in parameters})
    function(**{each: Hostile() for each in parameters})
    assert errors(metrics)
    assert all(site == name for site, _ in errors(metrics))


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_disabled_metrics_object_takes_every_call_and_registers_nothing(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Switching the metrics off would still cost log lines, or break the calls."""
    metrics = TradingMetrics(enabled=False)
    function = getattr(MetricsExporter(metrics), name)
    parameters = list(inspect.signature(function).parameters)
    for value in (1, "no such status", Hostile()):
        function(**dict.fromkeys(parameters, value))
    assert [] == list(metrics.registry.collect())
    assert [] == caplog.records


def test_the_process_exporter_follows_the_default_metrics() -> None:
    """The one object that the guide imports would record into a metrics object that nobody scrapes."""
    metrics_exporter.update_drawdown(3)
    assert 3 == sample(get_metrics(), "trading_max_drawdown")


def test_a_subclass_names_itself_as_the_site(metrics: TradingMetrics) -> None:
    """Errors of a user's own exporter would be blamed on ours."""

    class Own(MetricsExporter):
        pass

    Own(metrics).update_drawdown("deep")
    assert [("update_drawdown", "value")] == list(errors(metrics))


def test_what_cannot_be_below_zero_is_dropped_and_counted(metrics: TradingMetrics) -> None:
    """A drawdown that is given as a negative number would never reach the alert's threshold, and look like none."""
    exporter = MetricsExporter(metrics)
    exporter.update_drawdown(-5)
    exporter.update_websocket_connections(-1)
    assert {("update_drawdown", "value"): 1, ("update_websocket_connections", "value"): 1} == errors(metrics)
    assert not {"trading_max_drawdown", "trading_websocket_connections"} & recorded(metrics).keys()


@pytest.mark.parametrize(
    ("record", "histogram"),
    [
        (lambda exporter, value: exporter.record_ml_training(value), "trading_ml_training_duration_seconds"),
        (
            lambda exporter, value: exporter.record_api_request("/x", "GET", 200, value),
            "trading_api_request_duration_seconds",
        ),
        (lambda exporter, value: exporter.record_market_data_update("X", value), "trading_market_data_age_seconds"),
    ],
)
def test_a_negative_time_is_dropped_and_counted(metrics: TradingMetrics, record: Any, histogram: str) -> None:
    """A clock that was set back would lower a histogram's sum, which Prometheus reads as a restart of the bot."""
    exporter = MetricsExporter(metrics)
    record(exporter, -5)
    assert not any(name.startswith(histogram) for name in recorded(metrics))
    assert {"value": 1} == {stage: count for (_, stage), count in errors(metrics).items()}
    record(exporter, 2)
    assert [1] == [count for name, count in recorded(metrics).items() if name.startswith(f"{histogram}_count")]


def test_data_from_a_clock_that_is_a_little_ahead_is_new(metrics: TradingMetrics) -> None:
    """Half of a venue's data would be missing from the ages, and be counted as errors, as clocks are."""
    MetricsExporter(metrics).record_market_data_update("X", -0.2)
    assert 1 == sample(metrics, "trading_market_data_age_seconds_count", symbol="X")
    assert 0 == sample(metrics, "trading_market_data_age_seconds_sum", symbol="X")
    assert {} == errors(metrics)


def test_an_exception_for_a_reason_is_its_class(metrics: TradingMetrics) -> None:
    """Its text holds the amount that was missing, and each rejection would be a reason of its own."""
    record = MetricsExporter(metrics).record_order
    record("s", "BUY", "LIMIT", "rejected", reason=PermissionError("need 1,250.75 more"))
    record("s", "BUY", "LIMIT", "cancelled", reason="by hand")
    assert {
        "trading_orders_rejected_total s permission_error": 1,
        "trading_orders_cancelled_total s by hand": 1,
    } == recorded(metrics)


class Silent(str):
    """A text that cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError


def test_a_method_without_a_text_is_unknown_and_counted(metrics: TradingMetrics) -> None:
    """The request that it was the method of would fail for being recorded."""
    MetricsExporter(metrics).record_api_request("/x", Silent("get"), 200, 0.1)
    assert 1 == sample(metrics, "trading_api_requests_total", endpoint="/x", method="unknown", status="200")
    assert {"label"} == {stage for _, stage in errors(metrics)}


# ── errors ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_error_names_the_line_that_made_the_call(
    exporter: MetricsExporter, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a hundred calls of record_trade, nobody would know which one passes a wrong P&L."""
    line = inspect.currentframe().f_lineno + 1  # type: ignore[union-attr]
    exporter.record_trade("s", "BUY", "executed", "much")
    exporter.update_capital_metrics(total="all of it")
    exporter.record_cash_flow("funding", "some")
    assert [
        f"The call at {__file__}:{line + number} is unharmed" in each.getMessage()
        for number, each in enumerate(caplog.records)
    ] == [
        True,
        True,
        True,
    ]


def test_errors_are_limited_by_caller(exporter: MetricsExporter, caplog: pytest.LogCaptureFixture) -> None:
    """The call that fails each second would keep the log from ever naming the other one."""
    for _ in range(3):
        exporter.record_trade("s", "BUY", "executed", "much")
        exporter.record_trade("s", "BUY", "executed", "little")
    assert ["'much'" in each.getMessage() for each in caplog.records] == [True, False]
