"""The parameters of a function, and the code objects of shells that have the same."""

from __future__ import annotations

import inspect
from types import CellType, CodeType, FunctionType
from typing import Any, Final, NamedTuple

from tradmetrics.errors import SHELL_FILE

_MOST_SHAPES: Final = 512
_MOST_PARAMETERS: Final = 60
_made: Final[dict[str, CodeType]] = {}
_GLOBALS: Final[dict[str, Any]] = {"__name__": "tradmetrics", "__builtins__": __builtins__}


class Shape(NamedTuple):
    """The parameters of a function by their kinds. Keywords are called by their names, so these are part of it."""

    positional_only: int
    positional: int
    keyword_only: tuple[str, ...]
    has_args: bool
    has_kwargs: bool

    @property
    def number(self) -> int:
        """How many parameters there are."""
        return self.positional + len(self.keyword_only) + self.has_args + self.has_kwargs


def shape_of(function: FunctionType) -> Shape | None:
    """The shape of a function; None where a shell cannot have its parameters."""
    code = function.__code__
    shape = Shape(
        code.co_posonlyargcount,
        code.co_argcount,
        code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount],
        bool(code.co_flags & inspect.CO_VARARGS),
        bool(code.co_flags & inspect.CO_VARKEYWORDS),
    )
    names = code.co_varnames[: shape.number]
    if shape.number > _MOST_PARAMETERS or any(name.startswith("_tm_") for name in names):
        return None
    return shape


def _in_order(shape: Shape, stored: list[str]) -> list[str]:
    """Names as a code object stores them, in the order of `inspect.signature`: `*args` before keywords."""
    after = shape.positional + len(shape.keyword_only)
    rest = stored[after:]
    args = [rest.pop(0)] if shape.has_args else []
    return [*stored[: shape.positional], *args, *shape.keyword_only, *rest]


def names_of(shape: Shape, function: FunctionType) -> tuple[str, ...]:
    """The names of a function's parameters in the order of `inspect.signature`."""
    return tuple(_in_order(shape, list(function.__code__.co_varnames[: shape.number])))


def variables_of(shape: Shape) -> list[str]:
    """The template's names of the parameters in that order."""
    stored = [f"_tm_p{i}" for i in range(shape.positional)]
    stored += [
        *shape.keyword_only,
        *(["_tm_args"] if shape.has_args else []),
        *(["_tm_kw"] if shape.has_kwargs else []),
    ]
    return _in_order(shape, stored)


def signature_of(shape: Shape) -> tuple[str, str]:
    """The parameters as they are written in a `def`, and in a call that hands them on."""
    positional = [f"_tm_p{i}" for i in range(shape.positional)]
    written, handed = positional.copy(), positional.copy()
    if shape.positional_only:
        written.insert(shape.positional_only, "/")
    if shape.has_args:
        written.append("*_tm_args")
        handed.append("*_tm_args")
    elif shape.keyword_only:
        written.append("*")
    written += shape.keyword_only
    handed += [f"{name}={name}" for name in shape.keyword_only]
    if shape.has_kwargs:
        written.append("**_tm_kw")
        handed.append("**_tm_kw")
    return ", ".join(written), ", ".join(handed)


def code_of(source: str) -> CodeType:
    """The code of the shell that a source makes, compiled once."""
    code = _made.get(source)
    if code is None:
        if len(_made) >= _MOST_SHAPES:
            _made.clear()
        module = compile(source, SHELL_FILE, "exec", dont_inherit=True)
        make = next(each for each in module.co_consts if isinstance(each, CodeType))
        code = _made[source] = next(each for each in make.co_consts if isinstance(each, CodeType))
    return code


def build(source: str, function: FunctionType, shape: Shape, cells: dict[str, CellType]) -> FunctionType:
    """A shell that looks like `function`."""
    code = code_of(source)
    own = function.__code__
    names: dict[str, Any] = {
        "co_name": own.co_name,
        "co_varnames": (*own.co_varnames[: shape.number], *code.co_varnames[shape.number :]),
    }
    if hasattr(code, "co_qualname"):  # since Python 3.11
        names["co_qualname"] = getattr(own, "co_qualname", own.co_name)
    code = code.replace(**names)
    shell = FunctionType(
        code, _GLOBALS, function.__name__, function.__defaults__, tuple(cells[name] for name in code.co_freevars)
    )
    shell.__kwdefaults__ = function.__kwdefaults__
    return shell
