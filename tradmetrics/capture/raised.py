"""The exception of a call: whether its class says all of it, whether the function ran, and its traces."""

from __future__ import annotations

from collections.abc import Mapping
from types import FunctionType
from typing import Any, Final

from tradmetrics.capture.lookups import Compiled

_HEAP: Final = 1 << 9
_LONGEST_TEXT: Final = 200
_MOST_CLASSES: Final = 1_000
_NO, _YES, _SYSTEM = 0, 1, 2
_exceptions: Final[dict[type, int]] = {}
_TRACES: Final = [
    vars(BaseException)[name] for name in ("__traceback__", "__context__", "__cause__", "__suppress_context__")
]


def traces_of(exception: BaseException) -> list[object]:
    """Return the attributes of an exception that raising it again would change."""
    return [each.__get__(exception) for each in _TRACES]


def put_back(exception: BaseException, traces: list[object]) -> None:
    """Give an exception its traces back.

    Args:
        exception: The exception.
        traces: Its `traces_of` before code of others could raise it again.
    """
    for each, value in zip(_TRACES, traces, strict=True):
        if each.__get__(exception) is not value:
            each.__set__(exception, value)


def never_began(compiled: Compiled, args: tuple[Any, ...], kwargs: Mapping[str, Any], exception: BaseException) -> bool:
    """Return whether Python refused a call for its arguments, so that the function never ran.

    Args:
        compiled: The function's parameters.
        args: The call's positional arguments.
        kwargs: Its keyword arguments.
        exception: The exception that it raised.
    """
    if type(exception) is not TypeError:
        return False
    traceback = exception.__traceback__
    if traceback is None or traceback.tb_next is not None:
        return False  # raised in code that ran
    try:
        compiled.bind(args, kwargs)
    except TypeError:
        return True
    return False


def class_of(exception: BaseException) -> object:
    """Return the class of an exception, for recipes that look at nothing else."""
    return type(exception)


def ordinary_class(exception: BaseException) -> object:
    """The class of an exception that says nothing more than its class does; None for any other.

    Such an exception has no attributes, no cause and no context, is of a class without properties, and has texts and
    numbers for arguments. A text that says that something is unknown is looked at.
    """
    kind = type(exception)
    known = _exceptions.get(kind)
    if known is None:
        if len(_exceptions) >= _MOST_CLASSES:
            _exceptions.clear()
        known = _exceptions[kind] = _ordinary(kind)
    if not known or exception.__cause__ is not None or exception.__context__ is not None or exception.__dict__:
        return None
    if known == _SYSTEM and exception.errno is not None:  # type: ignore[attr-defined]
        return None
    for each in exception.args:
        if type(each) is str:
            if len(each) > _LONGEST_TEXT or "unknown" in each.casefold():
                return None
        elif type(each) not in (int, float):
            return None
    return kind


def _ordinary(kind: type) -> int:
    for each in kind.__mro__:
        if not each.__flags__ & _HEAP:
            if each.__basicsize__ == BaseException.__basicsize__:
                return _YES
            return _SYSTEM if issubclass(each, OSError) and each.__basicsize__ == OSError.__basicsize__ else _NO
        for name, value in vars(each).items():
            if name in ("__dict__", "__weakref__", "__doc__") or isinstance(value, FunctionType):
                if name in ("__getattr__", "__getattribute__"):
                    return _NO
            elif hasattr(type(value), "__get__") and not isinstance(value, (staticmethod, classmethod)):
                return _NO
    return _NO
