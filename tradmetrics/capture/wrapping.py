"""Putting a recipe on whatever stands below the decorator."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import FunctionType
from typing import Any, Final, ParamSpec, Protocol, TypeVar, overload

from tradmetrics.capture.call_site import CallSite
from tradmetrics.capture.current_call import note_shell
from tradmetrics.capture.exemplars import ExemplarSource, compile_exemplar
from tradmetrics.capture.questions import attribute_of, claims
from tradmetrics.capture.readers import compile_sources
from tradmetrics.capture.recipe import Recipe
from tradmetrics.capture.registered import registration_of
from tradmetrics.capture.shells import is_generator, shell_for
from tradmetrics.capture.sources import Source
from tradmetrics.errors import DecorationError, nearest
from tradmetrics.registry.default import current, with_every_default
from tradmetrics.registry.metrics import DISABLED_BY_ENVIRONMENT, TradingMetrics, checked

P = ParamSpec("P")
R = TypeVar("R")

CALL_SITES_ATTRIBUTE: Final = "__tradmetrics__"
"""Attribute of every decorated function: a tuple of its sites, outermost decorator first."""


def suggest_keywords(decorator: Callable[P, R]) -> Callable[P, R]:
    """Let a public decorator answer a keyword that it does not have with those that it has."""
    return suggest_keywords_as(f"@{decorator.__name__}", decorator)


def suggest_keywords_as(spelling: str, decorator: Callable[P, R]) -> Callable[P, R]:
    """The same for one that users write otherwise than it is called here."""
    keywords = tuple(getattr(decorator, "__kwdefaults__", None) or ())

    @functools.wraps(decorator)
    def teach(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs:
            if name not in keywords:
                raise TypeError(
                    f"{spelling} takes no keyword {name!r}{nearest(name, keywords)}; it takes: {', '.join(keywords)}"
                )
        return decorator(*args, **kwargs)

    return teach


def _code_made_by(make: Callable[..., Any]) -> Any:
    return make(lambda: None).__code__


_MANAGERS: Final[Mapping[Any, Callable[..., Any]]] = {
    _code_made_by(make): make for make in (contextlib.contextmanager, contextlib.asynccontextmanager)
}
"""The makers of context managers from generators, by the code of the functions that they make."""


class Decorator(Protocol):
    """A decorator that keeps the signature of what it is put on."""

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]:
        """Decorate `function`."""
        ...


@overload
def decorate(
    function: Callable[P, R],
    recipe: Recipe,
    given: Mapping[str, object],
    metrics: TradingMetrics | None,
    precreate: bool = False,
    exemplar: ExemplarSource | None = None,
) -> Callable[P, R]: ...
@overload
def decorate(
    function: None,
    recipe: Recipe,
    given: Mapping[str, object],
    metrics: TradingMetrics | None,
    precreate: bool = False,
    exemplar: ExemplarSource | None = None,
) -> Decorator: ...
def decorate(
    function: Callable[..., Any] | None,
    recipe: Recipe,
    given: Mapping[str, object],
    metrics: TradingMetrics | None,
    precreate: bool = False,
    exemplar: ExemplarSource | None = None,
) -> Any:
    """Decorate `function`, or return the decorator when it is None (`@track_order(...)`).

    Args:
        function: What to decorate, or None.
        recipe: What to record.
        given: The sources that were given, by field; None for those left out.
        metrics: The metrics object, or None for the process's default.
        precreate: Whether the series whose labels are known are created at once: in the metrics object given, or in the
            process's default one as soon as there is one.
        exemplar: The sources of exemplars, or None where the samples have none.

    Raises:
        LabelSourceError: When a label lacks a source or has one that cannot exist, or when `exemplar` is no source.
        DecorationError: When `function` cannot be decorated.
        ConfigurationError: When `precreate` is True and the labels of no metric are known.
    """
    if function is None:
        return lambda target: instrument(target, recipe, given, metrics, precreate, exemplar)
    return instrument(function, recipe, given, metrics, precreate, exemplar)


def instrument(
    target: Any,
    recipe: Recipe,
    given: Mapping[str, object],
    metrics: TradingMetrics | None = None,
    precreate: bool = False,
    exemplar: ExemplarSource | None = None,
) -> Any:
    """Wrap any callable, classmethod or staticmethod so that its calls are recorded.

    The very object comes back where nothing is to be recorded: under `TRADMETRICS_DISABLED=1`, or a disabled metrics
    object. What `contextlib` made of a generator is recorded for as long as its block lasts, as if it was decorated
    beneath.
    """
    fixed = current() if checked(metrics, f"@{recipe.decorator}") is None else metrics
    if DISABLED_BY_ENVIRONMENT or (fixed is not None and not fixed.enabled):
        return target
    kind = _kind_of_method(target)
    if kind is not None and issubclass(type(target), kind):
        return type(target)(instrument(target.__func__, recipe, given, metrics, precreate, exemplar))
    if type(target) is FunctionType and target.__code__ in _MANAGERS:
        # A call of it opens nothing yet; the generator beneath lasts as long as the block does.
        make = _MANAGERS[target.__code__]
        inner: Any = target.__wrapped__  # type: ignore[attr-defined]
        return make(instrument(inner, recipe, given, metrics, precreate, exemplar))
    # A proxy of one, as wrapt makes it, is bound by its own `__get__`.
    function: Any = target if kind is None else attribute_of(target, "__func__")
    call = None if kind is None else _binding(target, kind)
    name = name_of(function)
    _check(function, recipe, name)
    _check_side(function, recipe, name)
    compiled = compile_sources(recipe.decorator, function, name, recipe.fields, given)
    if exemplar is not None:
        definitions = [*(rule.definition for rule in recipe.rules), *recipe.also]
        compiled_exemplar = compile_exemplar(exemplar, definitions, compiled, f"@{recipe.decorator} on {name}")
        recipe = replace(recipe, exemplar=compiled_exemplar)
    site = CallSite(recipe, compiled, metrics, name, function)
    if precreate:
        _precreate(site, metrics)
    below = attribute_of(target, CALL_SITES_ATTRIBUTE)
    sites = (site, *below) if isinstance(below, tuple) else (site,)
    if kind is not None:
        bound = kind(shell_for(function, site, call))
        setattr(bound.__func__, CALL_SITES_ATTRIBUTE, sites)
        return bound
    if type(target) is not FunctionType:
        # Here, because wrapt imports asyncio, and most programs decorate nothing but functions.
        from tradmetrics.capture.proxies import InstrumentedCallable, InstrumentedDescriptor

        proxy = InstrumentedDescriptor if hasattr(type(target), "__get__") else InstrumentedCallable
        # An object that refuses every question cannot have a proxy; its shell stands in its place.
        with contextlib.suppress(Exception):
            return proxy(target, functools.partial(shell_for, site=site), sites)
    shell = shell_for(target, site)
    note_shell(shell, site)
    setattr(shell, CALL_SITES_ATTRIBUTE, sites)
    return shell


def _kind_of_method(target: Any) -> type[classmethod[Any, Any, Any] | staticmethod[Any, Any]] | None:
    """The class that decides how a callable is bound, if that is one of these two."""
    return next((kind for kind in (classmethod, staticmethod) if claims(target, kind)), None)


def _binding(target: Any, kind: type) -> Callable[..., Any]:
    """The call of a proxy of a classmethod or of a staticmethod."""
    if kind is classmethod:
        return lambda owner, *args, **kwargs: target.__get__(None, owner)(*args, **kwargs)
    return lambda *args, **kwargs: target.__get__(None, object)(*args, **kwargs)


def _precreate(site: CallSite, metrics: TradingMetrics | None) -> None:
    # Here, because most functions ask for none of this.
    from tradmetrics.capture.annotations import Hints
    from tradmetrics.capture.precreate import Precreation

    precreation = site.precreation = Precreation(site, Hints(site.function))
    if metrics is None:
        with_every_default(precreation)
    else:
        precreation(metrics)


def name_of(target: Any) -> str:
    """`module.qualname` of a callable, for messages and for the `site` label."""
    while claims(target, functools.partial):
        target = target.func
    kind = type(target)
    names = [attribute_of(target, attribute) for attribute in ("__module__", "__qualname__")]
    module, qualname = (name if isinstance(name, str) else None for name in names)
    return f"{module or kind.__module__}.{qualname or kind.__qualname__}"


def _check_side(target: Any, recipe: Recipe, name: str) -> None:
    """Refuse a function that a framework has registered beneath the decorator, which would then never run.

    Raises:
        DecorationError: When it has.
    """
    try:
        registration = registration_of(target)
    except Exception:  # an application that answers questions in its own way
        return
    if registration is not None:
        command = attribute_of(target, "callback")  # click's object does not have the function's name
        name = name_of(command) if claims(command, FunctionType) else name
        raise DecorationError(
            f"@{recipe.decorator} on {name}: {registration} stands beneath it and has registered the function already, "
            f"so the decorator would never run; write {registration} above @{recipe.decorator}"
        )


def _check(target: Any, recipe: Recipe, name: str) -> None:
    if claims(target, type):
        raise DecorationError(f"@{recipe.decorator} on the class {name}: decorate its methods instead")
    if claims(target, property):
        raise DecorationError(f"@{recipe.decorator} on a property: write it below @property, on the function")
    if not callable(target):
        hint = ""
        if recipe.fields and isinstance(target, str | Source):
            hint = f"; write @{recipe.decorator}({recipe.fields[0].name}={target!r}, …)"
        raise DecorationError(
            f"@{recipe.decorator} on {target!r:.80}: only what can be called can be decorated, "
            f"and sources are keywords{hint}"
        )
    if recipe.needs_result and is_generator(target):
        raise DecorationError(
            f"@{recipe.decorator} on {name}: a generator gives no result to read while it runs; decorate the function "
            "that makes one item, or pass every label as a constant, arg(…) or a function of the Call"
        )
