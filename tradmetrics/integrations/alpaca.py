"""alpaca-py: orders, account and HTTP requests of a `TradingClient`, its trade updates, and market data."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from typing_extensions import Unpack

from tradmetrics.errors import ConfigurationError
from tradmetrics.integrations._alpaca_account import AlpacaAccount, fields
from tradmetrics.integrations.kit import (
    Arguments,
    Connection,
    Finish,
    Handle,
    Options,
    Orders,
    Settings,
    Strategy,
    check_target,
    check_version,
    instrument,
    shares_options,
    watch_route,
    watch_session,
)
from tradmetrics.registry.metrics import TradingMetrics

_SITE: Final = "tradmetrics.integrations.alpaca"
_WITH_IDS: Final = frozenset({"orders", "positions", "assets", "watchlists"})
_MULTI_LEG: Final = "mleg"
_ENDED_UNFILLED: Final = frozenset({"canceled", "expired", "rejected"})
_MOST_PARENTS: Final = 10_000


@shares_options
def instrument_alpaca(
    client: Any = None,
    stream: Any = None,
    data: Any = None,
    *,
    strategy: Strategy = "default",
    metrics: TradingMetrics | None = None,
    **options: Unpack[Options],
) -> Handle:
    """Record orders, executions, account and market data of alpaca-py's clients and streams.

    Orders are counted when they are submitted (closing a position submits one), and followed through the client's
    answers and the stream's events. A replace ends the old id and goes on under the new one, with the time of the
    first submit. A bracket and a multi-leg order are one message; their legs are orders of their own, and held legs end
    with their parent. An `APIError` is a reject; after a timeout, a lost connection or a status of 500 and more nobody
    knows. Every HTTP request counts in `trading_api_requests_total`, retries included, with its HTTP status.

    Alpaca does not tell the P&L of an execution: each execution of the stream is a trade without a P&L, once, unless
    `pnl_from_fills` is on. Executions of orders that this bot never sent are not its trades.

    The bot's own requests fill the gauges: `get_account`, `get_all_positions`, `get_open_position`, the latest quotes,
    trades and bars. The adapter sends no request.

    Example:
        ```python
        from alpaca.trading.client import TradingClient
        from alpaca.trading.stream import TradingStream
        from tradmetrics.integrations.alpaca import instrument_alpaca

        client, stream = TradingClient("key", "secret"), TradingStream("key", "secret")
        instrument_alpaca(client, stream, strategy="momentum")
        ```

    Args:
        client: An `alpaca.trading.client.TradingClient`.
        stream: An `alpaca.trading.stream.TradingStream`, before or after it subscribes.
        data: Where market data comes from: a stream such as `StockDataStream`, a client such as
            `StockHistoricalDataClient`, or a list of these.
        strategy: The label of all orders, or a callable that takes the order and returns it: the request
            (`MarketOrderRequest`, …) when it is submitted. `lambda order: order.client_order_id.split("-")[0]`.
        metrics: The metrics object; by default the process's.
        options: The options that all adapters share; see `tradmetrics.integrations.kit.Options`.

    Returns:
        A handle whose `undo()` takes everything out again. An object that is instrumented already keeps its
        handle, which comes back.

    Raises:
        ConfigurationError: When nothing is given, something else is given, or this release of alpaca-py is older than
            the first supported one.
        SnapshotError: When `restore` is damaged, foreign, or of a newer version. Nothing is instrumented then.
    """
    targets = []
    if client is not None:
        check_target("instrument_alpaca", client, ("submit_order", "cancel_order_by_id"), "client=TradingClient(…)")
        targets.append(client)
    if stream is not None:
        check_target("instrument_alpaca", stream, ("subscribe_trade_updates",), "stream=TradingStream(…)")
        targets.append(stream)
    for source in data if isinstance(data, list | tuple) else () if data is None else (data,):
        if not hasattr(source, "_dispatch"):
            check_target("instrument_alpaca", source, ("_one_request",), "data=StockDataStream(…)")
        targets.append(source)
    if not targets:
        raise ConfigurationError(
            "instrument_alpaca: give client=TradingClient(…), stream=TradingStream(…), data=StockDataStream(…), "
            "or some of them"
        )
    check_version("alpaca-py")
    settings = Settings.read("instrument_alpaca", strategy, options)
    return instrument(
        targets, lambda handle: _Alpaca(handle, settings).watch, metrics, _SITE, restores=settings.restore is not None
    )


class _Alpaca:
    def __init__(self, handle: Handle, settings: Settings) -> None:
        self._handle = handle
        self._orders = Orders(handle, settings, dialect="alpaca")
        self._account = AlpacaAccount(handle, settings, self._orders.trades.positions)
        self._legs: OrderedDict[str, list[str]] = OrderedDict()

    def watch(self, target: Any) -> None:
        watch = self._handle.watch
        if hasattr(target, "_dispatch"):
            is_orders = hasattr(target, "subscribe_trade_updates")
            watch(target, "_dispatch", self._message if is_orders else self._account.data_message)
            connection = Connection(self._handle, "orders" if is_orders else "market_data")
            watch(target, "_start_ws", lambda _: lambda result, error: None if error else connection.opened())
            watch(target, "close", lambda _: connection.closed())
            return
        watch_route(self._handle, target, "_one_request", _endpoint)
        watch_session(self._handle, target._session)
        if not hasattr(target, "submit_order"):
            self._account.watch_data(target)
            return
        self._account.watch(target)
        watch(target, "submit_order", self._submit)
        watch(target, "close_position", self._close)
        watch(target, "close_all_positions", self._close)
        watch(target, "replace_order_by_id", self._replace)
        watch(target, "cancel_order_by_id", self._cancel)
        watch(target, "cancel_orders", self._cancel_all)
        for name in ("get_order_by_id", "get_order_by_client_id", "get_orders"):
            watch(target, name, self._fetch)

    # ── the client ───────────────────────────────────────────────────────────────────────────────────────────────

    def _submit(self, arguments: Arguments) -> Finish:
        request = arguments["order_data"]
        return self._orders.send(
            request,
            self._answered,
            client_id=request.client_order_id,
            side=request.side,
            order_type=request.type,
            quantity=request.qty,
        )

    def _close(self, arguments: Arguments) -> Finish:
        def finish(result: Any, error: BaseException | None) -> None:
            # Only the answer names the side and the quantity. A refused close has sent no order that has a side.
            for each in result if isinstance(result, list) else [result]:
                order = fields(fields(each).get("body", each))
                if "side" in order:
                    self._sent_for_us(order)

        return finish

    def _sent_for_us(self, order: Arguments, message: bool = True) -> None:
        if _id(order) not in self._orders:
            self._orders.sent(
                _id(order),
                order,
                message=message,
                side=order["side"],
                order_type=order["type"],
                quantity=order["qty"],
            )
        self._state(order)

    def _answered(self, key: str, result: Any) -> None:
        order = fields(result)
        self._orders.answer(key, _id(order), order["client_order_id"])
        self._state(order)
        self._follow_legs(order)

    def _follow_legs(self, order: Arguments) -> None:
        legs = [fields(leg) for leg in order.get("legs") or ()]
        if legs and _id(order) in self._orders:
            self._legs[_id(order)] = [_id(leg) for leg in legs]
            if len(self._legs) > _MOST_PARENTS:
                self._legs.popitem(last=False)
            for leg in legs:  # they go with their parent, in one message
                self._sent_for_us(leg, message=False)

    def _replace(self, arguments: Arguments) -> Finish:
        order_id = str(arguments["order_id"])

        def finish(result: Any, error: BaseException | None) -> None:
            if error is not None or order_id not in self._orders:
                self._orders.message("modify")
                return
            order = fields(result)
            self._orders.replace(order_id, _id(order), order["qty"])
            self._state(order)

        return finish

    def _cancel(self, arguments: Arguments) -> Finish | None:
        self._orders.cancel(str(arguments["order_id"]))
        return None

    def _cancel_all(self, arguments: Arguments) -> Finish | None:
        self._orders.message("cancel")
        return None

    def _fetch(self, arguments: Arguments) -> Finish:
        def finish(result: Any, error: BaseException | None) -> None:
            for order in [fields(each) for each in (result if isinstance(result, list) else [result])]:
                if "status" in order and _id(order) in self._orders:
                    self._state(order)
                for leg in map(fields, order.get("legs") or ()):
                    if "status" in leg and _id(leg) in self._orders:
                        self._state(leg)

        return finish

    def _state(self, order: Arguments, **fill: Any) -> None:
        order_id, status = _id(order), str(getattr(order["status"], "value", order["status"]))
        self._orders.event(order_id, status=status, filled=order["filled_qty"], **fill)
        if order_id in self._legs and _is_over(order, status):
            # The stream keeps silent about legs that were held: they end with their parent.
            end = "filled" if status == "filled" else "cancelled"
            for leg in self._legs.pop(order_id):
                if self._orders.is_open(leg):
                    self._orders.event(leg, status=end)

    # ── the stream ───────────────────────────────────────────────────────────────────────────────────────────────

    def _message(self, arguments: Arguments) -> Finish | None:
        message = arguments["msg"]
        if message.get("stream") == "trade_updates":
            self._update(message["data"])
        return None

    def _update(self, update: Arguments) -> None:
        order, event = update["order"], update["event"]
        order_id, client_id = _id(order), str(order["client_order_id"])
        if order_id not in self._orders and client_id in self._orders:
            self._orders.alias(client_id, order_id)  # the stream is ahead of the answer
        self._follow_legs(order)
        if event == "replaced":
            new_id = str(order["replaced_by"])
            if order_id in self._orders and new_id not in self._orders:
                # Replaced elsewhere than through this client, or the answer to it is still on its way.
                self._orders.alias(order_id, new_id)
        elif event in ("fill", "partial_fill"):
            self._orders.fill(
                str(update["execution_id"]),
                order_id,
                order["side"],
                symbol=order.get("symbol") or None,
                quantity=update["qty"],
                price=update["price"],
                contract_size=100.0 if order.get("asset_class") == "us_option" else 1.0,
                opens_short=True,
                currency="USD",
            )
            self._state(order, fill_id=update["execution_id"], fill_quantity=update["qty"], price=update["price"])
        else:
            self._state(order)


def _is_over(order: Arguments, status: str) -> bool:
    """Whether a parent is over in a way that ends the legs that are still held."""
    kind = order.get("order_class")
    is_multi_leg = str(getattr(kind, "value", kind)) == _MULTI_LEG
    if status == "filled":
        return is_multi_leg
    return status in _ENDED_UNFILLED and (is_multi_leg or not float(order["filled_qty"] or 0))


def _id(order: Arguments) -> str:
    return str(order["id"])


def _endpoint(arguments: Arguments) -> str:
    _, _, resource, *rest = urlsplit(arguments["url"]).path.split("/")
    if rest and resource in _WITH_IDS:
        return f"/{resource}/{{id}}"
    return "/".join(("", resource, *_without_symbol(rest)))


def _without_symbol(parts: Iterable[str]) -> Iterable[str]:
    return ("{symbol}" if part.isupper() else part for part in parts)
