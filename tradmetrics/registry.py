"""Definitions into guarded metrics on a prometheus_client `CollectorRegistry`.

An `Instrument` is one metric: a collector that owns its series, admits labels through its guard, and gives recording
calls the series to touch. Everything that happens once per series happens here; nothing here happens per call.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable, Mapping
from threading import RLock
from types import MethodType
from typing import Any, Final, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.registry import Collector

from tradmetrics import vocabulary
from tradmetrics.cardinality import Guard, Limits
from tradmetrics.definition import Label, MetricDefinition
from tradmetrics.errors import ConfigurationError
from tradmetrics.labels import MISSING
from tradmetrics.rendering import Family
from tradmetrics.series import CounterSeries, ForeignSeries, GaugeSeries, HistogramSeries, Series, bound_texts
from tradmetrics.text import OTHER, UNKNOWN, clean, shown, text_of

AtScrape = Callable[[], Mapping[tuple[str, ...], float]]
Failed = Callable[[Exception], None]

# One reentrant lock around the creation of series: reentrant, because a signal handler or a finaliser may record in
# the middle of it; one, so that it can be taken around a fork (see series.py).
_creating: Final = RLock()
if hasattr(os, "register_at_fork"):  # pragma: no branch - absent on Windows only
    os.register_at_fork(before=_creating.acquire, after_in_parent=_creating.release, after_in_child=_creating.release)

_FOLDS: Final[Mapping[str, Callable[[object, str | None], str | None]]] = {
    "side": vocabulary.side,
    "order_type": vocabulary.order_type,
    "status": vocabulary.trade_status,
    "severity": lambda value, dialect: vocabulary.severity(value),
}


class Problem(NamedTuple):
    """Something that was wrong with a raw label: the stage it failed at, and why."""

    stage: str
    error: Exception


class Resolved(NamedTuple):
    """The series for raw labels, its label values, the labels that collapsed, and what was wrong."""

    series: Series
    labels: tuple[str, ...]
    collapsed: tuple[int, ...]
    problems: tuple[Problem, ...]


class Instrument(Collector):
    """One metric of a registry.

    Attributes:
        definition: What it is.
        guard: Its label budgets.
    """

    def __init__(self, definition: MetricDefinition, limits: Limits, *, multiprocess: bool = False) -> None:
        self.definition = definition
        self.guard = Guard(definition, limits)
        self._series: dict[tuple[str, ...], Series] = {}
        self._functions: list[tuple[Callable[[], AtScrape | None], Failed]] = []
        self._create: Callable[[tuple[str, ...]], Series]
        if multiprocess:
            foreign = _foreign(definition)
            self._create = lambda labels: ForeignSeries(foreign.labels(*labels) if labels else foreign)
        elif definition.buckets is not None:
            bounds, texts = definition.buckets, bound_texts(definition.buckets)
            self._create = lambda labels: HistogramSeries(bounds, texts)
        else:
            kind = CounterSeries if definition.kind == "counter" else GaugeSeries
            self._create = lambda labels: kind()

    def __len__(self) -> int:
        return len(self._series)

    def resolve(self, raw: tuple[object, ...], dialect: str | None = None) -> Resolved:
        """Return the series for raw label values, created when it is new.

        Args:
            raw: One value per label, in the definition's order; `MISSING` or None is `unknown`.
            dialect: The broker whose spellings closed labels are read in.
        """
        problems: list[Problem] = []
        values = tuple(
            _read(label, value, dialect, problems) for label, value in zip(self.definition.labels, raw, strict=True)
        )
        with _creating:
            labels, collapsed = self.guard.admit(values) if self.definition.guarded else (values, ())
            series = self._series.get(labels)
            if series is None:
                series = self._series[labels] = self._create(labels)
        return Resolved(series, labels, collapsed, tuple(problems))

    def forget_others(self, keep: Iterable[tuple[str, ...]], value: float) -> None:
        """Set every series of a gauge but those named to `value`: what is gone reads zero, not its last value."""
        kept = set(keep)
        for labels, series in list(self._series.items()):
            if labels not in kept:
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
        return [Family(self.definition, list(self._series.items()), self._computed())]

    def _computed(self) -> dict[tuple[str, ...], float]:
        totals: dict[tuple[str, ...], float] = {}
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
                with _creating:
                    labels = self.guard.admit(values)[0] if self.definition.guarded else values
                totals[labels] = totals.get(labels, 0.0) + value
        return totals

    def _as_labels(self, raw: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(clean(value) for _, value in zip(self.definition.labels, raw, strict=True))


def _read(label: Label, value: object, dialect: str | None, problems: list[Problem]) -> str:
    if value is None or value is MISSING:
        return UNKNOWN
    try:
        if label.values is None:
            return text_of(value)
        if type(value) is str and value in label.values:
            return value
        return _fold(label, label.values, value, dialect, problems)
    except Exception as error:
        problems.append(Problem("label", error))
        return UNKNOWN


def _fold(label: Label, values: tuple[str, ...], value: object, dialect: str | None, problems: list[Problem]) -> str:
    """The value of a closed label: a broker's spelling of one, or one as it stands."""
    fold = _FOLDS.get(label.name)
    folded = None if fold is None else fold(value, dialect)
    if folded in values:
        return folded
    text = text_of(value)
    if text in values:
        return text
    if text.lower() in (UNKNOWN, OTHER):
        return UNKNOWN
    if "OTHER" in values:
        return "OTHER"
    problems.append(Problem("vocabulary", ValueError(f"{label.name}={shown(value)} is none of {', '.join(values)}")))
    return UNKNOWN


