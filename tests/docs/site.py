"""The built site: its pages, their links, and a server for them."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

from tests.docs.pages import ROOT

# What a browser fetches by itself, and by which attribute. Links to click are not among them.
FETCHED = {
    ("script", "src"),
    ("img", "src"),
    ("iframe", "src"),
    ("source", "src"),
    ("video", "src"),
    ("audio", "src"),
    ("embed", "src"),
    ("object", "data"),
    ("input", "src"),
    ("image", "href"),
    ("use", "href"),
}
FETCHING_RELATIONS = {
    "stylesheet",
    "icon",
    "preload",
    "prefetch",
    "preconnect",
    "dns-prefetch",
    "modulepreload",
    "manifest",
}


def build(source: Path, site: Path) -> "subprocess.CompletedProcess[str]":
    """Build the site as `make docs` does.

    Args:
        source: The folder with mkdocs.yml.
        site: Where to write it.
    """
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)],
        cwd=source,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def copy(folder: Path) -> Path:
    """Make a copy of the documentation's sources that a test may break; return its folder."""
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "mkdocs.yml", folder)
    (folder / "tradmetrics").symlink_to(ROOT / "tradmetrics")
    return folder


class Page(NamedTuple):
    """One page of the built site.

    Attributes:
        links: Where its links lead.
        fetched: What a browser fetches for it.
        anchors: What a link may lead to within it.
        images: Its pictures: source, and text for those who do not see it.
    """

    links: list[str]
    fetched: list[str]
    anchors: set[str]
    images: list[tuple[str, str]]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page([], [], set(), [])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.page.anchors.update(attributes[name] for name in ("id", "name") if name in attributes)
        if tag == "a" and "href" in attributes:
            self.page.links.append(attributes["href"])
        if tag == "link" and FETCHING_RELATIONS & set(attributes.get("rel", "").split()):
            self.page.fetched.append(attributes["href"])
        self.page.fetched.extend(attributes[name] for on, name in FETCHED if on == tag and name in attributes)
        if tag == "img":
            self.page.images.append((attributes["src"], attributes.get("alt", "")))


def read(file: Path) -> Page:
    """Read a page of the built site."""
    reader = _Reader()
    reader.feed(file.read_text(encoding="utf-8"))
    return reader.page


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: what is missing shows in the browser."""


@contextmanager
def served(site: Path) -> Iterator[str]:
    """Serve a built site on loopback until the block ends, and yield its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
