"""The storage beneath a series: what a recording call touches, and nothing else.

Recording takes no lock. Counting one is `next()` on the iterator of a `range`, and an amount or an observation is one
`list.append`: single C calls that another thread, a signal handler or a finaliser cannot interrupt halfway. Appended
values are folded in batches of 64, so that nothing grows, and a reader folds first and copies under one lock: a
histogram's sum, count and buckets always belong together. On CPython 3.11 a locked `+= 1` costs about six times such a
step; see `make bench`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from threading import Lock, get_ident
from typing import Final, Protocol, TypeVar

from prometheus_client.utils import floatToGoString

from tradmetrics.storage.locks import hold_over_forks
from tradmetrics.storage.ticks import new_ticks, ticks_of

T_co = TypeVar("T_co", covariant=True)

# One lock for all folding: a thread holds it for microseconds, and never while user code or a recording call runs.
# Because there is only one, a fork can take it first, so that a child process never inherits it held by a thread that
# the child does not have.
_folding: Final = Lock()
_folder = 0
"""The thread that folds now; 0 when no thread does."""


def _after_fork() -> None:
    global _folder
    _folder = 0


hold_over_forks(_folding, in_child=_after_fork)


class _Folds(Protocol[T_co]):
    """A series that can fold; see `_folded`."""

    def _fold(self) -> T_co: ...


def _folded(series: _Folds[T_co]) -> T_co:
    """Fold what a series has appended, and return its figures as of one moment.

    A signal handler that reads in the middle of a fold of its own thread folds at once: waiting for the lock would
    never end. `_fold` finds out that this happened, and begins again.
    """
    global _folder
    thread = get_ident()
    if _folder == thread:
        return series._fold()
    with _folding:
        _folder = thread  # Python runs no signal handler between this and taking the lock
        try:
            return series._fold()
        finally:
            _folder = 0


amounts_folded: Final = [0]
"""Differs whenever amounts of any counter were folded, so that a reader of many need not look at each total."""

RawSample = tuple[str, tuple[tuple[str, str], ...], float]
"""A suffix of the metric's name, extra labels, and the value."""


class Series:
    """The view of a series that recording has, with any storage.

    Each kind has the operations that mean something for it: a counter `tick` (one) and `add`, a gauge `set`, `up` and
    `down`, a histogram `observe`. They are attributes, so that a C method can be one.
    """

    __slots__ = ("created", "text")

    created: float  # when it began, in Unix seconds; only where `start_timestamps` shows it
    text: str | tuple[str, str] | None
    """The line up to its number, or the labels around `le`, as in the exposition; kept by the first rendering."""
    tick: Callable[[], object]
    add: Callable[[float], object]
    set: Callable[[float], object]
    observe: Callable[[float], object]
    up: Callable[[], object]
    down: Callable[[], object]

    def value(self) -> float:
        """The count, the gauge's value, or the number of observations."""
        raise NotImplementedError

    def samples(self) -> Iterator[RawSample]:
        """The samples to expose."""
        raise NotImplementedError

    def mark(self) -> object:
        """Something that differs from what it was the last time whenever the series has been recorded to since."""
        return self.value()


class CounterSeries(Series):
    """A counter's series.

    Attributes:
        counter: Advancing it counts one.
        appended: Amounts that are not in the total yet.
    """

    __slots__ = ("_total", "appended", "counter", "tick")

    def __init__(self) -> None:
        self.text = None
        self.counter = new_ticks()
        self._total = 0.0
        self.appended: list[float] = []
        self.tick = self.counter.__next__

    def add(self, amount: float) -> None:
        """Count `amount`, which is finite and not negative."""
        appended = self.appended
        appended.append(amount)
        if len(appended) > 63 and not _folding.locked():
            _folded(self)

    def _fold(self) -> float:
        appended = self.appended
        while True:
            before = total = self._total
            batch = appended[:]
            folded = len(batch)
            if not batch and self._total is before:
                return total + ticks_of(self.counter)
            for amount in batch:
                total += amount
            # Twice: a reader that comes in between finds another number here the next time.
            amounts_folded[0] += 1
            # Nothing is called from here on: a signal comes before all of these steps or after them. Where a signal
            # handler has folded meanwhile, the total is another object.
            if self._total is before:
                self._total = total
                del appended[:folded]
                amounts_folded[0] += 1
                return total + ticks_of(self.counter)

    def value(self) -> float:
        """The count so far."""
        return _folded(self)

    def mark(self) -> object:
        """The count, read without the lock, because recording reads it, and a signal handler may record meanwhile."""
        return self._total + sum(self.appended[:]) + ticks_of(self.counter)

    def samples(self) -> Iterator[RawSample]:
        """The count."""
        yield "_total", (), self.value()


