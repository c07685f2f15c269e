"""`instrument_kite` on kiteconnect's own client, over HTTP on the loopback interface, and its own ticker."""

import re
import struct
import time
from collections import Counter

import pytest
from integration_support import break_hooks, library

from tradmetrics import ConfigurationError, SnapshotError, TradingMetrics

kiteconnect = library("kiteconnect")

from kiteconnect import KiteConnect, KiteTicker  # noqa: E402
from kiteconnect.exceptions import KiteException  # noqa: E402
from venues.kite import KiteVenue  # noqa: E402

from tradmetrics.integrations.kite import instrument_kite  # noqa: E402


class Trading:
    """What a bot has: a client, a ticker, and callbacks."""

    def __init__(self, venue):
        self.venue = venue
        self.kite = KiteConnect(api_key="key", access_token="token", root=venue.url)
        self.ticker = KiteTicker("key", "token")
        self.updates, self.quotes = [], []
        self.ticker.on_order_update = lambda ticker, update: self.updates.append(update)
        self.ticker.on_ticks = lambda ticker, ticks: self.quotes.extend(ticks)

    def place(self, side="BUY", quantity=10, order_type="LIMIT", **more):
        return self.kite.place_order(
            self.kite.VARIETY_REGULAR, "NSE", "INFY", side, quantity, "MIS", order_type, price=1_500, **more
        )

    def receive(self, order_id, **changes):
        """Have the ticker receive a postback, as its socket would hand it over."""
        self.ticker._on_message(None, self.venue.postback(order_id, **changes).encode(), False)


@pytest.fixture
def trading():
    """A client and a ticker of a venue of its own."""
    with KiteVenue() as venue:
        yield Trading(venue)


def session(trading):
    """A day of trading with every way that an order can go; returns what the bot was told."""
    venue, told = trading.venue, []

    filled = trading.place()
    trading.receive(filled, status="PUT ORDER REQ RECEIVED")
    trading.receive(filled)
    venue.fill(filled, 4)
    trading.receive(filled, status="UPDATE")
    venue.fill(filled, 6)
    trading.receive(filled)
    trading.receive(filled)

    polled = trading.place("SELL", 5, "SL-M", trigger_price=1_400)
    trading.kite.order_history(polled)
    venue.fill(polled, 5)
    trading.kite.orders()

    modified = trading.place()
    trading.kite.modify_order("regular", modified, quantity=30)
    trading.receive(modified, status="MODIFY PENDING")
    venue.fill(modified, 30)
    trading.receive(modified)

    cancelled = trading.place()
    venue.fill(cancelled, 3)
    trading.receive(cancelled)
    trading.kite.cancel_order("regular", cancelled)
    trading.receive(cancelled)

    refused = trading.place()
    venue.end(refused, "REJECTED", "RMS:Margin Exceeds, Required:1234.56, Available:12.34")
    trading.receive(refused)

    for status, kind in ((400, "InputException"), (500, "OrderException"), (429, "NetworkException")):
        venue.refuse(status, kind)
        try:
            trading.place()
        except KiteException as error:
            told.append(type(error).__name__)
    venue.refuse(503, "NetworkException")
    try:
        trading.place()
    except KiteException as error:
        told.append(type(error).__name__)

    trading.place()  # stays open
    trading.kite.trades()
    trading.kite.trades()
    return told


