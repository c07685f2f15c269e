"""`track_order`: what is counted for an order, by what the broker answered or how the call failed."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest

from tests.recorded import errors, raising, recorded, sample
from tradmetrics import (
    ConfigurationError,
    LabelSourceError,
    TradingMetrics,
    TradmetricsError,
    arg,
    configure,
    error,
    get_metrics,
    result,
    track_order,
    track_positions,
)

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup  # pytest has it there

SUBMITTED = "trading_orders_submitted_total s BUY LIMIT"
FILLED = "trading_orders_filled_total s BUY"
FILL_TIME = "trading_order_fill_time_seconds_count s"

ENDS: dict[str, dict[str, float]] = {
    "filled": {FILLED: 1, FILL_TIME: 1},
    "rejected": {"trading_orders_rejected_total s unknown": 1},
    "cancelled": {"trading_orders_cancelled_total s unknown": 1},
    "expired": {"trading_orders_cancelled_total s expired": 1},
    "submitted": {},
    "accepted": {},
    "partially_filled": {},
    "unknown": {},
}
"""What is counted beside the submitted order, by its status."""


@pytest.fixture
def metrics() -> TradingMetrics:
    """A metrics object of the test's own."""
    return TradingMetrics()


@dataclass
class Answer:
    """What a broker answers."""

    status: object = None
    reason: object = None
    fill_time: object = None


def place_with(metrics: TradingMetrics, answer: object, **sources: Any) -> Callable[..., Any]:
    """A decorated `place(side, order_type)` that answers `answer`."""

    @track_order(strategy="s", metrics=metrics, **sources)
    def place(side: object = "BUY", order_type: object = "LIMIT") -> object:
        return answer

    return place


def run(awaitable: Any) -> Any:
    """Run a coroutine to its end."""
    return asyncio.run(awaitable)


# ── what a status counts ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", ENDS)
def test_each_status_counts_its_own_end_and_nothing_else(metrics: TradingMetrics, status: str) -> None:
    """Rejected ÷ submitted, the ratio that an alert stands on, would be wrong."""
    place = place_with(metrics, Answer(status))
    place()
    assert {SUBMITTED: 1, **ENDS[status]} == recorded(metrics)


@pytest.mark.parametrize("status", ENDS)
def test_the_hundredth_order_counts_as_the_first_did(metrics: TradingMetrics, status: str) -> None:
    """What is remembered of earlier calls would make later ones count differently."""
    place = place_with(metrics, Answer(status))
    for _ in range(100):
        place()
    assert {name: 100 * count for name, count in {SUBMITTED: 1, **ENDS[status]}.items()} == recorded(metrics)


@pytest.mark.parametrize("status", ENDS)
def test_an_async_function_counts_the_same(metrics: TradingMetrics, status: str) -> None:
    """An async bot would see other figures than a threaded one for the same orders."""

    @track_order(strategy="s", metrics=metrics)
    async def place(side: str, order_type: str) -> Answer:
        await asyncio.sleep(0)
        return Answer(status)

    run(place("BUY", "LIMIT"))
    assert {SUBMITTED: 1, **ENDS[status]} == recorded(metrics)


def test_nothing_is_counted_before_an_async_function_has_ended(metrics: TradingMetrics) -> None:
    """An order would count as submitted that never left, because its coroutine was not run."""

    @track_order(strategy="s", metrics=metrics)
    async def place(side: str, order_type: str) -> None:
        pass

    coroutine = place("BUY", "LIMIT")
    assert {} == recorded(metrics)
    run(coroutine)
    assert {SUBMITTED: 1} == recorded(metrics)


def test_one_function_counts_every_order_by_its_own_status(metrics: TradingMetrics) -> None:
    """Orders with the same labels would all be counted as the first one ended."""
    answers = iter([*ENDS, *ENDS, None])

    @track_order(strategy="s", metrics=metrics)
    def place(side: str, order_type: str) -> dict[str, object] | None:
        status = next(answers)
        return None if status is None else {"status": status}

    for _ in range(2 * len(ENDS) + 1):
        place("BUY", "LIMIT")
    expected: dict[str, float] = {SUBMITTED: 17}
    for end in ENDS.values():
        expected.update({name: 2 * count for name, count in end.items()})
    assert expected == recorded(metrics)


@pytest.mark.parametrize("answer", [None, {}, {"status": None}, Answer(None), "the id", 42, object()])
def test_an_answer_without_a_status_counts_as_submitted_and_is_no_error(
    metrics: TradingMetrics, answer: object
) -> None:
    """Most brokers answer with an id; each of their orders would be an error, or an end that never was."""
    place_with(metrics, answer)()
    assert {SUBMITTED: 1} == recorded(metrics)


class Word(Enum):
    """A broker library's enum."""

    DONE = "filled"


class TextWord(str, Enum):
    """An enum that is a text too."""

    DONE = "filled"


@pytest.mark.parametrize("status", ["FILLED", " Filled ", Word.DONE, TextWord.DONE, b"filled"])
def test_a_status_is_folded_before_it_decides(metrics: TradingMetrics, status: object) -> None:
    """Fills would go uncounted because the broker writes the word in capitals, or hands an enum."""
    place_with(metrics, Answer(status))()
    assert {SUBMITTED: 1, **ENDS["filled"]} == recorded(metrics)


