"""Label sources: constants, `arg`, `result`, `error`, functions of the `Call`, and what is looked up when left out."""

from __future__ import annotations

import functools
import inspect
import sys
from collections import ChainMap, UserDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from types import MappingProxyType, SimpleNamespace
from typing import Annotated, Any, Final, Literal, NewType, Optional

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.recorded import errors, recorded, sample
from tradmetrics import (
    Call,
    LabelSourceError,
    MetricDefinition,
    TradingMetrics,
    TradmetricsError,
    arg,
    error,
    result,
    track,
    track_order,
    track_trade,
)

SEEN = MetricDefinition("seen_total", "counter", "Calls by what was read from them.", ("what",))


@pytest.fixture
def metrics() -> TradingMetrics:
    """A metrics object of the test's own."""
    return TradingMetrics()


def seen(metrics: TradingMetrics) -> dict[str, float]:
    """How often each value of the label was recorded."""
    return {name.partition(" ")[2]: value for name, value in recorded(metrics).items() if name.startswith("seen_total")}


def watching(
    metrics: TradingMetrics, what: Any, function: Callable[..., Any], on: Any = "finished"
) -> Callable[..., Any]:
    """`function`, with `what` read into the label of a metric."""
    return track(SEEN, what=what, on=on, metrics=metrics)(function)


# ── paths ────────────────────────────────────────────────────────────────────────────────────────────────────────

Pair = namedtuple("Pair", "first second")


@dataclass
class Node:
    """An object with something of everything in it."""

    name: str = "node"
    child: Any = None
    items: Any = field(default_factory=list)


class Slotted:
    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Dynamic:
    def __getattr__(self, name: str) -> str:
        if name.startswith("__"):
            raise AttributeError(name)
        return f"{name}!"


class Counting(Mapping[str, Any]):
    """A mapping that is no dict."""

    def __init__(self, **values: Any) -> None:
        self.values_by_name = values

    def __getitem__(self, key: str) -> Any:
        return self.values_by_name[key]

    def __iter__(self) -> Any:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)


class AttributeDict(dict[str, Any]):
    """A dict with attributes, as some broker libraries have."""

    extra = "attribute"


