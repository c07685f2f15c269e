"""One paper-trading session: everything put together on one simulated clock."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Final

from tradmetrics import MetricsExporter, heartbeat, track_market
from tradmetrics.demo.account import Account
from tradmetrics.demo.api import ApiClient
from tradmetrics.demo.broker import Broker
from tradmetrics.demo.clock import SimulatedClock
from tradmetrics.demo.desk import OrderDesk
from tradmetrics.demo.faults import LEAD_IN_SECONDS, FaultName, FaultSwitch
from tradmetrics.demo.feed import Feed
from tradmetrics.demo.hedging import CrossingBook, HedgeDesk
from tradmetrics.demo.ledger import Ledger
from tradmetrics.demo.market import MOVE_SECONDS, Market
from tradmetrics.demo.model import DIRECTION, VOLATILITY, DirectionModel, VolatilityModel
from tradmetrics.demo.risk import CircuitBreaker, RiskChecks
from tradmetrics.demo.strategies import GammaScalping, IronCondor, Momentum, Tools

DAY_SECONDS: Final = 22_500.0
"""The market is open from 9:15 to 15:30."""
_NIGHT_SECONDS: Final = 120.0
_RETRAIN_SECONDS: Final = 60.0
_DRAIN_SECONDS: Final = 10.0


@dataclass(frozen=True)
class MarketState:
    """The state of the market as a whole."""

    vix: float
    condition: str
    session_open: bool


class Session:
    """A session that advances in simulated time; the same seed and faults give the same session.

    To be made and advanced on a running event loop: its API requests and connections are coroutines there.

    Args:
        seed: Where all chance comes from.
        faults: The faults, which begin after a lead-in of ordinary trading.
        waiting: False to let API requests take no time.
        lead_in: When the faults begin, in simulated seconds.
        day_seconds: How long the market is open, in simulated seconds.

    Attributes:
        ledger: The record of all events.
        switch: Ends the faults.
        snapshots: Functions that report the account and the market, for a `Sampler`.
    """

    def __init__(
        self,
        seed: int = 0,
        faults: Iterable[FaultName] = (),
        *,
        waiting: bool = True,
        lead_in: float = LEAD_IN_SECONDS,
        day_seconds: float = DAY_SECONDS,
    ) -> None:
        def chance(purpose: str) -> Random:
            # One stream for each purpose, so that a fault in one part does not shift the others.
            return Random(f"{seed} {purpose}")

        self._tasks: set[asyncio.Future[object]] = set()
        self.ledger = ledger = Ledger()
        self.switch = switch = FaultSwitch(faults)
        self.clock = clock = SimulatedClock()
        clock.later(lead_in, switch.begin)
        self.market = market = Market(clock, chance("market"), switch)
        names = (GammaScalping.name, IronCondor.name, Momentum.name)
        self.account = account = Account(market, switch, names)
        self.breaker = breaker = CircuitBreaker(clock, market, account, switch, ledger)
        self.feed = feed = Feed(clock, chance("feed"), switch, market, ledger, self._spawn)
        self.broker = Broker(clock, chance("broker"), switch, market, ledger)
        self.desk = desk = OrderDesk(clock, self.broker, market, account, RiskChecks(account, market), breaker, ledger)
        ApiClient(clock, chance("api"), switch, ledger, self._spawn, waiting=waiting).log_in()
        self._session_open = True
        self._exporter = MetricsExporter()
        self._noise = chance("features")
        self._direction = DirectionModel(chance("model"), ledger)
        self._direction.warm_up()
        self._volatility = VolatilityModel()
        tools = Tools(clock, market, feed, desk, account, breaker)
        hedges = HedgeDesk(chance("hedges"), switch, ledger)
        self._momentum = Momentum(tools, chance(Momentum.name))
        self._strategies = (
            GammaScalping(tools, chance(GammaScalping.name), CrossingBook(chance("crossing"), ledger), hedges),
            IronCondor(tools, chance(IronCondor.name)),
            self._momentum,
        )
        self._asked: dict[str, tuple[tuple[float, float], str, float]] = {}
        clock.every(MOVE_SECONDS, self._predict, first=0.5)
        clock.every(10.0, self._watch_volatility, first=1.0)
        clock.every(60.0, self._credit_interest, first=5.0)
        clock.every(_RETRAIN_SECONDS, self._retrain, first=20.0)
        for i, strategy in enumerate(self._strategies):
            for j, index in enumerate(market.indices):
                # Staggered, so that orders do not all go out in the same second.
                act = partial(self._decide, strategy.decide, index)
                clock.every(strategy.interval, act, first=1.0 + 0.7 * i + 2.1 * j)
        clock.every(day_seconds + _NIGHT_SECONDS, self._close_day, first=day_seconds)
        clock.every(day_seconds + _NIGHT_SECONDS, self._open_day)
        self.snapshots: tuple[Callable[[], object], ...] = (
            self.state,
            account.positions,
            account.pnl,
            account.capital,
            account.drawdown,
            self._direction.live_accuracy,
            self.reconcile,
            *(partial(account.figures, name) for name in names),
        )

    @track_market
    def state(self) -> MarketState:
        """The market as a whole."""
        return MarketState(self.market.vix, self.market.condition, self._session_open)

    def reconcile(self) -> None:
        """Compare the positions in the futures with the exchange's, which agree in this simulation."""
        for underlying in self.market.indices:
            symbol = self.market.future(underlying).symbol
            held = self.account.held(symbol)
            self._exporter.record_position_check(symbol, held, held)

    def advance(self, until: float) -> None:
        """Let everything happen that is due up to a simulated time, in seconds since the start."""
        heartbeat("strategies")
        self.clock.advance(until)

    def end_faults(self) -> None:
        """Switch the faults off, and begin a new trading day so that the day's figures recover too."""
        was_active = self.switch.active
        self.switch.end()
        if was_active:
            self.account.start_day()

    async def close(self) -> None:
        """Stop trading: open orders expire, connections close, outstanding requests are answered."""
        self._close_day()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_DRAIN_SECONDS)
        for snapshot in self.snapshots:
            snapshot()

    def _spawn(self, coroutine: Coroutine[Any, Any, object]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _decide(self, decide: Callable[[str], None], index: str) -> None:
        if self.feed.is_live(index):
            decide(index)

    def _predict(self) -> None:
        if not self._session_open:
            return
        for name, index in self.market.indices.items():
            if name in self._asked:
                features, prediction, price = self._asked[name]
                self._direction.learn(features, prediction, index.price > price)
            features = (index.imbalance, self._noise.gauss(0.0, 1.0))
            prediction = self._direction.predict(features)
            self.ledger.add("predictions", DIRECTION, prediction)
            self._asked[name] = (features, prediction, index.price)
            self._momentum.predictions[name] = prediction

    def _watch_volatility(self) -> None:
        prediction = self._volatility.predict(self.market.vix)["prediction"]
        self.ledger.add("predictions", VOLATILITY, prediction)

    def _credit_interest(self) -> None:
        self.ledger.add("cash_received", "collateral", "interest", amount=self.account.credit_interest())

    def _retrain(self) -> None:
        if self.switch.conditions.retraining:
            self._direction.train()
            self._volatility.train(VOLATILITY)
            self.ledger.add("trainings")

    def _close_day(self) -> None:
        self._session_open = False
        self.broker.close()
        self.feed.close()

    def _open_day(self) -> None:
        self._session_open = True
        self.feed.open()
        self.account.start_day()
