"""`instrument_nautilus` on a real `BacktestEngine`: every figure against the engine's own cache."""

import math
from collections import Counter
from datetime import timedelta
from types import SimpleNamespace

import pytest
from integration_support import break_hooks, library

from tradmetrics import ConfigurationError, SnapshotError, TradingMetrics

nautilus = library("nautilus_trader")

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig  # noqa: E402
from nautilus_trader.config import LoggingConfig, StrategyConfig  # noqa: E402
from nautilus_trader.core.datetime import unix_nanos_to_dt  # noqa: E402
from nautilus_trader.model.currencies import USD  # noqa: E402
from nautilus_trader.model.data import QuoteTick  # noqa: E402
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide, TimeInForce, TriggerType  # noqa: E402
from nautilus_trader.model.identifiers import TradeId, TraderId, Venue  # noqa: E402
from nautilus_trader.model.objects import Money  # noqa: E402
from nautilus_trader.test_kit.providers import TestInstrumentProvider  # noqa: E402
from nautilus_trader.test_kit.stubs.events import TestEventStubs  # noqa: E402
from nautilus_trader.trading.strategy import Strategy  # noqa: E402

from tradmetrics.integrations.nautilus import instrument_nautilus  # noqa: E402

SIM = Venue("SIM")
EURUSD = TestInstrumentProvider.default_fx_ccy("EUR/USD", SIM)
START = 1_700_000_000


class Everything(Strategy):
    """Trades to a timetable: each kind of order, and each way for it to end."""

    def __init__(self, tag="000"):
        super().__init__(StrategyConfig(strategy_id="everything", order_id_tag=tag))
        self.bar = 0

    def on_start(self):
        self.bar = 0
        self.subscribe_quote_ticks(EURUSD.id)

    def on_quote_tick(self, tick):
        self.bar += 1
        make, size, price = self.order_factory, EURUSD.make_qty, EURUSD.make_price
        buy, sell = OrderSide.BUY, OrderSide.SELL
        if self.bar in (5, 60):
            self.submit_order(make.market(EURUSD.id, buy, size(100_000)))
        elif self.bar in (20, 75):
            self.close_all_positions(EURUSD.id)
        elif self.bar == 22:
            self.submit_order(make.market(EURUSD.id, sell, size(50_000)))
        elif self.bar == 24:
            self.close_all_positions(EURUSD.id)
        elif self.bar == 25:
            self.resting = make.limit(EURUSD.id, buy, size(100_000), price(0.5))
            self.submit_order(self.resting)
        elif self.bar == 28:
            self.modify_order(self.resting, quantity=size(50_000))
        elif self.bar == 30:
            self.cancel_order(self.resting)
        elif self.bar == 33:
            self.submit_order(make.limit(EURUSD.id, buy, size(100_000), price(2.0), post_only=True))  # rejected
        elif self.bar == 35:
            self.submit_order(make.market(EURUSD.id, buy, size(1)))  # denied: too small
        elif self.bar == 37:  # held back here, never triggered
            self.submit_order(
                make.stop_market(EURUSD.id, buy, size(100_000), price(3.0), emulation_trigger=TriggerType.BID_ASK)
            )
        elif self.bar == 40:  # held back here, triggered, and sent as a market order
            self.submit_order(
                make.stop_market(EURUSD.id, buy, size(100_000), price(1.1005), emulation_trigger=TriggerType.BID_ASK)
            )
        elif self.bar == 45:
            soon = unix_nanos_to_dt(tick.ts_event) + timedelta(seconds=5)
            self.submit_order(
                make.limit(EURUSD.id, buy, size(100_000), price(0.5), time_in_force=TimeInForce.GTD, expire_time=soon)
            )
        elif self.bar == 50:
            self.submit_order_list(
                make.bracket(EURUSD.id, sell, size(100_000), sl_trigger_price=price(1.1072), tp_price=price(1.05))
            )
        elif self.bar == 90:
            self.submit_order(make.limit(EURUSD.id, buy, size(100_000), price(0.4)))  # open at the end


@pytest.fixture
def make_engine():
    """Builds engines with prices that rise steadily, and disposes of them."""
    engines = []

    def make(*strategies):
        engine = BacktestEngine(
            BacktestEngineConfig(trader_id=TraderId("TESTER-001"), logging=LoggingConfig(bypass_logging=True))
        )
        engine.add_venue(
            venue=SIM,
            oms_type=OmsType.NETTING,
            account_type=AccountType.MARGIN,
            base_currency=USD,
            starting_balances=[Money(1_000_000, USD)],
        )
        engine.add_instrument(EURUSD)
        engine.add_data([quote(second) for second in range(100)])
        for strategy in strategies or (Everything(),):
            engine.add_strategy(strategy)
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        engine.dispose()


