"""The ASGI middleware and application, under Starlette, FastAPI and bare ASGI."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from tradmetrics import ConfigurationError, TradingMetrics, TradmetricsError, catalogue, get_metrics
from tradmetrics.asgi import ASGIApp, Message, MetricsMiddleware, Receive, Scope, Send, make_asgi_app

Outcome = tuple[str, str, str]


@pytest.fixture
def metrics() -> TradingMetrics:
    """A strict metrics, so that no error inside the middleware goes unseen."""
    return TradingMetrics(strict=True)


def outcomes(metrics: TradingMetrics) -> dict[Outcome, float]:
    """The requests counted, by endpoint, method and status."""
    return {
        (sample.labels["endpoint"], sample.labels["method"], sample.labels["status"]): sample.value
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if sample.name == catalogue.API_REQUESTS.name
    }


def seconds(metrics: TradingMetrics, endpoint: str, method: str = "GET") -> tuple[float | None, float | None]:
    """How many durations were observed, and their sum."""
    name, labels = catalogue.API_REQUEST_DURATION.name, {"endpoint": endpoint, "method": method}
    return metrics.registry.get_sample_value(f"{name}_count", labels), metrics.registry.get_sample_value(
        f"{name}_sum", labels
    )


async def ok(request: Request) -> Response:
    """Answer anything."""
    return PlainTextResponse("ok")


def request(app: ASGIApp, path: str, method: str = "GET") -> int:
    """Send one request straight to the application; its exceptions come through."""

    async def send() -> int:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return (await client.request(method, path)).status_code

    return asyncio.run(send())


# ── the endpoint is the route's template ─────────────────────────────────────────────────────────────────────────
def starlette_app(tmp_path: Any) -> Starlette:
    """Routes, mounts in mounts, files, hosts."""
    (tmp_path / "chart.txt").write_text("chart")
    inner = Starlette(routes=[Route("/", ok), Route("/orders/{order_id:int}", ok, methods=["GET", "POST"])])
    return Starlette(
        routes=[
            Route("/", ok),
            Route("/orders/{order_id}", ok),
            Route("/files/{file:path}", ok),
            Mount("/api", app=inner),
            Mount("/desks/{desk_id}", routes=[Route("/orders/{order_id}", ok), Mount("/deep", app=inner)]),
            Mount("/static", app=StaticFiles(directory=tmp_path)),
            Host("venue.test", app=Router(routes=[Route("/quotes/{symbol}", ok)])),
        ]
    )


@pytest.mark.parametrize(
    ("path", "status", "endpoint"),
    [
        ("/", 200, "/"),
        ("/orders/7f3c", 200, "/orders/{order_id}"),
        ("/orders/orders", 200, "/orders/{order_id}"),
        ("/files/2026/11/24.csv", 200, "/files/{file}"),
        ("/api/", 200, "/api/"),
        ("/api/orders/12", 200, "/api/orders/{order_id}"),
        ("/api/orders/007", 200, "/api/orders/{order_id}"),
        ("/desks/9/orders/12", 200, "/desks/{desk_id}/orders/{order_id}"),
        ("/desks/9/orders/9", 200, "/desks/{desk_id}/orders/{order_id}"),
        ("/desks/9/deep/orders/12", 200, "/desks/{desk_id}/deep/orders/{order_id}"),
        ("/static/chart.txt", 200, "/static/{path}"),
        ("/static/none.txt", 404, "/static/{path}"),
        ("http://venue.test/quotes/NIFTY", 200, "/quotes/{symbol}"),
        ("/order/7f3c", 404, "unmatched"),
        ("/api/nothing/7f3c", 404, "unmatched"),
        ("/api/orders/seven", 404, "unmatched"),
        ("/desks/9/nothing", 404, "unmatched"),
    ],
)
def test_starlette_routes_go_by_their_template(
    metrics: TradingMetrics, tmp_path: Any, path: str, status: int, endpoint: str
) -> None:
    """Every order id in a path would become a series of its own, or different routes would share one."""
    assert status == request(MetricsMiddleware(starlette_app(tmp_path), metrics=metrics), path)
    assert {(endpoint, "GET", str(status)): 1.0} == outcomes(metrics)
    assert 1.0 == seconds(metrics, endpoint)[0]


def fastapi_app() -> FastAPI:
    """Routers with prefixes in routers with prefixes, plain Starlette routes among them, and a mounted application."""
    app, desk, orders, sub = FastAPI(), APIRouter(prefix="/desks/{desk_id}"), APIRouter(prefix="/orders"), FastAPI()
    rest = APIRouter()

    @app.get("/health")
    def health() -> str:
        return "ok"

    @orders.get("")
    @orders.get("/{order_id}")
    def order(desk_id: int, order_id: str = "") -> str:
        return "ok"

    @rest.get("")
    @rest.get("/{anything:path}")
    def catch_all(anything: str = "") -> str:
        return "ok"

    rest.add_route("/plain/{order_id}", ok, methods=["POST"])

    @sub.get("/quotes/{symbol}")
    def quote(symbol: str) -> str:
        return "ok"

    desk.include_router(orders)
    app.include_router(desk, prefix="/v1")
    app.include_router(rest, prefix="/rest")
    app.include_router(rest, prefix="/rest/{number}")
    app.mount("/market", sub)
    return app


@pytest.mark.parametrize(
    ("path", "status", "endpoint"),
    [
        ("/health", 200, "/health"),
        ("/docs", 200, "/docs"),
        ("/v1/desks/9/orders", 200, "/v1/desks/{desk_id}/orders"),
        ("/v1/desks/9/orders/7f3c", 200, "/v1/desks/{desk_id}/orders/{order_id}"),
        ("/v1/desks/nine/orders/7f3c", 422, "/v1/desks/{desk_id}/orders/{order_id}"),
        ("/market/quotes/NIFTY", 200, "/market/quotes/{symbol}"),
        ("/market/docs", 200, "/market/docs"),
        ("/rest", 200, "/rest"),
        ("/rest/rest/rest", 200, "/rest/{anything}"),
        ("/market/nothing", 404, "unmatched"),
        ("/v1/desks/9", 404, "unmatched"),
        ("/health/", 307, "unmatched"),
    ],
)
def test_fastapi_routes_go_by_their_template(metrics: TradingMetrics, path: str, status: int, endpoint: str) -> None:
    """Every order id in a path would become a series of its own, or different routes would share one."""
    app = fastapi_app()
    app.add_middleware(MetricsMiddleware, metrics=metrics)
    assert status == request(app, path)
    assert {(endpoint, "GET", str(status)): 1.0} == outcomes(metrics)


def test_a_plain_route_in_an_included_router(metrics: TradingMetrics) -> None:
    """Routes that were moved from Starlette to FastAPI would be unmatched."""
    app = MetricsMiddleware(fastapi_app(), metrics=metrics)
    for path in ("/rest/plain/7f3c", "/rest/9/plain/7f3c"):
        assert 200 == request(app, path, "POST")
    assert {"/rest/plain/{order_id}", "/rest/{number}/plain/{order_id}"} == {
        endpoint for endpoint, _, _ in outcomes(metrics)
    }


def test_one_handler_on_several_routes(metrics: TradingMetrics) -> None:
    """All its routes would be counted as the first of them."""
    app = MetricsMiddleware(FastAPI(routes=[Route("/calls/{id}", ok), Route("/puts/{id}", ok)]), metrics=metrics)
    for path in ("/calls/1", "/puts/1", "/puts/2"):
        assert 200 == request(app, path)
    assert {("/calls/{id}", "GET", "200"): 1.0, ("/puts/{id}", "GET", "200"): 2.0} == outcomes(metrics)


def test_a_route_that_nothing_names_is_unmatched(metrics: TradingMetrics) -> None:
    """A framework that leaves no template would have its raw paths as labels, or break."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["endpoint"], scope["router"] = ok, Router(routes=[Route("/elsewhere", ok)])
        await PlainTextResponse("ok")(scope, receive, send)

    bare(MetricsMiddleware(app, metrics=metrics))
    assert {("unmatched", "GET", "200"): 1.0} == outcomes(metrics)


