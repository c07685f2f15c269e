"""A FastAPI trading service: orders by HTTP, fills by webhook, the account every second.

It has the parts of the guide (a router, an update loop, recorded events), with decorators where things happen.

pip install 'tradmetrics[fastapi]' uvicorn
python examples/fastapi_bot.py             # sends itself a few requests, and prints its metrics
python examples/fastapi_bot.py --serve     # keeps http://127.0.0.1:8000/metrics up
"""

import argparse
import asyncio
import json
import threading
import time
from contextlib import asynccontextmanager, suppress
from itertools import count
from urllib.request import Request, urlopen

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from tradmetrics import OrderTracker, arg, metrics_exporter, result, track_trade
from tradmetrics.asgi import MetricsMiddleware
from tradmetrics.fastapi import metrics_router

orders = OrderTracker(strategy="manual")


class NewOrder(BaseModel):
    side: str
    order_type: str = "limit"
    quantity: int


class Fill(BaseModel):
    status: str
    filled: int


class Account:
    """The money that the service counts."""

    def __init__(self):
        self.ids = count(1)
        self.cash = 10_000.0
        self.realized = 0.0

    def book(self, pnl):
        self.realized += pnl
        self.cash += pnl


account = Account()


def update_metrics():
    """Report the account, as the guide's loop does."""
    metrics_exporter.update_pnl_metrics(
        daily=account.realized,
        daily_pct=100 * account.realized / 10_000.0,
        realized=account.realized,
    )
    metrics_exporter.update_capital_metrics(
        total=account.cash,
        used=0.0,
        available=account.cash,
        utilization=0.0,
    )


async def update_metrics_loop():
    while True:
        update_metrics()
        await asyncio.sleep(1)


@asynccontextmanager
async def lifespan(_):
    loop = asyncio.create_task(update_metrics_loop())
    yield
    loop.cancel()
    with suppress(asyncio.CancelledError):
        await loop


app = FastAPI(lifespan=lifespan)
app.include_router(metrics_router)
app.add_middleware(MetricsMiddleware)


# The decorators stand below the route's: the framework must register the decorated function.
@app.post("/orders")
@orders.submit(
    order_id=result("order_id"),
    side=arg("order.side"),
    order_type=arg("order.order_type"),
    quantity=arg("order.quantity"),
)
async def place(order: NewOrder):
    return {"order_id": f"F-{next(account.ids)}", "status": "accepted"}  # where you call your broker


@app.post("/orders/{order_id}/fills")
@orders.update(order_id=arg("order_id"), status=arg("fill.status"), filled=arg("fill.filled"))
async def on_fill(order_id: str, fill: Fill):
    return {"ok": True}


@app.post("/positions/close")
@track_trade(strategy="manual", side="SELL")  # pnl: found in the answer
async def close(pnl: float):
    account.book(pnl)
    update_metrics()
    return {"pnl": pnl}


# ── a client, so that there is something to count ────────────────────────────────────────────────────────────────────


def post(url, body=None):
    content = json.dumps(body).encode()
    request = Request(url, content, {"Content-Type": "application/json"}, method="POST")
    with urlopen(request, timeout=10) as answer:
        return json.load(answer)


def trade(url):
    """Buy, hear of the fill twice, sell, and close with a win and a loss."""
    for side in ("buy", "sell"):
        order_id = post(f"{url}/orders", {"side": side, "quantity": 10})["order_id"]
        for _ in range(2):
            post(f"{url}/orders/{order_id}/fills", {"status": "filled", "filled": 10})
    post(f"{url}/positions/close?pnl=125.5")
    post(f"{url}/positions/close?pnl=-40")
    with urlopen(f"{url}/metrics", timeout=10) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith("trading_") and "_bucket{" not in line and "_created" not in line:
                print(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", action="store_true", help="serve until Ctrl-C instead")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    if options.serve:
        uvicorn.run(app, host="127.0.0.1", port=options.port)
        return
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        trade(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join()


if __name__ == "__main__":
    main()
