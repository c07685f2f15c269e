"""A loopback server for Kraken's public data: one market, candles and an order book around a price that you set."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

SYMBOL = "BTC/USD"
CANDLES = 720
_PAIR = {
    "altname": "XBTUSD",
    "wsname": "XBT/USD",
    "aclass_base": "currency",
    "base": "XXBT",
    "aclass_quote": "currency",
    "quote": "ZUSD",
    "pair_decimals": 1,
    "lot_decimals": 8,
    "lot_multiplier": 1,
    "leverage_buy": [],
    "leverage_sell": [],
    "fees": [[0, 0.26]],
    "fees_maker": [[0, 0.16]],
    "ordermin": "0.0001",
    "costmin": "0.5",
    "tick_size": "0.1",
    "status": "online",
}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


class KrakenPrices:
    """Answers requests for public data. Set `price` to move the market; `requests` lists the methods asked for."""

    def __init__(self, price=100.0):
        self.price = price
        self.requests = []
        venue = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                url = urlsplit(self.path)
                parameters = {name: values[-1] for name, values in parse_qs(url.query).items()}
                answer = json.dumps({"error": [], "result": venue.answer(url.path.rpartition("/")[2], parameters)})
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer.encode())

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

    def answer(self, method, parameters):
        """Carry out one request."""
        self.requests.append(method)
        return getattr(self, f"_{method.lower()}")(parameters)

    def _time(self, _):
        return {"unixtime": int(time.time())}

    def _assets(self, _):
        names = {"XXBT": "XBT", "ZUSD": "USD"}
        return {key: {"aclass": "currency", "altname": name, "decimals": 8, "display_decimals": 5, "status": "enabled"}
                for key, name in names.items()}  # fmt: skip

    def _assetpairs(self, _):
        return {"XXBTZUSD": _PAIR}

    def _ohlc(self, parameters):
        step = 60 * int(parameters["interval"])
        last = int(time.time()) // step * step
        price = f"{self.price:.1f}"
        rows = [[last - step * age, price, price, price, price, price, "1.0", 1] for age in reversed(range(CANDLES))]
        return {"XXBTZUSD": rows, "last": last}

    def _ticker(self, _):
        bid, ask, last = (f"{price:.1f}" for price in (self.price - 0.1, self.price + 0.1, self.price))
        both = ["1.0", "2.0"]
        return {
            "XXBTZUSD": {"a": [ask, "1", "1.0"], "b": [bid, "1", "1.0"], "c": [last, "1.0"], "v": both,
                         "p": [last, last], "t": [1, 2], "l": [last, last], "h": [last, last], "o": last}
        }  # fmt: skip

    def _depth(self, _):
        now = int(time.time())
        return {
            "XXBTZUSD": {
                "asks": [[f"{self.price + 0.1 * step:.1f}", "1000.0", now] for step in (1, 2, 3)],
                "bids": [[f"{self.price - 0.1 * step:.1f}", "1000.0", now] for step in (1, 2, 3)],
            }
        }