PATHS: list[tuple[Any, str, str]] = [
    ("text", "x", "text"),
    ({"side": "BUY"}, "x.side", "BUY"),
    (SimpleNamespace(side="BUY"), "x.side", "BUY"),
    (Slotted("slot"), "x.name", "slot"),
    (Dynamic(), "x.anything", "anything!"),
    (Node(child={"deep": Node(name="deep")}), "x.child.deep.name", "deep"),
    ([10, 20, "thirty"], "x.2", "thirty"),
    ([10, 20, "thirty"], "x.-1", "thirty"),
    (("a", {"b": "c"}), "x.1.b", "c"),
    (Pair("one", "two"), "x.second", "two"),
    (Pair("one", "two"), "x.0", "one"),
    ({"legs": [{"symbol": "NIFTY"}]}, "x.legs.0.symbol", "NIFTY"),
    (deque(["first", "last"]), "x.-1", "last"),
    ({"items": "a key, not the method"}, "x.items", "a key, not the method"),
    ({"0": "a key, not an index"}, "x.0", "a key, not an index"),
    (AttributeDict(key="entry"), "x.key", "entry"),
    (AttributeDict(extra="entry"), "x.extra", "entry"),
    (AttributeDict(), "x.extra", "attribute"),
    (MappingProxyType({"side": "SELL"}), "x.side", "SELL"),
    (UserDict(side="SELL"), "x.side", "SELL"),
    (ChainMap({}, {"side": "SELL"}), "x.side", "SELL"),
    (Counting(side="SELL"), "x.side", "SELL"),
    ({"class": "a keyword"}, "x.class", "a keyword"),
    ({"with space": "odd"}, "x.with space", "odd"),
    (Node(name=""), "x.name", "unknown"),
    (Node(name=None), "x.name", "unknown"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(
    ("value", "path", "expected"), PATHS, ids=[f"{path} {i}" for i, (_, path, _) in enumerate(PATHS)]
)
def test_a_path_is_keys_attributes_and_indexes(metrics: TradingMetrics, value: Any, path: str, expected: str) -> None:
    """Labels that lie two steps deep could not be had without a function of one's own."""
    watched = watching(metrics, arg(path), lambda x: None)
    for _ in range(3):
        watched(value)
    assert {expected: 3} == seen(metrics)
    assert {} == errors(metrics)


@pytest.mark.parametrize("path", ["order.side", "order.legs.side"])
def test_reading_a_label_leaves_a_defaultdict_as_it_is(metrics: TradingMetrics, path: str) -> None:
    """An order would go to the broker with a field that the bot never put there, for being watched."""
    watched = watching(metrics, arg(path), lambda order: None)
    order: dict[str, Any] = defaultdict(str, legs=defaultdict(str))
    for _ in range(3):
        watched(order)
    assert {"legs": {}} == order
    assert {"unknown": 3} == seen(metrics)
    assert 3 == sum(errors(metrics).values())


def _with_order(order: Any, side: Any = None, type: Any = None) -> Any:
    return order.get("answer")


def _with_keywords(side: Any = None, type: Any = None, **params: Any) -> Any:
    return params.get("answer")


BUY_LIMIT = "trading_orders_submitted_total s BUY LIMIT"
LEFT_OUT: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = [
    (_with_order, ({"side": "buy", "type": "limit"},), {}),
    (_with_order, ({"side": "sell", "type": "market"}, "buy", "limit"), {}),
    (_with_order, ({"type": "limit"}, "buy"), {}),
    (_with_order, ({"answer": {"side": "buy", "type": "limit"}},), {}),
    (_with_keywords, (), {"action": "buy", "orderType": "limit"}),
    (_with_keywords, ("buy",), {"answer": {"side": "sell", "type": "limit"}}),
]


@pytest.mark.parametrize(("function", "args", "kwargs"), LEFT_OUT, ids=map(str, range(len(LEFT_OUT))))
def test_a_parameter_that_is_left_out_leaves_the_label_to_the_places_after_it(
    metrics: TradingMetrics, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """`def place(order, side=None)` would record the side `unknown` though the order says it, and nobody would know."""
    place = track_order(strategy="s", metrics=metrics)(function)
    for _ in range(3):
        place(*args, **kwargs)
    assert {BUY_LIMIT: 3} == recorded(metrics)
    assert {} == errors(metrics)


class Ticket:
    """An order of the user's own."""

    def __init__(self) -> None:
        self.side, self.type, self.strategy_id = "buy", "limit", "s"


Tag = NewType("Tag", str)


def _optional(ticket: Ticket, tag: Optional[str] = None) -> None: ...  # noqa: UP045
def _union(ticket: Ticket, limit: Decimal | float | None = None) -> None: ...
def _literal(ticket: Ticket, *, time_in_force: Literal["GTC", "DAY"] | None = None) -> None: ...
def _annotated(ticket: Ticket, tag: Annotated[str | None, "the client's"] = None) -> None: ...
def _named(ticket: Ticket, tag: Tag | None = None) -> None: ...
def _tags(ticket: Ticket, tags: Sequence[str] = (), more: list[str] | None = None) -> None: ...


@pytest.mark.parametrize("function", [_optional, _union, _literal, _annotated, _named, _tags])
def test_the_order_is_found_beside_parameters_that_are_plain_by_their_annotation(
    metrics: TradingMetrics, function: Callable[..., Any]
) -> None:
    """With one `tag: Optional[str] = None` more, all orders would be of an unknown side, or the bot would not start."""
    track_order(metrics=metrics)(function)(Ticket())
    assert {BUY_LIMIT: 1} == recorded(metrics)


# Written without `from __future__ import annotations`, as most bots are.
_BOT: Final = """
from typing import Literal, TYPE_CHECKING

class Order:
    ticket: Ticket  # imported for type checkers only
    side: Literal["BUY"]

class Child(Order):
    order_type: Literal["LIMIT"]

def place(order: Child, ticket: Ticket = None): ...
"""


def test_domains_of_an_annotated_class_are_found_on_each_version_of_python(metrics: TradingMetrics) -> None:
    """On Python 3.14 no series would be there at 0 before the first order, or the bot would not even start."""
    bot: dict[str, Any] = {"__name__": "bot"}
    eager = sys.version_info < (3, 14)
    exec(compile(_BOT.replace("Ticket", "str") if eager else _BOT, "bot", "exec", dont_inherit=True), bot)
    track_order(strategy="s", precreate=True, metrics=metrics)(bot["place"])
    assert 0 == sample(metrics, "trading_orders_submitted_total", strategy="s", side="BUY", order_type="LIMIT")


def test_a_parameter_that_is_left_out_and_found_nowhere_is_said(
    metrics: TradingMetrics, caplog: pytest.LogCaptureFixture
) -> None:
    """The label would read `unknown` for ever, and nothing would say so."""

    @track_order(strategy="s", order_type="LIMIT", metrics=metrics)
    def place(symbol: str, side: str | None = None) -> None:
        """Place an order."""

    for _ in range(3):
        place("SPY")
    place("SPY", "BUY")
    (line,) = [record.getMessage() for record in caplog.records if "side=" in record.getMessage()]
    assert "place: no source yields the label 'side'" in line
    assert "the parameters for side" in line
    assert "write side='BUY', side=arg('…') or side=result('…'), or side='unknown' if nobody can know" in line
    assert {"trading_orders_submitted_total s unknown LIMIT": 3, "trading_orders_submitted_total s BUY LIMIT": 1} == (
        recorded(metrics)
    )


@pytest.mark.parametrize("pnl", [2.5, "2.5"])
def test_a_pnl_that_is_left_out_is_the_result_s(metrics: TradingMetrics, pnl: Any) -> None:
    """`def close(symbol, pnl=None)` would record no profit, though it returns its P&L."""

    @track_trade(strategy="s", side="SELL", metrics=metrics)
    def close(answer: Any, pnl: Any = None) -> Any:
        """Close a position."""
        return answer

    for _ in range(2):
        close(2.5)
        close({"profit": 2.5})
        close(None, pnl=pnl)
    assert 15.0 == sample(metrics, "trading_profit_total", strategy="s")


def test_looking_for_a_label_that_was_left_out_leaves_a_defaultdict_as_it_is(metrics: TradingMetrics) -> None:
    """The same for what nobody has asked to read."""

    @track_order(strategy="s", metrics=metrics)
    def place(order: dict[str, str]) -> None:
        """Place an order."""

    order: dict[str, str] = defaultdict(str)
    for _ in range(3):
        place(order)
    assert {} == order
    assert {"trading_orders_submitted_total s unknown unknown": 3} == recorded(metrics)


@pytest.mark.parametrize(
    ("value", "path", "expected"), PATHS, ids=[f"{path} {i}" for i, (_, path, _) in enumerate(PATHS)]
)
def test_results_and_exceptions_are_read_by_the_same_paths(
    metrics: TradingMetrics, value: Any, path: str, expected: str
) -> None:
    """What works on an argument would not on an answer."""

    class Carrier(Exception):  # noqa: N818
        x = value

    def fail() -> None:
        raise Carrier

    answer = {"x": value}
    assert answer is watching(metrics, result(path), lambda: answer, on="returned")()
    with pytest.raises(Carrier):
        watching(metrics, error(path), fail, on="raised")()
    assert {expected: 2} == seen(metrics)
    assert {} == errors(metrics)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({}, "x.side"),
        (None, "x.side"),
        ("text", "x.side"),
        (5, "x.real"),
        ([], "x.0"),
        ([1], "x.1"),
        ([1], "x.-2"),
        ([1], "x.first"),
        ({1: "int key"}, "x.1"),
        (SimpleNamespace(side=None), "x.side.value"),
        (Counting(), "x.side"),
    ],
)
def test_a_path_that_leads_nowhere_is_unknown_and_counted_once_a_call(
    metrics: TradingMetrics, value: Any, path: str
) -> None:
    """A misspelt path would go unnoticed, or stop the trade."""
    watched = watching(metrics, arg(path), lambda x: None)
    for _ in range(3):
        watched(value)
    assert {"unknown": 3} == seen(metrics)
    assert {("<lambda>", "source"): 3} == errors(metrics)


def test_the_message_of_a_failed_path_names_the_step(metrics: TradingMetrics, caplog: pytest.LogCaptureFixture) -> None:
    """Of a path of four steps, nobody would know which one was wrong."""
    watching(metrics, arg("order.legs.0.symbol"), lambda order: None)({"legs": [{}]})
    assert "dict has no key, attribute or index 'symbol'" in caplog.text


def test_what_raises_while_it_is_read_is_unknown_and_counted(metrics: TradingMetrics) -> None:
    """A property that connects to a broker, and fails, would stop the trade."""

    class Remote:
        @property
        def side(self) -> str:
            raise ConnectionError("gone")

    watching(metrics, arg("x.side"), lambda x: None)(Remote())
    watching(metrics, lambda call: call.arguments["x"].side, lambda x: None)(Remote())
    assert {"unknown": 2} == seen(metrics)
    assert {("<lambda>", "source"): 2} == errors(metrics)


@pytest.mark.parametrize("path", ["", "a..b", ".a", "a.", " . ", "a. .b"])
def test_a_malformed_path_fails_where_it_is_written(path: str) -> None:
    """The mistake would show as `unknown` labels, days later."""
    with pytest.raises(LabelSourceError, match=r"arg\("):
        arg(path)
    if path:
        with pytest.raises(LabelSourceError, match=r"result\("):
            result(path)
        with pytest.raises(LabelSourceError, match=r"error\("):
            error(path)


@pytest.mark.parametrize("path", [None, 5, ["order", "side"], lambda order: order])
@pytest.mark.parametrize("source", [arg, result, error])
def test_a_path_that_is_no_text_fails_where_it_is_written(source: Any, path: Any) -> None:
    """`arg(order)` instead of `arg("order")` would fail with a riddle."""
    with pytest.raises(LabelSourceError, match=source.__name__):
        source(path)


def test_sources_are_values() -> None:
    """Two configurations that say the same could not be told to be the same."""
    assert arg("order.side") == arg("order.side")
    assert hash(result("a")) == hash(result("a"))
    assert arg("a") != arg("b")
    assert arg("a") != result("a")
    assert {arg("a"), arg("a"), error("a")} == {arg("a"), error("a")}
    assert ["arg('order.side')", "result()", "error('code')"] == [
        repr(arg("order.side")), repr(result()), repr(error("code")),
    ]  # fmt: skip


# ── constants ────────────────────────────────────────────────────────────────────────────────────────────────────


class Desk(Enum):
    """Labels that a user keeps in an enum."""

    DELTA = "delta"
    NUMBERED = 5


class Level(IntEnum):
    """An enum of numbers."""

    HIGH = 3


@pytest.mark.parametrize(
    ("constant", "expected"),
    [("gamma", "gamma"), (Desk.DELTA, "delta"), (Desk.NUMBERED, "NUMBERED"), (Level.HIGH, "HIGH"), (7, "7"),
     (1.5, "1.5"), (True, "True"), ("  padded  ", "padded"), ("", "unknown"), ("a\x00b\nc", "a\ufffdb\ufffdc"),
     ("x" * 200, "x" * 128)],
)  # fmt: skip
def test_a_constant_is_the_label(metrics: TradingMetrics, constant: Any, expected: str) -> None:
    """A strategy's name would be recorded as something else."""
    watched = watching(metrics, constant, lambda: None)
    for _ in range(3):
        watched()
    assert {expected: 3} == seen(metrics)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x" * 128, "x" * 128),
        ("x" * 129, "x" * 128),
        ("x" * 127 + " yz", "x" * 127),  # blanks that the cut leaves at the end
        (" " * 200 + "x" * 200, "x" * 128),
        (" " * 500 + "x" * 200, "x" * 12),  # of a text beyond 512 characters nothing more is looked at
        (" " * 600 + "x", "unknown"),
        ("\x00" * 600, "\ufffd" * 128),
        ("\ud800\x7f\x85\u2028", "\ufffd" * 4),
        ("क्रय €", "क्रय €"),
        (b"caf\xc3\xa9", "café"),
        (bytearray(b"desk"), "desk"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"x" * 100_000, "x" * 128),
        (SimpleNamespace(a=1), "namespace(a=1)"),
    ],
)
def test_a_value_is_the_text_that_fits_into_a_label(metrics: TradingMetrics, value: Any, expected: str) -> None:
    """A value that is long, or not for the eye, would break the exposition or make a label that nobody can select."""
    watched = watching(metrics, arg("what"), lambda what: None)
    for _ in range(2):
        watched(value)
    assert {expected: 2} == seen(metrics)
    assert {} == errors(metrics)


