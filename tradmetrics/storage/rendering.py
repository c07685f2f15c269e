"""The exposition's text, byte for byte prometheus_client's, made so that a scrape does not hold up trading.

prometheus_client renders in one go: a thread that renders ten thousand series keeps the interpreter's lock for the
whole switch interval (5 ms), again and again, and a trading loop waits for it each time. Here a line costs a fraction
(the labels' text is kept with the series), and now and then the renderer sleeps for a moment, which hands the lock
to whoever wants it. Scrapes that come while one is being rendered share its text.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from time import perf_counter, sleep
from typing import Any, Final

from prometheus_client import Metric, generate_latest
from prometheus_client.samples import Exemplar, Sample

from tradmetrics.errors import is_interruption
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.storage.collectors import Collected, Failed, collectors_of
from tradmetrics.storage.exemplars import Exemplars
from tradmetrics.storage.line_blocks import LineBlocks, sample_line
from tradmetrics.storage.series import Series

BUSY: Final = 2e-4
"""Seconds of work before the interpreter's lock is offered to other threads."""
PAUSE: Final = 5e-5
"""Seconds to sleep then: long enough for a waiting thread to wake up and take the lock."""
MOST_PAUSED: Final = 0.3
"""Seconds that the pauses of one scrape take at the most. Where many threads want the lock all the time, each pause
lasts until all of them have had it, and a scrape of many series would not be through before Prometheus gives up."""

# Other schemes spell names with underscores differently; prometheus_client does it then.
_PLAIN_ESCAPING: Final = ("underscores", "allow-utf-8")

Rows = Mapping[tuple[str, ...], Series]


class Rendered(Metric):
    """A metric that makes its lines of the exposition itself."""

    def pieces(self, openmetrics: bool) -> Iterator[bytes]:
        """The metric's text, in pieces of some lines each."""
        raise NotImplementedError

    def heading(self, openmetrics: bool) -> bytes:
        """The lines about the metric."""
        text = self.documentation.replace("\\", "\\\\").replace("\n", "\\n")
        if openmetrics:
            text = text.replace('"', '\\"')
            unit = f"# UNIT {self.name} {self.unit}\n" if self.unit else ""
            return f"# HELP {self.name} {text}\n# TYPE {self.name} {self.type}\n{unit}".encode()
        name = f"{self.name}_total" if self.type == "counter" else self.name
        return f"# HELP {name} {text}\n# TYPE {name} {self.type}\n".encode()


class Family(Rendered):
    """A collected metric of ours: samples for anybody's exposition, ready lines for this one.

    Args:
        definition: The metric.
        rows: Its series by label values, as they are; they may change while this is read.
        computed: Values computed for this collection, by label values; they come instead of stored ones.
        constants: Labels that all of these series have beside their own, with their values.
        blocks: The text of these series at the last scrape.
        started: The same with the times at which they began, for OpenMetrics; without it those are not shown.
        exemplars: The exemplars of these series, if the metric can have some.

    Attributes:
        computed: The same.
        constants: The same.
    """

    def __init__(
        self,
        definition: MetricDefinition,
        rows: Rows,
        computed: Mapping[tuple[str, ...], float],
        constants: tuple[tuple[str, str], ...] = (),
        blocks: LineBlocks | None = None,
        started: LineBlocks | None = None,
        exemplars: Exemplars | None = None,
    ) -> None:
        counter = definition.kind == "counter"
        base = definition.name.removesuffix("_total") if counter else definition.name
        unit = definition.unit if base.endswith(f"_{definition.unit}") else ""
        super().__init__(base, definition.help, definition.kind, unit)
        self._samples: list[Sample] | None = None
        self._names = (*definition.label_names, *(name for name, _ in constants))
        self._constants = tuple(value for _, value in constants)
        self._joined: tuple[Family, ...] = ()
        self._rows = rows
        self.computed = computed
        self.constants = constants
        self._suffix = "_total" if counter else ""
        self._blocks = blocks or LineBlocks()
        self._started = started
        self._exemplars = exemplars

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of the labels, the constant ones last."""
        return self._names

    def join(self, families: Iterable[Family]) -> None:
        """Take in the samples of the same metric of other metrics objects."""
        self._joined = tuple(families)

    @property
    def samples(self) -> list[Sample]:
        """Every sample, made when first asked for."""
        if self._samples is None:
            self._samples = [
                Sample(
                    self.name + suffix,
                    {**dict(zip(self._names, (*labels, *self._constants), strict=True)), **dict(extra)},
                    value,
                    exemplar=self._exemplar(labels, extra),
                )
                for labels, suffix, extra, value in self._values()
            ]
            for family in self._joined:
                self._samples += family.samples
        return self._samples

    @samples.setter
    def samples(self, samples: list[Sample]) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Set the samples, as the constructor of `Metric` does."""
        self._samples = samples

    def _exemplar(self, labels: tuple[str, ...], extra: tuple[tuple[str, str], ...]) -> Exemplar | None:
        """The exemplar of a sample; only a counter's and a bucket's have one."""
        return None if self._exemplars is None else self._exemplars.find(labels).get(extra[0][1] if extra else "")

    def _stored(self) -> Iterator[tuple[tuple[str, ...], Series]]:
        """The series that no computed value replaces."""
        rows, computed = self._rows, self.computed
        for labels in list(rows):
            series = rows.get(labels)
            if series is not None and labels not in computed:
                yield labels, series

    def _values(self) -> Iterator[tuple[tuple[str, ...], str, tuple[tuple[str, str], ...], float]]:
        for labels, series in self._stored():
            for suffix, extra, value in series.samples():
                yield labels, suffix, extra, value
        for labels, value in self.computed.items():
            yield labels, self._suffix, (), value

    @property
    def constant_values(self) -> tuple[str, ...]:
        """The values of the constant labels."""
        return self._constants

    def pieces(self, openmetrics: bool) -> Iterator[bytes]:
        """The metric's text, in pieces of some lines each."""
        yield self.heading(openmetrics)
        for family in (self, *self._joined):
            pieces = family._series_pieces(openmetrics)
            if openmetrics and family._exemplars is not None:
                pieces = family._exemplars.added(family, pieces)
            yield from pieces

    def _series_pieces(self, openmetrics: bool) -> Iterator[bytes]:
        rows: Rows = dict(self._stored()) if self.computed else self._rows
        blocks = self._started if openmetrics and self._started else self._blocks
        yield from blocks.pieces(self, rows)
        for labels, value in self.computed.items():
            yield sample_line(self, labels, value, self._suffix).encode()


