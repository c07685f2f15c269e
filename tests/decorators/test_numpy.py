"""Numbers, texts and arrays of numpy as arguments and answers."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

from tests.recorded import errors, recorded
from tradmetrics import (
    MetricDefinition,
    TradingMetrics,
    arg,
    result,
    track,
    track_circuit_breaker,
    track_prediction,
    track_risk_check,
    track_trade,
)

ACTIVE = "trading_circuit_breaker_active"
EXECUTED = "trading_trades_total s BUY executed"
SEEN = MetricDefinition("seen_total", "counter", "Calls by what was read from them.", ("what",))


@pytest.fixture
def metrics() -> TradingMetrics:
    """A metrics object of the test's own."""
    return TradingMetrics()


@pytest.mark.parametrize(
    ("value", "path", "expected"),
    [
        (numpy.array(["BUY", "SELL"]), "x.1", "SELL"),
        (numpy.array([[1, 2], [3, 4]]), "x.-1.0", "3"),
    ],
    ids=["texts", "numbers"],
)
def test_a_path_leads_into_an_array(metrics: TradingMetrics, value: Any, path: str, expected: str) -> None:
    """Labels in an array could not be had without a function of one's own."""
    watched = track(SEEN, what=arg(path), on="finished", metrics=metrics)(lambda x: None)
    for _ in range(3):
        watched(value)
    assert {f"seen_total {expected}": 3} == recorded(metrics)
    assert {} == errors(metrics)


@pytest.mark.parametrize("no", [numpy.bool_(False), numpy.array([3.0])[0] <= 2], ids=["bool_", "comparison"])
def test_a_comparison_is_an_answer_too(metrics: TradingMetrics, no: object) -> None:
    """A check of positions in an array would never find a breach, and each look would trip the breaker."""
    check = track_risk_check(limit_type="size", metrics=metrics)(lambda answer: answer)
    halt = track_circuit_breaker(reason="loss", metrics=metrics)(lambda answer: answer)
    for answer in (no, numpy.bool_(True)):
        check(answer)
    halt(no)
    assert {"trading_risk_limit_breaches_total size": 1} == recorded(metrics)
    halt(numpy.bool_(True))
    assert 1 == recorded(metrics)[ACTIVE]
    for answer in (0, "", None, 0.0, numpy.int64(0)):
        check(answer)
    assert 1 == recorded(metrics)["trading_risk_limit_breaches_total size"]


@pytest.mark.parametrize(
    "number", [numpy.float64(3), numpy.float32(3), numpy.int64(3)], ids=lambda each: each.dtype.name
)
def test_a_number_is_the_pnl(metrics: TradingMetrics, number: Any) -> None:
    """A bot that computes what it won from arrays would record nothing."""
    track_trade(strategy="s", side="BUY", metrics=metrics)(lambda: number)()
    assert {EXECUTED: 1, "trading_trades_pnl_count s": 1, "trading_profit_total s": 3} == recorded(metrics)


def test_a_comparison_is_no_pnl(metrics: TradingMetrics) -> None:
    """`return won > 0` would be a profit of 1."""
    track_trade(strategy="s", side="BUY", metrics=metrics)(lambda: numpy.bool_(True))()
    assert {EXECUTED: 1} == recorded(metrics)


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        (numpy.int64(1), "1"),
        (numpy.bool_(True), "True"),
        (numpy.str_("up"), "up"),
        (numpy.array([2]), "2"),
        (numpy.array(["down"]), "down"),
        (numpy.array([0.73]), "unknown"),
        (numpy.array([1, 2]), "unknown"),
    ],
)
def test_each_prediction_counts_by_what_it_was(metrics: TradingMetrics, answer: object, label: str) -> None:
    """A model that only ever says one thing would look like one that works."""
    predict = track_prediction(model="m", metrics=metrics)(lambda: answer)
    for _ in range(3):
        assert answer is predict()
    assert {f"trading_ml_predictions_total m {label}": 3} == recorded(metrics)


@pytest.mark.parametrize("found", [numpy.array(["up"]), numpy.array("up"), numpy.str_("up"), "up"])
@pytest.mark.parametrize("source", [result(), result("prediction"), arg("found"), lambda call: call.arguments["found"]])
def test_what_is_alone_in_an_array_is_read_the_same_wherever_it_is(
    metrics: TradingMetrics, source: Any, found: Any
) -> None:
    """One class would be `up` for one function and `['up']` for the next, and a query finds one of them."""
    answer = {"prediction": found} if source == result("prediction") else found
    predict = track_prediction(model="m", prediction=source, metrics=metrics)(lambda found: answer)
    for _ in range(2):
        assert answer is predict(found)
    track_prediction(model="m", metrics=metrics)(lambda: {"prediction": found})()
    assert {"trading_ml_predictions_total m up": 3} == recorded(metrics)
    assert {} == errors(metrics)
