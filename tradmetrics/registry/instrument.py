"""Definitions into guarded metrics for a prometheus_client `CollectorRegistry`.

An `Instrument` is one metric: a collector that owns its series, admits labels through its guard, and gives recording
calls the series to touch. Everything that happens once per series happens here; nothing here happens per call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from time import monotonic
from typing import Any, NamedTuple, Protocol

from prometheus_client import Metric
from prometheus_client.registry import Collector

from tradmetrics import catalogue
from tradmetrics.cardinality import Guard, Labels, Limits
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.registry.label_values import Problem, read
from tradmetrics.registry.scrape_functions import AtScrape, Failed, ScrapeFunctions
from tradmetrics.storage.adopted import Adopted
from tradmetrics.storage.exemplars import Exemplars
from tradmetrics.storage.kinds import creator
from tradmetrics.storage.label_cache import Budgets, LabelCache
from tradmetrics.storage.label_keys import is_safe
from tradmetrics.storage.line_blocks import LineBlocks, Rows
from tradmetrics.storage.overflow import OverflowSeries
from tradmetrics.storage.rendering import Family
from tradmetrics.storage.retired import MOST_RETIRED, RetiredSeries, creating
from tradmetrics.storage.series import Series
from tradmetrics.storage.start_timestamps import stamped, started_blocks


class Resolved(NamedTuple):
    """The series for raw labels, its labels, those that collapsed, what was wrong, and the labels before that."""

    series: Series
    labels: Labels
    collapsed: tuple[int, ...]
    problems: tuple[Problem, ...]
    values: Labels = ()


class Owner(Protocol):
    """The set of instruments on one registry, as one instrument sees it."""

    instruments: dict[str, Instrument]
    start_timestamps: bool

    def begin_scrape(self, name: str) -> None:
        """Note that the metric `name` is being collected."""
        ...

    retired: list[RetiredSeries]

    def settle(self) -> None:
        """Count what has come in for removed series."""
        ...

    def forget(self, name: str, gone: list[Series]) -> None:
        """Make all that record to these series of the metric `name` look them up again."""
        ...


class Instrument(Collector):
    """One metric of a registry.

    Attributes:
        definition: Its definition.
        constants: Labels that all its series have beside its own, with their values.
        limits: The budgets that it was made with.
        guard: Its label budgets.
        exemplars: The exemplars of its series; None where it cannot have any: a gauge, one of several processes, or one
            that records into another collector.
        adopted: The collector that it records into, if the registry had the same metric already.
        left_out: Whether it is on no registry, because another metric has its name there.
    """

    def __init__(
        self,
        definition: MetricDefinition,
        limits: Limits,
        owner: Owner,
        constants: tuple[tuple[str, str], ...] = (),
        *,
        multiprocess: bool,
        adopted: Adopted | None = None,
    ) -> None:
        self.definition = definition
        self.constants = constants
        self.limits = limits
        self.adopted = adopted
        self.left_out = False
        # Counts in the files of several processes, or in another collector, cannot be taken back.
        removable = not multiprocess and adopted is None
        self.guard = Guard(definition, limits, removable=removable)
        has_exemplars = definition.kind != "gauge" and not multiprocess and adopted is None
        self.exemplars = Exemplars(definition) if has_exemplars else None
        self._owner = owner
        self._peers = owner.instruments
        self._series = Rows()
        self._blocks = LineBlocks()
        self._marks: dict[Labels, object] = {}
        self._leaving: list[tuple[Labels, Series]] = []
        self._functions = ScrapeFunctions(definition, self.guard)
        self._removable = self.guard.is_open and removable
        # The series of raw labels, until a series is removed.
        self._opens: Budgets = tuple((i, (each,)) for i, each in enumerate(self.guard.budgets) if each is not None)
        self._known: LabelCache[Resolved] = LabelCache(self._opens)
        create = creator(definition, constants, multiprocess=multiprocess)
        self._create = create if adopted is None else adopted.create
        self._started: LineBlocks | None = None
        if owner.start_timestamps and removable and definition.kind != "gauge":
            self._create, self._started = stamped(create), started_blocks()

    def __len__(self) -> int:
        """The number of series, those computed at scrape among them; what reports on the guard has only its own."""
        if not self.definition.guarded:
            return len(self._series)
        return len(self._series) + sum(labels not in self._series for labels in self._functions.labels)

    def resolve(self, raw: tuple[object, ...], dialect: str | None = None) -> Resolved:
        """Return the series for raw label values, created when it is new.

        Where labels collapsed, it is an `OverflowSeries`, which counts that at each recording.

        Args:
            raw: One value per label, in the definition's order; `MISSING` or None is `unknown`.
            dialect: The broker whose spellings closed labels are read in.
        """
        key = (*raw, dialect)
        if not is_safe(key):
            return self._resolve(raw, dialect, None)
        return self._known[key] or self._resolve(raw, dialect, key)

    def _resolve(self, raw: tuple[object, ...], dialect: str | None, key: tuple[Any, ...] | None) -> Resolved:
        """Resolve raw labels that are not known; from now on they are, if they have a key."""
        problems: list[Problem] = []
        values = tuple(
            [read(label, value, dialect, problems) for label, value in zip(self.definition.labels, raw, strict=True)]
        )
        with creating.held():
            labels, collapsed = self.guard.admit(values)
            if collapsed and self._removable:
                self._make_room(values, collapsed)
                labels, collapsed = self.guard.admit(values)
            series = self._series.get(labels) or self._add(labels, self._create(labels))
            if collapsed:
                series = OverflowSeries(series, tuple(map(self._overflow, collapsed)))
            resolved = Resolved(series, labels, collapsed, tuple(problems), values)
            if key is not None and not problems:
                self._known.keep(key, resolved, self._opens if collapsed else None)
        return resolved

    def precreate(self, labels: Labels) -> None:
        """Create a series before anything is recorded to it, and keep it, where there is a place for it."""
        with creating.held():
            if self.guard.admit(labels)[0] == labels:
                if labels not in self._series:
                    self._add(labels, self._create(labels))
                self.guard.pin(labels)

    def _add(self, labels: Labels, series: Series) -> Series:
        now = monotonic()
        self.guard.take(labels, now)
        if self._removable and now >= self.guard.look_at and self.guard.is_full:
            self._look(now)  # series that are idle from here on may make room for the first one without a place
        # A finaliser may have come to the same labels since `series` was made: then its own is recorded to.
        kept = self._series.setdefault(labels, series)
        self._marks[labels] = 1.0  # the mark of a counter or a histogram right after the call that created it
        return kept

    def _overflow(self, position: int) -> Callable[[], object]:
        """The counter for overflows of the label at `position`."""
        raw = (self.definition.name, self.definition.label_names[position])
        return self._peers[catalogue.LABEL_OVERFLOW.name].resolve(raw).series.tick

    def _make_room(self, values: Labels, collapsed: tuple[int, ...]) -> None:
        """Remove what is idle for one of these values that keeps coming."""
        now = monotonic()
        if now >= self.guard.look_at:
            self._look(now)
        for position in self.guard.note_miss(values, collapsed):
            self._look(now)
            gone = self.guard.displaced_by(values, position, now)
            if gone:
                self._remove(gone, "displaced")
                return

    def sweep(self, now: float) -> None:
        """Note what was active, and remove what expired; costs nothing where it does not matter."""
        expire_after = self.limits.expire_after
        if not self._removable or not (expire_after or (now >= self.guard.look_at and self.guard.is_full)):
            return
        with creating.held():
            self._finish_removal()
            self._look(now)
            if expire_after:
                self._remove(self.guard.idle(now, expire_after), "expired")

    def _look(self, now: float) -> None:
        for labels, series in self._series.copy().items():
            mark = series.mark()
            if mark != self._marks.get(labels):
                self._marks[labels] = mark
                self.guard.touch(labels, now)
        for labels in self._functions.labels:
            self.guard.touch(labels, now)
        self.guard.mark_scanned(now)

    def _remove(self, gone: Iterable[Labels], cause: str) -> None:
        gone = [labels for labels in gone if labels in self._series]
        if not gone:
            return
        total: Any = self._peers[catalogue.SERIES_REMOVED.name].resolve((self.definition.name, cause)).series
        retired, serieses = self._owner.retired, self._series
        for labels in gone:
            series = serieses.get(labels)
            if series is None:
                continue
            entry = [RetiredSeries(series, total, partial(self._bring_back, labels))]
            leaving = [(labels, series)]
            # No Python code is called from here on: an exception that a signal handler raises comes before all of
            # these steps, or after them. Then what is left to do is done when the metric is looked at again. So the
            # row is deleted by the dict's own method: that of `Rows` is Python code.
            serieses.version += 1
            self._leaving += leaving
            retired += entry
            dict.__delitem__(serieses, labels)
        self._finish_removal()
        if len(retired) > MOST_RETIRED:
            self._owner.settle()

    def _finish_removal(self) -> None:
        """Give the places of removed series back, and let nobody find them any more."""
        leaving = self._leaving
        if not leaving:
            return
        gone = {id(series) for _, series in leaving}
        self._known.forget(lambda resolved: id(resolved.series) in gone)
        self._owner.forget(self.definition.name, [series for _, series in leaving])
        while leaving:
            labels, _ = leaving[-1]
            if labels not in self._series:
                self._marks.pop(labels, None)
                if self.exemplars is not None:
                    self.exemplars.forget(labels)
                if labels in self.guard:
                    self.guard.release(labels)
            del leaving[-1]

    def _bring_back(self, labels: Labels, series: Series) -> None:
        if labels not in self._series and self.guard.admit(labels)[0] == labels:
            self._add(labels, series)

    def forget_others(self, keep: Iterable[Labels], value: float) -> None:
        """Set every other series of a gauge to `value`: a series that is gone reads zero, not its last value."""
        kept = set(keep)
        for labels, series in self._series.copy().items():
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
            failed: Called when the function raises, so that the rest of the scrape goes on.
        """
        if self.adopted is not None and self.adopted.at_scrape is not None:
            self.adopted.at_scrape(function, failed)
        self._functions.add(function, failed)

    def describe(self) -> list[Metric]:
        """The metric without samples, which is how a registry learns its name."""
        return [Family(self.definition, {}, {})]

    def collect(self) -> list[Metric]:
        """The metric with the samples of all its series; a computed value is newer than one that was set."""
        return [self.family()]

    def family(self) -> Family:
        """The same, as the metric family that it is."""
        self._owner.begin_scrape(self.definition.name)
        computed = self._functions.values(self._series, monotonic())
        shown = self._blocks, self._started, self.exemplars
        return Family(self.definition, self._series, computed, self.constants, *shown)
