"""Never hurts the caller: every hook of the instrumentation raises in turn, on every shell and every timer."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from tests.callable_cases import DECORATORS, OWN, LimitReached
from tests.callable_kinds import KINDS, Body
from tests.recorded import errors, raising, recorded, sample
from tradmetrics import (
    LabelSourceError,
    MetricDefinition,
    MetricsExporter,
    StrategyStats,
    TradingMetrics,
    arg,
    catalogue,
    configure,
    error,
    fill_timer,
    get_metrics,
    request_timer,
    result,
    track,
    track_capital,
    track_connection,
    track_errors,
    track_market_data,
    track_order,
    track_positions,
    track_request,
    track_trade,
    track_training,
    training_timer,
)
from tradmetrics.errors import SHELL_FILE
from tradmetrics.registry.errors_log import FaultLog
from tradmetrics.registry.instrument import Instrument
from tradmetrics.registry.metrics import NO_METRICS

BROKEN = RuntimeError("broken")
SHELLS = (
    "function",
    "method",
    "classmethod above",
    "partial",
    "callable object",
    "cached method",
    "coroutine function",
    "async method",
    "generator",
    "async generator",
    "function returning a coroutine",
    "function returning a task",
)


@pytest.fixture
def metrics() -> TradingMetrics:
    """A metrics object of the test's own."""
    return TradingMetrics()


def hostile(*hooks: str, **attributes: Any) -> Any:
    """An object of which these special methods or attributes raise."""

    def raise_(*_: object, **__: object) -> Any:
        raise BROKEN

    methods: dict[str, Any] = {name: property(raise_) if name == "__class__" else raise_ for name in hooks}
    methods.setdefault("__str__", lambda self: "hostile")
    return type("Hostile", (), {"__hash__": object.__hash__, **methods, **attributes})()


# ── labels and values that raise ─────────────────────────────────────────────────────────────────────────────────

WHAT = MetricDefinition("what_total", "counter", "Calls by what was read.", ("what",))


@dataclass
class Fault:
    """One hook that raises.

    Attributes:
        decorator: Makes the decorator whose hook it is.
        stage: Where it is counted; None where it does no harm at all.
        answer: What the decorated function answers.
        exception: What it raises instead.
        once: How often it is counted for each call.
        patch: What is replaced for it.
    """

    decorator: Callable[[TradingMetrics], Any]
    stage: str | None
    answer: Any = None
    exception: BaseException | None = None
    once: int = 1
    patch: dict[str, Any] = field(default_factory=dict)

    @property
    def in_the_answer(self) -> bool:
        """Whether the hook lies in what the function answers."""
        return self.answer is not None


def watch(what: Any, on: Any = "finished") -> Callable[[TradingMetrics], Any]:
    """A decorator with one label."""
    return lambda metrics: track(WHAT, what=what, on=on, metrics=metrics)


def reading(value: Any) -> Callable[[TradingMetrics], Any]:
    """A decorator whose label is `value`."""
    return watch(lambda call: value)


def order(**sources: Any) -> Callable[[TradingMetrics], Any]:
    """`track_order` with some sources replaced."""
    given: dict[str, Any] = {"strategy": "s", "side": "BUY", "order_type": "LIMIT", **sources}
    return lambda metrics: track_order(metrics=metrics, **given)


def counted(name: str) -> Callable[[TradingMetrics], Any]:
    """A decorator of the callable matrix."""
    return DECORATORS[name].decorator


class Coded(LimitReached):
    """An exception that will not say its code."""

    @property
    def code(self) -> str:
        raise BROKEN

    status_code = code


