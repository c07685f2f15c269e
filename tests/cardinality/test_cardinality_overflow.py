"""Labels that overflow: what is recorded under `__other__`, what is counted, what is said, and what it may cost."""

from __future__ import annotations

import logging
import random
import sys
import tracemalloc
from collections.abc import Callable
from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.budget_kit import OVERFLOW, REJECTED, SUBMITTED, overflows, scrape, total, under_other, unlogged, values_of
from tests.recorded import errors
from tradmetrics import (
    Limits,
    MetricDefinition,
    MetricsExporter,
    OrderTracker,
    TradingMetrics,
    arg,
    catalogue,
    error,
    fill_timer,
    request_timer,
    result,
    track,
    track_errors,
    track_order,
    track_positions,
    track_prediction,
    track_request,
    track_trade,
)
from tradmetrics.capture.call_site import CallSite
from tradmetrics.capture.wrapping import CALL_SITES_ATTRIBUTE
from tradmetrics.model.text import MAX_LENGTH
from tradmetrics.storage.label_cache import MOST_ENTRIES

UUID = "123e4567-e89b-12d3-a456-426614174000"
ONE = Limits(default_label=1)


# ── what is recorded, and what is counted ────────────────────────────────────────────────────────────────────────


def test_only_the_bad_label_is_lost() -> None:
    """One order id as a reason would take the strategy with it, or the order's count."""
    metrics = TradingMetrics(limits={"reason": 1})
    for strategy, reason in (("gamma", "margin"), ("gamma", "order 1"), ("delta", "order 2"), ("delta", "margin")):
        metrics.record(catalogue.ORDERS_REJECTED, (strategy, reason), site="test")
    assert {
        ("gamma", "margin"): 1,
        ("gamma", "__other__"): 1,
        ("delta", "__other__"): 1,
        ("delta", "margin"): 1,
    } == values_of(metrics, REJECTED)
    assert {(REJECTED, "reason"): 2} == values_of(metrics, OVERFLOW)


def _order(metrics: TradingMetrics) -> Callable[[str], object]:
    @track_order(side="BUY", order_type="LIMIT", metrics=metrics)
    def place(strategy: str) -> None: ...

    return place


def _answered(metrics: TradingMetrics) -> Callable[[str], object]:
    @track_order(strategy=result("strategy"), side="BUY", order_type="LIMIT", metrics=metrics)
    def place(strategy: str) -> dict[str, str]:
        return {"strategy": strategy, "status": "submitted"}

    return place


def _rejected(metrics: TradingMetrics) -> Callable[[str], object]:
    @track_order(side="BUY", order_type="LIMIT", metrics=metrics)
    def place(strategy: str) -> dict[str, str]:
        return {"status": "rejected", "reason": f"for {strategy}"}

    return place


def _rejected_at_length(metrics: TradingMetrics) -> Callable[[str], object]:
    """A reject whose reason is too long to be remembered, so a good one and a hostile one go the same way."""

    @track_order(side="BUY", order_type="LIMIT", metrics=metrics)
    def place(strategy: str) -> dict[str, str]:
        return {"status": "rejected", "reason": f"{'the margin that is left does not suffice for ' * 2}{strategy}"}

    return place


def _filled(metrics: TradingMetrics) -> Callable[[str], object]:
    @track_order(side="BUY", order_type="LIMIT", metrics=metrics)
    def place(strategy: str) -> dict[str, str]:
        return {"status": "filled"}

    return place


def _raised(metrics: TradingMetrics) -> Callable[[str], object]:
    class RejectedError(Exception):
        def __init__(self, reason: str) -> None:
            self.reason = reason

    @track_order(strategy="gamma", side="BUY", reason=error("reason"), metrics=metrics)
    def place(reason: str) -> None:
        raise RejectedError(reason)

    def call(reason: str) -> None:
        with pytest.raises(RejectedError):
            place(reason)

    return call


def _exported(metrics: TradingMetrics) -> Callable[[str], object]:
    exporter = MetricsExporter(metrics)
    return lambda strategy: exporter.record_trade(strategy, "BUY", "executed")


