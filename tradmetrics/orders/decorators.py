"""The decorators of `OrderTracker`: its plain calls, with their arguments read from a decorated function's calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar, overload

from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.readers import Field
from tradmetrics.capture.recipe import Recipe
from tradmetrics.capture.sources import LabelSource, find
from tradmetrics.capture.wrapping import Decorator, decorate
from tradmetrics.model.missing import MISSING
from tradmetrics.orders.correlator import Failure
from tradmetrics.orders.recipes import (
    ACCOUNT,
    ORDER_ID,
    SENT,
    TIMESTAMP,
    UPDATED,
    TrackerRecipe,
    is_of_the_result,
    is_told_at_the_end,
    receiving,
    sending,
    suggest_keywords,
    values_of,
)
from tradmetrics.orders.submit import Submitting
from tradmetrics.vocabulary import outcomes

P = ParamSpec("P")
R = TypeVar("R")

_STATE: Final = ("status", "filled", "fill_id", "fill_quantity", "price", "reason")
_POLLED: Final = ("status", "filled", "reason")
_UPDATE: Final = (ORDER_ID, *map(Field, _STATE), TIMESTAMP, ACCOUNT)
_CANCEL: Final = (ORDER_ID, TIMESTAMP)
_REPLACE: Final = (ORDER_ID, Field("new_order_id", from_result=True), Field("quantity"), TIMESTAMP)


class Decorators(Submitting):
    """What `OrderTracker` puts on functions. Sources are those of every decorator: see `arg`, `result` and `error`."""

    @overload
    def update(self, function: Callable[P, R], /) -> Callable[P, R]: ...
    @overload
    def update(
        self,
        function: None = None,
        /,
        *,
        order_id: LabelSource | None = None,
        status: LabelSource | None = None,
        filled: LabelSource | None = None,
        fill_id: LabelSource | None = None,
        fill_quantity: LabelSource | None = None,
        price: LabelSource | None = None,
        reason: LabelSource | None = None,
        timestamp: LabelSource | None = None,
        account: LabelSource | None = None,
    ) -> Decorator: ...
    @suggest_keywords
    def update(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        order_id: LabelSource | None = None,
        status: LabelSource | None = None,
        filled: LabelSource | None = None,
        fill_id: LabelSource | None = None,
        fill_quantity: LabelSource | None = None,
        price: LabelSource | None = None,
        reason: LabelSource | None = None,
        timestamp: LabelSource | None = None,
        account: LabelSource | None = None,
    ) -> Any:
        """Report what a function is told of an order, as `updated` does, whether the function returns or raises.

        A callback is told by its arguments: the event's time is when it is entered. A function that asks the broker is
        told by the answer: where anything is read from the result or the exception, or by a function of the `Call`,
        the event's time is when the function ends. So it is on top of `submit`.

        Where none of the order's state has a source, and the arguments say nothing of it, the result's `status`,
        `filled` and `reason` are read: `@orders.update` is enough for `def poll(order_id)`.

        Args:
            function: The function, when the decorator is written without parentheses.
            order_id: Source of the id; by default the parameter of that name, `order.order_id` or `order.id`.
            status: Source of the state; by default the parameter of that name, or `order.status`.
            filled: Source of the cumulative filled quantity; by default likewise.
            fill_id: Source of the fill's id; by default likewise.
            fill_quantity: Source of the fill's own quantity; by default likewise.
            price: Source of the fill's price; by default likewise.
            reason: Source of the reason; by default likewise.
            timestamp: Source of the event's own time; left out, the time is the clock's.
            account: Source of the account; left out, the account is the tracker's.

        Raises:
            LabelSourceError: When decorating, if the id has no source, or a source names no parameter.
            TypeError: When decorating, if there is no such keyword.
        """
        intake = self._intake

        def effect(reading: CallContext) -> None:
            values, entered = values_of(reading, _UPDATE), reading.entered
            if polls and reading.result is not None and all(values[name] is None for name in _STATE):
                values.update(_polled(reading))
                entered = None
            intake.updated(reading.site.name, **values, entered=entered)

        given = {
            "order_id": order_id,
            "status": status,
            "filled": filled,
            "fill_id": fill_id,
            "fill_quantity": fill_quantity,
            "price": price,
            "reason": reason,
            "timestamp": timestamp,
            "account": account,
        }
        polls = all(given[name] is None for name in _STATE)
        recipe = TrackerRecipe(
            "OrderTracker.update",
            _UPDATE,
            effect=effect,
            enter=None if any(map(is_told_at_the_end, given.values())) else receiving(intake),
            also=UPDATED,
            strategies=self._strategies,
        )
        return decorate(function, recipe, given, intake.metrics)

    @overload
    def cancel(self, function: Callable[P, R], /) -> Callable[P, R]: ...
    @overload
    def cancel(
        self,
        function: None = None,
        /,
        *,
        order_id: LabelSource | None = None,
        timestamp: LabelSource | None = None,
    ) -> Decorator: ...
    @suggest_keywords
    def cancel(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        order_id: LabelSource | None = None,
        timestamp: LabelSource | None = None,
    ) -> Any:
        """Report the cancels that a function sends, as `cancel_requested` does, whether it returns or raises.

        Args:
            function: The function, when the decorator is written without parentheses.
            order_id: Source of the id; by default the parameter of that name, `order.order_id` or `order.id`.
            timestamp: Source of the message's own time; left out, the time is the clock's.

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
        return decorate(function, recipe, {"order_id": order_id, "timestamp": timestamp}, intake.metrics)

    @overload
    def replace(self, function: Callable[P, R], /) -> Callable[P, R]: ...
    @overload
    def replace(
        self,
        function: None = None,
        /,
        *,
        order_id: LabelSource | None = None,
        new_order_id: LabelSource | None = None,
        quantity: LabelSource | None = None,
        timestamp: LabelSource | None = None,
    ) -> Decorator: ...
    @suggest_keywords
    def replace(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        order_id: LabelSource | None = None,
        new_order_id: LabelSource | None = None,
        quantity: LabelSource | None = None,
        timestamp: LabelSource | None = None,
    ) -> Any:
        """Report the replaces that a function sends, as `replaced` does.

        Its message counts in any case; the order goes on under the new id when the function returns. After a timeout,
        a lost connection or a cancellation, it does so as soon as there is news under the new id, where that comes
        from an argument.

        Args:
            function: The function, when the decorator is written without parentheses.
            order_id: Source of the order's id; by default the parameter of that name, `order.order_id` or `order.id`.
            new_order_id: Source of its new id; by default the parameter of that name, or the result's.
            quantity: Source of its new quantity in all; by default the parameter of that name, or `order.quantity`.
            timestamp: Source of the message's own time; left out, the time is the clock's.

        Raises:
            LabelSourceError: When decorating, if the id has no source, or a source names no parameter.
            DecorationError: When decorating a generator whose new id would be its result.
            TypeError: When decorating, if there is no such keyword.
        """
        intake = self._intake

        def effect(reading: CallContext) -> None:
            exception = reading.exception
            failure = None
            if exception is not None:
                failure = Failure(outcomes.reason_of(exception), outcomes.is_unknown(exception))
            intake.replaced(reading.site.name, **values_of(reading, _REPLACE), entered=reading.entered, failure=failure)

        recipe = Recipe(
            "OrderTracker.replace",
            _REPLACE,
            effect=effect,
            enter=sending(intake, "modify") if timestamp is None else None,
            needs_result=new_order_id is None or is_of_the_result(new_order_id),
            also=SENT,
        )
        given = {"order_id": order_id, "new_order_id": new_order_id, "quantity": quantity, "timestamp": timestamp}
        return decorate(function, recipe, given, intake.metrics)


def _polled(reading: CallContext) -> dict[str, Any]:
    """What an answer says of an order's state."""
    try:
        found = {name: find(reading.result, name) for name in _POLLED}
    except Exception as error:
        reading.fault("source", error)
        return {}
    return {name: value for name, value in found.items() if value is not MISSING and not callable(value)}
