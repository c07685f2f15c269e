"""`instrument_ccxt` on ccxt's own Kraken client, sync and async, over HTTP to a venue on the loopback interface."""

import asyncio
import inspect
import json
from collections import Counter

import pytest
from integration_support import break_hooks, library
from venues.kraken import SYMBOL, KrakenVenue, markets

from tradmetrics import ConfigurationError, SnapshotError, TradingMetrics

ccxt = library("ccxt")
async_ccxt = library("ccxt.async_support")

from tradmetrics.integrations.ccxt import instrument_ccxt  # noqa: E402
from tradmetrics.integrations.kit import orders as _orders  # noqa: E402


class Client:
    """An exchange, sync or async, used in one way: its calls block until they are answered."""

    def __init__(self, venue, kind):
        self.loop = asyncio.new_event_loop() if kind == "async" else None
        module = async_ccxt if kind == "async" else ccxt
        self.exchange = module.kraken(venue.settings)
        self.exchange.set_markets(markets(self.exchange))

    def __getattr__(self, name):
        method = getattr(self.exchange, name)

        def call(*args, **kwargs):
            async def run():
                answer = method(*args, **kwargs)
                return await answer if inspect.isawaitable(answer) else answer

            return self.loop.run_until_complete(run()) if self.loop else method(*args, **kwargs)

        return call

    def close(self):
        if self.loop:
            self.loop.run_until_complete(self.exchange.close())
            self.loop.close()


@pytest.fixture(params=["sync", "async"])
def client(request):
    """A client of a venue of its own, sync and async."""
    with KrakenVenue() as venue:
        client = Client(venue, request.param)
        client.venue = venue
        yield client
        client.close()


def session(client):
    """A day of trading with every way that an order can go; returns what the bot was told of each."""
    venue, told = client.venue, []

    def attempt(*order, **more):
        try:
            told.append(client.create_order(SYMBOL, *order, **more)["id"])
        except ccxt.BaseError as error:
            told.append(type(error).__name__)
        return told[-1]

    filled = attempt("limit", "buy", 2, 100)
    venue.fill(filled, 0.5)
    client.fetch_order(filled)
    venue.fill(filled, 1.5)
    client.fetch_order(filled)
    client.fetch_order(filled)

    edited = attempt("limit", "sell", 1, 110)
    client.edit_order(edited, SYMBOL, "limit", "sell", 3, 109)
    venue.fill(edited, 3)
    client.fetch_closed_orders()

    cancelled = attempt("limit", "buy", 1, 90)
    client.cancel_order(cancelled)
    client.fetch_order(cancelled)

    half = attempt("market", "buy", 4)
    venue.fill(half, 1)
    venue.end(half, "closed")  # what was left is gone, and ccxt says `closed` to both
    client.fetch_order(half)

    expired = attempt("limit", "buy", 1, 80)
    venue.end(expired, "expired")
    client.fetch_order(expired)

    venue.refuse("EOrder:Insufficient funds")
    attempt("limit", "buy", 1_000, 100)
    venue.refuse("EOrder:Order minimum not met")
    attempt("limit", "sell", 1, 1e9)
    venue.hang()
    attempt("limit", "buy", 1, 70)  # live, but the bot was never told
    resting = attempt("limit", "sell", 1, 200)
    client.fetch_open_orders()
    assert resting in venue.orders
    client.fetch_my_trades()
    client.fetchMyTrades()
    return told


def test_metrics_equal_the_venues_ledger(client, metrics, recorded, let_a_minute_pass):
    """Broken, the dashboard and the exchange disagree about what was traded."""
    with instrument_ccxt(client.exchange, strategy="momentum", metrics=metrics) as handle:
        told = session(client)
        let_a_minute_pass(handle)

    ledger = Counter(
        "filled" if float(order["vol_exec"]) >= float(order["vol"]) else "canceled" if order["status"] == "closed"
        else order["status"]
        for order in client.venue.orders.values()
    )  # fmt: skip
    errors = Counter(each for each in told if not each.startswith("O0"))
    assert {"filled": 2, "canceled": 2, "expired": 1, "open": 2} == ledger
    assert {"InsufficientFunds": 1, "InvalidOrder": 1, "RequestTimeout": 1} == errors
    assert len(told) == recorded("trading_orders_submitted_total", strategy="momentum")
    assert ledger["filled"] == recorded("trading_orders_filled_total")
    assert ledger["canceled"] == recorded("trading_orders_cancelled_total", reason="unknown")
    assert ledger["expired"] == recorded("trading_orders_cancelled_total", reason="expired")
    assert {("insufficient_funds",): 1.0, ("invalid_order",): 1.0} == recorded.by(
        "trading_orders_rejected_total", "reason"
    )
    assert {("request_timeout",): 1.0} == recorded.by("trading_orders_unknown_total", "reason")
    assert ledger["open"] - 1 == recorded("trading_orders_open")  # without the one that nobody can tell the bot of
    assert {("new",): 9.0, ("modify",): 1.0, ("cancel",): 1.0} == recorded.by("trading_order_messages_total", "action")
    assert {} == recorded.anomalies()


