"""`instrument_freqtrade` on freqtrade's own manager of RPC messages and data provider, in a dry run."""

from types import SimpleNamespace

import pytest
from integration_support import library

from tradmetrics import ConfigurationError

library("freqtrade")

import ccxt  # noqa: E402
from freqtrade.data.dataprovider import DataProvider  # noqa: E402
from freqtrade.enums import RPCMessageType  # noqa: E402
from freqtrade.rpc import RPCManager  # noqa: E402
from freqtrade.strategy import IStrategy  # noqa: E402

from tradmetrics.integrations.freqtrade import instrument_freqtrade  # noqa: E402

CONFIG = {"stake_currency": "USDT", "timeframe": "5m", "dry_run": True, "runmode": "dry_run", "exchange": {"name": "x"}}


class Momentum(IStrategy):
    """A strategy that records its metrics from the start."""

    timeframe = "5m"
    minimal_roi = {"0": 0.1}  # noqa: RUF012 - freqtrade's way
    stoploss = -0.1

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe

    def bot_start(self, **kwargs):
        self.handle = instrument_freqtrade(self, metrics=self.book)


class Wallets:
    """The stake currency's balance."""

    def update(self, require_update=True):
        """Freqtrade calls this when its balances may have changed."""

    def get_total(self, currency):
        return 1000.0

    def get_free(self, currency):
        return 900.0

    def get_used(self, currency):
        return 100.0


@pytest.fixture
def bot(metrics):
    """A strategy as freqtrade's bot starts it."""
    manager = RPCManager(SimpleNamespace(config=CONFIG))
    exchange = SimpleNamespace(_api=ccxt.kraken(), _api_async=None, _ws_async=None)
    strategy = Momentum(CONFIG)
    strategy.book = metrics
    strategy.dp, strategy.wallets = DataProvider(CONFIG, exchange, rpc=manager), Wallets()
    strategy.bot_start()
    yield SimpleNamespace(strategy=strategy, send=manager.send_msg, exchange=exchange, manager=manager)
    strategy.handle.undo()


def message(kind, trade_id=1, direction="Long", **more):
    """An RPC message about an order."""
    return {
        "type": getattr(RPCMessageType, kind),
        "trade_id": trade_id,
        "pair": "BTC/USDT",
        "direction": direction,
        "order_type": "limit",
        "order_rate": 100.0,
        "open_rate": 100.0,
        "limit": 100.0,
        "amount": 2.0,
        "stake_currency": "USDT",
        "sub_trade": False,
        **more,
    }


def test_entries_exits_and_their_profit(bot, metrics, recorded):
    """Broken, a freqtrade bot's orders stay open, or its profit is not on the dashboard."""
    bot.send(message("ENTRY"))
    bot.send(message("ENTRY_FILL"))
    assert 1 == recorded("trading_positions_open", strategy="Momentum")
    bot.send(message("EXIT"))
    bot.send(message("EXIT_CANCEL", reason="cancelled due to timeout 10"))
    bot.send(message("EXIT", order_type="market"))
    bot.send(message("EXIT_FILL", close_rate=110.0, profit_amount=19.5, is_final_exit=True))

    assert {("BUY",): 1.0, ("SELL",): 2.0} == recorded.by("trading_orders_submitted_total", "side")
    assert 2 == recorded("trading_orders_filled_total", strategy="Momentum")
    assert 1 == recorded("trading_orders_cancelled_total", reason="cancelled_due_to_timeout")
    assert {("SELL",): 1.0} == recorded.by("trading_trades_total", "side")
    assert 19.5 == recorded("trading_profit_total")
    assert 0 == recorded("trading_positions_open")
    assert 0 == bot.strategy.handle.orders.open_orders()
    assert {} == recorded.anomalies()


def test_a_short_that_a_stop_on_the_exchange_closes(bot, metrics, recorded):
    """Broken, shorts count on the wrong side, or a stop's exit without an order message is lost."""
    bot.send(message("ENTRY", direction="Short"))
    bot.send(message("ENTRY_FILL", direction="Short"))
    bot.send(message("EXIT_FILL", direction="Short", close_rate=120.0, profit_amount=-40.0, is_final_exit=True))

    assert {("SELL",): 1.0, ("BUY",): 1.0} == recorded.by("trading_orders_submitted_total", "side")
    assert 40 == recorded("trading_loss_total")
    assert {} == recorded.anomalies()


def test_wallet_candles_and_requests(bot, metrics, recorded, monkeypatch):
    """Broken, capital, market data and API panels stay empty."""
    bot.strategy.wallets.update()
    bot.send({"type": RPCMessageType.NEW_CANDLE, "data": ("BTC/USDT", "5m", "spot")})
    with pytest.raises(ccxt.BaseError):
        bot.exchange._api.fetch("nowhere://x")

    assert (1000, 900) == (recorded("trading_capital_total"), recorded("trading_capital_available"))
    assert 1 == recorded("trading_market_data_updates_total", symbol="BTC/USDT")
    assert 1 == recorded("trading_api_requests_total")


def test_a_backtest_has_no_messages_and_is_left_alone(metrics, recorded):
    """Broken, a strategy that is instrumented cannot be backtested any more."""
    strategy = Momentum(CONFIG)
    strategy.dp = DataProvider(CONFIG, None)
    with instrument_freqtrade(strategy, metrics=metrics, label="mine") as handle:
        assert 0 == handle.orders.open_orders()


def test_something_else_is_refused():
    """Broken, a wrong argument fails later, somewhere inside, with a message about attributes."""
    with pytest.raises(ConfigurationError, match="instrument_freqtrade takes a strategy"):
        instrument_freqtrade([])
