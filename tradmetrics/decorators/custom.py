"""`track`: a user's own metric, through the same engine, guard and checks as the catalogue's."""

from __future__ import annotations

from numbers import Number
from typing import Final, Literal

from tradmetrics.capture.exemplars import ExemplarSource
from tradmetrics.capture.raised import class_of
from tradmetrics.capture.readers import Field
from tradmetrics.capture.recipe import RAISED, RETURNED, Recipe, Rule
from tradmetrics.capture.repeating import Repeat
from tradmetrics.capture.sources import LabelSource
from tradmetrics.capture.wrapping import Decorator, decorate
from tradmetrics.catalogue import BY_NAME
from tradmetrics.errors import ConfigurationError, nearest
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.registry.default import current
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.vocabulary.numbers import amount_of

_WHEN: Final = {"returned": frozenset({RETURNED}), "raised": frozenset({RAISED}), "finished": None}
_KEYWORDS: Final = ("value", "on", "precreate", "exemplar", "metrics")


def track(
    definition: MetricDefinition,
    *,
    value: LabelSource = 1,
    on: Literal["returned", "raised", "finished"] = "finished",
    precreate: bool = False,
    exemplar: ExemplarSource | None = None,
    metrics: TradingMetrics | None = None,
    **labels: LabelSource,
) -> Decorator:
    """Record a metric of your own at every call of a function.

    A counter adds the value, a gauge is set to it, a histogram observes it.

    Example:
        ```python
        from tradmetrics import MetricDefinition, arg, track

        HEDGES = MetricDefinition(
            "desk_hedges_total", "counter", "Hedge orders sent.", labels=("desk", ("side", ("BUY", "SELL")))
        )


        @track(HEDGES, on="returned", desk="delta", side=arg("side"))
        def hedge(side, quantity): ...
        ```

    Args:
        definition: The metric.
        value: A number, `"seconds"` for the duration of the call, or any source of a number.
        on: Record when the function `returned`, when it `raised`, or whenever it `finished`.
        precreate: True shows series at 0 before the first call, where all labels are known: constants, and parameters
            annotated with an Enum, a Literal or bool.
        exemplar: Source of labels that point at this very call, such as `arg("order.id")`, `current_span`, a mapping of
            label names to sources, or a function of the `Call`. The OpenMetrics exposition shows them with the samples.
        metrics: The metrics object to record to; by default the process's.
        **labels: A source for each label; one left out is the parameter of that name.

    Raises:
        LabelSourceError: When decorating, if a label has no possible source, or a source names no parameter.
        ConfigurationError: If `on` is another word, a constant `value` is not a number that the metric can take, the
            catalogue or the metrics object has another metric of that name, or a label is called like a keyword here.
        TypeError: If a keyword is not a label of the definition.
    """
    if not isinstance(definition, MetricDefinition):
        raise ConfigurationError(
            f"track: the first argument is a MetricDefinition, not {definition!r}; write @track(MetricDefinition(…), …)"
        )
    if on not in _WHEN:
        raise ConfigurationError(f"track({definition.name}): on is 'returned', 'raised' or 'finished', not {on!r}")
    standing = BY_NAME.get(definition.name)
    if standing is not None and standing != definition:
        raise ConfigurationError(
            f"{definition.name}: the catalogue has it already, as a {standing.kind} with the labels "
            f"{', '.join(standing.label_names) or 'none'}; give yours another name"
        )
    names = definition.label_names
    for taken in set(names) & set(_KEYWORDS):
        raise ConfigurationError(f"{definition.name}: a label called {taken!r} collides with track's own keyword")
    for unknown in set(labels) - set(names):
        raise TypeError(
            f"track({definition.name}): there is no label {unknown!r}{nearest(unknown, names)}; "
            f"its labels are: {', '.join(names) or 'none'}"
        )
    given: dict[str, object] = {name: labels.get(name) for name in names}
    amount: str | float = "value"
    if isinstance(value, str) and value == "seconds":
        amount = "seconds"
    elif isinstance(value, Number | str):
        try:
            amount = amount_of(value, definition.kind)
        except (TypeError, ValueError) as problem:
            raise ConfigurationError(
                f"track({definition.name}): value={value!r:.60}: {problem}; write a number, "
                "'seconds', arg('parameter'), result('path') or a function of the Call"
            ) from None
    else:
        given["value"] = value
    fields = tuple(Field(name, required=name != "value") for name in given)
    recipe = Recipe(
        f"track({definition.name})",
        fields,
        (Rule(definition, when=_WHEN[on], value=amount),),
        repeat=None if amount == "value" else Repeat(exceptions=class_of, seconds=amount == "seconds"),
    )
    metrics = metrics if isinstance(metrics, TradingMetrics) else current()
    if metrics is not None and metrics.enabled:
        metrics.instrument(definition)  # a conflict shows here, not at the first call
    return decorate(None, recipe, given, metrics, precreate, exemplar)
