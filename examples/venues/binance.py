"""Binance's futures, as far as python-binance needs it: orders, one account, and messages of the user-data stream."""

import itertools
import json
import time
from urllib.parse import parse_qsl

from venues.canned import CannedVenue


class BinanceVenue(CannedVenue):
    """Orders are accepted and rest; the example fills or refuses them."""

    def __init__(self):
        super().__init__()
        self.orders = {}
        self._numbers, self._trades = itertools.count(1), itertools.count(1)
        self._refusal = None

    def refuse(self, code, message):
        """Answer the next order with an error."""
        self._refusal = {"code": code, "msg": message}

    def answer(self, method, path, request):
        """Carry out one request."""
        body = request.body if isinstance(request.body, str) else (request.body or b"").decode()
        fields = dict(parse_qsl(f"{request.url.partition('?')[2]}&{body}"))
        if path == "/fapi/v2/account":
            return 200, {"totalMarginBalance": "1000", "totalInitialMargin": "100", "availableBalance": "900"}
        if method == "POST":
            if self._refusal is not None:
                refusal, self._refusal = self._refusal, None
                return 400, refusal
            return 200, self._new(fields)
        order = self.orders[int(fields["orderId"])]
        order["status"] = "CANCELED"
        return 200, order

    def _new(self, fields):
        number = next(self._numbers)
        self.orders[number] = {
            "orderId": number,
            "clientOrderId": fields["newClientOrderId"],
            "symbol": fields["symbol"],
            "side": fields["side"],
            "type": fields["type"],
            "origQty": fields["quantity"],
            "executedQty": "0",
            "status": "NEW",
        }
        return self.orders[number]

    def fill(self, order_id, price, profit="0"):
        """Execute an order, and return the message of the user-data stream about it."""
        order = self.orders[order_id]
        order.update(status="FILLED", executedQty=order["origQty"])
        details = {
            "i": order_id,
            "c": order["clientOrderId"],
            "s": order["symbol"],
            "S": order["side"],
            "x": "TRADE",
            "X": "FILLED",
            "z": order["origQty"],
            "l": order["origQty"],
            "L": str(price),
            "t": next(self._trades),
            "n": "0.04",
            "N": "USDT",
            "rp": profit,
        }
        return json.dumps({"e": "ORDER_TRADE_UPDATE", "E": int(time.time() * 1000), "o": details})
