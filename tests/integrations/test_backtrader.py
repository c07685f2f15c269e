"""`instrument_backtrader` on the real engine: every figure against a log kept from the engine's own notifications."""

import contextlib
import math
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from integration_support import break_hooks, library

from tradmetrics import ConfigurationError, TradingMetrics

bt = library("backtrader")

from tradmetrics.integrations.backtrader import instrument_backtrader  # noqa: E402
from tradmetrics.vocabulary import fold  # noqa: E402

DAY = 86_400.0


class ScriptedPrices(bt.feed.DataBase):
    """A random walk by day, the same for each seed, with some volume."""

    params = (("bars", 300), ("seed", 1))

    def start(self):
        super().start()
        self._random = random.Random(self.p.seed)
        self._price, self._bar = 100.0, 0

    def _load(self):
        if self._bar >= self.p.bars:
            return False
        draw = self._random
        opening = self._price
        closing = opening * (1 + draw.gauss(0, 0.02))
        self.l.datetime[0] = bt.date2num(datetime(2020, 1, 1) + timedelta(days=self._bar))
        self.l.open[0], self.l.close[0] = opening, closing
        self.l.high[0] = max(opening, closing) * (1 + abs(draw.gauss(0, 0.01)))
        self.l.low[0] = min(opening, closing) * (1 - abs(draw.gauss(0, 0.01)))
        self.l.volume[0], self.l.openinterest[0] = draw.randint(50, 200), 0
        self._price, self._bar = closing, self._bar + 1
        return True


class Everything(bt.Strategy):
    """Sends every kind of order, too large ones and brackets among them, cancels and lets expire; keeps a log."""

    params = (("seed", 2),)

    def __init__(self):
        self.random = random.Random(self.p.seed)
        self.sent, self.asked_to_cancel, self.closed, self.commissions = {}, [], [], []
        self.ends, self.fill_days = {}, []

    def send(self, order):
        if order is not None:
            self.sent[order.ref] = order

    def next(self):
        draw = self.random
        price, size = self.data.close[0], draw.randint(10, 60)
        side = draw.choice((self.buy, self.sell))
        kind = draw.randrange(9)
        soon = self.data.datetime.datetime() + timedelta(days=3)
        if kind == 0:
            self.send(side(size=size))
        elif kind == 1:
            self.send(side(size=size, exectype=bt.Order.Limit, price=price * 0.99, valid=soon))
        elif kind == 2:
            self.send(side(size=size, exectype=bt.Order.Stop, price=price * 1.01, valid=soon))
        elif kind == 3:
            self.send(side(size=size, exectype=bt.Order.StopLimit, price=price, plimit=price * 1.02, valid=soon))
        elif kind == 4:
            self.send(side(size=size, exectype=bt.Order.StopTrail, trailamount=2.0))
        elif kind == 5:
            self.send(self.buy(size=100_000))  # nobody has the money
        elif kind == 6:
            for order in self.buy_bracket(size=size, price=price, stopprice=price * 0.97, limitprice=price * 1.03):
                self.send(order)
        elif kind == 7:
            open_orders = self.broker.get_orders_open()
            if open_orders:
                order = draw.choice(open_orders)
                self.asked_to_cancel.append(order.ref)
                self.cancel(order)
        elif self.position:
            self.send(self.close())

    def notify_order(self, order):
        if not order.alive():
            self.ends[order.ref] = order.getstatusname()
            if order.status == order.Completed:
                self.fill_days.append(self.data.datetime[0] - order.created.dt)

    def notify_trade(self, trade):
        if trade.isclosed:
            self.closed.append(("BUY" if trade.long else "SELL", trade.pnlcomm))
            self.commissions.append(trade.commission)


def cerebro(seed=1, *strategies):
    """An engine with prices, commission and a broker that fills large orders in parts."""
    engine = bt.Cerebro(stdstats=False)
    engine.adddata(ScriptedPrices(seed=seed))
    for strategy in strategies or (Everything,):
        engine.addstrategy(strategy)
    engine.broker.setcash(100_000)
    engine.broker.setcommission(0.001)
    engine.broker.set_filler(bt.fillers.FixedSize(size=25))  # larger orders are filled in parts
    return engine


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_metrics_equal_the_engines_own_log(metrics, recorded, seed, let_a_minute_pass):
    """Broken, a backtest's metrics and its results disagree, and nobody knows which to believe."""
    engine = cerebro(seed)
    with instrument_backtrader(engine, strategy="everything", metrics=metrics) as handle:
        (log,) = engine.run()
        let_a_minute_pass(handle)

    sent = Counter(("BUY" if order.isbuy() else "SELL") for order in log.sent.values())
    ends = Counter(log.ends.values())
    assert {"Completed", "Canceled", "Expired", "Margin"} <= set(ends)  # the strategy reaches every end
    assert {(side,): float(count) for side, count in sent.items()} == recorded.by(
        "trading_orders_submitted_total", "side"
    )
    assert ends["Completed"] == recorded("trading_orders_filled_total", strategy="everything")
    assert ends["Margin"] == recorded("trading_orders_rejected_total", reason="margin")
    assert ends["Rejected"] == recorded("trading_orders_rejected_total", reason="unknown")
    assert ends["Canceled"] == recorded("trading_orders_cancelled_total", reason="unknown")
    assert ends["Expired"] == recorded("trading_orders_cancelled_total", reason="expired")
    assert len(log.sent) - len(log.ends) == recorded("trading_orders_open")
    assert len(log.sent) == recorded("trading_order_messages_total", action="new")
    assert len(log.asked_to_cancel) == recorded("trading_order_messages_total", action="cancel")
    assert recorded.anomalies() == {}


