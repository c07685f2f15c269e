"""Target `calls`: decorated functions of every kind, any label source, hostile arguments, results and exceptions.

What must hold, whatever is drawn:

- each call runs the function once, with the very arguments given, and its result or exception is what the caller gets;
- decorating fails with one of the package's own errors, or not at all;
- the exposition parses, as text and as OpenMetrics, and says what the book says;
- no label has more values than its budget, no metric more series, and each value is short and printable;
- no count is lost: each metric's series and removed series add up to the calls that it counts;
- each call is recorded under the very labels that it alone would be recorded under, in a book with room for all:
  nothing that was remembered of one call is taken for another.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

import tradmetrics
from tests import budget_kit
from tests.fuzz.callables import KINDS, SHAPES, SIGNATURES, WAYS, Ended, Planned, Shape, call, planned
from tests.fuzz.hostile import EXCEPTIONS, OBJECTS, STEPS
from tests.fuzz.runner import Notes, Target
from tradmetrics import Limits, MetricDefinition, TradingMetrics, TradmetricsError, arg, catalogue, error, result
from tradmetrics.exposition import Endpoint
from tradmetrics.labels import Mapped
from tradmetrics.symbols import underlying
from tradmetrics.testing import label_values
from tradmetrics.testing.hostile import MAKERS
from tradmetrics.testing.isolation import recording_to
from tradmetrics.testing.outcomes import shown, sites_of
from tradmetrics.text import MAX_LENGTH, OTHER, UNKNOWN

FUZZED: Final = MetricDefinition("fuzz_calls_total", "counter", "Calls.", ("first", ("side", ("BUY", "SELL"))))
SIZES: Final = MetricDefinition("fuzz_size", "histogram", "Sizes.", ("first", "second"), buckets=(1.0, 10.0))
AMOUNTS: Final = MetricDefinition("fuzz_amount_total", "counter", "Amounts.", ("first",))
LEVELS: Final = MetricDefinition("fuzz_level", "gauge", "Levels.", ("first", "second"))
_OWN: Final = (FUZZED, SIZES, AMOUNTS, LEVELS)

_ALL, _RETURNED, _RAISED, _FAILED = "all", "returned", "raised", "failed"


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
        {"trading_orders_submitted_total": _ALL},
    ),
    "track_trade": Decorator(
        tradmetrics.track_trade, ("strategy", "side", "status", "pnl"), {"trading_trades_total": _ALL}
    ),
    "track_market_data": Decorator(
        tradmetrics.track_market_data, ("symbol", "timestamp"), {"trading_market_data_updates_total": _RETURNED}
    ),
    "track_request": Decorator(
        tradmetrics.track_request,
        ("endpoint", "method", "status"),
        {"trading_api_requests_total": _ALL, "trading_api_request_duration_seconds_count": _ALL},
    ),
    "track_prediction": Decorator(
        tradmetrics.track_prediction, ("model", "prediction"), {"trading_ml_predictions_total": _RETURNED}
    ),
    "track_errors": Decorator(
        tradmetrics.track_errors, ("component", "severity"), {"trading_system_errors_total": _FAILED}
    ),
    "track a counter": Decorator(
        lambda **given: tradmetrics.track(FUZZED, on="returned", **given),
        ("first", "side"),
        {"fuzz_calls_total": _RETURNED},
    ),
    "track durations": Decorator(
        lambda **given: tradmetrics.track(SIZES, value="seconds", on="raised", **given),
        ("first", "second"),
        {"fuzz_size_count": _RAISED},
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


_LIMITS: Final = st.builds(
    lambda label, symbol, series, allow, expire, idle: Limits(
        default_label=label,
        labels=dict.fromkeys(("symbol", "endpoint"), symbol),
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
_REPEATS: Final = st.sampled_from((1, 1, 1, 12))  # a value has to come a few times to take an idle one's place


def _turns(number: int) -> st.SearchStrategy[list[int]]:
    turn = st.one_of(st.integers(0, number - 1), st.sampled_from((*range(number), *_SECONDS)))
    bursts = st.builds(lambda turn, repeats: [turn] * (1 if turn < 0 else repeats), turn, _REPEATS)
    return st.lists(bursts, min_size=1, max_size=6).map(lambda bursts: [each for burst in bursts for each in burst])


_TURNS: Final = {number: _turns(number) for number in range(1, 5)}
_NUMBERS: Final = st.integers(1, 4)
_BOOLEANS: Final = st.booleans()


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Draw programs."""
    limits, shape, names = draw(_LIMITS), draw(SHAPES), draw(_STACKS)
    source, plan = SOURCES[shape.signature], planned(shape)
    decorators = {name: {each: draw(source) for each in DECORATORS[name].fields} for name in names}
    calls = [draw(plan) for _ in range(draw(_NUMBERS))]
    return Program(limits, shape, decorators, calls, draw(_TURNS[len(calls)]), draw(_BOOLEANS))


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


