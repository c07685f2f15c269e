"""The README's code runs, and shows what the README says it shows."""

import configparser
import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

import tradmetrics
from tests.docs import pages
from tradmetrics.serving.server import MetricsServer

README = Path(__file__).parents[2] / "README.md"
TEXT = README.read_text(encoding="utf-8")


def run(monkeypatch: pytest.MonkeyPatch) -> tuple[list[MetricsServer], dict[str, Any]]:
    """Run the README's Python blocks in one namespace; return the servers they started, on free ports, and it."""
    servers: list[MetricsServer] = []
    start = tradmetrics.start_metrics_server

    def on_a_free_port(*arguments: Any, **options: Any) -> MetricsServer:
        servers.append(start(**{**options, "port": 0}))
        return servers[-1]

    monkeypatch.setattr(tradmetrics, "start_metrics_server", on_a_free_port)
    document = Sybil(parsers=[PythonCodeBlockParser()]).parse(README)
    examples = list(document.examples())
    assert examples, "the README has no Python in it"
    for example in examples:
        example.evaluate()
    return servers, document.namespace


def blocks(language: str) -> list[str]:
    """The README's fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def test_the_examples_show_the_metrics_that_the_readme_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first thing that a newcomer pastes would fail, or give other numbers."""
    (server,), namespace = run(monkeypatch)
    with server:
        scraped = urllib.request.urlopen(server.url, timeout=10).read().decode().splitlines()
    shown = [line for block in blocks("text") for line in block.splitlines() if line.startswith("trading_")]
    assert len(shown) >= 4
    assert [] == [line for line in shown if line not in scraped]
    assert "orders" in namespace  # a tracker that nobody holds any more has no gauges


def test_every_page_installs_the_published_package() -> None:
    """Somebody without a clone would type a command that finds no project, or name an extra that does not exist."""
    setup = configparser.ConfigParser()
    setup.read(README.parent / "setup.cfg", encoding="utf-8")
    for page in [README, *pages.PAGES]:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"pip install (-\w+ )?['\"]?\.", text), page
        for extras in re.findall(r"tradmetrics\[([a-z0-9,-]+)\]'", text):
            assert set(extras.split(",")) <= {*setup["options.extras_require"]}, page


def test_every_decorator_is_in_the_table() -> None:
    """A newcomer would not learn that a decorator exists, or look for one that does not."""
    table = re.findall(r"^\| `@(\w+)`", TEXT, re.MULTILINE)
    assert {name for name in tradmetrics.__all__ if name.startswith("track")} == set(table)
    for name in tradmetrics.__all__:
        if name.endswith("_timer"):
            assert f"`{name}`" in TEXT


def test_the_commands_are_targets_of_the_makefile() -> None:
    """A newcomer would be told to type a command that does not exist."""
    commands = {line.split()[1] for block in blocks("bash") for line in block.splitlines() if line.startswith("make ")}
    targets = set(re.findall(r"^([a-z-]+):", (README.parent / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test"} <= commands <= targets


def test_contributing_names_commands_that_exist_and_every_generator() -> None:
    """A contributor would change a threshold, run what the page says, and be told in CI that the rules are stale."""
    text = (README.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (README.parent / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets
    generators = {
        path.parent.relative_to(README.parent).as_posix().replace("/", ".")
        + ("" if path.stem[0] == "_" else ".generate")
        for name in ("*/generate.py", "*/tools/__main__.py")
        for path in README.parent.glob(name)
    }
    assert generators == set(re.findall(r"python -m ([\w.]+)", text))


def test_links_are_absolute_and_lead_to_files_that_are_there() -> None:
    """On the package's page elsewhere a relative link leads to nothing, and so does a link to a file that is gone."""
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert links
    assert [] == [link for link in links if "://" not in link]
    here = re.compile(r"https://github.com/tradmetrics/tradmetrics/(?:blob|tree)/main/(.+)")
    files = [match[1] for link in links if (match := here.fullmatch(link))]
    assert files
    assert [] == [file for file in files if not (README.parent / file).exists()]
