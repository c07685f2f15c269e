"""The usual call is recorded from memory: the same must come out as when every call is read by the plain rules."""

from __future__ import annotations

import inspect
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.recorded import recorded, sample
from tradmetrics import (
    Limits,
    MetricDefinition,
    TradingMetrics,
    arg,
    result,
    track,
    track_order,
    track_request,
    track_trade,
)
from tradmetrics.capture.wrapping import CALL_SITES_ATTRIBUTE

Row = namedtuple("Row", "id status")
WHAT = MetricDefinition("what_total", "counter", "Calls by what was read.", ("what",))


class Side(Enum):
    """An enum of one's own."""

    BUY = "buy"


class Word(str):
    """A text that prints otherwise than it compares."""

    __slots__ = ()

    def __str__(self) -> str:
        return "other"


@dataclass
class Plain:
    """An answer with plain attributes, one of them with a default."""

    status: Any
    reason: Any = None


@dataclass(slots=True)
class Slotted:
    """An answer with slots."""

    status: Any
    filled: Any = None


class Lazy:
    """An answer whose status is a property."""

    def __init__(self, status: Any) -> None:
        self._status = status

    @property
    def status(self) -> Any:
        """The status, from elsewhere."""
        return self._status


class RefusedError(Exception):
    """An exception of a broker's."""


class LateError(TimeoutError):
    """An exception after which the order may be live."""


WORDS = ("submitted", "filled", "FILLED", "rejected", "cancelled", "expired", "never heard", "", None, 2, 2.0, True)
words = st.sampled_from(WORDS)
labels = st.sampled_from(["gamma", "vega", "order-1", "", None, 1, True, 1.0, Side.BUY, Word("gamma"), "buy", "SELL"])
numbers = st.sampled_from([0.5, 1, 0, -2.5, "3", None, float("nan"), float("inf"), True, "N/A"])
optional = st.fixed_dictionaries(
    {},
    optional={
        "status": words,
        "reason": st.sampled_from(["late", "too late", "Too Late", "", "-", "order 17", None, 3]),
        "fill_time": numbers,
        "filled": numbers,
        "amount": numbers,
        "pnl": numbers,
        "message": st.sampled_from(["late", None]),
        "status_code": st.sampled_from([200, 404, "404", True, None]),
        "order_type": st.sampled_from(["LIMIT", None]),
    },
)
answers = st.one_of(
    st.none(),
    optional,
    optional.map(lambda fields: SimpleNamespace(**fields)),
    words.map(Plain),
    st.builds(Slotted, words, numbers),
    words.map(lambda word: Row(1, word)),
    words.map(Lazy),
    st.sampled_from(["17", 404, 2.5, True]),
)
errors_raised = st.sampled_from(
    [
        RefusedError(),
        RefusedError("17"),
        ValueError("no"),
        LateError("late"),
        TimeoutError(),
        KeyError("x"),
        RefusedError("status unknown"),
    ]
)
calls = st.lists(
    st.tuples(labels, labels, st.one_of(answers, errors_raised)), min_size=1, max_size=25
)  # fmt: skip

DECORATORS: dict[str, Callable[[TradingMetrics], Any]] = {
    "track_order": lambda metrics: track_order(metrics=metrics),
    "track_order by paths": lambda metrics: track_order(
        strategy=arg("strategy"), side=arg("order.side"), status=result("status"), metrics=metrics
    ),
    "track_trade": lambda metrics: track_trade(metrics=metrics),
    "track_request": lambda metrics: track_request(endpoint="/orders", method=arg("side"), metrics=metrics),
    "track": lambda metrics: track(WHAT, what=arg("side"), metrics=metrics),
}


def forget(function: Any) -> None:
    """Let the next call of a decorated function go the careful way."""
    for site in getattr(function, CALL_SITES_ATTRIBUTE):
        site.memory.cell_contents.clear()


@pytest.mark.parametrize("name", DECORATORS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stream=calls)
def test_the_fast_way_and_the_careful_way_agree(name: str, stream: list[tuple[Any, Any, Any]]) -> None:
    """What is remembered of one call would be counted for another that differs from it."""
    seen = []
    for careful in (False, True):
        metrics = TradingMetrics(limits=Limits(labels={"strategy": 3}))

        @DECORATORS[name](metrics)
        def place(strategy: Any, side: Any, order: Any) -> Any:
            if isinstance(order.answer, Exception):
                raise type(order.answer)(*order.answer.args)
            return order.answer

        for _ in range(2):
            for strategy, side, answer in stream:
                if careful:
                    forget(place)
                order = SimpleNamespace(
                    side=side, answer=answer, **({"order_type": None} if strategy == "vega" else {})
                )
                if isinstance(answer, Exception):
                    with pytest.raises(type(answer)):
                        place(strategy, side, order)
                else:
                    assert answer is place(strategy, side, order)
        found = recorded(metrics)
        times = [key for key in found if "seconds" in key and "_sum" in key]
        seen.append({key: value for key, value in found.items() if key not in times})
    assert seen[1] == seen[0]