HIDDEN = hostile("__getattr__")
OPAQUE = hostile("__getattribute__")
FAULTS: dict[str, Fault] = {
    # Sources.
    "arg of an attribute": Fault(watch(arg("side.name")), "source"),
    "result of an attribute": Fault(watch(result("status")), "source", answer=OPAQUE),
    "result of a hidden attribute": Fault(watch(result("status")), "source", answer=HIDDEN),
    "error of an attribute": Fault(watch(error("code"), "raised"), "source", exception=Coded()),
    "function of the call": Fault(watch(raising(BROKEN)), "source"),
    "function that raises the call's own exception": Fault(
        watch(lambda call: (_ for _ in ()).throw(call.exception), "raised"), "source", exception=LimitReached()
    ),
    "builtin that takes no call": Fault(watch(max), "source"),  # and does not say so when it is asked
    "answer that is looked through": Fault(order(), "source", answer=OPAQUE),
    "quantities of the answer": Fault(order(status="filled", fill_time=1), "source", answer=OPAQUE),
    "status of the exception": Fault(counted("track_request"), "source", exception=Coded()),
    # Texts.
    "__str__": Fault(reading(hostile("__str__")), "label"),
    "__str__ that gives no text": Fault(reading(hostile(__str__=lambda self: 5)), "label"),
    "__class__": Fault(reading(hostile("__class__")), "label"),
    "__getattribute__": Fault(reading(OPAQUE), "label"),
    "__str__ of a side": Fault(order(side=lambda call: hostile("__str__", "__repr__")), "label"),
    "__hash__": Fault(reading(hostile("__hash__")), None),
    "__eq__": Fault(reading(hostile("__eq__", "__ne__", "__lt__")), None),
    "__bool__ and __len__": Fault(reading(hostile("__bool__", "__len__")), None),
    "__getattr__": Fault(reading(HIDDEN), None),
    "__bool__ of the answer": Fault(counted("track_risk_check"), None, answer=hostile("__bool__", "__eq__")),
    # The normaliser.
    "normaliser of the side": Fault(
        order(side="buy"), "vocabulary", patch={"tradmetrics.registry.label_values._FOLDS": {"side": raising(BROKEN)}}
    ),
    "normaliser of the status": Fault(
        order(status="filled"), "vocabulary", patch={"tradmetrics.vocabulary.fold.order_status": raising(BROKEN)}
    ),
    "__repr__ of a status": Fault(order(status=lambda call: hostile("__repr__", "__str__")), "vocabulary"),
    "__repr__ of a side": Fault(order(side=lambda call: hostile("__repr__")), "vocabulary"),
    # Values.
    "__float__": Fault(order(status="filled", fill_time=lambda call: hostile("__float__")), "value"),
    "__float__ of a profit": Fault(counted("track_trade"), "value", answer={"pnl": hostile("__float__")}),
    "__float__ of a gauge": Fault(counted("track_capital"), "value", answer={"used": hostile("__float__")}),
    "__bool__ of a gauge": Fault(counted("track_market"), "value", answer={"session_open": hostile("__bool__")}),
    # The clocks.
    "clock at the beginning": Fault(counted("fill_timer"), "clock"),
    "clock at the end": Fault(counted("fill_timer"), "clock"),
    "clock of an order": Fault(order(status="filled"), "clock"),
    "clock of a connection": Fault(counted("track_connection"), "clock"),
    "time of day of a training": Fault(
        counted("track_training"), "clock", patch={"tradmetrics.capture.call_context.time": raising(BROKEN)}
    ),
    "time of day of market data": Fault(
        lambda metrics: track_market_data(symbol="NIFTY", timestamp=1, metrics=metrics),
        "clock",
        patch={"tradmetrics.capture.call_context.time": raising(BROKEN)},
    ),
    "time of an arrival": Fault(
        counted("track_market_data"), "record", patch={"tradmetrics.record.arrival.monotonic": raising(BROKEN)}
    ),
    # The rest of a recipe.
    "position that cannot be read": Fault(counted("track_positions"), "source", answer=[OPAQUE], once=3),
    "snapshot that cannot be read": Fault(counted("track_capital"), "source", answer=OPAQUE, once=6),
    "iteration of positions": Fault(counted("track_positions"), "value", answer=hostile("__iter__")),
}


