"""How many series decorated functions can record at most."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from math import prod
from typing import Any, Final, NamedTuple

from tradmetrics.capture.annotations import Hints
from tradmetrics.capture.call_site import CallSite
from tradmetrics.capture.lookups import ARGUMENT
from tradmetrics.capture.precreate import domain_of
from tradmetrics.capture.sources import Source
from tradmetrics.capture.unsourced import is_unsourced
from tradmetrics.cardinality import FREE, Limits
from tradmetrics.check.flags import UNSOURCED, Domain, flags_of
from tradmetrics.check.report import FunctionReport, LabelReport, MetricReport, Report, ValueReport
from tradmetrics.model.definition import Label, MetricDefinition
from tradmetrics.model.identifiers import is_identifier
from tradmetrics.model.text import OTHER
from tradmetrics.orders.recipes import SUBMIT, Strategies, TrackerRecipe
from tradmetrics.registry.default import current
from tradmetrics.registry.instruments import Constants


def report_on(sites: Iterable[CallSite]) -> Report:
    """Count what the sites can record at most."""
    report = Report()
    everything: dict[tuple[str, Constants], list[tuple[MetricDefinition, Limits, list[Domain]]]] = {}
    for site in sites:
        hints = Hints(site.function)
        limits, constants = _settings_of(site)
        labels: dict[str, LabelReport] = {}
        metrics: dict[str, MetricReport] = {}
        for definition in dict.fromkeys((*(rule.definition for rule in site.recipe.rules), *site.recipe.also)):
            domains = [_domain(site, hints, definition, label) for label in definition.labels]
            for label, domain in zip(definition.labels, domains, strict=True):
                labels.setdefault(label.name, _label(site, hints, definition, label, domain, limits))
            metrics[definition.name] = _metric(definition, worst_case(definition, domains, limits))
            everything.setdefault((definition.name, constants), []).append((definition, limits, domains))
        for name, value in constants:
            labels[name] = LabelReport(name, "TradingMetrics(labels=…)", (value,), None, ())
        total = sum(each.worst_case_series for each in metrics.values())
        names = (site.name, site.recipe.decorator)
        values = tuple(_values(site, labels))
        report.functions.append(FunctionReport(*names, tuple(labels.values()), values, tuple(metrics.values()), total))
    # Metrics objects that differ in their constant labels have series of their own.
    by_name: dict[str, list[MetricReport]] = {}
    for (name, _), found in everything.items():
        by_name.setdefault(name, []).append(_together(found))
    for name, reports in by_name.items():
        series = sum(each.worst_case_series for each in reports)
        samples = sum(each.worst_case_samples for each in reports)
        report.metrics.append(MetricReport(name, series, samples))
    report.total = sum(each.worst_case_series for each in report.metrics)
    return report


def worst_case(definition: MetricDefinition, domains: Sequence[Domain], limits: Limits) -> int:
    """The most series that a metric can have.

    Args:
        definition: The metric.
        domains: The known values of each label, or None.
        limits: Its budgets.
    """
    closed = 1
    places: list[_Places] = []
    for label, domain in zip(definition.labels, domains, strict=True):
        if label.values is not None or not definition.guarded:
            closed *= len(domain or label.values or ())
        else:
            places.append(_places(definition, label, domain, limits))
    if not places:
        return closed
    # As in the guard: series with `__other__` or `unknown` in some open label are outside the budget and have a bound
    # of their own. Past either bound any label may collapse; those series that cannot are on top of it.
    budget, bound = limits.series_budget(definition.name), limits.outside_budget(definition.name)
    most = _combinations(closed, places)
    if most.within > budget or most.outside - most.firm_outside > bound:
        most = _combinations(closed, [each._replace(free=each.free | {OTHER}) for each in places])
    return min(most.within, budget + most.firm_within) + min(most.outside, bound + most.firm_outside)


class _Places(NamedTuple):
    """How many values of an open label find a place, how many of these always do, and those outside the budget."""

    admitted: int
    allowed: int
    free: set[str]


class _Combinations(NamedTuple):
    """Series within the budget and outside it, and how many of each have no open label that can collapse."""

    within: int
    outside: int
    firm_within: int
    firm_outside: int


def _combinations(closed: int, places: Sequence[_Places]) -> _Combinations:
    within = closed * prod(each.admitted for each in places)
    every = closed * prod(each.admitted + len(each.free) for each in places)
    firm_within = closed * prod(each.allowed for each in places)
    firm = closed * prod(each.allowed + len(each.free) for each in places)
    return _Combinations(within, every - within, firm_within, firm - firm_within)


def _places(definition: MetricDefinition, label: Label, domain: Domain, limits: Limits) -> _Places:
    budget = limits.label_budget(definition.name, label.name)
    allowed = limits.allowed(label.name)
    if domain is None:
        return _Places(budget, len(allowed), set(FREE))
    values = set(domain) - FREE
    admitted = min(budget, sum(value in allowed or not is_identifier(value) for value in values))
    free = set(FREE.intersection(domain)) | ({OTHER} if admitted < len(values) else set())
    return _Places(admitted, len(values.intersection(allowed)), free)


def _together(found: list[tuple[MetricDefinition, Limits, list[Domain]]]) -> MetricReport:
    """A metric as all functions record it: no more than they do one by one, nor than all their values can make."""
    definition, limits, _ = found[0]
    union: list[Domain] = []
    for position in range(len(definition.labels)):
        domains = [domains[position] for _, _, domains in found]
        known = [value for domain in domains if domain is not None for value in domain]
        union.append(tuple(dict.fromkeys(known)) if None not in domains else None)
    alone = sum(worst_case(definition, domains, limits) for _, limits, domains in found)
    return _metric(definition, min(alone, worst_case(definition, union, limits)))


def _metric(definition: MetricDefinition, series: int) -> MetricReport:
    samples = 1
    if definition.buckets is not None:
        samples = len(definition.buckets) + (3 if definition.buckets[0] >= 0 else 2)  # +Inf, the count, maybe the sum
    return MetricReport(definition.name, series, series * samples)


def _domain(site: CallSite, hints: Hints, definition: MetricDefinition, label: Label) -> Domain:
    if label.name == "strategy" and site.compiled.sources.get(label.name) is None:
        strategies = _strategies(site)
        if strategies is not None:
            return strategies.of(site)
    return domain_of(site, hints, definition, label)


def _strategies(site: CallSite) -> Strategies | None:
    """Those of a tracker's orders, which come with the tracker unless a source says otherwise."""
    return site.recipe.strategies if isinstance(site.recipe, TrackerRecipe) else None


