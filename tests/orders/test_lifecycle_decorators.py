"""The decorators of `OrderTracker`: where ids and values come from, when the time is taken, what exceptions mean."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from tests.lifecycle_kit import Desk
from tradmetrics import (
    ConfigurationError,
    LabelSourceError,
    OrderTracker,
    TradmetricsError,
    arg,
    configure,
    error,
    result,
    underlying,
)


class InsufficientFunds(Exception):  # noqa: N818 - ccxt's name
    """A definite rejection."""


class NetworkError(Exception):
    """ccxt's: nobody knows what became of the order."""


@dataclass
class Order:
    """An order as a bot has it."""

    id: str = "1"
    side: str = "BUY"
    order_type: str = "LIMIT"
    quantity: float = 10
    strategy: str = "own"
    status: str = "accepted"


@pytest.fixture
def desk() -> Desk:
    """A tracker with its clock and its metrics."""
    return Desk()


# ── submit ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_example_of_the_design_works_as_written(desk: Desk) -> None:
    """Without it, the first thing that a user copies would not work."""
    orders = desk.orders

    @orders.submit(order_id=result("id"), side=arg("side"), order_type=arg("order_type"), quantity=arg("qty"))
    def place(side: str, order_type: str, qty: int) -> dict[str, int]:
        desk.clock.now += 0.1
        return {"id": 7}

    @orders.update(
        order_id=arg("msg.order_id"),
        status=arg("msg.status"),
        filled=arg("msg.filled_quantity"),
        fill_id=arg("msg.trade_id"),
    )
    def on_order_update(msg: Any) -> str:
        desk.clock.now += 100
        return "seen"

    assert {"id": 7} == place("BUY", "LMT", qty=10)
    assert pytest.approx(0.1) == desk.value("trading_order_oldest_open_seconds", strategy="s")
    desk.clock.now += 0.4
    message = SimpleNamespace(order_id="7", status="COMPLETE", filled_quantity=10, trade_id="T1")
    assert "seen" == on_order_update(message)
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert (1, pytest.approx(0.5)) == desk.times("fill")
    assert 1 == desk.value("trading_orders_submitted_total", strategy="s", side="BUY", order_type="LIMIT")
    assert "place" == place.__name__
    assert ["side", "order_type", "qty"] == list(inspect.signature(place).parameters)


def test_a_bare_decorator_reads_the_order_and_the_result(desk: Desk) -> None:
    """Without it, the shortest spelling would record nothing, or everything as unknown."""

    @desk.orders.submit
    def place(order: Order) -> None: ...

    @desk.orders.submit
    def place_parts(side: str, order_type: str, quantity: int) -> Any:
        return SimpleNamespace(id="2")

    @desk.orders.update
    def on_update(order: Order) -> None: ...

    place(Order())
    place_parts("SELL", "MARKET", 10)
    name = "trading_orders_submitted_total"
    assert 1 == desk.value(name, strategy="own", side="BUY", order_type="LIMIT")
    assert 1 == desk.value(name, strategy="s", side="SELL", order_type="MARKET")
    on_update(Order())
    on_update(Order("2", status="filled"))
    assert 1 == desk.value("trading_order_ack_time_seconds_count", strategy="own")
    assert {"submitted": 2, "filled": 1} == desk.ends()


@pytest.mark.parametrize(
    ("failure", "name", "reason"),
    [
        (InsufficientFunds("5 short"), "rejected", "insufficient_funds"),
        (ValueError(), "rejected", "value_error"),
        (TimeoutError(), "unknown", "timeout_error"),
        (ConnectionResetError(), "unknown", "connection_reset_error"),
        (NetworkError(), "unknown", "network_error"),
        (KeyboardInterrupt(), "unknown", "keyboard_interrupt"),
        (asyncio.CancelledError(), "unknown", "cancelled_error"),
    ],
)
def test_an_exception_rejects_the_order_unless_nobody_knows(
    desk: Desk, failure: BaseException, name: str, reason: str
) -> None:
    """Without it, an order that may be live would be closed as rejected, or a definite reject stay open."""

    @desk.orders.submit(order_id=arg("order_id"), side="BUY")
    def place(order_id: str) -> None:
        raise failure

    with pytest.raises(type(failure)) as raised:
        place("1")
    assert failure is raised.value
    assert 1 == desk.value(f"trading_orders_{name}_total", strategy="s", reason=reason)
    assert 1 == desk.total("trading_orders_submitted_total")
    assert (1 if name == "unknown" else 0) == desk.orders.open_orders()
    assert {} == desk.anomalies()
    desk.orders.updated("1", status="filled")
    assert 1 == desk.total("trading_orders_filled_total")
    assert ({} if name == "unknown" else {"fill_after_cancel": 1}) == desk.anomalies()


