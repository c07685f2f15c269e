"""Start timestamps in OpenMetrics: behind the lines of their series, and only where they are asked for."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tradmetrics import ConfigurationError, TradingMetrics, catalogue
from tradmetrics.storage.rendering import render

OPENMETRICS, _ = choose_encoder("application/openmetrics-text;version=1.0.0")
VARIABLE = "TRADMETRICS_START_TIMESTAMPS"


def lines(metrics: TradingMetrics, about: str) -> list[str]:
    """The lines of OpenMetrics that begin with a name."""
    return [line for line in render(metrics.registry, OPENMETRICS).decode().split("\n") if line.startswith(about)]


def record(metrics: TradingMetrics, label: str, amount: float = 1.0) -> None:
    """Record to a counter, a histogram and a gauge."""
    metrics.record(catalogue.ORDERS_FILLED, (label, "BUY"), amount, site=__name__)
    metrics.record(catalogue.ORDER_FILL_TIME, (label,), amount, site=__name__)
    metrics.record(catalogue.DAILY_PNL, (), amount, site=__name__)


def test_each_counter_and_histogram_tells_when_it_began() -> None:
    """Prometheus would start a counter at the wrong time, or find the time of another series."""
    metrics = TradingMetrics(start_timestamps=True)
    before = time.time()
    record(metrics, "a")
    between = time.time()
    record(metrics, "b", 2.5)
    after = time.time()
    for name in ("trading_orders_filled", "trading_order_fill_time_seconds"):
        found = [line.partition("{")[0] for line in lines(metrics, name) if "_bucket" not in line]
        each = ["_total", "_created"] if name == "trading_orders_filled" else ["_count", "_sum", "_created"]
        assert found == [name + suffix for suffix in each * 2]
        first, second = (float(line.rpartition(" ")[2]) for line in lines(metrics, f"{name}_created"))
        assert before <= first <= between <= second <= after
    assert lines(metrics, "trading_daily_pnl")
    assert not lines(metrics, "trading_daily_pnl_created")
    assert list(text_string_to_metric_families(render(metrics.registry, OPENMETRICS).decode()))


def test_a_series_that_is_created_at_zero_began_then() -> None:
    """The first event of a kind would have no zero before it, although its label was known."""
    metrics = TradingMetrics(start_timestamps=True)
    metrics.instrument(catalogue.ORDERS_FILLED).precreate(("a", "BUY"))
    created = lines(metrics, "trading_orders_filled_created")
    record(metrics, "a")
    assert len(created) == 1
    assert created == lines(metrics, "trading_orders_filled_created")


def test_the_text_format_and_other_metrics_objects_show_none() -> None:
    """Prometheus would store a series beside each counter for nothing."""
    metrics = TradingMetrics(start_timestamps=True)
    record(metrics, "a")
    assert b"_created" not in render(metrics.registry)
    assert b"_created" not in generate_latest(metrics.registry)
    unasked = TradingMetrics()
    record(unasked, "a")
    assert not unasked.start_timestamps
    assert b"_created" not in render(unasked.registry, OPENMETRICS)


STEPS = st.sampled_from(["record", "new", "remove", "openmetrics", "text"])


@given(st.lists(st.tuples(STEPS, st.sampled_from("abc")), max_size=30))
@settings(deadline=None)
def test_what_stands_beside_the_times_is_what_stands_there_without_them(steps: list[tuple[str, str]]) -> None:
    """With start timestamps, a scrape would show other numbers, or those of the scrape before."""
    metrics = TradingMetrics(start_timestamps=True)
    for step, label in steps:
        if step == "record":
            record(metrics, label, 0.5)
        elif step == "new":
            record(metrics, label * 2)
        elif step == "remove":
            instrument = metrics.instrument(catalogue.ORDERS_FILLED)
            instrument._series.pop((label, "BUY"), None)
            instrument._known.clear()
        else:
            render(metrics.registry, OPENMETRICS if step == "openmetrics" else generate_latest)
    text = render(metrics.registry, OPENMETRICS).split(b"\n")
    without = [line for line in text if b"_created" not in line and b"uptime" not in line]
    assert without == [line for line in OPENMETRICS(metrics.registry).split(b"\n") if b"uptime" not in line]
    times = sum(len(metrics.instrument(each)._series) for each in (catalogue.ORDERS_FILLED, catalogue.ORDER_FILL_TIME))
    assert times == sum(
        line.startswith((b"trading_order", b"trading_orders")) and b"_created{" in line for line in text
    )


@pytest.mark.parametrize(("text", "shown"), [("1", True), ("on", True), ("0", False), ("", False)])
def test_the_environment_decides_where_the_argument_is_left_out(
    monkeypatch: pytest.MonkeyPatch, text: str, shown: bool
) -> None:
    """A deployment could not turn them on without a change of the code, or not off in the code."""
    monkeypatch.setenv(VARIABLE, text)
    assert TradingMetrics().start_timestamps is shown
    assert TradingMetrics(start_timestamps=not shown).start_timestamps is not shown


def test_metrics_objects_with_constant_labels_have_one_each() -> None:
    """One account's counter would be started at another one's time."""
    registry = CollectorRegistry()
    accounts = [TradingMetrics(registry, labels={"account": name}, start_timestamps=True) for name in ("x", "y")]
    for metrics in accounts:
        record(metrics, "a")
    first, second = lines(accounts[0], "trading_orders_filled_created")
    assert ('account="x"' in first, 'account="y"' in second) == (True, True)
    names = [line.partition("{")[0] for line in lines(accounts[0], "trading_orders_filled_")]
    assert names == ["trading_orders_filled_total", "trading_orders_filled_created"] * 2


def test_one_registry_has_one_setting() -> None:
    """The second metrics object's wish would be passed over without a word."""
    registry = CollectorRegistry()
    TradingMetrics(registry)
    with pytest.raises(ConfigurationError, match="start_timestamps=True, but the registry has metrics with"):
        TradingMetrics(registry, start_timestamps=True)
    with pytest.raises(ConfigurationError, match="start_timestamps is True or False, not 'yes'"):
        TradingMetrics(start_timestamps="yes")  # type: ignore[arg-type]
