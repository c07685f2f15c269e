"""Context managers that time a block, which are decorators too: `fill_timer`, `training_timer`, `request_timer`.

A timer can be entered again while it runs, and shared between threads and tasks: each `with` has a timing of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from time import perf_counter, time
from types import TracebackType
from typing import Final, ParamSpec, TypeVar

from tradmetrics import catalogue
from tradmetrics.capture.readers import Field
from tradmetrics.capture.recipe import RETURNED, Recipe, Rule
from tradmetrics.capture.recording import constant
from tradmetrics.capture.repeating import Repeat
from tradmetrics.capture.sources import LabelSource
from tradmetrics.capture.wrapping import decorate
from tradmetrics.decorators.timing import Timer, Timing
from tradmetrics.errors import is_interruption
from tradmetrics.registry.default import default
from tradmetrics.registry.metrics import TradingMetrics, checked
from tradmetrics.storage.series import Series
from tradmetrics.vocabulary.outcomes import ERROR, method_name, request_status, status_of_exception

P = ParamSpec("P")
R = TypeVar("R")


class TrainingTiming(Timing):
    """One run of a `training_timer`.

    Attributes:
        accuracy: The accuracy that the training reached (0 to 1), or None.
    """

    __slots__ = ("accuracy",)

    def __init__(self) -> None:
        self.accuracy: object = None


class RequestTiming(Timing):
    """One run of a `request_timer`.

    Attributes:
        status: The status to count, such as a response's `status_code`; None is `ok`.
    """

    __slots__ = ("status",)

    def __init__(self) -> None:
        self.status: object = None


class fill_timer(Timer[Timing]):  # noqa: N801 - a context manager reads as a function
    """Time the wait for a fill into `trading_order_fill_time_seconds`.

    A clean exit observes the seconds between entering and leaving (`time.perf_counter`). On an exception, or after
    `timing.discard()`, nothing is observed: there was no fill. Works in `with`, `async with` and as a decorator.

    Example:
        ```python
        from tradmetrics import fill_timer

        with fill_timer("gamma_scalping") as timing:
            broker.place_and_wait(order)
        print(timing.seconds)
        ```

    Args:
        strategy: The strategy; as a decorator also a source, such as `arg("strategy")`.
        metrics: The metrics object to record to; by default the process's.
    """

    __slots__ = ("_series", "_strategy", "_token")

    def __init__(self, strategy: LabelSource, *, metrics: TradingMetrics | None = None) -> None:
        self._metrics = metrics if metrics is None else checked(metrics, "fill_timer")
        self._strategy = strategy
        self._running = []
        self._token: object = None
        self._series: Series | None = None

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]:
        """Time every call of `function` that returns."""
        return decorate(function, _FILL_RECIPE, {"strategy": self._strategy}, self._metrics)

    # The common case in one piece: a known strategy, a fill, one block at a time. Every other case takes the general
    # way.

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            stopped = perf_counter()
        except Exception:
            stopped = math.nan
        running = self._running
        metrics = self._metrics or default.metrics
        if kind is None and metrics is not None and len(running) == 1:
            series = self._series if metrics.token is self._token else self._bind(metrics)
            timing = running[0]
            # A clock that fails gives what is unequal to itself.
            if series is not None and timing._stopped is None and timing._outer is None and stopped == stopped:
                timing._timer = None
                timing._stopped = stopped
                del running[0]  # another thread may have added its own behind it
                try:
                    series.observe(stopped - timing._started)
                except Exception as problem:
                    if is_interruption(problem):
                        raise
                    metrics.fault(self._site(), "record", problem)
                return
        super().__exit__(kind, error, traceback)

    def _bind(self, metrics: TradingMetrics) -> Series | None:
        """The series of a strategy that was seen before, which stays the timer's until a series is removed."""
        token, strategy = metrics.token, self._strategy
        series = metrics.remembered.get((_FILL_TIME, strategy)) if type(strategy) is str else None
        if series is not None:
            self._token, self._series = None, series  # a signal handler between these must not find them at odds
            self._token = token
        return series

    def _record(self, metrics: TradingMetrics, timing: Timing, seconds: float, error: BaseException | None) -> None:
        if error is None:
            strategy = constant(metrics, self._strategy, site=self._site())
            self._observe(metrics, catalogue.ORDER_FILL_TIME, (strategy,), seconds)


