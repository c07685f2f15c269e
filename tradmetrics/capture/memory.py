"""What a call site remembers of a call: which counters to advance, and what else to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import repeat, starmap
from typing import TYPE_CHECKING, Any, Final, TypeAlias, Union

from tradmetrics.storage.overflow import OverflowSeries
from tradmetrics.storage.series import CounterSeries, Series

if TYPE_CHECKING:
    from tradmetrics.capture.plan import PlannedSample
    from tradmetrics.capture.recipe import AfterCall, Recipe

AMOUNT, SECONDS, AMOUNT_OR_SECONDS, GIVEN = range(4)

Operation: TypeAlias = tuple[Callable[..., object], float, int]
"""A function of an amount, the factor of the amount, and where the amount comes from."""

More: TypeAlias = tuple[tuple[Iterator[object], ...], tuple[Operation, ...], Any]
Leaf: TypeAlias = tuple[Iterator[object], Union[More, None]]
"""An iterator, advancing which counts one, and the rest: further ones, operations with amounts, and `after_call`."""

_NOTHING: Final = repeat(None)


def counting(series: Series) -> Iterator[object]:
    """An iterator that counts one on a series whenever it is advanced."""
    return series.counter if type(series) is CounterSeries else starmap(series.tick, repeat(()))


def leaf_of(
    recipe: Recipe, lines: tuple[PlannedSample, ...], serieses: list[Series | None], prepared: AfterCall | None
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
            counters.extend(starmap(count, repeat(())) for count in series.counts)
            series = series.series
        if line.by_tick:
            counters.append(counting(series))
            continue
        operation = _operation(recipe, line, series)
        if operation is None:
            return None
        operations.append(operation)
    first = counters.pop(0) if counters else _NOTHING
    if not counters and not operations and prepared is None:
        return first, None
    return first, (tuple(counters), tuple(operations), prepared)


def _operation(recipe: Recipe, line: PlannedSample, series: Series) -> Operation | None:
    kind = line.definition.kind
    function = series.add if kind == "counter" else series.set if kind == "gauge" else series.observe
    if not isinstance(line.amount, str):
        return partial(function, float(line.amount)), 1.0, GIVEN
    if line.amount == "seconds":
        return function, 1.0, SECONDS
    amount = None if recipe.repeat is None else recipe.repeat.amount
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
        counters, operations, after = more
        return (
            after is not None  # it may hold any series
            or any(id(each) in numbers for each in counters)
            or any(id(_series_of(function)) in numbers for function, _, _ in operations)
        )

    return points


def _series_of(function: Callable[..., object]) -> object:
    function = function.func if isinstance(function, partial) else function
    return getattr(function, "__self__", None)
