"""A ccxt bot with one line of instrumentation, on ccxt's own Kraken client; the exchange is played here.

pip install tradmetrics[ccxt]
python examples/ccxt_bot.py
"""

import ccxt
from summary import print_counters
from venues.kraken import SYMBOL, KrakenVenue, markets

from tradmetrics import get_metrics
from tradmetrics.integrations.ccxt import instrument_ccxt


def trade(exchange, venue):
    """The bot. Nothing in it knows of metrics."""
    order = exchange.create_order(SYMBOL, "limit", "buy", 2, 100)
    venue.fill(order["id"], 2)
    exchange.fetch_order(order["id"])

    order = exchange.create_order(SYMBOL, "limit", "sell", 1, 110)
    exchange.edit_order(order["id"], SYMBOL, "limit", "sell", 1, 109)
    exchange.cancel_order(order["id"])

    venue.refuse("EOrder:Insufficient funds")
    try:
        exchange.create_market_buy_order(SYMBOL, 1_000)
    except ccxt.InsufficientFunds as error:
        print(f"refused: {error}\n")


def main():
    with KrakenVenue() as venue:
        exchange = ccxt.kraken(venue.settings)  # yours: ccxt.kraken({"apiKey": …, "secret": …})
        exchange.set_markets(markets(exchange))
        instrument_ccxt(exchange, strategy="momentum")
        trade(exchange, venue)
    print_counters(get_metrics())


if __name__ == "__main__":
    main()
