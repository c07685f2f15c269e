"""`instrument_pybit` on pybit's own HTTP client and stream parser, with canned answers beneath its session."""

import copy
import itertools
import json
import pickle

import pytest
from integration_support import library
from wire import Wire

from tradmetrics import ConfigurationError

library("pybit")

from pybit.exceptions import InvalidRequestError  # noqa: E402
from pybit.unified_trading import HTTP, WebSocket  # noqa: E402

from tradmetrics.integrations.pybit import instrument_pybit  # noqa: E402


def answer(result, code=0, **more):
    """An answer of the exchange."""
    return {"retCode": code, "retMsg": "OK" if not code else "refused", "result": result, "time": None, **more}


@pytest.fixture
def wire():
    """The exchange."""
    numbers = itertools.count(1)
    return Wire({("POST", "/v5/order/create"): lambda _: answer({"orderId": f"o{next(numbers)}", "orderLinkId": ""})})


@pytest.fixture
def http(wire):
    """A client over the exchange."""
    made = HTTP(api_key="key", api_secret="secret")
    wire.under(made.client)
    return made


@pytest.fixture
def stream():
    """A private stream that is not connected."""
    made = WebSocket.__new__(WebSocket)
    made.ws_name, made.callback_directory, made.symbol_separator = "Private (Auth)", {}, "."
    made.is_connected = lambda: False
    return made


def receive(stream, topic, *data, **more):
    """Hand a message to the stream, as its socket would."""
    stream.callback_directory.setdefault(topic, lambda message: None)
    stream._handle_incoming_message({"topic": topic, "ts": 0, "data": list(data), **more})


def order(order_id, status, done="0", **more):
    """An order of the private stream."""
    return {"orderId": order_id, "orderLinkId": "", "symbol": "BTCUSDT", "side": "Buy", "orderStatus": status,
            "cumExecQty": done, "avgPrice": "100", "rejectReason": "EC_NoError", **more}  # fmt: skip


def execution(order_id, number, side, size, pnl, closed="0", **more):
    """An execution of the private stream."""
    return {"category": "linear", "symbol": "BTCUSDT", "orderId": order_id, "execId": f"e{number}", "side": side,
            "execQty": size, "execPrice": "100", "execFee": "0.05", "execType": "Trade", "execPnl": pnl,
            "closedSize": closed, **more}  # fmt: skip


def test_orders_executions_and_profit(http, stream, metrics, recorded):
    """Broken, a Bybit bot's orders stay open, or its openings count as trades."""
    details = {"category": "linear", "symbol": "BTCUSDT", "orderType": "Limit", "price": "100"}
    with instrument_pybit(http, stream, strategy="s", metrics=metrics) as handle:
        http.place_order(side="Buy", qty="2", **details)
        http.place_order(side="Sell", qty="2", **details)
        receive(stream, "execution", execution("o1", 1, "Buy", "2", "0"))
        receive(stream, "order", order("o1", "Filled", "2"))
        receive(stream, "execution", execution("o2", 2, "Sell", "2", "15", "2"))
        receive(stream, "order", order("o2", "PartiallyFilledCanceled", "1", side="Sell"))
        assert 0 == handle.orders.open_orders()

    assert 1 == recorded("trading_orders_filled_total")
    assert 1 == recorded("trading_orders_cancelled_total")
    assert {("SELL",): 1.0} == recorded.by("trading_trades_total", "side")
    assert 15 == recorded("trading_profit_total", strategy="s")
    assert 0.1 == pytest.approx(recorded("trading_cash_paid_total", kind="fee"))
    assert 2 == recorded("trading_api_requests_total", endpoint="/v5/order/create", method="POST", status="ok")
    assert {} == recorded.anomalies()


