"""The metrics object of instruments, and the process's default one."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, Protocol

from prometheus_client import CollectorRegistry

from tradmetrics import catalogue
from tradmetrics.cardinality import LabelBudget, LabelKey, Limits
from tradmetrics.errors import ConfigurationError, LabelSourceError, TradmetricsError, is_interruption
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.model.identifiers import is_identifier
from tradmetrics.model.text import LONGEST_KEY, shown, text_of
from tradmetrics.registry.errors_log import FaultLog, describe, logger
from tradmetrics.registry.freshness import Freshness
from tradmetrics.registry.instrument import AtScrape, Instrument, Resolved
from tradmetrics.registry.instruments import (
    NameTakenError,
    check_constants,
    instrument_on,
    instruments_of,
    leave_out,
    remove_from,
    restore_on,
)
from tradmetrics.registry.money import Converter, Money
from tradmetrics.registry.options import DerivedStats, buckets_of, constants_of, flag, limits_of, version_of
from tradmetrics.storage import worker_directory as multiprocess
from tradmetrics.storage.series import Series
from tradmetrics.vocabulary.numbers import MissingValue, amount_of

_YES: Final = ("1", "true", "yes", "on")
DISABLED_BY_ENVIRONMENT: Final = os.environ.get("TRADMETRICS_DISABLED", "").strip().lower() in _YES
"""Whether `TRADMETRICS_DISABLED=1` (or `true`, `yes`, `on`) was set when the package was imported."""

_MOST_LAST_FAULTS: Final = 200
MOST_REMEMBERED: Final = 10_000
"""Raw label combinations that a metrics object remembers; when there are more, it starts over."""


class Remembering(Protocol):
    """An object that remembers series of a metrics object, such as a decorated function."""

    def unbind(self) -> None:
        """Forget all of them, and which metrics object they are of."""
        ...

    def forget_series(self, name: str, gone: list[Series]) -> None:
        """Forget series of the metric `name` that were removed."""
        ...


class TradingMetrics:
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
        strategy_stats: The derived strategy figures, or None.
        constants: The constant labels, with their values.
        money: The currency, and how amounts in another one are read.
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
        self.strategy_stats = strategy_stats
        self.constants = constants_of(labels)
        self.money = Money(currency, convert)
        self._version = version_of(version)
        self.enabled = flag("enabled", enabled) and not DISABLED_BY_ENVIRONMENT
        self.strict = flag("strict", strict)
        self.token = object()
        """Replaced when what decorated functions have cached of this metrics object is no longer right."""
        self.remembered: dict[tuple[object, ...], Series] = {}
        """Series by metric and raw labels, where all of these are exact `str`; for callers without a site."""
        self._buckets = buckets_of(buckets)
        multiprocess.check()
        self._multiprocess = multiprocess.directory() is not None
        self._instruments: dict[str, Instrument] = {}
        self._faults = FaultLog()
        self._sites: dict[int, weakref.ref[Remembering]] = {}
        self.removals = 0
        """How often series were removed: whoever remembers a series compares it before and after."""
        self.last_faults: dict[str, str] = {}
        """The last error of each site, for the status page."""
        self._warned: set[tuple[str, int]] = set()
        if self.enabled:
            self._register()

    def _register(self) -> None:
        check_constants(self.registry, self.constants)
        owner = instruments_of(self.registry, self.constants)
        before = set(owner.instruments.values())
        try:
            for definition in catalogue.CATALOGUE:
                self._register_one(definition)
        except ConfigurationError:
            remove_from(self.registry, set(self._instruments.values()) - before)
            raise
        owner.users.add(self)
        started = time.monotonic()
        self._once(catalogue.SYSTEM_UPTIME, lambda: {(): time.monotonic() - started})
        self._once(catalogue.SERIES, lambda: {(each.definition.name,): float(len(each)) for each in owner.in_use()})
        self._once(
            catalogue.SERIES_LIMIT,
            lambda: {(each.definition.name,): float(each.guard.series_limit) for each in owner.in_use()},
        )
        self.at_scrape(catalogue.MARKET_DATA_STALE, self._count_stale)
        if self._version is not None:
            self.record(catalogue.BUILD_INFO, (self._version,), 1.0, site="tradmetrics.TradingMetrics")
        if self.strategy_stats is not None:
            self.strategy_stats.expose(self)

    def _register_one(self, definition: MetricDefinition) -> None:
        """Register a metric of the catalogue; if its name is taken, leave it out, with a line in the log."""
        try:
            instrument = self.instrument(definition)
            if instrument.left_out and self.strict:
                raise ConfigurationError(f"{definition.name}: the registry has another metric of that name")
        except NameTakenError as error:
            if self.strict:
                raise
            logger.warning(
                "%s. Until then tradmetrics leaves its %s out; all its other metrics are recorded.",
                error,
                definition.name,
                extra={"metric": definition.name},
            )
            definition = self._with_buckets(definition)
            self._instruments[definition.name] = leave_out(
                self.registry, definition, self.limits, self.constants, multiprocess=self._multiprocess
            )

    def _once(self, definition: MetricDefinition, function: AtScrape) -> None:
        """Compute at scrape what is the same for all metrics objects of a registry; functions of one metric add up."""
        if not self.instrument(definition).is_computed:
            self.at_scrape(definition, function)

    def _count_stale(self) -> Mapping[tuple[str, ...], float]:
        return {(): float(self.freshness.count_stale())}

    def instrument(self, definition: MetricDefinition) -> Instrument:
        """Return the instrument for a definition, registered at its first use.

        Raises:
            ConfigurationError: When a different metric of that name stands in the registry.
        """
        instrument = self._instruments.get(definition.name)
        if instrument is None or (instrument.definition is not definition and definition.name not in self._buckets):
            instrument = instrument_on(
                self.registry,
                self._with_buckets(definition),
                self.limits,
                self.constants,
                multiprocess=self._multiprocess,
            )
            self._instruments[definition.name] = instrument
        return instrument

    def _with_buckets(self, definition: MetricDefinition) -> MetricDefinition:
        bounds = self._buckets.get(definition.name)
        return definition if bounds is None else definition.with_buckets(bounds)

    def budgets(self, definition: MetricDefinition) -> tuple[LabelBudget | None, ...]:
        """The budget of each label of a metric; None for labels with a closed set of values."""
        return self.instrument(definition).guard.budgets

    def resolve(
        self, definition: MetricDefinition, raw: tuple[object, ...], *, site: str, dialect: str | None = None
    ) -> Resolved:
        """Return the series to record under, with what became of its labels.

        Unreadable labels are counted here, once for each call; overflows whenever the series is recorded to.

        Args:
            definition: The metric.
            raw: Raw label values in the definition's order.
            site: The recording site, for counting errors.
            dialect: The broker whose spellings closed labels are read in.
        """
        resolved = self.instrument(definition).resolve(raw, dialect)
        for problem in resolved.problems:
            self.fault(site, problem.stage, problem.error)
        for position in resolved.collapsed:
            self._warn(definition, position, resolved.values[position])
        return resolved

    def series(
        self, definition: MetricDefinition, raw: tuple[object, ...], *, site: str, dialect: str | None = None
    ) -> tuple[Series, bool]:
        """Return the series as `resolve` does, and whether the same raw labels may go to it unasked next time."""
        resolved = self.resolve(definition, raw, site=site, dialect=dialect)
        return resolved.series, not (resolved.collapsed or resolved.problems)

    def remember(
        self,
        definition: MetricDefinition,
        raw: tuple[object, ...],
        *,
        site: str,
        key: tuple[object, ...] | None = None,
    ) -> Series:
        """Return the series as `series` does, and keep it in `remembered` where that is safe.

        Args:
            definition: The metric.
            raw: Raw label values in the definition's order.
            site: The recording site, for counting errors.
            key: A further key to keep it under.
        """
        removals = self.removals
        series, again = self.series(definition, raw, site=site)
        if again:
            for each in (raw, key):
                if each is not None and all(
                    value is None or (type(value) is str and len(value) <= LONGEST_KEY) for value in each
                ):
                    self._keep((definition.name, *raw) if each is raw else each, series)
        if self.removals != removals:  # one of them may have been removed meanwhile
            self.remembered = {}
        return series

    def _keep(self, key: tuple[object, ...], series: Series) -> None:
        remembered: dict[Any, Series] = self.remembered
        if len(remembered) >= MOST_REMEMBERED:
            remembered.clear()
        remembered[key] = series

    def _warn(self, definition: MetricDefinition, position: int, text: str) -> None:
        """Say once for each label of each metric that its values collapse, with the first one and what to do."""
        if (definition.name, position) in self._warned:
            return
        self._warned.add((definition.name, position))
        with suppress(Exception):  # a logger that fails costs no count
            self._say(definition, position, text)

    def _say(self, definition: MetricDefinition, position: int, text: str) -> None:
        metric, label = definition.name, definition.label_names[position]
        guard = self.instrument(definition).guard
        budget = guard.budgets[position]
        said, knob = f"the label {label!r} had no place left for", f"labels={{{(metric, label)!r}: …}}"
        if budget is not None and not budget.refuses(text):
            said = f"its {guard.series_limit} series are used up, and the label {label!r} gave way at"
            knob = f"series={{{metric!r}: …}}"
        elif is_identifier(text) or (budget is not None and budget.is_identifier(text)):
            said, knob = f"the label {label!r} takes no identifiers, such as", ""
        logger.warning(
            "%s: %s %s; it is recorded as '__other__', and so is all that comes after it. "
            "If these values are few and matter, %sname them: Limits(allow={%r: (…)}).",
            metric,
            said,
            shown(text),
            knob and f"raise the budget, Limits({knob}), or ",
            label,
            extra={"metric": metric, "label": label, "value": text},
        )

    def record(
        self,
        definition: MetricDefinition,
        raw: tuple[object, ...] = (),
        amount: object = 1.0,
        *,
        site: str,
        dialect: str | None = None,
        key: tuple[object, ...] | None = None,
    ) -> None:
        """Record one sample: a counter adds, a gauge is set, a histogram observes. Never raises unless `strict`.

        Args:
            definition: The metric.
            raw: Raw label values in the definition's order.
            amount: A number. A value that is not finite, or negative for a counter, is dropped and counted as an error.
            site: The recording site, for counting errors.
            dialect: The broker whose spellings closed labels are read in.
            key: A further key of the series, for a caller that looks it up in `remembered` itself.
        """
        if not self.enabled:
            return
        try:
            value = amount if type(amount) is float and amount == 1.0 else amount_of(amount, definition.kind)
        except Exception as error:
            if is_interruption(error):
                raise
            self.fault(site, "value", error)
            return
        try:
            series: Series | None = None
            if dialect is not None:
                series, _ = self.series(definition, raw, site=site, dialect=dialect)
            else:
                for each in raw:
                    if type(each) is not str:
                        break
                else:
                    own: Any = (definition.name, *raw)
                    series = self.remembered.get(own)
                if series is None:
                    series = self.remember(definition, raw, site=site, key=key)
                elif key is not None and all(len(each) <= LONGEST_KEY for each in key if type(each) is str):
                    self._keep(key, series)
            apply(definition, series, value)
        except Exception as error:
            if is_interruption(error) or (self.strict and isinstance(error, TradmetricsError)):
                raise
            self.fault(site, "record", error)

    def at_scrape(self, definition: MetricDefinition, function: AtScrape) -> None:
        """Expose what `function` returns at each collection: values by label values, added up over functions.

        Args:
            definition: A gauge with `at_scrape=True`.
            function: Returns `{(label, …): value}`; a bound method is held weakly, so that its object can go. Where it
                raises, that is counted as an error, and the rest of the scrape goes on.
        """
        if self.enabled:
            faults = weakref.WeakMethod(self.fault)

            def failed(error: Exception) -> None:
                fault = faults()
                if fault is not None:
                    fault(definition.name, "record", error)

            self.instrument(definition).at_scrape(function, failed)

    def fault(self, site: str, stage: str, error: BaseException, *, strategy: str | None = None) -> None:
        """Count and log an error inside the instrumentation.

        Args:
            site: `module.qualname` of what was recording.
            stage: One of `catalogue.STAGES`.
            error: The error.
            strategy: The strategy of the call, for the log record, if it is known.

        Raises:
            TradmetricsError: In a `strict` metrics object only.
        """
        if not self.enabled or isinstance(error, MissingValue):
            return
        if self.strict:
            if isinstance(error, TradmetricsError):
                raise error
            kind = LabelSourceError if stage in ("source", "label", "vocabulary") else TradmetricsError
            raise kind(f"{site}: at the stage {stage!r}: {describe(error)}") from error
        # The last line of defence: whatever fails in here has nowhere left to be counted.
        try:
            self.instrument(catalogue.INSTRUMENTATION_ERRORS).resolve((site, stage)).series.tick()
        except Exception as problem:
            if is_interruption(problem):
                raise
        try:
            description = self._faults.newly(site, error)
            if description is not None or site not in self.last_faults:
                if len(self.last_faults) >= _MOST_LAST_FAULTS and site not in self.last_faults:
                    self.last_faults.clear()
                self.last_faults[site] = description or describe(error)
            self._faults.write(site, stage, error, strategy)
        except Exception as problem:
            if is_interruption(problem):
                raise

    def note_unsourced(self, site: str, label: str, message: str) -> None:
        """Show in `tradmetrics_unsourced_labels` that no source yields a label, and log it.

        Args:
            site: `module.qualname` of the decorated function.
            label: The label.
            message: The places that were searched, and the line to write.
        """
        if self.enabled:
            self.instrument(catalogue.UNSOURCED_LABELS).resolve((site, label)).series.set(1.0)
            logger.warning("%s: %s", site, message, extra={"site": site, "label": label})

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
        names = {}
        for collector in list(getattr(self.registry, "_collector_to_names", ())):
            for label in getattr(collector, "_labelnames", ()):
                names[str(label)] = str(getattr(collector, "_name", type(collector).__name__))
        for name, instrument in self._instruments.items():
            names.update(dict.fromkeys(instrument.definition.label_names, name))
        names.update(dict.fromkeys((name for name, _ in self.constants), "every metric (labels=)"))
        return names

    def unregister(self) -> None:
        """Take the metrics object's metrics off its registry, so that another metrics object can stand there."""
        remove_from(self.registry, self._instruments.values())
        self.forget()

    def add_site(self, site: Remembering) -> None:
        """Tell a decorated function what it must forget from now on; it is held weakly.

        Args:
            site: An object that remembers series of these metrics.
        """
        number, sites = id(site), self._sites
        sites[number] = weakref.ref(site, lambda gone: sites.pop(number, None))

    def forget(self) -> None:
        """Make decorated functions and timers look their series up again."""
        self.removals += 1
        self.remembered = {}
        self.token = object()
        for reference in self._sites.copy().values():
            site = reference()
            if site is not None:
                site.unbind()

    def forget_series(self, name: str, gone: list[Series]) -> None:
        """Drop what is remembered of series of the metric `name` that were removed.

        Args:
            name: The metric.
            gone: The series.
        """
        self.removals += 1
        self.token = object()  # code that has bound a few series binds them again
        numbers = {id(each) for each in gone}
        for key, series in self.remembered.copy().items():
            if id(series) in numbers:
                self.remembered.pop(key, None)
        for reference in self._sites.copy().values():
            site = reference()
            if site is not None:
                site.forget_series(name, gone)

    def restore(self) -> None:
        """Put the metrics object's metrics back on its registry after `unregister`, with what they had counted."""
        restore_on(self.registry, self._instruments.values())

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
        self._sites = {}
        self.constants = ()
        self.money = Money()
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


def apply(definition: MetricDefinition, series: Series, value: float) -> None:
    """Record a checked value as the metric's kind does."""
    if definition.kind == "counter":
        if value == 1.0:  # which keeps nothing, where an amount is kept until there are enough to add up
            series.tick()
        else:
            series.add(value)
    elif definition.kind == "gauge":
        series.set(value)
    else:
        series.observe(value)
