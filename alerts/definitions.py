"""The alerts and recording rules: what is compared with what, and what to tell the person who is woken.

Texts are templates: `@CONSTANT` stands for the metric that `tradmetrics.catalogue` keeps under that name, and
`@word` for a setting of the alert (`@threshold`, `@window`, …) in settings.yml. `{{ … }}` is Prometheus's own
template language and is left to Prometheus.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Alert:
    """One alerting rule, before its settings are filled in.

    Attributes:
        name: The alert's name, which is also the name of its runbook page.
        expression: The PromQL condition. Session muting is added by the generator.
        summary: One line for a phone's screen.
        description: What is wrong, with the value and the threshold.
    """

    name: str
    expression: str
    summary: str
    description: str


@dataclass(frozen=True)
class Recording:
    """One recording rule: the name under which the answer of an expression is stored."""

    name: str
    expression: str


def risen(counter: str, uptime: str, window: str) -> str:
    """Build the expression of how much each series of a counter rose within a window, its first appearance included.

    `increase()` alone misses what a labelled counter held when it first appeared, which is all there is to see of
    the first reject for a new reason. A series that was not there before the window counts with all that it holds,
    if the system was there then, or was started since: after a gap between scrapes nothing looks new, nor when
    Prometheus is started later than the system. What it holds counts to the end of the window although the system has
    gone since: its last order may be live all the same. Where `increase()` knows of more, from before a restart, that
    counts.

    Args:
        counter: Selector of the counter.
        uptime: Selector of the system's uptime.
        window: How long to look back.

    Returns:
        The expression, whose series have the counter's labels.
    """
    increase, last = f"increase({counter}[{window}])", f"last_over_time({counter}[{window}])"
    new = f"{last} unless {counter} offset {window}"
    there = f"{uptime} offset {window} or min_over_time({uptime}[{window}]) < 60"
    return f"{increase} > {last} or {new} and on (job, instance) ({there}) or {increase}"


def rise(metric: str, by: str = "") -> str:
    """Build the expression of how much a counter rose within the window, see `risen`.

    Args:
        metric: Name of the counter, as a template.
        by: Further labels to keep beside job and instance, separated by commas.

    Returns:
        The expression, as a template with `@window`.
    """
    labels = f"job, instance, {by}" if by else "job, instance"
    return f"sum by ({labels}) ({risen(metric, '@SYSTEM_UPTIME', '@window')})"


def quantile(quantile: str, metric: str, by: str) -> str:
    """Build the expression of a quantile of a histogram.

    Args:
        quantile: The quantile, 0 to 1.
        metric: Name of the histogram, as a template.
        by: Labels to keep beside job and instance, separated by commas.

    Returns:
        The expression, as a template with `@window`.
    """
    return f"histogram_quantile({quantile}, sum by (job, instance, {by}, le) (rate(@{{{metric}}}_bucket[@window])))"


_REJECT_RATIO: Final = (
    "sum by (job, instance) (rate(@ORDERS_REJECTED[@window]))\n"
    "/ sum by (job, instance) (rate(@ORDERS_SUBMITTED[@window]))"
)
_ORDER_TO_TRADE: Final = (
    "sum by (job, instance) (increase(@ORDER_MESSAGES[@window]))\n"
    "/ sum by (job, instance) (increase(@ORDERS_FILLED[@window]))"
)
_API: Final = "job, instance, endpoint"

ALERTS: Final[dict[str, tuple[Alert, ...]]] = {
    "absence": (
        Alert(
            "ExporterDown",
            'up{job="@job"} == 0\nor absent(up{job="@job"})',
            "Prometheus cannot scrape the trading system",
            "The target {{ $labels.instance }} of the job @job is down or gone: nothing about trading is known.",
        ),
        Alert(
            "TradingMetricsAbsent",
            'up{job="@job"} == 1\nunless on (job, instance) @SYSTEM_UPTIME',
            "The trading system answers without its metrics",
            "{{ $labels.instance }} is up, but serves none of the trading metrics.",
        ),
    ),
    "risk": (
        Alert(
            "CircuitBreakerTriggered",
            "@CIRCUIT_BREAKER_ACTIVE == 1",
            "Trading has been stopped by the circuit breaker",
            "The circuit breaker of {{ $labels.instance }} is active: trading is halted.",
        ),
        Alert(
            "CircuitBreakerFlapping",
            f"{rise('@CIRCUIT_BREAKER_TRIGGERS')}\n> @threshold",
            "The circuit breaker trips again and again",
            "The circuit breaker of {{ $labels.instance }} tripped {{ $value | humanize }} times within @window.",
        ),
        Alert(
            "HighDailyLoss",
            "@DAILY_PNL < @threshold",
            "High daily loss",
            "The day's profit or loss of {{ $labels.instance }} is {{ $value | humanize }} (threshold: @threshold).",
        ),
        Alert(
            "HighDailyLossPercent",
            "@DAILY_PNL_PERCENT < @threshold",
            "High daily loss, in percent of capital",
            "The day's profit or loss of {{ $labels.instance }} is {{ $value | humanize }}% of capital "
            "(threshold: @threshold%).",
        ),
        Alert(
            "HighDrawdown",
            "@MAX_DRAWDOWN > @threshold",
            "Large drawdown",
            "Equity of {{ $labels.instance }} fell {{ $value | humanize }}% below its peak (threshold: @threshold%).",
        ),
        Alert(
            "HighCapitalUtilization",
            "@CAPITAL_UTILIZATION > @threshold",
            "Capital utilization is very high",
            "{{ $value | humanize }}% of the capital of {{ $labels.instance }} is in use (threshold: @threshold%).",
        ),
        Alert(
            "LowMargin",
            "@MARGIN_AVAILABLE / (@MARGIN_AVAILABLE + @MARGIN_USED) < @threshold",
            "Little margin is left",
            "{{ $value | humanizePercentage }} of the margin of {{ $labels.instance }} is free.",
        ),
    ),
    "orders": (
        Alert(
            "HighOrderRejectionRate",
            f"{_REJECT_RATIO}\n> @threshold",
            "High order rejection rate",
            "{{ $value | humanizePercentage }} of the orders of {{ $labels.instance }} were rejected within @window.",
        ),
        Alert(
            "OrderRejectBurst",
            f"{rise('@ORDERS_REJECTED', 'reason')}\n> @threshold",
            "Many orders are rejected for one reason",
            "{{ $value | humanize }} orders of {{ $labels.instance }} were rejected for {{ $labels.reason }} "
            "within @window (threshold: @threshold).",
        ),
        Alert(
            "OrderOutcomeUnknown",
            f"{rise('@ORDERS_UNKNOWN', 'strategy, reason')}\n> @threshold",
            "Nobody knows what became of an order",
            "{{ $value | humanize }} orders of {{ $labels.strategy }} on {{ $labels.instance }} ended in "
            "{{ $labels.reason }} within @window: they may be live at the broker.",
        ),
        Alert(
            "OpenOrdersStuck",
            "@ORDER_OLDEST_OPEN > @threshold",
            "An order has been open for too long",
            "The oldest open order of {{ $labels.strategy }} on {{ $labels.instance }} is "
            "{{ $value | humanizeDuration }} old.",
        ),
        Alert(
            "SubmittingWithoutFills",
            f"{rise('@ORDERS_SUBMITTED', 'strategy')}\n> @threshold\n"
            f"unless on (job, instance, strategy)\n{rise('@ORDERS_FILLED', 'strategy')} > 0",
            "Orders are sent and none is filled",
            "{{ $labels.strategy }} on {{ $labels.instance }} sent {{ $value | humanize }} orders within @window, and "
            "not one was filled.",
        ),
        Alert(
            "OrderRateNearLimit",
            'max_over_time(@ORDER_MESSAGE_RATE_MAX{window="1s"}[@window]) > @threshold',
            "The order rate is near the broker's limit",
            "{{ $labels.instance }} sent {{ $value }} order messages within one second (threshold: @threshold).",
        ),
        Alert(
            "HighOrderToTradeRatio",
            f"{_ORDER_TO_TRADE}\n> @threshold\n"
            "and on (job, instance) sum by (job, instance) (increase(@ORDER_MESSAGES[@window])) > @minimum",
            "Many order messages for few trades",
            "{{ $labels.instance }} sent {{ $value | humanize }} order messages for each filled order within @window "
            "(threshold: @threshold).",
        ),
    ),
    "market_data": (
        Alert(
            "StaleMarketData",
            "@MARKET_DATA_STALE > @threshold",
            "Several symbols have stale data",
            "{{ $value }} symbols of {{ $labels.instance }} have stale market data (threshold: @threshold).",
        ),
        Alert(
            "MarketDataSilent",
            "time() - max by (job, instance) (@MARKET_DATA_LAST_UPDATE) > @threshold",
            "The market data has gone silent",
            "{{ $labels.instance }} has had no update of any symbol for {{ $value | humanizeDuration }}.",
        ),
    ),
    "models": (
        Alert(
            "LowMLAccuracy",
            "@ML_MODEL_ACCURACY < @threshold",
            "The accuracy of a model is low",
            "The accuracy of {{ $labels.model }} on {{ $labels.instance }} is {{ $value | humanizePercentage }}.",
        ),
        Alert(
            "ModelStale",
            "time() - @ML_LAST_TRAINING > @threshold\nand @ML_LAST_TRAINING > 0",
            "The model was trained long ago",
            "The last training on {{ $labels.instance }} was {{ $value | humanizeDuration }} ago.",
        ),
    ),
    "system": (
        Alert(
            "HighErrorRate",
            # The alert has a label `severity` of its own, so the counter's must go: two severities past the threshold
            # at once would be two alerts with the same labels, which Prometheus refuses to evaluate.
            "sum without (severity) (rate(@SYSTEM_ERRORS[@window])) > @threshold",
            "High system error rate",
            "{{ $labels.component }} of {{ $labels.instance }} counts {{ $value | humanize }} errors a second "
            "(threshold: @threshold).",
        ),
        Alert(
            "WebSocketDown",
            "@WEBSOCKET_CONNECTIONS == 0\nand max_over_time(@WEBSOCKET_CONNECTIONS[@window]) > 0",
            "No WebSocket connection is up",
            "{{ $labels.instance }} had WebSocket connections within @window and has none now.",
        ),
        Alert(
            "HighApiErrorRatio",
            f'sum by ({_API}) (rate(@API_REQUESTS{{status=~"@failed"}}[@window]))\n'
            f"/ sum by ({_API}) (rate(@API_REQUESTS[@window]))\n> @threshold\n"
            f"and on ({_API}) sum by ({_API}) (increase(@API_REQUESTS[@window])) > @minimum",
            "Many API requests fail",
            "{{ $value | humanizePercentage }} of the requests to {{ $labels.endpoint }} from {{ $labels.instance }} "
            "failed within @window.",
        ),
        Alert(
            "HighApiLatency",
            f"{quantile('@quantile', 'API_REQUEST_DURATION', 'endpoint')}\n> @threshold",
            "API requests are slow",
            "The @quantile quantile of the requests to {{ $labels.endpoint }} from {{ $labels.instance }} takes "
            "{{ $value | humanizeDuration }}.",
        ),
    ),
    "instrumentation": (
        Alert(
            "LabelOverflow",
            f"{rise('@LABEL_OVERFLOW', 'metric, label')}\n> @threshold",
            "A label has run out of its budget",
            "{{ $value | humanize }} values of the label {{ $labels.label }} of {{ $labels.metric }} on "
            "{{ $labels.instance }} were recorded as __other__ within @window.",
        ),
        Alert(
            "InstrumentationErrors",
            f"{rise('@INSTRUMENTATION_ERRORS', 'site, stage')}\n> @threshold",
            "The instrumentation fails",
            "{{ $value | humanize }} errors at {{ $labels.site }}, stage {{ $labels.stage }}, were kept from "
            "the caller on {{ $labels.instance }} within @window.",
        ),
    ),
}
"""The alerts by the name of their rule file and group."""

# Named level:metric:operation, as https://prometheus.io/docs/practices/rules/ has it.
RECORDINGS: Final = (
    # The guide has rate() here, which is for counters: every fall of the gauge would have read as a reset.
    Recording("trading:daily_pnl:rate1m", "delta(@DAILY_PNL[@pnl_window])"),
    Recording("trading:order_fill_time_seconds:p50", quantile("0.5", "ORDER_FILL_TIME", "strategy")),
    Recording("trading:order_fill_time_seconds:p90", quantile("0.9", "ORDER_FILL_TIME", "strategy")),
    Recording("trading:order_fill_time_seconds:p99", quantile("0.99", "ORDER_FILL_TIME", "strategy")),
    Recording("trading:orders_rejected:ratio_rate5m", _REJECT_RATIO),
    Recording("trading:order_to_trade:ratio1h", _ORDER_TO_TRADE.replace("@window", "@trade_window")),
)
