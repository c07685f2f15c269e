"""`Limits`: which budgets are right, which are refused, and whom they concern."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable
from enum import Enum
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from tests.budget_kit import OVERFLOW, SUBMITTED, values_of
from tradmetrics import ConfigurationError, Limits, MetricDefinition, TradingMetrics, catalogue, configure, track
from tradmetrics.model.definition import known_definitions


def strategies(metrics: TradingMetrics, count: int) -> set[str]:
    """The strategies that orders of so many different ones were recorded under."""
    for number in range(count):
        metrics.record(catalogue.ORDERS_SUBMITTED, (f"s{number}", "BUY", "LIMIT"), site="test")
    return {labels[0] for labels in values_of(metrics, SUBMITTED)}


def message_of(make: Callable[[], object]) -> str:
    """The text of the ConfigurationError that it raises."""
    with pytest.raises(ConfigurationError) as caught:
        make()
    return str(caught.value)


# ── what is right ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("limits", "places"),
    [
        (None, 50),
        ({"strategy": 3}, 3),
        (Limits(labels={"strategy": 3}), 3),
        (Limits(labels={(SUBMITTED, "strategy"): 4, "strategy": 3}), 4),
        (Limits(labels={("trading_trades_total", "strategy"): 4}), 50),
        (Limits(default_label=7), 7),
        (Limits(labels={"strategy": 30}, series={SUBMITTED: 5}), 5),
        (Limits(default_series=6), 6),
        (Limits(default_series=6, series={SUBMITTED: 5}), 5),
    ],
)
def test_the_most_particular_budget_holds(limits: Any, places: int) -> None:
    """A user's budget would be ignored: either a label explodes, or strategies vanish into `__other__`."""
    found = strategies(TradingMetrics(limits=limits), places + 5)
    assert (places, True) == (len(found - {"__other__"}), "__other__" in found)


def test_symbols_and_endpoints_have_larger_budgets() -> None:
    """A desk with 300 symbols would lose most of them to `__other__` without having set anything."""
    limits = Limits(default_label=5)
    metric = catalogue.MARKET_DATA_UPDATES.name
    assert (500, 200, 5) == tuple(limits.label_budget(metric, label) for label in ("symbol", "endpoint", "reason"))


def test_the_budgets_are_the_documented_ones() -> None:
    """A memory that is reckoned with the manual's figures would be too small."""
    limits = Limits()
    assert 500 == limits.label_budget(OVERFLOW, "site")
    assert (50, 2_000) == (limits.default_label, limits.series_budget(SUBMITTED))
    assert 2_000 == Limits(series={SUBMITTED: 5}).outside_budget(SUBMITTED)
    assert (None, 3_600) == (limits.expire_after, limits.idle_after)


def test_a_budget_of_one_is_a_budget() -> None:
    """The smallest budget would be refused, or admit nothing."""
    assert {"s0", "__other__"} == strategies(TradingMetrics(limits={"strategy": 1}), 3)


def test_allowed_values_hold_their_places_from_the_start() -> None:
    """The strategies that matter would find their places taken by whatever came first."""
    metrics = TradingMetrics(limits=Limits(labels={"strategy": 3}, allow={"strategy": ["late", "later"]}))
    assert {"s0", "__other__"} == strategies(metrics, 5)
    for name in ("late", "later"):
        metrics.record(catalogue.ORDERS_SUBMITTED, (name, "BUY", "LIMIT"), site="test")
    assert {"s0", "late", "later", "__other__"} == {labels[0] for labels in values_of(metrics, SUBMITTED)}


class Desk(Enum):
    DELTA = "delta"
    NUMBERED = 2


def test_allowed_values_are_read_like_labels() -> None:
    """Enum members and numbers in an allow-list would allow their `repr`, which no label ever is."""
    limits = Limits(labels={"strategy": 3}, allow={"strategy": (Desk.DELTA, Desk.NUMBERED, " 7 ", 7, "unknown")})
    assert ("delta", "NUMBERED", "7") == limits.allowed("strategy")


def test_an_allowed_identifier_is_a_value_like_any_other() -> None:
    """An account number that is meant to be a label could not be one."""
    account = "1234567890123456"
    metrics = TradingMetrics(limits=Limits(allow={"strategy": (account,)}))
    for value in (account, "6543210987654321"):
        metrics.record(catalogue.ORDERS_SUBMITTED, (value, "BUY", "LIMIT"), site="test")
    assert {(account, "BUY", "LIMIT"): 1, ("__other__", "BUY", "LIMIT"): 1} == values_of(metrics, SUBMITTED)


def test_limits_do_not_follow_what_they_were_made_of() -> None:
    """Changing a dict afterwards would change the budgets of some metrics and not of others."""
    labels: dict[Any, int] = {"strategy": 3}
    series = {SUBMITTED: 3}
    allowed = ["gamma"]
    limits = Limits(labels=labels, series=series, allow={"strategy": allowed})
    labels["strategy"] = series[SUBMITTED] = 4
    allowed.append("delta")
    assert (3, 3) == (limits.label_budget(SUBMITTED, "strategy"), limits.series_budget(SUBMITTED))
    assert ("gamma",) == limits.allowed("strategy")


