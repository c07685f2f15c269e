"""autometrics in an environment of its own: it pins a prometheus_client that is older than what this library takes.

What is measured is a function with its decorator, which counts the call and its caller and observes the duration,
beside the hand-written count of three labels with the client that it pins.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

from tests.bench import builds
from tests.bench.harness import Comparison, Statement, Timing, measure

NAME = "autometrics: a decorated call"
REQUIREMENT = "autometrics>=1.0,<2"
ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / ".bench" / f"autometrics-{builds.PYTHON.replace(' ', '-')}"


class NotMeasuredError(Exception):
    """autometrics cannot be measured here; the text says why."""


def timing(rounds: int) -> tuple[Timing, dict[str, str]]:
    """Time the decorated call, and say with which versions.

    Args:
        rounds: Turns that each statement has.

    Raises:
        NotMeasuredError: Where the environment cannot be made, as without a network.
    """
    python = str(ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin") / "python")
    made = ENVIRONMENT / "made"
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        if not made.exists():
            venv.create(ENVIRONMENT, with_pip=True, clear=True)
            command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", REQUIREMENT]
            subprocess.run(command, check=True, timeout=600, env=clean, stdout=subprocess.DEVNULL)
            made.touch()
    except (OSError, subprocess.SubprocessError) as error:
        print(f"\n{NAME}: {error}", file=sys.stderr)
        raise NotMeasuredError("not measured: it could not be installed, as on a machine without a network") from error
    run = [python, "-m", "tests.bench.autometrics_row", str(rounds)]
    try:
        answer = subprocess.run(
            run, cwd=ROOT, env=clean, check=True, timeout=600, stdout=subprocess.PIPE, text=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        print(f"\n{NAME}: {error}", file=sys.stderr)
        raise NotMeasuredError("not measured: it does not run here") from error
    found = json.loads(answer)
    return Timing(**found["timing"]), found["versions"]


def _run(rounds: int) -> dict[str, Any]:
    """Measure; runs in the other environment."""
    from autometrics import autometrics, init  # type: ignore[import-not-found, unused-ignore]
    from prometheus_client import CollectorRegistry, Counter

    def place(strategy: str, side: str, order_type: str) -> None: ...

    init(tracker="prometheus", service_name="bench")
    code = 'place("s", "BUY", "LIMIT")'
    counter = Counter("orders", "Orders.", ["strategy", "side", "order_type"], registry=CollectorRegistry())
    by_hand = Statement("by hand", 'C.labels(strategy="s", side="BUY", order_type="LIMIT").inc()', {"C": counter})
    own = Statement(NAME, code, {"place": autometrics(place)})
    [found] = measure([Comparison(own, by_hand, Statement("bare", code, {"place": place}))], rounds=rounds)
    packages = ("autometrics", "prometheus-client")
    return {
        "timing": dataclasses.asdict(found),
        "versions": {package: importlib.metadata.version(package) for package in packages},
    }


if __name__ == "__main__":
    print(json.dumps(_run(int(sys.argv[1]))))