@pytest.mark.parametrize("status", ["pending_cancel", "pending_replace"])
def test_a_word_that_keeps_the_orders_state_counts_nothing_and_is_no_error(
    metrics: TradingMetrics, status: str
) -> None:
    """Asking for a cancel would look like an error of the instrumentation."""
    place_with(metrics, Answer(status))()
    assert {SUBMITTED: 1} == recorded(metrics)


class Unprintable:
    """An object that cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize("status", ["on its way", 2, object(), Unprintable()])
def test_an_unknown_status_counts_nothing_more_and_is_an_error_that_is_counted(
    metrics: TradingMetrics, status: object
) -> None:
    """A broker's new word would go unnoticed, or take the count of the order with it."""
    place_with(metrics, Answer(status))()
    assert {("place", "vocabulary"): 1} == errors(metrics)
    assert 1 == recorded(metrics)[SUBMITTED]
    assert 2 == len(recorded(metrics))


@pytest.mark.parametrize(
    ("dialect", "status", "end"),
    [
        ("fix", 2, "filled"),
        ("fix", "8", "rejected"),
        ("ib", "Submitted", "accepted"),
        ("ib", "ApiCancelled", "cancelled"),
        ("kite", "COMPLETE", "filled"),
        ("binance", "EXPIRED_IN_MATCH", "expired"),
    ],
)
def test_a_dialect_gives_a_brokers_words_their_meaning(
    metrics: TradingMetrics, dialect: str, status: object, end: str
) -> None:
    """A number of one broker's protocol would be read as another's."""
    place_with(metrics, Answer(status), dialect=dialect)()
    assert {SUBMITTED: 1, **ENDS[end]} == recorded(metrics)


def test_a_dialect_folds_the_side_and_the_type_too(metrics: TradingMetrics) -> None:
    """Half of an order's labels would be `unknown` beside a status that was understood."""
    place_with(metrics, Answer("2"), dialect="fix")(1, "2")
    assert {SUBMITTED: 1, **ENDS["filled"]} == recorded(metrics)


def test_an_unknown_dialect_fails_when_decorating_and_names_a_known_one() -> None:
    """The misspelling would be noticed when the first order had been miscounted."""
    with pytest.raises(ConfigurationError, match="did you mean 'alpaca'"):
        track_order(strategy="s", dialect="alpaka")


# ── how a call that raises counts ────────────────────────────────────────────────────────────────────────────────


class InsufficientFunds(Exception):  # noqa: N818
    pass


class HTTPError(Exception):
    pass


class Order2Rejected(Exception):  # noqa: N818
    pass


@pytest.mark.parametrize(
    ("exception", "reason"),
    [
        (InsufficientFunds("need 1,200.50"), "insufficient_funds"),
        (HTTPError(), "http_error"),
        (Order2Rejected(), "order2_rejected"),
        (ValueError(), "value_error"),
        (KeyError("side"), "key_error"),
        (OSError(5, "disk"), "os_error"),
        (StopIteration(), "stop_iteration"),
    ],
)
def test_an_exception_is_a_rejection_with_its_class_as_the_reason(
    metrics: TradingMetrics, exception: Exception, reason: str
) -> None:
    """The reasons that a broker refuses for could not be told apart, or would be texts with amounts in them."""
    place = track_order(raising(exception), strategy="s", metrics=metrics)  # type: ignore[call-overload]
    with pytest.raises(type(exception)) as caught:
        place()
    assert exception is caught.value
    assert {
        "trading_orders_submitted_total s unknown unknown": 1,
        f"trading_orders_rejected_total s {reason}": 1,
    } == recorded(metrics)


class LostConnection(ConnectionResetError):  # noqa: N818
    pass


class Deadline(TimeoutError):  # noqa: N818
    pass


def named(name: str, module: str = "elsewhere", base: type[Exception] = Exception) -> type[Exception]:
    """An exception class of that name, as a library that is not installed would have it."""
    return type(name, (base,), {"__module__": module})


UNKNOWN = {
    TimeoutError(): "timeout_error",
    Deadline(): "deadline",
    asyncio.TimeoutError(): "timeout_error",
    ConnectionError(): "connection_error",
    ConnectionRefusedError(): "connection_refused_error",
    BrokenPipeError(): "broken_pipe_error",
    LostConnection(): "lost_connection",
    asyncio.CancelledError(): "cancelled_error",
    KeyboardInterrupt(): "keyboard_interrupt",
    SystemExit(1): "system_exit",
    GeneratorExit(): "generator_exit",
    named("RequestTimeout", "ccxt.base.errors")(): "request_timeout",
    named("NetworkError", "ccxt.base.errors")(): "network_error",
    named("ExchangeNotAvailable", "ccxt.base.errors")(): "exchange_not_available",
    named("OnMaintenance", "ccxt.base.errors", named("ExchangeNotAvailable", "ccxt.base.errors"))(): "on_maintenance",
    named("Timeout", "requests.exceptions")(): "timeout",
    named("ReadTimeout", "requests.exceptions", named("Timeout", "requests.exceptions"))(): "read_timeout",
    named("ConnectionError", "requests.exceptions")(): "connection_error",
    named("TimeoutException", "httpx")(): "timeout_exception",
    named("ReadTimeout", "httpx", named("TimeoutException", "httpx"))(): "read_timeout",
    named("ServerTimeoutError", "aiohttp.client_exceptions")(): "server_timeout_error",
}


