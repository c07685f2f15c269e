"""`/metrics` as a FastAPI route."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tradmetrics import ConfigurationError, TradingMetrics, catalogue, configure, get_metrics
from tradmetrics.fastapi import create_metrics_router, metrics_router


def client_of(*arguments: Any, **options: Any) -> TestClient:
    """A client of an application with one metrics object router."""
    app = FastAPI()
    app.include_router(create_metrics_router(*arguments, **options))
    return TestClient(app)


@pytest.fixture
def metrics() -> TradingMetrics:
    """A metrics object with something in it."""
    metrics = TradingMetrics()
    metrics.record(catalogue.DAILY_PNL, (), 5, site="test")
    return metrics


def test_the_router_of_the_guide() -> None:
    """`app.include_router(metrics_router)` would not show what the process recorded."""
    app = FastAPI()
    app.include_router(metrics_router)
    get_metrics().record(catalogue.DAILY_PNL, (), -7.5, site="test")
    reply = TestClient(app).get("/metrics")
    assert 200 == reply.status_code
    assert "text/plain; version=0.0.4; charset=utf-8" == reply.headers["content-type"]
    assert "trading_daily_pnl -7.5" in reply.text.splitlines()


def test_the_router_follows_the_default_metrics() -> None:
    """A metrics object configured after the router was imported would not be served."""
    app = FastAPI()
    app.include_router(metrics_router)
    configure(prometheus_client.CollectorRegistry()).record(catalogue.DAILY_PNL, (), 1, site="test")
    assert "trading_daily_pnl 1.0" in TestClient(app).get("/metrics").text
    configure(prometheus_client.CollectorRegistry(), force=True).record(catalogue.DAILY_PNL, (), 2, site="test")
    assert "trading_daily_pnl 2.0" in TestClient(app).get("/metrics").text


def test_openmetrics_gzip_and_choice(metrics: TradingMetrics) -> None:
    """A scraper would get another format than it asked for."""
    reply = client_of(metrics).get(
        "/metrics?name[]=trading_daily_pnl",
        headers={"Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "gzip"},
    )
    assert reply.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert "gzip" == reply.headers["content-encoding"]
    assert ["trading_daily_pnl 5.0", "# EOF"] == reply.text.splitlines()[-2:]
    assert "trading_system_uptime_seconds" not in reply.text


def test_an_accept_header_in_several_lines(metrics: TradingMetrics) -> None:
    """A proxy that splits the header would change the format."""
    lines = [("Accept", "application/json"), ("Accept", "application/openmetrics-text; version=1.0.0")]
    assert client_of(metrics).get("/metrics", headers=lines).text.endswith("# EOF\n")


def test_head_and_wrong_methods(metrics: TradingMetrics) -> None:
    """A health check by HEAD would fail; a wrong method would be answered with metrics."""
    client = client_of(metrics)
    head = client.head("/metrics")
    assert (200, "") == (head.status_code, head.text)
    assert int(head.headers["content-length"]) > 1000
    refused = client.post("/metrics")
    assert 405 == refused.status_code
    assert {"GET", "HEAD"} == set(refused.headers["allow"].split(", "))


def test_a_path_of_ones_own_that_stays_out_of_the_schema(metrics: TradingMetrics) -> None:
    """An application with its own `/metrics` could not move ours, or its public schema would show it."""
    client = client_of(metrics, path="/internal/metrics")
    assert 200 == client.get("/internal/metrics").status_code
    assert 404 == client.get("/metrics").status_code
    assert {} == client.get("/openapi.json").json()["paths"]


def test_rendering_is_off_the_event_loop(metrics: TradingMetrics) -> None:
    """A scrape of many series would stall the trading loop."""
    threads: list[int] = []
    loops: list[int] = []
    metrics.at_scrape(catalogue.ORDERS_OPEN, lambda: threads.append(threading.get_ident()) or {})  # type: ignore[func-returns-value]
    app = FastAPI()
    app.include_router(create_metrics_router(metrics))

    @app.middleware("http")
    async def note_the_loop(request: Any, call_next: Any) -> Any:
        loops.append(threading.get_ident())
        return await call_next(request)

    assert 200 == TestClient(app).get("/metrics").status_code
    assert 1 == len(threads) == len(loops)
    assert loops != threads


@pytest.mark.parametrize(("auth", "right"), [(("user", "pässword"), ("user", "pässword")), ("token", None)])
def test_authentication(metrics: TradingMetrics, auth: Any, right: tuple[str, str] | None) -> None:
    """P&L would be readable by whoever reaches the application."""
    client = client_of(metrics, auth=auth)
    headers = {} if right else {"Authorization": "Bearer token"}
    credentials = tuple(part.encode() for part in right) if right else None
    assert 200 == client.get("/metrics", auth=credentials, headers=headers).status_code
    for wrong in (None, ("user", "wrong"), ("other", "pässword".encode())):
        refused = client.get("/metrics", auth=wrong)
        assert 401 == refused.status_code
        assert refused.headers["www-authenticate"].startswith("Basic" if right else "Bearer")
        assert "trading_" not in refused.text


def test_an_empty_secret_is_refused_at_start(metrics: TradingMetrics) -> None:
    """An unset environment variable would leave the endpoint open to everybody."""
    with pytest.raises(ConfigurationError, match="the password is empty"):
        create_metrics_router(metrics, auth=("user", ""))


def test_a_missing_multiprocess_directory_is_named_at_start(
    metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The application would start, and every scrape fail."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "missing"))
    with pytest.raises(ConfigurationError, match=r"PROMETHEUS_MULTIPROC_DIR.*/missing"):
        create_metrics_router(metrics)


def test_tradmetrics_does_not_import_fastapi(child_environment: dict[str, str], tmp_path: Path) -> None:
    """Bots without a web application would pay for its import, or fail for want of it."""
    script = "import sys, tradmetrics; print(sorted({'fastapi', 'starlette', 'uvicorn'} & set(sys.modules)))"
    answer = subprocess.run(
        [sys.executable, "-c", script], env=child_environment, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert f"[]{os.linesep}" == answer.stdout, answer.stderr
