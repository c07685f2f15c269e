"""`instrument_freqtrade` on freqtrade's own bot in a dry run, and on its RPC messages."""

from functools import partial
from types import SimpleNamespace

import pytest
from integration_support import library
from panels import assert_filled

from tradmetrics import ConfigurationError, StrategyStats, TradingMetrics

library("freqtrade")

import ccxt  # noqa: E402
from freqtrade.data.dataprovider import DataProvider  # noqa: E402
from freqtrade.enums import RPCMessageType  # noqa: E402
from freqtrade.exceptions import InvalidOrderException, TemporaryError  # noqa: E402
from freqtrade.freqtradebot import FreqtradeBot  # noqa: E402
from freqtrade.rpc import RPCManager  # noqa: E402
from freqtrade.strategy import IStrategy  # noqa: E402
from freqtrade_bot import configuration, trade  # noqa: E402
from venues.kraken_prices import KrakenPrices  # noqa: E402

from tradmetrics.integrations import freqtrade as adapter  # noqa: E402
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


class Refusing:
    """An exchange of freqtrade's that refuses orders."""

    def __init__(self):
        self._api, self._api_async, self._ws_async, self.error = ccxt.kraken(), None, None, None

    def create_order(self, *, pair, ordertype, side, amount, rate, leverage):
        raise self.error


@pytest.fixture
def bot(metrics):
    """A strategy as freqtrade's bot starts it."""
    manager = RPCManager(SimpleNamespace(config=CONFIG))
    exchange = Refusing()
    strategy = Momentum(CONFIG)
    strategy.book = metrics
    strategy.dp, strategy.wallets = DataProvider(CONFIG, exchange, rpc=manager), None
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


def test_an_entry_that_was_filled_in_part(bot, metrics, recorded):
    """Broken, the cancel of the rest counts as one more order, or the order stays open."""
    bot.send(message("ENTRY"))
    bot.send(message("ENTRY_FILL", amount=0.5))
    assert 1 == bot.strategy.handle.orders.open_orders()
    bot.send(message("ENTRY_CANCEL", reason="cancelled due to timeout, partially filled"))
    bot.send(message("ENTRY_CANCEL", reason="cancelled due to timeout, partially filled"))

    assert 0 == bot.strategy.handle.orders.open_orders()
    assert (1, 1) == (recorded("trading_orders_submitted_total"), recorded("trading_orders_cancelled_total"))
    assert {("new",): 1.0, ("cancel",): 1.0} == recorded.by("trading_order_messages_total", "action")
    assert {} == recorded.anomalies()


def test_cancels_that_are_not_the_bots(bot, metrics, recorded):
    """Broken, an order that freqtrade keeps open counts as cancelled, or the exchange's cancel as the bot's message."""
    bot.send(message("EXIT"))
    bot.send(message("EXIT_CANCEL", reason="partially filled - keeping order open"))
    assert 1 == bot.strategy.handle.orders.open_orders()
    bot.send(message("EXIT_CANCEL", reason="cancelled on exchange"))
    assert 0 == bot.strategy.handle.orders.open_orders()

    assert {("cancelled_on_exchange",): 1.0} == recorded.by("trading_orders_cancelled_total", "reason")
    assert 0 == recorded("trading_order_messages_total", action="cancel")


def test_several_open_orders_of_a_trade(bot, metrics, recorded):
    """Broken, a fill ends the wrong order, and counts an order that nobody sent; or the trade's end leaves one open."""
    bot.send(message("ENTRY"))
    bot.send(message("ENTRY", amount=1.0, sub_trade=True))
    bot.send(message("ENTRY_FILL"))
    bot.send(message("EXIT"))
    bot.send(message("EXIT_FILL", close_rate=90.0, profit_amount=-20.0, is_final_exit=True))

    assert 0 == bot.strategy.handle.orders.open_orders()
    assert (3, 2) == (recorded("trading_orders_submitted_total"), recorded("trading_orders_filled_total"))
    assert (1, 20) == (recorded("trading_orders_cancelled_total"), recorded("trading_loss_total"))


