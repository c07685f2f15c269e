"""The nodes of the expression tree, each with its PromQL.

A window or an offset is a duration as Prometheus writes it (`5m`), or a variable of Grafana (`$__rate_interval`). A
matcher's value may hold a variable too. The evaluator replaces variables; PromQL keeps them.
"""

import json
from dataclasses import dataclass
from typing import Final, Union

_PRECEDENCE: Final = {
    "or": 1,
    "and": 2,
    "unless": 2,
    "==": 3,
    "!=": 3,
    "<": 3,
    ">": 3,
    "<=": 3,
    ">=": 3,
    "+": 4,
    "-": 4,
    "*": 5,
    "/": 5,
    "%": 5,
    "atan2": 5,
    "^": 7,
}
_ATOM: Final = 9

Expression = Union["Number", "Text", "Selector", "Subquery", "FunctionCall", "Aggregate", "Binary", "Negate"]


def precedence(operator: str) -> int:
    """Return how strongly a binary operator binds; larger numbers bind first."""
    return _PRECEDENCE[operator]


@dataclass(frozen=True)
class Matcher:
    """One condition on a label: `label operator "value"`, with `=`, `!=`, `=~` or `!~`."""

    label: str
    operator: str
    value: str

    def __str__(self) -> str:
        return f"{self.label}{self.operator}{json.dumps(self.value, ensure_ascii=False)}"


@dataclass(frozen=True)
class Number:
    """A constant."""

    value: float

    strength = _ATOM

    def __str__(self) -> str:
        if self.value in (float("inf"), float("-inf")):
            return "+Inf" if self.value > 0 else "-Inf"
        return f"{self.value:.15g}"


@dataclass(frozen=True)
class Text:
    """A string, as an argument of `label_replace` and its like."""

    value: str

    strength = _ATOM

    def __str__(self) -> str:
        return json.dumps(self.value, ensure_ascii=False)


@dataclass(frozen=True)
class Selector:
    """The series of a name that fulfil all matchers: their newest values, or with a window all values in it."""

    name: str
    matchers: tuple[Matcher, ...] = ()
    window: str = ""
    offset: str = ""

    strength = _ATOM

    def __str__(self) -> str:
        matchers = ", ".join(map(str, self.matchers))
        braces = f"{{{matchers}}}" if matchers or not self.name else ""
        window = f"[{self.window}]" if self.window else ""
        return f"{self.name}{braces}{window}{f' offset {self.offset}' if self.offset else ''}"


@dataclass(frozen=True)
class Subquery:
    """An expression evaluated again and again over a window, as a range for the `_over_time` functions."""

    expression: Expression
    window: str
    step: str = ""
    offset: str = ""

    strength = _ATOM

    def __str__(self) -> str:
        offset = f" offset {self.offset}" if self.offset else ""
        return f"{_within(self.expression, _ATOM)}[{self.window}:{self.step}]{offset}"


@dataclass(frozen=True)
class FunctionCall:
    """A function with its arguments."""

    function: str
    arguments: tuple[Expression, ...] = ()

    strength = _ATOM

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(str, self.arguments))})"


@dataclass(frozen=True)
class Aggregate:
    """An aggregation over labels: `sum by (a, b) (…)`, `topk(10, …)`, `max without (c) (…)`."""

    operator: str
    expression: Expression
    labels: tuple[str, ...] | None = None
    without: bool = False
    parameter: Expression | None = None

    strength = _ATOM

    def __str__(self) -> str:
        grouping = ""
        if self.labels is not None:
            grouping = f" {'without' if self.without else 'by'} ({', '.join(self.labels)}) "
        parameter = "" if self.parameter is None else f"{self.parameter}, "
        return f"{self.operator}{grouping}({parameter}{self.expression})"


@dataclass(frozen=True)
class Binary:
    """Two expressions and the operator between them, with the labels that pair their series.

    Attributes:
        operator: An arithmetic operator, a comparison, `and`, `or` or `unless`.
        left: The left side.
        right: The right side.
        labels: The labels of `on (…)` or `ignoring (…)`; None pairs by all labels.
        ignoring: True if `labels` are those of `ignoring`.
        group: `left` or `right` where several series of that side pair with one of the other; otherwise empty.
        include: Labels that `group_left` or `group_right` copies.
        as_bool: True if a comparison gives 0 or 1 instead of filtering.
    """

    operator: str
    left: Expression
    right: Expression
    labels: tuple[str, ...] | None = None
    ignoring: bool = False
    group: str = ""
    include: tuple[str, ...] = ()
    as_bool: bool = False

    @property
    def strength(self) -> int:
        """How strongly the operator binds."""
        return _PRECEDENCE[self.operator]

    def __str__(self) -> str:
        words = [self.operator]
        if self.as_bool:
            words.append("bool")
        if self.labels is not None:
            words.append(f"{'ignoring' if self.ignoring else 'on'} ({', '.join(self.labels)})")
        if self.group:
            words.append(f"group_{self.group} ({', '.join(self.include)})")
        # The operators of one strength bind from the left, `^` from the right.
        left, right = (1, 0) if self.operator == "^" else (0, 1)
        before = _within(self.left, self.strength + left)
        return f"{before} {' '.join(words)} {_within(self.right, self.strength + right)}"


@dataclass(frozen=True)
class Negate:
    """An expression with its sign changed."""

    expression: Expression

    strength = 6

    def __str__(self) -> str:
        return f"-{_within(self.expression, self.strength)}"


def _within(expression: Expression, strength: int) -> str:
    return str(expression) if expression.strength >= strength else f"({expression})"
