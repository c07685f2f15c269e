"""Requests that go over pybit's `WebSocketTrading`, whose answers come in messages of their own."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

from tradmetrics.integrations._pybit_words import Refused
from tradmetrics.integrations.kit import Arguments, Connection, Finish, Handle, request

_MOST_UNANSWERED: Final = 10_000


class PybitTrading:
    """Brings the requests of one socket and their answers together.

    Args:
        handle: Of the instrumentation.
        operations: Functions by the name of an operation (`order.create`). Each takes in a request, and returns a
            function for the answer, or None.
        reason: Makes the status of a request that failed from its exception.
    """

    def __init__(
        self,
        handle: Handle,
        operations: Mapping[str, Callable[[Arguments], Finish | None]],
        reason: Callable[[BaseException], object],
    ) -> None:
        self._handle = handle
        self._operations = operations
        self._reason = reason
        self._connection = Connection(handle, "trading")
        self._sending = threading.local()
        self._unanswered: OrderedDict[str, list[Finish]] = OrderedDict()

    def watch(self, socket: Any) -> None:
        """Watch a `WebSocketTrading`."""
        watch = self._handle.watch
        watch(socket, "_send_order_operation", self._send)
        watch(socket, "_set_callback", self._sent)
        watch(socket, "_on_message", self._receive)
        watch(socket, "_on_open", lambda _: self._connection.opened())
        for name in ("_on_close", "_on_error", "exit"):
            watch(socket, name, lambda _: self._closed())
        if self._handle.guard(socket.is_connected):
            self._connection.opened()

    def _send(self, arguments: Arguments) -> Finish:
        operation = str(arguments["operation"])
        begin = self._operations.get(operation)
        finish = None if begin is None else begin({"kwargs": arguments["request"]})
        finishes = [request(self._handle, operation, "WS", self._reason)]
        self._sending.finishes = finishes if finish is None else [*finishes, finish]

        def end(result: Any, error: BaseException | None) -> None:
            self._sending.finishes = None
            if error is not None:  # the socket has not taken the request
                _finish(finishes if finish is None else [*finishes, finish], None, error)

        return end

    def _sent(self, arguments: Arguments) -> None:
        finishes = getattr(self._sending, "finishes", None)
        if finishes is not None:
            self._unanswered[arguments["topic"]] = finishes
            if len(self._unanswered) > _MOST_UNANSWERED:
                self._unanswered.popitem(last=False)

    def _receive(self, arguments: Arguments) -> None:
        message = json.loads(arguments["message"])
        finishes = self._unanswered.pop(message.get("reqId"), None)
        if finishes is not None:
            code = message.get("retCode")
            body = {"result": message.get("data"), "retExtInfo": message.get("retExtInfo")}
            _finish(finishes, None if code else body, Refused(code) if code else None)

    def _closed(self) -> None:
        self._connection.closed()
        while self._unanswered:  # their answers do not come over another connection
            _, finishes = self._unanswered.popitem()
            _finish(finishes, None, ConnectionError("the connection was lost before the answer"))


def _finish(finishes: list[Finish], result: Any, error: BaseException | None) -> None:
    for finish in finishes:
        finish(result, error)
