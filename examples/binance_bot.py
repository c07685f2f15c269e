"""A Binance futures bot with one line of instrumentation, on python-binance's own client and socket; Binance is played.

pip install tradmetrics[binance]
python examples/binance_bot.py
"""

from binance.client import Client
from binance.exceptions import BinanceAPIException
from binance.ws.reconnecting_websocket import ReconnectingWebsocket
from summary import print_counters
from venues.binance import BinanceVenue

from tradmetrics import get_metrics
from tradmetrics.integrations.binance import instrument_binance


def trade(client, socket, venue):
    """The bot. Nothing in it knows of metrics."""

    def receive(message):  # yours: what the user socket receives
        print(socket._handle_message(message)["o"]["X"])

    bought = client.futures_create_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=2)
    receive(venue.fill(bought["orderId"], 100))
    sold = client.futures_create_order(symbol="BTCUSDT", side="SELL", type="MARKET", quantity=2)
    receive(venue.fill(sold["orderId"], 110, profit="20"))

    waiting = client.futures_limit_buy_order(symbol="BTCUSDT", quantity=1, price=90, timeInForce="GTC")
    client.futures_cancel_order(symbol="BTCUSDT", orderId=waiting["orderId"])

    venue.refuse(-2019, "Margin is insufficient.")
    try:
        client.futures_create_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=1_000)
    except BinanceAPIException as error:
        print(f"refused: {error}")
    client.futures_account()


def main():
    venue = BinanceVenue()
    client = Client("key", "secret", ping=False)
    venue.under(client.session)  # yours: without this line
    socket = ReconnectingWebsocket("wss://example", "user")  # yours: a BinanceSocketManager(client)
    instrument_binance(client, socket, strategy="momentum")
    trade(client, socket, venue)
    print()
    print_counters(get_metrics())


if __name__ == "__main__":
    main()
