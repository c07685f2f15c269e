"""Python code for the shell around a function: with the function's own parameters, and the usual call inline.

The code of a shell depends on the shape of the function alone: how many parameters of which kind it has, and where its
labels are read from. So functions of one shape share it, under the names of their own parameters. The usual call, which
repeats an earlier one, is recorded right in the shell; an uncommon call breaks off and goes
to the careful way, with what was read by then.
"""

from __future__ import annotations

import inspect
from types import CellType, CodeType, FunctionType
from typing import Any, Final, NamedTuple

from tradmetrics.capture.lookups import ARGUMENT, RESULT, Lookup, Place
from tradmetrics.capture.repeating import FastWay
from tradmetrics.capture.straight import constants_of
from tradmetrics.errors import SHELL_FILE

_MOST_SHAPES: Final = 512
_MOST_PARAMETERS: Final = 60
_FEW_FIELDS: Final = 13
"""With so many fields, each usually absent field of an argument is looked up; with fewer, all are compared at once."""
_made: Final[dict[str, CodeType]] = {}
_GLOBALS: Final[dict[str, Any]] = {"__name__": "tradmetrics", "__builtins__": __builtins__}

FREE: Final = (
    "_tm_absent", "_tm_await", "_tm_awaited", "_tm_call", "_tm_careful", "_tm_clock", "_tm_clock_failed", "_tm_fields",
    "_tm_digest", "_tm_gone", "_tm_memory", "_tm_missing",
    "_tm_no_mappings", "_tm_plain", "_tm_raised", "_tm_safe", "_tm_unread", "_tm_views",
    "_tm_word", "_tm_work",
)  # fmt: skip
"""The names in a shell's closure."""


class PlaceRead(NamedTuple):
    """A place that a shell reads, and the line of the shell's code that does so."""

    place: Place
    line: int


class Shape(NamedTuple):
    """The parameters of a function by their kinds. Keywords are called by their names, so these are part of it."""

    positional_only: int
    positional: int
    keyword_only: tuple[str, ...]
    has_args: bool
    has_kwargs: bool

    @property
    def number(self) -> int:
        """How many parameters there are."""
        return self.positional + len(self.keyword_only) + self.has_args + self.has_kwargs


def shape_of(function: FunctionType) -> Shape | None:
    """The shape of a function; None where a shell cannot have its parameters."""
    code = function.__code__
    shape = Shape(
        code.co_posonlyargcount,
        code.co_argcount,
        code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount],
        bool(code.co_flags & inspect.CO_VARARGS),
        bool(code.co_flags & inspect.CO_VARKEYWORDS),
    )
    names = code.co_varnames[: shape.number]
    if shape.number > _MOST_PARAMETERS or any(name.startswith("_tm_") for name in names):
        return None
    return shape


def _in_order(shape: Shape, stored: list[str]) -> list[str]:
    """Names as a code object stores them, in the order of `inspect.signature`: `*args` before keywords."""
    after = shape.positional + len(shape.keyword_only)
    rest = stored[after:]
    args = [rest.pop(0)] if shape.has_args else []
    return [*stored[: shape.positional], *args, *shape.keyword_only, *rest]


def names_of(shape: Shape, function: FunctionType) -> tuple[str, ...]:
    """The names of a function's parameters in the order of `inspect.signature`."""
    return tuple(_in_order(shape, list(function.__code__.co_varnames[: shape.number])))


def _variables(shape: Shape) -> list[str]:
    """The template's names of the parameters in that order."""
    stored = [f"_tm_p{i}" for i in range(shape.positional)]
    stored += [
        *shape.keyword_only,
        *(["_tm_args"] if shape.has_args else []),
        *(["_tm_kw"] if shape.has_kwargs else []),
    ]
    return _in_order(shape, stored)


