"""`instrument_hyperliquid` on the SDK's own objects: spot names, orders that wait for others, the stream's life."""

import inspect
import itertools
import json
import time

import pytest
from integration_support import break_hooks, library
from wire import Wire

library("hyperliquid")

import eth_account  # noqa: E402
from hyperliquid.exchange import Exchange  # noqa: E402
from hyperliquid.utils.types import Cloid  # noqa: E402
from hyperliquid.websocket_manager import ActiveSubscription, WebsocketManager  # noqa: E402

from tradmetrics.integrations.hyperliquid import instrument_hyperliquid  # noqa: E402

LIMIT = {"limit": {"tif": "Gtc"}}
TRIGGER = {"trigger": {"isMarket": True, "triggerPx": 90, "tpsl": "sl"}}
META = {"universe": [{"name": "BTC", "szDecimals": 5}]}
TOKENS = [{"name": "USDC", "szDecimals": 8, "index": 0}, {"name": "HYPE", "szDecimals": 2, "index": 1}]
SPOT = {"universe": [{"name": "@107", "index": 107, "tokens": [1, 0]}], "tokens": TOKENS}


class Venue:
    """The exchange: orders rest, and those that wait for another one have no id yet."""

    def __init__(self):
        self.numbers = itertools.count(101)
        self.answers = {}
        self.wire = Wire({("POST", "/exchange"): self.trade, ("POST", "/info"): self.tell})

    def trade(self, request):
        action = json.loads(request.body)["action"]
        if "cancels" in action:
            statuses = ["success" for _ in action["cancels"]]
        else:
            waits = action.get("grouping") == "normalTpsl"
            statuses = ["waitingForFill" if waits and number else {"resting": {"oid": next(self.numbers)}}
                        for number, _ in enumerate(action["orders"])]  # fmt: skip
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
    exchange.info.ws_manager.ws.on_message(None, json.dumps({"channel": channel, "data": data}))


def update(oid, status, left, *, coin="BTC", side="B", size="2"):
    """An update of an order."""
    return {"order": {"coin": coin, "side": side, "limitPx": "100", "sz": left, "oid": oid, "origSz": size},
            "status": status, "statusTimestamp": 1}  # fmt: skip


def test_a_spot_order_is_followed_under_its_coin(trading, venue, metrics, recorded):
    """Broken, spot orders stay open for ever: they are sent as HYPE/USDC, and the stream calls the pair @107."""
    with instrument_hyperliquid(trading, metrics=metrics) as handle:
        for _ in range(3):
            trading.order("HYPE/USDC", True, 2, 10, LIMIT)
        fill = {"coin": "@107", "px": "10", "sz": "2", "side": "B", "time": 1, "oid": 101, "tid": 1,
                "closedPnl": "0.0", "fee": "0.01", "feeToken": "HYPE"}  # fmt: skip
        receive(trading, "userFills", {"user": "0x", "fills": [fill]})
        receive(trading, "orderUpdates", [update(101, "filled", "0.0", coin="@107")])
        assert 2 == handle.orders.open_orders()
        trading.cancel("HYPE/USDC", 102)
        venue.answers["openOrders"] = [{"coin": "@107", "oid": 103}]
        trading.info.open_orders(trading.wallet.address)
        assert 1 == handle.orders.open_orders()

    assert (1, 1) == (recorded("trading_orders_filled_total"), recorded("trading_orders_cancelled_total"))
    assert 0 == recorded("trading_orders_unknown_total")
    assert {} == recorded.anomalies()


def test_orders_that_wait_for_another_one_are_followed(trading, metrics, recorded):
    """Broken, the stop of each bracket stays open for ever: it has an id only when its parent is filled."""
    if "grouping" not in inspect.signature(Exchange.bulk_orders).parameters:
        pytest.skip("this release sends no orders that wait for another one")
    bracket = [
        {"coin": "BTC", "is_buy": True, "sz": 2, "limit_px": 100, "order_type": LIMIT, "reduce_only": False},
        {"coin": "BTC", "is_buy": False, "sz": 2, "limit_px": 90, "order_type": TRIGGER, "reduce_only": True},
    ]
    with instrument_hyperliquid(trading, metrics=metrics) as handle:
        trading.bulk_orders(bracket, grouping="normalTpsl")
        receive(trading, "orderUpdates", [update(101, "filled", "0.0"), update(500, "open", "2", side="A")])
        assert 1 == handle.orders.open_orders()
        receive(trading, "orderUpdates", [update(500, "reduceOnlyCanceled", "2", side="A")])
        assert 0 == handle.orders.open_orders()

    assert {("reduce_only",): 1.0} == recorded.by("trading_orders_cancelled_total", "reason")
    assert {} == recorded.anomalies()


