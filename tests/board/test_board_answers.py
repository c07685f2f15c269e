"""Answers of the panels' queries: from the board's own samples and from a Prometheus, shared between readers."""

import asyncio
import math
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from tradmetrics.board import answers
from tradmetrics.board.answers import Choice, OwnAnswers, PrometheusAnswers
from tradmetrics.board.query import QueryError, Sample, parse


class Asked:
    """A Prometheus that notes what it is asked."""

    def __init__(self, *series: dict[str, Any]) -> None:
        self.series = list(series)
        self.questions: list[tuple[str, dict[str, str]]] = []

    async def result(self, endpoint: str, parameters: Mapping[str, str]) -> list[dict[str, Any]] | None:
        """Answer."""
        self.questions.append((endpoint, dict(parameters)))
        return self.series or None


class Own:
    """The board's own answers."""

    async def now(self, query: Any, choice: Choice) -> str:
        """Now."""
        return "own now"

    async def curve(self, query: Any, choice: Choice) -> str:
        """Over time."""
        return "own curve"


def query(text: str) -> Any:
    """A panel's query."""
    return SimpleNamespace(text=text, expression=parse(text))


def test_readers_of_one_moment_share_an_answer_of_prometheus() -> None:
    """Ten open pages would ask a Prometheus ten times as much."""
    asked = Asked({"metric": {"__name__": "a", "instance": "bot"}, "value": [1_000.0, "4.5"]})
    now = [1_000.0]
    found = PrometheusAnswers(asked, Own(), lambda: now[0])  # type: ignore[arg-type]
    panel = query('a{instance=~"$instance"}')

    async def ask(choice: Choice) -> list[Sample]:
        return await found.now(panel, choice)

    first = asyncio.run(ask(Choice(bot="bot:1")))
    assert [({"instance": "bot"}, 4.5)] == [(each.labels, each.value) for each in first]
    assert first is asyncio.run(ask(Choice(bot="bot:1")))
    assert ["query"] == [endpoint for endpoint, _ in asked.questions]
    assert 'a{instance=~"bot:1"}' == asked.questions[0][1]["query"]
    asyncio.run(ask(Choice()))  # another choice is another question
    now[0] += 2.0
    asyncio.run(ask(Choice(bot="bot:1")))  # and so is a later one
    assert 3 == len(asked.questions)


def test_a_curve_of_prometheus_lies_on_the_boards_grid() -> None:
    """A curve would be shifted against the others, or a gap would be drawn as a line."""
    asked = Asked({"metric": {"bot": "a"}, "values": [[990.0, "1"], [1_000.0, "NaN"], [1_010.0, "7"]]})
    found = PrometheusAnswers(asked, Own(), lambda: 1_001.0)  # type: ignore[arg-type]
    curve = asyncio.run(found.curve(query("a"), Choice(span=20.0, points=2)))
    assert [980.0, 990.0, 1_000.0] == curve.times
    ((labels, values),) = curve.series.values()
    assert ({"bot": "a"}, [None, 1.0, None]) == (labels, values)
    assert ("980.000", "1000.000", "10") == tuple(asked.questions[0][1][name] for name in ("start", "end", "step"))


def test_alerts_are_the_boards_own_and_a_silent_prometheus_gives_nothing() -> None:
    """A Prometheus without the rules would say that all is well."""
    found = PrometheusAnswers(Asked(), Own(), lambda: 1_000.0)  # type: ignore[arg-type]
    alerts = query('ALERTS{alertstate="firing"}')
    assert "own now" == asyncio.run(found.now(alerts, Choice()))
    assert "own curve" == asyncio.run(found.curve(alerts, Choice()))
    assert [] == asyncio.run(found.now(query("a"), Choice()))
    assert not asyncio.run(found.curve(query("a"), Choice())).series


class Watched:
    """The board's samples: one series whose value is the time, since 900."""

    def __init__(self) -> None:
        self.evaluated: list[float] = []
        self.store = SimpleNamespace(oldest=lambda: 900.0)

    def evaluator(self, variables: dict[str, str], sums: Any) -> Any:
        """What evaluates a query."""

        def at(expression: Any, time: float) -> list[Sample]:
            self.evaluated.append(time)
            if str(expression) == "broken":
                raise QueryError("no")
            return [Sample({"bot": "a"}, math.inf if time == 960.0 else time, time)]

        assert variables
        return SimpleNamespace(at=at)


def test_each_point_of_an_own_curve_is_evaluated_once_for_all_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that is open for hours would keep a core busy, or its memory would grow."""
    monkeypatch.setattr(answers, "_KEPT_CURVES", 2)
    monkeypatch.setattr(answers, "_KEPT_CHOICES", 2)
    monkeypatch.setattr(answers, "_PATIENCE", -1.0)  # others have their turn after each point
    watched, now = Watched(), [1_000.0]
    own = OwnAnswers(watched, lambda: now[0])  # type: ignore[arg-type]
    choice = Choice(span=120.0, points=120)
    curve = asyncio.run(own.curve(query("a"), choice))
    (values,) = (values for _, values in curve.series.values())
    assert [None] * 20 == values[:20]  # the board has nothing older
    assert (900.0, None, 1_000.0) == (values[20], values[80], values[-1])  # no point where a value is infinite
    assert len(watched.evaluated) == len(set(watched.evaluated)) == 101
    now[0] += 3.0
    asyncio.run(own.curve(query("a"), choice))
    assert [1_001.0, 1_002.0, 1_003.0] == watched.evaluated[101:]
    for number in range(5):
        asyncio.run(own.curve(query(f"a{number}"), Choice(span=60.0, bot=f"{number}")))
    assert 2 == len(own._points) == len(own._sums)


def test_a_query_that_fails_is_an_empty_panel_and_readers_share_a_moment() -> None:
    """One panel's query would empty the whole page, or each reader would cost an evaluation a second."""
    watched, now = Watched(), [1_000.0]
    own = OwnAnswers(watched, lambda: now[0])  # type: ignore[arg-type]
    assert [] == asyncio.run(own.now(query("broken"), Choice()))
    for _ in range(5):
        assert 1_000.0 == asyncio.run(own.now(query("a"), Choice()))[0].value
    assert 2 == len(watched.evaluated)
    now[0] += 1.0
    assert 1_001.0 == asyncio.run(own.now(query("a"), Choice()))[0].value
    for number in range(1_100):
        own._now[f"old {number}", Choice()] = (0.0, [])
    asyncio.run(own.now(query("b"), Choice()))
    assert 1 == len(own._now)
