"""Bad input: counted by its kind, and never raised into the caller."""

from __future__ import annotations

import gc
import math
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lifecycle_kit import Desk
from tests.recorded import errors, raising
from tradmetrics import ConfigurationError, OrderTracker, TradingMetrics, arg, result
from tradmetrics.orders.inputs import LARGEST, LONGEST_ID


class Hostile:
    """Raises whatever is done with it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __str__(self) -> str:
        raise RuntimeError("str")

    def __float__(self) -> float:
        raise RuntimeError("float")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")

    def __hash__(self) -> int:
        raise RuntimeError("hash")

    def __bool__(self) -> bool:
        raise RuntimeError("bool")


@pytest.fixture
def desk() -> Desk:
    """A tracker in a metrics object that is not strict: errors are counted."""
    return Desk(strict=False)


NO_IDS = [None, "", "  \n", True, 1.0, float("nan"), [], {}, (), {"id": 1}, object(), b"", "x" * (LONGEST_ID + 1)]


@pytest.mark.parametrize("order_id", NO_IDS)
def test_an_event_without_an_id_is_counted_and_does_nothing_else(desk: Desk, order_id: object) -> None:
    """Without it, events that cannot be joined would raise into the callback, or pile up under one empty id."""
    desk.orders.updated(order_id, status="filled", filled=10)
    desk.orders.alias(order_id, "1")
    desk.orders.alias("1", order_id)
    desk.orders.replaced(order_id, "2")
    desk.orders.replaced("1", order_id)
    desk.orders.cancel_requested(order_id)
    assert {"missing_id": 6} == desk.anomalies()
    assert {} == desk.ends()
    assert {} == desk.errors()
    assert 2 == desk.value("trading_order_messages_total", action="modify")
    assert 1 == desk.value("trading_order_messages_total", action="cancel")


def test_a_replace_without_one_of_its_ids_is_counted_and_does_nothing_else(desk: Desk) -> None:
    """Without it, an order would go on under no id, and a snapshot of it would be refused."""
    desk.orders.submitted("a", side="BUY", quantity=10)
    before = desk.orders.snapshot()["orders"]
    desk.orders.replaced("a", None, quantity=5)
    desk.orders.replaced(None, "b", quantity=5)
    desk.clock.now += 60
    desk.orders.open_orders()
    assert {"missing_id": 2} == desk.anomalies()
    assert before == desk.orders.snapshot()["orders"]


def test_a_submit_without_an_id_is_counted_but_not_followed(desk: Desk) -> None:
    """Without it, orders whose answer had no id would be missing from what was submitted, or stay open for ever."""
    desk.orders.submitted(None, side="BUY", order_type="LIMIT")
    desk.orders.submitted("", side="BUY", order_type="LIMIT")
    assert {"submitted": 2} == desk.ends()
    assert {"missing_id": 2} == desk.anomalies()
    assert 0 == desk.orders.open_orders()


NO_QUANTITIES = ["ten", "ten lots", float("nan"), float("inf"), "-inf", 1e101, True, [], {}, object()]


@pytest.mark.parametrize("quantity", NO_QUANTITIES, ids=lambda each: f"{type(each).__name__}")
def test_a_quantity_that_is_no_number_is_counted_and_the_rest_of_the_event_counts(desk: Desk, quantity: object) -> None:
    """Without it, one field of the wrong type would hide that an order ended, or put NaN into its sums."""
    desk.orders.submitted("1", side="BUY", quantity=quantity)
    assert {"bad_quantity": 1} == desk.anomalies()
    desk.orders.updated("1", status="accepted", filled=quantity, fill_quantity=quantity)
    assert {"bad_quantity": 2} == desk.anomalies()
    assert 1 == desk.times("ack")[0]
    desk.orders.replaced("1", "2", quantity=quantity)
    assert {"bad_quantity": 3} == desk.anomalies()
    desk.orders.updated("2", status="filled")
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert {} == desk.errors()


def test_quantities_are_read_from_texts_decimals_and_signed_numbers(desk: Desk) -> None:
    """Without it, brokers that report texts, or sales below zero, would never complete an order."""
    for number, quantity in enumerate(("10", Decimal(10), -10, -10.0)):
        desk.orders.submitted(number, side="SELL", quantity=10)
        desk.orders.updated(number, filled=quantity)
    desk.orders.submitted("no quantity", side="SELL", quantity=0)
    desk.orders.updated("no quantity", status="accepted")
    assert {"submitted": 5, "filled": 4} == desk.ends()
    assert {} == desk.anomalies()


def test_a_time_before_the_submit_is_counted_and_its_observation_dropped(desk: Desk) -> None:
    """Without it, a venue whose clock is behind would put negative seconds into the fill times."""
    desk.orders.submitted("1", side="BUY", timestamp=1_000)
    desk.orders.updated("1", status="accepted", timestamp=999.5)
    desk.orders.updated("1", status="filled", timestamp=999.9)
    assert {"time_before_submit": 2} == desk.anomalies()
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert (0, 0) == desk.times("ack")
    assert (0, 0) == desk.times("fill")


@pytest.mark.parametrize("timestamp", ["noon", float("nan"), float("inf"), True, []], ids=lambda each: f"{each!r:.9}")
def test_a_time_that_is_none_is_an_error_and_the_event_still_counts(desk: Desk, timestamp: object) -> None:
    """Without it, a source that points at the wrong field would lose the order, or time it by nonsense."""
    desk.orders.submitted("1", side="BUY", timestamp=timestamp)
    desk.orders.updated("1", status="filled", timestamp=timestamp)
    desk.orders.submitted("2", side="BUY", timestamp=5)
    desk.orders.updated("2", status="filled", timestamp=timestamp)
    desk.orders.cancel_requested("2", timestamp=timestamp)
    assert {"submitted": 2, "filled": 2} == desk.ends()
    assert (1, 0) == desk.times("fill")  # of the first order, whose two ends the local clock knows
    assert {"clock": 4} == desk.errors()
    assert {} == desk.anomalies()
    assert 1 == desk.value("trading_order_messages_total", action="cancel")


def test_datetimes_are_times(desk: Desk) -> None:
    """Without it, the brokers' timestamps, which are datetimes, would have to be converted in every callback."""
    desk.orders.submitted("1", side="BUY", timestamp=datetime(2024, 5, 6, 12, 0, 0, tzinfo=timezone.utc))
    desk.orders.updated("1", status="filled", timestamp=datetime(2024, 5, 6, 12, 0, 30))
    assert (1, 30) == desk.times("fill")


