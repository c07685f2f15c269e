"""Follow the decorated calls of each thread and task, so that a log record can name the order; off by default.

A shell finds the function that it calls in a closure cell. While calls are followed, that cell holds a function around
it that notes the call in a context variable. Otherwise the cell holds the function itself, and a call costs no more.
"""

from __future__ import annotations

import inspect
import threading
import weakref
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import CellType, FunctionType
from typing import Any, Final, NamedTuple, Protocol

from tradmetrics.capture.context_variables import put
from tradmetrics.capture.lookups import ARGUMENT, Compiled, Lookup, step_into
from tradmetrics.capture.readers import Field, compile_sources
from tradmetrics.model.missing import MISSING
from tradmetrics.model.text import text_of

_ORDER_IDS: Final = ("order_id", "orderId", "client_order_id", "clientOrderId")
_OF_ORDERS: Final = frozenset({"track_order", "track_trade"})
_CELLS: Final = ("_tm_call", "call")
"""Names of that cell in the closure of a generated shell and of a plain one."""


class FollowedSite(Protocol):
    """The part of a call site that this module reads."""

    name: str
    compiled: Compiled
    recipe: Any
    function: Callable[..., Any] | None


class CurrentCall(NamedTuple):
    """A decorated call that has not ended.

    Attributes:
        site: The decorated function.
        args: The positional arguments of the call.
        kwargs: Its keyword arguments.
        outer: The decorated call around it, or None.
    """

    site: FollowedSite
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    outer: Any


_current: Final[ContextVar[CurrentCall | None]] = ContextVar("tradmetrics_current_call", default=None)
_lock: Final = threading.Lock()
_cells: Final[weakref.WeakKeyDictionary[Any, tuple[weakref.ref[Any], bool]]] = weakref.WeakKeyDictionary()
_order_ids: Final[weakref.WeakKeyDictionary[Any, Lookup | None]] = weakref.WeakKeyDictionary()
_followers = 0


def note_shell(shell: Any, site: FollowedSite) -> None:
    """Note the shell of a call site, so that its calls can be followed. Generators are left out.

    Args:
        shell: The shell.
        site: Its call site.
    """
    if type(shell) is not FunctionType or inspect.isgeneratorfunction(shell) or inspect.isasyncgenfunction(shell):
        return
    with _lock:
        _cells[site] = weakref.ref(shell), inspect.iscoroutinefunction(shell)
        if _followers:
            _follow(site)


def follow_calls() -> None:
    """Let `current_labels` know the calls; `unfollow_calls` ends what this begins."""
    global _followers
    with _lock:
        _followers += 1
        if _followers == 1:
            for site in list(_cells):
                _follow(site)


def unfollow_calls() -> None:
    """End one `follow_calls`; after the last one, the shells are as they were."""
    global _followers
    with _lock:
        _followers -= 1
        if not _followers:
            for site in list(_cells):
                cell = _cell_of(site)
                if cell is not None and isinstance(cell.cell_contents, FunctionType):
                    cell.cell_contents = cell.cell_contents.__dict__.get("_tm_followed", cell.cell_contents)


def _cell_of(site: Any) -> CellType | None:
    shell = _cells[site][0]()
    if shell is None:
        return None
    names = shell.__code__.co_freevars
    return next((shell.__closure__[names.index(name)] for name in _CELLS if name in names), None)


def _follow(site: Any) -> None:
    cell = _cell_of(site)
    if cell is None or "_tm_followed" in getattr(cell.cell_contents, "__dict__", ()):
        return
    make = _followed_coroutine if _cells[site][1] else _followed_function
    followed = make(cell.cell_contents, weakref.ref(site))
    followed.__dict__["_tm_followed"] = cell.cell_contents
    cell.cell_contents = followed


def _followed_function(function: Callable[..., Any], site: weakref.ref[FollowedSite]) -> Any:
    def followed(*args: Any, **kwargs: Any) -> Any:
        outer = _current.get()
        put(_current, CurrentCall(site(), args, kwargs, outer))  # type: ignore[arg-type]
        try:
            return function(*args, **kwargs)
        finally:
            put(_current, outer)

    return followed


def _followed_coroutine(function: Callable[..., Any], site: weakref.ref[FollowedSite]) -> Any:
    async def followed(*args: Any, **kwargs: Any) -> Any:
        outer = _current.get()
        put(_current, CurrentCall(site(), args, kwargs, outer))  # type: ignore[arg-type]
        try:
            return await function(*args, **kwargs)
        finally:
            put(_current, outer)

    return followed


def current_labels() -> tuple[str | None, str | None]:
    """Return the strategy and the order id of the current call, from it or from the nearest call around that has them.

    Only arguments and constants are read, because the call has no result yet. Never raises.

    Returns:
        The two texts; None for one that no call has.
    """
    strategy = order_id = None
    call = _current.get()
    while call is not None and (strategy is None or order_id is None):
        if call.site is not None:
            strategy = _text(call, call.site.compiled.lookups.get("strategy")) if strategy is None else strategy
            order_id = _text(call, _order_id_of(call.site)) if order_id is None else order_id
        call = call.outer
    return strategy, order_id


def _order_id_of(site: FollowedSite) -> Lookup | None:
    """Where an order's id stands among the arguments of a call: its source, or else the usual words."""
    given = site.compiled.lookups.get("order_id")
    if given is not None and (given.places or given.constant is not MISSING):
        return given
    try:
        return _order_ids[site]
    except KeyError:
        pass
    decorator = site.recipe.decorator
    names = (*_ORDER_IDS, "id") if decorator in _OF_ORDERS else _ORDER_IDS
    lookup = None
    if site.function is not None:
        try:
            compiled = compile_sources(decorator, site.function, site.name, (Field("order_id", names=names),), {})
            lookup = compiled.lookups.get("order_id")
        except Exception:  # a function whose signature cannot be read
            lookup = None
    _order_ids[site] = lookup
    return lookup


def _text(call: CurrentCall, lookup: Lookup | None) -> str | None:
    """The text of a field, from the arguments of a call; None where they do not have it."""
    if lookup is None or lookup.function is not None:
        return None
    try:
        value = lookup.constant
        if lookup.places:
            arguments = call.site.compiled.bind(call.args, call.kwargs)
            for place in lookup.places:
                value = MISSING
                if place.root is ARGUMENT:
                    value = arguments.get(place.steps[0], MISSING)
                    for step in place.steps[1:]:
                        value = step_into(value, step)
                if value is not None and value is not MISSING and not callable(value):
                    break
        if value is None or value is MISSING or callable(value):
            return None
        text = text_of(value)
        return text if lookup.mapped is None else lookup.mapped(text)
    except Exception:  # a property of the user's that raises
        return None
