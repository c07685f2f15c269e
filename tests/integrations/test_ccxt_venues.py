"""`instrument_ccxt` on ccxt's own clients of other exchanges than Kraken, with canned answers in the place of HTTP."""

import pytest
from integration_support import library

ccxt = library("ccxt")

from tradmetrics.integrations.ccxt import instrument_ccxt  # noqa: E402

ORDER = {"symbol": "BTCUSDT", "orderId": 1, "clientOrderId": "c1", "transactTime": 1, "price": "100", "origQty": "2",
         "cummulativeQuoteQty": "0", "timeInForce": "GTC", "type": "LIMIT", "side": "BUY"}  # fmt: skip
TRADE = {"symbol": "BTCUSDT", "id": 7, "orderId": 1, "price": "100", "qty": "2", "quoteQty": "200", "time": 1,
         "commission": "0.01", "commissionAsset": "BTC", "isBuyer": True, "isMaker": False}  # fmt: skip


class Binance(ccxt.binance):
    """Binance without a network: what it is to answer is in `answers`."""

    def __init__(self):
        super().__init__({"apiKey": "key", "secret": "secret"})
        self.answers = []
        more = {"precision": {"amount": 0.001, "price": 0.01}, "info": {"orderTypes": ["LIMIT", "MARKET"]}}
        spot = {"id": "BTCUSDT", "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT", "type": "spot", "spot": True}
        self.listed = [self.safe_market_structure({**spot, **more})]

    def fetch_markets(self, params={}):  # noqa: B006
        return self.listed

    def fetch_currencies(self, params={}):  # noqa: B006
        return {}

    def fetch(self, url, method="GET", headers=None, body=None):
        return self.answers.pop(0)

    def asked(self, answer, call, *arguments):
        """Ask for something, and have it answered."""
        self.answers.append(answer)
        return call(*arguments)


def state(status, done, **more):
    """An order as Binance answers it."""
    return {**ORDER, "status": status, "executedQty": done, **more}


@pytest.mark.parametrize("loaded", [True, False])
def test_an_order_may_name_its_market_as_the_exchange_does(loaded, metrics, recorded):
    """Broken, the orders of a bot that writes BTCUSDT, which ccxt takes as well, stay open for ever."""
    exchange = Binance()
    if loaded:
        exchange.load_markets()
    with instrument_ccxt(exchange, metrics=metrics) as handle:
        exchange.asked(state("NEW", "0"), exchange.create_order, "BTCUSDT", "limit", "buy", 2, 100)
        exchange.asked(state("FILLED", "2"), exchange.fetch_order, "1", "BTC/USDT")
        assert 0 == handle.orders.open_orders()
        exchange.asked([TRADE], exchange.fetch_my_trades, "BTC/USDT")
        exchange.asked(
            state("NEW", "0", orderId=2, clientOrderId="c2"), exchange.create_order, "BTCUSDT", "limit", "buy", 2, 100
        )
        exchange.asked([], exchange.fetch_open_orders, "BTCUSDT")
        assert 0 == handle.orders.open_orders()

    assert (1, 1) == (recorded("trading_orders_filled_total"), recorded("trading_trades_total"))
    assert 1 == recorded("trading_orders_unknown_total", reason="not_listed")
    assert {} == recorded.anomalies()


def test_trades_that_an_answer_holds_count_once(metrics, recorded):
    """Broken, a bot that sends market orders, and asks for nothing else, never trades on the dashboard."""
    exchange = Binance()
    exchange.load_markets()
    fill = {"price": "100", "qty": "2", "commission": "0.01", "commissionAsset": "BTC", "tradeId": 7}
    with instrument_ccxt(exchange, metrics=metrics):
        answer = state("FILLED", "2", type="MARKET", fills=[fill])
        exchange.asked(answer, exchange.create_order, "BTC/USDT", "market", "buy", 2)
        assert 1 == recorded("trading_trades_total")
        exchange.asked([TRADE], exchange.fetch_my_trades, "BTC/USDT")

    assert {("BUY",): 1.0} == recorded.by("trading_trades_total", "side")
    assert 1 == recorded("trading_cash_paid_total", kind="fee")  # 0.01 BTC at 100
    assert {} == recorded.anomalies()
