"""Trades and what they won or lost: the one rule of `track_trade`, `record_trade` and the adapters."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final
from weakref import WeakKeyDictionary

from tradmetrics import catalogue
from tradmetrics.capture.recipe import RAISED, RETURNED, Rule
from tradmetrics.model.missing import MISSING
from tradmetrics.model.text import text_of
from tradmetrics.record.amounts import amount_read
from tradmetrics.record.cash import FEE, record_cash
from tradmetrics.record.stats import is_executed
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.vocabulary.field_words import FIELD_WORDS
from tradmetrics.vocabulary.numbers import is_missing, number_of

PNL_WORDS: Final = FIELD_WORDS["pnl"]
"""The names that a trade's P&L goes by, most telling first."""

WON, LOST, EVEN, NO_PNL = "won", "lost", "even", "no pnl"
LATE: Final = "late "
"""Stands before an outcome whose trade was counted by an earlier call."""
REPEATED: Final = "repeated"

_NEW: Final = frozenset({WON, LOST, EVEN, NO_PNL, RETURNED, RAISED})
_WITH_PNL: Final = frozenset({WON, LOST, EVEN, LATE + WON, LATE + LOST, LATE + EVEN})

TRADE_RULES: Final = (
    Rule(catalogue.TRADES, when=_NEW),
    Rule(catalogue.TRADES_PNL, when=_WITH_PNL, value="pnl"),
    Rule(catalogue.PROFIT, when=frozenset({WON, LATE + WON}), value="pnl"),
    Rule(catalogue.LOSS, when=frozenset({LOST, LATE + LOST}), value="loss"),
)
"""The samples of a trade, by its outcome."""

MOST_TRADES: Final = 10_000
"""Trades whose ids a metrics object remembers."""


def outcome_of(pnl: float | None) -> str:
    """Return the outcome of a trade with this P&L: won, lost, even, or without a P&L."""
    if pnl is None:
        return NO_PNL
    return WON if pnl > 0 else LOST if pnl < 0 else EVEN


class KnownTrade:
    """The parts of a trade with an id that have been recorded.

    Attributes:
        has_pnl: Whether its P&L has.
        has_fee: Whether its fee has.
    """

    __slots__ = ("has_fee", "has_pnl")

    def __init__(self) -> None:
        self.has_pnl = False
        self.has_fee = False


_trades: Final[WeakKeyDictionary[TradingMetrics, OrderedDict[tuple[str, str], KnownTrade]]] = WeakKeyDictionary()


def known_trade(
    metrics: TradingMetrics, strategy: object, trade_id: object, *, site: str
) -> tuple[KnownTrade | None, bool]:
    """Return what was recorded of a trade, and whether it was counted before.

    Args:
        metrics: The metrics object to record to.
        strategy: The strategy: trades of different strategies are different trades.
        trade_id: The trade's id; without one, each call is a trade of its own.
        site: The recording site, for counting errors.
    """
    if is_missing(trade_id):
        return None, False
    try:
        key = (text_of(None if strategy is MISSING else strategy), text_of(trade_id))
    except Exception as error:
        metrics.fault(site, "label", error)
        return None, False
    trades = _trades.setdefault(metrics, OrderedDict())
    new = KnownTrade()
    known = trades.setdefault(key, new)
    if len(trades) > MOST_TRADES:
        trades.popitem(last=False)
    return known, known is not new


_SAMPLES: Final[Mapping[str, tuple[Rule, ...]]] = {
    outcome: tuple(rule for rule in TRADE_RULES if rule.when is not None and outcome in rule.when)
    for outcome in (*_NEW, *_WITH_PNL, REPEATED)
}


def _record(metrics: TradingMetrics, outcome: str, labels: tuple[object, ...], amount: float | None, site: str) -> None:
    """Record the samples of an outcome.

    Args:
        metrics: The metrics object to record to.
        outcome: The outcome.
        labels: Strategy, side and status; only the strategy where no trade is counted.
        amount: The P&L.
        site: The recording site, for counting errors.
    """
    for rule in _SAMPLES[outcome]:
        if rule.value == 1.0:
            metrics.record(rule.definition, labels, site=site)
        elif amount is not None:
            metrics.record(rule.definition, labels[:1], amount if rule.value == "pnl" else -amount, site=site)


def record_trade(
    metrics: TradingMetrics,
    strategy: object,
    side: object,
    status: object,
    pnl: object = None,
    currency: object = None,
    fee: object = None,
    trade_id: object = None,
    *,
    site: str,
) -> None:
    """Record a trade, or what was still missing of a trade that was recorded under the same id.

    Args:
        metrics: The metrics object to record to.
        strategy: The strategy.
        side: The side.
        status: The trade's status.
        pnl: Profit or loss in currency.
        currency: The currency of P&L and fee.
        fee: The commission, positive where it is paid.
        trade_id: The trade's id.
        site: The recording site, for counting errors.
    """
    if not metrics.enabled:
        return
    known, late = None, False
    if trade_id is not None and is_executed(status):
        known, late = known_trade(metrics, strategy, trade_id, site=site)
    amount = None
    if pnl is not None and not (known is not None and known.has_pnl):
        amount = amount_read(metrics, pnl, currency, site=site)
    outcome = outcome_of(amount)
    if late:
        outcome = REPEATED if outcome is NO_PNL else LATE + outcome
    _record(metrics, outcome, (strategy, side, status), amount, site)
    if outcome is not REPEATED and metrics.strategy_stats is not None:
        metrics.strategy_stats.trade(metrics, strategy, amount, status=status, site=site, completes=late)
    if known is not None and amount is not None:
        known.has_pnl = True
    if fee is not None:
        record_fee(metrics, strategy, fee, currency, known, site=site)


def record_fee(
    metrics: TradingMetrics, strategy: object, fee: object, currency: object, known: KnownTrade | None, *, site: str
) -> None:
    """Record the commission of a trade as a cash flow, once for each trade with an id."""
    if is_missing(fee) or (known is not None and known.has_fee):
        return
    if known is not None:
        known.has_fee = True
    try:
        amount = -number_of(fee)
    except Exception as error:
        metrics.fault(site, "value", error)
        return
    record_cash(metrics, FEE, amount, None if strategy is MISSING else strategy, currency, site=site)
