"""Python code for the shell around a function: with the function's own parameters, and the usual call inline.

The code of a shell depends on the shape of the function alone: how many parameters of which kind it has, and where its
labels are read from. So functions of one shape share it, under the names of their own parameters. The usual call, which
repeats an earlier one, is recorded right in the shell; an uncommon call breaks off and goes
to the careful way, with what was read by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from tradmetrics.capture.call_context import raised_at
from tradmetrics.capture.lookups import ARGUMENT, RESULT, Lookup, Place
from tradmetrics.capture.repeating import FastWay
from tradmetrics.capture.shell_answers import result_lines
from tradmetrics.capture.shell_reads import Writer, argument_places, chained, is_safe_code
from tradmetrics.capture.shell_shapes import Shape, signature_of
from tradmetrics.capture.straight import constants_of

FREE: Final = (
    "_tm_absent", "_tm_await", "_tm_awaited", "_tm_call", "_tm_calls", "_tm_careful", "_tm_clock", "_tm_clock_failed",
    "_tm_fields", "_tm_digest", "_tm_gone", "_tm_memory", "_tm_missing",
    "_tm_no_mappings", "_tm_plain", "_tm_raised", "_tm_safe", "_tm_views",
    "_tm_word", "_tm_work",
)  # fmt: skip
"""The names in a shell's closure."""


class PlaceRead(NamedTuple):
    """A place that a shell reads, the variable that it has then, and the line of the shell's code that does so."""

    place: Place
    variable: str
    line: int


def places_read(
    reads: tuple[PlaceRead, ...], variables: Mapping[str, Any], failed: BaseException | None
) -> dict[Place, Any]:
    """Return what a shell has read: a value, or the mark of an exception, by the place.

    Args:
        reads: The places that the shell reads.
        variables: The shell's variables as far as they are set.
        failed: The exception that one of these reads raised, or None.
    """
    # A missing field is looked up in other ways; an error from the object's own code is final.
    traceback = None if failed is None else failed.__traceback__
    failed_at = 0 if traceback is None or traceback.tb_next is None else traceback.tb_lineno
    places: dict[Place, Any] = {}
    for place, variable, line in reads:
        if variable in variables:
            places[place] = variables[variable]
        elif failed is not None and line == failed_at:
            places[place] = raised_at(failed)
    return places


def write(
    shape: Shape,
    names: tuple[str, ...],
    fast: FastWay | None,
    *,
    is_async: bool,
    clock: bool,
    straight: bool = False,
    counting: bool = False,
) -> tuple[str, tuple[PlaceRead, ...]]:
    """The source of a shell in a function that makes it, and the places that it may have read, in their order."""
    written, handed = signature_of(shape)
    writer = Writer(shape, names, fast)
    arguments = "".join(f"{variable}, " for variable in writer.variables.values())
    body: list[str] = ["for _tm_i in _tm_calls: break"] if counting else []
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
    failed = "None"
    if fast is not None:
        loop = _straight_loop(writer, fast, started) if straight else _loop(writer, fast, started)
        failed = "_tm_f"
        body += ["_tm_f = None", "while True:", *(f"    {line}" for line in loop)]
    if not is_async:
        body += [
            "if type(_tm_r) not in _tm_plain and _tm_await(_tm_r):",
            f"    return _tm_awaited(_tm_r, ({arguments}), {started})",
        ]
    # No variable of a place is set before the place is read.
    read = "locals()" if writer.nodes else "{}"
    body += [f"_tm_careful(({arguments}), _tm_r, {started}, {read}, {failed})", "return _tm_r"]
    text = "\n".join(f"        {line}" for line in body)
    free = ", ".join(FREE)
    source = f"def make({free}):\n    {'async ' if is_async else ''}def shell({written}):\n{text}\n    return shell\n"
    lines = [line.strip() for line in source.splitlines()]
    # The last line that sets a variable is the one that reads.
    read_at = {line.partition(" ")[0]: number for number, line in enumerate(lines, 1)}
    return source, tuple(PlaceRead(place, variable, read_at[variable]) for place, variable in writer.nodes.items())


def _straight_loop(writer: Writer, fast: FastWay, started: str) -> list[str]:
    """The call of known shape: read, hand over, return."""
    writer.read_the_usually_absent(list(fast.empty))
    values: list[str] = []
    for i, (lookup, constant) in enumerate(zip(fast.lookups, constants_of(fast.lookups), strict=True)):
        places = argument_places(lookup)
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
            chained(writer, variable, place, "None")
    lines = writer.reads
    checks = [writer.read(place, explicit=False) for place in fast.empty]
    checks = [f"{node} is None" for node in checks if node not in writer.are_empty]
    if fast.repeat.digested:
        checks.append("(_tm_r is None or (type(_tm_r) is dict and _tm_absent(_tm_r)))")
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


def _loop(writer: Writer, fast: FastWay, started: str) -> list[str]:
    """The usual call: read, look up, record, return."""
    repeat = fast.repeat
    values: list[str] = []
    choices: list[tuple[str, Lookup]] = []
    done = writer.read_the_usually_absent(
        fast.usually_absent,
        {
            f"_tm_v{i}": argument_places(lookup)
            for i, lookup in enumerate(fast.lookups)
            if len(lookup.places) > 1 and not lookup.is_explicit and not lookup.result_is_last
        },
    )
    for i, lookup in enumerate(fast.lookups):
        places = argument_places(lookup)
        has_results = any(place.root is RESULT for place in lookup.places)
        if f"_tm_v{i}" in done:
            values.append(f"_tm_v{i}")
            if has_results:
                choices.append((f"_tm_v{i}", lookup))
            continue
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
            chained(writer, variable, place, nothing)
        if places and lookup.result_is_last:
            writer.reads.append(f"if {variable} is _tm_missing: {variable} = None")
        if has_results:
            choices.append((variable, lookup))
    empties = [writer.read(place, explicit=False) for place in fast.empty if place.root is ARGUMENT]
    amount_in_arguments = [writer.read(place, explicit=False) for place in fast.amount if place.root is ARGUMENT]
    lines = writer.reads
    of_result = {variable for variable, _ in choices}
    checks = [is_safe_code(value) for value in values if value not in of_result]
    checks += [f"{value} is None" for value in empties if value not in writer.are_empty]
    if checks:
        lines.append(f"if not ({' and '.join(checks)}): break")
    key = list(values)
    if repeat.amount is not None and repeat.amount.by_sign:
        key.append("_tm_s")
    key += [f"_tm_w{i}" for i in range(len(repeat.compared))]
    if repeat.itself:
        key.append("_tm_r")
    lines += result_lines(writer, fast, choices, amount_in_arguments, key)
    lines += [
        *([f"if not {is_safe_code('_tm_r')}: break"] if repeat.itself else []),
        "_tm_l = _tm_memory[_tm_k]",  # `LabelCache` answers None for what it does not know
        "if _tm_l is None: break",
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
