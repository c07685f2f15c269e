"""ASGI: a middleware that records the requests an application answers, and `/metrics` as an application.

Neither imports a framework; both run under any ASGI server.
"""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from tradmetrics import catalogue
from tradmetrics.capture.recording import resolve
from tradmetrics.registry.metrics import checked
from tradmetrics.serving.endpoint import METHODS, Auth, Endpoint, HttpResponse, method_not_allowed
from tradmetrics.serving.route_templates import route_template
from tradmetrics.serving.single_flight import LoopWork
from tradmetrics.vocabulary.outcomes import request_status

if TYPE_CHECKING:
    from tradmetrics.registry.metrics import TradingMetrics

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

KNOWN_METHODS: Final = frozenset(
    ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"),
)
OTHER_METHOD: Final = "OTHER"
"""Shared by all methods that HTTP does not define: a client can send any word."""

_SITE: Final = "tradmetrics.asgi.MetricsMiddleware"


class MetricsMiddleware:
    """Records each HTTP request that the wrapped application answers.

    `trading_api_requests_total{endpoint,method,status}` counts it and `trading_api_request_duration_seconds` takes
    the seconds from the call to the last byte handed to the server; both are recorded at that moment, so a background
    task that runs after the answer neither lengthens nor delays them. WebSockets and lifespan events pass through.

    Labels:
        endpoint: The route's template with all prefixes (`/orders/{order_id}`), as Starlette and FastAPI know it;
            never the raw path. Requests that no route answered share `unmatched`.
        method: In capitals; methods that HTTP does not define share `OTHER`.
        status: The status code as text. An application that raises before it answered is `500`, which is what the
            server then sends; one that fails amid an answer is `error`. `disconnected` when the client left before
            the last byte, `cancelled` when the task was cancelled. Exceptions pass through.

    Example:
        ```python
        from fastapi import FastAPI
        from tradmetrics.asgi import MetricsMiddleware

        app = FastAPI()
        app.add_middleware(MetricsMiddleware)
        ```

    Args:
        app: The application to wrap.
        metrics: The metrics object to record in; the process's default one when left out.
    """

    def __init__(self, app: ASGIApp, *, metrics: "TradingMetrics | None" = None) -> None:
        self._app = app
        self._metrics = checked(metrics, "MetricsMiddleware")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI defines it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(resolve(self._metrics, _SITE), scope, receive, send)
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except Exception:
            exchange.failed()
            raise
        except BaseException:
            exchange.record("cancelled")
            raise
        exchange.failed()


class _Exchange:
    """One request and its answer, recorded once."""

    def __init__(self, metrics: "TradingMetrics", scope: Scope, receive: Receive, send: Send) -> None:
        self._metrics = metrics
        self._scope = scope
        self._receive = receive
        self._send = send
        self._status: str | None = None
        self._disconnected = False
        self._recorded = False
        self._began = time.perf_counter()

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._disconnected = True
        return message

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            self._status = str(request_status(message["status"]))
        try:
            await self._send(message)
        except OSError:
            # How a server says that the client is gone.
            self._disconnected = True
            raise
        if (kind == "http.response.body" and not message.get("more_body")) or kind == "http.response.pathsend":
            self.record(self._status or "error")

    def failed(self) -> None:
        """The application is through; if the last byte never came, it failed, or the client left."""
        if self._disconnected:
            self.record("disconnected")
        else:
            self.record("500" if self._status is None else "error")

    def record(self, status: str) -> None:
        if self._recorded:
            return
        self._recorded = True
        seconds = time.perf_counter() - self._began
        try:
            endpoint = route_template(self._scope)
        except Exception as error:
            self._metrics.fault(_SITE, "source", error)
            endpoint = "unknown"
        method = str(self._scope["method"]).upper()
        if method not in KNOWN_METHODS:
            method = OTHER_METHOD
        self._metrics.record(catalogue.API_REQUESTS, (endpoint, method, status), site=_SITE)
        self._metrics.record(catalogue.API_REQUEST_DURATION, (endpoint, method), seconds, site=_SITE)


def make_asgi_app(metrics: "TradingMetrics | None" = None, *, auth: Auth = None) -> ASGIApp:
    """Make an ASGI application that answers `/metrics`, to mount in another or to run by itself.

    It answers GET and HEAD on whatever path it is mounted, as `start_metrics_server` does; the text is rendered on a
    worker thread, so that a scrape does not hold up the event loop. However many scrapes there are, two of the loop's
    threads are busy with them at the most.

    Example:
        ```python
        from starlette.applications import Starlette
        from starlette.routing import Mount
        from tradmetrics.asgi import make_asgi_app

        app = Starlette(routes=[Mount("/metrics", make_asgi_app())])
        ```

    Args:
        metrics: The metrics object to serve; the process's default one when left out.
        auth: A bearer token, or a `(user, password)` pair for basic authentication, that each request must carry.

    Raises:
        ConfigurationError: When `auth` is empty, or the directory of multiprocess mode is missing or cannot be
            written.
    """
    endpoint = Endpoint(metrics, auth)
    renderings: LoopWork[HttpResponse] = LoopWork()

    async def metrics_app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _respond(endpoint, renderings, scope, send)
        elif scope["type"] == "lifespan":
            await _live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    return metrics_app


async def _respond(endpoint: Endpoint, renderings: LoopWork[HttpResponse], scope: Scope, send: Send) -> None:
    accept, encoding, authorization = (
        _header(scope, name) for name in (b"accept", b"accept-encoding", b"authorization")
    )
    answer = endpoint.refusal(authorization)
    if answer is None and scope["method"] not in METHODS:
        answer = method_not_allowed()
    if answer is None:
        asked = tuple(each.decode("latin-1") for each in (scope.get("query_string", b""), accept, encoding))
        answer = await renderings.do(asked, lambda: endpoint.scrape(*asked))
    headers = (*answer.headers, ("content-length", str(len(answer.body))))
    await send(
        {
            "type": "http.response.start",
            "status": int(answer.status),
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        }
    )
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})


def _header(scope: Scope, name: bytes) -> bytes:
    return b",".join(value for given, value in scope["headers"] if given == name)


async def _live(receive: Receive, send: Send) -> None:
    """There is nothing to start or to stop, but a server waits for the answers."""
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
