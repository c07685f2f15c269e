"""Decorated generators, sync and async, are talked to, closed and timed as generators are."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from tests.callable_cases import DECORATORS, LimitReached
from tests.recorded import recorded
from tradmetrics import (
    TradingMetrics,
    fill_timer,
    track_connection,
    track_errors,
    track_order,
    track_positions,
)


@pytest.fixture
def metrics() -> TradingMetrics:
    """A metrics object of the test's own, in which any instrumentation error raises."""
    return TradingMetrics(strict=True)


def conversation(log: list[Any]) -> Any:
    """A generator that answers what it is sent and thrown, and notes how it ends."""
    try:
        received = yield "ready"
        while True:
            log.append(received)
            try:
                received = yield f"got {received}"
            except KeyError as thrown:
                received = f"thrown {thrown.args[0]}"
            if received == "stop":
                return "stopped"
            if received == "fail":
                raise LimitReached
    finally:
        log.append("end")


async def async_conversation(log: list[Any]) -> Any:
    """The same as an async generator, which cannot return anything."""
    try:
        received = yield "ready"
        while True:
            log.append(received)
            await asyncio.sleep(0)
            try:
                received = yield f"got {received}"
            except KeyError as thrown:
                received = f"thrown {thrown.args[0]}"
            if received == "stop":
                return
            if received == "fail":
                raise LimitReached
    finally:
        log.append("end")


SCRIPT: list[tuple[str, Any]] = [("next", None), ("send", "a"), ("throw", KeyError("b")), ("send", "c")]
ENDS: dict[str, list[tuple[str, Any]]] = {
    "exhausted": [("send", "stop")],
    "failed": [("send", "fail")],
    "closed": [("close", None)],
    "thrown out": [("throw", LimitReached())],
    "used after its end": [("send", "stop"), ("next", None), ("send", "x"), ("close", None)],
    "closed twice": [("close", None), ("close", None)],
    "cancelled": [("throw", asyncio.CancelledError())],
}


def play(generator: Any, script: list[tuple[str, Any]]) -> list[Any]:
    """What a generator answers to each step."""
    answers: list[Any] = []
    for step, value in script:
        try:
            answers.append(
                next(generator) if step == "next" else getattr(generator, step)(*([] if value is None else [value]))
            )
        except BaseException as exception:
            answers.append(("raised", type(exception), getattr(exception, "value", None), exception.__context__))
    return answers


async def play_async(generator: Any, script: list[tuple[str, Any]]) -> list[Any]:
    """What an async generator answers to each step."""
    answers: list[Any] = []
    for step, value in script:
        name = "__anext__" if step == "next" else f"a{step}"
        try:
            answers.append(await getattr(generator, name)(*([] if value is None else [value])))
        except BaseException as exception:
            answers.append(("raised", type(exception), exception.__context__))
    return answers


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", [name for name, case in DECORATORS.items() if not case.needs_result])
def test_a_generator_takes_send_throw_and_close_as_before(metrics: TradingMetrics, name: str, end: str) -> None:
    """Generators that are talked to, such as an order's state machine, would hear nothing."""
    script = SCRIPT + ENDS[end]
    plain_log: list[Any] = []
    decorated_log: list[Any] = []
    expected = play(conversation(plain_log), script)
    decorated = DECORATORS[name].decorator(metrics)(conversation)
    assert expected == play(decorated(decorated_log), script)
    assert plain_log == decorated_log


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", [name for name, case in DECORATORS.items() if not case.needs_result])
def test_an_async_generator_takes_asend_athrow_and_aclose_as_before(
    metrics: TradingMetrics, name: str, end: str
) -> None:
    """Streams that are talked to would hear nothing, or leave their connections open."""
    script = SCRIPT + ENDS[end]
    plain_log: list[Any] = []
    decorated_log: list[Any] = []
    decorated = DECORATORS[name].decorator(metrics)(async_conversation)

    async def main() -> tuple[list[Any], list[Any]]:
        return await play_async(async_conversation(plain_log), script), await play_async(
            decorated(decorated_log), script
        )

    expected, answers = asyncio.run(main())
    assert expected == answers
    assert plain_log == decorated_log


def test_what_a_generator_raises_while_it_is_closed_has_no_context_of_ours(metrics: TradingMetrics) -> None:
    """An error during the clean-up of a stream would seem to come from us."""

    @track_errors(component="c", metrics=metrics)
    async def stream() -> Any:
        with contextlib.suppress(GeneratorExit):
            yield 1
        raise LimitReached

    @track_errors(component="c", metrics=metrics)
    def numbers() -> Any:
        with contextlib.suppress(GeneratorExit):
            yield 1
        raise LimitReached

    async def main() -> None:
        steps = stream()
        await steps.__anext__()
        with pytest.raises(LimitReached) as caught:
            await steps.aclose()
        assert caught.value.__context__ is None

    asyncio.run(main())
    steps = numbers()
    next(steps)
    with pytest.raises(LimitReached) as caught:
        steps.close()
    assert caught.value.__context__ is None
    assert {"trading_system_errors_total c error": 2} == recorded(metrics)


def test_a_generator_that_ignores_its_closing_is_reported_by_python_as_before(metrics: TradingMetrics) -> None:
    """Python's own complaint would be lost or another one."""

    @track_errors(component="c", metrics=metrics)
    async def stream() -> Any:
        for _ in range(2):
            with contextlib.suppress(GeneratorExit):
                yield 1

    async def main() -> None:
        steps = stream()
        await steps.__anext__()
        with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
            await steps.aclose()

    asyncio.run(main())


