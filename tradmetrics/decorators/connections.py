"""`track_connection`: how many connections are live."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from types import TracebackType
from typing import Any, Final, NamedTuple, ParamSpec, TypeVar, overload
from weakref import WeakKeyDictionary

from tradmetrics import catalogue
from tradmetrics.capture.call_context import CallContext, DecoratedFunction
from tradmetrics.capture.recipe import Recipe
from tradmetrics.capture.recording import metrics_or_default
from tradmetrics.capture.wrapping import decorate, suggest_keywords
from tradmetrics.errors import LabelSourceError
from tradmetrics.model.text import UNKNOWN, shown, text_of
from tradmetrics.registry.metrics import NO_METRICS, TradingMetrics, checked
from tradmetrics.storage.series import GaugeSeries, Series

P = ParamSpec("P")
R = TypeVar("R")


_SITE: Final = "tradmetrics.track_connection"
_STREAM_METRICS: Final = (catalogue.STREAM_CONNECTED, catalogue.STREAM_CONNECTS)


class _Stream:
    """The live connections of one stream on one metrics object.

    They are counted without a lock, which a signal handler could find held.
    """

    __slots__ = ("_connected", "_live")

    def __init__(self, connected: Series) -> None:
        self._connected = connected
        self._live = GaugeSeries()

    def opened(self) -> None:
        self._live.up()
        self._show()

    def closed(self) -> None:
        self._live.down()
        self._show()

    def _show(self) -> None:
        is_up = None
        while is_up != (self._live.value() > 0):  # another thread may open or close a connection in between
            is_up = self._live.value() > 0
            self._connected.set(float(is_up))


_streams: Final[WeakKeyDictionary[TradingMetrics, dict[object, _Stream]]] = WeakKeyDictionary()
_MOST_STREAMS: Final = 1_000


def _stream(metrics: TradingMetrics, stream: object, site: str) -> _Stream:
    """The stream of that name; one that is beyond any sensible number has a count of its own."""
    resolved = metrics.resolve(catalogue.STREAM_CONNECTED, (stream,), site=site)
    streams = _streams.setdefault(metrics, {})
    found = streams.get(resolved.labels)
    if found is None:
        found = _Stream(resolved.series)
        if len(streams) < _MOST_STREAMS:
            found = streams.setdefault(resolved.labels, found)
    return found


class _Opened(NamedTuple):
    """The series and the stream that an opened connection counted up; they go down at its end, whatever the metrics."""

    series: Series
    stream: _Stream | None


def _series(metrics: TradingMetrics, site: str) -> Series:
    key = (catalogue.WEBSOCKET_CONNECTIONS.name,)
    return metrics.remembered.get(key) or metrics.remember(catalogue.WEBSOCKET_CONNECTIONS, (), site=site)


def _open(metrics: TradingMetrics, stream: object, site: str) -> _Opened:
    series = _series(metrics, site)
    opened = None
    if stream is not None:
        opened = _stream(metrics, stream, site)
        opened.opened()
        metrics.record(catalogue.STREAM_CONNECTS, (stream,), site=site)
    series.up()
    return _Opened(series, opened)


def _close(opened: _Opened) -> None:
    # Where something else has set the gauge meanwhile, it never falls below zero.
    if opened.series.value() > 0:
        opened.series.down()
    if opened.stream is not None:
        opened.stream.closed()


def _closed(reading: CallContext) -> None:
    if reading.entered is not None:
        _close(reading.entered)


def _recipe(stream: object) -> Recipe:
    def opened(site: DecoratedFunction) -> _Opened:
        return _open(site.metrics, stream, site.name)

    also = (catalogue.WEBSOCKET_CONNECTIONS, *(_STREAM_METRICS if stream is not None else ()))
    return Recipe("track_connection", (), enter=opened, effect=_closed, also=also)


class ConnectionTracking:
    """The value of `track_connection()`: a decorator, and a context manager around a live connection."""

    __slots__ = ("_entered", "_metrics", "_stream")

    def __init__(self, metrics: TradingMetrics | None, stream: object = None) -> None:
        self._metrics = checked(metrics, "track_connection")
        if stream is not None and (not isinstance(stream, str | Enum) or text_of(stream) == UNKNOWN):
            raise LabelSourceError(
                f"track_connection: stream is a constant such as stream='orders', not {shown(stream)}; a connection is "
                "counted before the call has anything to read"
            )
        self._stream = stream
        # One for each `with` that is open, in whatever thread or task: which is which makes no difference.
        self._entered: list[tuple[TradingMetrics, _Opened | None]] = []

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]:
        """Count a connection for as long as a call of `function` lasts."""
        return decorate(function, _recipe(self._stream), {}, self._metrics)

    def __enter__(self) -> ConnectionTracking:
        metrics = metrics_or_default(self._metrics, _SITE)
        opened = None
        if metrics.enabled:
            try:
                opened = _open(metrics, self._stream, _SITE)
            except Exception as error:
                metrics.fault(_SITE, "record", error)
        self._entered.append((metrics, opened))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        metrics, opened = self._entered.pop() if self._entered else (NO_METRICS, None)
        if opened is not None:
            try:
                _close(opened)
            except Exception as problem:
                metrics.fault(_SITE, "record", problem)

    async def __aenter__(self) -> ConnectionTracking:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)


@overload
def track_connection(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def track_connection(
    function: None = None, /, *, stream: str | Enum | None = None, metrics: TradingMetrics | None = None
) -> ConnectionTracking: ...
@suggest_keywords
def track_connection(
    function: Callable[..., Any] | None = None,
    /,
    *,
    stream: str | Enum | None = None,
    metrics: TradingMetrics | None = None,
) -> Any:
    """Count a live connection in `trading_websocket_connections`, up when it opens and down when it ends.

    As a decorator on the function that holds the connection open (a coroutine, a generator, a blocking loop), or as a
    context manager. However the call ends, the count goes down once.

    With `stream=`, `trading_stream_connected` is also 1 while the stream has a live connection and 0 after, and
    `trading_stream_connects_total` counts each connection that opens, so a stream that is down, or reconnects all the
    time, shows.

    Example:
        ```python
        from tradmetrics import track_connection


        @track_connection(stream="orders")
        async def listen(url): ...


        async def main(socket):
            async with track_connection(stream="prices"):
                await socket.recv()
        ```

    Args:
        function: The function, when the decorator is written without parentheses.
        stream: The stream's name, a constant, such as `orders` or `prices`.
        metrics: The metrics object to record to; by default the process's.

    Raises:
        LabelSourceError: When decorating, if `stream` is not a constant.
    """
    tracking = ConnectionTracking(metrics, stream)
    return tracking if function is None else tracking(function)
