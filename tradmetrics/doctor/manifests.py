"""Kubernetes manifests: their YAML, the items of their lists, and the dashboards in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def documents(text: str) -> list[Any]:
    """Return the documents of a YAML text, and the items of each `kind: List` among them in its place.

    Raises:
        ValueError: When the text is not YAML; with the line where that is known.
    """
    import yaml

    try:
        return [each for read in yaml.safe_load_all(text) for each in items(read)]
    except yaml.YAMLError as error:
        raise ValueError(_one_line(error)) from None


def items(document: Any) -> list[Any]:
    """Return a document, or the items of a Kubernetes `kind: List`."""
    if isinstance(document, dict) and str(document.get("kind", "")).endswith("List"):
        inner = document.get("items")
        return [each for item in inner for each in items(item)] if isinstance(inner, list) else []
    return [] if document is None else [document]


def dashboards(document: Any) -> Iterator[Any]:
    """Yield the dashboards of a ConfigMap, as the sidecar of Grafana's Helm chart reads them; else the document.

    Raises:
        ValueError: When one of them is not JSON.
    """
    data = document.get("data") if isinstance(document, dict) and document.get("kind") == "ConfigMap" else None
    if not isinstance(data, dict):
        yield document
        return
    for name, text in data.items():
        if str(name).endswith(".json") and isinstance(text, str):
            yield json.loads(text)


def _one_line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{where}{getattr(error, 'problem', None) or error}"
