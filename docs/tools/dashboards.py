"""The panels of the dashboards, from their JSON."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from docs.tools.markdown import generated, table
from tradmetrics import catalogue
from tradmetrics.doctor.grafana import read_dashboard
from tradmetrics.doctor.promql import selected_names

BOARDS: Final = Path(__file__).parent.parent.parent / "dashboards" / "json"
# As the links at the top of each dashboard are best read: from the whole to the parts.
_ORDER: Final = ("main", "execution", "risk", "strategy", "market_data", "models", "system")
_SYMBOLS: Final = (
    "There is no panel of P&L by symbol: brokers report P&L for an account or for a trade, and a split by symbol would "
    "need prices of every open position at every scrape. `trading_trades_pnl` by strategy and the positions at the "
    "broker answer the question that such a panel raises."
)
_LINTED: Final = (
    "[dashboard-linter](https://github.com/grafana/dashboard-linter) 0.1.1 on the dashboards, and "
    "[pint](https://github.com/cloudflare/pint) 0.87 on the alerts and compliance rules, alone and beside a Prometheus "
    "that scrapes two demos, say this and nothing else."
)
_FINDINGS: Final = (
    (
        "dashboard-linter, `template-job-rule`, `template-instance-rule`",
        "*All* of the job and of the instance should be `.+`, not `.*`",
        "Not every series has the two labels: a series from a Pushgateway has no instance, and a store may keep "
        "OTLP's `service.name` in the place of a job. `.+` would hide such a bot.",
    ),
    (
        "dashboard-linter, `panel-units-rule`",
        "*Slippage* has the invalid unit `suffix:bps`",
        "It is one of Grafana's custom units, and Grafana has no unit for basis points.",
    ),
    (
        "dashboard-linter, `target-rate-interval-rule`",
        "*99th percentile by endpoint* should use `$__rate_interval`, not `5m`",
        "The panel shows the alert's own expression, with the alert's window and a line at its threshold.",
    ),
    (
        "pint, `alerts/comparison`",
        "`Watchdog` always fires",
        "It must: a dead man's switch calls when it stops.",
    ),
    (
        "pint, `alerts/for`",
        "`for: 0s` is the default",
        "Each rule says how long it waits, so that your settings and the rule can be read side by side.",
    ),
    (
        "pint, `promql/series`",
        "The demos never had a series that `LabelOverflow`, `InstrumentationErrors`, `CriticalError`, "
        "`ApiAccessDenied`, `DuplicateOrders` or `PriceCollarBreach` reads",
        "Nothing of the kind happened there. Each of these alerts is tested with the event.",
    ),
)
_SUFFIXES: Final = ("_bucket", "_count", "_sum")


def metric(name: str) -> str:
    """The metric that a sample belongs to: a histogram's, where it is one of its series."""
    for suffix in _SUFFIXES:
        if name not in catalogue.BY_NAME and name.removesuffix(suffix) in catalogue.BY_NAME:
            return name.removesuffix(suffix)
    return name


def link(path: Path) -> str:
    """A link from another page of the reference to what this dashboard shows."""
    return f"[{json.loads(path.read_text(encoding='utf-8'))['title']}](dashboards.md#{path.stem})"


def page() -> str:
    """Return the page."""
    parts = [
        generated(),
        "# Dashboards",
        "Seven dashboards for Grafana, in the folder `dashboards/json/`: "
        "[Run the monitoring stack](../how-to/stack.md#grafana) says how to get at them. This is what their panels "
        "show; in Grafana, the same stands behind the *i* of each panel.",
        "The same panels, from the same queries, are on the page of [`tradmetrics board`](../how-to/board.md), which "
        "needs no Grafana. The pictures show that page.",
        "`tradmetrics export dashboards DIR` writes the dashboards from an installed package; with "
        "`--set alerts.HighDailyLoss.threshold=-20000` the dashed lines move with the alerts.",
        "- At the top of each are the data source, the job, the instance and the strategy. A metric without the label "
        "`strategy` is shown for all of them, whatever is chosen.\n"
        "- Orange marks are alerts that fire, red ones are trips of the circuit breaker, purple ones a new version of "
        "a bot. Blue shading is a closed market. A dashed line is an alert's threshold, as "
        "[its settings](../how-to/stack.md#set-the-thresholds) have it; such a panel shows the alert's own "
        "expression, for each bot.\n"
        "- A figure shows this moment. When a bot is dead, its figures say `No data`, and `Up` is red.\n"
        "- A count in the time shown is 0 when there was none and the bot is scraped. A panel is empty until "
        "a bot records its metric: [No data in Grafana](../how-to/troubleshooting.md#no-data).\n"
        "- Several bots stand side by side where an alert judges each by itself; orders and positions are their sum. "
        "Choose one at the top, or click on its name in *Bots side by side*.\n"
        "- A share whose parts do not all have the label `strategy` is the same whatever strategy is chosen.",
    ]
    for name in _ORDER:
        path = BOARDS / f"{name}.json"
        board = json.loads(path.read_text(encoding="utf-8"))
        parts += [f"## {board['title']} {{#{name}}}", board["description"], _picture(name, board["title"])]
        for row, panels in _rows(board):
            parts += [
                f"**{row}**",
                table(("Panel", "Shows", "Metrics"), (_panel(path, each) for each in panels)),
            ]
    parts += [
        _SYMBOLS,
        "## Linters' findings {#linters}",
        _LINTED,
        table(("Linter", "Says", "Why it stays"), _FINDINGS),
    ]
    return "\n\n".join(parts) + "\n"


def _picture(name: str, title: str) -> str:
    """The dashboard's panels as `tradmetrics board` draws them from a session of the demo."""
    text = f"Panels of the dashboard {title}, with figures and curves of a session of the demo."
    return f"![{text}](../images/board/{name}.webp)"


def _rows(board: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    rows: list[tuple[str, list[dict[str, Any]]]] = []
    for panel in board["panels"]:
        if panel["type"] == "row":
            rows.append((panel["title"], []))
        else:
            rows[-1][1].append(panel)
    yield from rows


def _panel(path: Path, panel: dict[str, Any]) -> tuple[str, str, str]:
    queries = [each for each in read_dashboard(path) if each.place.startswith(f"panel {panel['title']}, query ")]
    names = set(map(metric, selected_names(queries)))
    # Counts ask for it only to tell none from nothing.
    shown = sorted(names - {catalogue.SYSTEM_UPTIME.name} or names)
    links = (f"[{name}](metrics.md#{name})" if name in catalogue.BY_NAME else f"`{name}`" for name in shown)
    return panel["title"], panel["description"], ", ".join(links)
