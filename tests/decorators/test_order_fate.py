"""The fate of an order after an exception: rejected, or unknown because the order may be live."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import errno
import http.client
import json
import ssl
import sys
import urllib.error
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.recorded import errors, recorded
from tradmetrics import ConfigurationError, OrderTracker, TradingMetrics, arg, result, track_order, track_request

if sys.version_info < (3, 11):
    from exceptiongroup import ExceptionGroup

UNKNOWN, REJECTED = "unknown", "rejected"


@pytest.fixture
def metrics() -> TradingMetrics:
    """Metrics of their own."""
    return TradingMetrics()


class OrderFailed(Exception):  # noqa: N818
    """A bot's own exception."""


class Carrier(Exception):  # noqa: N818
    """An exception with the attributes that a client's exceptions have."""

    def __init__(self, *arguments: object, **attributes: object) -> None:
        super().__init__(*arguments)
        vars(self).update(attributes)


def of_library(name: str, *bases: type[BaseException], **attributes: object) -> BaseException:
    """An exception as a library names it, without the library."""
    module, _, qualname = name.rpartition(".")
    kind = type(qualname, bases or (Exception,), {"__module__": module or "library"})
    raised = kind("text")
    vars(raised).update(attributes)
    return raised


class RpcStatus(enum.Enum):
    """The statuses of gRPC, as grpcio has them."""

    OK = (0, "ok")
    CANCELLED = (1, "cancelled")
    UNKNOWN = (2, "unknown")
    INVALID_ARGUMENT = (3, "invalid argument")
    DEADLINE_EXCEEDED = (4, "deadline exceeded")
    RESOURCE_EXHAUSTED = (8, "resource exhausted")
    INTERNAL = (13, "internal")
    UNAVAILABLE = (14, "unavailable")
    DATA_LOSS = (15, "data loss")


class State(enum.Enum):
    """The states of a bot's orders."""

    CANCELLED = 1


class RpcError(Exception):
    """An exception of grpcio, whose status is the answer of a method."""

    def __init__(self, status: RpcStatus) -> None:
        super().__init__("rpc")
        self._status = status

    def code(self) -> RpcStatus:
        """The status."""
        return self._status


def rpc(name: str) -> BaseException:
    """An exception of grpcio."""
    return RpcError(RpcStatus[name])


def retried(status: int) -> BaseException:
    """What urllib3 raises when its retries, which an adapter of requests makes, got this status each time."""
    last = of_library("urllib3.exceptions.ResponseError")
    last.args = (f"too many {status} error responses",)
    return of_library("urllib3.exceptions.MaxRetryError", reason=last)


def fate(function: Callable[[], object], unknown_on: Any = ()) -> str:
    """Return the outcome that `track_order` and `OrderTracker.submit` count, after a check that they agree."""
    metrics = TradingMetrics()
    orders = OrderTracker(strategy="s", metrics=metrics)
    place = track_order(strategy="s", side="BUY", unknown_on=unknown_on, metrics=metrics)(function)

    @orders.submit(order_id=arg("client_id"), side="BUY", unknown_on=unknown_on)
    def send(client_id: str) -> object:
        return function()

    for call in (place, lambda: send("c-1")):
        with contextlib.suppress(BaseException):
            call()
    counts = {name: n for name, n in recorded(metrics).items() if name.startswith("trading_orders_")}
    found = [word for word in (UNKNOWN, REJECTED) if any(f"orders_{word}_total" in name for name in counts)]
    assert [2] == [n for name, n in counts.items() if "submitted" not in name], counts
    return found[0]


def raising(exception: BaseException) -> Callable[[], object]:
    """A function that raises."""

    def send() -> object:
        raise exception

    return send


