"""`start_metrics_server`: `/metrics` over HTTP or HTTPS from a background thread of the process that records."""

from __future__ import annotations

import errno
import logging
import socket
import ssl
import threading
import time
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from tradmetrics.errors import ConfigurationError
from tradmetrics.serving.endpoint import Auth, Endpoint, HttpResponse, method_not_allowed, plain

if TYPE_CHECKING:
    from typing_extensions import Self

    from tradmetrics.registry.metrics import TradingMetrics

_LOGGER = logging.getLogger(__name__)

# A connection that cannot be accepted for want of these stays where it is, and would be tried again at once, for ever.
_EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_RECOVERY_SECONDS: Final = 0.1

IDLE_SECONDS: Final = 10.0
"""How long a client may keep silent, and how long it may take to read an answer."""
CONNECTION_SECONDS: Final = 30.0
"""How long a connection may last in all: a client that sends a byte now and then does not hold a thread for ever."""
MAX_CONNECTIONS: Final = 256
"""Connections served at one time; more are closed at once."""

_INDEX = b'<!doctype html><title>tradmetrics</title><p>The metrics are at <a href="/metrics">/metrics</a>.</p>\n'


class MetricsServer:
    """A running `/metrics` endpoint. A context manager: leaving the `with` block closes it.

    Attributes:
        port: The port it listens on; the one that was picked when it was started with port 0.
        url: The address to give to Prometheus or a browser, ending in `/metrics`.
    """

    port: Final[int]
    url: Final[str]

    def __init__(self, server: _Server, scheme: str) -> None:
        self._server = server
        host, self.port = server.server_address[:2]
        self.url = f"{scheme}://{_reachable(str(host))}:{self.port}/metrics"
        # The interval is how long `close` may take to be noticed.
        self._thread = threading.Thread(
            target=server.serve_forever, args=(0.1,), name="tradmetrics-server", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening and free the port. A second call does nothing."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

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
    metrics: TradingMetrics | None = None,
    certfile: str | None = None,
    keyfile: str | None = None,
    auth: Auth = None,
) -> MetricsServer:
    """Serve `/metrics` from a daemon thread, for Prometheus to scrape.

    Answers GET and HEAD of `/metrics` as prometheus_client does: the text format or OpenMetrics by the Accept header,
    gzip where it is accepted, `name[]=` to choose metrics. `/` points there, other paths are 404, other methods 405.
    Under `PROMETHEUS_MULTIPROC_DIR` the answer is the aggregate of all worker processes.

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
        metrics: The metrics object to serve; the process's default one when left out.
        certfile: A PEM file with the certificate (and its chain): the endpoint speaks HTTPS.
        keyfile: A PEM file with the certificate's private key, unencrypted; left out when `certfile` holds it too.
        auth: A bearer token, or a `(user, password)` pair for basic authentication, that each request must carry.

    Returns:
        The running server, with `.port`, `.url` and `.close()`.

    Raises:
        ConfigurationError: When the address cannot be listened on, the certificate cannot be used, `auth` is empty,
            or the directory of multiprocess mode is missing or cannot be written.
    """
    endpoint = Endpoint(metrics, auth)
    context = _tls(certfile, keyfile)
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        shown = f"port {port!r} is none" if not isinstance(port, int) else f"port {port} does not exist"
        raise ConfigurationError(f"{shown}; a port is a number up to 65535, and 0 picks a free one")
    try:
        family, _, _, _, address = socket.getaddrinfo(addr, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        server = _Server(family, address, endpoint, context)
    except OSError as error:
        raise ConfigurationError(_cannot_listen(addr, port, error)) from error
    return MetricsServer(server, "https" if context else "http")


def _cannot_listen(addr: str, port: int, error: OSError) -> str:
    where = f"cannot serve metrics on {addr!r}, port {port}"
    if error.errno == errno.EADDRINUSE:
        return f"{where}: the port is taken; stop what listens there or choose another (port=0 picks a free one)"
    if error.errno == errno.EACCES:
        return f"{where}: not permitted; ports below 1024 need privileges, choose one above"
    return f"{where}: {error.strerror or error}; addr is an address of this machine, e.g. '127.0.0.1'"


def _tls(certfile: str | None, keyfile: str | None) -> ssl.SSLContext | None:
    if certfile is None:
        if keyfile is not None:
            raise ConfigurationError(f"keyfile {keyfile!r} is given without its certificate; add certfile=")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for file in filter(None, (certfile, keyfile)):
        try:
            open(file, "rb").close()
        except OSError as error:
            raise ConfigurationError(f"the TLS file {file!r} cannot be read: {error.strerror}") from error
    try:
        # Without a password OpenSSL would ask for one on the terminal.
        context.load_cert_chain(certfile, keyfile, password="")
    except (ssl.SSLError, ValueError) as error:
        source = f"certfile {certfile!r}" + (f" and keyfile {keyfile!r}" if keyfile else " without keyfile")
        raise ConfigurationError(
            f"{source} make no certificate with its unencrypted private key, both in PEM format: {error}"
        ) from error
    return context


def _reachable(host: str) -> str:
    """The host as a client on this machine writes it in a URL."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host


class _Server(ThreadingHTTPServer):
    """A thread per connection, with a bound on their number and on how long each may last."""

    request_queue_size = 128

    def __init__(
        self, family: socket.AddressFamily, address: Any, endpoint: Endpoint, context: ssl.SSLContext | None
    ) -> None:
        self.address_family = family
        self.endpoint = endpoint
        self._context = context
        self._connections: dict[socket.socket, float] = {}
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer would ask the name service for this host's name, which can stall for seconds.
        TCPServer.server_bind(self)

    def get_request(self) -> tuple[socket.socket, Any]:
        try:
            connection, client = super().get_request()
        except OSError as error:
            if error.errno in _EXHAUSTED:
                time.sleep(_RECOVERY_SECONDS)
            raise
        connection.settimeout(IDLE_SECONDS)
        if self._context is not None:
            # The handshake waits for the client, so it is left to the connection's own thread: its first read.
            connection = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, client

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return len(self._connections) < MAX_CONNECTIONS

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections[request] = time.monotonic()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        oldest = time.monotonic() - CONNECTION_SECONDS
        for connection, since in self._connections.copy().items():
            if since < oldest:
                with suppress(OSError):  # it may have ended by itself meanwhile
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that hung up, timed out or spoke no TLS: its own affair, and no news for the trading log.
        _LOGGER.debug("connection from %s failed", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]
    server_version = "tradmetrics"
    sys_version = ""

    def _answer(self) -> None:
        path, _, query = self.path.partition("?")
        endpoint = self.server.endpoint
        authorization = self.headers.get("Authorization", "").encode("latin-1", "replace")
        refusal = endpoint.refusal(authorization)
        if refusal is not None:
            self._send(refusal)
        elif path == "/metrics":
            accept = ",".join(self.headers.get_all("Accept", []))
            self._send(endpoint.scrape(query, accept, self.headers.get("Accept-Encoding")))
        elif path == "/":
            self._send(HttpResponse(HTTPStatus.OK, (("Content-Type", "text/html; charset=utf-8"),), _INDEX))
        else:
            self._send(plain(HTTPStatus.NOT_FOUND, "404 Not Found; the metrics are at /metrics"))

    def _refuse_method(self) -> None:
        self._send(method_not_allowed())

    do_GET = do_HEAD = _answer  # noqa: N815 - the names that http.server looks up
    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = _refuse_method  # noqa: N815

    def _send(self, answer: HttpResponse) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        """A line per scrape would drown the trading log."""
