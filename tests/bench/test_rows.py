"""Whether the rows of the benchmark measure what their names say."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from tests.bench import lifecycle
from tests.bench.join_by_hand import JoinByHand
from tests.bench.scrapes import COUNTERS, GAUGES, HISTOGRAMS, Filled, Kind
from tradmetrics import TradingMetrics
from tradmetrics.orders import OrderTracker


def test_the_join_by_hand_records_the_samples_of_the_tracker() -> None:
    """A join that records less would make the tracker look dear, and one that records more would make it look cheap."""
    by_hand, metrics = JoinByHand("s"), TradingMetrics()
    for orders in (by_hand, OrderTracker("s", metrics=metrics)):
        live = lifecycle.one_life(orders)
        live(), live()
    recorded = _counts(by_hand.registry)
    assert recorded
    assert recorded == _counts(metrics.registry)


def _counts(registry: CollectorRegistry) -> dict[object, float]:
    return {
        (sample.name.removeprefix("trading_"), *sorted(sample.labels.items())): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name.endswith(("_total", "_count")) and sample.value
    }


@pytest.mark.parametrize("kind", [COUNTERS, GAUGES, HISTOGRAMS], ids=lambda kind: kind.name)
def test_a_scrape_has_as_many_series_as_its_row_says(kind: Kind) -> None:
    """Names that collapse into one series would make a scrape of ten thousand as cheap as a scrape of one."""
    filled = Filled(kind, 20)
    filled.record(1.0)
    filled.check()


def test_symbols_that_share_a_series_stop_the_benchmark() -> None:
    """Names that look like order ids once made a scrape of ten thousand series as cheap as a scrape of one."""
    filled = Filled(COUNTERS, 200, "order-{:012d}".format)
    filled.record(1.0)
    with pytest.raises(AssertionError, match=r"200 series are to be measured, and there are \d+ and 200"):
        filled.check()
