"""One finished call, as recipes see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from time import time
from typing import Any, Final, Protocol

from tradmetrics.capture.extractors import Compiled
from tradmetrics.capture.sources import Call
from tradmetrics.model.missing import MISSING, Missing
from tradmetrics.model.text import text_of
from tradmetrics.registry.metrics import TradingMetrics

_FAILED: Final = object()
_UNREAD: Final = object()
_HAVE_A_TEXT: Final = frozenset({str, int, float, bool, bytes, type(None), Missing})


class DecoratedFunction(Protocol):
    """What a call context needs to know of the decorated function."""

    name: str
    compiled: Compiled
    recipe: Any
    function: Callable[..., Any] | None
    metrics: TradingMetrics


class CallContext(Call):
    """One finished call, with its fields read on demand.

    Attributes:
        site: The decorated function.
        metrics: The metrics object it records to.
        entered: What the recipe's `enter` returned.
    """

    __slots__ = ("_args", "_bound", "_kwargs", "_values", "entered", "metrics", "site")

    def __init__(
        self,
        site: DecoratedFunction,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        result: Any,
        exception: BaseException | None,
        seconds: float,
        entered: Any = None,
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
        self._values: dict[str, Any] = {}

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The call's arguments by parameter name, defaults included; bound when somebody asks."""
        bound = self._bound
        if bound is None:
            compiled = self.site.compiled
            try:
                bound = compiled.bind(*self._args, **self._kwargs)
            except TypeError:
                bound = compiled.bind(*self._args, **compiled.known(self._kwargs))
            self._bound = bound
        return bound

    def __call__(self, name: str) -> Any:
        """The value of a field: `MISSING` where there is nothing to read, or where reading failed."""
        value = self._values.get(name, _UNREAD)
        if value is _UNREAD:
            if name == "seconds":
                return self.seconds
            try:
                value = self.site.compiled.readers[name](self)
            except Exception as error:
                self.fault("source", error)
                value = _FAILED
            self._values[name] = value
        return MISSING if value is _FAILED else value

    def now(self) -> float | None:
        """Unix seconds; None where the clock fails, which is counted."""
        try:
            return time()
        except Exception as error:
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
        except Exception as error:
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

    def fault(self, stage: str, error: Exception) -> None:
        """Count an error of this site."""
        self.metrics.fault(self.site.name, stage, error)
