"""The orders in memory: by id, the open ones oldest first, and the last ones that ended. Bounded in every direction."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from typing import Final

from tradmetrics.orders.order import FEWEST_FILL_IDS, MOST_FILL_IDS, MOST_IDS, Order

MOST_ENDED: Final = 10_000
"""Ended orders that are remembered (at most `max_open`), so that what comes late or twice is recognised."""
FILL_IDS_PER_ORDER: Final = 10
"""The table holds this many fill ids for each open order that it may hold, in all."""
MOST_STRATEGIES: Final = 1_000
"""Up to this many strategies, one without an open order is still reported as having none."""

Queue = OrderedDict[Order, None]


class OrderTable:
    """Orders by id.

    Every operation takes the same time however many orders there are: the queues are linked lists with an index, and
    what goes, goes from their front.

    Args:
        max_open: Open orders that it holds; the oldest goes for one more.

    Attributes:
        by_id: The order that each id leads to; for reading only.
    """

    __slots__ = ("_ended", "_fill_ids", "_most_ended", "_most_fill_ids", "_most_open", "_open", "_strategies", "by_id")

    def __init__(self, max_open: int) -> None:
        self._most_open = max_open
        self._most_ended = min(max_open, MOST_ENDED)
        self._most_fill_ids = max_open * FILL_IDS_PER_ORDER
        self.by_id: dict[str, Order] = {}
        self._open: Queue = OrderedDict()
        self._strategies: dict[str, Queue] = {}
        self._ended: deque[Order] = deque()
        self._fill_ids = 0

    def __len__(self) -> int:
        """The number of open orders."""
        return len(self._open)

    def __iter__(self) -> Iterator[Order]:
        """The ended orders, then the open ones, each oldest first."""
        yield from self._ended
        yield from self._open

    def has(self, order: Order) -> bool:
        """Whether an order is remembered still."""
        return self.by_id.get(order.ids[0]) is order

    def add(self, order: Order) -> Order | None:
        """Put an order in under its ids, which lead to no other.

        Returns:
            The open order that had to go for it, or None.
        """
        for order_id in order.ids:
            self.by_id[order_id] = order
        if order.fill_ids is not None:
            self._fill_ids += len(order.fill_ids)
        if order.ended is not None:
            self._remember_ended(order)
            return None
        self._open[order] = None
        queue = self._strategies.get(order.strategy)
        if queue is None:
            queue = self._strategies[order.strategy] = OrderedDict()
        queue[order] = None
        if len(self._open) <= self._most_open:
            return None
        return self.drop_oldest()

    def name(self, order: Order, order_id: str) -> None:
        """Let one more id lead to an order; of very many, the oldest that a replace has ended is forgotten."""
        order.ids += (order_id,)
        self.by_id[order_id] = order
        if len(order.ids) > MOST_IDS:
            superseded = order.superseded or set()
            forgotten = next((each for each in order.ids if each in superseded), order.ids[1])
            order.ids = tuple(each for each in order.ids if each != forgotten)
            del self.by_id[forgotten]
            superseded.discard(forgotten)

    def remember_fill(self, order: Order, fill_id: str) -> None:
        """Remember the id of a fill; forget the oldest beyond the order's bound, or beyond a few past the table's."""
        fill_ids = order.fill_ids
        if fill_ids is None:
            fill_ids = order.fill_ids = {}
        fill_ids[fill_id] = None
        self._fill_ids += 1
        most = MOST_FILL_IDS if self._fill_ids <= self._most_fill_ids else FEWEST_FILL_IDS
        while len(fill_ids) > most:
            del fill_ids[next(iter(fill_ids))]
            self._fill_ids -= 1

    def end(self, order: Order) -> None:
        """Move an open order to those that ended."""
        del self._open[order]
        self._leave_strategy(order)
        self._remember_ended(order)

    def oldest(self) -> Order | None:
        """The open order that has been here the longest, or None."""
        return next(iter(self._open)) if self._open else None

    def drop_oldest(self) -> Order:
        """Drop the open order that has been here the longest, and return it."""
        order = next(iter(self._open))
        self.drop(order)
        return order

    def drop(self, order: Order) -> None:
        """Drop an open order."""
        del self._open[order]
        self._leave_strategy(order)
        self._forget(order)

    def open_by_strategy(self) -> Mapping[str, int]:
        """The number of open orders by strategy; zero for one that had some."""
        return {strategy: len(queue) for strategy, queue in self._strategies.items()}

    def oldest_by_strategy(self) -> Mapping[str, Order | None]:
        """The open order of each strategy that has been here the longest; None for one that has none any more."""
        return {strategy: next(iter(queue), None) for strategy, queue in self._strategies.items()}

    def _leave_strategy(self, order: Order) -> None:
        queue = self._strategies[order.strategy]
        del queue[order]
        if not queue and len(self._strategies) > MOST_STRATEGIES:
            del self._strategies[order.strategy]

    def _remember_ended(self, order: Order) -> None:
        self._ended.append(order)
        if len(self._ended) > self._most_ended:
            self._forget(self._ended.popleft())

    def _forget(self, order: Order) -> None:
        for order_id in order.ids:
            del self.by_id[order_id]
        if order.fill_ids is not None:
            self._fill_ids -= len(order.fill_ids)
