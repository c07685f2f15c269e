"""How much of the dashboards one line fills: bots that trade, and ask for their balance, positions and prices."""

import asyncio
import json
import time
from datetime import datetime, timedelta, timezone

import pytest
from integration_support import library
from panels import assert_filled
from venues.kraken import markets as kraken_markets
from wire import Wire

from tradmetrics import StrategyStats, TradingMetrics


@pytest.fixture
def metrics():
    """A metrics object as a user configures it who wants the strategies' figures as well."""
    return TradingMetrics(strategy_stats=StrategyStats())


def test_alpaca(metrics):
    """Broken, half of the dashboards of an Alpaca bot are empty."""
    library("alpaca")
    from alpaca.common.exceptions import APIError
    from alpaca.data.live.stock import StockDataStream
    from alpaca.trading.client import TradingClient
    from alpaca.trading.requests import MarketOrderRequest
    from alpaca.trading.stream import TradingStream

    from tradmetrics.integrations.alpaca import instrument_alpaca

    order = {"id": "2e4f1c2e", "client_order_id": "a", "symbol": "AAPL", "qty": "10", "filled_qty": "0", "side": "sell",
             "type": "market", "status": "new", "order_class": ""}  # fmt: skip
    answers = iter([order, (403, {"code": 40310000, "message": "insufficient buying power"})])
    account = {"currency": "USD", "cash": "4000", "equity": "10000", "last_equity": "9900", "initial_margin": "3000"}
    position = {"symbol": "AAPL", "side": "long", "qty": "10", "unrealized_pl": "50", "avg_entry_price": "100"}
    wire = Wire(
        {
            ("POST", "/orders"): lambda _: next(answers),
            ("GET", "/account"): account,
            ("GET", "/positions"): [position],
            ("GET", "/clock"): {"is_open": True},
        }
    )
    client, stream = TradingClient("key", "secret", raw_data=True), TradingStream("key", "secret", raw_data=True)
    data = StockDataStream("key", "secret", raw_data=True)
    wire.under(client._session)
    with instrument_alpaca(client, stream, data, metrics=metrics):
        request = MarketOrderRequest(symbol="AAPL", qty=10, side="sell", time_in_force="day")
        client.submit_order(request)
        with pytest.raises(APIError):
            client.submit_order(request)
        fill = {"event": "fill", "execution_id": "e", "qty": "10", "price": "100"}
        fill["order"] = {**order, "status": "filled", "filled_qty": "10"}
        asyncio.run(stream._dispatch({"stream": "trade_updates", "data": fill}))
        asyncio.run(data._dispatch({"T": "t", "S": "AAPL", "t": datetime.now(timezone.utc)}))
        client.get_account()
        client.get_clock()
        for _ in range(2):
            client.get_all_positions()
        assert_filled(metrics)


def test_backtrader(metrics):
    """Broken, half of the dashboards of a backtest or a bot of backtrader are empty."""
    bt = library("backtrader")

    from tradmetrics.integrations.backtrader import instrument_backtrader

    class Prices(bt.feed.DataBase):
        """A price that rises, one bar each day."""

        days = 0

        def _load(self):
            self.days += 1
            lines = (self.l.open, self.l.high, self.l.low, self.l.close)
            for line in lines:
                line[0] = 100.0 + self.days
            self.l.datetime[0] = bt.date2num(datetime(2020, 1, 1) + timedelta(days=self.days))
            return self.days < 6

    class Bot(bt.Strategy):
        """Buys, sells, and asks for more than it has."""

        def next(self):
            bars = len(self)
            {1: self.buy, 3: self.close, 4: lambda: self.buy(size=1e6)}.get(bars, lambda: None)()

    cerebro = bt.Cerebro()
    cerebro.adddata(Prices())
    cerebro.addstrategy(Bot)
    cerebro.broker.setcommission(commission=0.001)
    with instrument_backtrader(cerebro, metrics=metrics):
        cerebro.run()
        # A bar has no time at which it arrived, and a feed does not tell whether the session is open.
        assert_filled(metrics, market_data=5)


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
        assert_filled(metrics)


