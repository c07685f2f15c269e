"""Reads PromQL into the expression tree: the queries of the dashboards and of the rules, variables included."""

import json
import re
from typing import Final

from tradmetrics.board.query.tree import (
    Aggregate,
    Binary,
    Expression,
    FunctionCall,
    Matcher,
    Negate,
    Number,
    Selector,
    Subquery,
    Text,
    precedence,
)

AGGREGATIONS: Final = frozenset(
    ["sum", "min", "max", "avg", "count", "group", "stddev", "stdvar", "topk", "bottomk", "quantile", "count_values"]
)
_WITH_PARAMETER: Final = frozenset(("topk", "bottomk", "quantile", "count_values"))
_DURATION: Final = r"(?:\d+(?:ms|[smhdwy]))+"
_TOKEN: Final = re.compile(
    rf"""\s*(?:\#[^\n]*\n\s*)*(?:
    (?P<window>\[[^\]]*\])
    |(?P<duration>{_DURATION}(?!\w)|\$\{{?\w+(?::\w+)?\}}?)
    |(?P<number>(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|(?:[iI]nf|[nN]a[nN])(?!\w))
    |(?P<name>[A-Za-z_:][\w:]*)
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)
    |(?P<sign>=~|!~|==|!=|<=|>=|[-+*/%^<>(){{}},=])
    )""",
    re.X,
)
_COMMENT: Final = re.compile(r"#[^\n]*")
_WORD_OPERATORS: Final = frozenset(("and", "or", "unless", "atan2"))


class ParseError(ValueError):
    """The text is not PromQL, or uses a part of it that the board does not know."""


