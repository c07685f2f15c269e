"""`TradingMetrics`, `configure` and `get_metrics`: books of instruments, and the process's default one."""

from __future__ import annotations

import gc
import logging
import math
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from tests.recorded import errors, raising, recorded, sample
from tradmetrics import (
    ConfigurationError,
    LabelSourceError,
    Limits,
    MetricDefinition,
    StrategyStats,
    TradingMetrics,
    TradmetricsError,
    arg,
    catalogue,
    configure,
    fill_timer,
    get_metrics,
    metrics_exporter,
    track,
    track_connection,
    track_errors,
    track_market_data,
    track_order,
)

ORDER = {"strategy": "s", "side": "BUY", "order_type": "LIMIT"}
SUBMITTED = "trading_orders_submitted_total"


def names_on(registry: CollectorRegistry) -> set[str]:
    """The names of what is registered."""
    return {metric.name for metric in registry.collect()}


# ── registries ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_metrics_object_has_a_registry_of_its_own() -> None:
    """Two books would share their series, and tests would see each other's counts."""
    first, second = TradingMetrics(), TradingMetrics()
    first.record(catalogue.MARKET_VIX, (), 14, site="test")
    assert first.registry is not second.registry
    assert prometheus_client.REGISTRY not in (first.registry, second.registry)
    assert (14, None) == (sample(first, "trading_market_vix"), sample(second, "trading_market_vix"))


def test_a_given_registry_is_used_and_exposes_every_metric() -> None:
    """An application that has an endpoint already would need a second one."""
    registry = CollectorRegistry()
    metrics = TradingMetrics(registry)
    assert registry is metrics.registry
    expected = {
        each.name.removesuffix("_total") if each.kind == "counter" else each.name for each in catalogue.CATALOGUE
    }
    assert expected == names_on(registry)


def test_nothing_is_registered_before_the_first_use() -> None:
    """Importing a module with decorated functions would put dozens of metrics on an application's endpoint."""
    before = names_on(prometheus_client.REGISTRY)

    @track_order
    def place(strategy: str, side: str, order_type: str) -> None:
        pass

    fill_timer("s")
    track_errors(component="feed")
    track_connection()
    assert before == names_on(prometheus_client.REGISTRY)
    place(**ORDER)
    assert "trading_orders_submitted" in names_on(prometheus_client.REGISTRY)
    assert 1 == prometheus_client.REGISTRY.get_sample_value(SUBMITTED, ORDER)
    assert get_metrics().registry is prometheus_client.REGISTRY


def test_the_same_metrics_object_twice_on_one_registry_has_the_same_instruments() -> None:
    """Reloading a module, as notebooks and development servers do, would fail, or begin to count anew."""
    registry = CollectorRegistry()
    for _ in range(3):
        TradingMetrics(registry).record(catalogue.ORDERS_SUBMITTED, ("s", "BUY", "LIMIT"), site="test")
    assert 3 == registry.get_sample_value(SUBMITTED, ORDER)


