"""The definition of a metric: name, kind, help text, labels, unit and buckets. It is checked when it is built."""

from __future__ import annotations

import math
import re
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Literal, TypeAlias, Union

from tradmetrics.errors import ConfigurationError
from tradmetrics.model.text import shown

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]
"""The kinds of metric, in Prometheus's terms."""

MultiprocessMode: TypeAlias = Literal["sum", "livesum", "max", "livemax", "min", "livemin", "mostrecent"]
"""How gauges of several worker processes become one (prometheus_client's `multiprocess_mode`)."""

LabelSpecification: TypeAlias = Union[str, tuple[str, Iterable[str]], "Label"]

# By identity, since equal definitions come and go one at a time when a module is reloaded.
_known: weakref.WeakValueDictionary[int, MetricDefinition] = weakref.WeakValueDictionary()

# https://prometheus.io/docs/concepts/data_model/#metric-names-and-labels
_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
# The exposition adds these suffixes itself; a name that ends in one would collide with its own samples.
_RESERVED_SUFFIXES = ("_bucket", "_count", "_sum", "_created", "_info")


@dataclass(frozen=True)
class Label:
    """A label of a metric.

    Attributes:
        name: The label's name.
        values: The closed set of its values, or None when any (bounded) text may come.
    """

    name: str
    values: tuple[str, ...] | None = None


@dataclass(frozen=True)
class MetricDefinition:
    """One metric, as data. The catalogue is a tuple of these; users add their own for `track`.

    Example:
        ```python
        from tradmetrics import MetricDefinition

        HEDGES = MetricDefinition(
            "desk_hedges_total", "counter", "Hedge orders sent.", labels=("desk", ("side", ("BUY", "SELL")))
        )
        ```

    Attributes:
        name: The sample's name as users query it; a counter's ends in `_total`.
        kind: `counter`, `gauge` or `histogram`.
        help: One sentence for the `# HELP` line.
        labels: Names of open labels, or `(name, values)` pairs for labels with a closed set of values.
            After construction always a tuple of `Label`.
        unit: The unit of the values (`seconds`, `currency`, `ratio`, `percent`, …); empty for plain counts.
        buckets: Upper bounds of a histogram's buckets, rising; `+Inf` is added when missing.
        family: The group that docs and dashboards show it in.
        multiprocess_mode: For gauges: how several worker processes become one value.
        guarded: False only for the metrics that report on the guard itself, and for those bounded in another way.
        at_scrape: True for metrics whose value is computed when they are scraped.

    Raises:
        ConfigurationError: When the name, kind, labels or buckets cannot work, with what to write instead.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[Label, ...] = ()
    unit: str = ""
    buckets: tuple[float, ...] | None = None
    family: str = field(default="custom", kw_only=True)
    multiprocess_mode: MultiprocessMode = field(default="mostrecent", kw_only=True)
    guarded: bool = field(default=True, kw_only=True)
    at_scrape: bool = field(default=False, kw_only=True)

    def __init__(
        self,
        name: str,
        kind: Kind,
        help: str,
        labels: Iterable[LabelSpecification] | Mapping[str, Iterable[str] | None] = (),
        unit: str = "",
        buckets: Iterable[float] | None = None,
        *,
        family: str = "custom",
        multiprocess_mode: MultiprocessMode = "mostrecent",
        guarded: bool = True,
        at_scrape: bool = False,
    ) -> None:
        """Check and keep the definition; see the class for the arguments."""
        if kind not in ("counter", "gauge", "histogram"):
            raise ConfigurationError(f"{name}: kind is 'counter', 'gauge' or 'histogram', not {kind!r}")
        _check_name(name, kind)
        if not help or not help.strip():
            raise ConfigurationError(f"{name}: help is empty; write one sentence that says what is counted or measured")
        values = {
            "name": name,
            "kind": kind,
            "help": help,
            "labels": _labels(name, labels),
            "unit": unit,
            "buckets": _buckets(name, kind, buckets),
            "family": family,
            "multiprocess_mode": multiprocess_mode,
            "guarded": guarded,
            "at_scrape": at_scrape,
        }
        for attribute, value in values.items():
            object.__setattr__(self, attribute, value)
        _known[id(self)] = self

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of the labels, in order."""
        return tuple(label.name for label in self.labels)

    def with_buckets(self, buckets: Iterable[float]) -> MetricDefinition:
        """The same metric with other buckets.

        Raises:
            ConfigurationError: When the buckets cannot work, or the metric is not a histogram.
        """
        settings = {each.name: getattr(self, each.name) for each in fields(self)}
        return MetricDefinition(**{**settings, "buckets": buckets})

    def domain(self, label: str) -> tuple[str, ...] | None:
        """The closed set of values of `label`, or None when it is open."""
        return next((each.values for each in self.labels if each.name == label), None)


