"""Simulated time: a queue of actions, run in order as time advances."""

import heapq
import itertools
from collections.abc import Callable


class SimulatedClock:
    """The seconds since the session began, and the calls that are due.

    Actions that are due at the same moment run in the order they were scheduled in, so that a session is the same
    whether it advances in large steps or small ones.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._order = itertools.count()
        self._queue: list[tuple[float, int, Callable[[], object]]] = []

    def now(self) -> float:
        """The simulated time, in seconds."""
        return self._now

    def later(self, delay: float, action: Callable[[], object]) -> None:
        """Run `action` once, `delay` simulated seconds from now."""
        heapq.heappush(self._queue, (self._now + delay, next(self._order), action))

    def every(self, interval: float, action: Callable[[], object], *, first: float | None = None) -> None:
        """Run `action` every `interval` simulated seconds, the first time after `first` (default: one interval)."""

        def run() -> None:
            action()
            self.later(interval, run)

        self.later(interval if first is None else first, run)

    def advance(self, until: float) -> None:
        """Run everything that is due up to the time `until`, and arrive there."""
        while self._queue and self._queue[0][0] <= until:
            self._now, _, action = heapq.heappop(self._queue)
            action()
        self._now = max(self._now, until)
