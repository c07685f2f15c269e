"""Hyperliquid, as far as its SDK needs it: orders, one account, and messages of its stream."""

import itertools
import json

from venues.canned import CannedVenue

META = {"universe": [{"name": "BTC", "szDecimals": 5}]}
SPOT_META = {"universe": [], "tokens": []}


class HyperliquidVenue(CannedVenue):
    """Orders rest; the example fills or refuses them."""

    def __init__(self):
        super().__init__()
        self.orders = {}
        self._numbers, self._fills = itertools.count(101), itertools.count(1)
        self._refusal = None

    def refuse(self, message):
        """Answer the next order with an error."""
        self._refusal = message

    def answer(self, method, path, request):
        """Carry out one request."""
        asked = json.loads(request.body)
        if path == "/info":
            summary = {"accountValue": "1000", "totalMarginUsed": "100"}
            return 200, {"marginSummary": summary, "withdrawable": "900", "assetPositions": []}
        action = asked["action"]
        statuses = ["success"] if "cancels" in action else [self._new(each) for each in action["orders"]]
        return 200, {"status": "ok", "response": {"type": action["type"], "data": {"statuses": statuses}}}

    def _new(self, order):
        if self._refusal is not None:
            refusal, self._refusal = self._refusal, None
            return {"error": refusal}
        number = next(self._numbers)
        self.orders[number] = order
        return {"resting": {"oid": number}}

    def fill(self, order_id, price, profit="0.0"):
        """The messages of the stream about an order that is executed."""
        order = self.orders[order_id]
        side = "B" if order["b"] else "A"
        fill = {
            "coin": "BTC",
            "px": str(price),
            "sz": order["s"],
            "side": side,
            "time": 1,
            "oid": order_id,
            "tid": next(self._fills),
            "closedPnl": profit,
            "fee": "0.01",
            "feeToken": "USDC",
        }
        state = {"coin": "BTC", "side": side, "limitPx": order["p"], "sz": "0.0", "oid": order_id, "origSz": order["s"]}
        updates = [{"order": state, "status": "filled", "statusTimestamp": 1}]
        return (
            json.dumps({"channel": "userFills", "data": {"user": "0x", "fills": [fill]}}),
            json.dumps({"channel": "orderUpdates", "data": updates}),
        )