def _signature(shape: Shape) -> tuple[str, str]:
    """The parameters as they are written in a `def`, and in a call that hands them on."""
    positional = [f"_tm_p{i}" for i in range(shape.positional)]
    written, handed = positional.copy(), positional.copy()
    if shape.positional_only:
        written.insert(shape.positional_only, "/")
    if shape.has_args:
        written.append("*_tm_args")
        handed.append("*_tm_args")
    elif shape.keyword_only:
        written.append("*")
    written += shape.keyword_only
    handed += [f"{name}={name}" for name in shape.keyword_only]
    if shape.has_kwargs:
        written.append("**_tm_kw")
        handed.append("**_tm_kw")
    return ", ".join(written), ", ".join(handed)


class _Writer:
    """Writes the code of one shell."""

    def __init__(self, shape: Shape, names: tuple[str, ...], fast: FastWay | None) -> None:
        self.variables = dict(zip(names, _variables(shape), strict=True))
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

    def read_the_usually_absent(self, places: list[Place]) -> None:
        """Write code that sees in one step that an argument has none of some fields, as most arguments do not."""
        of_parents: dict[str, list[Place]] = {}
        for place in places:
            if place.root is ARGUMENT and len(place.steps) == 2 and place not in self.nodes:
                of_parents.setdefault(self.variables[place.steps[0]], []).append(place)
        for parent, group in of_parents.items():
            if len(group) < 2:
                continue
            before = len(self.reads)
            nodes = [self.read(place, explicit=False) for place in dict.fromkeys(group)]
            empty = [self.nodes[place] for place in group if self.fast is not None and place in self.fast.empty]
            self.are_empty.update(empty)
            added = self.reads[before:]
            del self.reads[before:]
            outside = [line for line in added if line.startswith(("_tm_d", "_tm_h", "if "))]
            self.reads += outside
            fields = self._dispatched[parent].replace("_tm_d", "_tm_h")
            self.reads += [
                f"if {fields} is not None and len({fields}) < {_FEW_FIELDS} and _tm_gone.isdisjoint({fields}):",
                f"    {' = '.join(nodes)} = None",
                "else:",
                *(f"    {line}" for line in added if line not in outside),
            ]
            if empty:
                self.reads.append(f"    if not ({' and '.join(f'{each} is None' for each in empty)}): break")


def _argument_places(lookup: Lookup) -> list[Place]:
    return [place for place in lookup.places if place.root is ARGUMENT]


def _is_safe(variable: str) -> str:
    return f"(type({variable}) is str or type({variable}) in _tm_safe)"


def write(
    shape: Shape, names: tuple[str, ...], fast: FastWay | None, *, is_async: bool, clock: bool, straight: bool = False
) -> tuple[str, tuple[PlaceRead, ...]]:
    """The source of a shell in a function that makes it, and the places that it may have read, in their order."""
    written, handed = _signature(shape)
    writer = _Writer(shape, names, fast)
    arguments = "".join(f"{variable}, " for variable in writer.variables.values())
    body: list[str] = []
    if clock:
        body += ["try:", "    _tm_t = _tm_clock()", "except Exception as _tm_e:", "    _tm_t = _tm_clock_failed(_tm_e)"]
    started = "_tm_t" if clock else "None"
    body += [
        "try:",
        f"    _tm_r = {'await ' if is_async else ''}_tm_call({handed})",
        "except BaseException as _tm_e:",
        f"    _tm_raised(({arguments}), _tm_e, {started})",
        "    raise",
    ]
    seeds = "()"
    failed = "None"
    if fast is not None:
        loop = _straight_loop(writer, fast, started) if straight else _loop(writer, fast, started)
        failed = "_tm_f"
        body.append("_tm_f = None")
        if writer.nodes:
            seeds = f"({''.join(f'{variable}, ' for variable in writer.nodes.values())})"
            body.append(f"{' = '.join(writer.nodes.values())} = _tm_unread")
        body.append("while True:")
        body += [f"    {line}" for line in loop]
    if not is_async:
        body += [
            "if type(_tm_r) not in _tm_plain and _tm_await(_tm_r):",
            f"    return _tm_awaited(_tm_r, ({arguments}), {started})",
        ]
    body += [f"_tm_careful(({arguments}), _tm_r, {started}, {seeds}, {failed})", "return _tm_r"]
    text = "\n".join(f"        {line}" for line in body)
    free = ", ".join(FREE)
    source = f"def make({free}):\n    {'async ' if is_async else ''}def shell({written}):\n{text}\n    return shell\n"
    lines = [line.strip() for line in source.splitlines()]
    # The last line that sets a variable is the one that reads.
    read_at = {line.partition(" ")[0]: number for number, line in enumerate(lines, 1)}
    return source, tuple(PlaceRead(place, read_at[variable]) for place, variable in writer.nodes.items())


