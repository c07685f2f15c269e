"""The series that a tracker's events go to, bound once for each strategy.

The metrics object changes its token whenever a bound series may be wrong. The tracker then looks all of them up again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tradmetrics import catalogue
from tradmetrics.orders.event_reader import EventReader
from tradmetrics.orders.order import STOPS
from tradmetrics.registry.metrics import TradingMetrics

_MOST: Final = 1_000
"""Strategies and kinds of submits that are remembered; when there are more, they start over."""


class Lanes:
    """The bound series of one strategy, each None until its first sample was recorded.

    Attributes:
        ack: Observes the time to the acknowledgement.
        first_fill: Observes the time to the first fill.
        fill: Observes the time to the complete fill.
        filled: Counts a filled order, by side.
    """

    __slots__ = ("_strategy", "ack", "fill", "filled", "first_fill")

    def __init__(self, strategy: str) -> None:
        self._strategy = strategy
        self.ack: Callable[[float], object] | None = None
        self.first_fill: Callable[[float], object] | None = None
        self.fill: Callable[[float], object] | None = None
        self.filled: dict[str, Callable[[], object]] = {}

    def bind(self, metrics: TradingMetrics) -> bool:
        """Bind the series that exist by now; return False, so that the rules record the event at hand."""
        find, strategy = metrics.remembered.get, self._strategy
        for name, definition in _OBSERVED.items():
            series = find((definition.name, strategy))
            if series is not None:
                setattr(self, name, series.observe)
        for side in catalogue.SIDES:
            series = find((catalogue.ORDERS_FILLED.name, strategy, side))
            if series is not None:
                self.filled[side] = series.tick
        return False


_OBSERVED: Final = {
    "ack": catalogue.ORDER_ACK_TIME,
    "first_fill": catalogue.ORDER_FIRST_FILL_TIME,
    "fill": catalogue.ORDER_FILL_TIME,
}


class BoundSeries:
    """The series of one tracker on one metrics object.

    Args:
        reader: Knows the words that were read.
        strategy: The label of orders that name no strategy.

    Attributes:
        token: The metrics object's token when the series were bound.
        message: Counts a message of the action `new`, or None.
        kinds: For a side and an order type as they come: the side's label, whether such an order rests, and the count.
        lanes: The series of a strategy's events.
    """

    __slots__ = ("_reader", "_strategy", "kinds", "lanes", "message", "token")

    def __init__(self, reader: EventReader, strategy: str) -> None:
        self._reader = reader
        self._strategy = strategy
        self.token: object = None
        self.message: Callable[[], object] | None = None
        self.kinds: dict[tuple[str, str], tuple[str, bool, Callable[[], object]]] = {}
        self.lanes: dict[str, Lanes] = {}

    def start(self, metrics: TradingMetrics | None, watched: TradingMetrics | None) -> bool:
        """Begin again with a metrics object, once it watches the tracker; return False, as `Lanes.bind` does."""
        if metrics is not None and metrics is watched and metrics.enabled:
            self.lanes, self.kinds, self.message = {}, {}, None
            self.token = metrics.token
        return False

    def learn(self, metrics: TradingMetrics, side: str, order_type: str) -> bool:
        """Bind the series of a kind of submit, if it exists by now; return False, as `Lanes.bind` does."""
        word, kind = self._reader.sides.get(side), self._reader.order_types.get(order_type)
        if word is None or kind is None:
            return False
        find = metrics.remembered.get
        message = find((catalogue.ORDER_MESSAGES.name, "new"))
        series = find((catalogue.ORDERS_SUBMITTED.name, self._strategy, word, kind))
        if message is not None and series is not None and metrics.token is self.token:
            if len(self.kinds) >= _MOST:
                self.kinds.clear()
            self.message = message.tick
            self.kinds[side, order_type] = word, kind in STOPS, series.tick
        return False

    def new_lanes(self, metrics: TradingMetrics, strategy: str) -> Lanes:
        """Bind the series of a strategy."""
        if len(self.lanes) >= _MOST:
            self.lanes.clear()
        lanes = self.lanes[strategy] = Lanes(strategy)
        lanes.bind(metrics)
        return lanes
