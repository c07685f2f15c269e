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
    """A tracker with its clock and its book."""
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
    desk.orders.submitted("9")
    assert {"duplicate_submit": 1} == desk.anomalies()


def test_decorated_functions_follow_the_default_book_and_stop_when_it_is_disabled() -> None:
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