def _straight_loop(writer: _Writer, fast: FastWay, started: str) -> list[str]:
    """The call of known shape: read, hand over, return."""
    writer.read_the_usually_absent(list(fast.empty))
    values: list[str] = []
    for i, (lookup, constant) in enumerate(zip(fast.lookups, constants_of(fast.lookups), strict=True)):
        places = _argument_places(lookup)
        if constant is not None or not places:
            values.append(constant or "None")
            continue
        if len(places) == 1:
            values.append(writer.read(places[0], explicit=lookup.is_explicit))
            continue
        variable = f"_tm_v{i}"
        values.append(variable)
        writer.reads.append(f"{variable} = {writer.read(places[0], explicit=False)}")
        for place in places[1:]:
            _chained(writer, variable, place, "None")
    lines = writer.reads
    checks = [writer.read(place, explicit=False) for place in fast.empty]
    checks = [f"{node} is None" for node in checks if node not in writer.are_empty]
    if fast.repeat.digested:
        checks.append("(_tm_r is None or (type(_tm_r) is dict and _tm_absent.isdisjoint(_tm_r)))")
    else:
        lines.append("if type(_tm_r) not in _tm_plain and _tm_await(_tm_r): break")
    if checks:
        lines.append(f"if not ({' and '.join(checks)}): break")
    return [
        "try:",
        *(f"    {line}" for line in lines or ["pass"]),
        "except BaseException as _tm_e:",
        "    _tm_f = _tm_e",
        "    break",
        f"if _tm_work({', '.join((started, '_tm_r', *values))}): return _tm_r",
        "break",
    ]


def _loop(writer: _Writer, fast: FastWay, started: str) -> list[str]:
    """The usual call: read, look up, record, return."""
    repeat = fast.repeat
    values: list[str] = []
    choices: list[tuple[str, Lookup]] = []
    writer.read_the_usually_absent([place for place in fast.usually_absent if place.root is ARGUMENT])
    for i, lookup in enumerate(fast.lookups):
        places = _argument_places(lookup)
        has_results = any(place.root is RESULT for place in lookup.places)
        if len(places) == 1 and not has_results:
            values.append(writer.read(places[0], explicit=lookup.is_explicit))
            continue
        variable = f"_tm_v{i}"
        values.append(variable)
        nothing = "_tm_missing" if lookup.result_is_last else "None"
        for place in places:
            if lookup.is_explicit or place is places[0]:
                node = writer.read(place, explicit=lookup.is_explicit, nothing=nothing)
                writer.reads.append(f"{variable} = {node}")
                continue
            _chained(writer, variable, place, nothing)
        if places and lookup.result_is_last:
            writer.reads.append(f"if {variable} is _tm_missing: {variable} = None")
        if has_results:
            choices.append((variable, lookup))
    empties = [writer.read(place, explicit=False) for place in fast.empty if place.root is ARGUMENT]
    amount_in_arguments = [writer.read(place, explicit=False) for place in fast.amount if place.root is ARGUMENT]
    lines = writer.reads
    of_result = {variable for variable, _ in choices}
    checks = [_is_safe(value) for value in values if value not in of_result]
    checks += [f"{value} is None" for value in empties if value not in writer.are_empty]
    if checks:
        lines.append(f"if not ({' and '.join(checks)}): break")
    lines += _result_lines(writer, fast, choices, amount_in_arguments)
    key = list(values)
    if repeat.amount is not None and repeat.amount.by_sign:
        key.append("_tm_s")
    key += [f"_tm_w{i}" for i in range(len(repeat.compared))]
    if fast.texts:
        key.append("_tm_x")
    if repeat.digest is not None:
        key.append("_tm_q")
    if repeat.itself:
        key.append("_tm_r")
        lines.append(f"if not {_is_safe('_tm_r')}: break")
    lines += [
        f"_tm_k = ({''.join(f'{each}, ' for each in key)})",
        "_tm_l = _tm_memory.get(_tm_k)",
        "if _tm_l is None:",
        "    _tm_l = _tm_memory.find(_tm_k)",
        "    if _tm_l is None: break",
    ]
    return [
        "try:",
        *(f"    {line}" for line in lines),
        "except BaseException as _tm_e:",
        "    _tm_f = _tm_e",
        "    break",
        "_tm_c, _tm_m = _tm_l",
        "for _tm_i in _tm_c: break",
        f"if _tm_m is not None: _tm_m({started}, {'_tm_a' if fast.repeat.amount is not None else 'None'})",
        "return _tm_r",
    ]


