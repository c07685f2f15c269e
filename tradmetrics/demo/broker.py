"""The simulated broker: acknowledges, fills late or in parts, rejects, cancels, expires, and sometimes does not answer.

It knows nothing of metrics. The client's own order id identifies an order, as FIX's ClOrdID does, so that an
order whose acknowledgement timed out can still be recognised when its fill arrives.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Final

from tradmetrics.demo.clock import SimulatedClock
from tradmetrics.demo.faults import FaultSwitch
from tradmetrics.demo.ledger import Ledger
from tradmetrics.demo.market import Market
from tradmetrics.demo.orders import CANONICAL, Acknowledgement, InsufficientFunds, Order, OrderError, OrderUpdate


class Outcome(Enum):
    """The outcome of an order."""

    FILL = "filled at once"
    PARTS = "filled in two parts"
    EARLY = "filled before the acknowledgement is out"
    TWICE = "filled, and the fill is reported twice"
    REST = "rests in the market until it is repriced"
    UNFILLED = "filled in part; the rest has to be cancelled"
    EXPIRE = "expires"
    REJECT = "rejected by the exchange after the acknowledgement"
    REFUSE = "refused at once, with an exception"
    LATE = "the acknowledgement times out, and the fill arrives later"
    LOST = "the acknowledgement times out, and the order never arrived"
    STUCK = "acknowledged, and nothing more"


# Orders at the market do not wait there.
_WAITING: Final = {Outcome.REST, Outcome.UNFILLED, Outcome.EXPIRE}
# The first orders show every outcome once; after that the rare ones are rare.
_OPENING: Final = (
    *[Outcome.FILL] * 4, Outcome.PARTS, Outcome.EARLY, Outcome.TWICE, Outcome.REST, Outcome.UNFILLED, Outcome.EXPIRE,
    Outcome.REJECT, Outcome.REFUSE, Outcome.LATE, Outcome.LOST,
)  # fmt: skip
_ORDINARY: Final = (
    *[Outcome.FILL] * 70, *[Outcome.PARTS] * 20, *[Outcome.REST] * 14, *[Outcome.EARLY] * 4, *[Outcome.UNFILLED] * 4,
    *[Outcome.EXPIRE] * 2, *[Outcome.REJECT] * 3, Outcome.TWICE, Outcome.REFUSE, Outcome.LATE,
)  # fmt: skip
_REASONS: Final = ("price_band", "freeze_quantity", "self_trade")
_MOST_STUCK: Final = 4


@dataclass
class _Resting:
    """An open order in the broker's order book."""

    order: Order
    outcome: Outcome
    filled: int = 0
    acknowledged: bool = field(default=False)


