"""`instrument_alpaca` on alpaca-py's own client and stream, over HTTP and a websocket on the loopback interface."""

import asyncio
import re
from collections import Counter

import pytest
from integration_support import break_hooks, library

from tradmetrics import ConfigurationError, SnapshotError, TradingMetrics

alpaca = library("alpaca")

from alpaca.common.exceptions import APIError  # noqa: E402
from alpaca.trading.client import TradingClient  # noqa: E402
from alpaca.trading.enums import OrderSide, TimeInForce  # noqa: E402
from alpaca.trading.requests import (  # noqa: E402
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopOrderRequest,
)
from alpaca.trading.stream import TradingStream  # noqa: E402
from venues.alpaca import AlpacaVenue, stream_messages  # noqa: E402

from tradmetrics.integrations.alpaca import instrument_alpaca  # noqa: E402


@pytest.fixture(params=[False, True], ids=["models", "raw"])
def trading(request):
    """A client and a stream of a venue of its own, giving models or dictionaries."""
    with AlpacaVenue() as venue:
        yield Trading(venue, request.param)


class Trading:
    """What a bot has: a client, a stream, and a handler of trade updates."""

    def __init__(self, venue, raw):
        self.venue, self.raw = venue, raw
        self.client = TradingClient("key", "secret", url_override=venue.url, raw_data=raw)
        self.client._retry_wait = 0
        self.stream = TradingStream("key", "secret", raw_data=raw)
        self.handled = []
        self.stream.subscribe_trade_updates(self.on_update)

    async def on_update(self, update):
        self.handled.append(update)

    def id_of(self, order):
        return order["id"] if self.raw else str(order.id)

    def submit(self, kind=LimitOrderRequest, side=OrderSide.BUY, qty=10, **more):
        more = {"limit_price": 100.0} | more if kind is LimitOrderRequest else more
        request = kind(symbol="AAPL", qty=qty, side=side, time_in_force=TimeInForce.DAY, **more)
        return self.id_of(self.client.submit_order(request))

    def receive(self, *messages):
        asyncio.run(stream_messages(self.stream, messages, self.handled))


def session(trading):
    """A day of trading with every way that an order can go; returns what the bot was told."""
    venue, told, messages = trading.venue, [], []

    filled = trading.submit()
    messages += [
        venue.event(filled, "new"),
        venue.event(filled, "partial_fill", status="partially_filled", quantity=4, price=100.0),
        venue.event(filled, "fill", status="filled", quantity=6, price=100.5),
    ]
    sold = trading.submit(MarketOrderRequest, OrderSide.SELL, 5)
    messages += [venue.event(sold, "new"), venue.event(sold, "fill", status="filled", quantity=5, price=101.0)]

    replaced = trading.submit()
    new = trading.id_of(trading.client.replace_order_by_id(replaced, ReplaceOrderRequest(qty=20)))
    messages += [
        venue.event(replaced, "replaced"),
        venue.event(new, "new"),
        venue.event(new, "fill", status="filled", quantity=20, price=99.0),
    ]

    cancelled = trading.submit(StopOrderRequest, OrderSide.SELL, stop_price=90.0)
    trading.client.cancel_order_by_id(cancelled)
    messages += [venue.event(cancelled, "pending_cancel"), venue.event(cancelled, "canceled")]

    expired = trading.submit()
    messages += [venue.event(expired, "new"), venue.event(expired, "expired")]
    late = trading.submit()
    messages += [venue.event(late, "rejected")]

    closing = trading.id_of(trading.client.close_position("AAPL"))
    messages += [venue.event(closing, "fill", status="filled", quantity=1, price=102.0)]

    for status in (403, 422, 500):
        venue.refuse(status)
        try:
            trading.submit()
        except APIError as error:
            told.append(error.status_code)

    trading.submit()  # stays open
    trading.receive(*messages)
    trading.client.get_orders()
    trading.client.get_order_by_id(filled)
    return told


