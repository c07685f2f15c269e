"""One shell for each kind of callable: time it, call it once, report how it ended.

Each is the thinnest code that Python allows around the call. A shell adds nothing to the result, the exception, its
context or what generators are sent; `CallSite.finished` does not raise.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from types import CellType, FunctionType
from typing import Any, Final, TypeVar

from tradmetrics.capture import call_site as clocks
from tradmetrics.capture.awaited_calls import reported
from tradmetrics.capture.call_site import CallSite
from tradmetrics.capture.questions import attribute_of, unwrapped
from tradmetrics.capture.repeating import is_word
from tradmetrics.capture.shell_code import write
from tradmetrics.capture.shell_shapes import build, names_of, shape_of
from tradmetrics.capture.views import NO_MAPPINGS
from tradmetrics.errors import SHELL_FILE
from tradmetrics.model.missing import MISSING
from tradmetrics.storage.label_keys import SAFE_TYPES

W = TypeVar("W", bound=Callable[..., Any])

CO_ITERABLE_COROUTINE: Final = 0x100
"""The code flag of a generator that `types.coroutine` made awaitable."""


def shell_for(
    function: Callable[..., Any], site: CallSite, call: Callable[..., Any] | None = None
) -> Callable[..., Any]:
    """Wrap `function` in the shell of its kind.

    Args:
        function: The function that the shell looks like.
        site: Where calls are reported.
        call: The callable that it calls, if that is not `function` itself.
    """
    call = function if call is None else call
    if _is(inspect.iscoroutinefunction, function):
        return coroutine_shell(function, call, site)
    if _is(inspect.isasyncgenfunction, function):
        return async_generator_shell(function, call, site)
    if _is(inspect.isgeneratorfunction, function):
        wrapper = generator_shell(function, call, site)
        code = getattr(unwrapped(function), "__code__", None)
        if code is not None and code.co_flags & CO_ITERABLE_COROUTINE:
            import types

            return types.coroutine(wrapper)
        return wrapper
    return function_shell(function, call, site)


def is_generator(function: Any) -> bool:
    """Whether calls of `function` give generators, async ones too."""
    return _is(inspect.isgeneratorfunction, function) or _is(inspect.isasyncgenfunction, function)


def _is(test: Callable[[Any], bool], function: Any) -> bool:
    """Whether a test holds for a function, or for an object's class's `__call__`, which is what runs."""
    try:
        return test(function) or (not isinstance(function, FunctionType) and test(type(unwrapped(function)).__call__))
    except Exception:  # a proxy that answers every question, or raises at every attribute
        return False


def function_shell(function: Callable[..., Any], call: Callable[..., Any], site: CallSite) -> Callable[..., Any]:
    """The shell of plain functions, and of functions that return an awaitable."""
    if call is function:
        made = generated_shell(function, site, is_async=False)
        if made is not None:
            return made
    enter, finished = _entering(site), site.finished

    @_wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        token = enter()
        try:
            result = call(*args, **kwargs)
        except BaseException as exception:
            finished(args, kwargs, None, exception, token)
            raise
        if type(result) not in _PLAIN and _is_awaitable(result):
            return reported(result, site, args, kwargs, token)
        finished(args, kwargs, result, None, token)
        return result

    return wrapper


def generated_shell(function: Any, site: CallSite, *, is_async: bool) -> Callable[..., Any] | None:
    """A shell with the function's own parameters; None where they cannot be written, or are not what they seem."""
    if type(function) is not FunctionType or "__signature__" in function.__dict__:
        return None
    if "__wrapped__" in function.__dict__ and function.__code__.co_filename != SHELL_FILE:
        return None
    shape = shape_of(function)
    if shape is None or names_of(shape, function) != site.compiled.names:
        return None
    enters = site.recipe.enter is not None
    straight = site.straight
    fast = straight if straight is not None else None if enters else site.fast
    clock = enters or needs_clock(site)
    enter = site.enter
    if straight is not None and site.recipe.straight is not None:
        enter = site.recipe.straight.entering(site, enter)
    try:
        source, site.read_by_shell = write(
            shape,
            site.compiled.names,
            fast,
            is_async=is_async,
            clock=clock,
            straight=straight is not None,
            counting=site.known.calls is not None,
        )
        cells = {
            **_SHARED_CELLS,
            "_tm_awaited": CellType(lambda result, args, token: reported(result, site, args, None, token)),
            "_tm_call": CellType(function),
            "_tm_calls": CellType(site.known.calls),
            "_tm_careful": CellType(site.careful),
            "_tm_clock": CellType(enter if enters else vars(clocks)["perf_counter"]),
            "_tm_clock_failed": CellType(site.clock_failed),
            "_tm_absent": CellType(None if fast is None else fast.absent_names.isdisjoint),
            "_tm_digest": CellType(None if fast is None else fast.repeat.digest),
            "_tm_fields": CellType(None if fast is None else fast.fields_of_arguments),
            "_tm_gone": CellType(None if fast is None else fast.usually_absent_names.isdisjoint),
            "_tm_memory": site.memory,
            "_tm_raised": CellType(site.raised),
            "_tm_work": CellType(None if site.recipe.straight is None else site.recipe.straight.work),
            "_tm_views": CellType(None if fast is None else fast.views),
        }
        shell: Any = build(source, function, shape, cells)
    except SyntaxError:
        return None
    return _wraps(function)(shell)  # type: ignore[no-any-return]


