"""The words that functions, orders and answers use for a label or a value: the one table for all decorators.

If you leave a label out, it is looked for under these words, in this order: a parameter, `**kwargs`, the order
(or trade, tick, request, …) that the function takes, and the result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FIELD_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "order_type": ("order_type", "type", "ordertype", "orderType"),
    "side": ("side", "action", "transaction_type", "buy_sell"),
    "strategy": ("strategy", "strategy_id", "strategy_name"),
    "symbol": ("symbol", "ticker", "instrument", "tradingsymbol", "pair"),
    "reason": ("reason", "reject_reason", "rejected_reason", "status_message", "text", "message"),
    "pnl": (
        *("pnl", "realized_pnl", "realised_pnl", "realizedPnl", "closed_pnl", "closedPnl", "profit", "net_profit"),
    ),
}
"""The words of each field, most telling first."""

SUBJECTS: Final = (*("order", "trade", "tick", "position", "request", "req", "params", "payload", "msg", "model"),)
"""Parameters whose keys and attributes are searched."""

PLAIN_WORDS: Final = frozenset(
    (
        *("qty", "quantity", "size", "amount", "volume", "lots", "price", "limit_price", "stop_price", "trigger_price"),
        *("timestamp", "time", "date", "timeout", "status", "currency", "fee", "id", "order_id", "client_order_id"),
        *("name", "path", "url", "endpoint", "method", "component", "severity", "exchange", "venue", "account"),
        *(word for words in FIELD_WORDS.values() for word in words),
    )
)
"""Parameters of these names hold one plain value, so nothing is searched in them."""


def words_of(field: str) -> tuple[str, ...]:
    """Return the words for a field; its own name where it has no other."""
    return FIELD_WORDS.get(field, (field,))
