"""Read the files of all workers, and add them up.

It replaces prometheus_client's `MultiProcessCollector`, with two differences: one damaged file costs its own figures
and not the scrape, and each series is parsed once, so that later scrapes read only the numbers.
"""

from __future__ import annotations

import json
import os
import re
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from time import sleep
from typing import Any, Final, NamedTuple

from prometheus_client import Metric
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

from tradmetrics.storage.line_blocks import SIZE, label_text, number_text
from tradmetrics.storage.rendering import PAUSE, Rendered
from tradmetrics.storage.worker_names import FileFailed

_HEADER: Final = struct.Struct("iI")
_LENGTH: Final = struct.Struct("i")
_KINDS: Final = ("counter", "gauge", "histogram", "summary")
_MODES: Final = ("all", "min", "max", "sum", "mostrecent")
_LEGACY_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


class DamagedFileError(ValueError):
    """A file in the workers' directory that is not one of a worker, or is broken."""


class Key(NamedTuple):
    """A series as a file spells it."""

    metric: str
    sample: str
    labels: tuple[tuple[str, str], ...]
    help: str


class WorkerFile(NamedTuple):
    """The name of a worker's file, taken apart.

    Attributes:
        path: Where it is.
        kind: `counter`, `gauge`, `histogram` or `summary`.
        mode: How the gauges of several workers become one; empty for other kinds.
        owner: The process id, with `tradmetrics-` before it for our files.
    """

    path: str
    kind: str
    mode: str
    owner: str

    @classmethod
    def of(cls, path: str) -> WorkerFile:
        """Take the name of a file apart.

        Raises:
            DamagedFileError: When a worker's file has another form of name.
        """
        parts = os.path.basename(path).removesuffix(".db").split("_")
        kind, mode = parts[0], parts[1] if parts[0] == "gauge" and len(parts) > 2 else ""
        if kind not in _KINDS or len(parts) < 2 or (kind == "gauge") != (mode.removeprefix("live") in _MODES):
            raise DamagedFileError("it is not named like a file of a worker")
        return cls(path, kind, mode, "_".join(parts[2 if mode else 1 :]))


