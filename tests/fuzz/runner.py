"""Runs a target on inputs drawn by hypothesis, for a time or a number of examples, and tells what was tried."""

from __future__ import annotations

import random
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st

from tests.budget_kit import unlogged

_EXAMPLES_AT_A_TIME: Final = 50
"""Examples that are drawn without looking at the clock; each batch has a seed of its own."""


class Notes:
    """What an example had in it, by group; each of them counts once for an example."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, str]] = set()

    def __call__(self, group: str, *names: str) -> None:
        """Note that the example had these."""
        self.seen.update((group, name) for name in names)


@dataclass(frozen=True)
class Target:
    """Something to fuzz.

    Attributes:
        name: What it is called on the command line.
        strategy: Draws one input.
        check: Tries an input; raises AssertionError when a promise is broken.
        spell: Writes an input down, however hostile its objects are.
        inputs: What an input can have in it, by group.
    """

    name: str
    strategy: st.SearchStrategy[Any]
    check: Callable[[Any, Notes], None]
    spell: Callable[[Any], str]
    inputs: Mapping[str, Iterable[str]]


@dataclass
class Report:
    """What a run tried and found.

    Attributes:
        target: What was fuzzed.
        seed: What draws the same inputs again.
        examples: Inputs that were tried.
        seconds: How long that took.
        seen: In how many of them something was, by group and name.
        finding: What broke, and the smallest input that breaks it; None when nothing did.
    """

    target: Target
    seed: int
    examples: int = 0
    seconds: float = 0.0
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    finding: str | None = None

    def missing(self) -> list[str]:
        """What an input can have in it, and none had."""
        return [
            f"{group}: {name}"
            for group, names in self.target.inputs.items()
            for name in names
            if not self.seen[group, name]
        ]

    def __str__(self) -> str:
        rate = self.examples / self.seconds if self.seconds else 0.0
        lines = [
            f"{self.target.name}: {self.examples:,} examples in {self.seconds:.0f} s, {rate:.1f} a second, "
            f"seed {self.seed}"
        ]
        for group, names in self.target.inputs.items():
            shares = [f"{name} {self._share(group, name)}" for name in names]
            lines.append(f"  {group}: {', '.join(shares)}")
        missing = self.missing()
        total = sum(len(list(names)) for names in self.target.inputs.values())
        lines.append(f"  reached {total - len(missing)} of {total} kinds of input")
        if missing:
            lines.append(f"  NOT reached: {'; '.join(missing)}")
        if self.finding:
            lines.append(f"FOUND {self.finding}")
        return "\n".join(lines)

    def _share(self, group: str, name: str) -> str:
        percent = 100 * self.seen[group, name] / max(self.examples, 1)
        return f"{percent:.0f}%" if percent >= 1 or not percent else f"{percent:.1g}%"


def fuzz(
    target: Target,
    *,
    seconds: float = float("inf"),
    examples: float = float("inf"),
    first_seed: int | None = None,
    progress: Callable[[Report], bool] = lambda report: True,
    shrink: bool = True,
) -> Report:
    """Fuzz a target until its time or its examples are up, or until something is found.

    Args:
        target: What to fuzz.
        seconds: When to stop.
        examples: How many inputs to try, at most.
        first_seed: What to draw from; by default something new each time.
        progress: Told how it goes now and then; returns False to stop.
        shrink: Whether to look for the smallest input that shows what was found, which may take minutes.
    """
    report = Report(target, random.randrange(2**32) if first_seed is None else first_seed)
    began = time.monotonic()
    batch = 0
    while report.seconds < seconds and report.examples < examples and not report.finding and progress(report):
        most = int(min(_EXAMPLES_AT_A_TIME, examples - report.examples))
        with unlogged():
            _run(target, report, report.seed + batch, most, began + seconds, shrink)
        batch += 1
        report.seconds = time.monotonic() - began
    return report


def _run(target: Target, report: Report, batch_seed: int, most: int, ends: float, shrink: bool) -> None:
    last: list[Any] = []
    failed = False

    @seed(batch_seed)
    @settings(
        max_examples=most,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(target.strategy)
    def examine(drawn: Any) -> None:
        nonlocal failed
        if not failed and report.examples and time.monotonic() > ends:
            return  # the rest of a batch
        last[:] = [drawn]
        notes = Notes()
        try:
            target.check(drawn, notes)
        except AssertionError:
            failed = True
            raise
        except Exception as error:
            failed = True
            where = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__}: {error}"
            raise AssertionError(f"{what[:300]} ({where.filename}, line {where.lineno})") from error
        finally:
            if not failed:  # what comes then makes the finding small
                report.examples += 1
                report.seen.update(notes.seen)

    try:
        examine()
    except AssertionError as error:
        # The smallest input comes last.
        report.finding = f"{error}\n{target.spell(last[0])}"
