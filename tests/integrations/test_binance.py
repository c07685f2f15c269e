"""`instrument_binance` on python-binance's own client and sockets, with canned answers beneath its session."""

import asyncio
import copy
import itertools
import json

import pytest
import requests
from integration_support import library
from wire import Wire

from tradmetrics import ConfigurationError

binance = library("binance")

from binance import AsyncClient, Client  # noqa: E402
from binance.exceptions import BinanceAPIException  # noqa: E402
from binance.ws.keepalive_websocket import KeepAliveWebsocket  # noqa: E402
from binance.ws.reconnecting_websocket import ReconnectingWebsocket  # noqa: E402

from tradmetrics.integrations.binance import instrument_binance  # noqa: E402


@pytest.fixture
def wire():
    """The exchange."""
    numbers = itertools.count(1)

    def order(request):
        text = request.body if isinstance(request.body, str) else (request.body or b"").decode()
        fields = dict(each.split("=") for each in text.split("&"))
        return {
            "symbol": fields["symbol"],
            "orderId": next(numbers),
            "clientOrderId": fields.get("newClientOrderId", "x"),
            "status": "NEW",
            "origQty": fields["quantity"],
            "executedQty": "0",
            "side": fields["side"],
            "type": fields["type"],
        }

    return Wire({("POST", "/api/v3/order"): order, ("POST", "/fapi/v1/order"): order})


@pytest.fixture
def client(wire):
    """A client over the exchange."""
    made = Client("key", "secret", ping=False)
    wire.under(made.session)
    return made


def spot_report(order, status, kind="TRADE", *, done="0", last="0", number=-1, **more):
    """An `executionReport` of the user-data stream."""
    return {
        "e": "executionReport",
        "E": 1,
        "s": order["symbol"],
        "i": order["orderId"],
        "c": order["clientOrderId"],
        "C": "",
        "S": order["side"],
        "o": "LIMIT",
        "x": kind,
        "X": status,
        "z": done,
        "l": last,
        "L": "100",
        "t": number,
        "n": "0.1",
        "N": "USDT",
        "r": "NONE",
        **more,
    }


def deliver(socket, *messages):
    """Hand messages to a socket, as its connection would."""
    for message in messages:
        socket._handle_message(json.dumps(message))


def test_spot_orders_and_their_fills(client, metrics, recorded):
    """Broken, a spot bot's orders stay open for ever, or count twice."""
    socket = KeepAliveWebsocket(client, "wss://x", "user")
    with instrument_binance(client, socket, strategy="s", metrics=metrics) as handle:
        order = client.order_limit_buy(symbol="BTCUSDT", quantity=2, price="100")
        other = client.order_limit_sell(symbol="ETHUSDT", quantity=1, price="200")
        deliver(
            socket,
            spot_report(order, "PARTIALLY_FILLED", done="1", last="1", number=5),
            spot_report(order, "FILLED", done="2", last="1", number=6),
            spot_report(order, "FILLED", done="2", last="1", number=6),
        )
        assert 1 == handle.orders.open_orders()
        deliver(socket, {"subscriptionId": 1, "event": spot_report(other, "CANCELED", "CANCELED")})
        assert 0 == handle.orders.open_orders()

    assert {("BUY",): 1.0, ("SELL",): 1.0} == recorded.by("trading_orders_submitted_total", "side")
    assert (1, 1) == (recorded("trading_orders_filled_total"), recorded("trading_orders_cancelled_total"))
    assert {("BUY",): 2.0} == recorded.by("trading_trades_total", "side")
    assert 0.2 == pytest.approx(recorded("trading_cash_paid_total", kind="fee"))
    assert 2 == recorded("trading_api_requests_total", endpoint="/api/v3/order", method="POST", status="ok")
    assert {} == recorded.anomalies()


def test_futures_trades_are_closings_with_their_profit(client, metrics, recorded):
    """Broken, openings count as trades, and Binance's own P&L is not used."""
    socket = ReconnectingWebsocket("wss://x", "user")
    with instrument_binance(client, socket, metrics=metrics):
        order = client.futures_create_order(symbol="BTCUSDT", side="SELL", type="MARKET", quantity=2)
        for number, profit in ((1, "0"), (2, "12.5")):
            update = {
                "s": "BTCUSDT",
                "i": order["orderId"],
                "c": order["clientOrderId"],
                "S": "SELL",
                "x": "TRADE",
                "X": "FILLED" if number == 2 else "PARTIALLY_FILLED",
                "z": str(number),
                "l": "1",
                "L": "100",
                "t": number,
                "n": "0.04",
                "N": "USDT",
                "rp": profit,
            }
            deliver(socket, {"e": "ORDER_TRADE_UPDATE", "E": 1, "T": 1, "o": update})

    assert 1 == recorded("trading_orders_filled_total")
    assert 1 == recorded("trading_trades_total", side="SELL")
    assert 12.5 == recorded("trading_profit_total")
    assert {} == recorded.anomalies()


