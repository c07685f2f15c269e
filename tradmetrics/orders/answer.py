"""What the call that sent an order was answered: often only an id, sometimes all that there is to know."""

from __future__ import annotations

from typing import Final, NamedTuple

from tradmetrics.orders.event import Update
from tradmetrics.orders.event_reader import EventReader
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.vocabulary.words import CLOSED

_ENDS: Final = frozenset({"filled", "rejected", "cancelled", "expired"})


class BrokerAnswer(NamedTuple):
    """An answer that was read.

    Attributes:
        other_id: One more id of the order, or None.
        event: What became of the order, or None.
        quantity: What was ordered, where only that tells what became of it.
    """

    other_id: str | None
    event: Update | None
    quantity: float | None = None

    @property
    def ends(self) -> bool:
        """Whether the order is over, so that nothing more will be heard of it."""
        return self.event is not None and self.event[1] in _ENDS


class AnswerReader(NamedTuple):
    """What was read of an answer, as it came; None where there was nothing to read."""

    status: object = None
    filled: object = None
    quantity: object = None
    reason: object = None
    broker_id: object = None

    def read(
        self,
        key: str | None,
        at: float | None,
        timed: bool,
        reader: EventReader,
        anomalies: list[str],
        metrics: TradingMetrics,
        site: str,
    ) -> tuple[str | None, BrokerAnswer]:
        """Read an answer that has just come.

        Args:
            key: The order's id, if it is known without the answer.
            at: When it came, or None where that cannot be told.
            timed: True when that is the event's own time.
            reader: Reads the values.
            anomalies: Gains what is wrong with them.
            metrics: Where errors are counted.
            site: Who is counted as having made them.

        Returns:
            The order's first id, which is the broker's where there is no other, and what was read.
        """
        other = None if self.broker_id is None else reader.id(self.broker_id, metrics, site)
        if key is None:
            key, other = other, None
        status = None if self.status is None else reader.status(self.status, metrics, site)
        filled = None if self.filled is None else reader.quantity(self.filled, anomalies)
        if status is None and filled is None:
            return key, BrokerAnswer(other, None)
        reason = None if self.reason is None else reader.text(self.reason, metrics, site)
        quantity = reader.quantity(self.quantity, anomalies) if status == CLOSED else None
        return key, BrokerAnswer(
            other, (key or "", status, filled, None, None, None, reason, at, timed), quantity or None
        )
