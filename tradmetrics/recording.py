"""Recording without a decorator: the one call beneath the exporter, the context managers and the middleware."""

from __future__ import annotations

from enum import Enum

from tradmetrics.book import NO_BOOK, TradingMetrics
from tradmetrics.default import current, get_metrics
from tradmetrics.errors import LabelSourceError
from tradmetrics.labels import MISSING, Source


def resolve(metrics: TradingMetrics | None, site: str) -> TradingMetrics:
    """Return the book to record to: the one given, or the process's. Where none can be built, that is logged."""
    book = metrics or current()
    if book is not None:
        return book
    try:
        return get_metrics()
    except Exception as error:
        NO_BOOK.fault(site, "record", error)
        return NO_BOOK


def constant(book: TradingMetrics, label: object, *, site: str) -> object:
    """Return a label given to a context manager; `MISSING`, which is counted, for a source, as nothing is called."""
    if isinstance(label, Source) or (callable(label) and not isinstance(label, type | Enum)):
        shown = repr(label) if isinstance(label, Source) else "a function of the Call"
        book.fault(
            site,
            "source",
            LabelSourceError(f"{site}: {shown} reads a call, and a `with` has none; write the label itself"),
        )
        return MISSING
    return label