# ── arguments, however they are passed ───────────────────────────────────────────────────────────────────────────


def positional_only(what: Any, /) -> None:
    """A parameter positional only."""


def positional_only_and_others(other: Any, what: Any = "default", /, third: Any = 3, *, fourth: Any = 4) -> None:
    """A parameter positional only, before others that are not."""


def keyword_only(*, what: Any) -> None:
    """A parameter keyword only."""


def with_default(other: Any = None, what: Any = "default") -> None:
    """A parameter with a default."""


def keyword_default(*, what: Any = "default") -> None:
    """A parameter keyword only, with a default."""


def between_stars(*args: Any, what: Any = "default", **kwargs: Any) -> None:
    """A parameter between stars."""


def isinstance_is_a_name(isinstance: Any, what: Any) -> None:
    """A parameter beside a parameter that is called like a builtin."""


CALLS: list[tuple[Callable[..., None], tuple[Any, ...], dict[str, Any], str]] = [
    (positional_only, ("a",), {}, "a"),
    (positional_only_and_others, (1, "a"), {}, "a"),
    (positional_only_and_others, (1,), {"third": 5}, "default"),
    (positional_only_and_others, (1, "a", 3), {"fourth": 5}, "a"),
    (keyword_only, (), {"what": "a"}, "a"),
    (with_default, (), {}, "default"),
    (with_default, (1, "a"), {}, "a"),
    (with_default, (), {"what": "a"}, "a"),
    (with_default, (1,), {"what": "a"}, "a"),
    (keyword_default, (), {}, "default"),
    (keyword_default, (), {"what": "a"}, "a"),
    (between_stars, (1, 2, 3), {"x": 1}, "default"),
    (between_stars, (1, 2, 3), {"x": 1, "what": "a"}, "a"),
    (isinstance_is_a_name, (1, "a"), {}, "a"),
]


