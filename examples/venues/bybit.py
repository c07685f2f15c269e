"""Bybit's v5, as far as pybit needs it: orders, one wallet, and messages of the private stream."""

import itertools
import json
import time

from venues.canned import CannedVenue


class BybitVenue(CannedVenue):
    """Orders are accepted and rest; the example fills or refuses them."""

    def __init__(self):
        super().__init__()
        self.orders = {}
        self._numbers, self._executions = itertools.count(1), itertools.count(1)
        self._refusal = None

    def refuse(self, code, message):
        """Answer the next order with an error."""
        self._refusal = code, message

    def answer(self, method, path, request):
        """Carry out one request."""
        if path == "/v5/account/wallet-balance":
            totals = {"totalEquity": "1000", "totalInitialMargin": "100", "totalAvailableBalance": "900"}
            return 200, self._body({"list": [{"accountType": "UNIFIED", **totals}]})
        fields = json.loads(request.body)
        if path == "/v5/order/cancel":
            return 200, self._body({"orderId": fields["orderId"], "orderLinkId": ""})
        if self._refusal is not None:
            (code, message), self._refusal = self._refusal, None
            return 200, {**self._body({}), "retCode": code, "retMsg": message}
        order_id = f"order-{next(self._numbers)}"
        self.orders[order_id] = fields
        return 200, self._body({"orderId": order_id, "orderLinkId": ""})

    def _body(self, result):
        return {"retCode": 0, "retMsg": "OK", "result": result, "time": int(time.time() * 1000)}

    def _message(self, topic, row):
        return json.dumps({"topic": topic, "creationTime": int(time.time() * 1000), "data": [row]})

    def fill(self, order_id, price, profit="0", closed="0"):
        """The messages of the private stream about an order that is executed."""
        order = self.orders[order_id]
        execution = {
            "category": order["category"],
            "symbol": order["symbol"],
            "orderId": order_id,
            "execId": f"execution-{next(self._executions)}",
            "side": order["side"],
            "execQty": order["qty"],
            "execPrice": str(price),
            "execFee": "0.05",
            "execType": "Trade",
            "execPnl": profit,
            "closedSize": closed,
        }
        return self._message("execution", execution), self._state(order_id, "Filled", order["qty"])

    def cancelled(self, order_id):
        """The message of the private stream about an order that was cancelled."""
        return self._state(order_id, "Cancelled", "0")

    def _state(self, order_id, status, done):
        order = self.orders[order_id]
        row = {"orderId": order_id, "symbol": order["symbol"], "side": order["side"], "orderStatus": status}
        return self._message("order", {**row, "cumExecQty": done, "avgPrice": "", "rejectReason": "EC_NoError"})
