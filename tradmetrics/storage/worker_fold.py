"""Fold the files of workers that are gone into one per kind, so that a scrape costs what the living workers cost.

Servers recycle workers (gunicorn's `--max-requests`), and each worker leaves its counts behind in files. The fold of a
kind is one file of the same format, so prometheus_client's own collector reads it too. Behind the used part of the file
stands the list of the files that were folded into it: the file is put in place by one rename, and a process that is
killed before it has deleted the folded files leaves nothing that counts twice.
"""

from __future__ import annotations

import json
import os
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from tradmetrics.storage.worker_format import HEADER, Content, FileName, entry, is_regular
from tradmetrics.storage.worker_identity import UNKNOWN, is_gone
from tradmetrics.storage.worker_names import PREFIX, FileFailed

GONE: Final = f"{PREFIX}gone"
"""The word in place of the process id in the name of a fold."""
LOCK: Final = "tradmetrics.lock"
_LOCK_SECONDS: Final = 1.0

_lock = threading.Lock()


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # pragma: no branch - absent on Windows only
    os.register_at_fork(after_in_child=_after_fork_in_child)


@contextmanager
def reading(directory: str) -> Iterator[None]:
    """Keep other processes from folding while the files are read; waits for at most a second."""
    with _locked(directory, exclusive=False, seconds=_LOCK_SECONDS):
        yield


@contextmanager
def _locked(directory: str, *, exclusive: bool, seconds: float) -> Iterator[bool]:
    # A POSIX record lock: a child that is forked meanwhile does not hold it. It says nothing about threads.
    try:
        import fcntl
    except ImportError:  # Windows
        yield False
        return
    kind = (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB
    limit = time.monotonic() + seconds
    with _lock:
        try:
            file = open(os.path.join(directory, LOCK), "a+b")  # noqa: SIM115 - closed below
        except OSError:
            yield False
            return
        with file:
            held = False
            while not held:
                try:
                    fcntl.lockf(file, kind)
                    held = True
                except OSError:
                    if time.monotonic() >= limit:
                        break
                    time.sleep(0.01)
            yield held


def process_of(owner: str) -> int | None:
    """The process id in the name of one of our files; None for a fold and for files of prometheus_client."""
    number = owner.removeprefix(PREFIX).partition("-")[0]
    return int(number) if owner.startswith(PREFIX) and number.isascii() and number.isdigit() else None


def tag_in(path: str) -> int:
    """The tag in the header of a file; `UNKNOWN` where it cannot be read."""
    try:
        if not is_regular(path):
            return UNKNOWN
        with open(path, "rb") as file:
            return int(HEADER.unpack(file.read(HEADER.size))[1])
    except (OSError, struct.error):
        return UNKNOWN


def files_in(directory: str) -> list[str]:
    """The workers' files, in the order of their names."""
    with suppress(FileNotFoundError):
        return sorted(os.path.join(directory, name) for name in os.listdir(directory) if name.endswith(".db"))
    return []


def already_folded(paths: Sequence[str]) -> set[str]:
    """Those of these files that are in a fold already: a process was killed before it could delete them."""
    found = set()
    for path in paths:
        if f"_{GONE}.db" in path:
            for name, inode in _sources_of(path):
                source = os.path.join(os.path.dirname(path), name)
                with suppress(OSError):
                    if os.stat(source).st_ino == inode:
                        found.add(source)
    return found


def _sources_of(fold: str) -> list[tuple[str, int]]:
    content = Content()
    try:
        content.load_file(FileName.of(fold), whole=True)
        return [(str(name), int(inode)) for name, inode in json.loads(content.trailer or b'{"of": []}')["of"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []


def fold_what_is_gone(directory: str, failed: FileFailed) -> None:
    """Fold the files of workers that are gone, and delete the gauges that only a living worker has.

    Args:
        directory: The workers' directory.
        failed: Called for each file that could not be folded; it stays as it is.
    """
    gone: dict[tuple[str, str], list[str]] = {}
    for path in files_in(directory):
        try:
            file = FileName.of(path)
        except ValueError:
            continue
        process, tag = process_of(file.owner), tag_in(path)
        if process is None or tag == UNKNOWN or not is_gone(process, tag):
            continue
        if file.mode.startswith("live"):
            with suppress(FileNotFoundError):  # another worker was faster
                os.remove(path)
        elif file.mode != "all":  # each worker has a series of its own there
            gone.setdefault((file.kind, file.mode), []).append(path)
    if not gone:
        return
    with _locked(directory, exclusive=True, seconds=0.0) as held:
        if not held:  # another process reads or folds; it is done at the next scrape
            return
        for (kind, mode), paths in gone.items():
            name = f"{kind}_{mode}_{GONE}.db" if mode else f"{kind}_{GONE}.db"
            try:
                _fold(os.path.join(directory, name), mode, paths, failed)
            except Exception as error:
                failed(os.path.join(directory, name), error)


def _fold(fold: str, mode: str, paths: list[str], failed: FileFailed) -> None:
    done = already_folded([fold]) if os.path.exists(fold) else set()
    numbers: dict[bytes, tuple[float, float]] = {}
    sources: list[tuple[str, int]] = []
    for path in [*([fold] if os.path.exists(fold) else []), *paths]:
        if path in done:
            continue
        content = Content()
        try:
            content.load_file(FileName.of(path))
        except FileNotFoundError:
            continue
        except Exception as error:
            failed(path, error)
            if path == fold:
                raise
            continue
        _add(numbers, mode, content)
        if path != fold:
            sources.append((os.path.basename(path), os.stat(path).st_ino))
    if sources:
        _write(fold, numbers, sources)
    for path in {*done, *(os.path.join(os.path.dirname(fold), name) for name, _ in sources)}:
        with suppress(FileNotFoundError):
            os.remove(path)


def _add(numbers: dict[bytes, tuple[float, float]], mode: str, content: Content) -> None:
    for key, number, moment in zip(content.keys, content.numbers, content.times, strict=True):
        held = numbers.get(key)
        if held is None:
            numbers[key] = number, moment
        elif mode in ("max", "min"):
            numbers[key] = (max if mode == "max" else min)(held[0], number), moment
        elif mode == "mostrecent":
            numbers[key] = max(held, (number, moment), key=lambda pair: pair[1])
        else:
            numbers[key] = held[0] + number, 0.0


def _write(fold: str, numbers: dict[bytes, tuple[float, float]], sources: list[tuple[str, int]]) -> None:
    body = b"".join([entry(key, number, moment) for key, (number, moment) in numbers.items()])
    draft = f"{fold}.new"
    with open(draft, "wb") as file:
        file.write(HEADER.pack(HEADER.size + len(body), UNKNOWN) + body)
        file.write(json.dumps({"of": sources}).encode())
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, fold)
