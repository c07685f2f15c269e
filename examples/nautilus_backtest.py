"""A NautilusTrader backtest that knows nothing of metrics, and one line that measures it, by the message bus.

pip install tradmetrics[nautilus]
python examples/nautilus_backtest.py
"""

import random

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy
from summary import print_counters

from tradmetrics import get_metrics
from tradmetrics.integrations.nautilus import instrument_nautilus

SIM = Venue("SIM")
EURUSD = TestInstrumentProvider.default_fx_ccy("EUR/USD", SIM)


class MeanReversion(Strategy):
    """Buys below the mean of the last prices and sells above it; now and then with an order that is too small."""

    def __init__(self):
        super().__init__(StrategyConfig(strategy_id="mean_reversion"))
        self.prices = []

    def on_start(self):
        self.subscribe_quote_ticks(EURUSD.id)

    def on_quote_tick(self, tick):
        price = tick.bid_price.as_double()
        self.prices = [*self.prices[-49:], price]
        mean = sum(self.prices) / len(self.prices)
        if self.portfolio.is_flat(EURUSD.id) and price < mean - 0.0005:
            size = EURUSD.make_qty(100_000 if len(self.prices) == 50 else 1)
            self.submit_order(self.order_factory.market(EURUSD.id, OrderSide.BUY, size))
        elif self.portfolio.is_net_long(EURUSD.id) and price > mean:
            self.close_all_positions(EURUSD.id)


def quotes(seconds, start=1_700_000_000, seed=7):
    draw, price, size = random.Random(seed), 1.1, EURUSD.make_qty(1_000_000)
    for second in range(seconds):
        price += draw.gauss(0, 0.0002)
        at = (start + second) * 1_000_000_000
        yield QuoteTick(EURUSD.id, EURUSD.make_price(price), EURUSD.make_price(price + 0.00005), size, size, at, at)


def main():
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(SIM, OmsType.NETTING, AccountType.MARGIN, [Money(1_000_000, USD)], base_currency=USD)
    engine.add_instrument(EURUSD)
    engine.add_data(list(quotes(5_000)))
    engine.add_strategy(MeanReversion())

    instrument_nautilus(engine)
    engine.run()

    closed = len(engine.cache.position_snapshots()) + engine.cache.positions_closed_count()
    print(f"NautilusTrader: {engine.cache.orders_total_count()} orders, {closed} positions closed\n")
    print_counters(get_metrics())
    engine.dispose()


if __name__ == "__main__":
    main()
