"""The fast way of known events and the rules: the same samples, whatever comes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import generate_latest

from tests.lifecycle_kit import Clock, Desk
from tests.recorded import errors, sample
from tradmetrics import OrderTracker, TradingMetrics, arg
from tradmetrics.orders.fast import FastWay

STREAMS = 4
EVENTS = 600


class Slow(FastWay):
    """A fast way that leaves everything to the rules."""

    def sent(self, *_: Any) -> bool:
        """Nothing is done the fast way."""
        return False

    def submitted(self, *_: Any) -> bool:
        """Nothing is done the fast way."""
        return False

    def updated(self, *_: Any, **__: Any) -> bool:
        """Nothing is done the fast way."""
        return False


class Taken(FastWay):
    """A fast way that counts the events that it took."""

    taken = 0

    def submitted(self, *arguments: Any) -> bool:
        """As the fast way does."""
        done = super().submitted(*arguments)
        Taken.taken += done
        return done

    def updated(self, *arguments: Any, **named: Any) -> bool:
        """As the fast way does."""
        done = super().updated(*arguments, **named)
        Taken.taken += done
        return done


def tracker(way: type[FastWay], clock: Clock, **options: Any) -> tuple[TradingMetrics, OrderTracker]:
    """A tracker whose known events go one way."""
    metrics = TradingMetrics()
    orders = OrderTracker("s", metrics=metrics, clock=clock, **options)
    orders._fast = orders._intake.fast = way(orders._intake.orders, orders._intake.label)
    return metrics, orders


def stream(seed: int, events: int) -> Iterator[tuple[str, tuple[Any, ...], dict[str, Any]]]:
    """Random events, mostly of known shape: what brokers send, twice, late, with gaps, and now and then nonsense."""
    choose = random.Random(seed)
    number = 0
    for _ in range(events):
        recent = str(max(0, number - int(choose.expovariate(0.3))))
        what = choose.random()
        if what < 0.2:
            number += choose.random() < 0.95
            details = {
                "side": choose.choice(["BUY", "SELL", "buy", "x"]),
                "order_type": choose.choice(["LIMIT", "STP"]),
            }
            quantity: Any = choose.choice([10.0, 10, 7.5, 1, 0.3, "10", None])
            rare: dict[str, Any] = choose.choice(
                [{}] * 8
                + [{"strategy": "t"}, {"reference_price": 100.0}, {"timestamp": 1_700_000_000.0}, {"symbol": "X"}]
            )
            yield "submitted", (str(number),), {**details, "quantity": quantity, **rare}
        elif what < 0.96:
            status = choose.choice(
                ["accepted", "new", "partially_filled", "filled", "open", None, "cancelled", "rejected", "pending_new"]
            )
            fields: dict[str, Any] = {"status": status}
            shape = choose.random()
            amount: Any = choose.choice([0, 0.1, 1, 2.5, 3.0, 5, 7.5, 10, 10.0, 0.0, 12, "4", -1, float("nan")])
            if shape < 0.35:
                fields |= {
                    "fill_id": choose.choice(["a", "b", "c", "d", "e", "", "-", "unknown"]),
                    "fill_quantity": amount,
                }
            elif shape < 0.6:
                fields |= {"filled": amount}
            elif shape < 0.7:
                fields |= {
                    "fill_id": choose.choice("abc"),
                    "fill_quantity": amount,
                    "filled": choose.choice([1, 5.0, 10]),
                }
            elif shape < 0.75:
                fields |= {"fill_quantity": amount}
            fields |= choose.choice([{}] * 9 + [{"price": 101.0}, {"reason": "margin"}, {"symbol": "X"}])
            yield "updated", (recent,), fields
        elif what < 0.98:
            yield "replaced", (recent, f"{recent}r"), {"quantity": choose.choice([None, 5.0])}
        else:
            yield "alias", (recent, f"b{recent}"), {}


def compare(seed: int, events: int, **options: Any) -> None:
    """Play a stream to both, and compare all that can be read."""
    clock, choose = Clock(), random.Random(-seed)
    fast, by_rules = tracker(Taken, clock, **options), tracker(Slow, clock, **options)
    for position, (method, arguments, fields) in enumerate(stream(seed, events)):
        clock.now += choose.choice([0.0, 0.001, 0.25, 0.25, 3.0, 20.0]) - (0.5 if choose.random() < 0.01 else 0)
        for _, orders in (fast, by_rules):
            getattr(orders, method)(*arguments, **fields)
        if position % 250 == 0 or position == events - 1:
            expected, found = (generate_latest(metrics.registry).decode() for metrics, _ in (by_rules, fast))
            assert without_uptime(expected) == without_uptime(found), f"seed {seed}, event {position}"
            assert by_rules[1].snapshot()["orders"] == fast[1].snapshot()["orders"], f"seed {seed}, event {position}"


def without_uptime(text: str) -> list[str]:
    """The samples that depend on the events alone."""
    return [line for line in text.splitlines() if "uptime" not in line and "last_error_timestamp" not in line]


@pytest.mark.parametrize("seed", range(STREAMS))
def test_the_fast_way_and_the_rules_agree_on_random_streams(seed: int) -> None:
    """Without it, some event would be counted, timed or joined otherwise because it came in a usual shape."""
    Taken.taken = 0
    options: list[dict[str, Any]] = [{}, {"max_open": 5}, {"expire_after": 60.0, "join_within": 5.0}, {"dialect": "ib"}]
    compare(seed, EVENTS, **options[seed % len(options)])
    assert 0.05 * EVENTS < Taken.taken


ANSWERS: list[Any] = [
    *([None, {"status": "submitted", "id": 17}, {"status": "accepted"}] * 4),
    *({}, {"status": "filled"}, {"status": "filled", "filled": 10.0}, {"status": "partially_filled", "filled": 1}),
    *({"status": "rejected", "reason": "margin"}, {"filled": 2.0}, {"status": "never heard"}, {"status": 200}),
    *({"status": "accepted", "filled": "2"}, SimpleNamespace(status="accepted"), "17", {"status": "closed"}),
]


def decorated(orders: OrderTracker, clock: Clock, moment: dict[str, Any]) -> tuple[Any, Any]:
    """A function that sends an order and takes a while, and a callback for its events."""

    @orders.submit
    def send(order_id: str, side: str, order_type: str, quantity: float) -> Any:
        clock.now = moment["answered"]
        return moment["answer"]

    @orders.update
    def on_event(order_id: str, status: Any, filled: Any, fill_id: Any, fill_quantity: Any, price: Any) -> None: ...

    return send, on_event


@pytest.mark.parametrize("seed", range(STREAMS))
def test_decorated_calls_and_the_rules_agree_on_random_streams(seed: int) -> None:
    """Without it, a decorated call would count otherwise because its shell does the work itself."""
    clock, choose, moment = Clock(), random.Random(-seed), dict[str, Any]()
    Taken.taken = 0
    pairs = []
    for way in (Taken, Slow):
        metrics, orders = tracker(way, clock)
        pairs.append((metrics, orders, *decorated(orders, clock, moment)))
    for position, (method, arguments, fields) in enumerate(stream(seed, EVENTS)):
        if method not in ("submitted", "updated"):
            continue
        before = clock.now + choose.choice([0.0, 0.001, 0.25, 3.0, 20.0]) - (0.5 if choose.random() < 0.01 else 0)
        moment |= {"answered": before + choose.choice([0.0, 0.125, 2.0]), "answer": choose.choice(ANSWERS)}
        for _, _, send, on_event in pairs:
            clock.now = before
            if method == "submitted":
                send(*arguments, fields["side"], fields["order_type"], fields["quantity"])
            else:
                names = ("status", "filled", "fill_id", "fill_quantity", "price")
                on_event(*arguments, *[fields.get(name) for name in names])
        if position % 100 == 0 or position > EVENTS - 10:
            found, expected = (generate_latest(metrics.registry).decode() for metrics, *_ in pairs)
            assert without_uptime(expected) == without_uptime(found), f"seed {seed}, event {position}"
            assert pairs[1][1].snapshot()["orders"] == pairs[0][1].snapshot()["orders"], (
                f"seed {seed}, event {position}"
            )
    assert 0.05 * EVENTS < Taken.taken


def play_a_life(desk: Desk, order_id: str) -> None:
    """One submit, one acknowledgement, and two fills."""
    desk.orders.submitted(order_id, side="BUY", order_type="LIMIT", quantity=10.0)
    desk.clock.now += 1
    desk.orders.updated(order_id, status="accepted")
    desk.orders.updated(order_id, status="partially_filled", fill_id="a", fill_quantity=4.0)
    desk.clock.now += 1
    desk.orders.updated(order_id, status="filled", fill_id="b", fill_quantity=6.0)


def refuse(*_: Any, **__: Any) -> None:
    """Stands for the rules, where no event should need them."""
    raise AssertionError("the rules were asked")


def test_a_usual_life_needs_no_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, the fast way could stop to be taken, and only a benchmark would notice."""
    desk = Desk()
    play_a_life(desk, "first")
    play_a_life(desk, "second")
    monkeypatch.setattr("tradmetrics.orders.rules.Rules.apply", refuse)
    monkeypatch.setattr("tradmetrics.orders.correlator.OrderCorrelator.submit", refuse)
    for number in range(300):
        play_a_life(desk, str(number))
    assert {"submitted": 302, "filled": 302} == desk.ends()
    assert (302, 302) == desk.times("ack")
    assert (302, 604) == desk.times("fill")
    assert 302 == desk.value("trading_order_messages_total", action="new")
    assert {} == desk.anomalies()


