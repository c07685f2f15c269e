"""Series that were removed: what they held, and what still comes in for them, is counted and not lost.

Recording takes no lock, so a call on another thread may be about to count on a series that has just been removed, and
a caller may hold one for as long as it likes. A removed series is kept until nobody else holds it; its count is added
to `tradmetrics_series_removed_total` at each scrape.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import getrefcount
from typing import Final

from tradmetrics.storage.locks import RecordingLock, hold_over_forks
from tradmetrics.storage.series import CounterSeries, GaugeSeries, HistogramSeries, Series

# One reentrant lock around the creation and removal of series: reentrant, because a signal handler or a finaliser may
# record in the middle of it; one, so that it can be taken around a fork (see series.py).
creating: Final = RecordingLock()
hold_over_forks(creating)

MOST_RETIRED: Final = 10_000
"""Removed series that are kept because somebody may still count on them."""


class RetiredSeries:
    """A removed series.

    Args:
        series: The series, which is about to leave the exposition.
        total: The series of `tradmetrics_series_removed_total` that takes in what it held.
        bring_back: Puts a gauge back into the exposition, since what a gauge is set to cannot be added elsewhere. It
            must not hold the series.
    """

    __slots__ = ("_bring_back", "_counted", "_is_new_gauge", "_mark", "_series", "_total")

    def __init__(self, series: Series, total: CounterSeries, bring_back: Callable[[Series], None]) -> None:
        self._series = series
        self._total = total
        self._bring_back = bring_back
        self._counted = 0.0
        self._is_new_gauge = isinstance(series, GaugeSeries)
        self._mark = series.mark() if self._is_new_gauge else None

    def settle(self) -> bool:
        """Count what has come in; return whether more may come."""
        held = self.references() > _unheld[type(self._series)]  # asked first: whoever lets go now has counted already
        if self._is_new_gauge:
            self._is_new_gauge = False
            self._total.tick()
        if self._mark is None:
            value = self._series.value()
            if value > self._counted:
                amount = [value - self._counted]
                # Nothing is called from here on: what a signal handler raises comes before both steps or after both.
                self._total.appended += amount
                self._counted = value
        elif self._series.mark() != self._mark:
            self._bring_back(self._series)
            return False
        return held

    def references(self) -> int:
        """References to the series, to its counter and to the function that ticks it: callers may hold any of them."""
        series = self._series
        if not isinstance(series, CounterSeries):
            return getrefcount(series)
        return getrefcount(series) + getrefcount(series.tick) + getrefcount(series.counter)


def _unheld_references(series: Callable[[], Series]) -> int:
    return RetiredSeries(series(), CounterSeries(), lambda series: None).references()


# How many references there are when nobody else has one, by experiment: it depends on Python's version.
_unheld: Final[dict[type[Series], int]] = {
    CounterSeries: _unheld_references(CounterSeries),
    GaugeSeries: _unheld_references(GaugeSeries),
    HistogramSeries: _unheld_references(lambda: HistogramSeries((1.0,), ("1.0", "+Inf"))),
}
