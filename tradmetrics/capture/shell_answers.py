"""Python code that looks at the answer of a call."""

from __future__ import annotations

from tradmetrics.capture.lookups import RESULT, Lookup
from tradmetrics.capture.repeating import FastWay
from tradmetrics.capture.shell_reads import Writer, argument_places, is_safe_code


def result_lines(writer: Writer, fast: FastWay, choices: list[tuple[str, Lookup]], amounts: list[str]) -> list[str]:
    """Return code that reads the values of a result: those compared, those that must not be there, and the amount."""
    repeat = fast.repeat
    none: list[str] = []
    some: list[str] = []
    for variable, lookup in choices:
        arguments = argument_places(lookup)
        if arguments and lookup.result_is_last:
            # The result repeats them at best. It is looked at only for a field that the arguments do not have.
            some.append(f"if {variable} is None:")
            for place in lookup.places:
                if place.root is RESULT:
                    some.append(f"    if {variable} is None: {variable} = _tm_g.get({place.steps[0]!r})")
            is_there = " or ".join(f"{writer.nodes[place]} is None" for place in arguments if not place.is_parameter)
            if is_there:
                some.append(f"    if {variable} is not None and ({is_there}): break")
            checked = f"if not {is_safe_code(variable)}: break"
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
        some.append(f"if not {is_safe_code(variable)}: break")
        if arguments:
            none.append(f"if not {is_safe_code(variable)}: break")
        elif not lookup.is_explicit:
            none.append(f"{variable} = None")
    names = [place.steps[0] for place in fast.empty if place.root is RESULT and place.steps]
    missing = [f"_tm_g.get({name!r}) is None" for name in names]
    if any(place.root is RESULT and not place.steps for place in fast.empty):
        missing.append("False")
    for i, name in enumerate(repeat.compared):
        some += [f"_tm_w{i} = _tm_g.get({name!r})", f"if not {is_safe_code(f'_tm_w{i}')}: break"]
        none.append(f"_tm_w{i} = None")
    if repeat.amount is not None:
        choices_of_amount = [*amounts]
        for place in fast.amount:
            if place.root is RESULT:
                choices_of_amount.append(f"_tm_g.get({place.steps[0]!r})" if place.steps else "_tm_r")
        none = [*none, *_first_of(amounts)]
    else:
        choices_of_amount = None
    has_more = repeat.digest is not None or bool(fast.texts)
    if has_more:
        none.append("_tm_o = False")
    if missing or choices_of_amount is not None or repeat.digest is not None or fast.texts:
        # Most answers have few fields, and none of these: that is seen at once.
        usual = "if len(_tm_g) < 9 and _tm_absent.isdisjoint(_tm_g):"
        unusual = [] if choices_of_amount is None else _first_of(choices_of_amount)
        if missing:
            unusual.insert(0, f"if not ({' and '.join(dict.fromkeys(missing))}): break")
        shortcut = ["pass"] if choices_of_amount is None else _first_of(amounts)
        if fast.texts:
            first, *others = [f"_tm_g.get({place.steps[0]!r})" for place in fast.texts]
            unusual += [f"_tm_x = {first}", *(f"if _tm_x is None: _tm_x = {each}" for each in others)]
            unusual.append("if _tm_x is not None and not _tm_word(_tm_x): break")
        if repeat.digest is not None:
            unusual += ["_tm_q = _tm_digest(_tm_g.get)", "if _tm_q is None: break"]
        if has_more:
            shortcut.append("_tm_o = False")
            tests = ["_tm_x is not None"] if fast.texts else []
            tests += ["_tm_q != 0"] if repeat.digest is not None else []
            unusual.append(f"_tm_o = {' or '.join(tests)}")
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
