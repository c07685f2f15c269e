"""Series of one of several worker processes: kept in memory, and in files that outlive the process.

The files have prometheus_client's format and are read with those of the other workers by its `MultiProcessCollector`;
their names differ, so that metrics made with prometheus_client itself keep files of their own. The series are not
prometheus_client's, because its lock is not reentrant: recording in a signal handler or a finaliser hangs, and a child
that is forked while another thread records inherits the held lock.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic
from typing import Final

from prometheus_client.mmap_dict import mmap_key

from tradmetrics.storage import worker_files
from tradmetrics.storage.locks import RecordingLock, hold_over_forks
from tradmetrics.storage.series import RawSample, Series, bound_texts
from tradmetrics.storage.worker_files import WorkerFile, file_of

_writing: Final = RecordingLock()
_queue: Final[deque[tuple[Callable[[float], None], float]]] = deque()
_busy = False


class _Worker:
    """This process; a forked child is another one."""

    __slots__ = ()


_worker = _Worker()


def restore_deleted_files() -> None:
    """Write those of this worker's files again that somebody has deleted, a cleaner of /tmp for instance. Never raises.

    Workers look every few seconds, when they record, and where an endpoint is set up every second.
    """
    with suppress(Exception):
        _record(lambda _: worker_files.restore(), 0.0)


def _record(apply: Callable[[float], None], value: float) -> None:
    """Apply a value, one at a time in the whole process.

    A signal handler or a finaliser that records while its own thread is applying a value must not wait for that, nor
    come in between: it leaves its value to the code that it interrupts.

    Raises:
        Exception: When a value had no place in the files yet, and none could be had: an `OSError` if the disk is full.
    """
    global _busy
    error: Exception | None = None
    with _writing.held():
        _queue.append((apply, value))
        while _queue and not _busy:
            _busy = True
            try:
                while _queue:
                    apply, value = _queue.popleft()
                    try:
                        apply(value)
                    except Exception as failed:
                        error = failed
                if monotonic() > worker_files.look_at:
                    worker_files.restore()
            finally:
                _busy = False
    if error is not None:
        raise error


def _after_fork_in_child() -> None:
    global _worker
    worker_files.forget()  # the parent counts its own files
    _worker = _Worker()


class _FileSeries(Series):
    """Numbers in memory, and their copies in a file."""

    __slots__ = ("_file", "_keys", "_kind", "_numbers", "_positions", "_worker")

    def __init__(self, kind: str, keys: tuple[str, ...]) -> None:
        self.text = None
        self._kind = kind
        self._keys = keys
        self._begin()

    def _begin(self) -> None:
        self._worker = _worker
        self._numbers = [0.0] * len(self._keys)
        self._file: WorkerFile | None = None

    def _change(self, *changes: tuple[int, float], timestamp: float = 0.0) -> None:
        """Add to the numbers at some places, and copy them to the file; the others too if it has none of them yet."""
        if self._worker is not _worker:
            self._begin()
        for place, amount in changes:
            self._numbers[place] += amount
        file = self._file
        if file is None:
            file = file_of(self._kind)
            self._positions = file.add(self._keys)
            self._file = file
            changes = tuple((place, 0.0) for place in range(len(self._keys)))
        for place, _ in changes:
            file.write(self._positions[place], self._numbers[place], timestamp)

    def value(self) -> float:
        """The count or the gauge's value, as this process knows it."""
        return self._numbers[0]


class _Counter(_FileSeries):
    __slots__ = ()

    def tick(self) -> None:
        """Count one."""
        _record(self._add, 1.0)

    def add(self, amount: float) -> None:
        """Count `amount`, which is finite and not negative."""
        _record(self._add, amount)

    def _add(self, amount: float) -> None:
        self._change((0, amount))

    def samples(self) -> Iterator[RawSample]:
        """The count."""
        yield "_total", (), self.value()


