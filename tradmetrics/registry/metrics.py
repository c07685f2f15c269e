"""The metrics object: its settings, the catalogue on its registry, and the figures that it works out itself."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final

from prometheus_client import CollectorRegistry

from tradmetrics import catalogue
from tradmetrics.cardinality import LabelKey, Limits
from tradmetrics.errors import ConfigurationError
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.model.text import shown, text_of
from tradmetrics.registry.dependents import Dependents
from tradmetrics.registry.errors_log import FaultLog
from tradmetrics.registry.freshness import Freshness
from tradmetrics.registry.functions import Functions
from tradmetrics.registry.instrument_set import InstrumentSet
from tradmetrics.registry.money import Converter, Money
from tradmetrics.registry.options import (
    DerivedStats,
    asked_for,
    buckets_of,
    constants_of,
    flag,
    limits_of,
    start_timestamps_of,
    version_of,
)
from tradmetrics.registry.recorder import Recorder
from tradmetrics.registry.scrape_functions import AtScrape

DISABLED_BY_ENVIRONMENT: Final = asked_for("TRADMETRICS_DISABLED")
"""Whether `TRADMETRICS_DISABLED=1` (or `true`, `yes`, `on`) was set when the package was imported."""


class TradingMetrics(Recorder):
    """A metrics object of instruments: every metric of the catalogue, on one registry, behind one guard.

    Args:
        registry: Where the metrics are registered; by default a new registry of the metrics object's own.
        limits: Label budgets: a `Limits`, or a plain mapping for its `labels`.
        buckets: Bucket bounds by metric, for histograms whose own do not fit.
        strategy_stats: Derives win rate, average P&L, Sharpe ratio and more from the trades recorded.
        labels: Labels that every series of this metrics object has, with their values, such as
            `{"venue": "kraken", "account": "main"}`. Several metrics objects with the same label names share a
            registry and its metric families.
        currency: The currency of all amounts, such as `"USD"`; by default the first one that a source gives. An amount
            in another currency is converted, or left out and counted as an error.
        convert: Converts such an amount: `convert(amount, source, target)`, with the currencies' codes.
        version: The version of your code, such as a release or a git commit, for `trading_build_info`; by default the
            environment variable `TRADMETRICS_VERSION`.
        start_timestamps: True shows in OpenMetrics when each counter and histogram began (`…_created`); by default the
            environment variable `TRADMETRICS_START_TIMESTAMPS`. Series in the files of several processes have none.
        enabled: False makes decorators return the very function they were given.
        strict: True raises instrumentation errors instead of counting them; for tests.

    Raises:
        ConfigurationError: When an option cannot work as given, such as a limit or a bucket list that names a metric
            or label that does not exist, when the registry has a conflicting metric, or when
            `PROMETHEUS_MULTIPROC_DIR` cannot be written to.

    Attributes:
        registry: The registry, for `prometheus_client.generate_latest` and the like.
        limits: The label budgets.
        freshness: When each symbol's market data last arrived.
        functions: The decorated functions that record here.
        strategy_stats: The derived strategy figures, or None.
        constants: The constant labels, with their values.
        money: The currency, and how amounts in another one are read.
        start_timestamps: Whether OpenMetrics shows when each counter and histogram began.
        enabled: Whether anything is recorded.
        strict: Whether instrumentation errors raise.
    """

    def __init__(
        self,
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
    ) -> None:
        if registry is not None and not isinstance(registry, CollectorRegistry):
            raise ConfigurationError(f"TradingMetrics: registry is a CollectorRegistry, not {shown(registry)}")
        if strategy_stats is not None and not hasattr(strategy_stats, "expose"):
            raise ConfigurationError(
                f"TradingMetrics: strategy_stats is a StrategyStats, e.g. StrategyStats(), not {shown(strategy_stats)}"
            )
        self.registry = CollectorRegistry() if registry is None else registry
        self.limits = limits_of(limits)
        self.freshness = Freshness()
        self.functions = Functions()
        self.strategy_stats = strategy_stats
        self.constants = constants_of(labels)
        self.money = Money(currency, convert)
        self._version = version_of(version)
        self.start_timestamps = start_timestamps_of(start_timestamps)
        super().__init__(
            InstrumentSet(self.registry, self.limits, self.constants, buckets_of(buckets)),
            enabled=flag("enabled", enabled) and not DISABLED_BY_ENVIRONMENT,
            strict=flag("strict", strict),
        )
        if self.enabled:
            self._register()

    def _register(self) -> None:
        owner = self._instruments.register_catalogue(strict=self.strict, start_timestamps=self.start_timestamps)
        owner.users.add(self)
        started = time.monotonic()
        self._once(catalogue.SYSTEM_UPTIME, lambda: {(): time.monotonic() - started})
        self._once(catalogue.SERIES, lambda: {(each.definition.name,): float(len(each)) for each in owner.in_use()})
        self._once(
            catalogue.SERIES_LIMIT,
            lambda: {(each.definition.name,): float(each.guard.series_limit) for each in owner.in_use()},
        )
        self.at_scrape(catalogue.MARKET_DATA_STALE, self._count_stale)
        self.at_scrape(catalogue.FUNCTION_CALLED, self.functions.called)
        self.at_scrape(catalogue.FUNCTION_CALLS, self.functions.calls)
        self.at_scrape(catalogue.LAST_ERROR, self._faults.last.times)
        if self._version is not None:
            self.record(catalogue.BUILD_INFO, (self._version,), 1.0, site="tradmetrics.TradingMetrics")
        if self.strategy_stats is not None:
            self.strategy_stats.expose(self)

    def _once(self, definition: MetricDefinition, function: AtScrape) -> None:
        """Compute at scrape what is the same for all metrics objects of a registry; functions of one metric add up."""
        if not self.instrument(definition).is_computed:
            self.at_scrape(definition, function)

    def _count_stale(self) -> Mapping[tuple[str, ...], float]:
        return {(): float(self.freshness.count_stale())}

    def is_stale(self, symbol: object) -> bool:
        """Whether market data of `symbol` has been silent for longer than its `stale_after`, or never came.

        Args:
            symbol: The symbol, as the label source gives it: a text, an enum member or what has a text.
        """
        try:
            return self.freshness.is_stale(text_of(symbol))
        except Exception:
            return True  # a symbol without a text was never recorded

    def label_names(self) -> dict[str, str]:
        """Every label of the metrics on the registry, with one of the metrics that have it."""
        return self._instruments.label_names()

    def unregister(self) -> None:
        """Take the metrics object's metrics off its registry, so that another metrics object can stand there."""
        self._instruments.remove()
        self.forget()

    def restore(self) -> None:
        """Put the metrics object's metrics back on its registry after `unregister`, with what they had counted."""
        self._instruments.restore()

    def __repr__(self) -> str:
        return f"TradingMetrics(enabled={self.enabled}, strict={self.strict}, metrics={len(self._instruments)})"


