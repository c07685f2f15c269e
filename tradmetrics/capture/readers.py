"""Label sources of one function, checked when decorating and turned into the form that reading goes by."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from inspect import Parameter
from typing import Any, Final

from tradmetrics.capture.lookups import ARGUMENT, ERROR, RESULT, Compiled, Lookup, Place
from tradmetrics.capture.sources import Arg, Error, Mapped, Result, arg, error, result
from tradmetrics.errors import LabelSourceError

SUBJECTS: Final = ("order", "trade", "tick", "position", "request", "model")
"""Parameters whose attributes are looked up for labels that are left out."""


@dataclass(frozen=True)
class Field:
    """A label or a value that a decorator reads; also one of its keywords.

    Attributes:
        name: The keyword.
        required: Whether decorating fails when there is no possible source.
        from_result: Whether it is looked up in the result when it is left out.
        from_arguments: Whether it is looked up among the parameters when it is left out.
        names: What it is called in a parameter, a subject or a result, most telling first; by default `name`.
    """

    name: str
    required: bool = False
    from_result: bool = False
    from_arguments: bool = True
    names: tuple[str, ...] = ()


def parameters_of(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    """The function's parameters; `*args, **kwargs` where Python cannot tell (some builtins)."""
    try:
        return tuple(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return (Parameter("args", Parameter.VAR_POSITIONAL), Parameter("kwargs", Parameter.VAR_KEYWORD))


def compile_sources(
    decorator: str, function: Callable[..., Any], name: str, fields: Iterable[Field], given: Mapping[str, object]
) -> Compiled:
    """Check the sources of a decorated function and say where each field is read from.

    Args:
        decorator: The decorator's name, for messages.
        function: The function.
        name: `module.qualname` of the function, for messages.
        fields: What is read.
        given: The sources that were given, by field; None for those left out.

    Raises:
        LabelSourceError: When a required field has no possible source, or a source names no parameter.
    """
    parameters = parameters_of(function)
    where = f"@{decorator} on {name}"
    sources: dict[str, Any] = {}
    lookups: dict[str, Lookup] = {}
    for each in fields:
        source = given.get(each.name)
        if source is None:
            lookup = lookups[each.name] = _implicit(each, parameters, where)
            if lookup.places and lookup.places[0].root == ARGUMENT:
                source = Arg(".".join(lookup.places[0].steps))
        else:
            lookups[each.name] = _explicit(each.name, source, parameters, where)
        sources[each.name] = source
    return Compiled(sources, lookups, parameters)


def _implicit(each: Field, parameters: tuple[Parameter, ...], where: str) -> Lookup:
    """Where a field that was left out may be found."""
    names = {parameter.name for parameter in parameters} if each.from_arguments else set()
    spellings = each.names or (each.name,)
    for spelling in spellings:
        if spelling in names:
            return Lookup((Place(ARGUMENT, (spelling,)),), is_explicit=True)
    places = [Place(ARGUMENT, (subject, step)) for subject in SUBJECTS if subject in names for step in spellings]
    if each.from_result:
        places += [Place(RESULT, (spelling,)) for spelling in spellings]
    if not places and each.required:
        raise LabelSourceError(_no_source(each.name, parameters, where))
    return Lookup(tuple(places))


def _explicit(field: str, source: object, parameters: tuple[Parameter, ...], where: str) -> Lookup:
    if isinstance(source, Mapped):
        inner, function = _explicit(field, source.source, parameters, where), source.function
        before = inner.mapped
        return inner._replace(mapped=function if before is None else lambda text: function(before(text)))
    if isinstance(source, Arg):
        return Lookup((_argument(field, source, parameters, where),), is_explicit=True)
    if isinstance(source, Result | Error):
        root = RESULT if isinstance(source, Result) else ERROR
        return Lookup((Place(root, source.path),), is_explicit=True)
    if isinstance(source, str | int | float | Enum):
        return Lookup(constant=source)
    for itself, example in {arg: f"arg({field!r})", result: "result()", error: "error()"}.items():
        if source is itself:
            word = example.partition("(")[0]
            raise LabelSourceError(f"{where}: {field}={word} is the function itself; write {field}={example}")
    if callable(source) and not isinstance(source, type):
        problem = _problem_of(source)
        if problem:
            raise LabelSourceError(
                f"{where}: {field}={source!r} {problem}; a function that is a source takes the Call, e.g. "
                f"{field}=lambda call: call.arguments['parameter']"
            )
        return Lookup(function=source)
    raise LabelSourceError(
        f"{where}: {field}={source!r} is no label source; write a constant ({field}='…'), arg('parameter'), "
        f"result('path'), error('path'), or a function of the Call"
    )


def _problem_of(function: Callable[..., object]) -> str:
    """Why a function can be no source; nothing where it can."""
    give_none = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    if any(test(function) for test in give_none):
        return "gives no value when it is called"
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return "cannot be called with one argument"
    except ValueError:
        pass  # a builtin that does not say what it takes
    return ""


def _argument(field: str, source: Arg, parameters: tuple[Parameter, ...], where: str) -> Place:
    name, *rest = source.path
    if any(parameter.name == name for parameter in parameters):
        return Place(ARGUMENT, source.path)
    keywords = next((each.name for each in parameters if each.kind is Parameter.VAR_KEYWORD), None)
    if keywords is not None:
        return Place(ARGUMENT, (keywords, name, *rest))
    names = [parameter.name for parameter in parameters]
    raise LabelSourceError(
        f"{where}: {field}={source!r} names no parameter{_nearest(source.path, names, field)}; {_list_of(names)}"
    )


def _no_source(label: str, parameters: tuple[Parameter, ...], where: str) -> str:
    kinds = {each.name: each.kind for each in parameters}
    several = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    choices = sorted(name for name, kind in kinds.items() if name not in ("self", "cls") and kind not in several)
    example = _closest(label, choices)
    if example is None and "self" in kinds:
        example = f"self.{label}"
    elif example is None:
        example = label if Parameter.VAR_KEYWORD in kinds.values() else next(iter(choices), "parameter")
    return (
        f"{where}: the label {label!r} has no source. Write {label}='…' for a constant, {label}=arg({example!r}) to "
        f"read a parameter, or {label}=result('…') to read the result; {_list_of(sorted(kinds))}"
    )


def _list_of(names: Iterable[str]) -> str:
    text = ", ".join(name for name in names if name not in ("self", "cls"))
    return f"the function's parameters are: {text}" if text else "the function has no parameters"


def _nearest(path: tuple[str, ...], names: list[str], field: str) -> str:
    close = _closest(path[0], names)
    return f"; did you mean {field}=arg({'.'.join((close, *path[1:]))!r})?" if close else ""


def _closest(name: str, names: list[str]) -> str | None:
    import difflib  # only when there is something to correct

    containing = [each for each in names if name in each]
    return next(iter(difflib.get_close_matches(name, names, n=1, cutoff=0.5) or containing), None)
