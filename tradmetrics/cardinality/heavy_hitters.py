"""Which values keep coming, in a stream of any length and variety, told in constant memory."""

from __future__ import annotations

from typing import Final

SIZE: Final = 128
"""Values counted at a time. One that makes up more than 1/129 of the stream is never lost sight of."""


class HeavyHitters:
    """Counts of the values that recur most: never too high, and too low by at most the stream's length ÷ 129.

    J. Misra and D. Gries, "Finding repeated elements", Science of Computer Programming 2 (1982): a value without a
    counter, when all counters are taken, lowers every one of them by one. A flood of values that come once each
    leaves nothing behind.

    Takes no lock. Threads that count at the same time may lose a count or two, which a sketch can bear.
    """

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, value: str) -> int:
        """Count one more `value`, and return how often it has been seen, at least."""
        counts = self._counts
        count = counts.get(value, 0) + 1
        if count == 1 and len(counts) >= SIZE:
            self._counts = {each: times - 1 for each, times in counts.copy().items() if times > 1}
            return 0
        counts[value] = count
        return count

    def count(self, value: str) -> int:
        """How often `value` has been seen, at least."""
        return self._counts.get(value, 0)

    def drop(self, value: str) -> None:
        """Forget `value`."""
        self._counts.pop(value, None)
