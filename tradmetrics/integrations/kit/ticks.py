"""Market data that a library delivers: updates, their age, and the symbols that fell silent."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Final

from tradmetrics.integrations.kit.handle import Handle
from tradmetrics.integrations.kit.options import Settings
from tradmetrics.record.exporter import MetricsExporter
from tradmetrics.registry.default import get_metrics
from tradmetrics.vocabulary.numbers import MissingValue
from tradmetrics.vocabulary.times import Unit, age_of

_SITE: Final = "tradmetrics.integrations.kit.Ticks"
_MOST_MARKETS: Final = 1_000


class Ticks:
    """Ticks, quotes, trades and order books of any kind.

    Each counts in `trading_market_data_updates_total{symbol}`. The age, where there is a time, goes into
    `trading_market_data_age_seconds{symbol}`. A time of 0 or before 2000, one more than ten
    years off, and one more than half a second ahead is dropped and counted: the update counts without an age.

    Args:
        handle: Of the instrumentation.
        settings: The options. With `market_data=False` nothing is recorded; `symbols` folds the symbols.
        always_open: Whether the market never closes, as those of coins: its session is then open from the first tick.
    """

    def __init__(self, handle: Handle, settings: Settings, *, always_open: bool = False) -> None:
        self.records = settings.market_data
        self._symbols = settings.symbols
        self._exporter = MetricsExporter(handle.metrics)
        self._opens = always_open
        self._given = handle.metrics
        self._open_markets: dict[object, bool] = {}

    def tick(self, symbol: object, at: object = None, unit: Unit = "s", *, age: float | None = None) -> None:
        """Record one update of a symbol.

        Args:
            symbol: The symbol.
            at: When the exchange made it: a number of `unit`s since 1970, a datetime or ISO text; None where it is
                not told.
            unit: `s`, `ms`, `us` or `ns`.
            age: Its age in seconds, where the library tells that itself.
        """
        if self._opens and self.records:
            self._opens = False
            self.session(True)
        if self.records:
            label = symbol if self._symbols is None or symbol is None else self._symbols(str(symbol))
            told = self._age(at, unit) if age is None else age
            self._exporter.record_market_data_update(symbol=label, age_seconds=told)

    def session(self, is_open: bool, market: object = "") -> None:
        """Set whether the session of a market is open, where the library tells it.

        Args:
            is_open: Whether it is.
            market: Which one, where there are several: the session is open while that of any of them is.
        """
        if self.records and (market in self._open_markets or len(self._open_markets) < _MOST_MARKETS):
            self._open_markets[market] = is_open
            self._exporter.update_market_session(any(self._open_markets.values()))

    def _age(self, at: object, unit: Unit) -> float | None:
        try:
            if isinstance(at, datetime):  # a naive one is in local time, as libraries make it
                at, unit = at.timestamp(), "s"
            return age_of(at, time.time(), unit)
        except MissingValue:
            return None
        except Exception as error:
            (self._given or get_metrics()).fault(_SITE, "value", error)
            return None
