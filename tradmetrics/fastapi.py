"""`/metrics` for a FastAPI application: `app.include_router(metrics_router)`. Needs `tradmetrics[fastapi]`."""

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from tradmetrics.serving.endpoint import METHODS, Auth, Endpoint, HttpResponse
from tradmetrics.serving.single_flight import LoopWork

if TYPE_CHECKING:
    from tradmetrics.registry.metrics import TradingMetrics


def create_metrics_router(
    metrics: "TradingMetrics | None" = None, path: str = "/metrics", auth: Auth = None
) -> APIRouter:
    """Make a router that answers scrapes of one metrics object.

    GET and HEAD are answered as `start_metrics_server` does: the text format or OpenMetrics by the Accept header, gzip
    where it is accepted, `name[]=` to choose metrics. The text is rendered on a worker thread, never on the event
    loop. The route stays out of the application's OpenAPI schema.

    Example:
        ```python
        from fastapi import FastAPI
        from tradmetrics import TradingMetrics
        from tradmetrics.fastapi import create_metrics_router

        metrics = TradingMetrics()
        app = FastAPI()
        app.include_router(create_metrics_router(metrics, path="/internal/metrics", auth=("prometheus", "secret")))
        ```

    Args:
        metrics: The metrics object to serve; the process's default one when left out.
        path: The path of the route.
        auth: A bearer token, or a `(user, password)` pair for basic authentication, that each request must carry.

    Raises:
        ConfigurationError: When `auth` is empty, or the directory of multiprocess mode is missing or cannot be
            written.
    """
    endpoint = Endpoint(metrics, auth)
    renderings: LoopWork[HttpResponse] = LoopWork()
    router = APIRouter()

    @router.api_route(path, methods=list(METHODS), include_in_schema=False)
    async def scrape(request: Request) -> Response:
        headers = request.headers
        answer = endpoint.refusal(headers.get("authorization", "").encode("latin-1"))
        if answer is None:
            accept, encodings = (",".join(headers.getlist(name)) for name in ("accept", "accept-encoding"))
            asked = endpoint.asked(request.url.query, accept, encodings)
            answer = await renderings.do(asked.key, asked.lane, lambda: endpoint.scrape(asked))
        # An explicit Content-Type keeps Starlette from adding a charset of its own.
        return Response(answer.body, answer.status, dict(answer.headers))

    return router


metrics_router = create_metrics_router()
"""Answers GET `/metrics` with the process's default metrics object, whichever that is when a scrape arrives."""
