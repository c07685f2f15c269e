"""Everything behind the page: scrapes, keeps, judges, sends, and tells how it is itself."""

import asyncio
import logging
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import yaml

from tradmetrics import catalogue
from tradmetrics.board.alerting import inhibition
from tradmetrics.board.alerting.inhibition import InhibitRule
from tradmetrics.board.alerting.lateness import Lateness, newest
from tradmetrics.board.alerting.notify import Notifier
from tradmetrics.board.alerting.rules import Alert, Rule, Rulebook, read
from tradmetrics.board.query import Evaluator, Matcher, Sample, parse
from tradmetrics.board.query.sums import StepSums
from tradmetrics.board.scraper import Watched
from tradmetrics.board.shipped import Settings, Shipped
from tradmetrics.board.store import Rows, Store

EVALUATION_SECONDS: Final = 5.0
_SHARE: Final = 90.0
_LONGEST_WAIT: Final = 60.0
_MOST_RECORDED: Final = 5_000
_DEAD: Final = "ExporterDown"
_DEAD_WAIT: Final = 2.0
_HEARTBEAT: Final = catalogue.HEARTBEAT.name
_FEED: Final = catalogue.MARKET_DATA_LAST_UPDATE.name
_log = logging.getLogger("tradmetrics.board")

_OWN_RULES: Final = (
    (
        "LoopHung",
        "tradmetrics_board_loop_late_seconds > 0",
        "The loop {{ $labels.loop }} of {{ $labels.instance }} hangs",
        "The loop {{ $labels.loop }} of {{ $labels.instance }} has not beaten for {{ $value | humanizeDuration }}, "
        "much longer than usual.",
        "HeartbeatLate",
    ),
    (
        "FeedStopped",
        "tradmetrics_board_feed_late_seconds > 0",
        "The market data of {{ $labels.instance }} has stopped",
        "No symbol of {{ $labels.instance }} was updated for {{ $value | humanizeDuration }}, much longer than usual.",
        "MarketDataSilent",
    ),
)
"""Alerts of the board itself: it sees within seconds what the shipped rules confirm after a minute."""


@dataclass(frozen=True)
class Standing:
    """An alert that fires now, and whether it is muted."""

    alert: Alert
    muted: bool


class Bots(Protocol):
    """Fills a store with the samples of bots: `Scraper` or `Mirror`."""

    watched: list[Watched]

    @property
    def error(self) -> str:
        """Why there is nothing about any bot; empty when there is."""
        ...

    async def run(self) -> None:
        """Fill until cancelled."""
        ...


