"""A call whose labels were seen before goes the short way: nothing is looked up in the registry again.

What runs is counted, not timed: by the names of the functions of ours that Python enters.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from enum import Enum
from types import FrameType, SimpleNamespace
from typing import Any

import pytest

import tradmetrics
from tests.recorded import errors, recorded, sample
from tradmetrics import (
    MetricDefinition,
    TradingMetrics,
    arg,
    catalogue,
    fill_timer,
    result,
    track,
    track_market_data,
    track_order,
    track_prediction,
    track_request,
    track_trade,
)

PACKAGE = os.path.dirname(tradmetrics.__file__)
WHAT = MetricDefinition("what_total", "counter", "Calls by what was read.", ("what",))
BOTH = MetricDefinition("both_total", "counter", "Calls by two things.", ("what", "who"))


@pytest.fixture
def metrics() -> TradingMetrics:
    """A metrics object of the test's own."""
    return TradingMetrics()


def entered(call: Callable[[], object]) -> str:
    """The names of the functions of ours that a call enters, in one text."""
    names: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            names.append(frame.f_code.co_name)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(before)
    return " ".join(names)


CAREFUL = "_plain_rules"  # what reads the fields one by one


def ways(call: Callable[[], object], times: int = 3) -> list[str]:
    """How each of some calls went: the guard was asked (`resolve`), fields were `read` one by one, or the short way."""
    found = []
    for _ in range(times):
        names = entered(call)
        found.append("resolve" if "_resolve" in names else "read" if CAREFUL in names else "short")
    return found


class Side(Enum):
    """An enum of one's own."""

    BUY = "buy"


class Desk(Enum):
    """Another one, which is first met beside a text."""

    DELTA = "delta"


class Text(str, Enum):
    """An enum of texts."""

    BUY = "BUY"


SHORT: dict[str, tuple[Callable[[TradingMetrics], Any], Callable[..., Any], tuple[Any, ...]]] = {
    "a rejection with a reason": (
        lambda metrics: track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=metrics),
        lambda: {"status": "rejected", "reason": "insufficient funds"},
        (),
    ),
    "an answer with quantities": (
        lambda metrics: track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=metrics),
        lambda: {"status": "open", "filled": "5", "amount": 5.0},
        (),
    ),
    "constants": (lambda metrics: track_order(strategy="s", metrics=metrics), lambda: None, ()),
    "texts": (
        lambda metrics: track_order(metrics=metrics),
        lambda strategy, side, order_type: None,
        ("s", "BUY", "LIMIT"),
    ),
    "an enum": (lambda metrics: track_order(strategy="s", metrics=metrics), lambda side: None, (Side.BUY,)),
    "an enum of texts": (lambda metrics: track_order(strategy="s", metrics=metrics), lambda side: None, (Text.BUY,)),
    "an enum beside a text": (
        lambda metrics: track_order(order_type="LIMIT", metrics=metrics),
        lambda side, strategy: None,
        ("BUY", Desk.DELTA),
    ),
    "an order's own labels": (
        lambda metrics: track_order(metrics=metrics),
        lambda order: None,
        (SimpleNamespace(strategy="s", side="BUY", order_type="LIMIT"),),
    ),
    "a key": (lambda metrics: track(WHAT, what=arg("x.what"), metrics=metrics), lambda x: None, ({"what": "a"},)),
    "an attribute": (
        lambda metrics: track(WHAT, what=arg("x.what"), metrics=metrics),
        lambda x: None,
        (SimpleNamespace(what="a"),),
    ),
    "an order without a status": (
        lambda metrics: track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=metrics),
        lambda order: None,
        (SimpleNamespace(),),
    ),
    "an order without a status as a dict": (
        lambda metrics: track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=metrics),
        lambda order: None,
        ({},),
    ),
    "an order and a request without a status": (
        lambda metrics: track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=metrics),
        lambda order, request: None,
        (SimpleNamespace(), {}),
    ),
    "seconds": (lambda metrics: fill_timer("s", metrics=metrics), lambda: None, ()),
    "seconds of a request": (
        lambda metrics: track_request(endpoint="/x", method="GET", metrics=metrics),
        lambda: None,
        (),
    ),
    "a trade": (lambda metrics: track_trade(strategy="s", side="BUY", metrics=metrics), lambda: None, ()),
    "market data": (lambda metrics: track_market_data(symbol="NIFTY", metrics=metrics), lambda tick: None, ("tick",)),
    "a call that answers": (lambda metrics: track(WHAT, metrics=metrics), lambda what: "answer", ("a",)),
    "a whole number": (lambda metrics: track(WHAT, metrics=metrics), lambda what: None, (1,)),
}


