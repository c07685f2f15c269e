"""Recipes: what a decorator records, and from where, as frozen data that the engine compiles for each function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias, Union

from tradmetrics.capture.call_context import CallContext, DecoratedFunction
from tradmetrics.capture.exemplars import CallExemplar
from tradmetrics.capture.readers import Field
from tradmetrics.capture.repeating import Repeat
from tradmetrics.capture.straight import Straight
from tradmetrics.model.definition import MetricDefinition

RAISED: Final = "raised"
RETURNED: Final = "returned"

AfterCall: TypeAlias = Callable[[Any], object]
"""The work of a recipe besides its rules, given the fields of the call, or None where nothing had to be read."""


class Rule(NamedTuple):
    """One sample of a recipe.

    Attributes:
        definition: The metric.
        when: The outcomes it is recorded at; None for all.
        value: A number, the name of a field, or `seconds` for the call's duration.
    """

    definition: MetricDefinition
    when: frozenset[str] | None = None
    value: Union[str, float] = 1.0


@dataclass(frozen=True)
class Recipe:
    """The samples that a decorator records, and their sources.

    Attributes:
        decorator: The decorator's name, for messages.
        fields: The labels and values it reads, which are its keywords.
        rules: The samples it records.
        outcome: Decides the outcome of a call; by default `returned` or `raised`.
        repeat: The fields that decide, beside the labels, what a call records; None: every call is looked at.
        effect: The further work for a call, given its reading.
        straight: The same for calls of known shape, without a reading.
        after_call: The further work for calls that returned: given the first reading of its labels, returns what to
            do then and at every call with these labels, or None.
        enter: Called with the site before the function runs; what it returns is the reading's `entered`.
        dialect: The broker whose spellings closed labels are read in.
        needs_result: Whether recording makes sense only where a call has a result, so that a generator is refused.
        spelled: How the outcome spells fields that are labels, where it changes them.
        also: Metrics that are recorded besides those of the rules.
        exemplar: The labels that point at a call, beside its samples; None where nobody asked for them.
    """

    decorator: str
    fields: tuple[Field, ...]
    rules: tuple[Rule, ...] = ()
    outcome: Callable[[CallContext], str] = lambda call: RETURNED if call.exception is None else RAISED
    repeat: Repeat | None = None
    effect: Callable[[CallContext], None] | None = None
    straight: Straight | None = None
    after_call: Callable[[CallContext], AfterCall | None] | None = None
    enter: Callable[[DecoratedFunction], object] | None = None
    dialect: str | None = None
    needs_result: bool = False
    spelled: Mapping[str, Callable[[object], object]] = field(default_factory=dict)
    also: tuple[MetricDefinition, ...] = ()
    exemplar: CallExemplar | None = None

    @property
    def amount_name(self) -> str:
        """The field of the amount of a call that is repeated."""
        return self.repeat.amount.field if self.repeat is not None and self.repeat.amount is not None else ""

    def is_from_result(self, name: str) -> bool:
        """Whether a field that is left out is looked up in the result."""
        return any(each.name == name and each.from_result for each in self.fields)
