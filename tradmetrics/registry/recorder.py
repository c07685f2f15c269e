"""Recording to one metrics object: find the series of raw labels, record a sample, count errors of this package."""

from __future__ import annotations

import weakref
from typing import Any, Final

from tradmetrics import catalogue
from tradmetrics.cardinality import LabelBudget
from tradmetrics.errors import TradmetricsError, is_interruption
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.model.text import LONGEST_KEY
from tradmetrics.registry.collapse_log import CollapseLog
from tradmetrics.registry.dependents import Dependent, Dependents
from tradmetrics.registry.errors_log import FaultLog, logger, strict_error
from tradmetrics.registry.instrument import Instrument, Resolved
from tradmetrics.registry.instrument_set import InstrumentSet
from tradmetrics.registry.samples import apply
from tradmetrics.registry.scrape_functions import AtScrape
from tradmetrics.storage.series import Series
from tradmetrics.vocabulary.numbers import MissingValue, amount_of

MOST_REMEMBERED: Final = 10_000
"""Raw label combinations that a metrics object remembers; when there are more, it starts over."""


class Recorder:
    """The recording half of a metrics object: what decorators, explicit calls and adapters do with it.

    Args:
        instruments: The instruments to record to.
        enabled: Whether anything is recorded.
        strict: Whether instrumentation errors raise.

    Attributes:
        enabled: As given.
        strict: As given.
        token: Replaced when what decorated functions have cached of this metrics object is no longer right.
        remembered: Series by metric and raw labels, where all of these are exact `str`; for callers without a site.
        removals: How often series were removed: a caller that remembers a series compares it before and after.
    """

    def __init__(self, instruments: InstrumentSet, *, enabled: bool, strict: bool) -> None:
        self.enabled = enabled
        self.strict = strict
        self.token = object()
        self.remembered: dict[tuple[object, ...], Series] = {}
        self.removals = 0
        self._instruments = instruments
        self._faults = FaultLog()
        self._collapses = CollapseLog()
        self._dependents = Dependents()

    def instrument(self, definition: MetricDefinition) -> Instrument:
        """Return the instrument for a definition, registered at its first use.

        Raises:
            ConfigurationError: When a different metric of that name stands in the registry.
        """
        return self._instruments.find(definition)

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
            guard = self.instrument(definition).guard
            self._collapses.warn(definition, guard, position, resolved.values[position])
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
            raise strict_error(site, stage, error) from error
        # The last line of defence: whatever fails in here has nowhere left to be counted.
        try:
            self.instrument(catalogue.INSTRUMENTATION_ERRORS).resolve((site, stage)).series.tick()
        except Exception as problem:
            if is_interruption(problem):
                raise
        try:
            self._faults.add(site, stage, error, strategy)
        except Exception as problem:
            if is_interruption(problem):
                raise

    @property
    def last_faults(self) -> dict[str, str]:
        """The last error of each site, for the status page."""
        return self._faults.last.texts

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

    def add_site(self, site: Dependent) -> None:
        """Tell a decorated function what it must forget from now on; it is held weakly.

        Args:
            site: An object that remembers series of these metrics.
        """
        self._dependents.add(site)

    def forget(self) -> None:
        """Make decorated functions and timers look their series up again."""
        self.removals += 1
        self.remembered = {}
        self.token = object()
        for site in self._dependents:
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
        for site in self._dependents:
            site.forget_series(name, gone)
