"""The functions of a gauge whose values are computed when it is scraped."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Mapping
from types import MethodType
from typing import TypeAlias

from tradmetrics.cardinality import Guard, Labels
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.model.text import clean
from tradmetrics.storage.retired import creating

AtScrape: TypeAlias = Callable[[], Mapping[tuple[str, ...], float]]
Failed: TypeAlias = Callable[[Exception], None]


class ScrapeFunctions:
    """The functions of one gauge, whose values add up.

    Args:
        definition: The gauge.
        guard: Its label budgets.

    Attributes:
        labels: The labels of the last scrape's values.
    """

    def __init__(self, definition: MetricDefinition, guard: Guard) -> None:
        self._definition = definition
        self._guard = guard
        self._functions: list[tuple[Callable[[], AtScrape | None], Failed]] = []
        self.labels: frozenset[Labels] = frozenset()

    def __bool__(self) -> bool:
        return bool(self._functions)

    def add(self, function: AtScrape, failed: Failed) -> None:
        """Add a function; a bound method is held weakly.

        Args:
            function: Values by label values.
            failed: Called when the function raises, so that the rest of the scrape goes on.
        """
        reference = weakref.WeakMethod(function) if isinstance(function, MethodType) else lambda: function
        self._functions.append((reference, failed))

    def values(self, recorded: Collection[Labels], now: float) -> dict[Labels, float]:
        """Return the values of a scrape, by label values.

        Args:
            recorded: The labels of series that are recorded, which keep their places.
            now: The time of the scrape, by the guard's clock.
        """
        if not self._functions and not self.labels:
            return {}
        guard = self._guard
        totals: dict[Labels, float] = {}
        for entry in list(self._functions):
            reference, failed = entry
            function = reference()
            if function is None:
                self._functions.remove(entry)
                continue
            try:
                computed = [(self._as_labels(raw), float(value)) for raw, value in function().items()]
            except Exception as error:
                failed(error)
                continue
            for values, value in computed:
                with creating.held():
                    labels, _ = guard.admit(values)
                    guard.take(labels, now)
                totals[labels] = totals.get(labels, 0.0) + value
        with creating.held():
            for labels in self.labels - totals.keys():
                if labels not in recorded and labels in guard:
                    guard.release(labels)
            self.labels = frozenset(totals)
        return totals

    def _as_labels(self, raw: tuple[str, ...]) -> Labels:
        return tuple(clean(value) for _, value in zip(self._definition.labels, raw, strict=True))
