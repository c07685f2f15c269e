"""The memory of what was done for raw labels; it also leads the way for calls whose labels find no place.

A million order ids as a label must not cost a million admissions. Each differs from the one before only in values that
are refused, so with these replaced by a stand-in they all are one key, and what was done for the first is done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any, Final, TypeAlias, TypeVar, Union

from tradmetrics.cardinality import LabelBudget
from tradmetrics.model.identifiers import is_identifier
from tradmetrics.model.missing import MISSING
from tradmetrics.model.text import MAX_LENGTH, UNKNOWN, clean
from tradmetrics.vocabulary.endpoints import ENDPOINT, endpoint_of

T = TypeVar("T")

MOST_ENTRIES: Final = 16_384
"""Combinations of raw labels that a memory holds; when there are more, it starts over."""

FLOOD_CALLS: Final = 64
FLOOD_SECONDS: Final = 0.1
"""It is a flood when so many calls come within so many seconds. Then only one call in as many is listened to: samples
tell as well which values recur, and listening costs more than all the rest."""

_REFUSED: Final = object()
"""Stands for all values without a place; no value that a caller passes equals it."""

Budgets: TypeAlias = tuple[tuple[int, tuple[LabelBudget, ...]], ...]
"""Positions in a key whose values have budgets: a budget for each metric that has the label."""

Refused: TypeAlias = dict[int, tuple[str, Union[bool, None]]]
"""Values without a place by their position, and whether they are identifiers, if that is known."""


class LabelCache(dict[Any, T]):
    """The work for each key; keys without a place in their budgets share theirs by their other values.

    `cache[key]` is None for a key that it does not know.

    Args:
        opens: Positions in a key whose values have budgets.
        constants: Values that are the same in all calls, and come after the key's own.
    """

    __slots__ = ("_calls", "_constants", "_flooded", "_opens", "_since", "_spilled")

    def __init__(
        self, opens: Iterable[tuple[int, tuple[LabelBudget, ...]]] = (), constants: Iterable[str] = ()
    ) -> None:
        super().__init__()
        self._opens: Budgets = tuple(opens)
        self._constants = tuple(constants)
        self._spilled: dict[Any, tuple[T, Budgets]] = {}
        self._calls = 0
        self._since = 0.0
        self._flooded = False

    @property
    def entries(self) -> int:
        """How many combinations are remembered."""
        return len(self) + len(self._spilled)

    def __missing__(self, key: tuple[Any, ...]) -> T | None:
        """Return what to do for a key that is not remembered itself, or None where the registry must decide.

        That is where nothing is refused, where a value has a place in one metric and none in another, and now and
        then: when a refused value keeps coming and something is idle, or when it is time to look at what is idle.

        A call whose answer is found here is noted here; otherwise the registry notes it. So each call
        counts once towards the place of a value, however many memories it passes.

        Args:
            key: Raw label values.
        """
        if not self._spilled:
            return None
        reduced, refused = self._reduce(key)
        if not refused:
            return None
        found = self._spilled.get(reduced)
        if found is None:
            return None
        done, opens = found
        if not _all_agree(opens, reduced, refused):
            return None
        self._calls = calls = self._calls + 1
        if self._flooded and calls % FLOOD_CALLS:
            return done
        now = monotonic()
        if not calls % FLOOD_CALLS:
            self._flooded = now - self._since < FLOOD_SECONDS
            self._since = now
        decide = dict(opens)
        for position, (text, _) in refused.items():
            for budget in decide.get(position, ()):
                if now >= budget.look_at or budget.is_due(text):
                    return None
        for position, (text, _) in refused.items():
            for budget in decide.get(position, ()):
                if (
                    budget.full
                ):  # a value that is refused although there is room is an identifier, which never gets a place
                    budget.note_miss(text)
        return done

    def keep(self, key: tuple[Any, ...], done: T, opens: Budgets | None = None) -> None:
        """Do the same next time: for this key, or for all that differ from it in refused values only.

        Args:
            key: Raw label values.
            done: The work that was done for them.
            opens: The budgets that decide, where a value was refused; None where none was.
        """
        if opens is None:
            if len(self) >= MOST_ENTRIES:
                self.clear()
            self[key] = done
            return
        reduced, refused = self._reduce(key)
        if refused and _all_agree(opens, reduced, refused):
            if len(self._spilled) >= MOST_ENTRIES:
                self._spilled.clear()
            self._spilled[reduced] = (done, opens)

    def drop(self, key: tuple[Any, ...]) -> None:
        """Forget what was just kept."""
        self.pop(key, None)
        self._spilled.clear()

    def forget(self, points: Callable[[T], bool]) -> None:
        """Forget what points to series that are gone, and all that holds for as long as no place is given back.

        Args:
            points: Whether something remembered does.
        """
        self._spilled.clear()
        for key, done in self.copy().items():
            if points(done):
                self.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._spilled.clear()
        super().clear()

    def _reduce(self, key: tuple[Any, ...]) -> tuple[tuple[Any, ...], Refused]:
        """The key of all calls that differ from this one in refused values only, and those values by position."""
        constants = self._constants
        values: list[Any] = [*key, *constants] if constants else list(key)
        refused: Refused = {}
        for position, budgets in self._opens:
            value = values[position]
            if type(value) is not str:
                if value is None or value is MISSING:
                    continue  # `unknown`, which has its place
                return (), {}
            budget = budgets[0]
            places = budget.places
            if value in places:
                continue
            if budget.name == ENDPOINT:
                value = endpoint_of(value)
            # As `clean` does, without a call for the usual text.
            text = value.strip() if len(value) <= MAX_LENGTH and value.isprintable() else clean(value)
            if not text or text in places:
                values[position] = text or UNKNOWN
                continue
            is_id = None if budget.full else is_identifier(text)
            if is_id is False:
                if text not in budget.short_ids:
                    return (), {}
                is_id = None
            values[position] = _REFUSED
            refused[position] = (text, is_id)
        return tuple(values), refused


def _all_agree(opens: Budgets, reduced: tuple[Any, ...], refused: Refused) -> bool:
    """Whether every budget refuses what the first one refuses, and has a place for the rest."""
    for position, budgets in opens:
        found = refused.get(position)
        if found is None:
            value = reduced[position]
            if type(value) is str:
                for budget in budgets:
                    if value not in budget.places:
                        return False
            continue
        text, is_id = found
        for budget in budgets:
            if text in budget.places:
                return False
            if not budget.full:
                is_id = is_identifier(text) if is_id is None else is_id
                if not is_id and text not in budget.short_ids:
                    return False
    return True
