"""The methods of python-binance's clients by what they do, and what their parameters and codes say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tradmetrics.vocabulary.outcomes import reason_of

SEND: Final = (
    *(
        "create_order",
        "create_margin_order",
        "futures_create_order",
        "futures_coin_create_order",
        "options_place_order",
    ),
    *("papi_create_um_order", "papi_create_cm_order", "papi_create_margin_order", "ws_create_order"),
    "ws_futures_create_order",
)
LISTS: Final = ("create_oco_order", "create_margin_oco_order", "order_oco_buy", "order_oco_sell")
CANCEL: Final = (
    *(
        "cancel_order",
        "cancel_margin_order",
        "futures_cancel_order",
        "futures_coin_cancel_order",
        "papi_cancel_um_order",
    ),
    *("papi_cancel_cm_order", "papi_cancel_margin_order", "ws_cancel_order", "ws_futures_cancel_order"),
)
CANCEL_ALL: Final = (
    *("cancel_all_open_orders", "cancel_all_open_margin_orders", "futures_cancel_all_open_orders"),
    *("futures_coin_cancel_all_open_orders", "papi_cancel_um_all_open_orders", "papi_cancel_cm_all_open_orders"),
    *("papi_cancel_margin_all_open_orders", "ws_cancel_all_open_orders"),
)
FETCH: Final = (
    *("get_order", "get_all_orders", "get_margin_order", "get_all_margin_orders", "futures_get_order"),
    *("futures_get_all_orders", "futures_coin_get_order", "futures_coin_get_all_orders", "ws_get_order"),
    *("ws_futures_get_order", "ws_get_all_orders"),
)
OPEN: Final = (
    *("get_open_orders", "get_open_margin_orders", "futures_get_open_orders", "futures_coin_get_open_orders"),
    "ws_get_open_orders",
)
TRADES: Final = ("get_my_trades", "get_margin_trades", "futures_account_trades", "futures_coin_account_trades")


def params_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a call, whether the client's method names them or takes them as they come."""
    named = {name: value for name, value in arguments.items() if name not in ("params", "kwargs")}
    return {**named, **(arguments.get("params") or {}), **(arguments.get("kwargs") or {})}


def code_word(code: object) -> str:
    """One of Binance's codes as a reason."""
    return f"code_{str(code).lstrip('-')}"


def refusal_of(error: BaseException) -> str:
    """The reason of a reject: Binance's code, or the exception's class."""
    code = getattr(error, "code", None)
    return reason_of(error) if not isinstance(code, int) or not code else code_word(code)
