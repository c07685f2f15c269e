"""Check one PromQL expression against the metrics that are known, by its syntax tree."""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

import promql_parser as promql

from tradmetrics.doctor.findings import Finding, Kind, Labels, Query
from tradmetrics.doctor.known import Known
from tradmetrics.doctor.patterns import compiled

# Operators that let series of one side through as they are.
_FILTERS = ("and", "unless", "==", "!=", "<", "<=", ">", ">=")
_GROUPING = (promql.VectorMatchCardinality.ManyToOne, promql.VectorMatchCardinality.OneToMany)
# Aggregations that choose among series and leave their labels.
_CHOOSING = ("topk", "bottomk", "limitk", "limit_ratio")


# Prometheus 3.16 has two words after a range that the parser does not know; they change the value, and no label. A
# quoted text stays as it is.
_RANGE_MODIFIER: Final = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)"""
    r"""|(?P<before>\]|\boffset\s+-?\w+|@\s*(?:[\d.]+|(?:start|end)\(\)))\s+(?:anchored|smoothed)\b""",
    re.IGNORECASE,
)

_DEEPEST: Final = 200
_LONGEST: Final = 50_000


def parse(text: str) -> Any:
    """Parse an expression.

    Args:
        text: The expression.

    Returns:
        Its syntax tree.

    Raises:
        ValueError: When the text is not valid PromQL, or larger than the parser's stack can hold.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"the expression is longer than {_LONGEST} characters")
    depth = deepest = 0
    for each in text:
        depth += (each in "([{") - (each in ")]}")
        deepest = max(deepest, depth)
    if deepest > _DEEPEST:
        raise ValueError(f"the expression is nested more than {_DEEPEST} levels deep")
    text = _RANGE_MODIFIER.sub(lambda match: match["text"] or match["before"], text)
    try:
        return promql.parse(text)
    except RecursionError:
        raise ValueError("the expression is nested too deeply") from None


class Check:
    """The walk over one query's tree: infers which labels each part has, and notes what is not there.

    Attributes:
        findings: The faults of the query.
        names: Names of the metrics that the query selects.
    """

    def __init__(self, query: Query, known: Known) -> None:
        """Walk the query's tree.

        Args:
            query: The query.
            known: The metrics that exist.

        Raises:
            ValueError: When the text is not valid PromQL; the message is the parser's.
        """
        self._query = query
        self._known = known
        self.findings: list[Finding] = []
        self.names: set[str] = set()
        self._in_histogram_function = False
        self.result = self._labels(parse(query.text))

    def _note(self, kind: Kind, message: str) -> None:
        finding = Finding(kind, message, self._query.file, self._query.place)
        if finding not in self.findings:
            self.findings.append(finding)

    def _labels(self, node: Any) -> Labels:
        """Return the labels that a part's series can have."""
        walk: Callable[[Any], Labels] | None = {
            promql.VectorSelector: self._selector,
            promql.MatrixSelector: lambda node: self._selector(node.vector_selector),
            promql.AggregateExpr: self._aggregate,
            promql.BinaryExpr: self._binary,
            promql.Call: self._call,
            promql.ParenExpr: lambda node: self._labels(node.expr),
            promql.UnaryExpr: lambda node: self._labels(node.expr),
            promql.SubqueryExpr: lambda node: self._labels(node.expr),
        }.get(type(node))
        return frozenset() if walk is None else walk(node)

    def _selector(self, node: Any) -> Labels:
        groups = [node.matchers.matchers, *node.matchers.or_matchers]
        matchers = [matcher for group in groups for matcher in group]
        native = self._known.native(node.name) if node.name and self._in_histogram_function else None
        if native is not None and node.name not in self._known:
            self.names.add(f"{node.name}_bucket")
            return native
        names = self._selected(node.name, matchers)
        self.names |= set(names)
        labels = _union(self._known.labels(name) for name in names) if names else None
        for matcher in matchers:
            if matcher.name == "__name__":
                continue
            # `label=""` and negated matchers hold for series that lack the label.
            if labels is not None and matcher.name not in labels and not _matches_absence(matcher):
                self._missing(matcher.name, labels, ", ".join(sorted(names)))
            for name in names:
                self._check_value(name, matcher)
        return labels

    def _selected(self, name: str | None, matchers: Iterable[Any]) -> list[str]:
        patterns = [matcher for matcher in matchers if matcher.name == "__name__"]
        if name is None and len(patterns) == 1 and patterns[0].op == promql.MatchOp.Equal:
            name = patterns[0].value
        if name is not None:
            if name in self._known:
                return [name]
            nearest = self._known.nearest(name)
            advice = f"; did you mean {nearest}?" if nearest else ""
            self._note("unknown-metric", f"there is no metric {name}{advice}")
            return []
        if len(patterns) == 1 and patterns[0].op == promql.MatchOp.Re:
            found = self._known.matching(patterns[0].value)
            if found == []:
                self._note("unknown-metric", f"no metric's name matches {patterns[0].value!r}")
            return found or []
        return []

    def _check_value(self, name: str, matcher: Any) -> None:
        """Note a matcher that no value of a closed label can meet."""
        definition = self._known.definition(name)
        domain = definition.domain(matcher.name) if definition else None
        if domain is None or "$" in matcher.value:
            return
        if matcher.op == promql.MatchOp.Equal:
            possible = matcher.value in ("", *domain)
        elif matcher.op == promql.MatchOp.Re:
            possible = _any_matches(matcher.value, domain)
        else:
            return
        if not possible:
            values = ", ".join(domain)
            self._note("impossible-value", f"{name}: {matcher.name} is never {matcher.value!r}; its values: {values}")

    def _aggregate(self, node: Any) -> Labels:
        inner, operator = self._labels(node.expr), str(node.op)
        added: frozenset[str] = frozenset()
        if operator == "count_values":
            added = frozenset(_text_of(node.param))
        else:
            self._labels(node.param)
        named: frozenset[str] = frozenset(node.modifier.labels if node.modifier else ())
        by = node.modifier is None or node.modifier.type == promql.AggModifierType.By
        for label in sorted(named):
            self._require(label, inner, f"{'by' if by else 'without'} ({label})")
        if operator in _CHOOSING:
            return inner
        if by:
            return named | added
        return None if inner is None else (inner - named) | added

    def _binary(self, node: Any) -> Labels:
        left, right = self._labels(node.lhs), self._labels(node.rhs)
        modifier, operator = node.modifier, str(node.op)
        named, on = _matching(modifier)
        for label in sorted(named):
            if on:
                self._require(label, left, f"on ({label}), left of {operator}")
                self._require(label, right, f"on ({label}), right of {operator}")
            else:
                self._require(label, _union([left, right]), f"ignoring ({label})")
        card = modifier.card if modifier else None
        many, one = (right, left) if card == promql.VectorMatchCardinality.OneToMany else (left, right)
        grouped: frozenset[str] = frozenset((modifier.group_labels or ()) if modifier else ())
        for label in sorted(grouped):
            self._require(label, one, f"group_left or group_right ({label})")
        if operator == "or":
            return _union([left, right])
        # A side without labels is most often a number, which takes no label away from the other side.
        kept = one if many == frozenset() else many
        if operator in _FILTERS or card in _GROUPING:
            return None if kept is None else kept | grouped
        if on:
            return named
        return None if kept is None else kept - named

    def _call(self, node: Any) -> Labels:
        name, arguments = node.func.name, list(node.args)
        outside, self._in_histogram_function = self._in_histogram_function, name.startswith("histogram_")
        self._in_histogram_function |= outside
        results = [self._labels(argument) for argument in arguments]
        self._in_histogram_function = outside
        if name in ("absent", "absent_over_time"):
            return frozenset(_equalities(arguments[0]))
        if name in ("time", "vector", "scalar", "pi"):
            return frozenset()
        if name in ("label_replace", "label_join"):
            sources = arguments[3:4] if name == "label_replace" else arguments[3:]
            for label in (label for source in sources for label in _text_of(source) if label):
                self._require(label, results[0], f"{name}, source label {label}")
            return None if results[0] is None else results[0] | _text_of(arguments[1])
        if name == "histogram_quantile" and not self._is_native(arguments[-1]):
            self._require("le", results[-1], name)
            return None if results[-1] is None else results[-1] - {"le"}
        return _union(results)

    def _is_native(self, node: Any) -> bool:
        """Return whether a part selects native histograms, which have no label `le`."""
        names: list[str | None] = []
        promql.walk(node, lambda each: names.append(each.name) if isinstance(each, promql.VectorSelector) else None)
        return bool(names) and all(name and not name.endswith(("_bucket", "_count", "_sum")) for name in names)

    def _require(self, label: str, labels: Labels, where: str) -> None:
        if labels is not None and label not in labels and label != "__name__":
            self._missing(label, labels, where)

    def _missing(self, label: str, labels: frozenset[str], where: str) -> None:
        there = ", ".join(sorted(labels)) or "none"
        self._note("unknown-label", f"{where}: there is no label {label!r}; labels there: {there}")