@pytest.mark.parametrize(("function", "args", "kwargs", "expected"), CALLS)
def test_an_argument_is_read_however_it_was_passed(
    metrics: TradingMetrics, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], expected: str
) -> None:
    """A call written with keywords would count under another label than one without."""
    for source in (arg("what"), None, lambda call: call.arguments["what"]):
        watched = watching(metrics, source, function)
        watched(*args, **kwargs)
        watched(*args, **kwargs)
    assert {expected: 6} == seen(metrics)

    def boxed(value: Any) -> Any:
        return SimpleNamespace(text="boxed") if value == "a" else value

    if expected == "a":
        watched = watching(metrics, arg("what.text"), function)
        for _ in range(2):
            watched(*map(boxed, args), **{name: boxed(value) for name, value in kwargs.items()})
        assert {"a": 6, "boxed": 2} == seen(metrics)


def test_variable_arguments_are_read_by_index_and_by_name(metrics: TradingMetrics) -> None:
    """Functions that pass everything on could not be labelled."""

    def call(*args: Any, **kwargs: Any) -> None:
        pass

    watching(metrics, arg("args.1"), call)("a", "b")
    watching(metrics, arg("kwargs.what"), call)(what="c")
    watching(metrics, arg("what"), call)(what="d")
    watching(metrics, None, call)(what="f")
    watching(metrics, arg("what.deep"), call)(what={"deep": "e"})
    assert {"b": 1, "c": 1, "d": 1, "e": 1, "f": 1} == seen(metrics)
    watching(metrics, arg("what"), call)()
    assert 1 == seen(metrics)["unknown"]
    assert {("call", "source"): 1} == errors(metrics)


def test_a_wrong_call_raises_what_it_always_raised(metrics: TradingMetrics) -> None:
    """A TypeError would name our wrapper, or be swallowed."""

    def place(what: str) -> None:
        raise AssertionError("was called")

    with pytest.raises(TypeError) as undecorated:
        place()  # type: ignore[call-arg]
    with pytest.raises(TypeError) as decorated:
        watching(metrics, arg("what"), place)()
    assert str(undecorated.value) == str(decorated.value)


def test_names_that_python_mangles_are_read(metrics: TradingMetrics) -> None:
    """Private attributes of a class could not be labels."""

    class Bot:
        def __init__(self) -> None:
            self.__name = "mangled"

        @track(SEEN, what=arg("self._Bot__name"), metrics=metrics)
        def trade(self) -> None:
            pass

    Bot().trade()
    assert {"mangled": 1} == seen(metrics)


