"""The `/metrics` endpoint on a background thread: what a scraper, a browser and a hostile client get."""

import asyncio
import base64
import contextlib
import errno
import gzip
import http.client
import logging
import os
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import prometheus_client
import pytest
import trustme
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder

import tradmetrics.serving.endpoint as endpoint_module
import tradmetrics.serving.server as server_module
from tradmetrics import ConfigurationError, TradingMetrics, catalogue, get_metrics, start_metrics_server
from tradmetrics.serving.server import MetricsServer

PROMETHEUS_ACCEPT = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
"""What Prometheus 3 sends."""
PLAIN_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Reply:
    """An HTTP answer, read to its end."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.body = answer.read()


def ask(
    server: MetricsServer,
    path: str = "/metrics",
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    context: ssl.SSLContext | None = None,
) -> Reply:
    """Send one request and return the answer."""
    address = urlsplit(server.url)
    connection: http.client.HTTPConnection
    if context is None:
        connection = http.client.HTTPConnection(str(address.hostname), server.port, timeout=10)
    else:
        connection = http.client.HTTPSConnection(str(address.hostname), server.port, timeout=10, context=context)
    with contextlib.closing(connection):
        connection.request(method, path, headers=headers or {})
        return Reply(connection.getresponse())


def without_uptime(body: bytes) -> list[bytes]:
    """The lines that two renderings have in common: the uptime moves between them."""
    return [line for line in body.splitlines() if not line.startswith(catalogue.SYSTEM_UPTIME.name.encode() + b" ")]


def of_prometheus_client(metrics: TradingMetrics, headers: dict[str, str]) -> tuple[str, bytes]:
    """The Content-Type and body that prometheus_client's own server gives."""
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/metrics", "QUERY_STRING": ""}
    environ.update({f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()})
    given: dict[str, str] = {}
    app = prometheus_client.make_wsgi_app(metrics.registry)
    body = b"".join(app(environ, lambda status, headers, *rest: given.update(headers)))
    return given["Content-Type"], body


@pytest.fixture
def metrics() -> TradingMetrics:
    """A metrics object with something in it."""
    metrics = TradingMetrics()
    metrics.record(catalogue.ORDERS_SUBMITTED, ("gamma", "BUY", "LIMIT"), 3, site="test")
    metrics.record(catalogue.DAILY_PNL, (), -12.5, site="test")
    metrics.record(catalogue.ORDER_FILL_TIME, ("gamma",), 0.3, site="test")
    return metrics


@pytest.fixture
def server(metrics: TradingMetrics) -> Iterator[MetricsServer]:
    """The metrics, served on a free port."""
    with start_metrics_server(port=0, metrics=metrics) as server:
        yield server


# ── what a scraper gets ──────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "accept",
    [
        None,
        "*/*",
        "text/plain",
        "text/plain;version=0.0.4",
        "text/plain;version=1.0.0;escaping=allow-utf-8",
        "application/openmetrics-text",
        "application/openmetrics-text; version=1.0.0",
        "application/openmetrics-text; version=0.0.1,text/plain",
        PROMETHEUS_ACCEPT,
    ],
)
def test_the_answer_is_the_one_of_prometheus_client(
    server: MetricsServer, metrics: TradingMetrics, accept: str | None
) -> None:
    """A scraper that reads any other Python program's metrics would misread ours."""
    headers = {} if accept is None else {"Accept": accept}
    reply = ask(server, headers=headers)
    content_type, body = of_prometheus_client(metrics, headers)
    assert (200, content_type) == (reply.status, reply.headers["Content-Type"])
    assert without_uptime(body) == without_uptime(reply.body)
    assert b'trading_orders_submitted_total{order_type="LIMIT",side="BUY",strategy="gamma"} 3.0' in reply.body


@pytest.mark.parametrize(
    "accept", ["application/openmetrics-text; version=1.x", "text/plain; version=a.b", "\xff;;=,,"]
)
def test_a_garbled_accept_header_gets_plain_text(server: MetricsServer, accept: str) -> None:
    """A scraper with an odd header would see the endpoint fail."""
    reply = ask(server, headers={"Accept": accept})
    assert (200, PLAIN_TEXT) == (reply.status, reply.headers["Content-Type"])


def test_gzip_where_it_is_accepted(server: MetricsServer, metrics: TradingMetrics) -> None:
    """Large expositions would cross the network uncompressed, or reach a client that cannot unpack them."""
    plain, packed = ask(server), ask(server, headers={"Accept-Encoding": "gzip"})
    assert (None, "gzip") == (plain.headers["Content-Encoding"], packed.headers["Content-Encoding"])
    assert without_uptime(plain.body) == without_uptime(gzip.decompress(packed.body))
    assert len(packed.body) < len(plain.body)


def test_chosen_metrics_only(server: MetricsServer) -> None:
    """`name[]=` would be ignored, and a federating scraper would get everything."""
    reply = ask(server, "/metrics?name[]=trading_daily_pnl&name[]=trading_orders_submitted_total")
    names = {line.split()[2] for line in reply.body.decode().splitlines() if line.startswith("# TYPE")}
    assert {"trading_daily_pnl", "trading_orders_submitted_total"} == names


