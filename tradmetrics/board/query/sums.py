"""Remembers the steps of `sum_over_time(…[5m:5s])`, so that each step is evaluated once and not at every evaluation.

Subqueries of one inner expression and step share their steps, also where their windows differ: several rules count the
same events.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tradmetrics.board.query.samples import Labels, Sample
from tradmetrics.board.query.tree import Subquery

SETTLED_SECONDS: Final = 4.0
"""After this no further sample of a step's time arrives."""
_MOST: Final = 500

Key = frozenset[tuple[str, str]]


@dataclass
class _Steps:
    """The steps of one expression: the values other than 0, and the last step of each series.

    Attributes:
        values: By step.
        seen: The labels of each series, and the last step at which it was there.
        fresh: The series at steps that are not settled, and the time of the evaluation that asked for them.
        window: The longest window that is summed, in seconds.
    """

    values: dict[float, list[tuple[Key, float]]] = field(default_factory=dict)
    seen: dict[Key, tuple[Labels, float]] = field(default_factory=dict)
    fresh: dict[float, tuple[float, list[tuple[Key, Sample]]]] = field(default_factory=dict)
    window: float = 0.0

    def evaluated(self, at: float, now: float, evaluate: Callable[[float], list[Sample]]) -> list[tuple[Key, Sample]]:
        """Return the series at a step; several rules that are evaluated at one time share them."""
        asked, samples = self.fresh.get(at, (now, None))
        if samples is None or asked != now:
            samples = [(frozenset(each.labels.items()), each) for each in evaluate(at)]
            if now - at <= SETTLED_SECONDS:
                self.fresh = {at: (now, samples)}
        return samples


class StepSums:
    """Sums over the steps of subqueries.

    Most series stand still at most steps, so only values other than 0 are kept.
    """

    def __init__(self) -> None:
        self._steps: dict[tuple[str, str], _Steps] = {}
        self._names: dict[int, tuple[Subquery, tuple[str, str]]] = {}

    def sum(
        self, query: Subquery, times: list[float], now: float, evaluate: Callable[[float], list[Sample]]
    ) -> list[Sample]:
        """Sum the steps of a window.

        Args:
            query: The subquery, the same object each time; it has no variables.
            times: Times of the steps, in order; they lie on a grid that is the same for every window.
            now: The time of the evaluation.
            evaluate: Evaluates the inner expression at one time.

        Returns:
            Each series that was there at one of the steps, with the sum of its values.
        """
        if not times:
            return []
        steps = self._steps_of(query)
        steps.window = max(steps.window, times[-1] - times[0])
        oldest = times[-1] - steps.window
        for at in [at for at in steps.values if at < oldest]:
            del steps.values[at]
        totals: dict[Key, float] = {}
        there: dict[Key, Labels] = {}
        for at in times:
            values = steps.values.get(at)
            if values is None:
                samples = steps.evaluated(at, now, evaluate)
                values = [(key, each.value) for key, each in samples if each.value != 0]
                if now - at > SETTLED_SECONDS:
                    steps.values[at] = values
                    for key, each in samples:
                        if key not in steps.seen or steps.seen[key][1] < at:
                            steps.seen[key] = (each.labels, at)
                else:
                    there |= {key: each.labels for key, each in samples}
            for key, value in values:
                totals[key] = totals.get(key, 0.0) + value
        for key in [key for key, (_, last) in steps.seen.items() if last < oldest]:
            del steps.seen[key]
        there |= {key: labels for key, (labels, last) in steps.seen.items() if last >= times[0]}
        return [Sample(labels, totals.get(key, 0.0), now) for key, labels in there.items()]

    def _steps_of(self, query: Subquery) -> _Steps:
        known = self._names.get(id(query))
        if known is None:
            if len(self._names) > _MOST:
                self._names.clear()
                self._steps.clear()
            known = self._names[id(query)] = query, (str(query.expression), query.step)
        return self._steps.setdefault(known[1], _Steps())
