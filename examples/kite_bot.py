"""A Zerodha Kite bot with one line of instrumentation, on kiteconnect's own client and ticker; Kite is played here.

pip install tradmetrics[kite]
python examples/kite_bot.py
"""

from kiteconnect import KiteConnect, KiteTicker
from kiteconnect.exceptions import KiteException
from summary import print_counters
from venues.kite import KiteVenue

from tradmetrics import get_metrics
from tradmetrics.integrations.kite import instrument_kite


def on_order_update(ticker, order):
    print(f"{order['tradingsymbol']}: {order['status']}, {order['filled_quantity']} of {order['quantity']}")


def trade(kite, ticker, venue):
    """The bot. Nothing in it knows of metrics."""

    def place(side, quantity):
        return kite.place_order(kite.VARIETY_REGULAR, "NSE", "INFY", side, quantity, "MIS", "LIMIT", price=1_500)

    def postback(order_id):  # yours: what the ticker's socket receives
        ticker._on_message(None, venue.postback(order_id).encode(), False)

    ticker.on_order_update = on_order_update
    bought = place("BUY", 10)
    postback(bought)
    venue.fill(bought, 4)
    postback(bought)
    venue.fill(bought, 6)
    postback(bought)
    sold = place("SELL", 10)
    kite.cancel_order(kite.VARIETY_REGULAR, sold)
    postback(sold)
    refused = place("BUY", 100_000)
    venue.end(refused, "REJECTED", "RMS:Margin Exceeds, Required:1234.56, Available:12.34")
    postback(refused)
    venue.refuse(400, "InputException")
    try:
        place("BUY", 0)
    except KiteException as error:
        print(f"refused: {type(error).__name__}")
    kite.trades()


def main():
    with KiteVenue() as venue:
        kite = KiteConnect(api_key="key", access_token="token", root=venue.url)  # yours: without root
        ticker = KiteTicker("key", "token")
        instrument_kite(kite, ticker, strategy="momentum")
        trade(kite, ticker, venue)
    print()
    print_counters(get_metrics())


if __name__ == "__main__":
    main()
