"""Log records: fields on ours, strategy and order id on the bot's own."""

import asyncio
import gc
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tradmetrics import OrderTracker, TradingMetrics, arg, result, track_order, track_strategy, track_trade
from tradmetrics.logging import OrderContext

BOT = logging.getLogger("bot")


class Keeping(logging.Handler):
    """Keeps records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.records.append(record)

    def fields(self) -> list[tuple[str, str]]:
        """The strategy and the order id of each record."""
        return [(each.strategy, each.order_id) for each in self.records]


@pytest.fixture
def kept() -> Iterator[Keeping]:
    """A handler on the bot's logger with an OrderContext."""
    handler, context = Keeping(), OrderContext()
    handler.addFilter(context)
    BOT.addHandler(handler)
    yield handler
    BOT.removeHandler(handler)
    context.close()


METRICS = TradingMetrics()


@track_order(strategy="gamma", metrics=METRICS)
def place(side: str, order_type: str, order_id: str) -> dict[str, str]:
    """Decorated before any OrderContext exists."""
    BOT.warning("placing")
    return {"status": "accepted"}


def test_a_record_inside_a_decorated_call_has_its_strategy_and_order_id(kept: Keeping) -> None:
    """A user could not find the log lines of one order, or would have to pass its id through every function."""
    BOT.warning("before")
    place("BUY", "LIMIT", "o-1")
    place("BUY", "LIMIT", order_id="o-2")
    BOT.warning("after")
    assert [("", ""), ("gamma", "o-1"), ("gamma", "o-2"), ("", "")] == kept.fields()


def test_calls_decorated_later_and_of_every_kind_are_known(kept: Keeping) -> None:
    """A bot that sets up logging first would have empty fields."""

    class Bot:
        name = "delta"

        @track_order(strategy=arg("self.name"), metrics=METRICS)
        def by_order(self, order: dict[str, str]) -> dict[str, str]:
            BOT.warning("x")
            return {"status": "accepted"}

        @track_trade(strategy="s", side="BUY", metrics=METRICS)
        def by_kwargs(self, **kwargs: str) -> None:
            BOT.warning("x")

    Bot().by_order({"id": "7", "side": "BUY", "type": "LIMIT"})
    Bot().by_kwargs(client_order_id="8")
    tracker = OrderTracker(strategy="tracked", metrics=METRICS)

    @tracker.update(order_id=arg("msg.ref"), status=arg("msg.status"))
    def on_update(msg: dict[str, str]) -> None:
        BOT.warning("x")

    on_update({"ref": "9", "status": "accepted"})
    assert [("delta", "7"), ("s", "8"), ("9")] == [*kept.fields()[:2], kept.fields()[2][1]]


def test_an_inner_call_has_what_the_call_around_it_has(kept: Keeping) -> None:
    """A helper below the strategy's function would lose the strategy."""

    @track_order(strategy=result("strategy"), side="BUY", order_type="LIMIT", metrics=METRICS)
    def inner() -> dict[str, str]:
        BOT.warning("x")
        return {"strategy": "later"}

    @track_order(strategy="outer", side="BUY", order_type="LIMIT", metrics=METRICS)
    def outer(order_id: int) -> None:
        inner()

    outer(5)
    assert [("outer", "5")] == kept.fields()


def test_tasks_keep_their_own_order(kept: Keeping) -> None:
    """Two orders in flight in one event loop would swap their log lines."""

    @track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=METRICS)
    async def send(order_id: str, mine: asyncio.Event, other: asyncio.Event) -> None:
        mine.set()
        await other.wait()
        BOT.warning(order_id)

    async def both() -> None:
        first, second = asyncio.Event(), asyncio.Event()
        await asyncio.gather(send("1", first, second), send("2", second, first))
        BOT.warning("")

    asyncio.run(both())
    assert [("", ""), ("1", "1"), ("2", "2")] == sorted((each.getMessage(), each.order_id) for each in kept.records)


def test_an_exception_passes_and_the_context_ends_with_the_call(kept: Keeping) -> None:
    """The next log lines would carry the order that failed."""

    @track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=METRICS)
    def fail(order_id: str) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no") as caught:
        fail("1")
    BOT.warning("x")
    assert [("", "")] == kept.fields()
    assert caught.value.__context__ is None


def test_a_field_of_the_record_and_a_property_that_raises_cost_nothing(kept: Keeping) -> None:
    """A log line would be lost, or a field that the bot wrote be overwritten."""

    class Order:
        side, order_type = "BUY", "LIMIT"

        @property
        def id(self) -> str:
            raise RuntimeError("gone")

    @track_order(strategy="s", metrics=METRICS)
    def send(order: Order) -> None:
        BOT.warning("x", extra={"strategy": "mine"})

    send(Order())
    assert [("mine", "")] == kept.fields()


def test_without_a_context_the_function_is_called_directly() -> None:
    """Every decorated call would be slower for a feature that is not in use."""

    def called() -> Any:
        shell: Any = place
        names = shell.__code__.co_freevars
        return shell.__closure__[names.index("_tm_call")].cell_contents

    direct = called()
    assert direct is place.__wrapped__  # type: ignore[attr-defined]
    first, second = OrderContext(), OrderContext()
    assert called() is not direct
    first.close()
    first.close()
    assert called() is not direct
    del second
    gc.collect()
    assert called() is direct


def test_an_order_context_is_a_processor_of_structlog_and_a_patcher_of_loguru() -> None:
    """Bots that log with these libraries would have to write the glue themselves."""
    context = OrderContext(default="-")
    assert {"event": "x", "strategy": "-", "order_id": "-"} == context(None, "info", {"event": "x"})
    record: dict[str, Any] = {"extra": {"strategy": "mine"}}
    context.patch(record)
    assert {"extra": {"strategy": "mine", "order_id": "-"}} == record
    context.close()


def test_our_own_records_have_fields(caplog: pytest.LogCaptureFixture) -> None:
    """A log pipeline could only find the metric, the label and the function by parsing our sentences."""
    metrics = TradingMetrics(limits={"strategy": 1})

    @track_order(strategy=arg("strategy"), side="BUY", order_type="LIMIT", metrics=metrics)
    def send(strategy: str) -> dict[str, str]:
        return {"status": "rejected"}

    send("a")
    send("b")

    @track_order(strategy="known", side="BUY", order_type="LIMIT", reason=lambda call: 1 / 0, metrics=metrics)
    def fail() -> dict[str, str]:
        return {"status": "rejected"}

    fail()
    fields = [
        {name: vars(each)[name] for name in ("site", "stage", "metric", "label", "strategy") if name in vars(each)}
        for each in caplog.records
    ]
    assert {"site": f"{__name__}.{fail.__qualname__}", "stage": "source", "strategy": "known"} in fields
    assert {"metric": "trading_orders_submitted_total", "label": "strategy"} in fields


def test_the_strategy_of_a_snapshot_function_is_known(kept: Keeping) -> None:
    """Only orders would have a strategy in the log."""

    @track_strategy(strategy=arg("name"), trades_today=result(), metrics=METRICS)
    def count(name: str) -> int:
        BOT.warning("x")
        return 3

    count("theta")
    assert [("theta", "")] == kept.fields()
