"""The board's own metrics."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families as parsed

from tests.stack.servers import free_port
from tradmetrics import TradingMetrics, start_metrics_server

pytest.importorskip("nicegui")

from tradmetrics.board import assembly


def test_who_watches_the_board_sees_how_it_does() -> None:
    """A board that scrapes nothing, evaluates nothing or cannot send would look like one that is well."""
    dead = f"127.0.0.1:{free_port()}"
    with start_metrics_server(port=0, metrics=TradingMetrics(CollectorRegistry())) as server:
        alive = f"127.0.0.1:{server.port}"

        async def work() -> assembly.Assembled:
            built = assembly.assemble(assembly.Plan((alive, dead), port=0))
            running = asyncio.ensure_future(built.watch.run())
            for _ in range(300):
                await asyncio.sleep(0.1)
                if built.watch.evaluated and all(each.scrapes > 1 for each in built.watch.scraper.watched):
                    break
            running.cancel()
            return built

        built = asyncio.run(work())
    built.health.pinged(True)
    built.health.pinged(False)
    built.health.pinged(False)
    found = {
        (sample.name.removeprefix("tradmetrics_board_"), *sample.labels.values()): sample.value
        for family in parsed(built.health.text().decode())
        for sample in family.samples
    }
    assert (1, 0) == (found["bot_up", alive], found["bot_up", dead])
    assert found["scrapes_total", alive, "succeeded"] > 1
    assert 0 == found["scrapes_total", alive, "failed"] == found["scrapes_total", dead, "succeeded"]
    assert found["scrapes_total", dead, "failed"] > 1
    assert found["series",] > 10
    assert found["sample_bytes",] > 0
    assert found["last_evaluation_timestamp_seconds",] > 1e9
    assert (0, 0) == (found["notifications_total", "arrived"], found["notifications_total", "failed"])
    assert (1, 2) == (found["pings_total", "arrived"], found["pings_total", "failed"])
    assert "alerts_firing" in {name for name, *_ in found}
