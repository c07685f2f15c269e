"""Read the queries out of Grafana dashboards, their variables replaced so that they are plain PromQL."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tradmetrics.doctor.files import read_text
from tradmetrics.doctor.findings import Query
from tradmetrics.doctor.grafana_v2 import unwrapped
from tradmetrics.doctor.manifests import dashboards, documents, items

# https://grafana.com/docs/grafana/latest/dashboards/variables/add-template-variables/#global-variables
_BUILT_IN: Final = {
    "__interval": "1m",
    "__interval_ms": "60000",
    "__rate_interval": "5m",
    "__range": "1h",
    "__range_s": "3600",
    "__range_ms": "3600000",
    "__from": "0",
    "__to": "3600000",
}
# A quoted text, which is left alone, or a variable in one of its three spellings.
_VARIABLE: Final = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)"""
    r"""|\$(?P<plain>\w+)|\$\{(?P<braced>\w+)(?:[.:][^}]*)?\}|\[\[(?P<old>\w+)(?::\w+)?\]\]"""
)


def read_dashboard(path: Path) -> list[Query] | None:
    """Read every Prometheus query of a dashboard: panels, annotations and variables.

    Args:
        path: The JSON file, as Grafana exports or stores it, or Kubernetes manifests with dashboards in them.

    Returns:
        The queries, in the order of the file; None where a YAML file has no dashboard.

    Raises:
        ValueError: When the file is not JSON or YAML, or a JSON file has no dashboard.
        OSError: When it cannot be read.
    """
    text = read_text(path)
    is_yaml = path.suffix in (".yml", ".yaml")
    read = documents(text) if is_yaml else items(json.loads(text))
    boards = [board for each in read for inner in dashboards(each) if _is_board(board := unwrapped(inner))]
    if not boards and not is_yaml:
        raise ValueError("no dashboard: there is no list of panels in it")
    places = [f"dashboard {board.get('title')}, " if len(boards) > 1 else "" for board in boards]
    found = [query for place, board in zip(places, boards, strict=True) for query in _queries(path, place, board)]
    return found if boards else None


def _is_board(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("panels", content.get("rows")), list)


def _queries(path: Path, prefix: str, content: Mapping[str, Any]) -> list[Query]:
    values = _values(content)
    queries = [
        Query(str(path), f"{prefix}{place}", replace(text, values), source=source)
        for place, text, source in (*_panels(content), *_annotations(content))
        if text.strip()
    ]
    variables = [(place, text) for place, text in _variables(content) if text.strip()]
    return queries + [Query(str(path), f"{prefix}{place}", replace(text, values)) for place, text in variables]


def replace(text: str, values: Mapping[str, str]) -> str:
    """Replace Grafana's variables outside of quoted text.

    Args:
        text: The query as the dashboard has it.
        values: The dashboard's own variables with their values.

    Returns:
        The query, as PromQL that can be parsed.
    """

    def value(match: "re.Match[str]") -> str:
        name = match["plain"] or match["braced"] or match["old"]
        if match["text"] is not None:
            return match[0]
        # A variable without a value stands most often where a duration or a number does.
        return _BUILT_IN.get(name) or values.get(name) or "1"

    return _VARIABLE.sub(value, text)


def _values(dashboard: Mapping[str, Any]) -> dict[str, str]:
    result = {}
    for variable in _list(_mapping(dashboard.get("templating")).get("list")):
        value = _mapping(variable.get("current")).get("value") or variable.get("query")
        if isinstance(value, list):
            value = value[0] if value else None
        if isinstance(value, str) and not value.startswith("$__"):
            result[str(variable.get("name"))] = value.partition(",")[0].strip()
    return result


def _panels(parent: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for row in _list(parent.get("rows")):
        yield from _panels(row)
    for panel in _list(parent.get("panels")):
        place = f"panel {panel.get('title') or panel.get('id')}"
        for target in _list(panel.get("targets")):
            source = target.get("datasource") or panel.get("datasource")
            if isinstance(target.get("expr"), str):
                yield f"{place}, query {target.get('refId', '?')}", target["expr"], _other(source)
        yield from _panels(panel)


def _annotations(dashboard: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for annotation in _list(_mapping(dashboard.get("annotations")).get("list")):
        expression = annotation.get("expr") or _mapping(annotation.get("target")).get("expr")
        if isinstance(expression, str):
            yield f"annotation {annotation.get('name')}", expression, _other(annotation.get("datasource"))


def _variables(dashboard: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for variable in _list(_mapping(dashboard.get("templating")).get("list")):
        query = variable.get("query")
        query = query.get("query") if isinstance(query, dict) else query
        if variable.get("type") == "query" and isinstance(query, str) and not _other(variable.get("datasource")):
            yield f"variable {variable.get('name')}", _as_promql(query)


def _as_promql(query: str) -> str:
    """Rewrite a variable's query, which is not PromQL, as PromQL that names the same metric and label."""
    call = re.fullmatch(r"\s*(\w+)\((.*)\)\s*", query, re.DOTALL)
    if call is None:
        return ""
    function, inner = call[1], call[2]
    if function == "query_result":
        return inner
    if function == "metrics":
        return f'{{__name__=~".*(?:{inner.strip()}).*"}}' if inner.strip() else ""
    if function == "label_values":
        selector, comma, label = inner.rpartition(",")
        return f"count by ({label.strip()}) ({selector})" if comma else ""
    return ""


def _other(source: object) -> str:
    """Return the type of a data source that is not Prometheus, else an empty text."""
    kind = source.get("type") if isinstance(source, dict) else None
    return "" if kind in (None, "", "prometheus") else str(kind)


def _list(value: object) -> Iterable[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