def test_an_exception_where_the_id_would_have_come_from_the_result_is_counted_and_not_followed(desk: Desk) -> None:
    """Without it, rejects at brokers that give the id with the answer would be anomalies, or missing."""

    @desk.orders.submit(order_id=result("id"), side="BUY")
    def place(failure: Exception) -> None:
        raise failure

    for failure in (InsufficientFunds(), TimeoutError()):
        with pytest.raises(type(failure)):
            place(failure)
    assert {"submitted": 2, "rejected": 1} == desk.ends()
    assert 1 == desk.value("trading_orders_unknown_total", strategy="s", reason="timeout_error")
    assert 0 == desk.orders.open_orders()
    assert {} == desk.anomalies()


def test_an_exception_beside_an_id_that_is_none_is_counted_without_an_id(desk: Desk) -> None:
    """Without it, a source that points at the wrong argument would go unnoticed whenever the submit fails."""

    @desk.orders.submit(order_id=arg("order_id"), side="BUY")
    def place(order_id: object) -> None:
        raise InsufficientFunds

    with pytest.raises(InsufficientFunds):
        place(["not", "an", "id"])
    assert {"submitted": 1, "rejected": 1} == desk.ends()
    assert {"missing_id": 1} == desk.anomalies()


def test_more_exceptions_can_be_named_as_of_unknown_outcome(desk: Desk) -> None:
    """Without it, a broker library's own timeout would count as a reject."""

    @desk.orders.submit(order_id=arg("order_id"), unknown_on=("GatewayBusy", InsufficientFunds))
    def place(order_id: str) -> None:
        raise InsufficientFunds

    with pytest.raises(InsufficientFunds):
        place("1")
    assert 1 == desk.value("trading_orders_unknown_total", strategy="s", reason="insufficient_funds")
    with pytest.raises(ConfigurationError, match="unknown_on"):
        desk.orders.submit(unknown_on=5)  # type: ignore[call-overload]


def test_a_rejection_that_the_stream_told_first_counts_once(desk: Desk) -> None:
    """Without it, brokers that reject on the stream and by an exception would double every reject."""

    @desk.orders.submit(order_id=arg("order_id"), side="BUY")
    def place(order_id: str) -> None:
        desk.orders.updated(order_id, status="rejected", reason="margin")
        raise InsufficientFunds

    with pytest.raises(InsufficientFunds):
        place("1")
    assert {"submitted": 1, "rejected": 1} == desk.ends()
    assert 1 == desk.value("trading_orders_rejected_total", strategy="s", reason="margin")


def test_a_retry_of_a_known_order_that_fails_does_not_end_it(desk: Desk) -> None:
    """Without it, the broker's refusal of a duplicate id would close the order that is live under it."""

    @desk.orders.submit(order_id=arg("order_id"), side="BUY")
    def place(order_id: str, fails: bool) -> None:
        if fails:
            raise InsufficientFunds

    place("1", False)
    with pytest.raises(InsufficientFunds):
        place("1", True)
    assert {"submitted": 1} == desk.ends()
    assert {"duplicate_submit": 1} == desk.anomalies()
    assert 1 == desk.orders.open_orders()


def test_the_message_counts_when_the_call_begins(desk: Desk) -> None:
    """Without it, fifty slow requests that leave at once would look like a trickle."""
    entered: list[float] = []

    @desk.orders.submit(order_id=arg("order_id"), side="BUY")
    def place(order_id: str) -> None:
        entered.append(desk.value("trading_order_messages_total", action="new"))
        desk.clock.now += 2
        if int(order_id) < 4:
            desk.clock.now -= 2
            place(str(int(order_id) + 1))

    place("0")
    assert [1, 2, 3, 4, 5] == entered
    assert 5 == desk.value("trading_order_messages_total", action="new")
    assert 5 == desk.value("trading_order_message_rate_max", window="1s")


def test_events_own_times_are_read_by_the_decorators(desk: Desk) -> None:
    """Without it, a decorated backtest would be timed by the wall clock."""

    @desk.orders.submit(order_id=arg("order_id"), side="BUY", timestamp=arg("at"))
    def place(order_id: str, at: float) -> None: ...

    @desk.orders.update(order_id=arg("order_id"), status="filled", timestamp=arg("at"))
    def on_fill(order_id: str, at: float) -> None: ...

    place("1", 50.0)
    on_fill("1", 53.0)
    assert (1, 3) == desk.times("fill")
    assert 1 == desk.value("trading_order_messages_total", action="new")


def test_a_parameter_that_is_called_timestamp_is_no_time_unless_it_is_named(desk: Desk) -> None:
    """Without it, a parameter's name would decide which clock an order is timed by."""

    @desk.orders.submit(order_id=arg("order_id"), side="BUY")
    def place(order_id: str, timestamp: str, account: str) -> None: ...

    place("1", "yesterday", "another")
    desk.clock.now += 1
    desk.orders.updated("1", status="filled")
    assert (1, 1) == desk.times("fill")


