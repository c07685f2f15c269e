"""`instrument_alpaca` on alpaca-py's own clients, with canned answers: closes, legs, and the latest prices."""

import asyncio
import json
from datetime import datetime, timezone

import pytest
from integration_support import library
from wire import Wire

from tradmetrics import ConfigurationError

library("alpaca")

from alpaca.common.exceptions import APIError  # noqa: E402
from alpaca.data.historical.stock import StockHistoricalDataClient  # noqa: E402
from alpaca.data.requests import StockLatestQuoteRequest, StockSnapshotRequest  # noqa: E402
from alpaca.trading.client import TradingClient  # noqa: E402
from alpaca.trading.requests import LimitOrderRequest  # noqa: E402
from alpaca.trading.stream import TradingStream  # noqa: E402

from tradmetrics.integrations.alpaca import instrument_alpaca  # noqa: E402


def order(order_id, status="new", *, filled="0", side="buy", **more):
    """An order as the trading API answers it."""
    return {"id": order_id, "client_order_id": f"c{order_id}", "symbol": "AAPL", "qty": "10", "filled_qty": filled,
            "side": side, "type": "limit", "status": status, "order_class": "", **more}  # fmt: skip


@pytest.fixture
def wire():
    """The broker."""
    return Wire()


@pytest.fixture
def client(wire):
    """A client over the broker."""
    made = TradingClient("key", "secret", raw_data=True)
    wire.under(made._session)
    return made


@pytest.fixture
def stream():
    """A stream of orders that is not connected."""
    return TradingStream("key", "secret", raw_data=True)


def submit(client, wire, answer):
    """Send an order that is answered so."""
    wire.routes["POST", "/orders"] = answer
    client.submit_order(LimitOrderRequest(symbol="AAPL", qty=10, side="buy", time_in_force="day", limit_price=100))


def receive(stream, event, told, **more):
    """Hand an update of an order to the stream, as its socket would."""
    asyncio.run(stream._dispatch({"stream": "trade_updates", "data": {"event": event, "order": told, **more}}))


def test_closing_everything_sends_an_order_for_each_position(client, wire, metrics, recorded):
    """Broken, the orders that take a bot out of the market are not counted, and their fills belong to nobody."""
    wire.routes["DELETE", "/positions"] = [
        {"symbol": "AAPL", "status": 200, "body": order("1", side="sell")},
        {"symbol": "MSFT", "status": 422, "body": {"code": 40310000, "message": "insufficient qty"}},
    ]
    wire.routes["DELETE", "/positions/AAPL"] = (403, {"code": 40310000, "message": "position is not found"})
    with instrument_alpaca(client, strategy="s", metrics=metrics) as handle:
        client.close_all_positions(cancel_orders=True)
        with pytest.raises(APIError):
            client.close_position("AAPL")
        assert 1 == handle.orders.open_orders()
        wire.routes["GET", "/orders"] = [order("1", "filled", filled="10", side="sell"), order("other", "filled")]
        client.get_orders()
        assert 0 == handle.orders.open_orders()

    assert {("SELL",): 1.0} == recorded.by("trading_orders_submitted_total", "side")
    assert 1 == recorded("trading_orders_filled_total")
    assert {} == recorded.anomalies()


@pytest.mark.parametrize(
    ("kind", "status", "filled", "left", "counted"),
    [
        ("bracket", "canceled", "0", 0, (0, 3)),
        ("bracket", "canceled", "4", 2, (0, 1)),
        ("bracket", "filled", "10", 2, (1, 0)),
        ("mleg", "filled", "10", 0, (3, 0)),
        ("mleg", "expired", "4", 0, (0, 3)),
    ],
)
def test_legs_that_are_held_end_with_their_parent(
    client, stream, wire, metrics, recorded, kind, status, filled, left, counted
):
    """Broken, the legs of each bracket that never filled stay open for ever, or live ones are no longer watched."""
    legs = [order(each, "held", side="sell") for each in ("2", "3")]
    with instrument_alpaca(client, stream, metrics=metrics) as handle:
        submit(client, wire, order("1", order_class=kind, legs=legs))
        assert 3 == handle.orders.open_orders()
        receive(stream, status, order("1", status, filled=filled, order_class=kind, legs=legs), execution_id="e",
                qty=filled, price="100")  # fmt: skip
        assert left == handle.orders.open_orders()

    assert counted == (recorded("trading_orders_filled_total"), recorded("trading_orders_cancelled_total"))
    assert 1 == recorded("trading_order_messages_total", action="new")
    assert {} == recorded.anomalies()


