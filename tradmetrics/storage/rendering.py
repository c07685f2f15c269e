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
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

from tradmetrics.model.definition import MetricDefinition
from tradmetrics.storage.collectors import Collected, Failed, collectors_of
from tradmetrics.storage.series import Series

BUSY: Final = 2e-4
"""Seconds of work before the interpreter's lock is offered to other threads."""
PAUSE: Final = 5e-5
"""Seconds to sleep then: long enough for a waiting thread to wake up and take the lock."""
MOST_PAUSED: Final = 1.0
"""Seconds that the pauses of one scrape take at the most. Where many threads want the lock all the time, each pause
lasts until all of them have had it, and a scrape of many series would not be through before Prometheus gives up."""

# Other schemes spell names with underscores differently; prometheus_client does it then.
_PLAIN_ESCAPING: Final = ("underscores", "allow-utf-8")

Rows = Mapping[tuple[str, ...], Series]


class Rendered(Metric):
    """A metric that makes its lines of the exposition itself."""

    def lines(self, openmetrics: bool) -> Iterator[str]:
        """The metric's lines, each with its line feed; those about it come as one."""
        raise NotImplementedError

    def heading(self, openmetrics: bool) -> str:
        """The lines about the metric."""
        text = self.documentation.replace("\\", "\\\\").replace("\n", "\\n")
        if openmetrics:
            text = text.replace('"', '\\"')
            unit = f"# UNIT {self.name} {self.unit}\n" if self.unit else ""
            return f"# HELP {self.name} {text}\n# TYPE {self.name} {self.type}\n{unit}"
        name = f"{self.name}_total" if self.type == "counter" else self.name
        return f"# HELP {name} {text}\n# TYPE {name} {self.type}\n"


class Family(Rendered):
    """A collected metric of ours: samples for anybody's exposition, ready lines for this one.

    Args:
        definition: The metric.
        rows: Its series by label values, as they are; they may change while this is read.
        computed: Values computed for this collection, by label values; they come instead of stored ones.
        constants: Labels that all of these series have beside their own, with their values.

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
                )
                for labels, suffix, extra, value in self._values()
            ]
            for family in self._joined:
                self._samples += family.samples
        return self._samples

    @samples.setter
    def samples(self, samples: list[Sample]) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._samples = samples

    def _stored(self) -> Iterator[tuple[tuple[str, ...], Series]]:
        """The series that nothing computed stands in for.

        A list of keys, which exist already: a list of ten thousand pairs would be so many objects for the garbage
        collector to look at, and now and then it would look at everything there is, with the interpreter's lock held.
        """
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
            yield labels, "", (), value

    def lines(self, openmetrics: bool) -> Iterator[str]:
        """The metric's lines, each with its line feed; those about it come as one."""
        yield self.heading(openmetrics)
        yield from self._series_lines()
        for family in self._joined:
            yield from family._series_lines()

    def _series_lines(self) -> Iterator[str]:
        base, names, constants = self.name, self._names, self._constants
        for labels, series in self._stored():
            text = series.text
            if text is None:
                text = series.text = label_text(names, (*labels, *constants))
            before, after = text
            for suffix, extra, value in series.samples():
                if extra:
                    yield f'{base}{suffix}{{{before}le="{extra[0][1]}"{after}}} {number_text(value)}\n'
                else:
                    yield f"{base}{suffix}{_braces(before, after)} {number_text(value)}\n"
        for labels, value in self.computed.items():
            yield f"{base}{_braces(*label_text(names, (*labels, *constants)))} {number_text(value)}\n"


def label_text(names: tuple[str, ...], values: tuple[str, ...]) -> tuple[str, str]:
    """The labels in a sample's braces, sorted: those before `le` with a comma behind, the others with one in front."""
    pairs = [(name, f'{name}="{_escaped(value)}"') for name, value in sorted(zip(names, values, strict=True))]
    before = "".join(f"{text}," for name, text in pairs if name < "le")
    after = "".join(f",{text}" for name, text in pairs if name > "le")
    return before, after


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _braces(before: str, after: str) -> str:
    inside = f"{before[:-1]}{after}" if before else after[1:]
    return f"{{{inside}}}" if inside else ""


def number_text(value: float) -> str:
    """A sample's value as prometheus_client spells it (`floatToGoString`)."""
    if -1e6 < value < 1e6:
        return repr(value)
    return floatToGoString(value)  # type: ignore[no-untyped-call, no-any-return]


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
        The text, encoded in UTF-8, equal to `encode(registry)`.
    """
    function = getattr(encode, "func", encode)
    openmetrics = "openmetrics" in function.__module__
    ours = getattr(encode, "keywords", {}).get("escaping", _PLAIN_ESCAPING[0]) in _PLAIN_ESCAPING
    parts: list[str] = []
    pauses = _Pauses()
    for collector, collect in collectors_of(registry):
        written = len(parts)
        try:
            for metric in collect():
                if ours and isinstance(metric, Rendered):
                    lines = metric.lines(openmetrics)
                else:
                    lines = iter((encode(_One(metric)).decode().removesuffix("# EOF\n"),))
                for line in lines:
                    parts.append(line)
                    pauses.offer()
        except Exception as error:
            if failed is None:
                raise
            del parts[written:]
            failed(collector, error)
    if openmetrics:
        parts.append("# EOF\n")
    return "".join(parts).encode()


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
