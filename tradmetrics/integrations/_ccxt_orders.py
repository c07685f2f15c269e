"""The orders and requests of one ccxt exchange, as its own methods are called and answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from tradmetrics.integrations._ccxt_account import CcxtAccount
from tradmetrics.integrations._ccxt_fills import CcxtFills
from tradmetrics.integrations._ccxt_requests import CcxtRequests, outermost
from tradmetrics.integrations._ccxt_words import (
    STATUSES,
    camel_case,
    count_in,
    id_of,
    is_trigger,
    is_whole,
    one_by_one,
    order_type_of,
    orders_in,
    refusal_of,
    unified,
)
from tradmetrics.integrations.kit import Arguments, Begin, Finish, Handle, Orders, Settings
from tradmetrics.vocabulary import fold as vocabulary

_CLOSES: Final = {"long": "SELL", "buy": "SELL", "short": "BUY", "sell": "BUY"}
"""The side of the order that closes a position of this side."""


class CcxtOrders:
    """Follows what the bot calls.

    Args:
        handle: Of the instrumentation.
        settings: The options.
    """

    def __init__(self, handle: Handle, settings: Settings) -> None:
        self._handle = handle
        self._orders = Orders(handle, settings)
        self._account = CcxtAccount(handle, settings, self._orders.trades)
        self._editing: dict[str, list[Arguments]] = {}
        self._exchange: Any = None
        self._fills = CcxtFills(self._orders, None)

    def watch(self, exchange: Any) -> None:
        """Watch the methods of an exchange."""
        self._exchange, self._fills = exchange, CcxtFills(self._orders, exchange)
        self._account.belongs_to(exchange)
        for name, begin in {
            "create_order": self._create,
            "create_orders": self._create_many,
            "edit_order": self._edit,
            "edit_orders": self._edit_many,
            "cancel_order": self._cancel,
            "cancel_orders": self._cancel_many,
            "cancel_orders_for_symbols": self._cancel_for_symbols,
            "cancel_all_orders": self._cancel_all,
            "close_position": self._close,
            "close_all_positions": self._close_all,
            "fetch_order": self._fetch,
            "fetch_open_order": self._fetch,
            "fetch_closed_order": self._fetch,
            "fetch_orders": self._fetch,
            "fetch_open_orders": self._fetch_open,
            "fetch_closed_orders": self._fetch,
            "fetch_canceled_orders": self._fetch,
            "fetch_canceled_and_closed_orders": self._fetch,
        }.items():
            for spelling in (name, f"{name}_ws"):
                self._watch(exchange, spelling, outermost(self._in_unified_symbols(begin)))
        for name, begin in {
            "watch_orders": self._watch_orders,
            "watch_orders_for_symbols": self._watch_orders,
            "watch_my_trades": lambda _: self._fills.listed,
            "watch_my_trades_for_symbols": lambda _: self._fills.listed,
            "fetch_my_trades": lambda _: self._fills.listed,
            "fetch_my_trades_ws": lambda _: self._fills.listed,
            "fetch_order_trades": lambda _: self._fills.listed,
        }.items():
            self._watch(exchange, name, begin)
        for name, account_begin in self._account.methods().items():
            self._watch(exchange, name, outermost(account_begin))
        CcxtRequests(self._handle).watch(exchange)
        self._handle.watch(exchange, "on_connected", self._account.connected)
        self._handle.watch(exchange, "on_close", self._account.disconnected)
        self._handle.watch(exchange, "on_error", self._account.disconnected)

    def _watch(self, exchange: Any, name: str, begin: Begin) -> None:
        self._handle.watch(exchange, name, begin)
        if (other := camel_case(name)) != name:
            self._handle.watch(exchange, other, begin)

    def _in_unified_symbols(self, begin: Begin) -> Begin:
        """Let a call name its markets as ccxt's answers do: it takes the exchange's own names as well."""

        def renamed(arguments: Arguments) -> Any:
            return {**arguments, "symbol": unified(self._exchange, arguments["symbol"])}

        def begin_renamed(arguments: Arguments) -> Finish | None:
            if arguments.get("symbol"):
                arguments = renamed(arguments)
            if arguments.get("orders"):
                requests = [renamed(each) if each.get("symbol") else each for each in arguments["orders"]]
                arguments = {**arguments, "orders": requests}
            return begin(arguments)

        return begin_renamed

    # ── orders ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _create(self, arguments: Arguments) -> Finish:
        params = arguments.get("params") or {}
        order = {
            "id": None,
            "clientOrderId": params.get("clientOrderId"),
            "symbol": arguments["symbol"],
            "type": arguments["type"],
            "side": arguments["side"],
            "amount": arguments["amount"],
            "price": arguments.get("price"),
            "info": params,
        }
        # No quantity: a market order's `amount` is its cost on some exchanges. The answers have their own.
        return self._orders.send(
            order,
            self._answered,
            client_id=order["clientOrderId"],
            symbol=order["symbol"],
            listed=not is_trigger(params),
            side=order["side"],
            order_type=order_type_of(order["type"], params),
        )

    def _create_many(self, arguments: Arguments) -> Finish:
        return one_by_one([self._create({"amount": None, **request}) for request in arguments["orders"]])

    def _close(self, arguments: Arguments) -> Finish:
        side = _CLOSES.get(str(arguments.get("side")).lower())
        request = {"symbol": arguments["symbol"], "type": "market", "side": side, "amount": None, "price": None}
        return self._create({**request, "params": arguments.get("params")})

    def _close_all(self, arguments: Arguments) -> Finish:
        def finish(result: Any, error: BaseException | None) -> None:
            for order in orders_in(result) if isinstance(result, list) else ():  # how many, is known only now
                request = {"symbol": order.get("symbol"), "type": "market", "side": order.get("side"), "amount": None}
                self._create(request)(order, None)

        return finish

    def _answered(self, key: str, order: Any) -> None:
        # The answer to a close is not always an order.
        if isinstance(order, Mapping):
            self._orders.answer(key, order.get("id"), order.get("clientOrderId"))
            symbol = order.get("symbol")
            for order_id in (order.get("id"), order.get("clientOrderId")) if self._is_unified(symbol) else ():
                if order_id and self._orders.find(order_id, symbol) is None:
                    self._orders.alias(key, order_id, symbol)  # the markets were not loaded when it was sent
            self._state(key, order, "accepted")

    def _is_unified(self, symbol: object) -> bool:
        """Whether an answer names its market as ccxt does; some name it as the exchange does."""
        return symbol in (getattr(self._exchange, "markets", None) or {})

    def _state(self, order_id: str, order: Arguments, default: str | None = None) -> None:
        self._fills.of_order(order)
        filled, told = order.get("filled"), order.get("status")
        told = STATUSES.get(str(told), told)
        status = vocabulary.order_status(told, "ccxt", filled=filled, quantity=order.get("amount"))
        if status == "cancelled" and order_id in self._editing:
            self._editing[order_id].append(order)  # perhaps by the edit: its answer tells
            return
        self._orders.event(
            order_id,
            symbol=order.get("symbol"),
            status=status or told or default,
            filled=filled,
            price=order.get("average"),
            reason=refusal_of(order) if status == "rejected" else None,
        )

    def _edit(self, arguments: Arguments) -> Finish:
        order_id = id_of(arguments)
        self._editing.setdefault(order_id, [])

        def finish(result: Any, error: BaseException | None) -> None:
            cancels = self._editing.pop(order_id, [])
            # In a batch, `rejected` describes the request: the order stays as it was.
            if error is not None or order_id not in self._orders or result.get("status") == "rejected":
                self._orders.message("modify")
            else:
                new_id = result.get("id") or order_id
                if new_id == (result.get("info") or {}).get("amend_id"):
                    new_id = order_id  # Kraken's amend keeps the order's id; ccxt answers that of the amend
                self._orders.replace(order_id, new_id, symbol=arguments.get("symbol"))
                self._state(new_id, result)
            for order in cancels:  # of the old id, which ends nothing after a replace
                self._state(order_id, order)

        return finish

    def _edit_many(self, arguments: Arguments) -> Finish:
        return one_by_one([self._edit({"id": None, **request}) for request in arguments["orders"]])

    # ── cancels ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _cancel(self, arguments: Arguments) -> Finish:
        return self._cancelling([(id_of(arguments), arguments.get("symbol"))])

    def _cancel_many(self, arguments: Arguments) -> Finish:
        order_ids = arguments["ids"] or (arguments.get("params") or {}).get("clientOrderIds") or ()
        return self._cancelling([(order_id, arguments.get("symbol")) for order_id in order_ids])

    def _cancel_for_symbols(self, arguments: Arguments) -> Finish:
        return self._cancelling([(id_of(request), request.get("symbol")) for request in arguments["orders"]])

    def _cancelling(self, requests: Iterable[tuple[str, str | None]]) -> Finish:
        requests = list(requests)
        for order_id, symbol in requests:
            self._orders.cancel(order_id, symbol)
        asked = [each for each in requests if self._orders.find(*each) is not None]

        def finish(result: Any, error: BaseException | None) -> None:
            if error is not None:
                return
            answers = orders_in(result)
            # Of a batch some exchanges answer all, some those that were done, and some nothing that names an order.
            named = {answer[name]: answer for name in ("clientOrderId", "id") for answer in answers if answer.get(name)}
            others = answers[0] if len(requests) == 1 and answers else None if named else {}
            for order_id, symbol in asked:
                answer = named.get(order_id, others)
                if answer is not None and answer.get("status") != "rejected":
                    self._state(order_id, {"symbol": symbol, **_given(answer)}, "cancelled")

        return finish

    def _cancel_all(self, arguments: Arguments) -> Finish:
        self._orders.message("cancel")
        asked = self._orders.open_keys(arguments.get("symbol"))

        def finish(result: Any, error: BaseException | None) -> None:
            if error is not None:
                return
            answers = [each for each in orders_in(result) if each.get("id") or each.get("clientOrderId")]
            for order in answers:
                if (order_id := self._known_id(order)) is not None and order.get("status") != "rejected":
                    self._state(order_id, order, "cancelled")
            if not answers and count_in(result) != 0:
                self._orders.cancelled(asked)

        return finish

    # ── what became of orders ────────────────────────────────────────────────────────────────────────────────────

    def _known_id(self, order: Arguments) -> str | None:
        for order_id in (order.get("id"), order.get("clientOrderId")):
            if order_id is not None and self._orders.find(order_id, order.get("symbol")) is not None:
                return str(order_id)
        return None

    def _fetch(self, arguments: Arguments) -> Finish:
        def finish(result: Any, error: BaseException | None) -> None:
            for order in orders_in(result):
                order_id = self._known_id(order)
                if order_id is not None:
                    self._state(order_id, order)

        return finish

    def _fetch_open(self, arguments: Arguments) -> Finish:
        symbol = arguments.get("symbol")
        before = self._orders.open_keys(symbol) if symbol else []
        take_in = self._fetch(arguments)

        def finish(result: Any, error: BaseException | None) -> None:
            take_in(result, error)
            if before and error is None and is_whole(result, arguments):
                listed = [order.get(name) for order in result for name in ("id", "clientOrderId")]
                self._orders.list_open(before, [each for each in listed if each], symbol)

        return finish

    def _watch_orders(self, arguments: Arguments) -> Finish:
        def finish(result: Any, error: BaseException | None) -> None:
            # All of them: a stream may be ahead of the answer to the create.
            for order in orders_in(result):
                client_id, symbol = order.get("clientOrderId"), order.get("symbol")
                if client_id and order.get("id") and self._orders.find(client_id, symbol) is not None:
                    self._orders.alias(client_id, order["id"], symbol)
                self._state(str(order.get("id") or client_id), order)

        return finish


def _given(order: Arguments) -> dict[str, Any]:
    return {name: value for name, value in order.items() if value is not None}
