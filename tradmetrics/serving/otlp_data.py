"""The series of a registry as OTLP metrics data: cumulative sums, gauges and explicit-bucket histograms."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import Metric as Family
from prometheus_client.samples import Sample

from tradmetrics.version import __version__

_SCOPE: Final = InstrumentationScope("tradmetrics", __version__)
_CUMULATIVE: Final = AggregationTemporality.CUMULATIVE
# Names without the unit: the names of the samples hold it already, and a receiver would write it twice.
_UNIT: Final = ""


def metrics_data(families: Iterable[Family], resource: Resource, *, started: float, now: float) -> MetricsData:
    """Convert collected metrics.

    Args:
        families: The families of a registry's `collect()`. Each metric keeps its name of a scrape, with `_total`.
        resource: The program that the metrics describe.
        started: When the counts began, in Unix seconds.
        now: When they were collected, in Unix seconds.
    """
    times = (int(started * 1e9), int(now * 1e9))
    metrics = [metric for family in families for metric in _converted(family, times)]
    return MetricsData([ResourceMetrics(resource, [ScopeMetrics(_SCOPE, metrics, "")], "")])


def _converted(family: Family, times: tuple[int, int]) -> Iterator[Metric]:
    if family.type == "histogram":
        points = list(_histograms(family.samples, family.name, times))
        if points:
            yield Metric(family.name, family.documentation, _UNIT, Histogram(points, _CUMULATIVE))
        return
    by_name: dict[str, list[NumberDataPoint]] = {}
    for sample in family.samples:
        if not sample.name.endswith("_created"):
            by_name.setdefault(sample.name, []).append(NumberDataPoint(dict(sample.labels), *times, sample.value))
    for name, points_of in by_name.items():
        grows = family.type == "counter" or (family.type == "summary" and name.endswith(("_count", "_sum")))
        data = Sum(points_of, _CUMULATIVE, is_monotonic=True) if grows else Gauge(points_of)
        yield Metric(name, family.documentation, _UNIT, data)


def _histograms(samples: Sequence[Sample], name: str, times: tuple[int, int]) -> Iterator[HistogramDataPoint]:
    """One data point for each set of labels. A histogram of amounts that can be negative has no sum, as in a scrape."""
    by_labels: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
    for sample in samples:
        labels = {key: value for key, value in sample.labels.items() if key != "le"}
        found = by_labels.setdefault(tuple(sorted(labels.items())), {"buckets": {}, "sum": None})
        if sample.name == f"{name}_bucket":
            found["buckets"][float(sample.labels["le"])] = sample.value
        elif sample.name == f"{name}_sum":
            found["sum"] = sample.value
    for labels_of, found in by_labels.items():
        yield _histogram(dict(labels_of), found["buckets"], found["sum"], times)


def _histogram(
    labels: Mapping[str, str], cumulative: Mapping[float, float], total: float | None, times: tuple[int, int]
) -> HistogramDataPoint:
    bounds = sorted(cumulative)
    counts, before = [], 0.0
    for bound in bounds:
        counts.append(int(cumulative[bound] - before))
        before = cumulative[bound]
    absent: Any = None  # OTLP's sum, min and max are optional
    return HistogramDataPoint(
        dict(labels),
        *times,
        count=int(before),
        sum=absent if total is None else total,
        bucket_counts=counts,
        explicit_bounds=[bound for bound in bounds if bound != math.inf],
        min=absent,
        max=absent,
    )
