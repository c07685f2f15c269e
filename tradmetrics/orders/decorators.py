"""`@orders.update`: events of orders from the calls of a decorated function.

Sources are those of every decorator: see `arg`, `result` and `error`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Final, ParamSpec, TypeVar, overload

from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.exemplars import ExemplarSource
from tradmetrics.capture.readers import Field
from tradmetrics.capture.sources import LabelSource, find
from tradmetrics.capture.straight import Straight
from tradmetrics.capture.unsourced import note_unsourced
from tradmetrics.capture.wrapping import Decorator, decorate
from tradmetrics.errors import is_interruption
from tradmetrics.model.missing import MISSING
from tradmetrics.orders.direct import DirectReader
from tradmetrics.orders.each import ItemSources, items_of
from tradmetrics.orders.event import UpdateReport
from tradmetrics.orders.exemplars import with_exemplars
from tradmetrics.orders.recipes import (
    ACCOUNT,
    FILLED_NAMES,
    ID_NAMES,
    ORDER_ID,
    SYMBOL,
    TIMESTAMP,
    UPDATED,
    Decorating,
    TrackerRecipe,
    entering,
    is_told_at_the_end,
    read_fields,
    receiving,
    suggest_keywords,
    value_of,
)

P = ParamSpec("P")
R = TypeVar("R")

_STATE: Final = ("status", "filled", "fill_id", "fill_quantity", "price", "reason")
_USUAL: Final = ("order_id", "symbol", "status", "filled", "fill_id", "fill_quantity")
_RARE: Final = ("price", "reason", "timestamp", "account", "corrects")
_POLLED: Final = {"status": ("status",), "filled": FILLED_NAMES, "reason": ("reason",)}
_IN_ITEMS: Final = {"order_id": ID_NAMES, **{name: (name,) for name in _STATE}, "filled": FILLED_NAMES}
_STATELESS: Final = "the event tells nothing of its order's state, so nothing is recorded"
_UPDATE: Final = (
    *(ORDER_ID, *map(Field, _STATE), TIMESTAMP, ACCOUNT, SYMBOL),
    Field("corrects", from_arguments=False),
)


@overload
def update(self: Decorating, function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def update(
    self: Decorating,
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
    symbol: LabelSource | None = None,
    corrects: LabelSource | None = None,
    each: LabelSource | None = None,
    exemplar: ExemplarSource | None = None,
) -> Decorator: ...
@suggest_keywords
def update(
    self: Decorating,
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
    symbol: LabelSource | None = None,
    corrects: LabelSource | None = None,
    each: LabelSource | None = None,
    exemplar: ExemplarSource | None = None,
) -> Any:
    """Report the events that a function receives, as `updated` does, whether the function returns or raises.

    A callback receives the event in its arguments, so the event's time is the time of the call. A function that asks
    the broker receives it in the answer: where a source reads the result or the exception, or is a function of the
    `Call`, the event's time is when the function ends. The same holds for `update` on top of `submit`.

    If no field of the order's state has a source, and the arguments have none of these fields, the result's `status`,
    `filled` and `reason` are read: `@orders.update` is enough for `def poll(order_id)`.

    Args:
        self: The tracker.
        function: The function, when the decorator is written without parentheses.
        order_id: Source of the id. Default: the parameter of that name, `order.order_id` or `order.id`.
        status: Source of the state. Default: the parameter of that name, or `order.status`.
        filled: Source of the cumulative filled quantity. Default: the parameter of that name, or `order.filled`.
        fill_id: Source of the fill's id. Default: the parameter of that name, or `order.fill_id`.
        fill_quantity: Source of the fill's own quantity. Default: the parameter of that name, or `order.fill_quantity`.
        price: Source of the fill's price. Default: the parameter of that name, or `order.price`.
        reason: Source of the reason. Default: the parameter of that name, or `order.reason`.
        timestamp: Source of the event's own time. Default: the time is the clock's.
        account: Source of the account. Default: the account is the tracker's.
        symbol: Source of the symbol, where the broker numbers each market separately, as in `submit`.
        corrects: Source of the id of an earlier fill that this one corrects or takes back (FIX tag 19, where the
            execution type is G or H). Default: the fill corrects none.
        each: Source of a list of orders, `arg("msg.data")` or `result("orders")`. The other sources are then read from
            each item: `arg("orderId")` where the function has no such parameter, `result("orderId")` with
            `each=result(…)`, a callable by `call.arguments["item"]`. A source that is left out is the item's field of
            that name (`order_id` or `id`, `status`, `filled`, …).
        exemplar: Source of labels that point at this very call, such as `arg("order.id")`. The OpenMetrics exposition
            shows them with the samples of its events.

    Raises:
        LabelSourceError: When decorating, if the id has no source, or a source names no parameter.
        TypeError: When decorating, if there is no such keyword.
    """
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
        "symbol": symbol,
        "corrects": corrects,
    }
    if each is not None:
        given["each"] = each
        return _on(function, lambda target: _update_each(self, target, given, exemplar))
    intake = self._intake
    polls = all(given[name] is None for name in _STATE)
    direct = DirectReader(given, _USUAL, _RARE)
    noted: defaultdict[str, set[str]] = defaultdict(set)

    def effect(reading: CallContext) -> None:
        if exemplar is None and reading.entered is not None and reading.entered.at is not None:
            usual = direct.read(reading)
            if usual is not None and (noted or any(each is not None for each in usual[2:])):
                one, market, state, total, fill, amount = usual
                at = reading.entered.at
                if intake.fast.updated(one, market, state, total, fill, amount, at):
                    return
        values, entered = read_fields(reading, UpdateReport._fields), reading.entered
        if polls and reading.result is not None and all(values.get(name) is None for name in _STATE):
            values, entered = {**values, **_polled(reading)}, None
        intake.report_update(reading.site.name, values, entered, by_rules=exemplar is not None)
        # A function that asks for the state and returns None has no news.
        is_told = reading.result is not None or reading.site.compiled.lookups["status"].places
        if is_told and values.get("order_id") is not None and all(values.get(name) is None for name in _STATE):
            note_unsourced(reading, ("status",), noted[reading.site.name], _STATELESS)

    updated = intake.fast.updated

    def work(token: Any, _: object, one: Any, market: Any, state: Any, total: Any, fill: Any, amount: Any) -> bool:
        entered = token[1]
        if entered is None or entered.at is None:
            return False
        if state is None and total is None and fill is None and amount is None and not noted:
            return False  # the log says once that this tells nothing
        return updated(one, market, state, total, fill, amount, entered.at)

    known = Straight(work, entering(intake), _USUAL, _RARE, ("status", *FILLED_NAMES, "reason") if polls else ())
    if exemplar is None:
        return decorate(function, _recipe(self, _UPDATE, effect, given, known), given, intake.metrics)
    recipe = _recipe(self, _UPDATE, with_exemplars(effect), given)
    return decorate(function, recipe, given, intake.metrics, exemplar=exemplar)


def _recipe(
    self: Decorating,
    fields: tuple[Field, ...],
    effect: Callable[[CallContext], None],
    given: Mapping[str, object],
    straight: Straight | None = None,
) -> TrackerRecipe:
    at_the_end = any(map(is_told_at_the_end, given.values()))
    return TrackerRecipe(
        "OrderTracker.update",
        fields,
        effect=effect,
        straight=None if at_the_end else straight,
        enter=None if at_the_end else receiving(self._intake),
        also=UPDATED,
        strategies=self._strategies,
    )


def _update_each(self: Decorating, target: Any, given: Mapping[str, object], exemplar: ExemplarSource | None) -> Any:
    """Decorate a function whose message is a list of orders."""
    sources, intake = ItemSources(target, given, _IN_ITEMS), self._intake
    fields = tuple(Field(name, from_arguments=False) for name in sources.of_call)
    shared = [name for name in sources.of_call if name != "each"]

    def effect(reading: CallContext) -> None:
        common = {name: value_of(reading, name) for name in shared}
        for item in items_of(reading("each"), reading):
            values = {**common, **sources.read(item, reading)}
            intake.report_update(reading.site.name, values, reading.entered, by_rules=exemplar is not None)

    of_call = sources.of_call
    # A callable that reads the item decides nothing about the time, which is the message's.
    recipe = _recipe(self, fields, effect if exemplar is None else with_exemplars(effect), of_call)
    return decorate(target, recipe, of_call, intake.metrics, exemplar=exemplar)


def _on(function: Any, put_on: Callable[[Any], Any]) -> Any:
    return put_on if function is None else put_on(function)


def _polled(reading: CallContext) -> dict[str, Any]:
    """The fields of an answer that report an order's state."""
    found = {}
    try:
        for field, names in _POLLED.items():
            values = (find(reading.result, name) for name in names)
            found[field] = next((each for each in values if each is not MISSING and not callable(each)), None)
    except Exception as error:
        if is_interruption(error):
            raise
        reading.fault("source", error)
        return {}
    return found
