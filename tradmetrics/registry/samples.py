"""One sample of a metric: a checked value goes to a series as the metric's kind has it."""

from __future__ import annotations

from tradmetrics.model.definition import MetricDefinition
from tradmetrics.storage.series import Series


def apply(definition: MetricDefinition, series: Series, value: float) -> None:
    """Record a checked value: a counter adds it, a gauge is set to it, a histogram observes it."""
    if definition.kind == "counter":
        if value == 1.0:  # which keeps nothing, where an amount is kept until there are enough to add up
            series.tick()
        else:
            series.add(value)
    elif definition.kind == "gauge":
        series.set(value)
    else:
        series.observe(value)
