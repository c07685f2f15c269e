"""Awaitables that are neither coroutines nor futures: HTTP clients' request objects, classes with `__await__`.

The caller gets a proxy of the object. The call is recorded when the proxy has been awaited, or entered by `async with`.
Everything else of the object shows through.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Mapping
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
