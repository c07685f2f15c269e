"""The common part of all timers: a timing for each `with`, and the chain of timings of a thread or task."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextvars import ContextVar
from time import perf_counter
from types import TracebackType
from typing import Any, ClassVar, Final, Generic, ParamSpec, TypeVar

from tradmetrics.capture.context_variables import put
from tradmetrics.errors import TradmetricsError
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.registry.default import default, get_metrics
from tradmetrics.registry.metrics import NO_METRICS, TradingMetrics, checked

P = ParamSpec("P")
R = TypeVar("R")


class Timing:
    """One run of a timer."""

    __slots__ = ("_outer", "_started", "_stopped", "_timer")

    # Set by the timer, not by an `__init__`, which would take longer.
    _timer: Timer[Any] | None
    """None once the block has ended."""
    _outer: Timing | None
    """The timing around this one, where timings of one context are nested; else None."""
    _started: float
    """Not a number where the clock failed."""
    _stopped: float | None
    """None while it runs, `_DISCARDED` from `discard` to the end of the block, then the time it ended."""

    @property
    def seconds(self) -> float:
        """Seconds so far, or in all when the block has ended; not a number where the clock failed."""
        stopped = self._stopped
        return (_now() if stopped is None or stopped == _DISCARDED else stopped) - self._started

    def discard(self) -> None:
        """Record nothing for this run."""
        if self._stopped is None:
            self._stopped = _DISCARDED


_DISCARDED: Final = math.inf


def _now() -> float:
    try:
        return perf_counter()
    except Exception:
        return math.nan


T = TypeVar("T", bound=Timing)

# Where every chain of timings ends. It is shared and never changed.
_CHAIN_END: Final = Timing()
_CHAIN_END._timer = _CHAIN_END._outer = None
_CHAIN_END._started = _CHAIN_END._stopped = math.nan

# Of the timings of timers that several blocks were in at a time, the one that this thread or task entered last; each
# links to the one around it. It stays here when its block has ended, until the next one begins.
_innermost: Final[ContextVar[Timing]] = ContextVar("tradmetrics_timing", default=_CHAIN_END)


class Timer(Generic[T]):
    """The common part of the timers: entering, leaving, and decorating."""

    __slots__ = ("_metrics", "_running")

    _timing: ClassVar[type[Timing]] = Timing
    _running: list[Timing]
    """Of all threads and tasks. The first needs no telling apart, and hardly ever is there another."""

    def __init__(self, metrics: TradingMetrics | None) -> None:
        self._metrics = checked(metrics, type(self).__name__)
        self._running = []

    def _record(self, metrics: TradingMetrics, timing: T, seconds: float, error: BaseException | None) -> None:
        """Record one run that was not discarded."""
        raise NotImplementedError

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]:
        """Time every call of `function`."""
        raise NotImplementedError

    def __enter__(self) -> T:
        timing = self._timing()
        timing._timer = self
        timing._outer = timing._stopped = None
        running = self._running
        running.append(timing)
        if running[0] is not timing:
            _tell_apart(timing)
        try:
            timing._started = perf_counter()
        except Exception:
            timing._started = timing._stopped = math.nan  # counted when the block ends
        return timing  # type: ignore[return-value]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        stopped = _now()
        metrics = self._metrics or default.metrics or NO_METRICS
        try:
            timing = self._take()
            if metrics is NO_METRICS:
                metrics = get_metrics()
            if timing is None:
                raise RuntimeError("this block was left but not entered in this thread or task")
            discarded = timing._stopped == _DISCARDED
            timing._stopped = stopped
            if not discarded and metrics.enabled:
                self._record(metrics, timing, stopped - timing._started, error)  # type: ignore[arg-type]
        except Exception as problem:
            if metrics.strict and isinstance(problem, TradmetricsError):
                raise
            metrics.fault(self._site(), "record", problem)

    async def __aenter__(self) -> T:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def _site(self) -> str:
        return f"tradmetrics.{type(self).__name__}"

    def _observe(
        self, metrics: TradingMetrics, definition: MetricDefinition, raw: tuple[object, ...], seconds: float
    ) -> None:
        if math.isnan(seconds):
            metrics.fault(self._site(), "clock", RuntimeError("the clock failed, or gave no number"))
            return
        # The tuple is only ever looked up when it holds exact strings: 1 and True would be equal keys.
        if all(type(value) is str for value in raw):
            series = metrics.remembered.get((definition.name, *raw))
            if series is not None:
                series.observe(seconds)
                return
        metrics.remember(definition, raw, site=self._site()).observe(seconds)

    def _take(self) -> Timing | None:
        """End the innermost timing of this thread or task; timers may end in another order than they began in."""
        running = self._running
        timing = running[0] if len(running) == 1 else None
        if timing is None or timing._outer is not None:
            timing = _taken_from_context(self) or next((each for each in running if each._outer is None), None)
        if timing is not None:
            timing._timer = None
            running.remove(timing)
        return timing


def _tell_apart(timing: Timing) -> None:
    """Let the current thread or task know which timing of a timer is its own."""
    outer = _innermost.get()
    while outer._timer is None and outer._outer is not None:
        outer = outer._outer
    timing._outer = outer
    put(_innermost, timing)


def _taken_from_context(timer: Timer[Any]) -> Timing | None:
    """Take the innermost timing of a timer out of the current context's chain."""
    inner: Timing | None = None
    timing = _innermost.get()
    while timing._outer is not None:
        if timing._timer is timer:
            if inner is not None:
                inner._outer = timing._outer
            return timing
        inner, timing = timing, timing._outer
    return None
