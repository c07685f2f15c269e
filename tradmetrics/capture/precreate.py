"""Series that exist before the first call: those whose label values are known when a function is decorated."""

from __future__ import annotations

from itertools import islice, product
from typing import TYPE_CHECKING

from tradmetrics.capture.annotations import Hints
from tradmetrics.errors import ConfigurationError
from tradmetrics.model.definition import Label, MetricDefinition
from tradmetrics.registry.label_values import Problem, read

if TYPE_CHECKING:
    from tradmetrics.capture.call_site import CallSite
    from tradmetrics.capture.recipe import Recipe
    from tradmetrics.registry.metrics import TradingMetrics


def domain_of(site: CallSite, hints: Hints, definition: MetricDefinition, label: Label) -> tuple[str, ...] | None:
    """The values that a label can have when a decorated function records it, or None where they are not known.

    They are known of constants, of parameters annotated with an Enum, a Literal or bool, of labels that have no source
    at all (`unknown`), and of labels with a closed set of values.

    Args:
        site: The decorated function.
        hints: Its annotations.
        definition: A metric that it records.
        label: A label of that metric.
    """
    source = site.compiled.sources.get(label.name)
    if source is None and not _is_never_there(site, definition, label.name):
        return label.values
    raw = hints.domain(source)
    if raw is None:
        return label.values
    spelled = site.recipe.spelled.get(label.name, _as_it_is)
    problems: list[Problem] = []
    return tuple(dict.fromkeys(read(label, spelled(each), site.recipe.dialect, problems) for each in raw))


def _is_never_there(site: CallSite, definition: MetricDefinition, name: str) -> bool:
    """Whether a label that was left out has nowhere else to come from, such as the result."""
    ruled = any(rule.definition is definition for rule in site.recipe.rules)
    return ruled and not site.recipe.is_from_result(name)


def _as_it_is(value: object) -> object:
    return value


class Precreation:
    """The series that a decorated function wants to exist before it is first called.

    Counters and histograms only: a gauge has no value before it is set.

    Args:
        site: The decorated function.
        hints: Its annotations.

    Raises:
        ConfigurationError: When there is no metric all of whose labels are known.
    """

    def __init__(self, site: CallSite, hints: Hints) -> None:
        self._name = site.name
        self._wanted: list[tuple[MetricDefinition, tuple[tuple[str, ...], ...]]] = []
        unknown: dict[str, str] = {}
        for rule in site.recipe.rules:
            if rule.definition.kind == "gauge":
                continue
            domains = []
            for label in rule.definition.labels:
                domain = domain_of(site, hints, rule.definition, label)
                if domain is None:
                    unknown.setdefault(label.name, rule.definition.name)
                else:
                    domains.append(domain)
            if len(domains) == len(rule.definition.labels):
                self._wanted.append((rule.definition, tuple(domains)))
        if not self._wanted:
            raise ConfigurationError(_nothing_known(site.recipe, site.name, unknown))

    def __call__(self, metrics: TradingMetrics) -> None:
        """Create the series in a metrics object, as far as its budgets allow."""
        if not metrics.enabled:
            return
        for definition, domains in self._wanted:
            try:
                instrument = metrics.instrument(definition)
                for labels in islice(product(*domains), instrument.guard.series_limit):
                    instrument.precreate(labels)
            except Exception as error:
                metrics.fault(self._name, "record", error)


def _nothing_known(recipe: Recipe, name: str, unknown: dict[str, str]) -> str:
    where = f"@{recipe.decorator} on {name}: precreate=True"
    if not unknown:
        return f"{where} is for counters and histograms; a gauge has no value before it is set"
    label, metric = next(iter(unknown.items()))
    return (
        f"{where} needs to know the values of the label {label!r} of {metric}; write a constant, {label}='…', or "
        "annotate the parameter that it is read from with an Enum, a Literal or bool"
    )
