"""Books that stand in for a program's own while a test runs, and leave no trace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tradmetrics import catalogue
from tradmetrics.capture.call_site import CallSite
from tradmetrics.registry.default import default, replace_default
from tradmetrics.registry.instrument import Instrument
from tradmetrics.registry.instruments import instruments_of
from tradmetrics.registry.metrics import TradingMetrics


class TrialMetrics(TradingMetrics):
    """Metrics that register each metric when it is first recorded: a property test makes hundreds of them."""

    def _register(self) -> None:
        for definition in (catalogue.LABEL_OVERFLOW, catalogue.SERIES_REMOVED):  # instruments report to these
            self.instrument(definition)
        instruments_of(self.registry, self.constants).users.add(self)


def all_instruments(metrics: TradingMetrics) -> tuple[Instrument, ...]:
    """The instruments that a metrics object has, those of its user's own metrics among them."""
    return tuple(metrics._instruments)


@contextmanager
def default_metrics(metrics: TradingMetrics) -> Iterator[TradingMetrics]:
    """Make `metrics` the process's default; afterwards the one before it is the default again, with its settings."""
    with default.lock:
        settings = default.settings
        before = replace_default(metrics)
        if before is not None:
            # Metrics that are configured meanwhile, on the same registry, must not share its series.
            before.unregister()
    try:
        yield metrics
    finally:
        with default.lock:
            used = replace_default(before)
            default.settings = settings
            if used is not None and used is not metrics:
                used.unregister()
            if before is not None:
                before.restore()


@contextmanager
def recording_to(metrics: TradingMetrics, sites: Iterable[CallSite]) -> Iterator[None]:
    """Have decorated functions record to `metrics`, even those that have a metrics object of their own (`metrics=`)."""
    own = [(site, site._fixed) for site in sites]
    for site, _ in own:
        site._fixed = metrics
        site.bind()
    try:
        yield
    finally:
        for site, fixed in own:
            site._fixed = fixed
        metrics.forget()  # which has the sites look for their metrics object at their next call