def test_the_same_metrics_object_twice_computes_each_figure_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The uptime, the number of series and their limit would double with each reload."""
    registry = CollectorRegistry()
    now = [50.0]
    monkeypatch.setattr("tradmetrics.registry.metrics.time.monotonic", lambda: now[0])
    users = [TradingMetrics(registry) for _ in range(3)]
    for metrics in users:
        metrics.record(catalogue.ORDERS_SUBMITTED, ("s", "BUY", "LIMIT"), site="test")
    now[0] += 7
    assert 7 == registry.get_sample_value("trading_system_uptime_seconds")
    assert 1 == registry.get_sample_value("tradmetrics_series", {"metric": SUBMITTED})
    assert 2000 == registry.get_sample_value("tradmetrics_series_limit", {"metric": SUBMITTED})


def test_a_second_metrics_object_sees_series_of_metrics_that_only_the_first_has() -> None:
    """Part of the series would be missing from the figure that an alert watches."""
    registry = CollectorRegistry()
    own = MetricDefinition("own_total", "counter", "Own.", ("desk",))
    TradingMetrics(registry)
    second = TradingMetrics(registry)
    second.record(own, ("delta",), site="test")
    assert 1 == registry.get_sample_value("tradmetrics_series", {"metric": "own_total"})


def test_strict_metrics_refuse_a_registry_where_a_name_is_taken() -> None:
    """A test would not notice that one metric is missing, or half of the metrics would stay behind on the registry."""
    registry = CollectorRegistry()
    Counter("trading_orders_submitted", "Someone's own.", registry=registry)
    before = names_on(registry)
    with pytest.raises(ConfigurationError, match=r"another metric of that name.*registry=CollectorRegistry\(\)"):
        TradingMetrics(registry, strict=True)
    assert before == names_on(registry)


def test_a_name_that_is_taken_costs_that_metric_only(caplog: pytest.LogCaptureFixture) -> None:
    """One old counter of the bot's own would silence the other sixty metrics."""
    registry = CollectorRegistry()
    own = Counter("trading_orders_submitted", "Someone's own.", ["symbol"], registry=registry)
    own.labels("SPY").inc(3)
    metrics = TradingMetrics(registry)
    for definition, raw in (
        (catalogue.ORDERS_SUBMITTED, ("s", "BUY", "LIMIT")),
        (catalogue.ORDERS_FILLED, ("s", "BUY")),
    ):
        metrics.record(definition, raw, site="test")
    assert 3 == registry.get_sample_value(SUBMITTED, {"symbol": "SPY"})
    assert None is registry.get_sample_value(SUBMITTED, ORDER)
    assert 1 == registry.get_sample_value("trading_orders_filled_total", {"strategy": "s", "side": "BUY"})
    assert None is registry.get_sample_value("tradmetrics_series", {"metric": SUBMITTED})
    (line,) = [record.getMessage() for record in caplog.records if SUBMITTED in record.getMessage()]
    for part in (
        "Counter 'trading_orders_submitted'",
        "('symbol',)",
        "rename or remove",
        "registry=CollectorRegistry()",
    ):
        assert part in line
    metrics.unregister()
    metrics.restore()
    assert 3 == registry.get_sample_value(SUBMITTED, {"symbol": "SPY"})


def test_an_identical_metric_is_adopted(caplog: pytest.LogCaptureFixture) -> None:
    """A bot that moves over step by step would have to choose between its old lines and the decorators."""
    registry = CollectorRegistry()
    orders = Counter("trading_orders_submitted", "Sent.", ["strategy", "side", "order_type"], registry=registry)
    drawdown = Gauge("trading_max_drawdown", "Drawdown.", registry=registry)
    bounds = catalogue.ORDER_FILL_TIME.buckets
    assert bounds is not None
    times = Histogram("trading_order_fill_time_seconds", "Time.", ["strategy"], buckets=bounds, registry=registry)
    orders.labels("s", "BUY", "LIMIT").inc(3)
    times.labels("s").observe(1)
    metrics = TradingMetrics(registry, strict=True)
    metrics.record(catalogue.ORDERS_SUBMITTED, ("s", "buy", "limit"), site="test")
    metrics.record(catalogue.MAX_DRAWDOWN, (), 5, site="test")
    metrics.record(catalogue.ORDER_FILL_TIME, ("s",), 2, site="test")
    orders.labels("s", "BUY", "LIMIT").inc()
    drawdown.inc()
    assert 5 == registry.get_sample_value(SUBMITTED, ORDER)
    assert 6 == registry.get_sample_value("trading_max_drawdown")
    labels = {"strategy": "s"}
    assert 2 == registry.get_sample_value("trading_order_fill_time_seconds_count", labels)
    assert 3 == registry.get_sample_value("trading_order_fill_time_seconds_sum", labels)
    for metric, value in ((SUBMITTED, 5.0), ("trading_max_drawdown", 6.0), ("trading_order_fill_time_seconds", 2.0)):
        definition = next(each for each in catalogue.CATALOGUE if each.name == metric)
        raw = {"s": ("s", "BUY", "LIMIT")[: len(definition.label_names)]}["s"]
        assert value == metrics.resolve(definition, raw, site="test").series.value()
    assert "" == caplog.text


AGAIN = """
import gc, sys
import prometheus_client
import tradmetrics

def orders(package):
    @package.track_order(strategy="s", side="BUY", order_type="LIMIT")
    def place():
        return {"status": "filled"}
    return place

first = orders(tradmetrics)
first()
server = tradmetrics.start_metrics_server(port=0)
for name in [name for name in sys.modules if name.split(".")[0] == "tradmetrics"]:
    del sys.modules[name]
import tradmetrics as again
second = orders(again)
second()
first()
again.metrics_exporter.update_drawdown(7)
labels = {"strategy": "s", "side": "BUY", "order_type": "LIMIT"}
assert prometheus_client.REGISTRY.get_sample_value("trading_orders_submitted_total", labels) == 3
assert prometheus_client.REGISTRY.get_sample_value("trading_max_drawdown") == 7
import urllib.request
text = urllib.request.urlopen(server.url).read().decode()
assert 'trading_orders_submitted_total{order_type="LIMIT",side="BUY",strategy="s"} 3.0' in text
print("done")
"""