@pytest.mark.parametrize("name", SHORT)
def test_a_call_that_was_seen_before_goes_the_short_way(metrics: TradingMetrics, name: str) -> None:
    """Every order would cost what the first one did, many times what a call by hand costs."""
    decorator, function, args = SHORT[name]
    decorated = decorator(metrics)(function)
    assert ["resolve", "short", "short"] == ways(lambda: decorated(*args))
    after_three = recorded(metrics)
    decorated(*args)
    counters = {key for key in after_three if "timestamp" not in key}
    assert {key: after_three[key] / 3 * 4 for key in counters} == {key: recorded(metrics)[key] for key in counters}
    assert {} == errors(metrics)


READ: dict[str, tuple[Callable[[TradingMetrics], Any], Callable[..., Any], tuple[Any, ...]]] = {
    "the status of an answer": (
        lambda metrics: track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=metrics),
        lambda: {"status": "cancelled", "reason": "order 17 is too late"},
        (),
    ),
    "a prediction that decides": (
        lambda metrics: track_prediction(model="m", prediction=arg("what"), metrics=metrics),
        lambda what: None,
        ("up",),
    ),
    "a prediction that is the answer's": (
        lambda metrics: track_prediction(model="m", metrics=metrics),
        lambda: {"prediction": "up"},
        (),
    ),
    "a value of one's own": (
        lambda metrics: track(WHAT, what=arg("x"), value=arg("size"), metrics=metrics),
        lambda x, size: None,
        ("a", 2),
    ),
    "what compares in its own way": (lambda metrics: track(WHAT, metrics=metrics), lambda what: None, ([1],)),
    "a function of the call": (lambda metrics: track(WHAT, what=lambda call: "a", metrics=metrics), lambda: None, ()),
}


@pytest.mark.parametrize("name", READ)
def test_a_call_whose_outcome_has_to_be_read_still_asks_the_registry_but_once(
    metrics: TradingMetrics, name: str
) -> None:
    """Every order that answers would be looked up in every metric it counts in."""
    decorator, function, args = READ[name]
    decorated = decorator(metrics)(function)
    assert ["resolve", "read", "read"] == ways(lambda: decorated(*args))
    after_three = recorded(metrics)
    decorated(*args)
    assert {key: value / 3 * 4 for key, value in after_three.items()} == recorded(metrics)
    assert {} == errors(metrics)


