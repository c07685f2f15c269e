"""The exposition's text: equal to prometheus_client's, shared between scrapes, never torn."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest
from prometheus_client.exposition import choose_encoder
from prometheus_client.parser import text_string_to_metric_families

from tradmetrics import Limits, MetricDefinition, TradingMetrics, catalogue
from tradmetrics.storage.line_blocks import LineBlocks, block_of, number_text
from tradmetrics.storage.rendering import BUSY, MOST_PAUSED, PAUSE, SharedWork, render
from tradmetrics.storage.series import CounterSeries, Series

ACCEPTS = (
    "",
    "text/plain;version=0.0.4",
    "text/plain;version=1.0.0;escaping=allow-utf-8",
    "text/plain;version=1.0.0;escaping=dots",
    "text/plain;version=1.0.0;escaping=values",
    "application/openmetrics-text;version=1.0.0",
    "application/openmetrics-text;version=1.0.0;escaping=underscores",
    "application/openmetrics-text;version=1.0.0;escaping=values",
)
SIGNED = MetricDefinition(
    "own_signed", "histogram", 'Signed\\ "amounts"\nof two lines.', ("a", "z"), buckets=(-1, 0, 1)
)

labels = st.text(max_size=20) | st.sampled_from(["", 'a"b', "a\\b", "a\nb", "é", "le"])
amounts = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [0.0, -0.0, 1e6, 1e21, 123456789.5, 5e-324]
)


def without_uptime(text: bytes) -> list[bytes]:
    """The lines, less the one that changes from moment to moment."""
    return [line for line in text.split(b"\n") if b"uptime" not in line or line.startswith(b"#")]


@given(st.lists(st.tuples(labels, labels, amounts), max_size=8), st.sampled_from(ACCEPTS))
@settings(deadline=None)
def test_text_is_prometheus_clients(samples: list[tuple[str, str, float]], accept: str) -> None:
    """A scraper would read another text than from any other Python program, or could not parse ours."""
    metrics = TradingMetrics(CollectorRegistry())
    Counter("other", "Registered\\ by\nothers.", ["x"], registry=metrics.registry).labels('"').inc(3e9)
    Info("build", "Of others.", registry=metrics.registry).info({"version": "1"})
    for first, second, amount in samples:
        metrics.record(SIGNED, (first, second), amount, site="test")
        metrics.record(catalogue.DAILY_PNL, (), amount, site="test")
        metrics.record(catalogue.ORDERS_REJECTED, (first, second), abs(amount), site="test")
        metrics.record(catalogue.ORDER_FILL_TIME, (first,), abs(amount), site="test")
    encode, _ = choose_encoder(accept)
    assert without_uptime(encode(metrics.registry)) == without_uptime(render(metrics.registry, encode))
    # Once more, now that the labels' text is kept.
    assert without_uptime(encode(metrics.registry)) == without_uptime(render(metrics.registry, encode))
    if not accept:
        assert list(text_string_to_metric_families(render(metrics.registry).decode()))


def test_a_gauge_that_was_set_to_an_integer_is_rendered_alike() -> None:
    """A position count would be spelled `1` here and `1.0` by every other Python program."""
    metrics = TradingMetrics(CollectorRegistry())
    series, _ = metrics.series(catalogue.POSITIONS_OPEN, ("s",), site="test")
    series.set(3)
    assert without_uptime(generate_latest(metrics.registry)) == without_uptime(render(metrics.registry))


def test_names_types_and_units_are_the_definitions() -> None:
    """A dashboard would find no such metric: both renderers, compared with one another above, would spell it alike."""
    metrics = TradingMetrics(CollectorRegistry())
    metrics.record(catalogue.CAPITAL_TOTAL, (), 5, site="test")
    metrics.record(catalogue.ORDERS_FILLED, ("s", "BUY"), 2, site="test")
    metrics.record(catalogue.ORDER_FILL_TIME, ("s",), 0.1, site="test")
    encode, _ = choose_encoder(ACCEPTS[5])
    lines = {*render(metrics.registry).decode().splitlines(), *render(metrics.registry, encode).decode().splitlines()}
    wanted = {
        f"# HELP trading_capital_total {catalogue.CAPITAL_TOTAL.help}",
        "# TYPE trading_capital_total gauge",
        "trading_capital_total 5.0",
        "# TYPE trading_orders_filled counter",
        "# TYPE trading_orders_filled_total counter",
        'trading_orders_filled_total{side="BUY",strategy="s"} 2.0',
        "# TYPE trading_order_fill_time_seconds histogram",
        "# UNIT trading_order_fill_time_seconds seconds",
        'trading_order_fill_time_seconds_bucket{le="0.1",strategy="s"} 1.0',
        'trading_order_fill_time_seconds_count{strategy="s"} 1.0',
        'trading_order_fill_time_seconds_sum{strategy="s"} 0.1',
    }
    assert set() == wanted - lines


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["tick", "add", "set", "up", "down", "observe", "new", "remove", "render"]),
            st.integers(0, 9),
            st.sampled_from([0.0, -0.0, 1.5, -3.0, 1e6, 999_999.0, 1e22, math.nan, math.inf]),
        ),
        max_size=60,
    )
)
def test_what_is_kept_from_scrape_to_scrape_is_never_stale(steps: list[tuple[str, int, float]]) -> None:
    """A line that was kept would show a number of the scrape before, or a series that is gone."""
    metrics = TradingMetrics(CollectorRegistry())
    counters, gauges = catalogue.MARKET_DATA_UPDATES, catalogue.POSITIONS_OPEN
    times, orders = catalogue.ORDER_FILL_TIME, catalogue.PROFIT

    def series(definition: MetricDefinition, number: int) -> Series:
        return metrics.resolve(definition, (f"S{number}",), site="test").series

    for step, number, amount in steps:
        if step == "tick":
            for _ in range(number * 7):
                series(counters, number).tick()
        elif step == "add" and amount >= 0 and amount < 1e9:
            for _ in range(1 if number % 2 else 70):  # more than are folded at once
                series(orders, number).add(amount)
        elif step == "set":
            series(gauges, number).set(amount)
        elif step in ("up", "down"):
            getattr(series(gauges, number), step)()
        elif step == "observe" and math.isfinite(amount):
            for _ in range(1 if number % 2 else 70):
                series(times, number).observe(amount)
        elif step == "new":
            series(counters, 10 * number)
        elif step == "remove":
            instrument = metrics.instrument(counters)
            instrument._series.pop((f"S{number}",), None)
            instrument._known.clear()
        else:
            render(metrics.registry)
    assert without_uptime(generate_latest(metrics.registry)) == without_uptime(render(metrics.registry))


def test_a_count_of_millions_is_spelled_with_an_exponent() -> None:
    """Prometheus would read the number, but the text would differ from every other program's."""
    metrics = TradingMetrics(CollectorRegistry())
    series = metrics.resolve(catalogue.MARKET_DATA_UPDATES, ("S",), site="test").series
    assert isinstance(series, CounterSeries)
    series.counter.__setstate__(999_999)
    for _ in range(2):
        assert without_uptime(generate_latest(metrics.registry)) == without_uptime(render(metrics.registry))
        next(series.counter)


