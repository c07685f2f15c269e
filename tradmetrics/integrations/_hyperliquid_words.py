"""What Hyperliquid's answers, words and names say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tradmetrics.integrations.kit import Arguments


def statuses(result: Any, count: int) -> list[Any]:
    """The status of each order of an answer; an answer of `err` refuses all of them."""
    if not isinstance(result, Mapping):
        return []
    if result.get("status") == "err":
        return [{"error": result.get("response")}] * count
    response = result.get("response")
    data = response.get("data") if isinstance(response, Mapping) else None
    return list(data.get("statuses") or ()) if isinstance(data, Mapping) else []


def cloid(order_id: Any) -> str:
    """An order id as a text, whether the exchange gave it or the caller."""
    return str(order_id.to_raw()) if hasattr(order_id, "to_raw") else str(order_id)


def order_type(kind: Arguments) -> str:
    """The type of an order, from the SDK's."""
    if "trigger" in kind:
        return "STOP" if kind["trigger"].get("isMarket") else "STOP_LIMIT"
    return "MARKET" if (kind.get("limit") or {}).get("tif") == "FrontendMarket" else "LIMIT"


def is_spot(coin: str) -> bool:
    """Whether a coin is a spot pair, `@107` or `PURR/USDC`."""
    return coin.startswith("@") or "/" in coin


def closes(direction: str) -> bool | None:
    """Whether a fill closes, as Hyperliquid says it: `Open Long`, `Close Short`, `Long > Short`."""
    if direction.startswith("Open"):
        return False
    return True if direction.startswith("Close") or ">" in direction else None


def status(word: str) -> tuple[str, str | None]:
    """A status and its reason: Hyperliquid puts the reason before the word, `marginCanceled`, `perpMarginRejected`."""
    for end, status in (("Canceled", "cancelled"), ("Rejected", "rejected")):
        if word.endswith(end):
            reason = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word.removesuffix(end)).lower()
            return status, reason or None
    return {"canceled": "cancelled", "open": "accepted", "triggered": "accepted"}.get(word, word), None
