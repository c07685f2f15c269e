"""An asyncio bot with pydantic models: the broker takes an order at once, and its fill comes in a callback.

pip install pydantic
python examples/pydantic_bot.py     # trades against a broker of its own, and sums up
"""

import asyncio
from decimal import Decimal
from enum import Enum
from itertools import count

from pydantic import BaseModel
from summary import print_counters

from tradmetrics import OrderTracker, arg, get_metrics, result, track_trade


class Side(Enum):
    BUY = "buy"
    SELL = "sell"


class Order(BaseModel):
    symbol: str
    side: Side
    order_type: str = "limit"
    quantity: Decimal
    price: Decimal


class Ack(BaseModel):
    order_id: str
    status: str


class OrderUpdate(BaseModel):
    order_id: str
    status: str
    filled: Decimal
    reason: str | None = None


class ClosedTrade(BaseModel):
    strategy: str
    side: Side
    pnl: Decimal


# ── a broker, so that there is something to trade with ───────────────────────────────────────────────────────────────


class Broker:
    """Takes every order, and then sends its updates: a part, the same part again, and the rest; or a reject."""

    def __init__(self):
        self.updates = asyncio.Queue()
        self.ids = count(1)

    async def send(self, order):
        order_id = f"P-{next(self.ids)}"
        for update in self.outcome(order_id, order):
            self.updates.put_nowait(update)
        return Ack(order_id=order_id, status="submitted")

    def outcome(self, order_id, order):
        if order.quantity > 100:
            yield OrderUpdate(order_id=order_id, status="rejected", filled=0, reason="order too large")
            return
        half = order.quantity / 2
        for status, filled in (("partially_filled", half), ("partially_filled", half), ("filled", order.quantity)):
            yield OrderUpdate(order_id=order_id, status=status, filled=filled)


# ── the bot ──────────────────────────────────────────────────────────────────────────────────────────────────────────

orders = OrderTracker(strategy="pairs")


class Bot:
    def __init__(self, broker):
        self.broker = broker
        self.done = {}

    @orders.submit(
        order_id=result("order_id"),
        side=arg("order.side"),
        order_type=arg("order.order_type"),
        quantity=arg("order.quantity"),
    )
    async def submit(self, order: Order) -> Ack:
        ack = await self.broker.send(order)
        self.done[ack.order_id] = asyncio.get_running_loop().create_future()
        return ack

    @orders.update(
        order_id=arg("update.order_id"),
        status=arg("update.status"),
        filled=arg("update.filled"),
        reason=arg("update.reason"),
    )
    async def on_update(self, update: OrderUpdate) -> None:
        if update.status in ("filled", "rejected"):
            self.done[update.order_id].set_result(update)

    # `strategy`, `side` and `pnl` are fields of the parameter `trade`.
    @track_trade
    def book(self, trade: ClosedTrade) -> None:
        print(f"{trade.side.value} closed: {trade.pnl:+}")

    async def fill(self, symbol, side, quantity, price):
        ack = await self.submit(Order(symbol=symbol, side=side, quantity=quantity, price=price))
        return await self.done[ack.order_id]

    async def round_trip(self, symbol, quantity, entry, exit):
        """Buy at one price, sell at another, and book the difference."""
        if (await self.fill(symbol, Side.BUY, quantity, entry)).status == "filled":
            await self.fill(symbol, Side.SELL, quantity, exit)
            pnl = (Decimal(str(exit)) - Decimal(str(entry))) * quantity
            self.book(ClosedTrade(strategy="pairs", side=Side.SELL, pnl=pnl))

    async def listen(self):
        while True:
            await self.on_update(await self.broker.updates.get())


async def run():
    bot = Bot(Broker())
    listening = asyncio.create_task(bot.listen())
    await bot.round_trip("ACME", 10, 100.0, 104.5)
    await bot.round_trip("INIT", 20, 50.0, 49.5)
    await bot.round_trip("ACME", 500, 100.0, 101.0)  # the broker rejects this one
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


def main():
    asyncio.run(run())
    print_counters(get_metrics())


if __name__ == "__main__":
    main()