def test_each_trade_that_is_listed_counts_once(client, metrics, recorded):
    """Broken, polling the exchange's list of trades counts them again each time, or no trade is ever counted."""
    old = client.create_order(SYMBOL, "limit", "buy", 1, 100)
    client.venue.fill(old["id"], 1)
    with instrument_ccxt(client.exchange, strategy=lambda order: f"{order['side']}er", metrics=metrics):
        session(client)

    others = [trade for trade in client.venue.trades.values() if trade["ordertxid"] == old["id"]]
    sides = Counter(trade["type"] for trade in client.venue.trades.values()) - Counter(buy=len(others))
    assert {"buy": 3, "sell": 1} == sides
    assert {(f"{side}er", side.upper(), "executed"): count for side, count in sides.items()} == recorded.by(
        "trading_trades_total", "strategy", "side", "status"
    )
    assert {} == recorded.by("trading_trades_pnl_count", "strategy")


def test_a_number_that_two_trades_share_counts_for_both(metrics, recorded):
    """Broken, trades are lost on exchanges that number them by market, and where a bot trades with itself."""

    class Numbered(ccxt.kraken):
        def fetch_my_trades(self, symbol=None, since=None, limit=None, params={}):  # noqa: B006
            return [{"id": "1", "order": order, "symbol": SYMBOL, "side": side} for order, side in self.listed]

    with KrakenVenue() as venue:
        exchange = Numbered(venue.settings)
        exchange.set_markets(markets(exchange))
        with instrument_ccxt(exchange, metrics=metrics):
            exchange.listed = [
                (exchange.create_order(SYMBOL, "limit", side, 1, 100)["id"], side) for side in ("buy", "sell")
            ]
            exchange.fetch_my_trades()
            exchange.listed += [(None, "buy")]
            exchange.fetch_my_trades()

    assert {("BUY",): 1.0, ("SELL",): 1.0} == recorded.by("trading_trades_total", "side")


def test_side_and_order_type_are_what_was_asked_for(client, metrics, recorded):
    """Broken, a stop order shows up as a limit order."""
    with instrument_ccxt(client.exchange, metrics=metrics):
        client.create_order(SYMBOL, "limit", "buy", 1, 100)
        client.create_order(SYMBOL, "market", "sell", 1)
        client.create_stop_order(SYMBOL, "market", "sell", 1, triggerPrice=90, params={"stopLossPrice": 90})
        client.create_order(SYMBOL, "limit", "sell", 1, 88, {"stopLossPrice": 90})

    assert {
        ("BUY", "LIMIT"): 1.0,
        ("SELL", "MARKET"): 1.0,
        ("SELL", "STOP"): 1.0,
        ("SELL", "STOP_LIMIT"): 1.0,
    } == recorded.by("trading_orders_submitted_total", "side", "order_type")


def test_convenience_calls_and_other_spellings_count_once(client, metrics, recorded):
    """Broken, bots that write camelCase or `create_market_buy_order` are not seen, or are counted twice."""
    with instrument_ccxt(client.exchange, metrics=metrics):
        order = client.createOrder(SYMBOL, "limit", "buy", 1, 100)
        client.create_market_buy_order(SYMBOL, 1)
        client.createLimitSellOrder(SYMBOL, 1, 120)
        client.venue.fill(order["id"], 1)
        client.fetchOrder(order["id"])

    assert 3 == recorded("trading_orders_submitted_total")
    assert 1 == recorded("trading_orders_filled_total")


def test_each_http_request_counts_once(client, metrics, recorded):
    """Broken, the use of the exchange's rate limit is not what the exchange counts."""
    with instrument_ccxt(client.exchange, metrics=metrics):
        session(client)

    requests = Counter(client.venue.requests)
    endpoints = {
        endpoint: count for (endpoint,), count in recorded.by("trading_api_requests_total", "endpoint").items()
    }
    assert requests == endpoints
    assert len(client.venue.requests) == recorded("trading_api_request_duration_seconds_count")
    assert 1 == recorded("trading_api_requests_total", endpoint="AddOrder", method="POST", status="request_timeout")
    assert 6 == recorded("trading_api_requests_total", endpoint="AddOrder", method="POST", status="ok")


def test_retries_are_requests_and_rate_limits_have_a_status(client, metrics, recorded):
    """Broken, a bot that runs into the rate limit looks healthy."""
    client.exchange.options["maxRetriesOnFailure"] = 2
    client.venue.refuse("EAPI:Rate limit exceeded")
    client.venue.refuse("EAPI:Rate limit exceeded")
    with instrument_ccxt(client.exchange, metrics=metrics):
        client.create_order(SYMBOL, "limit", "buy", 1, 100)

    assert {("AddOrder", "ok"): 1.0, ("AddOrder", "d_do_s_protection"): 2.0} == recorded.by(
        "trading_api_requests_total", "endpoint", "status"
    )
    assert 1 == recorded("trading_orders_submitted_total")
    assert 0 == recorded("trading_orders_rejected_total")


def test_an_id_only_answer_is_the_acknowledgement(client, metrics, recorded):
    """Broken, there is no acknowledgement time on exchanges that answer with an id and nothing else."""
    with instrument_ccxt(client.exchange, metrics=metrics):
        order = client.create_order(SYMBOL, "limit", "buy", 1, 100)

    assert order["status"] is None
    assert 1 == recorded("trading_order_ack_time_seconds_count")


