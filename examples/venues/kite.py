"""A loopback server that speaks enough of Kite Connect to be the broker of kiteconnect, with a ledger."""

import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs


class KiteVenue:
    """Orders are accepted and rest; the test fills, ends or refuses them. `requests` lists every HTTP request."""

    def __init__(self):
        self.orders = {}
        self.trades = []
        self.requests = []
        self._answers = deque()
        venue = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                fields = {name: values[-1] for name, values in parse_qs(body).items()}
                status, answer = venue.answer(self.command, self.path.partition("?")[0], fields)
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
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
        """Where the client sends its requests."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def refuse(self, status, kind):
        """Answer the next request with an error of one of Kite's kinds."""
        self._answers.append((status, {"status": "error", "error_type": kind, "message": "need 1,234.56 more"}))

    def reply(self, data):
        """Answer the next request with this."""
        self._answers.append((200, {"status": "success", "data": data}))

    def answer(self, method, path, fields):
        """Carry out one request."""
        self.requests.append((method, path))
        if self._answers:
            return self._answers.popleft()
        return 200, {"status": "success", "data": self._data(method, path.strip("/").split("/"), fields)}

    def _data(self, method, path, fields):
        if method == "POST":
            return {"order_id": self._new(fields)}
        if method == "PUT":
            self.orders[path[2]]["quantity"] = int(fields["quantity"])
            return {"order_id": path[2]}
        if method == "DELETE":
            self.end(path[2], "CANCELLED")
            return {"order_id": path[2]}
        if path == ["trades"]:
            return self.trades
        if path == ["orders"]:
            return list(self.orders.values())
        return [self.orders[path[1]]]

    def _new(self, fields):
        order_id = f"24112400000{len(self.orders):04d}"
        self.orders[order_id] = {
            "order_id": order_id,
            "status": "OPEN",
            "status_message": None,
            "quantity": int(fields["quantity"]),
            "filled_quantity": 0,
            "average_price": 0,
            "transaction_type": fields["transaction_type"],
            "order_type": fields["order_type"],
            "tradingsymbol": fields["tradingsymbol"],
            "order_timestamp": "2024-11-24 10:00:00",
        }
        return order_id

    def fill(self, order_id, quantity):
        """Execute `quantity` more of an order."""
        order = self.orders[order_id]
        order["filled_quantity"] += quantity
        order["average_price"] = 1_500.0
        if order["filled_quantity"] >= order["quantity"]:
            order["status"] = "COMPLETE"
        trade = {
            "trade_id": str(len(self.trades)),
            "order_id": order_id,
            "quantity": quantity,
            "average_price": 1_500.0,
        }
        self.trades.append(trade | {"transaction_type": order["transaction_type"]})

    def end(self, order_id, status, message=None):
        """Have the broker end an order."""
        self.orders[order_id].update(status=status, status_message=message)

    def postback(self, order_id, **changes):
        """The ticker's message about an order as it is now."""
        return json.dumps({"type": "order", "data": self.orders[order_id] | changes})
