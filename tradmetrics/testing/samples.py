"""The series of a registry under the name of a sample, as in a scrape."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from prometheus_client import Metric as Family
from prometheus_client.utils import floatToGoString

from tradmetrics.model.text import text_of
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.storage.rendering import Family as OwnFamily

_SUFFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "counter": ("_total",),
    "histogram": ("_count", "_sum", "_bucket"),
    "summary": ("_count", "_sum", ""),
}
_MOST_NAMES: Final = 3


@dataclass(frozen=True)
class Series:
    """One series: its labels and its value."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Metric:
    """The series of one sample name.

    Attributes:
        name: The sample's name, such as `trading_order_fill_time_seconds_count`.
        kind: `counter`, `gauge`, `histogram`, …
        label_names: The metric's labels, or None until it has a series.
        series: Its series.
    """

    name: str
    kind: str
    label_names: tuple[str, ...] | None
    series: tuple[Series, ...]

    def matching(self, wanted: Mapping[str, str]) -> list[Series]:
        """The series that have the wanted labels, whatever their other labels are.

        Raises:
            AssertionError: When the metric has no label of that name, or when adding the series up means nothing.
        """
        unknown = set(wanted) - set(wanted if self.label_names is None else self.label_names)
        for label in sorted(unknown):
            names = self.label_names or ()
            has = f"its labels are: {', '.join(names)}" if names else "it has no labels"
            raise AssertionError(f"{self.name} has no label {label!r}{_did_you_mean(label, names, 1)}; {has}")
        if self.name.endswith("_bucket") and self.kind == "histogram" and "le" not in wanted:
            bounds = dict.fromkeys(each.labels["le"] for each in self.series)
            raise AssertionError(f"{self.name}: say which bucket with le=…; there are: {', '.join(bounds) or 'none'}")
        found = [each for each in self.series if wanted.items() <= each.labels.items()]
        if len(found) > 1 and self.kind not in _SUFFIXES:
            raise AssertionError(
                f"{spelling(self.name, wanted)}: a {self.kind}'s series are not added up, and these have the labels "
                "given; name one:\n" + "\n".join(f"  {line(self.name, each)}" for each in found)
            )
        return found


def find(metrics: TradingMetrics, name: str) -> Metric:
    """Read what `metrics` has under the name of a sample.

    Raises:
        AssertionError: When there is no such sample, with the names that come nearest.
    """
    names: set[str] = set()
    for family in metrics.registry.collect():
        samples = {f"{family.name}{suffix}" for suffix in _SUFFIXES.get(family.type, ("",))}
        samples |= {sample.name for sample in family.samples}
        if name in samples:
            constants = dict(metrics.constants).items()  # another metrics object may share the registry
            series = tuple(
                Series(each.labels, each.value)
                for each in family.samples
                if each.name == name and constants <= each.labels.items()
            )
            return Metric(name, family.type, _label_names(family, name, series), series)
        if name == family.name:
            spellings = ", ".join(f"{name}{suffix}" for suffix in _SUFFIXES.get(family.type, ()))
            raise AssertionError(f"{name} is a {family.type}; the names of its samples are: {spellings}")
        names |= samples
    hint = "" if metrics.enabled else "; this metrics object is disabled: nothing is recorded, and nothing registered"
    raise AssertionError(
        f"no metric is called {name!r}{_did_you_mean(name, names, _MOST_NAMES)}{hint}; "
        "a metric of your own is there once its function was called"
    )


def _label_names(family: Family, name: str, series: tuple[Series, ...]) -> tuple[str, ...] | None:
    if series:
        return tuple(series[0].labels)
    if not isinstance(family, OwnFamily):
        return None
    return (*family.label_names, "le") if name == f"{family.name}_bucket" else family.label_names


def texts(labels: Mapping[str, object]) -> dict[str, str]:
    """The values of labels as recording spells them: an enum's value, a bucket's bound as in `le="0.5"`."""
    result = {name: text_of(value) for name, value in labels.items()}
    with suppress(
        KeyError, ValueError
    ):  # a value that is not a bound matches nothing, and the message lists the bounds
        result["le"] = floatToGoString(float(result["le"]))  # type: ignore[no-untyped-call]
    return result


def spelling(name: str, labels: Mapping[str, str]) -> str:
    """A series as Prometheus writes it."""
    inner = ",".join(f"{label}={_quoted(value)}" for label, value in labels.items())
    return f"{name}{{{inner}}}" if inner else name


def line(name: str, series: Series) -> str:
    """A series and its value as Prometheus writes them."""
    return f"{spelling(name, series.labels)} {number(series.value)}"


def number(value: float) -> str:
    """A value without the `.0` of a whole number."""
    return str(int(value)) if value.is_integer() else repr(value)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _did_you_mean(word: str, words: Iterable[str], most: int) -> str:
    near = difflib.get_close_matches(word, sorted(words), n=most, cutoff=0.5)
    return f" (did you mean {' or '.join(near)}?)" if near else ""
