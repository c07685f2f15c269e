"""Which route answered a request: its template (`/orders/{order_id}`), read from what is left in the ASGI scope.

A raw path never comes out of here, since each order id would be a series of its own. Which of the scope's keys
Starlette and FastAPI set has changed over the years: `scope["route"]` is FastAPI's and, only lately, Starlette's; its
template lacks the prefixes of mounts and, in recent FastAPI, of included routers. So the route's own part is taken
from its template, and the prefix before it from the path, with the values of path parameters put back to their names.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Final

UNMATCHED: Final = "unmatched"
"""Shared by all requests that no route answered."""


def route_template(scope: MutableMapping[str, Any]) -> str:
    """Return the template of the route that answered.

    Args:
        scope: The ASGI scope, after the application has handled it.

    Returns:
        The template with the prefixes of mounts and routers, or `UNMATCHED`.
    """
    endpoint = scope.get("endpoint")
    # A mounted application that found no route of its own is left standing as the endpoint.
    if endpoint is None or hasattr(endpoint, "routes"):
        return UNMATCHED
    parameters = scope.get("path_params", {})
    path, mounted = _paths(scope)
    for route in _routes(scope, endpoint):
        if getattr(route, "app", None) is endpoint:
            return _with_names(mounted, parameters) + "/{path}"
        start, names = _locate(route, path, parameters)
        if start is not None:
            outer = {name: value for name, value in parameters.items() if name not in names}
            return _with_names(path[:start], outer) + str(route.path_format)
    return UNMATCHED


def _paths(scope: MutableMapping[str, Any]) -> tuple[str, str]:
    """The path below the application's own root, and the part of it that mounts took."""
    path, root = str(scope.get("path", "")), str(scope.get("root_path", ""))
    base = str(scope.get("app_root_path", root))
    mounted = root[len(base) :] if root.startswith(base) else ""
    if base and path.startswith(f"{base}/"):
        path = path[len(base) :]
    return path, mounted


def _routes(scope: MutableMapping[str, Any], endpoint: object) -> Iterator[Any]:
    """The route that answered: the one in the scope, else every one of the router's with that endpoint."""
    route = scope.get("route")
    if getattr(route, "endpoint", None) is endpoint:
        yield route
    else:
        yield from _with_endpoint(getattr(scope.get("router"), "routes", ()), endpoint)


def _with_endpoint(routes: Any, endpoint: object) -> Iterator[Any]:
    for route in routes:
        if endpoint in (getattr(route, "endpoint", None), getattr(route, "app", None)):
            yield route
        inner = getattr(route, "original_router", route)  # recent FastAPI wraps an included router
        yield from _with_endpoint(getattr(inner, "routes", ()), endpoint)


def _locate(route: Any, path: str, parameters: Mapping[str, Any]) -> tuple[int | None, frozenset[str]]:
    """Where in `path` the route's own part begins, with the names of its parameters; None when it is not in there."""
    places = [place for place, character in enumerate(path) if character == "/"]
    for place in (*places, len(path)):
        match = route.path_regex.match(path[place:])
        if match is None:
            continue
        own = {name: route.param_convertors[name].convert(value) for name, value in match.groupdict().items()}
        if all(parameters.get(name) == value for name, value in own.items()):
            return place, frozenset(own)
    return None, frozenset()


def _with_names(prefix: str, parameters: Mapping[str, Any]) -> str:
    """`/desk/7` as `/desk/{desk_id}`; empty when a parameter is not to be found, so that no value gets through."""
    names = {str(value): f"{{{name}}}" for name, value in parameters.items()}
    segments = prefix.split("/")
    if not set(names) <= set(segments):
        return ""
    return "/".join(names.get(segment, segment) for segment in segments)
