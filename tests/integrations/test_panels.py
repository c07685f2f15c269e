"""How much of the dashboards one line fills: bots that trade, and ask for their balance, positions and prices."""

import asyncio
import json
import time

import panels
import pytest
from integration_support import library
from wire import Wire

from tradmetrics import StrategyStats, TradingMetrics

AT_LEAST = {"main": 16, "risk": 6}


@pytest.fixture
def metrics():
    """A metrics object as a user configures it who wants the strategies' figures as well."""
    return TradingMetrics(strategy_stats=StrategyStats())


def counts(metrics):
    """The panels with data by dashboard."""
    return {name: len(panels.with_data(name, metrics)) for name in ("main", "risk", "market_data")}


def enough(found, market_data):
    """Whether each dashboard has what it should have."""
    return all(found[name] >= least for name, least in {**AT_LEAST, "market_data": market_data}.items())


def test_binance(metrics):
    """Broken, half of the dashboards of a Binance bot are empty."""
    library("binance")
    from binance.client import Client
    from binance.exceptions import BinanceAPIException
    from binance.ws.reconnecting_websocket import ReconnectingWebsocket

    from tradmetrics.integrations.binance import instrument_binance

    order = {
        "symbol": "BTCUSDT",
        "orderId": 1,
        "clientOrderId": "a",
        "side": "SELL",
        "status": "NEW",
        "executedQty": "0",
    }
    refusal = (400, {"code": -2019, "msg": "Margin is insufficient."})
    answers = iter([order, refusal])
    position = {"symbol": "BTCUSDT", "positionAmt": "1", "entryPrice": "100", "unRealizedProfit": "7"}
    wire = Wire({("POST", "/fapi/v1/order"): lambda _: next(answers), ("GET", "/fapi/v3/positionRisk"): [position]})
    totals = {"totalMarginBalance": "200", "totalInitialMargin": "50", "availableBalance": "150", "positions": []}
    wire.routes["GET", "/fapi/v2/account"] = totals
    client, socket = Client("key", "secret", ping=False), ReconnectingWebsocket("wss://x", "user")
    wire.under(client.session)
    with instrument_binance(client, socket, metrics=metrics):
        client.futures_create_order(symbol="BTCUSDT", side="SELL", type="MARKET", quantity=1)
        with pytest.raises(BinanceAPIException):
            client.futures_create_order(symbol="BTCUSDT", side="SELL", type="MARKET", quantity=1)
        fill = {"s": "BTCUSDT", "i": 1, "c": "a", "S": "SELL", "x": "TRADE", "X": "FILLED", "z": "1", "l": "1",
                "L": "100", "t": 1, "n": "0.04", "N": "USDT", "rp": "12.5"}  # fmt: skip
        for message in (
            {"e": "ORDER_TRADE_UPDATE", "o": fill},
            {"e": "trade", "E": int(time.time() * 1000), "s": "BTCUSDT"},
            {"e": "ACCOUNT_UPDATE", "a": {"m": "FUNDING_FEE", "B": [{"a": "USDT", "wb": "200", "bc": "1.5"}], "P": []}},
        ):
            socket._handle_message(json.dumps(message))
        client.futures_account()
        for _ in range(2):
            client.futures_position_information()
        found = counts(metrics)

    assert enough(found, 8), found


