"""Which storage the series of a metric have: this process's own, or files that several processes share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from tradmetrics.definition import MetricDefinition
from tradmetrics.series import CounterSeries, ForeignSeries, GaugeSeries, HistogramSeries, Series, bound_texts


def creator(definition: MetricDefinition, *, multiprocess: bool) -> Callable[[tuple[str, ...]], Series]:
    """Return a function of label values that makes a series of the metric.

    Args:
        definition: The metric.
        multiprocess: Whether prometheus_client's files are the storage.
    """
    if multiprocess:
        foreign = _foreign(definition)
        return lambda labels: ForeignSeries(foreign.labels(*labels) if labels else foreign)
    if definition.buckets is not None:
        bounds, texts = definition.buckets, bound_texts(definition.buckets)
        return lambda labels: HistogramSeries(bounds, texts)
    kind = CounterSeries if definition.kind == "counter" else GaugeSeries
    return lambda labels: kind()


def _foreign(definition: MetricDefinition) -> Any:
    """The prometheus_client metric, registered nowhere, whose files are the storage under several processes."""
    common: dict[str, Any] = {
        "documentation": definition.help,
        "labelnames": definition.label_names,
        "registry": None,
    }
    if definition.kind == "counter":
        return Counter(definition.name, **common)
    if definition.kind == "gauge":
        return Gauge(definition.name, multiprocess_mode=definition.multiprocess_mode, **common)
    return Histogram(definition.name, buckets=definition.buckets or (), **common)
