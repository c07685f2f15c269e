"""Reads the values that callers hand in, and counts the ones it cannot read. All before any lock: it runs user code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tradmetrics.errors import is_interruption
from tradmetrics.model.text import UNKNOWN, text_of
from tradmetrics.orders.inputs import (
    LARGEST,
    LONGEST_ID,
    YEAR_2000,
    id_of,
    is_missing,
    price_of,
    quantity_of,
    time_of,
)
from tradmetrics.orders.states import BY_QUANTITIES
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.vocabulary import fold as vocabulary
from tradmetrics.vocabulary.unknown_words import UnknownWord

_MOST_WORDS: Final = 1_000
"""Spellings of one label that are kept; brokers have a few dozen."""
_QUANTITY_IN: Final = ("base", "quote")


class EventReader:
    """Reads ids, labels, quantities, prices and times of any type. `metrics` and `site` are for counting errors.

    Args:
        clock: The local clock, in seconds.
        account: The account whose orders these are; empty when it is not known.
        dialect: The broker whose spellings are read.
        scale: Seconds in a unit of a numeric timestamp.

    Attributes:
        local: The local clock.
        account: That account.
        now: The last reading of the local clock.
        simulated: True once an order was submitted at a time before 2000, as in a simulation that starts at 0.
        sides: The words of sides that were read.
        order_types: The words of order types that were read.
        statuses: The words of states that were read.
    """

    def __init__(self, clock: Callable[[], float], account: str, dialect: str | None, scale: float = 1.0) -> None:
        self.local = clock
        self.account = account
        self.now = 0.0
        self.simulated = False
        self.corrects_by_dot = dialect == "ib"
        self.sides: dict[str, str] = {}
        self.order_types: dict[str, str] = {}
        self.statuses: dict[str, str] = {}
        self._dialect = dialect
        self._scale = scale

    def clock(self, metrics: TradingMetrics, site: str) -> float | None:
        """The local clock, or None when it fails, which is counted."""
        try:
            now = self.local()
            if type(now) is not float or not -LARGEST < now < LARGEST:
                now = price_of(now)
        except Exception as error:
            if is_interruption(error):
                raise
            metrics.fault(site, "clock", error)
            return None
        self.now = now
        return now

    def when(
        self, timestamp: object, metrics: TradingMetrics, site: str, submits: bool = False
    ) -> tuple[float | None, float | None, bool]:
        """Read when an event was, and the local clock.

        Args:
            timestamp: The event's own time; a missing one means the local clock.
            metrics: Where errors are counted.
            site: The caller.
            submits: True for a submit, whose time says whether a simulation has a calendar of its own.

        Returns:
            The time or None, the local clock or None, and whether the time is the event's own.
        """
        local = self.clock(metrics, site)
        if timestamp is None or is_missing(timestamp):
            return local, local, False
        try:
            at = time_of(timestamp, self._scale)
            if at < YEAR_2000 and (at <= 0 or not (submits or self.simulated)):
                raise ValueError(
                    f"timestamp={timestamp!r:.60} is before 2000, so it is left out; leave out the times of a feed "
                    "that has none, and give OrderTracker(unit=…) the unit of numbers: 's', 'ms', 'us' or 'ns'"
                )
            self.simulated = self.simulated or at < YEAR_2000
            return at, local, True
        except Exception as error:
            if is_interruption(error):
                raise
            metrics.fault(site, "clock", error)
            return (local, local, False) if submits else (None, local, True)

    def is_ours(self, account: object, metrics: TradingMetrics, site: str) -> bool:
        """Whether the account that an event names is ours."""
        return not self.account or self.id(account, metrics, site) == self.account

    def id(self, value: object, metrics: TradingMetrics, site: str) -> str | None:
        """An id as text, or None."""
        if type(value) is str and 0 < len(value) <= LONGEST_ID and not value.isspace():
            return value  # the common case, without another call
        try:
            return id_of(value)
        except Exception as error:
            if is_interruption(error):
                raise
            metrics.fault(site, "label", error)
            return None

    def fill_id(self, value: object, anomalies: list[str], metrics: TradingMetrics, site: str) -> str | None:
        """A fill's id, or None; a value that cannot be one is an anomaly."""
        if is_blank(value):
            return None
        fill_id = self.id(value, metrics, site)
        if fill_id is None:
            anomalies.append("missing_id")
        return fill_id

    def stem(self, fill_id: str | None) -> str | None:
        """The part of a fill's id that its corrections share: at Interactive Brokers all but the last dot's number."""
        if fill_id is None or not self.corrects_by_dot:
            return None
        stem, _, revision = fill_id.rpartition(".")
        return stem if stem and revision.isascii() and revision.isdecimal() else None

    def symbol(self, value: object, metrics: TradingMetrics, site: str) -> str | None:
        """The symbol that is part of an order's key, or None where the event names none."""
        if is_blank(value):
            return None
        text = self.text(value, metrics, site)
        return None if text is None or text == UNKNOWN else text

    def text(self, value: object, metrics: TradingMetrics, site: str) -> str | None:
        """A label's text; None when it cannot be read."""
        try:
            return text_of(value)
        except Exception as error:
            if is_interruption(error):
                raise
            metrics.fault(site, "label", error)
            return None

    def quantity(self, value: object, anomalies: list[str]) -> float | None:
        """A quantity, or None; a value that is not a number is an anomaly."""
        if type(value) is float and 0 <= value < LARGEST:
            return value
        try:
            return quantity_of(value)
        except Exception as error:
            if is_interruption(error):
                raise
            if "bad_quantity" not in anomalies:
                anomalies.append("bad_quantity")
            return None

    def is_quoted(self, value: object, metrics: TradingMetrics, site: str) -> bool:
        """True for a quantity in the quote currency."""
        if is_blank(value):
            return False
        word = self.text(value, metrics, site)
        folded = None if word is None else word.lower()
        if folded is not None and folded not in _QUANTITY_IN:
            metrics.fault(site, "value", ValueError(f"quantity_in must be 'base' or 'quote', got {word!r:.60}"))
        return folded == "quote"

    def price(self, value: object, metrics: TradingMetrics, site: str) -> float | None:
        """A price, or None."""
        try:
            return None if is_missing(value) else price_of(value)
        except Exception as error:
            if is_interruption(error):
                raise
            metrics.fault(site, "value", error)
            return None

    def side(self, value: object, metrics: TradingMetrics, site: str) -> str:
        """The label of a side."""
        known = self.sides.get(value) if type(value) is str else None
        if known is not None:
            return known
        side = vocabulary.side(value, self._dialect)
        if side is None and not is_blank(value):
            effect = "the order counts under the side 'unknown'"
            metrics.fault(site, "vocabulary", UnknownWord("side", value, self._dialect, effect))
        return _keep(self.sides, value, side) or UNKNOWN

    def order_type(self, value: object) -> str:
        """The label of an order type."""
        known = self.order_types.get(value) if type(value) is str else None
        if known is not None:
            return known
        order_type = vocabulary.order_type(value, self._dialect)
        return _keep(self.order_types, value, order_type) or (UNKNOWN if is_blank(value) else "OTHER")

    def status(self, value: object, metrics: TradingMetrics, site: str) -> str | None:
        """The state that a status spells, `unchanged` and `closed` included, or None."""
        known = self.statuses.get(value) if type(value) is str else None
        if known is not None:
            return known
        status = vocabulary.order_status(value, self._dialect)
        if status is None and vocabulary.order_status(value, self._dialect, filled=0, quantity=1) == "cancelled":
            status = BY_QUANTITIES  # filled or cancelled: the quantities tell, once the order is known
        if status is None and not is_blank(value):
            effect = "the order stays open, and a fill or an end that it reports is not counted"
            metrics.fault(site, "vocabulary", UnknownWord("status", value, self._dialect, effect))
        return _keep(self.statuses, value, status)


def _keep(words: dict[str, str], value: object, word: str | None) -> str | None:
    """Keep the word of a text, so that reading it again is one look-up."""
    if word is not None and type(value) is str:
        if len(words) >= _MOST_WORDS:
            words.clear()
        words[value] = word
    return word


def is_blank(value: object) -> bool:
    """Whether a label says nothing."""
    # Not `isinstance`, which asks the value for its class: some classes raise at every attribute.
    return is_missing(value) or (issubclass(type(value), str) and str.strip(value).lower() == UNKNOWN)  # type: ignore[arg-type]