def test_trades_and_their_profit_equal_the_engines(metrics, recorded):
    """Broken, the profit on the dashboard is not the profit of the strategy."""
    engine = cerebro()
    with instrument_backtrader(engine, strategy="everything", metrics=metrics):
        (log,) = engine.run()

    assert len(log.closed) > 5
    sides = Counter(side for side, _ in log.closed)
    assert {(side, "executed"): float(count) for side, count in sides.items()} == recorded.by(
        "trading_trades_total", "side", "status"
    )
    assert math.isclose(sum(pnl for _, pnl in log.closed if pnl > 0), recorded("trading_profit_total"))
    assert math.isclose(-sum(pnl for _, pnl in log.closed if pnl < 0), recorded("trading_loss_total"))
    assert len(log.closed) == recorded("trading_trades_pnl_count")
    paid = recorded("trading_cash_paid_total", kind="fee")
    assert math.isclose(sum(log.commissions), paid)


def test_fill_times_are_simulated(metrics, recorded):
    """Broken, the fill times of a backtest are those of the machine it ran on."""
    engine = cerebro()
    with instrument_backtrader(engine, strategy="everything", metrics=metrics):
        (log,) = engine.run()

    assert len(log.fill_days) == recorded("trading_order_fill_time_seconds_count")
    assert math.isclose(sum(log.fill_days) * DAY, recorded("trading_order_fill_time_seconds_sum"), rel_tol=1e-6)


def test_an_order_of_the_last_bar_is_counted(metrics, recorded):
    """Broken, what a strategy sends in its last bar is lost, since the engine never tells of it."""

    class LastBar(bt.Strategy):
        def next(self):
            if len(self) == self.data.buflen():
                self.buy(size=1)

    engine = cerebro(1, LastBar)
    with instrument_backtrader(engine, metrics=metrics):
        engine.run()

    assert {("default", "BUY", "MARKET"): 1.0} == recorded.by(
        "trading_orders_submitted_total", "strategy", "side", "order_type"
    )


def test_a_strategy_that_is_none_is_refused():
    """Broken, a setting that is missing shows as orders of an unknown strategy, a day later."""
    with pytest.raises(ConfigurationError, match="instrument_backtrader: strategy"):
        instrument_backtrader(bt.Cerebro(), strategy=None)


def test_the_strategy_label_may_come_from_the_order(metrics, recorded):
    """Broken, two strategies in one engine cannot be told apart."""

    class Buyer(bt.Strategy):
        def next(self):
            if len(self) in (5, 7, 9):
                self.buy(size=1) if len(self) < 9 else self.close()

    class Seller(bt.Strategy):
        def next(self):
            if len(self) == 10:
                self.resting = self.sell(size=1, exectype=bt.Order.Limit, price=1e6)
            if len(self) in (12, 14):
                self.cancel(self.resting)

    engine = cerebro(1, Buyer, Seller)
    with instrument_backtrader(engine, strategy=lambda order: type(order.owner).__name__, metrics=metrics):
        engine.run()

    assert {("Buyer",): 3.0, ("Seller",): 1.0} == recorded.by("trading_orders_submitted_total", "strategy")
    assert {("Buyer",): 3.0} == recorded.by("trading_orders_filled_total", "strategy")
    assert {("Seller",): 1.0} == recorded.by("trading_orders_cancelled_total", "strategy")
    assert {("Buyer", "executed"): 1.0} == recorded.by("trading_trades_total", "strategy", "status")
    assert 2 == recorded("trading_order_messages_total", action="cancel")
    assert {} == recorded.anomalies()


def test_a_strategy_label_that_fails_costs_only_the_label(metrics, recorded):
    """Broken, a typo in a label function loses the orders, or stops the backtest."""
    engine = cerebro()
    with instrument_backtrader(engine, strategy=lambda order: order.no_such_thing, metrics=metrics):
        (log,) = engine.run()

    assert len(log.sent) == recorded("trading_orders_submitted_total", strategy="unknown")
    assert {"source": len(log.sent)} == recorded.anomalies()


