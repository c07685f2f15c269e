"""`track_market_data`: updates, how old the data is, and symbols that fall silent."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.recorded import errors, recorded, sample
from tradmetrics import (
    ConfigurationError,
    LabelSourceError,
    MetricsExporter,
    TradingMetrics,
    arg,
    result,
    track_market_data,
    underlying,
)

NOW = 1_700_000_000.25
"""The time of day in these tests, in unix seconds."""
UPDATES = "trading_market_data_updates_total NIFTY"
LAST = "trading_market_data_last_update_timestamp_seconds NIFTY"
AGED = "trading_market_data_age_seconds_count NIFTY"


class Clocks:
    """The two clocks of market data: the time of day, and the one that only goes forward."""

    def __init__(self) -> None:
        self.now = NOW
        self.since_start = 50.0

    def after(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.since_start += seconds


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    """Clocks that move when told."""
    clocks = Clocks()
    for module in ("capture.call_context", "record.arrival"):
        monkeypatch.setattr(f"tradmetrics.{module}.time", lambda: clocks.now)
    for module in ("registry.freshness", "record.arrival"):
        monkeypatch.setattr(f"tradmetrics.{module}.monotonic", lambda: clocks.since_start)
    return clocks


@pytest.fixture
def metrics(clocks: Clocks) -> TradingMetrics:
    """A metrics object of the test's own."""
    return TradingMetrics()


def ages(metrics: TradingMetrics, symbol: str = "NIFTY") -> tuple[float, float]:
    """How many ages were observed, and their sum."""
    count, total = (
        sample(metrics, f"trading_market_data_age_seconds_{part}", symbol=symbol) for part in ("count", "sum")
    )
    return count or 0.0, total or 0.0


def stale(metrics: TradingMetrics) -> float | None:
    """The number of symbols that are stale, as a scrape sees it."""
    return sample(metrics, "trading_market_data_stale")


# ── updates and ages ─────────────────────────────────────────────────────────────────────────────────────────────


def test_an_update_is_counted_and_dated(metrics: TradingMetrics, clocks: Clocks) -> None:
    """A feed's rate could not be seen, and an alert on its silence would end when the process hangs."""

    @track_market_data(metrics=metrics)
    def on_tick(symbol: str) -> str:
        return symbol

    for number in range(1, 4):
        assert "NIFTY" == on_tick("NIFTY")
        assert {UPDATES: number, LAST: clocks.now} == recorded(metrics)
        clocks.after(1)


UTC = timezone.utc
AT = datetime(2023, 11, 14, 22, 13, 20, 250_000)  # NOW as UTC


class OwnDatetime(datetime):
    """A datetime of another library, such as pandas's Timestamp."""


@pytest.mark.parametrize(
    ("timestamp", "unit"),
    [
        (AT.replace(tzinfo=UTC), "s"),
        (AT, "s"),
        (AT.replace(tzinfo=UTC).astimezone(ZoneInfo("Asia/Kolkata")), "s"),
        (AT.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=-5))), "ms"),
        (OwnDatetime(2023, 11, 14, 22, 13, 20, 250_000), "s"),
        (NOW, "s"),
        (Decimal("1700000000.25"), "s"),
        ("1700000000.25", "s"),
        (1_700_000_000_250, "ms"),
        (1_700_000_000_250_000, "us"),
        (1_700_000_000_250_000_000, "ns"),
    ],
)
def test_the_age_is_now_less_the_datas_own_time(
    metrics: TradingMetrics, clocks: Clocks, timestamp: Any, unit: Any
) -> None:
    """A feed in another time zone or unit would seem hours or decades old."""

    @track_market_data(unit=unit, metrics=metrics)
    def on_tick(symbol: str, timestamp: object) -> None:
        pass

    for seconds in (0.0, 2.0, 4.0):
        clocks.now = NOW + seconds
        on_tick("NIFTY", timestamp)
    assert (3, pytest.approx(6.0)) == ages(metrics)
    assert {} == errors(metrics)