def test_seconds_may_be_a_fraction() -> None:
    """A test of one's own bot would have to wait for seconds to see a series go."""
    limits = Limits(expire_after=0.5, idle_after=0.25)
    assert (0.5, 0.25) == (limits.expire_after, limits.idle_after)


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("budget", [0, -1, True, 2.5, "5", None, math.inf])
@pytest.mark.parametrize(
    ("where", "make"),
    [
        ("labels={'strategy': …}", lambda budget: Limits(labels={"strategy": budget})),
        (
            "labels={('trading_trades_total', 'side'): …}",
            lambda budget: Limits(labels={("trading_trades_total", "side"): budget}),
        ),
        ("series={'trading_trades_total': …}", lambda budget: Limits(series={"trading_trades_total": budget})),
        ("default_label", lambda budget: Limits(default_label=budget)),
        ("default_series", lambda budget: Limits(default_series=budget)),
        ("labels={'strategy': …}", lambda budget: TradingMetrics(limits={"strategy": budget})),
        ("labels={'strategy': …}", lambda budget: configure(limits={"strategy": budget})),
    ],
)
def test_a_budget_that_is_none_is_refused(budget: Any, where: str, make: Callable[[Any], object]) -> None:
    """A typing error in a budget would show when the first order is sent, or never."""
    message = message_of(lambda: make(budget))
    assert f"Limits({where}): a budget is a whole number above zero, not {budget!r}" == message


@pytest.mark.parametrize("setting", ["expire_after", "idle_after"])
@pytest.mark.parametrize("seconds", [0, -1.0, math.nan, True, "60"])
def test_seconds_that_are_none_are_refused(setting: str, seconds: Any) -> None:
    """Series would be removed at every scrape, or never."""
    assert f"Limits({setting}): seconds above zero, not {seconds!r}" == message_of(lambda: Limits(**{setting: seconds}))


def test_idle_after_cannot_be_left_out() -> None:
    """`idle_after=None` would read as never, and fail when the first value is displaced."""
    assert "idle_after" in message_of(lambda: Limits(idle_after=None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"labels": {"stratgy": 5}},
            ["Limits(labels={'stratgy': …}): ", "no metric has a label 'stratgy'", "did you mean 'strategy'?"],
        ),
        (
            {"labels": {("trading_orders_submited_total", "strategy"): 5}},
            [
                "Limits(labels={('trading_orders_submited_total', 'strategy'): …}): ",
                "no metric with a budget is called 'trading_orders_submited_total'",
                f"did you mean {SUBMITTED!r}?",
            ],
        ),
        (
            {"labels": {("trading_orders_rejected_total", "reson"): 5}},
            ["trading_orders_rejected_total has no label 'reson'", "did you mean 'reason'?", "reason, strategy"],
        ),
        (
            {"labels": {("trading_margin_available", "strategy"): 5}},
            ["trading_margin_available has no label 'strategy'", "those that have one are: none"],
        ),
        (
            {"labels": {"window": 2}},
            [
                "'window' has no budget, its values are fixed: 1s, 5s; labels with a budget are: ",
                "component, condition, ",
            ],
        ),
        (
            {"labels": {(SUBMITTED, "side"): 2}},
            [
                f"Limits(labels={{({SUBMITTED!r}, 'side'): …}}): {SUBMITTED} has no label 'side' with a budget",
                "are: strategy",
            ],
        ),
        (
            {"series": {"trading_trade_total": 5}},
            [
                "Limits(series={'trading_trade_total': …}): ",
                "'trading_trade_total'",
                "did you mean 'trading_trades_total'?",
            ],
        ),
        ({"series": {OVERFLOW: 5}}, [f"no metric with a budget is called {OVERFLOW!r}"]),
        (
            {"allow": {"strateggy": ["a"]}},
            ["Limits(allow={'strateggy': …}): ", "no metric has a label 'strateggy'", "did you mean 'strategy'?"],
        ),
        ({"allow": {"window": ["1s"]}}, ["'window' has no budget"]),
    ],
)
@pytest.mark.parametrize("make", [TradingMetrics, configure])
def test_names_that_do_not_exist_are_refused(
    make: Callable[..., object], settings: dict[str, Any], expected: list[str]
) -> None:
    """A misspelt label would keep its default budget, and nobody would know why it overflows."""
    message = message_of(lambda: make(limits=Limits(**settings)))
    assert [] == [text for text in expected if text not in message], message


def test_an_allow_list_longer_than_its_budget_is_refused() -> None:
    """Some of the values that are always admitted would not be."""
    limits = Limits(labels={("trading_trades_pnl", "strategy"): 2}, allow={"strategy": ["a", "b", "c"]})
    message = message_of(lambda: TradingMetrics(limits=limits))
    assert "3 values, and the budget of 'strategy' of trading_trades_pnl is 2" in message
    assert "Limits(labels={'strategy': 3}" in message
    TradingMetrics(limits=Limits(labels={"strategy": 3}, allow={"strategy": ["a", "b", "c", "a "]}))


