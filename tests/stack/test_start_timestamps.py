"""Start timestamps in a real Prometheus 3: it begins each counter at zero, and the rules still count exactly."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from alerts import generate
from alerts.expressions import rise
from tests.stack.servers import eventually, free_port, get, prometheus, query
from tradmetrics import TradingMetrics, catalogue, start_metrics_server

pytestmark = pytest.mark.needs("prometheus3")

REJECTED = catalogue.ORDERS_REJECTED.name
SHORT = Path(__file__).with_name("short.yml")
SETTINGS = {**generate._shared(generate.load([SHORT])), "window": "1h"}
COUNTED = generate.fill(rise("@ORDERS_REJECTED", "reason"), SETTINGS, "test")


@pytest.fixture(params=[True, False], ids=["started", "unstarted"])
def watched(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, int, bool]]:
    """A Prometheus with zero ingestion, the port that it scrapes, and whether the bots show start timestamps."""
    port = free_port()
    config = tmp_path / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs: [{{job_name: tradmetrics, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n",
        encoding="utf-8",
    )
    option = "--enable-feature=created-timestamp-zero-ingestion"
    with prometheus(config, tmp_path / "data", option, name="prometheus3") as url:
        yield url, port, request.param


def count(url: str, reason: str, at: float) -> list[float]:
    """What the rules count of one reason, at each quarter of a second of the ten before `at`."""
    selected = COUNTED.replace(REJECTED, f'{REJECTED}{{reason="{reason}"}}')
    parameters = {"query": selected, "start": at - 10, "end": at, "step": 0.25}
    answer = json.loads(get(f"{url}/api/v1/query_range?{urlencode(parameters)}"))
    return [float(value) for each in answer["data"]["result"] for _, value in each["values"]]


def test_the_first_events_of_a_kind_count_exactly_once(watched: tuple[str, int, bool]) -> None:
    """The reject that Prometheus starts at zero would alert as two, or one after a restart as none."""
    url, port, started = watched

    def scraped(seconds: float) -> None:
        """Wait until a scrape that began later than a time has come in."""
        eventually(lambda: query(url, f"timestamp(trading_system_uptime_seconds) > {seconds}"))

    def samples(reason: str) -> list[float]:
        found = query(url, f'{REJECTED}{{reason="{reason}"}}[1h]')
        return [float(value) for each in found for _, value in each["values"]]

    def reject(metrics: TradingMetrics, reason: str, times: int = 1) -> None:
        for _ in range(times):
            metrics.record(catalogue.ORDERS_REJECTED, ("s", reason), site=__name__)

    metrics = TradingMetrics(start_timestamps=started)
    reject(metrics, "margin", 3)  # before the first scrape
    with start_metrics_server(port, metrics=metrics):
        scraped(0)
        reject(metrics, "price")
        scraped(time.time())
    again = TradingMetrics(start_timestamps=started)
    with start_metrics_server(port, metrics=again):
        scraped(time.time())
        reject(again, "price", 2)
        scraped(time.time())
        reject(again, "price")
        scraped(at := time.time())
        eventually(lambda: query(url, f"timestamp(trading_system_uptime_seconds) > {at + 2}"))

    assert samples("price")[0] == (0 if started else 1)
    assert samples("margin")[0] == (0 if started else 3)
    counts = {reason: count(url, reason, at + 2) for reason in ("price", "margin")}
    assert counts["price"][-1] == 4
    assert counts["price"] == sorted(counts["price"])  # never more, to be taken back
    assert set(counts["price"]) <= {0, 1, 3, 4}
    assert set(counts["margin"]) <= {0, 3}
    assert counts["margin"][-1] == 3
    # Prometheus reads the lines as times, and stores no series of that name.
    assert query(url, 'count({__name__=~".+_created"})') == []
    if started:
        seen = float(query(url, f'increase({REJECTED}{{reason="margin"}}[1h])')[0]["value"][1])
        assert round(seen) >= 3
