"""Binance's futures, played beneath the session of python-binance's client."""

import io
import itertools
import json

import requests


class BinanceVenue(requests.adapters.BaseAdapter):
    """Takes every order, until there is something to refuse it with in `refuse`."""

    def __init__(self):
        super().__init__()
        self.refuse = None
        self._numbers = itertools.count(1)

    def under(self, session):
        """Take the place of the network beneath a session."""
        session.mount("https://", self)

    def send(self, request, **_):
        """Answer a request."""
        status, content = 200, {"code": 200, "msg": "done"}
        if request.method == "POST" and self.refuse is not None:
            status, content = 400, self.refuse
        elif request.method == "POST":
            number = next(self._numbers)
            content = {"symbol": "BTCUSDT", "orderId": number, "clientOrderId": f"x{number}", "status": "NEW"}
        response = requests.Response()
        response.status_code, response.request, response.url = status, request, request.url
        response.raw = io.BytesIO(json.dumps(content).encode())
        return response

    def close(self):
        """Nothing is open."""
