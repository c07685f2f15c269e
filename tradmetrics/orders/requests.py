"""`@orders.cancel` and `@orders.replace`: the requests that a function sends to the broker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar, overload

from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.readers import Field
from tradmetrics.capture.recipe import Recipe
from tradmetrics.capture.responses import response_status
from tradmetrics.capture.sources import LabelSource
from tradmetrics.capture.wrapping import Decorator, decorate
from tradmetrics.orders.recipes import (
    ORDER_ID,
    SENT,
    SYMBOL,
    TIMESTAMP,
    Decorating,
    failure_of,
    is_of_the_result,
    sending,
    suggest_keywords,
    values_of,
)

P = ParamSpec("P")
R = TypeVar("R")

_CANCEL: Final = (ORDER_ID, Field("cancel_id", from_arguments=False), TIMESTAMP, SYMBOL)
_REPLACE: Final = (ORDER_ID, Field("new_order_id", from_result=True), Field("quantity"), TIMESTAMP, SYMBOL)


@overload
def cancel(self: Decorating, function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def cancel(
    self: Decorating,
    function: None = None,
    /,
    *,
    order_id: LabelSource | None = None,
    cancel_id: LabelSource | None = None,
    timestamp: LabelSource | None = None,
    symbol: LabelSource | None = None,
) -> Decorator: ...
@suggest_keywords
def cancel(
    self: Decorating,
    function: Callable[..., Any] | None = None,
    /,
    *,
    order_id: LabelSource | None = None,
    cancel_id: LabelSource | None = None,
    timestamp: LabelSource | None = None,
    symbol: LabelSource | None = None,
) -> Any:
    """Report the cancels that a function sends, as `cancel_requested` does, whether it returns or raises.

    Args:
        self: The tracker.
        function: The function, when the decorator is written without parentheses.
        order_id: Source of the id; by default the parameter of that name, `order.order_id` or `order.id`.
        cancel_id: Source of the cancel's own id, where the broker's reports carry it instead of the order's, as in FIX
            (tag 11; the order's id is tag 41). Default: the cancel has none.
        timestamp: Source of the message's own time. Default: the time is the clock's.
        symbol: Source of the symbol, where the broker numbers each market separately, as in `submit`.

    Raises:
        LabelSourceError: When decorating, if the id has no source, or a source names no parameter.
        TypeError: When decorating, if there is no such keyword.
    """
    intake = self._intake

    def effect(reading: CallContext) -> None:
        intake.cancel_requested(reading.site.name, **values_of(reading, _CANCEL), entered=reading.entered)

    recipe = Recipe(
        "OrderTracker.cancel",
        _CANCEL,
        effect=effect,
        enter=sending(intake, "cancel") if timestamp is None else None,
        also=SENT,
    )
    given = {"order_id": order_id, "cancel_id": cancel_id, "timestamp": timestamp, "symbol": symbol}
    return decorate(function, recipe, given, intake.metrics)


@overload
def replace(self: Decorating, function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def replace(
    self: Decorating,
    function: None = None,
    /,
    *,
    order_id: LabelSource | None = None,
    new_order_id: LabelSource | None = None,
    quantity: LabelSource | None = None,
    timestamp: LabelSource | None = None,
    symbol: LabelSource | None = None,
) -> Decorator: ...
@suggest_keywords
def replace(
    self: Decorating,
    function: Callable[..., Any] | None = None,
    /,
    *,
    order_id: LabelSource | None = None,
    new_order_id: LabelSource | None = None,
    quantity: LabelSource | None = None,
    timestamp: LabelSource | None = None,
    symbol: LabelSource | None = None,
) -> Any:
    """Report the replaces that a function sends, as `replaced` does.

    Its message counts in any case; the order goes on under the new id when the function returns. After a timeout,
    a lost connection or a cancellation, it does so as soon as there is news under the new id, where that comes
    from an argument.

    Args:
        self: The tracker.
        function: The function, when the decorator is written without parentheses.
        order_id: Source of the order's id; by default the parameter of that name, `order.order_id` or `order.id`.
        new_order_id: Source of its new id; by default the parameter of that name, or the result's.
        quantity: Source of its new quantity in all; by default the parameter of that name, or `order.quantity`.
        timestamp: Source of the message's own time. Default: the time is the clock's.
        symbol: Source of the symbol, where the broker numbers each market separately, as in `submit`.

    Raises:
        LabelSourceError: When decorating, if the id has no source, or a source names no parameter.
        DecorationError: When decorating a generator whose new id would be its result.
        TypeError: When decorating, if there is no such keyword.
    """
    intake = self._intake

    def effect(reading: CallContext) -> None:
        values = values_of(reading, _REPLACE)
        failure = failure_of(reading, response_status(reading))
        intake.replaced(reading.site.name, **values, entered=reading.entered, failure=failure)

    recipe = Recipe(
        "OrderTracker.replace",
        _REPLACE,
        effect=effect,
        enter=sending(intake, "modify") if timestamp is None else None,
        needs_result=new_order_id is None or is_of_the_result(new_order_id),
        also=SENT,
    )
    given = {
        "order_id": order_id,
        "new_order_id": new_order_id,
        "quantity": quantity,
        "timestamp": timestamp,
        "symbol": symbol,
    }
    return decorate(function, recipe, given, intake.metrics)
