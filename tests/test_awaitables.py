"""Decorated functions that return awaitables: recorded when these are done."""

from __future__ import annotations

import asyncio
import gc
import warnings
from concurrent.futures import Future
from typing import Any

import pytest

from tests.callable_cases import OWN, LimitReached, requests
from tests.recorded import errors, recorded
from tradmetrics import (
    TradingMetrics,
    track,
    track_connection,
    track_order,
    track_request,
)


@pytest.fixture
def metrics() -> TradingMetrics:
    """A metrics object of the test's own, in which any instrumentation error raises."""
    return TradingMetrics(strict=True)


def test_a_coroutine_from_a_plain_function_keeps_its_name(metrics: TradingMetrics) -> None:
    """Asyncio's task list and its warnings would show our function instead of the bot's."""

    async def send_order() -> None:
        pass

    coroutine = track_order(strategy="s", metrics=metrics)(lambda: send_order())()
    assert ("send_order", send_order.__qualname__) == (coroutine.__name__, coroutine.__qualname__)
    asyncio.run(coroutine)


@pytest.mark.parametrize("way", ["closed", "cancelled", "dropped"])
def test_a_coroutine_that_nobody_begins_to_await_ends_too(metrics: TradingMetrics, way: str) -> None:
    """A connection that is called off before it is made would be live for ever, and an order that left be forgotten."""

    async def answer() -> None:
        raise AssertionError("nobody awaits it")

    @track_connection(metrics=metrics)
    @track_order(strategy="s", metrics=metrics)
    def send() -> Any:
        return answer()

    async def main() -> None:
        task = asyncio.create_task(send())
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if way == "closed":
            send().close()
        elif way == "cancelled":
            asyncio.run(main())
        else:
            send()
    said = [str(each.message) for each in caught]
    assert ([f"coroutine {answer.__qualname__!r} was never awaited"] if way == "dropped" else []) == said
    caught.clear()  # which holds the coroutine
    assert {
        "trading_websocket_connections": 0,
        "trading_orders_submitted_total s unknown unknown": 1,
        "trading_orders_unknown_total s generator_exit": 1,
    } == recorded(metrics)


def test_a_future_is_the_very_object_and_is_recorded_when_it_is_done(metrics: TradingMetrics) -> None:
    """Code that compares, cancels or stores its futures would have another one in its hands."""

    async def main() -> None:
        future = asyncio.get_running_loop().create_future()
        place = track_order(strategy="s", metrics=metrics)(lambda: future)
        assert future is place()
        await asyncio.sleep(0)
        assert {} == recorded(metrics)
        future.set_result({"status": "rejected"})
        assert {"status": "rejected"} == await future

    asyncio.run(main())
    assert {
        "trading_orders_submitted_total s unknown unknown": 1,
        "trading_orders_rejected_total s unknown": 1,
    } == recorded(metrics)


def test_a_future_that_failed_or_was_cancelled_counts_as_such(metrics: TradingMetrics) -> None:
    """Orders sent by tasks would all seem to be well."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        failing, cancelled = loop.create_future(), loop.create_future()
        place = track_order(metrics=metrics)(lambda strategy, future: future)
        place("failing", failing)
        place("cancelled", cancelled)
        failing.set_exception(LimitReached())
        cancelled.cancel()
        with pytest.raises(LimitReached):
            await failing
        with pytest.raises(asyncio.CancelledError):
            await cancelled

    asyncio.run(main())
    assert {
        "trading_orders_submitted_total failing unknown unknown": 1,
        "trading_orders_rejected_total failing limit_reached": 1,
        "trading_orders_submitted_total cancelled unknown unknown": 1,
        "trading_orders_unknown_total cancelled cancelled_error": 1,
    } == recorded(metrics)


def test_python_still_says_that_nobody_looked_at_a_tasks_exception(metrics: TradingMetrics) -> None:
    """A background task that fails would do so in silence because it was decorated."""
    complaints: list[str] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context["message"]))

        async def fail() -> None:
            raise LimitReached

        task = track_order(strategy="s", metrics=metrics)(lambda: asyncio.ensure_future(fail()))()
        while not task.done():
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task
        gc.collect()

    asyncio.run(main())
    assert ["Task exception was never retrieved"] == complaints
    assert 1 == recorded(metrics)["trading_orders_rejected_total s limit_reached"]


def test_futures_of_other_libraries_are_asked_for_their_exception(metrics: TradingMetrics) -> None:
    """A future without asyncio's inner attributes would never be recorded, and one that fails would raise."""

    class Other:
        def __init__(self, answer: Any) -> None:
            self.answer = answer
            self.callbacks: list[Any] = []

        def __await__(self) -> Any:
            yield

        def add_done_callback(self, callback: Any) -> None:
            self.callbacks.append(callback)

        def cancelled(self) -> bool:
            if self.answer == "broken":
                raise RuntimeError("no state")
            return False

        def exception(self) -> BaseException | None:
            return self.answer if isinstance(self.answer, BaseException) else None

        def result(self) -> Any:
            return self.answer

    lenient = TradingMetrics()
    place = track_order(strategy="s", metrics=lenient)(lambda future: future)
    for answer in ({"status": "cancelled"}, LimitReached(), "broken"):
        future = Other(answer)
        assert future is place(future)
        for callback in future.callbacks:
            callback(future)
    assert {
        "trading_orders_submitted_total s unknown unknown": 2,
        "trading_orders_cancelled_total s unknown": 1,
        "trading_orders_rejected_total s limit_reached": 1,
    } == {name: value for name, value in recorded(lenient).items() if name.startswith("trading_")}
    assert {("<lambda>", "record"): 1} == errors(lenient)


