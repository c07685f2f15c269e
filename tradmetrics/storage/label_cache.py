"""The short way of calls whose label values find no place: they go where their like went before.

A million order ids as a label must not cost a million admissions. Each differs from the one before only in values that
are refused, so with these replaced by `__other__` they all are one key, and what was done for the first is done again.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic
from typing import Any, Final, TypeVar

from tradmetrics.cardinality import LabelBudget
from tradmetrics.model.missing import MISSING
from tradmetrics.model.text import clean
from tradmetrics.vocabulary.endpoints import ENDPOINT, endpoint_of

T = TypeVar("T")

MOST_ENTRIES: Final = 4_096
"""Combinations of raw labels that a memory holds; when there are more, it starts over."""

FLOOD_CALLS: Final = 64
FLOOD_SECONDS: Final = 0.1
"""It is a flood when so many calls come within so many seconds. Then only one call in as many is listened to: samples
tell as well which values recur, and listening costs more than all the rest."""


_REFUSED: Final = object()
"""Stands for all values without a place; no value that a caller passes equals it."""


def remember(memory: dict[Any, Any], key: Any, value: Any) -> None:
    """Put something into a memory, which stays bounded."""
    if len(memory) >= MOST_ENTRIES:
        memory.clear()
    memory[key] = value


def _text_of(value: str, budget: LabelBudget) -> str:
    """The text of a raw label value, as its budget knows it."""
    return clean(endpoint_of(value) if budget.name == ENDPOINT else value)


class LabelCache(dict[Any, T]):
    """What is done for keys, and for those that have no place in their budgets by their other values.

    The latter holds for as long as no place is given back; then all that decorated functions remember is dropped.

    Args:
        opens: Positions in a key whose values have budgets: a budget for each metric that has the label.
        constants: Values that are the same in all calls, and come after the key's own.
    """

    __slots__ = ("_calls", "_constants", "_flooded", "_opens", "_since")

    def __init__(self, opens: Iterable[tuple[int, tuple[LabelBudget, ...]]], constants: Iterable[str] = ()) -> None:
        super().__init__()
        self._opens = tuple((position, budgets[0], budgets[1:]) for position, budgets in opens)
        self._constants = tuple(constants)
        self._calls = 0
        self._since = 0.0
        self._flooded = False

    def find(self, key: tuple[Any, ...]) -> T | None:
        """Return what to do for a key that is not remembered, or None where that has to be asked.

        That is where nothing is refused, where a value has a place in one metric and none in another, and now and
        then: when a refused value keeps coming and something is idle, or when it is time to look at what is idle.

        A call whose answer is found here is heard here; where there is none, whoever is asked note_miss it. So each
        call counts once towards the place of a value, however many memories it passes.

        Args:
            key: Raw label values.
        """
        reduced = self._reduce(key)
        if reduced is None:
            return None
        done = self.get(reduced)
        if done is None:
            return None
        self._calls = calls = self._calls + 1
        if self._flooded and calls % FLOOD_CALLS:
            return done
        now = monotonic()
        if not calls % FLOOD_CALLS:
            self._flooded = now - self._since < FLOOD_SECONDS
            self._since = now
        refused = self._refused(key, reduced)
        for text, budget in refused:
            if now >= budget.look_at or budget.is_due(text):
                return None
        for text, budget in refused:
            if budget.full:  # what is refused though there is room is an identifier, and never gets a place
                budget.note_miss(text)
        return done

    __missing__ = find

    def keep(self, key: tuple[Any, ...], done: T, *, spilled: bool) -> None:
        """Do the same next time: for this key, or for all that differ from it in refused values only."""
        if not spilled:
            remember(self, key, done)
            return
        reduced = self._reduce(key)
        if reduced is not None:
            remember(self, reduced, done)

    def _reduce(self, key: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The key of all calls that differ from this one in refused values only.

        None where nothing is refused, or not by all.
        """
        values = [*key, *self._constants]
        refused = False
        for position, budget, others in self._opens:
            value = values[position]
            if type(value) is not str:
                if value is None or value is MISSING:
                    continue  # `unknown`, which has its place
                return None
            text = _text_of(value, budget)
            if text in budget.places:
                for other in others:
                    if text not in other.places:
                        return None
                values[position] = text
            elif budget.full or budget.is_identifier(text):
                for other in others:
                    if not other.refuses(text):
                        return None
                values[position] = _REFUSED
                refused = True
            else:
                return None
        return tuple(values) if refused else None

    def _refused(self, key: tuple[Any, ...], reduced: tuple[Any, ...]) -> list[tuple[str, LabelBudget]]:
        """The values that a key was reduced by, each with every budget that refuses it."""
        return [
            (_text_of((*key, *self._constants)[position], budget), each)
            for position, budget, others in self._opens
            if reduced[position] is _REFUSED
            for each in (budget, *others)
        ]
