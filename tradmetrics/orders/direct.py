"""Reads the usual fields of a message in a few steps: parameters, and keys of a parameter that is a plain dict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final

from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.sources import Arg
from tradmetrics.model.missing import MISSING

_MOST_STEPS: Final = 2


class DirectReader:
    """Reads fields whose sources are constants, parameters, or keys of a parameter.

    Args:
        given: The sources by field; None for those left out.
        names: The fields to read, the id first; one that is left out reads None.
        refused: Fields that must have no source.
    """

    __slots__ = ("_left_out", "_plan", "_site")

    def __init__(self, given: Mapping[str, Any], names: Sequence[str], refused: Sequence[str]) -> None:
        self._site: object = None
        self._left_out = [name for name in (*names, *refused) if given.get(name) is None]
        self._plan: list[tuple[str | None, Any]] | None = []
        for name in names:
            source = given.get(name)
            if type(source) is Arg and len(source.path) <= _MOST_STEPS:
                self._plan.append((source.path[0], source.path[1] if len(source.path) == _MOST_STEPS else None))
            elif source is None or (isinstance(source, str | int | float) and not isinstance(source, Enum)):
                self._plan.append((None, source))
            else:
                self._plan = None
                return
        if any(given.get(name) is not None for name in refused) or given.get(names[0]) is None:
            self._plan = None

    def read(self, reading: CallContext) -> list[Any] | None:
        """Return the values of the fields, in their order.

        None where a value is not there, or is not in a plain dict. Nothing that a caller can notice was read then, so
        that the careful way may read it.
        """
        plan, site = self._plan, reading.site
        if plan is None:
            return None
        if site is not self._site:
            # Fields that were left out may still be found among the parameters of this function.
            if any(site.compiled.sources[name] is not None for name in self._left_out):
                return None
            self._site = site
        values = []
        arguments = reading.arguments
        for parameter, step in plan:
            value = step
            if parameter is not None:
                value = arguments.get(parameter, MISSING)
                if step is not None:
                    if type(value) is not dict:
                        return None
                    value = value.get(step, MISSING)
                if value is MISSING:
                    return None
            values.append(value)
        return values
