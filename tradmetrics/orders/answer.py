"""The answer to a call that sent an order: often only an id, sometimes the order's end."""

from __future__ import annotations

from typing import NamedTuple

from tradmetrics.orders.event import Update
from tradmetrics.orders.event_reader import EventReader
from tradmetrics.orders.states import BY_QUANTITIES, ENDS
from tradmetrics.registry.metrics import TradingMetrics


class BrokerAnswer(NamedTuple):
    """An answer that was read.

    Attributes:
        other_id: One more id of the order, or None.
        event: The order's state in the answer, or None.
        quantity: The ordered quantity, where the broker's word is ambiguous without it.
    """

    other_id: str | None
    event: Update | None
    quantity: float | None = None

    @property
    def ends(self) -> bool:
        """True if the order has ended, so that no more events of it will come."""
        return self.event is not None and self.event.status in ENDS


class AnswerReader(NamedTuple):
    """The values of an answer as they came; None where there was nothing to read."""

    status: object = None
    filled: object = None
    quantity: object = None
    reason: object = None
    broker_id: object = None

    def read(
        self,
        key: str | None,
        symbol: str | None,
        when: tuple[float | None, float | None, bool],
        reader: EventReader,
        anomalies: list[str],
        metrics: TradingMetrics,
        site: str,
    ) -> tuple[str | None, BrokerAnswer]:
        """Read an answer that has just come.

        Args:
            key: The order's id, if it is known without the answer.
            symbol: The order's symbol, if it is part of its key.
            when: When the answer came, as `EventReader.when` returns it.
            reader: Reads the values.
            anomalies: Gains an anomaly for each quantity that cannot be read.
            metrics: Where errors are counted.
            site: The caller, for counting errors.

        Returns:
            The order's first id, which is the broker's where there is no other, and the answer.
        """
        other = None if self.broker_id is None else reader.id(self.broker_id, metrics, site)
        if key is None:
            key, other = other, None
        status = None if self.status is None else reader.status(self.status, metrics, site)
        filled = None if self.filled is None else reader.quantity(self.filled, anomalies)
        if status is None and filled is None:
            return key, BrokerAnswer(other, None)
        reason = None if self.reason is None else reader.text(self.reason, metrics, site)
        quantity = reader.quantity(self.quantity, anomalies) if status == BY_QUANTITIES else None
        at, local, timed = when
        event = Update(key or "", symbol, status, filled, None, None, None, reason, at, timed, local)
        return key, BrokerAnswer(other, event, quantity or None)
