"""backtrader: the orders and closed trades of a Cerebro run, in simulated time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import backtrader  # type: ignore[import-not-found, import-untyped, unused-ignore]
from typing_extensions import Unpack

from tradmetrics.errors import ConfigurationError
from tradmetrics.integrations.kit import (
    Account,
    Finish,
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
    shares_options,
)
from tradmetrics.registry.metrics import TradingMetrics

_SITE: Final = "tradmetrics.integrations.backtrader"
_STATUSES: Final = {
    backtrader.Order.Submitted: "submitted",
    backtrader.Order.Accepted: "accepted",
    backtrader.Order.Partial: "partially_filled",
    backtrader.Order.Completed: "filled",
    backtrader.Order.Canceled: "cancelled",
    backtrader.Order.Expired: "expired",
    backtrader.Order.Margin: "rejected",
    backtrader.Order.Rejected: "rejected",
}
_ORDER_TYPES: Final = {
    backtrader.Order.Market: "MARKET",
    backtrader.Order.Limit: "LIMIT",
    backtrader.Order.Stop: "STOP",
    backtrader.Order.StopLimit: "STOP_LIMIT",
    backtrader.Order.StopTrail: "TRAILING_STOP",
    backtrader.Order.StopTrailLimit: "TRAILING_STOP",
}
_UNIX_EPOCH_DAY: Final = 719_163  # backtrader counts days as datetime.date.toordinal() does


@shares_options
def instrument_backtrader(
    cerebro: backtrader.Cerebro,
    *,
    strategy: Strategy = "default",
    metrics: TradingMetrics | None = None,
    **options: Unpack[Options],
) -> Handle:
    """Record the orders, trades and account of every run of `cerebro`, from the engine's own notifications.

    Orders are counted and timed by an `OrderTracker` in simulated time: from the bar that created the order to the
    bar that filled it. `Margin` is a reject with the reason `margin`. A trade is recorded when it is closed, with the
    side that opened it and its P&L net of commission. Orders that are still open when a run ends stay open. The
    broker's cash, value and positions are gauges, and each bar of each data feed is an update of market data.

    The other adapters' `restore=` does not exist here: backtrader numbers its orders from 1 in each process.

    The engine is observed by an analyzer that is the last one of the Cerebro's own while it runs. An optimisation that
    runs in several processes is not recorded; give it `maxcpus=1`.

    Example:
        ```python
        import backtrader
        from tradmetrics.integrations.backtrader import instrument_backtrader

        cerebro = backtrader.Cerebro()
        with instrument_backtrader(cerebro, strategy="crossover"):
            cerebro.run()
        ```

    Args:
        cerebro: The engine, before `run()`.
        strategy: The label of all orders, or a callable that takes backtrader's order and returns it:
            `lambda order: type(order.owner).__name__`.
        metrics: The metrics object; by default the process's.
        options: The options that all adapters share, `restore` aside; see `tradmetrics.integrations.kit.Options`.

    Returns:
        A handle whose `undo()` takes everything out again. A Cerebro that is instrumented already keeps what it has,
        and its handle comes back.

    Raises:
        ConfigurationError: When this release of backtrader is older than the first supported one.
    """
    check_target("instrument_backtrader", cerebro, ("analyzers", "runstrategies"), "a backtrader.Cerebro()")
    check_version("backtrader")
    if options.get("restore") is not None:
        raise ConfigurationError(
            "instrument_backtrader: leave out restore=, since backtrader numbers its orders from 1 in each process"
        )
    settings = Settings.read("instrument_backtrader", strategy, options)
    return instrument([cerebro], lambda handle: _Engine(handle, settings).watch_runs, metrics, _SITE)


class _Engine:
    """The recorder of a Cerebro's runs."""

    def __reduce__(self) -> tuple[Any, ...]:
        return type(None), ()  # not in a copy, nor in the worker processes of an optimisation

    def __init__(self, handle: Handle, settings: Settings) -> None:
        self.handle = handle
        self.account = Account(handle, settings)
        self.ticks = Ticks(handle, settings)
        self._orders = Orders(handle, settings, tells_pnl=True)
        self._broker: Handle | None = None
        handle.on_undo(self.unwatch)

    def watch_runs(self, cerebro: Any) -> None:
        """Observe each run by an analyzer that the Cerebro has for as long as it runs."""
        entry = (_Analyzer, (), {"_name": "tradmetrics", "engine": self})

        def running(_: object) -> Finish:
            cerebro.analyzers.append(entry)
            return lambda result, error: cerebro.analyzers.remove(entry)

        self.handle.watch(cerebro, "runstrategies", running)

    def submitted(self, order: Any) -> None:
        """Count an order at its first sight, as of the bar that created it."""
        if _id(order) in self._orders:
            return
        self._orders.sent(
            _id(order),
            order,
            side="BUY" if order.isbuy() else "SELL",
            order_type=_ORDER_TYPES.get(order.exectype, "OTHER"),
            quantity=abs(order.created.size),
            reference_price=order.created.pclose,
            timestamp=_seconds(order.created.dt),
        )

    def updated(self, order: Any) -> None:
        """Take in a notification; the order is the engine's copy as of then."""
        self.submitted(order)
        status = _STATUSES.get(order.status)
        self._orders.event(
            _id(order),
            status=status,
            filled=abs(order.executed.size),
            price=_last_price(order),
            reason="margin" if order.status == backtrader.Order.Margin else None,
            timestamp=_seconds(order.data.datetime[0]),
        )

    def watch(self, broker: Any) -> None:
        """Watch the cancels of a run; its strategies share one broker."""
        if self._broker is None and self.handle.active:
            self._broker = Handle(self.handle.metrics, _SITE)
            self._broker.watch(broker, "cancel", self._cancelling)

    def unwatch(self) -> None:
        """Leave the broker alone again."""
        if self._broker is not None:
            self._broker.undo()
            self._broker = None

    def _cancelling(self, arguments: Mapping[str, Any]) -> None:
        # Those of brackets and OCO groups are the engine's own.
        if not arguments.get("bracket"):
            order = arguments["order"]
            self.submitted(order)
            self._orders.cancel(_id(order), timestamp=_seconds(order.data.datetime[0]))

    def closed(self, trade: Any, order: Any) -> None:
        """Record a closed trade; `order` is the one that closed it."""
        label = self._orders.label(_id(order)) if order is not None else None
        self._orders.trades.trade(label, "BUY" if trade.long else "SELL", trade.pnlcomm)
        self._orders.trades.fee(label, trade.commission, None)

    def traded(self, trade: Any) -> None:
        """Set the position of a trade that was opened, changed or closed."""
        held = Held(
            f"{trade.data._name} {trade.tradeid}", 0.0 if trade.isclosed else trade.size, label=trade.data._name
        )
        self.account.positions([held], complete=False)

    def valued(self, cash: float, value: float) -> None:
        """Set the capital to the broker's."""
        self.account.balance(total=value, available=cash, used=value - cash)

    def ticked(self, datas: Any) -> None:
        """Count a bar of each data feed."""
        for data in datas:
            self.ticks.tick(data._name or "data")


