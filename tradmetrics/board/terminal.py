"""The screen of `tradmetrics top`."""

import asyncio
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import DataTable, Footer, Label, Sparkline, Static

from tradmetrics.board.assembly import Assembled
from tradmetrics.board.summary import Summary, sections, summarise

_STYLES = {"green": "green", "red": "bold red", "orange": "yellow", "blue": "cyan", "none": "dim"}


class Top(App[None]):
    """Bots, P&L, orders, positions, silent symbols, errors and alerts, once a second.

    Args:
        built: The board behind it.
    """

    CSS = """
    Screen { layout: vertical; }
    DataTable { height: auto; max-height: 12; }
    .title { text-style: bold; color: $text-muted; padding: 1 1 0 1; }
    .section { padding: 0 1; }
    Sparkline { height: 2; margin: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [("q", "quit", "Quit")]
    TITLE = "tradmetrics top"

    def __init__(self, built: Assembled) -> None:
        super().__init__()
        self._built = built
        self._work: asyncio.Future[None] | None = None
        self._sparks: dict[str, Sparkline] = {}

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield DataTable(id="bots", cursor_type="none", zebra_stripes=True)
        with VerticalScroll(id="rest"):
            for watched in self._built.watch.scraper.watched:
                yield Label(f"P&L {watched.target.name}", classes="title", markup=False)
                spark = Sparkline([])
                self._sparks[watched.target.name] = spark
                yield spark
            yield Static(id="sections", classes="section")
        yield Footer()

    def on_mount(self) -> None:
        """Begin to watch."""
        self._work = asyncio.ensure_future(self._built.watch.run())
        self.set_interval(1.0, self._refresh)

    async def on_unmount(self) -> None:
        """Stop watching."""
        if self._work is not None:
            self._work.cancel()

    async def _refresh(self) -> None:
        summary = await summarise(self._built.watch, self._built.answers, self._built.dashboards["main"])
        self._show_bots(summary)
        for name, values in summary.pnl.items():
            if name in self._sparks:
                self._sparks[name].data = values
        # Not as markup, which labels of a bot could be.
        text = Text()
        for title, lines in sections(summary):
            text.append(f"{title}\n", "bold dim").append("".join(f"  {each}\n" for each in (*lines, "")))
        self.query_one("#sections", Static).update(text)

    def _show_bots(self, summary: Summary) -> None:
        table = self.query_one("#bots", DataTable)
        if not table.columns:
            table.add_columns(*summary.headings)
        table.clear()
        for row in summary.rows:
            table.add_row(*(Text(text, style=_STYLES.get(tone, "")) for text, tone in row))
