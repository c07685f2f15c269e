"""Functions that a framework has registered already: a wrapper put on top of them would never run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType, FunctionType
from typing import Any, Final

from tradmetrics.capture.questions import unwrapped

_FRAMEWORKS: Final = ("fastapi", "starlette", "flask", "typer", "quart", "litestar")
_OBJECTS: Final = {"celery": "@app.task", "click": "@click.command()", "rq": "@job"}
_PACKAGE: Final = __name__.partition(".")[0]
_OPTIMIZED: Final = 0x1  # inspect.CO_OPTIMIZED: the code of functions
_BY_US_AND_THE_FRAME: Final = 3  # references to a copy: the frame's, our variable and the argument that counts them


def registration_of(target: Any) -> str | None:
    """Return how a framework has registered what is being decorated, such as `@app.post(…)`; None if it has not.

    Args:
        target: The object below our decorator.
    """
    kind = type(target)
    library = kind.__module__.partition(".")[0] if isinstance(kind.__module__, str) else ""
    if library in _OBJECTS:
        return _OBJECTS[library]
    if type(target) is not FunctionType or not any(name in sys.modules for name in _FRAMEWORKS):
        return None
    function = unwrapped(target)
    seen: set[int] = set()
    for name, value in _objects(target):
        if id(value) in seen:
            continue
        seen.add(id(value))
        if type(value).__module__.partition(".")[0] in _FRAMEWORKS and (
            _holds(value, target) or (function is not target and _holds(value, function))
        ):
            return f"@{name}.…"
    return None


def _objects(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """The objects that may be the application, with how they are written.

    They are the variables of the function's module and of the code that decorates it, then what this code reads from
    its variables: `self.app`, `server.app`.
    """
    variables = list(function.__globals__.items())
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] == _PACKAGE:
        frame = frame.f_back
    if frame is not None:
        variables += _local_variables(frame)
    yield from variables
    if frame is None:
        return
    code = frame.f_code
    attributes = frozenset(code.co_names)
    read = attributes.union(code.co_varnames, code.co_freevars, code.co_cellvars)
    for name, value in variables:
        if name in read:
            own = _own_attributes(value)
            yield from [(f"{name}.{each}", own[each]) for each in attributes.intersection(own)]


def _own_attributes(value: Any) -> dict[str, Any]:
    """The attributes that an object has itself, without asking it."""
    try:
        own = object.__getattribute__(value, "__dict__")
    except Exception:  # slots, or a class whose `__dict__` is not there yet
        return {}
    return own if type(own) is dict else {}


def _local_variables(frame: FrameType) -> list[tuple[str, Any]]:
    """The local variables of a frame; a module has none but its global ones.

    Before Python 3.13 a function's `f_locals` is a copy that its frame keeps: an object that the function lets go would
    live on in it, such as a decorated function that a loop defines again. So the copy is emptied, unless the function
    has it too, from `locals()`.
    """
    variables = frame.f_locals
    if variables is frame.f_globals:
        return []
    found = list(variables.items())
    is_copy = type(variables) is dict and frame.f_code.co_flags & _OPTIMIZED
    if is_copy and sys.getrefcount(variables) <= _BY_US_AND_THE_FRAME:
        variables.clear()
    return found


def _holds(application: Any, function: FunctionType) -> bool:
    """Return whether an application, a router or a command line has a function among its own."""
    try:
        own = vars(application)
    except TypeError:
        return False
    routes = getattr(application, "routes", ()) if "router" in own or "routes" in own else ()
    if isinstance(routes, (list, tuple)) and any(getattr(each, "endpoint", None) is function for each in routes):
        return True
    views = own.get("view_functions")
    if isinstance(views, dict) and any(each is function for each in views.values()):
        return True
    if any(_closes_over(each, function) for each in own.get("deferred_functions") or ()):
        return True  # a blueprint, which registers its routes with the application later
    commands = own.get("registered_commands")
    return isinstance(commands, list) and any(getattr(each, "callback", None) is function for each in commands)


def _closes_over(later: Any, function: FunctionType) -> bool:
    """Return whether a function that is called later holds another one."""
    cells = getattr(later, "__closure__", None) or ()
    return any(cell.cell_contents is function for cell in cells)
