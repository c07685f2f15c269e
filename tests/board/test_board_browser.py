"""The board in a browser: its pages, a bot that dies and comes back, hostile labels, a phone, axe, passwords."""

import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from tests.docs import pages
from tests.docs.test_docs_browser import ARGUMENTS, DESKTOP, PHONE
from tests.stack.servers import eventually, free_port, get, prometheus
from tradmetrics import MetricsExporter, TradingMetrics, track_order
from tradmetrics.registry.functions import COUNT_CALLS

pytest.importorskip("nicegui")
pytest.importorskip("apprise")
sync_api = pytest.importorskip("playwright.sync_api")
axe_playwright = pytest.importorskip("axe_playwright_python.sync_playwright")

pytestmark = pytest.mark.needs("chromium")
HOSTILE = '"><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>{{7*7}}'
PATHS = ("", "d/execution", "d/risk", "d/strategy", "d/market_data", "d/models", "d/system", "instrumentation")


def place() -> None:
    """A function that the bot calls."""


def place_never() -> None:
    """A function that the bot does not call."""


class FakeBot:
    """A bot that can die and come back under the same address."""

    def __init__(self) -> None:
        self.port = free_port()
        self.metrics = TradingMetrics()
        exporter = MetricsExporter(self.metrics)
        for strategy in ("gamma", HOSTILE):
            exporter.record_order(strategy, "BUY", "LIMIT", "submitted")
            exporter.record_order(strategy, "BUY", "LIMIT", "filled", fill_time=0.2)
            exporter.record_order(strategy, "BUY", "LIMIT", "rejected", reason=HOSTILE)
        exporter.update_pnl_metrics(1234.0, daily_pct=0.4, realized=1000.0, unrealized=234.0)
        exporter.update_capital_metrics(100_000, 40_000, 60_000, 40)
        exporter.record_market_data_update("NIFTY")
        exporter.update_market_metrics(14.0, HOSTILE)
        self.metrics.fault("bot.place", "source", ValueError(f"api_key=abc123 {HOSTILE}"))
        os.environ[COUNT_CALLS] = "1"
        try:
            decorate = track_order(strategy="gamma", side="BUY", order_type="LIMIT", metrics=self.metrics)
            placed, _ = decorate(place), decorate(place_never)
        finally:
            del os.environ[COUNT_CALLS]
        for _ in range(1_234):
            placed()
        self._server: ThreadingHTTPServer | None = None
        self.live()

    def live(self) -> None:
        """Answer scrapes."""
        bot = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = generate_latest(bot.metrics.registry)
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = bot._server is None

            def log_message(self, *arguments: Any) -> None:
                pass

        ThreadingHTTPServer.allow_reuse_address = True
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def die(self) -> None:
        """Stop answering."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()


@contextmanager
def board(*arguments: str, folder: Path) -> Iterator[str]:
    """A board, until the block ends; its address."""
    port = free_port()
    command = [sys.executable, "-m", "tradmetrics", "board", *arguments, "--port", str(port)]
    with (folder / "board.log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            ready = lambda: "Board:" in (folder / "board.log").read_text() and _open(port)  # noqa: E731
            assert eventually(ready, seconds=60), (folder / "board.log").read_text()
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()
            process.wait(20)
    assert "Traceback" not in (folder / "board.log").read_text()


def _open(port: int) -> bool:
    import socket

    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


@pytest.fixture(scope="module")
def bot() -> Iterator[FakeBot]:
    """A bot with a hostile strategy."""
    found = FakeBot()
    yield found
    found.die()


@pytest.fixture(scope="module")
def address(bot: FakeBot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a board that watches the bot, a web page that is no bot, and nothing."""
    with board(str(bot.port), str(free_port()), folder=tmp_path_factory.mktemp("board")) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser."""
    program = pages.require("chromium")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield running
        running.close()


@contextmanager
def tab(browser: Any, url: str, **context: Any) -> Iterator[Any]:
    """A page in a context of its own, which must not complain."""
    with ExitStack() as stack:
        opened = browser.new_context(**{"viewport": DESKTOP, **context})
        stack.callback(opened.close)
        page = opened.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(url)
        page.wait_for_selector("h1")
        yield page
        assert [] == complaints


def pill(page: Any, port: int) -> str:
    """What the card of a bot says: Up, Down or Waiting."""
    return str(page.locator(f'section[aria-label="Bot 127.0.0.1:{port}"] .pill').inner_text())


QUICK = {("", "light"), ("", "dark"), ("instrumentation", "light")}


@pytest.mark.parametrize(
    ("path", "theme"),
    [
        pytest.param(path, theme, marks=() if (path, theme) in QUICK else pytest.mark.nightly)
        for path in PATHS
        for theme in ("light", "dark")
    ],
)
def test_axe_finds_nothing(path: str, theme: str, browser: Any, address: str) -> None:
    """A trader with a screen reader, or one who cannot tell red from green, could not use the page."""
    with tab(browser, f"{address}{path}?theme={theme}") as page:
        page.wait_for_timeout(1_500)
        found = axe_playwright.Axe().run(page)
        assert [] == [
            (each["id"], [node["html"][:150] for node in each["nodes"]]) for each in found.response["violations"]
        ]


@pytest.mark.parametrize("path", ["", "d/execution", "instrumentation"])
def test_a_page_fits_a_phone(path: str, browser: Any, address: str) -> None:
    """On the phone, every page would have to be pushed from side to side."""
    with tab(browser, f"{address}{path}", viewport=PHONE) as page:
        page.wait_for_timeout(1_500)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_figures_are_those_of_the_bot(browser: Any, address: str, bot: FakeBot) -> None:
    """The page would be pretty and wrong."""
    with tab(browser, address) as page:
        card = page.locator(f'section[aria-label="Bot 127.0.0.1:{bot.port}"]')
        eventually(lambda: "1,234" in card.inner_text())
        figure = page.locator('[aria-label="Orders submitted"] .figure')
        eventually(figure.inner_text, lambda text: re.fullmatch(r"[\d,]+", text) is not None)  # … until it is there


def test_a_click_on_a_card_shows_that_bot_alone(browser: Any, address: str, bot: FakeBot) -> None:
    """The trader could not look at one of many bots, nor send its address to a colleague."""
    with tab(browser, address) as page:
        page.get_by_role("link", name=f"127.0.0.1:{bot.port}").click()
        page.wait_for_url("**/?bot=*")
        assert eventually(lambda: page.locator(".bots section").count() == 1)
        assert f"127.0.0.1:{bot.port}" == page.get_by_label("Bot", exact=True).input_value()


def test_a_label_is_text_and_never_code(browser: Any, address: str) -> None:
    """A symbol or a reject reason from a broker could run code in the trader's browser."""
    for path in ("d/strategy", ""):
        with tab(browser, f"{address}{path}") as page:
            page.wait_for_timeout(1_500)
            assert page.evaluate("window.hacked === undefined")
            assert 0 == page.locator("img[src=x]").count()


