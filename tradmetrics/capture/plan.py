"""What a decorated function records at one outcome, and the series that the labels it has seen led to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias, Union

from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.extractors import Compiled
from tradmetrics.capture.recipe import AfterCall, Recipe, Rule
from tradmetrics.storage.label_cache import LabelCache
from tradmetrics.storage.label_keys import is_safe
from tradmetrics.storage.series import Series

CachedCall: TypeAlias = tuple[list[Union[Series, None]], Union[AfterCall, None]]
"""What was done for a key: the series of each line, where it recorded, and the rest."""

# Whether the next call with the same raw labels has to ask for the series; may go where this one spilled to, if none
# of its values has a place; or may go to the series at once.
ASKED: Final = 0
SPILLED: Final = 1
SAFE: Final = 2


class PlannedSample:
    """One rule of a site."""

    __slots__ = ("amount", "by_seconds", "by_tick", "definition", "dialect", "names")

    def __init__(self, rule: Rule, dialect: str | None) -> None:
        definition = rule.definition
        self.definition = definition
        self.dialect = dialect
        self.names = definition.label_names
        self.amount = rule.value
        self.by_tick = definition.kind == "counter" and rule.value == 1.0
        self.by_seconds = definition.kind == "histogram" and rule.value == "seconds"

    def series(self, reading: CallContext) -> tuple[Series, int]:
        """The series for a call's labels, and what of it may be remembered."""
        raw = tuple([reading.label(name) for name in self.names])
        site = reading.site
        resolved = reading.metrics.resolve(self.definition, raw, site=site.name, dialect=self.dialect)
        if resolved.problems or not is_safe(raw):
            return resolved.series, ASKED
        return resolved.series, SPILLED if resolved.collapsed else SAFE


class Plan:
    """What a site records at one outcome, and what it did for the labels it has seen."""

    __slots__ = ("entries", "extract", "late", "lines", "names", "spill")

    def __init__(self, recipe: Recipe, compiled: Compiled, outcome: str) -> None:
        rules = tuple(rule for rule in recipe.rules if rule.when is None or outcome in rule.when)
        self.lines = tuple(PlannedSample(rule, recipe.dialect) for rule in rules)
        names = {name for line in self.lines for name in line.names}
        self.extract = compiled.extractor(names)
        self.late = tuple(sorted(filter(compiled.only_from_result, names)))
        self.names = (*compiled.varying(names), *self.late)  # what a key holds, in its order
        self.entries: dict[Any, CachedCall] = {}
        self.spill: LabelCache[CachedCall] | None = None

    def key(self, reading: CallContext, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """What decides the labels of a call, or None where that cannot be told at a glance, or not be compared."""
        extract, late = self.extract, self.late
        if extract is None or reading.exception is not None:
            return None
        try:
            key = extract(*args, **kwargs)
        except Exception:
            return None  # reading the fields one by one says which it was
        if not late or key is None:
            return key
        if len(late) == 1:
            value = reading(late[0])
            return (*key, value) if type(value) is str or is_safe((value,)) else None
        values = tuple([reading(name) for name in late])
        return (*key, *values) if is_safe(values) else None
