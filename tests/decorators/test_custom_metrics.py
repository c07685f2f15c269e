"""`track`: a user's own metric, through the same engine, guard and checks as the catalogue's."""

from __future__ import annotations

import asyncio
import functools
import math
from decimal import Decimal
from typing import Any
from unittest.mock import Mock

import pytest
from prometheus_client import CollectorRegistry

from tests.recorded import errors, raising, recorded, sample
from tradmetrics import (
    ConfigurationError,
    LabelSourceError,
    MetricDefinition,
    TradingMetrics,
    TradmetricsError,
    arg,
    catalogue,
    configure,
    error,
    result,
    track,
    track_order,
)

HEDGES = MetricDefinition("desk_hedges_total", "counter", "Hedges.", ("desk", ("side", ("BUY", "SELL"))))
SIZE = MetricDefinition("desk_size", "gauge", "Size.", ("desk",), unit="lots")
WAITS = MetricDefinition("desk_waits_seconds", "histogram", "Waits.", ("desk",), "seconds", (1, 10))
PLAIN = MetricDefinition("desk_calls_total", "counter", "Calls.")


@pytest.fixture
def metrics() -> TradingMetrics:
    """A metrics object of the test's own."""
    return TradingMetrics()


def waits(metrics: TradingMetrics) -> tuple[float | None, float | None]:
    """How many waits were observed, and their sum."""
    return tuple(sample(metrics, f"desk_waits_seconds_{part}", desk="delta") for part in ("count", "sum"))  # type: ignore[return-value]


def test_a_counter_counts_calls_by_its_labels(metrics: TradingMetrics) -> None:
    """What only this user's desk has could not be recorded at all."""

    @track(HEDGES, desk="delta", side=arg("side"), metrics=metrics)
    def hedge(side: str, quantity: int) -> str:
        return f"{side} {quantity}"

    assert ["BUY 1", "SELL 2", "buy 3"] == [hedge("BUY", 1), hedge("SELL", 2), hedge(quantity=3, side="buy")]
    assert {"desk_hedges_total delta BUY": 2, "desk_hedges_total delta SELL": 1} == recorded(metrics)


def test_a_label_left_out_is_the_parameter_of_that_name(metrics: TradingMetrics) -> None:
    """Every label would have to be spelled out."""
    track(HEDGES, metrics=metrics)(lambda desk, side: None)("delta", "SELL")
    assert {"desk_hedges_total delta SELL": 1} == recorded(metrics)
    with pytest.raises(LabelSourceError, match="the label 'side' has no source"):
        track(HEDGES, desk="delta")(lambda desk: None)


@pytest.mark.parametrize(
    ("on", "when_returned", "when_raised"), [("returned", 1, 0), ("raised", 0, 1), ("finished", 1, 1)]
)
def test_on_says_when_it_is_recorded(metrics: TradingMetrics, on: Any, when_returned: int, when_raised: int) -> None:
    """Failures could not be counted apart from successes."""

    @track(PLAIN, on=on, metrics=metrics)
    def call(fails: bool) -> None:
        if fails:
            raise ValueError

    for number in range(1, 4):
        call(False)
        assert when_returned * number + when_raised * (number - 1) == recorded(metrics).get("desk_calls_total", 0)
        with pytest.raises(ValueError, match=r"^$"):
            call(True)
        assert (when_returned + when_raised) * number == recorded(metrics).get("desk_calls_total", 0)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 3),
        (2.5, 7.5),
        (0, 0),
        (arg("lots"), 12),
        (result("filled"), 9),
        (lambda call: call.result["filled"] / 2, 4.5),
        ("2", 6),
    ],
)
def test_a_counter_adds_its_value(metrics: TradingMetrics, value: Any, expected: float) -> None:
    """Amounts, such as lots traded, could not be added up."""

    @track(PLAIN, value=value, metrics=metrics)
    def trade(lots: int) -> dict[str, int]:
        return {"filled": 3}

    for _ in range(3):
        trade(4)
    assert {"desk_calls_total": expected} == recorded(metrics)


