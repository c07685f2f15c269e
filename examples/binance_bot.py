"""A Binance futures bot with one line of instrumentation, on python-binance's own client; the exchange is played here.

pip install tradmetrics[binance]
python examples/binance_bot.py
"""

import itertools
import json

from binance.client import Client
from binance.exceptions import BinanceAPIException
from binance.ws.reconnecting_websocket import ReconnectingWebsocket
from summary import print_counters
from venues.binance import BinanceVenue

from tradmetrics import get_metrics
from tradmetrics.integrations.binance import instrument_binance

NUMBERS = itertools.count(1)


def trade(client, venue, receive):
    """The bot. Nothing in it knows of metrics."""
    bought = client.futures_create_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=2)
    receive(fill(bought, "BUY", "0"))
    sold = client.futures_create_order(symbol="BTCUSDT", side="SELL", type="MARKET", quantity=2)
    receive(fill(sold, "SELL", "25.0"))
    client.futures_create_order(symbol="BTCUSDT", side="BUY", type="LIMIT", quantity=2, price=90, timeInForce="GTC")
    client.futures_cancel_all_open_orders(symbol="BTCUSDT")
    venue.refuse = {"code": -2019, "msg": "Margin is insufficient."}
    try:
        client.futures_create_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=200)
    except BinanceAPIException as error:
        print(f"refused: {error}\n")


def fill(order, side, profit):
    """The message of the user stream about a fill."""
    details = {"s": "BTCUSDT", "i": order["orderId"], "c": order["clientOrderId"], "S": side, "x": "TRADE",
               "X": "FILLED", "z": "2", "l": "2", "L": "100", "t": next(NUMBERS), "n": "0.08", "N": "USDT",
               "rp": profit}  # fmt: skip
    return {"e": "ORDER_TRADE_UPDATE", "E": 1, "T": 1, "o": details}


def main():
    venue = BinanceVenue()
    client = Client("key", "secret", ping=False)  # yours, with your keys
    venue.under(client.session)
    socket = ReconnectingWebsocket("wss://x", "user")
    instrument_binance(client, socket, strategy="momentum")
    trade(client, venue, lambda message: socket._handle_message(json.dumps(message)))
    print_counters(get_metrics())


if __name__ == "__main__":
    main()
