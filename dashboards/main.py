"""Trading System - Main Dashboard: is it trading, is it making money, is anything wrong."""

from typing import Any

from dashboards import limits
from dashboards.frame import Row, render
from dashboards.limits import above, below, compared, limit
from dashboards.panels import MOMENT, PER_SECOND, Panel, lines, number, quantiles
from dashboards.queries import (
    BOT,
    age,
    aggregated,
    bots_up,
    in_range,
    largest,
    occurrences,
    per_second,
    ratio,
    select,
    smallest,
    total,
)
from dashboards.tables import Column, alerts_firing, counted, firing, side_by_side
from tradmetrics import catalogue as c
from tradmetrics.board.query import Binary, Expression, FunctionCall, Number

BOT_NAME = "{{instance}}"
BREAKER = {0: ("Trading", "green"), 1: ("Stopped", "red")}
UP = {0: ("Down", "red"), 1: ("Up", "green")}
SESSION = {0: ("Closed", "blue"), 1: ("Open", "green")}


def build() -> dict[str, Any]:
    """Build the dashboard."""
    return render(
        "tradmetrics-main",
        "Trading System - Main Dashboard",
        "Profit and loss, positions, orders and the circuit breaker at a glance.",
        [
            Row("At a glance", _glance()),
            Row("Bots and alerts", _bots()),
            Row("Profit and loss", _pnl()),
            Row("Positions and trades", _trades()),
            Row("Orders", _orders()),
        ],
    )


def _glance() -> list[Panel]:
    return [
        number(
            "Up",
            "Whether each bot answers scrapes now; red when a bot is dead or cannot be reached.",
            "none",
            bots_up(),
            states=UP,
            legend=BOT_NAME,
            span=4,
        ),
        number(
            "Circuit breaker",
            "Stopped while any instance's breaker is active.",
            "none",
            largest(c.CIRCUIT_BREAKER_ACTIVE),
            states=BREAKER,
        ),
        number(
            "Session",
            "Whether the market's session is open, for each bot. Alerts about trading are muted while it is closed.",
            "none",
            largest(c.MARKET_SESSION_OPEN, BOT),
            states=SESSION,
            legend=BOT_NAME,
        ),
        number(
            "Daily P&L",
            "Profit or loss of the trading day of each bot, in its account's currency; red past the alert's threshold.",
            "locale",
            total(c.DAILY_PNL, BOT),
            legend=BOT_NAME,
            decimals=0,
            limits=_money(),
        ),
        number(
            "Daily P&L of capital",
            "Profit or loss of the trading day of each bot, in percent of capital; red past the alert's threshold.",
            "percent",
            largest(c.DAILY_PNL_PERCENT, BOT),
            legend=BOT_NAME,
            decimals=2,
            limits=[(float("-inf"), "red"), (limit("HighDailyLossPercent"), "orange"), (0, "green")],
        ),
        number("Open positions", "Positions that are open now.", "locale", total(c.POSITIONS_OPEN), decimals=0),
        number(
            "Alerts firing",
            "Alerts of this project that fire now, for the job and the instance that are chosen.",
            "locale",
            counted(aggregated("count", alerts_firing()), FunctionCall("vector", (Number(0),))),
            decimals=0,
            limits=[(1, "red")],
        ),
        number(
            "Orders submitted", "Orders sent in the time shown.", "locale", in_range(c.ORDERS_SUBMITTED), decimals=0
        ),
        number("Orders filled", "Orders filled in the time shown.", "locale", in_range(c.ORDERS_FILLED), decimals=0),
        number(
            "Rejected",
            "Rejected orders among the submitted ones, in the time shown.",
            "percentunit",
            ratio(
                in_range(c.ORDERS_REJECTED),
                Binary(">", in_range(c.ORDERS_SUBMITTED), Number(0)),
            ),
            decimals=1,
            limits=above("HighOrderRejectionRate"),
        ),
        number(
            "Capital in use",
            "Capital in use of each bot, in percent; red past the alert's threshold.",
            "percent",
            largest(c.CAPITAL_UTILIZATION, BOT),
            legend=BOT_NAME,
            decimals=1,
            limits=above("HighCapitalUtilization"),
        ),
        number(
            "Stale symbols",
            "Symbols of each bot without an update for longer than their limit; red past the alert's threshold.",
            "locale",
            total(c.MARKET_DATA_STALE, BOT),
            legend=BOT_NAME,
            decimals=0,
            limits=above("StaleMarketData"),
        ),
        number(
            "Uptime",
            "Time since the youngest instance started.",
            "s",
            smallest(c.SYSTEM_UPTIME),
            span=8,
        ),
        number(
            "Age of the market data",
            "Time since the newest update of each bot; red past the alert's threshold.",
            "s",
            age(largest(c.MARKET_DATA_LAST_UPDATE, BOT)),
            legend=BOT_NAME,
            limits=above("MarketDataSilent"),
            decimals=1,
            span=8,
        ),
        number(
            "Drawdown",
            "Largest fall of each bot's equity from its peak, in percent; red past the alert's threshold.",
            "percent",
            largest(c.MAX_DRAWDOWN, BOT),
            legend=BOT_NAME,
            limits=above("HighDrawdown"),
            decimals=2,
            span=8,
        ),
    ]


def _bots() -> list[Panel]:
    return [
        side_by_side(
            "Bots side by side",
            "A line for each bot: whether it answers, what it made today, what it holds and sends, and how old its "
            "market data is. A click on a name shows that bot alone.",
            [
                Column("Up", bots_up(), "none", states=UP),
                Column("P&L today", total(c.DAILY_PNL, BOT), limits=_money(), decimals=0),
                Column("Positions", total(c.POSITIONS_OPEN, BOT), decimals=0),
                Column("Open orders", total(c.ORDERS_OPEN, BOT), decimals=0),
                Column("Rejects", in_range(c.ORDERS_REJECTED, BOT), limits=[(1, "orange")], decimals=0),
                Column(
                    "Age of data",
                    age(largest(c.MARKET_DATA_LAST_UPDATE, BOT)),
                    "s",
                    limits=above("MarketDataSilent"),
                    decimals=1,
                ),
                Column("Uptime", largest(c.SYSTEM_UPTIME, BOT), "s"),
            ],
            span=14,
        ),
        firing(
            "Alerts that fire",
            "The project's alerts that fire now, for the job and the instance that are chosen. A click on a name "
            "opens its runbook.",
            str(limits.docs()),
            span=10,
        ),
    ]


def _money() -> list[tuple[float, str]]:
    return [(float("-inf"), "red"), (limit("HighDailyLoss"), "orange"), (0, "green")]


def _pnl() -> list[Panel]:
    return [
        lines(
            "Profit and loss",
            "Of the day, of closed and of open positions, for each bot; dashed: the alert on the day's loss.",
            "locale",
            (compared("HighDailyLoss"), f"{BOT_NAME} daily"),
            (total(c.REALIZED_PNL, BOT), f"{BOT_NAME} realized"),
            (total(c.UNREALIZED_PNL, BOT), f"{BOT_NAME} unrealized"),
            limits=below("HighDailyLoss"),
        ),
        lines(
            "Change of the day's P&L per minute",
            "How much the day's profit or loss moved within a minute.",
            "locale",
            (_change(), "per minute"),
        ),
    ]


def _change() -> Expression:
    return aggregated("sum", FunctionCall("delta", (select(c.DAILY_PNL, window="1m"),)))


def _trades() -> list[Panel]:
    return [
        lines(
            "Open positions",
            "Open positions by strategy.",
            "locale",
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
            "locale",
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