FORGETTING: dict[str, Callable[[TradingMetrics], object]] = {
    "forgotten": lambda metrics: metrics.forget(),
    "unregistered": lambda metrics: (metrics.unregister(), metrics.restore()),
}


@pytest.mark.parametrize("how", FORGETTING)
def test_series_that_were_bound_are_looked_up_anew_when_the_metrics_object_says_so(how: str) -> None:
    """Without it, orders would be counted in a series that was removed, and that nobody scrapes."""
    desk = Desk()
    for number in range(3):
        play_a_life(desk, str(number))
    FORGETTING[how](desk.metrics)
    for number in range(3, 6):
        play_a_life(desk, str(number))
    assert {"submitted": 6, "filled": 6} == desk.ends()
    assert 6 == desk.times("fill")[0]


def test_a_series_that_was_removed_for_idleness_takes_no_later_order_with_it() -> None:
    """Without it, the first orders after a quiet night would be missing from every metric."""
    from tradmetrics import Limits

    metrics = TradingMetrics(limits=Limits(expire_after=1e-9))
    orders = OrderTracker("s", metrics=metrics)

    def play(number: int) -> None:
        orders.submitted(str(number), side="BUY", order_type="LIMIT", quantity=1.0)
        orders.updated(str(number), status="accepted")
        orders.updated(str(number), status="filled", filled=1.0)

    for number in range(3):
        play(number)
    for _ in range(3):  # scrapes find the series idle, and remove them
        generate_latest(metrics.registry)
    before = metrics.registry.get_sample_value("trading_orders_filled_total", {"strategy": "s", "side": "BUY"}) or 0
    for number in range(3, 6):
        play(number)
    after = metrics.registry.get_sample_value("trading_orders_filled_total", {"strategy": "s", "side": "BUY"}) or 0
    assert 3 == after - before or 3 == after


