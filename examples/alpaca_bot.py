"""An Alpaca bot with one line of instrumentation, on alpaca-py's own client and stream; the broker is played here.

pip install tradmetrics[alpaca]
python examples/alpaca_bot.py
"""

import asyncio

from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, TimeInForce
from alpaca.trading.requests import LimitOrderRequest, MarketOrderRequest
from alpaca.trading.stream import TradingStream
from summary import print_counters
from venues.alpaca import AlpacaVenue, stream_messages

from tradmetrics import get_metrics
from tradmetrics.integrations.alpaca import instrument_alpaca

DAY = TimeInForce.DAY
told = []


async def on_trade_update(update):
    told.append(update)
    print(f"{update.event}: {update.order.filled_qty} of {update.order.qty}")


def trade(client, stream, venue):
    """The bot. Nothing in it knows of metrics."""
    stream.subscribe_trade_updates(on_trade_update)
    bought = client.submit_order(
        LimitOrderRequest(symbol="AAPL", qty=10, side=OrderSide.BUY, time_in_force=DAY, limit_price=190.0)
    )
    sold = client.submit_order(MarketOrderRequest(symbol="MSFT", qty=5, side=OrderSide.SELL, time_in_force=DAY))
    client.cancel_order_by_id(sold.id)
    venue.refuse(403)
    try:
        client.submit_order(MarketOrderRequest(symbol="TSLA", qty=1_000, side=OrderSide.BUY, time_in_force=DAY))
    except APIError as error:
        print(f"refused: {error.message}")
    messages = [
        venue.event(bought.id, "new"),
        venue.event(bought.id, "partial_fill", status="partially_filled", quantity=4, price=189.9),
        venue.event(bought.id, "fill", status="filled", quantity=6, price=190.0),
        venue.event(sold.id, "canceled"),
    ]
    asyncio.run(stream_messages(stream, messages, told))  # yours: stream.run()


def main():
    with AlpacaVenue() as venue:
        client = TradingClient("key", "secret", url_override=venue.url)  # yours: without url_override
        stream = TradingStream("key", "secret")
        instrument_alpaca(client, stream, strategy="momentum")
        trade(client, stream, venue)
    print()
    print_counters(get_metrics())


if __name__ == "__main__":
    main()