def test_the_account_is_read_by_the_decorators() -> None:
    """Without it, a stream of several accounts would need a filter before the callback."""
    desk = Desk(account="U1")

    @desk.orders.submit(order_id=arg("order_id"), account=arg("account"))
    def place(order_id: str, account: str) -> None: ...

    @desk.orders.update(order_id=arg("order_id"), status="filled", account=arg("account"))
    def on_fill(order_id: str, account: str) -> None: ...

    place("1", "U1")
    place("2", "U2")
    on_fill("1", "U2")
    assert {"submitted": 1} == desk.ends()
    assert {"other_account": 2} == desk.anomalies()


def test_a_source_that_fails_costs_its_value_and_not_the_order() -> None:
    """Without it, a field that a message lacks now and then would lose the whole event."""
    desk = Desk(strict=False)

    @desk.orders.submit(order_id=arg("order.id"), side=arg("order.direction"), quantity=arg("order.quantity"))
    def place(order: Order) -> None: ...

    @desk.orders.update(order_id=arg("order.key"), status="filled")
    def on_fill(order: Order) -> None: ...

    place(Order())
    on_fill(Order())
    assert 1 == desk.value("trading_orders_submitted_total", strategy="own", side="unknown", order_type="LIMIT")
    assert {"source": 2} == desk.errors()
    assert {"missing_id": 1} == desk.anomalies()


# ── what a submit is answered ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("answer", "ends"),
    [
        ({"id": "1", "status": "rejected", "reason": "margin"}, {"submitted": 1, "rejected": 1}),
        ({"status": "rejected", "reason": "margin"}, {"submitted": 1, "rejected": 1}),
        ({"id": "1", "status": "filled", "filled": 5}, {"submitted": 1, "filled": 1}),
        ({"id": "1", "status": "open", "filled": 5}, {"submitted": 1, "filled": 1}),
        ({"id": "1", "status": "complete", "filled_quantity": 5}, {"submitted": 1, "filled": 1}),
        ({"id": "1", "filled_qty": "5"}, {"submitted": 1, "filled": 1}),
        ({"id": "1", "status": "canceled"}, {"submitted": 1, "cancelled": 1}),
        ({"id": "1", "status": "open", "filled": 2}, {"submitted": 1}),
        ({"id": "1", "status": "open"}, {"submitted": 1}),
        ({"id": "1", "status": 200}, {"submitted": 1}),
        ({"id": "1"}, {"submitted": 1}),
    ],
)
def test_what_a_submit_is_answered_counts_at_once(desk: Desk, answer: Any, ends: dict[str, float]) -> None:
    """Without it, a broker that answers with the end of the order would leave it open for ever."""

    @desk.orders.submit
    def place(side: str, quantity: int) -> Any:
        desk.clock.now += 2
        return answer

    place("BUY", 5)
    assert ends == desk.ends()
    assert (0 if len(ends) > 1 else 1) == desk.orders.open_orders()
    assert {} == desk.anomalies()
    assert ((1, 2) if "filled" in ends else (0, 0)) == desk.times("fill")
    assert (1 if "rejected" in ends else 0) == desk.value(
        "trading_orders_rejected_total", strategy="s", reason="margin"
    )


@pytest.mark.parametrize(("filled", "end"), [(5, "filled"), (3, "cancelled"), (0, "cancelled")])
def test_the_quantity_of_the_answer_says_what_closed_means(desk: Desk, filled: int, end: str) -> None:
    """Without it, ccxt's answer to a market order whose size no argument names would be an anomaly."""

    @desk.orders.submit
    def place(side: str) -> Any:
        return {"id": "1", "status": "closed", "filled": filled, "amount": 5}

    place("BUY")
    assert {"submitted": 1, end: 1} == desk.ends()
    assert {} == desk.anomalies()


def test_the_answer_is_read_where_it_is_named_and_in_the_brokers_words() -> None:
    """Without it, only brokers that answer with our own names could be told from their answers."""
    desk = Desk(dialect="ib")

    @desk.orders.submit(
        order_id=arg("mine"),
        broker_id=result("order.permId"),
        status=result("order.state"),
        filled=result("done"),
        reason=result("why"),
    )
    def place(mine: str, status: str, answer: Any) -> Any:
        desk.clock.now += 1
        return answer

    place("1", "Filled", {"order": {"permId": 77, "state": "Submitted"}, "done": 0, "why": ""})
    assert (1, 1) == desk.times("ack")
    assert 1 == desk.orders.open_orders()
    desk.orders.updated(77, status="Filled")
    assert {"submitted": 1, "filled": 1} == desk.ends()
    place("2", "", {"order": {"permId": 78, "state": "Inactive"}, "done": 0, "why": "no money"})
    assert 1 == desk.value("trading_orders_rejected_total", strategy="s", reason="no money")
    assert {} == desk.anomalies()