@pytest.mark.parametrize(
    ("exception", "reason"), UNKNOWN.items(), ids=[f"{type(e).__module__}.{type(e).__name__}" for e in UNKNOWN]
)
def test_where_nobody_knows_the_outcome_it_is_not_counted_as_rejected(
    metrics: TradingMetrics, exception: BaseException, reason: str
) -> None:
    """Orders that may be live would be counted as refused, and nobody would look for them."""
    place = track_order(raising(exception), strategy="s", metrics=metrics)  # type: ignore[call-overload]
    with pytest.raises(type(exception)) as caught:
        place()
    assert exception is caught.value
    assert {
        "trading_orders_submitted_total s unknown unknown": 1,
        f"trading_orders_unknown_total s {reason}": 1,
    } == recorded(metrics)


class GatewayGone(Exception):  # noqa: N818
    pass


class GatewayGoneAgain(GatewayGone):
    pass


@pytest.mark.parametrize(
    "unknown_on",
    [
        GatewayGone,
        "GatewayGone",
        (ValueError, GatewayGone),
        ["KeyError", "GatewayGone"],
        f"{__name__}.GatewayGone",
        {GatewayGone},
    ],
)
@pytest.mark.parametrize("exception", [GatewayGone(), GatewayGoneAgain()])
def test_more_exceptions_of_unknown_outcome_can_be_named(
    metrics: TradingMetrics, unknown_on: Any, exception: Exception
) -> None:
    """A library with timeouts of its own would have its live orders counted as refused."""
    place = track_order(strategy="s", unknown_on=unknown_on, metrics=metrics)(raising(exception))
    with pytest.raises(GatewayGone):
        place()
    assert 1 == sum(
        count for name, count in recorded(metrics).items() if name.startswith("trading_orders_unknown_total")
    )
    assert 1 == sum(count for name, count in recorded(metrics).items() if name.startswith("trading_orders_submitted"))
    assert 2 == len(recorded(metrics))


@pytest.mark.parametrize(
    ("members", "is_unknown"),
    [
        ([TimeoutError()], True),
        ([ValueError(), GatewayGone()], True),
        ([ValueError(), ExceptionGroup("inner", [ConnectionResetError()])], True),
        ([ValueError(), KeyError()], False),
        ([ExceptionGroup("inner", [ValueError()])], False),
    ],
)
def test_a_group_with_an_exception_of_unknown_outcome_is_unknown(
    metrics: TradingMetrics, members: list[Exception], is_unknown: bool
) -> None:
    """An order that is sent in a task group, and may be live after its timeout, would be counted as refused."""
    group = ExceptionGroup("orders", members)
    place = track_order(strategy="s", unknown_on=GatewayGone, metrics=metrics)(raising(group))
    with pytest.raises(ExceptionGroup) as caught:
        place()
    assert group is caught.value
    assert {
        "trading_orders_submitted_total s unknown unknown": 1,
        f"trading_orders_{'unknown' if is_unknown else 'rejected'}_total s exception_group": 1,
    } == recorded(metrics)


def test_an_exception_for_a_reason_is_its_class(metrics: TradingMetrics) -> None:
    """Its text holds the amount that was missing, and each rejection would be a reason of its own."""
    refusal = PermissionError("need 1,250.75 more")
    with pytest.raises(PermissionError):
        track_order(strategy="s", reason=error(), metrics=metrics)(raising(refusal))()
    answer = {"status": "rejected", "error": refusal}
    assert answer is track_order(strategy="s", reason=result("error"), metrics=metrics)(lambda: answer)()
    with pytest.raises(PermissionError):
        track_order(strategy="s", reason=error("args.0"), metrics=metrics)(raising(refusal))()
    assert {
        "trading_orders_submitted_total s unknown unknown": 3,
        "trading_orders_rejected_total s permission_error": 2,
        "trading_orders_rejected_total s need 1,250.75 more": 1,
    } == recorded(metrics)


def test_naming_more_keeps_the_defaults(metrics: TradingMetrics) -> None:
    """Timeouts would become rejections for those who add an exception of their own."""
    place = track_order(strategy="s", unknown_on="GatewayGone", metrics=metrics)(raising(TimeoutError()))
    with pytest.raises(TimeoutError):
        place()
    assert 1 == sample(metrics, "trading_orders_unknown_total", strategy="s", reason="timeout_error")


@pytest.mark.parametrize("unknown_on", [42, (int,), "", (" ",), (None,), [ValueError, 3]])
def test_what_is_no_exception_cannot_be_named(unknown_on: Any) -> None:
    """A mistake there would be noticed when a live order had been counted as refused."""
    with pytest.raises(ConfigurationError, match="unknown_on"):
        track_order(strategy="s", unknown_on=unknown_on)


def test_a_cancelled_task_is_unknown_and_stays_cancelled(metrics: TradingMetrics) -> None:
    """Shutting a bot down would show as a burst of rejections."""
    entered: list[bool] = []

    @track_order(strategy="s", metrics=metrics)
    async def place(side: str, order_type: str) -> None:
        entered.append(True)
        await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.ensure_future(place("BUY", "LIMIT"))
        while not entered:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    run(main())
    assert {SUBMITTED: 1, "trading_orders_unknown_total s cancelled_error": 1} == recorded(metrics)


