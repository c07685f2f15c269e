"""A loopback server that plays a broker with a small REST API: orders are filled, refused, or answered by a 503."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count


class PaperVenue:
    """POST /orders takes an order and fills it at `prices`; GET /orders/<id> tells its state."""

    def __init__(self, prices, cash):
        self.prices = prices
        self.cash = cash
        self.is_down = False
        self.orders = {}
        self._ids = count(1004)
        venue = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, answer = venue.answer(self.command, self.path, json.loads(body or "{}"))
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = _answer  # noqa: N815

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, method, path, order):
        """Answer one request with a status code and a body."""
        if self.is_down:
            return 503, {"message": "try again later"}
        if method == "GET":
            return 200, self.orders[path.rpartition("/")[2]]
        price, quantity = self.prices[order["symbol"]], order["quantity"]
        sign = 1 if order["side"] == "buy" else -1
        if sign * price * quantity > self.cash:
            return 200, {"id": str(next(self._ids)), "status": "rejected", "reason": "insufficient funds"}
        self.cash -= sign * price * quantity
        answer = {**order, "id": str(next(self._ids)), "status": "filled", "price": price}
        self.orders[answer["id"]] = answer
        return 200, answer

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
