"""The alerts about risk and orders."""

from typing import Final

from alerts.expressions import latest, rise
from alerts.model import Alert
from alerts.texts import BOT, COUNT, DURATION, MONEY, PERCENT, QUANTITY, SHARE, many

REJECT_RATIO: Final = f"{rise('@ORDERS_REJECTED')}\n/ ({rise('@ORDERS_SUBMITTED')} > 0)"
ORDER_TO_TRADE: Final = f"{rise('@ORDER_MESSAGES')}\n/ ({rise('@ORDERS_FILLED')} > 0)"
_MARGIN_FREE: Final = f"clamp_min({latest('@MARGIN_AVAILABLE')}, 0)"

RISK: Final = (
    Alert(
        "CircuitBreakerTriggered",
        "The circuit breaker stops trading",
        f"{latest('@CIRCUIT_BREAKER_ACTIVE')} == 1",
        f"{BOT}: the circuit breaker stops trading",
        f"The circuit breaker of {BOT} is active: trading is halted.",
    ),
    Alert(
        "CircuitBreakerTripped",
        "The circuit breaker tripped, perhaps for a moment only",
        f"{rise('@CIRCUIT_BREAKER_TRIGGERS', 'reason')}\n> @threshold",
        f"{BOT}: the circuit breaker tripped for {{{{ $labels.reason }}}} ({COUNT}x in @window)",
        f"The circuit breaker of {BOT} tripped for {{{{ $labels.reason }}}} {many('time', 'times')} within @window.",
    ),
    Alert(
        "CircuitBreakerFlapping",
        "The circuit breaker trips again and again",
        f"{rise('@CIRCUIT_BREAKER_TRIGGERS')}\n> @threshold",
        f"{BOT}: the circuit breaker tripped {COUNT} times in @window",
        f"The circuit breaker of {BOT} tripped {COUNT} times within @window (threshold: @threshold).",
    ),
    Alert(
        "HighDailyLoss",
        "High daily loss",
        f"{latest('@DAILY_PNL')} < @threshold",
        f"{BOT}: the day's P&L is {MONEY}",
        f"The day's profit or loss of {BOT} is {MONEY} (threshold: @threshold).",
    ),
    Alert(
        "HighDailyLossPercent",
        "High daily loss, in percent of capital",
        f"{latest('@DAILY_PNL_PERCENT')} < @threshold",
        f"{BOT}: the day's P&L is {PERCENT} of capital",
        f"The day's profit or loss of {BOT} is {PERCENT} of capital (threshold: @threshold%).",
    ),
    Alert(
        "HighDrawdown",
        "Large drawdown",
        f"{latest('@MAX_DRAWDOWN')} > @threshold",
        f"{BOT}: equity is {PERCENT} below its peak",
        f"Equity of {BOT} fell {PERCENT} below its peak (threshold: @threshold%).",
    ),
    Alert(
        "HighCapitalUtilization",
        "Capital utilization is very high",
        f"{latest('@CAPITAL_UTILIZATION')} > @threshold",
        f"{BOT}: {PERCENT} of capital is in use",
        f"{PERCENT} of the capital of {BOT} is in use (threshold: @threshold%).",
    ),
    Alert(
        "LowMargin",
        "Little margin is left",
        # An account that owes margin has none free, whatever the share of two numbers with different signs is.
        f"(\n  {_MARGIN_FREE}\n    / ({_MARGIN_FREE} + {latest('@MARGIN_USED')} > 0)\n"
        f"  or clamp_min({latest('@MARGIN_AVAILABLE')} < 0, 0)\n) < @threshold",
        f"{BOT}: {SHARE} of the margin is free",
        f"{SHARE} of the margin of {BOT} is free (threshold: @threshold_percent).",
    ),
    Alert(
        "PositionDrift",
        "The broker holds another position than the bot expects",
        f"abs({latest('@POSITION_DRIFT')}) > @threshold",
        f"{BOT}: the position in {{{{ $labels.symbol }}}} differs from the broker's by {QUANTITY}",
        f"The broker's position in {{{{ $labels.symbol }}}} differs by {QUANTITY} from the position that {BOT} "
        "expects.",
    ),
)

