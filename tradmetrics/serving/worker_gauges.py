"""Gauges computed at each scrape, under several processes: each worker writes its own down for whichever answers.

A scrape reaches one worker, and one worker's open orders or silent feed are not all there are. So where an endpoint is
set up, a thread computes this worker's every second and puts them into its files, as long as it lives.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Metric

from tradmetrics import catalogue
from tradmetrics.registry.errors_log import FaultLog
from tradmetrics.registry.instruments import all_instruments_on
from tradmetrics.storage.rendering import Family
from tradmetrics.storage.series import Series
from tradmetrics.storage.worker_series import restore_deleted_files, series_in_files

SECONDS: Final = 1.0
"""Between two computations."""
HELD_SECONDS: Final = 60.0
"""How long the largest value of a metric stays that tells what was largest since the last scrape: all workers compute,
but only one of them is scraped."""

_COUNTERS: Final = frozenset(each.name for each in catalogue.CATALOGUE if each.at_scrape and each.kind == "counter")
_HELD: Final = frozenset([catalogue.ORDER_MESSAGE_RATE_MAX.name])
# A worker that is gone has no open orders and no uptime.
_MODES: Final[Mapping[str, str]] = {
    "sum": "livesum",
    "livesum": "livesum",
    "max": "livemax",
    "livemax": "livemax",
    "min": "livemin",
    "livemin": "livemin",
    "mostrecent": "livemostrecent",
}
_Key = tuple[str, tuple[str, ...]]


class SeriesOwner(Protocol):
    """An object that serves a registry."""

    def served(self) -> CollectorRegistry | None:
        """The registry of this process, whichever it is now; None while there is none."""


class _Written:
    """The gauges of one registry that this process has written."""

    def __init__(self) -> None:
        self._series: dict[_Key, Series] = {}
        self._values: dict[_Key, float] = {}
        self._peaks: dict[_Key, tuple[float, float]] = {}

    def write(self, registry: CollectorRegistry) -> None:
        values: dict[_Key, float] = {}
        for instrument in all_instruments_on(registry):
            definition = instrument.definition
            if not instrument.is_computed:
                continue
            make: Callable[[tuple[str, ...]], Series] | None = None
            constants = tuple(value for _, value in instrument.constants)
            for own, value in _computed(instrument.collect()):
                labels = (*own, *constants)
                key = (definition.name, labels)
                values[key] = self._held(key, value) if definition.name in _HELD else value
                if key not in self._series:
                    make = make or series_in_files(
                        definition.kind,
                        definition.name,
                        definition.help,
                        (*definition.label_names, *(name for name, _ in instrument.constants)),
                        mode="" if definition.kind == "counter" else _MODES[definition.multiprocess_mode],
                    )
                    self._series[key] = make(labels)
        for key, series in self._series.items():
            value = values.get(key, 0.0)
            # Of several workers, the value that changed last is the most recent one.
            before = self._values.get(key)
            if before == value:
                continue
            if key[0] in _COUNTERS:
                if value > (before or 0.0):
                    series.add(value - (before or 0.0))
                    self._values[key] = value
            else:
                series.set(value)
                self._values[key] = value

    def _held(self, key: _Key, value: float) -> float:
        now = time.monotonic()
        since, peak = self._peaks.get(key, (now, value))
        if value >= peak or now - since > HELD_SECONDS:
            since, peak = self._peaks[key] = (now, value)
        return peak


def _computed(metrics: Iterable[Metric]) -> Iterator[tuple[tuple[str, ...], float]]:
    for metric in metrics:
        if isinstance(metric, Family):
            yield from metric.computed.items()


_sources: Final[weakref.WeakSet[SeriesOwner]] = weakref.WeakSet()
_faults: Final = FaultLog()


class _Worker:
    """The state of this process; a forked child has a new one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.written: weakref.WeakKeyDictionary[CollectorRegistry, _Written] = weakref.WeakKeyDictionary()
        self.thread: threading.Thread | None = None

    def start(self) -> None:
        self.thread = threading.Thread(target=_run, name="tradmetrics-publisher", daemon=True)
        self.thread.start()


_worker = _Worker()


def publish(registry: CollectorRegistry) -> None:
    """Write what is computed at scrape into this worker's files. Never raises.

    Args:
        registry: The registry whose metrics are computed.
    """
    worker = _worker
    try:
        with worker.lock:
            worker.written.setdefault(registry, _Written()).write(registry)
    except Exception as error:
        _faults.write(__name__, "record", error)


def keep_publishing(source: SeriesOwner) -> None:
    """Publish every second from now on, also in processes that are forked from this one."""
    _sources.add(source)
    if _worker.thread is None:
        _worker.start()


def _run() -> None:
    while True:
        restore_deleted_files()
        for registry in {each.served() for each in list(_sources)}:
            if registry is not None:
                publish(registry)
        time.sleep(SECONDS)


def _after_fork() -> None:
    global _worker
    before, _worker = _worker, _Worker()
    if before.thread is not None:
        _worker.start()


if hasattr(os, "register_at_fork"):  # pragma: no branch - absent on Windows only
    os.register_at_fork(after_in_child=_after_fork)
