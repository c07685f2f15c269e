"""A Hyperliquid bot with one line of instrumentation, on the SDK's own client and stream; the exchange is played here.

pip install tradmetrics[hyperliquid]
python examples/hyperliquid_bot.py
"""

import eth_account
from hyperliquid.exchange import Exchange
from hyperliquid.websocket_manager import ActiveSubscription, WebsocketManager
from summary import print_counters
from venues.hyperliquid import META, SPOT_META, HyperliquidVenue

from tradmetrics import get_metrics
from tradmetrics.integrations.hyperliquid import instrument_hyperliquid

LIMIT = {"limit": {"tif": "Gtc"}}


def trade(exchange, venue):
    """The bot. Nothing in it knows of metrics."""
    stream = exchange.info.ws_manager
    for channel in ("orderUpdates", "userFills:0x"):  # yours: exchange.info.subscribe({"type": channel, …}, callback)
        stream.active_subscriptions[channel].append(ActiveSubscription(lambda message: print(message["channel"]), 1))

    def order(is_buy, size, price):
        answer = exchange.order("BTC", is_buy, size, price, LIMIT)["response"]["data"]["statuses"][0]
        return answer["resting"]["oid"] if "resting" in answer else print(f"refused: {answer['error']}")

    def receive(*messages):  # yours: what the stream's socket receives
        for message in messages:
            stream.ws.on_message(stream.ws, message)

    receive(*venue.fill(order(True, 2, 100), 100))
    receive(*venue.fill(order(False, 2, 110), 110, profit="20.0"))
    exchange.cancel("BTC", order(True, 1, 90))
    venue.refuse("Insufficient margin to place order. asset=0")
    order(True, 1_000, 100)
    exchange.info.user_state(exchange.wallet.address)


def main():
    venue = HyperliquidVenue()
    wallet = eth_account.Account.from_key("0x" + "1" * 64)  # yours: your own key
    exchange = Exchange(wallet, meta=META, spot_meta=SPOT_META)  # yours: Exchange(wallet)
    for client in (exchange, exchange.info):
        venue.under(client.session)  # yours: without these two lines
    exchange.info.ws_manager = WebsocketManager("https://example")  # yours: exchange.info = Info()
    instrument_hyperliquid(exchange, strategy="momentum")
    trade(exchange, venue)
    print()
    print_counters(get_metrics())


if __name__ == "__main__":
    main()
