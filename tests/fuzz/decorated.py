"""What target `calls` draws: decorated functions with any label sources, and the calls that are made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st

import tradmetrics
from tests.fuzz.callables import SHAPES, SIGNATURES, Planned, Shape, planned
from tests.fuzz.hostile import OBJECTS, STEPS
from tradmetrics import Limits, MetricDefinition, arg, error, result, underlying
from tradmetrics.capture.sources import Mapped
from tradmetrics.cardinality.budget import RECURS
from tradmetrics.model.text import OTHER, shown
from tradmetrics.testing import label_values

FUZZED: Final = MetricDefinition("fuzz_calls_total", "counter", "Calls.", ("first", ("side", ("BUY", "SELL"))))
SIZES: Final = MetricDefinition("fuzz_size", "histogram", "Sizes.", ("first", "second"), buckets=(1.0, 10.0))
AMOUNTS: Final = MetricDefinition("fuzz_amount_total", "counter", "Amounts.", ("first",))
LEVELS: Final = MetricDefinition("fuzz_level", "gauge", "Levels.", ("first", "second"))
OWN: Final = (FUZZED, SIZES, AMOUNTS, LEVELS)

ALL, RETURNED, RAISED, FAILED = "all", "returned", "raised", "failed"


@dataclass(frozen=True)
class Decorator:
    """A decorator to fuzz.

    Attributes:
        make: Called with its sources.
        fields: Its keywords that take a source.
        counts: Which calls each of its counts has.
    """

    make: Callable[..., Any]
    fields: tuple[str, ...]
    counts: Mapping[str, str]


DECORATORS: Final[Mapping[str, Decorator]] = {
    "track_order": Decorator(
        tradmetrics.track_order,
        ("strategy", "side", "order_type", "status", "reason", "fill_time"),
        {"trading_orders_submitted_total": ALL},
    ),
    "track_trade": Decorator(
        tradmetrics.track_trade, ("strategy", "side", "status", "pnl"), {"trading_trades_total": ALL}
    ),
    "track_market_data": Decorator(
        tradmetrics.track_market_data, ("symbol", "timestamp"), {"trading_market_data_updates_total": RETURNED}
    ),
    "track_request": Decorator(
        tradmetrics.track_request,
        ("endpoint", "method", "status"),
        {"trading_api_requests_total": ALL, "trading_api_request_duration_seconds_count": ALL},
    ),
    "track_prediction": Decorator(
        tradmetrics.track_prediction, ("model", "prediction"), {"trading_ml_predictions_total": RETURNED}
    ),
    "track_errors": Decorator(
        tradmetrics.track_errors, ("component", "severity"), {"trading_system_errors_total": FAILED}
    ),
    "track a counter": Decorator(
        lambda **given: tradmetrics.track(FUZZED, on="returned", **given),
        ("first", "side"),
        {"fuzz_calls_total": RETURNED},
    ),
    "track durations": Decorator(
        lambda **given: tradmetrics.track(SIZES, value="seconds", on="raised", **given),
        ("first", "second"),
        {"fuzz_size_count": RAISED},
    ),
    "track amounts": Decorator(lambda **given: tradmetrics.track(AMOUNTS, **given), ("first", "value"), {}),
    "track a level": Decorator(lambda **given: tradmetrics.track(LEVELS, **given), ("first", "second", "value"), {}),
}


# ── sources ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _raise(*args: object) -> Any:
    raise LookupError("a source that fails")


def _raise_what_the_call_raised(finished: Any) -> Any:
    # What is no Exception is let through by design, and takes the call's count with it.
    if issubclass(type(finished.exception), Exception):
        raise finished.exception
    return "returned"


def _raise_from_what_the_call_raised(finished: Any) -> Any:
    raise RuntimeError from finished.exception


def _vandalise(finished: Any) -> Any:
    finished.result, finished.exception, finished.seconds = "another", None, "long"
    return "vandal"


CALLABLES: Final[Mapping[str, Callable[[Any], Any]]] = {
    "the result": lambda finished: finished.result,
    "the exception": lambda finished: finished.exception,
    "the seconds": lambda finished: int(finished.seconds),
    "an argument": lambda finished: finished.arguments["side"],
    "all arguments": lambda finished: sorted(finished.arguments),
    "raises": _raise,
    "raises the call's": _raise_what_the_call_raised,
    "raises from the call's": _raise_from_what_the_call_raised,
    "vandalises": _vandalise,
}
FUNCTIONS: Final[Mapping[str, Callable[[str], Any]]] = {
    "upper": str.upper,
    "raises": _raise,
    "None": lambda text: None,
    "a list": list,
    "first letter": lambda text: text[0],
    "untouchable": lambda text: OBJECTS["Untouchable"](),
}


@dataclass(frozen=True)
class Drawn:
    """A source, and what it is called."""

    kind: str
    source: Any

    @property
    def vandalises(self) -> bool:
        """Whether it changes what it is told of the call."""
        source = self.source
        while type(source) is Mapped:
            source = source.source
        return source is _vandalise

    def __repr__(self) -> str:
        return f"{self.kind}: {shown(self.source)}"


def _path(*first: str) -> st.SearchStrategy[str]:
    return st.builds(
        lambda name, steps: ".".join((name, *steps)),
        st.sampled_from(first),
        st.lists(st.sampled_from(STEPS), max_size=2),
    )


def _sources(signature: str) -> st.SearchStrategy[Drawn]:
    names = (*SIGNATURES[signature] * 4, "nowhere")
    rests = st.lists(st.sampled_from(STEPS), max_size=2).map(".".join)
    readable = (
        st.sampled_from(("gamma_scalping", "BUY", "filled", "7", OTHER)).map(lambda text: Drawn("constant", text)),
        st.sampled_from(SIGNATURES[signature]).map(lambda name: Drawn("arg", arg(name))),
        _path(*names).map(lambda path: Drawn("dotted arg" if "." in path else "arg", arg(path))),
        rests.map(lambda path: Drawn("result", result(path))),
        rests.map(lambda path: Drawn("error", error(path))),
        st.sampled_from(sorted(CALLABLES)).map(lambda name: Drawn(f"callable {name}", CALLABLES[name])),
    )
    inner = st.one_of(readable)
    return st.one_of(
        st.just(Drawn("left out", None)),
        *readable,
        *readable,
        label_values().map(lambda value: Drawn("any constant", value)),
        inner.map(lambda drawn: Drawn("underlying", underlying(drawn.source))),
        st.builds(
            lambda drawn, name: Drawn(f"Mapped {name}", Mapped(drawn.source, FUNCTIONS[name])),
            inner,
            st.sampled_from(sorted(FUNCTIONS)),
        ),
    )


SOURCES: Final = {signature: _sources(signature) for signature in SIGNATURES}
"""Draws a source of a function's labels, by its signature."""


