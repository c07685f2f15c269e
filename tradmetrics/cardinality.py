"""Label budgets: which values a label may have, and what becomes of the rest. Pure: no prometheus_client, no clock.

Past a budget only the offending label becomes `__other__`; the other labels keep their values, and the caller records
under what it is told, so no count is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias, Union

from tradmetrics.definition import MetricDefinition
from tradmetrics.errors import ConfigurationError
from tradmetrics.identifiers import is_identifier
from tradmetrics.text import OTHER, UNKNOWN

LabelKey: TypeAlias = Union[str, tuple[str, str]]

DEFAULT_LABEL_BUDGETS: Final[Mapping[str, int]] = {"symbol": 500, "endpoint": 200, "site": 500}
"""Budgets of distinct values that differ from `Limits.default_label`."""

NOTHING: Final[tuple[int, ...]] = ()


@dataclass(frozen=True)
class Limits:
    """How many values a label may have, and how many series a metric.

    Example:
        ```python
        from tradmetrics import Limits, TradingMetrics

        metrics = TradingMetrics(limits=Limits(labels={"symbol": 2_000}, allow={"strategy": ("gamma_scalping",)}))
        ```

    Attributes:
        labels: Budgets of distinct values, by label name or by `(metric, label)`.
        series: Budgets of series, by metric.
        default_label: Budget of every label not named (symbol has 500, endpoint 200 unless named).
        default_series: Budget of series of every metric not named.
        allow: Values that are always admitted, by label name; they hold places in the budget from the start, and an
            identifier named here is a value like any other.
        expire_after: Seconds without a change after which a series is removed; None never removes.
        idle_after: Seconds without a change after which a series may be displaced by a value that keeps coming.

    Raises:
        ConfigurationError: When a budget is no positive whole number, or an allow-list is longer than its budget.
    """

    labels: Mapping[LabelKey, int] = field(default_factory=dict)
    series: Mapping[str, int] = field(default_factory=dict)
    default_label: int = 50
    default_series: int = 2_000
    allow: Mapping[str, Iterable[str]] = field(default_factory=dict)
    expire_after: float | None = None
    idle_after: float = 3_600.0

    def __post_init__(self) -> None:
        budgets: dict[str, object] = {"default_label": self.default_label, "default_series": self.default_series}
        budgets.update({f"labels[{key!r}]": value for key, value in self.labels.items()})
        budgets.update({f"series[{key!r}]": value for key, value in self.series.items()})
        for name, budget in budgets.items():
            if isinstance(budget, bool) or not isinstance(budget, int) or budget <= 0:
                raise ConfigurationError(f"Limits({name}): a budget is a whole number above zero, not {budget!r}")
        for name, seconds in (("expire_after", self.expire_after), ("idle_after", self.idle_after)):
            if seconds is not None and not seconds > 0:
                raise ConfigurationError(f"Limits({name}): seconds above zero, not {seconds!r}")
        object.__setattr__(self, "labels", dict(self.labels))
        object.__setattr__(self, "series", dict(self.series))
        object.__setattr__(self, "allow", {label: tuple(values) for label, values in self.allow.items()})

    def label_budget(self, metric: str, label: str) -> int:
        """The number of distinct values that `label` of `metric` may have."""
        for key in ((metric, label), label):
            if key in self.labels:
                return self.labels[key]
        return DEFAULT_LABEL_BUDGETS.get(label, self.default_label)

    def series_budget(self, metric: str) -> int:
        """The number of series that `metric` may have."""
        return self.series.get(metric, self.default_series)


class Guard:
    """The admitted values and series of one metric."""

    __slots__ = ("_allowed", "_budgets", "_open", "_series", "_series_budget", "_values", "definition")

    def __init__(self, definition: MetricDefinition, limits: Limits) -> None:
        self.definition = definition
        self._open = tuple(i for i, label in enumerate(definition.labels) if label.values is None)
        self._budgets = tuple(limits.label_budget(definition.name, label.name) for label in definition.labels)
        self._allowed = tuple(frozenset(limits.allow.get(label.name, ())) for label in definition.labels)
        for label, budget, allowed in zip(definition.labels, self._budgets, self._allowed, strict=True):
            if len(allowed) > budget:
                raise ConfigurationError(
                    f"{definition.name}: {len(allowed)} allowed values of {label.name!r} and a budget of {budget}; "
                    f"write Limits(labels={{{label.name!r}: {len(allowed)}}})"
                )
        self._values = [set(allowed) for allowed in self._allowed]
        self._series: set[tuple[str, ...]] = set()
        self._series_budget = limits.series_budget(definition.name)

    @property
    def series_limit(self) -> int:
        """The number of series that the metric may have."""
        return self._series_budget

    def admit(self, values: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """Return the labels to record under, and the positions of those that collapsed to `__other__`.

        Args:
            values: Cleaned values, in the definition's order.
        """
        if values in self._series:
            return values, NOTHING
        admitted = list(values)
        collapsed = [i for i in self._open if not self._fits(i, admitted[i])]
        for i in collapsed:
            admitted[i] = OTHER
        labels = tuple(admitted)
        # The series budget: the open label with the most distinct values gives way first, then the next.
        for i in sorted(self._open, key=lambda i: -len(self._values[i])):
            if labels in self._series or OTHER in labels or len(self._series) < self._series_budget:
                break
            if admitted[i] not in (OTHER, UNKNOWN):
                collapsed.append(i)
                admitted[i] = OTHER
                labels = tuple(admitted)
        for i in self._open:
            if labels[i] not in (OTHER, UNKNOWN):
                self._values[i].add(labels[i])
        if OTHER not in labels:
            self._series.add(labels)
        return labels, tuple(collapsed)

    def _fits(self, i: int, value: str) -> bool:
        known = self._values[i]
        if value in known or value in (OTHER, UNKNOWN):
            return True
        return len(known) < self._budgets[i] and not is_identifier(value)
