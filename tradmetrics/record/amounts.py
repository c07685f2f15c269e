"""Amounts as sources give them: absent, in some currency, or unreadable."""

from __future__ import annotations

from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.vocabulary.numbers import is_missing, number_of


def amount_read(metrics: TradingMetrics, value: object, currency: object = None, *, site: str) -> float | None:
    """Return an amount in the currency of the metrics object; None where there is none, or it cannot be read.

    Args:
        metrics: The metrics object to record to.
        value: The amount as it came.
        currency: Its currency as it came.
        site: The recording site, for counting errors.
    """
    if is_missing(value):
        return None
    try:
        return metrics.money.amount(number_of(value), currency)
    except Exception as error:
        metrics.fault(site, "value", error)
        return None
