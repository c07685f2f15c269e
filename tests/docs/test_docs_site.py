"""The documentation as it is built: links, runbooks, generated pages, and nothing from another host."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
import yaml

import tradmetrics
from docs.tools import __main__ as tools
from docs.tools import checks, recorders, runbooks
from tests.docs import pages, site
from tradmetrics import catalogue

pytest.importorskip("mkdocs")

BASE = "https://tradmetrics.readthedocs.io/en/latest/"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly."""
    folder = tmp_path_factory.mktemp("site")
    done = site.build(pages.ROOT, folder)
    assert 0 == done.returncode, done.stderr
    assert "WARNING" not in done.stderr
    return folder


@pytest.fixture(scope="module")
def read(built: Path) -> dict[str, site.Page]:
    """Its pages by their path below the base, as `reference/metrics/`."""
    files = [file for file in built.rglob("*.html") if file.name != "404.html"]
    return {file.relative_to(built).as_posix().removesuffix("index.html"): site.read(file) for file in files}


def test_every_page_is_built(read: dict[str, site.Page]) -> None:
    """A page would be missing from the site, or one that has gone would still be there."""
    expected = {re.sub(r"(^|/)index/$", r"\1", f"{pages.name(page).removesuffix('.md')}/") for page in pages.PAGES}
    assert expected == set(read)


def test_links_and_anchors_lead_somewhere(built: Path, read: dict[str, site.Page]) -> None:
    """A reader would follow a link to nothing."""
    broken = []
    for path, page in read.items():
        for link in (*page.links, *page.fetched):
            target = urlsplit(urljoin(BASE + path, link))
            if not target.geturl().startswith(BASE):
                continue
            inside = target.path.removeprefix(urlsplit(BASE).path)
            if inside in read:
                if target.fragment and unquote(target.fragment) not in read[inside].anchors:
                    broken.append(f"{path}: {link}: no such anchor")
            elif not (built / unquote(inside)).is_file():
                broken.append(f"{path}: {link}")
    assert [] == broken


def test_nothing_is_fetched_from_another_host(built: Path, read: dict[str, site.Page]) -> None:
    """Reading the documentation would tell another host, and need one."""
    fetched = {link for page in read.values() for link in page.fetched}
    assert [] == [link for link in fetched if urlsplit(link).netloc]
    for sheet in built.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        urls = re.findall(r"""(?:url\(|@import )\s*["']?((?:https?:)?//[^"')]+)""", text)
        assert [] == urls, sheet
    for picture in built.rglob("*.svg"):
        text = picture.read_text(encoding="utf-8")
        assert [] == re.findall(r"""(?:href|src)=["'](?!#|data:)[^"']*|@import|<!DOCTYPE|<script""", text), picture


def test_a_metric_that_nobody_recorded_has_a_sample_only_where_its_page_says_so() -> None:
    """A reader would wait for a 0 that never comes, or take an empty panel for a broken one."""
    page = (pages.DOCS / "reference" / "metrics.md").read_text(encoding="utf-8")
    present = {sample.name for family in tradmetrics.TradingMetrics().registry.collect() for sample in family.samples}
    assert present
    for name in present:
        entry = page.partition(f"### {name} ")[2].partition("\n### ")[0]
        assert "computed at each scrape" in entry, name
    assert "None has a sample before something is recorded, apart from those that are computed at each scrape" in page


def test_the_banner_has_the_version(built: Path) -> None:
    """A reader of the latest pages could not tell that another version is installed."""
    minor = ".".join(tradmetrics.__version__.split(".")[:2])
    assert f"This is tradmetrics {minor}." in (built / "index.html").read_text(encoding="utf-8")


def test_pictures_say_what_they_show(read: dict[str, site.Page]) -> None:
    """Someone who does not see them would learn nothing."""
    images = [image for page in read.values() for image in page.images]
    drawn = {path.name for path in (pages.ROOT / "docs" / "images").rglob("*.*")}
    assert drawn == {Path(source.partition("#")[0]).name for source, _ in images}
    assert all(len(text) > 40 for _, text in images)