@pytest.mark.parametrize(
    ("sent", "done"),
    [
        ("2024-05-06T12:00:00Z", "2024-05-06T12:00:30.5Z"),
        ("2024-05-06T12:00:00.123456789Z", "2024-05-06T12:00:30.623456789z"),
        ("2024-05-06 14:00:00+02:00", "2024-05-06T17:30:30.50000+0530"),
        ("2024-05-06 12:00:00", datetime(2024, 5, 6, 12, 0, 30, 500_000, tzinfo=timezone.utc)),
        ("  2024-05-06T12:00Z ", "2024-05-06T12:00:30,5Z"),
        ("1714996800", 1714996830.5),
    ],
)
def test_iso_texts_are_times(desk: Desk, sent: object, done: object) -> None:
    """Without it, brokers that send JSON (Alpaca, Coinbase) would have each time dropped, and no latency at all."""
    desk.orders.submitted("1", side="BUY", timestamp=sent)
    desk.orders.updated("1", status="filled", timestamp=done)
    assert (1, pytest.approx(30.5, abs=1e-6)) == desk.times("fill")


@pytest.mark.parametrize("text", ["2024-05-06", "2024-13-06T12:00:00Z", "2024-05-06T12:00:00 CET", "20240506T120000Z"])
def test_a_text_that_is_no_time_is_answered_with_what_to_write(caplog: pytest.LogCaptureFixture, text: str) -> None:
    """Without it, the log would speak of a float where a time was meant, and nobody knows what to hand in instead."""
    desk = Desk(strict=False)
    desk.orders.submitted("1", side="BUY", timestamp=text)
    assert {"clock": 1} == desk.errors()
    assert f"{text!r} is not a time: write unix seconds, a datetime, or 2026-05-06T12:00:00Z" in caplog.text


