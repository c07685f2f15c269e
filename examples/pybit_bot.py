"""A Bybit bot with one line of instrumentation, on pybit's own client and stream; Bybit is played here.

pip install tradmetrics[pybit]
python examples/pybit_bot.py
"""

from unittest.mock import patch

from pybit.exceptions import InvalidRequestError
from pybit.unified_trading import HTTP, WebSocket
from summary import print_counters
from venues.bybit import BybitVenue

from tradmetrics import get_metrics
from tradmetrics.integrations.pybit import instrument_pybit


def trade(http, stream, venue):
    """The bot. Nothing in it knows of metrics."""
    stream.order_stream(lambda message: print(f"{message['data'][0]['orderId']}: {message['data'][0]['orderStatus']}"))
    stream.execution_stream(lambda message: None)

    def place(side, **details):
        order = {"category": "linear", "symbol": "BTCUSDT", "orderType": "Market", "qty": "2", **details}
        return http.place_order(side=side, **order)["result"]["orderId"]

    def receive(*messages):  # yours: what the stream's socket receives
        for message in messages:
            stream._on_message(message)

    receive(*venue.fill(place("Buy"), 100))
    receive(*venue.fill(place("Sell"), 110, profit="20", closed="2"))
    waiting = place("Buy", orderType="Limit", price="90")
    http.cancel_order(category="linear", symbol="BTCUSDT", orderId=waiting)
    receive(venue.cancelled(waiting))

    venue.refuse(110007, "ab not enough for new order")
    try:
        place("Buy", qty="1000")
    except InvalidRequestError as error:
        print(f"refused: {error.message}")
    http.get_wallet_balance(accountType="UNIFIED")


def main():
    venue = BybitVenue()
    http = HTTP(api_key="key", api_secret="secret")
    venue.under(http.client)  # yours: without this line
    with patch.object(WebSocket, "_connect"), patch.object(WebSocket, "subscribe", _subscribe):  # yours: without these
        stream = WebSocket(channel_type="private", testnet=True, api_key="key", api_secret="secret")
        instrument_pybit(http, stream, strategy="momentum")
        trade(http, stream, venue)
    print()
    print_counters(get_metrics())


def _subscribe(stream, topic, callback, symbol=None):
    """Subscribe without a connection to Bybit."""
    stream.callback_directory[topic] = callback


if __name__ == "__main__":
    main()
