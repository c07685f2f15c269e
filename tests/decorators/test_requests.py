"""`track_request`: API requests by endpoint, method and status."""

from __future__ import annotations

import asyncio
from enum import Enum
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import pytest

from tests.recorded import errors, raising, recorded, sample
from tradmetrics import (
    LabelSourceError,
    MetricsExporter,
    TradingMetrics,
    arg,
    error,
    request_timer,
    result,
    track_request,
)

DURATION = "trading_api_request_duration_seconds"


@pytest.fixture
def metrics() -> TradingMetrics:
    """A metrics object of the test's own."""
    return TradingMetrics()


def request(status: object, endpoint: str = "/x", method: str = "GET", count: float = 1) -> dict[str, float]:
    """Return the samples that requests record."""
    return {
        f"trading_api_requests_total {endpoint} {method} {status}": count,
        f"{DURATION}_count {endpoint} {method}": count,
    }


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (None, "ok"),
        ({}, "ok"),
        ("text", "ok"),
        ({"status_code": 404}, "404"),
        ({"status": "accepted"}, "ok"),
        ({"status": "FILLED", "orderId": 28}, "ok"),
        ({"status": 1}, "ok"),
        ({"status": 404}, "ok"),
        ({"status_code": 201, "status": "accepted"}, "201"),
        ({"status_code": 7}, "ok"),
        (404, "404"),
        (HTTPStatus.CREATED, "201"),
        (99, "ok"),
        (600, "ok"),
        (True, "ok"),
        (404.0, "ok"),
        ("404", "ok"),
        (({"error": "busy"}, 503), "503"),
        (("busy", "503 SERVICE UNAVAILABLE"), "503"),
        (("busy", HTTPStatus.NOT_FOUND, {"Retry-After": "1"}), "404"),
        ((SimpleNamespace(status_code=201), {"X": "1"}), "201"),
        ((SimpleNamespace(status_code=201), 202), "202"),
        ((100.5, 250), "ok"),
        ((100, 250), "ok"),
        (("busy", {"X": "1"}), "ok"),
        (("a", 404, 3), "ok"),
        (("a", 404, {}, None), "ok"),
        (["a", 404], "ok"),
        (SimpleNamespace(status="404 NOT FOUND", headers={}), "404"),
        (SimpleNamespace(status="404 NOT FOUND"), "ok"),
        (SimpleNamespace(status="accepted", headers={}), "ok"),
        (SimpleNamespace(status=1), "ok"),
        (SimpleNamespace(status_code=500), "500"),
        (SimpleNamespace(status=204), "204"),
        (SimpleNamespace(status_code=None, status="queued"), "ok"),
        ({"status_code": None}, "ok"),
    ],
)
def test_the_status_is_what_the_answer_says_or_ok(metrics: TradingMetrics, answer: object, status: str) -> None:
    """Failing endpoints would look like healthy ones."""
    send = track_request(endpoint="/x", method="GET", metrics=metrics)(lambda: answer)
    for _ in range(3):
        assert answer is send()
    assert request(status, count=3) == recorded(metrics)


@pytest.mark.parametrize("status", [HTTPStatus.TOO_MANY_REQUESTS, 429, "429"])
def test_pythons_own_status_is_its_number_wherever_it_comes_from(metrics: TradingMetrics, status: Any) -> None:
    """A dashboard that looks for `4..` would miss them, or find them in some bots only."""
    error = ValueError("slow down")
    error.status_code = status  # type: ignore[attr-defined]
    track_request(endpoint="/x", method="GET", metrics=metrics)(lambda: {"status_code": status})()
    track_request(endpoint="/x", method="GET", status=status, metrics=metrics)(lambda: None)()
    with pytest.raises(ValueError, match="slow down"):
        track_request(endpoint="/x", method="GET", metrics=metrics)(raising(error))()
    with request_timer("/x", metrics=metrics) as timing:
        timing.status = status
    MetricsExporter(metrics).record_api_request("/x", "GET", status, 0.1)
    assert 5 == recorded(metrics)["trading_api_requests_total /x GET 429"]


@pytest.mark.parametrize("status", ["success", "SUCCESS", "Ok", "OK", " successful", True, None])
def test_a_word_of_success_is_ok_wherever_it_comes_from(metrics: TradingMetrics, status: Any) -> None:
    """HighApiErrorRatio would read every request of an API that answers `success` as a failure."""
    track_request(endpoint="/x", method="GET", status=result("status"), metrics=metrics)(lambda: {"status": status})()
    with request_timer("/x", metrics=metrics) as timing:
        timing.status = status
    MetricsExporter(metrics).record_api_request("/x", "GET", status, 0.1)
    assert request("ok", count=3) == recorded(metrics)


def test_a_request_that_did_not_succeed_is_an_error(metrics: TradingMetrics) -> None:
    """`False` would be a status of its own, which no rule reads as a failure."""
    MetricsExporter(metrics).record_api_request("/x", "GET", False, 0.1)
    assert request("error") == recorded(metrics)


class Verb(Enum):
    """HTTP methods as a client library has them."""

    GET = "get"


class TextVerb(str, Enum):
    """The same, for those who want texts."""

    GET = "get"


