"""The process's default metrics: the one piece of global state."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from threading import RLock
from typing import Any, Final

import prometheus_client
from prometheus_client import CollectorRegistry

from tradmetrics.cardinality import LabelKey, Limits
from tradmetrics.errors import ConfigurationError
from tradmetrics.registry.functions import FOLLOWING
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.registry.money import Converter
from tradmetrics.registry.options import DerivedStats, buckets_of, limits_of
from tradmetrics.storage.locks import hold_over_forks


class _Default:
    """Holds the process's default metrics: the one piece of global state."""

    __slots__ = ("lock", "metrics", "settings")

    def __init__(self) -> None:
        self.metrics: TradingMetrics | None = None
        self.settings: dict[str, Any] | None = None
        self.lock = RLock()


default: Final = _Default()
hold_over_forks(default.lock)

# Work that decorated functions want done with the process's default metrics, as long as the functions exist.
_followers: Final[weakref.WeakSet[Callable[[TradingMetrics], None]]] = weakref.WeakSet()


def with_every_default(follower: Callable[[TradingMetrics], None]) -> None:
    """Do something with the process's default metrics: now, if there is one, and with each one that comes.

    Args:
        follower: Does it; held weakly.
    """
    with default.lock:
        _followers.add(follower)
        if default.metrics is not None:
            follower(default.metrics)


def _announce(metrics: TradingMetrics) -> None:
    metrics.functions.more = FOLLOWING
    for follower in list(_followers):
        follower(metrics)


def get_metrics() -> TradingMetrics:
    """Return the process's default metrics object, built on `prometheus_client.REGISTRY` at the first use.

    Returns:
        The metrics object that `configure` built, or one with default settings.
    """
    metrics = default.metrics
    return configure() if metrics is None else metrics


def configure(
    registry: CollectorRegistry | None = None,
    *,
    limits: Limits | Mapping[LabelKey, int] | None = None,
    buckets: Mapping[str, Iterable[float]] | None = None,
    strategy_stats: DerivedStats | None = None,
    labels: Mapping[str, str] | None = None,
    currency: str | None = None,
    convert: Converter | None = None,
    version: str | None = None,
    start_timestamps: bool | None = None,
    enabled: bool = True,
    strict: bool = False,
    force: bool = False,
) -> TradingMetrics:
    """Set up the process's default metrics object, before its first use.

    The same settings twice change nothing. Decorated functions and timers without `metrics=` follow the default
    metrics object, also when it is replaced later.

    Args:
        registry: Where the metrics are registered; by default `prometheus_client.REGISTRY`.
        limits: As for `TradingMetrics`.
        buckets: As for `TradingMetrics`.
        strategy_stats: As for `TradingMetrics`.
        labels: As for `TradingMetrics`.
        currency: As for `TradingMetrics`.
        convert: As for `TradingMetrics`.
        version: As for `TradingMetrics`.
        start_timestamps: As for `TradingMetrics`.
        enabled: As for `TradingMetrics`; False makes functions already decorated call straight through.
        strict: As for `TradingMetrics`.
        force: True replaces a default metrics object that was set up otherwise; what it had counted is gone.

    Returns:
        The default metrics object.

    Raises:
        ConfigurationError: When default metrics with other settings are in use and `force` is not given, or for the
            reasons that `TradingMetrics` names.
    """
    settings: dict[str, Any] = {
        "registry": prometheus_client.REGISTRY if registry is None else registry,
        "limits": limits_of(limits),
        "buckets": buckets_of(buckets),
        "strategy_stats": strategy_stats,
        "labels": None if labels is None else dict(labels),
        "currency": currency,
        "convert": convert,
        "version": version,
        "start_timestamps": start_timestamps,
        "enabled": enabled,
        "strict": strict,
    }
    with default.lock:
        current = default.metrics
        if current is not None and settings == default.settings:
            return current
        if current is not None and not force:
            changed = [name for name, value in settings.items() if value != (default.settings or {}).get(name)]
            raise ConfigurationError(
                f"configure: the default metrics are in use with another {' and '.join(changed)}; call "
                "configure(…) before anything records, or replace the metrics and their counts with "
                "configure(…, force=True)"
            )
        if current is not None:
            current.unregister()
        try:
            metrics = TradingMetrics(**settings)
        except ConfigurationError:
            if current is not None:
                current.restore()
            raise
        default.metrics, default.settings = metrics, settings
        if current is not None:
            current.functions.more = None
            current.forget()  # a call may have come back to them between
        _announce(metrics)
        return metrics


def replace_default(metrics: TradingMetrics | None) -> TradingMetrics | None:
    """Put another metrics object in the default's place and return the one that was there; for tests."""
    with default.lock:
        previous, default.metrics, default.settings = default.metrics, metrics, None
        if previous is not None:
            previous.functions.more = None
            previous.forget()
        if metrics is not None:
            _announce(metrics)
        return previous


def current() -> TradingMetrics | None:
    """The process's default metrics object if there is one yet."""
    return default.metrics
