"""Every decorator on every kind of callable: a cell for each combination."""

from __future__ import annotations

import asyncio
import inspect
import threading
import traceback
import warnings
from typing import Any, get_type_hints

import pytest

from tests.callable_cases import DECORATORS, LimitReached
from tests.callable_kinds import KINDS, Body, Made
from tests.recorded import recorded
from tradmetrics import (
    TradingMetrics,
    TradmetricsError,
    catalogue,
    track_order,
)


@pytest.fixture
def metrics() -> TradingMetrics:
    """A metrics object of the test's own, in which any instrumentation error raises."""
    return TradingMetrics(strict=True)


def settled(metrics: TradingMetrics) -> dict[str, float]:
    """What was recorded; a time of day as 1."""
    return {name: 1 if "timestamp" in name else value for name, value in recorded(metrics).items()}


def times(expected: dict[str, float], count: int) -> dict[str, float]:
    """What several calls record: counters and observations add up, gauges do not."""

    def is_gauge(name: str) -> bool:
        definition = catalogue.BY_NAME.get(name.split()[0])
        return definition is not None and definition.kind == "gauge"

    return {name: value if is_gauge(name) else value * count for name, value in expected.items()}


def make(metrics: TradingMetrics, name: str, of: str, body: Body) -> Made | None:
    """The callable of a cell; None, having checked that, where generators are refused."""
    case = DECORATORS[name]
    if case.needs_result and "generator" in of:
        with pytest.raises(TradmetricsError, match=f"@{name.split()[0]} on .*: a generator gives no result"):
            KINDS[of](case.decorator(metrics), body)
        return None
    return KINDS[of](case.decorator(metrics), body)


COLUMNS = ("function", "method", "coroutine function")


def cell(name: str, of: str) -> Any:
    """A cell of the matrix. `make test` runs one row and three columns; `make test-all` runs every cell."""
    marks = () if name == "track_order" or of in COLUMNS else (pytest.mark.nightly,)
    return pytest.param(name, of, id=f"{name}-{of}", marks=marks)


cells = pytest.mark.parametrize(("name", "of"), [cell(name, of) for name in DECORATORS for of in KINDS])


@cells
def test_a_call_runs_once_returns_what_it_returned_and_is_recorded(metrics: TradingMetrics, name: str, of: str) -> None:
    """A decorator would change what a function of this kind does, or record it wrongly."""
    case = DECORATORS[name]
    body = Body(case.answer)
    made = make(metrics, name, of, body)
    if made is None:
        return
    once = case.returned if made.has_result else case.nothing
    for number in range(1, 4):  # the first call is looked up, later ones are remembered
        result = made.result(made.decorated("BUY", urgent=True))
        assert (body.answer if made.has_result else None) is result
        assert [(*made.first, "BUY", True)] * number == body.calls
        assert times(once, number * made.times) == settled(metrics)


@cells
def test_a_call_that_raises_raises_the_very_exception_untouched(metrics: TradingMetrics, name: str, of: str) -> None:
    """The bot would not recognise its own exceptions, or their tracebacks would point at us."""
    case = DECORATORS[name]
    exception = LimitReached("position")
    body = Body(exception)
    made = make(metrics, name, of, body)
    if made is None:
        return
    with pytest.raises(LimitReached) as caught:
        made.result(made.decorated("BUY"))
    assert exception is caught.value
    assert (None, None, ()) == (exception.__context__, exception.__cause__, tuple(getattr(exception, "__notes__", ())))
    assert [(*made.first, "BUY", False)] == body.calls
    assert times(case.raised, made.times) == settled(metrics)
    frames = [frame.name for frame in traceback.extract_tb(exception.__traceback__)]
    assert "__call__" == frames[-1]
    inside = frames[frames.index("test_a_call_that_raises_raises_the_very_exception_untouched") + 1 :]
    ours = [name for name in inside if name in ("finished", "_long_way", "_raised", "read")]
    assert [] == ours


@cells
def test_a_cancelled_call_is_unknown_and_never_a_failure(metrics: TradingMetrics, name: str, of: str) -> None:
    """Shutting a bot down would show as rejections, failed trades and system errors."""
    case = DECORATORS[name]
    exception = asyncio.CancelledError()
    body = Body(exception)
    made = make(metrics, name, of, body)
    if made is None:
        return
    with pytest.raises(asyncio.CancelledError):
        made.result(made.decorated("BUY"))
    assert times(case.cancelled, made.times) == settled(metrics)


ATTRIBUTES = (
    "__name__",
    "__qualname__",
    "__doc__",
    "__module__",
    "__annotations__",
    "__isabstractmethod__",
    "__self__",
)
TESTS = (
    inspect.iscoroutinefunction,
    inspect.isgeneratorfunction,
    inspect.isasyncgenfunction,
    inspect.isfunction,
    inspect.ismethod,
    inspect.isroutine,
    inspect.isclass,
    callable,
)


def looks(value: Any) -> dict[str, Any]:
    """What can be seen of a callable from the outside."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        asynchronous = asyncio.iscoroutinefunction(value)
    found: dict[str, Any] = {test.__name__: test(value) for test in TESTS}
    found |= {name: getattr(value, name, "none") for name in ATTRIBUTES if name != "__self__"}
    found["__isabstractmethod__"] = getattr(value, "__isabstractmethod__", False)  # as abc asks
    found["asyncio.iscoroutinefunction"] = asynchronous
    found["signature"] = str(inspect.signature(value))
    found["parameters"] = list(inspect.signature(value).parameters.values())
    found["class"] = value.__class__.__name__
    found["bound"] = type(getattr(value, "__self__", None)).__name__
    return found


@cells
def test_a_decorated_callable_looks_as_it_did(metrics: TradingMetrics, name: str, of: str) -> None:
    """Frameworks that look at signatures and kinds, such as FastAPI, pytest and typer, would misread it."""
    made = make(metrics, name, of, Body(None))
    if made is None:
        return
    assert looks(made.plain) == looks(made.decorated)


def test_type_hints_and_the_wrapped_function_can_be_had(metrics: TradingMetrics) -> None:
    """Dependency injection by annotations would stop working, and nobody could reach the bare function."""

    def place(side: str, size: int = 1) -> dict[str, int]:
        return {}

    decorated = track_order(strategy="s", metrics=metrics)(place)
    assert {"side": str, "size": int, "return": dict[str, int]} == get_type_hints(decorated)
    assert place is inspect.unwrap(decorated)
    assert place is decorated.__wrapped__  # type: ignore[attr-defined]


def test_attributes_of_the_function_are_kept(metrics: TradingMetrics) -> None:
    """Marks that other libraries leave on a function would be lost."""

    def place() -> None:
        pass

    place.route = "/orders"  # type: ignore[attr-defined]
    assert "/orders" == track_order(strategy="s", metrics=metrics)(place).route  # type: ignore[attr-defined]


# ── threads ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_decorated_function_serves_threads_at_once(metrics: TradingMetrics) -> None:
    """Calls that begin together would take each other's results."""

    @track_order(metrics=metrics)
    def place(strategy: str, side: str, order_type: str) -> str:
        return strategy

    wrong: list[str] = []

    def work(name: str) -> None:
        wrong.extend(name for _ in range(500) if place(name, "BUY", "LIMIT") != name)

    threads = [threading.Thread(target=work, args=(f"s{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [] == wrong
    assert {f"trading_orders_submitted_total s{number} BUY LIMIT": 500 for number in range(8)} == recorded(metrics)
