"""Which raw label values may be remembered: equal keys must mean equal labels.

`1`, `True` and `1.0` are equal, so only one of them is safe: an exact `int`, beside exact `str` and members of plain
enums.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

from tradmetrics.model.missing import Missing
from tradmetrics.model.text import LONGEST_KEY

_MOST_CLASSES: Final = 1_000

SAFE_ENUMS: Final[set[type]] = set()
"""Enum classes whose members are safe to compare, as they were met."""

SAFE_TYPES: Final[set[type]] = {str, int, type(None), Missing}
"""Classes whose objects are safe to compare; enum classes join them."""

_safe = SAFE_TYPES
_LARGEST: Final = 1 << 64


def is_safe(values: tuple[object, ...]) -> bool:
    """Whether a tuple of raw label values can be a key: equal tuples mean equal labels, and it is not long."""
    for value in values:
        if type(value) is str and len(value) > LONGEST_KEY:
            return False
        if type(value) is int and not -_LARGEST < value < _LARGEST:
            return False
    return (
        _safe.issuperset(map(type, values))
        or unsafe(*(value for value in values if type(value) not in _safe)) is not None
    )


def unsafe(*values: object) -> tuple[object, ...] | None:
    """Admit enum classes whose members are safe to compare; None when another value is not."""
    for value in values:
        kind: Any = type(value)
        if kind is str or kind is int or kind in SAFE_ENUMS:
            continue
        if not isinstance(value, Enum) or len(SAFE_ENUMS) >= _MOST_CLASSES:
            return None
        plain = kind.__eq__ is object.__eq__ and kind.__hash__ is Enum.__hash__
        # A text enum compares as its text, which must then be its label too.
        text = isinstance(value, str) and kind.__eq__ is str.__eq__ and kind.__hash__ is str.__hash__
        if not plain and not (text and all(str.__str__(member) == member.value for member in kind)):
            return None
        SAFE_ENUMS.add(kind)
        _safe.add(kind)
    return values