@pytest.mark.parametrize("name", ["status_code", "status", "code", "http_status"])
@pytest.mark.parametrize(
    ("status", "right"),
    [
        (400, REJECTED),
        (401, REJECTED),
        (403, REJECTED),
        (408, UNKNOWN),
        ("408", UNKNOWN),
        (418, REJECTED),
        (422, REJECTED),
        (429, REJECTED),
        (500, UNKNOWN),
        (502, UNKNOWN),
        ("503", UNKNOWN),
        (504, UNKNOWN),
        (520, UNKNOWN),
    ],
)
def test_the_http_status_decides(name: str, status: object, right: str) -> None:
    """An order that a gateway answered with 504 may be live, but would count as refused."""
    assert right == fate(raising(Carrier("answer", **{name: status})))
    if name.startswith("status"):
        assert right == fate(raising(Carrier("answer", response=SimpleNamespace(**{name: status}))))


@pytest.mark.parametrize(
    "exception",
    [
        TimeoutError(),
        asyncio.TimeoutError(),
        ConnectionResetError(errno.ECONNRESET, "reset by peer"),
        BrokenPipeError(),
        OSError(errno.ENETUNREACH, "network is unreachable"),
        ssl.SSLEOFError("EOF occurred in violation of protocol"),
        ssl.SSLError(1, "decryption failed or bad record mac"),
        urllib.error.URLError(TimeoutError("timed out")),
        urllib.error.URLError(ConnectionResetError(errno.ECONNRESET, "reset")),
        http.client.IncompleteRead(b"{", 40),
        http.client.BadStatusLine("\x15"),
        http.client.RemoteDisconnected("closed without response"),
        EOFError("compressed file ended before the end-of-stream marker was reached"),
        json.JSONDecodeError("Expecting value", "<html>", 0),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        of_library("requests.exceptions.ChunkedEncodingError"),
        of_library("requests.exceptions.ContentDecodingError"),
        of_library("requests.exceptions.ReadTimeout", type(of_library("Timeout"))),
        of_library("urllib3.exceptions.ProtocolError"),
        of_library("urllib3.exceptions.MaxRetryError", reason=TimeoutError()),
        of_library("httpx.ReadTimeout", type(of_library("httpx.TimeoutException"))),
        of_library("httpx.ReadError", type(of_library("httpx.NetworkError"))),
        of_library("httpx.RemoteProtocolError"),
        of_library("httpx.DecodingError"),
        of_library("httpx.ProxyError"),
        of_library("httpx.ResponseNotRead"),
        retried(503),
        of_library("requests.exceptions.RetryError", reason=retried(504)),
        *map(rpc, ("DEADLINE_EXCEEDED", "UNAVAILABLE", "UNKNOWN", "INTERNAL", "CANCELLED", "DATA_LOSS")),
        Carrier("wrapper of a client", code=RpcStatus.UNAVAILABLE),
        Carrier("grpclib", status=RpcStatus.DEADLINE_EXCEEDED),
        of_library("aiohttp.client_exceptions.ClientPayloadError"),
        of_library("aiohttp.client_exceptions.ContentTypeError", status=200),
        of_library("aiohttp.client_exceptions.ServerDisconnectedError", type(of_library("ClientConnectionError"))),
        of_library("websockets.exceptions.ConnectionClosedError", type(of_library("ConnectionClosed")), code=1006),
        of_library("websocket._exceptions.WebSocketConnectionClosedException"),
        of_library("websocket._exceptions.WebSocketTimeoutException"),
        of_library("ccxt.base.errors.RequestTimeout"),
        of_library("ccxt.base.errors.OnMaintenance", type(of_library("ExchangeNotAvailable"))),
        of_library("ccxt.base.errors.NullResponse", type(of_library("BadResponse"))),
        of_library("binance.exceptions.BinanceRequestException"),
        of_library("pybit.exceptions.FailedRequestError", status_code=409, resp_headers=None),
        *(of_library("pybit.exceptions.InvalidRequestError", status_code=code) for code in (10000, 10016, 170007)),
        of_library("kiteconnect.exceptions.GeneralException", code=503),
        of_library("kiteconnect.exceptions.NetworkException", code=503),
        of_library("kiteconnect.exceptions.DataException", code=502),
        Carrier("backend", code=-1006, status_code=400),
        Carrier("backend", code="-1007"),
        Carrier("backend", error_code=-1007, status_code=400),
        Carrier('binance {"code":-1006,"msg":"An unexpected response. Execution status unknown."}'),
        asyncio.CancelledError(),
        KeyboardInterrupt(),
        ExceptionGroup("orders", [ValueError(), ExceptionGroup("inner", [OSError(errno.ENETRESET, "")])]),
        ExceptionGroup("orders", [Carrier(status=400), Carrier(status=503)]),
        OrderFailed("could not send", TimeoutError()),
    ],
    ids=lambda exception: type(exception).__name__,
)
def test_an_order_without_a_readable_answer_is_unknown(exception: BaseException) -> None:
    """A live order would count as refused, and its fill would come as an anomaly."""
    assert UNKNOWN == fate(raising(exception))


