"""The pages of bots and dashboards."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from html import escape
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from tradmetrics.board.answers import Answers, Choice
from tradmetrics.board.page import charts, fragments
from tradmetrics.board.page.frame import Live, Website
from tradmetrics.board.panels import Look, Panel, Query
from tradmetrics.board.query import parse
from tradmetrics.board.scraper import Watched

_CHARTS = {"timeseries": charts.curves, "state-timeline": charts.states, "heatmap": charts.heatmap}
_COLUMNS = 36
_BOTS = "Bots side by side"
_ALERTS = "Alerts that fire"
_CURVE = "Profit and loss"


def _query(text: str) -> Query:
    return Query("A", text, parse(text), "")


_VERSION = _query('trading_build_info{instance=~"$instance"}')
_UPTIME = _query('max by (instance) (trading_system_uptime_seconds{instance=~"$instance"})')


def dashboard(site: Website, name: str, choice: Choice, live: Live) -> None:
    """Draw a dashboard's rows of panels; the overview begins with a card for each bot."""
    board = site.dashboards[name]
    if name == "main":
        _bots(site, choice, live)
    for row in board.rows:
        ui.html(f"<h2>{escape(row.title)}</h2>", sanitize=False)
        with ui.element("div").classes("grid"):
            for panel in row.panels:
                _panel(site, panel, choice, live)


def _panel(site: Website, panel: Panel, choice: Choice, live: Live) -> None:
    with ui.element("div").classes(f"card w{panel.width}").style(f"grid-column: span {panel.width}") as card:
        card.props["role"] = "group"
        card.props["aria-label"] = panel.title
        card.props["title"] = panel.description
        ui.html(f"<h3>{escape(panel.title)}</h3>", sanitize=False)
        if panel.kind in _CHARTS:
            _chart(site.answers, panel, choice, live)
        elif panel.title == _ALERTS:
            _alerts(site, live)
        elif panel.kind == "table":
            _html(live, lambda: _table(site.answers, panel, choice))
        else:
            _html(live, lambda: _figures(site.answers, panel, choice), "figures")


def _html(live: Live, build: Callable[[], Awaitable[str]], kind: str = "body") -> None:
    place = ui.html('<span class="figure none">…</span>', sanitize=False).classes(kind)

    async def update() -> None:
        content = await build()
        if place.content != content:
            place.set_content(content)

    live.every(1, update)


async def _figures(answers: Answers, panel: Panel, choice: Choice) -> str:
    return fragments.figures(panel, await answers.now(panel.queries[0], choice))


async def _table(answers: Answers, panel: Panel, choice: Choice) -> str:
    return fragments.bots(panel, [await answers.now(query, choice) for query in panel.queries])


def _chart(answers: Answers, panel: Panel, choice: Choice, live: Live) -> None:
    chart = ui.echart(charts.waiting()).classes("chart")
    chart.props["role"] = "img"
    chart.props["aria-label"] = f"{panel.title}: {panel.description}"
    draw = _CHARTS[panel.kind]
    if panel.kind == "heatmap":
        choice = replace(choice, points=_COLUMNS)
    shown: list[Any] = [None]

    async def update() -> None:
        options = draw(panel, [await answers.curve(query, choice) for query in panel.queries])
        if options != shown[0]:
            shown[0] = options
            chart.options.clear()
            chart.options.update(options)
            chart.update()

    live.every(max(2, round(choice.step / 2)), update)


def _alerts(site: Website, live: Live) -> None:
    async def build() -> str:
        return fragments.alerts(site.watch.standing(), site.watch.evaluated)

    _html(live, build)


def _bots(site: Website, choice: Choice, live: Live) -> None:
    table = next(panel for panel in site.dashboards["main"].panels() if panel.title == _BOTS)
    ui.html("<h2>Bots</h2>", sanitize=False)
    place, drawn = ui.element("div").classes("bots"), set[str]()

    def draw() -> None:
        """Draw the bots that have come; a Prometheus may find them at any time."""
        for watched in site.watch.scraper.watched:
            name = watched.target.name
            if name not in drawn and choice.bot in ("", name):
                drawn.add(name)
                with place:
                    _Bot(site, watched, table, Choice(choice.span, name), live)

    async def add() -> None:
        draw()

    draw()
    live.every(1, add)