def test_funding_of_before_is_not_paid_again_at_each_connect(trading, metrics, recorded):
    """Broken, each start of a bot adds the funding of the last weeks to what it has paid."""
    now = int(time.time() * 1000)
    old, new = ({"time": at, "coin": "BTC", "usdc": paid, "szi": "1", "fundingRate": "0"}
                for at, paid in ((now - 3_600_000, "-8"), (now + 60_000, "-0.5")))  # fmt: skip
    with instrument_hyperliquid(trading, metrics=metrics):
        receive(trading, "userFundings", {"user": "0x", "isSnapshot": True, "fundings": [old, new]})
        receive(trading, "user", {"funding": {**new, "time": now + 120_000}})

    assert 1.0 == recorded("trading_cash_paid_total", kind="funding")
    assert {} == recorded.anomalies()


def test_the_stream_is_connected_from_the_start_and_until_its_socket_closes(trading, metrics, recorded):
    """Broken, a dead stream shows as connected, or one that stood before the line of ours shows as missing."""
    manager = trading.info.ws_manager
    manager.ws_ready = True  # as its thread leaves it
    with instrument_hyperliquid(trading, metrics=metrics):
        assert 1 == recorded("trading_stream_connected", stream="stream")
        manager.ws.on_close(manager.ws, 1006, "gone")
        assert 0 == recorded("trading_stream_connected", stream="stream")
    assert manager.ws.on_close is None


def test_the_account_that_the_stream_tells(trading, metrics, recorded):
    """Broken, a bot that listens to its account instead of asking for it has no panels of it."""
    position = {"coin": "BTC", "szi": "1", "entryPx": "100", "unrealizedPnl": "4"}
    summary = {"marginSummary": {"accountValue": "1000", "totalMarginUsed": "100"}, "withdrawable": "900",
               "assetPositions": [{"position": position}]}  # fmt: skip
    with instrument_hyperliquid(trading, metrics=metrics):
        receive(trading, "webData2", {"user": trading.wallet.address, "clearinghouseState": summary})
        receive(trading, "webData2", {"user": "0x" + "2" * 40, "clearinghouseState": {**summary, "assetPositions": []}})

    assert (1000, 1) == (recorded("trading_capital_total"), recorded("trading_positions_open"))
    assert {} == recorded.anomalies()


def test_a_bug_of_ours_reaches_neither_the_caller_nor_the_stream(trading, metrics, monkeypatch):
    """Broken, an error in the metrics loses the answer to an order, or ends the thread that reads the stream."""
    heard = []
    manager = trading.info.ws_manager
    manager.active_subscriptions["orderUpdates"].append(ActiveSubscription(heard.append, 1))
    instrument_hyperliquid(trading, metrics=metrics)
    break_hooks(monkeypatch)
    assert "ok" == trading.order("BTC", True, 2, 100, LIMIT)["status"]
    receive(trading, "orderUpdates", [update(101, "filled", "0.0")])
    receive(trading, "orderUpdates", [{}])

    assert 2 == len(heard)


def test_an_order_that_the_exchange_cancels_has_ended(trading, metrics, recorded):
    """Broken, orders that a liquidation takes away stay open for a bot that listens to `userEvents` alone."""
    with instrument_hyperliquid(trading, metrics=metrics) as handle:
        trading.order("BTC", True, 2, 100, LIMIT)
        receive(trading, "user", {"nonUserCancel": [{"coin": "BTC", "oid": 101}, {"coin": "BTC", "oid": 999}]})
        assert 0 == handle.orders.open_orders()

    assert 1 == recorded("trading_orders_cancelled_total")
    assert 0 == recorded("trading_order_foreign_total")


def test_what_closes_is_what_the_fill_says(trading, metrics, recorded):
    """Broken, closing a position of before without a gain is no trade."""
    fill = {"coin": "BTC", "px": "100", "sz": "1", "side": "A", "time": 1, "closedPnl": "0.0", "fee": "0.01",
            "feeToken": "USDC", "hash": "0x"}  # fmt: skip
    with instrument_hyperliquid(trading, metrics=metrics):
        for _ in range(3):
            trading.order("BTC", False, 1, 100, LIMIT)
        ways = enumerate(["Close Long", "Long > Short", "Open Short"])
        fills = [{**fill, "oid": 101 + number, "tid": number, "dir": way} for number, way in ways]
        receive(trading, "userFills", {"user": trading.wallet.address, "fills": fills})

    assert 2 == recorded("trading_trades_total", side="SELL")


