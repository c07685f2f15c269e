"""Snapshots: what they carry over a restart, and what is refused."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lifecycle_kit import Clock, Desk
from tradmetrics import ConfigurationError, OrderTracker, SnapshotError, TradingMetrics


def filled_desk() -> Desk:
    """A tracker with an order in every state."""
    desk = Desk(account="U1")
    for order_id in ("open", "partial", "done", "gone"):
        desk.orders.submitted(order_id, side="BUY", quantity=10, reference_price=100)
    desk.orders.alias("open", "its broker's")
    desk.orders.replaced("open", "open-2")
    desk.orders.updated("open-2", status="accepted")
    desk.orders.updated("partial", fill_id="a", fill_quantity=4, price=100.1)
    desk.orders.updated("done", status="filled", fill_id="a", filled=10)
    desk.orders.updated("gone", status="cancelled")
    desk.orders.submitted("timed", side="SELL", timestamp=50)
    return desk


def saved(desk: Desk) -> dict[str, Any]:
    """A tracker's snapshot, as it comes back from a file."""
    read: dict[str, Any] = json.loads(json.dumps(desk.orders.snapshot(), allow_nan=False))
    return read


def restored(desk: Desk, snapshot: dict[str, Any], **options: Any) -> Desk:
    """A tracker in a metrics object of its own that goes on with a snapshot, on the same clock."""
    after = Desk()
    after.clock = desk.clock
    after.orders = OrderTracker.restore(snapshot, strategy="s", clock=desk.clock, metrics=after.metrics, **options)
    return after


def test_everything_that_is_known_of_an_order_goes_on_after_a_restart() -> None:
    """Without it, a restart would lose an id, a fill, a price, or the end of an order."""
    desk = filled_desk()
    desk.clock.now += 10
    after = restored(desk, saved(desk))
    assert {} == after.ends()
    assert {} == after.errors()
    assert 3 == after.orders.open_orders()
    assert 10 == after.value("trading_order_oldest_open_seconds", strategy="s")

    after.orders.updated("its broker's", status="accepted")
    after.orders.updated("open", status="cancelled")
    after.orders.updated("open-2", status="rejected")
    after.orders.updated("partial", fill_id="a", fill_quantity=4)
    after.orders.updated("partial", fill_id="b", fill_quantity=6, price=100.1)
    after.orders.updated("done", status="partially_filled", filled=4)
    after.orders.updated("gone", status="filled", filled=10)
    after.orders.updated("timed", status="filled", timestamp=57)
    assert {"rejected": 1, "filled": 3} == after.ends()
    assert {"duplicate_fill": 1, "late_fill": 1, "fill_after_cancel": 1} == after.anomalies()
    assert (0, 0) == after.times("ack")
    assert (3, 27) == after.times("fill")
    assert (2, 17) == after.times("first_fill")
    assert (0, 1) == (after.slippage("5.0"), after.slippage("20.0"))
    assert {} == after.errors()


def test_a_snapshot_of_a_restored_tracker_is_the_same() -> None:
    """Without it, what is lost would grow with every restart."""
    desk = filled_desk()
    first = saved(desk)
    second = saved(restored(desk, first))
    assert first["orders"] == second["orders"]
    assert 2 == first["version"]
    assert "U1" == second["account"]


def test_an_order_that_each_id_is_counted_for_by_itself_goes_on_after_a_restart() -> None:
    """Without it, the snapshot of a broker that counts so would be refused as damaged, with all its orders."""
    desk = Desk()
    desk.orders.submitted("a", side="BUY", quantity=10)
    desk.orders.updated("a", filled=4)
    desk.orders.replaced("a", "b", quantity=6)
    desk.orders.updated("b", filled=2)
    after = restored(desk, saved(desk))
    after.orders.updated("b", filled=1)
    assert {"bust": 1} == after.anomalies()


def version_1(desk: Desk) -> dict[str, Any]:
    """A snapshot as the first release wrote it: fewer fields, and a list for the ids of fills."""
    snapshot = saved(desk)
    names = (
        *("acknowledged", "arrived", "booked", "cost", "ended", "fill_ids", "filled", "first_fill", "ids", "quantity"),
        *("reference_price", "renumbered", "side", "strategy", "submitted_at", "superseded", "timed", "volume"),
    )
    rows = [{name: row[name] for name in names} for row in snapshot["orders"]]
    for row in rows:
        row["fill_ids"] = None if row["fill_ids"] is None else list(row["fill_ids"])
    return {**snapshot, "version": 1, "orders": rows}


