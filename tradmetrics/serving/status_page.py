"""The page at `/` of the metrics server: a static page for people, without a script, that shows what is missing.

Names, labels and messages may come from a broker or from a client. All of them are escaped, and the page allows no
script and nothing from another host.
"""

from __future__ import annotations

import logging
import math
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from html import escape
from http import HTTPStatus
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from prometheus_client.samples import Sample

from tradmetrics import catalogue
from tradmetrics.registry.default import get_metrics
from tradmetrics.serving.endpoint import HttpResponse, plain
from tradmetrics.version import __version__

if TYPE_CHECKING:
    from tradmetrics.registry.metrics import TradingMetrics

_LOGGER = logging.getLogger(__name__)

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_HEADERS: Final = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
)
_MOST_ROWS: Final = 200
_LONGEST: Final = 300
_UNSOURCED: Final = "tradmetrics_unsourced_labels"
_HOW_TO_COUNT: Final = (
    "To count the calls of each function, start the bot with <code>TRADMETRICS_COUNT_CALLS=1</code>; it costs each "
    "call some 20 ns."
)
_EVENTS: Final = (
    ("Orders sent", catalogue.ORDERS_SUBMITTED.name, "@track_order"),
    ("Orders filled", catalogue.ORDERS_FILLED.name, "@track_order"),
    ("Trades", catalogue.TRADES.name, "@track_trade"),
    ("Market data", catalogue.MARKET_DATA_UPDATES.name, "@track_market_data"),
    ("Predictions", catalogue.ML_PREDICTIONS.name, "@track_prediction"),
    ("API requests", catalogue.API_REQUESTS.name, "@track_request"),
    ("Errors of the bot", catalogue.SYSTEM_ERRORS.name, "@track_errors"),
)
_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}th,td{text-align:left;padding:.3rem .6rem;"
    "border-bottom:1px solid #8884;overflow-wrap:anywhere;vertical-align:top}td.n{text-align:right;white-space:nowrap}"
    "code{font-family:ui-monospace,monospace}.ok{opacity:.75}h2{margin-bottom:0}"
)


def status_page(metrics: TradingMetrics | None) -> HttpResponse:
    """Make the page for one metrics object. Never raises.

    Args:
        metrics: The metrics object; None stands for the process's default one.
    """
    try:
        page = _page(metrics or get_metrics())
    except Exception:
        _LOGGER.exception("the status page could not be made")
        return plain(HTTPStatus.INTERNAL_SERVER_ERROR, "500 the status page could not be made; the log says why")
    return HttpResponse(HTTPStatus.OK, _HEADERS, page.encode("utf-8", "replace"))


def _page(metrics: TradingMetrics) -> str:
    program = PurePath(sys.argv[0] if sys.argv else "")
    name = (program.parent.name if program.name == "__main__.py" else program.name) or "Python"
    uptime = sum(sample.value for sample in _samples(metrics, catalogue.SYSTEM_UPTIME.name))
    since = datetime.fromtimestamp(time.time() - uptime, timezone.utc)
    constants = "".join(f" · {escape(label)} {_cell(value)}" for label, value in metrics.constants)
    parts = [
        f"<h1>{_cell(name)}</h1>",
        f"<p>Process {os.getpid()}, running since <time>{since:%Y-%m-%d %H:%M:%S} UTC</time> · tradmetrics "
        f"{escape(__version__)}{constants}</p>",
        '<p>Metrics for Prometheus: <a href="/metrics">/metrics</a></p>',
        *_instrumentation(metrics),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, '
        f'initial-scale=1"><title>{_cell(name)} · tradmetrics</title><style>{_STYLE}</style></head>'
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _instrumentation(metrics: TradingMetrics) -> Iterator[str]:
    calls = {_function(each): f"{each.value:,.0f}" for each in _samples(metrics, catalogue.FUNCTION_CALLS.name)}
    functions = {_function(each): each.value for each in _samples(metrics, catalogue.FUNCTION_CALLED.name)}
    yield _table(
        "Instrumented functions",
        ("Function", "Decorator", "Calls"),
        [
            (*function, calls.get(function, "yes") if called else "not yet")
            for function, called in sorted(functions.items())
        ],
        "No function is decorated.",
    )
    if functions and not calls:
        yield f'<p class="ok">{_HOW_TO_COUNT}</p>'
    counts = [(event, how, sum(each.value for each in _samples(metrics, name))) for event, name, how in _EVENTS]
    yield _table(
        "Recorded so far",
        ("Event", "Recorded by", "Calls"),
        [(event, how, f"{count:,.0f}" if count else "nothing yet") for event, how, count in counts],
        "",
    )
    yield _table(
        "Labels without a source",
        ("Function", "Label"),
        [(_of(each, "site"), _of(each, "label")) for each in _samples(metrics, _UNSOURCED) if each.value],
        "Every label has a source.",
    )
    overflows = _samples(metrics, catalogue.LABEL_OVERFLOW.name)
    yield _table(
        "Labels past their budget",
        ("Metric", "Label", "Calls counted as __other__"),
        [(_of(each, "metric"), _of(each, "label"), f"{each.value:,.0f}") for each in overflows if each.value],
        "Every label is within its budget.",
    )
    errors = [each for each in _samples(metrics, catalogue.INSTRUMENTATION_ERRORS.name) if each.value]
    last = metrics.last_faults
    yield _table(
        "Errors inside the instrumentation",
        ("Function", "Stage", "Errors", "Last message"),
        [
            (_of(each, "site"), _of(each, "stage"), f"{each.value:,.0f}", last.get(_of(each, "site"), ""))
            for each in errors
        ],
        "No error since the start.",
    )
    limits = {_of(each, "metric"): each.value for each in _samples(metrics, catalogue.SERIES_LIMIT.name)}
    series = [(_of(each, "metric"), each.value) for each in _samples(metrics, catalogue.SERIES.name)]
    series.sort(key=lambda pair: -pair[1] / (limits.get(pair[0]) or math.inf))
    yield _table(
        "Series and their budgets",
        ("Metric", "Series", "Budget"),
        [(metric, f"{count:,.0f}", f"{limits.get(metric, 0.0):,.0f}") for metric, count in series],
        "No series yet.",
    )


def _samples(metrics: TradingMetrics, name: str) -> list[Sample]:
    """The samples of one metric of this process."""
    families = metrics.registry.restricted_registry([name]).collect()
    return [sample for family in families for sample in family.samples if sample.name == name]


def _function(sample: Sample) -> tuple[str, str]:
    return _of(sample, "site"), _of(sample, "decorator")


def _of(sample: Sample, label: str) -> str:
    return sample.labels.get(label, "")


def _table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> str:
    rows = list(rows)
    if not rows:
        return f'<h2>{escape(title)}</h2><p class="ok">{escape(empty)}</p>'
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in headings)
    body = "".join(
        "<tr>" + "".join(f"<td{_number(cell)}>{_cell(cell)}</td>" for cell in row) + "</tr>"
        for row in rows[:_MOST_ROWS]
    )
    more = f"<p>… and {len(rows) - _MOST_ROWS} more.</p>" if len(rows) > _MOST_ROWS else ""
    return f"<h2>{escape(title)}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _number(cell: str) -> str:
    return ' class="n"' if cell.replace(",", "").isdigit() else ""


def _cell(text: object) -> str:
    shown: Any = str(text)
    if len(shown) > _LONGEST:
        shown = shown[:_LONGEST] + "…"
    return escape("".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in shown))
