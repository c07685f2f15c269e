"""Currencies, and several accounts in one metrics object: amounts that are not equal never add up as if they were."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest

from tests.recorded import errors, recorded, sample
from tradmetrics import (
    ConfigurationError,
    MetricsExporter,
    StrategyStats,
    TradingMetrics,
    arg,
    configure,
    result,
    track_capital,
    track_cash_flow,
    track_pnl,
    track_positions,
    track_trade,
)


class Code(Enum):
    """Currencies of a bot."""

    JPY = "jpy"


RATES = {"JPY": 0.01, "EUR": 1.25}


@pytest.mark.parametrize("currency", ["JPY", "jpy", " JPY ", Code.JPY, SimpleNamespace(code="JPY")])
def test_another_currency_is_left_out_and_both_are_named(currency: Any, caplog: pytest.LogCaptureFixture) -> None:
    """100 USD and 15,000 JPY would be 15,100."""
    metrics = TradingMetrics(currency="usd")
    exporter = MetricsExporter(metrics)
    exporter.record_trade("s", "SELL", "executed", 100, currency="USD")
    exporter.record_trade("s", "SELL", "executed", 15_000, currency=currency)
    exporter.record_trade("s", "SELL", "executed", 1)
    assert 101 == sample(metrics, "trading_profit_total", strategy="s")
    assert 3 == sample(metrics, "trading_trades_total", strategy="s", side="SELL", status="executed")
    assert {("record_trade", "value"): 1} == errors(metrics)
    assert "15000 JPY was left out, because these metrics are in USD" in caplog.text


@pytest.mark.parametrize("nothing", [None, "", " ", "-", "N/A"])
def test_a_source_without_a_currency_is_in_that_of_the_metrics(nothing: Any) -> None:
    """Half of a broker's messages would be errors."""
    metrics = TradingMetrics(currency="USD")
    MetricsExporter(metrics).record_trade("s", "SELL", "executed", 100, currency=nothing)
    assert 100 == sample(metrics, "trading_profit_total", strategy="s")
    assert {} == errors(metrics)


CONVERTERS: dict[str, Callable[..., object]] = {
    "three": lambda amount, source, target: amount * RATES[source] if target == "USD" else None,
    "two": lambda amount, source: amount * RATES[source],
    "default": lambda amount, source, rates=RATES: amount * rates[source],
    "any": lambda *arguments: arguments[0] * RATES[arguments[1]] if arguments[2] == "USD" else None,
    "text": lambda amount, source, target: str(amount * RATES[source]),
}


@pytest.mark.parametrize("kind", CONVERTERS)
def test_it_is_converted_where_that_can_be_done(kind: str) -> None:
    """A bot on two exchanges would have no profit at all."""
    metrics = TradingMetrics(currency="USD", convert=CONVERTERS[kind], strategy_stats=StrategyStats())
    exporter = MetricsExporter(metrics)
    exporter.record_trade("s", "SELL", "executed", 15_000, currency="JPY", fee=200)
    exporter.record_trade("s", "SELL", "executed", -100, currency="EUR")
    assert 150 == sample(metrics, "trading_profit_total", strategy="s")
    assert 125 == sample(metrics, "trading_loss_total", strategy="s")
    assert 2 == sample(metrics, "trading_cash_paid_total", strategy="s", kind="fee")
    assert 23 == sample(metrics, "trading_daily_pnl")


