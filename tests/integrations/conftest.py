"""The fixtures that the tests of all adapters share."""

import importlib.util
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tradmetrics import OrderTracker, TradingMetrics
from tradmetrics.integrations.kit import orders as kit_orders

# For integration_support beside the tests, and the venues of the examples.
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

from integration_support import Recorded

# Libraries whose pins collide with others have environments of their own: `make test-adapters` runs these files there.
ALONE = {
    "test_freqtrade.py": "freqtrade",
    "test_ib_insync.py": "ib_insync",
    "test_polymarket_v2.py": "py_clob_client_v2",
}
collect_ignore = [file for file, library in ALONE.items() if importlib.util.find_spec(library) is None]


@pytest.fixture
def metrics():
    """A metrics object of the test's own."""
    return TradingMetrics()


@pytest.fixture
def recorded(metrics):
    """What the metrics has recorded."""
    return Recorded(metrics)


@pytest.fixture
def let_a_minute_pass(monkeypatch):
    """Moves the clock of a handle's tracker on: events that still wait for their order are given up, and counted."""
    offset = 0.0
    monkeypatch.setattr(kit_orders, "OrderTracker", partial(OrderTracker, clock=lambda: time.monotonic() + offset))

    def let_pass(handle):
        nonlocal offset
        offset += 60
        handle.orders.open_orders()

    return let_pass
