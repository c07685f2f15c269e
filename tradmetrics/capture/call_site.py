"""The engine: what one decorated function records, by the plain rules, and what it remembers of that.

A decorator builds a `Recipe`; `instrument` compiles the label sources for the function that it is put on, and wraps it.
The shell calls the function once. The usual call it records from the memory that stands here; every other call it hands
to the careful way of its `CallSite`, which reads the fields, looks the series up, and remembers them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from time import perf_counter
from types import CellType
from typing import Any, Final

from tradmetrics.capture.argument_keys import argument_key
from tradmetrics.capture.call_context import UNREAD, CallContext, raised_at
from tradmetrics.capture.lookups import Compiled, Place
from tradmetrics.capture.memory import Leaf, leaf_of, points_to
from tradmetrics.capture.plan import ASKED, SAFE, PlannedSample, planned
from tradmetrics.capture.recipe import RAISED, RETURNED, AfterCall, Recipe
from tradmetrics.capture.repeating import FastWay, fast_way
from tradmetrics.capture.shell_code import PlaceRead
from tradmetrics.capture.straight import straight_way
from tradmetrics.capture.unsourced import note_unsourced
from tradmetrics.cardinality import LabelBudget
from tradmetrics.errors import TradmetricsError, is_interruption
from tradmetrics.model.missing import MISSING
from tradmetrics.model.text import text_of
from tradmetrics.registry.default import get_metrics
from tradmetrics.registry.metrics import NO_METRICS, TradingMetrics, apply
from tradmetrics.storage.label_cache import Budgets, LabelCache
from tradmetrics.storage.label_keys import is_safe
from tradmetrics.storage.retired import creating
from tradmetrics.storage.series import Series
from tradmetrics.vocabulary.numbers import amount_of

# The attributes of an exception that raising it again would change.
_KEPT: Final = [
    vars(BaseException)[name] for name in ("__traceback__", "__context__", "__cause__", "__suppress_context__")
]


class CallSite:
    """One decorated function: its recipe compiled for its parameters, bound to a metrics object at its first call.

    Attributes:
        recipe: The recipe of its samples.
        compiled: Where it reads that from.
        name: `module.qualname` of the function.
        function: The decorated function.
        precreation: Creates its series before its first call, if the user asked for it.
        metrics: The metrics object that it recorded to last.
        fast: Which of its calls are repeated from memory; None where none is.
        straight: The places that a shell reads for work that it does straight; None where it does none.
        memory: The work for each call that was seen, by its key; in a cell, for the shell.
        read_by_shell: The places that a shell may have read when it hands a call over, in the order of their values.
    """

    __slots__ = (
        "__weakref__", "_fixed", "_is_bound", "_plans", "_positions", "_unsourced", "compiled", "fast", "function",
        "memory", "metrics", "name", "precreation", "read_by_shell", "recipe", "straight",
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
        self.read_by_shell: tuple[PlaceRead, ...] = ()
        self._fixed = metrics
        self._is_bound = False
        self._plans: dict[str, tuple[PlannedSample, ...]] = {}
        labels = {name for rule in recipe.rules for name in rule.definition.label_names}
        repeats = recipe.effect is None and recipe.enter is None
        self.fast: FastWay | None = fast_way(compiled, labels, recipe.repeat) if repeats else None
        self.straight = straight_way(compiled, recipe.straight)
        self.memory = CellType(LabelCache[Leaf]())
        self._positions: dict[str, int] = {}
        self._unsourced: set[str] = set()

    # ── to which metrics object ─────────────────────────────────────────────────────────────────────────────────

    def bind(self) -> None:
        """Follow the metrics: at the first call, and after `configure(force=True)`."""
        metrics = get_metrics() if self._fixed is None else self._fixed
        with creating.held():
            self.metrics = metrics
            self.memory.cell_contents = self._cache(metrics)
            self._is_bound = True
        metrics.add_site(self)

    def unbind(self) -> None:
        """Forget all series, and look for the metrics object at the next call."""
        self._is_bound = False
        self.memory.cell_contents = LabelCache()

    def forget_series(self, name: str, gone: list[Series]) -> None:
        """Forget series of the metric `name` that were removed; all others stay remembered."""
        recipe = self.recipe
        if any(rule.definition.name == name for rule in recipe.rules) or any(each.name == name for each in recipe.also):
            self.memory.cell_contents.forget(points_to(gone))

    def _cache(self, metrics: TradingMetrics) -> LabelCache[Leaf]:
        """A memory that knows where the open labels stand in a key.

        The constant ones come after the key, and are counted from its end.
        """
        self._positions = {}
        fast = self.fast
        if fast is None or not metrics.enabled:
            return LabelCache()
        budgets: dict[str, LabelBudget] = {}
        for rule in self.recipe.rules:
            for name, budget in zip(rule.definition.label_names, metrics.budgets(rule.definition), strict=True):
                if budget is not None:
                    budgets.setdefault(name, budget)
        lookups = self.compiled.lookups
        constants = [
            name for name in budgets if name not in fast.fields and name in lookups and lookups[name].is_constant
        ]
        for name in budgets:
            if name in fast.fields:
                self._positions[name] = fast.fields.index(name)
            elif name in constants:
                self._positions[name] = constants.index(name) - len(constants)
        opens = [(self._positions[name], (budget,)) for name, budget in budgets.items() if name in self._positions]
        return LabelCache(opens, [text_of(lookups[name].constant) for name in constants])

    # ── the ways in ─────────────────────────────────────────────────────────────────────────────────────────────

    def enter(self) -> Any:
        """Start a call, from a shell; the shell hands the answer back afterwards: the time, or more for some."""
        try:
            started = perf_counter()
        except Exception as error:
            started = self.clock_failed(error)
        if self.recipe.enter is None:
            return started
        entered = None
        try:
            if not self._is_bound:
                self.bind()
            if self.metrics.enabled:
                entered = self.recipe.enter(self)
        except BaseException as error:
            try:  # noqa: SIM105 - no stack may be left for contextlib.suppress
                self._contain(error)
            except RecursionError:
                pass
        return started, entered

    def clock_failed(self, error: Exception) -> float:
        """Count a clock that failed before the call; the call goes on without a duration."""
        if is_interruption(error):
            raise error
        self.fault("clock", error)
        return math.nan

    def finished(
        self,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any] | None,
        result: Any,
        exception: BaseException | None,
        token: Any,
    ) -> None:
        """Record one finished call the careful way. Never raises, unless the metrics object is `strict`.

        Args:
            args: Its positional arguments; or the values of all parameters, when `kwargs` is None.
            kwargs: Its keyword arguments, or None.
            result: The returned value.
            exception: The exception that it raised, or None.
            token: The value that `enter` returned.
        """
        try:
            if exception is None:
                self._plain_rules(args, kwargs, result, None, token, {})
            elif kwargs is None or not self._never_began(args, kwargs, exception):
                self._raised(args, kwargs, exception, token, {})
        except BaseException as error:
            try:  # noqa: SIM105 - no stack may be left for contextlib.suppress
                self._contain(error)
            except RecursionError:
                pass

    def careful(
        self, args: tuple[Any, ...], result: Any, token: Any, seeds: tuple[Any, ...], failed: BaseException | None
    ) -> None:
        """Record one call that returned, and that a generated shell does not know.

        Args:
            args: The values of all parameters.
            result: The returned value.
            token: When it began.
            seeds: The values that the shell has read, in the order of `read_by_shell`.
            failed: The exception that a read of the shell raised, or None.
        """
        try:
            places: dict[Place, Any] = {}
            if failed is not None and is_interruption(failed):
                raise failed
            # A missing field is looked up in other ways; an error from the object's own code is final.
            traceback = None if failed is None else failed.__traceback__
            failed_at = 0 if traceback is None or traceback.tb_next is None else traceback.tb_lineno
            for (place, line), value in zip(self.read_by_shell, seeds, strict=True):
                if value is not UNREAD:
                    places[place] = value
                elif failed is not None and line == failed_at:
                    places[place] = raised_at(failed)
            self._plain_rules(args, None, result, None, token, places)
        except BaseException as error:
            try:  # noqa: SIM105 - no stack may be left for contextlib.suppress
                self._contain(error)
            except RecursionError:
                pass  # the call went well with the last of the stack, and none is left to count this with

    def raised(self, args: tuple[Any, ...], exception: BaseException, token: Any) -> None:
        """Record one call that raised, of a generated shell.

        Args:
            args: The values of all parameters.
            exception: The exception that it raised.
            token: When it began.
        """
        places: dict[Place, Any] = {}
        fast = self.fast
        leaf: Leaf | None = None
        try:
            if fast is not None and fast.repeat.exceptions is not None:
                what = fast.repeat.exceptions(exception)
                key = None if what is None else argument_key(fast, self.compiled.names, args, places)
                if key is not None:
                    key = (*key, what)
                    memory = self.memory.cell_contents
                    leaf = memory.get(key) or memory.find(key)
        except BaseException as error:
            try:
                if is_interruption(error):
                    raise
            except RecursionError:
                return
        try:
            if leaf is None:
                self._raised(args, None, exception, token, places)
                return
            counter, more = leaf
            for _ in counter:
                break
            if more is not None:
                more(token, None)
        except BaseException as error:
            try:  # noqa: SIM105 - no stack may be left for contextlib.suppress
                self._contain(error)
            except RecursionError:
                pass

    def contain(self, error: BaseException) -> None:
        """Count an error of ours that came while a call was repeated; raise any other."""
        try:  # noqa: SIM105 - no stack may be left for contextlib.suppress
            self._contain(error)
        except RecursionError:
            pass

    # ── the careful way ─────────────────────────────────────────────────────────────────────────────────────────

    def _never_began(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], exception: BaseException) -> bool:
        """Whether Python refused a call for its arguments, so that the function never ran."""
        if type(exception) is not TypeError:
            return False
        traceback = exception.__traceback__
        if traceback is None or traceback.tb_next is not None:
            return False  # raised in code that ran
        try:
            self.compiled.bind(args, kwargs)
        except TypeError:
            return True
        return False

    def _raised(
        self,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any] | None,
        exception: BaseException,
        token: Any,
        places: dict[Place, Any],
    ) -> None:
        """Record one call that raised. A source may raise the exception again: that leaves no trace on it."""
        before = [each.__get__(exception) for each in _KEPT]
        try:
            self._plain_rules(args, kwargs, None, exception, token, places)
        except BaseException as error:
            if isinstance(error, TradmetricsError) and self.metrics.strict:
                raise error from exception  # so that what the function raised stays in sight
            try:  # noqa: SIM105 - no stack may be left for contextlib.suppress
                self._contain(error)
            except RecursionError:
                pass
        finally:
            for each, value in zip(_KEPT, before, strict=True):
                if each.__get__(exception) is not value:
                    each.__set__(exception, value)

    def _contain(self, error: BaseException) -> None:
        """Count an error of ours; raise one that is not, and one that `strict` metrics raise."""
        if is_interruption(error):
            raise error
        strict = self.metrics.strict
        if strict and isinstance(error, TradmetricsError):
            raise error
        try:
            self.metrics.fault(self.name, "record", error)
        except Exception as problem:
            if strict or is_interruption(problem):
                raise

    def fault(self, stage: str, error: BaseException) -> None:
        """Count an error outside of recording a call."""
        try:
            if not self._is_bound:
                self.bind()
            self.metrics.fault(self.name, stage, error)
        except BaseException as problem:
            self._contain(problem)

    def _plain_rules(
        self,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any] | None,
        result: Any,
        exception: BaseException | None,
        token: Any,
        places: dict[Place, Any],
    ) -> None:
        if not self._is_bound:
            self.bind()
        metrics = self.metrics
        if not metrics.enabled:
            return
        memory, removals = self.memory.cell_contents, metrics.removals
        recipe = self.recipe
        started, entered = token if type(token) is tuple else (token, None)
        seconds = 0.0 if started is None else self.since(started)
        call = CallContext(self, args, kwargs, result, exception, seconds, entered, places)
        try:
            outcome = recipe.outcome(call)
        except BaseException as error:
            if is_interruption(error) or isinstance(error, TradmetricsError):
                raise
            # The samples without an outcome are still recorded.
            call.fault("source", error)
            outcome = RETURNED if exception is None else RAISED
        lines = self._plans.get(outcome)
        if lines is None:
            lines = self._plans[outcome] = planned(recipe, outcome)
        serieses: list[Series | None] = []
        kept = SAFE
        for line in lines:
            series = None
            try:
                # The amount first: a series begins with its first sample.
                amount = 1.0 if line.by_tick else self._amount(line, call)
                if amount is not None:
                    series, found = line.series(call)
                    kept = min(kept, found)
                    if line.by_tick:
                        series.tick()
                    else:
                        apply(line.definition, series, amount)
            except BaseException as error:
                self._contain(error)
                kept = ASKED
            serieses.append(series)
        note_unsourced(call, lines, self._unsourced)
        if recipe.effect is not None:
            recipe.effect(call)
        prepared: AfterCall | None = None
        if exception is None and recipe.after_call is not None:
            prepared = recipe.after_call(call)
        if self.fast is not None and kept != ASKED and not call.is_faulty:
            self._remember(self.fast, call, lines, serieses, prepared, memory, removals)
        if prepared is not None:
            prepared(call)

    def _remember(
        self,
        fast: FastWay,
        call: CallContext,
        lines: tuple[PlannedSample, ...],
        serieses: list[Series | None],
        prepared: AfterCall | None,
        memory: LabelCache[Leaf],
        removals: int,
    ) -> None:
        """Repeat next time what was done for a call, where nothing else of a call decides."""
        key = fast.key_of(call)
        if key is not None:
            fast.learn(call)
        leaf = None if key is None else leaf_of(self, lines, serieses, prepared)
        if key is None or leaf is None or not is_safe(key if call.exception is None else key[:-1]):
            return
        opens: Budgets | None = None
        if any(line.is_spilled(series) for line, series in zip(lines, serieses, strict=True)):
            if prepared is not None:
                return
            found: dict[int, tuple[LabelBudget, ...]] = {}
            for line in lines:
                for name, budget in zip(line.names, self.metrics.budgets(line.definition), strict=True):
                    if budget is None:
                        continue
                    position = self._positions.get(name)
                    if position is None:
                        return
                    found[position] = (*found.get(position, ()), budget)
            opens = tuple(found.items())
        memory.keep(key, leaf, opens)
        if self.metrics.removals != removals:  # a series may have been removed between finding and keeping it
            memory.drop(key)

    def _amount(self, line: PlannedSample, call: CallContext) -> float | None:
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

    def clock(self) -> Callable[[], float]:
        """The clock that calls are timed by."""
        return perf_counter

    def since(self, started: float) -> float:
        """Seconds since `started`; not a number where the clock failed then, which is counted already, or fails now."""
        try:
            return perf_counter() - started if started == started else started
        except Exception as error:
            if is_interruption(error):
                raise
            self.metrics.fault(self.name, "clock", error)
            return math.nan
