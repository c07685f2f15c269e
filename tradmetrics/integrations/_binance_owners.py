"""Which of Binance's accounts sent an order: each account has a list of open orders of its own."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from tradmetrics.integrations.kit import Orders

_MOST: Final = 100_000


class OrderOwners:
    """Remembers the orders that did not go to the usual account of their market.

    Args:
        orders: The orders of the client.
    """

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._accounts: OrderedDict[str, str] = OrderedDict()

    def remember(self, order_ids: Iterable[object], symbol: str | None, account: str) -> None:
        """Note whose order it is, under each of its ids."""
        for order_id in order_ids if account else ():
            key = self._orders.find(order_id, symbol)
            if key is not None:
                self._accounts[key] = account
        while len(self._accounts) > _MOST:
            self._accounts.popitem(last=False)

    def open_keys(self, symbol: str, account: str) -> list[str]:
        """The keys of the open orders of one account in one symbol."""
        return [key for key in self._orders.open_keys(symbol) if self._accounts.get(key, "") == account]
