"""What a broker means: definite words, other units, corrections, ids, lists, foreign and repeated orders."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from tests.lifecycle_kit import Desk
from tradmetrics import ConfigurationError, LabelSourceError, OrderTracker, TradingMetrics, arg, result, underlying


@pytest.fixture
def desk() -> Desk:
    """A tracker with its clock and its metrics."""
    return Desk()


# ── definite and ambiguous words ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("quantity", "filled", "lot", "anomalies"),
    [
        (100, "99.997714", None, {}),  # rounding
        (100, 99.9, None, {}),  # 0.1 % exactly
        (100, 99.89, None, {"underfill": 1}),
        (1, 0.9975, None, {"underfill": 1}),  # a fee in the base currency
        (1050, 1000, 100, {}),  # cut to the lot
        (1050, 1000, 10, {"underfill": 1}),
        (100, 40, None, {"underfill": 1}),
        (100, None, None, {}),  # the broker reports no quantity
        (100, 0, None, {}),
        (None, 5, None, {}),
    ],
)
def test_filled_ends_the_order_and_what_is_missing_is_an_underfill(
    desk: Desk, quantity: float | None, filled: Any, lot: float | None, anomalies: dict[str, float]
) -> None:
    """Without it, an order that is short by a fee, a lot or a rounding would stay open for ever."""
    desk.orders.submitted("1", side="BUY", quantity=quantity, lot=lot)
    desk.clock.now += 2
    for _ in range(3):
        desk.orders.updated("1", status="filled", filled=filled)
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert (1, 2) == desk.times("fill")
    assert (1, 2) == desk.times("first_fill")
    assert anomalies == desk.anomalies()
    assert 0 == desk.orders.open_orders()


def test_the_word_before_the_quantity_is_one_fill(desk: Desk) -> None:
    """Without it, a stream that says filled first, and how much later, would report a bust."""
    desk.orders.submitted("1", side="BUY", quantity=1)
    desk.orders.updated("1", status="filled")
    desk.orders.updated("1", status="filled", filled=0.9975)
    desk.orders.updated("1", status="filled", filled=0.9975)
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert {"underfill": 1} == desk.anomalies()


@pytest.mark.parametrize(("filled", "end"), [(100, "filled"), (99.95, "filled"), (99.8, "cancelled"), (0, "cancelled")])
def test_an_ambiguous_word_is_decided_by_the_quantities(desk: Desk, filled: float, end: str) -> None:
    """Without it, an order that ccxt calls closed would count as cancelled when a ten-thousandth is missing."""
    desk.orders.submitted("1", side="BUY", quantity=100)
    desk.orders.updated("1", status="closed", filled=filled)
    assert {"submitted": 1, end: 1} == desk.ends()


@pytest.mark.parametrize(("filled", "end"), [("0.00008", "filled"), (0, "cancelled")])
def test_an_ambiguous_word_of_an_order_in_quote_currency_asks_only_for_a_fill(
    desk: Desk, filled: object, end: str
) -> None:
    """Without it, a market order over 5 USDT would be compared with bitcoins."""
    desk.orders.submitted("1", side="BUY", quantity=5, quantity_in="quote")
    desk.orders.updated("1", status="closed", filled=filled)
    assert {"submitted": 1, end: 1} == desk.ends()
    assert {} == desk.anomalies()


def test_quantities_in_another_unit_complete_nothing_also_by_the_decorator_and_after_a_replace(desk: Desk) -> None:
    """Without it, an order over 5 USDT would count as filled with the eighth of twenty shares."""

    @desk.orders.submit(order_id=arg("number"), side="BUY", quantity=arg("cost"), quantity_in="quote")
    def buy(number: str, cost: float) -> None: ...

    buy("1", 5.0)
    desk.orders.updated("1", fill_id="a", fill_quantity=8.0)
    desk.orders.replaced("1", "2", quantity=6)
    desk.orders.updated("2", fill_id="b", fill_quantity=12.0)
    assert 1 == desk.orders.open_orders()
    desk.orders.updated("2", status="filled")
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert {} == desk.anomalies()


def test_a_unit_that_there_is_not_is_refused_when_decorating_and_counted_at_a_plain_call() -> None:
    """Without it, a typo would let quantities be compared that are in different units."""
    desk = Desk(strict=False)
    with pytest.raises(ConfigurationError, match="quantity_in must be 'base' or 'quote', got 'usd'"):
        desk.orders.submit(order_id=arg("number"), quantity_in="usd")(lambda number: None)
    desk.orders.submitted("1", quantity=1, quantity_in="usd")
    assert {"value": 1} == desk.errors()
    assert {"submitted": 1} == desk.ends()


# ── fills and corrections ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_cumulative_quantity_of_the_broker_beats_our_sum(desk: Desk) -> None:
    """Without it, an execution that is reported under two ids would fill the order twice."""
    desk.orders.submitted("1", side="BUY", quantity=100)
    desk.orders.updated("1", fill_id="a", fill_quantity=60, filled=60)
    desk.orders.updated("1", fill_id="a-again", fill_quantity=60, filled=60)
    assert 1 == desk.orders.open_orders()
    desk.orders.updated("1", fill_id="b", fill_quantity=40, filled=100)
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert {} == desk.anomalies()


def test_a_correction_at_interactive_brokers_takes_the_place_of_the_execution() -> None:
    """Without it, a corrected price would fill the order twice, or weigh twice in the slippage."""
    desk = Desk(dialect="ib")
    desk.orders.submitted("1", side="BUY", quantity=100, reference_price=100)
    desk.orders.updated("1", fill_id="0001.02.01.01", fill_quantity=60, price=110)
    desk.orders.updated("1", fill_id="0001.02.01.02", fill_quantity=60, price=100)
    desk.orders.updated("1", fill_id="0001.02.02.01", fill_quantity=40, price=100)
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert {} == desk.anomalies()
    assert 1 == desk.slippage("0.0")
    desk.orders.updated("1", fill_id="0001.02.01.01", fill_quantity=60)
    assert {"duplicate_fill": 1} == desk.anomalies()


def test_a_correction_is_known_after_a_restart() -> None:
    """Without it, a replay of the day's executions after a restart would fill orders twice."""
    desk = Desk(dialect="ib")
    desk.orders.submitted("1", side="BUY", quantity=100)
    desk.orders.updated("1", fill_id="e.01", fill_quantity=60)
    after = Desk()
    after.orders = OrderTracker.restore(
        desk.orders.snapshot(), strategy="s", dialect="ib", metrics=after.metrics, clock=desk.clock
    )
    after.orders.updated("1", fill_id="e.02", fill_quantity=50)
    assert {"bust": 1} == after.anomalies()
    after.orders.updated("1", fill_id="f.01", fill_quantity=50)
    assert {"filled": 1} == after.ends()