def test_a_number_is_a_state_where_it_is_named_as_one() -> None:
    """Without it, FIX's numbers could not be read from an answer."""
    desk = Desk(dialect="fix")

    @desk.orders.submit(order_id="1", status=result("status"))
    def place() -> Any:
        return {"status": 8}

    place()
    assert {"submitted": 1, "rejected": 1} == desk.ends()


def test_what_an_argument_says_of_the_state_is_no_answer(desk: Desk) -> None:
    """Without it, an order that the bot keeps as `filled` from the last run would be filled when it is sent."""

    @desk.orders.submit
    def place(order: Order, status: str, filled: int, reason: str) -> None: ...

    place(Order(status="filled"), "filled", 10, "signal")
    assert {"submitted": 1} == desk.ends()


def test_news_that_waited_for_the_submit_comes_before_its_answer(desk: Desk) -> None:
    """Without it, a slow answer that says `open` would reopen what the stream has filled."""

    @desk.orders.submit(order_id=arg("order_id"), broker_id=result("id"))
    def place(order_id: str, quantity: int) -> Any:
        desk.orders.updated("b1", status="filled", filled=quantity)
        return {"id": "b1", "status": "open", "filled": 0}

    place("1", 10)
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert {} == desk.anomalies()
    assert 0 == desk.orders.open_orders()


def test_what_a_submit_under_a_replaced_id_is_answered_does_not_end_the_order(desk: Desk) -> None:
    """Without it, a retry under the id of before a replace would close the order that is live under the new one."""

    @desk.orders.submit(order_id=arg("order_id"))
    def place(order_id: str, status: str) -> Any:
        return {"status": status}

    place("a", "open")
    desk.orders.replaced("a", "b")
    place("a", "cancelled")
    assert 1 == desk.orders.open_orders()
    place("b", "cancelled")
    assert 0 == desk.orders.open_orders()


def test_an_answer_that_the_order_expired_gives_that_as_the_reason(desk: Desk) -> None:
    """Without it, orders that nobody took at once would look as if somebody had cancelled them."""

    @desk.orders.submit(order_id=arg("order_id"))
    def place(order_id: str) -> Any:
        return {"status": "expired"}

    place("1")
    assert 1 == desk.value("trading_orders_cancelled_total", strategy="s", reason="expired")


def test_the_refusal_of_a_repeated_submit_does_not_end_the_order(desk: Desk) -> None:
    """Without it, the broker's word that an id is taken would close the order that is live under it."""

    @desk.orders.submit(order_id=arg("order_id"))
    def place(order_id: str, status: str) -> Any:
        return {"status": status}

    place("1", "open")
    place("1", "rejected")
    assert 1 == desk.orders.open_orders()
    assert {"submitted": 1} == desk.ends()
    place("1", "filled")
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert {"duplicate_submit": 2} == desk.anomalies()


def test_the_brokers_id_leads_to_the_order_also_where_there_is_no_other(desk: Desk) -> None:
    """Without it, a bot that names its orders now and then could follow only those."""

    @desk.orders.submit(order_id=arg("mine"), broker_id=result("id"))
    def place(mine: str | None, number: str) -> Any:
        return {"id": number}

    place("m1", "b1")
    place(None, "b2")
    for order_id in ("b1", "b2"):
        desk.orders.updated(order_id, status="filled")
    assert 0 == desk.orders.open_orders()
    desk.orders.updated("m1", status="filled")
    assert {"submitted": 2, "filled": 2} == desk.ends()
    assert {} == desk.anomalies()


def test_an_exception_may_tell_the_reason_and_the_brokers_id(desk: Desk) -> None:
    """Without it, a broker's own code for a rejection would be lost for the name of a class."""

    class RefusedError(Exception):
        code, order_id = "rms", "b1"

    @desk.orders.submit(order_id=arg("mine"), broker_id=error("order_id"), reason=error("code"))
    def place(mine: str) -> None:
        raise RefusedError

    with pytest.raises(RefusedError):
        place("m1")
    assert 1 == desk.value("trading_orders_rejected_total", strategy="s", reason="rms")
    desk.orders.updated("b1", status="rejected")
    assert {"submitted": 1, "rejected": 1} == desk.ends()


def test_an_answer_in_simulated_time_is_of_the_time_of_the_submit(desk: Desk) -> None:
    """Without it, a backtest that fills at once would time nothing, for two clocks in one order."""

    @desk.orders.submit(order_id=arg("order_id"), timestamp=arg("at"))
    def place(order_id: str, at: float) -> Any:
        return {"status": "filled"}

    place("1", 50.0)
    assert (1, 0) == desk.times("fill")
    assert {} == desk.anomalies()


