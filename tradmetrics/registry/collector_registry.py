"""Instruments on a `CollectorRegistry`: found or made, left out where their name is taken, taken off, put back."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import fields
from typing import Final

from prometheus_client import CollectorRegistry

from tradmetrics.cardinality import Limits
from tradmetrics.errors import ConfigurationError
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.registry.families import JointFamily
from tradmetrics.registry.instrument import Instrument
from tradmetrics.registry.instruments import Constants, instruments_of, owners_on
from tradmetrics.storage.adopted import adoptable, in_the_way, is_of_an_earlier_import, shown_collector
from tradmetrics.storage.retired import creating

# The families of metrics objects with constant labels.
_families: Final[weakref.WeakKeyDictionary[CollectorRegistry, dict[str, JointFamily]]] = weakref.WeakKeyDictionary()


class NameTakenError(ConfigurationError):
    """The name of a metric is taken in the registry by one that was made outside tradmetrics."""


def instrument_on(
    registry: CollectorRegistry,
    definition: MetricDefinition,
    limits: Limits,
    constants: Constants = (),
    *,
    multiprocess: bool,
) -> Instrument:
    """Return the instrument for `definition` on `registry`, registered when it is new.

    If the registry has the same metric already, made with prometheus_client or by an earlier import of this package,
    the instrument records into that one.

    Raises:
        NameTakenError: When a different metric, made outside tradmetrics, has that name in the registry.
        ConfigurationError: When the same metric with another definition or other limits stands in the registry.
    """
    with creating.held():
        owner = instruments_of(registry, constants)
        instrument = owner.instruments.get(definition.name)
        if instrument is None:
            for name in definition.label_names:
                if any(name == constant for constant, _ in constants):
                    raise ConfigurationError(
                        f"{definition.name} has a label {name!r} of its own, which labels= of the metrics object has "
                        "too; give one of the two another name"
                    )
            adopted = None if constants else adoptable(registry, definition)
            instrument = Instrument(definition, limits, owner, constants, multiprocess=multiprocess, adopted=adopted)
            owner.instruments[definition.name] = instrument
            if adopted is None:
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
            _put_on(home, each)
        except ValueError as error:
            del instruments_of(home, each.constants).instruments[each.definition.name]
            refused = error if each is instrument else refused
        except BaseException:
            del instruments_of(home, each.constants).instruments[each.definition.name]
            raise
        finally:
            del _registering[0]
    if isinstance(refused, ConfigurationError):
        raise refused
    if refused is not None:
        raise NameTakenError(_refusal(registry, instrument.definition))


def leave_out(
    registry: CollectorRegistry,
    definition: MetricDefinition,
    limits: Limits,
    constants: Constants = (),
    *,
    multiprocess: bool,
) -> Instrument:
    """Return an instrument that is on no registry, for a metric whose name is taken there."""
    with creating.held():
        owner = instruments_of(registry, constants)
        instrument = Instrument(definition, limits, owner, constants, multiprocess=multiprocess)
        instrument.left_out = True
        owner.instruments[definition.name] = instrument
        return instrument


def _refusal(registry: CollectorRegistry, definition: MetricDefinition) -> str:
    other = in_the_way(registry, definition)
    if is_of_an_earlier_import(other):
        return (
            f"{definition.name}: the package tradmetrics was imported a second time in this process (sys.modules was "
            "purged), and its first import has this metric in the registry with another definition; restart the process"
        )
    return (
        f"{definition.name}: the registry has another metric of that name already, made outside tradmetrics: "
        f"{shown_collector(other)}; rename or remove that one, or give tradmetrics a registry of its own: "
        "configure(registry=CollectorRegistry())"
    )


def _put_on(registry: CollectorRegistry, instrument: Instrument) -> None:
    """Register an instrument; those with constant labels share a family with the others of their name."""
    if instrument.left_out or instrument.adopted is not None:
        return
    if not instrument.constants:
        registry.register(instrument)
        return
    families = _families.setdefault(registry, {})
    family = families.get(instrument.definition.name)
    if family is not None:
        family.add(instrument)
        return
    family = JointFamily(instrument)
    registry.register(family)
    families[instrument.definition.name] = family


def _take_off(registry: CollectorRegistry, instrument: Instrument) -> None:
    if instrument.left_out or instrument.adopted is not None:
        return
    if not instrument.constants:
        registry.unregister(instrument)
        return
    families = _families.setdefault(registry, {})
    family = families.get(instrument.definition.name)
    if family is not None and family.remove(instrument):
        registry.unregister(family)
        del families[instrument.definition.name]


def remove_from(registry: CollectorRegistry, instruments: Iterable[Instrument]) -> None:
    """Take instruments off a registry; those that are not on it are passed over."""
    with creating.held():
        owners = owners_on(registry)
        gone = []
        for instrument in instruments:
            owner = owners.get(instrument.constants)
            if owner is not None and owner.instruments.get(instrument.definition.name) is instrument:
                gone.append(instrument)
        for instrument in gone:
            _take_off(registry, instrument)
        for owner in owners.values():
            owner.instruments = {name: each for name, each in owner.instruments.items() if each not in gone}


def restore_on(registry: CollectorRegistry, instruments: Iterable[Instrument]) -> None:
    """Put instruments that `remove_from` took off back on their registry."""
    with creating.held():
        for instrument in instruments:
            owner = instruments_of(registry, instrument.constants)
            if instrument.definition.name not in owner.instruments:
                _put_on(registry, instrument)
                owner.instruments[instrument.definition.name] = instrument
