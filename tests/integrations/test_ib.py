"""`instrument_ib` on ib_async's own `IB` and `Wrapper`: only the socket is missing, the messages are TWS's."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from integration_support import break_hooks, library

from tradmetrics import ConfigurationError, SnapshotError, TradingMetrics

ib_async = library("ib_async")

from ib_async import Contract, LimitOrder, MarketOrder, OrderState, StopOrder  # noqa: E402
from venues.tws import Tws  # noqa: E402

from tradmetrics.integrations.ib import instrument_ib  # noqa: E402


@pytest.fixture
def tws():
    """A connection as it is after a handshake."""
    asyncio.set_event_loop(asyncio.new_event_loop())
    yield Tws()
    asyncio.get_event_loop().close()
    asyncio.set_event_loop(None)


def session(tws):
    """A day of trading with every way that an order can go; returns the trades by how they ended."""
    filled = tws.place(MarketOrder("BUY", 100))
    tws.status(filled, "PreSubmitted")
    tws.execute(filled, 40)
    tws.status(filled, "Submitted", 40)
    tws.execute(filled, 60)
    tws.status(filled, "Filled", 100)
    tws.status(filled, "Filled", 100)

    status_first = tws.place(LimitOrder("SELL", 100, 101.0))
    tws.status(status_first, "Submitted")
    tws.status(status_first, "Filled", 100)
    tws.execute(status_first, 70, profit=250.0)
    tws.execute(status_first, 30, profit=-40.0)

    without_status = tws.place(MarketOrder("BUY", 10))
    tws.status(without_status, "PreSubmitted")
    tws.execute(without_status, 10)

    modified = tws.place(LimitOrder("BUY", 10, 99.0))
    tws.status(modified, "Submitted")
    modified.order.totalQuantity = 30
    tws.place(modified.order)
    tws.status(modified, "Filled", 30)

    cancelled = tws.place(StopOrder("SELL", 10, 90.0))
    tws.status(cancelled, "Submitted")
    tws.ib.cancelOrder(cancelled.order)
    tws.error(cancelled, 202, "Order Canceled - reason:")
    tws.status(cancelled, "Cancelled")

    at_once = tws.place(LimitOrder("BUY", 10, 99.0))
    tws.ib.cancelOrder(at_once.order)
    tws.error(at_once, 202, "Order Canceled - reason:")

    refused = tws.place(LimitOrder("BUY", 10, 99.0))
    tws.error(refused, 201)
    tws.status(refused, "Inactive")

    refused_later = tws.place(LimitOrder("BUY", 10, 99.0))
    tws.status(refused_later, "PreSubmitted")
    tws.error(refused_later, 201)
    tws.status(refused_later, "Cancelled")

    no_such_contract = tws.place(MarketOrder("BUY", 10))
    tws.error(no_such_contract, 200, "No security definition has been found for the request")

    inactive = tws.place(LimitOrder("BUY", 10, 99.0))
    tws.status(inactive, "Inactive")
    tws.error(inactive, 201)

    day = tws.place(LimitOrder("BUY", 10, 1.0))
    tws.status(day, "Submitted")
    tws.error(day, 10349, "Order TIF was set to DAY based on order preset")

    resting = tws.place(LimitOrder("BUY", 10, 2.0))
    tws.status(resting, "Submitted")
    tws.error(resting, 399, "Order Message: Warning: your order will not be placed at the exchange until 09:30")
    return {
        "filled": [filled, status_first, without_status, modified],
        "cancelled": [cancelled, at_once],
        "rejected": [refused, refused_later, no_such_contract, inactive],
        "open": [resting, day],
    }


def test_metrics_equal_the_librarys_own_record(tws, metrics, recorded, let_a_minute_pass):
    """Broken, the dashboard and TWS disagree about what was traded."""
    with instrument_ib(tws.ib, strategy="momentum", metrics=metrics) as handle:
        trades = session(tws)
        let_a_minute_pass(handle)

    assert len(tws.ib.trades()) == recorded("trading_orders_submitted_total", strategy="momentum")
    sides = Counter(trade.order.action for trade in tws.ib.trades())
    assert sides == {side: count for (side,), count in recorded.by("trading_orders_submitted_total", "side").items()}
    assert len(trades["filled"]) == recorded("trading_orders_filled_total")
    assert len(trades["cancelled"]) == recorded("trading_orders_cancelled_total")
    assert {("error_201",): 3.0, ("error_200",): 1.0} == recorded.by("trading_orders_rejected_total", "reason")
    assert len(trades["open"]) == recorded("trading_orders_open")
    placed, cancelled = (Counter(kind for kind, _ in tws.sent)[kind] for kind in ("place", "cancel"))
    messages = recorded.by("trading_order_messages_total", "action")
    assert {("new",): placed - 1, ("modify",): 1, ("cancel",): cancelled} == messages
    assert {} == recorded.anomalies()


def test_each_execution_that_closes_is_a_trade_with_its_realized_profit(tws, metrics, recorded):
    """Broken, trades and profit on the dashboard are not those of the account."""
    with instrument_ib(tws.ib, metrics=metrics):
        session(tws)

    closing = [fill for fill in tws.ib.fills() if fill.commissionReport.realizedPNL]
    assert {("SELL", "executed"): len(closing)} == recorded.by("trading_trades_total", "side", "status")
    assert sum(fill.commissionReport.commission for fill in tws.ib.fills()) == recorded(
        "trading_cash_paid_total", kind="fee"
    )
    profits = [fill.commissionReport.realizedPNL for fill in tws.ib.fills()]
    assert sum(profit for profit in profits if profit > 0) == recorded("trading_profit_total")
    assert -sum(profit for profit in profits if profit < 0) == recorded("trading_loss_total")
    assert 2 == recorded("trading_trades_pnl_count")


def test_side_and_order_type_are_what_was_asked_for(tws, metrics, recorded):
    """Broken, a stop order shows up as a limit order."""
    with instrument_ib(tws.ib, metrics=metrics):
        tws.place(LimitOrder("BUY", 1, 100.0))
        tws.place(MarketOrder("SELL", 1))
        tws.place(StopOrder("SELL", 1, 90.0))

    assert {("BUY", "LIMIT"): 1.0, ("SELL", "MARKET"): 1.0, ("SELL", "STOP"): 1.0} == recorded.by(
        "trading_orders_submitted_total", "side", "order_type"
    )


def test_submitted_is_the_acknowledgement_and_inactive_alone_is_no_reject(tws, metrics, recorded):
    """Broken, IB's `Submitted`, which means accepted, is no acknowledgement, and an order held back is a reject."""
    with instrument_ib(tws.ib, metrics=metrics):
        trade = tws.place(LimitOrder("BUY", 1, 100.0))
        tws.status(trade, "PendingSubmit")
        assert 0 == recorded("trading_order_ack_time_seconds_count")
        tws.status(trade, "Inactive")
        tws.status(trade, "Submitted")

    assert 1 == recorded("trading_order_ack_time_seconds_count")
    assert 1 == recorded("trading_orders_open")


