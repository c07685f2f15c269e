"""A backtrader backtest that knows nothing of metrics, and one line that measures it: orders, trades, simulated time.

pip install tradmetrics[backtrader] arch
python examples/backtrader_backtest.py
"""

import arch.data.sp500
import backtrader as bt
from summary import print_counters

from tradmetrics import get_metrics
from tradmetrics.integrations.backtrader import instrument_backtrader


class Crossover(bt.SignalStrategy):
    def __init__(self):
        self.signal_add(bt.SIGNAL_LONG, bt.ind.CrossOver(bt.ind.SMA(period=10), bt.ind.SMA(period=30)))


def main():
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(bt.feeds.PandasData(dataname=arch.data.sp500.load()))
    cerebro.addstrategy(Crossover)
    cerebro.addsizer(bt.sizers.PercentSizer, percents=99)
    cerebro.addanalyzer(bt.analyzers.TradeAnalyzer, _name="trades")
    cerebro.broker.setcash(1_000_000)

    instrument_backtrader(cerebro, strategy="crossover")
    (strategy,) = cerebro.run()

    trades = strategy.analyzers.trades.get_analysis()
    print(f"backtrader: {len(cerebro.broker.orders)} orders, {trades.total.closed} trades closed,", end=" ")
    print(f"won {trades.won.pnl.total:,.2f}, lost {-trades.lost.pnl.total:,.2f}\n")
    print_counters(get_metrics())


if __name__ == "__main__":
    main()