def test_a_snapshot_of_an_older_release_goes_on() -> None:
    """Without it, the orders that were open during an upgrade would be lost, and today's fills count twice."""
    desk = filled_desk()
    desk.clock.now += 10
    after = restored(desk, version_1(desk))
    assert 3 == after.orders.open_orders()
    after.orders.updated("partial", fill_id="a", fill_quantity=4)
    after.orders.updated("partial", fill_id="b", fill_quantity=6, price=100.1)
    after.orders.updated("timed", status="filled", timestamp=57)
    after.orders.updated("open-2", status="cancelled")
    assert {"filled": 2, "cancelled": 1} == after.ends()
    assert {"duplicate_fill": 1} == after.anomalies()
    assert (2, 17) == after.times("fill")
    after.orders.submitted("done", side="BUY", quantity=10)
    assert {"duplicate_fill": 1} == after.anomalies()
    assert {} == after.errors()


@pytest.mark.parametrize("fill_ids", ["1", [1], ["a", "a"], {"a": 1}, [str(number) for number in range(1_001)]])
def test_fills_in_a_snapshot_of_an_older_release_are_checked_too(fill_ids: object) -> None:
    """Without it, a damaged file of an older release would be read as one without fills."""
    snapshot = version_1(filled_desk())
    snapshot["orders"][2]["fill_ids"] = fill_ids
    with pytest.raises(SnapshotError, match=r"damaged: orders\[2\]\.fill_ids is "):
        OrderTracker.restore(snapshot)


def test_the_limits_hold_for_what_is_restored() -> None:
    """Without it, a tracker with a smaller table or an old snapshot would start beyond its bounds."""
    desk = filled_desk()
    small = restored(desk, saved(desk), max_open=2)
    assert {"evicted": 1} == small.anomalies()
    assert 2 == small.orders.open_orders()
    desk.clock.now += 100
    late = restored(desk, saved(desk), expire_after=50)
    assert 0 == late.orders.open_orders()
    assert {"evicted": 3} == late.anomalies()


def test_a_clock_that_started_over_is_bridged_by_the_calendar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, after a reboot, whose clock starts at 0, the times of open orders would be lost or negative."""
    calendar = Clock(1_700_000_000.0)
    monkeypatch.setattr("tradmetrics.orders.restarts.time.time", calendar)
    desk = filled_desk()
    desk.clock.now += 10
    snapshot = saved(desk)
    calendar.now += 60
    desk.clock.now = 5.0
    after = restored(desk, snapshot)
    assert 70 == after.value("trading_order_oldest_open_seconds", strategy="s")
    desk.clock.now += 2
    after.orders.updated("partial", filled=10)
    assert (1, 72) == after.times("fill")
    after.orders.updated("timed", status="filled", timestamp=51)
    assert (2, 73) == after.times("fill")


@pytest.mark.parametrize(("by_clock", "age"), [(60.5, 60.5), (500.0, 60.0), (3.0, 60.0), (-40.0, 60.0)])
def test_the_monotonic_clock_is_believed_only_while_it_agrees_with_the_calendar(
    monkeypatch: pytest.MonkeyPatch, by_clock: float, age: float
) -> None:
    """Without it, a monotonic clock of another boot that is ahead by chance would make orders hours older."""
    monotonic, calendar = Clock(), Clock(1_700_000_000.0)
    monkeypatch.setattr("time.monotonic", monotonic)
    monkeypatch.setattr("tradmetrics.orders.restarts.time.time", calendar)
    metrics = TradingMetrics()
    orders = OrderTracker("s", metrics=metrics, clock=time.monotonic)
    orders.submitted("1", side="BUY")
    snapshot = orders.snapshot()
    del orders
    calendar.now += 60
    monotonic.now += by_clock
    after = OrderTracker.restore(snapshot, metrics=metrics, clock=time.monotonic)
    assert age == metrics.registry.get_sample_value("trading_order_oldest_open_seconds", {"strategy": "s"})
    assert 1 == after.open_orders()


def test_orders_that_end_while_the_snapshot_is_taken_leave_it_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, a snapshot taken while the bot trades could hold an id twice, and be refused after the restart."""
    monkeypatch.setattr("tradmetrics.orders.restarts._AT_A_TIME", 1)
    desk = Desk(max_open=2)
    desk.orders.submitted("1", side="BUY")
    desk.orders.submitted("2", side="BUY")
    dump = "tradmetrics.orders.restarts.dump"
    from tradmetrics.orders.snapshot import dump as real

    def meanwhile(order: Any) -> dict[str, Any]:
        row = real(order)
        if order.ids == ("1",):
            desk.orders.submitted("3", side="BUY")
            desk.orders.submitted("4", side="BUY")
            desk.orders.alias("4", "2")
        return row

    monkeypatch.setattr(dump, meanwhile)
    assert [["1"]] == [row["ids"] for row in desk.orders.snapshot()["orders"]]


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────────────────────


