"""The testing kit: the pytest plugin, the assertions on metrics, and property tests of labels."""

import abc
import asyncio
import functools
import importlib.metadata
import inspect
import itertools
import math
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Generator
from enum import Enum
from typing import Any, Literal, NamedTuple

import prometheus_client
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

import tradmetrics.testing
from tradmetrics import (
    ConfigurationError,
    MetricDefinition,
    MetricsExporter,
    TradingMetrics,
    TradmetricsError,
    arg,
    catalogue,
    configure,
    get_metrics,
    metrics_exporter,
    track,
    track_errors,
    track_market_data,
    track_order,
    track_request,
    track_trade,
)
from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.readers import Field
from tradmetrics.capture.recipe import Recipe, Rule
from tradmetrics.capture.shells import shell_for
from tradmetrics.capture.wrapping import decorate
from tradmetrics.cardinality import Guard
from tradmetrics.model.identifiers import is_identifier
from tradmetrics.registry.default import current
from tradmetrics.registry.instrument import Instrument, Resolved
from tradmetrics.storage.series import CounterSeries
from tradmetrics.testing import (
    CallArguments,
    assert_cardinality_bounded,
    assert_metric,
    call_arguments,
    label_values,
    metric_delta,
    orders,
    trades,
)
from tradmetrics.testing.hostile import HostileError
from tradmetrics.testing.labels import NAMES

pytest_plugins = ["pytester"]
# Hypothesis means well: what it found is a text of a megabyte, as it was asked to.
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

SUBMITTED = catalogue.ORDERS_SUBMITTED.name
FILLED = catalogue.ORDERS_FILLED.name
FILL_TIME = catalogue.ORDER_FILL_TIME.name


class Side(Enum):
    """As brokers' libraries have it."""

    BUY = "BUY"
    SELL = "SELL"


# ── the plugin ───────────────────────────────────────────────────────────────────────────────────────────────────────


def plugin() -> list[str]:
    """The options that load the plugin where the package, and with it the entry point, is not installed."""
    installed = importlib.metadata.entry_points(group="pytest11")
    return [] if any(each.name == "tradmetrics" for each in installed) else ["-p", "_tradmetrics_pytest"]


def run(pytester: pytest.Pytester, source: str) -> pytest.RunResult:
    """Run a test file of a user's."""
    pytester.makepyfile(source)
    return pytester.runpytest("-q", *plugin())


def test_the_plugin_is_installed_with_the_package() -> None:
    """Users would have to find out the plugin's name, and load it in a conftest."""
    try:
        entry_points = importlib.metadata.distribution("tradmetrics").entry_points
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("tradmetrics runs from the checkout here, where it has no entry points")
    assert {"tradmetrics": "_tradmetrics_pytest"} == {
        each.name: each.value for each in entry_points if each.group == "pytest11"
    }


def test_each_test_has_a_metrics_object_of_its_own(pytester: pytest.Pytester) -> None:
    """A count of one test would fail another, in an order that nobody chose."""
    result = run(
        pytester,
        """
        import pytest
        from tradmetrics import get_metrics, track_order
        from tradmetrics.testing import assert_metric

        @track_order(strategy="s")
        def place(): ...

        @pytest.mark.parametrize("time", range(2))
        def test_it(trading_metrics, time):
            assert trading_metrics is get_metrics() and trading_metrics.strict
            place()
            assert_metric("trading_orders_submitted_total", 1)
            assert 1.0 == trading_metrics.registry.get_sample_value(
                "trading_orders_submitted_total", {"strategy": "s", "side": "unknown", "order_type": "unknown"}
            )
        """,
    )
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize("forced", [False, True], ids=["as usual", "a test configures a metrics object of its own"])
def test_the_metrics_object_before_is_the_default_again(pytester: pytest.Pytester, forced: bool) -> None:
    """An application configured once for the session would lose its counts, or could not be configured again."""
    result = run(
        pytester,
        f"""
        import tradmetrics
        from tradmetrics.testing import assert_metric

        @tradmetrics.track_order(strategy="s")
        def place(): ...

        SETTINGS = {{"limits": {{"strategy": 7}}}}

        def test_before():
            tradmetrics.configure(**SETTINGS)
            place()

        def test_within(trading_metrics):
            place()
            if {forced}:
                tradmetrics.configure(force=True)
                place()
                assert trading_metrics is not tradmetrics.get_metrics()
            assert_metric("trading_orders_submitted_total", 1)

        def test_after():
            before = tradmetrics.get_metrics()
            assert before is tradmetrics.configure(**SETTINGS)
            place()
            assert_metric("trading_orders_submitted_total", 2)
            before.unregister()
        """,
    )
    result.assert_outcomes(passed=3)


