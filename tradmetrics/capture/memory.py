"""The memory of a call site: which counters to advance, and what else to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import repeat, starmap
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, Union

from tradmetrics.errors import is_interruption
from tradmetrics.storage.overflow import OverflowSeries
from tradmetrics.storage.series import CounterSeries, GaugeSeries, HistogramSeries, Series
from tradmetrics.storage.ticks import TICKS

if TYPE_CHECKING:
    from tradmetrics.capture.plan import PlannedSample
    from tradmetrics.capture.recipe import AfterCall, Recipe

AMOUNT, SECONDS, AMOUNT_OR_SECONDS, GIVEN = range(4)

Operation: TypeAlias = tuple[Callable[..., object], float, int]
"""A function of an amount, the factor of the amount, and where the amount comes from."""

More: TypeAlias = Callable[[Any, Union[float, None]], object]
"""Records the rest of a call, given what the shell has of its beginning, and its amount."""
Leaf: TypeAlias = tuple[Iterator[object], Union[More, None]]
"""An iterator, advancing which counts one, and the rest, if any."""

_NOTHING: Final = repeat(None)
_IN_MEMORY: Final = (CounterSeries, GaugeSeries, HistogramSeries)


class RepeatingSite(Protocol):
    """The part of a decorated function that repeating its calls needs."""

    recipe: Recipe

    def clock(self) -> Callable[[], float]:
        """The clock of calls."""
        ...

    def since(self, started: float, /) -> float:
        """Seconds since a call began; not a number where the clock failed."""
        ...

    def contain(self, error: BaseException) -> None:
        """Count an error of ours."""
        ...


class _Contained:
    """A function of a series that may fail, because its file is on a full disk for instance. The error is counted."""

    __slots__ = ("__self__", "_function", "_site")

    def __init__(self, site: RepeatingSite, function: Callable[..., object]) -> None:
        self.__self__: object = getattr(function, "__self__", None)
        self._function = function
        self._site = site

    def __call__(self, *amount: float) -> None:
        try:
            self._function(*amount)
        except BaseException as error:
            self._site.contain(error)


def _counting(site: RepeatingSite, function: Callable[..., object]) -> Iterator[object]:
    """An iterator that counts one with a function whenever it is advanced."""
    in_memory = type(_series_of(function)) is TICKS  # a counter's `tick` is a method of its iterator
    return starmap(function if in_memory else _Contained(site, function), repeat(()))


def leaf_of(
    site: RepeatingSite, lines: tuple[PlannedSample, ...], serieses: list[Series | None], after_call: AfterCall | None
) -> Leaf | None:
    """What to do for a call, given the series that an earlier call of its kind was recorded to.

    Returns:
        What to do, or None where it cannot be repeated.
    """
    counters: list[Iterator[object]] = []
    operations: list[Operation] = []
    for line, series in zip(lines, serieses, strict=True):
        if series is None:
            return None
        if isinstance(series, OverflowSeries):
            counters.extend(_counting(site, function) for function in series.counts)
            series = series.series
        if line.by_tick:
            counters.append(series.counter if type(series) is CounterSeries else _counting(site, series.tick))
            continue
        operation = _operation(site, line, series)
        if operation is None:
            return None
        operations.append(operation)
    first = counters.pop(0) if counters else _NOTHING
    if not counters and not operations and after_call is None:
        return first, None
    if (
        len(counters) == 1
        and len(operations) == 1
        and after_call is None
        and operations[0][1:] == (1.0, AMOUNT_OR_SECONDS)
    ):
        more = _count_and_observe(site, counters[0], operations[0][0])
    else:
        more = _all_of(site, tuple(counters), tuple(operations), after_call)
    reached = {id(each) for each in counters} | {id(_series_of(function)) for function, _, _ in operations}
    more.reached = None if after_call is not None else frozenset(reached)  # type: ignore[attr-defined]
    return first, more


def _count_and_observe(site: RepeatingSite, counter: Iterator[object], observe: Callable[..., object]) -> More:
    """The rest of a fill: one count, and its time."""
    series = _series_of(observe)
    if type(series) is not HistogramSeries:
        return _all_of(site, (counter,), ((observe, 1.0, AMOUNT_OR_SECONDS),), None)
    appended, fold, clock = series.appended, series.fold, site.clock()

    def more(token: Any, given: float | None) -> None:
        for _ in counter:
            break
        if given is not None:
            amount = given
        else:
            try:
                amount = clock() - token
            except Exception as error:
                if is_interruption(error):
                    raise
                amount = site.since(token)  # which counts what is wrong
            if amount != amount:  # a clock that failed gives what is unequal to itself
                return
        appended.append(amount)
        if len(appended) > 63:
            fold()

    return more


def _all_of(
    site: RepeatingSite,
    counters: tuple[Iterator[object], ...],
    operations: tuple[Operation, ...],
    after: AfterCall | None,
) -> More:
    name = site.recipe.amount_name

    def more(token: Any, amount: float | None) -> None:
        for counter in counters:
            for _ in counter:
                break
        seconds: float | None = None
        for function, factor, origin in operations:
            if origin == GIVEN:
                function()
            elif amount is not None and origin != SECONDS:
                function(amount * factor)
            elif origin != AMOUNT:
                if seconds is None:
                    seconds = site.since(token)
                if seconds == seconds:  # a clock that failed gives what is unequal to itself
                    function(seconds)
        if after is not None:
            try:
                after(None if amount is None else {name: amount}.get)
            except BaseException as error:
                site.contain(error)

    return more


def _operation(site: RepeatingSite, line: PlannedSample, series: Series) -> Operation | None:
    kind = line.definition.kind
    function: Callable[..., object]
    function = series.add if kind == "counter" else series.set if kind == "gauge" else series.observe
    if type(series) not in _IN_MEMORY:
        function = _Contained(site, function)
    if not isinstance(line.amount, str):
        return partial(function, float(line.amount)), 1.0, GIVEN
    if line.amount == "seconds":
        return function, 1.0, SECONDS
    amount = None if site.recipe.repeat is None else site.recipe.repeat.amount
    if amount is None:
        return None
    if line.amount == amount.field:
        return function, 1.0, AMOUNT_OR_SECONDS if amount.or_seconds else AMOUNT
    factor = dict(amount.values).get(line.amount)
    return None if factor is None else (function, factor, AMOUNT)


def points_to(gone: list[Series]) -> Callable[[Leaf], bool]:
    """A test whether something remembered leads to one of these series."""
    numbers = {id(series) for series in gone}
    numbers |= {id(series.counter) for series in gone if isinstance(series, CounterSeries)}

    def points(leaf: Leaf) -> bool:
        first, more = leaf
        if id(first) in numbers:
            return True
        if more is None:
            return False
        reached: frozenset[int] | None = more.reached  # type: ignore[attr-defined]
        return reached is None or not reached.isdisjoint(numbers)  # the work after a call may hold any series

    return points


def _series_of(function: Callable[..., object]) -> object:
    function = function.func if isinstance(function, partial) else function
    return getattr(function, "__self__", None)
