"""`OrderTracker`: orders joined by their ids, across callbacks, threads and restarts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tradmetrics.errors import ConfigurationError, SnapshotError
from tradmetrics.orders.correlator import OrderCorrelator
from tradmetrics.orders.decorators import Decorators
from tradmetrics.orders.event_reader import EventReader
from tradmetrics.orders.intake import Intake
from tradmetrics.orders.recipes import Strategies
from tradmetrics.orders.snapshot import load
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.vocabulary import fold as vocabulary
from tradmetrics.vocabulary.times import UNITS, Unit

if TYPE_CHECKING:
    from typing_extensions import Self

_SITE = "tradmetrics.OrderTracker"


class OrderTracker(Decorators):
    """Follows orders from the submit to their end, however the news of them comes in.

    Orders are joined by their ids, which are keys and never labels. The submit counts in
    `trading_orders_submitted_total`; the first end counts once as filled, rejected, or cancelled (an expiry with the
    reason `expired`). Measured from the submit: the acknowledgement (`trading_order_ack_time_seconds`), the first fill
    (`trading_order_first_fill_time_seconds`) and the complete fill (`trading_order_fill_time_seconds`). What
    contradicts what was known counts in `trading_order_anomalies_total` by kind. When scraped: `trading_orders_open`,
    `trading_order_oldest_open_seconds` and `trading_order_message_rate_max`.

    Times are those of `clock`, or the events' own where `timestamp=` is given; never a mix within one order: such a
    time is dropped and counted as `mixed_clock`. So is one that is more than ten years away from the submit, as
    seconds and milliseconds are.

    Events of an unknown order wait `join_within` seconds for its submit, and then count as `unknown_order`. Of ended
    orders the last 10,000 are remembered, so that what comes late or twice is recognised. Each order remembers its
    last 1,000 fill ids (10 once all orders together hold 10 × `max_open`): a duplicate of an older fill is taken
    for a new one, and may count as `overfill`. An order is known by up to 16 ids: of a longer chain of replaces, the
    oldest are forgotten.

    Nothing is raised into the caller. An event without an id, with a quantity that is no number, dated before the
    submit, or of another account is counted by its kind, and what can be read of it still counts. A price or a time
    that is none is an instrumentation error, and counts in `tradmetrics_instrumentation_errors_total`.

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
        strategy: The strategy of orders that name none themselves.
        account: The account whose orders these are. An event that names another one counts as `other_account` and
            does nothing else; empty, whatever account an event names is its own. Two accounts take two trackers.
        dialect: The broker whose spellings of side, order type and status are meant (`fix`, `ccxt`, `alpaca`, `ib`,
            `nautilus`, `kite`).
        metrics: The metrics object to record to; by default the process's, also when it is replaced later.
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
        if isinstance(max_open, bool) or not isinstance(max_open, int) or max_open < 1:
            raise ConfigurationError(f"OrderTracker: max_open is a whole number above zero, not {max_open!r}")
        for name, seconds in (("expire_after", expire_after), ("join_within", join_within)):
            if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
                raise ConfigurationError(f"OrderTracker: {name} is seconds above zero, not {seconds!r}")
        if not isinstance(account, str):
            raise ConfigurationError(f"OrderTracker: account is text, not {account!r}")
        if not callable(clock):
            raise ConfigurationError(f"OrderTracker: clock is a function such as time.monotonic, not {clock!r}")
        if metrics is not None and not isinstance(metrics, TradingMetrics):
            raise ConfigurationError(f"OrderTracker: metrics takes a TradingMetrics, not {metrics!r}")
        if not isinstance(unit, str) or unit not in UNITS:
            raise ConfigurationError(f"OrderTracker: unit is one of {', '.join(UNITS)}, not {unit!r}")
        core = OrderCorrelator(max_open, float(expire_after), float(join_within))
        reader = EventReader(clock, account, vocabulary.check_dialect(dialect), UNITS[unit])
        self._intake = Intake(core, reader, strategy, metrics)
        self._strategies = Strategies(self._intake.label)

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
    ) -> None:
        """Report an order that was sent.

        Counts `trading_orders_submitted_total` and a message of the action `new`. An id that is known already counts as
        `duplicate_submit` instead, and an order without an id is counted but not followed.

        Args:
            order_id: The bot's or the broker's id: text, a number, or an object that reads as one (`UUID`).
            strategy: Whose order it is; by default the tracker's.
            side: `BUY` or `SELL` in any spelling.
            order_type: The order type in any spelling.
            quantity: What was ordered; without it, only the status `filled` completes the order.
            reference_price: The decision or arrival price; with it, the end of the order observes
                `trading_order_slippage_bps` from the fills' volume-weighted price, positive when it is worse.
            timestamp: The event's own time: a number of `unit`s, a datetime, or ISO text; by default, the clock's.
            account: The account, where the event names it.
        """
        self._intake.submitted(
            "tradmetrics.OrderTracker.submitted",
            order_id,
            strategy,
            side,
            order_type,
            quantity,
            reference_price,
            timestamp,
            account,
        )

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
    ) -> None:
        """Report what the broker says of an order: its state, a fill, or both.

        A fill is recognised by its id, else by the rise of the cumulative quantity. Quantities win over the word, so
        that an order filled to its quantity is filled whatever the status says.

        Args:
            order_id: Any id of the order.
            status: The order's state in any spelling.
            filled: The cumulative filled quantity.
            fill_id: The fill's id (execution id, trade id).
            fill_quantity: The quantity of this fill alone.
            price: The price of this fill.
            reason: Why the order was rejected or cancelled; one of a few values.
            timestamp: The event's own time: a number of `unit`s, a datetime, or ISO text; by default, the clock's.
            account: The account, where the event names it.
        """
        self._intake.updated(
            "tradmetrics.OrderTracker.updated",
            order_id, status, filled, fill_id, fill_quantity, price, reason, timestamp, account,
        )  # fmt: skip

    def alias(self, order_id: object, broker_id: object) -> None:
        """Report a second id of an order: the broker's own, once it is known.

        Args:
            order_id: An id of the order.
            broker_id: The other id. One that leads to another order counts as `duplicate_submit` and changes nothing.
        """
        self._intake.alias("tradmetrics.OrderTracker.alias", order_id, broker_id)

    def cancel_requested(self, order_id: object, *, timestamp: object = None) -> None:
        """Report that a cancel was sent, a message of the action `cancel`. The order is open until the broker answers.

        Args:
            order_id: Any id of the order.
            timestamp: The message's own time: a number of `unit`s, a datetime, or ISO text; by default, the clock's.
        """
        self._intake.cancel_requested("tradmetrics.OrderTracker.cancel_requested", order_id, timestamp)

    def replaced(
        self, order_id: object, new_order_id: object, *, quantity: object = None, timestamp: object = None
    ) -> None:
        """Report that an order was modified or replaced: a message of the action `modify`.

        The order goes on under the new id with the time of its first submit. The old id still leads to it: a fill that
        comes under it counts, and its cancellation does not end the order.

        Args:
            order_id: Any id of the order.
            new_order_id: Its new id, or the same one where the broker modifies in place.
            quantity: Its new quantity in all, what was filled before included.
            timestamp: The message's own time: a number of `unit`s, a datetime, or ISO text; by default, the clock's.
        """
        self._intake.replaced("tradmetrics.OrderTracker.replaced", order_id, new_order_id, quantity, timestamp)

    def open_orders(self) -> int:
        """Return the number of open orders."""
        self._intake.sweep(_SITE)
        return len(self._intake.core.table)

    def snapshot(self) -> dict[str, Any]:
        """Return the orders, open and lately ended, as a dict for `json.dump`, to be read by `restore`.

        The lock is held for a thousand orders at a time, so that a trading thread never waits for all of them.

        Returns:
            A dict with the format's `version` at its top.
        """
        return self._intake.snapshot("tradmetrics.OrderTracker.snapshot")

    @classmethod
    def restore(cls, snapshot: object, **options: Any) -> Self:
        """Build a tracker that goes on with the orders of a snapshot. They are not counted again.

        Args:
            snapshot: What `snapshot` returned, by way of JSON or not.
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
        tracker._intake.restore("tradmetrics.OrderTracker.restore", checked)
        return tracker

    def __repr__(self) -> str:
        return f"OrderTracker(open_orders={len(self._intake.core.table)})"
