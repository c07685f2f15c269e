"""The exemplars of a metric: labels of one recorded call beside a counter or a bucket, in OpenMetrics alone."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from time import monotonic
from typing import Any, Final, TypeVar

from prometheus_client.samples import Exemplar

from tradmetrics.cardinality import LabelBudget
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.storage.label_cache import MOST_ENTRIES, Budgets, LabelCache
from tradmetrics.storage.line_blocks import Labels, Names, braces, label_text, number_text
from tradmetrics.storage.series import bound_texts

T = TypeVar("T")

LONGEST: Final = 128
"""Characters that the names and the values of an exemplar's labels have together, at most: a rule of OpenMetrics."""
SECONDS_BETWEEN: Final = 1.0
"""Seconds between two exemplars of one series, at least."""


class Exemplars:
    """The last exemplar of each series of a counter, and of each bucket of a histogram's series.

    Args:
        definition: The metric.
    """

    __slots__ = ("_bounds", "_by_labels", "_due", "_texts")

    def __init__(self, definition: MetricDefinition) -> None:
        self._bounds = definition.buckets or ()
        self._texts = bound_texts(self._bounds) if definition.kind == "histogram" else ("",)
        self._by_labels: dict[Labels, dict[str, Exemplar]] = {}
        self._due: dict[Labels, float] = {}

    def claim(self, labels: Labels) -> bool:
        """Return whether a series may have another exemplar now; if so, it may have none for a second."""
        now = monotonic()
        if now < self._due.get(labels, now):
            return False
        self._due[labels] = now + SECONDS_BETWEEN
        return True

    def put(self, labels: Labels, exemplar: Exemplar) -> None:
        """Show an exemplar from now on: beside the counter, or beside the bucket that its value is in.

        Args:
            labels: The label values of the series.
            exemplar: The exemplar.
        """
        place = self._texts[bisect_left(self._bounds, exemplar.value)]
        # Another dict, so that a scrape in another thread reads the one or the other.
        self._by_labels[labels] = {**self._by_labels.get(labels, {}), place: exemplar}

    def forget(self, labels: Labels) -> None:
        """Drop the exemplars of a series that was removed."""
        self._by_labels.pop(labels, None)
        self._due.pop(labels, None)

    def find(self, labels: Labels) -> Mapping[str, Exemplar]:
        """The exemplars of a series: by the text of the bucket's bound, or of a counter by an empty text."""
        return self._by_labels.get(labels, {})

    def added(self, names: Names, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The text of a metric with its exemplars.

        Args:
            names: The names of the metric and of its labels.
            pieces: Its lines without exemplars, in pieces.
        """
        texts = self._by_line(names)
        for piece in pieces:
            if not texts:
                yield piece
                continue
            lines = piece.split(b"\n")
            for number, line in enumerate(lines):
                text = texts.get(line.rpartition(b" ")[0])
                if text is not None:
                    lines[number] = line + text
            yield b"\n".join(lines)

    def _by_line(self, names: Names) -> dict[bytes, bytes]:
        """The text of each exemplar, by the text of its line up to the number."""
        texts = {}
        for labels, exemplars in self._by_labels.copy().items():
            before, after = label_text(names.label_names, (*labels, *names.constant_values))
            for place, exemplar in exemplars.items():
                if place:
                    line = f'{names.name}_bucket{{{before}le="{place}"{after}}}'
                else:
                    line = f"{names.name}_total{braces(before, after)}"
                texts[line.encode()] = _text(exemplar).encode()
        return texts


class ExemplarCache(LabelCache[T]):
    """A memory that forgets each key after a second, so that the next call with that key can have an exemplar.

    Calls whose labels found no place share one such second.
    """

    __slots__ = ("_due", "_due_spilled")

    def __init__(
        self, opens: Iterable[tuple[int, tuple[LabelBudget, ...]]] = (), constants: Iterable[str] = ()
    ) -> None:
        super().__init__(opens, constants)
        self._due: dict[Any, float] = {}
        self._due_spilled = 0.0

    def __getitem__(self, key: Any) -> Any:
        """Return the work for a key; once its second is over, as for a key without a place."""
        return super().__getitem__(key) if monotonic() < self._due.get(key, 0.0) else self.__missing__(key)

    def __missing__(self, key: tuple[Any, ...]) -> T | None:
        """Return the work for a key without a place, as `LabelCache` does; nothing once the second is over."""
        return super().__missing__(key) if monotonic() < self._due_spilled else None

    def keep(self, key: tuple[Any, ...], done: T, opens: Budgets | None = None) -> None:
        """Do the same for a second."""
        due = monotonic() + SECONDS_BETWEEN
        if len(self._due) >= MOST_ENTRIES:  # those of removed series among them
            self.clear()
        if opens is None:
            self._due[key] = due
        else:
            self._due_spilled = due
        super().keep(key, done, opens)

    def clear(self) -> None:
        """Forget everything."""
        super().clear()
        self._due.clear()


def _text(exemplar: Exemplar) -> str:
    inside = braces(*label_text(tuple(exemplar.labels), tuple(exemplar.labels.values()))) or "{}"
    return f" # {inside} {number_text(exemplar.value)} {exemplar.timestamp}"