def known_definitions() -> list[MetricDefinition]:
    """Every definition in this process: the catalogue's, and those that users have made and still hold."""
    return list(_known.values())


def is_label_name(name: str) -> bool:
    """Whether a label may have this name: those with two underscores in front, `le` and `quantile` are Prometheus's."""
    return _LABEL_NAME.fullmatch(name) is not None and not name.startswith("__") and name not in ("le", "quantile")


def _check_name(name: str, kind: str) -> None:
    if not isinstance(name, str) or not _METRIC_NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} is not a valid metric name; use letters, digits and underscores, e.g. 'desk_hedges_total'"
        )
    if kind == "counter" and not name.endswith("_total"):
        raise ConfigurationError(f"{name}: a counter's name ends in '_total'; write '{name}_total'")
    for suffix in _RESERVED_SUFFIXES:
        if suffix == "_info" and kind == "gauge":
            continue  # such as `prometheus_build_info`
        if name.removesuffix("_total").endswith(suffix):
            raise ConfigurationError(
                f"{name}: the exposition format keeps '{suffix}' for itself; choose another ending"
            )


def _labels(
    metric: str, labels: Iterable[LabelSpecification] | Mapping[str, Iterable[str] | None]
) -> tuple[Label, ...]:
    if isinstance(labels, str):
        raise ConfigurationError(f"{metric}: labels is a tuple of names; write labels=({labels!r},)")
    specifications = labels.items() if isinstance(labels, Mapping) else labels
    result = tuple(_label(metric, specification) for specification in specifications)
    names = [label.name for label in result]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"{metric}: the label {name!r} is named twice")
    return result


def _label(metric: str, specification: object) -> Label:
    if isinstance(specification, Label):
        name, values = specification.name, specification.values
    elif isinstance(specification, str):
        name, values = specification, None
    elif isinstance(specification, tuple) and len(specification) == 2:
        name, given = specification
        values = None if given is None else tuple(given)
    else:
        raise ConfigurationError(f"{metric}: a label is a name or a (name, values) pair, not {specification!r}")
    if not isinstance(name, str) or not is_label_name(name):
        raise ConfigurationError(
            f"{metric}: {name!r} cannot be a label's name; letters, digits, underscores, e.g. 'desk'"
        )
    if values is not None and (not values or not all(isinstance(value, str) and value for value in values)):
        raise ConfigurationError(
            f"{metric}: the closed values of the label {name!r} are non-empty texts, not {values!r}"
        )
    return Label(name, values)


def _buckets(metric: str, kind: str, buckets: Iterable[float] | None) -> tuple[float, ...] | None:
    if kind != "histogram":
        if buckets is not None:
            raise ConfigurationError(f"{metric}: only a histogram has buckets; leave them out of a {kind}")
        return None
    if buckets is None:
        raise ConfigurationError(f"{metric}: a histogram needs buckets, e.g. buckets=(0.1, 0.5, 1, 5)")
    try:
        bounds = tuple(float(bound) for bound in buckets)
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"{metric}: buckets are several numbers, e.g. (0.1, 0.5, 1, 5), not {shown(buckets)}"
        ) from None
    if bounds and bounds[-1] == math.inf:
        bounds = bounds[:-1]
    if not bounds or not all(map(math.isfinite, bounds)) or list(bounds) != sorted(set(bounds)):
        raise ConfigurationError(
            f"{metric}: buckets are finite numbers, each larger than the one before, not {bounds!r}"
        )
    return bounds
