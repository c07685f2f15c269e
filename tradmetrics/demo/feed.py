"""The market-data feed: WebSocket connections that live and drop, ticks, and outages in which an index goes silent."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from random import Random
from typing import Any, Final, TypeAlias

from tradmetrics import arg, track_connection, track_market_data
from tradmetrics.demo.clock import SimulatedClock
from tradmetrics.demo.faults import FaultSwitch
from tradmetrics.demo.ledger import Ledger
from tradmetrics.demo.market import Market

Spawn: TypeAlias = Callable[[Coroutine[Any, Any, object]], object]
"""Starts a coroutine on the event loop and keeps it until it is done."""

STALE_AFTER: Final = 1.5
"""Wall-clock seconds of silence after which a symbol's data is stale."""
_PULSE_SECONDS: Final = 0.5


@dataclass(frozen=True)
class Tick:
    """A price, and the unix time at which the exchange sent it."""

    symbol: str
    price: float
    timestamp: float


class Feed:
    """One connection per index; while it is down, the index's symbols are silent.

    Args:
        clock: The session's clock.
        random: The feed's own source of chance.
        switch: The conditions that faults change.
        market: Where prices come from.
        ledger: Records ticks.
        spawn: Starts the connections' coroutines.
    """

    def __init__(
        self, clock: SimulatedClock, random: Random, switch: FaultSwitch, market: Market, ledger: Ledger, spawn: Spawn
    ) -> None:
        self._clock = clock
        self._random = random
        self._switch = switch
        self._market = market
        self._ledger = ledger
        self._spawn = spawn
        self._connections: dict[str, asyncio.Event] = {}
        self._silent_until = dict.fromkeys(market.indices, 0.0)
        self._open = True
        self._pulses = 0
        self.prices: dict[str, float] = {}
        self._tracking = {index: track_connection(stream=index) for index in market.indices}
        for index in market.indices:
            self._connect(index)
        clock.every(_PULSE_SECONDS, self._pulse)
        # The first outage comes early, so that a short session shows one.
        clock.later(45.0, lambda: self._outage("NIFTY", 115.0))
        clock.every(2_400.0, lambda: self._outage(random.choice(list(market.indices)), random.uniform(60.0, 115.0)))

    @track_market_data(symbol=arg("tick.symbol"), timestamp=arg("tick.timestamp"), stale_after=STALE_AFTER)
    def on_tick(self, tick: Tick) -> None:
        """Take a price in."""
        self.prices[tick.symbol] = tick.price

    async def stream(self, index: str, closed: asyncio.Event) -> None:
        """Hold the connection for an index's prices for as long as it lives."""
        async with self._tracking[index]:
            self._ledger.add("connections", index)
            await closed.wait()

    def is_live(self, index: str) -> bool:
        """Whether prices of an index are coming in."""
        return index in self._connections

    def close(self) -> None:
        """Close every connection: the market has closed."""
        self._open = False
        for index in list(self._connections):
            self._disconnect(index)

    def open(self) -> None:
        """Connect again: the market has opened."""
        self._open = True

    def _pulse(self) -> None:
        for index in self._market.indices:
            up = self._open and not self._switch.conditions.feed_down and self._clock.now() >= self._silent_until[index]
            if up and not self.is_live(index):
                self._connect(index)
            elif not up and self.is_live(index):
                self._disconnect(index)
        self._pulses += 1
        for i, instrument in enumerate(self._market.instruments.values()):
            # Every symbol ticks at every other pulse: once a second, which is often enough at any speed from 1 on.
            age = self._random.expovariate(1 / 0.15)
            if (i + self._pulses) % 2 == 0 and self.is_live(instrument.underlying):
                self.on_tick(Tick(instrument.symbol, self._market.price(instrument.symbol), time.time() - age))
                self._ledger.add("ticks", instrument.symbol)
                self._ledger.add("tick_ages", instrument.symbol)

    def _outage(self, index: str, seconds: float) -> None:
        self._silent_until[index] = self._clock.now() + seconds

    def _connect(self, index: str) -> None:
        self._connections[index] = closed = asyncio.Event()
        self._spawn(self.stream(index, closed))

    def _disconnect(self, index: str) -> None:
        self._connections.pop(index).set()
