"""What `OrderTracker` should say, by a model that is as simple as it can be: lists, linear searches, no bounds of time.

It follows the rules as they are written for users, and shares no code with the package.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

ENDS = ("rejected", "cancelled", "expired")


@dataclass
class Event:
    """One thing that a broker said, a second id, or a replace."""

    kind: str
    order_id: str
    at: float
    status: str | None = None
    filled: int | None = None
    fill_id: str | None = None
    fill_quantity: int | None = None
    price: int | None = None
    reason: str | None = None
    timed: bool = False
    other_id: str = ""
    came: float = 0.0
    quantity: int | None = None


@dataclass
class ModelOrder:
    """One order."""

    strategy: str
    side: str
    quantity: int | None
    reference: int | None
    submitted: float
    timed: bool
    arrived: float
    ids: list[str]
    old_ids: list[str] = field(default_factory=list)
    fills: dict[str, int] = field(default_factory=dict)
    filled: int = 0
    by_single_fills: int = 0
    by_the_broker: int = 0
    short: bool = False
    ended_at: float | None = None
    acknowledged: bool = False
    first_fill: bool = False
    ended: str | None = None
    new_id_unheard: bool = False
    priced: list[tuple[int, int]] = field(default_factory=list)


class Model:
    """All orders of one account, and what should have been recorded of them."""

    def __init__(self, most: int, expire_after: float, join_within: float) -> None:
        self.most, self.expire_after, self.join_within = most, expire_after, join_within
        self.now = 1_000.0
        self.open: list[ModelOrder] = []
        self.ended: list[ModelOrder] = []
        self.waiting: list[Event] = []
        self.waiting_since: list[float] = []
        self.foreign: set[str] = set()
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.sums: Counter[tuple[str, ...]] = Counter()
        self.strategies: set[str] = set()

    def count(self, *what: str) -> None:
        """Count one."""
        self.counts[what] += 1

    def anomaly(self, kind: str) -> None:
        """Count an anomaly."""
        self.count("anomaly", kind)

    def find(self, order_id: str) -> ModelOrder | None:
        """The order of an id."""
        return next((order for order in self.open + self.ended if order_id in order.ids), None)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        while self.waiting and self.waiting_since[0] + self.join_within <= self.now:
            event = self.waiting.pop(0)
            del self.waiting_since[0]
            if event.kind != "update":
                self.anomaly("unknown_order")
            elif event.order_id not in self.foreign:
                self.foreign.add(event.order_id)
                self.count("foreign")
        while self.open and self.open[0].arrived + self.expire_after <= self.now:
            del self.open[0]
            self.anomaly("evicted")

    def restart(self) -> None:
        """What waits is not in the snapshot, and strategies without an order are forgotten."""
        self.foreign.clear()
        # An order that has given all its ids to new ones is not in the snapshot.
        self.ended = [order for order in self.ended if order.ids]
        self.waiting.clear()
        self.waiting_since.clear()
        self.strategies = {order.strategy for order in self.open}

    def submit(self, order: ModelOrder, order_type: str) -> None:
        """An order is submitted."""
        self.count("message", "new")
        known = self.find(order.ids[0])
        if known is not None and not self.is_another(known, order):
            self.anomaly("duplicate_submit")
            return
        if known is not None:
            self.release(known, order.ids[0])
        self.count("submitted", order.strategy, order.side, order_type)
        self.strategies.add(order.strategy)
        self.open.append(order)
        if len(self.open) > self.most:
            del self.open[0]
            self.anomaly("evicted")
        self.join([order.ids[0]])

    def is_another(self, known: ModelOrder, order: ModelOrder) -> bool:
        """Whether an order under the id of a known one is a new order, and not the retry that it may look like."""
        if known.ended is None:
            return False
        if known.ended_at is None or known.timed != order.timed or order.submitted - known.ended_at > 60:
            return True
        return (known.side, known.quantity) != (order.side, order.quantity)

    def release(self, order: ModelOrder, order_id: str) -> None:
        """An id leads to another order from now on."""
        order.ids.remove(order_id)
        order.old_ids = [each for each in order.old_ids if each != order_id]

    def join(self, ids: list[str]) -> None:
        """Ids have become known: what waited for them happens now."""
        ready: list[Event] = []
        while True:
            for known in ids:
                for event in [each for each in self.waiting if each.order_id == known]:
                    position = next(i for i, each in enumerate(self.waiting) if each is event)
                    del self.waiting[position], self.waiting_since[position]
                    ready.append(event)
            if not ready:
                return
            event = ready.pop(0)
            order = self.find(event.order_id)
            assert order is not None
            ids = self.happen(order, event, joined=True)

    def event(self, event: Event) -> None:
        """Something is heard."""
        event.came = self.now
        order = self.find(event.order_id)
        if order is None and event.kind == "alias":
            order = self.find(event.other_id)
            event = Event("alias", event.other_id, event.at, other_id=event.order_id, came=self.now) if order else event
        if order is None:
            self.waiting.append(event)
            self.waiting_since.append(self.now)
        else:
            self.join(self.happen(order, event, joined=False))

    def happen(self, order: ModelOrder, event: Event, *, joined: bool) -> list[str]:
        """An event of a known order; returns the ids that it made known."""
        if event.kind == "update":
            self.update(order, event, joined=joined)
            return []
        if event.kind == "cancel":
            return []
        other = self.find(event.other_id)
        if other is not None and other is not order:
            if not self.is_another(other, order):
                self.anomaly("duplicate_submit")
                return []
            self.release(other, event.other_id)
            other = None
        if other is None:
            order.ids.append(event.other_id)
        if event.kind == "replace":
            if event.quantity is not None:
                order.quantity = event.quantity
            if event.other_id != event.order_id:
                order.old_ids = [each for each in (*order.old_ids, event.order_id) if each != event.other_id]
                order.new_id_unheard = True
        return [event.other_id]

    def update(self, order: ModelOrder, event: Event, *, joined: bool) -> None:
        """The broker says something of an order."""
        before_ended, before = order.ended, order.filled
        by_old_id = event.order_id in order.old_ids
        status = None if by_old_id and event.status in ENDS else event.status
        if event.filled and status in ("accepted", "submitted", "pending_cancel"):
            status = "partially_filled"
        if by_old_id and status == "filled" and event.filled is not None and order.quantity is not None:
            status = "filled" if event.filled >= order.quantity else "partially_filled"
        at: float | None = event.at
        if event.timed and not order.timed:
            at = event.came  # only updates have times of their own, so the local clock counts at both ends
        elif event.timed != order.timed:
            at = None
        verdict, volume = self.fill(order, event, status, by_old_id)
        done = status == "filled" or (order.quantity is not None and order.filled >= order.quantity)
        observed = []
        if verdict == "new":
            if order.quantity is not None and order.filled > before and order.filled > order.quantity:
                self.anomaly("overfill")
            if before_ended == "filled":
                if status != "filled" or order.filled > before:
                    self.anomaly("late_fill")
            elif event.price is not None:
                order.priced.append((event.price, 1 if volume is None else volume))
        elif verdict != "nothing":
            self.anomaly(verdict)
        if status == "filled" and order.quantity is not None:
            if not event.filled and not (verdict == "new" and event.fill_quantity):
                order.filled = max(order.filled, order.quantity)
            elif order.filled < order.quantity and not order.short:
                order.short = True
                self.anomaly("underfill")
        ends_filled = done and before_ended != "filled"
        if ends_filled or (verdict == "new" and before_ended != "filled"):
            if before_ended is not None:
                self.anomaly("fill_after_cancel")
            if not order.first_fill:
                order.first_fill = True
                observed.append("first_fill")
        if before_ended is None and status == "accepted" and not order.acknowledged:
            order.acknowledged = True
            observed.append("ack")
        if ends_filled:
            observed.append("fill")
            self.end(order, "filled", at)
            self.count("filled", order.strategy, order.side)
        elif before_ended is None and status in ENDS:
            self.end(order, status, at)
            if status == "rejected":
                self.count("rejected", order.strategy, event.reason or "unknown")
            else:
                self.count(
                    "cancelled", order.strategy, event.reason or ("expired" if status == "expired" else "unknown")
                )
        if order.ended is not None:
            self.slippage(order)
        self.observe(order, event, observed, joined=joined)

    def fill(self, order: ModelOrder, event: Event, status: str | None, by_old_id: bool) -> tuple[str, int | None]:
        """Book a fill: what it was, and its volume."""
        before = order.filled
        a_fill = status in ("partially_filled", "filled")
        if event.fill_id is not None:
            one_count = not order.new_id_unheard and not by_old_id
            if event.fill_id in order.fills:
                if event.filled is None or event.filled <= before or not one_count:
                    return "duplicate_fill", None
                order.by_single_fills += event.fill_quantity or 0
                order.filled = order.by_the_broker = max(order.by_the_broker, event.filled)
                order.by_single_fills = min(order.by_single_fills, order.filled)
                return "new", event.fill_quantity or event.filled - before
            if event.fill_quantity is not None:
                happened = event.fill_quantity > 0
            elif event.filled is not None:
                happened = event.filled > before or (event.filled > 0 and (status is None or a_fill))
            else:
                happened = a_fill
            if not happened:
                return "nothing", None
            order.fills[event.fill_id] = event.fill_quantity or 0
            order.by_single_fills += event.fill_quantity or 0
            if event.filled is not None and one_count:
                order.filled = order.by_the_broker = max(order.by_the_broker, event.filled)
                order.by_single_fills = min(order.by_single_fills, order.filled)
            else:
                order.filled = max(before, order.by_single_fills, event.filled or 0)
            if event.fill_quantity:
                return "new", event.fill_quantity
            return "new", None if event.filled is None else max(0, order.filled - before)
        if event.filled is not None:
            if event.filled > before:
                order.filled = order.by_the_broker = event.filled
                if not by_old_id:
                    order.new_id_unheard = False
                return "new", event.filled - before
            if event.filled == before or by_old_id:
                return "nothing", None
            if event.filled == 0 and status is not None and not a_fill:
                return "nothing", None
            if order.ended == "filled" and status == "filled":
                if event.filled:
                    order.filled = order.by_the_broker = event.filled
                return "nothing", None
            if order.ended == "filled" and status == "partially_filled":
                return "late_fill", None
            order.filled = order.by_the_broker = event.filled
            order.by_single_fills = min(order.by_single_fills, event.filled)
            if order.new_id_unheard:
                order.new_id_unheard = False
                return "nothing", None
            return "bust", None
        if event.fill_quantity:
            order.filled = order.by_single_fills = before + event.fill_quantity
            return "new", event.fill_quantity
        if event.fill_quantity is None and a_fill and not (status == "filled" and order.ended == "filled"):
            return "new", None
        return "nothing", None

    def end(self, order: ModelOrder, state: str, at: float | None) -> None:
        """An order has ended, or was filled after it had ended otherwise."""
        if order.ended is None:
            self.open = [each for each in self.open if each is not order]
            self.ended.append(order)
            if len(self.ended) > self.most:
                del self.ended[0]
        order.ended, order.ended_at = state, at

    def slippage(self, order: ModelOrder) -> None:
        """The slippage of the fills since the last one was taken."""
        volume = sum(volume for _, volume in order.priced)
        if not volume or order.reference is None or order.side == "unknown":
            return
        average = sum(price * volume for price, volume in order.priced) / volume
        worse = average > order.reference if order.side == "BUY" else average < order.reference
        same = average == order.reference
        self.count("slippage", order.strategy, order.side, "none" if same else "worse" if worse else "better")
        order.priced = []

    def observe(self, order: ModelOrder, event: Event, observed: list[str], *, joined: bool) -> None:
        """The times from the submit to the event."""
        local = event.timed and not order.timed
        elapsed = (event.came if local else event.at) - order.submitted
        if event.timed and order.timed and elapsed < 0:
            self.anomaly("time_before_submit")
        elif observed and event.timed != order.timed and not local:
            self.anomaly("mixed_clock")
        elif observed and elapsed < 0 and not joined:
            self.anomaly("time_before_submit")
        else:
            for what in observed:
                self.count(what, order.strategy)
                self.sums[what, order.strategy] += max(0.0, elapsed)  # type: ignore[assignment]