def test_the_signature_of_what_is_wrapped_is_looked_at(metrics: TradingMetrics) -> None:
    """Functions under other decorators would seem to have no parameters."""

    def passing(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapper

    watching(metrics, arg("what"), passing(with_default))(what="a")
    watching(metrics, arg("what"), functools.partial(with_default, 1))("b")
    watching(metrics, arg("what"), functools.partial(with_default, what="c"))()
    assert {"a": 1, "b": 1, "c": 1} == seen(metrics)


def test_a_wrapper_that_takes_other_arguments_than_it_says_costs_a_label(metrics: TradingMetrics) -> None:
    """A decorator that injects an argument would make every call of the function fail."""

    def injecting(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any) -> Any:
            return function("session", *args)

        return wrapper

    @injecting
    def place(session: str, what: str) -> tuple[str, str]:
        return session, what

    assert ("session", "a") == watching(metrics, arg("what"), place)("a")
    assert {"unknown": 1} == seen(metrics)
    assert {("place", "source"): 1} == errors(metrics)


def test_a_wrapper_that_takes_a_keyword_for_itself_costs_no_label(metrics: TradingMetrics) -> None:
    """Every call that says how often to retry, or how long to wait, would be of nobody's strategy."""

    def retrying(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any, retries: int = 0, **kwargs: Any) -> Any:
            return retries, function(*args, **kwargs)

        return wrapper

    @retrying
    def place(session: str, what: str) -> tuple[str, str]:
        return session, what

    watched = watching(metrics, arg("what"), place)
    for _ in range(2):
        assert (5, ("session", "a")) == watched("session", "a", retries=5)
        assert (5, ("session", "a")) == watched(what="a", session="session", retries=5)
    assert {"a": 4} == seen(metrics)
    assert {} == errors(metrics)
    with pytest.raises(TypeError):
        watched(retries=5)  # which lacks what the function needs
    assert {"a": 4, "unknown": 1} == seen(metrics)
    assert {("place", "source"): 1} == errors(metrics)


def test_builtins_without_a_signature_are_called_as_ever(metrics: TradingMetrics) -> None:
    """Decorating a function that is written in C would fail."""
    assert with_signature(max) is None
    watched = watching(metrics, "max", max)
    assert (3, 5) == (watched(1, 3), watched([1, 5]))
    assert 7 == watching(metrics, lambda call: len(call.arguments["args"]), max)(7, 2)
    assert 5 == watching(metrics, arg("default"), max)((), default=5)
    assert 6 == watching(metrics, lambda call: call.arguments["kwargs"], max)((), default=6)
    assert {"max": 2, "2": 1, "5": 1, "{'default': 6}": 1} == seen(metrics)


@pytest.mark.parametrize("name", ["class", "order-side"])
def test_parameters_that_cannot_be_written_in_python_are_read_when_passed_by_name(
    metrics: TradingMetrics, name: str
) -> None:
    """Functions that a framework makes out of a file, with names of its own, could not be decorated."""
    written = inspect.Parameter("written", inspect.Parameter.KEYWORD_ONLY)

    class Made:
        __signature__ = inspect.Signature([written])

        def __call__(self, *args: Any, **kwargs: Any) -> None:
            pass

    # Nor does `Parameter` take such a name.
    written._name = name  # type: ignore[attr-defined]
    calls: list[Mapping[str, Any]] = []
    watching(metrics, arg(name), Made())(**{name: "a"}, size=1)
    watching(metrics, lambda call: calls.append(call.arguments), Made())("b", size=2)
    assert {"a": 1, "unknown": 1} == seen(metrics)
    assert {} == errors(metrics)
    assert [{"args": ("b",), "kwargs": {"size": 2}, "size": 2}] == calls


def with_signature(function: Any) -> Any:
    """A function's signature; None where Python cannot tell."""
    try:
        return inspect.signature(function)
    except ValueError:
        return None


# ── result and error ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_result_that_is_none_by_itself_is_unknown_and_no_error(metrics: TradingMetrics) -> None:
    """A function that sometimes has no answer would be an error each time."""
    watching(metrics, result(), lambda: None)()
    assert {"unknown": 1} == seen(metrics)
    assert {} == errors(metrics)


def test_what_a_call_cannot_have_is_no_error(metrics: TradingMetrics) -> None:
    """Every call that raised would also be an error of the instrumentation, and the other way round."""

    def place(fails: bool) -> dict[str, str]:
        if fails:
            raise KeyError
        return {"status": "ok"}

    for source in (result("status"), error("code"), error()):
        watched = watching(metrics, source, place)
        if source == result("status"):
            with pytest.raises(KeyError):
                watched(True)
        else:
            watched(False)
    assert {"unknown": 3} == seen(metrics)
    assert {} == errors(metrics)


def test_the_exception_itself_is_a_label_of_its_text(metrics: TradingMetrics) -> None:
    """An exception with a short text could not be a label."""

    def fail() -> None:
        raise ValueError("margin")

    watched = watching(metrics, error(), fail)
    with pytest.raises(ValueError, match="margin"):
        watched()
    assert {"margin": 1} == seen(metrics)


# ── functions of the call ────────────────────────────────────────────────────────────────────────────────────────


def test_a_function_of_the_call_sees_all_of_it(metrics: TradingMetrics, monkeypatch: pytest.MonkeyPatch) -> None:
    """A label that depends on two things at once could not be had."""
    now = iter([10.0, 12.5, 20.0, 21.0])
    monkeypatch.setattr("tradmetrics.capture.call_site.perf_counter", lambda: next(now))
    calls: list[Call] = []

    def look(call: Call) -> str:
        calls.append(call)
        return "x"

    def place(side: str, quantity: int = 5, *legs: str, urgent: bool = False, **tags: str) -> str:
        if quantity < 0:
            raise ValueError("negative")
        return f"{side} {quantity}"

    watched = watching(metrics, look, place)
    watched("BUY", 3, "leg", desk="a")
    with pytest.raises(ValueError, match="negative") as raised:
        watched(side="SELL", quantity=-1, urgent=True)
    first, second = calls
    assert {"side": "BUY", "quantity": 3, "legs": ("leg",), "urgent": False, "tags": {"desk": "a"}} == first.arguments
    assert ("BUY 3", None, 2.5) == (first.result, first.exception, first.seconds)
    assert {"side": "SELL", "quantity": -1, "legs": (), "urgent": True, "tags": {}} == second.arguments
    assert (None, raised.value, 1.0) == (second.result, second.exception, second.seconds)
    assert ["Call(result='BUY 3', seconds=2.5)", "Call(exception=ValueError('negative'), seconds=1.0)"] == [
        repr(first), repr(second),
    ]  # fmt: skip
    assert {"x": 2} == seen(metrics)


def test_a_source_of_ones_own_can_be_tested_without_a_decorated_function() -> None:
    """Users could test their sources only through a whole call."""
    exception = ValueError()
    call = Call({"size": 500}, result="done", exception=exception, seconds=2.0)
    assert ({"size": 500}, "done", exception, 2.0) == (call.arguments, call.result, call.exception, call.seconds)
    assert (None, None, 0.0) == (Call({}).result, Call({}).exception, Call({}).seconds)


def test_a_function_of_the_call_runs_once_a_call(metrics: TradingMetrics) -> None:
    """A source that counts, or costs, would be asked again for each metric."""
    two = MetricDefinition("other_total", "counter", "Another one.", ("what",))
    asked: list[Call] = []

    def look(call: Call) -> str:
        asked.append(call)
        return "x"

    watched = watching(metrics, look, track(two, what="y", metrics=metrics)(lambda: None))
    watched()
    watched()
    assert 2 == len(asked)


class Source:
    """A callable object as a source."""

    def __call__(self, call: Call) -> str:
        return "from an object"


@pytest.mark.parametrize(
    ("source", "expected"),
    [(Source(), "from an object"), (functools.partial(lambda prefix, call: prefix, "partial"), "partial"),
     (Source().__call__, "from an object"), (lambda call: None, "unknown"), (lambda call: Desk.DELTA, "delta")],
)  # fmt: skip
def test_anything_that_can_be_called_with_the_call_is_a_source(
    metrics: TradingMetrics, source: Any, expected: str
) -> None:
    """Only plain functions would do."""
    watching(metrics, source, lambda: None)()
    assert {expected: 1} == seen(metrics)


# ── wrong sources ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (arg("wat"), r"what=arg\('wat'\) names no parameter; did you mean what=arg\('what'\)\?"),
        (arg("nothing_like_it"), "the function's parameters are: other, what"),
        (arg, r"what=arg is the function itself; write what=arg\('what'\)"),
        (error, r"what=error is the function itself; write what=error\(\)"),
        ([], r"what=\[\] is not a label source; write a constant"),
        (b"bytes", "is not a label source"),
        (dict, "is not a label source"),
        (object(), "is not a label source"),
    ],
)
def test_a_wrong_source_fails_when_decorating_with_what_to_write(source: Any, message: str) -> None:
    """The mistake would show as `unknown` labels, days later."""
    with pytest.raises(LabelSourceError, match=message) as caught:
        track(SEEN, what=source)(with_default)
    assert f"on {__name__}.with_default" in str(caught.value)


