"""Which positions are open: rests of sums, lots, and functions that are defined again."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.recorded import errors, sample
from tradmetrics import MetricsExporter, TradingMetrics, result, track_positions

REST = 0.1 + 0.2 - 0.3


@pytest.fixture
def metrics() -> TradingMetrics:
    """A metrics object of the test's own."""
    return TradingMetrics()


def position(quantity: Any, symbol: str | None = "BTC", **more: Any) -> dict[str, Any]:
    """A position of the strategy `s`."""
    named = {} if symbol is None else {"symbol": symbol}
    return {"strategy": "s", "quantity": quantity, "unrealized_pnl": 1.0, **named, **more}


def is_open(metrics: TradingMetrics) -> float | None:
    """The open positions of the strategy."""
    return sample(metrics, "trading_positions_open", strategy="s")


@pytest.mark.parametrize("symbol", ["BTC", None])
@pytest.mark.parametrize("rest", [REST, -REST, f"{REST}", 0, "0.00"])
def test_the_rounding_of_floats_is_no_position(metrics: TradingMetrics, rest: Any, symbol: str | None) -> None:
    """A bot that is flat would show an open position for ever."""
    exporter = MetricsExporter(metrics)
    for quantity in (0.3, rest, rest):
        exporter.update_position_metrics([position(quantity, symbol)])
    assert 0 == is_open(metrics)
    assert 0 == sample(metrics, "trading_unrealized_pnl")
    exporter.update_position_metrics([position(0.1, symbol)])
    assert 1 == is_open(metrics)
    assert {} == errors(metrics)


def test_a_small_position_is_open(metrics: TradingMetrics) -> None:
    """Positions in an expensive instrument would be closed as soon as a cheap one was held."""
    MetricsExporter(metrics).update_position_metrics([position(1e9, "SHIB"), position(1e-8), position(-1e-8, "ETH")])
    assert 3 == is_open(metrics)


@pytest.mark.parametrize("word", ["symbol", "tradingsymbol", "instrument", "ticker", "contract", "pair"])
def test_the_symbol_goes_by_several_names(metrics: TradingMetrics, word: str) -> None:
    """Only bots that call it a symbol would have small positions."""
    exporter = MetricsExporter(metrics)
    exporter.update_position_metrics([{**position(1e9, None), word: "SHIB"}, {**position(1e-8, None), word: "BTC"}])
    assert 2 == is_open(metrics)


def test_what_is_below_a_lot_is_closed(metrics: TradingMetrics) -> None:
    """Dust that cannot be sold would be an open position for ever."""
    exporter = MetricsExporter(metrics)
    exporter.update_position_metrics([position(0.0009), position(-0.001, "ETH")], lot=0.001)
    assert 1 == is_open(metrics)
    for lot in (0.001, lambda call: "0.001", result("0.lot")):
        held = [position(0.0009, lot=0.001), position(-0.001, "ETH")]
        own = TradingMetrics()
        track_positions(lot=lot, metrics=own)(lambda held=held: held)()
        assert 1 == is_open(own)


def test_sizes_are_bounded(metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch) -> None:
    """Option chains would be remembered for ever."""
    monkeypatch.setattr("tradmetrics.record.snapshots._MOST_SIZES", 3)
    exporter = MetricsExporter(metrics)
    for strike in range(20):
        exporter.update_position_metrics([position(0.3, f"OPT{strike}")])
    exporter.update_position_metrics([position(REST, "OPT19"), position(REST, "OPT0")])
    assert 1 == is_open(metrics)  # the first one is not known any more


CELL = """
from tradmetrics import track_positions

@track_positions(metrics=metrics)
def positions():
    return [{"strategy": "s", "quantity": 1, "unrealized_pnl": 1.0}] * 2
"""


def test_a_cell_that_runs_again_takes_its_own_place(metrics: TradingMetrics) -> None:
    """Each run of the cell would add its positions: 2, 4, 6, 8."""
    kept = []
    for _ in range(4):
        scope: dict[str, Any] = {"metrics": metrics, "__name__": "__main__"}
        exec(CELL, scope)
        kept.append(scope)  # as a notebook keeps its outputs
        scope["positions"]()
        assert 2 == is_open(metrics)
    kept[0]["positions"]()  # a Sampler may still have it
    assert 2 == is_open(metrics)


def test_a_module_that_is_loaded_again_takes_its_own_place(
    metrics: TradingMetrics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Autoreload would double the positions at each change of the file."""
    (tmp_path / "reloaded_bot.py").write_text(
        "from tradmetrics import track_positions\n"
        "class Bot:\n"
        "    @track_positions\n"
        "    def positions(self):\n"
        "        return [{'strategy': 's', 'quantity': 1}]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    from tradmetrics import get_metrics

    module = importlib.import_module("reloaded_bot")
    old = module.Bot()
    old.positions()
    for _ in range(3):
        module = importlib.reload(module)
        module.Bot().positions()
        assert 1 == is_open(get_metrics())
    sys.modules.pop("reloaded_bot")


@pytest.mark.parametrize("framework", [None, "flask"])
def test_a_local_function_that_is_defined_again_takes_its_own_place(
    metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch, framework: str | None
) -> None:
    """The same inside a function, where names say less, and where we look for the application of a web framework."""
    if framework is not None:
        monkeypatch.setitem(sys.modules, framework, ModuleType(framework))
    for _ in range(4):

        @track_positions(metrics=metrics)
        def positions() -> list[dict[str, Any]]:
            return [position(1), position(1, "ETH")]

        positions()
        assert 2 == is_open(metrics)


def test_variables_that_a_function_has_looked_at_stay_as_they_were(
    metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bot that keeps `locals()` would find it empty after the next decorator."""
    monkeypatch.setitem(sys.modules, "flask", ModuleType("flask"))
    seen = locals()
    track_positions(metrics=metrics)(lambda: [position(1)])
    assert metrics is seen["metrics"]


def test_functions_of_a_factory_add_up(metrics: TradingMetrics) -> None:
    """Of two brokers made by the same factory, one would hide the other."""

    def broker(count: int) -> Any:
        @track_positions(metrics=metrics)
        def positions() -> list[dict[str, Any]]:
            return [position(1)] * count

        return positions

    first, second = broker(1), broker(2)
    for _ in range(2):
        first()
        second()
    assert 3 == is_open(metrics)


def test_bound_methods_of_two_objects_add_up(metrics: TradingMetrics) -> None:
    """Of two accounts of one class, one would hide the other."""
    first, second = Account(1), Account(2)
    tracked = [track_positions(metrics=metrics)(each.positions) for each in (first, second)]
    for function in tracked * 2:
        function()
    assert 3 == is_open(metrics)


class Account:
    """An account of a broker's library."""

    def __init__(self, count: int) -> None:
        self.count = count

    def positions(self) -> list[dict[str, Any]]:
        """Its positions."""
        return [position(1)] * self.count
