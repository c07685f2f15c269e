"""The page "Instrumentation": the metrics that a bot records, those that are missing, and the code to add."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nicegui import ui

from tradmetrics import catalogue
from tradmetrics.board.answers import Choice
from tradmetrics.board.page.fragments import table
from tradmetrics.board.page.frame import Live, Website
from tradmetrics.board.panels import Query
from tradmetrics.board.query import Sample, parse
from tradmetrics.model.definition import MetricDefinition

_WHERE: Final = '{job=~"$job", instance=~"$instance"}'


@dataclass(frozen=True)
class Section:
    """One table of the page.

    Attributes:
        title: Its heading.
        hint: The meaning of the table, and how to act on it.
        columns: Labels that become columns, with their headings.
        value: The heading of the value; empty to leave it out.
        text: The query.
        empty: What to say when there is nothing.
        example: What to type; empty for nothing.
    """

    title: str
    hint: str
    columns: tuple[tuple[str, str], ...]
    value: str
    text: str
    empty: str
    example: str = ""


SECTIONS: Final = (
    Section(
        "Labels without a source",
        "These labels read `unknown`, because the decorator finds no parameter, attribute or result to read them from.",
        (("site", "Function"), ("label", "Label"), ("instance", "Bot")),
        "",
        f"tradmetrics_unsourced_labels{_WHERE} > 0",
        "Every label has a source.",
        'from tradmetrics import arg, result, track_order\n\n@track_order(side=arg("order.side"), '
        'order_type="LIMIT", status=result("status"))\ndef place_order(order): ...',
    ),
    Section(
        "Labels past their budget",
        "Values beyond the budget are counted as `__other__`: no count is lost, only the name. A value that should not "
        "be a label, such as an order id, belongs in the log.",
        (("metric", "Metric"), ("label", "Label"), ("instance", "Bot")),
        "Values",
        f"sum by (instance, metric, label) (tradmetrics_label_overflow_total{_WHERE}) > 0",
        "Every label is within its budget.",
        'from tradmetrics import Limits, configure\n\nconfigure(limits=Limits(labels={"symbol": 1000}))',
    ),
)
_GROUPS: Final = {
    "Orders": (catalogue.ORDERS_SUBMITTED.name, "@track_order"),
    "Trades": (catalogue.TRADES.name, "@track_trade"),
    "Fill times": (f"{catalogue.ORDER_FILL_TIME.name}_count", "@fill_timer"),
    "Market data": (catalogue.MARKET_DATA_UPDATES.name, "@track_market_data"),
    "Predictions": (catalogue.ML_PREDICTIONS.name, "@track_prediction"),
    "Trainings": (f"{catalogue.ML_TRAINING_DURATION.name}_count", "@track_training"),
    "API requests": (catalogue.API_REQUESTS.name, "@track_request"),
    "Errors of the system": (catalogue.SYSTEM_ERRORS.name, "@track_errors"),
    "Risk checks that failed": (catalogue.RISK_LIMIT_BREACHES.name, "@track_risk_check"),
    "Circuit breaker trips": (catalogue.CIRCUIT_BREAKER_TRIGGERS.name, "@track_circuit_breaker"),
    "Positions": (catalogue.POSITIONS_OPEN.name, "@track_positions"),
    "Profit and loss": (catalogue.DAILY_PNL.name, "@track_pnl"),
    "Capital": (catalogue.CAPITAL_TOTAL.name, "@track_capital"),
    "Market and session": (catalogue.MARKET_SESSION_OPEN.name, "@track_market"),
    "Heartbeat": (catalogue.HEARTBEAT.name, "heartbeat()"),
}


def draw(site: Website, choice: Choice, live: Live) -> None:
    """Draw the page."""
    ui.html(
        "<h2>Decorated functions</h2><p class='hint'>A function that is not called yet has a decorator, and nothing "
        "has run it. To count the calls of each, start the bot with <code>TRADMETRICS_COUNT_CALLS=1</code>.</p>",
        sanitize=False,
    )
    _part(site, live, lambda: _functions(site, choice))
    ui.html(
        "<h2>Errors inside the instrumentation</h2><p class='hint'>A label or a value could not be read. The function "
        "itself ran as without the decorator. The bot's log has every message in full, at most once a minute for each "
        "function.</p>",
        sanitize=False,
    )
    _part(site, live, lambda: _errors(site, choice))
    ui.html(
        "<h2>Events that your bots record</h2><p class='hint'>A line without a figure is a decorator that no call has "
        "reached yet: put it on the function that does this work.</p>",
        sanitize=False,
    )
    _part(site, live, lambda: _recorded(site, choice))
    for section in SECTIONS:
        ui.html(f"<h2>{section.title}</h2><p class='hint'>{_code(section.hint)}</p>", sanitize=False)
        _part(site, live, lambda section=section: _section(site, section, choice))
        if section.example:
            ui.element("pre").classes("type").props["textContent"] = section.example
    ui.html(
        "<h2>Series against budgets</h2><p class='hint'>Beyond its budget, a metric gets no further series: their "
        "calls are counted as <code>__other__</code>. The fullest come first.</p>",
        sanitize=False,
    )
    _part(site, live, lambda: _budgets(site, choice))


def _code(text: str) -> str:
    parts = text.split("`")
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))


def _part(site: Website, live: Live, build: object) -> None:
    place = ui.html('<p class="empty">…</p>', sanitize=False).classes("card")

    async def update() -> None:
        content = await build()  # type: ignore[operator]
        if place.content != content:
            place.set_content(content)

    live.every(2, update)


async def _recorded(site: Website, choice: Choice) -> str:
    rows = []
    for name, (metric, decorator) in _GROUPS.items():
        query = Query("A", text := f"sum by (instance) ({metric}{_WHERE})", parse(text), "")
        samples = await site.answers.now(query, choice)
        kind = (
            catalogue.BY_NAME[metric.removesuffix("_count")].kind
            if metric.removesuffix("_count") in catalogue.BY_NAME
            else "gauge"
        )
        for sample in samples:
            count = _calls(sample.value) if kind != "gauge" else "reported"
            rows.append([(name, ""), (decorator, "code"), (sample.labels.get("instance", ""), ""), (count, "number")])
        if not samples:
            rows.append([(name, ""), (decorator, "code"), ("", ""), ("nothing yet", "none")])
    return table("Events that your bots record", ("Event", "Recorded by", "Bot", "Since the start"), rows)


def _calls(count: float) -> str:
    return f"{count:,.0f} {'call' if count == 1 else 'calls'}"


async def _functions(site: Website, choice: Choice) -> str:
    called = await _by(site, choice, catalogue.FUNCTION_CALLED, "max", ("instance", "site", "decorator"))
    calls = await _by(site, choice, catalogue.FUNCTION_CALLS, "sum", ("instance", "site", "decorator"))
    rows = []
    for key, value in sorted(called.items()):
        bot, function, decorator = key
        count = _calls(calls[key]) if key in calls else "called"
        shown = (count, "number") if value else ("not called yet", "none")
        rows.append([(function, "code"), (f"@{decorator}", "code"), (bot, ""), shown])
    empty = "The bots name no decorated function."
    return table("Decorated functions", ("Function", "Decorator", "Bot", "Since the start"), rows, empty=empty)


async def _errors(site: Website, choice: Choice) -> str:
    errors = await _by(site, choice, catalogue.INSTRUMENTATION_ERRORS, "sum", ("instance", "site", "stage"))
    times = await _by(site, choice, catalogue.LAST_ERROR, "max", ("instance", "site", "message"))
    last = {(bot, function): text for (bot, function, text), _ in sorted(times.items(), key=lambda pair: pair[1])}
    rows = [
        [
            (function, "code"),
            (stage, ""),
            (bot, ""),
            (f"{count:,.0f}", "number"),
            (last.get((bot, function), ""), "message"),
        ]
        for (bot, function, stage), count in sorted(errors.items(), key=lambda pair: -pair[1])
        if count
    ]
    headings = ("Function", "Stage", "Bot", "Errors", "Last message")
    return table("Errors inside the instrumentation", headings, rows, empty="No error since the bots started.")


async def _by(
    site: Website, choice: Choice, metric: MetricDefinition, operator: str, labels: tuple[str, ...]
) -> dict[tuple[str, ...], float]:
    """Return the values of a metric now, by these labels."""
    text = f"{operator} by ({', '.join(labels)}) ({metric.name}{_WHERE})"
    samples = await site.answers.now(Query("A", text, parse(text), ""), choice)
    return {tuple(sample.labels.get(label, "") for label in labels): sample.value for sample in samples}


async def _section(site: Website, section: Section, choice: Choice) -> str:
    query = Query("A", section.text, parse(section.text), "")
    samples = await site.answers.now(query, choice)
    ordered = sorted(samples, key=lambda each: (-each.value, tuple(each.labels.values())))
    headings = [heading for _, heading in section.columns] + ([section.value] if section.value else [])
    return table(section.title, headings, [_row(section, each) for each in ordered], empty=section.empty)


def _row(section: Section, sample: Sample) -> Sequence[tuple[str, str]]:
    cells = [
        (sample.labels.get(label, ""), "code" if label in ("site", "metric", "label") else "")
        for label, _ in section.columns
    ]
    return [*cells, (f"{sample.value:,.0f}", "number")] if section.value else cells


async def _budgets(site: Website, choice: Choice) -> str:
    series = await _by(site, choice, catalogue.SERIES, "sum", ("instance", "metric"))
    budgets = await _by(site, choice, catalogue.SERIES_LIMIT, "sum", ("instance", "metric"))
    shares = {key: count / budgets[key] for key, count in series.items() if budgets.get(key)}
    rows = []
    for key, share in sorted(shares.items(), key=lambda pair: (-pair[1], pair[0])):
        bot, metric = key
        tone = "red" if share >= 1 else "orange" if share >= 0.8 else ""
        counts = [f"{series[key]:,.0f}", f"{budgets[key]:,.0f}", f"{share:.1%}"]
        rows.append([(metric, "code"), (bot, ""), *((text, f"number {tone}") for text in counts)])
    headings = ("Metric", "Bot", "Series", "Budget", "Used")
    return table("Series against budgets", headings, rows, empty="The bots report no series.")
