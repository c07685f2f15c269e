"""The instruments of one registry: who uses them, their scrapes, and their removed series."""

from __future__ import annotations

import threading
import weakref
from time import monotonic
from typing import Final, Protocol, TypeAlias

from prometheus_client import CollectorRegistry

from tradmetrics.errors import ConfigurationError
from tradmetrics.registry.instrument import Instrument
from tradmetrics.storage.retired import MOST_RETIRED, RetiredSeries, creating
from tradmetrics.storage.series import Series

Constants: TypeAlias = tuple[tuple[str, str], ...]
"""Labels that all series of a metrics object have, with their values."""


class Forgetful(Protocol):
    """An object that remembers series of a registry, such as a `TradingMetrics`."""

    def forget_series(self, name: str, gone: list[Series]) -> None:
        """Drop what is remembered of these series of the metric `name`."""
        ...


class RegistryInstruments:
    """The instruments of one registry, or of those metrics objects on it that have the same constant labels.

    Args:
        constants: The constant labels, with their values.

    Attributes:
        constants: The same.
        instruments: The instruments by the metric's name. Replaced, not changed, when some are taken off, so that
            those still find the ones they were made with.
        users: The metrics objects that have looked series up here.
        retired: Removed series that somebody may still count on; see `RetiredSeries`.
        start_timestamps: Whether OpenMetrics shows when each series began.
    """

    def __init__(self, constants: Constants = ()) -> None:
        self.constants = constants
        self.instruments: dict[str, Instrument] = {}
        self.users: weakref.WeakSet[Forgetful] = weakref.WeakSet()
        self.retired: list[RetiredSeries] = []
        self.start_timestamps = False
        self._scrape = threading.local()

    def in_use(self) -> list[Instrument]:
        """The instruments that have series."""
        return [each for each in list(self.instruments.values()) if len(each) and not each.left_out]

    def begin_scrape(self, name: str) -> None:
        """Sweep once for each scrape, before its first metric, so that all metrics of it tell of the same series.

        A scrape is what one thread collects until it collects a metric that it has already collected.

        Args:
            name: The metric that is being collected.
        """
        seen: set[str] = self._scrape.__dict__.setdefault("seen", set())
        if not seen or name in seen:
            seen.clear()
            now = monotonic()
            for instrument in list(self.instruments.values()):
                instrument.sweep(now)
            self.settle()
        seen.add(name)

    def settle(self) -> None:
        """Count what has come in for removed series, and let go of those that nobody holds."""
        if self.retired:
            with creating.held():
                done = {id(each) for each in self.retired if not each.settle()}
                self.retired[:] = [each for each in self.retired if id(each) not in done]
                del self.retired[:-MOST_RETIRED]

    def forget(self, name: str, gone: list[Series]) -> None:
        """Make every site that records to these series of the metric `name` look them up again."""
        for metrics in list(self.users):
            metrics.forget_series(name, gone)


# Weak: a registry takes its own along.
_by_registry: Final[weakref.WeakKeyDictionary[CollectorRegistry, dict[Constants, RegistryInstruments]]] = (
    weakref.WeakKeyDictionary()
)


def instruments_of(registry: CollectorRegistry, constants: Constants = ()) -> RegistryInstruments:
    """The owner of a registry's instruments with these constant labels."""
    with creating.held():
        owners = _by_registry.setdefault(registry, {})
        return owners.setdefault(constants, RegistryInstruments(constants))


def owners_on(registry: CollectorRegistry) -> dict[Constants, RegistryInstruments]:
    """The owners of a registry's instruments, by the constant labels of these."""
    return _by_registry.get(registry, {})


def all_instruments_on(registry: CollectorRegistry) -> list[Instrument]:
    """The instruments of a registry, whatever their constant labels."""
    owners = list(owners_on(registry).values())
    return [instrument for owner in owners for instrument in list(owner.instruments.values())]


def join(registry: CollectorRegistry, constants: Constants, *, start_timestamps: bool) -> RegistryInstruments:
    """Return the owner of a registry's instruments for one more metrics object.

    Raises:
        ConfigurationError: If the metrics objects that are in use there have other settings.
    """
    _check_constants(registry, constants)
    owner = instruments_of(registry, constants)
    if owner.instruments and owner.start_timestamps is not start_timestamps:
        raise ConfigurationError(
            f"TradingMetrics: start_timestamps={start_timestamps}, but the registry has metrics with "
            f"start_timestamps={owner.start_timestamps}; give both the same, or the new one a registry of its own"
        )
    owner.start_timestamps = start_timestamps
    return owner


def _check_constants(registry: CollectorRegistry, constants: Constants) -> None:
    """See that the metrics objects on a registry have the same constant labels."""
    names = tuple(name for name, _ in constants)
    for owner in list(owners_on(registry).values()):
        theirs = tuple(name for name, _ in owner.constants)
        if owner.instruments and theirs != names:
            raise ConfigurationError(
                f"TradingMetrics: all metrics objects on a registry have the same names in labels=. Those on this one "
                f"have {_listed(theirs)}, and the new one has {_listed(names)}. Give them the same names, or give the "
                "new one a registry of its own: TradingMetrics(CollectorRegistry(), labels=…)"
            )


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"