def test_a_hedged_account_has_two_sides(client, metrics, recorded):
    """Broken, opening a short beside a long counts as a trade, and each update of one side as drift."""
    socket = ReconnectingWebsocket("wss://x", "user")

    def filled(order, side, position, number, profit, **more):
        fill = {"s": "BTCUSDT", "i": order["orderId"], "c": order["clientOrderId"], "S": side, "ps": position,
                "x": "TRADE", "X": "FILLED", "z": "2", "l": "2", "L": "100", "t": number, "n": "0.001", "N": "BNB",
                "rp": profit, **more}  # fmt: skip
        return {"e": "ORDER_TRADE_UPDATE", "E": 1, "T": 1, "o": fill}

    def held(*rows):
        rows = [{"s": "BTCUSDT", "pa": quantity, "ep": "1", "up": "1", "ps": side} for side, quantity in rows]
        return {"e": "ACCOUNT_UPDATE", "E": 1, "a": {"m": "ORDER", "B": [{"a": "USDT", "wb": "100"}], "P": rows}}

    with instrument_binance(client, socket, metrics=metrics):
        for number, (side, position) in enumerate([("BUY", "LONG"), ("SELL", "SHORT")]):
            order = client.futures_create_order(
                symbol="BTCUSDT", side=side, positionSide=position, type="MARKET", quantity=2
            )
            deliver(socket, filled(order, side, position, number, "0"))
        assert 0 == recorded("trading_trades_total")
        deliver(socket, held(("LONG", "2"), ("SHORT", "-2")))
        order = client.futures_create_order(
            symbol="BTCUSDT", side="BUY", positionSide="SHORT", type="MARKET", quantity=2
        )
        deliver(socket, filled(order, "BUY", "SHORT", 3, "0"), held(("SHORT", "0")))

    assert {("BUY",): 1.0} == recorded.by("trading_trades_total", "side")  # at the price at which it was opened
    assert {} == recorded.by("trading_position_drift", "symbol")
    assert (1, 2) == (recorded("trading_positions_open"), recorded("trading_unrealized_pnl"))
    assert 100 == recorded("trading_capital_total")  # the fees were the first amounts, in BNB


@pytest.mark.parametrize(("fee", "asset"), [("1", "USDT"), ("0.01", "BTC")])
def test_a_spot_pnl_is_net_of_commission(fee, asset, client, metrics, recorded):
    """Broken, `pnl_from_fills` shows a profit that the exchange has taken."""
    socket = KeepAliveWebsocket(client, "wss://x", "user")
    with instrument_binance(client, socket, metrics=metrics, pnl_from_fills=True):
        bought = client.order_limit_buy(symbol="BTCUSDT", quantity=2, price="100")
        sold = client.order_limit_sell(symbol="BTCUSDT", quantity=2, price="110")
        deliver(
            socket,
            spot_report(bought, "FILLED", done="2", last="2", number=5, n=fee, N=asset),
            spot_report(sold, "FILLED", done="2", last="2", number=6, L="110", n="1"),
        )

    assert (18, 2) == (recorded("trading_profit_total"), recorded("trading_cash_paid_total", kind="fee"))
    assert {} == recorded.anomalies()


def test_refusals_have_binances_code_and_timeouts_are_unknown(client, wire, metrics, recorded):
    """Broken, every refusal looks alike, or an order that may be live counts as refused."""
    with instrument_binance(client, metrics=metrics):
        for answer in ((400, {"code": -2010, "msg": "insufficient"}), (503, {"code": -1000, "msg": "?"})):
            wire.routes["POST", "/api/v3/order"] = answer
            with pytest.raises(BinanceAPIException):
                client.order_market_buy(symbol="BTCUSDT", quantity=1)
        wire.routes["POST", "/api/v3/order"] = requests.exceptions.ReadTimeout("late")
        with pytest.raises(requests.exceptions.ReadTimeout):
            client.order_market_buy(symbol="BTCUSDT", quantity=1)

    assert {("code_2010",): 1.0} == recorded.by("trading_orders_rejected_total", "reason")
    assert 2 == recorded("trading_orders_unknown_total")
    assert 3 == recorded("trading_orders_submitted_total")


