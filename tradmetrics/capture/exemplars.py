"""Exemplars of calls: labels such as an order id, which counters and histograms show beside the sample of one call."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, Final, NamedTuple, TypeAlias, Union

from prometheus_client.samples import Exemplar

from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.lookups import Compiled
from tradmetrics.capture.readers import explicit_lookup
from tradmetrics.capture.sources import Call, LabelSource, Mapped, Source, arg, error, result
from tradmetrics.errors import LabelSourceError, is_interruption
from tradmetrics.model.definition import MetricDefinition, is_label_name
from tradmetrics.model.missing import MISSING
from tradmetrics.model.text import clean, shown, text_of
from tradmetrics.registry.instrument import Resolved
from tradmetrics.storage.exemplars import LONGEST

ExemplarPart: TypeAlias = Union[Source, Callable[[Call], object], Mapping[str, LabelSource]]
ExemplarSource: TypeAlias = Union[ExemplarPart, Sequence[ExemplarPart]]
"""The values that `exemplar=` takes: `arg`, `result` or `error`, a callable that takes the `Call`, a mapping of label
names to sources, or a sequence of these."""

_NAME_OF_A_TEXT: Final = "id"
_EXAMPLE: Final = "exemplar=arg('order_id'), exemplar={'order_id': arg('order.id')} or a function of the Call"
_no_name: Final = re.compile("[^a-zA-Z0-9_]")


class _Part(NamedTuple):
    """A label of an exemplar, and the field that it is read from; no label where the value has all of them."""

    label: str
    field: str


class CallExemplar:
    """The exemplars of one decorated function.

    Args:
        parts: Its labels, and the fields of a call that have them.
    """

    __slots__ = ("_parts",)

    def __init__(self, parts: tuple[_Part, ...]) -> None:
        self._parts = parts

    def attach(self, call: CallContext, definition: MetricDefinition, resolved: Resolved, amount: float) -> None:
        """Show a call beside a sample, unless the series had another exemplar within the last second.

        Args:
            call: The call.
            definition: The metric of the sample.
            resolved: The series, and what became of its labels.
            amount: The number that was recorded.
        """
        exemplars = call.metrics.instrument(definition).exemplars
        if exemplars is None or not exemplars.claim(resolved.labels):
            return
        labels = self._labels(call)
        if labels is None:
            return
        for position in resolved.collapsed:
            name, value = definition.label_names[position], resolved.values[position]
            if name not in labels and _length(labels) + len(name) + len(value) <= LONGEST:
                labels[name] = value
        now = call.now()
        if labels and now is not None:
            exemplars.put(resolved.labels, Exemplar(labels, amount, round(now, 3)))

    def _labels(self, call: CallContext) -> dict[str, str] | None:
        """The labels that the sources give; None, which is counted, where OpenMetrics does not take them."""
        labels: dict[str, str] = {}
        try:
            for label, field in self._parts:
                value = call(field)
                given = value if not label and isinstance(value, Mapping) else {label or _NAME_OF_A_TEXT: value}
                for name, each in given.items():
                    if each is not None and each is not MISSING:
                        labels[_checked_name(name)] = clean(text_of(each))
            if _length(labels) > LONGEST:
                raise ValueError(
                    f"the names and values of an exemplar's labels have at most {LONGEST} characters together, these "
                    f"have {_length(labels)}: {shown(labels)}; give fewer or shorter ones"
                )
        except Exception as problem:
            if is_interruption(problem):
                raise
            call.fault("label", problem)
            return None
        return labels


def _length(labels: Mapping[str, str]) -> int:
    return sum(map(len, labels)) + sum(map(len, labels.values()))


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not is_label_name(name):
        raise ValueError(
            f"{shown(name)} cannot be the name of an exemplar's label; use letters, digits and underscores"
        )
    return name


def compile_exemplar(
    given: object, definitions: Sequence[MetricDefinition], compiled: Compiled, where: str
) -> CallExemplar:
    """Check an `exemplar=` argument, and have its fields read with those of the function.

    Args:
        given: The argument.
        definitions: The metrics that the function records.
        compiled: The function's sources; gets those of the exemplar.
        where: The decorator and the function, for messages.

    Raises:
        LabelSourceError: When it cannot be a source of an exemplar, or names a parameter that the function lacks.
    """
    if all(each.kind == "gauge" for each in definitions):
        names = ", ".join(each.name for each in definitions)
        raise LabelSourceError(f"{where}: only counters and histograms have exemplars; leave exemplar= out for {names}")
    parts: list[_Part] = []
    for label, source, spelling in _sources(given, where):
        field = f"exemplar {len(parts)}"
        compiled.lookups[field] = explicit_lookup(spelling, source, compiled.parameters, where)
        parts.append(_Part(label, field))
    labels = [part.label for part in parts if part.label]
    for label in labels:
        if labels.count(label) > 1:
            raise LabelSourceError(f"{where}: exemplar= gives the label {label!r} twice; write {{{label!r}: …}} once")
    if not parts:
        raise LabelSourceError(f"{where}: exemplar={given!r} has no label; write {_EXAMPLE}")
    return CallExemplar(tuple(parts))


def _sources(given: object, where: str) -> Iterator[tuple[str, object, str]]:
    """The label, the source and the spelling of the keyword of each part of an `exemplar=` argument."""
    if isinstance(given, Mapping):
        for label, source in given.items():
            if not isinstance(label, str) or not is_label_name(label):
                raise LabelSourceError(
                    f"{where}: exemplar={{{shown(label)}: …}}: the name of a label is letters, digits and underscores, "
                    "e.g. exemplar={'order_id': arg('order.id')}"
                )
            yield label, source, label
    elif isinstance(given, list | tuple):
        for part in given:
            if isinstance(part, list | tuple):
                raise LabelSourceError(f"{where}: exemplar={given!r:.80}: a list in a list; write one list")
            yield from _sources(part, where)
    elif isinstance(given, Source):
        yield _name_of(given), given, "exemplar"
    elif isinstance(given, str):
        raise LabelSourceError(
            f"{where}: exemplar={given!r} is a constant, and an exemplar points at one call; to read it from the call, "
            f"write exemplar=arg({given!r})"
        )
    elif any(given is each for each in (arg, result, error)):
        word = "arg" if given is arg else "result" if given is result else "error"
        raise LabelSourceError(f"{where}: exemplar={word} is the function itself; write exemplar={word}('order_id')")
    elif callable(given) and not isinstance(given, type | Enum):
        yield "", given, "exemplar"
    else:
        raise LabelSourceError(f"{where}: exemplar={given!r:.80} cannot be a source of an exemplar; write {_EXAMPLE}")


def _name_of(source: Source) -> str:
    """The label of a source without a name: its path, such as `order_id` for `arg("order.id")`."""
    while isinstance(source, Mapped):
        inner: Any = source.source
        if not isinstance(inner, Source):
            return _NAME_OF_A_TEXT
        source = inner
    steps = source.path[1:] if source.path[:1] in (("self",), ("cls",)) and len(source.path) > 1 else source.path
    name = _no_name.sub("_", "_".join(steps)).lstrip("_") or type(source).__name__.lower()
    return name if is_label_name(name) else f"{_NAME_OF_A_TEXT}_{name}"


def current_span(call: Call | None = None) -> dict[str, str] | None:
    """Point an exemplar at OpenTelemetry's current span: its `trace_id` and `span_id`.

    Write `exemplar=current_span`, or `exemplar=(arg("order.id"), current_span)`. The span is the one that is current
    when the call ends, so the span must begin outside of the decorated function. A span that is not sampled counts for
    nothing, because no backend has its trace. Without the package `opentelemetry-api`, there is no span.

    Example:
        ```python
        from tradmetrics import arg, current_span, track_order


        @track_order(strategy="gamma_scalping", exemplar=(arg("order.id"), current_span))
        def place(order): ...
        ```

    Args:
        call: The call, which it does not look at.

    Returns:
        The two labels, or None if no span is current.
    """
    trace = sys.modules.get("opentelemetry.trace")  # a program that has a span has imported it
    if trace is None:
        return None
    context = trace.get_current_span().get_span_context()
    if not context.is_valid or not context.trace_flags.sampled:
        return None
    return {"trace_id": format(context.trace_id, "032x"), "span_id": format(context.span_id, "016x")}