def test_a_hedged_account_has_two_sides(http, stream, metrics, recorded):
    """Broken, opening a short beside a long counts as a trade, and each update of one side as drift."""

    def held(index, size):
        return {"category": "linear", "symbol": "BTCUSDT", "side": "Buy" if index == 1 else "Sell", "size": size,
                "positionIdx": index, "unrealisedPnl": "1", "entryPrice": "100"}  # fmt: skip

    details = {"category": "linear", "symbol": "BTCUSDT", "orderType": "Market"}
    with instrument_pybit(http, stream, metrics=metrics):
        for index, side in ((1, "Buy"), (2, "Sell"), (1, "Sell")):
            http.place_order(side=side, qty="2", positionIdx=index, **details)
        receive(stream, "execution", execution("o1", 1, "Buy", "2", "0"), execution("o2", 2, "Sell", "2", "0"))
        assert 0 == recorded("trading_trades_total")
        receive(stream, "position", held(1, "2"), held(2, "2"))
        receive(stream, "execution", execution("o3", 3, "Sell", "2", "0", "2"))
        receive(stream, "position", held(1, "0"))

    assert {("SELL",): 1.0} == recorded.by("trading_trades_total", "side")  # at the price at which it was opened
    assert {} == recorded.by("trading_position_drift", "symbol")
    assert 1 == recorded("trading_positions_open")


@pytest.mark.parametrize(
    ("status", "told", "reason"),
    [
        ("Cancelled", {"cancelType": "CancelByPrepareLiq"}, "prepare_liq"),
        ("PartiallyFilledCanceled", {"cancelType": "CancelByReduceOnly"}, "reduce_only"),
        ("Cancelled", {"rejectReason": "EC_PostOnlyWillTakeLiquidity"}, "postonlywilltakeliquidity"),
        ("Cancelled", {"cancelType": "CancelByUser"}, "unknown"),
        ("Cancelled", {"cancelType": "UNKNOWN"}, "unknown"),
    ],
)
def test_a_cancel_by_bybit_has_its_reason(status, told, reason, http, stream, metrics, recorded):
    """Broken, orders that a liquidation takes away look like those that the bot has cancelled."""
    with instrument_pybit(http, stream, metrics=metrics):
        http.place_order(category="linear", symbol="BTCUSDT", side="Buy", orderType="Limit", qty="2", price="100")
        receive(stream, "order", order("o1", status, **told))

    assert {(reason,): 1.0} == recorded.by("trading_orders_cancelled_total", "reason")


def test_a_spot_pnl_is_net_of_a_fee_in_coins(http, stream, metrics, recorded):
    """Broken, `pnl_from_fills` loses the whole P&L of a bot whose first fee was paid in coins."""
    details = {"category": "spot", "symbol": "BTCUSDT", "orderType": "Market", "qty": "2"}
    spot = {"category": "spot", "closed": ""}
    with instrument_pybit(http, stream, metrics=metrics, pnl_from_fills=True):
        for side in ("Buy", "Sell"):
            http.place_order(side=side, **details)
        receive(
            stream,
            "execution",
            execution("o1", 1, "Buy", "2", "", feeCurrency="BTC", **spot | {"execFee": "0.01"}),
            execution("o2", 2, "Sell", "2", "", feeCurrency="USDT", **spot | {"execFee": "1", "execPrice": "110"}),
        )

    assert (18, 2) == (recorded("trading_profit_total"), recorded("trading_cash_paid_total", kind="fee"))
    assert {} == recorded.anomalies()