class Watch:
    """Watches bots.

    Args:
        shipped: The rules and files of the package.
        settings: Its settings, with the reader's changes.
        store: The samples.
        scraper: Fills the store.
        notifier: Sends alerts.
        clock: The time in seconds since 1970.

    Attributes:
        evaluated: When the rules were last evaluated; 0 for never.
    """

    def __init__(
        self,
        shipped: Shipped,
        settings: Settings,
        store: Store,
        scraper: Bots,
        notifier: Notifier,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self.store = store
        self.scraper = scraper
        self.notifier = notifier
        self.evaluated = 0.0
        self._clock = clock
        self._recorded = _Recorded(store)
        self._broken: set[str] = set()
        self._sums = StepSums()
        documents = [yaml.safe_load(text) for text in shipped.rules(settings).values()]
        rules = [rule for document in documents for rule in read(document)]
        quick = [replace(rule, wait=min(rule.wait, _DEAD_WAIT)) for rule in rules if rule.name == _DEAD]
        quick += _own_rules(settings)
        self._quick = Rulebook(quick, self._recorded.take_quick, self._failed)
        self._slow = Rulebook([rule for rule in rules if rule.name != _DEAD], self._recorded.take, self._failed)
        configured = yaml.safe_load(shipped.stack.get("alerts/stack/alertmanager.yml", "{}")) or {}
        self._inhibitions = [*inhibition.read(configured), *_own_inhibitions()]
        self._loops, self._feeds = Lateness(), Lateness()
        self._slow_due = 0.0

    def evaluator(self, variables: dict[str, str] | None = None, sums: StepSums | None = None) -> Evaluator:
        """Return an evaluator over the board's own samples.

        Args:
            variables: The values of variables in the queries.
            sums: Remembers the steps of subqueries for these values of the variables.

        Returns:
            The evaluator.
        """
        return Evaluator(self.store, variables, EVALUATION_SECONDS, sums=sums, oldest=self.store.oldest())

    async def run(self) -> None:
        """Watch until cancelled."""
        await asyncio.gather(self.scraper.run(), self.notifier.run(), self._judge())

    async def _judge(self) -> None:
        while True:
            if self.scraper.watched:  # a Prometheus may name no bot yet, and then none is down
                for _ in self.judge(self._clock()):
                    await asyncio.sleep(0)
            await asyncio.sleep(1.0)

    def judge(self, now: float) -> Iterator[None]:
        """Evaluate the rules that are due, and hand what changed to the notifier.

        The rules of all bots take at most about one part in a hundred of a processor: where they take long, they are
        evaluated less often.

        Yields:
            Nothing, whenever other work may have its turn.
        """
        evaluator = self.evaluator(sums=self._sums)
        loops, feeds = self._newest(_HEARTBEAT, "loop", now), self._newest(_FEED, "", now)
        self._recorded.take("tradmetrics_board_loop_late_seconds", self._loops.observe(loops, now))
        self._recorded.take("tradmetrics_board_feed_late_seconds", self._feeds.observe(feeds, now))
        self._recorded.write(now)
        resolved = self._quick.evaluate(evaluator, now)
        if now >= self._slow_due:
            spent = 0.0
            steps = self._slow.steps(evaluator, now, resolved)
            while True:
                started = time.perf_counter()
                if next(steps, self) is self:
                    break
                spent += time.perf_counter() - started
                yield
            self._slow_due = now + min(max(EVALUATION_SECONDS, spent * _SHARE), _LONGEST_WAIT)
        self.evaluated = now
        told = [each.alert for each in self.standing() if not each.muted]
        self.notifier.update(told, [each for each in resolved if inhibition.is_told(each.labels)])

    def _newest(self, metric: str, label: str, now: float) -> list[Sample]:
        by = ("job", "instance", label) if label else ("job", "instance")
        return newest(self.store.instant(metric, (), now), by)

    def standing(self) -> list[Standing]:
        """Return the alerts for people that fire now, the gravest first."""
        firing = [*self._quick.alerts(firing=True), *self._slow.alerts(firing=True)]
        labels = [alert.labels for alert in firing]
        found = [
            Standing(alert, inhibition.muted(alert.labels, labels, self._inhibitions))
            for alert in firing
            if inhibition.is_told(alert.labels)
        ]
        order = {"critical": 0, "warning": 1, "info": 2}
        return sorted(found, key=lambda each: (each.muted, order.get(each.alert.labels.get("severity", ""), 3)))

    def healthy(self) -> bool:
        """Tell whether the rules have been evaluated lately, on samples of bots."""
        return not self.scraper.error and self._clock() - self.evaluated < 20.0

    def _failed(self, rule: Rule, error: Exception) -> None:
        if rule.name not in self._broken:
            self._broken.add(rule.name)
            _log.warning("the rule %s cannot be evaluated: %s", rule.name, error)


def _own_rules(settings: Settings) -> list[Rule]:
    docs = str(settings.get("docs", "")).rstrip("/")
    return [
        Rule(
            name,
            parse(expression),
            labels={"severity": "critical"},
            annotations={
                "summary": summary,
                "description": description,
                "runbook_url": f"{docs}/runbooks/{runbook}/",
            },
        )
        for name, expression, summary, description, runbook in _OWN_RULES
    ]


def _own_inhibitions() -> Sequence[InhibitRule]:
    """The board's alerts say first what the shipped ones say later, and a dead bot's feed is silent too."""
    pairs = [
        ("LoopHung", "HeartbeatLate"),
        ("FeedStopped", "MarketDataSilent|StaleMarketData|StaleMarketDataShare"),
        (_DEAD, "LoopHung|FeedStopped"),
        ("MarketClosed", "FeedStopped"),
    ]
    return [
        InhibitRule((Matcher("alertname", "=", source),), (Matcher("alertname", "=~", target),), ("job", "instance"))
        for source, target in pairs
    ]


class _Recorded:
    """The series that the board itself makes: recordings, `ALERTS`, lateness. A target of the store without a bot."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._series: list[tuple[str, Any]] = []
        self._columns: dict[tuple[str, frozenset[tuple[str, str]]], int] = {}
        self._values: dict[str, list[Sample]] = {}
        self._rows: Rows = store.target("tradmetrics board", self._series)

    def take(self, name: str, samples: list[Sample]) -> None:
        """Keep what a rule gave until the next row is written."""
        self._values[name] = samples

    def take_quick(self, name: str, samples: list[Sample]) -> None:
        """Keep what the quick rules gave, apart from what the others did."""
        self._values[f"{name}\0quick"] = samples

    def write(self, now: float) -> None:
        """Add a row."""
        values: dict[int, float] = {}
        for key, samples in self._values.items():
            name = key.partition("\0")[0]
            for sample in samples:
                column = self._column(name, sample)
                if column is not None:
                    values[column] = sample.value
        row = array("d", [float("nan")]) * len(self._series)
        for column, value in values.items():
            row[column] = value
        self._store.add(self._rows, now, row)

    def _column(self, name: str, sample: Sample) -> int | None:
        key = (name, frozenset(sample.labels.items()))
        column = self._columns.get(key)
        if column is None and len(self._series) < _MOST_RECORDED:
            column = self._columns[key] = len(self._series)
            self._series.append((name, dict(sample.labels)))
        return column
