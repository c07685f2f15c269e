"""Keeps the samples of all targets in memory: fine for the last minutes, coarser before, bounded as a whole."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Final

from tradmetrics.board.query.samples import Labels, Sample, Window, matching
from tradmetrics.board.query.tree import Matcher

LOOKBACK_SECONDS: Final = 300.0
FINE_SECONDS: Final = 900.0
COARSE_STEP: Final = 15.0
BUDGET_BYTES: Final = 150_000_000
"""Memory for the values of all targets together; where more series need it, the steps of the older part are longer."""
_BYTES: Final = 8
_THIN_EVERY: Final = 60.0

Series = Sequence[tuple[str, Labels]]


class Rows:
    """The samples of one target: a row of values for each scrape, a column for each series.

    Args:
        series: Name and labels of each column; it may grow.
        history: How long to keep rows, in seconds.
    """

    def __init__(self, series: Series, history: float) -> None:
        self._series = series
        self._history = history
        self._times: list[float] = []
        self._rows: list[array[float]] = []
        self._thinned = 0.0
        self._found: dict[tuple[str, tuple[Matcher, ...]], tuple[int, list[tuple[int, Labels]]]] = {}
        self._names: dict[str, list[int]] = {}
        self._named = 0

    @property
    def columns(self) -> int:
        """How many series there are."""
        return len(self._series)

    @property
    def newest(self) -> float:
        """The time of the newest row; 0 when there is none."""
        return self._times[-1] if self._times else 0.0

    @property
    def oldest(self) -> float:
        """The time of the oldest row; infinity when there is none."""
        return self._times[0] if self._times else float("inf")

    def bytes(self) -> int:
        """Return how much memory the values take."""
        return sum(len(row) for row in self._rows) * _BYTES

    def add(self, time: float, row: "array[float]", budget: float = BUDGET_BYTES) -> None:
        """Add the values of one scrape.

        Args:
            time: When, in seconds since 1970, later than the row before.
            row: The values, NaN where a series has none. The store keeps this object.
            budget: Memory that all rows may take, in bytes.
        """
        if self._times and time <= self._times[-1]:
            return
        self._times.append(time)
        self._rows.append(row)
        if time - self._thinned >= _THIN_EVERY:
            self._thinned = time
            self._thin(time, budget)

    def _thin(self, now: float, budget: float) -> None:
        most = max(budget / (_BYTES * max(len(self._series), 1)), 120.0)
        fine = min(FINE_SECONDS, most / 2)
        step = max(COARSE_STEP, (self._history - fine) / (most - fine))
        times, rows, slot = list[float](), list["array[float]"](), None
        for time, row in zip(self._times, self._rows, strict=True):
            if time < now - self._history:
                continue
            if time >= now - fine:
                times.append(time)
                rows.append(row)
                continue
            if times and time // step == slot:
                times[-1], rows[-1] = time, row
            else:
                times.append(time)
                rows.append(row)
            slot = time // step
        self._times, self._rows = times, rows

    def instant(self, name: str, matchers: tuple[Matcher, ...], time: float) -> Iterator[Sample]:
        """Return each series' value in the newest row at that time; see `SampleSource`."""
        place = bisect_right(self._times, time) - 1
        if place < 0 or self._times[place] < time - LOOKBACK_SECONDS:
            return
        row, at = self._rows[place], self._times[place]
        width = len(row)
        for column, labels in self._columns(name, matchers):
            if column < width and (value := row[column]) == value:
                yield Sample(labels, value, at)

    def window(self, name: str, matchers: tuple[Matcher, ...], start: float, end: float) -> Iterator[Window]:
        """Return each series' values in the window; see `SampleSource`."""
        columns = self._columns(name, matchers)
        if not columns:
            return
        lower, upper = bisect_left(self._times, start), bisect_right(self._times, end)
        times, rows = self._times[lower:upper], self._rows[lower:upper]
        if not rows:
            return
        narrowest = min(map(len, rows))
        for column, labels in columns:
            if column < narrowest:
                values = list(map(itemgetter(column), rows))
                total = sum(values)
                if total == total:  # a sum with a NaN in it is one
                    yield Window(labels, times, values)
                    continue
            else:
                values = [row[column] if column < len(row) else float("nan") for row in rows]
            there = [(time, value) for time, value in zip(times, values, strict=True) if value == value]
            yield Window(labels, [time for time, _ in there], [value for _, value in there])

    def _columns(self, name: str, matchers: tuple[Matcher, ...]) -> list[tuple[int, Labels]]:
        count = len(self._series)
        known, found = self._found.get((name, matchers), (0, []))
        if known == count:
            return found
        for column in range(self._named, count):
            self._names.setdefault(self._series[column][0], []).append(column)
        self._named = count
        fulfils = matching([each for each in matchers if each.label != "__name__"])
        names = matching([Matcher("", each.operator, each.value) for each in matchers if each.label == "__name__"])
        for each in [name] if name else [each for each in self._names if names({"": each})]:
            places = self._names.get(each, [])
            for column in places[bisect_left(places, known) :]:
                labels = self._series[column][1]
                if fulfils(labels):
                    found.append((column, labels))
        if len(self._found) > 2_000:
            self._found.clear()
        self._found[name, matchers] = (count, found)
        return found


class Store:
    """The samples of all targets, as one source for the evaluator."""

    def __init__(self, history: float = 21_600.0) -> None:
        self.history = history
        self._targets: dict[str, Rows] = {}

    def target(self, name: str, series: Series) -> Rows:
        """Return the rows of a target, made at first use."""
        return self._targets.setdefault(name, Rows(series, self.history))

    def add(self, target: Rows, time: float, row: "array[float]") -> None:
        """Add a row to a target, within its share of the memory."""
        series = sum(rows.columns for rows in self._targets.values())
        target.add(time, row, BUDGET_BYTES * target.columns / max(series, 1))

    def series(self) -> int:
        """Return how many series there are."""
        return sum(rows.columns for rows in self._targets.values())

    def bytes(self) -> int:
        """Return how much memory the values take."""
        return sum(rows.bytes() for rows in self._targets.values())

    def oldest(self) -> float:
        """Return the time of the oldest sample."""
        return min((rows.oldest for rows in self._targets.values()), default=float("inf"))

    def instant(self, name: str, matchers: Sequence[Matcher], time: float) -> list[Sample]:
        """Return each matching series' newest value at that time, unless it has gone since."""
        conditions = tuple(matchers)
        return [sample for rows in self._targets.values() for sample in rows.instant(name, conditions, time)]

    def window(self, name: str, matchers: Sequence[Matcher], start: float, end: float) -> list[Window]:
        """Return each matching series' values from `start` to `end`, both included."""
        conditions = tuple(matchers)
        return [window for rows in self._targets.values() for window in rows.window(name, conditions, start, end)]
