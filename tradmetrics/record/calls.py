"""The ground of explicit calls: the metrics object that they record to, and the caller that errors name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tradmetrics.capture.recording import metrics_or_default
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.record import gauges
from tradmetrics.registry.metrics import TradingMetrics, checked

SITE: Final = "tradmetrics.record.exporter"


class ExplicitCalls:
    """The ground of `MetricsExporter`.

    Args:
        metrics: The metrics object to record to; by default the process's, also when it is replaced later.
    """

    def __init__(self, metrics: TradingMetrics | None = None) -> None:
        self._metrics = checked(metrics, type(self).__name__)

    def _target(self, method: str) -> tuple[TradingMetrics, str]:
        site = f"{SITE}.{type(self).__qualname__}.{method}"
        return metrics_or_default(self._metrics, site), site

    def _record(
        self, method: str, definition: MetricDefinition, raw: tuple[object, ...] = (), amount: object = 1.0
    ) -> None:
        metrics, site = self._target(method)
        metrics.record(definition, raw, amount, site=site)

    def _set(
        self,
        method: str,
        definitions: Mapping[str, MetricDefinition],
        values: Mapping[str, object],
        raw: tuple[object, ...] = (),
        currency: object = None,
        account: object = None,
    ) -> None:
        metrics, site = self._target(method)
        gauges.set_gauges(metrics, definitions, values, raw, currency=currency, account=account, site=site)