def broken(**changes: Any) -> dict[str, Any]:
    """A snapshot of which something at the top was changed."""
    return {**saved(filled_desk()), **changes}


def without(name: str) -> dict[str, Any]:
    """A snapshot that lacks something at its top."""
    snapshot = saved(filled_desk())
    del snapshot[name]
    return snapshot


@pytest.mark.parametrize(
    ("snapshot", "hint"),
    [
        (None, "not NoneType; read a file with json.load first"),
        ("{}", "not str; read a file with json.load first"),
        ([], "not list"),
        ({}, "foreign: its format is None"),
        ({"version": 1}, "foreign"),
        ({"version": 99, "format": "another"}, "foreign: its format is 'another'"),
        (broken(version=3), r"newer: it is of version 3, and this release reads up to 2; upgrade tradmetrics"),
        (broken(version=10**5_000), "newer: it is of version <int"),
        (broken(version="1"), "damaged: version is '1'"),
        (broken(version=True), "damaged: version is True"),
        (broken(version=0), "damaged: version is 0"),
        (without("version"), "damaged: version is None"),
        (without("orders"), "damaged: the snapshot lacks orders"),
        (without("clock"), "damaged: the snapshot lacks clock"),
        (broken(extra=1), "damaged: the snapshot has 'extra'"),
        (broken(account=None), "damaged: account is None, not text"),
        (broken(clock="noon"), "damaged: clock is 'noon', not a finite number"),
        (broken(clock=10**5_000), "damaged: clock is <int"),
        (broken(clock=1e101), r"damaged: clock is 1e\+101, not a finite number, or absurdly large"),
        (broken(unix_time=-1e101), "damaged: unix_time is -1e"),
        (broken(unix_time=float("nan")), "damaged: unix_time is nan"),
        (broken(orders={}), "damaged: orders is {}, not a list"),
        (broken(orders=[1]), r"damaged: orders\[0\] is 1, not an object"),
        (broken(orders=[{}]), r"damaged: orders\[0\] lacks ids"),
    ],
)
def test_a_snapshot_that_is_damaged_foreign_or_newer_is_refused_with_the_reason(snapshot: object, hint: str) -> None:
    """Without it, a wrong file would start the bot with orders that are not there, or with none and no word."""
    with pytest.raises(SnapshotError, match=hint):
        OrderTracker.restore(snapshot, account="U1")


