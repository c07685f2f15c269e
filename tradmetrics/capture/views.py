"""Which objects have fields that can be looked at without running any code of theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Number
from operator import attrgetter
from types import GetSetDescriptorType, MemberDescriptorType, SimpleNamespace
from typing import Any, Final, TypeAlias, Union

from tradmetrics.capture.sources import WITHOUT_FIELDS

View: TypeAlias = Callable[[Any], Union[dict[str, Any], None]]
"""The fields of an object; None for an object whose attributes must be looked up."""

_MOST_CLASSES: Final = 1_000
_MOST_VIEWS: Final = 200
_SAYING_NOTHING: Final = frozenset({str, bytes, bool})

_all: Final[dict[tuple[frozenset[str], bool], Views]] = {}


def _no_view(value: Any) -> None:
    return None


def _empty_view(value: Any) -> dict[str, Any]:
    return {}


class Views(dict[type, View]):
    """How the fields of these names are seen, by class: learned with the first object of a class.

    Objects are left alone that are mappings, that have a `__getattr__` or `__getattribute__` of their own, or that have
    a property of one of the names.
    """

    __slots__ = ("_bare", "_names")

    def __init__(self, names: frozenset[str], bare: bool) -> None:
        super().__init__()
        self._names = sorted(names)
        self._bare = bare

    def __missing__(self, kind: type) -> View:
        if len(self) >= _MOST_CLASSES:
            self.clear()
        try:
            view = _view_of(kind, self._names)
            if view is _empty_view and not self._bare and kind not in _SAYING_NOTHING:
                view = _no_view
        except Exception:
            view = _no_view  # a class that does not answer as classes do
        self[kind] = view
        return view


def views_of(names: frozenset[str], *, bare: bool = True) -> Views:
    """The views for fields of these names, which all decorated functions with the same names share.

    Args:
        names: The names.
        bare: Whether objects without any fields are seen as such.
    """
    if len(_all) >= _MOST_VIEWS:
        _all.clear()
    views = _all.get((names, bare))
    return _all.setdefault((names, bare), Views(names, bare)) if views is None else views


def _view_of(kind: type, names: list[str]) -> View:
    if issubclass(kind, (Mapping, Number)) and kind not in WITHOUT_FIELDS:
        return _no_view
    if not _has_plain_attributes(kind) or _class_attribute(kind, "__await__")[0]:
        return _no_view
    slots, constants = [], []
    for name in names:
        held, attribute = _class_attribute(kind, name)
        if not held:
            continue
        if isinstance(attribute, MemberDescriptorType) or type(attribute).__name__ == "_tuplegetter":
            slots.append(name)
        elif hasattr(type(attribute), "__get__"):
            return _no_view
        else:
            constants.append(name)
    has_dict = isinstance(_class_attribute(kind, "__dict__")[1], (GetSetDescriptorType, MemberDescriptorType))
    if not has_dict:
        slots += constants
    elif not slots:
        return _dict_view(constants)
    if not slots:
        return _empty_view
    # The names are identifiers: they are attributes of a class.
    items = ", ".join(f"{name!r}: value.{name}" for name in slots if name.isidentifier())
    read: Callable[[Any], dict[str, Any]] = eval(f"lambda value: {{{items}}}", {})

    def view(value: Any) -> dict[str, Any] | None:
        try:
            fields = read(value)
            if has_dict:
                own = value.__dict__
                for name in constants:
                    if name not in own:
                        return None
                fields = {**own, **fields}
            return fields
        except AttributeError:
            return None  # a slot without a value

    return view


def _dict_view(constants: list[str]) -> View:
    if not constants:
        return attrgetter("__dict__")

    def view(value: Any) -> dict[str, Any] | None:
        fields: dict[str, Any] = value.__dict__
        for name in constants:
            if name not in fields:
                return None  # the class's own value counts
        return fields

    return view


def _class_attribute(kind: type, name: str) -> tuple[bool, Any]:
    """Whether a class has an attribute, and which: without running a metaclass's code."""
    for each in type.__dict__["__mro__"].__get__(kind):
        scope = type.__dict__["__dict__"].__get__(each)
        if name in scope:
            return True, scope[name]
    return False, None


_USUAL: Final = tuple(
    each.__getattribute__ for each in (object, tuple, SimpleNamespace, BaseException, str, int, float, list)
)
"""How builtin classes look attributes up: all in the same way."""


def _has_plain_attributes(kind: type) -> bool:
    """Whether looking up an attribute runs nothing of the class's own."""
    if _class_attribute(kind, "__getattribute__")[1] not in _USUAL:
        return False
    held, _ = _class_attribute(kind, "__getattr__")
    return not held or _is_pydantic(kind)


def _is_pydantic(kind: type) -> bool:
    """Whether a class's `__getattr__` is pydantic's, which finds nothing more where a model takes no other fields."""
    for each in kind.__mro__:
        if "__getattr__" in vars(each):
            config = getattr(kind, "model_config", {})
            return each.__module__ == "pydantic.main" and config.get("extra") != "allow"
    return False


_no_mappings: Final[set[type]] = set()


def is_no_mapping(value: object) -> bool:
    """Whether a value's attributes are all that there is to look up in it."""
    kind = type(value)
    if kind in _no_mappings:
        return True
    if kind in WITHOUT_FIELDS:
        return False
    if isinstance(value, Mapping) or issubclass(kind, (dict, Mapping)):
        return False
    if len(_no_mappings) >= _MOST_CLASSES:
        _no_mappings.clear()
    _no_mappings.add(kind)
    return True


NO_MAPPINGS: Final = _no_mappings
"""Classes of values that are known not to be mappings."""
