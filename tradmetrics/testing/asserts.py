"""Assertions on what was recorded, whose failures show what was recorded instead."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Final

from tradmetrics import catalogue
from tradmetrics.registry.default import current, get_metrics
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.testing.samples import Metric, Series, find, line, number, spelling, texts

_MOST_LINES: Final = 10


def assert_metric(name: str, value: object, /, *, metrics: TradingMetrics | None = None, **labels: object) -> None:
    """Assert the value that a metric has.

    Labels that are left out are added up over, so that `assert_metric("trading_orders_submitted_total", 3)` is about
    all orders; a gauge's series are not added up: name one. A counter or a histogram without such a series is 0.

    Example:
        ```python
        from tradmetrics.testing import assert_metric

        assert_metric("trading_orders_submitted_total", 1, strategy="gamma_scalping", side="BUY")
        assert_metric("trading_order_fill_time_seconds_bucket", 1, strategy="gamma_scalping", le=0.5)
        ```

    Args:
        name: The sample's name as queries have it: a counter's ends in `_total`, a histogram's in `_count`, `_sum` or
            `_bucket`.
        value: The value; floats are compared within one part in a billion, and `pytest.approx(…)` as it says. None:
            there is no such series.
        metrics: The metrics object to read; by default the process's.
        **labels: Labels that the series have, as recorded (`side="BUY"`, not `"buy"`). A label may be called `name` or
            `value`. Enum members stand for their values, and None for `unknown`.

    Raises:
        AssertionError: When the value is another one, with the series that there are, nearest first; or when there is
            no such metric or label, with the nearest names.
    """
    __tracebackhide__ = True
    metrics = get_metrics() if metrics is None else metrics
    metric, wanted = find(metrics, name), texts(labels)
    found = metric.matching(wanted)
    if value is None:
        if not found:
            return
    elif (found or metric.kind != "gauge") and _equal(_total(found), value):
        return
    actual = f"is {number(_total(found))}" if found else "has no such series"
    expected = "no such series" if value is None else _shown(value)
    raise AssertionError(
        "\n".join(
            [f"{spelling(name, wanted)} {actual}; expected: {expected}", *_evidence(metric, wanted), *_errors(metrics)]
        )
    )


class metric_delta:  # noqa: N801 - a context manager reads as a function
    """Assert by how much a metric changes within a block, or find out.

    Without `expected` nothing is asserted, and the object that the block is given has the change as its `.value`.
    When the block raises, its exception is what counts. A series that is not there counts as 0.

    Example:
        ```python
        from tradmetrics.testing import metric_delta

        with metric_delta("trading_orders_submitted_total", 1, side="BUY"):
            place("buy")

        with metric_delta("trading_profit_total", strategy="gamma_scalping") as profit:
            close_position()
        assert profit.value > 0
        ```

    Args:
        name: As for `assert_metric`.
        expected: The change; compared as by `assert_metric`.
        metrics: The metrics object to read; by default the process's.
        **labels: As for `assert_metric`; labels that are left out are added up over.

    Raises:
        AssertionError: At the end of the block when the change is another one, with what changed instead; or when
            there is no such metric or label.
    """

    def __init__(
        self, name: str, /, expected: object = None, *, metrics: TradingMetrics | None = None, **labels: object
    ) -> None:
        self._name = name
        self._expected = expected
        self._metrics = metrics
        self._wanted = texts(labels)
        self._read_from: TradingMetrics | None = None
        self._before: dict[frozenset[tuple[str, str]], float] = {}
        self._value: float | None = None

    @property
    def value(self) -> float:
        """The change so far, or in all when the block has ended."""
        return _total(self._changes().matching(self._wanted)) if self._value is None else self._value

    def __enter__(self) -> metric_delta:
        __tracebackhide__ = True
        self._value = None
        self._before = {}
        # Not the default metrics that would be built by asking for it: the block may be the one that configures it.
        self._read_from = current() if self._metrics is None else self._metrics
        if self._read_from is not None:
            try:
                metric = find(self._read_from, self._name)
            except AssertionError:
                return self  # a metric of the user's own may appear within the block; if not, leaving says so
            metric.matching(self._wanted)
            self._before = {_key(each): each.value for each in metric.series}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        __tracebackhide__ = True
        if error is not None:
            return
        changes = self._changes()
        self._value = _total(changes.matching(self._wanted))
        if self._expected is None or _equal(self._value, self._expected):
            return
        changed = Metric(
            changes.name, changes.kind, changes.label_names, tuple(each for each in changes.series if each.value)
        )
        heading = f"{spelling(self._name, self._wanted)} changed by {number(self._value)}"
        lines = [f"{heading}; expected: {_shown(self._expected)}", *_evidence(changed, self._wanted, "changed")]
        raise AssertionError("\n".join([*lines, *_errors(self._current())]))

    def _current(self) -> TradingMetrics:
        return get_metrics() if self._metrics is None else self._metrics

    def _changes(self) -> Metric:
        """The metric with the changes of its series for values."""
        metrics = self._current()
        before = self._before if metrics is self._read_from else {}
        metric = find(metrics, self._name)
        series = tuple(Series(each.labels, each.value - before.get(_key(each), 0.0)) for each in metric.series)
        return Metric(metric.name, metric.kind, metric.label_names, series)


def _key(series: Series) -> frozenset[tuple[str, str]]:
    return frozenset(series.labels.items())


def _total(found: Iterable[Series]) -> float:
    return math.fsum(each.value for each in found)


def _equal(actual: float, expected: Any) -> bool:
    if actual == expected:
        return True
    try:
        return math.isclose(actual, expected, rel_tol=1e-9, abs_tol=1e-12)
    except TypeError:
        return False


def _shown(value: object) -> str:
    return number(float(value)) if isinstance(value, int | float) else repr(value)


def _evidence(metric: Metric, wanted: Mapping[str, str], verb: str = "is there") -> list[str]:
    """The series that exist instead, nearest first."""
    if not metric.series:
        return [f"  no series of {metric.name} {verb}"]
    lines: list[str] = []
    for label, value in wanted.items():
        values = sorted({each.labels[label] for each in metric.series})
        if value not in values:
            shown = ", ".join(map(repr, values[:_MOST_LINES])) + (", …" if len(values) > _MOST_LINES else "")
            lines.append(f"  {label}: no series has {value!r}; there is {shown}")
    lines.append(f"  what {verb}, nearest first:")
    ranked = sorted(metric.series, key=lambda each: -len(wanted.items() & each.labels.items()))
    lines += [f"    {line(metric.name, each)}" for each in ranked[:_MOST_LINES]]
    if len(ranked) > _MOST_LINES:
        lines.append(f"    … and {len(ranked) - _MOST_LINES} more")
    return lines


def _errors(metrics: TradingMetrics) -> list[str]:
    """Instrumentation errors, which may be why something was not recorded."""
    errors = find(metrics, catalogue.INSTRUMENTATION_ERRORS.name)
    found = [f"    {line(errors.name, each)}" for each in errors.series[:_MOST_LINES]]
    return ["  instrumentation errors were counted:", *found] if found else []
