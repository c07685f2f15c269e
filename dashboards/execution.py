"""Execution: how fast and how well orders are filled, and what becomes of the others."""

from typing import Any

from dashboards.frame import Row, render
from dashboards.limits import above, compared, setting
from dashboards.panels import MOMENT, PER_SECOND, Panel, lines, quantiles, spread
from dashboards.queries import largest, occurrences, per_second, quantile, ratio, total
from tradmetrics import catalogue as c


def build() -> dict[str, Any]:
    """Build the dashboard."""
    return render(
        "tradmetrics-execution",
        "Execution",
        "Fill and acknowledgement times, rejects, slippage, and orders that are open.",
        [
            Row("Times", _times()),
            Row("Outcomes", _outcomes()),
            Row("Open orders and slippage", _open()),
            Row("Order flow", _flow()),
        ],
    )


def _times() -> list[Panel]:
    return [
        quantiles(
            c.ORDER_ACK_TIME, "Acknowledgement time", "Time from submitting an order to its acknowledgement.", span=8
        ),
        quantiles(
            c.ORDER_FIRST_FILL_TIME, "First fill time", "Time from submitting an order to its first fill.", span=8
        ),
        quantiles(c.ORDER_FILL_TIME, "Fill time", "Time from submitting an order to its complete fill.", span=8),
        spread(c.ORDER_ACK_TIME, "Acknowledgement times", "How many acknowledgements took how long.", span=8),
        spread(c.ORDER_FIRST_FILL_TIME, "First fill times", "How many first fills took how long.", span=8),
        spread(c.ORDER_FILL_TIME, "Fill times", "How many complete fills took how long.", span=8),
        lines(
            "Median fill time by strategy",
            "Half of the orders of a strategy are filled within this time.",
            "s",
            (quantile(0.5, c.ORDER_FILL_TIME, "strategy"), "{{strategy}}"),
        ),
        lines(
            "Average fill time by strategy",
            "Mean time to the complete fill; one order that took an hour moves it, unlike the median.",
            "s",
            (
                ratio(
                    per_second(c.ORDER_FILL_TIME, "strategy", suffix="_sum"),
                    per_second(c.ORDER_FILL_TIME, "strategy", suffix="_count"),
                ),
                "{{strategy}}",
            ),
        ),
    ]


def _outcomes() -> list[Panel]:
    rejected = setting("HighOrderRejectionRate", "window")
    return [
        lines(
            "Submitted by type",
            "Orders sent a second, by type and side.",
            PER_SECOND,
            (per_second(c.ORDERS_SUBMITTED, "order_type, side"), "{{order_type}} {{side}}"),
            span=8,
            stacked=True,
            minimum=0,
        ),
        lines(
            "Filled by side",
            "Orders filled a second, by strategy and side.",
            PER_SECOND,
            (per_second(c.ORDERS_FILLED, "strategy, side"), "{{strategy}} {{side}}"),
            span=8,
            stacked=True,
            minimum=0,
        ),
        lines(
            "Rejected among submitted",
            f"Share of rejected orders within {rejected}, as the alert has it; dashed: its threshold.",
            "percentunit",
            (
                compared("HighOrderRejectionRate"),
                "{{instance}}",
            ),
            span=8,
            limits=above("HighOrderRejectionRate"),
            minimum=0,
        ),
        lines(
            "Rejects by reason",
            f"Rejected orders, by reason; {MOMENT}",
            "locale",
            (occurrences(c.ORDERS_REJECTED, "reason"), "{{reason}}"),
            span=8,
            minimum=0,
        ),
        lines(
            "Cancelled and expired by reason",
            f"Orders that ended without a complete fill, by reason; {MOMENT}",
            "locale",
            (occurrences(c.ORDERS_CANCELLED, "reason"), "{{reason}}"),
            span=8,
            minimum=0,
        ),
        lines(
            "Unknown outcome by reason",
            f"Orders that may or may not be live at the broker; {MOMENT}",
            "locale",
            (occurrences(c.ORDERS_UNKNOWN, "reason"), "{{reason}}"),
            span=8,
            minimum=0,
        ),
    ]


def _open() -> list[Panel]:
    return [
        lines(
            "Open orders",
            "Orders submitted and not yet ended, by strategy.",
            "locale",
            (total(c.ORDERS_OPEN, "strategy"), "{{strategy}}"),
            minimum=0,
        ),
        lines(
            "Oldest open order",
            "Age of the oldest open order, by strategy; dashed: the alert's threshold.",
            "s",
            (compared("OpenOrdersStuck"), "{{instance}} {{strategy}}"),
            limits=above("OpenOrdersStuck"),
            minimum=0,
        ),
        quantiles(
            c.ORDER_SLIPPAGE,
            "Slippage",
            "Fill price against the reference price, by side; positive is worse than the reference.",
            by="side",
        ),
        spread(c.ORDER_SLIPPAGE, "Slippage of orders", "How many fills were how far from the reference price."),
    ]


def _flow() -> list[Panel]:
    flow = setting("HighOrderToTradeRatio", "window")
    return [
        lines(
            "Order messages",
            "New orders, modifications and cancellations sent a second.",
            PER_SECOND,
            (per_second(c.ORDER_MESSAGES, "action"), "{{action}}"),
            span=8,
            stacked=True,
            minimum=0,
        ),
        lines(
            "Busiest moment",
            "Most messages within any 1 s and any 5 s since the scrape before; dashed: the alert's threshold for 1 s.",
            "locale",
            (largest(c.ORDER_MESSAGE_RATE_MAX, "window"), "within {{window}}"),
            span=8,
            limits=above("OrderRateNearLimit"),
            minimum=0,
        ),
        lines(
            "Messages for each filled order",
            f"Order messages sent for each filled order within {flow}, as the alert has it; dashed: its threshold.",
            "locale",
            (
                compared("HighOrderToTradeRatio"),
                "{{instance}}",
            ),
            span=8,
            limits=above("HighOrderToTradeRatio", "orange"),
            minimum=0,
        ),
        lines(
            "Anomalies",
            f"Order events that contradict what was known of the order, by kind; {MOMENT}",
            "locale",
            (occurrences(c.ORDER_ANOMALIES, "kind"), "{{kind}}"),
            span=8,
            minimum=0,
        ),
        lines(
            "Duplicate events",
            f"Order events that came again; {MOMENT}",
            "locale",
            (occurrences(c.ORDER_DUPLICATES), "duplicates"),
            span=8,
            minimum=0,
        ),
        lines(
            "Orders of others",
            f"Orders that the account's stream reports and this process did not send; {MOMENT}",
            "locale",
            (occurrences(c.ORDER_FOREIGN), "orders"),
            span=8,
            minimum=0,
        ),
    ]
