"""The scenario of each alert, with the texts as a person reads them."""

from __future__ import annotations

from typing import Any

from tests.alerts.scenarios import BEGIN, Scenario, counter, gauge, renewed
from tests.alerts.texts import TEXTS
from tests.alerts.worlds import Bot

S = {"strategy": "gamma"}


def text(alert: str) -> tuple[str, str]:
    """Return the summary and the description of an alert."""
    return TEXTS[alert]


def world(alert: str, build: Any, **more: Any) -> Scenario:
    """Return a scenario with a world of its own: a function of the fault and the second at which it ends."""
    summary, description = text(alert)
    result = Scenario(alert, lambda fault: build(fault, result.ends), summary, description, **more)
    return result


def after(second: int, begin: int, end: int = 10**9) -> bool:
    """Return True between two seconds."""
    return begin <= second < end


def down(fault: bool, ends: int) -> list[Bot]:
    """A bot that cannot be scraped for a while."""
    return [Bot(lost=lambda second: fault and after(second, BEGIN, ends))]


def without_metrics(fault: bool, ends: int) -> list[Bot]:
    """A bot whose metrics are gone for a while, though it answers."""
    return [Bot(uptime=lambda second: None if fault and after(second, BEGIN, ends) else float(second))]


def gone(fault: bool, ends: int) -> list[Bot]:
    """Two bots, one of which leaves the list of targets."""
    return [Bot(gone=BEGIN + 5 if fault else None), Bot("other:8000", phase=5)]


def crashes(fault: bool, ends: int) -> list[Bot]:
    """A bot that restarts four times within three minutes, or three times."""
    starts = [0, 610, 670, 730, *([790] if fault else [])]
    return [Bot(uptime=lambda second: float(second - max(start for start in starts if start <= second)))]


def closed(fault: bool, ends: int) -> list[Bot]:
    """A bot whose session is closed for a while."""
    return [Bot().show("trading_market_session_open", lambda second: float(not (fault and after(second, BEGIN, ends))))]


def rejects(fault: bool, ends: int) -> list[Bot]:
    """Ten orders for each scrape, two of them rejected, or one."""
    bot = Bot().show(
        "trading_orders_submitted_total", lambda second: second // 7 * 10.0, side="BUY", order_type="LIMIT", **S
    )
    bad = 2 if fault else 1
    return [
        bot.show(
            "trading_orders_rejected_total",
            lambda second: second // 7 + (bad - 1) * max(0.0, min(second, ends) // 7 - BEGIN // 7),
            reason="margin",
            **S,
        )
    ]


def all_rejected(fault: bool, ends: int) -> list[Bot]:
    """Three orders, all rejected; without the fault two of two."""
    count = 3.0 if fault else 2.0
    bot = Bot()
    for name, labels in (("submitted", {"side": "BUY", "order_type": "LIMIT"}), ("rejected", {"reason": "margin"})):
        bot.show(f"trading_orders_{name}_total", lambda second: count if second >= BEGIN else None, **labels, **S)
    return [bot]


def messages(fault: bool, ends: int) -> list[Bot]:
    """Four filled orders and 204 messages, or 200."""
    count = 204.0 if fault else 200.0
    bot = Bot().show("trading_order_messages_total", lambda second: count if second >= BEGIN else None, action="new")
    return [bot.show("trading_orders_filled_total", lambda second: 4.0 if second >= BEGIN else None, side="BUY", **S)]


def stale(fault: bool, ends: int) -> list[Bot]:
    """Four symbols, two of them stale, or one."""
    bot = Bot().show("trading_market_data_stale", lambda second: 2.0 if fault and after(second, BEGIN, ends) else 1.0)
    for symbol in "ABCD":
        bot.show("trading_market_data_last_update_timestamp_seconds", float, symbol=symbol)
    return [bot]


def no_feed(fault: bool, ends: int) -> list[Bot]:
    """The session opens, and the WebSocket never connects until the fault ends."""
    bot = Bot().show("trading_market_session_open", lambda second: float(second >= BEGIN))
    return [bot.show("trading_websocket_connections", lambda second: float(not fault or second >= ends))]


