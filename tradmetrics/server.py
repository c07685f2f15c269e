"""The import path of 0.1 for `start_metrics_server`: import it from `tradmetrics`."""

from tradmetrics.serving.server import MetricsServer, start_metrics_server

__all__ = ["MetricsServer", "start_metrics_server"]
