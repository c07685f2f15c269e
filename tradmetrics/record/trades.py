"""Trades and what they won or lost: the one rule of `track_trade`, `record_trade` and the adapters."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final
from weakref import WeakKeyDictionary

from tradmetrics import catalogue
from tradmetrics.capture.recipe import RAISED, RETURNED, Rule
from tradmetrics.model.missing import MISSING
from tradmetrics.model.text import text_of
from tradmetrics.record.cash import FEE, record_cash
from tradmetrics.record.stats import is_executed
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.vocabulary.numbers import is_missing, number_of

PNL_WORDS: Final = (
    "pnl",
    "realized_pnl",
    "realised_pnl",
    "realizedPnl",
    "closed_pnl",
    "closedPnl",
    "profit",
    "net_profit",
)
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
"""What a trade of each outcome is recorded as."""

MOST_TRADES: Final = 10_000
"""Trades whose ids a metrics object remembers."""


def amount_read(metrics: TradingMetrics, value: object, currency: object = None, *, site: str) -> float | None:
    """Return an amount in the currency of the metrics object; None where there is none, or it cannot be read.

    Args:
        metrics: The metrics object to record to.
        value: The amount as it came.
        currency: Its currency as it came.
        site: Who records, for counting errors.
    """
    if is_missing(value):
        return None
    try:
        return metrics.money.amount(number_of(value), currency)
    except Exception as error:
        metrics.fault(site, "value", error)
        return None


def outcome_of(pnl: float | None) -> str:
    """Return the outcome of a trade with this P&L: won, lost, even, or without a P&L."""
    if pnl is None:
        return NO_PNL
    return WON if pnl > 0 else LOST if pnl < 0 else EVEN


class KnownTrade:
    """What has been recorded of a trade with an id.

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
        site: Who records, for counting errors.
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
        site: Who records, for counting errors.
    """
    if not metrics.enabled:
        return
    executed = is_executed(status)
    known, late = known_trade(metrics, strategy, trade_id if executed else None, site=site)
    amount = None if known is not None and known.has_pnl else amount_read(metrics, pnl, currency, site=site)
    outcome = outcome_of(amount)
    if late:
        outcome = REPEATED if outcome is NO_PNL else LATE + outcome
    values = {"pnl": amount, "loss": None if amount is None else -amount}
    labels = {"strategy": strategy, "side": side, "status": status}
    for rule in TRADE_RULES:
        if rule.when is not None and outcome in rule.when:
            value = values[rule.value] if isinstance(rule.value, str) else rule.value
            metrics.record(
                rule.definition, tuple(labels[name] for name in rule.definition.label_names), value, site=site
            )
    if outcome is not REPEATED and metrics.strategy_stats is not None:
        metrics.strategy_stats.trade(metrics, strategy, amount, status=status, site=site, completes=late)
    if known is not None and amount is not None:
        known.has_pnl = True
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


def record_pnl(metrics: TradingMetrics, strategy: object, pnl: object, currency: object = None, *, site: str) -> None:
    """Record the P&L of a trade that was counted before, such as one that a broker reports after the execution.

    Args:
        metrics: The metrics object to record to.
        strategy: The strategy.
        pnl: Profit or loss in currency.
        currency: Its currency.
        site: Who records, for counting errors.
    """
    amount = amount_read(metrics, pnl, currency, site=site)
    if amount is None or not metrics.enabled:
        return
    outcome = LATE + outcome_of(amount)
    for rule in TRADE_RULES:
        if rule.when is not None and outcome in rule.when:
            metrics.record(rule.definition, (strategy,), amount if rule.value == "pnl" else -amount, site=site)
    if metrics.strategy_stats is not None:
        metrics.strategy_stats.trade(metrics, strategy, amount, site=site, completes=True)