def _foreign(definition: MetricDefinition) -> Any:
    """The prometheus_client metric, registered nowhere, whose files are the storage under several processes."""
    common: dict[str, Any] = {
        "documentation": definition.help,
        "labelnames": definition.label_names,
        "registry": None,
    }
    if definition.kind == "counter":
        return Counter(definition.name, **common)
    if definition.kind == "gauge":
        return Gauge(definition.name, multiprocess_mode=definition.multiprocess_mode, **common)
    return Histogram(definition.name, buckets=definition.buckets or (), **common)


# Instruments by registry, so that a second book on the same registry finds them. Weak: a registry takes its own along.
_instruments: Final[weakref.WeakKeyDictionary[CollectorRegistry, dict[str, Instrument]]] = weakref.WeakKeyDictionary()


def standing_on(registry: CollectorRegistry) -> Mapping[str, Instrument]:
    """The instruments on a registry by name, as they are at any time."""
    return _instruments.setdefault(registry, {})


def instrument_on(
    registry: CollectorRegistry, definition: MetricDefinition, limits: Limits, *, multiprocess: bool = False
) -> Instrument:
    """Return the instrument for `definition` on `registry`, registered when it is new.

    Raises:
        ConfigurationError: When another metric of that name stands in the registry.
    """
    with _creating:
        known = _instruments.setdefault(registry, {})
        instrument = known.get(definition.name)
        if instrument is None:
            instrument = Instrument(definition, limits, multiprocess=multiprocess)
            try:
                registry.register(instrument)
            except ValueError as error:
                raise ConfigurationError(
                    f"{definition.name}: the registry has another metric of that name, made outside tradmetrics "
                    f"({error}); give tradmetrics a registry of its own: TradingMetrics(CollectorRegistry())"
                ) from None
            known[definition.name] = instrument
        elif instrument.definition != definition:
            difference = next(
                name
                for name in ("kind", "labels", "buckets", "unit", "help", "family", "multiprocess_mode", "guarded")
                if getattr(instrument.definition, name) != getattr(definition, name)
            )
            raise ConfigurationError(
                f"{definition.name}: the registry has it already with another {difference}: "
                f"{getattr(instrument.definition, difference)!r}, not {getattr(definition, difference)!r}"
            )
        return instrument


def remove_from(registry: CollectorRegistry, instruments: Iterable[Instrument]) -> None:
    """Take instruments off a registry; those that are not on it are passed over."""
    with _creating:
        known = _instruments.get(registry, {})
        for instrument in instruments:
            if known.pop(instrument.definition.name, None) is not None:
                registry.unregister(instrument)


def restore_on(registry: CollectorRegistry, instruments: Iterable[Instrument]) -> None:
    """Put instruments that `remove_from` took off back on their registry."""
    with _creating:
        known = _instruments.setdefault(registry, {})
        for instrument in instruments:
            if instrument.definition.name not in known:
                registry.register(instrument)
                known[instrument.definition.name] = instrument
