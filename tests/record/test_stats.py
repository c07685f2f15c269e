"""`StrategyStats`: win rate, average P&L, Sharpe ratio, trades of the day, daily P&L, drawdown, from trades alone."""

from __future__ import annotations

import math
import random
import statistics
import sys
import threading
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.recorded import errors, sample
from tradmetrics import (
    ConfigurationError,
    MetricsExporter,
    StrategyStats,
    TradingMetrics,
    arg,
    result,
    track_pnl,
    track_strategy,
    track_trade,
)

FIGURES = ("win_rate", "avg_pnl", "sharpe_ratio", "trades_today")


class Clock:
    """A time of day that moves when told."""

    def __init__(self, text: str = "2025-03-03T12:00", zone: str = "UTC") -> None:
        self.zone = zone
        self.at(text)

    def at(self, text: str, fold: int = 0) -> None:
        """Set the time to a local one."""
        self.now = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(self.zone), fold=fold).timestamp()

    def __call__(self) -> float:
        return self.now


def book_with(monkeypatch: pytest.MonkeyPatch, clock: Clock, **settings: Any) -> TradingMetrics:
    """A metrics object with figures, and a time of day that moves when told."""
    monkeypatch.setattr("tradmetrics.record.stats.time", clock)
    return TradingMetrics(strategy_stats=StrategyStats(**settings))


@pytest.fixture
def clock() -> Clock:
    """A time of day that moves when told."""
    return Clock()


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> TradingMetrics:
    """A metrics object with the default figures."""
    return book_with(monkeypatch, clock)


def trade(metrics: TradingMetrics, *pnls: object, strategy: str = "s") -> None:
    """Make trades."""
    close = track_trade(strategy=strategy, side="BUY", pnl=result(), metrics=metrics)(lambda pnl: pnl)
    for pnl in pnls:
        close(pnl)


def figures(metrics: TradingMetrics, strategy: str = "s") -> dict[str, float]:
    """A strategy's figures, as a scrape sees them; those that there are."""
    found = {name: sample(metrics, f"trading_strategy_{name}", strategy=strategy) for name in FIGURES}
    return {name: value for name, value in found.items() if value is not None}


# ── the figures ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_there_are_none_before_the_first_trade(metrics: TradingMetrics) -> None:
    """A win rate of zero, and an alert on it, would greet every start."""
    assert {} == figures(metrics)
    assert (None, None) == (sample(metrics, "trading_daily_pnl"), sample(metrics, "trading_max_drawdown"))


def test_without_the_option_nothing_is_derived() -> None:
    """Figures that the user sets would be mixed with ours."""
    metrics = TradingMetrics()
    trade(metrics, 5, -5)
    assert {} == figures(metrics)
    track_pnl(metrics=metrics)(lambda: {"daily": 7})()
    assert 7 == sample(metrics, "trading_daily_pnl")


def test_the_win_rate_is_wins_among_wins_and_losses(metrics: TradingMetrics) -> None:
    """Trades that end even, or whose result is not known, would count as lost."""
    trade(metrics, 10, 5, -1, 0, None, 0)
    assert pytest.approx(2 / 3) == figures(metrics)["win_rate"]
    trade(metrics, 0, None, strategy="even")
    assert "win_rate" not in figures(metrics, "even")
    trade(metrics, -1, strategy="lost")
    assert 0 == figures(metrics, "lost")["win_rate"]


def test_the_average_is_over_trades_whose_result_is_known(metrics: TradingMetrics) -> None:
    """Trades without a result would pull the average to zero."""
    trade(metrics, 10, -4, None, 0)
    assert 2.0 == figures(metrics)["avg_pnl"]
    trade(metrics, None, strategy="unknown")
    assert {"trades_today": 1} == figures(metrics, "unknown")


def sharpe(pnls: list[float], periods: float = 252) -> float:
    """The docstring's formula."""
    return statistics.mean(pnls) / statistics.stdev(pnls) * math.sqrt(periods)


