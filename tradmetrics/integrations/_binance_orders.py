"""The orders of a Binance client, from its calls, their answers and the user-data streams."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from tradmetrics.integrations import _binance_words as words
from tradmetrics.integrations._binance_account import BinanceAccount
from tradmetrics.integrations.kit import Connection, Finish, Handle, Orders, Settings, request
from tradmetrics.vocabulary.outcomes import status_of_exception

Arguments = Mapping[str, Any]

_FULL_PAGE: Final = 500
_IN_QUOTE: Final = "quoteOrderQty"


class BinanceOrders:
    """Follows what the bot calls, and what its sockets deliver.

    Args:
        handle: Of the instrumentation.
        settings: The options.
    """

    def __init__(self, handle: Handle, settings: Settings) -> None:
        self._handle = handle
        self._orders = Orders(handle, settings, dialect="binance")
        self._account = BinanceAccount(handle, settings, self._orders.trades)

    def watch(self, target: Any) -> None:
        """Watch a client, a manager of sockets, or a socket."""
        if hasattr(target, "create_order"):
            self._watch_client(target)
        elif hasattr(target, "_handle_message"):
            self._watch_socket(target)
        else:
            for name in [each for each in dir(type(target)) if each.startswith("_get") and each.endswith("socket")]:
                self._handle.watch(target, name, lambda _: self._made)
            self._handle.watch(target, "start_listener", lambda arguments: self._made(arguments["socket"], None))

    def _watch_client(self, client: Any) -> None:
        for names, begin in (
            (words.SEND, self._send),
            (words.LISTS[:2], self._send_list),
            (words.CANCEL, self._cancel),
            (words.CANCEL_ALL, self._cancel_all),
            (words.FETCH, lambda _: self._told),
            (words.OPEN, self._fetch_open),
            (words.TRADES, lambda _: self._traded),
            (("cancel_replace_order",), self._cancel_replace),
            (("futures_modify_order", "ws_futures_edit_order"), self._modify),
            (("futures_place_batch_order",), self._send_batch),
        ):
            for name in names:
                self._handle.watch(client, name, begin)
        self._account.watch(client)
        self._handle.watch(client, "_request", self._request)

    def _request(self, arguments: Arguments) -> Finish:
        path = urlsplit(str(arguments["uri"])).path
        return request(self._handle, path, str(arguments["method"]).upper(), status_of_exception)

    # ── sent ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _sending(self, params: Arguments) -> Finish:
        in_quote = params.get("quantity") is None and params.get(_IN_QUOTE) is not None
        return self._orders.send(
            params,
            self._answered,
            client_id=params.get("newClientOrderId"),
            symbol=params.get("symbol"),
            refusal=words.refusal_of,
            side=params.get("side"),
            order_type=params.get("type"),
            quantity=params.get("quantity"),
            quantity_in="quote" if in_quote else None,
            price=params.get("price"),
        )

    def _send(self, arguments: Arguments) -> Finish:
        return self._sending(words.params_of(arguments))

    def _answered(self, key: str, answer: Any) -> None:
        if not isinstance(answer, Mapping):
            return
        if "code" in answer and "orderId" not in answer:  # of a batch
            self._orders.answer(key, status="REJECTED", reason=words.code_word(answer["code"]))
            return
        self._orders.answer(key, answer.get("orderId"), answer.get("clientOrderId"))
        self._state(answer)
        for fill in answer.get("fills") or ():
            self._fill(answer["orderId"], answer["symbol"], answer.get("side"), fill["tradeId"], fill)

    def _send_list(self, arguments: Arguments) -> Finish:
        params = words.params_of(arguments)

        def finish(result: Any, error: BaseException | None) -> None:
            if error is not None or not isinstance(result, Mapping):
                self._sending({**params, "newClientOrderId": None})(result, error)
                return
            reports = {each["orderId"]: each for each in result.get("orderReports") or ()}
            for number, order in enumerate(result.get("orders") or ()):
                report = reports.get(order["orderId"], {})
                self._orders.sent(
                    order["orderId"],
                    {**params, **order},
                    symbol=order["symbol"],
                    message=not number,
                    side=report.get("side") or params.get("side"),
                    order_type=report.get("type"),
                    quantity=report.get("origQty") or params.get("quantity"),
                )
                self._orders.alias(str(order["orderId"]), order.get("clientOrderId"), order["symbol"])
                if report:
                    self._state(report)

        return finish

    def _send_batch(self, arguments: Arguments) -> Finish:
        finishes = [self._sending(each) for each in words.params_of(arguments).get("batchOrders") or ()]

        def finish(result: Any, error: BaseException | None) -> None:
            answers = result if isinstance(result, list) else [None] * len(finishes)
            for each, answer in zip(finishes, answers, strict=False):
                each(answer, error)

        return finish

    def _modify(self, arguments: Arguments) -> Finish:
        params = words.params_of(arguments)

        def finish(result: Any, error: BaseException | None) -> None:
            order_id = params.get("orderId") or params.get("origClientOrderId")
            if error is not None:
                self._orders.message("modify")
            else:
                self._orders.replace(order_id, order_id, params.get("quantity"), symbol=params.get("symbol"))

        return finish

    def _cancel_replace(self, arguments: Arguments) -> Finish:
        params = words.params_of(arguments)
        self._orders.cancel(params.get("cancelOrderId") or params.get("cancelOrigClientOrderId"), params.get("symbol"))
        sent = self._sending(params)

        def finish(result: Any, error: BaseException | None) -> None:
            if isinstance(result, Mapping):
                self._told(result.get("cancelResponse"), None)
                sent(result.get("newOrderResponse"), None)
            else:
                sent(result, error)

        return finish

    # ── cancelled ────────────────────────────────────────────────────────────────────────────────────────────────

    def _cancel(self, arguments: Arguments) -> Finish:
        params = words.params_of(arguments)
        order_id, symbol = params.get("orderId") or params.get("origClientOrderId"), params.get("symbol")
        self._orders.cancel(order_id, symbol)
        return partial(self._told, default="CANCELED")

    def _cancel_all(self, arguments: Arguments) -> Finish:
        self._orders.message("cancel")
        asked = self._orders.open_keys(words.params_of(arguments).get("symbol"))

        def finish(result: Any, error: BaseException | None) -> None:
            if error is None:
                if isinstance(result, list):
                    self._told(result, None, default="CANCELED")
                else:
                    self._orders.cancelled(asked)

        return finish

    # ── told ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _told(self, result: Any, error: BaseException | None, default: str | None = None) -> None:
        for order in [result] if isinstance(result, Mapping) else result or ():
            for each in order.get("orderReports") or [order]:
                symbol = each.get("symbol")
                for order_id in (each.get("orderId"), each.get("origClientOrderId"), each.get("clientOrderId")):
                    if order_id is not None and self._orders.find(order_id, symbol) is not None:
                        self._state({**each, "orderId": order_id, "status": each.get("status") or default})
                        break

    def _fetch_open(self, arguments: Arguments) -> Finish:
        symbol = words.params_of(arguments).get("symbol")
        before = self._orders.open_keys(symbol) if symbol else []

        def finish(result: Any, error: BaseException | None) -> None:
            self._told(result, error)
            if before and isinstance(result, list) and len(result) < _FULL_PAGE:
                self._orders.list_open(before, [each["orderId"] for each in result], symbol)

        return finish

    def _state(self, order: Arguments) -> None:
        filled = order.get("executedQty")
        price = order.get("avgPrice") or None
        self._orders.event(
            order["orderId"], symbol=order.get("symbol"), status=order.get("status"), filled=filled, price=price
        )

    def _traded(self, result: Any, error: BaseException | None) -> None:
        for trade in result or ():
            side = trade.get("side") or ("BUY" if trade.get("isBuyer", trade.get("buyer")) else "SELL")
            self._fill(trade["orderId"], trade["symbol"], side, trade["id"], trade)

    def _fill(self, order_id: object, symbol: str, side: object, number: object, trade: Arguments) -> None:
        pnl = trade.get("realizedPnl")
        self._orders.fill(
            f"{symbol} {number}",
            order_id,
            side,
            symbol=symbol,
            quantity=trade.get("qty"),
            price=trade.get("price"),
            pnl=pnl,
            fee=trade.get("commission"),
            fee_currency=trade.get("commissionAsset"),
            currency=trade.get("marginAsset"),
            opens_short=pnl is not None,
        )

    # ── sockets ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _made(self, socket: Any, error: BaseException | None) -> None:
        if error is None and hasattr(socket, "_handle_message"):
            self._watch_socket(socket)

    def _watch_socket(self, socket: Any) -> None:
        connection = Connection(self._handle, "user" if "keepalive" in type(socket).__module__ else "market_data")
        watch = self._handle.watch
        watch(socket, "_handle_message", lambda _: self._message)
        watch(socket, "connect", lambda _: lambda result, error: None if error else connection.opened())
        watch(socket, "before_reconnect", lambda _: connection.closed())
        watch(socket, "_kill_read_loop", lambda _: connection.closed())

    def _message(self, message: Any, error: BaseException | None) -> None:
        if not isinstance(message, Mapping):
            return
        message = message.get("event", message) if isinstance(message.get("event"), Mapping) else message
        message = message.get("data", message) if isinstance(message.get("data"), Mapping) else message
        kind = message.get("e")
        if kind == "executionReport":
            self._report(message, None)
        elif kind == "ORDER_TRADE_UPDATE":
            self._report(message["o"], message["o"].get("rp"))
        else:
            self._account.message(message)

    def _report(self, order: Arguments, pnl: object) -> None:
        """Take in an order as the user-data streams tell it, spot (`executionReport`) or futures."""
        symbol, order_id, status = order["s"], order["i"], order["X"]
        for client_id in (order.get("c"), order.get("C")):
            if client_id and self._orders.find(order_id, symbol) is None and client_id in self._orders:
                self._orders.alias(client_id, order_id, symbol)  # the stream is ahead of the answer
        is_fill = order.get("x") == "TRADE"
        if is_fill:
            self._orders.fill(
                f"{symbol} {order['t']}",
                order_id,
                order["S"],
                symbol=symbol,
                quantity=order["l"],
                price=order["L"],
                pnl=pnl,
                fee=order.get("n"),
                fee_currency=order.get("N"),
                opens_short=pnl is not None,
            )
        reason = order.get("r")
        self._orders.event(
            order_id,
            symbol=symbol,
            status=status,
            filled=order.get("z"),
            price=order["L"] if is_fill else None,
            reason=str(reason).lower() if status == "REJECTED" and reason and reason != "NONE" else None,
        )
