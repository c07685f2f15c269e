"""ib_async: the orders and executions of one `IB` connection, from its own events."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from tradmetrics.integrations._hooks import Handle, check_target, check_version, instrument
from tradmetrics.integrations._orders import Following, Orders, Strategy
from tradmetrics.registry.metrics import TradingMetrics

_SITE: Final = "tradmetrics.integrations.ib"
_REJECTED: Final = 201
_CANCELLED: Final = 202
_COMBO: Final = "BAG"
# https://interactivebrokers.github.io/tws-api/message_codes.html; ib_async marks the order Cancelled for all of them.
_ACKNOWLEDGED: Final = frozenset({"PreSubmitted", "Submitted"})


def instrument_ib(
    ib: Any,
    *,
    strategy: Strategy = "default",
    metrics: TradingMetrics | None = None,
    restore: object = None,
    max_open: int = 100_000,
    expire_after: float = 86_400.0,
) -> Handle:
    """Record the orders that are placed through one `IB` object, and their executions.

    Orders are counted at `placeOrder`, followed by their status events and executions. An order that TWS refuses with
    error 201 is a reject, although ib_async reports it as Cancelled first, and so is any other error (202, "order
    cancelled", aside) before the order was acknowledged; the reason is the code: `error_201`. `Inactive` is a reject
    once an error has come with it. Each execution is a trade; its realized P&L comes with the commission report.
    Orders of other clients and of earlier sessions are passed over. What became of an order while there was no
    connection is learnt at the next `connect`.

    Example:
        ```python
        from ib_async import IB, MarketOrder, Stock
        from tradmetrics.integrations.ib import instrument_ib

        ib = IB()
        instrument_ib(ib, strategy="momentum")
        ib.connect("127.0.0.1", 7497)
        ib.placeOrder(Stock("INFY", "SMART", "USD"), MarketOrder("BUY", 100))
        ```

    Args:
        ib: An `ib_async.IB`, connected or not.
        strategy: The label of all orders, or a callable that takes an `ib_async.Trade` and returns it:
            `lambda trade: trade.order.orderRef`.
        metrics: The metrics object; by default the process's.
        restore: What `handle.orders.snapshot()` returned in an earlier process, by way of JSON or not: its orders are
            followed on, under the strategies that they have, and not counted again.
        max_open: Open orders that are remembered; for one more, the oldest goes and counts as `evicted`.
        expire_after: Seconds after which an order that has not ended goes, and counts as `evicted`.

    Returns:
        A handle whose `undo()` takes everything out again. An object that is instrumented already keeps what it has,
        and its handle comes back.

    Raises:
        ConfigurationError: When `ib` is none, or this version of ib_async is not one that the adapter is tested with.
        SnapshotError: When `restore` is damaged, foreign, or of a newer version. Nothing is instrumented then.
    """
    check_target("instrument_ib", ib, ("newOrderEvent", "orderStatusEvent", "wrapper"), "an ib_async.IB()")
    check_version("ib_async", "ib_async", "1.0", "3")
    following = Following(strategy, restore, max_open, expire_after).checked("instrument_ib")
    return instrument(
        [ib], lambda handle: _Connection(handle, following).listen, metrics, _SITE, restores=restore is not None
    )


class _Connection:
    def __init__(self, handle: Handle, following: Following) -> None:
        self._handle = handle
        self._orders = Orders(handle, following, dialect="ib")
        self._ib: Any = None

    def listen(self, ib: Any) -> None:
        self._ib = ib
        for event, function in (
            (ib.newOrderEvent, self._new),
            (ib.orderModifyEvent, self._modified),
            (ib.cancelOrderEvent, self._cancelling),
            (ib.orderStatusEvent, self._status),
            (ib.errorEvent, self._error),
            (ib.execDetailsEvent, self._execution),
            (ib.commissionReportEvent, self._commission),
            (ib.connectedEvent, self._connected),
        ):
            hook = self._handle.hook(function)
            event.connect(hook)
            self._handle.on_undo(partial(event.disconnect, hook))
        self._handle.watch(ib, "reqGlobalCancel", lambda _: self._orders.message("cancel"))

    def _new(self, trade: Any) -> None:
        order = trade.order
        self._orders.submitted(
            _key(trade), trade, side=order.action, order_type=order.orderType, quantity=order.totalQuantity
        )

    def _modified(self, trade: Any) -> None:
        self._orders.replaced(_key(trade), _key(trade), trade.order.totalQuantity)

    def _cancelling(self, trade: Any) -> None:
        self._orders.cancelling(_key(trade))

    def _status(self, trade: Any) -> None:
        if _key(trade) not in self._orders:
            return
        status = trade.orderStatus
        if status.permId and _permanent(status) not in self._orders:
            self._orders.alias(_key(trade), _permanent(status))
        code = trade.log[-1].errorCode if trade.log else 0
        if status.status == "Cancelled" and _is_reject(trade, code):
            self._reject(trade, code)
        elif status.status == "Inactive" and not _error_codes(trade):
            return  # held back, not refused; the error may still come
        else:
            self._orders.tracker.updated(_key(trade), status=status.status, filled=_filled(trade))

    def _error(self, request_id: int, code: int, message: str, contract: Any) -> None:
        # An order that is Inactive already gets no further status event with its error.
        trade = self._ib.wrapper.trades.get((self._ib.wrapper.clientId, request_id))
        if trade is not None and trade.orderStatus.status == "Inactive" and _key(trade) in self._orders:
            self._reject(trade, code)

    def _reject(self, trade: Any, code: int) -> None:
        self._orders.tracker.updated(_key(trade), status="rejected", reason=f"error_{code}")

    def _execution(self, trade: Any, fill: Any) -> None:
        if _key(trade) in self._orders:
            # TWS does not always send a status for an order that is filled at once.
            self._orders.tracker.updated(_key(trade), filled=_filled(trade))
            self._executed(fill.execution)

    def _executed(self, execution: Any) -> None:
        self._orders.listed(execution.execId, _id(execution), execution.side)

    def _commission(self, trade: Any, fill: Any, report: Any) -> None:
        key = _id(fill.execution)  # the trade of a completed order has no id of its own after a reconnect
        # 0 where the execution closed nothing; TWS reports all of the day's once more at each connect.
        if key in self._orders and report.realizedPNL and self._orders.first_time(f"profit {report.execId}"):
            self._orders.profit(self._orders.label(key), report.realizedPNL)

    def _connected(self) -> None:
        """Take in what became of the orders while there was no connection, of which there are no events."""
        fills = [fill for fill in self._ib.fills() if _id(fill.execution) in self._orders]
        combos = {_id(fill.execution) for fill in fills if fill.contract.secType == _COMBO}
        filled: dict[str, float] = {}
        for fill in fills:
            key = _id(fill.execution)
            self._executed(fill.execution)
            self._commission(None, fill, fill.commissionReport)
            if key not in combos or fill.contract.secType == _COMBO:  # not the legs
                filled[key] = max(filled.get(key, 0.0), fill.execution.cumQty)
        for key, quantity in filled.items():
            self._orders.tracker.updated(key, filled=quantity)
        for trade in self._ib.trades():
            key = _permanent(trade.order)
            if not trade.order.orderId and key in self._orders:  # TWS leaves it out of orders that are completed
                self._orders.tracker.updated(key, status=trade.orderStatus.status)


def _key(trade: Any) -> str:
    return _id(trade.order)


def _id(order: Any) -> str:
    """The id of an order, or of an execution's."""
    return f"{order.clientId}/{order.orderId}"


def _permanent(order: Any) -> str:
    """The id that TWS gave an order, or that a status has of it."""
    return f"permanent {order.permId}"


def _filled(trade: Any) -> float:
    """What is filled, by the status or by the executions, whichever is ahead of the other."""
    return float(max(trade.orderStatus.filled, trade.filled()))


def _is_reject(trade: Any, code: int) -> bool:
    if code in (0, _CANCELLED):
        return False
    return code == _REJECTED or not any(entry.status in _ACKNOWLEDGED for entry in trade.log)


def _error_codes(trade: Any) -> list[int]:
    return [entry.errorCode for entry in trade.log if entry.errorCode]
