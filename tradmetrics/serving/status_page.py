"""The page at `/` of the metrics server."""

from tradmetrics.serving.endpoint import HttpResponse
from http import HTTPStatus


def status_page(metrics) -> HttpResponse:
    return HttpResponse(
        HTTPStatus.OK, (("Content-Type", "text/html; charset=utf-8"),), b'<a href="/metrics">/metrics</a>'
    )
