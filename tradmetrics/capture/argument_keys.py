"""The part of a call's key that comes from its arguments, for calls that raised."""

from __future__ import annotations

from typing import Any

from tradmetrics.capture.call_context import UNREAD, raised_at
from tradmetrics.capture.lookups import ARGUMENT, Place
from tradmetrics.capture.repeating import FastWay
from tradmetrics.capture.sources import WITHOUT_FIELDS
from tradmetrics.capture.views import NO_MAPPINGS, is_no_mapping
from tradmetrics.errors import is_interruption
from tradmetrics.model.missing import MISSING
from tradmetrics.storage.label_keys import is_safe


def argument_key(
    fast: FastWay, names: tuple[str, ...], args: tuple[Any, ...], places: dict[Place, Any]
) -> tuple[Any, ...] | None:
    """Return the part of a key that comes from the arguments; the values that it reads go into `places`."""
    key: list[Any] = []
    for lookup in fast.lookups:
        value = None
        for place in lookup.places:
            if place.root is ARGUMENT:
                value = _look(names, args, place, places)
                if value is MISSING:
                    if lookup.is_explicit:
                        return None
                    value = None
                elif value is not None:
                    break
        key.append(value)
    for place in fast.empty:
        if place.root is ARGUMENT and _look(names, args, place, places) not in (None, MISSING):
            return None
    return tuple(key) if is_safe(tuple(key)) else None


def _look(names: tuple[str, ...], args: tuple[Any, ...], place: Place, places: dict[Place, Any]) -> Any:
    """Return the value at a place among the arguments, if that is easily seen.

    Raises:
        LookupError: If it is not.
    """
    steps = place.steps
    if len(steps) == 1:
        return args[names.index(steps[0])]
    value = places.get(place, UNREAD)
    if value is not UNREAD:
        return value
    parent = _look(names, args, Place(ARGUMENT, steps[:-1]), places)
    if type(parent) in WITHOUT_FIELDS:
        value = MISSING
    elif type(parent) is dict:
        value = parent.get(steps[-1], MISSING)
    elif type(parent) in NO_MAPPINGS or is_no_mapping(parent):
        try:
            value = getattr(parent, steps[-1], MISSING)
        except BaseException as error:
            if not is_interruption(error):
                places[place] = raised_at(error)
            raise
    else:
        raise LookupError(steps[-1])
    places[place] = value
    return value
