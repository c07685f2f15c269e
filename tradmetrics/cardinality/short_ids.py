"""Numbered values of one stem, such as `order-1000` and `order-1001`: after 20 of them, they are identifiers."""

from __future__ import annotations

import re
from typing import Final

MOST_OF_A_STEM: Final = 20
"""Distinct values of one stem that a label may have. Later ones collapse; these stay."""
_MOST_STEMS: Final = 256

_NUMBERED: Final = re.compile(r"(.*[^0-9])[0-9]{3,}", re.DOTALL)
# Symbols that end in a number: OCC options, contracts by date, stock codes (SH600519, A005930, TSE:7203).
_SYMBOL: Final = re.compile(
    r".*[0-9]{6}[CP][0-9]{8}|.*[^0-9](?:20)?[2-3][0-9](?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    r"|[A-Za-z]{1,2}[0-9]{5,6}|.*[:.][0-9]+",
    re.DOTALL,
)


def stem_of(label: str, value: str) -> str | None:
    """Return the text before a number of three or more digits at the end of a value, or None.

    A symbol that ends in a number has no stem: exchanges number their stocks and date their contracts.
    """
    if not value[-3:].isdecimal():
        return None
    match = _NUMBERED.fullmatch(value)
    if match is None or not any(map(str.isalpha, match[1])) or (label == "symbol" and _SYMBOL.fullmatch(value)):
        return None
    return match[1]


class ShortIds:
    """The stems of one label's values, and which of them have had so many values that later ones are identifiers.

    Args:
        label: The label.
    """

    __slots__ = ("_label", "_stems")

    def __init__(self, label: str) -> None:
        self._label = label
        self._stems: dict[str, set[str]] = {}

    def __contains__(self, value: str) -> bool:
        """Whether `value` is an identifier: its stem has had its values, and it is not one of them."""
        if not self._stems:
            return False
        stem = stem_of(self._label, value)
        values = None if stem is None else self._stems.get(stem)
        return values is not None and len(values) >= MOST_OF_A_STEM and value not in values

    def add(self, value: str) -> None:
        """Note a value that got a place."""
        stem = stem_of(self._label, value)
        if stem is None:
            return
        values = self._stems.get(stem)
        if values is None:
            if len(self._stems) >= _MOST_STEMS:
                self._stems.pop(next(iter(self._stems)), None)
            values = self._stems[stem] = set()
        if len(values) < MOST_OF_A_STEM:
            values.add(value)
