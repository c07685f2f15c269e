"""The common parts of the decorators of `OrderTracker`: their fields, the metrics they record, the time of an event."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, ParamSpec, Protocol, TypeVar

from tradmetrics import catalogue
from tradmetrics.capture.call_context import CallContext, DecoratedFunction
from tradmetrics.capture.readers import Field
from tradmetrics.capture.recipe import Recipe
from tradmetrics.capture.sources import Error, Mapped, Result, Source
from tradmetrics.capture.wrapping import CALL_SITES_ATTRIBUTE, suggest_keywords_as
from tradmetrics.errors import is_interruption
from tradmetrics.model.missing import MISSING
from tradmetrics.model.text import text_of
from tradmetrics.orders.event import Entered, Failure
from tradmetrics.orders.inputs import LARGEST
from tradmetrics.orders.intake import Intake
from tradmetrics.vocabulary import answers, outcomes

P = ParamSpec("P")
R = TypeVar("R")

SUBMIT: Final = "OrderTracker.submit"

ORDER_ID: Final = Field("order_id", required=True, names=("order_id", "id"))
# Which clock times are read from is a decision: a parameter that happens to be called `timestamp` does not take it.
TIMESTAMP: Final = Field("timestamp", from_arguments=False)
ACCOUNT: Final = Field("account", from_arguments=False)
# A symbol becomes part of an order's key only where you say so, for submits and updates alike.
SYMBOL: Final = Field("symbol", from_arguments=False)
FILLED_NAMES: Final = ("filled", "filled_quantity", "filled_qty")
QUANTITY_NAMES: Final = ("amount", "quantity", "qty")
ID_NAMES: Final = ("order_id", "id")
"""Keys and attributes that brokers use for an order's id, its cumulative filled quantity and its quantity."""

# The metrics that `check` counts: of a message, of an event of an order, and of a submit, whose answer may be the only
# event.
SENT: Final = (catalogue.ORDER_MESSAGES, catalogue.ORDER_MESSAGE_RATE_MAX, catalogue.ORDER_ANOMALIES)
UPDATED: Final = (
    catalogue.ORDERS_FILLED, catalogue.ORDERS_REJECTED, catalogue.ORDERS_CANCELLED, catalogue.ORDER_ACK_TIME,
    catalogue.ORDER_FIRST_FILL_TIME, catalogue.ORDER_FILL_TIME, catalogue.ORDER_SLIPPAGE, catalogue.ORDER_ANOMALIES,
    catalogue.ORDER_FOREIGN,
)  # fmt: skip
SUBMITTED: Final = (
    *SENT, catalogue.ORDERS_SUBMITTED, catalogue.ORDERS_UNKNOWN, catalogue.ORDERS_OPEN, catalogue.ORDER_OLDEST_OPEN,
    catalogue.ORDER_DUPLICATES, *UPDATED,
)  # fmt: skip


class Decorating(Protocol):
    """The parts of an `OrderTracker` that its decorators need."""

    _intake: Intake
    _strategies: Strategies


class Strategies:
    """The strategies of a tracker's orders, as far as they are known before any call.

    Args:
        own: The label of orders that name none.
    """

    def __init__(self, own: str) -> None:
        self.own = own
        self._known: set[str] = set()
        self._are_known = True

    def add(self, source: object) -> None:
        """Take note of where a decorated submit reads the strategy from; None where it is the tracker's."""
        if source is None:
            self._known.add(self.own)
        elif isinstance(source, str | int | float | Enum):
            self._known.add(text_of(source))
        else:
            self._are_known = False

    def of(self, site: DecoratedFunction) -> tuple[str, ...] | None:
        """Those of the orders of a decorated function, or None when they are known only when the program runs."""
        if site.recipe.decorator == SUBMIT:
            return (self.own,)
        return tuple(sorted(self._known or {self.own})) if self._are_known else None


@dataclass(frozen=True)
class TrackerRecipe(Recipe):
    """A recipe of a tracker, which knows a label that no field of the recipe reads.

    Attributes:
        strategies: Those of the tracker's orders.
    """

    strategies: Strategies | None = None


