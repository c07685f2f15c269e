"""The template of the route that answered a WSGI request, as Flask (Werkzeug) and Django know it. Imports neither."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any, Final

from tradmetrics.serving.route_templates import UNMATCHED

_PARAMETER: Final = re.compile(r"<(?:[^<>]*:)?([^<>:]+)>")
"""`<order_id>`, `<int:order_id>`, `<any('a', 'b'):kind>`"""


def wsgi_route_template(environ: Mapping[str, Any], script_name: str) -> str:
    """Return the template of the route that answers, with the prefix that a dispatcher has taken from the path.

    Args:
        environ: The WSGI environment, when the application begins its answer.
        script_name: `SCRIPT_NAME` as the middleware received it.

    Returns:
        The template (`/orders/{order_id}`), or `UNMATCHED`.
    """
    request = environ.get("werkzeug.request")
    # Only Flask's request has a rule: werkzeug's own, from its test client or a middleware, tells no route.
    if request is not None and hasattr(request, "url_rule"):
        rule = request.url_rule
        if rule is None:
            return UNMATCHED
        return _mounted(environ, script_name) + _PARAMETER.sub(r"{\1}", str(rule.rule))
    route = _django_route(environ)
    return UNMATCHED if route is None else _mounted(environ, script_name) + "/" + _django_template(route)


def _mounted(environ: Mapping[str, Any], script_name: str) -> str:
    script = str(environ.get("SCRIPT_NAME", ""))
    return script[len(script_name) :] if script.startswith(script_name) else ""


def _django_route(environ: Mapping[str, Any]) -> str | None:
    urls: Any = sys.modules.get("django.urls")
    conf: Any = sys.modules.get("django.conf")
    if urls is None or conf is None or not conf.settings.configured or not hasattr(conf.settings, "ROOT_URLCONF"):
        return None
    path = str(environ.get("PATH_INFO", "")).encode("latin-1", "replace").decode("utf-8", "replace")
    try:
        return str(urls.resolve(path or "/").route)
    except urls.Resolver404:
        return None


def _django_template(route: str) -> str:
    """`orders/<int:order_id>/` as `orders/{order_id}/`, and `^orders/(?P<order_id>[0-9]+)/$` likewise."""
    text, place = "", 0
    while place < len(route):
        if route[place] == "(":
            end = _closing(route, place)
            named = re.match(r"\(\?P<(\w+)>", route[place:])
            text += "{" + (named[1] if named else "path") + "}"
            place = end + 1
        else:
            text += route[place]
            place += 1
    return re.sub(r"[\^$\\]|(?<=[})/])\?", "", _PARAMETER.sub(r"{\1}", text))


def _closing(pattern: str, start: int) -> int:
    """Where the group that begins at `start` ends."""
    depth, place = 0, start
    while place < len(pattern):
        if pattern[place] == "\\":
            place += 1
        elif pattern[place] == "(":
            depth += 1
        elif pattern[place] == ")":
            depth -= 1
            if not depth:
                return place
        place += 1
    return len(pattern) - 1
