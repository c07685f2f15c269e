"""Scraped bots as promtool reads them: scrapes that do not fall on evaluations, lost scrapes, restarts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.stack.programs import program

Value = float | Callable[[int], float | None]
"""What a series shows: a number, or a function of the second; None while the bot does not expose it."""
EVERY = 30
"""Seconds between evaluations."""
PROMTOOLS = ("promtool", *(["promtool3"] if shutil.which("promtool3") else ()))
"""The promtools that rules are tested with: the stack's own, and version 3 where it could be built."""


class Bot:
    """One scraped process: what it exposes, when it is scraped, and which scrapes fail."""

    def __init__(
        self,
        instance: str = "bot:8000",
        *,
        job: str = "tradmetrics",
        phase: int = 3,
        uptime: Value | None = 5,
        lost: Callable[[int], bool] = lambda second: False,
        gone: int | None = None,
    ) -> None:
        self.labels = {"job": job, "instance": instance}
        self.phase, self.lost, self.gone = phase, lost, gone
        self.series: list[tuple[str, dict[str, str], Callable[[int], float | None]]] = []
        self.show("up", lambda second: float(not lost(second)))
        if uptime is not None:
            self.show(
                "trading_system_uptime_seconds",
                uptime if callable(uptime) else lambda second: second + uptime,
            )

    def show(self, name: str, value: Value, **labels: str) -> Bot:
        """Add a series."""
        self.series.append((name, labels, value if callable(value) else lambda second: value))
        return self

    def scrapes(self, seconds: int) -> Iterable[int]:
        """Return the seconds of the scrapes: every 7 s, so that they do not fall on evaluations."""
        return range(self.phase, min(seconds, self.gone or seconds) + 1, 7)

    def input_series(self, seconds: int) -> list[dict[str, str]]:
        """Return the series as promtool's tests have them, at one value a second, with Prometheus's stale markers."""
        rows = []
        for name, labels, read in self.series:
            words, there, last = [], False, -1
            times = [*self.scrapes(seconds), *([self.gone] if self.gone is not None else ())]
            for second in times:
                failed = second == self.gone or (name != "up" and self.lost(second))
                number = None if failed else read(second)
                if number is None and not there:
                    continue
                if second - last > 1:
                    words.append(f"_x{second - last - 1}")
                words.append("stale" if number is None else f"{number:.9f}".rstrip("0").rstrip("."))
                there, last = number is not None, second
            text = ", ".join(f'{key}="{value}"' for key, value in {**self.labels, **labels}.items())
            if words:
                rows.append({"series": f"{name}{{{text}}}", "values": " ".join(words)})
        return rows


def group(name: str, bots: Iterable[Bot], seconds: int, **tests: Any) -> dict[str, Any]:
    """Return a group of tests of promtool on some bots."""
    series = [row for bot in bots for row in bot.input_series(seconds)]
    return {"name": name, "interval": "1s", "input_series": series, **tests}


def check(promtool: str, rules: Mapping[str, Any], groups: list[dict[str, Any]]) -> str:
    """Run groups of tests against rules; return what failed, or an empty text."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "rules.yml").write_text(yaml.safe_dump(rules), encoding="utf-8")
        document = {"rule_files": ["rules.yml"], "evaluation_interval": f"{EVERY}s", "tests": groups}
        test = Path(folder, "test.yml")
        test.write_text(yaml.safe_dump(document, width=10**9), encoding="utf-8")
        command = [program(promtool), "test", "rules", str(test)]
        environment = {**os.environ, "GOMAXPROCS": "1"}
        result = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    return "" if result.returncode == 0 else result.stdout + result.stderr


_RESULT = re.compile(r"expr: \"(?:[^\"\\]|\\.)*\", time: (\w+),\s*\n\s*exp: ?[^\n]*\n\s*got: ?([^\n]*)")
_SAMPLE = re.compile(r"\{[^}]*\} ([-+.\w]+)")


def values(promtool: str, expression: str, bots: Iterable[Bot], times: Iterable[int]) -> dict[int, float | None]:
    """Evaluate an expression that gives one series or none, at some seconds."""
    times = list(times)
    tests = [
        # promtool shows what an expression gives only where the expectation fails: this one always does.
        {"expr": expression, "eval_time": f"{second}s", "exp_samples": [{"labels": "x{never='true'}", "value": 0}]}
        for second in times
    ]
    text = check(promtool, {"groups": []}, [group("values", bots, max(times), promql_expr_test=tests)])
    found: dict[int, float | None] = {}
    for when, got in _RESULT.findall(text):
        numbers = _SAMPLE.findall(got)
        assert len(numbers) <= 1, got
        found[_seconds(when)] = float(numbers[0]) if numbers else None
    assert set(found) == set(times), text[:2000]
    return found


def _seconds(text: str) -> int:
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([hms])(?!s)", text))
