"""One shell for each kind of callable: time it, call it once, report how it ended.

Each is the thinnest code that Python allows around the call. A shell adds nothing to the result, the exception, its
context or what generators are sent; `Site.finished` does not raise.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from types import CoroutineType
from typing import Any, Final, TypeVar

from tradmetrics.instrument import Site

W = TypeVar("W", bound=Callable[..., Any])

CO_ITERABLE_COROUTINE: Final = 0x100
"""The code flag of a generator that `types.coroutine` made awaitable."""


def shell_for(function: Callable[..., Any], site: Site) -> Callable[..., Any]:
    """Wrap `function` in the shell of its kind."""
    if inspect.iscoroutinefunction(function):
        return coroutine_shell(function, site)
    if inspect.isasyncgenfunction(function):
        return async_generator_shell(function, site)
    if inspect.isgeneratorfunction(function):
        wrapper = generator_shell(function, site)
        code = getattr(inspect.unwrap(function), "__code__", None)
        if code is not None and code.co_flags & CO_ITERABLE_COROUTINE:
            import types

            return types.coroutine(wrapper)
        return wrapper
    return function_shell(function, site)


def function_shell(function: Callable[..., Any], site: Site) -> Callable[..., Any]:
    """The shell of plain functions, and of functions that return an awaitable."""
    enter, finished = site.enter, site.finished

    @_wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            token = enter()
        except Exception as error:
            token = site.entering_failed(error)
        try:
            result = function(*args, **kwargs)
        except BaseException as exception:
            finished(args, kwargs, None, exception, token)
            raise
        if result is not None and hasattr(type(result), "__await__"):
            return _awaitable(result, site, args, kwargs, token)
        finished(args, kwargs, result, None, token)
        return result

    return wrapper


def coroutine_shell(function: Callable[..., Coroutine[Any, Any, Any]], site: Site) -> Callable[..., Any]:
    """The shell of coroutine functions."""
    enter, finished = site.enter, site.finished

    @_wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            token = enter()
        except Exception as error:
            token = site.entering_failed(error)
        try:
            result = await function(*args, **kwargs)
        except BaseException as exception:
            finished(args, kwargs, None, exception, token)
            raise
        finished(args, kwargs, result, None, token)
        return result

    return wrapper


def generator_shell(function: Callable[..., Any], site: Site) -> Callable[..., Iterator[Any]]:
    """The shell of generators: timed from the first `next` to exhaustion; the result is the `return` value."""
    enter, finished = site.enter, site.finished

    @_wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            token = enter()
        except Exception as error:
            token = site.entering_failed(error)
        try:
            result = yield from function(*args, **kwargs)
        except BaseException as exception:
            finished(args, kwargs, None, exception, token)
            raise
        finished(args, kwargs, result, None, token)
        return result

    return wrapper


def async_generator_shell(function: Callable[..., Any], site: Site) -> Callable[..., AsyncIterator[Any]]:
    """The shell of async generators: what `yield from` does for generators, by hand, for there is no async one."""
    enter, finished = site.enter, site.finished

    @_wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            token = enter()
        except Exception as error:
            token = site.entering_failed(error)
        try:
            generator = function(*args, **kwargs)
            step = generator.__anext__()
            while True:
                try:
                    value = await step
                except StopAsyncIteration:
                    break
                thrown: BaseException | None = None
                try:
                    sent = yield value
                except GeneratorExit:
                    await generator.aclose()
                    raise
                except BaseException as exception:
                    thrown = exception
                # Outside the handler, so that what the generator raises now does not gain `thrown` as its context.
                step = generator.asend(sent) if thrown is None else generator.athrow(thrown)
        except BaseException as exception:
            finished(args, kwargs, None, exception, token)
            raise
        finished(args, kwargs, None, None, token)

    return wrapper


def _awaitable(result: Any, site: Site, args: tuple[Any, ...], kwargs: dict[str, Any], token: Any) -> Any:
    """Report when what a plain function returned has been awaited; futures stay the very objects that they are."""
    if type(result) is CoroutineType:
        return _awaited(result, site, args, kwargs, token)
    if hasattr(result, "add_done_callback"):

        def done(future: Any) -> None:
            if future.cancelled():
                import asyncio

                site.finished(args, kwargs, None, asyncio.CancelledError(), token)
            elif (exception := future.exception()) is not None:
                site.finished(args, kwargs, None, exception, token)
            else:
                site.finished(args, kwargs, future.result(), None, token)

        try:
            result.add_done_callback(done)
        except Exception as error:
            site.book.fault(site.name, "record", error)
        return result
    # Some other awaitable, perhaps a context manager too: it is the result, and nobody says when it is over.
    site.finished(args, kwargs, result, None, token)
    return result


async def _awaited(
    coroutine: Coroutine[Any, Any, Any], site: Site, args: tuple[Any, ...], kwargs: dict[str, Any], token: Any
) -> Any:
    try:
        result = await coroutine
    except BaseException as exception:
        site.finished(args, kwargs, None, exception, token)
        raise
    site.finished(args, kwargs, result, None, token)
    return result


def _wraps(function: Callable[..., Any]) -> Callable[[W], W]:
    # functools.wraps, for callables that lack a name too.
    assigned = [name for name in functools.WRAPPER_ASSIGNMENTS if hasattr(function, name)]
    updated = [name for name in functools.WRAPPER_UPDATES if isinstance(getattr(function, name, None), dict)]
    wraps: Any = functools.wraps(function, assigned, updated)
    return wraps  # type: ignore[no-any-return]
