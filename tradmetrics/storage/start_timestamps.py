"""When each series began, in OpenMetrics: a line `…_created` behind the lines of each counter and histogram.

Prometheus 3 can take such a time as a sample of zero (`--enable-feature=created-timestamp-zero-ingestion`), so that
`increase()` sees the first event of a kind. It looks for the line behind the lines of the series.
"""

from __future__ import annotations

from collections.abc import Callable
from time import time

from tradmetrics.storage.line_blocks import Block, Labels, LineBlocks, Names, block_of, braces, label_text, number_text
from tradmetrics.storage.series import Series


def stamped(create: Callable[[Labels], Series]) -> Callable[[Labels], Series]:
    """Return a function that makes a series as `create` does, and notes when.

    Args:
        create: Makes a series from its label values.
    """

    def made(labels: Labels) -> Series:
        series = create(labels)
        series.created = time()
        return series

    return made


def started_blocks() -> LineBlocks:
    """The blocks of a metric whose series, made by what `stamped` returned, tell when they began."""
    return LineBlocks(_Started)


class _Started:
    """A block with one line more for each series, put in again only when the text of the block has changed."""

    def __init__(self, names: Names, labels: list[Labels], series: list[Series]) -> None:
        self.series = series
        self._block: Block = block_of(names, labels, series)
        self._lines = [_line(names, *pair) for pair in zip(labels, series, strict=True)]
        self._state = (b"", b"")

    def text(self) -> bytes:
        text = self._block.text()
        old, woven = self._state
        if text != old:
            lines = text.split(b"\n")[:-1]
            each = len(lines) // len(self._lines)  # the series of a metric have equally many
            parts: list[bytes] = []
            for place, line in enumerate(self._lines):
                parts += *lines[place * each : (place + 1) * each], line
            woven = b"\n".join((*parts, b""))
            self._state = text, woven
        return woven


def _line(names: Names, labels: Labels, series: Series) -> bytes:
    inside = braces(*label_text(names.label_names, (*labels, *names.constant_values)))
    return f"{names.name}_created{inside} {number_text(series.created)}".encode()
