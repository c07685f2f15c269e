"""Operations on sets of series at one time: aggregation and pairing."""

import math
import operator
import re
from collections.abc import Callable, Sequence
from typing import Final, Union

from tradmetrics.board.query.samples import Labels, Sample
from tradmetrics.board.query.tree import Binary, Expression, Selector

Key = frozenset[tuple[str, str]]
Value = Union[float, list[Sample]]


class PairingError(ValueError):
    """Several series pair with one, without `group_left` or `group_right`."""


def key(labels: Labels) -> Key:
    """Return the identity of a series."""
    return frozenset(labels.items())


def grouped(
    vector: Sequence[Sample], labels: tuple[str, ...] | None, *, without: bool
) -> list[tuple[dict[str, str], list[Sample]]]:
    """Group series by labels, or by all labels except some."""
    groups: dict[Key, tuple[dict[str, str], list[Sample]]] = {}
    for sample in vector:
        kept = _kept(sample.labels, labels, without=without)
        identity = frozenset(kept.items())
        if identity not in groups:
            groups[identity] = (kept, [])
        groups[identity][1].append(sample)
    return list(groups.values())


def _kept(labels: Labels, names: tuple[str, ...] | None, *, without: bool) -> dict[str, str]:
    if without:
        return {name: value for name, value in labels.items() if name not in (names or ())}
    return {name: labels[name] for name in names or () if labels.get(name)}


def _deviation(values: Sequence[float]) -> float:
    return math.sqrt(_variance(values))