def test_the_package_imported_a_second_time_records_beside_the_first(
    child_environment: dict[str, str], tmp_path: Path
) -> None:
    """After a purge of `sys.modules`, as some autoreloaders do it, new functions would record nothing."""
    answer = subprocess.run(
        [sys.executable, "-c", AGAIN], env=child_environment, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert ("done\n", "") == (answer.stdout, answer.stderr)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"buckets": {"trading_api_request_duration_seconds": (1, 2)}}, "already with other buckets"),
        ({"buckets": {"trading_trades_pnl": (1, 2)}}, "trading_trades_pnl"),
    ],
)
def test_a_metrics_object_that_conflicts_with_one_on_the_registry_leaves_that_one_alone(
    settings: dict[str, Any], message: str
) -> None:
    """The metrics of a running bot would vanish from its endpoint."""
    registry = CollectorRegistry()
    first = TradingMetrics(registry)
    before = names_on(registry)
    with pytest.raises(ConfigurationError, match=message):
        TradingMetrics(registry, **settings)
    assert before == names_on(registry)
    first.record(catalogue.ORDERS_SUBMITTED, ("s", "BUY", "LIMIT"), site="test")
    assert 1 == registry.get_sample_value(SUBMITTED, ORDER)


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (MetricDefinition("own_total", "counter", "Own.", ("desk", "side")), "other labels"),
        (MetricDefinition("own_total", "gauge", "Own.", ("desk",)), "another kind"),
        (MetricDefinition("own_total", "counter", "Other.", ("desk",)), "another help"),
        (MetricDefinition("own_total", "counter", "Own.", ("desk",), unit="lots"), "another unit"),
    ],
)
def test_two_definitions_of_one_name_are_an_error_that_names_the_difference(
    other: MetricDefinition, difference: str
) -> None:
    """Two modules would write into one metric with different labels."""
    metrics = TradingMetrics()
    metrics.instrument(MetricDefinition("own_total", "counter", "Own.", ("desk",)))
    with pytest.raises(ConfigurationError, match=f"own_total: the registry has it already with {difference}: "):
        metrics.instrument(other)


def test_an_equal_definition_is_the_same_metric() -> None:
    """A definition written in two modules, or in one that is reloaded, would conflict with itself."""
    metrics = TradingMetrics()
    for _ in range(2):
        metrics.record(MetricDefinition("own_total", "counter", "Own.", ("desk",)), ("delta",), site="test")
    assert 2 == sample(metrics, "own_total", desk="delta")


def test_a_metrics_object_that_nobody_holds_is_freed_with_its_registry() -> None:
    """Tests, and programs that build books, would keep each of them for ever."""
    metrics = TradingMetrics(strategy_stats=StrategyStats())
    metrics.record(catalogue.ORDERS_SUBMITTED, ("s", "BUY", "LIMIT"), site="test")
    generate_latest(metrics.registry)
    references = [weakref.ref(metrics), weakref.ref(metrics.registry)]
    del metrics
    gc.collect()
    assert [None, None] == [reference() for reference in references]


class Interrupted(CollectorRegistry):
    """A registry that something comes in the middle of: `interrupt` is called once, while one registers."""

    def __init__(self) -> None:
        super().__init__()
        self.interrupt: Callable[[], object] | None = None
        self._busy = False

    def register(self, collector: Any) -> None:
        """Register, under a lock that cannot be taken twice."""
        assert not self._busy
        self._busy = True
        try:
            interrupt = self.interrupt
            self.interrupt = None
            if interrupt is not None:
                interrupt()
        finally:
            self._busy = False
        super().register(collector)


def test_a_metric_may_be_registered_in_the_middle_of_registering_another() -> None:
    """A finaliser that records for the first time would hang in the registry's lock, or lose its metric."""
    registry = Interrupted()
    metrics = TradingMetrics(registry)
    first, second = (MetricDefinition(f"own_{name}_total", "counter", "Own.") for name in ("first", "second"))
    registry.interrupt = lambda: metrics.record(second, (), 2, site="test")
    metrics.record(first, (), 1, site="test")
    assert (1, 2) == (sample(metrics, "own_first_total"), sample(metrics, "own_second_total"))


