"""An asyncio bot: quotes from a stream, orders to a broker, fills from another stream. Everything it does is measured.

python examples/async_bot.py --seconds 5     # prints the address of its metrics, trades, and sums up
"""

import argparse
import asyncio
import random
import time
from dataclasses import dataclass
from itertools import count

from summary import print_counters

from tradmetrics import (
    OrderTracker,
    Sampler,
    arg,
    get_metrics,
    result,
    start_metrics_server,
    track_capital,
    track_circuit_breaker,
    track_circuit_breaker_reset,
    track_connection,
    track_errors,
    track_market_data,
    track_risk_check,
    track_trade,
    underlying,
)

orders = OrderTracker(strategy="mean_reversion")


@dataclass
class Quote:
    symbol: str
    price: float
    timestamp: float


# ── a market and a broker, so that there is something to trade with ──────────────────────────────────────────────────


class Market:
    """Prices of two option series, and a broker that fills late, in parts, or not at all."""

    def __init__(self):
        self.prices = {"NIFTY24600CE": 120.0, "NIFTY24600PE": 110.0}
        self.fills = asyncio.Queue()
        self.ids = count(1)

    async def quotes(self):
        while True:
            await asyncio.sleep(0.02)
            symbol = random.choice(list(self.prices))
            self.prices[symbol] *= random.gauss(1, 0.004)
            yield Quote(symbol, self.prices[symbol], time.time() - random.uniform(0, 0.05))

    async def send(self, symbol, side, quantity):
        await asyncio.sleep(random.uniform(0.001, 0.02))
        if random.random() < 0.1:
            raise ValueError("margin too small")
        if random.random() < 0.05:
            raise TimeoutError
        order_id = f"order-{next(self.ids)}"
        self.work = asyncio.ensure_future(self._fill(order_id, quantity, self.prices[symbol]))
        return {"order_id": order_id, "status": "submitted"}

    async def _fill(self, order_id, quantity, price):
        for filled in (quantity // 2, quantity):
            await asyncio.sleep(random.expovariate(20))
            status = "filled" if filled == quantity else "partially_filled"
            await self.fills.put({"order_id": order_id, "status": status, "filled": filled, "price": price})


# ── the bot ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Bot:
    def __init__(self, market):
        self.market = market
        self.cash, self.position, self.entry, self.losses = 100_000.0, 0, 0.0, 0
        self.halted = False
        self.mean = {}

    @track_connection
    async def read_quotes(self):
        async for quote in self.market.quotes():
            await self.on_quote(quote)

    @track_errors(component="strategy")
    @track_market_data(symbol=underlying(arg("quote.symbol")), timestamp=arg("quote.timestamp"))
    async def on_quote(self, quote):
        mean = self.mean.setdefault(quote.symbol, quote.price)
        self.mean[quote.symbol] = 0.98 * mean + 0.02 * quote.price
        if self.halted or not self.may_trade(25):
            return
        if self.position == 0 and quote.price < 0.997 * mean:
            await self.trade(quote, "BUY")
        elif self.position > 0 and quote.price > mean:
            await self.trade(quote, "SELL")

    async def trade(self, quote, side):
        try:
            await self.place(quote.symbol, side, "LIMIT", 50)
        except (ValueError, TimeoutError):
            return  # counted as rejected, and as unknown
        if side == "BUY":
            self.position, self.entry = 50, quote.price
        else:
            self.close(quote.price)

    @orders.submit(order_id=result("order_id"))
    async def place(self, symbol, side, order_type, quantity):
        return await self.market.send(symbol, side, quantity)

    @track_connection
    async def read_fills(self):
        while True:
            self.on_fill(await self.market.fills.get())

    @orders.update(order_id=arg("fill.order_id"), status=arg("fill.status"), filled=arg("fill.filled"))
    def on_fill(self, fill):
        pass  # where a position would be kept

    @track_trade(strategy="mean_reversion", side="SELL", pnl=result())
    def close(self, price):
        pnl = 50 * (price - self.entry)
        self.position, self.cash = 0, self.cash + pnl
        self.losses = self.losses + 1 if pnl < 0 else 0
        if self.losses >= 3:
            self.halt("losses_in_a_row")
        return pnl

    @track_risk_check(limit_type="order_size")
    def may_trade(self, quantity):
        return quantity <= 50

    @track_circuit_breaker
    def halt(self, reason):
        self.halted = True
        asyncio.get_running_loop().call_later(1.0, self.resume)

    @track_circuit_breaker_reset
    def resume(self):
        self.halted, self.losses = False, 0

    @track_capital
    def account(self):
        used = self.position * self.entry
        return {"total": self.cash, "used": used, "available": self.cash - used, "utilization": 100 * used / self.cash}


async def run(seconds):
    bot = Bot(Market())
    sampler = Sampler(interval=0.5)
    sampler.add(bot.account)
    async with sampler:
        quotes, fills = asyncio.ensure_future(bot.read_quotes()), asyncio.ensure_future(bot.read_fills())
        await asyncio.wait([quotes, fills], timeout=seconds)
        quotes.cancel()
        for _ in range(500):  # what has been sent is still on its way
            if not orders.open_orders():
                break
            await asyncio.sleep(0.01)
        fills.cancel()
        await asyncio.gather(quotes, fills, return_exceptions=True)
    return bot


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    with start_metrics_server(options.port) as server:
        print(f"metrics on {server.url} for {options.seconds:g} seconds", flush=True)
        asyncio.run(run(options.seconds))
    print_counters(get_metrics())


if __name__ == "__main__":
    main()
