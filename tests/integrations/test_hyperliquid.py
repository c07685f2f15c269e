"""`instrument_hyperliquid` on the SDK's own client and stream manager, with canned answers beneath its sessions."""

import copy
import itertools
import json

import pytest
from integration_support import library
from wire import Wire

from tradmetrics import ConfigurationError

library("hyperliquid")

import eth_account  # noqa: E402
from hyperliquid.exchange import Exchange  # noqa: E402
from hyperliquid.info import Info  # noqa: E402
from hyperliquid.utils.error import ServerError  # noqa: E402
from hyperliquid.utils.types import Cloid  # noqa: E402
from hyperliquid.websocket_manager import WebsocketManager  # noqa: E402

from tradmetrics.integrations.hyperliquid import instrument_hyperliquid  # noqa: E402

LIMIT = {"limit": {"tif": "Gtc"}}
META = {"universe": [{"name": "BTC", "szDecimals": 5}, {"name": "ETH", "szDecimals": 4}]}
SPOT = {"universe": [], "tokens": []}


class Venue:
    """The exchange: statuses for orders to come, and the answers to questions."""

    def __init__(self):
        self.numbers = itertools.count(101)
        self.statuses = []
        self.answers = {}
        self.wire = Wire({("POST", "/exchange"): self.trade, ("POST", "/info"): self.tell})

    def trade(self, request):
        action = json.loads(request.body)["action"]
        many = action.get("orders") or action.get("cancels") or action.get("modifies")
        default = "success" if "cancels" in action else None
        statuses = [
            (self.statuses.pop(0) if self.statuses else None) or default or {"resting": {"oid": next(self.numbers)}}
            for _ in many
        ]
        if isinstance(statuses[0], tuple):
            return statuses[0]
        return {"status": "ok", "response": {"type": action["type"], "data": {"statuses": statuses}}}

    def tell(self, request):
        return self.answers[json.loads(request.body)["type"]]


@pytest.fixture
def venue():
    """An exchange of the test's own."""
    return Venue()


@pytest.fixture
def trading(venue):
    """An `Exchange` and its `Info`, with a stream that is not connected."""
    exchange = Exchange(eth_account.Account.from_key("0x" + "1" * 64), meta=META, spot_meta=SPOT)
    for client in (exchange, exchange.info):
        venue.wire.under(client.session)
    exchange.info.ws_manager = WebsocketManager("https://x")
    return exchange


def receive(exchange, channel, data):
    """Hand a message to the stream, as its socket would."""
    manager = exchange.info.ws_manager
    manager.active_subscriptions.clear()
    manager.ws.on_message(None, json.dumps({"channel": channel, "data": data}))


def update(oid, status, left, size="2", **more):
    """An update of an order."""
    return {"order": {"coin": "BTC", "side": "B", "limitPx": "100", "sz": left, "oid": oid, "origSz": size, **more},
            "status": status, "statusTimestamp": 1}  # fmt: skip


def fill(oid, number, side, size, pnl):
    """A fill."""
    return {"coin": "BTC", "px": "100", "sz": size, "side": side, "time": 1, "oid": oid, "tid": number,
            "closedPnl": pnl, "fee": "0.01", "feeToken": "USDC", "dir": "x", "hash": "0x"}  # fmt: skip


def test_orders_fills_and_profit(trading, venue, metrics, recorded):
    """Broken, a Hyperliquid bot's orders stay open, or its openings count as trades."""
    with instrument_hyperliquid(trading, strategy="s", metrics=metrics) as handle:
        trading.order("BTC", True, 2, 100, LIMIT)
        cloid = Cloid.from_int(7)
        trading.order("BTC", False, 2, 110, LIMIT, cloid=cloid)
        venue.statuses = [{"filled": {"totalSz": "1", "avgPx": "100", "oid": 900}}]
        trading.order("BTC", True, 2, 100, {"limit": {"tif": "Ioc"}})
        receive(
            trading, "userFills", {"user": "0x", "fills": [fill(101, 1, "B", "2", "0.0"), fill(102, 2, "A", "2", "8")]}
        )
        receive(trading, "userFills", {"user": "0x", "isSnapshot": True, "fills": [fill(102, 2, "A", "2", "8")]})
        receive(trading, "orderUpdates", [update(101, "filled", "0.0"), update(102, "marginCanceled", "1")])
        assert 0 == handle.orders.open_orders()

    assert {("BUY",): 2.0, ("SELL",): 1.0} == recorded.by("trading_orders_submitted_total", "side")
    assert 1 == recorded("trading_orders_filled_total")
    assert {("margin",): 1.0, ("unknown",): 1.0} == recorded.by("trading_orders_cancelled_total", "reason")
    assert {("SELL",): 1.0} == recorded.by("trading_trades_total", "side")
    assert 8 == recorded("trading_profit_total", strategy="s")
    assert 3 == recorded("trading_api_requests_total", endpoint="/exchange/order", status="ok")
    assert {} == recorded.anomalies()


