"""`track_order`: orders by what the broker answered."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, ParamSpec, TypeVar, overload

from tradmetrics import catalogue
from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.exemplars import ExemplarSource
from tradmetrics.capture.raised import ordinary_class
from tradmetrics.capture.readers import Field
from tradmetrics.capture.recipe import Recipe, Rule
from tradmetrics.capture.repeating import Amount, Repeat
from tradmetrics.capture.responses import response_status
from tradmetrics.capture.sources import LabelSource
from tradmetrics.capture.wrapping import Decorator, decorate, suggest_keywords
from tradmetrics.model.missing import MISSING
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.vocabulary import answers, outcomes
from tradmetrics.vocabulary import fold as vocabulary
from tradmetrics.vocabulary.http_status import as_http_status
from tradmetrics.vocabulary.numbers import is_missing
from tradmetrics.vocabulary.unknown_words import UnknownWord

P = ParamSpec("P")
R = TypeVar("R")

_FIELDS: Final = (
    Field("strategy", required=True, in_result_too=True),
    Field("side", in_result_too=True),
    Field("order_type", in_result_too=True),
    Field("status", from_result=True),
    Field("reason", from_result=True),
    Field("fill_time", from_result=True),
)
_SENT: Final = "sent"
"""The order is with the broker, and its end comes later or never: nothing more than `submitted` is counted."""
_UNKNOWN: Final = "unknown"

# Where a broker reports quantities, they win over its word: ccxt's `closed` also covers a cancelled partial fill.
_FILLED: Final = ("filled", "filled_quantity", "filled_qty")
_QUANTITY: Final = ("amount", "quantity", "qty")
_HTTP_STATUS: Final = "status_code"
"""The clients' names for the status of an HTTP response. A response is not an order, and takes the careful way."""


def _decided_by_quantities(value_at: Callable[[str], Any]) -> int | None:
    """Decide an answer's word by its quantities, as `order_status` does; None where the quantities must be read.

    Returns:
        0 without a filled quantity; else a number for how it compares to the order's, and whether it is 0.
    """
    if value_at(_HTTP_STATUS) is not None:
        return None
    filled = quantity = None
    for name in _FILLED:
        filled = value_at(name)
        if filled is not None:
            break
    else:
        return 0
    for name in _QUANTITY:
        quantity = value_at(name)
        if quantity is not None:
            break
    try:
        if type(filled) not in _NUMBERS:
            return None
        amount = abs(float(filled))
        if quantity is None:
            whole = 0.0
        elif type(quantity) in _NUMBERS:
            whole = abs(float(quantity))
        else:
            return None
    except (ValueError, OverflowError):
        return None  # `-` and other words for no value
    if not amount < math.inf or not whole < math.inf:
        return None
    if whole and amount >= whole * vocabulary.FILLED_ENOUGH:
        return 1
    return 2 + 2 * (whole == 0) + (amount > 0)


_NUMBERS: Final = frozenset({int, float, str, Decimal})
_REPEAT: Final = Repeat(
    words=("status",),
    texts=("reason",),
    # Quantities win over a word.
    digested=(*_FILLED, *_QUANTITY, _HTTP_STATUS),
    digest=_decided_by_quantities,
    amount=Amount("fill_time", lowest=0.0, or_seconds=True),
    exceptions=ordinary_class,
)

_RULES: Final = (
    Rule(catalogue.ORDERS_SUBMITTED),
    Rule(catalogue.ORDERS_FILLED, when=frozenset({"filled"})),
    Rule(catalogue.ORDER_FILL_TIME, when=frozenset({"filled"}), value="fill_time"),
    Rule(catalogue.ORDERS_REJECTED, when=frozenset({"rejected"})),
    Rule(catalogue.ORDERS_CANCELLED, when=frozenset({"cancelled", "expired"})),
    Rule(catalogue.ORDERS_UNKNOWN, when=frozenset({_UNKNOWN})),
)


