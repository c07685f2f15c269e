"""Exemplars in a real Prometheus: scraped, stored and queried."""

from __future__ import annotations

import json
import time
import urllib.parse
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.stack.programs import program
from tests.stack.servers import eventually, free_port, get, running
from tradmetrics import Limits, TradingMetrics, arg, catalogue, start_metrics_server, track_order

CONFIGURATION = """
scrape_configs:
  - job_name: bot
    scrape_interval: 1s
    static_configs:
      - targets: ['127.0.0.1:{port}']
"""


def stored(prometheus: str, metric: str) -> list[dict[str, Any]]:
    """The exemplars that a Prometheus has of a metric: each with the labels of its series."""
    options = urllib.parse.urlencode({"query": metric, "start": time.time() - 600, "end": time.time() + 600})
    answer = json.loads(get(f"{prometheus}/api/v1/query_exemplars?{options}"))
    return [{**each, "series": series["seriesLabels"]} for series in answer["data"] for each in series["exemplars"]]


@pytest.mark.parametrize("name", ["prometheus", "prometheus3"])
def test_prometheus_stores_exemplars_of_counters_and_buckets(name: str, tmp_path: Path) -> None:
    """Prometheus would refuse the page, or drop the exemplars without a word."""
    metrics = TradingMetrics(limits=Limits(labels={"strategy": 1}))

    @track_order(side="BUY", order_type="LIMIT", fill_time=0.2, exemplar=arg("order.id"), metrics=metrics)
    def place(order: Any) -> Any:
        return {"status": "filled"}

    place(SimpleNamespace(id="O-1", strategy="gamma"))
    place(SimpleNamespace(id="O-2", strategy="theta"))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    configuration, data = tmp_path / "prometheus.yml", tmp_path / "data"
    with start_metrics_server(0, metrics=metrics) as server:
        configuration.write_text(CONFIGURATION.format(port=server.port), encoding="utf-8")
        command = [program(name), f"--config.file={configuration}", f"--storage.tsdb.path={data}"]
        command += [f"--web.listen-address=127.0.0.1:{port}", "--enable-feature=exemplar-storage"]
        with running(command, f"{url}/-/ready", log=tmp_path / "log"):
            counted = eventually(lambda: stored(url, catalogue.ORDERS_SUBMITTED.name), lambda found: len(found) == 2)
            timed = eventually(
                lambda: stored(url, f"{catalogue.ORDER_FILL_TIME.name}_bucket"), lambda found: len(found) == 2
            )
    assert {
        "gamma": {"order_id": "O-1"},
        "__other__": {"order_id": "O-2", "strategy": "theta"},
    } == {each["series"]["strategy"]: each["labels"] for each in counted}
    assert {"1"} == {each["value"] for each in counted}
    assert {("gamma", "0.2", "0.2"), ("__other__", "0.2", "0.2")} == {
        (each["series"]["strategy"], each["series"]["le"], each["value"]) for each in timed
    }