def test_metrics_equal_the_venues_ledger(trading, metrics, recorded, let_a_minute_pass):
    """Broken, the dashboard and the broker disagree about what was traded."""
    with instrument_alpaca(trading.client, trading.stream, strategy="momentum", metrics=metrics) as handle:
        told = session(trading)
        let_a_minute_pass(handle)

    ledger = Counter(order["status"] for order in trading.venue.orders.values())
    assert {"filled": 4, "replaced": 1, "canceled": 1, "expired": 1, "rejected": 1, "accepted": 1} == ledger
    assert [403, 422, 500] == told
    sent = len(trading.venue.orders) - ledger["replaced"] + len(told)
    assert sent == recorded("trading_orders_submitted_total", strategy="momentum")
    assert ledger["filled"] == recorded("trading_orders_filled_total")
    assert ledger["canceled"] == recorded("trading_orders_cancelled_total", reason="unknown")
    assert ledger["expired"] == recorded("trading_orders_cancelled_total", reason="expired")
    assert {("api_error",): 2.0, ("unknown",): ledger["rejected"]} == recorded.by(
        "trading_orders_rejected_total", "reason"
    )
    assert {("api_error",): 1.0} == recorded.by("trading_orders_unknown_total", "reason")
    assert ledger["accepted"] == recorded("trading_orders_open")  # without the one of which nobody knows
    assert {} == recorded.anomalies()


def test_each_execution_is_a_trade(trading, metrics, recorded):
    """Broken, trades on the dashboard are not those of the stream."""
    with instrument_alpaca(trading.client, trading.stream, metrics=metrics):
        session(trading)

    assert {("BUY", "executed"): 3.0, ("SELL", "executed"): 2.0} == recorded.by(
        "trading_trades_total", "side", "status"
    )


def test_side_and_order_type_are_what_was_asked_for(trading, metrics, recorded):
    """Broken, a stop order shows up as a limit order, or an enum's name as a label."""
    with instrument_alpaca(trading.client, metrics=metrics):
        trading.submit(LimitOrderRequest)
        trading.submit(MarketOrderRequest, OrderSide.SELL)
        trading.submit(StopOrderRequest, OrderSide.SELL, stop_price=90.0)

    assert {("BUY", "LIMIT"): 1.0, ("SELL", "MARKET"): 1.0, ("SELL", "STOP"): 1.0} == recorded.by(
        "trading_orders_submitted_total", "side", "order_type"
    )


def test_each_http_request_counts_once_under_a_template(trading, metrics, recorded):
    """Broken, each order id becomes an endpoint of its own, or the use of the rate limit is not the broker's."""
    with instrument_alpaca(trading.client, trading.stream, metrics=metrics):
        session(trading)

    requests = Counter(
        (method, re.sub(r"^/v2(/\w+)(/.+)?$", lambda match: match[1] + ("/{id}" if match[2] else ""), path))
        for method, path in trading.venue.requests
    )
    assert requests == recorded.by("trading_api_requests_total", "method", "endpoint")
    assert 1 == recorded("trading_api_requests_total", status="403")


def test_retries_are_requests(trading, metrics, recorded):
    """Broken, a bot that runs into the rate limit looks healthy."""
    trading.venue.refuse(429)
    trading.venue.refuse(429)
    with instrument_alpaca(trading.client, metrics=metrics):
        trading.submit()

    assert {("429",): 2.0, ("200",): 1.0} == recorded.by("trading_api_requests_total", "status")
    assert 1 == recorded("trading_orders_submitted_total")
    assert 0 == recorded("trading_orders_rejected_total")


def test_the_stream_may_be_ahead_of_the_answer_and_repeat_itself(trading, metrics, recorded):
    """Broken, fast fills are lost and repeated messages are counted twice."""
    trading.submit()
    (order_id,) = trading.venue.orders
    fill = trading.venue.event(order_id, "fill", status="filled", quantity=10, price=100.0)
    with instrument_alpaca(trading.client, trading.stream, metrics=metrics):
        trading.receive(fill)
        assert 0 == recorded("trading_orders_filled_total")
        trading.venue.answer = lambda method, path, body: (200, trading.venue.orders[order_id])
        trading.submit()
        trading.receive(fill, fill)

    assert 1 == recorded("trading_orders_filled_total")
    assert {"duplicate_fill": 2} == recorded.anomalies()