def quote(second):
    """The prices of one second."""
    at = (START + second) * 1_000_000_000
    bid = 1.1 + 0.0001 * second
    size = EURUSD.make_qty(1_000_000)
    return QuoteTick(EURUSD.id, EURUSD.make_price(bid), EURUSD.make_price(bid + 0.0001), size, size, at, at)


def ends(engine):
    """The engine's orders by the state they are in."""
    return Counter(order.status_string() for order in engine.cache.orders())


def closed(engine):
    """The positions that were closed; a netting account uses one position again and keeps snapshots of it."""
    return [*engine.cache.position_snapshots(), *engine.cache.positions_closed()]


def test_metrics_equal_the_engines_cache(make_engine, metrics, recorded, let_a_minute_pass):
    """Broken, a backtest's metrics and its report disagree, and nobody knows which to believe."""
    engine = make_engine()
    with instrument_nautilus(engine, metrics=metrics) as handle:
        engine.run()
        let_a_minute_pass(handle)

    states = ends(engine)
    assert {"FILLED", "CANCELED", "EXPIRED", "REJECTED", "DENIED", "ACCEPTED", "EMULATED"} == set(states)
    assert engine.cache.orders_total_count() == recorded("trading_orders_submitted_total", strategy="everything-000")
    sides = Counter(order.side_string() for order in engine.cache.orders())
    assert sides == {side: count for (side,), count in recorded.by("trading_orders_submitted_total", "side").items()}
    assert states["FILLED"] == recorded("trading_orders_filled_total")
    assert states["CANCELED"] == recorded("trading_orders_cancelled_total", reason="unknown")
    assert states["EXPIRED"] == recorded("trading_orders_cancelled_total", reason="expired")
    assert states["DENIED"] == recorded("trading_orders_rejected_total", reason="denied")
    assert states["REJECTED"] + states["DENIED"] == recorded("trading_orders_rejected_total")
    assert states["ACCEPTED"] + states["EMULATED"] == recorded("trading_orders_open")
    messages = recorded.by("trading_order_messages_total", "action")
    assert {("new",): engine.cache.orders_total_count(), ("modify",): 1, ("cancel",): 1} == messages
    assert recorded.anomalies() == {}


def test_trades_are_closed_positions(make_engine, metrics, recorded):
    """Broken, the profit on the dashboard is not the profit of the strategy."""
    engine = make_engine()
    with instrument_nautilus(engine, metrics=metrics):
        engine.run()

    profits = [position.realized_pnl.as_double() for position in closed(engine)]
    assert 3 <= len(profits)
    assert any(profit < 0 for profit in profits)
    assert any(profit > 0 for profit in profits)
    entries = Counter("BUY" if position.entry == OrderSide.BUY else "SELL" for position in closed(engine))
    assert {(side, "executed"): count for side, count in entries.items()} == recorded.by(
        "trading_trades_total", "side", "status"
    )
    assert math.isclose(sum(profit for profit in profits if profit > 0), recorded("trading_profit_total"))
    assert math.isclose(-sum(profit for profit in profits if profit < 0), recorded("trading_loss_total"))
    assert engine.cache.positions_open_count() == recorded("trading_positions_open")


def test_the_account_is_the_engines(make_engine, metrics, recorded):
    """Broken, capital and margin on the dashboard are not the account's."""
    engine = make_engine()
    with instrument_nautilus(engine, metrics=metrics):
        engine.run()

    account = engine.cache.account_for_venue(SIM)
    assert account.balance_total().as_double() == recorded("trading_capital_total")
    assert account.balance_free().as_double() == recorded("trading_capital_available")
    assert account.balance_locked().as_double() == recorded("trading_margin_used")


def test_times_are_the_events_own(make_engine, metrics, recorded):
    """Broken, the times in a backtest are those of the machine it ran on."""
    engine = make_engine()
    with instrument_nautilus(engine, metrics=metrics):
        engine.run()

    fills = [
        (order.ts_closed - order.ts_init) / 1e9 for order in engine.cache.orders() if order.status_string() == "FILLED"
    ]
    assert len(fills) == recorded("trading_order_fill_time_seconds_count")
    assert math.isclose(sum(fills), recorded("trading_order_fill_time_seconds_sum"), abs_tol=1e-6)


def test_a_second_run_of_the_same_engine_counts_again(make_engine, metrics, recorded):
    """Broken, every run but the first of a parameter study is lost: the engine numbers its orders from one again."""
    engine = make_engine()
    with instrument_nautilus(engine, metrics=metrics):
        engine.run()
        first = engine.cache.orders_total_count()
        engine.reset()
        engine.run()
        second = engine.cache.orders_total_count()

    assert first + second == recorded("trading_orders_submitted_total")
    assert recorded.anomalies() == {}


