"""Strategy detail: one strategy, or several side by side, chosen by the variable `$strategy`."""

from typing import Any

from dashboards.frame import Row, render
from dashboards.panels import MOMENT, PER_SECOND, Panel, lines, number, quantiles, spread
from dashboards.queries import in_range, mean, occurrences, per_second, total
from tradmetrics import catalogue as c
from tradmetrics.board.query import Binary


def build() -> dict[str, Any]:
    """Build the dashboard."""
    return render(
        "tradmetrics-strategy",
        "Strategy detail",
        "Performance, trades, orders and positions of the chosen strategies.",
        [Row("Performance", _performance()), Row("Trades", _trades()), Row("Orders and positions", _orders())],
    )


def _performance() -> list[Panel]:
    sign = [(float("-inf"), "red"), (0.0, "green")]
    return [
        number(
            "Trades today",
            "Trades since the trading day began.",
            "locale",
            total(c.STRATEGY_TRADES_TODAY),
            span=6,
            decimals=0,
        ),
        number(
            "Win rate",
            "Winning trades among those that won or lost, averaged over the chosen strategies.",
            "percentunit",
            mean(c.STRATEGY_WIN_RATE),
            span=6,
        ),
        number("Profit", "Sum of winning trades in the time shown.", "locale", in_range(c.PROFIT), span=6),
        number(
            "Loss",
            "Sum of losing trades in the time shown, as a positive amount.",
            "locale",
            in_range(c.LOSS),
            span=6,
            limits=[(0.01, "red")],
        ),
        lines(
            "Win rate",
            "Winning trades among those that won or lost.",
            "percentunit",
            (mean(c.STRATEGY_WIN_RATE, "strategy"), "{{strategy}}"),
            span=8,
            minimum=0,
        ),
        lines(
            "Average P&L of a trade",
            "Average profit or loss of a trade; below zero the strategy loses money.",
            "locale",
            (mean(c.STRATEGY_AVG_PNL, "strategy"), "{{strategy}}"),
            span=8,
            limits=sign,
        ),
        lines(
            "Sharpe ratio",
            "Annualised Sharpe ratio; below zero the strategy loses money.",
            "none",
            (mean(c.STRATEGY_SHARPE_RATIO, "strategy"), "{{strategy}}"),
            span=8,
            limits=sign,
        ),
    ]


def _trades() -> list[Panel]:
    return [
        quantiles(c.TRADES_PNL, "P&L of trades", "Profit or loss of a trade: median and the upper end.", by="strategy"),
        spread(c.TRADES_PNL, "P&L of each trade", "How many trades won or lost how much."),
        lines(
            "Net profit of closed trades",
            "Profits less losses since the counters began, by strategy.",
            "locale",
            (Binary("-", total(c.PROFIT, "strategy"), total(c.LOSS, "strategy")), "{{strategy}}"),
            span=8,
        ),
        lines(
            "Trades by side and outcome",
            "Trades a second.",
            PER_SECOND,
            (per_second(c.TRADES, "strategy, side, status"), "{{strategy}} {{side}} {{status}}"),
            span=8,
            minimum=0,
        ),
        lines(
            "Trades today",
            "Trades since the trading day began, by strategy.",
            "locale",
            (total(c.STRATEGY_TRADES_TODAY, "strategy"), "{{strategy}}"),
            span=8,
            minimum=0,
        ),
    ]


def _orders() -> list[Panel]:
    return [
        lines(
            "Submitted",
            "Orders sent a second, by strategy and side.",
            PER_SECOND,
            (per_second(c.ORDERS_SUBMITTED, "strategy, side"), "{{strategy}} {{side}}"),
            span=6,
            minimum=0,
        ),
        lines(
            "Rejected",
            f"Rejected orders, by strategy and reason; {MOMENT}",
            "locale",
            (occurrences(c.ORDERS_REJECTED, "strategy, reason"), "{{strategy}} {{reason}}"),
            span=6,
            minimum=0,
        ),
        lines(
            "Positions",
            "Open positions, by strategy.",
            "locale",
            (total(c.POSITIONS_OPEN, "strategy"), "{{strategy}}"),
            span=6,
            minimum=0,
        ),
        quantiles(
            c.ORDER_FILL_TIME, "Fill time", "Time from submitting an order to its complete fill.", by="strategy", span=6
        ),
    ]
