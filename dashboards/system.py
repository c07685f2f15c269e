"""System and instrumentation: errors, connections, API calls, and whether the metrics can be trusted."""

from typing import Any

from dashboards.frame import Row, render
from dashboards.limits import above, compared, setting
from dashboards.main import UP
from dashboards.panels import MOMENT, PER_SECOND, Panel, lines, number, quantiles, spread, timeline
from dashboards.queries import age, chosen, in_range, largest, most, occurrences, per_second, ratio, select, total, up
from tradmetrics import catalogue as c
from tradmetrics.board.query import Selector


def build() -> dict[str, Any]:
    """Build the dashboard."""
    return render(
        "tradmetrics-system",
        "System and instrumentation",
        "Errors, connections and API calls of the system, and the health of its metrics.",
        [
            Row("System", _system()),
            Row("Streams and loops", _streams()),
            Row("API", _api()),
            Row("Instrumentation", _instrumentation()),
        ],
    )


def _system() -> list[Panel]:
    return [
        timeline(
            "Scraped",
            "Whether Prometheus could scrape the target.",
            (up(), "{{instance}}"),
            states=UP,
            span=8,
        ),
        lines("Uptime", "Time since the metrics were set up.", "s", (select(c.SYSTEM_UPTIME), "{{instance}}"), span=8),
        lines(
            "WebSocket connections",
            "Live WebSocket connections.",
            "locale",
            (select(c.WEBSOCKET_CONNECTIONS), "{{instance}}"),
            span=8,
            minimum=0,
        ),
        lines(
            "Errors",
            "Errors of the trading system a second, by component; dashed: the alert's threshold.",
            PER_SECOND,
            (compared("HighErrorRate"), "{{instance}} {{component}}"),
            limits=above("HighErrorRate"),
            minimum=0,
        ),
        lines(
            "Scrape",
            "How long a scrape takes.",
            "s",
            (Selector("scrape_duration_seconds", chosen()), "{{instance}}"),
            minimum=0,
        ),
    ]


def _api() -> list[Panel]:
    within = setting("HighApiErrorRatio", "window")
    return [
        lines(
            "Requests",
            "API requests a second, by method and endpoint.",
            PER_SECOND,
            (per_second(c.API_REQUESTS, "endpoint, method"), "{{method}} {{endpoint}}"),
            span=8,
            minimum=0,
        ),
        lines(
            "Requests by status",
            "API requests a second, by status.",
            PER_SECOND,
            (per_second(c.API_REQUESTS, "status"), "{{status}}"),
            span=8,
            stacked=True,
            minimum=0,
        ),
        lines(
            "Failed requests",
            f"Failed API requests among all within {within}, by endpoint; dashed: the alert's threshold.",
            "percentunit",
            (
                compared("HighApiErrorRatio"),
                "{{instance}} {{endpoint}}",
            ),
            span=8,
            limits=above("HighApiErrorRatio"),
            minimum=0,
        ),
        quantiles(
            c.API_REQUEST_DURATION,
            "Request time",
            "Time that API requests took; dashed: the alert's threshold.",
            span=8,
            limits=above("HighApiLatency"),
        ),
        spread(c.API_REQUEST_DURATION, "Request times", "How many API requests took how long.", span=8),
        lines(
            "99th percentile by endpoint",
            "One request in a hundred takes longer than this; dashed: the alert's threshold.",
            "s",
            (compared("HighApiLatency"), "{{instance}} {{endpoint}}"),
            span=8,
            limits=above("HighApiLatency"),
        ),
    ]