class _Bot:
    """The card of one bot. Its elements stay; only texts change, so that the keyboard's focus does too."""

    def __init__(self, site: Website, watched: Watched, table: Panel, choice: Choice, live: Live) -> None:
        self._site = site
        self._watched = watched
        self._table = table
        self._choice = choice
        with ui.element("section").classes("card bot") as self._card:
            self._card.props["aria-label"] = f"Bot {watched.target.name}"
            with ui.element("div").classes("head"):
                name = ui.element("a").classes("name")
                name.props["href"] = f"/?{urlencode({'bot': watched.target.name})}"
                with name:
                    ui.label(watched.target.name)
                self._pill = ui.label("Waiting").classes("pill")
            self._since = ui.label("").classes("since")
            self._values: list[tuple[ui.label, Look, Query]] = []
            with ui.element("dl"):
                for query, (title, look) in zip(table.queries, table.columns, strict=True):
                    if title not in ("Up", "Uptime"):
                        with ui.element("div"):
                            with ui.element("dt"):
                                ui.label(title)
                            with ui.element("dd").classes("big" if "P&L" in title else ""):
                                label = ui.label("-")
                        self._values.append((label, look, query))
            curve = next(panel for panel in site.dashboards["main"].panels() if panel.title == _CURVE)
            self._curve = curve.queries[0]
            self._spark = ui.echart({"animation": False, "series": []}).classes("chart")
            self._spark.props["role"] = "img"
            self._spark.props["aria-label"] = f"Profit and loss of the day of {watched.target.name}"
        live.every(1, self._update)
        live.every(5, self._draw)

    async def _update(self) -> None:
        watched, answers = self._watched, self._site.answers
        word, tone = {None: ("Waiting", "blue"), True: ("Up", "green"), False: ("Down", "red")}[watched.up]
        self._pill.set_text(word)
        self._pill.classes(replace=f"pill {tone}")
        self._card.classes(replace=f"card bot {'down' if watched.up is False else ''}")
        self._since.set_text(await self._story())
        for label, look, query in self._values:
            samples = await answers.now(query, self._choice)
            label.set_text(fragments.value(samples[0].value, look) if samples else "-")
            label.classes(replace=look.colour(samples[0].value) if samples else "none")

    async def _story(self) -> str:
        watched = self._watched
        if watched.up is False:
            seen = f"last seen {fragments.clock(watched.seen)}" if watched.seen else "never seen"
            return f"{watched.error}; {seen}"
        if watched.up is None:
            return f"waiting for {watched.target.url}"
        uptime = await self._site.answers.now(_UPTIME, self._choice)
        version = await self._site.answers.now(_VERSION, self._choice)
        parts = [f"up since {fragments.clock(watched.seen - uptime[0].value)}"] if uptime else []
        parts += [f"version {each.labels.get('version', '')}" for each in version[:1] if each.labels.get("version")]
        return " · ".join(parts) or watched.error or "answers without trading metrics"

    async def _draw(self) -> None:
        curve = await self._site.answers.curve(self._curve, self._choice)
        values = next((values for _, values in curve.series.values()), [])
        last = next((value for value in reversed(values) if value is not None), 0.0)
        tone = charts.colour("green" if last >= 0 else "red")
        options = {
            "animation": False,
            "grid": {"left": 0, "right": 0, "top": 6, "bottom": 4},
            "xAxis": {"type": "time", "show": False},
            "yAxis": {"type": "value", "show": False, "scale": True},
            "series": [
                {
                    "type": "line",
                    "showSymbol": False,
                    "silent": True,
                    "lineStyle": {"width": 1.8, "color": tone},
                    "areaStyle": {"opacity": 0.12, "color": tone},
                    "data": [[round(at * 1000), value] for at, value in zip(curve.times, values, strict=False)],
                }
            ],
        }
        self._spark.options.clear()
        self._spark.options.update(options)
        self._spark.update()
