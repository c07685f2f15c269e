"""Which storage the series of a metric have: this process's own, or files that several processes share."""

from __future__ import annotations

from collections.abc import Callable

from tradmetrics.model.definition import MetricDefinition
from tradmetrics.storage.series import CounterSeries, GaugeSeries, HistogramSeries, Series, bound_texts


def creator(
    definition: MetricDefinition, constants: tuple[tuple[str, str], ...] = (), *, multiprocess: bool
) -> Callable[[tuple[str, ...]], Series]:
    """Return a function of label values that makes a series of the metric.

    Args:
        definition: The metric.
        constants: Labels that all series have beside the metric's own, with their values.
        multiprocess: Whether the series are kept in files, for other processes to read.
    """
    if multiprocess:
        from tradmetrics.storage.worker_series import series_in_files  # only under several processes

        values = tuple(value for _, value in constants)
        create = series_in_files(
            definition.kind,
            definition.name,
            definition.help,
            (*definition.label_names, *(name for name, _ in constants)),
            bounds=definition.buckets or (),
            mode=definition.multiprocess_mode,
        )
        return lambda labels: create((*labels, *values))
    if definition.buckets is not None:
        bounds, texts = definition.buckets, bound_texts(definition.buckets)
        return lambda labels: HistogramSeries(bounds, texts)
    kind = CounterSeries if definition.kind == "counter" else GaugeSeries
    return lambda labels: kind()
