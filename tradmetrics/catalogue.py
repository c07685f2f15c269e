"""The catalogue: every metric the package can record, as data.

This is the only place that holds a metric's name, type, labels, unit and buckets. The registry builds
from it; the docs' tables, the dashboards and the alert checks are generated from it or compared with it.
"""

from collections.abc import Mapping
from typing import Final

from tradmetrics.model.definition import MetricDefinition

# Closed sets of label values: what the brokers' spellings fold into.
SIDES: Final = ("BUY", "SELL", "unknown")
ORDER_TYPES: Final = ("MARKET", "LIMIT", "STOP", "STOP_LIMIT", "TRAILING_STOP", "OTHER", "unknown")
ORDER_STATUSES: Final = (
    "submitted",
    "accepted",
    "partially_filled",
    "filled",
    "rejected",
    "cancelled",
    "expired",
    "unknown",
)
TRADE_STATUSES: Final = (*ORDER_STATUSES, "executed", "failed")
SEVERITIES: Final = ("debug", "info", "warning", "error", "critical")
MESSAGE_ACTIONS: Final = ("new", "modify", "cancel")
MESSAGE_WINDOWS: Final = ("1s", "5s")
ANOMALIES: Final = (
    "duplicate_fill",
    "late_fill",
    "fill_after_cancel",
    "overfill",
    "unknown_order",
    "duplicate_submit",
    "evicted",
    "bust",
    "mixed_clock",
    "missing_id",
    "bad_quantity",
    "time_before_submit",
    "other_account",
    "underfill",
)
STAGES: Final = ("source", "label", "vocabulary", "value", "clock", "record")
REMOVAL_CAUSES: Final = ("expired", "displaced")
CASH_KINDS: Final = ("funding", "fee", "interest", "dividend", "transfer", "other")

# Upper bounds of buckets, in seconds unless said otherwise.
FILL_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600)
REQUEST_BUCKETS: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2.5, 5, 10, 30,
)  # fmt: skip
DATA_AGE_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60)
TRAINING_BUCKETS: Final = (1, 5, 15, 60, 300, 900, 3600, 14400)


def symmetric(bounds: tuple[float, ...]) -> tuple[float, ...]:
    """Mirror positive bucket bounds about zero, for amounts that can be negative.

    Args:
        bounds: Positive bounds, rising, in any currency or unit.

    Returns:
        The negated bounds, zero, and the bounds.
    """
    return (*(-bound for bound in reversed(bounds)), 0, *bounds)


PNL_BUCKETS: Final = symmetric((10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000))
"""Profit and loss of one trade, in the account's currency; override it where the currency's scale differs."""
SLIPPAGE_BUCKETS: Final = symmetric((0.5, 1, 2, 5, 10, 20, 50, 100))
"""Slippage against a reference price, in basis points."""

_SIDE = ("side", SIDES)


# ── trading ──────────────────────────────────────────────────────────────────────────────────────────────────────
DAILY_PNL: Final = MetricDefinition(
    "trading_daily_pnl", "gauge", "Profit or loss of the trading day.", unit="currency", family="trading"
)
DAILY_PNL_PERCENT: Final = MetricDefinition(
    "trading_daily_pnl_percent",
    "gauge",
    "Profit or loss of the trading day, in percent of capital.",
    unit="percent",
    family="trading",
)
UNREALIZED_PNL: Final = MetricDefinition(
    "trading_unrealized_pnl", "gauge", "Profit or loss of the open positions.", unit="currency", family="trading"
)
REALIZED_PNL: Final = MetricDefinition(
    "trading_realized_pnl", "gauge", "Profit or loss of the closed positions.", unit="currency", family="trading"
)
POSITIONS_OPEN: Final = MetricDefinition(
    "trading_positions_open",
    "gauge",
    "Open positions.",
    ("strategy",),
    family="trading",
    multiprocess_mode="livesum",
)
TRADES: Final = MetricDefinition(
    "trading_trades_total",
    "counter",
    "Trades by outcome.",
    ("strategy", _SIDE, ("status", TRADE_STATUSES)),
    family="trading",
)
TRADES_PNL: Final = MetricDefinition(
    "trading_trades_pnl",
    "histogram",
    "Profit or loss of each trade.",
    ("strategy",),
    unit="currency",
    buckets=PNL_BUCKETS,
    family="trading",
)
PROFIT: Final = MetricDefinition(
    "trading_profit_total",
    "counter",
    "Sum of the profits of winning trades.",
    ("strategy",),
    unit="currency",
    family="trading",
)
LOSS: Final = MetricDefinition(
    "trading_loss_total",
    "counter",
    "Sum of the losses of losing trades, as a positive amount.",
    ("strategy",),
    unit="currency",
    family="trading",
)

