"""Run slow work of an event loop on a few threads, and once for all callers that need the same result."""

from __future__ import annotations

import asyncio
import sys
import weakref
from collections.abc import Callable, Hashable
from typing import Any, Final, Generic, TypeVar

from tradmetrics.errors import TradmetricsError

T = TypeVar("T")

THREADS_OF_A_LANE: Final = 1
"""Threads of a loop that may be busy with one lane at a time. A bot's own calls of `asyncio.to_thread` share the loop's
threads, and there may be no more than five."""


class LoopWork(Generic[T]):
    """Does work on threads, once for all who ask for the same while it is waited for or being done.

    Works on asyncio and on trio.
    """

    def __init__(self) -> None:
        self._loops: weakref.WeakKeyDictionary[Any, _Loop[T]] = weakref.WeakKeyDictionary()

    async def do(self, key: Hashable, lane: str, work: Callable[[], T]) -> T:
        """Return `work()`, or what others on this loop are getting under the same key.

        Args:
            key: Names the result.
            lane: Work of one lane is done one piece at a time, in the order of the calls.
            work: Gets it, on a thread.

        Raises:
            TradmetricsError: When the code runs on another event loop than asyncio's or trio's.
            Exception: What `work` raised.
        """
        loop: Any
        try:
            loop = asyncio.get_running_loop()
            kind: Callable[[], _Loop[T]] = _AsyncioLoop
        except RuntimeError:
            loop = _trio_run()
            kind = _TrioLoop
        own = self._loops.get(loop)
        if own is None:
            own = self._loops[loop] = kind()
        return await own.do(key, lane, work)


def _trio_run() -> Any:
    """An object that lives as long as the running loop of trio."""
    trio = sys.modules.get("trio")
    if trio is not None:
        try:
            return trio.lowlevel.current_root_task()
        except RuntimeError:
            pass
    raise TradmetricsError("the metrics application needs an event loop of asyncio or trio, and neither runs here")


class _Loop(Generic[T]):
    """The work of one loop."""

    async def do(self, key: Hashable, lane: str, work: Callable[[], T]) -> T:
        raise NotImplementedError


class _AsyncioLoop(_Loop[T]):
    def __init__(self) -> None:
        self._flights: dict[Hashable, asyncio.Task[T]] = {}
        self._lanes: dict[str, asyncio.Semaphore] = {}

    async def do(self, key: Hashable, lane: str, work: Callable[[], T]) -> T:
        flight = self._flights.get(key)
        if flight is None:
            threads = self._lanes.setdefault(lane, asyncio.Semaphore(THREADS_OF_A_LANE))
            flight = self._flights[key] = asyncio.create_task(self._run(threads, work))
            flight.add_done_callback(lambda done: self._flights.pop(key))
        # A caller that gives up waiting leaves the result to the others.
        return await asyncio.shield(flight)

    async def _run(self, threads: asyncio.Semaphore, work: Callable[[], T]) -> T:
        async with threads:
            return await asyncio.to_thread(work)


class _TrioLoop(_Loop[T]):
    def __init__(self) -> None:
        self._flights: dict[Hashable, _TrioFlight[T]] = {}
        self._lanes: dict[str, Any] = {}

    async def do(self, key: Hashable, lane: str, work: Callable[[], T]) -> T:
        trio: Any = sys.modules["trio"]
        while (flight := self._flights.get(key)) is not None:
            await flight.landed.wait()
            if flight.results:
                return flight.results[0]
            # The task that did the work was cancelled, or the work raised: this one does it itself.
        limiter = self._lanes.get(lane)
        if limiter is None:
            limiter = self._lanes[lane] = trio.CapacityLimiter(THREADS_OF_A_LANE)
        flight = self._flights[key] = _TrioFlight(trio.Event())
        try:
            result: T = await trio.to_thread.run_sync(work, limiter=limiter)
            flight.results.append(result)
            return result
        finally:
            del self._flights[key]
            flight.landed.set()


class _TrioFlight(Generic[T]):
    def __init__(self, landed: Any) -> None:
        self.landed = landed
        self.results: list[T] = []
