"""`instrument_polymarket` on py-clob-client's own client, with canned answers beneath its HTTP client."""

import copy
import itertools
import json
import time

import pytest
from integration_support import library

from tradmetrics import ConfigurationError

library("py_clob_client")

import httpx  # noqa: E402
from py_clob_client.client import ClobClient  # noqa: E402
from py_clob_client.clob_types import (  # noqa: E402
    ApiCreds,
    AssetType,
    BalanceAllowanceParams,
    BookParams,
    CreateOrderOptions,
    OpenOrderParams,
    OrderArgs,
    OrderType,
    PostOrdersArgs,
)
from py_clob_client.exceptions import PolyApiException  # noqa: E402
from py_clob_client.http_helpers import helpers  # noqa: E402

from tradmetrics.integrations.polymarket import instrument_polymarket  # noqa: E402

TOKEN = "7" * 77
END = {"next_cursor": "LTE=", "limit": 100, "count": 1}


class Venue:
    """The exchange, by method and path."""

    def __init__(self):
        numbers = itertools.count(1)
        self.routes = {
            ("POST", "/order"): lambda: {
                "success": True,
                "errorMsg": "",
                "orderID": f"0x{next(numbers)}",
                "status": "live",
            }
        }

    def answer(self, request):
        found = self.routes[request.method, request.url.path]
        found = found() if callable(found) else found
        if isinstance(found, Exception):
            raise found
        status, content = found if isinstance(found, tuple) else (200, found)
        return httpx.Response(status, content=json.dumps(content))


@pytest.fixture
def venue(monkeypatch):
    """An exchange of the test's own."""
    made = Venue()
    monkeypatch.setattr(helpers, "_http_client", httpx.Client(transport=httpx.MockTransport(made.answer)))
    return made


@pytest.fixture
def client(venue):
    """A client over the exchange."""
    return ClobClient("https://x", key="0x" + "1" * 64, chain_id=137, creds=ApiCreds("k", "c2VjcmV0", "p"))


def signed(client, side="BUY", size=10.0):
    """An order, signed."""
    arguments = OrderArgs(token_id=TOKEN, price=0.5, size=size, side=side)
    return client.builder.create_order(arguments, CreateOrderOptions(tick_size="0.01", neg_risk=False))


def test_orders_and_the_trades_of_both_sides(client, venue, metrics, recorded):
    """Broken, a Polymarket bot's orders stay open, or what others trade counts as its own."""
    trade = {"id": "t1", "taker_order_id": "0x1", "asset_id": TOKEN, "side": "BUY", "size": "4", "price": "0.5",
             "status": "CONFIRMED", "maker_orders": [{"order_id": "0xother", "matched_amount": "4"}]}  # fmt: skip
    maker = {**trade, "id": "t2", "taker_order_id": "0xother", "side": "SELL", "size": "9",
             "maker_orders": [{"order_id": "0x1", "matched_amount": "6", "price": "0.5", "side": "BUY"}]}  # fmt: skip
    with instrument_polymarket(client, strategy="s", metrics=metrics, symbols={TOKEN: "yes"}.get) as handle:
        client.post_order(signed(client))
        venue.routes["GET", "/data/trades"] = {"data": [trade, maker], **END}
        client.get_trades()
        client.get_trades()
        order = {"id": "0x1", "status": "MATCHED", "original_size": "10", "size_matched": "10", "side": "BUY"}
        venue.routes["GET", "/data/order/0x1"] = order
        client.get_order("0x1")
        assert 0 == handle.orders.open_orders()

    assert 1 == recorded("trading_orders_submitted_total", side="BUY", order_type="LIMIT")
    assert 1 == recorded("trading_orders_filled_total", strategy="s")
    assert {("BUY",): 2.0} == recorded.by("trading_trades_total", "side")
    assert 1 == recorded("trading_api_requests_total", endpoint="/post_order", method="POST", status="ok")
    assert {} == recorded.anomalies()


