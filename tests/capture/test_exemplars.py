"""Exemplars: labels of one call beside a counter or a bucket, in the OpenMetrics exposition alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Exemplar

from tests.recorded import errors, sample
from tradmetrics import (
    LabelSourceError,
    Limits,
    MetricDefinition,
    TradingMetrics,
    arg,
    catalogue,
    current_span,
    error,
    result,
    track,
    track_circuit_breaker,
    track_errors,
    track_market_data,
    track_order,
    track_prediction,
    track_request,
    track_risk_check,
    track_trade,
    track_training,
    underlying,
)
from tradmetrics.storage.rendering import render

SUBMITTED = catalogue.ORDERS_SUBMITTED.name
HEDGES = MetricDefinition("desk_hedges_total", "counter", "Hedges.", ("desk",))
SIZES = MetricDefinition("desk_sizes", "histogram", "Sizes.", ("desk",), buckets=(1, 10))
LEVEL = MetricDefinition("desk_level", "gauge", "A level.")


class Clock:
    """The clock of exemplars, which moves when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("tradmetrics.storage.exemplars.monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands still."""
    return Clock(monkeypatch)


def exemplars(registry: CollectorRegistry) -> dict[str, dict[str, str]]:
    """The labels of each exemplar by `name value-of-label …`, labels in the definition's order."""
    return {
        " ".join((each.name, *each.labels.values())): dict(each.exemplar.labels)
        for family in registry.collect()
        for each in family.samples
        if each.exemplar is not None
    }


def steady(text: bytes) -> list[bytes]:
    """The lines whose numbers do not move by themselves."""
    return [line for line in text.splitlines() if b"uptime" not in line]


def order(number: int = 17) -> Any:
    """An order of some library."""
    return SimpleNamespace(id=f"O-{number}")


def test_an_order_id_stands_beside_the_counter_and_the_bucket() -> None:
    """A spike on a chart would lead to no order."""
    metrics = TradingMetrics()

    @track_order(strategy="s", side="BUY", order_type="LIMIT", fill_time=0.2, exemplar=arg("order.id"), metrics=metrics)
    def place(order: Any) -> Any:
        return {"status": "filled"}

    place(order())
    expected = {"order_id": "O-17"}
    assert {
        f"{SUBMITTED} s BUY LIMIT": expected,
        f"{catalogue.ORDERS_FILLED.name} s BUY": expected,
        f"{catalogue.ORDER_FILL_TIME.name}_bucket s 0.2": expected,
    } == exemplars(metrics.registry)
    assert {} == errors(metrics)


def test_the_openmetrics_text_has_exemplars_and_the_text_format_has_none() -> None:
    """Prometheus would not see them, or an old one could not read the page."""
    metrics = TradingMetrics(labels={"venue": "kraken"})
    others = TradingMetrics(metrics.registry, labels={"venue": "okx"})
    for each in (metrics, others):
        observe = track(SIZES, desk=arg("desk"), value=arg("size"), exemplar=arg("order.id"), metrics=each)(
            lambda desk, size, order: None
        )
        for number in range(3):
            observe(f'delta "{number}"\\ \n', number * 7.0, order(number))
    for encode in (openmetrics.generate_latest, generate_latest):
        assert steady(encode(metrics.registry)) == steady(render(metrics.registry, encode))
    assert b" # {" not in render(metrics.registry)
    lines = [line for line in steady(render(metrics.registry, openmetrics.generate_latest)) if b"desk_sizes" in line]
    families = text_string_to_metric_families("\n".join([*(line.decode() for line in lines), "# EOF", ""]))
    read = [each for family in families for each in family.samples if each.exemplar is not None]
    assert {"desk_sizes_bucket"} == {each.name for each in read}
    assert sorted(["O-0", "O-1", "O-2"] * 2) == sorted(each.exemplar.labels["order_id"] for each in read)


def test_the_value_of_an_exemplar_is_the_amount_of_the_call() -> None:
    """The link of a bucket would show a value of another bucket."""
    metrics = TradingMetrics()
    observe = track(SIZES, desk="d", value=arg("size"), exemplar=arg("order"), metrics=metrics)(
        lambda size, order: None
    )
    observe(5.0, "a")
    found = metrics.instrument(SIZES).exemplars
    assert found is not None
    assert [("10.0", 5.0)] == [(place, each.value) for place, each in found.find(("d",)).items()]


def test_a_series_has_at_most_one_exemplar_a_second(clock: Clock) -> None:
    """A busy bot would read its sources at each call, and Prometheus's buffer would hold a few seconds."""
    metrics = TradingMetrics()
    reads: list[int] = []

    def identifier(call: Any) -> dict[str, str]:
        reads.append(1)
        return {"order_id": call.arguments["order"]}

    hedge = track(HEDGES, desk=arg("desk"), exemplar=identifier, metrics=metrics)(lambda desk, order: None)
    for number in range(5):
        hedge("a", f"O-{number}")
        hedge("b", f"P-{number}")
    assert 2 == len(reads)
    assert {"desk_hedges_total a": {"order_id": "O-0"}, "desk_hedges_total b": {"order_id": "P-0"}} == exemplars(
        metrics.registry
    )
    clock.now += 1.0
    hedge("a", "O-9")
    assert {"order_id": "O-9"} == exemplars(metrics.registry)["desk_hedges_total a"]
    assert 6 == sample(metrics, "desk_hedges_total", desk="a")


def test_a_collapsed_label_value_stands_in_the_exemplar(clock: Clock) -> None:
    """`__other__` would hide which strategies there are, and nothing else would tell."""
    metrics = TradingMetrics(limits=Limits(labels={"desk": 1}))
    hedge = track(HEDGES, desk=arg("desk"), exemplar=arg("order"), metrics=metrics)(lambda desk, order: None)
    hedge("delta", "O-1")
    hedge("gamma", "O-2")
    assert {"order": "O-2", "desk": "gamma"} == exemplars(metrics.registry)["desk_hedges_total __other__"]
    clock.now += 1.0
    hedge("vega", "x" * 120)  # for which there is no place beside the order
    assert {"order": "x" * 120} == exemplars(metrics.registry)["desk_hedges_total __other__"]
    assert {} == errors(metrics)


SOURCES: dict[str, tuple[Any, dict[str, str]]] = {
    "a parameter": (arg("number"), {"number": "7"}),
    "a path": (arg("order.id"), {"order_id": "O-17"}),
    "a path from self": (arg("self.desk.name"), {"desk_name": "delta"}),
    "the result": (result(), {"result": "ok"}),
    "a mapped source": (underlying(arg("order.id")), {"order_id": "O-17"}),
    "a mapping": ({"order_id": arg("order.id"), "desk": "d"}, {"order_id": "O-17", "desk": "d"}),
    "a function that returns a mapping": (lambda call: {"n": call.arguments["number"]}, {"n": "7"}),
    "a function that returns a text": (lambda call: "abc", {"id": "abc"}),
    "several": ((arg("order.id"), {"desk": "d"}, lambda call: {"n": 1}), {"order_id": "O-17", "desk": "d", "n": "1"}),
    "a missing value beside another": ({"a": lambda call: None, "b": "d"}, {"b": "d"}),
}


@pytest.mark.parametrize("name", SOURCES)
def test_an_exemplar_is_read_from_any_source(name: str) -> None:
    """Users would have to change their functions to name the order."""
    source, expected = SOURCES[name]
    metrics = TradingMetrics()

    class Desk:
        desk = SimpleNamespace(name="delta")

        @track(HEDGES, desk="d", exemplar=source, metrics=metrics)
        def hedge(self, order: Any, number: int) -> str:
            return "ok"

    Desk().hedge(order(), 7)
    assert {"desk_hedges_total d": expected} == exemplars(metrics.registry)
    assert {} == errors(metrics)


@pytest.mark.parametrize("source", [lambda call: None, lambda call: {}, error("code"), current_span])
def test_a_call_without_a_value_has_no_exemplar(source: Any) -> None:
    """Each call without an order id would count as an error."""
    metrics = TradingMetrics()
    track(HEDGES, desk="d", exemplar=source, metrics=metrics)(lambda: None)()
    assert ({}, {}, 1) == (exemplars(metrics.registry), errors(metrics), sample(metrics, "desk_hedges_total", desk="d"))


FAULTS: dict[str, tuple[Any, str]] = {
    "a source that raises": (lambda call: 1 / 0, "source"),
    "a place that is not there": (arg("order.nothing"), "source"),
    "more than 128 characters": ({"order_id": arg("order.id"), "note": lambda call: "x" * 118}, "label"),
    "a name that is none": (lambda call: {"order id": 1}, "label"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_failing_exemplar_is_counted_and_costs_no_sample(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """One bad id would lose orders, or make the whole page invalid for Prometheus."""
    source, stage = FAULTS[name]
    metrics = TradingMetrics()

    @track(HEDGES, desk="d", exemplar=source, metrics=metrics)
    def hedge(order: Any) -> None: ...

    hedge(order())
    assert ({}, 1) == (exemplars(metrics.registry), sample(metrics, "desk_hedges_total", desk="d"))
    assert {("hedge", stage): 1} == errors(metrics)


def test_an_exemplar_of_128_characters_is_shown() -> None:
    """A limit that is off by one would lose long ids, or have Prometheus refuse them."""
    metrics = TradingMetrics()
    track(HEDGES, desk="d", exemplar={"order_id": lambda call: "ü" * 120}, metrics=metrics)(lambda: None)()
    assert {"desk_hedges_total d": {"order_id": "ü" * 120}} == exemplars(metrics.registry)


WRONG: dict[str, tuple[Any, str]] = {
    "a text": ("order.id", "write exemplar=arg('order.id')"),
    "a number": (5, "exemplar=5 cannot be a source of an exemplar; write exemplar=arg('order_id')"),
    "arg itself": (arg, "write exemplar=arg('order_id')"),
    "a misspelled parameter": (arg("ordr.id"), "did you mean exemplar=arg('order.id')?"),
    "a misspelled parameter in a mapping": ({"order_id": arg("ordr.id")}, "did you mean order_id=arg('order.id')?"),
    "a constant that is a path": ({"order_id": "order.id"}, "write order_id=arg('order.id')"),
    "a label with a space": ({"order id": arg("order.id")}, "e.g. exemplar={'order_id': arg('order.id')}"),
    "a label twice": ([{"a": arg("order")}, {"a": arg("order.id")}], "write {'a': …} once"),
    "nothing": ((), "write exemplar=arg('order_id'), exemplar={'order_id': arg('order.id')} or a function of the Call"),
    "a list in a list": ([[arg("order")]], "write one list"),
    "a function of nothing": (lambda: 1, "exemplar=lambda call: call.arguments['parameter']"),
    "a class": (str, "write exemplar=arg('order_id')"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_exemplar_fails_when_decorating(name: str) -> None:
    """A typo would show weeks later, as a chart without links."""
    wrong, cure = WRONG[name]

    def place(order: Any) -> None: ...

    with pytest.raises(LabelSourceError) as caught:
        track_order(strategy="s", exemplar=wrong)(place)
    assert "@track_order on" in str(caught.value)
    assert "place: " in str(caught.value)
    assert cure in str(caught.value)


def test_a_gauge_takes_no_exemplar() -> None:
    """OpenMetrics has no place for it, and the user would look for it in vain."""
    with pytest.raises(LabelSourceError, match="only counters and histograms have exemplars; leave exemplar= out"):
        track(LEVEL, value=1, exemplar=arg("order"))(lambda order: None)


DECORATORS: dict[str, Callable[[TradingMetrics], Any]] = {
    "track_order": lambda metrics: track_order(strategy="s", exemplar=arg("order.id"), metrics=metrics),
    "track_trade": lambda metrics: track_trade(strategy="s", exemplar=arg("order.id"), metrics=metrics),
    "track_request": lambda metrics: track_request(endpoint="/orders", exemplar=arg("order.id"), metrics=metrics),
    "track_market_data": lambda metrics: track_market_data(symbol="X", exemplar=arg("order.id"), metrics=metrics),
    "track_prediction": lambda metrics: track_prediction(model="m", exemplar=arg("order.id"), metrics=metrics),
    "track_training": lambda metrics: track_training(model="m", exemplar=arg("order.id"), metrics=metrics),
    "track_risk_check": lambda metrics: track_risk_check(limit_type="size", exemplar=arg("order.id"), metrics=metrics),
    "track_circuit_breaker": lambda metrics: track_circuit_breaker(
        reason="loss", exemplar=arg("order.id"), metrics=metrics
    ),
    "track": lambda metrics: track(HEDGES, desk="d", exemplar=arg("order.id"), metrics=metrics),
}


@pytest.mark.parametrize("name", DECORATORS)
def test_each_decorator_of_counters_and_histograms_takes_an_exemplar(name: str) -> None:
    """A user would find it on one decorator and miss it on the next."""
    metrics = TradingMetrics()

    @DECORATORS[name](metrics)
    def function(order: Any) -> Any:
        if name == "track_risk_check":
            return False
        return 1.0

    function(order())
    found = exemplars(metrics.registry)
    assert found
    assert all({"order_id": "O-17"} == each for each in found.values())
    assert {} == errors(metrics)


def test_errors_have_an_exemplar_too_and_a_block_says_that_it_has_none() -> None:
    """The order that failed would have to be found in the log by its time."""
    metrics = TradingMetrics()

    @track_errors(component="desk", exemplar=(arg("order.id"), {"code": error("args.0")}), metrics=metrics)
    def fail(order: Any) -> None:
        raise ValueError("E7")

    with pytest.raises(ValueError, match="E7"):
        fail(order())
    assert [{"order_id": "O-17", "code": "E7"}] == list(exemplars(metrics.registry).values())
    with pytest.raises(ValueError, match="E8"), track_errors(component="b", exemplar=current_span, metrics=metrics):
        raise ValueError("E8")
    assert {("track_errors", "source"): 1} == errors(metrics)


def test_a_coroutine_has_the_exemplar_of_its_own_call() -> None:
    """The id of another order that was sent meanwhile would be shown."""
    metrics = TradingMetrics()

    @track(SIZES, desk=arg("desk"), value=1, exemplar=arg("order"), metrics=metrics)
    async def send(desk: str, order: str) -> None:
        await asyncio.sleep(0)

    async def both() -> None:
        await asyncio.gather(send("a", "O-1"), send("b", "O-2"))

    asyncio.run(both())
    assert {"desk_sizes_bucket a 1.0": {"order": "O-1"}, "desk_sizes_bucket b 1.0": {"order": "O-2"}} == exemplars(
        metrics.registry
    )


def test_a_removed_series_takes_its_exemplar_along() -> None:
    """Exemplars of series that are gone would stay in memory, and come back with another series of that name."""
    metrics = TradingMetrics()
    hedge = track(HEDGES, desk=arg("desk"), exemplar=arg("order"), metrics=metrics)(lambda desk, order: None)
    hedge("delta", "O-1")
    instrument = metrics.instrument(HEDGES)
    instrument._remove([("delta",)], "expired")
    assert instrument.exemplars is not None
    assert {} == instrument.exemplars.find(("delta",))
    hedge("delta", "O-2")
    assert {"desk_hedges_total delta": {"order": "O-2"}} == exemplars(metrics.registry)


def test_with_several_processes_there_are_no_exemplars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source would be read at each call for nothing: prometheus_client's files have no place for exemplars."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    metrics = TradingMetrics()
    read: list[Any] = []
    track(HEDGES, desk="d", exemplar=read.append, metrics=metrics)(lambda: None)()
    assert ([], {}) == (read, errors(metrics))


def test_without_an_exemplar_a_sample_has_none() -> None:
    """A page would say that there is a link where there is none."""
    metrics = TradingMetrics()
    track(HEDGES, desk="d", metrics=metrics)(lambda: None)()
    assert {} == exemplars(metrics.registry)
    assert all(each.exemplar is None for family in metrics.registry.collect() for each in family.samples)


def test_the_current_span_of_opentelemetry_is_an_exemplar() -> None:
    """A slow order could not be opened in the tracing backend."""
    pytest.importorskip("opentelemetry.sdk.trace", reason="the OpenTelemetry SDK is not installed")
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

    metrics = TradingMetrics()
    hedge = track(HEDGES, desk=arg("desk"), exemplar=(arg("order"), current_span), metrics=metrics)(
        lambda desk, order: None
    )
    with TracerProvider().get_tracer("test").start_as_current_span("rebalance") as span:
        hedge("sampled", "O-1")
    with TracerProvider(sampler=ALWAYS_OFF).get_tracer("test").start_as_current_span("rebalance"):
        hedge("not sampled", "O-2")
    hedge("no span", "O-3")
    context = span.get_span_context()
    assert {
        "desk_hedges_total sampled": {
            "order": "O-1",
            "trace_id": format(context.trace_id, "032x"),
            "span_id": format(context.span_id, "016x"),
        },
        "desk_hedges_total not sampled": {"order": "O-2"},
        "desk_hedges_total no span": {"order": "O-3"},
    } == exemplars(metrics.registry)
    assert {} == errors(metrics)


def test_an_exemplar_has_the_time_of_its_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grafana would draw the point at the time of the scrape."""
    monkeypatch.setattr("tradmetrics.capture.call_context.time", lambda: 1_700_000_000.1234)
    metrics = TradingMetrics()
    track(HEDGES, desk="d", exemplar=arg("order"), metrics=metrics)(lambda order: None)("O-1")
    (found,) = [each.exemplar for family in metrics.registry.collect() for each in family.samples if each.exemplar]
    assert Exemplar({"order": "O-1"}, 1.0, 1_700_000_000.123) == found
