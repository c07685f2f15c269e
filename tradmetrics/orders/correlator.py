"""Events to their orders: by any id, at once or when the order becomes known. Pure: no clock, no lock, no I/O.

Each call takes what happened and when, and appends what is to be recorded to `facts`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from tradmetrics import catalogue
from tradmetrics.orders.answer import BrokerAnswer
from tradmetrics.orders.event import Update
from tradmetrics.orders.order import Order
from tradmetrics.orders.rate import MessageRate
from tradmetrics.orders.rules import Rules
from tradmetrics.orders.waiting import MOST_WAITING, Waiting, WaitingEvent

_NEVER: Final = float("inf")


class Failure(NamedTuple):
    """What the exception of a submit says: why, and whether the order may be live all the same."""

    reason: str
    unknown: bool


Submission: TypeAlias = tuple[Order, str, Failure | None, bool, BrokerAnswer | None]
"""An order under its first id (one without an id is counted and not followed), its type's label, what its submit raised
if it did, whether its message is still to be counted, and what its submit was answered."""


class OrderCorrelator(Rules):
    """The orders of one account, and the events that wait for theirs.

    Args:
        max_open: Open orders that are remembered.
        expire_after: Seconds after which an order that has not ended is dropped.
        join_within: Seconds that an event of an unknown order is kept.

    Attributes:
        rate: How often messages are sent.
        due: When `sweep` has something to do, in seconds of the local clock.
    """

    __slots__ = ("_expire_after", "_join_within", "_perhaps", "_waiting", "due", "rate")

    def __init__(self, max_open: int, expire_after: float, join_within: float) -> None:
        super().__init__(max_open)
        self.rate = MessageRate()
        self._waiting = Waiting()
        self._perhaps: dict[str, tuple[str, float | None]] = {}
        self._expire_after = expire_after
        self._join_within = join_within
        self.due = _NEVER

    def sweep(self, now: float) -> None:
        """Drop what has been here for too long: orders, and events whose order never became known.

        Args:
            now: Seconds of the local clock.
        """
        for _ in range(self._waiting.drop_before(now - self._join_within)):
            self.anomaly("unknown_order")
        oldest = self.table.oldest()
        while oldest is not None and oldest.arrived <= now - self._expire_after:
            self.table.drop_oldest()
            self.anomaly("evicted")
            oldest = self.table.oldest()
        since = self._waiting.since()
        self.due = min(
            _NEVER if oldest is None else oldest.arrived + self._expire_after,
            _NEVER if since is None else since + self._join_within,
        )

    def message(self, action: str, at: float | None, timed: bool) -> None:
        """Count a message that was sent to the broker.

        Args:
            action: `new`, `modify` or `cancel`.
            at: When, in seconds of the local clock or of the event's own; None when it cannot be told.
            timed: True when `at` is the event's own time.
        """
        self.facts.append((catalogue.ORDER_MESSAGES, (action,), None))
        if at is not None:
            self.rate.add(at, timed)

    def submit(self, submission: Submission, now: float) -> None:
        """Take in an order that was submitted, and the events of it that came before."""
        order, order_type, failure, message, answer = submission
        if message:
            self.message("new", order.submitted_at, order.timed)
        known = self.table.by_id.get(order.ids[0]) if order.ids else None
        if known is not None:
            self.anomaly("duplicate_submit")
            if answer is not None:
                self._answered(known, answer, again=True)
            return
        self.facts.append((catalogue.ORDERS_SUBMITTED, (order.strategy, order.side, order_type), None))
        if order.ids:
            self.put(order)
            if self._waiting:
                self._join(order.ids[0])
        if failure is not None and failure.unknown:
            self.facts.append((catalogue.ORDERS_UNKNOWN, (order.strategy, failure.reason), None))
        elif failure is not None and order.ended is None:
            self.end(order, "rejected", failure.reason)
        if answer is not None:
            self._answered(order, answer)

    def _answered(self, order: Order, answer: BrokerAnswer, again: bool = False) -> None:
        """Take in what a submit was answered. `again`: the order was known before; a refusal is of the repetition."""
        other_id, event, _ = answer
        if other_id is not None and order.ids:
            self._name(order, order.ids[0], other_id)
            self._join(other_id)
        if event is not None and not (again and event[1] == "rejected"):
            self.apply(order, event)

    def put(self, order: Order) -> None:
        """Put an order into the table without counting it, as `submit` does and `restore` needs."""
        if self.table.add(order) is not None:
            self.anomaly("evicted")
        self.due = min(self.due, order.arrived + self._expire_after)

    def update(self, event: Update, now: float) -> None:
        """Take in what the broker says of an order, now or when it becomes known."""
        order = self.table.by_id.get(event[0])
        if order is None and self._perhaps:
            order = self._confirmed(event[0])
        if order is None:
            self._wait(event[0], now, self._apply_late, (event,))
        else:
            self.apply(order, event)

    def alias(self, order_id: str, other_id: str, now: float) -> None:
        """Let a second id lead to an order; either of the two may be the known one."""
        order = self.table.by_id.get(order_id)
        if order is not None:
            self._name(order, order_id, other_id)
            self._join(other_id)
            return
        order = self.table.by_id.get(other_id)
        if order is not None:
            self._name(order, other_id, order_id)
            self._join(order_id)
        else:
            self._wait(order_id, now, self._name, (other_id,))

    def replace(self, order_id: str, new_id: str, quantity: float | None, now: float) -> None:
        """Let an order go on under a new id, with the time of its first submit."""
        order = self.table.by_id.get(order_id) or self._confirmed(order_id)
        if order is None:
            self._wait(order_id, now, self._rename, (new_id, quantity))
        else:
            self._rename(order, order_id, new_id, quantity)
            self._join(new_id)

    def replace_unknown(self, order_id: str, new_id: str, quantity: float | None) -> None:
        """Note a replace of which nobody knows whether it was taken: news under the new id says so."""
        self._perhaps[new_id] = order_id, quantity
        if new_id in self._waiting:
            self._confirmed(new_id)
        elif len(self._perhaps) > MOST_WAITING:
            del self._perhaps[next(iter(self._perhaps))]

    def _confirmed(self, new_id: str) -> Order | None:
        """The order that goes on under an id after all; None when there is none."""
        order_id, quantity = self._perhaps.pop(new_id, (None, None))
        order = None if order_id is None else self.table.by_id.get(order_id)
        if order is not None and order_id is not None:
            self._rename(order, order_id, new_id, quantity)
            self._join(new_id)
        return order

    def cancel(self, order_id: str, now: float) -> None:
        """Note that a cancel was asked for: nothing changes until the broker answers, but the order should be known."""
        if order_id not in self.table.by_id and order_id not in self._perhaps:
            self._wait(order_id, now, _nothing, ())

    def forget(self, order_id: str, now: float) -> None:
        """Drop an open order of which nothing will ever be heard."""
        order = self.table.by_id.get(order_id)
        if order is not None and order.ended is None:
            self.table.drop(order)

    # ── events of orders that are not known yet ──────────────────────────────────────────────────────────────────

    def _wait(self, order_id: str, now: float, apply: Callable[..., str | None], arguments: tuple[object, ...]) -> None:
        if not self._waiting.add(WaitingEvent(order_id, now, apply, arguments)):
            self.anomaly("unknown_order")
        self.due = min(self.due, now + self._join_within)

    def _join(self, order_id: str) -> None:
        """Apply the events that waited for an id, and those that waited for the ids that these bring."""
        entries = deque(self._waiting.take(order_id))
        while entries:
            entry = entries.popleft()
            order = self.table.by_id.get(entry.order_id)
            if order is None:
                continue  # pragma: no cover - its id was forgotten in between, by a chain of more than MOST_IDS
            new_id = entry.apply(order, entry.order_id, *entry.arguments)
            if new_id is not None:
                entries.extend(self._waiting.take(new_id))

    def _apply_late(self, order: Order, order_id: str, event: Update) -> None:
        self.apply(order, event, joined=True)

    def _name(self, order: Order, order_id: str, other_id: str) -> str | None:
        known = self.table.by_id.get(other_id)
        if known is None:
            self.table.name(order, other_id)
        elif known is not order:
            self.anomaly("duplicate_submit")
            return None
        return other_id

    def _rename(self, order: Order, order_id: str, new_id: str, quantity: float | None) -> str | None:
        if self._name(order, order_id, new_id) is None:
            return None
        if quantity is not None:
            order.quantity = quantity
        if new_id != order_id:
            if order.superseded is None:
                order.superseded = set()
            order.superseded.add(order_id)
            order.superseded.discard(new_id)
            order.renumbered = True
        return new_id


def _nothing(order: Order, order_id: str) -> None:
    """A request that changes nothing."""
