"""A loopback server that speaks enough of Kraken's REST API to be the exchange that ccxt trades on, with a ledger."""

import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

SYMBOL = "BTC/USD"


def markets(exchange):
    """The one market of the venue, in ccxt's unified structure."""
    return [
        exchange.safe_market_structure(
            {
                "id": "XXBTZUSD",
                "altname": "XBTUSD",
                "symbol": SYMBOL,
                "base": "BTC",
                "quote": "USD",
                "baseId": "XXBT",
                "quoteId": "ZUSD",
                "type": "spot",
                "spot": True,
                "active": True,
                "precision": {"amount": 1e-8, "price": 0.1},
                "limits": {"amount": {"min": 0.0001}},
            }
        )
    ]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_):
        """Clients hang up on purpose here: that is how they time out."""


class KrakenVenue:
    """Orders are accepted and rest; the test fills, cancels or refuses them. `requests` lists every HTTP request."""

    def __init__(self):
        self.orders = {}
        self.trades = {}
        self.requests = []
        self._errors = deque()
        self._hanging = deque()
        self._released = threading.Event()
        venue = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                parameters = {name: values[-1] for name, values in parse_qs(body).items()}
                answer = json.dumps(venue.answer(self.path.rpartition("/")[2], parameters)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def settings(self):
        """What to construct a ccxt exchange with."""
        url = f"http://127.0.0.1:{self._server.server_port}"
        return {
            "apiKey": "key",
            "secret": "c2VjcmV0",
            "timeout": 1_000,
            "enableRateLimit": False,
            "urls": {"api": {"public": url, "private": url}},
        }

    def refuse(self, error):
        """Answer the next request with an error."""
        self._errors.append(error)

    def hang(self, *, takes_order=True):
        """Leave the next request without an answer until the client gives up; the order is live all the same."""
        self._hanging.append(takes_order)

    def fill(self, order_id, volume):
        """Execute `volume` more of an order."""
        order = self.orders[order_id]
        order["vol_exec"] = str(float(order["vol_exec"]) + float(volume))
        self.trades[f"T{len(self.trades):05d}-CCCCC-DDDDDD"] = {
            "ordertxid": order_id,
            "pair": "XXBTZUSD",
            "time": 1_700_000_000 + len(self.trades),
            "type": order["descr"]["type"],
            "ordertype": order["descr"]["ordertype"],
            "price": order["price"],
            "vol": str(volume),
        }
        if float(order["vol_exec"]) >= float(order["vol"]):
            order["status"] = "closed"

    def end(self, order_id, status):
        """Have the venue end an order by itself."""
        self.orders[order_id]["status"] = status

    def answer(self, method, parameters):
        """Carry out one request."""
        self.requests.append(method)
        if self._errors:
            return {"error": [self._errors.popleft()]}
        hangs = bool(self._hanging)
        if hangs and not self._hanging.popleft():
            self._released.wait(5)
            return {"error": ["EService:Unavailable"]}
        result = getattr(self, f"_{method.lower()}")(parameters)
        if hangs:
            self._released.wait(5)
        return {"error": [], "result": result}

    def _addorder(self, parameters):
        order_id = f"O{len(self.orders):05d}-AAAAA-BBBBBB"
        description = {name: parameters.get(name, "") for name in ("pair", "type", "ordertype", "price")}
        self.orders[order_id] = {
            "status": "open",
            "descr": description,
            "vol": parameters["volume"],
            "vol_exec": "0",
            "price": "100.0",
            "cl_ord_id": parameters.get("cl_ord_id"),
        }
        kind = f"{description['ordertype']} {description['price']}"
        said = f"{description['type']} {parameters['volume']} XBTUSD @ {kind}"
        return {"descr": {"order": said.strip()}, "txid": [order_id]}

    def _amendorder(self, parameters):
        self.orders[parameters["txid"]]["vol"] = parameters["order_qty"]
        return {"amend_id": "TAMEND-AAAAA-BBBBBB"}

    def _cancelorder(self, parameters):
        self.orders[parameters["txid"]]["status"] = "canceled"
        return {"count": 1}

    def _cancelall(self, _):
        live = [order for order in self.orders.values() if order["status"] == "open"]
        for order in live:
            order["status"] = "canceled"
        return {"count": len(live)}

    def _queryorders(self, parameters):
        return {order_id: self.orders[order_id] for order_id in parameters["txid"].split(",")}

    def _openorders(self, _):
        return {"open": {key: order for key, order in self.orders.items() if order["status"] == "open"}}

    def _closedorders(self, _):
        return {"closed": {key: order for key, order in self.orders.items() if order["status"] != "open"}, "count": 1}

    def _tradeshistory(self, _):
        return {"trades": self.trades, "count": len(self.trades)}
