"""The template of the route that answered a request (`/orders/{order_id}`), composed from the application's routes.

A raw path never comes out of here, since each order id would be a series of its own. The routes are matched again from
the outermost router on, exactly as Starlette and FastAPI have matched them, and the templates of mounts, included
routers and the route itself are joined. No text of the path is compared or replaced, so the values that a client
chooses have no influence on the label.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Final

UNMATCHED: Final = "unmatched"
"""Shared by all requests that no route answered."""

_ALL: Final = "/{path}"
"""The part of a mount's template that stands for everything below it."""
_MOST_LAYERS: Final = 20
_PARTIAL, _FULL = 1, 2


def route_template(scope: Mapping[str, Any]) -> str:
    """Return the template of the route that answered.

    Args:
        scope: The ASGI scope, after the application has handled it.

    Returns:
        The template with the prefixes of mounts and routers, or `UNMATCHED`.
    """
    endpoint = scope.get("endpoint")
    # If a mounted application finds no route of its own, the mount's application stays in the scope as the endpoint.
    if endpoint is None or hasattr(endpoint, "routes"):
        return UNMATCHED
    router = scope.get("router")
    if router is None:
        return UNMATCHED
    asked: dict[str, Any] = {
        "type": "http",
        "method": scope.get("method", "GET"),
        "headers": scope.get("headers", []),
        "path": _whole_path(scope),
        "root_path": scope.get("app_root_path", scope.get("root_path", "")),
        "path_params": {},
    }
    found = _find(getattr(router, "routes", ()), asked, endpoint)
    return UNMATCHED if found is None else found


def _whole_path(scope: Mapping[str, Any]) -> str:
    path, root = str(scope.get("path", "")), str(scope.get("root_path", ""))
    # Mounts of older versions of Starlette leave only the rest of the path in the scope.
    return path if path.startswith(root) or "app_root_path" not in scope else root + path


def _find(routes: Iterable[Any], scope: MutableMapping[str, Any], endpoint: object) -> str | None:
    """The template of the route that a router chooses: the first that matches, else one for another method."""
    partial: tuple[Any, Mapping[str, Any]] | None = None
    for route in routes:
        match, child = route.matches(scope)
        if match.value == _FULL:
            return _template(route, {**scope, **child}, endpoint)
        if match.value == _PARTIAL and partial is None:
            partial = route, child
    return None if partial is None else _template(partial[0], {**scope, **partial[1]}, endpoint)


def _template(route: Any, scope: MutableMapping[str, Any], endpoint: object) -> str | None:
    candidates = getattr(route, "effective_candidates", None)  # a router that FastAPI has included
    if candidates is not None:
        return _find(candidates(), scope, endpoint)
    route = getattr(route, "starlette_route", None) or route  # a plain route in an included router
    if getattr(route, "endpoint", None) is endpoint:
        return str(route.path_format)
    application = getattr(route, "app", None)
    prefix = str(getattr(route, "path_format", "")).removesuffix(_ALL)  # a mount's; a host has none
    if application is endpoint and not _routes_of(application):
        return prefix + _ALL
    below = _find(_routes_of(application) or getattr(route, "routes", ()), scope, endpoint)
    return None if below is None else prefix + below


def _routes_of(application: Any) -> Iterable[Any]:
    """The routes of an application, also where middleware is around it."""
    for _ in range(_MOST_LAYERS):
        routes = getattr(application, "routes", None)
        if routes is not None:
            return list(routes)
        application = getattr(application, "app", None)
        if application is None:
            break
    return ()
