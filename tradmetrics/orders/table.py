"""The orders in memory: by id, the open ones oldest first, and the last ones that ended. Bounded in every direction."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from tradmetrics.orders.order import FEWEST_FILL_IDS, MOST_FILL_IDS, MOST_IDS, Order

MOST_ENDED: Final = 10_000
"""Ended orders that are remembered (at most `max_open`), so that late and repeated events are recognised."""
FILL_IDS_PER_ORDER: Final = 10
"""The table holds this many fill ids for each open order that it may hold, in all."""
MOST_STRATEGIES: Final = 1_000
"""Up to this many strategies, one without an open order is still reported as having none."""
_SPARE: Final = 64
"""Ended orders that a queue may hold behind an open one, besides one for each open order."""

Key: TypeAlias = "str | tuple[str, str]"
"""An id, or a symbol with an id."""


class _Queue:
    """Open orders, oldest first. Orders that ended leave from the front, or when they are as many as the open ones."""

    __slots__ = ("open", "orders")

    def __init__(self) -> None:
        self.open = 0
        self.orders: deque[Order] = deque()

    def oldest(self) -> Order | None:
        """Return the open order that has been here the longest, or None."""
        orders = self.orders
        while orders:
            if orders[0].is_open:
                return orders[0]
            orders.popleft()
        return None

    def left(self) -> None:
        """Take note that an order in the queue is open no longer."""
        self.open = left = self.open - 1
        orders = self.orders
        if not left:
            orders.clear()
            return
        while not orders[0].is_open:
            orders.popleft()
        if len(orders) > 2 * left + _SPARE:
            self.orders = deque(order for order in orders if order.is_open)


class _Group:
    """The open orders of one strategy: their number, and a queue of those that are not resting stops."""

    __slots__ = ("open", "waiting")

    def __init__(self) -> None:
        self.open = 0
        self.waiting = _Queue()


class OrderTable:
    """Orders by id.

    Args:
        max_open: Open orders that it holds; the oldest goes for one more.

    Attributes:
        by_id: The order that each id leads to, by id and by symbol with id; for reading only.
        fill_ids: Fill ids that all orders together hold.
        most_fill_ids: The number of them beyond which each order remembers only a few.
        most_open: As given.
        queue: The open orders, oldest first; for reading only.
    """

    __slots__ = ("_ended", "_groups", "_most_ended", "by_id", "fill_ids", "most_fill_ids", "most_open", "queue")

    def __init__(self, max_open: int) -> None:
        self.most_open = max_open
        self.most_fill_ids = max_open * FILL_IDS_PER_ORDER
        self._most_ended = min(max_open, MOST_ENDED)
        self.by_id: dict[Key, Order] = {}
        self.queue = _Queue()
        self._groups: dict[str, _Group] = {}
        self._ended: deque[Order] = deque()
        self.fill_ids = 0

    def __len__(self) -> int:
        """The number of open orders."""
        return self.queue.open

    def __iter__(self) -> Iterator[Order]:
        """The ended orders, then the open ones, each oldest first."""
        yield from self._ended
        for order in self.queue.orders:
            if order.is_open:
                yield order

    def has(self, order: Order) -> bool:
        """True while an order is remembered under one of its ids."""
        return any(self.find(order_id, order.symbol) is order for order_id in order.ids)

    def find(self, order_id: str, symbol: str | None) -> Order | None:
        """Return the order of an id. A symbol has to match only where both the order and the caller name one."""
        if symbol is None:
            return self.by_id.get(order_id)
        order = self.by_id.get((symbol, order_id))
        if order is None:
            order = self.by_id.get(order_id)
            if order is not None and order.symbol is not None:
                return None
        return order

    def add(self, order: Order) -> Order | None:
        """Put an order in under its ids, which lead to no other.

        Returns:
            The open order that had to go for it, or None.
        """
        if order.symbol is None:
            for order_id in order.ids:
                self.by_id[order_id] = order
        else:
            for order_id in order.ids:
                self._point(order_id, order)
        if order.fill_ids is not None:
            self.fill_ids += len(order.fill_ids)
        if order.ended is not None:
            self._remember_ended(order)
            return None
        order.is_open = True
        order.plain = (
            not order.timed
            and order.submitted_at is not None
            and order.reference_price is None
            and order.superseded is None
            and not order.renumbered
        )
        queue = self.queue
        queue.orders.append(order)
        queue.open += 1
        group = self._groups.get(order.strategy)
        if group is None:
            group = self._groups[order.strategy] = _Group()
        group.open += 1
        if not order.resting:
            group.waiting.orders.append(order)
            group.waiting.open += 1
        return None if queue.open <= self.most_open else self.drop_oldest()

    def add_plain(self, order: Order, order_id: str) -> None:
        """Put an open order in that has one id and no symbol, where there is room: `add` in fewer steps."""
        self.by_id[order_id] = order
        order.is_open = order.plain = True
        queue = self.queue
        queue.orders.append(order)
        queue.open += 1
        group = self._groups.get(order.strategy)
        if group is None:
            group = self._groups[order.strategy] = _Group()
        group.open += 1
        if not order.resting:
            waiting = group.waiting
            waiting.orders.append(order)
            waiting.open += 1

    def name(self, order: Order, order_id: str) -> None:
        """Let one more id lead to an order. Beyond the bound, the oldest id of a replace or a cancel is forgotten."""
        order.ids += (order_id,)
        self._point(order_id, order)
        if len(order.ids) > MOST_IDS:
            spare = (order.superseded or set()) | (order.cancel_ids or set())
            self.release(order, next((each for each in order.ids if each in spare), order.ids[1]))

    def release(self, order: Order, order_id: str) -> None:
        """Let an id lead to an order no longer."""
        order.ids = tuple(each for each in order.ids if each != order_id)
        self._unpoint(order_id, order)
        for ids in (order.superseded, order.cancel_ids):
            if ids is not None:
                ids.discard(order_id)

    def remember_fill(self, order: Order, fill_id: str, quantity: float | None) -> None:
        """Remember a fill; forget the oldest beyond the order's bound, or beyond a few past the table's."""
        fill_ids = order.fill_ids
        if fill_ids is None:
            fill_ids = order.fill_ids = {}
        fill_ids[fill_id] = quantity
        self.fill_ids += 1
        most = MOST_FILL_IDS if self.fill_ids <= self.most_fill_ids else FEWEST_FILL_IDS
        while len(fill_ids) > most:
            self.forget_fill(order, next(iter(fill_ids)))

    def forget_fill(self, order: Order, fill_id: str) -> None:
        """Forget a fill."""
        if order.fill_ids is not None and fill_id in order.fill_ids:
            del order.fill_ids[fill_id]
            self.fill_ids -= 1
        if order.prices is not None:
            order.prices.pop(fill_id, None)
        if order.stems is not None:
            order.stems = {stem: last for stem, last in order.stems.items() if last != fill_id}

    def end(self, order: Order) -> None:
        """Move an open order to those that ended."""
        self._leave(order)
        self._remember_ended(order)

    def oldest(self) -> Order | None:
        """The open order that has been here the longest, or None."""
        return self.queue.oldest()

    def drop_oldest(self) -> Order | None:
        """Drop the open order that has been here the longest, and return it."""
        order = self.queue.oldest()
        if order is not None:
            self.drop(order)
        return order

    def drop(self, order: Order) -> None:
        """Drop an open order."""
        self._leave(order)
        self._forget(order)

    def open_by_strategy(self) -> Mapping[str, int]:
        """The number of open orders by strategy; zero for one that had some."""
        return {strategy: group.open for strategy, group in self._groups.items()}

    def oldest_by_strategy(self) -> Mapping[str, Order | None]:
        """The oldest open order of each strategy that is not a resting stop; None for a strategy without one."""
        return {strategy: group.waiting.oldest() for strategy, group in self._groups.items()}

    def _point(self, order_id: str, order: Order) -> None:
        by_id, symbol = self.by_id, order.symbol
        if symbol is None:
            by_id[order_id] = order
            return
        by_id[symbol, order_id] = order
        other = by_id.get(order_id)
        if other is None or other.ended is not None:
            by_id[order_id] = order

    def _unpoint(self, order_id: str, order: Order) -> None:
        by_id, symbol = self.by_id, order.symbol
        if by_id.get(order_id) is order:
            del by_id[order_id]
        if symbol is not None and by_id.get((symbol, order_id)) is order:
            del by_id[symbol, order_id]

    def _leave(self, order: Order) -> None:
        order.is_open = order.plain = False
        self.queue.left()
        group = self._groups[order.strategy]
        group.open = left = group.open - 1
        if not order.resting:
            group.waiting.left()
        if not left and len(self._groups) > MOST_STRATEGIES:
            del self._groups[order.strategy]

    def _remember_ended(self, order: Order) -> None:
        self._ended.append(order)
        if len(self._ended) > self._most_ended:
            self._forget(self._ended.popleft())

    def _forget(self, order: Order) -> None:
        by_id = self.by_id
        for order_id in order.ids:
            if order.symbol is not None:
                self._unpoint(order_id, order)
            elif by_id.get(order_id) is order:
                del by_id[order_id]
        if order.fill_ids is not None:
            self.fill_ids -= len(order.fill_ids)
