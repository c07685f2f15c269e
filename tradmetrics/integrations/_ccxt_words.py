"""What ccxt's order types and exceptions say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tradmetrics import outcomes

_STOPS: Final = ("triggerPrice", "stopPrice", "stopLossPrice", "takeProfitPrice")
_TRAILS: Final = ("trailingAmount", "trailingPercent", "trailingDelta")
# ccxt derives these from NetworkError, but exchanges raise them for requests that they did not carry out.
# OnMaintenance is none of them: some exchanges raise it for every status of 503.
_REFUSED: Final = frozenset({"RateLimitExceeded", "DDoSProtection", "InvalidNonce"})


class NoAnswer(TimeoutError):  # noqa: N818 - its name is the reason that is counted
    """An exchange answered fewer orders than it was sent."""


def is_unknown(error: BaseException) -> bool:
    """Whether nobody knows, after an exception, if an order is live."""
    return not any(kind.__name__ in _REFUSED for kind in type(error).__mro__) and outcomes.is_unknown(error)


def order_type_of(order_type: Any, params: Mapping[str, Any]) -> Any:
    """An order's type as ccxt's unified parameters make it: stops and trailing stops are limit or market orders."""
    if any(params.get(name) is not None for name in _TRAILS):
        return "TRAILING_STOP"
    if any(params.get(name) is not None for name in _STOPS):
        return "STOP_LIMIT" if order_type == "limit" else "STOP"
    return order_type