@pytest.mark.parametrize("timestamp", [None, SimpleNamespace()])
def test_without_a_timestamp_only_the_update_is_recorded(metrics: TradingMetrics, timestamp: object) -> None:
    """A feed without times could not be recorded, or would be of age zero."""

    @track_market_data(symbol="NIFTY", timestamp=lambda call: call.arguments["timestamp"], metrics=metrics)
    def on_tick(timestamp: object) -> None:
        pass

    on_tick(None)
    assert {UPDATES: 1, LAST: NOW} == recorded(metrics)
    track_market_data(symbol="NIFTY", metrics=metrics)(lambda tick: None)(SimpleNamespace())
    assert {UPDATES: 2, LAST: NOW} == recorded(metrics)


@pytest.mark.parametrize(
    "timestamp",
    [NOW + 1, NOW / 1_000, 0, True, math.nan, math.inf, "yesterday", [], AT.replace(tzinfo=UTC) + timedelta(seconds=1)],
)
def test_a_time_that_cannot_be_is_dropped_and_counted_and_the_update_stays(
    metrics: TradingMetrics, timestamp: object
) -> None:
    """A clock that is ahead of ours would give negative ages, and one bad value would spoil their sum."""

    @track_market_data(metrics=metrics)
    def on_tick(symbol: str, timestamp: object) -> None:
        pass

    on_tick("NIFTY", timestamp)
    assert {("on_tick", "value"): 1} == errors(metrics)
    assert (1, NOW, (0, 0)) == (recorded(metrics)[UPDATES], recorded(metrics)[LAST], ages(metrics))


def test_data_of_a_clock_that_is_a_little_ahead_is_new(metrics: TradingMetrics) -> None:
    """Beside an exchange whose clock is some milliseconds ahead there would be no ages, but an error for each tick."""

    @track_market_data(metrics=metrics)
    def on_tick(symbol: str, timestamp: object) -> None:
        pass

    for ahead in (0.002, 0.5):
        on_tick("NIFTY", NOW + ahead)
    assert (2, 0.0) == ages(metrics)
    assert {} == errors(metrics)