def test_cancel_all_and_open_orders(client, wire, metrics, recorded):
    """Broken, orders that the exchange has cancelled, or no longer lists, stay open."""
    wire.routes["GET", "/api/v3/openOrders"] = []
    wire.routes["DELETE", "/fapi/v1/allOpenOrders"] = {"code": 200, "msg": "done"}
    with instrument_binance(client, metrics=metrics) as handle:
        client.futures_create_order(symbol="BTCUSDT", side="BUY", type="LIMIT", quantity=2, price=1)
        client.futures_cancel_all_open_orders(symbol="ETHUSDT")
        assert 1 == handle.orders.open_orders()
        client.futures_cancel_all_open_orders(symbol="BTCUSDT")
        assert 0 == handle.orders.open_orders()
        client.order_limit_buy(symbol="BTCUSDT", quantity=2, price="100")
        client.get_open_orders(symbol="BTCUSDT")
        assert 0 == handle.orders.open_orders()

    assert 1 == recorded("trading_orders_cancelled_total")
    assert 1 == recorded("trading_orders_unknown_total", reason="not_listed")
    assert {("new",): 2.0, ("cancel",): 2.0} == recorded.by("trading_order_messages_total", "action")


def test_account_positions_and_prices(client, wire, metrics, recorded):
    """Broken, the account's panels stay empty although the bot asks for all of it."""
    socket = ReconnectingWebsocket("wss://x", "btcusdt@trade")
    wire.routes |= {
        ("GET", "/api/v3/account"): {"balances": [{"asset": "USDT", "free": "90", "locked": "10"}]},
        ("GET", "/fapi/v2/account"): {
            "totalMarginBalance": "200",
            "totalInitialMargin": "50",
            "availableBalance": "150",
            "positions": [],
        },
        ("GET", "/fapi/v3/positionRisk"): [
            {"symbol": "BTCUSDT", "positionAmt": "1", "entryPrice": "100", "unRealizedProfit": "7"},
            {"symbol": "ETHUSDT", "positionAmt": "0", "entryPrice": "0", "unRealizedProfit": "0"},
        ],
        ("GET", "/api/v3/ticker/price"): {"symbol": "BTCUSDT", "price": "100"},
    }
    with instrument_binance(client, socket, metrics=metrics):
        client.get_account()
        client.futures_account()
        client.futures_position_information()
        client.get_symbol_ticker(symbol="BTCUSDT")
        deliver(socket, {"e": "trade", "E": None, "s": "BTCUSDT", "p": "1"})

    assert (300, 240) == (recorded("trading_capital_total"), recorded("trading_capital_available"))
    assert (50, 150) == (recorded("trading_margin_used"), recorded("trading_margin_available"))
    assert (1, 7) == (recorded("trading_positions_open"), recorded("trading_unrealized_pnl"))
    assert 2 == recorded("trading_market_data_updates_total", symbol="BTCUSDT")
    assert {} == recorded.anomalies()


def test_the_asynchronous_client(metrics, recorded):
    """Broken, only the synchronous half of the bots is recorded."""

    class Answer:
        status = 200
        headers = {}  # noqa: RUF012 - as aiohttp's, of one answer

        async def text(self):
            return json.dumps(await self.json())

        async def json(self):
            return {"symbol": "BTCUSDT", "orderId": 1, "clientOrderId": "a", "status": "FILLED", "executedQty": "1",
                    "fills": [{"tradeId": 3, "price": "1", "qty": "1", "commission": "0"}]}  # fmt: skip

        async def __aenter__(self):
            return self

        async def __aexit__(self, *_):
            return None

    async def trade():
        client = AsyncClient("key", "secret")
        await client.session.close()
        client.session.post = lambda *_, **__: Answer()
        with instrument_binance(client, metrics=metrics):
            await client.order_market_buy(symbol="BTCUSDT", quantity=1)

    asyncio.run(trade())

    assert (1, 1) == (recorded("trading_orders_submitted_total"), recorded("trading_orders_filled_total"))
    assert 1 == recorded("trading_trades_total")


def test_a_copy_sends_with_its_own_key_and_is_not_recorded(client, metrics, recorded):
    """Broken, a copied client trades on the original's account."""
    instrument_binance(client, metrics=metrics)
    twin = copy.copy(client)  # a client holds an event loop, of which there is no deep copy and no pickle
    twin.API_KEY = "other"
    assert type(twin) is Client
    twin.order_market_buy(symbol="BTCUSDT", quantity=1)

    assert 0 == recorded("trading_orders_submitted_total")


def test_something_else_is_refused():
    """Broken, a wrong argument fails later, somewhere inside, with a message about attributes."""
    with pytest.raises(ConfigurationError, match="instrument_binance takes a binance"):
        instrument_binance([])