def test_ids_with_dots_are_fills_of_their_own_elsewhere(desk: Desk) -> None:
    """Without it, brokers that number fills 17.1, 17.2 would have all but one of them ignored."""
    desk.orders.submitted("1", side="BUY", quantity=100)
    desk.orders.updated("1", fill_id="17.1", fill_quantity=60)
    desk.orders.updated("1", fill_id="17.2", fill_quantity=40)
    assert {"submitted": 1, "filled": 1} == desk.ends()


def test_an_execution_that_names_the_one_it_corrects_replaces_it(desk: Desk) -> None:
    """Without it, FIX's trade corrections (150=G) and trade cancels (150=H) would add to the fills."""
    desk.orders.submitted("1", side="BUY", quantity=100)
    desk.orders.updated("1", fill_id="e1", fill_quantity=60)
    desk.orders.updated("1", fill_id="e2", fill_quantity=70, corrects="e1")
    assert {} == desk.anomalies()
    desk.orders.updated("1", fill_id="e3", fill_quantity=0, corrects="e2")
    assert {"bust": 1} == desk.anomalies()
    desk.orders.updated("1", fill_id="e4", fill_quantity=99)
    assert 1 == desk.orders.open_orders()
    desk.orders.updated("1", fill_id="e5", fill_quantity=100, corrects="e4")
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert {"bust": 1} == desk.anomalies()


def test_a_correction_of_an_unknown_execution_is_a_fill(desk: Desk) -> None:
    """Without it, a bot that was started between the two would miss the fill."""
    desk.orders.submitted("1", side="BUY", quantity=100)
    desk.orders.updated("1", fill_id="e2", fill_quantity=100, corrects="e1")
    assert {"submitted": 1, "filled": 1} == desk.ends()