@pytest.mark.parametrize(
    "exception",
    [
        ValueError("bad quantity"),
        PermissionError(errno.EACCES, "no key file"),
        FileNotFoundError(errno.ENOENT, "no key file"),
        of_library("ccxt.base.errors.RateLimitExceeded", type(of_library("ccxt.base.errors.NetworkError"))),
        of_library("ccxt.base.errors.DDoSProtection", type(of_library("ccxt.base.errors.NetworkError"))),
        of_library("ccxt.base.errors.InvalidNonce", type(of_library("ccxt.base.errors.NetworkError"))),
        of_library("kiteconnect.exceptions.OrderException", code=500),
        of_library("kiteconnect.exceptions.GeneralException", code=500),
        of_library("kiteconnect.exceptions.InputException", code=400),
        Carrier("another venue's code", status_code=10016),
        of_library("pybit.exceptions.FailedRequestError", status_code=403, resp_headers={}),
        of_library("pybit.exceptions.InvalidRequestError", status_code=110007),
        Carrier("filter", code=-1013),
        retried(429),
        *map(rpc, ("INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "OK")),
        Carrier("wrapper of a client", code=RpcStatus.INVALID_ARGUMENT),
        Carrier("an order's state", status=State.CANCELLED),
        Carrier("no status", status="rejected", code=None, response=None),
        Carrier("a flag", status=True, code=False),
        ExceptionGroup("orders", [Carrier(status=400), ValueError()]),
        OrderFailed("could not send", Carrier(status=400)),
    ],
    ids=lambda exception: type(exception).__name__,
)
def test_an_order_that_the_venue_refused_is_rejected(exception: BaseException) -> None:
    """`OrderOutcomeUnknown` would page for orders that certainly do not exist."""
    assert REJECTED == fate(raising(exception))


def after(first: BaseException, then: BaseException) -> Callable[[], object]:
    """A function that raises `then` while it handles `first`."""

    def send() -> object:
        try:
            raise first
        except BaseException:
            raise then  # noqa: B904

    return send


def caused_by(cause: BaseException, outer: BaseException) -> Callable[[], object]:
    """A function that raises `outer` from `cause`."""

    def send() -> object:
        raise outer from cause

    return send


@pytest.mark.parametrize(
    ("function", "right"),
    [
        (caused_by(TimeoutError(), OrderFailed()), UNKNOWN),
        (caused_by(Carrier(status=504), OrderFailed()), UNKNOWN),
        (caused_by(Carrier(status=400), OrderFailed()), REJECTED),
        (after(TimeoutError(), OrderFailed()), UNKNOWN),
        (after(Carrier(status=400), OrderFailed()), REJECTED),
        (after(after_timeout := TimeoutError(), Carrier("retry", status=400)), REJECTED),
        (after(after_timeout, Carrier("retry", code=-2010)), REJECTED),
        (after(after_timeout, of_library("ccxt.base.errors.ExchangeError")), REJECTED),
        (after(Carrier(status=429), ConnectionResetError()), UNKNOWN),
        (after(Carrier(status=400), Carrier("retry", status=503)), UNKNOWN),
        (after(json.JSONDecodeError("", "", 0), Carrier("html", status=400)), REJECTED),
        (caused_by(Carrier(status=502), of_library("ccxt.base.errors.ExchangeError")), UNKNOWN),
        (caused_by(TimeoutError(), Carrier("wrapper", code=2000)), UNKNOWN),
        (caused_by(TimeoutError(), of_library("starlette.exceptions.HTTPException", status_code=400)), UNKNOWN),
        (caused_by(Carrier(status=400), of_library("starlette.exceptions.HTTPException", status_code=502)), REJECTED),
        (raising(of_library("starlette.exceptions.HTTPException", status_code=422)), REJECTED),
        (
            caused_by(
                of_library("aiohttp.http_exceptions.HttpProcessingError", code=400),
                of_library("aiohttp.client_exceptions.ClientResponseError", status=400),
            ),
            UNKNOWN,
        ),
    ],
)
def test_the_answer_that_came_last_decides(function: Callable[[], object], right: str) -> None:
    """A wrapper would hide a timeout, or a timeout that a retry has settled would count for ever."""
    assert right == fate(function)


def test_a_suppressed_context_is_looked_at() -> None:
    """`raise … from None` hides the timeout from readers of a traceback, and the order would count as refused."""

    def send() -> object:
        try:
            raise TimeoutError
        except TimeoutError:
            raise OrderFailed from None

    assert UNKNOWN == fate(send)


def test_a_timeout_that_the_caller_is_handling_does_not_count(metrics: TradingMetrics) -> None:
    """A bot that places an order while it handles a timeout of its feed would see every refusal as unknown."""

    @track_order(strategy="s", side="BUY", metrics=metrics)
    def place() -> object:
        raise OrderFailed("bad quantity")

    def poll() -> None:
        try:
            raise TimeoutError("feed")
        except TimeoutError:
            place()

    with pytest.raises(OrderFailed) as caught:
        poll()
    assert isinstance(caught.value.__context__, TimeoutError)
    assert 1 == recorded(metrics)["trading_orders_rejected_total s order_failed"]


def test_exceptions_in_a_circle_end() -> None:
    """A bot that raises an exception from one of its own causes would never return from placing an order."""
    first, second = OrderFailed("1"), OrderFailed("2")
    first.__cause__, second.__cause__ = second, first
    assert REJECTED == fate(raising(first))


class Grudging(Exception):  # noqa: N818
    """An exception whose attributes cannot be read."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)


def test_attributes_that_raise_say_nothing(metrics: TradingMetrics) -> None:
    """An exception with a broken property would cost an error of the instrumentation and the order's count."""
    with pytest.raises(Grudging):
        track_order(strategy="s", side="BUY", metrics=metrics)(raising(Grudging()))()
    assert 1 == recorded(metrics)["trading_orders_rejected_total s grudging"]
    assert {} == errors(metrics)


def is_seven(error: Any) -> bool:
    """A user's predicate."""
    return bool(error.code == -7)


@pytest.mark.parametrize("unknown_on", [is_seven, (is_seven,), [KeyError, "Throttled", is_seven]])
@pytest.mark.parametrize(("code", "right"), [(-7, UNKNOWN), (-8, REJECTED)])
def test_a_predicate_decides_what_is_unknown(unknown_on: Any, code: int, right: str) -> None:
    """A venue whose timeouts and refusals share a class would have both counted as one."""
    assert right == fate(raising(Carrier("venue", code=code)), unknown_on)
    assert right == fate(caused_by(Carrier("venue", code=code), Carrier("wrapper", code=None)), unknown_on)


def test_a_predicate_wins_over_the_http_status() -> None:
    """A venue answers timeouts and refusals with 400, and only its code distinguishes them."""
    assert UNKNOWN == fate(raising(Carrier("venue", code=-7, status=400)), is_seven)


def test_a_predicate_that_raises_says_no_and_is_counted_once(metrics: TradingMetrics) -> None:
    """A mistake in a predicate would stay unseen, or reach the trading code."""
    place = track_order(strategy="s", side="BUY", unknown_on=is_seven, metrics=metrics)(
        caused_by(ValueError(), OrderFailed())
    )
    with pytest.raises(OrderFailed):
        place()
    assert 1 == recorded(metrics)["trading_orders_rejected_total s order_failed"]
    assert [1] == [count for (_, stage), count in errors(metrics).items() if stage == "source"]


async def later(error: object) -> bool:
    """A coroutine function, whose answer would always be true."""
    return False


@pytest.mark.parametrize("unknown_on", [later, lambda: True, lambda error, more: True, (len, int)])
def test_a_predicate_that_cannot_work_is_refused_when_decorating(unknown_on: Any) -> None:
    """A mistake there would be noticed when a live order had been counted as refused."""
    with pytest.raises(ConfigurationError, match="unknown_on"):
        track_order(strategy="s", unknown_on=unknown_on)


class Response:
    """An HTTP response with plain attributes, so that its fields may be read from memory."""

    def __init__(self, **attributes: object) -> None:
        vars(self).update(attributes)


RESPONSES = {
    503: (UNKNOWN, "service_unavailable"),
    408: (UNKNOWN, "request_timeout"),
    599: (UNKNOWN, "http_599"),
    429: (REJECTED, "too_many_requests"),
    418: (REJECTED, "im_a_teapot"),
    400: (REJECTED, "bad_request"),
    200: (None, ""),
    302: (None, ""),
}


@pytest.mark.parametrize(
    "made",
    [
        lambda status: Response(status_code=status),  # requests, httpx
        lambda status: Response(status=status, headers={}, reason="See the body"),  # aiohttp
        lambda status: {"status_code": status},
    ],
    ids=["status_code", "status", "dict"],
)
def test_an_http_response_that_is_returned_decides_as_the_exception_would(
    metrics: TradingMetrics, made: Callable[[int], object]
) -> None:
    """A bot that does not call `raise_for_status` would see none of its refused orders, nor those that may be live."""
    place = track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=metrics)(made)
    expected: dict[str, float] = {"trading_orders_submitted_total s BUY LIMIT": 2 * len(RESPONSES)}
    for times in (1, 2):  # the second time, the calls that can be are repeated from memory
        for status, (fate, reason) in RESPONSES.items():
            place(status)
            if fate is not None:
                expected[f"trading_orders_{fate}_total s {reason}"] = times
    assert expected == recorded(metrics)
    assert {} == errors(metrics)


@pytest.mark.parametrize(("status", "found"), RESPONSES.items(), ids=map(str, RESPONSES))
def test_an_http_response_decides_for_the_tracker_too(
    metrics: TradingMetrics, status: int, found: tuple[str | None, str]
) -> None:
    """An order that the broker refused would stay open for ever."""
    orders = OrderTracker(strategy="s", metrics=metrics)

    @orders.submit(order_id=arg("one"))
    def send(one: str, side: str, order_type: str) -> Response:
        return Response(status_code=status)

    send("A-1", "BUY", "LIMIT")
    fate, reason = found
    counted = {name: count for name, count in recorded(metrics).items() if " s " in name and "submitted" not in name}
    assert ({f"trading_orders_{fate}_total s {reason}": 1} if fate else {}) == counted


def test_a_status_with_a_source_of_its_own_beats_the_response(metrics: TradingMetrics) -> None:
    """A bot that reads the body itself would be overruled."""

    @track_order(strategy="s", side="BUY", status=result("word"), metrics=metrics)
    def place(order_type: str) -> Response:
        return Response(status_code=500, word="filled")

    place("LIMIT")
    assert 1 == recorded(metrics)["trading_orders_filled_total s BUY"]


def test_a_number_that_an_order_is_known_by_is_no_http_status(metrics: TradingMetrics) -> None:
    """Order 503 would count as an outage."""
    track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=metrics)(lambda: 503)()
    assert {"trading_orders_submitted_total s BUY LIMIT": 1} == recorded(metrics)