@pytest.mark.parametrize("convert", [lambda a, s, t: None, lambda a, s, t: float("nan"), lambda a, s, t: RATES["CHF"]])
def test_a_converter_that_fails_leaves_it_out(convert: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A missing rate would raise in the trading loop, or make the sum NaN."""
    metrics = TradingMetrics(currency="USD", convert=convert)
    MetricsExporter(metrics).record_trade("s", "SELL", "executed", 5, currency="CHF")
    assert None is sample(metrics, "trading_profit_total", strategy="s")
    assert {("record_trade", "value"): 1} == errors(metrics)
    assert "5 CHF was left out, because convert= did not turn it into USD" in caplog.text


def test_the_first_currency_is_that_of_the_metrics() -> None:
    """Nobody would be told of the mixture who did not name a currency beforehand."""
    metrics = TradingMetrics()

    @track_trade(strategy="s", side="SELL", metrics=metrics)
    def close(answer: dict[str, Any]) -> dict[str, Any]:
        return answer

    close({"pnl": 1.0, "currency": "EUR"})
    close({"pnl": 2.0, "currency": "USD"})
    close({"pnl": 4.0})
    assert 5 == sample(metrics, "trading_profit_total", strategy="s")


def test_every_call_with_an_amount_follows_the_rule() -> None:
    """Capital, P&L, positions or cash would still be added up across currencies."""
    metrics = TradingMetrics(currency="USD")
    exporter = MetricsExporter(metrics)
    exporter.update_pnl_metrics(1, realized=2, unrealized=3, currency="JPY")
    exporter.update_capital_metrics(total=1, used=2, available=3, currency="JPY")
    exporter.update_margin_metrics(1, 2, currency="JPY")
    exporter.record_cash_flow("funding", 1, currency="JPY")
    exporter.update_position_metrics([{"strategy": "s", "unrealized_pnl": 1, "currency": "JPY"}])
    exporter.update_position_metrics([{"strategy": "s", "unrealized_pnl": 1}], currency="JPY")
    track_pnl(metrics=metrics)(lambda: {"daily": 1, "currency": "JPY"})()
    track_capital(currency="JPY", metrics=metrics)(lambda: {"total": 1})()
    track_cash_flow(kind="fee", amount=1, currency="JPY", metrics=metrics)(lambda: None)()
    track_positions(currency=result("ccy"), metrics=metrics)(lambda: [{"unrealized_pnl": 1, "ccy": "JPY"}])()
    found = recorded(metrics)
    assert {"trading_positions_open s", "trading_positions_open unknown"} == {
        name for name in found if name.startswith("trading_")
    }
    assert 15 == sum(value for name, value in found.items() if name.startswith("tradmetrics_instrumentation"))


def test_percentages_have_no_currency() -> None:
    """The utilization of an account in yen would be left out."""
    metrics = TradingMetrics(currency="USD")
    MetricsExporter(metrics).update_capital_metrics(utilization=24, currency="JPY")
    assert 24 == sample(metrics, "trading_capital_utilization")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"currency": 5}, "currency is a currency's code such as 'USD', not 5"),
        ({"currency": ""}, "currency is a currency's code"),
        ({"convert": 1.1}, "convert is a function"),
        ({"convert": lambda amount: amount}, r"convert is called with \(amount, source, target\)"),
    ],
)
def test_options_that_cannot_work_say_why(options: Any, message: str) -> None:
    """It would show at the first amount in another currency."""
    with pytest.raises(ConfigurationError, match=message):
        TradingMetrics(**options)


def test_the_default_metrics_take_them_too() -> None:
    """A bot that never builds a metrics object could not name its currency."""
    metrics = configure(currency="USD", version="1.2.3", force=True)
    assert "USD" == metrics.money.currency
    assert 1 == sample(metrics, "trading_build_info", version="1.2.3")
    with pytest.raises(ConfigurationError, match="another currency"):
        configure(currency="EUR", version="1.2.3")


# ── several accounts ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_last_word_of_each_account_adds_up() -> None:
    """The gauges would show the account that spoke last."""
    metrics = TradingMetrics()
    exporter = MetricsExporter(metrics)
    exporter.update_capital_metrics(total=9_000, used=900, utilization=10, account="A")
    exporter.update_capital_metrics(total=3_000, account="A")
    exporter.update_capital_metrics(total=1_000, used=500, utilization=50, account="B")
    exporter.update_pnl_metrics(5, account="A")
    exporter.update_pnl_metrics(-2, account="B")
    exporter.update_margin_metrics(1, 2, account="A")
    exporter.update_margin_metrics(10, 20, account="B")
    for account, open_positions in (("A", 3), ("B", 2), ("A", 1)):
        exporter.update_position_metrics([{"strategy": "s", "unrealized_pnl": 1}] * open_positions, account=account)
    assert {
        "trading_capital_total": 4_000,
        "trading_capital_used": 1_400,
        "trading_capital_utilization": 20,
        "trading_daily_pnl": 3,
        "trading_margin_used": 11,
        "trading_margin_available": 22,
        "trading_positions_open s": 3,
        "trading_unrealized_pnl": 3,
    } == recorded(metrics)


@pytest.mark.parametrize("way", ["field", "source", "parameter", "list"])
def test_decorators_know_accounts(way: str) -> None:
    """A bot with two accounts would see one of them at a time."""
    metrics = TradingMetrics()
    totals = {"A": 5, "B": 7}
    field = track_capital(metrics=metrics)(lambda which: {"account": which, "total": totals[which]})
    source = track_capital(account=arg("which"), metrics=metrics)(lambda which: {"total": totals[which]})
    parameter = track_capital(metrics=metrics)(lambda account: {"total": totals[account]})
    everything = track_capital(metrics=metrics)(
        lambda which: [{"account_id": name, "total": total} for name, total in totals.items()]
    )
    call = {"field": field, "source": source, "parameter": parameter, "list": everything}[way]
    for which in ("A", "B", "A"):
        call(which)
    assert 12 == sample(metrics, "trading_capital_total")


def test_an_object_called_account_is_no_name() -> None:
    """Each new object would be an account, and the sum would grow."""
    metrics = TradingMetrics()
    capital = track_capital(metrics=metrics)(lambda account: {"total": account.equity})
    for equity in (5, 7):
        capital(SimpleNamespace(equity=equity))
    assert 7 == sample(metrics, "trading_capital_total")


def test_positions_of_several_accounts_of_one_function() -> None:
    """The positions of the account that was asked last would hide the other's."""
    metrics = TradingMetrics()

    class Broker:
        def __init__(self, name: str, count: int) -> None:
            self.name = name
            self.count = count

        @track_positions(account=arg("self.name"), metrics=metrics)
        def positions(self) -> list[dict[str, Any]]:
            return [{"strategy": "s", "unrealized_pnl": 1.0}] * self.count

    first, second = Broker("A", 1), Broker("B", 2)
    for _ in range(2):
        first.positions()
        second.positions()
    assert 3 == sample(metrics, "trading_positions_open", strategy="s")


# ── versions ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("version", ["a1b2c3d", "9f2c1e8b7a6d5c4f3e2d1c0b9a8f7e6d5c4b3a29", "2025.11.30", "v1.2 rc1"])
def test_the_version_is_shown_as_it_is(version: str) -> None:
    """A commit's hash looks like an identifier, and no dashboard could mark where the code changed."""
    assert 1 == sample(TradingMetrics(version=version), "trading_build_info", version=version)


def test_the_version_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment that knows the commit could not tell it without a change of the code."""
    monkeypatch.setenv("TRADMETRICS_VERSION", "abc")
    assert 1 == sample(TradingMetrics(), "trading_build_info", version="abc")
    assert 1 == sample(TradingMetrics(version="own"), "trading_build_info", version="own")
    monkeypatch.setenv("TRADMETRICS_VERSION", " ")
    assert [] == [name for name in recorded(TradingMetrics()) if "build_info" in name]
    with pytest.raises(ConfigurationError, match="version is a text"):
        TradingMetrics(version=object())  # type: ignore[arg-type]
