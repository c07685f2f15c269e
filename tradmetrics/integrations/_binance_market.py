"""The orders of one of Binance's markets, from the calls of a client, their answers and the user-data streams."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from tradmetrics.integrations import _binance_words as words
from tradmetrics.integrations._binance_algos import BinanceAlgos
from tradmetrics.integrations._binance_owners import OrderOwners
from tradmetrics.integrations.kit import Arguments, Finish, Handle, Orders

_FULL_PAGE: Final = 500
_IN_QUOTE: Final = "quoteOrderQty"


class BinanceMarket:
    """Follows the orders of one market: spot and margin, or contracts. `BTCUSDT` is an instrument in each of them.

    Args:
        handle: Of the instrumentation.
        orders: Takes the orders of all markets.
        calls: The methods that trade in this market.
        name: Goes behind the symbols of this market, to tell them from those of another one.

    Attributes:
        algos: Its conditional orders.
    """

    def __init__(self, handle: Handle, orders: Orders, calls: words.Calls, name: str = "") -> None:
        self._handle = handle
        self._orders = orders
        self._calls = calls
        self._name = name
        self.algos = BinanceAlgos(orders)
        self._owners = OrderOwners(orders)

    def watch(self, client: Any) -> None:
        """Watch the calls of a client that trade in this market."""
        calls = self._calls
        for names, begin in (
            (calls.batches, self._send_batch),
            (calls.modify, self._modify),
            (calls.replace, self._cancel_replace),
            (calls.cancel, self._cancel),
            (calls.cancel_many, self._cancel_many),
            (calls.cancel_all, self._cancel_all),
            (calls.fetch, lambda _: self._told),
            (calls.trades, lambda _: self._traded),
        ):
            for name in names:
                self._handle.watch(client, name, begin)
        for name in calls.send:
            self._handle.watch(client, name, partial(self._send, account=words.account_of(name)))
        for name in calls.lists:
            self._handle.watch(client, name, partial(self._send_list, account=words.account_of(name)))
        for name in calls.fetch_open:
            self._handle.watch(client, name, partial(self._fetch_open, account=words.account_of(name)))

    def watch_shortcuts(self, client: Any) -> None:
        """Watch the calls that python-binance has for futures beside those of the other markets."""
        for name, more in words.SHORTCUTS.items():
            self._handle.watch(client, name, partial(self._send, more=more))
        for name in words.CANCEL_ALL_CONDITIONAL:
            self._handle.watch(client, name, self._cancel_all_conditional)

    def _symbol(self, symbol: object) -> str | None:
        return None if symbol is None else f"{symbol}{self._name}"

    # ── sent ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _sending(self, params: Arguments, account: str = "") -> Finish:
        in_quote = params.get("quantity") is None and params.get(_IN_QUOTE) is not None
        is_conditional = not self._name and words.is_conditional(params)
        return self._orders.send(
            params,
            partial(self._answered, account=account),
            client_id=words.client_id_of(params, is_conditional),
            symbol=self._symbol(params.get("symbol")),
            listed=not is_conditional,
            refusal=words.refusal_of,
            side=params.get("side"),
            order_type=params.get("type") or params.get("strategyType"),
            quantity=params.get("quantity"),
            quantity_in="quote" if in_quote else None,
            price=params.get("price"),
        )

    def _send(self, arguments: Arguments, more: Arguments | None = None, account: str = "") -> Finish:
        return self._sending({**words.params_of(arguments), **(more or {})}, account)

    def _answered(self, key: str, answer: Any, account: str = "") -> None:
        if not isinstance(answer, Mapping):
            return
        if self.algos.is_one(answer):
            self.algos.answered(key, answer)
            return
        if "orderId" not in answer:
            if "code" in answer:  # of a batch
                self._orders.answer(key, status="REJECTED", reason=words.code_word(answer["code"]))
            return
        self._orders.answer(key, answer["orderId"], answer.get("clientOrderId"))
        order_ids = (answer["orderId"], answer.get("clientOrderId"))
        self._owners.remember(order_ids, self._symbol(answer.get("symbol")), account)
        self._state(answer)
        for fill in answer.get("fills") or ():
            self._fill(answer["orderId"], answer["symbol"], answer.get("side"), fill["tradeId"], fill)

    def _send_list(self, arguments: Arguments, account: str = "") -> Finish:
        params = words.params_of(arguments)

        def finish(result: Any, error: BaseException | None) -> None:
            if error is not None or not isinstance(result, Mapping):
                self._sending({**params, "newClientOrderId": None})(result, error)
                return
            reports = {each["orderId"]: each for each in result.get("orderReports") or ()}
            for number, order in enumerate(result.get("orders") or ()):
                report, symbol = reports.get(order["orderId"], {}), self._symbol(order["symbol"])
                self._orders.sent(
                    order["orderId"],
                    {**params, **order},
                    symbol=symbol,
                    message=not number,
                    side=report.get("side") or params.get("side"),
                    order_type=report.get("type"),
                    quantity=report.get("origQty") or params.get("quantity"),
                )
                self._orders.alias(str(order["orderId"]), order.get("clientOrderId"), symbol)
                self._owners.remember((order["orderId"], order.get("clientOrderId")), symbol, account)
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
        order_id, symbol = params.get("orderId") or params.get("origClientOrderId"), self._symbol(params.get("symbol"))

        def finish(result: Any, error: BaseException | None) -> None:
            if error is not None:
                self._orders.message("modify")
            else:
                self._orders.replace(order_id, order_id, params.get("quantity"), symbol=symbol)

        return finish

    def _cancel_replace(self, arguments: Arguments) -> Finish:
        params = words.params_of(arguments)
        old = params.get("cancelOrderId") or params.get("cancelOrigClientOrderId")
        self._orders.cancel(old, self._symbol(params.get("symbol")))
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
        order_id = self.algos.id_of(params) or params.get("orderId") or params.get("origClientOrderId")
        self._orders.cancel(order_id, self._symbol(params.get("symbol")))
        return partial(self._told, default="CANCELED")

    def _cancel_many(self, arguments: Arguments) -> Finish:
        params = words.params_of(arguments)
        order_ids = words.ids_of(params)
        for order_id in order_ids:
            self._orders.cancel(order_id, self._symbol(params.get("symbol")))
        if not order_ids:  # a list of orders, by its own number
            self._orders.message("cancel")
        return self._told

    def _cancel_all(self, arguments: Arguments) -> Finish:
        params = words.params_of(arguments)
        if params.get("conditional"):
            return self._cancel_all_conditional(arguments)
        self._orders.message("cancel")
        asked = self._orders.open_keys(self._symbol(params.get("symbol")))

        def finish(result: Any, error: BaseException | None) -> None:
            if error is None:
                if isinstance(result, list):
                    self._told(result, None, default="CANCELED")
                else:
                    self._orders.cancelled(asked)

        return finish

    def _cancel_all_conditional(self, arguments: Arguments) -> Finish:
        self._orders.message("cancel")
        asked = self.algos.open_ones(words.params_of(arguments).get("symbol"))

        def finish(result: Any, error: BaseException | None) -> None:
            for order_id in asked if error is None else ():
                self._orders.event(order_id, status="CANCELED")

        return finish

    # ── told ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _told(self, result: Any, error: BaseException | None, default: str | None = None) -> None:
        for order in [result] if isinstance(result, Mapping) else result or ():
            for each in order.get("orderReports") or [order]:
                if self.algos.is_one(each):
                    self.algos.told(each, default)
                    continue
                symbol = self._symbol(each.get("symbol"))
                for order_id in (each.get("orderId"), each.get("origClientOrderId"), each.get("clientOrderId")):
                    if order_id is not None and self._orders.find(order_id, symbol) is not None:
                        self._state({**each, "orderId": order_id, "status": each.get("status") or default})
                        break

    def _fetch_open(self, arguments: Arguments, account: str = "") -> Finish:
        params = words.params_of(arguments)
        symbol = None if params.get("conditional") else self._symbol(params.get("symbol"))
        before = self._owners.open_keys(symbol, account) if symbol else []

        def finish(result: Any, error: BaseException | None) -> None:
            self._told(result, error)
            if before and isinstance(result, list) and len(result) < _FULL_PAGE:
                self._orders.list_open(before, [each["orderId"] for each in result], symbol)

        return finish

    def _state(self, order: Arguments) -> None:
        symbol, price = self._symbol(order.get("symbol")), order.get("avgPrice") or None
        self._orders.event(
            order["orderId"], symbol=symbol, status=order.get("status"), filled=order.get("executedQty"), price=price
        )

    def _traded(self, result: Any, error: BaseException | None) -> None:
        for trade in result or ():
            side = trade.get("side") or ("BUY" if trade.get("isBuyer", trade.get("buyer")) else "SELL")
            self._fill(trade["orderId"], trade["symbol"], side, trade["id"], trade)

    def _fill(self, order_id: object, symbol: str, side: object, number: object, trade: Arguments) -> None:
        pnl = trade.get("realizedPnl")
        self._orders.fill(
            f"{self._symbol(symbol)} {number}",
            order_id,
            side,
            symbol=self._symbol(symbol),
            quantity=trade.get("qty"),
            price=trade.get("price"),
            pnl=pnl,
            fee=trade.get("commission"),
            fee_currency=trade.get("commissionAsset"),
            **words.instrument_of(symbol, trade, is_contract=pnl is not None),
        )

    def report(self, order: Arguments, pnl: object = None) -> None:
        """Take in an order as the user-data streams tell it."""
        symbol, order_id, status = self._symbol(order["s"]), order["i"], order["X"]
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
                **words.instrument_of(order["s"], order, is_contract=pnl is not None),
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
