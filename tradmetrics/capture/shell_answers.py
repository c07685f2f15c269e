"""Python code that looks at the answer of a call."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tradmetrics.capture.lookups import RESULT, Lookup, Place
from tradmetrics.capture.repeating import LARGEST, FastWay
from tradmetrics.capture.shell_reads import Writer, argument_places, first_of, is_safe_code


def result_lines(
    writer: Writer, fast: FastWay, choices: list[tuple[str, Lookup]], amounts: list[str], key: list[str]
) -> list[str]:
    """Return code that reads the values of a result and builds the key `_tm_k` of the call.

    Args:
        writer: The writer of the shell.
        fast: The places that the shell compares.
        choices: The variables of the fields that may be read in the result.
        amounts: Variables of the places among the arguments that may have the amount.
        key: The variables that are the key.
    """
    repeat = fast.repeat
    none: list[str] = []
    some: list[str] = []
    without_result: set[str] = set()
    rare: dict[str, tuple[Place, ...]] = {}
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
        if not arguments and not lookup.is_explicit:
            without_result.add(variable)
            if _is_rare(lookup, fast):
                rare[variable] = lookup.places
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
            none.append(f"if not {is_safe_code(variable, is_rare=True)}: break")
    for i, name in enumerate(repeat.compared):
        some += [f"_tm_w{i} = _tm_g.get({name!r})", f"if not {is_safe_code(f'_tm_w{i}')}: break"]
        without_result.add(f"_tm_w{i}")
    if repeat.amount is not None and not amounts:
        without_result.add("_tm_s")
    without_rare = {*rare, *({"_tm_s"} & without_result)}
    usual_key = _key_code(key, without_rare)
    more = [*(["_tm_x"] if fast.texts else []), *(["_tm_q"] if repeat.digest is not None else [])]
    names = [place.steps[0] for place in fast.empty if place.root is RESULT and place.steps]
    missing = [f"_tm_g.get({name!r}) is None" for name in names]
    if any(place.root is RESULT and not place.steps for place in fast.empty):
        missing.append("False")
    if missing or repeat.amount is not None or more:
        in_result = [place for place in fast.amount if place.root is RESULT]
        unusual = [f"if not ({' and '.join(dict.fromkeys(missing))}): break"] if missing else []
        unusual += _amount_code(fast, [*amounts, *_of_result(in_result)])
        for variable, places in rare.items():
            unusual += [
                *first_of(variable, _of_result(places)),
                f"if not {is_safe_code(variable, is_rare=True)}: break",
            ]
        unusual.append(_key_code(key))
        if fast.texts:
            same = next((variable for variable, places in rare.items() if places == fast.texts), None)
            unusual += [f"_tm_x = {same}"] if same else first_of("_tm_x", _of_result(fast.texts))
            unusual.append("if _tm_x is not None and not _tm_word(_tm_x): break")
        if repeat.digest is not None:
            unusual += ["_tm_q = _tm_digest(_tm_g.get)", "if _tm_q is None: break"]
        if more:
            # Most answers have neither a reason nor quantities, and a key of fewer parts is found sooner.
            has_more = " or ".join({"_tm_x": "_tm_x is not None", "_tm_q": "_tm_q != 0"}[each] for each in more)
            unusual.append(f"if {has_more}: _tm_k += ({', '.join(more)}, )")
        if any(place.root is RESULT and not place.steps for place in (*fast.empty, *fast.amount)):
            some += unusual
        else:
            # Most answers have none of these fields: that is seen at once.
            some.append("if _tm_absent(_tm_g):")
            some += [f"    {line}" for line in (*_amount_code(fast, amounts), usual_key)]
            some += ["else:", *(f"    {line}" for line in unusual)]
    elif none or some:
        some.append(usual_key)
    if not none and not some:
        waits = [] if repeat.itself else ["if type(_tm_r) not in _tm_plain and _tm_await(_tm_r): break"]
        return [*waits, usual_key]
    none += [*_amount_code(fast, amounts), _key_code(key, without_result)]
    if any("_tm_g" in line for line in some):
        some = [
            "if type(_tm_r) is dict:",
            "    _tm_g = _tm_r",
            "else:",
            "    _tm_g = _tm_views[type(_tm_r)](_tm_r)",
            "    if _tm_g is None: break",
            *some,
        ]
    return [
        "if _tm_r is None:",
        *(f"    {line}" for line in none),
        "else:",
        *(f"    {line}" for line in some),
    ]


def _key_code(key: list[str], without: Collection[str] = ()) -> str:
    """Return code for the key, in which some variables are None without being read."""
    return f"_tm_k = ({''.join(f'{None if each in without else each}, ' for each in key)})"


def _amount_code(fast: FastWay, values: list[str]) -> list[str]:
    """Return code for the amount, `_tm_a`, and its sign, `_tm_s`, where that is part of the key."""
    amount = fast.repeat.amount
    if amount is None:
        return []
    if not values:
        return ["_tm_a = None"]
    return [
        *first_of("_tm_a", values),
        *(["_tm_s = None"] if amount.by_sign else []),
        "if _tm_a is not None:",
        "    if type(_tm_a) is not float and type(_tm_a) is not int: break",
        f"    if not {amount.lowest!r} <= _tm_a <= {LARGEST!r}: break",
        *(["    _tm_s = (_tm_a > 0) - (_tm_a < 0)"] if amount.by_sign else []),
    ]


def _of_result(places: Iterable[Place]) -> list[str]:
    return [f"_tm_g.get({place.steps[0]!r})" if place.steps else "_tm_r" for place in places]


def _is_rare(lookup: Lookup, fast: FastWay) -> bool:
    """Return whether most answers lack a field, which the comparison with the absent names sees."""
    return all(place.steps and place.steps[0] in fast.absent_names for place in lookup.places)
