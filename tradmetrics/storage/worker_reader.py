"""Read the files of all workers, and add them up.

It replaces prometheus_client's `MultiProcessCollector`, with two differences: one damaged file costs its own figures
and not the scrape, and each series is parsed once, so that later scrapes read only the numbers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from time import sleep
from typing import Any

from prometheus_client import Metric

from tradmetrics.storage.merged_family import MergedFamily
from tradmetrics.storage.rendering import PAUSE
from tradmetrics.storage.worker_format import Content, FileName, Key, parse_key
from tradmetrics.storage.worker_layout import Layout, merge
from tradmetrics.storage.worker_names import FileFailed


class WorkerReader:
    """The files of one directory, read again and again."""

    def __init__(self) -> None:
        self._contents: dict[tuple[str, int], Content] = {}
        self._keys: dict[bytes, Key] = {}
        self._signature: object = None
        self._placed: list[list[int]] = []
        self._families: list[Callable[[list[float]], MergedFamily]] = []
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
            layout = Layout(self._key_of)
            self._placed = [layout.place(file, content) for file, content in read]
            self._families, self._size = layout.families(), layout.size
            self._signature = signature
        numbers: list[Any] = [None] * self._size
        times: list[float] = [0.0] * self._size
        for (file, content), slots in zip(read, self._placed, strict=True):
            merge(file.mode.removeprefix("live"), slots, content, numbers, times)
            sleep(PAUSE)  # the interpreter's lock is for trading
        return [make(numbers).exposable() for make in self._families]

    def _read(self, paths: Sequence[str], failed: FileFailed) -> Iterator[tuple[FileName, Content]]:
        kept: dict[tuple[str, int], Content] = {}
        for path in paths:
            try:
                file = FileName.of(path)
                place = (path, os.stat(path).st_ino)
                content = self._contents.get(place) or Content()
                known = len(content.keys)
                content.load_file(file)
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
            key = self._keys[raw] = parse_key(raw)
        return key
