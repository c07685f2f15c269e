"""Which values a label source can give, as far as that is known before any call: from annotations and constants."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Mapping
from enum import Enum, Flag
from types import FunctionType, MethodType
from typing import Any, Final, TypeAlias, Union

from tradmetrics.capture.questions import annotations_of, claims, signature_of, unwrapped
from tradmetrics.capture.sources import Arg, Mapped, Result, Source
from tradmetrics.model.text import text_of

Domain: TypeAlias = Union[tuple[object, ...], None]
"""Raw values, or None where they are not known."""

_WRAPPERS: Final = (typing.Annotated, typing.ClassVar, typing.Final)


class Hints:
    """The resolved annotations of a function's parameters and of its result.

    Args:
        function: The function; text annotations are read in its module, and one that cannot be read counts as none.
    """

    def __init__(self, function: Any) -> None:
        while claims(function, functools.partial):
            function = function.func
        inner = unwrapped(function)
        inner = inner.__func__ if claims(inner, MethodType) else inner
        written = inner if claims(inner, FunctionType) else type(inner).__call__
        self._scope: Mapping[str, Any] = getattr(written, "__globals__", {})
        self._raw: dict[str, Any] = {}
        try:
            signature = signature_of(function)
        except Exception:  # a proxy that answers every question, or a name that exists for type checkers only
            return
        self._raw = {each.name: each.annotation for each in signature.parameters.values()}
        self._raw["return"] = signature.return_annotation

    @property
    def returns_nothing(self) -> bool:
        """Whether the function is annotated to return None, so that no field can come from its result."""
        return self._raw.get("return", inspect.Parameter.empty) in (None, "None", type(None))

    def domain(self, source: object) -> Domain:
        """The values that a label source can give, or None where that is not known.

        Args:
            source: A constant, `arg`, `result`, `error`, a callable, or None for one that is always missing.
        """
        if isinstance(source, Mapped):
            inner = self.domain(source.source)
            return None if inner is None else tuple(source.function(text_of(each)) for each in inner)
        if isinstance(source, Arg):
            return self._along(self._hint(source.path[0]), source.path[1:])
        if isinstance(source, Result):
            return self._along(self._hint("return"), source.path)
        if isinstance(source, Source) or (callable(source) and not isinstance(source, Enum)):
            return None
        return (source,)

    def hint(self, source: object) -> object:
        """The type that a source is annotated with, or None."""
        if isinstance(source, Mapped):
            return self.hint(source.source)
        if not isinstance(source, Arg | Result):
            return None
        path = source.path if isinstance(source, Result) else source.path[1:]
        hint = self._hint("return" if isinstance(source, Result) else source.path[0])
        for step in path:
            hint = _step(hint, step)
        return _bare(hint)

    def is_one_of(self, source: Arg, kinds: tuple[type, ...]) -> bool:
        """Return whether every value that a source is annotated with is of these classes; False without an annotation.

        Args:
            source: The source.
            kinds: The classes.
        """
        return _is_one_of(self.hint(source), kinds)

    def _hint(self, name: str) -> object:
        return _resolved(self._raw.get(name, inspect.Parameter.empty), self._scope)

    def _along(self, hint: object, path: tuple[str, ...]) -> Domain:
        for i, step in enumerate(path):
            values = values_of(hint)
            if values is not None and step in ("value", "name") and i == len(path) - 1:
                members = [each for each in values if isinstance(each, Enum)]
                return tuple(getattr(each, step) for each in members) if len(members) == len(values) else None
            hint = _step(hint, step)
        return values_of(hint)


def values_of(hint: object) -> Domain:
    """The values of a type that has few and known ones: an Enum, a Literal, bool, None, or a union of these."""
    hint = _bare(hint)
    if hint is bool:
        return (True, False)
    if hint is None or hint is type(None):
        return None if hint is None else (None,)
    if isinstance(hint, type) and issubclass(hint, Enum):
        # The combinations of flags are values too, and have no names of their own.
        return None if issubclass(hint, Flag) else tuple(hint)
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return typing.get_args(hint)
    if origin is Union or origin is types.UnionType:
        domains = [values_of(each) for each in typing.get_args(hint)]
        found = [each for domain in domains if domain is not None for each in domain]
        return tuple(found) if None not in domains else None
    return None


def _is_one_of(hint: object, kinds: tuple[type, ...]) -> bool:
    hint = _bare(hint)
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return True
    if origin in (Union, types.UnionType):
        return all(_is_one_of(each, kinds) for each in typing.get_args(hint))
    kind = hint if origin is None else origin
    return isinstance(kind, type) and issubclass(kind, kinds)


def _bare(hint: object) -> object:
    """A type without what only says something about it."""
    while True:
        origin = typing.get_origin(hint)
        if origin in _WRAPPERS:
            hint = typing.get_args(hint)[0]
        elif (supertype := getattr(hint, "__supertype__", None)) is not None:  # NewType
            hint = supertype
        elif type(hint).__name__ == "TypeAliasType":  # type Side = …
            hint = hint.__value__  # type: ignore[attr-defined]
        else:
            return hint


def _step(hint: object, step: str) -> object:
    """The type of an attribute or key of an annotated class; None where it says nothing."""
    hint = _bare(hint)
    if typing.get_origin(hint) in (Union, types.UnionType):
        others = [each for each in typing.get_args(hint) if each is not type(None)]
        hint = others[0] if len(others) == 1 else None
    if not isinstance(hint, type):
        return None
    for kind in hint.__mro__:
        scope = vars(inspect.getmodule(kind) or types)
        annotations = annotations_of(kind)
        if step in annotations:
            return _resolved(annotations[step], scope)
        attribute = vars(kind).get(step)
        if isinstance(attribute, property) and attribute.fget is not None:
            return Hints(attribute.fget)._hint("return")
    return None


def _resolved(annotation: object, scope: Mapping[str, Any]) -> object:
    """An annotation as a type; None where there is none, or where its names lead nowhere."""
    if annotation is inspect.Parameter.empty:
        return None
    holder = type("Holder", (), {"__annotations__": {"value": annotation}})  # a class: `ClassVar` is for these only
    try:
        return typing.get_type_hints(holder, globalns=dict(scope))["value"]
    except Exception:
        return None  # one annotation at a time, so that this one does not spoil the others
