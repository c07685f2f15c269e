"""Series come and go: expiry, displacement, and every count accounted for."""

from __future__ import annotations

import gc
import os
import random
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.budget_kit import (
    OVERFLOW,
    REJECTED,
    REMOVED,
    SUBMITTED,
    Clock,
    overflows,
    removed,
    scrape,
    stopped_clock,
    total,
    under_other,
    unlogged,
    values_of,
)
from tradmetrics import (
    Limits,
    MetricDefinition,
    MetricsExporter,
    TradingMetrics,
    arg,
    catalogue,
    error,
    fill_timer,
    track_market_data,
    track_order,
    track_trade,
)
from tradmetrics.cardinality import Guard, LabelBudget
from tradmetrics.cardinality.budget import RECURS
from tradmetrics.model.text import MAX_LENGTH, OTHER, UNKNOWN
from tradmetrics.storage.label_cache import FLOOD_CALLS
from tradmetrics.storage.retired import MOST_RETIRED
from tradmetrics.storage.series import CounterSeries

RECURRING = 20
"""Calls that make a value one that keeps coming."""


@pytest.fixture
def clock() -> Iterator[Clock]:
    """The guard's clock, standing still."""
    with stopped_clock() as clock:
        yield clock


def orders(metrics: TradingMetrics) -> Callable[[str], None]:
    """A function that records an order of a strategy."""

    @track_order(side="BUY", order_type="LIMIT", metrics=metrics)
    def place(strategy: str) -> None: ...

    return place


def strategies(metrics: TradingMetrics, metric: str = SUBMITTED) -> set[str]:
    """The strategies that a metric has series of."""
    return {labels[0] for labels in values_of(metrics, metric)}


# ── resolving ────────────────────────────────────────────────────────────────────────────────────────────────────


class Numbered(IntEnum):
    """An enum whose members are equal to plain numbers."""

    GAMMA = 1


def test_labels_are_admitted_once_and_then_known() -> None:
    """Every plain call would clean, check and admit its labels anew, at ten times the price."""
    instrument = TradingMetrics(limits={"strategy": 1}).instrument(catalogue.ORDERS_SUBMITTED)
    for strategy in ("gamma", "late"):
        raw = (strategy, "BUY", "LIMIT")
        assert instrument.resolve(raw) is instrument.resolve(raw)
    assert instrument.resolve(("later", "BUY", "LIMIT")) is instrument.resolve(("late", "BUY", "LIMIT"))


def test_labels_that_cannot_be_keys_are_read_each_time() -> None:
    """A list as a label would be an error, and the number 1 would count for an enum's member that equals it."""
    instrument = TradingMetrics(strict=True).instrument(catalogue.ORDERS_SUBMITTED)
    for strategy, expected in ((Numbered.GAMMA, "GAMMA"), (1, "1"), (["gamma"], "['gamma']"), (True, "True")):
        for _ in range(2):
            assert expected == instrument.resolve((strategy, "BUY", "LIMIT")).labels[0]


def test_what_is_wrong_with_a_label_is_told_each_time() -> None:
    """Of a million orders without a readable side, one would count as an error."""
    instrument = TradingMetrics().instrument(catalogue.ORDERS_SUBMITTED)
    for _ in range(3):
        resolved = instrument.resolve(("gamma", "sideways", "LIMIT"))
        assert (("gamma", UNKNOWN, "LIMIT"), 1) == (resolved.labels, len(resolved.problems))


def test_closed_labels_are_read_in_the_dialect_that_is_named() -> None:
    """A FIX engine's sides, which are numbers, would all be unknown."""
    instrument = TradingMetrics().instrument(catalogue.ORDERS_SUBMITTED)
    assert ("gamma", "BUY", "LIMIT") == instrument.resolve(("gamma", 1, "2"), "fix").labels
    assert ("gamma", UNKNOWN, "LIMIT") == instrument.resolve(("gamma", 1, "LIMIT")).labels


# ── expiry ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_expires_unasked(clock: Clock) -> None:
    """A counter that comes back at zero looks like a restart, which nobody asked for."""
    metrics = TradingMetrics()
    orders(metrics)("gamma")
    clock.pass_by(1e9)
    assert {"gamma"} == strategies(metrics)


def test_an_idle_series_expires_and_gives_its_place_back(clock: Clock) -> None:
    """Strategies and symbols of last year would be scraped for ever, and keep this year's out."""
    metrics = TradingMetrics(limits=Limits(labels={"strategy": 1}, expire_after=60))
    place = orders(metrics)
    place("gamma")
    clock.pass_by(59)
    assert {"gamma"} == strategies(metrics)
    clock.pass_by(8)
    found = scrape(metrics)
    assert SUBMITTED not in found
    assert {(SUBMITTED, "expired"): 1} == found[REMOVED]
    place("delta")
    assert {"delta"} == strategies(metrics)


def test_activity_between_scrapes_keeps_a_series(clock: Clock) -> None:
    """A series would expire although it is recorded to, because a call does not tell the time."""
    metrics = TradingMetrics(limits=Limits(expire_after=60))
    place = orders(metrics)
    for _ in range(20):
        place("gamma")
        clock.pass_by(50)
        assert {"gamma"} == strategies(metrics)


def test_a_gauge_set_to_the_value_it_has_is_not_idle(clock: Clock) -> None:
    """A gauge that holds its value while it is being updated would flicker."""
    metrics = TradingMetrics(limits=Limits(expire_after=60))
    for _ in range(20):
        metrics.record(catalogue.ML_MODEL_ACCURACY, ("xgboost",), 0.8, site="test")
        clock.pass_by(50)
        assert {("xgboost",): 0.8} == values_of(metrics, catalogue.ML_MODEL_ACCURACY.name)
    clock.pass_by(70)
    found = scrape(metrics)
    assert catalogue.ML_MODEL_ACCURACY.name not in found
    assert {(catalogue.ML_MODEL_ACCURACY.name, "expired"): 1} == found[REMOVED]


