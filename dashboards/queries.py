"""Queries for panels, built from the catalogue so that a query cannot name a label that its metric lacks.

Each function returns an expression tree (`tradmetrics.board.query`): Grafana gets its PromQL, and `tradmetrics board`
evaluates the same tree over its own samples.
"""

from typing import Final

from alerts.definitions import risen
from tradmetrics.board.query import Aggregate, Binary, Expression, FunctionCall, Matcher, Number, Selector, parse
from tradmetrics.catalogue import SYSTEM_UPTIME
from tradmetrics.model.definition import MetricDefinition

RATE: Final = "$__rate_interval"
RANGE: Final = "$__range"
STEP: Final = "$__interval"
"""The distance between two points of a curve: windows of this length neither overlap nor leave a gap."""
QUANTILES: Final = (0.5, 0.9, 0.99)
# A label of the metric that a variable of every dashboard chooses from.
_VARIABLES: Final = ("job", "instance", "strategy")
# The programs of the stack that Prometheus scrapes beside the bots.
_NO_BOTS: Final = ("alertmanager", "node_exporter", "prometheus")
BOT: Final = "instance"
"""The label that keeps bots apart."""


def chosen(*, strategy: bool = False) -> tuple[Matcher, ...]:
    """Return the conditions for the job, the instance and, if asked for, the strategy that the reader chose."""
    names = _VARIABLES if strategy else _VARIABLES[:2]
    return tuple(Matcher(name, "=~", f"${name}") for name in names)


def select(
    definition: MetricDefinition, suffix: str = "", *, where: tuple[Matcher, ...] = (), window: str = ""
) -> Selector:
    """Select a metric's series for the job, instance and (where it has the label) strategy that are chosen.

    Args:
        definition: The metric, from the catalogue.
        suffix: `_bucket`, `_sum` or `_count` of a histogram.
        where: Further conditions.
        window: How long to look back; empty for the newest value.

    Returns:
        A selector.
    """
    matchers = chosen(strategy="strategy" in definition.label_names)
    return Selector(f"{definition.name}{suffix}", (*matchers, *where), window)


def total(definition: MetricDefinition, by: str = "") -> Aggregate:
    """Sum a gauge, or a counter's whole count, by labels."""
    return aggregated("sum", select(definition), by)


def largest(definition: MetricDefinition, by: str = "") -> Aggregate:
    """Take the largest value by labels."""
    return aggregated("max", select(definition), by)


def smallest(definition: MetricDefinition, by: str = "") -> Aggregate:
    """Take the smallest value by labels."""
    return aggregated("min", select(definition), by)


def mean(definition: MetricDefinition, by: str = "") -> Aggregate:
    """Take the mean by labels."""
    return aggregated("avg", select(definition), by)


def per_second(
    definition: MetricDefinition,
    by: str = "",
    *,
    suffix: str = "",
    where: tuple[Matcher, ...] = (),
    window: str = RATE,
) -> Aggregate:
    """Count by labels and second. Give the window of an alert where its threshold is drawn."""
    return aggregated("sum", FunctionCall("rate", (select(definition, suffix, where=where, window=window),)), by)


def occurrences(definition: MetricDefinition, by: str = "", *, suffix: str = "", window: str = RATE) -> Aggregate:
    """Count exactly, by labels over a window, the first of its kind included; see `alerts.definitions.risen`.

    Args:
        definition: The counter, or a histogram with `suffix`.
        by: Labels to keep, separated by commas.
        suffix: `_bucket` or `_count` of a histogram.
        window: How long to look back.

    Returns:
        An expression, in units of the counter.
    """
    return aggregated("sum", parse(risen(str(select(definition, suffix)), str(select(SYSTEM_UPTIME)), window)), by)


def in_range(definition: MetricDefinition, by: str = "") -> Binary:
    """Count over the time that the dashboard shows: 0, and not nothing, when there was none and the bot is there."""
    none = Binary("*", Number(0), total(SYSTEM_UPTIME, by))
    return Binary("or", occurrences(definition, by, window=RANGE), none)


def quantile(q: float, definition: MetricDefinition, by: str = "", *, window: str = RATE) -> FunctionCall:
    """Estimate a quantile of a histogram by labels.

    Args:
        q: The quantile, 0 to 1.
        definition: The histogram.
        by: Labels to keep, separated by commas.
        window: How long to look back.

    Returns:
        An expression in the histogram's own unit.
    """
    labels = f"{by}, le" if by else "le"
    return FunctionCall(
        "histogram_quantile", (Number(q), per_second(definition, labels, suffix="_bucket", window=window))
    )


def buckets(definition: MetricDefinition) -> Aggregate:
    """Count what fell into each bucket of a histogram between two points of a heatmap: each event once."""
    return occurrences(definition, "le", suffix="_bucket", window=STEP)


def ratio(part: Expression, whole: Expression) -> Binary:
    """Divide two expressions with the same labels."""
    return Binary("/", part, whole)


def age(expression: Expression) -> Binary:
    """Return the seconds since a time."""
    return Binary("-", FunctionCall("time"), expression)


def most(number: int, expression: Expression) -> Aggregate:
    """Keep the series with the largest values."""
    return Aggregate("topk", expression, parameter=Number(number))


def aggregated(operator: str, expression: Expression, by: str = "") -> Aggregate:
    """Aggregate by labels, separated by commas."""
    labels = tuple(name.strip() for name in by.split(",")) if by else None
    return Aggregate(operator, expression, labels)


def up(by: str = BOT) -> Aggregate:
    """Tell whether each target could be scraped."""
    return aggregated("max", Selector("up", chosen()), by)


def bots_up(by: str = BOT) -> Aggregate:
    """Tell whether each bot could be scraped: each target but those of another program."""
    none = parse(" or ".join(str(Selector(f"{name}_build_info", chosen())) for name in _NO_BOTS))
    bots = parse(f"{Selector('up', chosen())} unless on (job, instance) ({none})")
    return aggregated("max", bots, by)
