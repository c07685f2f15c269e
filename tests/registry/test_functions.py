"""Which decorated functions were called and how often, and the last error of each, as metrics."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tradmetrics import OrderTracker, TradingMetrics, catalogue, get_metrics, track_order
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.registry import functions, last_errors


def figures(metrics: TradingMetrics, definition: MetricDefinition) -> dict[str, float]:
    """The values of a metric by function."""
    families = metrics.registry.restricted_registry([definition.name]).collect()
    samples = [each for family in families for each in family.samples]
    return {each.labels["site"].removeprefix(f"{__name__}."): each.value for each in samples}


def calls_of(metrics: TradingMetrics, name: str) -> float | None:
    """The calls of the function of this name."""
    return next((value for site, value in figures(metrics, catalogue.FUNCTION_CALLS).items() if name in site), None)


def place(x: int) -> dict[str, str]:
    """Send an order; every third one fails."""
    if x % 3 == 2:
        raise ConnectionError
    return {"status": "filled"}


async def place_later(x: int) -> dict[str, str]:
    """The same, later."""
    return place(x)


def place_soon(x: int) -> Any:
    """The same, by a function that is no coroutine function."""
    return place_later(x)


def place_many(x: int) -> Iterator[dict[str, str]]:
    """The same, one at a time."""
    yield place(x)


class Desk:
    """A desk."""

    def place(self, x: int) -> dict[str, str]:
        """Send an order."""
        return place(x)


def run(function: Callable[[int], Any]) -> None:
    """Call a function six times, two of which fail."""
    for number in range(6):
        try:
            answer = function(number)
            if inspect.iscoroutine(answer):
                asyncio.run(answer)
            elif hasattr(answer, "__next__"):
                list(answer)
        except ConnectionError:
            pass


CALLABLES = {
    "place": place,
    "place_later": place_later,
    "place_soon": place_soon,
    "place_many": place_many,
    "Desk.place": functools.partial(Desk.place, Desk()),
}


@pytest.mark.parametrize("name", CALLABLES)
def test_each_call_counts_once_however_it_is_recorded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page would show other numbers than the function's calls: first, remembered and failing calls differ."""
    monkeypatch.setenv(functions.COUNT_CALLS, "1")
    metrics = TradingMetrics()
    run(track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=metrics)(CALLABLES[name]))
    assert 6 == calls_of(metrics, name)


def test_calls_of_an_order_tracker_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions of a tracker take a shorter way than others, and would be missing."""
    monkeypatch.setenv(functions.COUNT_CALLS, "1")
    metrics = TradingMetrics()
    orders = OrderTracker(strategy="s", metrics=metrics)

    @orders.submit
    def send(order_id: str, side: str, order_type: str, quantity: int) -> None:
        pass

    for number in range(5):
        send(str(number), "BUY", "LIMIT", 1)
    assert 5 == calls_of(metrics, "send")


def test_calls_are_counted_only_where_that_is_asked_for() -> None:
    """Every call of every bot would take longer for a number that few look at."""
    metrics = TradingMetrics()
    run(track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=metrics)(place))
    assert calls_of(metrics, "place") is None


def test_a_function_that_nothing_has_called_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A newcomer would not see that a decorated function never runs."""
    monkeypatch.setattr(functions.FOLLOWING, "_known", {})
    decorate = track_order(strategy="s", side="BUY", order_type="LIMIT")
    decorate(place_many)
    run(decorate(place))
    assert {"place": 1.0, "place_many": 0.0} == figures(get_metrics(), catalogue.FUNCTION_CALLED)
    assert {} == figures(TradingMetrics(), catalogue.FUNCTION_CALLED)


def messages(metrics: TradingMetrics) -> dict[tuple[str, str], float]:
    """The last errors, by site and message."""
    families = metrics.registry.restricted_registry([catalogue.LAST_ERROR.name]).collect()
    return {(each.labels["site"], each.labels["message"]): each.value for one in families for each in one.samples}


def test_the_last_error_is_short_and_without_secrets() -> None:
    """Whoever may read the metrics could read the key of the exchange."""
    metrics = TradingMetrics()
    metrics.fault("bot.place", "source", ValueError(f"cannot read api_key=abc123def&side={'x' * 300}"))
    ((site, message),) = messages(metrics)
    assert "bot.place" == site
    assert message.startswith("ValueError: cannot read api_key=***&side=xxx")
    assert "abc123def" not in message
    assert len(message) <= 128


def test_a_message_that_always_differs_makes_one_series_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error with an order's id in its text would make a new series in Prometheus at each scrape."""
    now = 1_000.0
    monkeypatch.setattr(last_errors.time, "time", lambda: now)
    metrics = TradingMetrics()
    seen = set[str]()
    for second in range(120):
        now = 1_000.0 + second
        metrics.fault("bot.place", "source", ValueError(f"order {second}"))
        ((_, message),) = messages(metrics)
        assert messages(metrics)["bot.place", message] == now
        seen.add(message)
    assert {"ValueError: order 0", "ValueError: order 60"} == seen


def test_the_errors_of_many_functions_are_bounded() -> None:
    """A bot whose functions are made anew for each order would grow for ever."""
    metrics = TradingMetrics()
    for number in range(1_000):
        metrics.fault(f"bot.place_{number}", "source", ValueError("no field"))
    assert len(messages(metrics)) <= 200
