"""Evaluates an expression at one time over a store of samples, as Prometheus 2.42 does."""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final, Union

from tradmetrics.board.query import vectors
from tradmetrics.board.query.buckets import bucket_quantile
from tradmetrics.board.query.durations import QueryError, seconds
from tradmetrics.board.query.ranges import FUNCTIONS, Span, predict_linear, quantile
from tradmetrics.board.query.samples import Sample, SampleSource
from tradmetrics.board.query.sums import StepSums
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
)

Value = Union[float, list[Sample]]
_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)")


class Evaluator:
    """Evaluates expressions over one store.

    Args:
        source: The store.
        variables: The values of `$name` in matchers, windows and offsets.
        step: The step of subqueries that name none, in seconds.
        sums: Remembers the steps of subqueries between evaluations in order of time; None to remember nothing.
        oldest: The store has nothing before this time, in seconds since 1970.
    """

    def __init__(
        self,
        source: SampleSource,
        variables: Mapping[str, str] | None = None,
        step: float = 15.0,
        *,
        sums: StepSums | None = None,
        oldest: float = -math.inf,
    ) -> None:
        self._sums = sums
        self._oldest = oldest
        self._source = source
        self._variables = dict(variables or {})
        self._step = step
        self._matchers: dict[tuple[Matcher, ...], tuple[Matcher, ...]] = {}

    def at(self, expression: Expression, time: float) -> list[Sample]:
        """Evaluate an expression at one time.

        Args:
            expression: The tree.
            time: Seconds since 1970.

        Returns:
            Its series; a single one without labels for a number.

        Raises:
            QueryError: The expression cannot be evaluated.
        """
        value = self._value(expression, time)
        return value if isinstance(value, list) else [Sample({}, value, time)]

    def _value(self, expression: Expression, time: float) -> Value:
        if isinstance(expression, Number):
            return expression.value
        if isinstance(expression, Selector):
            return self._select(expression, time)
        if isinstance(expression, Aggregate):
            return self._aggregate(expression, time)
        if isinstance(expression, Binary):
            return self._binary(expression, time)
        if isinstance(expression, FunctionCall):
            return self._call(expression, time)
        if isinstance(expression, Negate):
            value = self._value(expression.expression, time)
            return [each._replace(value=-each.value) for each in value] if isinstance(value, list) else -value
        raise QueryError(f"{expression} is not a value at one time")

    def _filled(self, text: str) -> str:
        if "$" not in text:
            return text

        def value(match: re.Match[str]) -> str:
            name = match[1] or match[2]
            if name not in self._variables:
                raise QueryError(f"there is no value for the variable ${name}")
            return self._variables[name]

        return _VARIABLE.sub(value, text)

    def _conditions(self, matchers: tuple[Matcher, ...]) -> tuple[Matcher, ...]:
        filled = self._matchers.get(matchers)
        if filled is None:
            filled = tuple(replace(each, value=self._filled(each.value)) for each in matchers)
            self._matchers[matchers] = filled
        return filled

    def _shifted(self, offset: str, time: float) -> float:
        return time - seconds(self._filled(offset)) if offset else time

    def _select(self, selector: Selector, time: float) -> Value:
        if selector.name.startswith("$"):
            text = self._filled(selector.name)
            try:
                return float(text)
            except ValueError:
                return seconds(text)
        if selector.window:
            raise QueryError(f"{selector} is a window, and a value at one time is needed")
        at = self._shifted(selector.offset, time)
        return list(self._source.instant(selector.name, self._conditions(selector.matchers), at))

    def _spans(self, expression: Expression, time: float) -> Iterable[tuple[Mapping[str, str], Span]]:
        if isinstance(expression, Selector) and expression.window:
            end = self._shifted(expression.offset, time)
            start = end - seconds(self._filled(expression.window))
            matchers = self._conditions(expression.matchers)
            for labels, times, values in self._source.window(expression.name, matchers, start, end):
                if values:
                    yield labels, Span(start, end, times, values)
        elif isinstance(expression, Subquery):
            yield from self._subquery(expression, time)
        else:
            raise QueryError(f"{expression} is not a window, such as metric[5m]")

    def _subquery(self, query: Subquery, time: float) -> Iterable[tuple[Mapping[str, str], Span]]:
        start, end, steps = self._steps(query, time)
        found: dict[vectors.Key, tuple[Mapping[str, str], list[float], list[float]]] = {}
        for at in steps:
            for sample in self.at(query.expression, at):
                labels, times, values = found.setdefault(vectors.key(sample.labels), (sample.labels, [], []))
                times.append(at)
                values.append(sample.value)
        for labels, times, values in found.values():
            yield labels, Span(start, end, times, values)

    def _steps(self, query: Subquery, time: float) -> tuple[float, float, list[float]]:
        """Return where the window of a subquery begins and ends, and the times of its steps."""
        end = self._shifted(query.offset, time)
        start = end - seconds(self._filled(query.window))
        step = seconds(self._filled(query.step)) if query.step else self._step
        if self._oldest > end:
            return start, end, []
        first, last = math.ceil(round(max(start, self._oldest) / step, 9)), math.floor(round(end / step, 9))
        return start, end, [number * step for number in range(first, last + 1)]

    def _summed(self, query: Subquery, sums: StepSums, time: float) -> list[Sample]:
        _, _, steps = self._steps(query, time)
        inner = query.expression
        return sums.sum(query, steps, time, lambda at: self._vector(inner, at))

    def _aggregate(self, node: Aggregate, time: float) -> Value:
        vector = self._vector(node.expression, time)
        if node.parameter is None:
            return vectors.aggregate(node.operator, vector, node.labels, without=node.without)
        if isinstance(node.parameter, Text):
            return vectors.count_values(node.parameter.value, vector, node.labels, without=node.without)
        parameter = self._scalar(node.parameter, time)
        if node.operator == "quantile":
            groups = vectors.grouped(vector, node.labels, without=node.without)
            return [Sample(labels, quantile(parameter, [s.value for s in group]), time) for labels, group in groups]
        return vectors.extremes(node.operator, int(parameter), vector, node.labels, without=node.without)

    def _vector(self, expression: Expression, time: float) -> list[Sample]:
        value = self._value(expression, time)
        if not isinstance(value, list):
            raise QueryError(f"{expression} is a number, and series are needed")
        return value

    def _scalar(self, expression: Expression, time: float) -> float:
        value = self._value(expression, time)
        if not isinstance(value, float):
            raise QueryError(f"{expression} is a set of series, and a number is needed")
        return value

    def _binary(self, node: Binary, time: float) -> Value:
        left, right = self._value(node.left, time), self._value(node.right, time)
        try:
            return vectors.combine(node, left, right)
        except vectors.PairingError as error:
            raise QueryError(f"{error} in {node}") from None

    def _call(self, node: FunctionCall, time: float) -> Value:
        name, arguments = node.function, node.arguments
        if name == "sum_over_time" and self._sums is not None and isinstance(arguments[0], Subquery):
            return self._summed(arguments[0], self._sums, time)
        if name in FUNCTIONS:
            function = FUNCTIONS[name]
            return [
                Sample(labels, value, time)
                for labels, span in self._spans(arguments[0], time)
                if (value := function(span)) is not None
            ]
        special = _SPECIAL.get(name)
        if special is not None:
            return special(self, arguments, time)
        plain = vectors.ELEMENTWISE.get(name)
        if plain is None:
            raise QueryError(f"the board does not know the function {name}()")
        rest = [self._scalar(each, time) for each in arguments[1:]]
        return [each._replace(value=plain(each.value, *rest)) for each in self._vector(arguments[0], time)]