def test_an_event_of_another_account_is_counted_and_does_nothing_else() -> None:
    """Without it, two accounts whose brokers count their orders from one would fill each other's."""
    desk = Desk(account="U1")
    desk.orders.submitted("1", side="BUY", account="U1")
    desk.orders.submitted("2", side="BUY", account="U2")
    desk.orders.updated("1", status="filled", account="U2")
    assert {"other_account": 2} == desk.anomalies()
    assert {"submitted": 1} == desk.ends()
    assert 1 == desk.value("trading_order_messages_total", action="new")
    desk.orders.updated("1", status="accepted")
    desk.orders.updated("1", status="filled", account="U1")
    assert {"submitted": 1, "filled": 1} == desk.ends()
    undeclared = Desk()
    undeclared.orders.submitted("1", side="BUY", account="U1")
    undeclared.orders.updated("1", status="filled", account=7)
    assert {"submitted": 1, "filled": 1} == undeclared.ends()
    numbered = Desk(account="7")
    numbered.orders.submitted("1", side="BUY", account=7)
    assert {} == numbered.anomalies()


def test_words_that_nobody_knows_are_errors_and_the_rest_counts(desk: Desk) -> None:
    """Without it, a broker's new word would silently leave its orders open."""
    desk.orders.submitted("1", side="sideways", order_type="exotic", quantity=10)
    desk.orders.updated("1", status="dancing", filled=4)
    desk.orders.updated("1", status="dancing", filled=10)
    assert {"vocabulary": 3} == desk.errors()
    assert {"submitted": 1, "filled": 1} == desk.ends()
    name = "trading_orders_submitted_total"
    assert 1 == desk.value(name, strategy="s", side="unknown", order_type="OTHER")
    for blank in ("", " ", "unknown", None):
        desk.orders.submitted(f"{blank}-order", side=blank, order_type=blank)
        desk.orders.updated(f"{blank}-order", status=blank)
    assert 4 == desk.value(name, strategy="s", side="unknown", order_type="unknown")
    assert {"vocabulary": 3} == desk.errors()


def test_words_in_a_list_are_none_and_the_order_counts(desk: Desk) -> None:
    """Without it, a source that points at a list would lose the order."""
    desk.orders.submitted("1", side=["BUY"], order_type=["LIMIT"])
    assert 1 == desk.value("trading_orders_submitted_total", strategy="s", side="unknown", order_type="OTHER")
    assert {("submitted", "vocabulary"): 1} == errors(desk.metrics)


def test_a_flood_of_spellings_takes_bounded_memory(desk: Desk) -> None:
    """Without it, an order type with an id in it would fill the memory with spellings."""

    def flood(first: int, number: int) -> int:
        for each in range(first, first + number):
            desk.orders.submitted(None, side="BUY", order_type=f"TRAIL-{each}")
        gc.collect()
        return sys.getallocatedblocks()

    before = flood(0, 1_100)
    assert 1_500 > flood(1_100, 5_000) - before
    name = "trading_orders_submitted_total"
    assert 6_100 == desk.value(name, strategy="s", side="BUY", order_type="TRAILING_STOP")


def test_a_price_that_is_none_is_an_error_and_the_fill_counts(desk: Desk) -> None:
    """Without it, a price of the wrong type would lose a fill, or put NaN into the slippage."""
    desk.orders.submitted("1", side="BUY", quantity=10, reference_price="cheap")
    desk.orders.submitted("2", side="BUY", quantity=10, reference_price=100)
    desk.orders.updated("2", filled=4, price=float("nan"))
    desk.orders.updated("2", filled=10, price=100)
    assert {"value": 2} == desk.errors()
    assert {"submitted": 2, "filled": 1} == desk.ends()
    assert 1 == desk.slippage("0.0")


def test_a_fill_id_that_is_none_is_counted_and_the_fill_is_recognised_by_its_quantity(desk: Desk) -> None:
    """Without it, fills under one empty id would be taken for duplicates of the first."""
    desk.orders.submitted("1", side="BUY", quantity=10)
    desk.orders.updated("1", fill_id="", filled=4)
    desk.orders.updated("1", fill_id=" ", filled=6)
    assert {} == desk.anomalies()
    desk.orders.updated("1", fill_id=1.5, filled=10)
    assert {"missing_id": 1} == desk.anomalies()
    assert {"submitted": 1, "filled": 1} == desk.ends()


