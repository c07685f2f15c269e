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


class Bybit(ccxt.bybit):
    """Bybit, whose positions are already parsed."""

    def fetch_positions(self, symbols=None, params={}):  # noqa: B006
        return self.positions

    def watch_positions(self, symbols=None, since=None, limit=None, params={}):  # noqa: B006
        return self.positions

    def told(self, call, *positions, **params):
        """Ask for positions, and have them answered."""
        self.positions = [
            {"symbol": symbol, "contracts": abs(contracts), "side": "long" if contracts > 0 else "short",
             "unrealizedPnl": 1.0, "entryPrice": 100.0, "hedged": hedged}
            for symbol, contracts, hedged in positions
        ]  # fmt: skip
        call(params=params)


def test_a_list_of_some_contracts_closes_no_others(metrics, recorded):
    """Broken, a bot that asks for each kind of contracts on its own has an alert about drift at each question."""
    exchange = Bybit()
    linear, inverse = ("BTC/USDT:USDT", 2.0, False), ("BTC/USD:BTC", 5.0, False)
    with instrument_ccxt(exchange, metrics=metrics):
        for _ in range(2):
            exchange.told(exchange.fetch_positions, linear)
            exchange.told(exchange.fetch_positions, inverse, category="inverse")
            assert 2 == recorded("trading_positions_open")
        assert {} == recorded.by("trading_position_drift", "symbol")
        exchange.told(exchange.fetch_positions, category="inverse")
        assert 1 == recorded("trading_positions_open")

    assert {("BTC/USD:BTC",): -5.0} == recorded.by("trading_position_drift", "symbol")


def test_a_stream_tells_one_side_of_a_hedged_position(metrics, recorded):
    """Broken, a hedged bot has an alert about drift at each fill; or a position that was turned stays, too."""
    exchange = Bybit()
    symbol = "BTC/USDT:USDT"
    with instrument_ccxt(exchange, metrics=metrics):
        exchange.told(exchange.fetch_positions, (symbol, 3.0, True), (symbol, -2.0, True))
        exchange.told(exchange.watch_positions, (symbol, 3.0, True))
        assert 2 == recorded("trading_unrealized_pnl")
        exchange.told(exchange.watch_positions, ("ETH/USDT:USDT", 3.0, False))
        exchange.told(exchange.watch_positions, ("ETH/USDT:USDT", -1.0, False))
        assert 3 == recorded("trading_unrealized_pnl")

    assert {("ETH/USDT:USDT",): -4.0} == recorded.by("trading_position_drift", "symbol")