def test_metrics_equal_the_venues_ledger(trading, metrics, recorded, let_a_minute_pass):
    """Broken, the dashboard and the broker disagree about what was traded."""
    with instrument_kite(trading.kite, trading.ticker, strategy="momentum", metrics=metrics) as handle:
        told = session(trading)
        let_a_minute_pass(handle)

    ledger = Counter(order["status"] for order in trading.venue.orders.values())
    assert {"COMPLETE": 3, "CANCELLED": 1, "REJECTED": 1, "OPEN": 1} == ledger
    assert len(trading.venue.orders) + len(told) == recorded("trading_orders_submitted_total", strategy="momentum")
    assert ledger["COMPLETE"] == recorded("trading_orders_filled_total")
    assert ledger["CANCELLED"] == recorded("trading_orders_cancelled_total")
    assert {
        ("rms",): ledger["REJECTED"],
        ("input_exception",): 1,
        ("order_exception",): 1,
        ("network_exception",): 1,
    } == recorded.by("trading_orders_rejected_total", "reason")
    assert {("network_exception",): 1.0} == recorded.by("trading_orders_unknown_total", "reason")
    assert ledger["OPEN"] == recorded("trading_orders_open")  # without the one of which nobody knows
    messages = recorded.by("trading_order_messages_total", "action")
    assert {("new",): len(trading.venue.orders) + len(told), ("modify",): 1, ("cancel",): 1} == messages
    assert {} == recorded.anomalies()


def test_each_trade_that_is_listed_counts_once(trading, metrics, recorded):
    """Broken, polling the trade metrics counts its trades again each time."""
    with instrument_kite(trading.kite, trading.ticker, metrics=metrics):
        session(trading)

    sides = Counter(trade["transaction_type"] for trade in trading.venue.trades)
    assert {(side, "executed"): count for side, count in sides.items()} == recorded.by(
        "trading_trades_total", "side", "status"
    )


def test_a_number_that_two_trades_share_counts_for_both(trading, metrics, recorded):
    """Broken, a trade is missing: each segment of the exchange numbers its trades on its own."""
    with instrument_kite(trading.kite, metrics=metrics):
        for _ in range(2):
            trading.venue.fill(trading.place(), 10)
        for trade in trading.venue.trades:
            trade["trade_id"] = "10000000"
        trading.kite.trades()

    assert 2 == recorded("trading_trades_total")


def test_side_and_order_type_are_what_was_asked_for(trading, metrics, recorded):
    """Broken, a stop order shows up as a limit order."""
    with instrument_kite(trading.kite, metrics=metrics):
        for order_type in ("LIMIT", "MARKET", "SL", "SL-M"):
            trading.place(order_type=order_type)

    assert {("LIMIT",): 1.0, ("MARKET",): 1.0, ("STOP_LIMIT",): 1.0, ("STOP",): 1.0} == recorded.by(
        "trading_orders_submitted_total", "order_type"
    )


def test_the_acknowledgement_is_the_exchanges(trading, metrics, recorded):
    """Broken, the acknowledgement time is that of Kite's queue, which answers before the exchange does."""
    with instrument_kite(trading.kite, trading.ticker, metrics=metrics):
        order_id = trading.place()
        trading.receive(order_id, status="PUT ORDER REQ RECEIVED")
        trading.receive(order_id, status="VALIDATION PENDING")
        assert 0 == recorded("trading_order_ack_time_seconds_count")
        trading.receive(order_id, status="OPEN")

    assert 1 == recorded("trading_order_ack_time_seconds_count")


def test_quantities_win_over_the_word(trading, metrics, recorded):
    """Broken, an order whose last postback says UPDATE stays open for ever, modified or not."""
    with instrument_kite(trading.kite, trading.ticker, metrics=metrics):
        order_id = trading.place(quantity=10)
        trading.kite.modify_order("regular", order_id, quantity=20)
        trading.venue.fill(order_id, 10)
        trading.receive(order_id, status="UPDATE")
        assert 0 == recorded("trading_orders_filled_total")
        trading.venue.fill(order_id, 10)
        trading.receive(order_id, status="UPDATE")

    assert 1 == recorded("trading_orders_filled_total")


