"""The samples that a decorated function records at one outcome."""

from __future__ import annotations

from typing import Final

from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.recipe import Recipe, Rule
from tradmetrics.registry.instrument import Resolved
from tradmetrics.storage.overflow import OverflowSeries
from tradmetrics.storage.series import Series

# Whether the next call with the same raw labels has to ask for the series; may go where this one spilled to, if none
# of its values has a place; or may go to the series at once.
ASKED: Final = 0
SPILLED: Final = 1
SAFE: Final = 2


class PlannedSample:
    """One rule of a site."""

    __slots__ = ("amount", "by_tick", "definition", "dialect", "names")

    def __init__(self, rule: Rule, dialect: str | None) -> None:
        definition = rule.definition
        self.definition = definition
        self.dialect = dialect
        self.names = definition.label_names
        self.amount = rule.value
        self.by_tick = definition.kind == "counter" and rule.value == 1.0

    def resolve(self, call: CallContext) -> Resolved:
        """The series for a call's labels, and what became of these."""
        raw = tuple([call.label(name) for name in self.names])
        return call.metrics.resolve(self.definition, raw, site=call.site.name, dialect=self.dialect)

    def is_spilled(self, series: Series | None) -> bool:
        """Whether a label found no place."""
        return isinstance(series, OverflowSeries)


def kept(resolved: Resolved) -> int:
    """What of a resolved series may be remembered: `ASKED`, `SPILLED` or `SAFE`."""
    if resolved.problems:
        return ASKED
    return SPILLED if resolved.collapsed else SAFE


def planned(recipe: Recipe, outcome: str) -> tuple[PlannedSample, ...]:
    """Return the samples of an outcome."""
    rules = (rule for rule in recipe.rules if rule.when is None or outcome in rule.when)
    return tuple(PlannedSample(rule, recipe.dialect) for rule in rules)
