"""The budget of one open label of one metric: which values have a place."""

from __future__ import annotations

from typing import Final

from tradmetrics.cardinality.heavy_hitters import HeavyHitters
from tradmetrics.cardinality.limits import FREE, Limits
from tradmetrics.cardinality.short_ids import ShortIds
from tradmetrics.model.identifiers import is_identifier

RECURS: Final = 16
"""How often a value must come, of those that find no place, to be worth one.

An order that is sent, accepted, replaced, filled in parts and cancelled makes five to seven calls, and its id, passed
for a strategy by mistake, comes as often; a strategy reaches twice that within its first days.
"""


class LabelBudget:
    """The values of one open label that have a place, and those outside that keep coming.

    CallContext it takes no lock: `full` and `places` say what was right a moment ago.

    Attributes:
        name: The label.
        limit: How many distinct values may have a place.
        allowed: Values that hold their place for good.
        places: The values that have a place, `__other__` and `unknown` among them, and how many series each has.
        unsettled: Those of them that came when the metric's series were used up; there are few.
        full: Whether no further value finds a place.
        has_idle: Whether some value, or series, was idle for long enough when last looked at.
        look_at: When to look again.
        short_ids: Numbered values that are identifiers here, because the label has had many of their stem.
    """

    __slots__ = (
        "_recurring",
        "allowed",
        "full",
        "has_idle",
        "limit",
        "look_at",
        "name",
        "places",
        "short_ids",
        "unsettled",
    )

    def __init__(self, metric: str, name: str, limits: Limits, look_at: float) -> None:
        self.name = name
        self.allowed = frozenset(limits.allowed(name))
        self.limit = limits.label_budget(metric, name)
        self.places: dict[str, int] = dict.fromkeys((*FREE, *self.allowed), 1)
        self.unsettled: set[str] = set()
        self.full = len(self) >= self.limit
        self.has_idle = False
        self.look_at = look_at
        self._recurring = HeavyHitters()
        self.short_ids = ShortIds(name)

    def __len__(self) -> int:
        """How many distinct values have a place."""
        return len(self.places) - len(FREE)

    def has_settled(self, value: str) -> bool:
        """Whether `value` got its place before the metric's series were used up."""
        return value in self.places and value not in self.unsettled and value not in FREE

    def refuses(self, value: str) -> bool:
        """Whether there is no place for `value`."""
        return value not in self.places and (self.full or is_identifier(value) or value in self.short_ids)

    def is_identifier(self, value: str) -> bool:
        """Whether `value` names one single thing, by its looks or because its stem has had many numbers."""
        return is_identifier(value) or value in self.short_ids

    def take(self, value: str, *, settles: bool) -> None:
        """Note one more series with `value`."""
        if settles:
            self.unsettled.discard(value)
        elif value not in self.places:
            self.unsettled.add(value)
        if value not in self.places:
            self.short_ids.add(value)
        self.places[value] = self.places.get(value, 0) + 1
        self.full = len(self) >= self.limit
        self._recurring.drop(value)

    def release(self, value: str) -> None:
        """Note one series less; a value without series gives its place back, unless it holds it for good."""
        count = self.places[value] - 1
        if count:
            self.places[value] = count
        else:
            del self.places[value]
            self.unsettled.discard(value)
        self.full = len(self) >= self.limit

    def note_miss(self, value: str) -> bool:
        """Note one more call whose `value` found no place; whether it keeps coming."""
        return self._recurring.add(value) >= RECURS

    def is_due(self, value: str) -> bool:
        """Whether one more call with `value`, which has no place, is enough for it to displace what is idle."""
        return self.has_idle and self._recurring.count(value) >= RECURS - 1

    def ignore(self, value: str) -> None:
        """Forget the calls that were counted for `value`."""
        self._recurring.drop(value)