def test_ccxt(metrics):
    """Broken, half of the dashboards of a ccxt bot are empty."""
    ccxt = library("ccxt")

    from tradmetrics.integrations.ccxt import instrument_ccxt

    now = int(time.time() * 1000)
    answers = {
        "AddOrder": {"txid": ["O1"], "descr": {"order": "buy 1 XBTUSD @ market"}},
        "BalanceEx": {"ZUSD": {"balance": "1000", "hold_trade": "100"}},
        "QueryOrders": {"O1": {"status": "closed", "vol": "1", "vol_exec": "1", "price": "100", "opentm": now / 1000,
                        "descr": {"pair": "XXBTZUSD", "type": "buy", "ordertype": "market", "price": "100"}}},
        "TradesHistory": {"count": 1, "trades": {"T1": {"ordertxid": "O1", "pair": "XXBTZUSD", "time": now / 1000,
                          "type": "buy", "ordertype": "market", "price": "100", "cost": "100", "fee": "0.2",
                          "vol": "1"}}},
        "OpenPositions": [{"pair": "XXBTZUSD", "type": "buy", "vol": "1", "vol_closed": "0", "cost": "100",
                           "net": "5"}],
        "Trades": {"XXBTZUSD": [["100", "1", now / 1000, "b", "m", "", 1]], "last": "1"},
    }  # fmt: skip

    class Kraken(ccxt.kraken):
        """An exchange whose HTTP answers are canned."""

        def fetch(self, url, method="GET", headers=None, body=None):
            found = answers[url.partition("?")[0].rpartition("/")[2]]
            if isinstance(found, Exception):
                raise found
            return {"error": [], "result": found}

    exchange = Kraken({"apiKey": "key", "secret": "c2VjcmV0", "enableRateLimit": False})
    exchange.set_markets(kraken_markets(exchange))
    with instrument_ccxt(exchange, metrics=metrics):
        exchange.create_order("BTC/USD", "market", "buy", 1)
        answers["AddOrder"] = ccxt.InsufficientFunds("no")
        with pytest.raises(ccxt.InsufficientFunds):
            exchange.create_order("BTC/USD", "market", "buy", 1)
        exchange.fetch_order("O1", "BTC/USD")
        exchange.fetch_my_trades("BTC/USD")
        exchange.fetch_balance()
        for _ in range(2):
            exchange.fetch_positions()
        exchange.fetch_trades("BTC/USD")
        assert_filled(metrics)


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
        now = datetime.now(timezone.utc)
        today = f"{now:%Y%m%d:%H%M}-{now + timedelta(minutes=2):%Y%m%d:%H%M}"
        tws.ib.wrapper._results[9] = []
        tws.ib.wrapper.contractDetails(9, lib.ContractDetails(contract=contract, timeZoneId="UTC", liquidHours=today))
        ticker = lib.Ticker(contract=contract)
        ticker.rtTime = now
        tws.ib.pendingTickersEvent.emit({ticker})
        trade = tws.place(lib.MarketOrder("SELL", 10), contract)
        tws.status(trade, "Submitted")
        tws.execute(trade, 10, profit=5.0)
        tws.status(trade, "Filled", 10)
        tws.error(tws.place(lib.MarketOrder("SELL", 10), contract), 201)
        tws.ib.positionEvent.emit(lib.Position("DU1", contract, 0, 0.0))
        assert_filled(metrics)


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
        assert_filled(metrics, market_data=7)  # Kite does not tell whether the session is open


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
        assert_filled(metrics)


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
        assert_filled(metrics)


