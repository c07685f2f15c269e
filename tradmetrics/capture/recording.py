"""Recording without a decorator: the one call beneath the exporter, the context managers and the middleware."""

from __future__ import annotations

from enum import Enum

from tradmetrics.capture.sources import Source
from tradmetrics.errors import LabelSourceError
from tradmetrics.model.missing import MISSING
from tradmetrics.registry.default import current, get_metrics
from tradmetrics.registry.metrics import NO_METRICS, TradingMetrics


def metrics_or_default(metrics: TradingMetrics | None, site: str) -> TradingMetrics:
    """Return the metrics to record to: the given ones, or the process's. If they cannot be built, log that."""
    metrics = metrics or current()
    if metrics is not None:
        return metrics
    try:
        return get_metrics()
    except Exception as error:
        NO_METRICS.fault(site, "record", error)
        return NO_METRICS


def constant(metrics: TradingMetrics, label: object, *, site: str) -> object:
    """Return a label given to a context manager; `MISSING`, which is counted, for a source, as nothing is called."""
    if isinstance(label, Source) or (callable(label) and not isinstance(label, type | Enum)):
        shown = repr(label) if isinstance(label, Source) else "a function of the Call"
        metrics.fault(
            site,
            "source",
            LabelSourceError(f"{site}: {shown} reads a call, and a `with` has none; write the label itself"),
        )
        return MISSING
    return label
