"""ib_async and ib_insync: orders, executions, account, ticks and connection of one `IB` object, from its own events."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from typing_extensions import Unpack

from tradmetrics.integrations import _ib_words as words
from tradmetrics.integrations._ib_account import IbAccount
from tradmetrics.integrations.kit import (
    Connection,
    Fill,
    Handle,
    Options,
    Orders,
    Settings,
    Strategy,
    check_target,
    check_version,
    instrument,
    shares_options,
)
from tradmetrics.registry.metrics import TradingMetrics

_SITE: Final = "tradmetrics.integrations.ib"
_MOST_EXECUTIONS: Final = 100_000


@shares_options
def instrument_ib(
    ib: Any,
    *,
    strategy: Strategy = "default",
    metrics: TradingMetrics | None = None,
    **options: Unpack[Options],
) -> Handle:
    """Record the orders, executions, account, ticks and connection of one `IB` object.

    Orders are counted at `placeOrder`, followed by their status events and executions. `whatIf` orders are questions
    and do not count. An error before TWS has acknowledged the order is a reject with the code as its reason,
    `error_201`. After that, an error that only informs, or that refuses a modification or a cancel, ends nothing:
    TWS's own status does. `Inactive` is a reject once an error has come with it. An execution that is corrected (its id
    differs after the last dot) replaces the one before it.

    A trade is an execution that closes or reduces a position: its realized P&L comes with the commission report.
    The adapter ignores orders of other clients and of earlier sessions. The fate of an order while there was no
    connection is learnt at the next `connect`.

    The account's values, positions, P&L and ticks are recorded as the bot asks for them (`reqPnL`, `reqMktData`, …);
    the adapter sends nothing. A tick has an age where TWS tells when the trade was (`reqTickByTickData`, `reqMktData`).
    Contract details hold the hours of trading, which tell whether the session is open.

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
        ib: An `ib_async.IB` or an `ib_insync.IB`, connected or not.
        strategy: The label of all orders, or a callable that takes a `Trade` and returns it:
            `lambda trade: trade.order.orderRef`.
        metrics: The metrics object; by default the process's.
        options: The options that all adapters share; see `tradmetrics.integrations.kit.Options`.

    Returns:
        A handle whose `undo()` takes everything out again. An object that is instrumented already keeps what it has,
        and its handle comes back.

    Raises:
        ConfigurationError: When `ib` is something else, or this release of the library is older than the first
            supported one.
        SnapshotError: When `restore` is damaged, foreign, or of a newer version. Nothing is instrumented then.
    """
    check_target("instrument_ib", ib, ("newOrderEvent", "orderStatusEvent", "wrapper"), "an ib_async.IB()")
    check_version("ib_insync" if type(ib).__module__.startswith("ib_insync") else "ib_async")
    settings = Settings.read("instrument_ib", strategy, options)
    return instrument(
        [ib], lambda handle: _Client(handle, settings).listen, metrics, _SITE, restores=settings.restore is not None
    )


class _Client:
    def __init__(self, handle: Handle, settings: Settings) -> None:
        self._handle = handle
        self._orders = Orders(handle, settings, dialect="ib", tells_pnl=True)
        self._account = IbAccount(handle, settings, self._orders.trades.positions)
        self._connection = Connection(handle, "tws")
        self._told: OrderedDict[str, tuple[str, float, float]] = OrderedDict()
        self._current: dict[str, str] = {}
        self._ib: Any = None

    def listen(self, ib: Any) -> None:
        self._ib = ib
        listeners: Iterable[tuple[str, Callable[..., None]]] = (
            ("newOrderEvent", self._new),
            ("orderModifyEvent", self._modified),
            ("cancelOrderEvent", self._cancelling),
            ("orderStatusEvent", self._status),
            ("errorEvent", self._error),
            ("execDetailsEvent", self._execution),
            ("commissionReportEvent", self._commission),
            ("connectedEvent", self._connected),
            ("disconnectedEvent", self._connection.closed),
            *self._account.events(),
        )
        for name, function in listeners:
            event = getattr(ib, name, None)
            if event is not None:
                hook = self._handle.hook(function)
                event.connect(hook)
                self._handle.on_undo(partial(event.disconnect, hook))
        self._account.watch(ib.wrapper)
        self._handle.watch(ib, "reqGlobalCancel", lambda _: self._orders.message("cancel"))
        if getattr(ib.client, "isReady", bool)():
            self._connection.opened()

    # ── which order ──────────────────────────────────────────────────────────────────────────────────────────────

    def _key(self, order: Any) -> str:
        """The key of an order, or of an execution's: by TWS's permanent id, or by the id of this session."""
        permanent = _permanent(order)
        if order.permId and permanent in self._orders:
            return permanent
        order_id = _id(order)
        key = self._current.get(order_id)
        if key is None:
            key = self._current[order_id] = self._latest(order_id)
        return key

    def _latest(self, order_id: str) -> str:
        key, number = order_id, 2
        while f"{order_id}#{number}" in self._orders:
            key, number = f"{order_id}#{number}", number + 1
        return key

    def _new(self, trade: Any) -> None:
        order = trade.order
        if order.whatIf:
            return
        order_id = _id(order)
        key = self._latest(order_id)
        if key in self._orders:  # a gateway that was restarted counts its ids from 1 again
            key = f"{order_id}#{int(key.rpartition('#')[2]) + 1 if '#' in key else 2}"
        self._current[order_id] = key
        if len(self._current) > _MOST_EXECUTIONS:
            del self._current[next(iter(self._current))]
        self._orders.sent(
            key, trade, side=order.action, order_type=order.orderType, quantity=order.totalQuantity
        )  # fmt: skip

    def _modified(self, trade: Any) -> None:
        key = self._key(trade.order)
        self._orders.replace(key, key, trade.order.totalQuantity)

    def _cancelling(self, trade: Any) -> None:
        self._orders.cancel(self._key(trade.order))

    # ── states ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _status(self, trade: Any) -> None:
        key = self._key(trade.order)
        if key not in self._orders:
            return
        status = trade.orderStatus
        if status.permId and _permanent(status) not in self._orders:
            self._orders.alias(key, _permanent(status))
        code = trade.log[-1].errorCode if trade.log else 0
        if code:
            self._status_by_error(key, trade, code)
        elif status.status == "Inactive" and not any(entry.errorCode for entry in trade.log):
            return  # held back, not refused; the error may still come
        elif status.status != "ValidationError":
            self._orders.event(key, status=status.status, filled=words.filled(trade))

    def _status_by_error(self, key: str, trade: Any, code: int) -> None:
        """Take in a status that the library has set for an error; TWS itself has not said so."""
        if code == words.CANCELLED:
            self._orders.event(key, status="Cancelled", filled=words.filled(trade))
        elif trade.orderStatus.status not in ("Cancelled", "Inactive") or words.ends_nothing(code):
            return
        elif not any(entry.status in words.ACKNOWLEDGED for entry in trade.log) or (
            code == words.REJECTED and not words.is_changing(trade)
        ):
            self._reject(key, code)

    def _error(self, request_id: int, code: int, message: str, contract: Any) -> None:
        if code in words.LOST:
            self._connection.closed()
        elif code in words.RESTORED:
            self._connection.opened()
        trade = self._ib.wrapper.trades.get((self._ib.wrapper.clientId, request_id))
        if trade is None or (key := self._key(trade.order)) not in self._orders:
            return
        if code == words.CANCELLED:  # ib_async 1.0 and ib_insync set no status for it
            self._orders.event(key, status="Cancelled", filled=words.filled(trade))
        elif trade.orderStatus.status == "Inactive" and not words.ends_nothing(code):
            self._reject(key, code)  # an order that is Inactive already gets no further status event with its error

    def _reject(self, key: str, code: int) -> None:
        self._orders.event(key, status="rejected", reason=f"error_{code}")

    # ── executions ───────────────────────────────────────────────────────────────────────────────────────────────

    def _execution(self, trade: Any, fill: Any) -> None:
        key = self._key(trade.order)
        if key in self._orders:
            if fill.execution.permId and _permanent(fill.execution) not in self._orders:
                self._orders.alias(key, _permanent(fill.execution))
            # TWS does not always send a status for an order that is filled at once.
            self._orders.event(key, filled=words.filled(trade))
            self._executed(key, fill)

    def _executed(self, key: str, fill: Any) -> None:
        """Take in what an execution does to the position; its P&L comes with the commission report."""
        execution, contract = fill.execution, fill.contract
        if not contract.conId:
            return
        base = words.execution_of(execution.execId)
        sign = 1 if execution.side == "BOT" else -1
        kept = self._told.get(base, ("", 0.0, 0.0))
        if kept[0] != execution.execId:
            shares = sign * float(execution.shares)
            self._orders.trades.positions.fill(str(contract.conId), shares - kept[1], execution.price, opens_short=True)
            self._keep(base, (execution.execId, shares, 0.0))

    def _keep(self, base: str, told: tuple[str, float, float]) -> None:
        self._told[base] = told
        if len(self._told) > _MOST_EXECUTIONS:
            self._told.popitem(last=False)

    def _commission(self, trade: Any, fill: Any, report: Any) -> None:
        execution = fill.execution
        key = self._key(execution)  # the trade of a completed order has no id of its own after a reconnect
        if key in self._orders:
            self._orders.trades.told(
                self._orders.label(key),
                Fill(
                    words.execution_of(report.execId),
                    execution.side,
                    pnl=report.realizedPNL,  # 0 where the execution closed nothing
                    fee=report.commission,
                    currency=report.currency or None,
                ),
            )

    def _connected(self) -> None:
        """Take in what became of the orders while there was no connection, of which there are no events."""
        self._connection.opened()
        fills = [fill for fill in self._ib.fills() if self._key(fill.execution) in self._orders]
        combos = {self._key(fill.execution) for fill in fills if fill.contract.secType == words.COMBO}
        filled: dict[str, float] = {}
        for fill in fills:
            key = self._key(fill.execution)
            self._executed(key, fill)
            self._commission(None, fill, fill.commissionReport)
            if key not in combos or fill.contract.secType == words.COMBO:  # not the legs
                filled[key] = max(filled.get(key, 0.0), fill.execution.cumQty)
        for key, quantity in filled.items():
            self._orders.event(key, filled=quantity)
        for trade in self._ib.trades():
            key = _permanent(trade.order)
            if not trade.order.orderId and key in self._orders:  # TWS leaves it out of orders that are completed
                self._orders.event(key, status=trade.orderStatus.status)


def _id(order: Any) -> str:
    """The id of an order, or of an execution's, in this session of TWS."""
    return f"{order.clientId}/{order.orderId}"


def _permanent(order: Any) -> str:
    """The id that TWS gave an order, or that a status or an execution has of it."""
    return f"permanent {order.permId}"
