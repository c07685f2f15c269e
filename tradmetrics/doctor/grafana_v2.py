"""Bring newer and wrapped forms of a dashboard into the form that Grafana has exported for years."""

import json
from collections.abc import Mapping
from typing import Any


def unwrapped(content: Any) -> Any:
    """Return the dashboard in a document, in the classic form.

    Args:
        content: A dashboard as Grafana exports it, as its HTTP API answers (`dashboard`), as a Kubernetes resource
            (`kind: Dashboard` with the dashboard as its `spec`, `kind: GrafanaDashboard` with the JSON as a text), or
            of version 2 (with `elements` instead of panels).

    Returns:
        The dashboard; the content itself if it has none of these forms.
    """
    if not isinstance(content, dict):
        return content
    if isinstance(content.get("dashboard"), dict):
        return unwrapped(content["dashboard"])
    spec = content.get("spec")
    if isinstance(spec, dict) and "kind" in content:
        text = spec.get("json")
        return unwrapped(json.loads(text) if isinstance(text, str) else spec)
    return _classic(content) if isinstance(content.get("elements"), dict) else content


def _classic(board: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dashboard of version 2 with panels, annotations and variables in their classic places."""
    return {
        "title": board.get("title"),
        "panels": [_panel(name, _spec(element)) for name, element in board["elements"].items()],
        "annotations": {"list": [_annotation(_spec(each)) for each in _list(board.get("annotations"))]},
        "templating": {"list": [_variable(each) for each in _list(board.get("variables"))]},
    }


def _panel(name: str, panel: Mapping[str, Any]) -> dict[str, Any]:
    queries = [_spec(each) for each in _list(_spec(panel.get("data")).get("queries"))]
    targets = [{"refId": each.get("refId", "?"), **_query(each)} for each in queries]
    return {"title": panel.get("title") or name, "targets": targets}


def _annotation(annotation: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": annotation.get("name"), **_query(annotation)}


def _variable(variable: Mapping[str, Any]) -> dict[str, Any]:
    spec = _spec(variable)
    found = _query(spec)
    text = found.get("query") or found.get("__legacyStringValue") or spec.get("query")
    kind = "query" if variable.get("kind") == "QueryVariable" else "custom"
    return {
        "name": spec.get("name"),
        "type": kind,
        "query": text if isinstance(text, str) else "",
        "current": spec.get("current"),
        "datasource": found.get("datasource"),
    }


def _query(holder: Mapping[str, Any]) -> dict[str, Any]:
    """Return a query's own fields, and its data source: `group` in the later form of version 2, `kind` in the first."""
    query = holder.get("query")
    if not isinstance(query, dict):
        return {}
    kind = query.get("group") or (query.get("kind") if query.get("kind") != "DataQuery" else None)
    return {**_spec(query), "datasource": {"type": kind}}


def _spec(holder: Any) -> Mapping[str, Any]:
    spec = holder.get("spec") if isinstance(holder, dict) else None
    return spec if isinstance(spec, dict) else {}


def _list(value: Any) -> list[Any]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
