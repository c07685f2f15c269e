"""A property test of a decorated function: its labels stay bounded, whatever it is called with."""

from __future__ import annotations

import asyncio
import inspect
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st

from tradmetrics import catalogue
from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.recipe import RAISED, RETURNED, Rule
from tradmetrics.capture.wrapping import name_of
from tradmetrics.cardinality import Limits
from tradmetrics.errors import DecorationError
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.model.text import OTHER, UNKNOWN
from tradmetrics.registry.errors_log import logger
from tradmetrics.registry.instrument import Instrument
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.testing.arguments import CallArguments
from tradmetrics.testing.isolation import TrialMetrics, all_instruments, default_metrics, recording_to
from tradmetrics.testing.layers import outermost, sites_of, undecorated, watched
from tradmetrics.testing.outcomes import Calls, shown

# So small that a handful of calls goes past them.
_LABEL_BUDGET: Final = 3
_SERIES_BUDGET: Final = 8
_LIMITS: Final = Limits(
    labels=dict.fromkeys(("symbol", "endpoint"), _LABEL_BUDGET),
    default_label=_LABEL_BUDGET,
    default_series=_SERIES_BUDGET,
)
_MOST_CALLS: Final = 20
_MOST_VALUES: Final = 6


def assert_cardinality_bounded(
    function: Callable[..., Any], strategy: st.SearchStrategy[Any], *, max_examples: int = 200
) -> None:
    """Assert that no calls, whatever their arguments, take a decorated function's labels out of their budgets.

    Draws lists of calls and makes each call twice, on fresh metrics objects with small budgets (3 values of a label, 8
    series of a metric), so that overflow really happens; the process's default metrics object, and one that the
    function was given by `metrics=`, see nothing of it. It fails when

    - a label leaves its budget, or a label with a closed set of values leaves that set;
    - the total over a metric's series differs from the calls that it counts: no count may be lost;
    - a call's result or exception differs from the undecorated function's, which is called with the same arguments. A
      difference counts when a second undecorated call ends as the first did; so the function may have a memory.

    Decorators of your own may stand above and between ours, and may retry calls or change results. The test puts copies
    of them on the undecorated function, and counts the calls that they let through. If one cannot be copied (such as
    `functools.lru_cache`, which keeps the function neither in its closure nor in an attribute), the test checks only
    labels and budgets.

    Functions of all kinds are called to their ends: coroutines are awaited in an event loop of their own, generators
    exhausted. A method comes bound to its object, and arguments can be fixed with `functools.partial`.

    Example:
        ```python
        from desk import place
        from tradmetrics.testing import assert_cardinality_bounded, call_arguments


        def test_labels_of_place_are_bounded():
            assert_cardinality_bounded(place, call_arguments(place))
        ```

    Args:
        function: A function that tradmetrics' decorators are on, one or several. An `OrderTracker` keeps the
            drawn orders. A tracker with its own `metrics=` records there, and the test does not check that.
        strategy: Draws the arguments of a call (`call_arguments(function)`), or single values, such as
            `label_values()` or `orders()`, each passed as the only argument.
        max_examples: Lists of calls to draw.

    Raises:
        AssertionError: When it fails, with the metric, the label, its values and its budget, and the smallest list of
            calls that hypothesis could find.
        DecorationError: When `function` has none of tradmetrics' decorators on it.
        TypeError: When `strategy` is not a Hypothesis strategy, or an async function is tested from within a coroutine.
    """
    __tracebackhide__ = True
    if not isinstance(strategy, st.SearchStrategy):
        raise TypeError(
            f"assert_cardinality_bounded: the strategy is one of hypothesis, such as call_arguments({_name(function)}) "
            f"or label_values(), not {shown(strategy)}"
        )
    trial = _Trial(function)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        with suppress(RuntimeError):
            asyncio.get_running_loop()
            raise TypeError(
                f"assert_cardinality_bounded: {_name(function)} is async and is given an event loop of its own, which "
                "cannot run within another; call this from a test that is not async"
            )

    # No database: all functions would share what one of them failed on. No explanation: the message has its own.
    @settings(
        max_examples=max_examples,
        deadline=None,
        database=None,
        phases=set(settings().phases) - {Phase.explain},
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=set(HealthCheck) - {HealthCheck.filter_too_much},  # pyright: ignore[reportArgumentType]
    )
    @given(st.lists(strategy, min_size=1, max_size=_MOST_CALLS))
    def examine(drawn: list[Any]) -> None:
        trial.run([each if isinstance(each, CallArguments) else CallArguments((each,), {}) for each in drawn])

    try:
        with _unlogged():
            examine()
    except _FailedError as error:
        message = str(error)
    else:
        return
    raise AssertionError(message)


class _FailedError(AssertionError):
    """A list of calls that breaks one of the promises."""


