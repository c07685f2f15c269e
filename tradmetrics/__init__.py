"""Decorators that turn trading code into bounded Prometheus metrics.

from tradmetrics import arg, result, start_metrics_server, track_order

start_metrics_server()

@track_order(strategy="gamma_scalping", side=arg("order.side"), status=result("status"))
def place(order): ...
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tradmetrics.version import __version__

if TYPE_CHECKING:
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
    from tradmetrics.orders import OrderTracker
    from tradmetrics.record.exporter import MetricsExporter, metrics_exporter
    from tradmetrics.record.heartbeat import heartbeat
    from tradmetrics.record.sampler import Sampler
    from tradmetrics.record.stats import StrategyStats
    from tradmetrics.registry.default import configure, get_metrics
    from tradmetrics.registry.metrics import TradingMetrics
    from tradmetrics.serving.server import start_metrics_server
    from tradmetrics.vocabulary.fold import register_spellings

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

# Python imports a name when you use it, so that a program pays only for its own.
_MODULES = {
    "capture.exemplars": "current_span",
    "capture.sources": "Call arg error result underlying",
    "cardinality": "Limits",
    "decorators.accounts": "track_capital track_pnl",
    "decorators.cash": "track_cash_flow",
    "decorators.connections": "track_connection",
    "decorators.custom": "track",
    "decorators.errors": "track_errors",
    "decorators.market_data": "track_market_data",
    "decorators.models": "track_prediction track_training",
    "decorators.orders": "track_order",
    "decorators.positions": "track_positions",
    "decorators.requests": "track_request",
    "decorators.risk": "track_circuit_breaker track_circuit_breaker_reset track_risk_check",
    "decorators.snapshots": "track_market track_strategy",
    "decorators.timers": "fill_timer request_timer training_timer",
    "decorators.trades": "track_trade",
    "errors": "ConfigurationError LabelSourceError SnapshotError TradmetricsError",
    "model.definition": "MetricDefinition",
    "orders": "OrderTracker",
    "record.exporter": "MetricsExporter metrics_exporter",
    "record.heartbeat": "heartbeat",
    "record.sampler": "Sampler",
    "record.stats": "StrategyStats",
    "registry.default": "configure get_metrics",
    "registry.metrics": "TradingMetrics",
    "serving.server": "start_metrics_server",
    "vocabulary.fold": "register_spellings",
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names.split()}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        home = _HOMES.get(name)
        if home is not None:
            found = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
            return found
        submodule = f"{__name__}.{name}"
        try:
            if not name.startswith("_"):
                return import_module(submodule)
        except ModuleNotFoundError as missing:
            if missing.name != submodule:
                raise
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