class Content:
    """The content of a file: its series, which stay, and the numbers of one moment.

    Attributes:
        tag: Which process wrote it; see `worker_identity`.
        keys: Its series.
    """

    def __init__(self) -> None:
        self.tag = 0
        self.keys: list[bytes] = []
        self.trailer = b""
        self._end = _HEADER.size
        self._places: list[int] = []
        self._numbers: Callable[[Any], tuple[float, ...]] | None = None
        self._times: Callable[[Any], tuple[float, ...]] | None = None
        self._doubles: Any = ()

    def read(self, path: str) -> None:
        """Read a file, or read it again when only its numbers and more series have come.

        Raises:
            OSError: When it cannot be read.
            DamagedFileError: When its bytes are not those of a worker's file.
        """
        with open(path, "rb") as file:
            data = file.read()
        if len(data) < _HEADER.size:
            raise DamagedFileError(f"it has {len(data)} bytes")
        used, self.tag = _HEADER.unpack_from(data)
        used = used or _HEADER.size  # prometheus_client has made it, and has not come to write into it
        if not _HEADER.size <= used <= len(data) or used % 8:
            raise DamagedFileError(f"its header says that {used} of its {len(data)} bytes are used")
        self._parse(data, used)
        self.trailer = data[used:] if data[used : used + 1] == b"{" else b""
        self._doubles = memoryview(data)[: len(data) // 8 * 8].cast("d")

    def _parse(self, data: bytes, used: int) -> None:
        place = self._end
        if place > used:
            raise DamagedFileError("it has lost series")
        while place < used:
            (length,) = _LENGTH.unpack_from(data, place)
            end = place + 4 + length + 8 - (length + 4) % 8
            if length <= 0 or end + 16 > used:
                raise DamagedFileError(f"the series at byte {place} ends beyond the file")
            self.keys.append(data[place + 4 : place + 4 + length])
            self._places.append(end // 8)
            place = end + 16
        if place != self._end:
            self._end = place
            self._numbers = _getter(self._places)
            self._times = _getter([each + 1 for each in self._places])

    @property
    def numbers(self) -> Sequence[float]:
        """The number of each series."""
        return self._numbers(self._doubles) if self._numbers else ()

    @property
    def times(self) -> Sequence[float]:
        """When each number was written, for gauges of the mode `mostrecent`."""
        return self._times(self._doubles) if self._times else ()


def _getter(places: list[int]) -> Callable[[Any], tuple[float, ...]]:
    if len(places) == 1:
        (place,) = places
        return lambda doubles: (doubles[place],)
    return itemgetter(*places)


class MergedFamily(Rendered):
    """One metric of all workers.

    Args:
        name: Its name, without `_total`.
        help: Its help text.
        kind: Its type.
    """

    def __init__(self, name: str, help: str, kind: str) -> None:
        super().__init__(name, help, kind)
        self._samples: list[Sample] | None = None
        self.rows: list[tuple[str, Mapping[str, str], str, float]] = []
        """The name, the labels and the line's text before the number, and the number."""

    @property
    def samples(self) -> list[Sample]:
        """Every sample, made when first asked for."""
        if self._samples is None:
            self._samples = [Sample(name, dict(labels), value) for name, labels, _, value in self.rows]
        return self._samples

    @samples.setter
    def samples(self, samples: list[Sample]) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._samples = samples

    def pieces(self, openmetrics: bool) -> Iterator[bytes]:
        """The metric's text, in pieces of some lines each."""
        yield self.heading(openmetrics)
        for start in range(0, len(self.rows), SIZE):
            rows = self.rows[start : start + SIZE]
            yield "".join([f"{text}{number_text(value)}\n" for _, _, text, value in rows]).encode()


class _Row(NamedTuple):
    sample: str
    labels: dict[str, str]
    text: str


class _Layout:
    """Which number of which file belongs to which row, for a set of files with given series."""

    def __init__(self, key_of: Callable[[bytes], Key]) -> None:
        self._key_of = key_of
        self._slots: dict[tuple[object, ...], int] = {}
        self._metrics: dict[str, tuple[Key, str, list[int]]] = {}
        self._keys: list[Key] = []

    def place(self, file: WorkerFile, content: Content) -> list[int]:
        """The slot of each series of a file."""
        slots = []
        mode = file.mode.removeprefix("live")
        for raw in content.keys:
            key = self._key_of(raw)
            if mode == "all":
                key = key._replace(labels=(*key.labels, ("pid", file.owner)))
            identity = (key.metric, key.sample, key.labels)
            slot = self._slots.get(identity)
            if slot is None:
                slot = self._slots[identity] = len(self._keys)
                self._keys.append(key)
                self._metrics.setdefault(key.metric, (key, file.kind, []))[2].append(slot)
            slots.append(slot)
        return slots

    def families(self) -> list[Callable[[list[float]], Metric]]:
        """Functions that make each metric out of the numbers of all slots."""
        return [
            self._family(first, kind, slots) if kind != "histogram" else self._histogram(first, slots)
            for first, kind, slots in self._metrics.values()
        ]

    @property
    def size(self) -> int:
        """The number of slots."""
        return len(self._keys)

    def _row(self, key: Key, *more: tuple[str, str]) -> _Row:
        labels = dict((*key.labels, *more))
        before, after = label_text(tuple(labels), tuple(labels.values()))
        if "le" in labels:  # which label_text leaves to its caller
            inside = f'{before}le="{labels["le"]}"{after}'
        else:
            inside = f"{before[:-1]}{after}" if before else after[1:]
        return _Row(key.sample, labels, f"{key.sample}{{{inside}}} " if inside else f"{key.sample} ")

    def _family(self, first: Key, kind: str, slots: list[int]) -> Callable[[list[float]], Metric]:
        rows = [(slot, self._row(self._keys[slot])) for slot in slots]

        def make(numbers: list[float]) -> Metric:
            family = MergedFamily(first.metric, first.help, kind)
            for slot, row in rows:
                number = numbers[slot]
                if number is not None:
                    family.rows.append((row.sample, row.labels, row.text, number))
            return family

        return make

    def _histogram(self, first: Key, slots: list[int]) -> Callable[[list[float]], Metric]:
        groups: dict[tuple[tuple[str, str], ...], tuple[list[tuple[float, int]], list[int]]] = {}
        for slot in slots:
            key = self._keys[slot]
            bounds = [float(value) for name, value in key.labels if name == "le"]
            rest = tuple(pair for pair in key.labels if pair[0] != "le")
            buckets, others = groups.setdefault(rest, ([], []))
            if bounds:
                buckets.append((bounds[0], slot))
            else:
                others.append(slot)
        parts = []
        for rest, (buckets, others) in groups.items():
            key = Key(first.metric, f"{first.metric}_bucket", rest, first.help)
            rows = [
                (slot, self._row(key, ("le", floatToGoString(bound))))  # type: ignore[no-untyped-call]
                for bound, slot in sorted(buckets)
            ]
            count = self._row(key._replace(sample=f"{first.metric}_count"))
            parts.append(([(slot, self._row(self._keys[slot])) for slot in others], rows, count))

        def make(numbers: list[float]) -> Metric:
            family = MergedFamily(first.metric, first.help, "histogram")
            add = family.rows.append
            for others, rows, count in parts:
                for slot, row in others:
                    add((*row, numbers[slot]))
                total = 0.0
                for slot, row in rows:
                    total += numbers[slot]
                    add((*row, total))
                if rows:
                    add((*count, total))
            return family

        return make


class WorkerFiles:
    """The files of one directory, read again and again."""

    def __init__(self) -> None:
        self._contents: dict[tuple[str, int], Content] = {}
        self._keys: dict[bytes, Key] = {}
        self._signature: object = None
        self._placed: list[list[int]] = []
        self._families: list[Callable[[list[float]], Metric]] = []
        self._size = 0

    def collect(self, paths: Sequence[str], failed: FileFailed) -> list[Metric]:
        """Add up all files.

        Args:
            paths: The files.
            failed: Called for each file that cannot be read; the others are added up.
        """
        read = list(self._read(paths, failed))
        signature = [(file.path, id(content), len(content.keys)) for file, content in read]
        if signature != self._signature:
            self._signature = None
            layout = _Layout(self._key_of)
            self._placed = [layout.place(file, content) for file, content in read]
            self._families, self._size = layout.families(), layout.size
            self._signature = signature
        numbers: list[Any] = [None] * self._size
        times: list[float] = [0.0] * self._size
        for (file, content), slots in zip(read, self._placed, strict=True):
            _merge(file.mode.removeprefix("live"), slots, content, numbers, times)
            sleep(PAUSE)  # the interpreter's lock is for trading
        families = [make(numbers) for make in self._families]
        return [each if _is_plain(each) else _as_metric(each) for each in families]

    def _read(self, paths: Sequence[str], failed: FileFailed) -> Iterator[tuple[WorkerFile, Content]]:
        kept: dict[tuple[str, int], Content] = {}
        for path in paths:
            try:
                file = WorkerFile.of(path)
                place = (path, os.stat(path).st_ino)
                content = self._contents.get(place) or Content()
                known = len(content.keys)
                content.read(path)
                for raw in content.keys[known:]:
                    self._key_of(raw)
            except FileNotFoundError:
                continue  # of a worker that has gone meanwhile
            except Exception as error:
                failed(path, error)
                continue
            kept[place] = content
            yield file, content
        self._contents = kept
        if len(self._keys) > 4 * sum(len(each.keys) for each in kept.values()) + 1_000:
            self._keys.clear()

    def _key_of(self, raw: bytes) -> Key:
        key = self._keys.get(raw)
        if key is None:
            try:
                metric, sample, labels, text = json.loads(raw)
                pairs = tuple(sorted(labels.items()))
            except (ValueError, TypeError, AttributeError, RecursionError) as error:
                raise DamagedFileError(f"it holds a series that cannot be read ({error})") from error
            texts = (metric, sample, text, *(each for pair in pairs for each in pair))
            if not all(isinstance(each, str) for each in texts) or not sample.startswith(metric):
                raise DamagedFileError("it holds a series whose name or labels are not texts")
            if any(name == "le" and not _is_number(value) for name, value in pairs):
                raise DamagedFileError("it holds a bucket whose bound is not a number")
            key = self._keys[raw] = Key(metric, sample, pairs, text)
        return key


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _merge(mode: str, slots: list[int], content: Content, numbers: list[Any], times: list[float]) -> None:
    """Take the numbers of one file into those of all."""
    if mode in ("max", "min"):
        better = max if mode == "max" else min
        for slot, number in zip(slots, content.numbers, strict=True):
            held = numbers[slot]
            numbers[slot] = number if held is None else better(held, number)
    elif mode == "mostrecent":
        for slot, number, time in zip(slots, content.numbers, content.times, strict=True):
            if times[slot] < time:
                numbers[slot], times[slot] = number, time
    elif mode == "all":
        for slot, number in zip(slots, content.numbers, strict=True):
            numbers[slot] = number
    else:
        for slot, number in zip(slots, content.numbers, strict=True):
            held = numbers[slot]
            numbers[slot] = number if held is None else held + number


def _is_plain(metric: Metric) -> bool:
    """Whether the names are such that every format spells them alike."""
    if not isinstance(metric, MergedFamily):
        return False
    names = {name for name, *_ in metric.rows} | {label for _, labels, _, _ in metric.rows[:1] for label in labels}
    return all(_LEGACY_NAME.fullmatch(name) for name in (metric.name, *names))


def _as_metric(metric: Metric) -> Metric:
    plain = Metric(metric.name, metric.documentation, metric.type)
    plain.samples = metric.samples
    return plain