def test_a_generator_that_is_forgotten_is_closed_and_recorded(metrics: TradingMetrics) -> None:
    """A loop that breaks off would leave its order uncounted."""
    log: list[Any] = []
    for each in track_order(strategy="s", metrics=metrics)(conversation)(log):
        assert "ready" == each
        break
    gc.collect()
    assert ["end"] == log
    assert 1 == recorded(metrics)["trading_orders_unknown_total s generator_exit"]


def test_generators_are_timed_from_the_first_step_to_the_end(
    metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time between making a generator and using it would count, or only the making would."""
    now = [100.0]
    monkeypatch.setattr("tradmetrics.capture.call_site.perf_counter", lambda: now[0])

    @fill_timer("s", metrics=metrics)
    def states() -> Any:
        now[0] += 1
        yield
        now[0] += 2

    @fill_timer("s", metrics=metrics)
    async def async_states() -> Any:
        now[0] += 4
        yield
        now[0] += 8

    steps = states()
    now[0] += 1_000
    next(steps)
    now[0] += 16
    assert [] == list(steps)

    async def main() -> None:
        steps = async_states()
        now[0] += 1_000
        async for _ in steps:
            now[0] += 32

    asyncio.run(main())
    total = metrics.registry.get_sample_value("trading_order_fill_time_seconds_sum", {"strategy": "s"})
    assert 1 + 2 + 16 + 4 + 8 + 32 == total


def test_delegating_to_a_decorated_generator_works(metrics: TradingMetrics) -> None:
    """`yield from` would get nothing back."""
    log: list[Any] = []
    decorated = track_order(strategy="s", metrics=metrics)(conversation)

    def outer() -> Any:
        return (yield from decorated(log))

    steps = outer()
    assert ["ready", "got x"] == [next(steps), steps.send("x")]
    with pytest.raises(StopIteration) as end:
        steps.send("stop")
    assert "stopped" == end.value.value


def test_an_item_of_a_stream_is_let_go_while_the_next_is_awaited(metrics: TradingMetrics) -> None:
    """Each feed would keep an order book in memory that nobody has any more, for as long as the market is silent."""
    seen: list[Any] = []

    class Item:
        pass

    @track_errors(component="feed", metrics=metrics)
    async def stream() -> Any:
        yield Item()
        seen.append(kept[0]())
        try:
            yield Item()
        except LimitReached:
            seen.append(kept[1]())
            yield "end"

    async def main() -> str:
        items = stream()
        for _ in range(2):
            kept.append(weakref.ref(await items.__anext__()))
        return await items.athrow(LimitReached())

    kept: list[Any] = []
    assert "end" == asyncio.run(main())
    assert [None, None] == seen


def test_a_decorated_generator_is_a_context_manager_beneath_contextlib(metrics: TradingMetrics) -> None:
    """Sessions written as `@contextmanager` generators could not be recorded."""

    @contextlib.contextmanager
    @track_connection(metrics=metrics)
    def session() -> Iterator[str]:
        yield "open"

    @contextlib.asynccontextmanager
    @track_connection(metrics=metrics)
    async def async_session() -> Any:
        yield "open"

    async def main() -> None:
        async with async_session():
            assert {"trading_websocket_connections": 1} == recorded(metrics)

    with session() as state:
        assert "open" == state
        assert {"trading_websocket_connections": 1} == recorded(metrics)
    asyncio.run(main())
    with pytest.raises(LimitReached), session():
        raise LimitReached
    assert {"trading_websocket_connections": 0} == recorded(metrics)


def test_a_context_manager_made_of_a_generator_is_recorded_for_as_long_as_its_block_lasts(
    metrics: TradingMetrics,
) -> None:
    """With the decorator above `@contextmanager`, a connection would never be live, and no error in a block count."""

    class Bot:
        @track_connection(metrics=metrics)
        @contextlib.contextmanager
        def session(self, state: str) -> Iterator[str]:
            """A session."""
            yield state

        @track_errors(component="feed", metrics=metrics)
        @track_connection(metrics=metrics)
        @contextlib.asynccontextmanager
        async def async_session(self, state: str) -> Any:
            yield state

    async def main() -> None:
        async with bot.async_session(state="open") as state:
            assert ("open", {"trading_websocket_connections": 1}) == (state, recorded(metrics))
        with pytest.raises(LimitReached) as caught:
            async with bot.async_session("open"):
                raise reached
        assert reached is caught.value

    bot, reached = Bot(), LimitReached()
    assert ("session", "A session.") == (Bot.session.__name__, Bot.session.__doc__)
    for _ in range(2):
        with bot.session("open") as state:
            assert ("open", {"trading_websocket_connections": 1}) == (state, recorded(metrics))
        assert {"trading_websocket_connections": 0} == recorded(metrics)
    asyncio.run(main())
    assert {"trading_websocket_connections": 0, "trading_system_errors_total feed error": 1} == recorded(metrics)


def test_a_snapshot_of_a_context_manager_is_refused(metrics: TradingMetrics) -> None:
    """A decorator that reads results would find a context manager in the place of the positions."""
    with pytest.raises(TypeError, match=r"@track_positions on .*\.session: a generator gives no result to read"):

        @track_positions(metrics=metrics)
        @contextlib.contextmanager
        def session() -> Iterator[list[Any]]:
            yield []
