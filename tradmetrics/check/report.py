"""What `tradmetrics check` says: labels, values, functions and metrics, with how many series they can have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tradmetrics.check.flags import Domain


@dataclass(frozen=True)
class LabelReport:
    """A label of a decorated function.

    Attributes:
        name: The label.
        source: Where its values come from, as it is written in the decorator.
        domain: Its values, or None where they are not known before the program runs.
        budget: The most values it can have, where they are not known.
        flags: Keys of `MEANINGS`: reasons to look at it.
    """

    name: str
    source: str
    domain: Domain
    budget: int | None
    flags: tuple[str, ...]


@dataclass(frozen=True)
class ValueReport:
    """A value of a decorated function that is not a label, such as the P&L of a trade.

    Attributes:
        name: The value.
        source: Its source, as it is written in the decorator.
        flags: Keys of `MEANINGS`.
    """

    name: str
    source: str
    flags: tuple[str, ...]


@dataclass(frozen=True)
class MetricReport:
    """A metric, and how many series it can have.

    Attributes:
        name: The metric.
        worst_case_series: The most label sets.
        worst_case_samples: The most samples that a scrape can bring: a histogram has one for each bucket, and two more.
    """

    name: str
    worst_case_series: int
    worst_case_samples: int


@dataclass(frozen=True)
class FunctionReport:
    """A decorated function, once for each decorator on it."""

    name: str
    decorator: str
    labels: tuple[LabelReport, ...]
    values: tuple[ValueReport, ...]
    metrics: tuple[MetricReport, ...]
    total: int


@dataclass
class Report:
    """All decorated functions, and the metrics they record together."""

    functions: list[FunctionReport] = field(default_factory=list)
    metrics: list[MetricReport] = field(default_factory=list)
    total: int = 0

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Report:
        """Build a report from what `dataclasses.asdict` made of one."""
        return cls([_function_from(each) for each in found["functions"]], _metrics_from(found), found["total"])

    @property
    def flagged(self) -> int:
        """The number of flags."""
        return sum(len(label.flags) for function in self.functions for label in function.labels) + sum(
            len(value.flags) for function in self.functions for value in function.values
        )


def _function_from(found: dict[str, Any]) -> FunctionReport:
    labels = tuple(
        LabelReport(
            **each
            | {"domain": None if each["domain"] is None else tuple(each["domain"]), "flags": tuple(each["flags"])}
        )
        for each in found["labels"]
    )
    values = tuple(ValueReport(**each | {"flags": tuple(each["flags"])}) for each in found["values"])
    return FunctionReport(
        found["name"], found["decorator"], labels, values, tuple(_metrics_from(found)), found["total"]
    )


def _metrics_from(found: dict[str, Any]) -> list[MetricReport]:
    return [MetricReport(**each) for each in found["metrics"]]
