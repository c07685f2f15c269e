"""`examples/async_bot.py`: runs for a moment, and its own figures agree with one another."""

import re
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "async_bot.py"


def as_a_user(environment):
    """The environment without what keeps a script's own folder off the import path."""
    return {name: value for name, value in environment.items() if name != "PYTHONSAFEPATH"}


def test_it_trades_and_sums_up(child_environment):
    """Broken, decorated coroutines, streams and callbacks do not record on an event loop."""
    run = subprocess.run(
        [sys.executable, str(EXAMPLE), "--seconds", "4", "--port", "0"],
        capture_output=True, text=True, timeout=60, env=as_a_user(child_environment), check=False,
    )  # fmt: skip

    assert (0, "") == (run.returncode, run.stderr)
    first, *lines = run.stdout.splitlines()
    assert re.fullmatch(r"metrics on http://127\.0\.0\.1:\d+/metrics for 4 seconds", first)
    totals = {}
    for line in lines:
        value, name = line.split()[:2]
        totals[name] = totals.get(name, 0) + float(value.replace(",", ""))
    ended = [f"trading_orders_{end}_total" for end in ("filled", "rejected", "cancelled", "unknown")]
    assert totals["trading_orders_submitted_total"] == totals["trading_order_messages_total"]
    assert totals["trading_orders_submitted_total"] == sum(totals.get(name, 0) for name in ended)
    assert totals["trading_orders_filled_total"] > 0
    assert totals["trading_market_data_updates_total"] > 50
