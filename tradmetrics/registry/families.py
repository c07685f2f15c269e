"""One metric family of a registry for several metrics objects, which differ in the values of their constant labels."""

from __future__ import annotations

from prometheus_client import Metric
from prometheus_client.registry import Collector

from tradmetrics.errors import ConfigurationError
from tradmetrics.registry.instrument import Instrument
from tradmetrics.storage.rendering import Family


class JointFamily(Collector):
    """The collector of one metric of several metrics objects: one HELP and TYPE, and the series of all of them.

    Attributes:
        instruments: The instruments, one for each combination of values of the constant labels. Replaced, not changed.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instruments: tuple[Instrument, ...] = (instrument,)

    def add(self, instrument: Instrument) -> None:
        """Add the same metric of another metrics object.

        Raises:
            ConfigurationError: If it is defined otherwise; only the buckets may differ.
        """
        theirs, ours = self.instruments[0].definition, instrument.definition
        for name in ("kind", "help", "labels", "unit"):
            if getattr(theirs, name) != getattr(ours, name):
                raise ConfigurationError(
                    f"{ours.name}: the registry has it already with another {name}: {getattr(theirs, name)!r}, not "
                    f"{getattr(ours, name)!r}"
                )
        self.instruments = (*self.instruments, instrument)

    def remove(self, instrument: Instrument) -> bool:
        """Take an instrument out; return whether it was the last one."""
        self.instruments = tuple(each for each in self.instruments if each is not instrument)
        return not self.instruments

    def describe(self) -> list[Metric]:
        """The metric without samples, which is how a registry learns its name."""
        return [Family(each.definition, {}, {}) for each in self.instruments[:1]]

    def collect(self) -> list[Metric]:
        """The metric with the samples of all its metrics objects."""
        families = [each.family() for each in self.instruments]
        for family in families[:1]:
            family.join(families[1:])
        return list(families[:1])