def test_orders_that_match_at_once(client, venue, metrics, recorded):
    """Broken, market orders stay open."""
    matched = {"success": True, "errorMsg": "", "orderID": "0xa", "status": "matched"}
    with instrument_polymarket(client, metrics=metrics) as handle:
        venue.routes["POST", "/order"] = {**matched, "takingAmount": "10", "makingAmount": "5"}
        client.post_order(signed(client), OrderType.FOK)
        venue.routes["POST", "/order"] = {**matched, "orderID": "0xb", "takingAmount": "2", "makingAmount": "4"}
        client.post_order(signed(client, "SELL"), OrderType.FAK)
        assert 0 == handle.orders.open_orders()

    assert 2 == recorded("trading_orders_submitted_total", order_type="MARKET")
    assert {("BUY",): 1.0} == recorded.by("trading_orders_filled_total", "side")
    assert 1 == recorded("trading_orders_cancelled_total")


def test_refusals_and_lost_connections(client, venue, metrics, recorded):
    """Broken, an order that may be live counts as refused, or a refusal as sent."""
    with instrument_polymarket(client, metrics=metrics):
        for answer in (
            (400, {"error": "not enough balance / allowance"}),
            (500, {"error": "could not run"}),
            httpx.ConnectError("lost"),
        ):
            venue.routes["POST", "/order"] = answer
            with pytest.raises(PolyApiException):
                client.post_order(signed(client))
        venue.routes["POST", "/order"] = {"success": False, "errorMsg": "order crosses the book: 0.51"}
        client.post_order(signed(client))

    assert {("not_enough_balance_allowance",): 1.0, ("order_crosses_the_book",): 1.0} == recorded.by(
        "trading_orders_rejected_total", "reason"
    )
    assert 2 == recorded("trading_orders_unknown_total")


def test_cancels_and_open_orders(client, venue, metrics, recorded):
    """Broken, orders that were cancelled, or ended while nobody looked, stay open."""
    venue.routes["DELETE", "/orders"] = {"canceled": ["0x1"], "not_canceled": {"0x2": "matched"}}
    venue.routes["GET", "/data/orders"] = {"data": [], **END}
    with instrument_polymarket(client, metrics=metrics) as handle:
        for _ in range(2):
            client.post_order(signed(client))
        client.cancel_orders(["0x1", "0x2"])
        assert 1 == handle.orders.open_orders()
        client.get_orders()
        assert 0 == handle.orders.open_orders()

    assert (1, 1) == (recorded("trading_orders_cancelled_total"), recorded("trading_orders_unknown_total"))


def test_balance_and_prices(client, venue, metrics, recorded):
    """Broken, the account's panels stay empty although the bot asks for all of it."""
    venue.routes["GET", "/balance-allowance"] = {"balance": "25000000", "allowances": {}}
    venue.routes["GET", "/midpoint"] = {"mid": "0.5"}
    token = BalanceAllowanceParams(asset_type=AssetType.CONDITIONAL, token_id=TOKEN)
    with instrument_polymarket(client, metrics=metrics, symbols={TOKEN: "yes"}.get):
        client.get_balance_allowance(BalanceAllowanceParams(asset_type=AssetType.COLLATERAL))
        client.get_midpoint(TOKEN)
        client.get_balance_allowance(token)
        venue.routes["GET", "/balance-allowance"] = {"balance": "30000000"}
        client.get_balance_allowance(token)

    assert 5 == recorded("trading_position_drift", symbol="yes")
    assert 1 == recorded("trading_positions_open")
    assert 25 == recorded("trading_capital_total")
    assert 1 == recorded("trading_market_data_updates_total", symbol="yes")


def test_open_orders_reserve_collateral(client, venue, metrics, recorded):
    """Broken, the dashboard shows money as free that open orders need."""
    buy = {"id": "0x1", "status": "LIVE", "original_size": "10", "size_matched": "4", "side": "BUY", "price": "0.5"}
    venue.routes["GET", "/data/orders"] = {"data": [buy, {**buy, "id": "0x2", "side": "SELL"}], **END}
    venue.routes["GET", "/balance-allowance"] = {"balance": "25000000", "allowances": {}}
    with instrument_polymarket(client, metrics=metrics):
        client.get_balance_allowance(BalanceAllowanceParams(asset_type=AssetType.COLLATERAL))
        client.get_orders()
        assert (25, 3, 22) == tuple(recorded(f"trading_capital_{name}") for name in ("total", "used", "available"))
        client.get_balance_allowance(BalanceAllowanceParams(asset_type=AssetType.COLLATERAL))

    assert (22, 12) == (recorded("trading_capital_available"), recorded("trading_capital_utilization"))