def errors(fault: bool, ends: int) -> list[Bot]:
    """301 errors in each five minutes, or 300; debug and info beside them do not count."""
    bot = Bot()
    each = 301 if fault else 300
    for severity in ("error", "debug", "info"):
        bot.show(
            "trading_system_errors_total",
            lambda second: each * ((min(second, ends) - 605) // 308 + 1.0) if second >= 605 else 0.0,
            component="feed",
            severity=severity,
        )
    return [bot]


def requests(fault: bool, ends: int) -> list[Bot]:
    """Forty requests, three of which failed, or two; a 404 is an answer."""
    failed = 3.0 if fault else 2.0
    bot = Bot()
    for status, count in (("200", 30 - failed), ("404", 10), ("rate_limit_exceeded", failed)):
        bot.show(
            "trading_api_requests_total",
            lambda second, count=count: float(count) if second >= BEGIN else None,  # type: ignore[misc]
            endpoint="/orders",
            method="POST",
            status=status,
        )
    return [bot]


def slow(fault: bool, ends: int) -> list[Bot]:
    """Requests of 2 s instead of 1 s."""
    bot = Bot()
    for bound in ("1", "2", "+Inf"):
        fast = lambda second: second - (fault * (min(second, ends) - BEGIN) if second > BEGIN else 0.0)  # noqa: E731
        bot.show(
            "trading_api_request_duration_seconds_bucket",
            fast if bound == "1" else float,
            endpoint="/orders",
            method="POST",
            le=bound,
        )
    return [bot]


DISK = {"device": "/dev/sda1", "fstype": "ext4", "mountpoint": "/"}


def machine() -> Bot:
    """A node exporter."""
    return Bot("host:9100", job="node", uptime=None)


def clock(fault: bool, ends: int) -> list[Bot]:
    """A clock that is slow by 200 ms, or 100 ms."""
    return [
        machine().show(
            "node_timex_offset_seconds", lambda second: -0.2 if fault and after(second, BEGIN, ends) else -0.1
        )
    ]


def disk(fault: bool, ends: int) -> list[Bot]:
    """A disk that is nearly full, or not filling any more."""
    free = lambda second: 4.0 if fault and after(second, BEGIN, ends) else 6.0  # noqa: E731
    return [
        machine().show("node_filesystem_avail_bytes", free, **DISK).show("node_filesystem_size_bytes", 100.0, **DISK)
    ]


NODE = {"job": "node", "instance": "host:9100"}
SCENARIOS: dict[str, Scenario] = {
    scenario.alert: scenario
    for scenario in (
        world("ExporterDown", down),
        world("TradingMetricsAbsent", without_metrics),
        world("TargetGone", gone, after=300),
        world("CrashLoop", crashes, delay=180, lasts=200),
        renewed(
            "HeartbeatLate", "trading_heartbeat_timestamp_seconds", 120, *text("HeartbeatLate"), series={"loop": "main"}
        ),
        renewed(
            "SamplerLate",
            "tradmetrics_sampler_last_success_timestamp_seconds",
            120,
            *text("SamplerLate"),
            series={"function": "positions"},
        ),
        world("MarketClosed", closed, after=0),
        gauge("CircuitBreakerTriggered", "trading_circuit_breaker_active", 0, 1, *text("CircuitBreakerTriggered")),
        counter(
            "CircuitBreakerTripped",
            "trading_circuit_breaker_triggers_total",
            1,
            *text("CircuitBreakerTripped"),
            series={"reason": "loss"},
        ),
        counter(
            "CircuitBreakerFlapping",
            "trading_circuit_breaker_triggers_total",
            3,
            *text("CircuitBreakerFlapping"),
            series={"reason": "loss"},
            labels={},
        ),
        gauge("HighDailyLoss", "trading_daily_pnl", -5000, -5000.5, *text("HighDailyLoss")),
        gauge("HighDailyLossPercent", "trading_daily_pnl_percent", -2, -2.5, *text("HighDailyLossPercent")),
        gauge("HighDrawdown", "trading_max_drawdown", 10, 12.34, *text("HighDrawdown")),
        gauge("HighCapitalUtilization", "trading_capital_utilization", 90, 91, *text("HighCapitalUtilization")),
        gauge("LowMargin", "trading_margin_available", 15, 10, *text("LowMargin"), beside={"trading_margin_used": 85}),
        gauge("PositionDrift", "trading_position_drift", 0, -2, *text("PositionDrift"), series={"symbol": "NIFTY"}),
        world("HighOrderRejectionRate", rejects),
        world("AllOrdersRejected", all_rejected, labels=S, lasts=7),
        counter(
            "OrderRejectBurst",
            "trading_orders_rejected_total",
            11,
            *text("OrderRejectBurst"),
            series={"reason": "margin", **S},
            labels={"reason": "margin"},
        ),
        counter(
            "OrderOutcomeUnknown",
            "trading_orders_unknown_total",
            1,
            *text("OrderOutcomeUnknown"),
            series={"reason": "timeout", **S},
        ),
        gauge("OpenOrdersStuck", "trading_order_oldest_open_seconds", 900, 901, *text("OpenOrdersStuck"), series=S),
        counter(
            "SubmittingWithoutFills",
            "trading_orders_submitted_total",
            21,
            *text("SubmittingWithoutFills"),
            series={"side": "BUY", "order_type": "LIMIT", **S},
            labels=S,
        ),
        gauge(
            "OrderRateNearLimit",
            "trading_order_message_rate_max",
            8,
            9,
            *text("OrderRateNearLimit"),
            series={"window": "1s"},
        ),
        world("HighOrderToTradeRatio", messages, lasts=7),
        gauge("StaleMarketData", "trading_market_data_stale", 5, 6, *text("StaleMarketData")),
        world("StaleMarketDataShare", stale),
        renewed(
            "MarketDataSilent",
            "trading_market_data_last_update_timestamp_seconds",
            30,
            *text("MarketDataSilent"),
            series={"symbol": "NIFTY"},
            labels={},
        ),
        world("FeedNeverCame", no_feed, after=60),
        renewed(
            "PositionsWithoutData",
            "trading_market_data_last_update_timestamp_seconds",
            300,
            *text("PositionsWithoutData"),
            series={"symbol": "NIFTY"},
            beside={"trading_positions_open": 3},
            labels={},
            after=60,
        ),
        gauge("StreamDown", "trading_stream_connected", 1, 0, *text("StreamDown"), series={"stream": "orders"}),
        counter(
            "StreamFlapping",
            "trading_stream_connects_total",
            4,
            *text("StreamFlapping"),
            series={"stream": "orders"},
        ),
        gauge("WebSocketDown", "trading_websocket_connections", 1, 0, *text("WebSocketDown"), after=60),
        gauge(
            "LowMLAccuracy", "trading_ml_model_accuracy", 0.6, 0.59, *text("LowMLAccuracy"), series={"model": "trend"}
        ),
        renewed("ModelStale", "trading_ml_last_training_timestamp", 1800, *text("ModelStale"), after=0),
        world("HighErrorRate", errors, labels={"component": "feed"}, lasts=900),
        counter(
            "CriticalError",
            "trading_system_errors_total",
            1,
            *text("CriticalError"),
            series={"component": "orders", "severity": "critical"},
        ),
        world("HighApiErrorRatio", requests, labels={"endpoint": "/orders"}, lasts=7),
        counter(
            "ApiAccessDenied",
            "trading_api_requests_total",
            3,
            *text("ApiAccessDenied"),
            series={"endpoint": "/orders", "method": "POST", "status": "401"},
            labels={"endpoint": "/orders", "status": "401"},
        ),
        world("HighApiLatency", slow, labels={"endpoint": "/orders"}, after=600),
        world("ClockSkew", clock, labels=NODE, instance=None),
        world("DiskFilling", disk, labels={**NODE, **DISK}, instance=None, after=600),
        counter(
            "LabelOverflow",
            "tradmetrics_label_overflow_total",
            1,
            *text("LabelOverflow"),
            series={"metric": "trading_trades_total", "label": "strategy"},
        ),
        counter(
            "InstrumentationErrors",
            "tradmetrics_instrumentation_errors_total",
            1,
            *text("InstrumentationErrors"),
            series={"site": "bot.place_order", "stage": "source"},
        ),
    )
}
