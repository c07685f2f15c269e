"""The types that pass between a store of samples and the evaluator, and how labels are matched."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from tradmetrics.board.query.tree import Matcher

Labels = Mapping[str, str]


class Sample(NamedTuple):
    """One series' value at the time of an evaluation."""

    labels: Labels
    value: float
    time: float = 0.0


class Window(NamedTuple):
    """The values of one series in a window, oldest first."""

    labels: Labels
    times: Sequence[float]
    values: Sequence[float]


class SampleSource(Protocol):
    """A store of samples."""

    def instant(self, name: str, matchers: Sequence[Matcher], time: float) -> Iterable[Sample]:
        """Return each matching series' newest value at that time, unless it has gone since."""
        ...

    def window(self, name: str, matchers: Sequence[Matcher], start: float, end: float) -> Iterable[Window]:
        """Return each matching series' values from `start` to `end`, both included."""
        ...


def matching(matchers: Sequence[Matcher]) -> Callable[[Labels], bool]:
    """Return a function that tells whether labels fulfil all matchers."""
    tests = [(each.label, _test(each)) for each in matchers]

    def fulfils(labels: Labels) -> bool:
        return all(test(labels.get(label, "")) for label, test in tests)

    return fulfils


def _test(matcher: Matcher) -> Callable[[str], bool]:
    value = matcher.value
    if matcher.operator == "=":
        return lambda found: found == value
    if matcher.operator == "!=":
        return lambda found: found != value
    pattern = re.compile(value, re.S)
    if matcher.operator == "=~":
        return lambda found: pattern.fullmatch(found) is not None
    return lambda found: pattern.fullmatch(found) is None
