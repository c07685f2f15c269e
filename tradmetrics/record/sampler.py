"""`Sampler`: calls snapshot functions every few seconds, on threads or on an event loop."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from tradmetrics import catalogue
from tradmetrics.capture.questions import signature_of
from tradmetrics.capture.recording import metrics_or_default
from tradmetrics.capture.wrapping import name_of
from tradmetrics.errors import ConfigurationError, DecorationError, TradmetricsError
from tradmetrics.registry.metrics import TradingMetrics, checked

if TYPE_CHECKING:
    import asyncio

    from typing_extensions import Self

F = TypeVar("F", bound=Callable[[], Any])


class Sampler:
    """Calls functions every `interval` seconds, such as those decorated with `track_positions` or `track_capital`.

    Each function has a schedule of its own that does not drift: it is due at whole multiples of the interval after the
    start. One that takes longer than the interval skips what it missed and never runs twice at once, one that raises is
    counted in `tradmetrics_instrumentation_errors_total` and called again next time, and neither holds up the others.

    `tradmetrics_sampler_last_success_timestamp_seconds` tells when each function last returned, and is 0 until it first
    does. It stops where a function hangs or raises each time, while its gauges keep their last values.

    Example:
        ```python
        from tradmetrics import Sampler, track_capital

        sampler = Sampler(interval=5.0)


        @sampler.add
        @track_capital
        def account():
            return {"total": 500_000.0, "used": 120_000.0}


        with sampler:
            ...  # trade
        ```

    On an event loop (`async with sampler:`) coroutine functions are awaited. Other functions run on the loop itself,
    which waits for them: one that asks a broker is better a coroutine function, or sampled on a thread.

    Args:
        interval: Seconds between calls of a function.
        metrics: The metrics object that counts errors and times; by default the process's.

    Raises:
        ConfigurationError: When the interval is not above zero.
    """

    def __init__(self, interval: float = 5.0, *, metrics: TradingMetrics | None = None) -> None:
        if isinstance(interval, bool) or not isinstance(interval, int | float) or not 0 < interval < math.inf:
            raise ConfigurationError(f"Sampler: interval is seconds above zero, not {interval!r}")
        self.interval = float(interval)
        self._metrics = checked(metrics, "Sampler")
        self._functions: list[Callable[[], Any]] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._stopping.set()  # until it is started
        self._threads: list[threading.Thread] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, function: F) -> F:
        """Add a function without parameters; also while running. Returns it, so that this can be a decorator.

        Args:
            function: A function, or in `async with` also a coroutine function.

        Raises:
            DecorationError: When it cannot be called, or not without arguments.
        """
        if not callable(function) or not _takes_nothing(function):
            raise DecorationError(f"Sampler.add takes a function without parameters, not {function!r:.80}")
        with self._lock:
            self._functions.append(function)
            if not self._stopping.is_set():
                self._start_thread(function)
            elif self._loop is not None:
                self._tasks.append(self._loop.create_task(self._run_on_loop(function)))
        return function

    def start(self) -> Self:
        """Start one daemon thread for each function, which calls it at once and then every interval.

        Coroutine functions are run to their end on the thread. Starting twice changes nothing.
        """
        with self._lock:
            if self._stopping.is_set():
                self._stopping = threading.Event()
                for function in self._functions:
                    self._start_thread(function)
        return self

    def stop(self, timeout: float = 5.0) -> bool:
        """Stop calling the functions.

        Args:
            timeout: How many seconds to wait for calls under way.

        Returns:
            Whether all of them have ended.
        """
        with self._lock:
            self._stopping.set()
            threads, self._threads = self._threads, []
        ends = time.monotonic() + timeout
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, ends - time.monotonic()))
        return not any(thread.is_alive() for thread in threads if thread is not threading.current_thread())

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        """Call the functions from tasks on the running loop: plain ones there too, so they may touch its state."""
        import asyncio

        self._loop = asyncio.get_running_loop()
        self._tasks = [self._loop.create_task(self._run_on_loop(function)) for function in self._functions]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        import asyncio

        tasks, self._tasks, self._loop = self._tasks, [], None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start_thread(self, function: Callable[[], Any]) -> None:
        self._show(function, 0.0)
        thread = threading.Thread(
            target=self._run_on_thread,
            args=(function, self._stopping),
            name=f"tradmetrics sampler {_name(function)}",
            daemon=True,
        )
        self._threads.append(thread)
        thread.start()

    def _run_on_thread(self, function: Callable[[], Any], stopping: threading.Event) -> None:
        started = time.monotonic()
        due = started
        while not stopping.wait(max(0.0, due - time.monotonic())):
            try:
                result = function()
                if isinstance(result, Awaitable):
                    import asyncio

                    asyncio.run(_awaited(result))
            except Exception as error:
                self._failed(function, error)
            else:
                self._show(function, time.time())
            due = self._next_due(started, due)

    async def _run_on_loop(self, function: Callable[[], Any]) -> None:
        import asyncio

        self._show(function, 0.0)
        started = due = time.monotonic()
        # Until the block is left, also for a function that swallows its cancellation.
        while self._loop is not None:
            try:
                result = function()
                if isinstance(result, Awaitable):
                    await result
            except Exception as error:
                self._failed(function, error)
            else:
                self._show(function, time.time())
            due = self._next_due(started, due)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _next_due(self, started: float, due: float) -> float:
        """The next whole multiple of the interval after `started`; missed ones are skipped."""
        # Never the one that was just due, although a wait may end a moment early.
        done = max((time.monotonic() - started) / self.interval, round((due - started) / self.interval))
        return started + (math.floor(done) + 1) * self.interval

    def _show(self, function: Callable[[], Any], last_success: float) -> None:
        """Set when a function last returned; 0 before its first call, so that one that hangs at once shows too."""
        name = _name(function)
        with suppress(TradmetricsError):  # as below
            metrics = metrics_or_default(self._metrics, name)
            metrics.record(catalogue.SAMPLER_LAST_SUCCESS, (name,), last_success, site=name)

    def _failed(self, function: Callable[[], Any], error: Exception) -> None:
        # A strict metrics object raises, and there is no caller here to raise to; the sampler goes on.
        with suppress(TradmetricsError):
            metrics_or_default(self._metrics, _name(function)).fault(_name(function), "source", error)


def _takes_nothing(function: Callable[..., object]) -> bool:
    try:
        signature = signature_of(function)
    except Exception:  # a builtin that does not say what it takes, or a proxy whose own attributes raise
        return True
    try:
        signature.bind()
    except TypeError:
        return False
    return True


def _name(function: Callable[[], Any]) -> str:
    try:
        return name_of(function)
    except Exception:
        return type(function).__name__


async def _awaited(awaitable: Awaitable[Any]) -> None:
    await awaitable