def test_a_label_without_a_source_names_what_there_is() -> None:
    """The user would have to read the documentation to go on."""
    with pytest.raises(LabelSourceError, match="the function has no parameters") as caught:
        track(SEEN)(lambda: None)
    assert "Write what='…' for a constant" in str(caught.value)
    with pytest.raises(LabelSourceError, match=r"what=arg\('what_it_is'\)") as caught:
        track(SEEN)(lambda self, side, what_it_is: None)
    assert "the function's parameters are: side, what_it_is" in str(caught.value)


def nothing_to_read() -> None:
    """No parameters at all."""


def unlike(side: str) -> None:
    """A parameter that is not like the label."""


def with_several(*args: str) -> None:
    """As many as are given."""


async def awaited(call: Call) -> str:
    """What takes the Call, and gives what has to be awaited."""
    return "never seen"


def several(call: Call) -> Any:
    """What takes the Call, and gives one value after the other."""
    yield "never seen"


class Bot:
    """Methods, whose first parameter is nobody's label."""

    def wait(self) -> None:
        """A method without parameters of its own."""

    def place(self, zeta: str, alpha: str) -> None:
        """A method with parameters, none of them like the label."""

    def whatever(self, side: str, what_it_is: str) -> None:
        """A method with a parameter whose name begins like the label."""

    def hedge(cls, what_it_was: str) -> None:  # noqa: N805 - a metaclass's method, say
        """A method of a class."""