def test_orders_of_others_are_passed_over(tws, metrics, recorded, let_a_minute_pass):
    """Broken, orders from TWS's own window or an earlier session flood the anomalies."""
    trade = tws.place(LimitOrder("BUY", 1, 100.0))
    with instrument_ib(tws.ib, metrics=metrics) as handle:
        tws.status(trade, "Submitted")
        tws.execute(trade, 1)
        tws.ib.cancelOrder(trade.order)
        let_a_minute_pass(handle)

    assert {} == recorded.by("trading_orders_filled_total", "side")
    assert {} == recorded.anomalies()


def test_messages_about_orders_of_others_are_messages(tws, metrics, recorded):
    """Broken, a bot that clears an earlier session's orders at its start is throttled by TWS and nobody sees why."""
    old = [tws.place(LimitOrder("BUY", 1, 100.0)) for _ in range(2)]
    with instrument_ib(tws.ib, metrics=metrics):
        tws.ib.cancelOrder(old[0].order)
        tws.place(old[1].order)
        tws.ib.reqGlobalCancel()
        assert 3 == recorded("trading_order_message_rate_max", window="5s")

    assert {("modify",): 1.0, ("cancel",): 2.0} == recorded.by("trading_order_messages_total", "action")


def test_a_restart_goes_on_with_the_orders_that_were_open(tws, metrics, recorded):
    """Broken, what fills after a restart was never ordered, and what was ordered never fills."""
    with instrument_ib(tws.ib, strategy="momentum", metrics=TradingMetrics()) as handle:
        before = tws.place(LimitOrder("SELL", 10, 99.0))
        tws.status(before, "Submitted")
        saved = handle.orders.snapshot()
    again = Tws()
    with instrument_ib(again.ib, metrics=metrics, restore=saved):
        # What TWS sends of the orders that are open when a client connects.
        again.ib.wrapper.openOrder(before.order.orderId, before.contract, before.order, OrderState(status="Submitted"))
        (trade,) = again.ib.openTrades()
        again.execute(trade, 10, profit=5.0)
        again.status(trade, "Filled", 10)

    assert {("momentum",): 1.0} == recorded.by("trading_orders_filled_total", "strategy")
    assert {("momentum",): 1.0} == recorded.by("trading_trades_total", "strategy")
    assert 0 == recorded("trading_orders_submitted_total")


