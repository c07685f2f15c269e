"""Helpers of the board's tests: samples in promtool's notation, and the rules of the checkout."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

from tradmetrics.board.query import Matcher, Sample
from tradmetrics.board.query.durations import seconds
from tradmetrics.board.query.samples import Window, matching

STALE = object()
_SERIES = re.compile(r"([\w:]*)(?:\{(.*)\})?\Z", re.S)
_LABEL = re.compile(r'(\w+)\s*=\s*"((?:[^"\\]|\\.)*)"')
_RUN = re.compile(r"(-?[\d.eE]+|[-+]?[iI]nf|NaN)(?:([-+][\d.eE]+))?x(\d+)")


class Written:
    """A source of samples that are written in promtool's notation, with its 5 minutes of lookback."""

    def __init__(self, lookback: float = 300.0) -> None:
        self._lookback = lookback
        self._series: list[tuple[str, dict[str, str], list[float], list[Any]]] = []
        self._recorded: dict[tuple[str, frozenset[tuple[str, str]]], tuple[dict[str, str], list[float], list[Any]]] = {}

    def write(self, series: str, values: str, interval: float) -> None:
        """Add a series such as `up{job="a"}` with values such as `1x5 _x3 0+2x4 stale`."""
        match = _SERIES.match(series.strip())
        assert match is not None
        labels = dict(_LABEL.findall(match[2] or ""))
        times, numbers = list[float](), list[Any]()
        for place, value in enumerate(expanded(values)):
            if value is not None:
                times.append(place * interval)
                numbers.append(value)
        self._series.append((match[1], labels, times, numbers))

    def put(self, name: str, labels: dict[str, str], times: list[float], values: list[float]) -> None:
        """Add a series with its samples."""
        self._series.append((name, labels, times, list(values)))

    def record(self, name: str, samples: list[Sample], time: float) -> None:
        """Add what a rule recorded at one time; a series that is gone is marked so."""
        there = set()
        for sample in samples:
            key = (name, frozenset(sample.labels.items()))
            there.add(key)
            if key not in self._recorded:
                entry = (dict(sample.labels), list[float](), list[Any]())
                self._recorded[key] = entry
                self._series.append((name, *entry))
            self._recorded[key][1].append(time)
            self._recorded[key][2].append(sample.value)
        for key, (_, times, values) in self._recorded.items():
            if key[0] == name and key not in there and values[-1] is not STALE:
                times.append(time)
                values.append(STALE)

    def _matching(self, name: str, matchers: Sequence[Matcher]) -> Iterator[Any]:
        fulfils = matching(matchers)
        for series, labels, times, values in self._series:
            if (not name or series == name) and fulfils({**labels, "__name__": series}):
                yield labels, times, values

    def instant(self, name: str, matchers: Sequence[Matcher], time: float) -> Iterator[Sample]:
        for labels, times, values in self._matching(name, matchers):
            place = bisect_right(times, time) - 1
            if place >= 0 and times[place] >= time - self._lookback and values[place] is not STALE:
                yield Sample(labels, values[place], times[place])

    def window(self, name: str, matchers: Sequence[Matcher], start: float, end: float) -> Iterator[Window]:
        for labels, times, values in self._matching(name, matchers):
            inside = range(bisect_left(times, start), bisect_right(times, end))
            kept = [place for place in inside if values[place] is not STALE]
            yield Window(labels, [times[place] for place in kept], [values[place] for place in kept])


def expanded(values: str) -> Iterator[Any]:
    """The values of promtool's notation: numbers, None for no sample, `STALE` for a stale marker."""
    for word in values.split():
        if word == "stale":
            yield STALE
        elif word[0] == "_":
            yield from [None] * int(word[2:] or 1) if word[1:] else [None]
        elif run := _RUN.fullmatch(word):
            start, step = float(run[1]), float(run[2] or 0)
            yield from (start + step * number for number in range(int(run[3]) + 1))
        else:
            yield float(word)


def spoken(text: str) -> float:
    """The seconds of a duration, or of a plain number."""
    return float(text) if re.fullmatch(r"[\d.]+", text) else seconds(text)
