"""Plain functions that return a coroutine, a future or another awaitable: the call ends when that was awaited."""

from __future__ import annotations

from collections.abc import Coroutine
from types import CoroutineType
from typing import Any

from tradmetrics.capture.call_site import CallSite


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
            # Here, because wrapt imports asyncio, and most functions return no awaitable object.
            from tradmetrics.capture.awaitables import watched

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
