"""The orders of one instrumented library: a tracker, and what every adapter does with it."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from itertools import count
from typing import Any, Final, NamedTuple, TypeAlias

from typing_extensions import Self

from tradmetrics import catalogue
from tradmetrics.errors import ConfigurationError
from tradmetrics.integrations._hooks import Finish, Handle
from tradmetrics.orders.tracker import OrderTracker
from tradmetrics.record.exporter import MetricsExporter
from tradmetrics.record.trades import record_pnl
from tradmetrics.vocabulary.outcomes import is_unknown, reason_of

Strategy: TypeAlias = str | Callable[[Any], object]
"""The label of all orders, or what gives it for one of the library's own orders."""

_MOST_TRADES: Final = 100_000
_MOST_EARLY: Final = 1_000
"""Orders that are not known yet whose trades are kept; so many trades of each are."""
_MOST_KNOWN: Final = 100_000
_IDS_PER_ORDER: Final = 3
_UNANSWERED: Final = "unanswered "
"""What the key of an order begins with for which there is no id yet."""
_MOST_DIGITS: Final = 18
_CODE: Final = re.compile(r"[A-Z][A-Z_]{2,}(?![a-z])")


class Following(NamedTuple):
    """How an adapter's orders are labelled and followed, as its user has it.

    Attributes:
        strategy: The label of all orders, or what gives it.
        restore: What the tracker of an earlier process knew, or None.
        max_open: As for `OrderTracker`.
        expire_after: As for `OrderTracker`.
    """

    strategy: Strategy
    restore: object = None
    max_open: int = 100_000
    expire_after: float = 86_400.0

    def checked(self, function: str) -> Self:
        """Refuse a strategy that is none.

        Raises:
            ConfigurationError: When it is None or empty, naming the function that was called.
        """
        if self.strategy is None or self.strategy == "":
            raise ConfigurationError(
                f"{function}: strategy is the label of all orders, or a function that takes an order and returns it, "
                f"not {self.strategy!r}; leave it out for 'default'"
            )
        return self