def _instrumentation() -> list[Panel]:
    return [
        number("Series", "Series that the metrics have now.", "locale", total(c.SERIES), span=8, decimals=0),
        number(
            "Values without a place",
            "Label values recorded as __other__ in the time shown.",
            "locale",
            in_range(c.LABEL_OVERFLOW),
            span=8,
            limits=[(1, "orange")],
            decimals=0,
        ),
        number(
            "Instrumentation errors",
            "Errors inside the instrumentation, kept from the caller, in the time shown.",
            "locale",
            in_range(c.INSTRUMENTATION_ERRORS),
            span=8,
            limits=[(1, "orange")],
            decimals=0,
        ),
        lines(
            "Series by metric",
            "Series of the ten metrics that have the most.",
            "locale",
            (most(10, total(c.SERIES, "metric")), "{{metric}}"),
            minimum=0,
        ),
        lines(
            "Budget in use",
            "Series among those that a metric may have, for the ten that are nearest to their limit.",
            "percentunit",
            (most(10, ratio(total(c.SERIES, "metric"), total(c.SERIES_LIMIT, "metric"))), "{{metric}}"),
            limits=[(0.8, "orange"), (1, "red")],
            minimum=0,
        ),
        lines(
            "Values without a place",
            f"Label values that were recorded as __other__, by metric and label; {MOMENT}",
            "locale",
            (occurrences(c.LABEL_OVERFLOW, "metric, label"), "{{metric}} {{label}}"),
            span=8,
            minimum=0,
        ),
        lines(
            "Errors by site",
            f"Errors inside the instrumentation, by site and stage; {MOMENT}",
            "locale",
            (occurrences(c.INSTRUMENTATION_ERRORS, "site, stage"), "{{site}} {{stage}}"),
            span=8,
            minimum=0,
        ),
        lines(
            "Counts of removed series",
            f"Counts that series held when they were removed, by cause; {MOMENT}",
            "locale",
            (occurrences(c.SERIES_REMOVED, "metric, cause"), "{{metric}} {{cause}}"),
            span=8,
            minimum=0,
        ),
        timeline(
            "Labels without a source",
            "Labels that read unknown, because the decorator finds no parameter or result to read them from.",
            (largest(c.UNSOURCED_LABELS, "site, label"), "{{site}} {{label}}"),
            states={0: ("found", "green"), 1: ("no source", "orange")},
            span=24,
        ),
        timeline(
            "Decorated functions",
            "Functions that have been called since the bot started, and those that no call has reached yet.",
            (largest(c.FUNCTION_CALLED, "site"), "{{site}}"),
            states={0: ("not called", "orange"), 1: ("called", "green")},
        ),
        lines(
            "Calls by function",
            "Calls of the ten functions that are called most; bots count them with TRADMETRICS_COUNT_CALLS=1.",
            "cps",
            (most(10, per_second(c.FUNCTION_CALLS, "site")), "{{site}}"),
            minimum=0,
        ),
        lines(
            "Last errors",
            "Time since the last error inside the instrumentation of each function, with its message.",
            "s",
            (age(largest(c.LAST_ERROR, "site, message")), "{{site}}: {{message}}"),
            span=24,
            minimum=0,
        ),
    ]


def _streams() -> list[Panel]:
    return [
        timeline(
            "Streams",
            "Which connections of each bot are up.",
            (largest(c.STREAM_CONNECTED, "instance, stream"), "{{instance}} {{stream}}"),
            states=UP,
            span=8,
        ),
        lines(
            "Connections made",
            f"How often a stream connected, by stream; more than once is a reconnect; {MOMENT}",
            "locale",
            (occurrences(c.STREAM_CONNECTS, "stream"), "{{stream}}"),
            span=8,
            minimum=0,
        ),
        lines(
            "Since the last heartbeat",
            "Time since each loop last called heartbeat(); it rises while a loop hangs; dashed: the alert's threshold.",
            "s",
            (compared("HeartbeatLate"), "{{instance}} {{loop}}"),
            limits=above("HeartbeatLate"),
            span=8,
            minimum=0,
        ),
        lines(
            "Since the last sample",
            "Time since the sampler last ran each function with success, or since the bot's start; dashed: the alert's "
            "threshold.",
            "s",
            (compared("SamplerLate"), "{{instance}} {{function}}"),
            limits=above("SamplerLate"),
            minimum=0,
        ),
        timeline(
            "Versions",
            "Which version of each bot ran when.",
            (largest(c.BUILD_INFO, "instance, version"), "{{instance}} {{version}}"),
            states={1: ("runs", "blue")},
        ),
    ]
