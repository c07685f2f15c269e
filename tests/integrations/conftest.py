"""The fixtures that the tests of all adapters share."""

import sys
from pathlib import Path

import pytest

from tradmetrics import TradingMetrics

sys.path.insert(0, str(Path(__file__).parent))  # the helpers beside the tests: the venues and integration_support

from integration_support import Recorded


@pytest.fixture
def book():
    """A book of the test's own."""
    return TradingMetrics()


@pytest.fixture
def recorded(book):
    """What the book has recorded."""
    return Recorded(book)
