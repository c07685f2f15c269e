"""The metrics that a query may name, with the labels that each one has."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from tradmetrics.catalogue import CATALOGUE
from tradmetrics.doctor.findings import Labels, Sample
from tradmetrics.doctor.patterns import compiled
from tradmetrics.model.definition import MetricDefinition

# Prometheus adds these to every series that it scrapes.
TARGET_LABELS: Final = frozenset({"job", "instance"})
# Prometheus itself, and exporters that stand beside a trading system. Their labels are not ours to know.
_FOREIGN: Final = re.compile(
    r"up|ALERTS|ALERTS_FOR_STATE|(scrape|node|process|python|prometheus|alertmanager|net_conntrack|go|promhttp)_.+"
)


class Known:
    """Metrics by name, with their labels; built from the catalogue, and added to."""

    def __init__(self, definitions: Iterable[MetricDefinition] = CATALOGUE) -> None:
        """Begin with the metrics of a catalogue.

        Args:
            definitions: The metrics' definitions.
        """
        self._labels: dict[str, Labels] = {}
        self._definitions: dict[str, MetricDefinition] = {}
        for definition in definitions:
            for name, extra in _samples(definition):
                self._labels[name] = TARGET_LABELS | set(definition.label_names) | extra
                self._definitions[name] = definition

    def add(self, name: str, labels: Labels) -> None:
        """Add a metric; labels of one that is known already are added to it."""
        before = self._labels.get(name, frozenset())
        self._labels[name] = None if labels is None or before is None else before | labels

    def replace(self, name: str, labels: Labels) -> None:
        """Set the labels of a metric, whatever was known of it."""
        self._labels[name] = labels

    def add_samples(self, samples: Iterable[Sample]) -> None:
        """Add what a running endpoint exposes."""
        for sample in samples:
            self.add(sample.name, TARGET_LABELS | set(sample.labels))

    def __contains__(self, name: str) -> bool:
        """Return whether a query may name the metric."""
        return name in self._labels or _FOREIGN.fullmatch(name) is not None

    def labels(self, name: str) -> Labels:
        """Return the labels of a metric that is known; None for those of foreign exporters."""
        return self._labels.get(name)

    def matching(self, pattern: str) -> list[str] | None:
        """Return the names that a regular expression on `__name__` selects, anchored as Prometheus does it.

        Args:
            pattern: The regular expression.

        Returns:
            The names; None where foreign metrics may match, or the expression cannot be compiled.
        """
        expression = compiled(pattern)
        if expression is None:
            return None
        names = [name for name in self._labels if expression.fullmatch(name)]
        return names or (None if "$" in pattern or _FOREIGN.search(pattern) else [])

    def definition(self, name: str) -> MetricDefinition | None:
        """Return the catalogue's definition behind the name of a sample, such as a `_bucket`."""
        return self._definitions.get(name)

    def native(self, name: str) -> Labels:
        """Return the labels of a histogram under its own name, as a native histogram is; None for other metrics."""
        definition = self._definitions.get(f"{name}_bucket")
        return None if definition is None else TARGET_LABELS | set(definition.label_names)

    def nearest(self, name: str) -> str | None:
        """Return the name that was probably meant."""
        return next(iter(difflib.get_close_matches(name, self._labels, n=1, cutoff=0.75)), None)


def _samples(definition: MetricDefinition) -> Iterator[tuple[str, frozenset[str]]]:
    name, none = definition.name, frozenset[str]()
    if definition.kind != "histogram":
        yield name, none
        return
    yield f"{name}_bucket", frozenset({"le"})
    yield f"{name}_count", none
    # A sum of amounts that can be negative could fall, which no counter may, so prometheus_client leaves it out.
    if definition.buckets and definition.buckets[0] >= 0:
        yield f"{name}_sum", none


def recorded(samples: Iterable[Sample], definition: MetricDefinition) -> float | None:
    """Return how much a metric has recorded: the sum of a counter, the observations of a histogram.

    Args:
        samples: The samples of the running system.
        definition: The metric.

    Returns:
        The amount; 1 for a gauge that has a value; None when there is no series.
    """
    name = f"{definition.name}_count" if definition.kind == "histogram" else definition.name
    values = [sample.value for sample in samples if sample.name == name]
    if not values:
        return None
    return 1.0 if definition.kind == "gauge" else sum(values)


def by_name(samples: Iterable[Sample]) -> Mapping[str, list[Sample]]:
    """Group samples by their name."""
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample.name, []).append(sample)
    return groups
