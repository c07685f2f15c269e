"""Calling a function to its end, decorated and undecorated, and comparing how the calls ended."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from types import MethodType
from typing import Any, Final, NamedTuple

from tradmetrics.instrument import Site
from tradmetrics.wrapping import SITE_ATTRIBUTE

MOST_ITEMS: Final = 100
"""Items that are taken from a generator before it is closed."""


class Outcome(NamedTuple):
    """How a call ended.

    Attributes:
        result: What it returned; of a coroutine, what awaiting it gave; of a generator, its `return` value.
        exception: What it raised, or None.
        items: What a generator yielded.
    """

    result: Any = None
    exception: BaseException | None = None
    items: tuple[Any, ...] = ()

    def __str__(self) -> str:
        if self.exception is not None:
            return f"raised {shown(self.exception)}"
        yielded = f"yielded {shown(list(self.items))} and " if self.items else ""
        return f"{yielded}returned {shown(self.result)}"

    def is_like(self, other: Outcome) -> bool:
        """Whether two calls ended alike; objects of a class without equality of its own count as equal."""
        return _alike(tuple(self), tuple(other))


def sites_of(function: Any) -> tuple[Site, ...]:
    """The sites of a decorated function, method, callable object, or `functools.partial` of one."""
    if type(function) is partial:
        return sites_of(function.func)
    return getattr(function, SITE_ATTRIBUTE, ())


def undecorated(function: Any) -> Any:
    """What stands below the innermost of tradmetrics' decorators, bound to what `function` is bound to."""
    if type(function) is partial:
        return partial(undecorated(function.func), *function.args, **function.keywords)
    if type(function) is MethodType:
        return MethodType(undecorated(function.__func__), function.__self__)
    return undecorated(function.__wrapped__) if sites_of(function) else function


def as_decorated(
    function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """The arguments as the decorated function itself gets them: `self` and those of a `partial` included."""
    if type(function) is partial:
        return as_decorated(function.func, (*function.args, *args), {**function.keywords, **kwargs})
    if type(function) is MethodType:
        return as_decorated(function.__func__, (function.__self__, *args), kwargs)
    return args, kwargs


def call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Outcome:
    """Call a function of any kind, and await or exhaust what it gives."""
    items: list[Any] = []
    try:
        value = function(*args, **kwargs)
        if inspect.isgenerator(value):
            value = _exhaust(value, items)
        elif inspect.isasyncgen(value):
            value = _in_a_loop(_exhaust_async(value, items))
        elif inspect.isawaitable(value):
            value = _in_a_loop(_wait_for(value))
    except (Exception, asyncio.CancelledError, GeneratorExit) as error:
        return Outcome(None, error, tuple(items))
    return Outcome(value, None, tuple(items))


def _exhaust(generator: Any, items: list[Any]) -> Any:
    try:
        while len(items) < MOST_ITEMS:
            items.append(next(generator))
    except StopIteration as end:
        return end.value
    generator.close()
    raise GeneratorExit


async def _exhaust_async(generator: Any, items: list[Any]) -> None:
    async for item in generator:
        items.append(item)
        if len(items) >= MOST_ITEMS:
            await generator.aclose()
            raise GeneratorExit


async def _wait_for(awaitable: Any) -> Any:
    return await awaitable


def _in_a_loop(coroutine: Any) -> Any:
    # Not asyncio.run, which leaves the thread without an event loop of its own.
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def _alike(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, BaseException):
        return _alike(one.args, other.args)
    if type(one) in (tuple, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if type(one) is dict:
        return _alike(list(one), list(other)) and _alike(list(one.values()), list(other.values()))
    kind: Any = type(one)
    if kind.__eq__ is object.__eq__:
        return True
    try:
        return bool(one == other) or (one != one and other != other)  # NaN is not equal to itself
    except Exception:
        return True  # of one class, and beyond comparing


def shown(value: object) -> str:
    """The value as it is written, if it can be, and not too long."""
    try:
        text = repr(value)
    except Exception:
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 200 else f"{text[:150]}… ({len(text)} characters)"
