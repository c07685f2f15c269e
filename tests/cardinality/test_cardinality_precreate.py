"""`precreate=True` and the domains behind it: series at zero, as far as annotations tell their labels."""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, Flag, IntEnum
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, NewType, Optional, TypedDict, Union

import pytest
from prometheus_client import CollectorRegistry
from typing_extensions import TypeAliasType

from tests.budget_kit import SUBMITTED, Clock, scrape, stopped_clock, values_of
from tradmetrics import (
    ConfigurationError,
    Limits,
    MetricDefinition,
    TradingMetrics,
    arg,
    catalogue,
    configure,
    error,
    fill_timer,
    get_metrics,
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
    underlying,
)
from tradmetrics.capture.annotations import Hints
from tradmetrics.capture.sources import LabelSource


class Side(Enum):
    """An enum whose values are a broker's."""

    BUY = "buy"
    SELL = "sell"


class Name(str, Enum):
    """An enum of texts."""

    GAMMA = "gamma"
    DELTA = "delta"


class Number(IntEnum):
    """An enum whose values are no texts."""

    ONE = 1
    TWO = 2


class Venues(Flag):
    """Flags combine."""

    NSE = 1
    BSE = 2


Kind = Literal["MARKET", "LIMIT"]
Desk = NewType("Desk", str)


@dataclass
class Ticket:
    """What an order is sent with."""

    side: Side
    kind: Kind
    strategy: Optional[Name]  # noqa: UP045 - as users write it
    note: str
    shared: ClassVar[Side] = Side.BUY

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.SELL


class Wire(TypedDict):
    """An order as a mapping."""

    side: Literal["buy", "sell"]


class Pair(NamedTuple):
    """An order as a tuple."""

    side: Side
    lots: int


class SmallTicket(Ticket):
    """Inherits its annotations."""


def taking(annotation: object, returns: object = None) -> Callable[..., Any]:
    """A function with one parameter, annotated so."""

    def function(value: Any) -> Any: ...

    function.__annotations__ = {"value": annotation, "return": returns}
    return function


# ── domains ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("annotation", "path", "expected"),
    [
        (bool, "value", (True, False)),
        ("bool", "value", (True, False)),
        (Side, "value", (Side.BUY, Side.SELL)),
        ("Side", "value", (Side.BUY, Side.SELL)),
        (Side, "value.value", ("buy", "sell")),
        (Side, "value.name", ("BUY", "SELL")),
        (Side, "value.lower", None),
        (Kind, "value", ("MARKET", "LIMIT")),
        ("Kind", "value", ("MARKET", "LIMIT")),
        ("Literal['a', 'b']", "value", ("a", "b")),
        (Literal[1, True, None, Side.BUY], "value", (1, True, None, Side.BUY)),
        (Kind, "value.name", None),
        (Optional[Side], "value", (Side.BUY, Side.SELL, None)),  # noqa: UP045
        ("Side | None", "value", (Side.BUY, Side.SELL, None)),
        ("Optional['Side']", "value", (Side.BUY, Side.SELL, None)),
        (Union[Side, Literal["x"]], "value", (Side.BUY, Side.SELL, "x")),
        (Union[Side, str], "value", None),
        (Annotated[Side, "which way"], "value", (Side.BUY, Side.SELL)),
        (NewType("Direction", Side), "value", (Side.BUY, Side.SELL)),
        (Desk, "value", None),
        (TypeAliasType("Way", Side), "value", (Side.BUY, Side.SELL)),
        (Venues, "value", None),
        (str, "value", None),
        (int, "value", None),
        ("NoSuchName", "value", None),
        ("1 +", "value", None),
        (None, "value", (None,)),
        (Ticket, "value.side", (Side.BUY, Side.SELL)),
        ("Ticket", "value.kind", ("MARKET", "LIMIT")),
        (Ticket, "value.strategy", (Name.GAMMA, Name.DELTA, None)),
        (Ticket, "value.note", None),
        (Ticket, "value.shared", (Side.BUY, Side.SELL)),
        (Ticket, "value.missing", None),
        (Ticket, "value.opposite", (Side.BUY, Side.SELL)),
        (Ticket, "value.side.value", ("buy", "sell")),
        (Optional[Ticket], "value.side", (Side.BUY, Side.SELL)),  # noqa: UP045
        (Union[Ticket, Pair], "value.side", None),
        (SmallTicket, "value.side", (Side.BUY, Side.SELL)),
        (Wire, "value.side", ("buy", "sell")),
        (Pair, "value.side", (Side.BUY, Side.SELL)),
        (list[Side], "value.0", None),
    ],
)
def test_annotations_tell_the_values(annotation: object, path: str, expected: object) -> None:
    """Series would be missing at zero, or be there under labels that no call ever has."""
    assert expected == Hints(taking(annotation)).domain(arg(path))


