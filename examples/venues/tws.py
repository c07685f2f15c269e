"""A connection of ib_async or ib_insync whose other end is played: only the socket is missing."""

import importlib
from types import SimpleNamespace

CLIENT = 7


class Tws:
    """What TWS sends, as the decoder of ib_async hands it to the wrapper."""

    def __init__(self, library="ib_async"):
        self.library = importlib.import_module(library)
        self.unset = importlib.import_module(f"{library}.util").UNSET_DOUBLE
        self.stock = self.library.Stock("INFY", "SMART", "USD")
        self.ib = self.library.IB()
        self.ib.wrapper.clientId = CLIENT
        self.sent = []
        ids = iter(range(1, 1_000))
        # The socket's end: whatever the client would write to it is kept.
        self.ib.client = SimpleNamespace(
            getReqId=lambda: next(ids),
            placeOrder=lambda order_id, contract, order: self.sent.append(("place", order_id)),
            cancelOrder=lambda order_id, *_: self.sent.append(("cancel", order_id)),
            reqGlobalCancel=lambda *_: self.sent.append(("cancel", None)),
            isConnected=lambda: False,
            updateReqId=lambda order_id: None,
        )
        self.executions = 0

    def place(self, order, contract=None):
        return self.ib.placeOrder(contract or self.stock, order)

    def open(self, trade):
        """Give an order the permanent id that TWS tells of with its first message."""
        trade.order.permId = trade.order.permId or 9_000 + trade.order.orderId
        self.ib.wrapper.permId2Trade[trade.order.permId] = trade
        return trade.order

    def status(self, trade, status, filled=0):
        order = self.open(trade)
        left = order.totalQuantity - filled
        self.ib.wrapper.orderStatus(order.orderId, status, filled, left, 100.0, order.permId, 0, 100.0, CLIENT, "")

    def error(self, trade, code, text="Order rejected - reason: margin 1,234.56"):
        self.ib.wrapper.error(trade.order.orderId, code, text, "")

    def reconnect(self, *, still_open=(), ended=(), executions=()):
        """Lose the connection, and have another: TWS answers what ib_async asks at its start, which emits no events."""
        wrapper = self.ib.wrapper
        wrapper.reset()  # as `IB.disconnect` does
        wrapper.clientId = CLIENT
        wrapper._results["completedOrders"] = []
        wrapper._results["openOrders"] = []
        for trade in still_open:
            order, state = self.open(trade), self.library.OrderState(status=trade.orderStatus.status)
            wrapper.openOrder(order.orderId, trade.contract, order, state)
        for trade, status in ended:  # TWS leaves the client's own id out of these
            order = self.library.Order(permId=trade.order.permId, action=trade.order.action)
            wrapper.completedOrder(trade.contract, order, self.library.OrderState(status=status))
        wrapper._futures[1], wrapper._results[1] = None, []
        for execution, profit, *contract in executions:
            wrapper.execDetails(1, *(contract or [self.stock]), execution)
            wrapper.commissionReport(
                self.library.CommissionReport(execId=execution.execId, commission=1.0, realizedPNL=profit or self.unset)
            )
        wrapper._futures.clear()
        wrapper._results.clear()
        self.ib.connectedEvent.emit()

    def execute(self, trade, shares, profit=None):
        self.open(trade)
        execution = self.execution(trade, shares)
        self.ib.wrapper.execDetails(-1, trade.contract, execution)
        self.ib.wrapper.commissionReport(
            self.library.CommissionReport(
                execId=execution.execId, commission=1.0, realizedPNL=self.unset if profit is None else profit
            )
        )
        return execution

    def execution(self, trade, shares, before=None):
        """An execution, of which nothing was said yet."""
        self.executions += 1
        return self.library.Execution(
            execId=f"0001.{self.executions}",
            orderId=trade.order.orderId,
            clientId=CLIENT,
            permId=trade.order.permId,
            side="BOT" if trade.order.action == "BUY" else "SLD",
            shares=shares,
            price=100.0,
            cumQty=(trade.filled() if before is None else before) + shares,
        )
