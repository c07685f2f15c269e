"""The page at `/` of the metrics server."""

from http import HTTPStatus

from tradmetrics.serving.endpoint import HttpResponse


def status_page(metrics) -> HttpResponse:
    return HttpResponse(
        HTTPStatus.OK, (("Content-Type", "text/html; charset=utf-8"),), b'<a href="/metrics">/metrics</a>'
    )
