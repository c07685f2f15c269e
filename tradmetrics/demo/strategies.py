"""Three strategies: gamma scalping, iron condors and momentum. They decide; the desk does the rest."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import cycle
from random import Random
from typing import Final

from tradmetrics.demo.account import Account, Position
from tradmetrics.demo.clock import SimulatedClock
from tradmetrics.demo.desk import OrderDesk
from tradmetrics.demo.feed import Feed
from tradmetrics.demo.hedging import CrossingBook, HedgeDesk
from tradmetrics.demo.market import MOVE_SECONDS, Market
from tradmetrics.demo.orders import OrderError
from tradmetrics.demo.risk import MOST_LOTS, CircuitBreaker

_LOTS: Final = 2


@dataclass(frozen=True)
class Tools:
    """The objects that strategies work with."""

    clock: SimulatedClock
    market: Market
    feed: Feed
    desk: OrderDesk
    account: Account
    breaker: CircuitBreaker


class Strategy(ABC):
    """Decides every few simulated seconds, while the market is open and prices come in.

    Args:
        tools: The objects that it works with.
        random: Its own source of chance.
    """

    name: str
    interval: float

    def __init__(self, tools: Tools, random: Random) -> None:
        self.tools = tools
        self.random = random

    @abstractmethod
    def decide(self, index: str) -> None:
        """Look at one index and act."""

    def send(self, symbol: str, side: str, order_type: str, lots: int = _LOTS) -> None:
        """Send an order for so many lots, unless one is open in the same instrument."""
        if not self.tools.desk.is_working(self.name, symbol):
            lot = self.tools.market.instruments[symbol].lot
            self.tools.desk.send(self.name, symbol, side, order_type, lots * lot)

    def leave(self, position: Position, order_type: str) -> None:
        """Send the order that closes a position."""
        if not self.tools.desk.is_working(self.name, position.symbol):
            side = "SELL" if position.quantity > 0 else "BUY"
            self.tools.desk.send(self.name, position.symbol, side, order_type, abs(position.quantity))

    def held_for(self, positions: Iterable[Position]) -> float:
        """How long the oldest of the positions has been held, in simulated seconds; 0 for none."""
        return max((self.tools.clock.now() - position.opened_at for position in positions), default=0.0)

    def positions(self, index: str) -> list[Position]:
        """The strategy's positions in one index's instruments."""
        instruments = self.tools.market.instruments
        held = self.tools.account.open_positions(self.name)
        return [position for position in held if instruments[position.symbol].underlying == index]


class Momentum(Strategy):
    """Trades the future the way the model points, and leaves after a while."""

    name = "momentum"
    interval = MOVE_SECONDS

    def __init__(self, tools: Tools, random: Random) -> None:
        super().__init__(tools, random)
        self.predictions: dict[str, str] = {}
        self._entries = cycle(("LIMIT", "MARKET", "SL"))
        self._signals = 0

    def decide(self, index: str) -> None:
        """Enter on a prediction, leave when it points the other way or after 20 seconds."""
        future = self.tools.market.future(index)
        prediction = self.predictions.get(index, "skip")
        position = self.tools.account.position(self.name, future.symbol)
        if position is not None:
            against = "short" if position.quantity > 0 else "long"
            if prediction == against or self.held_for([position]) > 20.0:
                self.leave(position, self.random.choice(("MARKET", "SL-M")))
            return
        if prediction == "skip":
            return
        self._signals += 1
        # Once in a while a person types a zero too many; the risk check is there for that.
        lots = MOST_LOTS * 10 if self._signals % 40 == 2 else _LOTS
        self.send(future.symbol, "BUY" if prediction == "long" else "SELL", next(self._entries), lots)


class IronCondor(Strategy):
    """Sells a call and a put, buys both farther out, and closes the four together."""

    name = "iron_condor"
    interval = 4.0
    _legs: Final = (("CE", 1, "SELL"), ("CE", 2, "BUY"), ("PE", -1, "SELL"), ("PE", -2, "BUY"))

    def decide(self, index: str) -> None:
        """Open when flat, close after a while, and now and then leave early with a stop."""
        positions = self.positions(index)
        if not positions:
            if self.tools.market.condition != "volatile":
                for right, strikes_away, side in self._legs:
                    self.send(self.tools.market.option(index, strikes_away, right).symbol, side, "LIMIT")
        elif self.held_for(positions) > 40.0 or self.random.random() < 0.02:
            for position in positions:
                self.leave(position, self.random.choice(("LIMIT", "MARKET", "SL-M")))


class GammaScalping(Strategy):
    """Holds a straddle and hedges its delta as the index moves."""

    name = "gamma_scalping"
    interval = 4.0

    def __init__(self, tools: Tools, random: Random, crossing: CrossingBook, hedges: HedgeDesk) -> None:
        super().__init__(tools, random)
        self._crossing = crossing
        self._hedges = hedges

    def decide(self, index: str) -> None:
        """Keep a straddle for a minute, hedge it meanwhile, then close it with its hedge."""
        positions = self.positions(index)
        options = [each for each in positions if self.tools.market.instruments[each.symbol].right]
        if not options:
            for right in ("CE", "PE"):
                self.send(self.tools.market.option(index, 0, right).symbol, "BUY", "LIMIT")
        elif self.held_for(options) > 60.0:
            for position in positions:
                self.leave(position, "MARKET")
        else:
            self._hedge(index, positions)

    def _hedge(self, index: str, positions: Iterable[Position]) -> None:
        market, future = self.tools.market, self.tools.market.future(index)
        delta = sum(position.quantity * market.delta(position.symbol) for position in positions)
        quantity = round(abs(delta))
        if quantity < future.lot // 5 or self.tools.breaker.active:
            return
        side = "SELL" if delta > 0 else "BUY"
        if not self._crossing.match(self.name):
            try:
                outcome = self._hedges.hedge(self.name, index, side, quantity)
            except OrderError:
                return  # the next look at the delta tries again
            if outcome.status != "filled":
                return
        self.tools.desk.settle_fill(self.name, future.symbol, side, quantity, market.price(future.symbol))
