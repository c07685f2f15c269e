"""`fill_timer`, `training_timer`, `request_timer`: context managers that time a block, and decorators too."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import math
import sys
import threading
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

import pytest

from tests.recorded import errors, recorded, sample
from tradmetrics import (
    LabelSourceError,
    TradingMetrics,
    TradmetricsError,
    arg,
    configure,
    fill_timer,
    get_metrics,
    request_timer,
    result,
    track_positions,
    training_timer,
)
from tradmetrics.decorators import positions, timing

FILL = "trading_order_fill_time_seconds"
TRAINING = "trading_ml_training_duration_seconds"
REQUEST = "trading_api_request_duration_seconds"


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def after(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@pytest.fixture
def metrics() -> TradingMetrics:
    """A metrics object of the test's own."""
    return TradingMetrics()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of timers and decorators."""
    clock = Clock()
    set_clock(monkeypatch, clock)
    monkeypatch.setattr("tradmetrics.capture.call_site.perf_counter", clock)
    return clock


def set_clock(monkeypatch: pytest.MonkeyPatch, clock: Callable[[], float]) -> None:
    """Let timers read another clock."""
    for module in ("decorators.timing", "decorators.timers"):
        monkeypatch.setattr(f"tradmetrics.{module}.perf_counter", clock)


def fills(metrics: TradingMetrics, strategy: str = "s") -> tuple[float, float]:
    """How many fill times were observed, and their sum."""
    return (
        sample(metrics, f"{FILL}_count", strategy=strategy) or 0.0,
        sample(metrics, f"{FILL}_sum", strategy=strategy) or 0.0,
    )


# ── fill_timer ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_clean_exit_observes_the_seconds(metrics: TradingMetrics, clock: Clock) -> None:
    """Fill times would be missing, or not be seconds."""
    for seconds in (0.5, 2.0, 0.0):
        with fill_timer("s", metrics=metrics):
            clock.after(seconds)
    assert (3, 2.5) == fills(metrics)
    assert 2 == sample(metrics, f"{FILL}_bucket", strategy="s", le="0.5")


@pytest.mark.parametrize("exception", [ValueError("no fill"), asyncio.CancelledError(), KeyboardInterrupt()])
def test_an_exception_observes_nothing_and_passes_through(
    metrics: TradingMetrics, clock: Clock, exception: BaseException
) -> None:
    """Waiting in vain would look like a slow fill, and the exception would be lost."""
    timer = fill_timer("s", metrics=metrics)
    for _ in range(2):
        with pytest.raises(type(exception)) as caught, timer:  # noqa: PT012
            clock.after(1)
            raise exception
        assert exception is caught.value
        with timer:
            clock.after(1)
    assert (2, 2) == fills(metrics)


def test_a_discarded_run_observes_nothing(metrics: TradingMetrics, clock: Clock) -> None:
    """An order that was not filled would count among the fill times."""
    timer = fill_timer("s", metrics=metrics)
    for _ in range(2):
        with timer as timing:
            clock.after(1)
            timing.discard()
            timing.discard()
        with timer:
            clock.after(2)
    assert (2, 4) == fills(metrics)


def test_discarding_after_the_end_changes_nothing(metrics: TradingMetrics, clock: Clock) -> None:
    """A run that was observed already would lose its seconds."""
    with fill_timer("s", metrics=metrics) as timing:
        clock.after(1)
    timing.discard()
    assert (1, 1.0) == (fills(metrics)[0], timing.seconds)


def test_the_seconds_can_be_read_during_and_after(metrics: TradingMetrics, clock: Clock) -> None:
    """A bot that acts on a slow fill would need a clock of its own beside the timer."""
    timer = fill_timer("s", metrics=metrics)
    for seconds in (1.0, 5.0):
        with timer as timing:
            assert 0.0 == timing.seconds
            clock.after(seconds)
            assert seconds == timing.seconds
        clock.after(10)
        assert seconds == timing.seconds
    with timer as timing:
        clock.after(1)
        timing.discard()
        clock.after(1)
        assert 2.0 == timing.seconds
    clock.after(10)
    assert 2.0 == timing.seconds


def test_each_with_has_a_timing_of_its_own(metrics: TradingMetrics, clock: Clock) -> None:
    """A timer that is entered again while it runs would forget when the outer block began."""
    timer = fill_timer("s", metrics=metrics)
    with timer as outer:
        clock.after(1)
        with timer as inner:
            clock.after(2)
            inner.discard()
        with timer as second:
            clock.after(4)
        clock.after(8)
    assert [15.0, 2.0, 4.0] == [outer.seconds, inner.seconds, second.seconds]
    assert (2, 19) == fills(metrics)


def test_timers_may_end_in_another_order_than_they_began_in(metrics: TradingMetrics, clock: Clock) -> None:
    """Exit stacks and hand-written try/finally blocks would mix up their times."""
    first, second, third = (fill_timer(name, metrics=metrics) for name in "abc")
    for timer in (first, second, third):
        timer.__enter__()
        clock.after(1)
    for timer in (second, first, third):
        timer.__exit__(None, None, None)
        clock.after(10)
    assert [(1, 2), (1, 13), (1, 21)] == [fills(metrics, "b"), fills(metrics, "a"), fills(metrics, "c")]
    with first:
        clock.after(1)
    assert (2, 14) == fills(metrics, "a")


def test_what_has_ended_is_kept_by_nothing_that_still_runs(metrics: TradingMetrics) -> None:
    """A bot that always waits for the next fill before it leaves the last block would grow without end."""
    first, second = fill_timer("s", metrics=metrics), fill_timer("t", metrics=metrics)
    first.__enter__()
    for entered, left in [(second, first), (first, second)] * 100:
        timing = entered.__enter__()
        left.__exit__(None, None, None)
        depth = 0
        while timing._outer is not None:
            depth, timing = depth + 1, timing._outer
        assert depth <= 2
    first.__exit__(None, None, None)
    assert (101, 100) == (fills(metrics)[0], fills(metrics, "t")[0])


@pytest.mark.parametrize("sets", ["timers", "positions"])
def test_no_garbage_is_collected_while_a_context_is_changed(
    metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch, sets: str
) -> None:
    """A bot on Python 3.10 or 3.11 whose finalisers record too would crash in the middle of an order, now and then."""
    module, name = {"timers": (timing, "_innermost"), "positions": (positions, "_calls")}[sets]
    collecting: list[bool] = []

    class Watched:
        def __init__(self, variable: contextvars.ContextVar[Any]) -> None:
            self.get = variable.get
            self._set = variable.set

        def set(self, value: object) -> None:
            collecting.append(gc.isenabled())
            self._set(value)

    monkeypatch.setattr(module, name, Watched(getattr(module, name)))
    timer = fill_timer("s", metrics=metrics)
    report = track_positions(metrics=metrics)(lambda: [{"strategy": "s"}])
    for on in (True, False):
        (gc.enable if on else gc.disable)()
        try:
            with timer, timer:
                report()
            assert on is gc.isenabled()
        finally:
            gc.enable()
    # From 3.12 on, Python itself sees to it: https://github.com/python/cpython/issues/148891.
    assert [sys.version_info >= (3, 12), False] == collecting
    assert (4, 1) == (fills(metrics)[0], sample(metrics, "trading_positions_open", strategy="s"))


def test_one_timer_serves_threads_at_once(metrics: TradingMetrics, clock: Clock) -> None:
    """A timer kept on the bot would record one thread's wait as another's."""
    timer = fill_timer("s", metrics=metrics)
    entered, leave = threading.Barrier(3), [threading.Event(), threading.Event()]
    seconds: dict[int, float] = {}

    def wait(number: int) -> None:
        with timer as timing:
            entered.wait(10)
            leave[number].wait(10)
        seconds[number] = timing.seconds

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    entered.wait(10)
    for number, thread in enumerate(threads):
        clock.after(3)
        leave[number].set()
        thread.join(10)
    assert {0: 3.0, 1: 6.0} == seconds
    assert (2, 9) == fills(metrics)


def test_one_timer_serves_tasks_at_once(metrics: TradingMetrics, clock: Clock) -> None:
    """Tasks on one event loop, all in one thread, would leave each other's blocks."""
    timer = fill_timer("s", metrics=metrics)

    async def wait(fill: asyncio.Event) -> float:
        async with timer as timing:
            await fill.wait()
        return timing.seconds

    async def main() -> list[float]:
        events = [asyncio.Event() for _ in range(3)]
        async with timer:
            tasks = [asyncio.ensure_future(wait(event)) for event in events]
            await asyncio.sleep(0)
            for event, task in zip(events, tasks, strict=True):
                clock.after(1)
                event.set()
                await task
        return [task.result() for task in tasks]

    assert [1.0, 2.0, 3.0] == asyncio.run(main())
    assert (4, 9) == fills(metrics)