def test_instrumentation_errors_raise_in_the_test(pytester: pytest.Pytester) -> None:
    """A label source that reads nothing would be found out in production, as a series called `unknown`."""
    result = run(
        pytester,
        """
        from tradmetrics import arg, get_metrics, track_order

        @track_order(strategy=arg("order.strategy"))
        def place(order): ...

        def test_without_the_fixture():
            place({})
            get_metrics().unregister()

        def test_with_the_fixture(trading_metrics):
            place({})
        """,
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*LabelSourceError: *.place: *'source'*'strategy'*"])


def test_the_plugin_costs_nothing_when_unused(pytester: pytest.Pytester, child_environment: dict[str, str]) -> None:
    """Every test session of every project with tradmetrics installed would start later, by what all of it takes."""
    pytester.makepyfile(
        """
        import sys

        def test_unused():
            assert "_tradmetrics_pytest" in sys.modules
            assert set() == {name for name in sys.modules if name.startswith("tradmetrics")}
            assert "prometheus_client" not in sys.modules

        def test_threads_that_touch_the_package_first():
            from concurrent.futures import ThreadPoolExecutor

            def touch(name):
                import tradmetrics
                return getattr(tradmetrics, name)

            names = ["fill_timer", "track_order", "OrderTracker", "track_trade"] * 4
            with ThreadPoolExecutor(16) as pool:
                assert all(map(callable, pool.map(touch, names)))
        """
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:hypothesispytest", *plugin()]
    answer = subprocess.run(
        command, env=child_environment, cwd=pytester.path, capture_output=True, text=True, timeout=60
    )
    assert "2 passed" in answer.stdout, answer.stdout


def test_hypothesis_is_not_needed(pytester: pytest.Pytester, child_environment: dict[str, str]) -> None:
    """Projects without property tests could not use the fixture and the assertions."""
    pytester.makeconftest("import sys; sys.modules['hypothesis'] = None")
    pytester.makepyfile(
        """
        import pytest
        import tradmetrics.testing
        from tradmetrics.testing import assert_metric, metric_delta

        def test_assertions(trading_metrics):
            with metric_delta("trading_trades_total", 0):
                assert_metric("trading_trades_total", 0)

        @pytest.mark.parametrize("name", ["orders", "trades", "label_values", "call_arguments"])
        def test_strategies(name):
            with pytest.raises(ImportError, match=f"{name} draws with hypothesis: pip install hypothesis"):
                getattr(tradmetrics.testing, name)
        """
    )
    # Without hypothesis's own plugin, which would be there before it is hidden.
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:hypothesispytest", *plugin()]
    answer = subprocess.run(
        command, env=child_environment, cwd=pytester.path, capture_output=True, text=True, timeout=60
    )
    assert "5 passed" in answer.stdout, answer.stdout


def test_the_kit_exports_what_it_says() -> None:
    """A name could not be imported, or a misspelt one would be found only when it is called."""
    assert sorted(tradmetrics.testing.__all__) == tradmetrics.testing.__all__ == dir(tradmetrics.testing)
    for name in tradmetrics.testing.__all__:
        assert getattr(tradmetrics.testing, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'assert_metrics'"):
        tradmetrics.testing.assert_metrics  # type: ignore[attr-defined]  # noqa: B018


# ── assertions ───────────────────────────────────────────────────────────────────────────────────────────────────────


def recorded() -> TradingMetrics:
    """A metrics object with two strategies, three orders, a fill of 0.3 seconds and two gauges."""
    metrics = TradingMetrics()
    exporter = MetricsExporter(metrics)
    exporter.record_order("gamma", "BUY", "LIMIT", "submitted")
    exporter.record_order("gamma", "SELL", "MARKET", "submitted")
    exporter.record_order("theta", "BUY", "LIMIT", "submitted")
    exporter.record_order("gamma", "BUY", "LIMIT", "filled", fill_time=0.1)
    exporter.record_order("gamma", "BUY", "LIMIT", "filled", fill_time=0.2)
    exporter.update_strategy_metrics("gamma", win_rate=0.5)
    exporter.update_strategy_metrics("theta", win_rate=0.25)
    return metrics


@pytest.mark.parametrize(
    ("name", "value", "labels"),
    [
        (SUBMITTED, 1, {"strategy": "gamma", "side": "BUY", "order_type": "LIMIT"}),
        (SUBMITTED, 2, {"strategy": "gamma"}),
        (SUBMITTED, 3, {}),
        (SUBMITTED, 2, {"side": Side.BUY}),
        (SUBMITTED, 0, {"strategy": "vega"}),
        (SUBMITTED, None, {"strategy": "vega"}),
        (f"{FILL_TIME}_count", 2, {"strategy": "gamma"}),
        (f"{FILL_TIME}_sum", 0.3, {"strategy": "gamma"}),
        (f"{FILL_TIME}_sum", pytest.approx(0.33, abs=0.1), {"strategy": "gamma"}),
        (f"{FILL_TIME}_bucket", 1, {"le": 0.1}),
        (f"{FILL_TIME}_bucket", 2, {"le": "1"}),
        (f"{FILL_TIME}_bucket", 2, {"le": math.inf}),
        (catalogue.STRATEGY_WIN_RATE.name, 0.25, {"strategy": "theta"}),
        (catalogue.DAILY_PNL.name, None, {}),
    ],
)
def test_what_was_recorded_is_asserted(name: str, value: object, labels: dict[str, object]) -> None:
    """A right test would fail."""
    assert_metric(name, value, metrics=recorded(), **labels)


def failure(name: str, value: object, metrics: TradingMetrics | None = None, **labels: object) -> str:
    """The message of an assertion that fails."""
    with pytest.raises(AssertionError) as caught:
        assert_metric(name, value, metrics=metrics or recorded(), **labels)
    return str(caught.value)


def test_a_failure_shows_the_series_that_there_are_nearest_first() -> None:
    """The developer would have to print the registry to see what was recorded instead."""
    assert f"""\
{SUBMITTED}{{strategy="theta",side="SELL",order_type="LIMIT"}} has no such series; expected: 1
  what is there, nearest first:
    {SUBMITTED}{{strategy="theta",side="BUY",order_type="LIMIT"}} 1
    {SUBMITTED}{{strategy="gamma",side="BUY",order_type="LIMIT"}} 1
    {SUBMITTED}{{strategy="gamma",side="SELL",order_type="MARKET"}} 1""" == failure(
        SUBMITTED, 1, strategy="theta", side="SELL", order_type="LIMIT"
    )


def test_a_failure_shows_the_values_that_a_label_has() -> None:
    """A spelling that recording folds, such as `buy`, would be hard to see in a list of series."""
    message = failure(SUBMITTED, 1, side="buy")
    assert "has no such series; expected: 1\n  side: no series has 'buy'; there is 'BUY', 'SELL'\n" in message


def test_a_failure_shows_the_value() -> None:
    """The developer could not tell a wrong count from a missing one."""
    assert failure(SUBMITTED, 5, strategy="gamma").startswith(f'{SUBMITTED}{{strategy="gamma"}} is 2; expected: 5\n')
    assert "is 3; expected: no such series\n" in failure(SUBMITTED, None)
    assert "is 3; expected: 'three'\n" in failure(SUBMITTED, "three")
    assert "is 0.25; expected: 0.5\n" in failure(catalogue.STRATEGY_WIN_RATE.name, 0.5, strategy="theta")


def test_a_failure_of_many_series_stays_readable() -> None:
    """The line that matters would scroll away among hundreds."""
    metrics = TradingMetrics()
    for number in range(30):
        MetricsExporter(metrics).record_order(f"s{number}", "BUY", "LIMIT", "submitted")
    message = failure(SUBMITTED, 1, metrics, strategy="t")
    assert message.endswith("\n    … and 20 more")
    assert 14 == len(message.splitlines())


@pytest.mark.parametrize(
    ("name", "labels", "message"),
    [
        (
            "trading_order_submitted_total",
            {},
            "no metric is called 'trading_order_submitted_total' (did you mean trading_orders_submitted_total or ",
        ),
        ("trading_orders_submitted", {}, "trading_orders_submitted is a counter; the names of its samples are: "),
        (FILL_TIME, {}, f"is a histogram; the names of its samples are: {FILL_TIME}_count, {FILL_TIME}_sum, "),
        (f"{FILL_TIME}_bucket", {}, "say which bucket with le=…; there are: 0.005, 0.01, "),
        (
            SUBMITTED,
            {"stratgy": "gamma"},
            f"{SUBMITTED} has no label 'stratgy' (did you mean strategy?); its labels are: strategy, side, order_type",
        ),
        (
            catalogue.TRADES.name,
            {"symbol": "X"},
            "has no label 'symbol'; its labels are: strategy, side, status",
        ),
        (catalogue.DAILY_PNL.name, {"strategy": "gamma"}, "has no label 'strategy'; it has no labels"),
        (f"{catalogue.TRADES_PNL.name}_bucket", {"lee": "1"}, "its labels are: strategy, le"),
        (catalogue.TRADES.name, {}, "has no such series; expected: 1\n  no series of trading_trades_total is there"),
        (catalogue.DAILY_PNL.name, {}, "has no such series; expected: 1\n"),
        (
            catalogue.STRATEGY_WIN_RATE.name,
            {},
            "a gauge's series are not added up, and these have the labels given; name one:\n"
            '  trading_strategy_win_rate{strategy="gamma"} 0.5',
        ),
    ],
)
def test_a_wrong_name_or_label_fails_with_the_right_one(name: str, labels: dict[str, Any], message: str) -> None:
    """A misspelt metric would read 0, and the test of it would prove nothing."""
    assert message in failure(name, 1, **labels)


def test_a_gauge_that_was_never_set_is_not_zero() -> None:
    """A P&L of 0 would be asserted of a program that never reported one."""
    assert "has no such series; expected: 0" in failure(catalogue.DAILY_PNL.name, 0)


def test_labels_may_be_called_name_and_value() -> None:
    """A metric with such a label could not be asserted on at all."""
    metrics = TradingMetrics()
    hedges = prometheus_client.Counter("hedges", "Hedges.", ["name", "value"], registry=metrics.registry)
    with metric_delta("hedges_total", 1, metrics=metrics, name="delta", value="2"):
        hedges.labels("delta", "2").inc()
    assert_metric("hedges_total", 1, metrics=metrics, name="delta", value="2")
    with pytest.raises(AssertionError, match=r'^hedges_total\{name="gamma",value="2"\} has no such'):
        assert_metric("hedges_total", 1, metrics=metrics, name="gamma", value="2")


def test_a_failure_names_instrumentation_errors() -> None:
    """The reason why a label reads `unknown` would stay in the log."""
    metrics = TradingMetrics()

    @track_order(strategy=arg("order.strategy"), metrics=metrics)
    def place(order: dict[str, str]) -> None: ...

    place({})
    assert "\n  instrumentation errors were counted:\n" in failure(SUBMITTED, 1, metrics, strategy="gamma")
    assert 'place",stage="source"} 1' in failure(SUBMITTED, 1, metrics, strategy="gamma")


def test_a_disabled_metrics_object_says_so() -> None:
    """Someone who left TRADMETRICS_DISABLED=1 in the environment would look for a misspelt name."""
    assert "this metrics object is disabled" in failure(SUBMITTED, 1, TradingMetrics(enabled=False))


def test_other_metrics_on_the_same_registry() -> None:
    """Metrics that a program makes with prometheus_client itself would need other assertions."""
    metrics = TradingMetrics()
    beats = prometheus_client.Counter("beats", "Heartbeats.", ["feed"], registry=metrics.registry)
    assert_metric("beats_total", 0, metrics=metrics, feed="nse")
    beats.labels("nse").inc()
    assert_metric("beats_total", 1, metrics=metrics, feed="nse")
    assert "beats_total has no label 'fed' (did you mean feed?); its labels are: feed" in failure(
        "beats_total", 1, metrics, fed="nse"
    )


def test_the_default_metrics_is_read() -> None:
    """Decorators and assertions would look at different books."""
    metrics_exporter.record_order("gamma", "BUY", "LIMIT", "submitted")
    assert_metric(SUBMITTED, 1, strategy="gamma")
    with metric_delta(SUBMITTED, 1, strategy="gamma"):
        metrics_exporter.record_order("gamma", "SELL", "LIMIT", "submitted")


def test_a_change_is_asserted() -> None:
    """What happened before the block would count as its own."""
    metrics = recorded()
    with metric_delta(SUBMITTED, 1, metrics=metrics, strategy="gamma"):
        MetricsExporter(metrics).record_order("gamma", "BUY", "LIMIT", "submitted")
    with metric_delta(catalogue.STRATEGY_WIN_RATE.name, -0.25, metrics=metrics, strategy="gamma"):
        MetricsExporter(metrics).update_strategy_metrics("gamma", win_rate=0.25)
    with metric_delta(FILLED, expected=0, metrics=metrics):
        pass


def test_a_change_can_be_had() -> None:
    """A test that compares two changes, or asserts a range, could not be written."""
    metrics = recorded()
    with metric_delta(f"{FILL_TIME}_sum", metrics=metrics) as waited:
        MetricsExporter(metrics).record_order("gamma", "BUY", "LIMIT", "filled", fill_time=0.5)
        assert math.isclose(0.5, waited.value)
    MetricsExporter(metrics).record_order("gamma", "BUY", "LIMIT", "filled", fill_time=7)
    assert math.isclose(0.5, waited.value)


def test_a_wrong_change_shows_what_changed() -> None:
    """The developer would compare two listings of the registry by eye."""
    metrics = recorded()
    with pytest.raises(AssertionError) as caught, metric_delta(SUBMITTED, 1, metrics=metrics, side="SELL"):
        MetricsExporter(metrics).record_order("gamma", "BUY", "LIMIT", "submitted")
    assert f"""\
{SUBMITTED}{{side="SELL"}} changed by 0; expected: 1
  side: no series has 'SELL'; there is 'BUY'
  what changed, nearest first:
    {SUBMITTED}{{strategy="gamma",side="BUY",order_type="LIMIT"}} 1""" == str(caught.value)
    unchanged = pytest.raises(AssertionError, match="no series of trading_orders_submitted_total changed")
    with unchanged, metric_delta(SUBMITTED, 1, metrics=metrics):
        pass


def test_an_exception_in_the_block_is_what_counts() -> None:
    """The failure that explains the other would be hidden by it."""
    with pytest.raises(KeyError), metric_delta(SUBMITTED, 1, metrics=recorded()):
        raise KeyError


def test_a_change_of_what_is_not_there_yet() -> None:
    """The first call of a function with a metric of its own could not be tested, nor a program that configures."""
    hedges = MetricDefinition("desk_hedges_total", "counter", "Hedges.", labels=("desk",))

    @track(hedges, desk="delta")
    def hedge() -> None: ...

    with metric_delta("desk_hedges_total", 1, desk="delta"):
        configure(limits={"desk": 7})
        hedge()
    with metric_delta("desk_hedges_total", 1, desk="delta"):
        configure(force=True)  # what the metrics object before had counted is not taken off
        hedge()
    other = TradingMetrics()
    with metric_delta("desk_hedges_total", 1, metrics=other):
        track(hedges, desk="delta", metrics=other)(lambda: None)()
    misspelt = pytest.raises(AssertionError, match=r"'desk_hedge_total' \(did you mean desk_hedges_total or ")
    with misspelt, metric_delta("desk_hedge_total", 0):
        pass
    unknown = pytest.raises(AssertionError, match=r"has no label 'desc' \(did you mean desk\?\)")
    with unknown, metric_delta("desk_hedges_total", desc="delta"):
        raise RuntimeError("the block must not run")


# ── strategies ───────────────────────────────────────────────────────────────────────────────────────────────────────


def draws(strategy: st.SearchStrategy[Any], wanted: Callable[[Any], object]) -> bool:
    """Whether a strategy draws a wanted value before long."""

    def is_wanted(value: Any) -> bool:
        try:
            return bool(wanted(value))
        except HostileError:
            return False

    generate = settings(max_examples=2_000, database=None, deadline=None, phases=[Phase.generate])
    try:
        find(strategy, is_wanted, settings=generate)
    except NoSuchExample:
        return False
    return True


def raises(operation: Callable[[Any], object]) -> Callable[[Any], bool]:
    """Whether an operation on a value raises."""

    def tried(value: Any) -> bool:
        try:
            operation(value)
        except Exception:
            return True
        return False

    return tried


@pytest.mark.parametrize(
    "wanted",
    [
        lambda value: value == "gamma_scalping",
        lambda value: isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value),
        lambda value: isinstance(value, str) and "\x00" in value,
        lambda value: isinstance(value, str) and len(value) >= 1_000_000,
        lambda value: isinstance(value, str) and not value.strip(),
        lambda value: isinstance(value, str) and is_identifier(value),
        lambda value: isinstance(value, str) and value.startswith("order-") and is_identifier(value),
        lambda value: value is None,
        lambda value: type(value) is int,
        lambda value: type(value) is bool,
        lambda value: type(value) is float and math.isnan(value),
        lambda value: type(value) is bytes and value,
        lambda value: isinstance(value, Enum),
        lambda value: isinstance(value, Enum) and isinstance(value, str),
        lambda value: isinstance(value, Enum) and isinstance(value, int),
        lambda value: type(value) is list,
        raises(str),
        raises(hash),
        raises(bool),
        raises(lambda value: value == "BUY"),
        raises(lambda value: getattr(value, "side", None)),
        lambda value: type(value) is not str and isinstance(value, str),
    ],
)
def test_label_values_are_drawn_of_every_kind(wanted: Callable[[Any], object]) -> None:
    """A property test would pass without having tried what breaks in production."""
    assert draws(label_values(), wanted)


@settings(max_examples=100, deadline=None)
@given(orders(), trades())
def test_orders_and_trades_have_what_decorators_look_for(order: Any, trade: Any) -> None:
    """A decorator that was put on a function of an order would find nothing to read."""
    metrics = TradingMetrics(strict=False)

    @track_order(metrics=metrics)
    def place(order: object) -> None: ...

    @track_trade(metrics=metrics)
    def close(trade: object) -> None: ...

    for name in ("strategy", "side", "order_type", "status", "reason", "fill_time", "order_id", "quantity", "price"):
        assert hasattr(order, name)
    for name in ("strategy", "side", "status", "pnl"):
        assert hasattr(trade, name)
    place(order)
    close(trade)
    assert_metric(SUBMITTED, 1, metrics=metrics)
    assert_metric(catalogue.TRADES.name, 1, metrics=metrics)


@pytest.mark.parametrize(
    ("strategy", "wanted"),
    [
        (orders(), lambda order: order.side == "sell" and order.strategy in NAMES),
        (orders(), lambda order: type(order.status) is str and order.status.lower() == "filled" and order.quantity),
        (orders(), lambda order: any(map(raises(str), vars(order).values()))),
        (orders(side=st.just("X")), lambda order: order.side == "X"),
        (trades(), lambda trade: isinstance(trade.pnl, float) and trade.pnl < 0),
        (trades(), lambda trade: isinstance(trade.pnl, float) and math.isnan(trade.pnl)),
        (trades(pnl=st.just(1)), lambda trade: trade.pnl == 1 and trade.status == "executed"),
    ],
)
def test_orders_and_trades_are_drawn_plain_and_hostile(
    strategy: st.SearchStrategy[Any], wanted: Callable[[Any], object]
) -> None:
    """Only one side of a function would be tested: the orders that are filled, or those that nobody can read."""
    assert draws(strategy, wanted)


def test_attributes_that_orders_and_trades_lack() -> None:
    """A misspelt attribute would be drawn as before, and the test would not test what it says."""
    with pytest.raises(TypeError, match="no attribute 'sde'; it has: order_id, strategy"):
        orders(sde=st.none())
    with pytest.raises(TypeError, match="no attribute 'reason'; it has: trade_id"):
        trades(reason=st.none())


class Quote(NamedTuple):
    """A type of the user's own."""

    bid: float


class Broker(abc.ABC):
    """A type of which nothing can be drawn."""

    @abc.abstractmethod
    def send(self) -> None: ...


def annotated(  # type: ignore[no-untyped-def]
    position: int,
    /,
    side: Side,
    kind: Literal["LIMIT", "MARKET"],
    limit: float | None,
    text: str,
    nothing: None,
    quote: Quote,
    written: "Quote | None",
    flag: bool = False,
    *rest: int,
    anything: Any,
    loose=None,
    **more: bytes,
) -> None:
    """Every kind of parameter."""
    assert type(position) is int
    assert isinstance(side, Side)
    assert kind in ("LIMIT", "MARKET")
    assert limit is None or type(limit) is float
    assert type(text) is str
    assert nothing is None
    assert type(quote) is Quote
    assert written is None or type(written) is Quote
    assert type(flag) is bool
    assert all(type(each) is int for each in rest)
    assert all(type(each) is bytes for each in more.values())


@settings(max_examples=200, deadline=None)
@given(call_arguments(annotated))
def test_arguments_fit_the_signature(drawn: CallArguments) -> None:
    """A property test would only ever see the TypeError of a call that cannot be made."""
    annotated(*drawn.args, **drawn.kwargs)


@pytest.mark.parametrize(
    "wanted",
    [
        lambda drawn: len(drawn.args) == 1,
        lambda drawn: len(drawn.args) > 8,
        lambda drawn: "side" in drawn.kwargs,
        lambda drawn: "flag" in drawn.kwargs,
        lambda drawn: len(drawn.args) < 9 and "flag" not in drawn.kwargs,
        lambda drawn: raises(str)(drawn.kwargs["anything"]),
        lambda drawn: raises(str)(drawn.kwargs.get("loose")),
        lambda drawn: any(type(value) is bytes and name.startswith("extra") for name, value in drawn.kwargs.items()),
    ],
)
def test_arguments_are_passed_in_every_way(wanted: Callable[[CallArguments], object]) -> None:
    """Labels are read from positions and names by different code, and half of it would go untested."""
    assert draws(call_arguments(annotated), wanted)


class Desk:
    """Methods of a user's."""

    def __init__(self, users: TradingMetrics | None = None) -> None:
        self.name = "delta"
        self.placed = 0

    @track_order(strategy=arg("self.name"))
    def place(self, order):  # type: ignore[no-untyped-def]
        """A method with a memory, so that no two calls are alike."""
        self.placed += 1
        if self.placed % 5 == 0:
            raise ConnectionError(self.placed)
        return self.placed

    @classmethod
    @track_order(strategy=arg("strategy"))
    def place_for(cls, strategy: object) -> str:
        return cls.__name__

    @track_order(strategy=arg("strategy"))
    @staticmethod
    def place_alone(strategy: object) -> object:
        return strategy

    @track_order(strategy=arg("strategy"))
    def __call__(self, strategy: object) -> object:
        return strategy


def test_parameters_called_order_are_orders() -> None:
    """The attributes of an order would never be read in a property test of an unannotated function."""
    drawn = call_arguments(Desk().place)
    assert draws(drawn, lambda each: hasattr([*each.args, *each.kwargs.values()][0], "order_type"))
    assert draws(drawn, lambda each: [*each.args, *each.kwargs.values()] == [None])


def needs_a_broker(broker: Broker, side: "Side | Unknown" = Side.BUY) -> None:  # type: ignore[name-defined]  # noqa: F821
    """A parameter that cannot be drawn, and an annotation that cannot be read."""


def test_arguments_that_cannot_be_drawn_can_be_given() -> None:
    """Functions that take a broker or a session could not be tested at all."""
    with pytest.raises(ConfigurationError, match=r"needs_a_broker .*; say how: call_arguments\(…, broker=strategy\)"):
        call_arguments(needs_a_broker)
    with pytest.raises(ConfigurationError, match="needs_a_broker has no parameter 'brokr'; it has: broker, side"):
        call_arguments(needs_a_broker, brokr=st.none())
    drawn = call_arguments(needs_a_broker, broker=st.just("paper"))
    assert draws(drawn, lambda each: "paper" in [*each.args, *each.kwargs.values()])


class Callback:
    """An object that is called, with annotations that were written as text."""

    def __call__(self, side: "Side", other: "Side") -> None: ...

    def method(self, side: "Side") -> None: ...


@pytest.mark.parametrize(
    "function",
    [Callback(), Callback().method, functools.partial(Callback(), other=Side.BUY)],
    ids=["object", "method", "partial"],
)
def test_annotations_are_read_wherever_they_are(function: Callable[..., Any]) -> None:
    """Under `from __future__ import annotations`, every parameter would be drawn as if it had no annotation."""
    assert not draws(
        call_arguments(function), lambda each: not isinstance([*each.args, *each.kwargs.values()][0], Side)
    )


# ── bounded labels ───────────────────────────────────────────────────────────────────────────────────────────────────

OWN_BOOK = TradingMetrics()


@track_order(strategy=arg("strategy"))
@track_errors(component=arg("strategy"))
@track_request(endpoint=arg("reason"), method="POST", metrics=OWN_BOOK)
def place(strategy, reason, side: Side = Side.BUY):  # type: ignore[no-untyped-def]
    """Three decorators, one with a metrics object of its own, and a call of another decorated function within."""
    receive(reason)
    if side is Side.SELL:
        raise ValueError(reason)
    return {"status": "filled", "reason": reason}


@track_market_data(symbol=arg("symbol"))
def receive(symbol: object) -> None:
    """Returns None, which is what the shortest way through the engine is for."""


@track_trade
async def close(trade: Any) -> Any:
    """A coroutine function."""
    await asyncio.sleep(0)
    return trade.pnl


@track_order(strategy=arg("strategy"))
def stream(strategy: object, end: bool) -> Generator[int, None, dict[str, str]]:
    """A generator, which does not always end by itself."""
    yield from range(3)
    while not end:
        yield 3
    return {"status": "filled"}


@track_order(strategy=arg("strategy"))
async def astream(strategy: object, end: bool) -> AsyncIterator[int]:
    """An async generator, likewise."""
    while not end:
        yield 1


class Beyond:
    """A result that cannot be compared, nor shown."""

    def __eq__(self, other: object) -> bool:
        raise HostileError

    def __repr__(self) -> str:
        raise HostileError

    __hash__ = None  # type: ignore[assignment]


def unlike(value: object) -> dict[str, object]:
    """A result of the same kind as the last one, and not equal to it."""
    return {"order": object(), "broker": Beyond(), "price": float("nan"), "rest": [value, None]}


@track_order(strategy=arg("strategy"))
def answer(strategy: object) -> dict[str, object]:
    """Another object each time, with values that cannot be compared, or are not equal to themselves."""
    return unlike(strategy)


@pytest.mark.parametrize(
    ("function", "strategy"),
    [
        (place, call_arguments(place)),
        (receive, label_values()),
        (close, trades()),
        (stream, call_arguments(stream)),
        (astream, call_arguments(astream)),
        (answer, label_values()),
        (Desk().place, orders()),
        (Desk.place_for, label_values()),
        (Desk.place_alone, label_values()),
        (Desk().__call__, label_values()),
        (track_order(strategy=arg("strategy"))(Desk.place_for), label_values()),
        (functools.partial(place, reason="none"), label_values()),
        (functools.partial(Desk.place, Desk()), orders()),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_labels_of_right_functions_are_bounded(function: Callable[..., Any], strategy: st.SearchStrategy[Any]) -> None:
    """A right function would fail its property test."""
    assert_cardinality_bounded(function, strategy, max_examples=15)


def test_five_lines_test_a_function(pytester: pytest.Pytester) -> None:
    """The example that users begin with would not work."""
    lines = inspect.cleandoc(tradmetrics.testing.__doc__ or "").splitlines()
    start = lines.index("    from desk import place")
    example = [line.removeprefix("    ") for line in lines[start:]]
    assert 5 == len([line for line in example if line]) + 1, "import, import, def, assert: and a blank line between"
    pytester.makepyfile(
        desk="""
        from tradmetrics import arg, track_order

        @track_order(strategy=arg("strategy"))
        def place(strategy, side): ...
        """,
        test_desk="\n".join(example),
    )
    pytester.syspathinsert()
    pytester.runpytest("-q", *plugin()).assert_outcomes(passed=1)


def message_of(function: Callable[..., Any], strategy: st.SearchStrategy[Any], max_examples: int = 30) -> str:
    """The message of a property test that fails."""
    with pytest.raises(AssertionError) as caught:
        assert_cardinality_bounded(function, strategy, max_examples=max_examples)
    return str(caught.value)


def test_a_label_without_a_guard_is_found() -> None:
    """A metric of the user's own would grow with every value that comes, until Prometheus dies of it."""
    definition = MetricDefinition("desk_hedges_total", "counter", "Hedges.", labels=("desk", "leg"), guarded=False)

    @track(definition, leg="one")
    def hedge(desk: object) -> None: ...

    message = message_of(hedge, st.sampled_from("abcdefg"))
    assert (
        "hedge): the label 'desk' of desk_hedges_total has 4 values, and its budget is 3: 'a', 'b', 'c', 'd'\n"
        "the smallest calls found, each made twice:\n"
    ) in message
    assert sorted(f"  hedge('{letter}')" for letter in "abcd") == sorted(message.splitlines()[2:])


def test_too_many_series_are_found() -> None:
    """Labels within their budgets can still make more series than a metric may have."""
    labels = ("desk", "leg", "venue")
    definition = MetricDefinition("desk_hedges_total", "counter", "Hedges.", labels=labels, guarded=False)

    @track(definition)
    def hedge(desk: str, leg: str, venue: str) -> None: ...

    legs = [CallArguments(args, {}) for args in itertools.product("abc", repeat=3)]
    drawn = st.integers(0, len(legs) - 1).map(lambda number: legs[number])
    assert "desk_hedges_total has 9 series, and its budget is 8" in message_of(hedge, drawn, 200)


def test_a_closed_label_that_opens_is_found() -> None:
    """A label that is documented to have two values would have as many as there are spellings."""
    definition = MetricDefinition("desk_hedges_total", "counter", "Hedges.", labels=(("desk", ("a", "b")),))

    @track(definition)
    def hedge(desk: str) -> None: ...

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Instrument, "resolve", lambda self, raw, dialect=None: resolved_raw(self, raw))
        assert "the label 'desk' of desk_hedges_total is not one of its values: 'c'" in message_of(hedge, st.just("c"))


def resolved_raw(instrument: Instrument, raw: tuple[Any, ...]) -> Resolved:
    """What an engine without a guard and a vocabulary would do."""
    series = instrument._series.setdefault(raw, CounterSeries())
    return Resolved(series, raw, (), ())


def test_a_closed_label_of_ones_own_may_be_unknown() -> None:
    """Nobody could test a metric of their own that has a closed label: it reads `unknown` for what is none of its."""
    definition = MetricDefinition("desk_hedges_total", "counter", "Hedges.", labels=(("desk", ("u", "v")), "leg"))

    @track(definition)
    def hedge(desk: object, leg: object) -> None: ...

    assert_cardinality_bounded(hedge, call_arguments(hedge), max_examples=15)


def test_a_guard_that_lets_everything_in_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The property test would prove nothing about the guard."""
    monkeypatch.setattr(Guard, "admit", lambda self, values: (values, ()))
    message = message_of(receive, st.sampled_from("abcdefg"))
    assert "the label 'symbol' of trading_market_data_updates_total has 4 values, and its budget is 3" in message


def test_what_is_recorded_within_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function could leave its symbols to another one that it calls, and pass its own property test."""

    @track_order(strategy="gamma")
    def order(symbol: object) -> None:
        receive(symbol)

    monkeypatch.setattr(Guard, "admit", lambda self, values: (values, ()))
    message = message_of(order, st.sampled_from("abcdefg"))
    assert "the label 'symbol' of trading_market_data_updates_total has 4 values, and its budget is 3" in message
    assert sorted(f"  order('{letter}')" for letter in "abcd") == sorted(message.splitlines()[2:])


def test_metrics_of_ones_own_are_bounded_within_too() -> None:
    """A function could leave its labels to another one with a metric of its own, and pass its own property test."""
    definition = MetricDefinition("desk_hedges_total", "counter", "Hedges.", labels=("desk",), guarded=False)
    hedge = track(definition)(lambda desk: None)

    @track_order(strategy="gamma")
    def order(desk: object) -> None:
        hedge(desk)

    message = message_of(order, st.sampled_from("abcdefg"))
    assert "the label 'desk' of desk_hedges_total has 4 values, and its budget is 3" in message


def test_lost_counts_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls past the budget would vanish from every total and ratio."""
    resolve = Instrument.resolve

    def lossy(self: Instrument, raw: tuple[object, ...], dialect: str | None = None) -> Resolved:
        resolved = resolve(self, raw, dialect)
        return resolved._replace(series=CounterSeries()) if resolved.collapsed else resolved

    monkeypatch.setattr(Instrument, "resolve", lossy)
    message = message_of(receive, st.sampled_from("abcdefg"))
    assert "the total over the series of trading_market_data_updates_total is 6, and its calls make 8" in message


def around(function: Callable[..., Any], shell: str) -> Callable[..., Any]:
    """A wrapper that calls a function once more, changes its result, or raises or hides an exception."""

    @functools.wraps(function)
    def wrapper(*args: Any, again: bool = True) -> Any:
        if shell == "no exception":
            try:
                return function(*args)
            except ValueError:
                return None
        if again:
            function(*args)
        if shell == "an exception":
            raise RuntimeError("from the decorator")
        return function(*args) if shell == "once more" else "changed"

    return wrapper


SHELLS = ("once more", "another result", "an exception", "no exception")


def shelled(shell: str, strategy: object) -> dict[str, object]:
    """What stands below a shell."""
    if shell == "no exception":
        raise ValueError("no funds")
    return unlike(strategy)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("wrapped", [False, True], ids=["alone", "below one of the user's own"])
def test_decorators_that_change_a_call_are_found(shell: str, wrapped: bool) -> None:
    """A decorator that calls a trading function twice, or hides its exception, would lose money."""

    def broken(function: Any, *args: Any) -> Any:
        wrapper: Any = around(shell_for(function, *args), shell)
        wrapper.__wrapped__ = function
        return wrapper

    def order(strategy: object) -> dict[str, object]:
        return shelled(shell, strategy)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tradmetrics.capture.wrapping.shell_for", broken)
        tracked = track_order(strategy=arg("strategy"))(order)
    decorated = Above(tracked) if wrapped else tracked
    found = {
        "once more": "the total over the series of trading_orders_submitted_total is 4, and its calls make 2",
        "another result": "order(None) returned 'changed', and undecorated returned <dict>\n",
        "an exception": "order(None) raised RuntimeError('from the decorator'), and undecorated returned <dict>\n",
        "no exception": "order(None) returned None, and undecorated raised ValueError('no funds')\n",
    }[shell]
    message = message_of(decorated, st.none() | st.sampled_from("ab"))
    assert found in message
    assert message.endswith("\nthe smallest calls found, each made twice:\n  order(None)")


class Above:
    """A decorator of the user's own that keeps what it wraps in an attribute."""

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)


def hidden(function: Callable[..., Any]) -> Callable[..., Any]:
    """A wrapper of which nobody can tell how it comes by what it wraps."""
    held = [function]

    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return str(held[0](*args))

    return wrapper


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("place", ["above", "above another", "between", "kept by a class", "hidden"])
def test_decorators_of_ones_own_may_change_a_call(shell: str, place: str) -> None:
    """A function that is retried, or whose answer is unpacked, could not be tested without being taken apart."""

    def order(strategy: object) -> dict[str, object]:
        return shelled(shell, strategy)

    tracked: Any = track_order(strategy=arg("strategy"))(order)
    if place in ("kept by a class", "hidden"):
        tracked = Above(tracked) if place == "kept by a class" else hidden(tracked)
    tracked = around(tracked, shell)
    if place == "above another":
        tracked = around(tracked, "once more")
    if place == "between":
        tracked = track_errors(component="desk")(track_order(strategy=arg("strategy"))(tracked))
    assert_cardinality_bounded(tracked, st.none() | st.sampled_from("abcdef"), max_examples=5)


def test_a_cache_above_is_left_as_it_is() -> None:
    """The property test would turn the program's own cache into one of a function that records nothing."""
    tracked = track_order(strategy=arg("strategy"))(lambda strategy: strategy)
    cached = functools.lru_cache(tracked)
    assert_cardinality_bounded(cached, st.sampled_from("abcdef"), max_examples=5)
    assert tracked is cached.__wrapped__


@pytest.mark.parametrize("above", ["around", "hidden"])
def test_labels_below_decorators_of_ones_own_are_bounded(above: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any decorator above ours would make the property test prove nothing."""
    tracked = track_order(strategy=arg("strategy"))(lambda strategy: None)
    decorated = around(tracked, "another result") if above == "around" else hidden(tracked)
    monkeypatch.setattr(Guard, "admit", lambda self, values: (values, ()))
    message = message_of(decorated, st.sampled_from("abcdefg"))
    assert "the label 'strategy' of trading_orders_submitted_total has 4 values" in message


def test_tasks_that_are_left_do_not_go_on_within_the_next_call() -> None:
    """A coroutine that leaves something running would count it among the calls after it, and fail."""

    async def later() -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await order("later")

    @track_order(strategy=arg("strategy"))
    async def order(strategy: str) -> None:
        if strategy == "now":
            order.tasks.append(asyncio.get_running_loop().create_task(later()))  # type: ignore[attr-defined]

    order.tasks = []  # type: ignore[attr-defined]
    assert_cardinality_bounded(order, st.just("now"), max_examples=5)
    assert all(task.cancelled() for task in order.tasks)  # type: ignore[attr-defined]


def test_a_recipe_that_fails_still_counts_its_calls() -> None:
    """A property test would fail with an error of the engine's own, or miss the calls that it loses."""
    rules = (Rule(catalogue.ORDERS_SUBMITTED), Rule(catalogue.ORDERS_FILLED, when=frozenset({"filled"})))
    fields = tuple(map(Field, catalogue.ORDERS_SUBMITTED.label_names))

    def outcome(reading: CallContext) -> str:
        raise KeyError("outcome")

    def order(strategy: object) -> None: ...

    recipe = Recipe("track_badly", fields, rules, outcome=outcome)
    assert_cardinality_bounded(decorate(order, recipe, {}, None), label_values(), max_examples=5)


def test_budgets_really_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """With budgets that no test can use up, the property would hold for a guard that does nothing."""
    collapsed: list[tuple[int, ...]] = []
    admit = Guard.admit

    def spy(self: Guard, values: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[int, ...]]:
        result = admit(self, values)
        collapsed.append(result[1])
        return result

    monkeypatch.setattr(Guard, "admit", spy)
    assert_cardinality_bounded(receive, st.sampled_from("abcdefg"), max_examples=25)
    assert any(collapsed)


def test_nothing_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    """What a property test draws would turn up in the program's own metrics and log."""
    before = configure(limits={"strategy": 7})
    assert_cardinality_bounded(place, call_arguments(place), max_examples=10)
    assert before is get_metrics() is configure(limits={"strategy": 7})
    for name in (SUBMITTED, catalogue.MARKET_DATA_UPDATES.name, catalogue.SYSTEM_ERRORS.name):
        assert_metric(name, None)
    assert_metric(catalogue.API_REQUESTS.name, None, metrics=OWN_BOOK)
    assert [] == caplog.records
    place("gamma", "none")
    assert_metric(SUBMITTED, 1, strategy="gamma")
    assert_metric(catalogue.API_REQUESTS.name, 1, metrics=OWN_BOOK)
    OWN_BOOK.instrument(catalogue.API_REQUESTS)._series.clear()


def test_no_default_metrics_is_made() -> None:
    """A property test would register on prometheus_client's registry, where an application configures later."""
    assert_cardinality_bounded(receive, label_values(), max_examples=5)
    assert current() is None


def test_what_cannot_be_tested_says_why() -> None:
    """A test of an undecorated function would pass, and prove nothing."""
    with pytest.raises(TradmetricsError, match="needs_a_broker has none of tradmetrics' decorators on it"):
        assert_cardinality_bounded(needs_a_broker, label_values())
    with pytest.raises(TypeError, match=r"such as call_arguments\(receive\) or label_values\(\), not \['a'\]"):
        assert_cardinality_bounded(receive, ["a"])  # type: ignore[arg-type]

    async def from_within() -> None:
        assert_cardinality_bounded(close, trades())

    with pytest.raises(TypeError, match=r"close is async .* call this from a test that is not async"):
        asyncio.run(from_within())
