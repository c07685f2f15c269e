"""Numbered values of one stem are identifiers once a label has had many of them."""

from __future__ import annotations

import pytest

from tests.recorded import recorded
from tradmetrics import Limits, TradingMetrics, arg, track_errors, track_market_data, track_order

ERRORS = "trading_system_errors_total"


def components(metrics: TradingMetrics, names: list[str]) -> dict[str, float]:
    """Errors by component, after one error of each name."""

    @track_errors(component=arg("name"), severity="error", metrics=metrics)
    def run(name: str) -> None:
        raise ValueError(name)

    for name in names:
        with pytest.raises(ValueError, match=r".*"):
            run(name)
    found = {key.split()[1]: n for key, n in recorded(metrics).items() if key.startswith(ERRORS)}
    assert len(names) == sum(found.values())
    return found


@pytest.mark.parametrize("stem", ["order-", "ORD", "clientid_000", "a.b:", "Kunde ", "0x-order-"])
def test_numbers_after_one_stem_collapse_after_twenty(stem: str) -> None:
    """Order ids in a label would take each place of its budget from the names that belong there."""
    found = components(TradingMetrics(), [f"{stem}{number}".replace(" ", "_") for number in range(1000, 1600)])
    assert 580 == found["__other__"]
    assert 21 == len(found)


@pytest.mark.parametrize(
    "names",
    [
        [f"momentum_{number}" for number in range(1, 41)],
        [f"v{number}" for number in range(12, 52)],
        [f"order-{number}-leg" for number in range(1000, 1040)],
        [f"{number}" for number in range(1000, 1040)],
        [f"{chr(97 + number)}-1000" for number in range(26)],
        [f"order-{number}" for number in range(1000, 1020)],
    ],
    ids=["two digits", "versions", "no tail", "numbers", "stems", "twenty"],
)
def test_names_keep_their_places(names: list[str]) -> None:
    """Strategies that are numbered would be one."""
    assert set(names) == components(TradingMetrics(), names).keys()


def test_values_that_have_a_place_stay_and_others_are_not_touched() -> None:
    """A series would stop in the middle of the day."""
    metrics = TradingMetrics()
    names = ["feed", *(f"order-{number}" for number in range(1000, 1100)), "feed", "order-1000", "order-1050", "late"]
    found = components(metrics, names)
    assert (2, 2, 1, 81) == (found["feed"], found["order-1000"], found["late"], found["__other__"])


def test_allowed_values_are_always_admitted() -> None:
    """A desk whose accounts are numbered could not be told apart."""
    names = [f"desk-{number}" for number in range(100, 140)]
    metrics = TradingMetrics(limits=Limits(allow={"component": names}))
    assert set(names) == components(metrics, names).keys()


def test_a_short_id_that_keeps_coming_takes_no_place() -> None:
    """An idle strategy would lose its series to an order id."""
    metrics = TradingMetrics(limits=Limits(idle_after=1e-9))
    names = [f"order-{number}" for number in range(1000, 1050)] + ["order-1049"] * 100
    found = components(metrics, names)
    assert "order-1049" not in found
    assert 21 == len(found)


def test_symbols_that_end_in_a_number_are_no_ids() -> None:
    """The stocks of Shanghai and Seoul, and the strikes of an option, would be one symbol."""
    metrics = TradingMetrics()
    symbols = [
        *(f"SH{number}" for number in range(600500, 600530)),
        *(f"TSE:{number}" for number in range(7200, 7230)),
        *(f"AAPL  240119C00{strike}000" for strike in range(150, 180)),
        *(f"BTC-25{month:02}28" for month in range(1, 13)),
        *(f"BTC-26{month:02}28" for month in range(1, 13)),
    ]

    @track_market_data(metrics=metrics)
    def on_tick(symbol: str) -> None:
        pass

    for symbol in symbols:
        on_tick(symbol)
    assert not [key for key in recorded(metrics) if "__other__" in key]


def test_a_symbol_label_full_of_order_ids_collapses_too() -> None:
    """An id in the wrong argument would fill the budget of symbols."""
    metrics = TradingMetrics()

    @track_market_data(metrics=metrics)
    def on_tick(symbol: str) -> None:
        pass

    for number in range(1000, 1100):
        on_tick(f"order-{number}")
    assert 80 == recorded(metrics)["trading_market_data_updates_total __other__"]


def test_each_label_has_stems_of_its_own() -> None:
    """Ids in one label would take places in another."""
    metrics = TradingMetrics()
    place = track_order(side="BUY", metrics=metrics)(lambda strategy: {"status": "rejected", "reason": "order-9999"})
    for number in range(1000, 1100):
        place(f"order-{number}")
    rejected = [key for key in recorded(metrics) if key.startswith("trading_orders_rejected_total")]
    assert all(key.endswith("order-9999") for key in rejected)