def test_an_edited_order_is_cancelled_under_the_id_it_keeps(client, metrics, recorded):
    """Broken, an order that was edited and then cancelled stays open for ever on Kraken, whose edits have ids."""
    with instrument_ccxt(client.exchange, metrics=metrics):
        order = client.create_order(SYMBOL, "limit", "buy", 1, 100)
        edited = client.edit_order(order["id"], SYMBOL, "limit", "buy", 2, 100)
        assert edited["id"] != order["id"]
        client.cancel_order(order["id"])

    assert 1 == recorded("trading_orders_cancelled_total")
    assert 0 == recorded("trading_orders_open")


def test_an_edit_that_is_refused_is_a_message_all_the_same(client, metrics, recorded):
    """Broken, a bot that hammers the exchange with edits looks quiet, and its order looks changed."""
    with instrument_ccxt(client.exchange, metrics=metrics):
        order = client.create_order(SYMBOL, "limit", "buy", 1, 100)
        client.venue.refuse("EOrder:Order minimum not met")
        with pytest.raises(ccxt.InvalidOrder):
            client.edit_order(order["id"], SYMBOL, "limit", "buy", 0.00001, 100)

    assert 1 == recorded("trading_order_messages_total", action="modify")
    assert 1 == recorded("trading_orders_open")
    assert 0 == recorded("trading_orders_rejected_total")


def test_orders_of_others_are_passed_over(client, metrics, recorded, let_a_minute_pass):
    """Broken, reading the account's history floods the anomalies with orders from last week."""
    old = client.create_order(SYMBOL, "limit", "buy", 1, 100)
    client.venue.fill(old["id"], 1)
    with instrument_ccxt(client.exchange, metrics=metrics) as handle:
        client.fetch_closed_orders()
        client.fetch_order(old["id"])
        client.cancel_order(old["id"])

        let_a_minute_pass(handle)
        assert 0 == handle.orders.open_orders()
    assert 0 == recorded("trading_orders_filled_total")
    assert {} == recorded.anomalies()


def test_messages_about_orders_of_others_are_messages(client, metrics, recorded):
    """Broken, a bot that clears an earlier session's orders at its start hits the rate limit and nobody sees why."""
    old = [client.create_order(SYMBOL, "limit", "buy", 1, 100)["id"] for _ in range(4)]
    with instrument_ccxt(client.exchange, metrics=metrics):
        client.cancel_order(old[0])
        client.edit_order(old[1], SYMBOL, "limit", "buy", 3, 99)
        client.cancel_all_orders()
        client.venue.refuse("EOrder:Unknown order")
        with pytest.raises(ccxt.OrderNotFound):
            client.cancel_order(old[2])
        assert 4 == recorded("trading_order_message_rate_max", window="5s")

    assert {("modify",): 1.0, ("cancel",): 3.0} == recorded.by("trading_order_messages_total", "action")


def test_an_order_that_timed_out_is_found_by_its_client_id(client, metrics, recorded):
    """Broken, an order that turned out to be live after a timeout is never seen to fill."""
    client.venue.hang()
    with instrument_ccxt(client.exchange, metrics=metrics):
        with pytest.raises(ccxt.RequestTimeout):
            client.create_order(SYMBOL, "limit", "buy", 1, 100, {"clientOrderId": "mine-1"})
        (order_id,) = client.venue.orders
        client.venue.fill(order_id, 1)
        client.fetch_closed_orders()

    assert 1 == recorded("trading_orders_unknown_total")
    assert 1 == recorded("trading_orders_filled_total")
    assert 0 == recorded("trading_orders_open")


REFUSALS = {
    "EAPI:Rate limit exceeded": "d_do_s_protection",
    "EAPI:Invalid nonce": "invalid_nonce",
}


@pytest.mark.parametrize("params", [{}, {"clientOrderId": "mine-1"}], ids=["nameless", "named"])
@pytest.mark.parametrize(("refusal", "reason"), REFUSALS.items())
def test_what_the_exchange_did_not_carry_out_is_a_reject(client, metrics, recorded, refusal, reason, params):
    """Broken, every request beyond the rate limit leaves an order open that was never sent."""
    client.venue.refuse(refusal)
    with instrument_ccxt(client.exchange, metrics=metrics), pytest.raises(ccxt.NetworkError):
        client.create_order(SYMBOL, "limit", "buy", 1, 100, params)

    assert {} == client.venue.orders
    assert {(reason,): 1.0} == recorded.by("trading_orders_rejected_total", "reason")
    assert 0 == recorded("trading_orders_unknown_total")
    assert 0 == recorded("trading_orders_open")


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("RateLimitExceeded", "rejected"),
        ("DDoSProtection", "rejected"),
        ("InvalidNonce", "rejected"),
        ("OnMaintenance", "unknown"),
        ("ExchangeNotAvailable", "unknown"),
        ("NetworkError", "unknown"),
        ("OrderNotFillable", "rejected"),
    ],
)
def test_which_exceptions_say_that_an_order_was_not_taken(metrics, recorded, name, outcome):
    """Broken, an order that may be live is a reject, or one that was refused may be live for ever."""

    class Refusing(ccxt.kraken):
        def create_order(self, symbol, type, side, amount, price=None, params={}):  # noqa: B006
            raise getattr(ccxt, name)("no")

    exchange = Refusing()
    with instrument_ccxt(exchange, metrics=metrics), pytest.raises(getattr(ccxt, name)):
        exchange.create_order(SYMBOL, "limit", "buy", 1, 100)

    assert 1 == recorded(f"trading_orders_{outcome}_total")
    assert 1 == recorded("trading_orders_rejected_total") + recorded("trading_orders_unknown_total")


