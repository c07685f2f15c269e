"""`instrument_ccxt` on ccxt's unified structures: closes, cancels of everything, refusals, streams and balances."""

import asyncio

import pytest
from integration_support import Recorded, library

from tradmetrics import TradingMetrics

ccxt = library("ccxt")

import ccxt.async_support as async_ccxt  # noqa: E402
import websockets  # noqa: E402

from tradmetrics.integrations.ccxt import instrument_ccxt  # noqa: E402

SPOT, SWAP = "BTC/USDT", "BTC/USDT:USDT"


def order(order_id, status="open", *, filled=0.0, side="buy", symbol=SPOT, **more):
    """An order as ccxt's manual shows it."""
    return {"id": order_id, "clientOrderId": None, "symbol": symbol, "status": status, "side": side, "type": "limit",
            "amount": 2.0, "filled": filled, "average": None, "info": {}, **more}  # fmt: skip


class Unified(ccxt.Exchange):
    """An exchange whose answers are ccxt's unified structures: the next of `answers` is the next answer."""

    def __init__(self):
        super().__init__({"id": "unified", "apiKey": "key"})
        self.answers = []

    def _answer(self):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def will(self, *answers):
        """Have the next calls answered so."""
        self.answers += answers
        return self

    def create_order(self, symbol, type, side, amount, price=None, params={}):  # noqa: B006
        return self._answer()

    def create_orders(self, orders, params={}):  # noqa: B006
        return self._answer()

    def close_position(self, symbol, side=None, params={}):  # noqa: B006
        return self._answer()

    def close_all_positions(self, params={}):  # noqa: B006
        return self._answer()

    def cancel_order(self, id, symbol=None, params={}):  # noqa: B006
        return self._answer()

    def cancel_all_orders(self, symbol=None, params={}):  # noqa: B006
        return self._answer()

    def watch_orders(self, symbol=None, since=None, limit=None, params={}):  # noqa: B006
        return self._answer()

    def fetch_my_trades(self, symbol=None, since=None, limit=None, params={}):  # noqa: B006
        return self._answer()

    def fetch_balance(self, params={}):  # noqa: B006
        return self._answer()

    def fetch_positions(self, symbols=None, params={}):  # noqa: B006
        return self._answer()

    def fetch_ticker(self, symbol, params={}):  # noqa: B006
        return self._answer()

    def place(self, *order_ids, symbol=SPOT, **params):
        """Place orders that rest."""
        for order_id in order_ids:
            self.will(order(order_id, symbol=symbol)).create_order(symbol, "limit", "buy", 2, 100, params)


@pytest.fixture
def exchange():
    """An exchange of the test's own."""
    return Unified()


def test_stops_and_trailing_stops_have_types_of_their_own(exchange, metrics, recorded):
    """Broken, a bot's protection looks like the orders that it protects."""
    with instrument_ccxt(exchange, metrics=metrics):
        for kind, params in (
            ("limit", {}),
            ("limit", {"triggerPrice": 90}),
            ("market", {"stopLossPrice": 90}),
            ("market", {"trailingPercent": 1}),
        ):
            exchange.will(order(str(params))).create_order(SPOT, kind, "sell", 2, 100, params)

    expected = {("LIMIT",): 1.0, ("STOP_LIMIT",): 1.0, ("STOP",): 1.0, ("TRAILING_STOP",): 1.0}
    assert expected == recorded.by("trading_orders_submitted_total", "order_type")


def test_closing_positions_sends_orders(exchange, metrics, recorded):
    """Broken, the orders that take a bot out of the market are not counted, and their fills belong to nobody."""
    with instrument_ccxt(exchange, strategy="s", metrics=metrics) as handle:
        exchange.will(order("1", "closed", filled=2.0, symbol=SWAP)).close_position(SWAP, "long")
        exchange.will(order("2", "closed", filled=2.0, symbol=SWAP)).close_position(SWAP, "short")
        exchange.will({"info": {"success": True}}).close_position(SWAP)  # not every exchange answers an order
        closes = [order("3", "open", side="sell", symbol=SWAP), order("4", "closed", filled=2.0, symbol=SWAP), {}]
        exchange.will(closes).close_all_positions()
        exchange.will({"info": {}}).close_all_positions()
        assert 2 == handle.orders.open_orders()

    sides = recorded.by("trading_orders_submitted_total", "side", "order_type")
    assert {("SELL", "MARKET"): 2.0, ("BUY", "MARKET"): 2.0, ("unknown", "MARKET"): 1.0} == sides
    assert 3 == recorded("trading_orders_filled_total")
    assert {} == recorded.anomalies()


