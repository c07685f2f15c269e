"""`instrument_ib` on ib_insync, which ib_async succeeds: the same events, under another name."""

import asyncio

import pytest
from integration_support import library

library("ib_insync")

from venues.tws import Tws  # noqa: E402

from tradmetrics.integrations.ib import instrument_ib  # noqa: E402


@pytest.fixture
def tws():
    """A connection as it is after a handshake."""
    asyncio.set_event_loop(asyncio.new_event_loop())
    yield Tws("ib_insync")
    asyncio.get_event_loop().close()
    asyncio.set_event_loop(None)


def test_orders_executions_and_profit(tws, metrics, recorded):
    """Broken, bots that have not moved to ib_async cannot be recorded."""
    with instrument_ib(tws.ib, strategy="s", metrics=metrics):
        trade = tws.place(tws.library.LimitOrder("SELL", 10, 99.0))
        tws.status(trade, "Submitted")
        tws.execute(trade, 10, profit=5.0)
        tws.status(trade, "Filled", 10)
        refused = tws.place(tws.library.LimitOrder("BUY", 10, 99.0))
        tws.error(refused, 201)
        cancelled = tws.place(tws.library.LimitOrder("BUY", 10, 99.0))
        tws.ib.cancelOrder(cancelled.order)
        tws.error(cancelled, 202)

    assert 3 == recorded("trading_orders_submitted_total", strategy="s")
    assert (1, 1) == (recorded("trading_orders_filled_total"), recorded("trading_orders_rejected_total"))
    assert 1 == recorded("trading_orders_cancelled_total")
    assert (1, 5) == (recorded("trading_trades_total"), recorded("trading_profit_total"))
    assert {} == recorded.anomalies()
