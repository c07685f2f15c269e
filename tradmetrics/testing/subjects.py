"""Orders and trades with the attributes that decorators look for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Final

from hypothesis import strategies as st

from tradmetrics import catalogue, spellings
from tradmetrics.testing.hostile import SideEnum, TextEnum
from tradmetrics.testing.labels import NAMES, label_values

_Strategy = st.SearchStrategy[Any]


@dataclass
class Order:
    """An order as a broker's library would hand it over."""

    order_id: Any
    strategy: Any
    symbol: Any
    side: Any
    order_type: Any
    quantity: Any
    filled_quantity: Any
    price: Any
    reference_price: Any
    status: Any
    reason: Any
    fill_time: Any


@dataclass
class Trade:
    """A trade as a strategy would report it."""

    trade_id: Any
    strategy: Any
    symbol: Any
    side: Any
    status: Any
    quantity: Any
    price: Any
    pnl: Any


def _spelled(canonical: tuple[str, ...], table: spellings.Declared) -> _Strategy:
    """The canonical words and, as often, all brokers' spellings of them, in more than one case."""
    words = [word for dialect in table.values() for spelled in dialect.values() for word in spelled]
    case = st.sampled_from([str, str.lower, str.title])
    # Deferred, because hypothesis shows a strategy with all that it is made of.
    word = st.deferred(lambda: st.sampled_from(canonical) | st.sampled_from(words))
    return st.builds(lambda word, case: case(word), word, case)


_NAMES: Final = st.sampled_from(NAMES)
_ODD_AMOUNTS: Final = (0, -1, "", "many", Decimal("NaN"), float("nan"), float("inf"), None)
_AMOUNTS: Final[_Strategy] = st.one_of(
    st.integers(1, 10_000),
    st.integers(1, 1_000_000).map(lambda cents: Decimal(cents) / 100),
    st.integers(1, 1_000_000).map(lambda cents: str(Decimal(cents) / 100)),  # Alpaca's quantities are texts
    st.sampled_from(_ODD_AMOUNTS),
)
_STATUSES: Final = _spelled(catalogue.ORDER_STATUSES, spellings.STATUS)

_PLAIN: Final[Mapping[str, _Strategy]] = {
    "order_id": st.uuids().map(str) | st.integers(1, 10**19) | st.none(),
    "trade_id": st.uuids().map(str) | st.integers(1, 10**19),
    "strategy": _NAMES,
    "symbol": _NAMES,
    "side": _spelled(catalogue.SIDES, spellings.SIDE) | st.sampled_from([*SideEnum, TextEnum.BUY]),
    "order_type": _spelled(catalogue.ORDER_TYPES, spellings.ORDER_TYPE) | st.just(TextEnum.STOP_LIMIT),
    "quantity": _AMOUNTS,
    "filled_quantity": _AMOUNTS,
    "price": _AMOUNTS,
    "reference_price": _AMOUNTS,
    "status": _STATUSES | st.sampled_from(catalogue.TRADE_STATUSES),
    "reason": st.sampled_from(["insufficient_funds", "post_only", None]),
    "fill_time": st.none() | st.floats(0, 3_600) | st.sampled_from(_ODD_AMOUNTS),
    "pnl": st.floats(-1e6, 1e6) | st.integers(-10_000, 10_000) | st.just("12.5") | st.sampled_from(_ODD_AMOUNTS),
}


def orders(**attributes: _Strategy) -> st.SearchStrategy[Any]:
    """Draw orders, as objects with the attributes that the decorators look for.

    These are `order_id`, `strategy`, `symbol`, `side`, `order_type`, `quantity`, `filled_quantity`, `price`,
    `reference_price`, `status`, `reason` and `fill_time` (seconds). Sides, types and statuses are in the spellings of
    all brokers, and amounts are numbers, Decimals and numeric texts; one attribute in ten is a hostile one instead (see
    `label_values`).

    Example:
        ```python
        from hypothesis import given
        from hypothesis import strategies as st
        from tradmetrics.testing import orders


        @given(orders(side=st.just("BUY")))
        def test_any_order_can_be_placed(order):
            place(order)
        ```

    Args:
        **attributes: Strategies to draw these from instead.

    Raises:
        TypeError: When orders have no attribute of that name.
    """
    return _built(Order, attributes)


def trades(**attributes: _Strategy) -> st.SearchStrategy[Any]:
    """Draw trades, as objects with the attributes that the decorators look for.

    These are `trade_id`, `strategy`, `symbol`, `side`, `status`, `quantity`, `price` and `pnl` (currency; also numeric
    text, None, and not finite). Otherwise as for `orders`.

    Args:
        **attributes: Strategies to draw these from instead.

    Raises:
        TypeError: When trades have no attribute of that name.
    """
    return _built(Trade, attributes)


def _built(kind: type[Any], given: Mapping[str, _Strategy]) -> _Strategy:
    names = [each.name for each in fields(kind)]
    for name in set(given) - set(names):
        raise TypeError(f"an {kind.__name__} has no attribute {name!r}; it has: {', '.join(names)}")
    return st.builds(kind, **{name: given[name] if name in given else _mostly(name) for name in names})


@st.composite
def _mostly(draw: st.DrawFn, name: str) -> Any:
    """An attribute's plain value, or one time in ten any."""
    return draw(label_values() if draw(st.integers(0, 9)) == 9 else _PLAIN[name])