def test_each_http_request_counts_once_under_its_route(trading, metrics, recorded):
    """Broken, each order id becomes an endpoint of its own, or the use of the rate limit is not the broker's."""
    with instrument_kite(trading.kite, trading.ticker, metrics=metrics):
        session(trading)

    routes = {
        "POST /orders/regular": "order.place",
        "PUT /orders/regular/#": "order.modify",
        "DELETE /orders/regular/#": "order.cancel",
        "GET /orders/#": "order.info",
        "GET /orders": "orders",
        "GET /trades": "trades",
    }
    requests = Counter(routes[re.sub(r"\d{8,}", "#", f"{method} {path}")] for method, path in trading.venue.requests)
    assert {(route,): count for route, count in requests.items()} == recorded.by(
        "trading_api_requests_total", "endpoint"
    )
    assert 1 == recorded("trading_api_requests_total", endpoint="order.place", method="POST", status="429")


def tick(token, at):
    """A full quote as Kite's binary protocol has it."""
    quote = struct.pack(">I", token) + struct.pack(">10I", *[150_000] * 10) + struct.pack(">I", int(at))
    quote += struct.pack(">3I", 0, 0, 0) + struct.pack(">I", int(at)) + b"\0" * 120
    return struct.pack(">HH", 1, 184) + quote[:184].ljust(184, b"\0")


def test_ticks_are_market_data(trading, metrics, recorded):
    """Broken, a feed that has gone silent is not noticed."""
    with instrument_kite(ticker=trading.ticker, metrics=metrics):
        trading.ticker._on_message(None, tick(408065, time.time()), True)
        trading.ticker._on_message(None, tick(408065, time.time()), True)

    assert 2 == len(trading.quotes)
    assert {("408065",): 2.0} == recorded.by("trading_market_data_updates_total", "symbol")
    assert 2 == recorded("trading_market_data_age_seconds_count")
    assert 2 == recorded("trading_market_data_age_seconds_bucket", le="15.0")


def test_the_symbol_of_a_tick_may_be_given(trading, metrics, recorded):
    """Broken, a dashboard of a hundred instruments shows a hundred numbers that nobody knows by heart."""
    names = {408065: "INFY"}
    with instrument_kite(
        ticker=trading.ticker, symbol=lambda tick: names[tick["instrument_token"]].lower(), metrics=metrics
    ):
        trading.ticker._on_message(None, tick(408065, time.time()), True)
        trading.ticker._on_message(None, tick(738561, time.time()), True)

    assert {("infy",): 1.0, ("unknown",): 1.0} == recorded.by("trading_market_data_updates_total", "symbol")
    assert {"source": 1} == recorded.anomalies()
    with pytest.raises(ConfigurationError, match=r"instrument_kite: symbol is a function of a tick, .*not \{408065"):
        instrument_kite(ticker=trading.ticker, symbol=names)


def test_an_after_market_order_that_is_cancelled_is_over(trading, metrics, recorded):
    """Broken, it stays open until it is evicted, and the alert for stuck orders fires each evening."""
    with instrument_kite(trading.kite, trading.ticker, metrics=metrics) as handle:
        order_id = trading.place()
        trading.receive(order_id, status="AMO REQ RECEIVED")
        trading.receive(order_id, status="CANCELLED AMO")
        assert 0 == handle.orders.open_orders()

    assert 1 == recorded("trading_orders_cancelled_total")
    assert {} == recorded.anomalies()


def slices(trading):
    """Place an order that the broker may cut into several."""
    trading.kite.place_autoslice_order("regular", "NFO", "NIFTY", "SELL", 5_400, "NRML", "LIMIT", price=120)


def test_an_order_in_slices_is_as_many_orders_and_one_message(trading, metrics, recorded):
    """Broken, a large option order is one order whose slices are unknown, and a refused slice is not seen."""
    with instrument_kite(trading.kite, trading.ticker, strategy="momentum", metrics=metrics):
        refusal = {"code": 400, "error_type": "MarginException", "message": "Insufficient funds", "data": None}
        trading.venue.reply({"order_id": "1", "children": [{"order_id": "2"}, {"order_id": "3"}, {"error": refusal}]})
        slices(trading)
        trading.venue.reply({"order_id": "4"})  # small enough to stay whole
        slices(trading)
        trading.venue.refuse(400, "InputException")
        with pytest.raises(KiteException):
            slices(trading)

    assert 5 == recorded("trading_orders_submitted_total", side="SELL", order_type="LIMIT")
    assert 2 == recorded("trading_orders_rejected_total")
    assert 1 == recorded("trading_orders_rejected_total", reason="MarginException")
    assert 3 == recorded("trading_orders_open")
    assert {("new",): 3.0} == recorded.by("trading_order_messages_total", "action")
    assert {} == recorded.anomalies()


