"""The doctor's children, called in this process: what they announce, and what they answer to."""

import io
import json
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from tests.stack.servers import free_port
from tradmetrics import MetricsExporter, TradingMetrics, start_metrics_server
from tradmetrics.doctor import child, memory, patterns, sources, watch_child
from tradmetrics.doctor.known import Known


def spoken(module: Any, request: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The lines that a child writes for a request."""
    said = io.StringIO()
    limited: list[bool] = []
    monkeypatch.setattr(module, "limit_memory", lambda: limited.append(True))  # this process goes on
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(request) + "\n"))
    monkeypatch.setattr("sys.stdout", said)
    module.main()
    monkeypatch.undo()
    assert [True] == limited
    return [json.loads(line) for line in said.getvalue().splitlines()]


def test_the_watching_child_announces_its_scrape_and_judges_the_bot(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hanging bot would have no limit of time, or a bot that is well would be reported silent."""
    metrics = TradingMetrics(CollectorRegistry())
    MetricsExporter(metrics).update_pnl_metrics(-5.0)
    with start_metrics_server(port=0, metrics=metrics) as server:
        request = {"url": f"http://127.0.0.1:{server.port}/metrics", "limit": None}
        step, answer = spoken(watch_child, request, monkeypatch)
    assert {"step": "scrape", "seconds": 20.0} == step
    assert "LIVE" == answer["answer"]["state"]


def test_the_watching_child_calls_a_dead_bot_silent_and_hides_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """The crash of one bot would end the look at all bots, or show its password."""
    request = {"url": f"http://me:pass-word@127.0.0.1:{free_port()}/metrics", "limit": None}
    _, answer = spoken(watch_child, request, monkeypatch)
    assert "SILENT" == answer["answer"]["state"]
    assert "Connection refused" in str(answer)
    assert "pass-word" not in str(answer)


def test_the_examining_child_announces_each_file_before_it_reads_it(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parent could not name the file that a parser hangs on, nor go on without it."""
    rules = {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "trading_nothing > 1"}]}]}
    for name in ("a.yml", "b.yml", "c.yml"):
        (tmp_path / name).write_text(json.dumps(rules))
    (tmp_path / "d.yml").write_text("a: [")
    request = {
        "url": f"http://127.0.0.1:{free_port()}/metrics",
        "prometheus": None,
        "dashboards": [],
        "rules": [str(tmp_path)],
        "skipped": {str(tmp_path / "b.yml"): "it took too long"},
    }
    *steps, answer = spoken(child, request, monkeypatch)
    assert [str(tmp_path / name) for name in ("a.yml", "c.yml", "d.yml")] == [
        each["step"] for each in steps if each["step"].endswith(".yml")
    ][:3]
    assert "--url" in [each["step"] for each in steps]
    unreadable = {each["file"]: each["message"] for each in answer["answer"]["unreadable"]}
    assert "it took too long" == unreadable[str(tmp_path / "b.yml")]
    assert str(tmp_path / "d.yml") in unreadable
    assert any("Connection refused" in message for message in unreadable.values())
    assert "trading_nothing" in json.dumps(answer)


@contextmanager
def answering(answers: dict[str, bytes]) -> Iterator[str]:
    """A server with an answer for each path, and its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = next(body for path, body in answers.items() if self.path.startswith(path))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_prometheus_tells_which_labels_a_metric_has_and_what_the_catalogue_recorded() -> None:
    """A query by a label that only the reader's Prometheus adds would be called impossible."""
    series = {"metric": {"__name__": "trading_daily_pnl_usd", "desk": "x"}, "value": [1, "-5"]}
    answers = {
        "/api/v1/label/": json.dumps({"data": ["own_metric", "other"]}).encode(),
        "/api/v1/labels": json.dumps({"data": ["__name__", "desk"]}).encode(),
        "/api/v1/query": json.dumps({"data": {"result": [series]}}).encode(),
    }
    known = Known(())
    with answering(answers) as url:
        (found,) = sources.read_prometheus(url, known, {"own_metric", "nowhere"})
    assert ("trading_daily_pnl_usd", -5.0) == (found.name, found.value)
    assert "desk" in (known.labels("own_metric") or ())
    assert known.labels("nowhere") is None


@pytest.mark.parametrize(
    "query", [b'{"data": {"result": [{"metric": {}}]}}', b'{"data": {"result": 7}}', b'{"status": "error"}', b"<html>"]
)
def test_a_server_that_is_no_prometheus_is_said(query: bytes) -> None:
    """A wrong port would end the doctor with a traceback."""
    answers = {"/api/v1/label/": b'{"data": []}', "/api/v1/query": query}
    with answering(answers) as url, pytest.raises(sources.UnreachableError, match="is not a Prometheus"):
        sources.read_prometheus(url, Known(()), set())


def test_an_answer_without_an_end_is_not_read_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that never stops sending would hold the doctor up until somebody stops it, or fill its memory."""
    with answering({"/": b"x 1\n" * 100_000}) as url:
        monkeypatch.setattr(sources, "_MOST_BYTES", 1_000)
        with pytest.raises(sources.UnreachableError, match="the answer is larger than"):
            sources.read_endpoint(f"{url}/metrics", Known(()))
        monkeypatch.setattr(sources, "_MOST_BYTES", 1 << 30)
        clock = iter(range(0, 10_000, 100))
        monkeypatch.setattr(sources.time, "monotonic", lambda: float(next(clock)))
        with pytest.raises(sources.UnreachableError, match="the answer was not complete after"):
            sources.read_endpoint(f"{url}/metrics", Known(()))


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("8000", "http://127.0.0.1:8000/metrics"),
        (" bot:9000/ ", "http://bot:9000/metrics"),
        ("https://bot/own", "https://bot/own"),
        ("http://[bot", "http://[bot"),
    ],
)
def test_an_address_is_read_as_a_person_writes_it(address: str, url: str) -> None:
    """The shortest way to ask for a bot would not work, or a misspelt one would end with a traceback."""
    assert url == sources.metrics_url(address)


@pytest.mark.parametrize("url", ["http://[bot", "ftp://bot/metrics", "http://:8000/metrics"])
def test_a_url_that_cannot_be_read_is_said(url: str) -> None:
    """The doctor would end with a traceback at a misspelt address."""
    with pytest.raises(sources.UnreachableError):
        sources.read_endpoint(url, Known(()))


def test_a_childs_memory_is_limited_where_the_system_can(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hostile file would take the machine's memory from the bots; on Windows every check would fail."""
    limits: list[tuple[int, tuple[int, int]]] = []
    resource = SimpleNamespace(RLIMIT_AS=9, setrlimit=lambda what, bounds: limits.append((what, bounds)))
    monkeypatch.setitem(sys.modules, "resource", resource)
    memory.limit_memory()
    assert [(9, (memory.MOST_BYTES, memory.MOST_BYTES))] == limits
    monkeypatch.setitem(sys.modules, "resource", None)
    memory.limit_memory()


@pytest.mark.parametrize("engine", [None, SimpleNamespace(compile=re.compile, error=re.error)], ids=["re", "re2"])
def test_an_expression_that_cannot_be_understood_is_none_with_either_engine(
    engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The doctor would end with a traceback at a query's expression in Go's own syntax."""
    monkeypatch.setattr(patterns, "re2", engine)
    patterns.compiled.cache_clear()
    found = patterns.compiled("a|b.*")
    assert found is not None
    assert found.fullmatch("bot")
    assert patterns.compiled("(a") is None
    patterns.compiled.cache_clear()