def test_a_root_path_is_no_part_of_the_template(metrics: TradingMetrics) -> None:
    """Behind a proxy with a prefix all routes would be unmatched."""
    inner = FastAPI(root_path="/proxy")
    sub = FastAPI()

    @inner.get("/orders/{order_id}")
    @sub.get("/quotes/{order_id}")
    def order(order_id: str) -> str:
        return "ok"

    inner.mount("/market", sub)
    app = MetricsMiddleware(inner, metrics=metrics)
    for path in ("/proxy/orders/1", "/orders/1", "/proxy/market/quotes/1"):
        assert 200 == request(app, path)
    assert {("/orders/{order_id}", "GET", "200"): 2.0, ("/market/quotes/{order_id}", "GET", "200"): 1.0} == outcomes(
        metrics
    )


ACCOUNT = "8F14E45F-CEEA-467F-A83C-9BC2F1B5AC11"


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/desks/007/orders/1", "/desks/{desk_id}/orders/{order_id}"),
        ("/books/books/orders/books", "/books/{book}/orders/{order_id}"),
        ("/two/x/x/orders/x", "/two/{a}/{b}/orders/{order_id}"),
        (f"/accounts/{ACCOUNT}/orders/9", "/accounts/{account}/orders/{order_id}"),
        ("/wrapped/orders/9", "/wrapped/orders/{order_id}"),
        ("/wrapped/nothing/9", "unmatched"),
    ],
)
def test_the_values_in_a_path_do_not_choose_the_label(metrics: TradingMetrics, path: str, endpoint: str) -> None:
    """A client that repeats a value, or spells it otherwise than it is read, would choose the label."""
    orders = Starlette(routes=[Route("/orders/{order_id}", ok)])
    app = Starlette(
        routes=[
            Mount("/desks/{desk_id:int}", orders),
            Mount("/books/{book}", orders),
            Mount("/two/{a}/{b}", orders),
            Mount("/accounts/{account:uuid}", orders),
            Mount("/wrapped", GZipMiddleware(orders)),
        ]
    )
    status = request(MetricsMiddleware(app, metrics=metrics), path)
    assert {(endpoint, "GET", str(status)): 1.0} == outcomes(metrics)


