"""Plain functions that return an awaitable: a coroutine, a future, an HTTP client's request object.

For an object that is neither a coroutine nor a future, the caller gets a proxy of the object. The call is recorded when
the proxy has been awaited, or entered by `async with`. Everything else of the object shows through.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Mapping
from types import CoroutineType
from typing import Any, Final

import wrapt

from tradmetrics.capture.call_site import CallSite


class UnfinishedCall:
    """A call that is recorded once: when its awaitable has been awaited, or when that is dropped."""

    __slots__ = ("_args", "_kwargs", "_recorded", "_result", "_site", "_token")

    def __init__(
        self, result: object, site: CallSite, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None, token: Any
    ) -> None:
        self._result = result
        self._site = site
        self._args = args
        self._kwargs = kwargs
        self._token = token
        self._recorded = False

    def finish(self, result: object, exception: BaseException | None) -> None:
        """Record the call, unless it has been recorded: some awaitables can be awaited twice."""
        if not self._recorded:
            self._recorded = True
            self._site.finished(self._args, self._kwargs, result, exception, self._token)

    def __del__(self) -> None:
        if not self._recorded:
            # A coroutine that was never awaited sent nothing. Another object may have been used in another way.
            if issubclass(type(self._result), Coroutine):
                self.finish(None, GeneratorExit())
            else:
                self.finish(self._result, None)


class AwaitableProxy(wrapt.ObjectProxy):  # type: ignore[type-arg]
    """The base of the proxies. Each subclass has the special methods that the proxied class has, and no others."""

    def __init__(self, wrapped: Any, call: UnfinishedCall) -> None:
        super().__init__(wrapped)
        self._self_call = call
        self._self_driver: Generator[Any, Any, Any] | None = None

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__wrapped__.__reduce_ex__(protocol)


def watched(
    awaitable: object, site: CallSite, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None, token: Any
) -> AwaitableProxy:
    """Return a proxy that reports the call to `site` when it has been awaited or entered."""
    return _proxy_of(type(awaitable))(awaitable, UnfinishedCall(awaitable, site, args, kwargs, token))


def _drive(proxy: AwaitableProxy) -> Generator[Any, Any, Any]:
    call = proxy._self_call
    try:
        result = yield from proxy.__wrapped__.__await__()
    except BaseException as exception:
        call.finish(None, exception)
        raise
    call.finish(result, None)
    return result


def _driver(proxy: AwaitableProxy) -> Generator[Any, Any, Any]:
    if proxy._self_driver is None:
        proxy._self_driver = _drive(proxy)
    return proxy._self_driver


def _send(proxy: AwaitableProxy, value: Any) -> Any:
    return _driver(proxy).send(value)


def _throw(proxy: AwaitableProxy, *arguments: Any) -> Any:
    return _driver(proxy).throw(*arguments)


def _close(proxy: AwaitableProxy) -> Any:
    if proxy._self_driver is None:
        proxy._self_call.finish(None, GeneratorExit())
        return proxy.__wrapped__.close()
    return proxy._self_driver.close()


async def _aenter(proxy: AwaitableProxy) -> Any:
    call = proxy._self_call
    try:
        entered = await proxy.__wrapped__.__aenter__()
    except BaseException as exception:
        call.finish(None, exception)
        raise
    call.finish(entered, None)
    return entered


def _aexit(proxy: AwaitableProxy, *details: Any) -> Any:
    return proxy.__wrapped__.__aexit__(*details)


def _iter(proxy: AwaitableProxy) -> Any:
    return _drive(proxy) if issubclass(type(proxy.__wrapped__), Coroutine) else iter(proxy.__wrapped__)


def _next(proxy: AwaitableProxy) -> Any:
    return next(proxy.__wrapped__)


def _aiter(proxy: AwaitableProxy) -> Any:
    proxy._self_call.finish(proxy.__wrapped__, None)
    return proxy.__wrapped__.__aiter__()


def _anext(proxy: AwaitableProxy) -> Any:
    proxy._self_call.finish(proxy.__wrapped__, None)
    return proxy.__wrapped__.__anext__()


_METHODS: Final[Mapping[str, Callable[..., Any]]] = {
    "__await__": _drive,
    "send": _send,
    "throw": _throw,
    "close": _close,
    "__aenter__": _aenter,
    "__aexit__": _aexit,
    "__iter__": _iter,
    "__next__": _next,
    "__aiter__": _aiter,
    "__anext__": _anext,
}
_proxies: dict[tuple[str, ...], type[AwaitableProxy]] = {}


def _proxy_of(kind: type) -> type[AwaitableProxy]:
    # A `send` or `close` that is not a coroutine's is a method like any other.
    methods = set(_METHODS) if issubclass(kind, Coroutine) else set(_METHODS) - {"send", "throw", "close"}
    names = tuple(sorted(name for name in methods if hasattr(kind, name)))
    if names not in _proxies:
        _proxies[names] = type("AwaitableProxy", (AwaitableProxy,), {name: _METHODS[name] for name in names})
    return _proxies[names]


def reported(result: Any, site: CallSite, args: tuple[Any, ...], kwargs: dict[str, Any] | None, token: Any) -> Any:
    """Report when what a plain function returned has been awaited; futures stay the very objects that they are."""
    if type(result) is CoroutineType:
        awaited: Any = _awaited(_Unbegun(result, site, args, kwargs, token))
        awaited.__name__, awaited.__qualname__ = result.__name__, result.__qualname__
        return awaited

    def done(future: Any) -> None:
        try:
            if future.cancelled():
                import asyncio

                exception: BaseException | None = asyncio.CancelledError()
            else:
                # Not exception(), after which asyncio would no longer say that nobody has looked at it.
                exception = future._exception if hasattr(future, "_exception") else future.exception()
            result = None if exception is not None else future.result()
        except Exception as error:
            site.fault("record", error)
        else:
            site.finished(args, kwargs, result, exception, token)

    try:
        add_done_callback = getattr(result, "add_done_callback", None)
        if add_done_callback is None:
            return watched(result, site, args, kwargs, token)
        add_done_callback(done)
        return result
    except Exception as error:
        site.fault("record", error)
    site.finished(args, kwargs, result, None, token)
    return result


class _Unbegun:
    """A call whose coroutine nobody has begun to await; dropped so, as by a task that is cancelled at once, it ends."""

    __slots__ = ("args", "coroutine", "kwargs", "site", "token")

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, Any],
        site: CallSite,
        args: tuple[Any, ...],
        kwargs: dict[str, Any] | None,
        token: Any,
    ) -> None:
        self.coroutine: Coroutine[Any, Any, Any] | None = coroutine
        self.site = site
        self.args = args
        self.kwargs = kwargs
        self.token = token

    def __del__(self) -> None:
        if self.coroutine is not None:
            self.coroutine.close()  # or Python would warn of it, beside the one around it
            self.site.finished(self.args, self.kwargs, None, GeneratorExit(), self.token)


async def _awaited(call: _Unbegun) -> Any:
    coroutine, call.coroutine = call.coroutine, None
    site, args, kwargs, token = call.site, call.args, call.kwargs, call.token
    try:
        result = await coroutine  # type: ignore[misc]
    except BaseException as exception:
        site.finished(args, kwargs, None, exception, token)
        raise
    site.finished(args, kwargs, result, None, token)
    return result