@pytest.mark.parametrize("value", [7, "seconds", arg("size"), result("size")])
def test_a_gauge_is_set_to_its_value(metrics: TradingMetrics, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state could not be shown, or would add up."""
    now = iter(range(0, 1_000, 7))
    monkeypatch.setattr("tradmetrics.capture.call_site.perf_counter", lambda: float(next(now)))

    @track(SIZE, value=value, desk="delta", metrics=metrics)
    def size_of(size: int) -> dict[str, int]:
        return {"size": size}

    for _ in range(3):
        size_of(7)
    assert {"desk_size delta": 7} == recorded(metrics)


def test_a_gauge_may_be_negative_and_a_counter_not(metrics: TradingMetrics) -> None:
    """A falling counter would look like a restart to Prometheus."""
    track(SIZE, value=arg("by"), desk="delta", metrics=metrics)(lambda by: None)(-5)
    track(PLAIN, value=arg("by"), metrics=metrics)(lambda by: None)(-5)
    assert -5 == recorded(metrics)["desk_size delta"]
    assert {("<lambda>", "value"): 1} == errors(metrics)
    assert "desk_calls_total" not in recorded(metrics)


@pytest.mark.parametrize(("value", "total"), [(5.0, 15.0), (5, 15.0), (arg("wait"), 6.0), (result(), 12.0)])
def test_a_histogram_observes_its_value(metrics: TradingMetrics, value: Any, total: float) -> None:
    """From the second call on, the call's own duration would be observed instead of the value."""

    @track(WAITS, value=value, desk="delta", metrics=metrics)
    def wait(wait: float) -> float:
        return 2 * wait

    @track(WAITS, value=value, desk="delta", metrics=metrics)
    def wait_in_vain(wait: float) -> None:
        pass

    for _ in range(3):
        wait(2)
    assert (3, total) == waits(metrics)
    if not isinstance(value, type(result())):
        for _ in range(3):
            wait_in_vain(2)
        assert (6, 2 * total) == waits(metrics)


def test_a_histogram_observes_the_seconds_of_the_call(metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch) -> None:
    """The duration, which is what most histograms are for, could not be had."""
    now = [0.0]
    monkeypatch.setattr("tradmetrics.capture.call_site.perf_counter", lambda: now[0])

    @track(WAITS, value="seconds", desk="delta", metrics=metrics)
    def wait(seconds: float) -> None:
        now[0] += seconds

    @track(WAITS, value="seconds", desk="delta", on="raised", metrics=metrics)
    async def wait_later(seconds: float) -> None:
        now[0] += seconds
        raise TimeoutError

    for seconds in (0.5, 2, 4):
        wait(seconds)
    with pytest.raises(TimeoutError):
        asyncio.run(wait_later(100))
    assert (4, 106.5) == waits(metrics)
    assert 1 == sample(metrics, "desk_waits_seconds_bucket", desk="delta", le="1.0")


def test_a_value_that_is_absent_records_nothing_and_is_no_error(metrics: TradingMetrics) -> None:
    """A call without a value would set the gauge to zero."""

    @track(SIZE, value=result(), desk="delta", metrics=metrics)
    def size_of(answer: Any) -> Any:
        return answer

    size_of(None)
    assert {} == recorded(metrics)
    size_of(5)
    size_of(None)
    assert {"desk_size delta": 5} == recorded(metrics)
    with pytest.raises(ValueError, match=r"^$"):
        track(SIZE, value=result(), desk="delta", metrics=metrics)(raising(ValueError()))()
    assert {"desk_size delta": 5} == recorded(metrics)


@pytest.mark.parametrize("value", [math.nan, math.inf, "many", object(), -math.inf])
def test_a_value_that_is_no_number_is_dropped_and_counted(metrics: TradingMetrics, value: object) -> None:
    """One bad value would spoil the metric."""
    track(WAITS, value=result(), desk="delta", metrics=metrics)(lambda: value)()
    assert {("<lambda>", "value"): 1} == errors(metrics)
    assert (None, None) == waits(metrics)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1])
def test_a_constant_that_cannot_be_counted_fails_when_decorating(value: float) -> None:
    """Every call would be an error, from the first on."""
    with pytest.raises(ConfigurationError, match=r"track\(desk_calls_total\): value"):
        track(PLAIN, value=value)


def test_decimals_are_numbers(metrics: TradingMetrics) -> None:
    """Money, which is often a Decimal, would have to be converted."""
    track(SIZE, value=Decimal("2.5"), desk="delta", metrics=metrics)(lambda: None)()  # type: ignore[arg-type]
    track(SIZE, value=arg("size"), desk="gamma", metrics=metrics)(lambda size: None)(Decimal("3.5"))
    assert {"desk_size delta": 2.5, "desk_size gamma": 3.5} == recorded(metrics)


def test_ones_own_labels_are_guarded_too(metrics: TradingMetrics) -> None:
    """An order id as a label of one's own would fill Prometheus."""
    sent = MetricDefinition("desk_sent_total", "counter", "Sent.", ("order",))
    send = track(sent, metrics=metrics)(lambda order: None)
    for number in range(200):
        send(f"name {number}")
    send("3f2504e0-4f89-11d3-9a0c-0305e82c3301")
    assert 151 == sample(metrics, "desk_sent_total", order="__other__")
    assert 201 == sum(value for name, value in recorded(metrics).items() if name.startswith("desk_sent_total"))
    assert 151 == sample(metrics, "tradmetrics_label_overflow_total", metric="desk_sent_total", label="order")