def _over_time(evaluator: Evaluator, arguments: tuple[Expression, ...], time: float) -> Value:
    q = evaluator._scalar(arguments[0], time)
    return [Sample(labels, quantile(q, span.values), time) for labels, span in evaluator._spans(arguments[1], time)]


def _predicted(evaluator: Evaluator, arguments: tuple[Expression, ...], time: float) -> Value:
    ahead = evaluator._scalar(arguments[1], time)
    found = [(labels, predict_linear(span, time, ahead)) for labels, span in evaluator._spans(arguments[0], time)]
    return [Sample(labels, value, time) for labels, value in found if value is not None]


def _absent(evaluator: Evaluator, arguments: tuple[Expression, ...], time: float) -> Value:
    if evaluator._value(arguments[0], time):
        return []
    return [Sample(vectors.promised(arguments[0]), 1.0, time)]


def _absent_over_time(evaluator: Evaluator, arguments: tuple[Expression, ...], time: float) -> Value:
    if any(True for _ in evaluator._spans(arguments[0], time)):
        return []
    return [Sample(vectors.promised(arguments[0]), 1.0, time)]


def _histogram_quantile(evaluator: Evaluator, arguments: tuple[Expression, ...], time: float) -> Value:
    q = evaluator._scalar(arguments[0], time)
    histograms: dict[vectors.Key, tuple[dict[str, str], list[tuple[float, float]]]] = defaultdict(lambda: ({}, []))
    for sample in evaluator._vector(arguments[1], time):
        try:
            bound = float(sample.labels["le"])
        except (KeyError, ValueError):
            continue
        labels = {name: value for name, value in sample.labels.items() if name != "le"}
        key = vectors.key(labels)
        if key not in histograms:
            histograms[key] = (labels, [])
        histograms[key][1].append((bound, sample.value))
    return [Sample(labels, bucket_quantile(q, buckets), time) for labels, buckets in histograms.values()]


