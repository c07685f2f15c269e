"""Reads what callers hand in, and counts what cannot be read. All of it before any lock: it runs the caller's code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tradmetrics.model.text import UNKNOWN, text_of
from tradmetrics.orders.inputs import LARGEST, LONGEST_ID, id_of, price_of, quantity_of, time_of
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.vocabulary import fold as vocabulary
from tradmetrics.vocabulary.unknown_words import UnknownWord
from tradmetrics.vocabulary.words import CLOSED

_MOST_WORDS: Final = 1_000
"""Spellings of one label that are kept; brokers have a few dozen."""


class EventReader:
    """Reads ids, labels, quantities, prices and times of any type. `metrics` and `site` are for counting errors.

    Args:
        clock: The local clock, in seconds.
        account: The account whose orders these are; empty when it is not known.
        dialect: The broker whose spellings are meant.
        scale: Seconds in a unit of a numeric timestamp.

    Attributes:
        now: What the local clock said last.
    """

    def __init__(self, clock: Callable[[], float], account: str, dialect: str | None, scale: float = 1.0) -> None:
        self.local = clock
        self.account = account
        self.now = 0.0
        self._dialect = dialect
        self._scale = scale
        self._sides: dict[str, str] = {}
        self._order_types: dict[str, str] = {}
        self._statuses: dict[str, str] = {}

    def clock(self, metrics: TradingMetrics, site: str) -> float | None:
        """The local clock, or None when it fails, which is counted."""
        try:
            now = self.local()
            if type(now) is not float or not -LARGEST < now < LARGEST:
                now = price_of(now)
        except Exception as error:
            metrics.fault(site, "clock", error)
            return None
        self.now = now
        return now

    def when(self, timestamp: object, metrics: TradingMetrics, site: str) -> tuple[float | None, float]:
        """When an event was, or None where that cannot be told; and what the local clock says, or said last."""
        now = self.clock(metrics, site)
        if timestamp is None:
            return now, self.now if now is None else now
        try:
            return time_of(timestamp, self._scale), self.now
        except Exception as error:
            metrics.fault(site, "clock", error)
            return None, self.now

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
            metrics.fault(site, "label", error)
            return None

    def text(self, value: object, metrics: TradingMetrics, site: str) -> str | None:
        """A label's text; None when it cannot be read."""
        try:
            return text_of(value)
        except Exception as error:
            metrics.fault(site, "label", error)
            return None

    def quantity(self, value: object, anomalies: list[str]) -> float | None:
        """A quantity, or None; one that is no number is an anomaly."""
        if type(value) is float and 0 <= value < LARGEST:
            return value
        try:
            return quantity_of(value)
        except Exception:
            if "bad_quantity" not in anomalies:
                anomalies.append("bad_quantity")
            return None

    def price(self, value: object, metrics: TradingMetrics, site: str) -> float | None:
        """A price, or None."""
        try:
            return None if value is None else price_of(value)
        except Exception as error:
            metrics.fault(site, "value", error)
            return None

    def side(self, value: object, metrics: TradingMetrics, site: str) -> str:
        """The label of a side."""
        known = self._sides.get(value) if type(value) is str else None
        if known is not None:
            return known
        side = vocabulary.side(value, self._dialect)
        if side is None and not is_blank(value):
            metrics.fault(site, "vocabulary", UnknownWord("side", value, self._dialect))
        return _keep(self._sides, value, side) or UNKNOWN

    def order_type(self, value: object) -> str:
        """The label of an order type."""
        known = self._order_types.get(value) if type(value) is str else None
        if known is not None:
            return known
        order_type = vocabulary.order_type(value, self._dialect)
        return _keep(self._order_types, value, order_type) or (UNKNOWN if is_blank(value) else "OTHER")

    def status(self, value: object, metrics: TradingMetrics, site: str) -> str | None:
        """The state that a status spells, `unchanged` and `closed` included, or None."""
        known = self._statuses.get(value) if type(value) is str else None
        if known is not None:
            return known
        status = vocabulary.order_status(value, self._dialect)
        if status is None and vocabulary.order_status(value, self._dialect, filled=0, quantity=1) == "cancelled":
            status = CLOSED  # filled or cancelled: the quantities tell, once the order is known
        if status is None and not is_blank(value):
            metrics.fault(site, "vocabulary", UnknownWord("status", value, self._dialect))
        return _keep(self._statuses, value, status)


def _keep(words: dict[str, str], value: object, word: str | None) -> str | None:
    """Keep what a text spells, so that reading it again is one look-up."""
    if word is not None and type(value) is str:
        if len(words) >= _MOST_WORDS:
            words.clear()
        words[value] = word
    return word


def is_blank(value: object) -> bool:
    """Whether a label says nothing."""
    # Not `isinstance`, which asks the value for its class: some raise whatever they are asked.
    return value is None or (issubclass(type(value), str) and str.strip(value).lower() in ("", UNKNOWN))  # type: ignore[arg-type]