_FILL_RECIPE: Final = Recipe(
    "fill_timer",
    (Field("strategy", required=True),),
    (Rule(catalogue.ORDER_FILL_TIME, when=frozenset({RETURNED}), value="seconds"),),
    repeat=Repeat(),
)
_FILL_TIME: Final = catalogue.ORDER_FILL_TIME.name


class training_timer(Timer[TrainingTiming]):  # noqa: N801 - a context manager reads as a function
    """Time the training of a model.

    A clean exit observes the seconds into `trading_ml_training_duration_seconds` and sets
    `trading_ml_last_training_timestamp`; `timing.accuracy = 0.93` in the block also sets `trading_ml_model_accuracy`.
    On an exception, or after `timing.discard()`, nothing is recorded.

    Example:
        ```python
        from tradmetrics import training_timer

        with training_timer("xgboost") as timing:
            timing.accuracy = fit(model)
        ```

    Args:
        model: The model, for its accuracy.
        metrics: The metrics object to record to; by default the process's.
    """

    __slots__ = ("_model",)

    _timing = TrainingTiming

    def __init__(self, model: LabelSource | None = None, *, metrics: TradingMetrics | None = None) -> None:
        super().__init__(metrics)
        self._model = model

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]:
        """Time every call of `function`, as `track_training` does."""
        from tradmetrics.decorators.models import track_training

        return track_training(model=self._model, metrics=self._metrics)(function)

    def _record(
        self, metrics: TradingMetrics, timing: TrainingTiming, seconds: float, error: BaseException | None
    ) -> None:
        if error is not None:
            return
        site = self._site()
        self._observe(metrics, catalogue.ML_TRAINING_DURATION, (), seconds)
        metrics.record(catalogue.ML_LAST_TRAINING, (), time(), site=site)
        if timing.accuracy is not None:
            model = constant(metrics, self._model, site=site)
            metrics.record(catalogue.ML_MODEL_ACCURACY, (model,), timing.accuracy, site=site)


class request_timer(Timer[RequestTiming]):  # noqa: N801 - a context manager reads as a function
    """Time an API request, and count it by status.

    Leaving the block observes the seconds into `trading_api_request_duration_seconds` and counts in
    `trading_api_requests_total`, with the status `ok`, or what `timing.status = response.status_code` said. On an
    exception the status is the exception's `status_code`, else `error`. After `timing.discard()` nothing is recorded.

    Example:
        ```python
        from tradmetrics import request_timer

        with request_timer("/orders", "POST") as timing:
            response = session.post(url, json=order)
            timing.status = response.status_code
        ```

    Args:
        endpoint: The endpoint as a template (`/orders/{id}`), never with ids in it.
        method: The HTTP method.
        metrics: The metrics object to record to; by default the process's.
    """

    __slots__ = ("_endpoint", "_method")

    _timing = RequestTiming

    def __init__(
        self, endpoint: LabelSource, method: LabelSource = "GET", *, metrics: TradingMetrics | None = None
    ) -> None:
        super().__init__(metrics)
        self._endpoint = endpoint
        self._method = method

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]:
        """Time every call of `function`, as `track_request` does."""
        from tradmetrics.decorators.requests import track_request

        return track_request(endpoint=self._endpoint, method=self._method, metrics=self._metrics)(function)

    def _record(
        self, metrics: TradingMetrics, timing: RequestTiming, seconds: float, error: BaseException | None
    ) -> None:
        site = self._site()
        if error is None:
            status = request_status(timing.status)
        else:
            try:
                status = status_of_exception(error)
            except Exception as problem:
                metrics.fault(site, "source", problem)
                status = ERROR
        endpoint = constant(metrics, self._endpoint, site=site)
        method = method_name(constant(metrics, self._method, site=site))
        self._observe(metrics, catalogue.API_REQUEST_DURATION, (endpoint, method), seconds)
        metrics.record(catalogue.API_REQUESTS, (endpoint, method, status), site=site)
