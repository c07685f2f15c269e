"""The pytest plugin that comes with the package: a metrics object of its own for every test that asks for one.

pytest loads this module in every session of anyone who has the package installed. It imports nothing until a test uses
the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tradmetrics import TradingMetrics


@pytest.fixture
def trading_metrics() -> Iterator[TradingMetrics]:
    """A fresh, strict metrics object as the process's default, with a registry of its own, for the time of one test.

    Whatever records to the process's default metrics object, such as decorators without `metrics=` and the exporter, records
    here; afterwards the metrics object before it is the default again, with what it had counted. The metrics object is strict:
    instrumentation errors, such as a label source that fails, raise in the test instead of being counted.

    Code under test that calls `configure(…)` finds the default metrics object in use, as it would in production when it comes
    too late; with `configure(…, force=True)` its metrics object takes the fixture's place for the rest of the test.
    """
    from tradmetrics.registry.metrics import TradingMetrics
    from tradmetrics.testing.isolation import default_metrics

    with default_metrics(TradingMetrics(strict=True)) as metrics:
        yield metrics