@pytest.mark.parametrize("params", [{}, {"clientOrderId": "mine-1"}], ids=["nameless", "named"])
def test_an_order_of_which_nobody_knows_stays_open_only_where_something_leads_to_it(client, metrics, recorded, params):
    """Broken, each timeout leaves an order open for a day, and OpenOrdersStuck cannot be resolved."""
    client.venue.hang()
    with instrument_ccxt(client.exchange, metrics=metrics) as handle:
        with pytest.raises(ccxt.RequestTimeout):
            client.create_order(SYMBOL, "limit", "buy", 1, 100, params)
        client.create_order(SYMBOL, "limit", "buy", 1, 100)

    assert 1 == recorded("trading_orders_unknown_total")
    assert 2 == recorded("trading_orders_submitted_total")
    assert 1 + len(params) == handle.orders.open_orders() == recorded("trading_orders_open")


def test_orders_that_a_batch_does_not_answer_are_of_unknown_outcome(metrics, recorded):
    """Broken, they stay open under a name that nobody will ever use."""

    class Batches(ccxt.kraken):
        def create_orders(self, orders, params={}):  # noqa: B006
            return [{"id": "1", "status": "open"}]

    exchange = Batches()
    order = {"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": 1}
    with instrument_ccxt(exchange, metrics=metrics):
        exchange.create_orders([order, order, {**order, "params": {"clientOrderId": "mine-1"}}])

    assert {("no_answer",): 2.0} == recorded.by("trading_orders_unknown_total", "reason")
    assert 3 == recorded("trading_orders_submitted_total")
    assert 2 == recorded("trading_orders_open")


def test_a_restart_goes_on_with_the_orders_that_were_open(client, metrics, recorded):
    """Broken, what fills after a restart was never ordered, and what was ordered never fills."""
    with instrument_ccxt(client.exchange, strategy="momentum", metrics=TradingMetrics()) as handle:
        client.venue.refuse("EOrder:Insufficient funds")
        with pytest.raises(ccxt.InsufficientFunds):
            client.create_order(SYMBOL, "limit", "buy", 1, 100)
        orders = [client.create_order(SYMBOL, "limit", "buy", 2, 100)["id"] for _ in range(2)]
        client.venue.fill(orders[0], 2)
        client.fetch_order(orders[0])
        saved = json.dumps(handle.orders.snapshot())

    again = Client(client.venue, "async" if client.loop else "sync")
    with instrument_ccxt(again.exchange, strategy="another", metrics=metrics, restore=json.loads(saved)) as handle:
        assert 1 == handle.orders.open_orders()
        again.create_order(SYMBOL, "limit", "sell", 1, 100)
        client.venue.fill(orders[1], 2)
        for order_id in orders:
            again.fetch_order(order_id)
        again.fetch_my_trades()
    again.close()

    assert {("another",): 1.0} == recorded.by("trading_orders_submitted_total", "strategy")
    assert {("momentum",): 1.0} == recorded.by("trading_orders_filled_total", "strategy")
    assert {("momentum",): 1.0} == recorded.by("trading_order_fill_time_seconds_count", "strategy")
    assert {("momentum",): 2.0} == recorded.by("trading_trades_total", "strategy")
    assert 1 == recorded("trading_orders_open")
    assert {} == recorded.anomalies()


def test_an_order_whose_answer_was_lost_in_a_restart_is_counted_and_not_followed(client, metrics, recorded):
    """Broken, each crash in the middle of a request leaves an order open for a day."""
    snapshots = []

    class Slow(ccxt.kraken):
        def private_post_addorder(self, params={}):  # noqa: B006
            snapshots.append(handle.orders.snapshot())
            return super().private_post_addorder(params)

        privatePostAddOrder = private_post_addorder  # noqa: N815

    exchange = Slow(client.venue.settings)
    exchange.set_markets(markets(exchange))
    with instrument_ccxt(exchange, metrics=TradingMetrics()) as handle:
        exchange.create_order(SYMBOL, "limit", "buy", 1, 100)
        exchange.create_order(SYMBOL, "limit", "buy", 1, 100)
    (_, snapshot) = snapshots
    again = ccxt.kraken(client.venue.settings)
    again.set_markets(markets(again))
    with instrument_ccxt(again, metrics=metrics, restore=snapshot) as handle:
        assert 1 == handle.orders.open_orders()
        for _ in range(3):
            again.create_order(SYMBOL, "limit", "buy", 1, 100)

    assert {"evicted": 1} == recorded.anomalies()
    assert 3 == recorded("trading_orders_submitted_total")
    assert 4 == recorded("trading_orders_open")


@pytest.mark.parametrize("snapshot", [{}, [], "orders.json", {"version": 99, "format": "tradmetrics.orders"}])
def test_a_damaged_snapshot_instruments_nothing(client, metrics, snapshot):
    """Broken, a bot that starts with a spoilt file trades on with orders that were never there."""
    before = dict(vars(client.exchange))
    with pytest.raises(SnapshotError):
        instrument_ccxt(client.exchange, metrics=metrics, restore=snapshot)
    assert before == vars(client.exchange)


