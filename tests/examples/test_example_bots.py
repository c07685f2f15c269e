"""The three example bots that a newcomer would write: each runs offline, and its P&L, sides and fills are right."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name, environment):
    """Run an example as a user does; return the lines that it prints."""
    environment = {key: value for key, value in environment.items() if key != "PYTHONSAFEPATH"}
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py")],
        capture_output=True, text=True, timeout=60, env=environment, check=False,
    )  # fmt: skip
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout.splitlines()


def counters(lines):
    """Return what `print_counters` printed, by name and labels."""
    found = (re.fullmatch(r" *([\d.,]+)  (\w+) *(.*)", line) for line in lines)
    return {(each[2], each[3]): float(each[1].replace(",", "")) for each in found if each}


def test_a_synchronous_bot_on_requests_and_dicts(child_environment):
    """Someone who knows only the README would have no P&L, no side, or a fill where the broker said 503."""
    pytest.importorskip("requests")
    lines = run("requests_bot", child_environment)

    assert "the order may be live: 503" == lines[0]
    assert {
        ("trading_orders_submitted_total", "strategy=breakout, side=BUY, order_type=MARKET"): 4,
        ("trading_orders_submitted_total", "strategy=breakout, side=SELL, order_type=MARKET"): 2,
        ("trading_orders_filled_total", "strategy=breakout, side=BUY"): 2,
        ("trading_orders_filled_total", "strategy=breakout, side=SELL"): 2,
        ("trading_orders_rejected_total", "strategy=breakout, reason=insufficient funds"): 1,
        ("trading_orders_unknown_total", "strategy=breakout, reason=http_error"): 1,
        ("trading_trades_total", "strategy=breakout, side=SELL, status=executed"): 2,
        ("trading_profit_total", "strategy=breakout"): 50,
        ("trading_loss_total", "strategy=breakout"): 30,
        ("trading_api_requests_total", "endpoint=/orders, method=POST, status=200"): 5,
        ("trading_api_requests_total", "endpoint=/orders, method=POST, status=503"): 1,
        ("trading_api_requests_total", "endpoint=/orders/{id}, method=GET, status=200"): 2,
    } == counters(lines)


def test_an_asyncio_bot_with_pydantic_models_and_callbacks(child_environment):
    """A fill that the broker reports in two parts, one of them twice, would count more than once, or never."""
    pytest.importorskip("pydantic")
    lines = run("pydantic_bot", child_environment)

    assert ["sell closed: +45.0", "sell closed: -10.0"] == lines[:2]
    assert {
        ("trading_orders_submitted_total", "strategy=pairs, side=BUY, order_type=LIMIT"): 3,
        ("trading_orders_submitted_total", "strategy=pairs, side=SELL, order_type=LIMIT"): 2,
        ("trading_orders_filled_total", "strategy=pairs, side=BUY"): 2,
        ("trading_orders_filled_total", "strategy=pairs, side=SELL"): 2,
        ("trading_orders_rejected_total", "strategy=pairs, reason=order too large"): 1,
        ("trading_order_messages_total", "action=new"): 5,
        ("trading_trades_total", "strategy=pairs, side=SELL, status=executed"): 2,
        ("trading_profit_total", "strategy=pairs"): 45,
        ("trading_loss_total", "strategy=pairs"): 10,
    } == counters(lines)


def test_a_fastapi_service_by_the_guide(child_environment):
    """Someone who follows the guide on FastAPI would miss the fills of the webhook, or the P&L of the answer."""
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    lines = run("fastapi_bot", child_environment)

    expected = {
        'trading_orders_submitted_total{order_type="LIMIT",side="BUY",strategy="manual"} 1.0',
        'trading_orders_submitted_total{order_type="LIMIT",side="SELL",strategy="manual"} 1.0',
        'trading_orders_filled_total{side="BUY",strategy="manual"} 1.0',
        'trading_orders_filled_total{side="SELL",strategy="manual"} 1.0',
        'trading_order_fill_time_seconds_count{strategy="manual"} 2.0',
        'trading_orders_open{strategy="manual"} 0.0',
        'trading_trades_total{side="SELL",status="executed",strategy="manual"} 2.0',
        'trading_profit_total{strategy="manual"} 125.5',
        'trading_loss_total{strategy="manual"} 40.0',
        "trading_realized_pnl 85.5",
        "trading_capital_total 10085.5",
        'trading_api_requests_total{endpoint="/orders/{order_id}/fills",method="POST",status="200"} 4.0',
    }
    assert set() == expected - set(lines)
    assert [] == [line for line in lines if "unknown" in line]


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.py") if path.stem != "summary"))
def test_an_example_starts_only_as_a_program(name):
    """`tradmetrics check examples/…` imports an example, which must not begin to trade."""
    assert 'if __name__ == "__main__":\n' in (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")


def test_every_example_has_a_row():
    """A reader of the list would not learn that an example exists."""
    rows = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    names = {path.name for path in EXAMPLES.glob("*.py") if path.stem != "summary"}
    assert set() == {name for name in names if f"`python examples/{name}" not in rows}
