"""What a metrics object has recorded, read as a scrape reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tradmetrics import TradingMetrics, catalogue

_COMPUTED = {definition.name for definition in catalogue.CATALOGUE if definition.at_scrape}

_OTHERS = ("python_", "process_")


def sample(metrics: TradingMetrics, name: str, **labels: str) -> float | None:
    """The value of one sample; None where there is none."""
    return metrics.registry.get_sample_value(name, labels)


def recorded(metrics: TradingMetrics) -> dict[str, float]:
    """Everything that calls have recorded: values by `name value-of-label …`, labels in the definition's order.

    Of a histogram only the number of observations; nothing that is computed when it is scraped, no labels without a
    source, and nothing that prometheus_client itself has on its default registry.
    """
    found: dict[str, float] = {}
    for metric in metrics.registry.collect():
        for each in metric.samples:
            if (
                metric.name in (*_COMPUTED, catalogue.UNSOURCED_LABELS.name)
                or metric.name.startswith(_OTHERS)
                or (metric.type == "histogram" and not each.name.endswith("_count"))
            ):
                continue
            found[" ".join((each.name, *each.labels.values()))] = each.value
    return found


def errors(metrics: TradingMetrics) -> dict[tuple[str, str], float]:
    """Instrumentation errors by the decorated function's own name and the stage."""
    return {
        (each.labels["site"].rpartition(".")[2], each.labels["stage"]): each.value
        for metric in metrics.registry.collect()
        for each in metric.samples
        if each.name == catalogue.INSTRUMENTATION_ERRORS.name
    }


def raising(error: BaseException) -> Callable[..., Any]:
    """A function that raises `error` whatever it is called with."""

    def function(*args: object, **kwargs: object) -> Any:
        raise error

    return function
