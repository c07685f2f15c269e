"""The command `tradmetrics board`: what it refuses, and what it says of the bots' answers."""

import asyncio
import re
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("nicegui")

import aiohttp
import typer.testing
from aiohttp import web

from tests.stack.servers import free_port
from tradmetrics.board import assembly, scraper
from tradmetrics.board.scraper import Scraper
from tradmetrics.board.store import Store
from tradmetrics.board.targets import read
from tradmetrics.cli import build
from tradmetrics.errors import ConfigurationError

METRICS = b"# TYPE a gauge\na 1.5\n"


def board(*arguments: str) -> tuple[int, str]:
    """The exit code of the command and what it says."""
    result = typer.testing.CliRunner().invoke(build(), ["board", *arguments], prog_name="tradmetrics")
    return result.exit_code, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--history", "long"], "--history: expected a time such as 30m, 6h or 1d, got 'long'"),
        (["--history", "1s"], "--history: expected 1m to 7d, got 1s"),
        (["--history", "8d"], "--history: expected 1m to 7d, got 8d"),
        (["--auth", "me"], "--auth: write USER:PASSWORD"),
        (["--ping", "hc-ping.com/x"], "--ping: write an address that begins with https:// or http://"),
        (["--ca", "nowhere.pem"], "--ca nowhere.pem: "),
        (["--notify-test"], "--notify-test needs --notify URL or TRADMETRICS_NOTIFY"),
        (["--set", "alerts.HighDailyLos.threshold=1"], "HighDailyLoss"),
        (["--host", "192.0.2.1", "--port", "0"], "choose another with --host"),
        (["--host", "no such host", "--port", "0"], "choose another with --host"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(arguments: list[str], said: str) -> None:
    """The trader would read a traceback, or watch with another setting than the one that was written."""
    code, text = board(*arguments)
    assert 2 == code
    assert said in text
    assert "Traceback" not in text


def test_a_taken_port_is_said_with_what_to_do() -> None:
    """A second board would end with a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, text = board("--port", str(taken.getsockname()[1]))
    assert 2 == code
    assert "choose another with --port" in text


def test_which_of_several_addresses_did_not_get_the_test_message_is_said() -> None:
    """The trader would search the error in the address that works, and their tokens would be in the terminal."""
    dead = f"json://127.0.0.1:{free_port()}/secret"
    code, text = board("--notify-test", "--notify", f"{dead}1 {dead}2")
    assert 2 == code
    assert "check address 1, 2 of --notify" in text
    assert "secret" not in text


def test_a_test_message_that_arrives_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trader would not know whether the phone is silent because of the board or because of the chat."""

    class Chat:
        def notify(self, body: str, title: str) -> bool:
            return True

    monkeypatch.setattr(assembly, "ways", lambda urls: [Chat()])
    assert (0, "the message was sent\n") == board("--notify-test", "--notify", "json://chat")


@pytest.mark.parametrize("arguments", [["--no-page"], ["--open"]])
def test_the_board_runs_with_the_page_unless_it_is_left_out(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server without a display would serve a page, or Ctrl-C would end the board with a traceback."""
    ran: list[tuple[Any, ...]] = []

    async def without(built: assembly.Assembled) -> None:
        ran.append(("--no-page", built.plan.urls))
        raise KeyboardInterrupt

    def with_page(built: assembly.Assembled, *, show: bool) -> None:
        ran.append(("--open" if show else "", built.plan.urls))
        raise KeyboardInterrupt

    monkeypatch.setattr(assembly, "run_without_page", without)
    monkeypatch.setattr(assembly, "run_with_page", with_page)
    monkeypatch.setattr(assembly, "collect_seldom", lambda: None)
    code, text = board(*arguments, "--port", "0")
    assert (0, [(arguments[0], ("8000",))]) == (code, ran), text


def test_without_its_packages_the_board_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trader who installed the bare package would read a traceback."""
    monkeypatch.delattr("tradmetrics.board.assembly")
    monkeypatch.setitem(sys.modules, "tradmetrics.board.assembly", None)
    code, text = board()
    assert 2 == code
    assert "run `pip install 'tradmetrics[board]'`" in text


def test_a_call_of_the_dead_mans_switch_that_fails_is_counted_and_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One failed call would end the calls for ever, or its secret address would stand in the log."""
    monkeypatch.setattr(assembly, "PING_SECONDS", 0.0)
    dead = f"http://127.0.0.1:{free_port()}/secret"
    built = assembly.assemble(assembly.Plan((), "http://127.0.0.1:9", port=0, ping=dead))
    monkeypatch.setattr(built.watch, "healthy", lambda: True)

    async def work() -> None:
        pinging = asyncio.ensure_future(assembly._ping(built))
        while not re.search(rb"pings_total\S*failed\S* [2-9]", built.health.text()):
            assert not pinging.done()
            await asyncio.sleep(0)
        pinging.cancel()

    asyncio.run(work())
    assert "the address of --ping does not answer: ClientConnectorError" in caplog.messages
    assert "secret" not in caplog.text


def test_the_address_of_a_board_for_all_interfaces_can_be_opened() -> None:
    """A click on http://0.0.0.0:8050/ leads nowhere on some systems."""
    built = assembly.assemble(assembly.Plan((), "http://127.0.0.1:9", host="0.0.0.0", port=0))
    assert f"http://127.0.0.1:{built.port}/" == built.url


def test_a_certificate_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    """Every scrape would fail, and nothing would name the file."""
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(ConfigurationError, match=r"--ca .*ca\.pem"):
        assembly.assemble(assembly.Plan((), port=0, ca=tmp_path / "ca.pem"))


Answer = Callable[[web.Request], "web.StreamResponse"]


def scraped(*answers: Answer, address: str = "127.0.0.1:{port}/metrics", **options: Any) -> Iterator[scraper.Watched]:
    """The bot after one scrape of each answer."""
    seen: list[scraper.Watched] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        return answers[len(seen)](request)  # also when the client tries twice

    async def work() -> None:
        application = web.Application()
        application.router.add_get("/metrics", answer)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        targets, _ = read((address.format(port=port),), "tradmetrics", **options)
        found = Scraper(Store(600.0), targets)
        async with aiohttp.ClientSession() as session:
            for _ in answers or (None,):
                await found.scrape(session, found.watched[0])
                seen.append(found.watched[0].__class__(**vars(found.watched[0])))
        await runner.cleanup()

    asyncio.run(work())
    return iter(seen)


def good(request: web.Request) -> web.Response:
    """An answer of a bot."""
    return web.Response(body=METRICS)


def cut(request: web.Request) -> web.Response:
    """A connection that ends without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def test_why_a_bot_cannot_be_scraped_is_said_and_forgotten_when_it_answers_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The trader would see a red dot without a reason, or a reason that is over."""
    monkeypatch.setattr(scraper, "LARGEST_BODY", 1_000)
    large = lambda request: web.Response(body=b"x" * 2_000)  # noqa: E731
    refused = lambda request: web.Response(status=503)  # noqa: E731
    page = lambda request: web.Response(text="<!doctype html>")  # noqa: E731
    found = list(scraped(good, refused, large, cut, page, good))
    assert [True, False, False, False, False, True] == [each.up for each in found]
    assert ["", "the bot answers 503 Service Unavailable", "the answer is longer than 0 MB"] == [
        each.error for each in found[:3]
    ]
    assert "the bot closed the connection" == found[3].error
    assert found[4].error
    assert "" == found[5].error
    assert (6, 4) == (found[5].scrapes, found[5].failures)
    # Once per outage, not once a second.
    assert ["cannot scrape", "answers again"] == [
        text for each in caplog.messages for text in ("cannot scrape", "answers again") if text in each
    ]


def test_a_token_reaches_the_bot() -> None:
    """A protected bot would be red for ever."""
    tokens: list[str] = []

    def answer(request: web.Request) -> web.Response:
        tokens.append(request.headers.get("Authorization", ""))
        return good(request)

    assert [True] == [each.up for each in scraped(answer, token="abc")]
    assert ["Bearer abc"] == tokens


def test_an_address_where_nothing_listens_is_told_from_one_that_does_not_exist() -> None:
    """The trader would look for a crash where a name is mistyped."""
    (found,) = scraped(address=f"127.0.0.1:{free_port()}/metrics")
    assert "connection refused" == found.error
    (found,) = scraped(address="https://127.0.0.1:{port}/metrics")
    assert found.error
    assert "the address cannot be found" == scraper._reason(
        aiohttp.ClientConnectorDNSError(None, socket.gaierror(-2, "unknown"))  # type: ignore[arg-type]
    )
    untrusted = aiohttp.ClientConnectorCertificateError(None, ssl.SSLCertVerificationError("self-signed"))  # type: ignore[arg-type]
    assert "the certificate is not trusted: " in scraper._reason(untrusted)
    assert "no answer within 1.8 s" == scraper._reason(asyncio.TimeoutError())


def test_series_that_have_no_place_are_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A panel would miss a strategy, and nothing would say why; or the log would grow by a line a second."""
    monkeypatch.setattr("tradmetrics.board.exposition.MOST_SERIES", 4)
    many = lambda request: web.Response(body=b"".join(b'a{b="%d"} 1\n' % each for each in range(9)))  # noqa: E731
    first, second, third = scraped(many, many, good)
    assert "8 series have no place and are left out" == first.error == second.error
    assert third.up
    assert 1 == sum("have no place" in each for each in caplog.messages)