def test_funding_of_others_is_not_paid_here(trading, venue, metrics, recorded):
    """Broken, a bot that watches the account which it copies pays that account's funding."""
    other = "0x" + "2" * 40
    payment = {"time": time.time() * 1000 + 1_000, "coin": "BTC", "usdc": "-5.0", "szi": "1", "fundingRate": "0"}
    venue.answers["userFunding"] = [{"time": payment["time"], "delta": payment}]
    with instrument_hyperliquid(trading, metrics=metrics):
        receive(trading, "userFundings", {"user": other, "isSnapshot": False, "fundings": [payment]})
        trading.info.user_funding_history(other, 0)
        assert 0 == recorded("trading_cash_paid_total")
        trading.info.user_funding_history(trading.wallet.address, 0)

    assert 5 == recorded("trading_cash_paid_total", kind="funding")


def test_a_stream_ahead_of_the_answer_tells_of_the_same_order(trading, venue, metrics, recorded):
    """Broken, an order that fills before its answer comes stays open, or is somebody else's."""
    cloid = Cloid.from_int(7)
    taken = venue.trade

    def trade(request):
        told = update(101, "filled", "0.0")
        told["order"]["cloid"] = cloid.to_raw()
        receive(trading, "orderUpdates", [told])
        return taken(request)

    venue.wire.routes["POST", "/exchange"] = trade
    with instrument_hyperliquid(trading, metrics=metrics) as handle:
        trading.order("BTC", True, 2, 100, LIMIT, cloid=cloid)
        assert 0 == handle.orders.open_orders()

    assert (1, 1) == (recorded("trading_orders_submitted_total"), recorded("trading_orders_filled_total"))
    assert {} == recorded.anomalies()


def test_orders_that_the_bot_asks_for(trading, venue, metrics, recorded):
    """Broken, a bot without a stream has orders that never end, or takes those of others for its own."""
    address = trading.wallet.address
    foreign = update(999, "filled", "0.0")
    venue.answers["historicalOrders"] = [update(101, "filled", "0.0"), foreign]
    venue.answers["frontendOpenOrders"] = []
    with instrument_hyperliquid(trading, metrics=metrics) as handle:
        for _ in range(4):
            trading.order("BTC", True, 2, 100, LIMIT)
        trading.info.historical_orders(address)
        assert 3 == handle.orders.open_orders()
        venue.answers["orderStatus"] = {"status": "order", "order": update(102, "canceled", "2")}
        trading.info.query_order_by_oid(address, 102)
        assert 2 == handle.orders.open_orders()
        venue.answers["orderStatus"] = {"status": "unknownOid"}
        trading.info.query_order_by_oid(address, 103)
        venue.answers["orderStatus"] = {"status": "order", "order": foreign}
        trading.info.query_order_by_cloid(address, Cloid.from_int(1))
        assert 2 == handle.orders.open_orders()
        trading.info.frontend_open_orders(address)
        assert 0 == handle.orders.open_orders()

    assert (1, 1) == (recorded("trading_orders_filled_total"), recorded("trading_orders_cancelled_total"))
    assert {("not_listed",): 2.0} == recorded.by("trading_orders_unknown_total", "reason")
    assert 0 == recorded("trading_order_foreign_total")
    assert {} == recorded.anomalies()


def test_fills_that_the_bot_asks_for_are_those_of_its_own_account(trading, venue, metrics, recorded):
    """Broken, a bot without a stream has no trades, or counts those of an account that it copies."""
    fill = {"coin": "BTC", "px": "100", "sz": "2", "side": "A", "time": 1, "oid": 101, "tid": 1, "closedPnl": "8",
            "fee": "0.5", "feeToken": "USDC", "dir": "Close Long"}  # fmt: skip
    venue.answers["userFills"] = venue.answers["userFillsByTime"] = [fill]
    with instrument_hyperliquid(trading, metrics=metrics):
        trading.order("BTC", False, 2, 100, LIMIT)
        trading.info.user_fills("0x" + "2" * 40)
        assert 0 == recorded("trading_trades_total")
        trading.info.user_fills(trading.wallet.address)
        trading.info.user_fills_by_time(trading.wallet.address, 0)

    assert (1, 8) == (recorded("trading_trades_total"), recorded("trading_profit_total"))
    assert 0.5 == recorded("trading_cash_paid_total", kind="fee")


