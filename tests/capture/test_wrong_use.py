"""Wrong use: refused where it is written, with the words to write instead; and what goes on where no metrics can be."""

from __future__ import annotations

import asyncio
import functools
import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

import tradmetrics
from tradmetrics import (
    ConfigurationError,
    LabelSourceError,
    MetricsExporter,
    OrderTracker,
    Sampler,
    TradingMetrics,
    arg,
    configure,
    fill_timer,
    get_metrics,
    metrics_exporter,
    request_timer,
    start_metrics_server,
    track_connection,
    track_errors,
    track_order,
    training_timer,
)
from tradmetrics.asgi import MetricsMiddleware, make_asgi_app
from tradmetrics.errors import DecorationError
from tradmetrics.fastapi import create_metrics_router
from tradmetrics.push import push_on_exit

DECORATORS = {name: getattr(tradmetrics, name) for name in tradmetrics.__all__ if name.startswith("track_")}


def place(strategy: str, side: str) -> None:
    """Place an order."""


async def application(scope: Any, receive: Any, send: Any) -> None:
    """An application that answers every request."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"fine"})


# ── metrics objects ──────────────────────────────────────────────────────────────────────────────────────────────────

TAKE_A_BOOK: dict[str, Callable[[Any], object]] = {
    "@track_order": lambda metrics: track_order(metrics=metrics)(place),
    "track_errors": lambda metrics: track_errors(component="c", metrics=metrics),
    "track_connection": lambda metrics: track_connection(metrics=metrics),
    "fill_timer": lambda metrics: fill_timer("s", metrics=metrics),
    "training_timer": lambda metrics: training_timer("m", metrics=metrics),
    "request_timer": lambda metrics: request_timer("/x", metrics=metrics),
    "MetricsExporter": MetricsExporter,
    "Sampler": lambda metrics: Sampler(metrics=metrics),
    "OrderTracker": lambda metrics: OrderTracker("s", metrics=metrics),
    "the endpoint": lambda metrics: start_metrics_server(0, metrics=metrics),
    "the endpoint of ASGI": lambda metrics: make_asgi_app(metrics),
    "the endpoint of FastAPI": lambda metrics: create_metrics_router(metrics),
    "MetricsMiddleware": lambda metrics: MetricsMiddleware(application, metrics=metrics),
    "push_on_exit": lambda metrics: push_on_exit("http://localhost:9091", "backtest", metrics=metrics),
}


@pytest.mark.parametrize("name", TAKE_A_BOOK)
def test_a_registry_in_the_place_of_a_metrics_object_is_refused_at_once(name: str) -> None:
    """The mistake that is made most often would stop the first order, in the middle of the day."""
    with pytest.raises((ConfigurationError, TypeError), match=rf"{name.partition(' of ')[0]}: metrics"):
        TAKE_A_BOOK[name](CollectorRegistry())


def test_the_message_says_how_a_registry_becomes_a_metrics_object() -> None:
    """Whoever has a registry would not know what to make of it."""
    with pytest.raises(
        ConfigurationError, match=r"takes a metrics object, not <.*; write metrics=TradingMetrics\(registry\)"
    ):
        fill_timer("s", metrics=CollectorRegistry())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"registry": "x"}, "registry is a CollectorRegistry, not 'x'"),
        ({"strategy_stats": True}, r"strategy_stats is a StrategyStats, e.g. StrategyStats\(\), not True"),
        ({"buckets": {"trading_trades_pnl": 5}}, "trading_trades_pnl: buckets are several numbers, e.g. .*, not 5"),
        ({"buckets": {"trading_trades_pnl": "ab"}}, "trading_trades_pnl: buckets are several numbers.*, not 'ab'"),
    ],
)
@pytest.mark.parametrize("make", [TradingMetrics, configure])
def test_a_setting_of_another_kind_is_named(make: Callable[..., object], settings: Any, message: str) -> None:
    """A slip in the settings would show as an error of Python's from somewhere inside."""
    with pytest.raises(ConfigurationError, match=message):
        make(**settings)


