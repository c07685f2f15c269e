"""An open position, and the two sides that one may have."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final, NamedTuple

from tradmetrics.vocabulary.numbers import number_of

_MOST: Final = 1_000


class Held(NamedTuple):
    """An open position, as the broker tells it.

    Attributes:
        symbol: The instrument.
        quantity: Positive for long, negative for short, 0 for none.
        unrealized: Its unrealized P&L, where the broker tells it.
        strategy: The label of the position; by default the adapter's, where that is one for all orders.
        price: The average price at which it was entered, where the broker tells it.
        currency: The currency of `unrealized`.
        label: The symbol's label, where `symbol` is an id that tells instruments apart.
        side: The side, where a symbol may have a position on each side (hedge mode). Both together are its position.
    """

    symbol: str
    quantity: object
    unrealized: object = None
    strategy: object = None
    price: object = None
    currency: str | None = None
    label: str | None = None
    side: str | None = None


class Sides:
    """The positions of each symbol by their sides, where the broker tells sides."""

    def __init__(self) -> None:
        self._sides: OrderedDict[tuple[str, str], dict[str | None, Held]] = OrderedDict()

    def together(self, account: str, held: Iterable[Held], *, one_side: bool) -> dict[str, Held]:
        """Add up the positions of each symbol.

        Args:
            account: Whose positions they are.
            held: The positions.
            one_side: Whether a side that is not there stays as it was.
        """
        told: dict[str, dict[str | None, Held]] = {}
        for each in held:
            sides = told.setdefault(each.symbol, {})
            sides[each.side] = _sum(sides[each.side], each) if each.side in sides else each
        result = {}
        for symbol, sides in told.items():
            whole = {**self._sides.pop((account, symbol), {}), **sides} if one_side else sides
            self._remember((account, symbol), whole)
            first, *others = whole.values()
            for each in others:
                first = _sum(first, each)
            result[symbol] = first
        return result

    def _remember(self, key: tuple[str, str], sides: dict[str | None, Held]) -> None:
        self._sides.pop(key, None)
        if set(sides) != {None}:
            self._sides[key] = sides
            if len(self._sides) > _MOST:
                self._sides.popitem(last=False)


def _sum(one: Held, other: Held) -> Held:
    quantities = [float(number_of(each.quantity)) for each in (one, other)]
    amounts = [float(number_of(each.unrealized)) for each in (one, other) if each.unrealized is not None]
    return (other if quantities[1] else one)._replace(
        quantity=sum(quantities),
        unrealized=sum(amounts) if amounts else None,
        price=None if all(quantities) else one.price if quantities[0] else other.price,
    )
