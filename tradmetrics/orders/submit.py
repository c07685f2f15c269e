"""`@orders.submit`: orders as a function sends them, with what it was answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar, overload

from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.readers import Field
from tradmetrics.capture.sources import LabelSource
from tradmetrics.capture.wrapping import Decorator, decorate
from tradmetrics.orders.answer import AnswerReader
from tradmetrics.orders.correlator import Failure
from tradmetrics.orders.intake import Intake
from tradmetrics.orders.recipes import (
    ACCOUNT,
    SUBMIT,
    SUBMITTED,
    TIMESTAMP,
    Strategies,
    TrackerRecipe,
    is_of_the_result,
    sending,
    sites_on,
    suggest_keywords,
    value_of,
    values_of,
)
from tradmetrics.vocabulary import fold as vocabulary
from tradmetrics.vocabulary import outcomes

P = ParamSpec("P")
R = TypeVar("R")

_ORDER: Final = (
    Field("order_id", from_result=True, names=("order_id", "id")),
    *map(Field, ("strategy", "side", "order_type", "quantity", "reference_price")),
    TIMESTAMP,
    ACCOUNT,
)
# What a parameter or the order says of these was so before it was sent.
_ANSWER: Final = (
    Field("status", from_result=True, from_arguments=False),
    Field("filled", from_result=True, from_arguments=False, names=("filled", "filled_quantity", "filled_qty")),
    Field("reason", from_result=True, from_arguments=False),
    Field("broker_id", from_arguments=False),
)
_ANSWERED_QUANTITY: Final = Field(
    "answered quantity", from_result=True, from_arguments=False, names=("amount", "quantity", "qty")
)


class Submitting:
    """What `OrderTracker` puts on functions that send orders."""

    _intake: Intake
    _strategies: Strategies

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
        broker_id: LabelSource | None = None,
        status: LabelSource | None = None,
        filled: LabelSource | None = None,
        reason: LabelSource | None = None,
        unknown_on: outcomes.UnknownOnSource = (),
    ) -> Decorator: ...
    @suggest_keywords
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
        broker_id: LabelSource | None = None,
        status: LabelSource | None = None,
        filled: LabelSource | None = None,
        reason: LabelSource | None = None,
        unknown_on: outcomes.UnknownOnSource = (),
    ) -> Any:
        """Report the orders that a function sends, as `submitted` does, and what it is answered, as `updated` does.

        The order's time is when the function is entered, and its answer's when it returns: an answer that says
        `filled` times the fill, and one that says `rejected` ends the order. An exception rejects the order, with its
        class name in snake_case as the reason; a timeout, a lost connection or a cancellation counts in
        `trading_orders_unknown_total`, and the order stays open where its id comes from an argument.

        Args:
            function: The function, when the decorator is written without parentheses.
            order_id: Source of the id; by default the parameter of that name, `order.order_id`, `order.id`, the
                result's `order_id` or `id`, or the result itself when it is a text or a whole number.
            strategy: Source of the strategy; by default the parameter of that name, `order.strategy`, or the tracker's.
            side: Source of the side; by default the parameter of that name, or `order.side`.
            order_type: Source of the order type; by default likewise.
            quantity: Source of the quantity; by default likewise.
            reference_price: Source of the reference price; by default likewise.
            timestamp: Source of the event's own time, the answer's too; left out, the time is the clock's.
            account: Source of the account; left out, the account is the tracker's.
            broker_id: Source of the broker's own id, `result("id")`, where `order_id` is the bot's: both lead to the
                order from then on.
            status: Source of the order's state as the broker answers; by default the result's `status`.
            filled: Source of the cumulative filled quantity; by default the result's `filled`, `filled_quantity` or
                `filled_qty`.
            reason: Source of the reason of a rejection; by default the result's, or the exception's class.
            unknown_on: More exceptions after which the order may be live: classes, class names, or predicates such as
                `lambda error: error.code == -1007`. A predicate that raises is counted as an error and means no.

        Raises:
            LabelSourceError: When decorating, if a source names no parameter.
            ConfigurationError: When decorating, if `unknown_on` is no exception.
            DecorationError: When decorating a generator whose id or answer would be its result.
            TypeError: When decorating, if there is no such keyword.
        """
        intake, unknown = self._intake, outcomes.unknown_on(unknown_on)

        def effect(reading: CallContext) -> None:
            order = values_of(reading, _ORDER)
            if order["order_id"] is None and order_id is None:
                order["order_id"] = _id_alone(reading.result)
            exception = reading.exception
            failure = None
            if exception is not None:
                failure = Failure(
                    outcomes.reason_of(exception), outcomes.is_unknown(exception, unknown, reading.source_fault)
                )
            intake.submitted(
                reading.site.name,
                **order,
                entered=reading.entered,
                failure=failure,
                answer=_answer(reading, is_named=status is not None),
            )

        sources = {
            "order_id": order_id,
            "broker_id": broker_id,
            "status": status,
            "filled": filled,
            "reason": reason,
        }
        recipe = TrackerRecipe(
            SUBMIT,
            (*_ORDER, *_ANSWER, _ANSWERED_QUANTITY),
            effect=effect,
            enter=sending(intake, "new") if timestamp is None else None,
            needs_result=order_id is None or any(map(is_of_the_result, sources.values())),
            also=SUBMITTED,
            strategies=self._strategies,
        )
        given = {
            **sources,
            "strategy": strategy,
            "side": side,
            "order_type": order_type,
            "quantity": quantity,
            "reference_price": reference_price,
            "timestamp": timestamp,
            "account": account,
        }

        def put_on(target: Callable[..., Any]) -> Any:
            decorated = decorate(target, recipe, given, intake.metrics)
            for site in sites_on(decorated)[:1]:
                if site.recipe is recipe:
                    self._strategies.add(site.compiled.sources["strategy"])
            return decorated

        return put_on if function is None else put_on(function)


def _id_alone(result: object) -> object:
    """An answer that is nothing but the order's id, as Kite's is; a word such as `filled` is none."""
    if type(result) is int:
        return result
    return result if type(result) is str and vocabulary.order_status(result) is None else None


def _answer(reading: CallContext, is_named: bool) -> AnswerReader:
    """What a call was answered. `is_named`: its status has a source of its own."""
    reason, broker_id = value_of(reading, "reason"), value_of(reading, "broker_id")
    if reading.exception is not None:
        return AnswerReader(reason=reason, broker_id=broker_id)
    status, filled = value_of(reading, "status"), value_of(reading, "filled")
    if not is_named and isinstance(status, int):
        status = None  # of an HTTP response
    quantity = None if status is None else value_of(reading, _ANSWERED_QUANTITY.name)
    return AnswerReader(status, filled, quantity, reason, broker_id)