def test_part_of_a_registry_is_rendered_alike() -> None:
    """`?name[]=` would give another text than prometheus_client's, or all metrics."""
    metrics = TradingMetrics(CollectorRegistry())
    metrics.record(catalogue.ORDERS_FILLED, ("s", "BUY"), 2, site="test")
    metrics.record(catalogue.DAILY_PNL, (), 5, site="test")
    part = metrics.registry.restricted_registry([catalogue.ORDERS_FILLED.name])
    assert generate_latest(part) == render(part)
    assert catalogue.DAILY_PNL.name.encode() not in render(part)


@given(st.floats())
def test_numbers_are_spelled_as_prometheus_client_spells_them(value: float) -> None:
    """Large amounts, infinities and NaN would be spelled in a way that Go does not read."""
    registry = CollectorRegistry()
    Gauge("g", "G.", registry=registry).set(value)
    assert generate_latest(registry).decode().splitlines()[-1] == f"g {number_text(value)}"


@pytest.mark.parametrize(
    ("lasts", "pauses"), [(PAUSE, 50), (MOST_PAUSED / 4, 4)], ids=["few other threads", "many other threads"]
)
@pytest.mark.parametrize("accept", [ACCEPTS[0], ACCEPTS[2], ACCEPTS[6]])  # Prometheus 3 asks for the second
def test_a_scrape_lets_others_at_the_lock_and_is_through_in_time(
    monkeypatch: pytest.MonkeyPatch, lasts: float, pauses: int, accept: str
) -> None:
    """A trading loop would wait for thousands of lines, or Prometheus in vain for a scrape that only gives way."""
    metrics = TradingMetrics(CollectorRegistry())
    for number in range(99):
        metrics.record(catalogue.MARKET_DATA_UPDATES, (f"S{number}",), site="test")
    now, slept = 1_000.0, []

    def clock() -> float:
        nonlocal now
        now += BUSY * 0.6  # each line takes so long: after two of them it is time
        return now

    def sleep(seconds: float) -> None:
        nonlocal now
        now += lasts
        slept.append(seconds)

    monkeypatch.setattr("tradmetrics.storage.line_blocks.SIZE", 1)
    monkeypatch.setattr("tradmetrics.storage.rendering.perf_counter", clock)
    monkeypatch.setattr("tradmetrics.storage.rendering.sleep", sleep)
    render(metrics.instrument(catalogue.MARKET_DATA_UPDATES), choose_encoder(accept)[0])
    assert [PAUSE] * pauses == slept


