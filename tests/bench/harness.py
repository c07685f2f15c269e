"""Timing code so that a noisy machine cannot mislead: statements take turns, and medians are compared.

Each statement is compiled into a loop of its own, so that the loop's cost is the same small constant for all. In each
round a statement runs right beside its bare call and what it is compared with: a slow spell of the machine hits the
three alike, and the median of the rounds' ratios stays true. The clock is the thread's own processor time: what other
programs take is not counted.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from time import thread_time
from typing import Any


@dataclass(frozen=True)
class Statement:
    """A Python statement to time.

    Attributes:
        name: What results are filed under.
        code: The statement, run in a namespace of its own.
        names: That namespace.
        asynchronous: Whether the statement awaits.
    """

    name: str
    code: str
    names: Mapping[str, Any] = field(default_factory=dict)
    asynchronous: bool = False

    def loop(self) -> Callable[[int], float]:
        """Compile a function that runs the statement n times and returns the processor seconds that took."""
        namespace = {**self.names, "_clock": thread_time}
        prefix = "async " if self.asynchronous else ""
        source = (
            f"{prefix}def run(n):\n"
            f"    _started = _clock()\n"
            f"    for _ in range(n):\n"
            f"        {self.code}\n"
            f"    return _clock() - _started\n"
        )
        exec(compile(source, f"<bench {self.name}>", "exec"), namespace)
        run: Callable[[int], Any] = namespace["run"]
        if not self.asynchronous:
            return run
        import asyncio

        return lambda n: asyncio.run(run(n))


@dataclass(frozen=True)
class Timing:
    """What one statement took beside another, over the rounds.

    Attributes:
        median: Median nanoseconds for each run of it.
        overhead: Median nanoseconds less those of the bare call of the same round.
        low: The lower quartile of the overhead.
        high: The upper quartile of the overhead.
        reference: Median nanoseconds of the reference, less its own bare call where it has one.
        ratio: Median, over the rounds, of the overhead to the reference.
    """

    median: float
    overhead: float
    low: float
    high: float
    reference: float
    ratio: float


@dataclass(frozen=True)
class Comparison:
    """A statement beside its bare call and its reference, which are timed right before and after it.

    Attributes:
        own: The statement.
        reference: What it is compared with.
        bare: The same call undecorated.
        reference_bare: The reference's call without what it measures.
    """

    own: Statement
    reference: Statement
    bare: Statement | None = None
    reference_bare: Statement | None = None


def measure(
    comparisons: list[Comparison],
    *,
    rounds: int,
    seconds: float = 0.01,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Timing]:
    """Time every comparison, taking turns.

    Args:
        comparisons: What to time.
        rounds: How many turns each has.
        seconds: About how long a statement runs in a turn.
        progress: Called after each round with the number of rounds done.
    """
    loops = [
        [
            None if statement is None else _Loop(statement, seconds)
            for statement in (each.own, each.bare, each.reference, each.reference_bare)
        ]
        for each in comparisons
    ]
    samples: list[list[tuple[float, ...]]] = [[] for _ in comparisons]
    for done in range(1, rounds + 1):
        for found, four in zip(samples, loops, strict=True):
            found.append(tuple(0.0 if loop is None else loop.nanoseconds() for loop in four))
        progress(done)
    return [_timing(found) for found in samples]


class _Loop:
    """A compiled statement that runs for about as long each time."""

    def __init__(self, statement: Statement, seconds: float) -> None:
        self._loop = statement.loop()
        self._loop(50)
        self._repeats = max(20, int(seconds / max(self._loop(200) / 200, 1e-9)))

    def nanoseconds(self) -> float:
        """Nanoseconds for each run, this time."""
        return self._loop(self._repeats) / self._repeats * 1e9


def _timing(found: list[tuple[float, ...]]) -> Timing:
    overheads = [own - bare for own, bare, _, _ in found]
    references = [reference - bare for _, _, reference, bare in found]
    return Timing(
        statistics.median(sample[0] for sample in found),
        statistics.median(overheads),
        *quartiles(overheads),
        statistics.median(references),
        statistics.median(own / theirs for own, theirs in zip(overheads, references, strict=True)),
    )


def quartiles(values: Iterable[float]) -> tuple[float, float]:
    """The lower and the upper quartile, each one of the values."""
    ordered = sorted(values)
    return ordered[len(ordered) // 4], ordered[3 * len(ordered) // 4]
