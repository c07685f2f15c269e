"""`start_metrics_server`: `/metrics` over HTTP or HTTPS from a background thread of the process that records."""

from __future__ import annotations

import errno
import hmac
import os
import socket
import threading
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple

from tradmetrics.errors import ConfigurationError
from tradmetrics.serving.answer_threads import Work
from tradmetrics.serving.connection_loop import ConnectionLoop
from tradmetrics.serving.connection_table import Bounds
from tradmetrics.serving.endpoint import METHODS, Auth, Endpoint, HttpResponse, method_not_allowed, plain
from tradmetrics.serving.http_request import Request
from tradmetrics.serving.status_page import status_page
from tradmetrics.serving.tls import tls_context

if TYPE_CHECKING:
    from typing_extensions import Self

    from tradmetrics.registry.metrics import TradingMetrics

HEAD_SECONDS: Final = 5.0
"""How long a client may take to send the head of a request."""
REQUEST_SECONDS: Final = 10.0
"""How long a client may take in all to send a request and to read the answer; the rendering does not count."""
IDLE_SECONDS: Final = 30.0
"""How long a connection may stay open after an answer, waiting for the next request."""
MAX_CONNECTIONS: Final = 512
"""Connections at one time, at most half of the files that the process may open."""
SHARE_OF_ONE_PEER: Final = 0.75
"""How much of these one client address may have."""

_BACKLOG: Final = 1024
_DIGEST_KEY: Final = os.urandom(16)


class _Settings(NamedTuple):
    """The settings of a server that a second start on its port must repeat."""

    addr: str
    metrics: TradingMetrics | None
    certfile: str | None
    keyfile: str | None
    auth: bytes
    """A digest: the secret itself stays in one place."""


_running: Final[dict[int, MetricsServer]] = {}
"""The servers of this process by port."""


class MetricsServer:
    """A running `/metrics` endpoint. A context manager: leaving the `with` block closes it.

    Attributes:
        port: The port it listens on; the one that was picked when it was started with port 0.
        url: The address to give to Prometheus or a browser, ending in `/metrics`.
    """

    port: Final[int]
    url: Final[str]

    def __init__(self, listener: socket.socket, loop: ConnectionLoop, scheme: str, settings: _Settings) -> None:
        self._loop = loop
        self._settings = settings
        host, self.port = listener.getsockname()[:2]
        self.url = f"{scheme}://{_reachable(str(host))}:{self.port}/metrics"
        self._thread = threading.Thread(target=loop.run, name="tradmetrics-server", daemon=True)
        self._thread.start()
        _running[self.port] = self

    def close(self) -> None:
        """Stop listening and free the port. A second call does nothing."""
        if _running.get(self.port) is self:
            del _running[self.port]
        if self._thread.is_alive():
            self._loop.end()
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<MetricsServer {self.url}>"


