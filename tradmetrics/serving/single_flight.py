"""Work that event loops leave to threads, so much at a time that threads remain for others."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

THREADS: Final = 2
"""Threads of a loop that may be busy with it at one time. A bot's own calls of `asyncio.to_thread` share the loop's
threads, and there may be no more than five."""


class LoopWork(Generic[T]):
    """Does work on threads, once for all who ask for the same while it is waited for or being done."""

    def __init__(self) -> None:
        self._lanes: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Lane[T]] = weakref.WeakKeyDictionary()

    async def do(self, key: Hashable, work: Callable[[], T]) -> T:
        """Return `work()`, or what others on this loop are getting under the same key.

        Args:
            key: What is asked for.
            work: Gets it, on a thread.

        Raises:
            Exception: What `work` raised.
        """
        lane = self._lanes.setdefault(asyncio.get_running_loop(), _Lane())
        flight = lane.flights.get(key)
        if flight is None:
            flight = lane.flights[key] = asyncio.create_task(lane.run(work))
            flight.add_done_callback(lambda done: lane.flights.pop(key))
        # Whoever gives up waiting leaves the others theirs.
        return await asyncio.shield(flight)


class _Lane(Generic[T]):
    """The work of one loop."""

    def __init__(self) -> None:
        self.flights: dict[Hashable, asyncio.Task[T]] = {}
        self._threads = asyncio.Semaphore(THREADS)

    async def run(self, work: Callable[[], T]) -> T:
        async with self._threads:
            return await asyncio.to_thread(work)
