"""The instruments of one metrics object, by name: those of the catalogue, and those of its user's own metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry

from tradmetrics.cardinality import Limits
from tradmetrics.catalogue import CATALOGUE
from tradmetrics.errors import ConfigurationError
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.registry.collector_registry import NameTakenError, instrument_on, leave_out, remove_from, restore_on
from tradmetrics.registry.errors_log import logger
from tradmetrics.registry.instrument import Instrument
from tradmetrics.registry.instruments import Constants, RegistryInstruments, join
from tradmetrics.storage import worker_directory


class InstrumentSet:
    """The instruments of one metrics object.

    Args:
        registry: Where they are registered.
        limits: The label budgets.
        constants: The constant labels, with their values.
        buckets: Bucket bounds by metric, for histograms whose own do not fit.

    Raises:
        ConfigurationError: When `PROMETHEUS_MULTIPROC_DIR` cannot be written to.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        limits: Limits,
        constants: Constants,
        buckets: Mapping[str, tuple[float, ...]],
    ) -> None:
        worker_directory.check()
        self._multiprocess = worker_directory.directory() is not None
        self._registry = registry
        self._limits = limits
        self._constants = constants
        self._buckets = buckets
        self._by_name: dict[str, Instrument] = {}

    def __len__(self) -> int:
        return len(self._by_name)

    def __iter__(self) -> Iterator[Instrument]:
        return iter(tuple(self._by_name.values()))

    def find(self, definition: MetricDefinition) -> Instrument:
        """Return the instrument for a definition, registered at its first use.

        Raises:
            ConfigurationError: When a different metric of that name stands in the registry.
        """
        instrument = self._by_name.get(definition.name)
        if instrument is None or (instrument.definition is not definition and definition.name not in self._buckets):
            instrument = instrument_on(
                self._registry,
                self._with_buckets(definition),
                self._limits,
                self._constants,
                multiprocess=self._multiprocess,
            )
            self._by_name[definition.name] = instrument
        return instrument

    def register_catalogue(self, *, strict: bool, start_timestamps: bool) -> RegistryInstruments:
        """Register all metrics of the catalogue, or none.

        Args:
            strict: Whether a metric whose name is taken is an error; else it is left out, with a line in the log.
            start_timestamps: Whether OpenMetrics shows when each series began.

        Returns:
            All instruments on the registry with the same constant labels.

        Raises:
            ConfigurationError: When the registry has other settings, or a conflicting metric.
        """
        owner = join(self._registry, self._constants, start_timestamps=start_timestamps)
        before = set(owner.instruments.values())
        try:
            for definition in CATALOGUE:
                self._register(definition, strict)
        except ConfigurationError:
            remove_from(self._registry, set(self) - before)
            raise
        return owner

    def _register(self, definition: MetricDefinition, strict: bool) -> None:
        try:
            instrument = self.find(definition)
            if instrument.left_out and strict:
                raise ConfigurationError(f"{definition.name}: the registry has another metric of that name")
        except NameTakenError as error:
            if strict:
                raise
            logger.warning(
                "%s. Until then tradmetrics leaves its %s out; all its other metrics are recorded.",
                error,
                definition.name,
                extra={"metric": definition.name},
            )
            definition = self._with_buckets(definition)
            self._by_name[definition.name] = leave_out(
                self._registry, definition, self._limits, self._constants, multiprocess=self._multiprocess
            )

    def _with_buckets(self, definition: MetricDefinition) -> MetricDefinition:
        bounds = self._buckets.get(definition.name)
        return definition if bounds is None else definition.with_buckets(bounds)

    def remove(self) -> None:
        """Take them off the registry."""
        remove_from(self._registry, self)

    def restore(self) -> None:
        """Put them back on the registry after `remove`, with what they had counted."""
        restore_on(self._registry, self)

    def label_names(self) -> dict[str, str]:
        """Every label of the metrics on the registry, with one of the metrics that have it."""
        names = {}
        for collector in list(getattr(self._registry, "_collector_to_names", ())):
            for label in getattr(collector, "_labelnames", ()):
                names[str(label)] = str(getattr(collector, "_name", type(collector).__name__))
        for instrument in self:
            names.update(dict.fromkeys(instrument.definition.label_names, instrument.definition.name))
        names.update(dict.fromkeys((name for name, _ in self._constants), "every metric (labels=)"))
        return names