def test_a_copy_is_not_recorded(client, venue, metrics, recorded):
    """Broken, a copied client counts as the original."""
    instrument_polymarket(client, metrics=metrics)
    twin = copy.copy(client)  # its signer holds modules, of which there is no deep copy and no pickle
    assert type(twin) is ClobClient
    twin.post_order(signed(twin))

    assert 0 == recorded("trading_orders_submitted_total")


def test_something_else_is_refused():
    """Broken, a wrong argument fails later, somewhere inside, with a message about attributes."""
    with pytest.raises(ConfigurationError, match="instrument_polymarket takes a ClobClient"):
        instrument_polymarket([])


def test_a_batch_of_orders_is_as_many_orders(client, venue, metrics, recorded):
    """Broken, a market maker's quotes are no orders, or one that was refused counts as open."""
    rows = [
        {"success": True, "errorMsg": "", "orderID": "0xa", "status": "live"},
        {"success": True, "errorMsg": "invalid post-only order: order crosses book", "orderID": "", "status": ""},
        {"success": True, "errorMsg": "", "orderID": "0xc", "status": "matched", "takingAmount": "4"},
    ]
    with instrument_polymarket(client, metrics=metrics) as handle:
        venue.routes["POST", "/orders"] = rows
        client.post_orders([PostOrdersArgs(signed(client), OrderType.GTC) for _ in rows])
        assert 2 == handle.orders.open_orders()
        venue.routes["POST", "/orders"] = (503, {"error": "matching engine restarts"})
        with pytest.raises(PolyApiException):
            client.post_orders([PostOrdersArgs(signed(client), OrderType.GTC) for _ in range(2)])
        assert 2 == handle.orders.open_orders()

    assert 5 == recorded("trading_orders_submitted_total", side="BUY", order_type="LIMIT")
    assert (1, 2) == (recorded("trading_orders_rejected_total"), recorded("trading_orders_unknown_total"))
    assert {("ok",): 1.0, ("503",): 1.0} == recorded.by("trading_api_requests_total", "status")
    assert {} == recorded.anomalies()


def test_cancels_of_one_order_of_a_market_and_of_all(client, venue, metrics, recorded):
    """Broken, orders that a bot cancels at its end stay open, and its messages are not counted."""
    venue.routes |= {
        ("DELETE", "/order"): {"canceled": ["0x1"], "not_canceled": {}},
        ("DELETE", "/cancel-market-orders"): {"canceled": ["0x2", "0xother"], "not_canceled": {}},
        ("DELETE", "/cancel-all"): {"canceled": ["0x3"], "not_canceled": {}},
    }
    with instrument_polymarket(client, metrics=metrics) as handle:
        for _ in range(4):
            client.post_order(signed(client))
        left = []
        for cancel in (lambda: client.cancel("0x1"), client.cancel_market_orders, client.cancel_all):
            cancel()
            left.append(handle.orders.open_orders())
        assert [3, 2, 1] == left
        venue.routes["DELETE", "/cancel-all"] = (500, {"error": "?"})
        with pytest.raises(PolyApiException):
            client.cancel_all()
        assert 1 == handle.orders.open_orders()

    assert 3 == recorded("trading_orders_cancelled_total")
    assert 4 == recorded("trading_order_messages_total", action="cancel")
    assert {} == recorded.anomalies()