CASH_RECEIVED: Final = MetricDefinition(
    "trading_cash_received_total",
    "counter",
    "Cash received without a trade: funding, interest, dividends, rebates, deposits.",
    ("strategy", ("kind", CASH_KINDS)),
    unit="currency",
    family="trading",
)
CASH_PAID: Final = MetricDefinition(
    "trading_cash_paid_total",
    "counter",
    "Cash paid without a trade: funding, fees, interest, withdrawals; as a positive amount.",
    ("strategy", ("kind", CASH_KINDS)),
    unit="currency",
    family="trading",
)

# ── risk ─────────────────────────────────────────────────────────────────────────────────────────────────────────
CIRCUIT_BREAKER_ACTIVE: Final = MetricDefinition(
    "trading_circuit_breaker_active",
    "gauge",
    "1 while the circuit breaker stops trading, 0 while trading is allowed.",
    unit="bool",
    family="risk",
    multiprocess_mode="max",
)
CIRCUIT_BREAKER_TRIGGERS: Final = MetricDefinition(
    "trading_circuit_breaker_triggers_total", "counter", "Trips of the circuit breaker.", ("reason",), family="risk"
)
MAX_DRAWDOWN: Final = MetricDefinition(
    "trading_max_drawdown",
    "gauge",
    "Largest fall from a peak of equity, in percent (0 to 100).",
    unit="percent",
    family="risk",
    multiprocess_mode="max",
)
RISK_LIMIT_BREACHES: Final = MetricDefinition(
    "trading_risk_limit_breaches_total", "counter", "Risk checks that failed.", ("limit_type",), family="risk"
)

POSITION_DRIFT: Final = MetricDefinition(
    "trading_position_drift",
    "gauge",
    "Quantity of a position at the broker minus the quantity that the bot expects.",
    ("symbol",),
    family="risk",
)

# ── capital ──────────────────────────────────────────────────────────────────────────────────────────────────────
CAPITAL_TOTAL: Final = MetricDefinition(
    "trading_capital_total", "gauge", "Capital of the account.", unit="currency", family="capital"
)
CAPITAL_USED: Final = MetricDefinition(
    "trading_capital_used", "gauge", "Capital in use.", unit="currency", family="capital"
)
CAPITAL_AVAILABLE: Final = MetricDefinition(
    "trading_capital_available", "gauge", "Capital that is free.", unit="currency", family="capital"
)
CAPITAL_UTILIZATION: Final = MetricDefinition(
    "trading_capital_utilization", "gauge", "Capital in use, in percent (0 to 100).", unit="percent", family="capital"
)
MARGIN_USED: Final = MetricDefinition(
    "trading_margin_used", "gauge", "Margin that open positions hold.", unit="currency", family="capital"
)
MARGIN_AVAILABLE: Final = MetricDefinition(
    "trading_margin_available", "gauge", "Margin that is free.", unit="currency", family="capital"
)