def test_a_correction_that_tells_the_cumulative_is_believed(desk: Desk) -> None:
    """Without it, a bust that the broker reports by its cumulative quantity alone would leave too much filled."""
    desk.orders.submitted("1", side="BUY", quantity=100)
    desk.orders.updated("1", fill_id="e1", fill_quantity=60, filled=60)
    desk.orders.updated("1", fill_id="e2", corrects="e1", filled=50)
    assert {"bust": 1} == desk.anomalies()
    desk.orders.updated("1", fill_id="e3", fill_quantity=50, filled=100)
    assert {"submitted": 1, "filled": 1} == desk.ends()


@pytest.mark.parametrize(("cumulative", "open_orders", "anomalies"), [(100, 0, {}), (40, 1, {"duplicate_fill": 1})])
def test_a_known_fill_id_is_a_new_fill_where_the_cumulative_rose(
    desk: Desk, cumulative: float, open_orders: int, anomalies: dict[str, float]
) -> None:
    """Without it, venues that give every trade the order's id would fill no order."""
    desk.orders.submitted("A", side="SELL", quantity=100)
    desk.orders.updated("A", status="open", filled=40, fill_id="A", fill_quantity=40)
    desk.orders.updated("A", status="open", filled=cumulative, fill_id="A", fill_quantity=60)
    assert open_orders == desk.orders.open_orders()
    assert anomalies == desk.anomalies()


# ── ids ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("seconds", "again", "submitted"),
    [
        (60.0, {"side": "BUY", "quantity": 10}, 1),
        (60.5, {"side": "BUY", "quantity": 10}, 2),
        (1.0, {"side": "SELL", "quantity": 10}, 2),
        (1.0, {"side": "BUY", "quantity": 11}, 2),
        (1.0, {"side": "BUY", "quantity": 10, "broker_id": "B2"}, 2),
        (1.0, {"side": "BUY", "quantity": 10, "broker_id": "B1"}, 1),
    ],
)
@pytest.mark.parametrize("end", ["filled", "cancelled", "rejected"])
def test_the_id_of_an_ended_order_given_again_is_a_new_order_unless_it_looks_like_a_retry(
    desk: Desk, end: str, seconds: float, again: dict[str, Any], submitted: int
) -> None:
    """Without it, references that start at 1 each day would hide the second day, or a retry would count twice."""
    desk.orders.submitted("7", side="BUY", quantity=10, broker_id="B1")
    desk.orders.updated("B1", status=end)
    desk.clock.now += seconds
    desk.orders.submitted("7", **again)
    assert {"submitted": submitted, end: 1} == desk.ends()
    desk.orders.updated("7", status="filled")
    assert (submitted - 1 if end == "filled" else 1) + (end == "filled") == desk.total("trading_orders_filled_total")
    desk.orders.updated("B1", status="partially_filled", fill_id="late", fill_quantity=1)
    assert ("late_fill" in desk.anomalies()) == (end == "filled" or submitted == 1)


def test_another_broker_id_is_another_order_though_the_first_is_open(desk: Desk) -> None:
    """Without it, a gateway whose counter rolled back would hide orders that are live at the broker."""
    desk.orders.submitted("7", side="BUY", quantity=10, broker_id="B1")
    desk.orders.submitted("7", side="BUY", quantity=10, broker_id="B2")
    assert {"submitted": 2} == desk.ends()
    assert 2 == desk.orders.open_orders()
    desk.orders.updated("B1", status="filled", filled=10)
    desk.orders.updated("7", status="cancelled")
    assert {"submitted": 2, "filled": 1, "cancelled": 1} == desk.ends()


def test_a_retry_that_learns_the_broker_id_is_still_the_same_order(desk: Desk) -> None:
    """Without it, a submit that timed out and was repeated would count as two orders."""
    desk.orders.submitted("7", side="BUY", quantity=10)
    desk.orders.submitted("7", side="BUY", quantity=10, broker_id="B1")
    assert {"submitted": 1} == desk.ends()
    desk.orders.updated("B1", status="filled", filled=10)
    assert {"submitted": 1, "filled": 1} == desk.ends()


def test_broker_ids_that_are_given_again_lead_to_the_new_order(desk: Desk) -> None:
    """Without it, a gateway that numbers from 1 each day would have the second day's events on the first's."""
    for day in range(2):
        desk.orders.submitted(f"mine-{day}", side="BUY", quantity=10, broker_id=1)
        desk.orders.updated(1, status="filled", filled=10)
        desk.clock.now += 86_000
    assert {"submitted": 2, "filled": 2} == desk.ends()
    assert {} == desk.anomalies()


