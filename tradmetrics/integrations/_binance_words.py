"""The methods of python-binance's clients by market and by what they do, and what their parameters and codes say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from tradmetrics.vocabulary.outcomes import reason_of


class Calls(NamedTuple):
    """The methods that trade in one market.

    Attributes:
        send: Send one order.
        lists: Send a list of orders of which one cancels or places others.
        batches: Send several orders.
        modify: Change an order.
        replace: Cancel one order and send another one.
        cancel: Cancel one order.
        cancel_many: Cancel orders by their ids, or a list of orders.
        cancel_all: Cancel all orders of a symbol.
        fetch: Ask for orders.
        fetch_open: Ask for all open orders.
        trades: Ask for executions.
    """

    send: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    batches: tuple[str, ...] = ()
    modify: tuple[str, ...] = ()
    replace: tuple[str, ...] = ()
    cancel: tuple[str, ...] = ()
    cancel_many: tuple[str, ...] = ()
    cancel_all: tuple[str, ...] = ()
    fetch: tuple[str, ...] = ()
    fetch_open: tuple[str, ...] = ()
    trades: tuple[str, ...] = ()


def _all(names: str) -> tuple[str, ...]:
    return tuple(names.split())


SPOT: Final = Calls(
    send=_all(
        "create_order create_margin_order papi_create_margin_order ws_create_order ws_create_sor_order "
        "v3_post_sor_order"
    ),
    lists=_all(
        "create_oco_order create_margin_oco_order papi_margin_order_oco ws_create_oco_order ws_create_oto_order "
        "ws_create_otoco_order v3_post_order_list_oto v3_post_order_list_otoco"
    ),
    replace=_all("cancel_replace_order ws_cancel_and_replace_order"),
    cancel=_all("cancel_order cancel_margin_order papi_cancel_margin_order ws_cancel_order"),
    cancel_many=_all("cancel_margin_oco_order ws_cancel_oco_order v3_delete_order_list papi_cancel_margin_order_list"),
    cancel_all=_all(
        "cancel_all_open_orders cancel_all_open_margin_orders papi_cancel_margin_all_open_orders "
        "ws_cancel_all_open_orders"
    ),
    fetch=_all(
        "get_order get_all_orders get_margin_order get_all_margin_orders papi_get_margin_order "
        "papi_get_margin_all_orders ws_get_order ws_get_all_orders"
    ),
    fetch_open=_all("get_open_orders get_open_margin_orders papi_get_margin_open_orders ws_get_open_orders"),
    trades=_all("get_my_trades get_margin_trades papi_get_margin_my_trades ws_get_my_trades"),
)
"""Spot and margin, which are one market: their orders and trades are numbered together."""
CONTRACTS: Final = Calls(
    send=_all(
        "futures_create_order futures_coin_create_order options_place_order papi_create_um_order papi_create_cm_order "
        "papi_create_um_conditional_order papi_create_cm_conditional_order "
        "ws_futures_create_order futures_create_algo_order ws_futures_create_algo_order"
    ),
    batches=_all("futures_place_batch_order futures_coin_place_batch_order"),
    modify=_all(
        "futures_modify_order futures_coin_modify_order papi_modify_um_order papi_modify_cm_order ws_futures_edit_order"
    ),
    cancel=_all(
        "futures_cancel_order futures_coin_cancel_order options_cancel_order papi_cancel_um_order papi_cancel_cm_order "
        "papi_cancel_um_conditional_order papi_cancel_cm_conditional_order "
        "ws_futures_cancel_order futures_cancel_algo_order ws_futures_cancel_algo_order"
    ),
    cancel_many=_all("futures_cancel_orders futures_coin_cancel_orders"),
    cancel_all=_all(
        "futures_cancel_all_open_orders futures_coin_cancel_all_open_orders papi_cancel_um_all_open_orders "
        "papi_cancel_cm_all_open_orders"
    ),
    fetch=_all(
        "futures_get_order futures_get_all_orders futures_coin_get_order futures_coin_get_all_orders "
        "futures_coin_get_open_order papi_get_um_order papi_get_um_all_orders papi_get_cm_order papi_get_cm_all_orders "
        "ws_futures_get_order futures_get_algo_order futures_get_all_algo_orders futures_get_open_algo_orders "
        "papi_get_um_conditional_all_orders papi_get_um_conditional_open_orders papi_get_um_conditional_open_order "
        "papi_get_um_conditional_order_history papi_get_cm_conditional_all_orders papi_get_cm_conditional_open_orders "
        "papi_get_cm_conditional_open_order papi_get_cm_conditional_order_history"
    ),
    fetch_open=_all(
        "futures_get_open_orders futures_coin_get_open_orders papi_get_um_open_orders papi_get_cm_open_orders"
    ),
    trades=_all("futures_account_trades futures_coin_account_trades papi_get_um_user_trades papi_get_cm_user_trades"),
)
"""Futures of both kinds and options."""
SHORTCUTS: Final[Mapping[str, Mapping[str, str]]] = {
    "futures_limit_order": {"type": "LIMIT"},
    "futures_market_order": {"type": "MARKET"},
    "futures_limit_buy_order": {"type": "LIMIT", "side": "BUY"},
    "futures_limit_sell_order": {"type": "LIMIT", "side": "SELL"},
    "futures_market_buy_order": {"type": "MARKET", "side": "BUY"},
    "futures_market_sell_order": {"type": "MARKET", "side": "SELL"},
}
"""Methods that send a futures order without `futures_create_order`, and the parameters that their names stand for."""
CANCEL_ALL_CONDITIONAL: Final = _all(
    "futures_cancel_all_algo_open_orders papi_cancel_um_conditional_all_open_orders "
    "papi_cancel_cm_conditional_all_open_orders"
)
CONDITIONAL: Final = frozenset({"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"})
"""Types of futures orders that wait for a price. Binance numbers and lists them apart from the other orders."""

QUOTES: Final = _all(
    "USDT USDC FDUSD TUSD BUSD USDP USD1 DAI EUR GBP AUD TRY BRL JPY RUB UAH ZAR PLN RON ARS MXN COP CZK IDRT "
    "BTC ETH BNB XRP TRX DOGE"
)
"""The currencies in which Binance's symbols end."""