def broken_clock(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let the clock of the shells fail, at the beginning or at the end of each call."""
    ends = name != "clock at the beginning"
    readings = iter(range(10_000))

    def clock() -> float:
        reading = next(readings)
        if (reading % 2 == 1) if ends else True:
            raise BROKEN
        return float(reading)

    monkeypatch.setattr("tradmetrics.capture.call_site.perf_counter", clock)


# Where the hook lies in the answer, a generator has none, or the decorator is refused on it.
CELLS = [
    (name, of) for name, fault in FAULTS.items() for of in SHELLS if not (fault.in_the_answer and "generator" in of)
]


@pytest.mark.parametrize(("name", "of"), CELLS)
def test_a_hook_that_raises_is_counted_and_the_call_goes_on(
    metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, of: str
) -> None:
    """Monitoring would stop an order, run it twice, or change what came of it."""
    fault = FAULTS[name]
    for target, replacement in fault.patch.items():
        monkeypatch.setattr(target, replacement)
    if name.startswith("clock"):
        broken_clock(monkeypatch, name)
    body = Body(fault.answer if fault.exception is None else fault.exception)
    made = KINDS[of](fault.decorator(metrics), body)
    side = hostile("__getattribute__") if name == "arg of an attribute" else "BUY"
    for number in range(1, 4):
        if fault.exception is None:
            answer = made.result(made.decorated(side))
            assert (body.answer if made.has_result else None) is answer
        else:
            with pytest.raises(type(fault.exception)) as caught:
                made.result(made.decorated(side))
            assert fault.exception is caught.value
            assert (None, None) == (caught.value.__context__, caught.value.__cause__)
        assert [(*made.first, side, False)] * number == body.calls
        stages = [stage for stage, count in by_stage(metrics).items() for _ in range(int(count))]
        assert [fault.stage] * number * fault.once == stages if fault.stage else [] == stages
    sites = {site for site, _ in errors(metrics)}
    assert all("place" in site or "Place" in site or "lambda" in site for site in sites), sites
    said = [record.getMessage() for record in caplog.records]
    assert bool(fault.stage) == bool(said)
    for text in said:
        what = rf"a metric was not .* \(stage: {fault.stage}\): [A-Z]\w+: \S"
        if name.startswith("__repr__ of"):  # a line for each word, with what to write
            advice = r"(register_spellings\(|a source of the word)"
            what = rf"s\w+=\S+ is not a known .*{advice}.* in tradmetrics_instrumentation_errors_total\.$"
        assert re.match(rf"tests\.callable_kinds\.\S+: {what}", text)
        assert "NoneType" not in text


def by_stage(metrics: TradingMetrics) -> dict[str, float]:
    """Instrumentation errors by stage."""
    stages: dict[str, float] = {}
    for (_, stage), count in errors(metrics).items():
        stages[stage] = stages.get(stage, 0) + count
    return stages


@pytest.mark.parametrize("of", SHELLS)
def test_a_connection_is_counted_although_the_clock_fails(
    metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    """What needs no clock would be lost with it."""
    monkeypatch.setattr("tradmetrics.capture.call_site.perf_counter", raising(BROKEN))
    open_connections: list[float | None] = []

    class Look(Body):
        def __call__(self, *args: Any) -> Any:
            open_connections.append(sample(metrics, "trading_websocket_connections"))
            return super().__call__(*args)

    made = KINDS[of](track_connection(metrics=metrics), Look("done"))
    made.result(made.decorated("BUY"))
    assert [1] == open_connections
    assert 0 == sample(metrics, "trading_websocket_connections")


# ── the registry and the storage ─────────────────────────────────────────────────────────────────────────────────


def break_registry(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let a part of the registry fail for all metrics but the one that counts it."""
    original = getattr(Instrument, name)

    def broken(self: Instrument, *args: Any, **kwargs: Any) -> Any:
        if self.definition is catalogue.INSTRUMENTATION_ERRORS:
            return original(self, *args, **kwargs)
        raise BROKEN

    monkeypatch.setattr(Instrument, name, broken)


class BrokenSeries:
    """A series that takes nothing."""

    text = None

    def __getattr__(self, name: str) -> Any:
        raise BROKEN

    def samples(self) -> Any:
        return iter(())

    def value(self) -> float:
        return 0.0


def break_storage(metrics: TradingMetrics) -> None:
    """Let every series that is made from now on fail, but those of the metric that counts it."""
    for definition in (*catalogue.CATALOGUE, OWN, WHAT):
        if definition is not catalogue.INSTRUMENTATION_ERRORS:
            metrics.instrument(definition)._create = lambda labels: BrokenSeries()


@pytest.mark.parametrize("of", SHELLS)
@pytest.mark.parametrize("name", DECORATORS)
@pytest.mark.parametrize("part", ["resolve", "storage"])
def test_a_registry_or_a_storage_that_fails_is_counted_and_the_call_goes_on(
    metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch, part: str, name: str, of: str
) -> None:
    """A bug of ours, or a full disk beneath several processes, would stop an order."""
    if part == "resolve":
        break_registry(monkeypatch, "resolve")
    else:
        break_storage(metrics)
    case = DECORATORS[name]
    exception = LimitReached()
    for answer in (case.answer, exception):
        body = Body(answer)
        if case.needs_result and "generator" in of:
            continue
        made = KINDS[of](case.decorator(metrics), body)
        for number in range(1, 3):
            if answer is exception:
                with pytest.raises(LimitReached) as caught:
                    made.result(made.decorated("BUY"))
                assert (exception, None) == (caught.value, exception.__context__)
            else:
                expected = case.answer if made.has_result else None
                assert expected is made.result(made.decorated("BUY"))
            assert [(*made.first, "BUY", False)] * number == body.calls
    assert {"record"} >= set(by_stage(metrics))
    recorded_something = case.returned if made_result(of) else case.nothing
    if recorded_something and not (case.needs_result and "generator" in of):
        assert by_stage(metrics)


def made_result(of: str) -> bool:
    """Whether calls of this kind have a result."""
    return not of.startswith("async generator")


@pytest.mark.parametrize("name", DECORATORS)
def test_one_metric_that_fails_does_not_take_the_others_with_it(metrics: TradingMetrics, name: str) -> None:
    """A broken fill-time histogram would hide the fills."""
    case = DECORATORS[name]
    names = [key.split()[0].removesuffix("_count") for key in case.returned]
    for broken in dict.fromkeys(names):
        metrics = TradingMetrics()
        metrics.instrument(catalogue.BY_NAME.get(broken, OWN))._create = lambda labels: BrokenSeries()  # type: ignore[assignment,return-value]
        KINDS["function"](case.decorator(metrics), Body(case.answer)).decorated("BUY")
        alive = {key for key in recorded(metrics) if not key.startswith("tradmetrics_")}
        expected = {key for key in case.returned if not key.startswith(broken)}
        assert expected == {key for key in alive if not key.startswith(broken)} or len(set(names)) == 1


@pytest.mark.parametrize("of", SHELLS)
def test_where_no_metrics_object_can_be_built_calls_go_on(monkeypatch: pytest.MonkeyPatch, of: str) -> None:
    """The process's first order would fail because of its metrics."""
    monkeypatch.setattr(CollectorRegistry, "register", raising(BROKEN))
    body = Body("done")
    for decorator in (track(OWN), fill_timer("s"), track_errors(component="c"), track_connection()):
        made = KINDS[of](decorator, body)
        assert made.result(made.decorated("BUY")) in ("done", None)
    assert 4 == len(body.calls)
    with fill_timer("s"), request_timer("/x"), training_timer(), track_connection(), track_errors(component="c"):
        pass
    MetricsExporter().record_order("s", "BUY", "LIMIT", "submitted")
    MetricsExporter().update_position_metrics([])


def why(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log says of each error: where, at what stage, and what it was."""
    return [record.getMessage().partition(". The call ")[0] for record in caplog.records]


def test_where_no_metrics_object_can_be_built_the_log_says_where_and_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bot would run for days without a metric, and nobody would learn the reason."""
    monkeypatch.setattr(NO_METRICS, "_faults", FaultLog())
    monkeypatch.setattr(CollectorRegistry, "register", raising(BROKEN))

    def place() -> None:
        pass

    def listen() -> None:
        pass

    track(OWN)(place)()
    track_connection()(listen)()
    with fill_timer("s"), track_connection():
        pass
    with pytest.raises(LimitReached), track_errors(component="c"):
        raise LimitReached
    MetricsExporter().update_drawdown(3)
    here = f"{__name__}.{place.__qualname__.rpartition('.')[0]}"
    assert [
        f"{site}: a metric was not recorded as meant (stage: record): RuntimeError: broken"
        for site in (
            f"{here}.place",
            f"{here}.listen",
            "tradmetrics.track_connection",
            "tradmetrics.fill_timer",
            "tradmetrics.track_errors",
            "tradmetrics.record.exporter.MetricsExporter.update_drawdown",
        )
    ] == why(caplog)


def test_a_clock_that_fails_before_there_is_a_metrics_object_is_counted_in_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The very first call's missing duration would be counted nowhere."""
    monkeypatch.setattr("tradmetrics.capture.call_site.perf_counter", raising(BROKEN))

    def place() -> None:
        pass

    fill_timer("s")(place)()
    assert {("place", "clock"): 1} == errors(get_metrics())
    where = f"{__name__}.{place.__qualname__}"
    assert [f"{where}: a metric was not recorded as meant (stage: clock): RuntimeError: broken"] == why(caplog)


def test_an_outcome_that_cannot_be_told_costs_the_outcome_alone(
    metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An order whose end we fail to understand would not even be counted as sent."""
    monkeypatch.setattr("tradmetrics.vocabulary.outcomes.reason_of", raising(BROKEN))
    monkeypatch.setattr("tradmetrics.decorators.orders._is_negative", raising(BROKEN))

    def place(fails: bool) -> dict[str, str]:
        if fails:
            raise LimitReached
        return {"status": "filled"}

    placed = track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=metrics)(place)
    assert {"status": "filled"} == placed(False)
    with pytest.raises(LimitReached):
        placed(True)
    orders = {name: value for name, value in recorded(metrics).items() if name.startswith("trading_")}
    assert {"trading_orders_submitted_total s BUY LIMIT": 2} == orders
    assert {("place", "source"): 2} == errors(metrics)
    where = f"{__name__}.{place.__qualname__}"
    assert [f"{where}: a metric was not recorded as meant (stage: source): RuntimeError: broken"] == why(caplog)


def test_a_clock_that_fails_later_is_counted_as_such(metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that is remembered would be counted as an error of ours where only its duration is missing."""
    fails = [False]

    def clock() -> float:
        if fails[0]:
            raise BROKEN
        return 1.0

    def work(broken: bool) -> None:
        fails[0] = broken

    monkeypatch.setattr("tradmetrics.capture.call_site.perf_counter", clock)
    timed = fill_timer("s", metrics=metrics)(work)
    for broken in (False, False, True, False):
        timed(broken)
        fails[0] = False
    assert {("work", "clock"): 1} == errors(metrics)
    assert 3 == sample(metrics, "trading_order_fill_time_seconds_count", strategy="s")


def test_where_neither_clock_nor_metrics_object_can_be_had_the_call_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Two faults at once would do what one does not: stop the order."""
    monkeypatch.setattr(NO_METRICS, "_faults", FaultLog())
    monkeypatch.setattr(CollectorRegistry, "register", raising(BROKEN))
    monkeypatch.setattr("tradmetrics.capture.call_site.perf_counter", raising(OSError("no clock")))

    def place(what: str) -> str:
        return what

    assert "a" == fill_timer("s")(place)("a")
    where = f"{__name__}.{place.__qualname__}"
    assert [f"{where}: a metric was not recorded as meant (stage: record): RuntimeError: broken"] == why(caplog)


@pytest.mark.parametrize("of", SHELLS)
def test_a_logger_that_fails_costs_no_count(metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch, of: str) -> None:
    """A full disk would hide the errors, or stop the trading."""
    monkeypatch.setattr("tradmetrics.registry.errors_log.logger.warning", raising(OSError("disk full")))
    body = Body("done")
    made = KINDS[of](watch(raising(BROKEN))(metrics), body)
    made.result(made.decorated("BUY"))
    assert {"source": 1} == by_stage(metrics)
    assert 1 == sample(metrics, "what_total", what="unknown")
    assert 1 == len(body.calls)


def test_a_logger_that_fails_at_an_overflow_costs_no_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first order of a strategy too many would go uncounted."""
    monkeypatch.setattr("tradmetrics.registry.errors_log.logger.warning", raising(OSError("disk full")))
    metrics = TradingMetrics(limits={"what": 1})
    watched = track(WHAT, metrics=metrics)(lambda what: what)
    assert ["a", "b", "c"] == [watched(what) for what in "abc"]
    assert (1, 2) == (sample(metrics, "what_total", what="a"), sample(metrics, "what_total", what="__other__"))


# ── timers, context managers, explicit calls ─────────────────────────────────────────────────────────────────────

BLOCKS: dict[str, Callable[[TradingMetrics], Any]] = {
    "fill_timer": lambda metrics: fill_timer("s", metrics=metrics),
    "training_timer": lambda metrics: training_timer("m", metrics=metrics),
    "request_timer": lambda metrics: request_timer("/x", metrics=metrics),
    "track_connection": lambda metrics: track_connection(metrics=metrics),
    "track_errors": lambda metrics: track_errors(component="c", metrics=metrics),
}


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("part", ["resolve", "storage", "label"])
@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_is_left_as_it_would_be_whatever_fails(
    metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch, name: str, part: str, fails: bool
) -> None:
    """Waiting for a fill would end in an exception of the metrics, or lose its own."""
    make = BLOCKS[name]
    if part == "resolve":
        break_registry(monkeypatch, "resolve")
    elif part == "storage":
        break_storage(metrics)
    else:
        bad: Any = hostile("__str__")
        make = {
            "fill_timer": lambda metrics: fill_timer(bad, metrics=metrics),
            "training_timer": lambda metrics: training_timer(bad, metrics=metrics),
            "request_timer": lambda metrics: request_timer(bad, bad, metrics=metrics),
            "track_errors": lambda metrics: track_errors(component=bad, severity=bad, metrics=metrics),
        }.get(name, make)
    exception = LimitReached()
    for _ in range(2):
        entered: list[Any] = []
        try:
            with make(metrics) as block:
                entered.append(block)
                if name == "training_timer":
                    block.accuracy = 0.5
                if fails:
                    raise exception
        except LimitReached as caught:
            assert fails
            assert (exception, None) == (caught, caught.__context__)  # noqa: PT017
        assert 1 == len(entered)
    records = {"fill_timer": not fails, "training_timer": not fails, "track_errors": fails}.get(name, True)
    if name != "track_connection" or part != "label":
        assert bool(errors(metrics)) == records
    assert {name} >= {site for site, _ in errors(metrics)}


def test_a_failed_opening_is_not_closed(metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of connections would fall below zero."""
    with monkeypatch.context() as patch:
        break_registry(patch, "resolve")
        block = track_connection(metrics=metrics)
        block.__enter__()
    block.__exit__(None, None, None)
    with track_connection(metrics=metrics):
        assert 1 == sample(metrics, "trading_websocket_connections")
    assert 0 == sample(metrics, "trading_websocket_connections")


@pytest.mark.parametrize("part", ["resolve", "storage"])
def test_explicit_calls_do_not_raise_whatever_fails(
    metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """The guide's loop would end at the first failure."""
    break_storage(metrics) if part == "storage" else break_registry(monkeypatch, "resolve")
    exporter = MetricsExporter(metrics)
    exporter.record_trade("s", "BUY", "executed", 5)
    exporter.record_order("s", "BUY", "LIMIT", "filled", 1)
    exporter.record_market_data_update("NIFTY", 1)
    exporter.record_ml_training(1, "m", 0.5)
    exporter.record_api_request("/x", "GET", 200, 1)
    exporter.update_position_metrics([{"strategy": "s", "unrealized_pnl": 1}])
    exporter.update_market_metrics(14, "calm")
    exporter.update_pnl_metrics(1)
    sites = {site for site, _ in errors(metrics)}
    assert {
        "record_trade", "record_order", "record_market_data_update", "record_ml_training", "record_api_request",
        "update_position_metrics", "update_market_metrics", "update_pnl_metrics",
    } == sites  # fmt: skip


def test_statistics_that_fail_do_not_cost_the_trade(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opt-in figures would put the trades themselves at risk."""
    stats = StrategyStats()
    metrics = TradingMetrics(strategy_stats=stats)
    monkeypatch.setattr(stats, "_clock", raising(BROKEN))
    track_trade(strategy="s", side="BUY", pnl=5, metrics=metrics)(lambda: None)()
    MetricsExporter(metrics).record_trade("s", "BUY", "executed", 5)
    assert 2 == sample(metrics, "trading_trades_total", strategy="s", side="BUY", status="executed")
    assert 10 == sample(metrics, "trading_profit_total", strategy="s")
    assert {"<lambda>", "record_trade"} <= {site for site, _ in errors(metrics)}


# ── what the caller could notice in other ways ───────────────────────────────────────────────────────────────────


def test_a_source_that_raises_the_exception_anew_leaves_no_trace_in_it(metrics: TradingMetrics) -> None:
    """The traceback that the bot logs would lead into its metrics."""

    def again(call: Any) -> Any:
        try:
            raise KeyError("context")
        except KeyError as cause:
            raise call.exception from cause

    def fail() -> None:
        raise LimitReached

    plain: list[Any] = []
    for function in (fail, track(WHAT, what=again, metrics=metrics)(fail)):
        try:
            function()
        except LimitReached as caught:
            frames, traceback = [], caught.__traceback__
            while traceback is not None:
                if traceback.tb_frame.f_code.co_filename != SHELL_FILE:
                    frames.append(traceback.tb_frame.f_code.co_name)
                traceback = traceback.tb_next
            plain.append(
                (
                    frames,
                    caught.__context__,
                    caught.__cause__,
                    caught.__suppress_context__,
                )
            )
    assert plain[0] == plain[1]
    assert {"source": 1} == by_stage(metrics)


def test_a_frozen_exception_passes_through(metrics: TradingMetrics) -> None:
    """Exceptions whose attributes cannot be set would be replaced by another one."""

    @dataclass(frozen=True)
    class Frozen(Exception):  # noqa: N818
        code: int

    exception = Frozen(5)
    with pytest.raises(Frozen) as caught:
        track_order(strategy="s", reason=error("code"), metrics=metrics)(raising(exception))()
    assert exception is caught.value
    assert 1 == sample(metrics, "trading_orders_rejected_total", strategy="s", reason="5")


DEEP = """
import sys
from tradmetrics import *

ran, returned = [], []
what = MetricDefinition("what_total", "counter", "Calls.", ("what",))
metrics = TradingMetrics()


@track(what, what=lambda call: call.arguments["depth"].bit_length(), metrics=metrics)
def leaf(depth):
    ran.append(depth)
    return "done"


@track_connection(metrics=metrics)
def connected(depth):
    ran.append(-depth)
    return "done"


def descend(levels, function, depth):
    return function(depth) if levels == 0 else descend(levels - 1, function, depth)


for function, sign in ((leaf, 1), (connected, -1)):
    for depth in range(sys.getrecursionlimit() - 80, sys.getrecursionlimit() + 5):
        try:
            if descend(depth, function, depth) == "done":
                returned.append(sign * depth)
        except RecursionError:
            pass
assert ran == returned, (ran, returned)
assert 20 < len(ran) < 170, len(ran)  # and the last ones did not fit
print("done")
"""


def test_near_the_end_of_the_stack_a_call_that_went_well_stays_well(
    unmeasured_environment: dict[str, str], tmp_path: Path
) -> None:
    """A deep recursion that just fits would fail in its metrics, after its work was done."""
    answer = subprocess.run(
        [sys.executable, "-c", DEEP],
        env=unmeasured_environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ("done\n", 0) == (answer.stdout, answer.returncode), answer.stderr[-2_000:]


def test_the_recursion_of_a_decorated_function_ends_as_it_would(metrics: TradingMetrics) -> None:
    """Python's own limit would be reported as something else."""

    @track_order(strategy="s", metrics=metrics)
    def again() -> None:
        again()

    with pytest.raises(RecursionError):
        again()


def test_no_lock_is_held_while_user_code_runs(metrics: TradingMetrics) -> None:
    """A label whose text needs another thread's work would stop both for ever."""

    class Slow:
        def __str__(self) -> str:
            return work(scrapes=True)

    def work(scrapes: bool) -> str:
        done = threading.Event()

        def record() -> None:
            track(WHAT, what="from another thread", metrics=metrics)(lambda: None)()
            if scrapes:
                metrics.registry.get_sample_value("what_total", {"what": "x"})
            done.set()

        threading.Thread(target=record, daemon=True).start()
        return "in time" if done.wait(10) else "too late"

    track(WHAT, metrics=metrics)(lambda what: None)(Slow())
    gauge = MetricDefinition("depth", "gauge", "Depth.", ("venue",), at_scrape=True)
    metrics.at_scrape(gauge, lambda: {(work(scrapes=False),): 1.0})
    assert 1 == sample(metrics, "what_total", what="in time")
    assert 1 == sample(metrics, "depth", venue="in time")


def test_a_source_may_itself_call_what_is_decorated(metrics: TradingMetrics) -> None:
    """A label that is looked up by a decorated function would upset the call that it belongs to."""
    inner = track(WHAT, what="inner", metrics=metrics)(lambda: "outer")
    outer = track(WHAT, what=lambda call: inner(), metrics=metrics)(lambda: "answer")
    assert ["answer"] * 3 == [outer() for _ in range(3)]
    assert (3, 3) == (sample(metrics, "what_total", what="inner"), sample(metrics, "what_total", what="outer"))


def test_an_interruption_while_recording_is_not_swallowed(metrics: TradingMetrics) -> None:
    """Ctrl-C would be lost in the moment that a label is read."""
    with pytest.raises(KeyboardInterrupt):
        watch(raising(KeyboardInterrupt()))(metrics)(lambda: None)()


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), asyncio.CancelledError()])
def test_what_a_label_raises_never_replaces_a_result(metrics: TradingMetrics, error: BaseException) -> None:
    """The order is at the broker, and the bot would take it for failed, or end."""
    assert "answer" == track(WHAT, what=raising(error), metrics=metrics)(lambda: "answer")()
    assert {"source": 1} == by_stage(metrics)


# ── drawn at random ──────────────────────────────────────────────────────────────────────────────────────────────

HOOKS = ("__str__", "__repr__", "__hash__", "__eq__", "__bool__", "__len__", "__float__", "__iter__", "__getattr__",
         "__getattribute__", "__class__", "__getitem__", "__contains__", "__index__", "__format__")  # fmt: skip

hostiles = st.sets(st.sampled_from(HOOKS), max_size=5).map(lambda hooks: hostile(*hooks))
things = st.one_of(
    hostiles,
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["BUY", "sell", "LIMIT", "filled", "rejected", "cancelled", "expired", b"x", object()]),
)
trees = st.recursive(
    things,
    lambda children: st.one_of(
        st.lists(children, max_size=3),
        st.dictionaries(st.sampled_from(["status", "side", "pnl", "reason", "strategy", "x"]), children, max_size=4),
        st.dictionaries(st.sampled_from(["status", "pnl", "fill_time", "x"]), children).map(
            lambda values: SimpleNamespace(**values)
        ),
    ),
    max_leaves=6,
)
sources = st.one_of(
    st.none(),
    st.sampled_from(["constant", "", arg("order"), arg("order.x"), arg("args"), arg("args.0.x"), arg("kwargs.side"),
                     result(), result("status"), result("x.0"), error(), error("code")]),
    things.map(lambda value: lambda call: value),
    st.just(raising(BROKEN)),
)  # fmt: skip
exceptions = st.sampled_from(
    [LimitReached(), Coded(), ValueError("x" * 1000), TimeoutError(), asyncio.CancelledError(), KeyboardInterrupt()]
)
parts = st.sets(st.sampled_from(["resolve", "storage", "clock", "time", "logger", "vocabulary"]), max_size=2)


def decorate(name: str, metrics: TradingMetrics, drawn: list[Any]) -> Any:
    """A decorator with sources that were drawn."""
    first, second, third, fourth = drawn
    order_labels: dict[str, Any] = {"side": second, "status": third, "reason": fourth, "fill_time": second}
    return {
        "order": lambda: track_order(strategy=first or "s", metrics=metrics, **order_labels),
        "trade": lambda: track_trade(strategy=first or "s", side=second, status=third, pnl=fourth, metrics=metrics),
        "data": lambda: track_market_data(symbol=first or "s", timestamp=second, metrics=metrics),
        "training": lambda: track_training(model=first, accuracy=second, metrics=metrics),
        "request": lambda: track_request(endpoint=first or "/x", method=second, status=third, metrics=metrics),
        "errors": lambda: track_errors(component=first or "c", metrics=metrics),
        "capital": lambda: track_capital(total=first, used=second, metrics=metrics),
        "positions": lambda: track_positions(metrics=metrics),
        "own": lambda: track(WHAT, what=first or "s", value=second or 1, metrics=metrics),
        "fill": lambda: fill_timer(first or "s", metrics=metrics),
        "connection": lambda: track_connection(metrics=metrics),
    }[name]()


NAMES = ("order", "trade", "data", "training", "request", "errors", "capital", "positions", "own", "fill", "connection")


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_is_drawn_the_caller_gets_what_the_function_did(data: st.DataObject) -> None:
    """Some combination of labels, answers and failures that nobody thought of would stop a bot."""
    metrics = TradingMetrics(strategy_stats=StrategyStats())
    broken = data.draw(parts, label="broken")
    name = data.draw(st.sampled_from(NAMES), label="decorator")
    shell = data.draw(st.sampled_from(["function", "coroutine", "generator", "async generator"]), label="shell")
    drawn = [data.draw(sources, label="source") for _ in range(4)]
    if name == "own" and isinstance(drawn[1], str):
        drawn[1] = 2.5  # a text that is no number is refused when decorating
    outcomes = data.draw(st.lists(st.one_of(trees, exceptions), min_size=1, max_size=4), label="outcomes")
    arguments = [(data.draw(trees), data.draw(st.lists(trees, max_size=2))) for _ in outcomes]
    ran: list[Any] = []

    def body(order: Any, args: Any) -> Any:
        ran.append((order, args))
        outcome = outcomes[len(ran) - 1]
        if issubclass(type(outcome), BaseException):
            raise outcome
        return outcome

    def function(order: Any, *args: Any, **kwargs: Any) -> Any:
        return body(order, args)

    async def coroutine(order: Any, *args: Any, **kwargs: Any) -> Any:
        return body(order, args)

    def generator(order: Any, *args: Any, **kwargs: Any) -> Any:
        yield
        return body(order, args)

    async def async_generator(order: Any, *args: Any, **kwargs: Any) -> Any:
        yield
        body(order, args)

    plain = {"function": function, "coroutine": coroutine, "generator": generator, "async generator": async_generator}
    if "generator" in shell and name in ("capital", "positions"):
        return
    decorated = decorate(name, metrics, drawn)(plain[shell])
    with pytest.MonkeyPatch.context() as patch:
        if "resolve" in broken:
            break_registry(patch, "resolve")
        if "storage" in broken:
            break_storage(metrics)
        if "clock" in broken:
            patch.setattr("tradmetrics.capture.call_site.perf_counter", raising(BROKEN))
        if "time" in broken:
            patch.setattr("tradmetrics.capture.call_context.time", raising(BROKEN))
        if "logger" in broken:
            patch.setattr("tradmetrics.registry.errors_log.logger.warning", raising(BROKEN))
        if "vocabulary" in broken:
            patch.setattr("tradmetrics.vocabulary.fold.order_status", raising(BROKEN))
        for outcome, (order, args) in zip(outcomes, arguments, strict=True):
            context = outcome.__context__ if issubclass(type(outcome), BaseException) else None
            try:
                answer = drive(shell, decorated(order, *args))
            except BaseException as caught:
                assert outcome is caught  # noqa: PT017
                assert context is caught.__context__  # noqa: PT017
            else:
                assert (None if shell == "async generator" else outcome) is answer
    assert [(id(order), tuple(map(id, args))) for order, args in arguments] == [
        (id(order), tuple(map(id, args))) for order, args in ran
    ]
    if name == "order" and not broken & {"resolve", "storage"}:
        submitted = sum(value for key, value in recorded(metrics).items() if key.startswith("trading_orders_submitted"))
        assert len(outcomes) == submitted
    assert set(by_stage(metrics)) <= set(catalogue.STAGES)


def drive(shell: str, returned: Any) -> Any:
    """Run what a call returned to its end."""
    if shell == "function":
        return returned
    if shell == "generator":
        while True:
            try:
                next(returned)
            except StopIteration as end:
                return end.value
    try:
        if shell == "coroutine":
            returned.send(None)
        else:
            returned.__anext__().send(None)
    except StopIteration as end:
        if shell == "coroutine":
            return end.value
    try:
        returned.__anext__().send(None)
    except StopAsyncIteration:
        return None
    raise AssertionError("an async generator that goes on")


def test_the_default_metrics_is_left_alone() -> None:
    """The faults that were provoked here would be counted in the metrics of the process."""
    assert {} == errors(configure(CollectorRegistry()))


def test_a_strict_metrics_object_shows_what_the_function_raised_too() -> None:
    """A test of a bot would fail for a label, and hide the error that the bot really has."""
    problem = LimitReached()
    place = track_order(strategy=raising(BROKEN), metrics=TradingMetrics(strict=True))(raising(problem))
    with pytest.raises(LabelSourceError) as caught:
        place()
    assert problem is caught.value.__cause__