@pytest.mark.parametrize("by", ["submit only", "update only", "both"])
def test_a_symbol_has_to_match_only_where_both_sides_name_one(desk: Desk, by: str) -> None:
    """Without it, a stream that names no symbol would leave all orders open that were sent with one."""
    symbol = {"symbol": "BTCUSDT"}
    desk.orders.submitted("1", side="BUY", quantity=1, **({} if by == "update only" else symbol))
    desk.orders.updated("1", status="accepted", **({} if by == "submit only" else symbol))
    desk.orders.updated("1", status="filled", filled=1, **({} if by == "submit only" else symbol))
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert 1 == desk.times("ack")[0]


def test_events_that_are_early_wait_for_the_order_of_their_symbol(desk: Desk) -> None:
    """Without it, a fill that overtakes its submit would fill the order of another market."""
    desk.orders.updated("1", symbol="ETHUSDT", status="filled")
    desk.orders.submitted("1", symbol="BTCUSDT", side="BUY", quantity=1)
    assert 1 == desk.orders.open_orders()
    desk.orders.submitted("1", symbol="ETHUSDT", side="SELL", quantity=1)
    assert {"submitted": 2, "filled": 1} == desk.ends()
    assert 1 == desk.value("trading_orders_filled_total", strategy="s", side="SELL")


def test_every_call_takes_the_symbol(desk: Desk) -> None:
    """Without it, the cancel or replace of one market would be another market's."""
    for symbol in ("BTC", "ETH"):
        desk.orders.submitted("1", symbol=symbol, side="BUY", quantity=10)
    desk.orders.alias("1", "b-1", symbol="ETH")

    @desk.orders.cancel(order_id=arg("number"), cancel_id=arg("own"), symbol=arg("market"))
    def cancel(number: str, own: str, market: str) -> None: ...

    @desk.orders.replace(
        order_id=arg("number"), new_order_id=arg("new"), symbol=arg("market"), quantity=arg("quantity")
    )
    def replace(number: str, new: str, market: str, quantity: float) -> None: ...

    replace("1", "2", "ETH", 5)
    cancel("1", "c-1", "BTC")
    desk.orders.updated("c-1", symbol="BTC", status="cancelled")
    desk.orders.updated("2", symbol="ETH", status="filled", filled=5)
    assert {"submitted": 2, "filled": 1, "cancelled": 1} == desk.ends()
    assert {} == desk.anomalies()


def test_symbols_are_kept_over_a_restart(desk: Desk) -> None:
    """Without it, the orders of two markets would be one after a restart, or the snapshot refused."""
    for symbol in ("BTC", "ETH"):
        desk.orders.submitted("1", symbol=symbol, side="BUY", quantity=1)
    after = Desk()
    after.orders = OrderTracker.restore(desk.orders.snapshot(), strategy="s", metrics=after.metrics, clock=desk.clock)
    after.orders.updated("1", symbol="ETH", status="filled")
    after.orders.updated("1", symbol="BTC", status="cancelled")
    assert {"filled": 1, "cancelled": 1} == after.ends()


def test_a_report_under_the_id_of_a_cancel_may_be_early_and_many_cancels_lose_no_order_id(desk: Desk) -> None:
    """Without it, FIX reports that overtake the call, or a bot that cancels often, would leave orders open."""
    desk.orders.updated("c-1", status="cancelled")
    desk.orders.submitted("1", side="BUY", quantity=10)
    desk.orders.cancel_requested("1", cancel_id="c-1")
    assert {"submitted": 1, "cancelled": 1} == desk.ends()
    desk.orders.submitted("2", side="BUY", quantity=10, broker_id="B2")
    for number in range(30):
        desk.orders.cancel_requested("2", cancel_id=f"d-{number}")
        desk.orders.updated(f"d-{number}", status="pending_cancel")
    desk.orders.updated("B2", status="accepted")
    assert 1 == desk.times("ack")[0]
    desk.orders.updated("d-29", status="cancelled")
    assert {"submitted": 2, "cancelled": 2} == desk.ends()
    assert {} == desk.anomalies()
    desk.orders.cancel_requested("3", cancel_id="e-3")
    desk.orders.submitted("3", side="BUY", quantity=10)
    desk.orders.updated("e-3", status="cancelled")
    assert {"submitted": 3, "cancelled": 3} == desk.ends()