def test_a_time_in_another_unit_is_told_by_its_message(
    metrics: TradingMetrics, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever forgets `unit=` would see an age of fifty years, and no word of what to do."""

    @track_market_data(unit="ms", metrics=metrics)
    def on_tick(symbol: str, timestamp: object) -> None:
        pass

    on_tick("NIFTY", NOW)
    assert (0, 0) == ages(metrics)
    assert "before 2000" in caplog.text
    assert "Is unit='ms' right?" in caplog.text


@pytest.mark.parametrize(
    "at",
    [0, "0", 946_684_799, NOW - 11 * 31_557_600, NOW + 0.6, NOW + 3_600, datetime(1970, 1, 1, tzinfo=timezone.utc)],
)
def test_a_time_that_cannot_be_is_dropped_and_counted(metrics: TradingMetrics, at: object) -> None:
    """A feed that sends 0 for a time that it does not have would show data of 56 years of age."""

    @track_market_data(metrics=metrics)
    def on_tick(symbol: str, timestamp: object) -> None:
        pass

    on_tick("NIFTY", at)
    if not isinstance(at, datetime):
        MetricsExporter(metrics).record_market_data_update("NIFTY", NOW - float(str(at)))
    assert (0, 0) == ages(metrics)
    assert {"value"} == {stage for _, stage in errors(metrics)}


@pytest.mark.parametrize("nothing", ["", "  ", "-", "N/A", "n/a", None])
def test_a_missing_time_is_no_error(metrics: TradingMetrics, nothing: object) -> None:
    """A healthy feed that leaves a field blank would alert."""

    @track_market_data(metrics=metrics)
    def on_tick(symbol: str, timestamp: object) -> None:
        pass

    on_tick("NIFTY", nothing)
    MetricsExporter(metrics).record_market_data_update("NIFTY", nothing)
    assert (0, 0) == ages(metrics)
    assert {} == errors(metrics)
    assert 2 == recorded(metrics)["trading_market_data_updates_total NIFTY"]


@pytest.mark.parametrize("kind", [SimpleNamespace, dict])
def test_symbol_and_time_are_read_from_the_tick(metrics: TradingMetrics, kind: Any) -> None:
    """The bare decorator would work on no tick handler."""

    @track_market_data(metrics=metrics)
    def on_tick(tick: object) -> None:
        pass

    for tick in (kind(symbol="NIFTY", timestamp=NOW - 3), kind(symbol="NIFTY"), kind(symbol="NIFTY", timestamp=None)):
        on_tick(tick)
        on_tick(tick)
    assert {UPDATES: 6, LAST: NOW, AGED: 2} == recorded(metrics)
    assert (2, 6.0) == ages(metrics)


def test_a_handler_that_raises_has_not_received_anything(metrics: TradingMetrics) -> None:
    """A feed whose every message is broken would look alive."""

    @track_market_data(metrics=metrics)
    def on_tick(symbol: str) -> None:
        raise ValueError("cannot be parsed")

    with pytest.raises(ValueError, match="parsed"):
        on_tick("NIFTY")
    assert {} == recorded(metrics)
    assert metrics.is_stale("NIFTY")


def test_async_handlers_and_streams_count_when_they_end(metrics: TradingMetrics) -> None:
    """An async feed could not be recorded."""

    @track_market_data(metrics=metrics)
    async def on_tick(symbol: str) -> None:
        await asyncio.sleep(0)

    @track_market_data(metrics=metrics)
    def batch(symbol: str) -> Iterator[int]:
        yield 1

    asyncio.run(on_tick("NIFTY"))
    assert {UPDATES: 1, LAST: NOW} == recorded(metrics)
    assert [1] == list(batch("NIFTY"))
    assert {UPDATES: 2, LAST: NOW} == recorded(metrics)


def test_symbols_can_be_folded_into_their_underlying(metrics: TradingMetrics) -> None:
    """Every expiry of an option chain would be a symbol, and stale for ever once it is over."""

    @track_market_data(symbol=underlying(arg("symbol")), metrics=metrics)
    def on_tick(symbol: str) -> None:
        pass

    for symbol in ("NIFTY24N1424600CE", "NIFTY24N1424600PE"):
        on_tick(symbol)
    assert 2 == recorded(metrics)[UPDATES]
    assert not metrics.is_stale("NIFTY")


class Instrument(Enum):
    """Symbols that a user keeps in an enum."""

    NIFTY = "NIFTY"


@pytest.mark.parametrize("symbol", [Instrument.NIFTY, " NIFTY ", b"NIFTY"])
def test_a_symbol_is_the_same_however_it_is_written(metrics: TradingMetrics, clocks: Clocks, symbol: object) -> None:
    """One symbol would be fresh and stale at once."""
    track_market_data(metrics=metrics)(lambda symbol: None)(symbol)
    MetricsExporter(metrics).record_market_data_update("NIFTY")
    clocks.after(6)
    assert {UPDATES: 2, LAST: NOW} == recorded(metrics)
    assert 1 == stale(metrics)


def test_a_symbol_that_cannot_be_read_is_unknown(metrics: TradingMetrics) -> None:
    """The update would be lost, or the handler stopped."""
    track_market_data(symbol=result("symbol"), metrics=metrics)(lambda: {"price": 1})()
    assert 1 == sample(metrics, "trading_market_data_updates_total", symbol="unknown")
    assert not metrics.is_stale("unknown")


def test_symbols_past_the_budget_share_one_last_update(clocks: Clocks) -> None:
    """The date of a symbol's last update would belong to another one, or grow the number of series."""
    metrics = TradingMetrics(limits={"symbol": 1})
    on_tick = track_market_data(metrics=metrics)(lambda symbol: None)
    for symbol in ("NIFTY", "BANK", "GOLD", "BANK"):
        on_tick(symbol)
        clocks.after(1)
    found = recorded(metrics)
    assert (1, 3) == (found[UPDATES], found["trading_market_data_updates_total __other__"])
    assert NOW == found[LAST]
    assert NOW + 3 == found["trading_market_data_last_update_timestamp_seconds __other__"]
    for metric in ("updates_total", "last_update_timestamp_seconds"):
        assert 3 == sample(
            metrics, "tradmetrics_label_overflow_total", metric=f"trading_market_data_{metric}", label="symbol"
        )
    assert not metrics.is_stale("GOLD")


# ── silence ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_silent_symbols_are_counted_when_scraped(metrics: TradingMetrics, clocks: Clocks) -> None:
    """A feed that dies sends nothing that could set a gauge: nobody would notice."""
    on_tick = track_market_data(metrics=metrics)(lambda symbol: None)
    assert 0 == stale(metrics)
    on_tick("NIFTY")
    on_tick("BANK")
    clocks.after(5)
    assert (0, False) == (stale(metrics), metrics.is_stale("NIFTY"))  # silent for just as long as it may be
    clocks.after(0.5)
    assert (2, True) == (stale(metrics), metrics.is_stale("NIFTY"))
    on_tick("NIFTY")
    assert (1, False, True) == (stale(metrics), metrics.is_stale("NIFTY"), metrics.is_stale("BANK"))


def test_each_feed_has_its_own_patience(metrics: TradingMetrics, clocks: Clocks) -> None:
    """A daily price would be stale five seconds after it came."""
    track_market_data(symbol="fast", stale_after=0.5, metrics=metrics)(lambda: None)()
    track_market_data(symbol="slow", stale_after=3_600, metrics=metrics)(lambda: None)()
    clocks.after(1)
    assert (True, False, 1) == (metrics.is_stale("fast"), metrics.is_stale("slow"), stale(metrics))


def test_a_symbol_that_never_came_is_stale_and_not_counted(metrics: TradingMetrics) -> None:
    """A strategy would trade on data that it never had, and an alert would fire for symbols that nobody follows."""
    assert (True, 0) == (metrics.is_stale("NIFTY"), stale(metrics))


def test_staleness_does_not_follow_the_time_of_day(metrics: TradingMetrics, clocks: Clocks) -> None:
    """A clock that is set back or forward would make every feed fresh or stale."""
    track_market_data(symbol="NIFTY", metrics=metrics)(lambda: None)()
    clocks.now += 86_400
    assert not metrics.is_stale("NIFTY")
    clocks.now -= 10 * 86_400
    assert not metrics.is_stale("NIFTY")


def test_the_memory_of_arrivals_is_bounded_and_live_symbols_stay(
    metrics: TradingMetrics, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream of ever new symbols would fill the memory, or push out the symbols that trade."""
    monkeypatch.setattr("tradmetrics.registry.freshness.MOST_SYMBOLS", 10)
    on_tick = track_market_data(stale_after=60, metrics=metrics)(lambda symbol: None)
    for number in range(100):
        on_tick(f"S{number}")
        on_tick("NIFTY")
        clocks.after(1)
        assert not metrics.is_stale("NIFTY")
    assert len(metrics.freshness._arrivals) <= 10
    clocks.after(61)
    assert (stale(metrics) or 0) <= 10
    on_tick("NIFTY")
    on_tick("S0")
    assert [False, False] == [metrics.is_stale("NIFTY"), metrics.is_stale("S0")]


def test_a_symbol_that_was_forgotten_is_known_again_with_its_next_update(
    metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its updates would be counted and it would be stale at the same time, for ever."""
    monkeypatch.setattr("tradmetrics.registry.freshness.MOST_SYMBOLS", 2)
    on_tick = track_market_data(metrics=metrics)(lambda symbol: None)
    for _ in range(3):
        for symbol in ("A", "B", "C", "D"):
            on_tick(symbol)
            assert not metrics.is_stale(symbol)
    assert len(metrics.freshness._arrivals) <= 2


# ── wrong use ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("stale_after", [0, -1, math.nan, math.inf, True, "5", None])
def test_an_impossible_patience_is_refused(stale_after: Any) -> None:
    """A feed would be stale always, or never."""
    with pytest.raises(ConfigurationError, match="stale_after is seconds above zero"):
        track_market_data(symbol="NIFTY", stale_after=stale_after)


@pytest.mark.parametrize("unit", ["seconds", "m", "", None])
def test_an_unknown_unit_is_refused(unit: Any) -> None:
    """Ages would be wrong by a factor of a thousand."""
    with pytest.raises(ConfigurationError, match="unit is one of s, ms, us, ns"):
        track_market_data(symbol="NIFTY", unit=unit)


def test_a_symbol_without_a_source_is_refused() -> None:
    """All updates would be of a symbol called `unknown`."""
    with pytest.raises(LabelSourceError, match="'symbol' has no source"):
        track_market_data(lambda price: None)
