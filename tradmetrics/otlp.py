"""`start_otlp_export`: send all metrics to an OpenTelemetry receiver, without a Prometheus of your own.

Needs the extra `[otlp]`: `pip install 'tradmetrics[otlp]'`.
"""

from __future__ import annotations

import atexit
import inspect
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from tradmetrics import multiprocess
from tradmetrics.errors import ConfigurationError, TradmetricsError
from tradmetrics.registry.default import get_metrics
from tradmetrics.registry.metrics import checked
from tradmetrics.serving.at_sigterm import pushes_at_sigterm

if TYPE_CHECKING:
    from types import TracebackType

    from prometheus_client import CollectorRegistry
    from typing_extensions import Self

    from tradmetrics.registry.metrics import TradingMetrics

_LOGGER: Final = logging.getLogger("tradmetrics")
_SITE: Final = f"{__name__}.start_otlp_export"
_PATH: Final = "/v1/metrics"
_MOST_POINTS: Final = 8_192
_SECONDS_BETWEEN_WARNINGS: Final = 60.0


class OtlpExport:
    """A running export; see `start_otlp_export`. A context manager: leaving the block flushes and stops it."""

    def __init__(
        self, endpoint: str, headers: Mapping[str, str], interval: float, metrics: TradingMetrics | None
    ) -> None:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

        self._metrics = metrics
        self._interval = interval
        # Releases before 1.41 have no batches: they send all points in one request.
        batches = "max_export_batch_size" in inspect.signature(OTLPMetricExporter).parameters
        options: dict[str, Any] = {"max_export_batch_size": _MOST_POINTS} if batches else {}
        self._exporter = OTLPMetricExporter(
            endpoint, headers=dict(headers), timeout=max(1.0, min(10.0, interval)), **options
        )
        self._resource = _resource()
        self._started = time.time()
        self._process = os.getpid()
        self._exporting = threading.Lock()
        self._stop = threading.Event()
        self._warn_at = 0.0
        self._thread = threading.Thread(target=self._run, name="tradmetrics-otlp", daemon=True)
        pushes_at_sigterm.add(self)
        atexit.register(self._at_exit)
        self._thread.start()

    def flush(self) -> bool:
        """Send the current values now.

        Returns:
            True if the receiver took them. False if it did not: that is logged and counted, and the next export
            sends the newer totals, so only the values in between are missing.
        """
        with self._exporting:
            return self._export()

    def close(self) -> None:
        """Send the current values, and stop. A second call does nothing."""
        if self._stop.is_set():
            return
        self._stop.set()
        pushes_at_sigterm.remove(self)
        atexit.unregister(self._at_exit)
        if os.getpid() == self._process:
            self.flush()
            if threading.current_thread() is not self._thread:
                self._thread.join(self.seconds)
        self._exporter.shutdown()

    def __enter__(self) -> Self:
        """Return the export itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Flush and stop."""
        self.close()

    @property
    def seconds(self) -> float:
        """How long the last export may take when SIGTERM ends the process."""
        return 5.0

    def at_sigterm(self) -> None:
        """Send the last values before SIGTERM ends the process."""
        if os.getpid() == self._process:
            self.flush()

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            with self._exporting:
                if not self._stop.is_set():
                    self._export()

    def _at_exit(self) -> None:
        # A forked child inherits the registration, and its values are not its parent's.
        if os.getpid() == self._process:
            self.close()

    def _export(self) -> bool:
        try:
            from opentelemetry.sdk.metrics.export import MetricExportResult

            from tradmetrics.serving.otlp_data import metrics_data

            data = metrics_data(self._registry().collect(), self._resource, started=self._started, now=time.time())
            taken = self._exporter.export(data) is MetricExportResult.SUCCESS
        except Exception as error:
            self._failed(error)
            return False
        if not taken:
            self._failed(
                TradmetricsError("the receiver did not take the metrics; the next export sends the newer totals")
            )
        return taken

    def _registry(self) -> CollectorRegistry:
        directory = multiprocess.directory()
        if directory is not None:
            return multiprocess.aggregate(directory)
        return (get_metrics() if self._metrics is None else self._metrics).registry

    def _failed(self, error: Exception) -> None:
        metrics = get_metrics() if self._metrics is None else self._metrics
        try:
            metrics.fault(_SITE, "record", error)
        except TradmetricsError:
            _LOGGER.exception("%s: the export failed", _SITE)