ORDERS: Final = (
    Alert(
        "HighOrderRejectionRate",
        "High order rejection rate",
        f"{REJECT_RATIO}\n> @threshold",
        f"{BOT}: {SHARE} of the orders are rejected",
        f"{SHARE} of the orders of {BOT} were rejected within @window (threshold: @threshold_percent).",
    ),
    Alert(
        "AllOrdersRejected",
        "Every order of a strategy is rejected",
        f"{rise('@ORDERS_REJECTED', 'strategy')}\n"
        f">= on (job, instance, strategy)\n{rise('@ORDERS_SUBMITTED', 'strategy')}\n> @minimum",
        f"{BOT}: all {COUNT} orders of {{{{ $labels.strategy }}}} in @window were rejected",
        f"All {COUNT} orders that {{{{ $labels.strategy }}}} on {BOT} sent within @window were rejected.",
    ),
    Alert(
        "OrderRejectBurst",
        "Many orders are rejected for one reason",
        f"{rise('@ORDERS_REJECTED', 'reason')}\n> @threshold",
        f"{BOT}: {COUNT} orders rejected for {{{{ $labels.reason }}}} in @window",
        f"{COUNT} orders of {BOT} were rejected for {{{{ $labels.reason }}}} within @window (threshold: @threshold).",
    ),
    Alert(
        "OrderOutcomeUnknown",
        "The outcome of an order is unknown",
        f"{rise('@ORDERS_UNKNOWN', 'strategy, reason')}\n> @threshold",
        f"{BOT}: {many('order', 'orders')} of {{{{ $labels.strategy }}}} may be live ({{{{ $labels.reason }}}})",
        f"{many('order', 'orders')} of {{{{ $labels.strategy }}}} on {BOT} ended in {{{{ $labels.reason }}}} within "
        "@window. Nothing shows whether the broker accepted: check for live orders.",
    ),
    Alert(
        "OpenOrdersStuck",
        "An order has been open for too long",
        f"{latest('@ORDER_OLDEST_OPEN')} > @threshold",
        f"{BOT}: an order of {{{{ $labels.strategy }}}} has been open for {DURATION}",
        f"The oldest open order of {{{{ $labels.strategy }}}} on {BOT} is {DURATION} old; resting stops are not "
        "counted.",
    ),
    Alert(
        "SubmittingWithoutFills",
        "Orders are sent and none is filled",
        f"{rise('@ORDERS_SUBMITTED', 'strategy')}\n> @threshold\n"
        f"unless on (job, instance, strategy)\n{rise('@ORDERS_FILLED', 'strategy')} > 0",
        f"{BOT}: {{{{ $labels.strategy }}}} sent {COUNT} orders in @window, none was filled",
        f"{{{{ $labels.strategy }}}} on {BOT} sent {COUNT} orders within @window, and not one was filled.",
    ),
    Alert(
        "OrderRateNearLimit",
        "The order rate is near the broker's limit",
        'max_over_time(@ORDER_MESSAGE_RATE_MAX{window="1s"}[@window]) > @threshold',
        f"{BOT}: {COUNT} order messages in one second",
        f"{BOT} sent {COUNT} order messages within one second (threshold: @threshold).",
    ),
    Alert(
        "HighOrderToTradeRatio",
        "Many order messages for few trades",
        f"{ORDER_TO_TRADE}\n> @threshold\nand on (job, instance)\n{rise('@ORDER_MESSAGES')} > @minimum",
        f"{BOT}: {COUNT} order messages for each filled order",
        f"{BOT} sent {COUNT} order messages for each filled order within @window (threshold: @threshold).",
    ),
)
