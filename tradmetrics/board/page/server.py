"""Serves the pages, the board's own `/metrics`, and keeps strangers out."""

import asyncio
import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from nicegui import app, ui
from starlette.responses import PlainTextResponse, Response

from tradmetrics.board.page import instrumentation, overview
from tradmetrics.board.page.frame import Website, page, read_choice

_COOKIE: Final = "tradmetrics_board"
_HEADERS: Final = (
    (
        b"content-security-policy",
        b"default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        b"img-src 'self' data:; font-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; "
        b"frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
"""The page talks to the board alone, and no other site may frame it. NiceGUI itself needs the inline scripts."""
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Headers:
    """Adds the headers that fence the pages in.

    Args:
        application: The application behind it.
    """

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *_HEADERS]}
            await send(message)

        await self._application(scope, receive, with_headers)


class BasicAuth:
    """Asks every request and every WebSocket for a user and a password.

    Browsers do not send credentials with each WebSocket, so an answer to a page sets a cookie that stands for them
    while the board runs.

    Args:
        application: The application behind it.
        pair: `user:password`.
    """

    def __init__(self, application: Any, pair: str) -> None:
        self._application = application
        self._expected = f"Basic {base64.b64encode(pair.encode()).decode()}".encode()
        self._cookie = hmac.new(secrets.token_bytes(32), pair.encode(), hashlib.sha256).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._application(scope, receive, send)
            return
        headers = dict(scope["headers"])
        by_header = hmac.compare_digest(headers.get(b"authorization", b""), self._expected)
        if not by_header and not self._has_cookie(headers.get(b"cookie", b"")):
            await self._refuse(scope, receive, send)
            return
        if not by_header or scope["type"] == "websocket":
            await self._application(scope, receive, send)
            return

        async def with_cookie(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                cookie = f"{_COOKIE}={self._cookie}; HttpOnly; SameSite=Strict; Path=/"
                message = {**message, "headers": [*message["headers"], (b"set-cookie", cookie.encode())]}
            await send(message)

        await self._application(scope, receive, with_cookie)

    def _has_cookie(self, header: bytes) -> bool:
        pairs = [each.strip().partition(b"=") for each in header.split(b";")]
        return any(
            name == _COOKIE.encode() and hmac.compare_digest(value, self._cookie.encode()) for name, _, value in pairs
        )

    @staticmethod
    async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        answer = PlainTextResponse(
            "a user and a password are needed", 401, {"WWW-Authenticate": 'Basic realm="tradmetrics"'}
        )
        await answer(scope, receive, send)


def serve(
    site: Website,
    own_metrics: Callable[[], bytes],
    background: Callable[[], Awaitable[None]],
    *,
    host: str,
    port: int,
    auth: str = "",
    show: bool = False,
) -> None:
    """Serve until interrupted.

    Args:
        site: The data and the dashboards behind the pages.
        own_metrics: Returns the text of the board's own `/metrics`.
        background: The work behind the pages, started with the server and cancelled at its end.
        host: The address to listen on.
        port: The port.
        auth: `user:password`; empty for none.
        show: True to open the page in a browser.
    """
    # NiceGUI would take a board that a test starts for a page under its own test harness.
    os.environ.pop("PYTEST_CURRENT_TEST", None)
    _pages(site, own_metrics)
    tasks: list[asyncio.Task[None]] = []

    async def start() -> None:
        tasks.append(asyncio.ensure_future(background()))

    async def stop() -> None:
        for task in tasks:
            task.cancel()

    app.on_startup(start)
    app.on_shutdown(stop)
    if auth:
        app.add_middleware(BasicAuth, pair=auth)
    app.add_middleware(Headers)  # the last one is the outermost
    ui.run(
        host=host,
        port=port,
        title="tradmetrics",
        reload=False,
        show=show,
        show_welcome_message=False,
        uvicorn_logging_level="warning",
        favicon="📈",
        dark=None,
        binding_refresh_interval=None,
    )


def _pages(site: Website, own_metrics: Callable[[], bytes]) -> None:
    async def metrics() -> Response:
        return Response(own_metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    app.add_api_route("/metrics", metrics, methods=["GET"])

    @ui.page("/")
    def overview_page(span: str = "15m", bot: str = "", strategy: str = "") -> None:
        choice = read_choice(span, bot, strategy, site.history)
        with page(site, "/", "Overview", "Every bot at a glance, once a second.", choice, span) as live:
            overview.dashboard(site, "main", choice, live)

    @ui.page("/d/{name}")
    def dashboard_page(name: str, span: str = "15m", bot: str = "", strategy: str = "") -> None:
        board = site.dashboards.get(name)
        choice = read_choice(span, bot, strategy, site.history)
        if board is None:
            with page(site, "", "No such page", "The menu above has the pages that there are.", choice, span):
                return
        with page(site, f"/d/{name}", board.title, board.description, choice, span) as live:
            overview.dashboard(site, name, choice, live)

    @ui.page("/instrumentation")
    def instrumentation_page(span: str = "15m", bot: str = "") -> None:
        choice = read_choice(span, bot, "", site.history)
        lead = "See which metrics your bots record, which are missing, and the code that adds them."
        with page(site, "/instrumentation", "Instrumentation", lead, choice, span) as live:
            instrumentation.draw(site, choice, live)