NO_SOURCE = (
    "the label 'what' has no source. Write what='…' for a constant, what=arg({!r}) to read a parameter, or "
    "what=result('…') to read the result; {}"
)
NO_VALUE = (
    "what={!r} gives no value when it is called; a function that is a source takes the Call, e.g. "
    "what=lambda call: call.arguments['parameter']"
)
NO_LABEL_SOURCE = (
    "what={!r} is not a label source; write a constant (what='…'), arg('parameter'), result('path'), error('path'), or "
    "a function of the Call"
)


@pytest.mark.parametrize(
    ("source", "function", "message"),
    [
        (None, nothing_to_read, NO_SOURCE.format("parameter", "the function has no parameters")),
        (None, Bot.wait, NO_SOURCE.format("self.what", "the function has no parameters")),
        (None, Bot.place, NO_SOURCE.format("self.what", "the function's parameters are: alpha, zeta")),
        (None, with_several, NO_SOURCE.format("parameter", "the function's parameters are: args")),
        (None, unlike, NO_SOURCE.format("side", "the function's parameters are: side")),
        (None, Bot.whatever, NO_SOURCE.format("what_it_is", "the function's parameters are: side, what_it_is")),
        (None, Bot.hedge, NO_SOURCE.format("what_it_was", "the function's parameters are: what_it_was")),
        (arg("side"), nothing_to_read, "what=arg('side') names no parameter; the function has no parameters"),
        (arg("wo"), Bot.place, "what=arg('wo') names no parameter; the function's parameters are: zeta, alpha"),
        (
            arg("what_is_it"),
            Bot.whatever,
            "what=arg('what_is_it') names no parameter; did you mean what=arg('what_it_is')?; "
            "the function's parameters are: side, what_it_is",
        ),
        (
            arg("al"),
            Bot.place,
            "what=arg('al') names no parameter; did you mean what=arg('alpha')?; "
            "the function's parameters are: zeta, alpha",
        ),
        (
            arg("a"),  # nothing is near enough, but two names contain it
            Bot.place,
            "what=arg('a') names no parameter; did you mean what=arg('zeta')?; "
            "the function's parameters are: zeta, alpha",
        ),
        (arg, with_default, "what=arg is the function itself; write what=arg('what')"),
        (result, with_default, "what=result is the function itself; write what=result()"),
        (error, with_default, "what=error is the function itself; write what=error()"),
        (awaited, with_default, NO_VALUE.format(awaited)),
        (functools.partial(awaited), with_default, NO_VALUE.format(functools.partial(awaited))),
        (several, with_default, NO_VALUE.format(several)),
        ([], with_default, NO_LABEL_SOURCE.format([])),
        (dict, with_default, NO_LABEL_SOURCE.format(dict)),
    ],
)
def test_what_is_said_of_a_wrong_source_is_all_that_is_needed_to_mend_it(
    source: Any, function: Any, message: str
) -> None:
    """Whoever copies the corrected line out of the message would copy something that is wrong again."""
    with pytest.raises(LabelSourceError) as caught:
        track(SEEN, what=source)(function)
    assert f"@track(seen_total) on {__name__}.{function.__qualname__}: {message}" == str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: arg(""), "arg(''): name a parameter of the function, e.g. arg('side')"),
        (lambda: arg(5), "arg(5): name a parameter of the function, e.g. arg('side')"),  # type: ignore[arg-type]
        (lambda: result(5), "result(5): a path is a text, e.g. result('order.side')"),  # type: ignore[arg-type]
        (lambda: error(["x"]), "error(['x']): a path is a text, e.g. error('order.side')"),  # type: ignore[arg-type]
        (lambda: result(["x" * 99]), f"result(['{'x' * 58}): a path is a text, e.g. result('order.side')"),  # type: ignore[arg-type]
        (lambda: error("a..b"), "error('a..b'): a path is names joined by single dots, e.g. 'order.side'"),
    ],
)
def test_what_is_said_of_a_wrong_path_is_all_that_is_needed_to_mend_it(make: Any, message: str) -> None:
    """Whoever copies the example out of the message would copy something that is wrong again."""
    with pytest.raises(LabelSourceError) as caught:
        make()
    assert message == str(caught.value)


def test_a_strict_metrics_object_raises_where_a_source_fails() -> None:
    """A test of one's own code would not see the mistake."""
    strict = TradingMetrics(strict=True)
    with pytest.raises(LabelSourceError, match="no key, attribute or index 'side'") as caught:
        watching(strict, arg("x.side"), lambda x: None)({})
    assert isinstance(caught.value.__cause__, LookupError)
    with pytest.raises(TradmetricsError, match="nope"):
        watching(strict, lambda call: 1 / 0 if call.result else (_ for _ in ()).throw(ValueError("nope")), lambda: 0)()


# ── the same labels as without any shortcut ──────────────────────────────────────────────────────────────────────


class Same(Enum):
    """Members that are equal to nothing but themselves."""

    ONE = 1
    TEXT = "text"


class Text(str):
    """A text that shows itself as another."""

    def __str__(self) -> str:
        return "shown"