def test_interactive_brokers(metrics):
    """Broken, half of the dashboards of an IB bot are empty."""
    library("ib_async")
    from venues.tws import Tws

    from tradmetrics.integrations.ib import instrument_ib

    asyncio.set_event_loop(asyncio.new_event_loop())
    tws = Tws()
    lib, contract = tws.library, tws.library.Stock("INFY", "SMART", "USD", conId=1)
    with instrument_ib(tws.ib, metrics=metrics):
        for tag, value in (("NetLiquidation", "100000"), ("AvailableFunds", "60000"), ("InitMarginReq", "40000")):
            tws.ib.accountValueEvent.emit(lib.AccountValue("DU1", tag, value, "USD", ""))
        tws.ib.positionEvent.emit(lib.Position("DU1", contract, 10, 18.0))
        tws.ib.pnlEvent.emit(lib.PnL("DU1", "", 12.5, 3.0, 4.0))
        tws.ib.pendingTickersEvent.emit({lib.Ticker(contract=contract)})
        trade = tws.place(lib.MarketOrder("SELL", 10), contract)
        tws.status(trade, "Submitted")
        tws.execute(trade, 10, profit=5.0)
        tws.status(trade, "Filled", 10)
        tws.error(tws.place(lib.MarketOrder("SELL", 10), contract), 201)
        tws.ib.positionEvent.emit(lib.Position("DU1", contract, 0, 0.0))
        found = counts(metrics)

    # TWS tells neither whether the session is open nor, without real-time trades, how old a price is.
    assert enough(found, 5), found


def test_kite(metrics):
    """Broken, half of the dashboards of a Kite bot are empty."""
    library("kiteconnect")
    import struct

    from kiteconnect import KiteConnect, KiteTicker

    from tradmetrics.integrations.kite import instrument_kite

    margin = {"enabled": True, "net": 900.0, "utilised": {"debits": 100.0}}
    row = {"tradingsymbol": "INFY", "quantity": 10, "unrealised": 1.0, "realised": 2.0, "m2m": 3.0}
    traded = {"order_id": "1", "trade_id": "7", "transaction_type": "BUY", "tradingsymbol": "INFY", "quantity": 10,
              "average_price": 1.0}  # fmt: skip
    routes = {
        ("POST", "/orders/regular"): {"data": {"order_id": "1"}},
        ("GET", "/user/margins"): {"data": {"equity": margin}},
        ("GET", "/portfolio/positions"): {"data": {"net": [row], "day": []}},
        ("GET", "/trades"): {"data": [traded]},
    }
    kite, ticker = KiteConnect("key", access_token="token"), KiteTicker("key", "token")
    Wire(routes).under(kite.reqsession)
    with instrument_kite(kite, ticker, metrics=metrics):
        kite.place_order("regular", "NSE", "INFY", "BUY", 10, "MIS", "MARKET")
        order = {"order_id": "1", "status": "COMPLETE", "filled_quantity": 10, "average_price": 1.0}
        ticker._on_message(None, json.dumps({"type": "order", "data": order}).encode(), False)
        packet = struct.pack(">8I", 256265, 100, 101, 99, 100, 100, 1, int(time.time()))
        ticker.on_ticks = lambda ws, ticks: None
        ticker._on_message(None, struct.pack(">HH", 1, len(packet)) + packet, True)
        kite.trades()
        kite.margins()
        for _ in range(2):
            kite.positions()
        found = counts(metrics)

    # Kite does not tell whether the session is open.
    assert enough(found, 7), found


