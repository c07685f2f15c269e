"""Orders that a list of open orders, or an answer about all orders, leaves out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable
from typing import Final

from tradmetrics import catalogue
from tradmetrics.integrations.kit.handle import Handle
from tradmetrics.integrations.kit.known import UNANSWERED, KnownOrders
from tradmetrics.integrations.kit.options import Settings
from tradmetrics.orders.order import Order
from tradmetrics.orders.running import LOCK
from tradmetrics.orders.tracker import OrderTracker

_MOST_GONE: Final = 1_000


class ListedOrders(KnownOrders):
    """The orders of a library, and those that its lists no longer hold.

    Args:
        handle: Of the instrumentation.
        settings: The options, checked.

    Attributes:
        tracker: Takes every event of these orders.
    """

    tracker: OrderTracker

    def __init__(self, handle: Handle, settings: Settings) -> None:
        super().__init__(handle, settings)
        self.metrics = handle.metrics
        self.site = handle.site
        self._gone: OrderedDict[str, Order] = OrderedDict()

    def open_keys(self, symbol: str | None = None) -> list[str]:
        """The keys of the open orders that were answered, by one symbol or all of them."""
        with LOCK.held():
            orders = [order for order in self.tracker._intake.core.table if order.is_open]
        keys = []
        for order in orders:
            key = next((each for each in reversed(order.ids) if not each.startswith(UNANSWERED)), None)
            known = None if key is None else self._known.get(key)
            if key is not None and known is not None and known.listed and (symbol is None or known.symbol == symbol):
                keys.append(key)
        return keys

    def cancelled(self, keys: Iterable[str]) -> None:
        """Take a cancel of these orders as done, which was answered without a word about each of them."""
        for key in keys:
            self.tracker.updated(key, status="cancelled")

    def list_open(self, before: Collection[str], listed: Iterable[object], symbol: str | None = None) -> None:
        """Take in a complete list of open orders: an order that was open before and is missing has ended in some way.

        Such an order counts in `trading_orders_unknown_total` with the reason `not_listed`. If there is news of it
        later, it is followed on.

        Args:
            before: The keys that `open_keys` gave before the library asked.
            listed: The ids in the list.
            symbol: The symbol of the orders in the list.
        """
        there = {self.find(order_id, symbol) for order_id in listed}
        orders = {id(self._order(key)) for key in there if key is not None}
        for key in before:
            order = self._order(key)
            if order is not None and order.is_open and id(order) not in orders:
                self.metrics.record(catalogue.ORDERS_UNKNOWN, (self.label(key), "not_listed"), site=self.site)
                self._gone[key] = order
                if len(self._gone) > _MOST_GONE:
                    self._gone.popitem(last=False)
                self.tracker._intake.forget(self.site, key)

    def is_open(self, order_id: object, symbol: str | None = None) -> bool:
        """Whether an order is followed and has not ended."""
        key = self.find(order_id, symbol)
        order = None if key is None else self._order(key)
        return order is not None and order.is_open

    def _order(self, key: str) -> Order | None:
        with LOCK.held():
            return self.tracker._intake.core.table.by_id.get(key)

    def _bring_back(self, key: str) -> None:
        order = self._gone.pop(key, None) if self._gone else None
        if order is not None:
            with LOCK.held():
                core = self.tracker._intake.core
                if not any(each in core.table.by_id for each in order.ids):
                    core.put(order)