def needs_clock(site: CallSite) -> bool:
    """Whether anything that a site records may be the duration of a call."""
    recipe = site.recipe
    if recipe.repeat is None or recipe.repeat.seconds or recipe.effect is not None:
        return True
    lookups = site.compiled.lookups.values()
    return any(rule.value == "seconds" for rule in recipe.rules) or any(each.function is not None for each in lookups)


# The usual results; asking a class for an attribute that it lacks takes as long as counting the call.
_PLAIN: Final = frozenset({type(None), bool, int, float, str, dict, list, tuple})


def _entering(site: CallSite) -> Callable[[], Any]:
    """Return `site.enter`, which also counts the call where calls are counted."""
    calls, enter = site.known.calls, site.enter
    if calls is None:
        return enter

    def entering() -> Any:
        next(calls)
        return enter()

    return entering


def _is_awaitable(result: Any) -> bool:
    try:
        return hasattr(type(result), "__await__")
    except Exception:
        return False  # a class whose own class will not say


def coroutine_shell(function: Callable[..., Any], call: Callable[..., Any], site: CallSite) -> Callable[..., Any]:
    """The shell of coroutine functions."""
    if call is function:
        made = generated_shell(function, site, is_async=True)
        if made is not None:
            return made
    enter, finished = _entering(site), site.finished

    @_wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        token = enter()
        try:
            result = await call(*args, **kwargs)
        except BaseException as exception:
            finished(args, kwargs, None, exception, token)
            raise
        finished(args, kwargs, result, None, token)
        return result

    return wrapper


def generator_shell(function: Callable[..., Any], call: Callable[..., Any], site: CallSite) -> Callable[..., Any]:
    """The shell of generators: timed from the first `next` to exhaustion; the result is the `return` value."""
    enter, finished = _entering(site), site.finished

    @_wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        token = enter()
        try:
            result = yield from call(*args, **kwargs)
        except BaseException as exception:
            finished(args, kwargs, None, exception, token)
            raise
        finished(args, kwargs, result, None, token)
        return result

    return wrapper


def async_generator_shell(function: Callable[..., Any], call: Callable[..., Any], site: CallSite) -> Callable[..., Any]:
    """The shell of async generators: what `yield from` does for generators, by hand, for there is no async one."""
    enter, finished = _entering(site), site.finished

    @_wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        token = enter()
        try:
            generator = call(*args, **kwargs)
            step = _first_step(generator)
            while True:
                try:
                    value = await step
                except StopAsyncIteration:
                    break
                thrown: BaseException | None = None
                try:
                    value = yield value  # the sent value, so that nothing here keeps the yielded one
                except BaseException as exception:
                    thrown, value = exception, None
                # Outside the handler, so that what the generator raises now does not gain `thrown` as its context.
                if isinstance(thrown, GeneratorExit):
                    await generator.aclose()
                    raise thrown
                step = generator.asend(value) if thrown is None else generator.athrow(thrown)
        except BaseException as exception:
            finished(args, kwargs, None, exception, token)
            raise
        finished(args, kwargs, None, None, token)

    return wrapper


def _first_step(generator: Any) -> Any:
    """Begin an async generator that the event loop must not close by itself: the generator around it does that."""
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return generator.__anext__()
    finally:
        sys.set_asyncgen_hooks(*hooks)


_SHARED_CELLS: Final = {
    "_tm_missing": CellType(MISSING),
    "_tm_await": CellType(_is_awaitable),
    "_tm_no_mappings": CellType(NO_MAPPINGS),
    "_tm_plain": CellType(_PLAIN),
    "_tm_safe": CellType(SAFE_TYPES),
    "_tm_word": CellType(is_word),
}


_KINDS_OF_ATTRIBUTES: Final = {
    "__name__": str, "__qualname__": str, "__annotations__": dict, "__type_params__": tuple,
}  # fmt: skip


def _has(function: Callable[..., Any], name: str) -> bool:
    try:
        return hasattr(function, name)
    except Exception:
        return False


def _wraps(function: Callable[..., Any]) -> Callable[[W], W]:
    # functools.wraps, also for callables that lack a name, or that answer every question with nonsense.
    assigned = [
        name
        for name in functools.WRAPPER_ASSIGNMENTS
        if isinstance(attribute_of(function, name), _KINDS_OF_ATTRIBUTES.get(name, object)) and _has(function, name)
    ]
    updated = [name for name in functools.WRAPPER_UPDATES if isinstance(attribute_of(function, name), dict)]
    wraps: Any = functools.wraps(function, assigned, updated)
    return wraps  # type: ignore[no-any-return]
