"""The largest number of messages in any window since the last scrape: a scrape alone would hide a burst."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

from tradmetrics.catalogue import MESSAGE_WINDOWS

MOST_MESSAGES: Final = 65_536
"""Messages that a window counts exactly; a burst of more reads as this many."""
BATCH: Final = 256
"""Messages that are gathered before they are counted."""
ONE_SCRAPE: Final = 1.0
"""Scrapes within this many seconds count as one: two Prometheus servers, or somebody who reads along."""

_SECONDS: Final[Mapping[str, float]] = {window: float(window.removesuffix("s")) for window in MESSAGE_WINDOWS}


class Window:
    """The most messages within any window of a length.

    Args:
        seconds: The window's length; a message that is exactly this old has left it.
    """

    __slots__ = ("_seconds", "_times", "peak")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._times: deque[float] = deque(maxlen=MOST_MESSAGES)
        self.peak = 0

    def add(self, batch: Iterable[float]) -> None:
        """Count messages. One that is dated before the last counts with it; long before, a new run has begun."""
        times, seconds, peak = self._times, self._seconds, self.peak
        for at in batch:
            if times and at < times[-1]:
                if at <= times[-1] - seconds:
                    times.clear()
                else:
                    at = times[-1]
            times.append(at)
            oldest = at - seconds
            # A number so large that a second makes no difference to it, such as one in nanoseconds, is its own oldest.
            while times[0] <= oldest and times[0] < at:
                times.popleft()
            if len(times) > peak:
                peak = len(times)
        self.peak = peak


class MessageRate:
    """The busiest windows since the last scrape, one of each length for each clock: local and the events' own.

    Messages are gathered and counted in batches, so that sending one costs no more than noting its time.
    """

    __slots__ = ("_gathered", "_reported", "_scraped", "_windows")

    def __init__(self) -> None:
        self._gathered: tuple[list[float], list[float]] = ([], [])
        self._windows = tuple([(name, Window(seconds)) for name, seconds in _SECONDS.items()] for _ in self._gathered)
        self._reported: dict[str, int] = _nothing()
        self._scraped = float("-inf")

    def add(self, at: float, timed: bool) -> None:
        """Count a message.

        Args:
            at: When it was sent, in seconds.
            timed: True when that is the event's own time.
        """
        gathered = self._gathered[timed]
        gathered.append(at)
        if len(gathered) >= BATCH:
            self._count()

    def scrape(self, now: float) -> Mapping[str, int]:
        """The largest number of messages in any window that a message since the last scrape has closed.

        Args:
            now: Seconds of the local clock.
        """
        self._count()
        if not 0 <= now - self._scraped < ONE_SCRAPE:
            self._scraped = now
            self._reported = _nothing()
        for windows in self._windows:
            for name, window in windows:
                self._reported[name] = max(self._reported[name], window.peak)
                window.peak = 0
        return self._reported

    def _count(self) -> None:
        for gathered, windows in zip(self._gathered, self._windows, strict=True):
            for _, window in windows:
                window.add(gathered)
            gathered.clear()


def _nothing() -> dict[str, int]:
    return {window: 0 for window in MESSAGE_WINDOWS}  # noqa: C420 - fromkeys would make its keys a type of their own
