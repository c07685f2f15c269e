"""Label sources of one function, checked when decorating and turned into the form that reading goes by."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from inspect import Parameter
from typing import Any, Final, NamedTuple

from tradmetrics.capture.lookups import ARGUMENT, ERROR, RESULT, Compiled, Lookup, Place
from tradmetrics.capture.questions import parameters_of
from tradmetrics.capture.sources import Arg, Error, Mapped, Result, arg, error, result
from tradmetrics.errors import LabelSourceError
from tradmetrics.vocabulary.field_words import PLAIN_WORDS, SUBJECTS, words_of

_PLAIN_TYPES: Final = (str, bytes, bool, int, float, complex, Decimal, Enum, date, time, timedelta, type(None))
_COLLECTIONS: Final = (list, tuple, set, frozenset)
_PLAIN_NAMES: Final = ("str", "bytes", "bool", "int", "float", "Decimal", "date", "datetime")
_PATH: Final = re.compile(r"""(?P<first>[^\W\d]\w*)(?P<rest>(?:\.\w+|\[[^\[\]]*\])+)(?:\(\))?""")
_STEP: Final = re.compile(r"\w+")
_STARS: Final = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


class Field(NamedTuple):
    """A label or a value that a decorator reads; also one of its keywords.

    Attributes:
        name: The keyword.
        required: Whether decorating fails when there is no possible source.
        from_result: Whether it is looked up in the result when it is left out.
        from_arguments: Whether it is looked up among the parameters when it is left out.
        in_result_too: Whether the result may repeat it. It is looked up there last, and only where the arguments do not
            have it at all: one that is there with the value None is not read again from the answer. The result alone is
            not a source for a required field.
        names: Its words in a parameter, a subject or a result, most telling first; by default those of `FIELD_WORDS`.
        otherwise: The constant for a field that has no place at all, made from the function's `module.qualname`.
    """

    name: str
    required: bool = False
    from_result: bool = False
    from_arguments: bool = True
    in_result_too: bool = False
    names: tuple[str, ...] = ()
    otherwise: Callable[[str], str] | None = None


def compile_sources(
    decorator: str, function: Callable[..., Any], name: str, fields: Iterable[Field], given: Mapping[str, object]
) -> Compiled:
    """Check the sources of a decorated function and say where each field is read from.

    Args:
        decorator: The decorator's name, for messages.
        function: The function.
        name: `module.qualname` of the function, for messages.
        fields: The fields to read.
        given: The sources that were given, by field; None for those left out.

    Raises:
        LabelSourceError: When a required field has no possible source, or a source names no parameter.
    """
    parameters = parameters_of(function)
    subjects = _subjects(function, parameters)
    where = f"@{decorator} on {name}"
    sources: dict[str, Any] = {}
    lookups: dict[str, Lookup] = {}
    for each in fields:
        source = given.get(each.name)
        if source is None:
            lookup = lookups[each.name] = _implicit(each, parameters, subjects, where)
            if lookup.places and lookup.places[0].root == ARGUMENT:
                source = Arg(".".join(lookup.places[0].steps))
            elif not lookup.places and each.otherwise is not None:
                source = each.otherwise(name)
                lookups[each.name] = Lookup(constant=source)
        else:
            lookups[each.name] = explicit_lookup(each.name, source, parameters, where)
        sources[each.name] = source
    return Compiled(sources, lookups, parameters)


def _implicit(each: Field, parameters: tuple[Parameter, ...], subjects: _Subjects, where: str) -> Lookup:
    """Return the places of a field that was left out: a parameter, else `**kwargs`, the subject and the result.

    Only a parameter whose default is None leaves the field to the places after it.
    """
    names = [parameter.name for parameter in parameters] if each.from_arguments else []
    words = each.names or words_of(each.name)
    defaults = {parameter.name: parameter.default for parameter in parameters}
    own: list[Place] = []
    for word in words:
        if word in names:
            own.append(Place(ARGUMENT, (word,)))
            if defaults[word] is not None:
                return Lookup(tuple(own))
    keywords = [each.name for each in parameters if each.kind is Parameter.VAR_KEYWORD and each.name in names]
    owners = [*keywords, *(name for name in subjects.of(each) if name not in words)]
    places = [*own, *(Place(ARGUMENT, (owner, word)) for owner in owners for word in words)]
    if each.required and not places and not each.from_result:
        raise LabelSourceError(_no_source(each.name, parameters, where))
    if each.from_result or each.in_result_too:
        places += [Place(RESULT, (word,)) for word in words]
    return Lookup(tuple(places), result_is_last=each.in_result_too)


class _Subjects(NamedTuple):
    """The parameters of a function whose keys and attributes are searched.

    Attributes:
        names: The parameters.
        is_sure: Whether their names or their annotation say so. A required label trusts nothing less.
    """

    names: tuple[str, ...]
    is_sure: bool = True

    def of(self, each: Field) -> tuple[str, ...]:
        """The parameters that are searched for a field."""
        return self.names if each.from_arguments and (self.is_sure or not each.required) else ()


def _subjects(function: Callable[..., Any], parameters: tuple[Parameter, ...]) -> _Subjects:
    """Return the parameters with a subject's name; else the only one that does not hold a plain value."""
    names = {each.name for each in parameters}
    named = tuple(name for name in SUBJECTS if name in names)
    if named:
        return _Subjects(named)
    found = [each for each in parameters if each.kind not in _STARS and not _is_plain(each)]
    if len(found) > 1:
        from tradmetrics.capture.annotations import Hints  # annotations are evaluated only where they decide

        hints = Hints(function)
        found = [each for each in found if not hints.is_one_of(Arg(each.name), (*_PLAIN_TYPES, *_COLLECTIONS))]
    if len(found) != 1:
        return _Subjects(())
    return _Subjects((found[0].name,), is_sure=found[0].annotation not in (Parameter.empty, Any))