class Orders:
    """The orders that an adapter has seen being sent, their labels, and the tracker that follows them.

    Attributes:
        tracker: Takes every event of these orders.

    Raises:
        SnapshotError: When what is to be restored is damaged.
    """

    def __init__(self, handle: Handle, following: Following, *, dialect: str | None = None) -> None:
        self.metrics = handle.metrics
        self.site = handle.site
        self._strategy = following.strategy
        self._exporter = MetricsExporter(handle.metrics)
        self._labels: OrderedDict[str, object] = OrderedDict()
        self._trades: OrderedDict[str, None] = OrderedDict()
        self._early: OrderedDict[str, dict[str, object]] = OrderedDict()
        options: dict[str, Any] = {
            "dialect": dialect,
            "metrics": handle.metrics,
            "max_open": following.max_open,
            "expire_after": following.expire_after,
        }
        snapshot = following.restore
        self.tracker = OrderTracker(**options) if snapshot is None else OrderTracker.restore(snapshot, **options)
        handle.orders = self.tracker
        self._most_known = max(_MOST_KNOWN, _IDS_PER_ORDER * following.max_open)
        self._numbers = count(1 + (0 if snapshot is None else self._go_on_with(snapshot)))

    def _go_on_with(self, snapshot: Any) -> int:
        """Know the orders of a snapshot that was read; return the highest number in the keys of unanswered ones."""
        highest = 0
        for order in snapshot["orders"]:
            for order_id in order["ids"]:
                self._know(order_id, order["strategy"])
                number = order_id.removeprefix(_UNANSWERED)
                if number != order_id and number.isdecimal():
                    highest = max(highest, int(number[:_MOST_DIGITS]))
                    if len(order["ids"]) == 1 and order["ended"] is None:
                        # Its answer was on the way to a process that is no more: nobody will name it by this key.
                        self._forget(order_id)
                        self.metrics.record(catalogue.ORDER_ANOMALIES, ("evicted",), site=self.site)
        return highest

    def __contains__(self, order_id: object) -> bool:
        return order_id in self._labels

    def label(self, order_id: str) -> object:
        """The strategy of an order; None when that is not known."""
        return self._labels.get(order_id, None if callable(self._strategy) else self._strategy)

    def submitted(self, order_id: str, order: Any, **details: Any) -> None:
        """Count an order that is being sent.

        Args:
            order_id: Its id, or any key that it can be given an alias for later.
            order: The library's own order, for the strategy's label.
            details: `side`, `order_type`, `quantity`, … of `OrderTracker.submitted`.
        """
        strategy = self.label_of(order)
        self._know(order_id, strategy)
        self.tracker.submitted(order_id, strategy=strategy, **details)

    def alias(self, order_id: str, broker_id: str) -> None:
        """Take a second id for an order."""
        if broker_id != order_id:
            self._know(broker_id, self.label(order_id))
            self.tracker.alias(order_id, broker_id)

    def replaced(self, order_id: str, new_id: str, quantity: object = None, timestamp: float | None = None) -> None:
        """Let an order go on under another id, or under its own with another quantity."""
        if order_id not in self:
            self.message("modify")
            return
        self._know(new_id, self.label(order_id))
        self.tracker.replaced(order_id, new_id, quantity=quantity, timestamp=timestamp)

    def cancelling(self, order_id: str) -> None:
        """Take in that a cancel is being sent, of an order that is followed or of any other."""
        if order_id in self:
            self.tracker.cancel_requested(order_id)
        else:
            self.message("cancel")

    def first_time(self, trade_id: str) -> bool:
        """Whether a trade that the library lists is seen for the first time."""
        if trade_id in self._trades:
            return False
        self._trades[trade_id] = None
        if len(self._trades) > _MOST_TRADES:
            self._trades.popitem(last=False)
        return True

    def listed(self, trade_id: str, order_id: str, side: object) -> None:
        """Record a trade that the library lists or streams: once, and when its order is known, now or later."""
        if order_id in self:
            if self.first_time(trade_id):
                self.trade(self.label(order_id), side)
            return
        trades = self._early.setdefault(order_id, {})
        if len(trades) < _MOST_EARLY:
            trades[trade_id] = side
        if len(self._early) > _MOST_EARLY:
            self._early.popitem(last=False)

    def sending(
        self,
        order: Any,
        answered: Callable[[str, Any], None],
        *,
        client_id: str | None = None,
        **details: Any,
    ) -> Finish:
        """Count an order that is about to be sent and has no id yet.

        Args:
            order: What the strategy's label is made from.
            answered: Called with the order's key and the library's answer, when there is one.
            client_id: The id that the caller gave the order, if any.
            details: As for `submitted`.

        Returns:
            What to call when the request has ended.
        """
        key = client_id or f"{_UNANSWERED}{next(self._numbers)}"
        self.submitted(key, order, **details)

        def finish(result: Any, error: BaseException | None) -> None:
            if error is None:
                answered(key, result)
            elif is_unknown(error):
                self.metrics.record(catalogue.ORDERS_UNKNOWN, (self.label(key), reason_of(error)), site=self.site)
                if not client_id:
                    self._forget(key)  # if it is live, it is so under an id that leads nobody to it
            else:
                self.tracker.updated(key, status="rejected", reason=reason_of(error))

        return finish

    def trade(self, strategy: object, side: object, pnl: float | None = None) -> None:
        """Record a trade that was executed, with what it won or lost if that is known by now."""
        self._exporter.record_trade(strategy, side, "executed", pnl)

    def profit(self, strategy: object, pnl: float) -> None:
        """Record what a trade won or lost that has been counted before."""
        record_pnl(self.metrics, strategy, pnl, site=self.site)

    def message(self, action: str) -> None:
        """Count a message to the broker that is about no order that is followed, or about all of them."""
        intake = self.tracker._intake
        intake.message(self.site, action, intake.reader.clock(self.metrics, self.site))

    def label_of(self, order: Any) -> object:
        """The strategy of the library's own order, or whatever the callable was made for; None when that failed."""
        if not callable(self._strategy):
            return self._strategy
        try:
            return self._strategy(order)
        except Exception as error:
            self.metrics.fault(self.site, "source", error)
            return None

    def _forget(self, key: str) -> None:
        self._labels.pop(key, None)
        self.tracker._intake.forget(self.site, key)

    def _know(self, order_id: str, strategy: object) -> None:
        self._labels[order_id] = strategy
        if len(self._labels) > self._most_known:
            self._labels.popitem(last=False)
        for trade_id, side in self._early.pop(order_id, {}).items():
            self.listed(trade_id, order_id, side)


def leading_code(text: object) -> str | None:
    """The code that a broker's message begins with, `RMS` of "RMS:Margin exceeds 1,234.56"; its text is no label."""
    match = _CODE.match(text.strip()) if isinstance(text, str) else None
    return match.group().lower() if match else None
