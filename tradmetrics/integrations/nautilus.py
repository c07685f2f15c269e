"""NautilusTrader: the orders, positions and account of a `TradingNode` or `BacktestEngine`, by its message bus."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from tradmetrics import catalogue
from tradmetrics.integrations._hooks import Handle, check_target, check_version, instrument
from tradmetrics.integrations._orders import Following, Orders, Strategy, leading_code
from tradmetrics.record.exporter import MetricsExporter
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.vocabulary import fold as vocabulary

_SITE: Final = "tradmetrics.integrations.nautilus"
_READY: Final = 1  # ComponentState.READY, where a component is after a reset
_ENDINGS: Final = {
    "OrderDenied": "rejected",
    "OrderRejected": "rejected",
    "OrderCanceled": "cancelled",
    "OrderExpired": "expired",
}


def instrument_nautilus(
    node_or_engine: Any,
    *,
    strategy: Strategy | None = None,
    metrics: TradingMetrics | None = None,
    restore: object = None,
    max_open: int = 100_000,
    expire_after: float = 86_400.0,
) -> Handle:
    """Record the orders, closed positions and account of a trading node or a backtest engine.

    An order counts when a strategy submits it, before the risk engine sees it: one that is denied counts as submitted
    and rejected. A trade is a closed position, with the side that opened it and its realized P&L. Open positions are
    a gauge by strategy; capital and margin are gauges of the account, for accounts in one currency. Times are the
    events' own in a backtest, and local ones otherwise. A rejection's reason is the code that its text begins with
    (`post_only`), or `denied`, or `rejected`.

    Example:
        ```python
        from nautilus_trader.backtest.engine import BacktestEngine
        from tradmetrics.integrations.nautilus import instrument_nautilus

        engine = BacktestEngine()
        with instrument_nautilus(engine):
            engine.run()
        ```

    Args:
        node_or_engine: A `TradingNode` or a `BacktestEngine`, before it runs.
        strategy: The label of all orders and positions, or a callable that takes NautilusTrader's order (or, for a
            closed position, its event) and returns it. By default their strategy id.
        metrics: The metrics object; by default the process's.
        restore: What `handle.orders.snapshot()` returned in an earlier process, by way of JSON or not: its orders are
            followed on, under the strategies that they have, and not counted again.
        max_open: Open orders that are remembered; for one more, the oldest goes and counts as `evicted`.
        expire_after: Seconds after which an order that has not ended goes, and counts as `evicted`.

    Returns:
        A handle whose `undo()` takes everything out again. What is instrumented already keeps what it has, and its
        handle comes back.

    Raises:
        ConfigurationError: When `node_or_engine` is something else, or this version of nautilus_trader is not one that
            the adapter is tested with.
        SnapshotError: When `restore` is damaged, foreign, or of a newer version. Nothing is instrumented then.
    """
    check_target("instrument_nautilus", node_or_engine, ("kernel",), "a TradingNode(…) or a BacktestEngine(…)")
    check_version("nautilus_trader", "nautilus_trader", "1.220", "1.222")
    label = _strategy_id if strategy is None else strategy
    following = Following(label, restore, max_open, expire_after).checked("instrument_nautilus")
    return instrument(
        [node_or_engine.kernel],
        lambda handle: _Kernel(handle, following).subscribe,
        metrics,
        _SITE,
        restores=restore is not None,
    )


class _Kernel:
    def __init__(self, handle: Handle, following: Following) -> None:
        self._handle = handle
        self._orders = Orders(handle, following, dialect="nautilus")
        self._exporter = MetricsExporter(handle.metrics)
        self._runs: dict[str, int] = {}

    def subscribe(self, kernel: Any) -> None:
        self._cache = kernel.cache
        self._backtest = kernel.environment.value == "backtest"
        for topic, function in {
            "events.order.*": self._order,
            "events.position.*": self._position,
            "events.account.*": self._account,
            "events.system.*": self._component,
        }.items():
            hook = self._handle.hook(function)
            kernel.msgbus.subscribe(topic, hook)
            self._handle.on_undo(partial(kernel.msgbus.unsubscribe, topic, hook))

    # ── orders ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _order(self, event: Any) -> None:
        kind = type(event).__name__
        order_id, when = self._id(event), self._when(event)
        tracker = self._orders.tracker
        if kind == "OrderInitialized":
            if order_id not in self._orders:  # the emulator initialises an order again when it releases it
                order = self._cache.order(event.client_order_id) or event
                self._orders.submitted(order_id, order, side=event.side, order_type=event.order_type, timestamp=when)
        elif kind == "OrderAccepted":
            tracker.updated(order_id, status="accepted", timestamp=when)
        elif kind == "OrderFilled":
            # The engine knows what is left, after modifications and conversions from quote quantities too.
            order = self._cache.order(event.client_order_id)
            tracker.updated(
                order_id,
                status="partially_filled" if order is None or float(order.leaves_qty) else "filled",
                fill_id=event.trade_id.value,
                fill_quantity=float(event.last_qty),
                price=float(event.last_px),
                timestamp=when,
            )
        elif kind == "OrderPendingUpdate":
            self._orders.replaced(order_id, order_id, timestamp=when)
        elif kind == "OrderPendingCancel":
            tracker.cancel_requested(order_id, timestamp=when)
        elif kind in _ENDINGS:
            status = _ENDINGS[kind]
            tracker.updated(order_id, status=status, reason=_reason(event, kind), timestamp=when)

    def _id(self, event: Any) -> str:
        order_id = str(event.client_order_id.value)
        if not self._backtest:
            return order_id  # the same over a restart
        # A backtest that is reset and run again gives the same ids once more.
        return f"{self._runs.get(event.strategy_id.value, 0)}/{order_id}"

    def _when(self, event: Any) -> float | None:
        return event.ts_event / 1e9 if self._backtest else None

    def _component(self, event: Any) -> None:
        if int(event.state) == _READY:
            name = event.component_id.value
            self._runs[name] = self._runs.get(name, 0) + 1

    # ── positions and account ────────────────────────────────────────────────────────────────────────────────────

    def _position(self, event: Any) -> None:
        label = self._orders.label_of(event)
        if type(event).__name__ == "PositionClosed":
            side = vocabulary.side(int(event.entry), "nautilus")
            self._exporter.record_trade(label, side, "executed", event.realized_pnl.as_double())
        count = self._cache.positions_open_count(strategy_id=event.strategy_id)
        self._handle.metrics.record(catalogue.POSITIONS_OPEN, (label,), count, site=_SITE)

    def _account(self, event: Any) -> None:
        if len(event.balances) != 1:
            return  # amounts in different currencies do not add up
        (balance,) = event.balances
        total, locked, free = (money.as_double() for money in (balance.total, balance.locked, balance.free))
        utilization = 100 * locked / total if total else None
        self._exporter.update_capital_metrics(total=total, used=locked, available=free, utilization=utilization)
        self._exporter.update_margin_metrics(used=locked, available=free)


def _strategy_id(order: Any) -> str:
    return str(order.strategy_id.value)


def _reason(event: Any, kind: str) -> str | None:
    if kind in ("OrderDenied", "OrderRejected"):
        return leading_code(event.reason) or kind.removeprefix("Order").lower()
    return None
