"""Events of orders that are not known yet: a websocket may be ahead of the answer to the submit."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, NamedTuple

MOST_WAITING: Final = 10_000
"""Events that wait at the same time; beyond it the oldest goes."""


class WaitingEvent(NamedTuple):
    """An event that waits: what to call when its order becomes known, and when it came."""

    order_id: str
    since: float
    apply: Callable[..., Any]
    arguments: tuple[Any, ...]


class Waiting:
    """A bounded queue of events by order id, oldest first. Every operation takes the same time whatever it holds."""

    __slots__ = ("_by_id", "_entries", "_number")

    def __init__(self) -> None:
        self._entries: OrderedDict[int, WaitingEvent] = OrderedDict()
        self._by_id: dict[str, list[int]] = {}
        self._number = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, order_id: str) -> bool:
        return order_id in self._by_id

    def add(self, entry: WaitingEvent) -> bool:
        """Keep an event.

        Returns:
            False when the oldest one had to go for it.
        """
        self._number += 1
        self._entries[self._number] = entry
        self._by_id.setdefault(entry.order_id, []).append(self._number)
        if len(self._entries) <= MOST_WAITING:
            return True
        self._drop()
        return False

    def take(self, order_id: str) -> list[WaitingEvent]:
        """Return the events of an order that has become known, in the order they came, and keep them no longer."""
        numbers = self._by_id.pop(order_id, None)
        return [] if numbers is None else [self._entries.pop(number) for number in numbers]

    def drop_before(self, time: float) -> int:
        """Drop the events that came at or before `time`, and return how many."""
        dropped = 0
        while self._entries and self._oldest().since <= time:
            self._drop()
            dropped += 1
        return dropped

    def since(self) -> float | None:
        """When the oldest event came; None when none waits."""
        return self._oldest().since if self._entries else None

    def _oldest(self) -> WaitingEvent:
        return self._entries[next(iter(self._entries))]

    def _drop(self) -> None:
        _, entry = self._entries.popitem(last=False)
        numbers = self._by_id[entry.order_id]
        # The numbers of one id rise, so the oldest of all is the first of its own.
        del numbers[0]
        if not numbers:
            del self._by_id[entry.order_id]