def _timed(metrics: TradingMetrics) -> Callable[[str], object]:
    def call(strategy: str) -> None:
        with fill_timer(strategy, metrics=metrics):
            pass

    return call


def _requested(metrics: TradingMetrics) -> Callable[[str], object]:
    def call(endpoint: str) -> None:
        with request_timer(endpoint, metrics=metrics):
            pass

    return call


def _answering(metrics: TradingMetrics) -> Callable[[str], object]:
    @track_request(method="get", metrics=metrics)
    def ask(endpoint: str) -> None: ...

    return ask


def _tracked(metrics: TradingMetrics) -> Callable[[str], object]:
    tracker = OrderTracker(metrics=metrics)
    return lambda strategy: tracker.submitted(object(), strategy=strategy, side="BUY", order_type="LIMIT")


def _predicted(metrics: TradingMetrics) -> Callable[[str], object]:
    @track_prediction(model="xgboost", metrics=metrics)
    def decide(prediction: str) -> None: ...

    return decide


def _failing(metrics: TradingMetrics) -> Callable[[str], object]:
    def call(component: str) -> None:
        with pytest.raises(OSError, match="broken"), track_errors(component=component, metrics=metrics):
            raise OSError("broken")

    return call


def _traded(metrics: TradingMetrics) -> Callable[[str], object]:
    @track_trade(side="SELL", pnl=2.5, metrics=metrics)
    def close(strategy: str) -> None: ...

    return close


def _gauge(metrics: TradingMetrics) -> Callable[[str], object]:
    return lambda strategy: metrics.record(catalogue.STRATEGY_WIN_RATE, (strategy,), 0.5, site="test")


WAYS: dict[Callable[[TradingMetrics], Callable[[str], object]], dict[str, tuple[str, int]]] = {
    _order: {SUBMITTED: ("strategy", 0)},
    _answered: {SUBMITTED: ("strategy", 0)},
    _rejected: {SUBMITTED: ("strategy", 0), REJECTED: ("reason", 1)},
    _filled: {SUBMITTED: ("strategy", 0), "trading_orders_filled_total": ("strategy", 0)},
    _raised: {REJECTED: ("reason", 1)},
    _exported: {"trading_trades_total": ("strategy", 0)},
    _timed: {"trading_order_fill_time_seconds_count": ("strategy", 0)},
    _requested: {
        "trading_api_requests_total": ("endpoint", 0),
        "trading_api_request_duration_seconds_count": ("endpoint", 0),
    },
    _answering: {
        "trading_api_requests_total": ("endpoint", 0),
        "trading_api_request_duration_seconds_count": ("endpoint", 0),
    },
    _tracked: {SUBMITTED: ("strategy", 0)},
    _predicted: {"trading_ml_predictions_total": ("prediction", 1)},
    _failing: {"trading_system_errors_total": ("component", 0)},
    _traded: {
        "trading_trades_total": ("strategy", 0),
        "trading_trades_pnl_count": ("strategy", 0),
    },
}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__[1:])
@pytest.mark.parametrize("limits", [Limits(default_label=2, labels=dict.fromkeys(("endpoint",), 2)), Limits()])
@pytest.mark.parametrize("new", [True, False], ids=["new values", "the same value"])
def test_every_call_under_other_counts_as_an_overflow(
    way: Callable[[TradingMetrics], Callable[[str], object]], limits: Limits, new: bool
) -> None:
    """Nobody could tell from the metrics how much of them is `__other__`; the alert on overflows would be off."""
    metrics = TradingMetrics(limits=limits)
    call = way(metrics)
    # With the default limits the label is not full, and nothing but identifiers overflows.
    late = [f"late {number}" if limits.default_label == 2 else f"{UUID[:-6]}{number:06}" for number in range(150)]
    values = ["a", "b", "a", *(late if new else late[:1] * 150), "b"]
    for value in values:
        call(value)
    for name, (label, position) in WAYS[way].items():
        metric = name.removesuffix("_count")
        assert len(values) == total(metrics, name)
        assert 150 == under_other(metrics, name, position) == overflows(metrics, metric, label)
    assert {} == errors(metrics)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("limits", [Limits(), Limits(default_label=3), Limits(series={REJECTED: 5})])
