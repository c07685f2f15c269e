"""The HTTP requests of ccxt's exchanges, and the calls that the bot itself makes."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Final
from urllib.parse import urlsplit

from tradmetrics.integrations.kit import Arguments, Begin, Finish, Handle, request

# Exchanges call their own methods: an edit that is a cancel and a create, a create that fetches what became of it.
# Only the bot's own call counts, so a watched call inside another one is passed over.
_inside: Final[ContextVar[bool]] = ContextVar("tradmetrics_ccxt_inside", default=False)
_path: Final[ContextVar[str | None]] = ContextVar("tradmetrics_ccxt_path", default=None)


class CcxtRequests:
    """Records every HTTP request of ccxt's exchanges.

    Args:
        handle: Of the instrumentation.
    """

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    def watch(self, exchange: Any) -> None:
        """Watch an exchange."""
        self._handle.watch(exchange, "fetch2", self._route)
        self._handle.watch(exchange, "fetch", self._request)

    def _route(self, arguments: Arguments) -> Finish:
        token = _path.set(str(arguments["path"]))
        return lambda result, error: _path.reset(token)

    def _request(self, arguments: Arguments) -> Finish:
        endpoint = _path.get() or urlsplit(arguments["url"]).path
        return request(self._handle, endpoint, arguments.get("method", "GET"))


def outermost(begin: Begin) -> Begin:
    """Pass a watched call over that runs inside another one of the same exchange."""

    def begin_outermost(arguments: Arguments) -> Finish | None:
        if _inside.get():
            return None
        finish = begin(arguments)
        token = _inside.set(True)

        def finished(result: Any, error: BaseException | None) -> None:
            _inside.reset(token)
            if finish is not None:
                finish(result, error)

        return finished

    return begin_outermost
