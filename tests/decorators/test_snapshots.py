"""`track_positions`, `track_pnl`, `track_capital`, `track_market`, `track_strategy`: gauges from returned snapshots."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib.util
import math
import re
from collections import UserDict, namedtuple
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import Enum
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pydantic
import pytest

from tests.recorded import errors, raising, recorded
from tradmetrics import (
    MetricsExporter,
    TradingMetrics,
    TradmetricsError,
    arg,
    catalogue,
    configure,
    error,
    get_metrics,
    result,
    track_capital,
    track_market,
    track_pnl,
    track_positions,
    track_strategy,
)


@pytest.fixture
def metrics() -> TradingMetrics:
    """A metrics object of the test's own."""
    return TradingMetrics()


@dataclass
class Pnl:
    """A dataclass snapshot."""

    daily: object = None
    daily_pct: object = None
    unrealized: object = None
    realized: object = None


class PnlModel(pydantic.BaseModel):
    """A pydantic snapshot."""

    daily: float
    daily_pct: float
    unrealized: float
    realized: float


class PnlObject:
    """A snapshot with properties, counted."""

    asked = 0

    def __init__(self, **values: float) -> None:
        self._values = values

    def __getattr__(self, name: str) -> float:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._values[name]


PnlTuple = namedtuple("PnlTuple", [field.name for field in fields(Pnl)])
VALUES = {"daily": 1.0, "daily_pct": 2.0, "unrealized": 3.0, "realized": 4.0}
KINDS: dict[str, Callable[..., Any]] = {
    "dict": dict,
    "mapping": lambda **values: MappingProxyType(values),
    "user dict": UserDict,
    "dataclass": Pnl,
    "namedtuple": PnlTuple,
    "namespace": SimpleNamespace,
    "object": PnlObject,
    "pydantic": PnlModel,
}
PNL = {
    "trading_daily_pnl": 1.0,
    "trading_daily_pnl_percent": 2.0,
    "trading_unrealized_pnl": 3.0,
    "trading_realized_pnl": 4.0,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_snapshot_may_be_of_any_kind(metrics: TradingMetrics, kind: str) -> None:
    """Bots would have to convert what they have into the one kind that we read."""
    snapshot = KINDS[kind](**VALUES)
    assert snapshot is track_pnl(metrics=metrics)(lambda: snapshot)()
    assert PNL == recorded(metrics)


FIELDS: list[tuple[Any, str, str]] = [
    (track_pnl, "daily", "trading_daily_pnl"),
    (track_pnl, "daily_pnl", "trading_daily_pnl"),
    (track_pnl, "daily_pct", "trading_daily_pnl_percent"),
    (track_pnl, "unrealized", "trading_unrealized_pnl"),
    (track_pnl, "unrealized_pnl", "trading_unrealized_pnl"),
    (track_pnl, "realized", "trading_realized_pnl"),
    (track_pnl, "realized_pnl", "trading_realized_pnl"),
    (track_capital, "total", "trading_capital_total"),
    (track_capital, "used", "trading_capital_used"),
    (track_capital, "available", "trading_capital_available"),
    (track_capital, "utilization", "trading_capital_utilization"),
    (track_capital, "margin_used", "trading_margin_used"),
    (track_capital, "margin_available", "trading_margin_available"),
    (track_market, "vix", "trading_market_vix"),
    (track_market, "session_open", "trading_market_session_open"),
    (track_strategy, "win_rate", "trading_strategy_win_rate unknown"),
    (track_strategy, "avg_pnl", "trading_strategy_avg_pnl unknown"),
    (track_strategy, "sharpe_ratio", "trading_strategy_sharpe_ratio unknown"),
    (track_strategy, "trades_today", "trading_strategy_trades_today unknown"),
]


@pytest.mark.parametrize(("decorator", "field", "metric"), FIELDS)
def test_each_field_sets_its_own_gauge_and_absent_ones_leave_theirs_alone(
    metrics: TradingMetrics, decorator: Any, field: str, metric: str
) -> None:
    """Two figures would be swapped, or one that is not known this time would read zero."""
    other = next(name for each, name, _ in FIELDS if each is decorator and name != field)
    snapshots = iter([{field: 1}, {field: None}, {other: None}, {field: "0"}, {field: Decimal(1)}])
    state = decorator(metrics=metrics)(lambda: next(snapshots))
    for value in (1, 1, 1, 0, 1):
        state()
        assert {metric: value} == recorded(metrics)


NO_SNAPSHOTS: list[tuple[Any, Any, str]] = [
    (track_pnl, 5.0, "a float has none of the fields daily or daily_pnl, daily_pct or "),
    (track_pnl, {}, r"say where: @track_pnl\(daily=result\('…'\)\)"),
    (track_capital, {"equity": 5}, r"none of the fields total, used, .*: @track_capital\(total=result\('…'\)\)"),
    (track_market, {"VIX": 5}, "none of the fields vix, condition, session_open; "),
    (track_strategy, {"a": {"win_rate": 0.5}}, "a dict has none of the fields win_rate, avg_pnl, "),
    (track_strategy, [{"strategy": "a"}], "none of the fields win_rate, "),
]


@pytest.mark.parametrize(("decorator", "answer", "message"), NO_SNAPSHOTS)
def test_a_snapshot_with_none_of_the_fields_is_counted(
    metrics: TradingMetrics, caplog: pytest.LogCaptureFixture, decorator: Any, answer: Any, message: str
) -> None:
    """A decorator on a function that returns something else would record nothing, and nobody would know."""
    assert answer is decorator(metrics=metrics)(lambda: answer)()
    assert {("<lambda>", "value"): 1} == errors(metrics)
    assert 1 == len(recorded(metrics))
    assert re.search(message, caplog.text)


def test_a_source_that_fails_is_counted_once(metrics: TradingMetrics) -> None:
    """One mistake would be two errors, of which the second says something else."""
    track_capital(total=lambda call: call.result["equity"], metrics=metrics)(lambda: {"cash": 5})()
    track_capital(total=result("equity"), metrics=metrics)(lambda: {"cash": 5})()
    assert {("<lambda>", "source"): 2} == errors(metrics)


def test_a_list_without_snapshots_is_no_error(metrics: TradingMetrics) -> None:
    """A desk that runs no strategy today would count errors all day."""
    track_strategy(metrics=metrics)(lambda report=(): report)()
    assert {} == recorded(metrics)


POINTED: list[tuple[Any, str, str, Any]] = [
    (track_pnl, "daily", "trading_daily_pnl", {"other": {"deep": 7}}),
    (track_capital, "total", "trading_capital_total", {"other": {"deep": 7}}),
    (track_market, "vix", "trading_market_vix", {"other": {"deep": 7}}),
]


@pytest.mark.parametrize(("decorator", "field", "metric", "snapshot"), POINTED)
@pytest.mark.parametrize(
    "source", [result("other.deep"), arg("given"), lambda call: call.result["other"]["deep"], 7, "7"]
)
def test_a_field_can_be_pointed_elsewhere(
    metrics: TradingMetrics, decorator: Any, field: str, metric: str, snapshot: Any, source: Any
) -> None:
    """A broker that calls its equity otherwise would need a wrapper."""
    decorator(metrics=metrics, **{field: source})(lambda given: {field: 1, **snapshot})(7)
    assert {metric: 7} == recorded(metrics)


def test_a_field_that_is_pointed_nowhere_is_counted_and_the_others_are_set(metrics: TradingMetrics) -> None:
    """A wrong path would hide the figures that are right."""
    track_capital(total=result("equity"), margin_used=error("x"), metrics=metrics)(lambda: {"used": 5})()
    assert 5 == recorded(metrics)["trading_capital_used"]
    assert {("<lambda>", "source"): 1} == errors(metrics)
    assert 2 == len(recorded(metrics))


@pytest.mark.parametrize("value", [math.nan, math.inf, "a lot", [1], object()])
def test_a_figure_that_is_no_number_is_counted_and_the_others_are_set(metrics: TradingMetrics, value: object) -> None:
    """One bad figure would hide the others, or make its gauge useless."""
    track_capital(metrics=metrics)(lambda: {"total": value, "used": 5})()
    assert 5 == recorded(metrics)["trading_capital_used"]
    assert {("<lambda>", "value"): 1} == errors(metrics)
    assert "trading_capital_total" not in recorded(metrics)


@pytest.mark.parametrize("decorator", [track_pnl, track_capital, track_market, track_strategy, track_positions])
def test_nothing_and_an_exception_change_nothing(metrics: TradingMetrics, decorator: Any) -> None:
    """A broker that is down for a minute would show an empty account."""
    answers = iter([{"daily": 5, "total": 5, "vix": 5, "win_rate": 5}, None])
    if decorator is track_positions:
        answers = iter([[{"strategy": "s"}], None])  # type: ignore[list-item]
    state = decorator(metrics=metrics)(lambda: next(answers))
    state()
    before = recorded(metrics)
    assert 1 == len(before)
    assert state() is None
    with pytest.raises(ConnectionError):
        decorator(metrics=metrics)(raising(ConnectionError()))()
    assert before == recorded(metrics)


@pytest.mark.parametrize("decorator", [track_pnl, track_capital, track_market, track_strategy, track_positions])
def test_a_generator_is_refused(decorator: Any) -> None:
    """Nothing would ever be recorded for it."""

    def states() -> Iterator[dict[str, int]]:
        yield {"total": 5}

    async def async_states() -> Any:
        yield {"total": 5}

    for function in (states, async_states):
        with pytest.raises(TradmetricsError, match="decorate the function that makes one item"):
            decorator(function)


def test_bare_async_and_methods_work() -> None:
    """The ways that bots are written in would not."""

    class Account:
        @track_capital
        def now(self) -> dict[str, int]:
            return {"total": 5}

        @track_pnl
        async def pnl(self) -> Pnl:
            return Pnl(daily=6)

    Account().now()
    asyncio.run(Account().pnl())
    assert {"trading_capital_total": 5, "trading_daily_pnl": 6} == recorded(get_metrics())


# ── the market ───────────────────────────────────────────────────────────────────────────────────────────────────


class Condition(Enum):
    """Conditions that a user keeps in an enum."""

    CALM = "calm"
    WILD = 2


def test_the_market_is_in_one_condition_at_a_time(metrics: TradingMetrics) -> None:
    """It would seem to be in every condition that it was ever in."""
    conditions = iter([Condition.CALM, "wild", "calm", None, Condition.WILD])
    market = track_market(metrics=metrics)(lambda: {"condition": next(conditions)})
    for expected in ("calm", "wild", "calm", "calm", "WILD"):
        market()
        found = recorded(metrics)
        assert 1 == found[f"trading_market_condition {expected}"]
        assert 1 == sum(found.values())
    assert 3 == len(recorded(metrics))


class Session(Enum):
    """A session as a library's enum has it."""

    OPEN = 1
    SHUT = "closed"


@pytest.mark.parametrize(
    ("is_open", "expected"),
    [(True, 1), (False, 0), (0, 0), (1.0, 1), (Decimal(0), 0), ("1", 1), ("0", 0), (Session.OPEN, 1), (Session.SHUT, 0)]
    + [(word, 1) for word in ("open", "Yes", "TRUE", " open ")]
    + [(word, 0) for word in ("closed", "No", "false", "CLOSED")],
)
def test_the_session_is_open_or_closed(metrics: TradingMetrics, is_open: object, expected: int) -> None:
    """Alerts would not be muted outside the session, or be muted within it."""
    track_market(metrics=metrics)(lambda: {"session_open": is_open})()
    assert {"trading_market_session_open": expected} == recorded(metrics)


@pytest.mark.parametrize("is_open", ["pre-open", "", 1.5, 2, math.nan, [True], object()])
def test_a_session_that_is_neither_open_nor_closed_is_counted(metrics: TradingMetrics, is_open: object) -> None:
    """Whatever is not empty would read as open, and alerts would fire all night."""
    track_market(metrics=metrics)(lambda: {"session_open": is_open, "vix": 14})()
    assert {("<lambda>", "value"): 1} == errors(metrics)
    assert 14 == recorded(metrics)["trading_market_vix"]
    assert "trading_market_session_open" not in recorded(metrics)


def test_a_session_that_was_never_told_is_absent(metrics: TradingMetrics) -> None:
    """A gauge of zero would mute every alert of a bot that knows nothing of sessions."""
    track_market(metrics=metrics)(lambda: {"vix": 14})()
    assert {"trading_market_vix": 14} == recorded(metrics)


# ── strategies ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("many", [list, tuple, lambda items: {id(item): item for item in items}.values(), iter])
def test_several_strategies_in_one_answer(metrics: TradingMetrics, many: Any) -> None:
    """A report on all strategies would have to be split up."""
    report = [{"strategy": "a", "win_rate": 0.5, "trades_today": 3}, SimpleNamespace(strategy="b", avg_pnl=-2)]
    answer = many(report)
    assert answer is track_strategy(metrics=metrics)(lambda: answer)()
    if many in (list, tuple):
        assert {
            "trading_strategy_win_rate a": 0.5,
            "trading_strategy_trades_today a": 3,
            "trading_strategy_avg_pnl b": -2,
        } == recorded(metrics)


@pytest.mark.parametrize("sources", [{}, {"strategy": arg("strategy")}, {"strategy": arg("self.name")}])
def test_the_strategy_may_be_the_parameter(metrics: TradingMetrics, sources: Any) -> None:
    """A report on the strategy that was asked for would be of one called `unknown`."""

    class Desk:
        name = "gamma"

        @track_strategy(metrics=metrics, **sources)
        def report(self, strategy: str) -> dict[str, float]:
            return {"win_rate": 0.5}

    Desk().report("gamma")
    assert {"trading_strategy_win_rate gamma": 0.5} == recorded(metrics)


def test_the_snapshots_own_strategy_wins(metrics: TradingMetrics) -> None:
    """The figures of one strategy would be shown as another's."""
    track_strategy(metrics=metrics)(lambda strategy: [{"strategy": "own", "win_rate": 0.5}, {"win_rate": 0.4}])("asked")
    assert {"trading_strategy_win_rate own": 0.5, "trading_strategy_win_rate asked": 0.4} == recorded(metrics)


# ── positions ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Position:
    """A position."""

    strategy: object = "s"
    unrealized_pnl: object = None
    quantity: object = None


@pytest.mark.parametrize(
    "answer",
    [
        [Position("a", 5), Position("a", -2.0), Position("b")],
        (Position("a", "5"), {"strategy": "a", "unrealized_pnl": Decimal(-2), "quantity": -50}, Position("b")),
        {"x": Position("a", 5), "y": Position("a", -2), "z": Position("b", 0, 25), "closed": Position("c", 9, 0)},
        {Position: Position("a", 3), 2: Position("a", quantity="1"), 3: Position("b", None, 0.5)},
    ],
)
def test_positions_are_counted_by_strategy_and_their_pnl_added_up(metrics: TradingMetrics, answer: Any) -> None:
    """The number of open positions, which a limit stands on, would be wrong."""
    assert answer is track_positions(metrics=metrics)(lambda: answer)()
    assert {"trading_positions_open a": 2, "trading_positions_open b": 1, "trading_unrealized_pnl": 3} == recorded(
        metrics
    )


def test_a_strategy_whose_positions_are_gone_reads_zero(metrics: TradingMetrics) -> None:
    """A closed position would be shown as open until the process ends."""
    answers = iter([[Position("a", 1), Position("b", 2)], [Position("b", 3)], [], [Position("a")]])
    positions = track_positions(metrics=metrics)(lambda: next(answers))
    for a, b, pnl in ((1, 1, 3), (0, 1, 3), (0, 0, 0), (1, 0, 0)):
        positions()
        assert {
            "trading_positions_open a": a,
            "trading_positions_open b": b,
            "trading_unrealized_pnl": pnl,
        } == recorded(metrics)


PositionTuple = namedtuple("PositionTuple", ["strategy", "unrealized_pnl"])


@pytest.mark.parametrize(
    ("answer", "strategy"),
    [
        ({"strategy": "a", "unrealized_pnl": 5}, "a"),
        (Position("a", 5), "a"),
        (SimpleNamespace(unrealized_pnl=5), "unknown"),
        ({"quantity": 5, "unrealized_pnl": 5}, "unknown"),
        (MappingProxyType({"strategy": "a", "unrealized_pnl": "5"}), "a"),
        (PositionTuple("a", 5), "a"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_one_position_is_one_position(metrics: TradingMetrics, answer: Any, strategy: str) -> None:
    """Each of its fields would count as a position, or it would not count at all."""
    assert answer is track_positions(metrics=metrics)(lambda: answer)()
    assert {f"trading_positions_open {strategy}": 1, "trading_unrealized_pnl": 5} == recorded(metrics)


def test_what_is_no_position_is_counted_and_the_positions_are_too(
    metrics: TradingMetrics, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever else is in the answer would be an open position of a strategy called `unknown`."""
    answers = iter([["x", 5, Position("a", 7)], ["x", {"symbol": "NIFTY"}], [Position("b", 1)]])
    positions = track_positions(metrics=metrics)(lambda: next(answers))
    positions()
    assert 1 == recorded(metrics)["trading_positions_open a"]
    assert {("<lambda>", "value"): 2} == errors(metrics)
    assert "'x' is no position; it has none of the fields strategy, unrealized_pnl, quantity" in caplog.text
    positions()  # of which nothing can be told, so that all stays as it is
    assert {("<lambda>", "value"): 4} == errors(metrics)
    assert {"trading_positions_open a": 1, "trading_unrealized_pnl": 7} == {
        name: value for name, value in recorded(metrics).items() if name.startswith("trading")
    }
    positions()
    assert 0 == recorded(metrics)["trading_positions_open a"]


def test_the_fields_of_a_position_can_be_pointed_elsewhere(metrics: TradingMetrics) -> None:
    """The positions of a broker that calls its profit `pnl` would need a wrapper, or show no profit."""
    net = [
        {"tradingsymbol": "NIFTY25JUNFUT", "quantity": 50, "pnl": 120.5},
        {"tradingsymbol": "INFY", "quantity": 0, "pnl": 9.0},
        {"tradingsymbol": "TCS", "quantity": -25, "pnl": "-20.5"},
    ]
    track_positions(strategy="momentum", unrealized_pnl=result("pnl"), metrics=metrics)(lambda: net)()
    assert {"trading_positions_open momentum": 2, "trading_unrealized_pnl": 100} == recorded(metrics)
    assert {} == errors(metrics)


@pytest.mark.parametrize(
    ("sources", "answer", "strategy"),
    [
        ({"strategy": result("tag.name")}, [{"tag": {"name": "a"}}], "a"),
        ({"strategy": result("0"), "quantity": result("1")}, [("a", 5), ("a", 0)], "a"),
        ({"strategy": arg("account")}, [{"quantity": 5}], "main"),
        ({"strategy": lambda call: call.arguments["account"]}, {"quantity": 5}, "main"),
        ({"quantity": result("size")}, SimpleNamespace(strategy="a", size=3, quantity=0), "a"),
        ({"strategy": "s", "unrealized_pnl": 0, "quantity": 1}, [object()], "s"),
        ({}, [{"strategy": "a"}], "a"),
    ],
)
def test_sources_of_a_position(metrics: TradingMetrics, sources: Any, answer: Any, strategy: str) -> None:
    """What other decorators read would be out of reach for this one."""
    track_positions(metrics=metrics, **sources)(lambda account: answer)("main")
    assert 1 == recorded(metrics)[f"trading_positions_open {strategy}"]
    assert {} == errors(metrics)


def test_a_positions_own_strategy_wins_over_the_parameter(metrics: TradingMetrics) -> None:
    """The positions of one strategy would count as another's."""
    track_positions(metrics=metrics)(lambda strategy: [Position("own"), {"quantity": 1}])("asked")
    assert {"trading_positions_open own": 1, "trading_positions_open asked": 1} == recorded(metrics)


def test_a_field_of_a_position_that_is_pointed_nowhere_is_counted(metrics: TradingMetrics) -> None:
    """A wrong path would go unseen, or hide the positions."""
    track_positions(unrealized_pnl=result("pnl"), metrics=metrics)(lambda: [Position("a", 5)])()
    assert {("<lambda>", "source"): 1} == errors(metrics)
    assert 1 == recorded(metrics)["trading_positions_open a"]
    assert "trading_unrealized_pnl" not in recorded(metrics)


def shown_positions(metrics: TradingMetrics) -> dict[str, float]:
    """Open positions by strategy, and the P&L."""
    return {name.removeprefix("trading_positions_open "): value for name, value in recorded(metrics).items()}


@pytest.mark.parametrize("kind", ["functions", "one decorator", "methods", "explicit calls"])
def test_two_brokers_positions_add_up(metrics: TradingMetrics, kind: str) -> None:
    """The positions at one broker would zero those at the other, and the P&L would jump between the two."""
    answers: dict[str, Any] = {}

    class Broker:
        def __init__(self, name: str) -> None:
            self.name = name

        def positions(self) -> Any:
            return answers[self.name]

    first, second = Broker("first").positions, Broker("second").positions
    if kind == "functions":
        first, second = track_positions(metrics=metrics)(first), track_positions(metrics=metrics)(second)
    elif kind == "one decorator":
        first, second = map(track_positions(metrics=metrics), (lambda: answers["first"], lambda: answers["second"]))
    elif kind == "methods":
        first, second = (track_positions(metrics=metrics)(Broker(name).positions) for name in ("first", "second"))
    else:
        first = track_positions(metrics=metrics)(first)
        second = lambda: MetricsExporter(metrics).update_position_metrics(answers["second"])  # noqa: E731
    for one, other, expected in (
        ([Position("a", 1), Position("both", 2)], [], {"a": 1, "both": 1, "trading_unrealized_pnl": 3}),
        (
            [Position("a", 1), Position("both", 2)],
            [Position("b", 10), Position("both", 20)],
            {"a": 1, "b": 1, "both": 2, "trading_unrealized_pnl": 33},
        ),
        ([Position("a", 1)], [Position("both", 20)], {"a": 1, "b": 0, "both": 1, "trading_unrealized_pnl": 21}),
        ([], [Position("both", 20)], {"a": 0, "b": 0, "both": 1, "trading_unrealized_pnl": 20}),
        ([], [], {"a": 0, "b": 0, "both": 0, "trading_unrealized_pnl": 0}),
    ):
        answers.update(first=one, second=other)
        first()
        second()
        assert expected == shown_positions(metrics)
        first()
        assert expected == shown_positions(metrics)


def test_a_function_that_calls_others_stands_for_them(metrics: TradingMetrics) -> None:
    """What a function puts together from two brokers, or an overriding method from `super()`, would count twice."""
    at_first = [Position("a", 1), Position("b", 2)]
    first = track_positions(metrics=metrics)(lambda: list(at_first))
    second = track_positions(metrics=metrics)(lambda: [Position("a", 4)])
    seen = []

    @track_positions(metrics=metrics)
    def both() -> list[Position]:
        answer = first() + second()
        seen.append(shown_positions(metrics))  # as a scrape in the middle would see it
        return answer

    for _ in range(2):
        both()
        assert {"a": 2, "b": 1, "trading_unrealized_pnl": 7} == shown_positions(metrics)
    at_first.pop()
    both()
    assert {"a": 2, "b": 0, "trading_unrealized_pnl": 5} == shown_positions(metrics)
    assert [{}, *2 * [{"a": 2, "b": 1, "trading_unrealized_pnl": 7}]] == seen
    third = track_positions(metrics=metrics)(lambda: [Position("c", 1)])
    third()
    assert {"a": 2, "b": 0, "c": 1, "trading_unrealized_pnl": 6} == shown_positions(metrics)


@pytest.mark.parametrize("fails", [False, True])
def test_what_is_reported_within_a_function_without_an_answer_counts(metrics: TradingMetrics, fails: bool) -> None:
    """A function that fails after it has asked its broker would hide the positions there."""
    first = track_positions(metrics=metrics)(lambda: [Position("a", 1)])
    other = TradingMetrics()

    @track_positions(metrics=other)
    @track_positions(metrics=metrics)
    def outer() -> None:
        first()
        if fails:
            raise ConnectionError

    with contextlib.suppress(ConnectionError):
        outer()
    assert {"a": 1, "trading_unrealized_pnl": 1} == shown_positions(metrics)
    assert {} == shown_positions(other)


def test_a_function_of_another_metrics_object_stands_for_nobody(metrics: TradingMetrics) -> None:
    """The positions would be in neither of the two books, or in the wrong one."""
    inner = track_positions(metrics=metrics)(lambda: [Position("a", 1)])
    other = TradingMetrics()
    track_positions(metrics=other)(lambda: [*inner(), Position("b", 2)])()
    assert {"a": 1, "trading_unrealized_pnl": 1} == shown_positions(metrics)
    assert {"a": 1, "b": 1, "trading_unrealized_pnl": 3} == shown_positions(other)


def test_a_function_that_has_answered_stands_for_nobody_any_more(metrics: TradingMetrics) -> None:
    """A task that goes on in the background would report to a function that ended long ago, and to nobody else."""
    tasks = []

    @track_positions(metrics=metrics)
    async def first() -> list[Position]:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return [Position("a", 1)]

    @track_positions(metrics=metrics)
    async def outer() -> list[Position]:
        tasks.append(asyncio.create_task(first()))
        await asyncio.sleep(0)
        return [Position("b", 2)]

    async def run() -> None:
        await outer()
        await tasks[0]

    asyncio.run(run())
    assert {"a": 1, "b": 1, "trading_unrealized_pnl": 3} == shown_positions(metrics)


def test_functions_that_run_at_once_do_not_stand_for_one_another(metrics: TradingMetrics) -> None:
    """Brokers that are asked at the same time would hide one another's positions."""

    @track_positions(metrics=metrics)
    async def first() -> list[Position]:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return [Position("a", 1)]

    @track_positions(metrics=metrics)
    async def second() -> list[Position]:
        await asyncio.sleep(0)
        return [Position("b", 2)]

    async def ask() -> None:
        await asyncio.gather(first(), second())
        await second()
        await first()

    asyncio.run(ask())
    assert {"a": 1, "b": 1, "trading_unrealized_pnl": 3} == shown_positions(metrics)

    @track_positions(metrics=metrics)
    async def both() -> list[Position]:
        return [position for positions in await asyncio.gather(first(), second()) for position in positions]

    asyncio.run(both())
    assert {"a": 1, "b": 1, "trading_unrealized_pnl": 3} == shown_positions(metrics)


def test_a_function_that_is_gone_no_longer_reports(metrics: TradingMetrics) -> None:
    """A module that is loaded anew, or a cell that is run again, would count its positions twice."""
    for answer in ([Position("a", 2), Position("b", 1)], [Position("a", 2)], []):
        track_positions(metrics=metrics)(lambda answer=answer: answer)()
        gc.collect()
    assert {"a": 0, "b": 0, "trading_unrealized_pnl": 0} == shown_positions(metrics)
    track_positions(metrics=metrics)(lambda: [Position("a", 2)])()
    assert {"a": 1, "b": 0, "trading_unrealized_pnl": 2} == shown_positions(metrics)


def test_a_function_that_tells_no_pnl_leaves_the_others_alone(metrics: TradingMetrics) -> None:
    """A broker that reports no profits would set those at another one to zero."""
    with_pnl = track_positions(metrics=metrics)(lambda: [Position("a", 5)])
    without = track_positions(metrics=metrics)(lambda: [Position("b")])
    with_pnl()
    without()
    assert {"a": 1, "b": 1, "trading_unrealized_pnl": 5} == shown_positions(metrics)
    with_pnl()
    assert 5 == shown_positions(metrics)["trading_unrealized_pnl"]


def test_a_pnl_that_is_not_told_this_time_stays(metrics: TradingMetrics) -> None:
    """A broker that leaves its profit out once would take it off the sum when another one reports."""
    answers = iter([[Position("a", 5)], [Position("a")]])
    first = track_positions(metrics=metrics)(lambda: next(answers))
    first()
    first()
    track_positions(metrics=metrics)(lambda: [Position("b", 2)])()
    assert {"a": 1, "b": 1, "trading_unrealized_pnl": 7} == shown_positions(metrics)


def test_a_strategy_that_only_another_has_left_counts_less_at_once(metrics: TradingMetrics) -> None:
    """A position that was closed at one broker would be shown as open until the other one is asked."""
    answers = iter([[Position("both", 1)], []])
    first = track_positions(metrics=metrics)(lambda: next(answers))
    second = track_positions(metrics=metrics)(lambda: [Position("both", 2)])
    first()
    second()
    assert {"both": 2, "trading_unrealized_pnl": 3} == shown_positions(metrics)
    first()
    assert {"both": 1, "trading_unrealized_pnl": 2} == shown_positions(metrics)


def test_a_strategy_whose_series_is_gone_is_not_counted_as_another(metrics: TradingMetrics) -> None:
    """The strategies past the budget would take on the count of one that made room for others."""
    metrics = TradingMetrics(limits={"strategy": 1})
    answers = iter([[Position("both")], []])
    first = track_positions(metrics=metrics)(lambda: next(answers))
    second = track_positions(metrics=metrics)(lambda: [Position("both")])
    first()
    second()
    metrics.instrument(catalogue.POSITIONS_OPEN)._remove([("both",)], "expired")
    third = track_positions(metrics=metrics)(lambda: [Position(name) for name in ("new", "past", "beyond")])
    third()
    first()
    found = recorded(metrics)
    assert (1, 2) == tuple(found[f"trading_positions_open {name}"] for name in ("new", "__other__"))


def test_books_do_not_see_one_anothers_positions(metrics: TradingMetrics) -> None:
    """A test, or a second account with a metrics object of its own, would show the positions of both."""
    positions = track_positions(lambda: [Position("a", 5)])
    for _ in range(2):
        positions()
        assert {"a": 1, "trading_unrealized_pnl": 5} == shown_positions(get_metrics())
        configure(force=True)
    track_positions(metrics=metrics)(lambda: [Position("a", 5)])()
    assert {"a": 1, "trading_unrealized_pnl": 5} == shown_positions(metrics)


def test_an_iterator_is_left_to_the_caller(metrics: TradingMetrics) -> None:
    """The bot would find no positions, because its metrics had read them."""

    def positions() -> Iterator[Position]:
        return iter([Position(), Position()])

    assert 2 == len(list(track_positions(metrics=metrics)(positions)()))
    assert {("positions", "value"): 1} == errors(metrics)
    report = iter([{"strategy": "a", "win_rate": 1}])
    assert 1 == len(list(track_strategy(metrics=metrics)(lambda: report)()))


class Table:
    """What of pandas's DataFrame matters here, where pandas is missing: its columns are attributes too."""

    def __init__(self, columns: dict[str, list[Any]]) -> None:
        self.columns = columns

    def __getattr__(self, name: str) -> Any:
        return self.columns[name]

    def __getitem__(self, rows: slice) -> Table:
        return Table({name: values[rows] for name, values in self.columns.items()})

    def itertuples(self) -> None:
        """The rows, in pandas's own way."""

    def to_dict(self, orient: str) -> list[dict[str, Any]]:
        """The rows as mappings."""
        assert "records" == orient
        return [dict(zip(self.columns, row, strict=True)) for row in zip(*self.columns.values(), strict=True)]


TABLES = [Table, *([importlib.import_module("pandas").DataFrame] if importlib.util.find_spec("pandas") else [])]


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_a_list_of_its_rows(metrics: TradingMetrics, table: Any) -> None:
    """Positions in a DataFrame would be one of a strategy called `0 gamma 1 scalping`, and their P&L no number."""
    rows = table({"strategy": ["gamma", "gamma", "theta"], "quantity": [50, 25, 0], "unrealized_pnl": [1.5, 2.0, 9.0]})
    positions = track_positions(metrics=metrics)(lambda answer: answer)
    assert rows is positions(rows)
    assert {"trading_positions_open gamma": 2, "trading_unrealized_pnl": 3.5} == recorded(metrics)
    positions(rows[:0])
    assert {"trading_positions_open gamma": 0, "trading_unrealized_pnl": 0} == recorded(metrics)
    track_strategy(metrics=metrics)(lambda: table({"strategy": ["a", "b"], "win_rate": [0.5, 0.25]}))()
    MetricsExporter(metrics).update_position_metrics(rows)
    assert {
        "trading_positions_open gamma": 2,
        "trading_unrealized_pnl": 3.5,
        "trading_strategy_win_rate a": 0.5,
        "trading_strategy_win_rate b": 0.25,
    } == recorded(metrics)
    assert {} == errors(metrics)


@pytest.mark.parametrize("answer", [5, object(), "text and no positions"])
def test_what_is_no_positions_at_all_is_counted(metrics: TradingMetrics, answer: object) -> None:
    """A mistake in what is returned would show as an empty portfolio."""
    track_positions(metrics=metrics)(lambda: answer)()
    assert {("<lambda>", "value"): 1} == errors(metrics)
    assert 1 == len(recorded(metrics))


def test_strategies_past_the_budget_share_a_count(metrics: TradingMetrics) -> None:
    """Positions of the last strategies would be missing from the total."""
    metrics = TradingMetrics(limits={"strategy": 2})
    track_positions(metrics=metrics)(lambda: [Position(f"s{number}", 1) for number in range(5)])()
    found = recorded(metrics)
    assert {"s0": 1, "s1": 1, "__other__": 3} == {
        name.split()[1]: count for name, count in found.items() if name.startswith("trading_positions_open")
    }
    assert 5 == found["trading_unrealized_pnl"]
    assert found["tradmetrics_label_overflow_total trading_positions_open strategy"] >= 1