def test_pybit(metrics):
    """Broken, half of the dashboards of a Bybit bot are empty."""
    library("pybit")
    from pybit.unified_trading import HTTP, WebSocket

    from tradmetrics.integrations.pybit import instrument_pybit

    def answer(*rows):
        return {"retCode": 0, "result": {"list": list(rows)}, "time": int(time.time() * 1000)}

    wallet = {"totalEquity": "1000", "totalInitialMargin": "100", "totalAvailableBalance": "900"}
    position = {"symbol": "BTCUSDT", "side": "Sell", "size": "2", "unrealisedPnl": "-3"}
    wire = Wire(
        {
            ("POST", "/v5/order/create"): {"retCode": 0, "result": {"orderId": "o1", "orderLinkId": ""}},
            ("GET", "/v5/account/wallet-balance"): answer(wallet),
            ("GET", "/v5/position/list"): answer(position),
            ("GET", "/v5/market/tickers"): answer({"symbol": "BTCUSDT"}),
        }
    )
    http, stream = HTTP(api_key="key", api_secret="secret"), WebSocket.__new__(WebSocket)
    stream.ws_name, stream.callback_directory, stream.is_connected = "Private (Auth)", {}, lambda: True
    wire.under(http.client)
    with instrument_pybit(http, stream, metrics=metrics):
        http.place_order(category="linear", symbol="BTCUSDT", side="Sell", orderType="Market", qty="2")
        execution = {"category": "linear", "symbol": "BTCUSDT", "orderId": "o1", "execId": "e1", "side": "Sell",
                     "execQty": "2", "execPrice": "1", "execFee": "0.1", "execPnl": "5", "closedSize": "2"}  # fmt: skip
        order = {"orderId": "o1", "symbol": "BTCUSDT", "orderStatus": "Filled", "cumExecQty": "2"}
        for topic, row in (("execution", execution), ("order", order)):
            stream.callback_directory[topic] = lambda message: None
            stream._handle_incoming_message({"topic": topic, "data": [row]})
        http.get_wallet_balance(accountType="UNIFIED")
        for _ in range(2):
            http.get_positions(category="linear", settleCoin="USDT")
        http.get_tickers(category="linear")
        found = counts(metrics)

    assert enough(found, 8), found


def test_hyperliquid(metrics):
    """Broken, half of the dashboards of a Hyperliquid bot are empty."""
    library("hyperliquid")
    import eth_account
    from hyperliquid.exchange import Exchange
    from hyperliquid.websocket_manager import WebsocketManager

    from tradmetrics.integrations.hyperliquid import instrument_hyperliquid

    def trade(request):
        status = next(statuses)
        return {"status": "ok", "response": {"type": "order", "data": {"statuses": [status]}}}

    now = int(time.time() * 1000)
    statuses = iter([{"resting": {"oid": 1}}, {"error": "Insufficient margin to place order."}])
    position = {"coin": "BTC", "szi": "2", "entryPx": "100", "unrealizedPnl": "4"}
    answers = {
        "clearinghouseState": {
            "marginSummary": {"accountValue": "1000", "totalMarginUsed": "100"},
            "withdrawable": "900",
            "assetPositions": [{"position": position}],
        },
        "l2Book": {"coin": "BTC", "time": now, "levels": []},
    }
    wire = Wire(
        {
            ("POST", "/exchange"): trade,
            ("POST", "/info"): lambda request: answers[json.loads(request.body)["type"]],
        }
    )
    meta = {"universe": [{"name": "BTC", "szDecimals": 5}]}
    exchange = Exchange(
        eth_account.Account.from_key("0x" + "1" * 64), meta=meta, spot_meta={"universe": [], "tokens": []}
    )
    info = exchange.info
    for client in (exchange, info):
        wire.under(client.session)
    info.ws_manager = WebsocketManager("https://x")
    with instrument_hyperliquid(exchange, metrics=metrics):
        for _ in range(2):
            exchange.order("BTC", False, 2, 100, {"limit": {"tif": "Gtc"}})
        fill = {"coin": "BTC", "px": "100", "sz": "2", "side": "A", "time": now, "oid": 1, "tid": 1,
                "closedPnl": "8", "fee": "0.01", "feeToken": "USDC"}  # fmt: skip
        order = {"coin": "BTC", "side": "A", "sz": "0.0", "oid": 1, "origSz": "2"}
        payment = {"time": now, "coin": "BTC", "usdc": "-0.5"}
        info.ws_manager.on_open(None)
        for channel, data in (
            ("userFills", {"user": "0x", "fills": [fill]}),
            ("orderUpdates", [{"order": order, "status": "filled"}]),
            ("userFundings", {"user": "0x", "fundings": [payment]}),
        ):
            info.ws_manager.ws.on_message(None, json.dumps({"channel": channel, "data": data}))
        for _ in range(2):
            info.user_state(exchange.wallet.address)
        info.l2_snapshot("BTC")
        found = counts(metrics)

    assert enough(found, 8), found