class GaugeSeries(Series):
    """A gauge's series: set to a value, or counted up and down, or both (the set value is then the new base)."""

    __slots__ = ("_base", "_counts", "_touched", "_touches", "down", "up")

    def __init__(self) -> None:
        self.text = None
        self._base = 0.0
        self._touched = False
        self._touches = 0
        self._counts: list[tuple[Iterator[int], Iterator[int]]] = []
        self.up = self._first_up
        self.down = self._first_down

    def set(self, value: float) -> None:
        """Set the gauge."""
        self._base = value - self._counted()
        self._touched = True  # setting it to what it is shows in nothing else

    def value(self) -> float:
        """The gauge's value."""
        return float(self._base + self._counted())  # an int would be spelled otherwise in the exposition

    def samples(self) -> Iterator[RawSample]:
        """The value."""
        yield "", (), self.value()

    def mark(self) -> object:
        """Something that differs from what it was the last time whenever the gauge has been set since.

        The mark does not count ups and downs: such gauges have no open labels, and stay.
        """
        if self._touched:
            self._touched = False
            self._touches += 1
        return self._touches

    def _counted(self) -> int:
        if not self._counts:
            return 0
        ups, downs = self._counts[0]
        ended = ticks_of(downs)  # first: what began and ended since then must not make it negative
        return ticks_of(ups) - ended

    # Most gauges are only ever set; the two counts come into being with the first that is not.
    def _first_up(self) -> object:
        self._start_counting()
        return self.up()

    def _first_down(self) -> object:
        self._start_counting()
        return self.down()

    def _start_counting(self) -> None:
        # Without a lock, which a signal handler could find held: of several, the first that was appended is used.
        self._counts.append((new_ticks(), new_ticks()))
        ups, downs = self._counts[0]
        self.up, self.down = ups.__next__, downs.__next__


def bound_texts(bounds: tuple[float, ...]) -> tuple[str, ...]:
    """The values of the `le` label for these bounds and +Inf, spelled as prometheus_client spells them."""
    return tuple(floatToGoString(bound) for bound in (*bounds, float("inf")))  # type: ignore[no-untyped-call]


class HistogramSeries(Series):
    """A histogram's series.

    Attributes:
        appended: Observations that are not in the buckets yet.
    """

    __slots__ = ("_bounds", "_buckets", "_sum", "_texts", "appended")

    def __init__(self, bounds: tuple[float, ...], texts: tuple[str, ...]) -> None:
        self.text = None
        self._bounds = bounds
        self._texts = texts
        self._buckets = [0] * (len(bounds) + 1)
        self._sum = 0.0
        self.appended: list[float] = []

    def observe(self, value: float) -> None:
        """Observe a finite value."""
        # 63 as a literal: a global would cost a tenth of this function.
        appended = self.appended
        appended.append(value)
        if len(appended) > 63 and not _folding.locked():
            _folded(self)

    def fold(self) -> None:
        """Fold what was appended, unless a scrape is at it."""
        if not _folding.locked():
            _folded(self)

    def _fold(self) -> tuple[list[int], float]:
        appended, bounds = self.appended, self._bounds
        while True:
            before, total = self._buckets, self._sum
            batch = appended[:]
            if not batch and self._buckets is before:
                return before, total  # the same list: readers see that nothing has changed
            buckets = before[:]
            folded = len(batch)
            for value in batch:
                total += value
                buckets[bisect_left(bounds, value)] += 1
            # Nothing is called from here on, as above.
            if self._buckets is before:
                self._sum = total
                self._buckets = buckets
                del appended[:folded]
                return buckets, total

    def value(self) -> float:
        """The number of observations so far."""
        return float(sum(_folded(self)[0]))

    def mark(self) -> object:
        """The number of observations, read without the lock, because recording reads it."""
        return float(sum(self._buckets) + len(self.appended))

    def snapshot(self) -> tuple[list[int], float]:
        """The buckets' own counts (not cumulative, the last is +Inf's) and the sum, as of one moment."""
        return _folded(self)

    def samples(self) -> Iterator[RawSample]:
        """Buckets, count and sum; no sum where a bucket's bound is negative, as prometheus_client has it."""
        buckets, total = self.snapshot()
        running = 0
        for text, own in zip(self._texts, buckets, strict=True):
            running += own
            yield "_bucket", (("le", text),), float(running)
        yield "_count", (), float(running)
        if self._bounds[0] >= 0:
            yield "_sum", (), total
