"""A synchronous bot on a REST API, with requests and dicts. The broker answers at once.

pip install requests
python examples/requests_bot.py     # trades against a server on the loopback interface, and sums up
"""

import requests
from summary import print_counters
from venues.paper import PaperVenue

from tradmetrics import arg, get_metrics, track_order, track_request, track_trade


class Broker:
    """The three calls of the API that the bot needs."""

    def __init__(self, url):
        self.url = url
        self.session = requests.Session()

    # An order id in the path becomes {id}, so /orders/1004 and /orders/1005 are one endpoint.
    @track_request(endpoint=arg("path"), method=arg("method"))
    def call(self, method, path, payload=None):
        answer = self.session.request(method, self.url + path, json=payload, timeout=5)
        answer.raise_for_status()
        return answer

    # `strategy`, `side` and `type` are keys of the order; `status` and `reason` are keys of the answer.
    @track_order
    def place(self, order):
        return self.call("POST", "/orders", order).json()

    def state(self, order_id):
        return self.call("GET", f"/orders/{order_id}").json()


class Bot:
    def __init__(self, broker):
        self.broker = broker
        self.entries = {}

    def order(self, symbol, side, quantity):
        order = {"strategy": "breakout", "symbol": symbol, "side": side, "type": "market", "quantity": quantity}
        return self.broker.place(order)

    def open(self, symbol, quantity):
        answer = self.order(symbol, "buy", quantity)
        if answer["status"] == "filled":
            self.entries[symbol] = self.broker.state(answer["id"])
        return answer

    # The returned dict has the key `realized_pnl`, so it needs no pnl= here.
    @track_trade(strategy="breakout", side="SELL")
    def close(self, symbol):
        entry = self.entries.pop(symbol)
        answer = self.order(symbol, "sell", entry["quantity"])
        pnl = (answer["price"] - entry["price"]) * entry["quantity"]
        return {"symbol": symbol, "realized_pnl": pnl}


def trade(bot, venue):
    """Win 50, lose 30, have one order refused, and never learn what became of another."""
    bot.open("ACME", 10)
    venue.prices["ACME"] = 105.0
    bot.close("ACME")

    bot.open("INIT", 10)
    venue.prices["INIT"] = 47.0
    bot.close("INIT")

    bot.open("ACME", 1_000)

    venue.is_down = True
    try:
        bot.open("ACME", 1)
    except requests.HTTPError as error:
        print(f"the order may be live: {error.response.status_code}")


def main():
    with PaperVenue({"ACME": 100.0, "INIT": 50.0}, cash=10_000.0) as venue:
        broker = Broker(venue.url)
        trade(Bot(broker), venue)
        broker.session.close()
    print_counters(get_metrics())


if __name__ == "__main__":
    main()