def test_scrapes_of_the_same_moment_share_one_rendering() -> None:
    """Ten scrapers at once would cost the trading loop ten renderings."""
    work, started, release = SharedWork(), threading.Event(), threading.Event()
    runs: list[int] = []

    def slow() -> bytes:
        runs.append(1)
        started.set()
        assert release.wait(10)
        return b"text"

    results: list[bytes] = []
    threads = [threading.Thread(target=lambda: results.append(work.do("key", slow))) for _ in range(8)]
    threads[0].start()
    assert started.wait(10)
    for thread in threads[1:]:
        thread.start()
    assert all(thread.is_alive() for thread in threads)
    release.set()
    for thread in threads:
        thread.join(10)
    assert [b"text"] * 8 == results
    # Those that came before the end share it; one that comes after it starts anew.
    assert len(runs) <= 2
    assert work.do("key", lambda: b"new") == b"new"


def test_a_failed_rendering_fails_for_all_who_share_it_and_for_nobody_later() -> None:
    """A scrape would hang for ever after another one failed."""
    work = SharedWork()

    def fail() -> bytes:
        raise ValueError("broken collector")

    with pytest.raises(ValueError, match="broken collector"):
        work.do("key", fail)
    assert work.do("key", lambda: b"fine") == b"fine"


def torn(read: Callable[[], tuple[float, float]], write: Callable[[], object], snapshots: int) -> int:
    """How many snapshots show a sum that is not the count, while two threads observe ones."""
    stop = threading.Event()

    def writer() -> None:
        while not stop.is_set():
            write()

    threads = [threading.Thread(target=writer) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        return sum(total != count for total, count in (read() for _ in range(snapshots)))
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)


@pytest.mark.usefixtures("hasty_threads")
def test_no_snapshot_of_a_histogram_is_torn() -> None:
    """A mean computed from a scrape would be off, because the sum and the count are of different moments."""
    metrics = TradingMetrics(CollectorRegistry())
    series, _ = metrics.series(catalogue.ORDER_FILL_TIME, ("s",), site="test")

    def read() -> tuple[float, float]:
        values = {suffix: value for suffix, _, value in series.samples()}
        return values["_sum"], values["_count"]

    assert torn(read, lambda: series.observe(1.0), 100_000) == 0


