"""The parts that every page has: the head, the menu, the choice of time and bot, and the updates once a second."""

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Final
from urllib.parse import urlencode

from nicegui import ui

from tradmetrics.board.answers import Answers, Choice
from tradmetrics.board.panels import Dashboard
from tradmetrics.board.watch import Watch

SPANS: Final = {"5m": 300.0, "15m": 900.0, "1h": 3600.0, "6h": 21600.0, "24h": 86400.0}
_log = logging.getLogger("tradmetrics.board")
_FOLDER: Final = files("tradmetrics.board.page")
_CSS: Final = (_FOLDER / "style.css").read_text(encoding="utf-8")
_THEME: Final = (_FOLDER / "theme.js").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Website:
    """The data and the dashboards behind the pages.

    Attributes:
        watch: The bots, their samples and their alerts.
        answers: Answers the panels' queries.
        dashboards: The shipped dashboards by name.
        remarks: Returns what to tell the reader about addresses that cannot be used.
        history: How far back the samples go at most, in seconds.
    """

    watch: Watch
    answers: Answers
    dashboards: dict[str, Dashboard]
    remarks: Callable[[], list[str]]
    history: float = 21_600.0

    def bots(self) -> list[str]:
        """Return the names of the bots."""
        return [each.target.name for each in self.watch.scraper.watched]

    def menu(self) -> dict[str, str]:
        """Return the pages: path and name."""
        boards = {f"/d/{name}": _short(board.title) for name, board in self.dashboards.items() if name != "main"}
        return {"/": "Overview", **boards, "/instrumentation": "Instrumentation"}


def _short(title: str) -> str:
    return {"System and instrumentation": "System", "Risk and capital": "Risk", "Strategy detail": "Strategies"}.get(
        title, title
    )


def read_choice(span: str, bot: str, strategy: str, history: float) -> Choice:
    """Return the reader's choice from the parameters of the address."""
    seconds = SPANS.get(span, 900.0)
    return Choice(min(seconds, max(history, 300.0)), bot[:200], strategy[:200])


class Live:
    """Updates the parts of one open page, once a second, one after the other.

    A part that fails is logged and left as it was; the others go on.
    """

    def __init__(self) -> None:
        self._parts: list[tuple[Callable[[], Awaitable[None]], int]] = []
        self._ticks = 0
        self._busy = False
        self._failed: set[int] = set()

    def every(self, seconds: int, update: Callable[[], Awaitable[None]]) -> None:
        """Add a part that is updated every so many seconds, and once at first."""
        self._parts.append((update, seconds))

    async def tick(self) -> None:
        """Update what is due."""
        if self._busy:
            return
        self._busy = True
        try:
            for number, (update, seconds) in enumerate(self._parts):
                if self._ticks % seconds == 0:
                    await self._update(number, update)
            self._ticks += 1
        finally:
            self._busy = False

    async def _update(self, number: int, update: Callable[[], Awaitable[None]]) -> None:
        try:
            await update()
        except Exception:
            if number not in self._failed:
                self._failed.add(number)
                _log.exception("a part of the page cannot be updated")


@contextmanager
def page(site: Website, path: str, title: str, lead: str, choice: Choice, span: str) -> Iterator[Live]:
    """Frame a page; the block fills its main part.

    Args:
        site: The data and the dashboards behind the pages.
        path: Address of the page.
        title: Its heading.
        lead: One line below it.
        choice: The reader's choice.
        span: The chosen time as in the address.

    Yields:
        The updates of this page.
    """
    ui.page_title(f"{title} · tradmetrics")
    ui.add_head_html(f"<style>{_CSS}</style><script>{_THEME}</script>")
    with ui.header(elevated=False, fixed=False).classes(replace="top"):
        ui.html(_header(site, path, choice, span), sanitize=False).classes("bar")
    live = Live()
    with ui.element("div").classes("main").props('id="main" tabindex="-1"'):
        ui.html(f'<h1>{escape(title)}</h1><p class="lead">{escape(lead)}</p>', sanitize=False)
        _remarks(site, live)
        yield live
    ui.timer(1.0, live.tick)


def _header(site: Website, path: str, choice: Choice, span: str) -> str:
    kept = urlencode({"span": span, **({"bot": choice.bot} if choice.bot else {})})
    links = "".join(
        f'<a href="{place}?{escape(kept)}"{" aria-current=page" if place == path else ""}>{escape(name)}</a>'
        for place, name in site.menu().items()
    )
    spans = {name: f"Last {name}" for name, seconds in SPANS.items() if seconds <= max(site.history, 900.0)}
    bots = {"": "All bots", **{name: name for name in site.bots()}}
    return (
        '<a class="skip" href="#main">Skip to the figures</a>'
        f'<a class="brand" href="/?{escape(kept)}">tradmetrics</a><nav class="menu" aria-label="Pages">{links}</nav>'
        f'<div class="tools">{_select("bot", "Bot", bots, choice.bot)}{_select("span", "Time", spans, span)}'
        '<button type="button" onclick="tradmetricsTheme()" aria-label="Switch between light and dark">◐</button></div>'
    )


def _select(name: str, label: str, options: Mapping[str, str], chosen: str) -> str:
    items = "".join(
        f'<option value="{escape(value, quote=True)}"{" selected" if value == chosen else ""}>{escape(text)}</option>'
        for value, text in options.items()
    )
    return f'<select aria-label="{label}" onchange="tradmetricsChoose(\'{name}\', this.value)">{items}</select>'


def _remarks(site: Website, live: Live) -> None:
    place = ui.html("", sanitize=False).props('role="status"')

    async def update() -> None:
        remarks = site.remarks()
        text = "".join(f"<p>{escape(each)}</p>" for each in remarks[:20])
        content = f'<div class="remarks">{text}</div>' if remarks else ""
        if place.content != content:
            place.set_content(content)

    live.every(1, update)
