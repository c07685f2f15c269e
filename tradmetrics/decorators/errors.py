"""`track_errors`: exceptions by component and severity."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, ParamSpec, TypeVar, overload

from tradmetrics import catalogue
from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.exemplars import ExemplarSource
from tradmetrics.capture.readers import Field
from tradmetrics.capture.recipe import Recipe, Rule
from tradmetrics.capture.recording import constant, metrics_or_default
from tradmetrics.capture.sources import LabelSource
from tradmetrics.capture.wrapping import decorate, suggest_keywords
from tradmetrics.errors import ConfigurationError, LabelSourceError, nearest
from tradmetrics.registry.metrics import TradingMetrics, checked
from tradmetrics.vocabulary import fold as vocabulary

P = ParamSpec("P")
R = TypeVar("R")

_SITE: Final = "tradmetrics.track_errors"
_FAILED: Final = "failed"
_FINE: Final = "fine"
_RECIPE: Final = Recipe(
    "track_errors",
    (Field("component", otherwise=lambda name: _place_of(name)), Field("severity")),
    (Rule(catalogue.SYSTEM_ERRORS, when=frozenset({_FAILED})),),
    outcome=lambda reading: _outcome(reading),
)


class ErrorTracking:
    """What `track_errors(...)` returns: a decorator, and a context manager around any block."""

    __slots__ = ("_component", "_exemplar", "_metrics", "_precreate", "_severity")

    def __init__(
        self,
        component: LabelSource | None,
        severity: LabelSource,
        precreate: bool,
        exemplar: ExemplarSource | None,
        metrics: TradingMetrics | None,
    ) -> None:
        self._component = component
        self._severity = severity
        self._precreate = precreate
        self._exemplar = exemplar
        self._metrics = checked(metrics, "track_errors")

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]:
        """Count the exceptions that `function` raises."""
        given = {"component": self._component, "severity": self._severity}
        return decorate(function, _RECIPE, given, self._metrics, self._precreate, self._exemplar)

    def __enter__(self) -> ErrorTracking:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            metrics = metrics_or_default(self._metrics, _SITE)
            if self._component is None:
                metrics.fault(_SITE, "source", LabelSourceError("write track_errors(component='…') around a block"))
            if self._exemplar is not None:
                metrics.fault(
                    _SITE,
                    "source",
                    LabelSourceError("exemplar= reads a call, and a `with` has none; leave it out there"),
                )
            labels = [constant(metrics, label, site=_SITE) for label in (self._component, self._severity)]
            metrics.record(catalogue.SYSTEM_ERRORS, tuple(labels), site=_SITE)

    async def __aenter__(self) -> ErrorTracking:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)


@overload
def track_errors(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def track_errors(
    function: None = None,
    /,
    *,
    component: LabelSource | None = None,
    severity: LabelSource = "error",
    precreate: bool = False,
    exemplar: ExemplarSource | None = None,
    metrics: TradingMetrics | None = None,
) -> ErrorTracking: ...
@suggest_keywords
def track_errors(
    function: Callable[..., Any] | None = None,
    /,
    *,
    component: LabelSource | None = None,
    severity: LabelSource = "error",
    precreate: bool = False,
    exemplar: ExemplarSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Any:
    """Count the exceptions of a function or a block in `trading_system_errors_total`, and let them through.

    Only `Exception` and its subclasses count: cancellations and `KeyboardInterrupt` do not.

    Example:
        ```python
        from tradmetrics import track_errors


        @track_errors(component="order_manager")
        def reconcile(): ...


        with track_errors(component="feed", severity="critical"):
            reconcile()
        ```

    Args:
        function: The function, when the decorator is written without parentheses.
        component: Source of the part of the system; by default the parameter of that name, else the function's module
            and class, such as `desk.Desk`. A constant in `with`.
        severity: `debug`, `info`, `warning`, `error` or `critical`, or a source of one.
        precreate: True shows series at 0 before the first call, where all labels are known: constants, and parameters
            annotated with an Enum, a Literal or bool. Only as a decorator.
        exemplar: Source of labels that point at this very call, such as `arg("order.id")`, `current_span`, a mapping of
            label names to sources, or a function of the `Call`. The OpenMetrics exposition shows them with the samples.
        metrics: The metrics object to record to; by default the process's.

    Raises:
        LabelSourceError: When decorating, if a source names no parameter.
        ConfigurationError: If `severity` is a text other than the five severities.
    """
    if isinstance(severity, str) and vocabulary.severity(severity) is None:
        raise ConfigurationError(
            f"track_errors: severity is one of {', '.join(catalogue.SEVERITIES)}, not {severity!r}"
            f"{nearest(severity, catalogue.SEVERITIES)}"
        )
    tracking = ErrorTracking(component, severity, precreate, exemplar, metrics)
    return tracking if function is None else tracking(function)


def _outcome(reading: CallContext) -> str:
    if not isinstance(reading.exception, Exception):
        return _FINE
    reading.default("component", _place_of(reading.site.name))
    return _FAILED


def _place_of(name: str) -> str:
    """The module and the class of a function: `desk.Desk` for `desk.Desk.rebalance`."""
    return name.rpartition(".")[0].replace(".<locals>", "")
