"""`instrument_polymarket` on the client of py-clob-client-v2, with canned answers beneath its HTTP client."""

import copy
import json

import pytest
from integration_support import library

library("py_clob_client_v2")

import httpx  # noqa: E402
from py_clob_client_v2.client import ClobClient  # noqa: E402
from py_clob_client_v2.clob_types import (  # noqa: E402
    ApiCreds,
    AssetType,
    BalanceAllowanceParams,
    BookParams,
    OrderArgsV2,
    OrderPayload,
    OrderType,
    PartialCreateOrderOptions,
    PostOrdersV2Args,
)
from py_clob_client_v2.exceptions import PolyApiException  # noqa: E402
from py_clob_client_v2.http_helpers import helpers  # noqa: E402

from tradmetrics.integrations.polymarket import instrument_polymarket  # noqa: E402

TOKEN = "7" * 77
LAST = {"next_cursor": "LTE=", "limit": 100, "count": 1}
LIVE = {"success": True, "errorMsg": "", "orderID": "0x1", "status": "live"}


@pytest.fixture
def routes(monkeypatch):
    """The exchange's answers by method and path."""
    found = {
        ("POST", "/order"): LIVE,
        ("GET", "/tick-size"): {"minimum_tick_size": "0.01"},
        ("GET", "/version"): {"version": 2},
    }

    def answer(request):
        given = found[request.method, request.url.path]
        status, content = given if isinstance(given, tuple) else (200, given)
        return httpx.Response(status, content=json.dumps(content))

    monkeypatch.setattr(helpers, "_http_client", httpx.Client(transport=httpx.MockTransport(answer)))
    return found


@pytest.fixture
def client(routes):
    """A client over the exchange."""
    return ClobClient("https://x", chain_id=137, key="0x" + "1" * 64, creds=ApiCreds("k", "c2VjcmV0", "p"))


def signed(client, side="BUY", size=10.0):
    """An order, signed."""
    options = PartialCreateOrderOptions(tick_size="0.01", neg_risk=False)
    return client.create_order(OrderArgsV2(token_id=TOKEN, price=0.5, size=size, side=side), options)


def trade(trade_id, order_id, **more):
    """A trade of a taker."""
    return {"id": trade_id, "taker_order_id": order_id, "asset_id": TOKEN, "side": "BUY", "size": "10", "price": "0.5",
            "status": "CONFIRMED", "transaction_hash": "0xhash", "maker_orders": [], **more}  # fmt: skip


def test_an_order_that_matches_at_once(client, routes, metrics, recorded):
    """Broken, the trades that the client itself asks for while it posts an order are lost, or count twice."""
    matched = {"status": "matched", "takingAmount": "10", "makingAmount": "5", "tradeIDs": ["t1"]}
    routes["POST", "/order"] = LIVE | matched
    routes["GET", "/data/trades"] = {"data": [trade("t1", "0x1")], **LAST}
    with instrument_polymarket(client, strategy="s", metrics=metrics) as handle:
        client.post_order(signed(client), OrderType.FOK)
        client.get_trades()
        assert 0 == handle.orders.open_orders()

    assert 1 == recorded("trading_orders_submitted_total", side="BUY", order_type="MARKET")
    assert 1 == recorded("trading_orders_filled_total", strategy="s")
    assert 1 == recorded("trading_trades_total", side="BUY")
    assert {} == recorded.anomalies()


def test_batches_cancels_and_open_orders(client, routes, metrics, recorded):
    """Broken, orders that were cancelled, or ended while nobody looked, stay open."""
    routes["POST", "/orders"] = [LIVE, LIVE | {"orderID": "0x2"}, LIVE | {"orderID": "0x3"}]
    routes["DELETE", "/order"] = {"canceled": ["0x1"], "not_canceled": {}}
    routes["DELETE", "/orders"] = {"canceled": ["0x2"], "not_canceled": {}}
    routes["GET", "/data/orders"] = {"data": [], **LAST}
    with instrument_polymarket(client, metrics=metrics) as handle:
        client.post_orders([PostOrdersV2Args(signed(client, "SELL"), OrderType.GTC) for _ in range(3)])
        client.cancel_order(OrderPayload(orderID="0x1"))
        client.cancel_orders(["0x2"])
        client.get_open_orders(only_first_page=True)
        assert 1 == handle.orders.open_orders()
        client.get_open_orders()
        assert 0 == handle.orders.open_orders()

    assert 3 == recorded("trading_orders_submitted_total", side="SELL", order_type="LIMIT")
    assert (2, 1) == (recorded("trading_orders_cancelled_total"), recorded("trading_orders_unknown_total"))
    assert {("new",): 3.0, ("cancel",): 2.0} == recorded.by("trading_order_messages_total", "action")


def test_refusals(client, routes, metrics, recorded):
    """Broken, reasons hold ids, or an order that may be live counts as refused."""
    with instrument_polymarket(client, metrics=metrics):
        for answer in ((400, {"error": "order 0xabc123 is invalid: price 0.5"}), (503, {"error": "try later"})):
            routes["POST", "/order"] = answer
            with pytest.raises(PolyApiException):
                client.post_order(signed(client))

    assert {("order",): 1.0} == recorded.by("trading_orders_rejected_total", "reason")
    assert 1 == recorded("trading_orders_unknown_total")


def test_balance_and_prices(client, routes, metrics, recorded):
    """Broken, the account's panels stay empty although the bot asks for all of it."""
    routes["GET", "/balance-allowance"] = {"balance": "25000000", "allowances": {}}
    routes["POST", "/midpoints"] = {TOKEN: "0.5"}
    with instrument_polymarket(client, metrics=metrics, symbols={TOKEN: "yes"}.get):
        client.get_balance_allowance(BalanceAllowanceParams(asset_type=AssetType.COLLATERAL))
        client.get_midpoints([BookParams(token_id=TOKEN)])

    assert 25 == recorded("trading_capital_total")
    assert 1 == recorded("trading_market_data_updates_total", symbol="yes")
    assert {} == recorded.anomalies()


def test_a_copy_is_not_recorded(client, routes, metrics, recorded):
    """Broken, a copied client counts as the original."""
    instrument_polymarket(client, metrics=metrics)
    twin = copy.copy(client)
    assert type(twin) is ClobClient
    twin.post_order(signed(twin))

    assert 0 == recorded("trading_orders_submitted_total")