def test_async_with_treats_exceptions_as_with_does(metrics: TradingMetrics, clock: Clock) -> None:
    """A cancelled wait for a fill would be observed as one."""

    async def main() -> None:
        async with fill_timer("s", metrics=metrics) as timing:
            clock.after(1)
            timing.discard()
        async with fill_timer("s", metrics=metrics):
            clock.after(1)
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert (0, 0) == fills(metrics)


def test_as_a_decorator_it_times_calls_that_return(metrics: TradingMetrics, clock: Clock) -> None:
    """Waiting functions would need a `with` in their body, or their failures would look like fills."""

    @fill_timer("s", metrics=metrics)
    def wait(seconds: float) -> float:
        """Wait."""
        clock.after(seconds)
        if seconds > 5:
            raise TimeoutError
        return seconds

    assert [1, 0, 3] == [wait(1), wait(seconds=0), wait(3)]
    with pytest.raises(TimeoutError):
        wait(6)
    assert (3, 4) == fills(metrics)
    assert ("wait", "Wait.") == (wait.__name__, wait.__doc__)


def test_as_a_decorator_it_times_coroutines_and_generators_to_their_end(metrics: TradingMetrics, clock: Clock) -> None:
    """The time until a coroutine or a generator was made, which is none, would be recorded."""
    timer = fill_timer("s", metrics=metrics)

    @timer
    async def wait(seconds: float) -> None:
        await asyncio.sleep(0)
        clock.after(seconds)

    @timer
    def states() -> Iterator[str]:
        clock.after(1)
        yield "sent"
        clock.after(1)
        yield "filled"

    asyncio.run(wait(3))
    steps = states()
    clock.after(100)  # nothing has begun yet
    assert ["sent", "filled"] == list(steps)
    assert (2, 5) == fills(metrics)


