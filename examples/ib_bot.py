"""An Interactive Brokers bot with one line of instrumentation, on ib_async's own IB object; TWS's messages are played.

pip install tradmetrics[ib]
python examples/ib_bot.py
"""

import asyncio
import logging

from ib_async import LimitOrder, MarketOrder, Stock
from summary import print_counters
from venues.tws import Tws

from tradmetrics import get_metrics
from tradmetrics.integrations.ib import instrument_ib

INFY = Stock("INFY", "SMART", "USD")


def trade(ib, tws):
    """The bot. Nothing in it knows of metrics."""
    bought = ib.placeOrder(INFY, LimitOrder("BUY", 100, 18.5, orderRef="momentum"))
    tws.status(bought, "Submitted")
    tws.execute(bought, 40)
    tws.execute(bought, 60)
    tws.status(bought, "Filled", 100)

    sold = ib.placeOrder(INFY, MarketOrder("SELL", 100, orderRef="momentum"))
    tws.execute(sold, 100, profit=132.5)
    tws.status(sold, "Filled", 100)

    resting = ib.placeOrder(INFY, LimitOrder("BUY", 100, 17.0, orderRef="dip_buyer"))
    tws.status(resting, "Submitted")
    ib.cancelOrder(resting.order)
    tws.status(resting, "Cancelled")

    refused = ib.placeOrder(INFY, LimitOrder("BUY", 100_000, 18.5, orderRef="dip_buyer"))
    tws.error(refused, 201)
    print(f"ib_async calls the refused order {refused.orderStatus.status}\n")


def main():
    asyncio.set_event_loop(asyncio.new_event_loop())
    logging.getLogger("ib_async").setLevel(logging.CRITICAL)  # it logs each refused order with all that it knows of it
    tws = Tws()  # yours: ib = IB(); ib.connect(…)
    instrument_ib(tws.ib, strategy=lambda trade: trade.order.orderRef)
    trade(tws.ib, tws)
    print_counters(get_metrics())


if __name__ == "__main__":
    main()
