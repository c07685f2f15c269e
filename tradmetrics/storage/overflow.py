"""Recording under `__other__`: each recording counts as an overflow too."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tradmetrics.storage.series import RawSample, Series


class OverflowSeries(Series):
    """A series whose labels collapsed. Each sample that is recorded to it counts an overflow of each such label.

    Attributes:
        series: The series that is recorded to.
        counts: Counts one overflow, for each label that collapsed.
    """

    __slots__ = ("counts", "series")

    def __init__(self, series: Series, counts: tuple[Callable[[], object], ...]) -> None:
        self.series = series
        self.counts = counts

    def tick(self) -> None:
        """Count one."""
        self._count()
        self.series.tick()

    def add(self, amount: float) -> None:
        """Count `amount`."""
        self._count()
        self.series.add(amount)

    def set(self, value: float) -> None:
        """Set the gauge."""
        self._count()
        self.series.set(value)

    def observe(self, value: float) -> None:
        """Observe a value."""
        self._count()
        self.series.observe(value)

    def up(self) -> None:
        """Count the gauge up by one."""
        self._count()
        self.series.up()

    def down(self) -> None:
        """Count the gauge down by one."""
        self._count()
        self.series.down()

    def value(self) -> float:
        """The value of the series."""
        return self.series.value()

    def samples(self) -> Iterator[RawSample]:
        """The samples of the series."""
        return self.series.samples()

    def _count(self) -> None:
        for count in self.counts:
            count()
