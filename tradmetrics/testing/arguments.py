"""Arguments for a function, drawn from its signature."""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable, Mapping
from enum import Enum
from inspect import Parameter
from typing import Any, Final, Literal, NamedTuple, Union, get_args, get_origin

from hypothesis import strategies as st
from hypothesis.errors import HypothesisException

from tradmetrics.capture.wrapping import name_of
from tradmetrics.errors import ConfigurationError
from tradmetrics.testing.labels import label_values, texts
from tradmetrics.testing.subjects import orders, trades

_Strategy = st.SearchStrategy[Any]


class CallArguments(NamedTuple):
    """Arguments for one call: `function(*drawn.args, **drawn.kwargs)`."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


_SUBJECTS: Final[Mapping[str, Callable[[], _Strategy]]] = {"order": orders, "trade": trades}
_EXTRA_NAMES: Final = ("extra_note", "extra_venue")
_MOST_EXTRA: Final = 2
"""Arguments that are drawn for `*args`, and for `**kwargs`."""


def call_arguments(function: Callable[..., Any], /, **parameters: _Strategy) -> st.SearchStrategy[CallArguments]:
    """Draw arguments that a function can be called with, from its signature and annotations.

    Parameters annotated with an `Enum`, `Literal`, `bool`, `str`, `int`, `float`, `None`, or an `Optional` or union of
    such, are drawn accordingly (texts with the hostile ones of `label_values`), and others as `hypothesis` draws
    their type. Parameters without an annotation are drawn from `label_values()`; those called `order` or `trade` from
    `orders()` or `trades()`, too. Arguments are passed by position as well as by name, and those with a default are
    left out at times.

    Example:
        ```python
        from hypothesis import given
        from hypothesis import strategies as st
        from tradmetrics.testing import call_arguments


        @given(call_arguments(place, broker=st.just(FakeBroker())))
        def test_place_answers(drawn):
            assert place(*drawn.args, **drawn.kwargs) is not None
        ```

    Args:
        function: A function, a method bound to its object, a `functools.partial` or another callable.
        **parameters: Strategies for parameters that are to be drawn otherwise.

    Returns:
        A strategy of `CallArguments(args, kwargs)`.

    Raises:
        ConfigurationError: When the function has no such parameter, or no value of an annotation can be drawn.
    """
    signature = inspect.signature(function)
    name = name_of(function)
    for unknown in set(parameters) - set(signature.parameters):
        raise ConfigurationError(
            f"call_arguments: {name} has no parameter {unknown!r}; it has: {', '.join(signature.parameters) or 'none'}"
        )
    drawn = {
        each.name: parameters[each.name] if each.name in parameters else _by_annotation(each, function, name)
        for each in signature.parameters.values()
    }
    return _calls(tuple(signature.parameters.values()), drawn)


@st.composite
def _calls(
    draw: st.DrawFn, parameters: tuple[Parameter, ...], drawn: Mapping[str, st.SearchStrategy[Any]]
) -> CallArguments:
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    by_position = True  # until a parameter is left out or passed by name
    for each in parameters:
        values = drawn[each.name]
        if each.kind is Parameter.VAR_POSITIONAL:
            if by_position:
                args += draw(st.lists(values, max_size=_MOST_EXTRA))
            continue
        if each.kind is Parameter.VAR_KEYWORD:
            kwargs = {**kwargs, **draw(st.dictionaries(st.sampled_from(_EXTRA_NAMES), values, max_size=_MOST_EXTRA))}
            continue
        if each.default is not Parameter.empty and draw(st.booleans()):
            by_position = False
            continue
        by_name = each.kind is Parameter.KEYWORD_ONLY
        if each.kind is Parameter.POSITIONAL_OR_KEYWORD:
            by_name = not by_position or draw(st.booleans())
        if by_name:
            by_position = False
            kwargs[each.name] = draw(values)
        elif by_position:
            args.append(draw(values))
    return CallArguments(tuple(args), kwargs)


def _by_annotation(parameter: Parameter, function: Callable[..., Any], name: str) -> _Strategy:
    annotation = _evaluated(parameter.annotation, function)
    try:
        return _of(annotation, parameter.name)
    except (HypothesisException, TypeError) as error:
        raise ConfigurationError(
            f"call_arguments: no value of {parameter.name}: {annotation!r} can be drawn for {name} ({error}); "
            f"say how: call_arguments(…, {parameter.name}=strategy)"
        ) from None


def _evaluated(annotation: Any, function: Callable[..., Any]) -> Any:
    """An annotation that was written as text, or under `from __future__ import annotations`, as what it names."""
    if not isinstance(annotation, str):
        return annotation
    while isinstance(function, functools.partial):
        function = function.func
    try:
        return eval(annotation, vars(sys.modules[function.__module__]))
    except Exception:
        return Parameter.empty  # a name that only type checkers know


def _of(annotation: Any, name: str = "") -> _Strategy:
    """Draw values of an annotation.

    Raises:
        HypothesisException: When hypothesis knows no way to.
    """
    if annotation in (Parameter.empty, Any, object):
        return _SUBJECTS[name]() | label_values() if name in _SUBJECTS else label_values()
    if annotation is None:
        return st.none()
    if annotation is str:
        return texts()
    origin = get_origin(annotation)
    if origin is Literal:
        return st.sampled_from(get_args(annotation))
    if origin in (Union, types.UnionType):
        return st.one_of([_of(each) for each in get_args(annotation)])
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return st.sampled_from(list(annotation))
    strategy = st.from_type(annotation)
    strategy.validate()
    return strategy
