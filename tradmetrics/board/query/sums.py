"""Remembers the steps of `sum_over_time(…[5m:5s])`, so that each step is evaluated once and not at every evaluation."""

from collections import OrderedDict
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
    """The steps of one subquery: the values other than 0, and the last step of each series."""

    values: "OrderedDict[float, list[tuple[Key, float]]]" = field(default_factory=OrderedDict)
    seen: dict[Key, tuple[Labels, float]] = field(default_factory=dict)


class StepSums:
    """Sums over the steps of subqueries.

    Most series stand still at most steps, so only values other than 0 are kept.
    """

    def __init__(self) -> None:
        self._steps: dict[int, tuple[Subquery, _Steps]] = {}

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
        if len(self._steps) > _MOST:
            self._steps.clear()
        _, steps = self._steps.setdefault(id(query), (query, _Steps()))
        while steps.values and times and next(iter(steps.values)) < times[0]:
            steps.values.popitem(last=False)
        totals: dict[Key, float] = {}
        there: dict[Key, Labels] = {}
        for at in times:
            values = steps.values.get(at)
            if values is None:
                samples = [(frozenset(each.labels.items()), each) for each in evaluate(at)]
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
        for key in [key for key, (_, last) in steps.seen.items() if times and last < times[0]]:
            del steps.seen[key]
        there |= {key: labels for key, (labels, _) in steps.seen.items()}
        return [Sample(labels, totals.get(key, 0.0), now) for key, labels in there.items()]