def _chained(writer: _Writer, variable: str, place: Place, nothing: str) -> None:
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


def _result_lines(writer: _Writer, fast: FastWay, choices: list[tuple[str, Lookup]], amounts: list[str]) -> list[str]:
    """Code that reads a result: the compared fields, the fields that must be absent, and the amount."""
    repeat = fast.repeat
    none: list[str] = []
    some: list[str] = []
    for variable, lookup in choices:
        arguments = _argument_places(lookup)
        if arguments and lookup.result_is_last:
            # The result repeats them at best. It is looked at only for a field that the arguments do not have.
            some.append(f"if {variable} is None:")
            for place in lookup.places:
                if place.root is RESULT:
                    some.append(f"    if {variable} is None: {variable} = _tm_g.get({place.steps[0]!r})")
            is_there = " or ".join(f"{writer.nodes[place]} is None" for place in arguments)
            some.append(f"    if {variable} is not None and ({is_there}): break")
            checked = f"if not {_is_safe(variable)}: break"
            some.append(checked)
            none.append(checked)
            continue
        found = {variable} if arguments else set()
        for place in lookup.places:
            if place.root is not RESULT:
                continue
            value = f"_tm_g.get({place.steps[0]!r})" if place.steps else "_tm_r"
            if lookup.is_explicit:
                none.append("break" if place.steps else f"{variable} = None")
                some += [f"{variable} = {value}"]
                some.append(f"if {variable} is None: break")
            elif variable in found:
                some.append(f"if {variable} is None: {variable} = {value}")
            else:
                found.add(variable)
                some.append(f"{variable} = {value}")
        some.append(f"if not {_is_safe(variable)}: break")
        if arguments:
            none.append(f"if not {_is_safe(variable)}: break")
        elif not lookup.is_explicit:
            none.append(f"{variable} = None")
    names = [place.steps[0] for place in fast.empty if place.root is RESULT and place.steps]
    missing = [f"_tm_g.get({name!r}) is None" for name in names]
    if any(place.root is RESULT and not place.steps for place in fast.empty):
        missing.append("False")
    for i, name in enumerate(repeat.compared):
        some += [f"_tm_w{i} = _tm_g.get({name!r})", f"if not {_is_safe(f'_tm_w{i}')}: break"]
        none.append(f"_tm_w{i} = None")
    if repeat.amount is not None:
        choices_of_amount = [*amounts]
        for place in fast.amount:
            if place.root is RESULT:
                choices_of_amount.append(f"_tm_g.get({place.steps[0]!r})" if place.steps else "_tm_r")
        none = [*none, *_first_of(amounts)]
    else:
        choices_of_amount = None
    if repeat.digest is not None:
        none.append("_tm_q = 0")
    if fast.texts:
        none.append("_tm_x = None")
    if missing or choices_of_amount is not None or repeat.digest is not None or fast.texts:
        # Most answers have few fields, and none of these: that is seen at once.
        usual = "if len(_tm_g) < 9 and _tm_absent.isdisjoint(_tm_g):"
        unusual = [] if choices_of_amount is None else _first_of(choices_of_amount)
        if missing:
            unusual.insert(0, f"if not ({' and '.join(dict.fromkeys(missing))}): break")
        shortcut = ["pass"] if choices_of_amount is None else _first_of(amounts)
        if fast.texts:
            shortcut.append("_tm_x = None")
            first, *others = [f"_tm_g.get({place.steps[0]!r})" for place in fast.texts]
            unusual += [f"_tm_x = {first}", *(f"if _tm_x is None: _tm_x = {each}" for each in others)]
            unusual.append("if _tm_x is not None and not _tm_word(_tm_x): break")
        if repeat.digest is not None:
            shortcut.append("_tm_q = 0")
            unusual += ["_tm_q = _tm_digest(_tm_g.get)", "if _tm_q is None: break"]
        if any(place.root is RESULT and not place.steps for place in (*fast.empty, *fast.amount)):
            some += unusual
        else:
            some += [usual, *(f"    {line}" for line in shortcut), "else:", *(f"    {line}" for line in unusual)]
    needs_fields = any("_tm_g" in line for line in some)
    lines: list[str] = []
    if none or some:
        if needs_fields:
            some = [
                "if type(_tm_r) is dict:",
                "    _tm_g = _tm_r",
                "else:",
                "    _tm_g = _tm_views[type(_tm_r)](_tm_r)",
                "    if _tm_g is None: break",
                *some,
            ]
        lines.append("if _tm_r is None:")
        lines += [f"    {line}" for line in none or ["pass"]]
        lines.append("else:")
        lines += [f"    {line}" for line in some or ["pass"]]
    elif not repeat.itself:
        lines += ["if type(_tm_r) not in _tm_plain and _tm_await(_tm_r): break"]
    if repeat.amount is not None:
        low = repeat.amount.lowest
        lines.append("if _tm_a is not None:")
        lines.append("    if type(_tm_a) is not float and type(_tm_a) is not int: break")
        lines.append(f"    if not {low!r} <= _tm_a <= 1.7976931348623157e308: break")
        if repeat.amount.by_sign:
            lines.append("    _tm_s = (_tm_a > 0) - (_tm_a < 0)")
            lines.append("else:")
            lines.append("    _tm_s = None")
    return lines


