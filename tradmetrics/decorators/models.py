"""`track_prediction` and `track_training`: models at work, and their training."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, ParamSpec, TypeVar, overload

from tradmetrics import catalogue
from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.exemplars import ExemplarSource
from tradmetrics.capture.readers import Field
from tradmetrics.capture.recipe import RETURNED, Recipe, Rule
from tradmetrics.capture.repeating import Repeat
from tradmetrics.capture.sources import LabelSource, Mapped, Result
from tradmetrics.capture.wrapping import Decorator, decorate, suggest_keywords
from tradmetrics.model.missing import MISSING
from tradmetrics.registry.metrics import TradingMetrics

P = ParamSpec("P")
R = TypeVar("R")

_RETURNED: Final = frozenset({RETURNED})
_PREDICTION_FIELDS: Final = (Field("model", required=True), Field("prediction", from_result=True))
_PREDICTION_RULES: Final = (Rule(catalogue.ML_PREDICTIONS, when=_RETURNED),)
_TRAINING_FIELDS: Final = (Field("model"), Field("accuracy", from_result=True))
_TRAINING_RULES: Final = (
    Rule(catalogue.ML_TRAINING_DURATION, when=_RETURNED, value="seconds"),
    Rule(catalogue.ML_LAST_TRAINING, when=_RETURNED, value="now"),
    Rule(catalogue.ML_MODEL_ACCURACY, when=_RETURNED, value="accuracy"),
)


@overload
def track_prediction(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def track_prediction(
    function: None = None,
    /,
    *,
    model: LabelSource | None = None,
    prediction: LabelSource | None = None,
    precreate: bool = False,
    exemplar: ExemplarSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Decorator: ...
@suggest_keywords
def track_prediction(
    function: Callable[..., Any] | None = None,
    /,
    *,
    model: LabelSource | None = None,
    prediction: LabelSource | None = None,
    precreate: bool = False,
    exemplar: ExemplarSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Any:
    """Record what a model predicts: each call that returns counts in `trading_ml_predictions_total`.

    Example:
        ```python
        from tradmetrics import track_prediction


        @track_prediction(model="xgboost")
        def decide(features) -> str:
            return "take_trade"
        ```

    Args:
        function: The function, when the decorator is written without parentheses.
        model: Source of the model's name; by default the parameter of that name. A model itself is called by its
            attribute `name`, else by its class.
        prediction: Source of the prediction, which must be one of a few values; default: the result's attribute or
            key of that name, or the result itself where it is a text, an enum member, an integer or a bool, be it
            numpy's. One alone in an array, as `predict` of a library returns it, is that one.
        precreate: True shows series at 0 before the first call, where all labels are known: constants, and parameters
            annotated with an Enum, a Literal or bool.
        exemplar: Source of labels that point at this very call, such as `arg("order.id")`, `current_span`, a mapping of
            label names to sources, or a function of the `Call`. The OpenMetrics exposition shows them with the samples.
        metrics: The metrics object to record to; by default the process's.

    Raises:
        LabelSourceError: When decorating, if `model` has no possible source, or a source names no parameter.
        DecorationError: When decorating a generator whose prediction would be its result.
    """
    recipe = Recipe(
        "track_prediction",
        _PREDICTION_FIELDS,
        _PREDICTION_RULES,
        outcome=_predicted,
        repeat=Repeat(itself=True, seconds=False) if prediction is None else None,
        needs_result=prediction is None or isinstance(prediction, Result | Mapped),
    )
    return decorate(function, recipe, {"model": model, "prediction": prediction}, metrics, precreate, exemplar)


# A tuple, because Python would build a union at each call.
_WORDS: Final = (str, Enum, int)
_NAMES: Final = (str, bytes, int, float, type(None), Enum)  # `MISSING` is an enum's member


def _predicted(reading: CallContext) -> str:
    if reading.exception is not None:
        return "raised"
    prediction = reading("prediction")
    is_given = prediction is not None and prediction is not MISSING
    if not is_given:
        prediction = reading.result
    if not isinstance(prediction, _WORDS):
        prediction = _scalar(prediction)
    if is_given:
        reading.put("prediction", prediction)
    elif isinstance(prediction, _WORDS):
        reading.default("prediction", prediction)
    _name(reading)
    return RETURNED


def _scalar(value: Any) -> object:
    """A value as it is; Python's own for numpy's and torch's, also alone in an array, as `predict` returns it."""
    if type(value).__module__.partition(".")[0] in ("numpy", "torch"):
        try:
            return value.item()
        except (AttributeError, ValueError, RuntimeError):
            pass  # an array of several
    return value


def _name(reading: CallContext) -> None:
    """Name a model that is not a text by its `name`, or its class: its own text holds settings or an address."""
    model = reading("model")
    if isinstance(model, _NAMES):
        return
    name = getattr(model, "name", None)
    reading.put("model", name if isinstance(name, str) and name else type(model).__name__)


@overload
def track_training(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def track_training(
    function: None = None,
    /,
    *,
    model: LabelSource | None = None,
    accuracy: LabelSource | None = None,
    exemplar: ExemplarSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Decorator: ...
@suggest_keywords
def track_training(
    function: Callable[..., Any] | None = None,
    /,
    *,
    model: LabelSource | None = None,
    accuracy: LabelSource | None = None,
    exemplar: ExemplarSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Any:
    """Record the training of a model.

    Each call that returns observes its seconds into `trading_ml_training_duration_seconds` and sets
    `trading_ml_last_training_timestamp`; an accuracy sets `trading_ml_model_accuracy`. A call that raises records
    nothing: the model is as old as before.

    Example:
        ```python
        from tradmetrics import result, track_training


        @track_training(model="xgboost", accuracy=result("score"))
        def retrain(history): ...
        ```

    Args:
        function: The function, when the decorator is written without parentheses.
        model: Source of the model's name, as for `track_prediction`; by default the parameter of that name, else
            `unknown`.
        accuracy: Source of the accuracy (0 to 1); default: the result's attribute or key of that name, if any.
        exemplar: Source of labels that point at this very call, such as `arg("order.id")`, `current_span`, a mapping of
            label names to sources, or a function of the `Call`. The OpenMetrics exposition shows them with the samples.
        metrics: The metrics object to record to; by default the process's.

    Raises:
        LabelSourceError: When decorating, if a source names no parameter.
    """
    recipe = Recipe("track_training", _TRAINING_FIELDS, _TRAINING_RULES, outcome=_trained)
    return decorate(function, recipe, {"model": model, "accuracy": accuracy}, metrics, exemplar=exemplar)


def _trained(reading: CallContext) -> str:
    if reading.exception is not None:
        return "raised"
    reading.put("now", reading.now())
    _name(reading)
    return RETURNED