def test_a_reject_under_the_id_of_a_cancel_is_the_cancels(desk: Desk) -> None:
    """Without it, a cancel that came too late would count a live order as rejected, and lose its fill."""
    desk.orders.submitted("1", side="BUY", quantity=10)
    desk.orders.cancel_requested("1", cancel_id="c-1")
    desk.orders.updated("c-1", status="rejected", reason="too late")
    assert {"submitted": 1} == desk.ends()
    assert 1 == desk.orders.open_orders()
    desk.orders.updated("1", status="filled", filled=10)
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert {} == desk.anomalies()


# ── lists in one message ─────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_not_of_the_item_is_of_the_call(desk: Desk) -> None:
    """Without it, a message whose time or market stands beside its list could not be read."""

    @desk.orders.update(
        each=arg("msg.data"),
        order_id=arg("id"),
        status=arg("state"),
        symbol=underlying(arg("market")),
        reason="constant",
        timestamp=arg("msg.time"),
        filled=lambda call: call.arguments["item"]["done"],
    )
    def on_message(msg: dict[str, Any]) -> None: ...

    at = datetime(2026, 1, 1, tzinfo=timezone.utc).timestamp()
    for number in ("1", "2"):
        desk.orders.submitted(number, symbol="BTC", side="BUY", quantity=10, timestamp=at)
    items = [
        {"id": "1", "state": "cancelled", "market": "BTC", "done": 4},
        {"id": "2", "state": "filled", "market": "BTC", "done": "10"},
    ]
    on_message({"time": at + 3, "data": items})
    assert {"submitted": 2, "filled": 1, "cancelled": 1} == desk.ends()
    assert 1 == desk.value("trading_orders_cancelled_total", strategy="s", reason="constant")
    assert (1, 3) == desk.times("fill")


def test_sources_that_are_left_out_are_the_item_s_own_fields(desk: Desk) -> None:
    """Without it, a poll that returns ccxt's orders would need every field spelled out."""

    @desk.orders.update(each=result())
    def fetch_open_orders() -> list[dict[str, Any]]:
        return [{"id": "1", "status": "open", "filled": 4.0}, {"id": "2", "status": "canceled", "filled": 0.0}]

    for number in ("1", "2"):
        desk.orders.submitted(number, side="BUY", quantity=10)
    fetch_open_orders()
    assert {"submitted": 2, "cancelled": 1} == desk.ends()
    assert 1 == desk.times("first_fill")[0]


class Item:
    """An order as an object of a library."""

    def __init__(self, order_id: str) -> None:
        self.order_id = order_id
        self.status = "filled"


LISTS: dict[str, tuple[Callable[[], Any], int, dict[str, float]]] = {
    "a list": (lambda: [Item("1"), Item("2")], 2, {}),
    "a tuple": (lambda: (Item("1"),), 1, {}),
    "the values of a mapping": (lambda: {"a": Item("1"), "b": Item("2")}.values(), 2, {}),
    "a set": (lambda: {Item("1")}, 1, {}),
    "one mapping": (lambda: {"order_id": "1", "status": "filled"}, 1, {}),
    "none": (lambda: None, 0, {}),
    "empty": (list, 0, {}),
    "an iterator, which belongs to the caller": (lambda: iter([Item("1")]), 0, {"source": 1}),
    "a text": (lambda: "12", 0, {"source": 1}),
    "a broken item among others": (lambda: [None, 5, Item("2")], 1, {}),
}


@pytest.mark.parametrize("name", LISTS)
def test_whatever_stands_for_the_list_costs_at_most_itself(name: str) -> None:
    """Without it, one strange message would lose its other orders, or eat an iterator that the bot reads."""
    desk = Desk(strict=False)
    give, filled, errors = LISTS[name]

    @desk.orders.update(each=arg("orders"))
    def on_orders(orders: Any) -> Any:
        return orders

    for number in ("1", "2"):
        desk.orders.submitted(number, side="BUY", quantity=10)
    given = give()
    assert given is on_orders(given)
    assert filled == desk.ends().get("filled", 0)
    assert errors == desk.errors()


