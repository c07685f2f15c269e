"""The HTTP requests of ccxt's exchanges."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Final
from urllib.parse import urlsplit

from tradmetrics.integrations.kit import Finish, Handle, request

Arguments = Mapping[str, Any]

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