def test_a_name_that_is_refused_in_the_middle_of_registering_another_leaves_that_one_alone() -> None:
    """An error of a finaliser would be one of the call that it came in the middle of."""
    registry = Interrupted()
    metrics = TradingMetrics(registry, strict=True)
    Counter("own_second", "Someone's own.", registry=registry)
    first, second = (MetricDefinition(f"own_{name}_total", "counter", "Own.") for name in ("first", "second"))
    registry.interrupt = lambda: metrics.record(second, (), 2, site="test")
    metrics.record(first, (), 1, site="test")
    assert 1 == sample(metrics, "own_first_total")


def test_a_registration_that_is_interrupted_can_be_made_again() -> None:
    """After Ctrl-C in a notebook, a metric would be counted and never be exposed."""
    registry = Interrupted()
    metrics = TradingMetrics(registry)
    own = MetricDefinition("own_total", "counter", "Own.")
    registry.interrupt = raising(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        metrics.record(own, (), site="test")
    metrics.record(own, (), site="test")
    assert 1 == sample(metrics, "own_total")


def test_unregistering_makes_room_and_restoring_brings_the_counts_back() -> None:
    """A metrics object could not give its place on a registry to another."""
    registry = CollectorRegistry()
    first = TradingMetrics(registry)
    first.record(catalogue.ORDERS_SUBMITTED, ("s", "BUY", "LIMIT"), site="test")
    first.unregister()
    first.unregister()
    assert set() == names_on(registry)
    second = TradingMetrics(registry, buckets={"trading_trades_pnl": (-1, 0, 1)})
    assert registry.get_sample_value(SUBMITTED, ORDER) is None
    second.unregister()
    first.restore()
    first.restore()
    assert 1 == registry.get_sample_value(SUBMITTED, ORDER)


# ── settings ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_buckets_can_be_replaced_for_any_histogram() -> None:
    """P&L in yen and P&L in bitcoin would share bounds that fit neither."""
    metrics = TradingMetrics(
        buckets={"trading_trades_pnl": (-1, 0, 1, math.inf), "trading_order_fill_time_seconds": [2]}
    )
    metrics_exporter_of(metrics).record_trade("s", "BUY", "executed", 0.5)
    metrics_exporter_of(metrics).record_order("s", "BUY", "LIMIT", "filled", 1)
    bounds = {
        each.name: []
        for metric in metrics.registry.collect()
        for each in metric.samples
        if each.name.endswith("_bucket")
    }  # type: dict[str, list[str]]
    for metric in metrics.registry.collect():
        for each in metric.samples:
            if each.name in bounds:
                bounds[each.name].append(each.labels["le"])
    assert {
        "trading_trades_pnl_bucket": ["-1.0", "0.0", "1.0", "+Inf"],
        "trading_order_fill_time_seconds_bucket": ["2.0", "+Inf"],
    } == bounds
    assert 1 == sample(metrics, "trading_trades_pnl_bucket", strategy="s", le="1.0")


def metrics_exporter_of(metrics: TradingMetrics) -> Any:
    """An exporter to a metrics object."""
    return type(metrics_exporter)(metrics)


@pytest.mark.parametrize(
    ("buckets", "message"),
    [
        ({"trading_trade_pnl": (1,)}, "no histogram is called 'trading_trade_pnl'; did you mean 'trading_trades_pnl'"),
        ({"trading_daily_pnl": (1,)}, "'trading_daily_pnl' is a gauge; only histograms have buckets"),
        ({"trading_trades_pnl": (2, 1)}, "each larger than the one before"),
        ({"trading_trades_pnl": ()}, "buckets are finite numbers"),
        (5, "a mapping of a histogram's name to its bounds, e.g. {'trading_.*': .*}, not 5"),
    ],
)
def test_buckets_that_cannot_work_are_refused(buckets: Any, message: str) -> None:
    """A misspelt name would leave the default bounds in place, unnoticed."""
    with pytest.raises(ConfigurationError, match=message):
        TradingMetrics(buckets=buckets)


@pytest.mark.parametrize("name", ["enabled", "strict"])
@pytest.mark.parametrize("value", ["no", "", 0, None])
def test_a_flag_is_true_or_false(name: str, value: Any) -> None:
    """`enabled=os.environ["METRICS"]` would record with METRICS=no, and `strict` raise into an order."""
    with pytest.raises(ConfigurationError, match=f"{name} is True or False, not "):
        TradingMetrics(**{name: value})


def test_limits_may_be_a_plain_mapping() -> None:
    """The most common limit would need an import."""
    metrics = TradingMetrics(limits={"strategy": 1, (SUBMITTED, "strategy"): 2})
    assert Limits(labels={"strategy": 1, (SUBMITTED, "strategy"): 2}) == metrics.limits
    for name in "abc":
        metrics.record(catalogue.ORDERS_SUBMITTED, (name, "BUY", "LIMIT"), site="test")
        metrics.record(catalogue.ORDERS_REJECTED, (name, "margin"), site="test")
    assert {
        f"{SUBMITTED} a BUY LIMIT": 1,
        f"{SUBMITTED} b BUY LIMIT": 1,
        f"{SUBMITTED} __other__ BUY LIMIT": 1,
        "trading_orders_rejected_total a margin": 1,
        "trading_orders_rejected_total __other__ margin": 2,
    } == {name: value for name, value in recorded(metrics).items() if name.startswith("trading_")}


def test_a_directory_for_several_processes_that_cannot_be_written_to_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The workers would fail at their first metric, with a traceback from within."""
    missing = tmp_path / "not there"
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(missing))
    with pytest.raises(ConfigurationError, match=r"not there.*create the directory"):
        TradingMetrics()


def test_a_metrics_object_says_what_it_is() -> None:
    """A log line or a debugger would show an address."""
    metrics = TradingMetrics(strict=True)
    assert f"TradingMetrics(enabled=True, strict=True, metrics={len(catalogue.CATALOGUE)})" == repr(metrics)
    assert "TradingMetrics(enabled=False, strict=False, metrics=0)" == repr(TradingMetrics(enabled=False))


# ── the default metrics object ───────────────────────────────────────────────────────────────────────────────────────


def test_configuring_the_same_twice_changes_nothing() -> None:
    """Two modules that both configure, or one that is imported twice, would lose what was counted."""

    def settings() -> dict[str, Any]:
        return {
            "registry": registry,
            "limits": {"strategy": 9},
            "buckets": {"trading_trades_pnl": [-1, 0, 1]},
            "strategy_stats": StrategyStats(timezone="Asia/Kolkata"),
        }

    registry = CollectorRegistry()
    metrics = configure(**settings())
    metrics.record(catalogue.MARKET_VIX, (), 14, site="test")
    assert metrics is configure(**settings())
    assert metrics is get_metrics()
    assert 14 == sample(metrics, "trading_market_vix")


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"limits": {"symbol": 10}}, "limits"),
        ({"buckets": {"trading_trades_pnl": (0, 1)}}, "buckets"),
        ({"strict": True}, "strict"),
        ({"enabled": False}, "enabled"),
        ({"strategy_stats": StrategyStats()}, "strategy_stats"),
        ({"registry": CollectorRegistry()}, "registry"),
        ({"strict": True, "limits": {"symbol": 10}}, "limits and strict"),
    ],
)
def test_configuring_otherwise_is_an_error_that_names_what_differs(changed: dict[str, Any], named: str) -> None:
    """Of two modules that configure differently, one would silently win."""
    metrics = get_metrics()
    with pytest.raises(ConfigurationError, match=f"in use with another {named};.*force=True"):
        configure(**changed)
    assert metrics is get_metrics()


def test_force_replaces_the_default_metrics_on_the_same_registry() -> None:
    """A test, or a notebook, could not begin anew."""
    metrics_exporter.update_drawdown(5)
    first = get_metrics()
    second = configure(buckets={"trading_trades_pnl": (0, 1)}, force=True)
    assert first is not second
    assert second is get_metrics()
    assert sample(second, "trading_max_drawdown") is None
    metrics_exporter.update_drawdown(6)
    assert 6 == prometheus_client.REGISTRY.get_sample_value("trading_max_drawdown")


def test_a_forced_configuration_that_fails_keeps_the_metrics_object_that_was_there() -> None:
    """A mistake in the settings would take the running bot's metrics away."""
    metrics_exporter.update_drawdown(5)
    metrics = get_metrics()
    taken = CollectorRegistry()
    TradingMetrics(taken, limits={"symbol": 3})
    with pytest.raises(ConfigurationError, match="already with other limits"):
        configure(taken, force=True)
    assert metrics is get_metrics()
    assert 5 == prometheus_client.REGISTRY.get_sample_value("trading_max_drawdown")
    metrics_exporter.update_drawdown(6)
    assert 6 == prometheus_client.REGISTRY.get_sample_value("trading_max_drawdown")


def test_threads_that_ask_at_once_get_one_metrics_object() -> None:
    """What the first threads count would go into books that nobody scrapes."""
    barrier = threading.Barrier(8)
    users: list[TradingMetrics] = []

    def ask() -> None:
        barrier.wait(10)
        users.append(get_metrics())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert 8 == len(users)
    assert 1 == len({id(metrics) for metrics in users})


def test_where_no_default_metrics_can_be_built_calls_go_on_and_the_log_says_why(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory that is missing would raise out of the first order."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/no/such/directory")

    @track_order(strategy="s")
    def place() -> str:
        return "done"

    assert ["done", "done"] == [place(), place()]
    with fill_timer("s"), track_errors(component="feed"), track_connection():
        pass
    metrics_exporter.update_drawdown(1)
    text = caplog.text
    assert "PROMETHEUS_MULTIPROC_DIR is '/no/such/directory'" in text
    assert 1 == text.count("test_where_no_default_metrics_can_be_built_calls_go_on")


# ── disabled ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_disabled_metrics_object_gives_back_the_very_function() -> None:
    """Metrics that are switched off would still cost time."""
    metrics = TradingMetrics(enabled=False)

    def place() -> None:
        pass

    class Place:
        def __call__(self) -> None:
            pass

    async def place_later() -> None:
        pass

    own = MetricDefinition("own_total", "counter", "Own.")
    for target in (place, place_later, Place(), len, classmethod(place), staticmethod(place)):
        for decorator in (
            track_order(strategy="s", metrics=metrics),
            track(own, metrics=metrics),
            fill_timer("s", metrics=metrics),
            track_errors(component="feed", metrics=metrics),
            track_connection(metrics=metrics),
        ):
            assert target is decorator(target)  # type: ignore[arg-type]
    assert set() == names_on(metrics.registry)


def test_a_default_metrics_that_is_disabled_before_decorating_gives_back_the_very_function() -> None:
    """`configure(enabled=False)` at the top of a program would not do what it says."""
    configure(CollectorRegistry(), enabled=False)

    def place() -> None:
        pass

    assert place is track_order(strategy="s")(place)


def test_a_default_metrics_that_is_disabled_later_lets_calls_straight_through() -> None:
    """Functions that were decorated already would go on reading labels, and failing at it."""
    asked: list[object] = []

    @track_order(strategy=lambda call: asked.append(call) or "s")  # type: ignore[func-returns-value]
    def place(answer: str) -> str:
        return answer

    place("first")
    metrics = configure(CollectorRegistry(), enabled=False, force=True)
    assert "second" == place("second")
    with fill_timer("s"), track_connection(), track_errors(component="feed"):
        pass
    assert 1 == len(asked)
    assert set() == names_on(metrics.registry)
    configure(CollectorRegistry(), force=True)
    place("third")
    assert 2 == len(asked)
    assert 1 == sum(recorded(get_metrics()).values())


DISABLED = """
import asyncio, prometheus_client, threading
before = set(prometheus_client.REGISTRY._names_to_collectors)
import tradmetrics
from tradmetrics import *

def place(side): return side

class Bot:
    @track_order(strategy="s")
    @classmethod
    def place(cls): return "placed"

for decorate in (track_order(strategy="s"), track_trade, track_errors(component="x"), fill_timer("s"),
                 request_timer("/x"), training_timer(), track_connection(), track_connection,
                 track(MetricDefinition("own_total", "counter", "Own."))):
    assert decorate(place) is place, decorate
assert Bot.place() == "placed"
with fill_timer("s") as timing, track_errors(component="x"), track_connection():
    pass
assert timing.seconds >= 0
metrics_exporter.record_order("s", "BUY", "LIMIT", "no such status")
metrics_exporter.update_position_metrics([1, 2])
metrics = TradingMetrics(strict=True, enabled=True)
metrics.record(tradmetrics.catalogue.MARKET_VIX, (), "nothing", site="x")
assert not metrics.enabled and not get_metrics().enabled and metrics.is_stale("NIFTY")
assert before == set(prometheus_client.REGISTRY._names_to_collectors)
assert threading.active_count() == 1
print("nothing happened")
"""


def test_an_environment_variable_switches_everything_off(child_environment: dict[str, str], tmp_path: Path) -> None:
    """A production incident could not be narrowed down without changing the code."""
    environment = {**child_environment, "TRADMETRICS_DISABLED": "1"}
    answer = subprocess.run(
        [sys.executable, "-c", DISABLED], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert ("nothing happened\n", "") == (answer.stdout, answer.stderr)
    enabled = {**child_environment, "TRADMETRICS_DISABLED": "0"}
    answer = subprocess.run(
        [sys.executable, "-c", DISABLED], env=enabled, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert "AssertionError" in answer.stderr


# ── errors inside the instrumentation ────────────────────────────────────────────────────────────────────────────


def test_an_error_is_counted_each_time_and_logged_once_a_minute_for_each_site(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A broken label of a busy function would fill the disk with log lines."""
    now = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    metrics = TradingMetrics()
    for _ in range(3):
        metrics.fault("bot.place", "source", ValueError("no side"))
        metrics.fault("bot.close", "value", ValueError("no pnl"))
        now[0] += 25
    metrics.fault("bot.place", "label", ValueError("no text"))
    assert {("place", "source"): 3, ("close", "value"): 3, ("place", "label"): 1} == errors(metrics)
    lines = [(each.levelname, each.getMessage()) for each in caplog.records]
    assert ["WARNING"] * 3 == [level for level, _ in lines]
    assert ["bot.place", "bot.close", "bot.place"] == [text.partition(":")[0] for _, text in lines]
    assert "stage: source): ValueError: no side. The call itself is unharmed" in lines[0][1]
    assert "stage: label): ValueError: no text" in lines[2][1]


def test_the_log_of_errors_does_not_grow_with_the_sites(caplog: pytest.LogCaptureFixture) -> None:
    """A program that makes its functions at run time would never give that memory back."""
    metrics = TradingMetrics()
    with caplog.at_level(logging.CRITICAL):
        for number in range(2_500):
            metrics._faults.write(f"site {number}", "source", ValueError())
    assert len(metrics._faults._next) <= 1_000


def test_an_error_that_cannot_be_shown_is_still_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The one error that is hardest to find would leave no trace."""

    class Mute(Exception):  # noqa: N818
        def __str__(self) -> str:
            raise RuntimeError

    metrics = TradingMetrics()
    metrics.fault("bot.place", "source", Mute())
    assert "(stage: source): Mute." in caplog.text
    with pytest.raises(LabelSourceError, match=r"bot.place: at the stage 'source': Mute"):
        TradingMetrics(strict=True).fault("bot.place", "source", Mute())


def test_a_logger_that_fails_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk would stop the trading."""
    monkeypatch.setattr("tradmetrics.registry.errors_log.logger.warning", raising(OSError("disk full")))
    metrics = TradingMetrics()
    metrics.fault("bot.place", "source", ValueError())
    assert {("place", "source"): 1} == errors(metrics)


@pytest.mark.parametrize("amount", [math.nan, math.inf, -1, "much", object()])
def test_an_amount_that_no_counter_can_take_is_dropped_and_counted(amount: object) -> None:
    """The metric would be useless from then on."""
    metrics = TradingMetrics()
    metrics.record(catalogue.PROFIT, ("s",), amount, site="bot.close")
    assert {("close", "value"): 1} == errors(metrics)
    assert 0 == (sample(metrics, "trading_profit_total", strategy="s") or 0)
    metrics.record(catalogue.PROFIT, ("s",), 2, site="bot.close")
    assert 2 == sample(metrics, "trading_profit_total", strategy="s")


@pytest.mark.parametrize("amount", [None, "", "-", "N/A"])
def test_an_amount_that_is_missing_is_no_error(amount: object) -> None:
    """A venue that leaves a field blank would fill the log and the count of errors."""
    metrics = TradingMetrics()
    metrics.record(catalogue.PROFIT, ("s",), 2, site="bot.close")
    metrics.record(catalogue.PROFIT, ("s",), amount, site="bot.close")
    assert {} == errors(metrics)
    assert 2 == sample(metrics, "trading_profit_total", strategy="s")


def test_the_wrong_number_of_labels_is_counted() -> None:
    """A mistake in an adapter would raise into the trading loop."""
    metrics = TradingMetrics()
    metrics.record(catalogue.ORDERS_SUBMITTED, ("s", "BUY"), site="adapter")
    assert {("adapter", "record"): 1} == errors(metrics)


def test_a_strict_metrics_object_raises_what_others_count() -> None:
    """Tests of one's own code would pass with labels that are never recorded."""
    metrics = TradingMetrics(strict=True)
    with pytest.raises(TradmetricsError, match=r"bot.close: at the stage 'value'.*not finite"):
        metrics.record(catalogue.PROFIT, ("s",), math.nan, site="bot.close")
    with pytest.raises(LabelSourceError, match="side='sideways' is not a known side"):
        metrics.record(catalogue.ORDERS_SUBMITTED, ("s", "sideways", "LIMIT"), site="bot.place")
    with pytest.raises(TradmetricsError, match="record"):
        metrics.record(catalogue.ORDERS_SUBMITTED, (), site="bot.place")
    with pytest.raises(LabelSourceError, match="no key, attribute or index 'x'"):
        track_order(strategy=arg("order.x"), metrics=metrics)(lambda order: None)({})
    assert {} == errors(metrics)


def test_a_strict_metrics_object_shows_the_error_and_not_only_that_there_was_one() -> None:
    """A failing test would not say what to correct."""
    metrics = TradingMetrics(strict=True)
    with pytest.raises(LabelSourceError) as caught:
        track_order(strategy=lambda call: 1 / 0, metrics=metrics)(lambda: None)()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert "division by zero" in str(caught.value)


# ── what is computed at scrape ───────────────────────────────────────────────────────────────────────────────────


GAUGE = MetricDefinition("depth", "gauge", "Depth.", ("venue",), at_scrape=True)


def test_functions_of_one_metric_add_up_at_each_scrape() -> None:
    """Two order trackers of one process would overwrite each other's figures."""
    metrics = TradingMetrics()
    depth = {("a",): 1.0}
    metrics.at_scrape(GAUGE, lambda: depth)
    metrics.at_scrape(GAUGE, lambda: {("a",): 2.0, ("b",): 3.0})
    assert (3, 3) == (sample(metrics, "depth", venue="a"), sample(metrics, "depth", venue="b"))
    depth[("a",)] = 10.0
    assert 12 == sample(metrics, "depth", venue="a")


def test_a_function_that_fails_is_counted_and_the_scrape_goes_on() -> None:
    """One broken figure would take the whole endpoint down."""
    metrics = TradingMetrics()
    for broken in (raising(ValueError("no depth")), lambda: None, lambda: {("a",): "deep"}, lambda: {("a", "b"): 1.0}):
        metrics.at_scrape(GAUGE, broken)
    metrics.at_scrape(GAUGE, lambda: {("a",): 2.0})
    metrics.record(catalogue.MARKET_VIX, (), 14, site="test")
    text = generate_latest(metrics.registry).decode()
    assert 'depth{venue="a"} 2.0' in text
    assert "trading_market_vix 14.0" in text
    assert (
        'tradmetrics_instrumentation_errors_total{site="depth",stage="record"}'
        in generate_latest(metrics.registry).decode()
    )


def test_an_object_whose_method_is_exposed_can_go() -> None:
    """Order trackers that are no longer used would be kept, and reported, for ever."""

    class Venue:
        def depth(self) -> dict[tuple[str, ...], float]:
            return {("a",): 2.0}

    metrics, venue = TradingMetrics(), Venue()
    metrics.at_scrape(GAUGE, venue.depth)
    assert 2 == sample(metrics, "depth", venue="a")
    del venue
    gc.collect()
    assert sample(metrics, "depth", venue="a") is None


def test_the_uptime_counts_from_when_the_metrics_object_was_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """A restart would go unnoticed."""
    now = [50.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    metrics = TradingMetrics()
    now[0] += 3.5
    assert 3.5 == sample(metrics, "trading_system_uptime_seconds")


def test_staleness_is_asked_for_in_the_words_of_the_label_source() -> None:
    """A strategy that asks with the broker's symbol object would be told that its data never came."""

    class Symbol(Enum):
        NIFTY = "NIFTY"

    metrics = TradingMetrics()
    track_market_data(metrics=metrics)(lambda symbol: None)(Symbol.NIFTY)
    assert [False, False, False, True] == [
        metrics.is_stale(each) for each in (Symbol.NIFTY, "NIFTY", " NIFTY ", "BANK")
    ]
    assert metrics.is_stale(object.__new__(type("Mute", (), {"__str__": raising(ValueError())})))


def test_the_tests_run_where_the_variable_is_not_set() -> None:
    """All of these tests would pass without anything being recorded."""
    assert os.environ.get("TRADMETRICS_DISABLED") != "1"
    assert TradingMetrics().enabled
