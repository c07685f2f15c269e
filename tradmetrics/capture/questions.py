"""Questions to a callable about itself, which never raise."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from inspect import Parameter
from typing import Any, Final

_MOST_WRAPPERS: Final = 100


def parameters_of(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    """The function's parameters; `*args, **kwargs` where Python cannot tell (some builtins)."""
    try:
        return tuple(signature_of(function).parameters.values())
    except Exception:  # a proxy that answers every question may answer with nonsense, or raise anything
        return (Parameter("args", Parameter.VAR_POSITIONAL), Parameter("kwargs", Parameter.VAR_KEYWORD))


def attribute_of(target: Any, name: str) -> Any:
    """Return an attribute of a callable; None where it has none, or where asking for it raises."""
    try:
        return getattr(target, name, None)
    except Exception:  # a proxy whose own attributes raise
        return None


def claims(target: Any, kinds: type | tuple[type, ...]) -> bool:
    """Return whether a callable is of these classes, or says so, as a proxy does."""
    try:
        return isinstance(target, kinds)
    except Exception:  # a proxy whose own attributes raise
        return False


def unwrapped(function: Any) -> Any:
    """Return the function below its wrappers, as `inspect.unwrap` does.

    A mock or a remote procedure answers every attribute, so only a `__wrapped__` that an object really has counts.
    """
    try:
        for _ in range(_MOST_WRAPPERS):
            if "__wrapped__" not in getattr(function, "__dict__", ()) and not hasattr(type(function), "__wrapped__"):
                break
            function = function.__wrapped__
    except Exception:  # a proxy whose own attributes raise
        pass
    return function


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return a callable's signature without evaluating annotations, whose names may exist for type checkers only.

    Raises:
        Exception: Any exception that the callable's own attributes raise.
    """
    if sys.version_info >= (3, 14):
        from annotationlib import Format  # novermin

        return inspect.signature(function, annotation_format=Format.FORWARDREF)  # novermin
    return inspect.signature(function)


def annotations_of(kind: type) -> Mapping[str, Any]:
    """Return the annotations of a class's own, without those of its bases.

    From Python 3.14 on, a class keeps a function that makes them, and none in its `__dict__`.
    """
    if sys.version_info >= (3, 14):
        from annotationlib import Format, get_annotations  # novermin

        try:
            return get_annotations(kind, format=Format.FORWARDREF)  # novermin
        except Exception:  # an annotation that raises when it is made
            return {}
    own: Mapping[str, Any] = vars(kind).get("__annotations__", {})
    return own