class Word(enum.IntEnum):
    """A bot's own states of orders."""

    FILLED = 77


OWN_WORDS = {
    "filled": "trading_orders_filled_total s BUY",
    "rejected": "trading_orders_rejected_total s unknown",
    "new": None,
    Word.FILLED: "trading_orders_filled_total s BUY",
}


@pytest.mark.parametrize(("word", "counted"), OWN_WORDS.items(), ids=str)
@pytest.mark.parametrize("status", [200, 400, 503])
def test_the_order_s_own_word_beats_a_status_code_beside_it(word: object, counted: str | None, status: int) -> None:
    """A broker's answer that has a `status_code` of its own would be read as an outage, and its order as refused."""
    for answer in (Response(status_code=status, status=word), {"id": "1", "status_code": status, "status": word}):
        found = both_ways(lambda _, answer=answer: answer)
        assert [{} if counted is None else {counted: 1}] * 2 == found


@pytest.mark.parametrize("word", ["", " ", "-", "N/A", None, "503 SERVICE UNAVAILABLE", 503])
def test_a_response_whose_status_is_no_word_decides(word: object) -> None:
    """A test client's response, or a body with an empty status, would hide the outage."""
    answer = Response(status_code=503, status=word, headers={})
    assert [{"trading_orders_unknown_total s service_unavailable": 1}] * 2 == both_ways(lambda _: answer)