@pytest.mark.parametrize(
    ("sources", "reason"),
    [
        ({"reason": "margin"}, "margin"),
        ({"reason": error("code")}, "E17"),
        ({"reason": lambda call: f"{call.exception.code}!"}, "E17!"),
        ({"reason": arg("why")}, "asked"),
        ({"reason": result("reason")}, "broker_error"),
        ({}, "broker_error"),
    ],
)
def test_a_source_of_the_reason_wins_over_the_class(metrics: TradingMetrics, sources: Any, reason: str) -> None:
    """A broker's own reject codes could not be told apart."""

    class BrokerError(Exception):
        code = "E17"

    @track_order(strategy="s", metrics=metrics, **sources)
    def place(why: str = "asked") -> None:
        raise BrokerError

    with pytest.raises(BrokerError):
        place()
    assert 1 == sample(metrics, "trading_orders_rejected_total", strategy="s", reason=reason)
    assert {} == errors(metrics)


def test_a_source_of_the_reason_that_fails_makes_it_unknown_and_is_counted(metrics: TradingMetrics) -> None:
    """A wrong path would look like a reason that the broker gave."""
    place = track_order(strategy="s", reason=error("code"), metrics=metrics)(raising(ValueError()))
    with pytest.raises(ValueError, match=r"^$"):
        place()
    assert 1 == sample(metrics, "trading_orders_rejected_total", strategy="s", reason="unknown")
    assert 1 == sum(errors(metrics).values())


# ── reasons and fill times ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", ["rejected", "cancelled", "expired"])
def test_the_reason_is_read_from_the_answer(metrics: TradingMetrics, status: str) -> None:
    """Every rejection and cancel would be for a reason that nobody knows."""
    place_with(metrics, Answer(status, reason="price band"))()
    family = "rejected" if status == "rejected" else "cancelled"
    assert {SUBMITTED: 1, f"trading_orders_{family}_total s price band": 1} == recorded(metrics)


def test_a_reason_given_for_an_expired_order_is_kept(metrics: TradingMetrics) -> None:
    """A day order's end could not be told from a session's."""
    place_with(metrics, Answer("expired"), reason="end of day")()
    assert {SUBMITTED: 1, "trading_orders_cancelled_total s end of day": 1} == recorded(metrics)


@pytest.mark.parametrize("fill_time", [0.75, Decimal("0.75"), "0.75", " 0.75 ", Fraction(3, 4)])
def test_the_fill_time_is_read_from_the_answer_in_seconds(metrics: TradingMetrics, fill_time: object) -> None:
    """A broker's own figure, which knows the exchange's time, would be lost."""
    place_with(metrics, Answer("filled", fill_time=fill_time))()
    assert 0.75 == sample(metrics, "trading_order_fill_time_seconds_sum", strategy="s")
    assert {} == errors(metrics)


