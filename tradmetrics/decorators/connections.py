"""`track_connection`: how many connections are live."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, ParamSpec, TypeVar, overload

from tradmetrics import catalogue
from tradmetrics.capture.call_context import CallContext, DecoratedFunction
from tradmetrics.capture.recipe import Recipe
from tradmetrics.capture.recording import resolve
from tradmetrics.capture.wrapping import decorate, suggest_keywords
from tradmetrics.registry.metrics import NO_METRICS, TradingMetrics, checked
from tradmetrics.storage.series import Series

P = ParamSpec("P")
R = TypeVar("R")


_SITE: Final = "tradmetrics.track_connection"


def _series(metrics: TradingMetrics, site: str) -> Series:
    key = (catalogue.WEBSOCKET_CONNECTIONS.name,)
    return metrics.remembered.get(key) or metrics.remember(catalogue.WEBSOCKET_CONNECTIONS, (), site=site)


def _opened(site: DecoratedFunction) -> Series:
    series = _series(site.metrics, site.name)
    series.up()
    return series


def _closed(reading: CallContext) -> None:
    # The series that went up goes down, even when the metrics object was replaced in between.
    if reading.entered is not None:
        _down(reading.entered)


def _down(series: Series) -> None:
    # Where something else has set the gauge meanwhile, it never falls below zero.
    if series.value() > 0:
        series.down()


_RECIPE: Final = Recipe("track_connection", (), enter=_opened, effect=_closed, also=(catalogue.WEBSOCKET_CONNECTIONS,))


class ConnectionTracking:
    """What `track_connection()` returns: a decorator, and a context manager around a live connection."""

    __slots__ = ("_entered", "_metrics")

    def __init__(self, metrics: TradingMetrics | None) -> None:
        self._metrics = checked(metrics, "track_connection")
        # One for each `with` that is open, in whatever thread or task: which is which makes no difference.
        self._entered: list[tuple[TradingMetrics, Series | None]] = []

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]:
        """Count a connection for as long as a call of `function` lasts."""
        return decorate(function, _RECIPE, {}, self._metrics)

    def __enter__(self) -> ConnectionTracking:
        metrics = resolve(self._metrics, _SITE)
        series = None
        if metrics.enabled:
            try:
                series = _series(metrics, _SITE)
                series.up()
            except Exception as error:
                series = None
                metrics.fault(_SITE, "record", error)
        self._entered.append((metrics, series))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        metrics, series = self._entered.pop() if self._entered else (NO_METRICS, None)
        if series is not None:
            try:
                _down(series)
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
def track_connection(function: None = None, /, *, metrics: TradingMetrics | None = None) -> ConnectionTracking: ...
@suggest_keywords
def track_connection(function: Callable[..., Any] | None = None, /, *, metrics: TradingMetrics | None = None) -> Any:
    """Count a live connection in `trading_websocket_connections`, up when it opens and down when it ends.

    As a decorator on the function that holds the connection open (a coroutine, a generator, a blocking loop), or as a
    context manager. However the call ends, the count goes down once.

    Example:
        ```python
        from tradmetrics import track_connection


        @track_connection
        async def listen(url): ...


        async def main(socket):
            async with track_connection():
                await socket.recv()
        ```

    Args:
        function: The function, when the decorator is written without parentheses.
        metrics: The metrics object to record to; by default the process's.
    """
    tracking = ConnectionTracking(metrics)
    return tracking if function is None else tracking(function)
