"""The import path of 0.1 for `MetricDefinition`: import it from `tradmetrics`."""

from tradmetrics.model.definition import Label, MetricDefinition, known_definitions

__all__ = ["Label", "MetricDefinition", "known_definitions"]