def test_an_allow_list_longer_than_a_metrics_series_is_refused() -> None:
    """Some of the values that are always admitted would find all series used up by the first of them."""
    message = message_of(lambda: TradingMetrics(limits=Limits(series={SUBMITTED: 1}, allow={"strategy": ["a", "b"]})))
    assert (
        f"Limits(allow={{'strategy': …}}): 2 values, and the budget of series of {SUBMITTED} is 1; write "
        f"Limits(series={{{SUBMITTED!r}: 2}}, …) or more, so that others find a place too"
    ) == message
    TradingMetrics(limits=Limits(series={SUBMITTED: 1}, allow={"strategy": ["a"], "symbol": ["ES", "NQ"]}))


@pytest.mark.parametrize(
    "settings",
    [
        {"labels": [("strategy", 5)]},
        {"labels": {("a", "b", "c"): 5}},
        {"labels": {5: 5}},
        {"labels": {"": 5}},
        {"series": {("trading_trades_total", "side"): 5}},
        {"series": 5},
        {"allow": {"strategy": "gamma"}},
        {"allow": {"strategy": 5}},
        {"allow": {("trading_trades_total", "strategy"): ["a"]}},
        {"allow": ["gamma"]},
    ],
)
def test_settings_of_another_shape_are_refused_with_an_example(settings: dict[str, Any]) -> None:
    """`allow={'strategy': 'gamma'}` would allow the strategies g, a, m, m and a."""
    assert "e.g. {" in message_of(lambda: Limits(**settings))


# ── users' own metrics ───────────────────────────────────────────────────────────────────────────────────────────


def hedges(name: str = "desk_hedges_total") -> MetricDefinition:
    """A metric of a user's own."""
    return MetricDefinition(name, "counter", "Hedges.", labels=("desk", ("leg", ("call", "put"))))


def test_own_metrics_can_be_limited() -> None:
    """Only the catalogue's labels could be kept down."""
    definition = hedges()
    metrics = TradingMetrics(
        limits=Limits(labels={"desk": 2}, series={"desk_hedges_total": 9}, allow={"desk": ["delta"]})
    )

    @track(definition, metrics=metrics)
    def hedge(desk: str, leg: str) -> None: ...

    for desk in ("a", "b", "delta"):
        hedge(desk, "call")
    assert {("a", "call"), ("__other__", "call"), ("delta", "call")} == set(values_of(metrics, "desk_hedges_total"))
    assert "did you mean 'desk'?" in message_of(lambda: TradingMetrics(limits={"desc": 5}))


def test_an_own_metric_has_to_be_made_first() -> None:
    """The error would leave a user looking for a typing error that is not there."""
    message = message_of(lambda: TradingMetrics(limits=Limits(series={"desk_hedged_lots_total": 5})))
    assert "a MetricDefinition of your own has to be made before the metrics object is set up" in message
    assert message_of(lambda: TradingMetrics(limits={"qqqqqq": 5})).endswith(
        "no metric has a label 'qqqqqq'; a MetricDefinition of your own has to be made before the metrics "
        "object is set up"
    )


def test_an_own_metric_that_comes_later_has_the_budgets_by_label() -> None:
    """A metric that is made while the program runs would not be bounded."""
    metrics = TradingMetrics(limits=Limits(labels={"strategy": 2}, allow={"strategy": ["b"]}))
    definition = MetricDefinition("desk_late_total", "counter", "Late.", labels=("strategy",))
    for value in "acb":
        metrics.record(definition, (value,), site="test")
    assert {("a",), ("b",), ("__other__",)} == set(values_of(metrics, definition.name))


def test_definitions_are_not_kept_alive() -> None:
    """A program that makes definitions as it goes would grow."""
    definition = hedges("desk_gone_total")
    assert definition in known_definitions()
    del definition
    gc.collect()
    assert "desk_gone_total" not in {each.name for each in known_definitions()}


def test_equal_definitions_are_known_while_one_of_them_is_there() -> None:
    """After a module was reloaded, its metric could not be limited any more."""
    first, second = hedges("desk_reloaded_total"), hedges("desk_reloaded_total")
    del first
    gc.collect()
    TradingMetrics(limits=Limits(series={second.name: 5}))


# ── several metrics objects ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_second_metrics_object_on_a_registry_has_the_same_limits() -> None:
    """The second metrics's limits would be ignored without a word; and the first metrics must survive the error."""
    registry = CollectorRegistry()
    first = TradingMetrics(registry, limits={"strategy": 2})
    second = TradingMetrics(registry, limits={"strategy": 2})
    message = message_of(lambda: TradingMetrics(registry, limits={"strategy": 3}))
    assert "other limits" in message
    strategies(first, 4)
    assert {"s0", "s1", "__other__"} == strategies(second, 4)
