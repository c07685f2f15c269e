"""NautilusTrader: orders, positions, accounts and data of a `TradingNode` or `BacktestEngine`, by its message bus."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from typing_extensions import Unpack

from tradmetrics.integrations.kit import (
    Account,
    Handle,
    Held,
    Options,
    Orders,
    Settings,
    Strategy,
    Ticks,
    check_target,
    check_version,
    instrument,
    leading_code,
    shares_options,
)
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
# The numbers of MarketStatusAction. Open: quoting, cross, rotation, trading. Closed: pre-open and its cross, halt,
# pause, suspend, close, post-close, not available. The others change nothing.
_SESSIONS: Final = {**dict.fromkeys((3, 4, 5, 7), True), **dict.fromkeys((1, 2, 8, 9, 10, 12, 13, 15), False)}


@shares_options
def instrument_nautilus(
    node_or_engine: Any,
    *,
    strategy: Strategy | None = None,
    metrics: TradingMetrics | None = None,
    **options: Unpack[Options],
) -> Handle:
    """Record orders, closed positions, accounts and market data of a trading node or a backtest engine.

    An order counts when a strategy submits it, before the risk engine sees it: one that is denied counts as submitted
    and rejected. A trade is a closed position, with the side that opened it and its realized P&L, which is net of
    commission. Open positions are a gauge by strategy; capital and margin are gauges of all accounts together, in the
    currency of the metrics object. Quotes, trades and bars that strategies subscribe to count as market data, and the
    status of instruments tells whether the session is open. Times are the events' own in a backtest, and local ones
    otherwise. A rejection's reason is the code that its text begins with (`post_only`), or `denied`, or `rejected`.

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
        options: The options that all adapters share; see `tradmetrics.integrations.kit.Options`.

    Returns:
        A handle whose `undo()` takes everything out again. An object that is instrumented already keeps its
        handle, which comes back.

    Raises:
        ConfigurationError: When `node_or_engine` is something else, or this release of nautilus_trader is older
            than the first supported one.
        SnapshotError: When `restore` is damaged, foreign, or of a newer version. Nothing is instrumented then.
    """
    check_target("instrument_nautilus", node_or_engine, ("kernel",), "a TradingNode(…) or a BacktestEngine(…)")
    check_version("nautilus_trader")
    settings = Settings.read("instrument_nautilus", _strategy_id if strategy is None else strategy, options)
    return instrument(
        [node_or_engine.kernel],
        lambda handle: _Kernel(handle, settings).subscribe,
        metrics,
        _SITE,
        restores=settings.restore is not None,
    )


class _Kernel:
    def __init__(self, handle: Handle, settings: Settings) -> None:
        self._handle = handle
        self._orders = Orders(handle, settings, dialect="nautilus", tells_pnl=True)
        self._account = Account(handle, settings)
        self._ticks = Ticks(handle, settings)
        self._runs: dict[str, int] = {}

    def subscribe(self, kernel: Any) -> None:
        self._cache = kernel.cache
        self._backtest = kernel.environment.value == "backtest"
        topics: dict[str, Callable[[Any], None]] = {
            "events.order.*": self._order,
            "events.position.*": self._position,
            "events.account.*": self._balances,
            "events.system.*": self._component,
        }
        if self._ticks.records:
            topics |= {
                "data.quotes.*": self._tick,
                "data.trades.*": self._tick,
                "data.bars.*": self._bar,
                "data.status.*": self._status,
            }
        for topic, function in topics.items():
            hook = self._handle.hook(function)
            kernel.msgbus.subscribe(topic, hook)
            self._handle.on_undo(partial(kernel.msgbus.unsubscribe, topic, hook))

    # ── orders ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _order(self, event: Any) -> None:
        kind = type(event).__name__
        order_id, when = self._id(event), self._when(event)
        if kind == "OrderInitialized":
            if order_id not in self._orders:  # the emulator initialises an order again when it releases it
                order = self._cache.order(event.client_order_id) or event
                self._orders.sent(order_id, order, side=event.side, order_type=event.order_type, timestamp=when)
        elif kind == "OrderAccepted":
            self._orders.event(order_id, status="accepted", timestamp=when)
        elif kind == "OrderFilled":
            # The engine knows what is left, after modifications and conversions from quote quantities too.
            order = self._cache.order(event.client_order_id)
            self._orders.event(
                order_id,
                status="partially_filled" if order is None or float(order.leaves_qty) else "filled",
                fill_id=event.trade_id.value,
                fill_quantity=float(event.last_qty),
                price=float(event.last_px),
                timestamp=when,
            )
            commission = event.commission
            if commission is not None and order_id in self._orders:
                self._orders.trades.fee(self._orders.label(order_id), commission.as_double(), commission.currency.code)
        elif kind == "OrderPendingUpdate":
            self._orders.replace(order_id, order_id, timestamp=when)
        elif kind == "OrderPendingCancel":
            self._orders.cancel(order_id, timestamp=when)
        elif kind in _ENDINGS:
            status = _ENDINGS[kind]
            self._orders.event(order_id, status=status, reason=_reason(event, kind), timestamp=when)

    def _id(self, event: Any) -> str:
        order_id = str(event.client_order_id.value)
        if not self._backtest:
            return order_id  # it stays the same over a restart
        # A backtest that is reset and run again gives the same ids again.
        return f"{self._runs.get(event.strategy_id.value, 0)}/{order_id}"

    def _when(self, event: Any) -> float | None:
        return event.ts_event / 1e9 if self._backtest else None

    def _component(self, event: Any) -> None:
        if int(event.state) == _READY:
            name = event.component_id.value
            self._runs[name] = self._runs.get(name, 0) + 1

    # ── positions, accounts and data ─────────────────────────────────────────────────────────────────────────────

    def _position(self, event: Any) -> None:
        label, is_closed = self._orders.label_of(event), type(event).__name__ == "PositionClosed"
        if is_closed:
            side, pnl = vocabulary.side(int(event.entry), "nautilus"), event.realized_pnl
            self._orders.trades.trade(label, side, pnl.as_double(), pnl.currency.code)
        unrealized = None if is_closed else event.unrealized_pnl
        held = Held(
            event.position_id.value,
            0.0 if is_closed else float(event.signed_qty),
            None if unrealized is None else unrealized.as_double(),
            strategy=label,
            currency=None if unrealized is None else unrealized.currency.code,
        )
        self._account.positions([held], complete=False)

    def _balances(self, event: Any) -> None:
        for balance in event.balances:
            total, locked, free = (money.as_double() for money in (balance.total, balance.locked, balance.free))
            currency = balance.currency.code
            if total or len(event.balances) == 1:
                self._account.balance(
                    account=f"{event.account_id.value} {currency}",
                    currency=currency,
                    total=total,
                    used=locked,
                    available=free,
                    margin_used=locked,
                    margin_available=free,
                )

    def _tick(self, tick: Any) -> None:
        self._ticked(tick.instrument_id, tick)

    def _bar(self, bar: Any) -> None:
        self._ticked(bar.bar_type.instrument_id, bar)

    def _ticked(self, instrument_id: Any, data: Any) -> None:
        if self._backtest:  # the data arrives when it was recorded
            self._ticks.tick(instrument_id.value, age=(data.ts_init - data.ts_event) / 1e9)
        else:
            self._ticks.tick(instrument_id.value, data.ts_event, "ns")

    def _status(self, status: Any) -> None:
        is_open = status.is_trading
        if is_open is None:
            is_open = _SESSIONS.get(int(status.action))
        if is_open is not None:
            self._ticks.session(is_open, status.instrument_id.value)


def _strategy_id(order: Any) -> str:
    return str(order.strategy_id.value)


def _reason(event: Any, kind: str) -> str | None:
    if kind in ("OrderDenied", "OrderRejected"):
        return leading_code(event.reason) or kind.removeprefix("Order").lower()
    return None
