"""The rules of one order's life: what an event changes, and what is to be recorded of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from tradmetrics import catalogue
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.model.text import UNKNOWN
from tradmetrics.orders.event import Update
from tradmetrics.orders.fills import BUST, DUPLICATE, ENOUGH, FILL_WORDS, NEW, NOTHING, STALE, TOO_MUCH, metrics
from tradmetrics.orders.order import Order
from tradmetrics.orders.table import OrderTable
from tradmetrics.vocabulary.times import FARTHEST
from tradmetrics.vocabulary.words import CLOSED, UNCHANGED

Fact: TypeAlias = tuple[MetricDefinition, tuple[str, ...], float | None]
"""One thing to record: the metric, its labels in order, and what to observe; None counts one."""

_ENDS: Final = frozenset({"rejected", "cancelled", "expired"})
_STILL_OPEN: Final = frozenset({"submitted", "accepted", UNCHANGED})
_ANOMALY: Final = {DUPLICATE: "duplicate_fill", STALE: "late_fill", BUST: "bust"}


class Rules:
    """Applies events to orders whose id is known.

    Args:
        max_open: Open orders that are remembered.

    Attributes:
        table: The orders.
        facts: What is to be recorded; the caller takes it.
    """

    __slots__ = ("facts", "table")

    def __init__(self, max_open: int) -> None:
        self.table = OrderTable(max_open)
        self.facts: list[Fact] = []

    def anomaly(self, kind: str) -> None:
        """Count an anomaly."""
        self.facts.append((catalogue.ORDER_ANOMALIES, (kind,), None))

    def anomalies(self, kinds: Iterable[str]) -> None:
        """Count several anomalies."""
        for kind in kinds:
            self.anomaly(kind)

    def apply(self, order: Order, event: Update, joined: bool = False) -> None:
        """Take in what the broker says of an order.

        Args:
            order: The order.
            event: What the broker said.
            joined: True when that came before the order was known.
        """
        order_id, status, filled, fill_id, fill_quantity, price, reason, at, timed = event
        ended, quantity, before = order.ended, order.quantity, order.filled
        superseded = order.superseded is not None and order_id in order.superseded
        if filled is not None or superseded or status == CLOSED:
            status = self._state(order, status, filled, superseded)
        if fill_id is None and filled is None and fill_quantity is None and status not in FILL_WORDS:
            what, volume = NOTHING, None
        else:
            what, volume = metrics(self.table, order, status, filled, fill_id, fill_quantity, superseded)
        completes = ended != "filled" and (
            status == "filled" or (quantity is not None and order.filled >= quantity * ENOUGH)
        )
        fills = completes or (what == NEW and ended != "filled")
        times: tuple[MetricDefinition, ...] = ()
        if what == NEW:
            if quantity is not None and before < order.filled > quantity * TOO_MUCH:
                self.anomaly("overfill")
            if ended == "filled":
                if status != "filled" or before < order.filled:  # else what is known to be filled, by its execution
                    self.anomaly("late_fill")
            elif price is not None and order.reference_price is not None:
                weight = 1.0 if volume is None else volume
                order.cost += price * weight
                order.volume += weight
        elif what != NOTHING:
            self.anomaly(_ANOMALY[what])
        if fills:
            if ended is not None:
                self.anomaly("fill_after_cancel")
            if not order.first_fill:
                order.first_fill = True
                times = (catalogue.ORDER_FIRST_FILL_TIME,)
        if ended is None and status == "accepted" and not order.acknowledged:
            order.acknowledged = True
            times += (catalogue.ORDER_ACK_TIME,)
        if completes:
            times += (catalogue.ORDER_FILL_TIME,)
            self.end(order, "filled", None)
        elif ended is None and status in _ENDS:
            self.end(order, status, reason)
        elif ended is not None and fills:
            self._take_slippage(order)
        if timed and order.timed and at is not None and order.submitted_at is not None:
            apart = at - order.submitted_at
            if not -FARTHEST <= apart <= FARTHEST:
                self.anomaly("mixed_clock")
                return
            if apart < 0:
                self.anomaly("time_before_submit")
                return
        if times:
            self._observe(order, times, at, timed, joined)

    def _state(self, order: Order, status: str | None, filled: float | None, superseded: bool) -> str | None:
        """The state that an event tells: quantities win over the word, and a replaced id cannot end its order."""
        if superseded and (status in _ENDS or status == CLOSED):
            return None
        quantity = order.quantity
        if status == CLOSED:
            if quantity is None or (filled is None and not order.filled):
                self.anomaly("bad_quantity")
                return None
            return "filled" if max(filled or 0.0, order.filled) >= quantity * ENOUGH else "cancelled"
        if filled and (
            status in _STILL_OPEN or (status == "filled" and quantity is not None and filled < quantity * ENOUGH)
        ):
            return "partially_filled"
        return status

    def end(self, order: Order, state: str, reason: str | None) -> None:
        """Count the end of an order that is open, or the fill of one that had ended otherwise."""
        if order.ended is None and order.ids:
            self.table.end(order)
        order.ended = state
        if state == "filled":
            order.filled = max(order.filled, order.quantity or 0.0)
            self.facts.append((catalogue.ORDERS_FILLED, (order.strategy, order.side), None))
        elif state == "rejected":
            self.facts.append((catalogue.ORDERS_REJECTED, (order.strategy, reason or UNKNOWN), None))
        else:
            reason = reason or ("expired" if state == "expired" else UNKNOWN)
            self.facts.append((catalogue.ORDERS_CANCELLED, (order.strategy, reason), None))
        self._take_slippage(order)

    def _take_slippage(self, order: Order) -> None:
        slippage = order.slippage()
        if slippage is not None:
            self.facts.append((catalogue.ORDER_SLIPPAGE, (order.strategy, order.side), slippage))

    def _observe(
        self, order: Order, times: tuple[MetricDefinition, ...], at: float | None, timed: bool, joined: bool
    ) -> None:
        submitted_at = order.submitted_at
        if at is None or submitted_at is None:
            return
        if timed is not order.timed:
            self.anomaly("mixed_clock")
            return
        elapsed = at - submitted_at
        if elapsed < 0:
            if not joined:
                self.anomaly("time_before_submit")
                return
            elapsed = 0.0  # on one local clock the event came before the submit was reported: sooner than can be told
        for definition in times:
            self.facts.append((definition, (order.strategy,), elapsed))