def test_an_execution_that_is_delivered_again_is_one_trade(trading, metrics, recorded):
    """Broken, a stream that repeats itself after a reconnect inflates the trades, and with them every ratio to them."""
    with instrument_alpaca(trading.client, trading.stream, metrics=metrics):
        order_id = trading.submit()
        first = trading.venue.event(order_id, "partial_fill", status="partially_filled", quantity=4, price=100.0)
        last = trading.venue.event(order_id, "fill", status="filled", quantity=6, price=100.5)
        trading.receive(first, last, first, last)

    assert 2 == recorded("trading_trades_total")
    assert {"duplicate_fill": 2} == recorded.anomalies()


def test_an_execution_ahead_of_the_answer_is_a_trade_of_its_strategy(trading, metrics, recorded):
    """Broken, the fast fills of each strategy, which are most market orders, count for no strategy."""
    trading.submit(client_order_id="gamma-1")
    (order_id,) = trading.venue.orders
    fill = trading.venue.event(order_id, "fill", status="filled", quantity=10, price=100.0)
    trading.venue.answer = lambda method, path, body: trading.receive(fill) or (200, trading.venue.orders[order_id])

    def strategy(order):
        return order.client_order_id.split("-")[0]

    with instrument_alpaca(trading.client, trading.stream, strategy=strategy, metrics=metrics):
        trading.submit(client_order_id="gamma-1")

    assert {("gamma",): 1.0} == recorded.by("trading_trades_total", "strategy")
    assert {("gamma",): 1.0} == recorded.by("trading_orders_filled_total", "strategy")


def test_what_became_of_a_brackets_legs_is_learnt_with_it(trading, metrics, recorded):
    """Broken, the stop-loss and take-profit orders of a bot that polls its brackets stay open for a day."""
    parent, take_profit, stop_loss = (trading.submit() for _ in range(3))
    orders = trading.venue.orders
    orders[parent]["legs"] = [orders[take_profit], orders[stop_loss]]
    answer = trading.venue.answer
    trading.venue.answer = lambda method, *more: (200, orders[parent]) if method == "POST" else answer(method, *more)
    with instrument_alpaca(trading.client, metrics=metrics) as handle:
        trading.submit()
        assert 3 == handle.orders.open_orders()
        for order_id, end in ((parent, "filled"), (take_profit, "filled"), (stop_loss, "canceled")):
            orders[order_id].update(status=end, filled_qty="10" if end == "filled" else "0")
        trading.client.get_order_by_id(parent)
        assert 0 == handle.orders.open_orders()

    assert 2 == recorded("trading_orders_filled_total")
    assert 1 == recorded("trading_orders_cancelled_total")
    assert {} == recorded.anomalies()


def test_messages_about_orders_of_others_are_messages(trading, metrics, recorded):
    """Broken, a bot that clears an earlier session's orders at its start hits the rate limit and nobody sees why."""
    old = [trading.submit() for _ in range(2)]
    with instrument_alpaca(trading.client, metrics=metrics):
        trading.client.cancel_order_by_id(old[0])
        trading.client.replace_order_by_id(old[1], ReplaceOrderRequest(qty=20))
        trading.client.cancel_orders()
        assert 3 == recorded("trading_order_message_rate_max", window="5s")

    assert {("modify",): 1.0, ("cancel",): 2.0} == recorded.by("trading_order_messages_total", "action")


def test_a_restart_goes_on_with_the_orders_that_were_open(trading, metrics, recorded):
    """Broken, what fills after a restart was never ordered, and what was ordered never fills."""
    with instrument_alpaca(trading.client, trading.stream, strategy="momentum", metrics=TradingMetrics()) as handle:
        order_id = trading.submit()
        saved = handle.orders.snapshot()
    with instrument_alpaca(trading.client, trading.stream, metrics=metrics, restore=saved):
        trading.receive(trading.venue.event(order_id, "fill", status="filled", quantity=10, price=100.0))
        trading.client.get_order_by_id(order_id)

    assert {("momentum",): 1.0} == recorded.by("trading_orders_filled_total", "strategy")
    assert {("momentum",): 1.0} == recorded.by("trading_trades_total", "strategy")
    assert 0 == recorded("trading_orders_submitted_total")


