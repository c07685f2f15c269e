"""Positions at average cost, from the fills, and their distance from the broker's own positions."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

_MOST: Final = 10_000
_MOST_FILLS: Final = 1_000
"""Fills that can still be corrected."""
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
class _Fill:
    ids: tuple[str, ...]
    """Its id, and those of its corrections."""
    symbol: str
    quantity: float
    price: float | None
    fee: float
    contract_size: float | None
    opens_short: bool


@dataclass
class _Held:
    quantity: float = 0.0
    price: float | None = 0.0
    """The average price of what is held; None when some of it was bought before this process."""
    cost: float = 0.0
    """Commission that was paid for what is held."""

    def fill(self, fill: _Fill) -> Closing:
        """Take in a fill."""
        held, quantity, price = self.quantity, fill.quantity, fill.price
        if held * quantity >= 0:
            if not held and quantity < 0 and not fill.opens_short:
                return Closing(True)  # the bot sells units that it bought before this process
            self._add(quantity, price, fill.fee)
            return Closing(False)
        closed = min(abs(quantity), abs(held))
        share = closed / abs(quantity)
        pnl = None
        if price is not None and self.price is not None and fill.contract_size is not None:
            gross = (price - self.price) * closed * fill.contract_size * (1 if held > 0 else -1)
            pnl = gross - fill.fee * share - self.cost * closed / abs(held)
        self.cost -= self.cost * closed / abs(held)
        rest = held + quantity
        if rest * held > 0 and abs(rest) > _ALMOST * max(abs(held), abs(quantity)):
            self.quantity = rest
            return Closing(True, pnl)
        self.quantity, self.price, self.cost = 0.0, 0.0, 0.0
        if abs(rest) > _ALMOST * max(abs(held), abs(quantity)):
            if rest < 0 and not fill.opens_short:
                return Closing(True)  # more was sold than was bought here
            self._add(rest, price, fill.fee * (1 - share))
        return Closing(True, pnl)

    def _add(self, quantity: float, price: float | None, fee: float) -> None:
        total = self.quantity + quantity
        if price is None or self.price is None:
            self.price = None
        elif total:
            self.price = (self.price * self.quantity + price * quantity) / total
        self.quantity = total
        self.cost += fee


@dataclass
class _Position:
    now: _Held = field(default_factory=_Held)
    base: _Held = field(default_factory=_Held)
    """Before the first of the fills that can still be corrected."""
    told: float | None = None
    """The broker's position when it last agreed with the fills."""
    since: float = 0.0
    """The sum of the fills since then."""


class Positions:
    """Positions by symbol, from the fills of one account. At most 10,000 symbols are kept."""

    def __init__(self) -> None:
        self._positions: OrderedDict[str, _Position] = OrderedDict()
        self._fills: deque[_Fill] = deque()

    def fill(
        self,
        symbol: str,
        quantity: float,
        price: float | None,
        fee: float = 0.0,
        contract_size: float | None = 1.0,
        opens_short: bool = False,
        fill_id: str = "",
    ) -> Closing:
        """Take in a fill.

        Args:
            symbol: The instrument.
            quantity: Positive for a buy, negative for a sell.
            price: The price of one unit.
            fee: Its commission, in the currency of the price.
            contract_size: Units in one contract; None when it is not known.
            opens_short: Whether a sell without a position opens one.
            fill_id: Its id, for `correct`.
        """
        position = self._of(symbol)
        position.since += quantity
        made = _Fill((fill_id,), symbol, quantity, price, fee, contract_size, opens_short)
        self._fills.append(made)
        if len(self._fills) > _MOST_FILLS:
            oldest = self._fills.popleft()
            self._of(oldest.symbol).base.fill(oldest)
        return position.now.fill(made)

    def correct(
        self, fill_id: str, new_id: str, quantity: float, price: float | None, fee: float = 0.0
    ) -> tuple[float, float]:
        """Take in that a fill was another one: everything is as if that had been known from the beginning.

        Args:
            fill_id: The id of the fill, or of an earlier correction of it.
            new_id: The id of the correction, which a later one may name.
            quantity: The right quantity, with its sign; 0 where the fill did not happen.
            price: The right price.
            fee: The right commission.

        Returns:
            By how much the P&L of the closings since then changes, and by how much the commission does; zeros for a
            fill that is not known any more.
        """
        wrong = next((each for each in self._fills if fill_id in each.ids), None)
        if wrong is None:
            return 0.0, 0.0
        position = self._of(wrong.symbol)
        before, _ = self._replay(wrong.symbol)
        position.since += quantity - wrong.quantity
        change = fee - wrong.fee
        wrong.ids += (new_id,)
        wrong.quantity, wrong.price, wrong.fee = quantity, price, fee
        after, position.now = self._replay(wrong.symbol)
        return after - before, change

    def _replay(self, symbol: str) -> tuple[float, _Held]:
        """The P&L of the fills of a symbol that can still be corrected, and what is held after them."""
        held = replace(self._of(symbol).base)
        closings = [held.fill(each) for each in self._fills if each.symbol == symbol and each.quantity]
        return sum(each.pnl or 0.0 for each in closings), held

    def held(self, symbol: str, quantity: float, price: float | None = None) -> None:
        """Take in a position of before: `quantity` at an average `price`, None when that is not known."""
        position = self._of(symbol)
        if quantity and not position.now.quantity and not position.since:
            position.now, position.base = _Held(quantity, price), _Held(quantity, price)
            self._fills = deque(each for each in self._fills if each.symbol != symbol)

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