def _is_plain(parameter: Parameter) -> bool:
    """Return whether a parameter holds a plain value, by its name, its default or the name of its type."""
    name, default, annotation = parameter.name, parameter.default, parameter.annotation
    if name in ("self", "cls") or name in PLAIN_WORDS or name.endswith(("_id", "_price", "_qty")):
        return True
    if default is not Parameter.empty and default is not None and isinstance(default, (*_PLAIN_TYPES, *_COLLECTIONS)):
        return True
    if isinstance(annotation, type):
        return issubclass(annotation, _PLAIN_TYPES) or annotation in _COLLECTIONS
    return isinstance(annotation, str) and annotation.split("|")[0].strip() in _PLAIN_NAMES


def explicit_lookup(field: str, source: object, parameters: tuple[Parameter, ...], where: str) -> Lookup:
    """Return the place of a source that the user gave.

    Args:
        field: The keyword that it was given for, for messages.
        source: The source.
        parameters: The function's parameters.
        where: The decorator and the function, for messages.

    Raises:
        LabelSourceError: When it cannot be a source, or names a parameter that the function lacks.
    """
    if isinstance(source, Mapped):
        inner, function = explicit_lookup(field, source.source, parameters, where), source.function
        before = inner.mapped
        return inner._replace(mapped=function if before is None else lambda text: function(before(text)))
    if isinstance(source, Arg):
        return Lookup((_argument(field, source, parameters, where),), is_explicit=True)
    if isinstance(source, Result | Error):
        root = RESULT if isinstance(source, Result) else ERROR
        return Lookup((Place(root, source.path),), is_explicit=True)
    if isinstance(source, str | int | float | Enum):
        if type(source) is str:
            _check_constant(field, source, parameters, where)
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
        f"{where}: {field}={source!r} is not a label source; write a constant ({field}='…'), arg('parameter'), "
        f"result('path'), error('path'), or a function of the Call"
    )


def _check_constant(field: str, text: str, parameters: tuple[Parameter, ...], where: str) -> None:
    """Refuse a constant that is a path from a parameter: the label would be that very text.

    Raises:
        LabelSourceError: When it is.
    """
    found = _PATH.fullmatch(text)
    if found is None:
        return
    first, path = found["first"], ".".join(_STEP.findall(found["rest"]))
    if any(each.name == first for each in parameters):
        cure = f"to read the parameter {first!r}, write {field}=arg({f'{first}.{path}'!r})"
    elif first in ("self", "cls"):
        cure = f"a method reads it by {field}=arg({f'{first}.{path}'!r}), but this function has no parameter {first!r}"
    elif first in ("result", "error"):
        cure = f"to read it there, write {field}={first}({path!r})"
    else:
        return
    raise LabelSourceError(
        f"{where}: {field}={text!r} is a constant, and every sample would have this text as its label; {cure}"
    )


def _problem_of(function: Callable[..., object]) -> str:
    """Return the reason why a function cannot be a source; empty where it can."""
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
