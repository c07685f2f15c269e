"""The engine: one frozen recipe of what to record, and one shell for each kind of callable.

A decorator builds a `Recipe`; `instrument` compiles the label sources for the function it is put on, and wraps it. Per
call, a shell takes the time, calls the function once, and hands the outcome to its `CallSite`, which looks the series
up by the raw label values and touches them. Whatever goes wrong in here is counted, and never reaches the caller.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any, Final, TypeAlias, Union

from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.extractors import Compiled
from tradmetrics.capture.plan import ASKED, SAFE, Plan, PlannedSample
from tradmetrics.capture.recipe import RAISED, RETURNED, AfterCall, Recipe
from tradmetrics.cardinality import LabelBudget
from tradmetrics.errors import TradmetricsError
from tradmetrics.model.missing import MISSING
from tradmetrics.model.text import text_of
from tradmetrics.registry.default import get_metrics
from tradmetrics.registry.metrics import NO_METRICS, TradingMetrics, apply
from tradmetrics.storage.label_cache import LabelCache, remember
from tradmetrics.storage.overflow import OverflowSeries
from tradmetrics.storage.retired import creating
from tradmetrics.storage.series import Series
from tradmetrics.vocabulary.numbers import amount_of

CachedCall: TypeAlias = tuple[
    tuple[Callable[[], object], ...], tuple[Callable[[float], object], ...], Union[AfterCall, None]
]
"""What to do for a call whose outcome needs no reading: series to tick, series that observe its seconds, the rest."""


# What of an exception raising it anew would change.
_KEPT: Final = [
    vars(BaseException)[name] for name in ("__traceback__", "__context__", "__cause__", "__suppress_context__")
]


def _since(site: CallSite, started: float) -> float:
    """Seconds since `started`; not a number where the clock failed then, which is counted already, or fails now."""
    try:
        return perf_counter() - started if started == started else started
    except Exception as error:
        site.metrics.fault(site.name, "clock", error)
        return math.nan


class CallSite:
    """One decorated function: its recipe compiled for its parameters, bound to a metrics object at its first call.

    Attributes:
        recipe: What it records.
        compiled: Where it reads that from.
        name: `module.qualname` of the function.
        function: What was decorated.
        precreation: Creates its series before its first call, where that was asked for.
        metrics: The metrics object that it recorded to last.
        enter: Called before the function.
    """

    __slots__ = (
        "_entries",
        "_extract",
        "_fixed",
        "_plans",
        "_token",
        "compiled",
        "enter",
        "function",
        "metrics",
        "name",
        "precreation",
        "recipe",
    )  # fmt: skip

    def __init__(
        self,
        recipe: Recipe,
        compiled: Compiled,
        metrics: TradingMetrics | None,
        name: str,
        function: Callable[..., Any] | None = None,
    ) -> None:
        self.recipe = recipe
        self.compiled = compiled
        self.name = name
        self.function = function
        self.precreation: object = None
        self.metrics: TradingMetrics = NO_METRICS
        self.enter: Callable[[], Any] = perf_counter if recipe.enter is None else self._enter
        self._fixed = metrics
        self._token: object = None
        self._plans: dict[str, Plan] = {}
        self._entries: dict[Any, CachedCall] = {}
        self._extract = self._extractor()

    def _extractor(self) -> Callable[..., Any] | None:
        """The extractor of a call that returned None, where nothing but its arguments says what to record."""
        recipe = self.recipe
        if recipe.outcome_if_none is None or recipe.effect is not None:
            return None
        rules = [rule for rule in recipe.rules if rule.when is None or recipe.outcome_if_none in rule.when]
        if not all(line.by_tick or line.by_seconds for line in (PlannedSample(rule, recipe.dialect) for rule in rules)):
            return None
        labels = {name for rule in rules for name in rule.definition.label_names}
        return self.compiled.extractor(labels, recipe.outcome_fields)

    def _enter(self) -> tuple[float, object]:
        try:
            started = perf_counter()
        except Exception as error:
            started = self.entering_failed(error)
        try:
            if self.metrics.token is not self._token:
                self.bind()
            entered = self.recipe.enter(self) if self.recipe.enter is not None and self.metrics.enabled else None
        except Exception as error:
            entered = None
            try:  # noqa: SIM105 - no stack may be left for contextlib.suppress
                self._failed(error)
            except RecursionError:
                pass
        return started, entered

    def entering_failed(self, error: Exception) -> float:
        """Count a clock that failed before the call; the call goes on without a duration."""
        try:  # noqa: SIM105 - as above
            self.fault("clock", error)
        except RecursionError:
            pass
        return math.nan

    def fault(self, stage: str, error: Exception) -> None:
        """Count an error outside of recording a call."""
        try:
            if self.metrics.token is not self._token:
                self.bind()
            self.metrics.fault(self.name, stage, error)
        except Exception as problem:
            self._failed(problem)

    def bind(self) -> None:
        """Follow the metrics: at the first call, after `configure(force=True)`, and when series were removed."""
        metrics = get_metrics() if self._fixed is None else self._fixed
        token = metrics.token
        # In this order: another thread must never put an old metrics object's series among the new entries, nor find
        # an old entry under the new token.
        with creating.held():
            self.metrics = metrics
            self._entries = {}
            self._plans = {}
            self._token = token

    def finished(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any, exception: BaseException | None, token: Any
    ) -> None:
        """Record one finished call. Never raises, unless the metrics object is `strict`."""
        try:
            if exception is not None:
                self._raised(args, kwargs, exception, token)
                return
            if self.metrics.token is not self._token:
                self.bind()
            if result is None and self._extract is not None:
                try:
                    ticks, observers, prepared = self._entries[self._extract(*args, **kwargs)]
                except Exception:
                    # Not seen before, or not safe to compare, or not readable: the long way finds out.
                    self._long_way(args, kwargs, None, None, token)
                    return
                for tick in ticks:
                    tick()
                if observers:
                    seconds = _since(self, token)
                    if seconds == seconds:  # a clock that failed gives what is unequal to itself
                        for observe in observers:
                            observe(seconds)
                if prepared is not None:
                    prepared(None)
                return
            self._long_way(args, kwargs, result, None, token)
        except Exception as error:
            try:  # noqa: SIM105 - as above
                self._failed(error)
            except RecursionError:
                pass  # the call went well with the last of the stack, and none is left to count this with

    def _raised(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], exception: BaseException, token: Any) -> None:
        """Record one call that raised. What a source does with the exception, such as raising it, leaves no trace."""
        before = [each.__get__(exception) for each in _KEPT]
        try:
            if self.metrics.token is not self._token:
                self.bind()
            self._long_way(args, kwargs, None, exception, token)
        except TradmetricsError as error:  # a strict metrics object's, in which what the function raised stays in sight
            raise error from exception
        finally:
            for each, value in zip(_KEPT, before, strict=True):
                if each.__get__(exception) is not value:
                    each.__set__(exception, value)

    def _failed(self, error: Exception) -> None:
        """Count what is left of an error: only `strict` metrics raise, also when no stack is left."""
        strict = self.metrics.strict
        if strict and isinstance(error, TradmetricsError):
            raise error
        try:
            self.metrics.fault(self.name, "record", error)
        except Exception:
            if strict:
                raise

    def _long_way(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any, exception: BaseException | None, token: Any
    ) -> None:
        plans, entries = self._plans, self._entries
        if not self.metrics.enabled:
            return
        recipe = self.recipe
        started, entered = token if type(token) is tuple else (token, None)
        reading = CallContext(self, args, kwargs, result, exception, _since(self, started), entered)
        try:
            outcome = recipe.outcome(reading)
        except TradmetricsError:
            raise
        except Exception as error:
            # What is recorded whatever the outcome still is.
            reading.fault("source", error)
            outcome = RETURNED if exception is None else RAISED
        plan = plans.get(outcome)
        if plan is None:
            plan = plans[outcome] = Plan(recipe, self.compiled, outcome)
        key = plan.key(reading, args, kwargs)
        entry = None if key is None else plan.entries.get(key)
        if entry is None and key is not None and plan.spill is not None:
            entry = plan.spill.find(key)
        serieses, prepared = entry or ([None] * len(plan.lines), None)
        kept = SAFE
        for position, line in enumerate(plan.lines):
            try:
                # The amount first: a series begins with its first sample.
                amount = 1.0 if line.by_tick else self._amount(line, reading)
                if amount is None:
                    continue
                series = serieses[position]
                if series is None:
                    series, found = line.series(reading)
                    kept = min(kept, found)
                    if found == SAFE or entry is None:
                        serieses[position] = series
                if line.by_tick:
                    series.tick()
                else:
                    apply(line.definition, series, amount)
            except Exception as error:
                self._failed(error)
                kept = ASKED
        if recipe.effect is not None:
            recipe.effect(reading)
        if exception is not None:
            return
        if entry is None:
            prepared = None if recipe.after_call is None else recipe.after_call(reading)
            if key is not None and kept == SAFE:
                remember(plan.entries, key, (serieses, prepared))
            elif key is not None and kept and prepared is None:
                if plan.spill is None:
                    plan.spill = self._spill(plan, plan.names)
                plan.spill.keep(key, (serieses, None), spilled=True)
            if (
                key is not None
                and kept
                and outcome == recipe.outcome_if_none
                and result is None
                and self._extract is not None
            ):
                self._remember_plain(plan, entries, _extracted(self._extract, args, kwargs), serieses, prepared)
        if prepared is not None:
            prepared(reading)

    def _remember_plain(
        self,
        plan: Plan,
        entries: dict[Any, CachedCall],
        key: Any,
        serieses: list[Series | None],
        prepared: AfterCall | None,
    ) -> None:
        ticks: list[Callable[[], object]] = []
        observers: list[Callable[[float], object]] = []
        spilled = False
        for line, series in zip(plan.lines, serieses, strict=True):
            if isinstance(series, OverflowSeries):
                spilled = True
                ticks.extend(series.counts)
                series = series.series
            if series is None or key is None:
                return
            if line.by_tick:
                ticks.append(series.tick)
            else:
                observers.append(series.observe)
        entry = (tuple(ticks), tuple(observers), prepared)
        if not spilled:
            remember(entries, key, entry)
        elif prepared is None:
            if isinstance(entries, LabelCache):
                spill = entries
            else:
                names = {name for line in plan.lines for name in line.names}
                spill = self._spill(plan, self.compiled.varying(names))
                spill.update(entries)
            spill.keep(key, entry, spilled=True)
            with creating.held():
                if self._entries is entries:
                    self._entries = spill

    def _spill(self, plan: Plan, names: Sequence[str]) -> LabelCache[Any]:
        """A memory of where those go that find no place, for keys that hold the values of these labels."""
        budgets: dict[str, list[LabelBudget]] = {}
        for line in plan.lines:
            for name, budget in zip(line.names, self.metrics.budgets(line.definition), strict=True):
                if budget is not None:
                    budgets.setdefault(name, []).append(budget)
        constant = [name for name in sorted(budgets.keys() - set(names)) if self.compiled.sources[name] is not None]
        positions = [(i, tuple(budgets[name])) for i, name in enumerate((*names, *constant)) if name in budgets]
        return LabelCache(positions, [text_of(self.compiled.sources[name]) for name in constant])

    def _amount(self, line: PlannedSample, reading: CallContext) -> float | None:
        value: Any = line.amount
        if isinstance(value, str):
            value = reading(value)
            if value is None or value is MISSING or (value is reading.seconds and value != value):
                return None
        try:
            return amount_of(value, line.definition.kind)
        except Exception as error:
            reading.fault("value", error)
            return None


def _extracted(extract: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    try:
        return extract(*args, **kwargs)
    except Exception:
        return None  # reading the fields one by one says which it was
