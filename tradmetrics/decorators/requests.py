"""`track_request`: API requests by endpoint, method and status, for clients and handlers alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar, overload

from tradmetrics import catalogue
from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.readers import Field
from tradmetrics.capture.recipe import Recipe, Rule
from tradmetrics.capture.repeating import Repeat, ordinary_class
from tradmetrics.capture.sources import LabelSource
from tradmetrics.capture.wrapping import Decorator, decorate, suggest_keywords
from tradmetrics.model.missing import MISSING
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.vocabulary.outcomes import ERROR, OK, method_name, request_status, status_of_exception

P = ParamSpec("P")
R = TypeVar("R")

_FIELDS: Final = (
    Field("endpoint", required=True),
    Field("method"),
    Field("status", from_result=True, from_arguments=False, names=("status_code", "status")),
)
_RULES: Final = (Rule(catalogue.API_REQUESTS), Rule(catalogue.API_REQUEST_DURATION, value="seconds"))


@overload
def track_request(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def track_request(
    function: None = None,
    /,
    *,
    endpoint: LabelSource | None = None,
    method: LabelSource | None = None,
    status: LabelSource | None = None,
    precreate: bool = False,
    metrics: TradingMetrics | None = None,
) -> Decorator: ...
@suggest_keywords
def track_request(
    function: Callable[..., Any] | None = None,
    /,
    *,
    endpoint: LabelSource | None = None,
    method: LabelSource | None = None,
    status: LabelSource | None = None,
    precreate: bool = False,
    metrics: TradingMetrics | None = None,
) -> Any:
    """Record the API requests that a function makes or answers.

    Each call, returned or raised, counts in `trading_api_requests_total` and observes its seconds into
    `trading_api_request_duration_seconds`. The status is the result's `status_code` or `status`, else `ok`; on an
    exception the exception's `status_code`, else `error`.

    Example:
        ```python
        from tradmetrics import track_request


        @track_request(endpoint="/orders", method="POST")
        def send(order): ...
        ```

    Args:
        function: The function, when the decorator is written without parentheses.
        endpoint: Source of the endpoint as a template (`/orders/{id}`), never with ids in it; by default the
            parameter of that name.
        method: Source of the HTTP method; by default the parameter of that name, or `request.method`, else `unknown`.
        status: Source of the status, where the result does not hold it.
        precreate: True shows series at 0 before the first call, where all labels are known: constants, and parameters
            annotated with an Enum, a Literal or bool.
        metrics: The metrics object to record to; by default the process's.

    Raises:
        LabelSourceError: When decorating, if `endpoint` has no possible source, or a source names no parameter.
    """
    recipe = Recipe(
        "track_request",
        _FIELDS,
        _RULES,
        outcome=_finished,
        repeat=Repeat(exceptions=ordinary_class),
        spelled={"method": method_name},
    )
    given = {"endpoint": endpoint, "method": method_name(method), "status": status}
    return decorate(function, recipe, given, metrics, precreate)


def _finished(reading: CallContext) -> str:
    if reading.exception is not None:
        try:
            reading.put("status", status_of_exception(reading.exception))
        except Exception as error:
            reading.fault("source", error)
            reading.put("status", ERROR)
    else:
        reading.default("status", OK)
        status = reading("status")
        if status is not MISSING:
            reading.put("status", request_status(status))
    reading.put("method", method_name(reading("method")))
    return OK
