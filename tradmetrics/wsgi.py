"""WSGI: a middleware that records the requests an application answers, and `/metrics` as an application.

For Flask, Django and every other WSGI framework; neither imports one of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sized
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from tradmetrics import catalogue
from tradmetrics.capture.recording import metrics_or_default
from tradmetrics.registry.metrics import checked
from tradmetrics.serving.endpoint import KNOWN_METHODS, METHODS, OTHER_METHOD, Auth, Endpoint, method_not_allowed
from tradmetrics.serving.wsgi_routes import wsgi_route_template

if TYPE_CHECKING:
    from tradmetrics.registry.metrics import TradingMetrics

Environ: TypeAlias = MutableMapping[str, Any]
StartResponse: TypeAlias = Callable[..., Any]
WSGIApp: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]

_COUNTED: Final = "tradmetrics.counted_in"
_SITE: Final = "tradmetrics.wsgi.MetricsMiddleware"


def make_wsgi_app(metrics: TradingMetrics | None = None, *, auth: Auth = None) -> WSGIApp:
    """Make a WSGI application that answers `/metrics`, to put into another or to run by itself.

    It answers GET and HEAD on whatever path it has, as `start_metrics_server` does. Under `PROMETHEUS_MULTIPROC_DIR`
    the answer is the aggregate of all worker processes.

    Example:
        ```python
        from flask import Flask
        from tradmetrics.wsgi import MetricsMiddleware, make_wsgi_app
        from werkzeug.middleware.dispatcher import DispatcherMiddleware

        app = Flask(__name__)
        app.wsgi_app = MetricsMiddleware(DispatcherMiddleware(app.wsgi_app, {"/metrics": make_wsgi_app()}))
        ```

    Args:
        metrics: The metrics object to serve; the process's default one when left out.
        auth: A bearer token, or a `(user, password)` pair for basic authentication, that each request must carry.

    Raises:
        ConfigurationError: When `auth` is empty, or the directory of multiprocess mode is missing or cannot be
            written.
    """
    endpoint = Endpoint(metrics, auth)

    def metrics_app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        method = environ.get("REQUEST_METHOD", "GET")
        answer = endpoint.refusal(str(environ.get("HTTP_AUTHORIZATION", "")).encode("latin-1", "replace"))
        if answer is None and method not in METHODS:
            answer = method_not_allowed()
        if answer is None:
            names = ("QUERY_STRING", "HTTP_ACCEPT", "HTTP_ACCEPT_ENCODING")
            answer = endpoint.scrape(endpoint.asked(*(str(environ.get(name, "")) for name in names)))
        headers = [*answer.headers, ("Content-Length", str(len(answer.body)))]
        start_response(f"{answer.status.value} {answer.status.phrase}", headers)
        return [b"" if method == "HEAD" else answer.body]

    return metrics_app


class MetricsMiddleware:
    """Records each HTTP request that the wrapped application answers.

    `trading_api_requests_total{endpoint,method,status}` counts it and `trading_api_request_duration_seconds` takes the
    seconds from the call until the server has the last byte, or has closed the answer. Exceptions pass through.

    Labels:
        endpoint: The route's template with the prefix that it is mounted under (`/orders/{order_id}`), as Flask and
            Django know it; never the raw path. Requests that no route answered, and requests of other frameworks, share
            `unmatched`.
        method: In capitals; methods that HTTP does not define share `OTHER`.
        status: The status code as text. An application that raises before it answered is `500`, which is what the
            server then sends; one that fails during an answer is `error`. `disconnected` when the server closes the
            answer before its last byte, because the client left; `cancelled` when the interpreter stops the request
            (`SystemExit`, gevent's `Timeout`).

    Example:
        ```python
        from flask import Flask
        from tradmetrics.wsgi import MetricsMiddleware

        app = Flask(__name__)
        app.wsgi_app = MetricsMiddleware(app.wsgi_app)
        ```

    Args:
        app: The application to wrap.
        metrics: The metrics object to record in; the process's default one when left out.
    """

    def __init__(self, app: WSGIApp, *, metrics: TradingMetrics | None = None) -> None:
        self.app = app
        self._metrics = checked(metrics, "MetricsMiddleware")

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, as WSGI defines it."""
        metrics = metrics_or_default(self._metrics, _SITE)
        counted_in = environ.get(_COUNTED, ())
        if any(each is metrics for each in counted_in):  # by the middleware of an application around this one
            return self.app(environ, start_response)
        environ[_COUNTED] = (*counted_in, metrics)
        exchange = _Exchange(metrics, environ, start_response)
        try:
            body = self.app(environ, exchange.start)
            return _SizedBody(body, exchange) if isinstance(body, Sized) else _Body(body, exchange)
        except Exception:
            exchange.record("500" if exchange.status is None else "error")
            raise
        except BaseException:
            exchange.record("cancelled")
            raise


class _Exchange:
    """One request and its answer, recorded once."""

    def __init__(self, metrics: TradingMetrics, environ: Environ, start_response: StartResponse) -> None:
        self._metrics = metrics
        self._environ = environ
        self._start_response = start_response
        self._recorded = False
        self._endpoint: str | None = None
        self._prefix = str(environ.get("SCRIPT_NAME", ""))
        self._began = time.perf_counter()
        self.status: str | None = None

    def start(self, status: str, headers: Any, *arguments: Any) -> Any:
        self.status = str(status)[:3]
        self._find_endpoint()  # Flask forgets its request before the body is sent
        return self._start_response(status, headers, *arguments)

    def _find_endpoint(self) -> None:
        try:
            self._endpoint = wsgi_route_template(self._environ, self._prefix)
        except Exception as error:
            self._endpoint = "unknown"
            self._metrics.fault(_SITE, "source", error)

    def record(self, status: str) -> None:
        if self._recorded:
            return
        self._recorded = True
        seconds = time.perf_counter() - self._began
        if self._endpoint is None:
            self._find_endpoint()
        endpoint = self._endpoint
        method = str(self._environ.get("REQUEST_METHOD", "")).upper()
        method = method if method in KNOWN_METHODS else OTHER_METHOD
        self._metrics.record(catalogue.API_REQUESTS, (endpoint, method, status), site=_SITE)
        self._metrics.record(catalogue.API_REQUEST_DURATION, (endpoint, method), seconds, site=_SITE)


class _Body:
    """The application's answer, which is over when the server has all of it or closes it."""

    def __init__(self, body: Iterable[bytes], exchange: _Exchange) -> None:
        self._body = body
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._body
        except Exception:
            self._exchange.record("error")
            raise
        except GeneratorExit:
            self._exchange.record("disconnected")
            raise
        except BaseException:
            self._exchange.record("cancelled")
            raise
        self._exchange.record(self._exchange.status or "500")

    def close(self) -> None:
        """Close the application's answer; the server calls this at the end in any case (PEP 3333)."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._exchange.record("disconnected")


class _SizedBody(_Body):
    """An answer of known length: a server may compute the Content-Length of a single piece."""

    def __len__(self) -> int:
        body: Any = self._body
        return len(body)
