"""The tutorial, step by step: what it tells the reader to do is done, and what it says one sees is seen."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.docs import pages
from tests.stack.servers import eventually, free_port, get, prometheus, query

TEXT = pages.TUTORIAL.read_text(encoding="utf-8")
ALERTS = 44


def blocks(language: str) -> list[str]:
    """The tutorial's blocks of one language, in their order."""
    return re.findall(rf"^```{language}\b[^\n]*\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


class Place(NamedTuple):
    """Where the tutorial is followed: the folder first-bot, the bot's port and Prometheus's."""

    folder: Path
    bot: int
    prometheus: int

    def here(self, text: str) -> str:
        """A text of the tutorial with this place's ports."""
        return text.replace("8000", str(self.bot)).replace("9099", str(self.prometheus))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty folder."""
    (tmp_path / "first-bot").mkdir()
    return Place(tmp_path / "first-bot", free_port(), free_port())


@contextmanager
def bot(place: Place, source: str, environment: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """Run a bot.py until the block ends; its output goes to bot.log."""
    (place.folder / "bot.py").write_text(place.here(source), encoding="utf-8")
    with (place.folder / "bot.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "bot.py"],
            cwd=place.folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield process
        assert process.poll() is None, (place.folder / "bot.log").read_text()
    finally:
        process.terminate()
        process.wait(15)


def printed(place: Place) -> str:
    """What the bot has printed so far."""
    return (place.folder / "bot.log").read_text(encoding="utf-8")


def shell(place: Place, command: str) -> str:
    """Run a block of shell as the reader does in the second or third terminal."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", place.here(command)],
        cwd=place.folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.stdout


@pytest.mark.needs("prometheus", "curl")
def test_whoever_follows_the_tutorial_sees_what_it_says(place: Place, child_environment: dict[str, str]) -> None:
    """A newcomer would be stuck at the first step that shows something else."""
    first, second = blocks("python")
    with bot(place, first, child_environment):
        eventually(lambda: re.search(r"^NIFTY at [\d.]+: filled$", printed(place), re.MULTILINE))

    with bot(place, second, child_environment):
        # 4. Look at the numbers
        curl, touch, remove = (each for each in blocks("bash") if each.startswith(("curl", "touch", "rm")))
        orders = eventually(
            lambda: shell(place, curl), lambda text: "submitted" in text and "filled" in text, seconds=60
        )
        shown = {line.split("{")[0] for line in blocks("text")[1].splitlines()}
        assert "trading_orders_rejected_total" in shown
        assert {line.split("{")[0] for line in orders.splitlines()} <= shown
        labels = 'order_type="LIMIT",side="BUY",strategy="momentum"'
        assert f"trading_orders_submitted_total{{{labels}}}" in orders

        # 5. Let Prometheus collect them
        (export,) = (each for each in blocks("bash") if each.startswith("tradmetrics"))
        wrote = shell(place, export.replace("tradmetrics", f"{shlex.quote(sys.executable)} -m tradmetrics", 1))
        assert f"**You should see** `{wrote.strip()}`" in TEXT
        (configuration,) = blocks("yaml")
        (place.folder / "prometheus.yml").write_text(place.here(configuration), encoding="utf-8")
        with prometheus(place.folder / "prometheus.yml", place.folder / "data", port=place.prometheus) as url:
            eventually(lambda: query(url, 'up{job="tradmetrics"} == 1'))

            # 6. Ask a question
            by_side, per_second, median, unknown = blocks("promql")
            sides = eventually(lambda: query(url, by_side), lambda found: len(found) == 2, seconds=60)
            assert {"BUY", "SELL"} == {each["metric"]["side"] for each in sides}
            assert {"instance", "job"} <= sides[0]["metric"].keys()
            eventually(lambda: query(url, per_second), lambda found: bool(found) and 1 <= value(found) <= 2, seconds=60)
            eventually(
                lambda: query(url, median), lambda found: bool(found) and 0.05 <= value(found) <= 0.2, seconds=60
            )

            # 7. Draw a dashboard
            (link,) = re.findall(r"\(http://127\.0\.0\.1:9099(/graph\?\S+)\)\.$", TEXT, re.MULTILINE)
            assert get(f"{url}{link}")

            # 8. Let an alert fire
            rules = json.loads(get(f"{url}/api/v1/rules?type=alert"))["data"]["groups"]
            assert ALERTS == sum(len(group["rules"]) for group in rules)
            assert f"the {ALERTS} alerts" in TEXT
            assert query(url, unknown) == []
            watchdog = eventually(lambda: query(url, 'ALERTS{alertstate="firing"}'))
            assert ["Watchdog"] == [each["metric"]["alertname"] for each in watchdog]
            shell(place, touch)
            eventually(lambda: "the broker does not answer" in printed(place))
            firing = 'ALERTS{alertname="OrderOutcomeUnknown", alertstate="firing"}'
            (alert,) = eventually(lambda: query(url, firing), seconds=40)
            assert "timeout_error" == alert["metric"]["reason"]
            assert "timeout_error" == query(url, unknown)[0]["metric"]["reason"]
            shell(place, remove)
            traded = printed(place).count("filled")
            eventually(lambda: printed(place).count("filled") > traded)


def value(found: list[dict[str, list[str]]]) -> float:
    """The number of an answer with one series."""
    return float(found[0]["value"][1])


def test_the_decorators_are_all_that_is_new() -> None:
    """The highlighted lines would not be those that the reader has to add."""
    first, second = (each.splitlines() for each in blocks("python"))
    added = [number for number, line in enumerate(second, start=1) if line and line not in first]
    (highlighted,) = re.findall(r'hl_lines="([\d ]+)"', TEXT)
    assert added == [int(number) for number in highlighted.split()]
    assert [line for line in second if line and line in first] == [line for line in first if line]


def test_the_configuration_is_what_the_stack_uses() -> None:
    """The alerts on absence would not know the tutorial's job."""
    (configuration,) = blocks("yaml")
    settings = yaml.safe_load((pages.ROOT / "alerts" / "settings.yml").read_text(encoding="utf-8"))
    assert settings["job"] == yaml.safe_load(configuration)["scrape_configs"][0]["job_name"]