def test_results_constants_and_mapped_sources_have_domains() -> None:
    """A label read from the result would count as unknown, although the function says what it returns."""
    hints = Hints(taking(Literal["NIFTY24600CE", "ESZ4"], Ticket))
    cases: dict[LabelSource, object] = {
        result("side"): (Side.BUY, Side.SELL),
        result(): None,
        "gamma": ("gamma",),
        Side.BUY: (Side.BUY,),
        7: (7,),
        underlying(arg("value")): ("NIFTY", "ES"),
        underlying(arg("other")): None,
        error("code"): None,
        (lambda call: "x"): None,
    }
    assert list(cases.values()) == [hints.domain(source) for source in cases]
    assert (True, False) == Hints(taking(str, bool)).domain(result())


def test_the_type_that_a_source_is_annotated_with() -> None:
    """`tradmetrics check` would not warn of a price as a label where it is read from an order or from the result."""
    hints = Hints(taking(Annotated[Ticket, "an order"], Pair))
    cases: dict[LabelSource, object] = {
        arg("value"): Ticket,
        arg("value.note"): str,
        arg("value.missing"): None,
        underlying(arg("value.note")): str,
        result(): Pair,
        result("lots"): int,
        error("code"): None,
        "gamma": None,
    }
    assert list(cases.values()) == [hints.hint(source) for source in cases]


def test_annotations_of_partials_methods_and_builtins() -> None:
    """Decorating one of these with `precreate` would fail, or know nothing."""

    class Bot:
        def place(self, side: Side) -> None: ...

        def __call__(self, side: Side) -> None: ...

    def plain(strategy: str, side: Side) -> None: ...

    @functools.wraps(plain)
    def wrapper(*args: Any, **kwargs: Any) -> None: ...

    for function in (Bot().place, functools.partial(plain, "gamma"), wrapper, Bot()):
        assert (Side.BUY, Side.SELL) == Hints(function).domain(arg("side")), function
    assert None is Hints(dict).domain(arg("side"))
    assert None is Hints(object()).domain(arg("side"))


def test_one_unreadable_annotation_does_not_spoil_the_others() -> None:
    """An import that only type checkers make would make everything else unknown."""

    def place(ticket: OnlyForTypeCheckers, side: Side) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(NameError):
        typing.get_type_hints(place)
    assert (Side.BUY, Side.SELL) == Hints(place).domain(arg("side"))


# ── series at zero ───────────────────────────────────────────────────────────────────────────────────────────────


def test_series_are_there_before_the_first_call() -> None:
    """A rate over a counter that appears with its first order misses that order; a panel shows "no data" until then."""
    metrics = TradingMetrics()

    @track_order(strategy="gamma", precreate=True, metrics=metrics)
    def place(side: Side, order_type: Kind) -> None: ...

    expected = {("gamma", side, kind): 0.0 for side in ("BUY", "SELL") for kind in ("MARKET", "LIMIT")}
    found = scrape(metrics)
    assert expected == found[SUBMITTED]
    assert {("gamma", "BUY"): 0, ("gamma", "SELL"): 0} == found[catalogue.ORDERS_FILLED.name]
    assert {("gamma",): 0} == found[f"{catalogue.ORDER_FILL_TIME.name}_count"]
    assert catalogue.ORDERS_REJECTED.name not in found  # nobody knows the reasons
    place(Side.SELL, "LIMIT")
    assert {**expected, ("gamma", "SELL", "LIMIT"): 1} == values_of(metrics, SUBMITTED)


@pytest.mark.parametrize("kind", [classmethod, staticmethod])
def test_methods_of_classes_have_their_series_too(kind: Any) -> None:
    """The keyword would do nothing above @classmethod or @staticmethod, which read as if it did."""
    metrics = TradingMetrics()

    class Bot:
        place = track_order(strategy="s", order_type="LIMIT", side="BUY", precreate=True, metrics=metrics)(
            kind(lambda *args: None)
        )

    assert {("s", "BUY", "LIMIT"): 0} == values_of(metrics, SUBMITTED)
    Bot.place()
    assert {("s", "BUY", "LIMIT"): 1} == values_of(metrics, SUBMITTED)


