"""`instrument_pybit`: orders over the trading socket, fast executions, and lists that hold a part of the account."""

import itertools
import json
import time

import pytest
from integration_support import Recorded, break_hooks, library, needs
from wire import Wire

from tradmetrics import TradingMetrics

library("pybit")

import websocket  # noqa: E402
from pybit.exceptions import InvalidRequestError  # noqa: E402
from pybit.unified_trading import HTTP, WebSocket, WebSocketTrading  # noqa: E402

from tradmetrics.integrations.pybit import instrument_pybit  # noqa: E402

ORDER = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "1", "price": "1"}


def answer(result, code=0, **more):
    """An answer of the exchange."""
    return {"retCode": code, "retMsg": "OK" if not code else "refused", "result": result, **more}


@pytest.fixture
def wire():
    """The exchange."""
    numbers = itertools.count(1)

    def create(request):
        return answer({"orderId": f"o{next(numbers)}", "orderLinkId": json.loads(request.body).get("orderLinkId", "")})

    return Wire({("POST", "/v5/order/create"): create})


@pytest.fixture
def http(wire):
    """A client over the exchange."""
    made = HTTP(api_key="key", api_secret="secret")
    wire.under(made.client)
    return made


@pytest.fixture
def stream(monkeypatch):
    """A private stream that is not connected."""
    monkeypatch.setattr(WebSocket, "_connect", lambda *_: None)
    return WebSocket(channel_type="private", testnet=True, api_key="key", api_secret="secret")


class Socket:
    """The connection beneath a trading socket."""

    def __init__(self):
        self.requests = []

    def send(self, text):
        self.requests.append(json.loads(text))


@pytest.fixture
def trading(monkeypatch):
    """A trading socket that is not connected."""
    monkeypatch.setattr(WebSocketTrading, "_connect", lambda *_: None)
    made = WebSocketTrading(testnet=True, api_key="key", api_secret="secret")
    made.ws = Socket()
    return made


def respond(trading, data, code=0, **more):
    """Answer the last request of a trading socket."""
    asked = trading.ws.requests[-1]
    message = {"reqId": asked["reqId"], "op": asked["op"], "retCode": code, "retMsg": "", "data": data, **more}
    trading._on_message(json.dumps(message))


def receive(stream, topic, *data):
    """Hand a message to the stream, as its socket would."""
    stream.callback_directory.setdefault(topic, lambda message: None)
    stream._on_message(json.dumps({"topic": topic, "data": list(data)}))


def test_orders_over_the_trading_socket(trading, stream, metrics, recorded):
    """Broken, the orders of a bot that trades over the socket are not counted."""
    needs(WebSocketTrading, "place_batch_order")
    heard = []
    with instrument_pybit(websocket=[trading, stream], strategy="s", metrics=metrics) as handle:
        trading.place_order(heard.append, **ORDER)
        respond(trading, {"orderId": "w1", "orderLinkId": ""})
        trading.place_order(heard.append, **ORDER)
        respond(trading, {}, 110007)
        trading.amend_order(heard.append, category="linear", symbol="BTCUSDT", orderId="w1", qty="2")
        respond(trading, {"orderId": "w1", "orderLinkId": ""})
        trading.place_batch_order(heard.append, category="linear", request=[ORDER, ORDER])
        codes = [{"code": 0, "msg": "OK"}, {"code": 110012, "msg": "no"}]
        rows = [{"orderId": "w2", "orderLinkId": ""}, {"orderId": "", "orderLinkId": ""}]
        respond(trading, {"list": rows}, retExtInfo={"list": codes})
        assert 2 == handle.orders.open_orders()
        trading.cancel_order(heard.append, category="linear", symbol="BTCUSDT", orderId="w1")
        respond(trading, {"orderId": "w1", "orderLinkId": ""})
        receive(stream, "order", {"orderId": "w1", "orderStatus": "Cancelled", "cumExecQty": "0"})
        assert 1 == handle.orders.open_orders()
        trading.place_order(heard.append, **ORDER)
        trading._on_close()

    assert 4 == len(heard)
    assert 5 == recorded("trading_orders_submitted_total", strategy="s")
    assert {("code_110007",): 1.0, ("code_110012",): 1.0} == recorded.by("trading_orders_rejected_total", "reason")
    assert (1, 1) == (recorded("trading_orders_cancelled_total"), recorded("trading_orders_unknown_total"))
    statuses = {("ok",): 1.0, ("code_110007",): 1.0, ("connection_error",): 1.0}
    assert statuses == {
        key[1:]: count
        for key, count in recorded.by("trading_api_requests_total", "endpoint", "status").items()
        if key[0] == "order.create"
    }
    assert {("new",): 5.0, ("modify",): 1.0, ("cancel",): 1.0} == recorded.by("trading_order_messages_total", "action")
    assert {} == recorded.anomalies()