def test_as_a_decorator_its_strategy_may_be_any_source(metrics: TradingMetrics, clock: Clock) -> None:
    """One function that serves several strategies would need a timer for each."""

    @fill_timer(arg("order.strategy"), metrics=metrics)
    def wait(order: dict[str, str]) -> None:
        clock.after(1)

    wait({"strategy": "a"})
    wait({"strategy": "a"})
    wait({"strategy": "b"})
    assert [(2, 2), (1, 1)] == [fills(metrics, "a"), fills(metrics, "b")]


def test_a_source_that_names_no_parameter_fails_when_decorating() -> None:
    """All waits would be recorded for a strategy called `unknown`."""
    with pytest.raises(LabelSourceError, match="names no parameter"):
        fill_timer(arg("strategy"))(lambda order: None)


@pytest.mark.parametrize("source", [arg("strategy"), result(), lambda call: "s"])
def test_a_source_in_a_with_is_unknown_and_counted(metrics: TradingMetrics, source: Any) -> None:
    """The text of the source itself would become a strategy."""
    timer = fill_timer(source, metrics=metrics)
    for _ in range(2):
        with timer:
            pass
    assert 2 == sample(metrics, f"{FILL}_count", strategy="unknown")
    assert {("fill_timer", "source"): 2} == errors(metrics)


@pytest.mark.parametrize(
    ("source", "shown"),
    [(arg("strategy"), "arg('strategy')"), (result(), "result()"), (lambda call: "s", "a function of the Call")],
)
def test_a_source_in_a_with_is_named_with_what_to_write(
    metrics: TradingMetrics, caplog: pytest.LogCaptureFixture, source: Any, shown: str
) -> None:
    """Nobody would find out of `unknown` strategies where they come from."""
    with fill_timer(source, metrics=metrics):
        pass
    assert (
        "tradmetrics.fill_timer: a metric was not recorded as meant (stage: source): LabelSourceError: "
        f"tradmetrics.fill_timer: {shown} reads a call, and a `with` has none; write the label itself"
    ) == caplog.records[0].getMessage().partition(". The call ")[0]