class Fickle:
    """Equal to everything, with a text of its own."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1

    def __str__(self) -> str:
        return self.text


def enums_that_are_no_keys() -> list[Enum]:
    """Members of new classes, one of each kind that cannot be remembered by itself, with the labels to tell apart."""

    def named_alike(self: Enum, other: object) -> bool:
        return isinstance(other, Enum) and self.name == other.name

    def no_hash(self: Enum) -> int:
        raise TypeError("no hash")

    alike = {"__eq__": named_alike, "__hash__": Enum.__hash__}
    first, second = (
        Enum(name, {"SIDE": name.lower()}, type=type(name, (), dict(alike))) for name in ("First", "Second")
    )
    unhashable = Enum("unhashable", {"SIDE": "unhashable"}, type=type("Base", (), {"__hash__": no_hash}))
    text = Enum("text", {"SIDE": "text"}, type=type("Base", (str,), {"__hash__": no_hash}))

    class Shown(str, Enum):
        """Members of one text and two values."""

        def __new__(cls, value: str) -> Shown:
            member = str.__new__(cls, "alike")
            member._value_ = value
            return member

        ONE = "one"
        TWO = "two"

    return [first.SIDE, second.SIDE, unhashable.SIDE, text.SIDE, Shown.ONE, Shown.TWO]  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["x", "x.0"])
def test_members_of_enums_that_compare_in_their_own_way_are_told_apart(metrics: TradingMetrics, path: str) -> None:
    """One strategy's orders would be counted as another's, or cost an error each."""
    watched = watching(metrics, arg(path), lambda x: None)
    members = enums_that_are_no_keys()
    for _ in range(3):
        for member in members:
            watched((member,) if path == "x.0" else member)
    labels = ("first", "second", "unhashable", "text", "one", "two")
    assert dict.fromkeys(labels, 3) == seen(metrics)
    assert {} == errors(metrics)


def test_members_of_texts_are_remembered_as_their_texts(metrics: TradingMetrics) -> None:
    """`Side.BUY` and `"BUY"` would be counted as two, or as one that is neither."""

    class Side(str, Enum):
        BUY = "BUY"
        SELL = "SELL"

    watched = watching(metrics, arg("x"), lambda x: None)
    for _ in range(3):
        for value in (Side.BUY, "BUY", Side.SELL):
            watched(value)
    assert {"BUY": 6, "SELL": 3} == seen(metrics)


values = st.sampled_from(
    [1, True, 1.0, "1", 0, False, "0", "True", None, "", "unknown", "a", Text("a"), Same.ONE, Same.TEXT, "text",
     Level.HIGH, 3, "HIGH", b"a", (1,), [1], Fickle("x"), Fickle("y"), float("nan"), "nan"]
)  # fmt: skip


def text_of(value: Any) -> str:
    """The label that the contract gives a value."""
    if isinstance(value, Enum):
        return value.value if isinstance(value.value, str) else value.name
    if isinstance(value, bytes):
        return value.decode()
    return "unknown" if value is None or str(value) == "" else str(value)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(values, st.sampled_from(["argument", "attribute", "key", "result", "none"])), max_size=30))
def test_equal_values_with_different_texts_are_told_apart(calls: list[tuple[Any, str]]) -> None:
    """`1`, `True` and `1.0` are equal keys: what is remembered of one would count for the others."""
    metrics = TradingMetrics()
    by = {
        "argument": watching(metrics, arg("x"), lambda x: None),
        "attribute": watching(metrics, arg("x.x"), lambda x: None),
        "key": watching(metrics, arg("x.x"), lambda x: None),
        "result": watching(metrics, result(), lambda x: x),
        "none": watching(metrics, lambda call: call.arguments["x"], lambda x: None),
    }
    expected: dict[str, float] = {}
    for value, way in calls:
        by[way]({"x": value} if way == "key" else SimpleNamespace(x=value) if way == "attribute" else value)
        expected[text_of(value)] = expected.get(text_of(value), 0) + 1
    assert expected == seen(metrics)
    assert {} == errors(metrics)


def test_a_method_of_the_name_of_a_label_is_no_value_of_it() -> None:
    """An order with a method `reason()` would put the method's address into the label, or count an error each time."""
    metrics = TradingMetrics()

    class Answer:
        status = "rejected"

        def reason(self) -> str:
            return "funds"

        def fill_time(self) -> float:
            return 1.0

    class Order:
        def side(self) -> str:
            return "BUY"

    track_order(strategy="s", order_type="LIMIT", metrics=metrics)(lambda order: Answer())(Order())
    assert {
        "trading_orders_submitted_total s unknown LIMIT": 1,
        "trading_orders_rejected_total s unknown": 1,
    } == recorded(metrics)


@pytest.mark.parametrize("time", [timedelta(seconds=1.5), 1.5, "1.5"])
def test_a_duration_may_be_a_timedelta(time: object) -> None:
    """The time that a broker's library gives would have to be converted first, or would count as an error."""
    metrics = TradingMetrics()
    track_order(strategy="s", status="filled", fill_time=lambda call: time, metrics=metrics)(lambda: None)()
    assert 1.5 == sample(metrics, "trading_order_fill_time_seconds_sum", strategy="s")


@pytest.mark.parametrize("text", ["9" * 1_000_000, b"x" * 1_000_000], ids=["digits", "bytes"])
def test_megabytes_for_a_number_or_a_side_cost_a_label_and_no_time(text: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A whole answer of a broker's, passed for a price by mistake, would be read as a number for seconds."""
    metrics = TradingMetrics()
    track_order(strategy="s", side=lambda call: text, status="filled", fill_time=lambda call: text, metrics=metrics)(
        lambda: None
    )()
    assert 1 == sample(metrics, "trading_orders_filled_total", strategy="s", side="unknown")
    assert {"value", "vocabulary"} == {stage for _, stage in errors(metrics)}
    assert max(len(record.getMessage()) for record in caplog.records) < 1_000
