"""Events of orders that are not known yet: a websocket may be ahead of the answer to the submit."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, NamedTuple

MOST_WAITING: Final = 10_000
"""Events that wait at the same time; beyond it the oldest goes."""


class WaitingEvent(NamedTuple):
    """An event that waits.

    Attributes:
        order_id: The id of the order that it waits for.
        symbol: The symbol of that order, or None.
        since: When the event came.
        apply: The function to call when the order becomes known.
        arguments: Its arguments after the order and the id.
        is_report: True for a broker's report; False for a request of this process.
    """

    order_id: str
    symbol: str | None
    since: float
    apply: Callable[..., Any]
    arguments: tuple[Any, ...]
    is_report: bool = False


class Waiting:
    """A bounded queue of events by order id, oldest first. Every operation takes the same time whatever it holds."""

    __slots__ = ("_entries", "_number", "by_id")

    def __init__(self) -> None:
        self._entries: OrderedDict[int, WaitingEvent] = OrderedDict()
        self.by_id: dict[str, list[int]] = {}
        self._number = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, order_id: str) -> bool:
        return order_id in self.by_id

    def add(self, entry: WaitingEvent) -> WaitingEvent | None:
        """Keep an event.

        Returns:
            The oldest event, when it had to go for this one.
        """
        self._number += 1
        self._entries[self._number] = entry
        self.by_id.setdefault(entry.order_id, []).append(self._number)
        return None if len(self._entries) <= MOST_WAITING else self._drop()

    def take(self, order_id: str, symbol: str | None) -> list[WaitingEvent]:
        """Return the events of an order that has become known, in the order they came, and keep them no longer."""
        numbers = self.by_id.pop(order_id, None)
        if numbers is None:
            return []
        others = (
            [] if symbol is None else [each for each in numbers if self._entries[each].symbol not in (None, symbol)]
        )
        if others:
            self.by_id[order_id] = others
        return [self._entries.pop(number) for number in numbers if number not in others]

    def drop_before(self, time: float) -> list[WaitingEvent]:
        """Drop the events that came at or before `time`, and return them."""
        dropped = []
        while self._entries and self._oldest().since <= time:
            dropped.append(self._drop())
        return dropped

    def since(self) -> float | None:
        """Return when the oldest event came, or None when no event waits."""
        return self._oldest().since if self._entries else None

    def _oldest(self) -> WaitingEvent:
        return self._entries[next(iter(self._entries))]

    def _drop(self) -> WaitingEvent:
        _, entry = self._entries.popitem(last=False)
        numbers = self.by_id[entry.order_id]
        # The numbers of one id rise, so the oldest of all is the first of its own.
        del numbers[0]
        if not numbers:
            del self.by_id[entry.order_id]
        return entry