class Desk(Enum):
    """A strategy's name, which can be called as every class can."""

    DELTA = "delta"

    def __call__(self) -> str:
        return "called"


def test_an_enum_that_can_be_called_is_a_label_and_no_function(metrics: TradingMetrics) -> None:
    """A strategy's enum would be taken for a source, and be unknown."""
    with fill_timer(Desk.DELTA, metrics=metrics):
        pass
    assert 1 == sample(metrics, f"{FILL}_count", strategy="delta")
    assert {} == errors(metrics)


def test_the_strategy_may_be_anything_with_a_text(metrics: TradingMetrics) -> None:
    """1 and True, which are equal, would be recorded as one strategy."""
    for strategy in (1, True, 1.0, "1", None):
        with fill_timer(strategy, metrics=metrics):  # type: ignore[arg-type]
            pass
    expected = {"1": 2, "True": 1, "1.0": 1, "unknown": 1}
    assert expected == {name: fills(metrics, name)[0] for name in expected}


def test_the_default_metrics_is_followed_when_it_is_replaced(clock: Clock) -> None:
    """A timer made at import would go on recording into a metrics object that nobody scrapes."""
    timer = fill_timer("s")

    @timer
    def wait() -> None:
        clock.after(1)

    with timer:
        clock.after(1)
    wait()
    assert (2, 2) == fills(get_metrics())
    configure(limits={"strategy": 3}, force=True)
    for _ in range(2):
        with timer:
            clock.after(5)
    wait()
    assert (3, 11) == fills(get_metrics())


def test_a_disabled_metrics_object_records_nothing_and_the_block_still_runs(clock: Clock) -> None:
    """Switching the metrics off would break the code that is timed."""
    metrics = TradingMetrics(enabled=False)
    timer = fill_timer("s", metrics=metrics)
    with timer as timing:
        clock.after(1)
    assert 1.0 == timing.seconds
    assert {} == recorded(metrics)

    def wait() -> None:
        pass

    assert wait is timer(wait)


@pytest.mark.parametrize("timer", [fill_timer("s"), training_timer("m"), request_timer("/x")])
def test_leaving_what_was_not_entered_is_counted(timer: Any) -> None:
    """Whoever enters and leaves a block by hand, and errs, would lose its time without a trace."""
    with timer:
        pass
    timer.__exit__(None, None, None)
    assert {(type(timer).__name__, "record"): 1} == errors(get_metrics())


def test_a_block_may_be_left_in_another_context_than_it_was_entered_in(metrics: TradingMetrics, clock: Clock) -> None:
    """What a framework enters before a request and leaves after it, each on a thread of its own, would go untimed."""
    timer = fill_timer("s", metrics=metrics)
    contextvars.copy_context().run(timer.__enter__)
    clock.after(1)
    contextvars.copy_context().run(timer.__exit__, None, None, None)
    assert (1, 1.0) == fills(metrics)
    assert {} == errors(metrics)


def test_a_strict_metrics_object_raises_where_a_block_was_not_entered() -> None:
    """A test of one's own code would not see the mistake."""
    metrics = TradingMetrics(strict=True)
    with pytest.raises(TradmetricsError, match="not entered"):
        fill_timer("s", metrics=metrics).__exit__(None, None, None)


