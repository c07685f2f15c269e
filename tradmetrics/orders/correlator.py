"""Events to their orders: by any id, at once or when the order becomes known. Pure: no clock, no lock, no I/O.

Each call takes what happened and when, and appends the samples to record to the facts of its rules.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from tradmetrics import catalogue
from tradmetrics.orders.answer import BrokerAnswer
from tradmetrics.orders.event import Failure, Update
from tradmetrics.orders.identities import Identities, is_another
from tradmetrics.orders.order import Order
from tradmetrics.orders.rate import MessageRate
from tradmetrics.orders.recent import ForeignOrders, RecentSubmits
from tradmetrics.orders.rules import Rules
from tradmetrics.orders.table import OrderTable
from tradmetrics.orders.waiting import MOST_WAITING, Waiting, WaitingEvent

_NEVER: Final = float("inf")


class Submission(NamedTuple):
    """A submit, read and ready for the rules.

    Attributes:
        order: The order under its first id. An order without an id is counted and not followed.
        order_type: The label of its type.
        failure: The failure of the call, or None.
        is_message: True when the message is still to be counted.
        answer: The answer to the call, or None.
    """

    order: Order
    order_type: str
    failure: Failure | None
    is_message: bool
    answer: BrokerAnswer | None


class OrderCorrelator:
    """The orders of one account, and the events that wait for theirs.

    Args:
        max_open: Open orders that are remembered.
        expire_after: Seconds after which an order that has not ended is dropped.
        join_within: Seconds that an event of an unknown order is kept.

    Attributes:
        table: The orders.
        rules: The changes that an event makes in an order.
        rate: How often messages are sent.
        recent: The submits of the last second.
        due: When `sweep` has something to do, in seconds of the local clock.
    """

    __slots__ = (
        "_foreign",
        "_ids",
        "_join_within",
        "_uncertain",
        "due",
        "expire_after",
        "rate",
        "recent",
        "rules",
        "table",
        "waiting",
    )  # fmt: skip

    def __init__(self, max_open: int, expire_after: float, join_within: float) -> None:
        self.table = OrderTable(max_open)
        self.rules = Rules(self.table)
        self._ids = Identities(self.table, self.rules)
        self.rate = MessageRate()
        self.recent = RecentSubmits()
        self.waiting = Waiting()
        self._foreign = ForeignOrders()
        self._uncertain: dict[str, tuple[str, str | None, float | None]] = {}
        self.expire_after = expire_after
        self._join_within = join_within
        self.due = _NEVER

    def sweep(self, now: float) -> None:
        """Drop what has been here for too long: orders, and events whose order never became known.

        Args:
            now: Seconds of the local clock.
        """
        for entry in self.waiting.drop_before(now - self._join_within):
            self._give_up(entry)
        oldest = self.table.oldest()
        while oldest is not None and oldest.arrived <= now - self.expire_after:
            self.table.drop_oldest()
            self.rules.anomaly("evicted")
            oldest = self.table.oldest()
        since = self.waiting.since()
        self.due = min(
            _NEVER if oldest is None else oldest.arrived + self.expire_after,
            _NEVER if since is None else since + self._join_within,
        )

    def message(self, action: str, at: float | None, timed: bool, now: float) -> None:
        """Count a message that was sent to the broker.

        Args:
            action: `new`, `modify` or `cancel`.
            at: When, in seconds of the local clock or of the event's own; None when it is unknown.
            timed: True when `at` is the event's own time.
            now: Seconds of the local clock.
        """
        self.rules.facts.append((catalogue.ORDER_MESSAGES, (action,), None))
        if at is not None:
            self.rate.add(at, timed, now)

    def submit(self, submission: Submission, now: float) -> None:
        """Take in an order that was submitted, and the events of it that came before."""
        order, order_type, failure, is_message, answer = submission
        if is_message:
            self.message("new", order.submitted_at, order.timed, now)
        known = self.table.find(order.ids[0], order.symbol) if order.ids else None
        if known is not None and is_another(known, order, None if answer is None else answer.other_id):
            self.table.release(known, order.ids[0])
            known = None
        if known is not None:
            self.rules.anomaly("duplicate_submit")
            if answer is not None:
                self._answered(known, answer, again=True)
            return
        facts = self.rules.facts
        facts.append((catalogue.ORDERS_SUBMITTED, (order.strategy, order.side, order_type), None))
        if order.symbol is not None and order.asked is not None and order.submitted_at is not None:
            equal = (order.symbol, order.side, order.asked, order.price, order.timed)
            if self.recent.repeats(equal, order.submitted_at):
                facts.append((catalogue.ORDER_DUPLICATES, (order.strategy,), None))
        if order.ids:
            self.put(order)
            if self.waiting:
                self._join(order, order.ids[0])
        if failure is not None and failure.unknown:
            facts.append((catalogue.ORDERS_UNKNOWN, (order.strategy, failure.reason), None))
        elif failure is not None and order.ended is None:
            self.rules.end(order, "rejected", failure.reason, order.submitted_at if order.timed else now)
        if answer is not None:
            self._answered(order, answer)

    def _answered(self, order: Order, answer: BrokerAnswer, again: bool = False) -> None:
        """Take in the answer to a submit. `again`: the order was known before, and a refusal is of the repetition."""
        other_id, event, _ = answer
        if other_id is not None and order.ids:
            if self._ids.name(order, order.ids[0], other_id) is not None and order.broker_id is None:
                order.broker_id = other_id
            self._join(order, other_id)
        if event is not None and not (again and event.status == "rejected"):
            self.rules.apply(order, event)

    def put(self, order: Order) -> None:
        """Put an order into the table without counting it, as `submit` does and `restore` needs."""
        if self.table.add(order) is not None:
            self.rules.anomaly("evicted")
        self.due = min(self.due, order.arrived + self.expire_after)

    def update(self, event: Update, now: float) -> None:
        """Take in an event of an order, now or when the order becomes known."""
        order = self.table.find(event.order_id, event.symbol)
        if order is None and self._uncertain:
            order = self._confirmed(event.order_id, event.symbol)
        if order is None:
            self._wait(event.order_id, event.symbol, now, self._apply_late, (event,), is_report=True)
        else:
            self.rules.apply(order, event)

    def alias(self, order_id: str, other_id: str, symbol: str | None, now: float) -> None:
        """Let a second id lead to an order; either of the two may be the known one."""
        order = self.table.find(order_id, symbol)
        if order is not None:
            self._ids.name_broker(order, order_id, other_id)
            self._join(order, other_id)
            return
        order = self.table.find(other_id, symbol)
        if order is not None:
            self._ids.name(order, other_id, order_id)
            self._join(order, order_id)
        else:
            self._wait(order_id, symbol, now, self._ids.name_broker, (other_id,))

    def replace(self, order_id: str, new_id: str, quantity: float | None, symbol: str | None, now: float) -> None:
        """Let an order go on under a new id, with the time of its first submit."""
        order = self.table.find(order_id, symbol) or self._confirmed(order_id, symbol)
        if order is None:
            self._wait(order_id, symbol, now, self._ids.rename, (new_id, quantity))
        else:
            self._ids.rename(order, order_id, new_id, quantity)
            self._join(order, new_id)

    def replace_unknown(self, order_id: str, new_id: str, quantity: float | None, symbol: str | None) -> None:
        """Note a replace whose outcome is unknown: an event under the new id confirms it."""
        self._uncertain[new_id] = order_id, symbol, quantity
        if new_id in self.waiting:
            self._confirmed(new_id, symbol)
        elif len(self._uncertain) > MOST_WAITING:
            del self._uncertain[next(iter(self._uncertain))]

    def _confirmed(self, new_id: str, symbol: str | None) -> Order | None:
        """Return the order that goes on under an id after all, or None."""
        order_id, its_symbol, quantity = self._uncertain.get(new_id, (None, None, None))
        if order_id is None or (symbol is not None and its_symbol not in (None, symbol)):
            return None
        del self._uncertain[new_id]
        order = self.table.find(order_id, its_symbol)
        if order is not None:
            self._ids.rename(order, order_id, new_id, quantity)
            self._join(order, new_id)
        return order

    def cancel(self, order_id: str, cancel_id: str | None, symbol: str | None, now: float) -> None:
        """Note that a cancel was sent. The order stays open until the broker answers, also under the cancel's id."""
        order = self.table.find(order_id, symbol)
        if order is None and self._uncertain and cancel_id is not None:
            order = self._confirmed(order_id, symbol)
        if order is not None:
            if cancel_id is not None:
                self._ids.name_cancel(order, order_id, cancel_id)
                self._join(order, cancel_id)
        elif cancel_id is not None:
            self._wait(order_id, symbol, now, self._ids.name_cancel, (cancel_id,))
        elif order_id not in self._uncertain:
            self._wait(order_id, symbol, now, _nothing, ())

    def forget(self, order_id: str, symbol: str | None, now: float) -> None:
        """Drop an open order whose only id no other program knows, so that no event of it can come."""
        order = self.table.find(order_id, symbol)
        if order is not None and order.ended is None:
            self.table.drop(order)

    # ── events of orders that are not known yet ──────────────────────────────────────────────────────────────────

    def _wait(
        self,
        order_id: str,
        symbol: str | None,
        now: float,
        apply: Callable[..., str | None],
        arguments: tuple[object, ...],
        is_report: bool = False,
    ) -> None:
        dropped = self.waiting.add(WaitingEvent(order_id, symbol, now, apply, arguments, is_report))
        if dropped is not None:
            self._give_up(dropped)
        self.due = min(self.due, now + self._join_within)

    def _give_up(self, entry: WaitingEvent) -> None:
        """Count an event whose order never became known: an order of another program, or a request of our own."""
        if not entry.is_report:
            self.rules.anomaly("unknown_order")
        elif self._foreign.is_new((entry.symbol, entry.order_id)):
            self.rules.facts.append((catalogue.ORDER_FOREIGN, (), None))

    def _join(self, order: Order, order_id: str) -> None:
        """Apply the events that waited for an id, and the events that waited for the ids that these bring."""
        entries = deque(self.waiting.take(order_id, order.symbol))
        while entries:
            entry = entries.popleft()
            found = self.table.find(entry.order_id, order.symbol)
            if found is None:
                continue  # pragma: no cover - its id was forgotten in between, by a chain of more than MOST_IDS
            new_id = entry.apply(found, entry.order_id, *entry.arguments)
            if new_id is not None:
                entries.extend(self.waiting.take(new_id, order.symbol))

    def _apply_late(self, order: Order, order_id: str, event: Update) -> None:
        self.rules.apply(order, event, joined=True)


def _nothing(order: Order, order_id: str) -> None:
    """A request that changes nothing."""
