"""Label sources: where a decorator reads a label or a value of a call from.

A source is written where the function is decorated and checked there; at run time it is a compiled reader.

    @track_order(strategy="gamma_scalping", side=arg("order.side"), status=result("status"))
    def place(order): ...
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Final, TypeAlias, Union

from tradmetrics.errors import LabelSourceError
from tradmetrics.model.missing import MISSING
from tradmetrics.vocabulary.symbols import underlying_of


class Call:
    """One finished call of a decorated function, as a callable label source sees it.

    Example:
        ```python
        from tradmetrics import Call


        def bucket(call):
            return "large" if call.arguments["size"] > 100 else "small"


        assert bucket(Call({"size": 500})) == "large"
        ```

    Attributes:
        arguments: The call's arguments by parameter name, defaults included.
        result: The returned value, or None.
        exception: The exception that it raised, or None.
        seconds: How long it took.
    """

    __slots__ = ("_arguments", "exception", "result", "seconds")

    def __init__(
        self,
        arguments: Mapping[str, Any],
        *,
        result: Any = None,
        exception: BaseException | None = None,
        seconds: float = 0.0,
    ) -> None:
        self._arguments = arguments
        self.result = result
        self.exception = exception
        self.seconds = seconds

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The call's arguments by parameter name, defaults included."""
        return self._arguments

    def __repr__(self) -> str:
        outcome = f"exception={self.exception!r}" if self.exception is not None else f"result={self.result!r}"
        return f"Call({outcome}, seconds={self.seconds!r})"


class Source:
    """A place in a call that a label or a value is read from; made by `arg`, `result` and `error`."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        if not isinstance(path, str):
            word = type(self).__name__.lower()
            raise LabelSourceError(f"{word}({path!r:.60}): a path is a text, e.g. {word}('order.side')")
        steps = tuple(path.split(".")) if path else ()
        if any(not step.strip() for step in steps):
            raise LabelSourceError(f"{self.spelling(path)}: a path is names joined by single dots, e.g. 'order.side'")
        self.path: tuple[str, ...] = steps

    def spelling(self, path: str | None = None) -> str:
        """How the source is written, for messages."""
        path = ".".join(self.path) if path is None else path
        return f"{type(self).__name__.lower()}({path!r})" if path else f"{type(self).__name__.lower()}()"

    def __repr__(self) -> str:
        return self.spelling()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, Source) and self.path == other.path

    def __hash__(self) -> int:
        return hash((type(self), self.path))


class Arg(Source):
    """A parameter of the function, then a path from it."""

    __slots__ = ()


class Result(Source):
    """The returned value, or a path from it."""

    __slots__ = ()


class Error(Source):
    """The exception raised, or a path from it."""

    __slots__ = ()


class Mapped(Source):
    """Another source's text, passed through a function (see `underlying`)."""

    __slots__ = ("function", "source")

    def __init__(self, source: LabelSource, function: Callable[[str], str]) -> None:
        super().__init__("")
        self.source = source
        self.function = function

    def spelling(self, path: str | None = None) -> str:
        """How the source is written, for messages."""
        return f"{self.function.__name__}({self.source!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapped) and self.source == other.source and self.function == other.function

    def __hash__(self) -> int:
        return hash((Mapped, self.source, self.function))


LabelSource: TypeAlias = Union[str, int, float, Enum, Source, Callable[[Call], object]]
"""The values that a decorator's keyword takes: a constant, `arg`, `result`, `error`, or a callable taking a `Call`."""


def arg(path: str) -> Arg:
    """Read a parameter of the decorated function, then a path from it.

    Args:
        path: The parameter's name, then steps joined by dots: each step is a key of a mapping, an attribute, or an
            index of a sequence. `arg("side")`, `arg("order.side")`, `arg("self.name")`, `arg("legs.0.symbol")`.

    Returns:
        A source for any keyword of a decorator.

    Raises:
        LabelSourceError: When the path is empty or malformed. Whether the parameter exists is checked when decorating.
    """
    if not isinstance(path, str) or not path:
        raise LabelSourceError(f"arg({path!r}): name a parameter of the function, e.g. arg('side')")
    return Arg(path)


def result(path: str = "") -> Result:
    """Read the value that the decorated function returned.

    Args:
        path: Steps joined by dots from the returned value; empty for the value itself. `result("info.status")`.

    Returns:
        A source for any keyword of a decorator. When the call raised, it has nothing to read, and that counts no error.
    """
    return Result(path)


def error(path: str = "") -> Error:
    """Read the exception that the decorated function raised.

    Args:
        path: Steps joined by dots from the exception; empty for the exception itself. `error("code")`.

    Returns:
        A source for any keyword of a decorator. When the call returned, it has nothing to read.
    """
    return Error(path)


def underlying(source: LabelSource) -> LabelSource:
    """Fold the symbols of options and futures into what they are written on, by `underlying_of`.

    Example:
        ```python
        @track_market_data(symbol=underlying(arg("tick.symbol")))
        def on_tick(tick): ...
        ```

    Args:
        source: Any source of a label: `arg(…)`, `result(…)`, `error(…)`, a callable that takes a `Call`, or a constant.

    Returns:
        A source for any keyword of a decorator; a constant text is folded at once.
    """
    return underlying_of(source) if isinstance(source, str) else Mapped(source, underlying_of)


def follow(value: Any, path: tuple[str, ...]) -> Any:
    """Walk `path` from `value`: each step a key of a mapping, an attribute, or an index of a sequence.

    Raises:
        LookupError: When a step leads nowhere, naming the step and what it was looked up in.
        Exception: Any exception of the value's own attribute or item access.
    """
    for step in path:
        found = find(value, step)
        if found is MISSING:
            raise LookupError(f"{type(value).__name__} has no key, attribute or index {step!r}")
        value = found
    return value


# Values without anything to look up in them, which calls return all the time.
WITHOUT_FIELDS: Final = frozenset({type(None), bool, int, float, str, bytes})


def find(value: Any, step: str) -> Any:
    """Take one step from `value`: a key of a mapping, an attribute, or an index of a sequence; `MISSING` if nowhere.

    Raises:
        Exception: Any exception of the value's own attribute or item access.
    """
    kind = type(value)
    if kind is dict:
        # Never an attribute: `items` is a word for a label's key, and a dict's method.
        return value.get(step, MISSING)
    if kind in WITHOUT_FIELDS:
        return MISSING
    if isinstance(value, dict) and step in value:
        return value[step]
    found = getattr(value, step, MISSING)
    if found is not MISSING:
        return found
    if step.removeprefix("-").isdecimal() and _is_sequence(value):
        index = int(step)
        return value[index] if -len(value) <= index < len(value) else MISSING
    if isinstance(value, Mapping) and step in value:
        return value[step]
    return MISSING


def _is_sequence(value: Any) -> bool:
    """Whether a value has items by number: those of Python that say so, and arrays such as numpy's, which do not."""
    if isinstance(value, Sequence):
        return True
    return hasattr(value, "shape") and hasattr(value, "__getitem__") and hasattr(value, "__len__")
