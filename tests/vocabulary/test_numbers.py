"""Amounts and times as texts and as other libraries' objects."""

from __future__ import annotations

import sys
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from tests.recorded import errors, recorded
from tradmetrics import MetricsExporter, OrderTracker, TradingMetrics, result, track_order, track_trade

AMOUNTS = {
    "1,234.5": 1234.5,
    "-1,234,567.25": -1234567.25,
    "+1,234.5": 1234.5,
    "1,234,567": 1234567.0,
    "12,34,567.50": 1234567.5,
    "(12.50)": -12.5,
    "( 12.50 )": -12.5,
    "(1,250.00)": -1250.0,
    "\N{MINUS SIGN}5": -5.0,
    " \N{MINUS SIGN}1,234.50 ": -1234.5,
    "+5": 5.0,
    " 7.5\n": 7.5,
    "1e-8": 1e-8,
    Decimal("2.5"): 2.5,
    Fraction(1, 4): 0.25,
}
NO_AMOUNTS = (
    True,
    False,
    "1,234",
    "12,5",
    "1.234,5",
    "12,34,5",
    "12.5 USDT",
    "$12.5",
    "(-5)",
    "(5",
    "--5",
    "5-",
    "nan",
    "inf",
    float("nan"),
    float("inf"),
    "9" * 500,
    [],
    object(),
)
UNSET = sys.float_info.max  # Interactive Brokers' `UNSET_DOUBLE`
MISSING = (None, "", "   ", "\t", "-", " - ", "N/A", "n/a", UNSET)


@pytest.fixture
def metrics() -> TradingMetrics:
    """Metrics of their own."""
    return TradingMetrics()


def pnl_of(metrics: TradingMetrics) -> float:
    """Profit less loss."""
    found = recorded(metrics)
    return found.get("trading_profit_total s", 0.0) - found.get("trading_loss_total s", 0.0)


@pytest.mark.parametrize("amount", AMOUNTS)
def test_an_unambiguous_amount_is_read(metrics: TradingMetrics, amount: Any) -> None:
    """The P&L of a broker that writes thousands would be lost."""
    MetricsExporter(metrics).record_trade("s", "sell", "executed", amount)
    track_trade(strategy="s", side="SELL", pnl=result("pnl"), metrics=metrics)(lambda: {"pnl": amount})()
    assert pytest.approx(2 * AMOUNTS[amount]) == pnl_of(metrics)
    assert {} == errors(metrics)


@pytest.mark.parametrize("amount", NO_AMOUNTS, ids=lambda value: f"{value!r:.20}".partition(" at ")[0])
def test_a_value_that_is_no_amount_is_dropped_and_counted(metrics: TradingMetrics, amount: Any) -> None:
    """A flag would be a profit of 1, and a guess at a comma be wrong by a factor of 1,000."""
    MetricsExporter(metrics).record_trade("s", "sell", "executed", amount)
    assert 0 == pnl_of(metrics)
    assert {("record_trade", "value"): 1} == errors(metrics)
    assert 1 == recorded(metrics)["trading_trades_total s SELL executed"]