def test_a_tooltip_says_time_and_word_and_never_runs_a_label(browser: Any, address: str) -> None:
    """A pointer above a band would show a number of milliseconds and a 1, or run what a broker called a market."""
    with tab(browser, f"{address}d/market_data") as page:
        chart = page.locator('[aria-label="Condition"] canvas').first
        chart.scroll_into_view_if_needed()
        box = chart.bounding_box()
        tip = page.locator('[aria-label="Condition"] .tip')

        def told() -> bool:
            for part in (0.5, 0.75, 0.9):
                page.mouse.move(box["x"] + box["width"] * part, box["y"] + box["height"] * 0.4)
                page.wait_for_timeout(300)
                if tip.count() and re.search(r"\d\d:\d\d:\d\d\s+yes", tip.inner_text()):
                    return True
            return False

        assert eventually(told)
        assert "<img src=x" in tip.inner_text()
        assert page.evaluate("window.hacked === undefined")


def test_the_pages_may_not_be_framed_nor_talk_to_others(address: str) -> None:
    """Another site could lay the board under its own buttons, or a hole in the page could send the P&L away."""
    with urllib.request.urlopen(address, timeout=10) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert {"default-src 'self'", "frame-ancestors 'none'"} <= set(policy.split("; "))
        assert "nosniff" == answer.headers["X-Content-Type-Options"]


def test_words_of_a_table_are_whole_on_a_phone(browser: Any, address: str, bot: FakeBot) -> None:
    """The table of bots would break "Positions" and every figure after a few letters."""
    with tab(browser, address, viewport=PHONE) as page:
        table = page.get_by_role("region", name="Bots side by side").locator("table")
        assert eventually(lambda: "1,234" in table.inner_text())
        for cell in ("Positions", f"127.0.0.1:{bot.port}", "1,234"):
            found = table.get_by_text(cell, exact=True).first
            lines = found.evaluate(
                "e => { const r = document.createRange(); r.selectNodeContents(e); "
                "return new Set([...r.getClientRects()].map(each => each.top)).size }"
            )
            assert (cell, 1) == (cell, lines)


