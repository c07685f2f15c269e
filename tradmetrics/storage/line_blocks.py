"""The text of a metric's series, kept from scrape to scrape in blocks, so that a scrape costs what has changed.

A block reads its series with a few C calls (one for each counter) and compares the numbers with those of the last
scrape. If nothing has moved, its text is there already; otherwise the lines of that block are put together from the
labels' text, which is kept with each series.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from operator import attrgetter
from typing import Any, Final, Protocol

from prometheus_client.utils import floatToGoString

from tradmetrics.storage.series import CounterSeries, GaugeSeries, HistogramSeries, Series, amounts_folded
from tradmetrics.storage.ticks import MOST, ticks_left

SIZE: Final = 128
"""Series of a block: one block is read and put together without giving the interpreter's lock away."""

Labels = tuple[str, ...]

_PLAIN_LEFT: Final = MOST - 1_000_000
"""A counter with less left has counted a million; its value is spelled with an exponent, as Go does."""
_COPIED_AT_ONCE: Final = 4_096

_total = attrgetter("_total")


class Names(Protocol):
    """The names of a metric and of its labels."""

    @property
    def name(self) -> str:
        """The metric's name without its suffix."""
        ...

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of the labels, the constant ones last."""
        ...

    @property
    def constant_values(self) -> tuple[str, ...]:
        """The values of the constant labels."""
        ...


class Block(Protocol):
    """Some series of a metric."""

    series: list[Series]

    def text(self) -> bytes:
        """Their lines."""
        ...


class Rows(dict[Labels, Series]):
    """The series of a metric by label values, with a version that changes when `setdefault` or `pop` changes them."""

    __slots__ = ("version",)

    def __init__(self) -> None:
        super().__init__()
        self.version = 0

    def setdefault(self, labels: Labels, series: Series) -> Series:
        """Add a series unless there is one."""
        try:
            return super().setdefault(labels, series)
        finally:  # also when a signal handler raises between the two steps
            self.version += 1

    def pop(self, labels: Labels, *default: Any) -> Any:
        """Take a series away."""
        try:
            return super().pop(labels, *default)
        finally:
            self.version += 1


class LineBlocks:
    """The blocks of one metric, each made by `make` from its names, label values and series."""

    __slots__ = ("_blocks", "_make", "_version")

    def __init__(self, make: Callable[[Names, list[Labels], list[Any]], Block] | None = None) -> None:
        self._make = make or block_of
        self._blocks: list[Block] = []
        self._version: object = None

    def pieces(self, names: Names, rows: Mapping[Labels, Series]) -> Iterator[bytes]:
        """The lines of all series, a block at a time.

        Args:
            names: The names of the metric and of its labels.
            rows: The series by label values; they may change meanwhile.
        """
        version = getattr(rows, "version", None)  # before the series
        if version is not None and version == self._version:
            for block in self._blocks:
                yield block.text()
            return
        labels, series = _rows_of(rows)
        before, blocks = self._blocks, []
        for number, start in enumerate(range(0, len(series), SIZE)):
            part = series[start : start + SIZE]
            kept = before[number] if number < len(before) else None
            same = kept is not None and kept.series == part
            block = kept if kept is not None and same else self._make(names, labels[start : start + SIZE], part)
            yield block.text()
            blocks.append(block)
        self._blocks, self._version = blocks, version


def _rows_of(rows: Mapping[Labels, Series]) -> tuple[list[Labels], list[Series]]:
    """The label values and the series, copied in steps: one copy of 100,000 would hold up every other thread."""
    for _ in range(3):
        labels: list[Labels] = []
        series: list[Any] = []
        keys = iter(rows)
        try:
            while part := list(islice(keys, _COPIED_AT_ONCE)):
                labels += part
                series += map(rows.get, part)
        except RuntimeError:  # a series has come or gone
            continue
        break
    else:
        labels = list(rows)
        series = list(map(rows.get, labels))
    if None in series:  # one has gone after its key was read
        pairs = [(key, each) for key, each in zip(labels, series, strict=True) if each is not None]
        return [key for key, _ in pairs], [each for _, each in pairs]
    return labels, series


def block_of(names: Names, labels: list[Labels], series: list[Any]) -> Block:
    """The block for some series of one metric."""
    kinds = set(map(type, series))
    if kinds == {CounterSeries}:
        return _Counters(names, labels, series)
    if kinds == {GaugeSeries}:
        return _Gauges(names, labels, series)
    if kinds == {HistogramSeries}:
        return _Histograms(names, labels, series)
    return _Others(names, labels, series)


def _prefix(names: Names, suffix: str, labels: Labels, series: Series) -> str:
    """A line up to its number; kept with the series, whichever block it is in."""
    text = series.text
    if not isinstance(text, str):
        inside = braces(*label_text(names.label_names, (*labels, *names.constant_values)))
        text = series.text = f"{names.name}{suffix}{inside} "
    return text


class _Counters:
    def __init__(self, names: Names, labels: list[Labels], series: list[CounterSeries]) -> None:
        self.series: list[Any] = series
        self._prefixes = [_prefix(names, "_total", each, one) for each, one in zip(labels, series, strict=True)]
        self._counters = [each.counter for each in series]
        self._appended = [each.appended for each in series]
        self._state: tuple[int, list[int], bytes] = (-1, [], b"")

    def text(self) -> bytes:
        folded = amounts_folded[0]  # read before the numbers, so that later amounts show at the next scrape
        waiting = any(self._appended)
        left = list(map(ticks_left, self._counters))
        old_folded, old_left, text = self._state
        if left == old_left and folded == old_folded and not waiting:
            return text
        if waiting or any(map(_total, self.series)) or min(left) <= _PLAIN_LEFT:
            pairs = zip(self._prefixes, self.series, strict=True)
            lines = [f"{prefix}{number_text(series.value())}\n" for prefix, series in pairs]
        else:
            lines = [f"{prefix}{MOST - each}.0\n" for prefix, each in zip(self._prefixes, left, strict=True)]
        text = "".join(lines).encode()
        self._state = -1 if waiting else folded, left, text
        return text


class _Gauges:
    def __init__(self, names: Names, labels: list[Labels], series: list[GaugeSeries]) -> None:
        self.series: list[Any] = series
        self._prefixes = [_prefix(names, "", each, one) for each, one in zip(labels, series, strict=True)]
        self._format = struct.Struct(f"{len(series)}d")
        self._state = (b"", b"")

    def text(self) -> bytes:
        values = [each.value() for each in self.series]
        packed = self._format.pack(*values)  # as bytes: 0.0 and -0.0 are equal, and NaN equals nothing
        old, text = self._state
        if packed != old:
            pairs = zip(self._prefixes, values, strict=True)
            text = "".join([f"{prefix}{number_text(value)}\n" for prefix, value in pairs]).encode()
            self._state = packed, text
        return text


class _Histograms:
    def __init__(self, names: Names, labels: list[Labels], series: list[HistogramSeries]) -> None:
        self.series: list[Any] = series
        self._lines = [_histogram_lines(names, each, one) for each, one in zip(labels, series, strict=True)]
        self._states: list[tuple[object, str]] = [(None, "")] * len(series)

    def text(self) -> bytes:
        states = self._states[:]
        for place, series in enumerate(self.series):
            # Folding replaces the list of buckets. So with the same list and nothing waiting, the lines are still
            # right.
            waiting, buckets = series.appended, series._buckets
            if waiting or states[place][0] is not buckets:
                states[place] = buckets, self._lines[place](series)
        self._states = states
        return "".join([text for _, text in states]).encode()


def _histogram_lines(names: Names, labels: Labels, series: HistogramSeries) -> Callable[[HistogramSeries], str]:
    if not isinstance(series.text, tuple):
        series.text = label_text(names.label_names, (*labels, *names.constant_values))
    before, after = series.text
    plain = braces(before, after)

    def lines(series: HistogramSeries) -> str:
        return "".join(
            [
                f'{names.name}{suffix}{{{before}le="{extra[0][1]}"{after}}} {number_text(value)}\n'
                if extra
                else f"{names.name}{suffix}{plain} {number_text(value)}\n"
                for suffix, extra, value in series.samples()
            ]
        )

    return lines


class _Others:
    """Series of several kinds, or in files: nothing is known about their changes."""

    def __init__(self, names: Names, labels: list[Labels], series: list[Series]) -> None:
        self.series = series
        self._names = names
        self._texts = [label_text(names.label_names, (*each, *names.constant_values)) for each in labels]

    def text(self) -> bytes:
        lines = []
        for (before, after), series in zip(self._texts, self.series, strict=True):
            for suffix, extra, value in series.samples():
                inside = f'{{{before}le="{extra[0][1]}"{after}}}' if extra else braces(before, after)
                lines.append(f"{self._names.name}{suffix}{inside} {number_text(value)}\n")
        return "".join(lines).encode()


def label_text(names: Sequence[str], values: Sequence[str]) -> tuple[str, str]:
    """The labels in a sample's braces, sorted: those before `le` with a comma behind, the others with one in front."""
    pairs = [(name, f'{name}="{_escaped(value)}"') for name, value in sorted(zip(names, values, strict=True))]
    before = "".join(f"{text}," for name, text in pairs if name < "le")
    after = "".join(f",{text}" for name, text in pairs if name > "le")
    return before, after


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def braces(before: str, after: str) -> str:
    """The labels of a sample without `le`, from what `label_text` returned."""
    inside = f"{before[:-1]}{after}" if before else after[1:]
    return f"{{{inside}}}" if inside else ""


def sample_line(names: Names, labels: Labels, value: float, suffix: str = "") -> str:
    """The line of a sample."""
    inside = braces(*label_text(names.label_names, (*labels, *names.constant_values)))
    return f"{names.name}{suffix}{inside} {number_text(value)}\n"


def number_text(value: float) -> str:
    """A sample's value as prometheus_client spells it (`floatToGoString`)."""
    if -1e6 < value < 1e6:
        return repr(value)
    return floatToGoString(value)  # type: ignore[no-untyped-call, no-any-return]