def test_a_response_beats_the_state_that_the_order_had_before() -> None:
    """A function that takes an order with the status `new` would never show an outage."""
    order = Response(status="new", client_id="c-1")
    answers = both_ways(lambda _: Response(status_code=503), order)
    assert [{"trading_orders_unknown_total s service_unavailable": 1}] * 2 == answers


class Broken:
    """An answer whose status cannot be read."""

    status_code = 503

    @property
    def status(self) -> object:
        """The status."""
        raise RuntimeError("gone")


class Lazy:
    """An answer that cannot be asked for its status code."""

    @property
    def status_code(self) -> int:
        """The status."""
        raise RuntimeError("gone")


@pytest.mark.parametrize(
    ("answer", "counted"), [(Broken(), {"trading_orders_unknown_total s service_unavailable": 1}), (Lazy(), {})]
)
def test_an_answer_that_cannot_be_read_costs_only_itself(answer: object, counted: dict[str, float]) -> None:
    """The order would not even count as submitted."""
    assert [counted] * 2 == both_ways(lambda _: answer, faults=1)


def both_ways(function: Callable[[Any], object], order: object = None, *, faults: int = 0) -> list[dict[str, float]]:
    """Return what `track_order` and `OrderTracker.submit` count beside the submit, which both have to count."""
    found = []
    for decorator in (
        lambda metrics: track_order(strategy="s", side="BUY", order_type="LIMIT", metrics=metrics),
        lambda metrics: OrderTracker("s", metrics=metrics).submit(
            order_id=lambda call: "c-1", side="BUY", order_type="LIMIT"
        ),
    ):
        metrics = TradingMetrics()

        def place(order: object) -> object:
            return function(order)

        decorator(metrics)(place)(order)
        counts = {name: count for name, count in recorded(metrics).items() if name.startswith("trading_orders_")}
        assert 1 == counts.pop("trading_orders_submitted_total s BUY LIMIT")
        assert faults == sum(errors(metrics).values())
        found.append(counts)
    return found


class Lazy(Exception):  # noqa: N818 - a client's
    """An exception that asks the venue for its fields when they are read."""

    def __init__(self) -> None:
        super().__init__("refused")
        self.asked: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self.asked[name] += 1
        return None


@pytest.mark.parametrize(
    ("decorator", "sources"),
    [(track_order, {"strategy": "s"}), (track_request, {"endpoint": "/orders", "method": "POST"})],
)
def test_an_exception_is_asked_for_each_of_its_fields_once(
    metrics: TradingMetrics, decorator: Any, sources: dict[str, str]
) -> None:
    """An exception with lazy fields would cost several requests to the venue, in the middle of a failure."""
    failure = Lazy()

    @decorator(**sources, metrics=metrics)
    def place(side: str, order_type: str) -> None:
        raise failure

    for _ in range(2):
        failure.asked.clear()
        with pytest.raises(Lazy):
            place("buy", "limit")
        assert failure.asked
        assert {1} == set(failure.asked.values())