def test_what_cannot_be_restored_or_labelled_is_refused(trading, metrics):
    """Broken, a spoilt file or a missing setting shows a day later, in the figures."""
    before = dict(vars(trading.client))
    with pytest.raises(SnapshotError):
        instrument_alpaca(trading.client, metrics=metrics, restore={})
    with pytest.raises(ConfigurationError, match="instrument_alpaca: strategy"):
        instrument_alpaca(trading.client, metrics=metrics, strategy=None)
    assert before == vars(trading.client)


def test_the_strategy_label_may_come_from_the_order(trading, metrics, recorded):
    """Broken, two strategies in one account cannot be told apart."""
    with instrument_alpaca(trading.client, strategy=lambda order: order.client_order_id.split("-")[0], metrics=metrics):
        trading.submit(client_order_id="gamma-1")
        trading.submit(client_order_id="theta-1")

    assert {("gamma",): 1.0, ("theta",): 1.0} == recorded.by("trading_orders_submitted_total", "strategy")


def test_a_bug_in_the_hook_changes_nothing_of_the_session(trading, metrics, recorded, monkeypatch):
    """Broken, a bug of ours keeps a bot from trading."""
    expected = session(trading)
    with AlpacaVenue() as venue:
        again = Trading(venue, trading.raw)
        break_hooks(monkeypatch)
        with instrument_alpaca(again.client, again.stream, metrics=metrics):
            told = session(again)

        assert expected == told
        assert len(trading.handled) == len(again.handled)
        assert [order["status"] for order in trading.venue.orders.values()] == [
            order["status"] for order in venue.orders.values()
        ]
        assert len(trading.venue.requests) == len(venue.requests)
    assert recorded("tradmetrics_instrumentation_errors_total") > 10


def test_instrumented_twice_records_once_and_a_stream_can_be_added(trading, metrics, recorded):
    """Broken, calling it in two places doubles every figure."""
    handle = instrument_alpaca(trading.client, metrics=metrics)
    assert instrument_alpaca(trading.client, metrics=TradingMetrics()) is handle
    assert instrument_alpaca(trading.client, trading.stream) is handle
    order_id = trading.submit()
    trading.receive(trading.venue.event(order_id, "fill", status="filled", quantity=10, price=100.0))
    handle.undo()

    assert 1 == recorded("trading_orders_submitted_total")
    assert 1 == recorded("trading_api_requests_total")
    assert 1 == recorded("trading_orders_filled_total")


def test_undone_by_one_call(trading, metrics, recorded):
    """Broken, the instrumentation cannot be taken out of a running bot."""
    objects = (trading.client, trading.stream, trading.client._session)
    before = [(type(each), dict(vars(each))) for each in objects]
    handle = instrument_alpaca(trading.client, trading.stream, metrics=metrics)
    assert [kind for kind, _ in before] != [type(each) for each in objects]
    handle.undo()
    handle.undo()
    assert before == [(type(each), dict(vars(each))) for each in objects]
    trading.submit()

    assert 0 == recorded("trading_orders_submitted_total")


def test_a_version_that_is_too_old_is_refused(trading, monkeypatch):
    """Broken, an adapter runs on a library without what it needs, and records whatever comes."""
    monkeypatch.setattr(alpaca, "__version__", "0.1")
    with pytest.raises(ConfigurationError, match=r"alpaca-py 0\.1 is too old.*>= \d"):
        instrument_alpaca(trading.client)


def test_something_else_is_refused(trading):
    """Broken, a wrong argument fails later, somewhere inside, with a message about attributes."""
    with pytest.raises(ConfigurationError, match=r"instrument_alpaca: give client="):
        instrument_alpaca()
    with pytest.raises(ConfigurationError, match=r"instrument_alpaca takes stream=TradingStream"):
        instrument_alpaca(trading.client, trading.client)
