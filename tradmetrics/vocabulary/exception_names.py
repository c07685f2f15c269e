"""How libraries name the exceptions that decide the fate of an order. Data only: `outcomes` applies it.

A name without dots matches every class of that name, its subclasses included. A name with its module matches that
class alone and its subclasses. Names keep the package free of imports of the libraries.

Sources: the exception modules of requests 2.34, urllib3 2.8, httpx 0.28, aiohttp 3.14, websockets 17, websocket-client
1.9, anyio 4, tornado 6, ccxt 4.5, pybit 5.17, python-binance 1.0 and kiteconnect 5, and Python's `http.client`.
"""

from __future__ import annotations

from typing import Final

CLOSED_CONNECTIONS: Final = frozenset(
    {
        "ConnectionClosed",  # websockets, simple-websocket
        "WebSocketConnectionClosedException",  # websocket-client
        "WebSocketClosedError",  # tornado
        "StreamClosedError",
        "ClosedResourceError",  # anyio, trio
        "BrokenResourceError",
        "EndOfStream",
    }
)
"""Connections that closed before the answer. Their `code` is a close code of the WebSocket protocol."""

NO_ANSWER: Final = frozenset(
    {
        # ccxt: the request left, and nothing definite came back.
        "NetworkError",
        "OperationFailed",
        "RequestTimeout",
        "ExchangeNotAvailable",
        "BadResponse",
        # requests and urllib3; ConnectionError is not the builtin of that name.
        "Timeout",
        "ConnectionError",
        "ProtocolError",
        "ChunkedEncodingError",
        "ContentDecodingError",
        "InvalidChunkLength",
        "urllib3.exceptions.DecodeError",
        "urllib3.exceptions.NewConnectionError",
        "urllib3.exceptions.SSLError",
        "requests.exceptions.StreamConsumedError",
        # httpx.
        "TimeoutException",
        "RemoteProtocolError",
        "httpx.DecodingError",
        "httpx.ProxyError",
        "httpx.ResponseNotRead",
        "httpx.StreamClosed",
        "httpx.StreamConsumed",
        # aiohttp.
        "ServerTimeoutError",
        "ClientConnectionError",
        "ClientPayloadError",
        "ContentTypeError",
        "HttpProcessingError",
        "aiohttp.http_websocket.WebSocketError",
        "aiohttp._websocket.models.WebSocketError",
        # http.client and asyncio streams.
        "IncompleteRead",
        "IncompleteReadError",
        "LimitOverrunError",
        "BadStatusLine",
        "http.client.LineTooLong",
        # Bodies that cannot be read.
        "JSONDecodeError",
        "UnicodeDecodeError",
        "BadGzipFile",
        "builtins.EOFError",
        "zlib.error",
        # websocket-client.
        "WebSocketTimeoutException",
        "WebSocketProtocolException",
        "WebSocketPayloadException",
        # TLS connections that ended early, or that broke.
        "ssl.SSLError",
        # python-binance: an answer that is not JSON.
        "BinanceRequestException",
        # asyncio and concurrent.futures, whose classes were not the builtin ones before Python 3.11.
        "CancelledError",
        "TimeoutError",
    }
)
"""Exceptions after which the request has perhaps left, and no readable answer came back."""

REFUSED: Final = frozenset(
    {
        # ccxt derives these from NetworkError, but exchanges raise them for requests that they did not carry out.
        "RateLimitExceeded",
        "DDoSProtection",
        "ccxt.base.errors.InvalidNonce",
        # Kite sends 500 with refusals of its risk system.
        "kiteconnect.exceptions.OrderException",
    }
)
"""Exceptions that say by their class that the venue turned the request away."""

REFUSED_WITH: Final = {"kiteconnect.exceptions.GeneralException": 500}
"""Exceptions that say so with one HTTP status: Kite answers 500 to an order without funds, and 503 while it is down."""

ANSWERED: Final = frozenset({"ccxt.base.errors.ExchangeError"})
"""Exceptions that libraries raise for an answer which refuses, or for any other failure that they name as the cause."""

MADE_UP_STATUS: Final = {"pybit.exceptions.FailedRequestError": "resp_headers"}
"""Exceptions whose status is the library's own invention while this attribute is None: there was no answer."""

SERVER_SIDE: Final = ("starlette.", "fastapi.", "werkzeug.", "flask.", "aiohttp.web", "django.", "rest_framework.")
"""Modules whose exceptions carry the status that a handler answers, which is not the status that a venue sent."""

UNKNOWN_CODES: Final = frozenset({"-1006", "-1007"})
"""Binance: unexpected response, and timeout, of its own backend: "execution status unknown"."""
UNKNOWN_CODES_OF: Final = {"pybit.exceptions.InvalidRequestError": frozenset({"10000", "10016", "170007"})}
"""Bybit: timeouts and errors of its own servers. To other venues, these numbers are other things."""
UNKNOWN_TEXT: Final = "execution status unknown"