def test_a_closed_label_takes_nothing_else(metrics: TradingMetrics) -> None:
    """A misspelt side would become a series."""
    track(HEDGES, desk="delta", side="sideways", metrics=metrics)(lambda: None)()
    assert 1 == sample(metrics, "desk_hedges_total", desk="delta", side="unknown")
    assert {("<lambda>", "vocabulary"): 1} == errors(metrics)


def test_decorators_stack(metrics: TradingMetrics) -> None:
    """A function could be recorded in one way only."""

    @track(PLAIN, metrics=metrics)
    @track_order(strategy="s", metrics=metrics)
    @track(HEDGES, desk="delta", side=arg("side"), on="returned", metrics=metrics)
    def hedge(side: str) -> str:
        return side

    assert "BUY" == hedge("BUY")
    assert {
        "desk_calls_total": 1,
        "desk_hedges_total delta BUY": 1,
        "trading_orders_submitted_total s BUY unknown": 1,
    } == recorded(metrics)
    outermost_first = ["track(desk_calls_total)", "track_order", "track(desk_hedges_total)"]
    assert outermost_first == [site.recipe.decorator for site in hedge.__tradmetrics__]  # type: ignore[attr-defined]


class Called:
    """A callable object."""

    def __call__(self) -> None:
        pass


class Nameless(Called):
    """A callable object that says nothing sensible of its name."""

    def __init__(self) -> None:
        self.__module__ = 5  # type: ignore[assignment]
        self.__qualname__ = ""


def call() -> None:
    """A function."""


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (call, f"{__name__}.call"),
        (functools.partial(functools.partial(call)), f"{__name__}.call"),
        (functools.lru_cache(call), f"{__name__}.call"),
        (Called(), f"{__name__}.Called"),
        (Called().__call__, f"{__name__}.Called.__call__"),
        (Nameless(), f"{__name__}.Nameless"),
        (Mock(), "unittest.mock.Mock"),
        (dict, None),
        ({}.copy, "builtins.dict.copy"),
    ],
)
def test_errors_are_counted_under_the_name_of_what_runs(metrics: TradingMetrics, target: Any, name: str | None) -> None:
    """Of a bot of fifty functions, nobody would know which one is decorated wrongly."""
    if name is None:
        with pytest.raises(TradmetricsError, match=r"on the class builtins\.dict"):
            track(PLAIN, metrics=metrics)(target)
        return
    track(PLAIN, value=lambda call: 1 / 0, metrics=metrics)(target)()
    assert 1 == sample(metrics, "tradmetrics_instrumentation_errors_total", site=name, stage="source")


def test_a_metric_of_the_catalogue_may_be_recorded_where_no_decorator_fits(metrics: TradingMetrics) -> None:
    """Something the catalogue knows would need a second metric."""
    track(catalogue.SYSTEM_ERRORS, on="raised", component="feed", severity=error("severity"), metrics=metrics)
    track(catalogue.MARKET_VIX, value=result(), metrics=metrics)(lambda: 14.5)()
    assert {"trading_market_vix": 14.5} == recorded(metrics)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"on": "done"}, "on is 'returned', 'raised' or 'finished', not 'done'"),
        ({"definition": "desk_hedges_total"}, r"the first argument is a MetricDefinition.*write @track\(Metric"),
        ({"definition": MetricDefinition("x_total", "counter", "X.", ("value",))}, "a label called 'value'"),
        ({"definition": MetricDefinition("x_total", "counter", "X.", ("metrics",))}, "a label called 'metrics'"),
        (
            {"definition": MetricDefinition("trading_daily_pnl", "gauge", "Mine.", ("desk",))},
            "trading_daily_pnl: the catalogue has it already",
        ),
    ],
)
def test_wrong_use_fails_when_decorating(given: dict[str, Any], message: str) -> None:
    """The mistake would show when the first call is not recorded."""
    settings = dict(given)
    definition = settings.pop("definition", PLAIN)
    with pytest.raises(ConfigurationError, match=message):
        track(definition, **settings)


def test_two_definitions_of_one_name_conflict_when_decorating(metrics: TradingMetrics) -> None:
    """Of two modules that define the same metric differently, one would record nothing."""
    other = MetricDefinition("desk_calls_total", "counter", "Calls.", ("desk",))
    track(PLAIN, metrics=metrics)
    with pytest.raises(ConfigurationError, match="desk_calls_total: the registry has it already with other labels"):
        track(other, desk="delta", metrics=metrics)
    configure(CollectorRegistry())
    track(PLAIN)
    with pytest.raises(ConfigurationError, match="desk_calls_total"):
        track(other, desk="delta")


def test_an_unknown_label_is_a_type_error_that_names_the_nearest() -> None:
    """A misspelt label would be ignored, and the real one be without a source."""
    with pytest.raises(TypeError, match=r"there is no label 'dsk'; did you mean 'desk'.*labels are: desk, side"):
        track(HEDGES, dsk="delta")
    with pytest.raises(TypeError, match="its labels are: none"):
        track(PLAIN, desk="delta")