# ── training_timer ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_training_is_timed_dated_and_rated(
    metrics: TradingMetrics, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody would see that a model was last trained a month ago, or how good it is."""
    monkeypatch.setattr("tradmetrics.decorators.timers.time", lambda: 1_700_000_000.0)
    with training_timer("xgboost", metrics=metrics) as timing:
        clock.after(90)
        timing.accuracy = 0.93
    assert 90.0 == sample(metrics, f"{TRAINING}_sum")
    assert {
        f"{TRAINING}_count": 1,
        "trading_ml_last_training_timestamp": 1_700_000_000.0,
        "trading_ml_model_accuracy xgboost": 0.93,
    } == recorded(metrics)


def test_a_training_without_an_accuracy_leaves_it_alone(metrics: TradingMetrics) -> None:
    """A retraining whose accuracy is not known yet would set it to zero, and an alert would fire."""
    with training_timer(metrics=metrics):
        pass
    assert {f"{TRAINING}_count", "trading_ml_last_training_timestamp"} == set(recorded(metrics))


def test_a_training_that_failed_or_was_discarded_records_nothing(metrics: TradingMetrics) -> None:
    """The model would seem younger than it is."""
    with pytest.raises(ValueError, match=r"^$"), training_timer("m", metrics=metrics) as timing:  # noqa: PT012
        timing.accuracy = 0.1
        raise ValueError
    with training_timer("m", metrics=metrics) as timing:
        timing.discard()
    assert {} == recorded(metrics)


@pytest.mark.parametrize("accuracy", [math.nan, "good", object()])
def test_an_accuracy_that_is_no_number_is_counted_and_the_training_stays(
    metrics: TradingMetrics, accuracy: object
) -> None:
    """A bad score would take the training's time with it."""
    with training_timer("m", metrics=metrics) as timing:
        timing.accuracy = accuracy
    assert 1 == recorded(metrics)[f"{TRAINING}_count"]
    assert {("training_timer", "value"): 1} == errors(metrics)


def test_training_timer_is_a_decorator(metrics: TradingMetrics, clock: Clock) -> None:
    """Training functions would need a `with` in their body."""

    @training_timer(arg("name"), metrics=metrics)
    def train(name: str) -> dict[str, float]:
        clock.after(60)
        return {"accuracy": 0.8}

    assert {"accuracy": 0.8} == train("m")
    assert 60.0 == sample(metrics, f"{TRAINING}_sum")
    assert 0.8 == sample(metrics, "trading_ml_model_accuracy", model="m")


# ── request_timer ────────────────────────────────────────────────────────────────────────────────────────────────


class HTTPStatusError(Exception):
    def __init__(self, status_code: object) -> None:
        super().__init__()
        self.status_code = status_code


class ResponseError(Exception):
    def __init__(self, response: object) -> None:
        super().__init__()
        self.response = response


class Hostile(Exception):  # noqa: N818
    @property
    def status_code(self) -> int:
        raise RuntimeError("no status")


@pytest.mark.parametrize(
    ("status", "label"), [(None, "ok"), (201, "201"), ("accepted", "accepted"), (0, "0"), ("", "unknown")]
)
def test_a_request_is_timed_and_counted_by_status(
    metrics: TradingMetrics, clock: Clock, status: object, label: str
) -> None:
    """Slow or failing endpoints could not be told from others."""
    with request_timer("/orders", "POST", metrics=metrics) as timing:
        clock.after(0.25)
        timing.status = status
    assert {f"trading_api_requests_total /orders POST {label}": 1, f"{REQUEST}_count /orders POST": 1} == recorded(
        metrics
    )
    assert 0.25 == sample(metrics, f"{REQUEST}_sum", endpoint="/orders", method="POST")


@pytest.mark.parametrize(
    ("exception", "label"),
    [
        (HTTPStatusError(503), "503"),
        (HTTPStatusError("E4"), "E4"),
        (HTTPStatusError(None), "error"),
        (HTTPStatusError(True), "error"),
        (HTTPStatusError([500]), "error"),
        (ResponseError(HTTPStatusError(404)), "404"),
        (ResponseError(None), "error"),
        (ValueError(), "error"),
        (asyncio.CancelledError(), "error"),
    ],
)
def test_a_request_that_raised_has_the_exceptions_status(
    metrics: TradingMetrics, exception: BaseException, label: str
) -> None:
    """Errors would count as `ok`, or not at all."""
    with pytest.raises(type(exception)), request_timer("/x", metrics=metrics) as timing:  # noqa: PT012
        timing.status = 200
        raise exception
    assert {f"trading_api_requests_total /x GET {label}": 1, f"{REQUEST}_count /x GET": 1} == recorded(metrics)


def test_an_exception_that_will_not_say_its_status_is_an_error_that_is_counted(metrics: TradingMetrics) -> None:
    """The request would not be counted at all."""
    with pytest.raises(Hostile), request_timer("/x", metrics=metrics):
        raise Hostile
    assert 1 == recorded(metrics)["trading_api_requests_total /x GET error"]
    assert {("request_timer", "source"): 1} == errors(metrics)


