"""`track_errors`: exceptions by component and severity; and the package's own exceptions."""

from __future__ import annotations

import asyncio
import logging
from enum import Enum
from typing import Any

import pytest

import tradmetrics
from tests.recorded import errors, raising, recorded
from tradmetrics import (
    ConfigurationError,
    LabelSourceError,
    SnapshotError,
    TradingMetrics,
    TradmetricsError,
    arg,
    error,
    get_metrics,
    track_errors,
)


@pytest.fixture
def metrics() -> TradingMetrics:
    """A metrics object of the test's own."""
    return TradingMetrics()


def test_exceptions_are_counted_and_pass_through(metrics: TradingMetrics) -> None:
    """A component that fails quietly would look well, or its errors would be swallowed."""
    exception = ValueError("no connection")
    reconcile = track_errors(component="orders", metrics=metrics)(raising(exception))
    for _ in range(3):
        with pytest.raises(ValueError, match="no connection") as caught:
            reconcile()
        assert exception is caught.value
    assert {"trading_system_errors_total orders error": 3} == recorded(metrics)


def test_calls_that_return_count_nothing(metrics: TradingMetrics) -> None:
    """Every call would look like an error."""
    reconcile = track_errors(component="orders", metrics=metrics)(lambda answer: answer)
    assert [None, False, 0, ValueError] == [reconcile(answer) for answer in (None, False, 0, ValueError)]
    assert {} == recorded(metrics)


@pytest.mark.parametrize("exception", [asyncio.CancelledError(), KeyboardInterrupt(), SystemExit(), GeneratorExit()])
def test_being_cut_off_is_no_error(metrics: TradingMetrics, exception: BaseException) -> None:
    """Stopping a bot would raise the error rate that alerts watch."""
    with pytest.raises(type(exception)):
        track_errors(component="orders", metrics=metrics)(raising(exception))()
    with pytest.raises(type(exception)), track_errors(component="orders", metrics=metrics):
        raise exception
    assert {} == recorded(metrics)


class Level(Enum):
    """Severities of a user's own."""

    BAD = "critical"


@pytest.mark.parametrize(
    ("severity", "label"),
    [("critical", "critical"), ("WARN", "warning"), ("Fatal", "critical"), (logging.getLevelName(20), "info"),
     (Level.BAD, "critical"), (arg("how"), "debug"), (lambda call: "warning", "warning"), (error("level"), "info")],
)  # fmt: skip
def test_the_severity_is_folded_and_may_be_any_source(metrics: TradingMetrics, severity: Any, label: str) -> None:
    """An alert on critical errors would miss those that are called FATAL."""

    class OwnError(Exception):
        level = "INFO"

    @track_errors(component="orders", severity=severity, metrics=metrics)
    def reconcile(how: str = "debug") -> None:
        raise OwnError

    with pytest.raises(OwnError):
        reconcile()
    assert {f"trading_system_errors_total orders {label}": 1} == recorded(metrics)


def test_a_severity_that_is_none_of_the_five_fails_when_decorating() -> None:
    """The mistake would show as `unknown` when the first error came."""
    with pytest.raises(ConfigurationError, match=r"severity is one of debug.*not 'eror'; did you mean 'error'"):
        track_errors(component="orders", severity="eror")


def test_a_severity_that_turns_out_to_be_none_is_unknown_and_counted(metrics: TradingMetrics) -> None:
    """The error itself would go uncounted."""
    with pytest.raises(ValueError, match=r"^$"):
        track_errors(component="orders", severity=lambda call: "awful", metrics=metrics)(raising(ValueError()))()
    assert 1 == recorded(metrics)["trading_system_errors_total orders unknown"]
    assert 1 == sum(errors(metrics).values())


def test_the_component_is_the_parameter_of_that_name() -> None:
    """An error that says which component failed would be counted under the module."""

    @track_errors
    def check(component: str) -> None:
        raise ValueError(component)

    for component in ("feed", "feed", "broker"):
        with pytest.raises(ValueError, match=component):
            check(component)
    assert {
        "trading_system_errors_total feed error": 2,
        "trading_system_errors_total broker error": 1,
    } == recorded(get_metrics())


def test_the_component_is_the_module_and_class_where_no_parameter_has_that_name(metrics: TradingMetrics) -> None:
    """The bare decorator would be refused on most functions."""

    @track_errors
    def check() -> None:
        raise ValueError("from a function")

    class Desk:
        @track_errors(severity="critical", metrics=metrics)
        def rebalance(self) -> None:
            raise ValueError("from a method")

    with pytest.raises(ValueError, match="from a function"):
        check()
    test = "test_the_component_is_the_module_and_class_where_no_parameter_has_that_name"
    assert {f"trading_system_errors_total {__name__}.{test} error": 1} == recorded(get_metrics())
    with pytest.raises(ValueError, match="from a method"):
        Desk().rebalance()
    assert {f"trading_system_errors_total {__name__}.{test}.Desk critical": 1} == recorded(metrics)


def test_as_a_block_it_counts_and_lets_through(metrics: TradingMetrics) -> None:
    """Code that is no function of its own could not be watched, or its errors would be swallowed."""
    block = track_errors(component="feed", severity="critical", metrics=metrics)

    async def main() -> None:
        async with block:
            raise KeyError("b")

    with block, block:
        pass
    with pytest.raises(KeyError, match="a"), block:
        raise KeyError("a")
    with pytest.raises(KeyError, match="b"):
        asyncio.run(main())
    assert {"trading_system_errors_total feed critical": 2} == recorded(metrics)


@pytest.mark.parametrize("component", [arg("component"), lambda call: "feed", None])
def test_a_source_in_a_block_is_unknown_and_counted(metrics: TradingMetrics, component: Any) -> None:
    """The text of the source itself would become a component."""
    with pytest.raises(ValueError, match=r"^$"), track_errors(component=component, metrics=metrics):
        raise ValueError
    assert 1 == recorded(metrics)["trading_system_errors_total unknown error"]
    assert {("track_errors", "source"): 1} == errors(metrics)


def test_async_functions_and_generators_are_watched_to_their_end(metrics: TradingMetrics) -> None:
    """Errors after the first await, or the first item, would be missed."""

    @track_errors(component="feed", metrics=metrics)
    async def listen() -> None:
        await asyncio.sleep(0)
        raise ValueError

    @track_errors(component="feed", metrics=metrics)
    def messages() -> Any:
        yield 1
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        asyncio.run(listen())
    steps = messages()
    assert 1 == next(steps)
    with pytest.raises(ValueError, match=r"^$"):
        next(steps)
    assert {"trading_system_errors_total feed error": 2} == recorded(metrics)


def test_the_packages_own_errors_are_one_family() -> None:
    """Programs could not catch what the library raises on purpose, or would catch it as something unexpected."""
    assert issubclass(LabelSourceError, TradmetricsError)
    assert issubclass(LabelSourceError, TypeError)
    for kind in (ConfigurationError, SnapshotError):
        assert issubclass(kind, TradmetricsError)
        assert issubclass(kind, ValueError)
    for name in ("TradmetricsError", "LabelSourceError", "ConfigurationError", "SnapshotError"):
        assert getattr(tradmetrics, name) is getattr(tradmetrics.errors, name)
