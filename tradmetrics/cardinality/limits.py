"""`Limits`: how many values a label may have, and how many series a metric. It is checked when it is built."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias, Union

from tradmetrics.errors import ConfigurationError, nearest
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.model.text import OTHER, UNKNOWN, text_of

LabelKey: TypeAlias = Union[str, tuple[str, str]]

DEFAULT_LABEL_BUDGETS: Final[Mapping[str, int]] = {"symbol": 500, "endpoint": 200, "site": 500}
"""Budgets of distinct values that differ from `Limits.default_label`."""

FREE: Final = frozenset({OTHER, UNKNOWN})
"""Values that are outside every budget."""

MOST_OUTSIDE: Final = 2_000
"""Series of a metric that are outside its budget because of such a value, at most, unless the budget is larger."""


@dataclass(frozen=True)
class Limits:
    """How many values a label may have, and how many series a metric.

    Example:
        ```python
        from tradmetrics import Limits, TradingMetrics

        metrics = TradingMetrics(limits=Limits(labels={"symbol": 2_000}, allow={"strategy": ("gamma_scalping",)}))
        ```

    Past a label's budget, a new value becomes `__other__`. Past a metric's budget of series, a new value gives way
    before one that has its place, and among these that of the open label with the most distinct values first, then the
    next. `__other__` and `unknown` are outside every budget; where a metric has several open labels, series with one of
    the two in some of them have a bound of their own, 2,000 or the metric's budget, whichever is more. A value named
    in `allow` never gives way: a series all of whose open labels have such values (or one of these two) comes on top of
    both bounds, once for each combination.

    When a label is full, a value that keeps coming takes the place of one that has been idle for `idle_after`: the
    idle one's series leave the exposition, and what they held is counted in `tradmetrics_series_removed_total` (a gauge
    holds no count, and counts as one). Several worker processes have budgets of their own each, and remove nothing.

    Attributes:
        labels: Budgets of distinct values, by label name or by `(metric, label)`.
        series: Budgets of series, by metric.
        default_label: Budget of every label not named (symbol has 500, endpoint 200, site 500 unless named).
        default_series: Budget of series of every metric not named.
        allow: Values that are always admitted and never displaced, by label name; they hold places in the budget from
            the start, and an identifier named here is a value like any other.
        expire_after: Seconds without a change after which a series is removed, at the next scrape; None never removes.
            Metrics without open labels have no budget to give back, and stay.
        idle_after: Seconds without a change after which a value may be displaced by one that keeps coming.

    Raises:
        ConfigurationError: When a budget is not a positive whole number, or a setting is not shaped as above. Names
            that no metric or label has, and an allow-list longer than its budget, are errors of the metrics object
            that is given these limits: by then all metrics are known.
    """

    labels: Mapping[LabelKey, int] = field(default_factory=dict)
    series: Mapping[str, int] = field(default_factory=dict)
    default_label: int = 50
    default_series: int = 2_000
    allow: Mapping[str, Iterable[object]] = field(default_factory=dict)
    expire_after: float | None = None
    idle_after: float = 3_600.0

    def __post_init__(self) -> None:
        for name in ("labels", "series", "allow"):
            given = getattr(self, name)
            if not isinstance(given, Mapping):
                raise ConfigurationError(f"Limits({name}={given!r:.60}): a mapping, {_EXAMPLES[name]}")
        for key, budget in (("default_label", self.default_label), ("default_series", self.default_series)):
            _check_budget(key, budget)
        for label_key, budget in self.labels.items():
            if not _is_name(label_key) and not (
                isinstance(label_key, tuple) and len(label_key) == 2 and all(map(_is_name, label_key))
            ):
                raise ConfigurationError(f"Limits(labels={{{label_key!r:.60}: …}}): {_EXAMPLES['labels']}")
            _check_budget(f"labels={{{label_key!r}: …}}", budget)
        for metric, budget in self.series.items():
            if not _is_name(metric):
                raise ConfigurationError(f"Limits(series={{{metric!r:.60}: …}}): {_EXAMPLES['series']}")
            _check_budget(f"series={{{metric!r}: …}}", budget)
        for setting in ("expire_after", "idle_after"):
            seconds = getattr(self, setting)
            if setting == "expire_after" and seconds is None:
                continue
            if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
                raise ConfigurationError(f"Limits({setting}): seconds above zero, not {seconds!r}")
        object.__setattr__(self, "labels", dict(self.labels))
        object.__setattr__(self, "series", dict(self.series))
        object.__setattr__(self, "allow", {label: _allowed(label, values) for label, values in self.allow.items()})

    def label_budget(self, metric: str, label: str) -> int:
        """The number of distinct values that `label` of `metric` may have."""
        for key in ((metric, label), label):
            if key in self.labels:
                return self.labels[key]
        return DEFAULT_LABEL_BUDGETS.get(label, self.default_label)

    def series_budget(self, metric: str) -> int:
        """The number of series that `metric` may have."""
        return self.series.get(metric, self.default_series)

    def outside_budget(self, metric: str) -> int:
        """The number of series of `metric` that are outside its budget, at most."""
        return max(MOST_OUTSIDE, self.series_budget(metric))

    def allowed(self, label: str) -> tuple[str, ...]:
        """The values of `label` that are always admitted."""
        return tuple(map(str, self.allow.get(label, ())))

    def check(self, definitions: Iterable[MetricDefinition]) -> None:
        """Check every name here against the metrics that there are.

        Args:
            definitions: All metrics, the catalogue's and users' own.

        Raises:
            ConfigurationError: When a metric or a label does not exist or has no budget, naming the nearest that does;
                when an allow-list is longer than its budget, or than its metric's budget of series, naming the metric
                and the label.
        """
        known = _Known(definitions)
        for key in self.labels:
            if isinstance(key, str):
                known.check_label(f"Limits(labels={{{key!r}: …}})", key)
            else:
                known.check_pair(f"Limits(labels={{{key!r}: …}})", *key)
        for metric in self.series:
            known.check_metric(f"Limits(series={{{metric!r}: …}})", metric)
        for label, allowed in self.allow.items():
            where = f"Limits(allow={{{label!r}: …}})"
            known.check_label(where, label)
            count = len(tuple(allowed))
            for metric, open_labels in known.open.items():
                if label not in open_labels:
                    continue
                for whose, setting, key, budget in (
                    (f"budget of {label!r}", "labels", label, self.label_budget(metric, label)),
                    ("budget of series", "series", metric, self.series_budget(metric)),
                ):
                    if count > budget:
                        raise ConfigurationError(
                            f"{where}: {count} values, and the {whose} of {metric} is {budget}; write "
                            f"Limits({setting}={{{key!r}: {count}}}, …) or more, so that others find a place too"
                        )


_MADE_BEFORE: Final = "a MetricDefinition of your own has to be made before the metrics object is set up"
_EXAMPLES: Final = {
    "labels": "budgets by label or by (metric, label), e.g. {'symbol': 2_000, ('trading_trades_total', 'strategy'): 5}",
    "series": "budgets by metric, e.g. {'trading_trades_total': 500}",
    "allow": "values by label, e.g. {'strategy': ('gamma_scalping', 'iron_condor')}",
}


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _check_budget(where: str, budget: object) -> None:
    if isinstance(budget, bool) or not isinstance(budget, int) or budget <= 0:
        raise ConfigurationError(f"Limits({where}): a budget is a whole number above zero, not {budget!r:.60}")


def _allowed(label: object, values: object) -> tuple[str, ...]:
    if not _is_name(label) or isinstance(values, str) or not isinstance(values, Iterable):
        raise ConfigurationError(f"Limits(allow={{{label!r:.60}: {values!r:.60}}}): {_EXAMPLES['allow']}")
    return tuple(value for value in dict.fromkeys(map(text_of, values)) if value not in FREE)


class _Known:
    """The metrics and labels that can have budgets."""

    def __init__(self, definitions: Iterable[MetricDefinition]) -> None:
        self.open: dict[str, set[str]] = {}
        self._closed: dict[str, tuple[str, ...]] = {}
        for definition in definitions:
            if definition.guarded:
                names = self.open.setdefault(definition.name, set())
                names.update(label.name for label in definition.labels if label.values is None)
                self._closed.update({label.name: label.values for label in definition.labels if label.values})

    def check_metric(self, where: str, metric: str) -> None:
        if metric not in self.open:
            raise ConfigurationError(
                f"{where}: no metric with a budget is called {metric!r}{nearest(metric, self.open)}; {_MADE_BEFORE}"
            )

    def check_label(self, where: str, label: str) -> None:
        if any(label in names for names in self.open.values()):
            return
        labels = sorted(set().union(*self.open.values()))
        if label in self._closed:
            raise ConfigurationError(
                f"{where}: {label!r} has no budget, its values are fixed: {', '.join(self._closed[label])}; "
                f"labels with a budget are: {', '.join(labels)}"
            )
        raise ConfigurationError(f"{where}: no metric has a label {label!r}{nearest(label, labels)}; {_MADE_BEFORE}")

    def check_pair(self, where: str, metric: str, label: str) -> None:
        self.check_metric(where, metric)
        names = sorted(self.open[metric])
        if label not in names:
            raise ConfigurationError(
                f"{where}: {metric} has no label {label!r} with a budget{nearest(label, names)}; "
                f"those that have one are: {', '.join(names) or 'none'}"
            )
