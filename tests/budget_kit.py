"""What the tests of label budgets share: a clock that stands still, and a book's series read as a scrape reads them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tradmetrics import TradingMetrics, catalogue
from tradmetrics.faults import logger
from tradmetrics.text import OTHER

SUBMITTED = catalogue.ORDERS_SUBMITTED.name
REJECTED = catalogue.ORDERS_REJECTED.name
OVERFLOW = catalogue.LABEL_OVERFLOW.name
REMOVED = catalogue.SERIES_REMOVED.name

_USES_THE_CLOCK = ("tradmetrics.registry", "tradmetrics.shelf", "tradmetrics.spill")


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


def scrape(book: TradingMetrics) -> dict[str, dict[tuple[str, ...], float]]:
    """One scrape: values by the sample's name and the label values, histograms by their `_count`."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for metric in book.registry.collect():
        for each in metric.samples:
            if metric.type != "histogram" or each.name.endswith("_count"):
                found.setdefault(each.name, {})[tuple(each.labels.values())] = each.value
    return found


def values_of(book: TradingMetrics, name: str) -> dict[tuple[str, ...], float]:
    """The series of one metric, by their label values."""
    return scrape(book).get(name, {})


def removed(found: dict[str, dict[tuple[str, ...], float]], metric: str) -> float:
    """What removed series of a metric held, by one scrape."""
    return sum(value for labels, value in found.get(REMOVED, {}).items() if labels[0] == metric)


def total(book: TradingMetrics, metric: str) -> float:
    """What a metric's series hold and its removed series held, in one scrape."""
    found = scrape(book)
    return sum(found.get(metric, {}).values()) + removed(found, metric.removesuffix("_count"))


def overflows(book: TradingMetrics, metric: str, label: str) -> float:
    """The overflow counter of a label."""
    return values_of(book, OVERFLOW).get((metric, label), 0.0)


def under_other(book: TradingMetrics, name: str, position: int = 0) -> float:
    """What was counted in series whose label at `position` is `__other__`."""
    return sum(value for labels, value in values_of(book, name).items() if labels[position] == OTHER)
