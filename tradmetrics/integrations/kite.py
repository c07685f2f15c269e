"""kiteconnect: orders, account and HTTP requests of a `KiteConnect`, the postbacks and ticks of a `KiteTicker`."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

from typing_extensions import Unpack

from tradmetrics.errors import ConfigurationError
from tradmetrics.integrations._kite_account import CURRENCY, KiteAccount
from tradmetrics.integrations.kit import (
    Arguments,
    Connection,
    Finish,
    Handle,
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
    watch_route,
    watch_session,
)
from tradmetrics.registry.metrics import TradingMetrics

_SITE: Final = "tradmetrics.integrations.kite"
_MOST_TRIGGERS: Final = 10_000


@shares_options
def instrument_kite(
    kite: Any = None,
    ticker: Any = None,
    *,
    strategy: Strategy = "default",
    symbol: Callable[[Any], object] | None = None,
    metrics: TradingMetrics | None = None,
    **options: Unpack[Options],
) -> Handle:
    """Record orders, account and requests of a `KiteConnect`, and what a `KiteTicker` says of orders and of prices.

    Orders are counted when they are placed, and followed through the ticker's postbacks and the answers of `orders`
    and `order_history`. `place_autoslice_order` is one message, and each of its children is an order. A GTT is not
    one yet: the order that it places is followed once `get_gtt` has told its id. Children that a bracket or cover order
    attaches are followed by their `parent_order_id`. A Kite exception is a reject with its class name as the reason.
    After a timeout, a lost connection, a `NetworkException` (too many requests aside) or a `DataException` nobody
    knows.
    A rejection that comes later has the code that its message begins with (`rms`) as the reason: the message itself
    holds amounts. Every HTTP request counts in `trading_api_requests_total` with Kite's route and its HTTP status, and
    every tick in `trading_market_data_updates_total` with the instrument token as the symbol unless `symbol` says
    otherwise.

    Kite does not tell the P&L of a trade: each trade that `trades` or `order_trades` lists counts once without a P&L,
    unless `pnl_from_fills` is on. `margins` and `positions` fill the gauges when the bot asks for them.

    Example:
        ```python
        from kiteconnect import KiteConnect, KiteTicker
        from tradmetrics.integrations.kite import instrument_kite

        kite, ticker = KiteConnect(api_key="key", access_token="token"), KiteTicker("key", "token")
        instrument_kite(kite, ticker, strategy="momentum")
        ```

    Args:
        kite: A `kiteconnect.KiteConnect`.
        ticker: A `kiteconnect.KiteTicker`, before it connects.
        strategy: The label of all orders, or a callable that takes the order and returns it: the parameters of
            `place_order` by name, which are Kite's own (`tradingsymbol`, `transaction_type`, `tag`, …).
        symbol: A callable that takes a tick, as Kite gives it to `on_ticks`, and returns the label:
            `lambda tick: names[tick["instrument_token"]]`. By default the instrument token.
        metrics: The metrics object; by default the process's.
        options: The options that all adapters share; see `tradmetrics.integrations.kit.Options`.

    Returns:
        A handle whose `undo()` takes everything out of both again. An object that is instrumented already keeps its
        handle, which comes back.

    Raises:
        ConfigurationError: When neither is given, one of them is something else, or this release of kiteconnect is
            older than the first supported one.
        SnapshotError: When `restore` is damaged, foreign, or of a newer version. Nothing is instrumented then.
    """
    targets = []
    if kite is not None:
        check_target("instrument_kite", kite, ("place_order", "reqsession"), "kite=KiteConnect(…)")
        targets.append(kite)
    if ticker is not None:
        check_target("instrument_kite", ticker, ("on_order_update", "subscribe"), "ticker=KiteTicker(…)")
        targets.append(ticker)
    if symbol is not None and not callable(symbol):
        raise ConfigurationError(
            "instrument_kite: symbol is a function of a tick, lambda tick: names[tick['instrument_token']], "
            f"not {symbol!r:.60}"
        )
    if not targets:
        raise ConfigurationError("instrument_kite: give kite=KiteConnect(…), ticker=KiteTicker(…), or both")
    check_version("kiteconnect")
    settings = Settings.read("instrument_kite", strategy, options)
    return instrument(
        targets,
        lambda handle: _Kite(handle, settings, symbol).watch,
        metrics,
        _SITE,
        restores=settings.restore is not None,
    )


class _Kite:
    def __init__(self, handle: Handle, settings: Settings, symbol: Callable[[Any], object] | None) -> None:
        self._handle = handle
        self._symbol = symbol
        self._orders = Orders(handle, settings, dialect="kite")
        self._account = KiteAccount(handle, settings, self._orders.trades.positions)
        self._ticks = Ticks(handle, settings)
        self._triggers: OrderedDict[str, Arguments] = OrderedDict()

    def watch(self, target: Any) -> None:
        watch = self._handle.watch
        if not hasattr(target, "place_order"):
            connection = Connection(self._handle, "ticker")
            watch(target, "_parse_text_message", self._postback)
            watch(target, "_parse_binary", self._ticked)
            watch(target, "_on_connect", lambda _: connection.opened())
            watch(target, "_on_close", lambda _: connection.closed())
            return
        for name, begin in {
            "place_order": self._place,
            "place_autoslice_order": self._place_slices,
            "place_gtt": self._place_trigger,
            "modify_order": self._modify,
            "cancel_order": self._cancel,
            "exit_order": self._cancel,
            "get_gtt": lambda _: self._triggered,
            "get_gtts": lambda _: self._triggered,
            "orders": lambda _: self._listed,
            "order_history": lambda _: self._listed,
            "trades": lambda _: self._traded,
            "order_trades": lambda _: self._traded,
        }.items():
            watch(target, name, begin)
        self._account.watch(target)
        for name in ("quote", "ohlc", "ltp") if self._ticks.records else ():
            watch(target, name, lambda _: self._quoted)
        watch_route(self._handle, target, "_request", lambda arguments: arguments["route"])
        watch_session(self._handle, target.reqsession)

    # ── orders ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _place(self, arguments: Arguments) -> Finish:
        return self._orders.send(
            arguments,
            lambda key, order_id: self._orders.answer(key, order_id),
            side=arguments["transaction_type"],
            order_type=arguments["order_type"],
            quantity=arguments["quantity"],
        )

    def _place_slices(self, arguments: Arguments) -> Finish:
        def finish(result: Any, error: BaseException | None) -> None:
            # How many orders it becomes is known only now. Without children it is one order like any other.
            children = result.get("children") if error is None and isinstance(result, Mapping) else None
            if not children:
                order_id = result.get("order_id") if isinstance(result, Mapping) else result
                self._place(arguments)(order_id, error)
            for number, child in enumerate(children or ()):
                refusal = child.get("error")
                child_id = child.get("order_id") or f"{result.get('order_id')} refused {number}"
                self._sent_for_us(child_id, {**arguments, "quantity": None}, message=not number)
                if refusal:
                    self._orders.event(child_id, status="REJECTED", reason=refusal.get("error_type"))

        return finish

    def _sent_for_us(self, order_id: object, order: Arguments, message: bool = False) -> None:
        self._orders.sent(
            str(order_id),
            order,
            message=message,
            side=order["transaction_type"],
            order_type=order.get("order_type"),
            quantity=order.get("quantity"),
        )

    def _modify(self, arguments: Arguments) -> Finish:
        def finish(result: Any, error: BaseException | None) -> None:
            if error is None:
                self._orders.replace(arguments["order_id"], arguments["order_id"], arguments["quantity"])
            else:
                self._orders.message("modify")

        return finish

    def _cancel(self, arguments: Arguments) -> None:
        self._orders.cancel(arguments["order_id"])

    def _place_trigger(self, arguments: Arguments) -> Finish:
        def finish(result: Any, error: BaseException | None) -> None:
            if isinstance(result, Mapping) and result.get("trigger_id"):
                self._triggers[str(result["trigger_id"])] = arguments
                if len(self._triggers) > _MOST_TRIGGERS:
                    self._triggers.popitem(last=False)

        return finish

    def _triggered(self, result: Any, error: BaseException | None) -> None:
        triggers = [result] if isinstance(result, Mapping) else result or ()
        for trigger in triggers:
            if str(trigger.get("id")) in self._triggers:
                for order in trigger.get("orders") or ():
                    told = (order.get("result") or {}).get("order_result") or {}
                    if told.get("order_id") and told["order_id"] not in self._orders:
                        self._sent_for_us(told["order_id"], order)

    def _listed(self, result: Any, error: BaseException | None) -> None:
        for order in result or ():
            self._attached(order)
            if order["order_id"] in self._orders:
                self._state(order)

    def _attached(self, order: Arguments) -> None:
        """Follow the target or stop that a bracket or cover order has attached."""
        parent = order.get("parent_order_id")
        if parent and parent in self._orders and order["order_id"] not in self._orders:
            self._sent_for_us(order["order_id"], order)

    def _state(self, order: Arguments) -> None:
        status = order["status"]
        self._orders.event(
            order["order_id"],
            status=status,
            filled=order.get("filled_quantity"),
            price=order.get("average_price"),
            reason=leading_code(order.get("status_message")) if status == "REJECTED" else None,
        )

    def _traded(self, result: Any, error: BaseException | None) -> None:
        for trade in result or ():
            order_id = trade["order_id"]
            self._orders.fill(
                f"{order_id} {trade['trade_id']}",  # each segment of the exchange numbers its trades on its own
                order_id,
                trade["transaction_type"],
                symbol=trade.get("tradingsymbol"),
                quantity=trade.get("quantity"),
                price=trade.get("average_price"),
                currency=CURRENCY,
                opens_short=True,
            )

    # ── the ticker, and quotes ───────────────────────────────────────────────────────────────────────────────────

    def _postback(self, arguments: Arguments) -> None:
        message = json.loads(arguments["payload"])
        if message.get("type") == "order":
            self._attached(message["data"])
            self._state(message["data"])

    def _ticked(self, arguments: Arguments) -> Finish:
        def finish(ticks: Any, error: BaseException | None) -> None:
            for tick in ticks or ():
                # Only full quotes have a time; kiteconnect makes it a naive datetime in local time.
                self._ticks.tick(self._symbol_of(tick), tick.get("exchange_timestamp"))

        return finish

    def _quoted(self, result: Any, error: BaseException | None) -> None:
        for name, quote in result.items() if isinstance(result, Mapping) else ():
            self._ticks.tick(name, quote.get("timestamp"))

    def _symbol_of(self, tick: Arguments) -> object:
        return tick["instrument_token"] if self._symbol is None else self._handle.guard(self._symbol, tick)
