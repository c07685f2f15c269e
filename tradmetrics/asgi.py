"""ASGI: a middleware that records the requests an application answers, and `/metrics` as an application.

Neither imports a framework; both run under any ASGI server.
"""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from tradmetrics import catalogue
from tradmetrics.capture.recording import metrics_or_default
from tradmetrics.registry.metrics import checked
from tradmetrics.serving.endpoint import (
    KNOWN_METHODS,
    METHODS,
    OTHER_METHOD,
    Auth,
    Endpoint,
    HttpResponse,
    method_not_allowed,
)
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

_COUNTED: Final = "tradmetrics.counted_in"
"""The key of the scope under which a request carries the metrics objects that count it."""
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
            server then sends; one that fails during an answer is `error`. `disconnected` when the client left before
            the last byte, even if the application then answers; `cancelled` when the task was cancelled. Exceptions
            pass through.

    If both an application and one that is mounted in it have the middleware, a request counts once in each metrics
    object, with the whole template.

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
        self.app = app
        self._metrics = checked(metrics, "MetricsMiddleware")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI defines it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        metrics = metrics_or_default(self._metrics, _SITE)
        counted_in = scope.get(_COUNTED, ())
        if any(each is metrics for each in counted_in):  # by the middleware of an application around this one
            await self.app(scope, receive, send)
            return
        scope[_COUNTED] = (*counted_in, metrics)
        exchange = _Exchange(metrics, scope, receive, send)
        try:
            await self.app(scope, exchange.receive, exchange.send)
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
            # A handler that knows that its client has left may still answer, into nothing.
            self.record("disconnected" if self._disconnected else self._status or "error")

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


class _MetricsApp:
    """`/metrics` as an ASGI application; an object, because Starlette's `Route` calls functions with a request."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._renderings: LoopWork[HttpResponse] = LoopWork()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._respond(scope, send)
        elif scope["type"] == "lifespan":
            await _live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _respond(self, scope: Scope, send: Send) -> None:
        endpoint = self._endpoint
        answer = endpoint.refusal(_header(scope, b"authorization"))
        if answer is None and scope["method"] not in METHODS:
            answer = method_not_allowed()
        if answer is None:
            asked = endpoint.asked(
                scope.get("query_string", b"").decode("latin-1"),
                _header(scope, b"accept").decode("latin-1"),
                _header(scope, b"accept-encoding").decode("latin-1"),
            )
            answer = await self._renderings.do(asked.key, asked.lane, lambda: endpoint.scrape(asked))
        headers = (*answer.headers, ("content-length", str(len(answer.body))))
        await send(
            {
                "type": "http.response.start",
                "status": int(answer.status),
                "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
            }
        )
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})


def make_asgi_app(metrics: "TradingMetrics | None" = None, *, auth: Auth = None) -> ASGIApp:
    """Make an ASGI application that answers `/metrics`, to put into another or to run by itself.

    It answers GET and HEAD on whatever path it has, as `start_metrics_server` does, under asyncio and trio. The text is
    rendered on a worker thread, so a scrape does not hold up the event loop. Requests for the same text share a
    rendering, and at most two of the loop's threads are busy with renderings at one time: one for whole scrapes, one
    for scrapes that choose metrics with `name[]=`.

    Example:
        ```python
        from starlette.applications import Starlette
        from starlette.routing import Route
        from tradmetrics.asgi import make_asgi_app

        app = Starlette(routes=[Route("/metrics", make_asgi_app())])
        ```

    A `Mount("/metrics", make_asgi_app())` answers under `/metrics/`, and Starlette redirects `/metrics` there.

    Args:
        metrics: The metrics object to serve; the process's default one when left out.
        auth: A bearer token, or a `(user, password)` pair for basic authentication, that each request must carry.

    Raises:
        ConfigurationError: When `auth` is empty, or the directory of multiprocess mode is missing or cannot be
            written.
    """
    return _MetricsApp(Endpoint(metrics, auth))


def _header(scope: Scope, name: bytes) -> bytes:
    return b",".join(value for given, value in scope["headers"] if given == name)


async def _live(receive: Receive, send: Send) -> None:
    """There is nothing to start or to stop, but a server waits for the answers."""
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
