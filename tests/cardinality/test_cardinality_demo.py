"""The demo with a hostile function in it: order ids as strategies and reasons, seen by a real Prometheus."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode, urlsplit

import pytest

from tests.budget_kit import OVERFLOW, REJECTED, SUBMITTED
from tradmetrics import Limits, catalogue
from tradmetrics.demo.scraper import find_prometheus, running_prometheus

pytestmark = pytest.mark.needs("prometheus")

CALLS = 30_000
SECONDS = 12
T = TypeVar("T")

# The demo as it is, with one more function in its process: half of the ids look like identifiers, half do not.
HOSTILE = f"""
    import random, sys, threading, time, uuid
    from pathlib import Path
    from prometheus_client import REGISTRY
    from tradmetrics import error, track_order
    from tradmetrics.cli import main

    class Refused(Exception):
        def __init__(self, reason):
            self.reason = reason

    @track_order(side="BUY", order_type="LIMIT", reason=error("reason"))
    def hostile(strategy, reason):
        raise Refused(reason)

    def flood():
        while not REGISTRY.get_sample_value(  # the demo sets its metrics up first
            "trading_orders_filled_total", {{"strategy": "iron_condor", "side": "BUY"}}
        ):
            time.sleep(0.05)
        chance = random.Random(7)
        for number in range({CALLS}):
            order_id = f"ORD{{chance.randrange(10**7)}}" if number % 2 else str(uuid.UUID(int=chance.getrandbits(128)))
            try:
                hostile(order_id, order_id[::-1])
            except Refused:
                pass
        Path("flooded").touch()

    threading.Thread(target=flood, daemon=True).start()
    main()
"""


class Flooded(NamedTuple):
    """A Prometheus that has seen the end of it, the demo's own ledger, and what the demo said."""

    url: str
    ledger: dict[str, Any]
    log: str

    def value(self, query: str) -> float:
        """The value of a query that has one."""
        (row,) = ask(self.url, query)
        return float(row["value"][1])

    def booked(self, metric: str) -> float:
        """What the demo's ledger holds of a counter."""
        return float(sum(row["value"] for row in self.ledger["counters"] if row["metric"] == metric))


def ask(url: str, query: str) -> list[dict[str, Any]]:
    """The result of an instant query."""
    with urllib.request.urlopen(f"{url}/api/v1/query?{urlencode({'query': query})}", timeout=10) as answer:
        return list(json.load(answer)["data"]["result"])


def wait_for(what: str, look: Callable[[], T | None], seconds: float = 90) -> T:
    """Look until there is something, and return it."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    pytest.fail(f"after {seconds} seconds still no {what}")


@pytest.fixture(scope="module")
def flooded(tmp_path_factory: pytest.TempPathFactory, child_environment: dict[str, str]) -> Iterator[Flooded]:
    """Run the demo with the hostile function to its end under a Prometheus that scrapes every second."""
    folder = tmp_path_factory.mktemp("hostile")
    ledger, errors = folder / "ledger.json", folder / "errors"
    (folder / "hostile.py").write_text(textwrap.dedent(HOSTILE))
    options = f"--seconds {SECONDS} --speed 30 --seed 7 --port 0 --linger 120 --ledger {ledger}"
    command = [sys.executable, "hostile.py", "demo", *options.split()]
    with errors.open("w+") as log:
        demo = subprocess.Popen(
            command, cwd=folder, env=child_environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            assert demo.stdout is not None
            address = re.search(r"http://\S+/metrics", demo.stdout.readline())
            assert address is not None, errors.read_text()
            with running_prometheus(find_prometheus(), int(urlsplit(address[0]).port or 0)) as url:
                for file in (folder / "flooded", ledger):
                    wait_for(file.name, file.exists)
                ended = max(file.stat().st_mtime for file in (folder / "flooded", ledger))
                wait_for("scrape after the end", lambda: ask(url, f"timestamp(up) > {ended}"))
                yield Flooded(url, json.loads(ledger.read_text()), errors.read_text())
        finally:
            demo.send_signal(signal.SIGTERM)
            demo.communicate(timeout=30)
    assert 0 == demo.returncode


@pytest.mark.parametrize("metric", [SUBMITTED, REJECTED])
def test_no_order_is_lost(flooded: Flooded, metric: str) -> None:
    """Orders would be missing from every total while a bug floods a label."""
    assert flooded.booked(metric) + CALLS == flooded.value(f"sum({metric})")


def test_budgets_hold(flooded: Flooded) -> None:
    """Prometheus would run out of memory, some hours after the bug was deployed."""
    limits = Limits()
    for metric, labels in ((SUBMITTED, ("strategy",)), (REJECTED, ("strategy", "reason"))):
        for label in labels:
            count = f'count(count by ({label}) ({metric}{{{label}!~"__other__|unknown"}}))'
            assert 3 < flooded.value(count) <= limits.label_budget(metric, label)
        assert flooded.value(f"count({metric})") <= limits.series_budget(metric)
        assert flooded.value(f'{catalogue.SERIES.name}{{metric="{metric}"}}') == flooded.value(f"count({metric})")


def test_what_was_there_before_is_told_apart(flooded: Flooded) -> None:
    """The flood would take the strategies that trade down with it."""
    expected: dict[str, float] = {}
    for row in flooded.ledger["counters"]:
        if row["metric"] == SUBMITTED:
            strategy = row["labels"]["strategy"]
            expected[strategy] = expected.get(strategy, 0) + row["value"]
    assert 3 == len(expected)
    for strategy, orders in expected.items():
        assert orders == flooded.value(f'sum({SUBMITTED}{{strategy="{strategy}"}})')


def test_overflows_are_what_is_under_other(flooded: Flooded) -> None:
    """The alert on overflows would not fire, or not say how bad it is."""
    for metric, label in ((SUBMITTED, "strategy"), (REJECTED, "strategy"), (REJECTED, "reason")):
        counted = flooded.value(f'{OVERFLOW}{{metric="{metric}", label="{label}"}}')
        assert CALLS - 50 <= counted == flooded.value(f'sum({metric}{{{label}="__other__"}})')


def test_the_log_says_it_once(flooded: Flooded) -> None:
    """The terminal would scroll with a hundred thousand warnings."""
    warnings = [line for line in flooded.log.splitlines() if "is recorded as '__other__'" in line]
    assert {(metric, label) for metric in (SUBMITTED, REJECTED) for label in ("strategy", "reason")} >= {
        (line.split(":")[0], re.findall(r"the label '(\w+)'", line)[0]) for line in warnings
    }
    assert 3 == len(warnings), flooded.log


def test_the_ledger_is_the_demos_own(flooded: Flooded) -> None:
    """A ledger that the flood disturbed would prove nothing."""
    assert flooded.booked(SUBMITTED) > 20
    assert flooded.booked(REJECTED) > 0
