"""The child process of `tradmetrics doctor`: reads files and addresses, and checks the queries in them.

A hostile file can keep a parser busy, fill the memory or end the interpreter. That must not happen to the command
itself, so it happens here: the parent process sees which step the child was at, and goes on without it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from tradmetrics.doctor.examine import Examination, examine
from tradmetrics.doctor.findings import Finding, Query, Sample
from tradmetrics.doctor.grafana import read_dashboard
from tradmetrics.doctor.known import Known
from tradmetrics.doctor.memory import limit_memory
from tradmetrics.doctor.promql import selected_names
from tradmetrics.doctor.rules import read_rules
from tradmetrics.doctor.sources import UnreachableError, read_endpoint, read_prometheus

_RULES: Final = ("*.yml", "*.yaml")
_DASHBOARDS: Final = ("*.json", *_RULES)

Step = Callable[[str, float], None]
"""Announces a step: a name for messages, and the seconds that it may take."""


class Run:
    """One run of the doctor.

    Args:
        request: `url`, `prometheus`, `rules[]`, `dashboards[]`, and `skipped{}`: files and the reason to skip them.
        step: Announces each step.
    """

    def __init__(self, request: dict[str, Any], step: Step) -> None:
        self._request = request
        self._skipped: dict[str, str] = request["skipped"]
        self._step = step
        self._unreadable: list[Finding] = []

    def examine(self) -> Examination:
        """Read everything, and check it."""
        queries = [
            *self._read(self._request["rules"], _RULES, read_rules, "the file has no groups of rules"),
            *self._read(self._request["dashboards"], _DASHBOARDS, read_dashboard, "the file has no dashboard"),
        ]
        known = Known()
        samples = self._ask(known, queries)
        examination = examine(queries, samples, known, lambda query: self._step(query.file, 4.0))
        examination.unreadable[:0] = self._unreadable
        return examination

    def _read(
        self, paths: list[str], patterns: tuple[str, ...], read: Callable[..., list[Query] | None], nothing: str
    ) -> Iterator[Query]:
        for path in map(Path, paths):
            is_folder = path.is_dir()
            files = sorted(file for pattern in patterns for file in path.rglob(pattern)) if is_folder else [path]
            if not files:
                self._refuse(path, f"no {' or '.join(patterns)} in this folder")
            for file in files:
                if str(file) in self._skipped:
                    self._refuse(file, self._skipped[str(file)])
                    continue
                self._step(str(file), 4.0)
                try:
                    found = read(file)
                except OSError as error:
                    self._refuse(file, error.strerror or str(error))
                except ValueError as error:
                    self._refuse(file, str(error))
                except (RecursionError, MemoryError):
                    self._refuse(file, "the file is nested too deeply, or too large")
                else:
                    if found is None and not is_folder:
                        self._refuse(file, nothing)
                    yield from found or ()

    def _refuse(self, file: Path, message: str) -> None:
        self._unreadable.append(Finding("unreadable", message, str(file)))

    def _ask(self, known: Known, queries: list[Query]) -> list[Sample] | None:
        url, prometheus = self._request["url"], self._request["prometheus"]
        try:
            if url:
                self._step("--url", 15.0)
                return read_endpoint(url, known)
            if prometheus:
                self._step("--prometheus", 120.0)
                return read_prometheus(prometheus, known, selected_names(queries))
        except UnreachableError as error:
            self._unreadable.append(Finding("unreadable", str(error)))
        return None


def main() -> None:
    """Read the request from standard input; write steps, then the answer, as lines of JSON."""
    limit_memory()
    request = json.loads(sys.stdin.readline())

    def say(message: Any) -> None:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()

    announced = ""

    def step(name: str, seconds: float) -> None:
        nonlocal announced
        if name != announced:
            announced = name
            say({"step": name, "seconds": seconds})

    say({"answer": asdict(Run(request, step).examine())})


if __name__ == "__main__":
    main()