def test_an_alert_leads_to_its_runbook_and_a_runbook_to_its_alert(read: dict[str, site.Page]) -> None:
    """Someone who is woken at night would open a page that is not there."""
    urls = {rule["annotations"]["runbook_url"] for _, rule in runbooks.alerts()}
    configuration = (pages.ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert f"site_url: {BASE}\n" in configuration
    settings = yaml.safe_load((pages.ROOT / "alerts" / "settings.yml").read_text(encoding="utf-8"))
    assert BASE == settings["docs"]
    built = {BASE + path for path in read if re.fullmatch(r"runbooks/[^/]+/", path)}
    assert urls == built
    assert len(urls) > 20


def test_generated_pages_are_what_their_generators_write() -> None:
    """The reference would describe metrics, commands and rules as they were."""
    assert [] == [found for path, text in tools.render().items() if (found := tools.difference(path, text))]


def test_nothing_else_is_wrong_with_the_pages() -> None:
    """A public name would be undocumented, a link broken, or an alert without a runbook."""
    assert [] == list(checks.problems())


def test_questions_lead_to_the_panels_and_alerts_of_their_metrics() -> None:
    """A reader who asks "which metric do I use?" would look at a dashboard that does not show it."""
    reference = (pages.DOCS / "reference" / "metrics.md").read_text(encoding="utf-8")
    page = (pages.DOCS / "how-to" / "which-metric.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+\?) \| ([^|]+) \| [^|]+ \| ([^|]+) \| ([^|]*)\|$", page, re.MULTILINE)
    assert len(rows) > 25
    wrong = []
    for question, metrics, *seen in rows:
        entries = [
            reference.partition(f"### {name} ")[2].partition("\n### ")[0]
            for name in re.findall(r"`(trad\w+_\w+)`", metrics)
        ]
        assert all(entries), question
        for cell in seen:
            links = re.findall(r"\]\(\.\./(?:reference/)?((?:dashboards|runbooks)\S+?)\)", cell)
            wrong += [f"{question} {link}" for link in links if entries and f"({link})" not in _flat(entries)]
    assert [] == wrong


def _flat(entries: list[str]) -> str:
    return "\n".join(entries).replace("(../runbooks", "(runbooks")


def test_every_metric_has_a_recorder_and_every_recorder_is_asked() -> None:
    """The metric reference would not say who records a metric, or leave someone out."""
    assert [] == [name for name, links in recorders.recorders().items() if not links]
    asked = {link.partition("]")[0][1:] for link in recorders.PROBES}
    decorators = {name for name in tradmetrics.__all__ if name.startswith("track_") or name.endswith("_timer")}
    methods = {name for name in dir(tradmetrics.MetricsExporter) if name.startswith(("record_", "update_"))}
    assert decorators | {f"MetricsExporter.{name}" for name in methods} <= asked


def test_the_counts_in_the_texts_are_right() -> None:
    """The pages would promise more alerts, metrics or dashboards than there are."""
    home = (pages.DOCS / "index.md").read_text(encoding="utf-8")
    assert f"Seven Grafana dashboards and {len(list(runbooks.alerts()))} alerts" in home
    assert 7 == len(list((pages.ROOT / "dashboards" / "json").glob("*.json")))
    metrics = (pages.DOCS / "reference" / "metrics.md").read_text(encoding="utf-8")
    assert len(catalogue.CATALOGUE) == metrics.count("\n### ")


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[Path]:
    """A copy of the sources to break."""
    return site.copy(tmp_path)


def test_a_broken_link_fails_the_build_with_its_page(tmp_path: Path) -> None:
    """A link that leads to nothing would be found by a reader."""
    docs = tmp_path / "docs"
    shutil.copytree(pages.ROOT / "docs" / "overrides", docs / "overrides")
    shutil.copy(pages.ROOT / "mkdocs.yml", tmp_path)
    (docs / "index.md").write_text("# Home\n", encoding="utf-8")
    (docs / "tutorial.md").write_text("# Tutorial\n\n[gone](gone.md) [part](index.md#gone)\n", encoding="utf-8")
    done = site.build(tmp_path, tmp_path / "site")
    assert 0 != done.returncode
    assert re.search(r"'tutorial\.md' contains a link 'gone\.md'", done.stderr)
    assert re.search(r"'tutorial\.md' contains a link 'index\.md#gone'", done.stderr)


def test_what_is_wrong_is_named_by_file_and_line(broken: Path, tmp_path: Path) -> None:
    """Whoever breaks the build would have to look for the place."""
    docs = broken / "docs"
    errors = docs / "reference" / "api" / "errors.md"
    errors.write_text(errors.read_text(encoding="utf-8").replace("::: tradmetrics.SnapshotError", ""), encoding="utf-8")
    (docs / "runbooks" / "LowMargin.md").rename(docs / "runbooks" / "HighMargin.md")
    found = list(checks.problems(docs))
    names = (pages.ROOT / "tradmetrics" / "__init__.py").read_text(encoding="utf-8").splitlines()
    line = 1 + names.index('    "SnapshotError",')
    assert any(each.startswith(f"{checks.PACKAGE / '__init__.py'}:{line}: SnapshotError") for each in found)
    assert any("risk.yml:" in each and "LowMargin has no runbook" in each for each in found)
    assert f"{docs / 'runbooks' / 'HighMargin.md'}:1: there is no alert HighMargin" in found


def test_a_stale_page_is_named_by_file_and_line(tmp_path: Path) -> None:
    """Whoever forgets to run the generator would not see what it would change."""
    page = tmp_path / "page.md"
    page.write_text("# Page\n\nold\n", encoding="utf-8")
    assert f"{page}:3: stale, it should read 'new'" == tools.difference(page, "# Page\n\nnew\n")
    assert f"{page}:4: stale, its length is wrong" == tools.difference(page, "# Page\n\nold\nmore\n")
    assert tools.difference(page, "# Page\n\nold\n") is None