def test_an_event_in_the_middle_of_a_fast_one_comes_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, a signal handler that reports an event would see half an order, or be lost."""
    desk = Desk()
    play_a_life(desk, "first")
    play_a_life(desk, "second")
    desk.orders.submitted("1", side="BUY", order_type="LIMIT", quantity=10.0)
    table = desk.orders._intake.core.table
    end = type(table).end

    def interrupted(self: Any, order: Any) -> None:
        monkeypatch.undo()
        desk.orders.updated("1", status="cancelled")
        desk.orders.updated(None)
        end(self, order)

    monkeypatch.setattr(type(table), "end", interrupted)
    desk.orders.updated("1", status="filled")
    assert {"submitted": 3, "filled": 3} == desk.ends()
    assert {"missing_id": 1} == desk.anomalies()


def test_a_decorated_callback_of_known_shape_needs_no_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, a decorated bot would pay for the rules at every event, although its events are plain."""
    desk = Desk()

    @desk.orders.submit(order_id=arg("client_id"), side=arg("side"), order_type="LIMIT", quantity=arg("quantity"))
    def place(client_id: str, side: str, quantity: float) -> None: ...

    @desk.orders.update(
        order_id=arg("msg.id"), status=arg("msg.status"), fill_id=arg("msg.fill"), fill_quantity=arg("msg.quantity")
    )
    def on_update(msg: dict[str, Any]) -> None: ...

    def live(order_id: str) -> None:
        place(order_id, "BUY", 10.0)
        desk.clock.now += 1
        on_update({"id": order_id, "status": "accepted", "fill": None, "quantity": None})
        on_update({"id": order_id, "status": "filled", "fill": "a", "quantity": 10.0})

    live("first")
    live("second")
    monkeypatch.setattr("tradmetrics.orders.rules.Rules.apply", refuse)
    live("third")
    assert {"submitted": 3, "filled": 3} == desk.ends()
    assert (3, 3) == desk.times("fill")