def test_what_happened_without_a_connection_counts_when_there_is_one_again(tws, metrics, recorded):
    """Broken, what fills while TWS restarts, as it does each night, is never filled, and its order open for a day."""
    with instrument_ib(tws.ib, strategy="momentum", metrics=metrics) as handle:
        filled, half, cancelled, resting, refused, held = (tws.place(LimitOrder("SELL", 10, 99.0)) for _ in range(6))
        for trade in (filled, half, cancelled, resting, refused):
            tws.status(trade, "Submitted")
        tws.status(held, "PreSubmitted")
        tws.status(held, "Inactive")
        seen = [tws.execute(half, 4, profit=50.0), tws.execute(resting, 3, profit=20.0)]
        assert (2, 70) == (recorded("trading_trades_total"), recorded("trading_profit_total"))
        unseen = [tws.execution(filled, 3), tws.execution(filled, 7, before=3), tws.execution(half, 6)]
        tws.reconnect(
            still_open=[resting, held],
            ended=[(half, "Filled"), (cancelled, "Cancelled"), (refused, "Inactive")],
            executions=[(execution, 20.0) for execution in seen + unseen[::-1]],
        )

        assert 2 == recorded("trading_orders_filled_total", strategy="momentum")
        assert 1 == recorded("trading_orders_cancelled_total")
        assert 1 == recorded("trading_orders_rejected_total")
        assert 2 == handle.orders.open_orders()
        assert 5 == recorded("trading_trades_total", strategy="momentum", side="SELL")

        again = next(trade for trade in tws.ib.trades() if trade.order.orderId == resting.order.orderId)
        tws.status(again, "Submitted", 3)
        last = tws.execute(again, 7, profit=30.0)
        tws.reconnect(ended=[(again, "Filled")], executions=[(execution, 20.0) for execution in [*seen, *unseen, last]])

    assert 3 == recorded("trading_orders_filled_total")
    assert 6 == recorded("trading_trades_total")
    assert 50 + 20 + 3 * 20 + 30 == recorded("trading_profit_total", strategy="momentum")
    assert {} == recorded.anomalies()


def test_the_legs_of_a_combo_do_not_fill_it(tws, metrics, recorded):
    """Broken, a spread of which each unit buys two contracts is filled when half of it is, and counts an overfill."""
    combo = Contract(symbol="INFY", secType="BAG", exchange="SMART", currency="USD")
    with instrument_ib(tws.ib, metrics=metrics) as handle:
        trade = tws.place(LimitOrder("BUY", 10, 1.0), combo)
        tws.status(trade, "Submitted")
        executions = [
            (tws.execution(trade, 5), None, combo),
            (tws.execution(trade, 10), None),
            (tws.execution(trade, 5), None),
        ]
        tws.reconnect(still_open=[trade], executions=executions)
        assert 1 == handle.orders.open_orders()
        assert 1 == recorded("trading_order_first_fill_time_seconds_count")

    assert {} == recorded.anomalies()


def test_an_execution_that_is_told_again_has_one_profit(tws, metrics, recorded):
    """Broken, each reconnect adds today's profit of the open orders once more."""
    with instrument_ib(tws.ib, metrics=metrics):
        trade = tws.place(LimitOrder("SELL", 10, 99.0))
        execution = tws.execute(trade, 4, profit=50.0)
        tws.reconnect(still_open=[trade], executions=[(execution, 50.0)])
        tws.reconnect(still_open=[trade], executions=[(execution, 50.0)])

    assert 50 == recorded("trading_profit_total")


def test_what_cannot_be_restored_or_labelled_is_refused(tws, metrics):
    """Broken, a spoilt file or a missing setting shows a day later, in the figures."""
    before = dict(vars(tws.ib))
    with pytest.raises(SnapshotError):
        instrument_ib(tws.ib, metrics=metrics, restore={})
    with pytest.raises(ConfigurationError, match="instrument_ib: strategy"):
        instrument_ib(tws.ib, metrics=metrics, strategy=None)
    assert before == vars(tws.ib)


