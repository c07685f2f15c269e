"""The simulated market: two indices, their futures and option chains, and the volatility index."""

import math
from collections import deque
from dataclasses import dataclass
from random import Random
from typing import Final

from tradmetrics.demo.clock import SimulatedClock
from tradmetrics.demo.faults import FaultSwitch

_YEAR: Final = 252 * 22_500
"""Trading seconds of a year: 252 days from 9:15 to 15:30."""
_TO_EXPIRY: Final = 5 * 22_500 / _YEAR
MOVE_SECONDS: Final = 8.0
"""The price keeps one direction for this long; the order-book imbalance at its start tells which, most of the time."""
_VOLATILE: Final = 20.0


@dataclass(frozen=True)
class Contract:
    """Something that is traded: a future, or a call (`CE`) or put (`PE`) when it has a strike."""

    symbol: str
    underlying: str
    lot: int
    strike: float = 0.0
    right: str = ""


@dataclass
class Index:
    """An index with the state of its price."""

    name: str
    middle: float
    lot: int
    step: float
    direction: int = 1
    imbalance: float = 0.0

    def __post_init__(self) -> None:
        self.price = self.middle


class Market:
    """Prices that move as simulated time does.

    Args:
        clock: The session's clock.
        random: The market's own source of chance.
        switch: The conditions that faults change.
    """

    def __init__(self, clock: SimulatedClock, random: Random, switch: FaultSwitch) -> None:
        self._random = random
        self._switch = switch
        self.indices = {
            "NIFTY": Index("NIFTY", 24_600.0, 25, 100.0),
            "BANKNIFTY": Index("BANKNIFTY", 53_000.0, 15, 200.0),
        }
        self.instruments = {each.symbol: each for index in self.indices.values() for each in _chain(index)}
        self.vix = 13.5
        self._recent: deque[int] = deque(maxlen=12)
        self._choose_directions()
        clock.every(MOVE_SECONDS, self._choose_directions)
        clock.every(1.0, self._move)
        # The first shock comes early, so that a short session shows one.
        clock.every(1_500.0, self._shock, first=30.0)

    @property
    def condition(self) -> str:
        """The condition the market is in: `volatile`, `trending` or `range_bound`."""
        if self.vix > _VOLATILE:
            return "volatile"
        return "trending" if abs(sum(self._recent)) >= 4 else "range_bound"

    @property
    def volatile(self) -> bool:
        """Whether the volatility index is above the level at which trading stops."""
        return self.vix > _VOLATILE

    def future(self, underlying: str) -> Contract:
        """The future on an index."""
        return self.instruments[f"{underlying}FUT"]

    def option(self, underlying: str, strikes_away: int, right: str) -> Contract:
        """The option whose strike is so many steps above the middle of the chain."""
        index = self.indices[underlying]
        return self.instruments[_option_symbol(underlying, index.middle + strikes_away * index.step, right)]

    def price(self, symbol: str) -> float:
        """The fair price, by Black-Scholes with the volatility index as volatility and no interest for options."""
        instrument = self.instruments[symbol]
        spot = self.indices[instrument.underlying].price
        if not instrument.right:
            return round(spot, 2)
        call = spot * _normal(self._d1(instrument)) - instrument.strike * _normal(self._d1(instrument) - self._spread)
        value = call if instrument.right == "CE" else call - spot + instrument.strike
        return round(max(value, 0.05), 2)

    def delta(self, symbol: str) -> float:
        """How much the price moves when the index moves by one point."""
        instrument = self.instruments[symbol]
        if not instrument.right:
            return 1.0
        call = _normal(self._d1(instrument))
        return call if instrument.right == "CE" else call - 1.0

    @property
    def _spread(self) -> float:
        return self.vix / 100 * math.sqrt(_TO_EXPIRY)

    def _d1(self, instrument: Contract) -> float:
        spot = self.indices[instrument.underlying].price
        return math.log(spot / instrument.strike) / self._spread + self._spread / 2

    def _choose_directions(self) -> None:
        for index in self.indices.values():
            index.direction = self._random.choice((-1, 1))
            told = self._random.random() < self._switch.conditions.signal_accuracy
            index.imbalance = (index.direction if told else -index.direction) * self._random.uniform(0.2, 1.0)
        self._recent.append(self.indices["NIFTY"].direction)

    def _move(self) -> None:
        for index in self.indices.values():
            # Pulled back towards where the chain was listed, so that a long session keeps its strikes.
            pull = (index.middle - index.price) * 0.001
            noise = self._random.gauss(0.0, index.price * self.vix / 100 / math.sqrt(_YEAR))
            index.price += index.direction * index.price * 6e-5 + noise + pull
        self.vix += (13.5 - self.vix) * 0.02 + self._random.gauss(0.0, 0.05)

    def _shock(self) -> None:
        self.vix += 9.0


def _chain(index: Index) -> list[Contract]:
    future = Contract(f"{index.name}FUT", index.name, index.lot)
    strikes = [index.middle + steps * index.step for steps in range(-2, 3)]
    return [
        future,
        *(
            Contract(_option_symbol(index.name, strike, right), index.name, index.lot, strike, right)
            for strike in strikes
            for right in ("CE", "PE")
        ),
    ]


def _option_symbol(underlying: str, strike: float, right: str) -> str:
    return f"{underlying}{strike:.0f}{right}"


def _normal(value: float) -> float:
    return 0.5 * (1.0 + math.erf(value / math.sqrt(2.0)))
