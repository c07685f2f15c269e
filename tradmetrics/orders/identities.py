"""The ids of orders: second ids, replaced ids, and ids that a broker gives again."""

from __future__ import annotations

from typing import Final

from tradmetrics.orders.order import Order
from tradmetrics.orders.rules import Rules
from tradmetrics.orders.table import OrderTable

RETRY: Final = 60.0
"""Seconds after an order's end in which the same order under the same id is a retry and not a new order."""


class Identities:
    """Lets ids lead to orders. Each method returns the id, or None if it leads to another order.

    Args:
        table: The orders.
        rules: Counts the anomalies.
    """

    __slots__ = ("_rules", "_table")

    def __init__(self, table: OrderTable, rules: Rules) -> None:
        self._table = table
        self._rules = rules

    def name(self, order: Order, order_id: str, other_id: str) -> str | None:
        """Let a second id lead to an order, and return the id unless it leads to another order."""
        known = self._table.find(other_id, order.symbol)
        if known is order:
            return other_id
        if known is not None:
            if known.ended is None or not is_another(known, order, None):
                self._rules.anomaly("duplicate_submit")
                return None
            self._table.release(known, other_id)
        self._table.name(order, other_id)
        return other_id

    def name_broker(self, order: Order, order_id: str, broker_id: str) -> str | None:
        """Let the broker's id lead to an order, as `name` does."""
        named = self.name(order, order_id, broker_id)
        if named is not None and order.broker_id is None and named != order.ids[0]:
            order.broker_id = named
        return named

    def name_cancel(self, order: Order, order_id: str, cancel_id: str) -> str | None:
        """Let the id of a cancel request lead to an order, as `name` does."""
        if cancel_id in order.ids:
            return None
        named = self.name(order, order_id, cancel_id)
        if named is not None:
            if order.cancel_ids is None:
                order.cancel_ids = set()
            order.cancel_ids.add(named)
        return named

    def rename(self, order: Order, order_id: str, new_id: str, quantity: float | None) -> str | None:
        """Let an order go on under a new id, and with a new quantity if there is one, as `name` does."""
        if self.name(order, order_id, new_id) is None:
            return None
        if quantity is not None:
            order.asked = quantity
            order.quantity = None if order.quoted else quantity
        if new_id != order_id:
            order.plain = False
            if order.superseded is None:
                order.superseded = set()
            order.superseded.add(order_id)
            order.superseded.discard(new_id)
            order.renumbered = True
        return new_id


def is_another(known: Order, order: Order, broker_id: str | None) -> bool:
    """Return True when a submit under the id of a known order is a new order and not a repetition.

    Brokers and gateways give the ids of ended orders again. The same order within a minute of the end is a retry.

    Args:
        known: The order that the id leads to.
        order: The order that was submitted.
        broker_id: The broker's permanent id of the submitted one, if it is known.
    """
    if broker_id is not None and known.broker_id is not None and broker_id not in known.ids:
        return True
    if known.ended is None:
        return False
    if (known.side, known.asked) != (order.side, order.asked):
        return True
    if known.ended_at is None or order.submitted_at is None or known.timed is not order.timed:
        return True
    return order.submitted_at - known.ended_at > RETRY