@pytest.mark.parametrize("method", ["get", "GET", Verb.GET, TextVerb.GET])
def test_a_method_is_its_name_in_capitals_wherever_it_comes_from(metrics: TradingMetrics, method: Any) -> None:
    """One endpoint's requests would be spread over `GET`, `get` and `TextVerb.GET`, and no query finds them all."""
    send = track_request(endpoint="/x", metrics=metrics)(lambda method: None)
    for _ in range(2):
        send(method)
    track_request(endpoint="/x", method=method, metrics=metrics)(lambda: None)()
    with request_timer("/x", method, metrics=metrics):
        pass
    MetricsExporter(metrics).record_api_request("/x", method, "ok", 0.1)
    assert request("ok", count=5) == recorded(metrics)
    assert {} == errors(metrics)


def test_each_answer_counts_by_its_own_status(metrics: TradingMetrics) -> None:
    """Every request would count as the first one went."""
    answers = iter([{"status_code": 200}, None, {"status_code": 500}, {"status_code": 200}, None])
    send = track_request(endpoint="/x", method="GET", metrics=metrics)(lambda: next(answers))
    for _ in range(5):
        send()
    assert {
        "trading_api_requests_total /x GET 200": 2,
        "trading_api_requests_total /x GET ok": 2,
        "trading_api_requests_total /x GET 500": 1,
        f"{DURATION}_count /x GET": 5,
    } == recorded(metrics)


class HTTPError(Exception):
    def __init__(self, **attributes: object) -> None:
        super().__init__()
        self.__dict__.update(attributes)


@pytest.mark.parametrize(
    ("exception", "status"),
    [
        (ValueError(), "error"),
        (asyncio.CancelledError(), "error"),
        (HTTPError(status_code=429), "429"),
        (HTTPError(status=429), "429"),
        (HTTPError(code=503), "503"),
        (HTTPError(http_status="504"), "504"),
        (HTTPError(status="rejected", code=-1013), "error"),
        (HTTPError(code=7), "error"),
        (HTTPError(response=SimpleNamespace(status=503)), "503"),
        (HTTPError(status_code=True), "error"),
        (HTTPError(status_code="E7"), "E7"),
        (HTTPError(response=SimpleNamespace(status_code=503)), "503"),
        (HTTPError(status_code=None, response=None), "error"),
    ],
)
def test_the_status_of_a_request_that_raised_is_the_exceptions_or_error(
    metrics: TradingMetrics, exception: BaseException, status: str
) -> None:
    """Errors would count as `ok`, or not at all."""
    send = track_request(endpoint="/x", method="GET", metrics=metrics)(raising(exception))
    for _ in range(2):
        with pytest.raises(type(exception)):
            send()
    assert request(status, count=2) == recorded(metrics)


@pytest.mark.parametrize(
    ("source", "answer", "status"),
    [
        (result("code"), {"code": 7}, "7"),
        (arg("wanted"), None, "asked"),
        (lambda call: "slow" if call.seconds > 60 else "fast", None, "fast"),
        ("constant", None, "constant"),
        (error("code"), None, "ok"),
    ],
)
def test_the_status_can_come_from_any_source(metrics: TradingMetrics, source: Any, answer: Any, status: str) -> None:
    """APIs that answer 200 with an error inside would always be well."""
    send = track_request(endpoint="/x", method="GET", status=source, metrics=metrics)(lambda wanted: answer)
    send("asked")
    send("asked")
    assert request(status, count=2) == recorded(metrics)


def test_a_source_of_the_status_that_fails_makes_it_unknown_and_is_counted(metrics: TradingMetrics) -> None:
    """A wrong path would look like a request that went well."""
    track_request(endpoint="/x", method="GET", status=result("code"), metrics=metrics)(lambda: {"status_code": 500})()
    assert 1 == recorded(metrics)["trading_api_requests_total /x GET unknown"]
    assert {("<lambda>", "source"): 1} == errors(metrics)


def test_endpoint_and_method_are_read_from_parameters_and_the_request(metrics: TradingMetrics) -> None:
    """A client's one sending function could not be recorded by endpoint."""

    @track_request(metrics=metrics)
    def send(endpoint: str, method: str) -> None:
        pass

    @track_request(endpoint="/handler", metrics=metrics)
    def handle(request: object) -> dict[str, int]:
        return {"status_code": 200}

    send("/x", "post")
    send("/x", "POST")
    send(method="Post", endpoint="/x")
    handle(SimpleNamespace(method="delete", status_code=999))
    assert {**request("ok", method="POST", count=3), **request(200, "/handler", "DELETE")} == recorded(metrics)


def test_a_request_without_a_method_is_taken(metrics: TradingMetrics) -> None:
    """A message over a socket, which has none, could not be recorded."""
    track_request(endpoint="orders", metrics=metrics)(lambda: None)()
    assert request("ok", "orders", "unknown") == recorded(metrics)


def test_the_seconds_are_observed_however_it_ends(metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that fail slowly, which are the ones to look at, would not be timed."""
    now = [0.0]
    monkeypatch.setattr("tradmetrics.capture.call_site.perf_counter", lambda: now[0])

    @track_request(endpoint="/x", method="GET", metrics=metrics)
    async def send(seconds: float, fails: bool) -> None:
        now[0] += seconds
        if fails:
            raise TimeoutError

    asyncio.run(send(0.25, False))
    asyncio.run(send(0.25, False))
    with pytest.raises(TimeoutError):
        asyncio.run(send(30, True))
    assert 30.5 == sample(metrics, f"{DURATION}_sum", endpoint="/x", method="GET")
    assert 3 == sample(metrics, f"{DURATION}_count", endpoint="/x", method="GET")


def test_an_endpoint_is_needed() -> None:
    """All requests would go to an endpoint called `unknown`."""
    with pytest.raises(LabelSourceError, match="'endpoint' has no source"):
        track_request(lambda url: None)
