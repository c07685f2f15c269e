"""The calls of a decorated function that are repeated from memory: by which key, and which of its labels are open."""

from __future__ import annotations

from types import CellType

from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.lookups import Compiled
from tradmetrics.capture.memory import Leaf, RepeatingSite, leaf_of, points_to
from tradmetrics.capture.plan import PlannedSample
from tradmetrics.capture.recipe import AfterCall, Recipe
from tradmetrics.capture.repeating import FastWay, fast_way
from tradmetrics.cardinality import LabelBudget
from tradmetrics.model.text import text_of
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.storage.exemplars import ExemplarCache
from tradmetrics.storage.label_cache import Budgets, LabelCache
from tradmetrics.storage.label_keys import is_safe
from tradmetrics.storage.series import Series


class RememberedCalls:
    """The work for each call that was seen, by what decides about it.

    Args:
        recipe: The recipe of the function's samples.
        compiled: Where the function's calls have its fields.

    Attributes:
        fast: Which of the calls are repeated; None where none is.
        cell: The memory, a `LabelCache` from keys to work; in a cell, so that the shell reads it without a detour.
    """

    __slots__ = ("_compiled", "_positions", "_recipe", "cell", "fast")

    def __init__(self, recipe: Recipe, compiled: Compiled) -> None:
        self._recipe = recipe
        self._compiled = compiled
        self._positions: dict[str, int] = {}
        labels = {name for rule in recipe.rules for name in rule.definition.label_names}
        repeats = recipe.effect is None and recipe.enter is None
        self.fast: FastWay | None = fast_way(compiled, labels, recipe.repeat) if repeats else None
        self.cell = CellType(LabelCache[Leaf]())

    def start(self, metrics: TradingMetrics) -> None:
        """Begin with an empty memory, for series of a metrics object."""
        self.cell.cell_contents = self._cache(metrics)

    def clear(self) -> None:
        """Forget all calls."""
        self.cell.cell_contents = LabelCache()

    def forget_series(self, name: str, gone: list[Series]) -> None:
        """Forget what leads to series of the metric `name` that were removed; all others stay remembered."""
        recipe = self._recipe
        if any(rule.definition.name == name for rule in recipe.rules) or any(each.name == name for each in recipe.also):
            self.cell.cell_contents.forget(points_to(gone))

    def _cache(self, metrics: TradingMetrics) -> LabelCache[Leaf]:
        """A memory that knows where the open labels stand in a key.

        The constant ones come after the key, and are counted from its end.
        """
        self._positions = {}
        fast = self.fast
        if fast is None or not metrics.enabled:
            return LabelCache()
        budgets: dict[str, LabelBudget] = {}
        for rule in self._recipe.rules:
            for name, budget in zip(rule.definition.label_names, metrics.budgets(rule.definition), strict=True):
                if budget is not None:
                    budgets.setdefault(name, budget)
        lookups = self._compiled.lookups
        constants = [
            name for name in budgets if name not in fast.fields and name in lookups and lookups[name].is_constant
        ]
        for name in budgets:
            if name in fast.fields:
                self._positions[name] = fast.fields.index(name)
            elif name in constants:
                self._positions[name] = constants.index(name) - len(constants)
        opens = [(self._positions[name], (budget,)) for name, budget in budgets.items() if name in self._positions]
        kind = LabelCache if self._recipe.exemplar is None else ExemplarCache
        return kind(opens, [text_of(lookups[name].constant) for name in constants])

    def keep(
        self,
        site: RepeatingSite,
        call: CallContext,
        lines: tuple[PlannedSample, ...],
        serieses: list[Series | None],
        after_call: AfterCall | None,
        memory: LabelCache[Leaf],
        removals: int,
    ) -> None:
        """Repeat next time what was done for a call, where nothing else of a call decides.

        Args:
            site: The decorated function.
            call: The call.
            lines: The samples that were recorded.
            serieses: Their series, None for a sample that was not recorded.
            after_call: The further work for such calls.
            memory: The memory when the call was recorded.
            removals: How often series had been removed by then.
        """
        fast = self.fast
        key = None if fast is None else fast.key_of(call)
        if fast is None or key is None:
            return
        fast.learn(call)
        leaf = leaf_of(site, lines, serieses, after_call)
        if leaf is None or not is_safe(key if call.exception is None else key[:-1]):
            return
        metrics = call.metrics
        opens: Budgets | None = None
        if any(line.is_spilled(series) for line, series in zip(lines, serieses, strict=True)):
            if after_call is not None:
                return
            found: dict[int, tuple[LabelBudget, ...]] = {}
            for line in lines:
                for name, budget in zip(line.names, metrics.budgets(line.definition), strict=True):
                    if budget is None:
                        continue
                    position = self._positions.get(name)
                    if position is None:
                        return
                    found[position] = (*found.get(position, ()), budget)
            opens = tuple(found.items())
        memory.keep(key, leaf, opens)
        if metrics.removals != removals:  # a series may have been removed between finding and keeping it
            memory.drop(key)