class _Trial:
    """A decorated function on metrics objects of its own."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._name = name_of(function)
        self._sites = sites_of(function)
        if not self._sites:
            raise DecorationError(
                f"assert_cardinality_bounded: {self._name} has none of tradmetrics' decorators on it, or got "
                "them while disabled; pass the decorated function itself, a method bound to its object, or a "
                "functools.partial of one"
            )
        self._bare = undecorated(function)
        self._seen: list[CallContext] = []
        self._watched = watched(function, self._seen.append, TrialMetrics())
        self._countable = self._counting()
        self._others = TrialMetrics(limits=_LIMITS)

    def _counting(self) -> dict[str, MetricDefinition]:
        """The metrics whose totals the calls tell that are seen."""
        if self._watched is None:
            return {}
        seen = set(outermost(self._function))
        rules = [(rule, site in seen) for site in self._sites for rule in site.recipe.rules]
        uncertain = {rule.definition.name for rule, is_seen in rules if not is_seen or _counted(rule) is None}
        return {rule.definition.name: rule.definition for rule, _ in rules if rule.definition.name not in uncertain}

    def run(self, calls: list[CallArguments]) -> None:
        """Make the calls, twice each.

        Raises:
            _FailedError: When one of the promises is broken.
        """
        # The function's own records are kept apart from those of the functions that it calls.
        own, others = TrialMetrics(limits=_LIMITS), self._others
        self._seen.clear()
        with Calls() as call, default_metrics(others), recording_to(own, self._sites):
            # The second time, what was remembered of the first is what records.
            for each in (*calls, *calls):
                self._make(call, each, calls)
            expected = self._expected()
        if any(map(len, self._instruments(others))):
            self._others = TrialMetrics(limits=_LIMITS)
        for problem in (*self._beyond_budget(own), *self._beyond_budget(others), *self._lost(own, expected)):
            self._fail(problem, calls)

    def _instruments(self, metrics: TradingMetrics) -> Iterator[Instrument]:
        """The instruments that have series, or may have them when they are scraped."""
        for instrument in all_instruments(metrics):
            if len(instrument) or instrument.definition.at_scrape:
                yield instrument

    def _fail(self, problem: str, calls: list[CallArguments]) -> None:
        lines = [f"assert_cardinality_bounded({self._name}): {problem}", "the smallest calls found, each made twice:"]
        raise _FailedError("\n".join([*lines, *(f"  {_spelled(self._function, each)}" for each in calls)]))

    def _make(self, call: Calls, arguments: CallArguments, calls: list[CallArguments]) -> None:
        """Make a call, decorated and undecorated."""
        function = self._function if self._watched is None else self._watched
        if self._bare is None:
            call(function, *arguments)
            return
        before = call(self._bare, *arguments)
        outcome = call(function, *arguments)
        if not outcome.is_like(before) and before.is_like(call(self._bare, *arguments)):
            self._fail(f"{_spelled(self._function, arguments)} {outcome}, and undecorated {before}", calls)

    def _expected(self) -> Mapping[str, float]:
        """The counts that the recipes of the outermost sites expect for these calls."""
        expected: defaultdict[str, float] = defaultdict(float)
        for seen in self._seen:
            for site in outermost(self._function):
                reading = CallContext(site, seen._args, seen._kwargs, seen.result, seen.exception, 0.0)
                try:
                    ended = site.recipe.outcome(reading)
                except Exception:  # as in the engine: samples without an outcome are still recorded
                    ended = RETURNED if seen.exception is None else RAISED
                for rule in site.recipe.rules:
                    if rule.when is None or ended in rule.when:
                        expected[rule.definition.name] += _counted(rule) or 0.0
        return expected

    def _beyond_budget(self, metrics: TradingMetrics) -> Iterator[str]:
        for instrument in self._instruments(metrics):
            definition = instrument.definition
            if definition.family == catalogue.SERIES.family and not definition.guarded:
                continue  # the guard's own metrics have a series for each metric and label
            name, serieses = definition.name, _serieses(instrument)
            for label in definition.labels:
                values = {labels[label.name] for labels in serieses}
                strange = sorted(values - {OTHER, UNKNOWN} - set(values if label.values is None else label.values))
                if strange:
                    yield f"the label {label.name!r} of {name} is not one of its values: {_listed(strange)}"
                found, budget = sorted(values - {OTHER, UNKNOWN}), _LIMITS.label_budget(name, label.name)
                if label.values is None and len(found) > budget:
                    yield (
                        f"the label {label.name!r} of {name} has {len(found)} values, and its budget is {budget}: "
                        f"{_listed(found)}"
                    )
            bounded = [labels for labels in serieses if not {OTHER, UNKNOWN} & set(labels.values())]
            budget = _LIMITS.series_budget(name)
            if len(bounded) > budget and any(label.values is None for label in definition.labels):
                yield f"{name} has {len(bounded)} series, and its budget is {budget}"

    def _lost(self, metrics: TradingMetrics, expected: Mapping[str, float]) -> Iterator[str]:
        for name, definition in sorted(self._countable.items()):
            samples = metrics.instrument(definition).collect()[0].samples
            total = sum(sample.value for sample in samples if sample.name.endswith(("_total", "_count")))
            if total != expected[name]:
                yield f"the total over the series of {name} is {total:g}, and its calls make {expected[name]:g}"


def _counted(rule: Rule) -> float | None:
    """The amount that a rule adds at each call; None where it depends on a value that may be dropped."""
    if rule.definition.kind == "histogram":
        return 1.0 if isinstance(rule.value, float) or rule.value == "seconds" else None
    return rule.value if rule.definition.kind == "counter" and isinstance(rule.value, float) else None


def _serieses(instrument: Instrument) -> list[dict[str, str]]:
    samples = instrument.collect()[0].samples
    return [
        each.labels for each in samples if instrument.definition.kind != "histogram" or each.name.endswith("_count")
    ]


def _listed(values: list[str]) -> str:
    rest = f" and {len(values) - _MOST_VALUES} more" if len(values) > _MOST_VALUES else ""
    return ", ".join(shown(value) for value in values[:_MOST_VALUES]) + rest


def _name(function: Any) -> str:
    return name_of(function).rpartition(".")[2]


def _spelled(function: Any, arguments: CallArguments) -> str:
    texts = [*map(shown, arguments.args), *(f"{name}={shown(value)}" for name, value in arguments.kwargs.items())]
    return f"{_name(function)}({', '.join(texts)})"


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep the warnings of hundreds of metrics objects, each the first of its kind, out of the test's log."""
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
