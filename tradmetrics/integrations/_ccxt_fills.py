"""The executions that ccxt's exchanges list, stream, or answer together with an order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradmetrics.integrations._ccxt_words import money_of
from tradmetrics.integrations.kit import Arguments, Orders


class CcxtFills:
    """Reads ccxt's structures of trades.

    Args:
        orders: The orders of the exchange.
        exchange: The exchange; its markets say what a trade's numbers mean.
    """

    def __init__(self, orders: Orders, exchange: Any) -> None:
        self._orders = orders
        self._exchange = exchange

    def listed(self, result: Any, error: BaseException | None) -> None:
        """Take in a list of trades."""
        for trade in result or ():
            self._fill(trade)

    def of_order(self, order: Arguments) -> None:
        """Take in the trades that an answer tells with its order. Some exchanges name only their ids there."""
        for trade in order.get("trades") or ():
            if isinstance(trade, Mapping) and trade.get("amount") and trade.get("price"):
                whole = {**order, **{name: value for name, value in trade.items() if value is not None}}
                self._fill({**whole, "id": trade.get("id"), "order": order.get("id")})

    def _fill(self, trade: Arguments) -> None:
        order_id, number, symbol = trade.get("order"), trade.get("id"), trade.get("symbol")
        if not number or not order_id:
            return
        markets = getattr(self._exchange, "markets", None) or {}
        self._orders.fill(
            # Some exchanges number the trades of each market on their own, and a trade with oneself has one number.
            f"{symbol} {order_id} {number}",
            order_id,
            trade.get("side"),
            symbol=symbol,
            quantity=trade.get("amount"),
            price=trade.get("price"),
            **money_of(trade, markets.get(symbol) or {}),
        )