def params_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a call, whether the client's method names them or takes them as they come."""
    named = {name: value for name, value in arguments.items() if name not in ("params", "kwargs")}
    return {**named, **(arguments.get("params") or {}), **(arguments.get("kwargs") or {})}


def is_conditional(params: Mapping[str, Any]) -> bool:
    """Whether the parameters of a futures order are those of a conditional one."""
    return "strategyType" in params or str(params.get("type")).upper() in CONDITIONAL


def client_id_of(params: Mapping[str, Any], conditional: bool) -> Any:
    """The id that the caller gives an order."""
    names = ("clientAlgoId", "newClientStrategyId") if conditional else ("newClientOrderId",)
    return next((params[name] for name in names if params.get(name)), None)


def coin_of(symbol: object) -> str | None:
    """The coin in which a contract's margin and P&L are, `BTC` of `BTCUSD_PERP`; None for one in a currency."""
    pair, _, expiry = str(symbol).partition("_")
    return pair.removesuffix("USD") if expiry and pair.endswith("USD") else None


def quote_of(symbol: object) -> str | None:
    """The currency of a symbol's price and P&L; None where the currency is unknown."""
    pair = str(symbol).partition("_")[0]
    return coin_of(symbol) or next((each for each in QUOTES if pair.endswith(each) and pair != each), None)


def instrument_of(symbol: str, trade: Mapping[str, Any], *, is_contract: bool) -> dict[str, Any]:
    """The instrument of a trade and its currencies, for `Orders.fill`."""
    quote = quote_of(symbol)
    return {
        "currency": trade.get("marginAsset") or quote,
        "base": symbol.removesuffix(quote or ""),
        "opens_short": is_contract,
        "closes": _closes(trade) if is_contract else None,
    }


def _closes(order: Mapping[str, Any]) -> bool | None:
    """Whether the executions of a futures order close a position; None where its fields do not say so."""
    if order.get("R") is True or order.get("cp") is True:
        return True
    side, position = order.get("S") or order.get("side"), order.get("ps") or order.get("positionSide")
    return (side == "BUY") == (position == "SHORT") if position in ("LONG", "SHORT") else None


def account_of(name: str) -> str:
    """The account whose orders a method sends or lists, apart from the others of its market; "" for its usual one."""
    return "portfolio" if name.startswith("papi_") else "margin" if "margin" in name else ""


def ids_of(params: Mapping[str, Any]) -> list[str]:
    """The ids of a request that cancels several orders; the client takes their names in several spellings."""
    lists = [value for name, value in params.items() if name.lower() in ("orderidlist", "origclientorderidlist")]
    return [str(each) for found in lists if isinstance(found, list | tuple) for each in found]


def code_word(code: object) -> str:
    """One of Binance's codes as a reason."""
    return f"code_{str(code).lstrip('-')}"


def refusal_of(error: BaseException) -> str:
    """The reason of a reject: Binance's code, or the exception's class."""
    code = getattr(error, "code", None)
    return reason_of(error) if not isinstance(code, int) or not code else code_word(code)