def test_the_fill_time_is_the_calls_own_duration_where_none_is_given(
    metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fill times would be missing for every broker that answers when the order is filled."""
    now = iter([100.0, 102.5])
    monkeypatch.setattr("tradmetrics.capture.call_site.perf_counter", lambda: next(now))
    place_with(metrics, Answer("filled"))()
    assert 2.5 == sample(metrics, "trading_order_fill_time_seconds_sum", strategy="s")


@pytest.mark.parametrize("fill_time", [-0.1, Decimal("-1"), "-2", math.nan, math.inf, -math.inf, "NaN", "soon", [], 1j])
def test_a_fill_time_that_cannot_be_is_dropped_and_counted(metrics: TradingMetrics, fill_time: object) -> None:
    """One bad value would make the sum of all fill times useless."""
    place_with(metrics, Answer("filled", fill_time=fill_time))()
    assert {("place", "value"): 1} == errors(metrics)
    assert 1 == recorded(metrics)[FILLED]
    assert 0.0 == (sample(metrics, "trading_order_fill_time_seconds_sum", strategy="s") or 0.0)
    assert 0.0 == recorded(metrics).get(FILL_TIME, 0.0)


def test_a_fill_time_of_zero_is_one(metrics: TradingMetrics) -> None:
    """Fills of a simulated broker would have no times."""
    place_with(metrics, Answer("filled", fill_time=0))()
    assert 1 == recorded(metrics)[FILL_TIME]


@pytest.mark.parametrize("source", ["arg", "callable", "result", "constant"])
def test_the_fill_time_can_come_from_any_source(metrics: TradingMetrics, source: str) -> None:
    """Some brokers' fill times could not be recorded at all."""
    sources: dict[str, Any] = {
        "arg": arg("waited"),
        "callable": lambda call: call.arguments["waited"],
        "result": result("info.waited"),
        "constant": 3,
    }

    @track_order(strategy="s", status="filled", fill_time=sources[source], metrics=metrics)
    def place(waited: float) -> dict[str, Any]:
        return {"info": {"waited": waited}}

    place(3.0)
    assert 3.0 == sample(metrics, "trading_order_fill_time_seconds_sum", strategy="s")


# ── labels ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_missing_side_or_type_is_unknown_and_no_error(metrics: TradingMetrics) -> None:
    """A function without a side could not be decorated, or would be an error at each call."""
    track_order(strategy="s", metrics=metrics)(lambda: None)()
    assert {"trading_orders_submitted_total s unknown unknown": 1} == recorded(metrics)


@pytest.mark.parametrize("value", [None, "", "unknown", "  "])
def test_a_side_or_type_that_says_nothing_is_unknown_and_no_error(metrics: TradingMetrics, value: object) -> None:
    """Orders of a kind that has no side would be errors of the instrumentation."""
    place_with(metrics, None)(value, value)
    assert {"trading_orders_submitted_total s unknown unknown": 1} == recorded(metrics)


def test_an_unrecognised_type_is_other_and_an_unrecognised_side_is_counted(metrics: TradingMetrics) -> None:
    """A broker's special order type would be an error, and a misread side would not."""
    place = place_with(metrics, None)
    place("BUY", "ICEBERG")
    assert {"trading_orders_submitted_total s BUY OTHER": 1} == recorded(metrics)
    place("sideways", "LIMIT")
    assert 1 == sample(metrics, "trading_orders_submitted_total", strategy="s", side="unknown", order_type="LIMIT")
    assert {("place", "vocabulary"): 1} == errors(metrics)


class Unreadable:
    """A value whose text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


def test_a_label_that_cannot_be_read_costs_a_label_and_nothing_else(metrics: TradingMetrics) -> None:
    """One object without a text would take the count of its order with it."""

    @track_order(metrics=metrics)
    def place(strategy: object, side: object, order_type: object) -> Answer:
        return Answer("filled", fill_time=1)

    for _ in range(3):
        place(Unreadable(), "BUY", "LIMIT")
        place("s", Unreadable(), "LIMIT")
    assert 3 == sample(metrics, "trading_orders_submitted_total", strategy="unknown", side="BUY", order_type="LIMIT")
    assert 3 == sample(metrics, "trading_orders_submitted_total", strategy="s", side="unknown", order_type="LIMIT")
    assert 3 == sample(metrics, "trading_orders_filled_total", strategy="unknown", side="BUY")
    assert 3 == sample(metrics, "trading_orders_filled_total", strategy="s", side="unknown")
    assert {("place", "label"): 6} == errors(metrics)


def test_an_enum_of_texts_is_its_text_to_the_letter(metrics: TradingMetrics) -> None:
    """A side would be exposed as `Side.BUY`, which no panel selects."""

    class Side(str, Enum):
        BUY = "BUY"

    place_with(metrics, None)(Side.BUY, "LIMIT")
    labels = [
        list(each.labels.values()) for metric in metrics.registry.collect() for each in metric.samples if each.labels
    ]
    assert ["s", "BUY", "LIMIT"] in labels
    assert {str} == {type(value) for values in labels for value in values}
    assert 'side="BUY"' in generate_latest(metrics.registry).decode()


def test_the_text_of_a_label_is_read_once_a_call(metrics: TradingMetrics) -> None:
    """A strategy object whose text is costly, or changes, would be asked for each of an order's metrics."""

    class Strategy:
        read = 0

        def __str__(self) -> str:
            Strategy.read += 1
            return f"read {Strategy.read}"

    place = track_order(metrics=metrics)(lambda strategy: Answer("filled", fill_time=1))
    for number in (1, 2):
        place(Strategy())
        assert number == Strategy.read
        assert 1 == sample(metrics, "trading_orders_filled_total", strategy=f"read {number}", side="unknown")
        assert 1 == sample(metrics, "trading_order_fill_time_seconds_count", strategy=f"read {number}")


class Order:
    """An order with attributes."""

    strategy = "s"
    side = "BUY"
    order_type = "LIMIT"
    status: object = None
    reason = "too late"
    fill_time = 2


class OrderMapping(Mapping[str, object]):
    """An order that is a mapping, and no dict."""

    def __init__(self, **values: object) -> None:
        self._values = values

    def __getitem__(self, key: str) -> object:
        return self._values[key]

    def __iter__(self) -> Any:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


ORDER = {"strategy": "s", "side": "BUY", "order_type": "LIMIT"}


@pytest.mark.parametrize(
    "order",
    [Order(), dict(ORDER), MappingProxyType(ORDER), OrderMapping(**ORDER), SimpleNamespace(**ORDER)],
    ids=["object", "dict", "proxy", "mapping", "namespace"],
)
def test_labels_left_out_are_read_from_the_order(metrics: TradingMetrics, order: object) -> None:
    """The bare decorator would work on no function that takes an order."""

    @track_order(metrics=metrics)
    def place(order: object) -> None:
        pass

    for _ in range(3):
        place(order)
    assert {SUBMITTED: 3} == recorded(metrics)


def test_a_parameter_of_that_name_wins_over_the_orders(metrics: TradingMetrics) -> None:
    """The side that was asked for would be recorded as the order's."""

    @track_order(strategy="s", metrics=metrics)
    def place(order: object, side: str) -> None:
        pass

    place({"side": "BUY", "order_type": "LIMIT"}, "SELL")
    assert {"trading_orders_submitted_total s SELL LIMIT": 1} == recorded(metrics)


@pytest.mark.parametrize("subject", ["order", "trade", "tick", "position", "request", "model"])
def test_each_subject_is_looked_at(metrics: TradingMetrics, subject: str) -> None:
    """Functions that call their order a request would record `unknown`."""
    place: Any = eval(f"lambda {subject}: None")
    track_order(metrics=metrics)(place)(Order())
    assert {SUBMITTED: 1} == recorded(metrics)


@pytest.mark.parametrize("order", [object(), {}, None, 3, [], "text"])
def test_an_order_without_the_label_is_no_error(metrics: TradingMetrics, order: object) -> None:
    """What was only guessed at would be reported as the user's mistake."""
    track_order(metrics=metrics)(lambda order: None)(order)
    assert {"trading_orders_submitted_total unknown unknown unknown": 1} == recorded(metrics)


@pytest.mark.parametrize("kind", [SimpleNamespace, dict, OrderMapping, lambda **values: MappingProxyType(values)])
def test_the_orders_own_status_decides_at_each_call(metrics: TradingMetrics, kind: Any) -> None:
    """A function that updates the order it was given would record its first end for ever."""

    @track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=metrics)
    def place(order: object) -> None:
        pass

    waiting, filled = kind(status=None), kind(status="filled", fill_time=1)
    for order in (waiting, filled, waiting, filled, kind(), filled):
        place(order)
    assert {SUBMITTED: 6, FILLED: 3, FILL_TIME: 3} == recorded(metrics)


