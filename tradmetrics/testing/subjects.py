"""Orders and trades with the attributes that decorators look for."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Final

from hypothesis import strategies as st

from tradmetrics import catalogue
from tradmetrics.testing.hostile import SideEnum, TextEnum
from tradmetrics.testing.labels import NAMES, label_values
from tradmetrics.vocabulary import words as spellings

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


def _as_often(*tables: tuple[Any, ...]) -> tuple[Any, ...]:
    """The values of all tables, each table as often as the others when one is drawn."""
    longest = max(map(len, tables))
    return tuple(value for table in tables for value in itertools.islice(itertools.cycle(table), longest))


def _spelled(canonical: tuple[str, ...], table: spellings.Declared) -> tuple[str, ...]:
    """The canonical words and, as often, all brokers' spellings of them, in more than one case."""
    words = tuple(word for dialect in table.values() for spelled in dialect.values() for word in spelled)
    return tuple(case(word) for word in _as_often(canonical, words) for case in (str, str.lower, str.title))


_MOST_CENTS: Final = 1_000_000
_ODD_AMOUNTS: Final = (0, -1, "", "many", Decimal("NaN"), float("nan"), float("inf"), None)


def _amount(number: int) -> Any:
    """An amount of one of four kinds, as often each."""
    cents, kind = divmod(number, 4)
    if kind == 0:
        return cents // 100 + 1
    if kind == 3:
        return _ODD_AMOUNTS[cents % len(_ODD_AMOUNTS)]
    amount = Decimal(cents + 1) / 100
    return amount if kind == 1 else str(amount)  # Alpaca's quantities are texts


_AMOUNTS: Final = st.integers(0, 4 * _MOST_CENTS - 1).map(_amount)

_PLAIN: Final[Mapping[str, _Strategy | tuple[Any, ...]]] = {
    "order_id": st.uuids().map(str) | st.integers(1, 10**19) | st.none(),
    "trade_id": st.uuids().map(str) | st.integers(1, 10**19),
    "strategy": NAMES,
    "symbol": NAMES,
    "side": _as_often(_spelled(catalogue.SIDES, spellings.SIDE), (*SideEnum, TextEnum.BUY)),
    "order_type": _as_often(_spelled(catalogue.ORDER_TYPES, spellings.ORDER_TYPE), (TextEnum.STOP_LIMIT,)),
    "quantity": _AMOUNTS,
    "filled_quantity": _AMOUNTS,
    "price": _AMOUNTS,
    "reference_price": _AMOUNTS,
    "status": _as_often(_spelled(catalogue.ORDER_STATUSES, spellings.STATUS), catalogue.TRADE_STATUSES),
    "reason": ("insufficient_funds", "post_only", None),
    "fill_time": st.none() | st.floats(0, 3_600) | st.sampled_from(_ODD_AMOUNTS),
    "pnl": st.floats(-1e6, 1e6) | st.integers(-10_000, 10_000) | st.just("12.5") | st.sampled_from(_ODD_AMOUNTS),
}
"""Plain values of the attributes; those that are all written down can be drawn in one step."""


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


def _mostly(name: str) -> _Strategy:
    """An attribute's plain value, or one time in ten any."""
    plain = _PLAIN[name]
    most = 9 * (len(plain) if isinstance(plain, tuple) else 1)
    places = st.integers(0, most // 9 * 10 - 1)

    @st.composite
    def value(draw: st.DrawFn) -> Any:
        place = draw(places)
        if place >= most:
            return draw(label_values())
        return plain[place % len(plain)] if isinstance(plain, tuple) else draw(plain)

    return value()
