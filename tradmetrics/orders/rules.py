"""The rules of one order's life: what an event changes, and which samples it gives. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from tradmetrics import catalogue
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.model.text import UNKNOWN
from tradmetrics.orders.event import Update
from tradmetrics.orders.fills import BUST, CORRECTED, DUPLICATE, NEW, NOTHING, STALE, take_fill
from tradmetrics.orders.order import Order
from tradmetrics.orders.states import (
    BY_QUANTITIES,
    ENOUGH,
    FILL_WORDS,
    STILL_OPEN,
    TOO_MUCH,
    UNFILLED_ENDS,
    is_short,
)
from tradmetrics.orders.table import OrderTable
from tradmetrics.vocabulary.times import FARTHEST

Fact: TypeAlias = tuple[MetricDefinition, tuple[str, ...], float | None]
"""One thing to record: the metric, its labels in order, and what to observe; None counts one."""

_ANOMALY: Final = {DUPLICATE: "duplicate_fill", STALE: "late_fill", BUST: "bust"}


class Rules:
    """Applies events to orders whose id is known.

    Args:
        table: The orders.

    Attributes:
        facts: The samples to record; the caller takes them.
        mixes_clocks: True once an event had a time of its own and its order's submit had none.
    """

    __slots__ = ("_table", "facts", "mixes_clocks")

    def __init__(self, table: OrderTable) -> None:
        self._table = table
        self.facts: list[Fact] = []
        self.mixes_clocks = False

    def anomaly(self, kind: str) -> None:
        """Count an anomaly."""
        self.facts.append((catalogue.ORDER_ANOMALIES, (kind,), None))

    def anomalies(self, kinds: Iterable[str]) -> None:
        """Count several anomalies."""
        for kind in kinds:
            self.anomaly(kind)

    def apply(self, order: Order, event: Update, joined: bool = False) -> None:
        """Take in an event of an order.

        Args:
            order: The order.
            event: The event.
            joined: True when the event came before the order was known.
        """
        filled, price, at, timed = event.filled, event.price, event.at, event.timed
        if timed and not order.timed:
            at, timed, self.mixes_clocks = event.local, False, True  # both ends by the local clock
        ended, quantity, before = order.ended, order.quantity, order.filled
        superseded = order.superseded is not None and event.order_id in order.superseded
        status = event.status
        if status == "rejected" and order.cancel_ids is not None and event.order_id in order.cancel_ids:
            status = None  # the cancel was, and the order is as it was
        if filled is not None or superseded or status == BY_QUANTITIES:
            status = self._state(order, status, filled, superseded)
        what: int = NOTHING
        volume: float | None = None
        if not (
            event.fill_id is None
            and filled is None
            and event.fill_quantity is None
            and event.corrects is None
            and status not in FILL_WORDS
        ):
            what, volume = take_fill(self._table, order, event, status, superseded)
        completes = ended != "filled" and (
            status == "filled" or (quantity is not None and order.filled >= quantity * ENOUGH)
        )
        fills = completes or (what == NEW and ended != "filled")
        times: tuple[MetricDefinition, ...] = ()
        if what in (NEW, CORRECTED):
            if quantity is not None and before < order.filled > quantity * TOO_MUCH:
                self.anomaly("overfill")
            if what == CORRECTED:
                pass
            elif ended == "filled":
                if status != "filled" or before < order.filled:  # else the execution of a fill that is known already
                    self.anomaly("late_fill")
            elif price is not None and order.reference_price is not None:
                weight = 1.0 if volume is None else volume
                order.cost += price * weight
                order.volume += weight
        elif what != NOTHING:
            self.anomaly(_ANOMALY[what])
        if status == "filled":
            self._compare(order, bool(filled) or (what == NEW and bool(event.fill_quantity)))
        if fills:
            if ended is not None:
                self.anomaly("fill_after_cancel")
            if not order.first_fill:
                order.first_fill = True
                times = (catalogue.ORDER_FIRST_FILL_TIME,)
        if ended is None and status == "accepted" and not order.acknowledged:
            order.acknowledged = True
            times += (catalogue.ORDER_ACK_TIME,)
        end_at = at if timed is order.timed else None
        if completes:
            times += (catalogue.ORDER_FILL_TIME,)
            self.end(order, "filled", None, end_at)
        elif ended is None and status in UNFILLED_ENDS:
            self.end(order, status, event.reason, end_at)
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
        """Return the state that an event reports: a definite word counts, and a replaced id cannot end its order."""
        quantity = order.quantity
        if superseded:
            if status in UNFILLED_ENDS or status == BY_QUANTITIES:
                return None
            if status == "filled" and filled is not None and quantity is not None and filled < quantity * ENOUGH:
                return "partially_filled"
        if status == BY_QUANTITIES:
            known = max(filled or 0.0, order.filled)
            if (filled is None and not known) or (quantity is None and not order.quoted):
                self.anomaly("bad_quantity")
                return None
            if quantity is None:
                return "filled" if known else "cancelled"
            return "cancelled" if not known or is_short(known, quantity, order.lot) else "filled"
        return "partially_filled" if filled and status in STILL_OPEN else status

    def _compare(self, order: Order, told: bool) -> None:
        """Compare the quantities with the word `filled`. `told`: the event has a quantity of its own."""
        quantity = order.quantity
        if quantity is None:
            return
        if not told:
            order.filled = max(order.filled, quantity)
        elif not order.underfilled and is_short(order.filled, quantity, order.lot):
            order.underfilled = True
            self.anomaly("underfill")

    def end(self, order: Order, state: str, reason: str | None, at: float | None) -> None:
        """Count the end of an order that is open, or the fill of one that had ended otherwise.

        Args:
            order: The order.
            state: Its end.
            reason: Why, as a label.
            at: When, in seconds of the order's clock.
        """
        if order.ended is None and order.ids:
            self._table.end(order)
        order.ended, order.ended_at = state, at
        if state == "filled":
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
            elapsed = 0.0  # on one local clock the event came before the submit was reported
        for definition in times:
            self.facts.append((definition, (order.strategy,), elapsed))