def start_metrics_server(
    port: int = 8000,
    addr: str = "127.0.0.1",
    *,
    host: str | None = None,
    metrics: TradingMetrics | None = None,
    certfile: str | None = None,
    keyfile: str | None = None,
    auth: Auth = None,
) -> MetricsServer:
    """Serve `/metrics` from a daemon thread, for Prometheus to scrape.

    Answers GET and HEAD of `/metrics` as prometheus_client does: the text format or OpenMetrics by the Accept header,
    gzip where it is accepted, `name[]=` to choose metrics. `/` is a status page for people: since when the bot runs,
    which instrumented functions have been called, which labels and errors need attention. Other paths are 404, other
    methods 405. Under `PROMETHEUS_MULTIPROC_DIR` the answer is the aggregate of all worker processes.

    A second call with the same arguments returns the running server, so a notebook cell can be run again. A process
    that is forked from this one does not keep the port.

    Example:
        ```python
        from tradmetrics import start_metrics_server

        with start_metrics_server(port=0) as server:
            print(server.url)
        ```

    Args:
        port: The port to listen on; 0 picks a free one, see `.port`.
        addr: The address to listen on, IPv4, IPv6 or a host name. The default answers this machine only;
            `0.0.0.0` or `::` answers the network, where `certfile` and `auth` belong.
        host: Another spelling of `addr`.
        metrics: The metrics object to serve; the process's default one when left out.
        certfile: A PEM file with the certificate (and its chain): the endpoint speaks HTTPS.
        keyfile: A PEM file with the certificate's private key, unencrypted; left out when `certfile` holds it too.
        auth: A bearer token, or a `(user, password)` pair for basic authentication, that each request must carry.

    Returns:
        The running server, with `.port`, `.url` and `.close()`.

    Raises:
        ConfigurationError: When the address cannot be listened on, the certificate cannot be used, `auth` is empty,
            the directory of multiprocess mode is missing or cannot be written, or this interpreter can start no thread
            (a subinterpreter).
    """
    if host is not None:
        if addr not in ("127.0.0.1", host):
            raise ConfigurationError(f"start_metrics_server: addr={addr!r} and host={host!r} differ; give one of them")
        addr = host
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise ConfigurationError(
            f"start_metrics_server: port must be an integer from 0 to 65535 (0 picks a free port), got {port!r}"
        )
    if not isinstance(addr, str):
        # Without an address the server would answer the whole network.
        raise ConfigurationError(f"start_metrics_server: addr must be an address as text, '127.0.0.1', got {addr!r}")
    endpoint = Endpoint(metrics, auth)
    context = tls_context(certfile, keyfile)
    try:
        family, _, _, _, address = socket.getaddrinfo(addr, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(_cannot_listen(addr, port, error)) from error
    digest = hmac.digest(_DIGEST_KEY, repr(auth).encode("utf-8", "surrogatepass"), "sha256")
    settings = _Settings(str(address[0]), metrics, certfile, keyfile, digest)
    running = _running.get(port)
    if running is not None:
        return _same_again(running, settings, addr)
    try:
        listener = _listen(family, address)
    except OSError as error:
        raise ConfigurationError(_cannot_listen(addr, port, error)) from error
    loop = ConnectionLoop(listener, context, _Router(endpoint, metrics).answer, _bounds())
    try:
        return MetricsServer(listener, loop, "https" if context else "http", settings)
    except RuntimeError as error:
        loop.abandon()
        raise ConfigurationError(
            f"start_metrics_server: this interpreter cannot start a background thread ({error}); call it in the main "
            "interpreter, since a subinterpreter allows no daemon threads"
        ) from error


def running_servers() -> list[str]:
    """Return the addresses of the servers that run in this process."""
    return [server.url for _, server in sorted(_running.items())]


def _same_again(running: MetricsServer, settings: _Settings, addr: str) -> MetricsServer:
    """Return the running server if a second start on its port has the same settings.

    Raises:
        ConfigurationError: When the settings differ. A server that answers without the expected password would be worse
            than an error.
    """
    pairs = zip(_Settings._fields, running._settings, settings, strict=True)
    others = [name for name, was, asked in pairs if was != asked]
    if not others:
        return running
    raise ConfigurationError(
        f"cannot serve metrics on {addr!r}, port {running.port}: the port is taken by the metrics server that this "
        f"process started with another {' and '.join(others)}; close() that server first, or choose another port "
        "(port=0 picks a free one)"
    )


def _listen(family: int, address: object) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # on Windows it would let two programs have the same port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)  # type: ignore[arg-type]
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _bounds() -> Bounds:
    most = MAX_CONNECTIONS
    try:
        import resource  # absent on Windows

        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    except (ImportError, OSError, ValueError):
        files = 512  # the most sockets that one `select` of Windows watches
    if files > 0:
        most = max(2, min(most, files // 2))
    of_one_peer = max(1, round(most * SHARE_OF_ONE_PEER))
    return Bounds(most, of_one_peer, HEAD_SECONDS, REQUEST_SECONDS, IDLE_SECONDS)


class _Router:
    """The answers of the paths."""

    def __init__(self, endpoint: Endpoint, metrics: TradingMetrics | None) -> None:
        self._endpoint = endpoint
        self._metrics = metrics

    def answer(self, request: Request) -> HttpResponse | Work:
        """The answer to a request, or the work that makes it."""
        if request.method not in METHODS:
            return method_not_allowed()
        endpoint = self._endpoint
        refusal = endpoint.refusal((request.header("authorization") or "").encode("latin-1"))
        if refusal is not None:
            return refusal
        if request.path in ("/metrics", "/metrics/"):
            asked = endpoint.asked(request.query, request.header("accept"), request.header("accept-encoding"))
            return Work(asked.key, asked.lane, lambda: endpoint.scrape(asked))
        if request.path == "/":
            return Work("/", "chosen", lambda: status_page(self._metrics))
        return plain(HTTPStatus.NOT_FOUND, "404 Not Found; the metrics are at /metrics")


def _cannot_listen(addr: str, port: int, error: OSError | UnicodeError) -> str:
    where = f"cannot serve metrics on {addr!r}, port {port}"
    if isinstance(error, UnicodeError):
        return f"{where}: no name of a host; addr is an address of this machine, e.g. '127.0.0.1'"
    if error.errno == errno.EADDRINUSE:
        return f"{where}: the port is taken; stop what listens there or choose another (port=0 picks a free one)"
    if error.errno == errno.EACCES:
        return f"{where}: not permitted; ports below 1024 need privileges, choose one above"
    return f"{where}: {error.strerror or error}; addr is an address of this machine, e.g. '127.0.0.1'"


def _reachable(host: str) -> str:
    """The host as a client on this machine writes it in a URL."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host


def _after_fork_in_child() -> None:
    # The parent's port and its scrapers belong to the parent alone.
    for server in _running.values():
        server._loop.abandon()
    _running.clear()


if hasattr(os, "register_at_fork"):  # pragma: no branch - absent on Windows only
    os.register_at_fork(after_in_child=_after_fork_in_child)