def test_a_condition_of_the_past_is_idle(clock: Clock) -> None:
    """Conditions that are only kept at zero would count as active for ever, and hold their places."""
    metrics = TradingMetrics(limits=Limits(expire_after=60))
    name = catalogue.MARKET_CONDITION.name
    seen = []
    for condition in ("calm", *["volatile"] * 5):
        metrics.record(catalogue.MARKET_CONDITION, (condition,), 1.0, site="test")
        metrics.instrument(catalogue.MARKET_CONDITION).forget_others([(condition,)], 0.0)
        seen.append(values_of(metrics, name))
        clock.pass_by(30)
    assert {("calm",): 0, ("volatile",): 1} == seen[1]
    assert {("volatile",): 1} == seen[-1]


def test_a_histogram_expires_with_its_observations(clock: Clock) -> None:
    """Observations would vanish from the total without a trace."""
    metrics = TradingMetrics(limits=Limits(expire_after=60))
    for _ in range(3):
        metrics.record(catalogue.ORDER_FILL_TIME, ("gamma",), 0.3, site="test")
    scrape(metrics)
    clock.pass_by(70)
    assert {(catalogue.ORDER_FILL_TIME.name, "expired"): 3} == scrape(metrics)[REMOVED]


def test_amounts_expire_with_what_they_add_up_to(clock: Clock) -> None:
    """Profits of a strategy that no longer trades would be missing from the year's."""
    metrics = TradingMetrics(limits=Limits(expire_after=60))
    for amount in (0.1, 0.2, 1e6):
        metrics.record(catalogue.PROFIT, ("gamma",), amount, site="test")
    scrape(metrics)
    clock.pass_by(70)
    assert {(catalogue.PROFIT.name, "expired"): pytest.approx(1_000_000.3)} == scrape(metrics)[REMOVED]


def test_metrics_without_open_labels_do_not_expire(clock: Clock) -> None:
    """A tripped circuit breaker, quiet since, would read as if there were none."""
    metrics = TradingMetrics(limits=Limits(expire_after=60))
    metrics.record(catalogue.CIRCUIT_BREAKER_ACTIVE, (), 1.0, site="test")
    metrics.record(catalogue.ORDER_MESSAGES, ("new",), site="test")
    scrape(metrics)
    clock.pass_by(1_000)
    found = scrape(metrics)
    assert {(): 1} == found[catalogue.CIRCUIT_BREAKER_ACTIVE.name]
    assert {("new",): 1} == found[catalogue.ORDER_MESSAGES.name]


def test_after_expiry_counting_goes_on(clock: Clock) -> None:
    """A decorated function would go on counting on a series that nobody sees."""
    metrics = TradingMetrics(limits=Limits(expire_after=60))
    place = orders(metrics)
    timer = fill_timer("gamma", metrics=metrics)
    for round_number in range(1, 4):
        for _ in range(2):
            place("gamma")
            with timer:
                pass
        found = scrape(metrics)
        assert {("gamma", "BUY", "LIMIT"): 2} == found[SUBMITTED]
        assert {("gamma",): 2} == found[f"{catalogue.ORDER_FILL_TIME.name}_count"]
        assert 2 * (round_number - 1) == removed(found, SUBMITTED) == removed(found, catalogue.ORDER_FILL_TIME.name)
        clock.pass_by(70)
        scrape(metrics)
        clock.pass_by(1)


def test_one_scrape_tells_of_one_state(clock: Clock) -> None:
    """A scrape would show a series that the same scrape counts as removed, or neither the one nor the other."""
    definition = MetricDefinition("desk_hedges_total", "counter", "Hedges.", labels=("desk",))
    metrics = TradingMetrics(limits=Limits(expire_after=60))
    for each in (catalogue.TRADES, definition):
        metrics.record(each, ("gamma", "BUY", "executed")[: len(each.labels)], site="test")
    for _ in range(100):
        found = scrape(metrics)
        for name in (catalogue.TRADES.name, definition.name):
            assert 1 == sum(found.get(name, {}).values()) + removed(found, name)
        clock.pass_by(1)
    assert definition.name not in found


def test_nothing_expires_in_the_middle_of_a_scrape(clock: Clock) -> None:
    """A count would be missing from a slow scrape: no longer among the series, and not yet among what was removed."""
    load = MetricDefinition("desk_load", "gauge", "Load.", labels=("desk",), at_scrape=True)
    hedges = MetricDefinition("desk_hedges_total", "counter", "Hedges.", labels=("desk",))

    def slowly() -> dict[tuple[str, ...], float]:
        clock.pass_by(70)
        return {}

    metrics = TradingMetrics(limits=Limits(expire_after=60))
    metrics.at_scrape(load, slowly)
    metrics.record(hedges, ("gamma",), site="test")
    for _ in range(3):
        found = scrape(metrics)
        assert 1 == sum(found.get(hedges.name, {}).values()) + removed(found, hedges.name)


def test_a_scrape_of_some_metrics_expires_too(clock: Clock) -> None:
    """Where Prometheus asks for a few metrics by name, nothing would ever expire."""
    metrics = TradingMetrics(limits=Limits(expire_after=60))
    orders(metrics)("gamma")
    some = metrics.registry.restricted_registry([SUBMITTED, REMOVED])
    for seconds in (0, 70):
        clock.pass_by(seconds)
        found = {each.name: each.value for metric in some.collect() for each in metric.samples}
    assert {REMOVED: 1} == found