@pytest.mark.parametrize(("answer", "order_id"), [("A-17", "A-17"), (17, "17")])
def test_an_answer_that_is_an_id_alone_is_the_orders(desk: Desk, answer: Any, order_id: str) -> None:
    """Without it, the shortest spelling would follow no order of Kite, whose answer is the id."""

    @desk.orders.submit
    def place(side: str) -> Any:
        return answer

    place("BUY")
    desk.orders.updated(order_id, status="filled")
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert {} == desk.anomalies()


@pytest.mark.parametrize("answer", ["filled", True, 1.5, ["A-17"], None])
def test_an_answer_that_is_no_id_is_none(desk: Desk, answer: Any) -> None:
    """Without it, a function that answers with a word would have all its orders under one id."""

    @desk.orders.submit
    def place(side: str) -> Any:
        return answer

    place("BUY")
    place("BUY")
    assert {"submitted": 2} == desk.ends()
    assert {"missing_id": 2} == desk.anomalies()


# ── what no source yields ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_answer_tells_the_side_and_the_type_of_an_order_that_the_arguments_do_not(desk: Desk) -> None:
    """All orders of `def buy(quantity)` would be of an unknown side, though the broker's answer has it."""

    @desk.orders.submit
    def buy(id: str, quantity: int) -> Any:
        return {"status": "submitted", "side": "buy", "type": "limit"}

    @desk.orders.submit
    def send(id: str, action: str) -> Any:
        return {"status": "submitted", "side": "sell", "type": "limit"}

    for number in range(3):
        buy(f"a{number}", 1)
        send(f"b{number}", "buy")
    labels = {"strategy": "s", "side": "BUY", "order_type": "LIMIT"}
    assert 6 == desk.value("trading_orders_submitted_total", **labels)


def _unsourced(desk: Desk) -> dict[str, float]:
    name = "tradmetrics_unsourced_labels"
    samples = [each for metric in desk.metrics.registry.collect() for each in metric.samples if each.name == name]
    return {each.labels["label"]: each.value for each in samples}


