"""Read the expressions out of Prometheus rule files, plain or wrapped as a Kubernetes PrometheusRule."""

from pathlib import Path
from typing import Any

from tradmetrics.doctor.findings import Query


def read_rules(path: Path) -> list[Query]:
    """Read every expression of a rule file.

    Args:
        path: The YAML file.

    Returns:
        The expressions, in the order of the file.

    Raises:
        ValueError: When the file is not YAML, or has no groups of rules; with the line where that is known.
        OSError: When it cannot be read.
    """
    import yaml

    try:
        documents = [each for each in yaml.safe_load_all(path.read_text(encoding="utf-8")) if each is not None]
    except yaml.YAMLError as error:
        raise ValueError(_one_line(error)) from None
    rules = [each for each in documents if not _is_other_resource(each)]
    if not rules:
        raise ValueError("there are no groups of rules in it")
    return [query for document in rules for query in _groups(path, document)]


def _is_other_resource(document: Any) -> bool:
    """Tell whether this is a manifest of something else, such as a ServiceMonitor in the same file."""
    return isinstance(document, dict) and document.get("kind", "PrometheusRule") != "PrometheusRule"


def _groups(path: Path, document: Any) -> list[Query]:
    spec = document.get("spec", document) if isinstance(document, dict) else None
    groups = spec.get("groups") if isinstance(spec, dict) else None
    if not isinstance(groups, list):
        raise ValueError("there are no groups of rules in it")
    return [_rule(path, group, rule) for group in groups for rule in _items(group)]


def _items(group: Any) -> list[Any]:
    rules = group.get("rules") if isinstance(group, dict) else None
    if not isinstance(rules, list):
        raise ValueError("a group has no list of rules")
    return rules


def _rule(path: Path, group: Any, rule: Any) -> Query:
    place = f"group {group.get('name')}"
    kind = next((kind for kind in ("alert", "record") if isinstance(rule, dict) and kind in rule), None)
    if kind is None or "expr" not in rule:
        raise ValueError(f"{place}: a rule needs `alert` or `record`, and `expr`")
    labels = frozenset(map(str, rule.get("labels") or {}))
    record = str(rule["record"]) if kind == "record" else ""
    return Query(str(path), f"{place}, {kind} {rule[kind]}", str(rule["expr"]), record, labels)


def _one_line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{where}{getattr(error, 'problem', None) or error}"
