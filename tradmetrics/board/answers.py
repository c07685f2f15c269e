"""Answers the queries of panels: from the board's own samples, or from a Prometheus."""

import asyncio
import math
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from tradmetrics.board.panels import Query
from tradmetrics.board.prometheus import Prometheus
from tradmetrics.board.query import QueryError, Sample
from tradmetrics.board.query.samples import Labels
from tradmetrics.board.query.sums import StepSums
from tradmetrics.board.watch import Watch

POINTS: Final = 120
"""Points of a curve."""
_KEPT_CURVES: Final = 300
_KEPT_CHOICES: Final = 30
_SPANS: Final = (60.0, 120.0, 180.0, 300.0, 420.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14_400.0, 21_600.0, 43_200.0)
_PATIENCE: Final = 0.01
_SHARED_SECONDS: Final = 1.9
_ALERTS: Final = "ALERTS{"
_LEAST_STEP: Final = 5.0
"""Seconds of a column of a heatmap: several scrapes, so that none is empty between two of them."""


@dataclass(frozen=True)
class Choice:
    """The reader's choice: how far back, and which bot and strategy.

    Attributes:
        span: Seconds to look back.
        bot: The `instance`; empty for all.
        strategy: The strategy; empty for all.
        points: Points of a curve, or columns of a heatmap.
    """

    span: float = 900.0
    bot: str = ""
    strategy: str = ""
    points: int = POINTS

    @property
    def step(self) -> float:
        """Seconds between two points of a curve."""
        return max(0.5, self.span / self.points)

    def variables(self) -> dict[str, str]:
        """Return what stands for Grafana's variables."""
        step, span = f"{max(1, round(self.step))}s", f"{round(self.span)}s"
        return {
            "job": ".*",
            "instance": re.escape(self.bot) if self.bot else ".*",
            "strategy": re.escape(self.strategy) if self.strategy else ".*",
            "__rate_interval": f"{max(30, round(2 * self.step))}s",
            "__interval": step,
            "__range": span,
            "__range_s": f"{round(self.span)}",
        }


@dataclass
class Curve:
    """One query over time: for each series its labels and a value at each time, None where there is none."""

    times: list[float] = field(default_factory=list)
    series: dict[frozenset[tuple[str, str]], tuple[Labels, list[float | None]]] = field(default_factory=dict)


class Answers(Protocol):
    """Answers queries."""

    async def now(self, query: Query, choice: Choice) -> list[Sample]:
        """Return the series of a query now."""
        ...

    async def curve(self, query: Query, choice: Choice) -> Curve:
        """Return the series of a query over the chosen time."""
        ...


class OwnAnswers:
    """Evaluates queries over the board's own samples.

    The points of a curve lie on a grid, and each is evaluated once, for all readers.
    """

    def __init__(self, watch: Watch, clock: Callable[[], float] = time.time) -> None:
        self._watch = watch
        self._clock = clock
        self._points: OrderedDict[tuple[str, Choice], OrderedDict[float, list[Sample]]] = OrderedDict()
        self._now: dict[tuple[str, Choice], tuple[float, list[Sample]]] = {}
        self._worked = 0.0
        self._sums: OrderedDict[Choice, StepSums] = OrderedDict()

    async def now(self, query: Query, choice: Choice) -> list[Sample]:
        """Return the series of a query now; several readers in one second share the answer."""
        now = self._clock()
        known = self._now.get((query.text, choice))
        if known is not None and now - known[0] < 0.9:
            return known[1]
        if len(self._now) > 1_000:
            self._now.clear()
        samples = self._evaluate(query, choice, now)
        self._now[query.text, choice] = (now, samples)
        await self._rest()
        return samples

    async def curve(self, query: Query, choice: Choice) -> Curve:
        """Return the series of a query over the chosen time."""
        now, oldest = self._clock(), self._watch.store.oldest()
        # A board that has just begun draws what it has over the whole width.
        span = next((each for each in _SPANS if each >= now - oldest), choice.span)
        least = _LEAST_STEP * choice.points if choice.points < POINTS else 0.0
        choice = replace(choice, span=min(max(span, least), choice.span))
        step = choice.step
        points = self._points.setdefault((query.text, choice), OrderedDict())
        self._points.move_to_end((query.text, choice))
        while len(self._points) > _KEPT_CURVES:
            self._points.popitem(last=False)
        last = math.floor(now / step)
        times = [number * step for number in range(last - choice.points, last + 1)]
        for at in times:
            if at >= oldest and at not in points:
                points[at] = self._evaluate(query, choice, at)
                await self._rest()
        for at in [at for at in points if at < times[0]]:
            del points[at]
        return _gathered([(at, points.get(at, [])) for at in times])

    def _evaluate(self, query: Query, choice: Choice, at: float) -> list[Sample]:
        started = time.perf_counter()
        try:
            return self._watch.evaluator(choice.variables(), self._steps(choice)).at(query.expression, at)
        except QueryError:
            return []
        finally:
            self._worked += time.perf_counter() - started

    def _steps(self, choice: Choice) -> StepSums:
        """Return what remembers the steps of subqueries for a choice, so that a curve evaluates each step once."""
        found = self._sums.setdefault(choice, StepSums())
        self._sums.move_to_end(choice)
        while len(self._sums) > _KEPT_CHOICES:
            self._sums.popitem(last=False)
        return found

    async def _rest(self) -> None:
        """Let scrapes and other readers have their turn."""
        if self._worked > _PATIENCE:
            self._worked = 0.0
            await asyncio.sleep(0)