def _first_of(values: list[str]) -> list[str]:
    """Code for the amount: the first of some expressions that is not None."""
    if not values:
        return ["_tm_a = None"]
    return [f"_tm_a = {values[0]}", *(f"if _tm_a is None: _tm_a = {value}" for value in values[1:])]


def code_of(source: str) -> CodeType:
    """The code of the shell that a source makes, compiled once."""
    code = _made.get(source)
    if code is None:
        if len(_made) >= _MOST_SHAPES:
            _made.clear()
        module = compile(source, SHELL_FILE, "exec", dont_inherit=True)
        make = next(each for each in module.co_consts if isinstance(each, CodeType))
        code = _made[source] = next(each for each in make.co_consts if isinstance(each, CodeType))
    return code


def build(source: str, function: FunctionType, shape: Shape, cells: dict[str, CellType]) -> FunctionType:
    """A shell that looks like `function`."""
    code = code_of(source)
    own = function.__code__
    names: dict[str, Any] = {
        "co_name": own.co_name,
        "co_varnames": (*own.co_varnames[: shape.number], *code.co_varnames[shape.number :]),
    }
    if hasattr(code, "co_qualname"):  # since Python 3.11
        names["co_qualname"] = getattr(own, "co_qualname", own.co_name)
    code = code.replace(**names)
    shell = FunctionType(
        code, _GLOBALS, function.__name__, function.__defaults__, tuple(cells[name] for name in code.co_freevars)
    )
    shell.__kwdefaults__ = function.__kwdefaults__
    return shell