def parse(text: str) -> Expression:
    """Read an expression.

    Args:
        text: PromQL; variables such as `$job` and `$__range` may stand in matchers, windows and offsets.

    Returns:
        The tree.

    Raises:
        ParseError: The text cannot be read.
    """
    reader = _Reader(text)
    expression = reader.binary(0)
    if reader.kind:
        raise reader.error("the end of the query")
    return expression


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self.kind = ""
        self.word = ""
        self._advance()

    def error(self, expected: str) -> ParseError:
        found = repr(self.word) if self.kind else "the end"
        return ParseError(f"cannot read the query {self._text!r}: expected {expected}, found {found}")

    def _advance(self) -> str:
        word = self.word
        match = _TOKEN.match(self._text, self._place)
        if match is None:
            rest = _COMMENT.sub("", self._text[self._place :]).strip()
            if rest:
                self.word, self.kind = rest[:20], "?"
                raise self.error("PromQL")
            self.kind = self.word = ""
            return word
        self._place = match.end()
        self.kind = match.lastgroup or ""
        self.word = match.group(self.kind)
        return word

    def _take(self, sign: str) -> None:
        if self.word != sign:
            raise self.error(repr(sign))
        self._advance()

    def binary(self, least: int) -> Expression:
        left = self._unary()
        while self.kind and (self.kind == "sign" or self.word.lower() in _WORD_OPERATORS):
            operator = self.word.lower()
            try:
                strength = precedence(operator)
            except KeyError:
                break
            if strength < least:
                break
            self._advance()
            as_bool = self.word == "bool" and bool(self._advance())
            labels, ignoring, group, include = self._matching()
            right = self.binary(strength if operator == "^" else strength + 1)
            left = Binary(operator, left, right, labels, ignoring, group, include, as_bool)
        return left

    def _matching(self) -> tuple[tuple[str, ...] | None, bool, str, tuple[str, ...]]:
        if self.word not in ("on", "ignoring"):
            return None, False, "", ()
        ignoring = self._advance() == "ignoring"
        labels = self._names()
        if self.word not in ("group_left", "group_right"):
            return labels, ignoring, "", ()
        group = self._advance().removeprefix("group_")
        return labels, ignoring, group, self._names() if self.word == "(" else ()

    def _names(self) -> tuple[str, ...]:
        self._take("(")
        names = []
        while self.kind == "name":
            names.append(self._advance())
            if self.word == ",":
                self._advance()
        self._take(")")
        return tuple(names)

    def _unary(self) -> Expression:
        if self.word == "-":
            self._advance()
            operand = self.binary(precedence("^"))
            return Number(-operand.value) if isinstance(operand, Number) else Negate(operand)
        if self.word == "+":
            self._advance()
            return self.binary(precedence("^"))
        return self._postfix(self._atom())

    def _postfix(self, expression: Expression) -> Expression:
        while self.kind == "window" or self.word == "offset":
            if self.kind == "window":
                window, colon, step = self._advance()[1:-1].partition(":")
                if colon:
                    expression = Subquery(expression, window.strip(), step.strip())
                elif isinstance(expression, Selector) and not expression.window:
                    expression = Selector(expression.name, expression.matchers, window.strip())
                else:
                    raise self.error("a selector before a window")
            else:
                self._advance()
                sign = "-" if self.word == "-" and self._advance() else ""
                if self.kind != "duration" or not isinstance(expression, Selector | Subquery):
                    raise self.error("a duration")
                offset = sign + self._advance()
                if isinstance(expression, Selector):
                    expression = Selector(expression.name, expression.matchers, expression.window, offset)
                else:
                    expression = Subquery(expression.expression, expression.window, expression.step, offset)
        return expression

    def _atom(self) -> Expression:
        if self.kind == "number":
            return Number(float(self._advance()))
        if self.kind == "duration":  # a variable that stands for a number, such as $__range_s
            return Selector(self._advance())
        if self.kind == "text":
            return Text(_unquoted(self._advance()))
        if self.word == "(":
            self._advance()
            expression = self.binary(0)
            self._take(")")
            return expression
        if self.word == "{":
            return Selector("", self._matchers())
        if self.kind != "name":
            raise self.error("a metric, a function or a number")
        name = self._advance()
        if name.lower() in AGGREGATIONS and (self.word in ("(", "by", "without")):
            return self._aggregate(name.lower())
        if self.word == "(":
            return FunctionCall(name, self._arguments())
        return Selector(name, self._matchers() if self.word == "{" else ())

    def _aggregate(self, operator: str) -> Expression:
        labels, without = self._grouping()
        arguments = self._arguments()
        if labels is None:
            labels, without = self._grouping()
        expected = 2 if operator in _WITH_PARAMETER else 1
        if len(arguments) != expected:
            raise self.error(f"{expected} arguments of {operator}")
        return Aggregate(operator, arguments[-1], labels, without, arguments[0] if expected == 2 else None)

    def _grouping(self) -> tuple[tuple[str, ...] | None, bool]:
        if self.word not in ("by", "without"):
            return None, False
        without = self._advance() == "without"
        return self._names(), without

    def _arguments(self) -> tuple[Expression, ...]:
        self._take("(")
        arguments = []
        while self.word != ")":
            arguments.append(self.binary(0))
            if self.word != ")":
                self._take(",")
        self._take(")")
        return tuple(arguments)

    def _matchers(self) -> tuple[Matcher, ...]:
        self._take("{")
        matchers = []
        while self.word != "}":
            if self.kind != "name":
                raise self.error("a label")
            label, operator = self._advance(), self._advance()
            if operator not in ("=", "!=", "=~", "!~") or self.kind != "text":
                raise self.error("a label's value")
            matchers.append(Matcher(label, operator, _unquoted(self._advance())))
            if self.word != "}":
                self._take(",")
        self._take("}")
        return tuple(matchers)


def _unquoted(text: str) -> str:
    if text[0] == "`":
        return text[1:-1]
    if text[0] == "'":
        text = '"' + text[1:-1].replace('"', '\\"').replace("\\'", "'") + '"'
    try:
        return str(json.loads(text))
    except ValueError:
        raise ParseError(f"cannot read the text {text}") from None