# ── market data ──────────────────────────────────────────────────────────────────────────────────────────────────
MARKET_VIX: Final = MetricDefinition(
    "trading_market_vix", "gauge", "Level of the volatility index.", unit="points", family="market data"
)
MARKET_CONDITION: Final = MetricDefinition(
    "trading_market_condition",
    "gauge",
    "1 for the condition the market is in, 0 for each one seen before.",
    ("condition",),
    unit="bool",
    family="market data",
)
MARKET_SESSION_OPEN: Final = MetricDefinition(
    "trading_market_session_open",
    "gauge",
    "1 while the market's session is open, 0 while it is closed; absent when never told.",
    unit="bool",
    family="market data",
)
MARKET_DATA_UPDATES: Final = MetricDefinition(
    "trading_market_data_updates_total", "counter", "Market-data updates.", ("symbol",), family="market data"
)
MARKET_DATA_STALE: Final = MetricDefinition(
    "trading_market_data_stale",
    "gauge",
    "Symbols without an update for longer than their limit.",
    family="market data",
    multiprocess_mode="max",
    at_scrape=True,
)
MARKET_DATA_AGE: Final = MetricDefinition(
    "trading_market_data_age_seconds",
    "histogram",
    "Age of the data of each update when it arrived.",
    ("symbol",),
    unit="seconds",
    buckets=DATA_AGE_BUCKETS,
    family="market data",
)
MARKET_DATA_LAST_UPDATE: Final = MetricDefinition(
    "trading_market_data_last_update_timestamp_seconds",
    "gauge",
    "When the last update arrived, in unix seconds.",
    ("symbol",),
    unit="seconds",
    family="market data",
    multiprocess_mode="max",
)

# ── orders ───────────────────────────────────────────────────────────────────────────────────────────────────────
ORDERS_SUBMITTED: Final = MetricDefinition(
    "trading_orders_submitted_total",
    "counter",
    "Orders sent, whatever became of them.",
    ("strategy", _SIDE, ("order_type", ORDER_TYPES)),
    family="orders",
)
ORDERS_FILLED: Final = MetricDefinition(
    "trading_orders_filled_total", "counter", "Orders filled completely.", ("strategy", _SIDE), family="orders"
)
ORDERS_REJECTED: Final = MetricDefinition(
    "trading_orders_rejected_total", "counter", "Orders rejected.", ("strategy", "reason"), family="orders"
)
ORDERS_CANCELLED: Final = MetricDefinition(
    "trading_orders_cancelled_total",
    "counter",
    "Orders cancelled or expired before they were filled.",
    ("strategy", "reason"),
    family="orders",
)
ORDERS_UNKNOWN: Final = MetricDefinition(
    "trading_orders_unknown_total",
    "counter",
    "Orders of unknown outcome: timeouts, lost connections, cancelled calls.",
    ("strategy", "reason"),
    family="orders",
)
ORDER_FILL_TIME: Final = MetricDefinition(
    "trading_order_fill_time_seconds",
    "histogram",
    "Time from submitting an order to its complete fill.",
    ("strategy",),
    unit="seconds",
    buckets=FILL_BUCKETS,
    family="orders",
)
ORDER_ACK_TIME: Final = MetricDefinition(
    "trading_order_ack_time_seconds",
    "histogram",
    "Time from submitting an order to its acknowledgement.",
    ("strategy",),
    unit="seconds",
    buckets=REQUEST_BUCKETS,
    family="orders",
)
ORDER_FIRST_FILL_TIME: Final = MetricDefinition(
    "trading_order_first_fill_time_seconds",
    "histogram",
    "Time from submitting an order to its first fill.",
    ("strategy",),
    unit="seconds",
    buckets=FILL_BUCKETS,
    family="orders",
)
ORDERS_OPEN: Final = MetricDefinition(
    "trading_orders_open",
    "gauge",
    "Orders submitted and not yet ended.",
    ("strategy",),
    family="orders",
    multiprocess_mode="livesum",
    at_scrape=True,
)
ORDER_OLDEST_OPEN: Final = MetricDefinition(
    "trading_order_oldest_open_seconds",
    "gauge",
    "Age of the oldest open order that is not a stop.",
    ("strategy",),
    unit="seconds",
    family="orders",
    multiprocess_mode="max",
    at_scrape=True,
)
ORDER_ANOMALIES: Final = MetricDefinition(
    "trading_order_anomalies_total",
    "counter",
    "Order events that contradict what was known of the order.",
    (("kind", ANOMALIES),),
    family="orders",
)
ORDER_FOREIGN: Final = MetricDefinition(
    "trading_order_foreign_total",
    "counter",
    "Orders that the broker reported and this process did not send.",
    family="orders",
)
ORDER_DUPLICATES: Final = MetricDefinition(
    "trading_order_duplicates_total",
    "counter",
    "Orders that repeat another one of the same symbol, side, quantity and price within a second.",
    ("strategy",),
    family="orders",
)
ORDER_SLIPPAGE: Final = MetricDefinition(
    "trading_order_slippage_bps",
    "histogram",
    "Fill price against the reference price, in basis points; positive is worse than the reference.",
    ("strategy", _SIDE),
    unit="bps",
    buckets=SLIPPAGE_BUCKETS,
    family="orders",
)
ORDER_MESSAGES: Final = MetricDefinition(
    "trading_order_messages_total",
    "counter",
    "Messages sent to the broker about orders.",
    (("action", MESSAGE_ACTIONS),),
    family="orders",
)
ORDER_MESSAGE_RATE_MAX: Final = MetricDefinition(
    "trading_order_message_rate_max",
    "gauge",
    "Largest number of order messages in any window of that length in the last two minutes.",
    (("window", MESSAGE_WINDOWS),),
    family="orders",
    multiprocess_mode="max",
    at_scrape=True,
)