def test_each_works_on_methods_coroutines_and_bad_sources_are_refused(desk: Desk) -> None:
    """Without it, a list in a method's message could not be followed, or a constant would be taken for a list."""

    class Bot:
        @desk.orders.update(each=arg("orders"), order_id=arg("id"), status=arg("status"))
        def on_orders(self, orders: list[dict[str, Any]]) -> None: ...

        @staticmethod
        @desk.orders.update(each=arg("orders"), order_id=arg("id"), status=arg("status"))
        def static(orders: list[dict[str, Any]]) -> None: ...

    desk.orders.submitted("1", side="BUY")
    desk.orders.submitted("2", side="BUY")
    Bot().on_orders([{"id": "1", "status": "filled"}])
    Bot.static([{"id": "2", "status": "rejected"}])
    assert {"submitted": 2, "filled": 1, "rejected": 1} == desk.ends()
    with pytest.raises(LabelSourceError, match=r"each='orders' is not a list; write each=arg\('msg.data'\)"):
        desk.orders.update(each="orders")(lambda orders: None)
    with pytest.raises(LabelSourceError, match="names no parameter"):
        desk.orders.update(each=arg("message.data"))(lambda orders: None)


# ── orders of others, and orders that repeat each other ──────────────────────────────────────────────────────────────


def test_an_order_of_another_program_counts_once_and_a_request_of_ours_is_an_anomaly(desk: Desk) -> None:
    """Without it, a person who trades on the same account would set off the alert on broken joins."""
    for _ in range(3):
        desk.orders.updated("theirs", status="partially_filled", filled=1)
        desk.clock.now += 40
    desk.orders.updated("theirs", symbol="BTC", status="filled")
    desk.orders.cancel_requested("ours")
    desk.orders.replaced("ours too", "new")
    desk.orders.alias("x", "y")
    desk.clock.now += 31
    assert 2 == desk.value("trading_order_foreign_total")
    assert {"unknown_order": 3} == desk.anomalies()


EQUAL: dict[str, Any] = {"symbol": "AAPL", "side": "BUY", "quantity": 100, "price": 10.5}


@pytest.mark.parametrize(
    ("seconds", "second", "duplicates"),
    [
        (0.0, {}, 1),
        (1.0, {}, 1),
        (1.01, {}, 0),
        (0.5, {"symbol": "MSFT"}, 0),
        (0.5, {"side": "SELL"}, 0),
        (0.5, {"quantity": 101}, 0),
        (0.5, {"price": 10.51}, 0),
        (0.5, {"price": None}, 0),
        (0.5, {"symbol": None}, 0),
        (0.5, {"quantity": None}, 0),
        (0.5, {"quantity": "100", "side": "b"}, 1),
    ],
)
def test_an_order_that_repeats_another_within_a_second_is_a_duplicate(
    desk: Desk, seconds: float, second: dict[str, Any], duplicates: int
) -> None:
    """Without it, a loop that sends the same order over and over, as at Knight Capital, would show nowhere."""
    desk.orders.submitted("1", **EQUAL)
    desk.clock.now += seconds
    desk.orders.submitted("2", **{**EQUAL, **second})
    assert duplicates == desk.value("trading_order_duplicates_total", strategy="s")
    assert {} == desk.anomalies()


def test_a_runaway_loop_counts_each_repetition_and_a_retry_of_one_id_counts_none(desk: Desk) -> None:
    """Without it, a thousand repetitions would look like one, or a retry like a runaway."""
    for number in range(1_000):
        desk.orders.submitted(number, **EQUAL)
        desk.clock.now += 0.001
    desk.orders.submitted(999, **EQUAL)
    assert 999 == desk.value("trading_order_duplicates_total", strategy="s")
    assert {"duplicate_submit": 1} == desk.anomalies()


