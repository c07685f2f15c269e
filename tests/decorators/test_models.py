"""`track_prediction` and `track_training`: models at work, and their training."""

from __future__ import annotations

import asyncio
import math
from decimal import Decimal
from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest

from tests.recorded import errors, raising, recorded, sample
from tradmetrics import (
    LabelSourceError,
    TradingMetrics,
    TradmetricsError,
    arg,
    result,
    track_prediction,
    track_training,
)

TRAINED = {"trading_ml_training_duration_seconds_count": 1, "trading_ml_last_training_timestamp": 1_700_000_000.0}


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> TradingMetrics:
    """A metrics object of the test's own, and a time of day that stands still."""
    monkeypatch.setattr("tradmetrics.capture.call_context.time", lambda: 1_700_000_000.0)
    return TradingMetrics()


class Signal(Enum):
    """What a model says."""

    UP = "up"
    DOWN = 2


def predicting(metrics: TradingMetrics, **sources: Any) -> Any:
    """A decorated function that answers what it is given."""

    @track_prediction(model="m", metrics=metrics, **sources)
    def predict(features: Any) -> Any:
        return features

    return predict


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("take_trade", "take_trade"),
        (Signal.UP, "up"),
        (Signal.DOWN, "DOWN"),
        (1, "1"),
        (True, "True"),
        ({"prediction": "up", "confidence": 0.9}, "up"),
        (SimpleNamespace(prediction=Signal.UP), "up"),
        ({"prediction": 0}, "0"),
    ],
)
def test_each_prediction_counts_by_what_it_was(metrics: TradingMetrics, answer: object, label: str) -> None:
    """A model that only ever says one thing would look like one that works."""
    predict = predicting(metrics)
    for _ in range(3):
        assert answer is predict(answer)
    assert {f"trading_ml_predictions_total m {label}": 3} == recorded(metrics)


def test_predictions_of_one_model_are_told_apart(metrics: TradingMetrics) -> None:
    """Every prediction would count as the first one was."""
    predict = predicting(metrics)
    for answer in ("up", "down", "up", {"prediction": "down"}, None, 0.73, [1, 2]):
        predict(answer)
    assert {
        "trading_ml_predictions_total m up": 2,
        "trading_ml_predictions_total m down": 2,
        "trading_ml_predictions_total m unknown": 3,
    } == recorded(metrics)


def test_a_number_with_a_fraction_is_no_class(metrics: TradingMetrics) -> None:
    """Every confidence would become a series of its own."""
    predict = predicting(metrics)
    for number in range(10):
        predict(number / 7)
    assert {"trading_ml_predictions_total m unknown": 10} == recorded(metrics)


@pytest.mark.parametrize(
    ("source", "label"),
    [
        (result("label"), "up"),
        (result(), "SimpleNamespace"),
        (lambda call: "sure" if call.result.p > 0.5 else "no", "sure"),
        ("constant", "constant"),
        (arg("features"), "f"),
    ],
)
def test_the_prediction_can_come_from_any_source(metrics: TradingMetrics, source: Any, label: str) -> None:
    """Models that answer with objects of their own could not be recorded."""

    class Answer(SimpleNamespace):
        def __str__(self) -> str:
            return "SimpleNamespace"

    @track_prediction(model="m", prediction=source, metrics=metrics)
    def predict(features: str) -> Answer:
        return Answer(label="up", p=0.9)

    predict("f")
    predict("f")
    assert {f"trading_ml_predictions_total m {label}": 2} == recorded(metrics)


@pytest.mark.parametrize(
    ("model", "label"),
    [
        (SimpleNamespace(name="xgboost"), "xgboost"),
        (SimpleNamespace(name=None), "SimpleNamespace"),
        (SimpleNamespace(), "SimpleNamespace"),
        (object(), "object"),
        (Signal.UP, "up"),
        ("m", "m"),
        (7, "7"),
        (None, "unknown"),
    ],
)
def test_a_model_itself_is_called_by_its_name_or_class(metrics: TradingMetrics, model: object, label: str) -> None:
    """Its own text is an address that is another after each start, or all of its settings."""

    @track_prediction(metrics=metrics)
    def predict(model: object, features: object) -> str:
        return "up"

    @track_training(accuracy=0.5, metrics=metrics)
    def train(model: object) -> None:
        pass

    predict(model, [])
    train(model)
    found = recorded(metrics)
    assert 1 == found[f"trading_ml_predictions_total {label} up"]
    assert 0.5 == found[f"trading_ml_model_accuracy {label}"]


def test_the_model_is_the_parameter_of_that_name(metrics: TradingMetrics) -> None:
    """Two models would be one."""

    @track_prediction(metrics=metrics)
    def predict(model: str) -> str:
        return "up"

    asyncio.run(_await(track_prediction(model=arg("self.name"), metrics=metrics)))
    predict("xgboost")
    assert {"trading_ml_predictions_total xgboost up": 1, "trading_ml_predictions_total own up": 1} == recorded(metrics)


