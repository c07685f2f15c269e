"""The orders of one instrumented library: a tracker, and what every adapter does with it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from itertools import count
from typing import Any, Final

from tradmetrics import catalogue
from tradmetrics.integrations.kit.handle import Finish, Handle
from tradmetrics.integrations.kit.known import SEPARATOR, UNANSWERED, Known, key_of
from tradmetrics.integrations.kit.listed import ListedOrders
from tradmetrics.integrations.kit.options import Settings
from tradmetrics.integrations.kit.trades import Fill, Trades
from tradmetrics.orders.event import Entered, SubmitReport
from tradmetrics.orders.tracker import OrderTracker
from tradmetrics.vocabulary.outcomes import is_unknown, reason_of

_MOST_EARLY: Final = 1_000
"""Orders that are not known yet whose fills are kept; so many fills of each are."""
_MOST_DIGITS: Final = 18
_NO_DETAILS: Final = dict.fromkeys(SubmitReport._fields)


class Orders(ListedOrders):
    """The orders that an adapter has seen being sent, their labels, and the tracker that follows them.

    An id may belong to one symbol: venues that number the orders of each market on their own need it. Where a method
    takes a `symbol`, give the one that the order was sent with, if the library tells it.

    Example:
        ```python
        def placing(arguments):
            return orders.send(arguments, answered, side=arguments["side"], quantity=arguments["quantity"])


        def answered(key, answer):
            orders.answer(key, answer["id"], status=answer["status"])
        ```

    Args:
        handle: Of the instrumentation.
        settings: The options, checked.
        dialect: The broker whose spellings to read, as for `OrderTracker`.
        tells_pnl: Whether the library tells the P&L of executions. If it does, a trade is an execution that closes or
            reduces a position; otherwise every execution is a trade without a P&L, unless `pnl_from_fills` is on.

    Attributes:
        tracker: Takes every event of these orders.
        trades: Takes every fill of these orders.

    Raises:
        SnapshotError: When what is to be restored is damaged.
    """

    def __init__(
        self, handle: Handle, settings: Settings, *, dialect: str | None = None, tells_pnl: bool = False
    ) -> None:
        super().__init__(handle, settings)
        self.trades = Trades(handle, settings, tells_pnl=tells_pnl)
        self._early: OrderedDict[str, dict[str, Fill]] = OrderedDict()
        options: dict[str, Any] = {
            "dialect": dialect,
            "metrics": handle.metrics,
            "max_open": settings.max_open,
            "expire_after": settings.expire_after,
        }
        snapshot = settings.restore
        self.tracker = OrderTracker(**options) if snapshot is None else OrderTracker.restore(snapshot, **options)
        handle.orders = self.tracker
        self._numbers = count(1 + (0 if snapshot is None else self._go_on_with(snapshot)))

    def _go_on_with(self, snapshot: Any) -> int:
        """Know the orders of a snapshot that was read; return the highest number in the keys of unanswered ones."""
        highest = 0
        for order in snapshot["orders"]:
            for order_id in order["ids"]:
                symbol, _, _ = order_id.rpartition(SEPARATOR)
                self._know(order_id, Known(order["strategy"], symbol or None))
                number = order_id.removeprefix(UNANSWERED)
                if number != order_id and number.isdecimal():
                    highest = max(highest, int(number[:_MOST_DIGITS]))
                    if len(order["ids"]) == 1 and order["ended"] is None:
                        # Its answer was on the way to a process that is no more: nobody will name it by this key.
                        self._forget(order_id)
                        self.metrics.record(catalogue.ORDER_ANOMALIES, ("evicted",), site=self.site)
        return highest

    # ── messages to the broker, and their answers ────────────────────────────────────────────────────────────────

    def send(
        self,
        order: Any,
        answered: Callable[[str, Any], None],
        *,
        client_id: str | None = None,
        symbol: str | None = None,
        listed: bool = True,
        message: bool = True,
        refusal: Callable[[BaseException], str] = reason_of,
        **details: Any,
    ) -> Finish:
        """Count an order that is about to be sent and has no id yet.

        Args:
            order: The object that the strategy's label is made from.
            answered: Called with the order's key and the library's answer, when there is one.
            client_id: The id that the caller gave the order, if any.
            symbol: The instrument, where ids are numbered by symbol or open orders are listed by it.
            listed: Whether the library's plain list of open orders will hold it; a trigger order often is not there.
            message: Whether it is a message of its own; the further orders of a batch are not, where the venue takes
                a batch as one.
            refusal: Makes the reason of a reject from the exception.
            details: `side`, `order_type`, `quantity`, … of `OrderTracker.submitted`.

        Returns:
            What to call when the request has ended.
        """
        key = client_id or f"{UNANSWERED}{next(self._numbers)}"
        self.sent(key, order, symbol=symbol, listed=listed, message=message, **details)
        key = self.find(key, symbol) or key

        def finish(result: Any, error: BaseException | None) -> None:
            if error is None:
                answered(key, result)
            elif is_unknown(error):
                self.metrics.record(catalogue.ORDERS_UNKNOWN, (self.label(key), reason_of(error)), site=self.site)
                if not client_id:
                    self._forget(key)  # if it is live, it is so under an id that leads nobody to it
            else:
                self.tracker.updated(key, status="rejected", reason=refusal(error))

        return finish

    def sent(
        self,
        order_id: object,
        order: Any,
        *,
        symbol: str | None = None,
        listed: bool = True,
        message: bool = True,
        **details: Any,
    ) -> None:
        """Count an order whose id is known.

        Args:
            order_id: Its id, or any key that `answer` gives other ids to later.
            order: The library's own order, for the strategy's label.
            symbol: As for `send`.
            listed: As for `send`.
            message: Whether it was a message of its own; the legs of a bracket, which go with their parent, are not.
            details: `side`, `order_type`, `quantity`, … of `OrderTracker.submitted`.
        """
        strategy = self.label_of(order)
        key = key_of(str(order_id), symbol)
        self._know(key, Known(strategy, symbol, listed))
        intake = self.tracker._intake
        entered = None if message else Entered(intake.reader.clock(self.metrics, self.site))
        intake.submitted(
            self.site,
            SubmitReport(**{**_NO_DETAILS, **details, "order_id": key, "strategy": strategy, "symbol": symbol}),
            entered,
        )

    def answer(self, key: str, *order_ids: object, **event: Any) -> None:
        """Take in what the library answered to an order that was sent.

        Args:
            key: The order's key, as `answered` gets it.
            order_ids: The ids that the answer gives the order, the broker's and the client's; None and "" are skipped.
            event: As for `event`.
        """
        symbol = self._known[key].symbol if key in self._known else None
        for order_id in order_ids:
            if order_id:
                self.alias(key, str(order_id), symbol)
        if any(value is not None for value in event.values()):
            self.tracker.updated(key, **event)

    def alias(self, order_id: str, broker_id: object, symbol: str | None = None) -> None:
        """Take a second id for an order; a `symbol` other than the one that it was sent with is its right one."""
        key = self.find(order_id, symbol)
        if key is None:
            return
        known = self._known_in(key, symbol)
        other = key_of(str(broker_id), known.symbol)
        if other != key:
            self._know(other, known)
            self.tracker.alias(key, other)

    def event(self, order_id: object, *, symbol: str | None = None, **event: Any) -> None:
        """Take in what the library tells of an order, of this bot or of somebody else.

        An order that nobody sent here waits for its submit, and then counts in `trading_order_foreign_total`.

        Args:
            order_id: Any id of the order.
            symbol: Its symbol, where the library tells it.
            event: `status`, `filled`, `price`, … of `OrderTracker.updated`.
        """
        key = self.find(order_id, symbol)
        if key is None:
            key = self._key_of_stranger(order_id, symbol)
        self._bring_back(key)
        self.tracker.updated(key, **event)

    def replace(
        self,
        order_id: object,
        new_id: object,
        quantity: object = None,
        timestamp: float | None = None,
        symbol: str | None = None,
    ) -> None:
        """Let an order go on under another id, or under its own with another quantity: one message."""
        key = self.find(order_id, symbol)
        if key is None:
            self.message("modify")
            return
        known = self._known[key]
        new = key if str(new_id) == str(order_id) else key_of(str(new_id), known.symbol)
        self._know(new, known)
        self.tracker.replaced(key, new, quantity=quantity, timestamp=timestamp)

    def cancel(
        self,
        order_id: object,
        symbol: str | None = None,
        timestamp: float | None = None,
        cancel_id: str | None = None,
    ) -> None:
        """Take in that a cancel is being sent, of an order that is followed or of any other.

        Args:
            order_id: Any id of the order.
            symbol: Its symbol, where the library tells it.
            timestamp: The message's own time, where the order has times of its own.
            cancel_id: The cancel's own id, where the broker's reports carry it.
        """
        key = self.find(order_id, symbol)
        if key is None:
            self.message("cancel")
        else:
            self.tracker.cancel_requested(key, timestamp=timestamp, cancel_id=cancel_id)

    def message(self, action: str) -> None:
        """Count a message to the broker that is about no order that is followed, or about all of them."""
        intake = self.tracker._intake
        intake.message(self.site, action, intake.reader.clock(self.metrics, self.site))

    # ── fills ────────────────────────────────────────────────────────────────────────────────────────────────────

    def fill(self, fill_id: str, order_id: object, side: object, *, symbol: str | None = None, **details: Any) -> None:
        """Record a fill that the library lists or streams: once, and when its order is known, now or later.

        The order's own state is not touched: give that to `event`. Fills of orders that this bot never sent are kept
        for a while, in case that the order's answer is on its way, and then dropped.

        Args:
            fill_id: The fill's id, which tells it from every other fill.
            order_id: Any id of the order.
            side: `BUY` or `SELL` in any spelling.
            symbol: The order's symbol, where the library tells it.
            details: `quantity`, `price`, `pnl`, `fee`, `currency` and the further attributes of `Fill`.
        """
        fill = Fill(fill_id, side, symbol, **details)
        key = self.find(order_id, symbol)
        if key is not None:
            self.trades.fill(self._known[key].strategy, fill)
            return
        fills = self._early.setdefault(str(order_id), {})
        if len(fills) < _MOST_EARLY:
            fills[fill_id] = fill
        if len(self._early) > _MOST_EARLY:
            self._early.popitem(last=False)

    def correct(self, fill_id: str, order_id: object, right: Fill) -> None:
        """Take in that a fill was another one, or did not happen: it does not count again.

        Args:
            fill_id: The id of the fill, or of an earlier correction of it.
            order_id: Any id of the order.
            right: The right fill, under an id of its own; with a quantity of 0 where it did not happen.
        """
        key = self.find(order_id, right.symbol)
        if key is not None:
            self.trades.correct(self._known[key].strategy, fill_id, right)

    def _forget(self, key: str) -> None:
        self._known.pop(key, None)
        self.tracker._intake.forget(self.site, key)

    def _know(self, key: str, known: Known) -> None:
        self._remember(key, known)
        for fill in self._early.pop(key.rpartition(SEPARATOR)[2], {}).values():
            if known.symbol in (None, fill.symbol) or fill.symbol is None:
                self.trades.fill(known.strategy, fill)
