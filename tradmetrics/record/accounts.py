"""P&L and capital of several accounts in one metrics object: the gauges show their sum, the last word of each."""

from __future__ import annotations

import math
from typing import Final
from weakref import WeakKeyDictionary

from tradmetrics import catalogue
from tradmetrics.model.definition import MetricDefinition
from tradmetrics.model.text import text_of
from tradmetrics.record.amounts import amount_read
from tradmetrics.registry.instrument import Instrument
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.storage.retired import creating
from tradmetrics.vocabulary.numbers import is_missing

_PERCENTAGES: Final = frozenset({catalogue.DAILY_PNL_PERCENT, catalogue.CAPITAL_UTILIZATION})
ACCOUNT_GAUGES: Final = _PERCENTAGES | {
    catalogue.DAILY_PNL,
    catalogue.UNREALIZED_PNL,
    catalogue.REALIZED_PNL,
    catalogue.CAPITAL_TOTAL,
    catalogue.CAPITAL_USED,
    catalogue.CAPITAL_AVAILABLE,
    catalogue.MARGIN_USED,
    catalogue.MARGIN_AVAILABLE,
}
"""The gauges that accounts have."""
MOST_ACCOUNTS: Final = 1_000
"""Accounts whose last word a gauge keeps; for one more, the oldest is forgotten."""

_words: Final[WeakKeyDictionary[Instrument, dict[str, float]]] = WeakKeyDictionary()


def set_of_account(
    metrics: TradingMetrics,
    definition: MetricDefinition,
    value: object,
    currency: object = None,
    account: object = None,
    *,
    site: str,
) -> None:
    """Set the gauge of a P&L or a capital to the sum over the accounts, each with what was last said of it.

    A percentage is the mean over the accounts, weighted by their capital where that is known of all of them.

    Args:
        metrics: The metrics object to record to.
        definition: One of `ACCOUNT_GAUGES`.
        value: The account's value.
        currency: The currency of an amount; None is that of the metrics object.
        account: The account's name; all values without one are of the same account.
        site: The recording site, for counting errors.
    """
    is_percentage = definition in _PERCENTAGES
    number = amount_read(metrics, value, None if is_percentage else currency, site=site)
    if number is None:
        return
    try:
        total = _take_in(metrics, definition, "" if is_missing(account) else text_of(account), number)
    except Exception as error:
        metrics.fault(site, "label", error)
        return
    metrics.record(definition, (), total, site=site)


def _take_in(metrics: TradingMetrics, definition: MetricDefinition, account: str, number: float) -> float:
    with creating.held():
        words = _words.setdefault(metrics.instrument(definition), {})
        if account not in words and len(words) >= MOST_ACCOUNTS:
            del words[next(iter(words))]
        words[account] = number
        if len(words) == 1:
            return number
        return _mean(metrics, words) if definition in _PERCENTAGES else math.fsum(words.values())


def _mean(metrics: TradingMetrics, percentages: dict[str, float]) -> float:
    capital = _words.get(metrics.instrument(catalogue.CAPITAL_TOTAL), {})
    weights = {name: capital.get(name, 0.0) for name in percentages}
    if not all(weight > 0 for weight in weights.values()):
        weights = dict.fromkeys(percentages, 1.0)
    return math.fsum(value * weights[name] for name, value in percentages.items()) / math.fsum(weights.values())
