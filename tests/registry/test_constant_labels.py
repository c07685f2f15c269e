"""`TradingMetrics(labels=…)`: several accounts, venues or bots in one process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics

from tradmetrics import (
    ConfigurationError,
    Limits,
    MetricDefinition,
    MetricsExporter,
    StrategyStats,
    TradingMetrics,
    arg,
    configure,
    track,
    track_order,
    track_trade,
)
from tradmetrics.check.count import report_on
from tradmetrics.check.found import sites_of
from tradmetrics.storage.rendering import render
from tradmetrics.testing import assert_metric


def sample(metrics: TradingMetrics, name: str, **labels: str) -> float | None:
    """The sum of the samples with these labels; None where there is none."""
    found = [
        each.value
        for family in metrics.registry.collect()
        for each in family.samples
        if each.name == name and labels.items() <= each.labels.items()
    ]
    return sum(found) if found else None


def two_venues(registry: CollectorRegistry | None = None, **options: Any) -> tuple[TradingMetrics, TradingMetrics]:
    """The metrics objects of two venues on one registry."""
    registry = registry or CollectorRegistry()
    kraken, deribit = (
        TradingMetrics(registry, labels={"venue": venue, "account": "main"}, **options)
        for venue in ("kraken", "deribit")
    )
    return kraken, deribit


def record_something(metrics: TradingMetrics) -> None:
    """A counter, a gauge and a histogram of one metrics object."""
    exporter = MetricsExporter(metrics)
    exporter.record_trade("s", "BUY", "executed", 12.0)
    exporter.update_capital_metrics(total=1_000)
    exporter.record_order("s", "BUY", "LIMIT", "filled", 0.2)


def test_every_series_has_the_labels_of_its_metrics_object() -> None:
    """A panel for one venue would show nothing, or the other venue's numbers."""
    kraken, deribit = two_venues()
    record_something(kraken)
    record_something(deribit)
    samples = [each for family in kraken.registry.collect() for each in family.samples]
    assert {"kraken", "deribit"} == {each.labels["venue"] for each in samples}
    assert {"main"} == {each.labels["account"] for each in samples}
    for venue in ("kraken", "deribit"):
        assert 1_000 == sample(kraken, "trading_capital_total", venue=venue, account="main")
        assert 1 == sample(
            kraken, "trading_order_fill_time_seconds_bucket", strategy="s", venue=venue, account="main", le="0.2"
        )


def test_the_exposition_is_one_family_for_each_metric() -> None:
    """Prometheus refuses a page on which a metric has two TYPE lines."""
    kraken, deribit = two_venues()
    record_something(kraken)
    record_something(deribit)
    for encode in (generate_latest, openmetrics):
        ours = render(kraken.registry, encode)
        assert ours.count(b"# TYPE trading_capital_total gauge") == 1
        without_uptime = [
            [line for line in text.splitlines() if b"uptime" not in line] for text in (ours, encode(kraken.registry))
        ]
        assert without_uptime[0] == without_uptime[1]


def test_without_labels_the_exposition_has_none() -> None:
    """Everybody's dashboards would get other series from an update."""
    metrics = TradingMetrics()
    record_something(metrics)
    assert b"trading_capital_total 1000.0\n" in render(metrics.registry)
    assert b'trading_trades_total{side="BUY",status="executed",strategy="s"} 1.0\n' in render(metrics.registry)


def test_each_has_budgets_and_overflows_of_its_own() -> None:
    """One account with many symbols would take the places of the other."""
    kraken, deribit = two_venues(limits=Limits(labels={"strategy": 1}))
    for name in ("a", "b"):
        MetricsExporter(kraken).record_trade(name, "BUY", "executed")
    MetricsExporter(deribit).record_trade("b", "BUY", "executed")
    assert 1 == sample(deribit, "trading_trades_total", strategy="b", venue="deribit")
    assert 1 == sample(kraken, "trading_trades_total", strategy="__other__", venue="kraken")
    assert None is sample(deribit, "tradmetrics_label_overflow_total", venue="deribit")


def test_decorators_and_derived_figures_keep_the_venues_apart() -> None:
    """The day's P&L of both would be the one of whichever traded last."""
    registry = CollectorRegistry()
    kraken, deribit = (
        TradingMetrics(registry, labels={"venue": venue}, strategy_stats=StrategyStats())
        for venue in ("kraken", "deribit")
    )
    for metrics, pnl in ((kraken, 5.0), (deribit, -3.0)):

        @track_trade(strategy="s", pnl=arg("pnl"), metrics=metrics)
        def close(pnl: float) -> None: ...

        close(pnl)
        close(pnl)
    assert 10 == sample(kraken, "trading_daily_pnl", venue="kraken")
    assert -6 == sample(kraken, "trading_daily_pnl", venue="deribit")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"strategy": "s"}, "trading_positions_open has one of its own"),
        ({"version": "1"}, "trading_build_info has one of its own"),
        ({"le": "1"}, "cannot name a label 'le'"),
        ({"job": "bot"}, "Prometheus sets it itself"),
        ({"a venue": "x"}, "cannot name a label 'a venue'"),
        ({"__venue": "x"}, "cannot name a label '__venue'"),
        ({"venue": ""}, "has no value"),
        ({"venue": None}, "has no value"),
        ("venue", "maps a label's name to its value"),
    ],
)
def test_labels_that_cannot_work_say_why(labels: Any, message: str) -> None:
    """Prometheus would refuse the page, or two labels would be one."""
    with pytest.raises(ConfigurationError, match=message):
        TradingMetrics(labels=labels)