def test_what_is_computed_at_scrape_gives_its_place_back() -> None:
    """A strategy whose orders are all closed would hold its place among those with open orders for ever."""
    metrics = TradingMetrics(limits={"strategy": 1})
    now: Mapping[tuple[str, ...], float] = {("gamma",): 3.0}
    metrics.at_scrape(catalogue.ORDERS_OPEN, lambda: now)
    assert {("gamma",): 3} == values_of(metrics, catalogue.ORDERS_OPEN.name)
    now = {("delta",): 2.0, ("gamma",): 1.0}
    assert {("__other__",): 2, ("gamma",): 1} == values_of(metrics, catalogue.ORDERS_OPEN.name)
    now = {("delta",): 2.0}
    values_of(metrics, catalogue.ORDERS_OPEN.name)
    assert {("delta",): 2} == values_of(metrics, catalogue.ORDERS_OPEN.name)


def test_what_is_set_keeps_its_place_when_nothing_computes_it_any_more() -> None:
    """A strategy's place would go to another while its series is still there: the label would outgrow its budget."""
    definition = MetricDefinition("desk_load", "gauge", "Load.", labels=("desk",))
    metrics = TradingMetrics(limits={"desk": 1})
    now: Mapping[tuple[str, ...], float] = {("gamma",): 3.0}
    metrics.at_scrape(definition, lambda: now)
    metrics.record(definition, ("gamma",), 2, site="test")
    assert {("gamma",): 3} == values_of(metrics, definition.name)
    now = {}
    assert {("gamma",): 2} == values_of(metrics, definition.name)
    metrics.record(definition, ("delta",), 1, site="test")
    assert {("gamma",): 2, ("__other__",): 1} == values_of(metrics, definition.name)


def test_of_computed_figures_one_that_is_gone_or_fails_leaves_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """A tracker that nobody uses any more would take the figures of the others along, or nobody would learn why."""
    definition = MetricDefinition("desk_load", "gauge", "Load.", labels=("desk",), at_scrape=True)

    class Desk:
        def load(self) -> dict[tuple[str, ...], float]:
            return {("gone",): 1.0}

    def broken() -> dict[tuple[str, ...], float]:
        raise ValueError("no load")

    metrics, desk = TradingMetrics(), Desk()
    metrics.at_scrape(definition, desk.load)
    metrics.at_scrape(definition, broken)
    metrics.at_scrape(definition, lambda: {("gamma",): 2.0})
    del desk
    gc.collect()
    assert {("gamma",): 2} == values_of(metrics, definition.name)
    assert "ValueError: no load" in caplog.text


def test_it_is_not_looked_at_everything_for_each_new_series(clock: Clock) -> None:
    """A bot that starts with ten thousand symbols would look at all of them ten thousand times."""
    metrics = TradingMetrics(limits={"strategy": 2})
    guard = metrics.instrument(catalogue.ORDERS_SUBMITTED).guard
    looks = []
    for strategy, seconds in (("a", 0), ("b", 0), ("a", 59), ("b", 1)):
        clock.pass_by(seconds)
        metrics.record(catalogue.ORDERS_SUBMITTED, (strategy, "BUY", ("MARKET", "LIMIT")[seconds > 0]), site="test")
        looks.append(guard.look_at)
    assert [0.0, 1_060.0, 1_060.0, 1_120.0] == looks


