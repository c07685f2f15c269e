"""The fixtures that the tests of all adapters share."""

import sys
from pathlib import Path

import pytest

from tradmetrics import TradingMetrics

# For integration_support beside the tests, and the venues of the examples.
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

from integration_support import Recorded


@pytest.fixture
def book():
    """A book of the test's own."""
    return TradingMetrics()


@pytest.fixture
def recorded(book):
    """What the book has recorded."""
    return Recorded(book)