def results(log):
    """Whatever a run has decided: the orders and how they ended, the trades, the value of the account."""
    orders = [(order.ref - min(log.sent), order.getstatusname(), order.executed.size, order.executed.price)
              for order in log.sent.values()]  # fmt: skip
    return orders, log.closed, log.broker.getvalue()


def test_a_bug_in_the_hook_changes_nothing_of_the_run(metrics, recorded, monkeypatch):
    """Broken, a bug of ours changes what somebody's strategy trades."""
    (expected,) = cerebro().run()
    break_hooks(monkeypatch)
    engine = cerebro()
    with instrument_backtrader(engine, metrics=metrics):
        (log,) = engine.run()

    assert results(expected) == results(log)
    assert recorded("tradmetrics_instrumentation_errors_total") > 100


def test_instrumented_twice_records_once(metrics, recorded):
    """Broken, calling it in two places doubles every figure."""
    engine = cerebro()
    handle = instrument_backtrader(engine, metrics=metrics)
    assert instrument_backtrader(engine, metrics=TradingMetrics()) is handle
    (log,) = engine.run()

    assert len(log.sent) == recorded("trading_orders_submitted_total")


def test_undone_by_one_call(metrics, recorded):
    """Broken, the instrumentation cannot be taken out of a running system."""
    engine = cerebro()
    before = dict(vars(engine.broker))
    handle = instrument_backtrader(engine, metrics=metrics)
    handle.undo()
    handle.undo()
    (log,) = engine.run()

    assert 0 == recorded("trading_orders_submitted_total")
    assert [] == list(log.analyzers)
    assert set(before) <= set(vars(engine.broker))
    assert "cancel" not in vars(engine.broker)


def test_a_disabled_metrics_object_leaves_the_engine_alone():
    """Broken, switching the metrics off still costs something, or breaks code that asks the handle for its orders."""
    engine = cerebro()
    with instrument_backtrader(engine, metrics=TradingMetrics(enabled=False)) as handle:
        (log,) = engine.run()

    assert [] == list(log.analyzers)
    assert 0 == handle.orders.open_orders()


def test_an_engine_runs_twice(metrics, recorded):
    """Broken, a second run on the same engine counts wrongly or fails."""
    engine = cerebro()
    with instrument_backtrader(engine, metrics=metrics):
        (first,) = engine.run()
        (second,) = engine.run()

    assert len(first.sent) + len(second.sent) == recorded("trading_orders_submitted_total")
    assert "cancel" not in vars(engine.broker)
    assert recorded.anomalies() == {}


OPTIMISATION = """
import test_backtrader as these
from tradmetrics import TradingMetrics

engine = these.bt.Cerebro(maxcpus=2)
engine.adddata(these.ScriptedPrices(bars=30))
engine.optstrategy(these.Everything, seed=(1, 2))
with these.instrument_backtrader(engine, metrics=TradingMetrics()):
    runs = engine.run()
print([run.p.seed for (run,) in runs])
"""


def test_an_optimisation_over_processes_still_runs(unmeasured_environment):
    """Broken, instrumenting an engine breaks its optimiser, which sends the engine to other processes."""
    # The optimiser forks. In a program of its own: the fork of a test process would hold the pipes of its worker.
    paths = [unmeasured_environment["PYTHONPATH"], str(Path(__file__).parent), str(Path(__file__).parents[2])]
    program = subprocess.Popen(
        [sys.executable, "-c", OPTIMISATION],
        env={**unmeasured_environment, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        answer = program.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
    assert ("[1, 2]\n", "") == answer


def test_a_version_that_is_too_old_is_refused(monkeypatch):
    """Broken, an adapter runs on a library without what it needs, and records whatever comes."""
    monkeypatch.setattr(bt, "__version__", "0.1")
    with pytest.raises(ConfigurationError, match=r"backtrader 0\.1 is too old.*>= \d"):
        instrument_backtrader(bt.Cerebro())


def test_something_else_is_refused():
    """Broken, a wrong argument fails later, somewhere inside, with a message about attributes."""
    with pytest.raises(ConfigurationError, match=r"instrument_backtrader takes a backtrader\.Cerebro\(\), not list"):
        instrument_backtrader([])


def test_the_library_s_names_and_numbers_have_the_same_words():
    """A function that returns backtrader's own `Order` would be answered with a number that nobody knows."""
    statuses = [fold.order_status(number, "backtrader") for number in range(len(bt.Order.Status))]
    assert statuses == [fold.order_status(name, "backtrader") for name in bt.Order.Status]
    assert ["submitted", "submitted", "accepted", "partially_filled", "filled"] == statuses[:5]
    assert ["cancelled", "expired", "rejected", "rejected"] == statuses[5:]
    types = [fold.order_type(number, "backtrader") for number in range(len(bt.Order.ExecTypes))]
    assert types == [fold.order_type(name, "backtrader") for name in bt.Order.ExecTypes]
    assert None not in types
    assert ["BUY", "SELL"] == [fold.side(number, "backtrader") for number in (bt.Order.Buy, bt.Order.Sell)]
