"""The examples of the adapters, each run by its one command, offline, with the figures that they print."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def as_a_user(environment):
    """The environment without what keeps a script's own folder off the import path."""
    return {name: value for name, value in environment.items() if name != "PYTHONSAFEPATH"}


sys.path.insert(0, str(Path(__file__).parents[1] / "integrations"))

from integration_support import library  # noqa: E402

# What each one does, as it can be read in its `trade` function.
PRINTED = {
    "ccxt_bot": (
        ("ccxt",),
        {
            "trading_orders_submitted_total strategy=momentum, side=BUY, order_type=LIMIT": 1,
            "trading_orders_filled_total strategy=momentum, side=BUY": 1,
            "trading_orders_rejected_total strategy=momentum, reason=insufficient_funds": 1,
            "trading_orders_cancelled_total strategy=momentum, reason=unknown": 1,
            "trading_order_messages_total action=modify": 1,
            "trading_api_requests_total endpoint=AddOrder, method=POST, status=ok": 2,
        },
    ),
    "alpaca_bot": (
        ("alpaca",),
        {
            "trading_orders_submitted_total strategy=momentum, side=SELL, order_type=MARKET": 1,
            "trading_orders_filled_total strategy=momentum, side=BUY": 1,
            "trading_orders_rejected_total strategy=momentum, reason=api_error": 1,
            "trading_orders_cancelled_total strategy=momentum, reason=unknown": 1,
            "trading_trades_total strategy=momentum, side=BUY, status=executed": 2,
        },
    ),
    "ib_bot": (
        ("ib_async",),
        {
            "trading_orders_submitted_total strategy=dip_buyer, side=BUY, order_type=LIMIT": 2,
            "trading_orders_filled_total strategy=momentum, side=SELL": 1,
            "trading_orders_rejected_total strategy=dip_buyer, reason=error_201": 1,
            "trading_orders_cancelled_total strategy=dip_buyer, reason=unknown": 1,
            "trading_profit_total strategy=momentum": 132.5,
        },
    ),
    "kite_bot": (
        ("kiteconnect",),
        {
            "trading_orders_submitted_total strategy=momentum, side=BUY, order_type=LIMIT": 3,
            "trading_orders_filled_total strategy=momentum, side=BUY": 1,
            "trading_orders_rejected_total strategy=momentum, reason=rms": 1,
            "trading_orders_cancelled_total strategy=momentum, reason=unknown": 1,
            "trading_trades_total strategy=momentum, side=BUY, status=executed": 2,
        },
    ),
    "binance_bot": (
        ("binance",),
        {
            "trading_orders_submitted_total strategy=momentum, side=BUY, order_type=LIMIT": 1,
            "trading_orders_filled_total strategy=momentum, side=SELL": 1,
            "trading_orders_rejected_total strategy=momentum, reason=code_2019": 1,
            "trading_orders_cancelled_total strategy=momentum, reason=unknown": 1,
            "trading_trades_total strategy=momentum, side=SELL, status=executed": 1,
            "trading_profit_total strategy=momentum": 20,
        },
    ),
    "fix_bot": (
        ("simplefix",),
        {
            "trading_orders_submitted_total strategy=momentum, side=BUY, order_type=LIMIT": 2,
            "trading_orders_filled_total strategy=momentum, side=BUY": 1,
            "trading_orders_rejected_total strategy=momentum, reason=reject_3": 1,
            "trading_orders_cancelled_total strategy=momentum, reason=unknown": 1,
            "trading_order_messages_total action=modify": 1,
            "trading_trades_total strategy=momentum, side=BUY, status=executed": 2,
        },
    ),
    "freqtrade_bot": (
        ("freqtrade",),
        {
            "trading_orders_submitted_total strategy=Momentum, side=BUY, order_type=LIMIT": 2,
            "trading_orders_filled_total strategy=Momentum, side=SELL": 2,
            "trading_trades_total strategy=Momentum, side=SELL, status=executed": 2,
            "trading_profit_total strategy=Momentum": 180.5202797,
        },
    ),
    "polymarket_bot": (
        ("py_clob_client",),
        {
            "trading_orders_submitted_total strategy=weather, side=BUY, order_type=LIMIT": 2,
            "trading_orders_submitted_total strategy=weather, side=SELL, order_type=MARKET": 1,
            "trading_orders_filled_total strategy=weather, side=BUY": 1,
            "trading_orders_rejected_total strategy=weather, reason=not_enough_balance_allowance": 1,
            "trading_orders_cancelled_total strategy=weather, reason=unknown": 1,
            "trading_trades_total strategy=weather, side=BUY, status=executed": 2,
        },
    ),
    "pybit_bot": (
        ("pybit",),
        {
            "trading_orders_submitted_total strategy=momentum, side=BUY, order_type=MARKET": 2,
            "trading_orders_filled_total strategy=momentum, side=SELL": 1,
            "trading_orders_rejected_total strategy=momentum, reason=code_110007": 1,
            "trading_orders_cancelled_total strategy=momentum, reason=unknown": 1,
            "trading_trades_total strategy=momentum, side=SELL, status=executed": 1,
            "trading_profit_total strategy=momentum": 20,
        },
    ),
    "hyperliquid_bot": (
        ("hyperliquid",),
        {
            "trading_orders_submitted_total strategy=momentum, side=BUY, order_type=LIMIT": 3,
            "trading_orders_filled_total strategy=momentum, side=SELL": 1,
            "trading_orders_rejected_total strategy=momentum, reason=insufficient_margin_to_place": 1,
            "trading_orders_cancelled_total strategy=momentum, reason=unknown": 1,
            "trading_trades_total strategy=momentum, side=SELL, status=executed": 1,
            "trading_profit_total strategy=momentum": 20,
        },
    ),
    "backtrader_backtest": (
        ("backtrader", "arch"),
        {
            "trading_orders_submitted_total strategy=crossover, side=BUY, order_type=MARKET": 88,
            "trading_orders_filled_total strategy=crossover, side=SELL": 88,
            "trading_trades_total strategy=crossover, side=BUY, status=executed": 88,
        },
    ),
    "nautilus_backtest": (
        ("nautilus_trader",),
        {
            "trading_orders_rejected_total strategy=mean_reversion-000, reason=denied": 3,
            "trading_orders_filled_total strategy=mean_reversion-000, side=BUY": 54,
            "trading_trades_total strategy=mean_reversion-000, side=BUY, status=executed": 54,
        },
    ),
}


