"""`track_circuit_breaker`, its reset, and `track_risk_check`."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from tests.recorded import raising, recorded
from tradmetrics import (
    ConfigurationError,
    LabelSourceError,
    TradingMetrics,
    arg,
    get_metrics,
    track_circuit_breaker,
    track_circuit_breaker_reset,
    track_risk_check,
)

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup  # pytest has it there

ACTIVE = "trading_circuit_breaker_active"
TRIPS = "trading_circuit_breaker_triggers_total"


@pytest.fixture
def metrics() -> TradingMetrics:
    """A metrics object of the test's own."""
    return TradingMetrics()


class LimitBreached(Exception):  # noqa: N818
    pass


class SizeBreached(LimitBreached):
    pass


# ── the breaker ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("answer", [None, True, 0, "", "tripped", [], 0.0])
def test_a_breaker_trips_when_its_function_returns_anything_but_false(metrics: TradingMetrics, answer: object) -> None:
    """Trading would stand still and nobody would be told."""
    halt = track_circuit_breaker(reason="max_daily_loss", metrics=metrics)(lambda: answer)
    for number in range(1, 4):
        assert answer is halt()
        assert {ACTIVE: 1, f"{TRIPS} max_daily_loss": number} == recorded(metrics)


def test_false_says_that_it_did_not_trip(metrics: TradingMetrics) -> None:
    """A check that runs every second would page somebody every second."""
    halt = track_circuit_breaker(reason="max_daily_loss", metrics=metrics)(lambda answer: answer)
    assert halt(False) is False
    assert {} == recorded(metrics)
    halt(None)
    assert halt(False) is False
    assert {ACTIVE: 1, f"{TRIPS} max_daily_loss": 1} == recorded(metrics)


def test_a_breaker_that_raised_has_not_tripped(metrics: TradingMetrics) -> None:
    """The dashboard would show trading as stopped while it goes on."""
    with pytest.raises(ValueError, match="broken"):
        track_circuit_breaker(reason="r", metrics=metrics)(raising(ValueError("broken")))()
    assert {} == recorded(metrics)


def test_the_reset_clears_it(metrics: TradingMetrics) -> None:
    """The breaker would be shown as tripped for the rest of the day."""
    halt = track_circuit_breaker(metrics=metrics)(lambda reason: None)
    resume = track_circuit_breaker_reset(metrics=metrics)(lambda answer=None: answer)
    halt("drawdown")
    assert resume(False) is False
    assert 1 == recorded(metrics)[ACTIVE]
    with pytest.raises(ValueError, match=r"^$"):
        track_circuit_breaker_reset(metrics=metrics)(raising(ValueError()))()
    assert 1 == recorded(metrics)[ACTIVE]
    resume()
    assert {ACTIVE: 0, f"{TRIPS} drawdown": 1} == recorded(metrics)
    halt("drawdown")
    assert {ACTIVE: 1, f"{TRIPS} drawdown": 2} == recorded(metrics)


def test_both_work_bare_and_on_methods() -> None:
    """The shortest way to write them would not work."""

    class Breaker:
        @track_circuit_breaker
        def halt(self, reason: str) -> None:
            pass

        @track_circuit_breaker_reset
        async def resume(self) -> None:
            pass

    breaker = Breaker()
    breaker.halt("loss")
    breaker.halt(reason="loss")
    assert {ACTIVE: 1, f"{TRIPS} loss": 2} == recorded(get_metrics())
    asyncio.run(breaker.resume())
    assert {ACTIVE: 0, f"{TRIPS} loss": 2} == recorded(get_metrics())


def test_a_breaker_that_has_no_parameter_for_it_says_its_reason_in_its_answer() -> None:
    """Whoever finds out in the function why trading stops could not use the decorator without parentheses."""

    @track_circuit_breaker
    def stop_on_loss(loss: float) -> Any:
        return {"reason": "loss"} if loss > 100 else False

    stop_on_loss(1)
    stop_on_loss(1_000)
    assert {ACTIVE: 1, f"{TRIPS} loss": 1} == recorded(get_metrics())


# ── risk checks ──────────────────────────────────────────────────────────────────────────────────────────────────

BREACHES = "trading_risk_limit_breaches_total position_size"


def test_false_is_a_breach_and_nothing_else_is(metrics: TradingMetrics) -> None:
    """Checks that pass would count as breaches, or breaches would not count."""
    check = track_risk_check(limit_type="position_size", metrics=metrics)(lambda answer: answer)
    for answer in (True, None, 0, "", [], 1):
        assert answer is check(answer)
    assert {} == recorded(metrics)
    for number in range(1, 4):
        assert check(False) is False
        assert {BREACHES: number} == recorded(metrics)


@pytest.mark.parametrize(
    "breach",
    [
        LimitBreached,
        "LimitBreached",
        (KeyError, LimitBreached),
        ["SizeBreached", LimitBreached],
        f"{__name__}.LimitBreached",
    ],
)
@pytest.mark.parametrize(
    "exception", [LimitBreached(), SizeBreached(), ExceptionGroup("checks", [ValueError(), SizeBreached()])]
)
def test_the_named_exception_is_a_breach(metrics: TradingMetrics, breach: Any, exception: Exception) -> None:
    """Checks that raise would never count, nor those that run as a group of tasks."""
    check = track_risk_check(limit_type="position_size", breach=breach, metrics=metrics)(raising(exception))
    with pytest.raises(type(exception)):
        check()
    assert {BREACHES: 1} == recorded(metrics)


@pytest.mark.parametrize(
    "exception",
    [ValueError(), asyncio.CancelledError(), KeyboardInterrupt(), ExceptionGroup("checks", [ValueError()])],
)
def test_another_exception_is_no_breach(metrics: TradingMetrics, exception: BaseException) -> None:
    """A check that is broken would look like a limit that is reached."""
    check = track_risk_check(limit_type="position_size", breach=LimitBreached, metrics=metrics)(raising(exception))
    with pytest.raises(type(exception)):
        check()
    assert {} == recorded(metrics)


@pytest.mark.parametrize("breach", [5, "", (int,), (None,), [LimitBreached, 5], object()])
def test_a_breach_that_is_no_exception_is_refused(breach: Any) -> None:
    """A misspelling would make every breach uncounted."""
    with pytest.raises(ConfigurationError, match="breach is an exception class or its name"):
        track_risk_check(limit_type="position_size", breach=breach)


def test_the_kind_of_limit_may_be_any_source(metrics: TradingMetrics) -> None:
    """One function that checks several limits could not tell them apart."""

    @track_risk_check(metrics=metrics)
    def check(limit_type: str) -> bool:
        return False

    @track_risk_check(limit_type=arg("order.limit"), metrics=metrics)
    def check_order(order: dict[str, str]) -> bool:
        return False

    check("position_size")
    check(limit_type="margin")
    check_order({"limit": "margin"})
    assert {BREACHES: 1, "trading_risk_limit_breaches_total margin": 2} == recorded(metrics)
    with pytest.raises(LabelSourceError, match="'limit_type' has no source"):
        track_risk_check(lambda size: True)