@pytest.mark.parametrize("port", ["8000", None, True, 80.5])
def test_a_port_that_is_no_number_is_named(port: Any) -> None:
    """A port from the environment is a text; the bot would end with a comparison of `str` and `int`."""
    message = rf"start_metrics_server: port must be an integer from 0 to 65535.*, got {re.escape(repr(port))}"
    with pytest.raises(ConfigurationError, match=message):
        start_metrics_server(port)


@pytest.mark.parametrize(
    ("word", "disabled"), [("1", True), ("TRUE", True), (" yes ", True), ("0", False), ("", False)]
)
def test_the_environment_disables_in_the_words_that_people_use(
    child_environment: dict[str, str], word: str, disabled: bool
) -> None:
    """Whoever switches the metrics off for an incident would find them on."""
    done = subprocess.run(
        [sys.executable, "-c", "import tradmetrics; print(tradmetrics.TradingMetrics().enabled)"],
        env={**child_environment, "TRADMETRICS_DISABLED": word},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert str(not disabled) == done.stdout.strip()


# ── keywords and sources ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", DECORATORS)
def test_a_misspelt_keyword_is_answered_with_the_right_one(name: str) -> None:
    """Whoever mistypes a label would have to look up how it is spelt."""
    decorator = DECORATORS[name]
    keywords = [
        each.name for each in inspect.signature(decorator).parameters.values() if each.kind is each.KEYWORD_ONLY
    ]
    with pytest.raises(TypeError) as caught:
        decorator(metrcs=None)
    assert f"@{name} takes no keyword 'metrcs'; did you mean 'metrics'?; it takes: {', '.join(keywords)}" == str(
        caught.value
    )


def test_a_keyword_that_is_like_none_gets_the_list() -> None:
    """The message would suggest something that has nothing to do with what was meant."""
    with pytest.raises(TypeError, match=r"@track_order takes no keyword 'zzzz'; it takes: strategy, side, "):
        track_order(zzzz="s")  # type: ignore[call-overload]


def test_the_spelling_that_is_suggested_can_be_copied_whole() -> None:
    """Whoever copies the suggestion would read the order instead of its side."""

    def send(strategy: str, order: Any) -> None: ...

    with pytest.raises(LabelSourceError, match=r"did you mean side=arg\('order\.side'\)\?"):
        track_order(side=arg("ordr.side"))(send)


@pytest.mark.parametrize("given", ["error", arg("strategy")])
@pytest.mark.parametrize("name", DECORATORS)
def test_a_label_without_its_keyword_is_answered_with_a_keyword_that_there_is(name: str, given: Any) -> None:
    """Whoever writes `@track_request("/orders")` would be told to write something that is refused as well."""
    with pytest.raises(DecorationError, match="sources are keywords") as caught:
        DECORATORS[name](given)
    found = re.search(r"write @(\w+)\((\w+)=(.*), …\)$", str(caught.value))
    if name in ("track_connection", "track_circuit_breaker_reset"):  # which have no labels
        assert found is None
        return
    assert found is not None
    assert (name, repr(given)) == (found[1], found[3])
    if name == "track_cash_flow" and given == "error":  # a kind is one of a few words
        with pytest.raises(ConfigurationError, match=r"write kind=arg\('…'\)"):
            tradmetrics.track_cash_flow(kind=given)
        return
    assert DECORATORS[name](**{found[2]: given})(place) is not place


@pytest.mark.parametrize("source", [lambda: "s", lambda call, more: "s"])
def test_a_function_that_cannot_take_the_call_is_refused_when_decorating(source: Any) -> None:
    """Each call would count an error, and the label would say nothing."""
    with pytest.raises(
        LabelSourceError, match=r"strategy=<function.*> cannot be called with one argument;.*lambda call"
    ):
        track_order(strategy=source)(place)


@pytest.mark.parametrize("source", [str, print, len, lambda call, more=1: "s", lambda *args: "s"])
def test_a_function_that_can_take_the_call_is_a_source(source: Any) -> None:
    """A helper with an option more could not be used."""
    if source is str:
        source = str.upper
    assert track_order(strategy=source)(place) is not place


# ── where no metrics object can be built ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def no_metrics(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder for the files of several processes that is not there, so that no metrics object can be built."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "missing"))


EXPLICIT = [name for name in dir(MetricsExporter) if name.startswith(("record_", "update_"))]


@pytest.mark.parametrize("name", EXPLICIT)
def test_an_explicit_call_does_no_harm_where_no_metrics_object_can_be_built(no_metrics: None, name: str) -> None:
    """A folder that somebody deleted would stop the trading."""
    method = getattr(metrics_exporter, name)
    needed = [each for each in inspect.signature(method).parameters.values() if each.default is each.empty]
    assert method(*(1.0 for _ in needed)) is None
    with pytest.raises(ConfigurationError, match=r"PROMETHEUS_MULTIPROC_DIR.*missing"):
        get_metrics()


def test_a_web_application_answers_where_no_metrics_object_can_be_built(
    no_metrics: None, caplog: pytest.LogCaptureFixture
) -> None:
    """A folder that somebody deleted would take the whole application down."""
    sent: list[Any] = []

    async def request() -> None:
        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        await MetricsMiddleware(application)(scope, lambda: asyncio.sleep(0), send)  # type: ignore[arg-type]

    asyncio.run(request())
    assert [b"fine"] == [message["body"] for message in sent if "body" in message]
    assert "MetricsMiddleware: a metric was not recorded" in caplog.text


def _method(self: Any, order: Any) -> None: ...


def _plain(order: Any) -> None: ...


@pytest.mark.parametrize(
    ("function", "constant", "cure"),
    [
        (_method, "self.name", "arg('self.name')"),
        (_method, "self.config['name']", "arg('self.config.name')"),
        (_method, "self.legs[0].name", "arg('self.legs.0.name')"),
        (_method, "order.legs.0.name", "arg('order.legs.0.name')"),
        (_method, "self.name()", "arg('self.name')"),
        (_plain, "self.name", "arg('self.name'), but this function has no parameter 'self'"),
        (_plain, "result.info.name", "result('info.name')"),
        (_plain, "error.code", "error('code')"),
    ],
)
def test_a_constant_that_is_a_path_is_refused(function: Callable[..., Any], constant: str, cure: str) -> None:
    """All orders would be recorded under the text of the path."""
    with pytest.raises(LabelSourceError, match=re.escape(cure)):
        track_order(strategy=constant)(function)


@pytest.mark.parametrize(
    "constant", ["gamma.v2", "v1.2", "order", "momentum (fast)", "desk.order", "self-hedge", "a.b.c"]
)
def test_a_name_with_a_dot_is_a_name(constant: str) -> None:
    """A strategy of such a name could not be decorated."""
    track_order(strategy=constant)(_method)


def test_a_route_of_a_flask_blueprint_beneath_the_decorator_is_refused() -> None:
    """The orders of a webhook would be served and never counted."""
    flask = pytest.importorskip("flask")
    hooks = flask.Blueprint("hooks", __name__)

    def place(side: str = "BUY") -> str:
        return side

    with pytest.raises(DecorationError, match=re.escape("write @hooks.… above @track_order")):
        track_order(strategy="s")(hooks.route("/order")(place))
    hooks.route("/other")(track_order(strategy="s")(lambda side: side))


def _kept(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator of the user's own."""

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        return function(*args)

    return call


def test_a_route_of_an_application_that_an_object_holds_is_refused() -> None:
    """A service that keeps its application as `self.app`, or in a module, would count no order, and say nothing."""
    fastapi = pytest.importorskip("fastapi")

    class Service:
        def __init__(self) -> None:
            self.app = fastapi.FastAPI()

            @track_order(strategy="s")
            @self.app.post("/order")
            def place(side: str) -> None: ...

    with pytest.raises(DecorationError, match=re.escape("write @self.app.… above @track_order")):
        Service()

    def serve(server: Any) -> None:
        @track_order(strategy="s")
        @_kept
        @server.app.post("/order")
        def place(side: str) -> None: ...

    with pytest.raises(DecorationError, match=re.escape("write @server.app.… above @track_order")):
        serve(SimpleNamespace(app=fastapi.FastAPI()))


def test_a_command_beneath_the_decorator_is_refused_by_its_own_name() -> None:
    """Of ten commands, the message would not say which one to mend."""
    click = pytest.importorskip("click")

    def rebalance() -> None: ...

    with pytest.raises(DecorationError, match=re.escape("rebalance: @click.command() stands beneath it")):
        track_order(strategy="s")(click.command()(rebalance))