def suggest_keywords(method: Callable[P, R]) -> Callable[P, R]:
    """Let a decorator of `OrderTracker` answer a keyword that it does not have with those that it has."""
    return suggest_keywords_as(f"@orders.{method.__name__}", method)


def values_of(reading: CallContext, fields: Iterable[Field]) -> dict[str, Any]:
    """The values of the fields; None where there is nothing to read."""
    return {field.name: value_of(reading, field.name) for field in fields}


def value_of(reading: CallContext, name: str) -> Any:
    """The value of a field; None where there is nothing to read."""
    value = reading(name)
    return None if value is MISSING else value


def failure_of(
    reading: CallContext, response: int | None, unknown: outcomes.UnknownOn = outcomes.UNKNOWN_ON
) -> Failure | None:
    """The failure of a request: its exception, or the HTTP response with an error status that it returned.

    Args:
        reading: The call.
        response: The HTTP status of the response that it returned, or None.
        unknown: The exceptions after which the order may be live.
    """
    exception = reading.exception
    if exception is not None:
        return Failure(outcomes.reason_of(exception), outcomes.is_unknown(exception, unknown, reading.source_fault))
    found = answers.http_error_of(response)
    return None if found is None else Failure(*found)


def read_fields(reading: CallContext, names: Iterable[str]) -> dict[str, Any]:
    """The values of the fields that have a source; a field without one, or with nothing to read, is absent."""
    sources = reading.site.compiled.sources
    found = {}
    for name in names:
        if sources[name] is not None:
            value = reading(name)
            if value is not MISSING and value is not None:
                found[name] = value
    return found


def is_of_the_result(source: object) -> bool:
    """Whether a source reads what a function returned, so that a generator has none."""
    return isinstance(source, Result | Mapped)


def is_told_at_the_end(source: object) -> bool:
    """Whether a source may read something that is known only when the function has ended."""
    if isinstance(source, Mapped):
        return is_told_at_the_end(source.source)
    if isinstance(source, Source):
        return isinstance(source, Result | Error)
    return callable(source) and not isinstance(source, Enum)


def sites_on(function: object) -> tuple[DecoratedFunction, ...]:
    """The sites on a function, the one that was put on it last first; none where disabled metrics left it alone."""
    sites = getattr(getattr(function, "__func__", function), CALL_SITES_ATTRIBUTE, ())
    return sites if isinstance(sites, tuple) else ()


def receiving(intake: Intake) -> Callable[[DecoratedFunction], Entered | None]:
    """Take the time when a callback is entered; but an update on top of a submit tells what came of that."""

    def enter(site: DecoratedFunction) -> Entered | None:
        if is_on_a_submit(site):
            return None
        return Entered(intake.reader.clock(site.metrics, site.name))

    return enter


def is_on_a_submit(site: DecoratedFunction) -> bool:
    """Return whether a function is decorated as a submit beneath."""
    return any(below.recipe.decorator == SUBMIT for below in sites_on(site.function))


def entering(
    intake: Intake, sent: Callable[[str, float], object] | None = None
) -> Callable[[DecoratedFunction, Callable[[], Any]], Callable[[], Any]]:
    """Take the time of a call in few steps, as `receiving` and `sending` do.

    Args:
        intake: The tracker's.
        sent: Counts a message of a site that is being sent now, or None.
    """
    reader = intake.reader
    local = reader.local

    def of_site(site: DecoratedFunction, enter: Callable[[], Any]) -> Callable[[], Any]:
        if sent is None and is_on_a_submit(site):
            return enter

        def entered() -> Any:
            try:
                if not site.metrics.enabled:
                    return enter()
                now = local()
                if type(now) is not float or not -LARGEST < now < LARGEST:
                    return enter()
            except Exception as error:
                if is_interruption(error):
                    raise
                return enter()
            reader.now = now
            if sent is not None:
                sent(site.name, now)
            return math.nan, Entered(now)  # nothing that the decorator records is the duration of a call

        return entered

    return of_site


def sending(intake: Intake, action: str) -> Callable[[DecoratedFunction], Entered]:
    """Take the time when a message is being sent, and count it."""

    def enter(site: DecoratedFunction) -> Entered:
        entered = Entered(intake.reader.clock(site.metrics, site.name))
        intake.message(site.name, action, entered.at)
        return entered

    return enter
