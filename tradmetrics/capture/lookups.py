"""Where the fields of a decorated function are read from: the one form that all ways of reading come from.

A `Lookup` lists the places of a field in the order in which they are tried. `CallContext` reads it place by place, and
`shell_code` writes Python code that reads the same places, for calls whose values can be remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter
from typing import Any, Final, NamedTuple

from tradmetrics.capture.sources import Call, find
from tradmetrics.model.missing import MISSING

ARGUMENT: Final = "argument"
RESULT: Final = "result"
ERROR: Final = "error"


class Place(NamedTuple):
    """A value of a call: the first step from an argument is its parameter."""

    root: str
    steps: tuple[str, ...]

    @property
    def is_parameter(self) -> bool:
        """Whether it is a parameter itself, which has None where the caller left it out."""
        return self.root is ARGUMENT and len(self.steps) == 1


class Lookup(NamedTuple):
    """How one field is read.

    Attributes:
        places: Where to look, in this order; the first that has a value counts.
        is_explicit: Whether the user named the place, so that it is an error when nothing is there.
        constant: The value of a field without places and without a function.
        function: The user's function of the `Call`, or None.
        mapped: A function that the value's text is passed through, or None.
        result_is_last: Whether the result only repeats the arguments. It is not read for a field that an argument has,
            even with the value None; a parameter that is None itself was left out.
    """

    places: tuple[Place, ...] = ()
    is_explicit: bool = False
    constant: Any = MISSING
    function: Callable[[Call], Any] | None = None
    mapped: Callable[[str], str] | None = None
    result_is_last: bool = False

    @property
    def is_constant(self) -> bool:
        """Whether the field has the same value at every call."""
        return not self.places and self.function is None


def has_value(value: object) -> bool:
    """Return whether a place that the user did not name has a value. A method of that name does not count."""
    return value is not None and value is not MISSING and not callable(value)


def step_into(value: Any, step: str) -> Any:
    """Take one step; nothing leads on from nothing."""
    return MISSING if value is MISSING else find(value, step)


class Compiled:
    """The sources of one decorated function, ready to read.

    Attributes:
        sources: The source of each field: a constant, a `Source`, a callable, or None for a field that is looked up in
            the result or nowhere.
        lookups: The same in the form that reading goes by.
        parameters: The function's parameters.
        names: Their names.
    """

    __slots__ = ("_bind", "lookups", "names", "parameters", "sources")

    def __init__(self, sources: dict[str, Any], lookups: dict[str, Lookup], parameters: tuple[Parameter, ...]) -> None:
        self.sources = sources
        self.lookups = lookups
        self.parameters = parameters
        self.names = tuple(each.name for each in parameters)
        self._bind: Callable[..., Mapping[str, Any]] | None = None

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        """A call's arguments by parameter name, defaults included.

        Raises:
            TypeError: When Python would refuse these arguments.
        """
        bind = self._bind
        if bind is None:
            names = ", ".join(f"{each.name!r}: {each.name}" for each in self.parameters)
            # Where the parameters cannot be written in Python, they stay as they came.
            bind = self._bind = _with_signature(self.parameters, f"{{{names}}}") or _as_they_came
        return bind(*args, **kwargs)

    def known(self, keywords: Mapping[str, Any]) -> Mapping[str, Any]:
        """Those of a call's keyword arguments that the signature has: a wrapper beneath may take more for itself."""
        return {name: value for name, value in keywords.items() if name in self.names}


def _as_they_came(*args: Any, **kwargs: Any) -> Mapping[str, Any]:
    return {"args": args, "kwargs": kwargs, **kwargs}


_STARS: Final[Mapping[Any, str]] = {Parameter.VAR_POSITIONAL: "*", Parameter.VAR_KEYWORD: "**"}


def _with_signature(parameters: Iterable[Parameter], body: str) -> Callable[..., Any] | None:
    """A lambda of these parameters; None when they cannot be written in Python."""
    texts: list[str] = []
    positional: list[Any] = []
    keywords: dict[str, Any] = {}
    previous: Any = None
    for each in parameters:
        if previous is Parameter.POSITIONAL_ONLY and each.kind is not Parameter.POSITIONAL_ONLY:
            texts.append("/")
        if each.kind is Parameter.KEYWORD_ONLY and previous not in (Parameter.KEYWORD_ONLY, Parameter.VAR_POSITIONAL):
            texts.append("*")
        previous = each.kind
        default = "" if each.default is Parameter.empty else "=None"
        if default and each.kind is Parameter.KEYWORD_ONLY:
            keywords[each.name] = each.default
        elif default:
            positional.append(each.default)
        texts.append(f"{_STARS.get(each.kind, '')}{each.name}{default}")
    if previous is Parameter.POSITIONAL_ONLY:
        texts.append("/")
    try:
        function: Any = eval(f"lambda {', '.join(texts)}: {body}", {})
    except SyntaxError:
        return None
    function.__defaults__ = tuple(positional) or None
    function.__kwdefaults__ = keywords or None
    return function  # type: ignore[no-any-return]
