"""Functions of every kind and shape to decorate, and how their calls end."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st

from tests.fuzz.hostile import EXCEPTIONS, VALUES, unboxed

SIGNATURES: Final[Mapping[str, tuple[str, ...]]] = {
    "order, side='BUY', *rest, tick=None, **others": ("order", "side", "rest", "tick", "others"),
    "strategy, side, order_type='LIMIT', /": ("strategy", "side", "order_type"),
    "symbol, *, model='m', component='c'": ("symbol", "model", "component"),
    "*args, **kwargs": ("args", "kwargs"),
    "_tm_x, trade=None": ("_tm_x", "trade"),
}
"""Parameters as they are written, and their names."""

_BODIES: Final = {
    "function": "def place({parameters}):\n    return body(({names}))",
    "coroutine": "async def place({parameters}):\n    await pause()\n    return body(({names}))",
    "generator": "def place({parameters}):\n    yield 1\n    return body(({names}))",
    "async generator": "async def place({parameters}):\n    yield 1\n    body(({names}))\n    yield 2",
}
WAYS: Final = ("plain", "method", "classmethod", "staticmethod", "callable object")
KINDS: Final = tuple(_BODIES)

Decorate = Callable[[Any], Any]
Body = Callable[[tuple[Any, ...]], Any]


@types.coroutine
def _pause() -> Iterator[None]:
    yield


@dataclass(frozen=True)
class Shape:
    """A function: its kind, its parameters, and where it stands."""

    kind: str
    signature: str
    way: str
    inside: bool

    def make(self, body: Body, decorate: Decorate = lambda function: function) -> Callable[..., Any]:
        """Make the function, decorated, and bind it as a caller would.

        Args:
            body: What it does with its arguments.
            decorate: The decorator. `inside` says whether it stands below `@classmethod` and the like, or above.
        """
        first = {"method": "self, ", "callable object": "self, ", "classmethod": "cls, "}.get(self.way, "")
        names = "".join(f"{name}, " for name in SIGNATURES[self.signature])
        scope: dict[str, Any] = {"body": body, "pause": _pause, "__name__": __name__}
        exec(_BODIES[self.kind].format(parameters=first + self.signature, names=names), scope)
        place = scope["place"]
        if self.way == "plain":
            return decorate(place)  # type: ignore[no-any-return]
        if self.way == "callable object":
            bound = type("Desk", (), {"__call__": place if not self.inside else decorate(place)})()
            return bound if self.inside else decorate(bound)  # type: ignore[no-any-return]
        wrap: Any = {"method": lambda function: function, "classmethod": classmethod, "staticmethod": staticmethod}[
            self.way
        ]
        member = wrap(decorate(place)) if self.inside else decorate(wrap(place))
        return type("Desk", (), {"place": member})().place  # type: ignore[no-any-return]


SHAPES: Final = st.builds(
    Shape, st.sampled_from(KINDS), st.sampled_from(sorted(SIGNATURES)), st.sampled_from(WAYS), st.booleans()
)
"""Draws shapes."""


@dataclass(frozen=True)
class Planned:
    """A call: its arguments, and how the function ends it.

    Attributes:
        args: Arguments by position.
        kwargs: Arguments by name.
        returns: What it returns.
        raises: The name of what it raises instead, or "".
        closes: Whether the caller loses interest after the first item of a generator.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    returns: Any
    raises: str
    closes: bool


_ARGUMENTS: Final = st.one_of(st.sampled_from(("alpha", "beta", "gamma", "BUY")), VALUES)
_ENDS: Final = st.sampled_from(("", "", *EXCEPTIONS))
_FEW: Final = st.lists(_ARGUMENTS, max_size=2)
_EIGHT: Final = st.integers(0, 7)
_EXTRAS: Final = st.dictionaries(st.sampled_from(("tick", "venue")), _ARGUMENTS, max_size=2)
_WORDS: Final = ("order", "side", "args", "function", "result")
_ANY_NAMES: Final = st.dictionaries(st.sampled_from(_WORDS), _ARGUMENTS, max_size=2)
_ANY_NAMES_AND_SELF: Final = st.dictionaries(st.sampled_from((*_WORDS, "self", "cls")), _ARGUMENTS, max_size=2)
_BY_NAME: Final[Mapping[tuple[str, ...], st.SearchStrategy[dict[str, Any]]]] = {
    names: st.dictionaries(st.sampled_from(names), _ARGUMENTS, max_size=len(names))
    for names in (("side",), ("trade",), ("model", "component"))
}


@st.composite
def planned(draw: st.DrawFn, shape: Shape) -> Planned:
    """Draw a call of a function."""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    names = SIGNATURES[shape.signature]
    if names[0] == "args":
        args = draw(_FEW)
        kwargs = draw(_ANY_NAMES_AND_SELF if shape.way in ("plain", "staticmethod") else _ANY_NAMES)
    elif names[0] == "strategy":
        args = [draw(_ARGUMENTS), draw(_ARGUMENTS), *draw(_FEW)[:1]]
    elif names[0] == "symbol":
        args = [draw(_ARGUMENTS)]
        kwargs = draw(_BY_NAME[names[1:]])
    else:
        kwargs = draw(_BY_NAME[names[1:2]])
        if draw(_EIGHT) < 4:
            kwargs[names[0]] = draw(_ARGUMENTS)
        else:
            args = [draw(_ARGUMENTS)]
        if names[0] == "order":
            kwargs.update(draw(_EXTRAS))
            if args and "side" not in kwargs:
                args += draw(_FEW)
    return Planned(
        tuple(map(unboxed, args)),
        unboxed(kwargs),
        unboxed(draw(VALUES)),
        draw(_ENDS),
        "generator" in shape.kind and not draw(_EIGHT),
    )


@dataclass(frozen=True)
class Ended:
    """How a call ended for its caller.

    Attributes:
        items: What a generator yielded.
        result: What was returned.
        exception: What was raised, or None.
    """

    items: tuple[Any, ...]
    result: Any
    exception: BaseException | None


def call(shape: Shape, function: Callable[..., Any], plan: Planned) -> Ended:
    """Make a call and bring it to its end, without an event loop."""
    items: list[Any] = []
    result = None
    try:
        value = function(*plan.args, **plan.kwargs)
        if shape.kind == "function":
            result = value
        elif shape.kind == "coroutine":
            result = _driven(value)
        elif shape.kind == "generator":
            items.append(next(value))
            if plan.closes:
                value.close()
            else:
                result = _exhausted(value, items)
        else:
            items.append(_driven(value.__anext__()))
            if plan.closes:
                _driven(value.aclose())
            else:
                _exhausted_async(value, items)
    except BaseException as error:
        return Ended(tuple(items), None, error)
    return Ended(tuple(items), result, None)


def _driven(awaitable: Any) -> Any:
    for _ in range(3):
        try:
            awaitable.send(None)
        except StopIteration as end:
            return end.value
    raise AssertionError("the coroutine does not end")


def _exhausted(generator: Any, items: list[Any]) -> Any:
    try:
        while True:
            items.append(next(generator))
    except StopIteration as end:
        return end.value


def _exhausted_async(generator: Any, items: list[Any]) -> None:
    try:
        while True:
            items.append(_driven(generator.__anext__()))
    except StopAsyncIteration:
        return
