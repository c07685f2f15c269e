"""The catalogue: the metrics that users, dashboards and alerts rely on, and the definitions that they write."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from typing import Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.recorded import sample
from tradmetrics import ConfigurationError, MetricDefinition, TradingMetrics, catalogue
from tradmetrics.model.definition import Label

GUIDE = """
trading_daily_pnl gauge
trading_unrealized_pnl gauge
trading_realized_pnl gauge
trading_positions_open gauge strategy
trading_trades_total counter strategy side status
trading_trades_pnl histogram strategy
trading_circuit_breaker_active gauge
trading_circuit_breaker_triggers_total counter reason
trading_max_drawdown gauge
trading_risk_limit_breaches_total counter limit_type
trading_capital_total gauge
trading_capital_used gauge
trading_capital_available gauge
trading_capital_utilization gauge
trading_margin_used gauge
trading_margin_available gauge
trading_market_vix gauge
trading_market_condition gauge condition
trading_market_data_updates_total counter symbol
trading_market_data_stale gauge
trading_market_data_age_seconds histogram symbol
trading_orders_submitted_total counter strategy side order_type
trading_orders_filled_total counter strategy side
trading_orders_rejected_total counter strategy reason
trading_orders_cancelled_total counter strategy reason
trading_order_fill_time_seconds histogram strategy
trading_strategy_win_rate gauge strategy
trading_strategy_avg_pnl gauge strategy
trading_strategy_sharpe_ratio gauge strategy
trading_strategy_trades_today gauge strategy
trading_ml_model_accuracy gauge model
trading_ml_predictions_total counter model prediction
trading_ml_training_duration_seconds histogram
trading_ml_last_training_timestamp gauge
trading_system_uptime_seconds gauge
trading_system_errors_total counter component severity
trading_websocket_connections gauge
trading_api_requests_total counter endpoint method status
trading_api_request_duration_seconds histogram endpoint method
"""
ADDED = """
trading_orders_unknown_total counter strategy reason
trading_profit_total counter strategy
trading_loss_total counter strategy
trading_daily_pnl_percent gauge
trading_market_session_open gauge
trading_market_data_last_update_timestamp_seconds gauge symbol
trading_order_ack_time_seconds histogram strategy
trading_order_first_fill_time_seconds histogram strategy
trading_orders_open gauge strategy
trading_order_oldest_open_seconds gauge strategy
trading_order_anomalies_total counter kind
trading_order_foreign_total counter
trading_order_duplicates_total counter strategy
trading_order_slippage_bps histogram strategy side
trading_order_messages_total counter action
trading_order_message_rate_max gauge window
trading_cash_received_total counter strategy kind
trading_cash_paid_total counter strategy kind
trading_position_drift gauge symbol
trading_stream_connected gauge stream
trading_stream_connects_total counter stream
trading_heartbeat_timestamp_seconds gauge loop
trading_build_info gauge version
tradmetrics_sampler_last_success_timestamp_seconds gauge function
tradmetrics_label_overflow_total counter metric label
tradmetrics_series gauge metric
tradmetrics_series_limit gauge metric
tradmetrics_series_removed_total counter metric cause
tradmetrics_instrumentation_errors_total counter site stage
tradmetrics_unsourced_labels gauge site label
tradmetrics_function_called gauge site decorator
tradmetrics_function_calls_total counter site decorator
tradmetrics_last_error_timestamp_seconds gauge site message
"""


def listed(text: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Kind and labels by name."""
    rows = [line.split() for line in text.split("\n") if line]
    return {name: (kind, tuple(labels)) for name, kind, *labels in rows}


def test_the_guides_metrics_keep_their_names_types_and_labels() -> None:
    """A dashboard or alert that was made for the guide would show nothing, or fire on nothing."""
    assert 39 == len(listed(GUIDE))
    found = {each.name: (each.kind, each.label_names) for each in catalogue.CATALOGUE}
    assert listed(GUIDE).items() <= found.items()


def test_nothing_is_in_the_catalogue_that_was_not_agreed() -> None:
    """A metric would come or go unnoticed, and with it what was built on it."""
    found = {each.name: (each.kind, each.label_names) for each in catalogue.CATALOGUE}
    assert listed(GUIDE + ADDED) == found


def test_each_definition_says_what_it_is() -> None:
    """The documentation, the dashboards and the HELP lines, all made from it, would have gaps."""
    for each in catalogue.CATALOGUE:
        assert each.help.endswith("."), each.name
        assert each.family, each.name
        assert each.unit or each.kind != "histogram", each.name
        assert each.unit == "seconds" or not each.name.endswith("_seconds"), each.name
    assert len(catalogue.BY_NAME) == len(catalogue.CATALOGUE)
    assert all(each is catalogue.BY_NAME[each.name] for each in catalogue.CATALOGUE)