# ── the check ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Runs:
    """A function's body: remembers what it was given, and ends as planned."""

    plan: Planned | None = None
    received: list[tuple[Any, ...]] = field(default_factory=list)
    raised: BaseException | None = None

    def __call__(self, arguments: tuple[Any, ...]) -> Any:
        assert self.plan is not None
        self.received.append(arguments)
        if self.plan.raises:
            self.raised = EXCEPTIONS[self.plan.raises]()
            raise self.raised
        return self.plan.returns

    def run(
        self, shape: Shape, function: Callable[..., Any], plan: Planned
    ) -> tuple[Ended, list[tuple[Any, ...]], Any]:
        """Make a call; return how it ended, what the function was given, and what it raised."""
        self.plan, self.received, self.raised = plan, [], None
        return call(shape, function, plan), self.received, self.raised


def check(program: Program, notes: Notes) -> None:
    """Run a program and check all that must hold."""
    shape = program.shape
    notes("kind", shape.kind)
    notes("way", shape.way)
    notes("signature", shape.signature)
    notes("decorator", *program.decorators)
    for given in program.decorators.values():
        notes("source", *(drawn.kind for drawn in given.values()))
    body = Runs()
    with budget_kit.stopped_clock() as clock:
        try:
            function = shape.make(body, lambda place: _decorated(program, place))
        except TradmetricsError as problem:
            notes("end", "refused when decorating")
            length = len(str(problem))
            if length > 2_000:
                raise AssertionError(f"a message of {length} characters when decorating") from None
            return
        except TypeError as problem:
            # What Python itself says of a callable that is none, such as a classmethod that is called.
            raise AssertionError(f"decorating raised {problem!r}, which is none of the package's errors") from None
        except Exception as problem:
            raise AssertionError(f"decorating raised {shown(problem)}") from None
        bare = shape.make(body)
        for each in program.calls:
            notes("value", *_sorts((each.args, each.kwargs, each.returns)))
            notes("raises", each.raises or "nothing")
        narrow, wide = TradingMetrics(limits=program.limits), TradingMetrics(limits=_WIDE)
        alone = {turn: TradingMetrics(limits=_WIDE) for turn in set(program.turns) if turn >= 0}
        sites = sites_of(function) or sites_of(type(function).__call__)
        assert len(sites) == len(program.decorators), f"{len(sites)} sites of {len(program.decorators)} decorators"
        ends: Counter[str] = Counter()
        runs = [(narrow, program.turns), (wide, program.turns), *((book, [turn]) for turn, book in alone.items())]
        for book, turns in runs:
            with recording_to(book, sites):
                for turn in turns:
                    if turn < 0:
                        clock.pass_by(-turn)
                        budget_kit.scrape(book)
                        continue
                    plan = program.calls[turn]
                    end = _compare(shape, body, bare, function, plan)
                    if book is narrow:
                        notes("end", end)
                        ends[end] += 1
        # A source that changes what it is told of a call changes what is recorded of it, and nothing else.
        if not any(drawn.vandalises for given in program.decorators.values() for drawn in given.values()):
            _check_counts(program, narrow, wide, ends)
            _check_labels(program.turns, wide, alone)
        _check_budgets(program, narrow, notes)
        _check_exposition(program, narrow)
        for stage in {labels[1] for labels in budget_kit.values_of(narrow, _ERRORS)}:
            notes("fault", stage)


