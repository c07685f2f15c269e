"""kiteconnect: the orders and HTTP requests of a `KiteConnect`, the postbacks and ticks of a `KiteTicker`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final

from tradmetrics.errors import ConfigurationError
from tradmetrics.integrations._hooks import Finish, Handle, check_target, check_version, instrument
from tradmetrics.integrations._orders import Following, Orders, Strategy, leading_code
from tradmetrics.integrations._requests import watch_session
from tradmetrics.record.exporter import MetricsExporter
from tradmetrics.registry.metrics import TradingMetrics

Arguments = Mapping[str, Any]

_SITE: Final = "tradmetrics.integrations.kite"

_route: Final[ContextVar[str]] = ContextVar("tradmetrics_kite_route", default="unknown")


def instrument_kite(
    kite: Any = None,
    ticker: Any = None,
    *,
    strategy: Strategy = "default",
    symbol: Callable[[Any], object] | None = None,
    metrics: TradingMetrics | None = None,
    restore: object = None,
    max_open: int = 100_000,
    expire_after: float = 86_400.0,
) -> Handle:
    """Record the orders that are placed through a `KiteConnect`, and what a `KiteTicker` says of them and of prices.

    Orders are counted when they are placed, and followed through the ticker's postbacks and the answers of `orders`
    and `order_history`. A Kite exception is a reject with its class name as the reason; after a timeout, a lost
    connection, a `NetworkException` (too many requests aside) or a `DataException` nobody knows. A rejection that
    comes later has the code that its message begins with (`rms`) as the reason: the message itself holds amounts.
    Each trade that `trades` or `order_trades` lists counts once. Every HTTP request counts in
    `trading_api_requests_total` with Kite's route and its HTTP status, and every tick in
    `trading_market_data_updates_total` with the instrument token as the symbol unless
    `symbol` says otherwise.

    Example:
        ```python
        from kiteconnect import KiteConnect, KiteTicker
        from tradmetrics.integrations.kite import instrument_kite

        kite, ticker = KiteConnect(api_key="key", access_token="token"), KiteTicker("key", "token")
        instrument_kite(kite, ticker, strategy="momentum")
        ```

    Args:
        kite: A `kiteconnect.KiteConnect`.
        ticker: A `kiteconnect.KiteTicker`, before or after it connects.
        strategy: The label of all orders, or a callable that takes the order and returns it: the parameters of
            `place_order` by name, which are Kite's own (`tradingsymbol`, `transaction_type`, `tag`, …).
        symbol: A callable that takes a tick, as Kite gives it to `on_ticks`, and returns the label:
            `lambda tick: names[tick["instrument_token"]]`. By default the instrument token.
        metrics: The metrics object; by default the process's.
        restore: What `handle.orders.snapshot()` returned in an earlier process, by way of JSON or not: its orders are
            followed on, under the strategies that they have, and not counted again.
        max_open: Open orders that are remembered; for one more, the oldest goes and counts as `evicted`.
        expire_after: Seconds after which an order that has not ended goes, and counts as `evicted`.

    Returns:
        A handle whose `undo()` takes everything out of both again. What is instrumented already keeps what it has,
        and its handle comes back.

    Raises:
        ConfigurationError: When neither is given, one of them is something else, or this version of kiteconnect is
            not one that the adapter is tested with.
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
    check_version("kiteconnect", "kiteconnect", "5.0", "6")
    following = Following(strategy, restore, max_open, expire_after).checked("instrument_kite")
    return instrument(
        targets, lambda handle: _Account(handle, following, symbol).watch, metrics, _SITE, restores=restore is not None
    )


class _Account:
    def __init__(self, handle: Handle, following: Following, symbol: Callable[[Any], object] | None) -> None:
        self._handle = handle
        self._symbol = symbol
        self._orders = Orders(handle, following, dialect="kite")
        self._exporter = MetricsExporter(handle.metrics)

    def watch(self, target: Any) -> None:
        watch = self._handle.watch
        if not hasattr(target, "place_order"):
            watch(target, "_parse_text_message", self._postback)
            watch(target, "_parse_binary", self._ticks)
            return
        watch(target, "place_order", self._place)
        watch(target, "modify_order", self._modify)
        watch(target, "cancel_order", self._cancel)
        for name in ("orders", "order_history"):
            watch(target, name, self._fetch)
        for name in ("trades", "order_trades"):
            watch(target, name, self._trades)
        watch(target, "_request", self._request)
        watch_session(self._handle, target.reqsession, lambda arguments: _route.get())

    # ── the client ───────────────────────────────────────────────────────────────────────────────────────────────

    def _place(self, arguments: Arguments) -> Finish:
        return self._orders.sending(
            arguments,
            self._answered,
            side=arguments["transaction_type"],
            order_type=arguments["order_type"],
            quantity=arguments["quantity"],
        )

    def _answered(self, key: str, order_id: str) -> None:
        self._orders.alias(key, order_id)

    def _modify(self, arguments: Arguments) -> Finish:
        def finish(result: Any, error: BaseException | None) -> None:
            if error is None:
                self._orders.replaced(arguments["order_id"], arguments["order_id"], arguments["quantity"])
            else:
                self._orders.message("modify")

        return finish

    def _cancel(self, arguments: Arguments) -> None:
        self._orders.cancelling(arguments["order_id"])

    def _fetch(self, arguments: Arguments) -> Finish:
        def finish(result: Any, error: BaseException | None) -> None:
            for order in result or ():
                if order["order_id"] in self._orders:
                    self._state(order)

        return finish

    def _state(self, order: Arguments) -> None:
        status = order["status"]
        self._orders.tracker.updated(
            order["order_id"],
            status=status,
            filled=order.get("filled_quantity"),
            price=order.get("average_price"),
            reason=leading_code(order.get("status_message")) if status == "REJECTED" else None,
        )

    def _trades(self, arguments: Arguments) -> Finish:
        def finish(result: Any, error: BaseException | None) -> None:
            for trade in result or ():
                order_id = trade["order_id"]
                # Each segment of the exchange numbers its trades on its own.
                self._orders.listed(f"{order_id} {trade['trade_id']}", order_id, trade["transaction_type"])

        return finish

    def _request(self, arguments: Arguments) -> Finish:
        token = _route.set(arguments["route"])

        def finish(result: Any, error: BaseException | None) -> None:
            _route.reset(token)

        return finish

    # ── the ticker ───────────────────────────────────────────────────────────────────────────────────────────────

    def _postback(self, arguments: Arguments) -> None:
        message = json.loads(arguments["payload"])
        if message.get("type") == "order":
            self._state(message["data"])

    def _ticks(self, arguments: Arguments) -> Finish:
        def finish(ticks: Any, error: BaseException | None) -> None:
            now = time.time()
            for tick in ticks or ():
                # Only full quotes have a time; kiteconnect makes it a naive datetime in local time.
                at = tick.get("exchange_timestamp")
                age = None if at is None else now - at.timestamp()
                self._exporter.record_market_data_update(symbol=self._symbol_of(tick), age_seconds=age)

        return finish

    def _symbol_of(self, tick: Arguments) -> object:
        return tick["instrument_token"] if self._symbol is None else self._handle.guard(self._symbol, tick)
