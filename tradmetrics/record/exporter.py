"""`MetricsExporter`: explicit calls, for code that cannot be decorated and for those who come from such a guide."""

from __future__ import annotations

from typing import Final

from tradmetrics.record.event_calls import EventCalls
from tradmetrics.record.state_calls import StateCalls


class MetricsExporter(EventCalls, StateCalls):
    """Explicit `record_*` and `update_*` calls, one for each thing that can be recorded.

    No call raises, unless the metrics object is `strict`. A value that cannot be recorded is counted in
    `tradmetrics_instrumentation_errors_total`, and the log names the file and the line of the call.

    Example:
        ```python
        from tradmetrics import metrics_exporter

        metrics_exporter.record_order(strategy="gamma_scalping", side="BUY", order_type="LIMIT", status="submitted")
        metrics_exporter.update_pnl_metrics(daily=1_250.0)
        ```

    Args:
        metrics: The metrics object to record to; by default the process's, also when it is replaced later.
    """


metrics_exporter: Final = MetricsExporter()
"""Records to the process's default metrics object."""