def test_a_snapshot_that_comes_too_late_is_refused(client, metrics):
    """Broken, a second call seems to restore the orders, and does nothing."""
    with instrument_ccxt(client.exchange, metrics=metrics) as handle:
        with pytest.raises(ConfigurationError, match=r"restore= comes too late.*undo\(\)"):
            instrument_ccxt(client.exchange, metrics=metrics, restore=handle.orders.snapshot())
        assert handle.active


def test_the_trackers_bounds_can_be_set(client, metrics, recorded):
    """Broken, a market maker's hundred thousand quotes push its resting orders out."""
    with instrument_ccxt(client.exchange, metrics=metrics, max_open=2, expire_after=3600.0):
        for _ in range(3):
            client.create_order(SYMBOL, "limit", "buy", 1, 100)

    assert 2 == recorded("trading_orders_open")
    assert {"evicted": 1} == recorded.anomalies()
    for options, hint in (({"max_open": 0}, "max_open"), ({"expire_after": -1}, "expire_after")):
        with pytest.raises(ConfigurationError, match=hint):
            instrument_ccxt(client.exchange, metrics=metrics, **options)


@pytest.mark.parametrize("strategy", [None, ""])
def test_a_strategy_that_is_none_is_refused(client, strategy):
    """Broken, a setting that is missing shows as orders of an unknown strategy, a day later."""
    with pytest.raises(
        ConfigurationError, match=r"^instrument_ccxt: strategy is the label of all orders, or a function"
    ):
        instrument_ccxt(client.exchange, strategy=strategy)


def test_the_strategy_label_may_come_from_the_order(client, metrics, recorded):
    """Broken, two strategies on one exchange object cannot be told apart."""
    with instrument_ccxt(client.exchange, strategy=lambda order: f"{order['symbol']} {order['side']}", metrics=metrics):
        client.create_order(SYMBOL, "limit", "buy", 1, 100)

    assert {("BTC/USD buy",): 1.0} == recorded.by("trading_orders_submitted_total", "strategy")


def test_a_bug_in_the_hook_changes_nothing_of_the_session(client, metrics, recorded, monkeypatch):
    """Broken, a bug of ours keeps a bot from trading."""
    expected = session(client)
    with KrakenVenue() as venue:
        again = Client(venue, "async" if client.loop else "sync")
        again.venue = venue
        break_hooks(monkeypatch)
        with instrument_ccxt(again.exchange, metrics=metrics):
            told = session(again)
        again.close()

        assert expected == told
        assert client.venue.orders == venue.orders
        assert client.venue.requests == venue.requests
    assert recorded("tradmetrics_instrumentation_errors_total") >= len(told)


def test_instrumented_twice_records_once(client, metrics, recorded):
    """Broken, calling it in two places doubles every figure."""
    handle = instrument_ccxt(client.exchange, metrics=metrics)
    assert instrument_ccxt(client.exchange, metrics=TradingMetrics()) is handle
    client.create_order(SYMBOL, "limit", "buy", 1, 100)
    handle.undo()

    assert 1 == recorded("trading_orders_submitted_total")
    assert 1 == recorded("trading_api_requests_total")


def test_undone_by_one_call(client, metrics, recorded):
    """Broken, the instrumentation cannot be taken out of a running bot."""
    before = type(client.exchange), vars(client.exchange).keys()
    handle = instrument_ccxt(client.exchange, metrics=metrics)
    assert before[0] is not type(client.exchange)
    handle.undo()
    handle.undo()
    assert before == (type(client.exchange), vars(client.exchange).keys())
    client.create_order(SYMBOL, "limit", "buy", 1, 100)

    assert 0 == recorded("trading_orders_submitted_total")


def test_a_disabled_metrics_object_leaves_the_exchange_alone(client):
    """Broken, switching the metrics off still costs something on every request."""
    before = dict(vars(client.exchange))
    with instrument_ccxt(client.exchange, metrics=TradingMetrics(enabled=False)):
        assert before == vars(client.exchange)


@pytest.mark.parametrize("for_symbols", [False, True])
def test_a_fill_that_a_stream_tells_before_the_answer_counts(metrics, recorded, for_symbols):
    """Broken, fast fills are lost: the websocket is often ahead of the answer to the create."""

    class Streaming(async_ccxt.kraken):
        async def watch_orders(self, symbol=None, since=None, limit=None, params={}):  # noqa: B006
            return self.stream

        async def watch_orders_for_symbols(self, symbols, since=None, limit=None, params={}):  # noqa: B006
            return self.stream

    async def trade(venue):
        exchange = Streaming(venue.settings)
        exchange.set_markets(markets(exchange))
        exchange.stream = [{"id": "O00000-AAAAA-BBBBBB", "status": "closed", "filled": 1.0, "amount": 1.0}]
        with instrument_ccxt(exchange, metrics=metrics):
            await (exchange.watch_orders_for_symbols([SYMBOL]) if for_symbols else exchange.watch_orders())
            assert 0 == recorded("trading_orders_filled_total")
            await exchange.create_order(SYMBOL, "limit", "buy", 1, 100)
            await (exchange.watchOrdersForSymbols([SYMBOL]) if for_symbols else exchange.watchOrders())
        await exchange.close()

    with KrakenVenue() as venue:
        asyncio.run(trade(venue))

    assert 1 == recorded("trading_orders_filled_total")
    assert {} == recorded.anomalies()


