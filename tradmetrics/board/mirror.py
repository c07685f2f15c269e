"""Fills the board's store from a Prometheus that scrapes the bots already; all else works as with scraped bots."""

import asyncio
import json
import logging
import time
from array import array
from collections.abc import Callable, Mapping
from typing import Any, Final

from tradmetrics.board.exposition import ABSENT, LONGEST_LABEL, MOST_SERIES
from tradmetrics.board.prometheus import Prometheus
from tradmetrics.board.query.samples import Labels
from tradmetrics.board.scraper import Watched
from tradmetrics.board.store import Store
from tradmetrics.board.targets import Target

INTERVAL: Final = 5.0
_MOST_BOTS: Final = 200
_log = logging.getLogger("tradmetrics.board")


class Mirror:
    """Copies the newest samples of all bots of one job into a store.

    Args:
        store: Takes the samples.
        prometheus: The Prometheus to ask.
        job: The label `job` of the bots there.
        clock: The time in seconds since 1970.

    Attributes:
        watched: The bots that were found so far.
        error: Why the Prometheus tells nothing; empty when it does.
    """

    def __init__(
        self, store: Store, prometheus: Prometheus, job: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.watched: list[Watched] = []
        self.error = ""
        self._store = store
        self._prometheus = prometheus
        self._job = job
        self._clock = clock
        self._bots: dict[str, _Bot] = {}

    async def run(self) -> None:
        """Copy until cancelled."""
        while True:
            await self.copy()
            await asyncio.sleep(INTERVAL)

    async def copy(self) -> None:
        """Copy the newest samples once."""
        now = self._clock()
        query = {"query": f"{{job={json.dumps(self._job)}}}", "time": f"{now:.3f}"}
        found = await self._prometheus.result("query", query)
        if found is None:
            self._note(self._prometheus.error)
            return
        self._note("" if found or self.watched else await self._nothing())
        by_bot: dict[str, list[tuple[dict[str, str], float]]] = {name: [] for name in self._bots}
        for each in found:
            metric = each["metric"]
            by_bot.setdefault(metric.get("instance", ""), []).append((metric, float(each["value"][1])))
        reasons = await self._reasons() if any(_is_down(samples) for samples in by_bot.values()) else {}
        for name, samples in by_bot.items():
            bot = self._bots.get(name) or self._begin(name)
            if bot is not None:
                self._store.add(bot.watched.rows, now, bot.row(samples))
                bot.judge(now, samples, reasons.get(name, ""))

    def _begin(self, name: str) -> "_Bot | None":
        if len(self._bots) >= _MOST_BOTS:
            return None
        bot = self._bots[name] = _Bot(Target(self._prometheus.url, name, self._job), self._store)
        self.watched.append(bot.watched)
        return bot

    async def _nothing(self) -> str:
        jobs = await self._prometheus.ask("label/job/values") or []
        known = ", ".join(map(str, jobs[:10])) or "no job at all"
        return f"{self._prometheus.url} has no bot with the job {self._job!r}; it has: {known}. Write --set job=NAME"

    async def _reasons(self) -> dict[str, str]:
        """Return why Prometheus cannot scrape bots, by instance."""
        data = await self._prometheus.ask("targets?state=active")
        try:
            return {each["labels"]["instance"]: str(each.get("lastError", "")) for each in data["activeTargets"]}
        except (KeyError, TypeError, AttributeError):
            return {}

    def _note(self, error: str) -> None:
        if error != self.error:
            _log.warning("%s", error or f"{self._prometheus.url} answers again")
        self.error = error


def _is_down(samples: list[tuple[dict[str, str], float]]) -> bool:
    return any(metric.get("__name__") == "up" and not value for metric, value in samples)


class _Bot:
    """One bot: its series, each with a column of its own."""

    def __init__(self, target: Target, store: Store) -> None:
        self._series: list[tuple[str, Labels]] = []
        self._columns: dict[frozenset[tuple[str, str]], int] = {}
        self.watched = Watched(target, store.target(target.name, self._series))

    def row(self, samples: list[tuple[dict[str, str], float]]) -> "array[float]":
        """Return the values of all series that there have been, NaN where one has none now."""
        row = array("d", [ABSENT]) * len(self._series)
        for metric, value in samples:
            column = self._column(metric)
            if column is not None:
                if column >= len(row):
                    row.append(ABSENT)
                row[column] = value
        return row

    def _column(self, metric: Mapping[str, Any]) -> int | None:
        key = frozenset(metric.items())
        column = self._columns.get(key)
        if column is None and len(self._series) < MOST_SERIES:
            labels = {name: str(value)[:LONGEST_LABEL] for name, value in metric.items() if name != "__name__"}
            column = self._columns[key] = len(self._series)
            self._series.append((metric.get("__name__", ""), labels))
        return column

    def judge(self, now: float, samples: list[tuple[dict[str, str], float]], reason: str) -> None:
        """Note whether the bot is up."""
        watched = self.watched
        watched.scrapes += 1
        ups = [value for metric, value in samples if metric.get("__name__") == "up"]
        if ups and all(ups):
            if watched.up is False:
                _log.warning("%s answers again", watched.target.name)
            watched.up, watched.seen, watched.error = True, now, ""
            return
        watched.failures += 1
        error = (reason or "it does not answer Prometheus") if ups else "Prometheus scrapes it no more"
        if watched.up is not False:
            _log.warning("%s is down: %s", watched.target.name, error)
        watched.up, watched.error = False, error