def test_other_label_names_on_the_same_registry_are_refused() -> None:
    """Half of the series would have a label that the other half lacks."""
    kraken, _ = two_venues()
    for labels in (None, {"venue": "x"}, {"venue": "x", "account": "y", "bot": "z"}):
        with pytest.raises(ConfigurationError, match="the same names in labels="):
            TradingMetrics(kraken.registry, labels=labels)


def test_the_same_labels_again_are_the_same_series() -> None:
    """A module that is loaded again would begin a second set of series."""
    registry = CollectorRegistry()
    for _ in range(2):
        kraken, _ = two_venues(registry)
        record_something(kraken)
    assert 2 == sample(kraken, "trading_trades_total", strategy="s", venue="kraken")


def test_a_metric_of_your_own_has_the_labels_too() -> None:
    """A user's own metric would add up over the venues."""
    hedges = MetricDefinition("desk_hedges_total", "counter", "Hedges.", ("desk",))
    kraken, deribit = two_venues()
    for metrics in (kraken, deribit):
        track(hedges, desk="d", metrics=metrics)(lambda: None)()
    assert 1 == sample(kraken, "desk_hedges_total", desk="d", venue="kraken")
    clash = MetricDefinition("desk_clashes_total", "counter", "Clashes.", ("venue",))
    with pytest.raises(ConfigurationError, match=r"desk_clashes_total has a label 'venue' of its own"):
        track(clash, venue="v", metrics=kraken)


def test_one_can_leave_the_registry_without_the_other() -> None:
    """Replacing the metrics of one venue would take the other's off the page."""
    kraken, deribit = two_venues()
    record_something(kraken)
    record_something(deribit)
    kraken.unregister()
    assert b'venue="kraken"' not in render(deribit.registry)
    assert b'venue="deribit"' in render(deribit.registry)
    kraken.restore()
    assert b'venue="kraken"' in render(deribit.registry)
    deribit.unregister()
    kraken.unregister()
    assert b"" == render(deribit.registry)


def test_the_default_metrics_can_have_them() -> None:
    """A bot that never builds a metrics object could not name its account."""
    registry = CollectorRegistry()
    metrics = configure(registry, labels={"account": "main"}, force=True)
    assert metrics is configure(registry, labels={"account": "main"})
    record_something(metrics)
    assert_metric("trading_capital_total", 1_000, account="main")


def test_the_testing_kit_looks_at_one_metrics_object() -> None:
    """A test of one venue would fail for what another recorded."""
    kraken, deribit = two_venues()
    record_something(kraken)
    record_something(deribit)
    assert_metric("trading_trades_total", 1, metrics=kraken)


WORKER = """
import sys
from prometheus_client import CollectorRegistry
from tradmetrics import MetricsExporter, TradingMetrics, heartbeat, start_metrics_server

registry = CollectorRegistry()
for venue in ("kraken", "deribit"):
    metrics = TradingMetrics(registry, labels={"venue": venue})
    MetricsExporter(metrics).record_trade("s", "BUY", "executed", 3.0)
    heartbeat("main", metrics=metrics)
with start_metrics_server(0, metrics=metrics) as server:
    from urllib.request import urlopen
    sys.stdout.write(urlopen(server.url).read().decode())
"""


def test_workers_that_share_files_have_them_too(tmp_path: Path) -> None:
    """Under gunicorn both venues would be one series."""
    answer = subprocess.run(
        [sys.executable, "-c", WORKER],
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    for venue in ("kraken", "deribit"):
        for start in (
            f'trading_profit_total{{strategy="s",venue="{venue}"}} 3.0\n',
            f'trading_trades_pnl_bucket{{le="10.0",strategy="s",venue="{venue}"}} 1.0\n',
            f'trading_heartbeat_timestamp_seconds{{loop="main",venue="{venue}"}} ',
            f'trading_system_uptime_seconds{{venue="{venue}"}} ',
        ):
            assert start in answer
    assert 1 == answer.count("# TYPE trading_profit_total counter")


def test_check_counts_each_metrics_object(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worst case would be half of what two accounts can reach."""
    kraken, deribit = two_venues()

    def site(metrics: TradingMetrics) -> Any:
        return track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=metrics)(lambda: None)

    monkeypatch.setattr("tests.registry.test_constant_labels.one", site(kraken), raising=False)
    alone = report_on(sites_of("tests.registry.test_constant_labels"))
    monkeypatch.setattr("tests.registry.test_constant_labels.two", site(deribit), raising=False)
    both = report_on(sites_of("tests.registry.test_constant_labels"))
    assert 2 * alone.total == both.total
    assert [len({each.name for each in both.metrics})] == [len(both.metrics)]
    labels = {each.name: each.domain for each in both.functions[0].labels}
    assert ("main",) == labels["account"]
