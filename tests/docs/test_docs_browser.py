"""The documentation in a browser: Debian's Chromium, driven by Playwright, with axe-core for what is accessible."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.docs import pages, site

pytest.importorskip("mkdocs")
sync_api = pytest.importorskip("playwright.sync_api")
axe_playwright = pytest.importorskip("axe_playwright_python.sync_playwright")

pytestmark = pytest.mark.needs("chromium")

# Nothing that a browser does of its own accord may reach for another host.
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP = {"width": 1400, "height": 900}
PHONE = {"width": 360, "height": 740}
PATHS = [re.sub(r"(^|/)index/$", r"\1", f"{pages.name(page).removesuffix('.md')}/") for page in pages.PAGES]
# One page of each shape; the nightly run examines all.
OF_EACH_SHAPE = (
    "",
    "tutorial/",
    "how-to/board/",
    "explanation/costs/",
    "reference/api/risk/",
    "runbooks/ExporterDown/",
)
EXAMINED = [path if path in OF_EACH_SHAPE else pytest.param(path, marks=pytest.mark.nightly) for path in PATHS]
SERIOUS = {"serious", "critical"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the built site."""
    folder = tmp_path_factory.mktemp("site")
    done = site.build(pages.ROOT, folder)
    assert 0 == done.returncode, done.stderr
    with site.served(folder) as url:
        yield f"{url}/"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser with a fresh profile."""
    profile = tmp_path_factory.mktemp("profile")
    program = pages.require("chromium")
    with sync_api.sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=program, args=list(ARGUMENTS), viewport=DESKTOP, color_scheme="light"
        )
        yield context
        context.close()


class Tab:
    """A page of the browser, and what went wrong in it."""

    def __init__(self, browser: Any, base: str) -> None:
        self.page = browser.new_page()
        self.page.set_viewport_size(DESKTOP)
        self.base = base
        self.problems: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("request", self._request)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"console: {message.text}")

    def _request(self, request: Any) -> None:
        url = urlsplit(request.url)
        if url.scheme not in ("data", "blob") and url.netloc != urlsplit(self.base).netloc:
            self.problems.append(f"request: {request.url}")

    def open(self, path: str) -> Any:
        """Open a page of the site, and return it once its scripts have run."""
        answer = self.page.goto(self.base + path, wait_until="load")
        assert 200 == answer.status
        return self.page


@pytest.fixture
def tab(browser: Any, base: str) -> Iterator[Tab]:
    """A new tab; nothing may have gone wrong in it when the test ends."""
    tab = Tab(browser, base)
    yield tab
    tab.page.close()
    assert [] == tab.problems


def violations(page: Any, within: str | None = None, **options: Any) -> list[str]:
    """The serious faults that axe-core finds in a page or a part of it, as lines."""
    results = axe_playwright.Axe().run(page, within, {"resultTypes": ["violations"], **options})
    return [
        f"{found['id']} ({found['impact']}): {node['html'][:160]}: {node.get('failureSummary', '')[:300]}"
        for found in results.response["violations"]
        if found["impact"] in SERIOUS
        for node in found["nodes"][:3]
    ]


@pytest.mark.parametrize("path", EXAMINED, ids=lambda path: path or "home")
def test_a_page_fits_a_phone(tab: Tab, path: str) -> None:
    """Someone with a small screen would have to push a page from side to side; or a page would call home."""
    tab.page.set_viewport_size(PHONE)
    assert tab.open(path).evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize("path", EXAMINED, ids=lambda path: path or "home")
def test_a_page_can_be_read_by_everyone(tab: Tab, path: str) -> None:
    """Someone with a screen reader, weak eyes or no mouse could not read it."""
    page = tab.open(path)
    page.add_style_tag(content="*, ::before, ::after { transition: none !important; }")  # colours as they end up
    assert [] == violations(page)
    page.evaluate("document.body.setAttribute('data-md-color-scheme', 'slate')")
    assert [] == violations(page, "article" if path else None, runOnly=["color-contrast"])


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("fill_timer", "reference/api/orders/"),
        ("__other__", "explanation/bounded-labels/"),
        ("pnl=result()", "reference/api/sources/"),
    ],
)
def test_the_search_finds(tab: Tab, words: str, wanted: str) -> None:
    """A reader who types what stands in the code or in a label would find nothing."""
    page = tab.open("")
    page.get_by_role("textbox", name="Search").click()
    page.keyboard.type(words, delay=20)
    result = page.locator(f".md-search-result__link[href*='{wanted}']").first
    result.wait_for(timeout=20_000)
    result.click()
    page.wait_for_url(re.compile(re.escape(wanted)))
    assert words in page.locator("article").inner_text()


def test_the_navigation_leads_through_the_site(tab: Tab) -> None:
    """A reader could not get from one part to another."""
    page = tab.open("")
    tabs = page.locator(".md-tabs__link").all_inner_texts()
    assert ["Home", "Tutorial", "How-to guides", "Reference", "Explanation", "Runbooks"] == tabs
    page.locator(".md-tabs").get_by_role("link", name="Explanation").click()
    page.get_by_role("link", name="What it costs").first.click()
    assert "What it costs" in page.locator("h1").inner_text()
    page.locator("article").get_by_role("link", name="Benchmarks").first.click()
    assert "Benchmarks" in page.locator("h1").inner_text()


def test_the_navigation_opens_on_a_phone(tab: Tab) -> None:
    """On a small screen, a reader could not leave the page."""
    tab.page.set_viewport_size(PHONE)
    page = tab.open("explanation/costs/")
    drawer = page.locator(".md-sidebar--primary")
    assert not drawer.is_visible() or drawer.bounding_box()["x"] < 0
    page.locator(".md-header label[for='__drawer']").click()
    drawer.get_by_role("link", name="What happens on failure").click()
    page.wait_for_url(re.compile("explanation/failure/"))


def test_dark_mode_is_kept(tab: Tab) -> None:
    """A reader in the dark would be blinded by each new page."""
    page = tab.open("")
    body = page.locator("body")
    light = body.evaluate("element => getComputedStyle(element).backgroundColor")
    page.get_by_title("Switch to dark mode").click()
    page.wait_for_function("document.body.getAttribute('data-md-color-scheme') === 'slate'")
    assert light != body.evaluate("element => getComputedStyle(element).backgroundColor")
    page = tab.open("tutorial/")
    assert "slate" == page.locator("body").get_attribute("data-md-color-scheme")
    page.get_by_title("Switch to light mode").click()
    page.wait_for_function("document.body.getAttribute('data-md-color-scheme') === 'default'")


def test_a_code_block_can_be_reached_and_copied(tab: Tab) -> None:
    """Without a mouse, the end of a long line could not be read."""
    page = tab.open("tutorial/")
    assert page.locator("pre > code").count() == page.locator("pre > code[tabindex='0']").count() > 10
    assert page.locator(".md-clipboard, .md-code__button").count() > 10


def test_the_pictures_are_shown(tab: Tab) -> None:
    """A page would have a hole where its picture should be."""
    for path in ("", "explanation/call-to-sample/", "explanation/order-lifecycle/"):
        page = tab.open(path)
        shown = page.locator("article img").evaluate_all("images => images.map(image => image.naturalWidth)")
        assert shown
        assert all(width > 100 for width in shown)
