"""A Polymarket bot with one line of instrumentation, on py-clob-client's own client; the exchange is played here.

pip install tradmetrics[polymarket]
python examples/polymarket_bot.py
"""

from py_clob_client.client import ClobClient
from py_clob_client.clob_types import (
    ApiCreds,
    AssetType,
    BalanceAllowanceParams,
    CreateOrderOptions,
    OrderArgs,
    OrderType,
)
from summary import print_counters
from venues.polymarket import TOKEN, PolymarketVenue

from tradmetrics import get_metrics
from tradmetrics.integrations.polymarket import instrument_polymarket

NAMES = {TOKEN: "rain-yes"}


def trade(client, venue):
    """The bot. Nothing in it knows of metrics."""

    def signed(side, size):  # yours: client.create_order(…), which asks the exchange for the two options
        options = CreateOrderOptions(tick_size="0.01", neg_risk=False)
        return client.builder.create_order(OrderArgs(token_id=TOKEN, price=0.5, size=size, side=side), options)

    client.get_balance_allowance(BalanceAllowanceParams(asset_type=AssetType.COLLATERAL))
    client.get_midpoint(TOKEN)
    bought = client.post_order(signed("BUY", 10))["orderID"]
    for part in (4.0, 6.0):
        venue.fill(bought, part)
        client.get_order(bought)
    client.get_trades()

    client.post_order(signed("SELL", 5), OrderType.FOK)
    resting = client.post_order(signed("SELL", 5))["orderID"]
    client.cancel(resting)

    venue.refuse("not enough balance / allowance")
    print(f"refused: {client.post_order(signed('BUY', 1_000))['errorMsg']}\n")


def main():
    with PolymarketVenue() as venue:
        key, creds = "0x" + "1" * 64, ApiCreds("key", "c2VjcmV0", "passphrase")
        client = ClobClient(venue.url, key=key, chain_id=137, creds=creds)  # yours: https://clob.polymarket.com
        instrument_polymarket(client, strategy="weather", symbols=lambda token: NAMES.get(token, "other"))
        trade(client, venue)
    print_counters(get_metrics())


if __name__ == "__main__":
    main()