def test_a_fast_execution_does_not_hide_the_profit(http, stream, metrics, recorded):
    """Broken, a bot that listens to both topics of executions has trades without a P&L."""
    fast = {"category": "linear", "symbol": "BTCUSDT", "orderId": "o1", "execId": "e1", "side": "Sell",
            "execQty": "1", "execPrice": "100"}  # fmt: skip
    with instrument_pybit(http, stream, metrics=metrics):
        http.place_order(**ORDER)
        stream.callback_directory["execution"] = lambda message: None
        receive(stream, "execution.fast", fast)
        receive(stream, "execution", {**fast, "execType": "Trade", "execFee": "0", "execPnl": "5", "closedSize": "1"})

    assert (1, 5) == (recorded("trading_trades_total"), recorded("trading_profit_total"))


def test_fast_executions_alone_are_trades(http, stream, metrics, recorded):
    """Broken, a bot that listens to fast executions alone has no trades."""
    fast = {"category": "linear", "symbol": "BTCUSDT", "orderId": "o1", "execId": "e1", "side": "Buy",
            "execQty": "1", "execPrice": "100"}  # fmt: skip
    with instrument_pybit(http, stream, metrics=metrics):
        http.place_order(**ORDER)
        receive(stream, "execution.fast.linear", fast)

    assert 1 == recorded("trading_trades_total")


def test_a_list_of_open_orders_ends_those_of_its_symbol_and_category(http, wire, metrics, recorded):
    """Broken, an order that ended unseen stays open, or a list of spot orders ends a contract's."""
    wire.routes["GET", "/v5/order/realtime"] = answer({"list": []})
    with instrument_pybit(http, metrics=metrics) as handle:
        http.place_order(**ORDER, orderLinkId="mine")
        http.place_order(**{**ORDER, "category": "spot"})
        http.get_open_orders(category="spot", symbol="BTCUSDT")
        assert 1 == handle.orders.open_orders()
        http.get_open_orders(category="linear", symbol="BTCUSDT")
        assert 0 == handle.orders.open_orders()

    assert {("not_listed",): 2.0} == recorded.by("trading_orders_unknown_total", "reason")


def test_lists_of_positions_by_category_and_page(http, wire, metrics, recorded):
    """Broken, positions vanish when the bot asks for those of another category, or for their first page."""
    usdt = {"symbol": "BTCUSDT", "side": "Buy", "size": "1"}
    inverse = {"symbol": "BTCUSD", "side": "Buy", "size": "1"}
    with instrument_pybit(http, metrics=metrics):
        for category, rows, cursor in (
            ("linear", [usdt], ""),
            ("inverse", [inverse], ""),
            ("linear", [], "more"),
        ):
            wire.routes["GET", "/v5/position/list"] = answer({"list": rows, "nextPageCursor": cursor})
            http.get_positions(category=category, settleCoin="USDT")
        assert 2 == recorded("trading_positions_open")
        wire.routes["GET", "/v5/position/list"] = answer({"list": [], "nextPageCursor": ""})
        http.get_positions(category="linear", settleCoin="USDT")
        assert 1 == recorded("trading_positions_open")

    assert {} == recorded.anomalies()


def test_buying_spot_is_no_drift_of_the_contract(http, wire, stream, metrics, recorded):
    """Broken, a bot that trades spot against the contract of the same symbol has an alert all day."""
    position = {"symbol": "BTCUSDT", "side": "Sell", "size": "1"}
    wire.routes["GET", "/v5/position/list"] = answer({"list": [position]})
    spot = {"category": "spot", "symbol": "BTCUSDT", "orderId": "o1", "execId": "e1", "side": "Buy", "execQty": "1",
            "execPrice": "100", "execFee": "0", "execType": "Trade", "closedSize": ""}  # fmt: skip
    with instrument_pybit(http, stream, metrics=metrics):
        http.get_positions(category="linear", settleCoin="USDT")
        http.place_order(**{**ORDER, "category": "spot"})
        receive(stream, "execution", spot)
        http.get_positions(category="linear", settleCoin="USDT")

    assert 1 == recorded("trading_trades_total")
    assert {} == recorded.by("trading_position_drift", "symbol")


def test_a_bug_of_ours_reaches_neither_the_caller_nor_the_stream(http, stream, trading, metrics, monkeypatch):
    """Broken, an error in the metrics loses the answer to an order, or ends the thread that reads the stream."""
    heard = []
    instrument_pybit(http, [stream, trading], metrics=metrics)
    break_hooks(monkeypatch)
    assert "o1" == http.place_order(**ORDER)["result"]["orderId"]
    trading.place_order(heard.append, **ORDER)
    respond(trading, {"orderId": "w1", "orderLinkId": ""})
    stream.callback_directory["order"] = heard.append
    receive(stream, "order", {"orderId": "o1", "orderStatus": "Filled", "cumExecQty": "1"})
    receive(stream, "order", {})

    assert 3 == len(heard)