# ── strategy ─────────────────────────────────────────────────────────────────────────────────────────────────────
STRATEGY_WIN_RATE: Final = MetricDefinition(
    "trading_strategy_win_rate",
    "gauge",
    "Winning trades among the trades that won or lost (0 to 1).",
    ("strategy",),
    unit="ratio",
    family="strategy",
)
STRATEGY_AVG_PNL: Final = MetricDefinition(
    "trading_strategy_avg_pnl",
    "gauge",
    "Average profit or loss of a trade.",
    ("strategy",),
    unit="currency",
    family="strategy",
)
STRATEGY_SHARPE_RATIO: Final = MetricDefinition(
    "trading_strategy_sharpe_ratio", "gauge", "Annualised Sharpe ratio.", ("strategy",), unit="ratio", family="strategy"
)
STRATEGY_TRADES_TODAY: Final = MetricDefinition(
    "trading_strategy_trades_today",
    "gauge",
    "Trades since the trading day began.",
    ("strategy",),
    family="strategy",
    multiprocess_mode="livesum",
)

# ── ml ───────────────────────────────────────────────────────────────────────────────────────────────────────────
ML_MODEL_ACCURACY: Final = MetricDefinition(
    "trading_ml_model_accuracy", "gauge", "Accuracy of a model (0 to 1).", ("model",), unit="ratio", family="ml"
)
ML_PREDICTIONS: Final = MetricDefinition(
    "trading_ml_predictions_total", "counter", "Predictions made.", ("model", "prediction"), family="ml"
)
ML_TRAINING_DURATION: Final = MetricDefinition(
    "trading_ml_training_duration_seconds",
    "histogram",
    "Time that training a model took.",
    unit="seconds",
    buckets=TRAINING_BUCKETS,
    family="ml",
)
ML_LAST_TRAINING: Final = MetricDefinition(
    "trading_ml_last_training_timestamp",
    "gauge",
    "When a model was last trained, in unix seconds.",
    unit="seconds",
    family="ml",
    multiprocess_mode="max",
)

# ── system ───────────────────────────────────────────────────────────────────────────────────────────────────────
SYSTEM_UPTIME: Final = MetricDefinition(
    "trading_system_uptime_seconds",
    "gauge",
    "Time since the metrics were set up.",
    unit="seconds",
    family="system",
    multiprocess_mode="max",
    at_scrape=True,
)
SYSTEM_ERRORS: Final = MetricDefinition(
    "trading_system_errors_total",
    "counter",
    "Errors of the trading system.",
    ("component", ("severity", SEVERITIES)),
    family="system",
)
WEBSOCKET_CONNECTIONS: Final = MetricDefinition(
    "trading_websocket_connections",
    "gauge",
    "Live WebSocket connections.",
    family="system",
    multiprocess_mode="livesum",
)
STREAM_CONNECTED: Final = MetricDefinition(
    "trading_stream_connected",
    "gauge",
    "1 while the stream is connected, 0 after it was lost.",
    ("stream",),
    unit="bool",
    family="system",
    multiprocess_mode="livemax",
)
STREAM_CONNECTS: Final = MetricDefinition(
    "trading_stream_connects_total", "counter", "Connections that the stream has opened.", ("stream",), family="system"
)
HEARTBEAT: Final = MetricDefinition(
    "trading_heartbeat_timestamp_seconds",
    "gauge",
    "When the loop last called heartbeat, in unix seconds.",
    ("loop",),
    unit="seconds",
    family="system",
    multiprocess_mode="livemin",
)
BUILD_INFO: Final = MetricDefinition(
    "trading_build_info",
    "gauge",
    "Always 1; its label is the version of the bot's code.",
    ("version",),
    family="system",
    multiprocess_mode="livemax",
    guarded=False,
)
API_REQUESTS: Final = MetricDefinition(
    "trading_api_requests_total", "counter", "API requests.", ("endpoint", "method", "status"), family="system"
)
API_REQUEST_DURATION: Final = MetricDefinition(
    "trading_api_request_duration_seconds",
    "histogram",
    "Time that API requests took.",
    ("endpoint", "method"),
    unit="seconds",
    buckets=REQUEST_BUCKETS,
    family="system",
)

