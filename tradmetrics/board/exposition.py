"""Reads the text that a `/metrics` endpoint answers, at the cost of what changed since the scrape before."""

import re
from array import array
from collections.abc import Mapping
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z_:][\w:]*")
_LABEL: Final = re.compile(r'\s*,?\s*([A-Za-z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"', re.S)
_ESCAPE: Final = re.compile(r"\\(.)", re.S)
ABSENT: Final = float("nan")
MOST_SERIES: Final = 50_000
"""Series that one target may have; further ones are left out, and the page says so."""
LONGEST_LABEL: Final = 1_000


class ExpositionError(ValueError):
    """The answer is not metrics in Prometheus's text format."""


class Exposition:
    """The series of one target, each with a column of its own in every row of values.

    Args:
        target: Labels that every series gets: `job` and `instance`.
        own: Names of series that the scraper itself adds to each row, such as `up`.

    Attributes:
        series: Name and labels of each column.
        left_out: How many series of the last answer had no place.
    """

    def __init__(self, target: Mapping[str, str], own: tuple[str, ...] = ()) -> None:
        self._target = dict(target)
        self.series: list[tuple[str, dict[str, str]]] = [(name, dict(target)) for name in own]
        self._own = len(own)
        self._columns: dict[bytes, int] = {}
        self._lines: list[bytes] = []
        self._row: array[float] = array("d", [ABSENT] * self._own)
        self.left_out = 0

    def read(self, body: bytes) -> "array[float]":
        """Read one answer.

        Args:
            body: The text.

        Returns:
            A row with the value of each column, NaN where the answer has none. The row is the caller's.

        Raises:
            ExpositionError: The body is something else.
        """
        lines = body.split(b"\n")
        row = self._changed(lines)
        if row is None:
            row = self._whole(lines)
        self._lines, self._row = lines, row
        return row[:]

    def _changed(self, lines: list[bytes]) -> "array[float] | None":
        """Take over the row before with what changed; None when the answer has other series than that."""
        before = self._lines
        if len(lines) != len(before):
            return None
        row = self._row[:]
        columns = self._columns
        for new, old in zip(lines, before, strict=True):
            if new != old:
                head, _, value = new.rpartition(b" ")
                column = columns.get(head)
                if column is None or not old.startswith(head + b" "):
                    return None
                try:
                    row[column] = float(value)
                except ValueError:
                    return None
        return row

    def _whole(self, lines: list[bytes]) -> "array[float]":
        row = array("d", [ABSENT]) * max(len(self.series), self._own)
        columns, seen = self._columns, 0
        self.left_out = 0
        for line in lines:
            if not line or line[0] == 35:  # a comment
                continue
            head, _, value = line.rpartition(b" ")
            column = columns.get(head)
            if column is None:
                head, column, value = self._first_seen(line)
            if column < 0:
                self.left_out += 1
                continue
            try:
                number = float(value)
            except ValueError:
                raise ExpositionError(f"the line {_shown(line)} has no number") from None
            if column >= len(row):
                row.extend([ABSENT] * (column + 1 - len(row)))
            row[column] = number
            seen += 1
        if not seen and not any(line.startswith(b"# ") for line in lines):
            raise ExpositionError("the answer has no metrics")
        return row

    def _first_seen(self, line: bytes) -> tuple[bytes, int, bytes]:
        text = line.decode("utf-8", "replace").strip()
        name = _NAME.match(text)
        if name is None:
            raise ExpositionError(f"the line {_shown(line)} is not a metric")
        labels, place = dict[str, str](), name.end()
        if text[place : place + 1] == "{":
            place += 1
            while found := _LABEL.match(text, place):
                labels[found[1]] = _unescaped(found[2])[:LONGEST_LABEL]
                place = found.end()
            rest = re.compile(r"\s*,?\s*\}").match(text, place)
            if rest is None:
                raise ExpositionError(f"the labels of the line {_shown(line)} cannot be read")
            place = rest.end()
        head, fields = text[:place].encode(), text[place:].split()
        if not fields:
            raise ExpositionError(f"the line {_shown(line)} has no number")
        column = self._columns.get(head)
        if column is None:
            if len(self.series) >= MOST_SERIES:
                return head, -1, fields[0].encode()
            for label in set(labels) & set(self._target):
                labels[f"exported_{label}"] = labels.pop(label)
            column = len(self.series)
            self.series.append((name[0], {**labels, **self._target}))
            self._columns[head] = column
        return head, column, fields[0].encode()


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda match: "\n" if match[1] == "n" else match[1], text) if "\\" in text else text


def _shown(line: bytes) -> str:
    return repr(line[:60].decode("utf-8", "replace"))
