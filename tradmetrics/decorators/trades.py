"""`track_trade`: trades, and what they won or lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar, overload

from tradmetrics import catalogue
from tradmetrics.capture.call_context import CallContext
from tradmetrics.capture.readers import Field
from tradmetrics.capture.recipe import AfterCall, Recipe, Rule
from tradmetrics.capture.repeating import Amount, Repeat, class_of
from tradmetrics.capture.sources import LabelSource
from tradmetrics.capture.wrapping import Decorator, decorate, suggest_keywords
from tradmetrics.model.missing import MISSING
from tradmetrics.record.stats import is_executed
from tradmetrics.registry.metrics import TradingMetrics
from tradmetrics.vocabulary import fold as vocabulary
from tradmetrics.vocabulary.numbers import number_of

P = ParamSpec("P")
R = TypeVar("R")

_FIELDS: Final = (
    Field("strategy", required=True),
    Field("side"),
    Field("status", from_result=True),
    Field("pnl", from_result=True),
)
_WON, _LOST, _EVEN, _NO_PNL = "won", "lost", "even", "no pnl"

_REPEAT: Final = Repeat(
    amount=Amount("pnl", by_sign=True, values=(("loss", -1.0),)), exceptions=class_of, seconds=False
)

TRADE_RULES: Final = (
    Rule(catalogue.TRADES),
    Rule(catalogue.TRADES_PNL, when=frozenset({_WON, _LOST, _EVEN}), value="pnl"),
    Rule(catalogue.PROFIT, when=frozenset({_WON}), value="pnl"),
    Rule(catalogue.LOSS, when=frozenset({_LOST}), value="loss"),
)


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
    dialect: str | None = None,
    precreate: bool = False,
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
    dialect: str | None = None,
    precreate: bool = False,
    metrics: TradingMetrics | None = None,
) -> Any:
    """Record the trades that a function makes or closes.

    Each call counts in `trading_trades_total`, with the status `executed` unless the source says otherwise, `failed`
    when the function raised, and `unknown` when the call was cancelled. A P&L is observed into `trading_trades_pnl`
    and added to `trading_profit_total` or `trading_loss_total`; exactly 0 touches neither of the two.

    Example:
        ```python
        from tradmetrics import result, track_trade


        @track_trade(strategy="gamma_scalping", pnl=result("pnl"))
        def close_position(side, quantity): ...
        ```

    Args:
        function: The function, when the decorator is written without parentheses.
        strategy: Source of the strategy; by default the parameter of that name, or `trade.strategy`.
        side: Source of the side, folded into `BUY` and `SELL`; by default as for `strategy`.
        status: Source of the trade's status; by default the result's, or `executed`.
        pnl: Source of the profit (positive) or loss (negative) in currency: any number, Decimal or numeric text.
        dialect: The broker whose spellings are meant.
        precreate: True shows series at 0 before the first call, where all labels are known: constants, and parameters
            annotated with an Enum, a Literal or bool.
        metrics: The metrics object to record to; by default the process's.

    Raises:
        LabelSourceError: When decorating, if `strategy` has no possible source, or a source names no parameter.
        ConfigurationError: When decorating, if `dialect` is none that is known.
    """
    vocabulary.check_dialect(dialect)
    recipe = Recipe(
        "track_trade",
        _FIELDS,
        TRADE_RULES,
        outcome=_outcome,
        repeat=_REPEAT,
        after_call=_statistics,
        dialect=dialect,
    )
    return decorate(
        function, recipe, {"strategy": strategy, "side": side, "status": status, "pnl": pnl}, metrics, precreate
    )


def _outcome(reading: CallContext) -> str:
    exception = reading.exception
    if exception is not None:
        reading.put("status", "failed" if isinstance(exception, Exception) else "unknown")
        return _NO_PNL
    reading.default("status", "executed")
    raw = reading("pnl")
    if raw is MISSING or raw is None:
        pnl = None
    else:
        try:
            pnl = number_of(raw)
        except Exception as error:
            reading.fault("value", error)
            pnl = None
    reading.put("pnl", pnl)
    if pnl is None:
        return _NO_PNL
    reading.put("loss", -pnl)
    return _WON if pnl > 0 else _LOST if pnl < 0 else _EVEN


def _statistics(reading: CallContext) -> AfterCall | None:
    metrics = reading.metrics
    stats = metrics.strategy_stats
    if stats is None or not is_executed(reading("status"), reading.site.recipe.dialect):
        return None
    strategy, site = reading("strategy"), reading.site.name
    return lambda call: stats.trade(metrics, strategy, None if call is None else call("pnl"), site=site)