def test_a_discarded_request_records_nothing(metrics: TradingMetrics) -> None:
    """A request answered from a cache would count as one of the broker's."""
    with request_timer("/x", metrics=metrics) as timing:
        timing.discard()
    assert {} == recorded(metrics)


def test_the_method_is_in_capitals_wherever_it_was_written(metrics: TradingMetrics) -> None:
    """`get` and `GET` would be two series of one endpoint."""
    with request_timer("/x", "get", metrics=metrics):
        pass
    request_timer("/x", "get", metrics=metrics)(lambda: None)()
    assert {"trading_api_requests_total /x GET ok": 2, f"{REQUEST}_count /x GET": 2} == recorded(metrics)


def test_request_timer_is_a_decorator(metrics: TradingMetrics, clock: Clock) -> None:
    """Client functions would need a `with` in their body."""

    @request_timer("/orders", "POST", metrics=metrics)
    def send(order: object) -> dict[str, int]:
        clock.after(0.5)
        return {"status_code": 202}

    send({})
    assert {"trading_api_requests_total /orders POST 202": 1, f"{REQUEST}_count /orders POST": 1} == recorded(metrics)
    assert 0.5 == sample(metrics, f"{REQUEST}_sum", endpoint="/orders", method="POST")


# ── the clock ────────────────────────────────────────────────────────────────────────────────────────────────────


def broken() -> float:
    """A clock that fails."""
    raise OSError("no clock")


TIMERS: list[tuple[Callable[[TradingMetrics], Any], dict[str, float]]] = [
    (lambda metrics: fill_timer("s", metrics=metrics), {}),
    (lambda metrics: training_timer("m", metrics=metrics), {"trading_ml_last_training_timestamp": 1.0}),
    (lambda metrics: request_timer("/x", metrics=metrics), {"trading_api_requests_total /x GET ok": 1.0}),
]


@pytest.mark.parametrize("seen_before", [False, True])
@pytest.mark.parametrize("breaks", ["entering", "leaving", "both"])
@pytest.mark.parametrize(("make", "remains"), TIMERS, ids=["fill", "training", "request"])
def test_a_clock_that_fails_costs_a_time_and_nothing_else(
    metrics: TradingMetrics,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[TradingMetrics], Any],
    remains: dict[str, float],
    breaks: str,
    seen_before: bool,
) -> None:
    """Monitoring would stop an order from being placed."""
    monkeypatch.setattr("tradmetrics.decorators.timers.time", lambda: 1.0)
    timer = make(metrics)
    if seen_before:
        with timer:
            pass
    before = recorded(metrics)
    clocks = {"entering": (broken, Clock()), "leaving": (Clock(), broken), "both": (broken, broken)}[breaks]
    set_clock(monkeypatch, clocks[0])
    with timer as timing:
        set_clock(monkeypatch, clocks[1])
        assert math.isnan(timing.seconds)
    assert math.isnan(timing.seconds)
    assert {(type(timer).__name__, "clock"): 1} == errors(metrics)
    after = {name: value for name, value in recorded(metrics).items() if not name.startswith("tradmetrics_")}
    expected = {**before, **remains}
    if seen_before:
        expected = {name: 2.0 if "total" in name else value for name, value in expected.items()}
    assert expected == {name: value for name, value in after.items() if value}


@pytest.mark.parametrize("make", [make for make, _ in TIMERS], ids=["fill", "training", "request"])
def test_a_clock_that_failed_once_leaves_later_runs_alone(
    metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch, make: Callable[[TradingMetrics], Any]
) -> None:
    """A run that could not be timed would be taken for the next one."""
    timer = make(metrics)
    set_clock(monkeypatch, broken)
    with timer:
        pass
    clock = Clock()
    set_clock(monkeypatch, clock)
    with timer as timing:
        clock.after(3)
    assert 3.0 == timing.seconds
    sums = [
        each.value for metric in metrics.registry.collect() for each in metric.samples if each.name.endswith("_sum")
    ]
    assert [3.0] == sums
