"""`examples/quickstart.py`: started by its one command, scraped, stopped by Ctrl-C."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

EXAMPLE = Path(__file__).parents[2] / "examples" / "quickstart.py"
ENDS = ["submitted", "filled", "rejected"]


def as_a_user(environment):
    """The environment without what keeps a script's own folder off the import path."""
    return {name: value for name, value in environment.items() if name != "PYTHONSAFEPATH"}


def test_it_serves_what_it_trades_and_stops_cleanly(child_environment):
    """Broken, the first fifteen lines that anyone runs do not work."""
    with subprocess.Popen(
        [sys.executable, str(EXAMPLE)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=as_a_user(child_environment),
    ) as process:
        try:
            address = process.stdout.readline().strip()
            deadline = time.monotonic() + 30
            while True:
                with urlopen(address, timeout=10) as answer:
                    scraped = answer.read().decode()
                seen = [each for each in ENDS if f"trading_orders_{each}_total{{" in scraped]
                if len(seen) == 3 or time.monotonic() > deadline:
                    break
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
        finally:
            process.kill()

    assert ENDS == seen
    assert re.search(r'order_type="LIMIT",side="(BUY|SELL)",strategy="quickstart"', scraped)
    assert (0, "") == (process.returncode, errors)


def test_it_is_as_short_as_it_says():
    """Broken, the smallest example has grown into one that nobody reads."""
    code = [line for line in EXAMPLE.read_text().splitlines() if line.strip()]
    assert 18 >= len(code)
