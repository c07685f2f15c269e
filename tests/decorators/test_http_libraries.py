"""`track_request` on the answers and the exceptions of real HTTP libraries."""

from __future__ import annotations

from typing import Any

import pytest

from tests.recorded import raising, recorded
from tradmetrics import TradingMetrics, track_order, track_request


def of_flask() -> tuple[object, object]:
    """Flask's response, and the exception of `abort`."""
    flask = pytest.importorskip("flask")
    werkzeug = pytest.importorskip("werkzeug.exceptions")
    return flask.Response("gone", status=404), werkzeug.NotFound()


def of_django() -> tuple[object, object]:
    """Django's response and its exception."""
    http = pytest.importorskip("django.http")
    conf = pytest.importorskip("django.conf")
    if not conf.settings.configured:
        conf.settings.configure()
    return http.HttpResponse(status=404), http.Http404()


def of_starlette() -> tuple[object, object]:
    """Starlette's response and its exception."""
    responses = pytest.importorskip("starlette.responses")
    return responses.Response(status_code=404), pytest.importorskip("starlette.exceptions").HTTPException(404)


def of_aiohttp() -> tuple[object, object]:
    """The response of aiohttp's server, and its exception, which is a response too."""
    web = pytest.importorskip("aiohttp.web")
    return web.Response(status=404), web.HTTPNotFound()


def of_requests() -> tuple[object, object]:
    """The response of requests, and the exception of `raise_for_status`."""
    library = pytest.importorskip("requests")
    response = library.Response()
    response.status_code = 404
    return response, library.HTTPError(response=response)


def of_httpx() -> tuple[object, object]:
    """The response of httpx, and the exception of `raise_for_status`."""
    httpx = pytest.importorskip("httpx")
    response = httpx.Response(404, request=httpx.Request("GET", "https://venue.example/x"))
    return response, httpx.HTTPStatusError("not found", request=response.request, response=response)


@pytest.mark.parametrize("library", [of_flask, of_django, of_starlette, of_aiohttp, of_requests, of_httpx])
def test_answers_and_exceptions_of_libraries_carry_their_status(library: Any) -> None:
    """A handler's refusals would look like answers that went well."""
    answer, exception = library()
    metrics = TradingMetrics()
    assert answer is track_request(endpoint="/x", method="GET", metrics=metrics)(lambda: answer)()
    with pytest.raises(type(exception)):
        track_request(endpoint="/x", method="GET", metrics=metrics)(raising(exception))()
    assert {
        "trading_api_requests_total /x GET 404": 2,
        "trading_api_request_duration_seconds_count /x GET": 2,
    } == recorded(metrics)


@pytest.mark.parametrize("library", [of_requests, of_httpx])
def test_a_response_of_a_client_that_an_order_function_returns_is_a_rejection(library: Any) -> None:
    """A refused order would count as sent, and nothing more, where the bot does not raise."""
    answer, _ = library()
    metrics = TradingMetrics()
    place = track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=metrics)(lambda: answer)
    for _ in range(3):
        assert answer is place()
    assert {
        "trading_orders_submitted_total s BUY LIMIT": 3,
        "trading_orders_rejected_total s not_found": 3,
    } == recorded(metrics)