def test_an_order_is_filled_when_all_of_it_is_matched(client, venue, metrics, recorded):
    """Broken, an order ends with its first match, and the rest of it trades unseen."""
    order = {"id": "0x1", "status": "ORDER_STATUS_LIVE", "original_size": "10", "size_matched": "0"}
    with instrument_polymarket(client, metrics=metrics) as handle:
        client.post_order(signed(client))
        for told in ({}, {"status": "MATCHED", "size_matched": "4"}, {"id": "0xother", "status": "MATCHED"}):
            venue.routes["GET", "/data/order/0x1"] = {**order, **told}
            client.get_order("0x1")
            assert 1 == handle.orders.open_orders()
        assert 0 == recorded("trading_orders_filled_total")
        venue.routes["GET", "/data/order/0x1"] = {**order, "status": "MATCHED", "size_matched": "9.995"}
        client.get_order("0x1")
        assert 0 == handle.orders.open_orders()

    assert 1 == recorded("trading_orders_filled_total")
    assert 0 == recorded("trading_order_foreign_total")
    assert {} == recorded.anomalies()


def test_a_trade_that_failed_on_the_chain_is_none(client, venue, metrics, recorded):
    """Broken, the bot's trades and positions hold what was never settled."""
    trade = {"id": "t1", "taker_order_id": "0x1", "asset_id": TOKEN, "side": "BUY", "size": "4", "price": "0.5",
             "status": "TRADE_STATUS_FAILED", "maker_orders": []}  # fmt: skip
    venue.routes["GET", "/data/trades"] = {"data": [trade, {**trade, "id": "t2", "status": "MINED"}], **END}
    with instrument_polymarket(client, metrics=metrics):
        client.post_order(signed(client))
        client.get_trades()

    assert 1 == recorded("trading_trades_total")


def test_a_part_of_the_open_orders_ends_no_other(client, venue, metrics, recorded):
    """Broken, asking for the orders of one market ends those of all others."""
    venue.routes["GET", "/data/orders"] = {"data": [], **END}
    with instrument_polymarket(client, metrics=metrics) as handle:
        client.post_order(signed(client))
        client.get_orders(OpenOrderParams(asset_id="5"))
        client.get_orders(next_cursor="MTAw")
        assert 1 == handle.orders.open_orders()

    assert 0 == recorded("trading_orders_unknown_total")


def test_prices_of_several_tokens_at_once(client, venue, metrics, recorded):
    """Broken, a bot that asks for all its prices in one request has no market data."""
    book = {"market": "m", "asset_id": TOKEN, "timestamp": str(int(time.time() * 1000)), "bids": [], "asks": [],
            "min_order_size": "5", "neg_risk": False, "tick_size": "0.01", "last_trade_price": "0.5",
            "hash": "h"}  # fmt: skip
    venue.routes |= {
        ("GET", "/book"): book,
        ("POST", "/books"): [book],
        ("POST", "/midpoints"): {TOKEN: "0.5"},
        ("GET", "/price"): (404, {"error": "No orderbook exists"}),
    }
    names = {TOKEN: "yes", "8": "no"}
    with instrument_polymarket(client, metrics=metrics, symbols=names.get):
        client.get_order_book(TOKEN)
        client.get_order_books([BookParams(TOKEN)])
        client.get_midpoints([BookParams(TOKEN), BookParams("8")])
        with pytest.raises(PolyApiException):
            client.get_price("8", "BUY")

    updates = {("yes",): 3.0, ("no",): 1.0}
    assert updates == recorded.by("trading_market_data_updates_total", "symbol")
    assert 1 == recorded("trading_api_requests_total", endpoint="/get_price", status="404")
    assert {} == recorded.anomalies()


def test_a_balance_that_cannot_be_had_is_not_zero(client, venue, metrics, recorded):
    """Broken, an outage of the exchange shows as an empty account, and fires the alert for lost capital."""
    venue.routes["GET", "/balance-allowance"] = {"balance": "25000000", "allowances": {}}
    collateral = BalanceAllowanceParams(asset_type=AssetType.COLLATERAL)
    with instrument_polymarket(client, metrics=metrics):
        client.get_balance_allowance(collateral)
        venue.routes["GET", "/balance-allowance"] = (503, {"error": "?"})
        with pytest.raises(PolyApiException):
            client.get_balance_allowance(collateral)
        assert 25 == recorded("trading_capital_total")

    assert {} == recorded.anomalies()
