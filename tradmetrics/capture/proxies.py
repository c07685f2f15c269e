"""Proxies for decorated callables that are not plain functions."""

from __future__ import annotations

import copy
import operator
import sys
from collections.abc import Callable
from types import MethodType
from typing import Any, Protocol

import wrapt

from tradmetrics.capture.call_site import CallSite


class Wrap(Protocol):
    """Makes the shell of a callable."""

    def __call__(self, function: Any, *, call: Callable[..., Any] | None = None) -> Callable[..., Any]:
        """Wrap `call`, or `function` itself, in a shell that looks like `function`."""
        ...


class InstrumentedCallable(wrapt.ObjectProxy):  # type: ignore[type-arg]
    """A decorated callable object, partial, bound method or builtin: all of it shows through, calls are recorded."""

    def __init__(self, wrapped: Any, wrap: Wrap, sites: tuple[CallSite, ...]) -> None:
        super().__init__(wrapped)
        self._self_wrap = wrap
        self._self_sites = sites
        self._self_shell = wrap(wrapped)

    @property
    def __tradmetrics__(self) -> tuple[CallSite, ...]:
        return self._self_sites

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the wrapped object through its shell."""
        return self._self_shell(*args, **kwargs)

    def __copy__(self) -> InstrumentedCallable:
        return type(self)(copy.copy(self.__wrapped__), self._self_wrap, self._self_sites)

    def __deepcopy__(self, memo: Any) -> InstrumentedCallable:
        return type(self)(copy.deepcopy(self.__wrapped__, memo), self._self_wrap, self._self_sites)

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Pickled as what it wraps: by name where that name leads here, and else undecorated.
        reduced = self.__wrapped__.__reduce_ex__(protocol)
        if isinstance(reduced, str) and _found(self.__module__, reduced) is not self:
            return _itself, (self.__wrapped__,)
        return reduced


class InstrumentedDescriptor(InstrumentedCallable):
    """A decorated callable that binds to an instance, such as a method beneath `functools.lru_cache`."""

    def __init__(self, wrapped: Any, wrap: Wrap, sites: tuple[CallSite, ...]) -> None:
        super().__init__(wrapped, wrap, sites)
        bind = type(wrapped).__get__
        self._self_bind = bind
        self._self_method = wrap(
            wrapped, call=lambda first, *args, **kwargs: bind(wrapped, first, type(first))(*args, **kwargs)
        )

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Bind as the wrapped object does."""
        wrapped = self.__wrapped__
        if instance is None or self._self_bind(wrapped, instance, owner) is wrapped:
            return self
        return MethodType(self._self_method, instance)


def _found(module: str, name: str) -> Any:
    try:
        return operator.attrgetter(name)(sys.modules[module])
    except (KeyError, AttributeError):
        return None


def _itself(value: Any) -> Any:
    return value