def counters(output):
    """The counters that an example has printed, by name and labels."""
    found = {}
    for line in output.splitlines():
        value, _, rest = line.strip().partition("  ")
        if rest.startswith("trading_"):
            found[" ".join(rest.split(maxsplit=1))] = float(value.replace(",", ""))
    return found


FREQTRADE = pytest.mark.skipif(
    importlib.util.find_spec("freqtrade") is None, reason="freqtrade does not install together with the other libraries"
)


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=FREQTRADE if each == "freqtrade_bot" else ()) for each in PRINTED]
)
def test_one_command_runs_offline(name, child_environment):
    """Broken, the first thing that someone tries with their broker's library fails or shows other figures."""
    libraries, expected = PRINTED[name]
    for each in libraries:
        library(each)
    run = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py")],
        capture_output=True, text=True, timeout=120, env=as_a_user(child_environment), check=False,
    )  # fmt: skip

    assert 0 == run.returncode, run.stderr
    assert [] == [line for line in (run.stdout + run.stderr).splitlines() if len(line) > 160]
    printed = counters(run.stdout)
    assert expected == {line: printed.get(line) for line in expected}


@pytest.mark.parametrize(
    "adapter",
    [
        *("ccxt", "alpaca", "ib", "kite", "binance", "pybit", "hyperliquid"),
        *("backtrader", "nautilus", "polymarket", "freqtrade", "fix"),
    ],
)
def test_each_adapter_has_an_example_that_uses_it(adapter):
    """Broken, an adapter has no example to copy from."""
    used = f"from tradmetrics.integrations.{adapter} import instrument_{adapter}"
    assert [] != [name for name in PRINTED if used in (EXAMPLES / f"{name}.py").read_text()]


def test_the_list_of_examples_is_complete():
    """Broken, an example is not to be found from the page that lists them, or a command there names no file."""
    listed = (EXAMPLES / "README.md").read_text()
    assert [] == [path.name for path in EXAMPLES.glob("*.py") if f"python examples/{path.name}" not in listed
                  and path.name != "summary.py"]  # fmt: skip
