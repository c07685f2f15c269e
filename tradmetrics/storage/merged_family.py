"""One metric of all workers, with ready lines for the exposition."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client import Metric
from prometheus_client.samples import Sample

from tradmetrics.storage.line_blocks import SIZE, number_text
from tradmetrics.storage.rendering import Rendered

_LEGACY_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


class MergedFamily(Rendered):
    """One metric of all workers.

    Args:
        name: Its name, without `_total`.
        help: Its help text.
        kind: Its type.
    """

    def __init__(self, name: str, help: str, kind: str) -> None:
        super().__init__(name, help, kind)
        self._samples: list[Sample] | None = None
        self.rows: list[tuple[str, Mapping[str, str], str, float]] = []
        """The name, the labels and the line's text before the number, and the number."""

    @property
    def samples(self) -> list[Sample]:
        """Every sample, made when first asked for."""
        if self._samples is None:
            self._samples = [Sample(name, dict(labels), value) for name, labels, _, value in self.rows]
        return self._samples

    @samples.setter
    def samples(self, samples: list[Sample]) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Set the samples, as the constructor of `Metric` does."""
        self._samples = samples

    def pieces(self, openmetrics: bool) -> Iterator[bytes]:
        """The metric's text, in pieces of some lines each."""
        yield self.heading(openmetrics)
        for start in range(0, len(self.rows), SIZE):
            rows = self.rows[start : start + SIZE]
            yield "".join([f"{text}{number_text(value)}\n" for _, _, text, value in rows]).encode()

    def exposable(self) -> Metric:
        """Itself; if some format spells its names differently, its samples as a metric that every encoder renders."""
        names = {name for name, *_ in self.rows} | {label for _, labels, _, _ in self.rows[:1] for label in labels}
        if all(_LEGACY_NAME.fullmatch(name) for name in (self.name, *names)):
            return self
        plain = Metric(self.name, self.documentation, self.type)
        plain.samples = self.samples
        return plain