def test_nautilus(metrics):
    """Broken, half of the dashboards of a NautilusTrader bot are empty."""
    library("nautilus_trader")
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.config import LoggingConfig
    from nautilus_trader.model.currencies import USD
    from nautilus_trader.model.data import InstrumentStatus, QuoteTick
    from nautilus_trader.model.enums import AccountType, MarketStatusAction, OmsType, OrderSide
    from nautilus_trader.model.identifiers import Venue
    from nautilus_trader.model.objects import Money
    from nautilus_trader.test_kit.providers import TestInstrumentProvider
    from nautilus_trader.trading.strategy import Strategy

    from tradmetrics.integrations.nautilus import instrument_nautilus

    venue = Venue("SIM")
    pair = TestInstrumentProvider.default_fx_ccy("EUR/USD", venue)

    class Bot(Strategy):
        """Buys, sells, asks for more than it may, and keeps a position."""

        quotes = 0

        def on_start(self):
            self.subscribe_quote_ticks(pair.id)
            self.subscribe_instrument_status(pair.id)

        def on_quote_tick(self, tick):
            self.quotes += 1
            if self.quotes == 3:
                self.close_all_positions(pair.id)
            elif self.quotes in (1, 5, 7):
                quantity = pair.make_qty(1 if self.quotes == 5 else 100_000)
                self.submit_order(self.order_factory.market(pair.id, OrderSide.BUY, quantity))

    at = [(1_700_000_000 + second) * 1_000_000_000 for second in range(10)]
    bid, ask, size = pair.make_price(1.1), pair.make_price(1.1001), pair.make_qty(1_000_000)
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        venue=venue,
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=USD,
        starting_balances=[Money(1_000_000, USD)],
    )
    engine.add_instrument(pair)
    engine.add_data([QuoteTick(pair.id, bid, ask, size, size, each, each + 5_000_000) for each in at])
    engine.add_data([InstrumentStatus(pair.id, MarketStatusAction.TRADING, at[0], at[0])])
    engine.add_strategy(Bot())
    with instrument_nautilus(engine, metrics=metrics):
        engine.run()
        assert_filled(metrics)
    engine.dispose()


def test_polymarket(metrics, monkeypatch):
    """Broken, half of the dashboards of a Polymarket bot are empty."""
    library("py_clob_client")
    import httpx
    from py_clob_client.client import ClobClient
    from py_clob_client.clob_types import (
        ApiCreds,
        AssetType,
        BalanceAllowanceParams,
        CreateOrderOptions,
        OrderArgs,
    )
    from py_clob_client.exceptions import PolyApiException
    from py_clob_client.http_helpers import helpers

    from tradmetrics.integrations.polymarket import instrument_polymarket

    token, end = "7" * 77, {"next_cursor": "LTE=", "limit": 100, "count": 1}
    trade = {"id": "t1", "taker_order_id": "0x1", "asset_id": token, "side": "BUY", "size": "4", "price": "0.5",
             "status": "CONFIRMED", "maker_orders": []}  # fmt: skip
    resting = {"id": "0x2", "status": "LIVE", "original_size": "10", "size_matched": "4", "side": "BUY", "price": "0.5"}
    book = {"market": "m", "asset_id": token, "timestamp": str(int(time.time() * 1000)), "bids": [], "asks": [],
            "last_trade_price": "0.5", "min_order_size": "5", "neg_risk": False, "tick_size": "0.01",
            "hash": "h"}  # fmt: skip
    routes = {
        "/order": {"success": True, "errorMsg": "", "orderID": "0x1", "status": "matched", "takingAmount": "10"},
        "/data/trades": {"data": [trade], **end},
        "/data/orders": {"data": [resting], **end},
        "/balance-allowance": {"balance": "25000000"},
        "/book": book,
    }

    def answer(request):
        status, content = 200, routes[request.url.path]
        if "error" in content:
            status = 400
        return httpx.Response(status, content=json.dumps(content))

    monkeypatch.setattr(helpers, "_http_client", httpx.Client(transport=httpx.MockTransport(answer)))
    client = ClobClient("https://x", key="0x" + "1" * 64, chain_id=137, creds=ApiCreds("k", "c2VjcmV0", "p"))
    arguments = OrderArgs(token_id=token, price=0.5, size=10.0, side="BUY")
    order = client.builder.create_order(arguments, CreateOrderOptions(tick_size="0.01", neg_risk=False))
    with instrument_polymarket(client, metrics=metrics, symbols={token: "yes"}.get):
        client.post_order(order)
        routes["/order"] = {"error": "not enough balance"}
        with pytest.raises(PolyApiException):
            client.post_order(order)
        client.get_trades()
        client.get_balance_allowance(BalanceAllowanceParams(asset_type=AssetType.COLLATERAL))
        client.get_orders()
        for _ in range(2):
            client.get_balance_allowance(BalanceAllowanceParams(asset_type=AssetType.CONDITIONAL, token_id=token))
        client.get_order_book(token)
        assert_filled(metrics)
