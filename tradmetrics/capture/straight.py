"""Calls whose work is done straight by the shell: it reads the arguments, and hands the values to one function."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from tradmetrics.capture.call_context import DecoratedFunction
from tradmetrics.capture.lookups import ARGUMENT, RESULT, Compiled, Lookup
from tradmetrics.capture.repeating import FastWay, Repeat, is_simple
from tradmetrics.model.missing import MISSING

_CONSTANTS: Final = (str, int, float, type(None))


class Straight(NamedTuple):
    """The work for a call of known shape.

    Attributes:
        work: Does all of it and returns True, or changes nothing and returns False; then the careful way does it. It
            is called with what the entering function returned, the result, and the values of the fields: None where
            there is nothing.
        entering: Called once with the site and its `enter`: returns a function that does the same as `enter` before
            each call, and calls it where it cannot.
        fields: The fields that it takes, in this order.
        absent: Fields that must have no value.
        absent_in_result: Names at which the result must have no value.
    """

    work: Callable[..., bool]
    entering: Callable[[DecoratedFunction, Callable[[], Any]], Callable[[], Any]]
    fields: tuple[str, ...]
    absent: tuple[str, ...] = ()
    absent_in_result: tuple[str, ...] = ()


def straight_way(compiled: Compiled, straight: Straight | None) -> FastWay | None:
    """Return the places that a shell reads for the work, or None if it cannot read them without help.

    Args:
        compiled: The function's sources.
        straight: The recipe's statement.
    """
    if straight is None:
        return None
    lookups = []
    for name in straight.fields:
        lookup = compiled.lookups[name]
        if lookup.is_constant:
            if type(_constant(lookup)) not in _CONSTANTS:
                return None
        elif not _is_in_arguments(lookup):
            return None
        lookups.append(lookup)
    empty = []
    for name in straight.absent:
        lookup = compiled.lookups[name]
        if lookup.is_constant and _constant(lookup) is None:
            continue
        if lookup.is_constant or not _is_in_arguments(lookup):
            return None
        empty += [place for place in lookup.places if place.root is ARGUMENT]
    return FastWay(straight.fields, tuple(lookups), tuple(empty), (), Repeat(digested=straight.absent_in_result))


def constants_of(lookups: Iterable[Lookup]) -> list[str | None]:
    """Return Python code for each field that is the same at every call, None for the others."""
    return [repr(_constant(lookup)) if lookup.is_constant else None for lookup in lookups]


def _constant(lookup: Lookup) -> Any:
    """Return the value that a field has at every call; None for a field without a source."""
    return None if lookup.constant is MISSING else lookup.constant


def _is_in_arguments(lookup: Lookup) -> bool:
    """Return whether a field is read in the arguments, and in the result only if the user did not name it there."""
    if lookup.mapped is not None or not is_simple(lookup, mapped=False):
        return False
    return not (lookup.is_explicit and any(place.root is RESULT for place in lookup.places))
