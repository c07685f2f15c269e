"""The layers of a decorated function: tradmetrics' decorators, the user's own around them, and the function below."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from functools import partial
from types import CellType, FunctionType, MethodType
from typing import Any

from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.call_site import CallSite
from tradmetrics.capture.recipe import Recipe
from tradmetrics.capture.wrapping import CALL_SITES_ATTRIBUTE, instrument
from tradmetrics.registry.metrics import TradingMetrics


def sites_of(function: Any) -> tuple[CallSite, ...]:
    """The sites of a decorated function, method, callable object, or `functools.partial` of one."""
    if type(function) is partial:
        return sites_of(function.func)
    return getattr(function, CALL_SITES_ATTRIBUTE, ())


def outermost(function: Any) -> tuple[CallSite, ...]:
    """The sites of the decorators of tradmetrics' that stand directly on one another: they see the same calls."""
    if type(function) is partial:
        return outermost(function.func)
    if type(function) is MethodType:
        return outermost(function.__func__)
    if not _is_ours(function):
        return outermost(function.__wrapped__) if sites_of(function) else ()
    below = function.__wrapped__
    return (sites_of(function)[0], *(outermost(below) if _is_ours(below) else ()))


def undecorated(function: Any) -> Any:
    """The function without tradmetrics' decorators; None where a decorator of the user's own cannot be rebuilt."""
    return _on_the_layers(function, lambda ours: undecorated(ours.__wrapped__))


def watched(function: Any, note: Callable[[CallContext], None], metrics: TradingMetrics) -> Any:
    """The function, telling `note` of every call that the outermost of tradmetrics' decorators sees.

    None where a decorator of the user's own, above it, cannot be rebuilt.
    """
    recipe = Recipe("watch", (), effect=note)
    return _on_the_layers(function, lambda ours: instrument(ours, recipe, {}, metrics))


def _on_the_layers(function: Any, change: Callable[[Any], Any]) -> Any:
    """The function with the outermost of tradmetrics' decorators, and all below, changed."""
    if type(function) is partial:
        inner = _on_the_layers(function.func, change)
        return None if inner is None else partial(inner, *function.args, **function.keywords)
    if type(function) is MethodType:
        inner = _on_the_layers(function.__func__, change)
        return None if inner is None else MethodType(inner, function.__self__)
    if not sites_of(function):
        return function
    if _is_ours(function):
        return change(function)
    inner = _on_the_layers(function.__wrapped__, change)
    return None if inner is None else _made_anew(function, function.__wrapped__, inner)


def _is_ours(function: Any) -> bool:
    """Whether a layer is one of tradmetrics', and no wrapper that `functools.wraps` made look like one."""
    sites = sites_of(function)
    return bool(sites) and sites[0].function is getattr(function, "__wrapped__", None)


def _made_anew(wrapper: Any, inner: Any, other: Any) -> Any:
    """A copy of a wrapper that has `other` wherever it had `inner`; None where it cannot be seen where that is."""
    if type(wrapper) is FunctionType:
        cells = [CellType(other) if _holds(each, inner) else each for each in wrapper.__closure__ or ()]
        if all(map(operator.is_, cells, wrapper.__closure__ or ())):
            return None
        anew = FunctionType(wrapper.__code__, wrapper.__globals__, wrapper.__name__, wrapper.__defaults__, tuple(cells))
        anew.__kwdefaults__ = wrapper.__kwdefaults__
        return anew
    try:
        anew = copy.copy(wrapper)
        held = [name for name, value in vars(anew).items() if value is inner]
    except Exception:
        return None
    if anew is wrapper or not held:
        return None
    vars(anew).update(dict.fromkeys(held, other))
    return anew


def _holds(cell: CellType, value: object) -> bool:
    try:
        return cell.cell_contents is value
    except ValueError:
        return False  # nothing yet
