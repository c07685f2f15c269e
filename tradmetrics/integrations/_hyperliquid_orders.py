"""The orders of a Hyperliquid account, as the SDK sends them and its stream tells of them."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from tradmetrics.integrations import _hyperliquid_words as words
from tradmetrics.integrations._hyperliquid_account import HyperliquidAccount
from tradmetrics.integrations.kit import Arguments, Connection, Finish, Handle, Orders, Settings, leading_words, request
from tradmetrics.vocabulary.outcomes import status_of_exception

_CURRENCY: Final = "USDC"
_MOST_WAITING: Final = 1_000


class HyperliquidOrders:
    """Follows what the bot calls, and what its stream delivers.

    Args:
        handle: Of the instrumentation.
        settings: The options.
    """

    def __init__(self, handle: Handle, settings: Settings) -> None:
        self._handle = handle
        self._orders = Orders(handle, settings, dialect="hyperliquid")
        self._account = HyperliquidAccount(handle, settings, self._orders.trades)
        self._coins: Mapping[str, str] = {}
        self._waiting: OrderedDict[str, tuple[str, str, float]] = OrderedDict()

    def watch(self, target: Any) -> None:
        """Watch an `Exchange` or an `Info`."""
        watch = self._handle.watch
        watch(target, "post", self._request)
        if hasattr(target, "bulk_orders"):
            self._account.own(target)
            self._coins = getattr(getattr(target, "info", None), "name_to_coin", None) or {}
            watch(target, "bulk_orders", self._send)
            watch(target, "bulk_modify_orders_new", self._modify)
            watch(target, "bulk_cancel", self._cancel)
            watch(target, "bulk_cancel_by_cloid", self._cancel)
            return
        self._account.watch(target)
        watch(target, "open_orders", self._fetch_open)
        watch(target, "frontend_open_orders", self._fetch_open)
        watch(target, "historical_orders", lambda _: self._history)
        for name in ("query_order_by_oid", "query_order_by_cloid"):
            watch(target, name, lambda _: self._queried)
        for name in ("user_fills", "user_fills_by_time"):
            watch(target, name, self._fills)
        manager = getattr(target, "ws_manager", None)
        if manager is not None:
            self._watch_stream(manager)

    def _request(self, arguments: Arguments) -> Finish:
        payload = arguments.get("payload") or {}
        kind = payload.get("type") or (payload.get("action") or {}).get("type") or ""
        endpoint = "/".join(each for each in (str(arguments["url_path"]), str(kind)) if each)
        return request(self._handle, endpoint, "POST", status_of_exception)

    # ── sent ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _send(self, arguments: Arguments) -> Finish:
        requests = arguments["order_requests"]
        finishes = [self._sending(each, message=not number) for number, each in enumerate(requests)]

        def finish(result: Any, error: BaseException | None) -> None:
            statuses = words.statuses(result, len(finishes))
            for number, each in enumerate(finishes):
                each(statuses[number] if number < len(statuses) else None, error)

        return finish

    def _sending(self, order: Arguments, *, message: bool) -> Finish:
        cloid = order.get("cloid")
        return self._orders.send(
            order,
            lambda key, status: self._answered(key, status, order),
            client_id=None if cloid is None else words.cloid(cloid),
            message=message,
            symbol=self._coin(order["coin"]),
            side="BUY" if order["is_buy"] else "SELL",
            order_type=words.order_type(order.get("order_type") or {}),
            quantity=order["sz"],
            price=order.get("limit_px"),
        )

    def _coin(self, name: str) -> str:
        """A coin as Hyperliquid's own answers name it: a spot pair is `HYPE/USDC` to the bot, and `@107` to them."""
        return self._coins.get(name, name)

    def _answered(self, key: str, status: Any, order: Arguments) -> None:
        if not isinstance(status, Mapping):  # "waitingForFill", "waitingForTrigger": its id comes later
            self._orders.answer(key, status="accepted")
            if order.get("cloid") is None:
                side = "B" if order["is_buy"] else "A"
                self._waiting[key] = (self._coin(order["coin"]), side, float(order["sz"]))
                if len(self._waiting) > _MOST_WAITING:
                    self._waiting.popitem(last=False)
        elif "error" in status:
            self._orders.answer(key, status="rejected", reason=leading_words(status["error"]) or "refused")
        elif "resting" in status:
            self._orders.answer(key, status["resting"]["oid"], status="accepted")
        elif "filled" in status:
            filled = status["filled"]
            is_whole = float(filled["totalSz"]) >= float(order["sz"]) * (1 - 1e-9)
            # Such an order fills at once, and the exchange cancels the rest.
            at_once = (order.get("order_type") or {}).get("limit", {}).get("tif") in ("Ioc", "FrontendMarket")
            word = "filled" if is_whole else "cancelled" if at_once else "partially_filled"
            self._orders.answer(key, filled["oid"], status=word, filled=filled["totalSz"], price=filled["avgPx"])

    def _modify(self, arguments: Arguments) -> Finish:
        requests = arguments["modify_requests"]

        def finish(result: Any, error: BaseException | None) -> None:
            statuses = words.statuses(result, len(requests)) if error is None else []
            for number, each in enumerate(requests):
                status = statuses[number] if number < len(statuses) else None
                old, coin = words.cloid(each["oid"]), self._coin(each["order"]["coin"])
                if not isinstance(status, Mapping) or "error" in status:
                    self._orders.message("modify")
                    continue
                told = status.get("resting") or status.get("filled") or {}
                self._orders.replace(old, told.get("oid", old), each["order"]["sz"], symbol=coin)
                if "filled" in status:
                    self._orders.event(told["oid"], symbol=coin, status="filled", filled=told["totalSz"])

        return finish

    def _cancel(self, arguments: Arguments) -> Finish:
        asked = [
            (words.cloid(each.get("oid", each.get("cloid"))), self._coin(each["coin"]))
            for each in arguments["cancel_requests"]
        ]
        for order_id, coin in asked:
            self._orders.cancel(order_id, coin)

        def finish(result: Any, error: BaseException | None) -> None:
            statuses = words.statuses(result, len(asked)) if error is None else []
            for (order_id, coin), status in zip(asked, statuses, strict=False):
                if status == "success" and self._orders.find(order_id, coin) is not None:
                    self._orders.event(order_id, symbol=coin, status="cancelled")

        return finish

    # ── told ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _fetch_open(self, arguments: Arguments) -> Finish:
        is_ours = self._account.is_ours(arguments["address"]) and not arguments.get("dex")
        before = self._orders.open_keys() if is_ours else []

        def finish(result: Any, error: BaseException | None) -> None:
            if error is None and isinstance(result, list) and is_ours:
                there = {self._orders.find(each["oid"], each["coin"]) for each in result}
                self._orders.list_open(before, [key for key in there if key is not None])

        return finish

    def _history(self, result: Any, error: BaseException | None) -> None:
        for each in result if isinstance(result, list) else ():
            self._update(each, ours_only=True)

    def _queried(self, result: Any, error: BaseException | None) -> None:
        if isinstance(result, Mapping) and isinstance(result.get("order"), Mapping):
            self._update(result["order"], ours_only=True)

    def _update(self, update: Arguments, *, ours_only: bool = False) -> None:
        order, word = update["order"], str(update["status"])
        coin, order_id, cloid = order["coin"], order["oid"], order.get("cloid")
        if cloid and self._orders.find(order_id, coin) is None and self._orders.find(cloid, coin) is not None:
            self._orders.alias(cloid, order_id, coin)  # the stream is ahead of the answer
        if self._waiting and self._orders.find(order_id, coin) is None:
            self._adopt(order)
        if ours_only and self._orders.find(order_id, coin) is None:
            return
        status, reason = words.status(word)
        filled = float(order["origSz"]) - float(order["sz"])
        self._orders.event(
            order_id,
            symbol=coin,
            status=status,
            reason=reason,
            filled=order["origSz"] if status == "filled" else filled,
        )

    def _adopt(self, order: Arguments) -> None:
        """Give an id that is new to the order that waited for its parent and is like it, if there is one."""
        like = (order["coin"], order["side"], float(order["origSz"]))
        key = next((key for key, each in self._waiting.items() if each == like), None)
        if key is not None:
            del self._waiting[key]
            self._orders.alias(key, order["oid"], order["coin"])

    def _fills(self, arguments: Arguments) -> Finish:
        def finish(result: Any, error: BaseException | None) -> None:
            for fill in result if isinstance(result, list) and self._account.is_ours(arguments["address"]) else ():
                self._fill(fill)

        return finish

    def _fill(self, fill: Arguments) -> None:
        self._orders.fill(
            f"{fill['oid']} {fill['tid']}",
            fill["oid"],
            "BUY" if fill["side"] == "B" else "SELL",
            symbol=fill["coin"],
            quantity=fill["sz"],
            price=fill["px"],
            pnl=fill.get("closedPnl"),
            fee=fill.get("fee"),
            fee_currency=fill.get("feeToken") or _CURRENCY,
            currency=_CURRENCY,
            opens_short=True,
            # The fee of a spot purchase is in what was bought.
            base=fill.get("feeToken") if fill["side"] == "B" and words.is_spot(fill["coin"]) else None,
            closes=words.closes(str(fill.get("dir"))),
        )

    # ── the stream ───────────────────────────────────────────────────────────────────────────────────────────────

    def _watch_stream(self, manager: Any) -> None:
        connection = Connection(self._handle, "stream")
        watch = self._handle.watch
        watch(manager, "on_message", self._message)
        watch(manager, "on_open", lambda _: connection.opened())
        watch(manager, "stop", lambda _: connection.closed())
        if getattr(manager, "ws_ready", False) and not manager.stop_event.is_set():
            connection.opened()
        socket = getattr(manager, "ws", None)
        if socket is not None and socket.on_close is None:  # the SDK leaves it free, and does not connect again
            socket.on_close = self._handle.hook(lambda *_: connection.closed())
            self._handle.on_undo(partial(setattr, socket, "on_close", None))
        for name in ("on_message", "on_open") if socket is not None else ():
            before = getattr(socket, name, None)
            if getattr(before, "__self__", None) is manager:  # bound before the manager was watched
                setattr(socket, name, getattr(manager, name))
                self._handle.on_undo(partial(setattr, socket, name, before))

    def _message(self, arguments: Arguments) -> None:
        text = arguments["message"]
        if not text.startswith("{"):
            return
        message = json.loads(text)
        channel, data = message.get("channel"), message.get("data")
        if channel == "orderUpdates":
            for update in data:
                self._update(update)
        elif channel in ("userFills", "user") and data.get("fills"):
            for fill in data["fills"]:
                self._fill(fill)
        elif channel == "user" and data.get("nonUserCancel"):
            for each in data["nonUserCancel"]:
                if self._orders.is_open(each["oid"], each["coin"]):
                    self._orders.event(each["oid"], symbol=each["coin"], status="cancelled")
        else:
            self._account.message(channel, data)
