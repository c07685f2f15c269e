"""Decorators that turn trading code into bounded Prometheus metrics.

from tradmetrics import arg, result, start_metrics_server, track_order

start_metrics_server()

@track_order(strategy="gamma_scalping", side=arg("order.side"), status=result("status"))
def place(order): ...
"""

from typing import TYPE_CHECKING, Any

from tradmetrics.capture.exemplars import current_span
from tradmetrics.capture.sources import Call, arg, error, result, underlying
from tradmetrics.cardinality import Limits
from tradmetrics.decorators.accounts import track_capital, track_pnl
from tradmetrics.decorators.cash import track_cash_flow
from tradmetrics.decorators.connections import track_connection
from tradmetrics.decorators.custom import track
from tradmetrics.decorators.errors import track_errors
from tradmetrics.decorators.market_data import track_market_data
from tradmetrics.decorators.models import track_prediction, track_training
from tradmetrics.decorators.orders import track_order
from tradmetrics.decorators.positions import track_positions
from tradmetrics.decorators.requests import track_request
from tradmetrics.decorators.risk import track_circuit_breaker, track_circuit_breaker_reset, track_risk_check
from tradmetrics.decorators.snapshots import track_market, track_strategy
from tradmetrics.decorators.timers import fill_timer, request_timer, training_timer
from tradmetrics.decorators.trades import track_trade
from tradmetrics.errors import ConfigurationError, LabelSourceError, SnapshotError, TradmetricsError
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.record.exporter import MetricsExporter, metrics_exporter
from tradmetrics.registry.default import configure, get_metrics
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.version import __version__
from tradmetrics.vocabulary.fold import register_spellings

if TYPE_CHECKING:
    from tradmetrics.orders import OrderTracker
    from tradmetrics.record.heartbeat import heartbeat
    from tradmetrics.record.sampler import Sampler
    from tradmetrics.record.stats import StrategyStats
    from tradmetrics.serving.server import start_metrics_server

__all__ = [
    "Call",
    "ConfigurationError",
    "LabelSourceError",
    "Limits",
    "MetricDefinition",
    "MetricsExporter",
    "OrderTracker",
    "Sampler",
    "SnapshotError",
    "StrategyStats",
    "TradingMetrics",
    "TradmetricsError",
    "__version__",
    "arg",
    "configure",
    "current_span",
    "error",
    "fill_timer",
    "get_metrics",
    "heartbeat",
    "metrics_exporter",
    "register_spellings",
    "request_timer",
    "result",
    "start_metrics_server",
    "track",
    "track_capital",
    "track_cash_flow",
    "track_circuit_breaker",
    "track_circuit_breaker_reset",
    "track_connection",
    "track_errors",
    "track_market",
    "track_market_data",
    "track_order",
    "track_pnl",
    "track_positions",
    "track_prediction",
    "track_request",
    "track_risk_check",
    "track_strategy",
    "track_trade",
    "track_training",
    "training_timer",
    "underlying",
]

# What recording a call does not need is imported when it is asked for: half of the time of the import.
_LATER = {
    "OrderTracker": "tradmetrics.orders",
    "Sampler": "tradmetrics.record.sampler",
    "StrategyStats": "tradmetrics.record.stats",
    "heartbeat": "tradmetrics.record.heartbeat",
    "start_metrics_server": "tradmetrics.serving.server",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(_LATER[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