def test_head_has_the_headers_and_no_body(server: MetricsServer) -> None:
    """A health check by HEAD would hang or fail."""
    headers, _, body = exchange(server, b"HEAD /metrics HTTP/1.0\r\n\r\n").partition(b"\r\n\r\n")
    assert (b" 200 OK", b"") == (headers.splitlines()[0][8:], body)
    assert len(ask(server).body) == pytest.approx(int(headers.rpartition(b"Content-Length: ")[2]), abs=20)


def test_an_accept_header_in_several_lines(server: MetricsServer) -> None:
    """A proxy that splits the header would change the format."""
    lines = b"Connection: close\r\nAccept: application/json\r\nAccept: application/openmetrics-text; version=1.0.0\r\n"
    assert exchange(server, b"GET /metrics HTTP/1.1\r\n" + lines + b"\r\n").endswith(b"# EOF\n")


def test_the_index_points_to_the_metrics(server: MetricsServer) -> None:
    """Someone who opens the bare address in a browser would find nothing."""
    reply = ask(server, "/")
    assert 200 == reply.status
    assert b'href="/metrics"' in reply.body


def test_the_default_metrics_is_the_one_at_the_time_of_the_scrape() -> None:
    """Metrics recorded in a metrics object configured after the server was started would never be seen."""
    with start_metrics_server(port=0) as server:
        get_metrics().record(catalogue.ORDERS_SUBMITTED, ("late", "SELL", "MARKET"), site="test")
        assert b'strategy="late"' in ask(server).body


# ── what a wrong request gets ────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("path", ["/metric", "/metrics/x", "/favicon.ico", "/..%2f", "//[", "*"])
def test_other_paths_are_not_found(server: MetricsServer, path: str) -> None:
    """A typo in a scrape configuration would go unnoticed."""
    assert 404 == ask(server, path).status


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(server: MetricsServer, method: str) -> None:
    """A client would not learn which methods there are."""
    reply = ask(server, method=method)
    assert (405, "GET, HEAD") == (reply.status, reply.headers["Allow"])


