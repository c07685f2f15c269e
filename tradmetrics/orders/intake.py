"""What an `OrderTracker` does beneath its public calls: has it read what it was handed, and the rules run on it."""

from __future__ import annotations

import time
from typing import Any, Final, NamedTuple

from tradmetrics.capture.recording import resolve
from tradmetrics.model.text import UNKNOWN, text_of
from tradmetrics.orders.answer import AnswerReader
from tradmetrics.orders.correlator import Failure, OrderCorrelator
from tradmetrics.orders.event_reader import EventReader, is_blank
from tradmetrics.orders.order import Order
from tradmetrics.orders.running import LOCK, LockedOrders, nothing
from tradmetrics.orders.snapshot import Snapshot, document, dump, shift
from tradmetrics.registry.metrics import TradingMetrics

_AT_A_TIME: Final = 1_000
"""Orders that are written into a snapshot without giving other threads a turn."""


class Entered(NamedTuple):
    """When a decorated call began, by the local clock (None when that failed); its message was counted then."""

    at: float | None


class Intake(LockedOrders):
    """Every kind of event. `site` names the caller, for counting errors.

    Args:
        core: The orders and their rules.
        reader: Reads what callers hand in.
        strategy: The label of orders that name no strategy.
        metrics: The metrics object, or None for the process's.

    Attributes:
        label: That label.
    """

    def __init__(
        self, core: OrderCorrelator, reader: EventReader, strategy: object, metrics: TradingMetrics | None
    ) -> None:
        super().__init__(core, reader, metrics)
        self.label = text_of(strategy)

    # ── events ───────────────────────────────────────────────────────────────────────────────────────────────────

    def message(self, site: str, action: str, at: float | None) -> None:
        """Count a message that is being sent, at a time of the local clock."""
        metrics = self.target(site)
        if not metrics.enabled:
            return
        try:
            self.run(
                metrics,
                site,
                self.reader.now if at is None else at,
                (),
                lambda *_: self.core.message(action, at, False),
            )
        except Exception as error:
            metrics.fault(site, "record", error)

    def submitted(
        self,
        site: str,
        order_id: object,
        strategy: object,
        side: object,
        order_type: object,
        quantity: object,
        reference_price: object,
        timestamp: object,
        account: object,
        entered: Entered | None = None,
        failure: Failure | None = None,
        answer: AnswerReader | None = None,
    ) -> None:
        """Take in a submit.

        `entered`: when it began, if its message was counted then; `failure`: what it raised; `answer`: what it was
        answered, just now.
        """
        metrics = self.target(site)
        if not metrics.enabled:
            return
        try:
            reader = self.reader
            at, now = reader.when(timestamp, metrics, site)
            timed = timestamp is not None
            if account is not None and not reader.is_ours(account, metrics, site):
                self.run(metrics, site, now, ("other_account",), nothing)
                return
            anomalies: list[str] = []
            key = reader.id(order_id, metrics, site)
            told = None
            if answer is not None:
                key, told = answer.read(key, at, timed, reader, anomalies, metrics, site)
                if failure is not None and answer.reason is not None:
                    failure = failure._replace(reason=reader.text(answer.reason, metrics, site) or failure.reason)
            if key is None and not (told and told.ends) and (failure is None or order_id is not None):
                anomalies.append("missing_id")
            if entered is not None:
                at = entered.at
            order = Order(
                key,
                self.label if strategy is None else reader.text(strategy, metrics, site) or UNKNOWN,
                reader.side(side, metrics, site),
                reader.quantity(quantity, anomalies) or None,
                reader.price(reference_price, metrics, site),
                at,
                timed,
                now if timed or at is None else at,
            )
            if order.quantity is None and told is not None:
                order.quantity = told.quantity
            kind = reader.order_type(order_type)
            self.run(metrics, site, now, anomalies, self.core.submit, (order, kind, failure, entered is None, told))
        except Exception as error:
            metrics.fault(site, "record", error)

    def updated(
        self,
        site: str,
        order_id: object,
        status: object,
        filled: object,
        fill_id: object,
        fill_quantity: object,
        price: object,
        reason: object,
        timestamp: object,
        account: object,
        entered: Entered | None = None,
    ) -> None:
        """Take in what the broker says of an order. `entered`: when the callback began."""
        metrics = self.target(site)
        if not metrics.enabled:
            return
        try:
            reader = self.reader
            at, now = reader.when(timestamp, metrics, site)
            timed = timestamp is not None
            if entered is not None and not timed:
                at = entered.at
            key = reader.id(order_id, metrics, site)
            if key is None or (account is not None and not reader.is_ours(account, metrics, site)):
                self.run(metrics, site, now, ("missing_id" if key is None else "other_account",), nothing)
                return
            anomalies: list[str] = []
            fill = None if fill_id is None else reader.id(fill_id, metrics, site)
            if fill is None and fill_id is not None and not is_blank(fill_id):
                anomalies.append("missing_id")
            event = (
                key,
                None if status is None else reader.status(status, metrics, site),
                None if filled is None else reader.quantity(filled, anomalies),
                fill,
                None if fill_quantity is None else reader.quantity(fill_quantity, anomalies),
                None if price is None else reader.price(price, metrics, site),
                None if reason is None else reader.text(reason, metrics, site),
                at,
                timed,
            )
            self.run(metrics, site, now, anomalies, self.core.update, event)
        except Exception as error:
            metrics.fault(site, "record", error)

    def alias(self, site: str, order_id: object, broker_id: object) -> None:
        """Take in a second id."""
        metrics = self.target(site)
        if not metrics.enabled:
            return
        try:
            reader = self.reader
            _, now = reader.when(None, metrics, site)
            key, other = reader.id(order_id, metrics, site), reader.id(broker_id, metrics, site)
            if key is None or other is None:
                self.run(metrics, site, now, ("missing_id",), nothing)
            else:
                self.run(metrics, site, now, (), lambda *_: self.core.alias(key, other, now))
        except Exception as error:
            metrics.fault(site, "record", error)

    def forget(self, site: str, order_id: str) -> None:
        """Drop an open order of which nothing will ever be heard: nobody else knows the only id that it has."""
        metrics = self.target(site)
        if not metrics.enabled:
            return
        try:
            _, now = self.reader.when(None, metrics, site)
            self.run(metrics, site, now, (), self.core.forget, order_id)
        except Exception as error:
            metrics.fault(site, "record", error)

    def cancel_requested(self, site: str, order_id: object, timestamp: object, entered: Entered | None = None) -> None:
        """Take in a request to cancel."""
        metrics = self.target(site)
        if not metrics.enabled:
            return
        try:
            reader = self.reader
            at, now = reader.when(timestamp, metrics, site)
            timed = timestamp is not None
            key = reader.id(order_id, metrics, site)

            def take_in(_: object, now: float) -> None:
                if entered is None:
                    self.core.message("cancel", at, timed)
                if key is not None:
                    self.core.cancel(key, now)

            self.run(metrics, site, now, ("missing_id",) if key is None else (), take_in)
        except Exception as error:
            metrics.fault(site, "record", error)

    def replaced(
        self,
        site: str,
        order_id: object,
        new_order_id: object,
        quantity: object,
        timestamp: object,
        entered: Entered | None = None,
        failure: Failure | None = None,
    ) -> None:
        """Take in a replace that the broker took, unless there is a failure."""
        metrics = self.target(site)
        if not metrics.enabled:
            return
        try:
            reader = self.reader
            at, now = reader.when(timestamp, metrics, site)
            timed = timestamp is not None
            anomalies: list[str] = []
            key, new = reader.id(order_id, metrics, site), reader.id(new_order_id, metrics, site)
            if key is None or (new is None and failure is None):
                anomalies.append("missing_id")
            amount = reader.quantity(quantity, anomalies) or None

            def take_in(_: object, now: float) -> None:
                if entered is None:
                    self.core.message("modify", at, timed)
                if key is None or new is None:
                    return
                if failure is None:
                    self.core.replace(key, new, amount, now)
                elif failure.unknown:
                    self.core.replace_unknown(key, new, amount)

            self.run(metrics, site, now, anomalies, take_in)
        except Exception as error:
            metrics.fault(site, "record", error)

    # ── restarts ─────────────────────────────────────────────────────────────────────────────────────────────────

    def snapshot(self, site: str) -> dict[str, Any]:
        """The orders as JSON."""
        now = self.reader.clock(resolve(self.metrics, site), site)
        with LOCK.held():
            orders = list(self.core.table)
        rows: list[dict[str, Any]] = []
        for start in range(0, len(orders), _AT_A_TIME):
            with LOCK.held():
                # An order that was dropped in the meantime no longer owns its ids.
                rows += [dump(each) for each in orders[start : start + _AT_A_TIME] if self.core.table.has(each)]
        return document(self.reader.account, self.reader.now if now is None else now, time.time(), rows)

    def restore(self, site: str, snapshot: Snapshot) -> None:
        """Go on with the orders of a snapshot."""
        metrics = self.target(site)
        if not metrics.enabled:
            return
        try:
            reader = self.reader
            _, now = reader.when(None, metrics, site)
            by = shift(snapshot, reader.local, now, time.time())

            def put_all(*_: object) -> None:
                for order in snapshot.orders:
                    order.arrived += by
                    if order.submitted_at is not None and not order.timed:
                        order.submitted_at += by
                    self.core.put(order)

            self.run(metrics, site, now, (), put_all)
        except Exception as error:
            metrics.fault(site, "record", error)