def test_batches_of_amendments_and_of_cancels_are_as_many_messages(http, wire, stream, metrics, recorded):
    """Broken, a market maker's amendments do not count, and an order that was made larger is filled too early."""
    codes = {"list": [{"code": 0, "msg": "OK"}, {"code": 110001, "msg": "order not exists"}]}
    rows = {"list": [{"orderId": "o1", "orderLinkId": ""}, {"orderId": "", "orderLinkId": ""}]}
    wire.routes["POST", "/v5/order/amend-batch"] = answer(rows, retExtInfo=codes)
    wire.routes["POST", "/v5/order/cancel-batch"] = answer(rows, retExtInfo=codes)
    with instrument_pybit(http, stream, metrics=metrics) as handle:
        for _ in range(2):
            http.place_order(**ORDER)
        changes = [{"symbol": "BTCUSDT", "orderId": order_id, "qty": "3"} for order_id in ("o1", "o2")]
        http.amend_batch_order(category="linear", request=changes)
        told = {"orderStatus": "Unknown to us", "cumExecQty": "1", "symbol": "BTCUSDT"}
        receive(stream, "order", {**told, "orderId": "o1"}, {**told, "orderId": "o2"})
        assert 1 == recorded("trading_orders_filled_total")  # o2 alone, which kept its quantity of 1
        http.cancel_batch_order(category="linear", request=[{"symbol": "BTCUSDT", "orderId": "o1"}])
        receive(stream, "order", {"orderId": "o1", "orderStatus": "Cancelled", "cumExecQty": "1"})
        assert 0 == handle.orders.open_orders()

    messages = {("new",): 2.0, ("modify",): 2.0, ("cancel",): 1.0}
    assert messages == recorded.by("trading_order_messages_total", "action")
    assert 1 == recorded("trading_orders_cancelled_total")


def test_a_refused_amendment_leaves_the_order_as_it_was(http, wire, stream, metrics, recorded):
    """Broken, an order whose amendment was refused is measured by the quantity that it never had."""
    wire.routes["POST", "/v5/order/amend"] = answer({}, 110001)
    with instrument_pybit(http, stream, metrics=metrics):
        http.place_order(**ORDER)
        with pytest.raises(InvalidRequestError):
            http.amend_order(category="linear", symbol="BTCUSDT", orderId="o1", qty="5")
        receive(stream, "order", {"orderId": "o1", "orderStatus": "Unknown to us", "cumExecQty": "1"})

    assert 1 == recorded("trading_orders_filled_total")
    assert 1 == recorded("trading_order_messages_total", action="modify")


def test_orders_and_executions_that_the_bot_asks_for(http, wire, metrics, recorded):
    """Broken, a bot without a stream has neither filled orders, nor trades, nor the funding that it paid."""
    execution = {"symbol": "BTCUSDT", "orderId": "o1", "execId": "e1", "side": "Sell", "execQty": "1", "execFee": "0.1",
                 "execPrice": "100", "execType": "Trade", "execPnl": "5", "closedSize": "1"}  # fmt: skip
    funding = {**execution, "execId": "e2", "execType": "Funding", "execFee": "0.25", "orderId": "f"}
    settled = {**execution, "execId": "e3", "execType": "Settle", "orderId": "s"}
    ended = {"symbol": "BTCUSDT", "orderStatus": "Filled", "cumExecQty": "1", "avgPrice": "100"}
    wire.routes |= {
        ("GET", "/v5/order/history"): answer({"list": [{**ended, "orderId": "o1"}, {**ended, "orderId": "other"}]}),
        ("GET", "/v5/execution/list"): answer({"category": "linear", "list": [execution, funding, settled]}),
    }
    with instrument_pybit(http, metrics=metrics) as handle:
        http.place_order(**{**ORDER, "side": "Sell"})
        for _ in range(2):
            http.get_executions(category="linear")
            http.get_order_history(category="linear")
        assert 0 == handle.orders.open_orders()

    assert (1, 1) == (recorded("trading_orders_filled_total"), recorded("trading_trades_total"))
    assert 5 == recorded("trading_profit_total")
    assert {("fee",): 0.1, ("funding",): 0.25} == recorded.by("trading_cash_paid_total", "kind")
    assert {} == recorded.anomalies()