@pytest.mark.usefixtures("hasty_threads")
def test_the_test_for_torn_snapshots_can_see_one() -> None:
    """The test above would pass whatever the storage does."""
    histogram = Histogram("h", "H.", registry=CollectorRegistry())

    def read() -> tuple[float, float]:
        values = {sample.name: sample.value for sample in histogram.collect()[0].samples}
        return values["h_sum"], values["h_count"]

    assert torn(read, lambda: histogram.observe(1.0), 5_000) > 0


def test_limits_do_not_change_the_text() -> None:
    """A series that stands for many would not be rendered like the others."""
    metrics = TradingMetrics(CollectorRegistry(), limits=Limits(labels={"symbol": 1}))
    for symbol in ("NIFTY", "BANKNIFTY", "FINNIFTY"):
        metrics.record(catalogue.MARKET_DATA_UPDATES, (symbol,), site="test")
    assert without_uptime(generate_latest(metrics.registry)) == without_uptime(render(metrics.registry))
    assert b'symbol="__other__"} 2.0' in render(metrics.registry)


class Restless(dict[tuple[str, ...], Series]):
    """Series one of which comes, and one goes, while they are copied."""

    def __init__(self, series: dict[tuple[str, ...], Series], disturbances: int) -> None:
        super().__init__(series)
        self.disturbances = disturbances
        self.spare = next(iter(series.values()))

    def get(self, labels: Any, default: Any = None) -> Any:
        """Read one; another one comes or goes meanwhile."""
        if self.disturbances and labels == ("1",):  # once in each copy
            self.disturbances -= 1
            super().__setitem__((f"new{self.disturbances}",), self.spare)
            if self.disturbances == 1:
                super().pop(("4999",), None)
        return super().get(labels, default)


@pytest.mark.parametrize("disturbances", [0, 1, 2, 5])
def test_series_that_come_and_go_amid_a_scrape_fail_no_scrape(disturbances: int) -> None:
    """A bot with many short-lived symbols would have gaps in all its metrics."""
    metrics = TradingMetrics(CollectorRegistry())
    series, _ = metrics.series(catalogue.MARKET_DATA_UPDATES, ("S",), site="test")
    many = Restless({(str(number),): series for number in range(5_000)}, disturbances)
    names = SimpleNamespace(name="own", label_names=("x",), constant_values=())
    text = b"".join(LineBlocks(_one_line).pieces(names, many)).decode()
    lines = text.splitlines()
    assert len(lines) == len(set(lines)) >= 4_999
    assert {str(number) for number in range(4_999)} <= set(lines)


def _one_line(names: Any, labels: list[tuple[str, ...]], series: list[Any]) -> Any:
    """A block whose text is its label values."""
    assert None not in series
    text = "".join(f"{value}\n" for (value,) in labels).encode()
    return SimpleNamespace(series=series, text=lambda: text)


def test_series_of_several_kinds_in_one_block_are_rendered_as_each_by_itself() -> None:
    """A metric with a series in a file beside one in memory would have lines that no scraper reads."""
    metrics = TradingMetrics(CollectorRegistry())
    count, _ = metrics.series(catalogue.MARKET_DATA_UPDATES, ("S",), site="test")
    times, _ = metrics.series(catalogue.ORDER_FILL_TIME, ("s",), site="test")
    count.tick()
    times.observe(0.1)
    names = SimpleNamespace(name="own", label_names=("x",), constant_values=())
    lines = block_of(names, [("a",), ("b",)], [count, times]).text().decode().splitlines()
    alone = [block_of(names, [(name,)], [each]).text().decode() for name, each in (("a", count), ("b", times))]
    assert 'own_total{x="a"} 1.0' == lines[0] == alone[0].strip()
    assert 'own_bucket{le="+Inf",x="b"} 1.0' in lines
    assert alone[1].splitlines() == lines[1:]