def test_a_mounted_application_knows_its_prefix(metrics: TradingMetrics) -> None:
    """If only one part of an application has the middleware, its label would lack the part's prefix."""
    part = MetricsMiddleware(Starlette(routes=[Route("/orders/{order_id}", ok)]), metrics=metrics)
    assert 200 == request(Starlette(routes=[Mount("/desks/{desk_id}", part)]), "/desks/9/orders/1")
    assert {("/desks/{desk_id}/orders/{order_id}", "GET", "200"): 1.0} == outcomes(metrics)


def test_a_request_that_passes_the_middleware_twice_counts_once(metrics: TradingMetrics) -> None:
    """Requests to a mounted part that is instrumented too would count twice, or not in its own metrics."""
    own = TradingMetrics(strict=True)
    orders: ASGIApp = Starlette(routes=[Route("/orders/{order_id}", ok)])
    for each in (metrics, own):
        orders = MetricsMiddleware(orders, metrics=each)
    app = MetricsMiddleware(Starlette(routes=[Mount("/desk", orders)]), metrics=metrics)
    assert 200 == request(app, "/desk/orders/1")
    for each in (metrics, own):
        assert {("/desk/orders/{order_id}", "GET", "200"): 1.0} == outcomes(each)


def test_a_wrong_method_still_has_its_route(metrics: TradingMetrics) -> None:
    """A client that uses the wrong method on one route could not be told from one that is lost."""
    app = MetricsMiddleware(fastapi_app(), metrics=metrics)
    assert 405 == request(app, "/v1/desks/9/orders/7f3c", "DELETE")
    assert {("/v1/desks/{desk_id}/orders/{order_id}", "DELETE", "405"): 1.0} == outcomes(metrics)