def test_hostile_objects_are_counted_whatever_they_stand_for(desk: Desk) -> None:
    """Without it, an object that raises when it is looked at would raise into the trading call."""
    hostile = Hostile()
    desk.orders.submitted(hostile, strategy=hostile, side=hostile, quantity=hostile, account=hostile)
    desk.orders.submitted("1", strategy=hostile, side=hostile, reference_price=hostile, timestamp=hostile)
    desk.orders.updated("1", status=hostile, reason=hostile, price=hostile, fill_id=hostile, filled=hostile)
    desk.orders.updated("1", status="rejected", reason=hostile)
    desk.orders.alias(hostile, hostile)
    desk.orders.cancel_requested(hostile)
    desk.orders.replaced(hostile, hostile)
    assert {"submitted": 2, "rejected": 1} == desk.ends()
    assert 1 == desk.value("trading_orders_rejected_total", strategy="unknown", reason="unknown")
    assert 0 < sum(desk.errors().values())


class Unreadable:
    """Something whose text cannot be had."""

    def __str__(self) -> str:
        raise ValueError("no text")


NO_TEXT = Unreadable()
MISTAKES: dict[str, tuple[Callable[[OrderTracker], object], str, str]] = {
    "submitted: id": (lambda orders: orders.submitted(NO_TEXT), "label", "no text"),
    "submitted: account": (lambda orders: orders.submitted("2", account=NO_TEXT), "label", "no text"),
    "submitted: strategy": (lambda orders: orders.submitted("2", strategy=NO_TEXT), "label", "no text"),
    "submitted: side": (lambda orders: orders.submitted("2", side="sideways"), "vocabulary", "side='sideways'"),
    "submitted: price": (lambda orders: orders.submitted("2", reference_price="cheap"), "value", "cheap"),
    "submitted: timestamp": (lambda orders: orders.submitted("2", timestamp="noon"), "clock", "noon"),
    "updated: id": (lambda orders: orders.updated(NO_TEXT), "label", "no text"),
    "updated: account": (lambda orders: orders.updated("1", account=NO_TEXT), "label", "no text"),
    "updated: status": (lambda orders: orders.updated("1", status="dancing"), "vocabulary", "status='dancing'"),
    "updated: fill id": (lambda orders: orders.updated("1", fill_id=NO_TEXT), "label", "no text"),
    "updated: price": (lambda orders: orders.updated("1", price="cheap"), "value", "cheap"),
    "updated: price that is a flag": (lambda orders: orders.updated("1", price=True), "value", "True is not a number"),
    "updated: price that is none": (lambda orders: orders.updated("1", price=math.nan), "value", "nan is not finite"),
    "updated: price beyond all": (lambda orders: orders.updated("1", price=LARGEST), "value", "absurdly large"),
    "updated: price below all": (lambda orders: orders.updated("1", price=-LARGEST), "value", "absurdly large"),
    "updated: status in a list": (lambda orders: orders.updated("1", status=["open"]), "vocabulary", "status=['open']"),
    "updated: reason": (lambda orders: orders.updated("1", reason=NO_TEXT), "label", "no text"),
    "updated: timestamp": (lambda orders: orders.updated("1", timestamp="noon"), "clock", "noon"),
    "alias: id": (lambda orders: orders.alias(NO_TEXT, "2"), "label", "no text"),
    "alias: broker's id": (lambda orders: orders.alias("1", NO_TEXT), "label", "no text"),
    "cancel_requested: id": (lambda orders: orders.cancel_requested(NO_TEXT), "label", "no text"),
    "cancel_requested: timestamp": (lambda orders: orders.cancel_requested("1", timestamp="noon"), "clock", "noon"),
    "replaced: id": (lambda orders: orders.replaced(NO_TEXT, "2"), "label", "no text"),
    "replaced: new id": (lambda orders: orders.replaced("1", NO_TEXT), "label", "no text"),
    "replaced: timestamp": (lambda orders: orders.replaced("1", "2", timestamp="noon"), "clock", "noon"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_an_error_names_the_call_and_the_log_says_what_was_wrong(
    mistake: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Without it, somebody who sees errors counted would not know which of his callbacks hands in what."""
    call, stage, said = MISTAKES[mistake]
    desk = Desk(strict=False, account="U1")
    desk.orders.submitted("1", side="BUY")
    call(desk.orders)
    assert {(mistake.partition(":")[0], stage): 1} == errors(desk.metrics)
    assert f"OrderTracker.{mistake.partition(':')[0]}" in caplog.text
    assert said in caplog.text


@pytest.mark.parametrize(
    ("answer", "stage"),
    [
        ({"id": NO_TEXT}, "label"),
        ({"id": "b1", "status": "dancing"}, "vocabulary"),
        ({"id": "b1", "status": "rejected", "reason": NO_TEXT}, "label"),
    ],
    ids=["id", "status", "reason"],
)
def test_an_error_in_an_answer_is_one_of_the_function_that_was_answered(
    desk: Desk, answer: dict[str, object], stage: str
) -> None:
    """Without it, somebody who sees errors counted would not know which of his functions sends the orders."""

    @desk.orders.submit(order_id=arg("order_id"), broker_id=result("id"))
    def place(order_id: str) -> object:
        return answer

    place("1")
    assert {("place", stage): 1} == errors(desk.metrics)
    assert 1 == desk.total("trading_orders_submitted_total")


CALLS: dict[str, Callable[[OrderTracker], object]] = {
    "submitted": lambda orders: orders.submitted("2"),
    "updated": lambda orders: orders.updated("1", status="accepted"),
    "alias": lambda orders: orders.alias("1", "2"),
    "cancel_requested": lambda orders: orders.cancel_requested("1"),
    "replaced": lambda orders: orders.replaced("1", "2"),
    "OrderTracker": lambda orders: orders.open_orders(),
    "@submit": lambda orders: orders.submit(lambda: "2")(),
    "@update": lambda orders: orders.update(lambda order_id: None)("1"),
    "@cancel": lambda orders: orders.cancel(lambda order_id: None)("1"),
    "@replace": lambda orders: orders.replace(lambda order_id, new_order_id: None)("1", "2"),
}


@pytest.mark.parametrize("name", [*CALLS, "snapshot", "restore"])
def test_a_clock_that_fails_is_an_error_of_the_call_that_asked_it(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Without it, nobody would learn that a clock of his own fails, or of which of several trackers it is."""
    failing = False

    def clock() -> float:
        if failing:
            raise OSError("no clock")
        return 1_000.0

    metrics = TradingMetrics()
    orders = OrderTracker("s", metrics=metrics, clock=clock)
    orders.submitted("1", side="BUY")
    snapshot = orders.snapshot()
    failing = True
    if name == "snapshot":
        again = orders.snapshot()
        assert (snapshot["orders"], snapshot["clock"]) == (again["orders"], again["clock"])
    elif name == "restore":
        restored = OrderTracker.restore(snapshot, metrics=metrics, clock=clock)
        assert 1 == len(restored.snapshot()["orders"])
    else:
        CALLS[name](orders)
    failing = False
    found = set(errors(metrics)) - ({("snapshot", "clock")} if name == "restore" else set())
    assert {("<lambda>" if name.startswith("@") else name, "clock")} == found
    assert "no clock" in caplog.text


@pytest.mark.parametrize("name", [*CALLS, "restore"])
def test_a_rule_that_fails_is_an_error_of_the_call_that_it_failed(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without it, an error of ours would reach the trading call, or be reported of nowhere."""
    desk = Desk(strict=False)
    desk.orders.submitted("1", side="BUY")
    snapshot = desk.orders.snapshot()
    monkeypatch.setattr("tradmetrics.orders.correlator.OrderCorrelator.sweep", raising(ZeroDivisionError("a rule")))
    desk.clock.now += 1e9
    if name == "restore":
        monkeypatch.setattr("tradmetrics.orders.correlator.OrderCorrelator.put", raising(ZeroDivisionError("a rule")))
        OrderTracker.restore(snapshot, metrics=desk.metrics, clock=desk.clock)
    else:
        CALLS[name](desk.orders)
    monkeypatch.undo()
    assert {("<lambda>" if name.startswith("@") else name, "record")} == set(errors(desk.metrics))
    assert "a rule" in caplog.text


@pytest.mark.parametrize("answer", [None, "now", float("nan"), "raises"])
def test_a_clock_that_fails_is_an_error_and_events_count_without_a_time(answer: object) -> None:
    """Without it, a broken clock would stop the counting of orders."""
    metrics = TradingMetrics()
    good = [100.0, 101.0]

    def clock() -> Any:
        if good:
            return good.pop(0)
        if answer == "raises":
            raise OSError
        return answer

    orders = OrderTracker("s", metrics=metrics, clock=clock)
    orders.submitted("1", side="BUY")
    orders.submitted("2", side="BUY")
    orders.updated("1", status="filled")
    orders.submitted("3", side="BUY")
    orders.updated("3", status="filled")
    registry = metrics.registry
    assert 2 == registry.get_sample_value("trading_orders_filled_total", {"strategy": "s", "side": "BUY"})
    assert registry.get_sample_value("trading_order_fill_time_seconds_count", {"strategy": "s"}) is None
    assert 1 == registry.get_sample_value("trading_orders_open", {"strategy": "s"})
    assert 0 == registry.get_sample_value("trading_order_oldest_open_seconds", {"strategy": "s"})


def test_a_strict_metrics_object_raises_what_is_wrong_in_the_instrumentation() -> None:
    """Without it, the tests of a bot would not notice a source that points at the wrong field."""
    from tradmetrics import TradmetricsError

    desk = Desk(strict=True)
    with pytest.raises(TradmetricsError, match=r"OrderTracker\.submitted.*sideways"):
        desk.orders.submitted("1", side="sideways")
    with pytest.raises(TradmetricsError, match=r"OrderTracker\.updated.*noon"):
        desk.orders.updated("1", timestamp="noon")
    desk.orders.updated(None)


def test_a_registry_that_fails_loses_one_sample_and_not_the_others(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, one broken metric would take the others of the same event with it, or raise into the callback."""
    remember = desk.metrics.remember

    def broken(definition: Any, *rest: Any, **named: Any) -> Any:
        if definition.name == "trading_orders_filled_total":
            raise RuntimeError("broken")
        return remember(definition, *rest, **named)

    monkeypatch.setattr(desk.metrics, "remember", broken)
    desk.orders.submitted("1", side="BUY", quantity=10)
    desk.orders.updated("1", filled=10)
    assert {"submitted": 1} == desk.ends()
    assert 1 == desk.times("fill")[0]
    assert {("updated", "record"): 1} == errors(desk.metrics)
    monkeypatch.setattr(desk.metrics, "remember", raising(RuntimeError("broken")))
    for order_id in ("2", "3"):
        desk.orders.submitted(order_id, side="BUY")
    snapshot = desk.orders.snapshot()
    OrderTracker.restore(snapshot, metrics=desk.metrics, clock=desk.clock, max_open=1)
    assert {("updated", "record"): 1, ("restore", "record"): 1} == {
        key: count for key, count in errors(desk.metrics).items() if key[0] != "submitted"
    }


NOTHING_TO_GO_BY: dict[str, Callable[[OrderTracker], object]] = {
    "submitted": lambda orders: orders.submitted(None),
    "updated": lambda orders: orders.updated(None),
    "alias": lambda orders: orders.alias(None, "2"),
    "cancel_requested": lambda orders: orders.cancel_requested(None),
    "replaced": lambda orders: orders.replaced(None, "2"),
}


@pytest.mark.parametrize("name", NOTHING_TO_GO_BY)
def test_a_metric_that_fails_is_an_error_of_the_call_that_it_was_for(
    desk: Desk, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it, a metric that another library has taken the name of would fail, and nobody would know whose call."""
    with monkeypatch.context() as patch:
        patch.setattr(desk.metrics, "remember", raising(RuntimeError("broken")))
        NOTHING_TO_GO_BY[name](desk.orders)
    assert {(name, "record")} == set(errors(desk.metrics))
    assert {} == desk.anomalies()


@pytest.mark.parametrize("name", CALLS)
def test_gauges_that_cannot_be_exposed_are_an_error_of_the_first_call_and_orders_count(
    desk: Desk, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without it, a registry that refuses a gauge would lose the orders, or the gauge would be missing in silence."""
    monkeypatch.setattr("tradmetrics.orders.running.watch", raising(RuntimeError("no gauges")))
    CALLS[name](desk.orders)
    desk.orders.submitted("counted", side="BUY")
    desk.orders.updated("counted", status="filled")
    assert {("<lambda>" if name.startswith("@") else name, "record"): 1} == errors(desk.metrics)
    assert "no gauges" in caplog.text
    assert 1 == desk.ends()["filled"]


def test_events_are_unharmed_where_no_metrics_object_can_be_built(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without it, a wrong setting of the metrics would raise into the first order."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "missing"))
    orders = OrderTracker("s")
    orders.submitted("1", side="BUY")
    orders.updated("1", status="filled")
    assert 0 == orders.open_orders()
    assert "PROMETHEUS_MULTIPROC_DIR" in caplog.text


def test_a_rule_that_fails_is_an_error_and_the_next_event_counts(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, an error of ours would leave the tracker locked, or reach the trading call."""
    desk.orders.submitted("1", side="BUY")
    core = desk.orders._intake.core
    with monkeypatch.context() as patch:
        patch.setattr("tradmetrics.orders.rules.take_fill", None)
        desk.orders.updated("1", fill_id="a", fill_quantity=1, reason="none of the usual")
    assert {"record": 1} == desk.errors()
    assert [] == core.rules.facts
    desk.orders.updated("1", status="filled")
    assert {"submitted": 1, "filled": 1} == desk.ends()


ANYTHING = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text()
    | st.binary()
    | st.datetimes()
    | st.lists(st.integers())
    | st.dictionaries(st.text(), st.integers())
    | st.builds(object)
    | st.builds(Hostile)
    | st.sampled_from(["filled", "cancelled", "BUY", "1", "2", 1, 2, 10.0])
)


@settings(max_examples=300, deadline=None)
@given(calls=st.lists(st.tuples(st.integers(0, 4), st.lists(ANYTHING, min_size=9, max_size=9)), max_size=6))
def test_nothing_that_is_handed_in_raises_and_every_sample_stays_a_number(calls: list[tuple[int, list[Any]]]) -> None:
    """Without it, some value of some type, in some place, would raise into a trading call or poison a metric."""
    desk = Desk(strict=False)
    orders = desk.orders
    for which, (order_id, *rest) in calls:
        if which == 0:
            names = ["strategy", "side", "order_type", "quantity", "reference_price", "timestamp", "account"]
            orders.submitted(order_id, **dict(zip(names, rest, strict=False)))
        elif which == 1:
            names = ["status", "filled", "fill_id", "fill_quantity", "price", "reason", "timestamp", "account"]
            orders.updated(order_id, **dict(zip(names, rest, strict=False)))
        elif which == 2:
            orders.alias(order_id, rest[0])
        elif which == 3:
            orders.cancel_requested(order_id, timestamp=rest[0])
        else:
            orders.replaced(order_id, rest[0], quantity=rest[1], timestamp=rest[2])
    for metric in desk.metrics.registry.collect():
        for sample in metric.samples:
            assert float("-inf") < sample.value < float("inf"), sample
    OrderTracker.restore(orders.snapshot(), metrics=desk.metrics)


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"max_open": 0}, "max_open is a whole number above zero, not 0"),
        ({"max_open": 1.5}, "max_open"),
        ({"max_open": True}, "max_open"),
        ({"expire_after": 0}, "expire_after is seconds above zero"),
        ({"expire_after": float("inf")}, "expire_after"),
        ({"expire_after": "1"}, "expire_after"),
        ({"join_within": -1}, "join_within is seconds above zero"),
        ({"account": 7}, "account is text"),
        ({"clock": 5.0}, "clock is a function such as time.monotonic"),
        ({"metrics": "metrics"}, "metrics takes a TradingMetrics"),
        ({"dialect": "alpacca"}, "alpaca"),
        ({"unit": "min"}, "unit is one of s, ms, us, ns, not 'min'"),
        ({"unit": []}, "unit is one of"),
    ],
)
def test_options_that_cannot_work_are_refused_when_the_tracker_is_made(options: dict[str, Any], hint: str) -> None:
    """Without it, a mistake in the setup would show as orders that never expire or are never joined."""
    with pytest.raises(ConfigurationError, match=hint):
        OrderTracker("s", **options)
