"""All alerts and recording rules: each condition, and the text for the person who reads it; see `alerts.model`."""

from typing import Final

from alerts.expressions import counted, quantile, rise, risen
from alerts.feeds import MARKET_DATA, MODELS
from alerts.model import Alert, Recording
from alerts.money import ORDER_TO_TRADE, ORDERS, REJECT_RATIO, RISK
from alerts.running import ABSENCE, INSTRUMENTATION, SYSTEM

__all__ = ["ALERTS", "RECORDINGS", "Alert", "Recording", "counted", "quantile", "rise", "risen"]

ALERTS: Final[dict[str, tuple[Alert, ...]]] = {
    "absence": ABSENCE,
    "risk": RISK,
    "orders": ORDERS,
    "market_data": MARKET_DATA,
    "models": MODELS,
    "system": SYSTEM,
    "instrumentation": INSTRUMENTATION,
}
"""The alerts by the name of their rule file and group."""

# Named level:metric:operation, as https://prometheus.io/docs/practices/rules/ has it.
RECORDINGS: Final = (
    # The guide has rate() here, which is for counters: every fall of the gauge would have read as a reset.
    Recording("trading:daily_pnl:rate1m", "delta(@DAILY_PNL[@pnl_window])"),
    Recording("trading:order_fill_time_seconds:p50", quantile("0.5", "ORDER_FILL_TIME", "strategy")),
    Recording("trading:order_fill_time_seconds:p90", quantile("0.9", "ORDER_FILL_TIME", "strategy")),
    Recording("trading:order_fill_time_seconds:p99", quantile("0.99", "ORDER_FILL_TIME", "strategy")),
    Recording("trading:orders_rejected:ratio_rate5m", REJECT_RATIO),
    Recording("trading:order_to_trade:ratio1h", ORDER_TO_TRADE.replace("@window", "@trade_window")),
)