@pytest.mark.parametrize(
    ("method", "label"), [("get", "GET"), ("PATCH", "PATCH"), ("BREW", "OTHER"), ("x" * 99, "OTHER")]
)
def test_methods_are_a_closed_set(metrics: TradingMetrics, method: str, label: str) -> None:
    """A client could make series by inventing methods."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("ok")(scope, receive, send)

    bare(MetricsMiddleware(app, metrics=metrics), method=method)
    assert {("unmatched", label, "200"): 1.0} == outcomes(metrics)


def test_a_scope_that_cannot_be_read_costs_only_the_label(metrics: TradingMetrics) -> None:
    """A framework that puts something odd into the scope would break every request."""
    counting = TradingMetrics()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["endpoint"], scope["router"] = ok, Router(routes=[7])  # type: ignore[list-item]
        await PlainTextResponse("ok")(scope, receive, send)

    bare(MetricsMiddleware(app, metrics=counting))
    assert {("unknown", "GET", "200"): 1.0} == outcomes(counting)
    labels = {"site": "tradmetrics.asgi.MetricsMiddleware", "stage": "source"}
    assert 1.0 == counting.registry.get_sample_value(catalogue.INSTRUMENTATION_ERRORS.name, labels)


# ── how it ended, and how long it took ───────────────────────────────────────────────────────────────────────────
def bare(
    app: ASGIApp,
    *,
    method: str = "GET",
    messages: tuple[str, ...] = ("http.request",),
    send: Callable[[Message], Awaitable[None]] | None = None,
) -> list[Message]:
    """Call an application as a server does, and return what it sent."""
    sent: list[Message] = []
    incoming = iter(messages)

    async def receive() -> Message:
        return {"type": next(incoming, "http.disconnect"), "body": b"", "more_body": False}

    async def keep(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "method": method, "path": "/x", "headers": [], "query_string": b""}
    asyncio.run(app(scope, receive, send or keep))  # type: ignore[arg-type]
    return sent


class BoomError(Exception):
    """Raised by applications under test."""


def test_an_exception_before_the_answer_is_a_500(metrics: TradingMetrics) -> None:
    """Crashes would be missing from the error ratio, or be swallowed by the middleware."""
    error = BoomError()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    with pytest.raises(BoomError) as caught:
        bare(MetricsMiddleware(app, metrics=metrics))
    assert error is caught.value
    assert {("unmatched", "GET", "500"): 1.0} == outcomes(metrics)
    assert 1.0 == seconds(metrics, "unmatched")[0]


def test_an_exception_in_a_route_has_its_template(metrics: TradingMetrics) -> None:
    """Which endpoint crashes could not be seen."""
    app = FastAPI()

    @app.get("/orders/{order_id}")
    def order(order_id: str) -> str:
        raise BoomError

    app.add_middleware(MetricsMiddleware, metrics=metrics)
    assert 500 == TestClient(app, raise_server_exceptions=False).get("/orders/1").status_code
    assert {("/orders/{order_id}", "GET", "500"): 1.0} == outcomes(metrics)


def test_an_exception_amid_the_answer_is_an_error(metrics: TradingMetrics) -> None:
    """A stream that breaks off would count as a success, since its 200 was already sent."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise BoomError

    with pytest.raises(BoomError):
        bare(MetricsMiddleware(app, metrics=metrics))
    assert {("unmatched", "GET", "error"): 1.0} == outcomes(metrics)


def test_an_application_that_never_answers_is_a_500(metrics: TradingMetrics) -> None:
    """The server sends a 500 for it, and the metrics would say nothing."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        pass

    bare(MetricsMiddleware(app, metrics=metrics))
    assert {("unmatched", "GET", "500"): 1.0} == outcomes(metrics)


def test_a_cancelled_request_is_cancelled(metrics: TradingMetrics) -> None:
    """A shutdown would look like a burst of server errors, or the cancellation would be lost."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        bare(MetricsMiddleware(app, metrics=metrics))
    assert {("unmatched", "GET", "cancelled"): 1.0} == outcomes(metrics)


async def endless() -> AsyncIterator[bytes]:
    """A stream that goes on for as long as somebody listens."""
    while True:
        await asyncio.sleep(0)
        yield b"tick"


def test_a_client_that_leaves_amid_a_stream_is_disconnected(metrics: TradingMetrics) -> None:
    """Users who close a chart would count as successes or as server errors."""
    app = Starlette(routes=[Route("/ticks", lambda request: StreamingResponse(endless()))])

    async def with_path(scope: Scope, receive: Receive, send: Send) -> None:
        scope["path"] = "/ticks"
        await app(scope, receive, send)

    bare(MetricsMiddleware(with_path, metrics=metrics))
    assert {("/ticks", "GET", "disconnected"): 1.0} == outcomes(metrics)


