"""`examples/guide_loop.py`: the guide's text runs as written, and every call in it shows in the scrape."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed")
pytest.importorskip("uvicorn", reason="uvicorn is not installed")

EXAMPLE = Path(__file__).parents[2] / "examples" / "guide_loop.py"


def as_a_user(environment):
    """The environment without what keeps a script's own folder off the import path."""
    return {name: value for name, value in environment.items() if name != "PYTHONSAFEPATH"}


# One line for each call of the guide.
EXPECTED = """
trading_positions_open{strategy="gamma_scalping"} 1.0
trading_positions_open{strategy="iron_condor"} 1.0
trading_unrealized_pnl 939.5
trading_daily_pnl 939.5
trading_daily_pnl_percent 0.09
trading_realized_pnl 410.0
trading_capital_total 1e+06
trading_capital_used 250000.0
trading_capital_available 750000.0
trading_capital_utilization 25.0
trading_circuit_breaker_active 0.0
trading_market_vix 14.2
trading_market_condition{condition="ranging"} 1.0
trading_websocket_connections 3.0
trading_trades_total{side="BUY",status="filled",strategy="gamma_scalping"} 1.0
trading_profit_total{strategy="gamma_scalping"} 125.5
trading_orders_submitted_total{order_type="LIMIT",side="BUY",strategy="gamma_scalping"} 1.0
trading_orders_filled_total{side="BUY",strategy="gamma_scalping"} 1.0
trading_order_fill_time_seconds_sum{strategy="gamma_scalping"} 0.75
trading_circuit_breaker_triggers_total{reason="max_daily_loss"} 1.0
trading_market_data_updates_total{symbol="NIFTY24600CE"} 1.0
trading_market_data_age_seconds_sum{symbol="NIFTY24600CE"} 0.5
trading_system_errors_total{component="order_manager",severity="error"} 1.0
trading_ml_predictions_total{model="xgboost",prediction="take_trade"} 1.0
""".strip().splitlines()


def test_the_guides_calls_all_arrive(child_environment):
    """Broken, someone who followed the guide cannot change two import lines and go on."""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", str(EXAMPLE), "--port", "0"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=as_a_user(child_environment),
    ) as process:  # fmt: skip
        try:
            for line in process.stderr:
                found = re.search(r"http://127\.0\.0\.1:\d+", line)
                if found:
                    break
            deadline = time.monotonic() + 30
            while True:
                with urlopen(f"{found[0]}/metrics", timeout=10) as answer:
                    scraped = answer.read().decode().splitlines()
                missing = [line for line in EXPECTED if line not in scraped]
                if not missing or time.monotonic() > deadline:
                    break
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)
        finally:
            process.kill()

    assert [] == missing
    assert [] == [line for line in scraped if line.startswith("tradmetrics_instrumentation_errors_total{")]


def test_the_guides_import_is_the_only_thing_changed():
    """Broken, the example shows code that the guide does not have."""
    text = EXAMPLE.read_text()
    assert "from tradmetrics import metrics_exporter\nfrom tradmetrics.fastapi import metrics_router\n" in text
    calls = set(re.findall(r"metrics_exporter\.(\w+)\(", text))
    assert 12 == len(calls)