def test_a_stream_ahead_of_the_answer_tells_of_the_same_order(http, wire, stream, metrics, recorded):
    """Broken, an order that fills before its answer comes is two orders, one of which stays open for ever."""

    def create(request):
        order_id = {"orderId": "o9", "orderLinkId": "mine"}
        receive(stream, "order", {**order_id, "category": "linear", "symbol": "BTCUSDT", "orderStatus": "Filled",
                                  "cumExecQty": "1", "avgPrice": "1"})  # fmt: skip
        return answer(order_id)

    wire.routes["POST", "/v5/order/create"] = create
    with instrument_pybit(http, stream, metrics=metrics) as handle:
        http.place_order(**ORDER, orderLinkId="mine")
        assert 0 == handle.orders.open_orders()

    assert (1, 1) == (recorded("trading_orders_submitted_total"), recorded("trading_orders_filled_total"))
    assert {} == recorded.anomalies()


def test_public_streams_and_books_are_market_data(http, wire, metrics, recorded, monkeypatch):
    """Broken, a feed that has gone silent is not noticed, or the stream shows as the account's."""
    now = int(time.time() * 1000)
    wire.routes["GET", "/v5/market/orderbook"] = answer({"s": "ETHUSDT", "ts": now, "b": [], "a": []})
    monkeypatch.setattr(WebSocket, "_connect", lambda *_: None)
    monkeypatch.setattr(WebSocket, "is_connected", lambda _: True)
    public = WebSocket(channel_type="linear", testnet=True)
    with instrument_pybit(http, public, metrics=metrics):
        assert {("public",): 1.0} == recorded.by("trading_stream_connected", "stream")
        for topic in ("tickers.BTCUSDT", "orderbook.50.BTCUSDT", "publicTrade.BTCUSDT", "liquidation.BTCUSDT"):
            public.callback_directory[topic] = lambda message: None
            public._process_normal_message({"topic": topic, "ts": now, "type": "snapshot", "data": {"b": [], "a": []}})
        http.get_orderbook(category="linear", symbol="ETHUSDT")
        public._on_close()
        assert 0 == recorded("trading_stream_connected")

    updates = recorded.by("trading_market_data_updates_total", "symbol")
    assert {("BTCUSDT",): 3.0, ("ETHUSDT",): 1.0} == updates
    assert {} == recorded.anomalies()


def test_a_wallet_in_dollars_is_converted_for_metrics_in_euros(http, stream):
    """Broken, a bot whose metrics are in euros shows dollars as if they were euros."""
    metrics = TradingMetrics(currency="EUR", convert=lambda amount, code: amount * {"USD": 0.5}[code])
    recorded = Recorded(metrics)
    with instrument_pybit(http, stream, metrics=metrics):
        wallet = {"accountType": "UNIFIED", "totalEquity": "1000", "totalInitialMargin": "100",
                  "totalAvailableBalance": "900"}  # fmt: skip
        receive(stream, "wallet", wallet)

    assert (500, 450) == (recorded("trading_capital_total"), recorded("trading_capital_available"))


def test_a_trading_socket_that_takes_no_request(trading, metrics, recorded):
    """Broken, an order that never left the machine counts as open for ever."""

    def refuse(text):
        raise websocket.WebSocketConnectionClosedException("Connection is already closed.")

    trading.ws.send = refuse
    with instrument_pybit(websocket=trading, metrics=metrics) as handle:
        with pytest.raises(websocket.WebSocketConnectionClosedException):
            trading.place_order(lambda message: None, **ORDER)
        assert 0 == handle.orders.open_orders()

    assert 1 == recorded("trading_orders_submitted_total")
    closed = "web_socket_connection_closed_exception"
    assert 1 == recorded("trading_orders_unknown_total", reason=closed)
    assert 1 == recorded("trading_api_requests_total", endpoint="order.create", status=closed)
    trading._on_message(json.dumps({"op": "pong", "retCode": 0}))
    assert {} == recorded.anomalies()


def test_switched_off_nothing_is_recorded_of_account_and_market(http, wire, metrics, recorded):
    """Broken, a bot whose account is recorded elsewhere has it twice."""
    wallet = {"accountType": "UNIFIED", "totalEquity": "1000"}
    wire.routes["GET", "/v5/account/wallet-balance"] = answer({"list": [wallet]})
    wire.routes["GET", "/v5/market/tickers"] = answer({"list": [{"symbol": "BTCUSDT"}]})
    with instrument_pybit(http, metrics=metrics, account=False, market_data=False):
        assert "1000" == http.get_wallet_balance(accountType="UNIFIED")["result"]["list"][0]["totalEquity"]
        http.get_tickers(category="linear", symbol="BTCUSDT")
        http.place_order(**ORDER)

    assert (0, 0) == (recorded("trading_capital_total"), recorded("trading_market_data_updates_total"))
    assert 1 == recorded("trading_orders_submitted_total")
