"""A strategy on the real backtrader engine, over five years of the S&P 500 and the VIX, measured as it trades.

pip install tradmetrics[backtrader] arch
python examples/backtrader_bot.py            # runs it, prints what the engine logged beside what was measured
python examples/backtrader_bot.py --serve    # then keeps http://127.0.0.1:8000/metrics up
"""

import argparse
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from threading import Event

import arch.data.sp500
import arch.data.vix
import backtrader as bt

from tradmetrics import (
    OrderTracker,
    arg,
    get_metrics,
    result,
    start_metrics_server,
    track_capital,
    track_market,
    track_trade,
)

STRATEGY = "dip_buyer"

REASONS = {"Margin": "margin", "Canceled": "signal_gone"}

# On backtrader every order is only `Submitted` when buy() returns, and notify_order tells the rest bars later. The
# tracker joins the two, in the engine's own time.
orders = OrderTracker(strategy=STRATEGY, dialect="backtrader")


def status(call):
    return call.arguments["order"].getstatusname()


def reason(call):
    return REASONS.get(status(call))


class DipBuyer(bt.Strategy):
    """Buys dips in a rising, calm market; leaves when it turns, with a stop below; sizes to the whole account."""

    params = (("fast", 10), ("slow", 60), ("calm", 17.0))

    def __init__(self):
        self.trend = bt.ind.SMA(period=self.p.fast) - bt.ind.SMA(period=self.p.slow)
        self.entry = self.stop_loss = self.leaving = None

    def next(self):
        market, account = self.market(), self.account()
        rising = self.trend[0] > 0 and market["condition"] == "calm"
        if self.position:
            if self.stop_loss is None and self.leaving is None:
                self.stop_loss = self.place("SELL", "Stop", self.position.size, price=0.97 * self.position.price)
            elif not rising and self.stop_loss is not None and self.stop_loss.status == bt.Order.Accepted:
                self.withdraw(self.stop_loss)  # once that is confirmed, notify_order sells
        elif self.entry is None and rising:
            self.entry = self.buy_the_dip(account["available"])
        elif self.entry is not None and not rising:
            self.withdraw(self.entry)

    def buy_the_dip(self, cash):
        close, size = self.data.close[0], int(cash / self.data.close[0])
        if close < self.data.open[0]:  # it dips now; and if it opens higher tomorrow, the cash is short
            return self.place("BUY", "Market", size)
        return self.place("BUY", "Limit", size, price=0.995 * close, valid=timedelta(days=4))

    # ── what talks to the broker ─────────────────────────────────────────────────────────────────────────────────────

    @property
    def now(self):
        return self.data.datetime.datetime()

    @orders.submit(order_id=result("ref"), timestamp=arg("self.now"))
    def place(self, side, order_type, quantity, price=None, valid=None):
        send = self.buy if side == "BUY" else self.sell
        return send(size=quantity, price=price, valid=valid, exectype=getattr(bt.Order, order_type))

    @orders.cancel(order_id=arg("order.ref"))
    def withdraw(self, order):
        self.cancel(order)

    @orders.update(
        order_id=arg("order.ref"),
        status=status,
        filled=arg("order.executed.size"),
        reason=reason,
        timestamp=arg("self.now"),
    )
    def notify_order(self, order):
        if order.alive():
            return
        if order == self.entry:
            self.entry = None
        elif order == self.leaving:
            self.leaving = None
        elif order == self.stop_loss:
            self.stop_loss = None
            if order.status == order.Canceled:
                self.leaving = self.place("SELL", "Market", self.position.size)

    def notify_trade(self, trade):
        if trade.isclosed:
            self.closed(trade)

    @track_trade(strategy=STRATEGY, side="BUY", status="executed", pnl=arg("trade.pnlcomm"))
    def closed(self, trade):
        pass  # where a journal would be written

    @track_market
    def market(self):
        vix = self.data.vix[0]
        return {"vix": vix, "condition": "calm" if vix < self.p.calm else "nervous"}

    @track_capital
    def account(self):
        total, cash = self.broker.getvalue(), self.broker.getcash()
        return {"total": total, "available": cash, "used": total - cash, "utilization": 100 * (total - cash) / total}


class Prices(bt.feeds.PandasData):
    lines = ("vix",)
    params = (("vix", "vix"),)


class EngineLog(bt.Analyzer):
    """The engine's own count of orders and trades, to compare with."""

    def start(self):
        self.last = {}
        self.profits = []

    def notify_order(self, order):
        self.last[order.ref] = order.getstatusname()

    def notify_trade(self, trade):
        if trade.isclosed:
            self.profits.append(trade.pnlcomm)

    def get_analysis(self):
        return Counter(self.last.values())


def run():
    """Run the backtest; returns the strategy with its analyzers."""
    prices = arch.data.sp500.load().loc["2014-01-03":"2018-12-31"]
    prices["vix"] = arch.data.vix.load()["vix"].reindex(prices.index).ffill()
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(Prices(dataname=prices))
    cerebro.addstrategy(DipBuyer)
    cerebro.addanalyzer(EngineLog, _name="log")
    cerebro.broker.setcash(1_000_000)
    cerebro.broker.setcommission(0.0005)
    (strategy,) = cerebro.run()
    return strategy


def measured(name, **labels):
    """The sum of the samples of that name, as a scrape would read them."""
    samples = (sample for metric in get_metrics().registry.collect() for sample in metric.samples)
    return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())


def summary(strategy):
    """The engine's log beside the metrics: {line: (engine, metrics)}."""
    log = strategy.analyzers.log
    ends, won = log.get_analysis(), [profit for profit in log.profits if profit > 0]
    return {
        "orders submitted": (len(strategy.broker.orders), measured("trading_orders_submitted_total")),
        "orders filled": (ends["Completed"], measured("trading_orders_filled_total")),
        "orders cancelled": (ends["Canceled"], measured("trading_orders_cancelled_total", reason="signal_gone")),
        "orders expired": (ends["Expired"], measured("trading_orders_cancelled_total", reason="expired")),
        "rejected for margin": (ends["Margin"], measured("trading_orders_rejected_total", reason="margin")),
        "trades closed": (len(log.profits), measured("trading_trades_total")),
        "profit of winners": (round(sum(won), 2), round(measured("trading_profit_total"), 2)),
        "loss of losers": (round(sum(won) - sum(log.profits), 2), round(measured("trading_loss_total"), 2)),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", action="store_true", help="keep /metrics up afterwards")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()

    strategy = run()
    print(f"{len(strategy.data)} days of the S&P 500, account at {strategy.broker.getvalue():,.2f}\n")
    print(f"{'':22}{'engine':>14}{'metrics':>14}")
    for line, (engine, metrics) in summary(strategy).items():
        print(f"{line:22}{engine:14,.10g}{metrics:14,.10g}")
    days = measured("trading_order_fill_time_seconds_sum") / 86_400
    print(f"\n{days / measured('trading_order_fill_time_seconds_count'):.1f} days from an order to its fill on average")
    if options.serve:
        with suppress(KeyboardInterrupt), start_metrics_server(options.port) as server:
            print(f"\nmetrics on {server.url}, Ctrl-C to end", flush=True)
            Event().wait()


if __name__ == "__main__":
    main()