def test_what_is_remembered_changes_nothing(seed: int, limits: Limits) -> None:
    """An order would be counted under the labels of another, because both had something that found no place."""
    remembering, asking = TradingMetrics(limits=limits), TradingMetrics(limits=limits)

    @track_order(order_type="LIMIT", metrics=remembering)
    def place(strategy: str, side: str, answer: dict[str, Any] | None) -> dict[str, Any] | None:
        return answer

    draw = random.Random(seed)
    for number in range(1_500):
        strategy = draw.choice(["a", "b", "c", "d", f"s{number}", f"{UUID[:-6]}{number:06}", "unknown"])
        side = draw.choice(["BUY", "SELL"])
        reason = draw.choice(["margin", "price", "halted", "limits", f"r{number}", f"{UUID[:-6]}{number:06}", None])
        status = draw.choice(["submitted", "rejected", None])
        place(strategy, side, None if status is None else {"status": status, "reason": reason})
        asking.record(catalogue.ORDERS_SUBMITTED, (strategy, side, "LIMIT"), site="test")
        if status == "rejected":
            asking.record(catalogue.ORDERS_REJECTED, (strategy, reason), site="test")
    for name in (SUBMITTED, REJECTED, OVERFLOW):
        assert values_of(asking, name) == values_of(remembering, name)


def test_overflows_of_gauges_count() -> None:
    """A gauge that several strategies share under `__other__` would go unnoticed."""
    metrics = TradingMetrics(limits=ONE)
    call = _gauge(metrics)
    for strategy in ("a", "b", "c", "a", "c"):
        call(strategy)
    assert 3 == overflows(metrics, catalogue.STRATEGY_WIN_RATE.name, "strategy")

    @track_positions(metrics=metrics)
    def positions() -> list[dict[str, object]]:
        return [{"strategy": name, "unrealized_pnl": 1.0} for name in ("a", "b", "c")]

    positions()
    assert {("a",): 1, ("__other__",): 2} == values_of(metrics, catalogue.POSITIONS_OPEN.name)
    assert 1 == overflows(metrics, catalogue.POSITIONS_OPEN.name, "strategy")


def test_several_labels_overflow_each_for_itself() -> None:
    """The counter would name one label where two are bad."""
    metrics = TradingMetrics(limits=ONE)
    for strategy, reason in (("a", "x"), ("b", "y"), ("a", "y"), ("b", "x"), (UUID, UUID)):
        metrics.record(catalogue.ORDERS_REJECTED, (strategy, reason), site="test")
    assert {(REJECTED, "strategy"): 3, (REJECTED, "reason"): 3} == values_of(metrics, OVERFLOW)
    assert 5 == total(metrics, REJECTED)


def test_one_metric_may_have_a_place_where_another_has_none() -> None:
    """With budgets by metric, a value would be in `__other__` of both, or be counted as overflowing where it is not."""
    metrics = TradingMetrics(limits=Limits(labels={("trading_api_requests_total", "endpoint"): 2, "endpoint": 4}))
    ask = _answering(metrics)
    for _ in range(3):
        for endpoint in ("/a", "/b", "/c", "/d", "/e"):
            ask(endpoint)
    assert 9 == overflows(metrics, "trading_api_requests_total", "endpoint")
    assert 3 == overflows(metrics, "trading_api_request_duration_seconds", "endpoint")
    assert {("/a",), ("/b",), ("/c",), ("/d",), ("__other__",)} == {
        labels[:1] for labels in values_of(metrics, "trading_api_request_duration_seconds_count")
    }


def test_what_is_not_recorded_does_not_overflow() -> None:
    """The overflow counter would exceed what is under `__other__`."""
    metrics = TradingMetrics(limits=ONE)
    metrics.record(catalogue.ORDER_FILL_TIME, ("a",), 0.1, site="test")
    for bad in (float("nan"), "soon"):
        metrics.record(catalogue.ORDER_FILL_TIME, ("b",), bad, site="test")

    @track_order(side="BUY", order_type="LIMIT", metrics=metrics)
    def place(strategy: str, status: str, fill_time: float) -> None: ...

    place("a", "filled", 0.1)
    place("b", "filled", -0.1)
    assert 0 == overflows(metrics, catalogue.ORDER_FILL_TIME.name, "strategy")
    assert 1 == overflows(metrics, SUBMITTED, "strategy")