def test_a_real_dry_run(metrics, recorded, monkeypatch, tmp_path):
    """Broken, a real bot's profit, capital, open trades or requests are not those that freqtrade itself has."""
    monkeypatch.setattr(adapter, "instrument_freqtrade", partial(instrument_freqtrade, metrics=metrics))
    with KrakenPrices() as venue:
        bot = FreqtradeBot(configuration(venue, tmp_path))
        bot.startup()
        bot.process()
        assert 1 == recorded("trading_positions_open")
        assert (10_000, 9_000) == (
            pytest.approx(recorded("trading_capital_total")),
            pytest.approx(recorded("trading_capital_available")),
        )
        trade(bot, venue)
        assert 0 == bot.strategy.metrics_handle.orders.open_orders()
        assert 0 == recorded("trading_positions_open")
        bot.cleanup()

    assert 2 == recorded("trading_trades_total", strategy="Momentum", side="SELL")
    profit = recorded("trading_profit_total")
    assert pytest.approx(180.52, abs=0.1) == profit
    assert pytest.approx(10_000 + profit) == recorded("trading_capital_total")
    assert 0 < recorded("trading_api_requests_total", endpoint="Ticker", status="ok")
    assert {} == recorded.anomalies()


def test_a_bot_that_is_made_anew_is_not_counted_twice(bot, metrics, recorded):
    """Broken, each `/reload_config` leaves open trades and open orders of a bot that is no more."""
    bot.send(message("ENTRY"))
    bot.send(message("ENTRY_FILL"))
    bot.send(message("EXIT"))
    bot.manager.cleanup()

    assert (0, 0) == (recorded("trading_positions_open"), bot.strategy.handle.orders.open_orders())
    assert 1 == recorded("trading_orders_unknown_total", reason="not_listed")
    bot.send(message("EXIT_FILL", profit_amount=1.0, is_final_exit=True))
    assert 0 == recorded("trading_profit_total")


def test_orders_that_the_exchange_refuses(bot, metrics, recorded):
    """Broken, a bot whose orders are all refused looks as if it had sent none."""
    for error in (InvalidOrderException("too small"), TemporaryError("lost")):
        bot.exchange.error = error
        error.__cause__ = ccxt.NetworkError("lost") if isinstance(error, TemporaryError) else None
        with pytest.raises(type(error)):
            bot.exchange.create_order(pair="BTC/USDT", ordertype="limit", side="buy", amount=1.0, rate=1.0, leverage=1)

    assert 2 == recorded("trading_orders_submitted_total", side="BUY", order_type="LIMIT", strategy="Momentum")
    assert (1, 1) == (recorded("trading_orders_rejected_total"), recorded("trading_orders_unknown_total"))
    assert 0 == bot.strategy.handle.orders.open_orders()


def test_candles_and_requests(bot, metrics, recorded):
    """Broken, market data and API panels stay empty."""
    bot.send({"type": RPCMessageType.NEW_CANDLE, "data": ("BTC/USDT", "5m", "spot")})
    with pytest.raises(ccxt.BaseError):
        bot.exchange._api.fetch("nowhere://x")

    assert 1 == recorded("trading_market_data_updates_total", symbol="BTC/USDT")
    assert 1 == recorded("trading_api_requests_total")


def test_what_one_line_fills_of_the_dashboards(monkeypatch, tmp_path):
    """Broken, half of the dashboards of a freqtrade bot are empty."""
    metrics = TradingMetrics(strategy_stats=StrategyStats())
    monkeypatch.setattr(adapter, "instrument_freqtrade", partial(instrument_freqtrade, metrics=metrics))
    with KrakenPrices() as venue:
        bot = FreqtradeBot(configuration(venue, tmp_path))
        trade(bot, venue)
        assert_filled(metrics)
        bot.cleanup()


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