def test_a_handler_that_answers_a_client_which_left(metrics: TradingMetrics) -> None:
    """A handler that polls whether its client is there would count as a success when it answers into nothing."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while not await Request(scope, receive).is_disconnected():
            pass
        await PlainTextResponse("too late")(scope, receive, send)

    bare(MetricsMiddleware(app, metrics=metrics), messages=("http.request", "http.disconnect"))
    assert {("unmatched", "GET", "disconnected"): 1.0} == outcomes(metrics)


def test_a_server_that_cannot_send_any_more_is_a_disconnect(metrics: TradingMetrics) -> None:
    """Servers that report a lost client by an error would make it the application's."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("ok")(scope, receive, send)

    async def gone(message: Message) -> None:
        raise OSError("the client is gone")

    with pytest.raises(OSError, match="the client is gone"):
        bare(MetricsMiddleware(app, metrics=metrics), send=gone)
    assert {("unmatched", "GET", "disconnected"): 1.0} == outcomes(metrics)


def test_a_stream_is_timed_to_its_last_byte(metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow stream would look as fast as its first byte, or as slow as the background task after it."""
    now = [100.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            now[0] += 2
            yield b"chunk"

    recorded: list[dict[Outcome, float]] = []

    def afterwards() -> None:
        recorded.append(outcomes(metrics))
        now[0] += 1000

    def stream(request: Request) -> Response:
        return StreamingResponse(chunks(), background=BackgroundTask(afterwards))

    app = MetricsMiddleware(Starlette(routes=[Route("/stream", stream)]), metrics=metrics)
    assert 200 == request(app, "/stream")
    assert (1.0, 6.0) == seconds(metrics, "/stream")
    assert [{("/stream", "GET", "200"): 1.0}] == recorded


def test_a_file_sent_by_the_server_is_an_answer(metrics: TradingMetrics) -> None:
    """Files that the server sends by itself would count as errors."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 206, "headers": []})
        await send({"type": "http.response.pathsend", "path": "/tmp/file"})

    bare(MetricsMiddleware(app, metrics=metrics))
    assert {("unmatched", "GET", "206"): 1.0} == outcomes(metrics)


def test_websockets_and_lifespan_pass_through(metrics: TradingMetrics) -> None:
    """A WebSocket would hang, or start-up hooks never run."""
    seen: list[str] = []

    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text())
        await websocket.close()

    class Recording:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(scope["type"])
            await self.app(scope, receive, send)

    app = Starlette(routes=[WebSocketRoute("/echo", echo)])
    app.add_middleware(Recording)
    with TestClient(MetricsMiddleware(app, metrics=metrics)) as client, client.websocket_connect("/echo") as connection:
        connection.send_text("ping")
        assert "ping" == connection.receive_text()
    assert {"lifespan", "websocket"} == set(seen)
    assert {} == outcomes(metrics)


def test_without_a_metrics_object_the_default_one_is_used() -> None:
    """The two-line set-up would record nowhere."""
    app = FastAPI()
    app.add_middleware(MetricsMiddleware)
    assert 404 == request(app, "/nothing")
    assert {("unmatched", "GET", "404"): 1.0} == outcomes(get_metrics())


# ── /metrics as an application ───────────────────────────────────────────────────────────────────────────────────
def test_the_application_answers_where_it_is_mounted(metrics: TradingMetrics) -> None:
    """`/metrics` could not be mounted in a Starlette application."""
    metrics.record(catalogue.DAILY_PNL, (), 5, site="test")
    client = TestClient(Starlette(routes=[Mount("/metrics", make_asgi_app(metrics))]))
    reply = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert 200 == reply.status_code
    assert reply.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert "trading_daily_pnl 5.0" in reply.text
    assert reply.text.endswith("# EOF\n")
    head = client.head("/metrics/")
    assert (200, "") == (head.status_code, head.text)
    assert int(head.headers["content-length"]) > 1000
    refused = client.post("/metrics/")
    assert (405, "GET, HEAD") == (refused.status_code, refused.headers["allow"])


def test_the_application_is_a_route_too(metrics: TradingMetrics) -> None:
    """`/metrics` could only be had behind a redirect to `/metrics/`."""
    client = TestClient(Starlette(routes=[Route("/metrics", make_asgi_app(metrics))]), follow_redirects=False)
    assert 200 == client.get("/metrics").status_code
    assert 405 == client.post("/metrics").status_code


