"""Functions that a framework has registered already: a wrapper put on top of them would never run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType, FunctionType
from typing import Any, Final

_FRAMEWORKS: Final = ("fastapi", "starlette", "flask", "typer", "quart", "litestar")
_OBJECTS: Final = {"celery": "@app.task", "click": "@click.command()", "rq": "@job"}
_PACKAGE: Final = __name__.partition(".")[0]


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
    seen: set[int] = set()
    for name, value in _variables(target):
        if id(value) in seen:
            continue
        seen.add(id(value))
        if type(value).__module__.partition(".")[0] in _FRAMEWORKS and _holds(value, target):
            return f"@{name}.…"
    return None


def _variables(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """The variables that may hold the application: the function's module's, and those of the code that decorates it."""
    yield from list(function.__globals__.items())
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] == _PACKAGE:
        frame = frame.f_back
    if frame is not None and frame.f_locals is not function.__globals__:
        yield from list(frame.f_locals.items())


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
    commands = own.get("registered_commands")
    return isinstance(commands, list) and any(getattr(each, "callback", None) is function for each in commands)