def test_an_order_that_a_trigger_sends_is_the_bots(trading, metrics, recorded):
    """Broken, the fill of a stop that rests at the broker is an execution that nobody knows of."""
    order = {"transaction_type": "SELL", "order_type": "LIMIT", "quantity": 5, "product": "CNC", "price": 1_400}
    sent = {**order, "tradingsymbol": "INFY", "result": {"order_result": {"order_id": "7", "status": "success"}}}
    with instrument_kite(trading.kite, trading.ticker, strategy="momentum", metrics=metrics):
        trading.venue.reply({"trigger_id": 77})
        trading.kite.place_gtt("single", "INFY", "NSE", [1_405], 1_500, [order])
        trading.venue.reply({"id": 77, "orders": [{**sent, "result": None}]})
        trading.kite.get_gtt(77)
        assert 0 == recorded("trading_orders_submitted_total")
        trading.venue.reply({"id": 77, "orders": [sent]})
        trading.kite.get_gtt(77)
        elsewhere = {**sent, "result": {"order_result": {"order_id": "8"}}}
        trading.venue.reply([{"id": 77, "orders": [sent]}, {"id": 78, "orders": [elsewhere]}])
        trading.kite.get_gtts()

    assert 1 == recorded("trading_orders_submitted_total", side="SELL", order_type="LIMIT")
    assert 1 == recorded("trading_orders_submitted_total")
    assert {} == recorded.anomalies()


def test_the_legs_of_a_bracket_order_are_followed(trading, metrics, recorded):
    """Broken, the target and the stop that the broker attaches are orders that nobody knows of."""
    with instrument_kite(trading.kite, trading.ticker, strategy="momentum", metrics=metrics):
        entry = trading.place()
        leg = {**trading.venue.orders[entry], "order_id": "9", "parent_order_id": entry, "transaction_type": "SELL"}
        stranger = {**leg, "order_id": "10", "parent_order_id": "11"}
        trading.venue.orders |= {"9": leg, "10": stranger}
        trading.kite.orders()
        trading.venue.fill("9", 10)
        trading.receive("9")

    assert 1 == recorded("trading_orders_submitted_total", side="SELL")
    assert 1 == recorded("trading_orders_filled_total", side="SELL")
    assert 2 == recorded("trading_orders_submitted_total")
    assert {} == recorded.anomalies()


def test_messages_about_orders_of_others_are_messages(trading, metrics, recorded):
    """Broken, a bot that clears an earlier session's orders at its start is over the regulator's limit unseen."""
    old = [trading.place() for _ in range(2)]
    with instrument_kite(trading.kite, metrics=metrics):
        trading.kite.cancel_order("regular", old[0])
        trading.kite.modify_order("regular", old[1], quantity=30)
        assert 2 == recorded("trading_order_message_rate_max", window="5s")

    assert {("modify",): 1.0, ("cancel",): 1.0} == recorded.by("trading_order_messages_total", "action")


def test_a_restart_goes_on_with_the_orders_that_were_open(trading, metrics, recorded):
    """Broken, what fills after a restart was never ordered, and what was ordered never fills."""
    with instrument_kite(trading.kite, trading.ticker, strategy="momentum", metrics=TradingMetrics()) as handle:
        order_id = trading.place()
        saved = handle.orders.snapshot()
    with instrument_kite(trading.kite, trading.ticker, metrics=metrics, restore=saved):
        trading.venue.fill(order_id, 10)
        trading.kite.orders()
        trading.kite.cancel_order("regular", order_id)

    assert {("momentum",): 1.0} == recorded.by("trading_orders_filled_total", "strategy")
    assert 0 == recorded("trading_orders_submitted_total")
    assert 1 == recorded("trading_order_messages_total", action="cancel")