@pytest.mark.parametrize(
    ("info", "reason"),
    [({"sCode": "51008"}, "code_51008"), ({"code": -2010}, "code_2010"), ({"code": "0"}, "unknown"), (None, "unknown")],
)
def test_an_order_that_a_batch_refuses_has_the_exchanges_code(exchange, metrics, recorded, info, reason):
    """Broken, every refusal of a batch looks alike, or a refused order stays open."""
    request = {"symbol": SPOT, "type": "limit", "side": "buy", "amount": 2, "price": 100}
    with instrument_ccxt(exchange, metrics=metrics) as handle:
        exchange.will([order("1"), order("", "rejected", info=info)]).create_orders([request, request])
        assert 1 == handle.orders.open_orders()

    assert {(reason,): 1.0} == recorded.by("trading_orders_rejected_total", "reason")


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ([order("1", "canceled"), order("2", "rejected"), order("other", "canceled")], 2),
        ([order(None, None, clientOrderId="mine"), order("2", None)], 1),
        ([{"info": {"error": [], "result": {"count": 3}}}], 0),
        ([{"info": {"error": [], "result": {"count": "0"}}}], 3),
        ({"info": {"success": True}}, 0),
        ([], 0),
        (ccxt.ExchangeError("no"), 3),
    ],
    ids=["orders", "ids", "a count", "none", "one answer", "nothing", "a refusal"],
)
def test_cancelling_everything_ends_what_the_answer_says(exchange, metrics, recorded, answer, left):
    """Broken, the orders of a bot that cancels all of them at its end stay open, or end although they are live."""
    with instrument_ccxt(exchange, metrics=metrics) as handle:
        exchange.place("1", "2")
        exchange.place("3", clientOrderId="mine")
        try:
            exchange.will(answer).cancel_all_orders(SPOT)
        except ccxt.ExchangeError:
            assert isinstance(answer, Exception)
        assert left == handle.orders.open_orders()

    assert 3 - left == recorded("trading_orders_cancelled_total")
    assert 1 == recorded("trading_order_messages_total", action="cancel")
    assert {} == recorded.anomalies()


def test_a_cancel_that_fails_ends_nothing(exchange, metrics, recorded):
    """Broken, an order that was not cancelled is no longer watched."""
    with instrument_ccxt(exchange, metrics=metrics) as handle:
        exchange.place("1")
        with pytest.raises(ccxt.OrderNotFound):
            exchange.will(ccxt.OrderNotFound("1")).cancel_order("1", SPOT)
        exchange.will(order("1", "rejected")).cancel_order("1", SPOT)
        assert 1 == handle.orders.open_orders()

    assert 2 == recorded("trading_order_messages_total", action="cancel")


def test_a_stream_names_an_order_by_both_of_its_ids(exchange, metrics, recorded):
    """Broken, an order whose answer has no id of the exchange stays open for ever."""
    with instrument_ccxt(exchange, metrics=metrics) as handle:
        answer = order(None, None, clientOrderId="mine")
        exchange.will(answer).create_order(SPOT, "limit", "buy", 2, 100, {"clientOrderId": "mine"})
        exchange.will([order("77", clientOrderId="mine")]).watch_orders()
        exchange.will([order("77", "closed", filled=2.0)]).watch_orders()
        assert 0 == handle.orders.open_orders()

    assert 1 == recorded("trading_orders_filled_total")
    assert {} == recorded.anomalies()