def test_a_dead_bot_is_red_within_three_seconds_and_comes_back(browser: Any, address: str, bot: FakeBot) -> None:
    """The trader would look at a green page while nobody trades."""
    with tab(browser, address) as page:
        eventually(lambda: pill(page, bot.port) == "Up")
        bot.die()
        died = time.monotonic()
        eventually(lambda: pill(page, bot.port) == "Down")
        assert time.monotonic() - died < 8  # 3 seconds where the machine is not shared with other tests
        assert "red" in page.locator(f'section[aria-label="Bot 127.0.0.1:{bot.port}"] .pill').get_attribute("class")
        bot.live()
        eventually(lambda: pill(page, bot.port) == "Up")


def test_an_address_without_a_bot_is_said_on_the_page(browser: Any, address: str) -> None:
    """A typing error in an address would look like a bot that does nothing."""
    with tab(browser, address) as page:
        eventually(lambda: "connection refused" in page.locator(".remarks").inner_text())


def test_the_theme_is_kept(browser: Any, address: str) -> None:
    """The page would blind a trader at night, again and again."""
    with tab(browser, address, color_scheme="light") as page:
        page.get_by_role("button", name="Switch between light and dark").click()
        page.goto(f"{address}instrumentation")
        page.wait_for_selector("h1")
        assert page.evaluate("document.documentElement.classList.contains('dark')")


def test_the_instrumentation_page_says_what_is_missing_and_what_to_type(browser: Any, address: str) -> None:
    """A newcomer would not know which decorator is missing."""
    with tab(browser, f"{address}instrumentation") as page:
        eventually(lambda: "@track_trade" in page.inner_text("body"))
        text = page.inner_text("body")
        assert "nothing yet" in text
        assert "from tradmetrics import" in text


def test_the_instrumentation_page_shows_calls_and_the_last_error_of_each_function(browser: Any, address: str) -> None:
    """The trader would have to search the log of each bot for the function that fails."""
    with tab(browser, f"{address}instrumentation") as page:
        functions = page.get_by_role("region", name="Decorated functions")
        assert eventually(lambda: "1,234 calls" in functions.inner_text())
        assert "not called yet" in functions.locator("tr", has_text="place_never").inner_text()
        errors = page.get_by_role("region", name="Errors inside the instrumentation").inner_text()
        assert "ValueError: api_key=***" in errors
        assert "<img src=x" in errors
        assert page.evaluate("window.hacked === undefined")


@pytest.mark.needs("prometheus")
def test_the_bots_of_a_prometheus_have_cards(browser: Any, bot: FakeBot, tmp_path: Path) -> None:
    """A trader who has a Prometheus would see panels, and not which bot is down."""
    config, gone = tmp_path / "prometheus.yml", free_port()
    targets = f'[{{targets: ["127.0.0.1:{bot.port}", "127.0.0.1:{gone}"]}}]'
    config.write_text(
        f"global: {{scrape_interval: 1s}}\nscrape_configs: [{{job_name: tradmetrics, static_configs: {targets}}}]\n"
    )
    with (
        prometheus(config, tmp_path / "data") as url,
        board("--prometheus", url, folder=tmp_path) as address,
        tab(browser, address) as page,
    ):
        eventually(lambda: page.locator(".bots section").count() == 2)
        eventually(lambda: (pill(page, bot.port), pill(page, gone)) == ("Up", "Down"))
        card = page.locator(f'section[aria-label="Bot 127.0.0.1:{bot.port}"]')
        eventually(lambda: "1,234" in card.inner_text())


def test_a_password_keeps_strangers_out(browser: Any, bot: FakeBot, tmp_path: Path) -> None:
    """Everybody in the office could read the trader's P&L."""
    with board(str(bot.port), "--auth", "me:secret", folder=tmp_path) as url:
        with pytest.raises(Exception, match="401"):
            get(f"{url}metrics")
        with tab(browser, url, http_credentials={"username": "me", "password": "secret"}) as page:
            eventually(lambda: pill(page, bot.port) == "Up")
