"""Books that stand in for a program's own while a test runs, and leave no trace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tradmetrics import catalogue
from tradmetrics.book import TradingMetrics
from tradmetrics.default import default, replace_default
from tradmetrics.instrument import Site
from tradmetrics.registration import shelf_of
from tradmetrics.registry import Instrument


class TrialBook(TradingMetrics):
    """A book that registers a metric when it is first recorded: a property test makes hundreds of books."""

    def _register(self) -> None:
        for definition in (catalogue.LABEL_OVERFLOW, catalogue.SERIES_REMOVED):  # what instruments report to
            self.instrument(definition)
        shelf_of(self.registry).books.add(self)


def instruments_of(book: TradingMetrics) -> tuple[Instrument, ...]:
    """The instruments that a book has, those of its user's own metrics among them."""
    return tuple(book._instruments.values())


@contextmanager
def default_book(book: TradingMetrics) -> Iterator[TradingMetrics]:
    """Make `book` the process's default; afterwards the one before it is the default again, with its settings."""
    with default.lock:
        settings = default.settings
        before = replace_default(book)
        if before is not None:
            before.unregister()  # a book that is configured meanwhile, on the same registry, must not share its series
    try:
        yield book
    finally:
        with default.lock:
            used = replace_default(before)
            default.settings = settings
            if used is not None and used is not book:
                used.unregister()
            if before is not None:
                before.restore()


@contextmanager
def recording_to(book: TradingMetrics, sites: Iterable[Site]) -> Iterator[None]:
    """Have decorated functions record to `book`, even those that have a book of their own (`metrics=`)."""
    own = [(site, site._fixed) for site in sites]
    for site, _ in own:
        site._fixed = book
        site.bind()
    try:
        yield
    finally:
        for site, fixed in own:
            site._fixed = fixed
        book.forget()  # which has the sites look for their book at their next call
