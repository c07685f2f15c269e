"""Runs the doctor's child process, and goes on without a file that the child cannot survive."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, Final

from tradmetrics.doctor.examine import Examination
from tradmetrics.doctor.findings import Finding
from tradmetrics.doctor.sources import shown
from tradmetrics.doctor.watching import Signal, Watched

_START_SECONDS: Final = 30.0
_MOST_RUNS: Final = 25
_MOST_CHILDREN: Final = 4
_EXAMINE: Final = "tradmetrics.doctor.child"
_WATCH: Final = "tradmetrics.doctor.watch_child"


def run(*, url: str | None, prometheus: str | None, rules: list[str], dashboards: list[str]) -> Examination:
    """Read and check everything in a child process.

    Args:
        url: URL of a `/metrics` endpoint, or None.
        prometheus: URL of a Prometheus, or None.
        rules: Rule files, and folders of them.
        dashboards: Dashboards, and folders of them.

    Returns:
        The findings. A file that ended the child or took too long is among the unreadable ones.
    """
    skipped: dict[str, str] = {}
    request = {"url": url, "prometheus": prometheus, "rules": rules, "dashboards": dashboards, "skipped": skipped}
    step = reason = ""
    for _ in range(_MOST_RUNS):
        step, answer, reason = _run_once(request)
        if answer is not None:
            return _examination_from(answer)
        if not step or step in skipped:
            break
        if step.startswith("--"):
            return Examination(unreadable=[Finding("unreadable", f"{step}: {reason}")])
        skipped[step] = reason
    return Examination(unreadable=[Finding("unreadable", f"the files cannot be examined: {reason}", step)])


def watch(urls: Sequence[str], limit: float | None) -> list[Watched]:
    """Judge bots by a scrape of each, every one in a child process of its own, a few at a time.

    Args:
        urls: URLs of their `/metrics`.
        limit: Seconds after which any sign of life is late, or None for the defaults.

    Returns:
        The judgements in the order of the URLs.
    """
    with ThreadPoolExecutor(_MOST_CHILDREN) as pool:
        return list(pool.map(lambda url: _watch_one(url, limit), urls))


def _watch_one(url: str, limit: float | None) -> Watched:
    _, answer, reason = _run_once({"url": url, "limit": limit}, _WATCH)
    if answer is None:
        return Watched(shown(url), "SILENT", f"the scrape cannot be read: {reason}")
    return Watched(**{**answer, "signals": [Signal(**each) for each in answer["signals"]]})


def _run_once(request: dict[str, Any], module: str = _EXAMINE) -> tuple[str, dict[str, Any] | None, str]:
    """Return the last step, the answer or None, and the reason why there is none."""
    child = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
    )
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    assert child.stdin is not None
    assert child.stdout is not None
    threading.Thread(target=_pass_on, args=(child.stdout, lines), daemon=True).start()
    step, seconds = "", _START_SECONDS
    try:
        child.stdin.write(json.dumps(request) + "\n")
        child.stdin.close()
        while True:
            line = lines.get(timeout=seconds)
            if not line:
                return step, None, f"the file cannot be examined: it ended the process that read it ({child.wait()})"
            message = json.loads(line)
            if "answer" in message:
                return step, message["answer"], ""
            step, seconds = message["step"], message["seconds"]
    except queue.Empty:
        return step, None, f"gave up after {seconds:g} s"
    finally:
        child.kill()
        child.wait()


def _pass_on(lines: IO[str], to: queue.SimpleQueue[str]) -> None:
    for line in lines:
        to.put(line)
    to.put("")


def _examination_from(answer: dict[str, Any]) -> Examination:
    found = {
        name: [Finding(**each) for each in answer[name]] for name in ("faults", "reports", "unreadable", "passed_over")
    }
    return Examination(**found, queries=answer["queries"])
