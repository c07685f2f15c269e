"""The orders of one library by their ids, with their labels and symbols; their states are the tracker's."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Any, Final, NamedTuple

from tradmetrics.integrations.kit.handle import Handle
from tradmetrics.integrations.kit.options import Settings

UNANSWERED: Final = "unanswered "
"""The beginning of the key of an order that has no id yet."""
SEPARATOR: Final = "|"
"""Between the symbol and the id in the key of an order whose symbol is known."""
_MOST_KNOWN: Final = 100_000
_IDS_PER_ORDER: Final = 3
_WORD: Final = re.compile(r"[A-Za-z]+")
_DIGIT: Final = re.compile(r"\d")
_CODE: Final = re.compile(r"[A-Z][A-Z_]{2,}(?![a-z])")


class Known(NamedTuple):
    """The facts about an order beside its state.

    Attributes:
        strategy: Its label; None when that is not known.
        symbol: The instrument, where the library tells it.
        listed: Whether the library's plain list of open orders holds it.
    """

    strategy: object = None
    symbol: str | None = None
    listed: bool = True


class KnownOrders:
    """Orders by their ids. The key of an order is its id, with its symbol before it where that is known.

    Args:
        handle: Of the instrumentation.
        settings: The options, checked.
    """

    def __init__(self, handle: Handle, settings: Settings) -> None:
        self._handle = handle
        self._strategy = settings.strategy
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._bare: OrderedDict[str, str] = OrderedDict()
        self._most_known = max(_MOST_KNOWN, _IDS_PER_ORDER * settings.max_open)

    def __contains__(self, order_id: object) -> bool:
        return isinstance(order_id, str) and self.find(order_id) is not None

    def find(self, order_id: object, symbol: str | None = None) -> str | None:
        """The key of an order that is known, by an id and its symbol if the library tells it; None for another."""
        text = str(order_id)
        if symbol is not None and (key := key_of(text, symbol)) in self._known:
            return key
        if text in self._known:
            return text
        key = self._bare.get(text, "")
        if key in self._known and (symbol is None or self._known[key].symbol in (None, symbol)):
            return key
        return None

    def _known_in(self, key: str, symbol: str | None) -> Known:
        """The facts about an order, in the market that the library tells."""
        known = self._known[key]
        return known if symbol is None or known.symbol is None else known._replace(symbol=symbol)

    def label(self, order_id: object, symbol: str | None = None) -> object:
        """The strategy of an order; None when that is not known."""
        key = self.find(order_id, symbol)
        if key is not None:
            return self._known[key].strategy
        return None if callable(self._strategy) else self._strategy

    def label_of(self, order: Any) -> object:
        """The strategy of the library's own order, or whatever the callable was made for; None when that failed."""
        if not callable(self._strategy):
            return self._strategy
        try:
            return self._strategy(order)
        except Exception as error:
            self._handle.fault(error)
            return None

    def _remember(self, key: str, known: Known) -> None:
        self._known[key] = known
        self._bare[key.rpartition(SEPARATOR)[2]] = key
        for ids in (self._known, self._bare):
            if len(ids) > self._most_known:
                ids.popitem(last=False)

    def _key_of_stranger(self, order_id: object, symbol: str | None) -> str:
        """The key that an order will have if this bot turns out to have sent it."""
        key = key_of(str(order_id), symbol)
        self._bare.setdefault(str(order_id), key)
        if len(self._bare) > self._most_known:
            self._bare.popitem(last=False)
        return key


def key_of(order_id: str, symbol: str | None) -> str:
    """The key of an order."""
    return order_id if symbol is None or order_id.startswith(UNANSWERED) else f"{symbol}{SEPARATOR}{order_id}"


def leading_words(text: object, most: int = 4) -> str | None:
    """The first words of a broker's message as a reason, up to one with a digit: prices and ids follow there."""
    words: list[str] = []
    for part in str(text or "").split():
        if _DIGIT.search(part) or len(words) >= most:
            break
        words += _WORD.findall(part)
    return "_".join(words[:most]).lower() or None


def leading_code(text: object) -> str | None:
    """The code that a broker's message begins with, `RMS` of "RMS:Margin exceeds 1,234.56". The rest is not a label."""
    match = _CODE.match(text.strip()) if isinstance(text, str) else None
    return match.group().lower() if match else None