def test_other_itself_is_no_overflow() -> None:
    """Values that callers have put under `__other__` themselves would raise the alert."""
    metrics = TradingMetrics(limits=ONE)
    place = _order(metrics)
    for strategy in ("a", "__other__", "__other__", ""):
        place(strategy)
    assert {("a",): 1, ("__other__",): 2, ("unknown",): 1} == {
        labels[:1]: value for labels, value in values_of(metrics, SUBMITTED).items()
    }
    assert OVERFLOW not in scrape(metrics)


class Venue(Enum):
    NSE = "nse"
    BSE = "bse"


def test_values_are_told_apart_by_their_text() -> None:
    """1, True and 1.0 are equal in Python: they would share the series of whichever came first."""
    metrics = TradingMetrics()

    @track_order(side="BUY", order_type="LIMIT", metrics=metrics)
    def place(strategy: object) -> None: ...

    for _ in range(3):
        for strategy in (1, True, 1.0, "1", Venue.NSE, "nse", Venue.BSE, None, b"1", 0, False):
            place(strategy)
    found = {labels[0]: value for labels, value in values_of(metrics, SUBMITTED).items()}
    assert {"1": 9, "True": 3, "1.0": 3, "nse": 6, "bse": 3, "unknown": 3, "0": 3, "False": 3} == found


def test_own_counters_overflow_like_the_catalogues() -> None:
    """A user's own metric would not be bounded."""
    definition = MetricDefinition("desk_hedges_total", "counter", "Hedges.", labels=("desk",))
    metrics = TradingMetrics(limits={"desk": 1})

    @track(definition, value=arg("lots"), metrics=metrics)
    def hedge(desk: str, lots: float) -> None: ...

    for desk in ("a", "b", "c"):
        hedge(desk, 2.5)
    assert {("a",): 2.5, ("__other__",): 5.0} == values_of(metrics, definition.name)
    assert 2 == overflows(metrics, definition.name, "desk")


# ── what is said ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_label_of_each_metric_warns_once(caplog: pytest.LogCaptureFixture) -> None:
    """A flood of bad labels would be a flood of log lines; or nobody would be told."""
    metrics = TradingMetrics(limits=ONE)
    with caplog.at_level(logging.WARNING, logger="tradmetrics"):
        for number in range(100):
            metrics.record(catalogue.ORDERS_REJECTED, (f"s{number}", f"r{number}"), site="test")
            metrics.record(catalogue.ORDERS_CANCELLED, ("s0", f"r{number}"), site="test")
    assert 3 == len(caplog.messages)
    strategy = caplog.messages[0]
    assert "trading_orders_rejected_total: the label 'strategy' had no place left for 's1'" in strategy
    assert "Limits(labels={('trading_orders_rejected_total', 'strategy'): …})" in strategy
    assert "Limits(allow={'strategy': (…)})" in strategy


def test_the_warning_on_identifiers_offers_no_budget(caplog: pytest.LogCaptureFixture) -> None:
    """Raising the budget would not help, and the user would try it first."""
    metrics = TradingMetrics()
    with caplog.at_level(logging.WARNING, logger="tradmetrics"):
        metrics.record(catalogue.ORDERS_REJECTED, ("gamma", UUID), site="test")
    (message,) = caplog.messages
    assert f"the label 'reason' takes no identifiers, such as '{UUID[:30]}" in message
    assert "Limits(labels" not in message
    assert "Limits(allow={'reason': (…)})" in message