def test_what_cannot_be_restored_or_labelled_is_refused(trading, metrics):
    """Broken, a spoilt file or a missing setting shows a day later, in the figures."""
    before = dict(vars(trading.kite))
    with pytest.raises(SnapshotError):
        instrument_kite(trading.kite, metrics=metrics, restore={})
    with pytest.raises(ConfigurationError, match="instrument_kite: strategy"):
        instrument_kite(trading.kite, metrics=metrics, strategy=None)
    assert before == vars(trading.kite)


def test_the_strategy_label_may_come_from_the_order(trading, metrics, recorded):
    """Broken, two strategies in one account cannot be told apart."""
    with instrument_kite(trading.kite, strategy=lambda order: order["tag"], metrics=metrics):
        trading.place(tag="gamma")
        trading.place(tag="theta")

    assert {("gamma",): 1.0, ("theta",): 1.0} == recorded.by("trading_orders_submitted_total", "strategy")


def test_a_bug_in_the_hook_changes_nothing_of_the_session(trading, metrics, recorded, monkeypatch):
    """Broken, a bug of ours keeps a bot from trading."""
    expected = session(trading)
    with KiteVenue() as venue:
        again = Trading(venue)
        break_hooks(monkeypatch)
        with instrument_kite(again.kite, again.ticker, metrics=metrics):
            told = session(again)

        assert expected == told
        assert trading.updates == again.updates
        assert trading.venue.orders == venue.orders
        assert trading.venue.requests == venue.requests
    assert recorded("tradmetrics_instrumentation_errors_total") > 10


def test_instrumented_twice_records_once(trading, metrics, recorded):
    """Broken, calling it in two places doubles every figure."""
    handle = instrument_kite(trading.kite, metrics=metrics)
    assert instrument_kite(trading.kite, trading.ticker, metrics=TradingMetrics()) is handle
    order_id = trading.place()
    trading.venue.fill(order_id, 10)
    trading.receive(order_id)
    handle.undo()

    assert 1 == recorded("trading_orders_submitted_total")
    assert 1 == recorded("trading_api_requests_total")
    assert 1 == recorded("trading_orders_filled_total")


def test_undone_by_one_call(trading, metrics, recorded):
    """Broken, the instrumentation cannot be taken out of a running bot."""
    objects = (trading.kite, trading.ticker, trading.kite.reqsession)
    before = [(type(each), dict(vars(each))) for each in objects]
    handle = instrument_kite(trading.kite, trading.ticker, metrics=metrics)
    assert [kind for kind, _ in before] != [type(each) for each in objects]
    handle.undo()
    handle.undo()
    assert before == [(type(each), dict(vars(each))) for each in objects]
    trading.place()

    assert 0 == recorded("trading_orders_submitted_total")


def test_a_version_that_is_too_old_is_refused(trading, monkeypatch):
    """Broken, an adapter runs on a library without what it needs, and records whatever comes."""
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.1")
    with pytest.raises(ConfigurationError, match=r"kiteconnect 0\.1 is too old.*>= \d"):
        instrument_kite(trading.kite)


def test_something_else_is_refused(trading):
    """Broken, a wrong argument fails later, somewhere inside, with a message about attributes."""
    with pytest.raises(ConfigurationError, match=r"instrument_kite: give kite="):
        instrument_kite()
    with pytest.raises(ConfigurationError, match=r"instrument_kite takes ticker=KiteTicker"):
        instrument_kite(trading.kite, trading.kite)


