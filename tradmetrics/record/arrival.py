"""The arrival of market data, for the decorator and for the exporter alike."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, time
from typing import Final

from tradmetrics import catalogue
from tradmetrics.model.missing import MISSING
from tradmetrics.model.text import UNKNOWN, text_of
from tradmetrics.registry.metrics import TradingMetrics

DEFAULT_STALE_AFTER: Final = 5.0


def arrival(metrics: TradingMetrics, symbol: object, stale_after: float) -> Callable[[], object]:
    """What to do each time that data of `symbol` arrives: note its freshness, and set the last-update gauge."""
    try:
        text = UNKNOWN if symbol is MISSING else text_of(symbol)
    except Exception:
        text = UNKNOWN  # the counter beside this has reported it already
    arrival = metrics.freshness.arrival(text, stale_after)
    last_update = metrics.instrument(catalogue.MARKET_DATA_LAST_UPDATE).resolve((text,)).series

    def note() -> None:
        arrival.at = monotonic()
        if not arrival.kept:
            metrics.freshness.keep(text, arrival)
        last_update.set(time())

    return note
