"""The monitoring setup guide's own code, unchanged but for two import lines, on a FastAPI app.

pip install tradmetrics[fastapi] uvicorn
python examples/guide_loop.py        # then open http://127.0.0.1:8000/metrics
"""
# ruff: noqa: RUF006 - the guide's own text
# fmt: off

import argparse
import asyncio
import logging
from dataclasses import dataclass
from enum import Enum

import uvicorn
from fastapi import FastAPI

# The guide writes: from backend.monitoring.prometheus_exporter import metrics_router, metrics_exporter
from tradmetrics import metrics_exporter
from tradmetrics.fastapi import metrics_router

logger = logging.getLogger("trading")
app = FastAPI()


# ── a trading system, so that there is something to read ─────────────────────────────────────────────────────────────


@dataclass
class Position:
    strategy: str
    quantity: int
    unrealized_pnl: float


class PositionManager:
    total_capital = 1_000_000.0
    available_margin = 750_000.0

    def get_all_positions(self):
        return [Position("gamma_scalping", 50, 1_250.0), Position("iron_condor", -25, -310.5)]

    def get_used_margin(self):
        return self.total_capital - self.available_margin

    def get_capital_utilization(self):
        return 100 * self.get_used_margin() / self.total_capital


class CircuitBreaker:
    daily_pnl = 939.5
    daily_pnl_percent = 0.09
    realized_pnl = 410.0

    def is_trading_allowed(self):
        return True


class MarketCondition(Enum):
    RANGING = "ranging"
    TRENDING = "trending"


class MarketMonitor:
    current_vix = 14.2
    market_condition = MarketCondition.RANGING


class WebSocketManager:
    def get_connection_count(self):
        return 3


position_manager = PositionManager()
circuit_breaker = CircuitBreaker()
market_monitor = MarketMonitor()


def get_ws_manager():
    return WebSocketManager()


# ── from here on, the guide's text ───────────────────────────────────────────────────────────────────────────────────

# Include metrics router
app.include_router(metrics_router)


# Example: Update metrics in your code
@app.on_event("startup")
async def startup():
    # ... existing startup code ...
    record_events()  # (in the guide, these calls stand where the events happen)

    # Set up periodic metrics updates
    asyncio.create_task(update_metrics_loop())


async def update_metrics_loop():
    """Periodically update Prometheus metrics"""
    while True:
        try:
            # Update position metrics
            positions = position_manager.get_all_positions()
            metrics_exporter.update_position_metrics(positions)

            # Update P&L metrics
            metrics_exporter.update_pnl_metrics(
                daily=circuit_breaker.daily_pnl,
                daily_pct=circuit_breaker.daily_pnl_percent,
                realized=circuit_breaker.realized_pnl
            )

            # Update capital metrics
            metrics_exporter.update_capital_metrics(
                total=position_manager.total_capital,
                used=position_manager.get_used_margin(),
                available=position_manager.available_margin,
                utilization=position_manager.get_capital_utilization()
            )

            # Update circuit breaker
            metrics_exporter.update_circuit_breaker_metrics(
                is_active=not circuit_breaker.is_trading_allowed()
            )

            # Update market metrics
            metrics_exporter.update_market_metrics(
                vix=market_monitor.current_vix,
                condition=market_monitor.market_condition.value
            )

            # Update WebSocket connections
            ws_manager = get_ws_manager()
            metrics_exporter.update_websocket_connections(
                ws_manager.get_connection_count()
            )

        except Exception as e:
            logger.error(f"Error updating metrics: {e}")

        await asyncio.sleep(5)  # Update every 5 seconds


def record_events():
    # When a trade is executed
    metrics_exporter.record_trade(
        strategy="gamma_scalping",
        side="BUY",
        status="filled",
        pnl=125.50
    )

    # When an order is placed
    metrics_exporter.record_order(
        strategy="gamma_scalping",
        side="BUY",
        order_type="LIMIT",
        status="submitted"
    )

    # When order is filled
    metrics_exporter.record_order(
        strategy="gamma_scalping",
        side="BUY",
        order_type="LIMIT",
        status="filled",
        fill_time=0.75  # seconds
    )

    # When circuit breaker triggers
    metrics_exporter.record_circuit_breaker_trigger(
        reason="max_daily_loss"
    )

    # When market data updates
    metrics_exporter.record_market_data_update(
        symbol="NIFTY24600CE",
        age_seconds=0.5
    )

    # When system error occurs
    metrics_exporter.record_system_error(
        component="order_manager",
        severity="error"
    )

    # When ML prediction is made
    metrics_exporter.record_ml_prediction(
        model="xgboost",
        prediction="take_trade"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    uvicorn.run(app, host="127.0.0.1", port=parser.parse_args().port)
