"""A loopback server that speaks enough of Polymarket's CLOB API to be the exchange of a `ClobClient`."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

TOKEN = "71321045679252212594626385532706912750332728571942532289631379312455583992563"
_LAST_PAGE = "LTE="


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


class PolymarketVenue:
    """Orders rest until `fill` or a cancel; `FOK` and `FAK` orders match at once. `refuse` refuses the next order."""

    def __init__(self):
        self.orders = {}
        self.trades = []
        self._refusal = None
        venue = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self._answer("GET")

            def do_POST(self):
                self._answer("POST")

            def do_DELETE(self):
                self._answer("DELETE")

            def _answer(self, method):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, content = venue.answer(method, urlsplit(self.path).path, json.loads(body or "null"))
                text = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self):
        """Where the server is."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def refuse(self, error):
        """Refuse the next order."""
        self._refusal = error

    def fill(self, order_id, size):
        """Match so many shares of a resting order, which is then the maker."""
        order = self.orders[order_id]
        order["size_matched"] += size
        if order["size_matched"] >= order["original_size"]:
            order["status"] = "MATCHED"
        shared = {"asset_id": TOKEN, "price": "0.5"}
        maker = {**shared, "order_id": order_id, "matched_amount": str(size), "side": order["side"]}
        taker = {**shared, "id": f"t{len(self.trades)}", "taker_order_id": "0xother", "side": "SELL", "size": str(size)}
        self.trades.append({**taker, "status": "CONFIRMED", "maker_orders": [maker]})

    def answer(self, method, path, body):
        """Carry out one request; returns the status and the content."""
        if (method, path) == ("POST", "/order"):
            return self._post(body)
        if (method, path) == ("DELETE", "/order"):
            self.orders[body["orderID"]]["status"] = "CANCELED"
            return 200, {"canceled": [body["orderID"]], "not_canceled": {}}
        if path.startswith("/data/order/"):
            return 200, self.orders[path.rpartition("/")[2]]
        if path == "/data/trades":
            return 200, {"data": self.trades, "next_cursor": _LAST_PAGE}
        if path == "/balance-allowance":
            return 200, {"balance": "25000000", "allowances": {}}
        if path == "/midpoint":
            return 200, {"mid": "0.5"}
        return 404, {"error": f"no answer for {method} {path}"}

    def _post(self, body):
        if self._refusal is not None:
            error, self._refusal = self._refusal, None
            return 200, {"success": False, "errorMsg": error, "orderID": ""}
        order, kind = body["order"], body["orderType"]
        order_id, is_buy = f"0x{len(self.orders) + 1}", order["side"] == "BUY"
        shares = int(order["takerAmount" if is_buy else "makerAmount"]) / 1e6
        is_now = kind in ("FOK", "FAK")
        self.orders[order_id] = {"id": order_id, "status": "MATCHED" if is_now else "LIVE", "side": order["side"],
                                 "original_size": shares, "size_matched": shares if is_now else 0.0}  # fmt: skip
        answer = {"success": True, "errorMsg": "", "orderID": order_id, "status": "matched" if is_now else "live"}
        if is_now:
            amounts = {"takingAmount": str(int(order["takerAmount"]) / 1e6),
                       "makingAmount": str(int(order["makerAmount"]) / 1e6)}  # fmt: skip
            return 200, answer | amounts
        return 200, answer
