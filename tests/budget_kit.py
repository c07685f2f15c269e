"""What the tests of label budgets share: a clock that stands still, and its series read as in a scrape."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tradmetrics import TradingMetrics, catalogue
from tradmetrics.model.text import OTHER
from tradmetrics.registry.errors_log import logger

SUBMITTED = catalogue.ORDERS_SUBMITTED.name
REJECTED = catalogue.ORDERS_REJECTED.name
OVERFLOW = catalogue.LABEL_OVERFLOW.name
REMOVED = catalogue.SERIES_REMOVED.name

_USES_THE_CLOCK = (
    "tradmetrics.registry.instrument",
    "tradmetrics.registry.instruments",
    "tradmetrics.storage.label_cache",
)


class Clock:
    """The guard's clock, which moves when told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@contextmanager
def stopped_clock() -> Iterator[Clock]:
    """Have everything that looks at idleness read a clock that stands still."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        for module in _USES_THE_CLOCK:
            patch.setattr(f"{module}.monotonic", clock)
        yield clock


@contextmanager
def unlogged() -> Iterator[None]:
    """Keep the warnings of many books, each the first of its kind, out of the log."""
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def scrape(metrics: TradingMetrics) -> dict[str, dict[tuple[str, ...], float]]:
    """One scrape: values by the sample's name and the label values, histograms by their `_count`."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for metric in metrics.registry.collect():
        for each in metric.samples:
            if metric.type != "histogram" or each.name.endswith("_count"):
                found.setdefault(each.name, {})[tuple(each.labels.values())] = each.value
    return found


def values_of(metrics: TradingMetrics, name: str) -> dict[tuple[str, ...], float]:
    """The series of one metric, by their label values."""
    return scrape(metrics).get(name, {})


def removed(found: dict[str, dict[tuple[str, ...], float]], metric: str) -> float:
    """What removed series of a metric held, by one scrape."""
    return sum(value for labels, value in found.get(REMOVED, {}).items() if labels[0] == metric)


def total(metrics: TradingMetrics, metric: str) -> float:
    """What a metric's series hold and its removed series held, in one scrape."""
    found = scrape(metrics)
    return sum(found.get(metric, {}).values()) + removed(found, metric.removesuffix("_count"))


def overflows(metrics: TradingMetrics, metric: str, label: str) -> float:
    """The overflow counter of a label."""
    return values_of(metrics, OVERFLOW).get((metric, label), 0.0)


def under_other(metrics: TradingMetrics, name: str, position: int = 0) -> float:
    """What was counted in series whose label at `position` is `__other__`."""
    return sum(value for labels, value in values_of(metrics, name).items() if labels[position] == OTHER)