def test_the_warning_names_the_budget_that_is_used_up(caplog: pytest.LogCaptureFixture) -> None:
    """Raising a label's budget does not help where it is the metric that has too many series."""
    metrics = TradingMetrics(limits=Limits(series={catalogue.ORDERS_REJECTED.name: 2}))
    with caplog.at_level(logging.WARNING, logger="tradmetrics"):
        for reason in ("margin", "price", "halted"):
            metrics.record(catalogue.ORDERS_REJECTED, ("gamma", reason), site="test")
    (message,) = caplog.messages
    assert "trading_orders_rejected_total: its 2 series are used up, and the label 'reason' gave way at" in message
    assert "'halted'" in message
    assert "raise the budget, Limits(series={'trading_orders_rejected_total': …}), or name them" in message
    assert "Limits(labels" not in message
    assert "Limits(allow={'reason': (…)})" in message


def test_the_warning_shows_little_of_the_value(caplog: pytest.LogCaptureFixture) -> None:
    """A label of megabytes would be a log line of megabytes; one that cannot be shown would break the log."""

    class Hostile:
        def __str__(self) -> str:
            return "x" * 1_000_000

        def __repr__(self) -> str:
            raise ValueError("no")

    metrics = TradingMetrics(limits=ONE)
    with caplog.at_level(logging.WARNING, logger="tradmetrics"):
        for reason in ("margin", Hostile()):
            metrics.record(catalogue.ORDERS_REJECTED, ("gamma", reason), site="test")
    (message,) = caplog.messages
    assert "x" * 30 in message
    assert "x" * 60 not in message
    assert {} == errors(metrics)


# ── the guard's own metrics ──────────────────────────────────────────────────────────────────────────────────────


def test_the_number_of_series_and_their_limit_are_metrics() -> None:
    """Nobody would see a metric grow towards its budget before it is used up."""
    metrics = TradingMetrics(limits=Limits(series={SUBMITTED: 9}))
    place = _order(metrics)
    for strategy in ("a", "b", "c"):
        place(strategy)
    metrics.at_scrape(catalogue.ORDERS_OPEN, lambda: {("a",): 1.0, ("b",): 2.0})
    scrape(metrics)
    found = scrape(metrics)
    assert 3 == found[catalogue.SERIES.name][(SUBMITTED,)]
    assert 9 == found[catalogue.SERIES_LIMIT.name][(SUBMITTED,)]
    assert 2 == found[catalogue.SERIES.name][(catalogue.ORDERS_OPEN.name,)]
    for name in (REJECTED, catalogue.SERIES.name, catalogue.SERIES_LIMIT.name):
        assert (name,) not in found[catalogue.SERIES.name]


# ── hostile values ───────────────────────────────────────────────────────────────────────────────────────────────


