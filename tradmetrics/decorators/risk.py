"""`track_circuit_breaker`, its reset, and `track_risk_check`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, ParamSpec, TypeVar, overload

from tradmetrics import catalogue
from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.exemplars import ExemplarSource
from tradmetrics.capture.readers import Field
from tradmetrics.capture.recipe import Recipe, Rule
from tradmetrics.capture.sources import LabelSource
from tradmetrics.capture.wrapping import Decorator, decorate, suggest_keywords
from tradmetrics.errors import ConfigurationError
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.vocabulary.numbers import is_false
from tradmetrics.vocabulary.outcomes import ExceptionName, Names, is_one_of

P = ParamSpec("P")
R = TypeVar("R")

_DONE: Final = "done"
_NOT_DONE: Final = "not done"
_WHEN_DONE: Final = frozenset({_DONE})


def _done(reading: CallContext) -> str:
    return _NOT_DONE if reading.exception is not None or is_false(reading.result) else _DONE


_TRIP: Final = Recipe(
    "track_circuit_breaker",
    (Field("reason", from_result=True),),
    (
        Rule(catalogue.CIRCUIT_BREAKER_ACTIVE, when=_WHEN_DONE, value=1.0),
        Rule(catalogue.CIRCUIT_BREAKER_TRIGGERS, when=_WHEN_DONE),
    ),
    outcome=_done,
)
_RESET: Final = Recipe(
    "track_circuit_breaker_reset",
    (),
    (Rule(catalogue.CIRCUIT_BREAKER_ACTIVE, when=_WHEN_DONE, value=0.0),),
    outcome=_done,
)


@overload
def track_circuit_breaker(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def track_circuit_breaker(
    function: None = None,
    /,
    *,
    reason: LabelSource | None = None,
    precreate: bool = False,
    exemplar: ExemplarSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Decorator: ...
@suggest_keywords
def track_circuit_breaker(
    function: Callable[..., Any] | None = None,
    /,
    *,
    reason: LabelSource | None = None,
    precreate: bool = False,
    exemplar: ExemplarSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Any:
    """Record that a function trips the circuit breaker.

    When the function returns, anything but False, `trading_circuit_breaker_active` becomes 1 and
    `trading_circuit_breaker_triggers_total` counts. False says that it did not trip; an exception neither.

    Example:
        ```python
        from tradmetrics import track_circuit_breaker, track_circuit_breaker_reset


        @track_circuit_breaker
        def halt(reason): ...


        @track_circuit_breaker_reset
        def resume(): ...
        ```

    Args:
        function: The function, when the decorator is written without parentheses.
        reason: Source of the reason, one of a few words; by default the parameter of that name, else the result's
            attribute or key.
        precreate: True shows series at 0 before the first call, where all labels are known: constants, and parameters
            annotated with an Enum, a Literal or bool.
        exemplar: Source of labels that point at this very call, such as `arg("order.id")`, `current_span`, a mapping of
            label names to sources, or a function of the `Call`. The OpenMetrics exposition shows them with the samples.
        metrics: The metrics object to record to; by default the process's.

    Raises:
        LabelSourceError: When decorating, if a source names no parameter.
    """
    return decorate(function, _TRIP, {"reason": reason}, metrics, precreate, exemplar)


@overload
def track_circuit_breaker_reset(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def track_circuit_breaker_reset(function: None = None, /, *, metrics: TradingMetrics | None = None) -> Decorator: ...
@suggest_keywords
def track_circuit_breaker_reset(
    function: Callable[..., Any] | None = None, /, *, metrics: TradingMetrics | None = None
) -> Any:
    """Record that a function resets the circuit breaker: `trading_circuit_breaker_active` becomes 0.

    Nothing is recorded when the function returns False or raises.

    Args:
        function: The function, when the decorator is written without parentheses.
        metrics: The metrics object to record to; by default the process's.
    """
    return decorate(function, _RESET, {}, metrics)


@overload
def track_risk_check(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def track_risk_check(
    function: None = None,
    /,
    *,
    limit_type: LabelSource | None = None,
    breach: ExceptionName | Iterable[ExceptionName] = (),
    precreate: bool = False,
    exemplar: ExemplarSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Decorator: ...
@suggest_keywords
def track_risk_check(
    function: Callable[..., Any] | None = None,
    /,
    *,
    limit_type: LabelSource | None = None,
    breach: ExceptionName | Iterable[ExceptionName] = (),
    precreate: bool = False,
    exemplar: ExemplarSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Any:
    """Record the breaches that a risk check finds.

    A call that returns False, or raises an exception of `breach`, counts in `trading_risk_limit_breaches_total`. None
    does not count.

    Example:
        ```python
        from tradmetrics import track_risk_check


        @track_risk_check(limit_type="position_size")
        def size_allowed(quantity) -> bool:
            return quantity <= 100
        ```

    Args:
        function: The function, when the decorator is written without parentheses.
        limit_type: Source of the limit's kind, one of a few words; by default the parameter of that name.
        breach: Exceptions that mean a breach, also in a group: classes or class names, with or without their module.
        precreate: True shows series at 0 before the first call, where all labels are known: constants, and parameters
            annotated with an Enum, a Literal or bool.
        exemplar: Source of labels that point at this very call, such as `arg("order.id")`, `current_span`, a mapping of
            label names to sources, or a function of the `Call`. The OpenMetrics exposition shows them with the samples.
        metrics: The metrics object to record to; by default the process's.

    Raises:
        LabelSourceError: When decorating, if `limit_type` has no possible source, or a source names no parameter.
        ConfigurationError: When decorating, if `breach` is neither an exception class nor a name.
    """
    breaches = _breaches(breach)

    def outcome(reading: CallContext) -> str:
        if reading.exception is None:
            return _DONE if is_false(reading.result) else _NOT_DONE
        return _DONE if is_one_of(reading.exception, breaches) else _NOT_DONE

    recipe = Recipe(
        "track_risk_check",
        (Field("limit_type", required=True),),
        (Rule(catalogue.RISK_LIMIT_BREACHES, when=_WHEN_DONE),),
        outcome=outcome,
    )
    return decorate(function, recipe, {"limit_type": limit_type}, metrics, precreate, exemplar)


def _breaches(breach: ExceptionName | Iterable[ExceptionName]) -> Names:
    several = isinstance(breach, Iterable) and not isinstance(breach, str | type)
    given: tuple[Any, ...] = tuple(breach) if several else (breach,)  # type: ignore[arg-type]
    for each in given:
        if not (isinstance(each, str) and each) and not (isinstance(each, type) and issubclass(each, BaseException)):
            raise ConfigurationError(
                f"track_risk_check: breach is an exception class or its name, e.g. breach=LimitBreached, not {each!r}"
            )
    return frozenset(given)
