"""Risk checks before an order is sent, and the circuit breaker that stops trading altogether."""

from collections.abc import Callable
from typing import Final

from tradmetrics import arg, track_circuit_breaker, track_circuit_breaker_reset, track_risk_check
from tradmetrics.demo.account import CAPITAL, Account
from tradmetrics.demo.clock import SimulatedClock
from tradmetrics.demo.faults import FaultSwitch
from tradmetrics.demo.ledger import Ledger
from tradmetrics.demo.market import Market
from tradmetrics.demo.orders import Order

MOST_LOTS: Final = 4
_DAILY_LOSS: Final = 0.03
_COOL_DOWN: Final = 45.0
_FORCED_TRIP_SECONDS: Final = 15.0
_WORDS: Final = {
    "manual_halt": "halted by hand",
    "volatility_spike": "volatility spike",
    "max_daily_loss": "daily loss",
}


class MarginError(Exception):
    """An order would need more margin than is free."""


class RiskChecks:
    """The limits that every order has to pass.

    Args:
        account: Whose margin is at stake.
        market: Where lot sizes come from.
    """

    def __init__(self, account: Account, market: Market) -> None:
        self._account = account
        self._market = market

    @track_risk_check(limit_type="order_size")
    def size_allowed(self, order: Order) -> bool:
        """True if the order has a size that a person may have meant."""
        return order.quantity <= MOST_LOTS * self._market.instruments[order.symbol].lot

    @track_risk_check(limit_type="margin", breach=MarginError)
    def reserve_margin(self, order: Order) -> None:
        """Make sure that there is margin for the order.

        Raises:
            MarginError: When there is not; an order that reduces a position needs none.
        """
        signed = order.quantity if order.side == "BUY" else -order.quantity
        position = self._account.position(order.strategy, order.symbol)
        if position is not None and position.quantity * signed < 0:
            return
        free = CAPITAL + self._account.daily() - self._account.margin()
        if self._account.margin_of(order.symbol, signed) > free:
            raise MarginError(f"{order.symbol}: {free:.0f} is free")


class CircuitBreaker:
    """Stops trading on a volatility spike or a large loss, and lets it go on when that has passed.

    Args:
        clock: The session's clock.
        market: Where volatility comes from.
        account: Where the day's loss comes from.
        switch: The conditions that faults change.
        ledger: Records trips.
    """

    def __init__(
        self, clock: SimulatedClock, market: Market, account: Account, switch: FaultSwitch, ledger: Ledger
    ) -> None:
        self._clock = clock
        self._market = market
        self._account = account
        self._switch = switch
        self._ledger = ledger
        self._tripped_at = 0.0
        self._loss_from = 0.0
        self._reason = ""
        self.active = False
        clock.every(1.0, self._watch)

    @track_circuit_breaker(reason=arg("reason"))
    def trip(self, reason: str) -> None:
        """Stop trading."""
        self.active = True
        self._reason = reason
        self._tripped_at = self._clock.now()

    @track_circuit_breaker_reset()
    def reset(self) -> None:
        """Let trading go on, with a new allowance for losses."""
        self.active = False
        self._loss_from = min(self._account.daily(), 0.0)

    def story(self) -> str:
        """Return in one line why trading is stopped and when it goes on; empty while it goes on."""
        if not self.active:
            return ""
        left = self._tripped_at + _COOL_DOWN - self._clock.now()
        when = f"trading resumes in {left:.0f} s" if left > 0 else "trading resumes once that has passed"
        return f"circuit breaker: {_WORDS.get(self._reason, self._reason)}; {when}"

    def _cause(self) -> str | None:
        if self._switch.conditions.breaker_tripping:
            return "manual_halt"
        if self._market.volatile:
            return "volatility_spike"
        if self._account.daily() - self._loss_from < -_DAILY_LOSS * CAPITAL and not self.active:
            return "max_daily_loss"
        return None

    def _watch(self) -> None:
        cause = self._cause()
        tripped_for = self._clock.now() - self._tripped_at
        forced = cause == "manual_halt" and tripped_for >= _FORCED_TRIP_SECONDS
        if self.active and (forced or (cause is None and tripped_for >= _COOL_DOWN)):
            self.reset()
        if cause is not None and not self.active:
            self.trip(cause)
            self._ledger.add("trips", cause)


def passes(ledger: Ledger, limit_type: str, check: Callable[[Order], bool | None], order: Order) -> bool:
    """Run one check, and write a breach down.

    Args:
        ledger: Records breaches.
        limit_type: The limit's name.
        check: A check of `RiskChecks`; it answers False or raises on a breach.
        order: The order to check.
    """
    try:
        passed = check(order) is not False
    except MarginError:
        passed = False
    if not passed:
        ledger.add("breaches", limit_type)
    return passed
