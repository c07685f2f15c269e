"""The careful way of recording a call: read its fields, decide its outcome, and record the samples of that outcome."""

from __future__ import annotations

from typing import Any, Protocol

from tradmetrics.capture import memory
from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.plan import ASKED, SAFE, PlannedSample, kept, planned
from tradmetrics.capture.recipe import RAISED, RETURNED, AfterCall, Recipe
from tradmetrics.capture.remembered_calls import RememberedCalls
from tradmetrics.capture.unsourced import note_unsourced
from tradmetrics.errors import TradmetricsError, is_interruption
from tradmetrics.model.missing import MISSING
from tradmetrics.registry.samples import apply
from tradmetrics.storage.series import Series
from tradmetrics.vocabulary.numbers import amount_of


class RecordedSite(memory.RepeatingSite, Protocol):
    """The part of a decorated function that recording its calls needs."""

    remembered: RememberedCalls


class CarefulWay:
    """The samples of one decorated function by the rules of its recipe, planned at the first call of each outcome.

    Args:
        recipe: The recipe.
    """

    __slots__ = ("_plans", "_recipe", "_unsourced")

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._plans: dict[str, tuple[PlannedSample, ...]] = {}
        self._unsourced: set[str] = set()

    def record(self, site: RecordedSite, call: CallContext) -> None:
        """Record a call, and remember how, so that the next one like it is repeated from memory.

        Args:
            site: The decorated function.
            call: The call.
        """
        remembered = site.remembered
        known, removals = remembered.cell.cell_contents, call.metrics.removals
        recipe, exception = self._recipe, call.exception
        lines = self._planned(call)
        serieses: list[Series | None] = []
        memorable = SAFE
        for line in lines:
            series = None
            try:
                # The amount first: a series begins with its first sample.
                amount = 1.0 if line.by_tick else _amount(line, call)
                if amount is not None:
                    resolved = line.resolve(call)
                    series = resolved.series
                    memorable = min(memorable, kept(resolved))
                    if line.by_tick:
                        series.tick()
                    else:
                        apply(line.definition, series, amount)
                    if recipe.exemplar is not None:
                        recipe.exemplar.attach(call, line.definition, resolved, amount)
            except BaseException as error:
                site.contain(error)
                memorable = ASKED
            serieses.append(series)
        note_unsourced(call, (name for line in lines for name in line.names), self._unsourced)
        if recipe.effect is not None:
            recipe.effect(call)
        after_call: AfterCall | None = None
        if exception is None and recipe.after_call is not None:
            after_call = recipe.after_call(call)
        if remembered.fast is not None and memorable != ASKED and not call.is_faulty:
            remembered.keep(site, call, lines, serieses, after_call, known, removals)
        if after_call is not None:
            after_call(call)

    def _planned(self, call: CallContext) -> tuple[PlannedSample, ...]:
        """The samples of the call's outcome."""
        try:
            outcome = self._recipe.outcome(call)
        except BaseException as error:
            if is_interruption(error) or isinstance(error, TradmetricsError):
                raise
            # The samples without an outcome are still recorded.
            call.fault("source", error)
            outcome = RETURNED if call.exception is None else RAISED
        lines = self._plans.get(outcome)
        if lines is None:
            lines = self._plans[outcome] = planned(self._recipe, outcome)
        return lines


def _amount(line: PlannedSample, call: CallContext) -> float | None:
    value: Any = line.amount
    if isinstance(value, str):
        value = call(value)
        if value is None or value is MISSING or (value is call.seconds and value != value):
            return None
    try:
        return amount_of(value, line.definition.kind)
    except BaseException as error:
        if is_interruption(error):
            raise
        call.fault("value", error)
        return None
