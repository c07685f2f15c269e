"""The doctor's judgement: queries and samples in, findings out. No file and no network here."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tradmetrics import catalogue
from tradmetrics.doctor.findings import Finding, Query, Sample
from tradmetrics.doctor.known import Known, by_name, recorded
from tradmetrics.doctor.promql import Check


@dataclass
class Examination:
    """The findings of one run.

    Attributes:
        faults: Queries that can never have data.
        reports: Metrics that are unused or were never recorded, and labels that overflowed.
        unreadable: Files that could not be read, and addresses that could not be reached.
        queries: How many queries were checked.
        passed_over: Queries of other data sources than Prometheus, which are not checked.
    """

    faults: list[Finding] = field(default_factory=list)
    reports: list[Finding] = field(default_factory=list)
    unreadable: list[Finding] = field(default_factory=list)
    queries: int = 0
    passed_over: list[Finding] = field(default_factory=list)

    def status(self, *, strict: bool) -> int:
        """Return the exit status: 1 for faults (and reports when strict), else 2 for unreadable files, else 0."""
        if self.faults or (strict and self.reports):
            return 1
        return 2 if self.unreadable else 0


def examine(
    queries: Sequence[Query],
    samples: Sequence[Sample] | None,
    known: Known,
    step: Callable[[Query], None] = lambda query: None,
) -> Examination:
    """Check queries against what exists, and what exists against what was recorded.

    Args:
        queries: The expressions of rules and dashboards.
        samples: The samples of a running system; None without one.
        known: The metrics that exist, the running system's included.
        step: Called before each query is checked.

    Returns:
        The findings.
    """
    passed_over = [
        Finding("passed-over", f"not checked, because its data source is {query.source}", query.file, query.place)
        for query in queries
        if query.source
    ]
    queries = [query for query in queries if not query.source]
    examination = Examination(queries=len(queries), passed_over=passed_over)
    used = _check(queries, known, examination, step)
    if queries:
        examination.reports += [
            Finding("unused", f"no query uses {definition.name}")
            for definition in catalogue.CATALOGUE
            if definition.name not in used
        ]
    if samples is not None:
        examination.reports += [*_never_recorded(samples), *_overflowed(samples)]
    return examination


def _check(queries: Iterable[Query], known: Known, examination: Examination, step: Callable[[Query], None]) -> set[str]:
    """Check every query; return the names of the catalogue's metrics that they use."""
    recordings = [query for query in queries if query.record]
    for query in recordings:
        known.add(query.record, None)  # until its labels are worked out, below
    # A recording rule may build on another one, which may stand in a later file.
    for _ in range(2):
        inferred = Known(())
        for query in recordings:
            step(query)
            try:
                labels = Check(query, known).result
            except ValueError:
                continue
            inferred.add(query.record, None if labels is None else labels | query.added_labels)
        for query in recordings:
            known.replace(query.record, inferred.labels(query.record))
    used = set()
    for query in queries:
        step(query)
        try:
            check = Check(query, known)
        except ValueError as error:
            examination.unreadable.append(Finding("unreadable", f"not valid PromQL: {error}", query.file, query.place))
            continue
        examination.faults += check.findings
        used |= {definition.name for name in check.names if (definition := known.definition(name))}
    return used


def _never_recorded(samples: Sequence[Sample]) -> list[Finding]:
    groups = by_name(samples)
    findings = []
    for definition in catalogue.CATALOGUE:
        # That the instrumentation has counted no trouble of its own is as it should be.
        if definition.family == "tradmetrics":
            continue
        name = f"{definition.name}_count" if definition.kind == "histogram" else definition.name
        if not recorded(groups.get(name, ()), definition):
            findings.append(Finding("never-recorded", f"{definition.name} was never recorded"))
    return findings


def _overflowed(samples: Sequence[Sample]) -> list[Finding]:
    groups = by_name(samples)
    return [
        Finding(
            "overflowed",
            f"{sample.value:g} values of the label {sample.labels.get('label')} of {sample.labels.get('metric')} "
            "were recorded as __other__",
        )
        for sample in groups.get(catalogue.LABEL_OVERFLOW.name, ())
        if sample.value > 0
    ] + [
        Finding(
            "instrumentation-error",
            f"{sample.value:g} errors at {sample.labels.get('site')}, stage {sample.labels.get('stage')}",
        )
        for sample in groups.get(catalogue.INSTRUMENTATION_ERRORS.name, ())
        if sample.value > 0
    ]
