"""The orders of a Bybit account, as pybit sends them and its private streams tell of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tradmetrics.integrations._pybit_account import PybitAccount
from tradmetrics.integrations._pybit_trading import PybitTrading
from tradmetrics.integrations._pybit_words import (
    Refused,
    codes_of,
    quote_of,
    reason_in,
    refusal_of,
    result_of,
    rows_of,
    status_of,
)
from tradmetrics.integrations.kit import Arguments, Connection, Finish, Handle, Orders, Settings, request

_TRIGGERS: Final = ("triggerPrice", "triggerDirection")
_FULL_PAGE: Final = 20


class PybitOrders:
    """Follows what the bot calls, and what its streams deliver.

    Args:
        handle: Of the instrumentation.
        settings: The options.
    """

    def __init__(self, handle: Handle, settings: Settings) -> None:
        self._handle = handle
        self._orders = Orders(handle, settings, dialect="bybit")
        self._account = PybitAccount(handle, settings, self._orders.trades)

    def watch(self, target: Any) -> None:
        """Watch an `HTTP`, a `WebSocket` or a `WebSocketTrading`."""
        if hasattr(target, "_send_order_operation"):
            self._watch_trading(target)
            return
        if not hasattr(target, "place_order"):
            self._watch_socket(target)
            return
        for name, begin in {
            "place_order": self._send,
            "place_batch_order": self._send_batch,
            "amend_order": self._amend,
            "amend_batch_order": self._amend_batch,
            "cancel_order": self._cancel,
            "cancel_batch_order": self._cancel_batch,
            "cancel_all_orders": self._cancel_all,
            "get_open_orders": self._fetch_open,
            "get_order_history": lambda _: self._told,
            "get_executions": lambda _: self._executed,
        }.items():
            self._handle.watch(target, name, begin)
        self._account.watch(target)
        self._handle.watch(target, "_submit_request", self._request)

    def _watch_trading(self, socket: Any) -> None:
        operations = {
            "order.create": self._send,
            "order.create-batch": self._send_batch,
            "order.amend": self._amend,
            "order.amend-batch": self._amend_batch,
            "order.cancel": self._cancel,
            "order.cancel-batch": self._cancel_batch,
        }
        PybitTrading(self._handle, operations, refusal_of).watch(socket)

    def _request(self, arguments: Arguments) -> Finish:
        _, _, path = str(arguments["path"]).partition("://")
        endpoint = "/" + path.partition("/")[2] if path else str(arguments["path"])
        return request(self._handle, endpoint, str(arguments["method"]).upper(), status_of)

    # ── sent ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _sending(self, params: Arguments) -> Finish:
        is_trigger = any(params.get(name) is not None for name in _TRIGGERS)
        kind = params.get("orderType")
        if is_trigger:
            kind = "STOP" if str(kind).lower() == "market" else "STOP_LIMIT"
        in_quote = params.get("category") == "spot" and str(params.get("marketUnit")).lower() == "quotecoin"
        market = params.get("category"), params.get("symbol")
        return self._orders.send(
            params,
            lambda key, answer: self._answered(key, answer, market),
            client_id=params.get("orderLinkId") or None,
            refusal=refusal_of,
            side=params.get("side"),
            order_type=kind,
            quantity=params.get("qty"),
            quantity_in="quote" if in_quote else None,
            price=params.get("price"),
        )

    def _answered(self, key: str, order: Any, market: tuple[object, object]) -> None:
        if isinstance(order, Mapping):
            for order_id in (order.get("orderId"), order.get("orderLinkId")):
                self._account.remember(order_id, market)
            self._orders.answer(key, order.get("orderId"), order.get("orderLinkId"), status="accepted")

    def _send(self, arguments: Arguments) -> Finish:
        sent = self._sending(arguments["kwargs"])
        return lambda result, error: sent(result_of(result), error)

    def _send_batch(self, arguments: Arguments) -> Finish:
        requests = arguments["kwargs"].get("request") or ()
        finishes = [self._sending({"category": arguments["kwargs"].get("category"), **each}) for each in requests]

        def finish(result: Any, error: BaseException | None) -> None:
            answers, codes = rows_of(result), codes_of(result)
            for number, each in enumerate(finishes):
                code = codes[number] if number < len(codes) else 0
                if error is None and code:
                    each(None, Refused(code))
                else:
                    each(answers[number] if number < len(answers) else None, error)

        return finish

    def _amend(self, arguments: Arguments) -> Finish:
        params = arguments["kwargs"]

        def finish(result: Any, error: BaseException | None) -> None:
            order_id = params.get("orderId") or params.get("orderLinkId")
            if error is not None:
                self._orders.message("modify")
            else:
                self._orders.replace(order_id, order_id, params.get("qty"))

        return finish

    def _amend_batch(self, arguments: Arguments) -> Finish:
        finishes = [self._amend({"kwargs": each}) for each in arguments["kwargs"].get("request") or ()]

        def finish(result: Any, error: BaseException | None) -> None:
            codes = codes_of(result)
            for number, each in enumerate(finishes):
                code = codes[number] if number < len(codes) else 0
                each(None, Refused(code) if code and error is None else error)

        return finish

    # ── cancelled ────────────────────────────────────────────────────────────────────────────────────────────────

    def _cancel(self, arguments: Arguments) -> None:
        # The answer only says that the request was taken: the stream, or the next look at the order, says the rest.
        params = arguments["kwargs"]
        self._orders.cancel(params.get("orderId") or params.get("orderLinkId"))

    def _cancel_batch(self, arguments: Arguments) -> None:
        for each in arguments["kwargs"].get("request") or ():
            self._cancel({"kwargs": each})

    def _cancel_all(self, arguments: Arguments) -> Finish:
        self._orders.message("cancel")

        def finish(result: Any, error: BaseException | None) -> None:
            for each in rows_of(result) if error is None else ():
                if each.get("orderId") in self._orders:
                    self._orders.event(each["orderId"], status="cancelled")

        return finish

    # ── told ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _told(self, result: Any, error: BaseException | None) -> None:
        for order in rows_of(result) if error is None else ():
            if order.get("orderId") in self._orders or order.get("orderLinkId") in self._orders:
                self._order(order)

    def _fetch_open(self, arguments: Arguments) -> Finish:
        params = arguments["kwargs"]
        # Only a plain list of one symbol: a cursor, a filter or one order are parts of it.
        is_plain = bool(params.get("symbol")) and not set(params) - {"category", "symbol"}
        known = self._orders.open_keys() if is_plain else []

        def finish(result: Any, error: BaseException | None) -> None:
            self._told(result, error)
            if error is None and known and len(rows_of(result)) < _FULL_PAGE:
                market = params.get("category"), params["symbol"]
                before = [key for key in known if self._account.market_of(key) == market]
                self._orders.list_open(before, [each.get("orderId") for each in rows_of(result)])

        return finish

    def _order(self, order: Arguments) -> None:
        order_id, client_id = order.get("orderId"), order.get("orderLinkId")
        if client_id and order_id not in self._orders and client_id in self._orders:
            self._orders.alias(client_id, order_id)  # the stream is ahead of the answer
        if order.get("category"):
            self._account.remember(order_id, (order["category"], order.get("symbol")))
        status = order.get("orderStatus")
        self._orders.event(
            order_id or client_id,
            status=status,
            filled=order.get("cumExecQty"),
            price=order.get("avgPrice") or None,
            reason=reason_in(order),
        )

    def _executed(self, result: Any, error: BaseException | None) -> None:
        category = result_of(result).get("category") if error is None else None
        for each in rows_of(result) if error is None else ():
            self._execution({"category": category, **each})

    def _execution(self, execution: Arguments) -> None:
        kind, symbol = execution.get("execType", "Trade"), execution.get("symbol")
        fee, currency = execution.get("execFee"), execution.get("feeCurrency") or quote_of(symbol)
        if kind == "Funding":
            if fee and self._orders.trades.first_time(f"funding {execution['execId']}"):
                self._account.funding(-float(fee), currency)
            return
        if kind != "Trade":
            return  # a liquidation, a settlement, a delivery: no order of the bot
        closed, pnl = execution.get("closedSize"), execution.get("execPnl")
        is_contract = execution.get("category") not in (None, "spot") or closed not in (None, "")
        if pnl in (None, "") or not is_contract:
            pnl = "0" if is_contract and closed not in (None, "") and not float(closed) else None
        quote = quote_of(symbol)
        self._orders.fill(
            str(execution["execId"]),
            execution["orderId"],
            execution["side"],
            symbol=f"{symbol} spot" if execution.get("category") == "spot" else symbol,
            quantity=execution.get("execQty"),
            price=execution.get("execPrice"),
            pnl=pnl,
            fee=fee,
            fee_currency=currency,
            currency=quote,
            opens_short=is_contract,
            base=None if is_contract else str(symbol).removesuffix(quote or ""),
            closes=None if closed in (None, "") else float(closed) > 0,
        )

    # ── streams ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _watch_socket(self, socket: Any) -> None:
        connection = Connection(
            self._handle, "private" if "(Auth)" in str(getattr(socket, "ws_name", "")) else "public"
        )
        watch = self._handle.watch
        watch(socket, "_process_normal_message", lambda arguments: self._message(arguments, socket))
        watch(socket, "_on_open", lambda _: connection.opened())
        watch(socket, "_on_close", lambda _: connection.closed())
        watch(socket, "_on_error", lambda _: connection.closed())
        watch(socket, "exit", lambda _: connection.closed())
        if self._handle.guard(socket.is_connected):
            connection.opened()

    def _message(self, arguments: Arguments, socket: Any) -> None:
        message = arguments["message"]
        topic, _, more = str(message.get("topic", "")).partition(".")
        if topic == "order":
            for order in message["data"]:
                self._order(order)
        elif topic == "execution":
            if more.startswith("fast") and any(map(_is_full, list(socket.callback_directory))):
                return  # the topic of whole executions tells the same ones with their P&L
            for execution in message["data"]:
                self._execution(execution)
        else:
            self._account.message(topic, message)


def _is_full(topic: str) -> bool:
    """Whether a topic tells of whole executions."""
    return topic.startswith("execution") and not topic.startswith("execution.fast")