def _scalar(evaluator: Evaluator, arguments: tuple[Expression, ...], time: float) -> Value:
    vector = evaluator._vector(arguments[0], time)
    return vector[0].value if len(vector) == 1 else math.nan


def _timestamp(evaluator: Evaluator, arguments: tuple[Expression, ...], time: float) -> Value:
    plain = isinstance(arguments[0], Selector)
    return [each._replace(value=each.time if plain else time) for each in evaluator._vector(arguments[0], time)]


def _label_replace(evaluator: Evaluator, arguments: tuple[Expression, ...], time: float) -> Value:
    texts = [each.value for each in arguments[1:] if isinstance(each, Text)]
    return vectors.label_replace(evaluator._vector(arguments[0], time), *texts)


def _label_join(evaluator: Evaluator, arguments: tuple[Expression, ...], time: float) -> Value:
    target, separator, *names = (each.value for each in arguments[1:] if isinstance(each, Text))
    return [
        each._replace(labels={**each.labels, target: separator.join(each.labels.get(name, "") for name in names)})
        for each in evaluator._vector(arguments[0], time)
    ]


def _sorted(evaluator: Evaluator, arguments: tuple[Expression, ...], time: float) -> Value:
    return sorted(evaluator._vector(arguments[0], time), key=lambda each: each.value)


_SPECIAL: Final[dict[str, Callable[[Evaluator, tuple[Expression, ...], float], Value]]] = {
    "time": lambda evaluator, arguments, time: float(time),
    "vector": lambda evaluator, arguments, time: [Sample({}, evaluator._scalar(arguments[0], time), time)],
    "scalar": _scalar,
    "timestamp": _timestamp,
    "absent": _absent,
    "absent_over_time": _absent_over_time,
    "quantile_over_time": _over_time,
    "predict_linear": _predicted,
    "histogram_quantile": _histogram_quantile,
    "label_replace": _label_replace,
    "label_join": _label_join,
    "sort": _sorted,
    "sort_desc": lambda evaluator, arguments, time: list(reversed(_sorted(evaluator, arguments, time))),  # type: ignore[arg-type]
}
