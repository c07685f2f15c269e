"""`track_trade`: trades, and what they won or lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from functools import partial
from numbers import Number
from typing import Any, Final, ParamSpec, TypeVar, overload

from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.exemplars import ExemplarSource
from tradmetrics.capture.raised import class_of
from tradmetrics.capture.readers import Field
from tradmetrics.capture.recipe import AfterCall, Recipe
from tradmetrics.capture.repeating import Amount, Repeat
from tradmetrics.capture.sources import LabelSource
from tradmetrics.capture.wrapping import Decorator, decorate, suggest_keywords
from tradmetrics.model.missing import MISSING
from tradmetrics.record.amounts import amount_read
from tradmetrics.record.stats import is_executed
from tradmetrics.record.trades import (
    LATE,
    NO_PNL,
    PNL_WORDS,
    REPEATED,
    TRADE_RULES,
    KnownTrade,
    known_trade,
    outcome_of,
    record_fee,
)
from tradmetrics.registry.errors_log import logger
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.vocabulary import fold as vocabulary

P = ParamSpec("P")
R = TypeVar("R")

_FIELDS: Final = (
    Field("strategy", required=True, in_result_too=True),
    Field("side", in_result_too=True),
    Field("status", from_result=True),
    Field("pnl", from_result=True),
    Field("currency", from_result=True),
    Field("fee", from_arguments=False),
    Field("trade_id", from_arguments=False),
)
_REPEAT: Final = Repeat(
    absent=("currency", "fee", "trade_id"),
    amount=Amount("pnl", by_sign=True, values=(("loss", -1.0),)),
    bare=False,  # a number is the P&L itself
    exceptions=class_of,
    seconds=False,
)
CALLS_WITHOUT_PNL: Final = 20
"""Executed trades without a P&L after which the log says so."""


@overload
def track_trade(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def track_trade(
    function: None = None,
    /,
    *,
    strategy: LabelSource | None = None,
    side: LabelSource | None = None,
    status: LabelSource | None = None,
    pnl: LabelSource | None = None,
    currency: LabelSource | None = None,
    fee: LabelSource | None = None,
    trade_id: LabelSource | None = None,
    dialect: str | None = None,
    precreate: bool = False,
    exemplar: ExemplarSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Decorator: ...
@suggest_keywords
def track_trade(
    function: Callable[..., Any] | None = None,
    /,
    *,
    strategy: LabelSource | None = None,
    side: LabelSource | None = None,
    status: LabelSource | None = None,
    pnl: LabelSource | None = None,
    currency: LabelSource | None = None,
    fee: LabelSource | None = None,
    trade_id: LabelSource | None = None,
    dialect: str | None = None,
    precreate: bool = False,
    exemplar: ExemplarSource | None = None,
    metrics: TradingMetrics | None = None,
) -> Any:
    """Record the trades that a function makes or closes.

    Each call counts in `trading_trades_total`, with the status `executed` unless the source says otherwise, `failed`
    when the function raised, and `unknown` when the call was cancelled. A P&L is observed into `trading_trades_pnl`
    and added to `trading_profit_total` or `trading_loss_total`; exactly 0 touches neither of the two. If 20 executed
    trades bring no P&L, the log says so once.

    Example:
        ```python
        from tradmetrics import result, track_trade


        @track_trade(strategy="gamma_scalping", pnl=result("pnl"))
        def close_position(side, quantity): ...
        ```

    Args:
        function: The function, when the decorator is written without parentheses.
        strategy: Source of the strategy. Default: the first of `strategy`, `strategy_id` and `strategy_name` among the
            parameters, in `**kwargs`, and in the keys and attributes of the parameter `trade` and of the result.
        side: Source of the side. Brokers' spellings fold into `BUY` and `SELL`. Default: `side`, `action`,
            `transaction_type` or `buy_sell` in the same places.
        status: Source of the trade's status; by default the result's, or `executed`.
        pnl: Source of the profit (positive) or loss (negative) in currency: any number, Decimal or numeric text. By
            default the parameter of that name, or `trade.pnl`; then a result that is itself a number; then the result's
            `pnl`, `realized_pnl`, `realised_pnl`, `realizedPnl`, `closed_pnl`, `closedPnl`, `profit` or `net_profit`.
        currency: Source of the currency of P&L and fee; by default the parameter of that name, `trade.currency` or the
            result's, and else that of the metrics object. A P&L in another currency is converted, or left out and
            counted as an error; see `TradingMetrics`.
        fee: Source of the commission, positive where you pay it. It counts in `trading_cash_paid_total` with the kind
            `fee` and moves the day's P&L, so let `pnl` be the P&L before it.
        trade_id: Source of the trade's own id. Another call with the same id and strategy does not count again: it adds
            the P&L or the fee that was missing, such as a commission report that follows its execution.
        dialect: The broker whose spellings the values have.
        precreate: True shows series at 0 before the first call, where all labels are known: constants, and parameters
            annotated with an Enum, a Literal or bool.
        exemplar: Source of labels that point at this very call, such as `arg("order.id")`, `current_span`, a mapping of
            label names to sources, or a function of the `Call`. The OpenMetrics exposition shows them with the samples.
        metrics: The metrics object to record to; by default the process's.

    Raises:
        LabelSourceError: When decorating, if `strategy` has no possible source, or a source names no parameter.
        ConfigurationError: When decorating, if `dialect` is not a known dialect.
    """
    vocabulary.check_dialect(dialect)
    recorder = _Recorder(implicit_pnl=pnl is None, has_fee=fee is not None)
    recipe = Recipe(
        "track_trade",
        _FIELDS,
        TRADE_RULES,
        outcome=recorder.outcome,
        repeat=_REPEAT,
        after_call=recorder.after_call,
        dialect=dialect,
    )
    given = {
        "strategy": strategy,
        "side": side,
        "status": status,
        "pnl": pnl,
        "currency": currency,
        "fee": fee,
        "trade_id": trade_id,
    }
    return decorate(function, recipe, given, metrics, precreate, exemplar)


class _Recorder:
    """The part of one `track_trade` that the rules do not express.

    Args:
        implicit_pnl: Whether the P&L is looked for, rather than read from a source.
        has_fee: Whether there is a source of the fee.
    """

    __slots__ = ("_has_fee", "_implicit_pnl", "_settled", "_without_pnl")

    def __init__(self, *, implicit_pnl: bool, has_fee: bool) -> None:
        self._implicit_pnl = implicit_pnl
        self._has_fee = has_fee
        # Executed trades without a P&L, by the function's name; settled once one has a P&L, or the log has it.
        self._without_pnl: dict[str, int] = {}
        self._settled: set[str] = set()

    def outcome(self, call: CallContext) -> str:
        """Decide the outcome of a call: what its P&L says, and whether its trade was counted before."""
        exception = call.exception
        if exception is not None:
            call.put("status", "failed" if isinstance(exception, Exception) else "unknown")
            return NO_PNL
        call.default("status", "executed")
        known, late = self._known(call)
        pnl = None if known is not None and known.has_pnl else self._pnl(call)
        call.put("pnl", pnl)
        call.put("known", known)
        call.put("late", late)
        if pnl is not None:
            call.put("loss", -pnl)
            if known is not None:
                known.has_pnl = True
        outcome = outcome_of(pnl)
        if late:
            return REPEATED if outcome is NO_PNL else LATE + outcome
        return outcome

    def _known(self, call: CallContext) -> tuple[KnownTrade | None, bool]:
        trade_id = call("trade_id")
        if trade_id is MISSING or trade_id is None or not is_executed(call("status"), call.site.recipe.dialect):
            return None, False
        return known_trade(call.metrics, call.label("strategy"), trade_id, site=call.site.name)

    def _pnl(self, call: CallContext) -> float | None:
        raw = call("pnl")
        if raw is MISSING and self._implicit_pnl and _is_number(call.result):
            raw = call.result
        if raw is MISSING or raw is None:
            return None
        return amount_read(call.metrics, raw, call("currency"), site=call.site.name)

    def after_call(self, first: CallContext) -> AfterCall | None:
        """Return what remains to be done at each call with the labels of this one."""
        if not is_executed(first("status"), first.site.recipe.dialect):
            return None
        metrics, site, strategy = first.metrics, first.site.name, first("strategy")
        stats = metrics.strategy_stats
        late = bool(first("late"))
        if stats is None and not self._has_fee:
            return None if site in self._settled else partial(self._watch, site)

        def finish(call: Callable[[str], Any] | None) -> None:
            pnl = None if call is None else call("pnl")
            self._watch(site, call)
            if stats is not None and not (late and pnl is None):
                stats.trade(metrics, strategy, pnl, site=site, completes=late)
            if call is not None and self._has_fee:
                record_fee(metrics, strategy, call("fee"), call("currency"), call("known"), site=site)

        return finish

    def _watch(self, site: str, call: Callable[[str], Any] | None) -> None:
        """Count a trade without a P&L; the 20th is logged unless there was one with a P&L before."""
        if site in self._settled:
            return
        count = self._without_pnl[site] = self._without_pnl.get(site, 0) + 1
        if call is not None and call("pnl") is not None:
            self._settled.add(site)
        elif count >= CALLS_WITHOUT_PNL:
            self._settled.add(site)
            with suppress(Exception):  # a logger that fails costs nothing else
                logger.warning(_NO_PNL_SEEN, site, CALLS_WITHOUT_PNL, self._places(), extra={"site": site})

    def _places(self) -> str:
        if not self._implicit_pnl:
            return "its pnl= source gave none"
        return f"neither its parameters nor its result have one of {', '.join(PNL_WORDS)}"


_NO_PNL_SEEN: Final = (
    "%s: its first %d trades have no P&L: %s. trading_profit_total, trading_loss_total and the win rate stay empty. If "
    "the function knows the P&L, write @track_trade(pnl=result('…')) or pnl=arg('…'). If it only opens positions, all "
    "is well."
)


def _is_number(value: object) -> bool:
    """Whether a result is a number, and so the P&L itself; a member of an enum is a word, such as `HTTPStatus.OK`."""
    kind = type(value)  # not isinstance(), which asks the value for its __class__
    return issubclass(kind, Number) and not issubclass(kind, bool | complex | Enum)