WRONG: dict[str, tuple[Any, ...]] = {
    "ids": (None, [], "1", [1], [""], ["a", "a"], ["x"] * 17, ["x" * 300]),
    "superseded": ("1", [1], ["a", "a"]),
    "cancel_ids": ("1", [1], ["a", "a"]),
    "symbol": ("", 1, []),
    "broker_id": ("", 1, "x" * 300),
    "fill_ids": ("1", [], {"": 1}, {"a": -1}, {"a": "1"}, {"a": True}, {str(number): None for number in range(1_001)}),
    "stems": ("1", [], {"a": 1}, {"a": "a.b"}, {"": "a.1"}),
    "prices": ("1", [], {"a": None}, {"a": "1"}),
    "asked": (0, -1, "1", True),
    "quoted": (None, 0),
    "lot": (0, -1, "1", True),
    "resting": (None, 0),
    "price": ("1", True, float("nan")),
    "told": (None, -1, "1"),
    "underfilled": (None, 0),
    "ended_at": ("1", True, float("nan")),
    "strategy": (None, "", 1, "x" * 129),
    "side": (None, "buy", 1, []),
    "quantity": (0, -1, "1", True, float("nan"), float("inf")),
    "reference_price": ("1", True, float("nan"), 10**400),
    "submitted_at": ("1", True, float("inf")),
    "arrived": (None, "1", True),
    "timed": (None, 0, "no"),
    "acknowledged": (None, 0),
    "first_fill": (None, 0),
    "renumbered": (None, 0),
    "filled": (None, -1, "1"),
    "booked": (None, -1, "1"),
    "cost": (None, "1", float("nan")),
    "volume": (None, -1, "1"),
    "ended": ("", "open", True, []),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_every_field_of_an_order_is_checked(name: str, value: object) -> None:
    """Without it, one damaged field would show as a wrong metric, or an error in the middle of the session."""
    snapshot = saved(filled_desk())
    assert set(WRONG) == set(snapshot["orders"][0])
    snapshot["orders"][2][name] = value
    with pytest.raises(SnapshotError, match=rf"damaged: orders\[2\]\.{name} is ") as caught:
        OrderTracker.restore(snapshot)
    if isinstance(value, str | float | None):
        assert f" is {value!r:.10}" in str(caught.value)


def test_numbers_may_be_written_without_a_point() -> None:
    """Without it, a snapshot that went through another program's JSON, which drops the `.0`, would be refused."""
    desk = filled_desk()
    snapshot = saved(desk)
    for row in snapshot["orders"]:
        row.update({name: int(row[name]) for name in ("arrived", "filled", "quantity") if row[name] is not None})
    after = restored(desk, snapshot)
    after.orders.updated("partial", fill_id="b", fill_quantity=6)
    assert {"filled": 1} == after.ends()
    assert all(type(row["arrived"]) is float for row in saved(after)["orders"])


def test_an_id_that_leads_to_two_orders_is_refused() -> None:
    """Without it, events of one order would be booked on another."""
    snapshot = saved(filled_desk())
    snapshot["orders"][1]["ids"] = snapshot["orders"][0]["ids"]
    with pytest.raises(SnapshotError, match=r"damaged: orders\[1\] has the id 'done', which leads to an earlier order"):
        OrderTracker.restore(snapshot)


def test_a_snapshot_of_another_account_is_refused() -> None:
    """Without it, the orders of one account would be open in the other."""
    with pytest.raises(SnapshotError, match="foreign: it holds the orders of the account 'U1', not of 'U2'"):
        OrderTracker.restore(saved(filled_desk()), account="U2")


def test_nothing_is_changed_when_a_snapshot_is_refused() -> None:
    """Without it, a half-read snapshot would leave half of the orders behind."""
    desk = filled_desk()
    snapshot = saved(desk)
    snapshot["orders"][-1]["filled"] = -1
    before = copy.deepcopy(snapshot)
    samples = [each for each in desk.metrics.registry.collect() if "order" in each.name]
    with pytest.raises(SnapshotError):
        OrderTracker.restore(snapshot, metrics=desk.metrics)
    assert before == snapshot
    assert samples == [each for each in desk.metrics.registry.collect() if "order" in each.name]


def test_a_snapshot_is_not_changed_by_restoring_it() -> None:
    """Without it, restoring the same snapshot twice would give two different trackers."""
    desk = filled_desk()
    snapshot = saved(desk)
    before = copy.deepcopy(snapshot)
    after = restored(desk, snapshot)
    after.orders.updated("partial", fill_id="z", fill_quantity=1)
    assert before == snapshot


def test_options_are_checked_when_restoring_too() -> None:
    """Without it, a mistake in the options would show only when the limits act."""
    with pytest.raises(ConfigurationError, match="max_open"):
        OrderTracker.restore(saved(filled_desk()), max_open=0)
    with pytest.raises(TypeError):
        OrderTracker.restore(saved(filled_desk()), maximum=5)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), value=JSON)
def test_whatever_is_damaged_is_refused_or_harmless(data: st.DataObject, value: object) -> None:
    """Without it, a file that was cut or overwritten could stop the bot from starting, with a traceback of ours."""
    snapshot = saved(filled_desk())
    spot: Any = snapshot
    key: Any = data.draw(st.sampled_from(sorted(snapshot)))
    if key == "orders" and data.draw(st.booleans()):
        spot = data.draw(st.sampled_from(snapshot["orders"]))
        key = data.draw(st.sampled_from(sorted(spot)))
    spot[key] = value
    metrics = TradingMetrics()
    try:
        orders = OrderTracker.restore(snapshot, metrics=metrics, clock=Clock())
    except SnapshotError:
        return
    for order_id in ("open", "partial", "done", "timed"):
        orders.updated(order_id, status="filled", fill_id="q", fill_quantity=1, price=1, timestamp=1_700_000_000)
    errors = [
        sample
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "tradmetrics_instrumentation_errors_total"
    ]
    assert [] == errors
    json.dumps(orders.snapshot(), allow_nan=False)