def _settings_of(site: CallSite) -> tuple[Limits, Constants]:
    """The limits and the constant labels of the metrics object that a site records to."""
    metrics = site._fixed or current()
    return (Limits(), ()) if metrics is None else (metrics.limits, metrics.constants)


def _label(
    site: CallSite, hints: Hints, definition: MetricDefinition, label: Label, domain: Domain, limits: Limits
) -> LabelReport:
    source = site.compiled.sources.get(label.name)
    budget = limits.label_budget(definition.name, label.name) if label.values is None else None
    flags = () if budget is None else flags_of(label.name, source, hints.hint(source), domain, budget)
    if _is_never_there(site, label.name):
        flags = (*flags, UNSOURCED)
    return LabelReport(label.name, _spelled(site, label.name, source), domain, budget, flags)


_WITH_A_DEFAULT: Final = frozenset({"status", "severity", "reason", "prediction", "fill_time", "currency", "fee"})
"""Fields that have a value without a source: from the exception, the clock, or a word of the decorator."""
_VALUES: Final = ("pnl", "currency", "fee", "fill_time", "amount", "value")
"""Fields that are amounts, in the order in which they are listed."""


def _values(site: CallSite, labels: Mapping[str, LabelReport]) -> Iterator[ValueReport]:
    """The amounts in a function's samples. A trade without a P&L is flagged: its panels stay empty."""
    lookups = site.compiled.lookups
    for name in (each for each in _VALUES if each in lookups and each not in labels):
        never = _is_never_there(site, name)
        if name == "pnl" or not never:
            yield ValueReport(
                name, _spelled(site, name, site.compiled.sources.get(name)), (UNSOURCED,) if never else ()
            )


def _is_never_there(site: CallSite, name: str) -> bool:
    """Return whether no call can yield a field that was left out."""
    lookup = site.compiled.lookups.get(name)
    if lookup is None or not is_unsourced(lookup) or name in _WITH_A_DEFAULT:
        return False
    if not lookup.places and site.recipe.also:
        return False  # the decorator itself reads it from each item of the result
    returns_nothing = Hints(site.function).returns_nothing
    return not any(place.root is ARGUMENT or not returns_nothing for place in lookup.places)


def _spelled(site: CallSite, name: str, source: Any) -> str:
    """Return a source as it is written in the decorator."""
    if isinstance(source, Source):
        return source.spelling()
    if source is None:
        strategies = _strategies(site)
        if strategies is not None and name == "strategy" and site.recipe.decorator == SUBMIT:
            return f"OrderTracker(strategy={strategies.own!r})"
        lookup = site.compiled.lookups.get(name)
        if lookup is not None and lookup.places:
            place = lookup.places[0]
            path = ".".join(place.steps)
            return f"arg({path!r})" if place.root is ARGUMENT else f"result({path!r})"
        # A decorator reads such a label from each item of the result: a position's strategy.
        if name not in site.compiled.sources or (site.recipe.also and strategies is None):
            return f"set by @{site.recipe.decorator}"
        return "none"
    if callable(source) and not isinstance(source, Enum):
        return f"{getattr(source, '__qualname__', type(source).__qualname__)}()"
    return repr(source)