CLOSED: Mapping[str, tuple[str, ...]] = {
    "side": ("BUY", "SELL", "unknown"),
    "order_type": ("MARKET", "LIMIT", "STOP", "STOP_LIMIT", "TRAILING_STOP", "OTHER", "unknown"),
    "severity": ("debug", "info", "warning", "error", "critical"),
}


def test_closed_labels_have_the_agreed_values() -> None:
    """A query on `side="BUY"` would find nothing."""
    for each in catalogue.CATALOGUE:
        for label in each.labels:
            if label.name in CLOSED:
                assert CLOSED[label.name] == label.values, each.name
    statuses = catalogue.TRADES.domain("status")
    assert statuses is not None
    assert {
        "submitted", "accepted", "partially_filled", "filled", "rejected", "cancelled", "expired", "unknown",
        "executed", "failed",
    } == set(statuses)  # fmt: skip
    assert catalogue.API_REQUESTS.domain("status") is None
    assert catalogue.API_REQUESTS.domain("no such label") is None


FILL = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600)
REQUEST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2.5, 5, 10, 30)


@pytest.mark.parametrize(
    ("name", "buckets"),
    [
        ("trading_order_fill_time_seconds", FILL),
        ("trading_order_first_fill_time_seconds", FILL),
        ("trading_order_ack_time_seconds", REQUEST),
        ("trading_api_request_duration_seconds", REQUEST),
        ("trading_market_data_age_seconds", (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60)),
        ("trading_ml_training_duration_seconds", (1, 5, 15, 60, 300, 900, 3600, 14400)),
    ],
)
def test_buckets_are_the_agreed_ones(name: str, buckets: tuple[float, ...]) -> None:
    """A quantile's precision, and recorded data of before, would change under the user's feet."""
    assert buckets == catalogue.BY_NAME[name].buckets


def test_pnl_buckets_mirror_each_other_about_zero() -> None:
    """Losses would be seen more coarsely than profits."""
    for definition in (catalogue.TRADES_PNL, catalogue.ORDER_SLIPPAGE):
        bounds = definition.buckets or ()
        assert 0 in bounds
        assert tuple(-bound for bound in reversed(bounds)) == bounds


def test_what_is_exposed_is_what_is_defined() -> None:
    """Prometheus would see other names, types or buckets than the documentation says."""
    metrics = TradingMetrics()
    for each in catalogue.CATALOGUE:
        if not each.at_scrape:
            metrics.record(each, tuple("x" for _ in each.labels), 1, site="test")
    families = {each.name: each for each in text_string_to_metric_families(generate_latest(metrics.registry).decode())}
    expected = {
        each.name.removesuffix("_total") if each.kind == "counter" else each.name: each for each in catalogue.CATALOGUE
    }
    assert {*expected} == {*families}
    for name, each in expected.items():
        assert (each.kind, each.help) == (families[name].type, families[name].documentation)
        for found in families[name].samples:
            assert {*each.label_names} == {*found.labels} - {"le"}
    bounds = [each.labels["le"] for each in families["trading_trades_pnl"].samples if "le" in each.labels]
    assert [*map(float, catalogue.PNL_BUCKETS), math.inf] == [*map(float, bounds)]


# ── definitions ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_definition_takes_labels_in_every_form() -> None:
    """Users would have to learn one form, and that a second is refused."""
    closed = ("side", ("BUY", "SELL"))
    expected = (Label("desk"), Label("side", ("BUY", "SELL")))
    for labels in (("desk", closed), ["desk", closed], {"desk": None, "side": ["BUY", "SELL"]}, expected,
                   (("desk", None), Label("side", ("BUY", "SELL")))):  # fmt: skip
        definition = MetricDefinition("hedges_total", "counter", "Hedges.", labels)
        assert expected == definition.labels
        assert ("desk", "side") == definition.label_names
        assert (None, ("BUY", "SELL")) == (definition.domain("desk"), definition.domain("side"))


def test_definitions_are_frozen_values() -> None:
    """A definition in use could be changed under the series that it describes."""
    first = MetricDefinition("hedges_total", "counter", "Hedges.", ("desk",))
    assert first == MetricDefinition("hedges_total", "counter", "Hedges.", ["desk"])
    assert hash(first) == hash(MetricDefinition("hedges_total", "counter", "Hedges.", ["desk"]))
    with pytest.raises(AttributeError):
        first.name = "other_total"  # type: ignore[misc]