@pytest.mark.parametrize("for_symbols", [False, True])
def test_a_trade_that_a_stream_tells_before_the_answer_counts_once(metrics, recorded, for_symbols):
    """Broken, the trades of fast fills, which are most market orders, are missing from the dashboard."""

    class Streaming(async_ccxt.kraken):
        async def watch_my_trades(self, symbol=None, since=None, limit=None, params={}):  # noqa: B006
            return self.stream

        async def watch_my_trades_for_symbols(self, symbols, since=None, limit=None, params={}):  # noqa: B006
            return self.stream

    async def trade(venue):
        exchange = Streaming(venue.settings)
        exchange.set_markets(markets(exchange))
        mine, others = "O00000-AAAAA-BBBBBB", "O99999-AAAAA-BBBBBB"
        exchange.stream = [
            {"id": "1", "order": mine, "symbol": SYMBOL, "side": "buy"},
            {"id": "2", "order": others, "symbol": SYMBOL, "side": "sell"},
        ]
        with instrument_ccxt(exchange, strategy="momentum", metrics=metrics):
            await (exchange.watch_my_trades_for_symbols([SYMBOL]) if for_symbols else exchange.watch_my_trades())
            await exchange.watch_my_trades()
            assert 0 == recorded("trading_trades_total")
            seen, exchange.stream = exchange.stream, []
            await exchange.create_order(SYMBOL, "market", "buy", 1)
            await exchange.watchMyTrades()
            assert 1 == recorded("trading_trades_total")
            exchange.stream = seen
            await exchange.watchMyTrades()
        await exchange.close()

    with KrakenVenue() as venue:
        asyncio.run(trade(venue))

    assert {("momentum", "BUY"): 1.0} == recorded.by("trading_trades_total", "strategy", "side")


def test_an_edit_that_is_a_cancel_and_a_create_is_one_modification(metrics, recorded):
    """Broken, on exchanges without an edit of their own each edit counts as a cancelled order and a new one."""

    class WithoutEdit(ccxt.kraken):
        edit_order = ccxt.Exchange.edit_order

    with KrakenVenue() as venue:
        exchange = WithoutEdit(venue.settings)
        exchange.set_markets(markets(exchange))
        with instrument_ccxt(exchange, metrics=metrics):
            first = exchange.create_order(SYMBOL, "limit", "buy", 1, 100)
            second = exchange.edit_order(first["id"], SYMBOL, "limit", "buy", 1, 101)
            venue.fill(second["id"], 1)
            exchange.fetch_order(second["id"])
            exchange.fetch_order(first["id"])

    assert {("new",): 1.0, ("modify",): 1.0} == recorded.by("trading_order_messages_total", "action")
    assert 1 == recorded("trading_orders_submitted_total")
    assert 1 == recorded("trading_orders_filled_total")
    assert 0 == recorded("trading_orders_cancelled_total")
    assert 4 + 1 == recorded("trading_api_requests_total")


def test_trades_of_others_take_bounded_memory(metrics, recorded, monkeypatch):
    """Broken, a bot that shares its account with others grows with each trade of theirs until it is killed."""
    monkeypatch.setattr(_orders, "_MOST_EARLY", 3)
    exchange = Okx()
    with instrument_ccxt(exchange, metrics=metrics):
        for order_id in ("1", "2", "3", "4"):
            trades = [
                {"tradeId": f"{number}", "ordId": order_id, "instId": "BTC-USD", "side": "buy"} for number in range(5)
            ]
            exchange.answers.append(trades)
            exchange.fetch_my_trades(SYMBOL)
        exchange.place("_1", "_2")

    assert 3 == recorded("trading_trades_total")  # of the second; the first has been forgotten


def test_a_cancel_that_a_stream_tells_in_the_middle_of_an_edit_ends_no_order(metrics, recorded):
    """Broken, each edit of a bot with a stream counts a cancelled order, and the one that is live is not open."""

    class WithoutEdit(async_ccxt.kraken):
        edit_order = async_ccxt.Exchange.edit_order
        told, poor = (), False

        async def create_order(self, symbol, type, side, amount, price=None, params={}):  # noqa: B006
            if self.poor:
                raise ccxt.InsufficientFunds
            return await super().create_order(symbol, type, side, amount, price, params)

        async def cancel_order(self, id, symbol=None, params={}):  # noqa: B006
            answer = await super().cancel_order(id, symbol, params)
            self.told = [{"id": id, "status": "canceled", "filled": 0.0, "amount": 1.0}]
            await self.watch_orders()
            return answer

        async def watch_orders(self, symbol=None, since=None, limit=None, params={}):  # noqa: B006
            return self.told

    async def trade(venue):
        exchange = WithoutEdit(venue.settings)
        exchange.set_markets(markets(exchange))
        with instrument_ccxt(exchange, metrics=metrics) as handle:
            first = await exchange.create_order(SYMBOL, "limit", "buy", 1, 100)
            second = await exchange.edit_order(first["id"], SYMBOL, "limit", "buy", 1, 101)
            assert 1 == handle.orders.open_orders()
            assert 0 == recorded("trading_orders_cancelled_total")
            venue.fill(second["id"], 1)
            await exchange.fetch_order(second["id"])

            refused = await exchange.create_order(SYMBOL, "limit", "buy", 1, 100)
            exchange.poor = True  # the cancel is done, the create fails
            with pytest.raises(ccxt.InsufficientFunds):
                await exchange.edit_order(refused["id"], SYMBOL, "limit", "buy", 1, 101)
            assert 0 == handle.orders.open_orders()
        await exchange.close()

    with KrakenVenue() as venue:
        asyncio.run(trade(venue))

    assert 2 == recorded("trading_orders_submitted_total")
    assert 1 == recorded("trading_orders_filled_total")
    assert 1 == recorded("trading_orders_cancelled_total")
    assert {("new",): 2.0, ("modify",): 2.0} == recorded.by("trading_order_messages_total", "action")
    assert {} == recorded.anomalies()


