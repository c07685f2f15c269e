"""The busiest windows of messages in the last two minutes: a scrape alone would miss a burst.

Every reader gets the same answer at the same time, however many Prometheus servers there are: reading resets nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

from tradmetrics.catalogue import MESSAGE_WINDOWS

MOST_MESSAGES: Final = 65_536
"""Messages that a window counts exactly; a burst of more reads as this many."""
BATCH: Final = 256
"""Messages that are gathered before they are counted."""
SHOWN: Final = 120.0
"""Seconds for which a burst is shown, which is longer than usual scrape intervals."""

_SECONDS: Final[Mapping[str, float]] = {window: float(window.removesuffix("s")) for window in MESSAGE_WINDOWS}


class Window:
    """The most messages within any window of a length, for each second in which messages were sent.

    Args:
        seconds: The window's length; a message that is exactly this old has left it.
    """

    __slots__ = ("_peaks", "_seconds", "_times")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._times: deque[float] = deque(maxlen=MOST_MESSAGES)
        self._peaks: deque[tuple[float, int]] = deque()

    def add(self, batch: Iterable[tuple[float, float]]) -> None:
        """Count messages, each with its time and the local one.

        A message that is dated before the last counts with it; if it is dated long before, a new run has begun.
        """
        times, seconds, peaks = self._times, self._seconds, self._peaks
        for at, local in batch:
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
            # A smaller peak before a larger one can never be the largest again.
            while peaks and peaks[-1][1] <= len(times):
                peaks.pop()
            peaks.append((local, len(times)))

    def peak(self, now: float) -> int:
        """Return the largest number within the last `SHOWN` seconds of the local clock."""
        peaks = self._peaks
        while peaks and peaks[0][0] <= now - SHOWN:
            peaks.popleft()
        return peaks[0][1] if peaks else 0


class MessageRate:
    """The busiest windows of the last two minutes, one of each length for each clock: local and the events' own.

    Messages are gathered and counted in batches, so that sending one costs no more than noting its time.
    """

    __slots__ = ("_windows", "gathered", "timed")

    def __init__(self) -> None:
        self.gathered: list[float] = []
        """Local times of messages that are not counted yet."""
        self.timed: list[tuple[float, float]] = []
        self._windows = tuple([(name, Window(seconds)) for name, seconds in _SECONDS.items()] for _ in range(2))

    def add(self, at: float, timed: bool, now: float) -> None:
        """Count a message.

        Args:
            at: When it was sent, in seconds.
            timed: True when that is the event's own time.
            now: Seconds of the local clock.
        """
        if timed:
            self.timed.append((at, now))
        else:
            self.gathered.append(at)
        if len(self.gathered) >= BATCH or len(self.timed) >= BATCH:
            self.count()

    def scrape(self, now: float) -> Mapping[str, int]:
        """Return the largest number of messages in any window that a message of the last two minutes has closed.

        Args:
            now: Seconds of the local clock.
        """
        self.count()
        return {name: max(windows[i][1].peak(now) for windows in self._windows) for i, name in enumerate(_SECONDS)}

    def count(self) -> None:
        """Count the messages that were gathered."""
        local = [(at, at) for at in self.gathered]
        for batch, windows in ((local, self._windows[0]), (self.timed, self._windows[1])):
            for _, window in windows:
                window.add(batch)
        self.gathered.clear()
        self.timed.clear()