class _NoMetrics(TradingMetrics):
    """Stands for the metrics before the first call, and where none can be built: errors are still logged."""

    def __init__(self) -> None:
        self.token = object()
        self.enabled = False
        self.strict = False
        self.strategy_stats = None
        self.removals = 0
        self._dependents = Dependents()
        self.constants = ()
        self.money = Money()
        self.start_timestamps = False
        self._faults = FaultLog()

    def fault(self, site: str, stage: str, error: BaseException, *, strategy: str | None = None) -> None:
        """Log an error; there is nowhere to count it."""
        with suppress(Exception):
            self._faults.write(site, stage, error, strategy)


NO_METRICS: Final[TradingMetrics] = _NoMetrics()


def checked(metrics: object, where: str) -> TradingMetrics | None:
    """A `metrics=` argument as it was given: a metrics object, or None for the process's.

    Args:
        metrics: The argument.
        where: The function that takes it, for the message.

    Raises:
        ConfigurationError: When it is anything else, such as a registry.
    """
    if metrics is None or isinstance(metrics, TradingMetrics):
        return metrics
    advice = "TradingMetrics(registry)" if isinstance(metrics, CollectorRegistry) else "a TradingMetrics"
    raise ConfigurationError(f"{where}: metrics= takes a metrics object, not {shown(metrics)}; write metrics={advice}")
