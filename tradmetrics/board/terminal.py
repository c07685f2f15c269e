"""The screen of `tradmetrics top`."""

import asyncio
from textwrap import fill
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import DataTable, Footer, Label, Sparkline, Static

from tradmetrics.board.assembly import Assembled
from tradmetrics.board.summary import Summary, sections, summarise

_STYLES = {"green": "green", "red": "bold red", "orange": "yellow", "blue": "cyan", "none": "dim"}

_WIDE = 90
_SHORT = {"P&L today": "P&L", "Positions": "Pos", "Open orders": "Open", "Rejects": "Rej", "Age of data": "Age"}
_LEFT_OUT = {"Uptime"}


class Top(App[None]):
    """Bots, P&L, orders, positions, silent symbols, errors and alerts, once a second.

    Args:
        built: The board behind it.
    """

    CSS = """
    Screen { layout: vertical; }
    DataTable { height: auto; max-height: 12; }
    Vertical { height: auto; }
    .title { text-style: bold; color: $text-muted; padding: 1 1 0 1; }
    .section { padding: 0 1; }
    Sparkline { height: 2; margin: 0 1; }
    #sections { margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [("q", "quit", "Quit")]
    TITLE = "tradmetrics top"

    def __init__(self, built: Assembled) -> None:
        super().__init__()
        self._built = built
        self._work: asyncio.Future[None] | None = None
        self._sparks: dict[str, tuple[Vertical, Sparkline]] = {}

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield DataTable(id="bots", cursor_type="none", zebra_stripes=True)
        with VerticalScroll(id="rest"):
            for watched in self._built.watch.scraper.watched:
                name, spark = watched.target.name, Sparkline([])
                box = Vertical(Label(f"P&L {name}", classes="title", markup=False), spark)
                self._sparks[name] = (box, spark)
                yield box
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
        for name, (box, spark) in self._sparks.items():
            box.display = bool(values := summary.pnl.get(name))
            spark.data = values
        # Not as markup, which labels of a bot could be.
        text = Text()
        for title, lines in sections(summary):
            text.append(f"{title}\n", "bold dim")
            for line in lines:
                text.append(fill(line, self.size.width - 6, initial_indent="  ", subsequent_indent="    ") + "\n")
            text.append("\n")
        self.query_one("#sections", Static).update(text)

    def _show_bots(self, summary: Summary) -> None:
        """Show the table of bots; a narrow terminal gets short headings, and no uptime."""
        wide = self.size.width >= _WIDE
        kept = [place for place, name in enumerate(summary.headings) if wide or name not in _LEFT_OUT]
        headings = [summary.headings[place] for place in kept]
        if not wide:
            headings = [_SHORT.get(name, name) for name in headings]
        table = self.query_one("#bots", DataTable)
        if [str(column.label) for column in table.ordered_columns] != headings:
            table.clear(columns=True)
            table.add_columns(*headings)
        table.clear()
        for row in summary.rows:
            table.add_row(*(Text(row[place][0], style=_STYLES.get(row[place][1], "")) for place in kept))