class _Broken:
    """A collector of the user's that raises."""

    def describe(self) -> list[GaugeMetricFamily]:
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily("half_of_it", "Collected before the failure.", 1)
        raise RuntimeError("the database is away")


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("path", ["/metrics", "/metrics?name[]=of_the_users_own&name[]=half_of_it"])
def test_a_failing_collector_costs_its_own_metrics_only(
    path: str, strict: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """One broken collector would blind the whole endpoint, or show source code to whoever can reach the port."""
    metrics = TradingMetrics(CollectorRegistry(support_collectors_without_names=True), strict=strict)
    metrics.registry.register(_Broken())  # type: ignore[arg-type]
    prometheus_client.Gauge("of_the_users_own", "…", registry=metrics.registry).set(7)
    with start_metrics_server(port=0, metrics=metrics) as server:
        reply = ask(server, path)
    assert 200 == reply.status
    assert b"of_the_users_own 7.0" in reply.body
    assert b"half_of_it" not in reply.body
    assert b"database" not in reply.body
    assert "the database is away" in caplog.text
    assert "_Broken" in caplog.text


def test_a_failing_collector_is_counted(metrics: TradingMetrics) -> None:
    """Metrics would be missing from the scrape, and no alert would say so."""
    metrics.registry.register(_Broken())  # type: ignore[arg-type]
    gauge = prometheus_client.Gauge("account_balance", "…", registry=metrics.registry)
    gauge.set_function(lambda: 1 / 0)
    with start_metrics_server(port=0, metrics=metrics) as server:
        ask(server)
        body = ask(server).body.decode()
    sites = {line.split('site="')[1].split('"')[0] for line in body.splitlines() if "errors_total{" in line}
    assert {f"the collector {__name__}._Broken", "the collector account_balance"} == sites


class _Cancelled:
    """A collector of the user's that ends as a cancelled task does."""

    def describe(self) -> list[GaugeMetricFamily]:
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        raise asyncio.CancelledError


def test_a_collector_that_ends_with_more_than_an_exception_costs_its_own_metrics_only(
    metrics: TradingMetrics, caplog: pytest.LogCaptureFixture
) -> None:
    """After one cancelled request of a collector, no scrape would ever be answered again."""
    metrics.registry.register(_Cancelled())  # type: ignore[arg-type]
    prometheus_client.Gauge("of_the_users_own", "…", registry=metrics.registry).set(7)
    with start_metrics_server(port=0, metrics=metrics) as server:
        for _ in range(2):
            reply = ask(server)
            assert 200 == reply.status
            assert b"of_the_users_own 7.0" in reply.body
    assert "_Cancelled" in caplog.text


class _Interrupting(_Cancelled):
    def collect(self) -> Iterator[GaugeMetricFamily]:
        raise KeyboardInterrupt


def test_a_scrape_that_is_interrupted_is_answered(metrics: TradingMetrics, caplog: pytest.LogCaptureFixture) -> None:
    """The thread that answers scrapes would be gone, and with it the metrics, for as long as the bot runs."""
    interrupting = _Interrupting()
    metrics.registry.register(interrupting)  # type: ignore[arg-type]
    with start_metrics_server(port=0, metrics=metrics) as server:
        assert 500 == ask(server).status
        metrics.registry.unregister(interrupting)  # type: ignore[arg-type]
        assert 200 == ask(server).status


def exchange(server: MetricsServer, sent: bytes) -> bytes:
    """Send bytes as they are, and return everything that comes back."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(sent)
        received = b""
        with contextlib.suppress(ConnectionError):
            while piece := connection.recv(65536):
                received += piece
        return received


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"400"),
        (b"GET /metrics HTTP/9.9.9\r\n\r\n", b"400"),
        (b"BREW /metrics HTTP/1.1\r\n\r\n", b"501"),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", b"431"),
        (b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"431"),
    ],
    ids=["tls-hello", "version", "method", "long-path", "long-header", "many-headers"],
)
def test_malformed_requests_are_refused_without_noise(
    server: MetricsServer,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    sent: bytes,
    status: bytes,
) -> None:
    """A port scanner would fill the trading log, or take the endpoint down."""
    answer = exchange(server, sent)
    assert status in answer
    assert b"Traceback" not in answer
    assert 200 == ask(server).status
    assert ("", "", "") == (*capfd.readouterr(), caplog.text)


# ── slow and many clients ────────────────────────────────────────────────────────────────────────────────────────
def closed_by_peer(connection: socket.socket) -> bool:
    """Wait until the other side ends the connection."""
    connection.settimeout(10)
    with contextlib.suppress(ConnectionError):
        return connection.recv(1) == b""
    return True


def test_a_client_that_sends_nothing_holds_nobody_up(server: MetricsServer) -> None:
    """One stuck connection would stop every scrape."""
    with socket.create_connection(("127.0.0.1", server.port)) as silent:
        silent.sendall(b"GET /metrics HT")
        assert 200 == ask(server).status


def test_a_silent_client_is_dropped(metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forgotten connections would pile up, a thread each."""
    monkeypatch.setattr(server_module, "HEAD_SECONDS", 0.1)
    with (
        start_metrics_server(port=0, metrics=metrics) as server,
        socket.create_connection(("127.0.0.1", server.port)) as silent,
    ):
        assert closed_by_peer(silent)


def test_a_client_that_trickles_is_dropped(metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then would hold a thread for ever."""
    monkeypatch.setattr(server_module, "HEAD_SECONDS", 0.2)
    with (
        start_metrics_server(port=0, metrics=metrics) as server,
        socket.create_connection(("127.0.0.1", server.port)) as trickling,
    ):
        assert eventually(lambda: refused(trickling, b"X"))
        assert 200 == ask(server).status


@pytest.fixture
def small(metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch) -> Iterator[MetricsServer]:
    """A server that takes four connections, three of one client."""
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 4)
    with start_metrics_server(port=0, metrics=metrics) as server:
        yield server


def test_at_the_limit_the_oldest_silent_connection_goes(small: MetricsServer) -> None:
    """Anybody who opens enough sockets and sends nothing would keep Prometheus out."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.create_connection(("127.0.0.1", small.port))) for _ in range(3)]
        assert 200 == ask(small).status
        assert closed_by_peer(held[0])
        assert 200 == ask(small).status
        assert not has_ended(held[2])


def test_at_the_limit_an_answered_connection_goes_first(small: MetricsServer) -> None:
    """A connection that only waits would cost one that is about to ask its answer."""
    with contextlib.ExitStack() as stack:
        slow = stack.enter_context(socket.create_connection(("127.0.0.1", small.port)))
        slow.sendall(b"GET /metrics HTTP/1.1\r\n")
        idle = stack.enter_context(socket.create_connection(("127.0.0.1", small.port)))
        idle.sendall(b"GET /nowhere HTTP/1.1\r\n\r\n")
        assert b"404" in idle.recv(4096)
        stack.enter_context(socket.create_connection(("127.0.0.1", small.port)))
        assert 200 == ask(small).status
        assert closed_by_peer(idle)
        slow.sendall(b"\r\n")
        assert b"200 OK" in slow.recv(4096)


def test_another_client_has_a_place_of_its_own(small: MetricsServer) -> None:
    """One client address would take all the connections there are."""
    with contextlib.ExitStack() as stack:
        other = stack.enter_context(
            socket.create_connection(("127.0.0.1", small.port), source_address=("127.0.0.2", 0))
        )
        for _ in range(20):
            stack.enter_context(socket.create_connection(("127.0.0.1", small.port)))
        assert 200 == ask(small).status
        other.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert b"200 OK" in other.recv(4096)


def test_another_client_has_a_place_of_its_own_where_the_server_answers_ipv4_and_ipv6(
    metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All clients of a server on `::` that come with IPv4 addresses would share one client's part."""
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 4)
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(start_metrics_server(port=0, addr="::", metrics=metrics))
            socket.create_connection(("127.0.0.1", server.port)).close()
        except (ConfigurationError, OSError):
            pytest.skip("this system has no sockets for both")
        others = []
        for address in ("127.0.0.2", "127.0.0.1", "127.0.0.1", "127.0.0.1"):
            connection = socket.create_connection(("127.0.0.1", server.port), source_address=(address, 0))
            others.append(stack.enter_context(connection))
        others[3].sendall(b"GET /nowhere HTTP/1.1\r\n\r\n")
        assert b"404" in others[3].recv(4096)  # all four have been accepted
        others[0].sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert b"200 OK" in others[0].recv(4096)


def test_answers_that_are_ready_make_room_for_newcomers(
    small: MetricsServer, metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients that ask without a pause would keep Prometheus out, although each of them has its answer."""
    rendering, rendered = threading.Event(), threading.Event()
    parsing, parsed = threading.Event(), threading.Event()

    class Slow:
        def collect(self) -> list[Metric]:
            rendering.set()
            rendered.wait(10)
            return []

    def choose(accept: str) -> Any:
        if accept == "slow":
            parsing.set()
            parsed.wait(10)
        return choose_encoder(accept)

    metrics.registry.register(cast(Any, Slow()))
    monkeypatch.setattr(endpoint_module, "choose_encoder", choose)
    with contextlib.ExitStack() as stack:

        def client(address: str, headers: bytes = b"") -> socket.socket:
            connection = socket.create_connection(("127.0.0.1", small.port), source_address=(address, 0))
            connection.sendall(b"GET /metrics HTTP/1.1\r\n" + headers + b"\r\n")
            return stack.enter_context(connection)

        waiting = [client("127.0.0.1") for _ in range(3)]
        assert rendering.wait(10)
        assert eventually(lambda: len(small._loop._connections) == 3)
        client("127.0.0.2", b"Accept: slow\r\n")
        assert parsing.wait(10)  # the thread of the connections is busy
        newcomer = client("127.0.0.1")
        rendered.set()
        assert eventually(lambda: small._loop._threads._done)
        parsed.set()
        assert b"200 OK" in newcomer.recv(4096)
        assert b"200 OK" in waiting[-1].recv(4096)


def test_a_scrape_goes_before_those_who_wait_for_another_answer(
    small: MetricsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients that ask for pages that take long would keep Prometheus out until the last of them has its page."""
    begun, go_on = threading.Event(), threading.Event()

    def page(metrics: TradingMetrics | None) -> endpoint_module.HttpResponse:
        begun.set()
        go_on.wait(10)
        return endpoint_module.plain(HTTPStatus.OK, "a page")

    monkeypatch.setattr(server_module, "status_page", page)
    with contextlib.ExitStack() as stack:
        waiting = []
        for target in (b"/", b"/metrics?name[]=a", b"/metrics?name[]=b"):
            waiting.append(stack.enter_context(socket.create_connection(("127.0.0.1", small.port))))
            waiting[-1].sendall(b"GET " + target + b" HTTP/1.1\r\n\r\n")
            assert eventually(lambda: len(small._loop._threads._waiting) == len(waiting))
        assert begun.wait(10)
        assert 200 == ask(small).status
        assert closed_by_peer(waiting[2])  # the newest one
        go_on.set()
        assert b"a page" in waiting[0].recv(4096)
        assert b"200 OK" in waiting[1].recv(4096)


def test_odd_accept_headers_share_the_usual_answers(server: MetricsServer) -> None:
    """Each version that a client makes up would be a rendering that honest scrapes wait for."""
    asked = {
        server_module.Endpoint(None).asked(accept=f"application/openmetrics-text; version=1.0.{number}").key
        for number in range(50)
    }
    assert 1 == len(asked)
    reply = ask(server, headers={"Accept": "application/openmetrics-text; version=1.0.77; escaping=dots"})
    assert "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=dots" == reply.headers["Content-Type"]
    assert reply.body.endswith(b"# EOF\n")


def has_ended(connection: socket.socket) -> bool:
    """Whether the other side has ended the connection by now."""
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False


# ── connections that stay ────────────────────────────────────────────────────────────────────────────────────────
def answers(connection: socket.socket, count: int) -> list[bytes]:
    """Read that many answers from one connection; each is its status line."""
    reader = connection.makefile("rb")
    found = []
    for _ in range(count):
        found.append(reader.readline().rstrip())
        length = 0
        while line := reader.readline().rstrip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        reader.read(length)
    return found


def test_a_connection_is_used_again(server: MetricsServer) -> None:
    """Each scrape would pay for a connection, and for a TLS handshake, of its own."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        for request in (b"GET /metrics HTTP/1.1\r\n\r\n", b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"):
            connection.sendall(request)
            assert [b"HTTP/1.1 200 OK"] == answers(connection, 1)


def test_requests_that_come_together_are_answered_in_turn(server: MetricsServer) -> None:
    """A client that does not wait for the answer would get one of three, or a mixture."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\n\r\nGET /nowhere HTTP/1.1\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n")
        assert [b"HTTP/1.1 200 OK", b"HTTP/1.1 404 Not Found", b"HTTP/1.1 200 OK"] == answers(connection, 3)


@pytest.mark.parametrize(
    "request_head",
    [
        b"GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /metrics HTTP/1.0\r\n\r\n",
        b"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ids=["close", "http-1.0", "body", "chunked"],
)
def test_a_connection_ends_where_it_must(server: MetricsServer, request_head: bytes) -> None:
    """A client that waits for the end would hang, or a body would be read as a request."""
    assert 1 == exchange(server, request_head).count(b"HTTP/1.1 ")


def test_an_idle_connection_is_dropped(metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scrapers that are gone would hold their connections for ever."""
    monkeypatch.setattr(server_module, "IDLE_SECONDS", 0.1)
    with (
        start_metrics_server(port=0, metrics=metrics) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection,
    ):
        connection.sendall(b"GET /nowhere HTTP/1.1\r\n\r\n")
        assert [b"HTTP/1.1 404 Not Found"] == answers(connection, 1)
        assert closed_by_peer(connection)


def test_a_request_in_many_pieces_is_answered(server: MetricsServer) -> None:
    """A request over a bad line, or typed by hand, would never be answered."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        for piece in (b"GET /metrics HT", b"TP/1.1\r\n", b"Host: x\r\nAc", b"cept: */*\r\n", b"\r\n"):
            connection.sendall(piece)
            time.sleep(0.01)  # so that the pieces arrive as such
        assert [b"HTTP/1.1 200 OK"] == answers(connection, 1)


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:9/metrics", "HTTPS://bot/metrics?x=1", "/metrics/", "/metrics#top"]
)
def test_spellings_of_the_path(server: MetricsServer, target: str) -> None:
    """A scraper behind a proxy sends the whole address, and people write a slash at the end: 404 for both."""
    assert b" 200 OK" in exchange(server, f"GET {target} HTTP/1.1\r\nConnection: close\r\n\r\n".encode())


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("br, GZIP;q=0.5", "gzip"),
        ("gzip;q=0", None),
        ("identity, gzip; q=0.000", None),
        ("*", None),
        ("", None),
    ],
)
def test_gzip_only_where_it_is_accepted(server: MetricsServer, accepted: str, coding: str | None) -> None:
    """A client that refuses gzip would get bytes that it cannot read."""
    assert coding == ask(server, headers={"Accept-Encoding": accepted}).headers["Content-Encoding"]


def test_five_hundred_scrapers_at_once(server: MetricsServer, metrics: TradingMetrics) -> None:
    """A scrape storm would stop the recording, or leave the endpoint dead behind it."""

    def scrape(number: int) -> int:
        metrics.record(catalogue.ORDERS_SUBMITTED, ("storm", "BUY", "LIMIT"), site="test")
        try:
            return ask(server).status
        except (OSError, http.client.HTTPException):
            return 0  # refused at the door

    with ThreadPoolExecutor(500) as pool:
        statuses = set(pool.map(scrape, range(500)))
    assert {200} <= statuses <= {200, 0}
    line = b'trading_orders_submitted_total{order_type="LIMIT",side="BUY",strategy="storm"} 500.0'
    assert eventually(lambda: line in ask(server).body)


def refused(connection: socket.socket, sent: bytes) -> bool:
    """Whether the other side takes no more bytes."""
    try:
        connection.sendall(sent)
    except ConnectionError:
        return True
    return False


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether a condition comes true within ten seconds."""
    limit = time.monotonic() + 10
    while time.monotonic() < limit:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if condition():
                return True
        time.sleep(0.01)
    return False


# ── starting and stopping ────────────────────────────────────────────────────────────────────────────────────────
def test_port_0_picks_a_free_one(server: MetricsServer) -> None:
    """Tests and second instances could not be started beside a first."""
    assert server.port > 0
    assert f"http://127.0.0.1:{server.port}/metrics" == server.url
    assert f"<MetricsServer {server.url}>" == repr(server)


def test_a_taken_port_is_named(server: MetricsServer) -> None:
    """Whoever starts a second bot would see an error that does not say which port, nor what to do."""
    with pytest.raises(ConfigurationError, match=rf"port {server.port}: the port is taken.*port=0"):
        start_metrics_server(port=server.port)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"port": 70_000}, "port must be an integer from 0 to 65535 .*, got 70000"),
        ({"port": -1}, "port must be an integer from 0 to 65535 .*, got -1"),
        ({"port": 0, "addr": "192.0.2.1"}, "'192.0.2.1', port 0: .*address of this machine"),
        ({"port": 0, "addr": "no such host"}, "'no such host', port 0: .*address of this machine"),
        ({"port": 0, "addr": "x" * 300}, "port 0: .*address of this machine"),
        ({"port": 0, "addr": "\udc80"}, "port 0: .*address of this machine"),
        ({"port": 0, "addr": None}, "addr must be an address as text, .*got None"),
        ({"port": 0, "addr": b"127.0.0.1"}, "addr must be an address as text"),
        ({"port": 0, "addr": 5}, "addr must be an address as text"),
    ],
)
def test_an_address_that_cannot_be_served_is_named(arguments: dict[str, Any], message: str) -> None:
    """A wrong setting would end in a bare OSError or OverflowError, and an unset one would answer the whole network."""
    with pytest.raises(ConfigurationError, match=message):
        start_metrics_server(**arguments)


def test_a_privileged_port_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Port 80 without the right to it would look like any other failure."""

    def not_permitted(*arguments: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(server_module, "_listen", not_permitted)
    with pytest.raises(ConfigurationError, match=r"port 80: not permitted; ports below 1024"):
        start_metrics_server(port=80)


def test_ipv6(metrics: TradingMetrics) -> None:
    """Hosts with IPv6 only could not be scraped."""
    with start_metrics_server(port=0, addr="::1", metrics=metrics) as server:
        assert f"http://[::1]:{server.port}/metrics" == server.url
        assert 200 == ask(server).status


@pytest.mark.parametrize(("addr", "host"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]")])
def test_the_url_can_be_opened_from_this_machine(addr: str, host: str) -> None:
    """The address printed for a server on all interfaces would lead nowhere."""
    assert host == server_module._reachable(addr)


def test_closing_frees_the_port(metrics: TradingMetrics) -> None:
    """A restart in the same process would find its own port taken; a second close would raise."""
    server = start_metrics_server(port=0, metrics=metrics)
    server.close()
    server.close()
    with pytest.raises(ConnectionRefusedError):
        ask(server)
    with start_metrics_server(port=server.port, metrics=metrics) as again:
        assert 200 == ask(again).status


def test_the_thread_does_not_keep_the_process_alive(server: MetricsServer) -> None:
    """A bot that ends would hang until it is killed."""
    assert [True] == [thread.daemon for thread in threading.enumerate() if thread.name == "tradmetrics-server"]


# ── started again, forked, or where no thread can be had ─────────────────────────────────────────────────────────
def test_a_second_start_returns_the_running_server(metrics: TradingMetrics) -> None:
    """A notebook cell that starts the server could be run once only."""
    with start_metrics_server(port=0, metrics=metrics, auth="s3cret") as server:
        assert server is start_metrics_server(port=server.port, host="127.0.0.1", metrics=metrics, auth="s3cret")
    with start_metrics_server(port=server.port, metrics=metrics) as other:
        assert other is not server


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"auth": "other"}, "auth"),
        ({}, "auth"),
        ({"auth": "s3cret", "addr": "127.0.0.2"}, "addr"),
        ({"metrics": None}, "metrics"),
    ],
)
def test_a_second_start_with_other_settings_is_an_error(
    metrics: TradingMetrics, settings: dict[str, Any], named: str
) -> None:
    """A server that was meant to ask for a password would answer without one."""
    with (
        start_metrics_server(port=0, metrics=metrics, auth="s3cret") as server,
        pytest.raises(ConfigurationError, match=rf"started with another .*{named}.*close\(\)"),
    ):
        start_metrics_server(port=server.port, **{"metrics": metrics, **settings})


def test_two_addresses_are_an_error() -> None:
    """The server would listen on the one that was not meant."""
    with pytest.raises(ConfigurationError, match=r"addr='::1' and host='0\.0\.0\.0' differ"):
        start_metrics_server(port=0, addr="::1", host="0.0.0.0")


def unused_port() -> int:
    """A free port that no other program is given by chance, as those that the system chooses are."""
    for port in range(20_000 + os.getpid() % 10_000, 32_000):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


FORK = """
import http.client, os, socket, sys
from tradmetrics import TradingMetrics, start_metrics_server

def status(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/metrics")
    return connection.getresponse().status

metrics = TradingMetrics()
server = start_metrics_server(port=int(sys.argv[1]), metrics=metrics)
scraper = socket.create_connection(("127.0.0.1", server.port), timeout=10)
scraper.sendall(b"GET /nowhere HTTP/1.1\\r\\n\\r\\n")
assert b"404 Not Found" in scraper.recv(4096)
read, write = os.pipe()
forked, tell = os.pipe()
if os.fork() == 0:
    server.close()  # as an `atexit` of the child may do; it must not disturb the parent
    os.write(tell, b"!")
    os.close(write)
    os.read(read, 1)
    os._exit(0)
os.close(read)
os.read(forked, 1)  # the child runs, which is when it gives back what is not its own
assert status(server.port) == 200
server.close()
while scraper.recv(4096):
    pass
with start_metrics_server(port=server.port, metrics=metrics) as again:
    print(status(again.port))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_keeps_neither_the_port_nor_the_connections(unmeasured_environment: dict[str, str]) -> None:
    """A restarted bot would find its port taken by a helper process, and a scrape of it would hang."""
    program = [sys.executable, "-W", "ignore", "-c", FORK, str(unused_port())]
    answer = subprocess.run(program, env=unmeasured_environment, capture_output=True, text=True, timeout=60)
    assert "200\n" == answer.stdout, answer.stderr


def test_an_interpreter_without_threads_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare RuntimeError of the threading module would not say that a subinterpreter is the cause."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("daemon threads are disabled in this (sub)interpreter")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(ConfigurationError, match=r"daemon threads are disabled.*main interpreter"):
        start_metrics_server(port=0)


# ── TLS ──────────────────────────────────────────────────────────────────────────────────────────────────────────
class Certificates:
    """A certificate for 127.0.0.1 in files, and a client that trusts it."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        issued = authority.issue_cert("127.0.0.1")
        self.certfile, self.keyfile, self.both = (str(folder / name) for name in ("cert.pem", "key.pem", "both.pem"))
        issued.cert_chain_pems[0].write_to_path(self.certfile)
        issued.private_key_pem.write_to_path(self.keyfile)
        issued.private_key_and_cert_chain_pem.write_to_path(self.both)
        self.client = ssl.create_default_context()
        authority.configure_trust(self.client)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates made for this run."""
    return Certificates(tmp_path_factory.mktemp("tls"))


def test_https(metrics: TradingMetrics, certificates: Certificates) -> None:
    """Metrics with P&L in them would cross the network in the clear."""
    with start_metrics_server(
        port=0, metrics=metrics, certfile=certificates.certfile, keyfile=certificates.keyfile
    ) as server:
        assert f"https://127.0.0.1:{server.port}/metrics" == server.url
        assert b"trading_daily_pnl -12.5" in ask(server, context=certificates.client).body


def test_a_certificate_and_its_key_in_one_file(metrics: TradingMetrics, certificates: Certificates) -> None:
    """The usual combined PEM file could not be used."""
    with start_metrics_server(port=0, metrics=metrics, certfile=certificates.both) as server:
        assert 200 == ask(server, context=certificates.client).status


def test_a_client_that_never_shakes_hands_holds_nobody_up(
    metrics: TradingMetrics,
    certificates: Certificates,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One plain connection to the TLS port would stop every scrape."""
    with (
        start_metrics_server(port=0, metrics=metrics, certfile=certificates.both) as server,
        socket.create_connection(("127.0.0.1", server.port)) as silent,
        socket.create_connection(("127.0.0.1", server.port)) as plain,
    ):
        plain.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert closed_by_peer_with_anything(plain)
        assert 200 == ask(server, context=certificates.client).status
        silent.close()
    assert ("", "", "") == (*capfd.readouterr(), caplog.text)


def closed_by_peer_with_anything(connection: socket.socket) -> bool:
    """Wait until the other side ends the connection, whatever it says before."""
    connection.settimeout(10)
    with contextlib.suppress(ConnectionError):
        while connection.recv(1024):
            pass
    return True


def test_unusable_tls_files_are_named(certificates: Certificates, tmp_path: Path) -> None:
    """A wrong path or a mixed-up key would end in OpenSSL's own words, without the file."""
    other, garbage = Certificates(tmp_path), tmp_path / "garbage.pem"
    garbage.write_text("nothing")
    cases: list[tuple[dict[str, Any], str]] = [
        ({"certfile": "/no/such.pem"}, r"'/no/such.pem' cannot be read: No such file"),
        ({"certfile": certificates.certfile, "keyfile": "/no/key.pem"}, r"'/no/key.pem' cannot be read"),
        ({"keyfile": certificates.keyfile}, r"keyfile .*key.pem' is given without its certificate"),
        ({"certfile": certificates.certfile}, r"cert.pem' without keyfile make no certificate"),
        ({"certfile": certificates.certfile, "keyfile": other.keyfile}, r"cert.pem' and keyfile .*key.pem' make no"),
        ({"certfile": str(garbage)}, r"garbage.pem' without keyfile make no certificate"),
        ({"certfile": ""}, r"'' cannot be read"),
        ({"certfile": certificates.both, "keyfile": ""}, r"'' cannot be read"),
        ({"certfile": "a\0b"}, r"cannot be read"),
        ({"certfile": 5}, r"certfile must be a path"),
    ]
    for arguments, message in cases:
        with pytest.raises(ConfigurationError, match=message):
            start_metrics_server(port=0, **arguments)


def test_an_encrypted_key_is_refused_without_asking_for_its_password(
    certificates: Certificates, tmp_path: Path
) -> None:
    """A service started at boot would hang at an invisible prompt."""
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(Path(certificates.keyfile).read_bytes(), None)
    encrypted = tmp_path / "encrypted.pem"
    encrypted.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        )
    )
    with pytest.raises(
        ConfigurationError, match=r"encrypted.pem' make no certificate with its unencrypted private key"
    ):
        start_metrics_server(port=0, certfile=certificates.certfile, keyfile=str(encrypted))


# ── authentication ───────────────────────────────────────────────────────────────────────────────────────────────
USER, PASSWORD, TOKEN = "prometheus", "pässword:with colon", "s3cret-token"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@pytest.mark.parametrize("header", [BASIC, BASIC.replace("Basic", "bAsIc"), BASIC.replace(" ", "   ")])
def test_basic_authentication_lets_the_right_pair_in(metrics: TradingMetrics, header: str) -> None:
    """Prometheus with the right password would be refused."""
    with start_metrics_server(port=0, metrics=metrics, auth=(USER, PASSWORD)) as server:
        assert 200 == ask(server, headers={"Authorization": header}).status
        assert 200 == ask(server, method="HEAD", headers={"Authorization": header}).status


def test_a_bearer_token_lets_in(metrics: TradingMetrics) -> None:
    """Prometheus with the right token would be refused."""
    with start_metrics_server(port=0, metrics=metrics, auth=TOKEN) as server:
        assert 200 == ask(server, headers={"Authorization": f"Bearer {TOKEN}"}).status


def basic(text: str) -> str:
    """A basic Authorization header."""
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic !!!",
        "Basic é",
        BASIC.replace(" ", " !"),
        f"Bearer {TOKEN}",
        f"Bearer {USER}:{PASSWORD}".encode().decode("latin-1"),
        basic(""),
        basic(":"),
        basic(f"{USER}:"),
        basic(f"{USER}:wrong"),
        basic(f"{USER}:{PASSWORD} "),
        basic(f"x{USER}:{PASSWORD}"),
    ],
)
def test_everything_else_is_refused(metrics: TradingMetrics, header: str | None) -> None:
    """P&L would be readable by whoever reaches the port."""
    headers = {} if header is None else {"Authorization": header}
    with start_metrics_server(port=0, metrics=metrics, auth=(USER, PASSWORD)) as server:
        for path, method in [("/metrics", "GET"), ("/metrics", "HEAD"), ("/", "GET"), ("/nowhere", "GET")]:
            reply = ask(server, path, method=method, headers=headers)
            assert 401 == reply.status
            assert 'Basic realm="metrics", charset="UTF-8"' == reply.headers["WWW-Authenticate"]
            assert b"trading_" not in reply.body


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x"])
def test_a_wrong_token_is_refused(metrics: TradingMetrics, header: str | None) -> None:
    """P&L would be readable by whoever reaches the port."""
    with start_metrics_server(port=0, metrics=metrics, auth=TOKEN) as server:
        reply = ask(server, headers={} if header is None else {"Authorization": header})
        assert (401, 'Bearer realm="metrics"') == (reply.status, reply.headers["WWW-Authenticate"])


def test_secrets_are_shown_nowhere(
    metrics: TradingMetrics, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A password would stand in a log that more people read than may read the metrics."""
    caplog.set_level(logging.DEBUG)
    with start_metrics_server(port=0, metrics=metrics, auth=(USER, PASSWORD)) as server:
        reply = ask(server, headers={"Authorization": basic(f"{USER}:guess")})
        shown = repr(server) + str(vars(server)) + caplog.text + str(reply.headers) + reply.body.decode()
    shown += "".join(capfd.readouterr())
    for secret in (PASSWORD, "guess", BASIC.removeprefix("Basic "), basic(f"{USER}:guess").removeprefix("Basic ")):
        assert secret not in shown


@pytest.mark.parametrize(
    ("auth", "message"),
    [
        ("", "the token is empty"),
        ("  ", "the token is empty"),
        (("", "password"), "the user's name is empty"),
        (("user", ""), "the password is empty"),
        (("us:er", "password"), "cannot hold a colon"),
        (("user", None), "bearer token as text, or a .user, password. pair"),
        (("user",), "bearer token as text, or a .user, password. pair"),
        ("token\udcff", "the token holds a character that cannot be sent"),
        (("user", "\ud800"), "the password holds a character that cannot be sent"),
        (b"token", "bearer token as text, or a .user, password. pair"),
        ("token\n", "cannot begin or end with a blank, or hold a line break"),
        (" token", "cannot begin or end with a blank, or hold a line break"),
        ("to\r\nken", "cannot begin or end with a blank, or hold a line break"),
        ("to\0ken", "cannot begin or end with a blank, or hold a line break"),
    ],
)
def test_authentication_that_cannot_work_is_refused_at_start(auth: Any, message: str) -> None:
    """An unset environment variable would leave the endpoint open to everybody, a token's line break to nobody."""
    with pytest.raises(ConfigurationError, match=message):
        start_metrics_server(port=0, auth=auth)


# ── several processes ────────────────────────────────────────────────────────────────────────────────────────────
def test_a_missing_multiprocess_directory_is_named_at_start(
    metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The first order would fail, or be lost, long after the start."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "missing"))
    with pytest.raises(ConfigurationError, match=r"PROMETHEUS_MULTIPROC_DIR.*/missing"):
        start_metrics_server(port=0, metrics=metrics)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="/proc is the one folder that not even root can write to")
def test_an_unwritable_multiprocess_directory_is_named_at_start(
    metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first order would fail, or be lost, long after the start."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/proc")
    with pytest.raises(ConfigurationError, match=r"PROMETHEUS_MULTIPROC_DIR.*/proc"):
        start_metrics_server(port=0, metrics=metrics)


WORKER = """
    import sys
    from tradmetrics import catalogue, get_metrics

    for _ in range(int(sys.argv[1])):
        get_metrics().record(catalogue.ORDERS_SUBMITTED, ("gamma", "BUY", "LIMIT"), site="worker")
    get_metrics().record(catalogue.CIRCUIT_BREAKER_ACTIVE, (), int(sys.argv[2]), site="worker")
"""
SCRAPER = """
    import urllib.request
    from tradmetrics import start_metrics_server

    with start_metrics_server(port=0) as server:
        print(urllib.request.urlopen(server.url, timeout=10).read().decode())
"""


def test_the_answer_adds_up_all_workers(child_environment: dict[str, str], tmp_path: Path) -> None:
    """A scrape would see the counts of whichever worker happened to answer."""
    environment = {**child_environment, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}

    def run(script: str, *arguments: str) -> str:
        command = [sys.executable, "-c", textwrap.dedent(script), *arguments]
        return subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
        ).stdout

    run(WORKER, "3", "1")
    run(WORKER, "4", "0")
    text = run(SCRAPER)
    assert 'trading_orders_submitted_total{order_type="LIMIT",side="BUY",strategy="gamma"} 7.0' in text
    assert "trading_circuit_breaker_active 1.0" in text
