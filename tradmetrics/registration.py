"""The instruments of each registry: one for each metric, however many books record through it."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import fields
from typing import Final

from prometheus_client import CollectorRegistry

from tradmetrics.cardinality import Limits
from tradmetrics.definition import MetricDefinition
from tradmetrics.errors import ConfigurationError
from tradmetrics.registry import Instrument
from tradmetrics.removal import creating
from tradmetrics.shelf import Shelf

# Shelves by registry, so that a second book on the same registry finds its instruments. Weak: a registry takes its own
# along.
_shelves: Final[weakref.WeakKeyDictionary[CollectorRegistry, Shelf]] = weakref.WeakKeyDictionary()


def shelf_of(registry: CollectorRegistry) -> Shelf:
    """The shelf of a registry."""
    with creating.held():
        return _shelves.setdefault(registry, Shelf())


def instrument_on(
    registry: CollectorRegistry, definition: MetricDefinition, limits: Limits, *, multiprocess: bool
) -> Instrument:
    """Return the instrument for `definition` on `registry`, registered when it is new.

    Raises:
        ConfigurationError: When another metric of that name, or the same with other limits, stands in the registry.
    """
    with creating.held():
        shelf = shelf_of(registry)
        instrument = shelf.instruments.get(definition.name)
        if instrument is None:
            instrument = Instrument(definition, limits, shelf, multiprocess=multiprocess)
            shelf.instruments[definition.name] = instrument
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
                f"{definition.name}: the registry has it already with other limits; a second book on a registry has "
                f"the first one's: {instrument.limits!r}, not {limits!r}"
            )
        return instrument


_registering: Final[list[tuple[CollectorRegistry, Instrument]]] = []


def _register(registry: CollectorRegistry, instrument: Instrument) -> None:
    """Register an instrument that is on its shelf.

    A registry's own lock cannot be taken twice. So a signal handler or a finaliser that comes here in the middle of
    registering another one leaves its own to the call that it interrupted.

    Raises:
        ConfigurationError: When the registry has another metric of that name; the instrument is off its shelf then.
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
            del shelf_of(home).instruments[each.definition.name]
            refused = error if each is instrument else refused
        except BaseException:
            del shelf_of(home).instruments[each.definition.name]
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
        shelf = shelf_of(registry)
        gone = [each for each in instruments if shelf.instruments.get(each.definition.name) is each]
        for instrument in gone:
            registry.unregister(instrument)
        shelf.instruments = {name: each for name, each in shelf.instruments.items() if each not in gone}


def restore_on(registry: CollectorRegistry, instruments: Iterable[Instrument]) -> None:
    """Put instruments that `remove_from` took off back on their registry."""
    with creating.held():
        shelf = shelf_of(registry)
        for instrument in instruments:
            if instrument.definition.name not in shelf.instruments:
                registry.register(instrument)
                shelf.instruments[instrument.definition.name] = instrument
