"""The decorators of `OrderTracker`: its plain calls, with their arguments read from a decorated function's calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, ParamSpec, TypeVar, overload

from tradmetrics import catalogue, outcomes
from tradmetrics.instrument import Reading, Site
from tradmetrics.labels import MISSING, LabelSource, Mapped, Result
from tradmetrics.lifecycle.core import Failure
from tradmetrics.lifecycle.intake import Entered, Intake
from tradmetrics.readers import Field
from tradmetrics.recipe import Recipe
from tradmetrics.wrapping import Decorator, decorate

P = ParamSpec("P")
R = TypeVar("R")

_ORDER_ID: Final = Field("order_id", required=True, names=("order_id", "id"))
# Which clock times are read from is a decision: a parameter that happens to be called `timestamp` does not take it.
_EXPLICIT: Final = (Field("timestamp", from_arguments=False), Field("account", from_arguments=False))
_SUBMIT: Final = (
    Field("order_id", from_result=True, names=("order_id", "id")),
    *map(Field, ("strategy", "side", "order_type", "quantity", "reference_price")),
    *_EXPLICIT,
)
_UPDATE: Final = (
    _ORDER_ID,
    *map(Field, ("status", "filled", "fill_id", "fill_quantity", "price", "reason")),
    *_EXPLICIT,
)
# What can be recorded, for `check` to count: of a message, of an order's submission, and of the news of it.
_SENT: Final = (catalogue.ORDER_MESSAGES, catalogue.ORDER_MESSAGE_RATE_MAX, catalogue.ORDER_ANOMALIES)
_SUBMITTED: Final = (
    *_SENT, catalogue.ORDERS_SUBMITTED, catalogue.ORDERS_REJECTED, catalogue.ORDERS_UNKNOWN, catalogue.ORDERS_OPEN,
    catalogue.ORDER_OLDEST_OPEN,
)  # fmt: skip
_UPDATED: Final = (
    catalogue.ORDERS_FILLED, catalogue.ORDERS_REJECTED, catalogue.ORDERS_CANCELLED, catalogue.ORDER_ACK_TIME,
    catalogue.ORDER_FIRST_FILL_TIME, catalogue.ORDER_FILL_TIME, catalogue.ORDER_SLIPPAGE, catalogue.ORDER_ANOMALIES,
)  # fmt: skip
_REPLACE: Final = (_ORDER_ID, Field("new_order_id", from_result=True), Field("quantity"))


class Decorators:
    """What `OrderTracker` puts on functions. Sources are those of every decorator: see `arg`, `result` and `error`."""

    _intake: Intake

    @overload
    def submit(self, function: Callable[P, R], /) -> Callable[P, R]: ...
    @overload
    def submit(
        self,
        function: None = None,
        /,
        *,
        order_id: LabelSource | None = None,
        strategy: LabelSource | None = None,
        side: LabelSource | None = None,
        order_type: LabelSource | None = None,
        quantity: LabelSource | None = None,
        reference_price: LabelSource | None = None,
        timestamp: LabelSource | None = None,
        account: LabelSource | None = None,
        unknown_on: outcomes.ExceptionName | Iterable[outcomes.ExceptionName] = (),
    ) -> Decorator: ...
    def submit(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        order_id: LabelSource | None = None,
        strategy: LabelSource | None = None,
        side: LabelSource | None = None,
        order_type: LabelSource | None = None,
        quantity: LabelSource | None = None,
        reference_price: LabelSource | None = None,
        timestamp: LabelSource | None = None,
        account: LabelSource | None = None,
        unknown_on: outcomes.ExceptionName | Iterable[outcomes.ExceptionName] = (),
    ) -> Any:
        """Report the orders that a function sends, as `submitted` does.

        The order's time is when the function is entered. An exception rejects the order, with its class name in
        snake_case as the reason; a timeout, a lost connection or a cancellation counts in
        `trading_orders_unknown_total`, and the order stays open where its id comes from an argument.

        Args:
            function: The function, when the decorator is written without parentheses.
            order_id: Source of the id; by default the parameter of that name, `order.order_id`, `order.id`, or the
                result's `order_id` or `id`.
            strategy: Source of the strategy; by default the parameter of that name, or the tracker's.
            side: Source of the side; by default the parameter of that name, or `order.side`.
            order_type: Source of the order type; by default likewise.
            quantity: Source of the quantity; by default likewise.
            reference_price: Source of the reference price; by default likewise.
            timestamp: Source of the event's own time; left out, the time is the clock's.
            account: Source of the account; left out, the account is the tracker's.
            unknown_on: More exceptions after which nobody knows whether the order is live: classes or class names.

        Raises:
            LabelSourceError: When decorating, if a source names no parameter.
            ConfigurationError: When decorating, if `unknown_on` is no exception.
            DecorationError: When decorating a generator whose id would be its result.
        """
        intake, unknown = self._intake, outcomes.unknown_on(unknown_on)

        def effect(reading: Reading) -> None:
            exception = reading.exception
            failure = None
            if exception is not None:
                failure = Failure(outcomes.reason_of(exception), outcomes.is_unknown(exception, unknown))
            intake.submitted(reading.site.name, **_values(reading, _SUBMIT), entered=reading.entered, failure=failure)

        recipe = Recipe(
            "OrderTracker.submit",
            _SUBMIT,
            effect=effect,
            enter=_sending(intake, "new") if timestamp is None else None,
            needs_result=order_id is None or isinstance(order_id, Result | Mapped),
            also=_SUBMITTED,
        )
        given = {
            "order_id": order_id,
            "strategy": strategy,
            "side": side,
            "order_type": order_type,
            "quantity": quantity,
            "reference_price": reference_price,
            "timestamp": timestamp,
            "account": account,
        }
        return decorate(function, recipe, given, intake.metrics)

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
        """Report what a callback is told of an order, as `updated` does, whether the callback returns or raises.

        The event's time is when the callback is entered.

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
        """
        intake = self._intake

        def effect(reading: Reading) -> None:
            intake.updated(reading.site.name, **_values(reading, _UPDATE), entered=reading.entered)

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
        recipe = Recipe("OrderTracker.update", _UPDATE, effect=effect, enter=_receiving(intake), also=_UPDATED)
        return decorate(function, recipe, given, intake.metrics)

    @overload
    def cancel(self, function: Callable[P, R], /) -> Callable[P, R]: ...
    @overload
    def cancel(self, function: None = None, /, *, order_id: LabelSource | None = None) -> Decorator: ...
    def cancel(self, function: Callable[..., Any] | None = None, /, *, order_id: LabelSource | None = None) -> Any:
        """Report the cancels that a function sends, as `cancel_requested` does, whether it returns or raises.

        Args:
            function: The function, when the decorator is written without parentheses.
            order_id: Source of the id; by default the parameter of that name, `order.order_id` or `order.id`.

        Raises:
            LabelSourceError: When decorating, if the id has no source, or a source names no parameter.
        """
        intake = self._intake

        def effect(reading: Reading) -> None:
            intake.cancel_requested(
                reading.site.name, **_values(reading, (_ORDER_ID,)), timestamp=None, entered=reading.entered
            )

        recipe = Recipe(
            "OrderTracker.cancel", (_ORDER_ID,), effect=effect, enter=_sending(intake, "cancel"), also=_SENT
        )
        return decorate(function, recipe, {"order_id": order_id}, intake.metrics)

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
    ) -> Decorator: ...
    def replace(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        order_id: LabelSource | None = None,
        new_order_id: LabelSource | None = None,
        quantity: LabelSource | None = None,
    ) -> Any:
        """Report the replaces that a function sends, as `replaced` does.

        Its message counts in any case; the order goes on under the new id when the function returns.

        Args:
            function: The function, when the decorator is written without parentheses.
            order_id: Source of the order's id; by default the parameter of that name, `order.order_id` or `order.id`.
            new_order_id: Source of its new id; by default the parameter of that name, or the result's.
            quantity: Source of its new quantity in all; by default the parameter of that name, or `order.quantity`.

        Raises:
            LabelSourceError: When decorating, if the id has no source, or a source names no parameter.
            DecorationError: When decorating a generator whose new id would be its result.
        """
        intake = self._intake

        def effect(reading: Reading) -> None:
            if reading.exception is None:
                intake.replaced(
                    reading.site.name, **_values(reading, _REPLACE), timestamp=None, entered=reading.entered
                )

        recipe = Recipe(
            "OrderTracker.replace",
            _REPLACE,
            effect=effect,
            enter=_sending(intake, "modify"),
            needs_result=new_order_id is None or isinstance(new_order_id, Result | Mapped),
            also=_SENT,
        )
        given = {"order_id": order_id, "new_order_id": new_order_id, "quantity": quantity}
        return decorate(function, recipe, given, intake.metrics)


def _values(reading: Reading, fields: Iterable[Field]) -> dict[str, Any]:
    """The values of the fields; None where there is nothing to read."""
    values = {field.name: reading(field.name) for field in fields}
    return {name: None if value is MISSING else value for name, value in values.items()}


def _receiving(intake: Intake) -> Callable[[Site], Entered]:
    return lambda site: Entered(intake.reader.clock(site.book, site.name))


def _sending(intake: Intake, action: str) -> Callable[[Site], Entered]:
    def enter(site: Site) -> Entered:
        entered = Entered(intake.reader.clock(site.book, site.name))
        intake.message(site.name, action, entered.at)
        return entered

    return enter
