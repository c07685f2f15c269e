"""What ccxt's order types, exceptions, arguments and answers say."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, Final

from tradmetrics.integrations._hooks import Finish

_STOPS: Final = ("triggerPrice", "stopPrice", "stopLossPrice", "takeProfitPrice")
_TRAILS: Final = ("trailingAmount", "trailingPercent", "trailingDelta")


class NoAnswer(TimeoutError):  # noqa: N818 - its name is the reason that is counted
    """An exchange answered fewer orders than it was sent."""


def order_type_of(order_type: Any, params: Mapping[str, Any]) -> Any:
    """An order's type as ccxt's unified parameters make it: stops and trailing stops are limit or market orders."""
    if any(params.get(name) is not None for name in _TRAILS):
        return "TRAILING_STOP"
    if any(params.get(name) is not None for name in _STOPS):
        return "STOP_LIMIT" if order_type == "limit" else "STOP"
    return order_type


def id_of(arguments: Mapping[str, Any]) -> str:
    """The id of the order that a call, or one request of a batch, is about."""
    client_id = arguments.get("clientOrderId") or (arguments.get("params") or {}).get("clientOrderId")
    return str(arguments.get("id") or client_id)


def orders_in(result: Any) -> list[Mapping[str, Any]]:
    """The orders of an answer, a single one or those of a list that can be told apart."""
    if isinstance(result, Mapping):
        return [result]
    found = (each for each in result or () if isinstance(each, Mapping))
    return [each for each in found if each.get("id") or each.get("clientOrderId")]


def one_by_one(finishes: list[Finish]) -> Finish:
    """What to call when a batch has been answered: each of its requests takes its own answer."""

    def finish(result: Any, error: BaseException | None) -> None:
        for each, answer in zip_longest(finishes, result or ()):
            if each is not None:
                each(answer, NoAnswer() if answer is None and error is None else error)

    return finish


def camel_case(name: str) -> str:
    """The other spelling of one of ccxt's methods."""
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