def live(engine):
    """A trading node's inside, as far as the adapter looks at it: an engine's, but for what it calls itself."""
    inside = {name: getattr(engine.kernel, name) for name in ("cache", "msgbus")}
    return SimpleNamespace(kernel=SimpleNamespace(environment=SimpleNamespace(value="live"), **inside))


def test_a_restart_goes_on_with_the_orders_that_were_open(make_engine, metrics, recorded):
    """Broken, what fills after a restart was never ordered, and what was ordered never fills."""
    engine = make_engine()
    with instrument_nautilus(live(engine), metrics=TradingMetrics()) as handle:
        engine.add_strategy(Everything("LATE"))
        engine.run()
        saved = handle.orders.snapshot()
    resting = [order for order in engine.cache.orders() if not order.is_closed]
    again = make_engine()
    with instrument_nautilus(live(again), metrics=metrics, restore=saved) as handle:
        assert len(resting) == handle.orders.open_orders()
        for order in engine.cache.orders_open():
            again.cache.add_order(order)  # as a node loads it from its database
            event = TestEventStubs.order_filled(order, EURUSD, trade_id=TradeId(order.client_order_id.value[-36:]))
            order.apply(event)
            again.kernel.msgbus.publish(f"events.order.{order.strategy_id.value}", event)

    assert {("everything-000",): 1.0, ("everything-LATE",): 1.0} == recorded.by(
        "trading_orders_filled_total", "strategy"
    )
    assert 0 == recorded("trading_orders_submitted_total")
    with pytest.raises(SnapshotError):
        instrument_nautilus(again, metrics=metrics, restore={})


def test_the_strategy_label_is_the_strategys_id_or_what_is_given(make_engine, metrics, recorded):
    """Broken, two strategies in one engine cannot be told apart, or an id with a counter in it becomes a label."""
    engine = make_engine(Everything("A"), Everything("B"))
    with instrument_nautilus(engine, metrics=metrics):
        engine.run()
    other = TradingMetrics()
    engine = make_engine(Everything("C"))
    with instrument_nautilus(engine, strategy=lambda order: "desk", metrics=other):
        engine.run()

    assert {("everything-A",), ("everything-B",)} == set(recorded.by("trading_orders_submitted_total", "strategy"))
    assert {("desk",)} == set(type(recorded)(other).by("trading_orders_submitted_total", "strategy"))
    assert {("desk",)} == set(type(recorded)(other).by("trading_trades_total", "strategy"))


def results(engine):
    """Whatever a run has decided: the orders and how they ended, and the value of the account."""
    orders = [
        (order.client_order_id.value, order.status_string(), str(order.avg_px)) for order in engine.cache.orders()
    ]
    return sorted(orders), str(engine.cache.account_for_venue(SIM).balance_total())


def test_a_bug_in_the_hook_changes_nothing_of_the_run(make_engine, metrics, recorded, monkeypatch):
    """Broken, a bug of ours changes what somebody's strategy trades."""
    plain = make_engine()
    plain.run()
    break_hooks(monkeypatch)
    engine = make_engine()
    with instrument_nautilus(engine, metrics=metrics):
        engine.run()

    assert results(plain) == results(engine)
    assert recorded("tradmetrics_instrumentation_errors_total") >= engine.cache.orders_total_count()


def test_instrumented_twice_records_once(make_engine, metrics, recorded):
    """Broken, calling it in two places doubles every figure."""
    engine = make_engine()
    handle = instrument_nautilus(engine, metrics=metrics)
    assert instrument_nautilus(engine, metrics=TradingMetrics()) is handle
    engine.run()
    handle.undo()

    assert engine.cache.orders_total_count() == recorded("trading_orders_submitted_total")


def test_undone_by_one_call(make_engine, metrics, recorded):
    """Broken, the instrumentation cannot be taken out of a running system."""
    engine = make_engine()
    before = engine.kernel.msgbus.subscriptions()
    handle = instrument_nautilus(engine, metrics=metrics)
    assert before != engine.kernel.msgbus.subscriptions()
    handle.undo()
    handle.undo()
    assert before == engine.kernel.msgbus.subscriptions()
    engine.run()

    assert 0 == recorded("trading_orders_submitted_total")


def test_a_version_that_is_too_old_is_refused(make_engine, monkeypatch):
    """Broken, an adapter runs on a library without what it needs, and records whatever comes."""
    monkeypatch.setattr(nautilus, "__version__", "0.1")
    with pytest.raises(ConfigurationError, match=r"nautilus_trader 0\.1 is too old.*>= \d"):
        instrument_nautilus(make_engine())


def test_something_else_is_refused():
    """Broken, a wrong argument fails later, somewhere inside, with a message about attributes."""
    with pytest.raises(ConfigurationError, match=r"instrument_nautilus takes a TradingNode.*not list"):
        instrument_nautilus([])
