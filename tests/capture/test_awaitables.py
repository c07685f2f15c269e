"""Decorated functions that return awaitables: recorded when these are done."""

from __future__ import annotations

import asyncio
import gc
import pickle
import sys
import warnings
from concurrent.futures import Future
from typing import Any

import pytest

from tests.callable_cases import OWN, LimitReached
from tests.recorded import errors, recorded
from tradmetrics import (
    TradingMetrics,
    track,
    track_connection,
    track_order,
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


class Refused(Exception):  # noqa: N818
    """A venue's refusal."""


async def answered(answer: object) -> object:
    """Answer, or raise, as a client's coroutine does."""
    await asyncio.sleep(0)
    if isinstance(answer, BaseException):
        raise answer
    return answer


class Request:
    """An HTTP client's request object: awaitable, and an async context manager."""

    label = "mine"

    def __init__(self, answer: object) -> None:
        self.coroutine = answered(answer)

    def __await__(self) -> Any:
        return self.coroutine.__await__()

    async def __aenter__(self) -> Any:
        return await self.coroutine

    async def __aexit__(self, *details: object) -> None:
        self.label = "left"

    def send(self, message: str) -> str:
        """Not a coroutine's."""
        return message


class CoroutineLike(Request):
    """A request object that is a coroutine too, as aiohttp's is and as Cython's coroutines are."""

    def send(self, value: Any) -> Any:
        return self.coroutine.send(value)

    def throw(self, *details: Any) -> Any:
        return self.coroutine.throw(*details)

    def close(self) -> None:
        self.coroutine.close()


async def in_await(request: Any) -> Any:
    """Await a request."""
    return await request


async def in_async_with(request: Any) -> Any:
    """Enter a request."""
    async with request as answer:
        return answer


async def in_task(request: Any) -> Any:
    """Await a request in a task."""
    return await asyncio.create_task(request)


@pytest.mark.parametrize(
    ("kind", "use"),
    [
        (Request, in_await),
        (Request, in_async_with),
        (CoroutineLike, in_await),
        (CoroutineLike, in_async_with),
        (CoroutineLike, in_task),
    ],
)
def test_an_awaitable_object_is_recorded_when_it_has_been_awaited(metrics: TradingMetrics, kind: Any, use: Any) -> None:
    """The order of a client that returns request objects would count as sent, whatever the venue answered."""
    place = track_order(strategy="s", metrics=metrics)(lambda answer, kind=kind: kind(answer))

    async def main() -> None:
        assert {"status": "filled"} == await use(place({"status": "filled"}))
        assert {} == {name: n for name, n in recorded(metrics).items() if "rejected" in name}
        with pytest.raises(Refused):
            await use(place(Refused()))

    asyncio.run(main())
    assert {
        "trading_orders_submitted_total s unknown unknown": 2,
        "trading_orders_filled_total s unknown": 1,
        "trading_order_fill_time_seconds_count s": 1,
        "trading_orders_rejected_total s refused": 1,
    } == recorded(metrics)


def test_an_awaitable_object_shows_through_and_counts_once(metrics: TradingMetrics) -> None:
    """A client's own methods and classes would be gone, or an order that is awaited twice would be two."""
    request = track_order(strategy="s", metrics=metrics)(lambda answer: Request(answer))({"status": "filled"})
    assert isinstance(request, Request)
    assert ("mine", "hello") == (request.label, request.send("hello"))
    assert not hasattr(type(request), "__aiter__")

    async def main() -> None:
        await request
        with pytest.raises(RuntimeError, match="cannot reuse"):
            await request

    asyncio.run(main())
    assert 1 == recorded(metrics)["trading_orders_submitted_total s unknown unknown"]


def test_an_awaitable_object_that_is_dropped_is_recorded_too(metrics: TradingMetrics) -> None:
    """An order would be missing from every ratio."""
    for kind in (Request, CoroutineLike):
        request = track_order(strategy="s", metrics=metrics)(lambda answer, kind=kind: kind(answer))(
            {"status": "filled"}
        )
        request.coroutine.close()
        del request
        gc.collect()
    assert {
        "trading_orders_submitted_total s unknown unknown": 2,
        "trading_orders_unknown_total s generator_exit": 1,
    } == recorded(metrics)


def test_a_coroutine_object_that_is_called_off_midway_is_unknown(metrics: TradingMetrics) -> None:
    """An order that may have reached the venue would count as if it had never been sent."""
    place = track_order(strategy="s", metrics=metrics)(lambda answer: CoroutineLike(answer))

    async def main() -> None:
        task = asyncio.ensure_future(in_task(place({"status": "filled"})))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    begun = place({"status": "filled"})
    begun.send(None)
    begun.close()
    assert {
        "trading_orders_submitted_total s unknown unknown": 2,
        "trading_orders_unknown_total s cancelled_error": 1,
        "trading_orders_unknown_total s generator_exit": 1,
    } == {name: count for name, count in recorded(metrics).items() if "seconds" not in name}


class Pages(Request):
    """A request whose answer can be read page by page, in a loop too."""

    def __init__(self) -> None:
        super().__init__(None)
        self.coroutine.close()
        self.left = [1, 2]

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> int:
        if not self.left:
            raise StopIteration
        return self.left.pop(0)

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> int:
        if not self.left:
            raise StopAsyncIteration
        return self.left.pop(0)


def test_an_awaitable_that_is_read_in_a_loop_gives_its_pages_and_counts_once(metrics: TradingMetrics) -> None:
    """A client's paged answers could not be read any more, or each page would be an order."""
    place = track_order(strategy="s", metrics=metrics)(lambda: Pages())
    plain = place()
    assert (1, [2]) == (next(plain), list(plain))
    del plain
    gc.collect()
    assert 1 == recorded(metrics)["trading_orders_submitted_total s unknown unknown"]

    async def main() -> None:
        pages = place()
        assert 1 == await pages.__anext__()
        assert 2 == recorded(metrics)["trading_orders_submitted_total s unknown unknown"]
        assert [2] == [each async for each in pages]

    asyncio.run(main())
    assert 2 == recorded(metrics)["trading_orders_submitted_total s unknown unknown"]


class Ticket:
    """A request that keeps nothing but its number."""

    number = 0

    def __await__(self) -> Any:
        yield from ()
        return self.number


def test_an_awaitable_that_can_be_pickled_still_can(metrics: TradingMetrics) -> None:
    """A job queue that keeps a client's requests would fail at the first decorated one."""
    ticket = Ticket()
    ticket.number = 7
    kept = pickle.loads(pickle.dumps(track_order(strategy="s", metrics=metrics)(lambda: ticket)()))
    assert (Ticket, 7) == (type(kept), kept.number)


def test_a_coroutine_object_that_is_closed_unbegun_is_unknown(metrics: TradingMetrics) -> None:
    """A request that is called off before it begins would warn that it was never awaited."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        track_order(strategy="s", metrics=metrics)(lambda answer: CoroutineLike(answer))(None).close()
    assert 1 == recorded(metrics)["trading_orders_unknown_total s generator_exit"]


@pytest.mark.skipif(
    sys.platform == "emscripten", reason="there, `asyncio.run` leaves the event loop to JavaScript, so it never ends"
)
@pytest.mark.parametrize("waits", [True, False])
def test_an_async_generator_that_is_alive_when_the_loop_ends_is_unknown(metrics: TradingMetrics, waits: bool) -> None:
    """Stopping a bot would end in an error of the loop, and count a live order as rejected."""
    loop_errors: list[Any] = []
    closed: list[bool] = []

    @track_order(strategy="s", metrics=metrics)
    async def stream() -> Any:
        try:
            yield 1
        finally:
            if waits:
                await asyncio.sleep(0)
            closed.append(True)

    kept = stream()

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: loop_errors.append(context))
        assert 1 == await kept.__anext__()

    asyncio.run(main())
    assert [] == loop_errors
    assert [True] == closed
    assert {
        "trading_orders_submitted_total s unknown unknown": 1,
        "trading_orders_unknown_total s generator_exit": 1,
    } == recorded(metrics)


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
    """It cannot be awaited: the call that returned it is over."""
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
