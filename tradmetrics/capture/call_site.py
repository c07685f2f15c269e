"""The site of a decorated function: what it records, to which metrics object, and the ways in from its shell.

A decorator builds a `Recipe`; `decorate` compiles the label sources for the function that it is put on, and wraps it.
The shell calls the function once. It records the usual call from the site's memory (`remembered_calls`), and hands
every other call to the site, which records it the careful way (`careful_way`). No error of this code reaches the call.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

from tradmetrics.capture.argument_keys import argument_key
from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.careful_way import CarefulWay
from tradmetrics.capture.lookups import Compiled, Place
from tradmetrics.capture.memory import Leaf
from tradmetrics.capture.raised import never_began, put_back, traces_of
from tradmetrics.capture.recipe import Recipe
from tradmetrics.capture.remembered_calls import RememberedCalls
from tradmetrics.capture.shell_code import PlaceRead, places_read
from tradmetrics.capture.straight import straight_way
from tradmetrics.errors import TradmetricsError, is_interruption
from tradmetrics.registry.default import get_metrics
from tradmetrics.registry.functions import FOLLOWING
from tradmetrics.registry.metrics import NO_METRICS, TradingMetrics
from tradmetrics.storage.retired import creating
from tradmetrics.storage.series import Series


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
        known: Whether it has been called, and how often.
        straight: The places that a shell reads for work that it does straight; None where it does none.
        remembered: The work for each call that was seen.
        memory: The same by its key, in a cell, for the shell.
        read_by_shell: The places that a shell may have read when it hands a call over.
    """

    __slots__ = (
        "__weakref__", "_careful_way", "_fixed", "_is_bound", "compiled", "fast", "function", "known", "memory",
        "metrics", "name", "precreation", "read_by_shell", "recipe", "remembered", "straight",
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
        self.known = (FOLLOWING if metrics is None else metrics.functions).add(name, recipe.decorator)
        self._is_bound = False
        self._careful_way = CarefulWay(recipe)
        self.remembered = RememberedCalls(recipe, compiled)
        self.fast = self.remembered.fast
        self.memory = self.remembered.cell
        self.straight = straight_way(compiled, recipe.straight)

    # ── to which metrics object ─────────────────────────────────────────────────────────────────────────────────

    def bind(self) -> None:
        """Follow the metrics: at the first call, and after `configure(force=True)`."""
        metrics = get_metrics() if self._fixed is None else self._fixed
        with creating.held():
            self.metrics = metrics
            self.remembered.start(metrics)
            self._is_bound = True
        self.known.is_called = True
        metrics.add_site(self)

    def unbind(self) -> None:
        """Forget all series, and look for the metrics object at the next call."""
        self._is_bound = False
        self.remembered.clear()

    def forget_series(self, name: str, gone: list[Series]) -> None:
        """Forget series of the metric `name` that were removed; all others stay remembered."""
        self.remembered.forget_series(name, gone)

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
            elif kwargs is None or not never_began(self.compiled, args, kwargs, exception):
                self._raised(args, kwargs, exception, token, {})
        except BaseException as error:
            try:  # noqa: SIM105 - no stack may be left for contextlib.suppress
                self._contain(error)
            except RecursionError:
                pass

    def careful(
        self, args: tuple[Any, ...], result: Any, token: Any, read: Mapping[str, Any], failed: BaseException | None
    ) -> None:
        """Record one call that returned, and that a generated shell does not know.

        Args:
            args: The values of all parameters.
            result: The returned value.
            token: When it began.
            read: The shell's variables, those of `read_by_shell` among them as far as they were read.
            failed: The exception that a read of the shell raised, or None.
        """
        try:
            if failed is not None and is_interruption(failed):
                raise failed
            self._plain_rules(args, None, result, None, token, places_read(self.read_by_shell, read, failed))
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
                    leaf = memory[key]
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

    def _raised(
        self,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any] | None,
        exception: BaseException,
        token: Any,
        places: dict[Place, Any],
    ) -> None:
        """Record one call that raised. A source may raise the exception again: that leaves no trace on it."""
        before = traces_of(exception)
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
            put_back(exception, before)

    def _contain(self, error: BaseException) -> None:
        """Count an error of ours; raise one that is not, and one that `strict` metrics raise."""
        if is_interruption(error) or (isinstance(error, TradmetricsError) and self.metrics.strict):
            raise error
        try:
            self.metrics.fault(self.name, "record", error)
        except Exception as problem:
            if self.metrics.strict or is_interruption(problem):
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
        if not self.metrics.enabled:
            return
        started, entered = token if type(token) is tuple else (token, None)
        seconds = 0.0 if started is None else self.since(started)
        self._careful_way.record(self, CallContext(self, args, kwargs, result, exception, seconds, entered, places))

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