class _Gauge(_FileSeries):
    __slots__ = ()

    def set(self, value: float) -> None:
        """Set the gauge."""
        _record(self._set, value)

    def up(self) -> None:
        """One more."""
        _record(self._add, 1.0)

    def down(self) -> None:
        """One less. Never raises: it follows an `up`, in places where nobody would expect it."""
        with suppress(Exception):
            _record(self._add, -1.0)

    def value(self) -> float:
        """The gauge's value; a signal handler finds what it has left to the code that it interrupts in it too."""
        value = self._numbers[0]
        for apply, amount in _queue.copy() if _busy else ():
            if apply == self._set:
                value = amount
            elif apply == self._add:
                value += amount
        return value

    def _set(self, value: float) -> None:
        if self._worker is _worker:
            self._numbers[0] = 0.0
        self._add(value)

    def _add(self, amount: float) -> None:
        # The latest of several workers is found by a clock that is the same for all and is never put back.
        self._change((0, amount), timestamp=monotonic())

    def samples(self) -> Iterator[RawSample]:
        """The value."""
        yield "", (), self.value()


class _Histogram(_FileSeries):
    __slots__ = ("_bounds", "_texts")

    def __init__(self, keys: tuple[str, ...], bounds: tuple[float, ...], texts: tuple[str, ...]) -> None:
        super().__init__("histogram", keys)
        self._bounds = bounds
        self._texts = texts

    def observe(self, value: float) -> None:
        """Observe a finite value."""
        _record(self._observe, value)

    def _observe(self, value: float) -> None:
        bucket = (bisect_left(self._bounds, value), 1.0)
        # The sum is the last number; there is none where a bound is negative.
        if len(self._keys) > len(self._texts):
            self._change(bucket, (len(self._texts), value))
        else:
            self._change(bucket)

    def value(self) -> float:
        """The number of observations, as this process knows it."""
        return sum(self._numbers[: len(self._texts)])

    def samples(self) -> Iterator[RawSample]:
        """Buckets, count and sum; no sum where a bucket's bound is negative, as prometheus_client has it."""
        numbers = self._numbers[:]
        running = 0.0
        for text, own in zip(self._texts, numbers, strict=False):
            running += own
            yield "_bucket", (("le", text),), running
        yield "_count", (), running
        if len(numbers) > len(self._texts):
            yield "_sum", (), numbers[-1]


def series_in_files(
    kind: str,
    name: str,
    help: str,
    label_names: tuple[str, ...],
    *,
    bounds: tuple[float, ...] = (),
    mode: str = "",
) -> Callable[[tuple[str, ...]], Series]:
    """Return what makes a metric's series, given their label values, in the files of this worker.

    Args:
        kind: `counter`, `gauge` or `histogram`.
        name: The metric's name.
        help: Its help text.
        label_names: The names of its labels.
        bounds: The upper bounds of a histogram's buckets, without +Inf.
        mode: How the gauges of several workers become one: prometheus_client's `multiprocess_mode`.
    """
    base = name.removesuffix("_total") if kind == "counter" else name
    texts = bound_texts(bounds)

    def key(labels: tuple[str, ...], suffix: str, le: str | None = None) -> str:
        extra: tuple[tuple[str, ...], tuple[str, ...]] = ((), ()) if le is None else (("le",), (le,))
        names, values = [*label_names, *extra[0]], [*labels, *extra[1]]
        return mmap_key(base, base + suffix, names, values, help)

    def series(labels: tuple[str, ...]) -> Series:
        if kind == "counter":
            return _Counter(kind, (key(labels, "_total"),))
        if kind == "gauge":
            return _Gauge(f"gauge_{mode}", (key(labels, ""),))
        sums = (key(labels, "_sum"),) if bounds[0] >= 0 else ()
        return _Histogram((*(key(labels, "_bucket", text) for text in texts), *sums), bounds, texts)

    return series


hold_over_forks(_writing, in_child=_after_fork_in_child)
