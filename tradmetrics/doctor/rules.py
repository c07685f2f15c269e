"""Read the expressions out of Prometheus rule files, plain or wrapped as a Kubernetes PrometheusRule."""

from pathlib import Path
from typing import Any

from tradmetrics.doctor.files import read_text, text_in
from tradmetrics.doctor.findings import Query
from tradmetrics.doctor.manifests import documents


def read_rules(path: Path) -> list[Query] | None:
    """Read every expression of a rule file.

    Args:
        path: The YAML file.

    Returns:
        The expressions, in the order of the file; None where the file has no groups of rules.

    Raises:
        ValueError: When the file is not YAML, or a rule is malformed; with the line where that is known.
        OSError: When it cannot be read.
    """
    rules = [each for each in documents(read_text(path)) if _has_groups(each)]
    return [query for document in rules for query in _groups(path, document)] if rules else None


def _has_groups(document: Any) -> bool:
    """Return whether a document holds rules; promtool's tests and other manifests do not."""
    if not isinstance(document, dict) or document.get("kind", "PrometheusRule") != "PrometheusRule":
        return False
    spec = document.get("spec", document)
    return isinstance(spec, dict) and "groups" in spec


def _groups(path: Path, document: Any) -> list[Query]:
    groups = document.get("spec", document)["groups"]
    if not isinstance(groups, list):
        raise ValueError("`groups` must be a list")
    return [_rule(path, text_in(group, "name", "a group"), rule) for group in groups for rule in _items(group)]


def _items(group: Any) -> list[Any]:
    rules = group.get("rules") if isinstance(group, dict) else None
    if not isinstance(rules, list):
        raise ValueError("a group has no list of rules")
    return rules


def _rule(path: Path, group: str, rule: Any) -> Query:
    place = f"group {group}"
    kind = next((kind for kind in ("alert", "record") if isinstance(rule, dict) and kind in rule), None)
    if kind is None or "expr" not in rule:
        raise ValueError(f"{place}: a rule needs `alert` or `record`, and `expr`")
    labels = rule.get("labels") or {}
    if not isinstance(labels, dict):
        raise ValueError(f"{place}: `labels` must be a mapping")
    name = text_in(rule, kind, place)
    added = frozenset(each for each in labels if isinstance(each, str))
    return Query(
        str(path), f"{place}, {kind} {name}", text_in(rule, "expr", place), name if kind == "record" else "", added
    )