def start_otlp_export(
    endpoint: str,
    *,
    headers: Mapping[str, str] | None = None,
    interval: float = 15.0,
    metrics: TradingMetrics | None = None,
) -> OtlpExport:
    """Send every series to an OTLP receiver over HTTP, from a background thread.

    Counters become cumulative sums with a start time, gauges stay gauges, histograms keep their bounds. Names are those
    of a scrape. The resource has `service.name` (from `OTEL_SERVICE_NAME`, else the program's name) and
    `service.instance.id` (`host:pid`); `OTEL_RESOURCE_ATTRIBUTES` adds more.

    Example:
        ```python
        from tradmetrics.otlp import start_otlp_export

        export = start_otlp_export("http://localhost:4318", headers={"Authorization": "Bearer …"})
        ```

    Totals are cumulative, so nothing is queued: while the receiver is away, the chart has a gap, and the first export
    that arrives brings every count. The exporter retries with growing pauses within one interval. The last values are
    sent when the interpreter exits, on SIGTERM, and by `.close()`. `os._exit` and SIGKILL leave no time to send.

    Under `PROMETHEUS_MULTIPROC_DIR` the totals of all workers are sent, so start the export in one process only.

    Args:
        endpoint: The receiver's URL. Without a path, `/v1/metrics` is added. Prometheus 3 listens at
            `/api/v1/otlp/v1/metrics`, VictoriaMetrics at `/opentelemetry/v1/metrics`.
        headers: Further headers of each request, such as an authorization. They are not logged.
        interval: Seconds between two exports.
        metrics: The metrics to send; by default the process's.

    Returns:
        The export, with `.flush()` and `.close()`; also a context manager.

    Raises:
        ConfigurationError: When the endpoint is not an HTTP URL, the interval is not above zero, or the extra is not
            installed.
    """
    checked(metrics, "start_otlp_export")
    if isinstance(interval, bool) or not isinstance(interval, (int, float)) or not 0 < interval < float("inf"):
        raise ConfigurationError(f"start_otlp_export: interval must be a number of seconds above 0, got {interval!r}")
    try:
        import opentelemetry.exporter.otlp.proto.http  # noqa: F401
    except ImportError as error:
        raise ConfigurationError("start_otlp_export needs an extra: pip install 'tradmetrics[otlp]'") from error
    return OtlpExport(_complete(endpoint), headers or {}, float(interval), metrics)


def _complete(endpoint: str) -> str:
    """The endpoint with its path."""
    parts = urlsplit("")
    try:
        parts = urlsplit(endpoint)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname)
    except (ValueError, AttributeError, TypeError):
        valid = False
    if not valid:
        raise ConfigurationError("start_otlp_export: endpoint must be a URL such as 'http://localhost:4318'")
    if "@" in parts.netloc:  # the message must not repeat the password
        raise ConfigurationError(
            "start_otlp_export: the endpoint holds a password; give it as headers={'Authorization': 'Basic …'}"
        )
    return urlunsplit(parts._replace(path=_PATH)) if parts.path in ("", "/") else endpoint


def _resource() -> Any:
    from opentelemetry.sdk.resources import Resource

    own = {"service.instance.id": f"{socket.gethostname()}:{os.getpid()}"}
    if not os.environ.get("OTEL_SERVICE_NAME"):
        own["service.name"] = Path(sys.argv[0] or "python").stem or "python"
    return Resource.create(own)
