"""The texts of each alert, summary and description, as its scenario must render them. Read them as sentences."""

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "ExporterDown": (
        "bot:8000 is down",
        "Prometheus cannot scrape bot:8000 of the job tradmetrics: nothing about trading is known.",
    ),
    "TradingMetricsAbsent": (
        "bot:8000 serves no trading metrics",
        "bot:8000 is up, but serves none of the trading metrics.",
    ),
    "TargetGone": (
        "bot:8000 is gone from the targets",
        "bot:8000 was a target of the job tradmetrics within 1h. It is gone, and no other target took its place.",
    ),
    "CrashLoop": (
        "bot:8000 restarted 4 times within 15m",
        "bot:8000 restarted 4 times within 15m (threshold: 3).",
    ),
    "HeartbeatLate": (
        "bot:8000: the loop main has stood still for 2m 30s",
        "The loop main of bot:8000 called heartbeat 2m 30s ago; the process still answers.",
    ),
    "SamplerLate": (
        "bot:8000: the sampler got no answer from positions for 2m 30s",
        "The sampler of bot:8000 last had an answer from positions 2m 30s ago: the figures that it feeds are old.",
    ),
    "MarketClosed": (
        "bot:8000: the market is closed",
        "The session of bot:8000 is closed: Alertmanager mutes its alerts about trading.",
    ),
    "CircuitBreakerTriggered": (
        "bot:8000: the circuit breaker stops trading",
        "The circuit breaker of bot:8000 is active: trading is halted.",
    ),
    "CircuitBreakerTripped": (
        "bot:8000: the circuit breaker tripped for loss (1x in 15m)",
        "The circuit breaker of bot:8000 tripped for loss 1 time within 15m.",
    ),
    "CircuitBreakerFlapping": (
        "bot:8000: the circuit breaker tripped 3 times in 15m",
        "The circuit breaker of bot:8000 tripped 3 times within 15m (threshold: 2).",
    ),
    "HighDailyLoss": (
        "bot:8000: the day's P&L is -5000.50",
        "The day's profit or loss of bot:8000 is -5000.50 (threshold: -5000).",
    ),
    "HighDailyLossPercent": (
        "bot:8000: the day's P&L is -2.5% of capital",
        "The day's profit or loss of bot:8000 is -2.5% of capital (threshold: -2%).",
    ),
    "HighDrawdown": (
        "bot:8000: equity is 12.3% below its peak",
        "Equity of bot:8000 fell 12.3% below its peak (threshold: 10%).",
    ),
    "HighCapitalUtilization": (
        "bot:8000: 91.0% of capital is in use",
        "91.0% of the capital of bot:8000 is in use (threshold: 90%).",
    ),
    "LowMargin": (
        "bot:8000: 10.53% of the margin is free",
        "10.53% of the margin of bot:8000 is free (threshold: 15%).",
    ),
    "PositionDrift": (
        "bot:8000: the position in NIFTY differs from the broker's by 2",
        "The broker's position in NIFTY differs by 2 from the position that bot:8000 expects.",
    ),
    "HighOrderRejectionRate": (
        "bot:8000: 20% of the orders are rejected",
        "20% of the orders of bot:8000 were rejected within 5m (threshold: 10%).",
    ),
    "AllOrdersRejected": (
        "bot:8000: all 3 orders of gamma in 10m were rejected",
        "All 3 orders that gamma on bot:8000 sent within 10m were rejected.",
    ),
    "OrderRejectBurst": (
        "bot:8000: 11 orders rejected for margin in 1m",
        "11 orders of bot:8000 were rejected for margin within 1m (threshold: 10).",
    ),
    "OrderOutcomeUnknown": (
        "bot:8000: 1 order of gamma may be live (timeout)",
        "1 order of gamma on bot:8000 ended in timeout within 15m. Nothing shows whether the broker "
        "accepted: check for live orders.",
    ),
    "OpenOrdersStuck": (
        "bot:8000: an order of gamma has been open for 15m 1s",
        "The oldest open order of gamma on bot:8000 is 15m 1s old; resting stops are not counted.",
    ),
    "SubmittingWithoutFills": (
        "bot:8000: gamma sent 21 orders in 15m, none was filled",
        "gamma on bot:8000 sent 21 orders within 15m, and not one was filled.",
    ),
    "OrderRateNearLimit": (
        "bot:8000: 9 order messages in one second",
        "bot:8000 sent 9 order messages within one second (threshold: 8).",
    ),
    "HighOrderToTradeRatio": (
        "bot:8000: 51 order messages for each filled order",
        "bot:8000 sent 51 order messages for each filled order within 10m (threshold: 50).",
    ),
    "StaleMarketData": (
        "bot:8000: 6 symbols have stale data",
        "6 symbols of bot:8000 have stale market data (threshold: 5).",
    ),
    "StaleMarketDataShare": (
        "bot:8000: 50% of the symbols have stale data",
        "50% of the symbols of bot:8000 have stale market data (threshold: 25%).",
    ),
    "MarketDataSilent": (
        "bot:8000: no market data for 1m 30s",
        "bot:8000 has had no update of any symbol for 1m 30s (threshold: 30 s).",
    ),
    "FeedNeverCame": (
        "bot:8000: the session is open, but no feed has come",
        "The session of bot:8000 is open, and no symbol has had an update since the bot's start.",
    ),
    "PositionsWithoutData": (
        "bot:8000: 3 positions open without market data",
        "bot:8000 has 3 open positions and has had no update of any symbol for more than 300 s.",
    ),
    "StreamDown": (
        "bot:8000: the stream orders is down",
        "The stream orders of bot:8000 is disconnected: its events do not reach the bot.",
    ),
    "StreamFlapping": (
        "bot:8000: the stream orders connected 4 times in 15m",
        "The stream orders of bot:8000 connected 4 times within 15m (threshold: 3): events between two "
        "connections are lost.",
    ),
    "WebSocketDown": (
        "bot:8000: no WebSocket connection is up",
        "bot:8000 had WebSocket connections within 12h and has none now.",
    ),
    "LowMLAccuracy": (
        "bot:8000: the accuracy of trend is 59%",
        "The accuracy of trend on bot:8000 is 59% (threshold: 60%).",
    ),
    "ModelStale": (
        "bot:8000: the last training was 45m 30s ago",
        "The last training on bot:8000 was 45m 30s ago (threshold: 1800 s).",
    ),
    "HighErrorRate": (
        "bot:8000: 1.00 errors a second in feed",
        "feed of bot:8000 counts 1.00 errors a second within 5m (threshold: 1).",
    ),
    "CriticalError": (
        "bot:8000: 1 critical error in orders",
        "orders of bot:8000 recorded 1 error of severity critical within 15m.",
    ),
    "HighApiErrorRatio": (
        "bot:8000: 7.5% of the requests to /orders fail",
        "7.5% of the requests to /orders from bot:8000 failed within 5m (threshold: 5%).",
    ),
    "ApiAccessDenied": (
        "bot:8000: /orders refused 3 requests (401)",
        "/orders refused 3 requests of bot:8000 with 401 within 10m: the token or the key may have "
        "expired, or the account or address is blocked.",
    ),
    "HighApiLatency": (
        "bot:8000: requests to /orders take 1.99s",
        "The 0.99 quantile of the requests to /orders from bot:8000 takes 1.99s (threshold: 1 s).",
    ),
    "ClockSkew": (
        "host:9100: the clock may be off by 200ms",
        "The clock of host:9100 may be off by 200ms: the ages of orders and data are wrong by as much, "
        "and a broker may refuse signed requests.",
    ),
    "DiskFilling": (
        "host:9100: 4% of / is free",
        "4% of the disk at / of host:9100 is free. When it is full, logs, state files and Prometheus itself stop.",
    ),
    "LabelOverflow": (
        "bot:8000: 1 value of strategy became __other__",
        "1 value of the label strategy of trading_trades_total on bot:8000 became __other__ within 15m.",
    ),
    "InstrumentationErrors": (
        "bot:8000: 1 instrumentation error at bot.place_order",
        "1 error at bot.place_order, stage source, on bot:8000 within 15m: the figures recorded there are incomplete.",
    ),
}
