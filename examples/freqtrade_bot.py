"""A freqtrade bot in a dry run with one line of instrumentation, on freqtrade's own engine; Kraken is played here.

pip install tradmetrics[freqtrade]
python examples/freqtrade_bot.py
"""

import json
import logging
import tempfile
from pathlib import Path

from freqtrade.configuration import Configuration
from freqtrade.enums import RunMode
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.strategy import IStrategy
from summary import print_counters
from venues.kraken_prices import SYMBOL, KrakenPrices

from tradmetrics import get_metrics
from tradmetrics.integrations.freqtrade import instrument_freqtrade


class Momentum(IStrategy):
    """Buys at once and sells with a profit of 5 percent. `adjust` is the stake to add to the position."""

    timeframe = "1m"
    minimal_roi = {"0": 0.05}  # noqa: RUF012 - freqtrade's way
    stoploss = -0.2
    process_only_new_candles = False
    position_adjustment_enable = True
    adjust = None

    def bot_start(self, **kwargs):
        self.metrics_handle = instrument_freqtrade(self)  # yours: start_metrics_server() comes here, too

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe

    def adjust_trade_position(self, *args, **kwargs):
        stake, self.adjust = self.adjust, None
        return stake


def configuration(venue, folder):
    """What freqtrade reads from config.json; `ccxt_config` leads to the exchange that is played here."""
    settings = {
        "dry_run": True,
        "initial_state": "running",
        "dry_run_wallet": 10_000,
        "stake_currency": "USD",
        "stake_amount": 1_000,
        "max_open_trades": 1,
        "exchange": {
            "name": "kraken",
            "pair_whitelist": [SYMBOL],
            "pair_blacklist": [],
            "enable_ws": False,
            "ccxt_config": {"enableRateLimit": False, "urls": {"api": {"public": venue.url, "private": venue.url}}},
        },
        "pairlists": [{"method": "StaticPairList"}],
        "entry_pricing": {"price_side": "other", "use_order_book": False},
        "exit_pricing": {"price_side": "other", "use_order_book": False},
    }
    path = folder / "config.json"
    path.write_text(json.dumps(settings))
    arguments = {
        "config": [str(path)],
        "strategy": "Momentum",
        "strategy_path": str(Path(__file__).parent),
        "user_data_dir": str(folder),
        "db_url": "sqlite://",
    }
    return Configuration(arguments, RunMode.DRY_RUN).get_config()


def trade(bot, venue):
    """What freqtrade's worker does all day: one round after another. The market moves between them."""
    bot.startup()
    bot.process()
    bot.strategy.adjust = 500.0
    bot.process()
    venue.price, bot.strategy.adjust = 102.0, -600.0
    bot.process()
    venue.price = 120.0
    bot.process()


def main():
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder, KrakenPrices() as venue:
        bot = FreqtradeBot(configuration(venue, Path(folder)))
        trade(bot, venue)
        bot.cleanup()
    print_counters(get_metrics())


if __name__ == "__main__":
    main()
