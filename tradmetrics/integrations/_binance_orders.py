"""The orders of a Binance client in all markets, its requests, and the messages of its sockets."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from tradmetrics.integrations import _binance_words as words
from tradmetrics.integrations._binance_account import BinanceAccount
from tradmetrics.integrations._binance_market import BinanceMarket
from tradmetrics.integrations.kit import Arguments, Connection, Finish, Handle, Orders, Settings, request
from tradmetrics.vocabulary.outcomes import status_of_exception

_SPOT: Final = " spot"


class BinanceOrders:
    """Follows what the bot calls, and what its sockets deliver.

    Args:
        handle: Of the instrumentation.
        settings: The options.
    """

    def __init__(self, handle: Handle, settings: Settings) -> None:
        self._handle = handle
        orders = Orders(handle, settings, dialect="binance")
        self._spot = BinanceMarket(handle, orders, words.SPOT, _SPOT)
        self._contracts = BinanceMarket(handle, orders, words.CONTRACTS)
        self._account = BinanceAccount(handle, settings, orders.trades)
        self._sockets: weakref.WeakSet[Any] = weakref.WeakSet()
        self._socket_handles: weakref.WeakSet[Handle] = weakref.WeakSet()
        handle.on_undo(self._leave_sockets)

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
        self._spot.watch(client)
        self._contracts.watch(client)
        self._contracts.watch_shortcuts(client)
        self._account.watch(client)
        self._handle.watch(client, "_request", self._request)
        for name in ("_ws_api_request", "_ws_futures_api_request"):
            self._handle.watch(client, name, lambda arguments: self._ask(arguments["method"], "WS"))

    def _request(self, arguments: Arguments) -> Finish:
        return self._ask(urlsplit(str(arguments["uri"])).path, str(arguments["method"]).upper())

    def _ask(self, endpoint: object, method: str) -> Finish:
        return request(self._handle, endpoint, method, status_of_exception)

    # ── sockets ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _made(self, socket: Any, error: BaseException | None) -> None:
        if error is None and hasattr(socket, "_handle_message"):
            self._watch_socket(socket)

    def _watch_socket(self, socket: Any) -> None:
        if socket in self._sockets:  # a manager hands out the same one again
            return
        self._sockets.add(socket)
        # Bots open sockets again and again: a handle of its own goes when the socket does.
        handle = Handle(self._handle.metrics, self._handle.site)
        self._socket_handles.add(handle)
        connection = Connection(handle, "user" if "keepalive" in type(socket).__module__ else "market_data")
        watch = handle.watch
        watch(socket, "_handle_message", lambda _: self._message)
        watch(socket, "connect", lambda _: lambda result, error: None if error else connection.opened())
        for name in ("before_reconnect", "_kill_read_loop", "__aexit__"):
            watch(socket, name, lambda _: connection.closed())
        # Messages of some user sockets come over the connection of the client's WebSocket API, not over their own.
        is_foreign, reference = "_uses_ws_api_subscription", weakref.ref(socket)

        def received(message: Any, error: BaseException | None) -> None:
            if error is not None or not isinstance(message, Mapping):
                return
            there = reference()
            if message.get("e") == "error":
                if getattr(there, "_handle_read_loop", None) is None:
                    connection.closed()  # its read loop has ended
            elif getattr(there, is_foreign, False):
                self._message(message, None)

        watch(socket, "recv", lambda _: received)

    def _leave_sockets(self) -> None:
        for handle in list(self._socket_handles):
            handle.undo()

    def _message(self, message: Any, error: BaseException | None) -> None:
        if isinstance(message, Mapping):  # `event` of the WebSocket API, `data` of a socket for several streams
            inner = message.get("event") if "event" in message else message.get("data")
            message = inner if isinstance(inner, Mapping | list) else message
        for each in message if isinstance(message, list) else [message]:
            if isinstance(each, Mapping):
                self._take(each)

    def _take(self, message: Arguments) -> None:
        kind = message.get("e")
        if kind == "executionReport":
            self._spot.report(message)
        elif kind == "ORDER_TRADE_UPDATE":
            self._contracts.report(message["o"], message["o"].get("rp"))
        elif kind == "ALGO_UPDATE":
            self._contracts.algos.update(message["o"])
        elif kind == "CONDITIONAL_ORDER_TRADE_UPDATE":
            self._contracts.algos.update(message["so"])
        else:
            self._account.message(message)
