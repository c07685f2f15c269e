"""Python code that reads the places of a call's arguments, each of them once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from tradmetrics.capture.lookups import ARGUMENT, Lookup, Place
from tradmetrics.capture.repeating import FastWay
from tradmetrics.capture.shell_shapes import Shape, variables_of

_FEW_FIELDS: Final = 13
"""With so many fields, each field that an argument usually lacks is looked up; with less, all are compared at once."""


class Writer:
    """Writes the code of one shell."""

    def __init__(self, shape: Shape, names: tuple[str, ...], fast: FastWay | None) -> None:
        self.variables = dict(zip(names, variables_of(shape), strict=True))
        self.fast = fast
        self.nodes: dict[Place, str] = {}
        self.are_empty: set[str] = set()
        self.reads: list[str] = []
        self.checks: list[str] = []
        self.key: list[str] = []
        self._dispatched: dict[str, str] = {}
        self._seen_at_once = {
            self.variables[place.steps[0]] for place in (() if fast is None else fast.unnamed) if len(place.steps) == 2
        }

    def read(self, place: Place, *, explicit: bool, nothing: str = "None") -> str:
        """Return the variable that holds a value of the arguments, after code that reads it was written.

        Args:
            place: Where the value is.
            explicit: Whether it is an error if nothing is there.
            nothing: Code for the value that the variable has if nothing is there.
        """
        steps = place.steps
        if len(steps) == 1:
            return self.variables[steps[0]]
        if place in self.nodes:
            return self.nodes[place]
        parent = self.read(Place(ARGUMENT, steps[:-1]), explicit=True)
        is_dict = self._dispatched.get(parent)
        if is_dict is None:
            number = len(self._dispatched)
            is_dict = self._dispatched[parent] = f"_tm_d{number}"
            self.reads.append(f"{is_dict} = type({parent}) is dict")
            if parent in self._seen_at_once:
                fields = is_dict.replace("_tm_d", "_tm_h")
                self.reads.append(f"{fields} = {parent} if {is_dict} else _tm_fields[type({parent})]({parent})")
                self.reads.append(f"if {fields} is None and type({parent}) not in _tm_no_mappings: break")
            else:
                self.reads.append(f"if not {is_dict} and type({parent}) not in _tm_no_mappings: break")
        variable = self.nodes[place] = f"_tm_n{len(self.nodes)}"
        step = steps[-1]
        if explicit:
            self.reads.append(f"{variable} = {parent}[{step!r}] if {is_dict} else {parent}.{step}")
        else:
            fields = is_dict.replace("_tm_d", "_tm_h")
            self.reads.append(
                f"{variable} = {fields}.get({step!r}{'' if nothing == 'None' else f', {nothing}'})"
                f" if {fields} is not None else getattr({parent}, {step!r}, {nothing})"
            )
        return variable

    def read_the_usually_absent(
        self, places: list[Place], fields: Mapping[str, list[Place]] | None = None
    ) -> Collection[str]:
        """Write code that sees in one step that an argument has none of some fields, as most arguments do not.

        Args:
            places: Where these fields are.
            fields: The places that a variable is set from, by the variable: the first that has a value counts.

        Returns:
            The variables of `fields` that this code sets.
        """
        of_parents: dict[str, list[Place]] = {}
        for place in places:
            if place.root is ARGUMENT and len(place.steps) == 2 and place not in self.nodes:
                of_parents.setdefault(self.variables[place.steps[0]], []).append(place)
        done: list[str] = []
        for parent, group in of_parents.items():
            if len(group) < 2:
                continue
            before = len(self.reads)
            for place in group:
                self.read(place, explicit=False)
            empty = {self.nodes[place] for place in group if self.fast is not None and place in self.fast.empty}
            self.are_empty.update(empty)
            added = self.reads[before:]
            del self.reads[before:]
            outside = [line for line in added if line.startswith(("_tm_d", "_tm_h", "if "))]
            self.reads += outside
            inside = [line for line in added if line not in outside]
            set_here: list[str] = []
            for variable, its_places in (fields or {}).items():
                if its_places and set(its_places) <= set(group):
                    inside += first_of(variable, [self.nodes[place] for place in its_places])
                    set_here.append(variable)
            done += set_here
            others = [self.nodes[place] for place in dict.fromkeys(group) if place in self._read_again(done)]
            fields_of_parent = self._dispatched[parent].replace("_tm_d", "_tm_h")
            self.reads += [
                f"if {fields_of_parent} is not None and len({fields_of_parent}) < {_FEW_FIELDS}"
                f" and _tm_gone({fields_of_parent}):",
                f"    {' = '.join((*others, *set_here))} = None" if others or set_here else "    pass",
                "else:",
                *(f"    {line}" for line in inside),
            ]
            if empty:
                self.reads.append(f"    if not ({' and '.join(f'{each} is None' for each in sorted(empty))}): break")
        return done

    def _read_again(self, done: Collection[str]) -> set[Place]:
        """Return the places whose variables are looked at after the fields in `done` are set."""
        if self.fast is None:
            return set()
        lookups = [lookup for i, lookup in enumerate(self.fast.lookups) if f"_tm_v{i}" not in done]
        return {*self.fast.amount, *(place for lookup in lookups for place in lookup.places)}


def argument_places(lookup: Lookup) -> list[Place]:
    """Return the places of a field among the arguments."""
    return [place for place in lookup.places if place.root is ARGUMENT]


def is_safe_code(variable: str, *, is_rare: bool = False) -> str:
    """Return an expression: whether a variable's value, which is rare if it mostly is None, can be part of a key."""
    return f"({f'{variable} is None or ' if is_rare else ''}type({variable}) is str or type({variable}) in _tm_safe)"


def first_of(variable: str, values: list[str]) -> list[str]:
    """Return code that sets a variable to the first expression that is not None."""
    first, *others = values
    return [f"{variable} = {first}", *(f"if {variable} is None: {variable} = {value}" for value in others)]


def chained(writer: Writer, variable: str, place: Place, nothing: str) -> None:
    """Code for a further place of a field, which is read only where the ones before it have nothing."""
    before = len(writer.reads)
    node = writer.read(place, explicit=False, nothing=nothing)
    added = writer.reads[before:]
    del writer.reads[before:]
    outside = [line for line in added if line.startswith(("_tm_d", "_tm_h", "if "))]
    inside = [line for line in added if line not in outside]
    writer.reads += outside
    test = f"if {variable} is None:" if nothing == "None" else f"if {variable} is {nothing} or {variable} is None:"
    writer.reads.append(test)
    writer.reads += [f"    {line}" for line in inside]
    writer.reads.append(f"    {variable} = {node}")