def warmed(clock: Any, **options: Any) -> tuple[TradingMetrics, OrderTracker]:
    """A tracker that knows the shape of a plain submit."""
    metrics, orders = tracker(Taken, clock, **options)
    for number in range(3):
        orders.submitted(f"warm {number}", side="BUY", order_type="LIMIT", quantity=1.0)
    return metrics, orders


def submitted(metrics: TradingMetrics) -> float | None:
    """How many orders were counted."""
    return sample(metrics, "trading_orders_submitted_total", strategy="s", side="BUY", order_type="LIMIT")


@pytest.mark.parametrize("time", [float("nan"), float("inf"), "noon", ValueError("no clock")], ids=repr)
def test_a_clock_that_gives_no_time_loses_no_order_of_the_usual_shape(time: Any) -> None:
    """An order would be missing, or open for ever, because the clock of a replay failed once."""
    told: list[Any] = []

    def clock() -> Any:
        if told and isinstance(told[0], Exception):
            raise told[0]
        return told[0] if told else 1_000.0

    metrics, orders = warmed(clock)
    told.append(time)
    orders.submitted("one", side="BUY", order_type="LIMIT", quantity=1.0)
    told.clear()
    assert 4 == submitted(metrics)
    orders.updated("one", status="filled")
    assert 1 == sample(metrics, "trading_orders_filled_total", strategy="s", side="BUY")
    assert "clock" in {stage for _, stage in errors(metrics)}


@pytest.mark.parametrize("broken", ["tick", "message"])
def test_a_count_that_fails_in_a_usual_submit_is_an_error_and_the_order_goes_on(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk would raise in the bot's submit, or the order's fills would find no order."""
    metrics, orders = warmed(Clock())
    bound = orders._intake.fast._bound

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    if broken == "tick":
        key = ("BUY", "LIMIT")
        word, resting, _ = bound.kinds[key]
        bound.kinds[key] = (word, resting, full)
    else:
        bound.message = full
    orders.submitted("one", side="BUY", order_type="LIMIT", quantity=1.0)
    assert (3 if broken == "tick" else 4) == submitted(metrics)
    assert {("submitted", "record"): 1} == errors(metrics)
    orders.updated("one", status="filled")
    assert 1 == sample(metrics, "trading_orders_filled_total", strategy="s", side="BUY")


def test_an_id_of_an_open_order_and_more_orders_than_are_followed_are_left_to_the_rules() -> None:
    """A repeated submit would be a second order, and the memory would grow with orders that never end."""
    metrics, orders = warmed(Clock(), max_open=4)
    orders.submitted("warm 0", side="BUY", order_type="LIMIT", quantity=1.0)
    assert 3 == submitted(metrics)
    for number in range(5):
        orders.submitted(f"more {number}", side="BUY", order_type="LIMIT", quantity=1.0)
    assert 8 == submitted(metrics)
    assert 4 >= len(orders.snapshot()["orders"])


@pytest.mark.parametrize("broken", ["first_fill", "fill"])
def test_a_sample_that_fails_takes_no_other_sample_of_its_event_with_it(broken: str) -> None:
    """A worker's full disk would lose the count of a filled order, because the file of its time has no place."""
    metrics, orders = tracker(FastWay, Clock())
    for number in range(3):
        orders.submitted(f"warm {number}", side="BUY", order_type="LIMIT", quantity=1.0)
        orders.updated(f"warm {number}", status="filled")
    orders.submitted("last", side="BUY", order_type="LIMIT", quantity=1.0)

    def full(_: float) -> None:
        raise OSError(28, "No space left on device")

    setattr(orders._intake.fast._bound.lanes["s"], broken, full)
    orders.updated("last", status="filled")
    assert 4 == sample(metrics, "trading_orders_filled_total", strategy="s", side="BUY")
    times = {"first_fill": "trading_order_first_fill_time_seconds", "fill": "trading_order_fill_time_seconds"}
    found = {each: sample(metrics, f"{name}_count", strategy="s") for each, name in times.items()}
    assert {each: 3 if each == broken else 4 for each in times} == found
    assert {("updated", "record"): 1} == errors(metrics)