def _variance(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / len(values)


def _number_first(value: float) -> tuple[bool, float]:
    return value != value, value


_AGGREGATES: Final[dict[str, Callable[[Sequence[float]], float]]] = {
    "sum": lambda values: float(sum(values)),
    "min": lambda values: min(values, key=_number_first),
    "max": lambda values: max(values, key=lambda value: (value == value, value)),
    "avg": lambda values: sum(values) / len(values),
    "count": lambda values: float(len(values)),
    "group": lambda values: 1.0,
    "stddev": _deviation,
    "stdvar": _variance,
}


def aggregate(name: str, vector: Sequence[Sample], labels: tuple[str, ...] | None, *, without: bool) -> list[Sample]:
    """Aggregate series by labels with `sum`, `max` and their like."""
    function = _AGGREGATES[name]
    return [
        Sample(kept, function([sample.value for sample in group]), group[0].time)
        for kept, group in grouped(vector, labels, without=without)
    ]


def count_values(
    label: str, vector: Sequence[Sample], labels: tuple[str, ...] | None, *, without: bool
) -> list[Sample]:
    """Count how many series have each value, which becomes a label."""
    marked = [each._replace(labels={**each.labels, label: f"{each.value:g}"}) for each in vector]
    kept = labels if without else (*(labels or ()), label)
    return aggregate("count", marked, kept, without=without)


def extremes(
    name: str, number: int, vector: Sequence[Sample], labels: tuple[str, ...] | None, *, without: bool
) -> list[Sample]:
    """Return the `topk` or `bottomk` series of each group, with all their labels."""
    found: list[Sample] = []
    for _, group in grouped(vector, labels, without=without):
        sign = -1 if name == "topk" else 1
        found += sorted(group, key=lambda each: _number_first(sign * each.value))[:number]
    return found


def _divided(left: float, right: float) -> float:
    if right:
        return left / right
    return math.nan if left == 0 or math.isnan(left) else math.copysign(math.inf, left) * math.copysign(1.0, right)


def _power(left: float, right: float) -> float:
    try:
        result = left**right
    except (OverflowError, ZeroDivisionError):
        return math.copysign(math.inf, left) if right % 2 == 1 else math.inf
    return math.nan if isinstance(result, complex) else float(result)


_ARITHMETIC: Final[dict[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divided,
    "%": lambda left, right: math.fmod(left, right) if right and math.isfinite(left) else math.nan,
    "^": _power,
    "atan2": math.atan2,
}
_COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def combine(node: Binary, left: Value, right: Value) -> Value:
    """Apply a binary operator to numbers and series.

    Raises:
        PairingError: Several series pair with one.
    """
    if node.operator in ("and", "or", "unless"):
        return _set_operation(node, _series(left), _series(right))
    if not isinstance(left, list) and not isinstance(right, list):
        if node.operator in _COMPARISONS:
            return float(_COMPARISONS[node.operator](left, right))
        return _ARITHMETIC[node.operator](left, right)
    if not isinstance(left, list):
        return [
            each._replace(value=result)
            for each in _series(right)
            if (result := _applied(node, left, each.value, shown=each.value)) is not None
        ]
    if not isinstance(right, list):
        return [
            each._replace(value=result)
            for each in left
            if (result := _applied(node, each.value, right, shown=each.value)) is not None
        ]
    return _paired(node, left, right)


def _series(value: Value) -> list[Sample]:
    return value if isinstance(value, list) else [Sample({}, value)]


def _applied(node: Binary, left: float, right: float, *, shown: float) -> float | None:
    compare = _COMPARISONS.get(node.operator)
    if compare is None:
        return _ARITHMETIC[node.operator](left, right)
    if node.as_bool:
        return float(compare(left, right))
    return shown if compare(left, right) else None


def _signature(node: Binary) -> Callable[[Labels], Key]:
    names = node.labels
    if names is None:
        return key
    if node.ignoring:
        return lambda labels: frozenset(item for item in labels.items() if item[0] not in names)
    return lambda labels: frozenset((name, labels[name]) for name in names if labels.get(name))


def _set_operation(node: Binary, left: list[Sample], right: list[Sample]) -> list[Sample]:
    signature = _signature(node)
    if node.operator == "or":
        there = {signature(each.labels) for each in left}
        return left + [each for each in right if signature(each.labels) not in there]
    there = {signature(each.labels) for each in right}
    wanted = node.operator == "and"
    return [each for each in left if (signature(each.labels) in there) == wanted]


def _paired(node: Binary, left: list[Sample], right: list[Sample]) -> list[Sample]:
    signature = _signature(node)
    swapped = node.group == "right"
    many, one = (right, left) if swapped else (left, right)
    singles: dict[Key, Sample] = {}
    for each in one:
        identity = signature(each.labels)
        if identity in singles:
            raise PairingError("several series of one side pair with the same series")
        singles[identity] = each
    found: list[Sample] = []
    seen: set[Key] = set()
    for each in many:
        identity = signature(each.labels)
        single = singles.get(identity)
        if single is None:
            continue
        if not node.group:
            if identity in seen:
                raise PairingError("several series pair with one; write group_left or group_right")
            seen.add(identity)
        values = (single.value, each.value) if swapped else (each.value, single.value)
        result = _applied(node, *values, shown=values[0])
        if result is not None:
            found.append(Sample(_result_labels(node, each.labels, single.labels), result, each.time))
    return found


def _result_labels(node: Binary, many: Labels, one: Labels) -> Labels:
    if node.group:
        copied = {name: one[name] for name in node.include if one.get(name)}
        return {**{name: value for name, value in many.items() if name not in node.include}, **copied}
    if node.labels is None:
        return many
    return _kept(many, node.labels, without=node.ignoring)


def promised(expression: Expression) -> dict[str, str]:
    """Return the labels of `absent()`: those that a selector demands by equality."""
    if not isinstance(expression, Selector):
        return {}
    equal = [each for each in expression.matchers if each.operator == "=" and each.label != "__name__"]
    names = [each.label for each in expression.matchers]
    return {each.label: each.value for each in equal if names.count(each.label) == 1 and each.value}


def label_replace(vector: Sequence[Sample], target: str, replacement: str, source: str, pattern: str) -> list[Sample]:
    """Set a label from a regular expression on another one."""
    compiled, template = re.compile(pattern, re.S), re.sub(r"\$\{?(\w+)\}?", r"\\g<\1>", replacement)
    found: list[Sample] = []
    for each in vector:
        match = compiled.fullmatch(each.labels.get(source, ""))
        if match:
            labels = {**each.labels, target: match.expand(template)}
            found.append(each._replace(labels={name: value for name, value in labels.items() if value}))
        else:
            found.append(each)
    return found


def _rounded(value: float, to: float = 1.0) -> float:
    if not to:
        return math.nan
    return math.floor(value / to + 0.5) * to if math.isfinite(value) else value


def _exponential(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def _logarithm(value: float) -> float:
    return math.log(value) if value > 0 else (-math.inf if value == 0 else math.nan)


ELEMENTWISE: Final[dict[str, Callable[..., float]]] = {
    "abs": lambda value: abs(value),
    "ceil": lambda value: float(math.ceil(value)) if math.isfinite(value) else value,
    "floor": lambda value: float(math.floor(value)) if math.isfinite(value) else value,
    "round": _rounded,
    "clamp_min": lambda value, least: max(value, least),
    "clamp_max": lambda value, most: min(value, most),
    "clamp": lambda value, least, most: max(least, min(value, most)),
    "sgn": lambda value: float((value > 0) - (value < 0)) if value == value else value,
    "sqrt": lambda value: math.sqrt(value) if value >= 0 else math.nan,
    "exp": _exponential,
    "ln": _logarithm,
}
"""Functions of each value by itself."""

__all__ = [
    "ELEMENTWISE",
    "Key",
    "PairingError",
    "aggregate",
    "combine",
    "count_values",
    "extremes",
    "grouped",
    "key",
    "label_replace",
    "promised",
]