class _One:
    """A registry of one metric, for rendering what others collected."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterable[Metric]:
        return (self._metric,)


def render(
    registry: Collected, encode: Callable[[Any], bytes] = generate_latest, *, failed: Failed | None = None
) -> bytes:
    """Render a registry as `encode` would, offering the interpreter's lock to other threads on the way.

    Args:
        registry: The registry to collect; metrics that others registered are rendered by `encode` itself.
        encode: From `prometheus_client.exposition.choose_encoder`.
        failed: Called with a collector that raised and its exception; the other collectors are rendered. Without it
            the exception passes through.

    Returns:
        The text, encoded in UTF-8, equal to `encode(registry)` but for start timestamps.
    """
    function = getattr(encode, "func", encode)
    openmetrics = "openmetrics" in function.__module__
    ours = getattr(encode, "keywords", {}).get("escaping", _PLAIN_ESCAPING[0]) in _PLAIN_ESCAPING
    parts: list[bytes] = []
    pauses = _Pauses()
    for collector, collect in collectors_of(registry):
        written = len(parts)
        try:
            for metric in collect():
                if ours and isinstance(metric, Rendered):
                    pieces = metric.pieces(openmetrics)
                else:
                    pieces = iter((encode(_One(metric)).removesuffix(b"# EOF\n"),))
                for piece in pieces:
                    parts.append(piece)
                    pauses.offer()
        except BaseException as error:
            if failed is None or is_interruption(error):
                raise
            del parts[written:]
            failed(collector, error)
    if openmetrics:
        parts.append(b"# EOF\n")
    return b"".join(parts)


class _Pauses:
    """The pauses of one rendering."""

    def __init__(self) -> None:
        self._paused = 0.0
        self._since = perf_counter()

    def offer(self) -> None:
        """Sleep for a moment if the last pause is long enough ago."""
        now = perf_counter()
        if now - self._since >= BUSY and self._paused < MOST_PAUSED:
            sleep(PAUSE)
            self._since = perf_counter()
            self._paused += self._since - now


class SharedWork:
    """Does a piece of work once for all threads that ask for it while it is being done."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[Hashable, _Flight] = {}

    def do(self, key: Hashable, work: Callable[[], bytes]) -> bytes:
        """Return `work()`, or what another thread is getting from it right now under the same key.

        Raises:
            Exception: What `work` raised, to everybody who waited for it.
        """
        with self._lock:
            flight = self._under_way.get(key)
            first = flight is None
            if flight is None:
                flight = self._under_way[key] = _Flight()
        if first:
            try:
                flight.result = work()
            except BaseException as error:
                flight.error = error
                raise
            finally:
                with self._lock:
                    del self._under_way[key]
                flight.landed.set()
            return flight.result
        flight.landed.wait()
        if flight.error is not None:
            raise RuntimeError("the rendering that this scrape shared failed") from flight.error
        return flight.result


class _Flight:
    __slots__ = ("error", "landed", "result")

    def __init__(self) -> None:
        self.landed = threading.Event()
        self.result = b""
        self.error: BaseException | None = None
