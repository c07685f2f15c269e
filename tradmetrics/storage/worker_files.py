"""The files that this worker writes, one for each kind of metric. They outlive it, and other processes read them.

They are not written by prometheus_client, because metrics must never end a trading process: its files are sparse, and
touching one on a full disk is a bus error.
"""

from __future__ import annotations

import logging
import mmap
import os
from contextlib import suppress
from io import FileIO
from itertools import count
from time import monotonic
from typing import Final

from tradmetrics.storage.worker_format import HEADER, USED, VALUE, entry
from tradmetrics.storage.worker_identity import own_tag
from tradmetrics.storage.worker_names import PREFIX, VARIABLE

_LOGGER = logging.getLogger("tradmetrics")
_SECONDS_BETWEEN_LOOKS: Final = 10.0
"""Between two looks whether the files are still there."""

_FIRST_SIZE: Final = 1 << 16

_files: Final[dict[str, WorkerFile]] = {}
look_at = 0.0
"""The time, by `time.monotonic`, at which `restore` is due."""


class WorkerFile:
    """A file whose blocks are all on the disk before memory is mapped to them: a full disk is an `OSError`."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._size = 0
        self._used = HEADER.size
        self._create(HEADER.pack(HEADER.size, own_tag()))

    def _create(self, content: bytes) -> None:
        """Make the file with this content, or leave everything as it is."""
        path = _free_path(self._kind)
        os.makedirs(os.path.dirname(path), exist_ok=True)  # somebody may have deleted it since the start
        # A reader must not find it without its header. A worker of another container may have the same process id, so
        # the draft has a name of its own: to empty a file that another process has mapped would kill that process.
        draft = f"{path}.{os.urandom(4).hex()}.new"
        # Without a buffer: what found no place on the disk must not be written later, least of all by a forked child.
        file = open(draft, "w+b", buffering=0)  # noqa: SIM115 - stays open as long as the process lives
        try:
            size = max(_FIRST_SIZE, self._size)
            memory = _reserve(file, 0, size)
            memory[: len(content)] = content
            os.rename(draft, path)
        except BaseException:
            file.close()
            with suppress(OSError):  # it may have its name already, when what comes is a Ctrl-C
                os.unlink(draft)
            raise
        self._path, self._file, self._memory, self._size = path, file, memory, size

    def restore(self) -> bool:
        """Write the file again, with everything in it, if somebody has deleted it. Return whether it was gone.

        Raises:
            OSError: When it cannot be written; it is tried again later.
        """
        with suppress(OSError):
            found, own = os.stat(self._path), os.fstat(self._file.fileno())
            if (found.st_ino, found.st_dev) == (own.st_ino, own.st_dev):
                return False
        before = self._memory, self._file
        self._create(self._memory[: self._used])
        for each in before:
            each.close()
        return True

    @property
    def path(self) -> str:
        """Where it is."""
        return self._path

    def add(self, keys: tuple[str, ...]) -> list[int]:
        """Make entries with the value 0, all or none, and return where their values are."""
        entries = bytearray()
        positions = []
        for key in map(str.encode, keys):
            entries += entry(key)
            positions.append(self._used + len(entries) - VALUE.size)
        end = self._used + len(entries)
        while end > self._size:
            self._memory = _reserve(self._file, self._size, self._size * 2)
            self._size *= 2
        self._memory[self._used : end] = entries
        self._used = end
        self._memory[: USED.size] = USED.pack(end)
        return positions

    def write(self, position: int, value: float, timestamp: float = 0.0) -> None:
        """Write a value: one copy, so that no reader sees half of it."""
        self._memory[position : position + VALUE.size] = VALUE.pack(value, timestamp)

    def close(self) -> None:
        """Close it, as it is."""
        self._memory.close()
        self._file.close()


def _reserve(file: FileIO, start: int, size: int) -> mmap.mmap:
    """Fill a file up to `size`, so that its blocks are on the disk, and map it."""
    end = file.seek(start)
    while end < size:
        end += file.write(bytes(size - end)) or 0
    return mmap.mmap(file.fileno(), size)


def _free_path(kind: str) -> str:
    path = base = os.path.join(os.environ[VARIABLE], f"{kind}_{PREFIX}{os.getpid()}")
    # The number of a process that is gone may come again, and what that one counted still counts.
    for again in count(2):
        if not os.path.exists(f"{path}.db"):
            break
        path = f"{base}-{again}"
    return f"{path}.db"


def file_of(kind: str) -> WorkerFile:
    """The file of a kind of metric, made when first asked for.

    Raises:
        OSError: When it cannot be made.
    """
    file = _files.get(kind)
    if file is None:
        file = _files[kind] = WorkerFile(kind)
    return file


def forget() -> None:
    """Close the files, which another process goes on with: after a fork, in the child."""
    for file in _files.values():
        with suppress(Exception):
            file.close()
    _files.clear()


def restore() -> None:
    """Write those of the files again that somebody has deleted, and say so in the log."""
    global look_at
    look_at = monotonic() + _SECONDS_BETWEEN_LOOKS
    for file in list(_files.values()):
        path = file.path
        try:
            if file.restore():
                _LOGGER.warning(
                    "%s: this worker's file was deleted while the worker runs, and is written again as %s with all "
                    "that the worker has counted. Does something clean the directory in %s up?",
                    path,
                    file.path,
                    VARIABLE,
                )
        except OSError as error:
            _LOGGER.warning(
                "%s: this worker's file was deleted while the worker runs, and cannot be written again (%s); its "
                "figures are missing until it can",
                path,
                error,
            )