def test_a_label_that_no_call_can_have_is_unknown_from_the_start() -> None:
    """Series of sides that no call ever has would stand at zero beside the one that counts."""
    metrics = TradingMetrics()
    close = track_trade(strategy="s", precreate=True, metrics=metrics)(lambda: {"status": "filled"})
    sides = {labels[1] for labels in values_of(metrics, catalogue.TRADES.name)}
    statuses = {labels[2] for labels in values_of(metrics, catalogue.TRADES.name)}
    assert {"unknown"} == sides
    assert {"executed", "failed", "filled", "rejected"} < statuses  # the result has one, and it may be any
    before = len(values_of(metrics, catalogue.TRADES.name))
    close()
    assert before == len(values_of(metrics, catalogue.TRADES.name))


def test_nothing_is_created_unasked() -> None:
    """Every program would expose dozens of series of what it never does."""
    metrics = TradingMetrics()

    @track_order(strategy="gamma", metrics=metrics)
    def place(side: Side, order_type: Kind) -> None: ...

    assert SUBMITTED not in scrape(metrics)


def test_a_default_metrics_that_comes_later_has_them() -> None:
    """Whether a dashboard shows zeros would depend on the order of imports."""

    @track_order(strategy="gamma", order_type="LIMIT", precreate=True)
    def place(side: Side) -> None: ...

    expected = {("gamma", "BUY", "LIMIT"): 0, ("gamma", "SELL", "LIMIT"): 0}
    for _ in range(2):
        metrics = configure(CollectorRegistry(), force=True)
        assert expected == values_of(metrics, SUBMITTED)

    @track_order(strategy="delta", order_type="LIMIT", precreate=True)
    def place_delta(side: Side) -> None: ...

    assert 4 == len(values_of(get_metrics(), SUBMITTED))


def test_a_function_that_is_gone_wants_nothing() -> None:
    """Functions made in a loop would be remembered for ever, each adding to every new metrics."""

    @track_order(strategy="gamma", order_type="LIMIT", precreate=True)
    def place(side: Side) -> None: ...

    del place
    assert SUBMITTED not in scrape(configure(CollectorRegistry()))


def test_a_disabled_metrics_object_is_left_alone() -> None:
    """Switched-off metrics would register themselves all the same."""

    @track_order(strategy="gamma", order_type="LIMIT", precreate=True)
    def place(side: Side) -> None: ...

    assert [] == list(configure(CollectorRegistry(), enabled=False).registry.collect())
    place(Side.BUY)


HEDGES = MetricDefinition("desk_hedges_total", "counter", "Hedges.", labels=("desk", ("live", ("True", "False"))))


def _trade(metrics: TradingMetrics) -> None:
    @track_trade(strategy="gamma", status="executed", precreate=True, metrics=metrics)
    def close(side: Side) -> None: ...


def _prediction(metrics: TradingMetrics) -> None:
    @track_prediction(model="xgboost", prediction=result(), precreate=True, metrics=metrics)
    def decide() -> Literal["up", "down"]:
        return "up"


def _request(metrics: TradingMetrics) -> None:
    @track_request(endpoint="/orders", precreate=True, metrics=metrics)
    def ask(method: Literal["get", "post"]) -> None: ...


def _errors(metrics: TradingMetrics) -> None:
    @track_errors(component="feed", severity="critical", precreate=True, metrics=metrics)
    def read() -> None: ...


def _breaker(metrics: TradingMetrics) -> None:
    @track_circuit_breaker(precreate=True, metrics=metrics)
    def halt(reason: Literal["loss", "latency"]) -> None: ...


def _risk(metrics: TradingMetrics) -> None:
    @track_risk_check(precreate=True, metrics=metrics)
    def check(limit_type: Number) -> None: ...


def _data(metrics: TradingMetrics) -> None:
    @track_market_data(precreate=True, metrics=metrics)
    def on_tick(symbol: Literal["NIFTY", "BANKNIFTY"]) -> None: ...


def _own(metrics: TradingMetrics) -> None:
    @track(HEDGES, precreate=True, metrics=metrics)
    def hedge(desk: Name, live: bool) -> None: ...


