"""The orders of a Polymarket client, and its answers about the account and the market."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from tradmetrics.integrations.kit import (
    Account,
    Arguments,
    Finish,
    Handle,
    Held,
    Orders,
    Settings,
    Ticks,
    leading_words,
    request,
)
from tradmetrics.vocabulary.outcomes import reason_of, status_of_exception

Read = Callable[[Any, BaseException | None], None]

_FIRST_PAGE: Final = "MA=="
_UNITS: Final = 1e6
"""Amounts of signed orders and of balances are whole numbers of millionths."""
_CURRENCY: Final = "USDC"
_AT_ONCE: Final = frozenset({"FOK", "FAK"})
_OTHER_REQUESTS: Final = (
    *("get_ok", "get_server_time", "get_spread", "get_spreads", "get_market", "get_markets", "get_simplified_markets"),
    *("get_sampling_markets", "get_sampling_simplified_markets", "get_market_trades_events", "get_notifications"),
    *("update_balance_allowance", "is_order_scoring", "derive_api_key"),
)
"""Further requests, which tell nothing that is recorded."""


class PolymarketOrders:
    """Follows what the bot calls.

    Args:
        handle: Of the instrumentation.
        settings: The options.
    """

    def __init__(self, handle: Handle, settings: Settings) -> None:
        self._handle = handle
        self._orders = Orders(handle, settings, dialect="polymarket")
        self._account = Account(handle, settings, self._orders.trades.positions)
        self._ticks = Ticks(handle, settings, always_open=True)
        self._collateral: float | None = None
        self._used = 0.0

    def watch(self, client: Any) -> None:
        """Watch a client."""
        for name, verb, begin in (
            ("post_order", "POST", self._send),
            ("post_orders", "POST", self._send_many),
            ("cancel", "DELETE", lambda arguments: self._cancelling([arguments["order_id"]])),
            ("cancel_order", "DELETE", lambda arguments: self._cancelling([arguments["payload"].orderID])),
            ("cancel_orders", "DELETE", lambda arguments: self._cancelling(next(iter(arguments.values())))),
            ("cancel_all", "DELETE", self._cancel_all),
            ("cancel_market_orders", "DELETE", self._cancel_all),
            ("get_order", "GET", lambda _: self._told),
            ("get_orders", "GET", self._fetch_open),
            ("get_open_orders", "GET", self._fetch_open),
            ("get_trades", "GET", lambda _: self._traded),
            ("get_balance_allowance", "GET", self._balance),
            ("get_midpoint", "GET", self._price),
            ("get_price", "GET", self._price),
            ("get_last_trade_price", "GET", self._price),
            ("get_order_book", "GET", self._price),
            ("get_order_books", "GET", self._prices),
            ("get_midpoints", "GET", self._prices),
            ("get_prices", "GET", self._prices),
            ("get_last_trades_prices", "GET", self._prices),
            *((name, "GET", lambda _: _nothing) for name in _OTHER_REQUESTS),
        ):
            self._handle.watch(client, name, self._requesting(name, verb, begin))

    def _requesting(self, name: str, verb: str, begin: Callable[[Arguments], Read]) -> Callable[[Arguments], Finish]:
        def requesting(arguments: Arguments) -> Finish:
            sent = request(self._handle, f"/{name}", verb, status_of_exception)
            take_in = self._handle.guard(begin, arguments)

            def finish(result: Any, error: BaseException | None) -> None:
                sent(result, error)
                if take_in is not None:
                    take_in(result, error)

            return finish

        return requesting

    # ── sent ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _sending(self, order: Any, order_type: object) -> Finish:
        fields = order.dict() if callable(getattr(order, "dict", None)) else vars(order)
        kind, side = str(getattr(order_type, "value", order_type)), _side(fields["side"])
        shares = float(fields["takerAmount" if side == "BUY" else "makerAmount"]) / _UNITS
        return self._orders.send(
            order,
            lambda key, answer: self._answered(key, answer, side, shares, kind),
            side=side,
            order_type="MARKET" if kind in _AT_ONCE else "LIMIT",
            quantity=shares,
            refusal=lambda error: _reason_of(getattr(error, "error_msg", None)) or reason_of(error),
        )

    def _send(self, arguments: Arguments) -> Finish:
        return self._sending(arguments["order"], arguments.get("orderType", arguments.get("order_type", "GTC")))

    def _send_many(self, arguments: Arguments) -> Finish:
        finishes = [self._sending(each.order, each.orderType) for each in arguments["args"]]

        def finish(result: Any, error: BaseException | None) -> None:
            answers = result if isinstance(result, list) else [None] * len(finishes)
            for each, answer in zip(finishes, answers, strict=False):
                each(answer, error)

        return finish

    def _answered(self, key: str, answer: Any, side: str, shares: float, kind: str) -> None:
        if not isinstance(answer, Mapping):
            return
        message = answer.get("errorMsg")
        if not answer.get("success", True) or (message and not answer.get("orderID")):
            self._orders.answer(key, status="rejected", reason=_reason_of(message) or "refused")
            return
        status, filled = str(answer.get("status")).lower(), None
        if status == "matched":
            amount = answer.get("takingAmount" if side == "BUY" else "makingAmount")
            filled = float(amount) if amount else shares if kind in _AT_ONCE else None
            is_whole = filled is not None and filled >= shares * (1 - 1e-3)
            status = "filled" if is_whole or kind == "FOK" else "cancelled" if kind == "FAK" else "partially_filled"
        elif status in ("live", "delayed", "unmatched"):
            status = "accepted"
        self._orders.answer(key, answer.get("orderID"), status=status, filled=filled)

    # ── cancelled ────────────────────────────────────────────────────────────────────────────────────────────────

    def _cancelling(self, order_ids: Any) -> Read:
        for order_id in order_ids:
            self._orders.cancel(order_id)
        return self._cancelled

    def _cancel_all(self, arguments: Arguments) -> Read:
        self._orders.message("cancel")
        return self._cancelled

    def _cancelled(self, result: Any, error: BaseException | None) -> None:
        for order_id in (result.get("canceled") or ()) if isinstance(result, Mapping) else ():
            if order_id in self._orders:
                self._orders.event(order_id, status="cancelled")

    # ── told ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _told(self, result: Any, error: BaseException | None) -> None:
        for order in [result] if isinstance(result, Mapping) else result or ():
            if order.get("id") in self._orders:
                status = str(order.get("status", "")).removeprefix("ORDER_STATUS_")
                matched, size = float(order.get("size_matched") or 0), float(order.get("original_size") or 0)
                if status.upper() == "MATCHED":
                    status = "filled" if matched >= size * (1 - 1e-3) else "partially_filled"
                elif status.upper() == "LIVE":
                    status = "accepted"
                self._orders.event(order["id"], status=status or None, filled=matched)

    def _fetch_open(self, arguments: Arguments) -> Read:
        is_plain = not arguments.get("params") and not arguments.get("only_first_page")
        is_plain = is_plain and arguments.get("next_cursor") in (None, _FIRST_PAGE)
        before = self._orders.open_keys() if is_plain else []

        def finish(result: Any, error: BaseException | None) -> None:
            self._told(result, error)
            if is_plain and error is None and isinstance(result, list):
                self._orders.list_open(before, [each["id"] for each in result])
                self._reserved(result)

        return finish

    def _reserved(self, orders: list[Arguments]) -> None:
        """Take in what open orders reserve of the collateral: the price of the shares that they are still to buy."""
        used = sum(
            (float(each["original_size"]) - float(each.get("size_matched") or 0)) * float(each["price"])
            for each in orders
            if each.get("side") == "BUY"
        )
        self._used, free = used, None if self._collateral is None else self._collateral - used
        self._account.balance(used=used, available=free, currency=_CURRENCY)

    def _traded(self, result: Any, error: BaseException | None) -> None:
        for trade in result if isinstance(result, list) else ():
            if str(trade.get("status", "")).upper().endswith("FAILED"):
                continue
            self._fill(trade, trade["taker_order_id"], trade["size"], trade)
            for maker in trade.get("maker_orders") or ():
                self._fill(trade, maker["order_id"], maker["matched_amount"], {**trade, **maker})

    def _fill(self, trade: Arguments, order_id: str, size: object, order: Arguments) -> None:
        if order_id in self._orders:  # the other side's orders are somebody else's
            self._orders.fill(
                f"{trade['id']} {order_id}",
                order_id,
                order.get("side"),
                symbol=order.get("asset_id"),
                quantity=size,
                price=order.get("price"),
                currency=_CURRENCY,
            )

    # ── account and market ───────────────────────────────────────────────────────────────────────────────────────

    def _balance(self, arguments: Arguments) -> Read:
        kind = getattr(arguments.get("params"), "asset_type", None)
        token, is_money = getattr(arguments.get("params"), "token_id", None), _text(kind).upper() == "COLLATERAL"

        def finish(result: Any, error: BaseException | None) -> None:
            if not isinstance(result, Mapping):
                return
            balance = float(result["balance"]) / _UNITS
            if is_money:
                self._collateral = balance
                self._account.balance(total=balance, available=balance - self._used, currency=_CURRENCY)
            elif token:
                self._account.positions([Held(str(token), balance)], complete=False)

        return finish

    def _price(self, arguments: Arguments) -> Read:
        def finish(result: Any, error: BaseException | None) -> None:
            if error is None:
                self._ticks.tick(arguments.get("token_id"), getattr(result, "timestamp", None), "ms")

        return finish

    def _prices(self, arguments: Arguments) -> Read:
        def finish(result: Any, error: BaseException | None) -> None:
            books = {getattr(each, "asset_id", None): each for each in result} if isinstance(result, list) else {}
            for each in arguments.get("params") or () if error is None else ():
                self._ticks.tick(each.token_id, getattr(books.get(each.token_id), "timestamp", None), "ms")

        return finish


def _text(value: object) -> str:
    return str(getattr(value, "value", value))


def _side(side: object) -> str:
    return "BUY" if str(side) in ("0", "BUY", "Side.BUY") else "SELL"


def _reason_of(message: object) -> str | None:
    return leading_words(message.get("error") if isinstance(message, Mapping) else message)


def _nothing(result: Any, error: BaseException | None) -> None:
    """Nothing of these answers is recorded."""
