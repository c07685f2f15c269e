"""Add up the numbers of several workers' files: which number of which file belongs to which line of the exposition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from prometheus_client.utils import floatToGoString

from tradmetrics.storage.line_blocks import label_text
from tradmetrics.storage.merged_family import MergedFamily
from tradmetrics.storage.worker_format import Content, FileName, Key


class _Row(NamedTuple):
    sample: str
    labels: dict[str, str]
    text: str


class Layout:
    """Which number of which file belongs to which row, for a set of files with given series."""

    def __init__(self, key_of: Callable[[bytes], Key]) -> None:
        self._key_of = key_of
        self._slots: dict[tuple[object, ...], int] = {}
        self._metrics: dict[str, tuple[Key, str, list[int]]] = {}
        self._keys: list[Key] = []

    def place(self, file: FileName, content: Content) -> list[int]:
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

    def families(self) -> list[Callable[[list[float]], MergedFamily]]:
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

    def _family(self, first: Key, kind: str, slots: list[int]) -> Callable[[list[float]], MergedFamily]:
        rows = [(slot, self._row(self._keys[slot])) for slot in slots]

        def make(numbers: list[float]) -> MergedFamily:
            family = MergedFamily(first.metric, first.help, kind)
            for slot, row in rows:
                number = numbers[slot]
                if number is not None:
                    family.rows.append((row.sample, row.labels, row.text, number))
            return family

        return make

    def _histogram(self, first: Key, slots: list[int]) -> Callable[[list[float]], MergedFamily]:
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

        def make(numbers: list[float]) -> MergedFamily:
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


def merge(mode: str, slots: list[int], content: Content, numbers: list[Any], times: list[float]) -> None:
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
