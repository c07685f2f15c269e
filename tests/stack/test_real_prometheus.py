"""The demo, scraped by a real Prometheus: what arrives there is what happened."""

import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode, urlsplit

import pytest

from tradmetrics import catalogue
from tradmetrics.demo.scraper import find_prometheus, running_prometheus

pytestmark = pytest.mark.needs("prometheus")

ADDED = {
    catalogue.DAILY_PNL_PERCENT,
    catalogue.PROFIT,
    catalogue.LOSS,
    catalogue.MARKET_SESSION_OPEN,
    catalogue.MARKET_DATA_LAST_UPDATE,
    catalogue.ORDERS_UNKNOWN,
    catalogue.ORDER_ACK_TIME,
    catalogue.ORDER_FIRST_FILL_TIME,
    catalogue.ORDERS_OPEN,
    catalogue.ORDER_OLDEST_OPEN,
    catalogue.ORDER_ANOMALIES,
    catalogue.ORDER_SLIPPAGE,
    catalogue.ORDER_MESSAGES,
    catalogue.ORDER_MESSAGE_RATE_MAX,
}
GUIDE = [each for each in catalogue.CATALOGUE if each not in ADDED and each.family != "tradmetrics"]
"""The metrics of the monitoring guide that users come from."""

SECONDS = 15
"""How long the demo trades; at this speed that is a quarter of an hour of its time."""

T = TypeVar("T")


class Scraped(NamedTuple):
    """A Prometheus that has seen the end of a session, and what the session itself wrote down."""

    url: str
    ledger: dict[str, Any]

    def series(self, query: str) -> dict[frozenset[tuple[str, str]], float]:
        """The answer to a query: values by labels, those that Prometheus adds left out."""
        return {
            frozenset(
                (name, text) for name, text in each["metric"].items() if name not in ("__name__", "instance", "job")
            ): (float(each["value"][1]))
            for each in ask(self.url, query)
        }


def ask(url: str, query: str) -> list[dict[str, Any]]:
    """The result of an instant query."""
    with urllib.request.urlopen(f"{url}/api/v1/query?{urlencode({'query': query})}", timeout=10) as answer:
        return list(json.load(answer)["data"]["result"])


def wait_for(what: str, look: Callable[[], T | None], seconds: float = 60) -> T:
    """Look until there is something, and return it."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    pytest.fail(f"after {seconds} seconds still no {what}")


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory, child_environment: dict[str, str]) -> Iterator[Scraped]:
    """Run the demo to its end under a Prometheus that scrapes every second, and keep Prometheus up."""
    folder = tmp_path_factory.mktemp("demo")
    ledger = folder / "ledger.json"
    options = f"--seconds {SECONDS} --speed 60 --seed 7 --port 0 --linger 120 --ledger {ledger}"
    command = [sys.executable, "-m", "tradmetrics", "demo", *options.split()]
    with (folder / "errors").open("w+") as errors:
        demo = subprocess.Popen(
            command, cwd=folder, env=child_environment, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        try:
            assert demo.stdout is not None
            first_line = demo.stdout.readline()
            address = re.search(r"http://\S+/metrics", first_line)
            assert address is not None, f"{first_line!r}; {(folder / 'errors').read_text()}"
            with running_prometheus(find_prometheus(), int(urlsplit(address[0]).port or 0)) as url:
                wait_for("up == 1", lambda: ask(url, "up == 1"))
                wait_for("ledger", ledger.exists, SECONDS + 60)
                written = ledger.stat().st_mtime
                # A scrape that began after the last event; the one in progress might have missed it.
                wait_for("scrape after the end", lambda: ask(url, f"timestamp(up) > {written}"))
                yield Scraped(url, json.loads(ledger.read_text()))
        finally:
            demo.send_signal(signal.SIGTERM)
            demo.communicate(timeout=30)
    assert 0 == demo.returncode


def test_the_guide_lists_39_metrics() -> None:
    """The other tests here would check fewer metrics than users of the guide rely on."""
    assert 39 == len(GUIDE)


@pytest.mark.parametrize("definition", GUIDE, ids=lambda definition: definition.name)
def test_every_metric_of_the_guide_has_data(scraped: Scraped, definition: Any) -> None:
    """A panel of the guide's dashboards would stay empty."""
    name = f"{definition.name}_count" if definition.kind == "histogram" else definition.name
    series = scraped.series(name)
    assert series, f"{name} has no series"
    for labels in series:
        assert set(definition.label_names) == {label for label, _ in labels}


def rows(ledger: list[dict[str, Any]]) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    """The ledger's totals by metric, then by labels."""
    totals: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
    for row in ledger:
        totals.setdefault(row["metric"], {})[frozenset(row["labels"].items())] = row["value"]
    return totals


def test_counters_in_prometheus_are_what_happened(scraped: Scraped) -> None:
    """Orders or trades would be counted twice, or be missing, on every dashboard."""
    expected = rows(scraped.ledger["counters"])
    assert len(expected) > 10
    for name, totals in expected.items():
        series = {labels: value for labels, value in scraped.series(name).items() if value}
        assert series == pytest.approx(totals), name


def test_observations_in_prometheus_are_what_happened(scraped: Scraped) -> None:
    """Fill times would be measured for too many or too few orders."""
    expected = rows(scraped.ledger["observations"])
    assert len(expected) > 5
    for name, totals in expected.items():
        series = {labels: value for labels, value in scraped.series(f"{name}_count").items() if value}
        assert series == totals, name


def test_the_instrumentation_had_no_errors_of_its_own(scraped: Scraped) -> None:
    """Errors inside the instrumentation, or labels that overflowed, would go unseen in a healthy session."""
    for definition in (catalogue.INSTRUMENTATION_ERRORS, catalogue.LABEL_OVERFLOW):
        assert {} == scraped.series(f"{definition.name} > 0")