# ── programs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Program:
    """What one example does.

    Attributes:
        limits: The budgets.
        shape: The function.
        decorators: The sources of each decorator on it, the inner one first.
        calls: Different calls of it.
        turns: Which of them is made when; a number below zero lets so many seconds pass, until a scrape.
        openmetrics: Which exposition is parsed.
    """

    limits: Limits
    shape: Shape
    decorators: dict[str, dict[str, Drawn]]
    calls: list[Planned]
    turns: list[int]
    openmetrics: bool

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(spell(self))  # hypothesis asks for it, and what is in here cannot always be shown


_LIMITS: Final = st.builds(
    lambda label, symbol, series, allow, expire, idle: Limits(
        default_label=label,
        labels={"symbol": symbol, "endpoint": symbol},
        default_series=series,
        allow=allow,
        expire_after=expire,
        idle_after=idle,
    ),
    st.sampled_from((1, 1, 2, 4)),
    st.sampled_from((1, 1, 2, 4)),
    st.integers(1, 8),
    st.sampled_from(({}, {"first": ("gamma_scalping",)}, {"strategy": ("None",)})),
    st.sampled_from((None, None, 5.0)),
    st.sampled_from((1.0, 3_600.0)),
)
_STACKS: Final = st.lists(st.sampled_from(sorted(DECORATORS)), min_size=1, max_size=2, unique=True)
_SECONDS: Final = (-1, -10, -4_000)
_OFTEN: Final = 2 * RECURS  # a value that comes so often takes an idle one's place
_REPEATS: Final = st.sampled_from((1, 1, 1, _OFTEN))


def _turns(number: int) -> st.SearchStrategy[list[int]]:
    turn = st.one_of(st.integers(0, number - 1), st.sampled_from((*range(number), *_SECONDS)))
    bursts = st.builds(lambda turn, repeats: [turn] * (1 if turn < 0 else repeats), turn, _REPEATS)
    turns = st.lists(bursts, min_size=1, max_size=6).map(lambda bursts: [each for burst in bursts for each in burst])
    # What comes once and is then idle for long enough makes room for what keeps coming.
    return turns if number == 1 else st.one_of(turns, turns, turns, st.just([0, -4_000, *[1] * _OFTEN]))


_TURNS: Final = {number: _turns(number) for number in range(1, 5)}
_NUMBERS: Final = st.integers(1, 4)
_BOOLEANS: Final = st.booleans()


@st.composite
def _programs(draw: st.DrawFn) -> Program:
    """Draw programs."""
    limits, shape, names = draw(_LIMITS), draw(SHAPES), draw(_STACKS)
    source, plan = SOURCES[shape.signature], planned(shape)
    decorators = {name: {each: draw(source) for each in DECORATORS[name].fields} for name in names}
    calls = [draw(plan) for _ in range(draw(_NUMBERS))]
    return Program(limits, shape, decorators, calls, draw(_TURNS[len(calls)]), draw(_BOOLEANS))


PROGRAMS: Final = _programs()


def spell(program: Program) -> str:
    """Write a program down."""
    lines = [f"limits: {program.limits}", f"function: {program.shape}"]
    lines += [
        f"@{name}({', '.join(f'{k}={v!r}' for k, v in given.items())})" for name, given in program.decorators.items()
    ]
    for i, each in enumerate(program.calls):
        kwargs = ", ".join(f"{name}={shown(value)}" for name, value in each.kwargs.items())
        ends = "closes" if each.closes else f"raises {each.raises}" if each.raises else f"returns {shown(each.returns)}"
        lines.append(f"call {i}: ({', '.join(map(shown, each.args))}; {kwargs}) {ends}")
    lines.append(f"turns: {program.turns}, {'OpenMetrics' if program.openmetrics else 'text'}")
    return "\n".join(f"  {line}" for line in lines)
