"""Exemplars of an order's samples: labels of the call that reported an event, beside the samples of that event."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Final, TypeAlias

from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.exemplars import CallExemplar
from tradmetrics.model.definition import MetricDefinition

Attach: TypeAlias = Callable[[MetricDefinition, tuple[str, ...], float], object]
"""Shows the call beside a sample, given the metric, the label values and the recorded number."""

attaching: Final[ContextVar[Attach | None]] = ContextVar("tradmetrics exemplar", default=None)
"""How the samples that the current call reports get an exemplar; None where nobody asked for one."""


def with_exemplars(effect: Callable[[CallContext], None]) -> Callable[[CallContext], None]:
    """Give the samples of the events of a function decorated with `exemplar=` the exemplar of its call."""

    def attached(call: CallContext) -> None:
        before = attaching.set(partial(_attach, call, call.site.recipe.exemplar))
        try:
            effect(call)
        finally:
            attaching.reset(before)

    return attached


def _attach(
    call: CallContext, exemplar: CallExemplar, definition: MetricDefinition, labels: tuple[str, ...], amount: float
) -> None:
    exemplar.attach(call, definition, call.metrics.instrument(definition).resolve(labels), amount)
