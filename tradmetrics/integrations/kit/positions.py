"""Positions at average cost, from the fills, and their distance from the broker's own positions."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, NamedTuple

_MOST: Final = 10_000
_ALMOST: Final = 1e-9


class Closing(NamedTuple):
    """The effect of a fill on a position.

    Attributes:
        reduces: Whether it closed or reduced one.
        pnl: The profit or loss of the closed part, net of its share of the commissions; None if it is unknown.
    """

    reduces: bool
    pnl: float | None = None


@dataclass
class _Position:
    quantity: float = 0.0
    price: float | None = 0.0
    """The average price of what is held; None when some of it was bought before this process."""
    cost: float = 0.0
    """Commission that was paid for what is held."""
    told: float | None = None
    """The broker's position when it last agreed with the fills."""
    since: float = 0.0
    """The sum of the fills since then."""


class Positions:
    """Positions by symbol, from the fills of one account. At most 10,000 symbols are kept."""

    def __init__(self) -> None:
        self._positions: OrderedDict[str, _Position] = OrderedDict()

    def fill(
        self,
        symbol: str,
        quantity: float,
        price: float | None,
        fee: float = 0.0,
        contract_size: float | None = 1.0,
        opens_short: bool = False,
    ) -> Closing:
        """Take in a fill.

        Args:
            symbol: The instrument.
            quantity: Positive for a buy, negative for a sell.
            price: The price of one unit.
            fee: Its commission, in the currency of the price.
            contract_size: Units in one contract; None when it is not known.
            opens_short: Whether a sell without a position opens one.
        """
        position = self._of(symbol)
        position.since += quantity
        held = position.quantity
        if held * quantity >= 0:
            if not held and quantity < 0 and not opens_short:
                return Closing(True)  # the bot sells units that it bought before this process
            _add(position, quantity, price, fee)
            return Closing(False)
        closed = min(abs(quantity), abs(held))
        share = closed / abs(quantity)
        pnl = None
        if price is not None and position.price is not None and contract_size is not None:
            gross = (price - position.price) * closed * contract_size * (1 if held > 0 else -1)
            pnl = gross - fee * share - position.cost * closed / abs(held)
        position.cost -= position.cost * closed / abs(held)
        rest = held + quantity
        if abs(rest) <= _ALMOST * max(abs(held), abs(quantity)):
            position.quantity, position.price, position.cost = 0.0, 0.0, 0.0
        elif rest * held > 0:
            position.quantity = rest
        else:
            position.quantity, position.price, position.cost = 0.0, 0.0, 0.0
            if rest < 0 and not opens_short:
                return Closing(True)  # more was sold than was bought here
            _add(position, rest, price, fee * (1 - share))
        return Closing(True, pnl)

    def held(self, symbol: str, quantity: float, price: float | None = None) -> None:
        """Take in a position of before: `quantity` at an average `price`, None when that is not known."""
        position = self._of(symbol)
        if not position.quantity and not position.since:
            position.quantity, position.price = quantity, price if quantity else 0.0

    def told(self, symbol: str, actual: float) -> tuple[float, float] | None:
        """Take in the broker's position.

        Returns:
            The position that the fills imply since the broker last agreed with them, and the broker's own. None for
            the first position that the broker tells, which there is nothing to compare with.
        """
        position = self._of(symbol)
        if position.told is None:
            position.told, position.since = actual, 0.0
            return None
        expected = position.told + position.since
        if abs(actual - expected) <= _ALMOST * max(1.0, abs(actual), abs(expected)):
            position.told, position.since = actual, 0.0
            return actual, actual
        return expected, actual

    def symbols(self) -> list[str]:
        """The symbols whose position the broker has told."""
        return [symbol for symbol, position in self._positions.items() if position.told is not None]

    def _of(self, symbol: str) -> _Position:
        position = self._positions.get(symbol)
        if position is None:
            position = self._positions[symbol] = _Position()
            if len(self._positions) > _MOST:
                self._positions.popitem(last=False)
        return position


def _add(position: _Position, quantity: float, price: float | None, fee: float) -> None:
    total = position.quantity + quantity
    if price is None or position.price is None:
        position.price = None
    elif total:
        position.price = (position.price * position.quantity + price * quantity) / total
    position.quantity = total
    position.cost += fee