def test_fees_of_two_currencies_and_contracts_of_a_size(exchange, metrics, recorded):
    """Broken, the P&L of contracts is wrong by their size, or a rebate in a token counts as dollars."""
    swap = {"id": "BTCUSDT", "symbol": SWAP, "base": "BTC", "quote": "USDT", "settle": "USDT", "type": "swap",
            "swap": True, "contract": True, "linear": True, "inverse": False, "contractSize": 0.1}  # fmt: skip
    exchange.set_markets([exchange.safe_market_structure(swap)])
    trade = {"symbol": SWAP, "order": "1", "id": "t1", "side": "buy", "amount": 10, "price": 100, "fee": None}
    dollars = {"currency": "USDT", "cost": 0.25}
    with instrument_ccxt(exchange, metrics=metrics, pnl_from_fills=True):
        exchange.place("1", "2", symbol=SWAP)
        fees = [dollars, dollars, {"currency": "BNB", "cost": 5}]
        sold = {
            **trade,
            "order": "2",
            "id": "t2",
            "side": "sell",
            "price": 110,
            "fee": {"currency": None, "cost": None},
        }
        nameless = {**trade, "id": None}
        exchange.will([{**trade, "fees": fees}, nameless, sold]).fetch_my_trades()

    assert 0.5 == recorded("trading_cash_paid_total", kind="fee")
    assert 9.5 == pytest.approx(recorded("trading_profit_total"))  # 10 contracts of 0.1 BTC, 10 dollars each
    assert {} == recorded.anomalies()


def test_the_capital_is_the_only_coin_where_there_is_no_money(exchange):
    """Broken, an account that is margined in a coin has no capital, or one of several coins shows one of them."""
    metrics = TradingMetrics(currency="USD", convert=lambda amount, code: amount * {"BTC": 50_000}[code])
    recorded = Recorded(metrics)
    coin = {"total": {"BTC": 2.0}, "BTC": {"free": 1.5, "used": 0.5, "total": 2.0}}
    with instrument_ccxt(exchange, metrics=metrics):
        exchange.will({"total": {"DOGE": 1.0, "BTC": 2.0}}).fetch_balance()
        assert 0 == recorded("trading_capital_total")
        exchange.will(coin).fetch_balance()
        assert (100_000, 75_000) == (recorded("trading_capital_total"), recorded("trading_capital_available"))

    assert {} == recorded.anomalies()


def test_an_outage_is_not_an_empty_account(exchange, metrics, recorded):
    """Broken, an exchange that is away shows as positions that were closed and a feed that is alive."""
    held = [{"symbol": SWAP, "contracts": 3.0, "side": "long", "unrealizedPnl": 5.0, "entryPrice": 100.0}]
    with instrument_ccxt(exchange, metrics=metrics):
        exchange.will(held).fetch_positions()
        for call in (exchange.fetch_positions, exchange.fetch_balance, lambda: exchange.fetch_ticker(SPOT)):
            exchange.will(ccxt.ExchangeNotAvailable("maintenance"))
            with pytest.raises(ccxt.ExchangeNotAvailable):
                call()
        assert 1 == recorded("trading_positions_open")

    assert 0 == recorded("trading_market_data_updates_total")
    assert {} == recorded.anomalies()


def test_a_connection_of_ccxt_pro_is_connected_until_it_closes(metrics, recorded):
    """Broken, a dead stream shows as connected, or no stream shows at all."""

    class Pro(async_ccxt.kraken):
        def handle_message(self, client, message):
            client.resolve(message, "hash")

    async def answer(connection):
        async for text in connection:
            await connection.send(text)

    async def listen():
        async with websockets.serve(answer, "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            exchange = Pro()
            with instrument_ccxt(exchange, metrics=metrics):
                assert {"hello": 1} == await exchange.watch(url, "hash", {"hello": 1}, "hash")
                assert 1 == recorded("trading_stream_connected", stream="websocket")
                (client,) = exchange.clients.values()
                exchange.on_connected(client, "again")
                assert 1 == recorded("trading_stream_connected", stream="websocket")
                exchange.on_error(client, ccxt.NetworkError("lost"))
                assert 0 == recorded("trading_stream_connected", stream="websocket")
                exchange.on_close(client, "closed")
                await exchange.close()

    asyncio.run(listen())

    assert {} == recorded.anomalies()


def test_switched_off_nothing_is_recorded_of_account_and_market(exchange, metrics, recorded):
    """Broken, a bot whose account is recorded elsewhere has it twice."""
    money = {"total": {"USDT": 5.0}, "USDT": {"free": 5.0, "used": 0.0, "total": 5.0}}
    with instrument_ccxt(exchange, metrics=metrics, account=False, market_data=False):
        assert money == exchange.will(money).fetch_balance()
        exchange.will({"symbol": SPOT, "timestamp": None}).fetch_ticker(SPOT)
        exchange.place("1")

    assert (0, 0) == (recorded("trading_capital_total"), recorded("trading_market_data_updates_total"))
    assert 1 == recorded("trading_orders_submitted_total")
