"""`OrderTracker`: orders joined by their ids, across callbacks, threads and restarts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tradmetrics.errors import SnapshotError
from tradmetrics.orders import decorators, requests, submit
from tradmetrics.orders.answer import AnswerReader
from tradmetrics.orders.correlator import OrderCorrelator
from tradmetrics.orders.event import SubmitReport, UpdateReport
from tradmetrics.orders.event_reader import EventReader
from tradmetrics.orders.intake import Intake
from tradmetrics.orders.options import check, check_seconds
from tradmetrics.orders.recipes import Strategies
from tradmetrics.orders.snapshot import load
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.vocabulary import fold as vocabulary
from tradmetrics.vocabulary.times import UNITS, Unit

if TYPE_CHECKING:
    from typing_extensions import Self

_SITE = "tradmetrics.OrderTracker"


class OrderTracker:
    """Follows orders from the submit to their end, by events from any callback.

    Orders are joined by their ids, which are keys and never labels. The submit counts in
    `trading_orders_submitted_total`; the first end counts once as filled, rejected, or cancelled (an expiry with the
    reason `expired`). A definite word of the broker such as `filled` ends the order, whatever the quantities say; a
    fill that is short by more than 0.1 % and the lot is the anomaly `underfill`. Measured from the submit: the
    acknowledgement (`trading_order_ack_time_seconds`), the first fill (`trading_order_first_fill_time_seconds`) and the
    complete fill (`trading_order_fill_time_seconds`). Contradictions count in `trading_order_anomalies_total` by kind.
    When scraped: `trading_orders_open`, `trading_order_oldest_open_seconds` (without resting stops) and
    `trading_order_message_rate_max`.

    Times are those of `clock`, or the events' own where `timestamp=` is given. Where only the updates have times of
    their own, both ends are measured by the clock, and the log says so once. A time that is more than ten years away
    from the submit, as seconds and milliseconds are, is dropped and counted as `mixed_clock`. A time of 0 or before
    2000 is dropped and counted as an error, unless submits have such times too, as in a simulation.

    Events of an unknown order wait `join_within` seconds for its submit. After that, an order that the broker reported
    counts once in `trading_order_foreign_total`, and a cancel, replace or alias of yours as `unknown_order`. The last
    10,000 ended orders are remembered, so that late and repeated events are recognised. A submit under the id of an
    ended order is a new order; within 60 seconds, with the same side and quantity, it is a repetition. Each order
    remembers its last 1,000 fill ids (10 once all orders together hold 10 × `max_open`): a duplicate of an older fill
    counts as a new one, and may count as `overfill`. An order is known by up to 16 ids; the oldest ids of a longer
    chain of replaces are forgotten.

    Nothing is raised into the caller. An event without an id, with an invalid quantity, dated before the submit, or of
    another account is counted by its kind, and the rest of it still counts. An invalid price or time counts in
    `tradmetrics_instrumentation_errors_total`. Such a field is left out if it is blank, `-`, `N/A` or None.

    Example:
        ```python
        from tradmetrics import OrderTracker, arg, result

        orders = OrderTracker(strategy="gamma_scalping")


        @orders.submit(order_id=result("id"), side=arg("side"), order_type=arg("order_type"), quantity=arg("qty"))
        def place(side, order_type, qty): ...


        @orders.update(order_id=arg("msg.order_id"), status=arg("msg.status"), filled=arg("msg.filled_quantity"))
        def on_order_update(msg): ...
        ```

    Args:
        strategy: The strategy of orders that name none.
        account: The account whose orders these are. An event that names another one counts as `other_account` and
            does nothing else; if it is empty, events of every account count. Two accounts take two trackers.
        dialect: The broker whose spellings of side, order type and status are read, one of
            [`dialects()`](../vocabulary.md).
        metrics: The metrics object to record to. Default: the process's, also when it is replaced later.
        max_open: Open orders that are remembered; for one more, the oldest goes and counts as `evicted`.
        expire_after: Seconds after which an order that has not ended goes, and counts as `evicted`.
        clock: A function that returns seconds and does not go backwards.
        join_within: Seconds that an event of an unknown order waits for its submit.
        unit: The unit of a numeric `timestamp=`: `s`, `ms`, `us` or `ns`.

    Raises:
        ConfigurationError: When an option cannot work as given.
    """

    def __init__(
        self,
        strategy: object = None,
        *,
        account: str = "",
        dialect: str | None = None,
        metrics: TradingMetrics | None = None,
        max_open: int = 100_000,
        expire_after: float = 86_400.0,
        clock: Callable[[], float] = time.monotonic,
        join_within: float = 30.0,
        unit: Unit = "s",
    ) -> None:
        check(account=account, metrics=metrics, max_open=max_open, clock=clock, unit=unit)
        check_seconds(expire_after=expire_after, join_within=join_within)
        core = OrderCorrelator(max_open, float(expire_after), float(join_within))
        reader = EventReader(clock, account, vocabulary.check_dialect(dialect), UNITS[unit])
        self._intake = Intake(core, reader, strategy, metrics)
        self._fast = self._intake.fast
        self._strategies = Strategies(self._intake.label)

    submit = submit.submit
    update = decorators.update
    cancel = requests.cancel
    replace = requests.replace

    def submitted(
        self,
        order_id: object,
        *,
        strategy: object = None,
        side: object = None,
        order_type: object = None,
        quantity: object = None,
        reference_price: object = None,
        timestamp: object = None,
        account: object = None,
        symbol: object = None,
        price: object = None,
        quantity_in: object = None,
        lot: object = None,
        broker_id: object = None,
    ) -> None:
        """Report an order that was sent.

        Counts `trading_orders_submitted_total` and a message of the action `new`. An id that is known already counts as
        `duplicate_submit` instead, and an order without an id is counted but not followed.

        Args:
            order_id: The bot's or the broker's id: text, a number, or an object that reads as one (`UUID`).
            strategy: Whose order it is. Default: the tracker's strategy.
            side: `BUY` or `SELL` in any spelling.
            order_type: The order type in any spelling.
            quantity: The ordered quantity; without it, only the status `filled` completes the order.
            reference_price: The decision or arrival price; with it, the end of the order observes
                `trading_order_slippage_bps` from the fills' volume-weighted price, positive when it is worse.
            timestamp: The event's own time: a number of `unit`s, a datetime, or ISO text. Default: the clock's.
            account: The account, where the event names it.
            symbol: The symbol, where the broker numbers each market separately: the key is (account, symbol, id). It
                also finds orders that repeat another one within a second (`trading_order_duplicates_total`).
            price: The limit price, for the same comparison.
            quantity_in: `base`, or `quote` where the fills are in another unit: quantities are then not compared.
            lot: The lot size: a fill that misses the quantity by less is complete.
            broker_id: The broker's own id, if it is known; another one under the same `order_id` is another order.
        """
        if (
            strategy is None and timestamp is None and reference_price is None and account is None and symbol is None
            and price is None and quantity_in is None and lot is None and broker_id is None
            and self._fast.submitted(order_id, side, order_type, quantity)
        ):  # fmt: skip
            return
        report = SubmitReport(
            order_id, strategy, side, order_type, quantity, reference_price, timestamp, account, symbol, price,
            quantity_in, lot,
        )  # fmt: skip
        answer = None if broker_id is None else AnswerReader(broker_id=broker_id)
        self._intake.submitted("tradmetrics.OrderTracker.submitted", report, answer=answer)

    def updated(
        self,
        order_id: object,
        *,
        status: object = None,
        filled: object = None,
        fill_id: object = None,
        fill_quantity: object = None,
        price: object = None,
        reason: object = None,
        timestamp: object = None,
        account: object = None,
        symbol: object = None,
        corrects: object = None,
    ) -> None:
        """Report an event of an order: its state, a fill, or both.

        A fill is recognised by its id, else by the rise of the cumulative quantity. The status `filled` fills the order
        whatever the quantities say, and the full quantity fills it whatever the status says.

        Args:
            order_id: Any id of the order.
            status: The order's state in any spelling.
            filled: The cumulative filled quantity.
            fill_id: The fill's id (execution id, trade id).
            fill_quantity: The quantity of this fill alone.
            price: The price of this fill.
            reason: Why the order was rejected or cancelled; one of a few values.
            timestamp: The event's own time: a number of `unit`s, a datetime, or ISO text. Default: the clock's.
            account: The account, where the event names it.
            symbol: The symbol, where the submit named one.
            corrects: The id of an earlier fill that this one replaces: `fill_quantity` takes its place, and 0 takes it
                back. With the dialect `ib`, ids that differ only after the last dot do so without it.
        """
        if (
            price is None and reason is None and timestamp is None and account is None and corrects is None
            and self._fast.updated(order_id, symbol, status, filled, fill_id, fill_quantity)
        ):  # fmt: skip
            return
        report = UpdateReport(
            order_id, status, filled, fill_id, fill_quantity, price, reason, timestamp, account, symbol, corrects
        )
        self._intake.updated("tradmetrics.OrderTracker.updated", report)

    def alias(self, order_id: object, broker_id: object, *, symbol: object = None) -> None:
        """Report a second id of an order: the broker's own, once it is known.

        Args:
            order_id: An id of the order.
            broker_id: The other id. One that leads to another order counts as `duplicate_submit` and changes nothing.
            symbol: The symbol, where the submit named one.
        """
        self._intake.alias("tradmetrics.OrderTracker.alias", order_id, broker_id, symbol)

    def cancel_requested(
        self, order_id: object, *, cancel_id: object = None, timestamp: object = None, symbol: object = None
    ) -> None:
        """Report that a cancel was sent, a message of the action `cancel`. The order is open until the broker answers.

        Args:
            order_id: Any id of the order.
            cancel_id: The cancel's own id, where the broker's reports carry it instead of the order's, as in FIX.
            timestamp: The message's own time: a number of `unit`s, a datetime, or ISO text. Default: the clock's.
            symbol: The symbol, where the submit named one.
        """
        self._intake.cancel_requested(
            "tradmetrics.OrderTracker.cancel_requested", order_id, cancel_id, timestamp, symbol
        )

    def replaced(
        self,
        order_id: object,
        new_order_id: object,
        *,
        quantity: object = None,
        timestamp: object = None,
        symbol: object = None,
    ) -> None:
        """Report that an order was modified or replaced: a message of the action `modify`.

        The order goes on under the new id with the time of its first submit. The old id still leads to it: a fill that
        comes under it counts, and its cancellation does not end the order.

        Args:
            order_id: Any id of the order.
            new_order_id: Its new id, or the same one where the broker modifies in place.
            quantity: Its new quantity in all, including the fills so far.
            timestamp: The message's own time: a number of `unit`s, a datetime, or ISO text. Default: the clock's.
            symbol: The symbol, where the submit named one.
        """
        self._intake.replaced("tradmetrics.OrderTracker.replaced", order_id, new_order_id, quantity, timestamp, symbol)

    def open_orders(self) -> int:
        """Return the number of open orders."""
        self._intake.orders.sweep(_SITE)
        return len(self._intake.core.table)

    def snapshot(self) -> dict[str, Any]:
        """Return the orders, open and lately ended, as a dict for `json.dump`, to be read by `restore`.

        The lock is held for a thousand orders at a time, so that a trading thread never waits for all of them.

        Returns:
            A dict with the format's `version` at its top.
        """
        return self._intake.restarts.snapshot("tradmetrics.OrderTracker.snapshot")

    @classmethod
    def restore(cls, snapshot: object, **options: Any) -> Self:
        """Build a tracker that goes on with the orders of a snapshot. They are not counted again.

        Args:
            snapshot: The dict that `snapshot` returned, or its JSON read back.
            options: The options of the tracker that took it. The account is the snapshot's if it is left out.

        Returns:
            A new tracker.

        Raises:
            SnapshotError: When the snapshot is damaged, of another format or account, or of a newer version. Nothing
                is changed then.
            ConfigurationError: When an option cannot work as given.
        """
        checked = load(snapshot)
        account = options.setdefault("account", checked.account)
        if account != checked.account:
            raise SnapshotError(f"foreign: it holds the orders of the account {checked.account!r}, not of {account!r}")
        tracker = cls(**options)
        tracker._intake.restarts.restore("tradmetrics.OrderTracker.restore", checked)
        return tracker

    def __repr__(self) -> str:
        return f"OrderTracker(open_orders={len(self._intake.core.table)})"
