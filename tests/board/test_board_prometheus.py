"""The board on a Prometheus that scrapes the bots: cards, alerts and messages as with bots that it scrapes itself."""

import asyncio
import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.stack.servers import eventually, free_port, prometheus
from tradmetrics import MetricsExporter, TradingMetrics, start_metrics_server
from tradmetrics.errors import ConfigurationError

pytest.importorskip("apprise")
pytest.importorskip("nicegui")

from tradmetrics.board import assembly
from tradmetrics.board.mirror import Mirror
from tradmetrics.board.prometheus import Prometheus
from tradmetrics.board.store import Store
from tradmetrics.board.targets import server

Answer = tuple[int, str]


class Web:
    """A web server whose answers the test chooses; it keeps what it was sent."""

    def __init__(self) -> None:
        self.answer: Callable[[str], Answer] = lambda path: (200, "{}")
        self.seen: list[tuple[str, str, str]] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                web.seen.append((self.path, self.headers.get("Authorization", ""), body))
                status, text = web.answer(self.path)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            def do_GET(self) -> None:
                self.do_POST()

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server."""
    found = Web()
    yield found
    found.close()


def vector(*series: tuple[str, str, float]) -> str:
    """What Prometheus answers: metric, instance and value of each series."""
    result = [
        {"metric": {"__name__": name, "job": "tradmetrics", "instance": bot}, "value": [1.0, str(value)]}
        for name, bot, value in series
    ]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}})


def copied(web: Web, *answers: str | Answer, address: str = "127.0.0.1") -> Mirror:
    """A mirror after one copy of each answer."""
    now = [1_000.0]

    async def work() -> Mirror:
        asked = Prometheus(server(f"http://{address}:{web.port}"))
        mirror = Mirror(Store(), asked, "tradmetrics", clock=lambda: now[0])
        for each in answers:
            status, text = (200, each) if isinstance(each, str) else each
            web.answer = lambda path, status=status, text=text: (  # type: ignore[misc]
                (status, text) if path.endswith("query") else (200, '{"data": ["node", "bots"]}')
            )
            now[0] += 5
            await mirror.copy()
        await asked.close()
        return mirror

    return asyncio.run(work())


def test_each_bot_of_the_job_is_watched(web: Web) -> None:
    """The page would have no cards, and nobody would get a message."""
    answer = vector(("up", "a:1", 1), ("trading_daily_pnl", "a:1", -5), ("up", "b:1", 0))
    mirror = copied(web, answer)
    assert [("a:1", True, 1_005.0, ""), ("b:1", False, 0.0, "it does not answer Prometheus")] == [
        (each.target.name, each.up, each.seen, each.error) for each in mirror.watched
    ]
    (sample,) = mirror.watched[0].rows.instant("trading_daily_pnl", (), 1_006.0)
    assert ({"job": "tradmetrics", "instance": "a:1"}, -5.0) == (sample.labels, sample.value)


def test_a_series_that_is_gone_has_no_value(web: Web) -> None:
    """A bot's last P&L would stand on the page for minutes after the bot has gone."""
    mirror = copied(web, vector(("up", "a:1", 1), ("trading_daily_pnl", "a:1", -5)), vector(("up", "a:1", 1)))
    assert [] == list(mirror.watched[0].rows.instant("trading_daily_pnl", (), 1_011.0))


def test_a_bot_that_prometheus_has_dropped_is_down(web: Web) -> None:
    """Its card would stay green for ever."""
    (watched,) = copied(web, vector(("up", "a:1", 1)), vector()).watched
    assert (False, "Prometheus scrapes it no more") == (watched.up, watched.error)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (vector(), "has no bot with the job 'tradmetrics'; it has: node, bots. Write --set job=NAME"),
        ("<html>", "does not answer as a Prometheus"),
        ("[]", "does not answer as a Prometheus"),
        ('{"data": {}}', "does not answer as a Prometheus"),
        ('{"data": {"resultType": "vector"}}', "does not answer as a Prometheus"),
        ((400, '{"status": "error", "error": "too many samples"}'), "too many samples"),
        ((401, "no"), "answers 401; write http://user:password@… or --token"),
    ],
)
def test_another_answer_is_said(answer: str | Answer, said: str, web: Web) -> None:
    """A wrong address, job or password would look like bots that do nothing."""
    assert said in copied(web, answer).error


def test_prometheus_is_asked_again(web: Web) -> None:
    """A restart of Prometheus would end the watch."""
    mirror = copied(web, vector(("up", "a:1", 1)), (503, "starting"), vector(("up", "a:1", 1)))
    assert ("", True) == (mirror.error, mirror.watched[0].up)


def test_the_password_is_sent_and_never_shown(web: Web) -> None:
    """The password of the company's Prometheus would stand on the page and in the log."""
    mirror = copied(web, (500, "broken"), address="me:pass-word@127.0.0.1")
    assert f"Basic {base64.b64encode(b'me:pass-word').decode()}" == web.seen[0][1]
    assert "pass-word" not in mirror.error
    assert "Bearer abc" == server("http://127.0.0.1:9090", token="abc").authorization
    with pytest.raises(ConfigurationError, match="write http://host:9090") as refused:
        server("ftp://me:pass-word@host")
    assert "pass-word" not in str(refused.value)


def test_addresses_beside_a_prometheus_are_refused() -> None:
    """Bots that were named would not be watched, and nothing would say so."""
    with pytest.raises(ConfigurationError, match="leave out the addresses"):
        assembly.assemble(assembly.Plan(("8000",), "http://127.0.0.1:9090", port=0))


@contextmanager
def running(built: assembly.Assembled) -> Iterator[None]:
    """Run a board without its page, until the block ends."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(assembly.run_without_page(built))

    def run() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(30)
        loop.close()
    assert not thread.is_alive()


@pytest.mark.needs("prometheus")
def test_a_bot_that_dies_is_told_on_the_phone(web: Web, tmp_path: Path) -> None:
    """A trader who has a Prometheus, and no Alertmanager, would not get any message."""
    metrics, port = TradingMetrics(), free_port()
    MetricsExporter(metrics).update_pnl_metrics(-5.0)
    config = tmp_path / "prometheus.yml"
    scrape = f'{{job_name: tradmetrics, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}'
    config.write_text(f"global: {{scrape_interval: 1s}}\nscrape_configs: [{scrape}]\n", encoding="utf-8")
    bot = start_metrics_server(port=port, metrics=metrics)
    with prometheus(config, tmp_path / "data") as url:
        notify = (f"json://127.0.0.1:{web.port}/phone",)
        built = assembly.assemble(assembly.Plan((), url, port=0, notify=notify, ping=f"http://127.0.0.1:{web.port}/"))
        with running(built):
            watched = built.watch.scraper.watched
            eventually(lambda: bool(watched) and watched[0].up is True)
            eventually(lambda: "/" in [path for path, _, _ in web.seen])  # it is well, and says so
            bot.close()
            told = lambda: [json.loads(body)["message"] for path, _, body in web.seen if path == "/phone"]  # noqa: E731
            eventually(lambda: any("ExporterDown" in message for message in told()), seconds=90)
            assert watched[0].up is False
            assert "connection refused" in watched[0].error


def test_a_board_whose_prometheus_is_away_is_not_well() -> None:
    """The dead man's switch would be called while nobody watches the bots."""
    built = assembly.assemble(assembly.Plan((), f"http://127.0.0.1:{free_port()}", port=0))
    with running(built):
        eventually(lambda: built.watch.scraper.error)
        assert not built.watch.healthy()
        assert any("does not answer as a Prometheus" in each for each in assembly.remarks(built))