def test_quotes_that_the_bot_asks_for_are_market_data(trading, metrics, recorded):
    """Broken, a bot that polls its prices shows as one whose feed is silent."""
    with instrument_kite(trading.kite, metrics=metrics):
        trading.venue.reply({"NSE:INFY": {"timestamp": "2026-01-05 10:00:00", "last_price": 1_500}, "NSE:TCS": {}})
        trading.kite.quote("NSE:INFY", "NSE:TCS")
        trading.venue.reply({"NSE:INFY": {"last_price": 1_500}})
        trading.kite.ltp("NSE:INFY")
        trading.venue.refuse(503, "NetworkException")
        with pytest.raises(KiteException):
            trading.kite.ohlc("NSE:INFY")

    updates = {("NSE:INFY",): 2.0, ("NSE:TCS",): 1.0}
    assert updates == recorded.by("trading_market_data_updates_total", "symbol")
    assert {} == recorded.anomalies()


def test_a_refused_change_leaves_the_order_as_it_was(trading, metrics, recorded):
    """Broken, an order whose modification was refused is measured by the quantity that it never had."""
    with instrument_kite(trading.kite, trading.ticker, metrics=metrics) as handle:
        order_id = trading.place(quantity=10)
        trading.venue.refuse(400, "InputException")
        with pytest.raises(KiteException):
            trading.kite.modify_order("regular", order_id, quantity=1_000)
        trading.venue.fill(order_id, 10)
        trading.receive(order_id, status="UPDATE")
        assert 0 == handle.orders.open_orders()

    assert 1 == recorded("trading_orders_filled_total")
    assert 1 == recorded("trading_order_messages_total", action="modify")


def test_the_margins_of_both_segments_and_the_positions_of_all_products(trading, metrics, recorded):
    """Broken, the capital is that of the segment asked for last, or a symbol has the position of one product alone."""
    equity = {"enabled": True, "net": 70_000.0, "utilised": {"debits": 30_000.0}}
    rows = [
        {"tradingsymbol": "INFY", "product": "MIS", "quantity": 10, "unrealised": 50.0, "m2m": 60.0, "realised": 5.0},
        {"tradingsymbol": "INFY", "product": "CNC", "quantity": -4, "unrealised": -10.0, "m2m": None, "realised": None},
        {"tradingsymbol": "TCS", "product": "MIS", "quantity": 0, "unrealised": 0.0, "m2m": 20.0, "realised": 20.0},
    ]
    with instrument_kite(trading.kite, metrics=metrics):
        trading.venue.reply({"equity": equity, "commodity": {"enabled": False, "net": 1.0}})
        trading.kite.margins()
        trading.venue.reply({"enabled": True, "net": 5_000.0, "utilised": {}})
        trading.kite.margins("commodity")
        assert (105_000, 75_000) == (recorded("trading_capital_total"), recorded("trading_capital_available"))
        assert 30_000 == recorded("trading_margin_used")
        trading.venue.reply({"net": rows, "day": []})
        trading.kite.positions()
        assert (1, 40) == (recorded("trading_positions_open"), recorded("trading_unrealized_pnl"))
        assert (80, 25) == (recorded("trading_daily_pnl"), recorded("trading_realized_pnl"))
        for call in (trading.kite.margins, trading.kite.positions):
            trading.venue.refuse(503, "NetworkException")
            with pytest.raises(KiteException):
                call()
        assert 105_000 == recorded("trading_capital_total")

    assert {} == recorded.anomalies()


def test_the_ticker_is_connected_until_it_closes(trading, metrics, recorded):
    """Broken, a dead ticker shows as connected."""
    ticker = trading.ticker
    with instrument_kite(ticker=ticker, metrics=metrics):
        ticker._on_connect(ticker, None)
        assert 1 == recorded("trading_stream_connected", stream="ticker")
        ticker._on_close(ticker, 1006, "gone")
        assert 0 == recorded("trading_stream_connected", stream="ticker")
        ticker._on_message(ticker, b'{"type": "message", "data": "Market opens at 09:15"}', False)

    assert {} == recorded.anomalies()
