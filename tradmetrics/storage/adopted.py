"""Series of a metric that stands in the registry already and has the same definition: the decorators record into it.

It is either a metric that the bot has made with prometheus_client, or one of this package's own after `sys.modules` was
purged and the package was imported a second time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from tradmetrics.model.definition import MetricDefinition
from tradmetrics.storage.series import RawSample, Series

_KINDS: Final = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}
_OUR_INSTRUMENT: Final = "tradmetrics.registry.instrument.Instrument"


class AdoptedSeries(Series):
    """A series of another collector.

    Args:
        child: The return value of prometheus_client's `labels`, or a series of the package's earlier import.
        ours: Whether it is the latter.
    """

    __slots__ = ("_child", "add", "down", "observe", "set", "tick", "up")

    def __init__(self, child: Any, *, ours: bool) -> None:
        self.text = None
        self._child = child
        names = ("tick", "add", "set", "observe", "up", "down")
        if ours:
            for name in names:
                if hasattr(child, name):
                    setattr(self, name, getattr(child, name))
            return
        theirs = {"tick": "inc", "add": "inc", "set": "set", "observe": "observe", "up": "inc", "down": "dec"}
        for name in names:
            if hasattr(child, theirs[name]):
                setattr(self, name, getattr(child, theirs[name]))

    def value(self) -> float:
        """The count, the gauge's value, or the number of observations."""
        return sum(value for suffix, _, value in self.samples() if suffix in ("", "_total", "_count"))

    def samples(self) -> Iterator[RawSample]:
        """The samples that the other collector exposes for it."""
        child = self._child
        if hasattr(child, "mark"):
            yield from child.samples()
            return
        for sample in child._child_samples():
            yield sample.name, tuple((sample.labels or {}).items()), float(sample.value)


class Adopted:
    """A collector of the registry with the same definition as one of our metrics.

    Args:
        collector: The collector.
        ours: Whether an earlier import of this package made it.
    """

    def __init__(self, collector: Any, *, ours: bool) -> None:
        self.collector = collector
        self.ours = ours

    def create(self, labels: tuple[str, ...]) -> Series:
        """Return the series of these label values."""
        if self.ours:
            return AdoptedSeries(self.collector.resolve(labels).series, ours=True)
        return AdoptedSeries(self.collector.labels(*labels) if labels else self.collector, ours=False)

    @property
    def at_scrape(self) -> Callable[..., None] | None:
        """Gives the collector values that are computed at scrape, where it can have them."""
        return self.collector.at_scrape if self.ours else None


def adoptable(registry: CollectorRegistry, definition: MetricDefinition) -> Adopted | None:
    """Return the collector that stands in the place of a metric, if it is the same metric."""
    collector = in_the_way(registry, definition)
    if is_of_an_earlier_import(collector):
        return Adopted(collector, ours=True) if repr(collector.definition) == repr(definition) else None
    kind = _KINDS.get(definition.kind)
    if kind is None or type(collector) is not kind or definition.at_scrape:
        return None
    other: Any = collector
    same = other._name == definition.name.removesuffix("_total") if kind is Counter else other._name == definition.name
    same = same and tuple(other._labelnames) == definition.label_names
    if same and definition.buckets is not None:
        same = list(other._upper_bounds[:-1]) == [float(bound) for bound in definition.buckets]
    return Adopted(collector, ours=False) if same else None


def in_the_way(registry: CollectorRegistry, definition: MetricDefinition) -> Any:
    """The collector that has the metric's name, or one of the names that it needs."""
    names: dict[str, Any] = getattr(registry, "_names_to_collectors", {})
    base = definition.name.removesuffix("_total") if definition.kind == "counter" else definition.name
    suffixes = ("", "_total", "_created", "_bucket", "_count", "_sum")
    return next((names[base + suffix] for suffix in suffixes if base + suffix in names), None)


def is_of_an_earlier_import(collector: object) -> bool:
    """Whether this package made a collector before it was imported a second time."""
    kind = type(collector)
    if f"{kind.__module__}.{kind.__qualname__}" != _OUR_INSTRUMENT:
        return False
    return getattr(sys.modules.get(kind.__module__), kind.__qualname__, None) is not kind


def shown_collector(collector: Any) -> str:
    """A collector in a message: `Counter 'trading_orders_submitted' with the labels ('symbol',)`."""
    kind = type(collector).__qualname__
    name, labels = getattr(collector, "_name", None), getattr(collector, "_labelnames", None)
    if not isinstance(name, str):
        return f"a collector of the class {type(collector).__module__}.{kind}"
    return f"the {kind} {name!r} with the labels {tuple(labels or ())!r}"
