"""Orders whose fields are looked at without running their code: slots, constants of the class, and what resists."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.recorded import recorded
from tradmetrics import TradingMetrics, track_order
from tradmetrics.capture import views


class Slotted:
    """An order with slots; the last may have no value."""

    __slots__ = ("order_type", "side")


class Mixed(Slotted):
    """The same with a dict beside the slots, and a constant of the class."""

    strategy = "of the class"


class Constant:
    """An order type that is the same for all orders of the class, unless one has its own."""

    order_type = "MARKET"


class SlotsAndConstant:
    """Without a dict, so that the constant always counts."""

    __slots__ = ("side",)
    order_type = "MARKET"


class Guessing:
    """It looks its fields up itself."""

    def __getattr__(self, name: str) -> Any:
        try:
            return {"side": "BUY", "order_type": "LIMIT"}[name]
        except KeyError:
            raise AttributeError(name) from None


def made(kind: Callable[[], Any], **fields: Any) -> Any:
    """An order with these fields."""
    order = kind()
    for name, value in fields.items():
        setattr(order, name, value)
    return order


@pytest.mark.parametrize(
    ("orders", "expected"),
    [
        ([made(Slotted, side="BUY", order_type="LIMIT")] * 4, {"s BUY LIMIT": 4}),
        (
            [made(Slotted, side="BUY", order_type="LIMIT"), made(Slotted, side="SELL")] * 3,
            {"s BUY LIMIT": 3, "s SELL unknown": 3},
        ),
        ([made(Mixed, side="BUY", order_type="LIMIT")] * 3, {"s BUY LIMIT": 3}),
        (
            [made(Constant, side="BUY"), made(Constant, side="BUY", order_type="LIMIT")] * 3,
            {"s BUY MARKET": 3, "s BUY LIMIT": 3},
        ),
        ([made(SlotsAndConstant, side="SELL")] * 3, {"s SELL MARKET": 3}),
        ([Guessing()] * 3, {"s BUY LIMIT": 3}),
        (
            [{"side": "BUY", "order_type": "LIMIT"}, SimpleNamespace(side="SELL", order_type="STOP")] * 3,
            {"s BUY LIMIT": 3, "s SELL STOP": 3},
        ),
        ([7, "text", object()] * 3, {"s unknown unknown": 9}),
    ],
    ids=[
        *("slots", "an empty slot", "slots and a dict", "a constant", "slots and a constant"),
        *("getattr", "mixed", "no fields"),
    ],
)
def test_every_kind_of_order_counts_under_its_own_labels_however_often_it_comes(
    orders: list[Any], expected: dict[str, int]
) -> None:
    """The tenth order of a class would count under other labels than the first one."""
    metrics = TradingMetrics(strict=True)
    place = track_order(strategy="s", metrics=metrics)(lambda order: None)
    for order in orders:
        place(order)
    assert {f"trading_orders_submitted_total {labels}": count for labels, count in expected.items()} == {
        name: count for name, count in recorded(metrics).items() if "submitted" in name
    }


def test_classes_without_end_cost_no_memory_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that makes a class for each answer would fill the memory with what was learned of them."""
    monkeypatch.setattr(views, "_MOST_CLASSES", 5)
    monkeypatch.setattr(views, "_MOST_VIEWS", 3)
    found = views.Views(frozenset({"side"}), bare=True)
    for number in range(20):
        kind = type(f"Order{number}", (), {})
        assert {"side": "BUY"} == found[kind](made(kind, side="BUY"))
        assert views.is_no_mapping(kind())
        views.views_of(frozenset({f"field{number}"}))
        assert len(found) <= 5
        assert len(views.NO_MAPPINGS) <= max(5, 1)
        assert len(views._all) <= 3


def test_a_class_that_does_not_answer_as_classes_do_is_left_alone() -> None:
    """A broker's odd class would fail at its first order."""

    class Odd(type):
        def __subclasscheck__(cls, other: type) -> bool:
            raise RuntimeError("no answer")

        @property
        def __mro__(cls) -> Any:  # type: ignore[override]
            raise RuntimeError("no answer")

    class Order(metaclass=Odd):
        def __getattr__(self, name: str) -> Any:
            raise AttributeError(name)

    assert views.Views(frozenset({"side"}), bare=True)[Order](Order()) is None