async def _await(decorator: Any) -> None:
    class Model:
        name = "own"

        @decorator
        async def predict(self) -> str:
            return "up"

    await Model().predict()


def test_a_prediction_that_failed_is_none(metrics: TradingMetrics) -> None:
    """A broken model would seem to predict `unknown`."""
    with pytest.raises(ValueError, match="features"):
        track_prediction(model="m", metrics=metrics)(raising(ValueError("features")))()
    assert {} == recorded(metrics)


@pytest.mark.parametrize("prediction", [None, result(), result("label")])
def test_a_generator_whose_result_would_be_the_prediction_is_refused(prediction: Any) -> None:
    """Nothing would ever be recorded for it."""

    def stream() -> Any:
        yield "up"

    async def async_stream() -> Any:
        yield "up"

    class Stream:
        def __call__(self) -> Any:
            yield "up"

    for target in (stream, async_stream, Stream()):
        with pytest.raises(TradmetricsError, match=r"a generator gives no result.*pass every label as a constant"):
            track_prediction(model="m", prediction=prediction)(target)


def test_a_generator_whose_prediction_is_known_otherwise_is_taken(metrics: TradingMetrics) -> None:
    """A streaming model with one fixed answer could not be counted."""

    @track_prediction(model="m", prediction="batch", metrics=metrics)
    def stream() -> Any:
        yield 1

    assert [1] == list(stream())
    assert {"trading_ml_predictions_total m batch": 1} == recorded(metrics)


def test_a_prediction_needs_a_model() -> None:
    """All predictions would be of a model called `unknown`."""
    with pytest.raises(LabelSourceError, match="'model' has no source"):
        track_prediction(lambda features: "up")


# ── training ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_training_is_timed_dated_and_rated(metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would see that a model was last trained a month ago, or how good it is."""
    now = iter([100.0, 190.0])
    monkeypatch.setattr("tradmetrics.capture.call_site.perf_counter", lambda: next(now))

    @track_training(model="m", accuracy=result("score"), metrics=metrics)
    def train(history: object) -> dict[str, float]:
        return {"score": 0.93}

    assert {"score": 0.93} == train([])
    assert {**TRAINED, "trading_ml_model_accuracy m": 0.93} == recorded(metrics)
    assert 90.0 == sample(metrics, "trading_ml_training_duration_seconds_sum")


@pytest.mark.parametrize("answer", [None, {}, "done", {"accuracy": None}, object()])
def test_a_training_without_an_accuracy_leaves_it_alone(metrics: TradingMetrics, answer: object) -> None:
    """A model of unknown accuracy would read zero, and the alert on low accuracy would fire."""
    assert answer is track_training(model="m", metrics=metrics)(lambda: answer)()
    assert TRAINED == recorded(metrics)


@pytest.mark.parametrize("accuracy", [0.5, Decimal("0.5"), "0.5"])
def test_the_accuracy_is_the_answers_and_the_latest_counts(metrics: TradingMetrics, accuracy: object) -> None:
    """A retrained model would keep its first accuracy."""
    answers = iter([{"accuracy": 0.9}, {"accuracy": accuracy}, {}])
    train = track_training(model="m", metrics=metrics)(lambda: next(answers))
    for expected in (0.9, 0.5, 0.5):
        train()
        assert expected == sample(metrics, "trading_ml_model_accuracy", model="m")


@pytest.mark.parametrize("accuracy", [math.nan, math.inf, "good", [0.5]])
def test_an_accuracy_that_is_no_number_is_counted_and_the_training_stays(
    metrics: TradingMetrics, accuracy: object
) -> None:
    """A bad score would take the training's time with it."""
    track_training(model="m", metrics=metrics)(lambda: {"accuracy": accuracy})()
    assert {("<lambda>", "value"): 1} == errors(metrics)
    assert TRAINED.items() <= recorded(metrics).items()
    assert "trading_ml_model_accuracy m" not in recorded(metrics)


def test_a_training_that_failed_records_nothing(metrics: TradingMetrics) -> None:
    """The model would seem younger than it is."""
    with pytest.raises(ValueError, match="diverged"):
        track_training(model="m", accuracy=0.1, metrics=metrics)(raising(ValueError("diverged")))()
    assert {} == recorded(metrics)


def test_a_training_without_a_model_is_taken(metrics: TradingMetrics) -> None:
    """The bare decorator, for a bot with one model, would need a name."""

    @track_training(metrics=metrics)
    def train() -> dict[str, float]:
        return {"accuracy": 0.5}

    train()
    assert {**TRAINED, "trading_ml_model_accuracy unknown": 0.5} == recorded(metrics)
