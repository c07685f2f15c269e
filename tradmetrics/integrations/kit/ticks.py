"""Market data that a library delivers: updates, their age, and the symbols that fell silent."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Final

from tradmetrics.integrations.kit.handle import Handle
from tradmetrics.integrations.kit.options import Settings
from tradmetrics.record.exporter import MetricsExporter
from tradmetrics.vocabulary.numbers import number_of

_UNITS: Final = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_YEAR_2000: Final = 946_684_800.0
_TEN_YEARS: Final = 10 * 365.25 * 86_400
_AHEAD: Final = 0.5


class Ticks:
    """Ticks, quotes, trades and order books of any kind.

    Each counts in `trading_market_data_updates_total{symbol}`. The age, where there is a time, goes into
    `trading_market_data_age_seconds{symbol}`. A time of 0, one before 2000 and one that is more than half a second
    ahead are no times: the update counts without an age.

    Args:
        handle: Of the instrumentation.
        settings: The options. With `market_data=False` nothing is recorded; `symbols` folds the symbols.
    """

    def __init__(self, handle: Handle, settings: Settings) -> None:
        self.records = settings.market_data
        self._symbols = settings.symbols
        self._exporter = MetricsExporter(handle.metrics)

    def tick(self, symbol: object, at: object = None, unit: str = "s") -> None:
        """Record one update of a symbol.

        Args:
            symbol: The symbol.
            at: When the exchange made it: a number of `unit`s since 1970, a datetime or ISO text; None where it is
                not told.
            unit: `s`, `ms`, `us` or `ns`.
        """
        if self.records:
            label = symbol if self._symbols is None or symbol is None else self._symbols(str(symbol))
            self._exporter.record_market_data_update(symbol=label, age_seconds=_age(at, unit))


def _age(at: object, unit: str) -> float | None:
    if at is None or at == "":
        return None
    try:
        if isinstance(at, str) and "T" in at:
            at = datetime.fromisoformat(at.replace("Z", "+00:00"))
        seconds = at.timestamp() if isinstance(at, datetime) else number_of(at) * _UNITS[unit]
    except Exception:
        return None
    age = time.time() - seconds
    return age if seconds > _YEAR_2000 and -_AHEAD <= age < _TEN_YEARS else None
