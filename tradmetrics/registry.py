"""Definitions into guarded metrics on a prometheus_client `CollectorRegistry`.

An `Instrument` is one metric: a collector that owns its series, admits labels through its guard, and gives recording
calls the series to touch. Everything that happens once per series happens here; nothing here happens per call.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from functools import partial
from time import monotonic
from types import MethodType
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector

from tradmetrics import catalogue
from tradmetrics.cardinality import Guard, Labels, Limits
from tradmetrics.definition import MetricDefinition
from tradmetrics.errors import ConfigurationError
from tradmetrics.label_values import Problem, read
from tradmetrics.overflow import Overflowing
from tradmetrics.removal import creating
from tradmetrics.rendering import Family
from tradmetrics.series import Series
from tradmetrics.shelf import Shelf
from tradmetrics.storage import creator
from tradmetrics.text import clean

AtScrape = Callable[[], Mapping[tuple[str, ...], float]]
Failed = Callable[[Exception], None]


class Resolved(NamedTuple):
    """The series for raw labels, its labels, those that collapsed, what was wrong, and the labels before that."""

    series: Series
    labels: Labels
    collapsed: tuple[int, ...]
    problems: tuple[Problem, ...]
    values: Labels = ()


class Instrument(Collector):
    """One metric of a registry.

    Attributes:
        definition: What it is.
        limits: The budgets that it was made with.
        guard: Its label budgets.
    """

    def __init__(
        self, definition: MetricDefinition, limits: Limits, shelf: Shelf, *, multiprocess: bool = False
    ) -> None:
        self.definition = definition
        self.limits = limits
        # What several processes have written into their files cannot be taken back.
        self.guard = Guard(definition, limits, removable=not multiprocess)
        self._shelf = shelf
        self._peers = shelf.instruments
        self._series: dict[Labels, Series] = {}
        self._marks: dict[Labels, object] = {}
        self._scraped: frozenset[Labels] = frozenset()
        self._functions: list[tuple[Callable[[], AtScrape | None], Failed]] = []
        self._overflows: dict[int, Callable[[], object]] = {}
        self._removable = self.guard.is_open and not multiprocess
        self._create = creator(definition, multiprocess=multiprocess)

    def __len__(self) -> int:
        """The number of series, those computed at scrape among them; what reports on the guard has only its own."""
        return len(self._series) + (len(self._scraped - self._series.keys()) if self.definition.guarded else 0)

    def resolve(self, raw: tuple[object, ...], dialect: str | None = None) -> Resolved:
        """Return the series for raw label values, created when it is new.

        Where labels collapsed, it is an `Overflowing`, which counts that at each recording.

        Args:
            raw: One value per label, in the definition's order; `MISSING` or None is `unknown`.
            dialect: The broker whose spellings closed labels are read in.
        """
        problems: list[Problem] = []
        values = tuple(
            [read(label, value, dialect, problems) for label, value in zip(self.definition.labels, raw, strict=True)]
        )
        with creating:
            labels, collapsed = self.guard.admit(values)
            if collapsed and self._make_room(values, collapsed):
                labels, collapsed = self.guard.admit(values)
            series = self._series.get(labels)
            if series is None:
                series = self._add(labels, self._create(labels))
        if collapsed:
            series = Overflowing(series, tuple(map(self._overflow, collapsed)))
        return Resolved(series, labels, collapsed, tuple(problems), values)

    def precreate(self, labels: Labels) -> bool:
        """Create a series before anything is recorded to it, and keep it; return whether there was a place for it."""
        with creating:
            if self.guard.admit(labels)[0] != labels:
                return False
            if labels not in self._series:
                self._add(labels, self._create(labels))
            self.guard.take(labels, monotonic(), pinned=True)
            return True

    def _add(self, labels: Labels, series: Series) -> Series:
        self._series[labels] = series
        self._marks[labels] = 1.0  # what a counter or a histogram is at once after it was created for a call
        self.guard.take(labels, monotonic())
        return series

    def _overflow(self, position: int) -> Callable[[], object]:
        """What counts an overflow of the label at `position`."""
        count = self._overflows.get(position)
        if count is None:
            raw = (self.definition.name, self.definition.label_names[position])
            count = self._overflows[position] = self._peers[catalogue.LABEL_OVERFLOW.name].resolve(raw).series.tick
        return count

    def _make_room(self, values: Labels, collapsed: tuple[int, ...]) -> bool:
        """Remove what is idle for one of these values that keeps coming; whether anything was."""
        if not self._removable:
            return False
        now = monotonic()
        if now >= self.guard.look_at:
            self._look(now)
        for position in self.guard.hears(values, collapsed):
            self._look(now)
            gone = self.guard.displaced_by(values, position, now)
            if gone:
                self._remove(gone, "displaced")
                return True
        return False

    def sweep(self, now: float) -> None:
        """Note what was active, and remove what expired; costs nothing where it does not matter."""
        expire_after = self.limits.expire_after
        if not self._removable or not (expire_after or self.guard.is_pressed):
            return
        with creating:
            self._look(now)
            if expire_after:
                self._remove(self.guard.idle(now, expire_after), "expired")

    def _look(self, now: float) -> None:
        for labels, series in list(self._series.items()):
            mark = series.mark()
            if mark != self._marks.get(labels):
                self._marks[labels] = mark
                self.guard.touch(labels, now)
        for labels in self._scraped:
            self.guard.touch(labels, now)
        self.guard.looked(now)

    def _remove(self, gone: Iterable[Labels], cause: str) -> None:
        removed = [(labels, self._series.pop(labels)) for labels in gone if labels in self._series]
        if not removed:
            return
        total = self._peers[catalogue.SERIES_REMOVED.name].resolve((self.definition.name, cause)).series
        for labels, series in removed:
            del self._marks[labels]
            self.guard.release(labels)
            self._shelf.retire(series, total, partial(self._bring_back, labels))
        self._shelf.forget()

    def _bring_back(self, labels: Labels, series: Series) -> None:
        if labels not in self._series and self.guard.admit(labels)[0] == labels:
            self._add(labels, series)

    def forget_others(self, keep: Iterable[Labels], value: float) -> None:
        """Set every series of a gauge but those named to `value`: what is gone reads zero, not its last value."""
        kept = set(keep)
        for labels, series in list(self._series.items()):
            if labels not in kept and series.value() != value:
                series.set(value)

    @property
    def is_computed(self) -> bool:
        """Whether a function gives it values when it is scraped."""
        return bool(self._functions)

    def at_scrape(self, function: AtScrape, failed: Failed) -> None:
        """Add a function whose values are exposed at each collection; a bound method is held weakly.

        Args:
            function: Values by label values.
            failed: Told when the function raises, so that the rest of the scrape goes on.
        """
        reference = weakref.WeakMethod(function) if isinstance(function, MethodType) else lambda: function
        self._functions.append((reference, failed))

    def describe(self) -> list[Metric]:
        """The metric without samples, which is how a registry learns its name."""
        return [Family(self.definition, (), {})]

    def collect(self) -> list[Metric]:
        """The metric with the samples of all its series; what is computed at scrape is later than what was set."""
        self._shelf.begin_scrape(self.definition.name)
        computed = self._computed()
        return [Family(self.definition, list(self._series.items()), computed)]

    def _computed(self) -> dict[Labels, float]:
        totals: dict[Labels, float] = {}
        for entry in list(self._functions):
            reference, failed = entry
            function = reference()
            if function is None:
                self._functions.remove(entry)
                continue
            try:
                computed = [(self._as_labels(raw), float(value)) for raw, value in function().items()]
            except Exception as error:
                failed(error)
                continue
            for values, value in computed:
                with creating:
                    labels, _ = self.guard.admit(values)
                    self.guard.take(labels, monotonic())
                totals[labels] = totals.get(labels, 0.0) + value
        with creating:
            for labels in self._scraped - totals.keys() - self._series.keys():
                if labels in self.guard:
                    self.guard.release(labels)
            self._scraped = frozenset(totals)
        return totals

    def _as_labels(self, raw: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(clean(value) for _, value in zip(self.definition.labels, raw, strict=True))


# Shelves by registry, so that a second book on the same registry finds its instruments. Weak: a registry takes its own
# along.
_shelves: Final[weakref.WeakKeyDictionary[CollectorRegistry, Shelf]] = weakref.WeakKeyDictionary()


def shelf_of(registry: CollectorRegistry) -> Shelf:
    """The shelf of a registry."""
    with creating:
        return _shelves.setdefault(registry, Shelf())


def instrument_on(
    registry: CollectorRegistry, definition: MetricDefinition, limits: Limits, *, multiprocess: bool = False
) -> Instrument:
    """Return the instrument for `definition` on `registry`, registered when it is new.

    Raises:
        ConfigurationError: When another metric of that name, or the same with other limits, stands in the registry.
    """
    with creating:
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
                f"{definition.name}: the registry has it already with another {difference}: "
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
    with creating:
        shelf = shelf_of(registry)
        gone = [each for each in instruments if shelf.instruments.get(each.definition.name) is each]
        for instrument in gone:
            registry.unregister(instrument)
        shelf.instruments = {name: each for name, each in shelf.instruments.items() if each not in gone}


def restore_on(registry: CollectorRegistry, instruments: Iterable[Instrument]) -> None:
    """Put instruments that `remove_from` took off back on their registry."""
    with creating:
        shelf = shelf_of(registry)
        for instrument in instruments:
            if instrument.definition.name not in shelf.instruments:
                registry.register(instrument)
                shelf.instruments[instrument.definition.name] = instrument
