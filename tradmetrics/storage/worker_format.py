"""A worker's file, in prometheus_client's format: its name, its header, its series, and the number of each.

The header says how many bytes are used and which process wrote them. A series is its key (a list in JSON), and two
doubles that begin at a multiple of eight: its number, and when that was written.
"""

from __future__ import annotations

import json
import os
import stat
import struct
from collections.abc import Callable, Sequence
from math import isnan
from operator import itemgetter
from typing import Any, Final, NamedTuple

from tradmetrics.storage.worker_names import PREFIX

HEADER: Final = struct.Struct("iI")
"""The number of used bytes, and the tag of the process; see `worker_identity`."""
USED: Final = struct.Struct("i")
VALUE: Final = struct.Struct("dd")
"""A number, and when it was written: of gauges of the mode `mostrecent` only the latest counts."""
_LENGTH: Final = struct.Struct("i")
_START: Final = struct.Struct("iIi")
"""The header, and the length of the first key."""
_KINDS: Final = ("counter", "gauge", "histogram", "summary")
_MODES: Final = ("all", "min", "max", "sum", "mostrecent")


class DamagedFileError(ValueError):
    """A file in the workers' directory that is not one of a worker, or is broken."""


class FileName(NamedTuple):
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
    def of(cls, path: str) -> FileName:
        """Take the name of a file apart.

        Raises:
            DamagedFileError: When a worker's file has another form of name.
        """
        parts = os.path.basename(path).removesuffix(".db").split("_")
        kind, mode = parts[0], parts[1] if parts[0] == "gauge" and len(parts) > 2 else ""
        if kind not in _KINDS or len(parts) < 2 or (kind == "gauge") != (mode.removeprefix("live") in _MODES):
            raise DamagedFileError("it is not named like a file of a worker")
        return cls(path, kind, mode, _sound("_".join(parts[2 if mode else 1 :])))


class Key(NamedTuple):
    """A series as a file spells it."""

    metric: str
    sample: str
    labels: tuple[tuple[str, str], ...]
    help: str


def entry(key: bytes, number: float = 0.0, time: float = 0.0) -> bytes:
    """The bytes of a series; its last `VALUE.size` bytes are its number and its time."""
    return _LENGTH.pack(len(key)) + key + b" " * (8 - (len(key) + 4) % 8) + VALUE.pack(number, time)


def parse_key(raw: bytes) -> Key:
    """Read the key of a series.

    Raises:
        DamagedFileError: When no worker has written it.
    """
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
    return Key(
        _sound(metric), _sound(sample), tuple((_sound(name), _sound(value)) for name, value in pairs), _sound(text)
    )


def _sound(text: str) -> str:
    """A text that can be sent: JSON and file names can hold halves of characters."""
    return text.encode("utf-8", "replace").decode()


def is_regular(path: str) -> bool:
    """Whether this is a file, and not a pipe, whose opening waits for somebody to write into it.

    Raises:
        OSError: When there is nothing.
    """
    return stat.S_ISREG(os.stat(path).st_mode)


def _read(path: str, *, whole: bool) -> bytes:
    """Read the used bytes of a file; a foreign one may have gigabytes.

    Args:
        path: The file.
        whole: Whether to read what is behind them too.
    """
    if not is_regular(path):
        raise DamagedFileError("it is not a regular file")
    with open(path, "rb") as file:
        data = file.read(HEADER.size + _LENGTH.size)
        if len(data) < HEADER.size + _LENGTH.size:
            return data
        used, _, length = _START.unpack(data)
        if used > HEADER.size and not 0 < length < used:
            raise DamagedFileError("its first series ends beyond the file")
        return data + (file.read() if whole else file.read(max(0, used - len(data))))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class Content:
    """The content of a file: its series, which stay, and the numbers of one moment.

    Attributes:
        tag: Which process wrote it; see `worker_identity`.
        keys: Its series.
        trailer: The bytes behind the used ones, where they are JSON.
    """

    def __init__(self) -> None:
        self.tag = 0
        self.keys: list[bytes] = []
        self.trailer = b""
        self._end = HEADER.size
        self._places: list[int] = []
        self._numbers: Callable[[Any], tuple[float, ...]] | None = None
        self._times: Callable[[Any], tuple[float, ...]] | None = None
        self._doubles: Any = ()

    def load(self, data: bytes) -> None:
        """Take in the bytes of a file, or take in only its numbers and the series that were added.

        Raises:
            DamagedFileError: When they are not those of a worker's file.
        """
        if len(data) < HEADER.size:
            raise DamagedFileError(f"it has {len(data)} bytes")
        used, self.tag = HEADER.unpack_from(data)
        used = used or HEADER.size  # prometheus_client has made it, and has not come to write into it
        if not HEADER.size <= used <= len(data) or used % 8:
            raise DamagedFileError(f"its header says that {used} of its {len(data)} bytes are used")
        self._parse(data, used)
        self.trailer = data[used:] if data[used : used + 1] == b"{" else b""
        self._doubles = memoryview(data)[: len(data) // 8 * 8].cast("d")

    def load_file(self, file: FileName, *, whole: bool = False) -> None:
        """Take in a file.

        Args:
            file: The file.
            whole: Whether it may have a trailer.

        Raises:
            DamagedFileError: When it is not a worker's, or says that we have counted what nobody can count.
            OSError: When it cannot be read.
        """
        self.load(_read(file.path, whole=whole))
        if not file.owner.startswith(PREFIX):
            return  # a bot may set metrics that it has made with prometheus_client to anything
        if file.kind == "counter" and not all(map((0.0).__le__, self.numbers)):
            raise DamagedFileError("it holds a count that is negative or no number")
        if file.kind == "histogram" and isnan(sum(self.numbers)):
            raise DamagedFileError("it holds an observation that is no number")

    def _parse(self, data: bytes, used: int) -> None:
        place = self._end
        if place > used:
            raise DamagedFileError("it has lost series")
        while place < used:
            (length,) = _LENGTH.unpack_from(data, place)
            end = place + 4 + length + 8 - (length + 4) % 8
            if length <= 0 or end + VALUE.size > used:
                raise DamagedFileError(f"the series at byte {place} ends beyond the file")
            self.keys.append(data[place + 4 : place + 4 + length])
            self._places.append(end // 8)
            place = end + VALUE.size
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