class Okx(ccxt.okx):
    """An exchange that answers a batch order by order, without a network: what it is to answer is in `answers`."""

    def __init__(self):
        super().__init__({"apiKey": "key", "secret": "secret", "password": "password"})
        self.answers = []
        market = {"id": "BTC-USD", "symbol": SYMBOL, "base": "BTC", "quote": "USD", "type": "spot", "spot": True}
        self.set_markets([self.safe_market_structure(market | {"precision": {"amount": 1e-8, "price": 0.1}})])

    def fetch(self, url, method="GET", headers=None, body=None):
        code = "0" if all(answer.get("sCode", "0") == "0" for answer in self.answers[0]) else "2"
        return {"code": code, "data": self.answers.pop(0)}

    def will_answer(self, **codes):
        """Have the next batch answered with a code for each order, 0 where it is done."""
        self.answers.append([{"ordId": each[1:], "clOrdId": "", "sCode": code} for each, code in codes.items()])

    def place(self, *order_ids):
        """Have orders placed under these ids."""
        self.will_answer(**dict.fromkeys(order_ids, "0"))
        order = {"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": 1, "price": 100}
        assert [each[1:] for each in order_ids] == [
            each["id"] for each in self.create_orders([order for _ in order_ids])
        ]
        return order


def test_what_a_batch_refuses_to_cancel_is_not_cancelled(metrics, recorded):
    """Broken, an order that fills while it is cancelled with others counts as cancelled, or even as rejected."""
    exchange = Okx()
    with instrument_ccxt(exchange, metrics=metrics) as handle:
        exchange.place("_1", "_2", "_3", "_4")
        exchange.will_answer(_1="0", _2="51400")
        exchange.cancel_orders(["1", "2"], SYMBOL)
        exchange.will_answer(_3="0", _4="51400")
        exchange.cancel_orders_for_symbols([{"id": each, "symbol": SYMBOL} for each in ("3", "4")])

        assert 2 == handle.orders.open_orders()
        for each in ("2", "4"):
            exchange.answers.append(
                [{"ordId": each, "state": "filled", "accFillSz": "1", "sz": "1", "instId": "BTC-USD"}]
            )
            exchange.fetch_order(each, SYMBOL)

    assert 2 == recorded("trading_orders_cancelled_total")
    assert 2 == recorded("trading_orders_filled_total")
    assert 0 == recorded("trading_orders_rejected_total")
    assert {("new",): 4.0, ("cancel",): 4.0} == recorded.by("trading_order_messages_total", "action")
    assert {} == recorded.anomalies()


def test_a_batch_of_edits_is_as_many_messages_and_ends_no_order(metrics, recorded):
    """Broken, a market maker's quotes, which are edited in batches, do not count towards the order-to-trade ratio."""
    exchange = Okx()
    if not exchange.has.get("editOrders"):
        pytest.skip("this release of ccxt does not edit okx's orders in a batch")
    with instrument_ccxt(exchange, metrics=metrics) as handle:
        order = exchange.place("_1", "_2")
        exchange.will_answer(_1="0", _2="51503")
        exchange.edit_orders([{**order, "id": each} for each in ("1", "2")])
        assert 2 == handle.orders.open_orders()

    assert {("new",): 2.0, ("modify",): 2.0} == recorded.by("trading_order_messages_total", "action")
    assert 0 == recorded("trading_orders_rejected_total")
    assert {} == recorded.anomalies()


def test_a_version_that_is_too_old_is_refused(monkeypatch):
    """Broken, an adapter runs on a library without what it needs, and records whatever comes."""
    monkeypatch.setattr(ccxt, "__version__", "0.1")
    with pytest.raises(ConfigurationError, match=r"ccxt 0\.1 is too old.*>= \d"):
        instrument_ccxt(ccxt.kraken())


def test_something_else_is_refused():
    """Broken, a wrong argument fails later, somewhere inside, with a message about attributes."""
    with pytest.raises(ConfigurationError, match=r"instrument_ccxt takes an exchange, e\.g\. ccxt\.kraken"):
        instrument_ccxt(ccxt)


class Unified(ccxt.Exchange):
    """An exchange whose answers are ccxt's unified structures, as its manual shows them."""

    def __init__(self):
        super().__init__({"id": "unified"})
        self.answers = {}

    def fetch_balance(self, params={}):  # noqa: B006
        return self.answers["balance"]

    def fetch_positions(self, symbols=None, params={}):  # noqa: B006
        return self.answers["positions"]

    def fetch_position(self, symbol, params={}):  # noqa: B006
        return self.answers["position"]

    def fetch_funding_history(self, symbol=None, since=None, limit=None, params={}):  # noqa: B006
        return self.answers["funding"]

    def fetch_tickers(self, symbols=None, params={}):  # noqa: B006
        return self.answers["tickers"]

    def fetch_order_book(self, symbol, limit=None, params={}):  # noqa: B006
        return self.answers["book"]

    def fetch_trades(self, symbol, since=None, limit=None, params={}):  # noqa: B006
        return self.answers["trades"]


BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


def position(symbol, contracts, side, unrealized):
    """A position as ccxt shows it."""
    return {"symbol": symbol, "contracts": contracts, "side": side, "unrealizedPnl": unrealized, "entryPrice": 100.0}


def test_positions_of_both_sides_are_one_and_those_that_are_gone_are_zero(metrics, recorded):
    """Broken, a hedged account shows twice its risk, or a position that was closed elsewhere stays."""
    exchange = Unified()
    with instrument_ccxt(exchange, strategy="grid", metrics=metrics):
        exchange.answers["positions"] = [
            position(BTC, 3.0, "long", 5.0),
            position(BTC, 1.0, "short", -2.0),
            position(ETH, 4.0, "short", None),
            {"symbol": None, "contracts": 1.0},
            {"symbol": "X/USDT:USDT", "contracts": None},
        ]
        exchange.fetch_positions()
        assert (2, 3) == (recorded("trading_positions_open"), recorded("trading_unrealized_pnl"))
        exchange.answers["position"] = position(ETH, 1.0, "short", 1.0)
        exchange.fetch_position(ETH)
        assert (2, 4) == (recorded("trading_positions_open"), recorded("trading_unrealized_pnl"))
        exchange.answers["positions"] = []
        exchange.fetch_positions([BTC])  # says nothing of other symbols
        assert (1, 1) == (recorded("trading_positions_open"), recorded("trading_unrealized_pnl"))
        exchange.answers["positions"] = [position(BTC, 1.0, "long", 0.0), position(BTC, 1.0, "short", 0.0)]
        exchange.fetch_positions()
        assert 0 == recorded("trading_positions_open")
    assert {} == recorded.anomalies()


def test_a_funding_payment_counts_once(metrics, recorded):
    """Broken, each look at the history of funding pays it again."""
    exchange = Unified()
    paid = {"id": "1", "symbol": BTC, "code": "USDT", "amount": -1.5, "timestamp": 1}
    with instrument_ccxt(exchange, strategy="grid", metrics=metrics):
        exchange.answers["funding"] = [
            paid,
            {**paid, "id": None, "amount": 0.5, "timestamp": 2},
            {**paid, "id": "3", "amount": None},
        ]
        exchange.fetch_funding_history()
        exchange.fetch_funding_history()
    assert {("funding",): 1.5} == recorded.by("trading_cash_paid_total", "kind")
    assert {("funding",): 0.5} == recorded.by("trading_cash_received_total", "kind")


def test_tickers_books_and_trades_are_market_data(metrics, recorded):
    """Broken, a feed that is polled by another call than fetch_ticker looks silent."""
    exchange = Unified()
    now = exchange.milliseconds()
    with instrument_ccxt(exchange, strategy="grid", metrics=metrics):
        exchange.answers["tickers"] = {each: {"symbol": each, "timestamp": now - 2_000} for each in (BTC, ETH)}
        exchange.fetch_tickers()
        exchange.answers["book"] = {"bids": [], "asks": [], "timestamp": None}  # some venues name no symbol
        exchange.fetch_order_book(BTC)
        exchange.answers["trades"] = []
        exchange.fetch_trades(ETH)
        exchange.answers["trades"] = [{"symbol": ETH, "timestamp": now - 9_000}, {"symbol": ETH, "timestamp": now}]
        exchange.fetch_trades(ETH)
    assert {(BTC,): 2.0, (ETH,): 2.0} == recorded.by("trading_market_data_updates_total", "symbol")
    assert {} == recorded.anomalies()


def test_the_balance_is_that_of_the_accounts_money(metrics, recorded):
    """Broken, the account's value is that of a coin that it happens to hold."""
    exchange = Unified()
    with instrument_ccxt(exchange, strategy="grid", metrics=metrics):
        exchange.answers["balance"] = {
            "total": {"DOGE": 5_000.0, "USDT": 900.0},
            "USDT": {"free": 600.0, "used": 300.0, "total": 900.0},
            "DOGE": {"free": 5_000.0, "used": 0.0, "total": 5_000.0},
        }
        exchange.fetch_balance()
        exchange.answers["balance"] = None
        exchange.fetch_balance()
    assert 900 == recorded("trading_capital_total")
    assert 300 == recorded("trading_margin_used")
    assert 600 == recorded("trading_margin_available")


def test_two_accounts_add_up_and_two_clients_of_one_do_not(metrics, recorded):
    """Broken, the capital is that of the account which spoke last; or a second client of an account doubles it."""
    for key, amount in (("a", 900.0), ("b", 100.0), ("a", 900.0)):
        exchange = Unified()
        exchange.apiKey = key
        money = {"free": amount, "used": 0.0, "total": amount}
        exchange.answers["balance"] = {"total": {"USDT": amount}, "USDT": money}
        exchange.answers["positions"] = [position(BTC, 3.0, "long", 5.0)]
        instrument_ccxt(exchange, metrics=metrics)
        exchange.fetch_balance()
        exchange.fetch_positions()

    assert (1000, 1000) == (recorded("trading_capital_total"), recorded("trading_margin_available"))
    assert (2, 10) == (recorded("trading_positions_open"), recorded("trading_unrealized_pnl"))
    assert {} == recorded.anomalies()
