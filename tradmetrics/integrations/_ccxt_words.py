"""Readers of ccxt's order types, arguments and answers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, Final

from tradmetrics.integrations.kit import Finish

_STOPS: Final = ("triggerPrice", "stopPrice", "stopLossPrice", "takeProfitPrice")
_TRAILS: Final = ("trailingAmount", "trailingPercent", "trailingDelta")
STATUSES: Final = {"failed": "rejected", "invalid": "rejected", "refunded": "cancelled", "ok": "accepted"}
"""Words that a few exchanges of ccxt pass through beside its own four."""
_CODES: Final = ("code", "retCode", "sCode", "errorCode", "error_code", "err_code", "errCode")
_FULL_PAGE: Final = 20
"""From here on, a round number of orders may be the first page of more."""


class NoAnswer(TimeoutError):  # noqa: N818 - its name is the reason that is counted
    """An exchange answered fewer orders than it was sent."""


def order_type_of(order_type: Any, params: Mapping[str, Any]) -> Any:
    """An order's type as ccxt's unified parameters make it: stops and trailing stops are limit or market orders."""
    if any(params.get(name) is not None for name in _TRAILS):
        return "TRAILING_STOP"
    if is_trigger(params):
        return "STOP_LIMIT" if order_type == "limit" else "STOP"
    return order_type


def is_trigger(params: Mapping[str, Any]) -> bool:
    """Whether an order waits for a price, so that many exchanges list it apart from the open orders."""
    return any(params.get(name) is not None for name in (*_STOPS, *_TRAILS))


def unified(exchange: Any, symbol: Any) -> Any:
    """The symbol under which ccxt's answers name a market that a call names, `BTC/USDT` of `BTCUSDT`."""
    markets = getattr(exchange, "markets", None)
    if not markets or symbol in markets:
        return symbol
    try:
        return exchange.market(symbol)["symbol"]
    except Exception:  # the exchange will say so itself
        return symbol


def id_of(arguments: Mapping[str, Any]) -> str:
    """The id of the order that a call, or one request of a batch, is about."""
    client_id = arguments.get("clientOrderId") or (arguments.get("params") or {}).get("clientOrderId")
    return str(arguments.get("id") or client_id)


def orders_in(result: Any) -> list[Mapping[str, Any]]:
    """The orders of an answer: a single one, or those of a list that have an id."""
    if isinstance(result, Mapping):
        return [result]
    found = (each for each in result or () if isinstance(each, Mapping))
    return [each for each in found if each.get("id") or each.get("clientOrderId")]


def refusal_of(order: Mapping[str, Any]) -> str | None:
    """The exchange's code for an order that a batch refused; None where it gives none."""
    info = order.get("info")
    fields: Mapping[str, Any] = info if isinstance(info, Mapping) else {}
    for name in _CODES:
        code = fields.get(name)
        if code not in (None, "", 0, "0"):
            return f"code_{code}".replace("-", "")
    return None


def count_in(result: Any) -> int | None:
    """How many orders were cancelled, where an answer says only that; None for other answers."""
    holders = [result] if isinstance(result, Mapping) else list(result or ())[:1] if isinstance(result, list) else []
    while holders:
        holder = holders.pop()
        if isinstance(holder, Mapping):
            if isinstance(holder.get("count"), int | str) and str(holder["count"]).isdecimal():
                return int(holder["count"])
            holders += [holder.get("info"), holder.get("result")]
    return None


def is_whole(result: Any, arguments: Mapping[str, Any]) -> bool:
    """Whether a list of open orders is all of them, and neither a page nor a part of them."""
    if not isinstance(result, list) or any(arguments.get(name) for name in ("since", "limit", "params")):
        return False
    return len(result) < _FULL_PAGE or len(result) % 10 != 0


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


def money_of(trade: Mapping[str, Any], market: Mapping[str, Any]) -> dict[str, Any]:
    """The fee, the currencies and the contract's size of a trade, for `Orders.fill`."""
    fees = [each for each in (trade.get("fees") or [trade.get("fee")]) if each]
    fee: Mapping[str, Any] = fees[0] if fees else {}
    same = [each.get("cost") for each in fees if each.get("currency") == fee.get("currency")]
    return {
        "fee": sum(float(each) for each in same if each is not None) if fees else None,
        "fee_currency": fee.get("currency"),
        "currency": market.get("settle") or market.get("quote"),
        "base": market.get("base"),
        "contract_size": _contract_size(market),
        "opens_short": bool(market.get("contract")),
    }


def _contract_size(market: Mapping[str, Any]) -> float | None:
    if not market.get("contract"):
        return 1.0
    return market.get("contractSize") if market.get("linear") else None
