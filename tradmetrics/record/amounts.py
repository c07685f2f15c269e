"""Amounts as sources give them: absent, in some currency, or unreadable."""

from __future__ import annotations

from typing import Final

from tradmetrics.model.missing import MISSING
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.vocabulary.numbers import number_of

_NO_VALUE: Final = frozenset({"", "-", "--", "n/a", "na", "none", "null", "nan"})


def is_absent(value: object) -> bool:
    """Whether a source gave no value: None, a blank text, or one of the usual texts for it."""
    if value is None or value is MISSING:
        return True
    return type(value) is str and value.strip().lower() in _NO_VALUE  # not isinstance(), which asks for its __class__


def amount_read(metrics: TradingMetrics, value: object, currency: object = None, *, site: str) -> float | None:
    """Return an amount in the currency of the metrics object; None where there is none, or it cannot be read.

    Args:
        metrics: The metrics object to record to.
        value: The amount as it came.
        currency: Its currency as it came.
        site: The recording site, for counting errors.
    """
    if is_absent(value):
        return None
    try:
        return metrics.money.amount(number_of(value), currency)
    except Exception as error:
        metrics.fault(site, "value", error)
        return None
