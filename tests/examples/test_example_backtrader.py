"""`examples/backtrader_bot.py`: the metrics equal what the real engine says of its own orders and trades."""

import importlib.util
import math
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from urllib.request import urlopen

import pytest

from tradmetrics import get_metrics

EXAMPLE = Path(__file__).parents[2] / "examples" / "backtrader_bot.py"


def as_a_user(environment):
    """The environment without what keeps a script's own folder off the import path."""
    return {name: value for name, value in environment.items() if name != "PYTHONSAFEPATH"}


STRATEGY = "dip_buyer"

sys.path.insert(0, str(Path(__file__).parents[1] / "integrations"))

from integration_support import library  # noqa: E402

bt = library("backtrader")
library("arch")


class Notifications:
    """A log of its own: every order as the engine's broker announced it, and the trades of backtrader's analyzer."""

    def __init__(self):
        self.orders = {}
        self.trades = None


@pytest.fixture
def engine_log(monkeypatch):
    """Listens to the broker itself and adds backtrader's TradeAnalyzer, without the example's knowledge."""
    log = Notifications()
    notify, run = bt.brokers.BackBroker.notify, bt.Cerebro.run

    def listening_notify(broker, order):
        log.orders.setdefault(order.ref, []).append((order.getstatusname(), order.data.datetime.datetime(), order))
        notify(broker, order)

    def analyzed_run(cerebro):
        cerebro.addanalyzer(bt.analyzers.TradeAnalyzer, _name="trade_analyzer")
        (strategy,) = run(cerebro)
        log.trades = strategy.analyzers.trade_analyzer.get_analysis()
        return [strategy]

    monkeypatch.setattr(bt.brokers.BackBroker, "notify", listening_notify)
    monkeypatch.setattr(bt.Cerebro, "run", analyzed_run)
    return log


@pytest.fixture
def example(monkeypatch):
    """The example as a module."""
    spec = importlib.util.spec_from_file_location("backtrader_bot", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "backtrader_bot", module)  # backtrader looks its strategies' modules up there
    spec.loader.exec_module(module)
    return module


def recorded(name, **labels):
    """The sum of the samples of that name, as a scrape would read them."""
    samples = (sample for metric in get_metrics().registry.collect() for sample in metric.samples)
    return sum(each.value for each in samples if each.name == name and labels.items() <= each.labels.items())


def test_metrics_equal_the_engines_order_log(example, engine_log):
    """Broken, the numbers on the dashboard are not those of the broker: on code that nobody here wrote."""
    example.run()

    orders = engine_log.orders.values()
    ends = Counter(notices[-1][0] for notices in orders)
    assert ends["Completed"] > 20
    assert ends["Margin"] > 0
    assert ends["Canceled"] > 0
    assert ends["Expired"] > 0
    for side, is_buy in (("BUY", True), ("SELL", False)):
        sent = Counter(notices[0][2].getordername().upper() for notices in orders if notices[0][2].isbuy() is is_buy)
        for order_type in ("MARKET", "LIMIT", "STOP"):
            labels = {"strategy": STRATEGY, "side": side, "order_type": order_type}
            assert sent[order_type] == recorded("trading_orders_submitted_total", **labels)
        filled = sum(notices[-1][0] == "Completed" for notices in orders if notices[0][2].isbuy() is is_buy)
        assert filled == recorded("trading_orders_filled_total", strategy=STRATEGY, side=side)
    assert len(orders) == recorded("trading_orders_submitted_total")
    assert ends["Margin"] == recorded("trading_orders_rejected_total", reason="margin")
    assert ends["Margin"] == recorded("trading_orders_rejected_total")
    assert ends["Canceled"] == recorded("trading_orders_cancelled_total", reason="signal_gone")
    assert ends["Expired"] == recorded("trading_orders_cancelled_total", reason="expired")
    assert ends["Submitted"] + ends["Accepted"] == recorded("trading_orders_open")
    assert 0 == recorded("trading_order_anomalies_total")
    assert 0 == recorded("tradmetrics_instrumentation_errors_total")


def test_metrics_equal_the_engines_trade_log(example, engine_log):
    """Broken, the profit on the dashboard is not the profit in the account."""
    example.run()

    trades = engine_log.trades
    assert trades.total.closed == recorded("trading_trades_total", strategy=STRATEGY, side="BUY", status="executed")
    assert trades.total.closed == recorded("trading_trades_pnl_count", strategy=STRATEGY)
    assert math.isclose(trades.won.pnl.total, recorded("trading_profit_total", strategy=STRATEGY))
    assert math.isclose(-trades.lost.pnl.total, recorded("trading_loss_total", strategy=STRATEGY))


def test_fill_times_are_the_engines(example, engine_log):
    """Broken, an order that rested for three days shows the microseconds that buy() took."""
    example.run()

    waited = [
        (notices[-1][1] - notices[0][1]).total_seconds()
        for notices in engine_log.orders.values()
        if notices[-1][0] == "Completed"
    ]
    assert max(waited) > 86_400
    assert len(waited) == recorded("trading_order_fill_time_seconds_count", strategy=STRATEGY)
    assert math.isclose(sum(waited), recorded("trading_order_fill_time_seconds_sum", strategy=STRATEGY))


def test_every_order_is_only_submitted_when_the_call_returns(example, engine_log, monkeypatch):
    """Broken, the example proves nothing: a decorator that looks at the result alone would have done."""
    returned = []
    for name in ("buy", "sell"):
        original = getattr(bt.brokers.BackBroker, name)

        def spy(*args, original=original, **kwargs):
            order = original(*args, **kwargs)
            returned.append(order.getstatusname())
            return order

        monkeypatch.setattr(bt.brokers.BackBroker, name, spy)
    example.run()

    assert {"Submitted"} == set(returned)


def test_one_command_prints_both_columns_and_serves(child_environment):
    """Broken, the command in the docstring fails, its columns differ, or Ctrl-C ends it with a traceback."""
    command = [sys.executable, str(EXAMPLE), "--serve", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=as_a_user(child_environment)
    ) as process:
        try:
            lines = []
            for line in process.stdout:
                lines.append(line)
                if "metrics on" in line:
                    break
            address = re.search(r"http://\S+/metrics", lines[-1])[0]
            with urlopen(address, timeout=10) as answer:
                scraped = answer.read().decode()
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
        finally:
            process.kill()

    rows = [re.split(r"\s{2,}", line.strip()) for line in lines if re.search(r"\d\s{2,}[\d,.]+$", line)]
    assert 8 == len(rows)
    assert [engine for _, engine, _ in rows] == [metrics for _, _, metrics in rows]
    assert f'trading_orders_filled_total{{side="BUY",strategy="{STRATEGY}"}}' in scraped
    assert 'trading_market_condition{condition="calm"}' in scraped
    assert (0, "") == (process.returncode, errors)
