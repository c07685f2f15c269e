"""Watching the methods of one object so that copies and pickles of it go without us.

The object gets a class of its own: a subclass of its class, with a descriptor for each method that is watched. The
object itself stays as it is, and a descriptor looks up its object at every call. So a copy never acts through the
original, and the adapter does not record it.
"""

from __future__ import annotations

import copyreg
import weakref
from collections.abc import Callable
from functools import update_wrapper
from inspect import iscoroutinefunction
from types import MethodType
from typing import Any, Final, Protocol

from tradmetrics.errors import ConfigurationError

_KEY: Final = "_tradmetrics_swap"
_CLASS: Final[Any] = object.__dict__["__class__"]


class Watcher(Protocol):
    """Something that watches the calls of one method."""

    def begin(self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Take in that a call begins. Returns what `end` gets."""

    def end(self, begun: Any, result: Any, error: BaseException | None) -> None:
        """Take in how the call ended."""


class Swap:
    """The class that one object has while it is watched.

    Args:
        target: The object.

    Attributes:
        plain: The class that the object had before, and that its copies have.
        handles: Objects that the users of the swap keep with it.

    Raises:
        ConfigurationError: When Python does not allow another class for this object.
    """

    def __init__(self, target: Any) -> None:
        self.plain: type[Any] = _plain_class(target)
        self.handles: dict[object, Any] = {}
        self._watched: dict[str, _Method] = {}
        self._target = _reference(target)
        self.swapped = self._subclass()
        try:
            _CLASS.__set__(target, self.swapped)
        except TypeError as error:
            raise ConfigurationError(
                f"{self.plain.__qualname__}: Python cannot watch the methods of this object ({error}); "
                "instrument an object of a class that is written in Python"
            ) from None

    def is_target(self, instance: object) -> bool:
        """Whether an instance is the very object that is watched. A copy is not, whatever class it has."""
        return self._target() is instance

    def watch(self, name: str, watcher: Watcher) -> Callable[[], None]:
        """Watch a method.

        Args:
            name: The method's name; the object has it.
            watcher: Gets each call.

        Returns:
            A function that ends it.
        """
        method = self._watched.get(name)
        if method is None:
            target = self._target()
            own = vars(target).get(name) if hasattr(target, "__dict__") else None
            method = _Method(self, name, getattr(target, name)) if own is None else _OwnMethod(self, name, own)
            self._watched[name] = method
            setattr(self.swapped, name, method)
        method.watchers.append(watcher)

        def stop() -> None:
            if watcher in method.watchers:
                method.watchers.remove(watcher)
            if not method.watchers and self._watched.get(name) is method:
                del self._watched[name]
                delattr(self.swapped, name)

        return stop

    def leave(self) -> None:
        """Give the object its own class back, once no method is watched and no handle is kept here."""
        target = self._target()
        # Where something else has given the object another class since, that class stays.
        if target is not None and not self._watched and not self.handles and type(target) is self.swapped:
            _CLASS.__set__(target, self.plain)

    def _subclass(self) -> type[Any]:
        plain = self.plain

        def own_class(instance: Any) -> type[Any]:
            return plain

        def set_class(instance: Any, value: type[Any]) -> None:
            _CLASS.__set__(instance, value)

        def reduce(instance: Any, protocol: Any) -> Any:
            registered = copyreg.dispatch_table.get(plain)
            reducing: Any = plain.__reduce_ex__
            reduced = reducing(instance, protocol) if registered is None else registered(instance)
            return reduced if isinstance(reduced, str) else _as_plain(reduced, self.swapped, plain)

        namespace: dict[str, Any] = {
            "__slots__": (),
            "__module__": plain.__module__,
            "__qualname__": plain.__qualname__,
            "__doc__": plain.__doc__,
            "__class__": property(own_class, set_class),
            "__reduce_ex__": reduce,
            _KEY: self,
        }
        for name in ("__copy__", "__deepcopy__"):
            if hasattr(plain, name):
                namespace[name] = self._copier(name)
        metaclass: Any = type(plain)
        swapped: type[Any] = metaclass(plain.__name__, (plain,), namespace)
        return swapped

    def _copier(self, name: str) -> Callable[..., Any]:
        def copier(instance: Any, *arguments: Any) -> Any:
            made = getattr(self.plain, name)(instance, *arguments)
            if type(made) is self.swapped and not self.is_target(made):
                _CLASS.__set__(made, self.plain)
            return made

        return copier


def swap_of(target: object) -> Swap | None:
    """The swap of an object; None when the object is not watched, or is a copy of one that is."""
    swap = type(target).__dict__.get(_KEY)
    return swap if isinstance(swap, Swap) and swap.is_target(target) else None


def swapped(target: object) -> Swap:
    """The swap of an object, which gets one if it has none.

    Raises:
        ConfigurationError: When Python does not allow it.
    """
    return swap_of(target) or Swap(target)


class _Method:
    """A method of the class, watched on one object. An attribute of the object itself takes its place."""

    def __init__(self, swap: Swap, name: str, method: Any) -> None:
        self.watchers: list[Watcher] = []
        self.name = name
        self._swap = swap
        self._function = _function(self, method)

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
        if instance is None:
            return getattr(self._swap.plain, self.name)
        if not self._swap.is_target(instance):
            return self.inner(instance)
        return MethodType(self._function, instance)

    def watches(self, instance: Any) -> bool:
        """Whether this instance is watched; a copy that got the bound method is not."""
        return type(instance) is self._swap.swapped and self._swap.is_target(instance)

    def inner(self, instance: Any) -> Any:
        """The method as the library has it, bound to the instance."""
        if type(instance) is self._swap.swapped:
            return getattr(super(self._swap.swapped, instance), self.name)
        return getattr(self._swap.plain, self.name).__get__(instance, type(instance))


class _OwnMethod(_Method):
    """A function that the object itself carries, as clients do that build their methods when they are made."""

    def __init__(self, swap: Swap, name: str, own: Any) -> None:
        super().__init__(swap, name, own)
        self._own = own

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
        if instance is None:
            return getattr(self._swap.plain, self.name)
        found = vars(instance).get(self.name, self)
        if found is self:
            return super().inner(instance)
        return super().__get__(instance, owner) if found is self._own else found

    def __set__(self, instance: Any, value: Any) -> None:
        vars(instance)[self.name] = value

    def __delete__(self, instance: Any) -> None:
        try:
            del vars(instance)[self.name]
        except KeyError:
            raise AttributeError(self.name) from None

    def inner(self, instance: Any) -> Any:
        """The function that the object carries."""
        return self._own if self._swap.is_target(instance) else vars(instance).get(self.name) or super().inner(instance)


def _function(method: _Method, original: Any) -> Callable[..., Any]:
    async def watched_coroutine(instance: Any, /, *args: Any, **kwargs: Any) -> Any:
        if not method.watches(instance):
            return await method.inner(instance)(*args, **kwargs)
        inner = method.inner(instance)
        begun = [(watcher, watcher.begin(inner, args, kwargs)) for watcher in method.watchers]
        try:
            result = await inner(*args, **kwargs)
        except BaseException as error:
            for watcher, each in reversed(begun):
                watcher.end(each, None, error)
            raise
        for watcher, each in reversed(begun):
            watcher.end(each, result, None)
        return result

    def watched(instance: Any, /, *args: Any, **kwargs: Any) -> Any:
        if not method.watches(instance):
            return method.inner(instance)(*args, **kwargs)
        inner = method.inner(instance)
        begun = [(watcher, watcher.begin(inner, args, kwargs)) for watcher in method.watchers]
        try:
            result = inner(*args, **kwargs)
        except BaseException as error:
            for watcher, each in reversed(begun):
                watcher.end(each, None, error)
            raise
        for watcher, each in reversed(begun):
            watcher.end(each, result, None)
        return result

    function: Callable[..., Any] = watched_coroutine if iscoroutinefunction(original) else watched
    return update_wrapper(function, getattr(original, "__func__", original))


def _plain_class(target: Any) -> type[Any]:
    kind: type[Any] = type(target)
    swap = kind.__dict__.get(_KEY)
    return swap.plain if isinstance(swap, Swap) else kind


def _reference(target: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(target)
    except TypeError:
        return lambda: target


def _as_plain(reduced: Any, swapped: type[Any], plain: type[Any]) -> tuple[Any, ...]:
    function, arguments, *rest = reduced
    return (
        plain if function is swapped else function,
        tuple(plain if each is swapped else each for each in arguments),
        *rest,
    )