def test_the_sharpe_ratio_is_the_docstrings_formula(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """A figure that traders compare strategies by would be another one than it is called."""
    pnls = [120.0, -40.0, 65.5, 0.0, -12.25, 300.0]
    metrics = book_with(monkeypatch, clock)
    trade(metrics, *pnls)
    assert pytest.approx(sharpe(pnls)) == figures(metrics)["sharpe_ratio"]
    metrics = book_with(monkeypatch, clock, periods_per_year=52)
    trade(metrics, *pnls)
    assert pytest.approx(sharpe(pnls, 52)) == figures(metrics)["sharpe_ratio"]


@pytest.mark.parametrize("pnls", [[5], [5, 5, 5], [0, 0], [None, 7]])
def test_without_any_spread_there_is_no_sharpe_ratio(metrics: TradingMetrics, pnls: list[Any]) -> None:
    """A division by zero would end the scrape, or show an infinite ratio."""
    trade(metrics, *pnls)
    assert "sharpe_ratio" not in figures(metrics)
    assert {} == errors(metrics)


def test_strategies_are_told_apart(metrics: TradingMetrics) -> None:
    """One strategy's losses would spoil another one's figures."""
    trade(metrics, 10, 20, strategy="a")
    trade(metrics, -10, strategy="b")
    assert {"win_rate": 1, "avg_pnl": 15, "trades_today": 2} == {
        name: value for name, value in figures(metrics, "a").items() if name != "sharpe_ratio"
    }
    assert {"win_rate": 0, "avg_pnl": -10, "trades_today": 1} == figures(metrics, "b")


def test_trades_that_raise_are_not_trades_of_the_day(metrics: TradingMetrics) -> None:
    """A broker that refuses everything would look like a busy day."""

    @track_trade(strategy="s", side="BUY", metrics=metrics)
    def close() -> None:
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        close()
    assert {} == figures(metrics)


def returned(metrics: TradingMetrics, status: object, dialect: str | None) -> None:
    """A trade of which the status comes back."""
    answer = {"status": status, "pnl": -3}
    track_trade(strategy="s", side="BUY", dialect=dialect, metrics=metrics)(lambda: answer)()


def passed(metrics: TradingMetrics, status: object, dialect: str | None) -> None:
    """A trade of which the status is an argument, and nothing comes back."""
    track_trade(strategy="s", side="BUY", dialect=dialect, metrics=metrics)(lambda status: None)(status)


@pytest.mark.parametrize("how", [returned, passed])
@pytest.mark.parametrize(
    ("status", "dialect"),
    [("failed", None), ("REJECTED", None), ("Canceled", None), ("expired", None), ("accepted", None), ("8", "fix")],
)
def test_trades_that_were_not_executed_are_not_trades_of_the_day(
    metrics: TradingMetrics, how: Any, status: object, dialect: str | None
) -> None:
    """The same failure would count or not, by whether the broker's library raises or answers."""
    for _ in range(3):  # what is remembered of the first call is what the others go by
        how(metrics, status, dialect)
    assert {} == figures(metrics)
    assert None is sample(metrics, "trading_daily_pnl")
    how(metrics, "filled", None)
    assert 1 == figures(metrics)["trades_today"]


@pytest.mark.parametrize("status", ["executed", "FILLED", "partially_filled", "unknown", "taken", None, object()])
def test_trades_of_other_statuses_are_trades_of_the_day(metrics: TradingMetrics, status: object) -> None:
    """A status that nobody has a word for would hide a day's trades and their P&L."""
    returned(metrics, status, None)
    returned(metrics, status, None)
    assert (2, -6) == (figures(metrics)["trades_today"], sample(metrics, "trading_daily_pnl"))


def test_the_explicit_call_feeds_them_too(metrics: TradingMetrics) -> None:
    """Code that cannot be decorated would have no figures."""
    exporter = MetricsExporter(metrics)
    exporter.record_trade("s", "BUY", "executed", 10)
    exporter.record_trade("s", "BUY", "executed", "-5")
    exporter.record_trade("s", "BUY", "executed")
    exporter.record_trade("s", "BUY", "executed", "?")
    assert (0.5, 2.5, 4) == tuple(figures(metrics)[name] for name in ("win_rate", "avg_pnl", "trades_today"))
    assert 5 == sample(metrics, "trading_daily_pnl")


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The figures that the log says were not set."""
    return [str(record.args[1]) for record in caplog.records if "StrategyStats" in record.message and record.args]


def test_figures_that_come_from_the_trades_cannot_be_set(
    metrics: TradingMetrics, caplog: pytest.LogCaptureFixture
) -> None:
    """What is set would have no effect once there is a trade, or mix with what is derived, and nobody would know."""
    pnl = track_pnl(metrics=metrics)(lambda: {"daily": 500, "daily_pct": 5, "realized": 400})
    report = track_strategy(metrics=metrics)(lambda: {"strategy": "s", "win_rate": 0.9, "trades_today": 7})
    for _ in range(3):
        MetricsExporter(metrics).update_pnl_metrics(daily=500)
        MetricsExporter(metrics).update_strategy_metrics("other", win_rate=0.8, avg_pnl=1, sharpe_ratio=2)
        pnl()
        report()
    assert ({}, {}) == (figures(metrics), figures(metrics, "other"))
    assert (None, 5, 400) == tuple(
        sample(metrics, f"trading_{name}") for name in ("daily_pnl", "daily_pnl_percent", "realized_pnl")
    )
    assert [
        "trading_daily_pnl",
        "trading_strategy_win_rate",
        "trading_strategy_avg_pnl",
        "trading_strategy_sharpe_ratio",
        "trading_strategy_trades_today",
    ] == warnings(caplog)
    assert "update_pnl_metrics: trading_daily_pnl is not set: StrategyStats" in caplog.text
    assert "leave strategy_stats= out" in caplog.text
    assert {} == errors(metrics)
    trade(metrics, 5, -5)
    assert (0.5, 0) == (figures(metrics)["win_rate"], sample(metrics, "trading_daily_pnl"))


def test_without_the_option_figures_can_be_set(caplog: pytest.LogCaptureFixture) -> None:
    """A bot that works its figures out itself would be told that it cannot."""
    metrics = TradingMetrics()
    MetricsExporter(metrics).update_pnl_metrics(daily=500)
    MetricsExporter(metrics).update_strategy_metrics("s", win_rate=0.9)
    assert (500, {"win_rate": 0.9}) == (sample(metrics, "trading_daily_pnl"), figures(metrics))
    assert [] == caplog.records


def test_strategies_past_the_budget_share_their_figures(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """A strategy name with an id in it would grow the memory without end."""
    monkeypatch.setattr("tradmetrics.record.stats.time", clock)
    metrics = TradingMetrics(strategy_stats=StrategyStats(), limits={"strategy": 2})
    for number in range(50):
        trade(metrics, 1, strategy=f"s{number}")
    assert (1, 1, 48) == tuple(figures(metrics, name)["trades_today"] for name in ("s0", "s1", "__other__"))
    assert 3 == len(metrics.strategy_stats._strategies)  # type: ignore[union-attr]


def test_memory_is_the_same_however_many_trades_there_were(metrics: TradingMetrics) -> None:
    """A year of trading would fill the memory with its trades."""
    trade(metrics, *range(10))
    running = metrics.strategy_stats._strategies["s"]  # type: ignore[union-attr]
    before = sys.getsizeof(running) + sum(sys.getsizeof(getattr(running, name)) for name in running.__slots__)
    trade(metrics, *range(5_000))
    after = sys.getsizeof(running) + sum(sys.getsizeof(getattr(running, name)) for name in running.__slots__)
    assert after <= before + 64
    assert not metrics.strategy_stats._pending  # type: ignore[union-attr]


pnl_lists = st.lists(st.one_of(st.none(), st.integers(-1_000, 1_000), st.floats(-1e6, 1e6)), max_size=40)


@settings(max_examples=60, deadline=None)
@given(pnl_lists)
def test_running_figures_are_those_of_all_trades_together(pnls: list[Any]) -> None:
    """Rounding would add up until the figures are wrong."""
    metrics = TradingMetrics(strategy_stats=StrategyStats(), strict=True)
    MetricsExporter(metrics).update_capital_metrics(total=10)
    trade(metrics, *pnls)
    known = [float(pnl) for pnl in pnls if pnl is not None]
    found = figures(metrics)
    assert len(pnls) == found.get("trades_today", 0)
    if known:
        assert pytest.approx(statistics.fmean(known), rel=1e-6, abs=1e-6) == found["avg_pnl"]
    decided = [pnl for pnl in known if pnl != 0]
    if decided:
        assert pytest.approx(sum(pnl > 0 for pnl in decided) / len(decided)) == found["win_rate"]
    if len(known) > 1 and statistics.stdev(known) > 1e-3:
        assert pytest.approx(sharpe(known), rel=1e-4, abs=1e-4) == found["sharpe_ratio"]
    equity = peak = 10.0
    fall = 0.0
    for pnl in known:
        equity += pnl
        peak = max(peak, equity)
        fall = max(fall, min(100.0, (peak - equity) / peak * 100)) if peak > 0 else fall
    assert pytest.approx(fall, rel=1e-6, abs=1e-6) == (sample(metrics, "trading_max_drawdown") or 0.0)


# ── drawdown ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_drawdown_is_the_largest_fall_from_a_peak_in_percent(metrics: TradingMetrics) -> None:
    """The figure that a risk limit stands on would be another one."""
    MetricsExporter(metrics).update_capital_metrics(total=1_000)
    for pnl, expected in ((100, 0), (-110, 10), (50, 10), (200, 10), (-620, 50), (5_000, 50), (-6_000, 100)):
        trade(metrics, pnl)
        assert pytest.approx(expected) == sample(metrics, "trading_max_drawdown")


def test_without_a_known_size_of_the_account_there_is_no_drawdown(metrics: TradingMetrics) -> None:
    """A fall of the profits alone would be a critical alert: 80 % after +10 and -8 on an account of 10,000."""
    trade(metrics, 10, -8)
    assert None is sample(metrics, "trading_max_drawdown")


@pytest.mark.parametrize("capital", [0, -5])
def test_a_size_that_is_not_above_zero_is_none(metrics: TradingMetrics, capital: float) -> None:
    """A broker that answers 0 before it is connected would make the first loss a fall of everything."""
    MetricsExporter(metrics).update_capital_metrics(total=capital)
    trade(metrics, -8)
    assert None is sample(metrics, "trading_max_drawdown")
    MetricsExporter(metrics).update_capital_metrics(total=100)
    trade(metrics, -8)
    assert 8 == sample(metrics, "trading_max_drawdown")


def test_the_size_of_the_account_may_come_after_its_trades(metrics: TradingMetrics) -> None:
    """A bot that asks for its balance every minute would have the drawdown of another account."""
    exporter = MetricsExporter(metrics)
    trade(metrics, 10)
    exporter.update_capital_metrics(total=1_010)
    assert 0 == sample(metrics, "trading_max_drawdown")
    trade(metrics, -101)
    assert pytest.approx(10) == sample(metrics, "trading_max_drawdown")
    exporter.update_capital_metrics(total=909)  # the equity goes on by itself
    trade(metrics, 1)
    assert pytest.approx(10) == sample(metrics, "trading_max_drawdown")


@pytest.mark.parametrize(
    ("transfer", "loss", "fall"), [(9_000, -100, 1), (-500, -100, 20), ("500", "-150", 10), (-2_000, -100, 0)]
)
def test_a_transfer_moves_equity_and_peak_alike(metrics: TradingMetrics, transfer: Any, loss: Any, fall: float) -> None:
    """A withdrawal would read as a loss, and a deposit would hide one."""
    exporter = MetricsExporter(metrics)
    exporter.update_capital_metrics(total=1_000)
    exporter.record_cash_flow("transfer", transfer)
    assert 0 == sample(metrics, "trading_max_drawdown")
    assert 0 == sample(metrics, "trading_daily_pnl")
    exporter.record_trade("s", "SELL", "executed", loss)
    assert pytest.approx(fall) == sample(metrics, "trading_max_drawdown")


def test_cash_without_a_trade_moves_the_days_pnl_alone(metrics: TradingMetrics, clock: Clock) -> None:
    """Each funding payment would be a losing trade."""
    exporter = MetricsExporter(metrics)
    exporter.update_capital_metrics(total=1_000)
    trade(metrics, 20)
    before = figures(metrics)
    for kind, amount in (("funding", -30), ("interest", 5), ("dividend", 5), ("other", -1), ("fee", -1)):
        exporter.record_cash_flow(kind, amount, "s")
    assert before == figures(metrics)
    assert -2 == sample(metrics, "trading_daily_pnl")
    assert pytest.approx(30 / 1_020 * 100) == sample(metrics, "trading_max_drawdown")
    clock.at("2025-03-04T00:00")
    assert 0 == sample(metrics, "trading_daily_pnl")


@pytest.mark.parametrize("way", ["record_trade", "track_trade"])
def test_a_pnl_that_comes_later_completes_its_trade(metrics: TradingMetrics, way: str) -> None:
    """Interactive Brokers reports the P&L after the execution, and each trade would be two."""

    @track_trade(strategy="s", side=arg("side"), pnl=arg("pnl"), fee=arg("fee"), trade_id=arg("id"), metrics=metrics)
    def decorated(id: str, side: str, pnl: float | None = None, fee: float | None = None) -> None: ...

    def explicit(id: str, side: str, pnl: float | None = None, fee: float | None = None) -> None:
        MetricsExporter(metrics).record_trade("s", side, "executed", pnl, fee=fee, trade_id=id)

    record = decorated if way == "track_trade" else explicit
    for _ in range(2):  # TWS reports all of the day's again at each connect
        record("e1", "BUY")
        record("e2", "SELL")
        record("e2", "SELL", 12.5, 0.5)
        record("e2", "SELL", 12.5, 0.5)
    assert 2 == figures(metrics)["trades_today"]
    assert 12.5 == figures(metrics)["avg_pnl"]
    assert 12 == sample(metrics, "trading_daily_pnl")
    assert 1 == sample(metrics, "trading_trades_pnl_count", strategy="s")
    assert 12.5 == sample(metrics, "trading_profit_total", strategy="s")
    assert 0.5 == sample(metrics, "trading_cash_paid_total", strategy="s", kind="fee")
    for side in ("BUY", "SELL"):
        assert 1 == sample(metrics, "trading_trades_total", strategy="s", side=side, status="executed")


# ── the trading day ──────────────────────────────────────────────────────────────────────────────────────────────


def day(metrics: TradingMetrics) -> tuple[float | None, float | None]:
    """The day's trades and its P&L."""
    return figures(metrics).get("trades_today"), sample(metrics, "trading_daily_pnl")


def test_the_day_begins_anew_at_midnight_utc_by_default(metrics: TradingMetrics, clock: Clock) -> None:
    """The day's figures would go on from yesterday."""
    trade(metrics, 10, -4)
    assert (2, 6) == day(metrics)
    clock.at("2025-03-03T23:59:59.999")
    assert (2, 6) == day(metrics)
    clock.at("2025-03-04T00:00")
    assert (0, 0) == day(metrics)
    trade(metrics, 3)
    assert (1, 3) == day(metrics)
    clock.at("2025-03-09T15:00")
    trade(metrics, 5)
    assert (1, 5) == day(metrics)
    assert 3.5 == figures(metrics)["avg_pnl"]  # over all days


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York", "Australia/Lord_Howe", "UTC"])
def test_the_day_begins_at_the_declared_time_in_the_declared_zone(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    """The day would turn in the middle of the session."""
    clock = Clock("2025-06-02T09:14:59", zone)
    metrics = book_with(monkeypatch, clock, reset_at="09:15", timezone=zone)
    trade(metrics, 1)
    assert (1, 1) == day(metrics)
    clock.at("2025-06-02T09:15")
    assert (0, 0) == day(metrics)
    trade(metrics, 2)
    for same in ("2025-06-02T23:59", "2025-06-03T00:01", "2025-06-03T09:14:59.9"):
        clock.at(same)
        assert (1, 2) == day(metrics)
    clock.at("2025-06-03T09:15")
    assert (0, 0) == day(metrics)


@pytest.mark.parametrize(
    ("before", "after"),
    [("2025-03-08", "2025-03-09"), ("2025-11-01", "2025-11-02")],
    ids=["an hour is left out", "an hour comes twice"],
)
def test_the_day_turns_at_the_same_time_of_day_when_the_clocks_change(
    monkeypatch: pytest.MonkeyPatch, before: str, after: str
) -> None:
    """Twice a year the day would turn an hour early or late."""
    clock = Clock(f"{before}T18:00", "America/New_York")
    metrics = book_with(monkeypatch, clock, reset_at="17:00", timezone="America/New_York")
    trade(metrics, 1)
    clock.at(f"{after}T16:59:59")
    assert (1, 1) == day(metrics)
    clock.at(f"{after}T17:00")
    assert (0, 0) == day(metrics)


@pytest.mark.parametrize(
    ("text", "fold"),
    [("2025-11-02T00:59", 0), ("2025-11-02T01:00", 0), ("2025-11-02T01:29", 0), ("2025-11-02T01:30", 0),
     ("2025-11-02T01:59", 0), ("2025-11-02T01:00", 1), ("2025-11-02T01:29", 1), ("2025-11-02T01:30", 1),
     ("2025-11-02T02:00", 0), ("2025-03-09T01:59", 0), ("2025-03-09T03:00", 0), ("2025-03-09T03:29", 0),
     ("2025-03-09T03:31", 0)],
)  # fmt: skip
@pytest.mark.parametrize("reset_at", ["01:30", "02:30", "01:00", "03:00"])
def test_a_program_that_starts_while_the_clocks_change_counts_its_day(
    monkeypatch: pytest.MonkeyPatch, text: str, fold: int, reset_at: str
) -> None:
    """Each trade would begin a new day, in the one hour that comes twice."""
    clock = Clock(zone="America/New_York")
    clock.at(text, fold)
    metrics = book_with(monkeypatch, clock, reset_at=reset_at, timezone="America/New_York")
    trade(metrics, 1)
    clock.now += 0.001
    trade(metrics, 1)
    assert (2, 2) == day(metrics)


@pytest.mark.parametrize("first", ["2025-03-07", "2025-10-31"])
def test_around_a_change_of_the_clocks_every_day_turns_once(monkeypatch: pytest.MonkeyPatch, first: str) -> None:
    """A day would be lost, or come twice."""
    clock = Clock(f"{first}T12:00", "America/New_York")
    metrics = book_with(monkeypatch, clock, reset_at="02:30", timezone="America/New_York")
    days, last = 0, math.inf
    for _ in range(5 * 48):
        trade(metrics, 1)
        today = day(metrics)[0] or 0
        days += today < last
        last = today
        clock.now += 1_800
    assert 6 == days


# ── threads, signals, settings ───────────────────────────────────────────────────────────────────────────────────


def test_threads_lose_no_trade(metrics: TradingMetrics) -> None:
    """Trades that close at the same moment would be missing from the figures."""
    done = threading.Event()

    def scrape() -> None:
        while not done.is_set():
            day(metrics)

    scraper = threading.Thread(target=scrape)
    threads = [threading.Thread(target=trade, args=(metrics, *[random.choice((1, -1, 2))] * 500)) for _ in range(8)]
    for thread in (scraper, *threads):
        thread.start()
    for thread in threads:
        thread.join(60)
    done.set()
    scraper.join(10)
    profit = sample(metrics, "trading_profit_total", strategy="s") or 0
    loss = sample(metrics, "trading_loss_total", strategy="s") or 0
    assert (4_000, profit - loss) == day(metrics)
    assert pytest.approx((profit - loss) / 4_000) == figures(metrics)["avg_pnl"]


def test_settings_are_compared_by_value() -> None:
    """Configuring the same twice would be refused."""
    assert StrategyStats("09:15", "Asia/Kolkata", 250) == StrategyStats("09:15", "Asia/Kolkata", 250)
    assert hash(StrategyStats("09:15", "Asia/Kolkata")) == hash(StrategyStats("09:15", "Asia/Kolkata"))
    assert StrategyStats() != StrategyStats("09:15")
    assert StrategyStats() != "00:00"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"reset_at": "25:00"}, "reset_at is a time of day such as '09:15', not '25:00'"),
        ({"reset_at": "9.15"}, "reset_at"),
        ({"reset_at": None}, "reset_at"),
        ({"reset_at": 9}, "reset_at"),
        ({"timezone": "Asia/Calcuta"}, "'Asia/Calcuta' is not a time zone; did you mean 'Asia/Calcutta'"),
        ({"timezone": "IST5:30"}, "write an IANA name such as 'Asia/Kolkata'"),
        ({"timezone": ""}, "is not a time zone"),
        ({"timezone": None}, "is not a time zone"),
        ({"timezone": "/etc/passwd"}, "is not a time zone"),
        ({"periods_per_year": 0}, "periods_per_year is above zero"),
        ({"periods_per_year": -252}, "periods_per_year"),
        ({"periods_per_year": math.nan}, "periods_per_year"),
        ({"periods_per_year": math.inf}, "periods_per_year"),
        ({"periods_per_year": "daily"}, "periods_per_year"),
        ({"periods_per_year": True}, "periods_per_year"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(given: dict[str, Any], message: str) -> None:
    """The figures would be wrong for as long as nobody looks."""
    with pytest.raises(ConfigurationError, match=message):
        StrategyStats(**given)


def test_a_system_without_time_zones_says_where_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows the reader would be told to write 'Asia/Kolkata', which is what they wrote."""
    monkeypatch.setattr("zoneinfo.available_timezones", set)
    with pytest.raises(ConfigurationError, match=r"no time zone database was found; run pip install tzdata"):
        StrategyStats(timezone="Asia/Nowhere")
