"""One finished call, as recipes see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from time import time
from typing import Any, Final, Protocol

from tradmetrics.capture.lookups import ARGUMENT, ERROR, RESULT, Compiled, Lookup, Place, has_value, step_into
from tradmetrics.capture.sources import Call
from tradmetrics.errors import is_interruption
from tradmetrics.model.missing import MISSING, Missing
from tradmetrics.model.text import text_of
from tradmetrics.registry.metrics import TradingMetrics

_FAILED: Final = object()
UNREAD: Final = object()
"""Stands for a place that nobody has read yet."""
_HAVE_A_TEXT: Final = frozenset({str, int, float, bool, bytes, type(None), Missing})


class DecoratedFunction(Protocol):
    """The part of a decorated function that a call context needs."""

    name: str
    compiled: Compiled
    recipe: Any
    function: Callable[..., Any] | None
    metrics: TradingMetrics


class CallContext(Call):
    """One finished call, with its fields read on demand, and each place of the call read at most once.

    Args:
        site: The decorated function.
        args: The call's positional arguments; or the values of all parameters in their order, when `kwargs` is None.
        kwargs: The call's keyword arguments, or None.
        result: The value that the function returned.
        exception: The exception that it raised, or None.
        seconds: How long it took.
        entered: The value that the recipe's `enter` returned.
        places: Places that were read already, with what was there: a value, or an exception that reading it raised.

    Attributes:
        site: The decorated function.
        metrics: The metrics object it records to.
        entered: The value that the recipe's `enter` returned.
        places: Every place that was read, with what was there.
        is_faulty: Whether something of the call was counted as an error.
    """

    __slots__ = ("_args", "_bound", "_kwargs", "_values", "entered", "is_faulty", "metrics", "places", "site")

    def __init__(
        self,
        site: DecoratedFunction,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any] | None,
        result: Any,
        exception: BaseException | None,
        seconds: float,
        entered: Any = None,
        places: dict[Place, Any] | None = None,
    ) -> None:
        self.site = site
        self.metrics = site.metrics
        self.entered = entered
        self._args = args
        self._kwargs = kwargs
        self._bound: Mapping[str, Any] | None = None
        self.result = result
        self.exception = exception
        self.seconds = seconds
        self.places: dict[Place, Any] = {} if places is None else places
        self._values: dict[str, Any] = {}
        self.is_faulty = False

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The call's arguments by parameter name, defaults included; bound when somebody asks."""
        bound = self._bound
        if bound is None:
            compiled = self.site.compiled
            if self._kwargs is None:
                bound = dict(zip(compiled.names, self._args, strict=True))
            else:
                try:
                    bound = compiled.bind(self._args, self._kwargs)
                except TypeError:
                    bound = compiled.bind(self._args, compiled.known(self._kwargs))
            self._bound = bound
        return bound

    def __call__(self, name: str) -> Any:
        """The value of a field: `MISSING` where there is nothing to read, or where reading failed."""
        value = self._values.get(name, UNREAD)
        if value is UNREAD:
            if name == "seconds":
                return self.seconds
            try:
                value = self._read(self.site.compiled.lookups[name])
            except BaseException as error:
                if is_interruption(error):
                    raise
                self.fault("source", error)
                value = _FAILED
            self._values[name] = value
        return MISSING if value is _FAILED else value

    def _read(self, lookup: Lookup) -> Any:
        if lookup.function is not None:
            value = lookup.function(self)
        elif lookup.places:
            value = self._first(lookup)
        else:
            value = lookup.constant
        if lookup.mapped is None or value is None or value is MISSING:
            return value
        return lookup.mapped(text_of(value))

    def _first(self, lookup: Lookup) -> Any:
        """The value of the first place that has one."""
        exception = self.exception
        is_there = False
        for place in lookup.places:
            root = place.root
            if (root is RESULT and exception is not None) or (root is ERROR and exception is None):
                continue
            if lookup.is_explicit:
                value = self.at(place)
                if value is MISSING and place.steps:
                    parent = self.at(Place(root, place.steps[:-1]))
                    raise LookupError(f"{type(parent).__name__} has no key, attribute or index {place.steps[-1]!r}")
                return value
            if root is RESULT and (is_there or self.result is None):
                continue
            value = self.at(place)
            if has_value(value) or (place.is_parameter and value is not None):
                return value
            is_there = is_there or (lookup.result_is_last and value is None and not place.is_parameter)
        return MISSING

    def at(self, place: Place) -> Any:
        """Read a place of the call, once; `MISSING` if the call has nothing there.

        Raises:
            BaseException: The exception that reading it raises, or raised at the first read.
        """
        places = self.places
        value = places.get(place, UNREAD)
        if value is UNREAD:
            root, steps = place
            if root is ARGUMENT and len(steps) == 1:
                return self.arguments[steps[0]]
            if not steps:
                return self.result if root is RESULT else self.exception
            of_result = root is RESULT and len(steps) == 1
            parent = self.result if of_result else self.at(Place(root, steps[:-1]))
            try:
                value = step_into(parent, steps[-1])
            except BaseException as error:
                if is_interruption(error):
                    raise
                value = _Raised(error)
            places[place] = value
        if type(value) is _Raised:
            raise value.error
        return value

    def of_result(self, step: str) -> Any:
        """A key or attribute of the result, read once; `MISSING` where there is none."""
        return self.at(Place(RESULT, (step,)))

    def now(self) -> float | None:
        """Unix seconds; None where the clock fails, which is counted."""
        try:
            return time()
        except Exception as error:
            if is_interruption(error):
                raise
            self.fault("clock", error)
            return None

    def label(self, name: str) -> Any:
        """The value of a field as a label: its text is read once, however many metrics have the label."""
        value = self(name)
        if type(value) in _HAVE_A_TEXT:
            return value
        try:
            if not isinstance(value, Enum):
                value = self._values[name] = text_of(value)
        except BaseException as error:
            if is_interruption(error):
                raise
            self.fault("label", error)
            value = self._values[name] = MISSING
        return value

    def put(self, name: str, value: object) -> None:
        """Give a field its value, whatever its source says."""
        self._values[name] = value

    def default(self, name: str, value: object) -> None:
        """Give a field a value if its source has none."""
        current = self(name)
        if (current is None or current is MISSING) and self._values[name] is not _FAILED:
            self._values[name] = value

    def source_fault(self, error: Exception) -> None:
        """Count an error of a function that the user gave to read something from the call."""
        self.fault("source", error)

    def fault(self, stage: str, error: BaseException) -> None:
        """Count an error of this site."""
        self.is_faulty = True
        self.metrics.fault(self.site.name, stage, error, strategy=self._strategy())

    def _strategy(self) -> str | None:
        """The strategy for a log record: a constant, or what was read already."""
        lookup = self.site.compiled.lookups.get("strategy")
        value = self._values.get("strategy", None if lookup is None or not lookup.is_constant else lookup.constant)
        return value if type(value) is str else None


class _Raised:
    """Stands at a place that could not be read."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


def raised_at(error: BaseException) -> object:
    """Return the mark of a place whose reading raised `error`."""
    return _Raised(error)