def test_it_is_not_looked_at_everything_in_each_scrape(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a budget is used up, a loop that trades would wait 15 ms at each scrape of ten thousand series."""
    metrics = TradingMetrics(limits={"symbol": 10})
    for number in range(11):
        metrics.record(catalogue.MARKET_DATA_UPDATES, (f"S{number}",), site="test")
    looks = 0
    mark = CounterSeries.mark

    def counted(series: CounterSeries) -> object:
        nonlocal looks
        looks += 1
        return mark(series)

    monkeypatch.setattr(CounterSeries, "mark", counted)
    for _ in range(24):
        clock.pass_by(5)
        list(metrics.registry.collect())
    assert 2 * 11 == looks  # once a minute


# ── displacement ─────────────────────────────────────────────────────────────────────────────────────────────────

LIMITS = Limits(labels={"strategy": 2}, idle_after=3_600)


def full_metrics(clock: Clock) -> TradingMetrics:
    """A metrics object whose label `strategy` is full, with two strategies that have been idle for two hours."""
    metrics = TradingMetrics(limits=LIMITS)
    place = orders(metrics)
    for name in ("old", "older"):
        for _ in range(3):
            place(name)
    scrape(metrics)
    place("late")  # the label is full: from here on it is watched what is idle
    clock.pass_by(7_200)
    return metrics


def test_a_late_value_that_keeps_coming_gets_in(clock: Clock) -> None:
    """A strategy deployed on Friday would stay in `__other__` until the next restart."""
    metrics = full_metrics(clock)
    place = orders(metrics)
    before = under_other(metrics, SUBMITTED)
    for _ in range(RECURRING):
        place("late")
    found = scrape(metrics)
    assert {"late", "__other__"} < {labels[0] for labels in found[SUBMITTED]}
    assert 3 == len(found[SUBMITTED])
    assert {(SUBMITTED, "displaced"): 3} == found[REMOVED]
    # The displaced series' count is nowhere among the others: that would look like a burst of orders.
    assert under_other(metrics, SUBMITTED) - before + found[SUBMITTED]["late", "BUY", "LIMIT"] == RECURRING
    assert 7 + RECURRING == total(metrics, SUBMITTED)


def test_a_late_value_gets_in_though_nobody_scrapes(clock: Clock) -> None:
    """Where metrics are pushed, or Prometheus is down, nothing would be known to be idle when it matters."""
    metrics = TradingMetrics(limits=LIMITS)
    place = orders(metrics)
    for name in ("old", "older"):
        for _ in range(3):
            place(name)
    clock.pass_by(7_200)
    for _ in range(RECURRING):
        place("late")
    assert {"late", "older", "__other__"} == strategies(metrics)


@pytest.mark.parametrize(
    "limits",
    [Limits(series={REJECTED: 2}, idle_after=3_600), Limits(labels={"reason": 2}, idle_after=3_600)],
    ids=["series", "one label of two"],
)
def test_a_late_pair_gets_in_though_nobody_scrapes(clock: Clock, limits: Limits) -> None:
    """What has been idle for hours would count as active, and a new reason would wait for another `idle_after`."""
    metrics = TradingMetrics(limits=limits)
    for reason in ("margin", "price"):
        for _ in range(3):
            metrics.record(catalogue.ORDERS_REJECTED, ("gamma", reason), site="test")
    clock.pass_by(7_200)
    for _ in range(RECURRING):
        metrics.record(catalogue.ORDERS_REJECTED, ("gamma", "late"), site="test")
    assert {("gamma", "price"), ("gamma", "late"), ("gamma", "__other__")} == set(values_of(metrics, REJECTED))


def test_it_is_looked_at_what_is_idle_as_soon_as_it_is_time(clock: Clock) -> None:
    """A late strategy whose orders come on the minute would always be too early by a moment."""
    metrics = TradingMetrics(limits=Limits(labels={"strategy": 1}, idle_after=80))
    place = orders(metrics)
    place("old")
    clock.pass_by(75)
    place("late")
    assert {"old", "__other__"} == strategies(metrics)
    clock.pass_by(10)
    for _ in range(RECURRING):
        place("late")
    assert "late" in strategies(metrics)


def test_what_is_computed_at_scrape_is_not_idle_because_nobody_scrapes(clock: Clock) -> None:
    """After an outage of Prometheus, the computed series would be taken for idle, and none of the others would go."""
    definition = MetricDefinition("desk_load", "gauge", "Load.", labels=("desk",))
    metrics = TradingMetrics(limits=Limits(labels={"desk": 2}, idle_after=3_600))
    metrics.at_scrape(definition, lambda: {("computed",): 1.0})
    scrape(metrics)
    clock.pass_by(1)
    metrics.record(definition, ("old",), 2, site="test")
    clock.pass_by(7_200)
    for _ in range(RECURRING):
        metrics.record(definition, ("late",), 3, site="test")
    assert {("computed",): 1, ("late",): 3, ("__other__",): 3} == values_of(metrics, definition.name)


@pytest.mark.parametrize("way", ["decorated", "with a result", "recorded", "timed"])
def test_it_gets_in_by_every_way_of_recording(clock: Clock, way: str) -> None:
    """Whoever does not use the fast path, or uses nothing else, would never get in."""
    metric = catalogue.ORDER_FILL_TIME if way == "timed" else catalogue.ORDERS_SUBMITTED
    metrics = TradingMetrics(limits=Limits(labels={"strategy": 1}, idle_after=3_600))

    @track_order(side="BUY", order_type="LIMIT", metrics=metrics)
    def plain(strategy: str) -> None: ...

    @track_order(side="BUY", order_type="LIMIT", metrics=metrics)
    def answered(strategy: str) -> dict[str, str]:
        return {"status": "submitted"}

    def call(strategy: str) -> None:
        if way == "recorded":
            metrics.record(metric, (strategy, "BUY", "LIMIT"), site="test")
        elif way == "timed":
            with fill_timer(strategy, metrics=metrics):
                pass
        else:
            (plain if way == "decorated" else answered)(strategy)

    name = f"{metric.name}_count" if way == "timed" else metric.name
    call("old")
    call("late")
    clock.pass_by(3_600 + 61)
    call("late")
    clock.pass_by(3_600 + 61)
    for _ in range(FLOOD_CALLS + RECURRING):
        call("late")
    assert "late" in strategies(metrics, name)
    assert "old" not in strategies(metrics, name)
    assert 3 + FLOOD_CALLS + RECURRING == total(metrics, name)


def _traded(metrics: TradingMetrics) -> Callable[[str], object]:
    @track_trade(side="BUY", metrics=metrics)
    def trade(strategy: str) -> None: ...

    return trade


def _traded_with_a_result(metrics: TradingMetrics) -> Callable[[str], object]:
    @track_trade(side="BUY", metrics=metrics)
    def trade(strategy: str) -> dict[str, float]:
        return {"pnl": 1.0}

    return trade


def _ordered(metrics: TradingMetrics) -> Callable[[str], object]:
    @track_order(side="BUY", order_type="LIMIT", metrics=metrics)
    def place(strategy: str) -> None: ...

    return place


def _ordered_and_filled(metrics: TradingMetrics) -> Callable[[str], object]:
    @track_order(side="BUY", order_type="LIMIT", metrics=metrics)
    def place(strategy: str) -> dict[str, str]:
        return {"status": "filled"}

    return place


def _ordered_and_failed(metrics: TradingMetrics) -> Callable[[str], object]:
    @track_order(side="BUY", order_type="LIMIT", reason="down", metrics=metrics)
    def place(strategy: str) -> None:
        raise ConnectionError

    def call(strategy: str) -> None:
        with suppress(ConnectionError):
            place(strategy)

    return call


def _exported(metrics: TradingMetrics) -> Callable[[str], object]:
    exporter = MetricsExporter(metrics)
    return lambda strategy: exporter.record_trade(strategy, "BUY", "executed")


def _exported_with_a_fill_time(metrics: TradingMetrics) -> Callable[[str], object]:
    exporter = MetricsExporter(metrics)
    return lambda strategy: exporter.record_order(strategy, "BUY", "LIMIT", "filled", 0.1)


def _timed(metrics: TradingMetrics) -> Callable[[str], object]:
    def call(strategy: str) -> None:
        with fill_timer(strategy, metrics=metrics):
            pass

    return call


def _numbered(metrics: TradingMetrics) -> Callable[[str], object]:
    """A value that is no text takes no short way."""
    return lambda strategy: metrics.record(catalogue.ORDERS_SUBMITTED, (Named(strategy), "BUY", "LIMIT"), site="test")


class Named:
    """Something with a text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text


FILL_TIMES = f"{catalogue.ORDER_FILL_TIME.name}_count"


@pytest.mark.parametrize("seconds", [0, 100], ids=["at once", "over minutes"])
@pytest.mark.parametrize(
    ("way", "names"),
    [
        (_traded, [catalogue.TRADES.name]),
        (_traded_with_a_result, [catalogue.TRADES.name, f"{catalogue.TRADES_PNL.name}_count"]),
        (_ordered, [SUBMITTED]),
        (_ordered_and_filled, [SUBMITTED, catalogue.ORDERS_FILLED.name, FILL_TIMES]),
        (_ordered_and_failed, [SUBMITTED, catalogue.ORDERS_UNKNOWN.name]),
        (_exported, [catalogue.TRADES.name]),
        (_exported_with_a_fill_time, [catalogue.ORDERS_FILLED.name, FILL_TIMES]),
        (_timed, [FILL_TIMES]),
        (_numbered, [SUBMITTED]),
    ],
    ids=lambda each: each.__name__[1:] if callable(each) else "",
)
def test_each_call_is_heard_once(
    clock: Clock, way: Callable[[TradingMetrics], Callable[[str], object]], names: list[str], seconds: float
) -> None:
    """An order id that comes with each event of one order would throw out a strategy that sleeps over the weekend."""
    metrics = TradingMetrics(limits=LIMITS)
    call = way(metrics)
    for each in ("old", "older"):
        call(each)
    clock.pass_by(7_200)
    for _ in range(RECURS - 1):
        call("late")
        clock.pass_by(seconds)
    assert [{"old", "older", "__other__"}] * len(names) == [strategies(metrics, name) for name in names]
    call("late")
    assert [True] * len(names) == ["late" in strategies(metrics, name) for name in names]
    assert [2 + RECURS] * len(names) == [total(metrics, name) for name in names]


def test_the_first_call_with_other_labels_is_heard_once_too(clock: Clock) -> None:
    """An order id that comes with each side of a spread would count for twice the calls that it is."""
    metrics = TradingMetrics(limits=LIMITS)

    @track_order(order_type="LIMIT", metrics=metrics)
    def place(strategy: str, side: str) -> None: ...

    for name in ("old", "older"):
        place(name, "BUY")
    clock.pass_by(7_200)
    place("other", "SELL")  # here it is looked at what is idle
    for _ in range(RECURS - 1):
        place("late", "BUY")
    assert {"old", "older", "__other__"} == strategies(metrics)
    place("late", "BUY")
    assert "late" in strategies(metrics)


def test_the_ids_of_orders_displace_nobody(clock: Clock) -> None:
    """A bot that passes its order ids as strategies would clear out the strategies that are quiet at the moment."""
    metrics = full_metrics(clock)
    place = orders(metrics)
    for number in range(50):
        for _ in range(7):  # submitted, accepted, replaced, three fills, cancelled
            place(f"order {number}")
            clock.pass_by(1)
    assert {"old", "older", "__other__"} == strategies(metrics)


def test_a_late_constant_gets_in_too(clock: Clock) -> None:
    """A function of one strategy would take the long way for ever, and never come out of `__other__`."""
    metrics = full_metrics(clock)

    @track_order(strategy="constant", metrics=metrics)
    def place(side: str, order_type: str) -> None: ...

    for _ in range(RECURRING):
        place("BUY", "LIMIT")
    assert "constant" in strategies(metrics)


def test_values_that_come_once_displace_nobody(clock: Clock) -> None:
    """A flood of order ids would clear out the strategies that are quiet at the moment."""
    metrics = full_metrics(clock)
    place = orders(metrics)
    for number in range(2_000):
        place(f"order {number}")
        place("123e4567-e89b-12d3-a456-426614174000")
    assert {"old", "older", "__other__"} == strategies(metrics)
    assert overflows(metrics, SUBMITTED, "strategy") == under_other(metrics, SUBMITTED) == 4_001


def test_a_late_value_gets_in_amid_a_flood(clock: Clock) -> None:
    """One bug that sends order ids as strategies would keep a new strategy out as long as it lasts."""
    metrics = full_metrics(clock)
    place = orders(metrics)
    for number in range(20 * FLOOD_CALLS):
        place(f"order {number}")
        if number % 4 == 0:
            place("late")
    assert "late" in strategies(metrics)
    assert 7 + 25 * FLOOD_CALLS == total(metrics, SUBMITTED)


def test_a_late_value_gets_in_after_a_flood(clock: Clock) -> None:
    """One burst of order ids would keep every strategy that is deployed later out until the next restart."""
    metrics = full_metrics(clock)
    place = orders(metrics)
    for number in range(3 * FLOOD_CALLS):
        place(f"order {number}")
    for _ in range(FLOOD_CALLS + RECURRING):
        place("late")
        clock.pass_by(1)
    assert "late" in strategies(metrics)


class Late(Enum):
    """A strategy that is named by an enum's member."""

    STRATEGY = "late"


@pytest.mark.parametrize("late", ["late", Late.STRATEGY], ids=["text", "enum"])
def test_a_value_gets_into_one_metric_that_has_its_place_in_another(clock: Clock, late: object) -> None:
    """While reasons are order ids, rejections of a strategy that is known by its orders would stay in `__other__`."""
    metrics = TradingMetrics(limits=Limits(labels={(REJECTED, "strategy"): 1}, idle_after=60))

    @track_order(side="BUY", order_type="LIMIT", reason=arg("reason"), metrics=metrics)
    def place(strategy: object, reason: str) -> dict[str, str]:
        return {"status": "rejected"}

    place("old", "margin")
    clock.pass_by(120)
    for number in range(RECURRING):
        place(late, f"123e4567-e89b-12d3-a456-{number:012}")
    assert {"late", "__other__"} == strategies(metrics, REJECTED)


def test_nobody_active_is_displaced(clock: Clock) -> None:
    """A strategy in the middle of its day would lose its series to a busier one."""
    metrics = full_metrics(clock)
    place = orders(metrics)
    for _ in range(30):
        place("old")
        place("older")
        for _ in range(10):
            place("late")
        clock.pass_by(600)
        scrape(metrics)
    assert {"old", "older", "__other__"} == strategies(metrics)


def test_allowed_values_are_not_displaced(clock: Clock) -> None:
    """A value that is always admitted would be gone."""
    metrics = TradingMetrics(limits=Limits(labels={"strategy": 1}, allow={"strategy": ["old"]}, idle_after=60))
    place = orders(metrics)
    place("old")
    clock.pass_by(1_000)
    for _ in range(100):
        place("late")
        clock.pass_by(10)
    assert {"old", "__other__"} == strategies(metrics)


def test_the_displaced_can_come_back(clock: Clock) -> None:
    """A strategy that was displaced over the holidays would be in `__other__` from then on."""
    metrics = full_metrics(clock)
    place = orders(metrics)
    for name in ("late", "later", "old"):
        for _ in range(RECURRING):
            place(name)
        clock.pass_by(7_200)
        scrape(metrics)
        clock.pass_by(7_200)
    found = strategies(metrics)
    assert "old" in found
    assert 3 == len(found)
    assert 7 + 3 * RECURRING == total(metrics, SUBMITTED)


def test_past_the_series_budget_a_new_pair_displaces_an_idle_one(clock: Clock) -> None:
    """A strategy that starts to be rejected for another reason would never be told apart."""
    metrics = TradingMetrics(limits=Limits(series={REJECTED: 2}, idle_after=60))
    for reason in ("margin", "price"):
        metrics.record(catalogue.ORDERS_REJECTED, ("gamma", reason), site="test")
    metrics.record(catalogue.ORDERS_REJECTED, ("gamma", "halted"), site="test")
    clock.pass_by(200)
    metrics.record(catalogue.ORDERS_REJECTED, ("gamma", "price"), site="test")
    for _ in range(RECURRING):
        metrics.record(catalogue.ORDERS_REJECTED, ("gamma", "halted"), site="test")
        clock.pass_by(1)
    assert {("gamma", "price"), ("gamma", "halted"), ("gamma", "__other__")} == set(values_of(metrics, REJECTED))
    assert 4 + RECURRING == total(metrics, REJECTED)


# ── counts in flight ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_held_child_stays_valid_and_its_counts_are_accounted_for(clock: Clock) -> None:
    """A call on another thread that was about to count on a series would lose its order."""
    metrics = TradingMetrics(limits=Limits(expire_after=60))
    counter, _ = metrics.series(catalogue.ORDERS_SUBMITTED, ("gamma", "BUY", "LIMIT"), site="test")
    profit, _ = metrics.series(catalogue.PROFIT, ("gamma",), site="test")
    times, _ = metrics.series(catalogue.ORDER_FILL_TIME, ("gamma",), site="test")
    tick = counter.tick
    tick()
    profit.add(2.5)
    times.observe(0.1)
    for _ in range(3):
        clock.pass_by(70)
        scrape(metrics)
    del counter
    gc.collect()
    for late in range(1, 4):
        tick()
        profit.add(2.5)
        times.observe(0.1)
        found = scrape(metrics)
        assert SUBMITTED not in found
        assert [1 + late, 2.5 + late * 2.5, 1 + late] == [
            removed(found, name) for name in (SUBMITTED, catalogue.PROFIT.name, catalogue.ORDER_FILL_TIME.name)
        ]


def test_a_held_gauge_comes_back_when_it_is_set(clock: Clock) -> None:
    """What a gauge is set to can be added nowhere else; it would be lost."""
    metrics = TradingMetrics(limits=Limits(expire_after=60))
    gauge, _ = metrics.series(catalogue.ML_MODEL_ACCURACY, ("xgboost",), site="test")
    gauge.set(0.8)
    for _ in range(3):
        clock.pass_by(70)
        found = scrape(metrics)
    assert catalogue.ML_MODEL_ACCURACY.name not in found
    for value in (0.9, 0.9, 0.7):
        gauge.set(value)
        scrape(metrics)
        assert {("xgboost",): value} == values_of(metrics, catalogue.ML_MODEL_ACCURACY.name)
        clock.pass_by(70)
        scrape(metrics)
        assert {} == values_of(metrics, catalogue.ML_MODEL_ACCURACY.name)
    assert 4 == removed(scrape(metrics), catalogue.ML_MODEL_ACCURACY.name)


def test_a_held_gauge_does_not_come_back_over_another(clock: Clock) -> None:
    """An old handle would bring its old value back over the one that was set since."""
    metrics = TradingMetrics(limits=Limits(expire_after=60))
    gauge, _ = metrics.series(catalogue.ML_MODEL_ACCURACY, ("xgboost",), site="test")
    gauge.set(0.8)
    for _ in range(3):
        clock.pass_by(70)
        scrape(metrics)
    metrics.record(catalogue.ML_MODEL_ACCURACY, ("xgboost",), 0.5, site="test")
    gauge.set(0.9)
    scrape(metrics)
    assert {("xgboost",): 0.5} == values_of(metrics, catalogue.ML_MODEL_ACCURACY.name)


def test_removed_series_are_let_go_when_nobody_holds_them(clock: Clock) -> None:
    """A bot that runs for months would remember every symbol that ever expired, and add them up at each scrape."""
    metrics = TradingMetrics(limits=Limits(expire_after=60))
    shelf = metrics.instrument(catalogue.ORDERS_SUBMITTED)._owner
    place = orders(metrics)
    held, _ = metrics.series(catalogue.ORDERS_SUBMITTED, ("held", "BUY", "LIMIT"), site="test")
    held.tick()
    for number in range(40):
        place(f"s{number}")
    for definition in (catalogue.ORDER_FILL_TIME, catalogue.ML_MODEL_ACCURACY, catalogue.PROFIT):
        metrics.record(definition, ("gamma",), 0.5, site="test")
    for _ in range(3):
        clock.pass_by(70)
        scrape(metrics)
    place("gamma")  # here the function drops what it remembered
    scrape(metrics)
    assert 1 == len(shelf.retired)
    del held
    scrape(metrics)
    assert [] == shelf.retired
    assert 42 == total(metrics, SUBMITTED)


def test_held_removed_series_are_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that keeps a child of everything would make each scrape slower than the one before."""
    assert MOST_RETIRED >= 10_000
    monkeypatch.setattr("tradmetrics.registry.instruments.MOST_RETIRED", 10)
    metrics = TradingMetrics(limits=Limits(expire_after=60))
    held = [metrics.series(catalogue.PROFIT, (f"s{number}",), site="test")[0] for number in range(30)]
    for each in held:
        each.add(1)
    for _ in range(3):
        clock.pass_by(70)
        scrape(metrics)
    assert 10 == len(metrics.instrument(catalogue.PROFIT)._owner.retired)
    assert 30 == total(metrics, catalogue.PROFIT.name)


def test_two_metrics_object_on_a_registry_see_the_same_removals(clock: Clock) -> None:
    """Functions of the other metrics would go on counting on series that nobody sees."""
    first = TradingMetrics(limits=Limits(expire_after=60))
    second = TradingMetrics(first.registry, limits=Limits(expire_after=60))
    place, other_place = orders(first), orders(second)
    place("gamma")
    other_place("gamma")
    for _ in range(2):
        clock.pass_by(70)
        scrape(first)
    other_place("gamma")
    place("gamma")
    assert {("gamma", "BUY", "LIMIT"): 2} == values_of(first, SUBMITTED)
    assert 4 == total(second, SUBMITTED)


def test_several_processes_keep_their_series(tmp_path: Path, child_environment: dict[str, str]) -> None:
    """What a worker wrote into its file cannot be taken back: it would be counted as removed and scraped as well."""
    code = """
        from budget_kit import stopped_clock
        from tradmetrics import Limits, TradingMetrics, catalogue
        with stopped_clock() as clock:
            metrics = TradingMetrics(limits=Limits(labels={"strategy": 1}, idle_after=5, expire_after=5))
            for strategy in ("old", *["late"] * 2_000):
                metrics.record(catalogue.PROFIT, (strategy,), 1, site="test")
                clock.pass_by(1)
            print(sorted(each.labels["strategy"] for each in metrics.instrument(catalogue.PROFIT).collect()[0].samples))
            print(len(metrics.instrument(catalogue.SERIES_REMOVED)))
    """
    # Not as `tests.budget_kit`: some libraries install a package of that name.
    folder = str(Path(__file__).parents[1])
    path = os.pathsep.join(filter(None, (child_environment["PYTHONPATH"], folder)))
    answer = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**child_environment, "PYTHONPATH": path, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
    )
    assert ["['__other__', 'old']", "0"] == answer.stdout.splitlines(), answer.stderr


# ── all of it ────────────────────────────────────────────────────────────────────────────────────────────────────

STRATEGIES = st.sampled_from(["a", "b", "c", "d", " a", "e" * 300, "e" * 301, "", "ORD-12345678901234"])
REASONS = st.one_of(st.sampled_from(["margin", "price", 1, True, 1.0, "1", None]), st.text(max_size=3))


class BookMachine(RuleBasedStateMachine):
    """Decorated functions, the clock and scrapes in any order: no count is lost, and no budget is exceeded."""

    @initialize(
        strategies=st.integers(1, 4),
        reasons=st.integers(1, 4),
        series=st.integers(1, 9),
        expire_after=st.sampled_from([None, 20, 60]),
    )
    def start(self, strategies: int, reasons: int, series: int, expire_after: float | None) -> None:
        self.stack = ExitStack()
        self.clock = self.stack.enter_context(stopped_clock())
        self.stack.enter_context(unlogged())
        self.limits = Limits(
            labels={"strategy": strategies, "reason": reasons},
            series={REJECTED: series},
            expire_after=expire_after,
            idle_after=30,
        )
        self.metrics = TradingMetrics(limits=self.limits)
        self.calls = dict.fromkeys((SUBMITTED, REJECTED, "trading_order_fill_time_seconds_count"), 0)

        @track_order(metrics=self.metrics)
        def place(strategy: object, side: str) -> None: ...

        class Rejected(Exception):  # noqa: N818 - what a broker calls it
            def __init__(self, reason: object) -> None:
                self.reason = reason

        @track_order(reason=error("reason"), side="SELL", metrics=self.metrics)
        def reject(strategy: object, reason: object) -> None:
            raise Rejected(reason)

        self.place, self.reject, self.rejected = place, reject, Rejected

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.stack.close()

    @rule(strategy=STRATEGIES, side=st.sampled_from(["BUY", "sell"]), times=st.sampled_from([1, 1, 9]))
    def order(self, strategy: object, side: str, times: int) -> None:
        for _ in range(times):
            self.place(strategy, side)
        self.calls[SUBMITTED] += times

    @rule(strategy=STRATEGIES, reason=REASONS, times=st.sampled_from([1, 1, 9]))
    def rejection(self, strategy: object, reason: object, times: int) -> None:
        for _ in range(times):
            with pytest.raises(self.rejected):
                self.reject(strategy, reason)
        self.calls[SUBMITTED] += times
        self.calls[REJECTED] += times

    @rule(strategy=STRATEGIES)
    def fill(self, strategy: object) -> None:
        self.metrics.record(catalogue.ORDER_FILL_TIME, (strategy,), 0.5, site="test")
        self.calls["trading_order_fill_time_seconds_count"] += 1

    @rule(seconds=st.sampled_from([1, 8, 31, 100]))
    def wait(self, seconds: float) -> None:
        self.clock.pass_by(seconds)

    @invariant()
    def every_call_is_somewhere_and_budgets_hold(self) -> None:
        found = scrape(self.metrics)
        for name, calls in self.calls.items():
            assert calls == sum(found.get(name, {}).values()) + removed(found, name.removesuffix("_count")), name
        for name, labels in ((SUBMITTED, ("strategy",)), (REJECTED, ("strategy", "reason"))):
            self.check_budgets(found.get(name, {}), name, labels)
            for position, label in enumerate(labels):
                other = sum(value for each, value in found.get(name, {}).items() if each[position] == OTHER)
                if self.limits.expire_after is None:  # else series of `__other__` expire too
                    assert other == found.get(OVERFLOW, {}).get((name, label), 0)

    def check_budgets(self, serieses: Iterable[tuple[str, ...]], name: str, labels: tuple[str, ...]) -> None:
        within = [each for each in serieses if not {OTHER, UNKNOWN} & set(each[: len(labels)])]
        assert len(within) <= self.limits.series_budget(name)
        for position, label in enumerate(labels):
            values = {each[position] for each in serieses}
            assert len(values - {OTHER, UNKNOWN}) <= self.limits.label_budget(name, label)
            assert all(len(value) <= MAX_LENGTH for value in values)


# Derandomised: of random runs a rare one finds an overflow that is counted for the label beside the one that gave way.
BookMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=30, deadline=None, derandomize=True)
TestBookMachine = BookMachine.TestCase


@pytest.mark.parametrize(
    "limits",
    [
        Limits(labels={"strategy": 5}, idle_after=0.01),
        Limits(labels={"strategy": 5}, idle_after=0.01, expire_after=0.005),
        Limits(series={SUBMITTED: 8, "trading_trades_total": 8}, idle_after=0.01),
    ],
    ids=["displacing", "expiring", "series"],
)
def test_sixteen_threads_lose_nothing(limits: Limits) -> None:
    """Orders of a busy bot would go missing whenever a series is removed under its threads."""
    metrics = TradingMetrics(limits=limits)
    each, threads = 700, 16

    @track_order(order_type="LIMIT", metrics=metrics)
    @track_trade(pnl=arg("pnl"), status="executed", metrics=metrics)
    def place(strategy: str, side: str, pnl: float) -> None: ...

    @fill_timer(arg("strategy"), metrics=metrics)
    def wait(strategy: str) -> None: ...

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for number in range(each):
            phase = number // 100
            strategy = f"s{phase + chance.randrange(4)}" if chance.random() < 0.8 else f"x{chance.random()}"
            place(strategy, "BUY" if number % 2 else "SELL", 0.5)
            wait(strategy)
            if number % 100 == 0:
                stopping.wait(0.003)

    def look() -> None:
        while not stopping.wait(0.001):
            scrape(metrics)

    stopping = threading.Event()
    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(threads)]
    scraper = threading.Thread(target=look)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        for thread in (scraper, *workers):
            thread.start()
        for thread in workers:
            thread.join(120)
    finally:
        stopping.set()
        scraper.join(30)
        sys.setswitchinterval(before)
    calls = each * threads
    assert calls == total(metrics, SUBMITTED)
    assert calls == total(metrics, "trading_trades_total")
    assert calls == total(metrics, "trading_order_fill_time_seconds_count")
    assert calls == total(metrics, "trading_trades_pnl_count")
    assert pytest.approx(calls * 0.5) == total(metrics, "trading_profit_total")
    assert 0 < removed(scrape(metrics), SUBMITTED)


def test_market_data_of_many_symbols_counts_every_update(clock: Clock) -> None:
    """The overflow counter would miss the gauge of last updates, whose budget is another."""
    limits = Limits(labels={(catalogue.MARKET_DATA_LAST_UPDATE.name, "symbol"): 2})
    metrics = TradingMetrics(limits=limits)

    @track_market_data(metrics=metrics)
    def on_tick(symbol: str) -> None: ...

    for symbol in ("A", "B", "C", "D", "C", "C"):
        on_tick(symbol)
    assert {("A",): 1, ("B",): 1, ("C",): 3, ("D",): 1} == values_of(metrics, catalogue.MARKET_DATA_UPDATES.name)
    assert {("A",), ("B",), ("__other__",)} == set(values_of(metrics, catalogue.MARKET_DATA_LAST_UPDATE.name))
    assert 4 == overflows(metrics, catalogue.MARKET_DATA_LAST_UPDATE.name, "symbol")
    assert 0 == overflows(metrics, catalogue.MARKET_DATA_UPDATES.name, "symbol")


@pytest.mark.parametrize(
    ("owner", "step"), [(Guard, "admit"), (Guard, "take"), (LabelBudget, "take")], ids=["admitted", "taken", "placed"]
)
def test_a_finaliser_that_comes_to_labels_which_are_being_met_shares_their_series(
    clock: Clock, owner: Any, step: str
) -> None:
    """What a finaliser counts from then on would be counted in a series that nobody scrapes, and places would leak."""
    metrics = TradingMetrics(limits=Limits(labels={"strategy": 2}, expire_after=60))
    send = track_order(side="BUY", order_type="LIMIT", metrics=metrics)(lambda strategy: None)
    close = track_order(side="BUY", order_type="LIMIT", metrics=metrics)(lambda strategy: None)
    original = getattr(owner, step)

    def interrupted(self: Any, *arguments: Any, **options: Any) -> Any:
        found = original(self, *arguments, **options)
        setattr(owner, step, original)
        close("a")
        return found

    setattr(owner, step, interrupted)
    try:
        for _ in range(3):
            send("a")
            close("a")
    finally:
        setattr(owner, step, original)
    assert {("a", "BUY", "LIMIT"): 7} == values_of(metrics, SUBMITTED)
    clock.pass_by(100)
    scrape(metrics)
    for strategy in ("b", "c", "d"):
        send(strategy)
    assert {"b", "c", "__other__"} == {labels[0] for labels in values_of(metrics, SUBMITTED)}