def test_buckets_are_numbers_without_the_infinite_one() -> None:
    """A definition written with +Inf would differ from the same one without."""
    plain = MetricDefinition("sizes", "histogram", "Sizes.", buckets=(1, 10))
    assert plain == MetricDefinition("sizes", "histogram", "Sizes.", buckets=[1.0, 10.0, math.inf])
    wider = plain.with_buckets((5, 50))
    assert ((5.0, 50.0), (1.0, 10.0), "sizes") == (wider.buckets, plain.buckets, wider.name)
    with pytest.raises(ConfigurationError, match="only a histogram has buckets"):
        catalogue.DAILY_PNL.with_buckets((1, 2))


def define(**given: Any) -> MetricDefinition:
    """A histogram, with some of its settings replaced."""
    settings: dict[str, Any] = {"name": "sizes", "kind": "histogram", "help": "Sizes.", "buckets": (1, 2), **given}
    return MetricDefinition(**settings)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "summary"}, "kind is 'counter', 'gauge' or 'histogram', not 'summary'"),
        ({"name": "desk-sizes"}, "is not a valid metric name"),
        ({"name": "9sizes"}, "is not a valid metric name"),
        ({"name": ""}, "is not a valid metric name"),
        ({"name": None}, "is not a valid metric name"),
        ({"name": "hedges", "kind": "counter", "buckets": None}, "write 'hedges_total'"),
        ({"name": "sizes_bucket"}, "keeps '_bucket' for itself"),
        ({"name": "sizes_count"}, "keeps '_count' for itself"),
        ({"name": "sizes_sum_total", "kind": "counter", "buckets": None}, "keeps '_sum' for itself"),
        ({"name": "sizes_created"}, "keeps '_created' for itself"),
        ({"name": "sizes_info"}, "keeps '_info' for itself"),
        ({"help": " "}, "help is empty"),
        ({"help": ""}, "help is empty"),
        ({"labels": "desk"}, r"write labels=\('desk',\)"),
        ({"labels": ("desk", "desk")}, "the label 'desk' is named twice"),
        ({"labels": ("le",)}, "'le' cannot be a label's name"),
        ({"labels": ("quantile",)}, "'quantile' cannot be a label's name"),
        ({"labels": ("__desk",)}, "'__desk' cannot be a label's name"),
        ({"labels": ("a desk",)}, "'a desk' cannot be a label's name"),
        ({"labels": (5,)}, r"a label is a name or a \(name, values\) pair, not 5"),
        ({"labels": (("a", "b", "c"),)}, "a label is a name or"),
        ({"labels": ((5, ("x",)),)}, "5 cannot be a label's name"),
        ({"labels": (("side", ()),)}, "closed values of the label 'side'"),
        ({"labels": (("side", ("BUY", 2)),)}, "closed values of the label 'side'"),
        ({"labels": (("side", ("BUY", "")),)}, "closed values of the label 'side'"),
        ({"buckets": None}, "a histogram needs buckets"),
        ({"buckets": ()}, "buckets are finite numbers"),
        ({"buckets": (math.inf,)}, "buckets are finite numbers"),
        ({"buckets": (1, math.nan)}, "buckets are finite numbers"),
        ({"buckets": (2, 1)}, "each larger than the one before"),
        ({"buckets": (1, 1)}, "each larger than the one before"),
        ({"buckets": (-math.inf, 1)}, "buckets are finite numbers"),
        ({"kind": "gauge"}, "only a histogram has buckets"),
    ],
)
def test_a_definition_that_cannot_work_says_why(given: dict[str, Any], message: str) -> None:
    """The mistake would show when the first value is recorded, or in Prometheus's log."""
    with pytest.raises(ConfigurationError, match=message):
        define(**given)


def test_a_users_closed_label_keeps_the_users_words() -> None:
    """A label that is called like one of ours would be folded into our words, and read `unknown`."""

    class Side(Enum):
        BID = "bid"
        ASK = "ask"

    quotes = MetricDefinition("quotes_total", "counter", "Quotes.", (("side", ("bid", "ask")), ("status", ("live",))))
    metrics = TradingMetrics(strict=True)
    for side in ("bid", Side.BID, Side.ASK):
        metrics.record(quotes, (side, "live"), site="test")
    assert 2 == sample(metrics, "quotes_total", side="bid", status="live")
    assert 1 == sample(metrics, "quotes_total", side="ask", status="live")
