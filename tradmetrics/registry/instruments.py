"""The instruments of one registry: who uses them, their scrapes, and their removed series."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable
from dataclasses import fields
from time import monotonic
from typing import Final, Protocol

from prometheus_client import CollectorRegistry

from tradmetrics.cardinality import Limits
from tradmetrics.errors import ConfigurationError
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.registry.instrument import Instrument
from tradmetrics.storage.retired import MOST_RETIRED, RetiredSeries, creating
from tradmetrics.storage.series import Series


class Forgetful(Protocol):
    """An object that remembers series of a registry, such as a `TradingMetrics`."""

    def forget_series(self, name: str, gone: list[Series]) -> None:
        """Drop what is remembered of these series of the metric `name`."""
        ...


class RegistryInstruments:
    """The instruments of one registry.

    Attributes:
        instruments: The instruments by the metric's name. Replaced, not changed, when some are taken off, so that
            those still find the ones they were made with.
        users: The metrics objects that have looked series up here.
        retired: Removed series that somebody may still count on; see `RetiredSeries`.
    """

    def __init__(self) -> None:
        self.instruments: dict[str, Instrument] = {}
        self.users: weakref.WeakSet[Forgetful] = weakref.WeakSet()
        self.retired: list[RetiredSeries] = []
        self._scrape = threading.local()

    def in_use(self) -> list[Instrument]:
        """The instruments that have series."""
        return [each for each in list(self.instruments.values()) if len(each)]

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
        """Make all that record to these series of the metric `name` look them up anew."""
        for metrics in list(self.users):
            metrics.forget_series(name, gone)


# Shelves by registry, so that a second metrics object on the same registry finds its instruments. Weak: a registry
# takes its own along.
_by_registry: Final[weakref.WeakKeyDictionary[CollectorRegistry, RegistryInstruments]] = weakref.WeakKeyDictionary()


def instruments_of(registry: CollectorRegistry) -> RegistryInstruments:
    """The owner of a registry."""
    with creating.held():
        return _by_registry.setdefault(registry, RegistryInstruments())


def instrument_on(
    registry: CollectorRegistry, definition: MetricDefinition, limits: Limits, *, multiprocess: bool
) -> Instrument:
    """Return the instrument for `definition` on `registry`, registered when it is new.

    Raises:
        ConfigurationError: When another metric of that name, or the same with other limits, stands in the registry.
    """
    with creating.held():
        owner = instruments_of(registry)
        instrument = owner.instruments.get(definition.name)
        if instrument is None:
            instrument = Instrument(definition, limits, owner, multiprocess=multiprocess)
            owner.instruments[definition.name] = instrument
            _register(registry, instrument)
        elif instrument.definition != definition:
            difference = next(
                each.name
                for each in fields(definition)
                if getattr(instrument.definition, each.name) != getattr(definition, each.name)
            )
            raise ConfigurationError(
                f"{definition.name}: the registry has it already with "
                f"{'other' if difference.endswith('s') else 'another'} {difference}: "
                f"{getattr(instrument.definition, difference)!r}, not {getattr(definition, difference)!r}"
            )
        elif instrument.limits != limits:
            raise ConfigurationError(
                f"{definition.name}: the registry has it already with other limits; a second TradingMetrics on "
                f"a registry has the first one's: {instrument.limits!r}, not {limits!r}"
            )
        return instrument


_registering: Final[list[tuple[CollectorRegistry, Instrument]]] = []


def _register(registry: CollectorRegistry, instrument: Instrument) -> None:
    """Register an instrument that is on its owner.

    A registry's own lock cannot be taken twice. So a signal handler or a finaliser that comes here in the middle of
    registering another one leaves its own to the call that it interrupted.

    Raises:
        ConfigurationError: When the registry has another metric of that name; the instrument is off its owner then.
    """
    _registering.append((registry, instrument))
    if len(_registering) > 1:
        return
    refused = None
    while _registering:
        home, each = _registering[0]
        try:
            home.register(each)
        except ValueError as error:
            del instruments_of(home).instruments[each.definition.name]
            refused = error if each is instrument else refused
        except BaseException:
            del instruments_of(home).instruments[each.definition.name]
            raise
        finally:
            del _registering[0]
    if refused is not None:
        raise ConfigurationError(
            f"{instrument.definition.name}: the registry has another metric of that name, made outside tradmetrics "
            f"({refused}); give tradmetrics a registry of its own: TradingMetrics(CollectorRegistry())"
        )


def remove_from(registry: CollectorRegistry, instruments: Iterable[Instrument]) -> None:
    """Take instruments off a registry; those that are not on it are passed over."""
    with creating.held():
        owner = instruments_of(registry)
        gone = [each for each in instruments if owner.instruments.get(each.definition.name) is each]
        for instrument in gone:
            registry.unregister(instrument)
        owner.instruments = {name: each for name, each in owner.instruments.items() if each not in gone}


def restore_on(registry: CollectorRegistry, instruments: Iterable[Instrument]) -> None:
    """Put instruments that `remove_from` took off back on their registry."""
    with creating.held():
        owner = instruments_of(registry)
        for instrument in instruments:
            if instrument.definition.name not in owner.instruments:
                registry.register(instrument)
                owner.instruments[instrument.definition.name] = instrument