def test_an_awaitable_that_cannot_be_watched_is_the_result_itself(metrics: TradingMetrics) -> None:
    """Objects such as an HTTP client's request, awaitable and context manager at once, would lose one of the two."""

    class Request:
        status_code = 202

        def __await__(self) -> Any:
            yield

    request = Request()
    assert request is track_request(endpoint="/x", method="GET", metrics=metrics)(lambda: request)()
    assert requests("202") == recorded(metrics)


def test_labels_of_what_is_awaited_later_are_read_from_keywords_too(metrics: TradingMetrics) -> None:
    """A side that was passed by its name would be unknown once the call is over."""

    class Request:
        def __await__(self) -> Any:
            yield

    async def answer() -> None:
        pass

    async def main() -> None:
        place = track_order(strategy="s", metrics=metrics)(lambda awaitable, side: awaitable)
        await place(answer(), side="BUY")
        future = asyncio.get_running_loop().create_future()
        place(future, side="SELL")
        future.set_result(None)
        await future
        place(Request(), side="BUY")

    asyncio.run(main())
    assert {
        "trading_orders_submitted_total s BUY unknown": 2,
        "trading_orders_submitted_total s SELL unknown": 1,
    } == recorded(metrics)


def test_awaitables_that_resist_being_looked_at_pass_through() -> None:
    """A proxy object as a result would raise out of the call that returned it."""

    class Meta(type):
        def __getattr__(cls, name: str) -> Any:
            raise RuntimeError("ask me nothing")

    class Opaque(metaclass=Meta):
        def add_done_callback(self, callback: Any) -> None:
            raise AssertionError("nobody said that this is a future")

    class Secretive:
        def __await__(self) -> Any:
            yield

        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("ask me nothing")

    class Refusing:
        def __await__(self) -> Any:
            yield

        def add_done_callback(self, callback: Any) -> None:
            raise RuntimeError("no callbacks")

    metrics = TradingMetrics()
    for value in (Opaque(), Secretive(), Refusing()):
        assert value is track(OWN, metrics=metrics)(lambda value=value: value)()
    assert 3 == recorded(metrics)["own_total"]
    assert {("<lambda>", "record"): 2} == errors(metrics)


def test_a_thread_pools_future_is_a_plain_result(metrics: TradingMetrics) -> None:
    """It is no awaitable: the call that returned it is over."""
    future: Future[None] = Future()
    assert future is track(OWN, metrics=metrics)(lambda: future)()
    assert {"own_total": 1} == recorded(metrics)


def test_a_task_that_is_cancelled_while_it_waits_is_unknown_for_every_shell(metrics: TradingMetrics) -> None:
    """A timeout around an order would count as its rejection."""

    async def wait() -> None:
        await asyncio.Event().wait()

    async def stream() -> Any:
        yield 1
        await asyncio.Event().wait()

    async def drain(generator: Any) -> None:
        async for _ in generator:
            pass

    decorate = track_order(strategy="s", metrics=metrics)

    async def main() -> None:
        for awaitable in (decorate(wait)(), decorate(lambda: wait())(), drain(decorate(stream)())):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(awaitable, 0.01)

    asyncio.run(main())
    assert {
        "trading_orders_submitted_total s unknown unknown": 3,
        "trading_orders_unknown_total s cancelled_error": 3,
    } == recorded(metrics)