def test_a_refusal_in_an_answer_of_ok_is_a_reject(trading, venue, metrics, recorded):
    """Broken, refused orders count as accepted, since the request itself went well."""
    with instrument_hyperliquid(trading, metrics=metrics):
        venue.statuses = [{"error": "Insufficient margin to place order. asset=0"}]
        trading.order("BTC", True, 2, 100, LIMIT)
        venue.statuses = [(503, {"x": 1})]
        with pytest.raises(ServerError):
            trading.order("BTC", True, 2, 100, LIMIT)

    assert {("insufficient_margin_to_place",): 1.0} == recorded.by("trading_orders_rejected_total", "reason")
    assert 1 == recorded("trading_orders_unknown_total")
    assert 1 == recorded("trading_api_requests_total", status="503")


def test_cancels_modifications_and_what_is_no_longer_open(trading, venue, metrics, recorded):
    """Broken, orders that ended while nobody looked stay open, or a modification is a new order."""
    address = trading.wallet.address
    with instrument_hyperliquid(trading, metrics=metrics) as handle:
        for _ in range(3):
            trading.order("BTC", True, 2, 100, LIMIT)
        trading.cancel("BTC", 101)
        trading.modify_order(102, "BTC", True, 3, 99, LIMIT)
        assert 2 == handle.orders.open_orders()
        venue.answers["openOrders"] = []
        trading.info.open_orders("0x" + "2" * 40)  # somebody else's
        assert 2 == handle.orders.open_orders()
        venue.answers["openOrders"] = [{"coin": "BTC", "oid": 104}]
        trading.info.open_orders(address)
        assert 1 == handle.orders.open_orders()

    assert 3 == recorded("trading_orders_submitted_total")
    assert (1, 1) == (recorded("trading_orders_cancelled_total"), recorded("trading_orders_unknown_total"))
    assert {("new",): 3.0, ("cancel",): 1.0, ("modify",): 1.0} == recorded.by("trading_order_messages_total", "action")


def test_account_funding_and_prices(trading, venue, metrics, recorded):
    """Broken, the account's panels stay empty although the bot asks for all of it."""
    position = {"coin": "BTC", "szi": "-2", "entryPx": "100", "unrealizedPnl": "4"}
    venue.answers |= {
        "clearinghouseState": {
            "marginSummary": {"accountValue": "1000", "totalMarginUsed": "100"},
            "withdrawable": "900",
            "assetPositions": [{"position": position}],
        },
        "allMids": {"BTC": "100", "@1": "2"},
        "l2Book": {"coin": "BTC", "time": None, "levels": []},
    }
    with instrument_hyperliquid(trading, metrics=metrics):
        trading.info.user_state(trading.wallet.address)
        trading.info.user_state("0x" + "2" * 40)
        trading.info.all_mids()
        trading.info.l2_snapshot("BTC")
        payment = {"time": 1, "coin": "BTC", "usdc": "-0.5", "szi": "1", "fundingRate": "0"}
        for _ in range(2):
            receive(trading, "userFundings", {"user": "0x", "fundings": [payment]})
        trading.info.ws_manager.on_open(None)
        assert 1 == recorded("trading_stream_connected")

    assert (1000, 100) == (recorded("trading_capital_total"), recorded("trading_margin_used"))
    assert (1, 4) == (recorded("trading_positions_open"), recorded("trading_unrealized_pnl"))
    assert {("BTC",): 2.0} == recorded.by("trading_market_data_updates_total", "symbol")
    assert 0.5 == recorded("trading_cash_paid_total", kind="funding")
    assert {} == recorded.anomalies()


def test_a_copy_is_not_recorded_and_undo_leaves_nothing(trading, venue, metrics, recorded):
    """Broken, a copied client counts as the original, or the stream keeps our hooks."""
    before = trading.info.ws_manager.ws.on_message
    handle = instrument_hyperliquid(trading, metrics=metrics)
    twin = copy.copy(trading)
    assert type(twin) is Exchange
    twin.order("BTC", True, 2, 100, LIMIT)
    assert 0 == recorded("trading_orders_submitted_total")
    handle.undo()

    assert before == trading.info.ws_manager.ws.on_message
    assert (Exchange, Info) == (type(trading), type(trading.info))


def test_something_else_is_refused():
    """Broken, a wrong argument fails later, somewhere inside, with a message about attributes."""
    with pytest.raises(ConfigurationError, match="instrument_hyperliquid: give exchange"):
        instrument_hyperliquid()
    with pytest.raises(ConfigurationError, match="takes info=Info"):
        instrument_hyperliquid(info=[])
