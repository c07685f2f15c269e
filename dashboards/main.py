"""Trading System - Main Dashboard: is it trading, is it making money, is anything wrong."""

from typing import Any

from dashboards.frame import Row, render
from dashboards.limits import above, below, limit
from dashboards.panels import MOMENT, PER_SECOND, Panel, lines, number, quantiles
from dashboards.queries import in_range, occurrences, per_second, ratio, select, total
from tradmetrics import catalogue as c

BREAKER = {0: ("Trading", "green"), 1: ("Stopped", "red")}
SESSION = {0: ("Closed", "blue"), 1: ("Open", "green")}


def build() -> dict[str, Any]:
    """Build the dashboard."""
    return render(
        "tradmetrics-main",
        "Trading System - Main Dashboard",
        "Profit and loss, positions, orders and the circuit breaker at a glance.",
        [
            Row("At a glance", _glance()),
            Row("Profit and loss", _pnl()),
            Row("Positions and trades", _trades()),
            Row("Orders", _orders()),
        ],
    )


def _glance() -> list[Panel]:
    rejected = ratio(in_range(c.ORDERS_REJECTED), f"({in_range(c.ORDERS_SUBMITTED)} > 0)")
    return [
        number(
            "Circuit breaker",
            "Stopped while any instance's breaker is active.",
            "none",
            f"max({select(c.CIRCUIT_BREAKER_ACTIVE)})",
            states=BREAKER,
        ),
        number(
            "Session",
            "Whether the market's session is open. Alerts about trading are muted while it is closed.",
            "none",
            f"max({select(c.MARKET_SESSION_OPEN)})",
            states=SESSION,
        ),
        number(
            "Daily P&L",
            "Profit or loss of the trading day, in the account's currency; red past the alert's threshold.",
            "locale",
            total(c.DAILY_PNL),
            limits=[(float("-inf"), "red"), (limit("HighDailyLoss"), "orange"), (0, "green")],
        ),
        number(
            "Daily P&L of capital",
            "Profit or loss of the trading day, in percent of capital.",
            "percent",
            f"avg({select(c.DAILY_PNL_PERCENT)})",
            limits=[(float("-inf"), "red"), (limit("HighDailyLossPercent"), "orange"), (0, "green")],
        ),
        number("Open positions", "Positions that are open now.", "short", total(c.POSITIONS_OPEN)),
        number(
            "Alerts firing",
            "Alerts of this Prometheus that fire now.",
            "short",
            'count(ALERTS{alertstate="firing"}) or vector(0)',
            limits=[(1, "red")],
        ),
        number("Orders submitted", "Orders sent in the time shown.", "short", in_range(c.ORDERS_SUBMITTED), decimals=0),
        number("Orders filled", "Orders filled in the time shown.", "short", in_range(c.ORDERS_FILLED), decimals=0),
        number(
            "Rejected",
            "Rejected orders among the submitted ones, in the time shown.",
            "percentunit",
            rejected,
            limits=above("HighOrderRejectionRate"),
        ),
        number(
            "Capital in use",
            "Capital in use, in percent.",
            "percent",
            f"max({select(c.CAPITAL_UTILIZATION)})",
            limits=above("HighCapitalUtilization"),
        ),
        number(
            "Stale symbols",
            "Symbols without an update for longer than their limit.",
            "short",
            total(c.MARKET_DATA_STALE),
            limits=above("StaleMarketData"),
        ),
        number(
            "Uptime",
            "Time since the youngest instance started.",
            "s",
            f"min({select(c.SYSTEM_UPTIME)})",
        ),
    ]


def _pnl() -> list[Panel]:
    return [
        lines(
            "Profit and loss",
            "Of the day, of closed positions, and of open positions; dashed: the alert on the day's loss.",
            "locale",
            (total(c.DAILY_PNL), "daily"),
            (total(c.REALIZED_PNL), "realized"),
            (total(c.UNREALIZED_PNL), "unrealized"),
            limits=below("HighDailyLoss"),
        ),
        lines(
            "Change of the day's P&L per minute",
            "How much the day's profit or loss moved within a minute.",
            "locale",
            (f"sum(delta({select(c.DAILY_PNL)}[1m]))", "per minute"),
        ),
    ]


def _trades() -> list[Panel]:
    return [
        lines(
            "Open positions",
            "Open positions by strategy.",
            "short",
            (total(c.POSITIONS_OPEN, "strategy"), "{{strategy}}"),
            span=8,
            stacked=True,
            minimum=0,
        ),
        lines(
            "Trades",
            "Trades a second by outcome.",
            PER_SECOND,
            (per_second(c.TRADES, "status"), "{{status}}"),
            span=8,
            stacked=True,
            minimum=0,
        ),
        lines(
            "Circuit breaker trips",
            f"Trips by reason, those between two scrapes included; {MOMENT}",
            "short",
            (occurrences(c.CIRCUIT_BREAKER_TRIGGERS, "reason"), "{{reason}}"),
            span=8,
            minimum=0,
        ),
    ]


def _orders() -> list[Panel]:
    return [
        lines(
            "Orders by outcome",
            "Orders a second: submitted, and what became of them.",
            PER_SECOND,
            (per_second(c.ORDERS_SUBMITTED), "submitted"),
            (per_second(c.ORDERS_FILLED), "filled"),
            (per_second(c.ORDERS_REJECTED), "rejected"),
            (per_second(c.ORDERS_CANCELLED), "cancelled"),
            (per_second(c.ORDERS_UNKNOWN), "unknown"),
            minimum=0,
        ),
        quantiles(c.ORDER_FILL_TIME, "Fill time", "Time from submitting an order to its complete fill."),
    ]
