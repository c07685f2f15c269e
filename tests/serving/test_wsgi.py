"""The WSGI middleware and application, under Flask, Django and bare WSGI."""

import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from tradmetrics import ConfigurationError, TradingMetrics, catalogue, get_metrics
from tradmetrics.wsgi import Environ, MetricsMiddleware, StartResponse, WSGIApp, make_wsgi_app

Outcome = tuple[str, str, str]


@pytest.fixture
def metrics() -> TradingMetrics:
    """Strict metrics, so that no error inside the middleware goes unseen."""
    return TradingMetrics(strict=True)


def outcomes(metrics: TradingMetrics) -> dict[Outcome, float]:
    """The requests counted, by endpoint, method and status."""
    return {
        (sample.labels["endpoint"], sample.labels["method"], sample.labels["status"]): sample.value
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if sample.name == catalogue.API_REQUESTS.name
    }


class Reply:
    """An answer, and how it came."""

    def __init__(self, app: WSGIApp, path: str, method: str = "GET", query: str = "", **environ: str) -> None:
        given: Environ = {}
        setup_testing_defaults(given)
        given.update({"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, **environ})
        started: list[Any] = []
        answer = app(given, lambda status, headers, *rest: started.extend((status, headers)) or (lambda data: None))
        try:
            self.body = b"".join(answer)
        finally:
            close = getattr(answer, "close", None)
            if close is not None:
                close()
        self.status = int(started[0].split()[0])
        self.headers = dict(started[1])


# ── the middleware ───────────────────────────────────────────────────────────────────────────────────────────────
def flask_app() -> WSGIApp:
    """Routes with and without parameters, in a blueprint, and a mounted application."""
    flask = pytest.importorskip("flask")
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    app, desks, inner = flask.Flask("outer"), flask.Blueprint("desks", "desks"), flask.Flask("inner")

    @app.get("/health")
    @app.get("/orders/<order_id>")
    @app.get("/fills/<int:fill_id>/<any('a', 'b'):kind>")
    @desks.get("/orders/<path:order_id>")
    @inner.get("/quotes/<symbol>")
    def answer(**parameters: object) -> str:
        return "ok"

    @app.get("/broken")
    def broken() -> str:
        raise KeyError("AAPL")

    app.register_blueprint(desks, url_prefix="/desks/<desk_id>")
    dispatcher: WSGIApp = DispatcherMiddleware(app, {"/market": inner})
    return dispatcher


def django_app() -> WSGIApp:
    """The same in Django."""
    pytest.importorskip("django")
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpResponse
    from django.urls import include, path, re_path

    def answer(request: object, **parameters: object) -> HttpResponse:
        return HttpResponse("ok")

    def broken(request: object) -> HttpResponse:
        raise KeyError("AAPL")

    if not settings.configured:
        settings.configure(LOGGING_CONFIG=None)
    settings.SECRET_KEY = "not a secret"
    settings.ALLOWED_HOSTS = ["*"]
    settings.ROOT_URLCONF = (
        path("health", answer),
        path("orders/<order_id>", answer),
        re_path(r"^fills/(?P<fill_id>[0-9]{1,9}(?:x)?)/(?P<kind>a|b)$", answer),
        path("broken", broken),
        path("desks/<int:desk_id>/", include([path("orders/<path:order_id>", answer)])),
    )
    import django

    django.setup()
    return WSGIHandler()  # type: ignore[no-any-return]


@pytest.mark.parametrize("make", [flask_app, django_app])
@pytest.mark.parametrize(
    ("path", "status", "endpoint"),
    [
        ("/health", 200, "/health"),
        ("/orders/7f3c", 200, "/orders/{order_id}"),
        ("/orders/orders", 200, "/orders/{order_id}"),
        ("/fills/12/a", 200, "/fills/{fill_id}/{kind}"),
        ("/fills/12/c", 404, "unmatched"),
        ("/desks/9/orders/2026/12", 200, "/desks/{desk_id}/orders/{order_id}"),
        ("/nothing/7f3c", 404, "unmatched"),
        ("/broken", 500, "/broken"),
    ],
)
def test_routes_go_by_their_template(
    metrics: TradingMetrics, make: Callable[[], WSGIApp], path: str, status: int, endpoint: str
) -> None:
    """Every order id in a path would become a series of its own."""
    assert status == Reply(MetricsMiddleware(make(), metrics=metrics), path).status
    assert {(endpoint, "GET", str(status)): 1.0} == outcomes(metrics)


def test_a_mounted_flask_application_has_its_prefix(metrics: TradingMetrics) -> None:
    """Routes of two applications under one dispatcher would share a label."""
    assert 200 == Reply(MetricsMiddleware(flask_app(), metrics=metrics), "/market/quotes/NIFTY").status
    assert {("/market/quotes/{symbol}", "GET", "200"): 1.0} == outcomes(metrics)


def test_a_request_of_werkzeug_itself_does_not_hide_djangos_route(metrics: TradingMetrics) -> None:
    """Under werkzeug's test client or its middleware, every route of Django would read `unmatched`."""
    werkzeug = pytest.importorskip("werkzeug.test")
    app = MetricsMiddleware(django_app(), metrics=metrics)
    assert b"ok" == werkzeug.Client(app).get("/orders/7f3c").data
    assert {("/orders/{order_id}", "GET", "200"): 1.0} == outcomes(metrics)


def answering(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer anything, in two pieces."""
    start_response("201 Created", [("Content-Type", "text/plain")])
    yield b"one"
    yield b"two"


def test_a_django_without_urls_is_passed_over(metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bot that uses only Django's database would count an error at each request."""
    django_app()
    from django.conf import settings
    from django.urls import clear_url_caches, set_urlconf

    with monkeypatch.context() as patch:
        patch.delattr(settings, "ROOT_URLCONF")
        clear_url_caches()
        set_urlconf(None)  # a request before this one leaves its own
        assert 201 == Reply(MetricsMiddleware(answering, metrics=metrics), "/x").status
    clear_url_caches()
    assert {("unmatched", "GET", "201"): 1.0} == outcomes(metrics)


def test_the_answer_passes_through_unchanged(metrics: TradingMetrics) -> None:
    """A server would refuse what the middleware makes of the answer, or the client would get other bytes."""
    reply = Reply(validator(MetricsMiddleware(validator(answering), metrics=metrics)), "/x")
    assert (201, b"onetwo", {"Content-Type": "text/plain"}) == (reply.status, reply.body, reply.headers)
    assert {("unmatched", "GET", "201"): 1.0} == outcomes(metrics)


def test_a_list_keeps_its_length(metrics: TradingMetrics) -> None:
    """A server could not compute the Content-Length of an answer in one piece."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [b"all of it"]

    body: Any = MetricsMiddleware(app, metrics=metrics)({"REQUEST_METHOD": "GET"}, lambda *arguments: None)
    assert 1 == len(body)


def test_an_exception_is_a_500_and_passes(metrics: TradingMetrics) -> None:
    """Crashes would be missing from the error ratio, or be swallowed by the middleware."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        raise KeyError("AAPL")

    with pytest.raises(KeyError, match="AAPL"):
        Reply(MetricsMiddleware(app, metrics=metrics), "/x")
    assert {("unmatched", "GET", "500"): 1.0} == outcomes(metrics)


@pytest.mark.parametrize(("error", "status"), [(KeyError("AAPL"), "error"), (SystemExit(), "cancelled")])
def test_an_exception_during_the_answer(metrics: TradingMetrics, error: BaseException, status: str) -> None:
    """A stream that breaks would count as a success."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        yield b"one"
        raise error

    with pytest.raises(type(error)):
        Reply(MetricsMiddleware(app, metrics=metrics), "/x")
    assert {("unmatched", "GET", status): 1.0} == outcomes(metrics)


def test_a_request_that_is_stopped_is_cancelled(metrics: TradingMetrics) -> None:
    """A worker that is told to end would look like a burst of server errors."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        raise SystemExit

    with pytest.raises(SystemExit):
        Reply(MetricsMiddleware(app, metrics=metrics), "/x")
    assert {("unmatched", "GET", "cancelled"): 1.0} == outcomes(metrics)


def test_a_client_that_leaves_is_disconnected(metrics: TradingMetrics) -> None:
    """Users who close a chart would count as successes."""
    body: Any = MetricsMiddleware(answering, metrics=metrics)({"REQUEST_METHOD": "GET"}, lambda *arguments: None)
    assert b"one" == next(iter(body))
    body.close()
    assert {("unmatched", "GET", "disconnected"): 1.0} == outcomes(metrics)


def test_a_request_that_passes_twice_counts_once(metrics: TradingMetrics) -> None:
    """Requests to a mounted part that is instrumented too would count twice."""
    Reply(MetricsMiddleware(MetricsMiddleware(answering, metrics=metrics), metrics=metrics), "/x")
    assert {("unmatched", "GET", "201"): 1.0} == outcomes(metrics)


@pytest.mark.parametrize(("method", "label"), [("get", "GET"), ("BREW", "OTHER")])
def test_methods_are_a_closed_set(metrics: TradingMetrics, method: str, label: str) -> None:
    """A client could make series by inventing methods."""
    Reply(MetricsMiddleware(answering, metrics=metrics), "/x", method)
    assert {("unmatched", label, "201"): 1.0} == outcomes(metrics)


def test_an_environment_that_cannot_be_read_costs_only_the_label() -> None:
    """A framework that puts something odd into the environment would break every request."""
    metrics = TradingMetrics()

    class Odd:
        @property
        def url_rule(self) -> object:
            raise RuntimeError("no route")

    environ = {"werkzeug.request": Odd()}
    assert 201 == Reply(MetricsMiddleware(answering, metrics=metrics), "/x", **environ).status  # type: ignore[arg-type]
    assert {("unknown", "GET", "201"): 1.0} == outcomes(metrics)


def test_without_a_metrics_object_the_default_one_is_used() -> None:
    """The two-line set-up would record nowhere."""
    Reply(MetricsMiddleware(answering), "/x")
    assert {("unmatched", "GET", "201"): 1.0} == outcomes(get_metrics())


# ── /metrics as an application ───────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def app(metrics: TradingMetrics) -> WSGIApp:
    """The application, under the standard library's checker."""
    metrics.record(catalogue.DAILY_PNL, (), 5, site="test")
    return validator(make_wsgi_app(metrics))


def test_the_application_answers(app: WSGIApp) -> None:
    """Flask and Django could not serve their metrics."""
    reply = Reply(app, "/metrics")
    assert (200, "text/plain; version=0.0.4; charset=utf-8") == (reply.status, reply.headers["Content-Type"])
    assert b"trading_daily_pnl 5.0" in reply.body.splitlines()
    openmetrics = Reply(app, "/", HTTP_ACCEPT="application/openmetrics-text; version=1.0.0")
    assert openmetrics.body.endswith(b"# EOF\n")
    chosen = Reply(app, "/", query="name[]=trading_daily_pnl", HTTP_ACCEPT_ENCODING="gzip;q=0")
    assert [b"trading_daily_pnl 5.0"] == [line for line in chosen.body.splitlines() if not line.startswith(b"#")]
    assert "gzip" == Reply(app, "/", HTTP_ACCEPT_ENCODING="gzip").headers["Content-Encoding"]


def test_head_and_wrong_methods(app: WSGIApp) -> None:
    """A health check by HEAD would fail; a wrong method would be answered with metrics."""
    head = Reply(app, "/", "HEAD")
    assert (200, b"") == (head.status, head.body)
    assert int(head.headers["Content-Length"]) > 1000
    refused = Reply(app, "/", "POST")
    assert (405, "GET, HEAD") == (refused.status, refused.headers["Allow"])


def test_the_application_asks_for_its_secret(metrics: TradingMetrics) -> None:
    """P&L would be readable by whoever reaches the server."""
    app = make_wsgi_app(metrics, auth="token")
    assert 401 == Reply(app, "/").status
    assert 401 == Reply(app, "/", "POST").status
    assert 200 == Reply(app, "/", HTTP_AUTHORIZATION="Bearer token").status
    with pytest.raises(ConfigurationError, match="the token is empty"):
        make_wsgi_app(metrics, auth="")


def test_no_framework_is_imported(child_environment: dict[str, str], tmp_path: Path) -> None:
    """A bot without Flask or Django could not import the module."""
    code = "import sys, tradmetrics.wsgi; print([n for n in ('flask', 'werkzeug', 'django') if n in sys.modules])"
    output = subprocess.run(
        [sys.executable, "-c", code], env=child_environment, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert ("[]", "") == (output.stdout.strip(), output.stderr)