# ── the SDK itself ───────────────────────────────────────────────────────────────────────────────────────────────
FUNCTION_CALLED: Final = MetricDefinition(
    "tradmetrics_function_called",
    "gauge",
    "1 for each decorated function that has been called, 0 for each that has not.",
    ("site", "decorator"),
    family="tradmetrics",
    multiprocess_mode="max",
    at_scrape=True,
)
FUNCTION_CALLS: Final = MetricDefinition(
    "tradmetrics_function_calls_total",
    "counter",
    "Calls of decorated functions, if the environment variable TRADMETRICS_COUNT_CALLS is 1.",
    ("site", "decorator"),
    family="tradmetrics",
    at_scrape=True,
)
LABEL_OVERFLOW: Final = MetricDefinition(
    "tradmetrics_label_overflow_total",
    "counter",
    "Label values that were recorded as __other__.",
    ("metric", "label"),
    family="tradmetrics",
    guarded=False,
)
SERIES: Final = MetricDefinition(
    "tradmetrics_series",
    "gauge",
    "Series that a metric has.",
    ("metric",),
    family="tradmetrics",
    multiprocess_mode="livesum",
    guarded=False,
    at_scrape=True,
)
SERIES_LIMIT: Final = MetricDefinition(
    "tradmetrics_series_limit",
    "gauge",
    "Series that a metric may have.",
    ("metric",),
    family="tradmetrics",
    multiprocess_mode="max",
    guarded=False,
    at_scrape=True,
)
SERIES_REMOVED: Final = MetricDefinition(
    "tradmetrics_series_removed_total",
    "counter",
    "Counts that removed series held when they went.",
    ("metric", ("cause", REMOVAL_CAUSES)),
    family="tradmetrics",
    guarded=False,
)
INSTRUMENTATION_ERRORS: Final = MetricDefinition(
    "tradmetrics_instrumentation_errors_total",
    "counter",
    "Errors inside the instrumentation that were kept from the caller.",
    ("site", ("stage", STAGES)),
    family="tradmetrics",
)
UNSOURCED_LABELS: Final = MetricDefinition(
    "tradmetrics_unsourced_labels",
    "gauge",
    "1 for each label of a decorated function that no source yields, so that it reads unknown.",
    ("site", "label"),
    family="tradmetrics",
    multiprocess_mode="max",
)
LAST_ERROR: Final = MetricDefinition(
    "tradmetrics_last_error_timestamp_seconds",
    "gauge",
    "When the last error inside the instrumentation of a function came, in unix seconds, with its message.",
    ("site", "message"),
    unit="seconds",
    family="tradmetrics",
    multiprocess_mode="max",
    guarded=False,
    at_scrape=True,
)
SAMPLER_LAST_SUCCESS: Final = MetricDefinition(
    "tradmetrics_sampler_last_success_timestamp_seconds",
    "gauge",
    "When a Sampler's function last returned, in unix seconds; 0 until it first does.",
    ("function",),
    unit="seconds",
    family="tradmetrics",
    multiprocess_mode="livemin",
)

CATALOGUE: Final[tuple[MetricDefinition, ...]] = tuple(
    value for value in tuple(globals().values()) if isinstance(value, MetricDefinition)
)
"""Every definition above, in order."""

BY_NAME: Final[Mapping[str, MetricDefinition]] = {definition.name: definition for definition in CATALOGUE}
"""The catalogue by the metric's name."""
