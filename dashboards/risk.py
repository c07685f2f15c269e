"""Risk and capital: the breaker, drawdown, limits that were touched, and what is left to trade with."""

from typing import Any

from dashboards.frame import Row, render
from dashboards.limits import above, below
from dashboards.main import BREAKER
from dashboards.panels import MOMENT, Panel, lines, number, timeline
from dashboards.queries import in_range, occurrences, select, total
from tradmetrics import catalogue as c


def build() -> dict[str, Any]:
    """Build the dashboard."""
    return render(
        "tradmetrics-risk",
        "Risk and capital",
        "The circuit breaker, drawdown, risk limits, capital and margin.",
        [Row("Risk", _risk()), Row("Capital", _capital()), Row("Margin", _margin())],
    )


def _risk() -> list[Panel]:
    return [
        timeline(
            "Circuit breaker",
            "When trading was stopped. A trip between two scrapes shows in the trips only.",
            (select(c.CIRCUIT_BREAKER_ACTIVE), "{{instance}}"),
            states=BREAKER,
        ),
        lines(
            "Circuit breaker trips",
            f"Trips, by reason; {MOMENT}",
            "short",
            (occurrences(c.CIRCUIT_BREAKER_TRIGGERS, "reason"), "{{reason}}"),
            minimum=0,
        ),
        number(
            "Trips in the time shown",
            "Trips of the circuit breaker in the time shown.",
            "short",
            in_range(c.CIRCUIT_BREAKER_TRIGGERS),
            limits=[(1, "orange"), *above("CircuitBreakerFlapping")],
            decimals=0,
            span=12,
        ),
        number(
            "Breaches in the time shown",
            "Risk checks that failed in the time shown.",
            "short",
            in_range(c.RISK_LIMIT_BREACHES),
            limits=[(1, "orange")],
            decimals=0,
            span=12,
        ),
        lines(
            "Drawdown",
            "Largest fall from a peak of equity, in percent; dashed: the alert's threshold.",
            "percent",
            (select(c.MAX_DRAWDOWN), "{{instance}}"),
            span=8,
            limits=above("HighDrawdown"),
            minimum=0,
        ),
        lines(
            "Daily P&L of capital",
            "Profit or loss of the day, in percent of capital; dashed: the alert's threshold.",
            "percent",
            (select(c.DAILY_PNL_PERCENT), "{{instance}}"),
            span=8,
            limits=below("HighDailyLossPercent"),
        ),
        lines(
            "Risk limits",
            f"Risk checks that failed, by limit; {MOMENT}",
            "short",
            (occurrences(c.RISK_LIMIT_BREACHES, "limit_type"), "{{limit_type}}"),
            span=8,
            minimum=0,
        ),
    ]


def _capital() -> list[Panel]:
    return [
        lines(
            "Capital",
            "Capital of the account, in use, and free.",
            "locale",
            (total(c.CAPITAL_TOTAL), "total"),
            (total(c.CAPITAL_USED), "used"),
            (total(c.CAPITAL_AVAILABLE), "available"),
            minimum=0,
        ),
        lines(
            "Capital in use",
            "Capital in use, in percent; dashed: the alert's threshold.",
            "percent",
            (select(c.CAPITAL_UTILIZATION), "{{instance}}"),
            limits=above("HighCapitalUtilization"),
            minimum=0,
        ),
    ]


def _margin() -> list[Panel]:
    free, used = total(c.MARGIN_AVAILABLE), total(c.MARGIN_USED)
    return [
        lines(
            "Margin",
            "Margin that open positions hold, and that is free.",
            "locale",
            (used, "used"),
            (free, "available"),
            stacked=True,
            minimum=0,
        ),
        lines(
            "Free margin",
            "Free margin among all margin; dashed: the alert's threshold.",
            "percentunit",
            (f"{free}\n/ ({free} + {used})", "free"),
            limits=below("LowMargin"),
            minimum=0,
        ),
    ]