_WIDE: Final = Limits(
    default_label=10_000, labels=dict.fromkeys(("symbol", "endpoint", "site"), 10_000), default_series=100_000
)
_ERRORS: Final = catalogue.INSTRUMENTATION_ERRORS.name


def _decorated(program: Program, place: Any) -> Any:
    for name, given in program.decorators.items():
        decorate = DECORATORS[name].make(
            **{key: drawn.source for key, drawn in given.items() if drawn.source is not None}
        )
        place = decorate(place)
    return place


def _compare(shape: Shape, body: Runs, bare: Callable[..., Any], function: Callable[..., Any], plan: Planned) -> str:
    """Make a call undecorated and decorated, check that the caller sees no difference, and say how it ended."""
    expected, given, raised = body.run(shape, bare, plan)
    ended, received, own = body.run(shape, function, plan)
    assert len(received) == len(given), f"the function ran {len(received)} times"
    for theirs, ours in zip(given, received, strict=True):
        assert _same(theirs, ours), f"the function was given {shown(ours)}, not {shown(theirs)}"
    assert len(ended.items) == len(expected.items), f"{len(ended.items)} items, not {len(expected.items)}"
    assert ended.result is expected.result, f"the caller got {shown(ended.result)}, not {shown(expected.result)}"
    assert type(ended.exception) is type(expected.exception), (
        f"the caller got the exception {shown(ended.exception)}, not {shown(expected.exception)}"
    )
    if ended.exception is not None and expected.exception is not None:
        if expected.exception is raised:
            assert ended.exception is own, "the exception is another one"
        for name in ("__context__", "__cause__", "__suppress_context__"):
            read = vars(BaseException)[name].__get__
            assert type(read(ended.exception)) is type(read(expected.exception)), f"{name} was changed"
        assert len(_frames(ended.exception)) >= len(_frames(expected.exception)), "frames are missing"
        return _FAILED if isinstance(ended.exception, Exception) else _RAISED
    return "closed" if plan.closes else _RETURNED


def _frames(exception: BaseException) -> list[Any]:
    traceback = vars(BaseException)["__traceback__"].__get__(exception)
    frames = []
    while traceback is not None:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    return frames


def _same(one: Any, other: Any) -> bool:
    """Whether two arguments are the very same; of those that Python collects at each call, whether their items are."""
    if type(one) is tuple and type(other) is tuple:
        return len(one) == len(other) and all(map(_same, one, other))
    if type(one) is dict and type(other) is dict:
        return list(one) == list(other) and all(map(_same, one.values(), other.values()))
    return one is other


def _check_counts(program: Program, narrow: TradingMetrics, wide: TradingMetrics, ends: Counter[str]) -> None:
    """No count is lost, in a narrow book and in a wide one."""
    expected = {
        _ALL: ends.total(),
        _RETURNED: ends[_RETURNED],
        _FAILED: ends[_FAILED],
        _RAISED: ends[_FAILED] + ends[_RAISED] + ends["closed"],
    }
    for name in program.decorators:
        for metric, which in DECORATORS[name].counts.items():
            for kind, book in (("narrow", narrow), ("wide", wide)):
                total = budget_kit.total(book, metric)
                assert total == expected[which], (
                    f"{metric} is {total:g} in the {kind} book; {which} calls: {expected[which]:g}"
                )
    found = budget_kit.scrape(narrow), budget_kit.scrape(wide)
    for metric in _COUNTED:
        totals = [
            sum(each.get(metric, {}).values()) + budget_kit.removed(each, metric.removesuffix("_count"))
            for each in found
        ]
        if all(map(math.isfinite, totals)):
            assert math.isclose(*totals, rel_tol=1e-9), (
                f"{metric} is {totals[0]!r} in the narrow book, not {totals[1]!r}"
            )


