"""PromQL for panels, built from the catalogue so that a query cannot name a label that its metric lacks."""

from typing import Final

from alerts.definitions import risen
from tradmetrics.catalogue import SYSTEM_UPTIME
from tradmetrics.model.definition import MetricDefinition

RATE: Final = "$__rate_interval"
RANGE: Final = "$__range"
QUANTILES: Final = (0.5, 0.9, 0.99)
# A label of the metric that a variable of every dashboard chooses from.
_VARIABLES: Final = ("job", "instance", "strategy")


def select(definition: MetricDefinition, suffix: str = "", *, matchers: str = "") -> str:
    """Select a metric's series for the job, instance and (where it has the label) strategy that are chosen.

    Args:
        definition: The metric, from the catalogue.
        suffix: `_bucket`, `_sum` or `_count` of a histogram.
        matchers: Further matchers, such as `side="BUY"`.

    Returns:
        A PromQL selector.
    """
    labels = [f'{name}=~"${name}"' for name in _VARIABLES if name != "strategy" or name in definition.label_names]
    return f"{definition.name}{suffix}{{{', '.join([*labels, *filter(None, [matchers])])}}}"


def total(definition: MetricDefinition, by: str = "") -> str:
    """Sum a gauge, or a counter's whole count, by labels."""
    return _sum(select(definition), by)


def per_second(
    definition: MetricDefinition, by: str = "", *, suffix: str = "", matchers: str = "", window: str = RATE
) -> str:
    """Count by labels and second. Give the window of an alert where its threshold is drawn."""
    return _sum(f"rate({select(definition, suffix, matchers=matchers)}[{window}])", by)


def occurrences(definition: MetricDefinition, by: str = "", *, window: str = RATE) -> str:
    """Count what is rare, by labels over a window, the first of its kind included; see `alerts.definitions.risen`.

    Args:
        definition: The counter.
        by: Labels to keep, separated by commas.
        window: How long to look back.

    Returns:
        A PromQL expression, in units of the counter.
    """
    return _sum(risen(select(definition), select(SYSTEM_UPTIME), window), by)


def in_range(definition: MetricDefinition) -> str:
    """Count over the time that the dashboard shows: 0, and not nothing, when there was none and the bot is there."""
    return f"({occurrences(definition, window=RANGE)} or 0 * {total(SYSTEM_UPTIME)})"


def quantile(q: float, definition: MetricDefinition, by: str = "", *, window: str = RATE) -> str:
    """Estimate a quantile of a histogram by labels.

    Args:
        q: The quantile, 0 to 1.
        definition: The histogram.
        by: Labels to keep, separated by commas.
        window: How long to look back.

    Returns:
        A PromQL expression in the histogram's own unit.
    """
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({q:g}, {per_second(definition, labels, suffix='_bucket', window=window)})"


def buckets(definition: MetricDefinition) -> str:
    """Count what fell into each bucket of a histogram, for a heatmap."""
    return f"sum by (le) (increase({select(definition, '_bucket')}[{RATE}]))"


def ratio(part: str, whole: str) -> str:
    """Divide two expressions with the same labels."""
    return f"{part}\n/ {whole}"


def _sum(expression: str, by: str) -> str:
    return f"sum by ({by}) ({expression})" if by else f"sum({expression})"
