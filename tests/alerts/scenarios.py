"""One world for each alert: when the alert must fire, when it must be silent, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from alerts import generate
from tests.alerts.worlds import EVERY, Bot, Value, group

BEGIN = 600
"""When the fault begins, in seconds; the scrape that shows it comes within 7 s."""
# Thresholds and windows that would make a world of days.
SETTINGS: dict[str, Any] = generate.load()
SETTINGS["alerts"]["ModelStale"]["threshold"] = 1800
SETTINGS["alerts"]["DiskFilling"]["window"] = "10m"
for _name in ("AllOrdersRejected", "HighOrderToTradeRatio", "ApiAccessDenied"):
    SETTINGS["alerts"][_name]["window"] = "10m"


@dataclass
class Scenario:
    """A bot with a fault.

    Attributes:
        alert: The alert.
        world: Builds the bots; its argument says whether the fault is there, or stays at the threshold.
        summary: The text on a phone.
        description: The whole text.
        labels: The alert's labels beside severity and session.
        lasts: Seconds that the fault lasts.
        after: Seconds from the fault's end until the alert has resolved; default: its window and `keep_firing_for`.
        delay: Further seconds until the condition holds, where it measures a time.
    """

    alert: str
    world: Callable[[bool], list[Bot]]
    summary: str
    description: str
    labels: dict[str, str] = field(default_factory=dict)
    lasts: int = 0
    after: int | None = None
    delay: int = 0
    instance: str | None = "bot:8000"

    @property
    def settings(self) -> dict[str, Any]:
        """The alert's settings."""
        own: dict[str, Any] = SETTINGS["alerts"][self.alert]
        return own

    def length(self, name: str) -> int:
        """Return one of the alert's durations in seconds, 0 if it has none."""
        return int(generate.seconds(self.settings.get(name, "0s")) or 0)

    @property
    def fires(self) -> int:
        """The first evaluation at which the alert fires."""
        return BEGIN + EVERY + self.delay + self.length("for")

    @property
    def ends(self) -> int:
        """When the fault ends."""
        return BEGIN + (self.lasts or self.delay + self.length("for") + 300)

    @property
    def resolved(self) -> int:
        """An evaluation after the alert has resolved."""
        after = self.length("window") + self.length("keep_firing_for") if self.after is None else self.after
        return (self.ends + after) // EVERY * EVERY + 2 * EVERY

    def expected(self) -> list[dict[str, Any]]:
        """Return the alert as promtool expects it."""
        labels = {"severity": self.settings["severity"], **self.labels}
        if self.instance is not None:
            labels |= {"job": "tradmetrics", "instance": self.instance}
        if self.settings.get("session", True):
            labels["session"] = "open"
        annotations = {
            "summary": self.summary,
            "description": self.description,
            "runbook_url": f"{SETTINGS['docs']}runbooks/{self.alert}/",
        }
        return [{"exp_labels": labels, "exp_annotations": annotations}]

    def groups(self) -> list[dict[str, Any]]:
        """Return the tests: silent before, fires with its text, resolves; silent at the threshold and on no data."""
        silent = sorted({BEGIN - EVERY, self.fires - EVERY})
        checks = [(second, []) for second in silent] + [(self.fires, self.expected()), (self.resolved, [])]
        quiet = [(second, []) for second in sorted({self.fires, *range(300, self.resolved, 300)})]
        return [
            self._group("fires", self.world(True), checks),
            self._group("silent without the fault", self.world(False), quiet),
            self._group("silent on no data", [Bot(uptime=5 if self.alert == "TradingMetricsAbsent" else None)], quiet)
            if self.alert not in ("TradingMetricsAbsent",)
            else self._group("silent on the bare minimum", [Bot()], quiet),
        ]

    def _group(self, name: str, bots: list[Bot], checks: list[tuple[int, list[dict[str, Any]]]]) -> dict[str, Any]:
        tests = [
            {"eval_time": f"{second}s", "alertname": self.alert, "exp_alerts": expected} for second, expected in checks
        ]
        return group(f"{self.alert} {name}", bots, max(second for second, _ in checks), alert_rule_test=tests)


def gauge(alert: str, metric: str, at: float, past: float, summary: str, description: str, **more: Any) -> Scenario:
    """A gauge that stays at the threshold, or goes past it and comes back."""
    labels = more.pop("series", {})
    shown: dict[str, float] = more.pop("beside", {})

    def world(fault: bool) -> list[Bot]:
        bot = Bot().show(metric, lambda second: past if fault and BEGIN <= second < result.ends else at, **labels)
        for name, value in shown.items():
            bot.show(name, value)
        return [bot]

    result = Scenario(alert, world, summary, description, **{"labels": labels, **more})
    return result


def counter(alert: str, metric: str, count: int, summary: str, description: str, **more: Any) -> Scenario:
    """A counter that appears with the threshold's number of events, or with one more; some are there already."""
    labels = more.pop("series", {})
    beside: dict[str, Value] = more.pop("beside", {})

    def world(fault: bool) -> list[Bot]:
        events = count if fault else count - 1
        bot = Bot().show(metric, lambda second: float(events) if second >= BEGIN and events else None, **labels)
        for name, value in beside.items():
            bot.show(name, value, **{key: text for key, text in labels.items() if key == "strategy"})
        return [bot]

    return Scenario(alert, world, summary, description, lasts=7, **{"labels": labels, **more})


def since(second: int) -> float:
    """A timestamp that is renewed at each scrape until the fault begins."""
    return float(min(second, BEGIN))


def renewed(alert: str, metric: str, delay: int, summary: str, description: str, **more: Any) -> Scenario:
    """A timestamp that stands still, and goes on after a while."""
    labels = more.pop("series", {})
    beside: dict[str, float] = more.pop("beside", {})

    def world(fault: bool) -> list[Bot]:
        bot = Bot().show(
            metric,
            lambda second: float(BEGIN if fault and BEGIN <= second < result.ends else second),
            **labels,
        )
        for name, value in beside.items():
            bot.show(name, value, strategy="s")
        return [bot]

    result = Scenario(alert, world, summary, description, delay=delay, **{"labels": labels, **more})
    return result


def alone(alert: str) -> dict[str, Any]:
    """Return a rule file of one alert, with the settings of the scenarios."""
    rules = [rule for content in generate.rules(SETTINGS).values() for rule in content["groups"][0]["rules"]]
    (rule,) = [rule for rule in rules if rule.get("alert") == alert]
    return {"groups": [{"name": "alone", "rules": [rule]}]}
