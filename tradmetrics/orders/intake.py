"""The work of an `OrderTracker` beneath its public calls: has the values read, and the rules run on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tradmetrics.errors import is_interruption
from tradmetrics.model.text import UNKNOWN, text_of
from tradmetrics.orders.answer import AnswerReader
from tradmetrics.orders.correlator import OrderCorrelator, Submission
from tradmetrics.orders.event import Entered, Failure, SubmitReport, Update, UpdateReport
from tradmetrics.orders.event_reader import EventReader
from tradmetrics.orders.fast import FastWay
from tradmetrics.orders.order import STOPS, Order
from tradmetrics.orders.restarts import Restarts
from tradmetrics.orders.running import LockedOrders, nothing
from tradmetrics.registry.errors_log import logger
from tradmetrics.registry.metrics import TradingMetrics

_RARE: Final = frozenset({"price", "reason", "timestamp", "account", "corrects"})
"""Fields of events that are not of known shape."""


class Intake:
    """Every kind of event. `site` names the caller, for counting errors.

    Args:
        core: The orders and their rules.
        reader: Reads the values that callers hand in.
        strategy: The label of orders that name no strategy.
        metrics: The metrics object, or None for the process's.

    Attributes:
        core: As given.
        reader: As given.
        metrics: As given.
        orders: The orders, behind their lock.
        fast: The fast way of events of known shape.
        restarts: Snapshots of the orders, and back.
        label: That label.
    """

    def __init__(
        self, core: OrderCorrelator, reader: EventReader, strategy: object, metrics: TradingMetrics | None
    ) -> None:
        self.core = core
        self.reader = reader
        self.metrics = metrics
        self.orders = LockedOrders(core, reader, metrics)
        self.label = text_of(strategy)
        self.restarts = Restarts(self.orders)
        self.fast = FastWay(self.orders, self.label)
        self._warned = False

    def _run(
        self, site: str, read: Callable[[TradingMetrics, list[str]], tuple[float, Callable[[Any, float], object], Any]]
    ) -> None:
        """Have a report read, and the rules run on it. `read` returns the local clock, the operation, its argument."""
        metrics = self.orders.target(site)
        if not metrics.enabled:
            return
        try:
            anomalies: list[str] = []
            now, operation, argument = read(metrics, anomalies)
            self.orders.run(metrics, site, now, anomalies, operation, argument)
        except Exception as error:
            if is_interruption(error):
                raise
            metrics.fault(site, "record", error)

    # ── events ───────────────────────────────────────────────────────────────────────────────────────────────────

    def message(self, site: str, action: str, at: float | None) -> None:
        """Count a message that is being sent, at a time of the local clock."""

        def read(metrics: TradingMetrics, anomalies: list[str]) -> tuple[float, Callable[[Any, float], object], Any]:
            now = self.reader.now if at is None else at
            return now, lambda _, now: self.core.message(action, at, False, now), None

        self._run(site, read)

    def submitted(
        self,
        site: str,
        report: SubmitReport,
        entered: Entered | None = None,
        failure: Failure | None = None,
        answer: AnswerReader | None = None,
    ) -> None:
        """Take in a submit.

        Args:
            site: The caller.
            report: The submit.
            entered: When it began, if its message was counted then.
            failure: The failure of the call, or None.
            answer: Its answer, which came just now.
        """

        def read(metrics: TradingMetrics, anomalies: list[str]) -> tuple[float, Callable[[Any, float], object], Any]:
            reader = self.reader
            at, _, timed = when = reader.when(report.timestamp, metrics, site, submits=True)
            now = reader.now
            if report.account is not None and not reader.is_ours(report.account, metrics, site):
                anomalies.append("other_account")
                return now, nothing, None
            key = reader.id(report.order_id, metrics, site)
            symbol = reader.symbol(report.symbol, metrics, site)
            failed, told = failure, None
            if answer is not None:
                key, told = answer.read(key, symbol, when, reader, anomalies, metrics, site)
                if failed is not None and answer.reason is not None:
                    failed = failed._replace(reason=reader.text(answer.reason, metrics, site) or failed.reason)
            if key is None and not (told and told.ends) and (failed is None or report.order_id is not None):
                anomalies.append("missing_id")
            if entered is not None and not timed:
                at = entered.at
            order = Order(
                key,
                self.label if report.strategy is None else reader.text(report.strategy, metrics, site) or UNKNOWN,
                reader.side(report.side, metrics, site),
                None,
                at,
                timed,
                now if timed or at is None else at,
            )
            order.symbol = symbol
            order.asked = reader.quantity(report.quantity, anomalies) or (None if told is None else told.quantity)
            order.quoted = reader.is_quoted(report.quantity_in, metrics, site)
            order.quantity = None if order.quoted else order.asked
            order.lot = reader.quantity(report.lot, anomalies) or None
            order.price = reader.price(report.price, metrics, site)
            order.reference_price = reader.price(report.reference_price, metrics, site)
            order_type = reader.order_type(report.order_type)
            order.resting = order_type in STOPS
            return now, self.core.submit, Submission(order, order_type, failed, entered is None, told)

        self._run(site, read)

    def report_update(
        self, site: str, values: dict[str, Any], entered: Entered | None, *, by_rules: bool = False
    ) -> None:
        """Take in an event by the values of its fields, the fast way if it is of known shape and not `by_rules`."""
        find = values.get
        if not by_rules and _RARE.isdisjoint(values) and (entered is None or entered.at is not None):
            at = None if entered is None else entered.at
            fields = find("order_id"), find("symbol"), find("status"), find("filled"), find("fill_id")
            if self.fast.updated(*fields, find("fill_quantity"), at):
                return
        self.updated(site, UpdateReport(**{"order_id": None, **values}), entered)

    def updated(self, site: str, report: UpdateReport, entered: Entered | None = None) -> None:
        """Take in an event of an order. `entered`: when the callback began."""

        def read(metrics: TradingMetrics, anomalies: list[str]) -> tuple[float, Callable[[Any, float], object], Any]:
            reader = self.reader
            at, local, timed = reader.when(report.timestamp, metrics, site)
            if entered is not None:
                local = entered.at
                at = at if timed else local
            key = reader.id(report.order_id, metrics, site)
            if key is None or (report.account is not None and not reader.is_ours(report.account, metrics, site)):
                anomalies.append("missing_id" if key is None else "other_account")
                return reader.now, nothing, None
            fill_id = reader.fill_id(report.fill_id, anomalies, metrics, site)
            event = Update(
                key,
                None if report.symbol is None else reader.symbol(report.symbol, metrics, site),
                None if report.status is None else reader.status(report.status, metrics, site),
                None if report.filled is None else reader.quantity(report.filled, anomalies),
                fill_id,
                None if report.fill_quantity is None else reader.quantity(report.fill_quantity, anomalies),
                None if report.price is None else reader.price(report.price, metrics, site),
                None if report.reason is None else reader.text(report.reason, metrics, site),
                at,
                timed,
                local,
                reader.fill_id(report.corrects, anomalies, metrics, site),
                reader.stem(fill_id),
            )
            return reader.now, self.core.update, event

        self._run(site, read)
        if self.core.rules.mixes_clocks and not self._warned:
            self._warned = True
            logger.warning(
                "%s: the updates have a timestamp= and the submits have none, so the times from submit to fill are "
                "measured by the local clock at both ends. For the exchange's times, give the submits a timestamp= "
                "too: orders.submitted(…, timestamp=…) or @orders.submit(timestamp=…); otherwise leave it out of the "
                "updates.",
                site,
                extra={"site": site},
            )

    def alias(self, site: str, order_id: object, broker_id: object, symbol: object = None) -> None:
        """Take in a second id."""

        def read(metrics: TradingMetrics, anomalies: list[str]) -> tuple[float, Callable[[Any, float], object], Any]:
            reader = self.reader
            reader.clock(metrics, site)
            key, other = reader.id(order_id, metrics, site), reader.id(broker_id, metrics, site)
            market = reader.symbol(symbol, metrics, site)
            if key is None or other is None:
                anomalies.append("missing_id")
                return reader.now, nothing, None
            return reader.now, lambda _, now: self.core.alias(key, other, market, now), None

        self._run(site, read)

    def forget(self, site: str, order_id: str, symbol: str | None = None) -> None:
        """Drop an open order whose only id no other program knows, so that no event of it can come."""

        def read(metrics: TradingMetrics, anomalies: list[str]) -> tuple[float, Callable[[Any, float], object], Any]:
            self.reader.clock(metrics, site)
            return self.reader.now, lambda _, now: self.core.forget(order_id, symbol, now), None

        self._run(site, read)

    def cancel_requested(
        self,
        site: str,
        order_id: object,
        cancel_id: object = None,
        timestamp: object = None,
        symbol: object = None,
        entered: Entered | None = None,
    ) -> None:
        """Take in a request to cancel."""

        def read(metrics: TradingMetrics, anomalies: list[str]) -> tuple[float, Callable[[Any, float], object], Any]:
            reader = self.reader
            at, _, timed = reader.when(timestamp, metrics, site)
            key, market = reader.id(order_id, metrics, site), reader.symbol(symbol, metrics, site)
            own = reader.fill_id(cancel_id, anomalies, metrics, site)
            if key is None:
                anomalies.append("missing_id")

            def take_in(_: object, now: float) -> None:
                if entered is None:
                    self.core.message("cancel", at, timed, now)
                if key is not None:
                    self.core.cancel(key, own, market, now)

            return reader.now, take_in, None

        self._run(site, read)

    def replaced(
        self,
        site: str,
        order_id: object,
        new_order_id: object,
        quantity: object = None,
        timestamp: object = None,
        symbol: object = None,
        entered: Entered | None = None,
        failure: Failure | None = None,
    ) -> None:
        """Take in a replace that the broker accepted, unless there is a failure."""

        def read(metrics: TradingMetrics, anomalies: list[str]) -> tuple[float, Callable[[Any, float], object], Any]:
            reader = self.reader
            at, _, timed = reader.when(timestamp, metrics, site)
            key, new = reader.id(order_id, metrics, site), reader.id(new_order_id, metrics, site)
            market = reader.symbol(symbol, metrics, site)
            if key is None or (new is None and failure is None):
                anomalies.append("missing_id")
            amount = reader.quantity(quantity, anomalies) or None

            def take_in(_: object, now: float) -> None:
                if entered is None:
                    self.core.message("modify", at, timed, now)
                if key is None or new is None:
                    return
                if failure is None:
                    self.core.replace(key, new, amount, market, now)
                elif failure.unknown:
                    self.core.replace_unknown(key, new, amount, market)

            return reader.now, take_in, None

        self._run(site, read)
