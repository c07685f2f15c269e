"""Risk and capital: the breaker, drawdown, limits that orders touched, and the free capital."""

from typing import Any

from dashboards.frame import Row, render
from dashboards.limits import above, below, compared
from dashboards.main import BREAKER
from dashboards.panels import MOMENT, Panel, lines, number, timeline
from dashboards.queries import BOT, RANGE, in_range, largest, occurrences, select, total
from dashboards.tables import counted
from tradmetrics import catalogue as c
from tradmetrics.board.query import Binary, FunctionCall, Negate, Number


def build() -> dict[str, Any]:
    """Build the dashboard."""
    return render(
        "tradmetrics-risk",
        "Risk and capital",
        "The circuit breaker, drawdown, risk limits, capital and margin.",
        [
            Row("Risk", _risk()),
            Row("Equity", _equity()),
            Row("Capital", _capital()),
            Row("Margin", _margin()),
            Row("Cash and positions", _cash()),
        ],
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
            "locale",
            (occurrences(c.CIRCUIT_BREAKER_TRIGGERS, "reason"), "{{reason}}"),
            minimum=0,
        ),
        number(
            "Trips in the time shown",
            "Trips of the circuit breaker in the time shown.",
            "locale",
            in_range(c.CIRCUIT_BREAKER_TRIGGERS),
            limits=[(1, "orange"), *above("CircuitBreakerFlapping")],
            decimals=0,
            span=12,
        ),
        number(
            "Breaches in the time shown",
            "Risk checks that failed in the time shown.",
            "locale",
            in_range(c.RISK_LIMIT_BREACHES),
            limits=[(1, "orange")],
            decimals=0,
            span=12,
        ),
        lines(
            "Drawdown",
            "Largest fall from a peak of equity, in percent; dashed: the alert's threshold.",
            "percent",
            (compared("HighDrawdown"), "{{instance}}"),
            span=8,
            limits=above("HighDrawdown"),
            minimum=0,
        ),
        lines(
            "Daily P&L of capital",
            "Profit or loss of the day, in percent of capital; dashed: the alert's threshold.",
            "percent",
            (compared("HighDailyLossPercent"), "{{instance}}"),
            span=8,
            limits=below("HighDailyLossPercent"),
        ),
        lines(
            "Risk limits",
            f"Risk checks that failed, by limit; {MOMENT}",
            "locale",
            (occurrences(c.RISK_LIMIT_BREACHES, "limit_type"), "{{limit_type}}"),
            span=8,
            minimum=0,
        ),
    ]


def _equity() -> list[Panel]:
    peak = FunctionCall("max_over_time", (select(c.CAPITAL_TOTAL, window=RANGE),))
    fall = Binary("-", Number(1), Binary("/", select(c.CAPITAL_TOTAL), peak))
    return [
        lines(
            "Equity",
            "Capital of each account with its open positions, as the bot reports it: the equity curve.",
            "locale",
            (total(c.CAPITAL_TOTAL, BOT), "{{instance}}"),
        ),
        lines(
            "Below the peak",
            "How far the equity of each bot lies below its highest value so far, within the chosen range.",
            "percentunit",
            (fall, "{{instance}}"),
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
            (compared("HighCapitalUtilization"), "{{instance}}"),
            limits=above("HighCapitalUtilization"),
            minimum=0,
        ),
    ]


def _margin() -> list[Panel]:
    return [
        lines(
            "Margin",
            "Margin that open positions hold, and that is free.",
            "locale",
            (total(c.MARGIN_USED), "used"),
            (total(c.MARGIN_AVAILABLE), "available"),
            stacked=True,
            minimum=0,
        ),
        lines(
            "Free margin",
            "Free margin among all margin; dashed: the alert's threshold.",
            "percentunit",
            (compared("LowMargin"), "{{instance}}"),
            limits=below("LowMargin"),
            minimum=0,
        ),
    ]


def _cash() -> list[Panel]:
    net = Binary("-", total(c.CASH_RECEIVED, "kind"), total(c.CASH_PAID, "kind"))
    return [
        lines(
            "Cash flows",
            "Funding, fees, interest, dividends and transfers: received less paid since the counters began, by kind.",
            "locale",
            (counted(counted(net, total(c.CASH_RECEIVED, "kind")), _paid()), "{{kind}}"),
            span=8,
        ),
        lines(
            "Fees and other cash paid",
            f"Money paid out, by strategy and kind; {MOMENT}",
            "locale",
            (occurrences(c.CASH_PAID, "strategy, kind"), "{{strategy}} {{kind}}"),
            span=8,
            minimum=0,
        ),
        lines(
            "Position drift",
            "Quantity at the broker less the quantity that the bot expects, by symbol; look into anything but 0.",
            "locale",
            (largest(c.POSITION_DRIFT, "instance, symbol"), "{{instance}} {{symbol}}"),
            span=8,
        ),
    ]


def _paid() -> Negate:
    return Negate(total(c.CASH_PAID, "kind"))
