"""Two ways to hedge that answer in the call itself: the house's own crossing book, and a fill-or-kill futures desk."""

from dataclasses import dataclass
from random import Random
from typing import Final

from tradmetrics import MetricDefinition, arg, fill_timer, result, track, track_order
from tradmetrics.demo.faults import FaultSwitch
from tradmetrics.demo.ledger import Ledger
from tradmetrics.demo.orders import InsufficientFunds

HEDGE_SIZE: Final = MetricDefinition(
    "paper_hedge_size",
    "histogram",
    "Units of the index that each hedge order was for.",
    labels=("desk", ("index", ("NIFTY", "BANKNIFTY"))),
    unit="units",
    buckets=(5, 10, 15, 25, 50, 100),
)
"""A metric of the demo's own, recorded by `track` through the same engine as the catalogue's."""


@dataclass(frozen=True)
class HedgeResult:
    """How a hedge order ended; `fill_time` in seconds."""

    status: str
    reason: str | None = None
    fill_time: float | None = None


class CrossingBook:
    """Matches hedges with opposite interest inside the house, before anything goes to the market.

    Args:
        random: The book's own source of chance.
        ledger: Records matches.
    """

    def __init__(self, random: Random, ledger: Ledger) -> None:
        self._random = random
        self._ledger = ledger

    def match(self, strategy: str) -> bool:
        """Look for a match; it is timed as a fill when there is one, and not at all when there is none."""
        with fill_timer(strategy) as timer:
            matched = self._random.random() < 0.25
            if not matched:
                timer.discard()
        if matched:
            self._ledger.add("fill_times", strategy)
        return matched


class HedgeDesk:
    """Fills or kills at once: the call returns when the order has ended, so `track_order` sees everything.

    Args:
        random: The desk's own source of chance.
        switch: The conditions that faults change.
        ledger: Where the desk writes down what it did.
    """

    def __init__(self, random: Random, switch: FaultSwitch, ledger: Ledger) -> None:
        self._random = random
        self._switch = switch
        self._ledger = ledger
        self._orders = 0

    @track(HEDGE_SIZE, value=arg("quantity"), desk="fill_or_kill", index=arg("index"))
    @track_order(status=result("status"), reason=result("reason"), fill_time=result("fill_time"))
    def hedge(self, strategy: str, index: str, side: str, quantity: int, order_type: str = "MARKET") -> HedgeResult:
        """Buy or sell the index's future at once or not at all.

        Returns:
            Whether it was filled, and after how long.

        Raises:
            InsufficientFunds: When the desk refuses it.
        """
        self._orders += 1
        self._ledger.add("submitted", strategy, side, order_type)
        if self._switch.conditions.orders_stuck or self._orders % 12 == 3:
            self._ledger.add("cancelled", strategy, "fill_or_kill")
            return HedgeResult("cancelled", "fill_or_kill")
        if self._orders % 60 == 6:
            self._ledger.add("rejected", strategy, "insufficient_funds")
            raise InsufficientFunds(f"{quantity} {index} futures")
        self._ledger.add("filled", strategy, side)
        self._ledger.add("fill_times", strategy)
        return HedgeResult("filled", fill_time=self._random.lognormvariate(0.0, 0.6) * 0.12)
