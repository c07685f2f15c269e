"""Calling a function to its end, and comparing how two calls ended."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

MOST_ITEMS: Final = 100
"""Items that are taken from a generator before it is closed."""


class Outcome(NamedTuple):
    """How a call ended.

    Attributes:
        result: The returned value; of a coroutine, the awaited value; of a generator, its `return` value.
        exception: The exception that it raised, or None.
        items: The items that a generator yielded.
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


class Calls:
    """Calls functions of any kind to their ends: coroutines are awaited, generators exhausted.

    All of them share an event loop, which the first that is async makes: what a function keeps from one call to the
    next, such as a lock or a session, belongs to a loop.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> Calls:
        return self

    def __exit__(self, *error: object) -> None:
        if self._loop is not None:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    def __call__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Outcome:
        """Call a function, and await or exhaust what it gives."""
        items: list[Any] = []
        try:
            value = function(*args, **kwargs)
            if inspect.isgenerator(value):
                value = _exhaust(value, items)
            elif inspect.isasyncgen(value):
                value = self._run(_exhaust_async(value, items))
            elif inspect.isawaitable(value):
                value = self._run(_wait_for(value))
        except (Exception, asyncio.CancelledError, GeneratorExit) as error:
            return Outcome(None, error, tuple(items))
        return Outcome(value, None, tuple(items))

    def _run(self, coroutine: Any) -> Any:
        # Not asyncio.run, which leaves the thread without an event loop of its own.
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        try:
            return self._loop.run_until_complete(coroutine)
        finally:
            left = asyncio.all_tasks(self._loop)
            if left:  # which must not go on within the next call
                for task in left:
                    task.cancel()
                self._loop.run_until_complete(asyncio.wait(left))


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