def test_the_strategy_label_may_come_from_the_order(tws, metrics, recorded):
    """Broken, two strategies on one connection cannot be told apart."""
    with instrument_ib(tws.ib, strategy=lambda trade: trade.order.orderRef, metrics=metrics):
        for reference in ("gamma", "gamma", "theta"):
            trade = tws.place(LimitOrder("SELL", 1, 100.0, orderRef=reference))
            tws.status(trade, "Submitted")
            tws.execute(trade, 1, profit=2.0)

    assert {("gamma",): 2.0, ("theta",): 1.0} == recorded.by("trading_orders_filled_total", "strategy")
    assert {("gamma",): 2.0, ("theta",): 1.0} == recorded.by("trading_trades_total", "strategy")


def results(tws, trades):
    """What the bot can see of a session."""
    return (
        tws.sent,
        {end: [(trade.orderStatus.status, trade.filled()) for trade in found] for end, found in trades.items()},
        len(tws.ib.fills()),
    )


def test_a_tick_is_as_old_as_the_trade_that_it_tells(tws, metrics, recorded):
    """Broken, the quotes of a quiet market count as old data, or the age of data is always 0."""
    now = datetime.now(timezone.utc)
    ticker = ib_async.Ticker(contract=tws.stock)
    ticker.lastTimestamp = now - timedelta(seconds=3)  # older releases have rtTime alone
    by_tick = ib_async.Ticker(contract=Contract(symbol="TSLA"))
    by_tick.tickByTicks = [SimpleNamespace(time=now - timedelta(seconds=5)), SimpleNamespace(time=now, midPoint=1.0)]
    with instrument_ib(tws.ib, metrics=metrics):
        tws.ib.pendingTickersEvent.emit({ticker})
        tws.ib.pendingTickersEvent.emit({ticker})  # a quote: the last trade is still the same
        tws.ib.pendingTickersEvent.emit({by_tick})

    assert {("INFY",): 2.0, ("TSLA",): 1.0} == recorded.by("trading_market_data_updates_total", "symbol")
    assert {("INFY",): 1.0, ("TSLA",): 1.0} == recorded.by("trading_market_data_age_seconds_count", "symbol")
    assert 3 <= recorded("trading_market_data_age_seconds_sum", symbol="INFY") < 60
    assert 5 <= recorded("trading_market_data_age_seconds_sum", symbol="TSLA") < 60


@pytest.mark.parametrize(
    ("begins", "ends", "is_open"), [(-60, 60, 1), (60, 120, 0), (-120, -60, 1)], ids=["open", "closed", "not told"]
)
def test_the_hours_of_contract_details_tell_the_session(tws, metrics, recorded, begins, ends, is_open):
    """Broken, each night the dashboard complains about silent data, or never again after the days that TWS has told."""
    now = datetime.now(timezone.utc)
    start, end = (f"{now + timedelta(minutes=minutes):%Y%m%d:%H%M}" for minutes in (begins, ends))
    details = ib_async.ContractDetails(
        contract=tws.stock, timeZoneId="UTC", liquidHours=f"20200101:CLOSED;{start}-{end}"
    )
    tws.ib.wrapper._results[9] = []
    with instrument_ib(tws.ib, metrics=metrics):
        tws.ib.wrapper.contractDetails(9, details)

    assert [details] == tws.ib.wrapper._results[9]
    assert is_open == metrics.registry.get_sample_value("trading_market_session_open")


def test_a_bug_in_the_hook_changes_nothing_of_the_session(tws, metrics, recorded, monkeypatch):
    """Broken, a bug of ours keeps a bot from trading."""
    expected = results(tws, session(tws))
    again = Tws()
    break_hooks(monkeypatch)
    with instrument_ib(again.ib, metrics=metrics):
        assert expected == results(again, session(again))

    assert recorded("tradmetrics_instrumentation_errors_total") > 10


def test_instrumented_twice_records_once(tws, metrics, recorded):
    """Broken, calling it in two places doubles every figure."""
    handle = instrument_ib(tws.ib, metrics=metrics)
    assert instrument_ib(tws.ib, metrics=TradingMetrics()) is handle
    tws.place(MarketOrder("BUY", 100))
    handle.undo()

    assert 1 == recorded("trading_orders_submitted_total")


def test_undone_by_one_call(tws, metrics, recorded):
    """Broken, the instrumentation cannot be taken out of a running bot."""
    names = [name for name in vars(tws.ib) if name.endswith("Event")]
    before = {name: len(getattr(tws.ib, name)) for name in names}
    handle = instrument_ib(tws.ib, metrics=metrics)
    assert before != {name: len(getattr(tws.ib, name)) for name in names}
    handle.undo()
    handle.undo()
    assert before == {name: len(getattr(tws.ib, name)) for name in names}
    session(tws)

    assert 0 == recorded("trading_orders_submitted_total")