class Broker:
    """Takes orders and posts updates back to `on_update`.

    Args:
        clock: The session's clock.
        random: The broker's own source of chance.
        switch: The conditions that faults change.
        market: Where prices come from.
        ledger: Where the broker writes down what it did.
    """

    def __init__(
        self, clock: SimulatedClock, random: Random, switch: FaultSwitch, market: Market, ledger: Ledger
    ) -> None:
        self._clock = clock
        self._random = random
        self._switch = switch
        self._market = market
        self._ledger = ledger
        self._metrics: dict[str, _Resting] = {}
        self._deck: list[Outcome] = self._shuffled(_OPENING)
        self._trades = 0
        self.on_update: Callable[[OrderUpdate], object] = lambda update: None
        clock.every(1.0, self._release)

    def place(self, order: Order) -> Acknowledgement:
        """Take an order.

        Returns:
            That the broker has it.

        Raises:
            OrderError: When the broker refuses it at once.
            TimeoutError: Raised when no answer comes; the order may still be live.
        """
        self._ledger.add("messages", "new")
        self._ledger.add("submitted", order.strategy, order.side, CANONICAL[order.order_type])
        outcome = self._decide(order)
        if outcome is Outcome.REFUSE:
            self._ledger.add("rejected", order.strategy, "insufficient_funds")
            raise InsufficientFunds(f"{order.symbol}: {order.quantity * order.reference_price:.2f} needed")
        self._metrics[order.id] = _Resting(order, outcome)
        if outcome is Outcome.EARLY:
            self._fill(order.id, order.quantity)
        elif outcome in (Outcome.LATE, Outcome.LOST):
            self._after(5.0, 9.0, order.id, self._found if outcome is Outcome.LATE else self._not_found)
            self._ledger.add("unknown", order.strategy, "timeout_error")
            raise TimeoutError(f"no answer to order {order.id}")
        else:
            self._after(0.02, 0.2, order.id, self._acknowledge)
        return Acknowledgement(order.id, "PUT ORDER REQ RECEIVED")

    def cancel(self, order_id: str) -> None:
        """Ask for an order to be cancelled; the answer comes as an update."""
        self._ledger.add("messages", "cancel")
        resting = self._metrics.get(order_id)
        if resting is not None and resting.outcome is not Outcome.STUCK:
            self._after(0.05, 0.3, order_id, lambda order_id: self._end(order_id, "CANCELLED", "not_filled"))

    def replace(self, order_id: str, order: Order) -> Acknowledgement:
        """Reprice an open order; it goes on under the new order's id.

        Raises:
            OrderError: When the old order is not open any more.
        """
        self._ledger.add("messages", "modify")
        resting = self._metrics.pop(order_id, None)
        if resting is None:
            raise OrderError(f"order {order_id} is not open")
        self._metrics[order.id] = _Resting(order, resting.outcome, resting.filled, resting.acknowledged)
        if resting.outcome is Outcome.REST:
            self._after(0.3, 2.0, order.id, self._fill_all)
        return Acknowledgement(order.id, "MODIFY VALIDATION PENDING")

    def close(self) -> None:
        """End the session: open orders expire."""
        for order_id in list(self._metrics):
            self._end(order_id, "EXPIRED", None)

    def _decide(self, order: Order) -> Outcome:
        conditions = self._switch.conditions
        chance = self._random.random()
        if conditions.orders_stuck:
            stuck = sum(each.outcome is Outcome.STUCK for each in self._metrics.values())
            return Outcome.STUCK if stuck < _MOST_STUCK else Outcome.EXPIRE
        if chance < conditions.reject_share:
            return Outcome.REJECT
        if chance < conditions.reject_share + conditions.order_timeout_share:
            return Outcome.LATE
        if not self._deck:
            self._deck = self._shuffled(_ORDINARY)
        immediate = order.order_type == "MARKET"
        place = next((i for i, each in enumerate(self._deck) if not (immediate and each in _WAITING)), None)
        return Outcome.FILL if place is None else self._deck.pop(place)

    def _acknowledge(self, order_id: str) -> None:
        resting = self._metrics[order_id]
        if resting.outcome is Outcome.REJECT:
            self._end(order_id, "REJECTED", self._random.choice(_REASONS))
            return
        resting.acknowledged = True
        self._ledger.add("acknowledged", resting.order.strategy)
        self.on_update(OrderUpdate(order_id, "OPEN"))
        quick = resting.order.order_type == "MARKET"
        if resting.outcome in (Outcome.FILL, Outcome.TWICE):
            self._after(0.05, 0.4 if quick else 3.0, order_id, self._fill_all)
        elif resting.outcome in (Outcome.PARTS, Outcome.UNFILLED):
            self._after(0.05, 1.0, order_id, self._fill_half)
        elif resting.outcome is Outcome.EXPIRE:
            self._after(2.0, 3.5, order_id, lambda order_id: self._end(order_id, "EXPIRED", None))

    def _found(self, order_id: str) -> None:
        self._acknowledge(order_id)
        self._after(0.05, 0.4, order_id, self._fill_all)

    def _not_found(self, order_id: str) -> None:
        self._end(order_id, "REJECTED", "not_found")

    def _release(self) -> None:
        """Fill what was stuck, once the fault is over."""
        if not self._switch.conditions.orders_stuck:
            for order_id, resting in list(self._metrics.items()):
                if resting.outcome is Outcome.STUCK:
                    self._fill_all(order_id)

    def _fill_half(self, order_id: str) -> None:
        resting = self._metrics[order_id]
        self._fill(order_id, resting.order.quantity // 2 or 1)
        if resting.outcome is Outcome.PARTS:
            self._after(0.5, 3.0, order_id, self._fill_all)

    def _fill_all(self, order_id: str) -> None:
        resting = self._metrics[order_id]
        self._fill(order_id, resting.order.quantity - resting.filled)

    def _fill(self, order_id: str, quantity: int) -> None:
        resting = self._metrics[order_id]
        order = resting.order
        if not resting.filled:
            self._ledger.add("first_fills", order.strategy)
        resting.filled += quantity
        self._trades += 1
        # A buyer pays up to a basis point more than the fair price, a seller gets less; now and then better.
        worse = self._random.uniform(-0.6, 1.0) / 10_000 * (1 if order.side == "BUY" else -1)
        price = round(self._market.price(order.symbol) * (1 + worse), 2)
        complete = resting.filled == order.quantity
        update = OrderUpdate(
            order_id, "COMPLETE" if complete else "OPEN", resting.filled, f"T{self._trades}", quantity, price
        )
        if complete:
            del self._metrics[order_id]
            self._ledger.add("slippages", order.strategy, order.side)
            self._ledger.add("filled", order.strategy, order.side)
            self._ledger.add("fill_times", order.strategy)
        self.on_update(update)
        if resting.outcome is Outcome.TWICE:
            self._ledger.add("anomalies", "duplicate_fill")
            self.on_update(update)

    def _end(self, order_id: str, status: str, reason: str | None) -> None:
        resting = self._metrics.pop(order_id)
        strategy = resting.order.strategy
        if resting.filled:
            self._ledger.add("slippages", strategy, resting.order.side)
        if status == "REJECTED":
            self._ledger.add("rejected", strategy, str(reason))
        else:
            self._ledger.add("cancelled", strategy, reason or "expired")
        self.on_update(OrderUpdate(order_id, status, resting.filled, reason=reason))

    def _after(self, least: float, most: float, order_id: str, action: Callable[[str], None]) -> None:
        """Do something about an order in a while, unless it has ended by then."""

        def run() -> None:
            if order_id in self._metrics:
                action(order_id)

        self._clock.later(self._random.uniform(least, most), run)

    def _shuffled(self, outcomes: tuple[Outcome, ...]) -> list[Outcome]:
        return self._random.sample(outcomes, len(outcomes))
