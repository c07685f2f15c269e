"""The functions over a window of one series, with the arithmetic of Prometheus 2.42.

https://github.com/prometheus/prometheus/blob/v2.42.0/promql/functions.go
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple


class Span(NamedTuple):
    """The values of one series in a window.

    Attributes:
        start: Where the window begins.
        end: Where it ends.
        times: Times of the values, oldest first.
        values: The values.
    """

    start: float
    end: float
    times: Sequence[float]
    values: Sequence[float]


def _extrapolated(span: Span, *, counter: bool, rate: bool) -> float | None:
    times, values = span.times, span.values
    if len(values) < 2:
        return None
    change = values[-1] - values[0]
    if counter and sorted(values) != values:
        change += sum(before for before, after in pairwise(values) if after < before)
    to_start, to_end = times[0] - span.start, span.end - times[-1]
    sampled = times[-1] - times[0]
    if sampled <= 0:
        return None
    average = sampled / (len(values) - 1)
    if counter and change > 0 and values[0] >= 0:
        to_start = min(to_start, sampled * (values[0] / change))
    covered = sampled
    covered += to_start if to_start < average * 1.1 else average / 2
    covered += to_end if to_end < average * 1.1 else average / 2
    factor = covered / sampled
    return change * (factor / (span.end - span.start) if rate else factor)


def _instant(span: Span, *, rate: bool) -> float | None:
    if len(span.values) < 2:
        return None
    (before, after), (earlier, later) = span.values[-2:], span.times[-2:]
    change = after if rate and after < before else after - before
    seconds = later - earlier
    if seconds == 0:
        return None
    return change / seconds if rate else change


def _resets(span: Span) -> float:
    return float(sum(after < before for before, after in pairwise(span.values)))


def _changes(span: Span) -> float:
    return float(sum(after != before for before, after in pairwise(span.values)))


def _slope(span: Span, at: float | None = None) -> tuple[float, float] | None:
    if len(span.values) < 2:
        return None
    origin = span.times[0] if at is None else at
    xs = [time - origin for time in span.times]
    n, mean_x, mean_y = len(xs), sum(xs) / len(xs), math.fsum(span.values) / len(xs)
    covariance = sum(x * y for x, y in zip(xs, span.values, strict=True)) / n - mean_x * mean_y
    variance = sum(x * x for x in xs) / n - mean_x * mean_x
    if variance == 0:
        return None
    slope = covariance / variance
    return slope, mean_y - slope * mean_x


def _deriv(span: Span) -> float | None:
    fit = _slope(span)
    return None if fit is None else fit[0]


def predict_linear(span: Span, at: float, seconds: float) -> float | None:
    """Extend the straight line through the values by some seconds after the time of the evaluation."""
    fit = _slope(span, at)
    return None if fit is None else fit[1] + fit[0] * seconds


def _deviation(span: Span) -> float:
    mean = math.fsum(span.values) / len(span.values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in span.values) / len(span.values))


def quantile(q: float, values: Sequence[float]) -> float:
    """Return the q-quantile of values, between two of them where it falls there."""
    if not values or math.isnan(q):
        return math.nan
    if not 0 <= q <= 1:
        return math.inf if q > 1 else -math.inf
    ordered = sorted(values)
    rank = q * (len(ordered) - 1)
    lower = math.floor(rank)
    upper = min(lower + 1, len(ordered) - 1)
    weight = rank - lower
    return ordered[lower] * (1 - weight) + ordered[upper] * weight


FUNCTIONS: Final[dict[str, Callable[[Span], float | None]]] = {
    "rate": lambda span: _extrapolated(span, counter=True, rate=True),
    "increase": lambda span: _extrapolated(span, counter=True, rate=False),
    "delta": lambda span: _extrapolated(span, counter=False, rate=False),
    "irate": lambda span: _instant(span, rate=True),
    "idelta": lambda span: _instant(span, rate=False),
    "deriv": _deriv,
    "resets": _resets,
    "changes": _changes,
    "avg_over_time": lambda span: math.fsum(span.values) / len(span.values),
    "sum_over_time": lambda span: math.fsum(span.values),
    "min_over_time": lambda span: min(span.values),
    "max_over_time": lambda span: max(span.values),
    "count_over_time": lambda span: float(len(span.values)),
    "last_over_time": lambda span: span.values[-1],
    "present_over_time": lambda span: 1.0,
    "stddev_over_time": _deviation,
}
"""Functions of one window; a series without values in it is not asked."""