class PrometheusAnswers:
    """Asks a Prometheus the queries of the dashboards; readers share an answer for a moment.

    Args:
        prometheus: The Prometheus.
        own: Answers what asks for alerts: those of the board, whichever rules the Prometheus has.
        clock: The time in seconds since 1970.
    """

    def __init__(self, prometheus: Prometheus, own: Answers, clock: Callable[[], float] = time.time) -> None:
        self._prometheus = prometheus
        self._own = own
        self._clock = clock
        self._now: dict[tuple[str, Choice], tuple[float, list[Sample]]] = {}

    async def now(self, query: Query, choice: Choice) -> list[Sample]:
        """Return the series of a query now."""
        if _ALERTS in query.text:
            return await self._own.now(query, choice)
        now = self._clock()
        known = self._now.get((query.text, choice))
        if known is not None and now - known[0] < _SHARED_SECONDS:
            return known[1]
        if len(self._now) > 1_000:
            self._now.clear()
        found = await self._ask("query", {"query": _filled(query.text, choice), "time": f"{now:.3f}"})
        samples = [Sample(_labels(each), float(each["value"][1]), float(each["value"][0])) for each in found]
        self._now[query.text, choice] = (now, samples)
        return samples

    async def curve(self, query: Query, choice: Choice) -> Curve:
        """Return the series of a query over the chosen time."""
        if _ALERTS in query.text:
            return await self._own.curve(query, choice)
        step = choice.step
        end = math.floor(self._clock() / step) * step
        parameters = {
            "query": _filled(query.text, choice),
            "start": f"{end - choice.points * step:.3f}",
            "end": f"{end:.3f}",
        }
        found = await self._ask("query_range", {**parameters, "step": f"{step:g}"})
        points: dict[float, list[Sample]] = {
            end - (choice.points - number) * step: [] for number in range(choice.points + 1)
        }
        times = list(points)
        for each in found:
            for at, value in each["values"]:
                place = round((float(at) - times[0]) / step)
                if 0 <= place < len(times):
                    points[times[place]].append(Sample(_labels(each), float(value), times[place]))
        return _gathered(list(points.items()))

    async def _ask(self, endpoint: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        return await self._prometheus.result(endpoint, parameters) or []


def _labels(each: Mapping[str, Any]) -> dict[str, str]:
    return {name: value for name, value in each["metric"].items() if name != "__name__"}


def _filled(text: str, choice: Choice) -> str:
    variables = choice.variables()
    return re.sub(r"\$\{?(\w+)\}?", lambda match: variables.get(match[1], match[0]).replace("\\", "\\\\"), text)


def _gathered(points: list[tuple[float, list[Sample]]]) -> Curve:
    curve = Curve([at for at, _ in points])
    for place, (_, samples) in enumerate(points):
        for sample in samples:
            key = frozenset(sample.labels.items())
            if key not in curve.series:
                curve.series[key] = (sample.labels, [None] * len(points))
            curve.series[key][1][place] = sample.value if math.isfinite(sample.value) else None
    return curve