def test_the_answer_is_asked_last_for_what_was_ordered(metrics: TradingMetrics) -> None:
    """A side of the answer would win over the order's own, or not be found where the order has none."""

    @track_order(metrics=metrics)
    def place(order: object) -> dict[str, str]:
        return {"strategy": "theirs", "side": "SELL", "order_type": "MARKET"}

    place({"strategy": "s", "side": "BUY"})
    assert {"trading_orders_submitted_total s BUY MARKET": 1} == recorded(metrics)


def test_the_answers_status_is_read_where_the_order_has_none(metrics: TradingMetrics) -> None:
    """A fill would go uncounted because the order, too, could have had a status."""

    @track_order(metrics=metrics)
    def place(order: object) -> Answer:
        return Answer("filled", fill_time=1)

    for _ in range(2):
        place(ORDER)
    assert {SUBMITTED: 2, FILLED: 2, FILL_TIME: 2} == recorded(metrics)


def test_methods_read_labels_from_self_and_cls(metrics: TradingMetrics) -> None:
    """Bots that keep the strategy's name on the object would have to pass it to each call."""

    class Bot:
        name = "class"

        def __init__(self) -> None:
            self.name = "object"

        @track_order(strategy=arg("self.name"), metrics=metrics)
        def by_object(self, side: str) -> Answer:
            return Answer("accepted")

        @track_order(strategy=arg("self.name"), metrics=metrics)
        async def by_object_later(self, side: str) -> Answer:
            return Answer("accepted")

        @classmethod
        @track_order(strategy=arg("cls.name"), metrics=metrics)
        def by_class(cls, side: str) -> None:
            pass

        @track_order(strategy=arg("cls.name"), metrics=metrics)
        @classmethod
        def by_class_too(cls, side: str) -> None:
            pass

        @staticmethod
        @track_order(strategy="static", metrics=metrics)
        def by_nothing(side: str) -> None:
            pass

    bot = Bot()
    bot.by_object("BUY")
    run(bot.by_object_later(side="BUY"))
    Bot.by_class("BUY")
    bot.by_class_too("BUY")
    bot.by_nothing("BUY")
    assert {
        "trading_orders_submitted_total object BUY unknown": 2,
        "trading_orders_submitted_total class BUY unknown": 2,
        "trading_orders_submitted_total static BUY unknown": 1,
    } == recorded(metrics)


# ── generators ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_generators_outcome_is_what_it_returns_at_its_end(metrics: TradingMetrics) -> None:
    """An order worked over several steps would be counted before anybody knew its end."""

    @track_order(strategy="s", metrics=metrics)
    def work(side: str, order_type: str) -> Any:
        yield "sent"
        yield "accepted"
        return Answer("filled", fill_time=1)

    steps = work("BUY", "LIMIT")
    assert ["sent", "accepted"] == [next(steps), next(steps)]
    assert {} == recorded(metrics)
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert Answer("filled", fill_time=1) == end.value.value
    assert {SUBMITTED: 1, FILLED: 1, FILL_TIME: 1} == recorded(metrics)


def test_a_generator_closed_early_has_an_unknown_outcome(metrics: TradingMetrics) -> None:
    """An order that was abandoned half-way would look refused, or be lost."""

    @track_order(strategy="s", metrics=metrics)
    def work(side: str, order_type: str) -> Any:
        yield "sent"

    steps = work("BUY", "LIMIT")
    next(steps)
    steps.close()
    assert {SUBMITTED: 1, "trading_orders_unknown_total s generator_exit": 1} == recorded(metrics)


def test_an_async_generator_counts_at_its_end_or_when_closed(metrics: TradingMetrics) -> None:
    """A stream of an order's states would be counted twice, or never."""

    @track_order(strategy="s", metrics=metrics)
    async def work(side: str, order_type: str) -> Any:
        yield "sent"
        yield "accepted"

    async def main() -> None:
        assert ["sent", "accepted"] == [each async for each in work("BUY", "LIMIT")]
        assert {SUBMITTED: 1} == recorded(metrics)
        steps = work("BUY", "LIMIT")
        await steps.__anext__()
        await steps.aclose()

    run(main())
    assert {SUBMITTED: 2, "trading_orders_unknown_total s generator_exit": 1} == recorded(metrics)