def test_junk_in_the_query_does_not_queue_up_renderings(metrics: TradingMetrics) -> None:
    """A client that sends 150 queries, each another one, would keep Prometheus waiting for 150 renderings."""
    renderings = []
    metrics.at_scrape(catalogue.ORDERS_OPEN, lambda: renderings.append(1) or {})  # type: ignore[func-returns-value]
    app = make_asgi_app(metrics)
    served: list[bytes] = []

    async def get(query: bytes) -> None:
        async def send(message: Message) -> None:
            if message["type"] == "http.response.body":
                served.append(query)

        scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": query}
        await app(scope, None, send)  # type: ignore[arg-type]

    async def main() -> None:
        queries = [b"x=%d" % number for number in range(150)]
        queries += [b"name[]=trading_orders_open&name[]=%d" % number for number in range(150)]
        await asyncio.gather(*map(get, [*queries, b""]))

    asyncio.run(main())
    assert 301 == len(served)
    assert 150 + 1 == len(renderings)


def test_the_application_answers_under_trio(metrics: TradingMetrics) -> None:
    """Under `hypercorn -k trio` every scrape would fail with `no running event loop`."""
    trio = pytest.importorskip("trio")
    app, threads, statuses = make_asgi_app(metrics), set(), []
    metrics.at_scrape(catalogue.ORDERS_OPEN, lambda: threads.add(threading.get_ident()) or {})  # type: ignore[func-returns-value]

    async def get(query: bytes) -> None:
        async def send(message: Message) -> None:
            statuses.append(message.get("status", 0))

        scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": query}
        await app(scope, None, send)  # type: ignore[arg-type]

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(get, b"name[]=trading_orders_open" if number % 2 else b"")

    trio.run(main)
    assert 20 * [200] == [status for status in statuses if status]
    assert threading.get_ident() not in threads


def test_another_event_loop_is_named(metrics: TradingMetrics) -> None:
    """A server on a loop that is not supported would fail with an error that does not say so."""

    async def send(message: Message) -> None:
        raise AssertionError(message)

    scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
    with pytest.raises(TradmetricsError, match="asyncio or trio"):
        make_asgi_app(metrics)(scope, None, send).send(None)  # type: ignore[arg-type, attr-defined]


def test_the_application_packs_and_chooses(metrics: TradingMetrics) -> None:
    """Gzip or `name[]=` would work on the threaded server only."""
    client = TestClient(make_asgi_app(metrics))
    reply = client.get("/?name[]=trading_system_uptime_seconds", headers={"Accept-Encoding": "gzip"})
    assert "gzip" == reply.headers["content-encoding"]
    assert ["# HELP", "# TYPE", "trading_system_uptime_seconds"] == [
        line[:6] if line.startswith("#") else line.split()[0] for line in reply.text.splitlines()
    ]


def test_the_application_renders_off_the_event_loop(metrics: TradingMetrics) -> None:
    """A scrape of many series would stall the trading loop."""
    threads: list[str] = []
    metrics.at_scrape(catalogue.ORDERS_OPEN, lambda: threads.append(threading.current_thread().name) or {})  # type: ignore[func-returns-value]
    assert 200 == request(make_asgi_app(metrics), "/")
    assert [threading.main_thread().name] != threads
    assert 1 == len(threads)


def test_the_application_asks_for_its_secret(metrics: TradingMetrics) -> None:
    """P&L would be readable by whoever reaches the port."""
    client = TestClient(make_asgi_app(metrics, auth="token"))
    assert 401 == client.get("/").status_code
    assert 401 == client.post("/").status_code
    assert 200 == client.get("/", headers={"Authorization": "Bearer token"}).status_code
    with pytest.raises(ConfigurationError, match="the token is empty"):
        make_asgi_app(metrics, auth="")


def test_the_application_runs_by_itself(metrics: TradingMetrics) -> None:
    """A server that waits for its start-up would never begin to serve it; a WebSocket client would wait for ever."""
    with TestClient(make_asgi_app(metrics)) as client:
        assert 200 == client.get("/metrics").status_code
        with pytest.raises(WebSocketDisconnect) as closed, client.websocket_connect("/metrics"):
            pass
        assert 1000 == closed.value.code