class _Analyzer(backtrader.Analyzer):  # type: ignore[misc]
    """Passes one strategy's notifications on to the engine's recorder."""

    csv = False
    params = (("engine", None),)

    def start(self) -> None:
        self._last: dict[Any, Any] = {}
        if self.p.engine is not None:
            self.p.engine.watch(self.strategy.broker)

    def notify_order(self, order: Any) -> None:
        if self.p.engine is not None and self.p.engine.handle.active:
            self._last[order.data, order.tradeid] = order
            self.p.engine.handle.guard(self.p.engine.updated, order)

    def notify_trade(self, trade: Any) -> None:
        if self.p.engine is not None and self.p.engine.handle.active:
            self.p.engine.handle.guard(self.p.engine.traded, trade)
            if trade.isclosed:
                order = self._last.get((trade.data, trade.tradeid))
                self.p.engine.handle.guard(self.p.engine.closed, trade, order)

    def notify_cashvalue(self, cash: float, value: float) -> None:
        if self.p.engine is not None and self.p.engine.handle.active:
            self.p.engine.handle.guard(self.p.engine.valued, cash, value)

    def next(self) -> None:
        if self.p.engine is not None and self.p.engine.handle.active and self.p.engine.ticks.records:
            self.p.engine.handle.guard(self.p.engine.ticked, self.strategy.datas)

    def stop(self) -> None:
        if self.p.engine is not None and self.p.engine.handle.active:
            self.p.engine.unwatch()
            # The engine delivers no notification after the last bar, but what happened in it has happened.
            for order in iter(self.strategy.broker.get_notification, None):
                self.notify_order(order)


def _id(order: Any) -> str:
    return str(order.ref)


def _seconds(days: float) -> float:
    return (days - _UNIX_EPOCH_DAY) * 86_400


def _last_price(order: Any) -> float | None:
    bits = order.executed.getpending()
    return bits[-1].price if bits else None