def _text_of(node: Any) -> set[str]:
    """Return the text that a node stands for, with or without parentheses around it."""
    while isinstance(node, promql.ParenExpr):
        node = node.expr
    return {node.val} if isinstance(node, promql.StringLiteral) else set()


def selected_names(queries: Iterable[Query]) -> set[str]:
    """Return the names of all metrics that queries select, whether they exist or not."""
    names: set[str] = set()

    def note(node: Any) -> None:
        if isinstance(node, promql.VectorSelector):
            matchers = node.matchers.matchers
            equal = [each.value for each in matchers if each.name == "__name__" and each.op == promql.MatchOp.Equal]
            names.update([node.name] if node.name else equal)

    for query in queries:
        with suppress(ValueError):
            promql.walk(parse(query.text), note)
    return names


def _matching(modifier: Any) -> tuple[frozenset[str], bool]:
    """Return the labels that a binary operation matches by, and whether they are those of `on`."""
    matching = modifier.matching if modifier else None
    if matching is None:
        return frozenset(), False
    return frozenset(matching.labels), matching.type == promql.LabelModifierType.Include


def _union(sets: Iterable[Labels]) -> Labels:
    union: frozenset[str] = frozenset()
    for labels in sets:
        if labels is None:
            return None
        union |= labels
    return union


def _matches_absence(matcher: Any) -> bool:
    if matcher.op in (promql.MatchOp.NotEqual, promql.MatchOp.NotRe):
        return True
    if matcher.op == promql.MatchOp.Equal:
        return bool(matcher.value == "")
    return "$" not in matcher.value and _any_matches(matcher.value, ("",))


def _any_matches(pattern: str, values: Iterable[str]) -> bool:
    expression = compiled(pattern)
    return expression is None or any(expression.fullmatch(value) for value in values)  # as in Known.matching


def _equalities(node: Any) -> set[str]:
    if isinstance(node, promql.MatrixSelector):
        node = node.vector_selector
    if not isinstance(node, promql.VectorSelector):
        return set()
    return {matcher.name for matcher in node.matchers.matchers if matcher.op == promql.MatchOp.Equal} - {"__name__"}