_DEFINITIONS: Final = {each.name: each for each in (*catalogue.CATALOGUE, *_OWN)}
_COUNTED: Final = tuple(
    f"{each.name}_count" if each.kind == "histogram" else each.name
    for each in _DEFINITIONS.values()
    if each.kind != "gauge" and each.family != catalogue.SERIES.family
)
# What differs between two books whatever was recorded.
_OF_ITS_OWN: Final = frozenset(each.name for each in catalogue.CATALOGUE if each.at_scrape) | frozenset(
    (catalogue.MARKET_DATA_LAST_UPDATE.name,)
)
_READING: Final = re.compile(r"(?i)reading \d+")


def _check_labels(turns: list[int], wide: TradingMetrics, alone: dict[int, TradingMetrics]) -> None:
    """Many calls in one book are recorded as each of them by itself, in a book that has seen no other."""
    times = Counter(turns)
    expected: dict[tuple[str, ...], float] = {}
    levels: set[tuple[str, ...]] = set()
    for turn, book in alone.items():
        for key, value in _samples(book):
            gauge = key[0] in _GAUGES
            levels |= {key} if gauge else set()
            expected[key] = value if gauge else expected.get(key, 0.0) + value * times[turn]
    found: dict[tuple[str, ...], float] = {}
    for key, value in _samples(wide):
        found[key] = found.get(key, 0.0) + value
    for key in sorted(expected.keys() | found.keys()):
        assert key in found, f"{key} is missing where several calls are recorded"
        assert key in expected, f"{key} is there where several calls are recorded, and not for any of them alone"
        if key not in levels and math.isfinite(expected[key]):
            assert math.isclose(found[key], expected[key], rel_tol=1e-9), (
                f"{key} is {found[key]!r} where several calls are recorded, and should be {expected[key]!r}"
            )


_GAUGES: Final = frozenset(each.name for each in _DEFINITIONS.values() if each.kind == "gauge")


def _samples(book: TradingMetrics) -> Iterator[tuple[tuple[str, ...], float]]:
    for name, series in budget_kit.scrape(book).items():
        if name not in _OF_ITS_OWN:
            for labels, value in series.items():
                yield (name, *(_READING.sub("reading", label) for label in labels)), value


def _check_budgets(program: Program, book: TradingMetrics, notes: Notes) -> None:
    """Labels and series stay within their budgets, and values are short and printable."""
    found = budget_kit.scrape(book)
    removals = found.get(budget_kit.REMOVED, {})
    notes("guard", *(cause for (_, cause), value in removals.items() if value))
    for name, series in found.items():
        definition = _DEFINITIONS.get(name.removesuffix("_count")) or _DEFINITIONS.get(name)
        if definition is None:
            continue
        for labels in series:
            for value in labels:
                assert 0 < len(value) <= MAX_LENGTH, f"{name}: a value of {len(value)} characters"
                assert value == value.strip(), f"{name}: the value {value!r}"
                assert not _UNPRINTABLE.search(value), f"{name}: the value {value!r}"
        if not definition.guarded:
            continue
        free = {OTHER, UNKNOWN}
        opened = [i for i, label in enumerate(definition.labels) if label.values is None]
        for i, label in enumerate(definition.labels):
            seen = {labels[i] for labels in series}
            if label.values is not None:
                assert seen <= {*label.values, UNKNOWN}, f"{name}: {label.name} is {sorted(seen)}"
                continue
            budget = program.limits.label_budget(definition.name, label.name)
            assert len(seen - free) <= budget, f"{name}: {label.name} has the values {sorted(seen)}, budget {budget}"
            if OTHER in seen:
                notes("guard", "overflow")
        inside = [labels for labels in series if not any(labels[i] in free for i in opened)]
        budget = program.limits.series_budget(definition.name)
        assert not opened or len(inside) <= budget, f"{name} has {len(inside)} series, budget {budget}"
        if opened and len(inside) == budget:
            notes("guard", "all series used")
        if definition.kind == "gauge" or any(labels[0] == definition.name for labels in removals):
            continue
        if definition is AMOUNTS or definition in (catalogue.PROFIT, catalogue.LOSS):
            continue  # they add up amounts, and overflows are calls
        for i in opened:
            label = definition.labels[i].name
            other = sum(value for labels, value in series.items() if labels[i] == OTHER)
            counted = found.get(budget_kit.OVERFLOW, {}).get((definition.name, label), 0.0)
            assert counted <= other, f"{name}: {counted:g} overflows of {label}, and {other:g} calls in __other__"