# ── the decorator itself ─────────────────────────────────────────────────────────────────────────────────────────


def test_bare_called_and_called_on_a_function_are_the_same() -> None:
    """One of the three ways to write a decorator would not work."""

    def place(strategy: str, side: str, order_type: str) -> Answer:
        return Answer("filled", fill_time=1)

    for decorated in (track_order(place), track_order()(place), track_order(strategy=arg("strategy"))(place)):
        decorated("s", "BUY", "LIMIT")
    assert {SUBMITTED: 3, FILLED: 3, FILL_TIME: 3} == recorded(get_metrics())


def test_a_decorated_function_follows_the_default_metrics() -> None:
    """Functions decorated before `configure` ran would record somewhere else."""

    @track_order(strategy="s")
    def place(side: str, order_type: str) -> None:
        pass

    first = get_metrics()
    place("BUY", "LIMIT")
    second = configure(limits={"strategy": 7}, force=True)
    for _ in range(3):
        place("BUY", "LIMIT")
    assert second is get_metrics()
    assert {SUBMITTED: 3} == recorded(second)
    assert first is not second


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({}, "the label 'strategy' has no source"),
        ({"strategy": arg("sid")}, r"did you mean strategy=arg\('side'\)"),
        ({"strategy": "s", "side": arg("direction")}, "the function's parameters are: side, order_type"),
        ({"strategy": "s", "side": arg}, r"write side=arg\('side'\)"),
        ({"strategy": "s", "status": result}, r"write status=result\(\)"),
        ({"strategy": []}, "is not a label source"),
        ({"strategy": int}, "is not a label source"),
    ],
)
def test_a_label_without_a_source_fails_when_decorating_and_says_what_to_write(sources: Any, message: str) -> None:
    """The mistake would show as `unknown` labels, days later."""

    def place(side: str, order_type: str) -> None:
        pass

    with pytest.raises(LabelSourceError, match=message) as caught:
        track_order(**sources)(place)
    assert f"{__name__}.{place.__qualname__}" in str(caught.value)
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, TradmetricsError)


def test_an_unknown_keyword_is_a_type_error() -> None:
    """A misspelt label would be ignored."""
    with pytest.raises(TypeError, match="stratgey"):
        track_order(stratgey="s")  # type: ignore[call-overload]


@pytest.mark.parametrize("target", ["gamma_scalping", 42, None, ["place"]])
def test_what_cannot_be_called_cannot_be_decorated(target: object) -> None:
    """`@track_order("gamma_scalping")`, which reads well, would fail with a riddle."""
    if target is None:
        assert callable(track_order(target))
        return
    with pytest.raises(TypeError, match="track_order"):
        track_order(target)  # type: ignore[call-overload]


def test_the_strategy_written_without_its_keyword_is_corrected() -> None:
    """`@track_order("gamma_scalping")`, which reads well, would fail with a riddle."""
    with pytest.raises(TradmetricsError, match=r"write @track_order\(strategy='gamma_scalping', …\)"):
        track_order("gamma_scalping")  # type: ignore[call-overload]


def test_a_class_and_a_property_are_refused_with_what_to_do_instead() -> None:
    """Decorating a class would record its construction, and a property nothing."""
    with pytest.raises(TradmetricsError, match="decorate its methods instead"):
        track_order(strategy="s")(Answer)
    with pytest.raises(TradmetricsError, match="below @property"):
        track_order(strategy="s")(property(lambda self: None))  # type: ignore[arg-type]


def stream() -> Any:
    """A generator."""
    yield


async def async_stream() -> Any:
    """An async generator."""
    yield


@pytest.mark.parametrize(
    ("decorate", "target", "message"),
    [
        (
            track_order(strategy="s"),
            42,
            "@track_order on 42: only what can be called can be decorated, and sources are keywords",
        ),
        (
            track_order,
            "gamma",
            "@track_order on 'gamma': only what can be called can be decorated, and sources are keywords; "
            "write @track_order(strategy='gamma', …)",
        ),
        (
            track_order(strategy="s"),
            Answer,
            f"@track_order on the class {__name__}.Answer: decorate its methods instead",
        ),
        (
            track_order(strategy="s"),
            property(lambda self: None),
            "@track_order on a property: write it below @property, on the function",
        ),
        (
            track_positions,
            stream,
            f"@track_positions on {__name__}.stream: a generator gives no result to read while it runs; decorate the "
            "function that makes one item, or pass every label as a constant, arg(…) or a function of the Call",
        ),
        (
            track_positions,
            async_stream,
            f"@track_positions on {__name__}.async_stream: a generator gives no result to read while it runs; decorate "
            "the function that makes one item, or pass every label as a constant, arg(…) or a function of the Call",
        ),
    ],
)
def test_what_is_said_of_a_wrong_target_is_all_that_is_needed_to_mend_it(
    decorate: Any, target: Any, message: str
) -> None:
    """The user would have to read the documentation to go on."""
    with pytest.raises(TradmetricsError) as caught:
        decorate(target)
    assert message == str(caught.value)


