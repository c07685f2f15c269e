"""Target `routes`: the template of the route that answered, for trees of mounts and paths that clients choose.

What must hold, whatever is drawn:

- a request that a route answered has the templates of its mounts and of the route, joined, as its label;
- a request that none answered is `unmatched`; no text of a path ever gets into a label.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Mount, Route

from tests.fuzz.runner import Notes, Target
from tradmetrics.serving.route_templates import UNMATCHED, route_template

_SEGMENTS: Final = ("orders", "desk", "{a}", "{b}", "{n:int}", "{u:uuid}", "x{a}", "{b}y")
_VALUES: Final = st.sampled_from(
    ["orders", "desk", "7", "007", "{a}", "{b}", "x", "xorders", "y", "deskyy", "%41", "é", "..", "",
     "8F14E45F-CEEA-467F-A83C-9BC2F1B5AC11"]
)  # fmt: skip


@dataclass(frozen=True)
class Node:
    """A mount with what is below it, or a route without."""

    path: str
    below: tuple[Node, ...]


def _path(segments: list[str]) -> str:
    used: set[str] = set()
    kept = []
    for segment in segments:
        name = segment[segment.find("{") :] if "{" in segment else segment
        if name not in used or "{" not in segment:
            kept.append(segment)
        used.add(name)
    return "/" + "/".join(kept)


_PATHS: Final = st.lists(st.sampled_from(_SEGMENTS), min_size=1, max_size=3).map(_path)
_NODES: Final = st.recursive(
    st.builds(Node, _PATHS, st.just(())),
    lambda children: st.builds(Node, _PATHS, st.lists(children, max_size=3).map(tuple)),
    max_leaves=6,
)
STRATEGY: Final = st.tuples(
    st.lists(_NODES, min_size=1, max_size=3), st.lists(_VALUES, min_size=1, max_size=6).map("/".join)
)


def _plain(path: str) -> str:
    return path.replace(":int", "").replace(":uuid", "")


def _routes(nodes: tuple[Node, ...], prefix: str, answered: list[str]) -> list[BaseRoute]:
    return [_route(node, prefix, answered) for node in nodes]


def _route(node: Node, prefix: str, answered: list[str]) -> BaseRoute:
    template = prefix + _plain(node.path)
    if node.below:
        return Mount(node.path, routes=_routes(node.below, template, answered))
    return Route(node.path, _answering(template, answered))


def _answering(template: str, answered: list[str]) -> Callable[[Request], Awaitable[PlainTextResponse]]:
    async def answer(request: Request) -> PlainTextResponse:
        answered.append(template)
        return PlainTextResponse("ok")

    return answer


def check(program: tuple[list[Node], str], note: Notes) -> None:
    """Send one request, and compare its label with the route that answered."""
    nodes, path = program
    answered: list[str] = []
    try:
        app = Starlette(routes=_routes(tuple(nodes), "", answered))
    except ValueError:  # a mount and its route with a parameter of the same name in one path
        return
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": f"/{path}",
        "root_path": "",
        "headers": [],
        "query_string": b"",
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        """Nothing is looked at."""

    asyncio.run(app(scope, receive, send))
    label = route_template(scope)
    expected = answered[0] if answered else UNMATCHED
    note("answered", "by a route" if answered else "by none")
    assert label == expected, f"{label!r} instead of {expected!r}"


TARGET: Final = Target("routes", STRATEGY, check, repr, {"answered": ("by a route", "by none")})