_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def _check_exposition(program: Program, book: TradingMetrics) -> None:
    """What a scraper reads is what the book holds."""
    accept = "application/openmetrics-text; version=1.0.0" if program.openmetrics else ""
    answer = Endpoint(book).scrape(accept=accept)
    assert answer.status == 200, f"the scrape was answered {answer.status}"
    parse = parse_openmetrics if program.openmetrics else parse_text
    try:
        families = list(parse(answer.body.decode()))
    except Exception as problem:
        raise AssertionError(f"the exposition does not parse: {problem!r}") from None
    read, held = (
        {_key(each): each.value for family in collected for each in family.samples}
        for collected in (families, book.registry.collect())
    )
    assert read.keys() == held.keys(), f"the exposition differs in {sorted(read.keys() ^ held.keys())}"
    for key, value in held.items():
        same = read[key] == value or (value != value and read[key] != read[key])
        assert same or key[0] in _OF_ITS_OWN, f"{key} reads {read[key]!r}, and is {value!r}"


def _key(sample: Any) -> tuple[str, ...]:
    return (sample.name, *map("=".join, sorted(sample.labels.items())))


_SORTS: Final = (
    "str", "int", "float", "bool", "NoneType", "bytes", "Decimal", "list", "dict", "tuple", "SimpleNamespace",
    *(each.__name__ for each in MAKERS if isinstance(each, type)),
    *(name for name, make in OBJECTS.items() if isinstance(make, type)),
    "a huge number", "a text of megabytes",
)  # fmt: skip


def _sorts(value: Any, depth: int = 0) -> Iterator[str]:
    """The classes of a value and of what is in it."""
    kind = type(value)
    name = kind.__name__
    if kind is int and value > 10**4_000:
        name = "a huge number"
    elif kind is str and len(value) > 10**5:
        name = "a text of megabytes"
    if name in _SORTS:
        yield name
    if depth > 4:
        return
    inner = {dict: lambda: value.values(), list: lambda: value, tuple: lambda: value}.get(kind)
    if name == "SimpleNamespace":
        inner = lambda: vars(value).values()  # noqa: E731
    for each in inner() if inner else ():
        yield from _sorts(each, depth + 1)


TARGET: Final = Target(
    "calls",
    programs(),
    check,
    spell,
    {
        "decorator": tuple(DECORATORS),
        "kind": KINDS,
        "way": WAYS,
        "signature": tuple(SIGNATURES),
        "source": (
            "left out", "constant", "any constant", "arg", "dotted arg", "result", "error", "underlying",
            *(f"callable {name}" for name in CALLABLES), *(f"Mapped {name}" for name in FUNCTIONS),
        ),
        "value": _SORTS,
        "raises": ("nothing", *EXCEPTIONS),
        "end": (_RETURNED, _FAILED, _RAISED, "closed", "refused when decorating"),
        "guard": ("overflow", "all series used", "expired", "displaced"),
        "fault": ("source", "label", "vocabulary", "value"),
    },
)  # fmt: skip