@overload
def track_order(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def track_order(
    function: None = None,
    /,
    *,
    strategy: LabelSource | None = None,
    side: LabelSource | None = None,
    order_type: LabelSource | None = None,
    status: LabelSource | None = None,
    reason: LabelSource | None = None,
    fill_time: LabelSource | None = None,
    unknown_on: outcomes.UnknownOnSource = (),
    dialect: str | None = None,
    precreate: bool = False,
    exemplar: ExemplarSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Decorator: ...
@suggest_keywords
def track_order(
    function: Callable[..., Any] | None = None,
    /,
    *,
    strategy: LabelSource | None = None,
    side: LabelSource | None = None,
    order_type: LabelSource | None = None,
    status: LabelSource | None = None,
    reason: LabelSource | None = None,
    fill_time: LabelSource | None = None,
    unknown_on: outcomes.UnknownOnSource = (),
    dialect: str | None = None,
    precreate: bool = False,
    exemplar: ExemplarSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Any:
    """Record the orders that a function places.

    Each call, returned or raised, counts in `trading_orders_submitted_total`. The result's status decides the rest:
    `filled` counts the fill and observes the fill time, `rejected`, `cancelled` and `expired` count as such, and any
    other status, or none, counts nothing more: most brokers answer before the fill. An exception is a rejection with
    its class name in snake_case as the reason (`InsufficientFunds` is `insufficient_funds`), unless the
    order may be live: after a timeout, a lost connection, an answer that cannot be read, HTTP 408 and 5xx, or a
    cancellation, `trading_orders_unknown_total` counts. The answer that came back last decides, through causes,
    contexts and groups of exceptions.

    Example:
        ```python
        from tradmetrics import arg, result, track_order


        @track_order(strategy="gamma_scalping", side=arg("order.side"), status=result("status"))
        def place(order): ...
        ```

    Args:
        function: The function, when the decorator is written without parentheses.
        strategy: Source of the strategy. Default: the first of `strategy`, `strategy_id` and `strategy_name` among the
            parameters, in `**kwargs`, and in the keys and attributes of the parameter `order` and of the result.
        side: Source of the side; brokers' spellings fold into `BUY` and `SELL`. Default: `side`, `action`,
            `transaction_type` or `buy_sell` in the same places.
        order_type: Source of the order type. Default: `order_type`, `type`, `ordertype` or `orderType` in the same
            places.
        status: Source of the order status. Brokers' spellings fold into one word. Default: the result's `status`. An
            HTTP response with 408 or 5xx leaves the order's fate unknown, and one with another 4xx rejects it.
        reason: Source of the reason of a rejection or cancellation. Default: the result's `reason`, `reject_reason`,
            `rejected_reason`, `status_message`, `text` or `message`, or `unknown`. The reason of an exception is its
            class name in snake_case.
        fill_time: Source of the time to the fill, in seconds; by default the result's, or the call's duration.
        unknown_on: More exceptions after which the order may be live: classes, class names, or predicates such as
            `lambda error: error.code == -1007`. A predicate that raises is counted as an error and means no.
        dialect: The broker or library whose spellings you use, such as `binance` or `fix`; see `dialects` in the
            reference page "Vocabulary and budgets".
        precreate: True shows series at 0 before the first call, where all labels are known: constants, and parameters
            annotated with an Enum, a Literal or bool.
        exemplar: Source of labels that point at this very call, such as `arg("order.id")`, `current_span`, a mapping of
            label names to sources, or a function of the `Call`. The OpenMetrics exposition shows them with the samples.
        metrics: The metrics object to record to; by default the process's.

    Raises:
        LabelSourceError: When decorating, if `strategy` has no possible source, or a source names no parameter.
        ConfigurationError: When decorating, if `dialect` or `unknown_on` is not what it can be.
    """
    vocabulary.check_dialect(dialect)
    unknown = outcomes.unknown_on(unknown_on)

    def outcome(reading: CallContext) -> str:
        exception = reading.exception
        if exception is not None:
            reading.default("reason", exception)
            _name(reading)
            return _UNKNOWN if outcomes.is_unknown(exception, unknown, reading.source_fault) else "rejected"
        response = response_status(reading) if status is None else None
        error = answers.http_error_of(response)
        if error is not None:
            return _by_response(reading, error, is_reason_left_out=reason is None)
        is_response = response is not None and as_http_status(reading("status")) == response
        return _SENT if is_response else _by_status(reading, dialect)

    recipe = Recipe(
        "track_order",
        _FIELDS,
        _RULES,
        outcome=outcome,
        repeat=_REPEAT,
        dialect=dialect,
    )
    given = {
        "strategy": strategy,
        "side": side,
        "order_type": order_type,
        "status": status,
        "reason": reason,
        "fill_time": fill_time,
    }
    return decorate(function, recipe, given, metrics, precreate, exemplar)


def _by_response(reading: CallContext, error: answers.HttpError, *, is_reason_left_out: bool) -> str:
    """The outcome of a call that returned an HTTP response with an error status: its body is not read."""
    if is_reason_left_out:  # what the response calls `reason` or `text` may be a whole page
        reading.put("reason", error.reason)
    return _UNKNOWN if error.unknown else "rejected"


def _by_status(reading: CallContext, dialect: str | None) -> str:
    raw = reading("status")
    if is_missing(raw):
        return _SENT
    try:
        status = vocabulary.order_status(raw, dialect, **_quantities(reading))
    except Exception as error:
        reading.fault("vocabulary", error)
        return _SENT
    if status == "filled":
        fill_time = reading("fill_time")
        if fill_time is not MISSING and is_missing(fill_time):
            reading.put("fill_time", None)
        reading.default("fill_time", reading.seconds)
        if _is_negative(reading("fill_time")):
            reading.fault("value", ValueError("a fill time is not negative"))
            reading.put("fill_time", None)
    elif status == "expired":
        reading.default("reason", "expired")
    elif status is None:
        reading.fault("vocabulary", UnknownWord("status", raw, dialect))
    if status in ("rejected", "cancelled", "expired"):
        _name(reading)
    return status if status in ("filled", "rejected", "cancelled", "expired") else _SENT


def _name(reading: CallContext) -> None:
    reason = reading("reason")
    if reason is not MISSING:
        reading.put("reason", outcomes.reason_in(reason))


def _quantities(reading: CallContext) -> dict[str, object]:
    """The filled and the whole quantity that a broker's answer reports; nothing where it does not."""
    try:
        filled = _first(reading, _FILLED)
        return {} if filled is None else {"filled": filled, "quantity": _first(reading, _QUANTITY)}
    except Exception as error:
        reading.fault("source", error)
        return {}


def _first(reading: CallContext, names: tuple[str, ...]) -> object:
    found = (reading.of_result(name) for name in names)
    return next((value for value in found if not is_missing(value)), None)


def _is_negative(value: Any) -> bool:
    try:
        return float(value) < 0
    except Exception:
        return False  # an invalid number is counted when it is recorded