def test_refusals_have_bybits_code(http, wire, metrics, recorded):
    """Broken, every refusal looks alike."""
    codes = [{"code": 0, "msg": "OK"}, {"code": 110007, "msg": "not enough"}]
    rows = {"list": [{"orderId": "b1", "orderLinkId": ""}, {"orderId": "", "orderLinkId": ""}]}
    wire.routes["POST", "/v5/order/create-batch"] = answer(rows, retExtInfo={"list": codes})
    request = {"symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "1"}
    with instrument_pybit(http, metrics=metrics) as handle:
        http.place_batch_order(category="linear", request=[request, request])
        wire.routes["POST", "/v5/order/create"] = answer({}, 110012)
        with pytest.raises(InvalidRequestError):
            http.place_order(category="linear", **request)
        assert 1 == handle.orders.open_orders()

    assert {("code_110007",): 1.0, ("code_110012",): 1.0} == recorded.by("trading_orders_rejected_total", "reason")
    assert 3 == recorded("trading_orders_submitted_total")


def test_what_is_no_longer_listed_or_was_cancelled_has_ended(http, wire, stream, metrics, recorded):
    """Broken, orders that ended while nobody looked stay open."""
    wire.routes["POST", "/v5/order/cancel-all"] = answer({"list": [{"orderId": "o1", "orderLinkId": ""}]})
    wire.routes["GET", "/v5/order/realtime"] = answer({"list": []})
    request = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "1", "price": "1"}
    with instrument_pybit(http, stream, metrics=metrics) as handle:
        http.place_order(**request)
        http.cancel_all_orders(category="linear", symbol="BTCUSDT")
        assert 0 == handle.orders.open_orders()
        http.place_order(**request)
        receive(stream, "order", order("o2", "New"))
        http.get_open_orders(category="linear", symbol="BTCUSDT")
        assert 0 == handle.orders.open_orders()

    assert (1, 1) == (recorded("trading_orders_cancelled_total"), recorded("trading_orders_unknown_total"))


def test_wallet_positions_prices_and_connection(http, wire, stream, metrics, recorded):
    """Broken, the account's panels stay empty although the bot asks for all of it."""
    wallet = {
        "accountType": "UNIFIED",
        "totalEquity": "1000",
        "totalInitialMargin": "100",
        "totalAvailableBalance": "900",
    }
    position = {"symbol": "BTCUSDT", "side": "Sell", "size": "2", "avgPrice": "100", "unrealisedPnl": "-3"}
    wire.routes |= {
        ("GET", "/v5/account/wallet-balance"): answer({"list": [wallet]}),
        ("GET", "/v5/position/list"): answer({"list": [position]}),
        ("GET", "/v5/market/tickers"): answer({"list": [{"symbol": "BTCUSDT", "lastPrice": "100"}]}),
    }
    with instrument_pybit(http, stream, metrics=metrics):
        http.get_wallet_balance(accountType="UNIFIED")
        http.get_positions(category="linear", settleCoin="USDT")
        http.get_tickers(category="linear", symbol="BTCUSDT")
        assert (1000, 900, 100) == tuple(
            recorded(f"trading_{name}") for name in ("capital_total", "capital_available", "margin_used")
        )
        assert (1, -3) == (recorded("trading_positions_open"), recorded("trading_unrealized_pnl"))
        receive(stream, "position", {**position, "size": "0", "side": ""})
        assert 0 == recorded("trading_positions_open")

    assert 1 == recorded("trading_market_data_updates_total", symbol="BTCUSDT")
    assert {} == recorded.anomalies()


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda http: pickle.loads(pickle.dumps(http))])
def test_a_copy_is_not_recorded(copied, http, wire, metrics, recorded):
    """Broken, a copied client trades on the original's account."""
    instrument_pybit(http, metrics=metrics)
    twin = copied(http)
    wire.under(twin.client)
    assert type(twin) is HTTP
    twin.place_order(category="linear", symbol="BTCUSDT", side="Buy", orderType="Market", qty="1")

    assert 0 == recorded("trading_orders_submitted_total")


def test_something_else_is_refused():
    """Broken, a wrong argument fails later, somewhere inside, with a message about attributes."""
    with pytest.raises(ConfigurationError, match="instrument_pybit: give http"):
        instrument_pybit()
    with pytest.raises(ConfigurationError, match="instrument_pybit takes http=HTTP"):
        instrument_pybit(json)
