"""`@orders.submit`: the orders that a function sends, with the broker's answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar, overload

from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.exemplars import ExemplarSource
from tradmetrics.capture.readers import Field
from tradmetrics.capture.responses import response_status
from tradmetrics.capture.sources import LabelSource
from tradmetrics.capture.straight import Straight
from tradmetrics.capture.unsourced import note_unsourced
from tradmetrics.capture.wrapping import Decorator, decorate
from tradmetrics.errors import ConfigurationError
from tradmetrics.orders.answer import AnswerReader
from tradmetrics.orders.event import SubmitReport, UpdateReport
from tradmetrics.orders.exemplars import with_exemplars
from tradmetrics.orders.recipes import (
    ACCOUNT,
    FILLED_NAMES,
    ID_NAMES,
    QUANTITY_NAMES,
    SUBMIT,
    SUBMITTED,
    SYMBOL,
    TIMESTAMP,
    Decorating,
    TrackerRecipe,
    entering,
    failure_of,
    is_of_the_result,
    sending,
    sites_on,
    suggest_keywords,
    value_of,
)
from tradmetrics.vocabulary import fold as vocabulary
from tradmetrics.vocabulary import outcomes
from tradmetrics.vocabulary.field_words import words_of
from tradmetrics.vocabulary.http_status import as_http_status

P = ParamSpec("P")
R = TypeVar("R")

_ORDER: Final = (
    Field("order_id", from_result=True, names=ID_NAMES),
    Field("strategy"),
    *(Field(name, in_result_too=True) for name in ("side", "order_type")),
    *map(Field, ("quantity", "reference_price")),
    TIMESTAMP,
    ACCOUNT,
    SYMBOL,
    *(Field(name, from_arguments=False) for name in ("price", "quantity_in", "lot")),
)
# The arguments of a submit have the order's state from before it was sent, so only the answer is read.
_ANSWER: Final = (
    Field("status", from_result=True, from_arguments=False),
    Field("filled", from_result=True, from_arguments=False, names=FILLED_NAMES),
    Field("reason", from_result=True, from_arguments=False),
    Field("broker_id", from_arguments=False),
)
_LABELS: Final = ("side", "order_type")
_LABEL_WORDS: Final = frozenset(word for name in _LABELS for word in words_of(name))
_USUAL: Final = ("order_id", *_LABELS, "quantity")
_RARE: Final = ("strategy", "reference_price", "account", "symbol", "price", "quantity_in", "lot")
_GOING_ON: Final = frozenset({"submitted", "accepted", "unchanged", "partially_filled", "filled"})
"""States that an answer reports in two steps: the order was sent, then came this event of it."""
_ANSWERED_QUANTITY: Final = Field("answered quantity", from_result=True, from_arguments=False, names=QUANTITY_NAMES)


@overload
def submit(self: Decorating, function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def submit(
    self: Decorating,
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
    symbol: LabelSource | None = None,
    price: LabelSource | None = None,
    quantity_in: LabelSource | None = None,
    lot: LabelSource | None = None,
    broker_id: LabelSource | None = None,
    status: LabelSource | None = None,
    filled: LabelSource | None = None,
    reason: LabelSource | None = None,
    exemplar: ExemplarSource | None = None,
    unknown_on: outcomes.UnknownOnSource = (),
) -> Decorator: ...
@suggest_keywords
def submit(
    self: Decorating,
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
    symbol: LabelSource | None = None,
    price: LabelSource | None = None,
    quantity_in: LabelSource | None = None,
    lot: LabelSource | None = None,
    broker_id: LabelSource | None = None,
    status: LabelSource | None = None,
    filled: LabelSource | None = None,
    reason: LabelSource | None = None,
    exemplar: ExemplarSource | None = None,
    unknown_on: outcomes.UnknownOnSource = (),
) -> Any:
    """Report the orders that a function sends, as `submitted` does, and the broker's answers, as `updated` does.

    The order's time is when the function is entered, and the answer's time is when it returns: an answer with the
    status `filled` times the fill, and an answer with `rejected` ends the order. An exception rejects the order, with
    its class name in snake_case as the reason; a timeout, a lost connection or a cancellation counts in
    `trading_orders_unknown_total`, and the order stays open where its id comes from an argument.

    Args:
        self: The tracker.
        function: The function, when the decorator is written without parentheses.
        order_id: Source of the id; by default the parameter of that name, `order.order_id`, `order.id`, the
            result's `order_id` or `id`, or the result itself when it is a text or a whole number.
        strategy: Source of the strategy; by default the parameter of that name, `order.strategy`, or the tracker's.
        side: Source of the side. Default: `side`, `action`, `transaction_type` or `buy_sell` among the parameters, in
            `**kwargs`, in the keys and attributes of the parameter `order`, and in those of the result.
        order_type: Source of the order type. Default: `order_type`, `type`, `ordertype` or `orderType` in the same
            places.
        quantity: Source of the quantity. Default: the parameter of that name, or `order.quantity`.
        reference_price: Source of the reference price. Default: the parameter of that name, or `order.reference_price`.
        timestamp: Source of the event's own time, also the answer's. Default: the time is the clock's.
        account: Source of the account. Default: the account is the tracker's.
        symbol: Source of the symbol, where the broker numbers each market separately: the order's key is then
            (account, symbol, id), and `update`, `cancel` and `replace` take the same `symbol=`.
        price: Source of the limit price, for `trading_order_duplicates_total`. Default: the order has none.
        quantity_in: `"base"`, or `"quote"` where the quantity is in another unit than the fills. Default: `"base"`.
        lot: Source of the lot size: a fill that misses the quantity by less is complete. Default: 0.1 % of the order.
        broker_id: Source of the broker's own id, `result("id")`, where `order_id` is the bot's: both lead to the
            order from then on. Another one under the same `order_id` is always another order.
        status: Source of the order's state as the broker answers; by default the result's `status`.
        filled: Source of the cumulative filled quantity; by default the result's `filled`, `filled_quantity` or
            `filled_qty`.
        reason: Source of the reason of a rejection; by default the result's, or the exception's class.
        exemplar: Source of labels that point at this very call, such as `arg("order.id")`. The OpenMetrics exposition
            shows them with the samples of its events.
        unknown_on: More exceptions after which the order may be live: classes, class names, or predicates.

    Raises:
        LabelSourceError: When decorating, if a source names no parameter.
        ConfigurationError: When decorating, if `unknown_on` is not an exception, or `quantity_in` is not a unit.
        DecorationError: When decorating a generator whose id or answer would be its result.
        TypeError: When decorating, if there is no such keyword.
    """
    intake, unknown = self._intake, outcomes.unknown_on(unknown_on)
    if isinstance(quantity_in, str) and quantity_in not in ("base", "quote"):
        raise ConfigurationError(f"@orders.submit: quantity_in must be 'base' or 'quote', got {quantity_in!r}")

    noted: defaultdict[str, set[str]] = defaultdict(set)

    def effect(reading: CallContext) -> None:
        report = SubmitReport(*[value_of(reading, name) for name in SubmitReport._fields])
        if report.order_id is None and order_id is None:
            report = report._replace(order_id=_id_alone(reading.result))
        response = response_status(reading) if status is None else None
        intake.submitted(
            reading.site.name,
            report,
            entered=reading.entered,
            failure=failure_of(reading, response, unknown),
            answer=_answer(reading, is_response=response is not None, is_named=status is not None),
        )
        note_unsourced(reading, _LABELS, noted[reading.site.name])

    def work(token: Any, result: Any, one: Any, side: Any, order_type: Any, quantity: Any) -> bool:
        entered = token[1]
        if entered is None or entered.at is None:
            return False
        is_silent = side is None or order_type is None
        if is_silent and not noted:
            return False  # the log names them once
        state = total = None
        if result is not None:
            if type(result) is not dict or "status_code" in result:
                return False
            if is_silent and not _LABEL_WORDS.isdisjoint(result):
                return False
            state = result.get("status")
            total = next((found for found in map(result.get, FILLED_NAMES) if found is not None), None)
            if state is not None and (type(state) is not str or intake.reader.statuses.get(state) not in _GOING_ON):
                return False
            if total is not None and (type(total) not in (int, float) or state is None):
                return False
        if not intake.fast.submitted(one, side, order_type, quantity, entered.at):
            return False
        if state is not None and not intake.fast.updated(one, None, state, total, None, None):
            intake.updated(SUBMIT, UpdateReport(one, state, total))
        return True

    def sent(site: str, at: float) -> None:
        if not intake.fast.sent(at):
            intake.message(site, "new", at)

    sources = {
        "order_id": order_id,
        "broker_id": broker_id,
        "status": status,
        "filled": filled,
        "reason": reason,
    }
    unusual = (timestamp, exemplar, *(sources[name] for name in ("broker_id", "status", "filled", "reason")))
    is_usual = all(each is None for each in unusual)
    recipe = TrackerRecipe(
        SUBMIT,
        (*_ORDER, *_ANSWER, _ANSWERED_QUANTITY),
        effect=effect if exemplar is None else with_exemplars(effect),
        straight=Straight(work, entering(intake, sent), _USUAL, _RARE) if is_usual else None,
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
        "symbol": symbol,
        "price": price,
        "quantity_in": quantity_in,
        "lot": lot,
    }

    def put_on(target: Callable[..., Any]) -> Any:
        decorated = decorate(target, recipe, given, intake.metrics, exemplar=exemplar)
        for site in sites_on(decorated)[:1]:
            if site.recipe.effect is recipe.effect:
                self._strategies.add(site.compiled.sources["strategy"])
        return decorated

    return put_on if function is None else put_on(function)


def _id_alone(result: object) -> object:
    """Return an answer that is only the order's id, as Kite's is; None for a word such as `filled`."""
    if type(result) is int:
        return result
    return result if type(result) is str and vocabulary.order_status(result) is None else None


def _answer(reading: CallContext, *, is_response: bool, is_named: bool) -> AnswerReader:
    """The broker's answer to a call.

    Args:
        reading: The call.
        is_response: Whether it is an HTTP response, whose status is not the order's.
        is_named: Whether the order's status has a source of its own.
    """
    reason, broker_id = value_of(reading, "reason"), value_of(reading, "broker_id")
    if reading.exception is not None:
        return AnswerReader(reason=reason, broker_id=broker_id)
    status, filled = value_of(reading, "status"), value_of(reading, "filled")
    is_number = type(status) is int and as_http_status(status) is not None
    if is_response or (not is_named and (type(status) is bool or is_number)):
        status = None  # of the request, and not of the order
    quantity = None if status is None else value_of(reading, _ANSWERED_QUANTITY.name)
    return AnswerReader(status, filled, quantity, reason, broker_id)