def test_modifications_that_are_refused_or_fill_at_once(trading, venue, metrics, recorded):
    """Broken, a refused modification changes the order, and one that fills at once leaves it open for ever."""
    answers = [
        {"status": "ok", "response": {"type": "order", "data": {"statuses": [{"error": "Invalid price"}]}}},
        {"status": "err", "response": "Cannot modify canceled or filled order"},
    ]
    filled = {"filled": {"totalSz": "3", "avgPx": "100", "oid": 105}}
    with instrument_hyperliquid(trading, metrics=metrics) as handle:
        trading.order("BTC", True, 2, 100, LIMIT)
        for answer in answers:
            venue.wire.routes["POST", "/exchange"] = answer
            trading.modify_order(101, "BTC", True, 3, 99, LIMIT)
        assert 1 == handle.orders.open_orders()
        venue.wire.routes["POST", "/exchange"] = {
            "status": "ok",
            "response": {"type": "order", "data": {"statuses": [filled]}},
        }
        trading.modify_order(101, "BTC", True, 3, 101, LIMIT)
        assert 0 == handle.orders.open_orders()

    assert (1, 1) == (recorded("trading_orders_submitted_total"), recorded("trading_orders_filled_total"))
    assert 3 == recorded("trading_order_messages_total", action="modify")
    assert {} == recorded.anomalies()


def test_cancels_that_are_refused_end_nothing(trading, venue, metrics, recorded):
    """Broken, an order that was not cancelled is no longer watched."""
    with instrument_hyperliquid(trading, metrics=metrics) as handle:
        trading.order("BTC", True, 2, 100, LIMIT, cloid=Cloid.from_int(7))
        refused = {"error": "Order was never placed, already canceled, or filled."}
        for answer in (
            {"status": "ok", "response": {"type": "cancel", "data": {"statuses": [refused]}}},
            {"status": "err", "response": "Too many requests"},
        ):
            venue.wire.routes["POST", "/exchange"] = answer
            trading.cancel("BTC", 101)
        assert 1 == handle.orders.open_orders()
        venue.wire.routes["POST", "/exchange"] = venue.trade
        trading.cancel_by_cloid("BTC", Cloid.from_int(7))
        assert 0 == handle.orders.open_orders()

    assert 3 == recorded("trading_order_messages_total", action="cancel")
    assert 1 == recorded("trading_orders_cancelled_total")


def test_each_channel_of_prices_is_market_data(trading, metrics, recorded):
    """Broken, a feed that has gone silent is not noticed."""
    now = int(time.time() * 1000)
    with instrument_hyperliquid(trading, metrics=metrics):
        trading.info.ws_manager.ws.on_message(None, "Websocket connection established.")
        receive(trading, "allMids", {"mids": {"A": "1", "@107": "2"}})
        receive(trading, "l2Book", {"coin": "B", "time": now, "levels": []})
        receive(trading, "bbo", {"coin": "B", "time": now, "bbo": []})
        receive(trading, "trades", [{"coin": "C", "time": now}, {"coin": "C", "time": now}])
        receive(trading, "trades", [])
        receive(trading, "candle", {"s": "D", "i": "1m", "t": now})
        receive(trading, "pong", None)

    updates = {("A",): 1.0, ("B",): 2.0, ("C",): 1.0, ("D",): 1.0}
    assert updates == recorded.by("trading_market_data_updates_total", "symbol")
    assert {} == recorded.anomalies()


def test_switched_off_nothing_is_recorded_of_account_and_market(trading, venue, metrics, recorded):
    """Broken, a bot whose account is recorded elsewhere has it twice."""
    venue.answers["clearinghouseState"] = {"marginSummary": {"accountValue": "1000"}, "assetPositions": []}
    venue.answers["allMids"] = {"BTC": "100"}
    with instrument_hyperliquid(trading, metrics=metrics, account=False, market_data=False):
        assert [] == trading.info.user_state(trading.wallet.address)["assetPositions"]
        assert {"BTC": "100"} == trading.info.all_mids()
        trading.order("BTC", True, 2, 100, LIMIT)

    assert (0, 0) == (recorded("trading_capital_total"), recorded("trading_market_data_updates_total"))
    assert 1 == recorded("trading_orders_submitted_total")
