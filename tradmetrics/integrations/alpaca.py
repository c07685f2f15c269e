"""alpaca-py: the orders and HTTP requests of a `TradingClient`, and the trade updates of a `TradingStream`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from tradmetrics.errors import ConfigurationError
from tradmetrics.integrations._hooks import Finish, Handle, check_target, check_version, instrument
from tradmetrics.integrations._orders import Following, Orders, Strategy
from tradmetrics.integrations._requests import watch_session
from tradmetrics.registry.metrics import TradingMetrics

Arguments = Mapping[str, Any]

_SITE: Final = "tradmetrics.integrations.alpaca"
_WITH_IDS: Final = frozenset({"orders", "positions", "assets", "watchlists"})


def instrument_alpaca(
    client: Any = None,
    stream: Any = None,
    *,
    strategy: Strategy = "default",
    metrics: TradingMetrics | None = None,
    restore: object = None,
    max_open: int = 100_000,
    expire_after: float = 86_400.0,
) -> Handle:
    """Record the orders that are sent through a trading client, and what the trade-update stream says of them.

    Orders are counted when they are submitted (closing a position submits one), and followed through the client's
    answers and the stream's events. A replace ends the old id and goes on under the new one, with the time of the
    first submit. An `APIError` is a reject; after a timeout, a lost connection or a status of 500 and more nobody
    knows. Each execution of the stream is a trade, once. Every HTTP request counts in `trading_api_requests_total`,
    retries included, with its HTTP status.

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
        strategy: The label of all orders, or a callable that takes the order and returns it: the request
            (`MarketOrderRequest`, …) when it is submitted. `lambda order: order.client_order_id.split("-")[0]`.
        metrics: The metrics object; by default the process's.
        restore: What `handle.orders.snapshot()` returned in an earlier process, by way of JSON or not: its orders are
            followed on, under the strategies that they have, and not counted again.
        max_open: Open orders that are remembered; for one more, the oldest goes and counts as `evicted`.
        expire_after: Seconds after which an order that has not ended goes, and counts as `evicted`.

    Returns:
        A handle whose `undo()` takes everything out of both again. What is instrumented already keeps what it has,
        and its handle comes back.

    Raises:
        ConfigurationError: When neither is given, one of them is something else, or this version of alpaca-py is not
            one that the adapter is tested with.
        SnapshotError: When `restore` is damaged, foreign, or of a newer version. Nothing is instrumented then.
    """
    targets = []
    if client is not None:
        check_target("instrument_alpaca", client, ("submit_order", "cancel_order_by_id"), "client=TradingClient(…)")
        targets.append(client)
    if stream is not None:
        check_target("instrument_alpaca", stream, ("subscribe_trade_updates",), "stream=TradingStream(…)")
        targets.append(stream)
    if not targets:
        raise ConfigurationError("instrument_alpaca: give client=TradingClient(…), stream=TradingStream(…), or both")
    check_version("alpaca", "alpaca-py", "0.30", "1")
    following = Following(strategy, restore, max_open, expire_after).checked("instrument_alpaca")
    return instrument(
        targets, lambda handle: _Account(handle, following).watch, metrics, _SITE, restores=restore is not None
    )


class _Account:
    def __init__(self, handle: Handle, following: Following) -> None:
        self._handle = handle
        self._orders = Orders(handle, following, dialect="alpaca")

    def watch(self, target: Any) -> None:
        watch = self._handle.watch
        if not hasattr(target, "submit_order"):
            watch(target, "_dispatch", self._message)
            return
        watch(target, "submit_order", self._submit)
        watch(target, "close_position", self._close)
        watch(target, "close_all_positions", self._close)
        watch(target, "replace_order_by_id", self._replace)
        watch(target, "cancel_order_by_id", self._cancel)
        watch(target, "cancel_orders", self._cancel_all)
        for name in ("get_order_by_id", "get_order_by_client_id", "get_orders"):
            watch(target, name, self._fetch)
        watch_session(self._handle, target._session, _endpoint)

    # ── the client ───────────────────────────────────────────────────────────────────────────────────────────────

    def _submit(self, arguments: Arguments) -> Finish:
        request = arguments["order_data"]
        return self._orders.sending(
            request,
            self._answered,
            client_id=request.client_order_id,
            side=request.side,
            order_type=request.type,
            quantity=request.qty,
        )

    def _close(self, arguments: Arguments) -> Finish:
        def finish(result: Any, error: BaseException | None) -> None:
            # What is sold, and how much, is known only now. A refused close has sent no order that has a side.
            for each in result if isinstance(result, list) else [result]:
                order = _fields(_fields(each).get("body", each))
                if "side" in order:
                    self._sent_for_us(order)

        return finish

    def _sent_for_us(self, order: Arguments) -> None:
        self._orders.submitted(_id(order), order, side=order["side"], order_type=order["type"], quantity=order["qty"])
        self._state(order)

    def _answered(self, key: str, result: Any) -> None:
        order = _fields(result)
        self._orders.alias(key, _id(order))
        self._orders.alias(key, str(order["client_order_id"]))
        self._state(order)
        for leg in order.get("legs") or ():
            self._sent_for_us(_fields(leg))

    def _replace(self, arguments: Arguments) -> Finish:
        order_id = str(arguments["order_id"])

        def finish(result: Any, error: BaseException | None) -> None:
            if error is not None or order_id not in self._orders:
                self._orders.message("modify")
                return
            order = _fields(result)
            self._orders.replaced(order_id, _id(order), order["qty"])
            self._state(order)

        return finish

    def _cancel(self, arguments: Arguments) -> Finish | None:
        self._orders.cancelling(str(arguments["order_id"]))
        return None

    def _cancel_all(self, arguments: Arguments) -> Finish | None:
        self._orders.message("cancel")
        return None

    def _fetch(self, arguments: Arguments) -> Finish:
        def finish(result: Any, error: BaseException | None) -> None:
            orders = [_fields(each) for each in (result if isinstance(result, list) else [result])]
            legs = [_fields(leg) for order in orders for leg in order.get("legs") or ()]
            for order in orders + legs:
                if "status" in order and _id(order) in self._orders:
                    self._state(order)

        return finish

    def _state(self, order: Arguments, **fill: Any) -> None:
        self._orders.tracker.updated(_id(order), status=order["status"], filled=order["filled_qty"], **fill)

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
        if event == "replaced":
            new_id = str(order["replaced_by"])
            if order_id in self._orders and new_id not in self._orders:
                # Replaced elsewhere than through this client, or the answer to it is still on its way.
                self._orders.alias(order_id, new_id)
        elif event in ("fill", "partial_fill"):
            if self._orders.first_time(str(update["execution_id"])):
                self._orders.trade(self._orders.label(order_id), order["side"])
            self._state(order, fill_id=update["execution_id"], fill_quantity=update["qty"], price=update["price"])
        else:
            self._state(order)


def _fields(order: Any) -> Arguments:
    """An order's fields, whether the client gives models or (with `raw_data=True`) dictionaries; of None, none."""
    return order if isinstance(order, Mapping) else getattr(order, "__dict__", {})


def _id(order: Arguments) -> str:
    return str(order["id"])


def _endpoint(arguments: Arguments) -> str:
    _, _, resource, *rest = urlsplit(arguments["url"]).path.split("/")
    if rest and resource in _WITH_IDS:
        return f"/{resource}/{{id}}"
    return "/".join(("", resource, *rest))