def test_an_order_that_was_replaced_elsewhere_goes_on_under_its_new_id(client, stream, wire, metrics, recorded):
    """Broken, an order that is changed by hand stays open for ever, and its fill is nobody's."""
    with instrument_alpaca(client, stream, metrics=metrics) as handle:
        submit(client, wire, order("1"))
        receive(stream, "replaced", order("1", "replaced", replaced_by="2"))
        receive(stream, "replaced", order("other", "replaced", replaced_by="another"))
        assert 1 == handle.orders.open_orders()
        receive(stream, "fill", order("2", "filled", filled="10"), execution_id="e", qty="10", price="100")
        assert 0 == handle.orders.open_orders()

    assert (1, 1) == (recorded("trading_orders_submitted_total"), recorded("trading_orders_filled_total"))
    assert 1 == recorded("trading_trades_total", side="BUY")
    assert {} == recorded.anomalies()


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "models"])
def test_the_latest_prices_are_market_data(wire, metrics, recorded, raw):
    """Broken, a bot that polls quotes instead of a stream shows as one whose feed is silent."""
    now = datetime.now(timezone.utc).isoformat()
    quote = {"t": now, "ax": "V", "ap": 100.1, "as": 1, "bx": "V", "bp": 100.0, "bs": 1, "c": ["R"], "z": "C"}
    trade = {"t": now, "x": "V", "p": 100.0, "s": 1, "c": ["@"], "i": 1, "z": "C"}
    wire.routes |= {
        ("GET", "/stocks/quotes/latest"): {"quotes": {"AAPL": quote}},
        ("GET", "/stocks/snapshots"): {"AAPL": {"latestQuote": quote}, "MSFT": {"latestTrade": trade}},
    }
    data = StockHistoricalDataClient("key", "secret", raw_data=raw)
    wire.under(data._session)
    with instrument_alpaca(data=[data], metrics=metrics):
        data.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols="AAPL"))
        data.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols=["AAPL", "MSFT"]))
        wire.routes["GET", "/stocks/snapshots"] = (500, {"code": 50010000, "message": "internal"})
        with pytest.raises(APIError):
            data.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols=["AAPL"]))

    assert {("AAPL",): 2.0, ("MSFT",): 1.0} == recorded.by("trading_market_data_updates_total", "symbol")
    assert 3 == recorded("trading_market_data_age_seconds_count")
    assert 1 == recorded("trading_api_requests_total", endpoint="/stocks/quotes/latest", status="200")
    assert {} == recorded.anomalies()


def test_the_account_and_one_position(client, wire, metrics, recorded):
    """Broken, an outage shows as an empty account, or a look at one position closes all others."""
    long = {"symbol": "AAPL", "side": "long", "qty": "10", "unrealized_pl": "50", "avg_entry_price": "100"}
    short = {"symbol": "MSFT", "side": "short", "qty": "4", "unrealized_pl": "-20", "avg_entry_price": "200"}
    wire.routes |= {
        ("GET", "/account"): {"currency": "USD", "cash": "4000", "equity": "10000", "last_equity": "0"},
        ("GET", "/positions"): [long, short],
        ("GET", "/positions/MSFT"): {**short, "unrealized_pl": "", "qty": "-2"},
    }
    with instrument_alpaca(client, metrics=metrics):
        client.get_account()
        client.get_all_positions()
        assert (2, 30) == (recorded("trading_positions_open"), recorded("trading_unrealized_pnl"))
        client.get_open_position("MSFT")
        assert 2 == recorded("trading_positions_open")
        for end in ("/account", "/positions", "/positions/MSFT"):
            wire.routes["GET", end] = (500, {"code": 50010000, "message": "internal"})
        for call in (client.get_account, client.get_all_positions, lambda: client.get_open_position("MSFT")):
            with pytest.raises(APIError):
                call()
        assert 2 == recorded("trading_positions_open")

    assert (10_000, 4_000) == (recorded("trading_capital_total"), recorded("trading_capital_available"))
    assert 2 == recorded("trading_api_requests_total", endpoint="/positions/{id}")
    assert {} == recorded.anomalies()


def test_a_source_of_data_that_is_none_is_refused():
    """Broken, a wrong argument fails later, somewhere inside, with a message about attributes."""
    with pytest.raises(ConfigurationError, match="instrument_alpaca takes data=StockDataStream"):
        instrument_alpaca(data=[json])


def test_switched_off_nothing_is_recorded_of_account_and_market(client, wire, metrics, recorded):
    """Broken, a bot whose account is recorded elsewhere has it twice."""
    wire.routes["GET", "/account"] = {"currency": "USD", "cash": "4000", "equity": "10000"}
    wire.routes["GET", "/clock"] = {"is_open": True}
    with instrument_alpaca(client, metrics=metrics, account=False, market_data=False):
        assert "10000" == client.get_account()["equity"]
        client.get_clock()
        submit(client, wire, order("1"))

    assert (0, 0) == (recorded("trading_capital_total"), recorded("trading_market_session_open"))
    assert 1 == recorded("trading_orders_submitted_total")