def test_a_metrics_object_that_is_none_is_said_with_the_decorator_that_got_it() -> None:
    """Of fifty decorated functions, nobody would know which decorator was given something else."""
    with pytest.raises(TradmetricsError, match=r"^@track_order: metrics= takes .*, not 5"):
        track_order(strategy="s", metrics=5)(stream)  # type: ignore[call-overload]


def test_a_side_that_is_none_is_said_with_what_it_may_be(
    metrics: TradingMetrics, caplog: pytest.LogCaptureFixture
) -> None:
    """A broker's spelling that is not known yet could not be found by the log."""
    place = place_with(metrics, None)
    place("sideways", "LIMIT")
    where = f"{__name__}.{place.__qualname__}"
    assert (
        f"{where}: side='sideways' is not a known side. Add it before decorating: "
        "register_spellings(side={'sideways': 'WORD'}), where WORD is BUY, SELL or unknown. Calls with this word are "
        "counted in tradmetrics_instrumentation_errors_total."
    ) == caplog.records[-1].getMessage()


# ── everything together ──────────────────────────────────────────────────────────────────────────────────────────

sides = st.sampled_from(["BUY", "sell", "B", "?", "", None, Word.DONE, 1, True])
types = st.sampled_from(["LIMIT", "market", "odd", None, 2])
answers = st.sampled_from([*ENDS, None, "no such word"])
calls = st.tuples(st.sampled_from(["s", "t", "u", 1, "1", True]), sides, types, answers, st.booleans())
FOLDED = {"BUY": "BUY", "sell": "SELL", "B": "BUY", "LIMIT": "LIMIT", "market": "MARKET"}


@settings(max_examples=60, deadline=None)
@given(st.lists(calls, max_size=25), st.sampled_from(["function", "method", "keywords", "async"]))
def test_any_sequence_of_calls_counts_what_the_rules_say(orders: list[Any], way: str) -> None:
    """What is remembered between calls would leak from one order to the next."""
    metrics = TradingMetrics()

    def place(strategy: object, side: object, order_type: object, status: object, fails: bool) -> Any:
        if fails:
            raise InsufficientFunds
        return {"status": status} if status is not None else None

    decorated: Any
    if way == "async":

        async def place_later(strategy: object, side: object, order_type: object, answer: object, fails: bool) -> Any:
            return place(strategy, side, order_type, answer, fails)

        later: Any = track_order(metrics=metrics)(place_later)
        decorated = lambda *call: run(later(*call))  # noqa: E731
    elif way == "method":

        class Bot:
            @track_order(metrics=metrics)
            def place(self, strategy: object, side: object, order_type: object, answer: object, fails: bool) -> Any:
                return place(strategy, side, order_type, answer, fails)

        decorated = Bot().place
    else:

        @track_order(metrics=metrics)
        def function(strategy: object, side: object, order_type: object, answer: object, fails: bool) -> Any:
            return place(strategy, side, order_type, answer, fails)

        names = ("strategy", "side", "order_type", "answer", "fails")
        decorated = function if way == "function" else lambda *call: function(**dict(zip(names, call, strict=True)))

    expected: dict[str, float] = {}

    def count(*parts: object) -> None:
        name = " ".join(map(str, parts))
        expected[name] = expected.get(name, 0) + 1

    for strategy, side, order_type, status, fails in orders:
        word = FOLDED.get(side, "unknown") if isinstance(side, str) else "unknown"
        kind = FOLDED.get(order_type, "OTHER") if order_type is not None else "unknown"
        count("trading_orders_submitted_total", strategy, word, kind)
        if fails:
            count("trading_orders_rejected_total", strategy, "insufficient_funds")
            with pytest.raises(InsufficientFunds):
                decorated(strategy, side, order_type, status, fails)
            continue
        if status == "filled":
            count("trading_orders_filled_total", strategy, word)
            count("trading_order_fill_time_seconds_count", strategy)
        elif status in ("rejected", "cancelled", "expired"):
            family = "rejected" if status == "rejected" else "cancelled"
            count(f"trading_orders_{family}_total", strategy, "expired" if status == "expired" else "unknown")
        answer = decorated(strategy, side, order_type, status, fails)
        assert (None if status is None else {"status": status}) == answer
    actual = {name: value for name, value in recorded(metrics).items() if not name.startswith("tradmetrics_")}
    assert expected == actual


@pytest.mark.parametrize("side", ["side", "action", "transaction_type", "buy_sell"])
@pytest.mark.parametrize("order_type", ["order_type", "type", "ordertype", "orderType"])
def test_side_and_type_are_found_under_their_usual_names(metrics: TradingMetrics, side: str, order_type: str) -> None:
    """A bot that calls the side `action` would have `unknown` sides for ever."""
    place = track_order(strategy="s", metrics=metrics)(lambda order: None)
    for _ in range(2):
        place({side: "buy", order_type: "lmt"})
        place(SimpleNamespace(**{side: "buy", order_type: "lmt"}))
    named: dict[str, Any] = {}
    exec(f"def send({side}, {order_type}): pass", named)
    sent = track_order(strategy="s", metrics=metrics)(named["send"])
    sent("buy", "lmt")
    sent(**{side: "buy", order_type: "lmt"})
    assert {"trading_orders_submitted_total s BUY LIMIT": 6} == recorded(metrics)
