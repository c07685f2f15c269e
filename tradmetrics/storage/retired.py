"""Series that were removed: what they held, and what still comes in for them, is counted and not lost.

Recording takes no lock, so a call on another thread may be about to count on a series that has just been removed, and
a caller may hold one for as long as it likes. A removed series is kept until nobody else holds it; its count is added
to `tradmetrics_series_removed_total` at each scrape.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from sys import getrefcount
from typing import Final

from tradmetrics.storage.locks import RecordingLock
from tradmetrics.storage.series import CounterSeries, GaugeSeries, HistogramSeries, Series

# One reentrant lock around the creation and removal of series: reentrant, because a signal handler or a finaliser may
# record in the middle of it; one, so that it can be taken around a fork (see series.py).
creating: Final = RecordingLock()
if hasattr(os, "register_at_fork"):  # pragma: no branch - absent on Windows only
    os.register_at_fork(before=creating.acquire, after_in_parent=creating.release, after_in_child=creating.release)

MOST_RETIRED: Final = 10_000
"""Removed series that are kept because somebody may still count on them."""


class RetiredSeries:
    """A removed series.

    Args:
        series: The series, out of the exposition.
        total: The series of `tradmetrics_series_removed_total` that takes in what it held.
        bring_back: Puts a gauge back into the exposition, since what a gauge is set to cannot be added elsewhere. It
            must not hold the series.
    """

    __slots__ = ("_bring_back", "_counted", "_mark", "_series", "_total")

    def __init__(self, series: Series, total: Series, bring_back: Callable[[Series], None]) -> None:
        self._series = series
        self._total = total
        self._bring_back = bring_back
        self._counted = 0.0
        self._mark = None
        if isinstance(series, GaugeSeries):
            self._mark = series.mark()
            total.tick()

    def settle(self) -> bool:
        """Count what has come in; return whether more may come."""
        held = self.references() > _unheld[type(self._series)]  # asked first: whoever lets go now has counted already
        if self._mark is None:
            value = self._series.value()
            if value > self._counted:
                self._total.add(value - self._counted)
                self._counted = value
        elif self._series.mark() != self._mark:
            self._bring_back(self._series)
            return False
        return held

    def references(self) -> int:
        """References to the series, and to the function that ticks it: callers may hold either."""
        series = self._series
        return getrefcount(series) + (getrefcount(series.tick) if isinstance(series, CounterSeries) else 0)


def _unheld_references(series: Callable[[], Series]) -> int:
    return RetiredSeries(series(), CounterSeries(), lambda series: None).references()


# How many references there are when nobody else has one, by experiment: it depends on Python's version.
_unheld: Final[dict[type[Series], int]] = {
    CounterSeries: _unheld_references(CounterSeries),
    GaugeSeries: _unheld_references(GaugeSeries),
    HistogramSeries: _unheld_references(lambda: HistogramSeries((1.0,), ("1.0", "+Inf"))),
}