class BrokenText:
    """Something whose text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


HOSTILE = st.one_of(
    st.text(max_size=300),
    st.binary(max_size=20),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.lists(st.integers(), max_size=2),
    st.sampled_from(
        [BrokenText(), object, SimpleNamespace(), "\x00", "\ud800", "a\nb", 'a"b', "a\\b", " " * 600 + "x"]
    ),
    st.text(st.characters(), min_size=1, max_size=3).map(lambda text: text * 200),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(HOSTILE, HOSTILE), min_size=1, max_size=30), st.integers(1, 4), st.integers(1, 6))
def test_the_exposition_parses_whatever_the_labels(calls: list[tuple[Any, Any]], places: int, series: int) -> None:
    """One label would make Prometheus refuse the whole scrape."""
    metrics = TradingMetrics(limits=Limits(default_label=places, default_series=series))
    with unlogged():
        for strategy, reason in calls:
            metrics.record(catalogue.ORDERS_REJECTED, (strategy, reason), site="test")
        text = generate_latest(metrics.registry).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    samples = families[REJECTED.removesuffix("_total")].samples
    assert len(calls) == sum(sample.value for sample in samples)
    for label in ("strategy", "reason"):
        values = {sample.labels[label] for sample in samples}
        assert len(values - {"__other__", "unknown"}) <= places
        assert all(0 < len(value) <= MAX_LENGTH for value in values)


@settings(max_examples=30, deadline=None)
@given(st.lists(HOSTILE, min_size=1, max_size=20))
def test_the_same_values_lead_to_the_same_series(values: list[Any]) -> None:
    """A restart with the same calls, or the second call with the same value, would count elsewhere."""
    with unlogged():
        found = []
        for repeats in (1, 2, 3):
            metrics = TradingMetrics(limits={"strategy": 3})
            place: Any = _order(metrics)
            for value in values:
                for _ in range(repeats):
                    place(value)
            found.append({labels: value / repeats for labels, value in values_of(metrics, SUBMITTED).items()})
    assert found[0] == found[1] == found[2]


# ── what it may cost ─────────────────────────────────────────────────────────────────────────────────────────────


def held_by(metrics: TradingMetrics, site: CallSite) -> int:
    """How many raw labels a site and its metrics remember."""
    known = metrics.instrument(catalogue.ORDERS_SUBMITTED)._known
    return site.memory.cell_contents.entries + known.entries


@pytest.mark.parametrize("way", [_order, _answered, _raised], ids=lambda way: way.__name__[1:])
@pytest.mark.parametrize(
    "value",
    [
        lambda number: f"order {number}",
        lambda number: f"{UUID[:-6]}{number:06}",
        lambda number: " " * (number % 300) + "a",
    ],
    ids=["new", "identifiers", "spellings"],
)
def test_memory_does_not_grow_with_the_values_seen(
    way: Callable[[TradingMetrics], Callable[[str], object]], value: Callable[[int], str]
) -> None:
    """A bot that sends an order id as a label would die of it, some days later."""
    metrics = TradingMetrics()
    with unlogged():
        call = way(metrics)
        for number in range(3_000):
            call(value(number))
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for number in range(3_000, 9_000):
                call(value(number))
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
    assert grown < 200_000
    assert len(values_of(metrics, SUBMITTED)) <= 52


def test_long_raw_values_are_not_kept() -> None:
    """Four thousand spellings of a megabyte would be four gigabytes, though all are one label."""
    metrics = TradingMetrics()
    place = _order(metrics)
    timer = _timed(metrics)
    for number in range(50):
        place("x" * 100_000 + str(number))
        timer("x" * 100_000 + str(number))
    site = getattr(place, CALL_SITES_ATTRIBUTE)[0]
    assert 0 == held_by(metrics, site)
    assert {} == metrics.remembered
    assert {("x" * MAX_LENGTH, "BUY", "LIMIT"): 50} == values_of(metrics, SUBMITTED)


def test_spellings_of_one_value_are_bounded() -> None:
    """A label with blanks around it, in any number, would be remembered in any number."""
    metrics = TradingMetrics()
    place = _order(metrics)
    for number in range(MOST_ENTRIES + 500):
        place(f"{' ' * (number % 64)}gamma{' ' * (number // 64)}")
    site = getattr(place, CALL_SITES_ATTRIBUTE)[0]
    assert site.memory.cell_contents.entries <= MOST_ENTRIES
    assert {("gamma", "BUY", "LIMIT"): MOST_ENTRIES + 500} == values_of(metrics, SUBMITTED)


def calls_made(function: Callable[[], object]) -> int:
    """How many Python functions are called in a call of `function`: a measure of cost that no busy machine disturbs."""
    count = 0

    def profile(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(("way", "more"), [(_order, 12), (_answered, 12), (_rejected_at_length, 60)])
@pytest.mark.parametrize("limits", [Limits(labels={"strategy": 1, "reason": 1}), Limits()], ids=["full", "identifiers"])
def test_a_hostile_value_takes_a_short_way(
    way: Callable[[TradingMetrics], Callable[[str], object]], more: int, limits: Limits
) -> None:
    """A flood of order ids would slow the trading loop down, each by twenty times the price of a good label."""
    metrics = TradingMetrics(limits=limits)
    with unlogged():
        place = way(metrics)
        for _ in range(3):
            place("gamma")
        for number in range(200):
            place(f"{UUID[:-6]}{number:06}")
    good = calls_made(lambda: place("gamma"))
    costs = sorted(calls_made(lambda number=number: place(f"{UUID[:-6]}{number:06}")) for number in range(500, 600))  # type: ignore[misc]
    assert costs[len(costs) // 2] <= good + more