def test_a_version_that_is_too_old_is_refused(tws, monkeypatch):
    """Broken, an adapter runs on a library without what it needs, and records whatever comes."""
    monkeypatch.setattr(ib_async, "__version__", "0.1")
    with pytest.raises(ConfigurationError, match=r"ib_async 0\.1 is too old.*>= \d"):
        instrument_ib(tws.ib)


def test_something_else_is_refused():
    """Broken, a wrong argument fails later, somewhere inside, with a message about attributes."""
    with pytest.raises(ConfigurationError, match=r"instrument_ib takes an ib_async\.IB\(\), not list"):
        instrument_ib([])


def test_ids_that_begin_again_are_those_of_new_orders(tws, metrics, recorded):
    """Broken, after each restart of its gateway a bot's orders are taken for those of the day before, and are lost."""
    with instrument_ib(tws.ib, metrics=metrics) as handle:
        resting = tws.place(LimitOrder("BUY", 10, 1.0))
        tws.status(resting, "Submitted")
        for restart in (1, 2):
            tws.reconnect()
            tws.ib.client.getReqId = iter([resting.order.orderId]).__next__
            trade = tws.place(LimitOrder("SELL", 10, 2.0))
            assert resting.order.orderId == trade.order.orderId
            trade.order.permId = 9_500 + restart
            tws.status(trade, "Filled", 10)
        assert 1 == handle.orders.open_orders()

    assert {("BUY",): 1.0, ("SELL",): 2.0} == recorded.by("trading_orders_submitted_total", "side")
    assert {("SELL",): 2.0} == recorded.by("trading_orders_filled_total", "side")
    assert {} == recorded.anomalies()


def test_an_order_that_only_asks_for_its_margin_is_none(tws, metrics, recorded):
    """Broken, each question of what an order would cost counts as an order that stays open for ever."""
    with instrument_ib(tws.ib, metrics=metrics) as handle:
        trade = tws.place(MarketOrder("BUY", 10, whatIf=True))
        tws.status(trade, "PreSubmitted")
        assert 0 == handle.orders.open_orders()

    assert 0 == recorded("trading_orders_submitted_total")
    assert {} == recorded.anomalies()


def test_the_connection_is_that_of_tws_to_the_broker(tws, metrics, recorded):
    """Broken, the dashboard shows a connection while TWS itself has lost its own."""
    tws.ib.client.isReady = lambda: True
    with instrument_ib(tws.ib, metrics=metrics):
        assert 1 == recorded("trading_stream_connected", stream="tws")
        tws.ib.wrapper.error(-1, 1100, "Connectivity between IBKR and Trader Workstation has been lost.", "")
        assert 0 == recorded("trading_stream_connected", stream="tws")
        tws.ib.wrapper.error(-1, 1102, "Connectivity has been restored - data maintained.", "")
        assert 1 == recorded("trading_stream_connected", stream="tws")
        tws.ib.disconnectedEvent.emit()
        assert 0 == recorded("trading_stream_connected", stream="tws")


def test_a_change_that_is_refused_leaves_the_order_open(tws, metrics, recorded):
    """Broken, an order whose modification was refused counts as rejected, while it rests at the exchange."""
    with instrument_ib(tws.ib, metrics=metrics) as handle:
        changed, untouched = (tws.place(LimitOrder("BUY", 10, 99.0)) for _ in range(2))
        for trade in (changed, untouched):
            tws.status(trade, "Submitted")
        changed.order.totalQuantity = 1_000_000
        tws.place(changed.order)
        for trade in (changed, untouched):
            tws.error(trade, 201)
        assert 1 == handle.orders.open_orders()

    assert {("error_201",): 1.0} == recorded.by("trading_orders_rejected_total", "reason")


def test_the_portfolio_tells_what_positions_would_gain(tws, metrics, recorded):
    """Broken, the panel of unrealized P&L is empty, or shows IB's number for "not known" as a gain."""
    contract = tws.library.Stock("INFY", "SMART", "USD", conId=1)
    with instrument_ib(tws.ib, metrics=metrics):
        for unrealized in (12.5, tws.unset, float("nan")):
            item = tws.library.PortfolioItem(contract, 10, 19.0, 190.0, 18.0, unrealized, 0.0, "DU1")
            tws.ib.updatePortfolioEvent.emit(item)
            assert 12.5 == recorded("trading_unrealized_pnl")

    assert 1 == recorded("trading_positions_open")
    assert {} == recorded.anomalies()
