"""Timing code so that a noisy machine cannot mislead: statements take turns, and medians are compared.

Each statement is compiled into a loop of its own, so that the loop's cost is the same small constant for all. A round
runs every statement once; a slow spell of the machine then hits neighbours alike, and ratios stay true.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
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
        """Compile a function that runs the statement n times and returns the seconds that took."""
        namespace = {**self.names, "perf_counter": perf_counter}
        prefix = "async " if self.asynchronous else ""
        source = (
            f"{prefix}def run(n):\n"
            f"    started = perf_counter()\n"
            f"    for _ in range(n):\n"
            f"        {self.code}\n"
            f"    return perf_counter() - started\n"
        )
        exec(compile(source, f"<bench {self.name}>", "exec"), namespace)
        run: Callable[[int], Any] = namespace["run"]
        if not self.asynchronous:
            return run
        import asyncio

        return lambda n: asyncio.run(run(n))


@dataclass(frozen=True)
class Timing:
    """What one statement took, in nanoseconds for each run of it.

    Attributes:
        median: The median over the rounds.
        low: The lower quartile.
        high: The upper quartile.
    """

    median: float
    low: float
    high: float


def measure(
    statements: list[Statement],
    *,
    rounds: int,
    seconds: float = 0.02,
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, Timing]:
    """Time every statement, taking turns.

    Args:
        statements: What to time.
        rounds: How many turns each has.
        seconds: About how long a turn is.
        progress: Called after each round with the number of rounds done.

    Returns:
        Timings by the statements' names.
    """
    loops = {statement.name: statement.loop() for statement in statements}
    repeats = {}
    for name, loop in loops.items():
        loop(50)
        repeats[name] = max(20, int(seconds / max(loop(200) / 200, 1e-9)))
    samples: dict[str, list[float]] = {name: [] for name in loops}
    for done in range(1, rounds + 1):
        for name, loop in loops.items():
            samples[name].append(loop(repeats[name]) / repeats[name] * 1e9)
        progress(done)
    return {name: _timing(values) for name, values in samples.items()}


def _timing(values: list[float]) -> Timing:
    ordered = sorted(values)
    return Timing(statistics.median(ordered), ordered[len(ordered) // 4], ordered[(3 * len(ordered)) // 4])
