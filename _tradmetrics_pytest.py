"""The pytest plugin that comes with `tradmetrics`: a metrics object of its own for every test that asks for one.

pytest loads this module in every session where the package is installed, so it is a top-level module: the package
itself is imported when a test first uses the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tradmetrics import TradingMetrics


@pytest.fixture
def trading_metrics() -> Iterator[TradingMetrics]:
    """Give one test a fresh, strict metrics object as the process's default, on a registry of its own.

    Decorators without `metrics=`, the exporter and everything else that records to the process's default metrics
    record here. After the test, the previous default is back with its counts. The metrics object is strict:
    instrumentation errors, such as a label source that fails, raise in the test instead of being counted.

    If the code under test calls `configure(…)`, the default metrics are already in use, as in a program that calls it
    too late. After `configure(…, force=True)` the new metrics object replaces the fixture's until the test ends.
    """
    from tradmetrics import TradingMetrics
    from tradmetrics.testing.isolation import default_metrics

    with default_metrics(TradingMetrics(strict=True)) as metrics:
        yield metrics
