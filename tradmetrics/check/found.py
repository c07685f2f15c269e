"""The decorated functions of modules and classes."""

from __future__ import annotations

import functools
import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from tradmetrics.capture.call_site import CallSite
from tradmetrics.capture.wrapping import CALL_SITES_ATTRIBUTE
from tradmetrics.errors import ConfigurationError, nearest


def sites_of(target: str) -> Iterator[CallSite]:
    """The sites of the functions that a target names; one may come twice.

    Args:
        target: `module`, `module:function`, `module:Class` or `module:Class.method`. A module stands for what is in
            it, a package also for the modules below it that importing it has loaded.

    Raises:
        ConfigurationError: When an attribute does not exist, or the target is a file.
        BaseException: Any exception that the import of the module raises.
    """
    name, colon, path = target.partition(":")
    if name.endswith(".py") or "/" in name or os.sep in name:
        raise ConfigurationError(f"{target} is a file; write the module, {_module(name)}{colon}{path}")
    module = importlib.import_module(name)
    seen: set[int] = set()
    for owner in [_attribute(module, path, target)] if path else _loaded_below(module):
        yield from _sites_in(owner, seen)


def _module(path: str) -> str:
    """The name that a module's file, or a package's folder, is imported by, from the current folder."""
    parts = Path(os.path.relpath(path.removesuffix(".py"))).parts
    return ".".join(part for part in parts if part not in (".", "..", "__init__")) or "its name"


def _attribute(module: ModuleType, path: str, target: str) -> Any:
    value: Any = module
    for step in path.split("."):
        if not hasattr(value, step):
            names = [name for name in dir(value) if not name.startswith("__")]
            raise ConfigurationError(f"{target}: there is no {step!r}{nearest(step, names)}")
        value = getattr(value, step)
    return value


def _loaded_below(module: ModuleType) -> list[Any]:
    below = [name for name in sorted(sys.modules) if name.startswith(f"{module.__name__}.")]
    return [module, *(sys.modules[name] for name in below)]


def _sites_in(value: Any, seen: set[int]) -> Iterator[CallSite]:
    """The sites of a function, of what a class has or inherits, or of what a module has."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, ModuleType | type):
        owners = [value] if isinstance(value, ModuleType) else [each for each in value.__mro__ if each is not object]
        for member in [member for owner in owners for member in list(vars(owner).values())]:
            if not isinstance(member, ModuleType):
                yield from _sites_in(member, seen)
    elif isinstance(value, property):
        for function in (value.fget, value.fset, value.fdel):
            yield from _sites_in(function, seen)
    elif isinstance(value, classmethod | staticmethod):
        yield from _sites_in(value.__func__, seen)
    elif isinstance(value, functools.partial | functools.partialmethod | functools.cached_property):
        yield from _sites_in(value.func, seen)
    else:
        yield from _sites_on(value)


def _sites_on(value: Any) -> tuple[CallSite, ...]:
    try:
        sites = getattr(value, CALL_SITES_ATTRIBUTE, ())
    except Exception:
        return ()  # the object's own `__getattr__` raised
    return tuple(site for site in sites if isinstance(site, CallSite)) if isinstance(sites, tuple) else ()
