"""Cash that comes or goes without a trade: funding, fees, interest, dividends, transfers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tradmetrics import catalogue
from tradmetrics.model.missing import MISSING
from tradmetrics.model.text import shown, text_of
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.vocabulary.numbers import number_of

TRANSFER: Final = "transfer"
FEE: Final = "fee"
OTHER: Final = "other"

_WORDS: Final[Mapping[str, str]] = {
    **{kind: kind for kind in catalogue.CASH_KINDS},
    **dict.fromkeys(("funding_fee", "funding_payment", "funding_rate", "fundings", "settlefundingfee"), "funding"),
    **dict.fromkeys(("fees", "commission", "commissions", "trading_fee", "trade_fee", "brokerage", "rebate"), FEE),
    **dict.fromkeys(("interests", "interest_payment", "margin_interest", "swap", "rollover"), "interest"),
    **dict.fromkeys(("dividends", "div"), "dividend"),
    **dict.fromkeys(("transfers", "deposit", "withdrawal", "withdraw", "internal_transfer"), TRANSFER),
}


def cash_kind(value: object) -> str | None:
    """Return the kind of a cash flow that a word means, or None for a word that means none of them.

    Args:
        value: A kind, in any case, or one of its usual synonyms (`deposit` and `withdrawal` are transfers).
    """
    return _WORDS.get(text_of(value).strip().lower().replace(" ", "_").replace("-", "_"))


def kind_read(metrics: TradingMetrics, kind: object, *, site: str) -> str:
    """Return the kind of a cash flow; an unknown word counts an error and is `other`."""
    if kind is None or kind is MISSING:
        return OTHER
    try:
        word = cash_kind(kind)
    except Exception as error:
        metrics.fault(site, "label", error)
        return OTHER
    if word is None:
        metrics.fault(
            site,
            "vocabulary",
            ValueError(f"kind={shown(kind)} is recorded as 'other'; the kinds are {', '.join(catalogue.CASH_KINDS)}"),
        )
    return word or OTHER


def record_cash(
    metrics: TradingMetrics,
    kind: object,
    amount: object,
    strategy: object = None,
    currency: object = None,
    *,
    site: str,
) -> None:
    """Record a cash flow: count it, and move the day's P&L unless it is a transfer.

    Args:
        metrics: The metrics object to record to.
        kind: The kind, or a synonym of it.
        amount: Positive where the account receives it, negative where the account pays it.
        strategy: The strategy; None is `unknown`.
        currency: The amount's currency; None is that of the metrics object.
        site: The recording site, for counting errors.
    """
    if not metrics.enabled:
        return
    word = kind_read(metrics, kind, site=site)
    try:
        value = metrics.money.amount(number_of(amount), currency)
    except Exception as error:
        metrics.fault(site, "value", error)
        return
    if value > 0:
        metrics.record(catalogue.CASH_RECEIVED, (strategy, word), value, site=site)
    elif value < 0:
        metrics.record(catalogue.CASH_PAID, (strategy, word), -value, site=site)
    if value and metrics.strategy_stats is not None:
        metrics.strategy_stats.cash(metrics, value, transfer=word == TRANSFER, site=site)
