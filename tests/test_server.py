"""The `/metrics` endpoint on a background thread: what a scraper, a browser and a hostile client get."""

import base64
import contextlib
import errno
import gzip
import http.client
import logging
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import prometheus_client
import pytest
import trustme
from prometheus_client.core import GaugeMetricFamily

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
    headers, _, body = exchange(server, b"HEAD /metrics HTTP/1.1\r\n\r\n").partition(b"\r\n\r\n")
    assert (b" 200 OK", b"") == (headers.splitlines()[0][8:], body)
    assert len(ask(server).body) == pytest.approx(int(headers.rpartition(b"Content-Length: ")[2]), abs=20)


def test_an_accept_header_in_several_lines(server: MetricsServer) -> None:
    """A proxy that splits the header would change the format."""
    lines = b"Accept: application/json\r\nAccept: application/openmetrics-text; version=1.0.0\r\n"
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
@pytest.mark.parametrize("path", ["/metric", "/metrics/", "/favicon.ico", "/..%2f", "//[", "*"])
def test_other_paths_are_not_found(server: MetricsServer, path: str) -> None:
    """A typo in a scrape configuration would go unnoticed."""
    assert 404 == ask(server, path).status


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(server: MetricsServer, method: str) -> None:
    """A client would not learn which methods there are."""
    reply = ask(server, method=method)
    assert (405, "GET, HEAD") == (reply.status, reply.headers["Allow"])


def test_a_failing_collector_gives_no_traceback_away(
    server: MetricsServer, metrics: TradingMetrics, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer would show source code to whoever can reach the port, or the reason would be nowhere."""

    class Broken:
        def describe(self) -> list[GaugeMetricFamily]:
            return []

        def collect(self) -> list[GaugeMetricFamily]:
            raise RuntimeError("the database is away")

    metrics.registry.register(Broken())
    reply = ask(server)
    assert 500 == reply.status
    assert b"database" not in reply.body
    assert b"Traceback" not in reply.body
    assert "the database is away" in caplog.text


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
    monkeypatch.setattr(server_module, "IDLE_SECONDS", 0.1)
    with (
        start_metrics_server(port=0, metrics=metrics) as server,
        socket.create_connection(("127.0.0.1", server.port)) as silent,
    ):
        assert closed_by_peer(silent)


def test_a_client_that_trickles_is_dropped(metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then would hold a thread for ever."""
    monkeypatch.setattr(server_module, "CONNECTION_SECONDS", 0.2)
    with (
        start_metrics_server(port=0, metrics=metrics) as server,
        socket.create_connection(("127.0.0.1", server.port)) as trickling,
    ):
        assert eventually(lambda: refused(trickling, b"X"))
        assert 200 == ask(server).status


def test_connections_are_bounded(metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of connections would start a thread for each."""
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 2)
    with start_metrics_server(port=0, metrics=metrics) as server, contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port))) for _ in range(2)]
        assert closed_by_peer(stack.enter_context(socket.create_connection(("127.0.0.1", server.port))))
        for connection in held:
            connection.close()
        assert eventually(lambda: ask(server).status == 200)


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
        ({"port": 70_000}, "port 70000 does not exist"),
        ({"port": -1}, "port -1 does not exist"),
        ({"port": 0, "addr": "192.0.2.1"}, "'192.0.2.1', port 0: .*address of this machine"),
        ({"port": 0, "addr": "no such host"}, "'no such host', port 0: .*address of this machine"),
    ],
)
def test_an_address_that_cannot_be_served_is_named(arguments: dict[str, Any], message: str) -> None:
    """A wrong setting would end in a bare OSError or OverflowError."""
    with pytest.raises(ConfigurationError, match=message):
        start_metrics_server(**arguments)


def test_a_privileged_port_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Port 80 without the right to it would look like any other failure."""

    def not_permitted(*arguments: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(server_module, "_Server", not_permitted)
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
        (b"token", "bearer token as text, or a .user, password. pair"),
    ],
)
def test_authentication_that_cannot_work_is_refused_at_start(auth: Any, message: str) -> None:
    """An unset environment variable would leave the endpoint open to everybody."""
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