# ── the shell ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_shell_has_the_functions_own_parameters() -> None:
    """A keyword call would cost more than a positional one, and tools would show `*args, **kwargs`."""
    metrics = TradingMetrics()

    def place(side: str, /, strategy: str = "s", *legs: str, limit: float = 1.0, **more: int) -> Any:
        return side, strategy, legs, limit, more

    decorated = track_order(order_type="LIMIT", metrics=metrics)(place)
    assert inspect.signature(place) == inspect.signature(decorated)
    own, shell = (inspect.signature(each, follow_wrapped=False).parameters.values() for each in (place, decorated))
    assert [(each.name, each.kind, each.default) for each in own] == [
        (each.name, each.kind, each.default) for each in shell
    ]
    assert place("BUY", "t", "a", "b", limit=2.0, z=3) == decorated("BUY", "t", "a", "b", limit=2.0, z=3)
    assert place("BUY") == decorated("BUY")
    assert 2 == sum(value for key, value in recorded(metrics).items() if "submitted" in key)


def test_wrong_arguments_are_the_functions_own_error_and_count_nothing() -> None:
    """A call that never reached the function would count as an order that the broker refused."""
    metrics = TradingMetrics()

    class Desk:
        """A callable object, which no generated shell stands for."""

        def __call__(self, strategy: str, side: str) -> None: ...

    def place(strategy: str, side: str) -> None: ...

    async def later(strategy: str, side: str) -> None: ...

    for bare in (place, later, Desk()):
        decorated = track_order(order_type="LIMIT", metrics=metrics)(bare)
        for args, kwargs in (((), {}), (("s", "BUY", 1), {}), (("s", "BUY"), {"x": 1}), (("s",), {"strategy": "t"})):
            texts = []
            for function in (bare, decorated):
                with pytest.raises(TypeError) as caught:
                    function(*args, **kwargs)  # type: ignore[operator]
                texts.append(str(caught.value))
            assert texts[0] == texts[1]
    assert {} == {key: value for key, value in recorded(metrics).items() if value}


def test_functions_of_one_shape_share_their_code() -> None:
    """Decorating a hundred functions would compile a hundred shells."""
    metrics = TradingMetrics()
    one = track_order(metrics=metrics)(lambda strategy, side: None)
    other = track_order(metrics=metrics)(lambda strategy, side: 1)
    assert one.__code__.co_code == other.__code__.co_code
    assert one.__code__.co_consts is other.__code__.co_consts


# ── one read ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Counting:
    """An object whose reads are counted by name."""

    def __init__(self, **fields: object) -> None:
        self.__dict__["fields"] = fields
        self.__dict__["reads"] = []

    def __getattr__(self, name: str) -> object:
        if name.startswith("__") or name not in self.fields:
            raise AttributeError(name)
        self.reads.append(name)
        return self.fields[name]


@pytest.mark.parametrize("value", ["gamma", 7, 7.5, None, Side.BUY, Word("x"), SimpleNamespace()], ids=repr)
def test_each_place_of_a_call_is_read_at_most_once(value: object) -> None:
    """A lazy attribute would ask the broker several times for one order."""
    metrics = TradingMetrics()
    place = track_order(metrics=metrics)(lambda order, answer: answer)
    for _ in range(3):
        order = Counting(strategy=value, side=value, order_type=value)
        answer = Counting(status=value, reason=value, filled=value)
        place(order, answer)
        for each in (order, answer):
            assert sorted(set(each.reads)) == sorted(each.reads)


class Stubborn:
    """An order whose side cannot be read, beside labels that can."""

    reads = 0
    strategy, order_type = "s", "LIMIT"

    @property
    def side(self) -> str:
        """Raise."""
        self.reads += 1
        raise ValueError("no side")


def test_a_label_that_cannot_be_read_is_asked_once() -> None:
    """A request for a lazy attribute that timed out would be sent a second time, after the order."""
    metrics = TradingMetrics()
    place = track_order(metrics=metrics)(lambda order: None)
    for _ in range(3):
        order = Stubborn()
        place(order)
        assert 1 == order.reads
    assert 3 == sample(metrics, "trading_orders_submitted_total", strategy="s", side="unknown", order_type="LIMIT")


def test_a_label_that_is_there_with_none_is_not_taken_from_the_answer() -> None:
    """One field would be read in two objects, and a broker's word would stand for what the bot left open."""
    metrics = TradingMetrics()
    place = track_order(strategy="s", order_type="LIMIT", metrics=metrics)(lambda order: {"side": "SELL"})
    for order in ({"side": None}, {}, {"side": None}, {}, SimpleNamespace(side=None), SimpleNamespace()) * 2:
        place(order)
    for side, count in {"unknown": 6, "SELL": 6}.items():
        assert count == sample(metrics, "trading_orders_submitted_total", strategy="s", side=side, order_type="LIMIT")


def test_a_path_with_a_common_beginning_is_walked_once() -> None:
    """The object in the middle of two paths would be asked for twice."""
    metrics = TradingMetrics()
    place = track_order(
        strategy=arg("order.info.strategy"), side=arg("order.info.side"), order_type="LIMIT", metrics=metrics
    )(lambda order: None)
    for _ in range(3):
        order = Counting(info=SimpleNamespace(strategy="s", side="BUY"))
        place(order)
        assert ["info"] == order.reads
    assert 3 == sample(metrics, "trading_orders_submitted_total", strategy="s", side="BUY", order_type="LIMIT")
