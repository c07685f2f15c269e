"""The admitted series of one metric."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, TypeAlias

from tradmetrics.cardinality.budget import LabelBudget
from tradmetrics.cardinality.limits import FREE, Limits
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.model.text import OTHER

Labels: TypeAlias = tuple[str, ...]

LONGEST_BETWEEN_LOOKS: Final = 60.0
"""Seconds after which what is idle is looked at again, at the latest."""


class Guard:
    """Which label values one metric records under: the labels' budgets, the series' budget, and who must go.

    It reads no clock and no counts: its caller passes the time, and reports activity by `touch`. Calls that change the
    guard come one at a time, but a signal handler or a finaliser may make a call in the middle of another one. So the
    guard iterates over copies, which Python makes in one step.

    Args:
        definition: The metric.
        limits: The budgets.
        removable: Whether a series can be removed once it has been made.

    Attributes:
        series_limit: The number of series that the metric may have.
        budgets: The budget of each label; None where its values are a closed set.
        look_at: When idleness is to be looked at again.
    """

    __slots__ = (
        "_idle_after", "_inside", "_interval", "_open", "_outside_limit", "_since", "budgets",
        "look_at", "series_limit",
    )  # fmt: skip

    def __init__(self, definition: MetricDefinition, limits: Limits, *, removable: bool = True) -> None:
        self.series_limit = limits.series_budget(definition.name)
        self._outside_limit = limits.outside_budget(definition.name)
        self.look_at = look_at = 0.0 if removable else math.inf
        self.budgets = tuple(
            LabelBudget(definition.name, label.name, limits, look_at)
            if definition.guarded and label.values is None
            else None
            for label in definition.labels
        )
        self._open = tuple((i, budget) for i, budget in enumerate(self.budgets) if budget is not None)
        self._since: dict[Labels, float] = {}  # when each series was last active; what stays is so for ever
        self._inside = 0
        self._idle_after = limits.idle_after
        self._interval = min(LONGEST_BETWEEN_LOOKS, limits.idle_after / 8, (limits.expire_after or math.inf) / 8)

    def __contains__(self, labels: Labels) -> bool:
        return labels in self._since

    def __len__(self) -> int:
        """The number of series."""
        return len(self._since)

    @property
    def is_open(self) -> bool:
        """Whether any label is open, so that the metric's series could grow in number."""
        return bool(self._open)

    @property
    def is_full(self) -> bool:
        """Whether a budget is used up."""
        return self._inside >= self.series_limit or any(budget.full for _, budget in self._open)

    def admit(self, values: Labels) -> tuple[Labels, tuple[int, ...]]:
        """Return the labels to record under, and the positions of those that collapse to `__other__`.

        Nothing changes: `take` the labels when a series is made for them.

        Args:
            values: Cleaned values, in the definition's order.
        """
        collapsed = [i for i, budget in self._open if budget.refuses(values[i])]
        labels = _collapse(values, collapsed) if collapsed else values
        if not self._fits(labels):
            for i in self._giving_way(labels):
                collapsed.append(i)
                labels = _collapse(labels, (i,))
                if self._fits(labels):
                    break
        # A series with no label left to collapse is recorded anyway.
        return labels, tuple(collapsed)

    def _giving_way(self, labels: Labels) -> list[int]:
        """Which labels collapse one after the other until there is room for the series; allowed values never do.

        New values come first, and among them the value of the label with the most distinct values. Values that came
        after the budget was used up do not count here; otherwise the same labels would lead to one series today and to
        another one tomorrow.
        """
        ranks = [
            (budget.has_settled(labels[i]), len(budget.unsettled) - len(budget), i)
            for i, budget in self._open
            if labels[i] not in FREE and labels[i] not in budget.allowed
        ]
        return [i for _, _, i in sorted(ranks)]

    def _fits(self, labels: Labels) -> bool:
        if labels in self._since:
            return True
        return self._has_room_inside if self._is_inside(labels) else self._has_room_outside

    @property
    def _has_room_inside(self) -> bool:
        return self._inside < self.series_limit

    @property
    def _has_room_outside(self) -> bool:
        return len(self._since) - self._inside < self._outside_limit

    def take(self, labels: Labels, now: float) -> None:
        """Note that there is a series for `labels`, active now.

        Args:
            labels: What `admit` returned.
            now: The time.
        """
        settles = self._has_room_inside and self._has_room_outside
        if labels not in self._since:
            self._since[labels] = now  # first: a finaliser that comes to the same labels from here on finds them taken
            for i, budget in self._open:
                budget.take(labels[i], settles=settles)
            self._inside += self._is_inside(labels)
        else:
            self.touch(labels, now)

    def pin(self, labels: Labels) -> None:
        """Let the series for `labels`, which was taken, stay for good."""
        self._since[labels] = math.inf

    def release(self, labels: Labels) -> None:
        """Note that the series for `labels` is gone."""
        del self._since[labels]
        self._inside -= self._is_inside(labels)
        for i, budget in self._open:
            budget.release(labels[i])

    def touch(self, labels: Labels, now: float) -> None:
        """Note that the series for `labels` was active just before `now`."""
        if self._since.get(labels, math.inf) < now:
            self._since[labels] = now

    def mark_scanned(self, now: float) -> None:
        """Note that every active series has been touched by now, and which budgets have something idle."""
        series_idle = self._inside >= self.series_limit and self._idle_series(now) is not None
        self.look_at = now + self._interval
        for i, budget in self._open:
            budget.look_at = self.look_at
            budget.has_idle = series_idle or (budget.full and self._idle_value(i, budget, now) is not None)

    def idle(self, now: float, seconds: float) -> list[Labels]:
        """The series that have been idle for so long, but for those that stay for good."""
        return [each for each, since in self._since.copy().items() if since <= now - seconds]

    def note_miss(self, values: Labels, collapsed: Iterable[int]) -> list[int]:
        """Note a call whose values at these positions found no place; return those positions whose value keeps coming.

        Identifiers never do.
        """
        recurring = []
        for i in collapsed:
            budget = self.budgets[i]
            if budget is not None and budget.note_miss(values[i]):
                if budget.is_identifier(values[i]) and values[i] not in budget.allowed:
                    budget.ignore(values[i])
                elif budget.has_idle:
                    recurring.append(i)
        return recurring

    def displaced_by(self, values: Labels, position: int, now: float) -> list[Labels]:
        """The series that go so that the value at `position`, which keeps coming, gets a place, if any is idle."""
        budget = self.budgets[position]
        if budget is None:
            return []
        if not budget.refuses(values[position]):  # the label has room: it is the metric that has too many series
            series = self._idle_series(now)
            return [] if series is None else [series]
        value = self._idle_value(position, budget, now)  # None, which no series has, when none is idle
        return [each for each in list(self._since) if each[position] == value]

    def _idle_value(self, position: int, budget: LabelBudget, now: float) -> str | None:
        """The value that has been idle for longest, if that is long enough."""
        latest: dict[str, float] = {}
        for labels, since in self._since.copy().items():
            value = labels[position]
            if value not in FREE and value not in budget.allowed:
                latest[value] = max(since, latest.get(value, since))
        longest = min(latest, key=latest.__getitem__, default=None)
        return longest if longest is not None and latest[longest] <= now - self._idle_after else None

    def _idle_series(self, now: float) -> Labels | None:
        """The series within the budget that has been idle for longest, if that is long enough."""
        candidates = [
            labels
            for labels, since in self._since.copy().items()
            if since <= now - self._idle_after
            and self._is_inside(labels)
            and not any(labels[i] in budget.allowed for i, budget in self._open)
        ]
        return min(candidates, key=self._since.__getitem__, default=None)

    def _is_inside(self, labels: Labels) -> bool:
        """Whether the series counts towards the budget of series."""
        return not any(labels[i] in FREE for i, _ in self._open)


def _collapse(values: Labels, positions: Iterable[int]) -> Labels:
    labels = list(values)
    for i in positions:
        labels[i] = OTHER
    return tuple(labels)