def test_the_memory_of_repetitions_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, a burst of different orders would fill the memory."""
    from tradmetrics.orders.recent import RecentSubmits

    monkeypatch.setattr("tradmetrics.orders.recent.MOST_RECENT", 3)
    recent = RecentSubmits()
    assert [False] * 5 == [recent.repeats(number, 5.0) for number in range(5)]
    assert 3 >= len(recent._times)
    assert recent.repeats(4, 5.5)
    assert not recent.repeats(0, 5.5)


@pytest.mark.parametrize("order_type", ["STOP", "SL", "trailing"])
def test_a_resting_stop_makes_no_order_old(desk: Desk, order_type: str) -> None:
    """Without it, a stop that rests for a week, as it should, would keep the alert on stuck orders firing."""
    name = "trading_order_oldest_open_seconds"
    desk.orders.submitted("stop", side="SELL", order_type=order_type)
    desk.clock.now += 50
    assert 0 == desk.value(name, strategy="s")
    desk.orders.submitted("limit", side="SELL", order_type="LIMIT")
    desk.clock.now += 20
    assert 20 == desk.value(name, strategy="s")
    assert 2 == desk.value("trading_orders_open", strategy="s")
    after = Desk()
    after.orders = OrderTracker.restore(desk.orders.snapshot(), strategy="s", metrics=after.metrics, clock=desk.clock)
    assert 20 == after.value(name, strategy="s")
    desk.orders.updated("limit", status="cancelled")
    assert 0 == desk.value(name, strategy="s")


def test_ended_orders_behind_a_resting_one_are_not_kept_for_ever(desk: Desk) -> None:
    """Without it, one order that rests would keep every later order of the day in memory."""
    desk.orders.submitted("resting", side="BUY", order_type="LIMIT", quantity=1)
    for number in range(1_000):
        desk.orders.submitted(number, side="BUY", order_type="LIMIT", quantity=1)
        desk.orders.updated(number, status="filled")
    assert 100 > len(desk.orders._intake.core.table.queue.orders)
    desk.clock.now += 5
    assert 5 == desk.value("trading_order_oldest_open_seconds", strategy="s")


# ── missing values, and times ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("nothing", ["", "  ", "-", "N/A", "n/a", None])
def test_a_missing_value_is_left_out_without_an_error(desk: Desk, nothing: object) -> None:
    """Without it, a healthy feed of a venue that writes blanks would set off the alert on instrumentation errors."""
    desk.orders.submitted(
        "1", side="BUY", quantity=nothing, price=nothing, lot=nothing, reference_price=nothing, timestamp=nothing
    )
    desk.orders.updated(
        "1", status="filled", filled=nothing, fill_id=nothing, fill_quantity=nothing, price=nothing, timestamp=nothing,
        symbol=nothing, corrects=nothing,
    )  # fmt: skip
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert {} == desk.anomalies()
    assert 1 == desk.times("fill")[0]


@pytest.mark.parametrize("timestamp", [0, 0.0, "0", -1, 1_700_000, datetime(1999, 12, 31, tzinfo=timezone.utc)])
def test_a_time_of_zero_or_before_2000_is_dropped_and_counted(timestamp: object) -> None:
    """Without it, a feed that writes 0 for no time would give fill times of half a century."""
    desk = Desk(strict=False)
    desk.orders.submitted("1", side="BUY", timestamp=1_700_000_000)
    desk.orders.updated("1", status="filled", timestamp=timestamp)
    desk.orders.submitted("2", side="BUY")
    desk.clock.now += 2
    desk.orders.updated("2", status="filled", timestamp=timestamp)
    assert {"submitted": 2, "filled": 2} == desk.ends()
    assert (1, 2) == desk.times("fill")
    assert {"clock": 2} == desk.errors()


def test_a_simulation_may_begin_in_1970(desk: Desk) -> None:
    """Without it, a simulation that counts seconds from its start would lose all its times."""
    desk.orders.submitted("1", side="BUY", timestamp=5)
    desk.orders.updated("1", status="filled", timestamp=7.5)
    assert (1, 2.5) == desk.times("fill")


def test_a_word_that_is_not_understood_shows_each_time_and_in_the_log_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without it, the order of a word that nobody taught would stay open in silence."""
    metrics = TradingMetrics()
    orders = OrderTracker("s", metrics=metrics, dialect="ib")
    for number in range(3):
        orders.submitted(number, side="BUY")
        orders.updated(number, status="Half Baked")
    errors = metrics.registry.get_sample_value(
        "tradmetrics_instrumentation_errors_total",
        {"site": "tradmetrics.OrderTracker.updated", "stage": "vocabulary"},
    )
    assert 3 == errors
    (message,) = (record.getMessage() for record in caplog.records)
    assert "the order stays open" in message
    assert "register_spellings(status={'Half Baked'" in message
    assert "dialect='ib'" in message