@pytest.mark.parametrize(
    ("decorate", "name", "expected"),
    [
        (_trade, "trading_trades_total", {("gamma", "BUY", "executed"), ("gamma", "SELL", "executed")}),
        (_prediction, "trading_ml_predictions_total", {("xgboost", "up"), ("xgboost", "down")}),
        (_request, "trading_api_request_duration_seconds_count", {("/orders", "GET"), ("/orders", "POST")}),
        (_errors, "trading_system_errors_total", {("feed", "critical")}),
        (_breaker, "trading_circuit_breaker_triggers_total", {("loss",), ("latency",)}),
        (_risk, "trading_risk_limit_breaches_total", {("ONE",), ("TWO",)}),
        (_data, "trading_market_data_updates_total", {("NIFTY",), ("BANKNIFTY",)}),
        (_own, "desk_hedges_total", {(desk, live) for desk in ("gamma", "delta") for live in ("True", "False")}),
    ],
)
def test_every_decorator_of_counters_can(
    decorate: Callable[[TradingMetrics], None], name: str, expected: set[tuple[str, ...]]
) -> None:
    """A decorator would take the keyword and do nothing, or create series that its calls do not count in."""
    metrics = TradingMetrics()
    decorate(metrics)
    assert dict.fromkeys(expected, 0.0) == values_of(metrics, name)


def test_gauges_are_not_set() -> None:
    """A circuit breaker that nobody has heard of would read 0, and a gauge of positions as if there were none."""
    metrics = TradingMetrics()
    _breaker(metrics)
    _data(metrics)
    found = scrape(metrics)
    assert catalogue.CIRCUIT_BREAKER_ACTIVE.name not in found
    assert catalogue.MARKET_DATA_LAST_UPDATE.name not in found


def test_budgets_hold_and_nothing_goes_to_other() -> None:
    """Series at zero would use up budgets, or appear under `__other__` and count as overflows."""
    metrics = TradingMetrics(limits={"strategy": 1})

    @track_order(order_type="LIMIT", precreate=True, metrics=metrics)
    def place(strategy: Name, side: Side) -> None: ...

    found = scrape(metrics)
    assert {("gamma", "BUY", "LIMIT"): 0, ("gamma", "SELL", "LIMIT"): 0} == found[SUBMITTED]
    assert catalogue.LABEL_OVERFLOW.name not in found


def test_series_at_zero_stay() -> None:
    """A series that was asked for would be gone when it has been quiet, and the panel empty."""
    with stopped_clock() as clock:
        metrics = TradingMetrics(limits=Limits(labels={"strategy": 2}, expire_after=60, idle_after=60))

        @track_order(order_type="LIMIT", precreate=True, metrics=metrics)
        def place(strategy: Name, side: Side) -> None: ...

        for _ in range(5):
            _let_pass(clock, metrics, place)
        assert {"gamma", "delta"} == {labels[0] for labels in values_of(metrics, SUBMITTED)} - {"__other__"}


def _let_pass(clock: Clock, metrics: TradingMetrics, place: Any) -> None:
    scrape(metrics)
    clock.pass_by(70)
    for _ in range(20):
        place("late", Side.BUY)


@pytest.mark.parametrize("bare", [True, False])
def test_what_is_not_known_is_an_error_when_decorating(bare: bool) -> None:
    """The keyword would do nothing, and nobody would know why the panel is empty."""

    def place(strategy: str, side: str) -> None: ...

    decorate: Any = track_order(precreate=True) if bare else track_order(strategy=lambda call: "x", precreate=True)
    with pytest.raises(ConfigurationError) as caught:
        decorate(place)
    message = str(caught.value)
    assert "place: precreate=True needs to know the values of the label 'strategy'" in message
    assert "strategy='…'" in message
    assert "an Enum, a Literal or bool" in message


def test_a_gauge_cannot_be_precreated() -> None:
    """A gauge that was never set would read 0."""
    gauge = MetricDefinition("desk_level", "gauge", "Level.")
    with pytest.raises(ConfigurationError, match="a gauge has no value before it is set"):
        track(gauge, precreate=True)(lambda: None)


def test_labels_of_own_metrics_cannot_be_called_precreate() -> None:
    """The label could not be told from the keyword."""
    definition = MetricDefinition("desk_x_total", "counter", "X.", labels=("precreate",))
    with pytest.raises(ConfigurationError, match="a label called 'precreate' collides with track's own"):
        track(definition)


def test_a_timer_decorator_records_as_before() -> None:
    """What takes no keyword of that name would be decorated otherwise than it was."""
    metrics = TradingMetrics()

    @fill_timer(arg("strategy"), metrics=metrics)
    def wait(strategy: Name) -> None: ...

    wait(Name.GAMMA)
    assert {("gamma",): 1} == values_of(metrics, f"{catalogue.ORDER_FILL_TIME.name}_count")