@pytest.mark.parametrize("nothing", MISSING, ids=repr)
def test_a_missing_amount_is_left_out_everywhere(nothing: Any) -> None:
    """A venue that leaves fields blank would raise an alert with each event."""
    metrics = TradingMetrics(strict=True)
    exporter = MetricsExporter(metrics)
    exporter.record_trade("s", "sell", "executed", nothing)
    exporter.record_order("s", "buy", "limit", "filled", nothing)
    exporter.update_pnl_metrics(nothing, nothing, nothing, nothing)
    exporter.update_capital_metrics(total=nothing, used="250")
    exporter.update_margin_metrics(nothing, nothing)
    exporter.update_drawdown(nothing)
    exporter.update_position_metrics([{"strategy": "s", "quantity": nothing, "unrealized_pnl": nothing}])
    exporter.update_strategy_metrics("s", nothing, nothing, nothing, nothing)
    exporter.record_api_request("/x", "GET", 200, nothing)
    exporter.record_ml_training(nothing)
    answer = {"status": "filled", "filled": nothing, "amount": nothing, "fill_time": nothing}
    track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=metrics)(lambda: answer)()
    track_trade(strategy="s", side="BUY", pnl=result("pnl"), metrics=metrics)(lambda: {"pnl": nothing})()
    found = recorded(metrics)
    assert 250 == found["trading_capital_used"]
    assert 1 == found["trading_api_requests_total /x GET 200"]
    assert 2 == found["trading_orders_filled_total s BUY"]
    assert 1 == found["trading_order_fill_time_seconds_count s"]
    assert not {"trading_capital_total", "trading_daily_pnl"} & found.keys()
    assert {} == errors(metrics)
    assert "trading_trades_pnl_count s" not in found


def test_a_number_that_interactive_brokers_did_not_set_is_left_out_of_an_order(metrics: TradingMetrics) -> None:
    """Each market order would count an error, for the limit price that it does not have."""
    orders = OrderTracker(strategy="s", dialect="ib", metrics=metrics)
    orders.submitted(17, side="BUY", order_type="MKT", quantity=100, price=UNSET, reference_price=UNSET)
    orders.updated(17, status="Submitted", filled=UNSET, price=UNSET)
    orders.updated(17, status="Filled", filled=100, price=UNSET)
    found = recorded(metrics)
    assert 1 == found["trading_orders_filled_total s BUY"]
    assert not [name for name in found if "anomalies" in name or "slippage" in name]
    assert {} == errors(metrics)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_numpys_times_are_times(metrics: TradingMetrics, unit: str) -> None:
    """Fill times of backtests would be missing, or wrong by a factor of a million."""
    np = pytest.importorskip("numpy")
    start = np.datetime64("2026-11-30T10:00:00", unit)
    orders = OrderTracker(strategy="s", metrics=metrics)
    orders.submitted("A", side="buy", quantity=1, timestamp=start)
    orders.updated("A", status="filled", filled=1, timestamp=start + np.timedelta64(2, "s"))
    orders.submitted("B", side="buy", quantity=1, timestamp=np.datetime64("NaT"))
    seconds = metrics.registry.get_sample_value("trading_order_fill_time_seconds_sum", {"strategy": "s"})
    assert 2.0 == seconds
    assert {} == errors(metrics)


def test_numpys_truth_values_are_no_numbers(metrics: TradingMetrics) -> None:
    """A comparison's result would be a profit of 1."""
    np = pytest.importorskip("numpy")
    MetricsExporter(metrics).record_trade("s", "sell", "executed", np.bool_(True))
    assert 0 == pnl_of(metrics)
    assert {("record_trade", "value"): 1} == errors(metrics)


@pytest.mark.parametrize("name", ["NA", "NaT"])
def test_pandas_missing_values_are_left_out(metrics: TradingMetrics, name: str) -> None:
    """Each row of a frame with a gap would count an error, and an order with one an anomaly."""
    nothing = getattr(pytest.importorskip("pandas"), name)
    MetricsExporter(metrics).record_trade("s", "sell", "executed", nothing)
    MetricsExporter(metrics).update_pnl_metrics(nothing, realized=nothing)
    orders = OrderTracker(strategy="s", metrics=metrics)
    orders.submitted("1", side="buy", quantity=nothing, price=nothing, timestamp=nothing)
    orders.updated("1", status=nothing, filled=nothing, fill_id=nothing, reason=nothing)
    orders.updated("1", status="filled")
    track_order(strategy="s", side="BUY", metrics=metrics)(lambda: {"status": nothing, "filled": nothing})()
    found = recorded(metrics)
    assert 1 == found["trading_orders_filled_total s BUY"]
    assert not [name for name in found if "anomalies" in name or "trades_pnl" in name]
    assert {} == errors(metrics)
