"""`track_request`: API requests by endpoint, method and status, for clients and handlers alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar, overload
from urllib.parse import ParseResult, SplitResult

from tradmetrics import catalogue
from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.exemplars import ExemplarSource
from tradmetrics.capture.raised import ordinary_class
from tradmetrics.capture.readers import Field
from tradmetrics.capture.recipe import Recipe, Rule
from tradmetrics.capture.repeating import Repeat
from tradmetrics.capture.sources import LabelSource
from tradmetrics.capture.wrapping import Decorator, decorate, suggest_keywords
from tradmetrics.model.missing import MISSING
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.vocabulary.endpoints import EndpointTemplate, endpoint_templates
from tradmetrics.vocabulary.http_status import (
    ERROR,
    OK,
    method_name,
    request_status,
    status_of_exception,
    status_of_result,
)

P = ParamSpec("P")
R = TypeVar("R")

_FIELDS: Final = (
    Field("endpoint", required=True),
    Field("method"),
    Field("status", from_result=True, from_arguments=False),
)
_REPEAT: Final = Repeat(
    absent=("status",),
    compared=("status_code", "status"),
    bare=False,
    # A text that begins with a number is a status or an order's word by what stands beside it.
    unless=lambda call: str(call.of_result("status"))[:1].isdigit() and type(call.of_result("status")) is str,
    exceptions=ordinary_class,
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
    endpoint_template: EndpointTemplate | None = None,
    precreate: bool = False,
    exemplar: ExemplarSource | None = None,
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
    endpoint_template: EndpointTemplate | None = None,
    precreate: bool = False,
    exemplar: ExemplarSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Any:
    """Record the API requests that a function makes or answers.

    Each call, returned or raised, counts in `trading_api_requests_total` and observes its seconds into
    `trading_api_request_duration_seconds`. The status is the result's HTTP status, else `ok`: the result may be a
    number from 100 to 599, a response object of a client or a web framework, or Flask's `(body, status)`. The `status`
    key of a parsed body is not a request's status. On an exception the status is the exception's `status_code`,
    `status`, `code` or `http_status`, or its response's, else `error`.

    Example:
        ```python
        from tradmetrics import track_request


        @track_request(endpoint="/orders", method="POST")
        def send(order): ...
        ```

    Args:
        function: The function, when the decorator is written without parentheses.
        endpoint: Source of the endpoint: a path, a URL or a name. The label is the template of the path: host,
            credentials and query go, and ids become `{id}`. Default: the parameter `endpoint`.
        method: Source of the HTTP method; by default the parameter of that name, or `request.method`, else `unknown`.
        status: Source of the status, if the result does not hold it.
        endpoint_template: Template of a path, such as `/v2/positions/{symbol}`, several templates, or a function that
            takes the address. An address that no template matches is read as usual.
        precreate: True shows series at 0 before the first call, where all labels are known: constants, and parameters
            annotated with an Enum, a Literal or bool.
        exemplar: Source of labels that point at this very call, such as `arg("order.id")`, `current_span`, a mapping of
            label names to sources, or a function of the `Call`. The OpenMetrics exposition shows them with the samples.
        metrics: The metrics object to record to; by default the process's.

    Raises:
        LabelSourceError: When decorating, if `endpoint` has no possible source, or a source names no parameter.
        ConfigurationError: When decorating, if `endpoint_template` is neither a template nor a function.
    """
    template = endpoint_templates(endpoint_template, "@track_request")

    def outcome(reading: CallContext) -> str:
        _read_status(reading, is_given=status is not None)
        address = reading("endpoint")
        if type(address) in (ParseResult, SplitResult):
            reading.put("endpoint", address.geturl())  # its text is that of a tuple, with the query in it
        if template is not None:
            try:
                reading.put("endpoint", template(reading("endpoint")))
            except Exception as error:
                reading.fault("source", error)
        reading.put("method", method_name(reading("method")))
        return OK

    recipe = Recipe(
        "track_request",
        _FIELDS,
        _RULES,
        outcome=outcome,
        repeat=Repeat(exceptions=ordinary_class) if status is not None else _REPEAT,
        spelled={"method": method_name},
    )
    given = {"endpoint": endpoint, "method": method_name(method), "status": status}
    return decorate(function, recipe, given, metrics, precreate, exemplar)


def _read_status(reading: CallContext, *, is_given: bool) -> None:
    if reading.exception is not None:
        try:
            reading.put("status", status_of_exception(reading.exception))
        except Exception as error:
            reading.fault("source", error)
            reading.put("status", ERROR)
    elif is_given:
        reading.default("status", OK)
        status = reading("status")
        if status is not MISSING:
            reading.put("status", request_status(status))
    else:
        reading.put("status", status_of_result(reading.result))
