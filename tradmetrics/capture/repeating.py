"""Which calls are recorded from memory: those that differ from an earlier one in nothing that a recipe looks at.

A recipe says so with a `Repeat`. `FastWay` is what that means for one decorated function: which places of a call are
its key, and which must be empty. Both the generated shell and the careful way go by it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tradmetrics.capture.lookups import ARGUMENT, ERROR, RESULT, Compiled, Lookup, Place
from tradmetrics.capture.views import Views, is_no_mapping, views_of
from tradmetrics.model.missing import MISSING

if TYPE_CHECKING:
    from tradmetrics.capture.call_context import CallContext

LARGEST: Final = 1e300
"""Larger numbers take the careful way, which tells a value that was never set from one that is not finite."""


class Amount(NamedTuple):
    """A number of a call that is recorded. The key leaves it out.

    Attributes:
        field: The field that it is read from.
        lowest: Calls with a lower number take the careful way.
        or_seconds: Whether the call's duration stands for a number that is not there.
        by_sign: Whether its sign decides what is recorded.
        values: The names that rules have for it, and the factor that each multiplies it with.
    """

    field: str
    lowest: float = -LARGEST
    or_seconds: bool = False
    by_sign: bool = False
    values: tuple[tuple[str, float], ...] = ()


class Repeat(NamedTuple):
    """The facts of a call that decide about its samples, beside the labels of the recipe's rules.

    Attributes:
        words: Fields whose texts decide.
        absent: Fields without a value; a call in which one of them has a value takes the careful way.
        texts: Fields that are like those of `absent` in the arguments. In the result, their texts decide if these are
            short and have no digits: texts that differ at every call are not worth remembering.
        digested: Names at which the result has values that decide together, by `digest`.
        digest: Takes a function from a name to its value, and returns a number that stands for these values: 0 if none
            has a value, None if the careful way has to decide.
        amount: The number that is recorded.
        compared: Names at which the result's own values decide.
        unless: Whether a call that went the careful way must not be repeated after all.
        bare: Whether a result without any fields, such as a number, says nothing; else it takes the careful way.
        itself: Whether the result itself decides, which then is a text, an int, or a member of an enum.
        exceptions: Returns the part of an exception that decides, or None if the careful way has to decide. None where
            no call that raised is repeated.
        seconds: Whether the duration of a call may be recorded.
    """

    words: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    digested: tuple[str, ...] = ()
    digest: Callable[[Callable[[str], Any]], int | None] | None = None
    amount: Amount | None = None
    compared: tuple[str, ...] = ()
    unless: Callable[[CallContext], bool] | None = None
    bare: bool = True
    itself: bool = False
    exceptions: Callable[[BaseException], object] | None = None
    seconds: bool = True


class FastWay(NamedTuple):
    """The places that are compared, and those that must be empty, when calls of one function are repeated.

    Attributes:
        fields: The fields that are the key, in their order.
        lookups: Where each of them is read.
        empty: Places that have no value.
        amount: Where the recipe's amount is read; no places where it has none.
        repeat: The recipe's own statement.
        texts: Places in the result where a short text decides, the first that has a value.
    """

    fields: tuple[str, ...]
    lookups: tuple[Lookup, ...]
    empty: tuple[Place, ...]
    amount: tuple[Place, ...]
    repeat: Repeat
    texts: tuple[Place, ...] = ()

    @property
    def names_in_result(self) -> frozenset[str]:
        """The names that are looked up in a result."""
        places = [*self.empty, *self.amount, *self.texts]
        places += [place for lookup in self.lookups for place in lookup.places]
        found = {place.steps[0] for place in places if place.root is RESULT and place.steps}
        return frozenset({*found, *self.repeat.digested, *self.repeat.compared})

    @property
    def absent_names(self) -> frozenset[str]:
        """The names at which the usual result has nothing: what makes a call uncommon, and the amount."""
        found = {
            place.steps[0] for place in (*self.empty, *self.amount, *self.texts) if place.root is RESULT and place.steps
        }
        return frozenset({*found, *self.repeat.digested})

    @property
    def usually_absent(self) -> list[Place]:
        """The places among the arguments where most have nothing: of what makes a call uncommon, and of answers."""
        places = [*self.empty, *self.amount]
        for lookup in self.lookups:
            if not lookup.is_explicit and not lookup.result_is_last:
                places += lookup.places
        return [each for each in places if each.root is ARGUMENT and len(each.steps) > 1]

    @property
    def usually_absent_names(self) -> frozenset[str]:
        """Their names in the object that they are fields of."""
        return frozenset(place.steps[-1] for place in self.usually_absent)

    @property
    def unnamed(self) -> list[Place]:
        """The places among the arguments that the user did not name, where there may be nothing."""
        places = [place for lookup in self.lookups if not lookup.is_explicit for place in lookup.places]
        return [each for each in (*places, *self.empty, *self.amount) if each.root is ARGUMENT and len(each.steps) > 1]

    @property
    def fields_of_arguments(self) -> Views:
        """The views of the fields of an argument that the user did not name."""
        return views_of(frozenset(place.steps[-1] for place in self.unnamed))

    @property
    def views(self) -> Views:
        """How the fields of a result are seen."""
        return views_of(self.names_in_result, bare=self.repeat.bare)

    def _is_seen(self, result: object) -> bool:
        """Whether looking at the fields of a result runs no code of its own."""
        if type(result) is dict or not self.names_in_result:
            return True
        return self.views[type(result)](result) is not None

    def learn(self, call: CallContext) -> None:
        """Note the classes of the arguments that labels are read from, so that a shell may read them too."""
        places = [*self.empty, *self.amount, *(place for lookup in self.lookups for place in lookup.places)]
        for place in places:
            if place.root is ARGUMENT:
                for i in range(1, len(place.steps)):
                    is_no_mapping(call.at(Place(ARGUMENT, place.steps[:i])))

    def key_of(self, call: CallContext) -> tuple[Any, ...] | None:
        """The key of a call that went the careful way, from what was read then; None where it has none."""
        key: list[Any] = []
        repeat = self.repeat
        if call.exception is None and call.result is not None and not repeat.itself and not self._is_seen(call.result):
            return None
        raised = call.exception is not None
        if any(_at(call, place) is not None for place in self.empty if place.root is ARGUMENT or not raised):
            return None
        for lookup in self.lookups:
            value = None
            is_there = False
            for place in lookup.places:
                if place.root is not RESULT:
                    value = _at(call, place, MISSING)
                    is_there = is_there or (value is None and not place.is_parameter)
                    value = None if value is MISSING else value
                elif call.exception is None and not (is_there and lookup.result_is_last):
                    value = _at(call, place)
                    if lookup.is_explicit and value is None:
                        return None
                if value is not None:
                    break
            key.append(value)
        amount = self.repeat.amount
        if amount is not None and not raised:
            number = self._amount_of(call)
            if number is not None and (type(number) not in (int, float) or not amount.lowest <= number <= LARGEST):
                return None
            if amount.by_sign:
                key.append(None if number is None else (number > 0) - (number < 0))
        if not raised:
            key += [_at(call, Place(RESULT, (name,))) for name in repeat.compared]
            more: list[Any] = []
            if self.texts:
                text = next((found for found in (_at(call, place) for place in self.texts) if found is not None), None)
                if text is not None and not is_word(text):
                    return None
                more.append(text)
            if repeat.digest is not None:
                decided = 0 if call.result is None else repeat.digest(lambda name: _at(call, Place(RESULT, (name,))))
                if decided is None:
                    return None
                more.append(decided)
            if any(part is not None and part != 0 for part in more):
                key += more
            if repeat.unless is not None and repeat.unless(call):
                return None
        if self.repeat.itself and call.exception is None:
            key.append(call.result)
        if call.exception is not None:
            what = None if self.repeat.exceptions is None else self.repeat.exceptions(call.exception)
            if what is None:
                return None
            key.append(what)
        return tuple(key)

    def _amount_of(self, call: CallContext) -> Any:
        for place in self.amount:
            value = _at(call, place)
            if value is not None:
                return value
        return None


def _at(call: CallContext, place: Place, nothing: Any = None) -> Any:
    """Return the value at a place, read again only where that runs nothing; `nothing` where there is no such place."""
    try:
        value = call.at(place)
    except LookupError:
        return nothing
    return nothing if value is MISSING else value


def fast_way(compiled: Compiled, labels: Iterable[str], repeat: Repeat | None) -> FastWay | None:
    """Return the places that are compared for a function, or None if its calls cannot be repeated.

    Args:
        compiled: The function's sources.
        labels: The labels that the recipe's rules have.
        repeat: The recipe's own statement.
    """
    if repeat is None:
        return None
    amount = repeat.amount
    others = {*repeat.absent, *(() if amount is None else (amount.field,))}
    names = sorted(({*labels, *repeat.words} & compiled.lookups.keys()) - others)
    fields = tuple(name for name in names if not compiled.lookups[name].is_constant)
    lookups = tuple(compiled.lookups[name] for name in fields)
    empty: list[Place] = []
    for name in repeat.absent:
        lookup = compiled.lookups.get(name)
        if lookup is None or lookup.is_constant:
            continue  # the same at every call
        if not is_simple(lookup, mapped=False):
            return None
        empty.extend(lookup.places)
    texts: list[Place] = []
    for name in repeat.texts:
        lookup = compiled.lookups[name]
        if not is_simple(lookup, mapped=False) or any(
            place.root is RESULT and not place.steps for place in lookup.places
        ):
            return None
        empty += [place for place in lookup.places if place.root is ARGUMENT]
        texts += [place for place in lookup.places if place.root is RESULT]
    places: tuple[Place, ...] = ()
    if amount is not None:
        lookup = compiled.lookups[amount.field]
        if (lookup.is_constant and lookup.constant is not MISSING) or not is_simple(lookup, mapped=False):
            return None
        places = lookup.places
    if not all(is_simple(lookup, mapped=True) for lookup in lookups):
        return None
    return FastWay(fields, lookups, tuple(empty), places, repeat, tuple(texts))


_LONGEST_WORD: Final = 64
_has_digit: Final = re.compile("[0-9]").search


def is_word(value: object) -> bool:
    """Return whether a value is a short text without digits."""
    return type(value) is str and len(value) <= _LONGEST_WORD and _has_digit(value) is None


def is_simple(lookup: Lookup, *, mapped: bool) -> bool:
    """Whether what a field has can be seen at its places."""
    if lookup.function is not None or (lookup.mapped is not None and not mapped):
        return False
    for root, steps in lookup.places:
        if root is ERROR or (root is RESULT and len(steps) > 1):
            return False
        if not all(step.isidentifier() for step in steps):
            return False
        if root is ARGUMENT and len(steps) > 4:
            return False
    return True