ASKED: dict[str, tuple[Callable[[TradingMetrics], Any], Callable[..., Any], tuple[Any, ...]]] = {
    "a number": (lambda metrics: track(WHAT, metrics=metrics), lambda what: None, (1.0,)),
    "a text of a thousand characters": (lambda metrics: track(WHAT, metrics=metrics), lambda what: None, ("x" * 1000,)),
    "an answer of a thousand characters": (
        lambda metrics: track(WHAT, what=result(), metrics=metrics), lambda: "x" * 1000, (),
    ),
    "a side that is none": (
        lambda metrics: track_order(strategy="s", metrics=metrics),
        lambda side: None,
        ("sideways",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_what_cannot_be_compared_or_kept_is_asked_for_each_time(metrics: TradingMetrics, name: str) -> None:
    """`1`, `True` and `1.0` would be one strategy, a large text would be kept, or an error be counted but once."""
    decorator, function, args = ASKED[name]
    decorated = decorator(metrics)(function)
    assert ["resolve"] * 3 == ways(lambda: decorated(*args))


@pytest.mark.parametrize("text", ["x" * 255, "x" * 256])
def test_a_text_up_to_twice_the_longest_label_is_remembered(metrics: TradingMetrics, text: str) -> None:
    """Long names, of which the label shows the beginning, would be asked for each time."""
    decorated = track(WHAT, metrics=metrics)(lambda what: None)
    assert ["resolve", "short", "short"] == ways(lambda: decorated(text))
    longer = track(WHAT, metrics=metrics)(lambda what: None)
    assert ["resolve"] * 3 == ways(lambda: longer("x" * 257))


# ── what is remembered of one call counts for no other ───────────────────────────────────────────────────────────


def cancelled(found: dict[str, float]) -> dict[str, float]:
    """The orders of some recorded ones that were cancelled, by reason."""
    return {name.split()[-1]: value for name, value in found.items() if name.startswith("trading_orders_cancelled")}


@pytest.mark.parametrize("answer", [None, {"status": "cancelled"}])
def test_what_is_passed_by_name_is_no_default(metrics: TradingMetrics, answer: Any) -> None:
    """A market order would be counted as the limit order that the function places if nothing else is said."""

    @track_order(strategy="s", metrics=metrics)
    def place(side: str, order_type: str = "LIMIT", *, urgent: bool = False) -> Any:
        return answer

    for _ in range(3):
        place("BUY")
        place("BUY", order_type="MARKET", urgent=True)
        place(order_type="STOP", side="SELL")
    submitted = "trading_orders_submitted_total s"
    assert {f"{submitted} BUY LIMIT": 3, f"{submitted} BUY MARKET": 3, f"{submitted} SELL STOP": 3} == {
        name: value for name, value in recorded(metrics).items() if name.startswith(submitted)
    }


@pytest.mark.parametrize("labels", [{}, {"side": "BUY"}, {"side": "BUY", "order_type": "LIMIT"}])
def test_answers_with_reasons_of_their_own_are_told_apart(metrics: TradingMetrics, labels: dict[str, str]) -> None:
    """Every cancelled order would be counted under the reason of the first."""
    place = track_order(strategy="s", metrics=metrics, **labels)(lambda why: {"status": "cancelled", "reason": why})
    reasons: list[Any] = ["late", "early", "x" * 1000, ["unhashable"], 1, True, 1.0, None, Side.BUY, b"late"]
    for _ in range(3):
        for reason in reasons:
            place(reason)
    assert {
        "late": 6, "early": 3, "x" * 128: 3, "['unhashable']": 3, "1": 3, "True": 3, "1.0": 3, "unknown": 3, "buy": 3,
    } == cancelled(recorded(metrics))  # fmt: skip
    assert {} == errors(metrics)


def test_an_exception_counts_under_its_own_reason(metrics: TradingMetrics) -> None:
    """A rejection by exception would be counted under the reason of the last one that was answered."""

    @track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=metrics)
    def place(order: Any) -> Any:
        if order.fails:
            raise LookupError
        return {"status": "rejected", "reason": "margin"}

    for _ in range(3):
        place(SimpleNamespace(fails=False))
        with pytest.raises(LookupError):
            place(SimpleNamespace(fails=True))
    rejected = "trading_orders_rejected_total s"
    assert {f"{rejected} margin": 3, f"{rejected} lookup_error": 3} == {
        name: value for name, value in recorded(metrics).items() if name.startswith(rejected)
    }


@pytest.mark.parametrize("first", [None, "rejected", "cancelled", "filled"])
def test_one_end_of_an_order_is_not_remembered_for_another(metrics: TradingMetrics, first: str | None) -> None:
    """An order that is still open would be counted as the last one ended."""
    place = track_order(strategy="s", side="BUY", order_type="LIMIT", fill_time=1, metrics=metrics)(
        lambda answer: answer
    )
    ends = [first, None, "rejected", "cancelled", "filled", "accepted", None]
    for end in ends:
        for _ in range(2):
            place({"status": end} if end else None)
    found = recorded(metrics)
    for end in ("rejected", "cancelled", "filled"):
        expected = 2 * ends.count(end)
        assert expected == sum(value for name, value in found.items() if name.startswith(f"trading_orders_{end}_total"))
    assert 14 == found["trading_orders_submitted_total s BUY LIMIT"]
    assert 2 * ends.count("filled") == found["trading_order_fill_time_seconds_count s"]


# ── what finds no place ──────────────────────────────────────────────────────────────────────────────────────────


def test_what_finds_no_place_goes_the_short_way_after_its_like(metrics: TradingMetrics) -> None:
    """A flood of order ids would be admitted one by one, each many times as dear as a call that counts."""
    bounded = TradingMetrics(limits={"strategy": 1})
    place = track_order(metrics=bounded)(lambda strategy, side, order_type: None)
    place("first", "BUY", "LIMIT")
    place("second", "BUY", "LIMIT")
    for number in range(200):  # long enough for it to be a flood, in which nobody is listened to
        place(f"another {number}", "BUY", "LIMIT")
    ways_ = [ways(lambda n=number: place(f"more {n}", "BUY", "LIMIT"), 1)[0] for number in range(50)]  # type: ignore[misc]
    assert ways_.count("short") >= 40, ways_
    submitted = "trading_orders_submitted_total"
    assert 1 == sample(bounded, submitted, strategy="first", side="BUY", order_type="LIMIT")
    assert 251 == sample(bounded, submitted, strategy="__other__", side="BUY", order_type="LIMIT")
    assert 251 == sample(bounded, "tradmetrics_label_overflow_total", metric=submitted, label="strategy")


def test_each_metric_of_a_call_spills_by_its_own_budget() -> None:
    """What one metric has no place for would be lost to the other, or counted there as an overflow."""
    submitted, unknown = "trading_orders_submitted_total", "trading_ml_predictions_total"
    bounded = TradingMetrics(limits={(submitted, "strategy"): 2, (unknown, "model"): 1, "prediction": 3})
    place = track_order(order_type="LIMIT", metrics=bounded)(lambda strategy, side: None)
    predict = track_prediction(metrics=bounded)(lambda model, prediction: None)
    for number in range(120):
        place(f"s{number}", "BUY")
        predict("m" if number % 2 else f"m{number}", f"p{number % 5}")
    assert 1 == sample(bounded, submitted, strategy="s0", side="BUY", order_type="LIMIT")
    assert 1 == sample(bounded, submitted, strategy="s1", side="BUY", order_type="LIMIT")
    assert 118 == sample(bounded, submitted, strategy="__other__", side="BUY", order_type="LIMIT")
    assert 120 == sum(value for name, value in recorded(bounded).items() if name.startswith(unknown))
    assert {} == errors(bounded)


def test_constant_labels_spill_with_those_that_vary() -> None:
    """A strategy that came too late for its budget would count its orders under the wrong side."""
    bounded = TradingMetrics(limits={"what": 1, "who": 2})
    first = track(BOTH, what="early", metrics=bounded)(lambda who: None)
    late = track(BOTH, what="late", metrics=bounded)(lambda who: None)
    for _ in range(3):
        first("a")
    for _ in range(100):
        late("a")
        late("b")
        late("c")
        late("d")
    assert {
        "both_total early a": 3,
        "both_total __other__ a": 100,
        "both_total __other__ b": 100,
        "both_total __other__ __other__": 200,
    } == {name: value for name, value in recorded(bounded).items() if name.startswith("both_total")}
    overflowed = {
        label: sample(bounded, "tradmetrics_label_overflow_total", metric="both_total", label=label)
        for label in ("what", "who")
    }
    assert {"what": 400, "who": 200} == overflowed
    went = [ways(lambda: late("a"), 1)[0] for _ in range(50)]
    assert went.count("short") >= 40, went
    assert catalogue.LABEL_OVERFLOW.name == "tradmetrics_label_overflow_total"


def test_an_error_that_says_the_same_again_is_not_described_again(
    metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each order with a word that nobody knows would cost a search for secrets, hundreds of times a counted one."""
    described: list[str] = []

    def note(error: BaseException) -> str:
        described.append(type(error).__name__)
        return f"{type(error).__name__}: {error}"

    monkeypatch.setattr("tradmetrics.registry.errors_log.describe", note)
    answers = iter(["never heard"] * 3 + ["seldom heard"])
    place = track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=metrics)(
        lambda: {"status": next(answers)}
    )
    for word in ("never heard", "never heard", "never heard", "seldom heard"):
        place()
        (last,) = metrics.last_faults.values()
        assert f"status='{word}' is not a known order status" in last
    assert ["UnknownWord"] * 2 == described
    assert [4] == list(errors(metrics).values())
