"""`track_cash_flow` and `record_cash_flow`: funding, fees, interest, dividends and transfers."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest

from tests.recorded import errors, recorded, sample
from tradmetrics import (
    ConfigurationError,
    LabelSourceError,
    MetricsExporter,
    StrategyStats,
    TradingMetrics,
    arg,
    result,
    track_cash_flow,
    track_trade,
)


@pytest.fixture
def metrics() -> TradingMetrics:
    """A metrics object of the test's own."""
    return TradingMetrics()


class Kind(Enum):
    """An exchange's words."""

    FUNDING_FEE = "FUNDING_FEE"


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("funding", "funding"),
        ("FUNDING_FEE", "funding"),
        (Kind.FUNDING_FEE, "funding"),
        ("funding fee", "funding"),
        ("Commission", "fee"),
        ("TRADING_FEE", "fee"),
        ("rollover", "interest"),
        ("DIV", "dividend"),
        ("deposit", "transfer"),
        ("WITHDRAWAL", "transfer"),
        ("internal-transfer", "transfer"),
        ("other", "other"),
    ],
)
def test_kinds_fold(metrics: TradingMetrics, given: Any, kind: str) -> None:
    """Each venue's words would be series of their own, and a deposit would be profit."""
    MetricsExporter(metrics).record_cash_flow(given, 2.5, "s")
    assert {f"trading_cash_received_total s {kind}": 2.5} == recorded(metrics)


def test_an_unknown_kind_is_other_and_said(metrics: TradingMetrics, caplog: pytest.LogCaptureFixture) -> None:
    """A misspelt transfer would move the day's P&L, and nobody would know."""
    MetricsExporter(metrics).record_cash_flow("trasnfer", 2.5, "s")
    assert 2.5 == sample(metrics, "trading_cash_received_total", strategy="s", kind="other")
    assert {("record_cash_flow", "vocabulary"): 1} == errors(metrics)
    assert "the kinds are funding, fee, interest, dividend, transfer, other" in caplog.text


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (3, {"trading_cash_received_total s fee": 3}),
        (Decimal("-3.5"), {"trading_cash_paid_total s fee": 3.5}),
        ("-2", {"trading_cash_paid_total s fee": 2}),
        (0, {}),
    ],
)
def test_the_sign_says_the_direction(metrics: TradingMetrics, amount: Any, expected: dict[str, float]) -> None:
    """What was paid would be income."""
    MetricsExporter(metrics).record_cash_flow("fee", amount, "s")
    assert expected == recorded(metrics)


@pytest.mark.parametrize("amount", ["much", float("nan"), object()])
def test_an_amount_that_is_no_number_is_counted(metrics: TradingMetrics, amount: Any) -> None:
    """It would be lost without a word."""
    MetricsExporter(metrics).record_cash_flow("fee", amount, "s")
    assert {("record_cash_flow", "value"): 1} == errors(metrics)


@pytest.mark.parametrize(
    "event",
    [
        {"amount": "-2", "income_type": "FUNDING_FEE", "asset": "USDT"},
        SimpleNamespace(amount=-2.0, income_type="funding", asset="USDT"),
    ],
)
def test_a_decorator_reads_it_from_the_call(metrics: TradingMetrics, event: Any) -> None:
    """Callbacks of venues would need a call by hand."""

    @track_cash_flow(
        kind=arg("event.income_type"),
        amount=arg("event.amount"),
        currency=arg("event.asset"),
        strategy="carry",
        metrics=metrics,
    )
    def on_income(event: Any) -> str:
        return "done"

    assert "done" == on_income(event)
    assert {"trading_cash_paid_total carry funding": 2} == recorded(metrics)
    assert "USDT" == metrics.money.currency


def test_left_out_it_is_found_in_parameters_and_result(metrics: TradingMetrics) -> None:
    """The shortest way to write it would record nothing."""

    @track_cash_flow(metrics=metrics)
    def book(kind: str, amount: float, strategy: str) -> None: ...

    @track_cash_flow(kind="dividend", metrics=metrics)
    def collect() -> dict[str, Any]:
        return {"amount": 7.0, "strategy": "s"}

    book("interest", -1, strategy="t")
    collect()
    assert {"trading_cash_paid_total t interest": 1, "trading_cash_received_total s dividend": 7} == recorded(metrics)


def test_a_call_that_raises_records_nothing(metrics: TradingMetrics) -> None:
    """A transfer that the venue refused would count."""

    @track_cash_flow(kind="transfer", amount=arg("amount"), metrics=metrics)
    def withdraw(amount: float) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        withdraw(-5)
    assert {} == recorded(metrics)


def test_wrong_use_shows_when_decorating(metrics: TradingMetrics) -> None:
    """A misspelt kind would show on the day of the first funding."""
    with pytest.raises(ConfigurationError, match=r"kind is one of funding, fee, .* not 'fudning'"):
        track_cash_flow(kind="fudning", amount=result())
    with pytest.raises(LabelSourceError, match="kind"):
        track_cash_flow(metrics=metrics)(lambda: None)


def test_a_fee_of_a_trade_is_cash_that_was_paid() -> None:
    """Commission would be missing from the day's P&L, or be a losing trade."""
    metrics = TradingMetrics(strategy_stats=StrategyStats())

    @track_trade(strategy="s", side="SELL", pnl=arg("pnl"), fee=result("commission"), metrics=metrics)
    def close(pnl: float, fee: Any) -> dict[str, Any]:
        return {"commission": fee}

    close(10.0, 1.5)
    close(-4.0, "0.5")
    close(1.0, -0.25)  # a rebate
    close(1.0, None)
    assert 2.0 == sample(metrics, "trading_cash_paid_total", strategy="s", kind="fee")
    assert 0.25 == sample(metrics, "trading_cash_received_total", strategy="s", kind="fee")
    assert 8 - 1.75 == sample(metrics, "trading_daily_pnl")
    assert 2.0 == sample(metrics, "trading_strategy_avg_pnl", strategy="s")
    assert 4 == sample(metrics, "trading_strategy_trades_today", strategy="s")
    assert {} == errors(metrics)
