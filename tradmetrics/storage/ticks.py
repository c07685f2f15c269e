"""Counting one in a single C call, which no thread, signal handler or finaliser interrupts halfway.

The iterator of a `range` counts as fast as an `itertools.count`, takes less memory, and is read in a fifth of the time:
a count is read by its `repr` only, and an iterator of a range by how much is left of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

MOST: Final = 2**62
"""Never reached: a thousand million a second would take a century."""


def new_ticks() -> Iterator[int]:
    """Return an iterator; advancing it counts one."""
    return iter(range(MOST))


TICKS: Final = type(new_ticks())
ticks_left: Final[Callable[[Iterator[int]], int]] = TICKS.__length_hint__  # type: ignore[attr-defined]
"""Read an iterator without advancing it, in one C call: `MOST` less what it has counted."""


def ticks_of(iterator: Iterator[int]) -> int:
    """How often an iterator was advanced."""
    return MOST - ticks_left(iterator)
