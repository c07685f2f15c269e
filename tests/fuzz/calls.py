"""Target `calls`: decorated functions of every kind, any label source, hostile arguments, results and exceptions.

What must hold, whatever is drawn:

- each call runs the function once, with the very arguments given, and its result or exception is what the caller gets;
- decorating fails with one of the package's own errors, or not at all;
- the exposition parses, as text and as OpenMetrics, and says what the metrics says;
- no label has more values than its budget, no metric more series, and each value is short and printable;
- no count is lost: each metric's series and removed series add up to the calls that it counts;
- each call is recorded under the very labels that it alone would be recorded under, in metrics with room for all:
  nothing that was remembered of one call is taken for another.

PYTEST_DONT_REWRITE: to explain a failed assertion, pytest would show what cannot be shown.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests import budget_kit
from tests.fuzz.callables import KINDS, SIGNATURES, WAYS, Ended, Planned, Shape, call
from tests.fuzz.decorated import (
    ALL,
    AMOUNTS,
    CALLABLES,
    DECORATORS,
    FAILED,
    FUNCTIONS,
    OWN,
    PROGRAMS,
    RAISED,
    RETURNED,
    Program,
    spell,
)
from tests.fuzz.hostile import EXCEPTIONS, OBJECTS
from tests.fuzz.runner import Notes, Target
from tradmetrics import Limits, TradingMetrics, TradmetricsError, catalogue
from tradmetrics.model.text import MAX_LENGTH, OTHER, UNKNOWN, shown
from tradmetrics.serving.endpoint import Endpoint
from tradmetrics.testing.hostile import MAKERS, HostileError
from tradmetrics.testing.isolation import default_metrics


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
        except (TradmetricsError, HostileError):  # what a constant raises when it is looked at is its own
            notes("end", "refused when decorating")
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
        ends: Counter[str] = Counter()
        runs = [(narrow, program.turns), (wide, program.turns), *((metrics, [turn]) for turn, metrics in alone.items())]
        for metrics, turns in runs:
            with default_metrics(metrics):
                for turn in turns:
                    if turn < 0:
                        clock.pass_by(-turn)
                        budget_kit.scrape(metrics)
                        continue
                    plan = program.calls[turn]
                    end = _compare(shape, body, bare, function, plan)
                    if metrics is narrow:
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
        return FAILED if isinstance(ended.exception, Exception) else RAISED
    return "closed" if plan.closes else RETURNED


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
    """No count is lost, in a narrow metrics and in a wide one."""
    expected = {
        ALL: ends.total(),
        RETURNED: ends[RETURNED],
        FAILED: ends[FAILED],
        RAISED: ends[FAILED] + ends[RAISED] + ends["closed"],
    }
    for name in program.decorators:
        for metric, which in DECORATORS[name].counts.items():
            for kind, metrics in (("narrow", narrow), ("wide", wide)):
                total = budget_kit.total(metrics, metric)
                assert total == expected[which], (
                    f"{metric} is {total:g} in the {kind} metrics; {which} calls: {expected[which]:g}"
                )
    found = budget_kit.scrape(narrow), budget_kit.scrape(wide)
    for metric in _COUNTED:
        totals = [
            sum(each.get(metric, {}).values()) + budget_kit.removed(each, metric.removesuffix("_count"))
            for each in found
        ]
        if all(map(math.isfinite, totals)):
            assert math.isclose(*totals, rel_tol=1e-9), (
                f"{metric} is {totals[0]!r} in the narrow metrics, not {totals[1]!r}"
            )


_DEFINITIONS: Final = {each.name: each for each in (*catalogue.CATALOGUE, *OWN)}
_COUNTED: Final = tuple(
    f"{each.name}_count" if each.kind == "histogram" else each.name
    for each in _DEFINITIONS.values()
    if each.kind != "gauge" and each.family != catalogue.SERIES.family
)
# What differs between two metrics objects whatever was recorded.
_OF_ITS_OWN: Final = frozenset(each.name for each in catalogue.CATALOGUE if each.at_scrape) | frozenset(
    (catalogue.MARKET_DATA_LAST_UPDATE.name,)
)
_READING: Final = re.compile(r"(?i)reading \d+")


def _check_labels(turns: list[int], wide: TradingMetrics, alone: dict[int, TradingMetrics]) -> None:
    """Many calls in one metrics object are recorded as each of them by itself, in metrics that have seen no other."""
    times = Counter(turns)
    expected: dict[tuple[str, ...], float] = {}
    levels: set[tuple[str, ...]] = set()
    for turn, metrics in alone.items():
        for key, value in _samples(metrics):
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


def _samples(metrics: TradingMetrics) -> Iterator[tuple[tuple[str, ...], float]]:
    for name, series in budget_kit.scrape(metrics).items():
        if name not in _OF_ITS_OWN:
            for labels, value in series.items():
                yield (name, *(_READING.sub("reading", label) for label in labels)), value


def _check_budgets(program: Program, metrics: TradingMetrics, notes: Notes) -> None:
    """Labels and series stay within their budgets, and values are short and printable."""
    found = budget_kit.scrape(metrics)
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
            label_name = definition.labels[i].name
            other = sum(value for labels, value in series.items() if labels[i] == OTHER)
            counted = found.get(budget_kit.OVERFLOW, {}).get((definition.name, label_name), 0.0)
            assert counted <= other, f"{name}: {counted:g} overflows of {label_name}, and {other:g} calls in __other__"


_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def _check_exposition(program: Program, metrics: TradingMetrics) -> None:
    """What a scraper reads is what the metrics holds."""
    accept = "application/openmetrics-text; version=1.0.0" if program.openmetrics else ""
    endpoint = Endpoint(metrics)
    answer = endpoint.scrape(endpoint.asked(accept=accept))
    assert answer.status == 200, f"the scrape was answered {answer.status}"
    parse = parse_openmetrics if program.openmetrics else parse_text
    text = _COUNT_WITHOUT_SUM.sub("", answer.body.decode()) if program.openmetrics else answer.body.decode()
    try:
        families = list(parse(text))
    except Exception as problem:
        raise AssertionError(f"the exposition does not parse: {problem!r}") from None
    read, held = (
        {_key(each): each.value for family in collected for each in family.samples if _is_parsed(program, each.name)}
        for collected in (families, metrics.registry.collect())
    )
    assert read.keys() == held.keys(), f"the exposition differs in {sorted(read.keys() ^ held.keys())}"
    for key, value in held.items():
        same = read[key] == value or (value != value and read[key] != read[key])
        assert same or key[0] in _OF_ITS_OWN, f"{key} reads {read[key]!r}, and is {value!r}"


# OpenMetrics has no sum where buckets are below zero, and then no count either. prometheus_client writes the count, as
# we do since our text is to be its text, and prometheus_client's own parser refuses it; Prometheus does not.
_WITHOUT_SUM: Final = tuple(
    f"{each.name}_count" for each in _DEFINITIONS.values() if each.kind == "histogram" and (each.buckets or (0,))[0] < 0
)
_COUNT_WITHOUT_SUM: Final = re.compile(rf"^(?:{'|'.join(_WITHOUT_SUM)})[ {{].*\n", re.MULTILINE)


def _is_parsed(program: Program, name: str) -> bool:
    return not program.openmetrics or name not in _WITHOUT_SUM


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
    inner: Iterable[Any] = ()
    if kind in (list, tuple):
        inner = value
    elif kind is dict or name == "SimpleNamespace":
        inner = (value if kind is dict else vars(value)).values()
    if depth < 4:  # one of the lists holds itself
        for each in inner:
            yield from _sorts(each, depth + 1)


TARGET: Final = Target(
    "calls",
    PROGRAMS,
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
        "end": (RETURNED, FAILED, RAISED, "closed", "refused when decorating"),
        "guard": ("overflow", "all series used", "expired", "displaced"),
        "fault": ("source", "label", "vocabulary", "value"),
    },
)  # fmt: skip
