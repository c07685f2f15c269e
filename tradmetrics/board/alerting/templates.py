"""Fills in the texts of alerts: the part of Prometheus's template language that rules use."""

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

_PART: Final = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.S)
_WORD: Final = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`|\(|\)|\||[^\s()|]+')
_DIRECTIVE: Final = re.compile(r"%[-+ #0]*\d*(?:\.\d+)?([a-z%])")
_TRIMMED: Final = re.compile(r"\s*(\{\{)-|-(\}\})\s*")


def fill(template: str, labels: Mapping[str, str], value: float) -> str:
    """Fill a template in; a part that cannot be read stays as it is.

    Args:
        template: The text with `{{ $labels.name }}`, `{{ $value | humanize }}`, `{{ if … }}` and their like.
        labels: Labels of the series.
        value: Its value.

    Returns:
        The text.
    """
    if "{{" not in template:
        return template
    text = _TRIMMED.sub(lambda match: match[1] or match[2], template)
    shown: list[str] = []
    # For each open `if`: whether the part that is being read is shown, and whether one was shown already.
    branches: list[tuple[bool, bool]] = []
    place = 0
    for part in _PART.finditer(text):
        visible = all(here for here, _ in branches)
        if visible:
            shown.append(text[place : part.start()])
        place = part.end()
        code = part[1]
        word = code.split(None, 1)[0] if code else ""
        if word in ("if", "with"):
            holds = bool(_value(code[len(word) :], labels, value))
            branches.append((holds, holds))
        elif word == "else" and branches:
            _, done = branches.pop()
            condition = code.partition("if")[2]
            holds = not done and (not condition or bool(_value(condition, labels, value)))
            branches.append((holds, done or holds))
        elif word == "end" and branches:
            branches.pop()
        elif visible:
            shown.append(_shown(_value(code, labels, value)))
    shown.append(text[place:])
    return "".join(shown)


def _shown(found: Any) -> str:
    """A value as Go prints it."""
    if isinstance(found, bool):
        return str(found).lower()
    if not isinstance(found, float):
        return str(found)
    if not math.isfinite(found):
        return {math.inf: "+Inf", -math.inf: "-Inf"}.get(found, "NaN")
    number = Decimal(repr(found)).normalize()
    if found == 0 or -4 <= number.adjusted() < 6:
        return f"{number:f}"
    figure, _, exponent = f"{number:e}".partition("e")
    return f"{figure}e{int(exponent):+03d}"


def _value(code: str, labels: Mapping[str, str], value: float) -> Any:
    words = _WORD.findall(code)
    result: Any = ""
    first = True
    while words:
        parts: list[Any] = []
        while words and words[0] not in ("|", ")"):
            parts.append(_operand(words, labels, value))
        if words and words[0] == ")":
            return _call(parts if first else [*parts, result])
        result = _call(parts if first else [*parts, result])
        first = False
        if words:
            words.pop(0)
    return result


def _operand(words: list[str], labels: Mapping[str, str], value: float) -> Any:
    word = words.pop(0)
    if word == "(":
        depth, inner = 1, list[str]()
        while words and depth:
            depth += (words[0] == "(") - (words[0] == ")")
            inner.append(words.pop(0))
        return _value(" ".join(inner[:-1]), labels, value)
    if word.startswith("$labels."):
        return labels.get(word.removeprefix("$labels."), "")
    if word in ("$value", ".Value"):
        return value
    if word[0] in '"`':
        return word[1:-1].replace('\\"', '"')
    try:
        return float(word)
    except ValueError:
        return _Name(word)


class _Name(str):
    """The name of a function."""


def _call(parts: list[Any]) -> Any:
    if not parts:
        return ""
    function, arguments = parts[0], parts[1:]
    if not isinstance(function, _Name):
        return function
    found = _FUNCTIONS.get(function)
    if found is None:
        return f"{{{{ {function} }}}}"
    try:
        return found(*arguments)
    except (TypeError, ValueError, OverflowError):
        return arguments[-1] if arguments else ""


def _humanize(value: Any) -> str:
    number = float(value)
    return _shown(number) if number == 0 or not math.isfinite(number) else _with_prefix(number)


def _with_prefix(number: float) -> str:
    """A number other than 0 with a unit's prefix, as Prometheus chooses it."""
    prefix = ""
    if abs(number) >= 1:
        for larger in "kMGTPEZY":
            if abs(number) < 1000:
                break
            prefix, number = larger, number / 1000
    else:
        for smaller in "munpfazy":
            if abs(number) >= 1:
                break
            prefix, number = smaller, number * 1000
    return f"{number:.4g}{prefix}"


def _humanize_duration(value: Any) -> str:
    number = float(value)
    if not math.isfinite(number):
        return _shown(number)
    if number == 0:
        return "0s"
    if abs(number) < 1:
        return f"{_with_prefix(number)}s"
    sign, number = ("-", -number) if number < 0 else ("", number)
    whole = int(number)
    days, hours, minutes, rest = whole // 86400, whole // 3600 % 24, whole // 60 % 60, whole % 60
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {rest}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {rest}s"
    return f"{sign}{minutes}m {rest}s" if minutes else f"{sign}{number:.4g}s"


def _printf(template: str, *values: Any) -> str:
    kinds = [each[1].replace("v", "s") for each in _DIRECTIVE.finditer(template) if each[1] != "%"]
    text = _DIRECTIVE.sub(lambda match: match[0].replace("v", "s"), template)
    shown = [_shown(each) if kind == "s" else each for kind, each in zip(kinds, values, strict=True)]
    return text % tuple(shown)


def _equal(left: Any, *others: Any) -> bool:
    return any(left == other for other in others)


_FUNCTIONS: Final[dict[str, Any]] = {
    "humanize": _humanize,
    "humanizeDuration": _humanize_duration,
    "humanizePercentage": lambda value: f"{float(value) * 100:.4g}%",
    "printf": _printf,
    "print": lambda *values: "".join(map(_shown, values)),
    "eq": _equal,
    "ne": lambda left, right: left != right,
    "gt": lambda left, right: float(left) > float(right),
    "ge": lambda left, right: float(left) >= float(right),
    "lt": lambda left, right: float(left) < float(right),
    "le": lambda left, right: float(left) <= float(right),
    "not": lambda value: not value,
    "and": lambda *values: next((each for each in values if not each), values[-1]),
    "or": lambda *values: next((each for each in values if each), values[-1]),
    "title": lambda text: re.sub(r"(?<![\w'])\w", lambda match: match[0].upper(), str(text)),
    "toUpper": lambda text: str(text).upper(),
    "toLower": lambda text: str(text).lower(),
    "reReplaceAll": lambda pattern, into, text: re.sub(pattern, re.sub(r"\$\{?(\w+)\}?", r"\\g<\1>", into), text),
    "match": lambda pattern, text: re.search(pattern, text) is not None,
}