def test_a_label_of_a_sent_order_that_nothing_tells_is_said_once(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """The side of all orders would be `unknown` for ever, in silence."""

    @desk.orders.submit
    def buy(id: str, quantity: int) -> Any:
        return {"status": "submitted"}

    for number in range(3):
        buy(str(number), 1)
    assert {"side": 1, "order_type": 1} == _unsourced(desk)
    lines = [line for line in caplog.messages if "side='BUY'" in line]
    assert 1 == len(lines)
    assert "buy: no source yields the label 'side'" in lines[0]


def test_an_event_that_tells_nothing_of_its_orders_state_is_said_once(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """No order would ever fill, since the broker calls it `state`, and nothing would say so."""

    @desk.orders.update(order_id=arg("msg.id"))
    def on_order(msg: Any) -> None: ...

    @desk.orders.update
    def poll(order_id: str) -> None:
        """Asks for news, and has none."""

    desk.orders.submitted("1", side="BUY", quantity=10)
    for _ in range(3):
        on_order({"id": "1", "state": "filled"})
        poll("1")
    assert {"status": 1} == _unsourced(desk)
    lines = [line for line in caplog.messages if "no source yields 'status'" in line]
    assert 1 == len(lines)
    assert "on_order" in lines[0]
    on_order({"id": "1", "status": "filled"})
    assert {"submitted": 1, "filled": 1} == desk.ends()


# ── the other decorators ─────────────────────────────────────────────────────────────────────────────────────────────


def test_an_update_counts_whether_the_callback_returns_or_raises(desk: Desk) -> None:
    """Without it, a bug in the bot's callback would also blind its metrics."""
    desk.orders.submitted("1", side="BUY", quantity=10)

    @desk.orders.update(order_id=arg("order_id"), filled=arg("filled"), price=5, fill_quantity=arg("filled"))
    def on_fill(order_id: str, filled: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        on_fill("1", 10)
    assert {"submitted": 1, "filled": 1} == desk.ends()


def test_a_cancel_is_a_message_and_ends_nothing(desk: Desk) -> None:
    """Without it, an order would leave the open ones while the broker still works it."""
    desk.orders.submitted("1", side="BUY")

    @desk.orders.cancel(order_id=arg("order_id"))
    def cancel(order_id: str) -> None:
        assert 1 == desk.value("trading_order_messages_total", action="cancel")
        raise TimeoutError

    @desk.orders.cancel
    def cancel_order(order: Order) -> None: ...

    with pytest.raises(TimeoutError):
        cancel("1")
    cancel_order(Order())
    assert 2 == desk.value("trading_order_messages_total", action="cancel")
    assert {"submitted": 1} == desk.ends()
    cancel_order(Order("unknown"))
    desk.clock.now += 30
    assert 1 == desk.orders.open_orders()
    assert {"unknown_order": 1} == desk.anomalies()


def test_a_replace_that_returns_moves_the_order_and_one_that_raises_does_not(desk: Desk) -> None:
    """Without it, a refused replace would make the bot deaf to the order that goes on under its old id."""
    desk.orders.submitted("1", side="BUY", quantity=10)

    @desk.orders.replace(order_id=arg("order_id"), new_order_id=result("id"), quantity=arg("quantity"))
    def replace(order_id: str, quantity: int, new: str) -> dict[str, str]:
        if not new:
            raise InsufficientFunds
        return {"id": new}

    with pytest.raises(InsufficientFunds):
        replace("1", 5, "")
    replace("1", 4, "2")
    assert 2 == desk.value("trading_order_messages_total", action="modify")
    desk.orders.updated("1", status="cancelled")
    assert 1 == desk.orders.open_orders()
    desk.orders.updated("2", filled=4)
    assert {"submitted": 1, "filled": 1} == desk.ends()


def test_coroutines_methods_and_generators_are_decorated_alike(desk: Desk) -> None:
    """Without it, an asynchronous bot, or one of classes, would have to fall back to the plain calls."""

    class Broker:
        @desk.orders.submit(order_id=result("id"), side=arg("side"))
        async def place(self, side: str) -> dict[str, str]:
            await asyncio.sleep(0)
            desk.clock.now += 2
            return {"id": "1"}

        @classmethod
        @desk.orders.submit(order_id=arg("order_id"))
        def place_class(cls, order_id: str) -> str:
            return order_id

        @desk.orders.update(order_id=arg("order_id"), status="filled")
        def fills(self, order_id: str) -> Iterator[int]:
            yield 1
            yield 2

    assert {"id": "1"} == asyncio.run(Broker().place("SELL"))
    assert "2" == Broker.place_class("2")
    assert inspect.iscoroutinefunction(Broker.place)
    assert [1, 2] == [*Broker().fills("1")]
    assert {"submitted": 2, "filled": 1} == desk.ends()
    assert (1, 2) == desk.times("fill")


def test_what_cannot_work_is_refused_when_decorating(desk: Desk) -> None:
    """Without it, a typing error would show as orders that are never joined."""
    orders = desk.orders
    with pytest.raises(LabelSourceError, match=r"OrderTracker\.update.*'order_id' has no source.*message"):

        @orders.update
        def on_update(message: object) -> None: ...

    with pytest.raises(LabelSourceError, match=r"arg\('ordr\.id'\) names no parameter; did you mean .*order"):

        @orders.submit(order_id=arg("ordr.id"))
        def place(order: Order) -> None: ...

    with pytest.raises(TradmetricsError, match="generator"):

        @orders.submit(order_id=result("id"))
        def stream() -> Iterator[int]:
            yield 1

    with pytest.raises(TypeError):
        orders.cancel(strategy="s")  # type: ignore[call-overload]


def test_a_source_may_be_a_constant_a_function_or_the_exception(desk: Desk) -> None:
    """Without it, what a broker tells in its exceptions could not be read."""

    class RefusedError(Exception):
        order_id = "9"

    @desk.orders.submit(order_id=error("order_id"), side=lambda call: call.arguments["way"], strategy="constant")
    def place(way: str) -> None:
        raise RefusedError

    with pytest.raises(RefusedError):
        place("SELL")
    assert 1 == desk.value("trading_orders_rejected_total", strategy="constant", reason="refused_error")
    desk.orders.submitted("9", side="SELL")
    assert {"duplicate_submit": 1} == desk.anomalies()


def test_decorated_functions_follow_the_default_metrics_and_stop_when_it_is_disabled() -> None:
    """Without it, a decorator applied at import would record where nobody looks, or when it should not."""
    from prometheus_client import CollectorRegistry

    orders = OrderTracker("s")

    @orders.submit(order_id=arg("order_id"), side="BUY", order_type="LIMIT")
    def place(order_id: str) -> str:
        return order_id

    first = configure(CollectorRegistry())
    assert "1" == place("1")
    labels = {"strategy": "s", "side": "BUY", "order_type": "LIMIT"}
    assert 1 == first.registry.get_sample_value("trading_orders_submitted_total", labels)
    off = configure(CollectorRegistry(), enabled=False, force=True)
    assert "2" == place("2")
    second = configure(CollectorRegistry(), force=True)
    assert "3" == place("3")
    assert off is not second
    assert 1 == second.registry.get_sample_value("trading_orders_submitted_total", labels)
    assert 1 == second.registry.get_sample_value("trading_order_messages_total", {"action": "new"})


# ── when an update is ────────────────────────────────────────────────────────────────────────────────────────────────


POLLS = {
    "result": {"status": result("status"), "filled": result("filled")},
    "call": {"status": lambda call: call.result["status"]},
    "mapped": {"status": "filled", "reason": underlying(result("status"))},
    "nothing": {},
}


@pytest.mark.parametrize("sources", POLLS.values(), ids=POLLS)
def test_what_a_function_is_answered_is_timed_by_its_end(desk: Desk, sources: Any) -> None:
    """Without it, a bot that asks for its orders would time every fill from before it happened."""
    desk.orders.submitted("1", side="BUY", quantity=10)

    @desk.orders.update(order_id=arg("order_id"), **sources)
    def poll(order_id: str) -> dict[str, object]:
        desk.clock.now += 2
        return {"status": "filled", "filled": 10}

    poll("1")
    assert (1, 2) == desk.times("fill")


def test_what_a_callback_is_told_is_timed_by_its_beginning(desk: Desk) -> None:
    """Without it, a slow callback would add its own time to that of the fill."""

    @desk.orders.update
    def on_fill(order_id: str, status: str) -> dict[str, str]:
        desk.clock.now += 2
        return {"status": "ok"}

    @desk.orders.update(order_id=arg("msg.id"), status="filled")
    def on_message(msg: Any) -> None:
        desk.clock.now += 2

    @desk.orders.update(order_id=arg("msg.id"), status=arg("msg.status"))
    def on_heartbeat(msg: Any) -> dict[str, str]:
        return {"status": "ok"}

    for number, callback in (("1", lambda: on_fill("1", "filled")), ("2", lambda: on_message({"id": "2"}))):
        desk.orders.submitted(number, side="BUY", quantity=10)
        on_heartbeat({"id": number, "status": None})
        callback()
    assert (2, 0) == desk.times("fill")


def test_what_an_exception_tells_is_timed_by_its_end(desk: Desk) -> None:
    """Without it, a library that raises what became of an order would have it before it was asked."""

    class AlreadyFilledError(Exception):
        status = "filled"

    @desk.orders.update(order_id=arg("order_id"), status=error("status"))
    def poll(order_id: str) -> None:
        desk.clock.now += 2
        raise AlreadyFilledError

    desk.orders.submitted("1", side="BUY", quantity=10)
    with pytest.raises(AlreadyFilledError):
        poll("1")
    assert (1, 2) == desk.times("fill")


def test_a_bare_update_reads_the_answer_where_the_arguments_say_nothing() -> None:
    """Without it, the shortest spelling of a poll would record nothing."""
    desk = Desk(strict=False)

    class Odd:
        @property
        def status(self) -> str:
            raise ZeroDivisionError

    @desk.orders.update
    def poll(order_id: str) -> Any:
        return answers[order_id]

    answers = {"1": SimpleNamespace(status="filled"), "2": {"status": "rejected", "reason": "rms"}, "3": Odd(), "4": 4}
    for number in answers:
        desk.orders.submitted(number, side="BUY")
        poll(number)
    assert {"submitted": 4, "filled": 1, "rejected": 1} == desk.ends()
    assert 1 == desk.value("trading_orders_rejected_total", strategy="s", reason="rms")
    assert {"source": 1} == desk.errors()


@pytest.mark.parametrize("status", ["accepted", result("status")])
def test_an_update_on_top_of_a_submit_is_timed_by_its_end(desk: Desk, status: Any) -> None:
    """Without it, the answer to a submit would be dated before the submit."""

    @desk.orders.update(order_id=arg("order_id"), status=status)
    @desk.orders.submit(order_id=arg("order_id"), status="submitted")
    def place(order_id: str) -> Any:
        desk.clock.now += 2
        return {"status": "accepted"}

    place("1")
    assert (1, 2) == desk.times("ack")
    assert {} == desk.anomalies()


# ── cancels and replaces ─────────────────────────────────────────────────────────────────────────────────────────────


def test_cancels_and_replaces_may_have_times_of_their_own(desk: Desk) -> None:
    """Without it, a backtest's busiest second would be that of the wall clock."""

    @desk.orders.cancel(order_id=arg("order_id"), timestamp=arg("at"))
    def cancel(order_id: str, at: float) -> None: ...

    @desk.orders.replace(order_id=arg("order_id"), new_order_id=arg("order_id"), timestamp=arg("at"))
    def replace(order_id: str, at: float, fails: bool = False) -> None:
        if fails:
            raise InsufficientFunds

    desk.orders.submitted("1", side="BUY", timestamp=1.0)
    for at in (10.0, 20.0, 30.0):
        cancel("1", at)
        replace("1", at)
        with pytest.raises(InsufficientFunds):
            replace("1", at, fails=True)
    assert 3 == desk.value("trading_order_message_rate_max", window="1s")
    assert 3 == desk.value("trading_order_messages_total", action="cancel")
    assert 6 == desk.value("trading_order_messages_total", action="modify")
    assert {} == desk.anomalies()


@pytest.mark.parametrize("ahead", [False, True])
def test_news_under_the_new_id_confirms_a_replace_that_timed_out(desk: Desk, ahead: bool) -> None:
    """Without it, the fill of an order that was replaced after all would be of an unknown order, and it stay open."""
    desk.orders.submitted("1", side="BUY", quantity=10)

    @desk.orders.replace(order_id=arg("old"), new_order_id=arg("new"), quantity=arg("quantity"))
    def replace(old: str, new: str, quantity: int) -> None:
        if ahead:
            desk.orders.updated("2", status="filled", filled=4)
        raise TimeoutError

    with pytest.raises(TimeoutError):
        replace("1", "2", 4)
    desk.clock.now += 60
    if not ahead:
        assert 1 == desk.orders.open_orders()
        desk.orders.updated("2", status="filled", filled=4)
    desk.orders.updated("1", status="cancelled")
    assert {"submitted": 1, "filled": 1} == desk.ends()
    assert {} == desk.anomalies()
    assert 0 == desk.orders.open_orders()


def test_a_replace_that_timed_out_and_was_never_taken_changes_nothing(desk: Desk) -> None:
    """Without it, an order would go on under an id that the broker never saw."""
    desk.orders.submitted("1", side="BUY", quantity=10)

    @desk.orders.replace(order_id=arg("old"), new_order_id=arg("new"), quantity=arg("quantity"))
    def replace(old: str, new: str, quantity: int) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        replace("1", "2", 4)
    desk.orders.updated("1", filled=4)
    assert 1 == desk.orders.open_orders()
    desk.orders.updated("1", status="cancelled")
    assert {"submitted": 1, "cancelled": 1} == desk.ends()
    assert {} == desk.anomalies()


def test_a_replace_that_was_refused_is_confirmed_by_nothing(desk: Desk) -> None:
    """Without it, an order of somebody else's under that id would fill ours."""
    desk.orders.submitted("1", side="BUY", quantity=10)

    @desk.orders.replace(order_id=arg("old"), new_order_id=arg("new"))
    def replace(old: str, new: str) -> None:
        raise InsufficientFunds

    with pytest.raises(InsufficientFunds):
        replace("1", "2")
    desk.orders.updated("2", filled=10)
    desk.clock.now += 60
    assert 1 == desk.orders.open_orders()
    assert {} == desk.anomalies()
    assert 1 == desk.value("trading_order_foreign_total")


def test_a_replace_that_timed_out_can_be_replaced_and_cancelled_under_its_new_id(desk: Desk) -> None:
    """Without it, a bot that goes on under the new id would be reported for orders that nobody knows."""

    @desk.orders.replace(order_id=arg("old"), new_order_id=arg("new"))
    def replace(old: str, new: str, fails: bool = False) -> None:
        if fails:
            raise TimeoutError

    for number in ("a", "b"):
        desk.orders.submitted(f"{number}1", side="BUY", quantity=10)
        with pytest.raises(TimeoutError):
            replace(f"{number}1", f"{number}2", fails=True)
    desk.orders.cancel_requested("a2")
    replace("b2", "b3")
    desk.orders.updated("b3", filled=10)
    desk.clock.now += 60
    assert 1 == desk.orders.open_orders()
    assert {"submitted": 2, "filled": 1} == desk.ends()
    assert {} == desk.anomalies()


def test_replaces_that_nobody_knows_of_are_bounded(desk: Desk) -> None:
    """Without it, a day without a connection would take the process down by its memory."""

    @desk.orders.replace(order_id=arg("old"), new_order_id=arg("new"))
    def replace(old: str, new: str) -> None:
        raise TimeoutError

    desk.orders.submitted("1", side="BUY", quantity=10)
    for number in range(10_001):
        with pytest.raises(TimeoutError):
            replace("1", f"new {number}")
    desk.orders.updated("new 0", filled=10)
    assert 1 == desk.orders.open_orders()
    desk.orders.updated("new 1", filled=10)
    assert {"submitted": 1, "filled": 1} == desk.ends()


# ── keywords ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("decorator", "keyword", "expected"),
    [
        (
            "submit",
            "stattus",
            r"^@orders\.submit takes no keyword 'stattus'; did you mean 'status'\?; it takes: order_id, .*unknown_on$",
        ),
        (
            "update",
            "fillid",
            r"^@orders\.update takes no keyword 'fillid'; did you mean 'fill_id'\?; it takes: .*status, ",
        ),
        (
            "cancel",
            "xyz",
            r"^@orders\.cancel takes no keyword 'xyz'; it takes: order_id, cancel_id, timestamp, symbol$",
        ),
        ("replace", "new_id", r"^@orders\.replace takes no keyword 'new_id'; did you mean 'new_order_id'\?; "),
    ],
)
def test_a_keyword_that_there_is_not_is_answered_with_those_that_there_are(
    desk: Desk, decorator: str, keyword: str, expected: str
) -> None:
    """Without it, a typing error would be answered with the name of a method that the user never wrote."""
    with pytest.raises(TypeError, match=expected):
        getattr(desk.orders, decorator)(**{keyword: arg("x")})
