"""HTML of figures and tables. Every text goes through `html.escape`, so that a label value stays a text."""

import time
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from tradmetrics.board.formatting import shown
from tradmetrics.board.panels import Look, Panel
from tradmetrics.board.query import Sample
from tradmetrics.board.watch import Standing

_MOST_FIGURES: Final = 12
_MOST_ROWS: Final = 100


def value(number: float, look: Look) -> str:
    """Return a value as text: its word, if it has one, or the number with its unit."""
    if number in look.words:
        return look.words[number][0]
    return shown(number, look.unit, look.decimals)


def figures(panel: Panel, samples: Sequence[Sample]) -> str:
    """Return the figures of a panel: one for each series, coloured by the thresholds."""
    query = panel.queries[0]
    if not samples:
        return f'<span class="figure none">{escape(panel.look.no_value)}</span>'
    ordered = sorted(samples, key=lambda each: query.name(each.labels))
    named = len(samples) > 1
    parts = []
    for sample in ordered[:_MOST_FIGURES]:
        name = f"<small>{escape(query.name(sample.labels))}</small>" if named else ""
        kind = "figure state" if panel.look.words else "figure"
        plain = len(panel.look.steps) < 2 and not panel.look.words
        tone = "text" if plain else escape(panel.look.colour(sample.value))
        parts.append(f'<span class="{kind} {tone}">{escape(value(sample.value, panel.look))}{name}</span>')
    if len(samples) > _MOST_FIGURES:
        parts.append(f"<small>and {len(samples) - _MOST_FIGURES} more</small>")
    return "".join(parts)


def table(
    caption: str, headings: Sequence[str], rows: Iterable[Sequence[tuple[str, str]]], *, empty: str = "No data"
) -> str:
    """Return a table.

    Args:
        caption: The content, for readers who do not see it.
        headings: Of its columns.
        rows: For each cell its text and its CSS classes.
        empty: What to say when there is no row.

    Returns:
        HTML.
    """
    lines = []
    for number, row in enumerate(rows):
        if number >= _MOST_ROWS:
            lines.append(f'<tr><td colspan="{len(headings)}">and more</td></tr>')
            break
        cells = [
            f'<{tag} class="{escape(kind)}"{scope}>{escape(text)}</{tag}>'
            for place, (text, kind) in enumerate(row)
            for tag, scope in [("th", ' scope="row"') if place == 0 else ("td", "")]
        ]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    if not lines:
        return f'<p class="empty">{escape(empty)}</p>'
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in headings)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def bots(panel: Panel, answers: Sequence[Sequence[Sample]]) -> str:
    """Return the table of bots side by side."""
    names = sorted({sample.labels.get("instance", "") for samples in answers for sample in samples})
    by_bot = [{sample.labels.get("instance", ""): sample.value for sample in samples} for samples in answers]
    rows = []
    for name in names:
        row = [(name, "")]
        for (_, look), values in zip(panel.columns, by_bot, strict=True):
            if name in values:
                tone = look.colour(values[name])
                row.append((value(values[name], look), f"{'state ' if look.words else 'number '}{tone}"))
            else:
                row.append(("-", "number none"))
        rows.append(row)
    return table(panel.title, ["Bot", *(title for title, _ in panel.columns)], rows)


def alerts(standing: Sequence[Standing], now: float) -> str:
    """Return the list of alerts that fire."""
    if not standing:
        return '<p class="empty good">No alert fires.</p>'
    lines = []
    for each in standing:
        alert = each.alert
        severity = alert.labels.get("severity", "")
        since = shown(max(now - (alert.firing or now), 0), "s", 0)
        url = alert.annotations.get("runbook_url", "")
        name = escape(alert.rule.name)
        if url.startswith(("https://", "http://")):
            name = f'<a href="{escape(url, quote=True)}" target="_blank" rel="noopener noreferrer">{name}</a>'
        text = alert.annotations.get("description") or alert.annotations.get("summary", "")
        muted = '<span class="tag">muted</span>' if each.muted else ""
        tone = {"critical": "red", "warning": "orange"}.get(severity, "blue")
        lines.append(
            f'<li class="{"muted" if each.muted else ""}"><span class="dot {tone}"></span>'
            f'<span class="what"><strong>{name}</strong> <span class="severity">{escape(severity)}</span>{muted}'
            f"<br>{escape(text)}</span><time>{escape(since)}</time></li>"
        )
    return f'<ul class="alerts">{"".join(lines[:_MOST_ROWS])}</ul>'


def clock(stamp: float) -> str:
    """Return a time of day, with the date when it is not today."""
    moment, today = time.localtime(stamp), time.localtime()
    return time.strftime("%H:%M:%S" if moment[:3] == today[:3] else "%d %b %H:%M", moment)
