"""Values, containers and exceptions that fail or lie in more ways than the testing kit's `label_values` do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Final

from hypothesis import strategies as st

from tradmetrics.testing import label_values
from tradmetrics.testing.hostile import HostileError

STEPS: Final = ("side", "strategy", "status", "0", "-1", "items", "value", "a b", "class", "__class__", "٣")
"""Steps of paths: names, keys, indices, and what is no identifier."""


def _fail(*args: object) -> Any:
    raise HostileError("a hostile object was touched")


class ClassRaises:
    """Raises when it is asked for its class, as `isinstance` does."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return _fail()

    def __repr__(self) -> str:
        return "<ClassRaises>"


class ClassLies:
    """Says that it is a text, a mapping, and an enum's member."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return str

    def __repr__(self) -> str:
        return "<ClassLies>"


class Untouchable:
    """Raises whatever is done with it, but for showing it."""

    def __getattribute__(self, name: str) -> Any:
        return _fail()

    __str__ = __hash__ = __eq__ = __bool__ = __float__ = __len__ = __iter__ = __format__ = _fail

    def __repr__(self) -> str:
        return "<Untouchable>"


class Endless:
    """Has every attribute, and each of them has every attribute."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __repr__(self) -> str:
        return "<Endless>"


class Bottomless:
    """Has no end when it is read: the stack runs out."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self, f"{name}_")

    def __str__(self) -> str:
        return str(self)

    def __repr__(self) -> str:
        return "<Bottomless>"


class BadMapping(Mapping[str, Any]):
    """A mapping that has every key, until one is asked for."""

    def __contains__(self, key: object) -> bool:
        return True

    def __getitem__(self, key: str) -> Any:
        return _fail()

    def __iter__(self) -> Iterator[str]:
        return _fail()  # type: ignore[no-any-return]

    def __len__(self) -> int:
        return _fail()  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return "<BadMapping>"


class BadDict(dict[str, Any]):
    """A dict whose look-ups raise."""

    __contains__ = __getitem__ = get = _fail

    def __repr__(self) -> str:
        return "<BadDict>"


class BadSequence(Sequence[Any]):
    """A sequence that is shorter than it says."""

    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: Any) -> Any:
        raise IndexError(index)

    def __repr__(self) -> str:
        return "<BadSequence>"


def _nested() -> Any:
    value: Any = "core"
    for _ in range(5_000):
        value = [value]
    return value


def _itself() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


_HUGE: Final = 10**5_000

OBJECTS: Final[Mapping[str, Callable[[], object]]] = {
    **{
        kind.__name__: kind
        for kind in (
            ClassRaises, ClassLies, Untouchable, Endless, Bottomless, BadMapping, BadDict, BadSequence
        )
    },
    "a huge number": lambda: _HUGE,
    "a deep list": _nested,
    "a list of itself": _itself,
    "a class": lambda: Untouchable,
    "a text with a surrogate": lambda: "half \ud800",
}  # fmt: skip
"""Makers of objects, by name."""


class Box:
    """Stands for one of `OBJECTS` while it is drawn, since hypothesis looks at what it draws; see `unboxed`."""

    def __init__(self, name: str) -> None:
        self.value = OBJECTS[name]()


def unboxed(value: Any) -> Any:
    """What was drawn, with the objects in it that boxes stand for."""
    if type(value) is Box:
        return value.value
    if type(value) is dict:
        return {key: unboxed(each) for key, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(unboxed, value))
    if type(value) is SimpleNamespace:
        return SimpleNamespace(**unboxed(vars(value)))
    return value


LEAVES: Final = st.one_of(label_values(), st.sampled_from(sorted(OBJECTS)).map(Box))
"""Draws single values, to be unboxed."""


def _nest(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keys = st.sampled_from(STEPS)
    names = st.sampled_from([each for each in STEPS if each != "__class__"])
    return st.one_of(
        st.dictionaries(keys, inner, max_size=3),
        st.lists(inner, max_size=2),
        st.tuples(inner, inner),
        st.dictionaries(names, inner, max_size=3).map(lambda values: SimpleNamespace(**values)),
    )


VALUES: Final = st.recursive(LEAVES, _nest, max_leaves=4)
"""Draws values with others in them, to be unboxed."""


class Strange(Exception):  # noqa: N818 - it has to have a plain name: names become labels
    """An exception whose own methods raise."""

    __str__ = __repr__ = __eq__ = __hash__ = __bool__ = _fail

    @property
    def status_code(self) -> Any:
        return _fail()


class Vague(Exception):  # noqa: N818
    """An exception that raises whatever attribute it is asked for."""

    def __getattribute__(self, name: str) -> Any:
        return _fail()


class Sealed(Exception):  # noqa: N818
    """An exception that nothing can be set on."""

    def __setattr__(self, name: str, value: object) -> None:
        _fail()


_LONG: Final = type("Long" * 100, (ValueError,), {})
_ODD: Final = type("Odd\nName \u202e", (ValueError,), {"code": 7, "side": "SELL", "value": Untouchable()})

EXCEPTIONS: Final[Mapping[str, Callable[[], BaseException]]] = {
    "ValueError": lambda: ValueError("no"),
    "KeyError": lambda: KeyError(Untouchable()),
    "TimeoutError": TimeoutError,
    "ConnectionError": ConnectionResetError,
    "CancelledError": asyncio.CancelledError,
    "StopIteration": lambda: StopIteration(7),
    "GeneratorExit": GeneratorExit,
    "KeyboardInterrupt": KeyboardInterrupt,
    "SystemExit": lambda: SystemExit(3),
    "Strange": Strange,
    "Vague": Vague,
    "Sealed": Sealed,
    "Long…": lambda: _LONG("x"),
    "Odd…": lambda: _ODD("x"),
}
"""Makers of exceptions, by name."""
